//! Schedules: made, paused, run, backfilled; and every bad input.

use bursar_core::channel::Method;
use bursar_core::clock::{DAY_MS, MINUTE_MS};
use bursar_core::id::ScheduleId;
use bursar_core::job::{JobKey, JobKind};
use serde_json::{Value, json};

use super::{House, START, text};

/// A lawful request: at 17:30 in Shanghai, which is half an hour after the tests begin.
pub fn schedule_body(name: &str) -> Value {
    json!({
        "name": name, "cron": "0 30 17 * * *", "zone": "Asia/Shanghai",
        "order": {
            "amount_minor": 12_800, "currency": "CNY", "description": "日常保洁 2 小时",
            "offers": ["wechat_native", "cash"], "customer": "c-1042",
        },
    })
}

impl House {
    /// Makes a schedule of this name; the answer's body.
    pub async fn schedule(&self, name: &str) -> Value {
        let body = schedule_body(name).to_string();
        self.post("/v1/schedules", &format!("key-{name}"), body).await.expect(201).json()
    }

    async fn count_fires(&self, schedule: &Value) -> usize {
        let path = format!("/v1/schedules/{}/fires", text(&schedule["id"]));
        self.get(&path).await.expect(200).json()["fires"].as_array().unwrap().len()
    }
}

fn path(schedule: &Value, verb: &str) -> String {
    format!("/v1/schedules/{}/{verb}", text(&schedule["id"]))
}

fn with(changes: &Value) -> String {
    let mut body = schedule_body("s");
    for (pointer, value) in changes.as_object().unwrap() {
        match pointer.split_once('/') {
            Some((_, member)) => body["order"][member] = value.clone(),
            None => body[pointer] = value.clone(),
        }
    }
    body.to_string()
}

#[tokio::test]
async fn a_schedule_is_made_with_its_job_and_shows_when_it_fires() {
    let house = House::new().await;
    let answer = house.post("/v1/schedules", "k", schedule_body("daily").to_string()).await.expect(201);
    let made = answer.json();
    let id: ScheduleId = text(&made["id"]).parse().unwrap();
    assert_eq!(answer.headers["location"].to_str().unwrap(), format!("/v1/schedules/{id}"));
    let upcoming = made["upcoming"].as_array().unwrap();
    let next = START.plus_ms(30 * MINUTE_MS);
    assert_eq!((upcoming.len(), text(&upcoming[0])), (5, next.to_string().as_str()));
    assert_eq!(text(&upcoming[4]), next.plus_ms(4 * DAY_MS).to_string());
    assert_eq!(
        (&made["state"], &made["catch_up"], &made["catch_up_at_most"]),
        (&json!("active"), &json!("all"), &json!(31))
    );
    let jobs = house.jobs().await;
    assert_eq!(
        jobs.iter().map(|j| (j.key, j.due_at)).collect::<Vec<_>>(),
        [(JobKey::schedule(JobKind::FireSchedule, id), next)]
    );
    // The same request again is the same answer; the same name under another key is refused.
    let again = house.post("/v1/schedules", "k", schedule_body("daily").to_string()).await.expect(201);
    assert_eq!(again.bytes, answer.bytes);
    assert_eq!(again.headers["idempotency-replayed"], "true");
    let taken = house.post("/v1/schedules", "k2", schedule_body("daily").to_string()).await.expect(409);
    assert_eq!(taken.problem(), "schedule-name-taken");
    assert!(taken.text().contains(&id.to_string()));
    house.post_as_other("/v1/schedules", "k", &schedule_body("daily")).await.expect(201);
    assert_eq!(house.get(&format!("/v1/schedules/{id}")).await.expect(200).json(), made);
}

#[tokio::test]
async fn merchants_see_their_own_schedules_only() {
    let house = House::new().await;
    let made = house.schedule("daily").await;
    for suffix in ["", "/fires"] {
        let there = format!("/v1/schedules/{}{suffix}", text(&made["id"]));
        assert_eq!(house.get_as_other(&there).await.expect(404).problem(), "not-found");
        house.get(&there).await.expect(200);
    }
    for verb in ["pause", "resume", "remove", "run"] {
        let answer = house.post_as_other(&path(&made, verb), "k", &json!({})).await.expect(404);
        assert_eq!(answer.problem(), "not-found", "{verb}");
    }
    let range = json!({ "from": START.plus_ms(-DAY_MS), "until": START });
    house.post_as_other(&path(&made, "backfill"), "k", &range).await.expect(404);
    let listed = house.get_as_other("/v1/schedules").await.expect(200).json();
    assert_eq!(listed["schedules"], json!([]));
    for bad in ["sch_x", "ord_00000000000000000000000000", "sch_00000000000000000000000000"] {
        house.get(&format!("/v1/schedules/{bad}")).await.expect(404);
    }
}

