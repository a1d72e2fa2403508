//! The simulated channel as the jobs see it: it knows how deeds in the channel's books become answers and
//! where answers get lost, and must never look into our database.

use std::sync::Arc;

use async_trait::async_trait;
use bursar_channels::{
    Adapters, AgreementStanding, Announcement, Channel, Closed, CreateRequest, HeaderLookup, Notice,
    NotificationRefusal, Outcome, Payee, RefundRequest, RefundStanding, Refusal, RefusalClass, Reply, SignRequest,
    Standing, Why, WhyKind,
};
use bursar_core::Timestamp;
use bursar_core::agreement::Agreement;
use bursar_core::channel::{ChannelKind, Method};
use bursar_core::decline::{Decline, DeclineClass};
use bursar_core::id::ChannelAccountId;
use bursar_core::merchant::ChannelAccount;
use bursar_core::observation::PayCode;
use bursar_core::payment::Payment;
use bursar_core::refund::Leg;

use super::agenda::{Event, Pid};
use super::books::{Ask, CloseAnswer, Created};
use super::faults::Fault;
use super::holds::COLLECTS_MS;
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
/// How long one may be invisible to a search, which is how card payments are found.
const INDEXED_MS: (i64, i64) = (500, 60_000);

/// A process' adapters.
#[derive(Debug)]
pub(crate) struct Lines {
    pub world: World,
    pub pid: Pid,
}

impl Adapters for Lines {
    fn adapter(&self, account: &ChannelAccount) -> Result<Arc<dyn Channel>, String> {
        Ok(Arc::new(Line { world: self.world.clone(), pid: self.pid, account: account.id, kind: account.channel }))
    }
}

#[derive(Debug)]
pub(super) struct Line {
    pub(super) world: World,
    pub(super) pid: Pid,
    pub(super) account: ChannelAccountId,
    pub(super) kind: ChannelKind,
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

