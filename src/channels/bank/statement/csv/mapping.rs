//! How a bank's table is to be read: it knows the members of a mapping and their defaults, and must never read a
//! table.

use serde::{Deserialize, Serialize};

use super::ready;

/// How a table is written. All columns are named as the header names them; spaces, full-width forms and what
/// stands in brackets at their ends make no difference. Unknown members are refused.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mapping {
    /// A name for faces, such as the bank's.
    pub name: String,
    /// The charset as WHATWG names it (`gb18030`, `utf-8`); `auto`: UTF-8 if it is that, else GB18030. A mark at
    /// the front of a file wins.
    #[serde(default = "auto")]
    pub encoding: String,
    /// What stands between cells: `,`, `;`, `|` or a tab; `auto`: whichever the header row has most of.
    #[serde(default = "auto")]
    pub delimiter: String,
    /// Where what stands.
    pub columns: Columns,
    /// What the flag column holds for money that came in, when there is one column of amounts and one of flags.
    #[serde(default = "ready::credit_flags")]
    pub credit_flags: Vec<String>,
    /// What it holds for money that went out.
    #[serde(default = "ready::debit_flags")]
    pub debit_flags: Vec<String>,
    /// How days are written: `Y`, `M`, `D` for their digits, anything else as it stands; a time of day may follow.
    #[serde(default = "ready::dates")]
    pub dates: Vec<String>,
    /// What stands between groups of three digits; empty: nothing.
    #[serde(default = "comma")]
    pub thousands: String,
    /// What stands before the decimals.
    #[serde(default = "point")]
    pub decimal: String,
    /// The currency, when no column names it.
    #[serde(default = "cny")]
    pub currency: String,
    /// What a column of currencies holds besides ISO 4217 codes.
    #[serde(default = "ready::currency_names")]
    pub currency_names: std::collections::BTreeMap<String, String>,
    /// Rows whose first cell that is not empty begins with one of these are not lines.
    #[serde(default = "ready::totals")]
    pub totals: Vec<String>,
    /// A line whose text holds one of these takes an earlier line back.
    #[serde(default = "ready::reversal_words")]
    pub reversal_words: Vec<String>,
    /// Labels in front of the account number above the header, when no column holds it.
    #[serde(default = "ready::account_labels")]
    pub account_labels: Vec<String>,
}

/// Names of columns. Several names for one are alternatives: the first that the header has is taken. Needed are
/// `date`, and either `credit` and `debit`, or `amount` (signed, or with `flag`).
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Columns {
    /// The day of booking, perhaps with a time.
    pub date: Names,
    /// The day from which it counts.
    pub value_date: Names,
    /// Money that came in.
    pub credit: Names,
    /// Money that went out.
    pub debit: Names,
    /// Money that moved.
    pub amount: Names,
    /// Which way it moved.
    pub flag: Names,
    /// What was on the account afterwards.
    pub balance: Names,
    /// The currency.
    pub currency: Names,
    /// The account that the table is about.
    pub account: Names,
    /// Who is on the other side.
    pub counterparty_name: Names,
    /// The number of the other side's account.
    pub counterparty_account: Names,
    /// The bank's number of the line.
    pub serial: Names,
    /// The number that the payer's side gave it.
    pub end_to_end: Names,
    /// The virtual account that was named.
    pub virtual_account: Names,
    /// All that may hold words of the payer, each in turn; these are joined.
    pub text: Vec<String>,
}

/// One name or several.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Names {
    /// No such column.
    #[default]
    None,
    /// It has this name.
    One(String),
    /// It has one of these.
    AnyOf(Vec<String>),
}

impl Names {
    pub(super) fn all(&self) -> &[String] {
        match self {
            Self::None => &[],
            Self::One(name) => std::slice::from_ref(name),
            Self::AnyOf(names) => names,
        }
    }

    pub(super) fn is_given(&self) -> bool {
        !self.all().is_empty()
    }
}

/// A mapping as an account's settings give it: the name of one that is ready, or one's own.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub enum MappingChoice {
    /// One of [`MappingChoice::NAMES`].
    Ready(String),
    /// One's own.
    Own(Box<Mapping>),
}

impl MappingChoice {
    /// The mappings that are ready.
    pub const NAMES: [&str; 4] = ["icbc", "cmb", "ccb", "abc"];

    /// The mapping.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn mapping(&self) -> Result<Mapping, String> {
        match self {
            Self::Ready(name) => ready::mapping(name).ok_or_else(|| {
                format!("`{name}` is not a mapping that is ready; there are {}", Self::NAMES.join(", "))
            }),
            Self::Own(mapping) => mapping.check().map(|()| Mapping::clone(mapping)),
        }
    }
}

fn auto() -> String {
    "auto".to_owned()
}
fn comma() -> String {
    ",".to_owned()
}
fn point() -> String {
    ".".to_owned()
}
fn cny() -> String {
    "CNY".to_owned()
}

/// Most names and words that one list of a mapping may hold: far more than any table needs.
const MAX_LIST: usize = 50;

impl Mapping {
    /// # Errors
    /// A sentence naming the member and what is expected.
    pub fn check(&self) -> Result<(), String> {
        let one = |text: &str| text.chars().count() == 1;
        let no = |member: &str, expected: &str| Err(format!("`{member}`: expected {expected}"));
        if self.name.is_empty() || self.name.chars().count() > 40 {
            return no("name", "1 to 40 characters");
        }
        if self.encoding != "auto" && encoding_rs::Encoding::for_label(self.encoding.as_bytes()).is_none() {
            return no("encoding", "`auto`, `utf-8`, `gb18030` or another name of the WHATWG encoding standard");
        }
        if self.delimiter != "auto" && !(one(&self.delimiter) && self.delimiter.is_ascii()) {
            return no("delimiter", "`auto` or one ASCII character");
        }
        if !one(&self.decimal) || self.thousands.chars().count() > 1 || self.thousands == self.decimal {
            return no("decimal", "one character, and `thousands` none or another one");
        }
        self.currency.parse::<bursar_core::Currency>().map_err(|e| format!("`currency`: {e}"))?;
        for (name, code) in &self.currency_names {
            code.parse::<bursar_core::Currency>().map_err(|e| format!("`currency_names.{name}`: {e}"))?;
        }
        let c = &self.columns;
        let both = c.credit.is_given() && c.debit.is_given();
        if !c.date.is_given() || both == c.amount.is_given() {
            return no("columns", "`date`, and either `credit` and `debit`, or `amount` (signed, or with `flag`)");
        }
        if c.flag.is_given() && (!c.amount.is_given() || self.credit_flags.is_empty() || self.debit_flags.is_empty()) {
            return no("columns.flag", "`amount`, and words in `credit_flags` and `debit_flags`");
        }
        let known = |d: &String| d.matches('Y').count() == 4 && d.contains('M') && d.contains('D');
        if self.dates.is_empty() || !self.dates.iter().all(known) {
            return no("dates", "patterns such as `YYYY-MM-DD` or `YYYYMMDD`");
        }
        let lists = [&self.credit_flags, &self.debit_flags, &self.dates, &self.totals, &self.reversal_words];
        if lists.into_iter().chain([&self.account_labels, &c.text]).any(|l| l.len() > MAX_LIST) {
            return no("mapping", &format!("at most {MAX_LIST} words in a list"));
        }
        if self.totals.iter().chain(&self.reversal_words).any(|w| w.trim().is_empty()) {
            return no("totals", "words that are not empty, as in `reversal_words`");
        }
        Ok(())
    }
}
