//! Files as wholes: archives, limits, and what is no statement.

use std::io::{Cursor, Write as _};

use zip::write::SimpleFileOptions;

use super::*;

fn zipped(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in files {
        writer.start_file(*name, SimpleFileOptions::default()).unwrap();
        writer.write_all(content).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

#[test]
fn the_one_file_of_an_archive_is_read() {
    let text = message(53, "02", &entry("1", "CRDT", ""));
    let plain = read(&text, &Format::Auto);
    let clutter: &[u8] = b"x";
    let archive = zipped(&[("a/b/st.xml", text.as_bytes()), ("__MACOSX/a/._st.xml", clutter), (".DS_Store", clutter)]);
    assert_eq!(read(&archive, &Format::Auto), plain);
    assert_eq!(read(&archive, &Format::Camt), plain);
}

#[test]
fn archives_of_other_things_are_refused() {
    let text = b"x".as_slice();
    let error = |bytes: Vec<u8>| refused(bytes, &Format::Auto);
    assert!(error(zipped(&[("a", text), ("b", text)])).contains("holds 2 files"));
    assert!(error(zipped(&[])).contains("ZIP") || error(zipped(&[])).contains("no camt"));
    assert!(error(zipped(&[("xl/workbook.xml", text), ("[Content_Types].xml", text)])).contains("Excel"));
    assert!(error(zipped(&[("in.zip", &zipped(&[("a", text)]))])).contains("another ZIP"));
    let mut broken = zipped(&[("a", text)]);
    broken.truncate(40);
    assert!(error(broken).contains("the ZIP: it cannot be opened"));
}

#[test]
fn what_inflates_beyond_the_limit_is_refused() {
    let bomb = zipped(&[("a.csv", &vec![b' '; limits::MAX_FILE_BYTES + 1])]);
    assert!(bomb.len() < 100_000);
    assert!(refused(bomb, &Format::Auto).contains("larger than 32 MiB"));
    assert!(refused(vec![b' '; limits::MAX_FILE_BYTES + 1], &Format::Auto).contains("bytes; at most"));
}

#[test]
fn what_is_no_statement_is_refused_with_what_to_do() {
    for (bytes, what) in [
        (b"".as_slice(), "it is empty"),
        (b"%PDF-1.7", "PDF"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "old Excel"),
        (b"hello, world\n", "no camt, no MT940"),
        (b"<html><body>session expired</body></html>", "not a camt"),
    ] {
        let error = refused(bytes, &Format::Auto);
        assert!(error.contains(what), "{error}");
    }
}

#[test]
fn texts_are_cut_with_a_word_and_numbers_are_not_cut() {
    let long = |text: &str| format!("<NtryDtls><TxDtls><RmtInf><Ustrd>{text}</Ustrd></RmtInf></TxDtls></NtryDtls>");
    let file = read(message(54, "02", &entry("1", "CRDT", &long(&"房".repeat(3_000)))), &Format::Camt);
    assert_eq!((lines(&file)[0].text.chars().count(), kinds(&file)), (2_000, vec![WarningKind::Cut]));
    let number = format!("<AcctSvcrRef>{}</AcctSvcrRef>", "9".repeat(200));
    let error = refused(message(54, "02", &entry("1", "CRDT", &number)), &Format::Camt);
    assert!(error.contains("Ntry[1]") && error.contains("more than 140 characters") && error.len() < 500, "{error}");
}

#[test]
fn more_lines_than_the_limit_are_refused() {
    let mut table = String::from("交易时间,收入金额,支出金额,账户余额,对方账号,对方户名,交易用途\n");
    table.push_str(&"20261122,1.00,,,,,x\n".repeat(limits::MAX_LINES + 1));
    assert!(refused(table, &Format::Auto).contains("more than 100000 lines"));
}

#[test]
fn warnings_do_not_grow_without_end() {
    let body = entry("1", "CRDT", &format!("<NtryDtls>{}</NtryDtls>", "<TxDtls/><TxDtls/>")).repeat(500);
    assert!(read(message(54, "02", &body), &Format::Camt).warnings.len() <= 101);
}
