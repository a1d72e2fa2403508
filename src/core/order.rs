//! What a customer owes a merchant: it knows how the states of payments add up, and must never know of
//! channels.

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::id::{MerchantId, OrderId, PaymentId};
use crate::merchant::LateMoneyPolicy;
use crate::money::Money;
use crate::payment::{Payment, PaymentState};

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
    /// Ended unpaid. Stays closed for ever; money that comes afterwards is late money.
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
    /// The last moment to pay.
    pub expires_at: Timestamp,
    /// How many merchant events it has caused.
    pub event_count: i64,
    /// Counts the commits that touched it; guards every write.
    pub version: i64,
    /// When it was accepted.
    pub created_at: Timestamp,
}

/// An order with all its payments: what a decision needs to see.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Dossier {
    /// The order.
    pub order: Order,
    /// Its payments, oldest first.
    pub payments: Vec<Payment>,
}

impl Dossier {
    /// The payment with this id.
    pub fn payment(&self, id: PaymentId) -> Option<&Payment> {
        self.payments.iter().find(|p| p.id == id)
    }

    /// Minor units captured (as expected; not those held).
    pub fn captured_minor(&self) -> i64 {
        self.payments
            .iter()
            .filter(|p| p.state == PaymentState::Captured)
            .map(|p| p.amount.minor)
            .fold(0, i64::saturating_add)
    }

    /// Where the order stands, given where it stood and where its payments stand now.
    pub fn order_state(&self, late_money: LateMoneyPolicy) -> OrderState {
        let before = self.order.state;
        if before.is_final() {
            return before;
        }
        let captured = self.captured_minor();
        let all_ended = self.payments.iter().all(|p| p.state.is_final());
        let held = self.payments.iter().any(|p| p.state == PaymentState::IntegrityHold);
        let closing =
            before == OrderState::Closing || self.payments.iter().any(|p| p.evidence.close_requested.is_some());
        let refused_late = closing && late_money == LateMoneyPolicy::NeverAccept;
        if captured >= self.order.amount.minor && !refused_late {
            return OrderState::Paid;
        }
        if self.payments.is_empty() {
            return OrderState::Created;
        }
        // A held payment keeps its order open: a person must look before the merchant is told anything.
        if all_ended && !held {
            return OrderState::Closed;
        }
        if closing {
            return OrderState::Closing;
        }
        if captured > 0 { OrderState::PartiallyPaid } else { OrderState::Paying }
    }
}
