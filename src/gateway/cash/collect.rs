//! POST /v1/orders/{id}/collections: it knows how a worker's word about cash is taken down, and must never drop one
//! (a device sends it until it is answered) nor believe it (somebody else confirms it).

use std::sync::Arc;

use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::Response;
use bursar_core::cash::{Collection, CollectionState};
use bursar_core::channel::ChannelKind;
use bursar_core::id::{CollectionId, PaymentId};
use bursar_core::order::Dossier;
use bursar_core::payment::Payment;
use bursar_core::{Money, Timestamp, text};
use http::{HeaderMap, StatusCode};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::act::Deed;
use super::view::{CollectionView, TakenView};
use crate::auth::Caller;
use crate::errors::ChangeErrors;
use crate::json::Reader;
use crate::limits::{AMOUNT_MAX_MINOR, NOTE_MAX_CHARS, shown};
use crate::orders::view::to_json;
use crate::posted::{self, Posted};
use crate::problem::{Facts, Kind, Problem, ProblemBody};
use crate::{App, orders, people};

/// Cash that a worker has taken.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = CollectCash)]
pub struct CollectCash {
    /// A UUID that the worker's device makes once for this collection, and sends with each repetition.
    #[schema(value_type = String, example = "0192f5d0-7c1e-7b1a-9d5e-3f2a1b0c4d5e")]
    pub client_id: CollectionId,
    /// For which payment (`pay_…`), when the order has several by cash.
    #[schema(value_type = Option<String>, nullable = false)]
    pub payment: Option<PaymentId>,
    /// Who took it, by the merchant's name or number of him: always the same.
    #[schema(example = "w-1007", max_length = 64)]
    pub worker: String,
    /// What stays, in minor units: for a check of what was handed over less what was given back.
    #[schema(nullable = false, minimum = 1)]
    pub amount_minor: Option<i64>,
    /// What the payer handed over, in minor units.
    #[schema(example = 20_000, minimum = 1)]
    pub tendered_minor: i64,
    /// What he got back at once, in minor units.
    #[schema(nullable = false, example = 7_200, minimum = 0, default = 0)]
    pub change_minor: Option<i64>,
    /// When, by the device's clock.
    #[schema(value_type = String, format = DateTime)]
    pub collected_at: Timestamp,
    /// Anything that staff should know.
    #[schema(nullable = false, max_length = 127)]
    pub note: Option<String>,
}

