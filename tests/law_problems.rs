//! Problems that other payment systems really had, as stories through the API, the workers and a channel
//! that misbehaves. Each names the thread where it was seen. (Workers that stop for good after a restart
//! of the database: `postgres_restarts.rs`. A rescuer that overwrites a finished job: `leases.rs`. A job that
//! runs eleven times, a schedule that fires in every process: `worker.rs`.)

use std::collections::BTreeSet;
use std::time::Duration;

use bursar_core::id::OrderId;
use bursar_core::observation::{Claim, Observation, Source};
use bursar_core::order::{Dossier, OrderState};
use bursar_core::payment::PaymentState;
use bursar_core::refund::{LegState, RefundCause, RefundState};
use bursar_sandbox::{Faults, PayerMix, RefundBehaviour, RefundMix};
use bursar_tests::{Endpoint, House, Manner, Scene, until};

const WITHIN: Duration = Duration::from_secs(90);

/// A calm channel and a merchant; 200 seconds of the clock pass in a real one.
fn calm(seed: u64) -> Scene {
    let more = vec![("worker.lease", "30s".to_owned()), ("worker.renew_every", "10s".to_owned())];
    let refunds = RefundMix::all(RefundBehaviour::Success);
    Scene {
        faults: Faults::calm(),
        refunds,
        failing_per_myriad: 0,
        speed: 200,
        webhooks: vec![None],
        more,
        ..Scene::new(seed)
    }
}

fn paid(dossier: &Dossier) -> bool {
    dossier.order.state == OrderState::Paid
}

fn payable(dossier: &Dossier) -> bool {
    dossier.payments.iter().all(|p| p.state == PaymentState::AwaitingPayer && p.evidence.code().is_some())
}

fn only_payment(dossier: &Dossier) -> &bursar_core::payment::Payment {
    assert_eq!(dossier.payments.len(), 1, "one payment per order");
    &dossier.payments[0]
}

/// Money arrived after the cancellation; it was ignored, or the dead order was booked as paid:
/// woocommerce-gateway-stripe #5703, flexprice #2230, CoreShop #2529.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn money_after_a_cancellation_is_on_the_books_and_goes_back_by_itself() {
    // Two real seconds at this speed: the query after the close is surely over when the money lands.
    let payers = PayerMix { landing_ms: (400_000, 400_000), ..PayerMix::default() };
    let house = House::open(Scene { payers, ..calm(1) }).await;
    let order = house.order(0, "inflight", 3_600).await;
    house.until(order, "the payer can pay", payable).await;
    assert_eq!(house.ask_to_close(0, order).await, 202);
    let late = house.until(order, "the money in flight is found", |d| d.order.late_money).await;
    assert_eq!(late.order.state, OrderState::Closed, "a closed order stays closed");
    assert_eq!(only_payment(&late).state, PaymentState::Captured, "money that was taken is on the books");
    let back = house.until(order, "the money is back", |d| d.refunded_minor() == 8_800).await;
    assert_eq!(back.refunds.iter().map(|r| r.cause).collect::<Vec<_>>(), [RefundCause::LateMoney]);
    assert_eq!(house.until_told(order, 4).await, [1, 2, 3, 4], "closed, late money, refund created, succeeded");
    assert!(!house.stage.sink.told().paid.contains_key(&order.to_string()), "the merchant was told `paid`");
    let questions = house.stage.program.store.parked(None, 10).await.unwrap();
    assert!(questions.is_empty(), "{questions:?}");
    house.books_agree().await;
    house.close().await;
}

/// The callback was lost and the order stayed pending for ever: woocommerce-gateway-stripe #2298,
/// razorpay-magento #284.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_callback_costs_time_and_not_the_order() {
    let faults = Faults { notification_never: 10_000, ..Faults::calm() };
    let house = House::open(Scene { faults, ..calm(2) }).await;
    let order = house.order(0, "soon", 3_600).await;
    house.until(order, "the order is paid", paid).await;
    let timeline = house.timeline(order).await;
    let found = timeline.observations.iter().find(|o| matches!(o.claim, Claim::Paid(_))).unwrap();
    assert_eq!(found.source, Source::Query, "no notification was sent");
    assert_eq!(house.until_told(order, 1).await, [1]);
    house.books_agree().await;
    house.close().await;
}

