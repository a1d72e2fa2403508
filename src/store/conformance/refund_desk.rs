//! Refunds through the desk: what a decision means is what is stored, from the wish to the end.

use bursar_core::id::{LegId, OrderId, RefundId};
use bursar_core::job::{JobKey, JobKind};
use bursar_core::ledger::AccountKind;
use bursar_core::merchant::MerchantPolicy;
use bursar_core::observation::{Claim, Observation, Source, Subject};
use bursar_core::payment::Evidence;
use bursar_core::refund::{
    Impossible, LegEvidence, LegState, RefundCause, RefundClaim, RefundEvidence, RefundState, Route,
};

use super::office::*;
use super::world::*;
use super::{Db, on_both};
use crate::Settlement;
use crate::desk::{Granted, Taken};

on_both! {
    a_refund_goes_from_wish_to_end_and_is_stored_as_it_was_decided
    a_refund_above_the_limit_waits_for_a_second_person
    a_refused_refund_sets_its_money_free
    a_leg_that_lost_its_job_is_found_by_the_sweep
    what_is_stored_is_what_its_observations_mean
    what_is_not_there_is_said_so
}

async fn a_refund_goes_from_wish_to_end_and_is_stored_as_it_was_decided(db: &Db) {
    let office = Office::open(&db.store, MerchantPolicy::default()).await;
    let paid = office.paid(&[12_345]).await;
    let order = paid.order.id;
    let wish = request(5_000);
    let preview = office.desk.preview_refund(order, &wish).await.unwrap().unwrap().unwrap();
    assert_eq!(preview.iter().map(|s| s.amount_minor).collect::<Vec<_>>(), [5_000]);
    office.stored(&paid).await;

    let dossier = office.refund(order, &wish).await.unwrap();
    office.stored(&dossier).await;
    let refund = &dossier.refunds[0];
    assert_eq!((refund.id, refund.state, refund.cause), (wish.id, RefundState::Running, RefundCause::Requested));
    let leg = refund.legs[0].id;
    assert_eq!(office.jobs(leg).await, [JobKind::SendRefund]);
    let dossier = office.say(leg, Source::Intent, 20, Claim::Refund(RefundClaim::Sending)).await;
    office.stored(&dossier).await;
    let taken = RefundClaim::Processing { refund_id: "5030".to_owned() };
    let dossier = office.say_refund(leg, 30, taken.clone()).await;
    office.stored(&dossier).await;
    assert_eq!(office.jobs(leg).await, [JobKind::PollRefund]);
    // The same again is no news.
    assert_eq!(office.say_refund(leg, 40, taken).await, dossier);
    let dossier = office.succeed(leg).await;
    office.stored(&dossier).await;
    assert_eq!(dossier.refunds[0].state, RefundState::Succeeded);
    let earned = -12_345 + 5_000;
    assert_eq!(office.balances().await, [(AccountKind::Clearing, 7_345), (AccountKind::Earnings, earned)].into());
    let too_much = office.refund(order, &request(7_346)).await.unwrap_err();
    assert_eq!(too_much, Impossible::TooMuch { asked: 7_346, captured: 12_345, given_back: 5_000, left: 7_345 });
    let rest = office.refund(order, &request(7_345)).await.unwrap();
    office.stored(&rest).await;
    assert_eq!(rest.payments[0].returned_minor, 12_345);
}

fn careful() -> MerchantPolicy {
    MerchantPolicy { approval_above_minor: Some(1_000), ..MerchantPolicy::default() }
}

