//! What a written change looks like when it is read back.

use std::collections::BTreeSet;

use bursar_core::decide::{Question, QuestionKind};
use bursar_core::event::EventKind;
use bursar_core::id::NotificationId;
use bursar_core::installments::{FeesFrom, Installments};
use bursar_core::job::{JobKey, JobKind};
use bursar_core::ledger::{Account, AccountKind, Posting};
use bursar_core::observation::{Claim, Dispute, Hold, Observation, Piece, Source};
use bursar_core::order::OrderState;
use bursar_core::payment::{PayerDetails, Payment, PaymentState};

use super::world::*;
use super::{Db, on_both};
use crate::change::DeliveryAttempt;
use crate::{Answer, Change, JobFilter};

on_both! {
    every_column_of_an_order_and_a_payment_is_read_back
    every_kind_of_claim_is_read_back
    every_code_of_the_core_can_be_stored
    a_whole_life_is_on_the_timeline
    a_live_job_takes_the_earlier_due_time_and_no_other
    a_change_may_replace_a_job
    a_question_is_opened_once
    attempts_at_a_delivery_are_counted_and_end_it
    texts_with_nul_are_stored_readable
    installments_are_kept_with_their_payment_for_ever
}

async fn every_column_of_an_order_and_a_payment_is_read_back(db: &Db) {
    let (mut order, mut payment) = opened(&*db.store, merchant(), "N/1 ü").await;
    order.state = OrderState::Closing;
    order.close_reason = Some("expired".to_owned());
    order.late_money = true;
    order.event_count = 3;
    order.expires_at = NOW.plus_ms(1);
    order.due_at = Some(NOW.plus_ms(2));
    (payment, _) = observed(&payment, Source::Create, 7, accepted());
    payment.version = 1;
    payment.due_at = Some(NOW.plus_ms(5_001));
    let update = Change { orders: vec![order.clone()], payments: vec![payment.clone()], ..Change::default() };
    assert_eq!(one(&*db.store, update).await, Answer::Committed);
    order.version = 2;
    payment.version = 2;
    let read = db.store.dossier(order.id).await.unwrap().unwrap();
    assert_eq!(read.order, order);
    assert_eq!(read.payments, [payment.clone()]);

    // A second payment of the same order, with details of the payer and nothing due.
    let payer = PayerDetails {
        openid: Some("o6_bmjrPTlm6_2sgVt7hMZOPfL2M".into()),
        client_ip: Some("::1".into()),
        name: Some("张三".into()),
        collector: Some("w-7".into()),
    };
    let second = Payment { payer, due_at: None, ..super::world::payment(&order) };
    let add = Change { new_payments: vec![second.clone()], ..Change::default() };
    assert_eq!(one(&*db.store, add).await, Answer::Committed);
    let read = db.store.dossiers_of(&[second.id, payment.id]).await.unwrap();
    assert_eq!(read.len(), 1);
    assert_eq!(read[0].payments, [payment, Payment { version: 1, ..second }]);
}

async fn installments_are_kept_with_their_payment_for_ever(db: &Db) {
    let order = order(merchant(), "1");
    let all = [
        Some(Installments { count: 12, fees: Some(FeesFrom::Merchant) }),
        Some(Installments { count: 3, fees: None }),
        None,
    ];
    let payments: Vec<_> = all.into_iter().map(|installments| Payment { installments, ..payment(&order) }).collect();
    let change = Change { new_orders: vec![order.clone()], new_payments: payments, ..Change::default() };
    assert_eq!(one(&*db.store, change).await, Answer::Committed);
    let kept = async || {
        let stored = db.store.dossier(order.id).await.unwrap().unwrap();
        stored.payments.iter().map(|p| p.installments).collect::<Vec<_>>()
    };
    assert_eq!(kept().await, all);
    // What comes of it does not touch them.
    let first = db.store.dossier(order.id).await.unwrap().unwrap().payments.remove(0);
    let (_, seen) = observed(&first, Source::Query, 1, accepted());
    assert_eq!(one(&*db.store, seen).await, Answer::Committed);
    assert_eq!(kept().await, all);
}