#[tokio::test]
async fn every_bad_member_is_named_and_changes_nothing() {
    let house = House::new().await;
    let before = house.fingerprint().await;
    for (changes, pointer, word) in [
        (json!({ "cron": "* * 31 2 *" }), "/cron", "never fires"),
        (json!({ "cron": "* * * * * *" }), "/cron", "once a minute"),
        (json!({ "cron": "soon" }), "/cron", "fields"),
        (json!({ "zone": "Mars/Base" }), "/zone", "IANA"),
        (json!({ "zone": "" }), "/zone", "IANA"),
        (json!({ "name": "" }), "/name", "1 to 40"),
        (json!({ "name": "a b" }), "/name", "1 to 40"),
        (json!({ "name": "n".repeat(41) }), "/name", "1 to 40"),
        (json!({ "catch_up": "sometimes" }), "/catch_up", "once"),
        (json!({ "catch_up": "once", "catch_up_at_most": 3 }), "/catch_up", "once"),
        (json!({ "catch_up_at_most": 0 }), "/catch_up", "1000"),
        (json!({ "catch_up_at_most": 1_001 }), "/catch_up", "1000"),
        (json!({ "order": null }), "/order", "missing"),
        (json!({ "order": 7 }), "/order", "object"),
        (json!({ "order/amount_minor": 0 }), "/order/amount_minor", "1 to"),
        (json!({ "order/amount_minor": 0.1 }), "/order/amount_minor", "whole number"),
        (json!({ "order/currency": "usd" }), "/order/currency", "usd"),
        (json!({ "order/description": "4111 1111 1111 1111" }), "/order/description", "card number"),
        (json!({ "order/offers": [] }), "/order/offers", "at least one"),
        (json!({ "order/offers": ["barter"] }), "/order/offers/0", "barter"),
        (json!({ "order/offers": null, "order/customer": null }), "/order/method", "missing"),
        (json!({ "order/method": "cash" }), "/order/method", "without `offers`"),
        (json!({ "order/expires_in_seconds": 5 }), "/order/expires_in_seconds", "60 to"),
        (json!({ "order/number": "x" }), "/order/number", "not a member"),
        (json!({ "once": true }), "/once", "not a member"),
    ] {
        let answer = house.post("/v1/schedules", "k", with(&changes)).await.expect(422);
        assert_eq!(answer.problem(), "invalid-request", "{changes}");
        assert!(answer.pointers().iter().any(|p| p == pointer), "{changes}: {:?}", answer.pointers());
        assert!(answer.text().contains(word), "{changes}: {}", answer.text());
    }
    let both = house.post("/v1/schedules", "k", with(&json!({ "cron": "x", "zone": "y" }))).await.expect(422);
    assert_eq!(both.pointers(), ["/zone", "/cron"]);
    assert_eq!(house.fingerprint().await, before);
    assert_eq!(house.get("/v1/schedules").await.json()["schedules"], json!([]));
}

#[tokio::test]
async fn a_named_method_is_kept_with_its_payer_who_is_never_shown() {
    let house = House::new().await;
    let order = json!({ "amount_minor": 100, "currency": "CNY", "description": "d", "method": "wechat_jsapi",
                        "payer": { "openid": "o-secret-1" }, "expires_in_seconds": 3_600 });
    let made = house.post("/v1/schedules", "k", with(&json!({ "order": order }))).await.expect(201);
    assert!(!made.text().contains("o-secret-1"));
    assert_eq!(made.json()["order"]["account_id"], house.account.to_string());
    let fired = house.post(&path(&made.json(), "run"), "k-run", "{}").await.expect(200).json();
    let dossier = house.dossier(&json!({ "id": fired["order_id"] })).await;
    assert_eq!(dossier.payments[0].method, Method::WechatJsapi);
    assert_eq!(dossier.payments[0].payer.openid.as_deref(), Some("o-secret-1"));
    assert_eq!(dossier.order.number, text(&fired["number"]));
    let without = json!({ "amount_minor": 100, "currency": "CNY", "description": "d", "method": "wechat_jsapi" });
    let answer = house.post("/v1/schedules", "k3", with(&json!({ "name": "t", "order": without }))).await.expect(422);
    assert_eq!(answer.pointers(), ["/order/payer/openid"]);
}

