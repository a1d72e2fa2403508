//! Cash through the API: what workers claim, what others say about it, and what becomes of the money.

use bursar_core::Clock;
use bursar_core::chance::SeededChance;
use bursar_core::channel::ChannelKind;
use bursar_core::clock::HOUR_MS;
use bursar_core::decide::QuestionKind;
use bursar_core::id::ChannelAccountId;
use bursar_core::ledger::AccountKind;
use bursar_core::merchant::ChannelAccount;
use bursar_core::observation::{Claim, Observation, PayCode, Source};
use serde_json::{Value, json};

use super::{Answer, House, START, order_with, payment_id, text};

/// What the payers of these tests were told.
const CODE: &str = "204813";

/// The id that a device makes for its `n`th collection.
fn client(n: u32) -> String {
    format!("0192f5d0-7c1e-7b1a-9d5e-{n:012x}")
}

impl House {
    /// The merchant's cash account: a worker may carry 200 yuan for 24 hours.
    pub async fn cash_account(&self) -> ChannelAccountId {
        let account = ChannelAccount {
            id: ChannelAccountId::fresh(START, &SeededChance::new(98)),
            merchant: self.merchant,
            channel: ChannelKind::Cash,
            settings: json!({ "drawer_limit_minor": 20_000 }),
            facts: None,
            created_at: START,
        };
        self.store.put_account(&account).await.unwrap();
        account.id
    }

    /// An order of 128 yuan that is paid in cash, whose payer has his code.
    pub async fn cash_order(&self, number: &str) -> Value {
        self.cash_account().await;
        let body = order_with(&json!({ "number": number, "method": "cash" }));
        let order = self.post("/v1/orders", &format!("key-{number}"), body.to_string()).await.expect(201).json();
        for claim in [Claim::Sending, Claim::Accepted { code: PayCode::Cash { code: CODE.into() } }] {
            let seen = Observation::new(Source::Create, self.clock.now(), claim);
            let done = |_: &bursar_core::order::Dossier| bursar_store::Settlement::Done;
            self.desk.observe(payment_id(&order), &seen, None, None, done).await.unwrap();
        }
        order
    }

    pub async fn collect(&self, order: &Value, key: &str, body: &Value) -> Answer {
        self.post(&format!("/v1/orders/{}/collections", text(&order["id"])), key, body.to_string()).await
    }

    /// A collection of `minor` by `worker` for the order; its id.
    pub async fn collected(&self, order: &Value, n: u32, worker: &str, minor: i64) -> String {
        let answer = self.collect(order, &format!("collect-{n}"), &claim(n, worker, minor)).await.expect(201);
        text(&answer.json()["collection"]["id"]).to_owned()
    }

    pub async fn of_collection(&self, id: &str, verb: &str, key: &str, body: &Value) -> Answer {
        self.post(&format!("/v1/collections/{id}/{verb}"), key, body.to_string()).await
    }

    /// A confirmed collection of all of an order.
    pub async fn paid_in_cash(&self, number: &str, n: u32, worker: &str) -> (Value, String) {
        let order = self.cash_order(number).await;
        let id = self.collected(&order, n, worker, 12_800).await;
        self.of_collection(&id, "confirm", &format!("confirm-{n}"), &json!({ "by": "Li Na" })).await.expect(200);
        (order, id)
    }

    /// A hand-in that waits for approval; its id.
    pub async fn counted_short(&self, n: u32) -> String {
        let (_, _) = self.paid_in_cash(&format!("n-short-{n}"), n, &format!("w-{n}")).await;
        let body = json!({ "worker": format!("w-{n}"), "counted_minor": 12_700, "received_by": "Li Na" });
        let answer = self.hand_in(&format!("short-{n}"), &body).await.expect(201);
        text(&answer.json()["id"]).to_owned()
    }

    pub async fn hand_in(&self, key: &str, body: &Value) -> Answer {
        let path = format!("/v1/cash/{}/hand-ins", self.cash_account().await);
        self.post(&path, key, body.to_string()).await
    }

    /// A refund of an order that was paid in cash, whose leg waits for a person.
    pub async fn cash_refund(&self, order: &Value, key: &str, minor: i64) -> Value {
        self.refund(order, key, &json!({ "reason": "cancelled", "amount_minor": minor })).await.expect(202).json()
    }