async fn every_kind_of_claim_is_read_back(db: &Db) {
    let (order, mut payment) = opened(&*db.store, merchant(), "1").await;
    let text = || "余额不足 \"quoted\" \n".to_owned();
    let claims = vec![
        Claim::Sending,
        accepted(),
        Claim::Refused { reason: text() },
        Claim::NoAnswer { why: text() },
        Claim::Absent,
        Claim::Unpaid,
        Claim::AttemptFailed { reason: text() },
        Claim::Paid(receipt(&payment)),
        Claim::ClosedAtChannel,
        Claim::CloseRequested { reason: text() },
        Claim::CloseAccepted,
        Claim::UnpaidAfterClose,
        Claim::NotSent { why: text() },
        Claim::Authorized(Hold { receipt: receipt(&payment), lapses_at: Some(NOW) }),
        Claim::CaptureRequested { by: text(), minor: None },
        Claim::Received(Piece { line: "l".into(), amount_minor: 7, currency: "CNY".into(), at: NOW }),
        Claim::TakenBack { line: "l".to_owned(), reason: text() },
        Claim::Lapsed,
        Claim::Replaced { by: "cash".to_owned() },
        Claim::Disputed(Dispute { id: "d".into(), amount_minor: 5, reason: text(), won: Some(false) }),
        Claim::LateMoneyAnswered { keep: true, by: text() },
    ];
    assert!(claims.len() >= Source::ALL.len());
    for (i, claim) in (0_i64..).zip(&claims) {
        let (next, mut change) = observed(&payment, Source::ALL[i as usize % Source::ALL.len()], i, claim.clone());
        change.observations[0].1.notification = (i % 2 == 0).then(|| NotificationId(uuid()));
        assert_eq!(one(&*db.store, change.clone()).await, Answer::Committed);
        payment = next;
        let row = db.store.timeline(order.id).await.unwrap().unwrap().observations.pop().unwrap();
        let read =
            Observation { source: row.source, seen_at: row.seen_at, claim: row.claim, notification: row.notification };
        assert_eq!((row.subject, read), (change.observations[0].0.uuid(), change.observations[0].1.clone()));
    }
    let stored = db.store.dossier(order.id).await.unwrap().unwrap();
    assert_eq!(stored.payments, [payment]);
}

async fn every_code_of_the_core_can_be_stored(db: &Db) {
    let (mut order, mut payment) = opened(&*db.store, merchant(), "1").await;
    let account = |kind| Account { kind, owner: uuid() };
    let last = AccountKind::ALL.len() - 1;
    for (i, state) in PaymentState::ALL.into_iter().enumerate() {
        payment.state = state;
        order.state = OrderState::ALL[i % OrderState::ALL.len()];
        let (debit, credit) = (AccountKind::ALL[i.min(last)], AccountKind::ALL[(i + 1) % (last + 1)]);
        let (debit, credit) = (account(debit), account(credit));
        let posting = Posting { subject: payment.id.uuid(), debit, credit, amount: payment.amount };
        let kind = QuestionKind::ALL[i % QuestionKind::ALL.len()];
        let change = Change {
            orders: vec![order.clone()],
            payments: vec![payment.clone()],
            postings: vec![(posting, NOW)],
            questions: vec![Question { subject: payment.id.uuid(), kind, text: "?".to_owned() }],
            new_deliveries: EventKind::ALL
                .into_iter()
                .map(|kind| crate::NewDelivery { kind, ..delivery(&order, false) })
                .collect(),
            ..Change::default()
        };
        assert_eq!(one(&*db.store, change).await, Answer::Committed);
        (order.version, payment.version) = (order.version + 1, payment.version + 1);
        let counts = db.store.counts().await.unwrap();
        assert_eq!((counts.payments, counts.orders), (vec![(state, 1)], vec![(order.state, 1)]));
        let t = db.store.timeline(order.id).await.unwrap().unwrap();
        assert_eq!(t.dossier.payments, [payment.clone()]);
        assert_eq!(t.postings.last().unwrap().posting, posting);
        let told: BTreeSet<_> = t.deliveries.iter().map(|d| d.kind).collect();
        assert_eq!(told, EventKind::ALL.into());
    }
    let asked: BTreeSet<_> = db.store.parked(None, 99).await.unwrap().iter().map(|q| q.kind).collect();
    assert_eq!(asked, QuestionKind::ALL.into());
}

