//! Bills as the channel writes them, read back; and what is no bill, or another one.

use std::io::Write;

use bursar_core::Timestamp;
use bursar_core::reconcile::{BillKind, BillLine, BillSums, EntryKind, EntryStatus};
use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::prelude::*;

use super::read;
use crate::bill::{BillError, BillFile, BillRequest, check, decimal};

const MCHID: &str = "1900000001";
const OURS: &str = "01jd7z0000000000000000000a";
const LEG: &str = "01jd7z0000000000000000000b";
const HEADER: &str = "交易时间,公众账号ID,商户号,特约商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,交易状态,付款银行,货币种类,\
应结订单金额,代金券金额,微信退款单号,商户退款单号,退款金额,充值券退款金额,退款类型,退款状态,商品名称,商户数据包,手续费,费率,订单金额,\
申请退款金额,费率备注";
const CAPTION: &str = "总交易单数,应结订单总金额,退款总金额,充值券退款总金额,手续费总金额,订单总金额,申请退款总金额";
const FUNDS: &str = "记账时间,微信支付业务单号,资金流水单号,业务名称,业务类型,收支类型,收支金额（元）,账户结余（元）,资金变更提交申请人,\
备注,业务凭证号";
const FUNDS_CAPTION: &str = "资金流水总笔数,收入笔数,收入金额,支出笔数,支出金额";

/// One row, with the members that tests change.
#[derive(Clone, Debug)]
struct Row {
    at: &'static str,
    mchid: &'static str,
    number: String,
    kind: &'static str,
    state: &'static str,
    settled: i64,
    refund: i64,
    refund_state: &'static str,
    name: &'static str,
    attach: String,
    fee: i64,
    ordered: i64,
}

fn payment() -> Row {
    Row {
        at: "2026-11-22 10:11:12",
        mchid: MCHID,
        number: OURS.to_owned(),
        kind: "NATIVE",
        state: "SUCCESS",
        settled: 1000,
        refund: 0,
        refund_state: "",
        name: "保洁",
        attach: "A-1".to_owned(),
        fee: 6_000,
        ordered: 1234,
    }
}

fn refund() -> Row {
    Row { state: "REFUND", settled: 0, ordered: 0, refund: 500, refund_state: "SUCCESS", fee: -3_000, ..payment() }
}

fn written(row: &Row) -> String {
    let yuan = decimal::yuan;
    let (refund_id, refund_number) = if row.refund > 0 { ("5030", LEG) } else { ("0", "0") };
    let cells = [
        row.at.into(),
        "wx1".into(),
        row.mchid.into(),
        "0".into(),
        String::new(),
        "4200".into(),
        row.number.clone(),
        "o1".into(),
        row.kind.into(),
        row.state.into(),
        "OTHERS".into(),
        "CNY".into(),
        yuan(row.settled),
        "0.00".into(),
        refund_id.into(),
        refund_number.into(),
        yuan(row.refund),
        "0.00".into(),
        "ORIGINAL".into(),
        row.refund_state.into(),
        row.name.into(),
        row.attach.clone(),
        decimal::written(row.fee),
        "0.60%".into(),
        yuan(row.ordered),
        yuan(row.refund),
        String::new(),
    ];
    format!("`{}\r\n", cells.join(",`"))
}

/// A bill of these rows, whose totals tie.
fn bill(rows: &[Row]) -> String {
    let sum = |member: fn(&Row) -> i64| rows.iter().map(member).sum::<i64>();
    let yuan = decimal::yuan;
    let refunds = yuan(sum(|r| r.refund));
    let totals = [
        format!("{}.0", rows.len()),
        yuan(sum(|r| r.settled)),
        refunds.clone(),
        "0.00".into(),
        decimal::written(sum(|r| r.fee)),
        yuan(sum(|r| r.ordered)),
        refunds,
    ];
    let data: String = rows.iter().map(written).collect();
    format!("\u{feff}{HEADER}\r\n{data}{CAPTION}\r\n`{}\r\n", totals.join(",`"))
}

fn lines_of(kind: BillKind, bytes: &[u8]) -> Result<Vec<BillLine>, BillError> {
    let request = BillRequest { kind, day: "2026-11-22".parse().unwrap() };
    let mut lines = read(request, MCHID, &BillFile::of("bill", bytes).unwrap())?;
    let mut all = Vec::new();
    while let Some(line) = lines.next()? {
        all.push(line);
    }
    assert_eq!(lines.next(), Ok(None), "after the end there is nothing");
    Ok(all)
}

