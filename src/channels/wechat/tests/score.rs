//! Pay after service: what is sent, what each state means, and what is believed after a no.

use bursar_core::clock::DAY_MS;
use bursar_core::observation::{Hold, PayCode, Receipt};

use super::calls::{assert_signed, shown};
use super::*;
use crate::channel::CreateRequest;
use crate::outcome::{Closed, RefusalClass};
use crate::testing::{Peer, Seen};

const NOTIFY_URL: &str = "https://pay.example/notify/wechat/acc_1";
const SERVICE: &str = "00004000000000160000000000000001";
const ORDER_ID: &str = "15646546545165651651";
const TAKEN: &str = "4200000000202701150000000002";

fn with(hosts: &[String], score: Value) -> Fixture {
    let mut value = settings(hosts);
    value["score"] = score;
    Fixture::with(value)
}

fn at(peer: &Peer) -> Fixture {
    with(&[peer.url()], json!({"service_id": SERVICE}))
}

fn number() -> String {
    payment(Method::WechatScore).number()
}

/// A payment whose service came to `minor` of the 1234 to which the payer has agreed.
fn came_to(minor: i64) -> Payment {
    Payment { amount: Money::new(minor, Currency::CNY), ..payment(Method::WechatScore) }
}

fn service_order(state: &str, description: &str, collecting: &str, paid: i64) -> Canned {
    let details = json!([{"seq": 1, "amount": paid, "paid_type": "NEWTON", "paid_time": "20270115155958",
                          "transaction_id": TAKEN}]);
    let value = json!({
        "appid": APPID, "mchid": MCHID, "service_id": SERVICE, "out_order_no": number(), "order_id": ORDER_ID,
        "state": state, "state_description": description, "risk_fund": {"name": "DEPOSIT", "amount": 1234},
        "total_amount": paid, "need_collection": true,
        "collection": {"state": collecting, "total_amount": paid, "paid_amount": paid, "details": details},
    });
    signed(Canned::new(200, value.to_string()))
}

fn created() -> Canned {
    service_order("CREATED", "", "", 0)
}

fn agreed() -> Canned {
    service_order("DOING", "USER_CONFIRM", "", 0)
}

fn collecting() -> Canned {
    service_order("DOING", "MCH_COMPLETE", "USER_PAYING", 1000)
}

fn paid(minor: i64) -> Canned {
    service_order("DONE", "MCH_COMPLETE", "USER_PAID", minor)
}

fn held() -> Standing {
    let receipt = Receipt {
        transaction_id: ORDER_ID.into(),
        amount_minor: 1234,
        currency: "CNY".into(),
        payee_matches: true,
        paid_at: NOW,
    };
    Standing::Authorized(Hold { receipt, lapses_at: Some(NOW.plus_ms(30 * DAY_MS)) })
}

fn taken(amount_minor: i64) -> Receipt {
    Receipt {
        transaction_id: TAKEN.into(),
        amount_minor,
        currency: "CNY".into(),
        payee_matches: true,
        paid_at: NOW.plus_ms(-2_000),
    }
}

/// A peer that answers what is posted with one thing and what is asked with another.
async fn peer(posted: Canned, asked: Canned) -> Peer {
    Peer::start(move |s: &Seen| if s.method == "POST" { posted.clone() } else { asked.clone() }).await
}

async fn create(fixture: &Fixture, payment: &Payment) -> Outcome<PayCode> {
    let order = order();
    fixture.channel.create(&CreateRequest { order: &order, payment, agreement: None, notify_url: NOTIFY_URL }).await
}

fn packed() -> Canned {
    let body = json!({"out_order_no": number(), "order_id": ORDER_ID, "state": "CREATED", "package": "the+package=="});
    signed(Canned::new(200, body.to_string()))
}

