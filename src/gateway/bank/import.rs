//! POST /v1/bank/{account}/statements: it knows how a file comes in, and must never know a format of a bank.
//!
//! The file itself is what keeps it from being taken in twice: the same file again, under whatever key, writes
//! nothing and says so. The key keeps the first answer. It is taken after the file, so a crash between the two
//! has the repeated request find the file there.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::Response;
use bursar_channels::bank::{Upload, read_upload};
use bursar_store::{Answer, Change};
use http::{HeaderMap, StatusCode, Uri};

use super::view::{ImportView, StatementView};
use crate::auth::Caller;
use crate::errors::ChangeErrors;
use crate::idempotency::{self, KeyedRequest, json};
use crate::limits::{FILE_NAME_MAX_CHARS, FORMAT_MAX_CHARS, GatewaySettings};
use crate::orders::view::to_json;
use crate::problem::{Kind, Problem, ProblemBody};
use crate::query::Parameters;
use crate::{App, body};

/// Takes a file of a bank in: camt.052, camt.053, camt.054, MT940, MT942, or a table; also in a ZIP.
///
/// Each line is taken once, in whatever file it comes; jobs then look for whose it is. The body is the file as it
/// came from the bank. The same file again changes nothing, also under another `Idempotency-Key`.
#[utoipa::path(
    post, path = "/v1/bank/{account}/statements", tag = "bank", security(("api_key" = [])),
    params(
        ("account" = String, Path, description = "The bank account (`acc_…`)."),
        ("format" = Option<String>, Query, description = "`auto` (when left out), `camt`, `mt`, `csv` (by the account's `statement_mapping`), or a table that is known: `icbc`, `cmb`, `ccb`, `abc`."),
        ("name" = Option<String>, Query, description = "The name of the file."),
        ("Idempotency-Key" = String, Header, description = "1 to 255 visible ASCII characters; the same for each retry."),
    ),
    request_body(content = String, content_type = "application/octet-stream", description = "The file."),
    responses(
        (status = 200, description = "Taken in, or taken in before (`already_imported`).", body = ImportView),
        ChangeErrors,
        (status = 409, description = "The first request with this key still runs.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "The file cannot be read: the detail says where, and what to do; or the key belongs to another request. Nothing was changed.", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub async fn import(
    State(app): State<Arc<App>>,
    caller: Caller,
    path: Result<Path<String>, PathRejection>,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let account = super::account(&app, caller, &super::in_path(path)?).await?;
    let (format, name) = parameters(&uri)?;
    body::check_encoding(&headers)?;
    idempotency::read(&headers)?;
    let busy = || Problem { retry_after_s: Some(5), ..Problem::new(Kind::Overloaded, "Other files are being read.") };
    let _place = app.imports.try_acquire().map_err(|_| busy())?;
    let limits = GatewaySettings { body_limit_bytes: app.settings.statement_limit_bytes, ..app.settings.clone() };
    let bytes = body::read(&headers, body, &limits).await?;
    let keyed = KeyedRequest::new(caller.merchant, &headers, "POST", &uri.to_string(), &bytes)?;
    let work = async {
        let by = caller.key.to_string();
        // Reading a large file takes a while: not on a thread that others wait for.
        let read = tokio::task::spawn_blocking(move || {
            read_upload(&account, &Upload { bytes: &bytes, name: &name, format: &format, by: &by })
        });
        let sheets = read.await.map_err(|_| Problem::internal("the reading of a file ended"))?;
        let sheets = sheets.map_err(|why| Problem::new(Kind::StatementNotRead, why))?;
        let mut view = ImportView { already_imported: true, statements: Vec::new() };
        for sheet in &sheets {
            let imported = app.desk.import(sheet).await?;
            view.already_imported &= imported.already;
            view.statements.push(StatementView::from(&imported.statement));
        }
        let answer = to_json(&view);
        let row = keyed.row(StatusCode::OK, answer.clone(), app.clock.now());
        match app.desk.gatherer.commit(Change { idempotency: Some(row), ..Change::default() }).await? {
            Answer::Duplicate => keyed.again(&app).await,
            Answer::Committed | Answer::Stale | Answer::Fenced => Ok(json(StatusCode::OK, answer)),
        }
    };
    keyed.once(&app, work).await
}

fn parameters(uri: &Uri) -> Result<(String, String), Problem> {
    let mut parameters = Parameters::parse(uri)?;
    let short = |most: usize| {
        move |text: &str| match text.chars().count() {
            n if n <= most => Ok(text.to_owned()),
            n => Err(format!("it has {n} characters; at most {most} are taken")),
        }
    };
    let format = parameters.take("format", short(FORMAT_MAX_CHARS)).unwrap_or_else(|| "auto".to_owned());
    let name = parameters.take("name", short(FILE_NAME_MAX_CHARS)).unwrap_or_else(|| "statement".to_owned());
    parameters.finish()?;
    Ok((format, name))
}
