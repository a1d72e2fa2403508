//! Reconciliation files as a merchant fetches and unpacks them, and what the books have to do with them.

use std::io::{Cursor, Read};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use encoding_rs::GBK;

use super::super::START_MS;
use super::merchant::{Answer, keys};
use super::{Desk, desk};
use crate::{BillFlaw, BillName, Channel, LineFlaw, PayMode};

const HOUR_MS: i64 = 3_600_000;
/// 2026-11-23T09:00:00+08:00.
const GIVEN_MS: i64 = START_MS + 24 * HOUR_MS;
const WIDTHS: [usize; 41] = [
    3, 11, 11, 6, 10, 19, 12, 4, 2, 21, 2, 32, 2, 6, 10, 13, 13, 4, 15, 2, 2, 6, 2, 4, 32, 1, 21, 15, 1, 15, 32, 13,
    13, 8, 32, 13, 13, 12, 2, 1, 131,
];

fn mer_id() -> &'static str {
    &keys().provisioned.mer_id
}

/// The fields of each line.
fn lines(text: &str) -> Vec<Vec<String>> {
    assert!(text.is_empty() || text.ends_with("\r\n"));
    let cut = |line: &str| {
        assert_eq!(line.len(), 607);
        let mut rest = line;
        let field = |width: &usize| {
            let (field, more) = rest.split_at(*width);
            rest = more.strip_prefix(' ').unwrap_or(more);
            field.trim_end().to_owned()
        };
        WIDTHS.iter().map(field).collect()
    };
    text.split_terminator("\r\n").map(cut).collect()
}

impl Desk {
    fn at(&self, ms: i64) {
        self.clock.advance_ms(ms - self.now_ms());
    }

    async fn ask_file(&self, day: &str) -> Answer {
        self.ask_file_at("fileTransReq.do", day).await
    }

    async fn ask_file_at(&self, service: &str, day: &str) -> Answer {
        let form = self.merchant.purchase("00000000").with("txnType", "76").with("bizType", "000000");
        let form = form.with("fileType", "00").with("settleDate", day);
        let form = ["orderId", "txnAmt", "currencyCode", "channelType", "backUrl", "frontUrl", "payTimeout"]
            .iter()
            .fold(form, |form, name| form.without(name));
        self.merchant.send(service, &form).await
    }

    /// Names and texts of the file of a day.
    async fn file(&self, day: &str) -> Vec<(String, String)> {
        let answer = self.ask_file(day).await;
        assert_eq!((answer.code().as_str(), answer.is_genuine()), ("00", true), "{answer:?}");
        assert_eq!(answer.get("fileName"), format!("{}_2026{day}.zip", mer_id()));
        let packed = STANDARD.decode(answer.get("fileContent")).unwrap();
        let mut zipped = Vec::new();
        flate2::read::ZlibDecoder::new(packed.as_slice()).read_to_end(&mut zipped).unwrap();
        let mut archive = zip::ZipArchive::new(Cursor::new(zipped)).unwrap();
        let mut files = Vec::new();
        for nth in 0..archive.len() {
            let mut file = archive.by_index(nth).unwrap();
            let (name, mut bytes) = (file.name().unwrap().into_owned(), Vec::new());
            file.read_to_end(&mut bytes).unwrap();
            files.push((name, GBK.decode(&bytes).0.into_owned()));
        }
        files
    }
}

#[tokio::test]
async fn a_file_is_written_byte_by_byte() {
    let desk = desk().await;
    let id = desk.paid("order0001").await;
    let mer = mer_id();
    desk.at(GIVEN_MS);
    let files = desk.file("1122").await;
    let names: Vec<_> = files.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(
        names,
        [format!("INN26112288ZM_{mer}"), format!("INN26112288ZME_{mer}"), format!("RD201026112301_{mer}")]
    );
    let blank = |width: usize| " ".repeat(width);
    let expected = [
        format!("S56 00049992    00049992    {} 1122090000 622609******0048    000000008800 7349 07 {id}", &id[14..20]),
        format!(
            "   order0001{} 01 {} {} D000000000053 C000000008747 0001 {}",
            blank(23),
            blank(6),
            blank(10),
            blank(15)
        ),
        format!(
            "01 01 000201 01 {} {} 0 {} {mer}   {} {} {}",
            blank(4),
            blank(32),
            blank(21),
            blank(15),
            blank(32),
            blank(13)
        ),
        format!("C000000008747 {} cleaning [payer:never]{} {} {}", blank(8), blank(10), blank(13), blank(13)),
        format!("{} {}   {}\r\n", blank(12), blank(2), blank(131)),
    ];
    assert_eq!(files[0].1, expected.join(" "));
    assert_eq!(files[1].1, "");
    assert!(files[2].1.contains("88.00") && files[2].1.contains("0.53") && files[2].1.contains("87.47"));
}

#[tokio::test]
async fn a_file_can_be_had_from_nine_on_and_only_where_there_is_something_to_tell() {
    let desk = desk().await;
    desk.paid("order0001").await;
    for (ms, day, code) in [
        (START_MS, "1121", "98"),
        (START_MS, "1122", "98"),
        (START_MS, "1123", "98"),
        (START_MS, "1332", "10"),
        (START_MS, "112", "10"),
        (GIVEN_MS - 1, "1122", "98"),
        (GIVEN_MS, "1122", "00"),
    ] {
        desk.at(ms);
        assert_eq!(desk.ask_file(day).await.code(), code, "{day} at {ms}");
    }
    assert_eq!(desk.ask_file_at("../../", "1122").await.code(), "00", "the root of the files' own host");
    let other = desk.merchant.send("../../", &desk.merchant.purchase("order0009")).await;
    assert_eq!(other.code(), "10", "which gives files and nothing else");
}

