//! Stories of money that an order cannot keep: it came late, or twice.

use super::test_books::*;
use super::*;
use crate::clock::MINUTE_MS;
use crate::event::EventKind;
use crate::job::JobKind;
use crate::ledger::AccountKind;
use crate::merchant::AfterClose;
use crate::payment::PaymentState;
use crate::refund::{LegState, RefundClaim, RefundState};

fn keep() -> Claim {
    Claim::LateMoneyAnswered { keep: true, by: "Eve".into() }
}

fn give_back() -> Claim {
    Claim::LateMoneyAnswered { keep: false, by: "deadline".into() }
}

fn reopening() -> MerchantPolicy {
    MerchantPolicy { after_close: AfterClose::Reopen, ..MerchantPolicy::default() }
}

#[test]
fn late_money_goes_back_by_itself() {
    let mut books = Books::late(8800, MerchantPolicy::default());
    let payment = books.dossier.payments[0].id;
    let id = RefundCause::LateMoney.refund_of(payment);
    assert_eq!(books.dossier.order.state, OrderState::Closed);
    assert!(books.dossier.order.late_money);
    assert_eq!(books.told(), [EventKind::OrderClosed, EventKind::OrderLateMoney, EventKind::RefundCreated]);
    assert_eq!(books.state_of(id), RefundState::Running);
    assert!(books.job_of_leg(0, JobKind::SendRefund).is_some());
    assert_eq!((books.balance(AccountKind::Clearing), books.balance(AccountKind::RefundsPayable)), (8800, -8800));
    books.give_back(0);
    assert_eq!(books.state_of(id), RefundState::Succeeded);
    assert!(books.balances.values().all(|b| *b == 0), "{:?}", books.balances);
    books.check();
}

#[test]
fn a_merchant_may_want_late_money_to_reopen_its_order() {
    let books = Books::late(8800, reopening());
    assert_eq!(books.dossier.order.state, OrderState::Paid);
    assert_eq!(books.told(), [EventKind::OrderClosed, EventKind::OrderPaid]);
    assert!(books.dossier.refunds.is_empty());
    assert_eq!(books.balance(AccountKind::Earnings), -8800);
    books.check();
}

#[test]
fn late_money_that_goes_back_already_does_not_reopen_its_order() {
    let mut books = Books::late(8800, MerchantPolicy::default());
    books.policy = reopening();
    books.leg(0, RefundClaim::Sending);
    books.leg(0, RefundClaim::Refused { reason: text() });
    assert_eq!(books.dossier.order.state, OrderState::Closed);
    assert_eq!(books.leg_states(), [LegState::NotPossible, LegState::AwaitingTransfer]);
    books.check();
}

#[test]
fn parked_late_money_waits_for_its_answer() {
    let books = Books::late(8800, parking());
    assert_eq!(books.questions(), [QuestionKind::LateMoney]);
    assert!(books.dossier.refunds.is_empty());
    let deadline = books.dossier.payments[0].due_at.unwrap();
    assert_eq!(deadline, books.now.plus_ms(60 * MINUTE_MS - 1));
    assert_eq!(owed_job(&books.dossier.payments[0], books.now).unwrap().key.kind, JobKind::SettleLateMoney);
    books.check();
}

#[test]
fn parked_late_money_that_is_kept_pays_its_order() {
    let mut books = Books::late(8800, parking());
    books.pay(0, keep());
    assert_eq!(books.dossier.order.state, OrderState::Paid);
    assert!(books.open.is_empty() && books.dossier.refunds.is_empty());
    assert_eq!((books.balance(AccountKind::Earnings), books.balance(AccountKind::LateMoney)), (-8800, 0));
    books.check();
}

#[test]
fn parked_late_money_goes_back_at_its_deadline_and_no_later_answer_counts() {
    let mut books = Books::late(8800, parking());
    books.pay(0, give_back());
    assert_eq!(books.leg_states(), [LegState::Reserved]);
    assert!(books.open.is_empty());
    assert!(!books.pay(0, keep()).news());
    assert_eq!(books.dossier.order.state, OrderState::Closed);
    books.check();
}

#[test]
fn an_answer_to_a_question_that_nobody_asked_is_no_news() {
    let mut books = Books::new(&[8800], parking());
    books.pay(0, Claim::Sending);
    assert!(!books.pay(0, keep()).news());
    let mut paid = Books::paid(&[8800], parking());
    assert!(!paid.pay(0, give_back()).news());
}

#[test]
fn parked_late_money_may_be_given_back_by_hand_and_the_question_goes() {
    let mut books = Books::late(8800, parking());
    let id = books.refund(8800).unwrap();
    assert!(books.open.is_empty());
    books.check();
    // Given up: the money has no owner again, and the question comes back.
    books.leg(0, RefundClaim::Abandoned { by: "Eve".into(), reason: text() });
    assert_eq!(books.state_of(id), RefundState::Failed);
    assert_eq!(books.questions(), [QuestionKind::LateMoney]);
    books.check();
    books.pay(0, keep());
    assert_eq!(books.dossier.order.state, OrderState::Paid);
    books.check();
}

