//! MT940 and MT942.

use super::*;
use encoding_rs::GB18030;

const MT: Format = Format::Mt;

const STATEMENT: &str = ":20:STARTUMSE\r\n:25:37040044/0532013000\r\n:28C:00117/001\r\n:60F:C261120EUR1000,00\r\n\
:61:2611221122CR119,NTRFKREF//B26\r\n:86:166?00GUTSCHRIFT?20EREF+E-1?21SVWZ+Rechnung 98TGW?22SSXGV?30COBADEFF?31DE89370\r\n\
400440532013000?32MUELLER\r\n:61:2611231123D20,5NTRFNONREF\r\nsupplementary\r\n:86:free text\r\nin lines\r\n\
:62F:C261123EUR1098,50\r\n:64:C261123EUR1098,50\r\n:86:end of statement\r\n-\r\n";

#[test]
fn a_statement_is_read_with_its_balances_and_all_that_a_line_says() {
    let file = read(STATEMENT, &Format::Auto);
    assert_eq!((file.format.as_str(), file.warnings.as_slice()), ("mt940", &[][..]));
    let statement = &file.statements[0];
    assert_eq!(statement.account.as_deref(), Some("37040044/0532013000"));
    assert_eq!((statement.opening.unwrap().minor, statement.closing.unwrap().minor), (100_000, 109_850));
    let all = lines(&file);
    assert_eq!(all.iter().map(short).collect::<Vec<_>>(), ["credit 119.00 EUR", "debit 20.50 EUR"]);
    assert_eq!(all[0].text, "Rechnung 98TGWSSXGV GUTSCHRIFT");
    assert_eq!(all[0].end_to_end.as_deref(), Some("E-1"));
    assert_eq!(all[0].bank_reference.as_deref(), Some("B26"));
    assert_eq!(all[0].counterparty.name.as_deref(), Some("MUELLER"));
    assert_eq!(all[0].counterparty.account.as_deref(), Some("DE89370400440532013000"));
    assert_eq!(all[1].text, "free textin lines supplementary");
    assert_eq!(bursar_core::bank::find_references(&all[0].text), ["98TGWSSXGV"]);
}

#[test]
fn blocks_of_swift_and_first_lines_of_banks_make_no_difference() {
    let bare = read(STATEMENT, &MT);
    let body = STATEMENT.trim_end().trim_end_matches('-');
    let wrapped = format!("{{1:F01COBADEFFXXXX0000000000}}{{2:I940COBADEFFXXXXN}}{{4:\r\n{body}-}}{{5:{{CHK:1}}}}");
    assert_eq!(read(wrapped, &MT), bare);
    let one_line = format!("{{1:F01COBADEFFXXXX0000000000}}{{4:{body}-}}");
    assert_eq!(read(one_line, &MT).statements, bare.statements);
    let named = format!("0000 01INGBNL2AXXXX00001\r\n940 00\r\n{STATEMENT}");
    assert_eq!(read(named, &MT).statements, bare.statements);
    let marked = format!("\u{1}\r\n{}\u{3}", STATEMENT.replace("\r\n", "\n"));
    assert_eq!(read(marked, &MT).statements, bare.statements);
}

#[test]
fn several_statements_and_pages_stand_in_one_file() {
    let next = STATEMENT.replace("STARTUMSE", "NEXT").replace("0532013000\r", "0532013001\r");
    let file = read([STATEMENT, &next].concat(), &MT);
    assert_eq!(file.statements.len(), 2);
    assert_eq!(file.statements[1].account.as_deref(), Some("37040044/0532013001"));
    let page = STATEMENT.replace(":60F:", ":60M:").replace(":62F:", ":62M:");
    assert_eq!(read(page, &MT).statements[0].closing.unwrap().minor, 109_850);
}

#[test]
fn a_report_of_the_day_has_no_balances_and_takes_its_currency_from_its_limit() {
    let report = ":20:R\n:25:1234567\n:28C:1/1\n:34F:CNYC0,\n:13D:2611221000+0800\n:61:261122RC8,NTRFNONREF//77\n\
                  :61:261122ED9,NTRFNONREF//78\n:90D:1CNY8,\n:90C:0CNY0,\n-\n";
    let file = read(report, &Format::Auto);
    assert_eq!((file.format.as_str(), kinds(&file)), ("mt942", vec![WarningKind::LeftOut]));
    assert_eq!(short(&lines(&file)[0]), "debitR 8.00 CNY");
}

#[test]
fn a_day_that_no_calendar_has_is_moved_and_told() {
    let file = read(STATEMENT.replace("2611231123D", "2702300301D"), &MT);
    assert_eq!(kinds(&file), [WarningKind::DayMoved]);
    let line = &lines(&file)[1];
    assert_eq!(
        (line.value_on.unwrap().to_string(), line.booked_on.to_string()),
        ("2027-02-28".into(), "2027-03-01".into())
    );
    assert!(refused(STATEMENT.replace("2611231123D", "2613231123D"), &MT).contains("line 8, :61:"));
}

#[test]
fn balances_that_do_not_fit_are_told_and_the_lines_are_taken() {
    let file = read(STATEMENT.replace("EUR1098,50", "EUR1098,51"), &MT);
    assert_eq!((lines(&file).len(), kinds(&file)), (2, vec![WarningKind::BalanceDiffers]));
    let open = STATEMENT.replace(":62F:C261123EUR1098,50\r\n", "");
    assert_eq!(kinds(&read(open, &MT)), [WarningKind::BalanceMissing]);
}

#[test]
fn chinese_and_western_texts_are_read_in_the_charset_of_their_file() {
    let text = STATEMENT.replace("free text", "往来款 房租").replace("MUELLER", "张三");
    let (gbk, _, _) = GB18030.encode(&text);
    for bytes in [gbk.as_ref(), text.as_bytes()] {
        let file = read(bytes, &MT);
        assert_eq!(lines(&file)[0].counterparty.name.as_deref(), Some("张三"));
        assert_eq!(lines(&file)[1].text, "往来款 房租in lines supplementary");
    }
    let latin: Vec<u8> = STATEMENT.replace("MUELLER", "M\u{fc}ller").chars().map(|c| c as u8).collect();
    assert_eq!(lines(&read(latin, &MT))[0].counterparty.name.as_deref(), Some("Müller"));
}

#[test]
fn errors_name_the_line_and_the_tag() {
    for (from, to, at, what) in [
        (":25:37040044/0532013000\r\n", "", "the statement at line 1", ":25:"),
        ("C261120EUR1000,00", "X261120EUR1000,00", "line 4, :60F:", "is not a balance"),
        ("C261120EUR1000,00", "C2611", "line 4, :60F:", "too short"),
        ("C261120EUR1000,00", "C261120XXX1000,00", "line 4, :60F:", "XXX"),
        ("C261120EUR1000,00", "C261120EUR1000.00", "line 4, :60F:", "is not an amount"),
        ("CR119,", "Q119,", "line 5, :61:", "neither C nor D"),
        ("CR119,", "CR119,005", "line 5, :61:", "smallest unit"),
    ] {
        let error = refused(STATEMENT.replace(from, to), &MT);
        assert!(error.starts_with(at) && error.contains(what), "{error}");
    }
    assert!(refused("hello", &MT).contains("no tag"));
}
