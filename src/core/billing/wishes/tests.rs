//! What becomes of a plan that people change: it knows sums, and must never know a database.

use super::*;
use crate::billing::split::equal;
use crate::billing::test_town::{Answer, Town, at, day, monthly, parts};
use crate::decline::DeclineClass;

fn town(terms: Terms) -> Town {
    Town::new(terms, Some(Method::UnionpayDebit), "Asia/Shanghai", "2026-01-20T00:00:00Z")
}

#[test]
fn an_early_payoff_sums_exactly_for_three_seven_and_twelve_parts_also_after_a_refund() {
    for count in [3, 7, 12] {
        let mut town = town(parts(&equal(10_000, count).unwrap(), "2026-02-01"));
        town.run("2026-03-15T00:00:00Z");
        town.wish(&Wish::GiveBack { minor: 1_500 }).unwrap();
        town.wish(&Wish::PayOff).unwrap();
        town.later(48);
        let (paid, back) = town.money();
        assert_eq!((paid - back, town.file.plan.state), (8_500, PlanState::SettledEarly), "{count} parts");
        assert_eq!(town.charges.len(), 3);
        assert_eq!(town.charges.iter().filter(|(_, _, answer)| *answer == Answer::Pays).count(), 3);
        assert!(town.wish(&Wish::PayOff).is_err());
    }
}

#[test]
fn giving_back_shrinks_what_is_to_come_before_it_returns_money() {
    let mut town = town(parts(&[4_000, 3_000, 3_000], "2026-02-01"));
    town.run("2026-02-15T00:00:00Z");
    town.wish(&Wish::GiveBack { minor: 4_500 }).unwrap();
    let minors: Vec<_> = town.file.installments.iter().map(|i| (i.minor, i.state.name())).collect();
    assert_eq!(minors, [(4_000, "paid"), (1_500, "scheduled"), (0, "voided")]);
    town.wish(&Wish::GiveBack { minor: 2_000 }).unwrap();
    town.run("2026-06-01T00:00:00Z");
    assert_eq!((town.money(), town.file.plan.state), ((4_000, 500), PlanState::Completed));
    let refused = town.wish(&Wish::GiveBack { minor: 3_501 }).unwrap_err();
    assert!(refused.contains("there are 3500"), "{refused}");
    town.wish(&Wish::GiveBack { minor: 3_500 }).unwrap();
    town.later(1);
    assert_eq!(town.money(), (4_000, 4_000));
}

#[test]
fn cancelling_gives_back_what_was_not_served_and_closes_what_is_open() {
    let mut town = town(monthly(3_000, "2026-02-01", None));
    town.answers = [Answer::Pays, Answer::Declines(DeclineClass::Hard)].into();
    town.run("2026-02-15T04:00:00Z");
    town.wish(&Wish::Cancel { reason: "moves away".into(), refund_unserved: true }).unwrap();
    town.later(1);
    // Fourteen of twenty-eight days were not served.
    assert_eq!((town.money(), town.file.plan.state), ((3_000, 1_500), PlanState::Cancelled));
    assert!(town.wish(&Wish::Pause { reason: "r".into() }).unwrap_err().contains("cancelled"));

    let mut open = self::town(monthly(3_000, "2026-02-01", None));
    open.answers = [Answer::Declines(DeclineClass::Hard)].into();
    open.run("2026-02-15T04:00:00Z");
    open.wish(&Wish::Cancel { reason: "moves away".into(), refund_unserved: true }).unwrap();
    open.later(1);
    assert!(open.orders.values().all(|d| d.order.state.is_final()), "{:#?}", open.orders);
    assert_eq!((open.money(), open.charges.len()), ((0, 0), 1));
    assert!(open.states().iter().all(|s| *s == InstallmentState::Voided));
}

#[test]
fn a_pause_lets_nothing_fall_due_and_what_was_missed_is_asked_for_or_not() {
    for (catch_up, charges) in [(true, 6), (false, 4)] {
        let mut town = town(monthly(100, "2026-02-01", Some(6)));
        town.run("2026-02-15T00:00:00Z");
        town.wish(&Wish::Pause { reason: "holidays".into() }).unwrap();
        town.run("2026-04-15T00:00:00Z");
        assert_eq!(town.charges.len(), 1);
        town.wish(&Wish::Resume { catch_up }).unwrap();
        town.run("2027-01-01T00:00:00Z");
        assert_eq!((town.charges.len(), town.file.plan.state), (charges, PlanState::Completed));
    }
}

#[test]
fn another_price_is_charged_or_credited_by_days_and_holds_from_the_next_period_on() {
    let mut dearer = town(monthly(3_000, "2026-04-01", Some(3)));
    dearer.run("2026-04-16T04:00:00Z");
    dearer.wish(&Wish::Reprice { minor: 3_600 }).unwrap();
    dearer.run("2026-09-01T00:00:00Z");
    // Fifteen of thirty days of 600, then two months at the new price.
    assert_eq!((dearer.money(), dearer.file.plan.state), ((3_000 + 300 + 7_200, 0), PlanState::Completed));

    let mut cheaper = town(monthly(3_000, "2026-04-01", Some(3)));
    cheaper.run("2026-04-16T04:00:00Z");
    cheaper.wish(&Wish::Reprice { minor: 1_000 }).unwrap();
    cheaper.run("2026-09-01T00:00:00Z");
    assert_eq!(cheaper.money().0, 3_000 + 2_000 - 1_000);
    assert!(cheaper.file.installments.iter().all(|i| i.state == InstallmentState::Paid));
}

