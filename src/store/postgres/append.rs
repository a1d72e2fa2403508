//! The unguarded statements of a pass: it knows what is appended, added and cancelled, and must never be
//! run before all guards held.

use std::collections::BTreeMap;

use sqlx::PgConnection;
use uuid::Uuid;

use super::commit::Failure;
use super::{bank, billing, books};
use crate::codec::{plain, to_json};
use crate::{Change, numbering};

type Pass<'a> = [(usize, &'a Change)];
type Done = std::result::Result<(), Failure>;

/// Runs every unguarded statement of `pass`. Jobs are cancelled before others are added, so that a change
/// may replace a job.
pub async fn run(tx: &mut PgConnection, pass: &Pass<'_>) -> Done {
    cancel_jobs(tx, pass).await?;
    add_jobs(tx, pass).await?;
    insert_observations(tx, pass).await?;
    insert_postings(tx, pass).await?;
    delete_questions(tx, pass).await?;
    insert_questions(tx, pass).await?;
    insert_deliveries(tx, pass).await?;
    billing::put_installments(tx, pass).await?;
    bank::insert_lines(tx, pass).await?;
    books::append(tx, pass).await?;
    note_last_paid(tx, pass).await?;
    note_attempts(tx, pass).await
}

async fn cancel_jobs(tx: &mut PgConnection, pass: &Pass<'_>) -> Done {
    let mut keys: Vec<(Uuid, i16)> =
        pass.iter().flat_map(|(_, c)| &c.cancel).map(|k| (k.subject, k.kind.code())).collect();
    if keys.is_empty() {
        return Ok(());
    }
    keys.sort_unstable();
    let sql = "delete from job j using unnest($1::uuid[], $2::smallint[]) as k(subject, kind)
               where j.subject = any($1) and j.subject = k.subject and j.kind = k.kind";
    let query = sqlx::query(sql)
        .bind(keys.iter().map(|k| k.0).collect::<Vec<_>>())
        .bind(keys.iter().map(|k| k.1).collect::<Vec<_>>());
    query.execute(tx).await?;
    Ok(())
}

async fn add_jobs(tx: &mut PgConnection, pass: &Pass<'_>) -> Done {
    // A statement may touch a row only once: of the same job twice in a change the earlier counts.
    let mut jobs = BTreeMap::new();
    for job in pass.iter().flat_map(|(_, c)| &c.jobs) {
        let slot = jobs.entry((job.key.subject, job.key.kind.code())).or_insert(job);
        if job.due_at < slot.due_at {
            *slot = job;
        }
    }
    if jobs.is_empty() {
        return Ok(());
    }
    // Written so that no index but the primary key fits (see the claim): `num_nulls` is `is null`, `least` is `>`.
    let sql = "with added as materialized (
                 select * from unnest($1::bigint[], $2::integer[], $3::smallint[], $4::smallint[], $5::uuid[], $6::uuid[])
                   as n(due_at, step, kind, queue, subject, merchant)
               ), moved as (
                 update job j set due_at = a.due_at, step = a.step from added a
                 where j.subject = any($5) and j.subject = a.subject and j.kind = a.kind
                   and j.owner is null and num_nulls(j.question) = 1 and least(j.due_at, a.due_at) <> j.due_at
               )
               insert into job (created_at, due_at, step, kind, queue, subject, merchant, attempts, fence)
               select floor(extract(epoch from clock_timestamp()) * 1000)::bigint, a.due_at, a.step, a.kind, a.queue,
                 a.subject, a.merchant, 0, 0
               from added a
               where (select 1 from job j where j.subject = a.subject and j.kind = a.kind limit 1) is null";
    let query = sqlx::query(sql)
        .bind(jobs.values().map(|j| j.due_at.as_millis()).collect::<Vec<_>>())
        .bind(jobs.values().map(|j| j.step).collect::<Vec<_>>())
        .bind(jobs.values().map(|j| j.key.kind.code()).collect::<Vec<_>>())
        .bind(jobs.values().map(|j| j.key.kind.queue().code()).collect::<Vec<_>>())
        .bind(jobs.values().map(|j| j.key.subject).collect::<Vec<_>>())
        .bind(jobs.values().map(|j| j.merchant.uuid()).collect::<Vec<_>>());
    query.execute(tx).await?;
    Ok(())
}

