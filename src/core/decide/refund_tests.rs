//! Stories of refunds that go as they should: by whom, how much, and when.

use super::test_books::*;
use super::*;
use crate::clock::MINUTE_MS;
use crate::event::EventKind;
use crate::job::JobKind;
use crate::ledger::AccountKind;
use crate::order::RefundOverlay;
use crate::refund::{LegState, NamedShare, RefundClaim, RefundState, Route};

fn paid() -> Books {
    Books::paid(&[8800], MerchantPolicy::default())
}

#[test]
fn a_paid_order_is_refunded_by_one_leg() {
    let mut books = paid();
    let id = books.ask(None, Allocation::Reverse, false).unwrap();
    assert_eq!(books.state_of(id), RefundState::Running);
    assert_eq!(books.dossier.payments[0].returned_minor, 8800);
    assert_eq!((books.balance(AccountKind::RefundsPayable), books.balance(AccountKind::Earnings)), (-8800, 0));
    books.check();
    books.leg(0, RefundClaim::Sending);
    books.check();
    books.leg(0, RefundClaim::Processing { refund_id: "r".into() });
    assert_eq!(books.state_of(id), RefundState::Running, "acceptance is not success");
    assert_eq!(books.job_of_leg(0, JobKind::SendRefund), None);
    assert!(books.job_of_leg(0, JobKind::PollRefund).is_some());
    books.check();
    let arrived = books.arrived(0);
    books.leg(0, arrived);
    assert_eq!(books.state_of(id), RefundState::Succeeded);
    assert_eq!(books.dossier.overlay(), RefundOverlay::Refunded);
    assert!(books.balances.values().all(|b| *b == 0), "{:?}", books.balances);
    assert_eq!(books.told(), [EventKind::OrderPaid, EventKind::RefundCreated, EventKind::RefundSucceeded]);
    assert_eq!(books.dossier.order.state, OrderState::Paid);
    books.check();
}

#[test]
fn parts_are_refunded_until_nothing_is_left() {
    let mut books = paid();
    for (minor, index) in [(3000, 0), (5000, 1), (800, 2)] {
        books.refund(minor).unwrap();
        books.give_back(index);
        books.check();
    }
    assert_eq!(books.dossier.overlay(), RefundOverlay::Refunded);
    assert_eq!(books.refund(1), Err(Impossible::TooMuch { asked: 1, captured: 8800, given_back: 8800, left: 0 }));
    let none = Err(Impossible::NothingCaptured(OrderState::Paid));
    assert_eq!(books.ask(None, Allocation::Reverse, false), none);
}

#[test]
fn too_much_nothing_and_less_are_refused() {
    let mut books = paid();
    assert_eq!(books.refund(8801), Err(Impossible::TooMuch { asked: 8801, captured: 8800, given_back: 0, left: 8800 }));
    assert_eq!(books.refund(0), Err(Impossible::NotPositive(0)));
    assert_eq!(books.refund(-1), Err(Impossible::NotPositive(-1)));
    let mut unpaid = Books::new(&[8800], MerchantPolicy::default());
    assert_eq!(unpaid.refund(1), Err(Impossible::NothingCaptured(OrderState::Paying)));
}

#[test]
fn a_second_refund_gets_only_what_the_first_has_left_though_no_money_moved_yet() {
    let mut books = paid();
    books.refund(5000).unwrap();
    let refused = books.refund(5000);
    assert_eq!(refused, Err(Impossible::TooMuch { asked: 5000, captured: 8800, given_back: 5000, left: 3800 }));
    books.refund(3800).unwrap();
    books.check();
}

#[test]
fn two_refunds_of_one_payment_keep_the_distance_that_the_channel_wants() {
    let mut books = paid();
    let first = books.now;
    books.refund(100).unwrap();
    books.refund(100).unwrap();
    books.refund(100).unwrap();
    let turn = |n: i64| Some(first.plus_ms(n * MINUTE_MS));
    let jobs: Vec<_> = (0..3).map(|i| books.job_of_leg(i, JobKind::SendRefund)).collect();
    assert_eq!(jobs, [turn(0), turn(1), turn(2)]);
    let due: Vec<_> = books.legs().iter().map(|l| l.due_at).collect();
    assert_eq!(due, jobs, "the sweep does not come before its turn");
}

#[test]
fn a_refund_takes_from_the_payment_captured_last_first() {
    let mut books = Books::paid(&[60, 40], MerchantPolicy::default());
    books.refund(50).unwrap();
    let shares: Vec<_> = books.legs().iter().rev().take(2).map(|l| (l.payment, l.amount.minor)).collect();
    let [first, second] = [books.dossier.payments[0].id, books.dossier.payments[1].id];
    assert_eq!(shares, [(first, 10), (second, 40)]);
    books.check();
}

