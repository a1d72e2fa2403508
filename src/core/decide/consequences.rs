//! Before and after: it knows which jobs, events, questions and postings a difference means, and must
//! never change a state.

use super::case::Case;
use super::{Decision, Effect, Question, QuestionKind, jobs};
use crate::channel::ChannelKind;
use crate::clock::Timestamp;
use crate::event::{Event, EventKind};
use crate::id::{LegId, RefundId};
use crate::job::{JobKey, JobKind, NewJob};
use crate::ledger::{self, Posting};
use crate::merchant::AfterClose;
use crate::money::Money;
use crate::order::{Dossier, OrderState};
use crate::payment::{Payment, PaymentState};
use crate::refund::{Leg, LegState, Refund, RefundCause, RefundState, earliest_call};
use crate::sharing::SHARE_AFTER_MS;

impl Case<'_> {
    /// Ends the case: what the differences mean.
    pub fn draw_consequences(mut self) -> Decision {
        self.start_next_payment();
        self.follow_payments();
        self.tell_about_order();
        self.follow_late_money();
        self.follow_refunds();
        let postings = self.postings();
        Decision { next: self.next, notes: self.notes, postings, effects: self.effects }
    }

    /// Parts of a combined order are taken one after the other, so that at most one must be undone while
    /// another is unsure.
    fn start_next_payment(&mut self) {
        let waits = |p: &Payment| p.state == PaymentState::New && p.due_at.is_none();
        let busy = self.next.payments.iter().any(|p| p.state.needs_person() || (!p.state.is_final() && !waits(p)));
        if busy || !matches!(self.next.order.state, OrderState::Paying | OrderState::PartiallyPaid) {
            return;
        }
        if let Some(next) = self.next.payments.iter_mut().find(|p| waits(p)) {
            next.due_at = Some(self.now);
        }
    }

    fn follow_payments(&mut self) {
        for index in 0..self.next.payments.len() {
            let Some(after) = self.next.payments.get(index) else { continue };
            let Some(before) = self.before.payment(after.id) else {
                // Without a due time it waits for its turn.
                self.effects.extend(after.due_at.map(|_| Effect::Schedule(jobs::create(after, self.now))));
                continue;
            };
            if before == after {
                continue;
            }
            let mut effects = jobs::of_payment(before, after, self.policy, self.now);
            let starts = after.state == PaymentState::New && before.due_at.is_none() && after.due_at.is_some();
            if starts {
                effects.push(Effect::Schedule(jobs::create(after, self.now)));
            }
            effects.extend(questions_of(before, after));
            let due_at = earliest(&effects, after.id.uuid());
            let at_rest = after.rests() && (after.state != before.state || !before.rests());
            let due_at = due_at.or(if at_rest { None } else { after.due_at });
            self.effects.extend(effects);
            if let Some(payment) = self.next.payments.get_mut(index) {
                payment.due_at = due_at;
            }
        }
    }

    fn tell(&mut self, kind: EventKind, refund: Option<RefundId>) {
        let order = &mut self.next.order;
        order.event_count += 1;
        self.effects.push(Effect::Tell(Event { kind, refund, sequence: order.event_count, at: self.now }));
    }

    fn tell_about_order(&mut self) {
        for index in 0..self.next.payments.len() {
            let Some(after) = self.next.payments.get(index) else { continue };
            let events = self.before.payment(after.id).map_or_else(Vec::new, |before| events_of(before, after));
            for kind in events {
                self.tell(kind, None);
            }
        }
        let (before, state) = (self.before.order.state, self.next.order.state);
        if state != before {
            match state {
                OrderState::Paid => {
                    self.tell(EventKind::OrderPaid, None);
                    self.share();
                }
                OrderState::Closed => self.tell(EventKind::OrderClosed, None),
                // Its plan tries again, or asks the payer to choose.
                OrderState::Created if self.next.order.installment.is_some() => {}
                OrderState::Created => self.tell(EventKind::OrderChooseAgain, None),
                OrderState::Paying | OrderState::PartiallyPaid | OrderState::Closing => {}
            }
        }
        self.wake_plan();
        self.follow_expiry();
    }

    /// Shares of what was paid follow once the channel has it in all its books.
    fn share(&mut self) {
        if self.next.order.shares.is_empty() {
            return;
        }
        for payment in self.next.payments.iter().filter(|p| p.state == PaymentState::Captured) {
            let key = JobKey::payment(JobKind::SharePayment, payment.id);
            let job = NewJob::new(key, payment.merchant, self.now.plus_ms(SHARE_AFTER_MS));
            self.effects.push(Effect::Schedule(job));
        }
    }

    /// The plan of an installment looks at it when its order stands elsewhere, or when a charge has ended.
    fn wake_plan(&mut self) {
        let Some(installment) = self.next.order.installment else { return };
        let ended = |d: &Dossier| d.payments.iter().filter(|p| p.state.is_final()).count();
        if self.next.order.state != self.before.order.state || ended(&self.next) != ended(self.before) {
            let key = JobKey::new(JobKind::FollowPlan, installment.plan.uuid());
            self.effects.push(Effect::Schedule(NewJob::new(key, self.next.order.merchant, self.now)));
        }
    }

    /// An order whose payer chooses expires while he may: not once it is closed or paid, or is being closed; and
    /// again when the bank has taken its money back.
    fn follow_expiry(&mut self) {
        let order = &mut self.next.order;
        let over = order.state.is_final() || order.state == OrderState::Closing;
        if over && order.due_at.take().is_some() {
            self.effects.push(Effect::Cancel(jobs::expire(order).key));
        } else if !over && order.due_at.is_none() && order.may_be_tried_again() {
            order.due_at = Some(order.expires_at);
            self.effects.push(Effect::Schedule(jobs::expire(order)));
        }
    }

    /// Payments captured by this decision.
    fn captured_now(&self) -> Vec<Payment> {
        let more = |p: &&Payment| p.taken_minor() > self.before.payment(p.id).map_or(0, Payment::taken_minor);
        self.next.payments.iter().filter(more).cloned().collect()
    }

    fn follow_late_money(&mut self) {
        let captured = self.captured_now();
        if self.next.order.state == OrderState::Closed && !captured.is_empty() && !self.before.order.late_money {
            self.next.order.late_money = true;
            self.tell(EventKind::OrderLateMoney, None);
        }
        for index in 0..self.next.payments.len() {
            self.follow_question(index);
        }
    }

    /// Asks whether late money is kept, and takes the question back when it is answered or pointless.
    fn follow_question(&mut self, index: usize) {
        let Some(payment) = self.next.payments.get(index) else { return };
        let was_asked = self.before.payment(payment.id).is_some_and(Payment::is_parked);
        let key = JobKey::payment(JobKind::SettleLateMoney, payment.id);
        let due_at = match self.policy.merchant.after_close {
            AfterClose::Park { deadline_ms } if self.must_be_asked(payment) => {
                if was_asked {
                    return;
                }
                let deadline = self.now.plus_ms(deadline_ms);
                let job = NewJob::new(key, payment.merchant, deadline);
                self.effects.extend([Effect::Schedule(job), Effect::Ask(late_money_question(payment, deadline))]);
                Some(deadline)
            }
            _ if was_asked => {
                let unask = Effect::Unask(payment.id.uuid(), QuestionKind::LateMoney);
                self.effects.extend([Effect::Cancel(key), unask]);
                None
            }
            _ => return,
        };
        if let Some(payment) = self.next.payments.get_mut(index) {
            payment.due_at = due_at;
        }
    }

    fn follow_refunds(&mut self) {
        for index in 0..self.next.refunds.len() {
            let Some(mut after) = self.next.refunds.get(index).cloned() else { continue };
            let before = self.before.refund(after.id);
            if before == Some(&after) {
                continue;
            }
            // Its legs have no jobs before it may be sent.
            let sendable = before.filter(|b| b.state.may_send());
            let legs: Vec<_> = after.legs.iter().map(|leg| self.follow_leg(sendable, &after, leg)).collect();
            after.legs = legs;
            if let Some(kind) = event_of(before, &after) {
                self.tell(kind, Some(after.id));
            }
            if let Some(refund) = self.next.refunds.get_mut(index) {
                *refund = after;
            }
        }
        self.follow_questions();
    }

    /// Gives `leg` of `refund` its job; `before` is the refund as it was, when it could be sent then.
    fn follow_leg(&mut self, before: Option<&Refund>, refund: &Refund, leg: &Leg) -> Leg {
        let old = before.and_then(|b| b.legs.iter().find(|l| l.id == leg.id));
        if old == Some(leg) {
            return leg.clone();
        }
        if !refund.state.may_send() {
            return Leg { due_at: None, ..leg.clone() };
        }
        let effects = jobs::of_leg(old, refund, &self.released(before, leg), self.policy, self.now);
        let owes = jobs::owed_kind(leg).is_some();
        let due_at = earliest(&effects, leg.id.uuid()).or(leg.due_at.filter(|_| owes));
        self.effects.extend(effects);
        Leg { due_at, ..leg.clone() }
    }

    /// A leg that may be sent from now on takes its turn from now on.
    fn released(&self, before: Option<&Refund>, leg: &Leg) -> Leg {
        let due_at = match self.next.payment(leg.payment) {
            Some(payment) if before.is_none() && leg.due_at.is_none() && leg.state == LegState::Reserved => {
                let limits = self.policy.facts_of(payment).refund;
                Some(earliest_call(&self.next, payment, Some(leg), limits, self.now))
            }
            _ => leg.due_at,
        };
        Leg { due_at, ..leg.clone() }
    }

    fn follow_questions(&mut self) {
        let (old, new) = (open_questions(self.before), open_questions(&self.next));
        for (leg, kind) in old.iter().filter(|q| !new.contains(q)) {
            self.effects.push(Effect::Unask(leg.uuid(), *kind));
        }
        for (id, kind) in new.iter().filter(|q| !old.contains(q)) {
            let Some((refund, leg)) = self.next.leg(*id) else { continue };
            let text = leg_question(&self.next, refund, leg, *kind);
            self.effects.push(Effect::Ask(Question { subject: id.uuid(), kind: *kind, text }));
        }
    }

    /// Money under a closed order belongs to its payer: the ledger books it apart from earnings.
    fn postings(&self) -> Vec<Posting> {
        let closed = |d: &Dossier| d.order.state == OrderState::Closed;
        let (was_closed, is_closed) = (closed(self.before), closed(&self.next));
        let mut postings = Vec::new();
        for after in &self.next.payments {
            let before = self.before.payment(after.id);
            postings.extend(ledger::postings(after, before, was_closed, is_closed));
        }
        for refund in &self.next.refunds {
            let old = self.before.refund(refund.id);
            for leg in &refund.legs {
                let before = old.and_then(|r| r.legs.iter().find(|l| l.id == leg.id).map(|l| (r, l)));
                let account = self.next.payment(leg.payment).map(|p| p.account.uuid()).unwrap_or_default();
                postings.extend(ledger::leg_postings(before, (refund, leg), was_closed, is_closed, account));
            }
        }
        postings
    }
}

