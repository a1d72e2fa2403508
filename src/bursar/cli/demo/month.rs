//! The month of the demonstration: it knows what the month is played with and how people see its end, and must never
//! know what is played.

use std::time::{Duration, Instant};

use bursar_sandbox::merchant::Town;

use super::progress::Progress;
use super::stage::Stage;
use super::{Demo, summary};
use crate::cli::{Done, Failure, output};
use crate::play::audit::ByHand;
use crate::play::month::{self, DAYS, Means, Report};

/// Plays it on the stage of the morning.
pub(super) async fn play(
    stage: &Stage,
    demo: &Demo,
    gateway: &str,
    town: &Town,
    progress: &Progress,
) -> Result<Report, Failure> {
    let by_hand = ByHand { bank: Some(stage.bank.books()), cash: Some(town.pockets.books()) };
    let means = Means {
        program: &stage.program,
        sandbox: &stage.sandbox,
        actors: &stage.actors,
        clock: &stage.clock,
        gateway,
        by_hand: &by_hand,
        deadline: Instant::now() + Duration::from_secs(demo.give_up_after),
        tell: &|text| progress.write(text),
    };
    let report = month::play(means).await?;
    progress.end();
    Ok(report)
}

/// For people.
pub(super) fn table(report: &Report) -> Done {
    let json = report.to_json();
    let number = |at: &str| json.pointer(at).map(ToString::to_string).unwrap_or_default();
    let row = |name: &str, at: &str| vec![name.to_owned(), number(at)];
    let money = |name: &str, minor: i64| vec![name.to_owned(), summary::yuan(minor)];
    let yes = |name: &str, agree: bool| vec![name.to_owned(), if agree { "yes" } else { "NO" }.to_owned()];
    output::line("")?;
    output::table(
        &[&format!("{DAYS} days of billing"), ""],
        &[
            row("families", "/families"),
            row("agreements signed", "/agreements/signed"),
            row("  ended", "/agreements/ended"),
            row("installments due by their terms", "/installments/due"),
            row("  asked for", "/installments/asked"),
            row("  paid", "/installments/paid"),
            row("  of them after another try", "/installments/retried"),
            row("  of them by hand, after declines or always", "/installments/by_hand"),
            row("  overdue", "/installments/overdue"),
            row("charges that were called for", "/charges/calls"),
            row("  declined", "/charges/declined"),
            row("  at night", "/charges/at_night"),
            row("installments charged twice", "/charges/twice"),
            row("orders of the schedule due", "/schedules/expected"),
            row("  opened", "/schedules/fired"),
            money("taken", report.captured_minor()),
            money("given back", report.refunded_minor()),
            yes("books agree with the sandbox's", report.books_agree()),
        ],
    )?;
    report.differences().iter().try_for_each(|difference| output::line(&format!("  {difference}")))
}
