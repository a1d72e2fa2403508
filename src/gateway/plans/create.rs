//! POST /v1/plans: it knows the way from a request to a committed plan and its answer, and must never open an order (a
//! job does that when its day comes).

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use bursar_core::agreement::Agreement;
use bursar_core::billing::PlanFile;
use bursar_store::{Answer, PlanFilter};
use http::{HeaderMap, HeaderValue, StatusCode, Uri, header};

use super::body::{self, CreatePlan};
use super::draft::{self, Scene};
use super::view::PlanView;
use crate::auth::Caller;
use crate::errors::CreateErrors;
use crate::idempotency::{KeyedRequest, json};
use crate::orders::view::to_json;
use crate::posted::{self, Posted};
use crate::problem::{Kind, Problem, ProblemBody};
use crate::query::Parameters;
use crate::{App, agreements, body as bodies};

/// Takes a plan: amounts that fall due on dates and are charged through an agreement, or paid by hand.
///
/// An installment that is due becomes an order numbered `{number}-{seq}`; everything that is true of orders is true of
/// it. A plan whose agreement is not signed yet begins when it is.
///
/// With `?preview=true` nothing is written, no `Idempotency-Key` is needed, and the answer (200) tells what would fall
/// due when.
#[utoipa::path(
    post, path = "/v1/plans", tag = "plans", security(("api_key" = [])),
    params(
        ("preview" = Option<bool>, Query, description = "`true`: only tell what would fall due when."),
        ("Idempotency-Key" = Option<String>, Header, description = "1 to 255 visible ASCII characters; fresh for each new plan, the same for each retry. Needed unless it is a preview by the address."),
    ),
    request_body = CreatePlan,
    responses(
        (status = 200, description = "A preview.", body = PlanView),
        (status = 201, description = "Taken. `Idempotency-Replayed: true` when this is the stored answer of an earlier request.", body = PlanView),
        CreateErrors,
        (status = 409, description = "The number is taken, or the first request with this key still runs.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "A member is not valid, or the key belongs to another request.", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub async fn create(
    State(app): State<Arc<App>>,
    caller: Caller,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    if is_preview(&uri)? {
        bodies::check_json(&headers)?;
        bodies::check_encoding(&headers)?;
        let body = bodies::read(&headers, body, &app.settings).await?;
        let (file, _) = draft(&app, caller, body::read(&body)?).await?;
        return Ok(preview(&app, &file));
    }
    let Posted { body, keyed } = posted::json(&app, caller, &headers, "/v1/plans", body).await?;
    let work = async {
        let request = body::read(&body)?;
        let only_tell = request.preview.unwrap_or_default();
        let (file, agreement) = draft(&app, caller, request).await?;
        match only_tell {
            true => Ok(preview(&app, &file)),
            false => write(&app, caller, &keyed, file, agreement.as_ref()).await,
        }
    };
    keyed.once(&app, work).await
}

fn is_preview(uri: &Uri) -> Result<bool, Problem> {
    let mut parameters = Parameters::parse(uri)?;
    let preview = parameters
        .take("preview", |text| text.parse::<bool>().map_err(|_| "`preview` must be `true` or `false`".to_owned()));
    parameters.finish()?;
    Ok(preview.unwrap_or_default())
}

fn preview(app: &App, file: &PlanFile) -> Response {
    json(StatusCode::OK, to_json(&PlanView::preview(file, app.clock.now())))
}

async fn draft(app: &App, caller: Caller, request: CreatePlan) -> Result<(PlanFile, Option<Agreement>), Problem> {
    let merchant = caller.merchant;
    let entries = app.desk.directory.entries_with(|e| e.merchants.contains_key(&merchant)).await?;
    let policy = entries.merchants.get(&merchant).map(|m| m.policy.clone()).unwrap_or_default();
    let agreement = agreements::named(app, merchant, request.agreement.as_deref().as_slice()).await?.pop();
    let scene = Scene {
        merchant,
        policy: &policy,
        agreement: agreement.as_ref(),
        now: app.clock.now(),
        chance: app.chance.as_ref(),
    };
    Ok((draft::plan(request, scene)?, agreement))
}

async fn write(
    app: &App,
    caller: Caller,
    keyed: &KeyedRequest,
    file: PlanFile,
    agreement: Option<&Agreement>,
) -> Result<Response, Problem> {
    let (id, number) = (file.plan.id, file.plan.number.clone());
    let now = app.clock.now();
    let mut said = String::new();
    let opened = app.desk.open_plan(file, |file, change| {
        said = to_json(&PlanView::whole(file, agreement, now));
        change.idempotency = Some(keyed.row(StatusCode::CREATED, said.clone(), now));
    });
    match opened.await? {
        Answer::Committed => {
            let mut response = json(StatusCode::CREATED, said);
            if let Ok(location) = HeaderValue::try_from(format!("/v1/plans/{id}")) {
                response.headers_mut().insert(header::LOCATION, location);
            }
            Ok(response)
        }
        Answer::Duplicate => duplicate(app, caller, keyed, number).await,
        Answer::Stale | Answer::Fenced => Err(Problem::internal("a new plan was answered as only updates can be")),
    }
}

/// The key or the number was there before: which of them, the rows say.
async fn duplicate(app: &App, caller: Caller, keyed: &KeyedRequest, number: String) -> Result<Response, Problem> {
    if let Some(response) = keyed.stored(app).await? {
        return Ok(response);
    }
    let filter = PlanFilter {
        merchant: Some(caller.merchant),
        number: Some(number),
        payer: None,
        agreement: None,
        state: None,
        before: None,
        limit: 1,
    };
    let taken = app.desk.gatherer.store().plans(&filter).await?;
    match taken.first() {
        Some(plan) => Err(Problem::new(Kind::PlanNumberTaken, format!("The plan {} has this number.", plan.id))),
        None => keyed.again(app).await,
    }
}
