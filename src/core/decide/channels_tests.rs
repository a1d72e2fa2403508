//! Stories that only some channels can tell: money in pieces, holds, disputes, what lapses, and payers who
//! choose.

use uuid::Uuid;

use super::test_books::*;
use super::*;
use crate::channel::Method;
use crate::clock::{DAY_MS, MINUTE_MS};
use crate::event::EventKind;
use crate::held::HeldEnding;
use crate::id::PaymentId;
use crate::job::JobKind;
use crate::ledger::AccountKind;
use crate::observation::{Dispute, Hold, Piece};
use crate::payment::PaymentState;
use crate::refund::{LegState, RefundCause, RefundClaim, Route};

/// An order of 8800 whose payer has what he needs to pay it by `method`.
fn awaiting(method: Method, policy: MerchantPolicy) -> Books {
    let (order, mut payments) = parts(&[8800]);
    payments[0].method = method;
    let mut books = Books::open(order, payments, policy);
    books.pay(0, Claim::Sending);
    books.pay(0, accepted());
    books
}

fn piece(line: &str, amount_minor: i64) -> Claim {
    Claim::Received(Piece { line: line.into(), amount_minor, currency: "CNY".into(), at: at(5) })
}

fn back(line: &str) -> Claim {
    Claim::TakenBack { line: line.into(), reason: "returned".into() }
}

fn end(books: &mut Books) {
    for claim in [close(), Claim::Unpaid, Claim::CloseAccepted, Claim::UnpaidAfterClose] {
        books.pay(0, claim);
    }
}

#[test]
fn a_transfer_waits_without_a_job_and_pieces_of_it_add_up() {
    let mut books = awaiting(Method::BankTransfer, MerchantPolicy::default());
    assert!(books.jobs.keys().all(|k| k.kind == JobKind::CreatePayment), "{:?}", books.jobs);
    assert_eq!(books.dossier.payments[0].due_at, None);
    books.pay(0, piece("a", 3000));
    assert_eq!(books.dossier.order.state, OrderState::PartiallyPaid);
    assert_eq!(books.dossier.missing_minor(), 5800);
    assert_eq!((books.balance(AccountKind::Receivable), books.balance(AccountKind::Clearing)), (5800, 3000));
    books.pay(0, piece("b", 5800));
    assert_eq!((books.dossier.order.state, books.dossier.captured_minor()), (OrderState::Paid, 8800));
    assert_eq!(books.told(), [EventKind::OrderPaid]);
    assert_eq!((books.balance(AccountKind::Receivable), books.balance(AccountKind::Clearing)), (0, 8800));
    assert!(books.dossier.refunds.is_empty());
    books.check();
}

#[test]
fn more_than_was_asked_for_goes_back_by_hand() {
    let mut books = awaiting(Method::BankTransfer, MerchantPolicy::default());
    books.pay(0, piece("a", 9000));
    assert_eq!((books.dossier.order.state, books.dossier.captured_minor()), (OrderState::Paid, 9000));
    let legs = books.legs();
    assert_eq!(
        (legs[0].amount.minor, legs[0].route, legs[0].state),
        (200, Route::Transfer, LegState::AwaitingTransfer)
    );
    assert_eq!(books.questions(), [QuestionKind::TransferDue]);
    books.pay(0, piece("b", 100));
    assert_eq!(books.legs().iter().map(|l| l.amount.minor).collect::<Vec<_>>(), [200, 100]);
    assert_eq!(books.balance(AccountKind::Earnings), -8800);
}

#[test]
fn too_little_at_the_end_goes_back_and_what_comes_later_too() {
    let mut books = awaiting(Method::Cash, MerchantPolicy::default());
    books.pay(0, piece("a", 3000));
    end(&mut books);
    assert_eq!(books.dossier.order.state, OrderState::Closed);
    assert_eq!((books.dossier.payments[0].state, books.dossier.captured_minor()), (PaymentState::Captured, 3000));
    assert_eq!(books.legs()[0].amount.minor, 3000);
    books.pay(0, piece("b", 5800));
    assert_eq!(books.legs().iter().map(|l| l.amount.minor).sum::<i64>(), 8800);
    assert_eq!(books.dossier.order.state, OrderState::Closed, "given back already: it does not count any more");
}

