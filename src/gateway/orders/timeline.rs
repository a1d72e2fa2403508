//! GET /v1/orders/{id}/timeline: it knows how everything that happened to an order becomes one list,
//! and must never leave something out because it is embarrassing.

use std::sync::Arc;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::Response;
use bursar_core::Timestamp;
use bursar_core::cash::Collection;
use bursar_core::id::{LegId, OrderId, PaymentId, RefundId};
use bursar_core::order::{Dossier, OrderState};
use bursar_store::{DeliveryRow, JobRow, ObservationRow, ParkedRow, PostingRow, Timeline};
use http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::view::to_json;
use super::words;
use crate::App;
use crate::auth::Caller;
use crate::errors::ReadErrors;
use crate::explain;
use crate::idempotency::json;
use crate::problem::Problem;

/// Everything that happened to an order, and what comes next.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Timeline)]
pub struct TimelineView {
    /// The order.
    #[schema(value_type = String)]
    pub order_id: OrderId,
    /// Where it stands.
    #[schema(value_type = String)]
    pub state: OrderState,
    /// One sentence: why this is not final, and what happens next when.
    pub next: String,
    /// By time; jobs stand at the time when they are due.
    pub entries: Vec<TimelineEntry>,
}

/// One thing that happened or will happen.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = TimelineEntry)]
pub struct TimelineEntry {
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// `order`, `observation`, `posting`, `event`, `delivered`, `given_up`, `question`, `collection` or `job`.
    pub kind: String,
    /// What exactly: the claim, the event, the kind of job or question, where a collection stands.
    pub what: String,
    /// In words, with its numbers.
    pub text: String,
    /// The payment that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub payment_id: Option<PaymentId>,
    /// The refund that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub refund_id: Option<RefundId>,
    /// The leg of a refund that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub leg_id: Option<LegId>,
}

/// Everything that happened to an order, in one list, and one sentence about what comes next.
#[utoipa::path(
    get, path = "/v1/orders/{id}/timeline", tag = "orders", security(("api_key" = [])),
    params(("id" = String, Path, description = "The order (`ord_…`).")),
    responses(
        (status = 200, description = "The timeline.", body = TimelineView),
        ReadErrors,
    ),
)]
pub async fn timeline(
    State(app): State<Arc<App>>,
    caller: Caller,
    path: Result<Path<String>, PathRejection>,
) -> Result<Response, Problem> {
    let id = super::id(path)?;
    let timeline = app.desk.gatherer.store().timeline(id).await?;
    let timeline = timeline.filter(|t| t.dossier.order.merchant == caller.merchant);
    let timeline = timeline.ok_or_else(|| Problem::not_found("order"))?;
    let view = TimelineView {
        order_id: id,
        state: timeline.dossier.order.state,
        next: explain::next(&timeline, app.clock.now()),
        entries: entries(&timeline),
    };
    Ok(json(StatusCode::OK, to_json(&view)))
}

/// The entries by time. Equal times keep the order of cause and effect: taken, observed, posted, told,
/// asked, to be done.
pub fn entries(timeline: &Timeline) -> Vec<TimelineEntry> {
    let order = &timeline.dossier.order;
    let text = format!("{} for {}, to be paid by {}", order.amount, order.number, order.expires_at);
    let mut entries = vec![entry(order.created_at, "order", "created", text)];
    let about = |subject, entry| about(subject, &timeline.dossier, entry);
    entries.extend(timeline.observations.iter().map(|row| about(row.subject, observation(row))));
    entries.extend(timeline.postings.iter().map(|row| about(row.posting.subject, posting(row))));
    entries.extend(timeline.deliveries.iter().flat_map(delivery));
    entries.extend(timeline.questions.iter().map(|row| about(row.subject, question(row))));
    entries.extend(timeline.collections.iter().map(|row| about(row.payment.uuid(), collection(row))));
    entries.extend(timeline.jobs.iter().map(|row| about(row.key.subject, job(row))));
    entries.sort_by_key(|e| e.at);
    entries
}

fn entry(at: Timestamp, kind: &str, what: &str, text: String) -> TimelineEntry {
    let (kind, what) = (kind.to_owned(), what.to_owned());
    TimelineEntry { at, kind, what, text, payment_id: None, refund_id: None, leg_id: None }
}

/// The entry with what its subject is: a payment, a refund, or a leg of one.
fn about(subject: Uuid, dossier: &Dossier, entry: TimelineEntry) -> TimelineEntry {
    if let Some(payment) = dossier.payments.iter().find(|p| p.id.uuid() == subject) {
        return TimelineEntry { payment_id: Some(payment.id), ..entry };
    }
    if let Some(refund) = dossier.refunds.iter().find(|r| r.id.uuid() == subject) {
        return TimelineEntry { refund_id: Some(refund.id), ..entry };
    }
    match dossier.legs().find(|l| l.id.uuid() == subject) {
        Some(leg) => {
            TimelineEntry { payment_id: Some(leg.payment), refund_id: Some(leg.refund), leg_id: Some(leg.id), ..entry }
        }
        None => entry,
    }
}

fn observation(row: &ObservationRow) -> TimelineEntry {
    let source = match serde_json::to_value(row.source) {
        Ok(serde_json::Value::String(name)) => name,
        _ => String::new(),
    };
    entry(row.seen_at, "observation", row.claim.name(), format!("{source}: {}", words::claim(&row.claim)))
}

fn posting(row: &PostingRow) -> TimelineEntry {
    let posting = &row.posting;
    let (debit, credit) = (posting.debit.kind.name(), posting.credit.kind.name());
    entry(row.at, "posting", debit, format!("{}: debit {debit}, credit {credit}", posting.amount))
}

/// What a merchant was told, or shall be.
pub(crate) fn delivery(row: &DeliveryRow) -> Vec<TimelineEntry> {
    let name = row.kind.name();
    let target = match row.endpoint {
        Some(endpoint) => format!("for {endpoint}"),
        None => "for nobody: the merchant has no endpoint".to_owned(),
    };
    let trouble = match &row.last_error {
        Some(error) if row.delivered_at.is_none() => format!("; {} attempts failed, last: {error}", row.attempts),
        _ => String::new(),
    };
    let mut out = vec![entry(row.created_at, "event", name, format!("event {} {target}{trouble}", row.sequence))];
    if let Some(at) = row.delivered_at {
        out.push(entry(at, "delivered", name, format!("event {} delivered {target}", row.sequence)));
    }
    if let Some(at) = row.given_up_at {
        out.push(entry(at, "given_up", name, format!("event {} given up {target}", row.sequence)));
    }
    out
}

/// What a person is asked.
pub(crate) fn question(row: &ParkedRow) -> TimelineEntry {
    entry(row.opened_at, "question", row.kind.name(), row.text.clone())
}

fn collection(row: &Collection) -> TimelineEntry {
    entry(row.received_at, "collection", row.state.name(), explain::cash::words(row))
}

/// What is still to be done.
pub(crate) fn job(row: &JobRow) -> TimelineEntry {
    let state = match (&row.question, row.owner) {
        (Some(question), _) => format!("parked: {question}"),
        (None, Some(_)) => "running".to_owned(),
        (None, None) => "waiting".to_owned(),
    };
    let note = row.note.as_ref().map(|n| format!(" ({n})")).unwrap_or_default();
    let bad = if row.attempts > 1 { format!(", {} runs ended badly", row.attempts) } else { String::new() };
    entry(row.due_at, "job", row.key.kind.name(), format!("{state}{note}{bad}"))
}
