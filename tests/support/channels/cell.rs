//! One case of one way to pay: a merchant of its own in a house that all cases share. It knows how orders are placed
//! and looked at, and must never know how their money comes.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bursar::play::cast::Actor;
use bursar_core::event::EventKind;
use bursar_core::id::{ChannelAccountId, MerchantId, OrderId};
use bursar_core::ledger::AccountKind;
use bursar_core::merchant::{ChannelAccount, Merchant, MerchantPolicy};
use bursar_core::observation::{Claim, Source};
use bursar_core::order::{Dossier, OrderState};
use bursar_core::payment::{Payment, PaymentState};
use bursar_sandbox::merchant::Till;
use bursar_store::directory::Entries;
use serde_json::{Value, json};

use super::Row;
use crate::{House, until};

/// What every order costs, in fen.
pub(super) const AMOUNT: i64 = 8_800;
/// Longest wait for what a case expects, in real time: only what is broken takes so long.
pub(super) const WITHIN: Duration = Duration::from_secs(45);

/// A merchant in a house, with one account.
#[derive(Debug)]
pub(super) struct Cell {
    pub(super) row: Row,
    pub(super) house: Arc<House>,
    pub(super) actor: Actor,
}

impl Cell {
    pub(super) async fn open(house: Arc<House>, row: Row, settings: Value) -> Self {
        let program = &house.stage.program;
        let (store, chance, now) = (&program.store, program.chance.as_ref(), program.clock.now());
        let merchant = Merchant {
            id: MerchantId::fresh(now, chance),
            name: row.name.to_owned(),
            policy: MerchantPolicy::default(),
            created_at: now,
        };
        let account = ChannelAccount {
            id: ChannelAccountId::fresh(now, chance),
            merchant: merchant.id,
            channel: row.channel(),
            settings,
            facts: None,
            created_at: now,
        };
        let (key, api_key) = bursar_gateway::mint_api_key(merchant.id, now, chance);
        store.put_merchant(&merchant).await.expect("a merchant");
        store.put_account(&account).await.expect("an account");
        store.put_api_key(&key).await.expect("an API key");
        let till = Till { account: account.id, channel: account.channel };
        let actor = Actor { merchant: merchant.id, name: merchant.name, tills: vec![till], api_key };
        Self { row, house, actor }
    }

    /// The merchant's account on the channel.
    pub(super) fn account(&self) -> ChannelAccountId {
        self.actor.tills.first().expect("an account").account
    }

    /// Waits until the program knows the merchant: it reads what is new a few times a second only.
    pub(super) async fn until_known(&self) {
        let directory = &self.house.stage.program.desk.directory;
        until("the program knows the merchant", WITHIN, || async {
            let known = |e: &Entries| e.accounts.contains_key(&self.account());
            let entries = directory.entries_with(known).await.expect("the database");
            known(&entries).then_some(())
        })
        .await;
    }

    /// Places an order that lives for so many seconds of the clock.
    pub(super) async fn order(&self, life_s: u64) -> OrderId {
        self.order_with(life_s, &json!({})).await
    }

    /// The same with more members.
    pub(super) async fn order_with(&self, life_s: u64, more: &Value) -> OrderId {
        let number = self.house.stage.program.chance.next_u64();
        let mut body = json!({
            "number": format!("n{number}"), "amount_minor": AMOUNT, "currency": "CNY", "description": "日常保洁 3 小时",
            "method": self.row.method.name(), "expires_in_seconds": life_s,
        });
        for (name, value) in more.as_object().into_iter().flatten() {
            body[name] = value.clone();
        }
        let (status, answer) = self.post("/v1/orders", &format!("k{number}"), &body).await;
        assert_eq!(status, 201, "{answer}");
        answer["id"].as_str().expect("an id").parse().expect("an order's id")
    }

    /// Asks for the order to be closed, as long as it is not paid.
    pub(super) async fn ask_to_close_unless_paid(&self, order: OrderId) {
        let status = self.try_to_close(order).await;
        assert!([200, 202, 409].contains(&status), "{status}");
    }

    /// Asks for the order to be closed.
    pub(super) async fn ask_to_close(&self, order: OrderId) {
        let status = self.try_to_close(order).await;
        assert!([200, 202].contains(&status), "{status}");
    }

