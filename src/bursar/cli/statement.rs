//! `statement`: files of banks, their lines, and what people say about them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use bursar_channels::bank::statement::limits::MAX_FILE_BYTES;
use bursar_channels::bank::{Upload, read_upload};
use bursar_core::bank::{LineRow, LineState, LineSubject, StatementRow, Unassignable};
use bursar_core::channel::ChannelKind;
use bursar_core::id::{ChannelAccountId, LegId, LineId, PaymentId};
use bursar_core::merchant::ChannelAccount;
use bursar_core::money::Money;
use bursar_core::refund::Route;
use bursar_gateway::bank::view::{LineView, StatementView};
use bursar_store::LineFilter;
use bursar_store::desk::statements::Judged;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::order::check_name;
use super::{Done, Failure, Globals, output};
use crate::compose::{self, Program};

#[derive(Subcommand, Debug)]
pub(crate) enum Statement {
    /// Take a file of a bank in: camt.052, camt.053, camt.054, MT940, MT942, or a table; also in a ZIP.
    /// The same file again changes nothing.
    Import {
        /// The file, as it came from the bank.
        file: PathBuf,
        /// The bank account (acc_…).
        #[arg(long)]
        account: ChannelAccountId,
        /// auto, camt, mt, csv (by the account's `statement_mapping`), icbc, cmb, ccb, or abc.
        #[arg(long, default_value = "auto")]
        format: String,
        /// Who imports it.
        #[arg(long, default_value = "command line")]
        by: String,
    },
    /// Statements that were imported, newest first.
    List {
        /// The bank account (acc_…).
        #[arg(long)]
        account: ChannelAccountId,
        /// At most so many.
        #[arg(long, default_value_t = 20)]
        limit: u32,
    },
    /// Lines of statements. `--state suspense` shows what waits for a person.
    Lines {
        /// The bank account (acc_…).
        #[arg(long)]
        account: ChannelAccountId,
        /// Only in this state: new, matched, suspense, ignored, settled, reversed.
        #[arg(long)]
        state: Option<LineState>,
        /// At most so many.
        #[arg(long, default_value_t = 50)]
        limit: u32,
    },
    /// Say whose a line in suspense is.
    Assign {
        /// The line (lin_…).
        line: LineId,
        #[command(flatten)]
        to: Owner,
        /// Who says so.
        #[arg(long)]
        by: String,
    },
    /// Say that a line in suspense is none of our business.
    Ignore {
        /// The line (lin_…).
        line: LineId,
        /// Who says so.
        #[arg(long)]
        by: String,
        /// Why.
        #[arg(long)]
        reason: String,
    },
}

/// Whose a line is.
#[derive(Args, Debug)]
#[group(required = true, multiple = false)]
pub(crate) struct Owner {
    /// Money for this payment (pay_…).
    #[arg(long)]
    payment: Option<PaymentId>,
    /// Our transfer for this leg of a refund (rfl_…).
    #[arg(long)]
    leg: Option<LegId>,
    /// It takes this earlier line back (lin_…).
    #[arg(long)]
    takes_back: Option<LineId>,
}

/// Longest reason.
const REASON_MAX_CHARS: usize = 127;

pub(crate) async fn run(globals: &Globals, verb: Statement) -> Done {
    let program = compose::ready(&globals.config).await?;
    match verb {
        Statement::Import { file, account, format, by } => {
            check_name(&by)?;
            let account = bank_account(&program, account).await?;
            import(globals, &program, &account, &file, &format, &by).await
        }
        Statement::List { account, limit } => {
            bank_account(&program, account).await?;
            let rows = program.store.statements(account, None, limit.min(1_000)).await?;
            show_statements(globals, &rows)
        }
        Statement::Lines { account, state, limit } => {
            bank_account(&program, account).await?;
            let filter = LineFilter { account, state, after: None, limit: limit.min(1_000) };
            show_lines(globals, &program.store.lines(&filter).await?)
        }
        Statement::Assign { line, to, by } => {
            check_name(&by)?;
            let subject = owner(&program, line, &to).await?;
            let now = program.clock.now();
            judge(globals, &program, line, |row| row.assigned(subject, &by, now)).await
        }
        Statement::Ignore { line, by, reason } => {
            check_name(&by)?;
            bursar_core::text::check("--reason", &reason, REASON_MAX_CHARS).map_err(Failure::usage)?;
            let now = program.clock.now();
            judge(globals, &program, line, |row| row.left_out(&reason, &by, now)).await
        }
    }
}

async fn bank_account(program: &Program, id: ChannelAccountId) -> Result<Arc<ChannelAccount>, Failure> {
    let entries = program.desk.directory.entries_with(|e| e.accounts.contains_key(&id)).await?;
    match entries.accounts.get(&id) {
        Some(account) if account.channel == ChannelKind::Bank => Ok(account.clone()),
        Some(account) => {
            Err(Failure::usage(format!("{id} is an account of {}, not of a bank", account.channel.name())))
        }
        None => Err(Failure::not_found(format!("there is no account {id}"))),
    }
}

