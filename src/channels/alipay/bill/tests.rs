//! Bills as the channel writes them, read back; and what is no bill, or another one.

use std::io::{Cursor, Write};

use bursar_core::Timestamp;
use bursar_core::reconcile::{BillKind, BillLine, EntryKind, EntryStatus};
use encoding_rs::GB18030;
use proptest::prelude::*;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use super::read;
use crate::bill::{BillError, BillFile, BillRequest, decimal};

const SELLER: &str = "2088000000000001";
const OURS: &str = "01jd7z0000000000000000000a";
const LEG: &str = "01jd7z0000000000000000000b";
const HEADER: &str = "支付宝交易号,商户订单号,业务类型,商品名称,创建时间,完成时间,门店编号,门店名称,操作员,终端号,对方账户,\
订单金额（元）,商家实收（元）,支付宝红包（元）,集分宝（元）,支付宝优惠（元）,商家优惠（元）,券核销金额（元）,券名称,\
商家红包消费金额（元）,卡消费金额（元）,退款批次号/请求号,服务费（元）,分润（元）,备注";
const FUNDS: &str = "账务流水号,业务流水号,商户订单号,商品名称,发生时间,对方账号,收入金额（+元）,支出金额（-元）,账户余额（元）,\
交易渠道,业务类型,备注";

#[derive(Clone, Debug)]
struct Row {
    name: String,
    note: &'static str,
    at: &'static str,
    /// Negative: a refund.
    fen: i64,
    fee: i64,
}

fn payment() -> Row {
    Row { name: "保洁".to_owned(), note: "", at: "2026-11-22 10:11:12", fen: 1234, fee: -7 }
}

fn refund() -> Row {
    Row { fen: -500, fee: 3, ..payment() }
}

fn written(row: &Row) -> String {
    let (kind, request) = if row.fen < 0 { ("退款", LEG) } else { ("交易", "") };
    let (yuan, fee) = (decimal::yuan(row.fen), decimal::yuan(row.fee));
    let (name, at, note) = (&row.name, row.at, row.note);
    format!(
        "2027-1\t,{OURS}\t,{kind}\t,{name}\t,2026-11-20 09:00:00\t,{at}\t,\t,\t,\t,\t,*甲(a***@b.c)\t,{yuan},{yuan},0.00,0.00,\
         0.00,0.00,0.00,\t,0.00,0.00,{request}\t,{fee},0.00,{note}\t\r\n"
    )
}

fn sums(rows: &[Row], back: bool) -> (usize, String) {
    let of: Vec<i64> = rows.iter().map(|row| row.fen).filter(|fen| (*fen < 0) == back).collect();
    (of.len(), decimal::yuan(of.iter().sum()))
}

fn framed(name: &str, list: &str, trailer: &str) -> String {
    format!(
        "#支付宝{name}查询\r\n#账号：[{SELLER}0156]\r\n#起始日期：[2026年11月22日 00:00:00]   终止日期：[2026年11月23日 00:00:00]\r\n\
         #-----------------------------------------{name}列表----------------------------------------\r\n{list}\
         #-----------------------------------------{name}列表结束------------------------------------\r\n{trailer}\
         #导出时间：[2026年11月23日 09:00:00]\r\n"
    )
}

fn bill(rows: &[Row]) -> String {
    let (taken, received) = sums(rows, false);
    let (returned, back) = sums(rows, true);
    let trailer = format!(
        "#交易合计：{taken}笔，商家实收共{received}元，商家优惠共0.00元\r\n\
         #退款合计：{returned}笔，商家实收退款共{back}元，商家优惠退款共0.00元\r\n"
    );
    let list: String = rows.iter().map(written).collect();
    framed("业务明细", &format!("{HEADER}\r\n{list}"), &trailer)
}

