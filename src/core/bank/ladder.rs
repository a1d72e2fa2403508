//! Whose is this line? It knows the rungs by which a line finds its payment, from the surest down, and must
//! never guess: where two could be meant, it is nobody's and a person decides.
//!
//! A rung decides by itself only when it names exactly one. When a rung names several, the ladder ends there:
//! a weaker sign must not choose between stronger ones. What is looked at is what the caller has loaded; whether
//! the amount is right is not asked here, because too little, too much and too late are the books' question.

use std::fmt;

use super::day::Day;
use super::line::{Direction, StatementLine};
use super::reference::{find_references, half_width};
use crate::clock::Timestamp;
use crate::id::{LegId, LineId, PaymentId};
use crate::money::Money;

/// By which sign a line was given to somebody.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Rung {
    /// The virtual account that only this payment has.
    VirtualAccount,
    /// The reference in the remittance text.
    Reference,
    /// The number of the payer's side is our own number or reference.
    EndToEnd,
    /// The only open payment of this amount by a payer of this name.
    AmountAndName,
    /// It takes back an earlier line.
    Reversal,
    /// A person said so.
    Person,
}

impl Rung {
    /// Every rung, the surest first.
    pub const ALL: [Self; 6] =
        [Self::VirtualAccount, Self::Reference, Self::EndToEnd, Self::AmountAndName, Self::Reversal, Self::Person];

    /// The stable name in faces and the database.
    pub const fn name(self) -> &'static str {
        match self {
            Self::VirtualAccount => "virtual_account",
            Self::Reference => "reference",
            Self::EndToEnd => "end_to_end",
            Self::AmountAndName => "amount_and_name",
            Self::Reversal => "reversal",
            Self::Person => "person",
        }
    }
}

impl std::str::FromStr for Rung {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|r| r.name() == text).ok_or_else(|| format!("`{text}` is not a rung of the ladder"))
    }
}

/// A payment by bank transfer that a line may be for. Ended ones too: money that comes late is theirs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PaymentCandidate {
    /// Its id.
    pub id: PaymentId,
    /// What the payer was asked to write.
    pub reference: String,
    /// The number that channels know it by.
    pub number: String,
    /// The virtual account that only this payment has.
    pub virtual_account: Option<String>,
    /// What is still to come; `None` when nothing is expected any more.
    pub open: Option<Money>,
    /// The payer's name, when he said it.
    pub payer_name: Option<String>,
    /// When it was offered to the payer.
    pub offered_at: Timestamp,
}

/// A leg of a refund that a person transfers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LegCandidate {
    /// Its id.
    pub id: LegId,
    /// What our transfer carries.
    pub reference: String,
    /// Its number, which our transfer may carry as the end-to-end number.
    pub number: String,
    /// How much is transferred.
    pub amount: Money,
}

/// A line that was settled before, of the same account, amount and currency and the other direction.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EarlierLine {
    /// Its id.
    pub id: LineId,
    /// What it said.
    pub line: StatementLine,
    /// The reference of the leg or payment that it was settled for.
    pub reference: Option<String>,
}

/// What the ladder looks at.
#[derive(Clone, Copy, Debug, Default)]
pub struct Candidates<'a> {
    /// Payments of this account: all that a sign of the line names, and the open ones of its amount.
    pub payments: &'a [PaymentCandidate],
    /// Legs of the merchant's refunds that a sign of the line names.
    pub legs: &'a [LegCandidate],
    /// Lines that this one may take back.
    pub earlier: &'a [EarlierLine],
}

/// How long after the offer an amount and a name still mean a payment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Window {
    /// Days from the offer to the booking, at most. A day before the offer is allowed: banks that book by
    /// business days date a transfer of the evening back.
    pub days: i64,
}

impl Default for Window {
    /// A month: transfers wait for working days, payers for their wages.
    fn default() -> Self {
        Self { days: 31 }
    }
}

/// Whose a line is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Match {
    /// Money for a payment.
    Payment {
        /// The payment.
        id: PaymentId,
        /// By which sign.
        by: Rung,
    },
    /// Our own transfer for a leg of a refund.
    Leg {
        /// The leg.
        id: LegId,
        /// By which sign.
        by: Rung,
    },
    /// It takes back an earlier line.
    Reversal {
        /// The line.
        of: LineId,
    },
    /// It is not known.
    Nobody {
        /// Why not.
        why: Why,
    },
}