#[test]
fn money_that_the_bank_takes_back_makes_the_order_unpaid_again_and_asks_a_person() {
    let mut books = awaiting(Method::BankTransfer, MerchantPolicy::default());
    books.pay(0, piece("a", 3000));
    books.pay(0, piece("b", 5800));
    books.pay(0, back("b"));
    assert_eq!(books.dossier.payments[0].state, PaymentState::CaptureReversed);
    assert_eq!(books.dossier.order.state, OrderState::PartiallyPaid);
    assert_eq!(books.questions(), [QuestionKind::CaptureReversed]);
    assert_eq!((books.balance(AccountKind::Receivable), books.balance(AccountKind::Clearing)), (5800, 3000));
    books.pay(0, piece("c", 5800));
    assert_eq!(books.dossier.order.state, OrderState::Paid);
    assert_eq!(books.questions(), []);
    let told = [EventKind::OrderPaid, EventKind::PaymentReversed, EventKind::OrderPaid];
    assert_eq!(books.told(), told);
    books.pay(0, back("c"));
    end(&mut books);
    assert_eq!((books.dossier.order.state, books.dossier.captured_minor()), (OrderState::Closed, 3000));
    assert_eq!(books.legs()[0].amount.minor, 3000);
}

#[test]
fn a_reversal_that_is_seen_before_its_line_counts_all_the_same() {
    let mut books = awaiting(Method::BankTransfer, MerchantPolicy::default());
    books.pay(0, back("a"));
    books.pay(0, piece("a", 8800));
    assert_eq!(books.dossier.payments[0].state, PaymentState::CaptureReversed);
    assert_eq!(books.dossier.captured_minor(), 0);
}

#[test]
fn an_order_that_waits_for_cash_is_overdue_and_not_ended() {
    let books = awaiting(Method::Cash, MerchantPolicy::default());
    assert!(!books.dossier.is_overdue(at(29 * MINUTE_MS)));
    assert!(books.dossier.is_overdue(at(30 * MINUTE_MS)));
    assert!(!awaiting(Method::AlipayQr, MerchantPolicy::default()).dossier.is_overdue(at(30 * MINUTE_MS)));
}

fn hold(books: &Books, lapses_at: Option<Timestamp>) -> Claim {
    Claim::Authorized(Hold { receipt: books.receipt(0), lapses_at })
}

#[test]
fn a_hold_is_taken_when_the_merchant_says_so() {
    let mut books = awaiting(Method::CardHold, MerchantPolicy::default());
    books.pay(0, Claim::CaptureRequested { by: text(), minor: None });
    assert_eq!(books.dossier.payments[0].state, PaymentState::AwaitingPayer, "nothing is held yet");
    let claim = hold(&books, Some(at(7 * DAY_MS)));
    books.pay(0, claim);
    assert_eq!(
        (books.dossier.payments[0].state, books.dossier.order.state),
        (PaymentState::Authorized, OrderState::Paying)
    );
    assert_eq!(books.balance(AccountKind::Clearing), 0);
    books.pay(0, Claim::CaptureRequested { by: text(), minor: None });
    assert_eq!(books.dossier.payments[0].state, PaymentState::Capturing);
    let key = JobKey::payment(JobKind::CapturePayment, books.dossier.payments[0].id);
    assert!(books.jobs.contains_key(&key));
    // Too late: what is being taken is taken first.
    books.pay(0, close());
    assert_eq!(books.dossier.payments[0].state, PaymentState::Capturing);
    books.capture(0);
    assert_eq!(books.dossier.order.state, OrderState::Paid);
    assert!(!books.jobs.contains_key(&key));
    assert_eq!(books.told(), [EventKind::PaymentAuthorized, EventKind::OrderPaid]);
    books.check();
}

#[test]
fn of_what_is_held_what_the_service_came_to_is_taken() {
    let mut books = awaiting(Method::WechatScore, MerchantPolicy::default());
    let whole = books.dossier.order.amount.minor;
    let held = hold(&books, None);
    books.pay(0, held.clone());
    for wrong in [0, -1, whole + 1] {
        books.pay(0, Claim::CaptureRequested { by: text(), minor: Some(wrong) });
        assert_eq!(books.dossier.payments[0].state, PaymentState::Authorized, "{wrong}");
    }
    books.pay(0, Claim::CaptureRequested { by: text(), minor: Some(whole - 30) });
    let (order, payment) = (&books.dossier.order, &books.dossier.payments[0]);
    assert_eq!((order.amount.minor, payment.amount.minor), (whole - 30, whole - 30));
    assert_eq!(payment.state, PaymentState::Capturing);
    // The channel still tells of the whole hold.
    books.pay(0, held);
    assert_eq!(books.dossier.payments[0].state, PaymentState::Capturing);
    books.capture(0);
    assert_eq!((books.dossier.order.state, books.dossier.captured_minor()), (OrderState::Paid, whole - 30));
    assert_eq!(books.balance(AccountKind::Clearing), whole - 30);
    books.check();
}

