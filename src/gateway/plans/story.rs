//! The entries of a plan's timeline: it knows how plan, agreements and orders become one list, and must never leave
//! something out because it is embarrassing. What happens within an order, its own timeline tells.

use bursar_core::Timestamp;
use bursar_core::agreement::Agreement;
use bursar_core::billing::claim::PlanClaim;
use bursar_core::billing::order::decline_of;
use bursar_core::billing::{Installment, Plan, PlanState};
use bursar_core::id::{OrderId, PaymentId};
use bursar_core::observation::{Claim, Source};
use bursar_core::order::Dossier;
use bursar_core::payment::Payment;
use bursar_core::refund::{Refund, RefundState};
use bursar_store::{ObservationRow, ParkedRow, PlanTimeline};
use serde::Serialize;
use utoipa::ToSchema;

use crate::explain;
use crate::explain::plan_story::{self, Refusal};
use crate::orders::timeline::{self as of_order, TimelineEntry};
use crate::orders::words;

/// One thing that happened to a plan, or will.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = PlanTimelineEntry)]
pub struct PlanTimelineEntry {
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// `plan`, `wish`, `decision`, `agreement`, `installment`, `charge`, `decline`, `paid`, `refund`, `event`,
    /// `delivered`, `given_up`, `question` or `job`.
    pub kind: String,
    /// What exactly: the wish, the decision, the class of a decline, the event, the kind of question or job.
    pub what: String,
    /// In words, with its numbers; of a decision why.
    pub text: String,
    /// Who did it: `merchant` (the API), `operator` (the command line), `payer`, `channel`, or `bursar` by its rules;
    /// of a refund and of an agreement's end who asked for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "bursar")]
    pub by: Option<String>,
    /// The installment that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub seq: Option<u32>,
    /// Its order.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, nullable = false)]
    pub order_id: Option<OrderId>,
    /// The payment.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, nullable = false)]
    pub payment_id: Option<PaymentId>,
}

impl PlanTimelineEntry {
    fn new(at: Timestamp, kind: &str, what: &str, text: impl Into<String>) -> Self {
        let (kind, what, text) = (kind.to_owned(), what.to_owned(), text.into());
        Self { at, kind, what, text, by: None, seq: None, order_id: None, payment_id: None }
    }

    fn by(self, who: &str) -> Self {
        Self { by: Some(who.to_owned()), ..self }
    }
}

impl From<TimelineEntry> for PlanTimelineEntry {
    fn from(entry: TimelineEntry) -> Self {
        Self::new(entry.at, &entry.kind, &entry.what, entry.text)
    }
}

/// Why the plan is not done, and what happens next when: a question that waits for a person comes first.
pub fn next(timeline: &PlanTimeline, now: Timestamp) -> String {
    let plan = &timeline.file.plan;
    let agreement = timeline.agreements.iter().find(|a| Some(a.id) == plan.agreement);
    let sentence = explain::plan::next(&timeline.file, agreement, now);
    match timeline.questions.first() {
        Some(question) => format!("A person must answer: {} {sentence}", question.text),
        None => sentence,
    }
}

/// The entries by time. Equal times keep the order of cause and effect: agreed, wished, charged, decided, told, asked,
/// to be done.
pub fn entries(timeline: &PlanTimeline) -> Vec<PlanTimelineEntry> {
    let plan = &timeline.file.plan;
    let made = PlanTimelineEntry::new(plan.created_at, "plan", "created", plan_story::terms(plan));
    let mut entries = vec![made];
    entries.extend(timeline.agreements.iter().flat_map(agreement));
    let (before, after): (Vec<_>, Vec<_>) = timeline.observations.iter().partition(|row| leads(row));
    entries.extend(before.into_iter().map(|row| observation(row, plan)));
    for dossier in &timeline.orders {
        let seq = dossier.order.installment.map(|key| key.seq);
        let Some(installment) = seq.and_then(|seq| timeline.file.installment(seq)) else { continue };
        entries.extend(of_installment(plan, installment, dossier));
    }
    entries.extend(after.into_iter().map(|row| observation(row, plan)));
    entries.extend(timeline.deliveries.iter().flat_map(of_order::delivery).map(PlanTimelineEntry::from));
    entries.extend(timeline.questions.iter().map(|row| question(row, timeline)));
    entries.extend(timeline.jobs.iter().map(|row| of_order::job(row).into()));
    entries.sort_by_key(|e| e.at);
    entries
}

/// Whether what happened to orders at the same moment follows from it, and not the other way round.
fn leads(row: &ObservationRow) -> bool {
    let begins = matches!(row.claim, Claim::Plan(PlanClaim::Became { state: PlanState::Active, .. }));
    row.source != Source::Rule || begins
}

fn observation(row: &ObservationRow, plan: &Plan) -> PlanTimelineEntry {
    let (kind, who) = match row.source {
        Source::Merchant => ("wish", "merchant"),
        Source::Operator => ("wish", "operator"),
        _ => ("decision", "bursar"),
    };
    let text = match &row.claim {
        Claim::Plan(claim) => plan_story::claim(claim, Some(plan)),
        other => words::claim(other),
    };
    PlanTimelineEntry::new(row.seen_at, kind, row.claim.name(), text).by(who)
}

