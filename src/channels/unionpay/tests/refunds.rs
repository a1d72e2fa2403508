//! Refunds and questions about them: what is sent, what each answer means, and how a no is made sure.

use bursar_core::id::{LegId, RefundId};
use bursar_core::observation::Receipt;
use bursar_core::refund::{Leg, LegEvidence, LegState, RefundReceipt, Route};

use super::*;
use crate::RefundStanding;
use crate::channel::RefundRequest;
use crate::outcome::RefusalClass;
use crate::testing::nobody;

pub(super) const NOTIFY_URL: &str = "https://pay.example/notify/unionpay/acc_1";
pub(super) const LEG_NUMBER: &str = "0000000000000000000000002h";
/// A minute after the payment.
pub(super) const LEG_TIME: &str = "20270115160100";
pub(super) const REFUND_ID: &str = "052701151601007863998";

/// A payment that was paid at `paid_at`.
pub(super) fn captured(paid_at: Timestamp) -> Payment {
    let receipt = Receipt {
        transaction_id: QUERY_ID.into(),
        amount_minor: 1234,
        currency: "CNY".into(),
        payee_matches: true,
        paid_at,
    };
    let evidence = Evidence { paid: Some(receipt), ..Evidence::default() };
    Payment { state: PaymentState::Captured, evidence, ..payment(Method::UnionpayWeb) }
}

pub(super) fn leg(minor: i64) -> Leg {
    Leg {
        id: LegId(Uuid::from_u128(0x51)),
        refund: RefundId(Uuid::from_u128(0x50)),
        payment: payment(Method::UnionpayWeb).id,
        sequence: 1,
        route: Route::Channel,
        amount: Money::new(minor, Currency::CNY),
        replaces: None,
        state: LegState::Sending,
        evidence: LegEvidence::default(),
        version: 1,
        due_at: None,
        created_at: NOW.plus_ms(60_000),
    }
}

pub(super) async fn refund_of(fixture: &Fixture, payment: &Payment, leg: &Leg) -> Outcome<RefundStanding> {
    fixture.channel.refund(&RefundRequest { payment, leg, reason: "不满意", notify_url: NOTIFY_URL }).await
}

async fn refund(fixture: &Fixture) -> Outcome<RefundStanding> {
    refund_of(fixture, &captured(NOW), &leg(500)).await
}

async fn ask(fixture: &Fixture) -> Outcome<RefundStanding> {
    fixture.channel.query_refund(&captured(NOW), &leg(500)).await
}

/// An answer about the refund.
pub(super) fn back(more: &[(&str, &str)]) -> Canned {
    let mut all = about(
        LEG_NUMBER,
        LEG_TIME,
        &[
            ("txnType", "04"),
            ("txnSubType", "00"),
            ("bizType", "000201"),
            ("origQryId", QUERY_ID),
            ("queryId", REFUND_ID),
            ("txnAmt", "500"),
        ],
    );
    all.extend(members(more));
    signed(all)
}

/// The answer to a question about the refund.
pub(super) fn asked(more: &[(&str, &str)]) -> Canned {
    let mut all = vec![("origRespCode", "00"), ("origRespMsg", "in words"), ("traceTime", "0115160130")];
    all.extend(more);
    back(&all)
}

pub(super) fn not_found() -> Canned {
    back(&[("respCode", "34"), ("txnType", "00")])
}

pub(super) fn processing() -> RefundStanding {
    RefundStanding::Processing { refund_id: REFUND_ID.into() }
}

pub(super) fn succeeded(minor: i64) -> RefundStanding {
    RefundStanding::Succeeded(RefundReceipt {
        refund_id: REFUND_ID.into(),
        amount_minor: minor,
        currency: "CNY".into(),
        refunded_at: NOW.plus_ms(90_000),
    })
}

/// The members of a call that gives `amount` back.
pub(super) fn want(txn_type: &str, amount: &str) -> Members {
    members(&[
        ("txnType", txn_type),
        ("txnSubType", "00"),
        ("bizType", "000201"),
        ("channelType", "07"),
        ("orderId", LEG_NUMBER),
        ("txnTime", LEG_TIME),
        ("origQryId", QUERY_ID),
        ("txnAmt", amount),
        ("backUrl", NOTIFY_URL),
    ])
}