async fn a_whole_life_is_on_the_timeline(db: &Db) {
    let m = merchant();
    let (order, payment) = opened(&*db.store, m, "1").await;
    let (payment, sending) = observed(&payment, Source::Intent, 0, Claim::Sending);
    let (before, accepting) = observed(&payment, Source::Create, 10, accepted());
    let (payment, mut paying) = observed(&before, Source::Notification, 20, Claim::Paid(receipt(&before)));
    paying.payments[0].due_at = None;
    paying.orders = vec![bursar_core::order::Order { state: OrderState::Paid, event_count: 1, ..order.clone() }];
    let postings = bursar_core::ledger::postings(&payment, Some(&before), false, false);
    paying.postings = postings.into_iter().map(|p| (p, NOW.plus_ms(20))).collect();
    paying.new_deliveries = vec![delivery(&order, true)];
    let told = paying.new_deliveries[0].id;
    paying.jobs = vec![job(JobKind::DeliverWebhook, told.uuid(), m, NOW)];
    paying.cancel = vec![JobKey::payment(JobKind::CreatePayment, payment.id)];
    for change in [sending, accepting, paying.clone()] {
        assert_eq!(one(&*db.store, change).await, Answer::Committed);
    }
    let t = db.store.timeline(order.id).await.unwrap().unwrap();
    assert_eq!(t.dossier.order.state, OrderState::Paid);
    assert_eq!(t.dossier.payments[0].state, PaymentState::Captured);
    let sequences: Vec<_> = t.observations.iter().map(|o| o.sequence).collect();
    assert!(sequences.is_sorted() && sequences.len() == 3, "{sequences:?}");
    assert_eq!(t.postings.len(), 2);
    assert_eq!(t.postings[1].posting, paying.postings[0].0);
    assert_eq!(t.postings[1].at, NOW.plus_ms(20));
    assert_eq!(t.deliveries.len(), 1);
    assert_eq!(t.deliveries[0].id, told);
    assert_eq!(t.jobs.iter().map(|j| j.key).collect::<Vec<_>>(), [paying.jobs[0].key]);
    let balances = db.store.balances().await.unwrap();
    assert_eq!(balances.iter().map(|b| b.3).sum::<i64>(), 0);
    assert!(balances.contains(&(3, payment.account.uuid(), "CNY".to_owned(), 12_345)), "{balances:?}");
    assert!(balances.contains(&(1, m.uuid(), "CNY".to_owned(), 0)), "{balances:?}");
}

async fn a_live_job_takes_the_earlier_due_time_and_no_other(db: &Db) {
    let (m, subject) = (merchant(), uuid());
    let at = |ms: i64, step: i32| {
        let mut job = job(JobKind::PollPayment, subject, m, NOW.plus_ms(ms));
        job.step = step;
        job
    };
    let stored = async || {
        let jobs = db.store.jobs(&JobFilter { limit: 10, ..JobFilter::default() }).await.unwrap();
        assert_eq!(jobs.len(), 1);
        (jobs[0].due_at.since_ms(NOW), jobs[0].step)
    };
    add_jobs(&*db.store, vec![at(1_000, 3), at(900, 2), at(1_500, 1)]).await;
    assert_eq!(stored().await, (900, 2));
    add_jobs(&*db.store, vec![at(1_000, 5)]).await;
    assert_eq!(stored().await, (900, 2));
    add_jobs(&*db.store, vec![at(800, 7)]).await;
    assert_eq!(stored().await, (800, 7));
}

async fn a_change_may_replace_a_job(db: &Db) {
    let m = merchant();
    let poll = job(JobKind::PollPayment, uuid(), m, NOW);
    add_jobs(&*db.store, vec![poll]).await;
    let later = job(JobKind::PollPayment, poll.key.subject, m, NOW.plus_ms(9_000));
    let change = Change { cancel: vec![poll.key], jobs: vec![later], ..Change::default() };
    assert_eq!(one(&*db.store, change).await, Answer::Committed);
    let jobs = db.store.jobs(&JobFilter { subject: Some(poll.key.subject), limit: 9, ..JobFilter::default() }).await;
    assert_eq!(jobs.unwrap().iter().map(|j| j.due_at).collect::<Vec<_>>(), [NOW.plus_ms(9_000)]);
}

