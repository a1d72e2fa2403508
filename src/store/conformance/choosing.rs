//! Orders whose payers choose: they have no payment at first, end as orders, and owe a job of their own.

use std::slice::from_ref;

use bursar_core::channel::Method;
use bursar_core::decide::expired;
use bursar_core::job::{JobKey, JobKind};
use bursar_core::merchant::MerchantPolicy;
use bursar_core::observation::{Claim, Receipt, Source};
use bursar_core::order::{Dossier, Order, OrderState};
use bursar_core::payment::{Payment, PaymentState};
use bursar_core::{Currency, Money};

use super::office::*;
use super::world::*;
use super::{Db, on_both};
use crate::desk::Granted;
use crate::{Answer, Change, LastPaid, OrderFilter};

on_both! {
    an_order_whose_payer_has_not_chosen_is_kept_like_any_other
    an_order_that_nobody_pays_ends_and_says_why
    a_payer_who_chooses_again_has_one_way_open
    orders_that_owe_a_job_and_have_none_are_stuck
    other_orders_owe_nothing
    what_a_payer_paid_with_is_remembered
}

const OFFERS: [Method; 3] = [Method::WechatNative, Method::BankTransfer, Method::Cash];

/// An order of 1000 whose payer chooses.
async fn offered(office: &Office) -> Dossier {
    let order = Order {
        amount: Money::new(1_000, Currency::CNY),
        offers: OFFERS.to_vec(),
        payer: Some("客户 7".to_owned()),
        state: OrderState::Created,
        ..order(office.merchant, &uuid().to_string())
    };
    let (answer, dossier) = office.desk.open(order, Vec::new(), |_, _| {}).await.unwrap();
    assert_eq!(answer, Answer::Committed);
    dossier
}

async fn pick(office: &Office, order: &Order, method: Method) -> Dossier {
    let payment = Payment { method, ..office.payment(order, 1_000) };
    match office.desk.pick(&payment, |_, _| {}).await.unwrap() {
        Granted::Written(dossier) => *dossier,
        other => panic!("{other:?}"),
    }
}

async fn an_order_whose_payer_has_not_chosen_is_kept_like_any_other(db: &Db) {
    let office = Office::open(&db.store, MerchantPolicy::default()).await;
    let dossier = offered(&office).await;
    let stored = office.stored(&dossier).await;
    assert_eq!((stored.order.offers.as_slice(), stored.payments.len()), (OFFERS.as_slice(), 0));
    assert_eq!(stored.order.due_at, Some(stored.order.expires_at));
    assert_eq!(office.jobs(stored.order.id).await, [JobKind::ExpireOrder]);
    let filter = OrderFilter { merchant: Some(office.merchant), limit: 9, ..OrderFilter::default() };
    assert_eq!(db.store.orders(&filter).await.unwrap(), from_ref(&stored));
    let number = Some(stored.order.number.clone());
    assert_eq!(db.store.orders(&OrderFilter { number, ..filter }).await.unwrap(), from_ref(&stored));
    let counts = db.store.counts().await.unwrap();
    assert_eq!((counts.orders, counts.payments), (vec![(OrderState::Created, 1)], Vec::new()));
    let t = db.store.timeline(stored.order.id).await.unwrap().unwrap();
    assert_eq!((t.observations.len(), t.jobs.len()), (0, 1));
}

async fn an_order_that_nobody_pays_ends_and_says_why(db: &Db) {
    let office = Office::open(&db.store, MerchantPolicy::default()).await;
    let order = offered(&office).await.order;
    let over = expired(NOW);
    let dossier = office.say(order.id, over.source, 5, over.claim.clone()).await;
    let stored = office.stored(&dossier).await;
    let ended = (stored.order.state, stored.order.close_reason.as_deref(), stored.order.due_at);
    assert_eq!(ended, (OrderState::Closed, Some("expired"), None));
    assert_eq!(office.jobs(order.id).await, []);
    assert_eq!(db.store.stuck_orders(order.expires_at.plus_ms(9), 9).await.unwrap(), []);
    let t = db.store.timeline(order.id).await.unwrap().unwrap();
    let seen: Vec<_> = t.observations.iter().map(|o| (o.subject, o.source, o.claim.clone())).collect();
    assert_eq!(seen, [(order.id.uuid(), Source::Clock, over.claim)]);
    // Once is enough.
    assert_eq!(office.say(order.id, over.source, 6, expired(NOW).claim).await, stored);
    assert_eq!(db.store.timeline(order.id).await.unwrap().unwrap().observations.len(), 1);
}

async fn a_payer_who_chooses_again_has_one_way_open(db: &Db) {
    let office = Office::open(&db.store, MerchantPolicy::default()).await;
    let order = offered(&office).await.order;
    let dossier = pick(&office, &order, Method::BankTransfer).await;
    let stored = office.stored(&dossier).await;
    assert_eq!((stored.order.state, stored.payments.len()), (OrderState::Paying, 1));
    let (first, refused) = (stored.payments[0].id, office.payment(&order, 999));
    let refused = office.desk.pick(&refused, |_, _| {}).await.unwrap();
    assert!(matches!(&refused, Granted::Refused(why) if why.contains("1000")), "{refused:?}");
    // Nobody has told the bank anything yet: the first ends at once and the second starts.
    let dossier = pick(&office, &order, Method::WechatNative).await;
    let stored = office.stored(&dossier).await;
    let states: Vec<_> = stored.payments.iter().map(|p| (p.id == first, p.state)).collect();
    assert_eq!(states, [(true, PaymentState::Declined), (false, PaymentState::New)]);
    let second = stored.payments[1].clone();
    assert_eq!(office.jobs(second.id).await, [JobKind::CreatePayment]);
    let dossier = office.say(second.id, Source::Query, 10, Claim::Paid(receipt(&second))).await;
    let stored = office.stored(&dossier).await;
    assert_eq!((stored.order.state, stored.order.due_at), (OrderState::Paid, None));
    let refunded = office.refund(order.id, &request(1_000)).await.unwrap();
    office.stored(&refunded).await;
}

