//! Tables of Chinese banks.

use super::*;
use encoding_rs::GB18030;

fn mapping(name: &str) -> Mapping {
    MappingChoice::Ready(name.to_owned()).mapping().unwrap()
}

fn csv(name: &str) -> Format {
    Format::Csv(Box::new(mapping(name)))
}

fn gbk(text: &str) -> Vec<u8> {
    GB18030.encode(text).0.into_owned()
}

const ICBC: &str = "中国工商银行企业网上银行账户明细,,\r\n查询账号：,6222020200112233445,\r\n\
交易日期,凭证号,本方账号,对方账号,对方单位名称,借贷标志,借方发生额,贷方发生额,摘要,用途,余额,附言\r\n\
2026-11-21,0,`6222020200112233445,6217001,张三,贷,,\"1,200.00\",转账,房租,\"11,200.00\",98TGWSSXGV\r\n\
2026-11-22,0,`6222020200112233445,6217002,李四,借,200.50,,退款,,\"10,999.50\",\r\n\
合计,,,,,,200.50,\"1,200.00\",,,,\r\n";

const CMB: &str = "# 招商银行企业账务明细\n交易日,交易时间,起息日,交易类型,借方金额,贷方金额,余额,摘要,流水号,流程实例号,业务名称,用途,业务参考号,业务摘要,其它摘要,收/付方分行名,收/付方名称,收/付方账号\n\
20261122,101112,20261122,网上支付,,88.00,188.00,转入,C0001,,,,E-17,,98TGWSSXGV,,王五,62148888\n\
20261121,091000,20261121,手续费,0.01,,100.00,收费,C0000,,,,,,,,,\n";

const CCB: &str = "账号,账户名称,交易时间,借方发生额/元(支取),贷方发生额/元(收入),余额,币种,对方户名,对方账号,对方开户机构,记账日期,摘要,备注,账户明细编号-交易流水号,企业流水号,凭证种类,凭证号\n\
\t4100123456789\t,某家政公司,20261122 10:11:12,0.00,300.00,300.00,人民币元,赵六,622700,某支行,20261122,电子汇入,98tgw ssxgv,12-8800001,,,\n\
\t4100123456789\t,某家政公司,20261122 10:12:00,-50.00,0.00,350.00,人民币元,赵六,622700,某支行,20261122,冲正,,13-8800002,,,\n";

const ABC: &str = "\u{feff}账户：1234567890123,,,\n\n交易时间,收入金额,支出金额,账户余额,对方账号,对方户名,交易用途\n\
2026-11-22 08:00:00,10.00,--,10.00,6228,钱七,退汇 98TGWSSXGV\n2026-11-22 08:00:00,10.00,--,20.00,6228,钱七,退汇 98TGWSSXGV\n总收入：20.00,,,\n";

#[test]
fn the_tables_of_four_banks_are_known_by_their_headers() {
    for (name, text, account, expected) in [
        ("icbc", ICBC, "6222020200112233445", vec!["credit 1200.00 CNY", "debit 200.50 CNY"]),
        ("ccb", CCB, "4100123456789", vec!["credit 300.00 CNY", "creditR 50.00 CNY"]),
        ("abc", ABC, "1234567890123", vec!["creditR 10.00 CNY", "creditR 10.00 CNY"]),
    ] {
        for bytes in [gbk(text.trim_start_matches('\u{feff}')), text.as_bytes().to_vec()] {
            let file = read(&bytes, &Format::Auto);
            assert_eq!((file.format, file.warnings.as_slice()), (format!("csv:{name}"), &[][..]));
            assert_eq!(file.statements[0].account.as_deref(), Some(account));
            assert_eq!(file.statements[0].lines.iter().map(short).collect::<Vec<_>>(), expected, "{name}");
            assert!(file.statements[0].lines[0].text.to_uppercase().contains("98TGW"), "{name}");
        }
    }
    let cmb = read(gbk(CMB), &Format::Auto);
    assert_eq!((cmb.format.as_str(), &cmb.statements[0].account), ("csv:cmb", &None));
}

