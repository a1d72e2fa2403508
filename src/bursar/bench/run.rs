//! One run of the benchmark, of one channel on one database: sandbox, gateway and workers as processes of their own, a
//! burst, then a steady half of what the burst showed.

use std::time::Duration;

use bursar_core::channel::ChannelKind;

use super::meter::Meter;
use super::people::method;
use super::report::{Report, product_cpu_ms};
use super::stage::Stage;
use crate::config::Config;

/// Payments before the burst.
const WARM_UP: u32 = 300;

/// What to run.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The channel.
    pub channel: ChannelKind,
    /// Payments of the burst.
    pub orders: u32,
    /// Orders placed at once in the burst.
    pub concurrency: usize,
    /// The user's configuration.
    pub config: Config,
    /// The database.
    pub database_url: String,
    /// The server's process, for its processor time; PostgreSQL only.
    pub server_pid: Option<u32>,
}

/// Runs the whole benchmark of one channel on one database.
///
/// # Errors
/// When something does not start, or a payment does not finish within five minutes.
pub async fn run(plan: &Plan, say: impl Fn(&str)) -> anyhow::Result<Report> {
    let folder = tempfile::Builder::new().prefix("bursar-bench-").tempdir()?;
    let stage = Stage::set(plan, folder.path()).await?;
    let (database, channel) = (stage.database(), plan.channel.name());
    let say = |text: &str| say(&format!("{database}, {channel}: {text}"));
    say("warming up");
    stage.play("warm", WARM_UP, plan.concurrency, None).await?;
    say(&format!("burst of {}", plan.orders));
    let before = Meter::read(plan, &stage.crew, stage.people.looks())?;
    let took = stage.play("burst", plan.orders, plan.concurrency, None).await?;
    // PostgreSQL counts a transaction when its session is next idle for a second.
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    let spent = Meter::read(plan, &stage.crew, stage.people.looks())?.since(&before);
    let burst_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX).max(1);
    let payments = u64::from(plan.orders);
    let per_second = payments * 1_000 / burst_ms;

    let half = u32::try_from((per_second / 2).max(1)).unwrap_or(u32::MAX);
    say(&format!("half load, {half} per second"));
    let (waits, acks) = (stage.waits().await?, stage.acks().await?);
    stage.play("half", half.saturating_mul(10).min(plan.orders), plan.concurrency, Some(half)).await?;
    let (waits, acks) = (stage.waits().await?.since(&waits), stage.acks().await?.since(&acks));

    let surprises = stage.people.surprises();
    anyhow::ensure!(surprises.is_empty(), "not as it must be: {}", surprises.join("; "));
    let audit = stage.audit().await?;
    audit.differences.iter().for_each(|difference| say(difference));
    let of_1000 = |n: u64| n * 1_000 / payments.max(1);
    let cpu_ms_per_1000: Vec<_> = spent.cpu.iter().map(|(name, ms)| (name.clone(), of_1000(*ms))).collect();
    Ok(Report {
        channel: channel.to_owned(),
        method: method(plan.channel).name().to_owned(),
        payments,
        burst_ms,
        payments_per_second: per_second,
        product_cpu_ms_per_1000: product_cpu_ms(&cpu_ms_per_1000),
        cpu_ms_per_1000,
        looks_per_100_payments: of_1000(spent.looks) / 10,
        transactions_per_100_payments: spent.server.map(|s| of_1000(s.transactions) / 10),
        wal_bytes_per_payment: spent.server.map(|s| of_1000(s.wal_bytes) / 1_000),
        wal_full_page_images: spent.server.map(|s| s.full_pages),
        half_load_per_second: half,
        due_to_start_p50: waits.percentile(50),
        due_to_start_p99: waits.percentile(99),
        notification_ack_p50: acks.percentile(50),
        notification_ack_p99: acks.percentile(99),
        books_agree: audit.books_agree() && audit.channel_effects_doubled == 0,
        against_wechat: None,
        database,
    })
}
