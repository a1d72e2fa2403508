//! Bugs of billing that are planted on purpose: it knows where each is put in from outside, at a seam of the world, and
//! production code must never know of any.

use std::str::FromStr;

use bursar_core::Chance;
use bursar_core::agreement::{Agreement, AgreementState};
use bursar_core::bank::Day;
use bursar_core::billing::{Hours, InstallmentState, LocalTime, PlanFile, PlanState, Terms};
use bursar_core::clock::{DAY_MS, Timestamp};
use bursar_core::job::JobKind;
use bursar_core::order::{Dossier, OrderState};
use bursar_core::payment::PaymentState;
use bursar_store::{Change, Settlement};

use crate::world::state::State;

macro_rules! planted {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        /// A planted bug of billing.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub enum PlantedBilling {
            $($(#[$doc])* $name,)*
        }

        impl PlantedBilling {
            /// Every planted bug.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The stable name on the command line.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)*
                }
            }
        }
    };
}

planted! {
    /// Who follows a plan writes whatever its version is, without a lease, and numbers orders afresh.
    ChargeTwice = "charge-twice",
    /// An installment's order is written without its plan, under a fresh number.
    NewOrderNumber = "new-order-number",
    /// Night is day.
    IgnoreHours = "ignore-hours",
    /// A pause is not read.
    IgnorePause = "ignore-pause",
    /// What was missed is not caught up.
    SkipMissed = "skip-missed",
    /// A fire opens two orders.
    DoubleFire = "double-fire",
    /// Every decline is taken for a technical one.
    IgnoreDeclineClass = "ignore-decline-class",
    /// The channel is not asked to tell the payer.
    ForgetNotice = "forget-notice",
    /// That the payer paid himself is not read.
    ChargeAfterHand = "charge-after-hand",
    /// That the payer ended his agreement is not read.
    ChargeAfterEnd = "charge-after-end",
    /// The last part does not take the remainder.
    LoseRemainder = "lose-remainder",
    /// A plan's job ends with its first try, and the sweep finds nothing.
    ForgetPlan = "forget-plan",
    /// The question about a suspicious charge is not stored.
    DropQuestion = "drop-question",
}

impl FromStr for PlantedBilling {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.iter().copied().find(|p| p.name() == text).ok_or_else(|| {
            let names: Vec<_> = Self::ALL.iter().map(|p| p.name()).collect();
            format!("`{text}` is not a planted bug of billing; there are {}", names.join(", "))
        })
    }
}

impl PlantedBilling {
    /// A change as a program with this bug would write it.
    pub(crate) fn spoil(self, change: &mut Change, state: &State) {
        let tables = &state.tables;
        if self == Self::ChargeTwice {
            for plan in &mut change.billing.plans {
                plan.version = tables.plans.get(&plan.id).map_or(plan.version, |row| row.version);
            }
        }
        let opens = change.new_orders.iter().any(|o| o.installment.is_some());
        match self {
            Self::ChargeTwice => {
                if let Some(settle) = change.settle.as_mut().filter(|s| s.key.kind == JobKind::FollowPlan)
                    && let Some(job) = tables.jobs.get(&settle.key)
                {
                    (settle.owner, settle.fence) = (job.owner.unwrap_or(settle.owner), job.fence);
                }
                afresh(change, state);
            }
            Self::NewOrderNumber if opens && state.pace.below(12) == 0 => {
                afresh(change, state);
                change.billing.plans.clear();
                change.billing.installments.clear();
            }
            Self::DoubleFire if !change.schedules.fires.is_empty() => {
                for mut order in change.new_orders.clone() {
                    order.id = bursar_core::id::OrderId::fresh(order.created_at, &state.pace);
                    order.number.push('b');
                    change.new_orders.push(order);
                }
            }
            Self::LoseRemainder => {
                let cut = |minor: i64| minor - minor % 10;
                for (_, installment) in &mut change.billing.installments {
                    installment.minor = cut(installment.minor).max(1);
                }
                for order in change.new_orders.iter_mut().filter(|o| o.installment.is_some()) {
                    order.amount.minor = cut(order.amount.minor).max(1);
                }
                for payment in change.new_payments.iter_mut().filter(|p| p.agreement.is_some()) {
                    payment.amount.minor = cut(payment.amount.minor).max(1);
                }
            }
            Self::ForgetPlan => {
                change.jobs.retain(|j| j.key.kind != JobKind::FollowPlan);
                let started = !change.new_payments.is_empty();
                if let Some(settle) = change.settle.as_mut().filter(|s| s.key.kind == JobKind::FollowPlan && started) {
                    settle.how = Settlement::Done;
                }
            }
            Self::DropQuestion => change.questions.clear(),
            _ => {}
        }
    }

    /// A plan as a program with this bug would read it at `now`.
    pub(crate) fn plan_as_read(self, mut file: PlanFile, now: i64) -> PlanFile {
        match self {
            Self::IgnoreHours => {
                if let (Some(from), Some(until)) = (LocalTime::new(0, 0), LocalTime::new(23, 59)) {
                    file.plan.dunning.hours = Hours { from, until };
                }
            }
            Self::IgnorePause if file.plan.state == PlanState::Paused => file.plan.state = PlanState::Active,
            Self::SkipMissed => {
                let late = Timestamp::from_millis(now - DAY_MS);
                let today: Day = file.plan.zone.day_of(late);
                for installment in &mut file.installments {
                    if installment.state == InstallmentState::Scheduled && installment.due_on < today {
                        installment.state = InstallmentState::Voided;
                    }
                }
                if let Terms::Subscription { .. } = file.plan.terms {
                    while file.plan.terms.period(file.plan.next_period).is_some_and(|(from, _)| from < today) {
                        file.plan.next_period += 1;
                    }
                }
            }
            _ => {}
        }
        file
    }

    /// An order as a program with this bug would read it.
    pub(crate) fn dossier_as_read(self, mut dossier: Dossier) -> Dossier {
        let debits = dossier.payments.iter().any(|p| p.agreement.is_some());
        if self == Self::ChargeAfterHand && dossier.order.installment.is_some() && debits {
            let charged =
                |d: &Dossier| d.payments.iter().any(|p| p.agreement.is_some() && p.state == PaymentState::Captured);
            let by_hand = dossier.payments.iter().any(|p| p.agreement.is_none() && p.state == PaymentState::Captured);
            if by_hand && !charged(&dossier) {
                dossier.payments.retain(|p| p.agreement.is_some());
                if dossier.order.state == OrderState::Paid {
                    dossier.order.state = OrderState::Created;
                }
            }
        }
        dossier
    }

    /// An agreement as a program with this bug would read it.
    pub(crate) fn agreement_as_read(self, mut agreement: Agreement) -> Agreement {
        if self == Self::ChargeAfterEnd && agreement.state == AgreementState::Ended {
            agreement.evidence.ended = None;
            agreement.state = agreement.evidence.state();
        }
        agreement
    }
}

/// Gives new orders of installments a number that nobody else has.
fn afresh(change: &mut Change, state: &State) {
    for order in change.new_orders.iter_mut().filter(|o| o.installment.is_some()) {
        order.number = format!("{}x{}", order.number, state.pace.below(1_000_000_000));
    }
}
