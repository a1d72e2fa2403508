//! A database of an older program: what is in it is read, and goes on, after the migration.

use bursar_core::decide::QuestionKind;
use bursar_core::id::{OrderId, PaymentId, RefundId};
use bursar_core::job::JobKind;
use bursar_core::ledger::AccountKind;
use bursar_core::merchant::{LateMoneyPolicy, MerchantPolicy};
use bursar_core::observation::{Claim, Source};
use bursar_core::order::OrderState;
use bursar_core::payment::PaymentState;
use bursar_core::refund::Route;
use uuid::Uuid;

use super::Db;
use super::office::{Office, request};
use super::plans::{opening_plan, plan};
use super::world::*;
use crate::{About, Answer, Extent};

/// The rows of a database at version 1: an order with two payments, the later one with the smaller id, and
/// something in every table that the second version changes.
struct Old {
    merchant: Uuid,
    account: Uuid,
    order: Uuid,
    payments: [Uuid; 2],
    endpoint: Uuid,
    delivery: Uuid,
}

async fn at_version_1(db: &Db) -> Old {
    let later = uuid();
    let old = Old {
        merchant: uuid(),
        account: uuid(),
        order: uuid(),
        payments: [uuid(), later],
        endpoint: uuid(),
        delivery: uuid(),
    };
    let step = &crate::migrate::STEPS[0];
    let script = if db.store.dialect() == "sqlite" { step.sqlite } else { step.postgres };
    let [merchant, account, order, first, second] =
        [old.merchant, old.account, old.order, old.payments[0], old.payments[1]].map(|id| db.literal(id));
    let [endpoint, delivery] = [old.endpoint, old.delivery].map(|id| db.literal(id));
    let now = NOW.as_millis();
    let paid = format!(
        r#"{{"paid":{{"transaction_id":"4200","amount_minor":12345,"currency":"CNY","payee_matches":true,"paid_at":"{NOW}"}}}}"#
    );
    let rows = format!(
        r#"
insert into schema_version (version, applied_at) values (1, 0);
insert into merchant (id, name, late_money, created_at) values ({merchant}, '家政', '"never_accept"', {now});
insert into channel_account (id, merchant, channel, settings, facts, created_at)
  values ({account}, {merchant}, 'wechat', '{{}}', null, {now});
insert into orders (created_at, amount_minor, id, merchant, number, currency, description, expires_at, version,
    event_count, state, late_money, close_reason)
  values ({now}, 12345, {order}, {merchant}, 'A-1', 'CNY', 'd', {now} + 900000, 4, 1, 4, false, null);
insert into payment (created_at, amount_minor, id, order_id, merchant, account, method, currency, payer, version, due_at,
    state, active, evidence)
  values ({now}, 12345, {first}, {order}, {merchant}, {account}, 1, 'CNY', null, 3, null, 6, false, '{paid}'),
    ({now} + 5, 12345, {second}, {order}, {merchant}, {account}, 1, 'CNY', null, 2, null, 7, false, '{{}}');
insert into observation (sequence, seen_at, payment, source, notification, claim)
  values (24, {now}, {first}, 5, null, '{{"claim":"sending"}}');
insert into posting (sequence, amount_minor, at, payment, debit_owner, credit_owner, debit_kind, credit_kind, currency)
  values (8, 12345, {now}, {first}, {account}, {merchant}, 3, 2, 'CNY');
insert into question (payment, kind, opened_at, text) values ({first}, 1, {now}, 'Keep it?');
insert into delivery (sequence, created_at, id, order_id, kind, endpoint, body, attempts)
  values (1, {now}, {delivery}, {order}, 1, {endpoint}, '{{}}', 2);
insert into job (created_at, due_at, step, kind, queue, subject, merchant, attempts, fence)
  values ({now}, {now}, 0, 6, 3, {delivery}, {merchant}, 0, 0);
"#
    );
    db.meddle(crate::migrate::CREATE_TABLE).await;
    db.meddle(script).await;
    db.meddle(&rows).await;
    old
}

