//! Files as the channel writes them, read back; and what is no such file, or another one.

use std::io::{Cursor, Write};

use bursar_core::Timestamp;
use bursar_core::reconcile::{BillKind, BillLine, EntryKind, EntryStatus};
use proptest::prelude::*;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use super::read;
use crate::bill::{BillError, BillFile, BillRequest, decimal};

const MER_ID: &str = "777290058110048";
const OURS: &str = "01jd7z0000000000000000000a";
const LEG: &str = "01jd7z0000000000000000000b";

#[derive(Clone, Debug)]
struct Row {
    kind: &'static str,
    time: &'static str,
    amount: i64,
    /// Kept; given back where negative.
    fee: i64,
    number: String,
    told_back: String,
}

fn payment() -> Row {
    let (number, told_back) = (OURS.to_owned(), "A-1".to_owned());
    Row { kind: "01", time: "1122101112", amount: 1234, fee: 7, number, told_back }
}

fn refund() -> Row {
    Row { kind: "04", amount: 500, fee: -3, number: LEG.to_owned(), told_back: String::new(), ..payment() }
}

fn net(row: &Row) -> i64 {
    if row.kind == "04" { -row.amount - row.fee } else { row.amount - row.fee }
}

fn sided(fen: i64, above: char, below: char) -> String {
    format!("{}{:012}", if fen < 0 { below } else { above }, fen.abs())
}

fn written(row: &Row) -> String {
    let (time, amount, number, kind, told) = (row.time, row.amount, &row.number, row.kind, &row.told_back);
    let (fee, net) = (sided(row.fee, 'D', 'C'), sided(net(row), 'C', 'D'));
    let line = format!(
        "S56 {:<11} {:<11} 784649 {time} {:<19} {amount:012} 7349 07 {:<21}    {number:<32} 01 {:6} {:10} {fee} {net} 0001 \
         {:15} {kind} 01 000201 01 {:4} {:32} 0 {:21} {MER_ID} {:1} {:15} {:32} {:13} {net} {:8} {told:<32} {:13} {:13} \
         {:12} {:2} {:1} {:131}",
        "00049992",
        "00049992",
        "622609******0048",
        "442611221011127846491",
        "",
        "",
        "",
        "",
        "",
        "442",
        "",
        "",
        "",
        "",
        "",
        "",
        "",
        "",
        "",
        "",
        ""
    );
    assert_eq!(line.len(), 607, "{line}");
    format!("{line}\r\n")
}

fn list(rows: &[Row]) -> String {
    rows.iter().map(written).collect()
}

