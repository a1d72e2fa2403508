//! The cases at channels that are called. Each knows what must come out, and must never know which channel
//! it is.

use bursar_core::event::EventKind;
use bursar_core::id::OrderId;
use bursar_core::observation::{Claim, Source};
use bursar_core::order::{OrderState, RefundOverlay};
use bursar_core::payment::PaymentState;
use bursar_core::refund::{RefundCause, RefundState};
use bursar_sandbox::{Behaviour, Faults, PayMode, PayerMix};
use serde_json::json;

use super::Case;
use super::at_channel::{AtChannel, Weather};
use super::cell::{AMOUNT, WITHIN, only};
use super::relay::Post;
use crate::until;

/// Always.
const ALWAYS: u32 = 10_000;
/// An hour: what is only found at the order's end is found within twenty real seconds.
const SHORT_S: u64 = 3_600;
/// Longer than any case: an order that must not expire.
const LONG_S: u64 = 6 * 3_600;

/// Who pays, and what goes wrong from the beginning.
pub(super) fn weather(case: Case) -> Weather {
    // Payers wait until the case tells them what to do.
    let payers = match case {
        Case::Race => PayerMix::all(Behaviour::Closing),
        _ => PayerMix::all(Behaviour::Never),
    };
    let faults = match case {
        Case::Query | Case::LateUnheard => unheard(),
        // Before each message comes one that somebody else signed.
        Case::ForgedNotices => Faults { signtest_probe: ALWAYS, ..Faults::calm() },
        Case::LostCreate => Faults { lost_answer_after_effect: ALWAYS, ..Faults::calm() },
        Case::ForgedAnswers => Faults { bad_signature: ALWAYS, ..unheard() },
        Case::Unknown => Faults { server_error: ALWAYS, ..unheard() },
        _ => Faults::calm(),
    };
    Weather { payers, faults }
}

/// No notification ever comes.
fn unheard() -> Faults {
    Faults { notification_never: ALWAYS, ..Faults::calm() }
}

/// Plays a case to its end.
pub(super) async fn play(case: Case, cell: &AtChannel) {
    match case {
        Case::Create => create(cell).await,
        Case::Pay => pay(cell).await,
        Case::Fail => fail(cell).await,
        Case::Query => query(cell).await,
        Case::Notify => notify(cell).await,
        Case::Close => close(cell).await,
        Case::Expire => expire(cell).await,
        Case::Race if cell.row.method.holds() => race_of_merchants(cell).await,
        Case::Race => race(cell).await,
        Case::RefundWhole => refund_whole(cell).await,
        Case::RefundParts => refund_parts(cell).await,
        Case::LostCreate => lost_create(cell).await,
        Case::LostRefund => lost_refund(cell).await,
        Case::ForgedAnswers => forged_answers(cell).await,
        Case::ForgedNotices => forged_notices(cell).await,
        Case::Duplicate => duplicate(cell).await,
        Case::Late => late(cell, true).await,
        Case::LateUnheard => late(cell, false).await,
        Case::Void => void(cell).await,
        Case::CaptureLess => capture_less(cell).await,
        Case::LostCapture => lost_capture(cell).await,
        Case::Pieces => unreachable!("the channel takes the whole or nothing"),
        Case::Installments => installments(cell).await,
        Case::Unknown => unknown(cell).await,
    }
}

async fn create(cell: &AtChannel) {
    let (order, payment) = cell.ready(3_600).await;
    let entry = cell.entry();
    assert_eq!((entry.channel.name(), entry.account.as_str()), (cell.row.channel().name(), cell.merchant()));
    assert_eq!((entry.out_trade_no.as_str(), entry.amount_minor), (payment.number().as_str(), AMOUNT));
    assert_eq!((entry.state.as_str(), entry.charges), ("NOTPAY", 0));
    // The payer goes back and opens it once more: it is the same order, and can be paid.
    cell.meet(&payment);
    cell.pay(&payment, PayMode::Normal);
    let paid = cell.until_paid(order).await;
    assert_eq!(only(&paid).evidence.code(), payment.evidence.code(), "one code for the payer");
    assert_eq!(cell.entry().charges, 1);
    cell.agrees().await;
}