#[test]
fn tables_of_an_account_are_read_by_its_own_mapping_and_other_files_as_what_they_are() {
    let mut own = mapping("icbc");
    own.name = "mine".to_owned();
    let auto = Format::AutoOr(Box::new(own));
    assert_eq!(read(gbk(ICBC), &auto).format, "csv:mine");
    assert_eq!(read(message(54, "02", &entry("1", "CRDT", "")), &auto).format, "camt.054");
    assert!(refused(CMB, &auto).contains("`mine`"));
}

#[test]
fn all_cells_of_a_line_are_read() {
    let file = read(CMB, &csv("cmb"));
    let line = &lines(&file)[0];
    assert_eq!(
        (line.booked_on.to_string(), line.value_on.unwrap().to_string()),
        ("2026-11-22".into(), "2026-11-22".into())
    );
    assert_eq!(line.bank_reference.as_deref(), Some("C0001"));
    assert_eq!(line.end_to_end.as_deref(), Some("E-17"));
    assert_eq!(line.counterparty.name.as_deref(), Some("王五"));
    assert_eq!(line.counterparty.account.as_deref(), Some("62148888"));
    assert_eq!(line.text, "转入 98TGWSSXGV");
    assert_eq!(line.identity, "ref:C0001|C8800CNY|2026-11-22");
}

#[test]
fn balances_are_checked_whether_the_newest_line_comes_first_or_last() {
    let ends = |text: &str, name: &str| {
        let file = read(text, &csv(name));
        let minor = |m: Option<Money>| m.unwrap().minor;
        (minor(file.statements[0].opening), minor(file.statements[0].closing), kinds(&file))
    };
    assert_eq!(ends(ICBC, "icbc"), (1_000_000, 1_099_950, vec![]));
    assert_eq!(ends(CMB, "cmb"), (10_001, 18_800, vec![]));
    let gap = ICBC.replace("10,999.50", "10,999.51");
    assert_eq!(ends(&gap, "icbc").2, [WarningKind::BalanceDiffers]);
}

#[test]
fn a_header_that_lacks_a_column_is_named_with_its_line() {
    let error = refused(ICBC.replace("贷方发生额", "贷方发生金额"), &csv("icbc"));
    assert!(error.starts_with("line 3: ") && error.contains("`贷方发生额`") && error.contains("`icbc`"), "{error}");
    let error = refused("a,b\n1,2\n", &csv("icbc"));
    assert!(error.contains("none of the first"), "{error}");
    // Brackets, spaces and full-width forms make no difference.
    let spaced = ICBC.replace("贷方发生额", " 贷方发生额（元） ").replace("借方发生额", "借方 发生额");
    assert_eq!(read(spaced, &csv("icbc")).statements, read(ICBC, &csv("icbc")).statements);
}

#[test]
fn a_cell_that_cannot_be_read_is_named_with_its_line_and_column() {
    for (from, to, column) in [
        ("\"1,200.00\",转账", "\"1,20.00\",转账", "`贷方发生额`"),
        ("\"1,200.00\",转账", "1200.005,转账", "`贷方发生额`"),
        ("\"1,200.00\",转账", "一千,转账", "`贷方发生额`"),
        ("贷,,\"1,200.00\"", "贷,1.00,\"1,200.00\"", "`借方发生额`"),
        ("2026-11-21", "2026-11-31", "`交易日期`"),
        ("2026-11-21", "", "`交易日期`"),
    ] {
        let error = refused(ICBC.replacen(from, to, 1), &csv("icbc"));
        assert!(error.starts_with(&format!("line 4, column {column}: ")), "{to}: {error}");
    }
}

