//! What the channel and the payers' banks do with refunds by themselves. It knows the channel's books, and
//! must never know what Bursar makes of it.

use bursar_core::channel::ChannelKind;
use bursar_core::clock::{HOUR_MS, MINUTE_MS, SECOND_MS};
use bursar_core::id::ChannelAccountId;

use super::acts::tells_s;
use super::agenda::{Ack, Event, Turn};
use super::faults::Fault;
use super::giving::{Stage, Took};
use super::history::History;
use super::message::Message;
use super::planted::Planted;
use super::state::State;

/// How long a refund usually takes.
const USUAL_MS: (i64, i64) = (500, 90 * SECOND_MS);
/// How long one to a bank card takes.
const SLOW_MS: (i64, i64) = (20 * MINUTE_MS, 40 * HOUR_MS);
/// When money comes back that had arrived.
const REVERSED_MS: (i64, i64) = (5 * SECOND_MS, 40 * HOUR_MS);
/// When the channel's staff has mended what a bank sent back.
const MENDED_MS: (i64, i64) = (2 * MINUTE_MS, 30 * HOUR_MS);
/// How long a balance stays short.
const POOR_MS: (i64, i64) = (20 * SECOND_MS, 5 * HOUR_MS);

impl State {
    /// A refund was taken on, or goes the second way: something will come of it.
    pub(super) fn sets_out(&mut self, number: &str) {
        if self.books.kind_of_refund(number) == Some(ChannelKind::Alipay) {
            return self.turns(number, Stage::Success, true);
        }
        let slow = self.strikes(Fault::RefundSlow);
        let delay = if slow {
            self.dice(Fault::RefundSlow, SLOW_MS.0, SLOW_MS.1)
        } else if self.pace_one_in(4) {
            0
        } else {
            self.between(USUAL_MS.0, USUAL_MS.1)
        };
        self.at(delay, Event::Bank { number: number.to_owned(), turn: Turn::Arrive });
    }

    fn pace_one_in(&self, n: i64) -> bool {
        self.between(1, n) == 1
    }

    /// The balance of an account may run short.
    pub(super) fn runs_short(&mut self, account: ChannelAccountId) {
        if self.strikes(Fault::NoFunds) {
            let until = self.now + self.dice(Fault::NoFunds, POOR_MS.0, POOR_MS.1);
            self.books.givings.poor_until.insert(account, until);
        }
    }

    fn turns(&mut self, number: &str, stage: Stage, may_be_silent: bool) {
        let now = self.now;
        let Some(letter) = self.books.turn(number, stage, now) else { return };
        self.note(|| format!("the refund {number} is {stage:?} at the channel"));
        let silent = may_be_silent && self.strikes(Fault::NotifyNever);
        let late = self.strikes(Fault::NotifyLate);
        let delay = if late { self.dice(Fault::NotifyLate, MINUTE_MS, 20 * HOUR_MS) } else { self.between(30, 2_000) };
        if !silent {
            self.at(delay, Event::NotifyRefund { number: number.to_owned(), letter, attempt: 0 });
        }
    }
}

impl History {
    /// One turn of a refund at the channel.
    pub(super) fn bank(&self, number: &str, turn: Turn) {
        let mut state = self.world.lock();
        let Some(row) = state.books.givings.rows.get(number).cloned() else { return };
        match (turn, row.stage) {
            (Turn::Arrive, Stage::Processing) => {
                let first = row.second_ways == 0;
                let kind = state.books.kind_of_refund(number).unwrap_or(ChannelKind::Wechat);
                // Only WeChat waits for another account when a bank sends money back; others give it up.
                let sent_back = if kind == ChannelKind::Wechat { Stage::Abnormal } else { Stage::Closed };
                let stage = if !first && state.strikes(Fault::SecondWayFails) {
                    Stage::Abnormal
                } else if first && state.strikes(Fault::RefundClosed) {
                    Stage::Closed
                } else if first && state.strikes(Fault::RefundAbnormal) {
                    sent_back
                } else {
                    Stage::Success
                };
                arrives(&mut state, number, stage, first);
            }
            // The message of the success may still be on its way, or lost.
            (Turn::Reverse, Stage::Success) => {
                let card = state.books.kind_of_refund(number) == Some(ChannelKind::Stripe);
                state.note(|| format!("the refund {number} comes back"));
                state.turns(number, if card { Stage::Closed } else { Stage::Abnormal }, false);
            }
            (Turn::Mend, Stage::Abnormal) if !row.was(Stage::Success) => {
                state.note(|| format!("staff mends the refund {number}"));
                state.turns(number, Stage::Success, false);
            }
            // A program with a planted bug has sent a second one along.
            (Turn::Arrive, Stage::Success) if state.planted == Some(Planted::SecondWayTwice) => {
                state.turns(number, Stage::Success, false);
            }
            _ => {}
        }
    }

