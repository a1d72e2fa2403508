//! Notifications: their form, their schedule and what a merchant's answer does.

use std::collections::BTreeSet;

use super::{Desk, desk, desk_with, eventually};
use crate::{Faults, PayMode};

#[tokio::test]
async fn a_payment_is_told_as_a_signed_form() {
    let desk = desk().await;
    let form = desk.merchant.purchase("order0001").with("reqReserved", "保洁 [payer:never]");
    desk.merchant.send("appTransReq.do", &form).await;
    desk.pay("order0001", PayMode::Normal);
    desk.settle().await;
    eventually("accepted", || desk.entry("order0001").notifications_accepted == 1).await;
    let notice = desk.inbox.notices().remove(0);
    assert!(super::merchant::is_genuine(&notice));
    for name in ["orderId", "txnTime", "txnAmt", "currencyCode", "merId", "bizType", "txnType", "reqReserved"] {
        assert_eq!(notice[name], form.get(name), "{name}");
    }
    assert!(["00", "A6"].contains(&notice["respCode"].as_str()), "{notice:?}");
    let asked = desk.merchant.query(&form).await.fields();
    for name in ["queryId", "traceNo", "traceTime", "settleAmt", "settleCurrencyCode", "settleDate"] {
        assert_eq!(notice[name], asked[name], "{name}");
    }
    assert_eq!((notice["exchangeRate"].as_str(), notice["payCardType"].as_str()), ("0", "01"));
    assert!(!notice.contains_key("backUrl") && !notice.contains_key("certId"));
    assert_eq!(desk.sandbox.world.timers.next_due_ms(), None, "an accepted notification is not repeated");
}

#[tokio::test]
async fn a_notification_is_sent_five_times_at_the_documented_gaps_and_then_given_up() {
    // Anything but 200 is no acknowledgement, other successes included.
    for status in [204, 302, 500] {
        let desk = desk().await;
        desk.inbox.answer_with(status);
        desk.ordered("order0001", "never").await;
        desk.pay("order0001", PayMode::Normal);
        desk.skip_to_next().await;
        let timers = &desk.sandbox.world.timers;
        for (attempt, minutes) in (1..).zip([1, 2, 4, 5]) {
            eventually("the attempt is refused", || {
                desk.sandbox.counters().notifications_refused == attempt && timers.next_due_ms().is_some()
            })
            .await;
            assert_eq!(timers.next_due_ms(), Some(desk.now_ms() + minutes * 60_000), "after attempt {attempt}");
            desk.clock.advance_ms(minutes * 60_000);
        }
        eventually("the network gives up", || desk.sandbox.counters().notifications_given_up == 1).await;
        assert_eq!((timers.next_due_ms(), desk.inbox.count()), (None, 5));
    }
}

#[tokio::test]
async fn a_renewed_certificate_of_the_network_travels_with_what_it_signs() {
    let desk = desk().await;
    let form = desk.ordered("order0001", "never").await;
    let before = desk.merchant.query(&form).await;
    let cert_id = desk.sandbox.rotate_unionpay_certificate().await.unwrap();
    let after = desk.merchant.query(&form).await;
    assert!(before.is_genuine() && after.is_genuine());
    assert_ne!(before.get("signPubKeyCert"), after.get("signPubKeyCert"));
    assert!(cert_id.len() > 20 && cert_id.bytes().all(|byte| byte.is_ascii_digit()), "{cert_id}");
    desk.pay("order0001", PayMode::Normal);
    desk.settled_and_told(1).await;
    assert_eq!(desk.inbox.notices()[0]["signPubKeyCert"], after.get("signPubKeyCert"));
}

async fn probed(desk: &Desk, number: &str) -> Vec<super::inbox::Notice> {
    let before = desk.inbox.count();
    desk.ordered(number, "never").await;
    desk.pay(number, PayMode::Normal);
    desk.settle().await;
    eventually("both arrive", || desk.entry(number).notifications_accepted == 1).await;
    desk.inbox.notices().split_off(before)
}

#[tokio::test]
async fn forged_notifications_have_another_authority_or_another_name_and_are_to_be_refused() {
    let faults = Faults { signtest_probe: 10_000, ..Faults::calm() };
    let desk = desk_with(|config| config.faults = faults).await;
    let mut forgers = BTreeSet::new();
    for n in 0..12 {
        let notices = probed(&desk, &format!("order{n:04}")).await;
        let genuine: Vec<bool> = notices.iter().map(super::merchant::is_genuine).collect();
        assert_eq!(genuine, [false, true]);
        assert_eq!(notices[0]["orderId"], notices[1]["orderId"]);
        forgers.insert(notices[0]["signPubKeyCert"].clone());
    }
    assert_eq!(forgers.len(), 2);
    assert_eq!(desk.sandbox.counters().probes_accepted, 0);
}

#[tokio::test]
async fn the_faults_of_notifications_strike_here_too() {
    for (faults, copies) in [
        (Faults { notification_lost: 10_000, ..Faults::calm() }, 0),
        (Faults { notification_never: 10_000, ..Faults::calm() }, 0),
        (Faults { notification_duplicated: 10_000, ..Faults::calm() }, 2),
        (Faults { notification_late: 10_000, ..Faults::calm() }, 1),
    ] {
        let desk = desk_with(|config| config.faults = faults).await;
        desk.ordered("order0001", "never").await;
        desk.pay("order0001", PayMode::Normal);
        desk.settle().await;
        let arrived = || desk.sandbox.counters().notifications_accepted == copies;
        eventually("all copies arrive", arrived).await;
        assert_eq!(desk.inbox.count(), usize::try_from(copies).unwrap(), "{faults:?}");
        let late = desk.now_ms() - desk.entry("order0001").paid_at_ms.unwrap() >= 60_000;
        assert_eq!(late, faults.notification_late > 0);
    }
}