/// As it comes: the summary first, names and content in GBK, and nothing says so.
fn packed(word: &str, text: &str) -> Vec<u8> {
    let gbk = |text: &str| GB18030.encode(text).0.into_owned();
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    // Names of the same length in ASCII, which are put right afterwards.
    for (name, content) in [("aaaaaaaaaaaaaaa.csv", "#汇总\r\n"), ("bbbbbbbb.csv", text)] {
        writer.start_file(name, SimpleFileOptions::default()).unwrap();
        writer.write_all(&gbk(content)).unwrap();
    }
    let mut bytes = writer.finish().unwrap().into_inner();
    let names = [("aaaaaaaaaaaaaaa", format!("{word}(汇总)_")), ("bbbbbbbb", word.to_owned())];
    for (name, real) in names {
        let real = gbk(&real);
        assert_eq!(real.len(), name.len());
        while let Some(at) = bytes.windows(name.len()).position(|w| w == name.as_bytes()) {
            bytes[at..at + name.len()].copy_from_slice(&real);
        }
    }
    bytes
}

fn lines_of(kind: BillKind, bytes: &[u8]) -> Result<Vec<BillLine>, BillError> {
    let request = BillRequest { kind, day: "2026-11-22".parse().unwrap() };
    let mut lines = read(request, SELLER, &BillFile::of("bill", bytes).unwrap())?;
    let mut all = Vec::new();
    while let Some(line) = lines.next()? {
        all.push(line);
    }
    assert_eq!(lines.next(), Ok(None), "after the end there is nothing");
    Ok(all)
}

fn trade(text: &str) -> Result<Vec<BillLine>, BillError> {
    lines_of(BillKind::Trade, &packed("业务明细", text))
}

fn captured() -> BillLine {
    BillLine {
        ordinal: 1,
        kind: EntryKind::Capture,
        status: EntryStatus::Done,
        number: OURS.to_owned(),
        payment_number: None,
        payment_channel_id: None,
        channel_id: "2027-1".to_owned(),
        amount_minor: 1234,
        currency: "CNY".to_owned(),
        fee_minor: 7,
        at: Timestamp::parse_rfc3339("2026-11-22T02:11:12Z").unwrap(),
        order_number: None,
    }
}

fn refunded() -> BillLine {
    BillLine {
        ordinal: 2,
        kind: EntryKind::Refund,
        number: LEG.to_owned(),
        payment_number: Some(OURS.to_owned()),
        payment_channel_id: None,
        channel_id: LEG.to_owned(),
        amount_minor: 500,
        fee_minor: -3,
        ..captured()
    }
}

#[test]
fn payments_and_refunds_are_read_by_the_numbers_that_answers_tell() {
    let text = bill(&[payment(), refund()]);
    assert_eq!(trade(&text), Ok(vec![captured(), refunded()]));
    // Somebody has unpacked it.
    assert_eq!(lines_of(BillKind::Trade, &GB18030.encode(&text).0), Ok(vec![captured(), refunded()]));
    assert_eq!(trade(&bill(&[payment(), payment()])).unwrap().len(), 2, "the same line twice is left in");
    assert_eq!(trade(&text.replace(OURS, &OURS.to_uppercase())), Ok(vec![captured(), refunded()]));
}

#[test]
fn a_day_without_trades_may_have_nothing_but_its_beginning() {
    assert_eq!(trade(&bill(&[])), Ok(Vec::new()));
    let text = bill(&[]);
    let (beginning, _) = text.split_once("#-----------------------------------------业务明细列表结束").unwrap();
    assert_eq!(trade(beginning), Ok(Vec::new()));
    let plain = lines_of(BillKind::Trade, &GB18030.encode(beginning).0);
    assert!(matches!(plain, Err(BillError::CutOff(_))), "nothing proves that it is whole: {plain:?}");
}

