//! Plans: taken, previewed, shown and listed, and every plan that cannot be.

use bursar_core::agreement::AgreementClaim;
use bursar_core::job::JobKind;
use bursar_core::merchant::MerchantPolicy;
use serde_json::{Value, json};

use super::agreements::signed_until;
use super::{House, START, text};

/// A lawful request for three parts, paid by hand, with some members replaced, or removed by null.
pub fn plan_with(changes: &Value) -> Value {
    let every = json!({ "every": 1, "unit": "month" });
    let mut body = json!({
        "number": "p-1", "payer": "family-wu", "description": "Nanny training", "currency": "CNY",
        "offers": ["wechat_native"],
        "installments": { "total_minor": 10_000, "count": 3, "first_on": "2026-11-30", "every": every },
    });
    for (name, value) in changes.as_object().unwrap() {
        body[name] = value.clone();
    }
    body
}

/// Changes that make it a subscription of 30.00 a month.
pub fn monthly(changes: &Value) -> Value {
    let mut terms = json!({ "minor": 3_000, "every": { "every": 1, "unit": "month" }, "from": "2026-11-30" });
    for (name, value) in changes.as_object().unwrap() {
        terms[name] = value.clone();
    }
    json!({ "installments": null, "subscription": terms })
}

impl House {
    /// A plan with this number.
    pub async fn plan(&self, number: &str, changes: &Value) -> Value {
        let mut body = plan_with(changes);
        body["number"] = json!(number);
        self.post("/v1/plans", &format!("key-{number}"), body.to_string()).await.expect(201).json()
    }
}

fn due(list: &Value) -> Vec<(String, i64)> {
    let each = list.as_array().unwrap().iter();
    each.map(|i| (text(&i["due_on"]).to_owned(), i["amount_minor"].as_i64().unwrap())).collect()
}

fn expected(list: &[(&str, i64)]) -> Vec<(String, i64)> {
    list.iter().map(|(day, minor)| ((*day).to_owned(), *minor)).collect()
}

#[tokio::test]
async fn a_plan_in_equal_parts_shows_its_whole_schedule_and_is_looked_at_by_a_job() {
    let house = House::new().await;
    let answer = house.post("/v1/plans", "k1", plan_with(&json!({})).to_string()).await.expect(201);
    let plan = answer.json();
    assert_eq!(answer.headers["location"].to_str().unwrap(), format!("/v1/plans/{}", text(&plan["id"])));
    let parts = expected(&[("2026-11-30", 3_333), ("2026-12-30", 3_333), ("2027-01-30", 3_334)]);
    assert_eq!((due(&plan["installments"]), due(&plan["upcoming"])), (parts.clone(), parts));
    assert_eq!((&plan["open_minor"], &plan["paid_minor"]), (&json!(10_000), &json!(0)));
    assert_eq!((&plan["zone"], &plan["charge_at"]), (&json!("Asia/Shanghai"), &json!("10:00")));
    // Ten in the morning in China.
    assert_eq!(plan["upcoming"][0]["at"], "2026-11-30T02:00:00.000Z");
    let jobs = house.jobs().await;
    assert_eq!((jobs.len(), jobs[0].key.kind), (1, JobKind::FollowPlan));
    assert_eq!(house.get(&format!("/v1/plans/{}", text(&plan["id"]))).await.expect(200).json(), plan);
}

#[tokio::test]
async fn parts_of_ones_own_and_the_first_part_now_are_taken_as_given() {
    let house = House::new().await;
    let parts = json!([
        { "due_on": "today", "minor": 5_000 }, { "due_on": "2026-12-31", "minor": 1 },
        { "due_on": "2026-12-31", "minor": 4_999 },
    ]);
    let plan = house.plan("p-1", &json!({ "installments": { "parts": parts, "total_minor": 10_000 } })).await;
    assert_eq!(
        due(&plan["installments"]),
        expected(&[("2026-11-22", 5_000), ("2026-12-31", 1), ("2026-12-31", 4_999)])
    );
    // Who is only asked may be asked at midnight.
    let midnight = house.plan("p-3", &json!({ "charge_at": "00:00" })).await;
    assert_eq!(midnight["upcoming"][0]["at"], "2026-11-29T16:00:00.000Z");
    // Today is the zone's: at 09:00 UTC it is still the day before on Samoa.
    let once = json!({ "total_minor": 5, "count": 1 });
    let far = json!({ "installments": once, "zone": "Pacific/Pago_Pago" });
    assert_eq!(due(&house.plan("p-2", &far).await["installments"]), expected(&[("2026-11-21", 5)]));
}