/// The notification arrived before our own commit and was dropped: polar #10728, shopper #658.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_notification_before_our_own_commit_is_not_lost() {
    // Every answer is late: the payer has paid and we are notified while our create call still waits.
    let faults = Faults { slow: 10_000, ..Faults::calm() };
    let payers = PayerMix { soon_ms: (0, 1), ..PayerMix::default() };
    let house = House::open(Scene { faults, payers, fault_hold_ms: 1_200, ..calm(3) }).await;
    let order = house.order(0, "soon", 3_600).await;
    house.until(order, "the order is paid", paid).await;
    let answered = || async {
        let timeline = house.timeline(order).await;
        let at = |wanted: fn(&Claim) -> bool, source| {
            timeline.observations.iter().position(|o| o.source == source && wanted(&o.claim))
        };
        let (notified, created) = (
            at(|c| matches!(c, Claim::Paid(_)), Source::Notification),
            at(|c| matches!(c, Claim::Accepted { .. }), Source::Create),
        );
        let jobs_left = timeline.jobs.iter().any(|j| j.key.kind == bursar_core::job::JobKind::CreatePayment);
        (!jobs_left).then_some((notified, created))
    };
    let (notified, created) = until("the create call has ended", WITHIN, answered).await;
    assert!(notified.is_some(), "the story did not happen: no notification");
    assert!(created.is_none_or(|created| notified.is_some_and(|n| n < created)), "{notified:?} {created:?}");
    assert!(paid(&house.dossier(order).await));
    assert_eq!(house.until_told(order, 1).await, [1]);
    house.books_agree().await;
    house.close().await;
}

/// Notification, poll and the merchant's own close raced, and the loser's compensation undid the winner:
/// medusa #13301.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_close_that_loses_the_race_against_the_payer_leaves_a_paid_order() {
    let house = House::open(calm(4)).await;
    let order = house.order(0, "closing", 3_600).await;
    house.until(order, "the payer can pay", payable).await;
    assert_eq!(house.ask_to_close(0, order).await, 202);
    let ended = house.until(order, "the order has ended", |d| d.order.state.is_final()).await;
    assert_eq!(ended.order.state, OrderState::Paid, "the payer was faster than the close");
    assert_eq!(house.until_told(order, 1).await, [1]);
    assert_eq!(house.stage.sink.told().paid.get(&order.to_string()), Some(&1));
    house.books_agree().await;
    house.close().await;
}

/// A late failure downgraded a paid order: woocommerce-gateway-stripe #902, mollie/WooCommerce #1252.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_late_failure_does_not_downgrade_a_paid_order() {
    let house = House::open(calm(5)).await;
    // This payer fails first and pays then.
    let order = house.order(0, "retry", 3_600).await;
    let before = house.until(order, "the order is paid", paid).await;
    let (desk, payment) = (&house.stage.program.desk, only_payment(&before).id);
    for claim in [
        Claim::AttemptFailed { reason: "late".to_owned() },
        Claim::Refused { reason: "late".to_owned() },
        Claim::NoAnswer { why: "late".to_owned() },
        Claim::Unpaid,
        Claim::Absent,
        Claim::CloseAccepted,
        Claim::ClosedAtChannel,
        Claim::CloseRequested { reason: "late".to_owned() },
    ] {
        let observation = Observation::new(Source::Query, desk.clock.now(), claim.clone());
        desk.observe(payment, &observation, None, None, |_| bursar_store::Settlement::Done).await.unwrap();
        let after = house.dossier(order).await;
        let states = (after.order.state, only_payment(&after).state);
        assert_eq!(states, (OrderState::Paid, PaymentState::Captured), "after {claim:?}");
    }
    assert_eq!(house.ask_to_close(0, order).await, 409);
    assert_eq!(house.until_told(order, 1).await, [1]);
    assert_eq!(house.dossier(order).await.order.event_count, 1, "nothing more to tell");
    house.books_agree().await;
    house.close().await;
}

