//! What a plan does next: it knows days, orders as they stand and the agreement, and must never do any of it.
//!
//! [`step`] is total and pure, and does at most one thing that concerns an order or the channel ([`Act`]); whoever
//! carries it out writes it down together with the plan, guarded by the plan's version, and asks again until there
//! is nothing left to do. So a plan that was left alone for three days catches up one installment after the other,
//! and two schedulers that do so at once do it once.

mod follow;
mod future;

use std::collections::BTreeMap;

use super::dunning::{Declined, Next, Stop};
use super::event::PlanEvent;
use super::wishes::FnRefund;
use super::{Installment, InstallmentState, PlanFile, PlanState};
use crate::agreement::Agreement;
use crate::bank::Day;
use crate::channel::DebitRules;
use crate::clock::{DAY_MS, MINUTE_MS, Timestamp};
use crate::decide::{Question, QuestionKind};
use crate::event::EventKind;
use crate::id::{OrderId, RefundId};
use crate::order::Dossier;
use uuid::Uuid;

/// What a step sees.
#[derive(Clone, Copy, Debug)]
pub struct Scene<'a> {
    /// The plan, and at least those of its installments that are not final or have something to give back; all, when
    /// [`super::Plan::owes_credit`].
    pub file: &'a PlanFile,
    /// The orders of those installments.
    pub orders: &'a BTreeMap<OrderId, Dossier>,
    /// The plan's agreement, when it has one.
    pub agreement: Option<&'a Agreement>,
    /// When charges through that agreement were begun in the last thirty days, by whatever plan.
    pub recent_tries: &'a [Timestamp],
    /// The id that an order will have if one is opened.
    pub fresh: OrderId,
    /// Ids of refunds.
    pub refund_id: &'a dyn FnRefund,
    /// The present instant.
    pub now: Timestamp,
}

/// The one thing to be done.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Act {
    /// Have the channel tell the payer that he will be charged, and then say so with [`announced`]. Telling him
    /// twice is harmless.
    Announce {
        /// The installment.
        seq: u32,
    },
    /// Open the installment's order.
    Open {
        /// The installment.
        seq: u32,
        /// Whether it is charged through the agreement at once; otherwise the payer chooses.
        charge: bool,
    },
    /// Charge the installment's order once more.
    Charge {
        /// The installment.
        seq: u32,
        /// Its order.
        order: OrderId,
    },
    /// Ask for money of the installment's order back.
    GiveBack {
        /// The installment.
        seq: u32,
        /// Its order.
        order: OrderId,
        /// The refund's id.
        refund: RefundId,
        /// Minor units.
        minor: i64,
    },
    /// Close the installment's order: its plan was cancelled.
    Close {
        /// The installment.
        seq: u32,
        /// Its order.
        order: OrderId,
    },
}

/// What follows.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Step {
    /// The plan with what it saw of its installments, afterwards; its version is the one that was read.
    pub next: PlanFile,
    /// The one thing to be done together with writing that.
    pub act: Option<Act>,
    /// What the merchant is told.
    pub tell: Vec<PlanEvent>,
    /// What a person is asked.
    pub ask: Vec<Question>,
    /// What he is asked no longer.
    pub unask: Vec<(Uuid, QuestionKind)>,
}

/// How often orders that are under way are looked at when nothing wakes the plan before.
const LOOK_MS: i64 = 15 * MINUTE_MS;

/// What the plan does next.
pub fn step(scene: Scene<'_>) -> Step {
    let mut work = Work::new(scene);
    work.activate();
    work.stall();
    work.unfold();
    if !work.give_back() {
        work.follow_all();
    }
    work.return_credit();
    work.finish();
    work.end()
}

/// Writes down that the channel has told the payer of an installment.
pub fn announced(file: &PlanFile, seq: u32, now: Timestamp) -> PlanFile {
    let mut next = file.clone();
    let today = next.plan.zone.day_of(now);
    if let Some(installment) = next.installments.iter_mut().find(|i| i.seq == seq) {
        installment.announced_on = Some(today);
    }
    next
}

/// Whether a charge that a plan has begun may leave now: the last look, right before the call.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum LastLook {
    /// It may.
    Go,
    /// Not before this.
    Later(Timestamp),
    /// Not any more, and why.
    Never(String),
}

/// See [`LastLook`]. `seq` is the installment that is charged.
pub fn last_look(file: &PlanFile, seq: u32, agreement: &Agreement, now: Timestamp) -> LastLook {
    let plan = &file.plan;
    if plan.state != PlanState::Active {
        return LastLook::Never(format!("the plan is {}", plan.state.name()));
    }
    if !agreement.can_be_charged(now) {
        return LastLook::Never(format!("the agreement is {}", agreement.state.name()));
    }
    let allowed = plan.dunning.hours.first_from(&plan.zone, now);
    let rules = agreement.method.debit_rules().unwrap_or(DebitRules::FREE);
    // The job may be days late: what held when the charge was decided must hold on the day of the call.
    let day = plan.zone.day_of(allowed);
    let Some(installment) = file.installment(seq) else {
        return LastLook::Never("its installment has ended".to_owned());
    };
    if last_day(installment, rules).is_some_and(|last| day > last) {
        return LastLook::Never("the channel takes nothing after the due day".to_owned());
    }
    if rules.notice_days.is_some()
        && !noticed_for(installment, rules).is_some_and(|(from, until)| from <= day && day <= until)
    {
        return LastLook::Never("the payer was not told of a charge on this day".to_owned());
    }
    if allowed > now { LastLook::Later(allowed) } else { LastLook::Go }
}

