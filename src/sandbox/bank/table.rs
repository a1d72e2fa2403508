//! The table of a bank's portal, as its customers know it: words above the header, tabs that keep numbers from
//! being mangled, sums at the end, in GB18030. It knows columns, and must never know what a line was meant for.

use super::words::{day, grouped, time};
use super::{Line, Sheet, StatementFile};

const COLUMNS: &str = "交易时间,本方账号,对方账号,借方发生额,贷方发生额,余额,对方单位名称,摘要,附言,交易流水号";

pub(super) fn write(sheet: &Sheet<'_>) -> StatementFile {
    let rows: String = sheet.lines.iter().map(|line| row(sheet.account, line)).collect();
    let (mut came, mut went) = (0_i64, 0_i64);
    for line in sheet.lines {
        let sum = if line.credit { &mut came } else { &mut went };
        *sum = sum.saturating_add(line.amount_minor);
    }
    let text = format!(
        "账户明细查询,{}\r\n\r\n{COLUMNS}\r\n{rows}合计,,,\"{}\",\"{}\",,,,,\r\n",
        cell(sheet.holder),
        grouped(went),
        grouped(came),
    );
    let (bytes, _, _) = encoding_rs::GB18030.encode(&text);
    StatementFile { name: format!("hisdetail{:05}.csv", sheet.number), bytes: bytes.into_owned() }
}

fn row(account: &str, line: &Line) -> String {
    let amount = format!("\"{}\"", grouped(line.amount_minor));
    let (debit, credit) = if line.credit { (String::new(), amount) } else { (amount, String::new()) };
    let summary = match (line.reversal, line.credit) {
        (true, _) => "冲正",
        (false, true) => "转入",
        (false, false) => "转出",
    };
    format!(
        "{} {},{account}\t,62170001{}\t,{debit},{credit},\"{}\",{},{summary},{},{}\t\r\n",
        day(line.at_ms),
        time(line.at_ms),
        line.serial.get(8..).unwrap_or_default(),
        grouped(line.balance_minor),
        cell(&line.name),
        cell(&line.text),
        line.serial,
    )
}

fn cell(text: &str) -> String {
    format!("\"{}\"", text.replace('"', "\"\""))
}
