//! From where money goes back: it knows how an amount is laid upon payments and ways, and must never
//! write anything. A preview and a refund are planned by the same function.

use serde::{Deserialize, Serialize};

use super::{Leg, LegState, Refund, Route};
use crate::channel::RefundLimits;
use crate::clock::Timestamp;
use crate::id::PaymentId;
use crate::money::Money;
use crate::order::{Dossier, OrderState};
use crate::payment::{Payment, PaymentState};

/// How an amount is laid upon several payments.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Allocation {
    /// The payment captured last first.
    #[default]
    Reverse,
    /// From each in proportion to what is left of it.
    Proportional,
    /// As the request says.
    Named(Vec<NamedShare>),
}

/// A share that the request names.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NamedShare {
    /// The payment.
    pub payment: PaymentId,
    /// Minor units from it.
    pub amount_minor: i64,
}

/// A part of a refund: one leg to be.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct Share {
    /// The payment whose money goes back.
    pub payment: PaymentId,
    /// Minor units.
    pub amount_minor: i64,
    /// By which way.
    pub route: Route,
    /// Not before this instant: channels want time between the refunds of one payment.
    pub earliest: Timestamp,
}

/// Why a refund cannot be.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Impossible {
    /// No money was taken for the order (any more).
    #[error("nothing can be refunded: the order is {} and no money of it is held", .0.name())]
    NothingCaptured(OrderState),
    /// A combined order is still being paid: closing it gives everything back.
    #[error("the order is still being paid; close it instead, which gives everything back")]
    StillPaying,
    /// More than is left.
    #[error(
        "{asked} minor units cannot be refunded: {captured} were captured, {given_back} of them are given back or set \
         aside for refunds under way, so {left} are left"
    )]
    TooMuch {
        /// Minor units asked for.
        asked: i64,
        /// Minor units captured.
        captured: i64,
        /// Minor units given back or set aside.
        given_back: i64,
        /// Minor units left.
        left: i64,
    },
    /// Zero, or less.
    #[error("a refund is of at least one minor unit, not {0}")]
    NotPositive(i64),
    /// A named payment is not one of the order's captured ones.
    #[error("{0} is not a captured payment of this order")]
    NoSuchPayment(PaymentId),
    /// A named payment is named twice.
    #[error("{0} is named twice")]
    NamedTwice(PaymentId),
    /// The named shares are not the amount.
    #[error("the named shares add up to {sum} minor units, not to the refund's {amount}")]
    SharesDiffer {
        /// What the shares add up to.
        sum: i64,
        /// What the refund is.
        amount: i64,
    },
}

/// Minor units of `payment` that are neither given back nor set aside, nor lie at the channel under a
/// refund's number.
pub(crate) fn left_of(dossier: &Dossier, payment: &Payment) -> i64 {
    if payment.state != PaymentState::Captured {
        return 0;
    }
    // What another leg carries on counts there.
    let stranded = dossier.refunds.iter().map(|refund| {
        let legs = refund.legs.iter().filter(|l| l.payment == payment.id && l.state == LegState::Stranded);
        let lie = legs.map(|l| l.amount.minor).fold(0, i64::saturating_add);
        lie.min(refund.amount.minor.saturating_sub(refund.taken_minor()).max(0))
    });
    let away = stranded.fold(dossier.returned_minor(payment.id), i64::saturating_add);
    payment.free_minor().saturating_sub(away).max(0)
}

/// Captured payments with something left, in the order in which money is taken from them: captured last
/// first.
fn sources(dossier: &Dossier) -> Vec<(&Payment, i64)> {
    let mut found: Vec<(&Payment, i64)> =
        dossier.payments.iter().map(|p| (p, left_of(dossier, p))).filter(|(_, left)| *left > 0).collect();
    found.sort_by_key(|(p, _)| std::cmp::Reverse((p.evidence.paid_at(), p.id)));
    found
}

fn sum_of(named: &[NamedShare]) -> i64 {
    named.iter().map(|s| s.amount_minor).fold(0, i64::saturating_add)
}

