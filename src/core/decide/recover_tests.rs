//! Payments and refunds that our books had lost.

use uuid::Uuid;

use super::super::test_books::{Books, at, parts, plans};
use super::*;
use crate::event::EventKind;
use crate::ledger::AccountKind;
use crate::merchant::MerchantPolicy;
use crate::observation::Receipt;
use crate::order::OrderState;
use crate::refund::{LegState, RefundState};

fn seen(payment: &Payment) -> Observation {
    let receipt = Receipt {
        transaction_id: "42".into(),
        amount_minor: payment.amount.minor,
        currency: "CNY".into(),
        payee_matches: true,
        paid_at: at(5),
    };
    Observation::new(Source::Statement, at(10), Claim::Paid(receipt))
}

fn recover(books: &mut Books, payment: Payment) {
    let (plans, facts, merchant) = (plans(), Default::default(), books.policy.clone());
    let policy = Policy { plans: &plans, facts: &facts, merchant: &merchant };
    let observation = seen(&payment);
    books.take(recover_payment(&books.dossier, payment, &observation, &policy, at(10)));
}

fn recover_back(books: &mut Books, leg: LegId, minor: i64) -> bool {
    let (plans, facts, merchant) = (plans(), Default::default(), books.policy.clone());
    let policy = Policy { plans: &plans, facts: &facts, merchant: &merchant };
    let receipt =
        RefundReceipt { refund_id: "r".into(), amount_minor: minor, currency: "CNY".into(), refunded_at: at(20) };
    let payment = books.dossier.payments[0].clone();
    let decision = recover_refund(&books.dossier, (leg, &payment), &receipt, &policy, at(30));
    decision.map(|d| books.take(d)).is_some()
}

#[test]
fn a_lost_payment_makes_its_order_paid_without_a_call() {
    let (order, payments) = parts(&[8_800]);
    let mut books = Books::open(order, Vec::new(), MerchantPolicy::default());
    recover(&mut books, payments[0].clone());
    assert_eq!(books.dossier.order.state, OrderState::Paid);
    assert_eq!(books.told(), [EventKind::OrderPaid]);
    assert_eq!((books.balance(AccountKind::Clearing), books.balance(AccountKind::Earnings)), (8_800, -8_800));
    assert!(books.jobs.is_empty(), "{:?}", books.jobs);
    books.check();
}

#[test]
fn a_lost_payment_of_an_order_that_was_paid_again_goes_back() {
    let mut books = Books::paid(&[8_800], MerchantPolicy::default());
    let lost = Payment { id: crate::id::PaymentId(Uuid::from_u128(77 << 32)), ..parts(&[8_800]).1[0].clone() };
    recover(&mut books, lost);
    assert_eq!(books.dossier.order.state, OrderState::Paid);
    assert_eq!(books.legs().len(), 1, "what came twice goes back");
    assert_eq!(books.legs()[0].amount.minor, 8_800);
    books.check();
}

#[test]
fn a_lost_refund_is_booked_once_and_never_beyond_the_payment() {
    let mut books = Books::paid(&[8_800], MerchantPolicy { approval_above_minor: Some(1), ..Default::default() });
    let leg = LegId(Uuid::from_u128(0x55_0000_0000));
    assert!(!recover_back(&mut books, leg, 8_801));
    assert!(recover_back(&mut books, leg, 800));
    assert!(!recover_back(&mut books, leg, 800));
    assert_eq!(books.leg_states(), [LegState::Succeeded]);
    assert_eq!(books.state_of(refund_of_recovered(leg)), RefundState::Succeeded);
    assert_eq!((books.balance(AccountKind::Clearing), books.balance(AccountKind::RefundsPayable)), (8_000, 0));
    assert_eq!(books.job_of_leg(0, crate::job::JobKind::SendRefund), None, "it is not sent once more");
    assert!(!recover_back(&mut books, LegId(Uuid::from_u128(0x66_0000_0000)), 8_001));
    books.check();
}