async fn pay(cell: &AtChannel) {
    let (order, dossier) = cell.paid().await;
    let (payment, entry) = (only(&dossier), cell.entry());
    let receipt = payment.evidence.paid.as_ref().expect("a receipt");
    assert_eq!((receipt.amount_minor, receipt.currency.as_str(), receipt.payee_matches), (AMOUNT, "CNY", true));
    assert_eq!(Some(receipt.transaction_id.as_str()), entry.transaction_id.as_deref());
    let paid_at_ms = entry.paid_at_ms.expect("it is paid");
    assert!((receipt.paid_at.as_millis() - paid_at_ms).abs() < 1_000, "channels write whole seconds of the right zone");
    assert_eq!((dossier.captured_minor(), cell.held_minor().await), (AMOUNT, AMOUNT));
    assert_eq!(cell.told(order, EventKind::OrderPaid).await, 1);
    cell.agrees().await;
}

async fn fail(cell: &AtChannel) {
    let (order, payment) = cell.ready(3_600).await;
    cell.pay(&payment, PayMode::Fail);
    let dossier = cell.until_paid(order).await;
    let entry = cell.entry();
    assert_eq!((entry.failed_attempts, entry.charges, dossier.captured_minor()), (1, 1, AMOUNT));
    assert_eq!(cell.told(order, EventKind::OrderPaid).await, 1);
    cell.agrees().await;
}

async fn query(cell: &AtChannel) {
    let (order, payment) = cell.ready(SHORT_S).await;
    cell.pay(&payment, PayMode::Normal);
    cell.until_paid(order).await;
    assert_eq!(cell.heard(order).await, (Source::Query, false));
    assert_eq!(cell.ask_back(order, AMOUNT).await, 202);
    cell.until(order, "the refund is found", |d| d.refunded_minor() == AMOUNT).await;
    assert_eq!(cell.sandbox.counters().notifications_sent, 0, "the case did not happen: somebody was told");
    cell.agrees().await;
}

async fn notify(cell: &AtChannel) {
    let (order, payment) = cell.ready(LONG_S).await;
    cell.until_nobody_asks(payment.id).await;
    cell.pay(&payment, PayMode::Normal);
    cell.until_paid(order).await;
    // Of a message that only says "look", the answer to the question that follows.
    let (_, by_message) = cell.heard(order).await;
    assert!(by_message, "it was found by asking");
    cell.agrees().await;
}

async fn close(cell: &AtChannel) {
    let (order, payment) = cell.ready_to_end().await;
    cell.ask_to_close(order).await;
    let closed = cell.until_closed(order).await;
    assert!(only(&closed).state.ended_unpaid(), "{:?}", only(&closed).state);
    let entry = cell.entry_of(&payment);
    assert_eq!((entry.state.as_str(), entry.charges), ("CLOSED", 0));
    assert!(cell.try_to_pay(&payment, PayMode::Normal).is_err(), "a closed order can still be paid");
    assert_eq!((cell.told(order, EventKind::OrderClosed).await, cell.held_minor().await), (1, 0));
    cell.agrees().await;
}

async fn expire(cell: &AtChannel) {
    let order = cell.order(400).await;
    let closed = cell.until_closed(order).await;
    assert!(only(&closed).state.ended_unpaid(), "{:?}", only(&closed).state);
    assert!(cell.try_to_pay(only(&closed), PayMode::Normal).is_err(), "a closed order can still be paid");
    assert_eq!(cell.sandbox.counters().payments, 0);
    assert_eq!((cell.told(order, EventKind::OrderClosed).await, cell.held_minor().await), (1, 0));
    cell.agrees().await;
}

