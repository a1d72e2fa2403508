//! Sums for people: told apart by what is asked for, of the asked-for range and merchant only.

use bursar_core::bank::Day;
use bursar_core::channel::{ChannelKind, Method};
use bursar_core::clock::DAY_MS;
use bursar_core::insights::{Dimension, Takings};
use bursar_core::merchant::MerchantPolicy;
use bursar_core::observation::{Claim, Receipt, Source};
use bursar_core::order::Order;
use bursar_core::reconcile::MovementKind;

use super::office::{Office, request};
use super::world::*;
use super::{Db, on_both};
use crate::InsightFilter;

on_both! {
    takings_are_told_apart_by_what_is_asked_for
    times_to_paid_are_counted_in_seconds
    reasons_of_failure_are_those_of_the_channel
    movements_are_summed_by_account_and_day
}

fn of(office: &Office, by: &[Dimension]) -> InsightFilter {
    let day = Day::in_beijing(NOW);
    InsightFilter { merchant: Some(office.merchant), from: day, until: day, by: by.to_vec() }
}

/// Opens an order of `minor` for a service in a region, pays it `seconds` later when it is to be paid.
async fn sold(office: &Office, minor: i64, service: &str, region: Option<&str>, seconds: Option<i64>) {
    let mut order = order(office.merchant, &uuid().to_string());
    (order.service, order.region) = (Some(service.to_owned()), region.map(str::to_owned));
    let order = Order { amount: bursar_core::Money::new(minor, order.amount.currency), ..order };
    let payment = office.payment(&order, minor);
    let id = payment.id;
    office.desk.open(order, vec![payment.clone()], |_, _| {}).await.unwrap();
    if let Some(seconds) = seconds {
        let receipt = Receipt { paid_at: NOW.plus_ms(seconds * 1_000 + 999), ..receipt(&payment) };
        office.say(id, Source::Query, 10, Claim::Paid(receipt)).await;
    }
}

async fn shop(db: &Db) -> Office {
    let office = Office::open(&db.store, MerchantPolicy::default()).await;
    sold(&office, 1_000, "cleaning", Some("上海"), Some(3)).await;
    sold(&office, 2_000, "cleaning", Some("北京"), Some(130)).await;
    sold(&office, 4_000, "nanny", Some("上海"), Some(130)).await;
    sold(&office, 8_000, "nanny", None, None).await;
    office
}

async fn takings_are_told_apart_by_what_is_asked_for(db: &Db) {
    let office = shop(db).await;
    let foreign = shop(db).await;
    let all = db.store.takings(&of(&office, &[])).await.unwrap();
    let sums = Takings { payments: 4, paid: 3, taken_minor: 7_000, ..Takings::default() };
    assert_eq!(all.len(), 1);
    assert_eq!((all[0].0.day, all[0].0.merchant, all[0].0.method, all[0].1), (None, None, None, sums));
    let both = InsightFilter { merchant: None, ..of(&office, &[Dimension::Merchant]) };
    let both = db.store.takings(&both).await.unwrap();
    assert_eq!(both.iter().map(|(g, t)| (g.merchant, *t)).collect::<Vec<_>>(), {
        let mut rows = vec![(Some(office.merchant), sums), (Some(foreign.merchant), sums)];
        rows.sort_by_key(|r| r.0);
        rows
    });
    let by = db.store.takings(&of(&office, &[Dimension::Service, Dimension::Region])).await.unwrap();
    let mut by: Vec<_> =
        by.iter().map(|(g, t)| (g.service.clone().unwrap(), g.region.clone(), t.paid, t.taken_minor)).collect();
    by.sort();
    let row =
        |service: &str, region: Option<&str>, paid, minor| (service.to_owned(), region.map(str::to_owned), paid, minor);
    assert_eq!(
        by,
        [
            row("cleaning", Some("上海"), 1, 1_000),
            row("cleaning", Some("北京"), 1, 2_000),
            row("nanny", None, 0, 0),
            row("nanny", Some("上海"), 1, 4_000),
        ]
    );
    let by = db.store.takings(&of(&office, &[Dimension::Day, Dimension::Channel, Dimension::Method])).await.unwrap();
    let group = &by[0].0;
    assert_eq!(by.len(), 1);
    assert_eq!(group.day, Some(Day::in_beijing(NOW)));
    assert_eq!((group.channel, group.method), (Some(ChannelKind::Wechat), Some(Method::WechatNative)));
    let (before, after) = (Day::in_beijing(NOW).plus_days(-1), Day::in_beijing(NOW).plus_days(1));
    for day in [before, after] {
        let filter = InsightFilter { from: day, until: day, ..of(&office, &[]) };
        assert_eq!(db.store.takings(&filter).await.unwrap(), []);
    }

    let paid = office.paid(&[500]).await;
    let refunded = office.refund(paid.order.id, &request(200)).await.unwrap();
    let leg = refunded.legs().next().unwrap().id;
    let waiting = db.store.takings(&of(&office, &[])).await.unwrap();
    assert_eq!((waiting[0].1.refunded, waiting[0].1.refunded_minor), (0, 0), "it has not arrived");
    office.succeed(leg).await;
    let done = db.store.takings(&of(&office, &[])).await.unwrap();
    assert_eq!((done[0].1.refunded, done[0].1.refunded_minor, done[0].1.taken_minor), (1, 200, 7_500));
}

