//! The contract: what `openapi.json` says exists, exists, and answers as it says.

use std::collections::BTreeSet;

use axum::body::Body;
use bursar_core::merchant::{AfterClose, MerchantPolicy};
use bursar_core::refund::RefundClaim;
use http::Request;
use serde_json::{Value, json};

use super::{Answer, House, order_body, payment_id, text};
use crate::openapi_json;
use crate::problem::Problem;

fn document() -> Value {
    serde_json::from_str(&openapi_json()).unwrap()
}

fn operations(document: &Value) -> Vec<(String, String, Value)> {
    let paths = document["paths"].as_object().unwrap();
    let each = paths.iter().flat_map(|(path, item)| {
        let methods = item.as_object().unwrap().iter();
        methods.map(|(method, operation)| (method.to_uppercase(), path.clone(), operation.clone()))
    });
    each.collect()
}

/// The schema with its references followed.
fn resolved<'a>(document: &'a Value, schema: &'a Value) -> &'a Value {
    match schema["$ref"].as_str() {
        Some(reference) => document.pointer(reference.trim_start_matches('#')).unwrap(),
        None => schema,
    }
}

/// Checks an object against its schema: required members there, no member that the schema lacks.
fn assert_fits(document: &Value, schema: &Value, value: &Value, at: &str) {
    let schema = resolved(document, schema);
    if let Some(properties) = schema["properties"].as_object() {
        let object = value.as_object().unwrap_or_else(|| panic!("{at} is not an object: {value}"));
        for name in schema["required"].as_array().into_iter().flatten() {
            assert!(object.contains_key(name.as_str().unwrap()), "{at}: {name} is missing in {value}");
        }
        for (name, member) in object {
            let property = properties.get(name).unwrap_or_else(|| panic!("{at}: {name} is not in the document"));
            assert_fits(document, property, member, &format!("{at}/{name}"));
        }
    }
    if let (Some(_), Some(items)) = (schema.get("items"), value.as_array()) {
        items.iter().for_each(|item| assert_fits(document, &schema["items"], item, at));
    }
}

