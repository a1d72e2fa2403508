//! The gateway: it knows HTTP, and must never know SQL or a channel's dialect.
//!
//! A JSON API for merchants, the addresses where channels tell us things, health, metrics and the
//! documentation of it all. Start reading at [`router`]. Every error, from wherever it comes, is a
//! [`problem::Problem`]; every bound is in [`limits`].

mod act;
pub mod adapters;
pub mod agreements;
pub mod auth;
pub mod bank;
mod body;
pub mod cash;
mod cursor;
mod docs;
mod errors;
pub mod explain;
mod guard;
mod health;
mod idempotency;
mod json;
pub mod ledger;
pub mod limits;
pub mod metrics;
mod notify;
pub mod orders;
mod people;
pub mod plans;
mod posted;
mod prefer;
pub mod problem;
mod query;
pub mod reconcile;
pub mod refunds;
pub mod reports;
pub mod schedules;
pub mod serve;

#[cfg(test)]
mod testing;

use std::sync::Arc;

pub use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};
use bursar_core::{Chance, Clock};
use bursar_store::desk::Desk;
use tokio::sync::{Mutex, Semaphore};
use utoipa_swagger_ui::SwaggerUi;

pub use adapters::Adapters;
pub use auth::mint_api_key;
pub use docs::openapi_json;
pub use limits::GatewaySettings;
pub use metrics::{Metrics, MetricsSource};

/// What the gateway needs of the rest of the program.
#[derive(Clone, Debug)]
pub struct GatewayContext {
    /// Where orders are opened and observations are taken in.
    pub desk: Desk,
    /// The channels' adapters.
    pub channels: Arc<dyn Adapters>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Chance; cryptographically strong, since ids come from it.
    pub chance: Arc<dyn Chance>,
    /// Bounds.
    pub settings: GatewaySettings,
    /// Counters; other parts of the process register theirs here.
    pub metrics: Arc<Metrics>,
}

/// What handlers share.
#[derive(Debug)]
pub(crate) struct App {
    context: GatewayContext,
    /// Places for API requests.
    in_flight: Semaphore,
    /// Places for notifications.
    notifications_in_flight: Semaphore,
    /// Places for requests that wait for a payment's code: half of all, so that waiting never keeps
    /// others out. Who finds none is answered at once.
    waiting: Semaphore,
    /// Places for files of statements that are read.
    imports: Semaphore,
    /// Held while a channel's keys are fetched.
    refreshing: Mutex<()>,
}

impl std::ops::Deref for App {
    type Target = GatewayContext;
    fn deref(&self) -> &GatewayContext {
        &self.context
    }
}

