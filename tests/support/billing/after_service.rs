//! Services that are paid for when they are over: it knows each of their ends and what the channel's books must say then,
//! and must never know a channel's words.

use bursar_core::channel::{ChannelKind, Method};
use bursar_core::clock::{DAY_MS, HOUR_MS};
use bursar_core::held::HeldEnding;
use bursar_core::id::{CollectionId, OrderId};
use bursar_core::observation::PayCode;
use bursar_core::order::{Dossier, OrderState};
use bursar_core::payment::{Payment, PaymentState};
use bursar_sandbox::BookEntry;
use serde_json::json;

use super::place::Place;
use super::town::{Town, WITHIN};
use crate::until;

/// What payers agree to, and what a service comes to, in fen.
const MOST: i64 = 8_800;
const CAME_TO: i64 = 6_600;
/// How long holds are kept when the settings do not say.
const KEPT_MS: i64 = 30 * DAY_MS;

/// Sees a service to each of its ends with `method`, one after the other.
///
/// # Panics
/// When one ends otherwise than it must.
pub async fn serve(method: Method, database: Option<String>) {
    let town = Town::open(Place { method, rhythmic: false }, database).await;
    town.open_till(ChannelKind::Cash, json!({ "drawer_limit_minor": 10_000_000 })).await;
    let told = |story: &str| println!("{} {story}: ok at {}", method.name(), town.today());
    it_comes_to_less(&town).await;
    told("it comes to less");
    nobody_needs_it(&town).await;
    told("nobody needs it");
    paid_in_cash(&town).await;
    told("paid in cash");
    if method == Method::WechatScore {
        // Elsewhere what is held is taken at once.
        paid_in_cash_while_it_is_collected(&town).await;
        told("paid in cash while it is collected");
    }
    everybody_forgets_it(&town).await;
    told("everybody forgets it");
    town.house.close().await;
}

/// A service whose payer has agreed.
struct Service<'a> {
    town: &'a Town,
    order: OrderId,
}

impl<'a> Service<'a> {
    async fn agreed(town: &'a Town, description: &str) -> Self {
        let number = town.house.stage.program.chance.next_u64();
        let body = json!({
            "number": format!("s{number}"), "amount_minor": MOST, "currency": "CNY", "description": description,
            "method": town.place.method.name(), "expires_in_seconds": 6 * 3_600,
        });
        let answer = town.post("/v1/orders", 201, &body).await;
        let order = answer["id"].as_str().expect("an id").parse().expect("an order's id");
        let service = Self { town, order };
        service.until("he has agreed", 1, |d| held(d).state == PaymentState::Authorized).await;
        assert_eq!(service.entry().await.state, "AUTHORIZED");
        service
    }

    async fn until(&self, what: &str, days: i64, wanted: impl Fn(&Dossier) -> bool) -> Dossier {
        self.town
            .live_until(what, days, async || {
                let dossier = self.town.house.dossier(self.order).await;
                let stuck = dossier.payments.iter().find(|p| p.state == PaymentState::IntegrityHold);
                assert!(stuck.is_none(), "{what}: {stuck:#?}");
                wanted(&dossier).then_some(dossier)
            })
            .await
    }

    /// What the channel's books say: of two orders of one number the later one is how what was held was taken.
    async fn entry(&self) -> BookEntry {
        let dossier = self.town.house.dossier(self.order).await;
        let number = held(&dossier).number();
        self.town.sandbox().books().into_iter().rfind(|entry| entry.out_trade_no == number).expect("an order")
    }

    /// Nobody's money was taken at the channel, and nothing is held there any more.
    async fn is_let_go(&self) -> BookEntry {
        let entry = self.entry().await;
        assert_eq!((entry.state.as_str(), entry.charges), ("CLOSED", 0), "{entry:#?}");
        entry
    }

    async fn complete(&self) {
        let said = json!({ "by": "Li Na", "amount_minor": CAME_TO });
        self.town.post(&format!("/v1/orders/{}/capture", self.order), 202, &said).await;
    }

    /// The worker collects on site what is missing.
    async fn collect_in_cash(&self) {
        let orders = format!("/v1/orders/{}", self.order);
        self.town.post(&format!("{orders}/payments"), 201, &json!({ "method": "cash" })).await;
        let cash = |d: &Dossier| d.payments.iter().find(|p| p.method == Method::Cash).cloned();
        let waits = |d: &Dossier| cash(d).is_some_and(|p| p.evidence.code().is_some());
        let payment = cash(&self.until("a worker may collect it", 1, waits).await).expect("a payment");
        let Some(PayCode::Cash { code }) = payment.evidence.code() else { panic!("{:?}", payment.evidence.code()) };
        let said = json!({
            "client_id": payment.id.uuid().to_string(), "worker": "w-1007", "tendered_minor": payment.amount.minor,
            "change_minor": 0, "collected_at": payment.created_at.to_string(),
        });
        self.town.post(&format!("{orders}/collections"), 201, &said).await;
        // The collector's device numbers what it tells.
        let id = CollectionId(payment.id.uuid());
        self.town.post(&format!("/v1/collections/{id}/confirm"), 200, &json!({ "code": code })).await;
    }