/// One lawful call of each operation that changes something: its path, its body and the status that it has.
async fn calls(house: &House) -> Vec<(&'static str, String, Value, u16)> {
    let paid = house.paid_order("n-paid").await;
    let open = house.order("n-open").await;
    let closed = house.order("n-closed").await;
    let path = |order: &Value, verb: &str| format!("/v1/orders/{}/{verb}", text(&order["id"]));
    house.post(&path(&closed, "close"), "prepare-1", "").await.expect(200);
    house.pay(payment_id(&closed), 12_800).await;
    let asked = |minor: i64| json!({ "reason": "cancelled", "amount_minor": minor, "requested_by": "Li Na" });
    let (one, two) = (house.paid_order("n-1").await, house.paid_order("n-2").await);
    let first = house.refund(&one, "prepare-2", &asked(9_000)).await.expect(202).json();
    let second = house.refund(&two, "prepare-3", &asked(9_000)).await.expect(202).json();
    let fresh = house.refund(&paid, "prepare-4", &asked(100)).await.expect(202).json();
    let far = house.paid_order("n-far").await;
    let far = house.refund(&far, "prepare-5", &asked(200)).await.expect(202).json();
    house.refund_told(&far, vec![RefundClaim::Refused { reason: "too old".into() }]).await;
    let far = house.refund_again(&far).await;
    let refund = |refund: &Value, verb: &str| format!("/v1/refunds/{}/{verb}", text(&refund["id"]));
    let leg = |refund: &Value, at: usize| refund["legs"][at]["id"].clone();
    let bank = house.bank;
    let (to_assign, to_ignore) = house.suspended_lines().await;
    let by_transfer = json!({ "payment": house.transfer_payment().await, "by": "Li Na" });
    let line = |line: &str, verb: &str| format!("/v1/bank/{bank}/lines/{line}/{verb}");
    let choice = house.offering_order("n-choice").await;
    let held = house.authorized_order("n-held").await;
    let (cash, mut all) = cash_calls(house).await;
    all.extend(schedule_calls(house).await);
    all.extend(billing_calls(house).await);
    all.extend(reconciliation_calls(house).await);
    let out = house.cash_refund(&cash, "prepare-6", 100).await;
    let pay_out = json!({ "leg": leg(&out, 0), "worker": "w-4", "by": "Li Na", "proof": "1" });
    all.push(("/v1/refunds/{id}/paid-out", refund(&out, "paid-out"), pay_out, 200));
    all.extend([
        ("/v1/bank/{account}/statements", format!("/v1/bank/{bank}/statements?name=x"), json!("x"), 422),
        ("/v1/bank/{account}/lines/{id}/assign", line(&to_assign, "assign"), by_transfer, 200),
        (
            "/v1/bank/{account}/lines/{id}/ignore",
            line(&to_ignore, "ignore"),
            json!({ "by": "Li Na", "reason": "rent" }),
            200,
        ),
        ("/v1/orders/{id}/pick", path(&choice, "pick"), json!({ "method": "wechat_native" }), 201),
        ("/v1/orders/{id}/capture", path(&held, "capture"), json!({ "by": "Li Na" }), 202),
        ("/v1/orders", "/v1/orders".to_owned(), order_body(), 201),
        ("/v1/orders/{id}/payments", path(&open, "payments"), json!({ "method": "wechat_native" }), 201),
        ("/v1/orders/{id}/close", path(&open, "close"), json!({ "reason": "x" }), 200),
        ("/v1/orders/{id}/refunds", path(&paid, "refunds"), asked(50), 202),
        ("/v1/orders/{id}/refunds", path(&paid, "refunds?preview=true"), asked(50), 200),
        ("/v1/orders/{id}/refunds", path(&paid, "refunds?preview=true"), asked(1 << 40), 200),
        ("/v1/orders/{id}/refunds", path(&paid, "refunds"), asked(1 << 40), 422),
        ("/v1/orders/{id}/late-money", path(&closed, "late-money"), json!({ "answer": "keep", "by": "Li Na" }), 200),
        ("/v1/refunds/{id}/approve", refund(&first, "approve"), json!({ "by": "Li Na" }), 403),
        ("/v1/refunds/{id}/approve", refund(&first, "approve"), json!({ "by": "Wang Fang" }), 200),
        ("/v1/refunds/{id}/reject", refund(&second, "reject"), json!({ "by": "Wang Fang", "reason": "x" }), 200),
        ("/v1/refunds/{id}/reject", refund(&second, "reject"), json!({ "by": "Zhao", "reason": "x" }), 409),
        (
            "/v1/refunds/{id}/abandon",
            refund(&fresh, "abandon"),
            json!({ "leg": leg(&fresh, 0), "by": "Zhao", "reason": "x" }),
            200,
        ),
        (
            "/v1/refunds/{id}/transferred",
            refund(&far, "transferred"),
            json!({ "leg": leg(&far, 1), "by": "Zhao", "reference": "1" }),
            200,
        ),
    ]);
    all
}