/// The last day on which the channel takes the charge, where there is one.
fn last_day(installment: &Installment, rules: DebitRules) -> Option<Day> {
    rules.days_after.map(|days| installment.due_on.plus_days(i64::from(days)))
}

/// The days of which the payer was told: the first and the last.
fn noticed_for(installment: &Installment, rules: DebitRules) -> Option<(Day, Day)> {
    let first = installment.announced_on?.plus_days(i64::from(rules.notice_days?));
    Some((first, first.plus_days(i64::from(rules.notice_holds_days) - 1)))
}

/// A step in the making.
struct Work<'a> {
    scene: Scene<'a>,
    next: PlanFile,
    act: Option<Act>,
    tell: Vec<PlanEvent>,
    ask: Vec<Question>,
    unask: Vec<(Uuid, QuestionKind)>,
    /// The earliest moment at which something more may follow.
    wake: Option<Timestamp>,
}

impl<'a> Work<'a> {
    fn new(scene: Scene<'a>) -> Self {
        let next = scene.file.clone();
        Self { scene, next, act: None, tell: Vec::new(), ask: Vec::new(), unask: Vec::new(), wake: None }
    }

    fn wake_at(&mut self, at: Timestamp) {
        self.wake = Some(self.wake.map_or(at, |wake| wake.min(at)));
    }

    fn tell(&mut self, kind: EventKind, seq: Option<u32>) {
        let plan = &mut self.next.plan;
        plan.event_count = plan.event_count.saturating_add(1);
        self.tell.push(PlanEvent { kind, seq, sequence: plan.event_count, at: self.scene.now });
    }

    fn rules(&self) -> DebitRules {
        self.next.plan.debit.and_then(|(_, method)| method.debit_rules()).unwrap_or(DebitRules::FREE)
    }

    fn may_charge(&self) -> bool {
        self.scene.agreement.is_some_and(|a| a.can_be_charged(self.scene.now))
    }

    /// A plan begins when its agreement is signed; one without begins at once.
    fn activate(&mut self) {
        if self.next.plan.state != PlanState::Draft {
            return;
        }
        match self.scene.agreement {
            None if self.next.plan.agreement.is_some() => self.wake_at(self.scene.now.plus_ms(LOOK_MS)),
            Some(agreement) if agreement.state.is_final() => {
                self.cancel(format!("its agreement is {}", agreement.state.name()));
            }
            Some(_) if !self.may_charge() => self.wake_at(self.scene.now.plus_ms(DAY_MS)),
            None | Some(_) => {
                self.next.plan.state = PlanState::Active;
                self.tell(EventKind::PlanActivated, None);
            }
        }
    }

    fn cancel(&mut self, reason: String) {
        self.next.plan.state = PlanState::Cancelled;
        self.next.plan.reason = Some(reason);
        self.void_scheduled();
        self.tell(EventKind::PlanCancelled, None);
    }

    fn void_scheduled(&mut self) {
        let scheduled = |i: &&mut Installment| i.state == InstallmentState::Scheduled;
        self.next.installments.iter_mut().filter(scheduled).for_each(Installment::void);
    }

    /// Without a valid agreement a plan stops, and a person is asked.
    fn stall(&mut self) {
        let stands = self.next.plan.agreement.is_none() || self.may_charge() || self.scene.agreement.is_none();
        if self.next.plan.state == PlanState::Active && !stands {
            let state = self.scene.agreement.map_or("gone", |a| a.state.name());
            self.stop_charging(format!("its agreement is {state}"));
        }
    }

    fn stop_charging(&mut self, reason: String) {
        let plan = &mut self.next.plan;
        if plan.state != PlanState::Active {
            return;
        }
        plan.state = PlanState::Paused;
        let text = format!(
            "Plan {} of payer {} cannot charge: {reason}. Give it another agreement and resume it, or cancel it.",
            plan.number, plan.payer
        );
        plan.reason = Some(reason);
        self.ask.push(Question { subject: plan.id.uuid(), kind: QuestionKind::PlanStalled, text });
        self.tell(EventKind::PlanPaused, None);
    }

    fn end(self) -> Step {
        let Self { scene, mut next, act, tell, ask, unask, wake } = self;
        next.plan.due_at = if act.is_some() { Some(scene.now) } else { wake };
        Step { next, act, tell, ask, unask }
    }
}

#[cfg(test)]
mod tests;
