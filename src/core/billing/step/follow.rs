//! Installments one by one: it knows what an order's state means for its installment, and must never invent one.

use super::{
    Act, DAY_MS, Day, Declined, Dossier, EventKind, Installment, InstallmentState, LOOK_MS, Next, PlanState, Question,
    QuestionKind, Stop, Timestamp, Work, last_day, noticed_for,
};
use crate::billing::InstallmentKind;
use crate::billing::dunning::within_budget;
use crate::decline::{Decline, DeclineClass};
use crate::order::OrderState;
use crate::payment::Payment;

impl Work<'_> {
    /// Has money that goes back asked for, before anything is charged: true when something is.
    pub(super) fn give_back(&mut self) -> bool {
        for installment in &mut self.next.installments {
            let Some(order) = installment.order else { continue };
            let Some(dossier) = self.scene.orders.get(&order) else { continue };
            for back in installment.give_back.iter_mut().filter(|back| !back.asked) {
                if dossier.refund(back.refund).is_some() {
                    back.asked = true;
                    continue;
                }
                self.act = Some(Act::GiveBack { seq: installment.seq, order, refund: back.refund, minor: back.minor });
                return true;
            }
        }
        false
    }

    pub(super) fn follow_all(&mut self) {
        for index in 0..self.next.installments.len() {
            if self.act.is_some() {
                return;
            }
            let Some(installment) = self.next.installments.get(index).filter(|i| !i.state.is_final()) else { continue };
            let installment = installment.clone();
            let after = match installment.order {
                Some(order) => match self.scene.orders.get(&order) {
                    Some(dossier) => self.follow(installment, dossier),
                    None => continue,
                },
                None => self.await_day(installment),
            };
            if let Some(slot) = self.next.installments.get_mut(index) {
                *slot = after;
            }
        }
    }

    /// An installment that has an order.
    fn follow(&mut self, mut installment: Installment, dossier: &Dossier) -> Installment {
        let (seq, order) = (installment.seq, dossier.order.id);
        match dossier.order.state {
            OrderState::Paid => {
                installment.state = InstallmentState::Paid;
                installment.next_at = None;
                if self.next.plan.debit.is_some() {
                    self.unask.push((order.uuid(), QuestionKind::ChargeAtRisk));
                }
                self.tell(EventKind::InstallmentPaid, Some(seq));
            }
            OrderState::Closed => self.write_off(&mut installment),
            OrderState::Closing => self.wake_at(self.scene.now.plus_ms(LOOK_MS)),
            _ if self.next.plan.state == PlanState::Cancelled => self.act = Some(Act::Close { seq, order }),
            OrderState::Created | OrderState::Paying | OrderState::PartiallyPaid => {
                // Its order ends it, should nothing else wake the plan.
                self.wake_at(dossier.order.expires_at.max(self.scene.now.plus_ms(LOOK_MS)));
                if dossier.has_open_payment() {
                    self.wake_at(self.scene.now.plus_ms(LOOK_MS));
                } else {
                    self.after_a_try(&mut installment, dossier);
                }
            }
        }
        installment
    }

    fn write_off(&mut self, installment: &mut Installment) {
        installment.next_at = None;
        if self.next.plan.state == PlanState::Cancelled {
            installment.state = InstallmentState::Voided;
            return;
        }
        installment.state = InstallmentState::WrittenOff;
        self.next.plan.written_off = true;
        self.tell(EventKind::InstallmentWrittenOff, Some(installment.seq));
        if self.next.plan.dunning.stop_on_write_off {
            self.void_scheduled();
        }
    }

    /// Nothing is under way for the order: another charge follows, or none.
    fn after_a_try(&mut self, installment: &mut Installment, dossier: &Dossier) {
        let Some((declined_at, decline)) = last_decline(dossier) else { return self.await_payer(installment) };
        let tried_at = installment.tried_at.unwrap_or(self.scene.now);
        let declined = Declined {
            due_on: installment.due_on,
            tries: installment.tries,
            tried_at,
            declined_at: declined_at.unwrap_or(tried_at),
            decline: &decline,
        };
        let next = self.next.plan.dunning.next(declined, &self.next.plan.zone, self.rules());
        installment.decline = Some(decline);
        match next {
            Next::At(at) => self.charge_again(installment, dossier, at),
            Next::Stop(stop, why) => self.stop_trying(installment, dossier, stop, &why),
        }
    }

    fn charge_again(&mut self, installment: &mut Installment, dossier: &Dossier, at: Timestamp) {
        let (now, seq) = (self.scene.now, installment.seq);
        let at = within_budget(at.max(now), self.scene.recent_tries, self.rules());
        let at = self.next.plan.dunning.hours.first_from(&self.next.plan.zone, at);
        if installment.state == InstallmentState::Charging {
            installment.state = InstallmentState::RetryWait;
            self.tell(EventKind::InstallmentRetrying, Some(seq));
        }
        installment.next_at = Some(at);
        if self.next.plan.state != PlanState::Active || !self.may_charge() {
            return;
        }
        if at > now {
            return self.wake_at(at);
        }
        let Some(from) = self.noticed(installment) else { return };
        if from > now {
            return self.wake_at(from);
        }
        self.begin_try(installment);
        self.act = Some(Act::Charge { seq, order: dossier.order.id });
    }

    fn begin_try(&self, installment: &mut Installment) {
        installment.state = InstallmentState::Charging;
        installment.tries = installment.tries.saturating_add(1);
        installment.tried_at = Some(self.scene.now);
        installment.next_at = None;
    }

    fn stop_trying(&mut self, installment: &mut Installment, dossier: &Dossier, stop: Stop, why: &str) {
        installment.next_at = None;
        if installment.state == InstallmentState::Overdue {
            return;
        }
        installment.state = InstallmentState::Overdue;
        self.tell(EventKind::InstallmentOverdue, Some(installment.seq));
        let number = self.next.plan.order_number(installment.seq);
        match stop {
            Stop::NeedsPayer | Stop::Exhausted => {}
            Stop::NeedsAgreement => self.stop_charging(why.to_owned()),
            Stop::NeedsPerson => self.ask.push(Question {
                subject: dossier.order.id.uuid(),
                kind: QuestionKind::ChargeAtRisk,
                text: format!("The charge of {number} was declined: {why}. Ask the payer; he can still pay by hand."),
            }),
        }
    }

    /// Nobody is charged: the payer pays by hand, and is late when his day is over.
    fn await_payer(&mut self, installment: &mut Installment) {
        let late_at = self.next.plan.zone.instant(installment.due_on.plus_days(1), self.next.plan.charge_at);
        if late_at > self.scene.now {
            self.wake_at(late_at);
        } else if installment.state != InstallmentState::Overdue {
            installment.state = InstallmentState::Overdue;
            self.tell(EventKind::InstallmentOverdue, Some(installment.seq));
        }
    }

    /// An installment whose day has not come, or has come just now.
    fn await_day(&mut self, mut installment: Installment) -> Installment {
        if self.next.plan.state != PlanState::Active {
            return installment;
        }
        let (now, charged) = (self.scene.now, self.next.plan.debit.is_some());
        let at = self.due_at(&installment);
        let last = last_day(&installment, self.rules());
        let too_late = last.is_some_and(|last| self.next.plan.zone.day_of(now) > last);
        let mut at = if charged && !too_late { self.first_charge_at(at) } else { at };
        if charged && !too_late && at <= now.plus_ms(NOTICE_AHEAD_MS) {
            match self.noticed(&installment) {
                Some(from) => at = at.max(from),
                None => return installment,
            }
        }
        installment.next_at = Some(at);
        if at > now {
            self.wake_at(if charged { at.min(self.notice_due_at(&installment).unwrap_or(at)).max(now) } else { at });
            return installment;
        }
        let charge = charged && !too_late;
        if charge {
            self.begin_try(&mut installment);
        }
        installment.state = InstallmentState::Charging;
        installment.next_at = None;
        installment.order = Some(self.scene.fresh);
        self.act = Some(Act::Open { seq: installment.seq, charge });
        self.tell(EventKind::InstallmentDue, Some(installment.seq));
        installment
    }

    /// When an installment is due: a payoff and an adjustment at once, the others at their plan's hour.
    fn due_at(&self, installment: &Installment) -> Timestamp {
        let zone = &self.next.plan.zone;
        match installment.kind {
            InstallmentKind::Regular => {
                let early = if self.next.plan.debit.is_some() { self.rules().first_days_before } else { 0 };
                zone.instant(installment.due_on.plus_days(-i64::from(early)), self.next.plan.charge_at)
            }
            InstallmentKind::Adjustment | InstallmentKind::Payoff => self.scene.now,
        }
    }

    fn first_charge_at(&self, at: Timestamp) -> Timestamp {
        let at = within_budget(at.max(self.scene.now), self.scene.recent_tries, self.rules());
        self.next.plan.dunning.hours.first_from(&self.next.plan.zone, at)
    }

    fn notice_day(&self, installment: &Installment) -> Option<Day> {
        self.rules().notice_days.map(|days| installment.due_on.plus_days(-i64::from(days)))
    }

    fn notice_due_at(&self, installment: &Installment) -> Option<Timestamp> {
        let today = self.next.plan.zone.day_of(self.scene.now);
        let day = self.notice_day(installment).filter(|_| installment.announced_on.is_none())?;
        Some(self.next.plan.zone.instant(day.max(today), self.next.plan.charge_at))
    }

    /// From when on the payer, having been told where he must be, can be charged. `None`: he is told now, or later.
    fn noticed(&mut self, installment: &Installment) -> Option<Timestamp> {
        let rules = self.rules();
        if rules.notice_days.is_none() {
            return Some(self.scene.now);
        }
        let (now, zone, hour) = (self.scene.now, &self.next.plan.zone, self.next.plan.charge_at);
        let today = zone.day_of(now);
        if let Some((first, _)) = noticed_for(installment, rules).filter(|(_, last)| today <= *last) {
            return Some(if today < first { zone.instant(first, hour) } else { now });
        }
        // The channel takes one notice and its charge at a time: those before must be over.
        let told = |i: &Installment| noticed_for(i, rules).is_some_and(|(_, last)| today <= last);
        let busy = self.next.installments.iter().filter(|i| i.seq < installment.seq).any(|i| match i.state {
            InstallmentState::Charging | InstallmentState::RetryWait => true,
            InstallmentState::Scheduled => told(i),
            _ => false,
        });
        let from = self.notice_day(installment).map_or(now, |day| zone.instant(day, hour));
        let from = self.next.plan.dunning.hours.first_from(zone, from.max(now));
        if busy {
            self.wake_at(now.plus_ms(LOOK_MS));
        } else if from > now {
            self.wake_at(from);
        } else {
            self.act = Some(Act::Announce { seq: installment.seq });
        }
        None
    }
}

/// Installments that are due within this time are looked at for their notice.
const NOTICE_AHEAD_MS: i64 = 7 * DAY_MS;

/// Why the last charge through the agreement ended unpaid, and when the channel said so; `None`: there was none.
fn last_decline(dossier: &Dossier) -> Option<(Option<Timestamp>, Decline)> {
    let charges = dossier.payments.iter().filter(|p| p.agreement.is_some() && p.state.ended_unpaid());
    let last = charges.max_by_key(|p| (p.created_at, p.id))?;
    Some(declined(last))
}

fn declined(payment: &Payment) -> (Option<Timestamp>, Decline) {
    let evidence = &payment.evidence;
    if let Some((at, decline)) = &evidence.declined {
        return (Some(*at), decline.clone());
    }
    // The payer's own way was tried meanwhile, or the channel never had it.
    let refused = evidence.refused.as_ref();
    let reason = refused.map_or("the charge ended without a word", |(_, reason)| reason).to_owned();
    (refused.map(|(at, _)| *at), Decline { class: DeclineClass::Technical, reason })
}