async fn a_refund_above_the_limit_waits_for_a_second_person(db: &Db) {
    let office = Office::open(&db.store, careful()).await;
    let order = office.paid(&[12_345]).await.order.id;
    let at_once = office.refund(order, &request(1_000)).await.unwrap();
    assert_eq!(at_once.refunds[0].state, RefundState::Running);
    let dossier = office.refund(order, &request(1_001)).await.unwrap();
    office.stored(&dossier).await;
    let refund = dossier.refunds.iter().find(|r| r.needs_approval).unwrap();
    let leg = refund.legs[0].id;
    assert_eq!((refund.state, dossier.payments[0].returned_minor), (RefundState::AwaitingApproval, 2_001));
    assert_eq!(office.jobs(leg).await, []);
    assert!(!db.store.stuck_legs(NOW.plus_ms(1_000_000), 9).await.unwrap().contains(&leg));
    let yes = Claim::Refund(RefundClaim::Approved { by: "mei".to_owned() });
    let dossier = office.say(refund.id, Source::Operator, 60, yes).await;
    office.stored(&dossier).await;
    assert_eq!(dossier.refund(refund.id).unwrap().state, RefundState::Running);
    assert_eq!(office.jobs(leg).await, [JobKind::SendRefund]);
}

async fn a_refused_refund_sets_its_money_free(db: &Db) {
    let office = Office::open(&db.store, careful()).await;
    let order = office.paid(&[12_345]).await.order.id;
    let refund = office.refund(order, &request(12_345)).await.unwrap().refunds[0].id;
    assert!(office.refund(order, &request(1)).await.is_err());
    let no = Claim::Refund(RefundClaim::Rejected { by: "mei".to_owned(), reason: "not ours".to_owned() });
    let dossier = office.say(refund, Source::Operator, 60, no).await;
    office.stored(&dossier).await;
    assert_eq!(dossier.refunds[0].state, RefundState::Rejected);
    assert_eq!(dossier.refunds[0].legs[0].state, LegState::Abandoned);
    assert_eq!(dossier.payments[0].returned_minor, 0);
    assert_eq!(office.balances().await.get(&AccountKind::RefundsPayable), None);
    office.refund(order, &request(12_345)).await.unwrap();
}

async fn a_leg_that_lost_its_job_is_found_by_the_sweep(db: &Db) {
    let office = Office::open(&db.store, MerchantPolicy::default()).await;
    let order = office.paid(&[12_345]).await.order.id;
    let far = NOW.plus_ms(10_000_000);
    let legs: Vec<LegId> = {
        let mut legs = Vec::new();
        for minor in [1, 2, 3] {
            let wish = request(minor);
            legs.push(office.refund(order, &wish).await.unwrap().refund(wish.id).unwrap().legs[0].id);
        }
        legs
    };
    assert_eq!(db.store.stuck_legs(far, 9).await.unwrap(), []);
    for leg in &legs {
        assert!(db.store.cancel_job(JobKey::leg(JobKind::SendRefund, *leg)).await.unwrap());
    }
    let mut all = legs.clone();
    all.sort();
    assert_eq!(db.store.stuck_legs(far, 9).await.unwrap(), all);
    assert_eq!(db.store.stuck_legs(far, 2).await.unwrap(), all[..2]);
    assert_eq!(db.store.stuck_legs(NOW, 9).await.unwrap(), []);
    // One gets its job back by the other kind, one ends.
    add_jobs(&*db.store, vec![job(JobKind::PollRefund, legs[0].uuid(), office.merchant, NOW)]).await;
    office.say_refund(legs[1], 20, RefundClaim::Closed { reason: "CLOSED".to_owned() }).await;
    let ended = db.store.dossiers_of_legs(&[legs[1]]).await.unwrap();
    let stuck = db.store.stuck_legs(far, 9).await.unwrap();
    assert!(stuck.contains(&legs[2]) && !stuck.contains(&legs[0]));
    assert_eq!(stuck.contains(&legs[1]), ended[0].leg(legs[1]).unwrap().1.due_at.is_some());
}

