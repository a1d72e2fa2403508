//! What a line of a bill means for our books: it knows when both sides agree and what follows when they do not, and
//! must never load or write anything.

use super::{BillLine, BreakKind, EntryKind, EntryStatus, FeeRule};
use crate::id::{self, ChannelAccountId, LegId, PaymentId};
use crate::money::Money;
use crate::observation::{Claim, Receipt, Subject};
use crate::payment::PaymentState;
use crate::refund::{LegState, RefundClaim, RefundReceipt};

/// Longest time between making a number and paying by it that is believed of a number that our books do not have:
/// the longest life of an order on any channel, and some days.
const OLDEST_NUMBER_MS: i64 = 100 * crate::clock::DAY_MS;
/// By how much clocks may differ.
const CLOCKS_MS: i64 = crate::clock::HOUR_MS;

/// What we believe of a payment, as far as a line is compared with it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PaymentSide {
    /// Which.
    pub id: PaymentId,
    /// Through which account.
    pub account: ChannelAccountId,
    /// Where it stands.
    pub state: PaymentState,
    /// What is to be taken.
    pub amount: Money,
}

/// What we believe of a leg of a refund, as far as a line is compared with it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LegSide {
    /// Which.
    pub id: LegId,
    /// Of which payment.
    pub payment: PaymentId,
    /// Through which account that payment came.
    pub account: ChannelAccountId,
    /// Where it stands.
    pub state: LegState,
    /// What goes back.
    pub amount: Money,
}

/// What of ours a line is about.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Ours {
    /// A payment.
    Payment(PaymentSide),
    /// A leg of a refund.
    Leg(LegSide),
    /// Nothing that our books have.
    Nothing,
}

impl Ours {
    /// What an observation would be about.
    pub const fn subject(&self) -> Option<Subject> {
        match self {
            Self::Payment(p) => Some(Subject::Payment(p.id)),
            Self::Leg(l) => Some(Subject::Leg(l.id)),
            Self::Nothing => None,
        }
    }
}

/// A difference, in numbers and words.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Difference {
    /// What kind.
    pub kind: BreakKind,
    /// Minor units by which the channel has more than we (negative: less).
    pub amount_minor: i64,
    /// What is found, and what is asked.
    pub text: String,
}

/// What a line means.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// Both sides agree.
    Agrees,
    /// It tells nothing that is matched one by one.
    Told,
    /// It proves what our books do not know: they are told. If they still differ then, it is this break.
    Mends {
        /// What is told.
        claim: Claim,
        /// Which difference that mends, or leaves.
        found: Difference,
    },
    /// Our books do not have the payment, and its number is one that we make: it was ours, and is taken on again.
    Recovers {
        /// Its id.
        payment: PaymentId,
        /// What the channel says of it.
        receipt: Receipt,
        /// Which difference that mends.
        found: Difference,
    },
    /// Our books do not have the refund of a payment that may be ours: it is taken on.
    RecoversRefund {
        /// Its leg, when the number is one that we make.
        leg: Option<LegId>,
        /// Our number of the payment, when the line tells it.
        payment: Option<PaymentId>,
        /// What the channel says of it.
        receipt: RefundReceipt,
        /// Which difference that mends.
        found: Difference,
    },
    /// The books differ, and a person has to say why.
    Differs(Difference),
}

/// The id of the payment or leg that `number` is, when it is one that we make.
pub fn our_number(number: &str) -> Option<uuid::Uuid> {
    id::from_text(number)
}

/// By what a line is known that is about nothing of ours: derived from the channel's number, or from its place where
/// it has none.
pub fn about_stranger(account: ChannelAccountId, kind: EntryKind, channel_id: &str, ordinal: u32) -> uuid::Uuid {
    let place = if channel_id.is_empty() { ordinal.to_be_bytes().to_vec() } else { Vec::new() };
    let code = kind.code().to_be_bytes();
    let bytes = account.uuid().into_bytes().into_iter().chain(code).chain(channel_id.bytes()).chain(place);
    derived(bytes)
}

/// An id of what has none of its own (FNV-1a over 128 bits).
pub(super) fn derived(bytes: impl Iterator<Item = u8>) -> uuid::Uuid {
    let hash = bytes.fold(0x6c62_272e_07bb_0142_62b8_2175_6295_c58d_u128, |hash, byte| {
        (hash ^ u128::from(byte)).wrapping_mul(0x0000_0000_0100_0000_0000_0000_0000_013b)
    });
    uuid::Uuid::from_u128(hash)
}

