//! Stories of refunds that do not arrive at once: what is asked, what is tried next, and what is never
//! done twice.

use super::test_books::*;
use super::*;
use crate::event::EventKind;
use crate::job::JobKind;
use crate::ledger::AccountKind;
use crate::refund::{LegState, RefundClaim, RefundState, Route};
use LegState::{
    Abandoned, AwaitingTransfer, Failed, NotPossible, Processing, Reserved, Reversed, SecondWay, Stranded, Succeeded,
    Unknown, WaitingFunds,
};

/// A paid order of which everything is on its way back.
fn sent(amounts: &[i64]) -> Books {
    let mut books = Books::paid(amounts, MerchantPolicy::default());
    // The compensation of a combined order has lapsed.
    books.ask(Some(amounts[amounts.len() - 1]), Allocation::Reverse, false).unwrap();
    let last = books.legs().len() - 1;
    books.leg(last, RefundClaim::Sending);
    books
}

fn lost() -> RefundClaim {
    RefundClaim::NoAnswer { why: text() }
}

fn refused() -> RefundClaim {
    RefundClaim::Refused { reason: "TOO_OLD".into() }
}

fn closed() -> RefundClaim {
    RefundClaim::Closed { reason: text() }
}

fn abnormal() -> RefundClaim {
    RefundClaim::Abnormal { refund_id: "r".into() }
}

fn transferred() -> RefundClaim {
    RefundClaim::Transferred { by: "Eve".into(), reference: "TT 1".into() }
}

#[test]
fn a_lost_answer_is_asked_after_and_the_same_number_is_sent_again() {
    let mut books = sent(&[100]);
    let number = books.legs()[0].number();
    books.leg(0, lost());
    assert_eq!(books.leg_states(), [Unknown]);
    assert_eq!((books.balance(AccountKind::Suspense), books.balance(AccountKind::Clearing)), (100, 0));
    assert_eq!(books.job_of_leg(0, JobKind::SendRefund), None, "ask first");
    books.check();
    books.leg(0, RefundClaim::Absent);
    assert_eq!(books.leg_states(), [Reserved]);
    assert_eq!(books.job_of_leg(0, JobKind::PollRefund), None);
    assert!(books.job_of_leg(0, JobKind::SendRefund).is_some());
    books.check();
    books.give_back(0);
    assert_eq!(books.legs()[0].number(), number);
    assert_eq!(books.leg_states(), [Succeeded]);
    books.check();
}

#[test]
fn a_refusal_after_a_lost_answer_is_believed_when_the_channel_knows_of_no_refund() {
    let mut books = sent(&[100]);
    books.leg(0, lost());
    books.leg(0, RefundClaim::Absent);
    books.leg(0, RefundClaim::Sending);
    books.leg(0, refused());
    assert_eq!(books.leg_states(), [Unknown], "the first call may have arrived");
    assert!(books.job_of_leg(0, JobKind::PollRefund).is_some());
    books.check();
    let mut arrived = Books { dossier: books.dossier.clone(), ..sent(&[100]) };
    let success = arrived.arrived(0);
    let decision = arrived.leg(0, success);
    assert_eq!(decision.next.refunds[0].legs.len(), 1, "no other way is needed");
    books.leg(0, RefundClaim::Absent);
    assert_eq!(books.leg_states(), [NotPossible, AwaitingTransfer]);
    books.check();
}

#[test]
fn want_of_funds_is_a_question_until_the_channel_takes_the_refund_on() {
    let mut books = sent(&[100]);
    books.leg(0, RefundClaim::NoFunds { reason: "NOT_ENOUGH".into() });
    assert_eq!(books.leg_states(), [WaitingFunds]);
    assert_eq!(books.questions(), [QuestionKind::NoFunds]);
    books.check();
    books.leg(0, RefundClaim::Sending);
    books.leg(0, RefundClaim::NoFunds { reason: "NOT_ENOUGH".into() });
    assert_eq!(books.asked, [QuestionKind::NoFunds], "asked once");
    books.give_back(0);
    assert!(books.open.is_empty());
    books.check();
}

#[test]
fn money_that_a_bank_sent_back_goes_to_the_account_that_the_payer_named() {
    let mut books = Books::paid(&[100], MerchantPolicy::default());
    let id = books.ask(None, Allocation::Reverse, true).unwrap();
    books.leg(0, RefundClaim::Sending);
    books.leg(0, RefundClaim::Processing { refund_id: "r".into() });
    books.leg(0, abnormal());
    assert_eq!(books.leg_states(), [SecondWay]);
    assert!(books.job_of_leg(0, JobKind::SendRefund).is_some());
    books.check();
    books.leg(0, RefundClaim::SecondSending);
    books.leg(0, RefundClaim::SecondAccepted);
    assert_eq!(books.leg_states(), [Processing]);
    books.check();
    let arrived = books.arrived(0);
    books.leg(0, arrived);
    assert_eq!(books.state_of(id), RefundState::Succeeded);
    books.check();
}

