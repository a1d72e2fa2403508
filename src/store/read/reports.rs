//! Sums for reports: it knows how payments are grouped in one walk over the asked-for range of ids, and must never be
//! on the path of a payment.

use bursar_core::bank::Day;
use bursar_core::channel::Method;
use bursar_core::id::{ChannelAccountId, MerchantId};
use bursar_core::insights::{Dimension, Group, Takings};
use bursar_core::reconcile::{Movement, MovementKind};

use super::certificate::ids_between;
use crate::Result;
use crate::codec::Reading;
use crate::codec::books::day_number;
use crate::dialect::Dialect;
use crate::reports::{DayMoved, Failures, InsightFilter, MAX_GROUPS, MAX_REASONS, MAX_TIMES};
use crate::value::{Record, Value};

/// A select over the payments of a range: the columns of their group (null where they are not told apart by it), more
/// columns, what is joined besides, more conditions, the columns to group by besides, and the end. Parameters 1 to 9
/// are those of [`values`]; 28800000 and 86400000 are Beijing's offset and a day in milliseconds. States 6 and 12 have
/// money, 7 and 8 ended without.
macro_rules! by_group {
    ($columns:literal, $joined:literal, $where:literal, $keys:literal, $end:literal) => {
        concat!(
            "select day, merchant, region, service, channel, method, currency, ",
            $columns,
            " from (select
                 case when $4 = 1 then (p.created_at + 28800000) / 86400000 end as day,
                 case when $5 = 1 then p.merchant end as merchant,
                 case when $6 = 1 then o.region end as region,
                 case when $7 = 1 then o.service end as service,
                 case when $8 = 1 then a.channel end as channel,
                 case when $9 = 1 then p.method end as method,
                 p.currency, p.state, p.taken_minor ",
            $joined,
            " where p.id >= $1 and p.id < $2 and ($3 is null or p.merchant = $3) ",
            $where,
            ") paid group by day, merchant, region, service, channel, method, currency",
            $keys,
            $end
        )
    };
}

fn values(filter: &InsightFilter) -> Vec<Value> {
    let (first, end) = ids_between(filter.from.begins_in_beijing(), filter.until.plus_days(1).begins_in_beijing());
    let by = |dimension: Dimension| Value::from(i32::from(filter.by.contains(&dimension)));
    let mut values = vec![first.into(), end.into(), filter.merchant.map(MerchantId::uuid).into()];
    values.extend(Dimension::ALL.map(by));
    values
}

fn group(record: &Record) -> Result<Group> {
    let row = Reading { record, table: "payment" };
    let method = match row.get::<Option<i16>>("method")? {
        Some(_) => Some(row.code("method", Method::from_code)?),
        None => None,
    };
    Ok(Group {
        day: row.get::<Option<i64>>("day")?.map(Day::from_number),
        merchant: row.get::<Option<uuid::Uuid>>("merchant")?.map(MerchantId),
        region: row.get("region")?,
        service: row.get("service")?,
        channel: row.maybe_name("channel")?,
        method,
        currency: row.name("currency")?,
    })
}

/// See [`crate::Reports::takings`].
pub async fn takings(db: &impl Dialect, filter: &InsightFilter) -> Result<Vec<(Group, Takings)>> {
    let sql = by_group!(
        "count(*) as payments,
         count(case when state in (6, 12) then 1 end) as paid,
         count(case when state in (7, 8) then 1 end) as failed,
         cast(coalesce(sum(case when state in (6, 12) then taken_minor end), 0) as bigint) as taken,
         count(case when back > 0 then 1 end) as refunded,
         cast(coalesce(sum(back), 0) as bigint) as back",
        ", (select sum(l.amount_minor) from refund_leg l
              where l.order_id = p.order_id and l.payment = p.id and l.state = 8) as back
         from payment p join orders o on o.id = p.order_id left join channel_account a on a.id = p.account",
        "",
        "",
        " order by day, merchant, region, service, channel, method, currency limit $10"
    );
    let mut values = values(filter);
    values.push(MAX_GROUPS.saturating_add(1).into());
    let rows = db.rows(sql, values).await?;
    let read = |record: &Record| {
        let row = Reading { record, table: "payment" };
        let takings = Takings {
            payments: row.get("payments")?,
            paid: row.get("paid")?,
            failed: row.get("failed")?,
            taken_minor: row.get("taken")?,
            refunded: row.get("refunded")?,
            refunded_minor: row.get("back")?,
        };
        Ok((group(record)?, takings))
    };
    rows.iter().map(read).collect()
}

