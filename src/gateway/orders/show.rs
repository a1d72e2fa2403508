//! GET /v1/orders/{id}: it knows how one order is shown, and must never change it.

use std::sync::Arc;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::Response;
use bursar_core::channel::ChannelKind;
use http::StatusCode;

use super::view::{OrderView, to_json};
use crate::auth::Caller;
use crate::errors::ReadErrors;
use crate::idempotency::json;
use crate::problem::Problem;
use crate::{App, cash};

/// An order as it stands.
#[utoipa::path(
    get, path = "/v1/orders/{id}", tag = "orders", security(("api_key" = [])),
    params(("id" = String, Path, description = "The order (`ord_…`).")),
    responses(
        (status = 200, description = "The order.", body = OrderView),
        ReadErrors,
    ),
)]
pub async fn show(
    State(app): State<Arc<App>>,
    caller: Caller,
    path: Result<Path<String>, PathRejection>,
) -> Result<Response, Problem> {
    let dossier = super::owned(&app, caller, super::id(path)?).await?;
    let mut view = OrderView::from(&dossier);
    for (payment, shown) in dossier.payments.iter().zip(&mut view.payments) {
        if payment.method.channel() == ChannelKind::Cash {
            let collections = app.desk.gatherer.store().collections_of(payment.id).await?;
            shown.claimed_minor = Some(cash::claimed_minor(&collections));
        }
    }
    if !view.shares.is_empty()
        && let Some(sharing) = app.desk.gatherer.store().sharing(dossier.order.id).await?
    {
        view.shares.iter_mut().for_each(|share| share.follow(&sharing));
    }
    Ok(json(StatusCode::OK, to_json(&view)))
}
