//! Agreements, plans and installments: written with their guards, read back as they were, found by what they are.

use bursar_core::agreement::{Agreement, AgreementClaim, AgreementState, Signature};
use bursar_core::billing::{GiveBack, InstallmentKey, InstallmentState, PlanFile, PlanState};
use bursar_core::channel::Method;
use bursar_core::id::{AgreementId, ChannelAccountId, MerchantId, OrderId, PlanId, RefundId};
use bursar_core::job::JobKind;
use bursar_core::observation::{Claim, Observation, Source, Subject};
use bursar_core::order::Order;
use bursar_core::payment::Payment;

use super::plans::*;
use super::world::*;
use super::{Db, on_both};
use crate::{AgreementFilter, Answer, BillingRows, Change, Extent, PlanFilter, Store, StoreError};

on_both! {
    random_agreements_survive_the_round_trip
    random_plans_survive_the_round_trip
    what_changes_of_a_plan_and_an_agreement_is_written_and_counted
    installments_are_added_and_changed_with_their_plan_or_not_at_all
    of_two_writers_at_once_one_wins_and_the_other_is_stale
    of_two_writers_in_one_call_the_second_is_stale
    a_stale_plan_opens_no_order_though_its_number_is_free
    a_number_is_taken_once_per_merchant_and_an_agreement_once
    installments_without_their_plan_are_a_mistake
    only_what_is_open_is_read_when_only_that_is_asked_for
    an_order_knows_its_installment_and_a_payment_its_agreement
    tries_are_counted_by_agreement_and_time
    what_is_lost_is_what_is_due_and_has_no_job
    observations_of_an_agreement_are_numbered_by_its_version
    plans_and_agreements_are_listed_newest_first_in_pages_by_what_they_are
    what_is_not_there_is_none
}

async fn all_of(store: &dyn Store, id: PlanId) -> PlanFile {
    store.plan(id, Extent::All).await.unwrap().unwrap()
}

/// Takes a plan on the books; as it is there.
async fn opened_plan(db: &Db, merchant: MerchantId, number: &str) -> PlanFile {
    let mut file = plan(merchant, number);
    assert_eq!(one(&*db.store, opening_plan(&file)).await, Answer::Committed);
    file.plan.version = 1;
    file
}

async fn opened_agreement(db: &Db, agreement: Agreement) -> Agreement {
    let new_agreements = vec![agreement.clone()];
    let change = rows(BillingRows { new_agreements, ..BillingRows::default() });
    assert_eq!(one(&*db.store, change).await, Answer::Committed);
    Agreement { version: 1, ..agreement }
}

async fn random_agreements_survive_the_round_trip(db: &Db) {
    for seed in 0..40 {
        let agreement = opened_agreement(db, Dice::new(seed).agreement()).await;
        assert_eq!(db.store.agreement(agreement.id).await.unwrap(), Some(agreement), "seed {seed}");
    }
    let whole = opened_agreement(db, agreement(merchant())).await;
    assert_eq!(db.store.agreement(whole.id).await.unwrap(), Some(whole));
}

async fn random_plans_survive_the_round_trip(db: &Db) {
    for seed in 0..40 {
        let dice = Dice::new(seed);
        let mut file = dice.file();
        assert_eq!(one(&*db.store, opening_plan(&file)).await, Answer::Committed, "seed {seed}");
        file.plan.version = 1;
        assert_eq!(all_of(&*db.store, file.plan.id).await, file, "seed {seed}");
        file.installments.retain(|i| Extent::Open.takes(i));
        let open = db.store.plan(file.plan.id, Extent::Open).await.unwrap();
        assert_eq!(open.as_ref(), Some(&file), "seed {seed}");
        let filter = PlanFilter { number: Some(file.plan.number.clone()), ..plans_of(file.plan.merchant) };
        assert_eq!(db.store.plans(&filter).await.unwrap(), [file.plan], "seed {seed}");
    }
}

