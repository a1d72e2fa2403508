//! `bench`: what whole payments cost on this machine.

use bursar_core::channel::ChannelKind;
use clap::{Args, ValueEnum};
use serde_json::json;

use super::{Done, Failure, Globals, output};
use crate::bench::bill;
use crate::bench::cluster::{Cluster, ask};
use crate::bench::report::{Report, compare};
use crate::bench::run::{Plan, run as measure};
use crate::clock::SystemClock;

/// Flags.
#[derive(Args, Debug)]
pub(crate) struct Bench {
    /// Payments of the burst.
    #[arg(long, default_value_t = 5_000, value_parser = clap::value_parser!(u32).range(100..=1_000_000))]
    orders: u32,
    /// Orders placed at once.
    #[arg(long, default_value_t = 200)]
    concurrency: usize,
    /// Only this database.
    #[arg(long, value_enum)]
    only: Option<Only>,
    /// Payments of this channel: wechat, alipay, unionpay, stripe, bank or cash. May be named several times.
    #[arg(long, value_name = "NAME", default_value = "wechat")]
    channel: Vec<ChannelKind>,
    /// Payments of each channel, one after the other.
    #[arg(long, conflicts_with = "channel")]
    all_channels: bool,
    /// Instead of payments: match a bill of so many lines with as many payments, killed once in the middle.
    #[arg(long, value_name = "LINES", conflicts_with_all = ["channel", "all_channels"], value_parser = thousands)]
    bill: Option<u64>,
}

/// Lines of a bill, in whole thousands: so many differences of each kind are made as fit.
fn thousands(text: &str) -> Result<u64, String> {
    let lines = text.parse::<u64>().ok().filter(|n| (1_000..=10_000_000).contains(n) && n % 1_000 == 0);
    lines.ok_or_else(|| "a bill has 1000 to 10000000 lines, in whole thousands".to_owned())
}

impl Bench {
    /// The channels to measure, each once.
    fn channels(&self) -> Vec<ChannelKind> {
        let wanted = |kind: &ChannelKind| self.all_channels || self.channel.contains(kind);
        ChannelKind::ALL.into_iter().filter(wanted).collect()
    }
}

#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
enum Only {
    Sqlite,
    Postgres,
}

pub(crate) async fn run(globals: &Globals, flags: Bench) -> Done {
    if let Some(lines) = flags.bill {
        return match_bills(globals, &flags, lines).await;
    }
    let mut reports = Vec::new();
    let plan = |channel, database_url: String, server_pid| Plan {
        channel,
        orders: flags.orders,
        concurrency: flags.concurrency.max(1),
        config: globals.config.clone(),
        database_url,
        server_pid,
    };
    let say = |text: &str| eprintln!("{text}");
    // Each channel has a database of its own, so that none has to carry what was left by another.
    if flags.only != Some(Only::Postgres) {
        for channel in flags.channels() {
            let folder = tempfile::Builder::new().prefix("bursar-bench-db-").tempdir()?;
            let url = format!("sqlite:{}", folder.path().join("bursar.db").display());
            reports.push(measure(&plan(channel, url, None), say).await?);
        }
    }
    if flags.only != Some(Only::Sqlite) {
        for channel in flags.channels() {
            // A cluster of its own, with fsync on, started and stopped here.
            let cluster = Cluster::start()?;
            let name = format!("bench_{}", SystemClock::real_ms());
            ask(&cluster.url("postgres"), &format!("create database {name}"))?;
            reports.push(measure(&plan(channel, cluster.url(&name), Some(cluster.pid()?)), say).await?);
        }
    }
    compare(&mut reports);
    if globals.json {
        output::json(&json!(reports))?;
    } else {
        reports.iter().try_for_each(show)?;
        if flags.channels().len() > 1 {
            show_together(&reports)?;
        }
    }
    match reports.iter().find(|r| !r.books_agree) {
        Some(r) => Err(Failure::violated(format!("the books of {} do not agree on {}", r.channel, r.database))),
        None => Ok(()),
    }
}

async fn match_bills(globals: &Globals, flags: &Bench, lines: u64) -> Done {
    let say = |text: &str| eprintln!("{text}");
    let mut reports = Vec::new();
    if flags.only != Some(Only::Postgres) {
        let folder = tempfile::Builder::new().prefix("bursar-bench-db-").tempdir()?;
        let database_url = format!("sqlite:{}", folder.path().join("bursar.db").display());
        reports.push(bill::run(&bill::Plan { lines, config: globals.config.clone(), database_url }, say).await?);
    }
    if flags.only != Some(Only::Sqlite) {
        let cluster = Cluster::start()?;
        ask(&cluster.url("postgres"), "create database bench")?;
        let plan = bill::Plan { lines, config: globals.config.clone(), database_url: cluster.url("bench") };
        reports.push(bill::run(&plan, say).await?);
    }
    if globals.json {
        output::json(&json!(reports))?;
    } else {
        reports.iter().try_for_each(show_bill)?;
    }
    match reports.iter().find(|r| !r.right || r.found_again > 0) {
        Some(r) => Err(Failure::violated(format!("{}: not what was seeded was found", r.database))),
        None => Ok(()),
    }
}

