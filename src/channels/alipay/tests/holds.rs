//! Pre-authorisations: what is sent, what each state means with and without a trade, and what is believed after a no.

use bursar_core::clock::DAY_MS;
use bursar_core::observation::{Hold, Receipt};

use super::*;
use crate::outcome::{Closed, Standing};
use crate::testing::Peer;

const AUTH_NO: &str = "2027011510002001000000000001";
const CODE: &str = "alipay.fund.auth.order.voucher.create";
const ASK: &str = "alipay.fund.auth.operation.detail.query";
const UNFREEZE: &str = "alipay.fund.auth.order.unfreeze";
const CANCEL: &str = "alipay.fund.auth.operation.cancel";
const PAY: &str = "alipay.trade.pay";
const TRADE: &str = "alipay.trade.query";

fn hold() -> Hold {
    let receipt = Receipt {
        transaction_id: AUTH_NO.into(),
        amount_minor: 1234,
        currency: "CNY".into(),
        payee_matches: true,
        paid_at: NOW.plus_ms(-60_000),
    };
    let lapses_at = Some(receipt.paid_at.plus_ms(30 * DAY_MS));
    Hold { receipt, lapses_at }
}

fn new() -> Payment {
    payment(Method::AlipayHold)
}

/// A held payment whose service came to `minor` of the 1234 that are frozen; it shall be taken.
fn came_to(minor: i64) -> Payment {
    let evidence = Evidence {
        authorized: Some(hold()),
        capture_requested: Some((NOW, "the merchant".into())),
        ..Evidence::default()
    };
    Payment { amount: Money::new(minor, Currency::CNY), evidence, ..new() }
}

fn frozen(order: &str, operation: &str, rest: &str, taken: &str) -> Value {
    json!({
        "auth_no": AUTH_NO, "out_order_no": new().number(), "out_request_no": new().number(), "order_status": order,
        "status": operation, "operation_type": "FREEZE", "amount": "12.34", "total_freeze_amount": "12.34",
        "rest_amount": rest, "total_pay_amount": taken, "gmt_trans": "2027-01-15 15:59:00",
    })
}

fn held() -> Value {
    frozen("AUTHORIZED", "SUCCESS", "12.34", "0.00")
}

fn finished() -> Value {
    frozen("FINISH", "SUCCESS", "0.00", "10.00")
}

fn taken() -> Value {
    let mut value = trade("TRADE_SUCCESS");
    value["total_amount"] = json!("10.00");
    value
}

/// An answer, or a code with which it is refused. `""` is trouble on the way.
type Answer = Result<Value, &'static str>;

fn respond(seen: &Seen, answer: &Answer) -> Canned {
    match answer {
        Ok(value) => done(seen, value.clone()),
        Err("") => Canned::new(502, ""),
        Err(code) => failed(seen, "40004", code),
    }
}

/// A channel that answers questions about the hold and its trade, and everything else with `call`.
async fn peer(call: Answer, hold: Answer, trade: Answer) -> Peer {
    Peer::start(move |s| {
        let answer = match asked(s)["method"].as_str() {
            ASK => &hold,
            TRADE => &trade,
            _ => &call,
        };
        respond(s, answer)
    })
    .await
}

const NO_TRADE: Answer = Err("ACQ.TRADE_NOT_EXIST");

fn at(peer: &Peer) -> Fixture {
    Fixture::at(&[peer.url()])
}

fn calls(peer: &Peer) -> Vec<String> {
    peer.seen().iter().map(|s| asked(s)["method"].clone()).collect()
}

async fn create(fixture: &Fixture) -> Outcome<PayCode> {
    fixture.create(Method::AlipayHold).await
}