fn earliest(effects: &[Effect], subject: uuid::Uuid) -> Option<Timestamp> {
    let scheduled = effects.iter().filter_map(|effect| match effect {
        Effect::Schedule(job) if job.key.subject == subject => Some(job.due_at),
        _ => None,
    });
    scheduled.min()
}

/// What the merchant is told when a refund moves on.
fn event_of(before: Option<&Refund>, after: &Refund) -> Option<EventKind> {
    let old = before.map(|r| r.state);
    if old == Some(after.state) {
        return None;
    }
    match after.state {
        RefundState::Running => match old {
            None | Some(RefundState::Prepared | RefundState::AwaitingApproval) => Some(EventKind::RefundCreated),
            // It had succeeded, and the money came back.
            Some(RefundState::Succeeded) => Some(EventKind::RefundFailed),
            Some(_) => None,
        },
        RefundState::Parked => Some(EventKind::RefundParked),
        RefundState::Succeeded => Some(EventKind::RefundSucceeded),
        RefundState::PartiallySucceeded | RefundState::Failed | RefundState::Rejected => Some(EventKind::RefundFailed),
        RefundState::Prepared | RefundState::AwaitingApproval | RefundState::Voided => None,
    }
}

/// The questions that stand about the legs of an order's refunds.
fn open_questions(dossier: &Dossier) -> Vec<(LegId, QuestionKind)> {
    let sendable = || dossier.refunds.iter().filter(|r| r.state.may_send());
    let asked = sendable().flat_map(|r| &r.legs).filter_map(|leg| Some((leg.id, open_question(leg)?)));
    let overpaid = sendable().filter(|r| overpaid_minor(dossier, r) > 0);
    let last = overpaid.filter_map(|r| r.legs.iter().rev().find(|l| l.state == LegState::Succeeded));
    asked.chain(last.map(|leg| (leg.id, QuestionKind::Overpaid))).collect()
}

