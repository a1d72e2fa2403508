//! Stories of orders that several payments pay together.

use super::test_books::*;
use super::*;
use crate::event::EventKind;
use crate::job::JobKind;
use crate::ledger::AccountKind;
use crate::payment::PaymentState;
use crate::refund::{LegState, RefundClaim, RefundState};

fn two() -> Books {
    Books::new(&[60, 40], MerchantPolicy::default())
}

fn deposit() -> Books {
    let (order, payments) = parts(&[60, 40]);
    Books::open(Order { part_payment: true, ..order }, payments, MerchantPolicy::default())
}

fn compensation(books: &Books) -> RefundId {
    RefundCause::Incomplete.refund_of(books.dossier.payments[0].id)
}

fn starts(books: &Books, index: usize) -> bool {
    books.jobs.contains_key(&JobKey::payment(JobKind::CreatePayment, books.dossier.payments[index].id))
}

#[test]
fn the_second_part_starts_when_the_first_is_captured_and_giving_back_is_prepared_in_that_decision() {
    let mut books = two();
    assert!(starts(&books, 0) && !starts(&books, 1));
    books.check();
    let decision = books.capture(0);
    assert_eq!(decision.next.order.state, OrderState::PartiallyPaid);
    let refund = decision.next.refund(compensation(&books)).unwrap();
    assert_eq!((refund.state, refund.amount.minor), (RefundState::Prepared, 60));
    assert!(starts(&books, 1));
    assert_eq!(books.job_of_leg(0, JobKind::SendRefund), None, "it does not run");
    assert!(books.told().is_empty(), "nobody is told of what may never come");
    assert_eq!(books.balance(AccountKind::RefundsPayable), 0);
    books.check();
}

#[test]
fn what_was_only_prepared_is_never_sent() {
    let mut books = two();
    books.capture(0);
    assert!(!books.leg(0, RefundClaim::Sending).news());
    assert!(!books.leg(0, RefundClaim::Abandoned { by: "Eve".into(), reason: text() }).news());
    books.check();
}

#[test]
fn an_order_that_becomes_whole_needs_no_compensation() {
    let mut books = two();
    books.capture(0);
    books.capture(1);
    assert_eq!(books.dossier.order.state, OrderState::Paid);
    assert_eq!(books.state_of(compensation(&books)), RefundState::Voided);
    assert_eq!(books.leg_states(), [LegState::Abandoned]);
    assert_eq!(books.told(), [EventKind::OrderPaid]);
    assert_eq!((books.balance(AccountKind::Clearing), books.balance(AccountKind::Earnings)), (100, -100));
    books.check();
    // All of it can be refunded again.
    books.refund(100).unwrap();
    books.check();
}

#[test]
fn when_the_second_part_never_comes_the_first_goes_back() {
    let mut books = two();
    books.capture(0);
    books.pay(1, Claim::Sending);
    books.pay(1, accepted());
    books.pay(1, close());
    assert_eq!(books.dossier.order.state, OrderState::Closing);
    assert_eq!(books.state_of(compensation(&books)), RefundState::Prepared, "it may still be paid");
    books.check();
    books.pay(1, Claim::ClosedAtChannel);
    assert_eq!(books.dossier.order.state, OrderState::Closed);
    assert_eq!(books.state_of(compensation(&books)), RefundState::Running);
    assert!(books.job_of_leg(0, JobKind::SendRefund).is_some());
    assert_eq!(books.told(), [EventKind::OrderClosed, EventKind::RefundCreated]);
    books.check();
    books.give_back(0);
    assert_eq!(books.state_of(compensation(&books)), RefundState::Succeeded);
    assert!(books.balances.values().all(|b| *b == 0), "{:?}", books.balances);
    books.check();
}

