//! Gives every open payment, order that expires, leg of a refund, undelivered event, line of a statement, agreement,
//! plan, schedule and reconciliation its job back when it has none: a job row is a hint, never the truth. Subject: nil. Must never
//! change one of them.

use bursar_core::agreement::Agreement;
use bursar_core::billing::Plan;
use bursar_core::decide::{owed_job, owed_order_job, owed_refund_job};
use bursar_core::job::{JobKey, JobKind, NewJob};
use bursar_store::Change;

use crate::JobContext;
use crate::observe::{JobError, Outcome, Running};

/// Runs it.
///
/// # Errors
/// When our own side failed.
pub async fn run(context: &JobContext, job: &Running) -> Result<Outcome, JobError> {
    let now = context.now();
    let store = context.desk.gatherer.store();
    let (before, limit) = (now.plus_ms(-context.settings.sweep_grace_ms), context.settings.sweep_limit);
    let stuck = store.stuck(before, limit).await?;
    let dossiers = store.dossiers_of(&stuck).await?;
    let payments = dossiers.iter().flat_map(|d| &d.payments).filter(|p| stuck.contains(&p.id));
    let mut jobs: Vec<NewJob> = payments.filter_map(|p| owed_job(p, now)).collect();
    for order in store.stuck_orders(before, limit).await? {
        let dossier = store.dossier(order).await?;
        jobs.extend(dossier.and_then(|d| owed_order_job(&d.order, now)));
    }
    let stuck = store.stuck_legs(before, limit).await?;
    for dossier in store.dossiers_of_legs(&stuck).await? {
        let legs = dossier.legs().filter(|l| stuck.contains(&l.id));
        jobs.extend(legs.filter_map(|l| owed_refund_job(l, dossier.order.merchant, now)));
    }
    for (delivery, merchant) in store.stuck_deliveries(before, limit).await? {
        jobs.push(NewJob::new(JobKey::new(JobKind::DeliverWebhook, delivery.uuid()), merchant, now));
    }
    for (line, merchant) in store.stuck_lines(before, limit).await? {
        jobs.push(NewJob::new(JobKey::line(JobKind::MatchStatementLine, line), merchant, now));
    }
    let (agreements, plans) = store.lost_billing(before, limit).await?;
    let of_agreement = |a: &Agreement| NewJob::new(JobKey::new(JobKind::FollowAgreement, a.id.uuid()), a.merchant, now);
    jobs.extend(agreements.iter().map(of_agreement));
    let of_plan = |p: &Plan| NewJob::new(JobKey::new(JobKind::FollowPlan, p.id.uuid()), p.merchant, now);
    jobs.extend(plans.iter().map(of_plan));
    for (schedule, merchant) in store.stuck_schedules(before, limit).await? {
        jobs.push(NewJob::new(JobKey::schedule(JobKind::FireSchedule, schedule), merchant, now));
    }
    for (run, merchant) in store.stuck_reconciliations(before, limit).await? {
        jobs.push(NewJob::new(JobKey::new(JobKind::Reconcile, run.uuid()), merchant, now));
    }
    let found = jobs.len();
    if found > 0 {
        tracing::warn!(found, "the sweep gave work its jobs back");
        context.desk.gatherer.commit(Change { jobs, ..Change::default() }).await?;
    }
    let due_at = context.settings.housekeeping.next(job.claimed.key.kind, now);
    Ok(Outcome::Again { due_at, step: 0, why: format!("{found} given back by the last sweep") })
}
