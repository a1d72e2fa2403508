//! The same line in different files, and different lines that look the same.

use super::*;

fn identities(file: &StatementFile) -> Vec<String> {
    lines(file).iter().map(|l| l.identity.clone()).collect()
}

const REFERENCE: &str = "<AcctSvcrRef>B-7</AcctSvcrRef>";

fn detailed(reference: &str) -> String {
    let transaction =
        |own: &str, amount: &str| format!("<TxDtls><Refs>{own}</Refs><Amt Ccy=\"CNY\">{amount}</Amt></TxDtls>");
    let own = |n: u32| format!("<AcctSvcrRef>T-{n}</AcctSvcrRef>");
    format!("{reference}<NtryDtls>{}{}</NtryDtls>", transaction(&own(1), "4"), transaction(&own(2), "6"))
}

#[test]
fn an_advice_a_report_and_a_statement_agree_about_an_entry() {
    let body = entry("10", "CRDT", REFERENCE);
    let all = [52, 54, 53].map(|kind| identities(&read(message(kind, "02", &body), &Format::Camt)));
    assert_eq!(all[0], ["ref:B-7|C1000CNY"]);
    assert!(all[0] == all[1] && all[1] == all[2]);
    // Days differ between them now and then.
    let later = body.replace("2026-11-22", "2026-11-23");
    assert_eq!(identities(&read(message(53, "08", &later), &Format::Camt)), all[0]);
}

#[test]
fn an_entry_without_a_number_agrees_by_all_that_it_says() {
    let body = entry("10", "CRDT", "<NtryDtls><TxDtls><RmtInf><Ustrd>rent</Ustrd></RmtInf></TxDtls></NtryDtls>");
    let one = identities(&read(message(54, "02", &body), &Format::Camt));
    assert!(one[0].starts_with("sum:"));
    assert_eq!(identities(&read(message(53, "02", &body), &Format::Camt)), one);
    assert_ne!(identities(&read(message(53, "02", &body.replace("rent", "tent")), &Format::Camt)), one);
}

#[test]
fn the_parts_of_a_split_entry_know_the_whole() {
    let parts = read(message(54, "04", &entry("10", "CRDT", &detailed(REFERENCE))), &Format::Camt);
    assert_eq!(identities(&parts), ["ref:B-7/T-1|C400CNY", "ref:B-7/T-2|C600CNY"]);
    let whole = read(message(53, "04", &entry("10", "CRDT", REFERENCE)), &Format::Camt);
    for part in lines(&parts) {
        assert_eq!(part.whole.as_deref(), Some(lines(&whole)[0].identity.as_str()));
    }
    assert_eq!(lines(&whole)[0].whole, None);
    let unnumbered = read(message(54, "04", &entry("10", "CRDT", &detailed(""))), &Format::Camt);
    assert_eq!(identities(&unnumbered), ["ref:T-1|C400CNY", "ref:T-2|C600CNY"]);
}

#[test]
fn one_transaction_has_the_number_of_its_entry_wherever_it_stands() {
    let own = "<NtryDtls><TxDtls><Refs><AcctSvcrRef>B-7</AcctSvcrRef></Refs></TxDtls></NtryDtls>";
    let inside = identities(&read(message(54, "02", &entry("10", "CRDT", own)), &Format::Camt));
    assert_eq!(inside, identities(&read(message(53, "02", &entry("10", "CRDT", REFERENCE)), &Format::Camt)));
}

#[test]
fn equal_lines_of_one_file_are_all_kept() {
    let body = entry("10", "CRDT", "").repeat(3);
    let found = identities(&read(message(53, "02", &body), &Format::Camt));
    assert_eq!(found.iter().collect::<std::collections::HashSet<_>>().len(), 3);
    assert!(found[1].ends_with("#2") && found[2].ends_with("#3"));
    assert_eq!(found, identities(&read(message(54, "02", &body), &Format::Camt)));
}

#[test]
fn a_reversal_with_the_number_of_what_it_reverses_is_a_line_of_its_own() {
    let back = entry("10", "DBIT", &format!("<RvslInd>true</RvslInd>{REFERENCE}"));
    let found = identities(&read(message(53, "02", &[entry("10", "CRDT", REFERENCE), back].concat()), &Format::Camt));
    assert_eq!(found, ["ref:B-7|C1000CNY", "ref:B-7|DR1000CNY"]);
}

#[test]
fn a_constant_in_the_place_of_a_number_does_not_join_the_lines_of_two_days() {
    let day = |d: &str| {
        format!(":20:X\n:25:1234567\n:28C:0\n:60F:C{d}CNY1,\n:61:{d}C8,NTRFNONREF//55555\n:62F:C{d}CNY9,\n-\n")
    };
    let one = identities(&read(day("261122"), &Format::Mt));
    assert_eq!(one, ["ref:55555|C800CNY|2026-11-22"]);
    assert_ne!(one, identities(&read(day("261123"), &Format::Mt)));
    assert_eq!(one, identities(&read(day("261122"), &Format::Mt)));
}