async fn what_changes_of_a_plan_and_an_agreement_is_written_and_counted(db: &Db) {
    for seed in 100..120 {
        let before = opened_plan(db, merchant(), "P-1").await;
        let after = Dice::new(seed).file();
        let kept = before.plan.clone();
        let mut plan = after.plan;
        (plan.id, plan.merchant, plan.number, plan.payer) = (kept.id, kept.merchant, kept.number, kept.payer);
        (plan.description, plan.created_at, plan.version) = (kept.description, kept.created_at, 1);
        let mut file = PlanFile { plan, installments: before.installments };
        assert_eq!(one(&*db.store, writing(&file)).await, Answer::Committed);
        file.plan.version = 2;
        assert_eq!(all_of(&*db.store, file.plan.id).await, file, "seed {seed}");

        let old = opened_agreement(db, agreement(merchant())).await;
        let told = Dice::new(seed).agreement();
        let (state, evidence, due_at) = (told.state, told.evidence, told.due_at);
        let next = Agreement { state, evidence, due_at, event_count: 5, ..old };
        let change = rows(BillingRows { agreements: vec![next.clone()], ..BillingRows::default() });
        assert_eq!(one(&*db.store, change).await, Answer::Committed);
        let id = next.id;
        assert_eq!(db.store.agreement(id).await.unwrap(), Some(Agreement { version: 2, ..next }), "seed {seed}");
    }
}

async fn installments_are_added_and_changed_with_their_plan_or_not_at_all(db: &Db) {
    let mut file = opened_plan(db, merchant(), "P-1").await;
    let dice = Dice::new(7);
    let wanted = 30;
    let mut more = dice.file().installments;
    while more.len() < wanted {
        more.extend(dice.file().installments);
    }
    more.truncate(wanted);
    // Some are new, the second is changed, the others stay.
    more.iter_mut().zip([2].into_iter().chain(4..)).for_each(|(i, seq)| i.seq = seq);
    let installments: Vec<_> = more.iter().map(|i| (file.plan.id, i.clone())).collect();
    let change = rows(BillingRows { plans: vec![file.plan.clone()], installments, ..BillingRows::default() });
    assert_eq!(one(&*db.store, change).await, Answer::Committed);
    file.plan.version = 2;
    file.installments.retain(|i| i.seq != 2);
    file.installments.extend(more);
    file.installments.sort_by_key(|i| i.seq);
    assert_eq!(all_of(&*db.store, file.plan.id).await, file);

    let mut stale = file.clone();
    stale.plan.version = 1;
    stale.installments.iter_mut().for_each(|i| i.minor = 1);
    assert_eq!(one(&*db.store, writing(&stale)).await, Answer::Stale);
    assert_eq!(all_of(&*db.store, file.plan.id).await, file);
}

/// What a scheduler writes that opens the order of the first installment.
fn opening_installment(file: &PlanFile) -> Change {
    let mut next = file.clone();
    let key = InstallmentKey { plan: file.plan.id, seq: 1 };
    let order = Order { installment: Some(key), ..order(file.plan.merchant, &file.plan.order_number(1)) };
    next.installments[0].order = Some(order.id);
    next.installments[0].state = InstallmentState::Charging;
    Change { new_payments: vec![payment(&order)], new_orders: vec![order], ..writing(&next) }
}

async fn of_two_writers_at_once_one_wins_and_the_other_is_stale(db: &Db) {
    let another = db.another().await;
    for round in 0..25 {
        let file = opened_plan(db, merchant(), "P-1").await;
        let (left, right) = (opening_installment(&file), opening_installment(&file));
        let orders = [left.new_orders[0].id, right.new_orders[0].id];
        let (a, b) = tokio::join!(one(&*db.store, left), one(&*another, right));
        let won = match (a, b) {
            (Answer::Committed, Answer::Stale) => orders[0],
            (Answer::Stale, Answer::Committed) => orders[1],
            other => panic!("round {round}: {other:?}"),
        };
        let there = all_of(&*db.store, file.plan.id).await;
        assert_eq!((there.plan.version, there.installments[0].order), (2, Some(won)), "round {round}");
        let number = file.plan.order_number(1);
        assert_eq!(db.store.order_by_number(file.plan.merchant, &number).await.unwrap(), Some(won), "round {round}");
    }
    another.close().await;
}