async fn times_to_paid_are_counted_in_seconds(db: &Db) {
    let office = shop(db).await;
    let mut times: Vec<_> =
        db.store.times_to_paid(&of(&office, &[])).await.unwrap().into_iter().map(|(_, s, n)| (s, n)).collect();
    times.sort_unstable();
    assert_eq!(times, [(3, 1), (130, 2)]);
    let by = db.store.times_to_paid(&of(&office, &[Dimension::Service])).await.unwrap();
    assert_eq!(by.iter().filter(|(g, ..)| g.service.as_deref() == Some("nanny")).map(|r| r.2).sum::<i64>(), 1);
}

async fn reasons_of_failure_are_those_of_the_channel(db: &Db) {
    let office = shop(db).await;
    for reason in ["NOTENOUGH", "RISK \0 \\u0000 'x'", "NOTENOUGH"] {
        let payment = office.order(&[700], false).await.payments[0].id;
        office.say(payment, Source::Intent, 5, Claim::Sending).await;
        office.say(payment, Source::Create, 10, Claim::Refused { reason: reason.to_owned() }).await;
    }
    let failed = db.store.failures(&of(&office, &[Dimension::Method])).await.unwrap();
    assert_eq!(failed.iter().map(|f| f.count).collect::<Vec<_>>(), [2, 1]);
    assert_eq!((failed[0].reason.as_str(), failed[0].group.method), ("NOTENOUGH", Some(Method::WechatNative)));
    assert!(failed[1].reason.starts_with("RISK"), "{:?}", failed[1].reason);
    assert_eq!(db.store.takings(&of(&office, &[])).await.unwrap()[0].1.failed, 3);
}

async fn movements_are_summed_by_account_and_day(db: &Db) {
    let office = shop(db).await;
    shop(db).await;
    let day = Day::in_beijing(NOW);
    let moved = db.store.moved_between(Some(office.merchant), day, day).await.unwrap();
    assert_eq!(moved.len(), 1);
    assert_eq!((moved[0].account, moved[0].channel, moved[0].day), (office.account, ChannelKind::Wechat, day));
    assert_eq!((moved[0].kind, moved[0].count, moved[0].minor), (MovementKind::Capture, 3, 7_000));
    assert_eq!(db.store.moved_between(None, day, day).await.unwrap().len(), 2);
    let later = Day::in_beijing(NOW.plus_ms(DAY_MS));
    assert_eq!(db.store.moved_between(None, later, later.plus_days(400)).await.unwrap(), []);
}