    /// Asks for the order to be closed; the status of the answer.
    pub(super) async fn try_to_close(&self, order: OrderId) -> u16 {
        let body = json!({ "reason": "the customer cancelled" });
        self.post(&format!("/v1/orders/{order}/close"), &format!("c-{order}"), &body).await.0
    }

    /// Asks for what is held to be taken; the status of the answer.
    pub(super) async fn ask_to_capture(&self, order: OrderId) -> u16 {
        let path = format!("/v1/orders/{order}/capture");
        self.post(&path, &format!("t-{order}"), &json!({ "by": "Li Na" })).await.0
    }

    /// Asks for so much of what is held to be taken; the status of the answer.
    pub(super) async fn ask_to_capture_so_much(&self, order: OrderId, amount_minor: i64) -> u16 {
        let said = json!({ "by": "Li Na", "amount_minor": amount_minor });
        self.post(&format!("/v1/orders/{order}/capture"), &self.key(), &said).await.0
    }

    /// Asks for so much of the order back; the status of the answer.
    pub(super) async fn ask_back(&self, order: OrderId, amount_minor: i64) -> u16 {
        let key = format!("r{}", self.house.stage.program.chance.next_u64());
        let body = json!({ "amount_minor": amount_minor, "reason": "the cleaner did not come" });
        self.post(&format!("/v1/orders/{order}/refunds"), &key, &body).await.0
    }

    /// An idempotency key that nobody had before.
    pub(super) fn key(&self) -> String {
        format!("k{}", self.house.stage.program.chance.next_u64())
    }

    pub(super) async fn post(&self, path: &str, key: &str, body: &Value) -> (u16, Value) {
        self.house.post_as(&self.actor.api_key, path, key, body).await
    }

    /// Waits until the order is as `wanted`; in vain, it tells all that happened to it.
    pub(super) async fn until(&self, order: OrderId, what: &str, wanted: impl Fn(&Dossier) -> bool) -> Dossier {
        let deadline = Instant::now() + WITHIN;
        loop {
            let dossier = self.house.dossier(order).await;
            if wanted(&dossier) {
                return dossier;
            }
            if Instant::now() > deadline {
                let (now, told) = (self.house.stage.program.clock.now(), self.house.timeline(order).await);
                let seen: Vec<_> = told.observations.iter().map(|o| (o.seen_at, o.source, &o.claim)).collect();
                panic!("in vain at {now}: {what}\n{seen:#?}\n{:#?}\n{:#?}", told.jobs, told.dossier);
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
    }

    /// How the first proof of what the payer did came: whence, and whether a message brought it.
    pub(super) async fn heard(&self, order: OrderId) -> (Source, bool) {
        let timeline = self.house.timeline(order).await;
        let first =
            timeline.observations.into_iter().find(|o| matches!(o.claim, Claim::Paid(_) | Claim::Authorized(_)));
        first.map(|o| (o.source, o.notification.is_some())).expect("somebody saw that it is paid")
    }

    /// How often the merchant was told this of the order.
    pub(super) async fn told(&self, order: OrderId, kind: EventKind) -> usize {
        self.house.timeline(order).await.deliveries.iter().filter(|d| d.kind == kind).count()
    }

    /// Waits until the payer can pay.
    pub(super) async fn until_payable(&self, order: OrderId) -> Payment {
        let dossier = self.until(order, "the payer can pay", |d| code_of(d).is_some()).await;
        only(&dossier).clone()
    }

    /// Waits until the order is closed.
    pub(super) async fn until_closed(&self, order: OrderId) -> Dossier {
        self.until(order, "the order is closed", |d| d.order.state == OrderState::Closed).await
    }

    /// What our books say that the channel holds for us, in fen.
    pub(super) async fn held_minor(&self) -> i64 {
        let balances = self.house.stage.program.store.balances().await.expect("the books");
        let ours = balances
            .into_iter()
            .find(|(kind, owner, _, _)| *kind == AccountKind::Clearing.code() && *owner == self.account().uuid());
        ours.map_or(0, |(_, _, _, minor)| minor)
    }
}

/// The only payment of an order.
pub(super) fn only(dossier: &Dossier) -> &Payment {
    assert_eq!(dossier.payments.len(), 1, "one payment per order");
    &dossier.payments[0]
}

fn code_of(dossier: &Dossier) -> Option<&bursar_core::observation::PayCode> {
    dossier.payments.first().filter(|p| p.state == PaymentState::AwaitingPayer)?.evidence.code()
}
