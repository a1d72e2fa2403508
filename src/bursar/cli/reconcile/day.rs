//! One day of one account: it knows how a day is worked on without a worker, and must never look at a line.

use std::io::IsTerminal;
use std::sync::Arc;
use std::time::Duration;

use bursar_core::bank::Day;
use bursar_core::id::ChannelAccountId;
use bursar_core::merchant::ChannelAccount;
use bursar_core::reconcile::{Reconciliation, RunState};
use bursar_gateway::reconcile::view::ReconciliationView;
use bursar_jobs::reconcile::{Preview, Step, preview, step};
use bursar_store::DayFilter;
use bursar_store::desk::books::Begun;
use serde_json::{Value, json};

use super::OneDay;
use crate::cli::{Done, Failure, Globals, output};
use crate::compose::{self, Program};

/// Pause before a step that is due at once is done again: a worker may be at it, too.
const PAUSE: Duration = Duration::from_millis(50);

pub(super) async fn run(globals: &Globals, program: &Program, flags: &OneDay) -> Done {
    let account = chosen(program, flags).await?;
    let now = program.clock.now();
    let day = flags.day.unwrap_or_else(|| account.channel.business_day(now).plus_days(-1));
    over(program, &account, day)?;
    if flags.dry_run {
        let found = preview(&compose::jobs(program)?, &account, day).await?;
        return show_preview(globals, &account, day, &found);
    }
    let begun = program.desk.begin_reconciliation(&account, day, false, |_, _| {}).await?;
    let Some(Begun::Runs(run)) = begun else { return over(program, &account, day) };
    let done = work(program, &run).await?;
    show(globals, &done)?;
    let note = done.note.as_deref().unwrap_or("it is not done");
    match done.state {
        RunState::Done => Ok(()),
        RunState::Failed => Err(anyhow::anyhow!("{day} cannot be reconciled: {note}; it is tried again").into()),
        RunState::Waiting | RunState::Matching => {
            Err(anyhow::anyhow!("{day} is not reconciled yet: {note}; a worker goes on with it").into())
        }
    }
}

/// That `day` is over for the account's channel.
pub(super) fn over(program: &Program, account: &ChannelAccount, day: Day) -> Done {
    let (_, ends_at) = account.channel.day_bounds(day);
    if ends_at > program.clock.now() {
        let name = account.channel.name();
        return Err(Failure::conflict(format!("{day} is not over: for {name} it ends at {ends_at}")));
    }
    Ok(())
}

/// The account with this id.
pub(super) async fn account(program: &Program, id: ChannelAccountId) -> Result<Arc<ChannelAccount>, Failure> {
    let entries = program.desk.directory.entries_with(|e| e.accounts.contains_key(&id)).await?;
    entries.accounts.get(&id).cloned().ok_or_else(|| Failure::not_found(format!("there is no account {id}")))
}

async fn chosen(program: &Program, flags: &OneDay) -> Result<Arc<ChannelAccount>, Failure> {
    match (flags.account, flags.channel) {
        (None, None) => Err(Failure::usage("say --channel NAME or --account ID, or see `bursar reconcile --help`")),
        (Some(id), channel) => {
            let found = account(program, id).await?;
            match channel.filter(|channel| *channel != found.channel) {
                Some(channel) => {
                    let (is, not) = (found.channel.name(), channel.name());
                    Err(Failure::usage(format!("{id} is an account of {is}, not of {not}")))
                }
                None => Ok(found),
            }
        }
        (None, Some(channel)) => {
            let entries = program.desk.directory.entries_with(|_| false).await?;
            let mut of_channel = entries.accounts.values().filter(|a| a.channel == channel);
            let (first, more) = (of_channel.next(), of_channel.count());
            let name = channel.name();
            match (first, more) {
                (None, _) => Err(Failure::not_found(format!("there is no account of {name}"))),
                (Some(only), 0) => Ok(only.clone()),
                (Some(_), more) => {
                    let n = more.saturating_add(1);
                    Err(Failure::usage(format!("{name} has {n} accounts; say which by --account")))
                }
            }
        }
    }
}