#[tokio::test]
async fn a_hold_is_offered_as_a_code_with_the_time_that_is_left() {
    let answer = || Ok(json!({"out_order_no": new().number(), "code_type": "qrCode", "code_value": "https://qr/1"}));
    let peer = peer(answer(), NO_TRADE, NO_TRADE).await;
    let fixture = at(&peer);
    let code = Outcome::Done(PayCode::QrCode { url: "https://qr/1".into() });
    assert_eq!(create(&fixture).await, code);
    fixture.clock.advance_ms(90_000);
    assert_eq!(create(&fixture).await, code);
    let seen = peer.seen();
    let all = asked(&seen[0]);
    assert_signed(&all);
    assert_eq!((&*all["method"], &*all["notify_url"]), (CODE, NOTIFY_URL));
    let number = new().number();
    let want = |timeout: &str| {
        json!({
            "out_order_no": number, "out_request_no": number, "order_title": "日常保洁 \"2 小时\" abcd + e",
            "amount": "12.34", "product_code": "PRE_AUTH", "pay_timeout": timeout,
        })
    };
    assert_eq!((biz(&seen[0]), biz(&seen[1])), (want("60m"), want("58m")));
    let mut other = settings(&[peer.url()]);
    other["hold_product_code"] = json!("PREAUTH_PAY");
    assert_eq!(create(&Fixture::with(other)).await, code);
    assert_eq!(biz(&peer.seen()[2])["product_code"], json!("PREAUTH_PAY"));
}

#[tokio::test]
async fn what_the_channel_cannot_offer_is_not_called_for() {
    let peer = peer(Err(""), NO_TRADE, NO_TRADE).await;
    let fixture = at(&peer);
    let of = async |order: &Order, payment: &Payment, url: &str| shown(fixture.create_of(order, payment, url).await);
    let soon = Order { expires_at: NOW.plus_ms(59_999), ..order() };
    assert_eq!(of(&soon, &new(), NOTIFY_URL).await, "Definite");
    let dollars = Payment { amount: Money::new(1, "USD".parse().unwrap()), ..new() };
    assert_eq!(of(&order(), &dollars, NOTIFY_URL).await, "Definite");
    assert_eq!(of(&order(), &new(), "nowhere").await, "Configuration");
    assert_eq!(shown(fixture.channel.capture(&came_to(0), NOTIFY_URL).await), "Definite");
    assert_eq!(shown(fixture.channel.capture(&ours(), NOTIFY_URL).await), "Definite");
    assert!(peer.seen().is_empty());
}

#[tokio::test]
async fn an_offer_without_a_usable_answer_is_unknown_and_a_refused_one_says_so() {
    for (answer, want) in [
        (Ok(json!({"out_order_no": "another", "code_value": "x"})), "unreadable"),
        (Ok(json!({"out_order_no": new().number()})), "unreadable"),
        (Err(""), "server_error"),
        (Err("SYSTEM_ERROR"), "system_error"),
        (Err("ACCESS_FORBIDDEN"), "Configuration"),
        (Err("ILLEGAL_ARGUMENT"), "Definite"),
        (Err("ORDER_ALREADY_CLOSED"), "NumberClosed"),
        (Err("UNIQUE_VIOLATION"), "NumberInUse"),
        (Err("SOMETHING_NEW"), "unreadable"),
    ] {
        let peer = peer(answer, NO_TRADE, NO_TRADE).await;
        assert_eq!(shown(create(&at(&peer)).await), want);
    }
}

