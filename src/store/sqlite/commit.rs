//! Commits on SQLite: it knows one transaction with a savepoint per change, and must never know a column.

use sqlx::SqliteConnection;

use super::{Sqlite, append, guard};
use crate::{Answer, Change, Result};

/// Most changes of one transaction: readers see a batch only after it, and another process waits for it.
const MAX_CHANGES: usize = 256;

/// See [`crate::Store::commit`].
pub async fn commit(db: &Sqlite, changes: &[Change]) -> Result<Vec<Answer>> {
    let mut answers = Vec::with_capacity(changes.len());
    for batch in changes.chunks(MAX_CHANGES) {
        let mut writing = db.begin().await?;
        let connection = writing.connection()?;
        let mut written = false;
        for change in batch {
            let answer = one(connection, change).await?;
            written |= answer == Answer::Committed;
            answers.push(answer);
        }
        if written {
            writing.commit().await?;
        } else {
            writing.rollback().await?;
        }
    }
    Ok(answers)
}

/// Writes one change, or nothing of it.
async fn one(connection: &mut SqliteConnection, change: &Change) -> Result<Answer> {
    sqlx::query("savepoint change").execute(&mut *connection).await?;
    let refused = guard::run(connection, change).await?;
    if let Some(answer) = refused {
        sqlx::query("rollback to change").execute(&mut *connection).await?;
        sqlx::query("release change").execute(&mut *connection).await?;
        return Ok(answer);
    }
    append::run(connection, change).await?;
    sqlx::query("release change").execute(&mut *connection).await?;
    Ok(Answer::Committed)
}
