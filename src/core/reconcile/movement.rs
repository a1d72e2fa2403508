//! Money that moved between a payer and us: it knows what of a payment or a refund is a movement and on which of
//! the channel's days it falls, and must never know whether a bill has told of it.
//!
//! Movements are derived from evidence, once each: a second claim of the same receipt makes no second movement.

use uuid::Uuid;

use crate::bank::Day;
use crate::clock::Timestamp;
use crate::id::{self, ChannelAccountId, MerchantId, PaymentId};
use crate::money::Money;
use crate::order::Dossier;
use crate::payment::Payment;
use crate::refund::Leg;

/// What moved.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum MovementKind {
    /// A channel took a payment. Subject: the payment.
    Capture,
    /// A refund reached its payer through the channel. Subject: the leg.
    Refund,
    /// A refund came back after it had arrived. Subject: the leg.
    RefundReturned,
    /// Money came by bank or by hand. Subject: the line or the collection.
    Receipt,
    /// The bank took it back, or it had never come. Subject: the line or the collection.
    TakenBack,
    /// A channel paid a merchant's money out to his bank. Subject: derived from the line that tells it.
    Payout,
    /// A person transferred a refund, or gave it out of a drawer. Subject: the leg.
    Transfer,
}

impl MovementKind {
    /// Every kind.
    pub const ALL: [Self; 7] = [
        Self::Capture,
        Self::Refund,
        Self::RefundReturned,
        Self::Receipt,
        Self::TakenBack,
        Self::Payout,
        Self::Transfer,
    ];

    /// The stable number in the database.
    pub const fn code(self) -> i16 {
        match self {
            Self::Capture => 1,
            Self::Refund => 2,
            Self::RefundReturned => 3,
            Self::Receipt => 4,
            Self::TakenBack => 5,
            Self::Payout => 6,
            Self::Transfer => 7,
        }
    }

    /// The stable name in faces.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Capture => "capture",
            Self::Refund => "refund",
            Self::RefundReturned => "refund_returned",
            Self::Receipt => "receipt",
            Self::TakenBack => "taken_back",
            Self::Payout => "payout",
            Self::Transfer => "transfer",
        }
    }

    /// The kind with this code.
    pub fn from_code(code: i16) -> Option<Self> {
        Self::ALL.into_iter().find(|k| k.code() == code)
    }

    /// Whether a channel's bill has to tell of it.
    pub const fn is_in_bills(self) -> bool {
        matches!(self, Self::Capture | Self::Refund)
    }
}

/// One movement.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Movement {
    /// The 128 bits of the id of what [`MovementKind`] says. With the kind, what it is known by.
    pub subject: Uuid,
    /// What moved.
    pub kind: MovementKind,
    /// The payment whose money it is; nil for a payout.
    pub payment: PaymentId,
    /// Through which account.
    pub account: ChannelAccountId,
    /// Whose account it is.
    pub merchant: MerchantId,
    /// How much; positive when it came, negative when it left.
    pub amount: Money,
    /// When, by the channel's clock.
    pub at: Timestamp,
    /// On which of the channel's business days.
    pub day: Day,
}

/// What moved between two standings of an order. A person's transfer, and cash out of a drawer, are dated `now`.
pub fn movements(before: &Dossier, after: &Dossier, now: Timestamp) -> Vec<Movement> {
    let mut all = Vec::new();
    for payment in &after.payments {
        of_payment(before.payment(payment.id), payment, now, &mut all);
    }
    for leg in after.legs() {
        let Some(payment) = after.payment(leg.payment) else { continue };
        of_leg(before.leg(leg.id).map(|(_, l)| l), leg, payment, now, &mut all);
    }
    all
}

fn movement(payment: &Payment, subject: Uuid, kind: MovementKind, minor: i64, at: Timestamp) -> Movement {
    Movement {
        subject,
        kind,
        payment: payment.id,
        account: payment.account,
        merchant: payment.merchant,
        amount: Money::new(minor, payment.amount.currency),
        at,
        day: payment.method.channel().business_day(at),
    }
}

fn of_payment(before: Option<&Payment>, after: &Payment, now: Timestamp, all: &mut Vec<Movement>) {
    let was = |known: fn(&Payment) -> bool| before.is_some_and(known);
    if let Some(receipt) = after.evidence.paid.as_ref().filter(|_| !was(|p| p.evidence.paid.is_some())) {
        let kind = MovementKind::Capture;
        all.push(movement(after, after.id.uuid(), kind, receipt.amount_minor, receipt.paid_at));
    }
    for (line, piece) in &after.evidence.received {
        let Some(subject) = line.split_once('_').and_then(|(_, text)| id::from_text(text)) else { continue };
        if before.is_none_or(|p| !p.evidence.received.contains_key(line)) {
            all.push(movement(after, subject, MovementKind::Receipt, piece.amount_minor, piece.at));
        }
        let taken_back = |p: &Payment| p.evidence.taken_back.contains_key(line);
        if taken_back(after) && !before.is_some_and(taken_back) {
            all.push(movement(after, subject, MovementKind::TakenBack, piece.amount_minor.saturating_neg(), now));
        }
    }
}

fn of_leg(before: Option<&Leg>, after: &Leg, payment: &Payment, now: Timestamp, all: &mut Vec<Movement>) {
    let arrived = |leg: &Leg| {
        let e = &leg.evidence;
        let by_hand = e.transferred.is_some() || e.paid_out.is_some();
        let through = e.succeeded.as_ref().map(|r| (MovementKind::Refund, r.refunded_at));
        through.or(by_hand.then_some((MovementKind::Transfer, now)))
    };
    let minor = after.amount.minor;
    if let (Some((kind, at)), None) = (arrived(after), before.and_then(arrived)) {
        all.push(movement(payment, after.id.uuid(), kind, minor.saturating_neg(), at));
    }
    let returned = |leg: &Leg| leg.evidence.reversed.is_some() && arrived(leg).is_some();
    if returned(after) && !before.is_some_and(returned) {
        all.push(movement(payment, after.id.uuid(), MovementKind::RefundReturned, minor, now));
    }
}