    fn take(&self, state: &mut State, number: &str, ask: Ask, now: i64) -> Outcome<PayCode> {
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
            state.at(delay, Event::Arrive { number, ask });
            return Outcome::Unknown(Why::new(WhyKind::Timeout, "simulated, the effect comes late"));
        }
        let span = if self.kind == ChannelKind::Stripe { INDEXED_MS } else { HIDDEN_MS };
        let hidden = if state.strikes(Fault::Propagation) { state.dice(Fault::Propagation, span.0, span.1) } else { 0 };
        match state.books.create(&number, ask, now, hidden) {
            Created::Ready => {
                if ask.method.holds() && state.planted == Some(Planted::HoldTakenAtOnce) {
                    state.wrongly_automatic.insert(number.clone());
                }
                Outcome::Done(message::code(ask.method, number))
            }
            Created::Conflict => Outcome::Refused(refusal(RefusalClass::NumberInUse, "INVALID_REQUEST")),
            Created::Paid => Outcome::Refused(refusal(RefusalClass::AlreadyPaid, "ORDERPAID")),
            Created::Closed => Outcome::Refused(refusal(RefusalClass::NumberClosed, "ORDER_CLOSED")),
        }
    }

    /// What needs no call: the payer is given something signed by us, or told where to bring the money.
    fn print(&self, number: String, ask: Ask) -> Outcome<PayCode> {
        let mut state = self.world.lock();
        let now = state.now;
        state.books.create(&number, ask, now, 0);
        state.note(|| format!("{number} is printed for {}", ask.method));
        Outcome::Done(message::code(ask.method, number))
    }

    fn stands(state: &mut State, number: &str, now: i64) -> Standing {
        let (forgetful, false_closed) = (state.strikes(Fault::Forgetful), state.strikes(Fault::FalseClosed));
        let unseen =
            state.books.entries.get(number).is_some_and(|e| e.closed_ms.is_some()) && state.strikes(Fault::Propagation);
        let (which, planted) = (state.between(0, 1), state.planted);
        let Some(entry) = state.books.entries.get_mut(number).filter(|e| e.visible_ms <= now) else {
            return Standing::Absent;
        };
        entry.queried_ms = Some(now);
        let kind = entry.kind();
        if forgetful {
            entry.lied = true;
            return if which == 0 { Standing::Absent } else { Standing::Unpaid };
        }
        if false_closed && entry.payable(now) {
            entry.lied = true;
            return Standing::Closed;
        }
        let charge = entry.charges.get(usize::try_from(which).unwrap_or(0)).or(entry.charges.first());
        if let Some(charge) = charge {
            let mut receipt = message::receipt(charge);
            if planted == Some(Planted::SkipAmountCheck) {
                (receipt.amount_minor, receipt.payee_matches) = (entry.ask.amount_minor, true);
            }
            return Standing::Paid(receipt);
        }
        if let Some(class) = entry.declined.filter(|_| entry.closed_ms.is_none() || kind == ChannelKind::Unionpay) {
            return Standing::Declined(Decline { class, reason: class.name().to_owned() });
        }
        if entry.opened_ms.is_none() {
            return if planted == Some(Planted::AbsentAsTheEnd) { Standing::Closed } else { Standing::Absent };
        }
        if kind == ChannelKind::Alipay && entry.lapsed(now) && !entry.in_flight {
            entry.closed_ms = entry.closed_ms.or(Some(entry.ask.expires_ms));
        }
        if entry.closed_ms.is_some() && (!unseen || kind == ChannelKind::Stripe) {
            return Standing::Closed;
        }
        if let Some(held) = entry.held.filter(|_| entry.closed_ms.is_none()) {
            return Standing::Authorized(message::hold(number, entry, held));
        }
        if entry.failed_attempt && kind != ChannelKind::Alipay {
            return Standing::AttemptFailed("not enough money".to_owned());
        }
        Standing::Unpaid
    }

    fn capture_it(&self, state: &mut State, number: &str, minor: i64, now: i64) -> Outcome<Standing> {
        let calls = state.capture_calls.entry(number.to_owned()).or_default();
        *calls += 1;
        let name = if state.planted == Some(Planted::CapturesTwice) { calls.to_string() } else { "one".to_owned() };
        if state.strikes(Fault::ArrivesLate) {
            let delay = state.dice(Fault::ArrivesLate, LATE_MS.0, LATE_MS.1);
            state.at(delay, Event::ArriveCapture { number: number.to_owned(), name, minor });
            return Outcome::Unknown(Why::new(WhyKind::Timeout, "simulated, the effect comes late"));
        }
        let service = state.books.entries.get(number).is_some_and(|e| e.ask.method == Method::WechatScore);
        if service {
            let collecting = state.books.entries.get(number).is_some_and(super::books::Entry::is_collecting);
            if !collecting && state.strikes(Fault::CollectsLate) && state.books.begin_to_collect(number, minor) {
                let delay = state.dice(Fault::CollectsLate, COLLECTS_MS.0, COLLECTS_MS.1);
                state.at(delay, Event::Collect { number: number.to_owned(), minor });
            }
            if state.books.entries.get(number).is_some_and(super::books::Entry::is_collecting) {
                return Outcome::Done(Self::stands(state, number, now));
            }
        }
        let more = i64::from(state.strikes(Fault::WrongAmount));
        let before = state.books.entries.get(number).map_or(0, |e| e.charges.len());
        if !state.books.capture(number, &name, (minor, more), now) {
            return Outcome::Refused(refusal(RefusalClass::Definite, "payment_intent_unexpected_state"));
        }
        if before == 0 {
            state.charged(number);
            state.changed(number);
        }
        Outcome::Done(Self::stands(state, number, now))
    }
}

#[async_trait]
impl Channel for Line {
    async fn create(&self, request: &CreateRequest<'_>) -> Outcome<PayCode> {
        if let (true, Some(agreement)) = (request.payment.method.debits(), request.agreement) {
            return self.debit(request, agreement).await;
        }
        let number = request.payment.number();
        let ask = Ask {
            account: self.account,
            method: request.payment.method,
            amount_minor: request.payment.amount.minor,
            expires_ms: request.order.expires_at.as_millis(),
        };
        if printed(ask.method) {
            return self.print(number, ask);
        }
        self.sleep();
        let outcome = self.call("channel: create", |s, now| self.take(s, &number, ask, now)).await;
        match outcome {
            Outcome::Unknown(why) if !why.not_sent && self.world.lock().planted == Some(Planted::UnknownAsRefused) => {
                Outcome::Refused(refusal(RefusalClass::Definite, "TIMEOUT"))
            }
            outcome => outcome,
        }
    }

    async fn query(&self, payment: &Payment) -> Outcome<Standing> {
        if !self.kind.can_be_asked() {
            return Outcome::Done(Standing::Unpaid);
        }
        let number = &payment.number();
        let misread = self.world.lock().billing.misreads_declines();
        if self.world.lock().just_closed.remove(&(self.pid, number.to_owned())) {
            return Outcome::Done(Standing::Unpaid);
        }
        match self.call("channel: query", |s, now| Outcome::Done(Self::stands(s, number, now))).await {
            Outcome::Done(Standing::Declined(no)) if misread => {
                Outcome::Done(Standing::Declined(Decline { class: DeclineClass::Technical, ..no }))
            }
            outcome => outcome,
        }
    }