#[tokio::test]
async fn a_refund_sends_the_documented_members_and_acceptance_is_not_success() {
    let peer = peer(&[(BACK, back(&[]))]).await;
    let fixture = Fixture::at(&[peer.url()]);
    for _ in 0..2 {
        assert_eq!(refund(&fixture).await, Outcome::Done(processing()));
        fixture.clock.advance_ms(10 * HOUR_MS);
    }
    let seen = peer.seen();
    assert_eq!(sent(&seen[0]), want("04", "500"));
    assert_eq!(seen[0].body, seen[1].body, "every attempt is the same transaction");
    assert_eq!((fixture.count("refund", "done"), fixture.count("query_refund", "done")), (2, 0));
}

#[tokio::test]
async fn a_question_names_the_refund_by_its_number_and_its_own_time() {
    let peer = peer(&[(QUERY, asked(&[]))]).await;
    let fixture = Fixture::at(&[peer.url()]);
    fixture.clock.advance_ms(HOUR_MS);
    assert_eq!(ask(&fixture).await, Outcome::Done(succeeded(500)));
    let seen = sent(&peer.seen()[0]);
    assert_eq!(
        (seen["orderId"].as_str(), seen["txnTime"].as_str(), seen["txnType"].as_str()),
        (LEG_NUMBER, LEG_TIME, "00")
    );
    assert_eq!(fixture.count("query_refund", "done"), 1);
}

#[tokio::test]
async fn every_state_of_a_refund_has_its_meaning() {
    for (canned, want) in [
        (asked(&[("origRespCode", "A6")]), succeeded(500)),
        (asked(&[("txnAmt", "499")]), succeeded(499)),
        (asked(&[("origRespCode", "05")]), processing()),
        (asked(&[("origRespCode", "36")]), RefundStanding::Closed("36: in words".into())),
        (asked(&[("origRespCode", "34")]), RefundStanding::Absent),
        (not_found(), RefundStanding::Absent),
    ] {
        let peer = peer(&[(QUERY, canned)]).await;
        assert_eq!(ask(&Fixture::at(&[peer.url()])).await, Outcome::Done(want));
    }
    for (more, want) in [
        (("origRespCode", "01"), WhyKind::SystemError),
        (("origRespCode", "99"), WhyKind::SystemError),
        (("origRespCode", "Z9"), WhyKind::Unreadable),
        (("origRespCode", ""), WhyKind::Unreadable),
        (("respCode", "04"), WhyKind::SystemError),
        (("txnType", "01"), WhyKind::Unreadable),
        (("queryId", ""), WhyKind::Unreadable),
        (("merId", "777290058110049"), WhyKind::Unreadable),
        (("orderId", NUMBER), WhyKind::Unreadable),
    ] {
        let peer = peer(&[(QUERY, asked(&[more]))]).await;
        assert_eq!(kind(ask(&Fixture::at(&[peer.url()])).await), (want, false), "{more:?}");
    }
}

#[tokio::test]
async fn a_refund_that_was_taken_before_is_asked_about() {
    for (found, want) in [
        (asked(&[]), succeeded(500)),
        (asked(&[("origRespCode", "05")]), processing()),
        (asked(&[("origRespCode", "36")]), RefundStanding::Closed("36: in words".into())),
    ] {
        let peer = peer(&[(BACK, back(&[("respCode", "12")])), (QUERY, found)]).await;
        assert_eq!(refund(&Fixture::at(&[peer.url()])).await, Outcome::Done(want));
    }
    // The channel says both "I have it" and "I have it not": neither is believed.
    let peer = peer(&[(BACK, back(&[("respCode", "12")])), (QUERY, not_found())]).await;
    assert_eq!(kind(refund(&Fixture::at(&[peer.url()])).await), (WhyKind::SystemError, false));
}

