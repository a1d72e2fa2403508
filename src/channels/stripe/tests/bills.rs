//! Fetching balance transactions: what is asked for, and how pages become a file.

use bursar_core::reconcile::BillKind;

use super::*;
use crate::bill::{BillRequest, Fetched, check};
use crate::testing::Peer;

/// The day before [`NOW`].
fn request() -> BillRequest {
    BillRequest { kind: BillKind::Trade, day: "2027-01-14".parse().unwrap() }
}

fn transaction(nth: i64) -> Value {
    json!({
        "id": format!("txn_{nth}"), "object": "balance_transaction", "amount": 100, "fee": 3, "net": 97, "currency": "hkd",
        "created": NOW.as_seconds() - 86_400 + nth, "type": "charge", "source": {
            "id": format!("ch_{nth}"), "object": "charge", "payment_intent": format!("pi_{nth}"),
            "metadata": {"bursar_payment": number()},
        },
    })
}

#[tokio::test]
async fn all_pages_of_the_day_become_one_file_that_can_be_read() {
    let peer = Peer::start(|seen: &Seen| {
        let asked = members(seen.target.split_once('?').unwrap().1);
        let first: i64 = asked.get("starting_after").map_or(250, |id| id.trim_start_matches("txn_").parse().unwrap());
        let last = (first - 100).max(0);
        let data: Vec<Value> = (last..first).rev().map(transaction).collect();
        ok(&json!({"object": "list", "data": data, "has_more": last > 0}))
    })
    .await;
    let fixture = Fixture::at(&peer);
    let outcome = fixture.channel.fetch_bill(request()).await;
    let Outcome::Done(Fetched::Ready(file)) = outcome else { panic!("{outcome:?}") };
    let sums = check(fixture.channel.read_bill(request(), &file).unwrap()).unwrap();
    assert_eq!((sums.lines, sums.captured_minor, sums.fee_minor), (250, 25_000, 750));
    let seen = peer.seen();
    assert_eq!(trace(&peer), vec!["GET /v1/balance_transactions"; 3]);
    let asked = members(seen[1].target.split_once('?').unwrap().1);
    let day = (1_799_884_800_i64, 1_799_971_200_i64);
    let expected = strings([
        ("created[gte]", &day.0.to_string()),
        ("created[lt]", &day.1.to_string()),
        ("expand[]", "data.source"),
        ("limit", "100"),
        ("starting_after", "txn_150"),
    ]);
    assert_eq!(asked, expected);
    assert_eq!(fixture.count("bill", "done"), 1);
}

#[tokio::test]
async fn a_day_without_transactions_is_empty_and_one_that_is_not_over_is_not_ready() {
    let peer = Peer::start(|_| list(&[])).await;
    let fixture = Fixture::at(&peer);
    assert!(matches!(fixture.channel.fetch_bill(request()).await, Outcome::Done(Fetched::Empty)));
    let today = BillRequest { day: "2027-01-15".parse().unwrap(), ..request() };
    assert!(matches!(fixture.channel.fetch_bill(today).await, Outcome::Done(Fetched::NotReady(_))));
    assert_eq!(peer.seen().len(), 1);
    let funds = BillRequest { kind: BillKind::Funds, ..request() };
    assert!(matches!(fixture.channel.fetch_bill(funds).await, Outcome::Refused(_)));
}

#[tokio::test]
async fn half_a_list_is_no_bill() {
    // A page that does not say where the next one begins, one that begins with itself, and one that fails.
    let more = |data: Vec<Value>| ok(&json!({"object": "list", "data": data, "has_more": true}));
    for (second, expected) in [
        (more(Vec::new()), "unreadable"),
        (more(vec![transaction(1)]), "unreadable"),
        (more(vec![json!({"id": "../1"})]), "unreadable"),
        (error(500, "api_error", ""), "server_error"),
        (error(403, "invalid_request_error", ""), "Configuration"),
    ] {
        let peer = Peer::start(move |seen: &Seen| {
            if seen.target.contains("starting_after") { second.clone() } else { more(vec![transaction(1)]) }
        })
        .await;
        let found = shown(Fixture::at(&peer).channel.fetch_bill(request()).await);
        assert!(found == expected, "{found} instead of {expected}");
    }
}
