//! From a file to what can be taken in: it knows which statements of a file are an account's, and must never know
//! which of their lines are news.

use aws_lc_rs::digest;
use bursar_core::bank::Sheet;
use bursar_core::merchant::ChannelAccount;

use super::BankSettings;
use super::statement::{Statement, StatementError, StatementFile, line_id, read_statement};

/// Most characters of a file's name that are kept.
const MAX_FILE_NAME: usize = 200;

/// A file, and who brought it.
#[derive(Clone, Copy, Debug)]
pub struct Upload<'a> {
    /// Its bytes, as they came from the bank.
    pub bytes: &'a [u8],
    /// Its name.
    pub name: &'a str,
    /// How it is to be read, see [`BankSettings::format`].
    pub format: &'a str,
    /// Who imports it.
    pub by: &'a str,
}

/// Reads a file for an account: its statements, ready to be taken in. A file may hold statements of other
/// accounts too; these are left out, and it is said.
///
/// # Errors
/// What is wrong with the account's settings or with the file, where, and what to do.
pub fn read_upload(account: &ChannelAccount, upload: &Upload<'_>) -> Result<Vec<Sheet>, String> {
    let settings = BankSettings::read(&account.settings)?;
    let format = settings.format(upload.format)?;
    let file = read_statement(upload.bytes, &format).map_err(|e: StatementError| e.to_string())?;
    sheets(account, &settings, upload, file)
}

fn sheets(
    account: &ChannelAccount,
    settings: &BankSettings,
    upload: &Upload<'_>,
    file: StatementFile,
) -> Result<Vec<Sheet>, String> {
    let hash = digest::digest(&digest::SHA256, upload.bytes);
    let name: String = upload.name.chars().filter(|c| !c.is_control()).take(MAX_FILE_NAME).collect();
    let mut warnings: Vec<String> = file.warnings.iter().map(ToString::to_string).collect();
    let of_others = |s: &&Statement| s.account.as_ref().is_some_and(|number| !settings.is_account(number));
    let foreign: Vec<&str> = file.statements.iter().filter(of_others).filter_map(|s| s.account.as_deref()).collect();
    if foreign.len() == file.statements.len() {
        return Err(format!(
            "the file is about the account {}, not about {}; import it for that account, or add this way to write \
             the number to `statement_accounts` in the account's settings",
            foreign.first().map_or_else(String::new, |n| covered(n)),
            covered(&settings.account_number),
        ));
    }
    if !foreign.is_empty() {
        warnings.push(format!("{} statements of other accounts were left out", foreign.len()));
    }
    let mut all = Vec::new();
    for (index, statement) in file.statements.iter().enumerate().filter(|(_, s)| !of_others(s)) {
        if statement.currency != settings.currency {
            return Err(format!(
                "the statement is in {}, but the account is kept in {}; mend `currency` in the account's settings, \
                 or import the file for another account",
                statement.currency, settings.currency
            ));
        }
        let line = |l: &bursar_core::bank::StatementLine| (line_id(account.id, &l.identity), l.clone());
        all.push(Sheet {
            account: account.id,
            merchant: account.merchant,
            digest: hash.as_ref().to_vec(),
            ordinal: i32::try_from(index).unwrap_or(i32::MAX).saturating_add(1),
            number: statement.id.clone().unwrap_or_else(|| name.clone()),
            format: file.format.clone(),
            file_name: name.clone(),
            imported_by: upload.by.to_owned(),
            currency: statement.currency,
            opening_minor: statement.opening.map(|m| m.minor),
            closing_minor: statement.closing.map(|m| m.minor),
            // They belong to the file; the first statement keeps them.
            warnings: std::mem::take(&mut warnings),
            lines: statement.lines.iter().map(line).collect(),
        });
    }
    Ok(all)
}

/// An account number with its middle covered: enough to know one's own.
pub(crate) fn covered(number: &str) -> String {
    let all: Vec<char> = number.chars().collect();
    let ends = |n: usize| all.len().saturating_sub(n);
    match (all.get(..4), all.get(ends(4)..)) {
        (Some(front), Some(back)) if all.len() > 10 => {
            format!("{}…{}", front.iter().collect::<String>(), back.iter().collect::<String>())
        }
        _ => format!("…{}", all.get(ends(3)..).unwrap_or_default().iter().collect::<String>()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bursar_core::Timestamp;
    use bursar_core::channel::ChannelKind;
    use bursar_core::id::{ChannelAccountId, MerchantId};
    use serde_json::json;
    use uuid::Uuid;

    const FILE: &str = ":20:A\n:25:1234567890123\n:28C:7/1\n:60F:C261122CNY1,\n:61:261122C8,NTRFX//B1\n:62F:C261122CNY9,\n-\n\
:20:B\n:25:9999999999999\n:28C:8/1\n:60F:C261122CNY1,\n:62F:C261122CNY1,\n-\n";

    fn account(number: &str, currency: &str) -> ChannelAccount {
        ChannelAccount {
            id: ChannelAccountId(Uuid::from_u128(1)),
            merchant: MerchantId(Uuid::from_u128(2)),
            channel: ChannelKind::Bank,
            settings: json!({ "account_number": number, "account_name": "甲", "bank_name": "乙", "currency": currency }),
            facts: None,
            created_at: Timestamp::default(),
        }
    }

    fn read(number: &str, currency: &str, text: &str) -> Result<Vec<Sheet>, String> {
        let upload = Upload { bytes: text.as_bytes(), name: "day\u{7}.sta", format: "auto", by: "Li Na" };
        read_upload(&account(number, currency), &upload)
    }

    #[test]
    fn the_statements_of_the_account_are_taken_and_those_of_others_left_out() {
        let sheets = read("9999999999999", "CNY", FILE).unwrap();
        assert_eq!(sheets.len(), 1);
        let sheet = &sheets[0];
        assert_eq!((sheet.ordinal, sheet.number.as_str(), sheet.file_name.as_str()), (2, "8/1", "day.sta"));
        assert_eq!((sheet.opening_minor, sheet.closing_minor, sheet.format.as_str()), (Some(100), Some(100), "mt940"));
        assert_eq!(sheet.warnings, ["1 statements of other accounts were left out"]);
        let first = &read("1234567890123", "CNY", FILE).unwrap()[0];
        assert_eq!(first.digest, sheet.digest);
        assert_eq!(first.lines[0].0, line_id(first.account, "ref:B1|C800CNY|2026-11-22"));
    }

    #[test]
    fn a_file_of_another_account_or_currency_is_refused_without_the_whole_number() {
        let error = read("5555555555555", "CNY", FILE).unwrap_err();
        assert!(error.contains("1234…0123") && error.contains("5555…5555") && !error.contains("1234567"), "{error}");
        assert!(read("1234567890123", "HKD", FILE).unwrap_err().contains("kept in HKD"));
        assert!(read("1234567890123", "CNY", "%PDF-1").unwrap_err().contains("PDF"));
    }
}