fn trade(text: &str) -> Result<Vec<BillLine>, BillError> {
    lines_of(BillKind::Trade, text.as_bytes())
}

fn captured() -> BillLine {
    BillLine {
        ordinal: 1,
        kind: EntryKind::Capture,
        status: EntryStatus::Done,
        number: OURS.to_owned(),
        payment_number: None,
        payment_channel_id: None,
        channel_id: "4200".to_owned(),
        amount_minor: 1234,
        currency: "CNY".to_owned(),
        fee_minor: 6,
        at: Timestamp::parse_rfc3339("2026-11-22T02:11:12Z").unwrap(),
        order_number: Some("A-1".to_owned()),
    }
}

fn refunded() -> BillLine {
    BillLine {
        ordinal: 2,
        kind: EntryKind::Refund,
        number: LEG.to_owned(),
        payment_number: Some(OURS.to_owned()),
        payment_channel_id: None,
        channel_id: "5030".to_owned(),
        amount_minor: 500,
        fee_minor: -3,
        ..captured()
    }
}

#[test]
fn payments_and_refunds_are_read_by_the_numbers_that_notifications_tell() {
    let text = bill(&[payment(), refund()]);
    assert_eq!(trade(&text), Ok(vec![captured(), refunded()]));
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text.as_bytes()).unwrap();
    let packed = encoder.finish().unwrap();
    assert_eq!(lines_of(BillKind::Trade, &packed), Ok(vec![captured(), refunded()]));
    assert_eq!(trade(&bill(&[])), Ok(Vec::new()));
    for cut in [1, packed.len() / 2, packed.len() - 4] {
        let error = lines_of(BillKind::Trade, &packed[..cut]).unwrap_err();
        assert!(matches!(error, BillError::CutOff(_)), "{cut}: {error}");
    }
}

#[test]
fn the_layout_without_coupons_tells_what_is_settled() {
    let older = |text: &str, caption: &str, totals: usize, cells: usize| {
        let cut = |line: &str, parts: &str, n: usize| line.split(parts).take(n).collect::<Vec<_>>().join(parts);
        let lines: Vec<String> = text
            .lines()
            .map(|line| match line {
                line if line == caption => cut(line, ",", totals),
                line if line.starts_with('`') && line.matches(",`").count() < 10 => cut(line, ",`", totals),
                line if line.starts_with('`') => cut(line, ",`", cells),
                line => cut(line, ",", cells),
            })
            .collect();
        lines.join("\r\n") + "\r\n"
    };
    let text = older(&bill(&[payment(), refund()]), CAPTION, 5, 24);
    assert_eq!(trade(&text), Ok(vec![BillLine { amount_minor: 1000, ..captured() }, refunded()]));
}

#[test]
fn our_number_of_a_charge_after_the_service_is_in_the_attachment() {
    let upper = OURS.to_ascii_uppercase();
    let row = Row { kind: "AUTH", number: "1000".into(), attach: format!("wxzff|5001|{upper}"), ..payment() };
    assert_eq!(trade(&bill(std::slice::from_ref(&row))), Ok(vec![BillLine { order_number: None, ..captured() }]));
    // The same words in another kind of payment are what a merchant wrote.
    let attach = row.attach.clone();
    let other = Row { kind: "JSAPI", number: OURS.into(), ..row };
    assert_eq!(trade(&bill(&[other])), Ok(vec![BillLine { order_number: Some(attach), ..captured() }]));
    // Other systems of the merchant have numbers of their own.
    let foreign = Row { number: "Shop-1".into(), ..payment() };
    let found = trade(&bill(&[foreign])).unwrap();
    assert_eq!((found[0].number.as_str(), &found[0].order_number), ("Shop-1", &None));
}

#[test]
fn commas_in_what_people_write_move_no_column() {
    for name in ["保洁, 2 小时", "a,`b", ",`,`", "\"quoted\""] {
        assert_eq!(trade(&bill(&[Row { name, ..payment() }])), Ok(vec![captured()]), "{name}");
    }
}

#[test]
fn refunds_have_come_as_far_as_they_say() {
    for (state, status) in [
        ("SUCCESS", EntryStatus::Done),
        ("PROCESSING", EntryStatus::Pending),
        ("CHANGE", EntryStatus::Pending),
        ("FAIL", EntryStatus::Failed),
        ("REFUNDCLOSE", EntryStatus::Failed),
    ] {
        let found = trade(&bill(&[Row { refund_state: state, ..refund() }])).unwrap();
        assert_eq!(found[0].status, status, "{state}");
    }
    assert_eq!(trade(&bill(&[Row { state: "REVOKED", ..refund() }])).unwrap()[0].kind, EntryKind::Refund);
}

