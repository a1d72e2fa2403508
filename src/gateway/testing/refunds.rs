//! Refunds on a merchant's wish: asked for, set aside, told, shown.

use bursar_core::Clock;
use bursar_core::job::JobKind;
use bursar_core::refund::RefundClaim;
use serde_json::{Value, json};

use super::{House, text};

fn ask(amount_minor: i64) -> Value {
    json!({ "reason": "客户取消", "amount_minor": amount_minor })
}

#[tokio::test]
async fn a_refund_is_set_aside_with_the_job_that_sends_it_and_shown_in_the_order() {
    let house = House::new().await;
    let order = house.paid_order("n-1").await;
    assert_eq!((&order["refund_status"], &order["refunded_minor"]), (&json!("none"), &json!(0)));
    let answer = house.refund(&order, "r1", &ask(5_000)).await.expect(202);
    let refund = answer.json();
    assert_eq!(answer.headers["location"].to_str().unwrap(), format!("/v1/refunds/{}", text(&refund["id"])));
    assert_eq!(refund["order_id"], order["id"]);
    assert_eq!((&refund["state"], &refund["cause"]), (&json!("running"), &json!("requested")));
    assert_eq!((&refund["amount_minor"], &refund["currency"]), (&json!(5_000), &json!("CNY")));
    assert_eq!((&refund["requested_by"], &refund["needs_approval"]), (&json!("api key shop"), &json!(false)));
    assert_eq!(refund["payee_given"], false);
    let leg = &refund["legs"][0];
    assert_eq!((&leg["payment_id"], &leg["route"]), (&order["payments"][0]["id"], &json!("channel")));
    assert_eq!((&leg["state"], &leg["amount_minor"]), (&json!("reserved"), &json!(5_000)));
    assert_eq!(leg["next"], "sent to the channel");
    assert_eq!(leg["next_at"], house.clock.now().to_string());
    let jobs = house.jobs().await;
    let sends: Vec<_> = jobs.iter().filter(|j| j.key.kind == JobKind::SendRefund).collect();
    assert_eq!(sends.len(), 1);
    assert!(text(&leg["id"]).ends_with(&bursar_core::id::to_text(sends[0].key.subject)));
    let shown = house.again(&order).await;
    assert_eq!(shown["state"], "paid");
    assert_eq!(shown["payments"][0]["returned_minor"], 5_000);
    assert_eq!((&shown["refund_status"], &shown["refunded_minor"]), (&json!("none"), &json!(0)), "acceptance only");
    assert_eq!(shown["refunds"][0]["id"], refund["id"]);
    assert_eq!(shown["refunds"][0]["succeeded_minor"], 0);
    let read = house.get(&format!("/v1/refunds/{}", text(&refund["id"]))).await.expect(200);
    assert_eq!(read.json(), refund);
    assert_eq!(read.headers["cache-control"], "no-store");
}

