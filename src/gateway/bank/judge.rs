//! POST /v1/bank/{account}/lines/{id}/assign and /ignore: it knows how a person decides about a line, and must
//! never decide for him.

use std::sync::{Arc, Mutex, PoisonError};

use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::Response;
use bursar_core::bank::{LineRow, LineSubject, Unassignable};
use bursar_core::channel::ChannelKind;
use bursar_core::id::{ChannelAccountId, LegId, LineId, PaymentId};
use bursar_core::refund::Route;
use bursar_store::Change;
use bursar_store::desk::statements::Judged;
use http::{HeaderMap, StatusCode};
use serde::Serialize;
use utoipa::ToSchema;

use super::view::LineView;
use crate::auth::Caller;
use crate::errors::ChangeErrors;
use crate::idempotency::{KeyedRequest, json};
use crate::json::Reader;
use crate::orders::view::to_json;
use crate::posted::{self, Posted};
use crate::problem::{Facts, Kind, Problem, ProblemBody};
use crate::{App, people};

/// Whose a line is. Exactly one of `payment`, `leg` and `line`.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
#[schema(as = AssignBankLine)]
pub struct AssignLine {
    /// The payment that the money is for (`pay_…`): for money that came in.
    #[schema(nullable = false)]
    pub payment: Option<String>,
    /// The leg of a refund that was transferred (`rfl_…`): for money that went out.
    #[schema(nullable = false)]
    pub leg: Option<String>,
    /// The earlier line that this one takes back (`lin_…`).
    #[schema(nullable = false)]
    pub line: Option<String>,
    /// Who says so.
    #[schema(example = "Li Na", max_length = 64)]
    pub by: String,
}

/// A line that is none of our business.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
#[schema(as = IgnoreBankLine)]
pub struct IgnoreLine {
    /// Who says so.
    #[schema(example = "Li Na", max_length = 64)]
    pub by: String,
    /// Why.
    #[schema(example = "rent of the office", max_length = 127)]
    pub reason: String,
}

