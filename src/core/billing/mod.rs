//! Amounts that are due on dates, charged through an agreement or paid by hand: it knows plans and their
//! installments, and must never know how an order is paid.
//!
//! An installment that is due becomes an order ([`crate::order::Order::installment`]), and everything that is true
//! of orders is true of it: one number, one machine, the same rules for what is unknown. The plan only decides
//! *when* an order is opened and *when* the next charge is tried: [`step::step`] is that decision, a function of the
//! plan, what its open orders look like, its agreement and the time. The installment's number in the plan is part
//! of the order's number, which the database keeps unique: two schedulers, a crash or a skewed clock cannot make
//! two of one.

pub mod calendar;
pub mod claim;
pub mod dunning;
pub mod event;
pub mod order;
pub mod split;
pub mod step;
pub mod terms;
#[cfg(test)]
mod test_town;
pub mod wishes;

use serde::{Deserialize, Serialize};

pub use calendar::{Hours, LocalTime, Zone};
pub use dunning::Dunning;
pub use terms::{Cadence, Part, Terms, Unit};

use crate::bank::Day;
use crate::channel::Method;
use crate::clock::Timestamp;
use crate::decline::Decline;
use crate::id::{AgreementId, ChannelAccountId, MerchantId, OrderId, PlanId, RefundId};
use crate::money::{Currency, Money};

/// Which installment of which plan an order is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct InstallmentKey {
    /// The plan.
    pub plan: PlanId,
    /// The installment's number in it, from 1.
    pub seq: u32,
}

/// Where a plan stands.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PlanState {
    /// Its agreement is not signed yet.
    Draft,
    /// Installments fall due.
    Active,
    /// Nothing falls due until somebody resumes it.
    Paused,
    /// All was paid.
    Completed,
    /// All was paid before its time.
    SettledEarly,
    /// Something was written off, and nothing more falls due.
    Defaulted,
    /// Ended before its time.
    Cancelled,
}

impl PlanState {
    /// Every state.
    pub const ALL: [Self; 7] = [
        Self::Draft,
        Self::Active,
        Self::Paused,
        Self::Completed,
        Self::SettledEarly,
        Self::Defaulted,
        Self::Cancelled,
    ];

    /// The stable number in the database.
    pub const fn code(self) -> i16 {
        match self {
            Self::Draft => 1,
            Self::Active => 2,
            Self::Paused => 3,
            Self::Completed => 4,
            Self::SettledEarly => 5,
            Self::Defaulted => 6,
            Self::Cancelled => 7,
        }
    }

    /// The stable name in faces.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Active => "active",
            Self::Paused => "paused",
            Self::Completed => "completed",
            Self::SettledEarly => "settled_early",
            Self::Defaulted => "defaulted",
            Self::Cancelled => "cancelled",
        }
    }

    /// The state with this code.
    pub fn from_code(code: i16) -> Option<Self> {
        Self::ALL.into_iter().find(|s| s.code() == code)
    }

    /// Whether nothing more falls due.
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Completed | Self::SettledEarly | Self::Defaulted | Self::Cancelled)
    }
}

/// Where an installment stands.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InstallmentState {
    /// Its day has not come.
    Scheduled,
    /// It has an order: a charge is under way, or the payer may pay by hand.
    Charging,
    /// A charge was declined; another follows.
    RetryWait,
    /// No charge follows by itself; the payer may still pay by hand.
    Overdue,
    /// Paid.
    Paid,
    /// Its order ended unpaid.
    WrittenOff,
    /// It was never asked for: paid early, cancelled, or given up with its plan.
    Voided,
}

impl InstallmentState {
    /// Every state.
    pub const ALL: [Self; 7] =
        [Self::Scheduled, Self::Charging, Self::RetryWait, Self::Overdue, Self::Paid, Self::WrittenOff, Self::Voided];

    /// The stable number in the database.
    pub const fn code(self) -> i16 {
        match self {
            Self::Scheduled => 1,
            Self::Charging => 2,
            Self::RetryWait => 3,
            Self::Overdue => 4,
            Self::Paid => 5,
            Self::WrittenOff => 6,
            Self::Voided => 7,
        }
    }

    /// The stable name in faces.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Scheduled => "scheduled",
            Self::Charging => "charging",
            Self::RetryWait => "retry_wait",
            Self::Overdue => "overdue",
            Self::Paid => "paid",
            Self::WrittenOff => "written_off",
            Self::Voided => "voided",
        }
    }

    /// The state with this code.
    pub fn from_code(code: i16) -> Option<Self> {
        Self::ALL.into_iter().find(|s| s.code() == code)
    }

    /// Whether nothing more happens to it by itself.
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Paid | Self::WrittenOff | Self::Voided)
    }
}

/// What an installment is for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InstallmentKind {
    /// A part or a period of the plan.
    Regular,
    /// The rest of a period after its price has risen.
    Adjustment,
    /// All that was still to come, paid early.
    Payoff,
}

/// Money of a paid installment that goes back.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct GiveBack {
    /// The refund that does it: decided with the wish, so that it happens once.
    pub refund: RefundId,
    /// Minor units.
    pub minor: i64,
    /// Whether its order has taken the refund on.
    pub asked: bool,
}

