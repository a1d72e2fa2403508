//! Charges of a token: what is sent, what each answer proves, and what ends one.

use bursar_core::agreement::Agreement;
use bursar_core::decline::{Decline, DeclineClass};
use bursar_core::observation::PayCode;

use super::agreements::{NOTIFY_URL, TOKEN, agreement, shown, with_tokens};
use super::*;
use crate::channel::CreateRequest;
use crate::debit::tests::{charge, signed as signed_by};
use crate::outcome::{Closed, RefusalClass};
use crate::unionpay::declines::CODES;

fn agreed() -> Agreement {
    signed_by(agreement(), TOKEN)
}

fn charged() -> Payment {
    charge(payment(Method::UnionpayDebit), &agreed())
}

async fn debit(fixture: &Fixture, agreement: Option<&Agreement>) -> Outcome<PayCode> {
    let (order, payment) = (order(), charged());
    let request = CreateRequest { order: &order, payment: &payment, agreement, notify_url: NOTIFY_URL };
    fixture.channel.create(&request).await
}

fn answer(code: &str) -> Canned {
    let more = [("txnType", "01"), ("bizType", "000902"), ("respCode", code), ("respMsg", "in words")];
    signed(about(NUMBER, TXN_TIME, &more))
}

/// The channel's answer to a question about a charge that ended with `code`.
fn ended(code: &str) -> Canned {
    signed(paid(&[("bizType", "000902"), ("origRespCode", code), ("origRespMsg", "in words")]))
}

#[tokio::test]
async fn a_charge_names_the_token_and_the_amount_in_fen_and_nothing_of_the_card() {
    let peer = peer(&[(BACK, answer("00"))]).await;
    let fixture = Fixture::with(with_tokens(&[peer.url()]));
    for _ in 0..2 {
        assert_eq!(debit(&fixture, Some(&agreed())).await, Outcome::Done(PayCode::Debit));
        fixture.clock.advance_ms(HOUR_MS);
    }
    let want = members(&[
        ("txnType", "01"),
        ("txnSubType", "01"),
        ("bizType", "000902"),
        ("channelType", "07"),
        ("orderId", NUMBER),
        ("txnTime", TXN_TIME),
        ("txnAmt", "1234"),
        ("currencyCode", "156"),
        ("backUrl", NOTIFY_URL),
        ("reqReserved", "2027-0001"),
        ("tokenPayData", "{token=6235240000760877254&trId=62000000001}"),
    ]);
    let seen = peer.seen();
    assert_eq!((sent(&seen[0]), sent(&seen[1])), (want.clone(), want), "every attempt is the same transaction");
}

#[tokio::test]
async fn nobody_is_charged_without_a_signed_agreement_or_beyond_it() {
    let peer = peer(&[]).await;
    let fixture = Fixture::with(with_tokens(&[peer.url()]));
    assert_eq!(shown(debit(&fixture, None).await), "Definite");
    assert_eq!(shown(debit(&fixture, Some(&agreement())).await), "Definite");
    assert_eq!(shown(debit(&fixture, Some(&signed_by(agreement(), "a&b}"))).await), "Definite");
    let small = Agreement { limit: Money::new(1233, Currency::CNY), ..agreed() };
    assert_eq!(shown(debit(&fixture, Some(&small)).await), "Declined(Terms)");
    let Outcome::Refused(refusal) = debit(&Fixture::at(&[peer.url()]), Some(&agreed())).await else { panic!() };
    assert!(refusal.class == RefusalClass::Definite && refusal.message.contains("`agreements`"), "{refusal}");
    assert!(peer.seen().is_empty());
}

async fn outcome(code: &str, asked: Canned) -> (String, usize) {
    let peer = peer(&[(BACK, answer(code)), (QUERY, asked)]).await;
    let found = debit(&Fixture::with(with_tokens(&[peer.url()])), Some(&agreed())).await;
    (shown(found), peer.seen().len())
}

#[tokio::test]
async fn a_decline_is_believed_when_the_channel_says_the_same_of_the_charge() {
    for (code, class) in CODES {
        let want = format!("{:?}", RefusalClass::Declined(*class));
        assert_eq!(outcome(code, ended(code)).await, (want.clone(), 2), "{code}");
        assert_eq!(outcome(code, absent()).await, (want, 2), "{code}");
    }
    assert_eq!(outcome("34", absent()).await.0, "Declined(Agreement)", "there is no such token");
    for (asked, want) in
        [(ended("00"), "AlreadyPaid"), (ended("05"), "system_error"), (Canned::new(500, ""), "server_error")]
    {
        assert_eq!(outcome("64", asked).await.0, want);
    }
}

#[tokio::test]
async fn other_answers_to_a_charge_are_never_a_decline() {
    for (code, want) in [
        ("03", "system_error"),
        ("05", "system_error"),
        ("06", "system_error"),
        ("99", "system_error"),
        ("37", "rate_limited"),
        ("42", "unreadable"),
        ("Z9", "unreadable"),
        ("12", "NumberInUse"),
        ("10", "Definite"),
        ("31", "Configuration"),
    ] {
        assert_eq!(outcome(code, ended("64")).await, (want.to_owned(), 1), "{code}");
    }
}

#[tokio::test]
async fn a_charge_is_asked_about_and_ends_by_what_the_answer_proves() {
    for (asked, standing, close) in [
        (ended("64"), "insufficient_funds", Ok(Closed::Accepted)),
        (ended("70"), "hard", Ok(Closed::Accepted)),
        (ended("01"), "technical", Ok(Closed::Accepted)),
        (ended("00"), "paid", Ok(Closed::AlreadyPaid)),
        (absent(), "absent", Ok(Closed::Absent)),
        (ended("05"), "system_error", Err("system_error")),
        (ended("42"), "unreadable", Err("unreadable")),
    ] {
        let peer = peer(&[(QUERY, asked)]).await;
        let fixture = Fixture::with(with_tokens(&[peer.url()]));
        let found = match fixture.channel.query(&charged()).await {
            Outcome::Done(Standing::Declined(Decline { class, reason })) => {
                assert!(reason.ends_with(": in words"), "{reason}");
                class.name().to_owned()
            }
            Outcome::Done(Standing::Paid(receipt)) => {
                assert_eq!(receipt.amount_minor, 1234);
                "paid".to_owned()
            }
            other => shown(other).to_lowercase(),
        };
        assert_eq!(found, standing);
        match close {
            Ok(closed) => assert_eq!(fixture.channel.close(&charged()).await, Outcome::Done(closed)),
            Err(kind) => assert_eq!(shown(fixture.channel.close(&charged()).await), kind),
        }
    }
    assert_eq!(CODES.iter().filter(|(_, class)| *class == DeclineClass::Agreement).count(), 2);
}