async fn of_two_writers_in_one_call_the_second_is_stale(db: &Db) {
    let file = opened_plan(db, merchant(), "P-1").await;
    let other = opened_plan(db, merchant(), "P-1").await;
    let agreement = opened_agreement(db, agreement(merchant())).await;
    let ended = Agreement { due_at: None, ..agreement };
    let end = rows(BillingRows { agreements: vec![ended.clone()], ..BillingRows::default() });
    let changes =
        [opening_installment(&file), opening_installment(&file), end.clone(), opening_installment(&other), end];
    let answers = db.store.commit(&changes).await.unwrap();
    assert_eq!(answers, [Answer::Committed, Answer::Stale, Answer::Committed, Answer::Committed, Answer::Stale]);
    assert_eq!(all_of(&*db.store, file.plan.id).await.plan.version, 2);
    assert_eq!(db.store.agreement(ended.id).await.unwrap(), Some(Agreement { version: 2, ..ended }));
}

async fn a_stale_plan_opens_no_order_though_its_number_is_free(db: &Db) {
    let file = opened_plan(db, merchant(), "P-1").await;
    assert_eq!(one(&*db.store, writing(&file)).await, Answer::Committed);
    let change = opening_installment(&file);
    let id = change.new_orders[0].id;
    let requests = Change { idempotency: Some(idempotency(file.plan.merchant, "k")), ..change.clone() };
    assert_eq!(one(&*db.store, change).await, Answer::Stale);
    assert_eq!(db.store.dossier(id).await.unwrap(), None);
    // A repeated request is told so.
    let taken = Change { idempotency: Some(idempotency(file.plan.merchant, "k")), ..Change::default() };
    assert_eq!(one(&*db.store, taken).await, Answer::Committed);
    assert_eq!(one(&*db.store, requests).await, Answer::Duplicate);
    // The number is another order's: that is no race.
    let file = all_of(&*db.store, file.plan.id).await;
    assert_eq!(one(&*db.store, opening(file.plan.merchant, &file.plan.order_number(1))).await, Answer::Committed);
    assert_eq!(one(&*db.store, opening_installment(&file)).await, Answer::Duplicate);
    assert_eq!(all_of(&*db.store, file.plan.id).await, file);
}

async fn a_number_is_taken_once_per_merchant_and_an_agreement_once(db: &Db) {
    let m = merchant();
    let first = plan(m, "P-1");
    let again = plan(m, "P-1");
    let changes = [opening_plan(&first), opening_plan(&again), opening_plan(&plan(merchant(), "P-1"))];
    assert_eq!(db.store.commit(&changes).await.unwrap(), [Answer::Committed, Answer::Duplicate, Answer::Committed]);
    assert_eq!(one(&*db.store, opening_plan(&again)).await, Answer::Duplicate);
    assert_eq!(db.store.plan(again.plan.id, Extent::All).await.unwrap(), None);
    let same_id =
        PlanFile { plan: bursar_core::billing::Plan { number: "P-2".to_owned(), ..first.plan.clone() }, ..first };
    assert_eq!(one(&*db.store, opening_plan(&same_id)).await, Answer::Duplicate);

    let new_agreements = vec![agreement(m)];
    let change = rows(BillingRows { new_agreements, ..BillingRows::default() });
    let answers = db.store.commit(&[change.clone(), change.clone()]).await.unwrap();
    assert_eq!(answers, [Answer::Committed, Answer::Duplicate]);
    assert_eq!(one(&*db.store, change).await, Answer::Duplicate);
}

async fn installments_without_their_plan_are_a_mistake(db: &Db) {
    let file = opened_plan(db, merchant(), "P-1").await;
    let mut alone = writing(&file);
    alone.billing.plans.clear();
    let mut twice = writing(&file);
    twice.billing.installments.push((file.plan.id, file.installments[0].clone()));
    for wrong in [alone, twice] {
        let answer = db.store.commit(&[wrong]).await;
        assert!(matches!(answer, Err(StoreError::Misuse(_))), "{answer:?}");
    }
    assert_eq!(all_of(&*db.store, file.plan.id).await, file);
}