    async fn drawer(&self, worker: &str) -> Value {
        let path = format!("/v1/cash/{}/drawers", self.cash_account().await);
        let all = self.get(&path).await.expect(200).json()["drawers"].clone();
        all.as_array().unwrap().iter().find(|d| d["worker"] == worker).cloned().unwrap_or_default()
    }

    async fn clearing(&self) -> i64 {
        let (kind, account) = (AccountKind::Clearing.code(), self.cash_account().await.uuid());
        let balances = self.store.balances().await.unwrap();
        balances.iter().filter(|(k, owner, ..)| (*k, *owner) == (kind, account)).map(|(.., minor)| minor).sum()
    }
}

pub fn claim(n: u32, worker: &str, minor: i64) -> Value {
    json!({
        "client_id": client(n), "worker": worker, "amount_minor": minor, "tendered_minor": minor + 200,
        "change_minor": 200, "collected_at": "2026-11-22T08:30:00Z",
    })
}

fn by(name: &str) -> Value {
    json!({ "by": name })
}

fn says(name: &str) -> Value {
    json!({ "by": name, "reason": "she paid 100" })
}

#[tokio::test]
async fn a_claim_is_one_however_often_it_is_sent_and_does_not_touch_the_payment() {
    let house = House::new().await;
    let order = house.cash_order("n-1").await;
    let first = house.collect(&order, "k1", &claim(1, "w-7", 12_800)).await.expect(201);
    let taken = first.json();
    let row = &taken["collection"];
    assert_eq!((&row["state"], &row["amount_minor"]), (&json!("claimed"), &json!(12_800)));
    assert_eq!((&row["client_id"], &row["payment_id"]), (&json!(client(1)), &order["payments"][0]["id"]));
    assert_eq!((&taken["over_limit"], &taken["claimed_minor"]), (&json!(false), &json!(12_800)));
    // The same key, and another key.
    let again = house.collect(&order, "k1", &claim(1, "w-7", 12_800)).await.expect(201);
    assert_eq!((again.bytes, &again.headers["idempotency-replayed"]), (first.bytes.clone(), &"true".parse().unwrap()));
    let mut without_amount = claim(1, "w-7", 12_800);
    without_amount.as_object_mut().unwrap().remove("amount_minor");
    without_amount["collected_at"] = json!("2026-11-22T16:30:00+08:00");
    assert_eq!(house.collect(&order, "k2", &without_amount).await.expect(201).bytes, first.bytes);
    for other in [claim(1, "w-8", 12_800), claim(1, "w-7", 12_700)] {
        let answer = house.collect(&order, "k3", &other).await.expect(409);
        assert_eq!(answer.problem(), "collection-conflict", "{other}");
    }
    let elsewhere = house.cash_order("n-2").await;
    let answer = house.collect(&elsewhere, "k4", &claim(1, "w-7", 12_800)).await.expect(409);
    assert_eq!(answer.problem(), "collection-conflict");
    let shown = house.again(&order).await;
    assert_eq!((&shown["state"], &shown["payments"][0]["state"]), (&json!("paying"), &json!("awaiting_payer")));
    let payment = &shown["payments"][0];
    assert_eq!((&payment["claimed_minor"], &payment["taken_minor"]), (&json!(12_800), &json!(0)));
    let timeline = house.get(&format!("/v1/orders/{}/timeline", text(&order["id"]))).await.expect(200).json();
    assert!(text(&timeline["next"]).contains("w-7 says to have collected 128.00 CNY"), "{timeline}");
    let entry = timeline["entries"].as_array().unwrap().iter().find(|e| e["kind"] == "collection").unwrap();
    assert_eq!((&entry["what"], &entry["payment_id"]), (&json!("claimed"), &order["payments"][0]["id"]));
}

#[tokio::test]
async fn many_of_one_claim_at_once_are_one() {
    let house = House::new().await;
    let order = house.cash_order("n-1").await;
    let body = claim(1, "w-7", 12_800);
    let keys: Vec<String> = (0..20).map(|n| format!("k{n}")).collect();
    let answers = futures::future::join_all(keys.iter().map(|key| house.collect(&order, key, &body))).await;
    assert!(answers.iter().all(|a| a.status == 201), "{:?}", answers.iter().map(|a| a.status).collect::<Vec<_>>());
    assert_eq!(house.drawer("w-7").await["claimed_minor"], 12_800);
}

