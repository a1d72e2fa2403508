//! What a plan still has before it: it knows periods to come and how a plan ends, and must never look at an order.

use super::{EventKind, InstallmentState, PlanState, QuestionKind, Work};
use crate::billing::wishes::give_back_paid;
use crate::billing::{Installment, InstallmentKind, Terms};

impl Work<'_> {
    /// A subscription always has its next period among its installments, and no more than that.
    pub(super) fn unfold(&mut self) {
        let regular = |i: &Installment| i.state == InstallmentState::Scheduled && i.kind == InstallmentKind::Regular;
        while self.next.plan.state == PlanState::Active && !self.next.installments.iter().any(regular) {
            let stopped = self.next.plan.written_off && self.next.plan.dunning.stop_on_write_off;
            let Some(period) = self.next.plan.terms.period(self.next.plan.next_period).filter(|_| !stopped) else {
                return;
            };
            let Terms::Subscription { minor, .. } = self.next.plan.terms else { return };
            let plan = &mut self.next.plan;
            let credit = plan.credit_minor.min(minor);
            let mut installment = Installment::new(plan.next_seq, InstallmentKind::Regular, period.0, minor - credit);
            installment.period = Some(period);
            if installment.minor == 0 {
                // The payer's credit pays for it.
                installment.state = InstallmentState::Paid;
            }
            plan.credit_minor -= credit;
            plan.next_seq = plan.next_seq.saturating_add(1);
            plan.next_period = plan.next_period.saturating_add(1);
            let paid = (installment.state == InstallmentState::Paid).then_some(installment.seq);
            self.next.installments.push(installment);
            if let Some(seq) = paid {
                self.tell(EventKind::InstallmentPaid, Some(seq));
            }
        }
    }

    /// What is left of a credit goes back when the last installment is paid.
    pub(super) fn return_credit(&mut self) {
        let open = self.next.installments.iter().any(|i| !i.state.is_final());
        if open || self.act.is_some() || !self.next.plan.owes_credit() {
            return;
        }
        let credit = std::mem::take(&mut self.next.plan.credit_minor);
        self.next.plan.credit_minor = give_back_paid(&mut self.next.installments, credit, self.scene.refund_id);
        self.give_back();
    }

    /// Ends a plan that has nothing before it.
    pub(super) fn finish(&mut self) {
        let plan = &self.next.plan;
        let open = self.next.installments.iter().any(|i| !i.state.is_final());
        let stopped = plan.written_off && plan.dunning.stop_on_write_off;
        let more = plan.terms.period(plan.next_period).is_some() && !stopped && !plan.paid_off;
        if open || more || !matches!(plan.state, PlanState::Active | PlanState::Paused) {
            return;
        }
        let (state, kind) = match (plan.written_off, plan.paid_off) {
            (true, _) => (PlanState::Defaulted, EventKind::PlanDefaulted),
            (false, true) => (PlanState::SettledEarly, EventKind::PlanSettledEarly),
            (false, false) => (PlanState::Completed, EventKind::PlanCompleted),
        };
        self.next.plan.state = state;
        self.next.plan.reason = None;
        self.unask.push((self.next.plan.id.uuid(), QuestionKind::PlanStalled));
        self.tell(kind, None);
    }
}
