//! What a customer owes a merchant: it knows how the states of payments add up, and must never know of
//! channels.

use serde::{Deserialize, Serialize};

use crate::billing::InstallmentKey;
use crate::channel::Method;
use crate::clock::Timestamp;
use crate::id::{LegId, MerchantId, OrderId, PaymentId, RefundId};
use crate::merchant::{AfterClose, LateMoneyPolicy, MerchantPolicy};
use crate::money::Money;
use crate::payment::{Payment, PaymentState};
use crate::refund::{Leg, LegState, Refund, RefundCause};
use crate::sharing::SharePart;

/// Where an order stands.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OrderState {
    /// Accepted, no payment started.
    Created,
    /// A payment is under way.
    Paying,
    /// Some of the amount was captured.
    PartiallyPaid,
    /// The whole amount was captured.
    Paid,
    /// Its open payments are being closed.
    Closing,
    /// Ended unpaid, or given back. Money that comes afterwards is late money; only a merchant whose
    /// policy (or answer) says so has the order paid after all.
    Closed,
}

impl OrderState {
    /// Every state.
    pub const ALL: [Self; 6] =
        [Self::Created, Self::Paying, Self::PartiallyPaid, Self::Paid, Self::Closing, Self::Closed];

    /// The stable number in the database.
    pub const fn code(self) -> i16 {
        match self {
            Self::Created => 1,
            Self::Paying => 2,
            Self::PartiallyPaid => 3,
            Self::Paid => 4,
            Self::Closing => 5,
            Self::Closed => 6,
        }
    }

    /// The stable name in faces and metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Paying => "paying",
            Self::PartiallyPaid => "partially_paid",
            Self::Paid => "paid",
            Self::Closing => "closing",
            Self::Closed => "closed",
        }
    }

    /// The state with this code.
    pub fn from_code(code: i16) -> Option<Self> {
        Self::ALL.into_iter().find(|s| s.code() == code)
    }

    /// Whether it has ended.
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Paid | Self::Closed)
    }
}

impl std::str::FromStr for OrderState {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|s| s.name() == text).ok_or_else(|| {
            let names: Vec<_> = Self::ALL.into_iter().map(Self::name).collect();
            format!("`{text}` is not a state of an order; there are {}", names.join(", "))
        })
    }
}

/// An order.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Order {
    /// Its id.
    pub id: OrderId,
    /// Who is owed.
    pub merchant: MerchantId,
    /// The merchant's own number, unique per merchant.
    pub number: String,
    /// What is owed.
    pub amount: Money,
    /// What for, as the payer reads it.
    pub description: String,
    /// Where it stands.
    pub state: OrderState,
    /// Why it closed, when it did or will.
    pub close_reason: Option<String>,
    /// Whether money came after it was closed.
    pub late_money: bool,
    /// Whether a part of the amount is enough to keep the order going (a deposit now, the rest after the
    /// service). Otherwise an order that does not become whole gives everything back.
    pub part_payment: bool,
    /// What kind of service it is for, in the merchant's own words, so that takings can be told apart by it.
    pub service: Option<String>,
    /// Where, in the merchant's own words; for the same.
    pub region: Option<String>,
    /// The ways among which the payer chooses; none when the merchant named the payments.
    pub offers: Vec<Method>,
    /// The merchant's own number of the payer: what he chose last is offered first.
    pub payer: Option<String>,
    /// The installment that it is, when it is one.
    pub installment: Option<InstallmentKey>,
    /// Who gets a share of its money once it is paid; the rest stays with the merchant. Never changes.
    pub shares: Vec<SharePart>,
    /// The last moment to pay.
    pub expires_at: Timestamp,
    /// How many merchant events it has caused.
    pub event_count: i64,
    /// Counts the commits that touched it; guards every write.
    pub version: i64,
    /// When an order whose payer chooses expires, while it may; `None` when nothing is due. The sweep goes by it.
    pub due_at: Option<Timestamp>,
    /// When it was accepted.
    pub created_at: Timestamp,
}

impl Order {
    /// Whether another payment may follow when one ends unpaid: its payer chooses, or its plan tries again.
    pub const fn may_be_tried_again(&self) -> bool {
        !self.offers.is_empty() || self.installment.is_some()
    }
}

/// How much of an order's money went back: computed, never stored.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefundOverlay {
    /// Nothing.
    None,
    /// Some of it.
    PartiallyRefunded,
    /// All of it.
    Refunded,
}

/// An order with all its payments and refunds: what a decision needs to see.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Dossier {
    /// The order.
    pub order: Order,
    /// Its payments, oldest first.
    pub payments: Vec<Payment>,
    /// Its refunds with their legs, oldest first.
    pub refunds: Vec<Refund>,
}

impl Dossier {
    /// The payment with this id.
    pub fn payment(&self, id: PaymentId) -> Option<&Payment> {
        self.payments.iter().find(|p| p.id == id)
    }

    /// Minor units captured (not those held by a contradiction).
    pub fn captured_minor(&self) -> i64 {
        self.payments.iter().map(Payment::taken_minor).fold(0, i64::saturating_add)
    }

    /// Minor units by which duplicates that go, or went, back are less than what was paid too much; below zero:
    /// the bank took back money of which some was given back as a duplicate. `None`: there is no such bound.
    pub(crate) fn duplicates_left_minor(&self, counts: impl Fn(&Leg) -> bool) -> Option<i64> {
        let taken_back = self.payments.iter().any(|p| !p.evidence.taken_back.is_empty());
        if !taken_back || self.order.state == OrderState::Closed {
            return None;
        }
        let excess = self.captured_minor().saturating_sub(self.order.amount.minor).max(0);
        let duplicates = self.refunds.iter().filter(|r| r.cause == RefundCause::Duplicate);
        let legs = duplicates.flat_map(|r| &r.legs).filter(|l| counts(l));
        Some(legs.map(|l| l.amount.minor).fold(excess, i64::saturating_sub))
    }

