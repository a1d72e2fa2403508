//! SWIFT MT940 (statement) and MT942 (report of the day): it knows tags and balances; `line61` reads what was
//! booked and `info86` what was said about it.
//!
//! Files come with SWIFT's blocks `{1:}{2:}{4: … -}`, with the banks' own first lines, or bare. What does not
//! stand in a tag is passed over.

mod info86;
mod line61;

use bursar_core::bank::StatementLine;
use bursar_core::{Currency, Money};

use super::amount::{self, COMMA};
use super::error::{StatementError, WarningKind, Warnings, shown};
use super::identity::{Moved, Ordinals};
use super::{Statement, balance, charset, check_lines, tidy};
use info86::Info;
use line61::Booked;

/// A tag with its text.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Field<'a> {
    tag: &'a str,
    /// Its lines, joined by a line feed.
    text: String,
    line: usize,
}

impl Field<'_> {
    fn at(&self) -> String {
        format!("line {}, :{}:", self.line, self.tag)
    }
}

/// Whether a text seems to be such a file.
pub(super) fn looks_like(text: &str) -> bool {
    let tags = |wanted: &[&str]| {
        text.lines().take(2_000).any(|l| tag(l.trim_start_matches(is_mark)).is_some_and(|(t, _)| wanted.contains(&t)))
    };
    tags(&["20", "25", "25P"]) && tags(&["60F", "60M", "61", "34F", "62F", "62M"])
}

pub(super) fn read(bytes: &[u8], warnings: &mut Warnings) -> Result<(String, Vec<Statement>), StatementError> {
    let text = charset::detect(bytes)?;
    let mut reader = Reader { warnings, ordinals: Ordinals::default(), lines: 0, report: false };
    let mut statements = Vec::new();
    let mut open: Vec<Field<'_>> = Vec::new();
    for field in fields(&text) {
        // Some files have no :20:; none has an account twice.
        let begins = field.tag == "20" || (is_account(field.tag) && open.iter().any(|f| is_account(f.tag)));
        if begins && !open.is_empty() {
            statements.push(reader.statement(&open)?);
            open.clear();
        }
        open.push(field);
    }
    if open.is_empty() {
        let what = "it is not an MT940 or MT942: no tag such as :20: or :61: begins a line";
        return Err(StatementError::new("the file", what, "fetch an MT940 or MT942 from the bank"));
    }
    statements.push(reader.statement(&open)?);
    let format = if reader.report { "mt942" } else { "mt940" };
    Ok((format.to_owned(), statements))
}

const fn is_account(tag: &str) -> bool {
    matches!(tag.as_bytes(), b"25" | b"25P")
}

/// Control characters that some banks put before the first tag.
fn is_mark(c: char) -> bool {
    c.is_control() || c == '\u{feff}'
}

/// `:61:` and what follows it.
fn tag(line: &str) -> Option<(&str, &str)> {
    let (tag, rest) = line.strip_prefix(':')?.split_once(':')?;
    let (digits, letter) = tag.split_at_checked(2)?;
    let shape = digits.bytes().all(|b| b.is_ascii_digit())
        && letter.len() <= 1
        && letter.bytes().all(|b| b.is_ascii_uppercase());
    (shape || tag == "NS").then_some((tag, rest))
}

/// All tags with their texts. A line that begins with none continues the one before; a hyphen alone, or one that
/// closes SWIFT's block, ends it.
fn fields(text: &str) -> Vec<Field<'_>> {
    let mut all: Vec<Field<'_>> = Vec::new();
    let mut within = false;
    for (index, line) in text.lines().enumerate() {
        let line = line.trim_end_matches('\r').trim_start_matches(is_mark);
        let line = line.split_once("{4:").map_or(line, |(_, rest)| rest);
        if let Some((tag, rest)) = tag(line) {
            all.push(Field { tag, text: rest.to_owned(), line: index + 1 });
            within = true;
        } else if line.trim_end_matches(is_mark).trim_end() == "-" || line.starts_with("-}") {
            within = false;
        } else if let Some(last) = all.last_mut().filter(|_| within) {
            last.text.push('\n');
            last.text.push_str(line);
        }
    }
    all
}

struct Reader<'w> {
    warnings: &'w mut Warnings,
    ordinals: Ordinals,
    lines: usize,
    /// Whether an MT942 was met.
    report: bool,
}

