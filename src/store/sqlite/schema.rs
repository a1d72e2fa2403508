//! Migration on SQLite: it knows that the writing transaction lets one process migrate at a time, and
//! must never know what a step does.

use sqlx::Row;

use super::Sqlite;
use crate::dialect::NOW_SQLITE;
use crate::{Result, StoreError, migrate};

/// See [`crate::Store::migrate`]. All missing steps happen in one transaction.
pub async fn migrate(db: &Sqlite) -> Result<()> {
    let mut writing = db.begin().await?;
    let connection = writing.connection()?;
    sqlx::raw_sql(migrate::CREATE_TABLE).execute(&mut *connection).await?;
    let row = sqlx::query("select coalesce(max(version), 0) from schema_version").fetch_one(&mut *connection).await?;
    for step in migrate::missing(row.try_get::<i64, _>(0)?)? {
        tracing::info!(version = step.version, "migrating the schema");
        let failed = |e: sqlx::Error| StoreError::Other(format!("schema version {}: {e}", step.version));
        sqlx::raw_sql(step.sqlite).execute(&mut *connection).await.map_err(failed)?;
        let sql = format!("insert into schema_version (version, applied_at) values ($1, {NOW_SQLITE})");
        sqlx::query(sqlx::AssertSqlSafe(sql)).bind(step.version).execute(&mut *connection).await.map_err(failed)?;
    }
    writing.commit().await
}