async fn race(cell: &AtChannel) {
    // These payers pay when they are asked to stop: when the close call arrives, or at the last moment.
    let (first, of_first) = cell.ready_to_end().await;
    cell.ask_to_close(first).await;
    let (second, payment) = cell.ready_to_end().await;
    cell.ask_to_close(second).await;
    // The channel may have been faster: that is the race.
    let _ = cell.try_to_pay(&payment, PayMode::Normal);
    for order in [first, second] {
        let ended = cell.until(order, "the order has ended", |d| d.order.state.is_final()).await;
        assert_eq!((ended.order.state, ended.captured_minor()), (OrderState::Paid, AMOUNT), "the payer was faster");
        assert_eq!(cell.told(order, EventKind::OrderPaid).await, 1);
    }
    assert_eq!((cell.entry_of(&of_first).charges, cell.entry_of(&payment).charges), (1, 1));
    cell.agrees().await;
    let charged: u32 = cell.sandbox.books().iter().map(|b| b.charges).sum();
    assert_eq!(cell.held_minor().await, AMOUNT * i64::from(charged));
}

/// What is held is taken by one and let go by another at the same moment: one of them wins.
async fn race_of_merchants(cell: &AtChannel) {
    let mut taken = 0;
    for capture_first in [true, false] {
        let (order, payment) = cell.ready(LONG_S).await;
        cell.pay(&payment, PayMode::Normal);
        cell.until_held(order).await;
        let (capture, close) = (cell.ask_to_capture(order), cell.try_to_close(order));
        if capture_first {
            tokio::join!(capture, close);
        } else {
            tokio::join!(close, capture);
        }
        let ended = cell.until(order, "the order has ended", |d| d.order.state.is_final()).await;
        let paid = ended.order.state == OrderState::Paid;
        assert_eq!(ended.captured_minor(), if paid { AMOUNT } else { 0 });
        taken += u32::from(paid);
    }
    let books = cell.books();
    assert_eq!((books.len(), books.iter().map(|b| b.charges).sum::<u32>()), (2, taken));
    assert_eq!(cell.held_minor().await, i64::from(taken) * AMOUNT);
    cell.agrees().await;
}

async fn refund_whole(cell: &AtChannel) {
    let (order, _) = cell.paid().await;
    assert_eq!(cell.ask_back(order, AMOUNT + 1).await, 422, "more than was paid");
    assert_eq!(cell.ask_back(order, AMOUNT).await, 202);
    assert_eq!(cell.ask_back(order, 1).await, 422, "more than is left");
    let done = cell.until(order, "the refund has arrived", |d| d.refunds[0].state == RefundState::Succeeded).await;
    let theirs = cell.sandbox.refunds();
    assert_eq!(theirs.iter().map(|r| (r.effects, r.succeeded_minor)).collect::<Vec<_>>(), [(1, AMOUNT)]);
    let leg = &done.refunds[0].legs[0];
    let theirs_id = if cell.remote.numbers_refunds() { theirs[0].refund_id.clone() } else { leg.number() };
    assert_eq!((theirs[0].out_refund_no.clone(), leg.evidence.refund_id.clone()), (leg.number(), Some(theirs_id)));
    assert_eq!((done.overlay(), cell.held_minor().await), (RefundOverlay::Refunded, 0));
    assert_eq!(cell.told(order, EventKind::RefundSucceeded).await, 1);
    cell.agrees().await;
}

async fn refund_parts(cell: &AtChannel) {
    let (order, _) = cell.paid().await;
    let (one, other) = (3_001, AMOUNT - 3_001);
    assert_eq!(cell.ask_back(order, one).await, 202);
    assert_eq!(cell.ask_back(order, other + 1).await, 422, "more than is left");
    assert_eq!(cell.ask_back(order, other).await, 202);
    let all = |d: &bursar_core::order::Dossier| d.refunds.iter().all(|r| r.state == RefundState::Succeeded);
    let done = cell.until(order, "both parts have arrived", all).await;
    assert_eq!((done.refunded_minor(), done.overlay()), (AMOUNT, RefundOverlay::Refunded));
    let mut theirs: Vec<_> = cell.sandbox.refunds().iter().map(|r| (r.effects, r.succeeded_minor)).collect();
    theirs.sort_unstable();
    assert_eq!(theirs, [(1, one), (1, other)]);
    assert_eq!((cell.told(order, EventKind::RefundSucceeded).await, cell.held_minor().await), (2, 0));
    cell.agrees().await;
}

