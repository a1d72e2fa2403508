//! Intents: making, reading, listing and searching them, and what payers make of them.

use super::caller::{provisioned, text};
use super::stage;
use crate::{Door, PayMode};

#[tokio::test]
async fn an_intent_is_made_and_read_with_the_documented_members() {
    let stage = stage().await;
    let made = stage.caller.create("n1", &[("statement_descriptor_suffix", "CLEANING")]).await;
    assert_eq!((&made["object"], &made["status"]), (&"payment_intent".into(), &"requires_payment_method".into()));
    assert_eq!((&made["amount"], &made["currency"]), (&8_800.into(), &"hkd".into()));
    assert_eq!(made["metadata"]["bursar_payment"], "n1");
    assert_eq!((&made["livemode"], &made["amount_received"]), (&false.into(), &0.into()));
    let id = text(&made["id"]);
    assert!(id.starts_with("pi_") && text(&made["client_secret"]).starts_with(&format!("{id}_secret_")));
    assert_eq!(stage.caller.intent(&id).await, made);
    assert_eq!(stage.entry("n1").state, "NOTPAY");
}

#[tokio::test]
async fn what_a_payer_pays_shows_with_its_charge() {
    let stage = stage().await;
    let id = text(&stage.paid("n1").await["id"]);
    let paid = stage.caller.intent(&id).await;
    assert_eq!((&paid["status"], &paid["amount_received"]), (&"succeeded".into(), &8_800.into()));
    let charge = &paid["latest_charge"];
    assert_eq!((&charge["object"], &charge["captured"]), (&"charge".into(), &true.into()));
    assert_eq!(charge["created"], stage.now_ms() / 1_000);
    assert_eq!(charge["balance_transaction"]["created"], stage.now_ms() / 1_000);
    let plain = stage.caller.get(&format!("/v1/payment_intents/{id}"), &[]).await.json();
    assert_eq!(plain["latest_charge"], charge["id"], "a reference is an id unless it is expanded");
    let entry = stage.entry("n1");
    assert_eq!((entry.state.as_str(), entry.charges, entry.transaction_id), ("SUCCESS", 1, Some(id)));
}

#[tokio::test]
async fn a_failed_attempt_shows_and_the_payer_comes_back() {
    let stage = stage().await;
    let id = text(&stage.caller.create("n1", &[]).await["id"]);
    stage.sandbox.pay(&provisioned().stripe.account_id, "n1", PayMode::Fail).unwrap();
    let failed = stage.caller.intent(&id).await;
    assert_eq!(failed["status"], "requires_payment_method");
    assert_eq!(failed["last_payment_error"]["code"], "card_declined");
    let event = stage.message("payment_intent.payment_failed").await;
    assert_eq!(event["data"]["object"]["last_payment_error"]["type"], "card_error");
    stage.message("payment_intent.succeeded").await;
    assert_eq!(stage.caller.intent(&id).await["last_payment_error"], serde_json::Value::Null);
}

#[tokio::test]
async fn the_newest_come_first_page_by_page_and_what_is_too_old_is_left_out() {
    let stage = stage().await;
    let mut ids = Vec::new();
    for number in ["n1", "n2", "n3"] {
        ids.push(text(&stage.caller.create(number, &[]).await["id"]));
        stage.clock.advance_ms(10_000);
    }
    let listed = async |members: &[(&str, &str)]| {
        let page = stage.caller.get("/v1/payment_intents", members).await.json();
        let found: Vec<_> = page["data"].as_array().unwrap().iter().map(|one| text(&one["id"])).collect();
        (found, page["has_more"].as_bool().unwrap())
    };
    assert_eq!(listed(&[]).await, (vec![ids[2].clone(), ids[1].clone(), ids[0].clone()], false));
    assert_eq!(listed(&[("limit", "2")]).await, (vec![ids[2].clone(), ids[1].clone()], true));
    let rest = listed(&[("limit", "2"), ("starting_after", &ids[1])]).await;
    assert_eq!(rest, (vec![ids[0].clone()], false));
    let since = (super::START_MS / 1_000 + 10).to_string();
    assert_eq!(listed(&[("created[gte]", &since)]).await.0, [ids[2].clone(), ids[1].clone()]);
    assert_eq!(listed(&[("created[gt]", &since)]).await.0, [ids[2].clone()]);
}

#[tokio::test]
async fn a_search_finds_by_metadata_but_not_at_once() {
    let stage = stage().await;
    stage.caller.create("n1", &[]).await;
    stage.caller.create("n2", &[]).await;
    let query = [("query", "metadata['bursar_payment']:'n1'"), ("limit", "10")];
    let found = async || stage.caller.get("/v1/payment_intents/search", &query).await.json();
    assert_eq!(found().await["data"], serde_json::json!([]), "a search lags behind");
    stage.clock.advance_ms(41_000);
    let page = found().await;
    assert_eq!(page["object"], "search_result");
    assert_eq!(page["data"].as_array().unwrap().len(), 1);
    assert_eq!(page["data"][0]["metadata"]["bursar_payment"], "n1");
}

#[tokio::test]
async fn payers_act_by_themselves_and_one_who_is_asked_by_his_bank_takes_a_step_more() {
    let stage = stage().await;
    let description = [("description", "cleaning [payer:soon] [card:3ds]")];
    let id = text(&stage.caller.create("n1", &description).await["id"]);
    let mut seen = Vec::new();
    for _ in 0..10 {
        let status = text(&stage.caller.intent(&id).await["status"]);
        if seen.last() != Some(&status) {
            seen.push(status.clone());
        }
        if status == "succeeded" {
            break;
        }
        stage.skip_to_next().await;
    }
    assert_eq!(seen, ["requires_payment_method", "requires_action", "succeeded"]);
}

