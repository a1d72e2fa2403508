//! Fetching bills: what is asked for, and what of an answer is believed.

use std::io::Write;

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use bursar_core::reconcile::BillKind;
use flate2::Compression;
use flate2::write::GzEncoder;

use super::calls::assert_signed;
use super::*;
use crate::bill::{BillRequest, Fetched};
use crate::testing::{Peer, Seen};

const TEXT: &[u8] = b"a bill\r\n";

fn request(kind: BillKind) -> BillRequest {
    BillRequest { kind, day: "2026-11-22".parse().unwrap() }
}

fn packed() -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(TEXT).unwrap();
    encoder.finish().unwrap()
}

fn sha1() -> String {
    digest(&SHA1_FOR_LEGACY_USE_ONLY, TEXT).as_ref().iter().map(|b| format!("{b:02X}")).collect()
}

/// A channel that offers a file at `url` (its own where there is none) with this digest.
async fn offering(url: Option<&'static str>, hash: String, file: Canned) -> (Peer, Fixture) {
    let peer = Peer::start(move |seen: &Seen| {
        if seen.target.starts_with("/v3/billdownload/") {
            return file.clone();
        }
        let own = format!("http://{}/v3/billdownload/file?token=a%2Fb", seen.header("host"));
        let url = url.map_or(own, str::to_owned);
        let body = json!({ "hash_type": "SHA1", "hash_value": hash, "download_url": url });
        signed(Canned::new(200, body.to_string()))
    })
    .await;
    let fixture = Fixture::at(&[peer.url()]);
    (peer, fixture)
}

fn why(outcome: Outcome<Fetched>) -> String {
    match outcome {
        Outcome::Unknown(why) => why.detail,
        other => panic!("expected unknown, found {other:?}"),
    }
}

#[tokio::test]
async fn a_bill_is_asked_for_then_fetched_signed_and_proved_by_its_digest() {
    let paths = [
        (BillKind::Trade, "/v3/bill/tradebill?bill_date=2026-11-22&bill_type=ALL&tar_type=GZIP"),
        (BillKind::Funds, "/v3/bill/fundflowbill?bill_date=2026-11-22&account_type=BASIC&tar_type=GZIP"),
    ];
    for (kind, path) in paths {
        // The file has no signature.
        let (peer, fixture) = offering(None, sha1(), Canned::new(200, packed())).await;
        let Outcome::Done(Fetched::Ready(file)) = fixture.channel.fetch_bill(request(kind)).await else { panic!() };
        assert_eq!(file.part(0, 1_000).unwrap(), packed());
        assert_eq!(file.name, format!("wechat_{MCHID}_{kind}_2026-11-22.csv.gz"));
        let seen = peer.seen();
        assert_eq!((seen[0].target.as_str(), seen[1].target.as_str()), (path, "/v3/billdownload/file?token=a%2Fb"));
        seen.iter().for_each(assert_signed);
        assert_eq!(fixture.count("bill", "done"), 1);
    }
}

#[tokio::test]
async fn a_wrong_digest_names_both_and_gives_nothing() {
    let (_peer, fixture) = offering(None, "00".repeat(20), Canned::new(200, packed())).await;
    let detail = why(fixture.channel.fetch_bill(request(BillKind::Trade)).await);
    assert!(detail.contains(&sha1().to_lowercase()) && detail.contains(&"00".repeat(20)), "{detail}");
    let mut cut = packed();
    cut.pop();
    let (_peer, fixture) = offering(None, sha1(), Canned::new(200, cut)).await;
    assert_eq!(why(fixture.channel.fetch_bill(request(BillKind::Trade)).await), "the bill is packed and cut off");
}

#[tokio::test]
async fn what_we_sign_goes_to_the_accounts_own_hosts_only() {
    for url in
        ["http://127.0.0.2:1/v3/billdownload/file", "https://evil.example/v3/billdownload/file?token=1", "token", ""]
    {
        let (peer, fixture) = offering(Some(url), sha1(), Canned::new(200, packed())).await;
        let detail = why(fixture.channel.fetch_bill(request(BillKind::Trade)).await);
        assert!(detail.contains("not at a host of the account"), "{detail}");
        assert_eq!(peer.seen().len(), 1);
    }
}

#[tokio::test]
async fn a_day_without_a_bill_is_told_from_one_that_is_not_made_yet() {
    for (code, empty) in [("NO_STATEMENT_EXIST", true), ("STATEMENT_CREATING", false)] {
        let peer = Peer::start(move |_| error(400, code)).await;
        let found = Fixture::at(&[peer.url()]).channel.fetch_bill(request(BillKind::Trade)).await;
        match found {
            Outcome::Done(Fetched::Empty) => assert!(empty),
            Outcome::Done(Fetched::NotReady(words)) => assert!(!empty && words.starts_with("STATEMENT_CREATING")),
            other => panic!("{other:?}"),
        }
    }
    for (status, code) in [(403, "NO_AUTH"), (400, "PARAM_ERROR")] {
        let peer = Peer::start(move |_| error(status, code)).await;
        let found = Fixture::at(&[peer.url()]).channel.fetch_bill(request(BillKind::Trade)).await;
        assert!(matches!(found, Outcome::Refused(_)), "{found:?}");
    }
}

#[tokio::test]
async fn a_file_that_does_not_come_is_unknown() {
    for (file, expected) in [
        (error(400, "PARAM_ERROR"), WhyKind::Unreadable),
        (Canned::new(502, "no"), WhyKind::ServerError),
        (Canned::hang(), WhyKind::Timeout),
    ] {
        let (_peer, fixture) = offering(None, sha1(), file).await;
        let fixture = Fixture::with({
            let mut slow = settings(&[_peer.url()]);
            slow["timeout_ms"] = json!(300);
            drop(fixture);
            slow
        });
        let Outcome::Unknown(why) = fixture.channel.fetch_bill(request(BillKind::Funds)).await else { panic!() };
        assert_eq!(why.kind, expected, "{why}");
    }
}

#[tokio::test]
async fn the_contracts_fees_are_what_the_settings_say() {
    let mut with = settings(&["http://127.0.0.1:1".to_owned()]);
    assert_eq!(Fixture::with(with.clone()).channel.fees(), None);
    with["fees"] = json!({"basis_points": 60, "returned": true});
    let fees = Fixture::with(with).channel.fees().unwrap();
    assert_eq!((fees.of_capture(10_000), fees.of_refund(10_000), fees.tolerance_minor), (60, -60, 1));
}
