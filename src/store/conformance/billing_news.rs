//! What is told and asked about plans and agreements: delivered as what is told of orders, in sequences without gaps.

use bursar_core::billing::claim::PlanClaim;
use bursar_core::billing::{InstallmentKey, PlanState};
use bursar_core::decide::{Question, QuestionKind};
use bursar_core::event::EventKind;
use bursar_core::id::{DeliveryId, EndpointId, OrderId, PlanId};
use bursar_core::job::JobKind;
use bursar_core::observation::{Claim, Observation, Source, Subject};
use bursar_core::order::Order;
use bursar_core::payment::Payment;

use super::plans::*;
use super::world::*;
use super::{Db, on_both};
use crate::change::DeliveryAttempt;
use crate::{About, Answer, BillingRows, Change, Extent, NewDelivery, Retention, StoreError};

on_both! {
    events_of_a_plan_are_told_in_a_sequence_without_gaps_whoever_writes
    an_event_that_its_plan_has_not_counted_is_a_mistake
    what_is_told_of_plans_and_agreements_is_swept_and_pruned_like_the_rest
    questions_about_plans_and_orders_are_parked_for_their_merchants
    everything_that_happened_to_a_plan_is_on_its_timeline
}

fn event(about: impl Into<About>, sequence: i64, kind: EventKind) -> NewDelivery {
    NewDelivery {
        id: DeliveryId(uuid()),
        about: about.into(),
        sequence,
        kind,
        endpoint: Some(EndpointId(uuid())),
        body: "{}".to_owned(),
        created_at: NOW,
    }
}

async fn events_of_a_plan_are_told_in_a_sequence_without_gaps_whoever_writes(db: &Db) {
    const WRITERS: usize = 4;
    const EVENTS: i64 = 5;
    let file = plan(merchant(), "P-1");
    let id = file.plan.id;
    assert_eq!(one(&*db.store, opening_plan(&file)).await, Answer::Committed);
    let another = db.another().await;
    let mut tasks = tokio::task::JoinSet::new();
    for writer in 0..WRITERS {
        let store = if writer % 2 == 0 { db.store.clone() } else { another.clone() };
        tasks.spawn(async move {
            let mut told = Vec::new();
            let mut kinds = EventKind::ALL.iter().cycle().skip(writer);
            while told.len() < 5 {
                let mut file = store.plan(id, Extent::Open).await.unwrap().unwrap();
                file.plan.event_count += 1;
                let delivery = event(id, file.plan.event_count, *kinds.next().unwrap());
                let known = delivery.id.uuid();
                let change = Change { new_deliveries: vec![delivery], ..writing(&file) };
                match one(&*store, change).await {
                    Answer::Committed => told.push(known),
                    Answer::Stale => {}
                    other => panic!("{other:?}"),
                }
            }
            told
        });
    }
    let ids: Vec<_> = tasks.join_all().await.concat();
    let mut rows = db.store.deliveries(&ids).await.unwrap();
    rows.sort_by_key(|d| d.sequence);
    let count = i64::try_from(WRITERS).unwrap() * EVENTS;
    assert_eq!(rows.iter().map(|d| d.sequence).collect::<Vec<_>>(), (1..=count).collect::<Vec<_>>());
    assert!(rows.iter().all(|d| d.about == About::Plan(id)));
    assert_eq!(db.store.plan(id, Extent::All).await.unwrap().unwrap().plan.event_count, count);
    another.close().await;
}

async fn an_event_that_its_plan_has_not_counted_is_a_mistake(db: &Db) {
    let mut file = plan(merchant(), "P-1");
    file.plan.event_count = 1;
    let agreement = agreement(merchant());
    let with = |delivery, change: Change| Change { new_deliveries: vec![delivery], ..change };
    let consent = || rows(BillingRows { new_agreements: vec![agreement.clone()], ..BillingRows::default() });
    for wrong in [
        with(event(file.plan.id, 2, EventKind::PlanActivated), opening_plan(&file)),
        with(event(file.plan.id, 0, EventKind::PlanActivated), opening_plan(&file)),
        with(event(file.plan.id, 1, EventKind::PlanActivated), Change::default()),
        with(event(agreement.id, 1, EventKind::AgreementSigned), consent()),
    ] {
        let answer = db.store.commit(&[wrong]).await;
        assert!(matches!(answer, Err(StoreError::Misuse(_))), "{answer:?}");
    }
    assert_eq!(db.store.plan(file.plan.id, Extent::All).await.unwrap(), None);
    let right = with(event(file.plan.id, 1, EventKind::PlanActivated), opening_plan(&file));
    assert_eq!(one(&*db.store, right).await, Answer::Committed);
}