#[test]
fn a_refund_by_named_shares_needs_no_sum() {
    let mut books = Books::paid(&[60, 40], MerchantPolicy::default());
    let named = |minor| NamedShare { payment: books.dossier.payments[0].id, amount_minor: minor };
    let (fits, too_much) = (Allocation::Named(vec![named(25)]), Allocation::Named(vec![named(50)]));
    let id = books.ask(None, fits, false).unwrap();
    assert_eq!(books.dossier.refund(id).unwrap().amount.minor, 25);
    let refused = books.ask(None, too_much, false);
    assert_eq!(refused, Err(Impossible::TooMuch { asked: 50, captured: 60, given_back: 25, left: 35 }));
    books.check();
}

fn awaiting() -> (Books, RefundId) {
    let mut books =
        Books::paid(&[8800], MerchantPolicy { approval_above_minor: Some(5000), ..MerchantPolicy::default() });
    let id = books.refund(6000).unwrap();
    (books, id)
}

#[test]
fn a_large_refund_waits_for_a_second_person_with_its_money_set_aside() {
    let (mut books, id) = awaiting();
    assert_eq!(books.state_of(id), RefundState::AwaitingApproval);
    assert_eq!(books.dossier.payments[0].returned_minor, 6000);
    assert_eq!(books.job_of_leg(0, JobKind::SendRefund), None);
    assert!(!books.leg(0, RefundClaim::Sending).news(), "nothing is sent without approval");
    assert!(books.refund(3000).is_err());
    books.check();
    books.say(id, RefundClaim::Approved { by: "Bob".into() });
    assert_eq!(books.state_of(id), RefundState::Running);
    assert!(books.job_of_leg(0, JobKind::SendRefund).is_some());
    books.check();
    books.give_back(0);
    assert_eq!(books.state_of(id), RefundState::Succeeded);
    assert_eq!(books.told(), [EventKind::OrderPaid, EventKind::RefundCreated, EventKind::RefundSucceeded]);
}

#[test]
fn a_small_refund_needs_nobody() {
    let (mut books, _) = awaiting();
    let small = books.refund(100).unwrap();
    assert_eq!(books.state_of(small), RefundState::Running);
}

#[test]
fn who_asked_for_a_refund_cannot_approve_it() {
    let (mut books, id) = awaiting();
    for by in ["Ann", " ann ", "ANN", "", "  "] {
        assert!(books.dossier.refund(id).unwrap().check_approver(by).is_err(), "{by:?}");
        assert!(!books.say(id, RefundClaim::Approved { by: by.into() }).news());
    }
    assert_eq!(books.dossier.refund(id).unwrap().check_approver("Bob"), Ok(()));
    assert_eq!(books.state_of(id), RefundState::AwaitingApproval);
}

#[test]
fn a_rejected_refund_gives_its_money_free_and_stays_rejected() {
    let (mut books, id) = awaiting();
    books.say(id, RefundClaim::Rejected { by: "Bob".into(), reason: "no".into() });
    assert_eq!(books.state_of(id), RefundState::Rejected);
    assert_eq!(books.leg_states(), [LegState::Abandoned]);
    assert_eq!(books.dossier.payments[0].returned_minor, 0);
    assert_eq!(books.told(), [EventKind::OrderPaid, EventKind::RefundFailed]);
    assert!(!books.say(id, RefundClaim::Approved { by: "Cid".into() }).news());
    books.check();
    books.refund(4000).unwrap();
    books.check();
}

#[test]
fn a_refund_under_way_can_neither_be_rejected_nor_voided() {
    let mut books = paid();
    let id = books.refund(100).unwrap();
    assert!(!books.say(id, RefundClaim::Rejected { by: "Bob".into(), reason: "no".into() }).news());
    assert!(!books.say(id, RefundClaim::Voided { reason: "no".into() }).news());
    assert_eq!(books.state_of(id), RefundState::Running);
}

#[test]
fn an_approved_refund_takes_its_turn_from_then_on() {
    let (mut books, id) = awaiting();
    books.refund(100).unwrap();
    books.leg(1, RefundClaim::Sending);
    let sent = books.legs()[1].evidence.sent_at.unwrap();
    books.say(id, RefundClaim::Approved { by: "Bob".into() });
    assert_eq!(books.job_of_leg(0, JobKind::SendRefund), Some(sent.plus_ms(MINUTE_MS)));
    books.check();
}

#[test]
fn a_payment_too_old_for_its_channel_is_given_back_by_a_person() {
    let mut books = paid();
    books.now = books.now.plus_ms(365 * crate::clock::DAY_MS);
    let id = books.refund(100).unwrap();
    assert_eq!(books.legs()[0].route, Route::Transfer);
    assert_eq!(books.state_of(id), RefundState::Parked);
    assert_eq!(books.questions(), [QuestionKind::TransferDue]);
    books.leg(0, RefundClaim::Transferred { by: "Eve".into(), reference: "TT 1".into() });
    assert_eq!(books.state_of(id), RefundState::Succeeded);
    assert!(books.open.is_empty());
    assert_eq!((books.balance(AccountKind::PaidOutside), books.balance(AccountKind::Clearing)), (-100, 8800));
    books.check();
}
