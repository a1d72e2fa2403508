//! Commits on PostgreSQL: it knows passes, rollbacks and repetitions, and must never know a column.
//!
//! A pass is one transaction with one statement per table for all its changes. When the guard of some
//! change does not hold, the whole pass is rolled back, those changes are answered, and the others run
//! again: refusals are rare, and nothing is ever half written.

use std::collections::HashMap;

use super::pass::{choose, foregone};
use super::{Postgres, append, guard};
use crate::error::is_collision;
use crate::{Answer, Change, Result, StoreError};

/// How often a pass is run again after a deadlock or a serialization failure.
const MAX_COLLISIONS: u32 = 8;

/// How a pass ended.
enum Ended {
    /// Everything is written.
    Committed,
    /// Nothing is written; these (by index) were refused.
    Refused(HashMap<usize, Answer>),
}

/// See [`crate::Store::commit`].
pub async fn commit(db: &Postgres, changes: &[Change]) -> Result<Vec<Answer>> {
    let mut answers: Vec<Option<Answer>> = vec![None; changes.len()];
    loop {
        let pending: Vec<usize> =
            answers.iter().enumerate().filter(|(_, a)| a.is_none()).map(|(index, _)| index).collect();
        if pending.is_empty() {
            break;
        }
        let chosen = choose(changes, &pending);
        let pass: Vec<(usize, &Change)> = chosen.iter().filter_map(|i| Some((*i, changes.get(*i)?))).collect();
        match run_again_after_collisions(db, &pass).await? {
            Ended::Refused(refused) => refused.into_iter().for_each(|(i, answer)| set(&mut answers, i, answer)),
            Ended::Committed => {
                pass.iter().for_each(|(i, _)| set(&mut answers, *i, Answer::Committed));
                if pass.len() < pending.len() {
                    answer_the_foregone(changes, &pass, &mut answers);
                }
            }
        }
    }
    Ok(answers.into_iter().flatten().collect())
}

fn set(answers: &mut [Option<Answer>], index: usize, answer: Answer) {
    if let Some(slot) = answers.get_mut(index) {
        *slot = Some(answer);
    }
}

fn answer_the_foregone(changes: &[Change], pass: &[(usize, &Change)], answers: &mut [Option<Answer>]) {
    for (change, slot) in changes.iter().zip(answers.iter_mut()).filter(|(_, a)| a.is_none()) {
        *slot = pass.iter().find_map(|(_, committed)| foregone(change, committed));
    }
}

async fn run_again_after_collisions(db: &Postgres, pass: &[(usize, &Change)]) -> Result<Ended> {
    let mut collisions = 0;
    loop {
        let outcome = tokio::time::timeout(db.limit, run(db, pass)).await;
        match outcome {
            Ok(Ok(ended)) => return Ok(ended),
            Ok(Err(Failure::Sql(error))) if is_collision(&error) && collisions < MAX_COLLISIONS => collisions += 1,
            Ok(Err(failure)) => {
                let error = match failure {
                    Failure::Sql(error) => StoreError::from(error),
                    Failure::Store(error) => error,
                };
                if error.is_transient() {
                    db.health.note();
                }
                return Err(error);
            }
            Err(_) => {
                db.health.note();
                return Err(StoreError::Unavailable("no answer from PostgreSQL in time".to_owned()));
            }
        }
    }
}

/// Why a pass failed: the raw error tells collisions apart.
#[derive(Debug)]
pub enum Failure {
    /// The database said so.
    Sql(sqlx::Error),
    /// We did.
    Store(StoreError),
}

impl From<sqlx::Error> for Failure {
    fn from(error: sqlx::Error) -> Self {
        Self::Sql(error)
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// One transaction. Whatever ends it early rolls it back (by dropping it). When losing each of its changes
/// would only cost work, it does not wait for the disk.
async fn run(db: &Postgres, pass: &[(usize, &Change)]) -> std::result::Result<Ended, Failure> {
    let may_be_lost = pass.iter().all(|(_, change)| change.may_be_lost);
    let mut tx = if may_be_lost { db.quick.begin().await? } else { db.durable.begin().await? };
    let refused = guard::run(&mut tx, pass).await?;
    if !refused.is_empty() {
        tx.rollback().await?;
        return Ok(Ended::Refused(refused));
    }
    append::run(&mut tx, pass).await?;
    tx.commit().await?;
    Ok(Ended::Committed)
}
