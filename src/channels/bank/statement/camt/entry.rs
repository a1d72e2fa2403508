//! Entries of a camt message: it knows what is booked, what is split and what is left out, and must never book
//! another sum than the entry's.
//!
//! The entry's own amount is what moved on the account. It is split into its transactions only when all of them
//! name an amount in the currency of the entry and these add up to it: some banks write amounts of zero, of the
//! payer's currency, or none.

use bursar_core::Money;
use bursar_core::bank::{Day, Direction, StatementLine};

use super::details::{Details, Transaction};
use super::{Place, day_in, read_amount, read_currency, read_direction};
use crate::bank::statement::amount::{self, POINT};
use crate::bank::statement::error::{StatementError, WarningKind, Warnings, shown};
use crate::bank::statement::identity::{Moved, Ordinals};
use crate::bank::statement::tidy;
use crate::bank::statement::xml::{Element, Xml};

/// Gathers the lines of a statement.
pub(super) struct Entries<'a> {
    path: &'a str,
    pub(super) lines: Vec<StatementLine>,
    count: usize,
    pending: usize,
    empty: usize,
}

/// What an entry says as a whole.
struct Entry {
    amount: Money,
    direction: Direction,
    reversal: bool,
    booked_on: Day,
    value_on: Option<Day>,
    reference: Option<String>,
    text: String,
    at: String,
}

impl<'a> Entries<'a> {
    pub(super) const fn new(path: &'a str) -> Self {
        Self { path, lines: Vec::new(), count: 0, pending: 0, empty: 0 }
    }

    pub(super) fn say_what_was_left_out(&self, at: &Place<'_>, warnings: &mut Warnings) {
        if self.pending > 0 {
            let what = format!("{} entries are not booked yet and were left out", self.pending);
            warnings.add(WarningKind::LeftOut, at, what);
        }
        if self.empty > 0 {
            warnings.add(WarningKind::LeftOut, at, format!("{} entries of nothing were left out", self.empty));
        }
    }

    pub(super) fn add(
        &mut self,
        element: &Element,
        xml: &Xml<'_>,
        account: Option<&str>,
        created: Option<Day>,
        warnings: &mut Warnings,
        ordinals: &mut Ordinals,
    ) -> Result<(), StatementError> {
        self.count += 1;
        let at = format!("{}/Ntry[{}] ({})", self.path, self.count, xml.line(element.at));
        if !self.is_booked(element, &at)? {
            return Ok(());
        }
        let entry = read_entry(element, at, created)?;
        if entry.amount.minor == 0 {
            self.empty += 1;
            return Ok(());
        }
        let mut details = Vec::new();
        for transaction in element.all("NtryDtls").flat_map(|d| d.all("TxDtls")) {
            details.push(Details::read(transaction, &entry.at, entry.direction, entry.reversal, account, warnings)?);
        }
        match split(&entry, &details) {
            Some(parts) => self.add_parts(&entry, account, &details, &parts, ordinals),
            None => {
                if details.len() > 1 {
                    let what =
                        format!("its {} transactions do not add up to it; it is taken as one line", details.len());
                    warnings.add(WarningKind::NotSplit, &entry.at, what);
                }
                self.add_whole(&entry, account, Details::merged(&details), ordinals);
            }
        }
        Ok(())
    }

    /// Only what is booked has happened. Before version 07 the status is a text, since then an element.
    fn is_booked(&mut self, element: &Element, at: &str) -> Result<bool, StatementError> {
        let status = ["Cd", "Prtry"].into_iter().find_map(|c| element.text_at(&["Sts", c]));
        match status.or_else(|| element.text_at(&["Sts"])) {
            Some("BOOK") => Ok(true),
            Some("PDNG" | "INFO" | "FUTR") => {
                self.pending += 1;
                Ok(false)
            }
            Some(other) => {
                Err(StatementError::broken(at, format!("Sts: {} is not a status of an entry", shown(other))))
            }
            None => Err(StatementError::broken(at, "it has no Sts: whether it is booked is not said")),
        }
    }

    fn add_whole(&mut self, entry: &Entry, account: Option<&str>, details: Details, ordinals: &mut Ordinals) {
        let moved = entry.moved(entry.amount, entry.direction);
        let number = entry.reference.as_deref().or(details.reference.as_deref());
        let identity = number.map_or_else(|| content(entry, &moved, &details), |n| moved.by_number(n));
        let identity = ordinals.number(account, identity);
        let line = entry.line(identity, None, entry.amount, entry.direction, details);
        self.lines.push(line);
    }