/// The same about agreements and plans.
async fn billing_calls(house: &House) -> Vec<(&'static str, String, Value, u16)> {
    let (agreement, to_end) = (house.signed("agr-1", &json!({})).await, house.signed("agr-2", &json!({})).await);
    let plan = house.active_plan("pln-1", &json!({})).await;
    let to_pay = house.active_plan("pln-2", &json!({})).await;
    let monthly = house.active_plan("pln-3", &super::plans::monthly(&json!({}))).await;
    let draft = house.plan("pln-4", &json!({})).await;
    let of = |plan: &Value, verb: &str| format!("/v1/plans/{}/{verb}", text(&plan["id"]));
    let end = format!("/v1/agreements/{}/end", text(&to_end["id"]));
    let plain = || super::plans::plan_with(&json!({}));
    let because = || json!({ "reason": "x" });
    vec![
        ("/v1/agreements", "/v1/agreements".to_owned(), super::agreements::agreement_with(&json!({})), 202),
        ("/v1/agreements/{id}/end", end, json!({ "by": "Li Na", "reason": "x" }), 202),
        ("/v1/plans", "/v1/plans".to_owned(), plain(), 201),
        ("/v1/plans", "/v1/plans?preview=true".to_owned(), plain(), 200),
        ("/v1/plans/{id}/pause", of(&plan, "pause"), because(), 200),
        ("/v1/plans/{id}/pause", of(&draft, "pause"), because(), 409),
        ("/v1/plans/{id}/resume", of(&plan, "resume"), json!({ "catch_up": true }), 200),
        ("/v1/plans/{id}/payoff", of(&to_pay, "payoff"), json!({}), 200),
        ("/v1/plans/{id}/give-back", of(&plan, "give-back"), json!({ "minor": 1 }), 200),
        ("/v1/plans/{id}/reprice", of(&monthly, "reprice"), json!({ "minor": 1 }), 200),
        ("/v1/plans/{id}/agreement", of(&plan, "agreement"), json!({ "agreement": agreement["id"] }), 200),
        ("/v1/plans/{id}/cancel", of(&plan, "cancel"), because(), 200),
    ]
}

