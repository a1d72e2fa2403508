//! camt.052, camt.053 and camt.054.

use super::*;

const CAMT: Format = Format::Camt;

fn transaction(end_to_end: &str, amount: &str) -> String {
    format!(
        "<TxDtls><Refs><EndToEndId>{end_to_end}</EndToEndId></Refs>{amount}<RltdPties><Dbtr><Nm>张三</Nm></Dbtr>\
         <DbtrAcct><Id><IBAN>DE89 3704</IBAN></Id></DbtrAcct></RltdPties>\
         <RmtInf><Ustrd>Rent 98TGW</Ustrd><Ustrd>SSXGV</Ustrd></RmtInf></TxDtls>"
    )
}

fn details(transactions: &[String]) -> String {
    format!("<NtryDtls>{}</NtryDtls>", transactions.concat())
}

#[test]
fn a_statement_is_read_with_its_balances_and_all_that_a_line_says() {
    let body = [
        balance("OPBD", "10.00", "DBIT"),
        balance("CLBD", "90", "CRDT"),
        entry("100.00", "CRDT", &format!("<AcctSvcrRef>B-7</AcctSvcrRef>{}", details(&[transaction("E-1", "")]))),
    ];
    let file = read(message(53, "02", &body.concat()), &Format::Auto);
    assert_eq!((file.format.as_str(), file.warnings.as_slice()), ("camt.053", &[][..]));
    let statement = &file.statements[0];
    assert_eq!(statement.account.as_deref(), Some("622200001111"));
    assert_eq!(statement.id.as_deref(), Some("S-1"));
    assert_eq!((statement.opening.unwrap().minor, statement.closing.unwrap().minor), (-1_000, 9_000));
    let line = &lines(&file)[0];
    assert_eq!(short(line), "credit 100.00 CNY");
    assert_eq!(
        (line.booked_on.to_string(), line.value_on.unwrap().to_string()),
        ("2026-11-22".into(), "2026-11-23".into())
    );
    assert_eq!(line.text, "Rent 98TGWSSXGV");
    assert_eq!(line.counterparty.name.as_deref(), Some("张三"));
    assert_eq!(line.counterparty.account.as_deref(), Some("DE893704"));
    assert_eq!(line.end_to_end.as_deref(), Some("E-1"));
    assert_eq!(line.bank_reference.as_deref(), Some("B-7"));
}

#[test]
fn newer_versions_nest_status_and_names_and_every_version_has_any_prefix() {
    let newer =
        entry("5", "CRDT", &details(&[transaction("E", "").replace("<Nm>张三</Nm>", "<Pty><Nm>李四</Nm></Pty>")]))
            .replace("<Sts>BOOK</Sts>", "<Sts><Cd>BOOK</Cd></Sts>")
            .replace("<BookgDt><Dt>2026-11-22</Dt>", "<BookgDt><DtTm>2026-11-22T23:59:59+08:00</DtTm>");
    let text = message(54, "08", &newer);
    let file = read(&text, &CAMT);
    assert_eq!(file.format, "camt.054");
    assert_eq!(lines(&file)[0].counterparty.name.as_deref(), Some("李四"));
    assert_eq!(lines(&file)[0].booked_on.to_string(), "2026-11-22");
    let prefixed = text.replace("xmlns=", "xmlns:n0=").replace("</", "</n0:").replace('<', "<n0:");
    let prefixed = prefixed.replace("<n0:/n0:", "</n0:").replace("<n0:?", "<?");
    assert_eq!(read(&prefixed, &CAMT), file);
    // An envelope of another namespace, and an extension inside of an entry.
    let (declaration, rest) = text.split_once('\n').unwrap();
    let extension = "<x:Extra xmlns:x=\"urn:x\"><x:Amt>9</x:Amt><Amt xmlns=\"urn:y\">1</Amt></x:Extra></Ntry>";
    let wrapped = format!("{declaration}<e:Envelope xmlns:e=\"urn:e\"><e:Head/>{rest}</e:Envelope>");
    assert_eq!(read(wrapped.replace("</Ntry>", extension), &CAMT).statements, file.statements);
}

#[test]
fn only_what_is_booked_counts() {
    let states = ["PDNG", "INFO", "FUTR", "BOOK"].map(|s| entry("1", "CRDT", "").replace("BOOK", s));
    let file = read(message(52, "02", &states.concat()), &CAMT);
    assert_eq!((lines(&file).len(), kinds(&file)), (1, vec![WarningKind::LeftOut]));
    let unknown = refused(message(52, "02", &entry("1", "CRDT", "").replace("BOOK", "HOPE")), &CAMT);
    assert!(unknown.contains("Rpt[1]/Ntry[1]") && unknown.contains("HOPE"), "{unknown}");
}

