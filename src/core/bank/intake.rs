//! A statement on its way in: it knows which of its lines are news, and must never know where known lines are
//! kept.

use std::collections::HashSet;

use super::line::StatementLine;
use super::row::{LineRow, LineState, StatementRow};
use crate::clock::Timestamp;
use crate::id::{ChannelAccountId, LineId, MerchantId, StatementId};
use crate::money::Currency;

/// One statement of a file, ready to be taken in.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Sheet {
    /// Whose statement: the bank account as our channel account.
    pub account: ChannelAccountId,
    /// Whose money.
    pub merchant: MerchantId,
    /// SHA-256 of the file, as it came.
    pub digest: Vec<u8>,
    /// Which statement of the file, from 1.
    pub ordinal: i32,
    /// The bank's number of it; the file's name when it has none.
    pub number: String,
    /// In which format it came.
    pub format: String,
    /// The name of the file.
    pub file_name: String,
    /// Who imports it.
    pub imported_by: String,
    /// Its currency.
    pub currency: Currency,
    /// What was on the account before, in minor units.
    pub opening_minor: Option<i64>,
    /// What was on it afterwards.
    pub closing_minor: Option<i64>,
    /// What the reader found worth saying.
    pub warnings: Vec<String>,
    /// Its lines with their ids.
    pub lines: Vec<(LineId, StatementLine)>,
}

/// What is known of lines: identity, and the identity of the whole entry for parts.
pub type KnownLines = [(String, Option<String>)];

/// The identities that must be looked up to tell whether these lines are news: their own, and that of the whole
/// entry where they are parts.
pub fn lookups(lines: &[(LineId, StatementLine)]) -> Vec<String> {
    let all = lines.iter().flat_map(|(_, l)| l.whole.iter().chain([&l.identity]));
    all.cloned().collect::<std::collections::BTreeSet<_>>().into_iter().collect()
}

/// Which of `lines` no earlier file has told, by their places; and what is to be said about those that are left
/// out although their identity is new. An entry that is known as a whole is not booked again by its parts, nor
/// the other way round.
pub fn news(lines: &[(LineId, StatementLine)], known: &KnownLines) -> (Vec<usize>, Vec<String>) {
    let identities: HashSet<&str> = known.iter().map(|(identity, _)| identity.as_str()).collect();
    let split: HashSet<&str> = known.iter().filter_map(|(_, whole)| whole.as_deref()).collect();
    let (mut fresh, mut said) = (Vec::new(), Vec::new());
    for (index, (_, line)) in lines.iter().enumerate() {
        let told = identities.contains(line.identity.as_str());
        let as_whole = line.whole.as_deref().is_some_and(|whole| identities.contains(whole));
        let in_parts = split.contains(line.identity.as_str());
        match (told, as_whole, in_parts) {
            (true, _, _) => {}
            (false, false, false) => fresh.push(index),
            (false, true, _) => {
                said.push(format!("{}: an earlier file told the entry as one line; it stays so", line.identity))
            }
            (false, false, true) => {
                said.push(format!(
                    "{}: an earlier file told the entry by its transactions; it stays so",
                    line.identity
                ));
            }
        }
    }
    (fresh, said)
}

impl Sheet {
    /// The row of the statement.
    pub fn row(&self, id: StatementId, lines_new: usize, warnings: Vec<String>, now: Timestamp) -> StatementRow {
        let count = |n: usize| i32::try_from(n).unwrap_or(i32::MAX);
        StatementRow {
            id,
            account: self.account,
            merchant: self.merchant,
            digest: self.digest.clone(),
            ordinal: self.ordinal,
            number: self.number.clone(),
            version: 1,
            format: self.format.clone(),
            file_name: self.file_name.clone(),
            imported_by: self.imported_by.clone(),
            received_at: now,
            currency: self.currency,
            opening_minor: self.opening_minor,
            closing_minor: self.closing_minor,
            lines_total: count(self.lines.len()),
            lines_new: count(lines_new),
            warnings,
        }
    }

    /// The row of the line at `index`, when it is news.
    pub fn line(&self, statement: StatementId, index: usize, now: Timestamp) -> Option<LineRow> {
        let (id, line) = self.lines.get(index)?;
        Some(LineRow {
            id: *id,
            account: self.account,
            merchant: self.merchant,
            statement,
            ordinal: i32::try_from(index).unwrap_or(i32::MAX).saturating_add(1),
            line: line.clone(),
            seen_at: now,
            version: 0,
            state: LineState::New,
            subject: None,
            by: None,
            why: None,
            decided_by: None,
            decided_at: None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bank::{Direction, Party};
    use crate::money::Money;

    fn line(identity: &str, whole: Option<&str>) -> (LineId, StatementLine) {
        let line = StatementLine {
            identity: identity.to_owned(),
            whole: whole.map(str::to_owned),
            booked_on: "2026-11-22".parse().unwrap(),
            value_on: None,
            amount: Money::new(1, Currency::CNY),
            direction: Direction::Credit,
            reversal: false,
            counterparty: Party::default(),
            text: String::new(),
            end_to_end: None,
            bank_reference: None,
            virtual_account: None,
        };
        (LineId(uuid::Uuid::nil()), line)
    }

    fn known(rows: &[(&str, Option<&str>)]) -> Vec<(String, Option<String>)> {
        rows.iter().map(|(i, w)| ((*i).to_owned(), w.map(str::to_owned))).collect()
    }

    #[test]
    fn a_line_is_news_once() {
        let lines = [line("a", None), line("b", None)];
        assert_eq!(news(&lines, &[]), (vec![0, 1], vec![]));
        assert_eq!(news(&lines, &known(&[("a", None)])), (vec![1], vec![]));
        assert_eq!(lookups(&[line("p", Some("w")), line("q", Some("w"))]), ["p", "q", "w"]);
    }

    #[test]
    fn an_entry_is_booked_as_a_whole_or_by_its_parts_and_never_both() {
        let parts = [line("p", Some("w")), line("q", Some("w"))];
        let (fresh, said) = news(&parts, &known(&[("w", None)]));
        assert_eq!((fresh, said.len()), (vec![], 2));
        let (fresh, said) = news(&[line("w", None)], &known(&[("p", Some("w")), ("q", Some("w"))]));
        assert_eq!((fresh, said.len()), (vec![], 1));
        // The rest of an entry that was told in part.
        assert_eq!(news(&parts, &known(&[("p", Some("w"))])), (vec![1], vec![]));
    }
}