async fn rows_of_version_1_are_read_back_and_go_on(db: Db) {
    // The ids of the two payments are the other way round than their times.
    let mut old = at_version_1(&db).await;
    if old.payments[0] < old.payments[1] {
        old.payments.swap(0, 1);
        db.meddle(
            "update payment set created_at = case when version = 3 then created_at + 10 else created_at - 10 end",
        )
        .await;
    }
    assert!(old.payments[0] > old.payments[1]);
    assert!(!db.store.schema_is_current().await.unwrap());
    db.store.migrate().await.unwrap();
    assert!(db.store.schema_is_current().await.unwrap());

    let merchants = db.store.merchants().await.unwrap();
    let policy = MerchantPolicy { late_money: LateMoneyPolicy::NeverAccept, ..MerchantPolicy::default() };
    assert_eq!(merchants.iter().map(|m| (m.id.uuid(), m.policy.clone())).collect::<Vec<_>>(), [(old.merchant, policy)]);
    let t = db.store.timeline(OrderId(old.order)).await.unwrap().unwrap();
    let d = &t.dossier;
    assert_eq!((d.order.state, d.order.version, d.order.part_payment), (OrderState::Paid, 4, false));
    assert_eq!(d.payments.iter().map(|p| p.id.uuid()).collect::<Vec<_>>(), old.payments);
    assert!(d.payments.iter().all(|p| p.returned_minor == 0) && d.refunds.is_empty());
    let captured = d.payments.iter().find(|p| p.state == PaymentState::Captured).unwrap();
    let observed: Vec<_> = t.observations.iter().map(|o| (o.subject, o.source, o.claim.clone())).collect();
    assert_eq!(observed, [(captured.id.uuid(), Source::Notification, Claim::Sending)]);
    assert_eq!(t.postings.iter().map(|p| p.posting.subject).collect::<Vec<_>>(), [captured.id.uuid()]);
    assert_eq!(t.postings[0].posting.debit.kind, AccountKind::Clearing);
    let parked = db.store.parked(None, 9).await.unwrap();
    assert_eq!(t.questions, parked);
    assert_eq!(
        (parked[0].subject, parked[0].about.uuid(), parked[0].kind, parked[0].text.as_str()),
        (captured.id.uuid(), old.order, QuestionKind::LateMoney, "Keep it?")
    );
    let delivery = (t.deliveries[0].id.uuid(), t.deliveries[0].endpoint.map(|e| e.uuid()), t.deliveries[0].attempts);
    assert_eq!(delivery, (old.delivery, Some(old.endpoint), 2));
    assert_eq!(t.jobs.iter().map(|j| j.key.kind).collect::<Vec<_>>(), [JobKind::DeliverWebhook]);

    // The next observation is numbered after the old ones, and the money can go back.
    let (_, absent) = observed_again(captured);
    assert_eq!(one(&*db.store, absent).await, Answer::Committed);
    let office = Office::of(&db.store, captured.merchant, captured.account);
    let granted = office.refund(OrderId(old.order), &request(12_345)).await.unwrap();
    assert_eq!(granted.payment(PaymentId(captured.id.uuid())).unwrap().returned_minor, 12_345);
    office.succeed(granted.legs().next().unwrap().id).await;
    let t = db.store.timeline(OrderId(old.order)).await.unwrap().unwrap();
    assert_eq!(t.dossier.refunded_minor(), 12_345);
    assert_eq!(t.observations.iter().filter(|o| o.subject == captured.id.uuid()).count(), 2);
    db.finish().await;
}