#[tokio::test]
async fn a_person_who_is_not_the_worker_confirms_and_the_order_is_paid_with_it() {
    let house = House::new().await;
    let order = house.cash_order("n-1").await;
    let id = house.collected(&order, 1, "Zhang San", 12_800).await;
    let own = house.of_collection(&id, "confirm", "k1", &by(" zhang  san")).await.expect(403);
    assert_eq!(own.problem(), "second-person-needed");
    assert_eq!(house.of_collection(&id, "confirm", "k1", &by("payer")).await.expect(422).pointers(), ["/by"]);
    let done = house.of_collection(&id, "confirm", "k1", &by("Li Na")).await.expect(200);
    assert_eq!((&done.json()["state"], &done.json()["confirmed_by"]), (&json!("confirmed"), &json!("Li Na")));
    let again = house.of_collection(&id, "confirm", "k1", &by("Li Na")).await.expect(200);
    assert_eq!(again.bytes, done.bytes);
    let twice = house.of_collection(&id, "confirm", "k2", &by("Li Na")).await.expect(409);
    assert_eq!((twice.problem().as_str(), &twice.json()["state"]), ("collection-not-open", &json!("confirmed")));
    let shown = house.again(&order).await;
    assert_eq!((&shown["state"], &shown["payments"][0]["taken_minor"]), (&json!("paid"), &json!(12_800)));
    assert_eq!((&shown["payments"][0]["claimed_minor"], house.clearing().await), (&json!(0), 12_800));
    assert_eq!(house.drawer("Zhang San").await["on_hand_minor"], 12_800);
}

#[tokio::test]
async fn the_payers_code_confirms_and_five_wrong_ones_leave_it_to_a_person() {
    let house = House::new().await;
    let order = house.cash_order("n-1").await;
    let (one, two) = (house.collected(&order, 1, "w-7", 3_000).await, house.collected(&order, 2, "w-7", 9_800).await);
    let paid = house.of_collection(&one, "confirm", "k0", &json!({ "code": CODE })).await.expect(200).json();
    assert_eq!(paid["confirmed_by"], "payer");
    let third = house.collected(&order, 3, "w-7", 1).await;
    for n in 0..5 {
        // Another collection of the payment does not bring new tries.
        let id = if n % 2 == 0 { &two } else { &third };
        let wrong = house.of_collection(id, "confirm", "k1", &json!({ "code": "204814" })).await.expect(422);
        assert_eq!(wrong.problem(), "wrong-code");
        assert!(text(&wrong.json()["detail"]).contains(&format!("{} more tries", 4 - n)), "{}", wrong.json());
        assert!(!wrong.text().contains(CODE));
    }
    for code in ["204814", CODE] {
        let spent = house.of_collection(&two, "confirm", "k2", &json!({ "code": code })).await.expect(409);
        assert_eq!(spent.problem(), "code-spent");
    }
    let asked = house.store.parked(Some(house.merchant), 10).await.unwrap();
    assert_eq!(asked.len(), 1);
    assert!(asked[0].text.contains("the payer's code was wrong too often"), "{}", asked[0].text);
    assert_eq!(house.again(&order).await["payments"][0]["taken_minor"], 3_000);
    // Whichever it was asked about is answered by confirming or refusing it.
    for id in [&two, &third] {
        house.of_collection(id, "confirm", &format!("p-{id}"), &by("Li Na")).await.expect(200);
    }
    let asked = house.store.parked(Some(house.merchant), 10).await.unwrap();
    assert!(asked.iter().all(|q| q.kind != QuestionKind::CollectionDisputed), "{asked:?}");
    let shown = house.again(&order).await;
    assert_eq!((&shown["state"], &shown["payments"][0]["taken_minor"]), (&json!("paid"), &json!(12_801)));
}

#[tokio::test]
async fn wrong_codes_that_come_at_once_are_counted_one_after_the_other() {
    let house = House::new().await;
    let order = house.cash_order("n-1").await;
    let mut ids = Vec::new();
    for n in 0..10 {
        ids.push(house.collected(&order, n, "w-7", 100).await);
    }
    let wrong = json!({ "code": "999999" });
    let tries = ids.iter().map(|id| house.of_collection(id, "confirm", id, &wrong));
    let answers = futures::future::join_all(tries).await;
    let with = |slug: &str| answers.iter().filter(|a| a.problem() == slug).count();
    assert_eq!((with("wrong-code"), with("code-spent")), (5, 5));
    // Not even the right one is heard then.
    let right = house.of_collection(&ids[0], "confirm", "right", &json!({ "code": CODE })).await.expect(409);
    assert_eq!(right.problem(), "code-spent");
}