/// Whether a number of ours may have been made for something that happened at the time of `line`.
fn plausible(made: uuid::Uuid, line: &BillLine) -> bool {
    let made_at = id::made_at(made);
    made_at <= line.at.plus_ms(CLOCKS_MS) && made_at >= line.at.plus_ms(-OLDEST_NUMBER_MS)
}

/// An amount as a bill has it, in words.
fn words(minor: i64, currency: &str) -> String {
    format!("{minor} minor units of {currency}")
}

/// What `line` of a bill of `account` means, when `ours` is what our books have by its number.
pub fn judge(line: &BillLine, account: ChannelAccountId, ours: &Ours) -> Verdict {
    match line.kind {
        EntryKind::Capture => capture(line, account, ours),
        EntryKind::Refund => refund(line, account, ours),
        EntryKind::Fee | EntryKind::Payout | EntryKind::Dispute | EntryKind::Other => Verdict::Told,
    }
}

fn receipt(line: &BillLine) -> Receipt {
    Receipt {
        transaction_id: line.channel_id.clone(),
        amount_minor: line.amount_minor,
        currency: line.currency.clone(),
        // The bill is the account's own: that was checked when it was read.
        payee_matches: true,
        paid_at: line.at,
    }
}

fn refund_receipt(line: &BillLine) -> RefundReceipt {
    RefundReceipt {
        refund_id: line.channel_id.clone(),
        amount_minor: line.amount_minor,
        currency: line.currency.clone(),
        refunded_at: line.at,
    }
}

/// Whether currency or amount differ, and by how much.
fn differs(line: &BillLine, amount: Money, what: &str) -> Option<Difference> {
    let theirs = words(line.amount_minor, &line.currency);
    if line.currency != amount.currency.code() {
        let text = format!("The bill has {theirs} for {what}; our books have {amount}. Which is right?");
        return Some(Difference { kind: BreakKind::Currency, amount_minor: line.amount_minor, text });
    }
    let more = line.amount_minor.saturating_sub(amount.minor);
    (more != 0).then(|| {
        let text = format!("The bill has {theirs} for {what}; our books have {amount}. Which is right?");
        Difference { kind: BreakKind::Amount, amount_minor: more, text }
    })
}

fn missing_here(line: &BillLine, why: &str) -> Difference {
    let text = format!(
        "The bill has a payment of {} under the number {} (the channel's {}); {why}. Whose is it?",
        words(line.amount_minor, &line.currency),
        line.number,
        line.channel_id
    );
    Difference { kind: BreakKind::MissingHere, amount_minor: line.amount_minor, text }
}

fn capture(line: &BillLine, account: ChannelAccountId, ours: &Ours) -> Verdict {
    if line.status != EntryStatus::Done {
        return Verdict::Told;
    }
    let side = match ours {
        Ours::Payment(side) => side,
        Ours::Leg(leg) => {
            return Verdict::Differs(missing_here(line, &format!("our number {} is of a refund", leg.id)));
        }
        Ours::Nothing => {
            let made = our_number(&line.number).filter(|made| plausible(*made, line));
            let found = missing_here(line, "our books do not have it");
            return match made {
                Some(made) => Verdict::Recovers { payment: PaymentId(made), receipt: receipt(line), found },
                None => Verdict::Differs(found),
            };
        }
    };
    if side.account != account {
        return Verdict::Differs(missing_here(line, &format!("{} is of another account", side.id)));
    }
    let what = side.id.to_string();
    let differs = differs(line, side.amount, &what);
    if side.state.has_money() {
        return differs.map_or(Verdict::Agrees, Verdict::Differs);
    }
    if side.state == PaymentState::IntegrityHold {
        // A person is asked about it already; the bill shows whether the amount is what is wrong.
        return differs.map_or(Verdict::Told, Verdict::Differs);
    }
    let found = differs.unwrap_or_else(|| Difference {
        kind: BreakKind::StatusChannelPaid,
        amount_minor: line.amount_minor,
        text: format!("The bill tells that {} was paid; here it was {}.", side.id, side.state.name()),
    });
    Verdict::Mends { claim: Claim::Paid(receipt(line)), found }
}