#[test]
fn duplicate_lines_are_left_in() {
    assert_eq!(trade(&bill(&[payment(), payment()])).unwrap().len(), 2);
}

#[test]
fn fees_tie_by_their_thousandths_and_are_rounded_line_by_line() {
    let rows = vec![Row { fee: 500, ..payment() }; 3];
    let found = trade(&bill(&rows)).unwrap();
    assert_eq!(found.iter().map(|line| line.fee_minor).collect::<Vec<_>>(), [1, 1, 1]);
    let one = decimal::written(1_500);
    let error = trade(&bill(&rows).replace(&one, "0.01501")).unwrap_err().to_string();
    assert!(error.contains("手续费总金额 is 0.01501 by its summary and 0.01500 by its lines"), "{error}");
}

#[test]
fn what_is_wrong_is_named() {
    let good = bill(&[payment(), refund()]);
    let last = good.lines().last().unwrap().to_owned();
    let row = written(&payment());
    for (text, words) in [
        (
            good.replace(",手续费,", ",费用,"),
            "line 1: column 23 is `费用`, expected `手续费`; this layout is not known",
        ),
        (good.replace("1900000001", "1900000002"), "about the account …002, not about …001"),
        (good.replace("2026-11-22 ", "2026-11-21 "), "the bill is of 2026-11-21, not of 2026-11-22"),
        (good.replace("2026-11-22 10", "2026-11-22 24"), "line 2, 交易时间: it is no time"),
        (good.replace("`SUCCESS,`OTHERS", "`NEW,`OTHERS"), "line 2, 交易状态: `NEW` is not known"),
        (good.replace("`SUCCESS,`保洁", "`NEW,`保洁"), "line 3, 退款状态: `NEW` is not known"),
        (good.replace("`12.34,`0.00,`\r", "`12.345,`0.00,`\r"), "line 2, 订单金额: `12.345` is not an amount"),
        (good.replace("`2.0,", "`3.0,"), "does not add up: 总交易单数 is 3 by its summary and 2 by its lines"),
        (good.replace("`2.0,`10.00", "`2.0,`10.01"), "应结订单总金额 is 10.01 by its summary and 10.00 by its lines"),
        (good.replace(&row, &format!("{row}{HEADER}\r\n")), "line 3: the header stands here again"),
        (good.replace("\u{feff}", &format!("{HEADER}\r\n")), "line 2: the header stands here again"),
        (good.replace(&row, &format!("{row}hello\r\n")), "line 3: this is no row of a bill"),
        (good.replace(&row, "`1,`2\r\n"), "line 2: it has 2 cells, expected 27"),
        (format!("{good}{row}"), "line 6: the bill goes on after its summary"),
        (good.replace(&format!("{last}\r\n"), ""), "cut off: the summary"),
        (good.replace(&format!("{CAPTION}\r\n{last}\r\n"), ""), "cut off: the summary"),
        (String::new(), "cut off: the bill is empty"),
        ("x".repeat(100_000), "line 1: it is longer than 65536 bytes"),
        ("<html>no</html>\r\n".repeat(1_000_000), "line 1: column 1 is `<html>no</html>`"),
    ] {
        let error = trade(&text).unwrap_err().to_string();
        assert!(error.contains(words), "{error} instead of {words}");
    }
}

#[test]
fn wherever_a_bill_is_cut_off_it_is_not_taken() {
    let good = bill(&[payment(), refund()]);
    for end in 0..good.len() {
        let found = lines_of(BillKind::Trade, &good.as_bytes()[..end]);
        assert!(matches!(found, Err(BillError::CutOff(_) | BillError::Totals { .. })), "{end}: {found:?}");
    }
}

fn flow(kind: &str, name: &str, way: &str, fen: i64, voucher: &str) -> String {
    let amount = decimal::yuan(fen);
    format!(
        "`2026-11-22 10:11:12,`B-{fen},`F-{fen},`{name},`{kind},`{way},`{amount},`9.99,`system,`a,`b,`{voucher}\r\n"
    )
}

fn funds(rows: &[String], totals: &str) -> String {
    format!("\u{feff}{FUNDS}\r\n{}{FUNDS_CAPTION}\r\n{totals}\r\n", rows.concat())
}

