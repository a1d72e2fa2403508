//! Saved cards on Stripe: setup intents, charges without the payer, declines and the end of a card.

use serde_json::Value;

use super::super::faithful;
use super::caller::{Answer, provisioned, text};
use super::{Stage, stage_with};
use crate::{DebitOutcome, Decline, Door, EndedBy, Purse};

fn account() -> &'static str {
    &provisioned().stripe.account_id
}

impl Stage {
    async fn customer(&self) -> String {
        text(&self.caller.post("/v1/customers", &[("name", "Zhao"), ("metadata[payer]", "p1")]).await.json()["id"])
    }

    async fn setup(&self, customer: &str, number: &str, description: &str) -> Value {
        let members = [
            ("customer", customer),
            ("usage", "off_session"),
            ("payment_method_types[]", "card"),
            ("description", description),
            ("metadata[bursar_agreement]", number),
        ];
        let answer = self.caller.post("/v1/setup_intents", &members).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()
    }

    /// A saved card: the customer and the payment method.
    async fn card(&self, number: &str) -> (String, String) {
        let customer = self.customer().await;
        self.setup(&customer, number, "nanny").await;
        self.sandbox.sign(account(), number).unwrap();
        (customer, self.agreement(number).agreement_id)
    }

    fn agreement(&self, number: &str) -> crate::AgreementEntry {
        self.sandbox.agreements().into_iter().find(|entry| entry.agreement == number).unwrap()
    }

    async fn charge(&self, (customer, method): &(String, String), number: &str) -> Answer {
        let more = [("confirm", "true"), ("off_session", "true"), ("customer", customer), ("payment_method", method)];
        self.caller.ask(number, Some(number), &more).await
    }

    fn outcomes(&self) -> Vec<DebitOutcome> {
        self.sandbox.debits().into_iter().map(|entry| entry.outcome).collect()
    }
}

#[tokio::test]
async fn a_card_is_saved_by_its_payer_and_detached_by_the_merchant() {
    let stage = stage_with(faithful).await;
    let customer = stage.customer().await;
    let made = stage.setup(&customer, "a1", "nanny").await;
    assert_eq!((&made["status"], &made["usage"]), (&"requires_payment_method".into(), &"off_session".into()));
    let opened = stage.sandbox.open(&Door::OrderString(text(&made["client_secret"]))).unwrap();
    assert_eq!(opened.out_trade_no, "a1");
    assert!(stage.sandbox.open(&Door::OrderString(format!("{}x", text(&made["client_secret"])))).is_err());
    let event = stage.message("setup_intent.succeeded").await;
    let target = format!("/v1/setup_intents/{}", text(&made["id"]));
    let shown = stage.caller.get(&target, &[]).await.json();
    assert_eq!((&shown["status"], &event["data"]["object"]["id"]), (&"succeeded".into(), &made["id"]));
    let method = text(&shown["payment_method"]);
    assert_eq!(Some(&method), opened.agreement_id.as_ref());
    let whole = stage.caller.get(&target, &[("expand[]", "payment_method")]).await.json();
    assert_eq!(whole["payment_method"]["customer"], customer.as_str());

    let listed = stage.caller.get("/v1/setup_intents", &[("customer", &customer)]).await.json();
    assert_eq!(listed["data"][0]["id"], made["id"]);
    let cards = stage.caller.get("/v1/payment_methods", &[("customer", &customer), ("type", "card")]).await.json();
    assert_eq!(cards["data"][0]["id"], method.as_str());

    let detach = format!("/v1/payment_methods/{method}/detach");
    assert_eq!(stage.caller.post(&detach, &[]).await.json()["customer"], Value::Null);
    assert_eq!(stage.caller.post(&detach, &[]).await.status, 400);
    stage.message("payment_method.detached").await;
    let refused = stage.charge(&(customer, method), "n1").await;
    assert_eq!((refused.status, refused.code().as_str()), (400, "payment_method_unexpected_state"));
}

#[tokio::test]
async fn the_payers_page_confirms_a_setup_and_a_declined_card_is_told() {
    let stage = stage_with(faithful).await;
    let customer = stage.customer().await;
    let made = stage.setup(&customer, "a1", "nanny [sign:never]").await;
    let (id, secret) = (text(&made["id"]), text(&made["client_secret"]));
    let bearer = format!("Bearer {}", provisioned().stripe.publishable_key);
    let confirm = async |secret: &str, card: &str| {
        let members = [("client_secret", secret), ("payment_method", card)];
        let target = format!("/v1/setup_intents/{id}/confirm");
        stage.caller.send("POST", &target, &[("authorization", &bearer)], &members).await.unwrap()
    };
    assert_eq!(confirm(&format!("{id}_secret_wrong"), "pm_card_visa").await.status, 403);
    let declined = confirm(&secret, "pm_card_chargeDeclined").await;
    assert_eq!((declined.status, declined.code().as_str()), (402, "card_declined"));
    assert_eq!(declined.json()["error"]["setup_intent"]["last_setup_error"]["code"], "card_declined");
    stage.message("setup_intent.setup_failed").await;
    assert_eq!(confirm(&secret, "pm_card_visa").await.json()["status"], "succeeded");
    assert_eq!(confirm(&secret, "pm_card_visa").await.code(), "setup_intent_unexpected_state");
    let other = text(&stage.setup(&customer, "a2", "nanny [sign:never]").await["id"]);
    let canceled = stage.caller.post(&format!("/v1/setup_intents/{other}/cancel"), &[]).await.json();
    assert_eq!(canceled["status"], "canceled");
}