    /// Minor units that are still missing, pieces that have come included.
    pub fn missing_minor(&self) -> i64 {
        let parts = self.payments.iter().map(Payment::part_minor).fold(0, i64::saturating_add);
        self.order.amount.minor.saturating_sub(self.captured_minor()).saturating_sub(parts)
    }

    /// Whether a payer's complaint is open.
    pub fn is_disputed(&self) -> bool {
        self.payments.iter().any(|p| p.evidence.disputed_open_minor() > 0)
    }

    /// Whether the last moment to pay is past while money is awaited that nobody can be asked about (a
    /// transfer, cash): that does not end the order.
    pub fn is_overdue(&self, now: Timestamp) -> bool {
        let waits = |p: &Payment| !p.state.is_final() && p.rests();
        now >= self.order.expires_at && !self.order.state.is_final() && self.payments.iter().any(waits)
    }

    /// The refund with this id.
    pub fn refund(&self, id: RefundId) -> Option<&Refund> {
        self.refunds.iter().find(|r| r.id == id)
    }

    /// All legs of all refunds.
    pub fn legs(&self) -> impl Iterator<Item = &Leg> {
        self.refunds.iter().flat_map(|r| &r.legs)
    }

    /// The leg with this id, and its refund.
    pub fn leg(&self, id: LegId) -> Option<(&Refund, &Leg)> {
        self.refunds.iter().find_map(|r| r.legs.iter().find(|l| l.id == id).map(|l| (r, l)))
    }

    /// Minor units of a payment that were given back or are set aside for refunds.
    pub fn returned_minor(&self, payment: PaymentId) -> i64 {
        let taken = self.legs().filter(|l| l.payment == payment && l.state.takes_from_payment());
        taken.map(|l| l.amount.minor).fold(0, i64::saturating_add)
    }

    /// Minor units that payers got back.
    pub fn refunded_minor(&self) -> i64 {
        let back = self.legs().filter(|l| l.state == LegState::Succeeded);
        back.map(|l| l.amount.minor).fold(0, i64::saturating_add)
    }

    /// How much of the captured money went back.
    pub fn overlay(&self) -> RefundOverlay {
        match (self.refunded_minor(), self.captured_minor()) {
            (0, _) => RefundOverlay::None,
            (back, captured) if back >= captured => RefundOverlay::Refunded,
            _ => RefundOverlay::PartiallyRefunded,
        }
    }

    /// Whether a payment is still able to take money.
    pub fn has_open_payment(&self) -> bool {
        self.payments.iter().any(|p| !p.state.is_final())
    }

    /// Whether the captured money makes the closed order paid after all.
    fn reopened(&self, policy: &MerchantPolicy) -> bool {
        let kept = |p: &Payment| p.evidence.late_answer.as_ref().is_some_and(|(_, (keep, _))| *keep);
        let wanted = policy.after_close == AfterClose::Reopen
            || self.payments.iter().any(|p| p.state == PaymentState::Captured && kept(p));
        // Whatever goes back already, by whatever way, cannot make it whole.
        let begun = |p: &Payment| self.legs().any(|l| l.payment == p.id && l.state != LegState::Abandoned);
        let untouched = self.payments.iter().filter(|p| p.state == PaymentState::Captured && !begun(p));
        let untouched = untouched.map(Payment::taken_minor).fold(0, i64::saturating_add);
        wanted && untouched >= self.order.amount.minor
    }

    /// Where the order stands, given where it stood and where its payments stand now.
    pub fn order_state(&self, policy: &MerchantPolicy) -> OrderState {
        let before = self.order.state;
        let captured = self.captured_minor();
        let reversed = self.payments.iter().any(|p| !p.evidence.taken_back.is_empty());
        let unpaid_again = reversed && captured < self.order.amount.minor;
        if (before == OrderState::Paid && !unpaid_again) || (before == OrderState::Closed && self.reopened(policy)) {
            return OrderState::Paid;
        }
        if before == OrderState::Closed {
            return OrderState::Closed;
        }
        let open = self.has_open_payment();
        // A held payment keeps its order open: a person must look before the merchant is told anything.
        let held = self.payments.iter().any(|p| p.state.needs_person());
        // A payer who chooses another way closes a payment, not the order.
        let asked = self.payments.iter().any(Payment::closes_order);
        let closing = before == OrderState::Closing || asked;
        let refused_late = closing && policy.late_money == LateMoneyPolicy::NeverAccept;
        let whole = captured >= self.order.amount.minor;
        if whole && !refused_late {
            return OrderState::Paid;
        }
        if self.payments.is_empty() && !self.order.may_be_tried_again() && !closing {
            return OrderState::Created;
        }
        let choosing = self.order.may_be_tried_again() && !closing;
        if !open && !held {
            let part = captured > 0 && !whole && (self.order.part_payment || choosing);
            return match (part, choosing) {
                (true, _) => OrderState::PartiallyPaid,
                (false, true) => OrderState::Created,
                (false, false) => OrderState::Closed,
            };
        }
        if closing {
            return OrderState::Closing;
        }
        let parts = self.payments.iter().any(|p| p.part_minor() > 0);
        if captured > 0 || parts { OrderState::PartiallyPaid } else { OrderState::Paying }
    }
}
