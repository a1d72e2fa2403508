//! Refunds on the line to the simulated channel: it knows how deeds in the channel's books become answers,
//! and must never look into our database.

use bursar_channels::{Outcome, RefundRequest, RefundStanding, Refusal, RefusalClass, Why, WhyKind};

use super::agenda::Event;
use super::channel::{HIDDEN_MS, LATE_MS, Line, refusal};
use super::faults::Fault;
use super::giving::{Giving, Stage, Took};
use super::message;
use super::planted::Planted;
use super::state::State;

/// How long a caller who is too soon is told to wait.
const WAIT_MS: i64 = 60_000;

fn definite(state: &mut State, number: &str, code: &str) -> Outcome<RefundStanding> {
    state.books.givings.refused.insert(number.to_owned());
    Outcome::Refused(refusal(RefusalClass::Definite, code))
}

fn standing(row: &Giving, planted: Option<Planted>) -> RefundStanding {
    let refund_id = row.refund_id.clone();
    let amount = if planted == Some(Planted::SkipRefundAmount) { row.amount_minor } else { row.given_minor };
    let arrived = || RefundStanding::Succeeded(message::refund_receipt(row.refund_id.clone(), amount, row.changed_ms));
    match row.stage {
        Stage::Processing => RefundStanding::Processing { refund_id },
        Stage::Success => arrived(),
        Stage::Closed => RefundStanding::Closed("simulated".to_owned()),
        Stage::Abnormal if planted == Some(Planted::AbnormalAsSuccess) => arrived(),
        Stage::Abnormal if planted == Some(Planted::ReversalIgnored) && row.was(Stage::Success) => arrived(),
        Stage::Abnormal => RefundStanding::Abnormal { refund_id },
    }
}

impl Line {
    fn give(&self, state: &mut State, number: &str, payment: &str, amount: i64, now: i64) -> Outcome<RefundStanding> {
        if state.strikes(Fault::Misconfigured) {
            return Outcome::Refused(refusal(RefusalClass::Configuration, "SIGN_ERROR"));
        }
        let calls = state.refund_calls.entry(number.to_owned()).or_default();
        *calls += 1;
        let again = *calls > 1;
        let number =
            if again && state.planted == Some(Planted::RefundNewNumber) { format!("{number}x") } else { number.into() };
        let known = state.books.givings.rows.contains_key(&number);
        if !known && (state.books.givings.refused.contains(&number) || state.strikes(Fault::RefundRefused)) {
            return definite(state, &number, "USER_ACCOUNT_ABNORMAL");
        }
        if state.strikes(Fault::ArrivesLate) {
            let delay = state.dice(Fault::ArrivesLate, LATE_MS.0, LATE_MS.1);
            let (account, payment) = (self.account, payment.to_owned());
            state.at(delay, Event::ArriveRefund { number, account, payment, amount_minor: amount });
            return Outcome::Unknown(Why::new(WhyKind::Timeout, "simulated, the effect comes late"));
        }
        state.runs_short(self.account);
        match state.books.give(&number, self.account, payment, amount, now) {
            Took::There(row) => {
                if !known {
                    self.taken_on(state, &number);
                }
                // Some channels are done with their answer.
                let row = state.books.givings.rows.get(&number).cloned().unwrap_or(row);
                if state.planted == Some(Planted::AcceptedAsDone) && row.stage == Stage::Processing {
                    return Outcome::Done(standing(&Giving { stage: Stage::Success, ..row }, None));
                }
                Outcome::Done(standing(&row, state.planted))
            }
            Took::Conflict => Outcome::Refused(refusal(RefusalClass::NumberInUse, "PARAM_ERROR")),
            Took::NoPayment => definite(state, &number, "RESOURCE_NOT_EXISTS"),
            Took::TooOld => {
                state.count(Fault::TooOld);
                definite(state, &number, "RULE_LIMIT")
            }
            Took::TooMany => {
                state.count(Fault::TooMany);
                definite(state, &number, "RULE_LIMIT")
            }
            Took::TooMuch => definite(state, &number, "INVALID_REQUEST"),
            Took::TooSoon => {
                state.count(Fault::TooSoon);
                if state.planted == Some(Planted::SpacingAsRefusal) {
                    return Outcome::Refused(refusal(RefusalClass::Definite, "FREQUENCY_LIMITED"));
                }
                if state.between(0, 1) == 0 {
                    Outcome::Refused(refusal(RefusalClass::TooSoon, "FREQUENCY_LIMITED"))
                } else {
                    Outcome::Unknown(Why::new(WhyKind::RateLimited, "simulated").retry_after(WAIT_MS))
                }
            }
            Took::Disputed => {
                state.count(Fault::DisputedRefund);
                definite(state, &number, "charge_disputed")
            }
            Took::NoFunds => Outcome::Refused(refusal(RefusalClass::NoFunds, "NOT_ENOUGH")),
        }
    }

    fn taken_on(&self, state: &mut State, number: &str) {
        if state.strikes(Fault::Propagation) {
            let hidden = state.dice(Fault::Propagation, HIDDEN_MS.0, HIDDEN_MS.1);
            if let Some(row) = state.books.givings.rows.get_mut(number) {
                row.visible_ms += hidden;
            }
        }
        state.sets_out(number);
    }

    /// A call for a refund.
    pub(super) async fn refund_call(&self, request: &RefundRequest<'_>) -> Outcome<RefundStanding> {
        let (number, payment) = (request.leg.number(), request.payment.number());
        let amount = request.leg.amount.minor;
        self.sleep();
        let outcome = self.call("channel: refund", |s, now| self.give(s, &number, &payment, amount, now)).await;
        match outcome {
            Outcome::Unknown(why) if !why.not_sent && self.planted() == Some(Planted::RefundUnknownAsFailed) => {
                Outcome::Refused(Refusal { message: why.to_string(), ..refusal(RefusalClass::Definite, "TIMEOUT") })
            }
            outcome => outcome,
        }
    }

    /// A question about a refund.
    pub(super) async fn refund_query(&self, number: &str) -> Outcome<RefundStanding> {
        let ask = |s: &mut State, now: i64| {
            let row = s.books.givings.rows.get(number).filter(|r| r.visible_ms <= now);
            Outcome::Done(row.map_or(RefundStanding::Absent, |row| standing(row, s.planted)))
        };
        self.call("channel: query refund", ask).await
    }

    /// A call for the second way.
    pub(super) async fn second_way_call(&self, number: &str, refund_id: &str) -> Outcome<RefundStanding> {
        self.sleep();
        let act = |s: &mut State, _: i64| {
            if s.strikes(Fault::Misconfigured) {
                return Outcome::Refused(refusal(RefusalClass::Configuration, "SIGN_ERROR"));
            }
            if s.strikes(Fault::ArrivesLate) {
                let delay = s.dice(Fault::ArrivesLate, LATE_MS.0, LATE_MS.1);
                let (number, refund_id) = (number.to_owned(), refund_id.to_owned());
                s.at(delay, Event::ArriveSecond { number, account: self.account, refund_id });
                return Outcome::Unknown(Why::new(WhyKind::Timeout, "simulated, the effect comes late"));
            }
            let Some(row) = s.books.second_way(self.account, refund_id, number) else {
                return Outcome::Refused(refusal(RefusalClass::Definite, "INVALID_REQUEST"));
            };
            s.note(|| format!("the refund {number} goes the second way"));
            s.sets_out(number);
            if s.planted == Some(Planted::SecondWayTwice) {
                s.sets_out(number);
            }
            Outcome::Done(standing(&row, s.planted))
        };
        self.call("channel: second way", act).await
    }
}