async fn installments(cell: &AtChannel) {
    let order = cell.order_with(LONG_S, &json!({ "installments": { "count": 6 } })).await;
    let payment = cell.payable(order).await;
    assert_eq!(payment.installments.map(|asked| asked.count), Some(6));
    cell.pay(&payment, PayMode::Normal);
    let paid = cell.until_paid(order).await;
    let entry = cell.entry();
    assert_eq!((entry.installments, entry.charges, entry.captured_minor), (Some(6), 1, AMOUNT));
    assert_eq!((paid.captured_minor(), cell.held_minor().await), (AMOUNT, AMOUNT));
    assert_eq!(cell.ask_back(order, 3_001).await, 202);
    let back = cell.until(order, "a part has arrived", |d| d.refunded_minor() == 3_001).await;
    assert_eq!(back.overlay(), RefundOverlay::PartiallyRefunded);
    cell.agrees().await;
}

async fn lost_create(cell: &AtChannel) {
    let order = cell.struck("lost_answer_after_effect", 1).await;
    cell.sandbox.set_faults(Faults::calm());
    if cell.remote.code_can_be_had_again() {
        let payment = cell.payable(order).await;
        cell.pay(&payment, PayMode::Normal);
        cell.until_paid(order).await;
        assert_eq!((cell.entry_of(&payment).charges, cell.told(order, EventKind::OrderPaid).await), (1, 1));
    } else {
        let ended = cell.until(order, "the order has ended", |d| d.order.state.is_final()).await;
        assert_eq!(
            (ended.order.state, cell.entry_of(only(&ended)).charges),
            (OrderState::Closed, 0),
            "nobody could pay"
        );
    }
    never_refused(cell, order).await;
    cell.agrees().await;
}

/// Nothing that was not an answer was read as a no.
async fn never_refused(cell: &AtChannel, order: OrderId) {
    let timeline = cell.house.timeline(order).await;
    let refused = timeline.observations.iter().find(|o| matches!(o.claim, Claim::Refused { .. }));
    assert!(refused.is_none(), "{refused:?}");
}

async fn lost_refund(cell: &AtChannel) {
    let (order, _) = cell.paid().await;
    cell.sandbox.set_faults(Faults { lost_answer_after_effect: ALWAYS, ..unheard() });
    assert_eq!(cell.ask_back(order, AMOUNT).await, 202);
    cell.until_struck("lost_answer_after_effect", 1).await;
    cell.sandbox.set_faults(unheard());
    cell.until(order, "the refund has arrived", |d| d.refunded_minor() == AMOUNT).await;
    let theirs: Vec<_> = cell.sandbox.refunds().iter().map(|r| (r.effects, r.succeeded_minor)).collect();
    assert_eq!((theirs, cell.told(order, EventKind::RefundSucceeded).await), (vec![(1, AMOUNT)], 1));
    cell.agrees().await;
}

async fn forged_answers(cell: &AtChannel) {
    let order = if cell.row.not_applicable(Case::LostCreate).is_none() {
        let order = cell.struck("bad_signature", 2).await;
        let dossier = cell.house.dossier(order).await;
        assert!(only(&dossier).evidence.code().is_none(), "a code was believed that nobody signed");
        cell.sandbox.set_faults(unheard());
        order
    } else {
        cell.order(SHORT_S).await
    };
    let payment = if cell.remote.code_can_be_had_again() {
        cell.payable(order).await
    } else {
        // What was lost with the answer is lost: another order.
        cell.ready(SHORT_S).await.1
    };
    let struck = cell.sandbox.counters().faults.get("bad_signature").copied().unwrap_or(0);
    cell.sandbox.set_faults(Faults { bad_signature: ALWAYS, ..unheard() });
    cell.pay(&payment, PayMode::Normal);
    // Both ways of forging: a wrong signature, and one of somebody else.
    cell.until_struck("bad_signature", struck + 4).await;
    let dossier = cell.house.dossier(payment.order).await;
    assert!(!only(&dossier).state.is_final(), "believed without a signature: {:?}", only(&dossier).state);
    assert_eq!(cell.held_minor().await, 0);
    cell.sandbox.set_faults(unheard());
    cell.until_paid(payment.order).await;
    cell.until(order, "the first order has ended", |d| d.order.state.is_final()).await;
    cell.agrees().await;
}

