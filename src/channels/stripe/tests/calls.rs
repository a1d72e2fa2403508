//! Asking where a payment stands, and what each error means to each call.

use bursar_core::clock::MINUTE_MS;
use bursar_core::observation::Receipt;

use super::*;
use crate::Standing;
use crate::stripe::errors::{CODES, Meaning};

fn receipt() -> Receipt {
    Receipt {
        transaction_id: INTENT.into(),
        amount_minor: 1234,
        currency: "HKD".into(),
        payee_matches: true,
        paid_at: NOW.plus_ms(MINUTE_MS),
    }
}

#[tokio::test]
async fn the_intent_that_is_known_is_read_with_what_tells_the_times() {
    let peer = Peer::start(|_| ok(&intent_in("succeeded"))).await;
    let fixture = Fixture::at(&peer);
    assert_eq!(fixture.channel.query(&open(Method::Card)).await, Outcome::Done(Standing::Paid(receipt())));
    let seen = peer.seen().remove(0);
    let (path, query) = seen.target.split_once('?').unwrap();
    assert_eq!((seen.method.as_str(), path), ("GET", &*format!("/v1/payment_intents/{INTENT}")));
    assert_eq!(members(query), strings([("expand[]", "latest_charge.balance_transaction")]));
    assert_eq!(seen.header("authorization"), format!("Bearer {SECRET_KEY}"));
    assert!(seen.body.is_empty() && seen.header("idempotency-key").is_empty());
}

#[tokio::test]
async fn a_hold_is_told_with_the_time_at_which_it_lapses() {
    let peer = Peer::start(|_| ok(&intent_in("requires_capture"))).await;
    let outcome = Fixture::at(&peer).channel.query(&open(Method::CardHold)).await;
    let Outcome::Done(Standing::Authorized(hold)) = outcome else { panic!("{outcome:?}") };
    assert_eq!(hold.receipt, receipt());
    assert_eq!(hold.lapses_at, Some(NOW.plus_ms(MINUTE_MS + 7 * 24 * HOUR_MS)));
}

#[tokio::test]
async fn without_its_id_the_intent_is_searched_by_the_number_and_the_newest_are_looked_through() {
    let listed =
        || Peer::start(|s| if s.target.contains("/search?") { list(&[]) } else { list(&[intent_in("succeeded")]) });
    let peer = listed().await;
    let fixture = Fixture::at(&peer);
    let lost = Payment { evidence: Evidence { sent_at: Some(NOW), ..Evidence::default() }, ..payment(Method::Card) };
    assert_eq!(fixture.channel.query(&lost).await, Outcome::Done(Standing::Paid(receipt())));
    let seen = peer.seen();
    let search = members(seen[0].target.split_once('?').unwrap().1);
    assert_eq!(search["query"], format!("metadata['bursar_payment']:'{}'", number()));
    assert_eq!(search["expand[]"], "data.latest_charge.balance_transaction");
    let newest = members(seen[1].target.split_once('?').unwrap().1);
    assert_eq!((newest["limit"].as_str(), newest["created[gte]"].as_str()), ("100", "1799999700"));
    assert_eq!(trace(&peer), ["GET /v1/payment_intents/search", "GET /v1/payment_intents"]);
    // Later the search has caught up.
    let peer = listed().await;
    let fixture = Fixture::at(&peer);
    fixture.clock.advance_ms(10 * MINUTE_MS + 1);
    assert_eq!(fixture.channel.query(&lost).await, Outcome::Done(Standing::Absent));
    assert_eq!(peer.seen().len(), 1);
}

#[tokio::test]
async fn the_newest_are_looked_through_page_by_page_but_not_for_ever() {
    let page = |s: &Seen| {
        if s.target.contains("/search?") {
            return list(&[]);
        }
        let after = members(s.target.split_once('?').unwrap().1).get("starting_after").cloned();
        let (id, last) = match after.as_deref() {
            None => ("pi_1", None),
            Some("pi_1") => ("pi_2", None),
            Some("pi_2") => ("pi_3", Some(())),
            Some(other) => panic!("asked after {other}"),
        };
        let other = intent(|v| {
            v["id"] = json!(id);
            v["metadata"] = json!({});
        });
        ok(&json!({"object": "list", "data": [other], "has_more": true, "third": last}))
    };
    let peer = Peer::start(page).await;
    assert_eq!(Fixture::at(&peer).channel.query(&payment(Method::Card)).await, Outcome::Done(Standing::Absent));
    assert_eq!(peer.seen().len(), 4);
}