async fn insert_observations(tx: &mut PgConnection, pass: &Pass<'_>) -> Done {
    let mut rows = Vec::new();
    let mut claims = Vec::new();
    for (_, change) in pass {
        for (sequence, (subject, observation)) in numbering::observations(change)? {
            claims.push(to_json(&observation.claim)?);
            rows.push((sequence, subject.uuid(), observation));
        }
    }
    if rows.is_empty() {
        return Ok(());
    }
    let sql = "insert into observation (sequence, seen_at, subject, source, notification, claim)
               select * from unnest($1::bigint[], $2::bigint[], $3::uuid[], $4::smallint[], $5::uuid[], $6::text[])";
    let query = sqlx::query(sql)
        .bind(rows.iter().map(|r| r.0).collect::<Vec<_>>())
        .bind(rows.iter().map(|r| r.2.seen_at.as_millis()).collect::<Vec<_>>())
        .bind(rows.iter().map(|r| r.1).collect::<Vec<_>>())
        .bind(rows.iter().map(|r| r.2.source.code()).collect::<Vec<_>>())
        .bind(rows.iter().map(|r| r.2.notification.map(|n| n.uuid())).collect::<Vec<_>>())
        .bind(claims);
    query.execute(tx).await?;
    Ok(())
}

async fn insert_postings(tx: &mut PgConnection, pass: &Pass<'_>) -> Done {
    let mut rows = Vec::new();
    for (_, change) in pass {
        for (sequence, (posting, at)) in numbering::postings(change)? {
            rows.push((sequence, posting, at.as_millis()));
        }
    }
    if rows.is_empty() {
        return Ok(());
    }
    let sql = "insert into posting (sequence, amount_minor, at, subject, debit_owner, credit_owner, debit_kind,
                 credit_kind, currency)
               select * from unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::uuid[], $5::uuid[], $6::uuid[],
                 $7::smallint[], $8::smallint[], $9::text[])";
    let query = sqlx::query(sql)
        .bind(rows.iter().map(|r| r.0).collect::<Vec<_>>())
        .bind(rows.iter().map(|r| r.1.amount.minor).collect::<Vec<_>>())
        .bind(rows.iter().map(|r| r.2).collect::<Vec<_>>())
        .bind(rows.iter().map(|r| r.1.subject).collect::<Vec<_>>())
        .bind(rows.iter().map(|r| r.1.debit.owner).collect::<Vec<_>>())
        .bind(rows.iter().map(|r| r.1.credit.owner).collect::<Vec<_>>())
        .bind(rows.iter().map(|r| r.1.debit.kind.code()).collect::<Vec<_>>())
        .bind(rows.iter().map(|r| r.1.credit.kind.code()).collect::<Vec<_>>())
        .bind(rows.iter().map(|r| r.1.amount.currency.code()).collect::<Vec<_>>());
    query.execute(tx).await?;
    Ok(())
}

async fn delete_questions(tx: &mut PgConnection, pass: &Pass<'_>) -> Done {
    let mut keys: Vec<(Uuid, i16)> = pass.iter().flat_map(|(_, c)| &c.answered).map(|(s, k)| (*s, k.code())).collect();
    if keys.is_empty() {
        return Ok(());
    }
    keys.sort_unstable();
    let sql = "delete from question q using unnest($1::uuid[], $2::smallint[]) as k(subject, kind)
               where q.subject = any($1) and q.subject = k.subject and q.kind = k.kind";
    let query = sqlx::query(sql)
        .bind(keys.iter().map(|k| k.0).collect::<Vec<_>>())
        .bind(keys.iter().map(|k| k.1).collect::<Vec<_>>());
    query.execute(tx).await?;
    Ok(())
}

async fn insert_questions(tx: &mut PgConnection, pass: &Pass<'_>) -> Done {
    let mut rows: Vec<_> = pass
        .iter()
        .flat_map(|(_, c)| c.questions.iter().map(|q| (q.subject, q.kind.code(), &q.text, numbering::asked_at(c))))
        .collect();
    if rows.is_empty() {
        return Ok(());
    }
    rows.sort_unstable();
    let sql = "insert into question (subject, kind, opened_at, text, order_id)
               select n.subject, n.kind,
                 coalesce(n.opened_at, floor(extract(epoch from clock_timestamp()) * 1000)::bigint), n.text,
                 coalesce((select p.order_id from payment p where p.id = n.subject),
                   (select l.order_id from refund_leg l where l.id = n.subject),
                   (select r.order_id from refund r where r.id = n.subject),
                   (select c.order_id from collection c where c.id = n.subject),
                   (select o.id from orders o where o.id = n.subject))
               from unnest($1::uuid[], $2::smallint[], $3::bigint[], $4::text[]) as n(subject, kind, opened_at, text)
               on conflict do nothing";
    let query = sqlx::query(sql)
        .bind(rows.iter().map(|r| r.0).collect::<Vec<_>>())
        .bind(rows.iter().map(|r| r.1).collect::<Vec<_>>())
        .bind(rows.iter().map(|r| r.3.map(|t| t.as_millis())).collect::<Vec<_>>())
        .bind(rows.iter().map(|r| plain(r.2)).collect::<Vec<_>>());
    query.execute(tx).await?;
    Ok(())
}

