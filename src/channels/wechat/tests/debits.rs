//! Charges by an agreement: what is sent, what each answer proves, and what ends one.

use bursar_core::agreement::Agreement;
use bursar_core::decline::{Decline, DeclineClass};
use bursar_core::observation::PayCode;

use super::agreements::{CODE, CONTRACT_ID, NOTIFY_URL, agreement, plain, with};
use super::calls::{assert_signed, shown};
use super::*;
use crate::channel::{Announcement, CreateRequest};
use crate::debit::tests::{charge, signed as signed_by};
use crate::outcome::{Closed, RefusalClass};
use crate::testing::{Peer, Seen};
use crate::wechat::declines::CODES;

fn agreed() -> Agreement {
    signed_by(agreement(), CONTRACT_ID)
}

fn charged() -> Payment {
    charge(payment(Method::WechatDebit), &agreed())
}

async fn debit(fixture: &Fixture, agreement: Option<&Agreement>) -> Outcome<PayCode> {
    let (order, payment) = (order(), charged());
    let request = CreateRequest { order: &order, payment: &payment, agreement, notify_url: NOTIFY_URL };
    fixture.channel.create(&request).await
}

fn taken() -> Canned {
    let body = json!({"out_trade_no": charged().number(), "amount": {"total": 1234, "currency": "CNY"}});
    signed(Canned::new(200, body.to_string()))
}

fn state(name: &str, change: impl FnOnce(&mut Value)) -> Canned {
    transaction(&charged().number(), |v| {
        v["trade_state"] = json!(name);
        v["trade_type"] = json!("PAP");
        change(v);
    })
}

/// A peer that answers a charge with the first and a question with the second.
async fn peer(applied: Canned, asked: Canned) -> Peer {
    Peer::start(move |s: &Seen| if s.method == "POST" { applied.clone() } else { asked.clone() }).await
}

#[tokio::test]
async fn a_charge_sends_the_documented_members_in_fen_and_its_answer_says_that_it_was_taken_on() {
    let peer = peer(taken(), Canned::new(500, "")).await;
    let fixture = plain(&peer);
    for _ in 0..2 {
        assert_eq!(debit(&fixture, Some(&agreed())).await, Outcome::Done(PayCode::Debit));
    }
    let seen = peer.seen();
    assert_signed(&seen[0]);
    assert!(seen.len() == 2 && seen[0].body == seen[1].body);
    assert_eq!((seen[0].method.as_str(), &*seen[0].target), ("POST", "/v3/papay/pay/transactions/apply"));
    assert_eq!(
        serde_json::from_slice::<Value>(&seen[0].body).unwrap(),
        json!({
            "appid": APPID, "out_trade_no": charged().number(), "description": order().description,
            "transaction_notify_url": NOTIFY_URL, "contract_id": CONTRACT_ID,
            "amount": {"total": 1234, "currency": "CNY"},
        })
    );
    assert_eq!(fixture.count("create", "done"), 2);
}

#[tokio::test]
async fn nobody_is_charged_without_a_signed_agreement_or_beyond_it() {
    let peer = peer(taken(), Canned::new(500, "")).await;
    let fixture = plain(&peer);
    assert_eq!(shown(debit(&fixture, None).await), "Definite");
    assert_eq!(shown(debit(&fixture, Some(&agreement())).await), "Definite");
    let small = Agreement { limit: Money::new(1233, Currency::CNY), ..agreed() };
    assert_eq!(shown(debit(&fixture, Some(&small)).await), "Declined(Terms)");
    let Outcome::Refused(refusal) = debit(&Fixture::at(&[peer.url()]), Some(&agreed())).await else { panic!() };
    assert!(refusal.class == RefusalClass::Definite && refusal.message.contains("`agreements`"), "{refusal}");
    assert!(peer.seen().is_empty());
}

