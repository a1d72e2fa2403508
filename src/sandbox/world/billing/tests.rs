//! Small forms of what `bursar simulate --billing` plays: in every run of the tests.

use super::campaign::{hunt, run, small, towns};
use super::{BillingSetup, PlantedBilling, play};

fn fails(sum: &super::campaign::Sum) -> String {
    sum.failures.iter().map(ToString::to_string).collect()
}

#[test]
fn two_years_of_a_town_fire_as_the_calendar_expects_and_charge_once() {
    let sum = run(&towns(1, 10, 2), 1, &|_| {});
    assert!(sum.failures.is_empty(), "{}", fails(&sum));
    let figures = &sum.figures;
    for (name, value) in figures.rows() {
        println!("{name:60} {value}");
    }
    assert!(figures.expected >= 10 * 24, "{} expected", figures.expected);
    assert_eq!((figures.fired, figures.paid), (figures.expected, figures.expected));
    assert_eq!(figures.charged + figures.by_hand, figures.paid);
    assert_eq!((figures.at_night, figures.due_minor), (0, figures.taken_minor));
    // What hits nobody shows nothing.
    assert!(figures.crashes > 0 && figures.retries > 0 && figures.notices > 0 && figures.fires > 0, "{figures:?}");
    assert_eq!(figures.down_days, 3);
}

#[test]
fn small_towns_keep_the_laws_whatever_goes_wrong() {
    let sum = run(&small(1, 8), 3, &|_| {});
    assert!(sum.failures.is_empty(), "{}", fails(&sum));
    for (name, value) in sum.figures.rows() {
        println!("{name:60} {value}");
    }
    assert!(sum.figures.wishes.len() >= 4 && sum.figures.declines.len() >= 6, "{:?}", sum.figures);
}

#[test]
fn a_seed_gives_the_same_town_twice_and_another_seed_another() {
    for setup in [BillingSetup::small(5), BillingSetup::long(5, 3, 1)] {
        let (first, second) = (play(&setup), play(&setup));
        assert_eq!((first.hash, &first.figures), (second.hash, &second.figures));
        let other = BillingSetup { seed: 6, ..setup.clone() };
        assert_ne!(play(&other).hash, first.hash);
        let traced = play(&BillingSetup { trace: true, ..setup });
        assert_eq!(traced.hash, first.hash);
        assert!(traced.trace.len() > 100);
    }
}

/// Found in the first small town, quickly.
const QUICK: [PlantedBilling; 6] = [
    PlantedBilling::ChargeTwice,
    PlantedBilling::NewOrderNumber,
    PlantedBilling::IgnoreHours,
    PlantedBilling::DoubleFire,
    PlantedBilling::IgnoreDeclineClass,
    PlantedBilling::ForgetNotice,
];

fn all_found(bugs: &[PlantedBilling]) {
    let missed: Vec<_> = std::thread::scope(|threads| {
        let (first, second) = bugs.split_at(bugs.len() / 2);
        let hunted = |bugs: &[PlantedBilling]| -> Vec<_> {
            bugs.iter().map(|bug| hunt(*bug, 1)).inspect(|h| println!("{h:?}")).collect()
        };
        let hunts = [first, second].map(|bugs| threads.spawn(move || hunted(bugs)));
        hunts.into_iter().flat_map(|h| h.join().unwrap()).filter(|h| h.seeds.is_none()).collect()
    });
    assert!(missed.is_empty(), "not found: {missed:?}");
}

#[test]
fn planted_bugs_of_billing_are_found() {
    all_found(&QUICK);
}