/// Minor units that the payer got beyond `refund`, or beyond what one of its payments took and was not lost in a
/// dispute.
fn overpaid_minor(dossier: &Dossier, refund: &Refund) -> i64 {
    let got = |payment: &Payment| {
        let back = dossier.legs().filter(|l| l.payment == payment.id && l.state == LegState::Succeeded);
        back.map(|l| l.amount.minor).fold(0, i64::saturating_add)
    };
    let touched = |p: &&Payment| refund.legs.iter().any(|l| l.payment == p.id && l.state == LegState::Succeeded);
    let there = |p: &Payment| p.returnable_minor().saturating_sub(p.evidence.lost_minor());
    let beyond = dossier.payments.iter().filter(touched).map(|p| got(p).saturating_sub(there(p)));
    let duplicates = dossier.duplicates_left_minor(|l| l.state == LegState::Succeeded).map(i64::saturating_neg);
    let duplicates = duplicates.filter(|_| refund.cause == RefundCause::Duplicate && refund.succeeded_minor() > 0);
    beyond.chain(duplicates).fold(refund.succeeded_minor().saturating_sub(refund.amount.minor), i64::max)
}

/// The question that a leg in this state stands for. A lack of funds stays a question while the call is
/// tried again, until the channel has taken it on.
fn open_question(leg: &Leg) -> Option<QuestionKind> {
    match leg.state {
        LegState::AwaitingTransfer => Some(QuestionKind::TransferDue),
        LegState::Held => Some(QuestionKind::IntegrityHold),
        LegState::Reserved | LegState::Sending | LegState::Unknown | LegState::WaitingFunds => {
            leg.evidence.no_funds.as_ref().map(|_| QuestionKind::NoFunds)
        }
        _ => None,
    }
}

