//! The conformance suite: it knows what every store must do, and must never know how one does it. Each
//! test runs on SQLite and on PostgreSQL.
//!
//! PostgreSQL comes from `BURSAR_TEST_POSTGRES_URL`: the URL of a user who may create databases. Without
//! it that half fails; it is never skipped.

mod billing;
mod billing_news;
mod books;
mod cash;
mod certificates;
mod choosing;
mod claims;
mod combined;
mod gathering;
mod guards;
mod handles;
mod leases;
mod ledger;
mod migration;
mod office;
mod outage;
mod plans;
mod questions;
mod races;
mod reads;
mod refund_desk;
mod refund_guards;
mod refund_rows;
mod reports;
mod schedules;
mod schema;
mod sharings;
mod statements;
mod upkeep;
mod world;
mod writes;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use sqlx::{AssertSqlSafe, Connection, PgConnection, Row};

use crate::{Options, Store, open};

/// A fresh database of one test.
pub struct Db {
    pub store: Arc<dyn Store>,
    pub url: String,
    home: Home,
}

enum Home {
    Folder(#[expect(dead_code, reason = "deleted when it is dropped")] tempfile::TempDir),
    Server { admin: String, name: String },
}

static DATABASES: AtomicU32 = AtomicU32::new(0);

fn admin_url() -> String {
    std::env::var("BURSAR_TEST_POSTGRES_URL").expect(
        "BURSAR_TEST_POSTGRES_URL is not set: give the URL of a PostgreSQL user who may create databases, such as \
         postgres://postgres@127.0.0.1:5432/postgres",
    )
}

/// `url` with another database name.
fn with_database(url: &str, name: &str) -> String {
    let (base, query) = url.split_once('?').map_or((url, String::new()), |(b, q)| (b, format!("?{q}")));
    let (server, _) = base.rsplit_once('/').unwrap();
    format!("{server}/{name}{query}")
}

pub async fn admin(url: &str, sql: &str) {
    let mut connection = PgConnection::connect(url).await.unwrap();
    sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

impl Db {
    pub async fn sqlite_empty() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("test.db").display());
        let store = open(&url, &Options::default()).await.unwrap();
        Self { store, url, home: Home::Folder(folder) }
    }

    pub async fn postgres_empty() -> Self {
        let admin_url = admin_url();
        let name = format!("bursar_test_{}_{}", std::process::id(), DATABASES.fetch_add(1, Ordering::Relaxed));
        admin(&admin_url, &format!("drop database if exists {name}")).await;
        admin(&admin_url, &format!("create database {name}")).await;
        let url = with_database(&admin_url, &name);
        let store = open(&url, &Options { max_connections: 4, ..Options::default() }).await.unwrap();
        Self { store, url, home: Home::Server { admin: admin_url, name } }
    }

    pub async fn migrated(self) -> Self {
        self.store.migrate().await.unwrap();
        self
    }

    /// Another handle on the same database, as another process would have it.
    pub async fn another(&self) -> Arc<dyn Store> {
        open(&self.url, &Options { max_connections: 2, ..Options::default() }).await.unwrap()
    }

    /// A statement behind the store's back.
    pub async fn meddle(&self, sql: &str) {
        match self.url.strip_prefix("sqlite:") {
            None => admin(&self.url, sql).await,
            Some(path) => {
                let options = sqlx::sqlite::SqliteConnectOptions::new().filename(path);
                let mut connection = sqlx::ConnectOptions::connect(&options).await.unwrap();
                sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(&mut connection).await.unwrap();
            }
        }
    }

    /// The texts in the first column of `sql`, behind the store's back.
    pub async fn names(&self, sql: &str) -> BTreeSet<String> {
        let sql = AssertSqlSafe(sql.to_owned());
        match self.url.strip_prefix("sqlite:") {
            None => {
                let mut connection = PgConnection::connect(&self.url).await.unwrap();
                let rows = sqlx::query(sql).fetch_all(&mut connection).await.unwrap();
                rows.iter().map(|row| row.get(0)).collect()
            }
            Some(path) => {
                let options = sqlx::sqlite::SqliteConnectOptions::new().filename(path);
                let mut connection = sqlx::ConnectOptions::connect(&options).await.unwrap();
                let rows = sqlx::query(sql).fetch_all(&mut connection).await.unwrap();
                rows.iter().map(|row| row.get(0)).collect()
            }
        }
    }

    /// An id as this database writes it in a statement.
    pub fn literal(&self, id: uuid::Uuid) -> String {
        let mark = if self.url.starts_with("sqlite:") { "x" } else { "" };
        format!("{mark}'{}'", id.simple())
    }

    async fn finish(self) {
        self.store.close().await;
        if let Home::Server { admin: url, name } = &self.home {
            admin(url, &format!("drop database {name} with (force)")).await;
        }
    }
}

/// Makes of each `async fn(&Db)` a test on SQLite and one on PostgreSQL.
macro_rules! on_both {
    ($($name:ident)*) => {
        mod sqlite {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $name() {
                    let db = super::super::Db::sqlite_empty().await.migrated().await;
                    super::$name(&db).await;
                    db.finish().await;
                }
            )*
        }
        mod postgres {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $name() {
                    let db = super::super::Db::postgres_empty().await.migrated().await;
                    super::$name(&db).await;
                    db.finish().await;
                }
            )*
        }
    };
}
use on_both;