#[tokio::test]
async fn of_many_codes_at_once_no_more_than_five_wrong_ones_are_judged() {
    for round in 0..5 {
        let house = House::new().await;
        let order = house.cash_order("n-1").await;
        let id = house.collected(&order, 1, "w-7", 12_800).await;
        let code = |n: u32| if n == round * 9 { CODE.to_owned() } else { format!("9{n:05}") };
        let tries = (0..40).map(|n| {
            let (house, id, body) = (&house, &id, json!({ "code": code(n) }));
            async move { house.of_collection(id, "confirm", &format!("k{n}"), &body).await }
        });
        let answers = futures::future::join_all(tries).await;
        let wrong = answers.iter().filter(|a| a.status == 422).count();
        let confirmed = answers.iter().filter(|a| a.status == 200).count();
        assert!(wrong <= 5 && confirmed <= 1, "{wrong} {confirmed}");
        let paid = house.again(&order).await["state"] == "paid";
        assert_eq!((confirmed == 1, wrong == 5), (paid, !paid));
    }
}

#[tokio::test]
async fn several_collections_add_up_and_more_than_is_owed_goes_back() {
    let house = House::new().await;
    let order = house.cash_order("n-1").await;
    for (n, minor, state) in [(1, 3_000, "partially_paid"), (2, 10_000, "paid")] {
        let id = house.collected(&order, n, "w-7", minor).await;
        house.of_collection(&id, "confirm", &format!("c{n}"), &by("Li Na")).await.expect(200);
        assert_eq!(house.again(&order).await["state"], state);
    }
    let shown = house.again(&order).await;
    assert_eq!(
        (&shown["payments"][0]["taken_minor"], &shown["payments"][0]["returned_minor"]),
        (&json!(13_000), &json!(200))
    );
    assert_eq!(
        (&shown["refunds"][0]["cause"], &shown["refunds"][0]["amount_minor"]),
        (&json!("duplicate"), &json!(200))
    );
    let asked = house.store.parked(None, 10).await.unwrap();
    assert!(asked[0].text.contains("pay it out of a worker's drawer"), "{}", asked[0].text);
}

#[tokio::test]
async fn a_claim_that_comes_after_the_close_is_late_money_when_it_is_confirmed() {
    let house = House::new().await;
    let order = house.cash_order("n-1").await;
    house.post(&format!("/v1/orders/{}/close", text(&order["id"])), "close", "").await.expect(202);
    for claim in [Claim::Unpaid, Claim::CloseAccepted, Claim::UnpaidAfterClose] {
        let seen = Observation::new(Source::Close, house.clock.now(), claim);
        let done = |_: &bursar_core::order::Dossier| bursar_store::Settlement::Done;
        house.desk.observe(payment_id(&order), &seen, None, None, done).await.unwrap();
    }
    assert_eq!(house.again(&order).await["state"], "closed");
    let id = house.collected(&order, 1, "w-7", 12_800).await;
    let timeline = house.get(&format!("/v1/orders/{}/timeline", text(&order["id"]))).await.expect(200).json();
    assert!(text(&timeline["next"]).contains("it is late money then"), "{timeline}");
    house.of_collection(&id, "confirm", "k", &by("Li Na")).await.expect(200);
    let shown = house.again(&order).await;
    assert_eq!((&shown["state"], &shown["late_money"]), (&json!("closed"), &json!(true)));
    assert_eq!(
        (&shown["refunds"][0]["cause"], &shown["refunds"][0]["amount_minor"]),
        (&json!("late_money"), &json!(12_800))
    );
}