    /// It ended so, and the merchant heard of it once.
    async fn has_ended(&self, dossier: &Dossier, ending: HeldEnding) {
        assert_eq!(HeldEnding::of(held(dossier), dossier.order.state), Some(ending), "{:#?}", held(dossier));
        let paid = dossier.order.state == OrderState::Paid;
        let (kind, id) = (if paid { "order.paid" } else { "order.closed" }, self.order.to_string());
        for kind in ["payment.authorized", kind] {
            let told = || async { (self.town.ears.told(kind, &id) > 0).then_some(()) };
            until(&format!("{kind} is told"), WITHIN, told).await;
            assert_eq!(self.town.ears.told(kind, &id), 1, "{kind}");
        }
        assert!(dossier.refunds.is_empty(), "{:#?}", dossier.refunds);
        let questions = self.town.questions().await;
        assert!(questions.is_empty(), "{questions:#?}");
    }
}

/// The payment that holds.
fn held(dossier: &Dossier) -> &Payment {
    dossier.payments.iter().find(|p| p.method.holds()).expect("what is held")
}

async fn it_comes_to_less(town: &Town) {
    let service = Service::agreed(town, "日常保洁").await;
    service.complete().await;
    let paid = service.until("it is paid", 2, |d| d.order.state == OrderState::Paid).await;
    let entry = service.entry().await;
    assert_eq!((entry.charges, entry.captured_minor, paid.captured_minor()), (1, CAME_TO, CAME_TO));
    assert_eq!(paid.order.amount.minor, CAME_TO);
    service.has_ended(&paid, HeldEnding::Captured).await;
}

async fn nobody_needs_it(town: &Town) {
    let service = Service::agreed(town, "日常保洁").await;
    let said = json!({ "reason": "the customer cancelled" });
    town.post(&format!("/v1/orders/{}/close", service.order), 202, &said).await;
    let closed = service.until("it is closed", 1, |d| d.order.state == OrderState::Closed).await;
    service.is_let_go().await;
    service.has_ended(&closed, HeldEnding::Revoked).await;
}

async fn paid_in_cash(town: &Town) {
    let service = Service::agreed(town, "日常保洁").await;
    service.collect_in_cash().await;
    let ended = service.until("it is let go", 1, |d| held(d).state == PaymentState::Closed).await;
    assert_eq!((ended.order.state, ended.captured_minor()), (OrderState::Paid, MOST));
    service.is_let_go().await;
    service.has_ended(&ended, HeldEnding::PaidElsewhere).await;
}

/// The channel collects and finds no money; the payer pays the worker. The channel hears of it, and stops.
async fn paid_in_cash_while_it_is_collected(town: &Town) {
    let service = Service::agreed(town, "[collect:never]").await;
    service.complete().await;
    service.until("it is collected", 1, |d| held(d).state == PaymentState::Capturing).await;
    let heard = || town.sandbox().counters().operations.get("sync_service").copied().unwrap_or(0);
    let before = heard();
    town.live_hours(2).await;
    assert_eq!(held(&town.house.dossier(service.order).await).state, PaymentState::Capturing);
    service.collect_in_cash().await;
    let ended = service.until("it is let go", 1, |d| held(d).state == PaymentState::Closed).await;
    assert_eq!((ended.order.state, ended.captured_minor()), (OrderState::Paid, CAME_TO));
    service.is_let_go().await;
    assert_eq!(heard(), before + 1, "the channel was told once");
    service.has_ended(&ended, HeldEnding::PaidElsewhere).await;
}

/// Neither channel says when a hold lapses: it is let go an hour before our own term is over, and not before.
async fn everybody_forgets_it(town: &Town) {
    let service = Service::agreed(town, "日常保洁").await;
    let agreed_at = held(&town.house.dossier(service.order).await).evidence.authorized.clone().expect("a hold");
    let agreed_at = agreed_at.receipt.paid_at;
    let closed = service.until("it is let go", 31, |d| d.order.state == OrderState::Closed).await;
    let closed_at_ms = service.is_let_go().await.closed_at_ms.expect("it is closed");
    let kept_ms = closed_at_ms - agreed_at.as_millis();
    assert!((KEPT_MS - HOUR_MS..KEPT_MS).contains(&kept_ms), "kept for {kept_ms} ms");
    service.has_ended(&closed, HeldEnding::Expired).await;
}
