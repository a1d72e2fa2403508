//! Undoing a whole payment on its own day, where the account asks for it.

use super::refunds::{LEG_NUMBER, asked, back, captured, leg, not_found, processing, refund_of, succeeded, want};
use super::*;
use crate::RefundStanding;

/// The transaction of a call.
fn txn_type(seen: &Seen) -> String {
    sent(seen)["txnType"].clone()
}

/// A peer that answers voids, refunds and questions with one thing each.
async fn three(void: Canned, refund: Canned, question: Canned) -> Peer {
    Peer::start(move |seen: &Seen| match (seen.target.as_str(), txn_type(seen).as_str()) {
        (QUERY, _) => question.clone(),
        (BACK, "31") => void.clone(),
        _ => refund.clone(),
    })
    .await
}

fn voiding(peer: &Peer) -> Fixture {
    let mut settings = settings(&[peer.url()]);
    settings["void_same_day"] = json!(true);
    Fixture::with(settings)
}

fn kinds(peer: &Peer) -> Vec<String> {
    peer.seen().iter().map(txn_type).collect()
}

fn voided(more: &[(&str, &str)]) -> Canned {
    let mut all = vec![("txnType", "31"), ("txnAmt", "1234")];
    all.extend(more);
    back(&all)
}

#[tokio::test]
async fn a_whole_payment_is_undone_on_its_own_day_and_a_question_tells_the_end() {
    let found = asked(&[("txnType", "31"), ("txnAmt", "1234")]);
    let peer = three(voided(&[]), Canned::new(500, ""), found).await;
    let fixture = voiding(&peer);
    assert_eq!(refund_of(&fixture, &captured(NOW), &leg(1234)).await, Outcome::Done(processing()));
    assert_eq!(sent(&peer.seen()[0]), want("31", "1234"));
    let end = fixture.channel.query_refund(&captured(NOW), &leg(1234)).await;
    assert_eq!(end, Outcome::Done(succeeded(1234)));
    assert_eq!(kinds(&peer), ["31", "00"]);
}

#[tokio::test]
async fn a_part_another_day_or_an_account_that_did_not_ask_is_refunded() {
    let yesterday = Timestamp::parse_rfc3339("2027-01-14T22:59:59+08:00").unwrap();
    let this_day = Timestamp::parse_rfc3339("2027-01-14T23:00:00+08:00").unwrap();
    for (paid_at, minor, kind) in
        [(NOW, 1234, "31"), (this_day, 1234, "31"), (yesterday, 1234, "04"), (NOW, 1233, "04")]
    {
        let peer = three(voided(&[]), back(&[]), not_found()).await;
        drop(refund_of(&voiding(&peer), &captured(paid_at), &leg(minor)).await);
        assert_eq!(kinds(&peer), [kind], "{paid_at:?} {minor}");
    }
    let peer = three(voided(&[]), back(&[]), not_found()).await;
    drop(refund_of(&Fixture::at(&[peer.url()]), &captured(NOW), &leg(1234)).await);
    assert_eq!(kinds(&peer), ["04"]);
}

#[tokio::test]
async fn after_a_no_the_same_number_is_refunded_and_after_an_unknown_it_is_not() {
    for code in ["35", "36", "31", "40", "62", "64"] {
        let peer = three(voided(&[("respCode", code)]), back(&[]), not_found()).await;
        let outcome = refund_of(&voiding(&peer), &captured(NOW), &leg(1234)).await;
        assert_eq!((outcome, kinds(&peer)), (Outcome::Done(processing()), vec!["31".to_owned(), "04".to_owned()]));
        let seen: Vec<_> = peer.seen().iter().map(sent).collect();
        assert!(seen.iter().all(|s| s["orderId"] == LEG_NUMBER && s["txnTime"] == seen[0]["txnTime"]), "{seen:?}");
    }
    for void in [voided(&[("respCode", "05")]), voided(&[("respCode", "99")]), Canned::new(500, ""), raw(&members(&[]))]
    {
        let peer = three(void, back(&[]), not_found()).await;
        let outcome = refund_of(&voiding(&peer), &captured(NOW), &leg(1234)).await;
        assert!(matches!(outcome, Outcome::Unknown(_)), "{outcome:?}");
        assert_eq!(kinds(&peer), ["31"]);
    }
}

#[tokio::test]
async fn a_void_whose_answer_was_lost_is_found_again_on_its_day_and_on_the_next() {
    let found = || asked(&[("txnType", "31"), ("txnAmt", "1234")]);
    let taken = || voided(&[("respCode", "12")]);
    let peer = three(taken(), Canned::new(500, ""), found()).await;
    let outcome = refund_of(&voiding(&peer), &captured(NOW), &leg(1234)).await;
    assert_eq!((outcome, kinds(&peer)), (Outcome::Done(succeeded(1234)), vec!["31".to_owned(), "00".to_owned()]));
    // The next day it goes out as a refund, of which the channel says that it has that number.
    let peer = three(Canned::new(500, ""), back(&[("respCode", "12")]), found()).await;
    let fixture = voiding(&peer);
    fixture.clock.advance_ms(24 * HOUR_MS);
    let outcome = refund_of(&fixture, &captured(NOW), &leg(1234)).await;
    assert_eq!((outcome, kinds(&peer)), (Outcome::Done(succeeded(1234)), vec!["04".to_owned(), "00".to_owned()]));
}

#[tokio::test]
async fn a_refused_void_that_the_channel_wrote_down_has_used_the_number_up() {
    let peer = three(
        voided(&[("respCode", "35")]),
        back(&[("respCode", "12")]),
        asked(&[("txnType", "31"), ("origRespCode", "35")]),
    )
    .await;
    let outcome = refund_of(&voiding(&peer), &captured(NOW), &leg(1234)).await;
    assert_eq!(outcome, Outcome::Done(RefundStanding::Closed("35: in words".into())));
    assert_eq!(kinds(&peer), ["31", "04", "00"]);
}
