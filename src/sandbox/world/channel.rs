//! The simulated channel as the jobs see it: it knows how deeds in the channel's books become answers and
//! where answers get lost, and must never look into our database.

use std::sync::Arc;

use async_trait::async_trait;
use bursar_channels::{
    Adapters, Channel, Closed, CreateRequest, HeaderLookup, Notice, NotificationRefusal, Outcome, Payee, RefundRequest,
    RefundStanding, Refusal, RefusalClass, Reply, Standing, Why, WhyKind,
};
use bursar_core::Timestamp;
use bursar_core::id::ChannelAccountId;
use bursar_core::merchant::ChannelAccount;
use bursar_core::observation::PayCode;
use bursar_core::payment::Payment;
use bursar_core::refund::Leg;

use super::agenda::{Event, Pid};
use super::books::{CloseAnswer, Created};
use super::faults::Fault;
use super::message;
use super::planted::Planted;
use super::state::{State, World};

/// How long a caller waits for an answer that does not come, in milliseconds.
const TIMEOUT_MS: i64 = 3_000;
/// Longest way of a request that arrives late.
pub(super) const LATE_MS: (i64, i64) = (2_000, 20_000);
/// How long an answer that takes long takes: shorter than a caller's patience, longer than a payer's.
const SLOW_MS: (i64, i64) = (2_000, 15_000);
/// How long a process stands still before a call: beyond lease and propagation window.
const SLEEP_MS: (i64, i64) = (40_000, 240_000);
/// How long a payment may be invisible.
pub(super) const HIDDEN_MS: (i64, i64) = (500, 10_000);

/// A process' adapters.
#[derive(Debug)]
pub(crate) struct Lines {
    pub world: World,
    pub pid: Pid,
}

impl Adapters for Lines {
    fn adapter(&self, account: &ChannelAccount) -> Result<Arc<dyn Channel>, String> {
        Ok(Arc::new(Line { world: self.world.clone(), pid: self.pid, account: account.id }))
    }
}

#[derive(Debug)]
pub(super) struct Line {
    world: World,
    pid: Pid,
    pub(super) account: ChannelAccountId,
}

pub(super) fn refusal(class: RefusalClass, code: &str) -> Refusal {
    Refusal { code: code.to_owned(), message: "simulated".to_owned(), class }
}

/// Trouble on the way to the channel.
fn on_the_way(state: &mut State) -> Option<Why> {
    if state.strikes(Fault::NotSent) {
        return Some(Why::not_sent(WhyKind::NotConnected, "simulated"));
    }
    if state.strikes(Fault::NeverArrived) {
        return Some(Why::new(WhyKind::Timeout, "simulated, before the effect"));
    }
    if state.strikes(Fault::ServerError) {
        return Some(Why::new(WhyKind::ServerError, "simulated"));
    }
    state.strikes(Fault::RateLimited).then(|| Why::new(WhyKind::RateLimited, "simulated").retry_after(2_000))
}

/// Trouble on the way back.
fn on_the_way_back<T>(state: &mut State, outcome: Outcome<T>) -> Outcome<T> {
    if state.strikes(Fault::AnswerLost) {
        return Outcome::Unknown(Why::new(WhyKind::Timeout, "simulated, after the effect"));
    }
    if state.strikes(Fault::BadSignature) {
        return Outcome::Unknown(Why::new(WhyKind::BadSignature, "simulated"));
    }
    outcome
}

impl Line {
    pub(super) fn planted(&self) -> Option<Planted> {
        self.world.lock().planted
    }

