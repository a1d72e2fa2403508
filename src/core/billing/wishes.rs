//! What people want of a plan: it knows how pausing, paying early, giving back and changing prices change what is to
//! come, and must never touch an order. What it decides about orders, the next [`super::step::step`] does.

use super::split::share;
use super::step::Step;
use super::{GiveBack, Installment, InstallmentKind, InstallmentState, Plan, PlanFile, PlanState, Terms};
use crate::agreement::Agreement;
use crate::bank::Day;
use crate::channel::Method;
use crate::clock::Timestamp;
use crate::decide::QuestionKind;
use crate::event::EventKind;
use crate::id::{AgreementId, ChannelAccountId, RefundId};

use super::event::PlanEvent;

/// A wish.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Wish {
    /// Let nothing fall due.
    Pause {
        /// Why, for people.
        reason: String,
    },
    /// Go on. What fell due meanwhile is asked for one after the other, or given up.
    Resume {
        /// Whether it is asked for.
        catch_up: bool,
    },
    /// End it now. What is open is not asked for any more.
    Cancel {
        /// Why, for people.
        reason: String,
        /// Whether the share of paid periods that was not served goes back.
        refund_unserved: bool,
    },
    /// Pay all that is still to come, now.
    PayOff,
    /// Make it cheaper by so many minor units: first what is still to come becomes less, from the end on; then paid
    /// installments are given back, the last first.
    GiveBack {
        /// Minor units.
        minor: i64,
    },
    /// Another price from the next period on; the rest of this period is charged or credited by days.
    Reprice {
        /// Minor units of a period.
        minor: i64,
    },
    /// Charge through another agreement.
    ChargeBy {
        /// The agreement.
        agreement: AgreementId,
        /// Its account.
        account: ChannelAccountId,
        /// Its method.
        method: Method,
    },
}

/// What a wish meets.
#[derive(Clone, Copy, Debug)]
pub struct Meeting<'a> {
    /// The plan with *all* its installments.
    pub file: &'a PlanFile,
    /// A refund's id for an installment's number: ids of refunds that may be needed.
    pub refund_id: &'a dyn FnRefund,
    /// The present instant.
    pub now: Timestamp,
}

/// Gives ids of refunds.
pub trait FnRefund: std::fmt::Debug {
    /// A fresh id.
    fn fresh(&self) -> RefundId;
}

/// Grants `wish`, or says why not, in words for the caller.
///
/// # Errors
/// Why it cannot be.
pub fn grant(meeting: Meeting<'_>, wish: &Wish) -> Result<Step, String> {
    let mut desk = Desk { next: meeting.file.clone(), meeting, tell: Vec::new(), unask: Vec::new() };
    let state = desk.next.plan.state;
    let gives_back = matches!(wish, Wish::GiveBack { .. });
    if state.is_final() && !gives_back {
        return Err(format!("the plan is {}; it has ended", state.name()));
    }
    match wish {
        Wish::Pause { reason } => desk.pause(reason)?,
        Wish::Resume { catch_up } => desk.resume(*catch_up)?,
        Wish::Cancel { reason, refund_unserved } => desk.cancel(reason, *refund_unserved),
        Wish::PayOff => desk.pay_off()?,
        Wish::GiveBack { minor } => desk.give_back(*minor)?,
        Wish::Reprice { minor } => desk.reprice(*minor)?,
        Wish::ChargeBy { agreement, account, method } => {
            let plan = &mut desk.next.plan;
            plan.agreement = Some(*agreement);
            plan.debit = Some((*account, *method));
            desk.tell(EventKind::PlanChanged, None);
        }
    }
    desk.next.plan.due_at = Some(meeting.now);
    Ok(Step { next: desk.next, act: None, tell: desk.tell, ask: Vec::new(), unask: desk.unask })
}

/// Why an agreement cannot charge a plan's installments.
///
/// # Errors
/// A sentence for the caller.
pub fn check_agreement(plan: &Plan, agreement: &Agreement, largest_minor: i64) -> Result<(), String> {
    if agreement.merchant != plan.merchant {
        return Err("there is no such agreement".to_owned());
    }
    if agreement.payer != plan.payer {
        return Err(format!("the agreement is of payer {}, the plan of {}", agreement.payer, plan.payer));
    }
    if agreement.state.is_final() {
        return Err(format!("the agreement is {}", agreement.state.name()));
    }
    if agreement.limit.currency != plan.currency {
        return Err(format!(
            "the agreement is in {}, the plan in {}",
            agreement.limit.currency.code(),
            plan.currency.code()
        ));
    }
    if largest_minor > agreement.limit.minor {
        return Err(format!(
            "an installment is {}, more than the agreement allows for one charge ({})",
            plan.money(largest_minor),
            agreement.limit
        ));
    }
    Ok(())
}