#[tokio::test]
async fn a_service_order_sends_the_documented_members_and_the_same_bytes_each_time() {
    let peer = Peer::start(|_| packed()).await;
    let fixture = at(&peer);
    for _ in 0..2 {
        let Outcome::Done(PayCode::Sdk { fields }) = create(&fixture, &came_to(1234)).await else { panic!() };
        assert_eq!(fields, [("package".to_owned(), "the+package==".to_owned())].into());
    }
    let seen = peer.seen();
    assert_signed(&seen[0]);
    assert_eq!((seen[0].method.as_str(), &*seen[0].target), ("POST", "/v3/payscore/serviceorder"));
    assert_eq!(seen[0].body, seen[1].body);
    assert_eq!(
        serde_json::from_slice::<Value>(&seen[0].body).unwrap(),
        json!({
            "out_order_no": number(), "appid": APPID, "service_id": SERVICE,
            "service_introduction": "日常保洁 \"2 小时\"", "time_range": {"start_time": "OnAccept"},
            "risk_fund": {"name": "ESTIMATE_ORDER_COST", "amount": 1234}, "attach": order().id.to_string(),
            "notify_url": NOTIFY_URL, "need_user_confirm": true,
        })
    );
    assert_eq!(fixture.count("create", "done"), 2);
}

#[tokio::test]
async fn with_the_older_key_the_payers_side_gets_all_that_it_hands_over() {
    let peer = Peer::start(|_| packed()).await;
    let score = json!({"service_id": SERVICE, "risk_fund": "DEPOSIT", "apiv2_key": "file:api"});
    let fixture = with(&[peer.url()], score);
    let Outcome::Done(PayCode::Sdk { fields }) = create(&fixture, &came_to(1234)).await else { panic!() };
    let names: Vec<_> = fields.keys().map(String::as_str).collect();
    assert_eq!(names, ["mch_id", "nonce_str", "package", "sign", "sign_type", "timestamp"]);
    assert_eq!((&*fields["mch_id"], &*fields["sign_type"]), (MCHID, "HMAC-SHA256"));
    assert_eq!(fields["timestamp"], NOW.as_seconds().to_string());
    let (nonce, time) = (&fields["nonce_str"], &fields["timestamp"]);
    let text = format!(
        "mch_id={MCHID}&nonce_str={nonce}&package=the+package==&sign_type=HMAC-SHA256&timestamp={time}&key={API_KEY}"
    );
    let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, API_KEY.as_bytes());
    let tag = aws_lc_rs::hmac::sign(&key, text.as_bytes());
    let hex: String = tag.as_ref().iter().map(|byte| format!("{byte:02X}")).collect();
    assert_eq!(fields["sign"], hex);
    let body: Value = serde_json::from_slice(&peer.seen()[0].body).unwrap();
    assert_eq!(body["risk_fund"]["name"], json!("DEPOSIT"));
}

#[tokio::test]
async fn without_the_settings_nothing_is_called_and_the_refusal_names_them() {
    let peer = Peer::start(|_| packed()).await;
    let fixture = Fixture::at(&[peer.url()]);
    let payment = came_to(1234);
    let refusals = [
        create(&fixture, &payment).await.map(drop),
        fixture.channel.query(&payment).await.map(drop),
        fixture.channel.capture(&payment, NOTIFY_URL).await.map(drop),
        fixture.channel.close(&payment).await.map(drop),
    ];
    for outcome in refusals {
        let Outcome::Refused(refusal) = outcome else { panic!("{outcome:?}") };
        assert!(refusal.class == RefusalClass::Definite && refusal.message.contains("`score`"), "{refusal}");
    }
    let dollars = Payment { amount: Money::new(1, "USD".parse().unwrap()), ..payment };
    assert_eq!(shown(create(&at(&peer), &dollars).await), "Definite");
    assert_eq!(shown(at(&peer).channel.capture(&came_to(0), NOTIFY_URL).await), "Definite");
    assert_eq!(shown(at(&peer).channel.capture(&super::payment(Method::WechatNative), NOTIFY_URL).await), "Definite");
    assert!(peer.seen().is_empty());
}

