//! The world's own books of billing: what channels were asked and told, when Bursar wrote what, and who wished for what.
//! Naive rows, by which Bursar is judged; it must never know how Bursar decides.

use std::collections::{BTreeMap, BTreeSet};

use bursar_core::channel::Method;
use bursar_core::decide::QuestionKind;
use bursar_core::decline::DeclineClass;
use bursar_core::id::{AgreementId, OrderId, PlanId, ScheduleId};
use uuid::Uuid;

use super::cast::{Clockwork, Payer};
use super::moods::Load;
use super::planted::PlantedBilling;

/// An agreement in the channel's books.
#[derive(Clone, Debug)]
pub(crate) struct Mandate {
    pub signed_ms: Option<i64>,
    pub ended_ms: Option<i64>,
}

impl Mandate {
    pub const fn in_force(&self) -> bool {
        self.signed_ms.is_some() && self.ended_ms.is_none()
    }
}

/// A charge that the channel was asked for and decided.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub at_ms: i64,
    /// The number of the payment.
    pub payment: String,
    /// The number of the order.
    pub order: String,
    /// The number of the agreement.
    pub agreement: String,
    pub method: Method,
    pub minor: i64,
    /// Why not; `None`: it was charged.
    pub declined: Option<DeclineClass>,
}

/// A notice that a payer got.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Notice {
    pub at_ms: i64,
    pub minor: i64,
}

/// All of them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ledger {
    /// Whether this is a history of billing.
    pub on: bool,
    /// One step in so many waits for its turn.
    pub brisk: u64,
    /// How often housekeeping runs, instead of what histories usually have.
    pub upkeep_ms: Option<i64>,
    pub planted: Option<PlantedBilling>,
    pub seed: u64,
    pub load: Load,
    pub(super) payers: Vec<Payer>,
    pub(super) clockworks: Vec<Clockwork>,
    /// By the agreement's number.
    pub(super) mandates: BTreeMap<String, Mandate>,
    pub(super) calls: Vec<Call>,
    /// By the agreement's number.
    pub(super) notices: BTreeMap<String, Vec<Notice>>,
    /// Orders that were opened for an installment.
    pub(super) opened: BTreeMap<(PlanId, u32), Vec<OrderId>>,
    /// When "about to send" was written last, by the payment's number.
    pub(super) sending_ms: BTreeMap<String, i64>,
    /// When an order's money was first on our books.
    pub(super) captured_ms: BTreeMap<OrderId, i64>,
    /// When the end of an agreement was on our books.
    pub(super) ended_seen_ms: BTreeMap<AgreementId, i64>,
    /// From when until when a plan stood still, by our books.
    pub(super) pauses: BTreeMap<PlanId, Vec<(i64, i64)>>,
    /// When a plan's end was on our books.
    pub(super) over_ms: BTreeMap<PlanId, i64>,
    /// Questions that were ever asked.
    pub(super) asked: BTreeSet<(Uuid, QuestionKind)>,
    /// Orders that schedules opened, by schedule and number.
    pub(super) fires: BTreeMap<(ScheduleId, String), u32>,
    /// When nobody was at work.
    pub(super) down: Vec<(i64, i64)>,
    /// What clients asked for with success, and when it was written.
    pub(super) done: BTreeMap<String, i64>,
    /// Orders whose payer has made up his mind to pay himself.
    pub(super) hands: BTreeSet<OrderId>,
    pub(super) deaths: u64,
}

impl Ledger {
    /// Whether a program with a planted bug takes every decline for a technical one.
    pub fn misreads_declines(&self) -> bool {
        self.planted == Some(PlantedBilling::IgnoreDeclineClass)
    }

    /// Whether somebody was at work at `at_ms`, and had been for `ms`.
    pub(super) fn was_down(&self, from_ms: i64, until_ms: i64) -> bool {
        self.down.iter().any(|(from, until)| *from <= until_ms && from_ms <= *until)
    }
}