async fn what_is_told_of_plans_and_agreements_is_swept_and_pruned_like_the_rest(db: &Db) {
    let mut file = plan(merchant(), "P-1");
    let mut consent = agreement(merchant());
    (file.plan.event_count, consent.event_count) = (1, 1);
    let change = opening(merchant(), "1");
    let order = change.new_orders[0].clone();
    let told = [
        event(order.id, 1, EventKind::OrderPaid),
        event(file.plan.id, 1, EventKind::InstallmentWrittenOff),
        event(consent.id, 1, EventKind::AgreementSigned),
    ];
    let mut change = Change { new_deliveries: told.to_vec(), ..change };
    change.billing = opening_plan(&file).billing;
    change.billing.new_agreements.push(consent.clone());
    assert_eq!(one(&*db.store, change).await, Answer::Committed);

    let owed: Vec<_> = told.iter().map(|d| d.id).zip([order.merchant, file.plan.merchant, consent.merchant]).collect();
    assert_eq!(db.store.stuck_deliveries(NOW.plus_ms(1), 9).await.unwrap(), owed);
    add_jobs(&*db.store, vec![job(JobKind::DeliverWebhook, told[1].id.uuid(), file.plan.merchant, NOW)]).await;
    assert_eq!(db.store.stuck_deliveries(NOW.plus_ms(1), 9).await.unwrap(), [owed[0], owed[2]]);

    // They belong to nobody's order.
    let timeline = db.store.timeline(order.id).await.unwrap().unwrap();
    assert_eq!(
        timeline.deliveries.iter().map(|d| (d.id, d.about)).collect::<Vec<_>>(),
        [(told[0].id, order.id.into())]
    );
    let delivered = |d: &NewDelivery| DeliveryAttempt { id: d.id, at: NOW, error: None, given_up: false };
    let change = Change { delivery_attempts: told.iter().map(delivered).collect(), ..Change::default() };
    assert_eq!(one(&*db.store, change).await, Answer::Committed);
    let rows = db.store.deliveries(&told.iter().map(|d| d.id.uuid()).collect::<Vec<_>>()).await.unwrap();
    assert!(rows.len() == 3 && rows.iter().all(|d| d.delivered_at == Some(NOW)), "{rows:?}");
    let (all, none) = (NOW.plus_ms(1), NOW.plus_ms(-1));
    let keep = Retention { idempotency_before: none, delivery_before: all, notification_before: none };
    assert_eq!(db.store.prune(&keep, 9).await.unwrap(), 3);
}

async fn questions_about_plans_and_orders_are_parked_for_their_merchants(db: &Db) {
    let file = plan(merchant(), "P-1");
    let (order, _) = opened(&*db.store, merchant(), "1").await;
    let ask = |subject, kind| Question { subject, kind, text: kind.name().to_owned() };
    let stalled = ask(file.plan.id.uuid(), QuestionKind::PlanStalled);
    let risky = ask(order.id.uuid(), QuestionKind::ChargeAtRisk);
    let change = Change { questions: vec![stalled, risky], ..opening_plan(&file) };
    assert_eq!(one(&*db.store, change).await, Answer::Committed);
    let asked = |merchant| async move {
        let rows = db.store.parked(merchant, 9).await.unwrap();
        rows.iter().map(|q| (q.about, q.kind)).collect::<std::collections::BTreeSet<_>>()
    };
    let about_plan = (About::Plan(file.plan.id), QuestionKind::PlanStalled);
    let about_order = (About::Order(order.id), QuestionKind::ChargeAtRisk);
    assert_eq!(asked(None).await, [about_plan, about_order].into());
    assert_eq!(asked(Some(file.plan.merchant)).await, [about_plan].into());
    assert_eq!(asked(Some(order.merchant)).await, [about_order].into());
    assert_eq!(asked(Some(merchant())).await, [].into());
    let answered = vec![(file.plan.id.uuid(), QuestionKind::PlanStalled)];
    assert_eq!(one(&*db.store, Change { answered, ..Change::default() }).await, Answer::Committed);
    assert_eq!(asked(None).await, [about_order].into());
    // A question about what is not there would belong to nobody.
    let lost = Change { questions: vec![ask(uuid(), QuestionKind::LateMoney)], ..Change::default() };
    assert!(db.store.commit(&[lost]).await.is_err());
    assert_eq!(db.store.dossier(OrderId(uuid())).await.unwrap(), None);
}

