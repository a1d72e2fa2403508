//! What must hold in every history of an order, after whatever was observed.

use super::test_books::Books;
use super::*;
use crate::channel::ChannelKind;
use crate::job::JobKind;
use crate::ledger::AccountKind;
use crate::payment::{Evidence, PaymentState};
use crate::refund::{Leg, LegEvidence, LegState, Refund, RefundEvidence, RefundState, Route};

impl Books {
    /// What must hold after whatever was observed.
    pub fn check(&self) {
        self.check_balances();
        self.check_orders_and_payments();
        self.dossier.refunds.iter().for_each(|r| self.check_refund(r));
        self.check_questions();
        self.check_replay();
        let sequences: Vec<_> = self.events.iter().map(|e| e.sequence).collect();
        assert!(sequences.iter().copied().eq(1..=self.dossier.order.event_count), "{sequences:?}");
    }

    pub fn check_balances(&self) {
        use AccountKind::{Clearing, Earnings, LateMoney, PaidOutside, Receivable, RefundsPayable, Suspense};
        let sum = |wanted: &dyn Fn(PaymentState) -> bool| -> i64 {
            self.dossier.payments.iter().filter(|p| wanted(p.state)).map(|p| p.amount.minor).sum()
        };
        let of_legs = |wanted: &dyn Fn(&Refund, &Leg) -> bool| -> i64 {
            let legs = self.dossier.refunds.iter().flat_map(|r| r.legs.iter().map(move |l| (r, l)));
            legs.filter(|(r, l)| wanted(r, l)).map(|(_, l)| l.amount.minor).sum()
        };
        let unsure = of_legs(&|_, l| matches!(l.state, LegState::Unknown | LegState::Held | LegState::Stranded));
        let by = |route| of_legs(&|_, l| l.state == LegState::Succeeded && l.route == route);
        let set_aside = of_legs(&|r, l| {
            let kept = r.state == RefundState::Prepared && !matches!(l.state, LegState::Unknown | LegState::Held);
            l.state.takes_from_payment() && l.state != LegState::Succeeded && !kept
        });
        let suspect = |s| matches!(s, PaymentState::Unknown | PaymentState::IntegrityHold);
        let captured = sum(&|s| s == PaymentState::Captured);
        let owed = sum(&|s| !s.is_final() && s != PaymentState::Unknown);
        let is = |kind, minor| assert_eq!(self.balance(kind), minor, "{kind:?} of {:#?}", self.dossier);
        is(Receivable, owed);
        is(Clearing, captured - by(Route::Channel) - unsure);
        is(Suspense, sum(&suspect) + unsure);
        is(RefundsPayable, -set_aside);
        is(PaidOutside, -by(Route::Transfer));
        let theirs = set_aside + by(Route::Channel) + by(Route::Transfer) - captured - owed - sum(&suspect);
        let closed = self.dossier.order.state == OrderState::Closed;
        is(LateMoney, if closed { theirs } else { 0 });
        is(Earnings, if closed { 0 } else { theirs });
        assert_eq!(self.balances.values().sum::<i64>(), 0);
    }

    fn check_orders_and_payments(&self) {
        let Dossier { order, payments, .. } = &self.dossier;
        for payment in payments {
            assert_eq!(payment.state, payment.evidence.state(payment.amount, ChannelKind::Wechat.facts()));
            assert_eq!(payment.returned_minor, self.dossier.returned_minor(payment.id));
            assert!(self.revived || payment.returned_minor <= payment.amount.minor, "{:#?}", self.dossier);
            let turn_comes = payment.state == PaymentState::New
                && payment.due_at.is_none()
                && payments.iter().any(|p| p.due_at.is_some() || p.state == PaymentState::IntegrityHold);
            if !payment.state.is_final() && !turn_comes {
                assert!(owed_job(payment, self.now).is_some(), "nothing is due for {payment:?}");
            }
            let parked = payment.is_parked();
            assert_eq!(self.open.contains(&(payment.id.uuid(), QuestionKind::LateMoney)), parked);
            let deadline = self.jobs.get(&JobKey::payment(JobKind::SettleLateMoney, payment.id)).copied();
            assert_eq!(deadline, payment.due_at.filter(|_| parked));
            let given_up = self.dossier.legs().filter(|l| l.payment == payment.id && l.given_up());
            let cared_for = payment.returned_minor + given_up.map(|l| l.amount.minor).sum::<i64>();
            if order.state == OrderState::Closed && payment.state == PaymentState::Captured && !parked {
                assert!(cared_for >= payment.amount.minor, "late money without an owner: {:#?}", self.dossier);
            }
        }
        if order.state.is_final() {
            let asked = |p: &Payment| p.evidence.close_requested.is_some();
            assert!(payments.iter().all(|p| p.state.is_final() || asked(p)));
        }
    }