/// Lays the amount (`None`: the sum of the named shares, or all that is left) upon the payments of `dossier`.
///
/// # Errors
/// Why it cannot be.
pub fn allocate(
    dossier: &Dossier,
    amount_minor: Option<i64>,
    allocation: &Allocation,
    limits: impl Fn(&Payment) -> RefundLimits,
    now: Timestamp,
) -> Result<Vec<Share>, Impossible> {
    let sources = sources(dossier);
    let left: i64 = sources.iter().map(|(_, left)| *left).fold(0, i64::saturating_add);
    let captured = dossier.captured_minor();
    let amount = amount_minor.unwrap_or(match allocation {
        Allocation::Named(named) => sum_of(named),
        Allocation::Reverse | Allocation::Proportional => left,
    });
    if captured > 0 && !dossier.order.state.is_final() && !dossier.order.part_payment {
        return Err(Impossible::StillPaying);
    }
    if captured == 0 || (left == 0 && amount_minor.is_none()) {
        return Err(Impossible::NothingCaptured(dossier.order.state));
    }
    if amount <= 0 {
        return Err(Impossible::NotPositive(amount));
    }
    if amount > left {
        let given_back = captured.saturating_sub(left);
        return Err(Impossible::TooMuch { asked: amount, captured, given_back, left });
    }
    let parts = match allocation {
        Allocation::Reverse => greedy(&sources, amount),
        Allocation::Proportional => proportional(&sources, amount),
        Allocation::Named(named) => by_name(dossier, named, amount)?,
    };
    Ok(parts
        .into_iter()
        .filter(|(_, minor)| *minor > 0)
        .map(|(payment, amount_minor)| share(dossier, payment, amount_minor, limits(payment), now))
        .collect())
}

fn greedy<'a>(sources: &[(&'a Payment, i64)], amount: i64) -> Vec<(&'a Payment, i64)> {
    let mut open = amount;
    let mut parts = Vec::new();
    for (payment, left) in sources {
        let part = open.min(*left);
        open -= part;
        parts.push((*payment, part));
    }
    parts
}

/// Shares round down; what remains is taken from the payment captured last.
fn proportional<'a>(sources: &[(&'a Payment, i64)], amount: i64) -> Vec<(&'a Payment, i64)> {
    let whole: i128 = sources.iter().map(|(_, left)| i128::from(*left)).sum();
    let mut parts: Vec<(&Payment, i64, i64)> = sources
        .iter()
        .map(|(payment, left)| {
            let part = i128::from(amount) * i128::from(*left) / whole.max(1);
            (*payment, i64::try_from(part).unwrap_or(0), *left)
        })
        .collect();
    let mut open = amount - parts.iter().map(|(_, part, _)| *part).sum::<i64>();
    for (_, part, left) in &mut parts {
        let more = open.min(*left - *part);
        *part += more;
        open -= more;
    }
    parts.into_iter().map(|(payment, part, _)| (payment, part)).collect()
}

fn by_name<'a>(dossier: &'a Dossier, named: &[NamedShare], amount: i64) -> Result<Vec<(&'a Payment, i64)>, Impossible> {
    let sum = sum_of(named);
    if sum != amount {
        return Err(Impossible::SharesDiffer { sum, amount });
    }
    let mut parts: Vec<(&Payment, i64)> = Vec::new();
    for share in named {
        if share.amount_minor <= 0 {
            return Err(Impossible::NotPositive(share.amount_minor));
        }
        if parts.iter().any(|(p, _)| p.id == share.payment) {
            return Err(Impossible::NamedTwice(share.payment));
        }
        let payment = dossier.payment(share.payment).filter(|p| p.state == PaymentState::Captured);
        let payment = payment.ok_or(Impossible::NoSuchPayment(share.payment))?;
        let (captured, left) = (payment.taken_minor(), left_of(dossier, payment));
        if share.amount_minor > left {
            let given_back = captured.saturating_sub(left);
            return Err(Impossible::TooMuch { asked: share.amount_minor, captured, given_back, left });
        }
        parts.push((payment, share.amount_minor));
    }
    Ok(parts)
}

fn channel_legs<'a>(dossier: &'a Dossier, payment: &Payment) -> impl Iterator<Item = &'a Leg> + use<'a> {
    let id = payment.id;
    dossier.legs().filter(move |l| l.payment == id && l.route == Route::Channel && l.state != LegState::Abandoned)
}

/// Whether the channel takes one more refund of `payment` at `now`, as far as its rules tell.
fn channel_takes(dossier: &Dossier, payment: &Payment, limits: RefundLimits, now: Timestamp) -> bool {
    let count = u32::try_from(channel_legs(dossier, payment).count()).unwrap_or(u32::MAX);
    let paid_at = payment.evidence.paid_at().unwrap_or(payment.created_at);
    payment.method.channel().refunds() && count < limits.most && now < paid_at.plus_ms(limits.within_ms)
}