impl Reader<'_> {
    fn statement(&mut self, fields: &[Field<'_>]) -> Result<Statement, StatementError> {
        let first = fields.first().map_or(1, |f| f.line);
        let at = format!("the statement at line {first}");
        let find = |tags: &[&str]| fields.iter().find(|f| tags.contains(&f.tag));
        let account = find(&["25", "25P"])
            .ok_or_else(|| StatementError::broken(&at, "it has no :25:: the bank does not say whose account it is"))?;
        let account = tidy::account(account.text.lines().next().unwrap_or_default(), &account.at())?;
        let id = find(&["28C", "28"]).map_or(Ok(None), |f| tidy::number(&f.text, &f.at()))?;
        let report = find(&["34F", "13D", "13"]).is_some() && find(&["60F", "60M"]).is_none();
        self.report |= report;
        let opening = find(&["60F", "60M"]).map(read_balance).transpose()?;
        let closing = fields.iter().rfind(|f| ["62F", "62M"].contains(&f.tag)).map(read_balance).transpose()?;
        let limit = find(&["34F"]).map(read_limit).transpose()?;
        let currency = opening
            .or(closing)
            .map(|m| m.currency)
            .or(limit)
            .ok_or_else(|| StatementError::broken(&at, "neither :60F: nor :62F: nor :34F: names a currency"))?;
        let mut lines = Vec::new();
        let mut skipped = 0_usize;
        for (index, field) in fields.iter().enumerate().filter(|(_, f)| f.tag == "61") {
            let info = fields.get(index + 1).filter(|f| f.tag == "86").map(|f| f.text.as_str());
            let booked = Booked::read(&field.text, currency, &field.at(), self.warnings)?;
            match booked {
                Some(booked) => lines.push(self.line(booked, info, account.as_deref(), &field.at())?),
                None => skipped += 1,
            }
            check_lines(self.lines.saturating_add(lines.len()), &field.at())?;
        }
        if skipped > 0 {
            let what = format!("{skipped} entries are only expected, or of nothing, and were left out");
            self.warnings.add(WarningKind::LeftOut, &at, what);
        }
        self.lines = self.lines.saturating_add(lines.len());
        let statement = Statement { account, id, currency, opening, closing, lines };
        if let Some((a, b)) = opening.zip(closing).filter(|(a, b)| a.currency != b.currency) {
            let what = format!("the balances are in {} and {}; they cannot be checked", a.currency, b.currency);
            self.warnings.add(WarningKind::Other, &at, what);
        } else {
            balance::check(&statement, !report, &at, self.warnings);
        }
        Ok(statement)
    }

    fn line(
        &mut self,
        booked: Booked,
        info: Option<&str>,
        account: Option<&str>,
        at: &str,
    ) -> Result<StatementLine, StatementError> {
        let info = info.map_or_else(|| Ok(Info::default()), |text| Info::read(text, at, self.warnings))?;
        let reversal = booked.reversal || info.returned;
        let (direction, amount) = (booked.direction, booked.amount);
        let moved = Moved { amount, direction, reversal, day: Some(booked.value_on) };
        let mut text = info.text;
        for more in [&booked.supplementary, &booked.customer_reference] {
            if let Some(more) = more.as_ref().filter(|m| !text.contains(m.as_str())) {
                text = format!("{text} {more}").trim().to_owned();
            }
        }
        let end_to_end = info.end_to_end.or(booked.customer_reference);
        let identity = match &booked.bank_reference {
            Some(number) => moved.by_number(number),
            None => moved.by_content(&[
                Some(&booked.booked_on.to_string()),
                info.counterparty.account.as_deref(),
                info.counterparty.name.as_deref(),
                end_to_end.as_deref(),
                Some(&text),
            ]),
        };
        Ok(StatementLine {
            identity: self.ordinals.number(account, identity),
            whole: None,
            booked_on: booked.booked_on,
            value_on: Some(booked.value_on),
            amount,
            direction,
            reversal,
            counterparty: info.counterparty,
            text,
            end_to_end,
            bank_reference: booked.bank_reference,
            virtual_account: None,
        })
    }
}

/// `C131016EUR84349,74`.
fn read_balance(field: &Field<'_>) -> Result<Money, StatementError> {
    let text = field.text.lines().next().unwrap_or_default().trim();
    let wrong = |what: &str| {
        StatementError::broken(
            field.at(),
            format!("{} {what}; expected C or D, YYMMDD, a currency and an amount", shown(text)),
        )
    };
    let sign = match text.split_at_checked(1) {
        Some(("C", _)) => 1,
        Some(("D", _)) => -1,
        _ => return Err(wrong("is not a balance")),
    };
    let currency = text.get(7..10).ok_or_else(|| wrong("is too short"))?;
    let currency = read_currency(currency, field)?;
    let amount = text.get(10..).unwrap_or_default();
    let money =
        amount::read(amount.trim(), COMMA, currency).map_err(|what| wrong(&format!("has an amount that {what}")))?;
    Ok(Money::new(money.minor.saturating_mul(sign), currency))
}

/// `EUR0,` or `EURD0,`: from which amount an MT942 tells entries. Only its currency is of interest.
fn read_limit(field: &Field<'_>) -> Result<Currency, StatementError> {
    let text = field.text.trim();
    read_currency(text.get(..3).unwrap_or(text), field)
}

fn read_currency(text: &str, field: &Field<'_>) -> Result<Currency, StatementError> {
    text.parse().map_err(|e: String| {
        let advice = "take the statement of this account out, or ask for the currency to be supported";
        StatementError::new(field.at(), e, advice)
    })
}
