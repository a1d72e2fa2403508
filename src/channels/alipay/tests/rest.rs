//! The REST protocol: the calls that have it, and how its answers are believed.

use super::*;
use crate::RefundStanding;
use crate::channel::RefundRequest;
use crate::outcome::{Closed, Standing};
use crate::testing::Peer;

fn rest(hosts: &[String]) -> Fixture {
    let mut settings = settings(hosts);
    settings["alipay_protocol"] = json!("v3");
    Fixture::with(settings)
}

fn signed_with(key: &str, status: u16, body: impl Into<String>) -> Canned {
    let (body, time, nonce) = (body.into(), "1800000000123", "an-answers-nonce");
    let signature = sign(key, format!("{time}\n{nonce}\n{body}\n").as_bytes());
    Canned::new(status, body)
        .with("alipay-timestamp", time)
        .with("alipay-nonce", nonce)
        .with("alipay-signature", signature)
        .with("alipay-trace-id", "trace-1")
}

fn signed(status: u16, body: &Value) -> Canned {
    signed_with(ALIPAY_KEY, status, body.to_string())
}

fn error(status: u16, code: &str) -> Canned {
    signed(status, &json!({"code": code, "message": "in words", "links": "https://x"}))
}

/// Checks a request as the channel does.
fn assert_signed(seen: &Seen) {
    let authorization = seen.header("authorization").strip_prefix("ALIPAY-SHA256withRSA ").unwrap().to_owned();
    let (who, signature) = authorization.split_once(",sign=").unwrap();
    let parts: BTreeMap<_, _> = who.split(',').map(|part| part.split_once('=').unwrap()).collect();
    assert_eq!((parts["app_id"], parts["timestamp"]), (APP_ID, "1800000000000"));
    assert_eq!(parts["nonce"].len(), 32);
    let body = std::str::from_utf8(&seen.body).unwrap();
    let message = format!("{who}\n{}\n{}\n{body}\n", seen.method, seen.target);
    assert_eq!(signature, sign(MERCHANT_KEY, message.as_bytes()));
    assert_eq!((seen.header("content-type"), seen.header("accept")), ("application/json", "application/json"));
    assert!(!seen.header("alipay-request-id").is_empty());
}

#[tokio::test]
async fn questions_closing_and_refunds_go_to_their_paths_and_codes_stay_at_the_gateway() {
    let peer = Peer::start(|s| match s.target.as_str() {
        "/v3/alipay/trade/query" => signed(200, &trade("TRADE_SUCCESS")),
        "/v3/alipay/trade/close" => signed(200, &json!({"out_trade_no": ours().number()})),
        "/v3/alipay/trade/refund" => signed(200, &json!({"out_trade_no": ours().number(), "fund_change": "Y"})),
        "/v3/alipay/trade/fastpay/refund/query" => signed(
            200,
            &json!({"out_trade_no": ours().number(), "out_request_no": leg().number(),
                    "refund_amount": "5.00", "refund_status": "REFUND_SUCCESS"}),
        ),
        _ => done(s, json!({"qr_code": "q"})),
    })
    .await;
    let fixture = rest(&[peer.url()]);
    let paid = fixture.channel.query(&ours()).await;
    assert!(matches!(paid, Outcome::Done(Standing::Paid(r)) if r.amount_minor == 1234));
    assert_eq!(fixture.channel.close(&ours()).await, Outcome::Done(Closed::Accepted));
    let (payment, leg) = (ours(), leg());
    let request = RefundRequest { payment: &payment, leg: &leg, reason: "r", notify_url: NOTIFY_URL };
    let outcome = fixture.channel.refund(&request).await;
    assert!(matches!(outcome, Outcome::Done(RefundStanding::Succeeded(r)) if r.amount_minor == 500));
    for seen in peer.seen() {
        assert_eq!(seen.method, "POST");
        assert_signed(&seen);
    }
    assert!(matches!(fixture.create(Method::AlipayQr).await, Outcome::Done(PayCode::QrCode { .. })));
    assert!(peer.seen().last().unwrap().target.starts_with("/gateway.do?"));
}

#[tokio::test]
async fn errors_of_rest_mean_what_they_mean_at_the_gateway() {
    for (status, code, query, close) in [
        (400, "ACQ.TRADE_NOT_EXIST", "Absent", "Absent"),
        (400, "ACQ.TRADE_STATUS_ERROR", "NumberInUse", "AlreadyPaid"),
        (400, "ACQ.INVALID_PARAMETER", "Definite", "Definite"),
        (403, "ACQ.ACCESS_FORBIDDEN", "Configuration", "Configuration"),
        (400, "ACQ.SYSTEM_ERROR", "system_error", "system_error"),
        (400, "ACQ.SOMETHING_NEW", "unreadable", "unreadable"),
        (500, "ACQ.TRADE_NOT_EXIST", "server_error", "server_error"),
        (429, "ACQ.TRADE_NOT_EXIST", "rate_limited", "rate_limited"),
        (302, "ACQ.TRADE_NOT_EXIST", "unreadable", "unreadable"),
    ] {
        let peer = Peer::start(move |_| error(status, code)).await;
        let fixture = rest(&[peer.url()]);
        assert_eq!(shown(fixture.channel.query(&ours()).await), query, "query {status} {code}");
        assert_eq!(shown(fixture.channel.close(&ours()).await), close, "close {status} {code}");
    }
}

#[tokio::test]
async fn an_answer_of_rest_that_is_not_signed_or_signed_wrongly_is_unknown() {
    let body = trade("TRADE_SUCCESS").to_string();
    let no = json!({"code": "ACQ.TRADE_NOT_EXIST", "message": "m"}).to_string();
    let mut changed = signed_with(ALIPAY_KEY, 200, body.clone());
    changed.body.push(b' ');
    for canned in [
        Canned::new(200, body.clone()),
        signed_with(OTHER_KEY, 200, body),
        changed,
        Canned::new(400, no.clone()),
        signed_with(OTHER_KEY, 400, no),
    ] {
        let shown = format!("{canned:?}");
        let peer = Peer::start(move |_| canned.clone()).await;
        let outcome = rest(&[peer.url()]).channel.query(&ours()).await;
        assert_eq!(kind(outcome), (WhyKind::BadSignature, false), "{shown}");
    }
    for body in ["", "[]", "{}", "<html>"] {
        let peer = Peer::start(move |_| signed_with(ALIPAY_KEY, 200, body)).await;
        assert_eq!(kind(rest(&[peer.url()]).channel.query(&ours()).await), (WhyKind::Unreadable, false), "{body}");
    }
}
