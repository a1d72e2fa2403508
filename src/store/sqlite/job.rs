//! Claims and leases on SQLite: it knows how jobs are dealt out fairly in one writing transaction, and
//! must never run a job.

use bursar_core::Timestamp;
use bursar_core::id::MerchantId;
use bursar_core::job::{JobKey, JobKind, Queue};
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection};
use uuid::Uuid;

use super::Sqlite;
use crate::{ClaimRequest, Claimed, Result, StoreError};

/// Merchants of queue `$1` with a job due at `$2` whose lease, if any, has ended: hops over the claim index
/// from merchant to merchant.
const MERCHANTS: &str = "
with recursive turn(merchant) as (
  select (select j.merchant from job j where j.question is null and j.queue = $1 order by j.merchant limit 1)
  union all
  select (
    select j.merchant from job j
    where j.question is null and j.queue = $1 and j.merchant > t.merchant order by j.merchant limit 1
  )
  from turn t where t.merchant is not null
)
select t.merchant from turn t
where t.merchant is not null
  and not exists (select 1 from paused_queue p where p.queue = $1)
  and exists (
    select 1 from job j
    where j.question is null and j.queue = $1 and j.merchant = t.merchant and j.due_at <= $2
      and (j.owner is null or j.leased_until <= cast(unixepoch('subsec') * 1000 as integer))
  )";

/// The earliest due jobs of one merchant.
const DUE: &str = "
select kind, subject, merchant, due_at, step, attempts, note from job
where question is null and queue = $1 and merchant = $2 and due_at <= $3
  and (owner is null or leased_until <= cast(unixepoch('subsec') * 1000 as integer))
order by due_at limit $4";

/// A fence is at least the database's clock in microseconds (the last three digits are random, SQLite has
/// milliseconds), so it stays unique even when the job is deleted and added again.
const LEASE: &str = "
update job set owner = $3, leased_until = cast(unixepoch('subsec') * 1000 as integer) + $4, attempts = attempts + 1,
  fence = max(fence + 1, cast(unixepoch('subsec') * 1000 as integer) * 1000 + abs(random() % 1000))
where subject = $1 and kind = $2
returning fence";

const PARK: &str = "
update job set owner = null, leased_until = null, fence = fence + 1, question = $3 where subject = $1 and kind = $2";

/// See [`crate::Store::claim`]. Looks first without the writer's lock, so that an idle process disturbs
/// nobody.
pub async fn claim(db: &Sqlite, request: &ClaimRequest) -> Result<Vec<Claimed>> {
    let mut anything = false;
    for (queue, _) in request.wanted.iter().filter(|(_, amount)| *amount > 0) {
        let query = sqlx::query(MERCHANTS).bind(queue.code()).bind(request.now.as_millis());
        anything |= query.fetch_optional(&db.readers).await?.is_some();
    }
    if !anything {
        return Ok(Vec::new());
    }
    let mut writing = db.begin().await?;
    let connection = writing.connection()?;
    let mut claimed = Vec::new();
    for (queue, amount) in request.wanted.iter().filter(|(_, amount)| *amount > 0) {
        for row in deal(connection, *queue, *amount, request.now).await? {
            claimed.extend(lease(connection, &row, request).await?);
        }
    }
    writing.commit().await?;
    Ok(claimed)
}

/// Due jobs of `queue`, one merchant after the other, at most `amount`.
async fn deal(connection: &mut SqliteConnection, queue: Queue, amount: u32, now: Timestamp) -> Result<Vec<SqliteRow>> {
    let merchants = sqlx::query(MERCHANTS).bind(queue.code()).bind(now.as_millis()).fetch_all(&mut *connection).await?;
    let mut hands = Vec::with_capacity(merchants.len());
    for merchant in merchants {
        let merchant: Uuid = merchant.try_get(0)?;
        let query = sqlx::query(DUE).bind(queue.code()).bind(merchant).bind(now.as_millis()).bind(i64::from(amount));
        hands.push(query.fetch_all(&mut *connection).await?.into_iter());
    }
    let amount = usize::try_from(amount).unwrap_or(usize::MAX);
    let mut dealt = Vec::new();
    while dealt.len() < amount {
        let before = dealt.len();
        let mut round = Vec::new();
        for hand in &mut hands {
            if let Some(row) = hand.next() {
                round.push((row.try_get::<i64, _>("due_at")?, row));
            }
        }
        round.sort_by_key(|(due_at, _)| *due_at);
        dealt.extend(round.into_iter().map(|(_, row)| row).take(amount - before));
        if dealt.len() == before {
            break;
        }
    }
    Ok(dealt)
}

