//! Agreements, plans and installments: it knows their columns and JSON texts, and must never know which database
//! they come from.
//!
//! The shapes of the JSON texts are strict: what a newer program wrote, this one does not read half.

use bursar_core::Timestamp;
use bursar_core::agreement::{Agreement, AgreementState};
use bursar_core::bank::Day;
use bursar_core::billing::{
    Dunning, GiveBack, Installment, InstallmentKey, InstallmentKind, InstallmentState, LocalTime, Plan, PlanState,
    Terms, Zone,
};
use bursar_core::channel::Method;
use bursar_core::decline::Decline;
use bursar_core::id::{AgreementId, ChannelAccountId, MerchantId, OrderId, PlanId};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Reading, to_json};
use crate::Result;
use crate::value::Record;

/// What was agreed to: it changes when people want it to.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Agreed {
    terms: Terms,
    zone: Zone,
    charge_at: LocalTime,
    dunning: Dunning,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    debit: Option<(ChannelAccountId, Method)>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    offers: Vec<Method>,
}

/// How far a plan has come.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Progress {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    next_seq: u32,
    next_period: u32,
    credit_minor: i64,
    written_off: bool,
    paid_off: bool,
}

/// What an installment is for, and what was tried.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Course {
    kind: InstallmentKind,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    period: Option<(Day, Day)>,
    tries: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tried_at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    next_at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    decline: Option<Decline>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    announced_on: Option<Day>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    give_back: Vec<GiveBack>,
}

/// A plan's column `terms`.
pub fn terms_json(plan: &Plan) -> Result<String> {
    to_json(&Agreed {
        terms: plan.terms.clone(),
        zone: plan.zone.clone(),
        charge_at: plan.charge_at,
        dunning: plan.dunning.clone(),
        debit: plan.debit,
        offers: plan.offers.clone(),
    })
}

/// A plan's column `progress`.
pub fn progress_json(plan: &Plan) -> Result<String> {
    to_json(&Progress {
        reason: plan.reason.clone(),
        next_seq: plan.next_seq,
        next_period: plan.next_period,
        credit_minor: plan.credit_minor,
        written_off: plan.written_off,
        paid_off: plan.paid_off,
    })
}

/// An installment's column `course`.
pub fn course_json(installment: &Installment) -> Result<String> {
    to_json(&Course {
        kind: installment.kind,
        period: installment.period,
        tries: installment.tries,
        tried_at: installment.tried_at,
        next_at: installment.next_at,
        decline: installment.decline.clone(),
        announced_on: installment.announced_on,
        give_back: installment.give_back.clone(),
    })
}

/// An agreement's column `rhythm`.
pub fn rhythm_json(agreement: &Agreement) -> Result<Option<String>> {
    agreement.rhythm.as_ref().map(to_json).transpose()
}

/// Which installment an order is: `o_plan`, `o_seq`.
pub fn installment_key(row: Reading<'_>) -> Result<Option<InstallmentKey>> {
    let Some(plan) = row.get::<Option<Uuid>>("o_plan")? else { return Ok(None) };
    Ok(Some(InstallmentKey { plan: PlanId(plan), seq: number(row, "o_seq")? }))
}

fn number(row: Reading<'_>, column: &'static str) -> Result<u32> {
    let n: i64 = row.get(column)?;
    u32::try_from(n).map_err(|_| row.record.corrupt(row.table, column, format!("{n} numbers no installment")))
}

/// A row of `agreement`.
pub fn agreement(record: &Record) -> Result<Agreement> {
    let row = Reading { record, table: "agreement" };
    Ok(Agreement {
        id: AgreementId(row.get("id")?),
        merchant: MerchantId(row.get("merchant")?),
        account: ChannelAccountId(row.get("account")?),
        method: row.code("method", Method::from_code)?,
        payer: row.get("payer")?,
        details: row.maybe_json("details")?.unwrap_or_default(),
        description: row.get("description")?,
        limit: row.money("limit_minor", "currency")?,
        rhythm: row.maybe_json("rhythm")?,
        state: row.code("state", AgreementState::from_code)?,
        evidence: row.json("evidence")?,
        sign_by: row.time("sign_by")?,
        due_at: row.maybe_time("due_at")?,
        event_count: row.get("event_count")?,
        version: row.get("version")?,
        created_at: row.time("created_at")?,
    })
}

/// A row of `plan`.
pub fn plan(record: &Record) -> Result<Plan> {
    let row = Reading { record, table: "plan" };
    let Agreed { terms, zone, charge_at, dunning, debit, offers } = row.json("terms")?;
    let Progress { reason, next_seq, next_period, credit_minor, written_off, paid_off } = row.json("progress")?;
    Ok(Plan {
        id: PlanId(row.get("id")?),
        merchant: MerchantId(row.get("merchant")?),
        number: row.get("number")?,
        payer: row.get("payer")?,
        description: row.get("description")?,
        currency: row.name("currency")?,
        terms,
        zone,
        charge_at,
        dunning,
        agreement: row.get::<Option<Uuid>>("agreement")?.map(AgreementId),
        debit,
        offers,
        state: row.code("state", PlanState::from_code)?,
        reason,
        next_seq,
        next_period,
        credit_minor,
        written_off,
        paid_off,
        due_at: row.maybe_time("due_at")?,
        event_count: row.get("event_count")?,
        version: row.get("version")?,
        created_at: row.time("created_at")?,
    })
}

/// Columns of an installment in a joined row: `i_…`; `None` when its plan has none.
pub fn installment(record: &Record) -> Result<Option<Installment>> {
    let row = Reading { record, table: "installment" };
    if row.get::<Option<i64>>("i_seq")?.is_none() {
        return Ok(None);
    }
    let course: Course = row.json("i_course")?;
    Ok(Some(Installment {
        seq: number(row, "i_seq")?,
        kind: course.kind,
        period: course.period,
        due_on: row.name("i_due_on")?,
        minor: row.get("i_minor")?,
        state: row.code("i_state", InstallmentState::from_code)?,
        order: row.get::<Option<Uuid>>("i_order_id")?.map(OrderId),
        tries: course.tries,
        tried_at: course.tried_at,
        next_at: course.next_at,
        decline: course.decline,
        announced_on: course.announced_on,
        give_back: course.give_back,
    }))
}