#[tokio::test]
async fn a_hold_is_asked_about_by_our_number_and_its_trade_only_when_money_may_have_moved() {
    for (answer, want) in [
        (Ok(frozen("INIT", "INIT", "", "")), Standing::Unpaid),
        (Ok(held()), Standing::Authorized(hold())),
        (Ok(frozen("CLOSED", "CLOSED", "0.00", "0.00")), Standing::Closed),
        (Err("AUTH_ORDER_NOT_EXIST"), Standing::Absent),
        (Err("AUTH_OPERATION_NOT_EXIST"), Standing::Absent),
    ] {
        let peer = peer(Err(""), answer, NO_TRADE).await;
        assert_eq!(at(&peer).channel.query(&new()).await, Outcome::Done(want));
        let seen = peer.seen();
        assert_eq!(calls(&peer), [ASK]);
        assert_eq!(biz(&seen[0]), json!({"out_order_no": new().number(), "out_request_no": new().number()}));
    }
    let asked = async |hold: Answer, trade: Answer| {
        let peer = peer(Err(""), hold, trade).await;
        (at(&peer).channel.query(&came_to(1000)).await, calls(&peer))
    };
    let paid = |outcome: &Outcome<Standing>| matches!(outcome, Outcome::Done(Standing::Paid(r)) if r.amount_minor == 1000 && r.transaction_id == TRADE_NO);
    let (outcome, calls) = asked(Ok(finished()), Ok(taken())).await;
    assert!(paid(&outcome) && calls == [TRADE], "{outcome:?} {calls:?}");
    let held_still = Outcome::Done(Standing::Authorized(hold()));
    for (hold, trade) in [(held(), NO_TRADE), (held(), Ok(unpaid())), (finished(), Ok(unpaid()))] {
        assert_eq!(asked(Ok(hold), trade).await.0, held_still);
    }
    assert_eq!(kind(asked(Ok(held()), Err("")).await.0), (WhyKind::ServerError, false));
    // Money of it was taken, by whomever: whether it is ours, the trade tells.
    assert_eq!(kind(asked(Ok(finished()), NO_TRADE).await.0), (WhyKind::Unreadable, false));
    let peer = peer(Err(""), Ok(finished()), Ok(taken())).await;
    assert!(paid(&at(&peer).channel.query(&new()).await));
}

#[tokio::test]
async fn an_answer_that_is_forged_or_about_another_number_decides_nothing() {
    for member in ["out_order_no", "out_request_no"] {
        let mut other = held();
        other[member] = json!("another");
        let peer = peer(Err(""), Ok(other), NO_TRADE).await;
        assert_eq!(kind(at(&peer).channel.query(&new()).await), (WhyKind::Unreadable, false), "{member}");
    }
    let forged = Peer::start(|s| {
        let mut content = held();
        content["code"] = json!("10000");
        content["msg"] = json!("Success");
        answer_with(OTHER_KEY, &asked(s)["method"], &content)
    })
    .await;
    assert_eq!(kind(at(&forged).channel.query(&new()).await), (WhyKind::BadSignature, false));
    assert_eq!(kind(at(&forged).channel.capture(&came_to(1000), NOTIFY_URL).await), (WhyKind::BadSignature, false));
    assert_eq!(kind(at(&forged).channel.close(&new()).await), (WhyKind::BadSignature, false));
}

#[tokio::test]
async fn a_capture_takes_what_the_service_came_to_and_the_trade_tells_that_it_did() {
    let done = || Ok(json!({"out_trade_no": new().number(), "trade_no": TRADE_NO}));
    let peer = peer(done(), Ok(finished()), Ok(taken())).await;
    let fixture = at(&peer);
    for _ in 0..2 {
        let outcome = fixture.channel.capture(&came_to(1000), NOTIFY_URL).await;
        assert!(
            matches!(outcome, Outcome::Done(Standing::Paid(r)) if r.amount_minor == 1000),
            "a repetition is harmless"
        );
    }
    let seen = peer.seen();
    assert_signed(&asked(&seen[0]));
    assert_eq!(calls(&peer), [PAY, TRADE, PAY, TRADE]);
    assert_eq!(seen[0].body, seen[2].body);
    assert_eq!(asked(&seen[0])["notify_url"], NOTIFY_URL, "of the trade, and of what goes back of it, messages come");
    assert_eq!(
        biz(&seen[0]),
        json!({
            "out_trade_no": new().number(), "total_amount": "10.00", "subject": "服务费", "product_code": "PRE_AUTH",
            "auth_no": AUTH_NO, "auth_confirm_mode": "COMPLETE",
        })
    );
    assert_eq!(fixture.count("capture", "done"), 2);
    // Without the channel's number of the hold it is asked for.
    let forgotten = Payment { evidence: Evidence::default(), ..came_to(1000) };
    let peer = super::holds::peer(done(), Ok(held()), NO_TRADE).await;
    assert_eq!(at(&peer).channel.capture(&forgotten, NOTIFY_URL).await, Outcome::Done(Standing::Authorized(hold())));
    assert_eq!(calls(&peer), [TRADE, ASK, PAY, TRADE, ASK]);
}

