//! SQLite: it knows connections and their settings, and must never know what is written.
//!
//! One connection writes, because SQLite has one writer; readers stand beside it and never wait (WAL).
//! Another process may use the same file: it waits its turn up to the busy time-out.

mod append;
mod bank;
mod billing;
mod books;
mod cash;
mod commit;
mod guard;
mod job;
mod refund;
mod schedule;
mod schema;
mod sharing;

use std::time::Duration;

use async_trait::async_trait;
use bursar_core::Timestamp;
use bursar_core::job::{JobKey, Queue};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{AssertSqlSafe, ConnectOptions, SqliteConnection};
use tokio::sync::{Mutex, MutexGuard};
use uuid::Uuid;

use crate::dialect::{Dialect, NOW_SQLITE, Words, translate};
use crate::value::{Record, Value, bind_sqlite};
use crate::{Answer, Change, ClaimRequest, Claimed, Hints, Options, Result, StoreError};

/// How shared statements are written here. Parameters cannot be arrays, so lists are JSON of hexadecimal texts.
const WORDS: Words = Words {
    in_ids: ("in (select unhex(value) from json_each(", "))"),
    in_texts: ("in (select value from json_each(", "))"),
    now: NOW_SQLITE,
    lateral: false,
    json_arrays: false,
};

/// The store on SQLite.
#[derive(Debug)]
pub struct Sqlite {
    writer: Mutex<Writer>,
    readers: SqlitePool,
    options: SqliteConnectOptions,
}

/// The writing connection.
#[derive(Debug, Default)]
struct Writer {
    connection: Option<SqliteConnection>,
    /// A transaction was begun and neither committed nor rolled back: its future was dropped.
    open: bool,
}

/// A transaction on the writing connection. Dropped without a commit, it is rolled back by the next one.
struct Writing<'a>(MutexGuard<'a, Writer>);

impl Writing<'_> {
    fn connection(&mut self) -> Result<&mut SqliteConnection> {
        self.0.connection.as_mut().ok_or_else(|| StoreError::Unavailable("no connection to the file".to_owned()))
    }

    async fn commit(mut self) -> Result<()> {
        sqlx::query("commit").execute(self.connection()?).await?;
        self.0.open = false;
        Ok(())
    }

    async fn rollback(mut self) -> Result<()> {
        sqlx::query("rollback").execute(self.connection()?).await?;
        self.0.open = false;
        Ok(())
    }
}

impl Sqlite {
    /// Opens the file at `path`, creating it when it is missing.
    ///
    /// # Errors
    /// [`StoreError::Configuration`] for an in-memory database (each connection would see its own),
    /// [`StoreError::Unavailable`] when the file cannot be opened.
    pub async fn open(path: &str, options: &Options) -> Result<Self> {
        if path.is_empty() || path.contains(":memory:") {
            return Err(StoreError::Configuration("database.url must name a file: sqlite:PATH".to_owned()));
        }
        let options_of = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(Duration::from_millis(options.acquire_timeout_ms))
            .pragma("temp_store", "memory");
        let readers = SqlitePoolOptions::new()
            .max_connections(options.max_connections.max(1))
            .acquire_timeout(Duration::from_millis(options.acquire_timeout_ms))
            .test_before_acquire(false)
            .connect_lazy_with(options_of.clone().create_if_missing(false).pragma("query_only", "on"));
        let store = Self { writer: Mutex::default(), readers, options: options_of };
        // The writer comes first: it creates the file and switches it to WAL.
        store.begin().await?.rollback().await?;
        Ok(store)
    }

    /// Begins the one writing transaction.
    async fn begin(&self) -> Result<Writing<'_>> {
        let mut writer = self.writer.lock().await;
        if writer.connection.is_none() {
            writer.connection = Some(self.options.connect().await?);
            writer.open = false;
        }
        let mut writing = Writing(writer);
        if writing.0.open {
            // Fails when SQLite has already rolled back by itself; then there is nothing to do.
            let _already_gone = sqlx::query("rollback").execute(writing.connection()?).await;
            writing.0.open = false;
        }
        // Set first: a future that is dropped while it waits leaves a `begin` that still happens.
        writing.0.open = true;
        if let Err(error) = sqlx::query("begin immediate").execute(writing.connection()?).await {
            let busy = error.as_database_error().and_then(|e| e.code()).is_some_and(|c| c == "5" || c == "517");
            writing.0.open = false;
            if !busy {
                writing.0.connection = None;
            }
            return Err(error.into());
        }
        Ok(writing)
    }
}

#[async_trait]
impl Dialect for Sqlite {
    async fn rows(&self, sql: &'static str, values: Vec<Value>) -> Result<Vec<Record>> {
        let sql = AssertSqlSafe(translate(sql, WORDS));
        let rows = bind_sqlite(sqlx::query(sql), values).fetch_all(&self.readers).await?;
        Ok(rows.into_iter().map(Record::Sqlite).collect())
    }

    async fn write(&self, sql: &'static str, values: Vec<Value>) -> Result<u64> {
        let sql = AssertSqlSafe(translate(sql, WORDS));
        let mut writing = self.begin().await?;
        let touched = bind_sqlite(sqlx::query(sql), values).execute(writing.connection()?).await?.rows_affected();
        writing.commit().await?;
        Ok(touched)
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

    async fn notify(&self, _queues: &[Queue]) -> Result<()> {
        Ok(())
    }

    async fn listen(&self) -> Result<Option<Box<dyn Hints>>> {
        Ok(None)
    }

    fn name(&self) -> &'static str {
        "sqlite"
    }

    async fn close(&self) {
        self.readers.close().await;
        let connection = self.writer.lock().await.connection.take();
        if let Some(connection) = connection
            && let Err(error) = sqlx::Connection::close(connection).await
        {
            tracing::warn!(%error, "closing the database file");
        }
    }
}
