//! Reads: lists, pages, filters, books, merchants.

use bursar_core::channel::ChannelKind;
use bursar_core::id::{ApiKeyId, ChannelAccountId, EndpointId, MerchantId, OrderId};
use bursar_core::merchant::{AfterClose, ApiKey, ChannelAccount, Endpoint, LateMoneyPolicy, Merchant, MerchantPolicy};
use bursar_core::observation::{Claim, Source};
use bursar_core::order::{Order, OrderState};
use bursar_core::payment::PaymentState;

use super::world::*;
use super::{Db, on_both};
use crate::{Answer, Change, OrderFilter};

on_both! {
    what_is_not_there_is_none_and_not_an_error
    orders_are_listed_newest_first_in_pages_and_by_each_filter
    an_order_without_payments_is_a_dossier
    dossiers_of_many_payments_come_in_one_answer
    stored_messages_and_answers_are_read_back
    the_books_list_every_payment_in_pages
    merchants_and_what_belongs_to_them_are_replaced_not_doubled
    an_account_is_stored_exactly_as_given
    a_row_that_cannot_be_read_says_which
}

async fn what_is_not_there_is_none_and_not_an_error(db: &Db) {
    let s = &db.store;
    assert_eq!(s.dossier(OrderId(uuid())).await.unwrap(), None);
    assert_eq!(s.dossiers_of(&[]).await.unwrap(), []);
    assert!(s.timeline(OrderId(uuid())).await.unwrap().is_none());
    assert_eq!(s.order_by_number(merchant(), "x").await.unwrap(), None);
    assert_eq!(s.notifications(&[]).await.unwrap(), []);
    assert_eq!(s.idempotency(merchant(), "x").await.unwrap(), None);
    assert_eq!(s.deliveries(&[]).await.unwrap(), []);
    assert_eq!(s.api_key(ApiKeyId(uuid())).await.unwrap(), None);
    assert_eq!(s.balances().await.unwrap(), []);
    assert_eq!(s.counts().await.unwrap(), crate::Counts::default());
    assert_eq!(s.commit(&[]).await.unwrap(), []);
    assert_eq!(s.renew(uuid(), &[], 1).await.unwrap(), []);
    assert_eq!(s.release(uuid(), &[]).await.unwrap(), 0);
    s.ping().await.unwrap();
    s.notify(&[]).await.unwrap();
}

async fn orders_are_listed_newest_first_in_pages_and_by_each_filter(db: &Db) {
    let (m, n) = (merchant(), merchant());
    let mut mine = Vec::new();
    for i in 0..5_i64 {
        let mut order = order(m, &format!("m{i}"));
        order.created_at = NOW.plus_ms(i);
        order.state = if i == 2 { OrderState::Paid } else { OrderState::Paying };
        let payments = vec![payment(&order), payment(&order)];
        mine.push(order.clone());
        let change = Change { new_orders: vec![order], new_payments: payments, ..Change::default() };
        assert_eq!(one(&*db.store, change).await, Answer::Committed);
        opened(&*db.store, n, &format!("m{i}")).await;
    }
    mine.sort_by_key(|o| std::cmp::Reverse(o.id));
    let list = async |filter: OrderFilter| {
        let found = db.store.orders(&filter).await.unwrap();
        assert!(found.iter().all(|d| !d.payments.is_empty()));
        found.into_iter().map(|d| d.order.id).collect::<Vec<_>>()
    };
    let ids: Vec<_> = mine.iter().map(|o| o.id).collect();
    let of = |m: MerchantId| OrderFilter { merchant: Some(m), limit: 100, ..OrderFilter::default() };
    assert_eq!(list(of(m)).await, ids);
    assert_eq!(list(OrderFilter { limit: 2, ..of(m) }).await, ids[..2]);
    assert_eq!(list(OrderFilter { before: Some(ids[1]), limit: 2, ..of(m) }).await, ids[2..4]);
    assert_eq!(list(OrderFilter { merchant: None, ..of(m) }).await.len(), 10);
    let paid: Vec<_> = mine.iter().filter(|o| o.state == OrderState::Paid).map(|o| o.id).collect();
    assert_eq!(list(OrderFilter { state: Some(OrderState::Paid), ..of(m) }).await, paid);
    let between: Vec<_> = mine.iter().filter(|o| (1..4).contains(&o.created_at.since_ms(NOW))).map(|o| o.id).collect();
    let times = OrderFilter { created_from: Some(NOW.plus_ms(1)), created_to: Some(NOW.plus_ms(4)), ..of(m) };
    assert_eq!(list(times.clone()).await, between);
    let numbered = OrderFilter { number: Some("m2".to_owned()), ..times };
    assert_eq!(list(numbered.clone()).await, paid);
    assert_eq!(list(OrderFilter { state: Some(OrderState::Closed), ..numbered.clone() }).await, []);
    let everywhere = OrderFilter { number: Some("m2".to_owned()), limit: 9, ..OrderFilter::default() };
    assert_eq!(list(everywhere).await.len(), 2);
    assert_eq!(list(OrderFilter { limit: 0, ..of(m) }).await, []);
    let dossiers = db.store.orders(&of(m)).await.unwrap();
    assert!(dossiers.iter().all(|d| d.payments.len() == 2 && d.payments[0].id < d.payments[1].id));
}