/// Whatever is observed about anything: the rows are the join of the stored observations.
async fn what_is_stored_is_what_its_observations_mean(db: &Db) {
    let office = Office::open(&db.store, careful()).await;
    let order = office.paid(&[600, 401]).await.order.id;
    let wish = request(1_001);
    let refund = wish.id;
    let dossier = office.refund(order, &wish).await.unwrap();
    let legs: Vec<LegId> = dossier.refund(refund).unwrap().legs.iter().map(|l| l.id).collect();
    let approved = |by: &str| Claim::Refund(RefundClaim::Approved { by: by.to_owned() });
    office.say(refund, Source::Operator, 60, approved("mei")).await;
    let big = office.refund(order, &request(1)).await;
    assert!(big.is_err());
    let no_answer = || RefundClaim::NoAnswer { why: "time-out".to_owned() };
    for claim in [RefundClaim::Sending, no_answer(), RefundClaim::Absent, RefundClaim::Sending, no_answer()] {
        let at = i64::try_from(db.store.timeline(order).await.unwrap().unwrap().observations.len()).unwrap();
        office.say_refund(legs[0], 100 + at, claim).await;
    }
    office.say_refund(legs[1], 110, RefundClaim::Abnormal { refund_id: "x".to_owned() }).await;
    office.say_refund(legs[1], 90, RefundClaim::Processing { refund_id: "w".to_owned() }).await;
    office.succeed(legs[0]).await;
    office.say_refund(legs[0], 300, RefundClaim::Reversed { reason: "back".to_owned() }).await;
    let late = Observation::new(Source::Query, NOW.plus_ms(400), Claim::Absent);
    let payment = db.store.dossier(order).await.unwrap().unwrap().payments[1].id;
    office.desk.observe(payment, &late, None, None, |_| Settlement::Hold).await.unwrap();

    let t = db.store.timeline(order).await.unwrap().unwrap();
    let of = |subject: Subject| {
        t.observations.iter().filter(move |o| o.subject == subject.uuid()).map(|o| Observation {
            source: o.source,
            seen_at: o.seen_at,
            claim: o.claim.clone(),
            notification: o.notification,
        })
    };
    for payment in &t.dossier.payments {
        let replayed = of(payment.id.into()).fold(Evidence::default(), |e, o| e.join(payment.amount, &o));
        assert_eq!(replayed, payment.evidence, "{}", payment.id);
        assert_eq!(payment.returned_minor, t.dossier.returned_minor(payment.id));
    }
    assert!(t.dossier.legs().count() > 2, "other ways were found");
    let approved = t.dossier.refund(refund).unwrap().evidence.approved.clone();
    assert_eq!(approved, Some((NOW.plus_ms(60), "mei".to_owned())));
    for refund in &t.dossier.refunds {
        let replayed = of(refund.id.into()).fold(RefundEvidence::default(), |e, o| e.join(&o));
        assert_eq!(replayed, refund.evidence);
        assert_eq!(refund.state, refund.state_of_parts());
        for leg in &refund.legs {
            let replayed = of(leg.id.into()).fold(LegEvidence::default(), |e, o| e.join(leg.amount, &o));
            assert_eq!(replayed, leg.evidence, "{}", leg.id);
            assert_eq!(leg.state, leg.evidence.state(leg.route, refund.second_way()));
        }
        assert_eq!(
            refund.legs.iter().map(|l| l.sequence).collect::<Vec<_>>(),
            (1..).take(refund.legs.len()).collect::<Vec<_>>()
        );
    }
    assert!(t.dossier.legs().any(|l| l.route == Route::Transfer && l.replaces.is_some()));
    let mut seen: Vec<_> = t.observations.iter().map(|o| (o.subject, o.sequence)).collect();
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen.len(), t.observations.len());
}

async fn what_is_not_there_is_said_so(db: &Db) {
    let office = Office::open(&db.store, MerchantPolicy::default()).await;
    let absent = Observation::new(Source::Query, NOW, Claim::Absent);
    for subject in [Subject::Leg(LegId(uuid())), Subject::Refund(RefundId(uuid()))] {
        let taken = office.desk.observe(subject, &absent, None, None, |_| Settlement::Hold).await.unwrap();
        assert!(matches!(taken, Taken::NoSuchSubject), "{taken:?}");
    }
    let nowhere = OrderId(uuid());
    assert!(office.desk.preview_refund(nowhere, &request(1)).await.unwrap().is_none());
    let granted = office.desk.refund(nowhere, &request(1), |_, _| {}).await.unwrap();
    assert!(matches!(granted, Granted::NoSuchOrder), "{granted:?}");
}