#[test]
fn while_a_service_is_collected_the_channel_hears_at_once_that_it_was_paid_by_another_way() {
    let mut books = awaiting(Method::WechatScore, MerchantPolicy::default());
    let held = hold(&books, Some(at(30 * DAY_MS)));
    books.pay(0, held);
    books.pay(0, Claim::CaptureRequested { by: text(), minor: Some(6000) });
    let key = JobKey::payment(JobKind::CapturePayment, books.dossier.payments[0].id);
    // The channel is asked once a day by now.
    books.jobs.insert(key, at(DAY_MS));
    books.add(6000).unwrap();
    books.capture(1);
    let first = &books.dossier.payments[0];
    assert_eq!((books.dossier.order.state, first.state), (OrderState::Paid, PaymentState::Capturing));
    assert!(books.jobs[&key] < at(MINUTE_MS), "{:?}", books.jobs);
    books.pay(0, Claim::ClosedAtChannel);
    let first = &books.dossier.payments[0];
    assert_eq!(HeldEnding::of(first, books.dossier.order.state), Some(HeldEnding::PaidElsewhere));
    assert_eq!((first.due_at.is_some(), books.jobs.contains_key(&key)), (true, false), "it is watched only");
    assert_eq!((books.balance(AccountKind::Clearing), books.balance(AccountKind::Receivable)), (6000, 0));
    assert!(books.legs().is_empty());
    books.check();
}

#[test]
fn a_service_that_is_collected_all_the_same_goes_back() {
    let mut books = awaiting(Method::WechatScore, MerchantPolicy::default());
    let held = hold(&books, None);
    books.pay(0, held);
    books.pay(0, Claim::CaptureRequested { by: text(), minor: None });
    books.add(8800).unwrap();
    books.capture(1);
    books.capture(0);
    assert_eq!(books.dossier.refunds.iter().map(|r| r.cause).collect::<Vec<_>>(), [RefundCause::Duplicate]);
    books.check();
}

#[test]
fn of_two_holds_of_the_same_amount_one_is_owed() {
    let mut books = awaiting(Method::WechatScore, MerchantPolicy::default());
    books.add(8800).unwrap();
    books.dossier.payments[1].method = Method::AlipayHold;
    books.pay(1, Claim::Sending);
    for index in [0, 1] {
        let claim = Claim::Authorized(Hold { receipt: books.receipt(index), lapses_at: None });
        books.pay(index, claim);
    }
    for (index, came_to) in [(0, 3000), (1, 2000)] {
        books.pay(index, Claim::CaptureRequested { by: text(), minor: Some(came_to) });
    }
    assert_eq!(books.dossier.order.amount.minor, 2000, "not what both are less");
    for index in [0, 1] {
        books.capture(index);
    }
    assert_eq!((books.dossier.order.state, books.dossier.captured_minor()), (OrderState::Paid, 5000));
    let back: Vec<_> = books.dossier.refunds.iter().map(|r| (r.cause, r.amount.minor)).collect();
    assert_eq!(back, [(RefundCause::Duplicate, 1000), (RefundCause::Duplicate, 2000)]);
    books.check();
}

#[test]
fn a_hold_is_let_go_before_it_lapses() {
    let mut books = awaiting(Method::CardHold, MerchantPolicy::default());
    let claim = hold(&books, Some(at(7 * DAY_MS)));
    books.pay(0, claim);
    let payment = &books.dossier.payments[0];
    assert!(next_hold_check_at(payment, at(0)) < at(DAY_MS));
    let last = at(7 * DAY_MS - 60 * MINUTE_MS);
    assert_eq!(next_hold_check_at(payment, at(7 * DAY_MS - 61 * MINUTE_MS)), last);
    assert!(next_hold_check_at(payment, last) <= last);
    books.pay(0, close());
    assert_eq!(books.dossier.payments[0].state, PaymentState::Closing);
    books.pay(0, Claim::ClosedAtChannel);
    assert_eq!((books.dossier.order.state, books.balance(AccountKind::Receivable)), (OrderState::Closed, 0));
}

#[test]
fn a_hold_of_less_is_no_hold_of_ours() {
    let mut books = awaiting(Method::CardHold, MerchantPolicy::default());
    let mut receipt = books.receipt(0);
    receipt.amount_minor -= 1;
    books.pay(0, Claim::Authorized(Hold { receipt, lapses_at: None }));
    assert_eq!(books.dossier.payments[0].state, PaymentState::IntegrityHold);
}

