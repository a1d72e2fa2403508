//! Agreements, plans and their installments: it knows how they are found, and must never decide what becomes of
//! them.

use bursar_core::Timestamp;
use bursar_core::agreement::Agreement;
use bursar_core::billing::{Plan, PlanFile};
use bursar_core::id::{AgreementId, MerchantId, PlanId};
use uuid::Uuid;

use super::dossier::MAX_PAGE;
use crate::Result;
use crate::billing::{AgreementFilter, Extent, PlanFilter};
use crate::codec::{self, Reading, plain};
use crate::dialect::Dialect;
use crate::value::{Record, Value};

/// A select of all columns of agreements, with the given rest of the statement.
macro_rules! agreements {
    ($rest:literal) => {
        concat!(
            "select a.id, a.merchant, a.account, a.method, a.payer, a.details, a.description, a.limit_minor, a.currency,
               a.rhythm, a.state, a.evidence, a.sign_by, a.due_at, a.event_count, a.version, a.created_at
             from agreement a ",
            $rest
        )
    };
}

/// The columns of plans, `terms` as given.
macro_rules! plan_columns {
    ($terms:literal) => {
        concat!(
            "select p.id, p.merchant, p.number, p.payer, p.description, p.currency, p.agreement, p.state, p.progress,
               p.due_at, p.event_count, p.version, p.created_at, ",
            $terms,
            " as terms"
        )
    };
}

/// A select of all columns of plans, with the given rest of the statement.
macro_rules! plans {
    ($rest:literal) => {
        concat!(plan_columns!("p.terms"), " from plan p ", $rest)
    };
}

/// The same of one plan, joined with those of its installments that the given condition picks. The terms come only
/// in the first row: they may be long, and so may the list.
macro_rules! file {
    ($which:literal) => {
        concat!(
            plan_columns!("case when row_number() over (order by i.seq) = 1 then p.terms end"),
            ", i.seq as i_seq, i.due_on as i_due_on, i.minor as i_minor, i.state as i_state, i.order_id as i_order_id,
               i.course as i_course
             from plan p left join installment i on i.plan = p.id",
            $which,
            " where p.id = $1 order by i.seq"
        )
    };
}

async fn read<T>(
    db: &impl Dialect,
    sql: &'static str,
    values: Vec<Value>,
    row: impl Fn(&Record) -> Result<T>,
) -> Result<Vec<T>> {
    db.rows(sql, values).await?.iter().map(row).collect()
}

/// See [`crate::Billing::agreement`].
pub async fn agreement(db: &impl Dialect, id: AgreementId) -> Result<Option<Agreement>> {
    Ok(read(db, agreements!("where a.id = $1"), vec![id.uuid().into()], codec::billing::agreement).await?.pop())
}

/// See [`crate::Billing::agreements`]. Pages walk the primary key, as those of orders do.
pub async fn agreements(db: &impl Dialect, filter: &AgreementFilter) -> Result<Vec<Agreement>> {
    // Two statements, because a condition that may be absent is no reason for a database to take an index.
    let of_payer = agreements!(
        "where a.merchant = $1 and a.payer = $5 and a.id < $2 and ($3 is null or a.state = $3)
         order by a.id desc limit $4"
    );
    let all = agreements!(
        "where ($1 is null or a.merchant = $1) and a.id < $2 and ($3 is null or a.state = $3)
           and ($5 is null or a.payer = $5)
         order by a.id desc limit $4"
    );
    let values = vec![
        filter.merchant.map(MerchantId::uuid).into(),
        filter.before.map_or(Uuid::max(), AgreementId::uuid).into(),
        filter.state.map(|s| s.code()).into(),
        filter.limit.min(MAX_PAGE).into(),
        filter.payer.as_deref().map(plain).into(),
    ];
    let sql = if filter.merchant.is_some() && filter.payer.is_some() { of_payer } else { all };
    read(db, sql, values, codec::billing::agreement).await
}