#[test]
fn an_entry_is_split_only_when_its_transactions_add_up_to_it() {
    let amount = |a: &str| format!("<Amt Ccy=\"CNY\">{a}</Amt>");
    let two = |a: &str, b: &str| entry("10", "CRDT", &details(&[transaction("A", a), transaction("B", b)]));
    let split = |entry: String| {
        let file = read(message(54, "04", &entry), &CAMT);
        (lines(&file).iter().map(short).collect::<Vec<_>>().join(", "), kinds(&file))
    };
    let whole = || ("credit 10.00 CNY".to_owned(), vec![WarningKind::NotSplit]);
    assert_eq!(split(two(&amount("4"), &amount("6"))), ("credit 4.00 CNY, credit 6.00 CNY".into(), vec![]));
    let older = |a: &str| format!("<AmtDtls><TxAmt>{}</TxAmt></AmtDtls>", amount(a));
    assert_eq!(split(two(&older("4"), &older("6"))), ("credit 4.00 CNY, credit 6.00 CNY".into(), vec![]));
    assert_eq!(split(two(&amount("4"), &amount("5"))), whole());
    assert_eq!(split(two(&amount("4"), "")), whole());
    assert_eq!(split(two(&amount("0"), &amount("0"))), whole());
    assert_eq!(split(two(&amount("4").replace("CNY", "USD"), &amount("6"))), whole());
    let against = format!("{}<CdtDbtInd>DBIT</CdtDbtInd>", amount("2"));
    assert_eq!(split(two(&amount("12"), &against)), ("credit 12.00 CNY, debit 2.00 CNY".into(), vec![]));
    // One transaction never changes the amount of its entry.
    let one = entry("10", "CRDT", &details(&[transaction("A", &amount("0"))]));
    assert_eq!(split(one), ("credit 10.00 CNY".into(), vec![]));
}

#[test]
fn what_is_not_split_keeps_what_its_transactions_agree_in() {
    let other = transaction("B", "").replace("DE89", "DE90");
    let file = read(message(54, "02", &entry("10", "CRDT", &details(&[transaction("A", ""), other]))), &CAMT);
    let line = &lines(&file)[0];
    assert_eq!(line.counterparty.name.as_deref(), Some("张三"));
    assert_eq!((&line.counterparty.account, &line.end_to_end), (&None, &None));
    assert_eq!(line.text, "Rent 98TGWSSXGV Rent 98TGWSSXGV");
}

#[test]
fn a_reversal_keeps_its_way_and_names_the_parties_of_what_it_reverses() {
    let parties = "<NtryDtls><TxDtls><RltdPties><Dbtr><Nm>payer</Nm></Dbtr><Cdtr><Nm>us</Nm></Cdtr></RltdPties></TxDtls></NtryDtls>";
    let back = entry("5", "DBIT", &format!("<RvslInd>true</RvslInd>{parties}"));
    let file = read(message(53, "02", &back), &CAMT);
    assert_eq!(short(&lines(&file)[0]), "debitR 5.00 CNY");
    assert_eq!(lines(&file)[0].counterparty.name.as_deref(), Some("payer"));
    let returned =
        entry("5", "CRDT", &parties.replace("<TxDtls>", "<TxDtls><RtrInf><Rsn><Cd>AC01</Cd></Rsn></RtrInf>"));
    assert_eq!(short(&lines(&read(message(53, "02", &returned), &CAMT))[0]), "creditR 5.00 CNY");
}

#[test]
fn a_virtual_account_is_the_creditors_account_when_it_is_not_the_statements() {
    let to = |account: &str| {
        let parties = format!("<RltdPties><CdtrAcct><Id><Othr><Id>{account}</Id></Othr></Id></CdtrAcct></RltdPties>");
        let file =
            read(message(54, "02", &entry("5", "CRDT", &details(&[format!("<TxDtls>{parties}</TxDtls>")]))), &CAMT);
        lines(&file)[0].virtual_account.clone()
    };
    assert_eq!(to("62220000111100000000000042").as_deref(), Some("62220000111100000000000042"));
    assert_eq!(to("622200001111"), None);
}

#[test]
fn five_decimals_are_exact_and_a_fraction_of_a_fen_is_an_error_that_says_where() {
    let good = read(message(54, "02", &entry("10.12000", "CRDT", "")), &CAMT);
    assert_eq!(lines(&good)[0].amount.minor, 1_012);
    for bad in ["10.12001", "10.123456", "-1", "1,5", "", "abc", "99999999999999999999"] {
        let error = refused(message(54, "02", &[entry("1", "CRDT", ""), entry(bad, "CRDT", "")].concat()), &CAMT);
        assert!(error.contains("Ntfctn[1]/Ntry[2] (line 7)") && error.contains("Amt"), "{bad}: {error}");
    }
}

