//! Claims and leases on PostgreSQL: it knows the one statement that claims fairly, and must never run a
//! job.

use std::collections::HashSet;

use bursar_core::Timestamp;
use bursar_core::id::MerchantId;
use bursar_core::job::{JobKey, JobKind, Queue};
use sqlx::Row;
use uuid::Uuid;

use super::Postgres;
use crate::{ClaimRequest, Claimed, Result, StoreError};

/// Claims, in one statement:
/// * `turn` hops over the claim index from merchant to merchant (a loose scan), so its cost grows with
///   merchants and not with jobs;
/// * `candidate` takes the earliest due jobs of each merchant, without locking;
/// * `picked` deals them out one merchant after the other and locks only as many as are wanted, skipping
///   what another process is claiming (there are twice as many candidates for that reason);
/// * the update leases them, or parks those that are past their attempts or of an unknown kind.
///
/// Nothing may hang on statistics: those of a queue that was just empty make the planner walk whole indexes.
/// Hence the `limit 1` in lookups (they cannot be turned into joins) and the lists of subjects that repeat a
/// join's condition (a scan begins with the keys, whatever is thought of the table's size).
///
/// A fence is at least the database's clock in microseconds: it stays unique even when the job is deleted
/// and added again, and when a crash of the server loses a claim.
const CLAIM: &str = "
with recursive clock as materialized (
  select floor(extract(epoch from clock_timestamp()) * 1000000)::bigint as us
), wish as materialized (
  select w.queue, w.amount from unnest($1::smallint[], $2::bigint[]) as w(queue, amount)
  where w.amount > 0 and not exists (select 1 from paused_queue p where p.queue = w.queue)
), turn as (
  select w.queue, w.amount, (
    select j.merchant from job j where j.question is null and j.queue = w.queue order by j.merchant limit 1
  ) as merchant
  from wish w
  union all
  select t.queue, t.amount, (
    select j.merchant from job j
    where j.question is null and j.queue = t.queue and j.merchant > t.merchant order by j.merchant limit 1
  )
  from turn t where t.merchant is not null
), due as (
  select t.queue, t.amount, t.merchant, count(*) over (partition by t.queue) as merchants
  from turn t
  where t.merchant is not null and (
    select j.due_at from job j
    where j.question is null and j.queue = t.queue and j.merchant = t.merchant order by j.due_at limit 1
  ) <= $3
), candidate as (
  select d.queue, c.kind, c.subject, c.due_at,
    row_number() over (partition by d.queue, d.merchant order by c.due_at) as round
  from due d cross join lateral (
    select j.kind, j.subject, j.due_at from job j
    where j.question is null and j.queue = d.queue and j.merchant = d.merchant and j.due_at <= $3
      and (j.owner is null or j.leased_until * 1000 <= (select us from clock))
    order by j.due_at
    limit least(2 * d.amount, greatest(4, 8 * d.amount / d.merchants))
  ) c
), ranked as materialized (
  select queue, kind, subject, row_number() over (partition by queue order by round, due_at) as place
  from candidate
), picked as materialized (
  select l.queue, l.kind, l.subject, l.place
  from wish w cross join lateral (
    select r.queue, r.place, c.kind, c.subject
    from (select * from ranked where queue = w.queue order by place) r cross join lateral (
      select j.kind, j.subject from job j
      where j.subject = r.subject and j.kind = r.kind and j.question is null and j.due_at <= $3
        and (j.owner is null or j.leased_until * 1000 <= (select us from clock))
      limit 1
      for update skip locked
    ) c
    order by r.place
    limit w.amount
  ) l
), judged as (
  select p.queue, p.kind, p.subject, p.place, k.max_attempts
  from picked p left join unnest($4::smallint[], $5::integer[]) as k(kind, max_attempts) on k.kind = p.kind
)
update job j set
  attempts = case when j.attempts < g.max_attempts then j.attempts + 1 else j.attempts end,
  owner = case when j.attempts < g.max_attempts then $6 end,
  leased_until = case when j.attempts < g.max_attempts then (select us from clock) / 1000 + $7 end,
  fence = greatest(j.fence + 1, (select us from clock)),
  question = case
    when j.attempts < g.max_attempts then null
    when g.max_attempts is null then 'kind ' || j.kind || ' is unknown to this program'
    else 'ended badly ' || j.attempts || ' times; last: ' || coalesce(j.note, 'no outcome was ever written (the process died?)')
  end
from judged g
where j.subject = any(array(select subject from picked)) and j.subject = g.subject and j.kind = g.kind
returning j.kind, j.subject, j.merchant, j.due_at, j.step, j.attempts, j.fence, g.queue, g.place,
  j.question is not null as parked";