async fn orders_that_owe_a_job_and_have_none_are_stuck(db: &Db) {
    let office = Office::open(&db.store, MerchantPolicy::default()).await;
    let with_job = offered(&office).await.order;
    let mut without = Vec::new();
    for _ in 0..3 {
        let order = offered(&office).await.order;
        assert!(db.store.cancel_job(JobKey::order(JobKind::ExpireOrder, order.id)).await.unwrap());
        without.push(order);
    }
    let due = with_job.expires_at;
    let ids: Vec<_> = without.iter().map(|o| o.id).collect();
    assert_eq!(db.store.stuck_orders(due.plus_ms(1), 9).await.unwrap(), ids);
    assert_eq!(db.store.stuck_orders(due.plus_ms(1), 2).await.unwrap(), ids[..2]);
    assert_eq!(db.store.stuck_orders(due, 9).await.unwrap(), []);
    // One is due later, one has a job of another kind.
    let later = Order { due_at: Some(due.plus_ms(10)), ..without[0].clone() };
    let jobs = vec![job(JobKind::PollPayment, ids[1].uuid(), office.merchant, NOW)];
    assert_eq!(one(&*db.store, Change { orders: vec![later], jobs, ..Change::default() }).await, Answer::Committed);
    assert_eq!(db.store.stuck_orders(due.plus_ms(1), 9).await.unwrap(), ids[1..]);
}

async fn other_orders_owe_nothing(db: &Db) {
    let office = Office::open(&db.store, MerchantPolicy::default()).await;
    let dossier = office.order(&[600, 400], false).await;
    assert_eq!((dossier.order.due_at, dossier.order.offers.len(), dossier.order.payer.clone()), (None, 0, None));
    assert_eq!(db.store.stuck_orders(NOW.plus_ms(i64::from(i32::MAX)), 9).await.unwrap(), []);
    let actives = db.names("select cast(active as text) from orders").await;
    assert!(actives.len() == 1 && !actives.contains("1") && !actives.contains("true"), "{actives:?}");
    let offers = db.names("select coalesce(offers, 'null') || coalesce(payer, 'null') from orders").await;
    assert_eq!(offers, ["nullnull".to_owned()].into());
}

async fn what_a_payer_paid_with_is_remembered(db: &Db) {
    let office = Office::open(&db.store, MerchantPolicy::default()).await;
    let known = async |m| db.store.last_methods(m, "客户 7").await.unwrap();
    for (method, at) in [(Method::WechatNative, 50), (Method::WechatJsapi, 40), (Method::WechatNative, 30)] {
        let order = Order {
            amount: Money::new(1_000, Currency::CNY),
            offers: vec![method],
            payer: Some("客户 7".to_owned()),
            state: OrderState::Created,
            ..order(office.merchant, &uuid().to_string())
        };
        let order = office.desk.open(order, Vec::new(), |_, _| {}).await.unwrap().1.order;
        let payment = pick(&office, &order, method).await.payments[0].clone();
        let paid = Receipt { paid_at: NOW.plus_ms(at), ..receipt(&payment) };
        let before = known(office.merchant).await.len();
        office.say(payment.id, Source::Create, 5, accepted()).await;
        assert_eq!(known(office.merchant).await.len(), before);
        office.say(payment.id, Source::Query, 60, Claim::Paid(paid)).await;
    }
    // The latest of each counts, also when it was told first.
    let wanted = [(Method::WechatNative, NOW.plus_ms(50)), (Method::WechatJsapi, NOW.plus_ms(40))];
    assert_eq!(known(office.merchant).await, wanted);
    assert_eq!(known(merchant()).await, []);
    assert_eq!(db.store.last_methods(office.merchant, "another").await.unwrap(), []);
    // Of an order that names no payer nothing is remembered.
    office.paid(&[600, 400]).await;
    let rows = db.names("select cast(count(*) as text) from payer_method").await;
    assert_eq!(rows, ["2".to_owned()].into());
    // Two processes, and the same twice in one call.
    let another = db.another().await;
    let said = |at| LastPaid {
        merchant: office.merchant,
        payer: "客户 7".to_owned(),
        method: Method::Cash,
        at: NOW.plus_ms(at),
    };
    let change = |a, b| [Change { last_paid: vec![said(a), said(b)], ..Change::default() }];
    let (x, y) = (change(70, 90), change(80, 60));
    let (a, b) = tokio::join!(db.store.commit(&x), another.commit(&y));
    assert_eq!([a.unwrap(), b.unwrap()].concat(), [Answer::Committed; 2]);
    assert_eq!(known(office.merchant).await[0], (Method::Cash, NOW.plus_ms(90)));
    another.close().await;
}