#[test]
fn commas_that_nobody_escapes_move_no_column() {
    for (name, note) in [("保洁,2 小时,整", ""), ("保洁", "a,b,c"), (",,", "")] {
        let row = Row { name: name.to_owned(), note, ..payment() };
        assert_eq!(trade(&bill(&[row])), Ok(vec![captured()]), "{name} {note}");
    }
    let both = Row { name: "a,b".to_owned(), note: "c,d", ..payment() };
    let error = trade(&bill(&[both])).unwrap_err().to_string();
    assert!(error.contains("line 6: it has 27 cells, expected 25, and it is not plain why"), "{error}");
}

#[test]
fn what_is_wrong_is_named() {
    let good = bill(&[payment(), refund()]);
    let row = written(&payment());
    for (text, words) in [
        (good.replace("服务费（元）", "手续费（元）"), "line 5: column 23 is `手续费(元)`, expected `服务费(元)`"),
        (good.replace(SELLER, "2088000000000002"), "about the account 2088…0156, not about 2088…0001"),
        (good.replace("[2026年11月22日", "[2026年11月21日"), "the bill is of 2026年11月21日 00:00:00 to"),
        (good.replace("[2026年11月23日 00", "[2026年11月30日 00"), "not of 2026-11-22"),
        (good.replace("2026-11-22 10", "2026-11-23 10"), "the bill is of 2026-11-23, not of 2026-11-22"),
        (good.replace("2026-11-22 10", "2026-11-22 25"), "line 6, 完成时间: it is no time"),
        (good.replace(",交易\t", ",转账\t"), "line 6, 业务类型: `转账` is not known"),
        (good.replace(",12.34,12.34", ",12.345,12.34"), "line 6, 订单金额(元): `12.345`"),
        (good.replace(",-5.00,-5.00", ",5.00,5.00"), "line 7, 订单金额(元): what was given back is not negative"),
        (good.replace("交易合计：1笔", "交易合计：2笔"), "交易合计笔数 is 2 by its summary and 1 by its lines"),
        (good.replace("实收共12.34", "实收共12.35"), "交易合计金额 is 12.35 by its summary and 12.34 by its lines"),
        (good.replace("退款共-5.00", "退款共-6.00"), "退款合计金额 is -6.00 by its summary and -5.00 by its lines"),
        (good.replace("退款合计：1笔", "退款合计：x笔"), "line 10: this sum cannot be read"),
        (good.replace(&row, &format!("{row}{HEADER}\r\n")), "line 7: the header stands here again"),
        (good.replace(&row, "a,b\r\n"), "line 6: it has 2 cells, expected 25"),
        (good.replace(&row, "#hm\r\n"), "line 6: the list is interrupted"),
        (format!("{good}{row}"), "the bill goes on after its list"),
        (good.replace(&good[good.find("#交易合计").unwrap()..], ""), "cut off: the sums after its list"),
        (good.replace("#账号", "#帐户"), "the beginning: the line with 账号 is missing"),
        ("<html>no</html>\r\n".repeat(100_000), "line 1: a bill begins with comments"),
    ] {
        let error = trade(&text).unwrap_err().to_string();
        assert!(error.contains(words), "{error} instead of {words}");
    }
    let other = lines_of(BillKind::Trade, &packed("账务明细", &good)).unwrap_err().to_string();
    assert!(
        other.contains("the ZIP: there is no sheet named 业务明细 in it, but: 账务明细(汇总)_.csv, 账务明细.csv"),
        "{other}"
    );
}

#[test]
fn wherever_a_bill_is_cut_off_it_is_not_taken() {
    let whole = packed("业务明细", &bill(&[payment(), refund()]));
    for end in 2..whole.len() {
        let found = lines_of(BillKind::Trade, &whole[..end]);
        assert!(found.is_err(), "{end}");
    }
    let text = bill(&[payment(), refund()]);
    let plain = GB18030.encode(&text).0.into_owned();
    for end in 0..plain.len() {
        let found = lines_of(BillKind::Trade, &plain[..end]);
        assert!(found.is_err(), "{end}: {found:?}");
    }
}