/// Says whose a line in suspense is. A job then tells the order or refund.
#[utoipa::path(
    post, path = "/v1/bank/{account}/lines/{id}/assign", tag = "bank", security(("api_key" = [])),
    params(
        ("account" = String, Path, description = "The bank account (`acc_…`)."),
        ("id" = String, Path, description = "The line (`lin_…`)."),
        ("Idempotency-Key" = String, Header, description = "1 to 255 visible ASCII characters; the same for each retry."),
    ),
    request_body = AssignLine,
    responses(
        (status = 200, description = "The line as it stands now.", body = LineView),
        ChangeErrors,
        (status = 409, description = "Nobody is asked about the line, or the first request with this key still runs.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "A member is not valid, or the key belongs to another request.", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub async fn assign(
    State(app): State<Arc<App>>,
    caller: Caller,
    path: Result<Path<(String, String)>, PathRejection>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let (account, id) = super::line_in_path(path)?;
    let account = super::account(&app, caller, &account).await?.id;
    let path = format!("/v1/bank/{account}/lines/{id}/assign");
    let Posted { body, keyed } = posted::json(&app, caller, &headers, &path, body).await?;
    let work = async {
        let (subject, by) = read_assignment(&body)?;
        check_subject(&app, caller, account, subject).await?;
        let now = app.clock.now();
        judge(&app, account, id, &keyed, |row| row.assigned(subject, &by, now)).await
    };
    keyed.once(&app, work).await
}

/// Says that a line in suspense is none of our business.
#[utoipa::path(
    post, path = "/v1/bank/{account}/lines/{id}/ignore", tag = "bank", security(("api_key" = [])),
    params(
        ("account" = String, Path, description = "The bank account (`acc_…`)."),
        ("id" = String, Path, description = "The line (`lin_…`)."),
        ("Idempotency-Key" = String, Header, description = "1 to 255 visible ASCII characters; the same for each retry."),
    ),
    request_body = IgnoreLine,
    responses(
        (status = 200, description = "The line as it stands now.", body = LineView),
        ChangeErrors,
        (status = 409, description = "Nobody is asked about the line, or the first request with this key still runs.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "A member is not valid, or the key belongs to another request.", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub async fn ignore(
    State(app): State<Arc<App>>,
    caller: Caller,
    path: Result<Path<(String, String)>, PathRejection>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let (account, id) = super::line_in_path(path)?;
    let account = super::account(&app, caller, &account).await?.id;
    let path = format!("/v1/bank/{account}/lines/{id}/ignore");
    let Posted { body, keyed } = posted::json(&app, caller, &headers, &path, body).await?;
    let work = async {
        let (by, reason) = read_reason(&body)?;
        let now = app.clock.now();
        judge(&app, account, id, &keyed, |row| row.left_out(&reason, &by, now)).await
    };
    keyed.once(&app, work).await
}

/// The members of the body: whose the line is, and who says so.
///
/// # Errors
/// See [`Reader::parse`] and [`Reader::finish`].
pub fn read_assignment(body: &[u8]) -> Result<(LineSubject, String), Problem> {
    let mut reader = Reader::parse(body)?;
    let by = people::person("by", &mut reader);
    let mut named: Vec<LineSubject> = Vec::new();
    for member in ["payment", "leg", "line"] {
        let Some(text) = reader.optional_text(member) else { continue };
        let read = match member {
            "payment" => text.parse().map(LineSubject::Payment),
            "leg" => text.parse().map(LineSubject::Leg),
            _ => text.parse().map(LineSubject::Line),
        };
        match read {
            Ok(subject) => named.push(subject),
            Err(message) => reader.refuse(member, message),
        }
    }
    reader.finish()?;
    match named.as_slice() {
        [subject] => Ok((*subject, by)),
        _ => Err(Problem::member("", "exactly one of `payment`, `leg` and `line` must be there")),
    }
}

/// The members of the body: who says so, and why.
///
/// # Errors
/// See [`Reader::parse`] and [`Reader::finish`].
pub fn read_reason(body: &[u8]) -> Result<(String, String), Problem> {
    let mut reader = Reader::parse(body)?;
    let read = (people::person("by", &mut reader), people::reason(&mut reader));
    reader.finish()?;
    Ok(read)
}

/// What a line is given to must be the caller's, and about this account.
async fn check_subject(
    app: &App,
    caller: Caller,
    account: ChannelAccountId,
    subject: LineSubject,
) -> Result<(), Problem> {
    match subject {
        LineSubject::Payment(id) => check_payment(app, caller, account, id).await,
        LineSubject::Leg(id) => check_leg(app, caller, id).await,
        LineSubject::Line(id) => {
            let found = app.desk.gatherer.store().line(id).await?.filter(|l| l.account == account);
            found.map(drop).ok_or_else(|| Problem::member("/line", format!("{id} is not a line of this account")))
        }
    }
}

async fn check_payment(app: &App, caller: Caller, account: ChannelAccountId, id: PaymentId) -> Result<(), Problem> {
    let dossier = app.desk.gatherer.dossier_of(id).await?.filter(|d| d.order.merchant == caller.merchant);
    let payment = dossier.as_ref().and_then(|d| d.payment(id));
    let ours = payment.filter(|p| p.account == account && p.method.channel() == ChannelKind::Bank);
    let what = || Problem::member("/payment", format!("{id} is not a payment by transfer to this account"));
    ours.map(drop).ok_or_else(what)
}

async fn check_leg(app: &App, caller: Caller, id: LegId) -> Result<(), Problem> {
    let dossier = app.desk.gatherer.dossier_of_leg(id).await?.filter(|d| d.order.merchant == caller.merchant);
    let leg = dossier.as_ref().and_then(|d| d.leg(id)).filter(|(_, leg)| leg.route == Route::Transfer);
    let what = || Problem::member("/leg", format!("{id} is not a leg of a refund that is transferred"));
    leg.map(drop).ok_or_else(what)
}

async fn judge(
    app: &App,
    account: ChannelAccountId,
    id: LineId,
    keyed: &KeyedRequest,
    decide: impl Fn(&LineRow) -> Result<LineRow, Unassignable> + Send + Sync,
) -> Result<Response, Problem> {
    let no_line = || Problem::not_found("line of a statement");
    let said = Mutex::new(String::new());
    let complete = |row: &LineRow, change: &mut Change| {
        let answer = to_json(&LineView::from(row));
        change.idempotency = Some(keyed.row(StatusCode::OK, answer.clone(), app.clock.now()));
        *said.lock().unwrap_or_else(PoisonError::into_inner) = answer;
    };
    let own = |row: &LineRow| (row.account == account).then(|| decide(row)).ok_or(None)?.map_err(Some);
    match app.desk.judge_line(id, own, complete).await? {
        Judged::Written(_) => Ok(json(StatusCode::OK, said.into_inner().unwrap_or_else(PoisonError::into_inner))),
        Judged::Duplicate => keyed.again(app).await,
        Judged::NoSuchLine | Judged::Refused(None) => Err(no_line()),
        Judged::Refused(Some(Unassignable::NotOpen(state))) => {
            let detail = format!("The line is {}; nobody is asked about it.", state.name());
            let facts = Facts { state: Some(state.name()), ..Facts::default() };
            Err(Problem::new(Kind::LineNotOpen, detail).with(facts))
        }
        Judged::Refused(Some(Unassignable::WrongWay(why))) => Err(Problem::member("", why)),
    }
}