async fn only_what_is_open_is_read_when_only_that_is_asked_for(db: &Db) {
    let mut file = opened_plan(db, merchant(), "P-1").await;
    let back = |asked| vec![GiveBack { refund: RefundId(uuid()), minor: 5, asked }];
    file.installments[0].state = InstallmentState::Paid;
    file.installments[1].state = InstallmentState::Paid;
    file.installments[1].give_back = back(false);
    let open = |file: &PlanFile| file.installments.iter().map(|i| i.seq).collect::<Vec<_>>();
    assert_eq!(one(&*db.store, writing(&file)).await, Answer::Committed);
    let read = db.store.plan(file.plan.id, Extent::Open).await.unwrap().unwrap();
    assert_eq!(open(&read), [2, 3]);
    file.plan.version = 2;
    file.installments[1].give_back = back(true);
    file.installments[2].state = InstallmentState::Voided;
    assert_eq!(one(&*db.store, writing(&file)).await, Answer::Committed);
    let read = db.store.plan(file.plan.id, Extent::Open).await.unwrap().unwrap();
    assert_eq!((open(&read), read.plan.terms), (vec![], file.plan.terms));
    assert_eq!(open(&all_of(&*db.store, file.plan.id).await), [1, 2, 3]);
}

async fn an_order_knows_its_installment_and_a_payment_its_agreement(db: &Db) {
    let m = merchant();
    let key = InstallmentKey { plan: PlanId(uuid()), seq: u32::MAX };
    let order = Order { installment: Some(key), ..order(m, "P-1-1") };
    let charged = Payment { agreement: Some(AgreementId(uuid())), ..payment(&order) };
    let by_hand = payment(&order);
    let new_payments = vec![charged.clone(), by_hand.clone()];
    let change = Change { new_orders: vec![order.clone()], new_payments, ..Change::default() };
    assert_eq!(one(&*db.store, change).await, Answer::Committed);
    let (_, absent) = observed(&Payment { version: 1, ..charged.clone() }, Source::Query, 1, Claim::Absent);
    assert_eq!(one(&*db.store, absent).await, Answer::Committed);
    let found = db.store.dossier(order.id).await.unwrap().unwrap();
    assert_eq!(found.order, Order { version: 1, ..order });
    assert_eq!(found.payments.iter().map(|p| p.agreement).collect::<Vec<_>>(), [charged.agreement, None]);
    assert_eq!(found.payments[1], Payment { version: 1, ..by_hand });
}

async fn tries_are_counted_by_agreement_and_time(db: &Db) {
    let (one_of, other) = (AgreementId(uuid()), AgreementId(uuid()));
    for (n, (agreement, at_ms)) in
        [(Some(one_of), 7), (Some(one_of), 3), (Some(one_of), 5), (Some(other), 5), (None, 5)].iter().enumerate()
    {
        let order = order(merchant(), &n.to_string());
        let new_payments = vec![Payment { agreement: *agreement, created_at: NOW.plus_ms(*at_ms), ..payment(&order) }];
        let change = Change { new_orders: vec![order], new_payments, ..Change::default() };
        assert_eq!(one(&*db.store, change).await, Answer::Committed);
    }
    let tries = db.store.tries_since(one_of, NOW.plus_ms(5)).await.unwrap();
    assert_eq!(tries, [NOW.plus_ms(5), NOW.plus_ms(7)]);
    assert_eq!(db.store.tries_since(one_of, NOW).await.unwrap().len(), 3);
    assert_eq!(db.store.tries_since(AgreementId(uuid()), NOW).await.unwrap(), []);
}