fn show_bill(report: &bill::Report) -> Done {
    let rows = vec![
        vec!["payments on the books".to_owned(), report.payments.to_string()],
        vec!["lines of the bill".to_owned(), report.lines.to_string()],
        vec!["bringing it (read once, kept)".to_owned(), format!("{} s", seconds(report.import_ms))],
        vec!["matching it, both runs".to_owned(), format!("{} s", seconds(report.match_ms))],
        vec!["lines per second".to_owned(), report.lines_per_second.to_string()],
        vec!["killed after lines".to_owned(), report.killed_after_lines.to_string()],
        vec!["most memory of any process".to_owned(), format!("{} MiB", report.peak_memory_kib.div_ceil(1_024))],
        vec!["differences seeded".to_owned(), report.seeded.to_string()],
        vec!["found, of them mended".to_owned(), format!("{}, {}", report.found, report.healed)],
        vec!["found by a second run".to_owned(), report.found_again.to_string()],
        vec!["exactly those".to_owned(), report.right.to_string()],
    ];
    output::table(&[&format!("{}, a bill", report.database), ""], &rows)?;
    output::line("")
}

fn show(report: &Report) -> Done {
    let mut rows = vec![
        vec!["payments".to_owned(), report.payments.to_string()],
        vec!["paid by".to_owned(), report.method.clone()],
        vec!["payments per second, whole lifecycle".to_owned(), report.payments_per_second.to_string()],
    ];
    for (name, ms) in &report.cpu_ms_per_1000 {
        rows.push(vec![format!("CPU seconds per 1,000 payments: {name}"), seconds(*ms)]);
    }
    if report.looks_per_100_payments > 0 {
        rows.push(vec![
            "looks of customers for what to pay with, per payment".to_owned(),
            hundredths(report.looks_per_100_payments),
        ]);
    }
    if let (Some(transactions), Some(wal), Some(pages)) =
        (report.transactions_per_100_payments, report.wal_bytes_per_payment, report.wal_full_page_images)
    {
        rows.push(vec!["transactions per payment (reads included)".to_owned(), hundredths(transactions)]);
        rows.push(vec!["WAL bytes per payment".to_owned(), wal.to_string()]);
        rows.push(vec!["full page images during the burst".to_owned(), pages.to_string()]);
    }
    let half = report.half_load_per_second;
    rows.push(vec![
        format!("due to start at {half}/s, p50 and p99"),
        format!("{}, {}", report.due_to_start_p50, report.due_to_start_p99),
    ]);
    rows.push(vec![
        format!("notification acknowledged at {half}/s, p50 and p99"),
        format!("{}, {}", report.notification_ack_p50, report.notification_ack_p99),
    ]);
    rows.push(vec!["books agree".to_owned(), report.books_agree.to_string()]);
    output::table(&[&format!("{}, {}", report.database, report.channel), ""], &rows)?;
    output::line("")
}

/// All channels under each other, and against WeChat.
fn show_together(reports: &[Report]) -> Done {
    let heads = [
        "database",
        "channel",
        "payments/s",
        "of WeChat's",
        "product CPU s per 1,000",
        "of WeChat's",
        "looks per payment",
        "agree",
    ];
    let rows = reports.iter().map(|report| {
        let percent = |value: Option<u64>| value.map_or("-".to_owned(), |n| format!("{n} %"));
        let against = report.against_wechat;
        vec![
            report.database.clone(),
            report.channel.clone(),
            report.payments_per_second.to_string(),
            percent(against.map(|a| a.payments_per_second_percent)),
            seconds(report.product_cpu_ms_per_1000),
            percent(against.map(|a| a.product_cpu_percent)),
            hundredths(report.looks_per_100_payments),
            if report.books_agree { "yes" } else { "NO" }.to_owned(),
        ]
    });
    output::table(&heads, &rows.collect::<Vec<_>>())?;
    output::line("Product CPU is gateway, worker and database; the sandbox and the load are not in it.")
}

fn seconds(ms: u64) -> String {
    format!("{}.{:03}", ms / 1_000, ms % 1_000)
}

fn hundredths(n: u64) -> String {
    format!("{}.{:02}", n / 100, n % 100)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        bench: Bench,
    }

    fn channels(words: &[&str]) -> Option<Vec<ChannelKind>> {
        let line = Line::try_parse_from(std::iter::once("bench").chain(words.iter().copied()));
        line.ok().map(|line| line.bench.channels())
    }

    #[test]
    fn wechat_is_measured_unless_other_channels_are_named_each_once() {
        assert_eq!(channels(&[]), Some(vec![ChannelKind::Wechat]));
        let named = ["--channel", "cash", "--channel", "alipay", "--channel", "cash"];
        assert_eq!(channels(&named), Some(vec![ChannelKind::Alipay, ChannelKind::Cash]));
        assert_eq!(channels(&["--all-channels"]), Some(ChannelKind::ALL.to_vec()));
        assert_eq!(channels(&["--all-channels", "--channel", "cash"]), None);
        assert_eq!(channels(&["--channel", "barter"]), None);
    }
}