/// Works on the day until it is done, or nothing can be done now; how it stands then.
async fn work(program: &Program, run: &Reconciliation) -> Result<Reconciliation, Failure> {
    let context = compose::jobs(program)?;
    let terminal = std::io::stderr().is_terminal();
    let mut steps = 0_u64;
    while let Step::Again { due_at, why } = step(&context, run.id).await? {
        steps = steps.saturating_add(1);
        if terminal {
            eprint!("\r\x1b[K{}: step {steps}: {why}", run.day);
        }
        if due_at > program.clock.now() {
            break;
        }
        tokio::time::sleep(PAUSE).await;
    }
    if terminal && steps > 0 {
        eprint!("\r\x1b[K");
    }
    let now = program.store.reconciliation(run.id).await?;
    now.ok_or_else(|| Failure::not_found(format!("there is no reconciliation {}", run.id)))
}

fn show(globals: &Globals, run: &Reconciliation) -> Done {
    if globals.json {
        return output::json(&json!(ReconciliationView::from(run)));
    }
    table(std::slice::from_ref(run))?;
    for (kind, n) in &run.figures.found {
        output::line(&format!("{n:>8}  {kind}"))?;
    }
    if run.figures.parked > 0 {
        output::line("see `bursar reconcile breaks --state parked`")?;
    }
    Ok(())
}

pub(super) async fn list(
    globals: &Globals,
    program: &Program,
    account: Option<ChannelAccountId>,
    (from, until): (Option<Day>, Option<Day>),
    limit: u32,
) -> Done {
    let runs = program.store.reconciliations(&DayFilter { merchant: None, account, from, until, limit }).await?;
    if globals.json {
        return output::json(&runs.iter().map(|run| json!(ReconciliationView::from(run))).collect::<Value>());
    }
    table(&runs)
}

fn table(runs: &[Reconciliation]) -> Done {
    let row = |run: &Reconciliation| {
        let figures = &run.figures;
        vec![
            run.day.to_string(),
            run.account.to_string(),
            run.state.name().to_owned(),
            figures.lines.to_string(),
            figures.agreed.to_string(),
            figures.found_in_all().to_string(),
            figures.healed.to_string(),
            figures.parked.to_string(),
            run.note.clone().unwrap_or_default(),
        ]
    };
    let head = ["DAY", "ACCOUNT", "STATE", "LINES", "AGREED", "FOUND", "HEALED", "PARKED", "NOTE"];
    output::table(&head, &runs.iter().map(row).collect::<Vec<_>>())
}

fn show_preview(globals: &Globals, account: &ChannelAccount, day: Day, found: &Preview) -> Done {
    if globals.json {
        let kinds: serde_json::Map<String, Value> =
            found.found.iter().map(|(kind, n)| (kind.name().to_owned(), json!(n))).collect();
        let each = found.differences.iter().map(|(number, d)| {
            json!({ "number": number, "kind": d.kind, "amount_minor": d.amount_minor, "question": d.text })
        });
        return output::json(&json!({
            "dry_run": true, "account_id": account.id, "day": day, "lines": found.lines, "agreed": found.agreed,
            "mended": found.mended, "found": kinds, "differences": each.collect::<Vec<_>>(), "notes": found.notes,
        }));
    }
    output::line(&format!(
        "{day} of {}: {} lines, {} agree, {} would mend our books; nothing was written",
        account.id, found.lines, found.agreed, found.mended
    ))?;
    for (kind, n) in &found.found {
        output::line(&format!("{n:>8}  {kind}"))?;
    }
    for note in &found.notes {
        output::line(&format!("note: {note}"))?;
    }
    if found.differences.is_empty() {
        return Ok(());
    }
    let row = |(number, d): &(String, bursar_core::reconcile::Difference)| {
        vec![d.kind.to_string(), d.amount_minor.to_string(), number.clone(), d.text.clone()]
    };
    output::table(&["KIND", "MINOR", "NUMBER", "WHAT"], &found.differences.iter().map(row).collect::<Vec<_>>())
}
