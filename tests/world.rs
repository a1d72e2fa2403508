//! The seeded world: histories of the real core and jobs under faults, and the laws at their end. It knows
//! seeds, and must never forgive a violation.

use bursar_core::channel::Method;
use bursar_core::payment::PaymentState;
use bursar_core::refund::RefundState;
use bursar_sandbox::world::campaign::{self, hunt};
use bursar_sandbox::world::crash::everywhere;
use bursar_sandbox::world::{Coverage, Planted, Setup, Temperament, play, shrink};

/// Seeds per run of this test; `bursar simulate` plays more.
const SEEDS: u64 = 300;

#[test]
fn three_hundred_histories_keep_the_laws() {
    let sum = campaign::run(&Setup::of_seed(1), SEEDS, 1, &|_| {});
    if let Some(failed) = sum.failures.first() {
        panic!("{}", shrink(failed));
    }
    assert_eq!(sum.coverage.histories, SEEDS);
    // Charges through agreements have a world of their own.
    for method in Method::ALL.into_iter().filter(|m| !m.debits()) {
        let captured = sum.coverage.methods.get(&(method, PaymentState::Captured)).copied().unwrap_or(0);
        assert!(captured > 0, "no {method} was captured");
    }
    assert!(sum.coverage.faults.len() > 45, "only {} kinds of faults struck", sum.coverage.faults.len());
}

#[test]
fn a_seed_gives_the_same_history_twice_and_another_seed_another() {
    for temperament in Temperament::ALL {
        let setup = Setup { temperament: Some(temperament), ..Setup::of_seed(77) };
        let (first, second) = (play(&setup), play(&setup));
        assert_eq!(first.hash, second.hash, "{}", temperament.name());
        assert_eq!(first.coverage.steps, second.coverage.steps, "{}", temperament.name());
    }
    assert_ne!(play(&Setup::of_seed(1)).hash, play(&Setup::of_seed(2)).hash);
}

#[test]
fn a_trace_does_not_change_a_history() {
    let silent = Setup { temperament: Some(Temperament::Mixed), ..Setup::of_seed(5) };
    let traced = play(&Setup { trace: true, ..silent.clone() });
    assert_eq!(play(&silent).hash, traced.hash);
    assert!(traced.trace.len() > 100, "{} lines", traced.trace.len());
}

#[test]
fn a_paid_order_survives_a_death_at_every_call() {
    survives(10, |c| into(c, "captured") == 1 && into(c, "closed") == 0 && c.refunds.is_empty());
}

#[test]
fn a_closed_order_survives_a_death_at_every_call() {
    survives(20, |c| into(c, "closed") == 1 && into(c, "captured") == 0);
}

#[test]
fn a_refund_survives_a_death_at_every_call() {
    survives(25, |c| into(c, "captured") == 1 && c.into_refund_state(RefundState::Succeeded) == 2);
}

#[test]
fn a_combined_order_that_does_not_become_whole_survives_a_death_at_every_call() {
    survives(25, |c| c.causes.contains_key("incomplete") && c.into_refund_state(RefundState::Succeeded) > 0);
}

/// Payments that came into a state.
fn into(coverage: &Coverage, name: &str) -> u64 {
    coverage.edges.iter().filter(|((_, _, to), _)| to.name() == name).map(|(_, n)| *n).sum()
}

/// Most calls of a history that is repeated with a death at each of them.
const MOST_CALLS: u64 = 250;

/// Repeats the first calm and short history of one order that ends as wanted with a death at every call.
fn survives(calls: u64, wanted: impl Fn(&Coverage) -> bool) {
    let calm = |seed| Setup { temperament: Some(Temperament::Calm), orders: Some(1), ..Setup::of_seed(seed) };
    // Each call is a history of its own, so a long one costs the square of its length.
    let short = |c: &Coverage| c.calls <= MOST_CALLS && wanted(c);
    let setup = (1..600).map(calm).find(|setup| short(&play(setup).coverage)).expect("a seed");
    let deaths = everywhere(&setup).unwrap_or_else(|broken| panic!("{broken}"));
    assert!(deaths > calls, "only {deaths} calls");
}

#[test]
fn planted_bugs_are_found() {
    for planted in [
        Planted::NewNumber,
        Planted::NoFence,
        Planted::LoseObservation,
        Planted::AnswerBeforeCommit,
        Planted::RefundNewNumber,
        Planted::NoReservation,
        Planted::PartsAtOnce,
        Planted::AbsentAsTheEnd,
        Planted::ClosedBeforeItsTime,
        Planted::HoldTakenAtOnce,
        Planted::VoidForgotten,
        Planted::PickedAtOnce,
        Planted::ByHandExpires,
        Planted::BookNobody,
    ] {
        let found = hunt(planted, 1);
        assert!(found.seeds.is_some(), "{} is not found", planted.name());
    }
}

#[test]
fn seeds_that_once_failed_pass() {
    for line in include_str!("corpus/world.txt").lines().filter(|l| !l.starts_with('#')) {
        let seed = line.split_whitespace().next().expect("a seed").parse().expect("a number");
        let report = play(&Setup::of_seed(seed));
        assert!(report.violations.is_empty(), "{line}\n{}", shrink(&report));
    }
}
