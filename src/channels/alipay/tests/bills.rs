//! Fetching bills: what is asked for, and what of an answer is believed.

use bursar_core::clock::DAY_MS;
use bursar_core::reconcile::BillKind;

use super::*;
use crate::bill::{BillRequest, Fetched};
use crate::testing::Peer;

/// The day before [`NOW`], whose bill is due at half past nine.
fn request(kind: BillKind) -> BillRequest {
    BillRequest { kind, day: "2027-01-14".parse().unwrap() }
}

/// A channel that offers a file at `url`, or at its own `/file`.
async fn offering(url: Option<&'static str>, file: Canned) -> Peer {
    Peer::start(move |seen: &Seen| {
        if seen.target.starts_with("/file") {
            return file.clone();
        }
        let own = format!("http://{}/file?fileType=csv.zip&x=%2B", seen.header("host"));
        done(seen, json!({ "bill_download_url": url.map_or(own, str::to_owned) }))
    })
    .await
}

#[tokio::test]
async fn an_address_is_asked_for_and_the_file_fetched_from_it_at_once_without_our_signature() {
    for (kind, bill_type) in [(BillKind::Trade, "trade"), (BillKind::Funds, "signcustomer")] {
        let peer = offering(None, Canned::new(200, "PK whatever")).await;
        let fixture = Fixture::at(&[peer.url()]);
        let Outcome::Done(Fetched::Ready(file)) = fixture.channel.fetch_bill(request(kind)).await else { panic!() };
        assert_eq!(file.part(0, 100).unwrap(), b"PK whatever");
        assert_eq!(file.name, format!("alipay_{SELLER}_{kind}_2027-01-14.csv.zip"));
        let seen = peer.seen();
        assert_signed(&asked(&seen[0]));
        assert_eq!(asked(&seen[0])["method"], "alipay.data.dataservice.bill.downloadurl.query");
        assert_eq!(biz(&seen[0]), json!({"bill_type": bill_type, "bill_date": "2027-01-14"}));
        assert_eq!((seen[1].method.as_str(), seen[1].target.as_str()), ("GET", "/file?fileType=csv.zip&x=%2B"));
        assert_eq!((seen[1].header("authorization"), seen[1].body.len()), ("", 0));
        assert_eq!(fixture.count("bill", "done"), 1);
    }
}

#[tokio::test]
async fn an_address_in_clear_is_not_taken() {
    for url in ["http://dwbillcenter.alipay.com/file", "ftp://127.0.0.1/file", "file:///etc/passwd", "file", ""] {
        let peer = offering(Some(url), Canned::new(200, "")).await;
        let found = Fixture::at(&[peer.url()]).channel.fetch_bill(request(BillKind::Trade)).await;
        let Outcome::Unknown(why) = found else { panic!("{found:?}") };
        assert!(why.detail.contains("it must be https"), "{why}");
        assert_eq!(peer.seen().len(), 1);
    }
}

#[tokio::test]
async fn that_there_is_no_bill_is_believed_when_it_cannot_be_late_any_more() {
    let peer = Peer::start(|seen| failed(seen, "40004", "NO_BILL_DATA")).await;
    let today = BillRequest { day: "2027-01-15".parse().unwrap(), ..request(BillKind::Trade) };
    let nothing = Fixture::at(&[peer.url()]).channel.fetch_bill(today).await;
    assert!(matches!(nothing, Outcome::Done(Fetched::Empty)), "{nothing:?}");
    for code in ["isp.bill_not_exist", "BILL_NOT_EXIST"] {
        let peer = Peer::start(move |seen| failed(seen, "40004", code)).await;
        let fixture = Fixture::at(&[peer.url()]);
        let empty = fixture.channel.fetch_bill(request(BillKind::Trade)).await;
        assert!(matches!(empty, Outcome::Done(Fetched::Empty)), "{code}: {empty:?}");
        let early = fixture.channel.fetch_bill(today).await;
        let Outcome::Done(Fetched::NotReady(words)) = early else { panic!("{code}: {early:?}") };
        assert!(words.starts_with(code), "{words}");
        fixture.clock.advance_ms(DAY_MS);
        assert!(matches!(fixture.channel.fetch_bill(today).await, Outcome::Done(Fetched::Empty)));
    }
}

#[tokio::test]
async fn a_file_that_does_not_come_is_unknown_and_a_refusal_is_one() {
    for (file, expected) in
        [(Canned::new(403, "late"), WhyKind::Unreadable), (Canned::new(500, ""), WhyKind::ServerError)]
    {
        let peer = offering(None, file).await;
        assert_eq!(kind(Fixture::at(&[peer.url()]).channel.fetch_bill(request(BillKind::Trade)).await).0, expected);
    }
    let peer = Peer::start(|seen| failed(seen, "40006", "isv.insufficient-isv-permissions")).await;
    let found = Fixture::at(&[peer.url()]).channel.fetch_bill(request(BillKind::Trade)).await;
    assert_eq!(shown(found), "Configuration");
}
