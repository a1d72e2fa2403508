//! Stories of orders with one payment.

use super::test_books::*;
use super::*;
use crate::event::EventKind;
use crate::job::JobKind;
use crate::ledger::AccountKind;
use crate::merchant::LateMoneyPolicy;
use crate::observation::Receipt;
use crate::payment::PaymentState;

fn kinds(decision: &Decision) -> Vec<JobKind> {
    let job = |e: &Effect| match e {
        Effect::Schedule(job) => Some(job.key.kind),
        _ => None,
    };
    decision.effects.iter().filter_map(job).collect()
}

fn one(late_money: LateMoneyPolicy) -> Books {
    Books::new(&[8800], MerchantPolicy { late_money, ..MerchantPolicy::default() })
}

#[test]
fn an_order_is_created_paid_and_its_merchant_told_once() {
    let mut books = one(LateMoneyPolicy::default());
    let (order, payments) = parts(&[8800]);
    assert_eq!(kinds(&open(order, payments, at(0))), [JobKind::CreatePayment]);
    assert_eq!(books.balance(AccountKind::Receivable), 8800);
    books.pay(0, Claim::Sending);
    let payable = books.pay(0, accepted());
    assert_eq!(kinds(&payable), [JobKind::PollPayment]);
    books.capture(0);
    let again = books.capture(0);
    assert!(!again.news() && again.effects.is_empty() && again.postings.is_empty());
    assert_eq!(books.dossier.order.state, OrderState::Paid);
    assert_eq!(books.events.iter().map(|e| (e.kind, e.sequence)).collect::<Vec<_>>(), [(EventKind::OrderPaid, 1)]);
    assert_eq!((books.balance(AccountKind::Receivable), books.balance(AccountKind::Clearing)), (0, 8800));
}

#[test]
fn unknown_money_stands_in_suspense_until_it_is_known() {
    let mut books = one(LateMoneyPolicy::default());
    books.pay(0, Claim::Sending);
    let lost = books.pay(0, Claim::NoAnswer { why: "reset".into() });
    assert_eq!(kinds(&lost), [JobKind::PollPayment]);
    assert_eq!((books.balance(AccountKind::Suspense), books.balance(AccountKind::Receivable)), (8800, 0));
    let found = books.pay(0, Claim::Unpaid);
    assert_eq!(kinds(&found), [JobKind::CreatePayment], "the code was lost with the answer: fetch it");
    assert_eq!((books.balance(AccountKind::Suspense), books.balance(AccountKind::Receivable)), (0, 8800));
}

#[test]
fn money_found_while_closing_pays_the_order_unless_the_merchant_refuses_late_money() {
    for (policy, state) in
        [(LateMoneyPolicy::AcceptWhileClosing, OrderState::Paid), (LateMoneyPolicy::NeverAccept, OrderState::Closed)]
    {
        let mut books = one(policy);
        books.pay(0, Claim::Sending);
        books.pay(0, close());
        books.capture(0);
        assert_eq!(books.dossier.order.state, state);
        assert_eq!(books.dossier.order.late_money, state == OrderState::Closed);
    }
}

#[test]
fn a_held_payment_keeps_its_order_open_and_its_money_in_suspense() {
    let mut books = one(LateMoneyPolicy::default());
    books.pay(0, Claim::Sending);
    let receipt = books.receipt(0);
    books.pay(0, Claim::Paid(Receipt { amount_minor: 1, ..receipt }));
    assert_eq!(books.dossier.order.state, OrderState::Paying);
    assert_eq!(books.questions(), [QuestionKind::IntegrityHold]);
    assert_eq!(books.balance(AccountKind::Suspense), 8800);
}

#[test]
fn a_refused_payment_that_turns_up_at_the_channel_is_closed_there() {
    let mut books = one(LateMoneyPolicy::default());
    books.pay(0, Claim::Sending);
    books.pay(0, Claim::Refused { reason: "r".into() });
    let found = books.pay(0, Claim::Unpaid);
    assert_eq!(kinds(&found), [JobKind::ClosePayment]);
    assert_eq!(books.dossier.payments[0].state, PaymentState::Closing);
    books.pay(0, Claim::ClosedAtChannel);
    assert!(books.balances.values().all(|b| *b == 0));
}

#[test]
fn a_refused_payment_closes_its_order_with_the_reason() {
    let mut books = one(LateMoneyPolicy::default());
    books.pay(0, Claim::Sending);
    books.pay(0, Claim::Refused { reason: "NO_AUTH: no".into() });
    assert_eq!(books.dossier.order.close_reason.as_deref(), Some("declined: NO_AUTH: no"));
    assert_eq!(books.dossier.order.state, OrderState::Closed);
}