    /// One call: arrives, has its effect, comes back.
    pub(super) async fn call<T: Send>(
        &self,
        seam: &'static str,
        act: impl FnOnce(&mut State, i64) -> Outcome<T> + Send,
    ) -> Outcome<T> {
        self.world.arrive(self.pid, seam).await;
        let outcome = {
            let mut state = self.world.lock();
            let now = state.now;
            let outcome = match on_the_way(&mut state) {
                Some(why) => Outcome::Unknown(why),
                None => {
                    let outcome = act(&mut state, now);
                    on_the_way_back(&mut state, outcome)
                }
            };
            let text = match &outcome {
                Outcome::Done(_) => "yes".to_owned(),
                Outcome::Refused(refusal) => format!("refused: {refusal}"),
                Outcome::Unknown(why) => format!("unknown: {why}"),
            };
            state.note(|| format!("{seam}: {text}"));
            outcome
        };
        let silent = matches!(&outcome, Outcome::Unknown(why) if why.kind == WhyKind::Timeout);
        let way_ms = {
            let mut state = self.world.lock();
            let late = !silent && state.strikes(Fault::AnswerLate);
            let slow = if late { state.dice(Fault::AnswerLate, SLOW_MS.0, SLOW_MS.1) } else { 0 };
            if silent { TIMEOUT_MS } else { slow }
        };
        self.world.step(self.pid, way_ms).await;
        outcome
    }

    /// The process may stand still just before its call.
    pub(super) fn sleep(&self) {
        let mut state = self.world.lock();
        if state.strikes(Fault::Sleeper) {
            let until = state.now + state.dice(Fault::Sleeper, SLEEP_MS.0, SLEEP_MS.1);
            if let Some(life) = state.lives.get_mut(self.pid) {
                life.paused_until = until;
            }
        }
    }

    fn take(&self, state: &mut State, number: &str, amount_minor: i64, now: i64) -> Outcome<PayCode> {
        if state.strikes(Fault::Misconfigured) {
            return Outcome::Refused(refusal(RefusalClass::Configuration, "SIGN_ERROR"));
        }
        let known = state.books.entries.contains_key(number);
        if !known && (state.books.refused.contains(number) || state.strikes(Fault::Refused)) {
            state.books.refused.insert(number.to_owned());
            return Outcome::Refused(refusal(RefusalClass::Definite, "NO_AUTH"));
        }
        let number =
            if known && state.planted == Some(Planted::NewNumber) { format!("{number}x") } else { number.into() };
        if state.strikes(Fault::ArrivesLate) {
            let delay = state.dice(Fault::ArrivesLate, LATE_MS.0, LATE_MS.1);
            *state.on_the_way.entry(number.clone()).or_default() += 1;
            state.at(delay, Event::Arrive { number, account: self.account, amount_minor });
            return Outcome::Unknown(Why::new(WhyKind::Timeout, "simulated, the effect comes late"));
        }
        let hidden = if state.strikes(Fault::Propagation) {
            state.dice(Fault::Propagation, HIDDEN_MS.0, HIDDEN_MS.1)
        } else {
            0
        };
        match state.books.create(&number, self.account, amount_minor, now, hidden) {
            Created::Ready => Outcome::Done(PayCode::QrCode { url: number }),
            Created::Conflict => Outcome::Refused(refusal(RefusalClass::NumberInUse, "INVALID_REQUEST")),
            Created::Paid => Outcome::Refused(refusal(RefusalClass::AlreadyPaid, "ORDERPAID")),
            Created::Closed => Outcome::Refused(refusal(RefusalClass::NumberClosed, "ORDER_CLOSED")),
        }
    }

    fn stands(state: &mut State, number: &str, now: i64) -> Standing {
        let (forgetful, false_closed) = (state.strikes(Fault::Forgetful), state.strikes(Fault::FalseClosed));
        let unseen =
            state.books.entries.get(number).is_some_and(|e| e.closed_ms.is_some()) && state.strikes(Fault::Propagation);
        let (which, skip_check) = (state.between(0, 1), state.planted == Some(Planted::SkipAmountCheck));
        let Some(entry) = state.books.entries.get_mut(number).filter(|e| e.visible_ms <= now) else {
            return Standing::Absent;
        };
        entry.queried_ms = Some(now);
        if forgetful {
            entry.lied = true;
            return if which == 0 { Standing::Absent } else { Standing::Unpaid };
        }
        if false_closed && entry.payable() {
            entry.lied = true;
            return Standing::Closed;
        }
        let charge = entry.charges.get(usize::try_from(which).unwrap_or(0)).or(entry.charges.first());
        if let Some(charge) = charge {
            let mut receipt = message::receipt(charge);
            if skip_check {
                (receipt.amount_minor, receipt.payee_matches) = (entry.amount_minor, true);
            }
            return Standing::Paid(receipt);
        }
        if entry.closed_ms.is_some() && !unseen {
            return Standing::Closed;
        }
        if entry.failed_attempt { Standing::AttemptFailed("not enough money".to_owned()) } else { Standing::Unpaid }
    }
}