#[tokio::test]
async fn a_no_is_believed_when_a_question_agrees() {
    let no = || back(&[("respCode", "36"), ("respMsg", "too much")]);
    let peer_of = |found: Canned| async move { peer(&[(BACK, no()), (QUERY, found)]).await };
    let outcome = refund(&Fixture::at(&[peer_of(not_found()).await.url()])).await;
    let Outcome::Refused(refusal) = outcome else { panic!("{outcome:?}") };
    assert_eq!(
        (refusal.code.as_str(), refusal.message.as_str(), refusal.class),
        ("36", "too much", RefusalClass::Definite)
    );
    // It was the answer to a repetition.
    assert_eq!(refund(&Fixture::at(&[peer_of(asked(&[])).await.url()])).await, Outcome::Done(succeeded(500)));
    // The question found no answer: the no is not believed, and the call was sent.
    for found in [Canned::new(500, ""), asked(&[("origRespCode", "99")]), back(&[("respCode", "31")])] {
        let outcome = refund(&Fixture::at(&[peer_of(found).await.url()])).await;
        let Outcome::Unknown(why) = outcome else { panic!("{outcome:?}") };
        assert!(!why.not_sent && why.detail.contains("36: too much"), "{why}");
    }
}

#[tokio::test]
async fn some_answers_are_final_or_unknown_without_a_question() {
    for (code, class) in
        [("64", RefusalClass::NoFunds), ("11", RefusalClass::Configuration), ("31", RefusalClass::Configuration)]
    {
        let peer = peer(&[(BACK, back(&[("respCode", code)]))]).await;
        let outcome = refund(&Fixture::at(&[peer.url()])).await;
        assert!(matches!(&outcome, Outcome::Refused(refusal) if refusal.class == class), "{code}: {outcome:?}");
    }
    for (code, want) in [
        ("01", WhyKind::SystemError),
        ("03", WhyKind::SystemError),
        ("05", WhyKind::SystemError),
        ("99", WhyKind::SystemError),
        ("37", WhyKind::RateLimited),
        ("34", WhyKind::Unreadable),
        ("Z9", WhyKind::Unreadable),
        ("", WhyKind::Unreadable),
    ] {
        let peer = peer(&[(BACK, back(&[("respCode", code)]))]).await;
        assert_eq!(kind(refund(&Fixture::at(&[peer.url()])).await), (want, false), "{code}");
    }
    let peer = peer(&[(BACK, back(&[("queryId", "")]))]).await;
    assert_eq!(kind(refund(&Fixture::at(&[peer.url()])).await), (WhyKind::Unreadable, false));
}

#[tokio::test]
async fn a_refund_that_cannot_be_written_is_refused_without_being_sent() {
    let peer = peer(&[]).await;
    let fixture = Fixture::at(&[peer.url()]);
    let paid = captured(NOW);
    let unpaid = payment(Method::UnionpayWeb);
    let mut strange = captured(NOW);
    strange.evidence.paid.as_mut().unwrap().transaction_id = "a&b".into();
    let dollars = Leg { amount: Money::new(1, "USD".parse().unwrap()), ..leg(1) };
    for (payment, leg, code) in [
        (&paid, leg(0), "AMOUNT"),
        (&paid, leg(-1), "AMOUNT"),
        (&paid, leg(1235), "AMOUNT"),
        (&paid, dollars, "CURRENCY"),
        (&unpaid, leg(500), "NOT_PAID"),
        (&strange, leg(500), "NOT_PAID"),
    ] {
        let outcome = refund_of(&fixture, payment, &leg).await;
        assert!(matches!(&outcome, Outcome::Refused(refusal) if refusal.code == code), "{code}: {outcome:?}");
    }
    assert_eq!(peer.seen().len(), 0);
}

#[tokio::test]
async fn a_lost_answer_is_unknown_and_nothing_was_sent_when_nobody_listens() {
    let slow = Peer::start(|_| Canned::hang()).await;
    let mut settings = settings(&[slow.url()]);
    settings["timeout_ms"] = json!(100);
    assert_eq!(kind(refund(&Fixture::with(settings)).await), (WhyKind::Timeout, false));
    assert_eq!(kind(refund(&Fixture::at(&[nobody().await])).await), (WhyKind::NotConnected, true));
}

#[tokio::test]
async fn refunds_that_are_held_back_do_not_hold_questions_back() {
    let peer = peer(&[(BACK, back(&[("respCode", "37")])), (QUERY, absent())]).await;
    let mut settings = settings(&[peer.url()]);
    settings["refund_rate_per_second"] = json!(1);
    let fixture = Fixture::with(settings);
    for _ in 0..4 {
        drop(refund(&fixture).await);
    }
    assert_eq!(fixture.query().await, ABSENT);
}
