//! Rows to test with: it knows how to make plausible ones, and must never make two alike.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicI64, Ordering};

use bursar_core::chance::SeededChance;
use bursar_core::channel::Method;
use bursar_core::event::EventKind;
use bursar_core::id::{self, ChannelAccountId, DeliveryId, EndpointId, MerchantId, NotificationId, OrderId, PaymentId};
use bursar_core::job::{JobKey, JobKind, NewJob, Queue};
use bursar_core::ledger;
use bursar_core::observation::{Claim, Observation, PayCode, Receipt, Source};
use bursar_core::order::{Order, OrderState};
use bursar_core::payment::{Evidence, PayerDetails, Payment, PaymentState};
use bursar_core::{Currency, Money, Timestamp};
use uuid::Uuid;

use crate::{
    Answer, Change, ClaimRequest, Claimed, IdempotencyKey, NewDelivery, Notification, Settle, Settlement, Store,
};

/// The instant that most tests live in. In the past of every real clock, so that leases (which are on the
/// database's clock) and due times never meet by accident.
pub const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);

static CHANCE: LazyLock<SeededChance> = LazyLock::new(|| SeededChance::new(20_260_101));

static CREATED: AtomicI64 = AtomicI64::new(0);

/// A fresh id; ids grow in the order in which they are made, as those of different milliseconds do.
pub fn uuid() -> Uuid {
    id::fresh(NOW.plus_ms(CREATED.fetch_add(1, Ordering::Relaxed)), &*CHANCE)
}

pub fn merchant() -> MerchantId {
    MerchantId(uuid())
}

pub fn order(merchant: MerchantId, number: &str) -> Order {
    Order {
        id: OrderId(uuid()),
        merchant,
        number: number.to_owned(),
        amount: Money::new(12_345, Currency::CNY),
        description: "日常保洁 2 小时".to_owned(),
        state: OrderState::Paying,
        close_reason: None,
        late_money: false,
        installment: None,
        shares: Vec::new(),
        part_payment: false,
        service: None,
        region: None,
        offers: Vec::new(),
        payer: None,
        due_at: None,
        expires_at: NOW.plus_ms(900_000),
        event_count: 0,
        version: 0,
        created_at: NOW,
    }
}

pub fn payment(order: &Order) -> Payment {
    Payment {
        id: PaymentId(uuid()),
        order: order.id,
        merchant: order.merchant,
        account: ChannelAccountId(uuid()),
        method: Method::WechatNative,
        amount: order.amount,
        payer: PayerDetails::default(),
        state: PaymentState::New,
        evidence: Evidence::default(),
        returned_minor: 0,
        installments: None,
        agreement: None,
        version: 0,
        due_at: Some(NOW),
        created_at: NOW,
    }
}

/// A change that takes an order with one payment on the books, as the gateway does.
pub fn opening(merchant: MerchantId, number: &str) -> Change {
    let order = order(merchant, number);
    let payment = payment(&order);
    Change {
        jobs: vec![job(JobKind::CreatePayment, payment.id.uuid(), merchant, NOW)],
        postings: ledger::postings(&payment, None, false, false).into_iter().map(|p| (p, NOW)).collect(),
        new_orders: vec![order],
        new_payments: vec![payment],
        ..Change::default()
    }
}

/// Writes an [`opening`] and returns its rows as they are stored.
pub async fn opened(store: &dyn Store, merchant: MerchantId, number: &str) -> (Order, Payment) {
    let change = opening(merchant, number);
    assert_eq!(one(store, change.clone()).await, Answer::Committed);
    (Order { version: 1, ..change.new_orders[0].clone() }, Payment { version: 1, ..change.new_payments[0].clone() })
}

pub async fn one(store: &dyn Store, change: Change) -> Answer {
    let answers = store.commit(&[change]).await.unwrap();
    assert_eq!(answers.len(), 1);
    answers[0]
}

/// The payment joined with a claim, and the change that writes it.
pub fn observed(payment: &Payment, source: Source, at_ms: i64, claim: Claim) -> (Payment, Change) {
    let observation = Observation::new(source, NOW.plus_ms(at_ms), claim);
    let evidence = payment.evidence.clone().join(payment.amount, &observation);
    let state = evidence.state(payment.amount, payment.method.channel().facts());
    let next = Payment { evidence, state, ..payment.clone() };
    let change = Change {
        payments: vec![next.clone()],
        observations: vec![(payment.id.into(), observation)],
        ..Change::default()
    };
    (Payment { version: payment.version + 1, ..next }, change)
}

pub fn accepted() -> Claim {
    Claim::Accepted { code: PayCode::QrCode { url: "weixin://wxpay/bizpayurl?pr=1a2b3c4d5".to_owned() } }
}

pub fn receipt(payment: &Payment) -> Receipt {
    Receipt {
        transaction_id: format!("4200{}", payment.id.bare()),
        amount_minor: payment.amount.minor,
        currency: "CNY".to_owned(),
        payee_matches: true,
        paid_at: NOW,
    }
}

pub fn job(kind: JobKind, subject: Uuid, merchant: MerchantId, due_at: Timestamp) -> NewJob {
    NewJob::new(JobKey::new(kind, subject), merchant, due_at)
}

pub async fn add_jobs(store: &dyn Store, jobs: Vec<NewJob>) {
    assert_eq!(one(store, Change { jobs, ..Change::default() }).await, Answer::Committed);
}

/// Claims up to `amount` jobs of `queue` that are due at [`NOW`], for an hour.
pub async fn claim(store: &dyn Store, owner: Uuid, queue: Queue, amount: u32) -> Vec<Claimed> {
    claim_for(store, owner, queue, amount, 3_600_000).await
}

pub async fn claim_for(store: &dyn Store, owner: Uuid, queue: Queue, amount: u32, lease_ms: i64) -> Vec<Claimed> {
    store.claim(&ClaimRequest { owner, wanted: vec![(queue, amount)], now: NOW, lease_ms }).await.unwrap()
}

pub fn settle(claimed: &Claimed, owner: Uuid, how: Settlement) -> Settle {
    Settle { key: claimed.key, owner, fence: claimed.fence, how }
}

pub fn settling(claimed: &Claimed, owner: Uuid, how: Settlement) -> Change {
    Change { settle: Some(settle(claimed, owner, how)), ..Change::default() }
}

pub fn notification(merchant: MerchantId) -> Notification {
    Notification {
        id: NotificationId(uuid()),
        account: ChannelAccountId(uuid()),
        merchant,
        headers: "wechatpay-serial: 5157F09E\nwechatpay-nonce: abc".to_owned(),
        body: vec![0, 159, 146, 150, b'{', b'}'],
        received_at: NOW,
    }
}

pub fn idempotency(merchant: MerchantId, key: &str) -> IdempotencyKey {
    IdempotencyKey {
        merchant,
        key: key.to_owned(),
        request_digest: vec![7; 32],
        status: 201,
        answer: r#"{"id":"ord_1"}"#.to_owned(),
        created_at: NOW,
    }
}

pub fn delivery(order: &Order, endpoint: bool) -> NewDelivery {
    NewDelivery {
        id: DeliveryId(uuid()),
        about: order.id.into(),
        sequence: 1,
        kind: EventKind::OrderPaid,
        endpoint: endpoint.then(|| EndpointId(uuid())),
        body: r#"{"type":"order.paid"}"#.to_owned(),
        created_at: NOW,
    }
}