struct Desk<'a> {
    meeting: Meeting<'a>,
    next: PlanFile,
    tell: Vec<PlanEvent>,
    unask: Vec<(uuid::Uuid, QuestionKind)>,
}

impl Desk<'_> {
    fn tell(&mut self, kind: EventKind, seq: Option<u32>) {
        let plan = &mut self.next.plan;
        plan.event_count = plan.event_count.saturating_add(1);
        self.tell.push(PlanEvent { kind, seq, sequence: plan.event_count, at: self.meeting.now });
    }

    fn today(&self) -> Day {
        self.next.plan.zone.day_of(self.meeting.now)
    }

    fn scheduled(&mut self) -> impl Iterator<Item = &mut Installment> {
        self.next.installments.iter_mut().filter(|i| i.state == InstallmentState::Scheduled)
    }

    fn pause(&mut self, reason: &str) -> Result<(), String> {
        if self.next.plan.state != PlanState::Active {
            return Err(format!("the plan is {}; only an active one is paused", self.next.plan.state.name()));
        }
        self.next.plan.state = PlanState::Paused;
        self.next.plan.reason = Some(reason.to_owned());
        self.tell(EventKind::PlanPaused, None);
        Ok(())
    }

    fn resume(&mut self, catch_up: bool) -> Result<(), String> {
        if self.next.plan.state != PlanState::Paused {
            return Err(format!("the plan is {}; only a paused one is resumed", self.next.plan.state.name()));
        }
        self.next.plan.state = PlanState::Active;
        self.next.plan.reason = None;
        if !catch_up {
            let today = self.today();
            let missed = self.scheduled().filter(|i| i.due_on < today && i.period.is_some());
            missed.for_each(Installment::void);
            self.skip_periods_before(today);
        }
        self.unask.push((self.next.plan.id.uuid(), QuestionKind::PlanStalled));
        self.tell(EventKind::PlanResumed, None);
        Ok(())
    }

    fn skip_periods_before(&mut self, today: Day) {
        let plan = &mut self.next.plan;
        while plan.terms.period(plan.next_period).is_some_and(|(from, _)| from < today) {
            plan.next_period = plan.next_period.saturating_add(1);
        }
    }

    fn cancel(&mut self, reason: &str, refund_unserved: bool) {
        if refund_unserved {
            let back = self.unserved_minor().saturating_add(self.next.plan.credit_minor).max(0);
            self.next.plan.credit_minor = give_back_paid(&mut self.next.installments, back, self.meeting.refund_id);
        }
        self.scheduled().for_each(Installment::void);
        self.next.plan.state = PlanState::Cancelled;
        self.next.plan.reason = Some(reason.to_owned());
        self.unask.push((self.next.plan.id.uuid(), QuestionKind::PlanStalled));
        self.tell(EventKind::PlanCancelled, None);
    }

    /// Minor units of paid days from today on, by the price of today, to which an earlier one was adjusted for them; of
    /// a period no more than was not given back yet.
    fn unserved_minor(&self) -> i64 {
        let (today, plan) = (self.today(), &self.next.plan);
        let Terms::Subscription { minor: price, .. } = plan.terms else { return 0 };
        let of = |i: &Installment| match (i.kind, i.state, i.period) {
            (InstallmentKind::Regular, InstallmentState::Paid, Some((from, until))) => {
                let left = price.saturating_sub(i.given_back_minor()).max(0);
                share(price, until.days_since(today), until.days_since(from)).min(left)
            }
            // The difference that was not paid yet is not asked for any more.
            (InstallmentKind::Adjustment, state, _) if !state.is_final() => -i.minor,
            _ => 0,
        };
        self.next.installments.iter().map(of).fold(0, i64::saturating_add)
    }

    /// All installments to come become one that is due now, in one writing.
    fn pay_off(&mut self) -> Result<(), String> {
        if matches!(self.next.plan.terms, Terms::Subscription { .. }) {
            return Err("a subscription has no sum that could be paid off; cancel it".to_owned());
        }
        if self.next.plan.state != PlanState::Active {
            return Err(format!("the plan is {}; only an active one is paid off", self.next.plan.state.name()));
        }
        let rest: i64 = self.scheduled().map(|i| i.minor).fold(0, i64::saturating_add);
        if rest == 0 {
            return Err("nothing is still to come".to_owned());
        }
        self.scheduled().for_each(Installment::void);
        self.add(InstallmentKind::Payoff, rest);
        self.next.plan.paid_off = true;
        self.tell(EventKind::PlanChanged, None);
        Ok(())
    }

    fn add(&mut self, kind: InstallmentKind, minor: i64) {
        let (seq, today) = (self.next.plan.next_seq, self.today());
        self.next.plan.next_seq = seq.saturating_add(1);
        self.next.installments.push(Installment::new(seq, kind, today, minor));
    }

    fn give_back(&mut self, minor: i64) -> Result<(), String> {
        let free = |i: &Installment| match i.state {
            InstallmentState::Scheduled => i.minor,
            _ => i.returnable_minor(),
        };
        let most = self.next.installments.iter().map(free).fold(0, i64::saturating_add);
        if minor <= 0 || minor > most {
            return Err(format!(
                "{minor} minor units cannot be given back; there are {most} (still to come, and paid and not given back)"
            ));
        }
        let mut left = minor;
        for installment in self.scheduled().collect::<Vec<_>>().into_iter().rev() {
            let less = left.min(installment.minor);
            installment.minor -= less;
            left -= less;
            if installment.minor == 0 {
                installment.void();
            }
        }
        give_back_paid(&mut self.next.installments, left, self.meeting.refund_id);
        self.tell(EventKind::PlanChanged, None);
        Ok(())
    }

    fn reprice(&mut self, price: i64) -> Result<(), String> {
        let Terms::Subscription { minor, .. } = &mut self.next.plan.terms else {
            return Err("the parts of a fixed sum have no price of a period".to_owned());
        };
        if price <= 0 {
            return Err(format!("a price of {price} minor units cannot be; end the plan instead"));
        }
        let difference = price - std::mem::replace(minor, price);
        let today = self.today();
        // The period that was unfolded but has not begun has the new price; what of a credit it needs no more is kept.
        let (mut credit, mut covered) = (0_i64, Vec::new());
        for installment in self.scheduled().filter(|i| i.kind == InstallmentKind::Regular && i.due_on > today) {
            let changed = installment.minor.saturating_add(difference);
            installment.minor = changed.max(0);
            credit = credit.saturating_add(changed.min(0).saturating_abs());
            if difference > 0 {
                // The payer was told of less.
                installment.announced_on = None;
            }
            if installment.minor == 0 {
                installment.state = InstallmentState::Paid;
                installment.next_at = None;
                covered.push(installment.seq);
            }
        }
        covered.into_iter().for_each(|seq| self.tell(EventKind::InstallmentPaid, Some(seq)));
        let owed = |i: &Installment| asked_for_after_minor(i, difference.saturating_abs(), today);
        let part = self.next.installments.iter().map(owed).fold(0, i64::saturating_add);
        match (part, difference > 0) {
            (0, _) => {}
            (_, true) => self.add(InstallmentKind::Adjustment, part),
            (_, false) => credit = credit.saturating_add(part),
        }
        self.next.plan.credit_minor = self.next.plan.credit_minor.saturating_add(credit);
        self.tell(EventKind::PlanChanged, None);
        Ok(())
    }
}

/// The share of `difference` that falls on days from `today` on of a period that is asked for at the old price: because
/// it has begun, or because its channel is asked before its day.
fn asked_for_after_minor(installment: &Installment, difference_minor: i64, today: Day) -> i64 {
    let Some((from, until)) = installment.period else { return 0 };
    let given_up = matches!(installment.state, InstallmentState::Voided | InstallmentState::WrittenOff);
    let to_come = installment.order.is_none() && from > today;
    if given_up || to_come {
        return 0;
    }
    share(difference_minor, until.days_since(today), until.days_since(from))
}

/// Has `minor` units given back of paid installments, the last first. What none of them can give is returned.
pub(super) fn give_back_paid(installments: &mut [Installment], minor: i64, ids: &dyn FnRefund) -> i64 {
    let mut left = minor;
    for installment in installments.iter_mut().rev() {
        let part = left.min(installment.returnable_minor());
        add_give_back(installment, part, ids);
        left -= part;
    }
    left
}

fn add_give_back(installment: &mut Installment, minor: i64, ids: &dyn FnRefund) {
    if minor > 0 {
        installment.give_back.push(GiveBack { refund: ids.fresh(), minor, asked: false });
    }
}

#[cfg(test)]
mod tests;
