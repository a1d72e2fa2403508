//! Notifications in: genuine ones are stored once and acknowledged after that; all others leave nothing.

use std::sync::atomic::Ordering;

use axum::body::Body;
use bursar_channels::{HeaderLines, HeaderLookup, notification_id};
use bursar_core::Clock;
use bursar_core::channel::ChannelKind;
use bursar_core::job::JobKind;
use http::Request;
use serde_json::{Value, json};

use super::fake::{NEW_SERIAL, SERIAL, proof};
use super::{Answer, House};
use crate::metrics::Verdict;

fn message(house: &House, id: &str) -> Value {
    json!({ "id": id, "mchid": house.account.bare(), "event": "payment", "number": "no-order-of-ours" })
}

fn signed(house: &House, serial: &str, at_ms: i64, body: &str) -> Request<Body> {
    let time = at_ms.to_string();
    Request::post(format!("/notify/wechat/{}", house.account))
        .header("x-serial", serial)
        .header("x-time", &time)
        .header("x-proof", proof(serial, &time, body.as_bytes()))
        .header("cookie", "canary")
        .body(Body::from(body.to_owned()))
        .unwrap()
}

fn now_ms(house: &House) -> i64 {
    house.clock.now().as_millis()
}

async fn send(house: &House, body: &Value) -> Answer {
    house.send(signed(house, SERIAL, now_ms(house), &body.to_string())).await
}

fn counted(house: &House, verdict: Verdict) -> u64 {
    house.metrics.notifications(ChannelKind::Wechat, verdict)
}

#[tokio::test]
async fn a_genuine_message_is_stored_with_its_proof_and_its_job_and_acknowledged_in_the_channels_words() {
    let house = House::new().await;
    let body = message(&house, "n1");
    let answer = send(&house, &body).await.expect(200);
    assert_eq!(answer.text(), "GOT IT");
    let id = notification_id(house.account, "n1");
    let stored = house.store.notification(id).await.unwrap().unwrap();
    assert_eq!(stored.body, body.to_string().into_bytes());
    assert_eq!(HeaderLines(&stored.headers).header("x-serial"), Some(SERIAL));
    assert!(!stored.headers.contains("canary"), "only what proves it is kept");
    let jobs = house.jobs().await;
    assert_eq!(jobs.len(), 1);
    assert_eq!((jobs[0].key.kind, jobs[0].key.subject), (JobKind::HandleNotification, id.uuid()));
    assert_eq!(counted(&house, Verdict::Accepted), 1);
}

#[tokio::test]
async fn messages_about_refunds_and_about_nothing_we_know_are_stored_and_handled_the_same_way() {
    let house = House::new().await;
    for (id, event) in [("r1", "refund"), ("x1", "something.else")] {
        let mut body = message(&house, id);
        body["event"] = json!(event);
        send(&house, &body).await.expect(200);
        send(&house, &body).await.expect(200);
        let id = notification_id(house.account, id);
        assert_eq!(house.store.notification(id).await.unwrap().unwrap().body, body.to_string().into_bytes());
        let handled = house.jobs().await.into_iter().filter(|j| j.key.subject == id.uuid());
        assert_eq!(handled.map(|j| j.key.kind).collect::<Vec<_>>(), [JobKind::HandleNotification], "{event}");
    }
    assert_eq!((counted(&house, Verdict::Accepted), counted(&house, Verdict::Duplicate)), (2, 2));
}

#[tokio::test]
async fn twenty_copies_at_once_and_a_replay_within_the_window_are_one_message_each_acknowledged() {
    let house = House::new().await;
    let body = message(&house, "n1");
    let answers = futures::future::join_all((0..20).map(|_| send(&house, &body))).await;
    assert!(answers.iter().all(|a| a.status == 200 && a.text() == "GOT IT"));
    assert_eq!(house.jobs().await.len(), 1);
    let copy = signed(&house, SERIAL, now_ms(&house), &body.to_string());
    house.clock.advance_ms(299_000);
    house.send(copy).await.expect(200);
    assert_eq!(house.jobs().await.len(), 1);
    assert_eq!((counted(&house, Verdict::Accepted), counted(&house, Verdict::Duplicate)), (1, 20));
}

#[tokio::test]
async fn messages_about_other_things_are_stored_too() {
    let house = House::new().await;
    let mut body = message(&house, "n2");
    body["event"] = json!("refund");
    send(&house, &body).await.expect(200);
    assert!(house.store.notification(notification_id(house.account, "n2")).await.unwrap().is_some());
}