async fn a_question_is_opened_once(db: &Db) {
    let m = merchant();
    let (order, payment) = opened(&*db.store, m, "1").await;
    let ask = |kind, text: &str| Question { subject: payment.id.uuid(), kind, text: text.to_owned() };
    let (_, mut change) = observed(&payment, Source::Query, 42, Claim::Absent);
    change.questions = vec![ask(QuestionKind::LateMoney, "first?"), ask(QuestionKind::LateMoney, "twice?")];
    assert_eq!(one(&*db.store, change).await, Answer::Committed);
    let again = Change {
        questions: vec![ask(QuestionKind::LateMoney, "again?"), ask(QuestionKind::IntegrityHold, "other?")],
        ..Change::default()
    };
    assert_eq!(one(&*db.store, again).await, Answer::Committed);
    let parked = db.store.parked(None, 10).await.unwrap();
    assert_eq!(parked.len(), 2);
    let first = parked.iter().find(|q| q.kind == QuestionKind::LateMoney).unwrap();
    assert!(["first?", "twice?"].contains(&first.text.as_str()));
    assert_eq!((first.about, first.subject, first.opened_at), (order.id.into(), payment.id.uuid(), NOW.plus_ms(42)));
    assert_eq!(db.store.parked(Some(m), 10).await.unwrap().len(), 2);
    assert_eq!(db.store.parked(Some(merchant()), 10).await.unwrap(), []);
    assert_eq!(db.store.timeline(order.id).await.unwrap().unwrap().questions.len(), 2);
}

async fn attempts_at_a_delivery_are_counted_and_end_it(db: &Db) {
    let (order, _) = opened(&*db.store, merchant(), "1").await;
    let (a, b) = (delivery(&order, true), delivery(&order, false));
    let add = Change { new_deliveries: vec![a.clone(), b.clone()], ..Change::default() };
    assert_eq!(one(&*db.store, add.clone()).await, Answer::Committed);
    // The same id again changes nothing.
    assert_eq!(one(&*db.store, add).await, Answer::Committed);
    let attempt = async |d: &crate::NewDelivery, ms: i64, error: Option<&str>, given_up| {
        let attempt = DeliveryAttempt { id: d.id, at: NOW.plus_ms(ms), error: error.map(str::to_owned), given_up };
        one(&*db.store, Change { delivery_attempts: vec![attempt], ..Change::default() }).await
    };
    assert_eq!(attempt(&a, 1, Some("500"), false).await, Answer::Committed);
    assert_eq!(attempt(&a, 2, None, false).await, Answer::Committed);
    assert_eq!(attempt(&b, 3, Some("gone"), true).await, Answer::Committed);
    let mut rows = db.store.deliveries(&[a.id.uuid(), b.id.uuid(), uuid()]).await.unwrap();
    rows.sort_by_key(|d| d.id != a.id);
    assert_eq!(rows.iter().map(|d| d.id).collect::<Vec<_>>(), [a.id, b.id]);
    assert_eq!(rows[0].attempts, 2);
    assert_eq!(rows[0].delivered_at, Some(NOW.plus_ms(2)));
    assert_eq!((rows[0].given_up_at, rows[0].last_error.as_deref()), (None, Some("500")));
    assert_eq!((rows[0].endpoint, &rows[0].body, rows[0].kind), (a.endpoint, &a.body, a.kind));
    assert_eq!((rows[1].endpoint, rows[1].delivered_at, rows[1].given_up_at), (None, None, Some(NOW.plus_ms(3))));
}

async fn texts_with_nul_are_stored_readable(db: &Db) {
    let m = merchant();
    let (order, payment) = opened(&*db.store, m, "1").await;
    let (_, mut change) = observed(&payment, Source::Create, 0, Claim::Refused { reason: "a\0b".to_owned() });
    change.questions =
        vec![Question { subject: payment.id.uuid(), kind: QuestionKind::IntegrityHold, text: "x\0y".to_owned() }];
    change.notification = Some(crate::Notification { headers: "h: \0".to_owned(), ..notification(m) });
    assert_eq!(one(&*db.store, change).await, Answer::Committed);
    let t = db.store.timeline(order.id).await.unwrap().unwrap();
    assert_eq!(t.observations[0].claim, Claim::Refused { reason: "a\0b".to_owned() });
    assert_eq!(t.questions[0].text, "x\u{fffd}y");
}