#[tokio::test]
async fn running_now_or_for_a_named_instant_fires_each_instant_once() {
    let house = House::new().await;
    let made = house.schedule("daily").await;
    house.clock.advance_ms(700);
    let now = house.post(&path(&made, "run"), "k1", "{}").await.expect(200);
    let fire = now.json();
    assert_eq!((text(&fire["kind"]), text(&fire["due_at"])), ("run_now", START.to_string().as_str()));
    assert_eq!(text(&fire["number"]), "daily-20261122T090000Z");
    // Under the same key and under another, in the same second: the same.
    assert_eq!(house.post(&path(&made, "run"), "k1", "{}").await.expect(200).bytes, now.bytes);
    assert_eq!(house.post(&path(&made, "run"), "k2", "{}").await.expect(200).bytes, now.bytes);
    let named = json!({ "due_at": "2026-11-22T16:30:00+08:00" }).to_string();
    let external = house.post(&path(&made, "run"), "k3", named.clone()).await.expect(200);
    assert_eq!(external.json()["kind"], "external");
    for key in ["k3", "k4"] {
        assert_eq!(house.post(&path(&made, "run"), key, named.clone()).await.expect(200).bytes, external.bytes);
    }
    assert_eq!(house.count_fires(&made).await, 2);
    let shown = house.get(&format!("/v1/schedules/{}", text(&made["id"]))).await.json();
    assert_eq!((&shown["fired_count"], &shown["next_due_at"]), (&json!(2), &made["next_due_at"]));
    for (bad, word) in [
        (json!({ "due_at": START.plus_ms(30 * MINUTE_MS) }), "still to come"),
        (json!({ "due_at": START.plus_ms(-500) }), "whole second"),
        (json!({ "due_at": "yesterday" }), "RFC 3339"),
        (json!({ "due_at": "1999-11-22T09:00:00Z" }), "ten years"),
        (json!({ "due_at": 7 }), "string"),
    ] {
        let answer = house.post(&path(&made, "run"), "k5", bad.to_string()).await.expect(422);
        assert!(answer.pointers() == ["/due_at"] && answer.text().contains(word), "{bad}: {}", answer.text());
    }
    let reused = house.post(&path(&made, "run"), "k1", named).await.expect(422);
    assert_eq!(reused.problem(), "idempotency-key-reused");
    assert_eq!(house.count_fires(&made).await, 2);
}

#[tokio::test]
async fn a_backfill_is_shown_before_it_is_done_and_fires_what_is_missing_once() {
    let house = House::new().await;
    let made = house.schedule("daily").await;
    let there = path(&made, "backfill");
    let named = json!({ "due_at": "2026-11-20T09:30:00Z" }).to_string();
    house.post(&path(&made, "run"), "k", named).await.expect(200);
    let range = json!({ "from": "2026-11-18T09:30:00Z", "until": "2026-11-21T09:30:00Z" });
    let before = house.fingerprint().await;
    let preview = house.post(&there, "k1", range.to_string()).await.expect(200).json();
    assert_eq!((&preview["done"], &preview["count"], &preview["already_fired"]), (&json!(false), &json!(4), &json!(1)));
    assert_eq!(preview["instants"].as_array().unwrap().len(), 3);
    assert_eq!(house.fingerprint().await, before);
    let mut confirmed = range;
    confirmed["confirm"] = json!(true);
    // The preview has not taken the key.
    let done = house.post(&there, "k1", confirmed.to_string()).await.expect(200);
    assert_eq!((done.json()["done"].clone(), done.json()["fires"].as_array().unwrap().len()), (json!(true), 4));
    assert_eq!(done.json()["fires"][0]["kind"], "backfill");
    assert_eq!(done.json()["fires"][2]["kind"], "external");
    assert_eq!(house.post(&there, "k1", confirmed.to_string()).await.expect(200).bytes, done.bytes);
    let again = house.post(&there, "k2", confirmed.to_string()).await.expect(200).json();
    assert_eq!((&again["already_fired"], &again["fires"]), (&json!(4), &done.json()["fires"]));
    assert_eq!(house.count_fires(&made).await, 4);
    // A page of what it has opened, and the next.
    let fires = house.get(&path(&made, "fires?limit=3")).await.expect(200).json()["fires"].clone();
    let last = text(&fires[2]["due_at"]).to_owned();
    let rest = house.get(&path(&made, &format!("fires?before={last}"))).await.expect(200).json();
    assert_eq!(rest["fires"].as_array().unwrap().len(), 1);
    house.get(&path(&made, "fires?before=noon")).await.expect(400);
}