/// The rows of version 1, as the program of version 2 has them, with a refund of 45 of which 40 are under way.
async fn at_version_2(db: &Db) -> (Old, Uuid) {
    let old = at_version_1(db).await;
    let step = &crate::migrate::STEPS[1];
    db.meddle(if db.store.dialect() == "sqlite" { step.sqlite } else { step.postgres }).await;
    let (refund, legs) = (uuid(), [uuid(), uuid()]);
    let [id, leg, other] = [refund, legs[0], legs[1]].map(|id| db.literal(id));
    let [order, payment, merchant] = [old.order, old.payments[0], old.merchant].map(|id| db.literal(id));
    let now = NOW.as_millis();
    let rows = format!(
        r#"
insert into schema_version (version, applied_at) values (2, 0);
update payment set returned_minor = 40 where id = {payment};
update payment set due_at = {now} + 7, active = true, state = 9 where id <> {payment};
insert into refund (created_at, amount_minor, id, order_id, merchant, cause, currency, reason, requested_by, needs_approval,
    late, payee, version, state, evidence)
  values ({now}, 45, {id}, {order}, {merchant}, 1, 'CNY', 'r', 'lin', false, false, 'sealed', 3, 3, '{{}}');
insert into refund_leg (created_at, amount_minor, id, refund, payment, order_id, merchant, replaces, sequence, route,
    currency, version, due_at, state, active, evidence)
  values ({now}, 40, {leg}, {id}, {payment}, {order}, {merchant}, null, 1, 1, 'CNY', 2, {now} + 5, 4, true,
      '{{"refund_id":"5030"}}'),
    ({now}, 5, {other}, {id}, {payment}, {order}, {merchant}, {leg}, 2, 2, 'CNY', 1, null, 13, false, '{{}}');
insert into question (subject, kind, opened_at, text, order_id) values ({leg}, 4, {now}, 'Funds?', {order});
"#
    );
    db.meddle(&rows).await;
    (old, refund)
}

/// How many rows each table has.
async fn tally(db: &Db) -> std::collections::BTreeSet<String> {
    let tables = ["merchant", "channel_account", "orders", "payment", "refund", "refund_leg", "observation", "posting"];
    let more = ["question", "delivery", "job"];
    let count = |table: &&str| format!("select '{table} ' || count(*) from {table}");
    db.names(&tables.iter().chain(&more).map(count).collect::<Vec<_>>().join(" union all ")).await
}

async fn rows_of_version_2_are_read_back_and_go_on(db: Db) {
    let (old, refund) = at_version_2(&db).await;
    let before = tally(&db).await;
    assert!(before.contains("payment 2") && before.contains("question 2") && before.contains("job 1"), "{before:?}");
    assert!(!db.store.schema_is_current().await.unwrap());
    db.store.migrate().await.unwrap();
    assert!(db.store.schema_is_current().await.unwrap());
    assert_eq!(tally(&db).await, before);

    let t = db.store.timeline(OrderId(old.order)).await.unwrap().unwrap();
    let d = &t.dossier;
    assert_eq!((d.order.offers.len(), d.order.payer.as_deref(), d.order.due_at), (0, None, None));
    assert_eq!(d.payments.iter().map(|p| p.id.uuid()).collect::<Vec<_>>(), old.payments);
    let captured = &d.payments[0];
    assert_eq!((captured.state, captured.version, captured.returned_minor), (PaymentState::Captured, 3, 40));
    let held = (d.payments[1].state, d.payments[1].due_at);
    assert_eq!(held, (PaymentState::IntegrityHold, Some(NOW.plus_ms(7))));
    let kept = d.refund(RefundId(refund)).unwrap();
    assert_eq!((kept.version, kept.payee.as_deref(), kept.legs.len()), (3, Some("sealed"), 2));
    assert_eq!((kept.legs[0].evidence.refund_id.as_deref(), kept.legs[1].route), (Some("5030"), Route::Transfer));
    assert_eq!((t.observations.len(), t.postings.len(), t.deliveries.len(), t.jobs.len()), (1, 1, 1, 1));
    assert_eq!(t.questions.len(), 2);
    // What was taken is known of the old ones as well; a held one has brought nothing that is certain.
    let mut lines = db.store.book_lines(None, 9).await.unwrap();
    lines.sort_by_key(|l| l.payment != captured.id);
    assert_eq!((lines[0].taken_minor, lines[1].taken_minor), (12_345, 0));
    assert_eq!(db.names("select cast(taken_minor as text) from payment").await, ["12345".to_owned()].into());

    // The rest can go back, and no more than that.
    let office = Office::of(&db.store, captured.merchant, captured.account);
    assert!(office.refund(OrderId(old.order), &request(12_306)).await.is_err());
    let granted = office.refund(OrderId(old.order), &request(12_305)).await.unwrap();
    assert_eq!(granted.payment(captured.id).unwrap().returned_minor, 12_345);
    let succeeded = office.succeed(kept.legs[0].id).await;
    office.stored(&succeeded).await;
    db.finish().await;
}

