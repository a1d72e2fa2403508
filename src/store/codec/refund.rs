//! Refunds and their legs: it knows their columns, and must never know which database they come from.

use bursar_core::id::{LegId, MerchantId, OrderId, PaymentId, RefundId};
use bursar_core::refund::{Leg, LegEvidence, LegState, Refund, RefundCause, RefundState, Route};
use uuid::Uuid;

use super::Reading;
use crate::Result;
use crate::record::RefundLine;
use crate::value::Record;

/// Columns of a refund in a joined row: `r_…`, without its legs; `None` when there is none.
pub fn refund(record: &Record) -> Result<Option<Refund>> {
    let row = Reading { record, table: "refund" };
    let Some(id) = row.get::<Option<Uuid>>("r_id")? else {
        return Ok(None);
    };
    Ok(Some(Refund {
        id: RefundId(id),
        order: OrderId(row.get("r_order_id")?),
        merchant: MerchantId(row.get("r_merchant")?),
        amount: row.money("r_amount_minor", "r_currency")?,
        cause: row.code("r_cause", RefundCause::from_code)?,
        reason: row.get("r_reason")?,
        requested_by: row.get("r_requested_by")?,
        needs_approval: row.get("r_needs_approval")?,
        late: row.get("r_late")?,
        payee: row.get("r_payee")?,
        state: row.code("r_state", RefundState::from_code)?,
        evidence: row.json("r_evidence")?,
        legs: Vec::new(),
        version: row.get("r_version")?,
        created_at: row.time("r_created_at")?,
    }))
}

/// Columns of a leg in a joined row: `l_…`; `None` when there is none.
pub fn leg(record: &Record) -> Result<Option<Leg>> {
    let row = Reading { record, table: "refund_leg" };
    let Some(id) = row.get::<Option<Uuid>>("l_id")? else {
        return Ok(None);
    };
    Ok(Some(Leg {
        id: LegId(id),
        refund: RefundId(row.get("r_id")?),
        payment: PaymentId(row.get("l_payment")?),
        sequence: row.get("l_sequence")?,
        route: row.code("l_route", Route::from_code)?,
        amount: row.money("l_amount_minor", "l_currency")?,
        replaces: row.get::<Option<Uuid>>("l_replaces")?.map(LegId),
        state: row.code("l_state", LegState::from_code)?,
        evidence: row.json("l_evidence")?,
        version: row.get("l_version")?,
        due_at: row.maybe_time("l_due_at")?,
        created_at: row.time("l_created_at")?,
    }))
}

/// A row of `refund_leg` and whether it has an open question.
pub fn refund_line(record: &Record) -> Result<RefundLine> {
    let row = Reading { record, table: "refund_leg" };
    let evidence: LegEvidence = row.json("evidence")?;
    Ok(RefundLine {
        leg: LegId(row.get("id")?),
        payment: PaymentId(row.get("payment")?),
        route: row.code("route", Route::from_code)?,
        state: row.code("state", LegState::from_code)?,
        amount_minor: row.get("amount_minor")?,
        refund_id: evidence.refund_id,
        parked: row.get("parked")?,
    })
}
