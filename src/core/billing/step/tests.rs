//! What a plan does over months and years: it knows a payer and a channel that answers, and must never know a database.

use super::*;
use crate::billing::test_town::{Answer, Town, at, day, monthly, parts};
use crate::billing::{Hours, InstallmentState, Plan, Zone};
use crate::channel::Method;
use crate::decline::DeclineClass;

fn days(town: &Town) -> Vec<String> {
    let zone = &town.file.plan.zone;
    town.charges.iter().map(|(_, at, _)| format!("{} {}", zone.day_of(*at), zone.time_of(*at))).collect()
}

#[test]
fn ten_years_of_months_are_charged_once_each_in_every_zone_and_never_at_night() {
    for zone in ["Asia/Shanghai", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "UTC"] {
        let mut town = Town::new(
            monthly(5_000, "2026-01-31", Some(120)),
            Some(Method::UnionpayDebit),
            zone,
            "2026-01-15T03:00:00Z",
        );
        town.run("2037-01-01T00:00:00Z");
        let charged: Vec<_> = town.charges.iter().map(|(seq, _, _)| *seq).collect();
        assert_eq!(charged, (1..=120).collect::<Vec<_>>(), "{zone}");
        assert_eq!(town.file.plan.state, PlanState::Completed);
        assert_eq!(town.money(), (600_000, 0));
        assert_eq!(days(&town)[..3], ["2026-01-31 10:00", "2026-02-28 10:00", "2026-03-31 10:00"]);
        assert_eq!(days(&town)[25], "2028-02-29 10:00");
        let hours = Hours::default();
        assert!(town.charges.iter().all(|(_, at, _)| hours.allow(&town.file.plan.zone, *at)));
    }
}

#[test]
fn days_without_anybody_at_work_are_caught_up_one_by_one() {
    let mut town = Town::new(
        monthly(5_000, "2026-01-10", Some(6)),
        Some(Method::UnionpayDebit),
        "Asia/Shanghai",
        "2026-01-01T00:00:00Z",
    );
    // Nobody looks until after midnight in May.
    town.now = at("2026-05-12T16:30:00Z");
    town.run("2026-05-14T00:00:00Z");
    let seqs: Vec<_> = town.charges.iter().map(|(seq, _, _)| *seq).collect();
    assert_eq!(seqs, [1, 2, 3, 4, 5]);
    assert!(days(&town).iter().all(|d| d == "2026-05-13 08:05"), "{:?}", days(&town));
}

#[test]
fn a_plan_of_a_hundred_in_parts_sums_exactly_and_completes() {
    for count in [3, 7, 12] {
        let minors = crate::billing::split::equal(10_000, count).unwrap();
        let mut town =
            Town::new(parts(&minors, "2026-02-01"), Some(Method::CardDebit), "Asia/Shanghai", "2026-01-20T00:00:00Z");
        town.run("2027-06-01T00:00:00Z");
        assert_eq!((town.money(), town.file.plan.state), ((10_000, 0), PlanState::Completed));
        assert_eq!(town.charges.len(), usize::try_from(count).unwrap());
    }
}

#[test]
fn each_class_of_decline_has_its_course() {
    let course = |class, more: usize| {
        let mut town = Town::new(
            parts(&[100], "2026-02-01"),
            Some(Method::UnionpayDebit),
            "Asia/Shanghai",
            "2026-01-20T00:00:00Z",
        );
        town.answers = std::iter::repeat_n(Answer::Declines(class), more).collect();
        town.run("2026-03-25T00:00:00Z");
        town
    };
    let poor = course(DeclineClass::InsufficientFunds, 2);
    assert_eq!(days(&poor), ["2026-02-01 10:00", "2026-02-02 10:00", "2026-02-04 10:00"]);
    assert_eq!(poor.states(), [InstallmentState::Paid]);
    let technical = course(DeclineClass::Technical, 3);
    assert_eq!(days(&technical), ["2026-02-01 10:00", "2026-02-01 11:00", "2026-02-01 12:00", "2026-02-02 10:00"]);
    let exhausted = course(DeclineClass::InsufficientFunds, 99);
    assert_eq!((exhausted.charges.len(), exhausted.states()), (7, vec![InstallmentState::Overdue]));
    assert!(exhausted.told.contains(&EventKind::InstallmentOverdue));
    for class in [DeclineClass::Hard, DeclineClass::PayerMustAct, DeclineClass::Terms] {
        let hard = course(class, 99);
        assert_eq!((hard.charges.len(), hard.states(), hard.asked.len()), (1, vec![InstallmentState::Overdue], 0));
    }
    let risk = course(DeclineClass::Risk, 99);
    assert_eq!((risk.charges.len(), risk.asked), (1, vec![QuestionKind::ChargeAtRisk]));
    let gone = course(DeclineClass::Agreement, 99);
    assert_eq!((gone.charges.len(), gone.file.plan.state), (1, PlanState::Paused));
    assert_eq!(gone.asked, [QuestionKind::PlanStalled]);
}

