//! Stories of money that is not there any more, or was never waited for by asking: lines that a bank takes back,
//! disputes, orders whose payer chooses.

use super::test_books::*;
use super::*;
use crate::channel::Method;
use crate::id::PaymentId;
use crate::job::JobKind;
use crate::ledger::AccountKind;
use crate::observation::{Dispute, PayCode, Piece};
use crate::payment::PaymentState;
use crate::refund::{LegState, RefundClaim, RefundState};

fn by_bank(amount: i64) -> Books {
    let (order, payments) = parts(&[amount]);
    let payments = payments.into_iter().map(|p| Payment { method: Method::BankTransfer, ..p }).collect();
    let mut books = Books::open(order, payments, MerchantPolicy::default());
    books.pay(0, Claim::Sending);
    books.pay(0, Claim::Accepted { code: PayCode::Transfer { fields: BTreeMap::new() } });
    books
}

fn line(name: &str, amount_minor: i64) -> Claim {
    Claim::Received(Piece { line: name.into(), amount_minor, currency: "CNY".into(), at: at(7) })
}

fn taken_back(name: &str) -> Claim {
    Claim::TakenBack { line: name.into(), reason: text() }
}

fn dispute(amount_minor: i64, won: Option<bool>) -> Claim {
    Claim::Disputed(Dispute { id: "d".into(), amount_minor, reason: text(), won })
}

/// An order among whose ways the payer chooses.
fn choosing() -> Books {
    let (order, _) = parts(&[100]);
    let order = Order { offers: vec![Method::WechatNative, Method::BankTransfer], ..order };
    Books::open(order, Vec::new(), MerchantPolicy::default())
}

fn expiry(books: &Books) -> Option<Timestamp> {
    books.jobs.get(&JobKey::order(JobKind::ExpireOrder, books.dossier.order.id)).copied()
}

fn picked(books: &mut Books, method: Method) {
    let (_, payments) = parts(&[100]);
    let number = u128::try_from(books.dossier.payments.len()).unwrap();
    let id = PaymentId(Uuid::from_u128(0xbb_0000_0000_0000 + (number << 32)));
    let payment = Payment { id, method, ..payments.into_iter().next().unwrap() };
    let (plans, facts, merchant) = (plans(), BTreeMap::new(), books.policy.clone());
    let policy = Policy { plans: &plans, facts: &facts, merchant: &merchant };
    let decision = pick(&books.dossier, payment, &policy, books.now).unwrap();
    books.take(decision);
}

#[test]
fn nothing_is_due_for_a_payment_that_waits_for_money_by_hand() {
    let books = by_bank(100);
    let payment = &books.dossier.payments[0];
    assert_eq!((payment.state, payment.due_at), (PaymentState::AwaitingPayer, None));
    assert!(books.jobs.is_empty(), "{:?}", books.jobs);
    assert_eq!(owed_job(payment, at(0)), None);
    // Even when a row says otherwise, nobody polls what nobody can be asked about.
    assert_eq!(owed_job(&Payment { due_at: Some(at(1)), ..payment.clone() }, at(2)), None);
}

#[test]
fn an_order_that_is_being_closed_does_not_expire_once_more() {
    let mut books = choosing();
    assert_eq!(expiry(&books), Some(books.dossier.order.expires_at));
    picked(&mut books, Method::WechatNative);
    books.pay(0, Claim::Sending);
    books.pay(0, accepted());
    let order = books.dossier.order.id;
    books.see(order, expired(books.now).claim);
    assert_eq!(books.dossier.order.state, OrderState::Closing);
    assert_eq!((books.dossier.order.due_at, expiry(&books)), (None, None));
    assert_eq!(owed_order_job(&books.dossier.order, books.now), None);
}

#[test]
fn an_order_whose_money_the_bank_took_back_after_its_payment_was_closed_is_not_paid() {
    let mut books = by_bank(100);
    books.pay(0, close());
    books.pay(0, Claim::CloseAccepted);
    books.pay(0, line("a", 100));
    books.pay(0, Claim::UnpaidAfterClose);
    assert_eq!(books.dossier.order.state, OrderState::Paid);
    books.pay(0, taken_back("a"));
    assert_eq!(books.dossier.payments[0].state, PaymentState::Closed);
    assert_eq!(books.dossier.order.state, OrderState::Closed);
    assert!(books.balances.values().all(|b| *b == 0), "{:?}", books.balances);
}

#[test]
fn an_order_that_the_bank_made_unpaid_expires_again_when_its_payer_chooses() {
    let mut books = choosing();
    picked(&mut books, Method::BankTransfer);
    books.pay(0, Claim::Sending);
    books.pay(0, Claim::Accepted { code: PayCode::Transfer { fields: BTreeMap::new() } });
    books.pay(0, line("a", 100));
    assert_eq!((books.dossier.order.state, expiry(&books)), (OrderState::Paid, None));
    books.pay(0, taken_back("a"));
    assert_eq!(books.dossier.payments[0].state, PaymentState::CaptureReversed);
    assert_eq!(expiry(&books), Some(books.dossier.order.expires_at));
}

