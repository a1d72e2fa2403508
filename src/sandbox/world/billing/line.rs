//! Agreements and debits on the line to the simulated channel: it knows how calls become rows of the channel's books and
//! answers, and must never look into our database.

use bursar_channels::{AgreementStanding, Announcement, CreateRequest, Outcome, RefusalClass, Why, WhyKind};
use bursar_core::Timestamp;
use bursar_core::agreement::{Agreement, Signature};
use bursar_core::clock::MINUTE_MS;
use bursar_core::decline::DeclineClass;
use bursar_core::observation::PayCode;

use super::Happening;
use super::ledger::{Call, Mandate, Notice};
use super::moods::{Fate, fate};
use super::planted::PlantedBilling;
use crate::world::agenda::Event;
use crate::world::books::Ask;
use crate::world::channel::{HIDDEN_MS, LATE_MS, Line, refusal};
use crate::world::faults::Fault;
use crate::world::state::State;

/// Payers sign within this time.
const SIGNS_MS: (i64, i64) = (MINUTE_MS, 40 * MINUTE_MS);

/// What a charge asks for.
#[derive(Clone, Debug)]
pub(crate) struct Debit {
    number: String,
    order: String,
    agreement: String,
    ask: Ask,
}

impl Line {
    /// A call to charge a payer by his agreement.
    pub(in crate::world) async fn debit(&self, request: &CreateRequest<'_>, agreement: &Agreement) -> Outcome<PayCode> {
        let debit = Debit {
            number: request.payment.number(),
            order: request.order.number.clone(),
            agreement: agreement.number(),
            ask: Ask {
                account: self.account,
                method: request.payment.method,
                amount_minor: request.payment.amount.minor,
                expires_ms: request.order.expires_at.as_millis(),
            },
        };
        self.sleep();
        let outcome = self.call("channel: debit", |s, _| take(s, debit)).await;
        let misread = self.world.lock().billing.misreads_declines();
        match outcome {
            Outcome::Refused(no) if misread && matches!(no.class, RefusalClass::Declined(_)) => {
                Outcome::Refused(refusal(RefusalClass::Declined(DeclineClass::Technical), &no.code))
            }
            outcome => outcome,
        }
    }

    /// A call to offer an agreement to its payer.
    pub(in crate::world) async fn offer(&self, agreement: &Agreement) -> Outcome<PayCode> {
        let number = agreement.number();
        let act = |s: &mut State, _: i64| {
            if !s.billing.mandates.contains_key(&number) {
                s.billing.mandates.insert(number.clone(), Mandate { signed_ms: None, ended_ms: None });
                let delay = s.between(SIGNS_MS.0, SIGNS_MS.1);
                s.at(delay, Event::Billing(Happening::Signs(number.clone())));
            }
            Outcome::Done(PayCode::Redirect { url: number.clone() })
        };
        self.call("channel: offer an agreement", act).await
    }

    /// A question where an agreement stands.
    pub(in crate::world) async fn standing_of(&self, agreement: &Agreement) -> Outcome<AgreementStanding> {
        let number = agreement.number();
        let act = |s: &mut State, _: i64| {
            Outcome::Done(match s.billing.mandates.get(&number) {
                Some(Mandate { ended_ms: Some(_), .. }) => AgreementStanding::Ended("by its payer".to_owned()),
                Some(Mandate { signed_ms: Some(at), .. }) => AgreementStanding::Signed(Signature {
                    channel_id: format!("c{number}"),
                    payer_id: None,
                    signed_at: Timestamp::from_millis(*at),
                    ends_at: None,
                }),
                _ => AgreementStanding::Unsigned,
            })
        };
        self.call("channel: query an agreement", act).await
    }

    /// A call to end an agreement.
    pub(in crate::world) async fn end(&self, agreement: &Agreement) -> Outcome<()> {
        let number = agreement.number();
        let act = |s: &mut State, now: i64| {
            if let Some(mandate) = s.billing.mandates.get_mut(&number) {
                mandate.ended_ms = mandate.ended_ms.or(Some(now));
            }
            Outcome::Done(())
        };
        self.call("channel: end an agreement", act).await
    }

