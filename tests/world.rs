//! The seeded world: histories of the real core and jobs under faults, and the laws at their end. It knows
//! seeds, and must never forgive a violation.

use bursar_sandbox::world::campaign::{self, hunt};
use bursar_sandbox::world::crash::everywhere;
use bursar_sandbox::world::{Planted, Setup, Temperament, play, shrink};

/// Seeds per run of this test; `bursar simulate` plays more.
const SEEDS: u64 = 300;

#[test]
fn three_hundred_histories_keep_the_laws() {
    let sum = campaign::run(&Setup::of_seed(1), SEEDS, 1, &|_| {});
    if let Some(failed) = sum.failures.first() {
        panic!("{}", shrink(failed));
    }
    assert_eq!(sum.coverage.histories, SEEDS);
    assert!(sum.coverage.faults.len() > 25, "only {} kinds of faults struck", sum.coverage.faults.len());
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
    let deaths = everywhere(&scenario(|s| s.closed == 0 && s.paid == 1)).unwrap_or_else(|broken| panic!("{broken}"));
    assert!(deaths > 10, "only {deaths} calls");
}

#[test]
fn a_closed_order_survives_a_death_at_every_call() {
    let deaths = everywhere(&scenario(|s| s.closed == 1 && s.paid == 0)).unwrap_or_else(|broken| panic!("{broken}"));
    assert!(deaths > 20, "only {deaths} calls");
}

struct Ends {
    paid: u64,
    closed: u64,
}

/// The first calm history of one order that ends as wanted.
fn scenario(wanted: impl Fn(&Ends) -> bool) -> Setup {
    let calm = |seed| Setup { temperament: Some(Temperament::Calm), orders: Some(1), ..Setup::of_seed(seed) };
    let ends = |setup: &Setup| {
        let edges = play(setup).coverage.edges;
        let into = |name: &str| edges.iter().filter(|((_, _, to), _)| to.name() == name).map(|(_, n)| *n).sum();
        Ends { paid: into("captured"), closed: into("closed") }
    };
    (1..200).map(calm).find(|setup| wanted(&ends(setup))).expect("a seed")
}

#[test]
fn planted_bugs_are_found() {
    for planted in [Planted::NewNumber, Planted::NoFence, Planted::LoseObservation, Planted::AnswerBeforeCommit] {
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