#[tokio::test]
async fn a_refused_capture_is_a_no_only_while_the_hold_is_untouched() {
    let capture = async |call: Answer, hold: Answer, trade: Answer| {
        let peer = peer(call, hold, trade).await;
        at(&peer).channel.capture(&came_to(1000), NOTIFY_URL).await
    };
    for (call, hold, trade, want) in [
        (Err("ACQ.TRADE_HAS_SUCCESS"), held(), NO_TRADE, "Definite"),
        (Err("ACQ.BUYER_BALANCE_NOT_ENOUGH"), held(), NO_TRADE, "Definite"),
        (Err("ACQ.SOMETHING_NEW"), held(), NO_TRADE, "unreadable"),
        (Err("ACQ.BUYER_BALANCE_NOT_ENOUGH"), held(), Err(""), "server_error"),
        (Err("ACQ.CONTEXT_INCONSISTENT"), frozen("CLOSED", "CLOSED", "0.00", "0.00"), NO_TRADE, "Closed"),
        (Err("ACQ.AUTH_ORDER_HAS_FINISHED"), frozen("FINISH", "SUCCESS", "0.00", "0.00"), NO_TRADE, "Closed"),
        (Err("ACQ.SYSTEM_ERROR"), finished(), Ok(taken()), "system_error"),
        (Err("ACQ.ACCESS_FORBIDDEN"), held(), NO_TRADE, "Configuration"),
        (Err(""), finished(), Ok(taken()), "server_error"),
        (Ok(json!({"out_trade_no": "another"})), held(), NO_TRADE, "unreadable"),
    ] {
        assert_eq!(shown(capture(call.clone(), Ok(hold), trade).await), want, "{call:?}");
    }
    // The first call had taken effect, and its answer was lost; or the channel is at it.
    let outcome = capture(Err("ACQ.TRADE_HAS_SUCCESS"), Ok(finished()), Ok(taken())).await;
    assert!(matches!(outcome, Outcome::Done(Standing::Paid(r)) if r.amount_minor == 1000));
    let under_way = Peer::start(|s| match asked(s)["method"].as_str() {
        PAY => failed(s, "10003", ""),
        TRADE => done(s, unpaid()),
        _ => done(s, held()),
    })
    .await;
    let outcome = at(&under_way).channel.capture(&came_to(1000), NOTIFY_URL).await;
    assert_eq!(outcome, Outcome::Done(Standing::Authorized(hold())));
}

#[tokio::test]
async fn what_is_frozen_is_let_go_under_a_number_of_its_own_that_never_changes() {
    let answer = || Ok(json!({"out_order_no": new().number(), "status": "SUCCESS"}));
    let peer = peer(answer(), Ok(frozen("AUTHORIZED", "SUCCESS", "12.30", "0.00")), NO_TRADE).await;
    let evidence = Evidence { close_requested: Some((NOW, "改\n期".repeat(30))), ..Evidence::default() };
    for _ in 0..2 {
        let wanted = Payment { evidence: evidence.clone(), ..new() };
        assert_eq!(at(&peer).channel.close(&wanted).await, Outcome::Done(Closed::Accepted));
    }
    assert_eq!(calls(&peer)[..3], [TRADE, ASK, UNFREEZE]);
    let seen = peer.seen();
    assert_eq!(seen[2].body, seen[5].body);
    let remark: String = "改 期".repeat(30).chars().take(50).collect();
    assert_eq!(
        biz(&seen[2]),
        json!({
            "auth_no": AUTH_NO, "out_request_no": format!("{}_release", new().number()), "amount": "12.30",
            "remark": remark,
        })
    );
}