#[test]
fn who_pays_by_hand_in_between_is_not_charged_again() {
    let mut town =
        Town::new(parts(&[100], "2026-02-01"), Some(Method::UnionpayDebit), "Asia/Shanghai", "2026-01-20T00:00:00Z");
    town.answers = [Answer::Declines(DeclineClass::InsufficientFunds); 9].into();
    town.run("2026-02-03T00:00:00Z");
    assert_eq!((town.charges.len(), town.states()), (2, vec![InstallmentState::RetryWait]));
    town.pay_by_hand(1);
    town.run("2026-06-01T00:00:00Z");
    assert_eq!((town.charges.len(), town.states(), town.money()), (2, vec![InstallmentState::Paid], (100, 0)));
    assert_eq!(town.file.plan.state, PlanState::Completed);
}

#[test]
fn what_is_never_paid_is_written_off_and_ends_the_plan() {
    let mut town = Town::new(
        monthly(100, "2026-02-01", None),
        Some(Method::UnionpayDebit),
        "Asia/Shanghai",
        "2026-01-20T00:00:00Z",
    );
    town.answers = std::iter::repeat_n(Answer::Declines(DeclineClass::Hard), 99).collect();
    town.run("2027-01-01T00:00:00Z");
    assert_eq!(town.file.plan.state, PlanState::Defaulted);
    assert!(town.states().iter().all(|s| matches!(s, InstallmentState::WrittenOff | InstallmentState::Voided)));
    assert_eq!(town.money(), (0, 0));
    // Three fell due before the first was given up.
    assert_eq!(town.charges.len(), 3);
}

#[test]
fn an_agreement_that_ends_stops_its_plan_with_a_question_until_there_is_another() {
    let mut town = Town::new(
        monthly(100, "2026-02-01", Some(3)),
        Some(Method::UnionpayDebit),
        "Asia/Shanghai",
        "2026-01-20T00:00:00Z",
    );
    town.run("2026-02-15T00:00:00Z");
    let whole = town.agreement.clone().unwrap();
    let ended = crate::agreement::AgreementState::Ended;
    town.agreement = Some(Agreement { state: ended, ..whole.clone() });
    town.file.plan.due_at = Some(town.now);
    town.run("2026-06-15T00:00:00Z");
    assert_eq!((town.charges.len(), town.file.plan.state), (1, PlanState::Paused));
    assert_eq!(town.asked, [QuestionKind::PlanStalled]);
    town.agreement = Some(whole.clone());
    let wish =
        crate::billing::wishes::Wish::ChargeBy { agreement: whole.id, account: whole.account, method: whole.method };
    town.wish(&wish).unwrap();
    town.wish(&crate::billing::wishes::Wish::Resume { catch_up: true }).unwrap();
    town.run("2026-07-15T00:00:00Z");
    assert_eq!((town.charges.len(), town.asked.len(), town.money()), (3, 0, (300, 0)));
}

#[test]
fn wechats_payer_is_told_two_days_before_and_charged_only_then() {
    let mut town = Town::new(
        monthly(100, "2026-02-10", Some(2)),
        Some(Method::WechatDebit),
        "Asia/Shanghai",
        "2026-01-20T00:00:00Z",
    );
    town.answers = [Answer::Declines(DeclineClass::InsufficientFunds); 3].into();
    town.run("2026-04-01T00:00:00Z");
    let zone: Zone = Zone::DEFAULT.parse().unwrap();
    let told: Vec<_> = town.announcements.iter().map(|(seq, at)| (*seq, zone.day_of(*at).to_string())).collect();
    // The notice of the 8th holds from the 10th to the 12th; the try of the 13th needs another, and moves.
    assert_eq!(told[..2], [(1, "2026-02-08".to_owned()), (1, "2026-02-13".to_owned())]);
    assert_eq!(days(&town)[..4], ["2026-02-10 10:00", "2026-02-11 10:00", "2026-02-15 10:00", "2026-02-20 10:00"]);
    assert_eq!(town.file.plan.state, PlanState::Completed);
    assert_eq!(days(&town).last().unwrap(), "2026-03-10 10:00");
}

