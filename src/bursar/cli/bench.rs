//! `bench`: what whole payments cost on this machine.

use clap::{Args, ValueEnum};
use serde_json::json;

use super::{Done, Failure, Globals, output};
use crate::bench::cluster::{Cluster, ask};
use crate::bench::run::{Plan, Report, run as measure};
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
}

#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
enum Only {
    Sqlite,
    Postgres,
}

pub(crate) async fn run(globals: &Globals, flags: Bench) -> Done {
    let mut reports = Vec::new();
    let plan = |database_url: String, server_pid| Plan {
        orders: flags.orders,
        concurrency: flags.concurrency.max(1),
        config: globals.config.clone(),
        database_url,
        server_pid,
    };
    let say = |text: &str| eprintln!("{text}");
    if flags.only != Some(Only::Postgres) {
        let folder = tempfile::Builder::new().prefix("bursar-bench-db-").tempdir()?;
        let url = format!("sqlite:{}", folder.path().join("bursar.db").display());
        reports.push(measure(&plan(url, None), say).await?);
    }
    if flags.only != Some(Only::Sqlite) {
        // A cluster of its own, with fsync on, started and stopped here.
        let cluster = Cluster::start()?;
        let name = format!("bench_{}", SystemClock::real_ms());
        ask(&cluster.url("postgres"), &format!("create database {name}"))?;
        reports.push(measure(&plan(cluster.url(&name), Some(cluster.pid()?)), say).await?);
    }
    if globals.json {
        output::json(&json!(reports))?
    } else {
        reports.iter().try_for_each(show)?
    }
    match reports.iter().find(|r| !r.books_agree) {
        Some(r) => Err(Failure::violated(format!("the books do not agree on {}", r.database))),
        None => Ok(()),
    }
}

fn show(report: &Report) -> Done {
    let mut rows = vec![
        vec!["payments".to_owned(), report.payments.to_string()],
        vec!["payments per second, whole lifecycle".to_owned(), report.payments_per_second.to_string()],
    ];
    for (name, ms) in &report.cpu_ms_per_1000 {
        rows.push(vec![format!("CPU seconds per 1,000 payments: {name}"), format!("{}.{:03}", ms / 1_000, ms % 1_000)]);
    }
    if let (Some(transactions), Some(wal), Some(pages)) =
        (report.transactions_per_100_payments, report.wal_bytes_per_payment, report.wal_full_page_images)
    {
        rows.push(vec![
            "transactions per payment (reads included)".to_owned(),
            format!("{}.{:02}", transactions / 100, transactions % 100),
        ]);
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
    output::table(&[&report.database, ""], &rows)?;
    output::line("")
}
