//! Documentation faces: it knows the OpenAPI document, the problem pages and the index, and must never
//! know a row.

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::{Html, IntoResponse, Response};
use std::fmt::Write as _;
use std::sync::{Arc, LazyLock};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{Modify, OpenApi};

use crate::problem::{Kind, Problem};
use crate::{
    App, agreements, bank, cash, health, ledger, notify, orders, plans, reconcile, refunds, reports, schedules,
};

struct ApiKeyScheme;

impl Modify for ApiKeyScheme {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        let scheme = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .bearer_format("bk_…")
            .description(Some("An API key of a merchant, made by `bursar merchant add-key`."))
            .build();
        let components = openapi.components.get_or_insert_default();
        components.add_security_scheme("api_key", SecurityScheme::Http(scheme));
    }
}

/// The API, from the handlers.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Bursar",
        description = "Takes orders, asks the channels for money, and tells what became of it.\n\n\
            Amounts are integers in minor units. Times are RFC 3339 in UTC. Unknown members are refused. \
            Every unsafe call needs an `Idempotency-Key`; the answer that was given first is given again, byte for byte. \
            Errors are `application/problem+json`; their `type` is a page that says what to do.",
        license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0"),
    ),
    paths(
        orders::create::create, orders::list::list, orders::show::show, orders::timeline::timeline, orders::close::close,
        orders::add_payment::add, orders::methods::list, orders::pick::pick, orders::capture::capture,
        orders::late_money::answer, refunds::create::create, refunds::list::list,
        refunds::show::show, refunds::judge::approve, refunds::judge::reject, refunds::legs::transferred,
        refunds::legs::abandon,
        bank::import::import, bank::statements::list, bank::lines::list, bank::judge::assign, bank::judge::ignore,
        cash::collect::collect, cash::confirm::confirm, cash::dispute::dispute, cash::dispute::refuse,
        cash::drawers::list, cash::collections::list, cash::hand_in::hand_in, cash::hand_ins::list,
        cash::approve::approve, cash::banked::banked, cash::paid_out::paid_out,
        agreements::create::create, agreements::list::list, agreements::show::show, agreements::end::end,
        plans::create::create, plans::list::list, plans::show::show, plans::timeline::timeline, plans::wishes::pause, plans::wishes::resume,
        plans::wishes::cancel, plans::wishes::pay_off, plans::wishes::give_back, plans::wishes::reprice,
        plans::wishes::charge_by,
        schedules::create::create, schedules::list::list, schedules::show::show, schedules::fires::list,
        schedules::state::pause, schedules::state::resume, schedules::state::remove, schedules::run::run,
        schedules::backfill::backfill,
        reconcile::breaks::list, reconcile::show::show, reconcile::judge::end, reconcile::judge::agree,
        reconcile::judge::refuse, reconcile::bills::list, reconcile::bills::show, reconcile::lines::list,
        reconcile::days::list, reconcile::begin::begin,
        ledger::balances::list, ledger::account::statement,
        reports::insights::insights, reports::settlement::settlement,
        notify::receive, health::livez, health::readyz, health::metrics, openapi, problem_page, index,
    ),
    modifiers(&ApiKeyScheme),
    tags(
        (name = "orders", description = "What customers owe, and what became of it."),
        (name = "refunds", description = "Money that goes back to payers."),
        (name = "bank", description = "Statements of bank accounts, and whose their lines are."),
        (name = "cash", description = "Cash that workers collect: claimed, confirmed, handed in, banked."),
        (name = "agreements", description = "Payers' standing consent to be charged."),
        (name = "plans", description = "Amounts that fall due on dates: fixed sums in parts, and subscriptions."),
        (name = "schedules", description = "What happens again and again."),
        (name = "reconciliation", description = "What channels' bills say beside our books, and what people say about differences."),
        (name = "ledger", description = "Double entry: what is where, and whose it is."),
        (name = "reports", description = "How business went, and what was settled."),
        (name = "notifications", description = "What channels tell us."),
        (name = "health", description = "For operators and their tools."),
        (name = "documentation", description = "This, and what errors mean."),
    ),
)]
pub struct Api;

static DOCUMENT: LazyLock<String> = LazyLock::new(|| Api::openapi().to_pretty_json().unwrap_or_default());

/// The OpenAPI document as JSON, indented.
pub fn openapi_json() -> String {
    DOCUMENT.clone()
}

/// The OpenAPI 3.1 document of this API.
#[utoipa::path(get, path = "/openapi.json", tag = "documentation", responses((status = 200, description = "OpenAPI 3.1.", body = Object)))]
pub async fn openapi() -> Response {
    ([(http::header::CONTENT_TYPE, "application/json")], DOCUMENT.as_str()).into_response()
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

fn page(title: &str, content: &str) -> Html<String> {
    let title = escape(title);
    Html(format!(
        "<!doctype html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\"><title>{title} – Bursar</title></head>\n\
         <body>\n<h1>{title}</h1>\n{content}</body>\n</html>\n"
    ))
}

/// What a problem type means and what to do about it.
#[utoipa::path(
    get, path = "/problems/{kind}", tag = "documentation",
    params(("kind" = String, Path, description = "The last part of a problem's `type`.")),
    responses(
        (status = 200, description = "A page in HTML.", body = String, content_type = "text/html"),
        (status = 404, description = "There is no such problem type.", body = crate::problem::ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub async fn problem_page(path: Result<Path<String>, PathRejection>) -> Result<Html<String>, Problem> {
    let slug = path.map_or_else(|_| String::new(), |Path(slug)| slug);
    let kind = Kind::ALL.iter().find(|k| k.slug() == slug).ok_or_else(|| Problem::not_found("problem type"))?;
    let advice = marked(&escape(kind.advice()));
    let content = format!(
        "<p>HTTP status {}. Type <code>/problems/{}</code>.</p>\n<h2>What to do</h2>\n<p>{advice}</p>\n",
        kind.status().as_u16(),
        kind.slug()
    );
    Ok(page(kind.title(), &content))
}

/// `text` with what stands between backticks marked as code.
fn marked(text: &str) -> String {
    let parts = text.split('`').enumerate();
    parts.map(|(i, part)| if i % 2 == 1 { format!("<code>{part}</code>") } else { part.to_owned() }).collect()
}

/// A small index of this server.
#[utoipa::path(get, path = "/", tag = "documentation", responses((status = 200, description = "A page in HTML.", body = String, content_type = "text/html")))]
pub async fn index(State(app): State<Arc<App>>) -> Html<String> {
    let mut content = String::from("<ul>\n");
    for (path, what) in [
        ("/docs/", "The API, to read and to try"),
        ("/openapi.json", "The API as OpenAPI 3.1"),
        ("/readyz", "Whether this process can do its work"),
        ("/metrics", "Metrics for Prometheus"),
    ] {
        let _ = writeln!(content, "<li><a href=\"{path}\">{path}</a>: {what}</li>");
    }
    content.push_str("</ul>\n<h2>Problem types</h2>\n<ul>\n");
    for kind in Kind::ALL {
        let _ = writeln!(content, "<li><a href=\"/problems/{0}\">{0}</a>: {1}</li>", kind.slug(), escape(kind.title()));
    }
    let _ = writeln!(content, "</ul>\n<p>Reached from outside at {}.</p>", escape(&app.settings.public_url));
    page("Bursar", &content)
}