/// One amount of a plan.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Installment {
    /// Its number in the plan, from 1.
    pub seq: u32,
    /// What it is for.
    pub kind: InstallmentKind,
    /// The first day of what it pays for, and the first day after it; `None` for a part of a fixed sum.
    pub period: Option<(Day, Day)>,
    /// The day on which it is due, in the plan's time zone.
    pub due_on: Day,
    /// Minor units: what will be asked for, after shrinking and credit.
    pub minor: i64,
    /// Where it stands.
    pub state: InstallmentState,
    /// Its order, once it has one.
    pub order: Option<OrderId>,
    /// Charges through the agreement that were begun.
    pub tries: u32,
    /// When the last one was begun.
    pub tried_at: Option<Timestamp>,
    /// When it is to be charged next; for people, and for the sum of what is to come.
    pub next_at: Option<Timestamp>,
    /// The last no.
    pub decline: Option<Decline>,
    /// The day on which the channel told the payer, where it must.
    pub announced_on: Option<Day>,
    /// What of it goes back.
    pub give_back: Vec<GiveBack>,
}

impl Installment {
    /// A fresh one.
    pub const fn new(seq: u32, kind: InstallmentKind, due_on: Day, minor: i64) -> Self {
        Self {
            seq,
            kind,
            period: None,
            due_on,
            minor,
            state: InstallmentState::Scheduled,
            order: None,
            tries: 0,
            tried_at: None,
            next_at: None,
            decline: None,
            announced_on: None,
            give_back: Vec::new(),
        }
    }

    /// It will not be asked for.
    fn void(&mut self) {
        self.state = InstallmentState::Voided;
        self.next_at = None;
    }

    /// Minor units that were paid for it and can still go back.
    fn returnable_minor(&self) -> i64 {
        let paid = self.state == InstallmentState::Paid && self.order.is_some();
        if paid { self.minor.saturating_sub(self.given_back_minor()) } else { 0 }
    }

    /// Minor units of it that go back.
    pub fn given_back_minor(&self) -> i64 {
        self.give_back.iter().map(|g| g.minor).fold(0, i64::saturating_add)
    }
}

/// A plan.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Plan {
    /// Its id.
    pub id: PlanId,
    /// Who is owed.
    pub merchant: MerchantId,
    /// The merchant's own number, unique per merchant; orders are numbered `{number}-{seq}`.
    pub number: String,
    /// The merchant's own number of the payer.
    pub payer: String,
    /// What for, as the payer reads it.
    pub description: String,
    /// Of all its amounts.
    pub currency: Currency,
    /// What is due when.
    pub terms: Terms,
    /// In which days and hours are meant.
    pub zone: Zone,
    /// At what time of its day an installment is charged.
    pub charge_at: LocalTime,
    /// What happens when a charge is declined.
    pub dunning: Dunning,
    /// By what it is charged; `None`: the payer pays each installment by hand.
    pub agreement: Option<AgreementId>,
    /// Through which account, and by which method, the agreement charges.
    pub debit: Option<(ChannelAccountId, Method)>,
    /// By what the payer may pay an installment himself.
    pub offers: Vec<Method>,
    /// Where it stands.
    pub state: PlanState,
    /// Why it is paused, or how it ended.
    pub reason: Option<String>,
    /// The number of the next installment.
    pub next_seq: u32,
    /// The number of the next period of a subscription, from 0.
    pub next_period: u32,
    /// Minor units that the next installments are smaller by.
    pub credit_minor: i64,
    /// Whether something was written off.
    pub written_off: bool,
    /// Whether the rest was paid early.
    pub paid_off: bool,
    /// When it is looked at next; `None` when nothing is due.
    pub due_at: Option<Timestamp>,
    /// Counts the merchant events that it has caused.
    pub event_count: i64,
    /// Counts the commits that touched it or its installments; guards every write.
    pub version: i64,
    /// When it was accepted.
    pub created_at: Timestamp,
}

impl Plan {
    /// `minor` units of its currency.
    pub const fn money(&self, minor: i64) -> Money {
        Money::new(minor, self.currency)
    }

    /// Whether a credit is left, and nothing will fall due that it could pay for: it goes back. Then a decision must
    /// see all installments.
    pub fn owes_credit(&self) -> bool {
        let ends = self.state == PlanState::Active && self.terms.period(self.next_period).is_none();
        ends && self.credit_minor > 0 && !self.written_off
    }

    /// The merchant's number of an installment's order.
    pub fn order_number(&self, seq: u32) -> String {
        format!("{}-{seq}", self.number)
    }
}

/// A plan with its installments: what a decision about it sees. Those that are final may be left out where only
/// what is to come matters ([`step::step`] needs none of them).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PlanFile {
    /// The plan.
    pub plan: Plan,
    /// Its installments, by number.
    pub installments: Vec<Installment>,
}

impl PlanFile {
    /// A plan at its beginning: a fixed sum has all its parts, a subscription unfolds as it goes.
    pub fn begin(mut plan: Plan) -> Self {
        let parts = match &plan.terms {
            Terms::Installments { parts } => parts.clone(),
            Terms::Subscription { .. } => Vec::new(),
        };
        let mut installments = Vec::new();
        for part in parts {
            installments.push(Installment::new(plan.next_seq, InstallmentKind::Regular, part.due_on, part.minor));
            plan.next_seq = plan.next_seq.saturating_add(1);
        }
        Self { plan, installments }
    }

    /// The installment with this number.
    pub fn installment(&self, seq: u32) -> Option<&Installment> {
        self.installments.iter().find(|i| i.seq == seq)
    }

    /// Minor units that are neither paid nor given up.
    pub fn open_minor(&self) -> i64 {
        let open = self.installments.iter().filter(|i| !i.state.is_final());
        open.map(|i| i.minor).fold(0, i64::saturating_add)
    }
}
