//! Health: it knows whether this process lives and whether it can work, and must never mend anything.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};

use crate::App;
use crate::idempotency::json;
use crate::problem::{FieldError, Kind, Problem, ProblemBody};

/// Whether the process lives. Never touches the database: restarting would not mend that.
#[utoipa::path(get, path = "/livez", tag = "health", responses((status = 200, description = "It lives.", body = String)))]
pub async fn livez() -> &'static str {
    "ok\n"
}

/// Whether the process can do its work: the database answers and has this program's schema.
#[utoipa::path(
    get, path = "/readyz", tag = "health",
    responses(
        (status = 200, description = "Ready.", body = Object),
        (status = 503, description = "Not ready; `errors` says why.", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub async fn readyz(State(app): State<Arc<App>>) -> Response {
    let store = app.desk.gatherer.store();
    let checks = async {
        store.ping().await.map_err(|e| ("database", format!("the database does not answer: {e}")))?;
        match store.schema_is_current().await {
            Ok(true) => Ok(()),
            Ok(false) => Err((
                "schema",
                "the schema is not this program's: run `bursar migrate`, or the newer program".to_owned(),
            )),
            Err(e) => Err(("schema", format!("the schema cannot be read: {e}"))),
        }
    };
    let limit = app.settings.ready_timeout_ms;
    let outcome = tokio::time::timeout(Duration::from_millis(limit), checks)
        .await
        .unwrap_or_else(|_| Err(("database", format!("the database does not answer within {limit} ms"))));
    match outcome {
        Ok(()) => json(StatusCode::OK, format!("{{\"status\":\"ready\",\"database\":\"{}\"}}", store.dialect())),
        Err((check, why)) => {
            // The whole reason may name hosts or paths: it belongs in the log, not in a public answer.
            tracing::warn!(check, why, "not ready");
            let message = why.split(':').next().unwrap_or_default().to_owned();
            let problem = Problem::new(Kind::NotReady, message.clone());
            Problem { errors: vec![FieldError::parameter(check, message)], retry_after_s: Some(1), ..problem }
                .into_response()
        }
    }
}

/// Metrics in the Prometheus text format.
#[utoipa::path(get, path = "/metrics", tag = "health", responses((status = 200, description = "Prometheus text format.", body = String)))]
pub async fn metrics(State(app): State<Arc<App>>) -> Response {
    let mut text = app.metrics.render();
    crate::adapters::render_metrics(app.channels.as_ref(), &mut text);
    crate::schedules::gauges::render(&app, &mut text).await;
    crate::reconcile::gauges::render(&app, &mut text).await;
    crate::ledger::gauges::render(&app, &mut text).await;
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response()
}
