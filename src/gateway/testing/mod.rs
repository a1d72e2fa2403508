//! The house that the gateway's tests live in: a real SQLite file, a clock that stands still, two
//! merchants, and a channel whose proofs the tests can make. It must never open a socket.

mod agreements;
mod answer;
mod bank;
mod cash;
mod choose;
mod close;
mod combined;
mod contract;
mod create;
mod fake;
mod health;
mod http;
mod idempotency;
mod installments;
mod judge;
mod late_money;
mod ledger;
mod legs;
mod list;
mod notify;
mod payee;
mod payments;
mod plan_timeline;
mod plan_wishes;
mod plans;
mod reconcile;
mod refund_inputs;
mod refund_list;
mod refunds;
mod reports;
mod schedules;
mod story;
mod timeline;

use std::sync::Arc;

use ::http::Request;
use axum::Router;
use axum::body::Body;
use bursar_core::chance::SeededChance;
use bursar_core::channel::ChannelKind;
use bursar_core::clock::ManualClock;
use bursar_core::id::{ChannelAccountId, MerchantId, OrderId, PaymentId};
use bursar_core::merchant::{ChannelAccount, Merchant, MerchantPolicy};
use bursar_core::order::Dossier;
use bursar_core::plan::Plans;
use bursar_core::{Chance, Timestamp};
use bursar_store::desk::Desk;
use bursar_store::directory::Directory;
use bursar_store::{AgreementFilter, Gatherer, JobFilter, JobRow, PlanFilter, Store};
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::{Adapters, GatewayContext, GatewaySettings, Metrics, mint_api_key, router};
pub use answer::Answer;
use fake::FakeAdapters;

/// 2026-11-22T09:00:00Z.
pub const START: Timestamp = Timestamp::from_millis(1_795_338_000_000);

pub struct House {
    pub router: Router,
    pub store: Arc<dyn Store>,
    pub desk: Desk,
    pub clock: Arc<ManualClock>,
    pub metrics: Arc<Metrics>,
    pub fake: Arc<FakeAdapters>,
    pub merchant: MerchantId,
    pub account: ChannelAccountId,
    pub bank: ChannelAccountId,
    pub key: String,
    pub other_merchant: MerchantId,
    pub other_key: String,
    folder: tempfile::TempDir,
}

fn plans() -> Plans {
    let plan = |text: &str| text.parse().unwrap();
    Plans {
        poll: plan("5s 10s then 3m"),
        unknown: plan("2s then 1h"),
        close: plan("5s then 1m"),
        watch: plan("5m 1h 24h"),
        refund: plan("1m 10m then 1h"),
        refund_funds: plan("10m then 1h"),
        webhook: plan("0ms 5s then 12h until 3d"),
        failure: plan("1s then 1m"),
    }
}

impl House {
    pub async fn new() -> Self {
        Self::with(GatewaySettings::default()).await
    }

    pub async fn with(settings: GatewaySettings) -> Self {
        Self::built(settings, MerchantPolicy::default()).await
    }

    /// A house whose first merchant has this policy.
    pub async fn with_policy(policy: MerchantPolicy) -> Self {
        Self::built(GatewaySettings::default(), policy).await
    }