#[tokio::test]
async fn an_order_without_a_usable_answer_is_unknown_and_a_refused_one_says_so() {
    let other = signed(Canned::new(200, json!({"out_order_no": "other", "package": "p"}).to_string()));
    let empty = signed(Canned::new(200, json!({"out_order_no": number(), "package": ""}).to_string()));
    let forged = signed_with(Canned::new(200, packed().body), OTHER_KEY, KEY_ID, NOW);
    for (canned, want) in [
        (other, "unreadable"),
        (empty, "unreadable"),
        (forged, "bad_signature"),
        (Canned::new(502, ""), "server_error"),
        (error(500, "SYSTEM_ERROR"), "system_error"),
        (error(429, "FREQUENCY_LIMITED"), "rate_limited"),
        (error(403, "NO_AUTH"), "Configuration"),
        (error(400, "PARAM_ERROR"), "Definite"),
        (error(400, "SOMETHING_NEW"), "unreadable"),
    ] {
        let peer = Peer::start(move |_| canned.clone()).await;
        assert_eq!(shown(create(&at(&peer), &came_to(1234)).await), want);
    }
}

#[tokio::test]
async fn an_order_is_asked_about_by_our_number_and_judged_by_all_its_states() {
    for (canned, want) in [
        (created(), Standing::Unpaid),
        (agreed(), held()),
        (collecting(), held()),
        (paid(1000), Standing::Paid(taken(1000))),
        (service_order("REVOKED", "", "", 0), Standing::Closed),
        (service_order("EXPIRED", "", "", 0), Standing::Closed),
        (error(404, "RESOURCE_NOT_EXISTS"), Standing::Absent),
        (error(404, "ORDER_NOT_EXIST"), Standing::Absent),
    ] {
        let peer = Peer::start(move |_| canned.clone()).await;
        assert_eq!(at(&peer).channel.query(&came_to(1000)).await, Outcome::Done(want));
        let seen = peer.seen().remove(0);
        assert_signed(&seen);
        let target = format!("/v3/payscore/serviceorder?out_order_no={}&service_id={SERVICE}&appid={APPID}", number());
        assert_eq!((seen.method.as_str(), seen.target), ("GET", target));
    }
}

#[tokio::test]
async fn an_answer_that_is_forged_foreign_or_of_an_unknown_state_decides_nothing() {
    let foreign = |member: &str| {
        let mut value: Value = serde_json::from_slice(&created().body).unwrap();
        value[member] = json!("other");
        signed(Canned::new(200, value.to_string()))
    };
    for canned in
        [foreign("out_order_no"), foreign("mchid"), foreign("service_id"), service_order("DOING", "NEW", "", 0)]
    {
        let peer = Peer::start(move |_| canned.clone()).await;
        assert_eq!(kind(at(&peer).channel.query(&came_to(1234)).await), (WhyKind::Unreadable, false));
    }
    let forged = signed_with(Canned::new(200, paid(1234).body), OTHER_KEY, KEY_ID, NOW);
    let peer = Peer::start(move |_| forged.clone()).await;
    assert_eq!(kind(at(&peer).channel.query(&came_to(1234)).await), (WhyKind::BadSignature, false));
    let mut value: Value = serde_json::from_slice(&paid(1234).body).unwrap();
    value["mchid"] = json!("1900000002");
    let others = signed(Canned::new(200, value.to_string()));
    let peer = Peer::start(move |_| others.clone()).await;
    let outcome = at(&peer).channel.query(&came_to(1234)).await;
    assert!(matches!(outcome, Outcome::Done(Standing::Paid(r)) if !r.payee_matches));
}

