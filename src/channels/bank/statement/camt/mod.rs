//! ISO 20022 camt.052 (report of the day), camt.053 (statement) and camt.054 (advice), of any version: it knows
//! where a message keeps its statements and balances; `entry` reads what was booked.
//!
//! The element names are stable over the versions 02 to 13; the version is not looked at.

mod details;
mod entry;

use bursar_core::bank::{Day, Direction};
use bursar_core::{Currency, Money};

use super::amount::{self, POINT};
use super::error::{StatementError, WarningKind, Warnings, shown};
use super::identity::Ordinals;
use super::xml::{Element, Xml};
use super::{Statement, balance, charset, check_lines, tidy};
use entry::Entries;

/// How the namespaces of the messages begin.
const FAMILY: &str = "urn:iso:std:iso:20022:tech:xsd:camt.05";

/// A kind of message: its name, its root and its container.
struct Kind {
    name: &'static str,
    root: &'static str,
    container: &'static str,
    /// Whether it tells the balances of a whole day, so that nothing can be missing unseen.
    balanced: bool,
}

const KINDS: [Kind; 3] = [
    Kind { name: "camt.052", root: "BkToCstmrAcctRpt", container: "Rpt", balanced: false },
    Kind { name: "camt.053", root: "BkToCstmrStmt", container: "Stmt", balanced: true },
    Kind { name: "camt.054", root: "BkToCstmrDbtCdtNtfctn", container: "Ntfctn", balanced: false },
];

/// Where an element stands, for people.
#[derive(Clone, Debug)]
struct Place<'a> {
    path: &'a str,
    line: String,
}

impl std::fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ({})", self.path, self.line)
    }
}

pub(super) fn read(bytes: &[u8], warnings: &mut Warnings) -> Result<(String, Vec<Statement>), StatementError> {
    let text = charset::decode(bytes, charset::declared_in_xml(bytes)?)?;
    let mut xml = Xml::new(&text, FAMILY);
    let expected = || {
        let what = "it is not a camt.052, camt.053 or camt.054: no `Document` in their namespace was found";
        StatementError::new("the file", what, "fetch one of these from the bank")
    };
    let document = xml.enter()?.ok_or_else(expected)?;
    if document.name != "Document" {
        return Err(expected());
    }
    let root = xml.next_child()?.ok_or_else(|| StatementError::broken("Document", "it is empty"))?;
    let known = KINDS.iter().find(|k| k.root == root.name && xml.namespace().contains(k.name));
    let Some(kind) = known else {
        let at = Place { path: &format!("Document/{}", root.name), line: xml.line(root.at) };
        let what = format!("{} with the namespace {} is not a statement", root.name, shown(xml.namespace()));
        return Err(StatementError::new(at, what, "fetch a camt.052, camt.053 or camt.054 from the bank"));
    };
    let mut reader = Reader { kind, warnings, ordinals: Ordinals::default(), lines: 0 };
    let mut statements = Vec::new();
    while let Some(child) = xml.next_child()? {
        if child.name == kind.container {
            let path = format!("Document/{}/{}[{}]", kind.root, kind.container, statements.len() + 1);
            statements.push(reader.statement(&mut xml, &child, &path)?);
        } else {
            xml.pass()?;
        }
    }
    if statements.is_empty() {
        let at = Place { path: &format!("Document/{}", kind.root), line: xml.line(root.at) };
        let what = format!("it has no {}: the message tells of no account", kind.container);
        return Err(StatementError::broken(at, what));
    }
    Ok((kind.name.to_owned(), statements))
}

struct Reader<'k, 'w> {
    kind: &'k Kind,
    warnings: &'w mut Warnings,
    ordinals: Ordinals,
    lines: usize,
}

/// A balance as it stands in the file.
struct Balance {
    code: String,
    amount: Option<Money>,
}

impl Reader<'_, '_> {
    fn statement(&mut self, xml: &mut Xml<'_>, open: &Element, path: &str) -> Result<Statement, StatementError> {
        let at = Place { path, line: xml.line(open.at) };
        let (mut id, mut account, mut created) = (None, None, None);
        let mut currency = None;
        let mut balances = Vec::new();
        let mut entries = Entries::new(path);
        while let Some(child) = xml.next_child()? {
            let child_at = child.at;
            let child = xml.rest_of(child)?;
            let place = |name: &str| format!("{path}/{name} ({})", xml.line(child_at));
            match child.name.as_str() {
                "Id" => id = tidy::number(&child.text, &place("Id"))?,
                "CreDtTm" => created = day_of(&child.text),
                "Acct" => {
                    account = account_number(&child, &place("Acct/Id"))?;
                    currency = child.text_at(&["Ccy"]).map(|c| read_currency(c, &place("Acct/Ccy"))).transpose()?;
                }
                "Bal" => balances.push((child, xml.line(child_at))),
                "Ntry" => {
                    entries.add(&child, xml, account.as_deref(), created, self.warnings, &mut self.ordinals)?;
                    check_lines(self.lines.saturating_add(entries.lines.len()), path)?;
                }
                _ => {}
            }
        }
        if account.is_none() {
            let what = "it has no Acct/Id: the bank does not say whose account it is";
            return Err(StatementError::broken(at, what));
        }
        entries.say_what_was_left_out(&at, self.warnings);
        self.lines = self.lines.saturating_add(entries.lines.len());
        let first_balance = balances.iter().find_map(|(b, _)| b.find(&["Amt"])?.currency.as_deref()?.parse().ok());
        let currency = currency.or_else(|| entries.lines.first().map(|l| l.amount.currency)).or(first_balance);
        let Some(currency) = currency else {
            return Err(StatementError::broken(at, "neither the account nor an entry nor a balance names a currency"));
        };
        let balances: Vec<Balance> = balances
            .iter()
            .enumerate()
            .map(|(i, (b, line))| {
                self.balance(b, currency, &Place { path: &format!("{path}/Bal[{}]", i + 1), line: line.clone() })
            })
            .collect::<Result<_, _>>()?;
        let (opening, closing) = self.ends(&balances);
        let statement = Statement { account, id, currency, opening, closing, lines: entries.lines };
        balance::check(&statement, self.kind.balanced, &at.to_string(), self.warnings);
        Ok(statement)
    }