#[test]
fn what_moved_the_account_is_told_by_its_kind() {
    let rows = [
        flow("交易", "交易", "收入", 1234, OURS),
        flow("退款", "退款", "支出", 500, "REF4200"),
        flow("扣除交易手续费", "扣除交易手续费", "支出", 6, ""),
        flow("返还手续费", "退款", "收入", 3, ""),
        flow("提现", "提现申请", "支出", 700, ""),
        flow("充值", "充值", "收入", 11, ""),
        flow("分账", "分账", "支出", 12, ""),
    ];
    let text = funds(&rows, "`7.0,`3.0,`12.48,`4.0,`12.18");
    let found = lines_of(BillKind::Funds, text.as_bytes()).unwrap();
    let seen: Vec<_> =
        found.iter().map(|l| (l.kind, l.amount_minor, l.number.as_str(), l.channel_id.as_str())).collect();
    assert_eq!(
        seen,
        [
            (EntryKind::Capture, 1234, OURS, "B-1234"),
            (EntryKind::Refund, 500, "", "B-500"),
            (EntryKind::Fee, 6, "", "F-6"),
            (EntryKind::Fee, -3, "", "F-3"),
            (EntryKind::Payout, 700, "", "F-700"),
            (EntryKind::Other, 11, "", "F-11"),
            (EntryKind::Other, -12, "", "F-12"),
        ]
    );
    for (changed, words) in [
        (text.replace("`3.0,`12.48", "`3.0,`12.49"), "收入金额 is 12.49 by its summary and 12.48 by its lines"),
        (text.replace("`4.0,", "`5.0,"), "支出笔数 is 5 by its summary and 4 by its lines"),
        (text.replace("`收入,`12", "`进,`12"), "line 2, 收支类型: it is neither"),
        (text.replace("`12.34", "`-12.34"), "line 2, 收支金额(元): it is negative"),
        (text.replace("2026-11-22", "2026-11-23"), "the bill is of 2026-11-23, not of 2026-11-22"),
        (HEADER.to_owned() + "\r\n", "line 1: column 1 is `交易时间`, expected `记账时间`"),
        (text.replace("`7.0,`3.0,`12.48,`4.0,`12.18\r\n", ""), "cut off"),
    ] {
        let error = lines_of(BillKind::Funds, changed.as_bytes()).unwrap_err().to_string();
        assert!(error.contains(words), "{error} instead of {words}");
    }
}

fn any_row() -> impl Strategy<Value = Row> {
    let (fen, fee) = (0..10_000_000_i64, 0..100_000_000_i64);
    (any::<bool>(), fen, fee, "[0-9A-Za-z一-龥 ,\"-]{0,20}").prop_map(|(back, fen, fee, attach)| {
        let row = if back {
            Row { refund: fen.max(1), fee: -fee, ..refund() }
        } else {
            Row { ordered: fen, fee, ..payment() }
        };
        Row { attach: attach.trim().to_owned(), ..row }
    })
}

proptest! {
    #[test]
    fn what_is_written_is_read_back_exactly(rows in prop::collection::vec(any_row(), 0..20)) {
        let found = trade(&bill(&rows)).unwrap();
        prop_assert_eq!(found.len(), rows.len());
        for (index, (line, row)) in found.iter().zip(&rows).enumerate() {
            let template = if row.refund > 0 { refunded() } else { captured() };
            let expected = BillLine {
                ordinal: u32::try_from(index).unwrap() + 1,
                amount_minor: row.refund.max(row.ordered),
                fee_minor: decimal::rounded(row.fee),
                order_number: Some(row.attach.clone()).filter(|text| !text.is_empty()),
                ..template
            };
            prop_assert_eq!(line, &expected);
        }
        let request = BillRequest { kind: BillKind::Trade, day: "2026-11-22".parse().unwrap() };
        let sums = check(read(request, MCHID, &BillFile::of("bill", bill(&rows).as_bytes()).unwrap()).unwrap()).unwrap();
        prop_assert_eq!(sums, found.iter().fold(BillSums::default(), |sums, line| sums.with(line)));
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        drop(lines_of(BillKind::Trade, &bytes));
        drop(lines_of(BillKind::Funds, &bytes));
        let cells = String::from_utf8_lossy(&bytes).into_owned();
        drop(trade(&format!("{HEADER}\r\n`{cells}\r\n")));
    }
}