#[test]
fn alipays_charge_begins_before_the_day_and_is_never_made_after_it() {
    let mut town = Town::new(
        monthly(100, "2026-02-10", Some(2)),
        Some(Method::AlipayDebit),
        "Asia/Shanghai",
        "2026-01-20T00:00:00Z",
    );
    town.answers = [Answer::Declines(DeclineClass::InsufficientFunds); 3].into();
    town.run("2026-02-20T00:00:00Z");
    assert_eq!(days(&town), ["2026-02-08 10:00", "2026-02-09 10:00", "2026-02-10 10:00"]);
    assert_eq!(town.states()[0], InstallmentState::Overdue);
    // Nobody was at work on the day: it is not charged, but can be paid.
    let mut late = Town::new(
        monthly(100, "2026-02-10", Some(1)),
        Some(Method::AlipayDebit),
        "Asia/Shanghai",
        "2026-02-12T03:00:00Z",
    );
    late.run("2026-02-20T00:00:00Z");
    assert_eq!((late.charges.len(), late.states()), (0, vec![InstallmentState::Overdue]));
    late.pay_by_hand(1);
    late.later(24);
    assert_eq!(late.states(), [InstallmentState::Paid]);
}

#[test]
fn the_last_look_forbids_the_night_a_pause_and_a_dead_agreement() {
    let town =
        Town::new(monthly(100, "2026-02-10", None), Some(Method::CardDebit), "Asia/Shanghai", "2026-02-10T02:00:00Z");
    let agreement = town.agreement.clone().unwrap();
    let mut file = town.file.clone();
    file.installments.push(crate::billing::Installment::new(
        1,
        crate::billing::InstallmentKind::Regular,
        day("2026-02-10"),
        100,
    ));
    let in_state = |state| PlanFile { plan: Plan { state, ..file.plan.clone() }, ..file.clone() };
    let look = |file: &PlanFile, agreement: &Agreement, now| last_look(file, 1, agreement, at(now));
    let active = in_state(PlanState::Active);
    assert_eq!(look(&active, &agreement, "2026-02-10T02:00:00Z"), LastLook::Go);
    let night = look(&active, &agreement, "2026-02-10T15:00:00Z");
    assert_eq!(night, LastLook::Later(at("2026-02-11T00:05:00Z")));
    assert!(matches!(look(&in_state(PlanState::Paused), &agreement, "2026-02-10T02:00:00Z"), LastLook::Never(_)));
    let dead = Agreement { state: crate::agreement::AgreementState::Ending, ..agreement };
    assert!(matches!(look(&active, &dead, "2026-02-10T02:00:00Z"), LastLook::Never(_)));
    // A job that is late must not call on a day of which the channel or the payer knows nothing.
    let alipay = crate::billing::test_town::agreement(Method::AlipayDebit);
    assert_eq!(look(&active, &alipay, "2026-02-10T02:00:00Z"), LastLook::Go);
    assert!(matches!(look(&active, &alipay, "2026-02-10T15:00:00Z"), LastLook::Never(_)), "tomorrow is too late");
    assert!(matches!(look(&active, &alipay, "2026-02-11T02:00:00Z"), LastLook::Never(_)));
    let wechat = crate::billing::test_town::agreement(Method::WechatDebit);
    assert!(matches!(look(&active, &wechat, "2026-02-10T02:00:00Z"), LastLook::Never(_)), "he was never told");
    let mut told = active.clone();
    told.installments[0].announced_on = Some(day("2026-02-08"));
    for (now, goes) in [
        ("2026-02-09T02:00:00Z", false),
        ("2026-02-10T02:00:00Z", true),
        ("2026-02-12T02:00:00Z", true),
        ("2026-02-13T02:00:00Z", false),
    ] {
        let seen = look(&told, &wechat, now);
        assert_eq!(seen == LastLook::Go, goes, "{now}: {seen:?}");
    }
}

#[test]
fn a_plan_without_an_agreement_asks_the_payer_and_says_when_he_is_late() {
    let mut town = Town::new(parts(&[100, 100], "2026-02-01"), None, "Asia/Shanghai", "2026-01-20T00:00:00Z");
    town.run("2026-02-01T12:00:00Z");
    assert_eq!(town.states(), [InstallmentState::Charging, InstallmentState::Scheduled]);
    town.run("2026-02-02T12:00:00Z");
    assert_eq!(town.states()[0], InstallmentState::Overdue);
    town.pay_by_hand(1);
    town.run("2026-03-01T03:00:00Z");
    town.pay_by_hand(2);
    town.later(1);
    assert_eq!((town.file.plan.state, town.money(), town.charges.len()), (PlanState::Completed, (200, 0), 0));
    assert_eq!(town.file.installment(1).unwrap().due_on, day("2026-02-01"));
}
