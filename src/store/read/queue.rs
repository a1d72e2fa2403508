//! Jobs as operators see and steer them: it knows the job table, and must never claim anything.

use bursar_core::Timestamp;
use bursar_core::job::{JobKey, JobKind, Queue};

use crate::dialect::Dialect;
use crate::record::{JobFilter, JobRow};
use crate::{Result, codec};

/// See [`crate::Store::jobs`]. A job of an unknown kind (of a newer program) is left out.
pub async fn list(db: &impl Dialect, filter: &JobFilter) -> Result<Vec<JobRow>> {
    let kind = filter.kind.map(JobKind::code);
    let (sql, values) = match (filter.subject, filter.parked_only) {
        (Some(subject), _) => (
            "select kind, subject, merchant, due_at, step, attempts, owner, note, question, created_at from job
             where subject = $1 and ($2 is null or kind = $2) and (question is not null or not $3)
             order by due_at, subject, kind limit $4",
            vec![subject.into(), kind.into(), filter.parked_only.into(), filter.limit.into()],
        ),
        (None, true) => (
            "select kind, subject, merchant, due_at, step, attempts, owner, note, question, created_at from job
             where question is not null and ($1 is null or kind = $1)
             order by due_at, subject, kind limit $2",
            vec![kind.into(), filter.limit.into()],
        ),
        (None, false) => (
            "select kind, subject, merchant, due_at, step, attempts, owner, note, question, created_at from job
             where ($1 is null or kind = $1)
             order by due_at, subject, kind limit $2",
            vec![kind.into(), filter.limit.into()],
        ),
    };
    let rows = db.rows(sql, values).await?;
    let mut jobs = Vec::new();
    for row in &rows {
        if JobKind::from_code(row.get("job", "kind")?).is_some() {
            jobs.push(codec::job(row)?);
        }
    }
    Ok(jobs)
}

/// See [`crate::Store::retry_job`].
pub async fn retry(db: &impl Dialect, key: JobKey, due_at: Timestamp) -> Result<bool> {
    let sql = "update job set due_at = $3, attempts = 0, question = null where subject = $1 and kind = $2";
    let values = vec![key.subject.into(), key.kind.code().into(), due_at.as_millis().into()];
    Ok(db.write(sql, values).await? > 0)
}

/// See [`crate::Store::cancel_job`].
pub async fn cancel(db: &impl Dialect, key: JobKey) -> Result<bool> {
    let sql = "delete from job where subject = $1 and kind = $2";
    Ok(db.write(sql, vec![key.subject.into(), key.kind.code().into()]).await? > 0)
}

/// See [`crate::Store::pause_queue`].
pub async fn pause(db: &impl Dialect, queue: Queue, paused: bool) -> Result<()> {
    let sql = if paused {
        "insert into paused_queue (queue) values ($1) on conflict do nothing"
    } else {
        "delete from paused_queue where queue = $1"
    };
    db.write(sql, vec![queue.code().into()]).await.map(drop)
}

/// See [`crate::Store::paused_queues`].
pub async fn paused(db: &impl Dialect) -> Result<Vec<Queue>> {
    let rows = db.rows("select queue from paused_queue order by queue", Vec::new()).await?;
    let mut queues = Vec::new();
    for row in &rows {
        queues.extend(Queue::from_code(row.get("paused_queue", "queue")?));
    }
    Ok(queues)
}
