//! The unguarded statements of a change: it knows what is appended, added and cancelled, and must never be
//! run before all guards held.

use sqlx::SqliteConnection;

use crate::codec::{plain, to_json};
use crate::{Change, Result, numbering};

/// Runs every unguarded statement of `change`. Jobs are cancelled before others are added, so that a change
/// may replace a job.
pub async fn run(connection: &mut SqliteConnection, change: &Change) -> Result<()> {
    jobs(connection, change).await?;
    books(connection, change).await?;
    deliveries(connection, change).await
}

async fn jobs(connection: &mut SqliteConnection, change: &Change) -> Result<()> {
    for key in &change.cancel {
        let sql = "delete from job where subject = $1 and kind = $2";
        sqlx::query(sql).bind(key.subject).bind(key.kind.code()).execute(&mut *connection).await?;
    }
    for job in &change.jobs {
        let sql = "insert into job (created_at, due_at, step, kind, queue, subject, merchant, attempts, fence)
                   values (cast(unixepoch('subsec') * 1000 as integer), $1, $2, $3, $4, $5, $6, 0, 0)
                   on conflict (subject, kind) do update set due_at = excluded.due_at, step = excluded.step
                   where owner is null and question is null and due_at > excluded.due_at";
        sqlx::query(sql)
            .bind(job.due_at.as_millis())
            .bind(job.step)
            .bind(job.key.kind.code())
            .bind(job.key.kind.queue().code())
            .bind(job.key.subject)
            .bind(job.merchant.uuid())
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

async fn books(connection: &mut SqliteConnection, change: &Change) -> Result<()> {
    for (sequence, (payment, observation)) in numbering::observations(change)? {
        let sql = "insert into observation (sequence, seen_at, payment, source, notification, claim)
                   values ($1, $2, $3, $4, $5, $6)";
        sqlx::query(sql)
            .bind(sequence)
            .bind(observation.seen_at.as_millis())
            .bind(payment.uuid())
            .bind(observation.source.code())
            .bind(observation.notification.map(|n| n.uuid()))
            .bind(to_json(&observation.claim)?)
            .execute(&mut *connection)
            .await?;
    }
    for (sequence, (posting, at)) in numbering::postings(change)? {
        let sql = "insert into posting (sequence, amount_minor, at, payment, debit_owner, credit_owner, debit_kind,
                     credit_kind, currency)
                   values ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
        sqlx::query(sql)
            .bind(sequence)
            .bind(posting.amount.minor)
            .bind(at.as_millis())
            .bind(posting.payment.uuid())
            .bind(posting.debit.owner)
            .bind(posting.credit.owner)
            .bind(posting.debit.kind.code())
            .bind(posting.credit.kind.code())
            .bind(posting.amount.currency.code())
            .execute(&mut *connection)
            .await?;
    }
    for question in &change.questions {
        let sql = "insert into question (payment, kind, opened_at, text)
                   values ($1, $2, coalesce($3, cast(unixepoch('subsec') * 1000 as integer)), $4)
                   on conflict do nothing";
        sqlx::query(sql)
            .bind(question.payment.uuid())
            .bind(question.kind.code())
            .bind(numbering::asked_at(change).map(|t| t.as_millis()))
            .bind(plain(&question.text))
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

/// A delivery that was already delivered keeps its time: a second success is the same success.
async fn deliveries(connection: &mut SqliteConnection, change: &Change) -> Result<()> {
    for delivery in &change.new_deliveries {
        let sql = "insert into delivery (sequence, created_at, id, order_id, kind, endpoint, body, attempts)
                   values ($1, $2, $3, $4, $5, $6, $7, 0)
                   on conflict do nothing";
        sqlx::query(sql)
            .bind(delivery.sequence)
            .bind(delivery.created_at.as_millis())
            .bind(delivery.id.uuid())
            .bind(delivery.order.uuid())
            .bind(delivery.kind.code())
            .bind(delivery.endpoint.map(|e| e.uuid()))
            .bind(delivery.body.as_str())
            .execute(&mut *connection)
            .await?;
    }
    for attempt in &change.delivery_attempts {
        let sql = "update delivery set attempts = attempts + 1,
                     delivered_at = case when $3 is null then coalesce(delivered_at, $2) else delivered_at end,
                     given_up_at = case when $4 then coalesce(given_up_at, $2) else given_up_at end,
                     last_error = coalesce($3, last_error)
                   where id = $1";
        sqlx::query(sql)
            .bind(attempt.id.uuid())
            .bind(attempt.at.as_millis())
            .bind(attempt.error.as_deref().map(plain))
            .bind(attempt.given_up)
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}