#[tokio::test]
async fn a_preview_writes_nothing_and_shows_the_first_two_years() {
    let house = House::new().await;
    let before = house.fingerprint().await;
    let body = plan_with(&monthly(&json!({ "from": "2027-01-24", "trial_days": 7 })));
    let headers = [("content-type", "application/json")];
    let request = house.request("POST", "/v1/plans?preview=true", &headers, body.to_string());
    let shown = house.send(request).await.expect(200).json();
    let upcoming = due(&shown["upcoming"]);
    assert_eq!(upcoming.len(), 24);
    assert_eq!(&upcoming[..3], &expected(&[("2027-01-31", 3_000), ("2027-02-28", 3_000), ("2027-03-31", 3_000)])[..]);
    assert_eq!((shown.get("id"), shown.get("installments")), (None, None));
    assert_eq!(shown["upcoming"][1]["period_until"], "2027-03-31");
    let mut asked = body.clone();
    asked["preview"] = json!(true);
    assert_eq!(house.post("/v1/plans", "k1", asked.to_string()).await.expect(200).json(), shown);
    assert_eq!(house.fingerprint().await, before);
    // A key that only previewed is free.
    house.post("/v1/plans", "k1", body.to_string()).await.expect(201);
}

#[tokio::test]
async fn the_merchants_zone_and_dunning_hold_unless_the_plan_says_otherwise() {
    let mut policy = MerchantPolicy { zone: "Europe/Berlin".parse().unwrap(), ..MerchantPolicy::default() };
    policy.dunning.days = vec![2];
    policy.dunning.paydays = vec![15];
    let house = House::with_policy(policy).await;
    let plan = house.plan("p-1", &json!({})).await;
    assert_eq!((&plan["zone"], &plan["dunning"]["days"]), (&json!("Europe/Berlin"), &json!([2])));
    let dunning = json!({ "days": [1, 4], "hours": { "from": "12:00", "until": "18:00" }, "stop_on_write_off": false });
    let own = json!({ "zone": "Asia/Urumqi", "dunning": dunning });
    let plan = house.plan("p-2", &own).await;
    assert_eq!(plan["zone"], "Asia/Urumqi");
    let wanted = json!({
        "days": [1, 4], "at": "12:00", "hours": { "from": "12:00", "until": "18:00" }, "paydays": [15],
        "write_off_after_days": 60, "stop_on_write_off": false,
    });
    assert_eq!((&plan["dunning"], &plan["charge_at"]), (&wanted, &json!("12:00")));
}

#[tokio::test]
async fn a_plan_by_an_agreement_that_waits_to_be_signed_waits_with_it() {
    let house = House::new().await;
    let agreement = house.agreement("k0", &json!({})).await;
    let plan = house.plan("p-1", &json!({ "agreement": agreement["id"], "offers": null })).await;
    assert_eq!((&plan["state"], &plan["method"]), (&json!("draft"), &json!("card_debit")));
    assert_eq!(plan["account_id"], agreement["account_id"]);
    assert!(text(&plan["next"]).contains("when the payer has signed"), "{}", plan["next"]);
    house.agreement_told(&agreement, signed_until(None)).await;
    let shown = house.get(&format!("/v1/plans/{}", text(&plan["id"]))).await.expect(200).json();
    assert!(text(&shown["next"]).contains("signed"), "{}", shown["next"]);
}

