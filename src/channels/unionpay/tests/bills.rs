//! Fetching the file of a day: what is asked for, and what of an answer is believed.

use std::io::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bursar_core::reconcile::BillKind;
use flate2::Compression;
use flate2::write::ZlibEncoder;

use super::*;
use crate::bill::{BillRequest, Fetched};

/// The day before [`NOW`], whose file is due at half past nine.
fn request() -> BillRequest {
    BillRequest { kind: BillKind::Trade, day: "2027-01-14".parse().unwrap() }
}

fn wrapped(bytes: &[u8]) -> String {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    STANDARD.encode(encoder.finish().unwrap())
}

/// What an answer with a file has.
fn holding(content: &str, more: &[(&str, &str)]) -> Members {
    let mut all = about(
        "",
        TXN_TIME,
        &[
            ("txnType", "76"),
            ("txnSubType", "01"),
            ("bizType", "000000"),
            ("fileType", "00"),
            ("settleDate", "0114"),
            ("fileName", "a.zip"),
            ("fileContent", content),
        ],
    );
    all.remove("orderId");
    all.extend(members(more));
    all
}

async fn fetched(answer: Canned) -> (Outcome<Fetched>, Peer, Fixture) {
    let peer = peer(&[("/", answer)]).await;
    let fixture = Fixture::at(&[peer.url()]);
    let outcome = fixture.channel.fetch_bill(request()).await;
    (outcome, peer, fixture)
}

#[tokio::test]
async fn a_file_of_any_length_is_verified_and_unwrapped() {
    // Longer than what is moved at once, and not to be packed well.
    let long: Vec<u8> = (0..1_000_000_u32).map(|n| n.wrapping_mul(2_654_435_761).to_be_bytes()[0]).collect();
    for bytes in [b"PK".as_slice(), &long] {
        let (outcome, peer, fixture) = fetched(signed(holding(&wrapped(bytes), &[]))).await;
        let Outcome::Done(Fetched::Ready(file)) = outcome else { panic!("{outcome:?}") };
        assert_eq!(file.part(0, 2_000_000).unwrap(), bytes);
        assert_eq!(file.name, format!("unionpay_{MER_ID}_2027-01-14.zip"));
        assert_eq!(
            sent(&peer.seen()[0]),
            members(&[
                ("txnType", "76"),
                ("txnSubType", "01"),
                ("bizType", "000000"),
                ("fileType", "00"),
                ("settleDate", "0114"),
                ("txnTime", TXN_TIME),
            ])
        );
        assert_eq!(fixture.count("bill", "done"), 1);
    }
}

#[tokio::test]
async fn a_file_that_was_changed_on_its_way_is_not_taken() {
    let mut changed = signed_with(holding(&wrapped(b"PK one"), &[]), CHANNEL_KEY, CHANNEL);
    changed.insert("fileContent".into(), wrapped(b"PK two"));
    assert_eq!(kind(fetched(raw(&changed)).await.0).0, WhyKind::BadSignature);
    let mut unsigned = holding(&wrapped(b"PK"), &[]);
    unsigned.remove("signature");
    assert_eq!(kind(fetched(raw(&unsigned)).await.0).0, WhyKind::BadSignature);
    for (content, more) in [
        ("not base64!".to_owned(), [("respCode", "00")]),
        (STANDARD.encode(b"not packed"), [("respCode", "00")]),
        (wrapped(b"PK").chars().take(8).collect(), [("respCode", "00")]),
        (String::new(), [("respCode", "00")]),
        (wrapped(b"PK"), [("settleDate", "0113")]),
        (wrapped(b"PK"), [("merId", "777290058110049")]),
    ] {
        let (outcome, ..) = fetched(signed(holding(&content, &more))).await;
        assert_eq!(kind(outcome).0, WhyKind::Unreadable, "{content} {more:?}");
    }
    for (canned, expected) in [
        (Canned::new(502, ""), WhyKind::ServerError),
        (Canned::new(200, "x".repeat(100_000)), WhyKind::Unreadable),
        (Canned::new(200, ""), WhyKind::Unreadable),
    ] {
        assert_eq!(kind(fetched(canned).await.0).0, expected);
    }
}

#[tokio::test]
async fn that_there_is_no_file_is_believed_when_it_cannot_be_late_any_more() {
    let none = || signed(about("", TXN_TIME, &[("respCode", "98"), ("respMsg", "文件不存在"), ("settleDate", "0114")]));
    assert!(matches!(fetched(none()).await.0, Outcome::Done(Fetched::Empty)));
    let peer = peer(&[("/", signed(about("", TXN_TIME, &[("respCode", "98")])))]).await;
    let fixture = Fixture::at(&[peer.url()]);
    let today = BillRequest { day: "2027-01-15".parse().unwrap(), ..request() };
    let found = fixture.channel.fetch_bill(today).await;
    assert!(matches!(found, Outcome::Done(Fetched::NotReady(_))), "{found:?}");
    let funds = fixture.channel.fetch_bill(BillRequest { kind: BillKind::Funds, ..today }).await;
    assert!(matches!(funds, Outcome::Refused(_)), "{funds:?}");
    let (refused, ..) = fetched(signed(about("", TXN_TIME, &[("respCode", "31"), ("settleDate", "0114")]))).await;
    assert!(matches!(refused, Outcome::Refused(_)), "{refused:?}");
}

#[tokio::test]
async fn a_number_that_does_not_fit_the_file_is_not_sent_along() {
    for (number, fits) in
        [("A-1_b.c:d", true), (&"x".repeat(32), true), (&"x".repeat(33), false), ("a&b=c", false), ("订单", false)]
    {
        assert_eq!(crate::unionpay::create::told_back(number), if fits { number } else { "" });
    }
}
