//! `races`: orders paid in the instant of their closing, paid twice, paid by half; and who lost money.

use clap::Args;
use serde_json::json;

use super::{Done, Failure, Globals, output};
use crate::play::races::{Crowd, Report, Spread, around_closing, crowd, half_paid, paid_twice};

/// Flags.
#[derive(Args, Debug)]
pub(crate) struct Races {
    /// Orders that are paid around their closing.
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    orders: u32,
    /// Orders that are paid twice, and as many that are paid by half.
    #[arg(long, default_value_t = 50)]
    pairs: usize,
    /// Refunds of one payment that are asked for at once.
    #[arg(long, default_value_t = 100)]
    refunds: usize,
    /// Orders placed per second.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    per_second: u32,
}

pub(crate) async fn run(globals: &Globals, flags: Races) -> Done {
    let named = globals.config.text("database.url");
    let url = globals.database_named.then_some(named.as_str());
    let mut reports = Vec::new();
    eprintln!("{} orders are paid around their closing", flags.orders);
    reports.push(around_closing(&globals.config, url, flags.orders, flags.per_second).await?);
    eprintln!("{} orders are paid twice", flags.pairs);
    reports.push(paid_twice(&globals.config, url, flags.pairs).await?);
    eprintln!("{} orders are paid by half", flags.pairs);
    reports.push(half_paid(&globals.config, url, flags.pairs).await?);
    eprintln!("{} refunds of one payment are asked for at once", flags.refunds);
    let crowd = crowd(&globals.config, url, flags.refunds).await?;
    if globals.json {
        output::json(&json!({ "races": reports, "refunds_at_once": crowd }))?;
    } else {
        reports.iter().try_for_each(show)?;
        show_crowd(&crowd)?;
    }
    if !crowd.right() {
        return Err(Failure::violated("refunds at once: more went back than was taken, or the books differ"));
    }
    match reports.iter().find(|r| !r.right()) {
        Some(report) => Err(Failure::violated(format!("{}: not as it must be", report.race))),
        None => Ok(()),
    }
}

fn show(report: &Report) -> Done {
    let row = |name: &str, value: String| vec![name.to_owned(), value];
    let spread = |s: Spread| format!("{} / {} / {} ms ({} times)", s.p50_ms, s.p99_ms, s.max_ms, s.count);
    output::table(
        &[report.race, ""],
        &[
            row("orders", report.orders.to_string()),
            row("paid", report.paid.to_string()),
            row("closed, and the money given back", report.given_back.to_string()),
            row("closed, no money came", report.unpaid.to_string()),
            row("ended in any other way", report.wrong.to_string()),
            row("questions for a person", report.parked.to_string()),
            row("customers out of money", report.out_of_money.to_string()),
            row("money at the channel to refund sent, p50 / p99 / max", spread(report.success_to_refund_sent)),
            row("money at the channel to money back, p50 / p99 / max", spread(report.success_to_money_back)),
            row("minor units unsure or owed in the ledger", report.ledger_left_minor.to_string()),
            row("books agree", report.books_agree.to_string()),
            row("seconds", report.seconds.to_string()),
        ],
    )?;
    output::line("")
}

fn show_crowd(crowd: &Crowd) -> Done {
    let row = |name: &str, value: String| vec![name.to_owned(), value];
    output::table(
        &["refunds of one payment, all at once", ""],
        &[
            row("asked for", format!("{} of {} minor units", crowd.asked, crowd.asked_minor)),
            row("granted", format!("{} of {} minor units", crowd.granted, crowd.granted_minor)),
            row("refused", crowd.refused.to_string()),
            row("captured, minor units", crowd.captured_minor.to_string()),
            row("returned by the sandbox's books", crowd.returned_by_channel_minor.to_string()),
            row("returned by the ledger", crowd.returned_by_ledger_minor.to_string()),
            row("books agree", crowd.books_agree.to_string()),
        ],
    )
}