#[test]
fn a_period_that_was_charged_before_it_begins_is_adjusted_whole() {
    // Alipay is asked two days before the day.
    for (price, taken, back) in [(3_600, 3 * 3_600, 0), (1_000, 3_000 + 1_000, 1_000)] {
        let mut town = Town::new(
            monthly(3_000, "2026-04-01", Some(3)),
            Some(Method::AlipayDebit),
            "Asia/Shanghai",
            "2026-01-20T00:00:00Z",
        );
        town.run("2026-03-31T04:00:00Z");
        assert_eq!(town.money(), (3_000, 0));
        town.wish(&Wish::Reprice { minor: price }).unwrap();
        town.run("2026-09-01T00:00:00Z");
        assert_eq!((town.money(), town.file.plan.state), ((taken, back), PlanState::Completed));
        assert_eq!((taken - back, town.file.plan.credit_minor), (3 * price, 0));
    }
}

#[test]
fn a_credit_that_a_cheaper_period_does_not_need_is_kept_and_goes_back_at_the_end() {
    let mut town = town(monthly(3_000, "2026-04-01", Some(4)));
    town.run("2026-04-16T04:00:00Z");
    town.wish(&Wish::Reprice { minor: 2_000 }).unwrap();
    assert_eq!(town.file.plan.credit_minor, 500);
    town.run("2026-05-16T04:00:00Z");
    // The third month is 1,500 already, and becomes cheaper by 1,600.
    town.wish(&Wish::Reprice { minor: 400 }).unwrap();
    assert_eq!(town.file.plan.credit_minor, 825 + 100);
    town.run("2026-09-01T00:00:00Z");
    let agreed = (3_000 - 500) + (2_000 - 825) + 400 + 400;
    assert_eq!((town.money(), town.file.plan.state), ((5_000, 5_000 - agreed), PlanState::Completed));
    assert_eq!(town.file.plan.credit_minor, 0);
    assert!(town.file.installments.iter().all(|i| i.minor >= 0 && i.state == InstallmentState::Paid));
}

#[test]
fn who_leaves_after_another_price_gets_the_days_that_he_was_not_served() {
    // Fifteen of thirty days at the old price were served, whatever the rest costs.
    for (price, taken) in [(2_000, 3_000), (3_600, 3_300)] {
        let mut town = town(monthly(3_000, "2026-04-01", Some(4)));
        town.run("2026-04-16T02:30:00Z");
        town.wish(&Wish::Reprice { minor: price }).unwrap();
        town.later(1);
        town.wish(&Wish::Cancel { reason: "moves".into(), refund_unserved: true }).unwrap();
        town.later(1);
        assert_eq!((town.money(), town.file.plan.credit_minor), ((taken, taken - 1_500), 0));
    }
    // What was asked for and not paid does not go back either.
    let mut town = town(monthly(3_000, "2026-04-01", Some(4)));
    town.run("2026-04-16T02:30:00Z");
    town.wish(&Wish::Reprice { minor: 3_600 }).unwrap();
    town.wish(&Wish::Cancel { reason: "moves".into(), refund_unserved: true }).unwrap();
    town.later(1);
    assert_eq!(town.money(), (3_000, 1_500));
}

#[test]
fn who_leaves_gets_no_more_of_a_period_than_was_not_given_back_before() {
    let mut town = town(monthly(3_000, "2026-03-01", None));
    town.run("2026-04-16T02:30:00Z");
    assert_eq!(town.money(), (6_000, 0));
    // The next month, and 2,000 of this one.
    town.wish(&Wish::GiveBack { minor: 5_000 }).unwrap();
    town.later(1);
    town.wish(&Wish::Cancel { reason: "moves".into(), refund_unserved: true }).unwrap();
    town.later(1);
    assert_eq!(town.money(), (6_000, 3_000), "March was served");
}

#[test]
fn a_price_that_rises_after_the_payer_was_told_is_told_again() {
    let mut town = Town::new(
        monthly(3_000, "2026-04-10", Some(1)),
        Some(Method::WechatDebit),
        "Asia/Shanghai",
        "2026-01-20T00:00:00Z",
    );
    town.run("2026-04-09T04:00:00Z");
    let told = |town: &Town| town.file.installment(1).unwrap().announced_on.map(|day| day.to_string());
    assert_eq!(told(&town).as_deref(), Some("2026-04-08"));
    town.wish(&Wish::Reprice { minor: 3_600 }).unwrap();
    town.run("2026-04-20T00:00:00Z");
    assert_eq!(told(&town).as_deref(), Some("2026-04-09"));
    let charged = town.charges.first().map(|(_, at, _)| town.file.plan.zone.day_of(*at).to_string());
    assert_eq!((charged.as_deref(), town.money()), (Some("2026-04-11"), (3_600, 0)));
}

#[test]
fn an_agreement_of_somebody_else_or_for_less_is_refused() {
    let town = town(monthly(100, "2026-02-01", None));
    let (plan, agreement) = (&town.file.plan, town.agreement.clone().unwrap());
    let refused = |agreement: &Agreement, minor| check_agreement(plan, agreement, minor).unwrap_err();
    assert_eq!(check_agreement(plan, &agreement, 1_000_000), Ok(()));
    assert!(refused(&agreement, 1_000_001).contains("more than the agreement allows"));
    assert!(refused(&Agreement { payer: "Li".into(), ..agreement.clone() }, 1).contains("payer Li"));
    let dollars = crate::money::Money::new(1, "USD".parse().unwrap());
    assert!(refused(&Agreement { limit: dollars, ..agreement.clone() }, 1).contains("USD"));
    let ended = crate::agreement::AgreementState::Ended;
    assert!(refused(&Agreement { state: ended, ..agreement }, 1).contains("ended"));
    assert_eq!(at("2026-01-01T00:00:00Z"), plan.zone.instant(day("2026-01-01"), "08:00".parse().unwrap()));
}