#[tokio::test]
async fn a_decline_is_believed_when_the_channel_does_not_know_the_number() {
    for (code, class) in CODES {
        let peer = peer(error(403, code), error(404, "ORDER_NOT_EXIST")).await;
        let Outcome::Refused(refusal) = debit(&plain(&peer), Some(&agreed())).await else { panic!("{code}") };
        assert_eq!((refusal.code.as_str(), refusal.class), (*code, RefusalClass::Declined(*class)));
        assert_eq!(peer.seen().len(), 2);
    }
}

#[tokio::test]
async fn a_decline_that_answers_a_repetition_is_no_decline() {
    let declined = || error(403, "NOT_ENOUGH");
    for (asked, want) in [
        (state("SUCCESS", |_| ()), "AlreadyPaid"),
        (state("ACCEPT", |_| ()), "NumberInUse"),
        (state("PAYERROR", |_| ()), "Declined(InsufficientFunds)"),
        (state("CLOSED", |_| ()), "Declined(InsufficientFunds)"),
        (Canned::new(502, ""), "server_error"),
        (error(403, "NO_AUTH"), "system_error"),
    ] {
        let peer = peer(declined(), asked).await;
        assert_eq!(shown(debit(&plain(&peer), Some(&agreed())).await), want);
    }
    let unsure = peer(declined(), error(429, "FREQUENCY_LIMITED")).await;
    let Outcome::Unknown(why) = debit(&plain(&unsure), Some(&agreed())).await else { panic!() };
    assert!(!why.not_sent, "the charge was sent, whatever became of the question");
}