fn refund(line: &BillLine, account: ChannelAccountId, ours: &Ours) -> Verdict {
    let side = match ours {
        Ours::Leg(side) => side,
        Ours::Payment(_) | Ours::Nothing => return refund_missing(line),
    };
    if side.account != account {
        let text = format!("The bill has a refund under the number of {}, which is of another account.", side.id);
        let amount_minor = line.amount_minor.saturating_neg();
        return Verdict::Differs(Difference { kind: BreakKind::RefundMissingHere, amount_minor, text });
    }
    let what = side.id.to_string();
    let succeeded = side.state == LegState::Succeeded;
    match line.status {
        EntryStatus::Pending => Verdict::Told,
        EntryStatus::Failed if succeeded => {
            let text = format!(
                "The bill tells that refund {} did not reach its payer; our books have it as succeeded. Has it come back?",
                side.id
            );
            Verdict::Differs(Difference { kind: BreakKind::RefundMissingThere, amount_minor: side.amount.minor, text })
        }
        EntryStatus::Failed => Verdict::Told,
        EntryStatus::Done => {
            // What left is negative.
            let differs = differs(line, side.amount, &what).map(|d| Difference { amount_minor: -d.amount_minor, ..d });
            if succeeded || side.state == LegState::Reversed {
                // That it came back later is another movement, with a line of its own.
                return differs.map_or(Verdict::Agrees, Verdict::Differs);
            }
            if side.state == LegState::Held {
                // A person is asked about it already; the bill shows whether the amount is what is wrong.
                return differs.map_or(Verdict::Told, Verdict::Differs);
            }
            let found = differs.unwrap_or_else(|| Difference {
                kind: BreakKind::RefundMissingHere,
                amount_minor: line.amount_minor.saturating_neg(),
                text: format!("The bill tells that refund {} was paid; here it was {}.", side.id, side.state.name()),
            });
            Verdict::Mends { claim: Claim::Refund(RefundClaim::Succeeded(refund_receipt(line))), found }
        }
    }
}

fn refund_missing(line: &BillLine) -> Verdict {
    if line.status != EntryStatus::Done {
        return Verdict::Told;
    }
    let text = format!(
        "The bill has a refund of {} under the number {} (the channel's {}) that our books do not have. Who made it?",
        words(line.amount_minor, &line.currency),
        line.number,
        line.channel_id
    );
    let found =
        Difference { kind: BreakKind::RefundMissingHere, amount_minor: line.amount_minor.saturating_neg(), text };
    let payment = line.payment_number.as_deref().and_then(our_number).map(PaymentId);
    let leg = our_number(&line.number).filter(|made| plausible(*made, line)).map(LegId);
    Verdict::RecoversRefund { leg, payment, receipt: refund_receipt(line), found }
}

/// Whether the channel kept what the contract says.
pub fn judge_fee(line: &BillLine, rule: Option<FeeRule>) -> Option<Difference> {
    let rule = rule?;
    let expected_minor = match (line.kind, line.status) {
        (EntryKind::Capture, EntryStatus::Done) => rule.of_capture(line.amount_minor),
        (EntryKind::Refund, EntryStatus::Done) => rule.of_refund(line.amount_minor),
        _ => return None,
    };
    (!rule.agrees(expected_minor, line.fee_minor)).then(|| Difference {
        kind: BreakKind::Fee,
        // What the channel kept more is what it has less for us.
        amount_minor: expected_minor.saturating_sub(line.fee_minor),
        text: format!(
            "The channel kept {} minor units of {} {} of {}; by the contract it is {expected_minor}. Is the contract's rate right?",
            line.fee_minor,
            line.kind.name(),
            line.number,
            words(line.amount_minor, &line.currency)
        ),
    })
}

/// A line that tells again what `earlier` words say was told.
pub fn duplicate(line: &BillLine, earlier: &str) -> Difference {
    let sign = if line.kind == EntryKind::Refund { -1 } else { 1 };
    Difference {
        kind: BreakKind::DuplicateLine,
        amount_minor: sign * line.amount_minor,
        text: format!(
            "The {} of {} under the number {} stands twice: in line {} and {earlier}. Did the money move twice?",
            line.kind.name(),
            words(line.amount_minor, &line.currency),
            line.number,
            line.ordinal
        ),
    }
}

#[cfg(test)]
#[path = "judge_tests.rs"]
mod tests;
