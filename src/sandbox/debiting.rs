//! Debits under an agreement: it knows how one becomes an order, when it is decided and what follows; what is
//! lawful in a channel's words its front has judged before. It must never know a wire format.

use crate::agreements::DebitCall;
use crate::books::State;
use crate::orders::{Happened, NewOrder, Orders};
use crate::shared::Shared;
use crate::timers::Due;
use crate::{DebitOutcome, Decline, dice};

/// What an order keeps of the debit that it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Debit {
    /// The position of its agreement.
    pub(crate) agreement: usize,
    /// The position of the (last) call for it.
    entry: usize,
    /// Why it was declined, when it was.
    pub(crate) declined: Option<Decline>,
    /// The payer's side is being asked.
    pub(crate) pending: bool,
}

/// When a debit is decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum When {
    /// Before the call is answered.
    Now,
    /// A while after.
    Later,
}

impl Orders {
    /// Enters a debit that its front has judged lawful as an order, and gives its position; it waits to be decided.
    pub(crate) fn enter_debit(&mut self, agreement: usize, new: NewOrder) -> usize {
        let entry = self.note_debit(agreement, &new.number, new.amount_minor, new.created_at_ms);
        let position = self.insert(new);
        if let Some(order) = self.list.get_mut(position) {
            order.debit = Some(Debit { agreement, entry, declined: None, pending: true });
        }
        position
    }

    /// A debit that was declined is asked for again under its number.
    pub(crate) fn enter_debit_again(&mut self, position: usize, now_ms: i64) {
        let Some(order) = self.list.get_mut(position) else { return };
        let Some(debit) = order.debit else { return };
        order.tab.closed_at_ms = None;
        let (number, amount_minor) = (order.number.clone(), order.amount_minor);
        let entry = self.note_debit(debit.agreement, &number, amount_minor, now_ms);
        if let Some(order) = self.list.get_mut(position) {
            order.debit = Some(Debit { entry, declined: None, pending: true, ..debit });
        }
    }

    fn note_debit(&mut self, agreement: usize, number: &str, amount_minor: i64, at_ms: i64) -> usize {
        let Some(one) = self.agreements.list.get(agreement) else { return usize::MAX };
        let (channel, account, name) = (one.channel, one.account.clone(), one.number.clone());
        let call = DebitCall { channel, account: &account, agreement: &name, number, amount_minor, at_ms };
        self.agreements.note(call, DebitOutcome::Pending)
    }
}

impl Shared {
    /// A debit was entered: decides it now, or later.
    pub(crate) fn debit_entered(&self, position: usize, when: When) {
        if when == When::Now {
            return self.debit_settles(position);
        }
        let fate = self.orders().list.get(position).map_or(0, |order| order.fate);
        let wait_ms = dice::within(dice::draw(&[fate, 64]), self.payers.agreements.pending_ms);
        self.timers.add(self.pace.now_ms().saturating_add(wait_ms), Due::Settle(position));
    }

    /// The payer's side decides a debit: the question and the effect are under one lock, so that nothing can come
    /// between them and a timer that fires twice charges nobody twice.
    pub(crate) fn debit_settles(&self, position: usize) {
        let now_ms = self.pace.now_ms();
        let mut orders = self.orders();
        let Some(order) = orders.list.get_mut(position) else { return };
        let Some(mut debit) = order.debit.filter(|debit| debit.pending) else { return };
        let (state, amount_minor, channel) = (order.tab.state(), order.amount_minor, order.channel);
        debit.pending = false;
        order.debit = Some(debit);
        if state != State::NotPay {
            let paid = state == State::Success;
            let outcome = if paid { DebitOutcome::Charged } else { DebitOutcome::Closed };
            return orders.agreements.decided(debit.entry, outcome);
        }
        let Some(agreement) = orders.agreements.list.get_mut(debit.agreement) else { return };
        // Whoever ended it while the debit was under way is not charged any more.
        let decline = if agreement.is_signed() { agreement.ask(&self.payers.agreements) } else { Some(Decline::Hard) };
        match decline {
            None => {
                agreement.charges += 1;
                agreement.charged_minor = agreement.charged_minor.saturating_add(amount_minor);
                self.front(channel).agreement_charged(agreement, now_ms);
                orders.agreements.decided(debit.entry, DebitOutcome::Charged);
                self.collect(&mut orders, position, true);
            }
            Some(decline) => {
                orders.agreements.decided(debit.entry, DebitOutcome::Declined(decline));
                let Some(order) = orders.list.get_mut(position) else { return };
                order.debit = Some(Debit { declined: Some(decline), ..debit });
                order.tab.failed_attempts += 1;
                if self.front(channel).decline_closes() {
                    order.tab.close(now_ms);
                }
                self.tally.change(|counters| counters.declines += 1);
                self.tell(position, order, Happened::Declined);
            }
        }
    }
}