#[tokio::test]
async fn a_channel_that_tells_the_payer_before_charges_him_so_much_later() {
    let house = House::new().await;
    let agreement = house.signed("k0", &json!({ "method": "wechat_debit" })).await;
    let terms = json!({ "total_minor": 10_000, "count": 2, "every": { "every": 1, "unit": "month" } });
    let plan = house.plan("p-1", &json!({ "agreement": agreement["id"], "installments": terms })).await;
    assert_eq!(due(&plan["upcoming"]), expected(&[("2026-11-22", 5_000), ("2026-12-22", 5_000)]));
    let at: Vec<_> = plan["upcoming"].as_array().unwrap().iter().map(|u| text(&u["at"])).collect();
    assert_eq!(at, ["2026-11-24T02:00:00.000Z", "2026-12-22T02:00:00.000Z"]);
}

#[tokio::test]
async fn every_plan_that_cannot_be_is_refused_with_its_member_and_changes_nothing() {
    let house = House::new().await;
    let small = house.signed("a0", &json!({ "limit_minor": 3_333 })).await;
    let other = house.signed("a1", &json!({ "payer": "family-li" })).await;
    let dollars = house.signed("a2", &json!({ "currency": "USD" })).await;
    let ended = house.signed("a3", &json!({})).await;
    house.agreement_told(&ended, AgreementClaim::Ended { reason: "by the payer".into() }).await;
    let over = house.agreement("a4", &json!({})).await;
    house.agreement_told(&over, signed_until(Some(START))).await;
    let ending = house.signed("a5", &json!({})).await;
    house.agreement_told(&ending, AgreementClaim::EndRequested { by: "Li Na".into() }).await;
    let good = house.signed("a6", &json!({})).await;
    let by = |agreement: &Value| json!({ "agreement": agreement["id"] });
    let parts = |parts: Value| json!({ "installments": parts });
    let part = |due_on: &str, minor: i64| json!({ "due_on": due_on, "minor": minor });
    let month = json!({ "every": 1, "unit": "month" });
    let equal = |total: i64, count: i64, first_on: &str| json!({ "installments": { "total_minor": total, "count": count, "first_on": first_on, "every": month } });
    let hours = json!({ "from": "22:00", "until": "08:00" });
    let before = house.fingerprint().await;
    let cases = [
        (by(&small), "/agreement", "more than the agreement allows"),
        (by(&other), "/agreement", "of payer family-li"),
        (by(&dollars), "/agreement", "is in USD"),
        (by(&ended), "/agreement", "is ended"),
        (by(&over), "/agreement", "ended at"),
        (by(&ending), "/agreement", "is ending"),
        (json!({ "agreement": "agr_00000000000000000000000000" }), "/agreement", "not one of your agreements"),
        (json!({ "offers": null }), "", "neither `agreement` nor `offers`"),
        (json!({ "offers": [] }), "", "neither `agreement` nor `offers`"),
        (json!({ "offers": ["card_debit"] }), "/offers/0", "cannot choose"),
        (json!({ "offers": ["cash", "cash"] }), "/offers/1", "twice"),
        (json!({ "zone": "Mars/Base" }), "/zone", "Mars/Base"),
        (json!({ "charge_at": "9:00" }), "/charge_at", "not a time of day"),
        (json!({ "charge_at": "23:00", "agreement": good["id"] }), "/charge_at", "outside the hours"),
        (json!({ "number": "x".repeat(59) }), "/number", "at most 58"),
        (json!({ "number": "a b" }), "/number", "letters, digits"),
        (json!({ "payer": "" }), "/payer", "letters, digits"),
        (json!({ "currency": "XXX" }), "/currency", "XXX"),
        (json!({ "currency": "USD" }), "/offers/0", "does not take USD"),
        (json!({ "installments": null }), "", "neither `installments` nor `subscription`"),
        (json!({ "subscription": monthly(&json!({}))["subscription"] }), "", "not both"),
        (parts(json!({})), "/installments/total_minor", "missing"),
        (equal(0, 3, "today"), "/installments/total_minor", "1 to"),
        (equal(2, 3, "today"), "/installments/count", "cannot be 3 parts"),
        (equal(10_000, 0, "today"), "/installments/count", "1 to 1200"),
        (equal(10_000, 1_201, "today"), "/installments/count", "1 to 1200"),
        (equal(10_000, 3, "2026-11-21"), "/installments/first_on", "in the past"),
        (equal(10_000, 3, "yesterday"), "/installments/first_on", "the word `today`"),
        (equal(10_000, 3, "9999-12-31"), "/installments/first_on", "a hundred years"),
        (parts(json!({ "total_minor": 10, "count": 2 })), "/installments/every", "how much lies between"),
        (
            parts(json!({ "total_minor": 9_000, "count": 900, "every": { "every": 1, "unit": "year" } })),
            "/installments/count",
            "a hundred years",
        ),
        (
            parts(json!({ "total_minor": 10, "count": 2, "every": { "every": 0, "unit": "month" } })),
            "/installments/every/every",
            "1 to 366",
        ),
        (
            parts(json!({ "total_minor": 10, "count": 2, "every": { "every": 1, "unit": "moon" } })),
            "/installments/every/unit",
            "day, week, month or year",
        ),
        (parts(json!({ "parts": [] })), "/installments", "0 `parts`"),
        (parts(json!({ "parts": [part("2026-12-01", 0)] })), "/installments/parts/0/minor", "1 to"),
        (parts(json!({ "parts": [part("2026-11-21", 1)] })), "/installments/parts/0/due_on", "in the past"),
        (
            parts(json!({ "parts": [part("2026-12-02", 1), part("2026-12-01", 1)] })),
            "/installments",
            "before the part in front of it",
        ),
        (
            parts(json!({ "parts": [part("2026-12-01", 1), part("2026-12-02", 1)], "total_minor": 3 })),
            "/installments/total_minor",
            "add up to 2 minor units, not to 3",
        ),
        (parts(json!({ "parts": [part("2026-12-01", 1)], "count": 1 })), "/installments/count", "leave it out"),
        (monthly(&json!({ "minor": 0 })), "/subscription/minor", "1 to"),
        (monthly(&json!({ "every": null })), "/subscription/every", "missing"),
        (monthly(&json!({ "from": "2026-11-21" })), "/subscription/from", "in the past"),
        (monthly(&json!({ "trial_days": -1 })), "/subscription/trial_days", "0 to 366"),
        (monthly(&json!({ "periods": 0 })), "/subscription/periods", "1 to 1200"),
        (json!({ "dunning": { "days": [3, 1] } }), "/dunning", "must rise"),
        (json!({ "dunning": { "days": [70_000] } }), "/dunning/days", "numbers of days"),
        (json!({ "dunning": { "hours": hours } }), "/dunning", "`hours` end"),
        (json!({ "dunning": { "at": "noon" } }), "/dunning/at", "not a time of day"),
        (json!({ "dunning": { "paydays": [32] } }), "/dunning", "1 to 31"),
        (json!({ "dunning": { "write_off_after_days": 3 } }), "/dunning", "after the last"),
        (json!({ "pay_off": true }), "/pay_off", "not a member"),
    ];
    for (changes, pointer, words) in cases {
        let answer = house.post("/v1/plans", "k", plan_with(&changes).to_string()).await.expect(422);
        assert_eq!(answer.problem(), "invalid-request", "{changes}");
        assert!(answer.pointers().iter().any(|p| p == pointer), "{changes}: {:?}", answer.pointers());
        assert!(answer.text().contains(words), "{changes}: {}", answer.text());
        let previewed = house.post("/v1/plans?preview=true", "k", plan_with(&changes).to_string()).await.expect(422);
        assert_eq!(previewed.bytes, answer.bytes, "a preview is judged like the plan");
    }
    assert_eq!(house.fingerprint().await, before);
}

