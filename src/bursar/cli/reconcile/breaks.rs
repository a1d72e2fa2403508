//! Breaks on the command line: it knows how they are shown and what people say about them, and must never decide
//! whether one person is enough.

use bursar_core::id::{BreakId, LineId};
use bursar_core::money::Money;
use bursar_core::reconcile::{Break, BreakKind, BreakState, BreakSubject, Resolution};
use bursar_gateway::reconcile::sides::detail;
use bursar_gateway::reconcile::view::BreakView;
use bursar_store::BreakFilter;
use bursar_store::desk::books::{Ended, Word};
use serde_json::{Value, json};

use crate::cli::order::check_name;
use crate::cli::{Done, Failure, Globals, output};
use crate::compose::Program;

/// Longest reason.
const REASON_MAX_CHARS: usize = 127;

pub(super) async fn list(globals: &Globals, program: &Program, filter: &BreakFilter) -> Done {
    show_all(globals, &program.store.breaks(filter).await?)
}

fn show_all(globals: &Globals, rows: &[Break]) -> Done {
    if globals.json {
        return output::json(&rows.iter().map(|found| json!(BreakView::from(found))).collect::<Value>());
    }
    table(rows)
}

fn table(rows: &[Break]) -> Done {
    let row = |found: &Break| {
        vec![
            found.id.to_string(),
            found.day.to_string(),
            found.kind.to_string(),
            found.state.name().to_owned(),
            Money::new(found.amount_minor, found.currency).to_string(),
            found.number.clone(),
            found.text.clone(),
        ]
    };
    let head = ["BREAK", "DAY", "KIND", "STATE", "AMOUNT", "NUMBER", "QUESTION"];
    output::table(&head, &rows.iter().map(row).collect::<Vec<_>>())
}

pub(super) async fn show(globals: &Globals, program: &Program, id: BreakId) -> Done {
    let found = program.store.breaks_of(&[id]).await?.pop().ok_or_else(|| no_break(id))?;
    let sides = detail(program.store.as_ref(), &found).await?;
    if globals.json {
        return output::json(&json!(sides));
    }
    table(std::slice::from_ref(&found))?;
    output::line("")?;
    let money = |minor: i64, currency: &str| match currency.parse() {
        Ok(currency) => Money::new(minor, currency).to_string(),
        Err(_) => format!("{minor} minor units of {currency}"),
    };
    match &sides.line {
        Some(line) => output::line(&format!(
            "bill    line {} of {}: {} of {}, fee {}, at {}, {} / {}",
            line.ordinal,
            sides.found.bill_id.map(|bill| bill.to_string()).unwrap_or_default(),
            line.kind,
            money(line.amount_minor, &line.currency),
            money(line.fee_minor, &line.currency),
            line.at,
            line.number,
            line.channel_id,
        ))?,
        None => output::line("bill    no line")?,
    }
    match &sides.ours {
        Some(ours) => output::line(&format!(
            "ours    {}: {}, {}",
            ours.leg_id.map_or_else(|| ours.payment_id.to_string(), |leg| leg.to_string()),
            ours.state,
            money(ours.amount_minor, &ours.currency),
        ))?,
        None => output::line("ours    nothing")?,
    }
    if let Some((why, by)) = &found.ended {
        output::line(&format!("ended   by {by}: {why}"))?;
    }
    if let Some(p) = &found.proposal {
        let how = how_name(p.how);
        output::line(&format!("wanted  {how}, by {} at {}: {}; a second person must agree", p.by, p.at, p.reason))?;
    }
    if found.state == BreakState::Parked {
        output::line(&format!("answer  {}", answer(&found)))?;
    }
    Ok(())
}

const fn how_name(how: Resolution) -> &'static str {
    match how {
        Resolution::Accept => "accept",
        Resolution::WriteOff => "write_off",
    }
}

/// How the question of a parked break is answered.
pub(in crate::cli) fn answer(found: &Break) -> String {
    let id = found.id;
    match &found.proposal {
        Some(p) => format!("{} proposes {}: bursar reconcile agree|refuse {id} --by NAME", p.by, how_name(p.how)),
        None => {
            let end = format!("bursar reconcile end {id} --how accept|write_off --by NAME --reason WORDS");
            let of_bank =
                bank_line(found).map(|line| format!("bursar statement assign {line} --by NAME, or ignore; or "));
            format!("{}{end}", of_bank.unwrap_or_default())
        }
    }
}

/// The line of a bank that it is about: what no bill tells and is nobody's. Said whose it is, the break heals.
fn bank_line(found: &Break) -> Option<LineId> {
    let nobodys = matches!(found.kind, BreakKind::MissingHere | BreakKind::RefundMissingHere);
    let of_bank = found.line.is_none() && found.subject_kind == BreakSubject::Line;
    (nobodys && of_bank).then_some(LineId(found.subject))
}

pub(super) async fn end(
    globals: &Globals,
    program: &Program,
    id: BreakId,
    how: Resolution,
    by: String,
    reason: String,
) -> Done {
    check_name(&by)?;
    bursar_core::text::check("--reason", &reason, REASON_MAX_CHARS).map_err(Failure::usage)?;
    say(globals, program, id, Word::End { how, by, reason }).await
}

pub(super) async fn agree(globals: &Globals, program: &Program, id: BreakId, by: String) -> Done {
    check_name(&by)?;
    say(globals, program, id, Word::Agree { by }).await
}

pub(super) async fn refuse(globals: &Globals, program: &Program, id: BreakId, by: String) -> Done {
    check_name(&by)?;
    say(globals, program, id, Word::Refuse { by }).await
}

fn no_break(id: BreakId) -> Failure {
    Failure::not_found(format!("there is no break {id}"))
}

async fn say(globals: &Globals, program: &Program, id: BreakId, word: Word) -> Done {
    match program.desk.end_break(id, &word, |_, _| {}).await? {
        Ended::Written(found) => {
            if found.proposal.is_some() {
                eprintln!("a second person must agree: bursar reconcile agree {id} --by NAME");
            }
            if globals.json { output::json(&json!(BreakView::from(&*found))) } else { table(&[*found]) }
        }
        Ended::NoSuchBreak => Err(no_break(id)),
        Ended::Refused(why) => Err(Failure::conflict(why)),
        Ended::Duplicate => Err(Failure::conflict("it was written before")),
    }
}