/// See [`crate::Reports::times_to_paid`]. Movements of kind 1 are captures.
pub async fn times_to_paid(db: &impl Dialect, filter: &InsightFilter) -> Result<Vec<(Group, i64, i64)>> {
    let sql = by_group!(
        "case when s < 120 then s when s < 3600 then s / 10 * 10 else s / 60 * 60 end as seconds, count(*) as n",
        ", case when m.at > p.created_at then (m.at - p.created_at) / 1000 else 0 end as s
         from payment p join orders o on o.id = p.order_id left join channel_account a on a.id = p.account
           join movement m on m.subject = p.id and m.kind = 1",
        "and p.state in (6, 12)",
        ", seconds",
        " limit $10"
    );
    let mut values = values(filter);
    values.push(MAX_TIMES.saturating_add(1).into());
    let rows = db.rows(sql, values).await?;
    let read = |record: &Record| {
        let row = Reading { record, table: "payment" };
        Ok((group(record)?, row.get("seconds")?, row.get("n")?))
    };
    rows.iter().map(read).collect()
}

/// See [`crate::Reports::failures`]. Why a payment failed stands in its evidence: the last no to a charge, else what
/// the channel refused, else the payer's last attempt, else why it was closed.
pub async fn failures(db: &impl Dialect, filter: &InsightFilter) -> Result<Vec<Failures>> {
    let sql = by_group!(
        "reason, count(*) as n",
        ", substr(coalesce(
             json_at(p.evidence declined 1 reason), json_at(p.evidence refused 1),
             json_at(p.evidence attempt_failed 1), json_at(p.evidence close_requested 1), ''), 1, 100) as reason
         from payment p join orders o on o.id = p.order_id left join channel_account a on a.id = p.account",
        "and p.state in (7, 8)",
        ", reason",
        " order by n desc, reason, day, merchant, region, service, channel, method, currency limit $10"
    );
    let mut values = values(filter);
    values.push(MAX_REASONS.into());
    let rows = db.rows(sql, values).await?;
    let read = |record: &Record| {
        let row = Reading { record, table: "payment" };
        Ok(Failures { group: group(record)?, reason: row.get("reason")?, count: row.get("n")? })
    };
    rows.iter().map(read).collect()
}

/// See [`crate::Reports::moved_between`].
pub async fn moved_between(
    db: &impl Dialect,
    merchant: Option<MerchantId>,
    from: Day,
    until: Day,
) -> Result<Vec<DayMoved>> {
    let sql = "select m.account, a.channel, a.merchant, m.day, m.currency, m.kind, count(*) as n,
                 cast(sum(m.amount_minor) as bigint) as minor
               from channel_account a join movement m on m.account = a.id and m.day >= $2 and m.day <= $3
               where ($1 is null or a.merchant = $1)
               group by m.account, a.channel, a.merchant, m.day, m.currency, m.kind
               order by m.day, m.account, m.currency, m.kind";
    let values = vec![merchant.map(MerchantId::uuid).into(), day_number(from).into(), day_number(until).into()];
    let rows = db.rows(sql, values).await?;
    let read = |record: &Record| {
        let row = Reading { record, table: "movement" };
        Ok(DayMoved {
            account: ChannelAccountId(row.get("account")?),
            channel: row.name("channel")?,
            merchant: MerchantId(row.get("merchant")?),
            day: Day::from_number(i64::from(row.get::<i32>("day")?)),
            currency: row.name("currency")?,
            kind: row.code("kind", MovementKind::from_code)?,
            count: row.get("n")?,
            minor: row.get("minor")?,
        })
    };
    rows.iter().map(read).collect()
}

/// See [`crate::Reports::payouts_between`].
pub async fn payouts_between(
    db: &impl Dialect,
    account: ChannelAccountId,
    from: Day,
    until: Day,
) -> Result<Vec<(Movement, bool)>> {
    let sql = "select at, amount_minor, subject, payment, account, merchant, day, kind, currency, matched from movement
               where account = $1 and day >= $2 and day <= $3 and kind = $4 order by day, at, subject limit $5";
    let values = vec![
        account.uuid().into(),
        day_number(from).into(),
        day_number(until).into(),
        MovementKind::Payout.code().into(),
        super::dossier::MAX_PAGE.into(),
    ];
    db.rows(sql, values).await?.iter().map(crate::codec::books::movement).collect()
}