#[tokio::test]
async fn a_number_is_taken_once_and_equal_requests_make_one_plan() {
    let house = House::new().await;
    let body = plan_with(&json!({})).to_string();
    let answers = futures::future::join_all((0..20).map(|_| house.post("/v1/plans", "k1", body.clone()))).await;
    assert!(answers.iter().all(|a| a.status == 201 && a.bytes == answers[0].bytes));
    let taken = house.post("/v1/plans", "k2", body.clone()).await.expect(409);
    assert_eq!(taken.problem(), "plan-number-taken");
    assert!(taken.text().contains(text(&answers[0].json()["id"])));
    let other = plan_with(&json!({ "payer": "x" })).to_string();
    assert_eq!(house.post("/v1/plans", "k1", other).await.expect(422).problem(), "idempotency-key-reused");
    // Another merchant's numbers are his own.
    house.post_as_other("/v1/plans", "k1", &plan_with(&json!({}))).await.expect(201);
    assert_eq!(house.get("/v1/plans").await.json()["plans"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn plans_are_listed_by_what_they_are_in_pages_without_their_schedules() {
    let house = House::new().await;
    let agreement = house.signed("a0", &json!({})).await;
    for n in 0..3 {
        house.clock.advance_ms(1_000);
        house.plan(&format!("p-{n}"), &json!({})).await;
    }
    house.clock.advance_ms(1_000);
    house.plan("p-9", &json!({ "agreement": agreement["id"] })).await;
    let numbers = async |query: &str| {
        let page = house.get(&format!("/v1/plans?{query}")).await.expect(200).json();
        let plans = page["plans"].as_array().unwrap().clone();
        assert!(plans.iter().all(|p| p.get("installments").is_none()));
        let numbers: Vec<_> = plans.iter().map(|p| text(&p["number"]).to_owned()).collect();
        (numbers, page["next_cursor"].as_str().map(str::to_owned))
    };
    let (first, cursor) = numbers("limit=3").await;
    let cursor = cursor.unwrap();
    let (rest, end) = numbers(&format!("limit=3&cursor={cursor}")).await;
    assert_eq!(([first, rest].concat(), end), (["p-9", "p-2", "p-1", "p-0"].map(str::to_owned).to_vec(), None));
    assert_eq!(numbers("number=p-1").await.0, ["p-1"]);
    assert_eq!(numbers(&format!("agreement={}", text(&agreement["id"]))).await.0, ["p-9"]);
    assert_eq!(numbers("state=active").await.0, Vec::<String>::new());
    assert_eq!(numbers("payer=family-wu&state=draft&limit=100").await.0.len(), 4);
    for bad in ["state=open", "agreement=x", "number=", "limit=3&cursor=x", &format!("state=draft&cursor={cursor}")] {
        assert_eq!(house.get(&format!("/v1/plans?{bad}")).await.expect(400).problem(), "invalid-parameter", "{bad}");
    }
}

#[tokio::test]
async fn another_merchants_plan_and_agreement_do_not_exist() {
    let house = House::new().await;
    let plan = house.plan("p-1", &json!({})).await;
    let agreement = house.signed("a0", &json!({})).await;
    let path = format!("/v1/plans/{}", text(&plan["id"]));
    house.get_as_other(&path).await.expect(404);
    let before = house.fingerprint().await;
    for (verb, body) in [
        ("pause", json!({ "reason": "x" })),
        ("resume", json!({ "catch_up": true })),
        ("cancel", json!({ "reason": "x" })),
        ("payoff", json!({})),
        ("give-back", json!({ "minor": 1 })),
        ("reprice", json!({ "minor": 1 })),
        ("agreement", json!({ "agreement": agreement["id"] })),
    ] {
        let answer = house.post_as_other(&format!("{path}/{verb}"), "k", &body).await.expect(404);
        assert_eq!(answer.problem(), "not-found", "{verb}");
    }
    let theirs = house.post_as_other("/v1/plans", "k", &plan_with(&json!({ "agreement": agreement["id"] }))).await;
    assert!(theirs.expect(422).text().contains("not one of your agreements"));
    assert_eq!(house.get_as_other("/v1/plans?number=p-1").await.expect(200).json()["plans"], json!([]));
    assert_eq!(house.fingerprint().await, before);
    house.get("/v1/plans/pln_x").await.expect(404);
}