fn dispute(id: &str, amount_minor: i64, won: Option<bool>) -> Claim {
    Claim::Disputed(Dispute { id: id.into(), amount_minor, reason: "fraudulent".into(), won })
}

#[test]
fn disputed_money_is_set_apart_and_cannot_be_given_back() {
    let mut books = awaiting(Method::Card, MerchantPolicy::default());
    books.capture(0);
    books.pay(0, dispute("d", 5000, None));
    assert!(books.dossier.is_disputed());
    assert_eq!((books.balance(AccountKind::Disputed), books.balance(AccountKind::Clearing)), (5000, 3800));
    assert_eq!(books.questions(), [QuestionKind::Dispute]);
    assert!(matches!(books.refund(3801), Err(Impossible::TooMuch { left: 3800, .. })));
    books.pay(0, dispute("d", 5000, Some(true)));
    assert!(!books.dossier.is_disputed());
    assert_eq!((books.balance(AccountKind::Disputed), books.balance(AccountKind::Clearing)), (0, 8800));
    assert_eq!(books.questions(), []);
    assert!(books.refund(8800).is_ok());
    assert_eq!(books.dossier.order.state, OrderState::Paid);
    let told = [EventKind::OrderPaid, EventKind::DisputeOpened, EventKind::DisputeClosed, EventKind::RefundCreated];
    assert_eq!(books.told(), told);
}

#[test]
fn a_lost_dispute_takes_the_money_from_the_merchant() {
    let mut books = awaiting(Method::Card, MerchantPolicy::default());
    books.capture(0);
    // The end is told before the beginning.
    books.pay(0, dispute("d", 8800, Some(false)));
    let opened = books.pay(0, dispute("d", 8800, None));
    assert!(!opened.news());
    assert_eq!((books.balance(AccountKind::Clearing), books.balance(AccountKind::Earnings)), (0, 0));
    assert!(matches!(books.refund(1), Err(Impossible::TooMuch { left: 0, .. })));
}

#[test]
fn what_lapsed_at_the_channel_is_closed_and_money_that_comes_all_the_same_is_late() {
    let mut books = awaiting(Method::UnionpayWeb, MerchantPolicy::default());
    for claim in [close(), Claim::Unpaid, Claim::Absent] {
        books.pay(0, claim);
        assert_eq!(books.dossier.payments[0].state, PaymentState::Closing);
    }
    books.pay(0, Claim::Lapsed);
    assert_eq!(books.dossier.order.state, OrderState::Closed);
    books.capture(0);
    assert!(books.dossier.order.late_money);
    assert_eq!((books.legs()[0].route, books.legs()[0].amount.minor), (Route::Channel, 8800));
}

/// An order of 8800 that offers two ways.
fn offering() -> Books {
    let (order, _) = parts(&[8800]);
    let offers = vec![Method::WechatNative, Method::AlipayQr];
    Books::open(Order { offers, ..order }, Vec::new(), MerchantPolicy::default())
}

fn choose(books: &mut Books, method: Method) -> Result<usize, String> {
    let number = u128::try_from(books.dossier.payments.len()).unwrap();
    let (_, mut payments) = parts(&[8800]);
    let id = PaymentId(Uuid::from_u128(0xaa_0000_0000_0000 + (number << 32)));
    let minor = books.dossier.missing_minor();
    let amount = crate::money::Money::new(minor, crate::money::Currency::CNY);
    let payment = Payment { id, method, amount, ..payments.pop().unwrap() };
    let (plans, facts, merchant) = (plans(), BTreeMap::new(), books.policy.clone());
    let policy = Policy { plans: &plans, facts: &facts, merchant: &merchant };
    let decision = pick(&books.dossier, payment, &policy, books.now)?;
    books.take(decision);
    books.now = books.now.plus_ms(1);
    Ok(books.dossier.payments.len() - 1)
}

fn create_of(books: &Books, index: usize) -> Option<Timestamp> {
    books.jobs.get(&JobKey::payment(JobKind::CreatePayment, books.dossier.payments[index].id)).copied()
}

#[test]
fn an_order_whose_payer_does_not_choose_expires() {
    let mut books = offering();
    let key = JobKey::order(JobKind::ExpireOrder, books.dossier.order.id);
    assert_eq!(
        (books.dossier.order.state, books.dossier.order.due_at),
        (OrderState::Created, Some(at(30 * MINUTE_MS)))
    );
    assert_eq!(books.jobs.get(&key), Some(&at(30 * MINUTE_MS)));
    assert!(books.balances.is_empty());
    books.see(books.dossier.order.id, expired(at(0)).claim);
    assert_eq!((books.dossier.order.state, books.told()), (OrderState::Closed, vec![EventKind::OrderClosed]));
    assert_eq!((books.dossier.order.close_reason.as_deref(), books.jobs.len()), (Some("expired"), 0));
    assert!(choose(&mut books, Method::AlipayQr).is_err());
}