/// A retry under a new key charged twice: akash #3449, adyen-commercetools #1305.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_retry_keeps_its_number_and_charges_once() {
    let faults = Faults { lost_answer_after_effect: 10_000, ..Faults::calm() };
    let house = House::open(Scene { faults, ..calm(6) }).await;
    let order = house.order(0, "soon", 3_600).await;
    let known = || async { (!house.stage.sandbox.books().is_empty()).then_some(()) };
    until("the channel has taken the order on", WITHIN, known).await;
    // From now on answers arrive.
    house.stage.sandbox.set_faults(Faults::calm());
    let dossier = house.until(order, "the order is paid", paid).await;
    let books = house.stage.sandbox.books();
    assert_eq!(books.len(), 1, "{books:#?}");
    assert_eq!((books[0].out_trade_no.clone(), books[0].charges), (only_payment(&dossier).number(), 1));
    house.books_agree().await;
    house.close().await;
}

/// Retries were not triggered after a repair: killbill #1832.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_an_outage_of_the_channel_orders_go_on_by_themselves() {
    let house = House::open(calm(7)).await;
    house.stage.sandbox.set_outage(true);
    let order = house.order(0, "soon", 3_600).await;
    house.until(order, "the outage is felt", |d| only_payment(d).evidence.sent_at.is_some()).await;
    let state = house.dossier(order).await.order.state;
    assert!(!state.is_final(), "an outage ended the order as {}", state.name());
    house.stage.sandbox.set_outage(false);
    house.until(order, "the order is paid", paid).await;
    assert_eq!(house.until_told(order, 1).await, [1]);
    house.books_agree().await;
    house.close().await;
}

/// The merchant was never told again after one failed delivery: hyperswitch #3408.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_merchant_who_failed_is_told_again_under_the_same_id() {
    let merchant = Endpoint::start(Manner::Refuses).await;
    let house = House::open(Scene { webhooks: vec![Some(merchant.url())], ..calm(8) }).await;
    let order = house.order(0, "soon", 3_600).await;
    house.until(order, "the order is paid", paid).await;
    until("the merchant refused three times", WITHIN, || async { (merchant.seen().requests.len() >= 3).then_some(()) })
        .await;
    assert!(merchant.seen().accepted.is_empty());
    merchant.set(Manner::Accepts);
    until("he was told", WITHIN, || async { (!merchant.seen().accepted.is_empty()).then_some(()) }).await;
    let delivered = || async {
        let delivery = house.timeline(order).await.deliveries.pop();
        delivery.filter(|d| d.delivered_at.is_some())
    };
    let delivery = until("it is written down", WITHIN, delivered).await;
    let seen = merchant.seen();
    let ids: BTreeSet<&String> = seen.requests.iter().collect();
    assert_eq!(ids, BTreeSet::from([&delivery.id.to_string()]), "one id for all attempts");
    assert_eq!((seen.accepted.len(), delivery.attempts >= 4), (1, true), "{delivery:?}");
    house.close().await;
}

/// One dead merchant endpoint delayed everybody: hyperswitch #10006.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_dead_endpoint_delays_nobody() {
    let dead = Endpoint::start(Manner::Hangs).await;
    // Fewer slots than the dead endpoint has deliveries.
    let mut scene = Scene { webhooks: vec![Some(dead.url()), None], ..calm(9) };
    scene.more.push(("worker.slots_webhook", "16".to_owned()));
    let house = House::open(scene).await;
    let mut orders: [Vec<OrderId>; 2] = [Vec::new(), Vec::new()];
    for _ in 0..40 {
        orders[0].push(house.order(0, "soon", 3_600).await);
    }
    until("the dead endpoint keeps deliveries waiting", WITHIN, || async {
        (dead.seen().requests.len() >= 4).then_some(())
    })
    .await;
    for _ in 0..10 {
        orders[1].push(house.order(1, "soon", 3_600).await);
    }
    for order in &orders[1] {
        assert_eq!(house.until_told(*order, 1).await, [1]);
    }
    assert!(dead.seen().accepted.is_empty(), "the dead endpoint had come to life");
    for order in orders.iter().flatten() {
        house.until(*order, "money does not wait for webhooks", paid).await;
    }
    dead.set(Manner::Accepts);
    let all = || async {
        let accepted: BTreeSet<String> = dead.seen().accepted.into_iter().collect();
        (accepted.len() == orders[0].len()).then_some(())
    };
    until("the dead merchant is told everything when he is back", WITHIN, all).await;
    house.books_agree().await;
    house.close().await;
}