/// What a person is asked about a payment, and what he need not answer any more.
fn questions_of(before: &Payment, after: &Payment) -> Vec<Effect> {
    type Standing = (QuestionKind, fn(&Payment) -> bool, fn(&Payment) -> Question);
    let kinds: [Standing; 3] = [
        (QuestionKind::IntegrityHold, |p| p.state == PaymentState::IntegrityHold, integrity_question),
        (QuestionKind::CaptureReversed, |p| p.state == PaymentState::CaptureReversed, reversal_question),
        (QuestionKind::Dispute, |p| p.evidence.disputed_open_minor() > 0, dispute_question),
    ];
    let changed = kinds.into_iter().filter_map(|(kind, stands, question)| match (stands(before), stands(after)) {
        (false, true) => Some(Effect::Ask(question(after))),
        (true, false) => Some(Effect::Unask(after.id.uuid(), kind)),
        _ => None,
    });
    changed.collect()
}

/// What the merchant is told when a payment moves on.
fn events_of(before: &Payment, after: &Payment) -> Vec<EventKind> {
    let mut events = Vec::new();
    let entered = |state| before.state != state && after.state == state;
    if entered(PaymentState::Authorized) {
        events.push(EventKind::PaymentAuthorized);
    }
    if entered(PaymentState::CaptureReversed) {
        events.push(EventKind::PaymentReversed);
    }
    for (id, dispute) in &after.evidence.disputes {
        let old = before.evidence.disputes.get(id);
        match (old.map(|d| d.won), dispute.won) {
            (None, None) => events.push(EventKind::DisputeOpened),
            (None | Some(None), Some(_)) => events.push(EventKind::DisputeClosed),
            _ => {}
        }
    }
    events
}

