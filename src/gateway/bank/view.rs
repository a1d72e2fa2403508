//! Statements and lines as the API shows them: it knows names of members, and must never show more of an account
//! than its owner's statement does.

use bursar_core::Timestamp;
use bursar_core::bank::{Day, LineRow, LineSubject, StatementRow};
use bursar_core::id::{ChannelAccountId, LegId, LineId, PaymentId, StatementId};
use serde::Serialize;
use utoipa::ToSchema;

/// One statement that was imported.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = BankStatement)]
pub struct StatementView {
    /// Its id (`sta_…`).
    #[schema(value_type = String)]
    pub id: StatementId,
    /// The bank account (`acc_…`).
    #[schema(value_type = String)]
    pub account_id: ChannelAccountId,
    /// The bank's number of it; the file's name when it has none.
    pub number: String,
    /// 1, and one more for every other file with the same number before it.
    pub version: i32,
    /// In which format it came.
    #[schema(example = "camt.053")]
    pub format: String,
    /// The name of the file.
    pub file_name: String,
    /// Who imported it.
    pub imported_by: String,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub received_at: Timestamp,
    /// Its currency.
    #[schema(example = "CNY")]
    pub currency: String,
    /// What was on the account before, in minor units.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub opening_minor: Option<i64>,
    /// What was on it afterwards.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub closing_minor: Option<i64>,
    /// How many lines it has.
    pub lines_total: i32,
    /// How many of them no earlier file had told.
    pub lines_new: i32,
    /// What is worth knowing about it, for people: balances that do not fit, entries that were left out.
    pub warnings: Vec<String>,
}

impl From<&StatementRow> for StatementView {
    fn from(row: &StatementRow) -> Self {
        Self {
            id: row.id,
            account_id: row.account,
            number: row.number.clone(),
            version: row.version,
            format: row.format.clone(),
            file_name: row.file_name.clone(),
            imported_by: row.imported_by.clone(),
            received_at: row.received_at,
            currency: row.currency.code().to_owned(),
            opening_minor: row.opening_minor,
            closing_minor: row.closing_minor,
            lines_total: row.lines_total,
            lines_new: row.lines_new,
            warnings: row.warnings.clone(),
        }
    }
}

/// What became of a file.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = BankImport)]
pub struct ImportView {
    /// Whether the same file had been imported before: then nothing was written.
    pub already_imported: bool,
    /// The statements of this account in it.
    pub statements: Vec<StatementView>,
}

/// A page of statements.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = BankStatementPage)]
pub struct StatementPage {
    /// Newest first.
    pub statements: Vec<StatementView>,
    /// Leads to the next page.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub next_cursor: Option<String>,
}

/// One line of a statement.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = BankLine)]
pub struct LineView {
    /// Its id (`lin_…`).
    #[schema(value_type = String)]
    pub id: LineId,
    /// The statement that told it first (`sta_…`).
    #[schema(value_type = String)]
    pub statement_id: StatementId,
    /// `new`, `matched`, `suspense`, `ignored`, `settled` or `reversed`.
    #[schema(example = "suspense")]
    pub state: &'static str,
    /// `credit`: money came in. `debit`: it went out.
    #[schema(example = "credit")]
    pub direction: &'static str,
    /// Whether it takes an earlier line back.
    pub reversal: bool,
    /// How much, in minor units.
    pub amount_minor: i64,
    /// Its currency.
    #[schema(example = "CNY")]
    pub currency: String,
    /// The day on which the bank booked it.
    #[schema(value_type = String, format = Date)]
    pub booked_on: Day,
    /// The day from which it counts.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = Date, nullable = false)]
    pub value_on: Option<Day>,
    /// What the payer wrote, and what the bank says about it.
    pub text: String,
    /// Who is on the other side.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub counterparty_name: Option<String>,
    /// The number of his account.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub counterparty_account: Option<String>,
    /// The number that the payer's side gave the transfer.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub end_to_end: Option<String>,
    /// The bank's number of the line.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub bank_reference: Option<String>,
    /// The payment that it is for (`pay_…`).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, nullable = false)]
    pub payment_id: Option<PaymentId>,
    /// The leg of a refund that it is for (`rfl_…`).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, nullable = false)]
    pub leg_id: Option<LegId>,
    /// The line that it takes back (`lin_…`).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, nullable = false)]
    pub takes_back: Option<LineId>,
    /// How that was found: `virtual_account`, `reference`, `end_to_end`, `amount_and_name`, `reversal` or `person`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub matched_by: Option<&'static str>,
    /// In suspense: why it is nobody's. Ignored: why.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub why: Option<String>,
    /// Who decided: a person, or `bursar` by rule.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub decided_by: Option<String>,
    /// When.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime, nullable = false)]
    pub decided_at: Option<Timestamp>,
}

impl From<&LineRow> for LineView {
    fn from(row: &LineRow) -> Self {
        let line = &row.line;
        let (mut payment_id, mut leg_id, mut takes_back) = (None, None, None);
        match row.subject {
            Some(LineSubject::Payment(id)) => payment_id = Some(id),
            Some(LineSubject::Leg(id)) => leg_id = Some(id),
            Some(LineSubject::Line(id)) => takes_back = Some(id),
            None => {}
        }
        Self {
            id: row.id,
            statement_id: row.statement,
            state: row.state.name(),
            direction: line.direction.name(),
            reversal: line.reversal,
            amount_minor: line.amount.minor,
            currency: line.amount.currency.code().to_owned(),
            booked_on: line.booked_on,
            value_on: line.value_on,
            text: line.text.clone(),
            counterparty_name: line.counterparty.name.clone(),
            counterparty_account: line.counterparty.account.clone(),
            end_to_end: line.end_to_end.clone(),
            bank_reference: line.bank_reference.clone(),
            payment_id,
            leg_id,
            takes_back,
            matched_by: row.by.map(bursar_core::bank::Rung::name),
            why: row.why.clone(),
            decided_by: row.decided_by.clone(),
            decided_at: row.decided_at,
        }
    }
}

/// A page of lines.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = BankLinePage)]
pub struct LinePage {
    /// By id.
    pub lines: Vec<LineView>,
    /// Leads to the next page.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub next_cursor: Option<String>,
}