fn packed(name: &str, list: &[u8], summary: &str) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    let members: [(&str, &[u8]); 3] =
        [("INN26112288ZME_777290058110048", b""), (name, list), ("RD201026112301_777290058110048", summary.as_bytes())];
    for (name, content) in members {
        writer.start_file(name, SimpleFileOptions::default()).unwrap();
        writer.write_all(content).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

const NAME: &str = "INN26112288ZM_777290058110048";

fn file(rows: &[Row]) -> Vec<u8> {
    let sum = decimal::yuan(rows.iter().map(net).sum());
    packed(NAME, list(rows).as_bytes(), &format!("GROSS FEE NET\r\n2 7.34 0.04 {sum}\r\n"))
}

fn lines_of(bytes: &[u8]) -> Result<Vec<BillLine>, BillError> {
    let request = BillRequest { kind: BillKind::Trade, day: "2026-11-22".parse().unwrap() };
    let mut lines = read(request, MER_ID, &BillFile::of("bill", bytes).unwrap())?;
    let mut all = Vec::new();
    while let Some(line) = lines.next()? {
        all.push(line);
    }
    assert_eq!(lines.next(), Ok(None), "after the end there is nothing");
    Ok(all)
}

fn captured() -> BillLine {
    BillLine {
        ordinal: 1,
        kind: EntryKind::Capture,
        status: EntryStatus::Done,
        number: OURS.to_owned(),
        payment_number: None,
        payment_channel_id: None,
        channel_id: "442611221011127846491".to_owned(),
        amount_minor: 1234,
        currency: "CNY".to_owned(),
        fee_minor: 7,
        at: Timestamp::parse_rfc3339("2026-11-22T10:11:12+08:00").unwrap(),
        order_number: Some("A-1".to_owned()),
    }
}

fn refunded() -> BillLine {
    BillLine {
        ordinal: 2,
        kind: EntryKind::Refund,
        number: LEG.to_owned(),
        payment_channel_id: Some("442".to_owned()),
        amount_minor: 500,
        fee_minor: -3,
        order_number: None,
        ..captured()
    }
}

fn paid_out(ordinal: u32, amount_minor: i64) -> BillLine {
    BillLine {
        ordinal,
        kind: EntryKind::Payout,
        number: String::new(),
        channel_id: "settle-20261122".to_owned(),
        amount_minor,
        fee_minor: 0,
        at: Timestamp::parse_rfc3339("2026-11-22T23:00:00+08:00").unwrap(),
        order_number: None,
        ..captured()
    }
}

#[test]
fn payments_refunds_and_the_days_payout_are_read() {
    let rows = [payment(), refund()];
    let expected = vec![captured(), refunded(), paid_out(3, 1227 - 497)];
    assert_eq!(lines_of(&file(&rows)), Ok(expected.clone()));
    assert_eq!(lines_of(list(&rows).as_bytes()), Ok(expected), "somebody has unpacked it");
    assert_eq!(lines_of(&file(&[refund()])), Ok(vec![BillLine { ordinal: 1, ..refunded() }]), "nothing is paid out");
    assert_eq!(lines_of(&file(&[payment(), payment()])).unwrap().len(), 3, "the same line twice is left in");
    assert_eq!(lines_of(&packed(NAME, b"", "")), Ok(Vec::new()));
    let upper = Row { number: OURS.to_uppercase(), ..payment() };
    assert_eq!(lines_of(&file(&[upper])).unwrap()[0], captured());
    let foreign = Row { number: "Shop1".into(), ..payment() };
    assert_eq!(lines_of(&file(&[foreign])).unwrap()[0].order_number, None);
    for (kind, expected) in [("31", EntryKind::Other), ("11", EntryKind::Capture), ("99", EntryKind::Other)] {
        // A void settles like a refund; here it does not, and is refused.
        let found = lines_of(&file(&[Row { kind, ..payment() }]));
        assert_eq!(found.is_err(), kind == "31", "{kind}");
        assert!(found.is_err() || found.unwrap()[0].kind == expected);
    }
}

#[test]
fn the_last_hour_of_the_day_before_belongs_to_the_day_and_a_little_slack_is_given() {
    for (time, taken) in [
        ("1121230000", true),
        ("1122225959", true),
        ("1122233000", true),
        ("1121203000", false),
        ("1123030000", false),
        ("1122241112", false),
    ] {
        let found = lines_of(&file(&[Row { time, ..payment() }]));
        assert_eq!(found.is_ok(), taken, "{time}: {found:?}");
    }
}

#[test]
fn what_is_wrong_is_named() {
    let good = list(&[payment(), refund()]);
    let with = |text: String| packed(NAME, text.as_bytes(), "");
    for (bytes, words) in [
        (with(good.replace(MER_ID, "777290058110049")), "about the account 7772…0049, not about 7772…0048"),
        (packed("INN26112288ZM_777290058110049", b"", ""), "about the account 7772…0049"),
        (packed("INN26112088ZM_777290058110048", b"", ""), "the bill is of 2026-11-20, not of 2026-11-22"),
        (packed("whatever.txt", b"", ""), "there is no INNyymmdd88ZM_… in it, but: INN26112288ZME_"),
        (with(good.replace("1122101112", "1120101112")), "the bill is of 2026-11-20, not of 2026-11-22"),
        (with(good.replace("000000001234", "00000000123x")), "line 1, amount: it is not twelve digits of fen"),
        (with(good.replace("D000000000007", "X000000000007")), "line 1, fee: it is not C or D"),
        (with(good.replace(" 01 784", " 01  84")), ""),
        (
            with(good.replace("D000000000007", "D000000000008")),
            "the settlement of a line is 12.27 by its summary and 12.26 by its lines",
        ),
        (
            packed(NAME, good.as_bytes(), "9.99 9.98\r\n"),
            "the net of the day is 9.98 by its summary and 7.30 by its lines",
        ),
        (with(good.replace("\r\n", "\r\nhello\r\n")), "line 2: it has 5 bytes, expected 607; this layout is not known"),
        (with("x".repeat(607) + "\r\n"), "line 1: its fields have other widths"),
        (b"<html>no</html>\r\n".repeat(1_000), "line 1: it has 15 bytes, expected 607"),
    ] {
        match lines_of(&bytes) {
            Err(error) => assert!(error.to_string().contains(words), "{error} instead of {words}"),
            Ok(_) => assert_eq!(words, "", "a trace number of other characters is nobody's matter"),
        }
    }
    let request = BillRequest { kind: BillKind::Funds, day: "2026-11-22".parse().unwrap() };
    assert!(read(request, MER_ID, &BillFile::of("bill", &file(&[])).unwrap()).is_err());
}

#[test]
fn wherever_a_file_is_cut_off_it_is_not_taken() {
    let whole = file(&[payment(), refund()]);
    for end in 2..whole.len() {
        assert!(lines_of(&whole[..end]).is_err(), "{end}");
    }
    let text = list(&[payment(), refund()]);
    for end in [1, 300, 606, 607, 608, 610, 1_000, text.len() - 1] {
        let cut = packed(NAME, &text.as_bytes()[..end], "");
        assert!(matches!(lines_of(&cut), Err(BillError::CutOff(_))), "{end}");
    }
    // Between two lines only the summary tells.
    let cut = packed(NAME, &text.as_bytes()[..609], &format!("7.34 0.04 {}", decimal::yuan(730)));
    assert!(matches!(lines_of(&cut), Err(BillError::Totals { .. })));
}

fn any_row() -> impl Strategy<Value = Row> {
    (any::<bool>(), 1..10_000_000_i64, 0..1_000_i64, "[0-9A-Za-z_.:-]{0,32}").prop_map(
        |(back, amount, fee, told_back)| {
            if back { Row { amount, fee: -fee, ..refund() } } else { Row { amount, fee, told_back, ..payment() } }
        },
    )
}

proptest! {
    #[test]
    fn what_is_written_is_read_back_exactly(rows in prop::collection::vec(any_row(), 0..20)) {
        let mut found = lines_of(&file(&rows)).unwrap();
        let total: i64 = rows.iter().map(net).sum();
        if total > 0 {
            let ordinal = u32::try_from(rows.len()).unwrap() + 1;
            prop_assert_eq!(found.pop().unwrap(), paid_out(ordinal, total));
        }
        prop_assert_eq!(found.len(), rows.len());
        for (index, (line, row)) in found.iter().zip(&rows).enumerate() {
            let template = if row.kind == "04" { refunded() } else { captured() };
            let order_number = Some(row.told_back.clone()).filter(|text| !text.is_empty());
            let ordinal = u32::try_from(index).unwrap() + 1;
            let expected = BillLine { ordinal, amount_minor: row.amount, fee_minor: row.fee, order_number, ..template };
            prop_assert_eq!(line, &expected);
        }
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..700)) {
        drop(lines_of(&bytes));
        drop(lines_of(&packed(NAME, &bytes, &String::from_utf8_lossy(&bytes))));
        let mut line = written(&payment()).into_bytes();
        for (index, byte) in bytes.iter().enumerate().take(600) {
            line[index] = *byte;
        }
        drop(lines_of(&line));
    }
}