    /// A call to have the channel tell a payer that he will be charged.
    pub(in crate::world) async fn tell_payer(&self, announcement: &Announcement<'_>) -> Outcome<()> {
        let (number, minor) = (announcement.agreement.number(), announcement.amount.minor);
        let act = |s: &mut State, now: i64| {
            if s.billing.planted == Some(PlantedBilling::ForgetNotice) {
                return Outcome::Done(());
            }
            if !s.billing.mandates.get(&number).is_some_and(Mandate::in_force) {
                return Outcome::Refused(refusal(RefusalClass::Definite, "CONTRACT_NOT_EXISTED"));
            }
            s.billing.notices.entry(number.clone()).or_default().push(Notice { at_ms: now, minor });
            Outcome::Done(())
        };
        self.call("channel: announce", act).await
    }
}

fn take(state: &mut State, debit: Debit) -> Outcome<PayCode> {
    if state.strikes(Fault::Misconfigured) {
        return Outcome::Refused(refusal(RefusalClass::Configuration, "SIGN_ERROR"));
    }
    if state.strikes(Fault::ArrivesLate) {
        let delay = state.dice(Fault::ArrivesLate, LATE_MS.0, LATE_MS.1);
        *state.on_the_way.entry(debit.number.clone()).or_default() += 1;
        state.at(delay, Event::Billing(Happening::Arrives(debit)));
        return Outcome::Unknown(Why::new(WhyKind::Timeout, "simulated, the effect comes late"));
    }
    decide(state, &debit)
}

/// A call that was on its way arrives.
pub(super) fn arrives_late(state: &mut State, debit: &Debit) {
    if let Some(count) = state.on_the_way.get_mut(&debit.number) {
        *count -= 1;
    }
    let outcome = decide(state, debit);
    state.note(|| format!("a late debit call arrives: {} {outcome:?}", debit.number));
}

/// The channel decides a charge; a number that it has decided gets the same answer.
fn decide(state: &mut State, debit: &Debit) -> Outcome<PayCode> {
    let no = |class| Outcome::Refused(refusal(class, "DEBIT"));
    if let Some(entry) = state.books.entries.get(&debit.number) {
        return match entry.declined {
            _ if !entry.charges.is_empty() => no(RefusalClass::AlreadyPaid),
            Some(class) => no(RefusalClass::Declined(class)),
            None => Outcome::Done(PayCode::Debit),
        };
    }
    let (now, ask) = (state.now, debit.ask);
    let hidden =
        if state.strikes(Fault::Propagation) { state.dice(Fault::Propagation, HIDDEN_MS.0, HIDDEN_MS.1) } else { 0 };
    let in_force = state.billing.mandates.get(&debit.agreement).is_some_and(Mandate::in_force);
    let before = state.billing.calls.iter().rev().filter(|c| c.order == debit.order).count();
    let fate = match in_force {
        true => fate(state.billing.load, state.billing.seed, &debit.order, u64::try_from(before).unwrap_or(0)),
        false => Fate::Declines(DeclineClass::Agreement),
    };
    state.books.create(&debit.number, ask, now, hidden);
    let declined = match fate {
        Fate::Pays => {
            state.books.land(&debit.number, ask.amount_minor, true, now);
            None
        }
        Fate::Declines(class) => {
            if let Some(entry) = state.books.entries.get_mut(&debit.number) {
                entry.declined = Some(class);
            }
            Some(class)
        }
    };
    state.note(|| format!("debit {} of order {} is decided: {fate:?}", debit.number, debit.order));
    state.billing.calls.push(Call {
        at_ms: now,
        payment: debit.number.clone(),
        order: debit.order.clone(),
        agreement: debit.agreement.clone(),
        method: ask.method,
        minor: ask.amount_minor,
        declined,
    });
    declined.map_or(Outcome::Done(PayCode::Debit), |class| no(RefusalClass::Declined(class)))
}