/// See [`crate::Billing::plan`]. One statement, so that it is one moment's truth.
pub async fn plan(db: &impl Dialect, id: PlanId, extent: Extent) -> Result<Option<PlanFile>> {
    let sql = match extent {
        Extent::Open => file!(" and i.open"),
        Extent::All => file!(""),
    };
    let rows = db.rows(sql, vec![id.uuid().into()]).await?;
    let Some(first) = rows.first() else { return Ok(None) };
    let plan = codec::billing::plan(first)?;
    let installments = rows.iter().map(codec::billing::installment).collect::<Result<Vec<_>>>()?;
    Ok(Some(PlanFile { plan, installments: installments.into_iter().flatten().collect() }))
}

/// See [`crate::Billing::plans`].
pub async fn plans(db: &impl Dialect, filter: &PlanFilter) -> Result<Vec<Plan>> {
    let by_number = plans!(
        "where p.merchant = $1 and p.number = $5 and p.id < $2 and ($3 is null or p.state = $3)
           and ($6 is null or p.payer = $6) and ($7 is null or p.agreement = $7)
         order by p.id desc limit $4"
    );
    let by_agreement = plans!(
        "where p.agreement = $7 and p.id < $2 and ($3 is null or p.state = $3) and ($1 is null or p.merchant = $1)
           and ($5 is null or p.number = $5) and ($6 is null or p.payer = $6)
         order by p.id desc limit $4"
    );
    let of_payer = plans!(
        "where p.merchant = $1 and p.payer = $6 and p.id < $2 and ($3 is null or p.state = $3)
           and ($5 is null or p.number = $5) and ($7 is null or p.agreement = $7)
         order by p.id desc limit $4"
    );
    let all = plans!(
        "where ($1 is null or p.merchant = $1) and p.id < $2 and ($3 is null or p.state = $3)
           and ($5 is null or p.number = $5) and ($6 is null or p.payer = $6) and ($7 is null or p.agreement = $7)
         order by p.id desc limit $4"
    );
    let values = vec![
        filter.merchant.map(MerchantId::uuid).into(),
        filter.before.map_or(Uuid::max(), PlanId::uuid).into(),
        filter.state.map(|s| s.code()).into(),
        filter.limit.min(MAX_PAGE).into(),
        filter.number.clone().into(),
        filter.payer.as_deref().map(plain).into(),
        filter.agreement.map(AgreementId::uuid).into(),
    ];
    let sql = match filter {
        PlanFilter { merchant: Some(_), number: Some(_), .. } => by_number,
        PlanFilter { agreement: Some(_), .. } => by_agreement,
        PlanFilter { merchant: Some(_), payer: Some(_), .. } => of_payer,
        PlanFilter { .. } => all,
    };
    read(db, sql, values, codec::billing::plan).await
}

/// See [`crate::Billing::tries_since`].
pub async fn tries_since(db: &impl Dialect, agreement: AgreementId, since: Timestamp) -> Result<Vec<Timestamp>> {
    let sql = "select created_at from payment where agreement = $1 and created_at >= $2 order by created_at";
    let time = |record: &Record| Reading { record, table: "payment" }.time("created_at");
    read(db, sql, vec![agreement.uuid().into(), since.as_millis().into()], time).await
}

/// See [`crate::Billing::lost_billing`]. Kinds 16 and 17 are the jobs that follow an agreement and a plan.
pub async fn lost(db: &impl Dialect, before: Timestamp, limit: u32) -> Result<(Vec<Agreement>, Vec<Plan>)> {
    let agreements = agreements!(
        "where a.active and a.due_at < $1
           and not exists (select 1 from job j where j.subject = a.id and j.kind = 16)
         order by a.id limit $2"
    );
    let plans = plans!(
        "where p.active and p.due_at < $1
           and not exists (select 1 from job j where j.subject = p.id and j.kind = 17)
         order by p.id limit $2"
    );
    let values: Vec<Value> = vec![before.as_millis().into(), limit.into()];
    let lost = read(db, agreements, values.clone(), codec::billing::agreement).await?;
    Ok((lost, read(db, plans, values, codec::billing::plan).await?))
}