#[test]
fn money_that_a_bank_sent_back_and_nobody_named_an_account_for_is_taken_from_another_payment() {
    let mut books = sent(&[60, 40]);
    let last = books.legs().len() - 1;
    books.leg(last, abnormal());
    let legs = books.legs();
    let next = &legs[last + 1];
    assert_eq!((legs[last].state, next.state, next.route), (Stranded, Reserved, Route::Channel));
    assert_eq!((next.payment, next.amount.minor), (books.dossier.payments[0].id, 40));
    assert_eq!(next.replaces, Some(legs[last].id));
    assert_eq!(books.balance(AccountKind::Suspense), 40, "it lies at the channel");
    books.check();
    // That fails too: a person transfers it.
    books.leg(last + 1, RefundClaim::Sending);
    books.leg(last + 1, refused());
    assert_eq!(books.leg_states()[last..], [Stranded, NotPossible, AwaitingTransfer]);
    assert_eq!(books.dossier.refunds[1].state, RefundState::Parked);
    assert_eq!(books.questions(), [QuestionKind::TransferDue]);
    books.check();
    books.leg(last + 2, transferred());
    assert_eq!(books.dossier.refunds[1].state, RefundState::Succeeded);
    assert!(books.open.is_empty());
    books.check();
}

#[test]
fn a_number_that_the_channel_gave_up_is_followed_by_a_fresh_one_once() {
    let mut books = sent(&[100]);
    books.leg(0, closed());
    assert_eq!(books.leg_states(), [Failed, Reserved]);
    assert_ne!(books.legs()[0].number(), books.legs()[1].number());
    assert!(books.legs()[1].due_at.unwrap() > books.now, "the channel wants time between two");
    books.check();
    books.leg(1, RefundClaim::Sending);
    books.leg(1, closed());
    assert_eq!(books.leg_states(), [Failed, Failed, AwaitingTransfer]);
    assert_eq!(books.told().last(), Some(&EventKind::RefundParked));
    books.check();
}

#[test]
fn money_that_came_back_after_it_had_arrived_goes_another_way() {
    let mut books = sent(&[60, 40]);
    let last = books.legs().len() - 1;
    let arrived = books.arrived(last);
    books.leg(last, arrived);
    assert_eq!(books.told().last(), Some(&EventKind::RefundSucceeded));
    books.leg(last, RefundClaim::Reversed { reason: text() });
    assert_eq!(books.leg_states()[last..], [Reversed, Reserved]);
    assert_eq!(books.dossier.refunds[1].state, RefundState::Running);
    assert_eq!(books.told().last(), Some(&EventKind::RefundFailed));
    books.check();
}

#[test]
fn trouble_about_money_that_had_arrived_is_asked_after_each_time() {
    let mut books = sent(&[100]);
    let arrived = books.arrived(0);
    books.leg(0, arrived);
    let watch = books.job_of_leg(0, JobKind::PollRefund).unwrap();
    assert!(watch > books.now);
    for _ in 0..2 {
        // The watch has ended.
        books.jobs.clear();
        books.dossier.refunds[0].legs[0].due_at = None;
        books.leg(0, abnormal());
        assert_eq!(books.leg_states(), [Succeeded]);
        assert!(books.job_of_leg(0, JobKind::PollRefund).is_some_and(|at| at <= books.now));
    }
}

#[test]
fn a_late_success_makes_a_transfer_needless() {
    let mut books = sent(&[100]);
    books.leg(0, abnormal());
    assert_eq!(books.leg_states(), [Stranded, AwaitingTransfer]);
    let arrived = books.arrived(0);
    books.leg(0, arrived);
    assert_eq!(books.leg_states(), [Succeeded, Abandoned]);
    assert_eq!(books.dossier.refunds[0].state, RefundState::Succeeded);
    assert!(books.open.is_empty());
    books.check();
    // It comes back after all: the transfer is needed again.
    books.leg(0, RefundClaim::Reversed { reason: text() });
    assert_eq!(books.leg_states(), [Reversed, Abandoned, AwaitingTransfer]);
    books.check();
}

#[test]
fn a_late_success_of_one_part_stops_what_replaced_it_though_the_other_part_is_open() {
    let mut books = Books::paid(&[60, 40], MerchantPolicy::default());
    books.refund(100).unwrap();
    // 0 is the lapsed compensation; 1 is of the 40, 2 of the 60.
    books.leg(1, RefundClaim::Sending);
    books.leg(1, abnormal());
    assert_eq!(books.leg_states()[1..], [Stranded, Reserved, AwaitingTransfer]);
    let arrived = books.arrived(1);
    books.leg(1, arrived);
    assert_eq!(books.leg_states()[1..], [Succeeded, Reserved, Abandoned]);
    books.check();
}