/// Two concurrent refunds exceeded the capture: hyperswitch #13182.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_refunds_at_once_that_do_not_fit_together_one_is_refused() {
    let house = House::open(calm(21)).await;
    let order = house.order(0, "soon", 3_600).await;
    house.until(order, "the order is paid", paid).await;
    let (one, two) = tokio::join!(house.ask_back(0, order, 5_280, "one"), house.ask_back(0, order, 5_280, "two"));
    let mut statuses = [one.0, two.0];
    statuses.sort_unstable();
    assert_eq!(statuses, [202, 422], "{one:?} {two:?}");
    house.until(order, "the refund arrived", |d| d.refunded_minor() == 5_280).await;
    house.books_agree().await;
    house.close().await;
}

/// One partial refund was booked two or three times: gumroad #6193.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refund_that_is_told_again_and_again_is_booked_once() {
    let faults = Faults { notification_duplicated: 10_000, ..Faults::calm() };
    let house = House::open(Scene { faults, ..calm(22) }).await;
    let order = house.order(0, "soon", 3_600).await;
    house.until(order, "the order is paid", paid).await;
    assert_eq!(house.ask_back(0, order, 1_000, "one hour less").await.0, 202);
    house.until(order, "the refund arrived", |d| d.refunded_minor() == 1_000).await;
    let twice = || async { house.stage.sandbox.refunds().iter().any(|r| r.notifications_accepted > 1).then_some(()) };
    until("the channel has told of it twice", WITHIN, twice).await;
    let leg = house.dossier(order).await.refunds[0].legs[0].clone();
    let booked = house.timeline(order).await.postings;
    let booked: Vec<_> = booked.iter().filter(|p| p.posting.subject == leg.id.uuid()).collect();
    assert_eq!(booked.len(), 2, "set aside and given back, once each: {booked:?}");
    assert_eq!(house.until_told(order, 3).await, [1, 2, 3], "paid, refund created, succeeded");
    house.books_agree().await;
    house.close().await;
}

/// A refund that was still pending was read as failed: craft commerce-stripe #134.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refund_that_takes_long_is_under_way_and_not_failed() {
    let house = House::open(calm(23)).await;
    let order = house.order(0, "soon", 3_600).await;
    house.until(order, "the order is paid", paid).await;
    assert_eq!(house.ask_back(0, order, 8_800, "all of it [refund:slow]").await.0, 202);
    let accepted = |d: &Dossier| d.legs().any(|l| l.state == LegState::Processing);
    let pending = house.until(order, "the channel works on it", accepted).await;
    assert_eq!(pending.refunds[0].state, RefundState::Running, "acceptance is neither success nor failure");
    let arrived = house.until(order, "the refund arrived", |d| d.refunded_minor() == 8_800).await;
    assert_eq!(arrived.legs().count(), 1, "no other way was tried meanwhile");
    house.books_agree().await;
    house.close().await;
}

/// Two ways to pay were both paid for one order: ruoyi-vue-pro #1152, killbill #1015.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_that_is_paid_twice_gives_the_second_payment_back() {
    // Both payers pay after a minute, in the same second: nobody can close one of them in between.
    let payers = PayerMix { soon_ms: (60_000, 60_000), ..PayerMix::default() };
    let house = House::open(Scene { payers, ..calm(24) }).await;
    let order = house.order(0, "soon", 3_600).await;
    let (status, answer) = house.offer_another_way(0, order).await;
    assert_eq!(status, 201, "{answer}");
    let ended = |d: &Dossier| paid(d) && d.payments.iter().all(|p| p.state.is_final()) && d.refunded_minor() > 0;
    let twice = house.until(order, "the second payment went back", ended).await;
    assert_eq!(twice.captured_minor() - twice.refunded_minor(), 8_800, "the order keeps what it costs");
    assert_eq!(twice.refunds.iter().map(|r| r.cause).collect::<Vec<_>>(), [RefundCause::Duplicate]);
    house.books_agree().await;
    house.close().await;
}