async fn everything_that_happened_to_a_plan_is_on_its_timeline(db: &Db) {
    let mut file = plan(merchant(), "P-1");
    let (id, agreement) = (file.plan.id, agreement(file.plan.merchant));
    file.plan.agreement = Some(agreement.id);
    let mut opening = opening_plan(&file);
    opening.billing.new_agreements.push(agreement.clone());
    let begun = PlanClaim::Became { state: PlanState::Active, reason: None };
    opening.observations.push((Subject::Plan(id), Observation::new(Source::Rule, NOW, Claim::Plan(begun))));
    assert_eq!(one(&*db.store, opening).await, Answer::Committed);
    assert!(db.store.plan_timeline(id).await.unwrap().unwrap().orders.is_empty());

    // The second installment becomes an order; the merchant pauses the plan, and a person is asked about both.
    file.plan.version = 1;
    file.plan.event_count = 1;
    let key = InstallmentKey { plan: id, seq: 2 };
    let order = Order { installment: Some(key), ..order(file.plan.merchant, "P-1-2") };
    file.installments[1].order = Some(order.id);
    let charged = Payment { agreement: Some(agreement.id), ..payment(&order) };
    let wish = Claim::Plan(PlanClaim::PauseAsked { reason: "度假".to_owned() });
    let ask = |subject, kind: QuestionKind| Question { subject, kind, text: kind.name().to_owned() };
    let mut change = Change {
        new_payments: vec![charged],
        observations: vec![(Subject::Plan(id), Observation::new(Source::Merchant, NOW.plus_ms(1), wish.clone()))],
        new_deliveries: vec![event(id, 1, EventKind::PlanPaused)],
        questions: vec![ask(id.uuid(), QuestionKind::PlanStalled), ask(order.id.uuid(), QuestionKind::ChargeAtRisk)],
        jobs: vec![job(JobKind::FollowPlan, id.uuid(), file.plan.merchant, NOW)],
        ..writing(&file)
    };
    change.new_orders.push(order.clone());
    assert_eq!(one(&*db.store, change).await, Answer::Committed);
    // Another plan and another order are nobody's concern here.
    assert_eq!(one(&*db.store, opening_plan(&plan(merchant(), "P-2"))).await, Answer::Committed);
    opened(&*db.store, merchant(), "1").await;

    let told = db.store.plan_timeline(id).await.unwrap().unwrap();
    file.plan.version = 2;
    assert_eq!((told.file, told.orders_left_out), (file, 0));
    assert_eq!(told.agreements.iter().map(|a| a.id).collect::<Vec<_>>(), [agreement.id]);
    assert_eq!(told.orders.iter().map(|d| (d.order.id, d.payments.len())).collect::<Vec<_>>(), [(order.id, 1)]);
    let seen: Vec<_> = told.observations.iter().map(|o| (o.sequence, o.source, o.claim.clone())).collect();
    assert_eq!((seen[0].0, seen[0].1), (16, Source::Rule));
    assert_eq!((seen.len(), &seen[1]), (2, &(32, Source::Merchant, wish)));
    assert_eq!(told.deliveries.iter().map(|d| d.about).collect::<Vec<_>>(), [About::Plan(id)]);
    let asked: Vec<_> = told.questions.iter().map(|q| q.about).collect();
    assert!(
        asked.len() == 2 && asked.contains(&About::Plan(id)) && asked.contains(&About::Order(order.id)),
        "{asked:?}"
    );
    assert_eq!(told.jobs.iter().map(|j| j.key.kind).collect::<Vec<_>>(), [JobKind::FollowPlan]);
    assert!(db.store.plan_timeline(PlanId(uuid())).await.unwrap().is_none());
    // What is noted of a plan that is not written has no number.
    let alone = Observation::new(Source::Rule, NOW, Claim::Plan(PlanClaim::PayoffAsked));
    let alone = Change { observations: vec![(Subject::Plan(id), alone)], ..Change::default() };
    assert!(matches!(db.store.commit(&[alone]).await, Err(StoreError::Misuse(_))));
}
