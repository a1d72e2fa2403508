//! Migration on PostgreSQL: it knows the lock that lets one process migrate at a time, and must never
//! know what a step does.

use sqlx::Row;

use super::Postgres;
use crate::dialect::NOW_POSTGRES;
use crate::{Result, StoreError, migrate};

/// Any number will do, as long as nobody else uses it for an advisory lock: the letters `bursar`.
const LOCK: i64 = 0x0062_7572_7361_7200;

/// See [`crate::Store::migrate`]. All missing steps happen in one transaction.
pub async fn migrate(db: &Postgres) -> Result<()> {
    let mut tx = db.bounded(db.durable.begin()).await?;
    let found = db
        .bounded(async {
            // Tables that have grown take their time.
            sqlx::raw_sql("set local statement_timeout = 0").execute(&mut *tx).await?;
            sqlx::query("select pg_advisory_xact_lock($1)").bind(LOCK).execute(&mut *tx).await?;
            sqlx::raw_sql(migrate::CREATE_TABLE).execute(&mut *tx).await?;
            let row = sqlx::query("select coalesce(max(version), 0) from schema_version").fetch_one(&mut *tx).await?;
            row.try_get::<i64, _>(0)
        })
        .await?;
    for step in migrate::missing(found)? {
        tracing::info!(version = step.version, "migrating the schema");
        let done = async {
            sqlx::raw_sql(step.postgres).execute(&mut *tx).await?;
            let sql = format!("insert into schema_version (version, applied_at) values ($1, {NOW_POSTGRES})");
            sqlx::query(sqlx::AssertSqlSafe(sql)).bind(step.version).execute(&mut *tx).await
        };
        done.await.map_err(|e| StoreError::Other(format!("schema version {}: {e}", step.version)))?;
    }
    db.bounded(tx.commit()).await
}