#[test]
fn a_payer_pays_by_what_is_offered_and_only_by_that() {
    let mut books = offering();
    assert!(choose(&mut books, Method::Cash).unwrap_err().contains("wechat_native, alipay_qr"));
    assert_eq!(choose(&mut books, Method::AlipayQr), Ok(0));
    assert!(create_of(&books, 0).is_some());
    assert_eq!(books.dossier.order.state, OrderState::Paying);
    books.capture(0);
    assert_eq!((books.dossier.order.state, books.dossier.order.due_at), (OrderState::Paid, None));
    assert!(choose(&mut books, Method::WechatNative).is_err());
    books.check();
}

#[test]
fn another_choice_starts_only_when_the_first_can_take_no_money_any_more() {
    let mut books = offering();
    choose(&mut books, Method::WechatNative).unwrap();
    books.pay(0, Claim::Sending);
    books.pay(0, accepted());
    choose(&mut books, Method::AlipayQr).unwrap();
    assert_eq!(
        (books.dossier.payments[0].state, books.dossier.order.state),
        (PaymentState::Closing, OrderState::Paying)
    );
    assert_eq!((create_of(&books, 1), books.dossier.payments[1].due_at), (None, None));
    for claim in [Claim::Unpaid, Claim::CloseAccepted, Claim::UnpaidAfterClose] {
        assert_eq!(create_of(&books, 1), None);
        books.pay(0, claim);
    }
    assert!(create_of(&books, 1).is_some());
    books.capture(1);
    assert_eq!((books.dossier.order.state, books.dossier.captured_minor()), (OrderState::Paid, 8800));
    books.check();
}

#[test]
fn a_payer_who_pays_the_old_way_after_all_pays_once() {
    let mut books = offering();
    choose(&mut books, Method::WechatNative).unwrap();
    books.pay(0, Claim::Sending);
    books.pay(0, accepted());
    choose(&mut books, Method::AlipayQr).unwrap();
    books.capture(0);
    assert_eq!(books.dossier.order.state, OrderState::Paid);
    assert_eq!((books.dossier.payments[1].state, create_of(&books, 1)), (PaymentState::Declined, None));
    assert!(books.dossier.refunds.is_empty());
    books.check();
}

#[test]
fn a_way_that_does_not_work_leaves_the_choice_open() {
    let mut books = offering();
    choose(&mut books, Method::WechatNative).unwrap();
    books.pay(0, Claim::Sending);
    books.pay(0, Claim::Refused { reason: text() });
    assert_eq!((books.dossier.order.state, books.told()), (OrderState::Created, vec![EventKind::OrderChooseAgain]));
    choose(&mut books, Method::AlipayQr).unwrap();
    assert!(create_of(&books, 1).is_some());
    // Its time is over while the channel is asked.
    books.pay(1, Claim::Sending);
    books.pay(1, accepted());
    books.see(books.dossier.order.id, expired(at(0)).claim);
    assert_eq!(books.dossier.payments[1].state, PaymentState::Closing);
    books.pay(1, Claim::ClosedAtChannel);
    assert_eq!(books.dossier.order.state, OrderState::Closed);
    books.check();
}

#[test]
fn a_choice_that_was_never_sent_is_dropped_by_the_next_one() {
    let mut books = offering();
    choose(&mut books, Method::WechatNative).unwrap();
    choose(&mut books, Method::AlipayQr).unwrap();
    assert_eq!(books.dossier.payments[0].state, PaymentState::Declined);
    assert_eq!((create_of(&books, 0).is_some(), create_of(&books, 1).is_some()), (false, true));
}

#[test]
fn refunds_of_transfers_and_cash_go_by_hand() {
    for method in [Method::BankTransfer, Method::Cash] {
        let mut books = awaiting(method, MerchantPolicy::default());
        books.pay(0, piece("a", 8800));
        books.refund(1000).unwrap();
        assert_eq!((books.legs()[0].route, books.legs()[0].state), (Route::Transfer, LegState::AwaitingTransfer));
        books.leg(0, RefundClaim::Transferred { by: "Eve".into(), reference: "b1".into() });
        assert_eq!(books.dossier.refunded_minor(), 1000);
        books.check();
    }
}