#[test]
fn what_the_bank_took_back_is_awaited_again_until_somebody_ends_it() {
    let mut books = by_bank(100);
    books.pay(0, line("a", 100));
    books.pay(0, taken_back("a"));
    assert_eq!(books.dossier.payments[0].state, PaymentState::CaptureReversed);
    assert_eq!(books.questions(), [QuestionKind::CaptureReversed]);
    let mut again = by_bank(100);
    for claim in [line("a", 100), taken_back("a"), line("b", 100)] {
        again.pay(0, claim);
    }
    assert_eq!(again.dossier.order.state, OrderState::Paid);
    let order = books.dossier.order.id;
    books.see(order, close());
    assert_eq!(books.dossier.payments[0].state, PaymentState::Closing);
    assert!(books.open.is_empty());
    books.pay(0, Claim::CloseAccepted);
    books.pay(0, Claim::UnpaidAfterClose);
    assert_eq!(books.dossier.order.state, OrderState::Closed);
}

#[test]
fn a_transfer_back_of_money_that_the_bank_took_back_is_not_made() {
    let mut books = by_bank(100);
    for claim in [close(), Claim::CloseAccepted, Claim::UnpaidAfterClose, line("late", 100)] {
        books.pay(0, claim);
    }
    assert_eq!(books.leg_states(), [LegState::AwaitingTransfer]);
    books.pay(0, taken_back("late"));
    assert_eq!(books.leg_states(), [LegState::Abandoned]);
    assert!(books.open.is_empty(), "{:?}", books.open);
    assert!(books.balances.values().all(|b| *b == 0), "{:?}", books.balances);
}

#[test]
fn what_was_paid_twice_is_not_given_back_once_the_bank_has_taken_one_of_them() {
    let mut books = by_bank(100);
    books.pay(0, line("a", 100));
    books.pay(0, line("b", 100));
    assert_eq!(books.leg_states(), [LegState::AwaitingTransfer]);
    books.pay(0, taken_back("b"));
    assert_eq!((books.dossier.order.state, books.leg_states()), (OrderState::Paid, vec![LegState::Abandoned]));
    // Paid twice again: the same refund is due again.
    books.pay(0, line("c", 100));
    assert_eq!(books.leg_states(), [LegState::Abandoned, LegState::AwaitingTransfer]);
}

#[test]
fn a_duplicate_that_went_back_before_the_bank_took_the_other_is_a_question() {
    let mut books = by_bank(100);
    books.pay(0, line("a", 100));
    books.pay(0, line("b", 100));
    books.leg(0, RefundClaim::Transferred { by: "Eve".into(), reference: "TT".into() });
    assert!(books.open.is_empty());
    books.pay(0, taken_back("b"));
    assert_eq!(books.questions(), [QuestionKind::Overpaid]);
}

#[test]
fn disputed_money_is_never_set_aside_and_a_refund_that_rests_is_dropped() {
    let mut books = Books::paid(&[100], MerchantPolicy::default());
    books.ask(Some(60), Allocation::Reverse, false).unwrap();
    books.pay(0, dispute(100, None));
    assert_eq!(books.leg_states(), [LegState::Abandoned]);
    assert!(books.refund(1).is_err());
    assert_eq!((books.balance(AccountKind::Clearing), books.balance(AccountKind::Disputed)), (0, 100));
    books.pay(0, dispute(100, Some(true)));
    assert_eq!(books.leg_states(), [LegState::Abandoned, LegState::Reserved], "what was asked for goes on");
    assert_eq!((books.balance(AccountKind::Clearing), books.balance(AccountKind::Disputed)), (100, 0));
}

#[test]
fn a_refund_that_the_channel_refuses_for_a_dispute_goes_no_other_way() {
    let mut books = Books::paid(&[100], MerchantPolicy::default());
    let id = books.ask(None, Allocation::Reverse, false).unwrap();
    books.leg(0, RefundClaim::Sending);
    books.pay(0, dispute(100, None));
    books.leg(0, RefundClaim::Refused { reason: "charge_disputed".into() });
    assert_eq!(books.leg_states(), [LegState::NotPossible], "nobody transfers what is disputed");
    assert_eq!(books.state_of(id), RefundState::Failed);
}

#[test]
fn a_payer_who_wins_a_dispute_about_what_he_got_back_is_a_question() {
    let mut books = Books::paid(&[100], MerchantPolicy::default());
    books.ask(Some(60), Allocation::Reverse, false).unwrap();
    books.give_back(0);
    books.pay(0, dispute(100, None));
    assert_eq!(books.questions(), [QuestionKind::Dispute]);
    books.pay(0, dispute(100, Some(false)));
    assert_eq!(books.questions(), [QuestionKind::Overpaid]);
}

#[test]
fn disputed_late_money_goes_back_when_the_dispute_is_won() {
    let mut books = Books::late(100, MerchantPolicy::default());
    books.pay(0, dispute(100, None));
    assert_eq!(books.leg_states(), [LegState::Abandoned]);
    books.pay(0, dispute(100, Some(true)));
    assert_eq!(books.leg_states(), [LegState::Abandoned, LegState::Reserved]);
}

#[test]
fn a_charge_whose_answer_was_lost_is_asked_about_and_never_called_for_again() {
    let (order, payments) = parts(&[100]);
    let payments = payments.into_iter().map(|p| Payment { method: Method::WechatDebit, ..p }).collect();
    let mut books = Books::open(order, payments, MerchantPolicy::default());
    books.pay(0, Claim::Sending);
    books.pay(0, Claim::NoAnswer { why: "the connection broke".into() });
    books.pay(0, Claim::Unpaid);
    let payment = &books.dossier.payments[0];
    assert_eq!((payment.state, payment.evidence.code().is_none()), (PaymentState::AwaitingPayer, true));
    assert!(books.jobs.contains_key(&JobKey::payment(JobKind::PollPayment, payment.id)), "{:?}", books.jobs);
    assert_eq!(owed_job(payment, at(1)).unwrap().key.kind, JobKind::PollPayment);
}