#[tokio::test]
async fn who_carries_too_much_is_told_and_not_sent_again_and_nothing_that_he_took_is_refused() {
    let house = House::new().await;
    let (one, two) = (house.cash_order("n-1").await, house.cash_order("n-2").await);
    assert_eq!(house.collect(&one, "k1", &claim(1, "w-7", 12_800)).await.expect(201).json()["over_limit"], false);
    let over = house.collect(&two, "k2", &claim(2, "w-7", 12_800)).await.expect(201);
    assert_eq!(over.json()["over_limit"], true);
    assert_eq!(house.collect(&two, "k3", &claim(2, "w-7", 12_800)).await.expect(201).bytes, over.bytes);
    let drawer = house.drawer("w-7").await;
    assert_eq!((&drawer["may_collect"], &drawer["over_limit"]), (&json!(false), &json!(true)));
    assert_eq!((&drawer["carried_minor"], &drawer["limit_minor"]), (&json!(25_600), &json!(20_000)));
    assert!(text(&drawer["why"]).contains("hands in"), "{drawer}");
    let sent = |number: &str, worker: &str| {
        order_with(&json!({ "number": number, "method": "cash", "payer": { "collector": worker } })).to_string()
    };
    let refused = house.post("/v1/orders", "k4", sent("n-3", " w-7 ")).await.expect(409);
    assert_eq!(refused.problem(), "collector-over-limit");
    house.post("/v1/orders", "k5", sent("n-3", "w-8")).await.expect(201);
    house
        .post("/v1/orders", "k6", order_with(&json!({ "number": "n-4", "method": "cash" })).to_string())
        .await
        .expect(201);
    let wechat = order_with(&json!({ "payer": { "collector": "w-8" } }));
    assert_eq!(house.post("/v1/orders", "k7", wechat.to_string()).await.expect(422).pointers(), ["/payer/collector"]);
    // For too long is too much as well.
    house.collected(&house.cash_order("n-5").await, 5, "w-9", 100).await;
    assert_eq!(house.drawer("w-9").await["may_collect"], true);
    house.clock.advance_ms(24 * HOUR_MS);
    assert_eq!(house.drawer("w-9").await["may_collect"], false);
}

#[tokio::test]
async fn a_disputed_collection_asks_a_person_and_is_confirmed_or_refused() {
    let house = House::new().await;
    let order = house.cash_order("n-1").await;
    let id = house.collected(&order, 1, "w-7", 12_800).await;
    let disputed = house.of_collection(&id, "dispute", "d1", &says("Li Na")).await.expect(200).json();
    assert_eq!((&disputed["state"], &disputed["why"]), (&json!("disputed"), &json!("Li Na: she paid 100")));
    let asked = house.store.parked(Some(house.merchant), 10).await.unwrap();
    assert_eq!(
        (asked[0].kind.name(), asked[0].about.to_string()),
        ("collection_disputed", text(&order["id"]).to_owned())
    );
    let timeline = house.get(&format!("/v1/orders/{}/timeline", text(&order["id"]))).await.expect(200).json();
    assert!(text(&timeline["next"]).starts_with("A person must answer: w-7 says to have collected"), "{timeline}");
    let refused = house.of_collection(&id, "refuse", "r1", &says("Li Na")).await.expect(200).json();
    assert_eq!(refused["state"], "refused");
    assert_eq!(house.store.parked(None, 10).await.unwrap(), []);
    let late = house.of_collection(&id, "confirm", "c1", &by("Li Na")).await.expect(409);
    assert_eq!(late.problem(), "collection-not-open");
    assert_eq!((&house.again(&order).await["state"], house.drawer("w-7").await), (&json!("paying"), Value::Null));
}

#[tokio::test]
async fn confirmed_cash_that_turns_out_false_is_taken_back_by_two_people() {
    let house = House::new().await;
    let (order, id) = house.paid_in_cash("n-1", 1, "w-7").await;
    let early = house.of_collection(&id, "refuse", "r1", &says("Li Na")).await.expect(409);
    assert_eq!(early.problem(), "collection-not-open");
    house.of_collection(&id, "dispute", "d1", &says("Li Na")).await.expect(200);
    assert_eq!(house.again(&order).await["state"], "paid", "a dispute alone takes nothing");
    for name in ["Li Na", "w-7"] {
        let own = house.of_collection(&id, "refuse", "r2", &says(name)).await.expect(403);
        assert_eq!(own.problem(), "second-person-needed", "{name}");
    }
    house.of_collection(&id, "refuse", "r2", &says("Wang Fang")).await.expect(200);
    let shown = house.again(&order).await;
    assert_eq!(
        (&shown["payments"][0]["state"], &shown["payments"][0]["taken_minor"]),
        (&json!("capture_reversed"), &json!(0))
    );
    assert_eq!((&shown["state"], house.clearing().await), (&json!("paying"), 0));
}