    fn check_refund(&self, refund: &Refund) {
        assert_eq!(refund.state, refund.state_of_parts());
        let minor = |wanted: &dyn Fn(&Leg) -> bool| -> i64 {
            refund.legs.iter().filter(|l| wanted(l)).map(|l| l.amount.minor).sum()
        };
        let succeeded = minor(&|l| l.state == LegState::Succeeded);
        let on_the_way = minor(&|l| l.state.is_active() || l.state.waits_for_a_person());
        let given_up = minor(&Leg::given_up);
        match refund.state {
            RefundState::Rejected | RefundState::Voided => assert_eq!((succeeded, given_up), (0, 0)),
            _ => assert!(
                succeeded + on_the_way + given_up == refund.amount.minor || self.revived,
                "{succeeded} + {on_the_way} + {given_up} of {refund:#?}"
            ),
        }
        let excess = refund.taken_minor() > refund.amount.minor;
        for leg in &refund.legs {
            assert_eq!(leg.state, leg.evidence.state(leg.route, refund.second_way()));
            assert!(!(excess && leg.rests()), "{leg:?} would pay twice");
            let live = |kind| self.jobs.contains_key(&JobKey::leg(kind, leg.id));
            let kinds = [JobKind::SendRefund, JobKind::PollRefund];
            let owed = owed_refund_job(leg, refund.merchant, self.now).map(|j| j.key.kind);
            if !refund.state.may_send() || owed.is_none() {
                assert!(leg.due_at.is_none() && !kinds.into_iter().any(live), "{leg:?} has a job");
            }
            if refund.state.may_send() && leg.state.is_active() {
                let kind = owed.unwrap_or_else(|| panic!("nothing is due for {leg:?}"));
                assert!(kinds.into_iter().all(|k| live(k) == (k == kind)), "{leg:?}: {:?}", self.jobs);
            }
        }
    }

    fn check_questions(&self) {
        for (refund, leg) in self.dossier.refunds.iter().flat_map(|r| r.legs.iter().map(move |l| (r, l))) {
            let asked = |kind| self.open.contains(&(leg.id.uuid(), kind));
            let may_send = refund.state.may_send();
            assert_eq!(asked(QuestionKind::TransferDue), may_send && leg.state == LegState::AwaitingTransfer);
            assert_eq!(asked(QuestionKind::IntegrityHold), may_send && leg.state == LegState::Held);
            assert!(asked(QuestionKind::NoFunds) || leg.state != LegState::WaitingFunds || !may_send);
            assert!(!asked(QuestionKind::NoFunds) || leg.state.is_active());
        }
        for refund in &self.dossier.refunds {
            let asked = refund.legs.iter().filter(|l| self.open.contains(&(l.id.uuid(), QuestionKind::Overpaid)));
            let got: Vec<_> = refund.legs.iter().filter(|l| l.state == LegState::Succeeded).collect();
            let beyond_payment = got.iter().any(|leg| {
                let legs = self.dossier.legs().filter(|l| l.payment == leg.payment && l.state == LegState::Succeeded);
                legs.map(|l| l.amount.minor).sum::<i64>() > self.dossier.payment(leg.payment).unwrap().amount.minor
            });
            let overpaid = beyond_payment || refund.succeeded_minor() > refund.amount.minor;
            assert_eq!(asked.count(), usize::from(overpaid && refund.state.may_send()), "{refund:#?}");
        }
    }

    /// What was written down gives the stored evidence, in any order.
    pub fn check_replay(&self) {
        let about = |subject: Subject| self.notes.iter().rev().filter(move |(s, _)| *s == subject).map(|(_, o)| o);
        for p in &self.dossier.payments {
            let evidence = about(p.id.into()).fold(Evidence::default(), |e, o| e.join(p.amount, o));
            assert_eq!(evidence, p.evidence);
        }
        for r in &self.dossier.refunds {
            assert_eq!(about(r.id.into()).fold(RefundEvidence::default(), RefundEvidence::join), r.evidence);
        }
        for l in self.dossier.legs() {
            let evidence = about(l.id.into()).fold(LegEvidence::default(), |e, o| e.join(l.amount, o));
            assert_eq!(evidence, l.evidence);
        }
    }
}