/// Takes down that a worker has taken cash. It is his word: the payment changes when somebody else confirms it.
///
/// Devices may be offline and send it late, and again: what counts is `client_id`, whatever the
/// `Idempotency-Key`. It is taken down also when the order is closed meanwhile and when the worker carries too much
/// (`over_limit`). Several collections of one payment add up; more than is owed goes back when it is confirmed.
#[utoipa::path(
    post, path = "/v1/orders/{id}/collections", tag = "cash", security(("api_key" = [])),
    params(
        ("id" = String, Path, description = "The order (`ord_…`)."),
        ("Idempotency-Key" = String, Header, description = "1 to 255 visible ASCII characters; the same for each retry."),
    ),
    request_body = CollectCash,
    responses(
        (status = 201, description = "Taken down; or taken down before under this `client_id`.", body = TakenView),
        ChangeErrors,
        (status = 409, description = "`client_id` tells another collection, the order has no payment by cash, or the first request with this key still runs.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "A member is not valid, or the key belongs to another request.", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub async fn collect(
    State(app): State<Arc<App>>,
    caller: Caller,
    path: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let id = orders::id(path)?;
    let path = format!("/v1/orders/{id}/collections");
    let Posted { body, keyed } = posted::json(&app, caller, &headers, &path, body).await?;
    let work = async {
        let request = read(&body)?;
        let dossier = orders::owned(&app, caller, id).await?;
        let known = app.desk.gatherer.store().collection(request.client_id).await?;
        let known = known.filter(|c| c.order == id).map(|c| c.payment);
        let payment = the_payment(&dossier, request.payment.or(known))?;
        let told = told(&request, payment, app.clock.now());
        let (over_limit, claimed_minor) = meanwhile(&app, &told).await?;
        let view =
            |row: &Collection| to_json(&TakenView { collection: CollectionView::from(row), over_limit, claimed_minor });
        let deed = Deed::new(&app, &keyed, StatusCode::CREATED, &view);
        let end = app.desk.collect(&told, &deed.complete()).await?;
        deed.answer(end, super::no_collection).await
    };
    keyed.once(&app, work).await
}

/// The members of the body.
///
/// # Errors
/// See [`Reader::parse`] and [`Reader::finish`].
pub fn read(body: &[u8]) -> Result<CollectCash, Problem> {
    let mut reader = Reader::parse(body)?;
    let client_id = client_id(&mut reader);
    let payment = reader.optional_text("payment").and_then(|text| {
        let read: Result<PaymentId, String> = text.parse();
        read.map_err(|message| reader.refuse("payment", message)).ok()
    });
    let worker = people::person("worker", &mut reader);
    let amount_minor = reader.optional_integer("amount_minor");
    let tendered_minor = reader.integer("tendered_minor").unwrap_or_default();
    let change_minor = reader.optional_integer("change_minor");
    let collected_at = reader.text("collected_at").and_then(|text| {
        let read = Timestamp::parse_rfc3339(&shown(&text));
        read.map_err(|message| reader.refuse("collected_at", message)).ok()
    });
    let note = reader.optional_text("note");
    if let Some(Err(message)) = note.as_deref().map(|n| text::check("note", n, NOTE_MAX_CHARS)) {
        reader.refuse("note", message);
    }
    if reader.is_clean() {
        check_amounts(amount_minor, tendered_minor, change_minor.unwrap_or_default(), &mut reader);
    }
    reader.finish()?;
    let incomplete = || Problem::internal("a checked request lacks a member");
    Ok(CollectCash {
        client_id: client_id.ok_or_else(incomplete)?,
        payment,
        worker,
        amount_minor,
        tendered_minor,
        change_minor,
        collected_at: collected_at.ok_or_else(incomplete)?,
        note: note.map(|n| n.trim().to_owned()),
    })
}

fn client_id(reader: &mut Reader<'_>) -> Option<CollectionId> {
    let text = reader.text("client_id")?;
    let read = Uuid::try_parse(&text).ok().filter(|id| !id.is_nil() && !id.is_max());
    if read.is_none() {
        reader.refuse("client_id", format!("`client_id` must be a UUID, not `{}`", shown(&text)));
    }
    read.map(CollectionId)
}

fn check_amounts(amount: Option<i64>, tendered: i64, change: i64, errors: &mut Reader<'_>) {
    if !(1..=AMOUNT_MAX_MINOR).contains(&tendered) {
        let message = format!("`tendered_minor` must be 1 to {AMOUNT_MAX_MINOR} minor units, not {tendered}");
        return errors.refuse("tendered_minor", message);
    }
    if !(0..tendered).contains(&change) {
        let message = format!("`change_minor` must be 0 or more and less than what was handed over, not {change}");
        return errors.refuse("change_minor", message);
    }
    let stays = tendered.saturating_sub(change);
    if amount.is_some_and(|amount| amount != stays) {
        let message = format!("{tendered} handed over less {change} given back are {stays} minor units");
        errors.refuse("amount_minor", message);
    }
}

/// The payment that the cash is for: the one that is named, or was found when it was told first; or the only one by
/// cash that is open, and when none is, the last.
fn the_payment(dossier: &Dossier, named: Option<PaymentId>) -> Result<&Payment, Problem> {
    let by_cash = || dossier.payments.iter().filter(|p| p.method.channel() == ChannelKind::Cash);
    if let Some(id) = named {
        let what = || Problem::member("/payment", format!("{id} is not a payment of this order by cash"));
        return by_cash().find(|p| p.id == id).ok_or_else(what);
    }
    let mut open = by_cash().filter(|p| !p.state.is_final());
    match (open.next(), open.next(), by_cash().next_back()) {
        (Some(only), None, _) | (None, _, Some(only)) => Ok(only),
        (Some(_), Some(_), _) => Err(Problem::member("/payment", "several payments by cash are open: name one")),
        (None, _, None) => {
            let state = dossier.order.state.name();
            let detail = format!("The order is {state} and has no payment by cash that this could be for.");
            let facts = Facts { order_state: Some(state), ..Facts::default() };
            Err(Problem::new(Kind::NoCashPayment, detail).with(facts))
        }
    }
}

fn told(request: &CollectCash, payment: &Payment, now: Timestamp) -> Collection {
    let change_minor = request.change_minor.unwrap_or_default();
    Collection {
        id: request.client_id,
        payment: payment.id,
        order: payment.order,
        merchant: payment.merchant,
        account: payment.account,
        worker: request.worker.clone(),
        amount: Money::new(request.tendered_minor.saturating_sub(change_minor), payment.amount.currency),
        tendered_minor: request.tendered_minor,
        change_minor,
        collected_at: request.collected_at,
        received_at: now,
        note: request.note.clone(),
        state: CollectionState::Claimed,
        confirmed_by: None,
        confirmed_at: None,
        disputed_by: None,
        wrong_codes: 0,
        why: None,
        hand_in: None,
        version: 0,
    }
}

/// Whether its worker carries too much with it, and what is claimed for its payment.
async fn meanwhile(app: &App, told: &Collection) -> Result<(bool, i64), Problem> {
    let store = app.desk.gatherer.store();
    let of_payment = store.collections_of(told.payment).await?;
    let known = of_payment.iter().any(|c| c.id == told.id);
    let mut claimed_minor = super::claimed_minor(&of_payment);
    let mut drawer = app.desk.drawer(told.merchant, told.account, &told.worker, told.amount.currency).await?;
    if !known {
        claimed_minor = claimed_minor.saturating_add(told.amount.minor);
        drawer.put(CollectionState::Claimed, told.amount.minor, told.taken_at());
    }
    let over = drawer.check_limits(super::limits(app, told.account).await?, app.clock.now()).is_err();
    Ok((over, claimed_minor))
}
