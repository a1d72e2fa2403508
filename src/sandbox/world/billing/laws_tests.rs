//! That each law of towns can fail: it knows how a town's books are forged after its time, and must never know how they
//! came to be.

use bursar_core::agreement::AgreementState;
use bursar_core::billing::{InstallmentState, PlanState};
use bursar_core::channel::Method;
use bursar_core::clock::{DAY_MS, HOUR_MS};
use bursar_core::decline::DeclineClass;

use super::almanac::on_the_wall;
use super::ledger::Call;
use super::{BillingSetup, laws, play_and};
use crate::world::state::State;

/// A town with charges by every method, where little goes wrong.
fn town() -> BillingSetup {
    BillingSetup::long(2, 8, 1)
}

/// The law that must be broken, and how the books are forged.
type Forgery = (&'static str, fn(&mut State));

/// Plays one town and forges its books in each way, one after the other.
fn assert_each_is_seen(forgeries: &[Forgery]) {
    let report = play_and(&town(), |state| {
        for (nth, (law, forge)) in forgeries.iter().enumerate() {
            let (ledger, tables) = (state.billing.clone(), state.tables.clone());
            forge(state);
            laws::check(state, &town());
            let broken = std::mem::take(&mut state.violations);
            assert!(broken.iter().any(|v| v.starts_with(&format!("{law}: "))), "{law} ({nth}): {broken:?}");
            (state.billing, state.tables) = (ledger, tables);
        }
    });
    // What is not forged is sound.
    assert_eq!(report.violations, Vec::<String>::new());
}

/// The only charge of an installment that was paid at once, by this method or by any.
fn paid(state: &mut State, method: Option<Method>) -> &mut Call {
    let calls = &mut state.billing.calls;
    let only = |call: &Call| calls.iter().filter(|c| c.order == call.order).count() == 1;
    let wanted = |c: &Call| c.declined.is_none() && method.is_none_or(|m| m == c.method) && only(c);
    let nth = calls.iter().position(wanted).unwrap();
    &mut calls[nth]
}

fn zone_of(state: &State, call: &Call) -> &'static str {
    let number = call.order.rsplit_once('-').unwrap().0;
    let mut payers = state.billing.payers.iter();
    payers.find(|p| p.contracts.iter().any(|c| c.number == number)).unwrap().zone
}

#[test]
fn a_charge_at_the_wrong_time_is_seen() {
    assert_each_is_seen(&[
        ("never-at-night", |state| {
            let call = paid(state, None).clone();
            let zone = zone_of(state, &call);
            let night = (0..24).map(|hours| call.at_ms + hours * HOUR_MS).find(|at| on_the_wall(zone, *at).1 / 60 == 3);
            paid(state, None).at_ms = night.unwrap();
        }),
        ("on-its-day", |state| paid(state, Some(Method::UnionpayDebit)).at_ms -= DAY_MS),
        ("on-its-day", |state| paid(state, Some(Method::UnionpayDebit)).at_ms += DAY_MS),
        ("window", |state| paid(state, Some(Method::AlipayDebit)).at_ms += 4 * DAY_MS),
        ("notice", |state| state.billing.notices.clear()),
        ("notice", |state| {
            state.billing.notices.values_mut().flatten().for_each(|notice| notice.minor -= 1);
        }),
    ]);
}

#[test]
fn a_charge_that_something_known_forbids_is_seen() {
    assert_each_is_seen(&[
        ("number first", |state| state.billing.sending_ms.clear()),
        ("not-charged-after-paid-by-hand", |state| {
            state.billing.captured_ms.values_mut().for_each(|at| *at -= DAY_MS);
        }),
        ("not-charged-after-end-of-agreement", |state| {
            let agreements = state.tables.agreements.keys().copied();
            state.billing.ended_seen_ms = agreements.map(|id| (id, 0)).collect();
        }),
        ("never-while-paused", |state| {
            let plans = state.tables.plans.keys().copied();
            state.billing.pauses = plans.map(|id| (id, vec![(0, i64::MAX / 2)])).collect();
        }),
        ("never-after-the-end", |state| state.billing.over_ms.values_mut().for_each(|at| *at = 0)),
    ]);
}

#[test]
fn a_charge_too_many_is_seen() {
    assert_each_is_seen(&[
        ("once-per-installment", |state| {
            let mut again = paid(state, None).clone();
            again.at_ms += DAY_MS;
            state.billing.calls.push(again);
        }),
        ("budget", |state| {
            let call = paid(state, Some(Method::CardDebit)).clone();
            let tries = (1..=8).map(|day| Call { at_ms: call.at_ms + day * DAY_MS, ..call.clone() });
            state.billing.calls.extend(tries.collect::<Vec<_>>());
        }),
        ("fired-equals-expected", |state| {
            let stranger = Call { order: "P999-1".to_owned(), ..paid(state, None).clone() };
            state.billing.calls.push(stranger);
        }),
        ("I2", |state| {
            let number = paid(state, None).payment.clone();
            state.tables.payments.retain(|_, payment| payment.number() != number);
        }),
    ]);
}

#[test]
fn another_course_after_a_no_is_seen() {
    assert_each_is_seen(&[
        ("declines-follow-course", |state| {
            let call = paid(state, None).clone();
            let hard = Call { at_ms: call.at_ms - DAY_MS, declined: Some(DeclineClass::Hard), ..call };
            state.billing.calls.insert(0, hard);
        }),
        ("declines-follow-course", |state| {
            let call = paid(state, Some(Method::UnionpayDebit)).clone();
            let poor = Call { at_ms: call.at_ms - HOUR_MS, declined: Some(DeclineClass::InsufficientFunds), ..call };
            state.billing.calls.insert(0, poor);
        }),
        ("declines-follow-course", |state| paid(state, None).declined = Some(DeclineClass::Risk)),
    ]);
}

#[test]
fn what_is_missing_or_too_much_is_seen() {
    assert_each_is_seen(&[
        ("fired-equals-expected", |state| {
            let first = *state.billing.opened.keys().next().unwrap();
            state.billing.opened.remove(&first);
        }),
        ("fired-equals-expected", |state| {
            let orders = state.billing.opened.values_mut().next().unwrap();
            orders.push(*orders.first().unwrap());
        }),
        ("sums", |state| {
            let paid = state.tables.installments.values_mut().find(|i| i.state == InstallmentState::Paid);
            paid.unwrap().minor += 1;
        }),
        ("nothing-stuck", |state| {
            state.tables.plans.values_mut().next().unwrap().state = PlanState::Active;
        }),
        ("plan-events", |state| state.tables.plans.values_mut().next().unwrap().event_count += 1),
        ("end-is-seen", |state| {
            let active = state.tables.agreements.values().find(|a| a.state == AgreementState::Active).unwrap();
            let number = active.id.bare();
            state.billing.mandates.get_mut(&number).unwrap().ended_ms = Some(1);
        }),
        ("schedules", |state| {
            let first = *state.tables.fires.keys().next().unwrap();
            state.tables.fires.remove(&first);
        }),
    ]);
}