    async fn close(&self, payment: &Payment) -> Outcome<Closed> {
        if !self.kind.can_be_asked() {
            return Outcome::Done(Closed::Accepted);
        }
        let number = &payment.number();
        let outcome = self
            .call("channel: close", |s, now| {
                let held = s.books.entries.get(number).is_some_and(|e| e.held.is_some());
                match s.planted {
                    Some(Planted::ClosedBeforeItsTime) if payment.method.channel() == ChannelKind::Unionpay => {
                        return Outcome::Done(Closed::Accepted);
                    }
                    Some(Planted::VoidForgotten) if held => return Outcome::Done(Closed::Accepted),
                    _ => {}
                }
                if s.planted == Some(Planted::NoCloseCall) {
                    return Outcome::Done(Closed::Accepted);
                }
                Outcome::Done(match s.books.close(number, now) {
                    CloseAnswer::Ok => Closed::Accepted,
                    CloseAnswer::Paid => Closed::AlreadyPaid,
                    CloseAnswer::Early => Closed::TooEarly,
                    CloseAnswer::Unknown => Closed::Absent,
                    CloseAnswer::NoSuchCall => Closed::NotPossible,
                })
            })
            .await;
        let mut state = self.world.lock();
        if state.planted == Some(Planted::NoSecondQuery) && outcome == Outcome::Done(Closed::Accepted) {
            state.just_closed.insert((self.pid, number.to_owned()));
        }
        outcome
    }

    async fn paid_elsewhere(&self, payment: &Payment, _paid_at: Timestamp) -> Outcome<Closed> {
        let number = &payment.number();
        self.call("channel: paid elsewhere", |s, now| {
            Outcome::Done(match s.books.paid_elsewhere(number, now) {
                CloseAnswer::Ok => Closed::Accepted,
                CloseAnswer::Paid => Closed::AlreadyPaid,
                CloseAnswer::Early => Closed::TooEarly,
                CloseAnswer::Unknown => Closed::Absent,
                CloseAnswer::NoSuchCall => Closed::NotPossible,
            })
        })
        .await
    }

    async fn capture(&self, payment: &Payment, _notify_url: &str) -> Outcome<Standing> {
        let number = payment.number();
        self.sleep();
        let outcome =
            self.call("channel: capture", |s, now| self.capture_it(s, &number, payment.amount.minor, now)).await;
        match outcome {
            Outcome::Unknown(_) if self.planted() == Some(Planted::CaptureUnknownAsDone) => {
                let state = self.world.lock();
                let held = state.books.entries.get(&number).and_then(|e| Some(message::hold(&number, e, e.held?)));
                held.map_or(outcome, |h| Outcome::Done(Standing::Paid(h.receipt)))
            }
            outcome => outcome,
        }
    }

    async fn number_of(&self, channels_number: &str) -> Outcome<Option<String>> {
        let ask = |s: &mut State, _: i64| {
            let number = channels_number.strip_prefix("pi_").unwrap_or_default();
            let ours = s.books.entries.get(number).is_some_and(|e| e.ask.account == self.account);
            Outcome::Done(ours.then(|| number.to_owned()))
        };
        self.call("channel: look up", ask).await
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

    async fn sign(&self, request: &SignRequest<'_>) -> Outcome<PayCode> {
        self.offer(request.agreement).await
    }

    async fn query_agreement(&self, agreement: &Agreement) -> Outcome<AgreementStanding> {
        self.standing_of(agreement).await
    }

    async fn end_agreement(&self, agreement: &Agreement) -> Outcome<()> {
        self.end(agreement).await
    }

    async fn announce(&self, announcement: &Announcement<'_>) -> Outcome<()> {
        self.tell_payer(announcement).await
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
        message::read((self.account, self.kind), headers.header(message::PROOF), body, Some(now), self.planted())
    }

    fn reread_notification(&self, headers: &dyn HeaderLookup, body: &[u8]) -> Result<Notice, NotificationRefusal> {
        message::read((self.account, self.kind), headers.header(message::PROOF), body, None, self.planted())
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

/// Whether a payment of this kind becomes payable without a call.
const fn printed(method: Method) -> bool {
    matches!(
        method,
        Method::AlipayPage
            | Method::AlipayWap
            | Method::AlipayApp
            | Method::UnionpayWeb
            | Method::BankTransfer
            | Method::Cash
    )
}