/// The whole HTTP face. Needs a tokio runtime when called.
pub fn router(context: GatewayContext) -> Router {
    let settings = &context.settings;
    let app = Arc::new(App {
        in_flight: Semaphore::new(settings.max_in_flight),
        notifications_in_flight: Semaphore::new(settings.max_notifications_in_flight),
        waiting: Semaphore::new(settings.max_in_flight / 2),
        imports: Semaphore::new(settings.max_imports),
        refreshing: Mutex::new(()),
        context,
    });
    let api = Router::new()
        .route("/v1/orders", post(orders::create::create).get(orders::list::list))
        .route("/v1/orders/{id}", get(orders::show::show))
        .route("/v1/orders/{id}/timeline", get(orders::timeline::timeline))
        .route("/v1/orders/{id}/close", post(orders::close::close))
        .route("/v1/orders/{id}/payments", post(orders::add_payment::add))
        .route("/v1/orders/{id}/methods", get(orders::methods::list))
        .route("/v1/orders/{id}/pick", post(orders::pick::pick))
        .route("/v1/orders/{id}/capture", post(orders::capture::capture))
        .route("/v1/orders/{id}/late-money", post(orders::late_money::answer))
        .route("/v1/orders/{id}/refunds", post(refunds::create::create))
        .route("/v1/refunds", get(refunds::list::list))
        .route("/v1/refunds/{id}", get(refunds::show::show))
        .route("/v1/refunds/{id}/approve", post(refunds::judge::approve))
        .route("/v1/refunds/{id}/reject", post(refunds::judge::reject))
        .route("/v1/refunds/{id}/transferred", post(refunds::legs::transferred))
        .route("/v1/refunds/{id}/abandon", post(refunds::legs::abandon))
        .route("/v1/bank/{account}/statements", post(bank::import::import).get(bank::statements::list))
        .route("/v1/bank/{account}/lines", get(bank::lines::list))
        .route("/v1/bank/{account}/lines/{id}/assign", post(bank::judge::assign))
        .route("/v1/bank/{account}/lines/{id}/ignore", post(bank::judge::ignore))
        .route("/v1/orders/{id}/collections", post(cash::collect::collect))
        .route("/v1/collections/{id}/confirm", post(cash::confirm::confirm))
        .route("/v1/collections/{id}/dispute", post(cash::dispute::dispute))
        .route("/v1/collections/{id}/refuse", post(cash::dispute::refuse))
        .route("/v1/cash/{account}/drawers", get(cash::drawers::list))
        .route("/v1/cash/{account}/collections", get(cash::collections::list))
        .route("/v1/cash/{account}/hand-ins", post(cash::hand_in::hand_in).get(cash::hand_ins::list))
        .route("/v1/hand-ins/{id}/approve", post(cash::approve::approve))
        .route("/v1/hand-ins/{id}/banked", post(cash::banked::banked))
        .route("/v1/refunds/{id}/paid-out", post(cash::paid_out::paid_out))
        .route("/v1/agreements", post(agreements::create::create).get(agreements::list::list))
        .route("/v1/agreements/{id}", get(agreements::show::show))
        .route("/v1/agreements/{id}/end", post(agreements::end::end))
        .route("/v1/plans", post(plans::create::create).get(plans::list::list))
        .route("/v1/plans/{id}", get(plans::show::show))
        .route("/v1/plans/{id}/timeline", get(plans::timeline::timeline))
        .route("/v1/plans/{id}/pause", post(plans::wishes::pause))
        .route("/v1/plans/{id}/resume", post(plans::wishes::resume))
        .route("/v1/plans/{id}/cancel", post(plans::wishes::cancel))
        .route("/v1/plans/{id}/payoff", post(plans::wishes::pay_off))
        .route("/v1/plans/{id}/give-back", post(plans::wishes::give_back))
        .route("/v1/plans/{id}/reprice", post(plans::wishes::reprice))
        .route("/v1/plans/{id}/agreement", post(plans::wishes::charge_by))
        .route("/v1/reports/insights", get(reports::insights::insights))
        .route("/v1/reports/settlement", get(reports::settlement::settlement))
        .route("/v1/ledger/balances", get(ledger::balances::list))
        .route("/v1/ledger/accounts/{kind}/{owner}", get(ledger::account::statement))
        .route("/v1/schedules", post(schedules::create::create).get(schedules::list::list))
        .route("/v1/schedules/{id}", get(schedules::show::show))
        .route("/v1/schedules/{id}/fires", get(schedules::fires::list))
        .route("/v1/schedules/{id}/pause", post(schedules::state::pause))
        .route("/v1/schedules/{id}/resume", post(schedules::state::resume))
        .route("/v1/schedules/{id}/remove", post(schedules::state::remove))
        .route("/v1/schedules/{id}/run", post(schedules::run::run))
        .route("/v1/schedules/{id}/backfill", post(schedules::backfill::backfill))
        .route("/v1/breaks", get(reconcile::breaks::list))
        .route("/v1/breaks/{id}", get(reconcile::show::show))
        .route("/v1/breaks/{id}/end", post(reconcile::judge::end))
        .route("/v1/breaks/{id}/agree", post(reconcile::judge::agree))
        .route("/v1/breaks/{id}/refuse", post(reconcile::judge::refuse))
        .route("/v1/bills", get(reconcile::bills::list))
        .route("/v1/bills/{id}", get(reconcile::bills::show))
        .route("/v1/bills/{id}/lines", get(reconcile::lines::list))
        .route("/v1/reconciliations", post(reconcile::begin::begin).get(reconcile::days::list))
        .layer(from_fn_with_state(app.clone(), guard::api));
    let notifications = Router::new()
        .route("/notify/{channel}/{account}", post(notify::receive))
        .layer(from_fn_with_state(app.clone(), guard::notifications));
    let others = Router::new()
        .route("/livez", get(health::livez))
        .route("/readyz", get(health::readyz))
        .route("/metrics", get(health::metrics))
        .route("/openapi.json", get(docs::openapi))
        .route("/problems/{kind}", get(docs::problem_page))
        .route("/", get(docs::index));
    let page = SwaggerUi::new("/docs").config(utoipa_swagger_ui::Config::from("/openapi.json"));
    Router::new()
        .merge(api)
        .merge(notifications)
        .merge(others)
        .merge(page)
        .fallback(guard::no_such_route)
        .method_not_allowed_fallback(guard::no_such_method)
        .layer(from_fn_with_state(app.clone(), guard::outside))
        .with_state(app)
}