fn reversal_question(payment: &Payment) -> Question {
    let (line, reason) = payment.evidence.taken_back.iter().next_back().map_or(("", ""), |(l, r)| (l, r));
    let here = Money::new(payment.taken_minor(), payment.amount.currency);
    Question {
        subject: payment.id.uuid(),
        kind: QuestionKind::CaptureReversed,
        text: format!(
            "The bank took back {line} ({reason}): {here} of {} are left. Ask the payer again, or close the order?",
            payment.amount
        ),
    }
}

fn dispute_question(payment: &Payment) -> Question {
    let open = payment.evidence.disputes.values().find(|d| d.won.is_none());
    let (id, reason) = open.map_or(("", ""), |d| (d.id.as_str(), d.reason.as_str()));
    let minor = payment.evidence.disputed_open_minor();
    Question {
        subject: payment.id.uuid(),
        kind: QuestionKind::Dispute,
        text: format!(
            "The payer disputes {} ({id}: {reason}). Give your evidence at the channel in time; the money is held \
             there until it is decided.",
            Money::new(minor, payment.amount.currency)
        ),
    }
}

fn late_money_question(payment: &Payment, deadline: Timestamp) -> Question {
    let transaction = payment.evidence.transaction_id().unwrap_or_default();
    Question {
        subject: payment.id.uuid(),
        kind: QuestionKind::LateMoney,
        text: format!(
            "{} arrived for a closed order (transaction {transaction}). Keep it and deliver after all, or give it \
             back? Without an answer it goes back at {deadline}.",
            Money::new(payment.taken_minor(), payment.amount.currency)
        ),
    }
}

fn integrity_question(payment: &Payment) -> Question {
    let reason = payment.evidence.mismatch.as_deref().unwrap_or("the channel contradicts itself");
    Question {
        subject: payment.id.uuid(),
        kind: QuestionKind::IntegrityHold,
        text: format!("{reason}. What did the channel really take, and for whom?"),
    }
}

/// Whether the money of the leg came from hand to hand.
fn paid_in_cash(dossier: &Dossier, leg: &Leg) -> bool {
    dossier.payment(leg.payment).is_some_and(|p| p.method.channel() == ChannelKind::Cash)
}

fn leg_question(dossier: &Dossier, refund: &Refund, leg: &Leg, kind: QuestionKind) -> String {
    let number = &dossier.order.number;
    match kind {
        QuestionKind::TransferDue if paid_in_cash(dossier, leg) => format!(
            "{} must be given back to the payer of order {number}, who paid in cash ({}): pay it out of a worker's \
             drawer, or transfer it by bank with {} in the text. Then say which of both was done for {}.",
            leg.amount,
            refund.reason,
            crate::bank::reference(leg.id.uuid()),
            leg.id
        ),
        QuestionKind::TransferDue => format!(
            "{} must be transferred to the payer of order {number} by bank, with {} in the text: no other way is left \
             ({}). A statement that shows it confirms {}; or confirm it with the bank's reference.",
            leg.amount,
            crate::bank::reference(leg.id.uuid()),
            refund.reason,
            leg.id
        ),
        QuestionKind::NoFunds => {
            let words = leg.evidence.no_funds.as_ref().map_or("", |(_, words)| words.as_str());
            format!(
                "The balance at the channel is not enough to refund {} of order {number} ({words}). Top it up; the \
                 refund is sent again by itself.",
                leg.amount
            )
        }
        QuestionKind::Overpaid => format!(
            "The payer of order {number} got back {} minor units too much with {} of {}: two ways both succeeded. \
             Ask for it back, or write it off?",
            overpaid_minor(dossier, refund),
            refund.id,
            refund.amount
        ),
        QuestionKind::IntegrityHold
        | QuestionKind::LateMoney
        | QuestionKind::CaptureReversed
        | QuestionKind::Dispute
        | QuestionKind::PlanStalled
        | QuestionKind::ChargeAtRisk
        | QuestionKind::CollectionDisputed => {
            let reason = leg.evidence.mismatch.as_deref().unwrap_or("the channel contradicts itself");
            format!("{reason}. What did the channel really give back?")
        }
    }
}