/// Leases one job, or parks it when it is past its attempts or of an unknown kind.
async fn lease(connection: &mut SqliteConnection, row: &SqliteRow, request: &ClaimRequest) -> Result<Option<Claimed>> {
    let code: i16 = row.try_get("kind")?;
    let subject: Uuid = row.try_get("subject")?;
    let attempts: i32 = row.try_get("attempts")?;
    let question = match JobKind::from_code(code) {
        None => format!("kind {code} is unknown to this program"),
        Some(kind) if attempts >= kind.max_attempts() => {
            let note: Option<String> = row.try_get("note")?;
            let last = note.unwrap_or_else(|| "no outcome was ever written (the process died?)".to_owned());
            format!("ended badly {attempts} times; last: {last}")
        }
        Some(kind) => {
            let query = sqlx::query(LEASE).bind(subject).bind(code).bind(request.owner).bind(request.lease_ms);
            let leased = query.fetch_one(connection).await?;
            return Ok(Some(Claimed {
                key: JobKey::new(kind, subject),
                merchant: MerchantId(row.try_get("merchant")?),
                due_at: Timestamp::from_millis(row.try_get("due_at")?),
                step: row.try_get("step")?,
                failures: attempts,
                fence: leased.try_get("fence")?,
            }));
        }
    };
    tracing::warn!(kind = code, %subject, "a job was parked when it was claimed");
    sqlx::query(PARK).bind(subject).bind(code).bind(question).execute(connection).await?;
    Ok(None)
}

/// See [`crate::Store::renew`].
pub async fn renew(db: &Sqlite, owner: Uuid, held: &[(JobKey, i64)], lease_ms: i64) -> Result<Vec<JobKey>> {
    if held.is_empty() {
        return Ok(Vec::new());
    }
    let mut writing = db.begin().await?;
    let connection = writing.connection()?;
    let mut kept = Vec::new();
    for (key, fence) in held {
        let sql = "update job set leased_until = cast(unixepoch('subsec') * 1000 as integer) + $5
                   where subject = $1 and kind = $2 and owner = $3 and fence = $4";
        let query = sqlx::query(sql).bind(key.subject).bind(key.kind.code()).bind(owner).bind(fence).bind(lease_ms);
        if query.execute(&mut *connection).await?.rows_affected() > 0 {
            kept.push(*key);
        }
    }
    writing.commit().await?;
    Ok(kept)
}

/// See [`crate::Store::release`].
pub async fn release(db: &Sqlite, owner: Uuid, held: &[(JobKey, i64)]) -> Result<u64> {
    if held.is_empty() {
        return Ok(0);
    }
    let mut writing = db.begin().await?;
    let connection = writing.connection()?;
    let mut released = 0;
    for (key, fence) in held {
        let sql = "update job set owner = null, leased_until = null, attempts = max(attempts - 1, 0)
                   where subject = $1 and kind = $2 and owner = $3 and fence = $4";
        let query = sqlx::query(sql).bind(key.subject).bind(key.kind.code()).bind(owner).bind(fence);
        released += query.execute(&mut *connection).await?.rows_affected();
    }
    writing.commit().await?;
    Ok(released)
}

/// See [`crate::Store::next_due`]. As on PostgreSQL, leases are looked for among each merchant's first jobs.
pub async fn next_due(db: &Sqlite, queues: &[Queue]) -> Result<Option<Timestamp>> {
    let sql = "
with recursive turn(merchant) as (
  select (select j.merchant from job j where j.question is null and j.queue = $1 order by j.merchant limit 1)
  union all
  select (
    select j.merchant from job j
    where j.question is null and j.queue = $1 and j.merchant > t.merchant order by j.merchant limit 1
  )
  from turn t where t.merchant is not null
)
select min(due) as due from (
  select (
    select j.due_at from job j
    where j.question is null and j.queue = $1 and j.merchant = t.merchant and j.owner is null
    order by j.due_at limit 1
  ) as due
  from turn t where t.merchant is not null
  union all
  select (
    select min(f.until) from (
      select max(j.due_at, j.leased_until) as until from job j
      where j.question is null and j.queue = $1 and j.merchant = t.merchant
      order by j.due_at limit 16
    ) f
  )
  from turn t where t.merchant is not null
)
where not exists (select 1 from paused_queue p where p.queue = $1)";
    let mut earliest: Option<i64> = None;
    for queue in queues {
        let row = sqlx::query(sql).bind(queue.code()).fetch_one(&db.readers).await?;
        let due: Option<i64> = row.try_get(0).map_err(StoreError::from)?;
        earliest = [earliest, due].into_iter().flatten().min();
    }
    Ok(earliest.map(Timestamp::from_millis))
}