#[tokio::test]
async fn the_payers_page_confirms_with_the_client_secret_and_its_own_key() {
    let stage = stage().await;
    let made = stage.caller.create("n1", &[]).await;
    let (id, secret) = (text(&made["id"]), text(&made["client_secret"]));
    let bearer = format!("Bearer {}", provisioned().stripe.publishable_key);
    let confirm = async |secret: &str, card: &str| {
        let members = [("client_secret", secret), ("payment_method", card)];
        let target = format!("/v1/payment_intents/{id}/confirm");
        stage.caller.send("POST", &target, &[("authorization", &bearer)], &members).await.unwrap()
    };
    assert_eq!(confirm(&format!("{id}_secret_wrong"), "pm_card_visa").await.status, 403);
    let declined = confirm(&secret, "pm_card_chargeDeclined").await;
    assert_eq!((declined.status, declined.code().as_str()), (402, "card_declined"));
    assert_eq!(declined.json()["error"]["payment_intent"]["id"], id.as_str());
    assert_eq!(confirm(&secret, "pm_card_visa").await.json()["status"], "succeeded");
    assert_eq!(confirm(&secret, "pm_card_visa").await.code(), "payment_intent_unexpected_state");
    let target = format!("/v1/payment_intents/{id}/cancel");
    let answer = stage.caller.send("POST", &target, &[("authorization", &bearer)], &[("client_secret", &secret)]).await;
    assert_eq!(answer.unwrap().code(), "secret_key_required");
}

#[tokio::test]
async fn a_client_secret_opens_its_order_and_another_does_not() {
    let stage = stage().await;
    let made = stage.caller.create("n1", &[]).await;
    let opened = stage.sandbox.open(&Door::OrderString(text(&made["client_secret"]))).unwrap();
    assert_eq!(opened.out_trade_no, "n1");
    assert!(stage.sandbox.open(&Door::OrderString(format!("{}x", text(&made["client_secret"])))).is_err());
}

#[tokio::test]
async fn installments_are_allowed_by_the_merchant_and_chosen_by_the_payers_page() {
    let stage = stage().await;
    let allow = ("payment_method_options[card][installments][enabled]", "true");
    let plan = |count| {
        let name = |member: &str| format!("payment_method_options[card][installments][plan][{member}]");
        [(name("type"), "fixed_count"), (name("interval"), "month"), (name("count"), count)]
    };
    let early = plan("6");
    let early: Vec<_> = early.iter().map(|(name, value)| (name.as_str(), *value)).chain([allow]).collect();
    let refused = stage.caller.ask("n0", None, &early).await;
    assert_eq!((refused.status, refused.json()["error"]["param"].as_str().unwrap().ends_with("[plan]")), (400, true));

    let made = stage.caller.create("n1", &[("currency", "mxn"), allow]).await;
    let offered = &made["payment_method_options"]["card"]["installments"];
    assert_eq!((&offered["enabled"], &offered["plan"]), (&true.into(), &serde_json::Value::Null));
    let counts: Vec<_> =
        offered["available_plans"].as_array().unwrap().iter().map(|one| one["count"].clone()).collect();
    assert_eq!(counts, [3, 6, 9, 12, 18, 24]);
    let never = stage.caller.create("n2", &[]).await;
    assert_eq!(never["payment_method_options"]["card"]["installments"], serde_json::Value::Null);
    let elsewhere = stage.caller.create("n3", &[allow]).await;
    assert_eq!(elsewhere["payment_method_options"]["card"]["installments"]["available_plans"], serde_json::json!([]));

    let page = format!("Bearer {}", provisioned().stripe.publishable_key);
    let confirm = async |intent: &serde_json::Value, count: &'static str| {
        let (id, secret, plan) = (text(&intent["id"]), text(&intent["client_secret"]), plan(count));
        let mut members = vec![("client_secret", secret.as_str()), ("payment_method", "pm_card_visa")];
        members.extend(plan.iter().map(|(name, value)| (name.as_str(), *value)));
        let target = format!("/v1/payment_intents/{id}/confirm");
        stage.caller.send("POST", &target, &[("authorization", page.as_str())], &members).await.unwrap()
    };
    for (intent, count) in [(&made, "5"), (&made, "600"), (&made, "six"), (&never, "6"), (&elsewhere, "6")] {
        assert_eq!(confirm(intent, count).await.status, 400, "{count}");
    }
    assert_eq!(stage.entry("n1").charges, 0);
    let paid = confirm(&made, "6").await.json();
    let chosen = serde_json::json!({ "count": 6, "interval": "month", "type": "fixed_count" });
    assert_eq!((&paid["status"], &paid["amount_received"]), (&"succeeded".into(), &8_800.into()));
    assert_eq!(paid["payment_method_options"]["card"]["installments"]["plan"], chosen);
    assert_eq!((stage.entry("n1").installments, stage.entry("n2").installments), (Some(6), None));
    let charge = stage.caller.intent(&text(&made["id"])).await["latest_charge"].clone();
    assert_eq!(charge["payment_method_details"]["card"]["installments"]["plan"], chosen);
}