fn agreement(agreement: &Agreement) -> Vec<PlanTimelineEntry> {
    let (id, evidence) = (agreement.id, &agreement.evidence);
    let entry = |at, what: &str, text: String| PlanTimelineEntry::new(at, "agreement", what, text);
    let mut entries = Vec::new();
    if let Some((at, _)) = &evidence.offered {
        entries.push(entry(*at, "offered", format!("the payer can sign {id} for {}", agreement.method)).by("channel"));
    }
    if let Some(signed) = &evidence.signed {
        let limit = agreement.limit;
        let text = format!("the payer has signed {id}: at most {limit} for one charge by {}", agreement.method);
        entries.push(entry(signed.signed_at, "signed", text).by("payer"));
    }
    if let Some((at, reason)) = &evidence.refused {
        entries.push(entry(*at, "refused", format!("the channel does not take {id}: {reason}")).by("channel"));
    }
    if let Some((at, by)) = &evidence.end_requested {
        entries.push(entry(*at, "end_requested", format!("{id} shall end")).by(by));
    }
    if let Some((at, reason)) = &evidence.ended {
        entries.push(
            entry(*at, "ended", format!("{id} has ended: {reason}; nothing is charged through it")).by("channel"),
        );
    }
    if let Some(at) = evidence.lapsed_at {
        entries.push(entry(at, "lapsed", format!("{id} was not signed in time")).by("bursar"));
    }
    entries
}

/// What happened to an installment since it has an order.
fn of_installment(plan: &Plan, installment: &Installment, dossier: &Dossier) -> Vec<PlanTimelineEntry> {
    let order = &dossier.order;
    let (seq, number, until) = (installment.seq, &order.number, order.expires_at);
    let text = format!(
        "installment {seq} ({}, due on {}) became order {number}, which can be paid until {until}",
        order.amount, installment.due_on
    );
    let mut entries = vec![PlanTimelineEntry::new(order.created_at, "installment", "due", text).by("bursar")];
    let mut payments: Vec<&Payment> = dossier.payments.iter().collect();
    payments.sort_by_key(|p| (p.created_at, p.id));
    let mut tries = 0_u32;
    for payment in payments {
        tries = tries.saturating_add(u32::from(payment.agreement.is_some()));
        let of_payment = charge(plan, installment, payment, tries);
        entries.extend(of_payment.into_iter().map(|entry| PlanTimelineEntry { payment_id: Some(payment.id), ..entry }));
    }
    let told = |r: &&Refund| !matches!(r.state, RefundState::Prepared | RefundState::Voided);
    entries.extend(dossier.refunds.iter().filter(told).map(refund));
    let about = |entry| PlanTimelineEntry { seq: Some(seq), order_id: Some(order.id), ..entry };
    entries.into_iter().map(about).collect()
}

/// A payment of an installment, the `tries`th charge if it is one: begun, declined with what followed, or paid.
fn charge(plan: &Plan, installment: &Installment, payment: &Payment, tries: u32) -> Vec<PlanTimelineEntry> {
    let (amount, method, at) = (payment.amount, payment.method, payment.created_at);
    let begun = match payment.agreement {
        Some(id) => {
            let text = format!("charge {tries} of installment {}: {amount} by {method} through {id}", installment.seq);
            PlanTimelineEntry::new(at, "charge", "begun", text).by("bursar")
        }
        None => PlanTimelineEntry::new(at, "charge", "by_hand", format!("the payer chose {method} for {amount}"))
            .by("payer"),
    };
    let mut entries = vec![begun];
    if let Some((told, decline)) = decline_of(payment) {
        let seen_at = told.or(payment.evidence.closed_at).unwrap_or(at);
        entries.push(
            PlanTimelineEntry::new(seen_at, "decline", decline.class.name(), decline.reason.clone()).by("channel"),
        );
        let refusal =
            Refusal { payment, decline: &decline, declined_at: told.unwrap_or(at), tries, due_on: installment.due_on };
        let (what, text) = plan_story::decision(plan, refusal);
        entries.push(PlanTimelineEntry::new(seen_at, "decision", what, text).by("bursar"));
    }
    if let (Some(paid_at), true) = (payment.evidence.paid_at(), payment.taken_minor() > 0) {
        let transaction = payment.evidence.transaction_id().unwrap_or_default();
        let text = format!("{} by {method}, transaction {transaction}", plan.money(payment.taken_minor()));
        let who = if payment.agreement.is_some() { "channel" } else { "payer" };
        entries.push(PlanTimelineEntry::new(paid_at, "paid", "paid", text).by(who));
    }
    entries
}

fn refund(refund: &Refund) -> PlanTimelineEntry {
    let text = format!("{} go back ({}): {}", refund.amount, refund.state.name(), refund.reason);
    PlanTimelineEntry::new(refund.created_at, "refund", refund.state.name(), text).by(&refund.requested_by)
}

/// A question, with the order that it is about when it is not the plan itself.
fn question(row: &ParkedRow, timeline: &PlanTimeline) -> PlanTimelineEntry {
    let entry = PlanTimelineEntry::from(of_order::question(row));
    let order = timeline.orders.iter().find(|d| row.about.order() == Some(d.order.id)).map(|d| &d.order);
    let seq = order.and_then(|order| order.installment).map(|key| key.seq);
    PlanTimelineEntry { order_id: order.map(|order| order.id), seq, ..entry }
}