/// See [`crate::Store::claim`].
pub async fn claim(db: &Postgres, request: &ClaimRequest) -> Result<Vec<Claimed>> {
    let queues: Vec<i16> = request.wanted.iter().map(|(q, _)| q.code()).collect();
    let amounts: Vec<i64> = request.wanted.iter().map(|(_, n)| i64::from(*n)).collect();
    let query = sqlx::query(CLAIM)
        .bind(queues)
        .bind(amounts)
        .bind(request.now.as_millis())
        .bind(JobKind::ALL.map(JobKind::code).to_vec())
        .bind(JobKind::ALL.map(JobKind::max_attempts).to_vec())
        .bind(request.owner)
        .bind(request.lease_ms);
    let rows = db.lease_work(query.fetch_all(&db.quick)).await?;
    let mut claimed = Vec::with_capacity(rows.len());
    for row in rows {
        let kind: i16 = row.try_get("kind")?;
        let (Some(kind), false) = (JobKind::from_code(kind), row.try_get("parked")?) else {
            tracing::warn!(kind, subject = %row.try_get::<Uuid, _>("subject")?, "a job was parked when it was claimed");
            continue;
        };
        let order: (i16, i64) = (row.try_get("queue")?, row.try_get("place")?);
        let job = Claimed {
            key: JobKey::new(kind, row.try_get("subject")?),
            merchant: MerchantId(row.try_get("merchant")?),
            due_at: Timestamp::from_millis(row.try_get("due_at")?),
            step: row.try_get("step")?,
            failures: row.try_get::<i32, _>("attempts")?.saturating_sub(1),
            fence: row.try_get("fence")?,
        };
        claimed.push((order, job));
    }
    claimed.sort_by_key(|(order, _)| *order);
    Ok(claimed.into_iter().map(|(_, job)| job).collect())
}

/// Keys and fences as columns, in the order in which all statements lock jobs.
fn held_columns(held: &[(JobKey, i64)]) -> (Vec<i16>, Vec<Uuid>, Vec<i64>) {
    let mut held: Vec<_> = held.iter().map(|(key, fence)| (key.subject, key.kind.code(), *fence)).collect();
    held.sort_unstable();
    (held.iter().map(|h| h.1).collect(), held.iter().map(|h| h.0).collect(), held.iter().map(|h| h.2).collect())
}

/// See [`crate::Store::renew`].
pub async fn renew(db: &Postgres, owner: Uuid, held: &[(JobKey, i64)], lease_ms: i64) -> Result<Vec<JobKey>> {
    if held.is_empty() {
        return Ok(Vec::new());
    }
    let sql = "update job j set leased_until = floor(extract(epoch from clock_timestamp()) * 1000)::bigint + $5
               from unnest($1::smallint[], $2::uuid[], $3::bigint[]) as h(kind, subject, fence)
               where j.subject = any($2) and j.subject = h.subject and j.kind = h.kind and j.fence = h.fence
                 and j.owner = $4
               returning j.kind, j.subject";
    let (kinds, subjects, fences) = held_columns(held);
    let query = sqlx::query(sql).bind(kinds).bind(subjects).bind(fences).bind(owner).bind(lease_ms);
    let rows = db.lease_work(query.fetch_all(&db.quick)).await?;
    let mut kept = HashSet::new();
    for row in rows {
        kept.insert((row.try_get::<i16, _>(0)?, row.try_get::<Uuid, _>(1)?));
    }
    Ok(held.iter().map(|(key, _)| *key).filter(|key| kept.contains(&(key.kind.code(), key.subject))).collect())
}

/// See [`crate::Store::release`].
pub async fn release(db: &Postgres, owner: Uuid, held: &[(JobKey, i64)]) -> Result<u64> {
    if held.is_empty() {
        return Ok(0);
    }
    let sql = "update job j set owner = null, leased_until = null, attempts = greatest(j.attempts - 1, 0)
               from unnest($1::smallint[], $2::uuid[], $3::bigint[]) as h(kind, subject, fence)
               where j.subject = any($2) and j.subject = h.subject and j.kind = h.kind and j.fence = h.fence
                 and j.owner = $4";
    let (kinds, subjects, fences) = held_columns(held);
    let query = sqlx::query(sql).bind(kinds).bind(subjects).bind(fences).bind(owner);
    Ok(db.lease_work(query.execute(&db.quick)).await?.rows_affected())
}

/// See [`crate::Store::next_due`]. Per merchant: its first job without a lease, and the earliest end of a
/// lease among its first sixteen jobs (leased jobs were due early, so they stand in front; it is a hint for
/// how long to sleep, and more rows would cost more than a look too early).
pub async fn next_due(db: &Postgres, queues: &[Queue]) -> Result<Option<Timestamp>> {
    let sql = "
with recursive wish as (
  select w.queue from unnest($1::smallint[]) as w(queue)
  where not exists (select 1 from paused_queue p where p.queue = w.queue)
), turn as (
  select w.queue, (
    select j.merchant from job j where j.question is null and j.queue = w.queue order by j.merchant limit 1
  ) as merchant
  from wish w
  union all
  select t.queue, (
    select j.merchant from job j
    where j.question is null and j.queue = t.queue and j.merchant > t.merchant order by j.merchant limit 1
  )
  from turn t where t.merchant is not null
)
select min(least(free.due_at, leased.until)) from turn t
left join lateral (
  select j.due_at from job j
  where j.question is null and j.queue = t.queue and j.merchant = t.merchant and j.owner is null
  order by j.due_at limit 1
) free on true
left join lateral (
  select min(f.until) as until from (
    select greatest(j.due_at, j.leased_until) as until from job j
    where j.question is null and j.queue = t.queue and j.merchant = t.merchant
    order by j.due_at limit 16
  ) f
) leased on true
where t.merchant is not null";
    let queues: Vec<i16> = queues.iter().map(|q| q.code()).collect();
    let row = db.lease_work(sqlx::query(sql).bind(queues).fetch_one(&db.quick)).await?;
    Ok(row.try_get::<Option<i64>, _>(0).map_err(StoreError::from)?.map(Timestamp::from_millis))
}