#[tokio::test]
async fn other_answers_to_a_charge_are_never_a_decline() {
    for (canned, want) in [
        (Canned::new(500, ""), "server_error"),
        (error(500, "SYSTEM_ERROR"), "system_error"),
        (error(400, "BANK_ERROR"), "system_error"),
        (error(429, "RATELIMIT_EXCEEDED"), "rate_limited"),
        (error(400, "SOMETHING_NEW"), "unreadable"),
        (error(400, "INVALID_REQUEST"), "Definite"),
        (error(400, "PARAM_ERROR"), "Definite"),
        (error(401, "SIGN_ERROR"), "Configuration"),
        (error(400, "ORDER_PAID"), "AlreadyPaid"),
        (error(403, "OUT_TRADE_NO_USED"), "AlreadyPaid"),
        (error(400, "ORDER_CLOSED"), "NumberClosed"),
        (signed(Canned::new(200, r#"{"out_trade_no":"another"}"#)), "unreadable"),
        (Canned { headers: Vec::new(), ..taken() }, "bad_signature"),
    ] {
        let peer = peer(canned, Canned::new(500, "")).await;
        assert_eq!(shown(debit(&plain(&peer), Some(&agreed())).await), want);
        assert_eq!(peer.seen().len(), 1);
    }
}

#[tokio::test]
async fn a_charge_is_asked_about_like_a_payment_and_a_failed_one_is_declined() {
    let query = async |canned: Canned| {
        let peer = peer(Canned::new(500, ""), canned).await;
        plain(&peer).channel.query(&charged()).await
    };
    assert_eq!(query(state("ACCEPT", |_| ())).await, Outcome::Done(Standing::Unpaid));
    assert!(
        matches!(query(state("SUCCESS", |_| ())).await, Outcome::Done(Standing::Paid(r)) if r.amount_minor == 1234)
    );
    let failed = state("PAYERROR", |v| {
        v["trade_state_desc"] = json!("扣款失败，银行卡余额不足");
        v.as_object_mut().unwrap().remove("trade_type");
    });
    let decline =
        Decline { class: DeclineClass::InsufficientFunds, reason: "扣款失败，银行卡余额不足".into() };
    assert_eq!(query(failed).await, Outcome::Done(Standing::Declined(decline)), "our method says that it is a charge");
    assert_eq!(query(error(404, "ORDER_NOT_EXIST")).await, Outcome::Done(Standing::Absent));
}

#[tokio::test]
async fn a_charge_is_closed_by_what_a_question_proves() {
    for (asked, want) in [
        (state("PAYERROR", |_| ()), Closed::Accepted),
        (state("CLOSED", |_| ()), Closed::Accepted),
        (state("SUCCESS", |_| ()), Closed::AlreadyPaid),
        (state("ACCEPT", |_| ()), Closed::TooEarly),
        (error(404, "ORDER_NOT_EXIST"), Closed::Absent),
    ] {
        let peer = peer(Canned::new(500, ""), asked).await;
        assert_eq!(plain(&peer).channel.close(&charged()).await, Outcome::Done(want));
        assert!(peer.seen().iter().all(|s| s.method == "GET"), "there is no call that closes a charge");
    }
    let peer = peer(Canned::new(500, ""), Canned::new(502, "")).await;
    assert_eq!(shown(plain(&peer).channel.close(&charged()).await), "server_error");
}

async fn announce(fixture: &Fixture, agreement: &Agreement, minor: i64, days: u8) -> Outcome<()> {
    let (amount, from) = (Money::new(minor, Currency::CNY), "2027-01-17".parse().unwrap());
    fixture.channel.announce(&Announcement { agreement, amount, from, days }).await
}

#[tokio::test]
async fn a_payer_is_told_of_the_amount_and_the_days() {
    let peer = Peer::start(|_| signed(Canned::new(204, ""))).await;
    let fixture = plain(&peer);
    assert_eq!(announce(&fixture, &agreed(), 1200, 3).await, Outcome::Done(()));
    let seen = peer.seen().remove(0);
    assert_signed(&seen);
    assert_eq!(seen.target, format!("/v3/papay/contracts/{CONTRACT_ID}/notify"));
    assert_eq!(
        serde_json::from_slice::<Value>(&seen.body).unwrap(),
        json!({
            "mchid": MCHID, "appid": APPID, "estimated_amount": {"amount": 1200, "currency": "CNY"},
            "deduct_duration": {"count": 3, "unit": "DAY"},
        })
    );
    assert_eq!(fixture.count("announce", "done"), 1);
    for (agreement, minor, days) in
        [(&agreement(), 1200, 3), (&agreed(), 1235, 3), (&agreed(), 0, 3), (&agreed(), 1, 4)]
    {
        assert_eq!(shown(announce(&fixture, agreement, minor, days).await), "Definite");
    }
    assert_eq!(peer.seen().len(), 1);
}

#[tokio::test]
async fn a_scheduled_charge_is_announced_by_its_schedule() {
    let peer = Peer::start(|_| signed(Canned::new(200, r#"{"schedule_state":"SCHEDULED"}"#))).await;
    let fixture = Fixture::with(with(&[peer.url()], json!({"plan_id": 1, "scheduled": true})));
    assert_eq!(announce(&fixture, &agreed(), 1234, 1).await, Outcome::Done(()));
    let seen = peer.seen().remove(0);
    assert_eq!(seen.target, format!("/v3/papay/pay/schedules/contract-id/{CONTRACT_ID}/schedule"));
    let want = json!({"appid": APPID, "schedule_amount": {"total": 1234, "currency": "CNY"}});
    assert_eq!(serde_json::from_slice::<Value>(&seen.body).unwrap(), want);
}

#[tokio::test]
async fn a_refused_announcement_says_whether_the_agreement_is_gone() {
    for (canned, want) in [
        (error(404, "RESOURCE_NOT_EXISTS"), "Declined(Agreement)"),
        (error(400, "INVALID_REQUEST"), "Definite"),
        (Canned::new(500, ""), "server_error"),
        (error(400, "SOMETHING_NEW"), "unreadable"),
    ] {
        let peer = Peer::start(move |_| canned.clone()).await;
        assert_eq!(shown(announce(&plain(&peer), &agreed(), 1, 1).await), want);
    }
    assert_eq!(agreed().number(), CODE);
}