#[test]
fn a_call_that_waits_to_be_made_again_is_not_made_when_the_payer_has_the_money() {
    let mut books = sent(&[60, 40]);
    let last = books.legs().len() - 1;
    books.leg(last, abnormal());
    books.leg(last + 1, RefundClaim::Sending);
    books.leg(last + 1, lost());
    let arrived = books.arrived(last);
    books.leg(last, arrived);
    assert_eq!(books.leg_states()[last..], [Succeeded, Unknown], "it may have happened");
    books.check();
    books.leg(last + 1, RefundClaim::Absent);
    assert_eq!(books.leg_states()[last..], [Succeeded, Abandoned]);
    assert!(!books.leg(last + 1, RefundClaim::Sending).news());
    assert_eq!(books.dossier.refunds[1].state, RefundState::Succeeded);
    books.check();
}

#[test]
fn when_two_ways_both_succeed_a_person_is_asked_until_one_comes_back() {
    let mut books = sent(&[100]);
    books.leg(0, abnormal());
    books.leg(1, transferred());
    assert_eq!(books.dossier.refunds[0].state, RefundState::Succeeded);
    let arrived = books.arrived(0);
    books.leg(0, arrived);
    assert_eq!(books.leg_states(), [Succeeded, Succeeded]);
    assert_eq!(books.questions(), [QuestionKind::Overpaid]);
    books.check();
    books.leg(0, RefundClaim::Reversed { reason: text() });
    assert!(books.open.is_empty());
    assert_eq!(books.dossier.refunds[0].state, RefundState::Succeeded);
    books.check();
}

#[test]
fn the_second_way_is_not_asked_for_when_the_payer_has_the_money() {
    let mut books = Books::paid(&[60, 40], MerchantPolicy::default());
    books.ask(Some(40), Allocation::Reverse, true).unwrap();
    books.leg(1, RefundClaim::Sending);
    books.leg(1, refused());
    books.leg(2, RefundClaim::Sending);
    books.leg(2, abnormal());
    assert_eq!(books.leg_states()[1..], [NotPossible, SecondWay]);
    // The channel had not meant its refusal.
    let arrived = books.arrived(1);
    books.leg(1, arrived);
    assert_eq!(books.leg_states()[1..], [Succeeded, Stranded]);
    assert_eq!(books.job_of_leg(2, JobKind::SendRefund), None);
    books.check();
}

#[test]
fn money_that_comes_back_after_its_replacement_was_dropped_is_replaced_by_its_own_payment_again() {
    let mut books = sent(&[60, 40]);
    let last = books.legs().len() - 1;
    books.leg(last, closed());
    let arrived = books.arrived(last);
    books.leg(last, arrived);
    books.leg(last, RefundClaim::Reversed { reason: text() });
    let legs = books.legs();
    assert_eq!(legs[last..].iter().map(|l| l.state).collect::<Vec<_>>(), [Reversed, Abandoned, Reserved]);
    assert_eq!(legs[last + 2].replaces, Some(legs[last].id));
    books.check();
}

#[test]
fn a_transfer_that_was_really_made_counts_even_when_it_was_needless() {
    let mut books = sent(&[100]);
    books.leg(0, abnormal());
    let arrived = books.arrived(0);
    books.leg(0, arrived);
    assert_eq!(books.leg_states(), [Succeeded, Abandoned]);
    books.leg(1, transferred());
    assert_eq!(books.questions(), [QuestionKind::Overpaid]);
    books.check();
}

#[test]
fn a_person_may_give_a_transfer_up_and_is_not_asked_again() {
    let mut books = sent(&[100]);
    books.leg(0, refused());
    books.leg(1, RefundClaim::Abandoned { by: "Eve".into(), reason: "the payer is gone".into() });
    assert_eq!(books.leg_states(), [NotPossible, Abandoned]);
    assert_eq!(books.dossier.refunds[0].state, RefundState::Failed);
    assert_eq!(books.told().last(), Some(&EventKind::RefundFailed));
    assert!(books.open.is_empty());
    assert_eq!(books.dossier.payments[0].returned_minor, 0, "it can be refunded anew");
    books.check();
}

#[test]
fn what_may_have_taken_effect_cannot_be_given_up() {
    let mut books = sent(&[100]);
    let give_up = || RefundClaim::Abandoned { by: "Eve".into(), reason: text() };
    assert!(!books.leg(0, give_up()).news());
    books.leg(0, lost());
    assert!(!books.leg(0, give_up()).news());
    books.leg(0, RefundClaim::Absent);
    assert!(!books.leg(0, give_up()).news(), "a lost call may still arrive");
    books.leg(0, RefundClaim::Sending);
    books.leg(0, RefundClaim::Processing { refund_id: "r".into() });
    assert!(!books.leg(0, give_up()).news());
}

#[test]
fn another_amount_than_was_asked_for_is_held_for_a_person() {
    let mut books = sent(&[100]);
    let RefundClaim::Succeeded(receipt) = books.arrived(0) else { unreachable!() };
    books.leg(0, RefundClaim::Succeeded(crate::refund::RefundReceipt { amount_minor: 1, ..receipt }));
    assert_eq!(books.leg_states(), [LegState::Held]);
    assert_eq!(books.dossier.refunds[0].state, RefundState::Parked);
    assert_eq!(books.questions(), [QuestionKind::IntegrityHold]);
    books.check();
}