#[async_trait]
impl Channel for Line {
    async fn create(&self, request: &CreateRequest<'_>) -> Outcome<PayCode> {
        let (number, amount) = (request.payment.number(), request.payment.amount.minor);
        self.sleep();
        let outcome = self.call("channel: create", |s, now| self.take(s, &number, amount, now)).await;
        match outcome {
            Outcome::Unknown(why) if !why.not_sent && self.world.lock().planted == Some(Planted::UnknownAsRefused) => {
                Outcome::Refused(refusal(RefusalClass::Definite, "TIMEOUT"))
            }
            outcome => outcome,
        }
    }

    async fn query(&self, payment: &Payment) -> Outcome<Standing> {
        let number = &payment.number();
        if self.world.lock().just_closed.remove(&(self.pid, number.to_owned())) {
            return Outcome::Done(Standing::Unpaid);
        }
        self.call("channel: query", |s, now| Outcome::Done(Self::stands(s, number, now))).await
    }

    async fn close(&self, payment: &Payment) -> Outcome<Closed> {
        let number = &payment.number();
        let outcome = self
            .call("channel: close", |s, now| {
                if s.planted == Some(Planted::NoCloseCall) {
                    return Outcome::Done(Closed::Accepted);
                }
                Outcome::Done(match s.books.close(number, now) {
                    CloseAnswer::Ok => Closed::Accepted,
                    CloseAnswer::Paid => Closed::AlreadyPaid,
                    CloseAnswer::Early => Closed::TooEarly,
                    CloseAnswer::Unknown => Closed::Absent,
                })
            })
            .await;
        let mut state = self.world.lock();
        if state.planted == Some(Planted::NoSecondQuery) && outcome == Outcome::Done(Closed::Accepted) {
            state.just_closed.insert((self.pid, number.to_owned()));
        }
        outcome
    }

    async fn refund(&self, request: &RefundRequest<'_>) -> Outcome<RefundStanding> {
        self.refund_call(request).await
    }

    async fn query_refund(&self, _payment: &Payment, leg: &Leg) -> Outcome<RefundStanding> {
        self.refund_query(&leg.number()).await
    }

    async fn refund_second_way(
        &self,
        request: &RefundRequest<'_>,
        refund_id: &str,
        _: &str,
    ) -> Outcome<RefundStanding> {
        self.second_way_call(&request.leg.number(), refund_id).await
    }

    async fn seal_payee(&self, _: &Payee) -> Result<String, String> {
        Ok("sealed".to_owned())
    }

    fn read_notification(
        &self,
        headers: &dyn HeaderLookup,
        body: &[u8],
        now: Timestamp,
    ) -> Result<Notice, NotificationRefusal> {
        message::read(self.account, headers.header(message::PROOF), body, Some(now), self.planted())
    }

    fn reread_notification(&self, headers: &dyn HeaderLookup, body: &[u8]) -> Result<Notice, NotificationRefusal> {
        message::read(self.account, headers.header(message::PROOF), body, None, self.planted())
    }

    fn proof_headers(&self) -> &'static [&'static str] {
        &[message::PROOF]
    }

    fn acknowledge(&self) -> Reply {
        Reply { status: 204, content_type: "", body: String::new() }
    }

    fn refuse(&self, _: &NotificationRefusal) -> Reply {
        Reply { status: 401, content_type: "", body: String::new() }
    }

    fn unavailable(&self) -> Reply {
        Reply { status: 503, content_type: "", body: String::new() }
    }
}