    fn add_parts(
        &mut self,
        entry: &Entry,
        account: Option<&str>,
        details: &[Details],
        parts: &[(Money, Direction)],
        ordinals: &mut Ordinals,
    ) {
        let whole = entry.reference.as_deref().map(|n| entry.moved(entry.amount, entry.direction).by_number(n));
        for (index, (details, (amount, direction))) in details.iter().zip(parts).enumerate() {
            if amount.minor == 0 {
                continue;
            }
            let moved = entry.moved(*amount, *direction);
            let identity = match (&entry.reference, &details.reference) {
                // Some banks repeat the entry's number in each transaction.
                (Some(of_entry), Some(own)) if own != of_entry => moved.by_number(&format!("{of_entry}/{own}")),
                (Some(of_entry), _) => moved.by_number(&format!("{of_entry}/{}", index + 1)),
                (None, Some(own)) => moved.by_number(own),
                (None, None) => content(entry, &moved, details),
            };
            let identity = ordinals.number(account, identity);
            self.lines.push(entry.line(identity, whole.clone(), *amount, *direction, details.clone()));
        }
    }
}

fn read_entry(element: &Element, at: String, created: Option<Day>) -> Result<Entry, StatementError> {
    let amount = element.find(&["Amt"]).ok_or_else(|| StatementError::broken(&at, "it has no Amt"))?;
    let currency =
        amount.currency.as_deref().ok_or_else(|| StatementError::broken(&at, "its Amt names no currency"))?;
    let currency = read_currency(currency, &at)?;
    let value_on = day_in(element, "ValDt", &at)?;
    let booked_on = day_in(element, "BookgDt", &at)?.or(value_on).or(created);
    let reversal = element.text_at(&["RvslInd"]).is_some_and(|t| t == "true" || t == "1");
    // Return of a transfer in the ISO external code sets: sub-family `RRTN`. Not seen in a sample; the usual sign is
    // `RtrInf` in the transaction.
    let returned = element.text_at(&["BkTxCd", "Domn", "Fmly", "SubFmlyCd"]) == Some("RRTN");
    Ok(Entry {
        amount: read_amount(&amount.text, currency, &at)?,
        direction: read_direction(element, &at)?,
        reversal: reversal || returned,
        booked_on: booked_on.ok_or_else(|| StatementError::broken(&at, "it has no BookgDt"))?,
        value_on,
        reference: element.text_at(&["AcctSvcrRef"]).map_or(Ok(None), |r| tidy::number(r, &at))?,
        text: element.text_at(&["AddtlNtryInf"]).unwrap_or_default().to_owned(),
        at,
    })
}

/// The amount and way of each transaction, when together they are the entry.
fn split(entry: &Entry, details: &[Details]) -> Option<Vec<(Money, Direction)>> {
    if details.len() < 2 {
        return None;
    }
    let currency = entry.amount.currency;
    let mut parts = Vec::new();
    let mut sum = 0_i64;
    for part in details {
        let Transaction { amount, currency: written, direction } = part.moved.as_ref()?;
        let amount = amount::read(amount, POINT, currency).ok().filter(|_| written == currency.code())?;
        let direction = direction.unwrap_or(entry.direction);
        let signed = if direction == entry.direction { amount.minor } else { amount.minor.checked_neg()? };
        sum = sum.checked_add(signed)?;
        parts.push((amount, direction));
    }
    (sum == entry.amount.minor).then_some(parts)
}

/// The identity of a line to which the bank gave no number.
fn content(entry: &Entry, moved: &Moved, details: &Details) -> String {
    let days = [Some(entry.booked_on), entry.value_on].map(|d| d.map(|d| d.to_string()));
    let [booked, valued] = &days;
    moved.by_content(&[
        booked.as_deref(),
        valued.as_deref(),
        details.counterparty.account.as_deref(),
        details.counterparty.name.as_deref(),
        details.end_to_end.as_deref(),
        details.transaction.as_deref(),
        Some(&details.text),
    ])
}

impl Entry {
    const fn moved(&self, amount: Money, direction: Direction) -> Moved {
        Moved { amount, direction, reversal: self.reversal, day: None }
    }

    fn line(
        &self,
        identity: String,
        whole: Option<String>,
        amount: Money,
        direction: Direction,
        details: Details,
    ) -> StatementLine {
        let mut text = details.text;
        if !self.text.is_empty() {
            text = format!("{text} {}", tidy::one_line(&self.text)).trim().to_owned();
        }
        StatementLine {
            identity,
            whole,
            booked_on: self.booked_on,
            value_on: self.value_on,
            amount,
            direction,
            reversal: self.reversal || details.returned,
            counterparty: details.counterparty,
            text,
            end_to_end: details.end_to_end,
            bank_reference: details.reference.or_else(|| self.reference.clone()),
            virtual_account: details.virtual_account,
        }
    }
}