/// The same about cash; and an order that worker w-4 was paid for.
async fn cash_calls(house: &House) -> (Value, Vec<(&'static str, String, Value, u16)>) {
    let by_cash = house.cash_order("n-cash").await;
    let mut claims = Vec::new();
    for n in 1..4 {
        claims.push(house.collected(&by_cash, n, "w-1", 100).await);
    }
    let (paid, _) = house.paid_in_cash("n-cash-paid", 4, "w-4").await;
    house.paid_in_cash("n-cash-counted", 5, "w-5").await;
    let (short, other) = (house.counted_short(6).await, house.counted_short(7).await);
    let agreed = json!({ "by": "Wang Fang" });
    house.post(&format!("/v1/hand-ins/{other}/approve"), "prepare-7", agreed.to_string()).await.expect(200);
    let collection = |n: usize, verb: &str| format!("/v1/collections/{}/{verb}", claims[n]);
    let confirm = "/v1/collections/{id}/confirm";
    let contradiction = || json!({ "by": "Li Na", "reason": "x" });
    let taken = format!("/v1/orders/{}/collections", text(&by_cash["id"]));
    let hand_in = format!("/v1/cash/{}/hand-ins", house.cash_account().await);
    let counting = json!({ "worker": "w-5", "counted_minor": 1, "received_by": "Li Na" });
    let deposit = json!({ "by": "Li Na", "reference": "1" });
    let calls = vec![
        ("/v1/orders/{id}/collections", taken, super::cash::claim(9, "w-1", 100), 201),
        (confirm, collection(0, "confirm"), json!({ "by": "w-1" }), 403),
        (confirm, collection(0, "confirm"), json!({ "by": "Li Na" }), 200),
        (confirm, collection(0, "confirm"), json!({ "by": "Zhao" }), 409),
        (confirm, collection(1, "confirm"), json!({ "code": "000000" }), 422),
        ("/v1/collections/{id}/dispute", collection(1, "dispute"), contradiction(), 200),
        ("/v1/collections/{id}/refuse", collection(2, "refuse"), contradiction(), 200),
        ("/v1/cash/{account}/hand-ins", hand_in, counting, 201),
        ("/v1/hand-ins/{id}/approve", format!("/v1/hand-ins/{short}/approve"), agreed, 200),
        ("/v1/hand-ins/{id}/banked", format!("/v1/hand-ins/{other}/banked"), deposit, 200),
    ];
    (paid, calls)
}

/// The same about schedules.
async fn schedule_calls(house: &House) -> Vec<(&'static str, String, Value, u16)> {
    let (kept, removed) = (house.schedule("kept").await, house.schedule("removed").await);
    let path = |schedule: &Value, verb: &str| format!("/v1/schedules/{}/{verb}", text(&schedule["id"]));
    let range =
        |confirm: bool| json!({ "from": "2026-11-20T00:00:00Z", "until": "2026-11-21T00:00:00Z", "confirm": confirm });
    vec![
        ("/v1/schedules", "/v1/schedules".to_owned(), super::schedules::schedule_body("new"), 201),
        ("/v1/schedules/{id}/pause", path(&kept, "pause"), json!({}), 200),
        ("/v1/schedules/{id}/resume", path(&kept, "resume"), json!({}), 200),
        ("/v1/schedules/{id}/run", path(&kept, "run"), json!({ "due_at": "2026-11-20T00:00:00Z" }), 200),
        ("/v1/schedules/{id}/backfill", path(&kept, "backfill"), range(false), 200),
        ("/v1/schedules/{id}/backfill", path(&kept, "backfill"), range(true), 200),
        ("/v1/schedules/{id}/remove", path(&removed, "remove"), json!({}), 200),
        ("/v1/schedules/{id}/run", path(&removed, "run"), json!({}), 409),
    ]
}

/// The same about reconciliation.
async fn reconciliation_calls(house: &House) -> Vec<(&'static str, String, Value, u16)> {
    let [small, large, refused] = house.parked_breaks().await;
    let of = |found: &str, verb: &str| format!("/v1/breaks/{found}/{verb}");
    let end = |how: &str| json!({ "how": how, "by": "Li Na", "reason": "x" });
    let begin = |day: &str| json!({ "account": house.account, "day": day });
    vec![
        ("/v1/breaks/{id}/end", of(&small, "end"), end("accept"), 200),
        ("/v1/breaks/{id}/end", of(&small, "end"), end("accept"), 409),
        ("/v1/breaks/{id}/end", of(&large, "end"), end("write_off"), 200),
        ("/v1/breaks/{id}/agree", of(&large, "agree"), json!({ "by": "Li Na" }), 409),
        ("/v1/breaks/{id}/agree", of(&large, "agree"), json!({ "by": "Wang Fang" }), 200),
        ("/v1/breaks/{id}/end", of(&refused, "end"), end("write_off"), 200),
        ("/v1/breaks/{id}/refuse", of(&refused, "refuse"), json!({ "by": "Wang Fang" }), 200),
        ("/v1/reconciliations", "/v1/reconciliations".to_owned(), begin("2026-11-21"), 202),
        ("/v1/reconciliations", "/v1/reconciliations".to_owned(), begin("2026-11-22"), 409),
    ]
}

async fn house_with_everything() -> House {
    let after_close = AfterClose::Park { deadline_ms: 86_400_000 };
    let policy = MerchantPolicy { after_close, approval_above_minor: Some(5_000), ..MerchantPolicy::default() };
    let house = House::with_policy(policy).await;
    // Before the directory is read for the first time.
    house.cash_account().await;
    house
}

fn assert_described(document: &Value, operation: &Value, answer: &Answer, at: &str) {
    let described = &operation["responses"][&answer.status.to_string()];
    assert!(described.is_object(), "{at} answered {}, which is not described: {}", answer.status, answer.text());
    for (pointer, media_type) in [
        ("/content/application~1json/schema", "application/json"),
        ("/content/application~1problem+json/schema", "application/problem+json"),
    ] {
        if let Some(schema) = described.pointer(pointer) {
            assert_eq!(answer.headers["content-type"], media_type, "{at}");
            assert_fits(document, schema, &answer.json(), at);
        }
    }
}

#[tokio::test]
async fn every_operation_of_the_document_answers_as_the_document_says() {
    let house = house_with_everything().await;
    let order = house.order("n-0").await;
    house.accept(&order).await;
    let document = document();
    assert_eq!(document["openapi"].as_str().unwrap().split('.').take(2).collect::<Vec<_>>(), ["3", "1"]);
    let mut called = BTreeSet::new();
    for (index, (path, concrete, body, status)) in calls(&house).await.into_iter().enumerate() {
        let answer = house.post(&concrete, &format!("call-{index}"), body.to_string()).await.expect(status);
        assert_described(&document, &document["paths"][path]["post"], &answer, &format!("POST {concrete}"));
        called.insert(format!("POST {path}"));
    }
    let refund = house.get("/v1/refunds?limit=1").await.expect(200).json()["refunds"][0]["id"].clone();
    let scheduled = house.get("/v1/schedules?limit=1").await.expect(200).json()["schedules"][0]["id"].clone();
    let plan = house.get("/v1/plans?limit=1").await.expect(200).json()["plans"][0]["id"].clone();
    let agreement = house.get("/v1/agreements?limit=1").await.expect(200).json()["agreements"][0]["id"].clone();
    let found = house.get("/v1/breaks?limit=1").await.expect(200).json()["breaks"][0]["id"].clone();
    let bill = house.get("/v1/bills?limit=1").await.expect(200).json()["bills"][0]["id"].clone();
    for (method, path, operation) in operations(&document) {
        if called.contains(&format!("{method} {path}")) {
            continue;
        }
        let account = match path.as_str() {
            path if path.starts_with("/v1/bank") => house.bank,
            path if path.starts_with("/v1/cash") => house.cash_account().await,
            _ => house.account,
        };
        let id = match path.as_str() {
            path if path.starts_with("/v1/refunds") => text(&refund),
            path if path.starts_with("/v1/schedules") => text(&scheduled),
            path if path.starts_with("/v1/plans") => text(&plan),
            path if path.starts_with("/v1/agreements") => text(&agreement),
            path if path.starts_with("/v1/breaks") => text(&found),
            path if path.starts_with("/v1/bills") => text(&bill),
            _ => text(&order["id"]),
        };
        let concrete = path
            .replace("{id}", id)
            .replace("{channel}", "wechat")
            .replace("{account}", &account.to_string())
            .replace("{kind}", if path.starts_with("/v1/ledger") { "clearing" } else { "not-found" })
            .replace("{owner}", &house.account.to_string());
        let answer = house.send(house.request(&method, &concrete, &[], Body::empty())).await;
        assert_ne!(answer.status, 404, "{method} {path} does not exist");
        assert!(answer.status < 300 || path.starts_with("/notify"), "{method} {path}: {}", answer.text());
        assert_described(&document, &operation, &answer, &format!("{method} {path}"));
        called.insert(format!("{method} {path}"));
    }
    assert_eq!(called.len(), 78, "{called:?}");
}

#[test]
fn every_operation_lists_every_error_that_it_may_answer() {
    let document = document();
    for (method, path, operation) in operations(&document).into_iter().filter(|(_, path, _)| path.starts_with("/v1/")) {
        let mut wanted = vec!["401", "500", "503"];
        if path.contains("{id}") {
            wanted.push("404");
        } else if method == "GET" {
            wanted.push("400");
        }
        if method == "POST" {
            wanted.extend(["400", "408", "409", "413", "415", "422"]);
        }
        let responses = operation["responses"].as_object().unwrap();
        for status in wanted {
            let schema = responses.get(status).and_then(|r| r.pointer("/content/application~1problem+json/schema"));
            assert!(schema.is_some(), "{method} {path} does not describe {status}");
        }
        let key = operation["parameters"].as_array().into_iter().flatten().find(|p| p["name"] == "Idempotency-Key");
        assert_eq!(key.is_some(), method == "POST", "{method} {path}");
    }
}

#[tokio::test]
async fn every_unsafe_operation_wants_a_key_reads_strictly_and_changes_nothing_otherwise() {
    let house = house_with_everything().await;
    let calls = calls(&house).await;
    let before = house.fingerprint().await;
    for (path, concrete, body, _) in calls.iter().filter(|(_, concrete, ..)| !concrete.contains('?')) {
        let json = ("content-type", "application/json");
        let send = async |headers: &[(&str, &str)], body: String| {
            house.send(house.request("POST", concrete, headers, body)).await
        };
        let keyless = send(&[json], body.to_string()).await.expect(400);
        assert_eq!(keyless.problem(), "missing-idempotency-key", "{path}");
        let zipped = send(&[json, ("idempotency-key", "k"), ("content-encoding", "gzip")], body.to_string()).await;
        assert_eq!(zipped.expect(415).problem(), "unsupported-media-type", "{path}");
        let plain = send(&[("content-type", "text/plain"), ("idempotency-key", "k")], body.to_string()).await;
        assert_eq!(plain.expect(415).problem(), "unsupported-media-type", "{path}");
        for (bad, status, slug) in [
            ("[]".to_owned(), 400, "malformed-json"),
            ("{\"by\":1,\"by\":2}".to_owned(), 400, "malformed-json"),
            ("{\"nobody-knows\":1}".to_owned(), 422, "invalid-request"),
            (format!("{{\"x\":\"{}\"}}", "x".repeat(70_000)), 413, "body-too-large"),
        ] {
            let answer = send(&[json, ("idempotency-key", "k")], bad).await.expect(status);
            assert_eq!(answer.problem(), slug, "{path}");
        }
        // A key that did something else before does nothing here.
        let reused = send(&[json, ("idempotency-key", "key-n-open")], body.to_string()).await.expect(422);
        assert_eq!(reused.problem(), "idempotency-key-reused", "{path}");
    }
    assert_eq!(house.fingerprint().await, before);
}

#[tokio::test]
async fn order_operations_want_a_key_and_say_so() {
    let house = House::new().await;
    let document = document();
    for (method, path, operation) in operations(&document).into_iter().filter(|(_, path, _)| path.starts_with("/v1/")) {
        assert!(operation["security"][0].get("api_key").is_some(), "{method} {path}");
        let prefix = match path.as_str() {
            path if path.starts_with("/v1/refunds") => "rfd",
            path if path.starts_with("/v1/collections") => "col",
            path if path.starts_with("/v1/hand-ins") => "hin",
            path if path.starts_with("/v1/schedules") => "sch",
            path if path.starts_with("/v1/agreements") => "agr",
            path if path.starts_with("/v1/plans") => "pln",
            path if path.starts_with("/v1/breaks") => "brk",
            path if path.starts_with("/v1/bills") => "bil",
            _ => "ord",
        };
        let concrete = path.replace("{id}", &format!("{prefix}_00000000000000000000000000"));
        let concrete = concrete.replace("{account}", "acc_00000000000000000000000000");
        let request = Request::builder().method(method.as_str()).uri(&concrete).body(Body::empty()).unwrap();
        let answer = house.send(request).await.expect(401);
        assert_eq!(answer.problem(), "unauthorized");
        let described = &operation["responses"]["401"]["content"]["application/problem+json"]["schema"];
        assert_fits(&document, described, &answer.json(), &path);
    }
}

#[test]
fn the_members_of_every_request_are_those_that_are_read() {
    let document = document();
    let pointers = |problem: Problem| problem.errors.into_iter().filter_map(|e| e.pointer).collect();
    let read = |name: &str, body: &[u8]| -> BTreeSet<String> {
        let problem = match name {
            "CreateOrder" => crate::orders::intake::read(body).err(),
            "AddPayment" => crate::orders::add_payment::read(body).err(),
            "AnswerLateMoney" => crate::orders::late_money::read(body).err(),
            "CreateRefund" => crate::refunds::intake::read(body, false).err(),
            "ApproveRefund" => crate::refunds::judge::read_approval(body).err(),
            "RejectRefund" => crate::refunds::judge::read_rejection(body).err(),
            "ConfirmTransfer" => crate::refunds::legs::read_transfer(body).err(),
            "AbandonLeg" => crate::refunds::legs::read_abandonment(body).err(),
            "AssignBankLine" => crate::bank::judge::read_assignment(body).err(),
            "IgnoreBankLine" => crate::bank::judge::read_reason(body).err(),
            "CollectCash" => crate::cash::collect::read(body).err(),
            "ConfirmCollection" => crate::cash::confirm::read(body).err(),
            "ContradictCollection" => crate::cash::dispute::read(body).err(),
            "HandInCash" => crate::cash::hand_in::read(body).err(),
            "ApproveHandIn" => crate::cash::approve::read(body).err(),
            "BankHandIn" => crate::cash::banked::read(body).err(),
            "PayOutInCash" => crate::cash::paid_out::read(body).err(),
            "CreateSchedule" => crate::schedules::read(body).err(),
            "RunSchedule" => crate::schedules::run::read(body).err(),
            "BackfillSchedule" => crate::schedules::backfill::read(body).err(),
            "CreateAgreement" => crate::agreements::intake::read(body).err(),
            "EndAgreement" => crate::agreements::end::read(body).err(),
            "CreatePlan" => crate::plans::body::read(body).err(),
            "PausePlan" => crate::plans::wishes::read_pause(body).err(),
            "ResumePlan" => crate::plans::wishes::read_resume(body).err(),
            "CancelPlan" => crate::plans::wishes::read_cancel(body).err(),
            "PlanAmount" => crate::plans::wishes::read_amount(body).err(),
            "ChargePlanBy" => crate::plans::wishes::read_charge_by(body).err(),
            "EndBreak" => crate::reconcile::judge::read_end(body).err(),
            "JudgeBreak" => crate::reconcile::judge::read_by(body).err(),
            "BeginReconciliation" => crate::reconcile::begin::read(body).err(),
            other => panic!("{other} is not a request"),
        };
        problem.map(pointers).unwrap_or_default()
    };
    for name in [
        "CreateOrder",
        "AddPayment",
        "AnswerLateMoney",
        "CreateRefund",
        "ApproveRefund",
        "RejectRefund",
        "ConfirmTransfer",
        "AbandonLeg",
        "AssignBankLine",
        "IgnoreBankLine",
        "CollectCash",
        "ConfirmCollection",
        "ContradictCollection",
        "HandInCash",
        "ApproveHandIn",
        "BankHandIn",
        "PayOutInCash",
        "CreateSchedule",
        "RunSchedule",
        "BackfillSchedule",
        "CreateAgreement",
        "EndAgreement",
        "CreatePlan",
        "PausePlan",
        "ResumePlan",
        "CancelPlan",
        "PlanAmount",
        "ChargePlanBy",
        "EndBreak",
        "JudgeBreak",
        "BeginReconciliation",
    ] {
        let schema = &document["components"]["schemas"][name];
        let names: BTreeSet<&str> = schema["properties"].as_object().unwrap().keys().map(String::as_str).collect();
        let body: Value =
            names.iter().map(|name| ((*name).to_owned(), Value::Null)).collect::<serde_json::Map<_, _>>().into();
        let missing = read(name, body.to_string().as_bytes());
        // Which of several members must be there is said about the whole.
        let missing: BTreeSet<String> = missing.into_iter().filter(|pointer| !pointer.is_empty()).collect();
        let required = schema["required"].as_array().into_iter().flatten().map(|n| format!("/{}", n.as_str().unwrap()));
        assert_eq!(missing, required.collect(), "{name}: unknown members would be errors of their own");
    }
}