#[tokio::test]
async fn what_is_not_genuine_gets_the_channels_no_and_leaves_nothing_but_a_counter() {
    let house = House::new().await;
    let before = house.fingerprint().await;
    let now = now_ms(&house);
    let body = message(&house, "n1").to_string();
    let mut foreign = message(&house, "n1");
    foreign["mchid"] = json!("somebody else");
    let swap = |mut request: Request<Body>, body: &str| {
        *request.body_mut() = Body::from(body.to_owned());
        request
    };
    let drop = |mut request: Request<Body>, names: &[&str]| {
        for name in names {
            request.headers_mut().remove(*name);
        }
        request
    };
    let mut probe = signed(&house, SERIAL, now, &body);
    probe.headers_mut().insert("x-proof", "SIGNTEST/abc".parse().unwrap());
    let reserialised = serde_json::from_str::<Value>(&body).unwrap().to_string().replace(':', ": ");
    let cases = [
        (Verdict::MissingHeader, drop(signed(&house, SERIAL, now, &body), &["x-proof"])),
        (Verdict::MissingHeader, drop(signed(&house, SERIAL, now, &body), &["x-proof", "x-serial", "x-time"])),
        (Verdict::BadSignature, swap(signed(&house, SERIAL, now, &body), &message(&house, "n2").to_string())),
        (Verdict::BadSignature, swap(signed(&house, SERIAL, now, &body), &reserialised)),
        (Verdict::BadSignature, swap(signed(&house, SERIAL, now, &body), "")),
        (Verdict::Stale, signed(&house, SERIAL, now - 360_000, &body)),
        (Verdict::Stale, signed(&house, SERIAL, now + 360_000, &body)),
        (Verdict::UnknownSerial, signed(&house, "who", now, &body)),
        (Verdict::Foreign, signed(&house, SERIAL, now, &foreign.to_string())),
        (Verdict::Unreadable, signed(&house, SERIAL, now, "{\"id\":")),
        (Verdict::Probe, probe),
    ];
    for (verdict, request) in cases {
        let counted_before = counted(&house, verdict);
        let answer = house.send(request).await.expect(401);
        assert_eq!(answer.text(), format!("NO: {}", verdict.name()));
        assert_eq!(counted(&house, verdict), counted_before + 1, "{verdict:?}");
    }
    assert_eq!(house.fingerprint().await, before);
    assert!(house.store.notification(notification_id(house.account, "n1")).await.unwrap().is_none());
}

#[tokio::test]
async fn an_unknown_key_is_fetched_once_and_then_known() {
    let house = House::new().await;
    let body = message(&house, "n1").to_string();
    house.send(signed(&house, NEW_SERIAL, now_ms(&house), &body)).await.expect(200);
    assert_eq!(house.fake.refreshed.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn addresses_of_no_account_too_large_and_compressed_bodies_are_refused() {
    let house = House::new().await;
    let before = house.fingerprint().await;
    let other = bursar_core::id::ChannelAccountId(uuid::Uuid::from_u128(5));
    for path in ["/notify/wechat/x".to_owned(), format!("/notify/wechat/{other}"), "/notify/wechat/..%2f".to_owned()] {
        let answer = house.send(Request::post(&path).body(Body::from("{}")).unwrap()).await.expect(404);
        assert_eq!(answer.json()["code"], "FAIL", "{path}");
    }
    assert_eq!(counted(&house, Verdict::UnknownAccount), 3);
    let path = format!("/notify/nochannel/{}", house.account);
    assert_eq!(house.send(Request::post(&path).body(Body::empty()).unwrap()).await.expect(404).problem(), "not-found");
    let large = signed(&house, SERIAL, now_ms(&house), &"x".repeat(65 * 1024));
    assert_eq!(house.send(large).await.expect(413).problem(), "body-too-large");
    let mut packed = signed(&house, SERIAL, now_ms(&house), "x");
    packed.headers_mut().insert("content-encoding", "gzip".parse().unwrap());
    assert_eq!(house.send(packed).await.expect(415).problem(), "unsupported-media-type");
    assert_eq!(counted(&house, Verdict::BadBody), 2);
    let get = Request::get(format!("/notify/wechat/{}", house.account)).body(Body::empty()).unwrap();
    assert_eq!(house.send(get).await.expect(405).problem(), "method-not-allowed");
    assert_eq!(house.fingerprint().await, before);
}

#[tokio::test]
async fn when_it_cannot_be_stored_the_channel_is_told_to_come_again() {
    let house = House::new().await;
    send(&house, &message(&house, "n0")).await.expect(200);
    house.fake.broken.store(true, Ordering::SeqCst);
    send(&house, &message(&house, "n1")).await.expect(500);
    house.fake.broken.store(false, Ordering::SeqCst);
    house.lose_database().await;
    let answer = send(&house, &message(&house, "n1")).await.expect(503);
    assert_eq!(answer.text(), "LATER");
    assert_eq!(counted(&house, Verdict::NotStored), 2);
}

#[tokio::test]
async fn ten_thousand_garbage_posts_touch_neither_the_database_nor_the_api() {
    let house = House::new().await;
    let before = house.fingerprint().await;
    let garbage = |i: usize| match i % 3 {
        0 => Request::post(format!("/notify/wechat/{}", house.account)).body(Body::from("garbage")).unwrap(),
        1 => Request::post("/notify/wechat/acc_00000000000000000000000000").body(Body::from("garbage")).unwrap(),
        _ => {
            let mut request = signed(&house, SERIAL, now_ms(&house), "garbage");
            request.headers_mut().insert("x-proof", "forged".parse().unwrap());
            request
        }
    };
    for start in (0..10_000).step_by(500) {
        let answers = futures::future::join_all((start..start + 500).map(|i| house.send(garbage(i)))).await;
        assert!(answers.iter().all(|a| matches!(a.status, 401 | 404)));
    }
    assert_eq!(house.fingerprint().await, before);
    assert_eq!(counted(&house, Verdict::Accepted), 0);
    house.order("still-open").await;
}
