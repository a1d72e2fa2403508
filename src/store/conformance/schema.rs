//! Migration: empty, repeated, at once from two processes, and newer than the program.

use super::world::*;
use super::{Db, on_both};
use crate::{Options, Store, StoreError, open};

on_both! {
    migrating_twice_or_at_once_changes_nothing
    a_newer_schema_is_refused
}

async fn migrating_twice_or_at_once_changes_nothing(db: &Db) {
    let (order, _) = opened(&*db.store, merchant(), "1").await;
    assert!(db.store.schema_is_current().await.unwrap());
    let another = db.another().await;
    let (a, b) = tokio::join!(db.store.migrate(), another.migrate());
    a.unwrap();
    b.unwrap();
    assert!(another.schema_is_current().await.unwrap());
    assert!(another.dossier(order.id).await.unwrap().is_some());
    another.close().await;
}

async fn a_newer_schema_is_refused(db: &Db) {
    db.meddle("insert into schema_version (version, applied_at) values (999, 0)").await;
    assert!(!db.store.schema_is_current().await.unwrap());
    let known = crate::migrate::known();
    assert_eq!(db.store.migrate().await, Err(StoreError::SchemaTooNew { found: 999, known }));
}

async fn an_empty_database_is_not_current_and_migrates(db: Db) {
    assert!(!db.store.schema_is_current().await.unwrap());
    // Two processes start at the same moment.
    let another = db.another().await;
    let (a, b) = tokio::join!(db.store.migrate(), another.migrate());
    a.unwrap();
    b.unwrap();
    assert!(db.store.schema_is_current().await.unwrap());
    another.close().await;
    db.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_empty_sqlite_file_is_not_current_and_migrates() {
    an_empty_database_is_not_current_and_migrates(Db::sqlite_empty().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_empty_postgres_database_is_not_current_and_migrates() {
    an_empty_database_is_not_current_and_migrates(Db::postgres_empty().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_databases_have_the_same_tables_columns_and_indexes() {
    let sqlite = Db::sqlite_empty().await.migrated().await;
    let postgres = Db::postgres_empty().await.migrated().await;
    let columns = (
        sqlite
            .names(
                "select m.name || '.' || c.name from sqlite_master m join pragma_table_info(m.name) c
                 where m.type = 'table'",
            )
            .await,
        postgres
            .names(
                "select table_name || '.' || column_name from information_schema.columns where table_schema = 'public'",
            )
            .await,
    );
    assert!(columns.0.len() > 100 && columns.0.contains("refund_leg.evidence"), "{:?}", columns.0);
    assert_eq!(columns.0, columns.1);
    let indexes = (
        sqlite.names("select name from sqlite_master where type = 'index' and sql is not null").await,
        postgres
            .names(
                "select c.relname::text from pg_index i join pg_class c on c.oid = i.indexrelid
                 where c.relnamespace = 'public'::regnamespace and not i.indisunique",
            )
            .await,
    );
    assert!(indexes.0.contains("refund_leg_active") && indexes.0.contains("delivery_open"), "{:?}", indexes.0);
    assert_eq!(indexes.0, indexes.1);
    sqlite.finish().await;
    postgres.finish().await;
}

#[tokio::test]
async fn what_is_no_database_is_refused_with_its_name_and_without_its_password() {
    for url in ["mysql://root:hunter2@db/x", "", "sqlite:", "sqlite::memory:", "postgres://u@host:notaport/db"] {
        let error = open(url, &Options::default()).await.unwrap_err();
        assert!(matches!(error, StoreError::Configuration(_)), "{url}: {error}");
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }
}

#[tokio::test]
async fn a_server_that_is_not_there_is_unavailable() {
    let options = Options { acquire_timeout_ms: 300, ..Options::default() };
    let error = open("postgres://u@127.0.0.1:1/db", &options).await.unwrap_err();
    assert!(error.is_transient(), "{error}");
}

/// A store must be usable as a shared trait object.
#[expect(dead_code, reason = "compiling is the test")]
fn a_store_is_shared(store: std::sync::Arc<dyn Store>) -> impl Send + Sync + 'static {
    store
}
