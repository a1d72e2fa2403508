//! ISO 20022: camt.052 (what is new) and camt.053 (a statement, with balances). It knows elements, and must never
//! know what a line was meant for.

use super::words::{day, decimal, time};
use super::{Line, Sheet, StatementFile};

pub(super) fn write(sheet: &Sheet<'_>, statement: bool) -> StatementFile {
    let (version, root, container) = if statement {
        ("camt.053.001.08", "BkToCstmrStmt", "Stmt")
    } else {
        ("camt.052.001.08", "BkToCstmrAcctRpt", "Rpt")
    };
    let made = format!("{}T{}+08:00", day(sheet.now_ms), time(sheet.now_ms));
    let id = format!("{}-{:05}", &container.to_uppercase(), sheet.number);
    let balances = if statement { balances(sheet) } else { String::new() };
    let entries: String = sheet.lines.iter().map(entry).collect();
    let (account, holder) = (sheet.account, escape(sheet.holder));
    let text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Document xmlns=\"urn:iso:std:iso:20022:tech:xsd:{version}\">\
         <{root}><GrpHdr><MsgId>{id}</MsgId><CreDtTm>{made}</CreDtTm></GrpHdr><{container}><Id>{id}</Id>\
         <CreDtTm>{made}</CreDtTm><Acct><Id><Othr><Id>{account}</Id></Othr></Id><Ccy>CNY</Ccy>\
         <Nm>{holder}</Nm></Acct>{balances}{entries}</{container}></{root}></Document>\n"
    );
    StatementFile { name: format!("{id}.xml"), bytes: text.into_bytes() }
}

fn balances(sheet: &Sheet<'_>) -> String {
    [("OPBD", sheet.opening_minor), ("CLBD", sheet.closing_minor())]
        .map(|(code, minor)| {
            format!(
                "<Bal><Tp><CdOrPrtry><Cd>{code}</Cd></CdOrPrtry></Tp>{}{}<Dt><Dt>{}</Dt></Dt></Bal>",
                amount(minor.saturating_abs()),
                way(minor >= 0),
                day(sheet.now_ms),
            )
        })
        .concat()
}

fn amount(minor: i64) -> String {
    format!("<Amt Ccy=\"CNY\">{}</Amt>", decimal(minor, '.'))
}

const fn way(credit: bool) -> &'static str {
    if credit { "<CdtDbtInd>CRDT</CdtDbtInd>" } else { "<CdtDbtInd>DBIT</CdtDbtInd>" }
}

fn entry(line: &Line) -> String {
    // A line that takes another back names the parties of that one.
    let (side, number) = match line.credit != line.reversal {
        true => ("Dbtr", "DbtrAcct"),
        false => ("Cdtr", "CdtrAcct"),
    };
    let (amount, way, booked) = (amount(line.amount_minor), way(line.credit), day(line.at_ms));
    let reversal = if line.reversal { "<RvslInd>true</RvslInd>" } else { "" };
    // Texts have room for 140 characters, one after the other.
    let text: Vec<char> = line.text.chars().collect();
    let text: String = text.chunks(140).map(|c| format!("<Ustrd>{}</Ustrd>", escape(&String::from_iter(c)))).collect();
    format!(
        "<Ntry>{amount}{way}{reversal}<Sts><Cd>BOOK</Cd></Sts><BookgDt><Dt>{booked}</Dt></BookgDt>\
         <ValDt><Dt>{booked}</Dt></ValDt><AcctSvcrRef>{serial}</AcctSvcrRef><NtryDtls><TxDtls>\
         <Refs><EndToEndId>NOTPROVIDED</EndToEndId></Refs>{amount}{way}<RltdPties>\
         <{side}><Pty><Nm>{name}</Nm></Pty></{side}>\
         <{number}><Id><Othr><Id>62170001{tail}</Id></Othr></Id></{number}></RltdPties>\
         <RmtInf>{text}</RmtInf></TxDtls></NtryDtls></Ntry>",
        serial = line.serial,
        name = escape(&line.name),
        tail = line.serial.get(8..).unwrap_or_default(),
    )
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