/// The rows of version 2, as the program of version 3 has them.
async fn at_version_3(db: &Db) -> Old {
    let (old, _) = at_version_2(db).await;
    let step = &crate::migrate::STEPS[2];
    db.meddle(if db.store.dialect() == "sqlite" { step.sqlite } else { step.postgres }).await;
    let order = db.literal(old.order);
    let rows = format!(
        "insert into schema_version (version, applied_at) values (3, 0);
         update orders set payer = 'p', offers = '[\"card\"]' where id = {order};"
    );
    db.meddle(&rows).await;
    old
}

async fn rows_of_version_3_are_read_back_and_go_on(db: Db) {
    let old = at_version_3(&db).await;
    let before = tally(&db).await;
    assert!(before.contains("question 2") && before.contains("delivery 1"), "{before:?}");
    db.store.migrate().await.unwrap();
    assert!(db.store.schema_is_current().await.unwrap());
    assert_eq!(tally(&db).await, before);

    let order = OrderId(old.order);
    let t = db.store.timeline(order).await.unwrap().unwrap();
    assert_eq!((t.dossier.order.payer.as_deref(), t.dossier.order.offers.len()), (Some("p"), 1));
    assert_eq!((t.dossier.order.installment, t.dossier.payments[0].agreement), (None, None));
    assert_eq!(t.dossier.payments.len(), 2);
    let told: Vec<_> = t.deliveries.iter().map(|d| (d.id.uuid(), d.about, d.sequence, d.attempts)).collect();
    assert_eq!(told, [(old.delivery, About::Order(order), 1, 2)]);
    assert!(t.questions.len() == 2 && t.questions.iter().all(|q| q.about == order.into()));

    // Its payments are charged through agreements from now on, and plans are told of beside it.
    let mut file = plan(t.dossier.order.merchant, "A");
    file.plan.event_count = 1;
    let told = crate::NewDelivery { about: file.plan.id.into(), ..delivery(&t.dossier.order, true) };
    let opening = crate::Change { new_deliveries: vec![told], ..opening_plan(&file) };
    assert_eq!(one(&*db.store, opening).await, Answer::Committed);
    file.plan.version = 1;
    assert_eq!(db.store.plan(file.plan.id, Extent::All).await.unwrap(), Some(file));
    assert_eq!(db.store.timeline(order).await.unwrap().unwrap().deliveries.len(), 1);
    db.finish().await;
}

fn observed_again(payment: &bursar_core::payment::Payment) -> (bursar_core::payment::Payment, crate::Change) {
    observed(payment, Source::Query, 3, Claim::Absent)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_of_version_1_are_read_back_and_go_on_on_sqlite() {
    rows_of_version_1_are_read_back_and_go_on(Db::sqlite_empty().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_of_version_1_are_read_back_and_go_on_on_postgres() {
    rows_of_version_1_are_read_back_and_go_on(Db::postgres_empty().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_of_version_2_are_read_back_and_go_on_on_sqlite() {
    rows_of_version_2_are_read_back_and_go_on(Db::sqlite_empty().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_of_version_2_are_read_back_and_go_on_on_postgres() {
    rows_of_version_2_are_read_back_and_go_on(Db::postgres_empty().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_of_version_3_are_read_back_and_go_on_on_sqlite() {
    rows_of_version_3_are_read_back_and_go_on(Db::sqlite_empty().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_of_version_3_are_read_back_and_go_on_on_postgres() {
    rows_of_version_3_are_read_back_and_go_on(Db::postgres_empty().await).await;
}
