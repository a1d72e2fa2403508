//! Everything that happened to a plan: it knows the append-only tables, and must never judge them.

use std::collections::BTreeSet;

use bursar_core::id::{AgreementId, OrderId, PlanId};
use uuid::Uuid;

use super::{billing, dossier};
use crate::billing::Extent;
use crate::dialect::Dialect;
use crate::record::PlanTimeline;
use crate::value::Value;
use crate::{Result, codec};

/// Most rows of each kind, and most orders, the latest of them: what a monthly plan of forty years has.
const MAX_ROWS: u32 = 2_000;
const MAX_ORDERS: usize = 500;
/// Most agreements that its charges went through.
const MAX_AGREEMENTS: usize = 20;

/// See [`crate::Billing::plan_timeline`].
pub async fn timeline(db: &impl Dialect, id: PlanId) -> Result<Option<PlanTimeline>> {
    let Some(file) = billing::plan(db, id, Extent::All).await? else { return Ok(None) };
    let mut opened: Vec<OrderId> = file.installments.iter().filter_map(|i| i.order).collect();
    let orders_left_out = opened.len().saturating_sub(MAX_ORDERS);
    opened.drain(..orders_left_out);
    let orders = dossier::of_orders(db, &opened).await?;
    let used = orders.iter().flat_map(|d| &d.payments).filter_map(|p| p.agreement);
    let used: BTreeSet<AgreementId> = used.chain(file.plan.agreement).collect();
    let mut agreements = Vec::new();
    // Ids grow with time: the latest count.
    for agreement in used.into_iter().rev().take(MAX_AGREEMENTS) {
        agreements.extend(billing::agreement(db, agreement).await?);
    }
    let of_plan = || -> Vec<Value> { vec![id.uuid().into(), MAX_ROWS.into()] };
    let observations = db
        .rows(
            "select subject, sequence, source, claim, seen_at, notification from observation
             where subject = $1 order by sequence limit $2",
            of_plan(),
        )
        .await?;
    let deliveries = db
        .rows(
            "select id, about, about_kind, sequence, kind, endpoint, body, created_at, attempts, delivered_at, given_up_at,
               last_error
             from delivery where about = $1 order by sequence, id limit $2",
            of_plan(),
        )
        .await?;
    let deliveries = deliveries.iter().map(codec::delivery).collect::<Result<Vec<_>>>()?;
    let parts: Vec<Uuid> = opened.iter().map(|order| order.uuid()).chain([id.uuid()]).collect();
    let questions = db
        .rows(
            "select subject, order_id, kind, text, opened_at from question
             where subject in_ids($1) order by opened_at, subject, kind limit $2",
            vec![parts.into(), MAX_ROWS.into()],
        )
        .await?;
    let subjects: Vec<Uuid> = deliveries.iter().map(|d| d.id.uuid()).chain([id.uuid()]).collect();
    let jobs = db
        .rows(
            "select kind, subject, merchant, due_at, step, attempts, owner, note, question, created_at
             from job where subject in_ids($1) order by due_at, subject limit $2",
            vec![subjects.into(), MAX_ROWS.into()],
        )
        .await?;
    Ok(Some(PlanTimeline {
        file,
        agreements,
        orders,
        orders_left_out,
        observations: observations.iter().map(codec::observation).collect::<Result<_>>()?,
        deliveries,
        jobs: jobs.iter().map(codec::job).collect::<Result<_>>()?,
        questions: questions.iter().map(codec::question).collect::<Result<_>>()?,
    }))
}