#[test]
fn what_is_refused_after_the_deadline_goes_back_too() {
    let mut books = Books::late(8800, MerchantPolicy { approval_above_minor: Some(1000), ..parking() });
    let asked = books.refund(5000).unwrap();
    books.pay(0, give_back());
    assert_eq!(books.dossier.refunds[1].amount.minor, 3800);
    books.say(asked, RefundClaim::Rejected { by: "Bob".into(), reason: text() });
    assert_eq!(books.dossier.refunds[2].amount.minor, 5000);
    assert_eq!(books.dossier.refunds[2].cause, RefundCause::LateMoney);
    books.check();
}

#[test]
fn what_a_person_gave_up_does_not_hide_the_rest() {
    let mut books = Books::late(8800, MerchantPolicy { approval_above_minor: Some(1000), ..parking() });
    let asked = books.refund(5000).unwrap();
    books.pay(0, give_back());
    books.leg(1, RefundClaim::Sending);
    books.leg(1, RefundClaim::Abnormal { refund_id: "r".into() });
    assert_eq!(books.leg_states()[1..], [LegState::Stranded, LegState::AwaitingTransfer]);
    books.leg(2, RefundClaim::Abandoned { by: "Eve".into(), reason: text() });
    books.say(asked, RefundClaim::Rejected { by: "Bob".into(), reason: text() });
    assert_eq!(books.dossier.refunds[2].amount.minor, 5000);
    books.check();
}

#[test]
fn a_hold_takes_the_question_about_late_money_back() {
    let mut books = Books::late(8800, parking());
    let receipt = books.receipt(0);
    books.pay(0, Claim::Paid(crate::observation::Receipt { transaction_id: "other".into(), ..receipt }));
    assert_eq!(books.dossier.payments[0].state, PaymentState::IntegrityHold);
    assert_eq!(books.questions(), [QuestionKind::IntegrityHold]);
    books.check();
}

/// An order of 100 with two ways to pay all of it, both payable.
fn two_ways(policy: MerchantPolicy) -> Books {
    let mut books = Books::new(&[100], policy);
    books.pay(0, Claim::Sending);
    books.pay(0, accepted());
    books.add(100).unwrap();
    books.pay(1, Claim::Sending);
    books.pay(1, accepted());
    books
}

#[test]
fn a_second_payment_of_a_paid_order_goes_back() {
    let mut books = two_ways(MerchantPolicy::default());
    books.capture(0);
    assert_eq!(books.dossier.payments[1].state, PaymentState::Closing);
    books.capture(1);
    assert_eq!(books.dossier.order.state, OrderState::Paid);
    assert_eq!(books.dossier.refunds.len(), 1);
    assert_eq!(books.dossier.refunds[0].cause, RefundCause::Duplicate);
    assert_eq!(books.legs()[0].payment, books.dossier.payments[1].id);
    books.give_back(0);
    assert_eq!((books.balance(AccountKind::Clearing), books.balance(AccountKind::Earnings)), (100, -100));
    books.check();
}

#[test]
fn of_two_late_payments_one_may_be_kept_and_the_other_goes_back() {
    let mut books = two_ways(parking());
    for index in [0, 1] {
        books.pay(index, close());
        books.pay(index, Claim::ClosedAtChannel);
    }
    books.capture(0);
    books.capture(1);
    assert_eq!(books.questions(), [QuestionKind::LateMoney, QuestionKind::LateMoney]);
    books.pay(1, keep());
    assert_eq!(books.dossier.order.state, OrderState::Paid);
    assert!(books.open.is_empty());
    assert_eq!(books.legs()[0].payment, books.dossier.payments[0].id);
    assert_eq!(books.dossier.refunds[0].cause, RefundCause::Duplicate);
    books.check();
}

#[test]
fn of_two_late_payments_one_given_back_leaves_the_other_to_pay_the_order() {
    let mut books = two_ways(parking());
    for index in [0, 1] {
        books.pay(index, close());
        books.pay(index, Claim::ClosedAtChannel);
    }
    books.capture(0);
    books.pay(0, give_back());
    books.capture(1);
    books.pay(1, keep());
    assert_eq!(books.dossier.order.state, OrderState::Paid);
    assert_eq!(books.leg_states(), [LegState::Reserved], "only the first payment goes back");
    books.give_back(0);
    assert_eq!(books.balance(AccountKind::Earnings), -100);
    assert_eq!(books.balance(AccountKind::LateMoney), 0);
    books.check();
}

#[test]
fn a_late_payment_given_back_by_hand_does_not_take_the_other_with_it() {
    let mut books = two_ways(parking());
    for index in [0, 1] {
        books.pay(index, close());
        books.pay(index, Claim::ClosedAtChannel);
    }
    books.capture(0);
    books.refund(100).unwrap();
    books.capture(1);
    books.pay(1, keep());
    assert_eq!(books.dossier.order.state, OrderState::Paid);
    assert_eq!(books.leg_states(), [LegState::Reserved], "what was kept stays");
    books.check();
}