async fn forged_notices(cell: &AtChannel) {
    let account = cell.account().to_string();
    let (order, payment) = cell.ready(LONG_S).await;
    cell.until_nobody_asks(payment.id).await;
    cell.relay.set(&account, Post::Damaged);
    cell.pay(&payment, PayMode::Normal);
    let copies = until("damaged copies", WITHIN, || async {
        let copies = cell.relay.passed(&account).damaged;
        (copies.len() >= 3).then_some(copies)
    });
    let copies = copies.await;
    assert!(copies.iter().all(|status| (400..500).contains(status)), "{copies:?}");
    let timeline = cell.house.timeline(order).await;
    assert!(timeline.observations.iter().all(|o| o.notification.is_none()), "a damaged message was believed");
    assert_eq!(only(&timeline.dossier).state, PaymentState::AwaitingPayer);
    cell.relay.set(&account, Post::Through);
    cell.until_paid(order).await;
    assert!(cell.heard(order).await.1, "it was found by asking");
    // A probe goes ahead of the message about the refund too, now undamaged.
    assert_eq!(cell.ask_back(order, AMOUNT).await, 202);
    cell.until(order, "the refund has arrived", |d| d.refunded_minor() == AMOUNT).await;
    until("a probe is refused", WITHIN, || async {
        let whole = cell.relay.passed(&account).whole;
        whole.iter().any(|status| (400..500).contains(status)).then_some(())
    })
    .await;
    assert_eq!(cell.sandbox.counters().probes_accepted, 0);
    cell.agrees().await;
}

async fn duplicate(cell: &AtChannel) {
    let account = cell.account().to_string();
    cell.relay.set(&account, Post::Thrice);
    let (order, payment) = cell.ready(LONG_S).await;
    cell.until_nobody_asks(payment.id).await;
    cell.pay(&payment, PayMode::Normal);
    cell.until_paid(order).await;
    let thrice = |times: usize| {
        let account = account.clone();
        async move {
            until("each message comes three times", WITHIN, || async {
                (cell.relay.passed(&account).whole.len() >= times).then_some(())
            })
            .await;
        }
    };
    thrice(3).await;
    assert_eq!(cell.ask_back(order, AMOUNT).await, 202);
    cell.until(order, "the refund has arrived", |d| d.refunded_minor() == AMOUNT).await;
    thrice(6).await;
    let whole = cell.relay.passed(&account).whole;
    let taken = whole.iter().filter(|status| (200..300).contains(*status)).count();
    // On a machine that stands still for a second, the last copy may be too old.
    assert!(taken >= 4, "repetitions are taken too: {whole:?}");
    cell.agrees().await;
    assert_eq!((cell.entry().charges, cell.held_minor().await), (1, 0));
    let told = (cell.told(order, EventKind::OrderPaid).await, cell.told(order, EventKind::RefundSucceeded).await);
    assert_eq!(told, (1, 1));
}

async fn late(cell: &AtChannel, told_of_it: bool) {
    let (order, payment) = cell.ready_to_end().await;
    cell.ask_to_close(order).await;
    cell.until_closed(order).await;
    cell.pay(&payment, PayMode::Late);
    let back = cell.until(order, "the money is back", |d| d.refunded_minor() == AMOUNT).await;
    assert_eq!((back.order.state, back.order.late_money), (OrderState::Closed, true));
    assert_eq!(back.refunds.iter().map(|r| r.cause).collect::<Vec<_>>(), [RefundCause::LateMoney]);
    let told = (cell.told(order, EventKind::OrderLateMoney).await, cell.told(order, EventKind::OrderPaid).await);
    assert_eq!(told, (1, 0));
    let (source, by_message) = cell.heard(order).await;
    assert_eq!(by_message, told_of_it, "{source:?}");
    assert_eq!(cell.held_minor().await, 0);
    cell.agrees().await;
}