#[test]
fn balances_that_do_not_fit_are_told_and_the_lines_are_taken() {
    let statement = |ends: &[String], kind| {
        let file = read(message(kind, "02", &[&ends.concat(), entry("1", "CRDT", "").as_str()].concat()), &CAMT);
        assert_eq!(lines(&file).len(), 1);
        kinds(&file)
    };
    let (open, close) = (balance("OPBD", "1", "CRDT"), balance("CLBD", "2", "CRDT"));
    assert_eq!(statement(&[open.clone(), close.clone()], 53), []);
    let wrong = balance("CLBD", "3", "CRDT");
    assert_eq!(statement(&[open.clone(), wrong.clone()], 53), [WarningKind::BalanceDiffers]);
    assert_eq!(statement(&[open.clone(), wrong], 52), [WarningKind::BalanceDiffers]);
    for missing in [vec![], vec![open.clone()], vec![close.clone()]] {
        assert_eq!(statement(&missing, 53), [WarningKind::BalanceMissing]);
        assert_eq!(statement(&missing, 54), []);
    }
    let foreign = close.replace("CNY", "USD");
    assert_eq!(statement(&[open.clone(), foreign], 53), [WarningKind::Other, WarningKind::BalanceMissing]);
    // Pages of one statement: interim balances stand at their ends.
    let page = [balance("ITBD", "1", "CRDT"), balance("ITBD", "2", "CRDT")];
    assert_eq!(statement(&page, 53), []);
    assert_eq!(statement(&[open, balance("ITBD", "2", "CRDT")], 53), []);
}

#[test]
fn every_statement_of_a_file_is_read() {
    let one = message(53, "02", &entry("1", "CRDT", ""));
    let (start, end) = (one.find("<Stmt>").unwrap(), one.find("</Stmt>").unwrap() + 7);
    let other = one[start..end].replace("S-1", "S-2").replace("1111", "2222");
    let file = read(format!("{}{other}{}", &one[..end], &one[end..]), &CAMT);
    let accounts: Vec<_> = file.statements.iter().map(|s| s.account.as_deref().unwrap()).collect();
    assert_eq!(accounts, ["622200001111", "622200002222"]);
}

#[test]
fn definitions_entities_and_broken_xml_are_refused() {
    let text = message(53, "02", &entry("1", "CRDT", "<AddtlNtryInf>&amp;&#x41;&lt;</AddtlNtryInf>"));
    assert_eq!(lines(&read(&text, &CAMT))[0].text, "&A<");
    let (declaration, rest) = text.split_once('\n').unwrap();
    let dtd = format!("{declaration}\n<!DOCTYPE Document [<!ENTITY a \"b\">]>\n{rest}");
    assert!(refused(&dtd, &CAMT).contains("line 2: a document type definition is refused"));
    assert!(refused(text.replace("&amp;", "&a;"), &CAMT).contains("entity `a` is refused"));
    assert!(refused(text.replace("&amp;", "&"), &CAMT).contains("line 6"));
    assert!(refused(text.replace("</Amt>", "</Amd>"), &CAMT).contains("line 6: the XML is not well-formed"));
    for cut in [text.len() / 3, text.len() / 2, text.len() - 15] {
        assert!(refused(&text[..cut], &CAMT).contains("line"), "cut at {cut}");
    }
    let deep = message(53, "02", &"<a>".repeat(100));
    assert!(refused(deep, &CAMT).contains("nested deeper"));
}

#[test]
fn other_messages_are_refused_by_their_name() {
    let no_statement = message(53, "02", "").replace("<Stmt>", "<Other>").replace("</Stmt>", "</Other>");
    assert!(refused(no_statement, &CAMT).contains("BkToCstmrStmt (line 3): it has no Stmt"));
    let pain = "<Document xmlns=\"urn:iso:std:iso:20022:tech:xsd:pain.001.001.03\"><CstmrCdtTrfInitn/></Document>";
    assert!(refused(pain, &CAMT).contains("camt.053"));
    let mixed = message(53, "02", "").replace("camt.053", "camt.054");
    assert!(refused(mixed, &CAMT).contains("not a statement"));
    let nobody = message(53, "02", "").replace("6222 0000 1111", "");
    assert!(refused(nobody, &CAMT).contains("Acct/Id"));
    let rouble = message(53, "02", "").replace("CNY", "XXX");
    assert!(refused(rouble, &CAMT).contains("Acct/Ccy"));
    assert!(refused(message(53, "02", &entry("1", "UP", "")), &CAMT).contains("`UP` is neither CRDT nor DBIT"));
}

#[test]
fn the_charset_of_the_declaration_is_used() {
    let text = message(53, "02", &entry("1", "CRDT", "<AddtlNtryInf>房租</AddtlNtryInf>"));
    let (gbk, _, _) = encoding_rs::GBK.encode(&text);
    let declared = [gbk.as_ref()].concat();
    assert!(refused(&declared, &CAMT).contains("line 6: some bytes are not UTF-8"));
    let chinese = text.replace("UTF-8", "GBK");
    let (gbk, _, _) = encoding_rs::GBK.encode(&chinese);
    assert_eq!(lines(&read(gbk, &CAMT))[0].text, "房租");
}