    /// A call for a refund arrives that nobody waits for any more.
    pub(super) fn arrive_refund(&self, number: &str, account: ChannelAccountId, payment: &str, amount_minor: i64) {
        let mut state = self.world.lock();
        let now = state.now;
        // A later call with the same number may have been refused meanwhile, for a reason that has passed.
        let known = state.books.givings.rows.contains_key(number);
        let taken = !known && matches!(state.books.give(number, account, payment, amount_minor, now), Took::There(_));
        state.note(|| format!("a late call for the refund {number} arrives: {taken}"));
        if taken {
            state.sets_out(number);
        }
    }

    /// The same for the second way.
    pub(super) fn arrive_second(&self, number: &str, account: ChannelAccountId, refund_id: &str) {
        let mut state = self.world.lock();
        let taken = state.books.second_way(account, refund_id, number).is_some();
        state.note(|| format!("a late call for the second way of {number} arrives: {taken}"));
        if taken {
            state.sets_out(number);
        }
    }

    pub(super) fn notify_refund(&self, number: &str, letter: usize, attempt: usize) {
        let mut state = self.world.lock();
        let now = state.now;
        let Some(row) = state.books.givings.rows.get(number) else { return };
        let Some(told) = row.letters.get(letter).filter(|l| !l.acknowledged) else { return };
        let account = row.account;
        let kind = state.books.kind_of_refund(number).unwrap_or(ChannelKind::Wechat);
        let mut row = row.clone();
        match state.planted {
            Some(Planted::SkipRefundAmount) => row.given_minor = row.amount_minor,
            Some(Planted::ReversalIgnored) if told.stage != Stage::Success && row.was(Stage::Success) => return,
            _ => {}
        }
        let (proof, body) = Message::refund(format!("{number}-{letter}"), number, &row, told, now).sealed();
        if let Some(pause_s) = tells_s(kind).get(attempt).copied() {
            let again = Event::NotifyRefund { number: number.to_owned(), letter, attempt: attempt + 1 };
            state.at(pause_s * 1_000, again);
        }
        if state.strikes(Fault::NotifyLost) {
            return;
        }
        let flood = state.strikes(Fault::NotifyFlood);
        for _ in 0..if flood { super::acts::FLOOD } else { 1 } {
            let delay = state.between(5, if flood { 30_000 } else { 500 });
            let ack = Some(Ack::Refund(number.to_owned(), letter));
            state.at(delay, Event::Hand { account, proof: proof.clone(), body: body.clone(), ack });
        }
    }
}

fn arrives(state: &mut State, number: &str, stage: Stage, first: bool) {
    if stage == Stage::Success && state.strikes(Fault::RefundWrong) {
        let more = state.dice(Fault::RefundWrong, 0, 1) == 0;
        if let Some(row) = state.books.givings.rows.get_mut(number) {
            row.given_minor += if more || row.given_minor == 1 { 1 } else { -1 };
        }
    }
    let refused = state.books.givings.refused.contains(number);
    let kind = state.books.kind_of_refund(number).unwrap_or(ChannelKind::Wechat);
    let comes_back = matches!(kind, ChannelKind::Wechat | ChannelKind::Stripe);
    state.turns(number, stage, first && !refused);
    match stage {
        Stage::Success if comes_back && state.strikes(Fault::RefundReversed) => {
            let delay = state.dice(Fault::RefundReversed, REVERSED_MS.0, REVERSED_MS.1);
            state.at(delay, Event::Bank { number: number.to_owned(), turn: Turn::Reverse });
        }
        Stage::Abnormal if state.strikes(Fault::RefundMended) => {
            let delay = state.dice(Fault::RefundMended, MENDED_MS.0, MENDED_MS.1);
            state.at(delay, Event::Bank { number: number.to_owned(), turn: Turn::Mend });
        }
        _ => {}
    }
}