#[tokio::test]
async fn what_the_channel_says_is_shown_in_words_until_the_payer_has_the_money() {
    let house = House::new().await;
    let order = house.paid_order("n-1").await;
    let refund = house.refund(&order, "r1", &json!({ "reason": "all of it" })).await.expect(202).json();
    assert_eq!(refund["amount_minor"], 12_800, "all that is left");
    house.refund_told(&refund, vec![RefundClaim::NoFunds { reason: "NOT_ENOUGH".into() }]).await;
    let waiting = house.refund_again(&refund).await;
    assert_eq!(waiting["state"], "running");
    assert_eq!(
        (&waiting["legs"][0]["state"], &waiting["legs"][0]["why"]),
        (&json!("waiting_funds"), &json!("NOT_ENOUGH"))
    );
    assert!(text(&waiting["next"]).contains("sent to the channel again, because the balance there was not enough"));
    let timeline = house.get(&format!("/v1/orders/{}/timeline", text(&order["id"]))).await.expect(200).json();
    assert!(text(&timeline["next"]).starts_with("A person must answer: The balance at the channel"), "{timeline}");
    house.refund_told(&refund, vec![RefundClaim::Processing { refund_id: "5030000001".into() }]).await;
    let accepted = house.refund_again(&refund).await;
    assert_eq!((&accepted["state"], &accepted["legs"][0]["state"]), (&json!("running"), &json!("processing")));
    assert_eq!(accepted["legs"][0]["channel_refund_id"], "5030000001");
    assert!(text(&accepted["legs"][0]["next_at"]) > text(&refund["created_at"]));
    house.refund_told(&refund, vec![house.refund_receipt(12_800)]).await;
    let done = house.refund_again(&refund).await;
    assert_eq!((&done["state"], &done["succeeded_minor"]), (&json!("succeeded"), &json!(12_800)));
    assert!(text(&done["next"]).starts_with("The payer has 128.00 CNY"), "{done}");
    assert!(done["legs"][0]["refunded_at"].is_string() && done["legs"][0]["why"].is_null());
    let shown = house.again(&order).await;
    assert_eq!((&shown["state"], &shown["refund_status"]), (&json!("paid"), &json!("refunded")));
    assert_eq!((&shown["refunded_minor"], &shown["refunds"][0]["state"]), (&json!(12_800), &json!("succeeded")));
    let timeline = house.get(&format!("/v1/orders/{}/timeline", text(&order["id"]))).await.expect(200).json();
    assert!(text(&timeline["next"]).starts_with("Paid and refunded (128.00 CNY); final."), "{timeline}");
    let entries = timeline["entries"].as_array().unwrap();
    for (what, words) in [
        ("refund_requested", "merchant: money shall go back, says api key shop: all of it"),
        ("refund_no_funds", "query: the balance at the channel is not enough: NOT_ENOUGH"),
        ("refund_succeeded", "query: the payer got 12800 minor units of CNY, refund 5030000001"),
        ("refund.succeeded", "event"),
    ] {
        let found = entries.iter().find(|e| e["what"] == what).unwrap_or_else(|| panic!("{what}: {timeline}"));
        assert!(text(&found["text"]).starts_with(words), "{found}");
    }
    let leg = entries.iter().find(|e| e["what"] == "refund_succeeded").unwrap();
    assert_eq!((&leg["leg_id"], &leg["refund_id"]), (&done["legs"][0]["id"], &done["id"]));
    assert_eq!(leg["payment_id"], order["payments"][0]["id"]);
    let wish = entries.iter().find(|e| e["what"] == "refund_requested").unwrap();
    assert_eq!((&wish["refund_id"], &wish["leg_id"]), (&done["id"], &Value::Null));
}

#[tokio::test]
async fn partial_refunds_go_on_until_nothing_is_left_and_keep_the_channels_distance() {
    let house = House::new().await;
    let order = house.paid_order("n-1").await;
    for (key, minor) in [("r1", 5_000), ("r2", 7_000)] {
        house.refund(&order, key, &ask(minor)).await.expect(202);
    }
    let third = house.refund(&order, "r3", &json!({ "reason": "the rest" })).await.expect(202).json();
    assert_eq!(third["amount_minor"], 800);
    assert_eq!(third["legs"][0]["next_at"], house.clock.now().plus_ms(120_000).to_string(), "a minute after each");
    let before = house.fingerprint().await;
    let none = house.refund(&order, "r4", &json!({ "reason": "again" })).await.expect(422);
    assert_eq!((none.problem().as_str(), &none.json()["order_state"]), ("nothing-to-refund", &json!("paid")));
    let more = house.refund(&order, "r5", &ask(1)).await.expect(422);
    assert_eq!(more.problem(), "refund-too-much");
    let numbers = more.json();
    assert_eq!(
        [&numbers["asked_minor"], &numbers["captured_minor"], &numbers["given_back_minor"], &numbers["left_minor"]],
        [&json!(1), &json!(12_800), &json!(12_800), &json!(0)]
    );
    assert_eq!(house.fingerprint().await, before);
}