#[tokio::test]
async fn a_day_ends_at_23_00_sums_to_the_books_and_is_paid_out_on_the_next() {
    let desk = desk().await;
    let first = desk.paid("order0001").await;
    let second = desk.paid("order0002").await;
    desk.paid("order0003").await;
    let void = desk.merchant.void(&second, "void00001", 8_800);
    assert_eq!(desk.merchant.send("backTransReq.do", &void).await.code(), "00");
    desk.refunded(&first, "refund0001", 300, "success").await;
    desk.settle().await;
    desk.sandbox.take_foreign(Channel::Unionpay, mer_id(), "till00077", 12_345).unwrap();
    desk.clock.advance_ms(1_000);
    let by_hand = desk.sandbox.refund_by_hand(mer_id(), "order0001", 100).unwrap();
    desk.sandbox.forget(mer_id(), "order0003").unwrap();
    assert!(desk.sandbox.take_foreign(Channel::Unionpay, mer_id(), "till-77", 1).is_err(), "no number of this channel");
    let end_ms = START_MS + 14 * HOUR_MS;
    for (ms, number) in [(end_ms - 1, "order0004"), (end_ms, "order0005")] {
        desk.at(ms);
        desk.ordered(number, "never").await;
        desk.pay(number, PayMode::Silent);
    }
    desk.at(GIVEN_MS);
    let told = lines(&desk.file("1122").await[0].1);
    let kinds: Vec<_> = told.iter().map(|line| (line[19].as_str(), line[11].as_str())).collect();
    assert_eq!(
        kinds,
        [
            ("01", "order0001"),
            ("01", "order0002"),
            ("31", "void00001"),
            ("04", "refund0001"),
            ("01", "till00077"),
            ("04", by_hand.as_str()),
            ("01", "order0004"),
        ]
    );
    assert_eq!(
        (told[3][26].as_str(), told[3][13].as_str(), told[3][16].as_str()),
        (first.as_str(), &first[14..20], "D000000000300")
    );
    let net =
        |line: &Vec<String>| line[32][1..].parse::<i64>().unwrap() * if line[32].starts_with('C') { 1 } else { -1 };
    let sum: i64 = told.iter().map(net).sum();
    let captured = 3 * 8_800 + 12_345;
    assert_eq!(sum, captured - 8_800 - 400 - (3 * 53 + 74), "the fee of what is refunded stays");
    let payouts = desk.sandbox.payouts();
    assert!(payouts.is_empty(), "it is paid at 11");
    desk.clock.advance_ms(2 * HOUR_MS);
    let payouts = desk.sandbox.payouts();
    assert_eq!((payouts.len(), payouts[0].amount_minor, payouts[0].at_ms), (1, sum, end_ms + 12 * HOUR_MS));
    desk.at(GIVEN_MS + 24 * HOUR_MS);
    assert_eq!(lines(&desk.file("1123").await[0].1)[0][11], "order0005");
}

#[tokio::test]
async fn lines_and_files_are_told_wrongly_on_request() {
    let desk = desk().await;
    desk.paid("order0001").await;
    desk.paid("order0002").await;
    desk.at(GIVEN_MS);
    let whole = desk.file("1122").await;
    for (flaw, count, amount, fee) in [
        (LineFlaw::LeftOut, 1, "000000008800", "D000000000053"),
        (LineFlaw::Doubled, 3, "000000008800", "D000000000053"),
        (LineFlaw::Amount(1), 2, "000000008801", "D000000000053"),
        (LineFlaw::Fee(1), 2, "000000008800", "D000000000054"),
        (LineFlaw::NextDay, 1, "000000008800", "D000000000053"),
    ] {
        desk.sandbox.distort(mer_id(), "order0001", flaw.clone()).unwrap();
        let told = lines(&desk.file("1122").await[0].1);
        assert_eq!((told.len(), told[0][6].as_str(), told[0][15].as_str()), (count, amount, fee), "{flaw:?}");
    }
    desk.sandbox.undistort(mer_id(), "order0001").unwrap();
    let day = "2026-11-22".parse().unwrap();
    let bill = BillName { channel: Channel::Unionpay, account: mer_id().to_owned(), day, funds: false };
    let spoil = |flaw| desk.sandbox.spoil_bill(bill.clone(), flaw);
    assert!(spoil(BillFlaw::WrongDigest).is_err());
    spoil(BillFlaw::Totals).unwrap();
    assert!(desk.file("1122").await[2].1.contains("176.01"));
    spoil(BillFlaw::CutOff).unwrap();
    assert_eq!(desk.file("1122").await[0].1.len(), 609);
    spoil(BillFlaw::Garbage { lines: 4 }).unwrap();
    assert_eq!(desk.file("1122").await[0].1.lines().count(), 6);
    desk.sandbox.mend_bill(&bill).unwrap();
    assert_eq!(desk.file("1122").await, whole);
}