async fn void(cell: &AtChannel) {
    let (order, payment) = cell.ready(LONG_S).await;
    cell.pay(&payment, PayMode::Normal);
    cell.until_held(order).await;
    assert_eq!((cell.entry().state.as_str(), cell.entry().charges), ("AUTHORIZED", 0));
    cell.ask_to_close(order).await;
    let closed = cell.until_closed(order).await;
    assert!(only(&closed).state.ended_unpaid(), "{:?}", only(&closed).state);
    assert_eq!((cell.entry().state.as_str(), cell.entry().charges), ("CLOSED", 0));
    assert_eq!((cell.ask_to_capture(order).await, cell.held_minor().await), (409, 0));
    cell.agrees().await;
}

async fn capture_less(cell: &AtChannel) {
    let less = AMOUNT - 3_001;
    let (order, payment) = cell.ready(LONG_S).await;
    cell.pay(&payment, PayMode::Normal);
    cell.until_held(order).await;
    assert_eq!(cell.ask_to_capture_so_much(order, AMOUNT + 1).await, 422, "more than is held");
    assert_eq!(cell.ask_to_capture_so_much(order, less).await, 202);
    let paid = cell.until(order, "the order is paid", |d| d.order.state == OrderState::Paid).await;
    assert_eq!((paid.order.amount.minor, paid.captured_minor(), cell.held_minor().await), (less, less, less));
    assert_eq!((cell.entry().charges, cell.entry().captured_minor), (1, less));
    assert_eq!(cell.ask_back(order, less + 1).await, 422, "more than was taken");
    assert_eq!(cell.ask_back(order, less).await, 202);
    cell.until(order, "the money is back", |d| d.refunded_minor() == less).await;
    assert_eq!((cell.entry().refunded_minor, cell.held_minor().await), (less, 0));
    cell.agrees().await;
}

async fn lost_capture(cell: &AtChannel) {
    let (order, payment) = cell.ready(LONG_S).await;
    cell.pay(&payment, PayMode::Normal);
    cell.until_held(order).await;
    cell.sandbox.set_faults(Faults { lost_answer_after_effect: ALWAYS, ..unheard() });
    assert_eq!(cell.ask_to_capture(order).await, 202);
    cell.until_struck("lost_answer_after_effect", 1).await;
    cell.sandbox.set_faults(unheard());
    let paid = cell.until(order, "the order is paid", |d| d.order.state == OrderState::Paid).await;
    assert_eq!((paid.captured_minor(), cell.entry().charges, cell.held_minor().await), (AMOUNT, 1, AMOUNT));
    assert_eq!(cell.told(order, EventKind::OrderPaid).await, 1);
    cell.agrees().await;
}

async fn unknown(cell: &AtChannel) {
    let order = cell.order(SHORT_S).await;
    if cell.row.not_applicable(Case::LostCreate).is_none() {
        cell.until_struck("server_error", 2).await;
        cell.sandbox.set_faults(Faults { timeout_before_effect: ALWAYS, ..unheard() });
        cell.until_struck("timeout_before_effect", 1).await;
        let dossier = cell.house.dossier(order).await;
        assert!(!only(&dossier).state.is_final(), "nothing is known: {:?}", only(&dossier).state);
        cell.sandbox.set_faults(unheard());
    }
    let payment = cell.payable(order).await;
    let struck = cell.sandbox.counters().faults.get("server_error").copied().unwrap_or(0);
    cell.sandbox.set_faults(Faults { server_error: ALWAYS, ..unheard() });
    cell.pay(&payment, PayMode::Normal);
    cell.until_struck("server_error", struck + 2).await;
    assert!(!only(&cell.house.dossier(order).await).state.is_final(), "an error was read as an answer");
    cell.sandbox.set_faults(unheard());
    cell.until_paid(order).await;
    never_refused(cell, order).await;
    assert_eq!((cell.entry().charges, cell.told(order, EventKind::OrderPaid).await), (1, 1));
    cell.agrees().await;
}