#[test]
fn a_mapping_of_ones_own_has_signs_flags_and_other_marks() {
    let own = |text: &str| match serde_json::from_str::<MappingChoice>(text).unwrap().mapping() {
        Ok(mapping) => Format::Csv(Box::new(mapping)),
        Err(e) => panic!("{e}"),
    };
    let signed =
        own(r#"{"name":"own","delimiter":";","decimal":",","thousands":".","currency":"EUR","dates":["DD.MM.YYYY"],
            "columns":{"date":"Tag","amount":["Betrag","Umsatz"],"text":["Zweck"],"virtual_account":"VA"}}"#);
    let file = read("Tag;Umsatz;Zweck;VA\n22.11.2026;-1.234,50;x;\n22.11.2026;7;y;VA 7\n", &signed);
    assert_eq!(lines(&file).iter().map(short).collect::<Vec<_>>(), ["debit 1234.50 EUR", "credit 7.00 EUR"]);
    assert_eq!(lines(&file)[1].virtual_account.as_deref(), Some("VA7"));
    let flagged = own(r#"{"name":"own","columns":{"date":"日期","amount":"金额","flag":"借贷标志","text":["摘要"]}}"#);
    let table = "日期\t金额\t借贷标志\t摘要\n20261122\t1.00\t贷\ta\n20261122\t-2.00\t贷\tb\n20261122\t3.00\t借\tc\n";
    let file = read(table, &flagged);
    let expected = ["credit 1.00 CNY", "debitR 2.00 CNY", "debit 3.00 CNY"];
    assert_eq!(lines(&file).iter().map(short).collect::<Vec<_>>(), expected);
    let error = refused(table.replace("\t借\tc", "\t?\tc"), &flagged);
    assert!(error.starts_with("line 4, column `借贷标志`: "), "{error}");
}

#[test]
fn mappings_that_cannot_work_are_refused_by_their_member() {
    for (text, member) in [
        (r#"{"name":"x","columns":{"date":"d"}}"#, "columns"),
        (r#"{"name":"x","columns":{"date":"d","amount":"a","credit":"c","debit":"d"}}"#, "columns"),
        (r#"{"name":"x","columns":{"date":"d","credit":"c","debit":"e","flag":"f"}}"#, "columns.flag"),
        (r#"{"name":"x","encoding":"klingon","columns":{"date":"d","amount":"a"}}"#, "encoding"),
        (r#"{"name":"x","delimiter":"ab","columns":{"date":"d","amount":"a"}}"#, "delimiter"),
        (r#"{"name":"x","decimal":",","columns":{"date":"d","amount":"a"}}"#, "decimal"),
        (r#"{"name":"x","dates":["YY-M-D"],"columns":{"date":"d","amount":"a"}}"#, "dates"),
        (r#"{"name":"x","currency":"YUAN","columns":{"date":"d","amount":"a"}}"#, "currency"),
        (r#"{"name":"x","totals":[" "],"columns":{"date":"d","amount":"a"}}"#, "totals"),
    ] {
        let error = serde_json::from_str::<MappingChoice>(text).unwrap().mapping().unwrap_err();
        assert!(error.contains(&format!("`{member}`")), "{text}: {error}");
    }
    assert!(MappingChoice::Ready("boc".into()).mapping().unwrap_err().contains("icbc, cmb, ccb, abc"));
    for name in MappingChoice::NAMES {
        assert_eq!(mapping(name).check(), Ok(()));
    }
}

#[test]
fn a_wrong_charset_is_said() {
    let mut wrong = mapping("icbc");
    wrong.encoding = "utf-8".to_owned();
    let error = refused(gbk(ICBC), &Format::Csv(Box::new(wrong)));
    assert!(error.starts_with("line 1: ") && error.contains("GB18030"), "{error}");
}

#[test]
fn a_table_without_lines_is_a_statement_without_lines() {
    let empty: String = ICBC.lines().take(3).map(|l| format!("{l}\n")).collect();
    let file = read(empty, &csv("icbc"));
    assert_eq!((file.statements.len(), file.statements[0].lines.len()), (1, 0));
    assert_eq!(file.statements[0].account.as_deref(), Some("6222020200112233445"));
}

#[test]
fn lines_of_two_exports_that_overlap_are_the_same_lines() {
    let shorter: String = ABC.lines().filter(|l| !l.contains(",20.00,")).map(|l| format!("{l}\n")).collect();
    let (all, some) = (read(ABC, &csv("abc")), read(shorter, &csv("abc")));
    assert_eq!(lines(&some).len(), 1);
    assert!(lines(&all).iter().any(|l| l.identity == lines(&some)[0].identity));
    assert_ne!(lines(&all)[0].identity, lines(&all)[1].identity);
}