async fn an_order_without_payments_is_a_dossier(db: &Db) {
    let order = order(merchant(), "1");
    let change = Change { new_orders: vec![order.clone()], ..Change::default() };
    assert_eq!(one(&*db.store, change).await, Answer::Committed);
    let dossier = db.store.dossier(order.id).await.unwrap().unwrap();
    assert_eq!((dossier.order, dossier.payments.len()), (Order { version: 1, ..order }, 0));
}

async fn dossiers_of_many_payments_come_in_one_answer(db: &Db) {
    let m = merchant();
    let changes: Vec<_> = (0..300).map(|i| opening(m, &i.to_string())).collect();
    assert!(db.store.commit(&changes).await.unwrap().iter().all(|a| *a == Answer::Committed));
    let mut ids: Vec<_> = changes.iter().map(|c| c.new_payments[0].id).collect();
    ids.push(bursar_core::id::PaymentId(uuid()));
    ids.push(ids[0]);
    let mut found: Vec<_> = db.store.dossiers_of(&ids).await.unwrap().iter().map(|d| d.payments[0].id).collect();
    found.sort();
    let mut wanted = ids[..300].to_vec();
    wanted.sort();
    assert_eq!(found, wanted);
}

async fn stored_messages_and_answers_are_read_back(db: &Db) {
    let m = merchant();
    let (told, key) = (notification(m), idempotency(m, "k ü \u{1f600}"));
    let change = Change { notification: Some(told.clone()), idempotency: Some(key.clone()), ..Change::default() };
    assert_eq!(one(&*db.store, change).await, Answer::Committed);
    let read = db.store.notification(told.id).await.unwrap().unwrap();
    assert_eq!((read.account, read.merchant, &read.headers), (told.account, m, &told.headers));
    assert_eq!((&read.body, read.received_at), (&told.body, NOW));
    let read = db.store.idempotency(m, &key.key).await.unwrap().unwrap();
    assert_eq!((read.request_digest, read.status, read.answer), (key.request_digest, 201, key.answer));
    assert_eq!(db.store.idempotency(merchant(), &key.key).await.unwrap(), None);
}

