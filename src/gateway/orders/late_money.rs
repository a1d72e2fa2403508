//! POST /v1/orders/{id}/late-money: it knows how a merchant answers what shall happen to money that came
//! for a closed order, and must never answer for him.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::Response;
use bursar_core::decide::QuestionKind;
use bursar_core::id::PaymentId;
use bursar_core::observation::{Claim, Observation, Source};
use bursar_core::order::{Dossier, OrderState};
use bursar_core::payment::{Payment, PaymentState};
use bursar_core::refund::LegState;
use bursar_store::Timeline;
use http::{HeaderMap, StatusCode};
use serde::Serialize;
use utoipa::ToSchema;

use super::view::{OrderView, to_json};
use crate::auth::Caller;
use crate::errors::ChangeErrors;
use crate::json::Reader;
use crate::limits::shown;
use crate::posted::{self, Posted};
use crate::problem::{Facts, Kind, Problem, ProblemBody};
use crate::{App, act, people};

/// What shall happen to late money.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
#[schema(as = AnswerLateMoney)]
pub struct AnswerLateMoney {
    /// `keep`: the order is paid after all. `refund`: the money goes back.
    #[schema(example = "keep")]
    pub answer: String,
    /// Who says so.
    #[schema(example = "Li Na", max_length = 64)]
    pub by: String,
    /// Which payment's money, when several wait for an answer.
    #[schema(nullable = false)]
    pub payment: Option<String>,
}

/// Answers what shall happen to money that came for a closed order.
///
/// Such a question is open when the merchant's policy is to be asked, until its deadline. Money can only be
/// kept when it pays the whole order.
#[utoipa::path(
    post, path = "/v1/orders/{id}/late-money", tag = "orders", security(("api_key" = [])),
    params(
        ("id" = String, Path, description = "The order (`ord_…`)."),
        ("Idempotency-Key" = String, Header, description = "1 to 255 visible ASCII characters; the same for each retry."),
    ),
    request_body = AnswerLateMoney,
    responses(
        (status = 200, description = "The order as it stands now.", body = OrderView),
        ChangeErrors,
        (status = 409, description = "No such question is open, or the money does not make the order whole; or the first request with this key still runs.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "A member is not valid, or the key belongs to another request.", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub async fn answer(
    State(app): State<Arc<App>>,
    caller: Caller,
    path: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let id = super::id(path)?;
    let path = format!("/v1/orders/{id}/late-money");
    let Posted { body, keyed } = posted::json(&app, caller, &headers, &path, body).await?;
    let work = async {
        let (keep, by, named) = read(&body)?;
        for _ in 0..act::MAX_ROUNDS {
            let timeline = app.desk.gatherer.store().timeline(id).await?;
            let timeline = timeline.filter(|t| t.dossier.order.merchant == caller.merchant);
            let timeline = timeline.ok_or_else(|| Problem::not_found("order"))?;
            let payment = waiting(&timeline, named)?;
            if keep {
                check_whole(&timeline.dossier)?;
            }
            let at = app.clock.now();
            let claim = Claim::LateMoneyAnswered { keep, by: by.clone() };
            let said = Observation::new(Source::Merchant, at, claim);
            let answered = |after: &Dossier| {
                let mine = after.payment(payment)?.evidence.late_answer == Some((at, (keep, by.clone())));
                let done = mine && (!keep || after.order.state == OrderState::Paid);
                done.then(|| (StatusCode::OK, to_json(&OrderView::from(after))))
            };
            if let Some(response) = act::act(&app, &keyed, payment, &said, answered).await? {
                return Ok(response);
            }
        }
        Err(act::overtaken())
    };
    keyed.once(&app, work).await
}

/// The members of the body: whether the money is kept, who says so, and about which payment.
///
/// # Errors
/// See [`Reader::parse`] and [`Reader::finish`].
pub fn read(body: &[u8]) -> Result<(bool, String, Option<PaymentId>), Problem> {
    let mut reader = Reader::parse(body)?;
    let answer = reader.text("answer");
    let keep = match answer.as_deref() {
        Some("keep") => true,
        Some("refund") | None => false,
        Some(other) => {
            reader.refuse("answer", format!("`answer` must be `keep` or `refund`, not `{}`", shown(other)));
            false
        }
    };
    let by = people::person("by", &mut reader);
    let payment = reader.optional_text("payment").and_then(|text| match text.parse() {
        Ok(id) => Some(id),
        Err(message) => {
            let message: String = message;
            reader.refuse("payment", message);
            None
        }
    });
    reader.finish()?;
    Ok((keep, by, payment))
}

/// The payment whose question is answered.
fn waiting(timeline: &Timeline, named: Option<PaymentId>) -> Result<PaymentId, Problem> {
    let asked = |p: &&Payment| {
        let about = |q: &&bursar_store::ParkedRow| q.kind == QuestionKind::LateMoney && q.subject == p.id.uuid();
        p.state == PaymentState::Captured
            && p.evidence.late_answer.is_none()
            && timeline.questions.iter().any(|q| about(&q))
    };
    let closed = timeline.dossier.order.state == OrderState::Closed;
    let waiting: Vec<PaymentId> =
        timeline.dossier.payments.iter().filter(asked).filter(|_| closed).map(|p| p.id).collect();
    match (waiting.as_slice(), named) {
        ([], _) => {
            let state = timeline.dossier.order.state.name();
            let detail = format!("The order is {state} and no question about late money is open.");
            let facts = Facts { order_state: Some(state), ..Facts::default() };
            Err(Problem::new(Kind::NoLateMoneyQuestion, detail).with(facts))
        }
        (all, Some(id)) if all.contains(&id) => Ok(id),
        (_, Some(id)) => Err(Problem::member("/payment", format!("{id} does not wait for an answer"))),
        ([only], None) => Ok(*only),
        (_, None) => Err(Problem::member("/payment", "several payments wait for an answer: name one")),
    }
}

/// Money that goes back already cannot make the order whole.
fn check_whole(dossier: &Dossier) -> Result<(), Problem> {
    let goes_back = |p: &Payment| dossier.legs().any(|l| l.payment == p.id && l.state != LegState::Abandoned);
    let untouched = dossier.payments.iter().filter(|p| p.state == PaymentState::Captured && !goes_back(p));
    let captured = untouched.map(Payment::taken_minor).fold(0, i64::saturating_add);
    let missing = dossier.order.amount.minor.saturating_sub(captured);
    if missing <= 0 {
        return Ok(());
    }
    let detail = format!("The order lacks {missing} minor units even with this money, so it cannot be paid by it.");
    let facts = Facts { captured_minor: Some(captured), missing_minor: Some(missing), ..Facts::default() };
    Err(Problem::new(Kind::LateMoneyNotWhole, detail).with(facts))
}