#[tokio::test]
async fn a_drawer_is_handed_in_once_by_others_and_banked() {
    let house = House::new().await;
    house.paid_in_cash("n-1", 1, "w-7").await;
    house.collected(&house.cash_order("n-2").await, 2, "w-7", 500).await;
    let counted =
        |by: &str, minor: i64| json!({ "worker": "w-7", "counted_minor": minor, "received_by": by, "bag": "B-1" });
    assert_eq!(house.hand_in("h0", &counted("W-7", 12_800)).await.expect(403).problem(), "second-person-needed");
    let done = house.hand_in("h1", &counted("Li Na", 12_800)).await.expect(201);
    let row = done.json();
    assert_eq!((&row["expected_minor"], &row["variance_minor"]), (&json!(12_800), &json!(0)));
    assert_eq!((&row["state"], &row["approved_by"]), (&json!("approved"), &json!("bursar")));
    assert_eq!(house.hand_in("h1", &counted("Li Na", 12_800)).await.expect(201).bytes, done.bytes);
    let empty = house.hand_in("h2", &counted("Li Na", 12_800)).await.expect(409);
    assert_eq!(empty.problem(), "nothing-to-hand-in");
    let drawer = house.drawer("w-7").await;
    assert_eq!((&drawer["on_hand_minor"], &drawer["claimed_minor"]), (&json!(0), &json!(500)), "a claim stays his");
    let path = format!("/v1/hand-ins/{}/banked", text(&row["id"]));
    let bank = |by: &str| json!({ "by": by, "reference": "D-77" }).to_string();
    assert_eq!(house.post(&path, "b1", bank("w-7")).await.expect(403).problem(), "second-person-needed");
    let banked = house.post(&path, "b1", bank("Li Na")).await.expect(200).json();
    assert_eq!(
        (&banked["state"], &banked["bank_reference"], &banked["banked_by"]),
        (&json!("banked"), &json!("D-77"), &json!("Li Na"))
    );
    assert_eq!(house.post(&path, "b2", bank("Li Na")).await.expect(409).problem(), "hand-in-not-open");
    let list = format!("/v1/cash/{}/collections?state=banked&worker=w-7", house.cash_account().await);
    let rows = house.get(&list).await.expect(200).json()["collections"].clone();
    assert_eq!((rows.as_array().unwrap().len(), &rows[0]["hand_in_id"]), (1, &row["id"]));
}

#[tokio::test]
async fn a_count_that_differs_waits_for_a_third_person() {
    let house = House::new().await;
    let id = house.counted_short(1).await;
    let path = format!("/v1/hand-ins/{id}");
    let bank = json!({ "by": "Li Na", "reference": "D-77" }).to_string();
    assert_eq!(
        house.post(&format!("{path}/banked"), "b1", bank.clone()).await.expect(409).problem(),
        "hand-in-not-open"
    );
    for name in ["w-1", "li na"] {
        let own = house.post(&format!("{path}/approve"), "a1", by(name).to_string()).await.expect(403);
        assert_eq!(own.problem(), "second-person-needed", "{name}");
    }
    let done = house.post(&format!("{path}/approve"), "a1", by("Wang Fang").to_string()).await.expect(200).json();
    assert_eq!((&done["state"], &done["variance_minor"]), (&json!("approved"), &json!(-100)));
    house.post(&format!("{path}/banked"), "b1", bank).await.expect(200);
    let list = format!("/v1/cash/{}/hand-ins?state=banked", house.cash_account().await);
    assert_eq!(house.get(&list).await.expect(200).json()["hand_ins"][0]["id"], json!(id));
}

