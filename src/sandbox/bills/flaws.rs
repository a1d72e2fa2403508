//! What is wrong with bills on request: a line of an order or refund, or a whole file. It knows the flaws and where
//! they strike, and must never change the books: payouts and bills of funds stay as they are.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bursar_core::bank::Day;
use serde::{Deserialize, Serialize};

use crate::Channel;
use crate::bills::movement::Movement;

/// What the line of an order or refund becomes in the bill of its day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LineFlaw {
    /// It is not there.
    LeftOut,
    /// It is there twice.
    Doubled,
    /// Its amount is so many minor units more (below 0: less).
    Amount(i64),
    /// It is said to be in this currency.
    Currency(String),
    /// Its fee is so many minor units more.
    Fee(i64),
    /// It is told with the next day's bill, with a time just after that day's beginning.
    NextDay,
}

/// What is wrong with a whole bill.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BillFlaw {
    /// The digest that is told with it is another's (WeChat only).
    WrongDigest,
    /// It ends in the middle; a digest, where there is one, is of what is there.
    CutOff,
    /// Its totals are one minor unit off.
    Totals,
    /// It is the bill of the day before.
    OtherDay,
    /// It is of another account.
    OtherAccount,
    /// So many lines of garbage follow its own.
    Garbage {
        /// How many.
        lines: u64,
    },
}

/// Which bill.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BillName {
    /// The channel.
    pub channel: Channel,
    /// The merchant's account on it.
    pub account: String,
    /// The day, as the channel counts days.
    pub day: Day,
    /// The bill of funds (WeChat's and Alipay's) instead of the one that tells of orders.
    #[serde(default)]
    pub funds: bool,
}

/// A line that is told wrongly.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FlawedLine {
    /// The merchant's account.
    pub account: String,
    /// The merchant's number of the order or refund.
    pub number: String,
    /// It is a refund's.
    pub refund: bool,
    /// What becomes of it.
    pub flaw: LineFlaw,
}

/// A bill that is spoilt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FlawedBill {
    /// Which.
    pub bill: BillName,
    /// How.
    pub flaw: BillFlaw,
}

/// Everything that is wrong with bills.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BillFlaws {
    /// Lines.
    pub lines: Vec<FlawedLine>,
    /// Whole bills.
    pub bills: Vec<FlawedBill>,
}

/// The flaws of a running sandbox.
#[derive(Debug, Default)]
pub(crate) struct Flaws(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    /// By account, whether it is a refund's, and number.
    lines: BTreeMap<(String, bool, String), LineFlaw>,
    bills: BTreeMap<BillName, BillFlaw>,
}

/// The flaws of the lines of one account.
pub(crate) type LineFlaws = BTreeMap<(bool, String), LineFlaw>;

/// How long after its day's beginning a line is dated that was told with the next day's bill.
const JUST_AFTER_MS: i64 = 5_000;

impl Flaws {
    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn set_line(&self, account: &str, refund: bool, number: &str, flaw: LineFlaw) {
        self.kept().lines.insert((account.to_owned(), refund, number.to_owned()), flaw);
    }

    /// Whether there was one.
    pub(crate) fn mend_line(&self, account: &str, number: &str) -> bool {
        let mut kept = self.kept();
        let before = kept.lines.len();
        kept.lines.retain(|(of, _, known), _| of != account || known != number);
        kept.lines.len() < before
    }

    pub(crate) fn set_bill(&self, bill: BillName, flaw: BillFlaw) {
        self.kept().bills.insert(bill, flaw);
    }

    /// Whether there was one.
    pub(crate) fn mend_bill(&self, bill: &BillName) -> bool {
        self.kept().bills.remove(bill).is_some()
    }

    pub(crate) fn of_bill(&self, bill: &BillName) -> Option<BillFlaw> {
        self.kept().bills.get(bill).copied()
    }

    pub(crate) fn of_lines(&self, account: &str) -> LineFlaws {
        let kept = self.kept();
        let ours = kept.lines.iter().filter(|((of, _, _), _)| of == account);
        ours.map(|((_, refund, number), flaw)| ((*refund, number.clone()), flaw.clone())).collect()
    }

    pub(crate) fn all(&self) -> BillFlaws {
        let kept = self.kept();
        let line = |((account, refund, number), flaw): (&(String, bool, String), &LineFlaw)| FlawedLine {
            account: account.clone(),
            number: number.clone(),
            refund: *refund,
            flaw: flaw.clone(),
        };
        let bill = |(bill, flaw): (&BillName, &BillFlaw)| FlawedBill { bill: bill.clone(), flaw: *flaw };
        BillFlaws { lines: kept.lines.iter().map(line).collect(), bills: kept.bills.iter().map(bill).collect() }
    }
}

/// What becomes of a line with this flaw. `next_day_ms`: when the day after its own begins.
pub(crate) fn struck(flaw: &LineFlaw, mut one: Movement, next_day_ms: i64) -> Vec<Movement> {
    match flaw {
        LineFlaw::LeftOut => return Vec::new(),
        LineFlaw::Doubled => return vec![one.clone(), Movement { again: true, ..one }],
        LineFlaw::Amount(more) => one.amount_minor = one.amount_minor.saturating_add(*more).max(0),
        LineFlaw::Currency(other) => one.currency = other.clone(),
        LineFlaw::Fee(more) => one.fee_minor = one.fee_minor.saturating_add(*more),
        LineFlaw::NextDay => one.at_ms = next_day_ms.saturating_add(JUST_AFTER_MS),
    }
    vec![one]
}

/// A line of garbage.
pub(crate) fn garbage(nth: u64) -> String {
    let noise = crate::dice::draw(&[nth, 71]);
    format!("{noise:016x},`?{:x}\u{a7},,`{}\"", noise % 4_099, noise % 977)
}