#[tokio::test]
async fn a_year_of_minutes_by_mistake_is_refused_with_the_count() {
    let house = House::new().await;
    let made = house.post("/v1/schedules", "k", with(&json!({ "cron": "* * * * *" }))).await.expect(201).json();
    let before = house.fingerprint().await;
    let range = |from: &str, until: &str| json!({ "from": from, "until": until, "confirm": true }).to_string();
    let there = path(&made, "backfill");
    let year = house.post(&there, "k1", range("2025-11-22T09:00:00Z", "2026-11-22T09:00:00Z")).await.expect(422);
    assert_eq!(year.problem(), "backfill-too-long");
    assert!(year.text().contains("525601 due instants"), "{}", year.text());
    for (from, until, slug, word) in [
        ("2026-11-22T08:00:00Z", "2026-11-22T10:00:00Z", "invalid-request", "still to come"),
        ("2026-11-22T08:00:00Z", "2026-11-22T07:00:00Z", "invalid-request", "is before"),
        ("1999-11-22T08:00:00Z", "2026-11-22T07:00:00Z", "invalid-request", "ten years"),
        ("noon", "2026-11-22T07:00:00Z", "invalid-request", "RFC 3339"),
    ] {
        let answer = house.post(&there, "k1", range(from, until)).await.expect(422);
        assert_eq!(answer.problem(), slug, "{from}");
        assert!(answer.text().contains(word), "{}", answer.text());
    }
    assert_eq!(house.fingerprint().await, before);
}

#[tokio::test]
async fn pausing_resuming_and_removing_are_said_once() {
    let house = House::new().await;
    let made = house.schedule("daily").await;
    let paused = house.post(&path(&made, "pause"), "k1", "{}").await.expect(200);
    assert_eq!((paused.json()["state"].clone(), paused.json()["upcoming"].clone()), (json!("paused"), json!([])));
    assert!(house.jobs().await.is_empty());
    house.clock.advance_ms(3 * DAY_MS);
    // A paused one can be driven from outside.
    house.post(&path(&made, "run"), "k2", "{}").await.expect(200);
    let resumed = house.post(&path(&made, "resume"), "k3", "{}").await.expect(200).json();
    let next = START.plus_ms(3 * DAY_MS + 30 * MINUTE_MS).to_string();
    assert_eq!((text(&resumed["next_due_at"]), &resumed["skipped_count"]), (next.as_str(), &json!(0)));
    assert_eq!(house.post(&path(&made, "pause"), "k1", "{}").await.expect(200).bytes, paused.bytes);
    assert_eq!(house.get(&format!("/v1/schedules/{}", text(&made["id"]))).await.json()["state"], "active");
    house.post(&path(&made, "remove"), "k4", "{}").await.expect(200);
    // An instant that was fired is answered as it was; another is not fired any more.
    house.post(&path(&made, "run"), "k7", "{}").await.expect(200);
    house.clock.advance_ms(1_000);
    for verb in ["pause", "resume", "remove", "run"] {
        let answer = house.post(&path(&made, verb), "k5", "{}").await.expect(409);
        assert_eq!(answer.problem(), "schedule-removed", "{verb}");
    }
    assert_eq!(house.get("/v1/schedules").await.json()["schedules"], json!([]));
    let removed = house.get("/v1/schedules?state=removed").await.json();
    assert_eq!(removed["schedules"][0]["id"], made["id"]);
    // Its name is free.
    let again = house.post("/v1/schedules", "k6", schedule_body("daily").to_string()).await.expect(201).json();
    assert_ne!(again["id"], made["id"]);
}

#[tokio::test]
async fn overdue_schedules_are_listed_and_counted_in_the_metrics() {
    let house = House::new().await;
    let metric = async |name: &str| -> i64 {
        let text = house.get("/metrics").await.expect(200).text();
        text.lines().find_map(|l| l.strip_prefix(&format!("{name} "))).unwrap().parse().unwrap()
    };
    let (overdue, last) = ("bursar_schedule_overdue", "bursar_schedule_last_success_timestamp_seconds");
    assert_eq!((metric(overdue).await, metric(last).await), (0, 0));
    let first = house.schedule("first").await;
    let second = house.schedule("second").await;
    house.post(&path(&second, "pause"), "k1", "{}").await.expect(200);
    house.post(&path(&first, "run"), "k2", "{}").await.expect(200);
    assert_eq!((metric(overdue).await, metric(last).await), (0, START.as_seconds()));
    assert_eq!(house.get("/v1/schedules?overdue=true").await.json()["schedules"], json!([]));
    // Nobody fires: there are no workers in this house.
    house.clock.advance_ms(36 * MINUTE_MS);
    assert_eq!(metric(overdue).await, 1);
    let listed = house.get("/v1/schedules?overdue=true").await.json();
    assert_eq!(listed["schedules"].as_array().unwrap().len(), 1);
    assert_eq!((&listed["schedules"][0]["name"], &listed["schedules"][0]["overdue"]), (&json!("first"), &json!(true)));
    let page = house.get("/v1/schedules?limit=1").await.expect(200).json();
    assert_eq!(page["schedules"][0]["name"], "second");
    let next = house.get(&format!("/v1/schedules?limit=1&cursor={}", text(&page["next_cursor"]))).await.expect(200);
    assert_eq!(next.json()["schedules"][0]["name"], "first");
    for bad in ["overdue=maybe", "state=late", "limit=0", "cursor=x"] {
        house.get(&format!("/v1/schedules?{bad}")).await.expect(400);
    }
}
