//! PostgreSQL: it knows connections, their settings and how a lost one is noticed, and must never know
//! what is written.
//!
//! There are two pools. Connections of `durable` wait for the disk at commit. Those of `quick` do not:
//! they read, claim, renew and notify, where a crash of the server only costs work that is done again.

mod append;
mod bank;
mod billing;
mod books;
mod cash;
mod commit;
mod guard;
mod hints;
mod job;
mod pass;
mod refund;
mod schedule;
mod schema;
mod settle;
mod sharing;

use std::future::Future;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bursar_core::Timestamp;
use bursar_core::job::{JobKey, Queue};
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::{AssertSqlSafe, Connection};
use uuid::Uuid;

use crate::dialect::{Dialect, NOW_POSTGRES, Words, translate};
use crate::value::{Record, Value, bind_postgres};
use crate::{Answer, Change, ClaimRequest, Claimed, Hints, Options, Result, StoreError};

/// How shared statements are written here.
const WORDS: Words =
    Words { in_ids: ("= any(", ")"), in_texts: ("= any(", ")"), now: NOW_POSTGRES, lateral: true, json_arrays: true };
/// Beyond the server's own statement time-out and the wait for a connection: the network is gone, and
/// the server's answer will not come.
const NETWORK_GRACE_MS: u64 = 5_000;
/// A connection under suspicion that has not answered a ping by then is dropped.
const PING_MS: u64 = 1_000;
/// Claims and renewals touch a few rows by index: one that takes longer speaks to a server that is gone,
/// and waiting for it would cost every lease of the process.
const LEASE_WORK_MS: u64 = 5_000;
/// An idle connection is closed after so long, so that a burst's connections go away.
const IDLE_SECONDS: u64 = 300;
/// A connection is replaced after so long, which bounds the server's memory per session.
const LIFETIME_SECONDS: u64 = 3_600;

/// A transaction of ours never waits for anything but its next statement. A process that stands still in
/// the middle of one (stopped, swapped out, cut off) would hold its row locks, and jobs that are locked
/// are skipped by every claim: after so long the server ends its session, well within a lease.
const IDLE_IN_TRANSACTION_MS: u64 = 5_000;

/// The store on PostgreSQL.
#[derive(Debug)]
pub struct Postgres {
    durable: PgPool,
    quick: PgPool,
    /// For connections that are held for ever (LISTEN).
    options: PgConnectOptions,
    health: Arc<Health>,
    /// Longest that one call may take.
    limit: Duration,
}

/// Remembers when a connection was last seen broken: whoever was idle since then is tested before use,
/// so a restart of the server costs one failed call and not one per pooled connection.
#[derive(Debug)]
struct Health {
    start: Instant,
    broken_at_ms: AtomicU64,
}

impl Health {
    fn note(&self) {
        let ms = u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.broken_at_ms.store(ms.max(1), Ordering::Relaxed);
    }

    /// Whether a connection that was idle for `idle` was idle at the last break.
    fn suspects(&self, idle: Duration) -> bool {
        let broken = self.broken_at_ms.load(Ordering::Relaxed);
        broken != 0 && self.start.elapsed().saturating_sub(idle) <= Duration::from_millis(broken)
    }
}

impl Postgres {
    /// Connects to `url`.
    ///
    /// # Errors
    /// [`StoreError::Configuration`] when the URL cannot be read, [`StoreError::Unavailable`] when the
    /// server cannot be reached.
    pub async fn open(url: &str, options: &Options) -> Result<Self> {
        let parsed = PgConnectOptions::from_str(url)
            .map_err(|e| StoreError::Configuration(format!("database.url cannot be read: {e}")))?;
        // Every statement of ours goes by an index. Statistics of tables that fill and empty all day must
        // not talk the planner into a scan or a hash of them in the middle of a burst.
        let base = parsed.application_name("bursar").options([
            ("statement_timeout", options.statement_timeout_ms.to_string()),
            ("idle_in_transaction_session_timeout", IDLE_IN_TRANSACTION_MS.to_string()),
            ("enable_seqscan", "off".to_owned()),
            ("enable_hashjoin", "off".to_owned()),
            ("enable_mergejoin", "off".to_owned()),
            ("jit", "off".to_owned()),
        ]);
        let health = Arc::new(Health { start: Instant::now(), broken_at_ms: AtomicU64::new(0) });
        // Commits are gathered, so few connections write at a time.
        let durable = (options.max_connections / 3).clamp(1, 4);
        let quick = options.max_connections.saturating_sub(durable).max(1);
        let store = Self {
            durable: pool(durable, options, &health).connect_lazy_with(base.clone()),
            quick: pool(quick, options, &health)
                .connect_lazy_with(base.clone().options([("synchronous_commit", "off")])),
            options: base,
            health,
            limit: Duration::from_millis(
                options
                    .statement_timeout_ms
                    .saturating_add(options.acquire_timeout_ms)
                    .saturating_add(NETWORK_GRACE_MS),
            ),
        };
        // Outside of the pools, which would say only that they timed out, and not why.
        let connecting = sqlx::PgConnection::connect_with(&store.options);
        let connection = tokio::time::timeout(Duration::from_millis(options.acquire_timeout_ms), connecting)
            .await
            .map_err(|_| StoreError::Unavailable("no answer from PostgreSQL in time".to_owned()))??;
        // It was needed for its answer only; how it ends does not matter.
        let _ended = connection.close().await;
        Ok(store)
    }