async fn what_is_lost_is_what_is_due_and_has_no_job(db: &Db) {
    let m = merchant();
    let mut plans = Vec::new();
    let mut agreements = Vec::new();
    for due_ms in [Some(0), Some(-5), None, Some(9), Some(0)] {
        let mut file = plan(m, &plans.len().to_string());
        file.plan.due_at = due_ms.map(|ms| NOW.plus_ms(ms));
        assert_eq!(one(&*db.store, opening_plan(&file)).await, Answer::Committed);
        agreements.push(opened_agreement(db, Agreement { due_at: file.plan.due_at, ..agreement(m) }).await.id);
        plans.push(file.plan.id);
    }
    // The last ones have their jobs; the first ones have one of another kind.
    let jobs = vec![
        job(JobKind::FollowPlan, plans[4].uuid(), m, NOW),
        job(JobKind::FollowAgreement, agreements[4].uuid(), m, NOW),
        job(JobKind::FollowAgreement, plans[0].uuid(), m, NOW),
        job(JobKind::FollowPlan, agreements[0].uuid(), m, NOW),
    ];
    add_jobs(&*db.store, jobs).await;
    let lost = |before_ms, limit| async move {
        let (a, p) = db.store.lost_billing(NOW.plus_ms(before_ms), limit).await.unwrap();
        (a.iter().map(|a| a.id).collect::<Vec<_>>(), p.iter().map(|p| p.id).collect::<Vec<_>>())
    };
    assert_eq!(lost(5, 9).await, (agreements[..2].to_vec(), plans[..2].to_vec()));
    assert_eq!(lost(5, 1).await, (agreements[..1].to_vec(), plans[..1].to_vec()));
    assert_eq!(lost(0, 9).await, (vec![agreements[1]], vec![plans[1]]));
    assert_eq!(lost(-5, 9).await, (vec![], vec![]));
    // What is not due any more is not lost.
    let mut file = all_of(&*db.store, plans[0]).await;
    file.plan.due_at = None;
    assert_eq!(one(&*db.store, writing(&file)).await, Answer::Committed);
    assert_eq!(lost(5, 9).await, (agreements[..2].to_vec(), vec![plans[1]]));
}

async fn observations_of_an_agreement_are_numbered_by_its_version(db: &Db) {
    let signed = AgreementClaim::Signed(Signature {
        channel_id: "2022".to_owned(),
        payer_id: None,
        signed_at: NOW,
        ends_at: None,
    });
    let seen = |claim| Observation::new(Source::Query, NOW, Claim::Agreement(claim));
    let a = agreement(merchant());
    let about = Subject::Agreement(a.id);
    let mut change = rows(BillingRows { new_agreements: vec![a.clone()], ..BillingRows::default() });
    change.observations = vec![(about, seen(AgreementClaim::Lapsed))];
    assert_eq!(one(&*db.store, change).await, Answer::Committed);
    let agreements = vec![Agreement { version: 1, ..a.clone() }];
    let mut change = rows(BillingRows { agreements, ..BillingRows::default() });
    change.observations = vec![(about, seen(AgreementClaim::Lapsed)), (about, seen(signed))];
    assert_eq!(one(&*db.store, change).await, Answer::Committed);
    let numbered = "select cast(sequence as text) || ' ' || substr(claim, 1, 20) from observation";
    let numbered = db.names(numbered).await;
    assert_eq!(numbered.iter().map(|n| n.split_once(' ').unwrap().0).collect::<Vec<_>>(), ["16", "32", "33"]);
    let alone = Change { observations: vec![(about, seen(AgreementClaim::Lapsed))], ..Change::default() };
    assert!(matches!(db.store.commit(&[alone]).await, Err(StoreError::Misuse(_))));
}

fn plans_of(merchant: MerchantId) -> PlanFilter {
    PlanFilter {
        merchant: Some(merchant),
        number: None,
        payer: None,
        agreement: None,
        state: None,
        before: None,
        limit: 100,
    }
}

