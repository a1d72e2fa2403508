//! GET /v1/orders/{id}/timeline: it knows how everything that happened to an order becomes one list,
//! and must never leave something out because it is embarrassing.

use std::sync::Arc;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::Response;
use bursar_core::Timestamp;
use bursar_core::id::{OrderId, PaymentId};
use bursar_core::observation::Claim;
use bursar_core::order::OrderState;
use bursar_store::{DeliveryRow, JobRow, ObservationRow, ParkedRow, PostingRow, Timeline};
use http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use super::view::to_json;
use crate::App;
use crate::auth::Caller;
use crate::explain;
use crate::idempotency::json;
use crate::problem::{Problem, ProblemBody};

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
    /// `order`, `observation`, `posting`, `event`, `delivered`, `given_up`, `question` or `job`.
    pub kind: String,
    /// What exactly: the claim, the event, the kind of job or question.
    pub what: String,
    /// In words, with its numbers.
    pub text: String,
    /// The payment that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub payment_id: Option<PaymentId>,
}

/// Everything that happened to an order, in one list, and one sentence about what comes next.
#[utoipa::path(
    get, path = "/v1/orders/{id}/timeline", tag = "orders", security(("api_key" = [])),
    params(("id" = String, Path, description = "The order (`ord_…`).")),
    responses(
        (status = 200, description = "The timeline.", body = TimelineView),
        (status = 401, description = "No valid API key.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "There is no such order of yours.", body = ProblemBody, content_type = "application/problem+json"),
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
    let taken = entry(
        order.created_at,
        "order",
        "created",
        format!("{} for {}, to be paid by {}", order.amount, order.number, order.expires_at),
        None,
    );
    let mut entries = vec![taken];
    entries.extend(timeline.observations.iter().map(observation));
    entries.extend(timeline.postings.iter().map(posting));
    entries.extend(timeline.deliveries.iter().flat_map(delivery));
    entries.extend(timeline.questions.iter().map(question));
    entries.extend(timeline.jobs.iter().map(|job| self::job(job, timeline)));
    entries.sort_by_key(|e| e.at);
    entries
}

fn entry(at: Timestamp, kind: &str, what: &str, text: String, payment: Option<PaymentId>) -> TimelineEntry {
    TimelineEntry { at, kind: kind.to_owned(), what: what.to_owned(), text, payment_id: payment }
}

fn observation(row: &ObservationRow) -> TimelineEntry {
    let source = match serde_json::to_value(row.source) {
        Ok(serde_json::Value::String(name)) => name,
        _ => String::new(),
    };
    let text = match &row.claim {
        Claim::Sending => "about to call the channel".to_owned(),
        Claim::Accepted { .. } => "the channel has it; the payer can pay".to_owned(),
        Claim::Refused { reason } => format!("the channel refused it: {reason}"),
        Claim::NoAnswer { why } => format!("the call ended without a usable answer: {why}"),
        Claim::NotSent { why } => format!("the call never left us: {why}"),
        Claim::Absent => "the channel does not know the number".to_owned(),
        Claim::Unpaid => "not paid yet".to_owned(),
        Claim::AttemptFailed { reason } => format!("an attempt of the payer failed: {reason}"),
        Claim::Paid(r) => {
            format!("{} minor units of {} taken, transaction {}", r.amount_minor, r.currency, r.transaction_id)
        }
        Claim::ClosedAtChannel => "closed at the channel".to_owned(),
        Claim::CloseRequested { reason } => format!("shall be closed: {reason}"),
        Claim::CloseAccepted => "the channel accepted the close".to_owned(),
        Claim::UnpaidAfterClose => "asked after the close was accepted: not paid".to_owned(),
    };
    entry(row.seen_at, "observation", row.claim.name(), format!("{source}: {text}"), Some(row.payment))
}

fn posting(row: &PostingRow) -> TimelineEntry {
    let posting = &row.posting;
    let (debit, credit) = (posting.debit.kind.name(), posting.credit.kind.name());
    let text = format!("{}: debit {debit}, credit {credit}", posting.amount);
    entry(row.at, "posting", debit, text, Some(posting.payment))
}

fn delivery(row: &DeliveryRow) -> Vec<TimelineEntry> {
    let name = row.kind.name();
    let target = match row.endpoint {
        Some(endpoint) => format!("for {endpoint}"),
        None => "for nobody: the merchant has no endpoint".to_owned(),
    };
    let trouble = match &row.last_error {
        Some(error) if row.delivered_at.is_none() => format!("; {} attempts failed, last: {error}", row.attempts),
        _ => String::new(),
    };
    let mut out = vec![entry(row.created_at, "event", name, format!("event {} {target}{trouble}", row.sequence), None)];
    if let Some(at) = row.delivered_at {
        out.push(entry(at, "delivered", name, format!("event {} delivered {target}", row.sequence), None));
    }
    if let Some(at) = row.given_up_at {
        out.push(entry(at, "given_up", name, format!("event {} given up {target}", row.sequence), None));
    }
    out
}

fn question(row: &ParkedRow) -> TimelineEntry {
    entry(row.opened_at, "question", row.kind.name(), row.text.clone(), Some(row.payment))
}

fn job(row: &JobRow, timeline: &Timeline) -> TimelineEntry {
    let payment = timeline.dossier.payments.iter().map(|p| p.id).find(|id| id.uuid() == row.key.subject);
    let state = match (&row.question, row.owner) {
        (Some(question), _) => format!("parked: {question}"),
        (None, Some(_)) => "running".to_owned(),
        (None, None) => "waiting".to_owned(),
    };
    let note = row.note.as_ref().map(|n| format!(" ({n})")).unwrap_or_default();
    let bad = if row.attempts > 1 { format!(", {} runs ended badly", row.attempts) } else { String::new() };
    entry(row.due_at, "job", row.key.kind.name(), format!("{state}{note}{bad}"), payment)
}