#[tokio::test]
async fn the_same_request_gets_the_same_bytes_again_and_makes_one_refund() {
    let house = House::new().await;
    let order = house.paid_order("n-1").await;
    let first = house.refund(&order, "r1", &ask(12_800)).await.expect(202);
    house.refund_told(&first.json(), vec![house.refund_receipt(12_800)]).await;
    let before = house.fingerprint().await;
    let again = house.refund(&order, "r1", &ask(12_800)).await.expect(202);
    assert_eq!((again.bytes, &again.headers["idempotency-replayed"]), (first.bytes, &"true".parse().unwrap()));
    assert_eq!(house.refund(&order, "r1", &ask(1)).await.expect(422).problem(), "idempotency-key-reused");
    assert_eq!(house.refund(&order, "key-n-1", &ask(1)).await.expect(422).problem(), "idempotency-key-reused");
    assert_eq!(house.fingerprint().await, before);
}

#[tokio::test]
async fn fifty_equal_requests_at_once_make_one_refund_and_get_one_answer() {
    let house = House::new().await;
    let order = house.paid_order("n-1").await;
    let body = ask(12_800);
    let answers = futures::future::join_all((0..50).map(|_| house.refund(&order, "r1", &body))).await;
    for answer in &answers {
        assert_eq!((answer.status, &answer.bytes), (202, &answers[0].bytes), "{}", answer.text());
    }
    assert_eq!(house.again(&order).await["refunds"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn of_refunds_that_do_not_fit_together_only_those_that_fit_are_taken() {
    let house = House::new().await;
    let order = house.paid_order("n-1").await;
    // 60 % each, at once, under their own keys.
    let body = ask(7_680);
    let keys: Vec<String> = (0..20).map(|i| format!("r{i}")).collect();
    let answers = futures::future::join_all(keys.iter().map(|key| house.refund(&order, key, &body))).await;
    assert_eq!(answers.iter().filter(|a| a.status == 202).count(), 1);
    for answer in answers.iter().filter(|a| a.status != 202) {
        assert_eq!((answer.status, answer.problem().as_str()), (422, "refund-too-much"));
        assert_eq!(answer.json()["left_minor"], 5_120);
    }
    let shown = house.again(&order).await;
    assert_eq!(shown["payments"][0]["returned_minor"], 7_680);
    assert_eq!(shown["refunds"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_preview_tells_the_plan_or_why_not_and_writes_nothing() {
    let house = House::new().await;
    let order = house.paid_order("n-1").await;
    house.refund(&order, "r1", &ask(5_000)).await.expect(202);
    let before = house.fingerprint().await;
    let path = format!("/v1/orders/{}/refunds?preview=true", text(&order["id"]));
    let preview = async |body: Value| {
        let request = house.request("POST", &path, &[("content-type", "application/json")], body.to_string());
        house.send(request).await.expect(200).json()
    };
    let plan = preview(json!({ "amount_minor": 7_000 })).await;
    assert_eq!(
        (&plan["possible"], &plan["amount_minor"], &plan["needs_approval"]),
        (&json!(true), &json!(7_000), &json!(false))
    );
    assert_eq!(
        plan["shares"],
        json!([{
            "payment_id": order["payments"][0]["id"], "amount_minor": 7_000, "route": "channel",
            "earliest": house.clock.now().plus_ms(60_000),
        }])
    );
    assert_eq!(preview(json!({})).await["amount_minor"], 7_800, "all that is left");
    let not = preview(json!({ "reason": "x", "amount_minor": 7_801 })).await;
    assert_eq!((&not["possible"], &not["shares"], &not["amount_minor"]), (&json!(false), &json!([]), &json!(0)));
    assert_eq!((&not["problem"], &not["left_minor"]), (&json!("/problems/refund-too-much"), &json!(7_800)));
    assert!(text(&not["why"]).contains("so 7800 are left"), "{not}");
    // A year later the channel takes nothing back: a person would have to transfer it.
    house.clock.advance_ms(366 * 86_400_000);
    assert_eq!(preview(json!({})).await["shares"][0]["route"], "transfer");
    house.clock.advance_ms(-366 * 86_400_000);
    for (query, slug) in [("preview=maybe", "invalid-parameter"), ("preview=true&x=1", "invalid-parameter")] {
        let path = format!("/v1/orders/{}/refunds?{query}", text(&order["id"]));
        assert_eq!(house.post(&path, "p1", "{}").await.expect(400).problem(), slug, "{query}");
    }
    assert_eq!(house.fingerprint().await, before);
}

#[tokio::test]
async fn unpaid_closed_and_unwhole_orders_refund_nothing_and_say_why() {
    let house = House::new().await;
    let unpaid = house.order("n-1").await;
    let closed = house.order("n-2").await;
    house.post(&format!("/v1/orders/{}/close", text(&closed["id"])), "c", "").await.expect(200);
    let before = house.fingerprint().await;
    for (order, state) in [(&unpaid, "paying"), (&closed, "closed")] {
        for body in [ask(1), json!({ "reason": "x" })] {
            let answer = house.refund(order, "r1", &body).await.expect(422);
            assert_eq!(
                (answer.problem().as_str(), &answer.json()["order_state"]),
                ("nothing-to-refund", &json!(state))
            );
        }
    }
    assert_eq!(house.fingerprint().await, before);
}

#[tokio::test]
async fn another_merchants_orders_and_refunds_do_not_exist() {
    let house = House::new().await;
    let order = house.paid_order("n-1").await;
    let refund = house.refund(&order, "r1", &ask(100)).await.expect(202).json();
    let before = house.fingerprint().await;
    let (order_id, id) = (text(&order["id"]), text(&refund["id"]));
    assert_eq!(house.get_as_other(&format!("/v1/refunds/{id}")).await.expect(404).problem(), "not-found");
    let leg = refund["legs"][0]["id"].clone();
    for (path, body) in [
        (format!("/v1/orders/{order_id}/refunds"), ask(1)),
        (format!("/v1/orders/{order_id}/refunds?preview=true"), ask(1)),
        (format!("/v1/orders/{order_id}/payments"), json!({ "method": "wechat_native" })),
        (format!("/v1/orders/{order_id}/late-money"), json!({ "answer": "keep", "by": "Li Na" })),
        (format!("/v1/refunds/{id}/approve"), json!({ "by": "Li Na" })),
        (format!("/v1/refunds/{id}/reject"), json!({ "by": "Li Na", "reason": "x" })),
        (format!("/v1/refunds/{id}/transferred"), json!({ "leg": leg, "by": "Li Na", "reference": "1" })),
        (format!("/v1/refunds/{id}/abandon"), json!({ "leg": leg, "by": "Li Na", "reason": "x" })),
    ] {
        let answer = house.post_as_other(&path, "k1", &body).await.expect(404);
        assert_eq!(answer.problem(), "not-found", "{path}");
        assert!(!answer.text().contains("n-1"));
    }
    for bad in [
        "x",
        "rfd_",
        "..%2f..%2fetc%2fpasswd",
        "%ff",
        "ord_00000000000000000000000000",
        "rfd_ZZZZZZZZZZZZZZZZZZZZZZZZZZ",
    ] {
        assert_eq!(house.get(&format!("/v1/refunds/{bad}")).await.expect(404).problem(), "not-found", "{bad}");
        let answer = house.post(&format!("/v1/refunds/{bad}/approve"), "k2", json!({ "by": "x" }).to_string()).await;
        assert_eq!(answer.expect(404).problem(), "not-found", "{bad}");
        let answer = house.post(&format!("/v1/orders/{bad}/refunds"), "k3", ask(1).to_string()).await;
        assert_eq!(answer.expect(404).problem(), "not-found", "{bad}");
    }
    assert_eq!(house.fingerprint().await, before);
}
