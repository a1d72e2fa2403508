//! One transaction inside of an entry: it knows parties, numbers and remittance texts, and must never know what
//! was booked.

use bursar_core::bank::{Direction, Party};

use crate::bank::statement::error::{StatementError, Warnings, shown};
use crate::bank::statement::tidy;
use crate::bank::statement::xml::Element;

/// What moved by one transaction, as it is written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Transaction {
    pub(super) amount: String,
    pub(super) currency: String,
    /// When it says so itself.
    pub(super) direction: Option<Direction>,
}

/// A transaction's facts.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Details {
    pub(super) moved: Option<Transaction>,
    pub(super) counterparty: Party,
    pub(super) text: String,
    pub(super) end_to_end: Option<String>,
    /// `AcctSvcrRef`.
    pub(super) reference: Option<String>,
    /// `UETR`, `TxId` or `InstrId`.
    pub(super) transaction: Option<String>,
    pub(super) virtual_account: Option<String>,
    /// Whether it is the return of an earlier one.
    pub(super) returned: bool,
}

impl Details {
    pub(super) fn read(
        element: &Element,
        at: &str,
        direction: Direction,
        reversal: bool,
        account: Option<&str>,
        warnings: &mut Warnings,
    ) -> Result<Self, StatementError> {
        let number = |path: &[&str]| element.text_at(path).map_or(Ok(None), |t| tidy::number(t, at));
        let returned = element.find(&["RtrInf"]).is_some();
        // A return names the parties of what it returns.
        let original = if reversal || returned { direction.opposite() } else { direction };
        let (side, side_account) = match original {
            Direction::Credit => ("Dbtr", "DbtrAcct"),
            Direction::Debit => ("Cdtr", "CdtrAcct"),
        };
        let own_account = account_of(element, "CdtrAcct", at)?.filter(|_| original == Direction::Credit);
        let mut transaction = None;
        for name in ["UETR", "TxId", "InstrId"] {
            transaction = match transaction {
                None => number(&["Refs", name])?,
                found => found,
            };
        }
        Ok(Self {
            moved: moved(element, at)?,
            counterparty: Party {
                name: name_of(element, side).and_then(|n| tidy::name(n, at, warnings)),
                account: account_of(element, side_account, at)?,
            },
            text: tidy::text(&remittance(element), at, warnings),
            end_to_end: number(&["Refs", "EndToEndId"])?,
            reference: number(&["Refs", "AcctSvcrRef"])?,
            transaction,
            virtual_account: own_account.filter(|own| account.is_some_and(|a| a != own)),
            returned,
        })
    }

    /// The facts of several transactions that are taken as one line: what all agree in, and all texts.
    pub(super) fn merged(all: &[Self]) -> Self {
        let [first, others @ ..] = all else { return Self::default() };
        let mut merged = first.clone();
        for other in others {
            keep_same(&mut merged.counterparty.name, &other.counterparty.name);
            keep_same(&mut merged.counterparty.account, &other.counterparty.account);
            keep_same(&mut merged.end_to_end, &other.end_to_end);
            keep_same(&mut merged.reference, &other.reference);
            keep_same(&mut merged.transaction, &other.transaction);
            keep_same(&mut merged.virtual_account, &other.virtual_account);
            merged.returned &= other.returned;
            if !other.text.is_empty() && merged.text.chars().count() < crate::bank::statement::limits::MAX_TEXT_CHARS {
                merged.text = format!("{} {}", merged.text, other.text).trim().to_owned();
            }
        }
        merged
    }
}

fn keep_same(kept: &mut Option<String>, other: &Option<String>) {
    if kept != other {
        *kept = None;
    }
}

/// The amount in the currency of the account: `Amt` since version 03, before in `AmtDtls`.
fn moved(element: &Element, at: &str) -> Result<Option<Transaction>, StatementError> {
    let amount = element.find(&["Amt"]).or_else(|| element.find(&["AmtDtls", "TxAmt", "Amt"]));
    let Some((amount, currency)) = amount.and_then(|a| Some((a.text.clone(), a.currency.clone()?))) else {
        return Ok(None);
    };
    let direction = match element.text_at(&["CdtDbtInd"]) {
        None => None,
        Some("CRDT") => Some(Direction::Credit),
        Some("DBIT") => Some(Direction::Debit),
        Some(other) => {
            let what = format!("TxDtls/CdtDbtInd: {} is neither CRDT nor DBIT", shown(other));
            return Err(StatementError::broken(at, what));
        }
    };
    Ok(Some(Transaction { amount, currency, direction }))
}

/// A party's name; since version 08 it is one level deeper.
fn name_of<'a>(element: &'a Element, side: &str) -> Option<&'a str> {
    let party = element.find(&["RltdPties", side])?;
    party
        .text_at(&["Nm"])
        .or_else(|| party.text_at(&["Pty", "Nm"]))
        .or_else(|| party.text_at(&["Agt", "FinInstnId", "Nm"]))
}

fn account_of(element: &Element, side: &str, at: &str) -> Result<Option<String>, StatementError> {
    let Some(account) = element.find(&["RltdPties", side]) else { return Ok(None) };
    super::account_number(account, at)
}

/// All that people wrote. Unstructured lines are pieces of one text (140 characters each), the others stand
/// beside it.
fn remittance(element: &Element) -> String {
    let mut parts = vec![String::new()];
    if let Some(info) = element.find(&["RmtInf"]) {
        parts = vec![info.all("Ustrd").map(|u| u.text.as_str()).collect::<String>()];
        for structured in info.all("Strd") {
            parts.extend(structured.text_at(&["CdtrRefInf", "Ref"]).map(str::to_owned));
            parts.extend(structured.all("AddtlRmtInf").map(|a| a.text.clone()));
        }
    }
    parts.extend(element.text_at(&["AddtlTxInf"]).map(str::to_owned));
    parts.retain(|p| !p.is_empty());
    parts.join(" ")
}
