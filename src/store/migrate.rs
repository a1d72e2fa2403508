//! Schema versions: it knows which scripts exist and in which order, and must never change one that was
//! released.

use crate::dialect::Dialect;
use crate::{Result, StoreError};

/// One step of the schema.
#[derive(Clone, Copy, Debug)]
pub struct Step {
    /// 1, 2, 3 …
    pub version: i64,
    /// The script for PostgreSQL.
    pub postgres: &'static str,
    /// The script for SQLite.
    pub sqlite: &'static str,
}

/// All steps, oldest first.
pub const STEPS: &[Step] = &[
    Step {
        version: 1,
        postgres: include_str!("migrations/postgres/0001_books.sql"),
        sqlite: include_str!("migrations/sqlite/0001_books.sql"),
    },
    Step {
        version: 2,
        postgres: include_str!("migrations/postgres/0002_refunds.sql"),
        sqlite: include_str!("migrations/sqlite/0002_refunds.sql"),
    },
    Step {
        version: 3,
        postgres: include_str!("migrations/postgres/0003_channels.sql"),
        sqlite: include_str!("migrations/sqlite/0003_channels.sql"),
    },
    Step {
        version: 4,
        postgres: include_str!("migrations/postgres/0004_billing.sql"),
        sqlite: include_str!("migrations/sqlite/0004_billing.sql"),
    },
    Step {
        version: 5,
        postgres: include_str!("migrations/postgres/0005_schedules.sql"),
        sqlite: include_str!("migrations/sqlite/0005_schedules.sql"),
    },
    Step {
        version: 6,
        postgres: include_str!("migrations/postgres/0006_installments.sql"),
        sqlite: include_str!("migrations/sqlite/0006_installments.sql"),
    },
    Step {
        version: 7,
        postgres: include_str!("migrations/postgres/0007_reconciliation.sql"),
        sqlite: include_str!("migrations/sqlite/0007_reconciliation.sql"),
    },
    Step {
        version: 8,
        postgres: include_str!("migrations/postgres/0008_shares.sql"),
        sqlite: include_str!("migrations/sqlite/0008_shares.sql"),
    },
];

/// The table that remembers what was done; the same text on both databases.
pub const CREATE_TABLE: &str = "create table if not exists schema_version (
  version bigint primary key,
  applied_at bigint not null
)";

/// The newest version that this program knows.
pub fn known() -> i64 {
    STEPS.iter().map(|s| s.version).max().unwrap_or(0)
}

/// The steps that are missing in a schema of version `found`.
///
/// # Errors
/// [`StoreError::SchemaTooNew`] when the schema is a newer program's.
pub fn missing(found: i64) -> Result<impl Iterator<Item = &'static Step>> {
    if found > known() {
        return Err(StoreError::SchemaTooNew { found, known: known() });
    }
    Ok(STEPS.iter().filter(move |s| s.version > found))
}

/// See [`crate::Store::schema_is_current`]. A database without any schema is not current, and that is
/// no error.
pub async fn is_current(db: &impl Dialect) -> Result<bool> {
    let found = match db.rows("select coalesce(max(version), 0) as version from schema_version", Vec::new()).await {
        Ok(rows) => rows.first().map_or(Ok(0), |row| row.get::<i64>("schema_version", "version"))?,
        Err(StoreError::Other(_)) => 0,
        Err(error) => return Err(error),
    };
    Ok(found == known())
}