async fn the_books_list_every_payment_in_pages(db: &Db) {
    let m = merchant();
    let mut payments = Vec::new();
    for i in 0..5 {
        payments.push(opened(&*db.store, m, &i.to_string()).await.1);
    }
    payments.sort_by_key(|p| p.id);
    let (paid, mut change) = observed(&payments[1], Source::Query, 0, Claim::Paid(receipt(&payments[1])));
    change.questions = vec![bursar_core::decide::Question {
        subject: paid.id.uuid(),
        kind: bursar_core::decide::QuestionKind::LateMoney,
        text: "?".to_owned(),
    }];
    assert_eq!(one(&*db.store, change).await, Answer::Committed);
    let mut lines = Vec::new();
    let mut after = None;
    loop {
        let page = db.store.book_lines(after, 2).await.unwrap();
        let Some(last) = page.last() else { break };
        assert!(page.len() <= 2);
        after = Some(last.payment);
        lines.extend(page);
    }
    assert_eq!(lines.iter().map(|l| l.payment).collect::<Vec<_>>(), payments.iter().map(|p| p.id).collect::<Vec<_>>());
    let line = &lines[1];
    assert_eq!((line.state, line.order_state, line.amount_minor), (PaymentState::Captured, OrderState::Paying, 12_345));
    assert_eq!((line.transaction_id.clone(), line.parked), (Some(receipt(&paid).transaction_id), true));
    assert_eq!((line.method, line.taken_minor, lines[0].taken_minor), (paid.method, 12_345, 0));
    assert!(!lines[0].parked && lines[0].transaction_id.is_none() && !lines[0].late_money);
    let counts = db.store.counts().await.unwrap();
    assert_eq!(counts.payments, [(PaymentState::New, 4), (PaymentState::Captured, 1)]);
    assert_eq!((counts.orders, counts.parked), (vec![(OrderState::Paying, 5)], 1));
    assert_eq!(counts.jobs, [(bursar_core::job::JobKind::CreatePayment, 5)]);
}

async fn merchants_and_what_belongs_to_them_are_replaced_not_doubled(db: &Db) {
    let s = &db.store;
    let never = MerchantPolicy { late_money: LateMoneyPolicy::NeverAccept, ..MerchantPolicy::default() };
    let mut m = Merchant { id: merchant(), name: "家政".to_owned(), policy: never, created_at: NOW };
    s.put_merchant(&m).await.unwrap();
    assert_eq!(s.merchants().await.unwrap(), [m.clone()]);
    m.name = "家政二".to_owned();
    m.policy = MerchantPolicy {
        after_close: AfterClose::Park { deadline_ms: 60_000 },
        approval_above_minor: Some(1_000),
        ..MerchantPolicy::default()
    };
    s.put_merchant(&m).await.unwrap();
    assert_eq!(s.merchants().await.unwrap(), [m.clone()]);

    let mut e = Endpoint {
        id: EndpointId(uuid()),
        merchant: m.id,
        url: "https://example.com/hook".to_owned(),
        secrets: vec!["file:/a".to_owned(), "env:B".to_owned()],
        enabled: true,
        created_at: NOW,
    };
    s.put_endpoint(&e).await.unwrap();
    e.enabled = false;
    e.secrets.clear();
    s.put_endpoint(&e).await.unwrap();
    assert_eq!(s.endpoints().await.unwrap(), [e]);

    let mut k = ApiKey {
        id: ApiKeyId(uuid()),
        merchant: m.id,
        secret_hash: vec![1, 2, 255],
        label: "shop".to_owned(),
        created_at: NOW,
        revoked_at: None,
    };
    s.put_api_key(&k).await.unwrap();
    k.revoked_at = Some(NOW.plus_ms(9));
    s.put_api_key(&k).await.unwrap();
    assert_eq!(s.api_keys().await.unwrap(), [k.clone()]);
    assert_eq!(s.api_key(k.id).await.unwrap(), Some(k));
}

async fn an_account_is_stored_exactly_as_given(db: &Db) {
    let mut a = ChannelAccount {
        id: ChannelAccountId(uuid()),
        merchant: merchant(),
        channel: ChannelKind::Wechat,
        settings: serde_json::json!({"mchid": "1900000001", "private_key": "file:/run/secrets/key", "n": [1, null]}),
        facts: None,
        created_at: NOW,
    };
    db.store.put_account(&a).await.unwrap();
    assert_eq!(db.store.accounts().await.unwrap(), [a.clone()]);
    a.facts = Some(ChannelKind::Wechat.facts());
    db.store.put_account(&a).await.unwrap();
    assert_eq!(db.store.accounts().await.unwrap(), [a]);
}

async fn a_row_that_cannot_be_read_says_which(db: &Db) {
    let (order, payment) = opened(&*db.store, merchant(), "1").await;
    db.meddle("update payment set evidence = '{broken'").await;
    let error = db.store.dossier(order.id).await.unwrap_err();
    assert!(!error.is_transient());
    let text = error.to_string();
    assert!(text.contains("payment") && text.contains("p_evidence") && text.contains(&payment.id.bare()), "{text}");
}