#[tokio::test]
async fn of_several_intents_the_one_that_has_come_farthest_counts_and_strangers_do_not() {
    let with = |id: &str, status: &str| {
        let mut value = intent_in(status);
        value["id"] = json!(id);
        value
    };
    let stranger = intent(|v| v["metadata"] = json!({"bursar_payment": "another"}));
    let found = [with("pi_1", "canceled"), with("pi_2", "requires_capture"), with("pi_3", "processing"), stranger];
    let peer = Peer::start(move |_| list(&found)).await;
    let outcome = Fixture::at(&peer).channel.query(&payment(Method::CardHold)).await;
    assert!(matches!(outcome, Outcome::Done(Standing::Authorized(h)) if h.receipt.transaction_id == "pi_2"));
}

#[tokio::test]
async fn an_answer_about_another_number_is_unknown_and_the_other_mode_is_told() {
    let peer = Peer::start(|_| ok(&intent(|v| v["metadata"] = json!({"bursar_payment": "x"})))).await;
    assert_eq!(kind(Fixture::at(&peer).channel.query(&open(Method::Card)).await), (WhyKind::Unreadable, false));
    let peer = Peer::start(|_| {
        let mut live = intent_in("succeeded");
        live["livemode"] = json!(true);
        ok(&live)
    })
    .await;
    let outcome = Fixture::at(&peer).channel.query(&open(Method::Card)).await;
    assert!(matches!(outcome, Outcome::Done(Standing::Paid(r)) if !r.payee_matches));
}

#[tokio::test]
async fn our_number_is_read_from_the_intent_that_a_dispute_names() {
    let peer = Peer::start(|s| match s.target.as_str() {
        "/v1/payment_intents/pi_1?" => ok(&intent(|_| ())),
        "/v1/payment_intents/pi_2?" => ok(&intent(|v| v["metadata"] = json!({}))),
        _ => error(404, "invalid_request_error", "resource_missing"),
    })
    .await;
    let fixture = Fixture::at(&peer);
    assert_eq!(fixture.channel.number_of("pi_1").await, Outcome::Done(Some(number())));
    assert_eq!(fixture.channel.number_of("pi_2").await, Outcome::Done(None));
    assert_eq!(fixture.channel.number_of("pi_3").await, Outcome::Done(None));
    for id in ["", "ch_1", "pi_1/cancel", "pi_1?a=b"] {
        assert_eq!(fixture.channel.number_of(id).await, Outcome::Done(None), "{id}");
    }
    assert_eq!(peer.seen().len(), 3);
}

/// What create, query and close make of an error with this meaning. Of a close with "state" more is asked.
fn expected(meaning: Meaning) -> [&'static str; 3] {
    match meaning {
        Meaning::System | Meaning::Busy => ["system_error"; 3],
        Meaning::TooMany => ["rate_limited"; 3],
        Meaning::NoFunds => ["NoFunds"; 3],
        Meaning::Declined | Meaning::Wrong | Meaning::Spent => ["Definite"; 3],
        Meaning::State => ["unreadable"; 3],
        Meaning::Account => ["Configuration"; 3],
        Meaning::InUse => ["NumberInUse"; 3],
        Meaning::Absent => ["Definite", "Absent", "Absent"],
    }
}

#[tokio::test]
async fn every_code_of_the_table_has_its_meaning_in_each_call() {
    for (code, meaning) in CODES {
        let peer = Peer::start(|_| error(400, "invalid_request_error", code)).await;
        let fixture = Fixture::at(&peer);
        let [create, query, close] = expected(*meaning);
        assert_eq!(shown(fixture.create(&payment(Method::Card)).await), create, "create {code}");
        assert_eq!(shown(fixture.channel.query(&open(Method::Card)).await), query, "query {code}");
        assert_eq!(shown(fixture.channel.close(&open(Method::Card)).await), close, "close {code}");
    }
}

#[tokio::test]
async fn statuses_and_types_mean_the_same_to_all_calls_and_what_is_not_known_is_never_a_no() {
    for (status, kind, want) in [
        (400, "invalid_request_error", "Definite"),
        (402, "card_error", "Definite"),
        (401, "invalid_request_error", "Configuration"),
        (403, "invalid_request_error", "Configuration"),
        (404, "invalid_request_error", "Configuration"),
        (409, "invalid_request_error", "system_error"),
        (429, "invalid_request_error", "rate_limited"),
        (500, "api_error", "server_error"),
        (503, "api_error", "server_error"),
        (400, "something_new", "unreadable"),
    ] {
        let peer = Peer::start(move |_| error(status, kind, "")).await;
        let fixture = Fixture::at(&peer);
        assert_eq!(shown(fixture.create(&payment(Method::Card)).await), want, "create {status} {kind}");
        assert_eq!(shown(fixture.channel.query(&open(Method::Card)).await), want, "query {status} {kind}");
        assert_eq!(shown(fixture.channel.close(&open(Method::Card)).await), want, "close {status} {kind}");
    }
}