async fn insert_deliveries(tx: &mut PgConnection, pass: &Pass<'_>) -> Done {
    let mut rows: Vec<_> = pass.iter().flat_map(|(_, c)| &c.new_deliveries).collect();
    if rows.is_empty() {
        return Ok(());
    }
    rows.sort_unstable_by_key(|d| d.id);
    let sql = "insert into delivery (sequence, created_at, id, about, about_kind, kind, endpoint, body, attempts)
               select n.sequence, n.created_at, n.id, n.about, n.about_kind, n.kind, n.endpoint, n.body, 0
               from unnest($1::bigint[], $2::bigint[], $3::uuid[], $4::uuid[], $5::smallint[], $6::smallint[], $7::uuid[],
                 $8::text[]) as n(sequence, created_at, id, about, about_kind, kind, endpoint, body)
               where (select 1 from delivery d where d.id = n.id limit 1) is null";
    let query = sqlx::query(sql)
        .bind(rows.iter().map(|d| d.sequence).collect::<Vec<_>>())
        .bind(rows.iter().map(|d| d.created_at.as_millis()).collect::<Vec<_>>())
        .bind(rows.iter().map(|d| d.id.uuid()).collect::<Vec<_>>())
        .bind(rows.iter().map(|d| d.about.uuid()).collect::<Vec<_>>())
        .bind(rows.iter().map(|d| d.about.code()).collect::<Vec<_>>())
        .bind(rows.iter().map(|d| d.kind.code()).collect::<Vec<_>>())
        .bind(rows.iter().map(|d| d.endpoint.map(|e| e.uuid())).collect::<Vec<_>>())
        .bind(rows.iter().map(|d| d.body.as_str()).collect::<Vec<_>>());
    query.execute(tx).await?;
    Ok(())
}

async fn note_last_paid(tx: &mut PgConnection, pass: &Pass<'_>) -> Done {
    let rows = numbering::last_paid(pass.iter().map(|(_, c)| *c));
    if rows.is_empty() {
        return Ok(());
    }
    let sql = "insert into payer_method as m (last_paid_at, merchant, method, payer)
               select * from unnest($1::bigint[], $2::uuid[], $3::smallint[], $4::text[])
               on conflict (merchant, payer, method) do update set last_paid_at = excluded.last_paid_at
                 where m.last_paid_at < excluded.last_paid_at";
    let query = sqlx::query(sql)
        .bind(rows.iter().map(|p| p.at.as_millis()).collect::<Vec<_>>())
        .bind(rows.iter().map(|p| p.merchant.uuid()).collect::<Vec<_>>())
        .bind(rows.iter().map(|p| p.method.code()).collect::<Vec<_>>())
        .bind(rows.iter().map(|p| plain(&p.payer)).collect::<Vec<_>>());
    query.execute(tx).await?;
    Ok(())
}

/// A delivery that was already delivered keeps its time: a second success is the same success.
async fn note_attempts(tx: &mut PgConnection, pass: &Pass<'_>) -> Done {
    let mut rows: Vec<_> = pass.iter().flat_map(|(_, c)| &c.delivery_attempts).collect();
    if rows.is_empty() {
        return Ok(());
    }
    rows.sort_unstable_by_key(|d| d.id);
    let sql = "update delivery d set attempts = d.attempts + 1,
                 delivered_at = case when a.error is null then coalesce(d.delivered_at, a.at) else d.delivered_at end,
                 given_up_at = case when a.given_up then coalesce(d.given_up_at, a.at) else d.given_up_at end,
                 last_error = coalesce(a.error, d.last_error)
               from unnest($1::uuid[], $2::bigint[], $3::text[], $4::boolean[]) as a(id, at, error, given_up)
               where d.id = any($1) and d.id = a.id";
    let query = sqlx::query(sql)
        .bind(rows.iter().map(|d| d.id.uuid()).collect::<Vec<_>>())
        .bind(rows.iter().map(|d| d.at.as_millis()).collect::<Vec<_>>())
        .bind(rows.iter().map(|d| d.error.as_deref().map(plain)).collect::<Vec<_>>())
        .bind(rows.iter().map(|d| d.given_up).collect::<Vec<_>>());
    query.execute(tx).await?;
    Ok(())
}