#[tokio::test]
async fn a_capture_says_what_the_service_came_to_and_what_follows_is_asked() {
    for (asked, want) in [(collecting(), held()), (paid(1000), Standing::Paid(taken(1000)))] {
        let peer = peer(collecting(), asked).await;
        let fixture = at(&peer);
        let evidence = Evidence { capture_requested: Some((NOW.plus_ms(-61_000), "Li".into())), ..Evidence::default() };
        let payment = Payment { evidence, ..came_to(1000) };
        for _ in 0..2 {
            assert_eq!(fixture.channel.capture(&payment, NOTIFY_URL).await, Outcome::Done(want.clone()));
        }
        let seen = peer.seen();
        assert_signed(&seen[0]);
        assert_eq!(seen[0].body, seen[2].body);
        assert_eq!(seen[0].target, format!("/v3/payscore/serviceorder/{}/complete", number()));
        assert_eq!(
            serde_json::from_slice::<Value>(&seen[0].body).unwrap(),
            json!({
                "appid": APPID, "service_id": SERVICE, "post_payments": [{"name": "服务费", "amount": 1000}],
                "total_amount": 1000, "time_range": {"end_time": "20270115155859"},
            })
        );
        assert_eq!(fixture.count("capture", "done"), 2);
    }
}

#[tokio::test]
async fn a_service_ends_after_the_second_in_which_its_payer_agreed() {
    let peer = peer(collecting(), collecting()).await;
    let Standing::Authorized(hold) = held() else { panic!() };
    let evidence = Evidence {
        authorized: Some(hold),
        capture_requested: Some((NOW.plus_ms(900), "Li".into())),
        ..Evidence::default()
    };
    let (fixture, payment) = (at(&peer), Payment { evidence, ..came_to(1000) });
    for _ in 0..2 {
        let outcome = fixture.channel.capture(&payment, NOTIFY_URL).await;
        assert!(matches!(outcome, Outcome::Done(Standing::Authorized(_))), "{outcome:?}");
        fixture.clock.advance_ms(5_000);
    }
    let seen = peer.seen();
    assert_eq!(seen[0].body, seen[2].body, "the same end in every attempt");
    let body: Value = serde_json::from_slice(&seen[0].body).unwrap();
    assert_eq!(body["time_range"], json!({"end_time": "20270115160001"}));
}

#[tokio::test]
async fn a_refused_capture_is_a_no_only_while_the_service_still_runs() {
    let no = || error(400, "INVALID_REQUEST");
    for (refused, asked, want) in [
        (no(), agreed(), "Definite"),
        (error(400, "SOMETHING_NEW"), agreed(), "Definite"),
        (no(), service_order("REVOKED", "", "", 0), "Closed"),
        (no(), created(), "Unpaid"),
        (no(), error(404, "ORDER_NOT_EXIST"), "Absent"),
        (no(), Canned::new(502, ""), "server_error"),
        (no(), error(403, "NO_AUTH"), "unreadable"),
        (error(403, "NO_AUTH"), paid(1000), "Configuration"),
        (error(500, "SYSTEM_ERROR"), paid(1000), "system_error"),
        (Canned::new(502, ""), paid(1000), "server_error"),
    ] {
        let peer = peer(refused, asked).await;
        assert_eq!(shown(at(&peer).channel.capture(&came_to(1000), NOTIFY_URL).await), want);
    }
    // The first call had taken effect, and its answer was lost.
    for (asked, want) in [(collecting(), held()), (paid(1000), Standing::Paid(taken(1000)))] {
        let peer = peer(no(), asked).await;
        assert_eq!(at(&peer).channel.capture(&came_to(1000), NOTIFY_URL).await, Outcome::Done(want));
    }
}

#[tokio::test]
async fn a_question_that_never_left_does_not_hide_that_the_capture_was_sent() {
    let peer = peer(collecting(), error(429, "FREQUENCY_LIMITED")).await;
    assert_eq!(kind(at(&peer).channel.capture(&came_to(1000), NOTIFY_URL).await), (WhyKind::RateLimited, false));
}

