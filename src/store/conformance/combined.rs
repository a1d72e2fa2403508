//! Orders that are paid in parts: their order is kept, and what is prepared for their failure is written
//! with what makes it necessary.

use bursar_core::job::JobKind;
use bursar_core::ledger::AccountKind;
use bursar_core::merchant::MerchantPolicy;
use bursar_core::observation::{Claim, Source};
use bursar_core::order::{Order, OrderState};
use bursar_core::payment::{Payment, PaymentState};
use bursar_core::refund::{RefundCause, RefundState};
use bursar_core::{Currency, Money};

use super::office::*;
use super::world::*;
use super::{Db, on_both};
use crate::desk::Granted;
use crate::{Answer, OrderFilter};

on_both! {
    parts_stay_in_the_order_in_which_they_were_given
    a_payment_that_is_added_comes_last
    when_the_second_part_fails_the_first_goes_back
    when_all_parts_are_paid_nothing_goes_back
    a_deposit_is_kept_and_the_rest_added_later
}

/// Several parts whose ids are in another order than they are.
async fn parts_stay_in_the_order_in_which_they_were_given(db: &Db) {
    let office = Office::open(&db.store, MerchantPolicy::default()).await;
    let order = Order { amount: Money::new(1_000, Currency::CNY), ..order(office.merchant, "1") };
    let mut payments: Vec<Payment> = (0..4).map(|_| office.payment(&order, 250)).collect();
    payments.reverse();
    let given: Vec<_> = payments.iter().map(|p| p.id).collect();
    assert!(!given.is_sorted());
    let (answer, dossier) = office.desk.open(order, payments, |_, _| {}).await.unwrap();
    assert_eq!(answer, Answer::Committed);
    let stored = office.stored(&dossier).await;
    let ids = |d: &bursar_core::order::Dossier| d.payments.iter().map(|p| p.id).collect::<Vec<_>>();
    assert_eq!(ids(&stored), given);
    assert_eq!(ids(&db.store.dossiers_of(&given[2..3]).await.unwrap()[0]), given);
    let listed = db.store.orders(&OrderFilter { limit: 9, ..OrderFilter::default() }).await.unwrap();
    assert_eq!(ids(&listed[0]), given);
    // Only the first is started, and each next one when the one before it was captured.
    for (i, id) in given.iter().enumerate() {
        let started: Vec<bool> = {
            let mut started = Vec::new();
            for id in &given {
                started.push(office.jobs(*id).await.contains(&JobKind::CreatePayment));
            }
            started
        };
        assert_eq!(started, (0..4).map(|n| n == i).collect::<Vec<_>>());
        let part = stored.payment(*id).unwrap();
        let dossier = office.say(*id, Source::Query, 10, Claim::Paid(receipt(part))).await;
        office.stored(&dossier).await;
    }
}

async fn a_payment_that_is_added_comes_last(db: &Db) {
    let office = Office::open(&db.store, MerchantPolicy::default()).await;
    let order = Order { amount: Money::new(1_000, Currency::CNY), ..order(office.merchant, "1") };
    // Drawn before the others: its id is the smallest.
    let added = office.payment(&order, 1_000);
    let payments = vec![office.payment(&order, 1_000)];
    let (_, dossier) = office.desk.open(order, payments, |_, _| {}).await.unwrap();
    let granted = office.desk.add_payment(&added, None, |_, _| {}).await.unwrap();
    let Granted::Written(next) = granted else { panic!("{granted:?}") };
    let stored = office.stored(&next).await;
    let ids: Vec<_> = stored.payments.iter().map(|p| p.id).collect();
    assert_eq!(ids, [dossier.payments[0].id, added.id]);
    assert_eq!(office.jobs(added.id).await, [JobKind::CreatePayment]);
    // Refunds are found whatever the number of payments.
    office.say(added.id, Source::Query, 10, Claim::Paid(receipt(&added))).await;
    let refunded = office.refund(next.order.id, &request(300)).await.unwrap();
    office.stored(&refunded).await;
    let later = office.desk.add_payment(&office.payment(&next.order, 1), None, |_, _| {}).await.unwrap();
    assert!(matches!(later, Granted::Refused(_)), "{later:?}");
}

async fn when_the_second_part_fails_the_first_goes_back(db: &Db) {
    let office = Office::open(&db.store, MerchantPolicy::default()).await;
    let dossier = office.order(&[600, 400], false).await;
    let [first, second] = &dossier.payments[..] else { panic!() };
    let dossier = office.say(first.id, Source::Query, 10, Claim::Paid(receipt(first))).await;
    office.stored(&dossier).await;
    let prepared = &dossier.refunds[0];
    assert_eq!(prepared.id, RefundCause::Incomplete.refund_of(first.id));
    assert_eq!(prepared.state, RefundState::Prepared);
    let leg = prepared.legs[0].id;
    assert_eq!(office.jobs(leg).await, []);
    office.say(second.id, Source::Intent, 20, Claim::Sending).await;
    let refused = Claim::Refused { reason: "NO_AUTH".to_owned() };
    let dossier = office.say(second.id, Source::Create, 30, refused).await;
    office.stored(&dossier).await;
    assert_eq!(dossier.order.state, OrderState::Closed);
    assert_eq!(dossier.refunds[0].state, RefundState::Running);
    assert_eq!(office.jobs(leg).await, [JobKind::SendRefund]);
    let owed = [(AccountKind::Clearing, 600), (AccountKind::RefundsPayable, -600)].into();
    assert_eq!(office.balances().await, owed);
    let dossier = office.succeed(leg).await;
    office.stored(&dossier).await;
    assert_eq!(office.balances().await, [].into());
}

async fn when_all_parts_are_paid_nothing_goes_back(db: &Db) {
    let office = Office::open(&db.store, MerchantPolicy::default()).await;
    let dossier = office.paid(&[600, 400]).await;
    office.stored(&dossier).await;
    assert_eq!(dossier.order.state, OrderState::Paid);
    assert_eq!(dossier.refunds[0].state, RefundState::Voided);
    assert!(dossier.payments.iter().all(|p| p.returned_minor == 0 && p.state == PaymentState::Captured));
    assert_eq!(office.balances().await, [(AccountKind::Clearing, 1_000), (AccountKind::Earnings, -1_000)].into());
}

async fn a_deposit_is_kept_and_the_rest_added_later(db: &Db) {
    let office = Office::open(&db.store, MerchantPolicy::default()).await;
    let order = Order { amount: Money::new(1_000, Currency::CNY), part_payment: true, ..order(office.merchant, "1") };
    let deposit = office.payment(&order, 300);
    office.desk.open(order, vec![deposit.clone()], |_, _| {}).await.unwrap();
    let dossier = office.say(deposit.id, Source::Query, 10, Claim::Paid(receipt(&deposit))).await;
    let stored = office.stored(&dossier).await;
    assert_eq!((stored.order.state, stored.order.part_payment), (OrderState::PartiallyPaid, true));
    assert!(stored.refunds.is_empty());
    let rest = office.payment(&stored.order, 700);
    let until = stored.order.expires_at.plus_ms(1);
    let granted = office.desk.add_payment(&rest, Some(until), |_, _| {}).await.unwrap();
    let Granted::Written(next) = granted else { panic!("{granted:?}") };
    assert_eq!(office.stored(&next).await.order.expires_at, until);
    let dossier = office.say(rest.id, Source::Query, 20, Claim::Paid(receipt(&rest))).await;
    office.stored(&dossier).await;
    assert_eq!(dossier.order.state, OrderState::Paid);
}