#[tokio::test]
async fn cash_goes_back_out_of_a_drawer_that_has_enough() {
    let house = House::new().await;
    let (order, _) = house.paid_in_cash("n-1", 1, "w-7").await;
    let (big, small) = (house.cash_refund(&order, "r1", 10_000).await, house.cash_refund(&order, "r2", 2_800).await);
    assert_eq!((&big["legs"][0]["route"], &big["legs"][0]["state"]), (&json!("transfer"), &json!("awaiting_transfer")));
    let out = |refund: &Value, worker: &str, by: &str| json!({ "leg": refund["legs"][0]["id"], "worker": worker, "by": by, "proof": "receipt 42" });
    let empty = house.say(&big, "paid-out", "o0", &out(&big, "w-8", "Li Na")).await.expect(409);
    assert_eq!((empty.problem().as_str(), &empty.json()["left_minor"]), ("drawer-short", &json!(0)));
    let own = house.say(&big, "paid-out", "o0", &out(&big, "w-7", "W-7")).await.expect(403);
    assert_eq!(own.problem(), "second-person-needed");
    let done = house.say(&big, "paid-out", "o1", &out(&big, "w-7", "Li Na")).await.expect(200);
    let leg = &done.json()["legs"][0];
    assert_eq!((&done.json()["state"], &leg["state"]), (&json!("succeeded"), &json!("succeeded")));
    assert_eq!(
        (&leg["paid_out_of"], &leg["paid_out_by"], &leg["proof"]),
        (&json!("w-7"), &json!("Li Na"), &json!("receipt 42"))
    );
    let again = house.say(&big, "paid-out", "o1", &out(&big, "w-7", "Li Na")).await.expect(200);
    assert_eq!(again.bytes, done.bytes);
    let twice = house.say(&big, "paid-out", "o2", &out(&big, "w-7", "Li Na")).await.expect(409);
    assert_eq!((twice.problem().as_str(), &twice.json()["state"]), ("leg-not-awaiting-transfer", &json!("succeeded")));
    let drawer = house.drawer("w-7").await;
    assert_eq!((&drawer["on_hand_minor"], &drawer["paid_out_minor"]), (&json!(2_800), &json!(10_000)));
    assert_eq!(house.clearing().await, 2_800, "it came out of what was collected");
    // Its collection is still there, and the payout is settled with it.
    house.say(&small, "paid-out", "o3", &out(&small, "w-7", "Li Na")).await.expect(200);
    let counted = json!({ "worker": "w-7", "counted_minor": 0, "received_by": "Li Na" });
    let row = house.hand_in("h1", &counted).await.expect(201).json();
    assert_eq!((&row["expected_minor"], &row["state"]), (&json!(0), &json!("approved")));
    assert_eq!((house.drawer("w-7").await, house.clearing().await), (Value::Null, 0));
}

#[tokio::test]
async fn payouts_that_come_at_once_never_take_more_than_a_drawer_has() {
    let house = House::new().await;
    let (order, _) = house.paid_in_cash("n-1", 1, "w-7").await;
    let (other, _) = house.paid_in_cash("n-2", 2, "w-8").await;
    let mut refunds = vec![house.cash_refund(&order, "r0", 12_800).await];
    for n in 1..4 {
        refunds.push(house.cash_refund(&other, &format!("r{n}"), 4_000).await);
    }
    let outs = refunds.iter().enumerate().map(|(n, refund)| {
        let body = json!({ "leg": refund["legs"][0]["id"], "worker": "w-7", "by": "Li Na", "proof": "1" });
        let (house, key) = (&house, format!("o{n}"));
        async move { house.say(refund, "paid-out", &key, &body).await }
    });
    let answers = futures::future::join_all(outs).await;
    assert!(answers.iter().all(|a| a.status == 200 || a.problem() == "drawer-short"));
    assert!(answers.iter().any(|a| a.status == 200) && answers.iter().any(|a| a.status == 409));
    let left = house.drawer("w-7").await["on_hand_minor"].as_i64().unwrap();
    assert!((0..12_800).contains(&left), "{left}");
}