#[tokio::test]
async fn a_cancellation_lets_go_and_is_not_forced_while_the_channel_collects() {
    let peer = peer(service_order("REVOKED", "", "", 0), paid(1)).await;
    let evidence = Evidence { close_requested: Some((NOW, "改期".repeat(30))), ..Evidence::default() };
    let wanted = Payment { evidence, ..came_to(1234) };
    assert_eq!(at(&peer).channel.close(&wanted).await, Outcome::Done(Closed::Accepted));
    let seen = peer.seen();
    assert_eq!((seen.len(), seen[0].target.clone()), (1, format!("/v3/payscore/serviceorder/{}/cancel", number())));
    let body: Value = serde_json::from_slice(&seen[0].body).unwrap();
    assert_eq!(body, json!({"appid": APPID, "service_id": SERVICE, "reason": "改期".repeat(15)}));

    let no = || error(400, "INVALID_REQUEST");
    for (refused, asked, want) in [
        (no(), collecting(), "TooEarly"),
        (no(), agreed(), "TooEarly"),
        (no(), paid(1000), "AlreadyPaid"),
        (no(), service_order("REVOKED", "", "", 0), "Accepted"),
        (no(), service_order("EXPIRED", "", "", 0), "Accepted"),
        (error(400, "SOMETHING_NEW"), collecting(), "TooEarly"),
        (no(), error(404, "ORDER_NOT_EXIST"), "Absent"),
        (error(404, "ORDER_NOT_EXIST"), paid(1), "Absent"),
        (error(403, "NO_AUTH"), paid(1), "Configuration"),
        (error(500, "SYSTEM_ERROR"), paid(1), "system_error"),
        (no(), Canned::new(502, ""), "server_error"),
    ] {
        let peer = super::score::peer(refused, asked).await;
        assert_eq!(shown(at(&peer).channel.close(&came_to(1234)).await), want);
    }
}

#[tokio::test]
async fn what_was_paid_by_another_way_is_told_while_the_channel_collects_and_cancelled_before() {
    let paid_at = NOW.plus_ms(-2_000);
    let elsewhere = async |posted: Canned, asked: Canned| {
        let peer = peer(posted, asked).await;
        let outcome = at(&peer).channel.paid_elsewhere(&came_to(1000), paid_at).await;
        (shown(outcome), peer.seen())
    };
    let (outcome, seen) = elsewhere(collecting(), collecting()).await;
    assert_eq!((&*outcome, seen.len()), ("Accepted", 2));
    assert_signed(&seen[1]);
    assert_eq!(seen[1].target, format!("/v3/payscore/serviceorder/{}/sync", number()));
    assert_eq!(
        serde_json::from_slice::<Value>(&seen[1].body).unwrap(),
        json!({"appid": APPID, "service_id": SERVICE, "type": "Order_Paid", "detail": {"paid_time": "20270115155958"}})
    );
    let (outcome, seen) = elsewhere(agreed(), agreed()).await;
    assert_eq!((&*outcome, seen[1].target.ends_with("/cancel")), ("Accepted", true));
    let no = || error(400, "INVALID_ORDER_STATE");
    assert_eq!(elsewhere(no(), collecting()).await.0, "TooEarly");
    assert_eq!(elsewhere(no(), paid(1000)).await.0, "AlreadyPaid");
    assert_eq!(elsewhere(Canned::new(502, ""), collecting()).await.0, "server_error");
    assert_eq!(elsewhere(collecting(), Canned::new(502, "")).await.0, "server_error");
    assert_eq!(elsewhere(no(), service_order("REVOKED", "", "", 0)).await.0, "Accepted");
}

#[test]
fn a_mistake_in_the_settings_is_named() {
    for (score, words) in [
        (json!({}), "service_id"),
        (json!({"service_id": ""}), "score.service_id"),
        (json!({"service_id": "1&appid=2"}), "score.service_id"),
        (json!({"service_id": "1", "risk_fund": "TRUST"}), "TRUST"),
        (json!({"service_id": "1", "hold_days": 0}), "score.hold_days"),
        (json!({"service_id": "1", "apiv2_key": "file:public"}), "score.apiv2_key"),
        (json!({"service_id": "1", "other": 1}), "`other`"),
    ] {
        let mut value = settings(&["https://channel.example".to_owned()]);
        value["score"] = score;
        let error = registry(Arc::new(ManualClock::at(NOW))).of(&account(value)).map(drop).unwrap_err();
        assert!(error.to_string().contains(words), "{error}");
    }
}