async fn import(
    globals: &Globals,
    program: &Program,
    account: &ChannelAccount,
    file: &Path,
    format: &str,
    by: &str,
) -> Done {
    let size = std::fs::metadata(file).map_err(|e| cannot_open(file, &e))?.len();
    if usize::try_from(size).map_or(true, |size| size > MAX_FILE_BYTES) {
        return Err(Failure::usage(format!("{} has more than {MAX_FILE_BYTES} bytes", file.display())));
    }
    let bytes = std::fs::read(file).map_err(|e| cannot_open(file, &e))?;
    let name = file.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    let upload = Upload { bytes: &bytes, name: &name, format, by };
    let sheets = read_upload(account, &upload).map_err(|why| Failure::usage(format!("{}: {why}", file.display())))?;
    let (mut rows, mut already) = (Vec::new(), true);
    for sheet in &sheets {
        let imported = program.desk.import(sheet).await?;
        already &= imported.already;
        rows.push(imported.statement);
    }
    for warning in rows.iter().flat_map(|r| &r.warnings) {
        eprintln!("warning: {warning}");
    }
    if globals.json {
        let statements: Vec<_> = rows.iter().map(StatementView::from).collect();
        return output::json(&json!({ "already_imported": already, "statements": statements }));
    }
    if already {
        return output::line("this file was imported before; nothing was written");
    }
    statement_table(&rows)
}

fn cannot_open(file: &Path, error: &std::io::Error) -> Failure {
    Failure::not_found(format!("{} cannot be read: {error}", file.display()))
}

fn show_statements(globals: &Globals, rows: &[StatementRow]) -> Done {
    if globals.json {
        return output::json(&rows.iter().map(|r| json!(StatementView::from(r))).collect::<Value>());
    }
    statement_table(rows)
}

fn statement_table(rows: &[StatementRow]) -> Done {
    let money = |row: &StatementRow, minor: Option<i64>| {
        minor.map_or_else(|| "-".to_owned(), |m| Money::new(m, row.currency).to_string())
    };
    let row = |r: &StatementRow| {
        vec![
            r.id.to_string(),
            r.received_at.to_string(),
            format!("{} v{}", r.number, r.version),
            r.format.clone(),
            format!("{} of {}", r.lines_new, r.lines_total),
            money(r, r.opening_minor),
            money(r, r.closing_minor),
        ]
    };
    let head = ["STATEMENT", "IMPORTED", "NUMBER", "FORMAT", "NEW LINES", "OPENING", "CLOSING"];
    output::table(&head, &rows.iter().map(row).collect::<Vec<_>>())
}

fn show_lines(globals: &Globals, rows: &[LineRow]) -> Done {
    if globals.json {
        return output::json(&rows.iter().map(|r| json!(LineView::from(r))).collect::<Value>());
    }
    let row = |r: &LineRow| {
        let sign = if r.line.direction == bursar_core::bank::Direction::Credit { "+" } else { "-" };
        vec![
            r.id.to_string(),
            r.line.booked_on.to_string(),
            format!("{sign}{}", r.line.amount),
            r.state.name().to_owned(),
            r.line.counterparty.name.clone().unwrap_or_default(),
            r.line.text.chars().take(40).collect(),
            r.subject.map(|s| s.to_string()).or_else(|| r.why.clone()).unwrap_or_default(),
        ]
    };
    let head = ["LINE", "BOOKED", "AMOUNT", "STATE", "WHO", "TEXT", "WHOSE"];
    output::table(&head, &rows.iter().map(row).collect::<Vec<_>>())
}

/// Whose the line shall be: somebody of the same merchant, and about the same account.
async fn owner(program: &Program, line: LineId, to: &Owner) -> Result<LineSubject, Failure> {
    let Some(row) = program.store.line(line).await? else { return Err(no_line(line)) };
    if let Some(id) = to.payment {
        let dossier = program.desk.gatherer.dossier_of(id).await?;
        let payment = dossier.as_ref().and_then(|d| d.payment(id)).filter(|p| p.account == row.account);
        let what = || Failure::not_found(format!("{id} is not a payment by transfer to the account of the line"));
        return payment.map(|_| LineSubject::Payment(id)).ok_or_else(what);
    }
    if let Some(id) = to.leg {
        let dossier = program.desk.gatherer.dossier_of_leg(id).await?.filter(|d| d.order.merchant == row.merchant);
        let leg = dossier.as_ref().and_then(|d| d.leg(id)).filter(|(_, l)| l.route == Route::Transfer);
        let what = || Failure::not_found(format!("{id} is not a leg of a refund that is transferred"));
        return leg.map(|_| LineSubject::Leg(id)).ok_or_else(what);
    }
    let Some(id) = to.takes_back else { return Err(Failure::usage("one of --payment, --leg, --takes-back is needed")) };
    let earlier = program.store.line(id).await?.filter(|l| l.account == row.account);
    earlier.map(|_| LineSubject::Line(id)).ok_or_else(|| no_line(id))
}

fn no_line(id: LineId) -> Failure {
    Failure::not_found(format!("there is no line {id} on this account"))
}

async fn judge(
    globals: &Globals,
    program: &Program,
    id: LineId,
    decide: impl Fn(&LineRow) -> Result<LineRow, Unassignable> + Send + Sync,
) -> Done {
    match program.desk.judge_line(id, decide, |_, _| {}).await? {
        Judged::Written(row) => show_lines(globals, &[*row]),
        Judged::NoSuchLine => Err(no_line(id)),
        Judged::Refused(Unassignable::NotOpen(state)) => {
            Err(Failure::conflict(format!("{id} is {}; nobody is asked about it", state.name())))
        }
        Judged::Refused(Unassignable::WrongWay(why)) => Err(Failure::conflict(why)),
        Judged::Duplicate => Err(Failure::conflict("it was written before")),
    }
}