#[tokio::test]
async fn a_charge_without_the_payer_succeeds_at_once_or_soon_and_a_replay_charges_nobody_again() {
    let stage = stage_with(faithful).await;
    let card = stage.card("a1").await;
    let mut seen = Vec::new();
    for n in 0..20 {
        let number = format!("n{n}");
        let answer = stage.charge(&card, &number).await;
        let again = stage.charge(&card, &number).await;
        assert_eq!((answer.status, again.header("idempotent-replayed").as_str()), (200, "true"));
        let made = answer.json();
        assert_eq!((&made["customer"], &made["payment_method"]), (&card.0.as_str().into(), &card.1.as_str().into()));
        let status = text(&made["status"]);
        while stage.entry(&number).charges == 0 {
            assert_eq!(stage.caller.intent(&text(&made["id"])).await["status"], "processing");
            let cancel = stage.caller.post(&format!("/v1/payment_intents/{}/cancel", text(&made["id"])), &[]).await;
            assert_eq!(cancel.code(), "payment_intent_unexpected_state");
            stage.skip_to_next().await;
        }
        assert_eq!(stage.caller.intent(&text(&made["id"])).await["status"], "succeeded");
        assert_eq!((stage.entry(&number).charges, stage.entry(&number).agreement.as_deref()), (1, Some("a1")));
        seen.push(status);
    }
    assert!(seen.iter().any(|s| s == "processing") && seen.iter().any(|s| s == "succeeded"), "{seen:?}");
    assert_eq!((stage.agreement("a1").charges, stage.sandbox.debits().len()), (20, 20));
    stage.message("payment_intent.succeeded").await;
}

#[tokio::test]
async fn declines_carry_code_advice_and_the_intent_which_can_be_charged_again() {
    let stage = stage_with(faithful).await;
    let card = stage.card("a1").await;
    let mut again = None;
    for (n, (decline, code, decline_code, advice)) in [
        (Decline::InsufficientFunds, "card_declined", "insufficient_funds", Some("try_again_later")),
        (Decline::Hard, "card_declined", "stolen_card", Some("do_not_try_again")),
        (Decline::Risk, "card_declined", "fraudulent", Some("do_not_try_again")),
        (Decline::Technical, "processing_error", "processing_error", Some("try_again_later")),
        (Decline::Authentication, "authentication_required", "authentication_required", None),
    ]
    .into_iter()
    .enumerate()
    {
        let number = format!("n{n}");
        stage.sandbox.set_purse(account(), "a1", Purse::declines(decline, 1)).unwrap();
        let answer = stage.charge(&card, &number).await;
        let intent = if answer.status == 402 {
            let error = answer.json()["error"].clone();
            assert_eq!((error["code"].as_str(), error["decline_code"].as_str()), (Some(code), Some(decline_code)));
            assert_eq!(error["advice_code"].as_str(), advice);
            error["payment_intent"].clone()
        } else {
            while stage.entry(&number).failed_attempts == 0 {
                stage.skip_to_next().await;
            }
            stage.caller.intent(&text(&answer.json()["id"])).await
        };
        assert_eq!((&intent["status"], &intent["payment_method"]), (&"requires_payment_method".into(), &Value::Null));
        assert_eq!(intent["last_payment_error"]["decline_code"], decline_code);
        assert_eq!(stage.outcomes().pop(), Some(DebitOutcome::Declined(decline)));
        assert_eq!(stage.entry(&number).charges, 0);
        again.get_or_insert_with(|| text(&intent["id"]));
    }
    let failed = stage.message("payment_intent.payment_failed").await;
    assert_eq!(failed["data"]["object"]["last_payment_error"]["type"], "card_error");
    let members = [("payment_method", card.1.as_str()), ("off_session", "true")];
    let target = format!("/v1/payment_intents/{}/confirm", again.unwrap());
    let answer = stage.caller.post(&target, &members).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    while stage.entry("n0").charges == 0 {
        stage.skip_to_next().await;
    }
    assert_eq!(stage.caller.post(&target, &members).await.code(), "payment_intent_unexpected_state");
}

#[tokio::test]
async fn whose_card_it_is_not_cannot_be_charged_with_it() {
    let stage = stage_with(faithful).await;
    let (customer, method) = stage.card("a1").await;
    let other = stage.customer().await;
    assert_eq!(stage.charge(&(other, method.clone()), "n1").await.status, 400);
    assert_eq!(stage.charge(&(customer.clone(), "pm_1S".into()), "n2").await.code(), "resource_missing");
    let half = [("confirm", "true"), ("customer", customer.as_str()), ("payment_method", method.as_str())];
    assert_eq!(stage.caller.ask("n3", None, &half).await.status, 400, "the payer is not there and nobody says so");
    stage.sandbox.end_agreement(account(), "a1", EndedBy::Payer).unwrap();
    assert_eq!(stage.charge(&(customer, method), "n4").await.status, 400);
    assert_eq!(stage.outcomes().len(), 3);
    assert!(stage.sandbox.books().is_empty());
}

#[tokio::test]
async fn customers_are_kept_listed_and_found_by_what_the_merchant_wrote() {
    let stage = stage_with(faithful).await;
    let id = stage.customer().await;
    let shown = stage.caller.get(&format!("/v1/customers/{id}"), &[]).await.json();
    assert_eq!((&shown["name"], &shown["metadata"]["payer"]), (&"Zhao".into(), &"p1".into()));
    let found = stage.caller.get("/v1/customers/search", &[("query", "metadata['payer']:'p1'")]).await.json();
    assert_eq!(found["data"][0]["id"], id.as_str());
    assert_eq!(stage.caller.get("/v1/customers", &[]).await.json()["data"].as_array().unwrap().len(), 1);
    assert_eq!(stage.caller.get("/v1/customers/cus_0", &[]).await.code(), "resource_missing");
}