    async fn built(settings: GatewaySettings, policy: MerchantPolicy) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("gateway.db").display());
        let store = bursar_store::open(&url, &bursar_store::Options::default()).await.unwrap();
        store.migrate().await.unwrap();
        let clock = Arc::new(ManualClock::at(START));
        let chance: Arc<dyn Chance> = Arc::new(SeededChance::new(7));
        let (merchant, key) = Self::merchant(&store, policy, chance.as_ref()).await;
        let (other_merchant, other_key) = Self::merchant(&store, MerchantPolicy::default(), chance.as_ref()).await;
        let account = Self::account(&store, merchant, chance.as_ref()).await;
        Self::account_of(&store, merchant, ChannelKind::Stripe, chance.as_ref()).await;
        let bank = Self::bank_account(&store, merchant, chance.as_ref()).await;
        Self::account(&store, other_merchant, chance.as_ref()).await;
        let desk = Desk {
            gatherer: Gatherer::start(store.clone()),
            directory: Directory::new(store.clone()),
            plans: Arc::new(plans()),
            clock: clock.clone(),
            chance: chance.clone(),
        };
        let (metrics, fake) = (Arc::new(Metrics::new()), Arc::new(FakeAdapters::default()));
        let channels: Arc<dyn Adapters> = fake.clone();
        let context = GatewayContext {
            desk: desk.clone(),
            channels,
            clock: clock.clone(),
            chance,
            settings,
            metrics: metrics.clone(),
        };
        Self {
            router: router(context),
            store,
            desk,
            clock,
            metrics,
            fake,
            merchant,
            account,
            bank,
            key,
            other_merchant,
            other_key,
            folder,
        }
    }

    async fn merchant(store: &Arc<dyn Store>, policy: MerchantPolicy, chance: &dyn Chance) -> (MerchantId, String) {
        let id = MerchantId::fresh(START, chance);
        store.put_merchant(&Merchant { id, name: "Nannies".into(), policy, created_at: START }).await.unwrap();
        let (key, text) = mint_api_key(id, START, chance);
        let key = bursar_core::merchant::ApiKey { label: "shop".into(), ..key };
        store.put_api_key(&key).await.unwrap();
        (id, text)
    }

    pub async fn account(store: &Arc<dyn Store>, merchant: MerchantId, chance: &dyn Chance) -> ChannelAccountId {
        Self::account_of(store, merchant, ChannelKind::Wechat, chance).await
    }

    async fn account_of(
        store: &Arc<dyn Store>,
        merchant: MerchantId,
        channel: ChannelKind,
        chance: &dyn Chance,
    ) -> ChannelAccountId {
        let id = ChannelAccountId::fresh(START, chance);
        let account = ChannelAccount {
            id,
            merchant,
            channel,
            settings: json!({ "mchid": id.bare() }),
            facts: None,
            created_at: START,
        };
        store.put_account(&account).await.unwrap();
        id
    }

    pub async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = axum::body::to_bytes(body, 16 << 20).await.unwrap().to_vec();
        Answer { status: parts.status.as_u16(), headers: parts.headers, bytes }
    }

    /// A request with this merchant's key; `headers` are added.
    pub fn request(&self, method: &str, path: &str, headers: &[(&str, &str)], body: impl Into<Body>) -> Request<Body> {
        let bearer = format!("Bearer {}", self.key);
        let mut request = Request::builder().method(method).uri(path).header("authorization", bearer);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(body.into()).unwrap()
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(self.request("GET", path, &[], Body::empty())).await
    }

    pub async fn get_as_other(&self, path: &str) -> Answer {
        let bearer = format!("Bearer {}", self.other_key);
        self.send(Request::get(path).header("authorization", bearer).body(Body::empty()).unwrap()).await
    }

    pub async fn post_as_other(&self, path: &str, key: &str, body: &Value) -> Answer {
        let headers = [("content-type", "application/json"), ("idempotency-key", key)];
        let mut request = self.request("POST", path, &headers, body.to_string());
        request.headers_mut().insert("authorization", format!("Bearer {}", self.other_key).parse().unwrap());
        self.send(request).await
    }

    pub async fn post(&self, path: &str, key: &str, body: impl Into<Body>) -> Answer {
        let headers = [("content-type", "application/json"), ("idempotency-key", key)];
        self.send(self.request("POST", path, &headers, body)).await
    }

    /// Takes an order with this number; the answer's body.
    pub async fn order(&self, number: &str) -> Value {
        let mut body = order_body();
        body["number"] = json!(number);
        self.post("/v1/orders", &format!("key-{number}"), body.to_string()).await.expect(201).json()
    }

    pub async fn dossier(&self, order: &Value) -> Dossier {
        let id: OrderId = order["id"].as_str().unwrap().parse().unwrap();
        self.store.dossier(id).await.unwrap().unwrap()
    }

    /// Takes the database away: its connections and its file.
    pub async fn lose_database(&self) {
        self.store.close().await;
        std::fs::remove_dir_all(self.folder.path()).unwrap();
    }

    /// Every file of the database.
    pub fn files(&self) -> Vec<std::path::PathBuf> {
        std::fs::read_dir(self.folder.path()).unwrap().map(|entry| entry.unwrap().path()).collect()
    }

    pub async fn jobs(&self) -> Vec<JobRow> {
        self.store.jobs(&JobFilter { limit: 10_000, ..JobFilter::default() }).await.unwrap()
    }

    /// Everything that a request may change, as text: equal before and after means nothing changed.
    pub async fn fingerprint(&self) -> String {
        let filter = bursar_store::OrderFilter { limit: 10_000, ..Default::default() };
        let orders = self.store.orders(&filter).await.unwrap();
        let filter = bursar_store::RefundFilter { limit: 10_000, ..Default::default() };
        let refunds = self.store.refunds(&filter).await.unwrap();
        let (balances, parked) = (self.store.balances().await.unwrap(), self.store.parked(None, 10_000).await.unwrap());
        let counts = self.store.counts().await.unwrap();
        let billing = self.billing().await;
        let books = self.books().await;
        format!("{orders:?} {refunds:?} {:?} {balances:?} {parked:?} {counts:?} {billing} {books}", self.jobs().await)
    }

    /// Every agreement and plan, as text.
    async fn billing(&self) -> String {
        let limit = 10_000;
        let filter = AgreementFilter { merchant: None, payer: None, state: None, before: None, limit };
        let agreements = self.store.agreements(&filter).await.unwrap();
        let filter =
            PlanFilter { merchant: None, number: None, payer: None, agreement: None, state: None, before: None, limit };
        format!("{agreements:?} {:?}", self.store.plans(&filter).await.unwrap())
    }
}

pub fn payment_id(order: &Value) -> PaymentId {
    payment_at(order, 0)
}

pub fn payment_at(order: &Value, index: usize) -> PaymentId {
    text(&order["payments"][index]["id"]).parse().unwrap()
}

/// The string in `value`.
pub fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("not a string: {value}"))
}

/// A lawful request.
pub fn order_body() -> Value {
    json!({
        "number": "b-1", "amount_minor": 12_800, "currency": "CNY",
        "description": "日常保洁 2 小时", "method": "wechat_native",
    })
}

/// The lawful request with some members replaced (or removed, by null).
pub fn order_with(changes: &Value) -> Value {
    let mut body = order_body();
    for (name, value) in changes.as_object().unwrap() {
        if value.is_null() {
            body.as_object_mut().unwrap().remove(name);
        } else {
            body[name] = value.clone();
        }
    }
    body
}
