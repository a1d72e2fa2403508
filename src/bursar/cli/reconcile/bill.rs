//! Bills that a person brings: it knows how a file gets to where fetched ones are kept, and must never read a line.

use std::io::Read;
use std::path::Path;

use bursar_channels::bill::MAX_BILL_BYTES;
use bursar_channels::{BillFile, BillRequest, BillWriter};
use bursar_core::bank::Day;
use bursar_core::id::ChannelAccountId;
use bursar_core::reconcile::{Bill, BillKind, BillState};
use bursar_gateway::reconcile::view::BillView;
use serde_json::json;

use super::day;
use crate::cli::order::check_name;
use crate::cli::{Done, Failure, Globals, output};
use crate::compose::{self, Program};

/// Bytes that are copied at once.
const PART_BYTES: usize = 256 * 1024;

/// What is brought, and by whom.
pub(super) struct Brought<'a> {
    pub file: &'a Path,
    pub account: ChannelAccountId,
    pub kind: BillKind,
    pub day: Day,
    pub by: &'a str,
}

pub(super) async fn import(globals: &Globals, program: &Program, brought: Brought<'_>) -> Done {
    let Brought { file, account, kind, day, by } = brought;
    check_name(by)?;
    let account = day::account(program, account).await?;
    if !account.channel.bills().contains(&kind) {
        let name = account.channel.name();
        return Err(Failure::usage(format!("{name} has no {kind} bill")));
    }
    day::over(program, &account, day)?;
    let bytes = open(file)?;
    let request = BillRequest { kind, day };
    let context = compose::jobs(program)?;
    let kept = bursar_jobs::reconcile::import(&context, &account, request, bytes, by).await?;
    let bill = kept.map_err(|why| Failure::usage(format!("{}: {why}; nothing was kept", file.display())))?;
    if bill.state == BillState::Stored {
        program.desk.begin_reconciliation(&account, day, true, |_, _| {}).await?;
    }
    show(globals, &bill)
}

/// The file, copied to where nobody changes it any more.
fn open(path: &Path) -> Result<BillFile, Failure> {
    let cannot = |error: std::io::Error| Failure::not_found(format!("{} cannot be read: {error}", path.display()));
    let mut from = std::fs::File::open(path).map_err(cannot)?;
    if from.metadata().map_err(cannot)?.len() > MAX_BILL_BYTES {
        return Err(Failure::usage(format!("{} has more than {MAX_BILL_BYTES} bytes", path.display())));
    }
    let mut writer = BillWriter::new()?;
    let mut part = vec![0_u8; PART_BYTES];
    loop {
        let n = from.read(&mut part).map_err(cannot)?;
        match part.get(..n) {
            Some(read) if n > 0 => writer.add(read)?,
            _ => break,
        }
    }
    let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    Ok(writer.end(&name)?)
}

fn show(globals: &Globals, bill: &Bill) -> Done {
    if globals.json {
        return output::json(&json!(BillView::from(bill)));
    }
    let row = vec![
        bill.id.to_string(),
        bill.day.to_string(),
        bill.kind.to_string(),
        bill.issue.to_string(),
        bill.sums.lines.to_string(),
        bill.source.clone(),
        bill.state.name().to_owned(),
    ];
    output::table(&["BILL", "DAY", "KIND", "ISSUE", "LINES", "BROUGHT BY", "STATE"], &[row])?;
    if bill.state == BillState::Done {
        return output::line("this file was taken in before; nothing was written");
    }
    output::line(&format!(
        "a worker takes it in; without one: bursar reconcile --account {} --day {}",
        bill.account, bill.day
    ))
}