#[tokio::test]
async fn a_code_to_which_nobody_agreed_is_taken_away() {
    let number = new().number();
    for hold in [Ok(frozen("INIT", "INIT", "", "")), Err("AUTH_ORDER_NOT_EXIST")] {
        let answer = Ok(json!({"out_order_no": number, "action": "close"}));
        let peer = peer(answer, hold, NO_TRADE).await;
        assert_eq!(at(&peer).channel.close(&new()).await, Outcome::Done(Closed::Accepted));
        assert_eq!(calls(&peer), [TRADE, ASK, CANCEL]);
        let want = json!({"out_order_no": number, "out_request_no": number, "remark": "closed"});
        assert_eq!(biz(&peer.seen()[2]), want);
    }
    let peer = peer(Err("AUTH_ORDER_NOT_EXIST"), Err("AUTH_ORDER_NOT_EXIST"), NO_TRADE).await;
    assert_eq!(at(&peer).channel.close(&new()).await, Outcome::Done(Closed::Absent));
}

#[tokio::test]
async fn a_close_calls_nothing_where_there_is_nothing_to_let_go() {
    for (hold, trade, want) in [
        (frozen("CLOSED", "SUCCESS", "0.00", "0.00"), NO_TRADE, "Accepted"),
        (finished(), Ok(taken()), "AlreadyPaid"),
        (held(), Ok(unpaid()), "TooEarly"),
        (held(), Err(""), "server_error"),
    ] {
        let peer = peer(Err("ILLEGAL_STATUS"), Ok(hold), trade).await;
        assert_eq!(shown(at(&peer).channel.close(&new()).await), want);
        assert!(calls(&peer).iter().all(|call| call == ASK || call == TRADE), "{:?}", calls(&peer));
    }
}

#[tokio::test]
async fn a_refused_close_is_asked_about_before_it_is_believed() {
    // What is asked before the call, and what after it.
    let close = async |call: Answer, after: Answer| {
        let called = std::sync::atomic::AtomicBool::new(false);
        let peer = Peer::start(move |s| match asked(s)["method"].as_str() {
            TRADE => respond(s, &NO_TRADE),
            ASK if called.load(std::sync::atomic::Ordering::SeqCst) => respond(s, &after),
            ASK => respond(s, &Ok(held())),
            _ => {
                called.store(true, std::sync::atomic::Ordering::SeqCst);
                respond(s, &call)
            }
        })
        .await;
        at(&peer).channel.close(&new()).await
    };
    let closed = || Ok(frozen("CLOSED", "SUCCESS", "0.00", "0.00"));
    for (call, after, want) in [
        (Err("ORDER_ALREADY_CLOSED"), closed(), "Accepted"),
        (Err("UNIQUE_VIOLATION"), Ok(held()), "TooEarly"),
        (Err("ILLEGAL_STATUS"), Err("AUTH_ORDER_NOT_EXIST"), "Absent"),
        (Err("SOMETHING_NEW"), Ok(held()), "unreadable"),
        (Err("SOMETHING_NEW"), closed(), "Accepted"),
        (Err("ILLEGAL_STATUS"), Err(""), "server_error"),
        (Err("ACCESS_FORBIDDEN"), closed(), "Configuration"),
        (Err("SYSTEM_ERROR"), closed(), "system_error"),
        (Err(""), closed(), "server_error"),
        (Ok(json!({"status": "INIT"})), closed(), "TooEarly"),
        (Ok(json!({"status": "NEW"})), closed(), "unreadable"),
        (Ok(json!({"out_order_no": "another"})), closed(), "unreadable"),
    ] {
        assert_eq!(shown(close(call.clone(), after).await), want, "{call:?}");
    }
}
