//! POST /v1/schedules: it knows the way from a request to a committed schedule and its answer, and must never fire
//! one.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use bursar_store::{Answer, ScheduleFilter};
use http::{HeaderMap, HeaderValue, StatusCode, header};

use super::intake::{self, CreateSchedule};
use super::view::ScheduleView;
use crate::App;
use crate::auth::Caller;
use crate::errors::CreateErrors;
use crate::idempotency::{KeyedRequest, json};
use crate::orders::view::to_json;
use crate::posted::{self, Posted};
use crate::problem::{Kind, Problem, ProblemBody};

/// Makes a schedule, which opens an order whenever it is due.
///
/// It is active at once and fires at the first instant from now on; the answer shows the next five. Each due instant
/// opens one order, whose number is `{name}-{due instant}` (`monthly-20261122T013000Z`), however many processes run.
#[utoipa::path(
    post, path = "/v1/schedules", tag = "schedules", security(("api_key" = [])),
    params(("Idempotency-Key" = String, Header, description = "1 to 255 visible ASCII characters; the same for each retry.")),
    request_body = CreateSchedule,
    responses(
        (status = 201, description = "Made.", body = ScheduleView),
        CreateErrors,
        (status = 409, description = "The name is taken, or the first request with this key still runs.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "A member is not valid (the zone is unknown, the expression never fires), or the key belongs to another request.", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub async fn create(
    State(app): State<Arc<App>>,
    caller: Caller,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let Posted { body, keyed } = posted::json(&app, caller, &headers, "/v1/schedules", body).await?;
    let work = async {
        let request = intake::read(&body)?;
        let now = app.clock.now();
        let schedule = super::draft(&app.desk, &app.settings, caller.merchant, &request).await?;
        let (id, name) = (schedule.id, schedule.name.clone());
        let mut said = String::new();
        let added = app.desk.add_schedule(schedule, |schedule, change| {
            said = to_json(&ScheduleView::new(schedule, now));
            change.idempotency = Some(keyed.row(StatusCode::CREATED, said.clone(), now));
        });
        match added.await?.0 {
            Answer::Committed => {
                let mut response = json(StatusCode::CREATED, said);
                if let Ok(location) = HeaderValue::try_from(format!("/v1/schedules/{id}")) {
                    response.headers_mut().insert(header::LOCATION, location);
                }
                Ok(response)
            }
            Answer::Duplicate => duplicate(&app, caller, &keyed, name).await,
            Answer::Stale | Answer::Fenced => {
                Err(Problem::internal("a new schedule was answered as only updates can be"))
            }
        }
    };
    keyed.once(&app, work).await
}

/// The key or the name was there before: which of them, the rows say.
async fn duplicate(app: &App, caller: Caller, keyed: &KeyedRequest, name: String) -> Result<Response, Problem> {
    if let Some(response) = keyed.stored(app).await? {
        return Ok(response);
    }
    let filter =
        ScheduleFilter { merchant: Some(caller.merchant), name: Some(name), limit: 1, ..ScheduleFilter::default() };
    match app.desk.gatherer.store().schedules(&filter).await?.pop() {
        Some(taken) => Err(Problem::new(Kind::ScheduleNameTaken, format!("The schedule {} has this name.", taken.id))),
        None => keyed.again(app).await,
    }
}