    /// Runs `work`, bounded in time, and remembers broken connections.
    async fn bounded<T>(&self, work: impl Future<Output = std::result::Result<T, sqlx::Error>> + Send) -> Result<T> {
        self.within(self.limit, work).await
    }

    /// The same for work on which leases depend.
    async fn lease_work<T>(&self, work: impl Future<Output = std::result::Result<T, sqlx::Error>> + Send) -> Result<T> {
        self.within(self.limit.min(Duration::from_millis(LEASE_WORK_MS)), work).await
    }

    async fn within<T>(
        &self,
        limit: Duration,
        work: impl Future<Output = std::result::Result<T, sqlx::Error>> + Send,
    ) -> Result<T> {
        let outcome = match tokio::time::timeout(limit, work).await {
            Ok(outcome) => outcome.map_err(StoreError::from),
            Err(_) => Err(StoreError::Unavailable("no answer from PostgreSQL in time".to_owned())),
        };
        if outcome.as_ref().is_err_and(StoreError::is_transient) {
            self.health.note();
        }
        outcome
    }
}

fn pool(size: u32, options: &Options, health: &Arc<Health>) -> PgPoolOptions {
    let health = Arc::clone(health);
    PgPoolOptions::new()
        .max_connections(size)
        .acquire_timeout(Duration::from_millis(options.acquire_timeout_ms))
        .idle_timeout(Duration::from_secs(IDLE_SECONDS))
        .max_lifetime(Duration::from_secs(LIFETIME_SECONDS))
        .test_before_acquire(false)
        .before_acquire(move |connection, meta| {
            let suspect = health.suspects(meta.idle_for);
            Box::pin(async move {
                // A half-open connection never answers.
                let ping = tokio::time::timeout(Duration::from_millis(PING_MS), connection.ping());
                Ok(!suspect || matches!(ping.await, Ok(Ok(()))))
            })
        })
}

#[async_trait]
impl Dialect for Postgres {
    async fn rows(&self, sql: &'static str, values: Vec<Value>) -> Result<Vec<Record>> {
        let sql = AssertSqlSafe(translate(sql, WORDS));
        let rows = self.bounded(bind_postgres(sqlx::query(sql), values).fetch_all(&self.quick)).await?;
        Ok(rows.into_iter().map(Record::Postgres).collect())
    }

    async fn write(&self, sql: &'static str, values: Vec<Value>) -> Result<u64> {
        let sql = AssertSqlSafe(translate(sql, WORDS));
        Ok(self.bounded(bind_postgres(sqlx::query(sql), values).execute(&self.durable)).await?.rows_affected())
    }

    async fn commit(&self, changes: &[Change]) -> Result<Vec<Answer>> {
        commit::commit(self, changes).await
    }

    async fn claim(&self, request: &ClaimRequest) -> Result<Vec<Claimed>> {
        job::claim(self, request).await
    }

    async fn renew(&self, owner: Uuid, held: &[(JobKey, i64)], lease_ms: i64) -> Result<Vec<JobKey>> {
        job::renew(self, owner, held, lease_ms).await
    }

    async fn release(&self, owner: Uuid, held: &[(JobKey, i64)]) -> Result<u64> {
        job::release(self, owner, held).await
    }

    async fn next_due(&self, queues: &[Queue]) -> Result<Option<Timestamp>> {
        job::next_due(self, queues).await
    }

    async fn migrate(&self) -> Result<()> {
        schema::migrate(self).await
    }

    async fn notify(&self, queues: &[Queue]) -> Result<()> {
        hints::notify(self, queues).await
    }

    async fn listen(&self) -> Result<Option<Box<dyn Hints>>> {
        hints::listen(self).await.map(Some)
    }

    fn name(&self) -> &'static str {
        "postgres"
    }

    async fn close(&self) {
        self.durable.close().await;
        self.quick.close().await;
    }
}