#[tokio::test]
async fn bad_members_are_refused_by_name_and_change_nothing() {
    let house = House::new().await;
    let order = house.cash_order("n-1").await;
    let wechat = house.order("n-2").await;
    let (_, paid) = house.paid_in_cash("n-3", 9, "w-9").await;
    let good = || claim(1, "w-7", 12_800);
    let with = |name: &str, value: Value| {
        let mut body = good();
        body[name] = value;
        body
    };
    let none = house.collect(&wechat, "k", &good()).await.expect(409);
    assert_eq!(none.problem(), "no-cash-payment");
    for (body, pointer) in [
        (with("client_id", json!("x")), "/client_id"),
        (with("client_id", json!("00000000-0000-0000-0000-000000000000")), "/client_id"),
        (with("client_id", Value::Null), "/client_id"),
        (with("worker", json!(" ")), "/worker"),
        (with("worker", json!("payer")), "/worker"),
        (with("worker", json!("bursar")), "/worker"),
        (with("amount_minor", json!(12_801)), "/amount_minor"),
        (with("tendered_minor", json!(0)), "/tendered_minor"),
        (with("tendered_minor", json!(i64::MAX)), "/tendered_minor"),
        (with("tendered_minor", json!(1.5)), "/tendered_minor"),
        (with("change_minor", json!(-1)), "/change_minor"),
        (with("change_minor", json!(13_000)), "/change_minor"),
        (with("collected_at", json!("yesterday")), "/collected_at"),
        (with("note", json!("a\u{0}")), "/note"),
        (with("note", json!("card 4111 1111 1111 1111")), "/note"),
        (with("payment", json!("x")), "/payment"),
        (with("payment", wechat["payments"][0]["id"].clone()), "/payment"),
        (with("gps", json!("1")), "/gps"),
    ] {
        let answer = house.collect(&order, "k", &body).await.expect(422);
        assert_eq!(answer.pointers(), [pointer], "{body}");
    }
    for (body, pointer) in [
        (json!({}), ""),
        (json!({ "by": "Li Na", "code": CODE }), ""),
        (json!({ "code": "12345" }), "/code"),
        (json!({ "code": "12345a" }), "/code"),
        (json!({ "by": "bursar" }), "/by"),
    ] {
        let answer = house.of_collection(&paid, "confirm", "k", &body).await.expect(422);
        assert_eq!(answer.pointers(), [pointer], "{body}");
    }
    for (body, pointer) in [
        (json!({ "worker": "w-9", "counted_minor": -1, "received_by": "L" }), "/counted_minor"),
        (json!({ "worker": "w-9", "counted_minor": 1 }), "/received_by"),
        (json!({ "worker": "w-9", "counted_minor": 1, "received_by": "L", "bag": "袋" }), "/bag"),
    ] {
        assert_eq!(house.hand_in("k", &body).await.expect(422).pointers(), [pointer], "{body}");
    }
    assert_eq!(house.drawer("w-7").await, Value::Null);
}

#[tokio::test]
async fn things_of_others_do_not_exist() {
    let house = House::new().await;
    let (order, id) = house.paid_in_cash("n-1", 1, "w-7").await;
    let hand_in = house.counted_short(2).await;
    let account = house.cash_account().await;
    for list in ["drawers", "collections", "hand-ins"] {
        house.get_as_other(&format!("/v1/cash/{account}/{list}")).await.expect(404);
        house.get(&format!("/v1/cash/{}/{list}", house.account)).await.expect(404);
        house.get(&format!("/v1/cash/x/{list}")).await.expect(404);
    }
    let path = format!("/v1/orders/{}/collections", text(&order["id"]));
    house.post_as_other(&path, "k", &claim(5, "w-7", 1)).await.expect(404);
    for (path, body) in [
        (format!("/v1/collections/{id}/confirm"), by("L")),
        (format!("/v1/collections/{id}/dispute"), says("L")),
        (format!("/v1/hand-ins/{hand_in}/approve"), by("L")),
        (format!("/v1/hand-ins/{hand_in}/banked"), json!({ "by": "L", "reference": "1" })),
        (format!("/v1/cash/{account}/hand-ins"), json!({ "worker": "w-7", "counted_minor": 1, "received_by": "L" })),
    ] {
        house.post_as_other(&path, "k", &body).await.expect(404);
    }
    for path in ["/v1/collections/x/confirm", "/v1/hand-ins/x/approve"] {
        house.post(path, "k", by("L").to_string()).await.expect(404);
    }
}

#[tokio::test]
async fn collections_come_in_pages_and_by_worker_and_state() {
    let house = House::new().await;
    let order = house.cash_order("n-1").await;
    for (n, worker) in [(1, "w-7"), (2, "w-7"), (3, "w-8")] {
        house.collected(&order, n, worker, 100).await;
    }
    let path = format!("/v1/cash/{}/collections", house.cash_account().await);
    let page = house.get(&format!("{path}?worker=w-7&limit=1")).await.expect(200).json();
    let next = format!("{path}?worker=w-7&limit=1&cursor={}", text(&page["next_cursor"]));
    let second = house.get(&next).await.expect(200).json();
    assert_ne!(page["collections"][0]["id"], second["collections"][0]["id"]);
    assert!(second.get("next_cursor").is_none());
    let all = house.get(&format!("{path}?state=claimed")).await.expect(200).json();
    assert_eq!(all["collections"].as_array().unwrap().len(), 3);
    for bad in ["state=lost", "limit=0", "x=1", "worker=%20"] {
        assert_eq!(house.get(&format!("{path}?{bad}")).await.expect(400).problem(), "invalid-parameter", "{bad}");
    }
}