#[test]
fn what_moved_the_account_is_told_by_its_kind() {
    let row = |kind: &str, fen: i64, number: &str| {
        let yuan = decimal::yuan(fen);
        let (came, went) = if fen > 0 { (yuan.as_str(), "0.00") } else { ("0.00", yuan.as_str()) };
        let flow = fen.abs();
        format!(
            "F-{flow}\t,B-{flow}\t,{number}\t,a,b\t,2026-11-22 10:11:12\t,甲\t,{came},{went},9.99,支付宝\t,{kind}\t,\t\r\n"
        )
    };
    let rows = [
        row("在线支付", 1234, OURS),
        row("交易退款", -500, OURS),
        row("收费", -7, OURS),
        row("收费", 3, ""),
        row("提现", -700, ""),
        row("转账", 11, "Shop-1"),
        row("转账", -12, ""),
    ];
    let trailer = "#支出合计：4笔，共-12.19元\r\n#收入合计：3笔，共12.48元\r\n";
    let text = framed("账务明细", &format!("{FUNDS}\r\n{}", rows.concat()), trailer);
    let funds = |text: &str| lines_of(BillKind::Funds, &packed("账务明细", text));
    let found = funds(&text).unwrap();
    let seen: Vec<_> = found
        .iter()
        .map(|l| (l.kind, l.amount_minor, l.number.as_str(), l.payment_number.as_deref(), l.channel_id.as_str()))
        .collect();
    assert_eq!(
        seen,
        [
            (EntryKind::Capture, 1234, OURS, None, "B-1234"),
            (EntryKind::Refund, 500, "", Some(OURS), "F-500"),
            (EntryKind::Fee, 7, "", None, "F-7"),
            (EntryKind::Fee, -3, "", None, "F-3"),
            (EntryKind::Payout, 700, "", None, "F-700"),
            (EntryKind::Other, 11, "", None, "F-11"),
            (EntryKind::Other, -12, "", None, "F-12"),
        ]
    );
    for (changed, words) in [
        (text.replace("共-12.19", "共-12.18"), "支出合计金额 is -12.18 by its summary and 12.19 by its lines"),
        (text.replace("收入合计：3笔", "收入合计：2笔"), "收入合计笔数 is 2 by its summary and 3 by its lines"),
        (text.replace(",12.34,0.00", ",12.34,-1.00"), "line 6, 支出金额(-元): money came and went in one line"),
        (text.replace(",12.34,0.00", ",-12.34,0.00"), "line 6, 收入金额(+元): it is negative"),
        (text.replace(SELLER, "2088000000000002"), "about the account"),
    ] {
        let error = funds(&changed).unwrap_err().to_string();
        assert!(error.contains(words), "{error} instead of {words}");
    }
}

fn any_row() -> impl Strategy<Value = Row> {
    (-10_000_000..10_000_000_i64, -100_000..100_000_i64, "[0-9A-Za-z一-龥 ,\"#-]{0,20}")
        .prop_map(|(fen, fee, name)| Row { name, fen, fee, ..payment() })
}

proptest! {
    #[test]
    fn what_is_written_is_read_back_exactly(rows in prop::collection::vec(any_row(), 0..20)) {
        let found = trade(&bill(&rows)).unwrap();
        prop_assert_eq!(found.len(), rows.len());
        for (index, (line, row)) in found.iter().zip(&rows).enumerate() {
            let template = if row.fen < 0 { refunded() } else { captured() };
            let ordinal = u32::try_from(index).unwrap() + 1;
            prop_assert_eq!(line, &BillLine { ordinal, amount_minor: row.fen.abs(), fee_minor: -row.fee, ..template });
        }
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        drop(lines_of(BillKind::Trade, &bytes));
        drop(lines_of(BillKind::Funds, &bytes));
        let cells = String::from_utf8_lossy(&bytes).into_owned();
        drop(trade(&framed("业务明细", &format!("{HEADER}\r\n{cells}\r\n"), &cells)));
    }
}