async fn plans_and_agreements_are_listed_newest_first_in_pages_by_what_they_are(db: &Db) {
    let (m, strangers) = (merchant(), merchant());
    let consent = AgreementId(uuid());
    let mut ids = Vec::new();
    let mut consents = Vec::new();
    for n in 0..6 {
        let mut file = plan(if n == 5 { strangers } else { m }, &format!("P-{n}"));
        file.plan.payer = format!("payer {}", n % 2);
        file.plan.agreement = (n >= 3).then_some(consent);
        file.plan.debit = file.plan.agreement.map(|_| (ChannelAccountId(uuid()), Method::CardDebit));
        file.plan.state = if n == 3 { PlanState::Paused } else { PlanState::Active };
        assert_eq!(one(&*db.store, opening_plan(&file)).await, Answer::Committed);
        let state = if n == 3 { AgreementState::Active } else { AgreementState::New };
        let (merchant, payer) = (file.plan.merchant, file.plan.payer);
        consents.push(opened_agreement(db, Agreement { merchant, payer, state, ..agreement(m) }).await.id);
        ids.push(file.plan.id);
    }
    let all = PlanFilter { merchant: None, ..plans_of(m) };
    let payer = |n: u8| Some(format!("payer {n}"));
    for (filter, wanted) in [
        (plans_of(m), vec![4, 3, 2, 1, 0]),
        (all.clone(), vec![5, 4, 3, 2, 1, 0]),
        (PlanFilter { limit: 2, before: Some(ids[3]), ..plans_of(m) }, vec![2, 1]),
        (PlanFilter { payer: payer(1), ..plans_of(m) }, vec![3, 1]),
        (PlanFilter { payer: payer(1), ..all.clone() }, vec![5, 3, 1]),
        (PlanFilter { payer: payer(1), state: Some(PlanState::Active), ..plans_of(m) }, vec![1]),
        (PlanFilter { agreement: Some(consent), ..all.clone() }, vec![5, 4, 3]),
        (PlanFilter { agreement: Some(consent), payer: payer(0), ..plans_of(m) }, vec![4]),
        (PlanFilter { number: Some("P-1".to_owned()), ..plans_of(m) }, vec![1]),
        (PlanFilter { number: Some("P-1".to_owned()), payer: payer(0), ..plans_of(m) }, vec![]),
        (PlanFilter { number: Some("P-5".to_owned()), ..plans_of(m) }, vec![]),
        (PlanFilter { number: Some("P-5".to_owned()), ..all.clone() }, vec![5]),
        (PlanFilter { limit: 0, ..all }, vec![]),
    ] {
        let found: Vec<_> = db.store.plans(&filter).await.unwrap().iter().map(|p| p.id).collect();
        assert_eq!(found, wanted.into_iter().map(|n: usize| ids[n]).collect::<Vec<_>>(), "{filter:?}");
    }
    let of_merchant = AgreementFilter { merchant: Some(m), payer: None, state: None, before: None, limit: 100 };
    let all = AgreementFilter { merchant: None, ..of_merchant.clone() };
    for (filter, wanted) in [
        (of_merchant.clone(), vec![4, 3, 2, 1, 0]),
        (all.clone(), vec![5, 4, 3, 2, 1, 0]),
        (AgreementFilter { limit: 2, before: Some(consents[3]), ..all.clone() }, vec![2, 1]),
        (AgreementFilter { payer: payer(1), ..of_merchant.clone() }, vec![3, 1]),
        (AgreementFilter { payer: payer(1), ..all.clone() }, vec![5, 3, 1]),
        (AgreementFilter { payer: payer(1), state: Some(AgreementState::Active), ..of_merchant }, vec![3]),
        (AgreementFilter { state: Some(AgreementState::Ended), ..all }, vec![]),
    ] {
        let found: Vec<_> = db.store.agreements(&filter).await.unwrap().iter().map(|a| a.id).collect();
        assert_eq!(found, wanted.into_iter().map(|n: usize| consents[n]).collect::<Vec<_>>(), "{filter:?}");
    }
}

async fn what_is_not_there_is_none(db: &Db) {
    assert_eq!(db.store.agreement(AgreementId(uuid())).await.unwrap(), None);
    assert_eq!(db.store.plan(PlanId(uuid()), Extent::All).await.unwrap(), None);
    assert_eq!(db.store.plan(PlanId(uuid()), Extent::Open).await.unwrap(), None);
    assert_eq!(db.store.plans(&plans_of(merchant())).await.unwrap(), []);
    let missing = plan(merchant(), "P-1");
    assert_eq!(one(&*db.store, writing(&missing)).await, Answer::Stale);
    let agreements = vec![agreement(merchant())];
    let change = rows(BillingRows { agreements, ..BillingRows::default() });
    assert_eq!(one(&*db.store, change).await, Answer::Stale);
    assert_eq!(db.store.dossier(OrderId(uuid())).await.unwrap(), None);
}