#[test]
fn a_compensation_that_fails_is_not_paid_by_two_refunds() {
    let mut books = two();
    books.capture(0);
    books.pay(1, close());
    books.leg(0, RefundClaim::Sending);
    books.leg(0, RefundClaim::Closed { reason: text() });
    assert_eq!(books.dossier.refunds.len(), 1);
    assert_eq!(books.leg_states(), [LegState::Failed, LegState::Reserved]);
    books.check();
}

#[test]
fn a_compensation_that_a_person_gave_up_is_not_begun_again() {
    let mut books = two();
    books.capture(0);
    books.pay(1, close());
    books.leg(0, RefundClaim::Abandoned { by: "Eve".into(), reason: text() });
    assert_eq!(books.state_of(compensation(&books)), RefundState::Failed);
    assert_eq!(books.dossier.refunds.len(), 1);
    books.check();
}

#[test]
fn a_declined_part_closes_the_others() {
    let mut books = Books::new(&[50, 30, 20], MerchantPolicy::default());
    books.capture(0);
    books.pay(1, Claim::Sending);
    books.pay(1, Claim::Refused { reason: "NO_AUTH".into() });
    let states: Vec<_> = books.dossier.payments.iter().map(|p| p.state).collect();
    assert_eq!(states, [PaymentState::Captured, PaymentState::Declined, PaymentState::Declined]);
    assert_eq!(books.dossier.order.state, OrderState::Closed);
    assert_eq!(books.dossier.order.close_reason.as_deref(), Some("declined: NO_AUTH"));
    assert!(!starts(&books, 2), "the third part was never asked for");
    assert_eq!(books.leg_states(), [LegState::Reserved]);
    books.check();
}

#[test]
fn a_first_part_that_is_declined_costs_nothing() {
    let mut books = two();
    books.pay(0, Claim::Sending);
    books.pay(0, Claim::Refused { reason: "NO_AUTH".into() });
    assert_eq!(books.dossier.order.state, OrderState::Closed);
    assert!(books.dossier.refunds.is_empty() && books.balances.values().all(|b| *b == 0));
    books.check();
}

#[test]
fn money_of_the_second_part_that_comes_late_goes_back_too() {
    let mut books = two();
    books.capture(0);
    books.pay(1, Claim::Sending);
    books.pay(1, close());
    books.pay(1, Claim::ClosedAtChannel);
    books.capture(1);
    let causes: Vec<_> = books.dossier.refunds.iter().map(|r| r.cause).collect();
    assert_eq!(causes, [RefundCause::Incomplete, RefundCause::LateMoney]);
    books.give_back(0);
    books.give_back(1);
    assert!(books.balances.values().all(|b| *b == 0), "{:?}", books.balances);
    books.check();
}

#[test]
fn a_deposit_is_kept_when_the_rest_does_not_come() {
    let mut books = deposit();
    books.capture(0);
    assert!(books.dossier.refunds.is_empty());
    books.pay(1, close());
    assert_eq!(books.dossier.order.state, OrderState::PartiallyPaid);
    assert!(books.dossier.refunds.is_empty());
    books.check();
    books.add(40).unwrap();
    books.capture(2);
    assert_eq!(books.dossier.order.state, OrderState::Paid);
    books.check();
}

#[test]
fn a_deposit_can_be_refunded_by_a_person() {
    let mut books = deposit();
    books.capture(0);
    books.pay(1, close());
    books.refund(60).unwrap();
    books.give_back(0);
    assert_eq!(books.balance(AccountKind::Clearing), 0);
    books.check();
}

#[test]
fn an_order_that_is_still_being_paid_cannot_be_refunded() {
    let mut books = two();
    books.capture(0);
    assert_eq!(books.refund(10), Err(Impossible::StillPaying));
}

#[test]
fn no_more_can_be_added_than_is_missing() {
    let mut books = two();
    books.capture(0);
    assert!(books.add(41).is_err());
    books.add(40).unwrap();
    books.check();
    let mut paid = Books::paid(&[100], MerchantPolicy::default());
    assert!(paid.add(1).unwrap_err().contains("paid"));
}