    /// Opening and closing balance. A statement of several pages has interim balances instead: the first opens
    /// the page and the last closes it. In reports of the day these are no ends of what the report tells.
    fn ends(&self, balances: &[Balance]) -> (Option<Money>, Option<Money>) {
        let named =
            |codes: &[&str]| codes.iter().find_map(|c| balances.iter().find(|b| b.code == *c)).map(|b| b.amount);
        let interim: Vec<_> = balances.iter().filter(|b| b.code == "ITBD" && self.kind.balanced).collect();
        let both = interim.len() > 1;
        let closing = named(&["CLBD"]).or_else(|| interim.last().map(|b| b.amount));
        let first = interim.first().filter(|_| both || named(&["CLBD"]).is_some());
        let opening = named(&["OPBD", "PRCD"]).or_else(|| first.map(|b| b.amount));
        (opening.flatten(), closing.flatten())
    }

    fn balance(&mut self, element: &Element, currency: Currency, at: &Place<'_>) -> Result<Balance, StatementError> {
        let code = element.text_at(&["Tp", "CdOrPrtry", "Cd"]).unwrap_or_default().to_owned();
        let of_interest = ["OPBD", "PRCD", "CLBD", "ITBD"].contains(&code.as_str());
        let Some(amount) = element.find(&["Amt"]).filter(|_| of_interest) else {
            return Ok(Balance { code, amount: None });
        };
        let written = amount.currency.as_deref().unwrap_or(currency.code());
        if written != currency.code() {
            let what = format!("the {code} balance is in {}, the account in {currency}", shown(written));
            self.warnings.add(WarningKind::Other, at, what);
            return Ok(Balance { code, amount: None });
        }
        let money = read_amount(&amount.text, currency, at)?;
        let minor = match read_direction(element, at)? {
            Direction::Credit => money.minor,
            Direction::Debit => money.minor.saturating_neg(),
        };
        Ok(Balance { code, amount: Some(Money::new(minor, currency)) })
    }
}

fn account_number(account: &Element, at: &str) -> Result<Option<String>, StatementError> {
    let id = account.text_at(&["Id", "IBAN"]).or_else(|| account.text_at(&["Id", "Othr", "Id"]));
    id.map_or(Ok(None), |id| tidy::account(id, at))
}

fn read_currency(text: &str, at: &dyn std::fmt::Display) -> Result<Currency, StatementError> {
    text.parse().map_err(|e: String| {
        StatementError::new(at, e, "take the statement of this account out, or ask for the currency to be supported")
    })
}

fn read_amount(text: &str, currency: Currency, at: &dyn std::fmt::Display) -> Result<Money, StatementError> {
    let wrong = |what| StatementError::broken(at, format!("Amt: {} {what}", shown(text)));
    amount::read(text, POINT, currency).map_err(wrong)
}

fn read_direction(element: &Element, at: &dyn std::fmt::Display) -> Result<Direction, StatementError> {
    match element.text_at(&["CdtDbtInd"]) {
        Some("CRDT") => Ok(Direction::Credit),
        Some("DBIT") => Ok(Direction::Debit),
        Some(other) => Err(StatementError::broken(at, format!("CdtDbtInd: {} is neither CRDT nor DBIT", shown(other)))),
        None => Err(StatementError::broken(at, "it has no CdtDbtInd: money in or out is not said")),
    }
}

/// The day of `2026-11-22` or `2026-11-22T10:00:00+01:00`: as the bank wrote it, whatever its zone.
fn day_of(text: &str) -> Option<Day> {
    text.split_at_checked(10)
        .and_then(|(day, rest)| day.parse().ok().filter(|_| rest.is_empty() || rest.starts_with(['T', 'Z', '+', '-'])))
}

/// The day in `BookgDt` or `ValDt`, which is a day or an instant.
fn day_in(element: &Element, name: &str, at: &dyn std::fmt::Display) -> Result<Option<Day>, StatementError> {
    let Some(text) = element.text_at(&[name, "Dt"]).or_else(|| element.text_at(&[name, "DtTm"])) else {
        return Ok(None);
    };
    let wrong = || StatementError::broken(at, format!("{name}: {} is not a day", shown(text)));
    day_of(text).map(Some).ok_or_else(wrong)
}