/// The first instant at which the channel takes another refund of `payment`: the wait between two is a
/// matter of schedule, not an error. `except` is the leg that asks.
pub fn earliest_call(
    dossier: &Dossier,
    payment: &Payment,
    except: Option<&Leg>,
    limits: RefundLimits,
    now: Timestamp,
) -> Timestamp {
    let called = channel_legs(dossier, payment)
        .filter(|l| except.is_none_or(|e| e.id != l.id))
        .filter_map(|l| match l.evidence.sent_at {
            Some(sent) => Some(sent),
            // One that waits for its turn goes first when it is older.
            None if l.state == LegState::Reserved
                && except.is_none_or(|e| (l.created_at, l.id) < (e.created_at, e.id)) =>
            {
                l.due_at
            }
            None => None,
        })
        .max();
    called.map_or(now, |at| at.plus_ms(limits.spacing_ms).max(now))
}

fn share(dossier: &Dossier, payment: &Payment, amount_minor: i64, limits: RefundLimits, now: Timestamp) -> Share {
    let by_channel = channel_takes(dossier, payment, limits, now);
    share_by(if by_channel { Route::Channel } else { Route::Transfer }, dossier, (payment, amount_minor), limits, now)
}

/// The first way by which money of `payment` is tried to be given back.
pub(crate) const fn first_route(payment: &Payment) -> Route {
    if payment.method.channel().refunds() { Route::Channel } else { Route::Transfer }
}

/// `part` by `route`, as early as that may be.
pub(crate) fn share_by(
    route: Route,
    dossier: &Dossier,
    (payment, amount_minor): (&Payment, i64),
    limits: RefundLimits,
    now: Timestamp,
) -> Share {
    let earliest = match route {
        Route::Channel => earliest_call(dossier, payment, None, limits, now),
        Route::Transfer => now,
    };
    Share { payment: payment.id, amount_minor, route, earliest }
}

/// Other ways for `failed`, a leg of `refund` that did not reach the payer: a fresh number when the
/// channel gave up the old one (once), then other payments of the order, then a person. Never more than the
/// payments have left. In a closed order each payment goes back by itself.
pub fn reroute(
    dossier: &Dossier,
    refund: &Refund,
    failed: &Leg,
    limits: impl Fn(&Payment) -> RefundLimits,
    now: Timestamp,
) -> Vec<Share> {
    let tried = |payment: &Payment| {
        let legs = refund.legs.iter().filter(|l| l.payment == payment.id && l.route == Route::Channel);
        legs.filter(|l| l.state.failed_route()).count()
    };
    let usable = |payment: &Payment| {
        let tries = if payment.id == failed.payment && failed.state == LegState::Failed { 2 } else { 1 };
        payment.state == PaymentState::Captured
            && tried(payment) < tries
            && channel_takes(dossier, payment, limits(payment), now)
    };
    let mut open = failed.amount.minor;
    let mut parts = Vec::new();
    let mut rooms = rooms(dossier, failed);
    for route in [Route::Channel, Route::Transfer] {
        for (payment, room) in &mut rooms {
            let minor = if route == Route::Transfer || usable(payment) { open.min(*room) } else { 0 };
            if minor > 0 {
                *room -= minor;
                open -= minor;
                parts.push(share_by(route, dossier, (payment, minor), limits(payment), now));
            }
        }
    }
    parts
}

/// From where the money of `failed` can come, and how much: its own payment first, held or not.
fn rooms<'a>(dossier: &'a Dossier, failed: &Leg) -> Vec<(&'a Payment, i64)> {
    let own = dossier.payment(failed.payment).into_iter();
    let own = own.map(|p| (p, p.free_minor().saturating_sub(dossier.returned_minor(p.id)).max(0)));
    // What its payer disputes, or the bank took back, no other payment makes good.
    let gone = |p: &Payment| p.evidence.disputed_minor() > 0 || !p.evidence.taken_back.is_empty();
    let alone = dossier.order.state == OrderState::Closed || dossier.payment(failed.payment).is_some_and(gone);
    let others = sources(dossier).into_iter().filter(|(p, _)| p.id != failed.payment && !alone);
    own.chain(others).collect()
}

/// The money of a share.
impl Share {
    /// Its amount in the currency of `whole`.
    pub fn amount(&self, whole: Money) -> Money {
        Money::new(self.amount_minor, whole.currency)
    }
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;
