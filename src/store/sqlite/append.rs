//! The unguarded statements of changes: it knows what is appended, added and cancelled, and must never be
//! run before all guards held.

use sqlx::query_builder::Separated;
use sqlx::{QueryBuilder, Sqlite, SqliteConnection};

use super::{bank, billing, books};
use crate::codec::{plain, to_json};
use crate::{Change, Result, numbering};

/// Rows of one statement. Few sizes, so that the connection's cache holds every statement prepared.
const CHUNKS: [usize; 3] = [16, 4, 1];

/// The present instant by the database's clock, in milliseconds.
const NOW_MS: &str = "cast(unixepoch('subsec') * 1000 as integer)";

/// Runs every unguarded statement of `changes`. Jobs are cancelled before others are added, so that a
/// change may replace a job.
pub async fn run(connection: &mut SqliteConnection, changes: &[Change]) -> Result<()> {
    jobs(connection, changes).await?;
    observations(connection, changes).await?;
    postings(connection, changes).await?;
    questions(connection, changes).await?;
    deliveries(connection, changes).await?;
    billing::put_installments(connection, changes).await?;
    bank::insert_lines(connection, changes).await?;
    books::append(connection, changes).await?;
    last_paid(connection, changes).await?;
    attempts(connection, changes).await
}

/// `head values (…), (…) tail` for all `rows`, in chunks.
pub async fn insert<T>(
    connection: &mut SqliteConnection,
    head: &'static str,
    rows: &[T],
    tail: &'static str,
    bind: impl Fn(&mut Separated<'_, Sqlite, &'static str>, &T),
) -> Result<()> {
    let mut rest = rows;
    for size in CHUNKS {
        while rest.len() >= size {
            let (chunk, after) = rest.split_at(size);
            rest = after;
            let mut builder = QueryBuilder::new(head);
            builder.push_values(chunk, |mut row, item| bind(&mut row, item));
            builder.push(tail);
            builder.build().execute(&mut *connection).await?;
        }
    }
    Ok(())
}

async fn jobs(connection: &mut SqliteConnection, changes: &[Change]) -> Result<()> {
    for key in changes.iter().flat_map(|c| &c.cancel) {
        let sql = "delete from job where subject = $1 and kind = $2";
        sqlx::query(sql).bind(key.subject).bind(key.kind.code()).execute(&mut *connection).await?;
    }
    let rows: Vec<_> = changes.iter().flat_map(|c| &c.jobs).collect();
    let head = "insert into job (created_at, due_at, step, kind, queue, subject, merchant, attempts, fence) ";
    let tail = " on conflict (subject, kind) do update set due_at = excluded.due_at, step = excluded.step
                 where owner is null and question is null and due_at > excluded.due_at";
    insert(connection, head, &rows, tail, |row, job| {
        row.push(NOW_MS)
            .push_bind(job.due_at.as_millis())
            .push_bind(job.step)
            .push_bind(job.key.kind.code())
            .push_bind(job.key.kind.queue().code())
            .push_bind(job.key.subject)
            .push_bind(job.merchant.uuid())
            .push("0")
            .push("0");
    })
    .await
}

async fn observations(connection: &mut SqliteConnection, changes: &[Change]) -> Result<()> {
    let mut rows = Vec::new();
    for change in changes {
        for (sequence, (subject, observation)) in numbering::observations(change)? {
            rows.push((sequence, subject.uuid(), observation, to_json(&observation.claim)?));
        }
    }
    let head = "insert into observation (sequence, seen_at, subject, source, notification, claim) ";
    insert(connection, head, &rows, "", |row, (sequence, subject, observation, claim)| {
        row.push_bind(*sequence)
            .push_bind(observation.seen_at.as_millis())
            .push_bind(*subject)
            .push_bind(observation.source.code())
            .push_bind(observation.notification.map(|n| n.uuid()))
            .push_bind(claim.clone());
    })
    .await
}

async fn postings(connection: &mut SqliteConnection, changes: &[Change]) -> Result<()> {
    let mut rows = Vec::new();
    for change in changes {
        rows.extend(numbering::postings(change)?);
    }
    let head = "insert into posting (sequence, amount_minor, at, subject, debit_owner, credit_owner, debit_kind,
                  credit_kind, currency) ";
    insert(connection, head, &rows, "", |row, (sequence, (posting, at))| {
        row.push_bind(*sequence)
            .push_bind(posting.amount.minor)
            .push_bind(at.as_millis())
            .push_bind(posting.subject)
            .push_bind(posting.debit.owner)
            .push_bind(posting.credit.owner)
            .push_bind(posting.debit.kind.code())
            .push_bind(posting.credit.kind.code())
            .push_bind(posting.amount.currency.code());
    })
    .await
}

/// Questions are rare: one statement each. Old ones are closed first, so that a change may ask anew.
async fn questions(connection: &mut SqliteConnection, changes: &[Change]) -> Result<()> {
    for change in changes {
        for (subject, kind) in &change.answered {
            let sql = "delete from question where subject = $1 and kind = $2";
            sqlx::query(sql).bind(*subject).bind(kind.code()).execute(&mut *connection).await?;
        }
        for question in &change.questions {
            let sql = "insert into question (subject, kind, opened_at, text, order_id)
                       values ($1, $2, coalesce($3, cast(unixepoch('subsec') * 1000 as integer)), $4,
                         coalesce((select order_id from payment where id = $1),
                           (select order_id from refund_leg where id = $1),
                           (select order_id from refund where id = $1),
                           (select order_id from collection where id = $1),
                           (select id from orders where id = $1)))
                       on conflict do nothing";
            sqlx::query(sql)
                .bind(question.subject)
                .bind(question.kind.code())
                .bind(numbering::asked_at(change).map(|t| t.as_millis()))
                .bind(plain(&question.text))
                .execute(&mut *connection)
                .await?;
        }
    }
    Ok(())
}

async fn deliveries(connection: &mut SqliteConnection, changes: &[Change]) -> Result<()> {
    let rows: Vec<_> = changes.iter().flat_map(|c| &c.new_deliveries).collect();
    let head = "insert into delivery (sequence, created_at, id, about, about_kind, kind, endpoint, body, attempts) ";
    insert(connection, head, &rows, " on conflict do nothing", |row, delivery| {
        row.push_bind(delivery.sequence)
            .push_bind(delivery.created_at.as_millis())
            .push_bind(delivery.id.uuid())
            .push_bind(delivery.about.uuid())
            .push_bind(delivery.about.code())
            .push_bind(delivery.kind.code())
            .push_bind(delivery.endpoint.map(|e| e.uuid()))
            .push_bind(delivery.body.clone())
            .push("0");
    })
    .await
}

async fn last_paid(connection: &mut SqliteConnection, changes: &[Change]) -> Result<()> {
    for paid in numbering::last_paid(changes.iter()) {
        let sql = "insert into payer_method (last_paid_at, merchant, method, payer) values ($1, $2, $3, $4)
                   on conflict (merchant, payer, method) do update set last_paid_at = excluded.last_paid_at
                     where last_paid_at < excluded.last_paid_at";
        sqlx::query(sql)
            .bind(paid.at.as_millis())
            .bind(paid.merchant.uuid())
            .bind(paid.method.code())
            .bind(plain(&paid.payer))
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

/// A delivery that was already delivered keeps its time: a second success is the same success.
async fn attempts(connection: &mut SqliteConnection, changes: &[Change]) -> Result<()> {
    for attempt in changes.iter().flat_map(|c| &c.delivery_attempts) {
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