/// Why a line is nobody's.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Why {
    /// Money came in and nothing about it names a payment.
    NoSign,
    /// Money went out and nothing about it names a refund: it is the merchant's own business.
    NotOurs,
    /// One sign names several payments or legs.
    Several {
        /// The sign.
        by: Rung,
        /// What it names.
        named: Vec<String>,
    },
    /// Our transfer names a leg but has another amount.
    OtherAmount {
        /// The leg.
        leg: LegId,
        /// What the leg is about.
        expected: Money,
    },
    /// It takes something back, and no earlier line fits.
    NothingToReverse,
    /// It takes something back, and several earlier lines fit.
    SeveralToReverse {
        /// The lines.
        named: Vec<LineId>,
    },
    /// Money came in with the reference of a refund, whose transfer no line has shown yet: it seems to have
    /// come back.
    RefundCameBack {
        /// The leg.
        leg: LegId,
    },
}

impl Why {
    /// Whether a person must look. Otherwise nobody here needs to know of the line.
    pub const fn needs_a_person(&self) -> bool {
        !matches!(self, Self::NotOurs)
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSign => {
                f.write_str("no virtual account, reference, number, or amount with a name says whose it is")
            }
            Self::NotOurs => f.write_str("an outgoing transfer that names no refund"),
            Self::Several { by, named } => {
                write!(f, "{} fits several: {}", by.name(), named.join(", "))
            }
            Self::OtherAmount { leg, expected } => {
                write!(f, "our transfer names {leg}, which is about {expected}")
            }
            Self::NothingToReverse => f.write_str("it takes back a line, but none of that amount was settled before"),
            Self::SeveralToReverse { named } => {
                let names: Vec<_> = named.iter().map(ToString::to_string).collect();
                write!(f, "it takes back a line, and several fit: {}", names.join(", "))
            }
            Self::RefundCameBack { leg } => {
                write!(f, "it carries the reference of {leg}: a transfer of ours seems to have come back")
            }
        }
    }
}

/// Whose `line` is, of what stands in `candidates`. The order of the candidates makes no difference.
pub fn find(line: &StatementLine, candidates: &Candidates<'_>, window: Window) -> Match {
    let signs = Signs::of(line);
    if line.reversal {
        return reversed(line, &signs, candidates.earlier);
    }
    match line.direction {
        Direction::Credit => incoming(line, &signs, candidates, window),
        Direction::Debit => outgoing(line, &signs, candidates.legs),
    }
}

/// What a line shows that may name somebody.
struct Signs {
    in_text: Vec<String>,
    in_number: Vec<String>,
    number: Option<String>,
}

impl Signs {
    fn of(line: &StatementLine) -> Self {
        let number = line.end_to_end.as_deref();
        Self {
            in_text: find_references(&line.text),
            in_number: number.map(find_references).unwrap_or_default(),
            number: number.map(plain),
        }
    }

    fn names(&self, reference: &str) -> bool {
        self.in_text.iter().chain(&self.in_number).any(|r| r == reference)
    }

    fn numbers(&self, reference: &str, number: &str) -> bool {
        self.in_number.iter().any(|r| r == reference) || self.number.as_ref().is_some_and(|n| *n == plain(number))
    }
}

/// A number without what people and banks put between its characters.
fn plain(text: &str) -> String {
    let kept = text.chars().map(half_width).filter(|c| c.is_alphanumeric());
    kept.flat_map(char::to_lowercase).collect()
}

/// Whether two ways to write a name mean the same person or company: case, width, spaces and punctuation make
/// no difference. Nothing else is forgiven.
pub fn same_name(a: &str, b: &str) -> bool {
    let (a, b) = (plain(a), plain(b));
    !a.is_empty() && a == b
}

fn incoming(line: &StatementLine, signs: &Signs, candidates: &Candidates<'_>, window: Window) -> Match {
    let payments = candidates.payments;
    let by_account = |p: &&PaymentCandidate| match (&p.virtual_account, &line.virtual_account) {
        (Some(ours), Some(theirs)) => plain(ours) == plain(theirs),
        _ => false,
    };
    let by_reference = |p: &&PaymentCandidate| signs.in_text.contains(&p.reference);
    let by_number = |p: &&PaymentCandidate| signs.numbers(&p.reference, &p.number);
    let by_name = |p: &&PaymentCandidate| {
        let names = p.payer_name.as_deref().zip(line.counterparty.name.as_deref());
        let offered = Day::in_beijing(p.offered_at);
        p.open == Some(line.amount)
            && names.is_some_and(|(a, b)| same_name(a, b))
            && (-1..=window.days).contains(&line.booked_on.days_since(offered))
    };
    let rungs: [(Rung, Vec<PaymentId>); 4] = [
        (Rung::VirtualAccount, ids(payments.iter().filter(by_account))),
        (Rung::Reference, ids(payments.iter().filter(by_reference))),
        (Rung::EndToEnd, ids(payments.iter().filter(by_number))),
        (Rung::AmountAndName, ids(payments.iter().filter(by_name))),
    ];
    for (by, named) in rungs {
        if by == Rung::AmountAndName
            && let Some(back) = came_back(line, signs, candidates)
        {
            return back;
        }
        match named.as_slice() {
            [] => {}
            [id] => return Match::Payment { id: *id, by },
            several => return nobody(Why::Several { by, named: several.iter().map(ToString::to_string).collect() }),
        }
    }
    nobody(Why::NoSign)
}

