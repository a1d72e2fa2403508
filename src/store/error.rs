//! What can go wrong in a database: it knows the classes that callers act on, and must never know what
//! a caller does about them.

/// Why the store could not do it. Cloneable, because one failed transaction fails many waiting callers.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum StoreError {
    /// What was configured cannot work; trying again does not help.
    #[error("{0}")]
    Configuration(String),
    /// The database cannot be used at the moment (connection lost, pool exhausted, restarting, busy,
    /// deadlock that outlived the retries): try again later.
    #[error("the database is unavailable: {0}")]
    Unavailable(String),
    /// A stored row cannot be read back.
    #[error("{table} {row}: column {column} cannot be read: {why}")]
    Corrupt {
        /// The table.
        table: &'static str,
        /// The row's key, as text.
        row: String,
        /// The column.
        column: &'static str,
        /// What is wrong with it.
        why: String,
    },
    /// The schema belongs to a newer program.
    #[error("the database has schema version {found}, this program knows {known}: use a newer program")]
    SchemaTooNew {
        /// Version in the database.
        found: i64,
        /// Newest version that this program knows.
        known: i64,
    },
    /// The caller handed in something that can never be written.
    #[error("{0}")]
    Misuse(String),
    /// The database refused: a broken constraint, a missing table, a statement error.
    #[error("the database refused: {0}")]
    Other(String),
}

impl StoreError {
    /// The error for a row that others point to and that is not there.
    pub fn missing(what: &str, id: impl std::fmt::Display) -> Self {
        Self::Other(format!("there is no {what} {id}"))
    }

    /// Whether the same call may succeed later.
    pub const fn is_transient(&self) -> bool {
        matches!(self, Self::Unavailable(_))
    }
}

/// Whether running the same transaction again at once may succeed: PostgreSQL's serialization failure and
/// deadlock, and a unique key that another transaction took between our look and our insert.
pub(crate) fn is_collision(error: &sqlx::Error) -> bool {
    matches!(code(error).as_deref(), Some("40001" | "40P01" | "23505"))
}

fn code(error: &sqlx::Error) -> Option<String> {
    error.as_database_error().and_then(|e| e.code()).map(std::borrow::Cow::into_owned)
}

/// PostgreSQL's SQLSTATE has five characters, SQLite's result codes have at most four digits.
fn code_is_transient(code: &str) -> bool {
    if code.len() == 5 {
        // 08 connection, 53 resources, 57P0x shutdown and start, 57014 statement time-out, 40 collisions,
        // 55P03 lock time-out, 25006 a standby answered (failover), 26000 and 0A000 a statement that was
        // prepared before the schema or the server changed.
        return ["08", "53", "57P", "40"].iter().any(|class| code.starts_with(class))
            || ["57014", "55P03", "25006", "26000", "0A000"].contains(&code);
    }
    // The low byte is the primary code: BUSY, LOCKED, INTERRUPT, IOERR, FULL, CANTOPEN, PROTOCOL.
    code.parse::<i64>().is_ok_and(|n| [5, 6, 9, 10, 13, 14, 15].contains(&(n & 0xff)))
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        let transient = match &error {
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::Protocol(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed
            | sqlx::Error::BeginFailed => true,
            sqlx::Error::Database(_) => code(&error).is_some_and(|c| code_is_transient(&c)),
            _ => false,
        };
        if transient { Self::Unavailable(error.to_string()) } else { Self::Other(error.to_string()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lost_connections_restarts_and_busy_files_are_transient_and_broken_constraints_are_not() {
        for code in ["08006", "57P01", "57P03", "53300", "40001", "40P01", "57014", "5", "261", "517", "6", "13"] {
            assert!(code_is_transient(code), "{code}");
        }
        for code in ["23505", "23514", "42P01", "22021", "19", "2067", "1", "1555"] {
            assert!(!code_is_transient(code), "{code}");
        }
        assert!(StoreError::from(sqlx::Error::PoolTimedOut).is_transient());
        assert!(!StoreError::from(sqlx::Error::RowNotFound).is_transient());
    }
}
