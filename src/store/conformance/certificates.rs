//! Certificates of days: made once for each day, in a chain, and what was changed since is named.

use bursar_core::bank::Day;
use bursar_core::clock::DAY_MS;
use bursar_core::merchant::MerchantPolicy;
use bursar_core::observation::{Claim, Source};

use super::office::Office;
use super::world::*;
use super::{Db, on_both};
use crate::proof::certificate::{hex, make};
use crate::proof::verify::verify;

on_both! {
    each_day_that_ended_has_one_certificate_and_they_are_chained
    a_certificate_counts_what_there_was
    what_was_changed_behind_our_back_is_named
}

fn today() -> Day {
    Day::in_beijing(NOW)
}

/// An office that has taken money on the day of [`NOW`].
async fn busy(db: &Db) -> Office {
    let office = Office::open(&db.store, MerchantPolicy::default()).await;
    office.paid(&[1_000]).await;
    let lost = office.order(&[40], false).await.payments[0].id;
    office.say(lost, Source::Intent, 20, Claim::Sending).await;
    office.say(lost, Source::Create, 30, Claim::NoAnswer { why: "time-out".to_owned() }).await;
    office
}

async fn each_day_that_ended_has_one_certificate_and_they_are_chained(db: &Db) {
    let store = &*db.store;
    assert_eq!(make(store, today(), NOW.plus_ms(9 * DAY_MS)).await.unwrap(), [], "nothing to certify");
    busy(db).await;
    assert_eq!(make(store, today(), NOW).await.unwrap(), [], "the day has not ended");
    let later = NOW.plus_ms(3 * DAY_MS);
    let made = make(store, today().plus_days(1), later).await.unwrap();
    assert_eq!(made.iter().map(|m| m.row.day).collect::<Vec<_>>(), [today(), today().plus_days(1)]);
    assert_eq!(make(store, today().plus_days(1), later).await.unwrap(), [], "made once");
    let more = make(store, today().plus_days(9), later).await.unwrap();
    assert_eq!(more.iter().map(|m| m.row.day).collect::<Vec<_>>(), [today().plus_days(2)], "not of days to come");
    let all = store.certificates(0, 9).await.unwrap();
    assert_eq!(all.iter().map(|r| r.sequence).collect::<Vec<_>>(), [1, 2, 3]);
    assert_eq!(made[0].certificate.previous, None);
    assert_eq!(made[1].certificate.previous, Some(hex(&all[0].digest)));
    assert_eq!(more[0].certificate.previous, Some(hex(&all[1].digest)));
    assert_eq!(store.last_certificate().await.unwrap(), Some(all[2].clone()));
    assert_eq!(store.certificate(today()).await.unwrap(), Some(all[0].clone()));
    assert!(!store.add_certificate(&all[1]).await.unwrap());
    let found = verify(store, None).await.unwrap();
    assert_eq!((found.certificates, found.changed.clone(), found.head), (3, vec![], Some(hex(&all[2].digest))));
    assert_eq!(verify(store, Some(today().plus_days(2))).await.unwrap().changed, []);
    assert_eq!(verify(store, Some(today().plus_days(5))).await.unwrap().certificates, 0);
}

async fn a_certificate_counts_what_there_was(db: &Db) {
    let office = busy(db).await;
    let made = make(&*db.store, today(), NOW.plus_ms(DAY_MS)).await.unwrap();
    let c = &made[0].certificate;
    assert_eq!(
        c.orders.iter().map(|s| (s.currency.as_str(), s.count, s.minor)).collect::<Vec<_>>(),
        [("CNY", 2, 1_040)]
    );
    let moved: Vec<_> =
        c.movements.iter().map(|m| (m.account, m.channel.as_str(), m.kind.as_str(), m.sum.minor)).collect();
    assert_eq!(moved, [(office.account, "wechat", "capture", 1_000)]);
    assert!(c.proof.holds && c.proof.payments == 2);
    assert_eq!((c.unknown.count, c.unknown.suspense[0].minor, c.unknown.oldest_at), (1, 40, Some(NOW)));
    assert!(c.postings.count >= 4 && c.postings.digest.len() == 64);
    let balances: i64 = c.balances.iter().map(|b| b.debit_minor - b.credit_minor).sum();
    assert_eq!(balances, 0);
    assert_eq!((c.runs.done, c.runs.missing.len()), (0, 0), "the account is younger than the day before");
    let made = make(&*db.store, today().plus_days(1), NOW.plus_ms(2 * DAY_MS)).await.unwrap();
    let runs = &made[0].certificate.runs;
    assert_eq!((runs.missing[0].account, runs.missing[0].state.as_str()), (office.account, "none"));
    assert_eq!((made[0].certificate.postings.count, made[0].certificate.orders.len()), (0, 0));
}

async fn what_was_changed_behind_our_back_is_named(db: &Db) {
    busy(db).await;
    make(&*db.store, today().plus_days(1), NOW.plus_ms(3 * DAY_MS)).await.unwrap();
    let changed = async || {
        let found = verify(&*db.store, None).await.unwrap();
        found
            .changed
            .into_iter()
            .map(|(day, what)| (day, what.split(':').next().unwrap().to_owned()))
            .collect::<Vec<_>>()
    };
    let named = |what: &str| vec![(today(), what.to_owned())];
    assert_eq!(changed().await, []);
    for (spoil, mend, what) in [
        ("update posting set at = at + 1", "update posting set at = at - 1", "postings"),
        (
            "update orders set amount_minor = amount_minor + 1",
            "update orders set amount_minor = amount_minor - 1",
            "orders",
        ),
    ] {
        db.meddle(spoil).await;
        assert_eq!(changed().await, named(what), "{spoil}");
        db.meddle(mend).await;
        assert_eq!(changed().await, []);
    }
    db.meddle("update movement set amount_minor = amount_minor - 1").await;
    let found = changed().await;
    assert!(found.len() == 1 && found[0].1.starts_with("capture on acc_"), "{found:?}");
    db.meddle("update movement set amount_minor = amount_minor + 1").await;
    db.meddle("update certificate set body = replace(body, 'proof', 'prooF') where sequence = 1").await;
    assert_eq!(changed().await, [named("the certificate itself"), named("the certificate itself")].concat());
    db.meddle("update certificate set body = replace(body, 'prooF', 'proof') where sequence = 1").await;
    db.meddle("delete from certificate where sequence = 1").await;
    assert_eq!(changed().await, [(today().plus_days(1), "the chain".to_owned())]);
}
