//! Commits on SQLite: it knows transactions and savepoints, and must never know a column.
//!
//! A batch is first written as one: all guards, then what is appended by all changes in a few statements
//! of many rows. When a guard does not hold, the batch is rolled back and written again with a savepoint
//! per change. Refusals are rare, and each statement costs a hop to the connection's thread and back.

use sqlx::SqliteConnection;

use super::{Sqlite, append, guard};
use crate::{Answer, Change, Result};

/// Most changes of one transaction: readers see a batch only after it, and another process waits for it.
const MAX_CHANGES: usize = 256;

/// See [`crate::Store::commit`].
pub async fn commit(db: &Sqlite, changes: &[Change]) -> Result<Vec<Answer>> {
    let mut answers = Vec::with_capacity(changes.len());
    for batch in changes.chunks(MAX_CHANGES) {
        if together(db, batch).await? {
            answers.extend(batch.iter().map(|_| Answer::Committed));
        } else {
            one_by_one(db, batch, &mut answers).await?;
        }
    }
    Ok(answers)
}

/// Writes all of `batch`, or nothing when a guard does not hold.
async fn together(db: &Sqlite, batch: &[Change]) -> Result<bool> {
    let mut writing = db.begin().await?;
    let connection = writing.connection()?;
    for change in batch {
        if guard::run(connection, change).await?.is_some() {
            writing.rollback().await?;
            return Ok(false);
        }
    }
    append::run(connection, batch).await?;
    writing.commit().await?;
    Ok(true)
}

async fn one_by_one(db: &Sqlite, batch: &[Change], answers: &mut Vec<Answer>) -> Result<()> {
    let mut writing = db.begin().await?;
    let connection = writing.connection()?;
    let mut written = false;
    for change in batch {
        let answer = one(connection, change).await?;
        written |= answer == Answer::Committed;
        answers.push(answer);
    }
    if written { writing.commit().await } else { writing.rollback().await }
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
    append::run(connection, std::slice::from_ref(change)).await?;
    sqlx::query("release change").execute(&mut *connection).await?;
    Ok(Answer::Committed)
}