/// A transfer of ours that came back: some banks do not mark it as a reversal, but leave our reference in it.
fn came_back(line: &StatementLine, signs: &Signs, candidates: &Candidates<'_>) -> Option<Match> {
    let named = candidates.legs.iter().filter(|l| signs.names(&l.reference) || signs.numbers(&l.reference, &l.number));
    let leg = named.min_by_key(|l| l.id)?;
    Some(match reversed(line, signs, candidates.earlier) {
        Match::Nobody { why: Why::NothingToReverse } => nobody(Why::RefundCameBack { leg: leg.id }),
        found => found,
    })
}

fn outgoing(line: &StatementLine, signs: &Signs, legs: &[LegCandidate]) -> Match {
    let in_text = |l: &&LegCandidate| signs.in_text.contains(&l.reference);
    let in_number = |l: &&LegCandidate| signs.numbers(&l.reference, &l.number);
    let rungs: [(Rung, Vec<&LegCandidate>); 2] = [
        (Rung::Reference, legs.iter().filter(in_text).collect()),
        (Rung::EndToEnd, legs.iter().filter(in_number).collect()),
    ];
    for (by, mut named) in rungs {
        named.sort_by_key(|l| l.id);
        named.dedup_by_key(|l| l.id);
        match named.as_slice() {
            [] => {}
            [leg] if leg.amount == line.amount => return Match::Leg { id: leg.id, by },
            [leg] => return nobody(Why::OtherAmount { leg: leg.id, expected: leg.amount }),
            several => return nobody(Why::Several { by, named: several.iter().map(|l| l.id.to_string()).collect() }),
        }
    }
    nobody(Why::NotOurs)
}

/// The one earlier line that `line` takes back: of the other direction and the same amount, with a number, a
/// reference or an account in common.
fn reversed(line: &StatementLine, signs: &Signs, earlier: &[EarlierLine]) -> Match {
    let same = |a: &Option<String>, b: &Option<String>| {
        let both = a.as_deref().zip(b.as_deref());
        both.is_some_and(|(a, b)| plain(a).chars().count() >= MIN_NUMBER && plain(a) == plain(b))
    };
    let fits = |e: &&EarlierLine| {
        e.line.amount == line.amount
            && e.line.direction == line.direction.opposite()
            && !e.line.reversal
            && e.line.booked_on <= line.booked_on
    };
    // The surest thing in common decides, as on the ladder.
    let by_number = |e: &&EarlierLine| same(&e.line.bank_reference, &line.bank_reference);
    let by_end = |e: &&EarlierLine| same(&e.line.end_to_end, &line.end_to_end);
    let by_reference = |e: &&EarlierLine| e.reference.as_deref().is_some_and(|r| signs.names(r));
    let by_account = |e: &&EarlierLine| same(&e.line.counterparty.account, &line.counterparty.account);
    let steps: [Vec<LineId>; 4] = [
        lines(earlier.iter().filter(fits).filter(by_number)),
        lines(earlier.iter().filter(fits).filter(by_end)),
        lines(earlier.iter().filter(fits).filter(by_reference)),
        lines(earlier.iter().filter(fits).filter(by_account)),
    ];
    match steps.iter().find(|s| !s.is_empty()).map(Vec::as_slice) {
        None | Some([]) => nobody(Why::NothingToReverse),
        Some([of]) => Match::Reversal { of: *of },
        Some(several) => nobody(Why::SeveralToReverse { named: several.to_vec() }),
    }
}

/// Shorter numbers are none: some banks write `N` or `0` where they have nothing to say.
const MIN_NUMBER: usize = 4;

const fn nobody(why: Why) -> Match {
    Match::Nobody { why }
}

fn ids<'a>(named: impl Iterator<Item = &'a PaymentCandidate>) -> Vec<PaymentId> {
    named.map(|p| p.id).collect::<std::collections::BTreeSet<_>>().into_iter().collect()
}

fn lines<'a>(named: impl Iterator<Item = &'a EarlierLine>) -> Vec<LineId> {
    named.map(|e| e.id).collect::<std::collections::BTreeSet<_>>().into_iter().collect()
}
