//! Asks the channel where a leg of a refund stands, until the payer has the money or the channel has given
//! up, and for a while afterwards: money may come back. Subject: a leg that is under way, whose call had no
//! answer, or that has succeeded. Must never send anything: what the channel does not know is sent again
//! by its own job.

use bursar_core::observation::{Claim, Source};
use bursar_core::order::Dossier;
use bursar_core::refund::{Leg, LegState, RefundClaim};
use bursar_store::{Answer, Change, Settlement};

use crate::JobContext;
use crate::ask::{Told, ask_refund};
use crate::context::LegSubject;
use crate::observe::{JobError, Outcome, Running};

/// The step of the plan for unknown results by which an unanswered question is asked again: a minute, by
/// default. The refund's own plan soon waits for hours.
const UNANSWERED_STEP: i32 = 4;

/// Runs it.
///
/// # Errors
/// When our own side failed.
pub async fn run(context: &JobContext, job: &Running) -> Result<Outcome, JobError> {
    let Some(subject) = context.leg(job.leg()).await? else { return Ok(Outcome::Done) };
    let before = subject.leg.state;
    let plan = match before {
        LegState::Unknown => &context.desk.plans.unknown,
        LegState::Processing => &context.desk.plans.refund,
        LegState::Succeeded => &context.desk.plans.watch,
        _ => return Ok(Outcome::Done),
    };
    if let Some(due_at) = subject.leg.due_at.filter(|at| before == LegState::Succeeded && *at > context.now()) {
        // Planned while it was under way; it has arrived meanwhile, and is watched from then on.
        let why = "arrived; asked again in case it comes back".to_owned();
        return Ok(Outcome::Again { due_at, step: 0, why });
    }
    let step = job.claimed.step.saturating_add(1);
    match ask_refund(&subject).await {
        Told::Claim(Claim::Refund(RefundClaim::Succeeded(_))) if before == LegState::Succeeded => {
            match plan.delay_ms(step) {
                Some(delay) => {
                    let due_at = context.now().plus_ms(delay);
                    Ok(Outcome::Again { due_at, step, why: "arrived; asked again in case it comes back".to_owned() })
                }
                None => rest(context, job, &subject).await,
            }
        }
        Told::Claim(claim) => {
            let (id, now) = (subject.leg.id, context.now());
            let settle = move |after: &Dossier| {
                if after.leg(id).is_none_or(|(_, leg)| leg.state != before) {
                    return Settlement::Done;
                }
                match plan.delay_ms(step) {
                    Some(delay) => Settlement::Again {
                        due_at: now.plus_ms(delay),
                        step,
                        why: format!("{} when last asked", before.name()),
                    },
                    None => Settlement::Park {
                        question: format!(
                            "The channel has not finished {id} in the time that it allows itself. Ask its support."
                        ),
                    },
                }
            };
            context.conclude(job, Source::Query, claim, &subject.dossier, settle).await
        }
        Told::Nothing { why, retry_after_ms } => {
            // An unanswered question does not count: the same step again.
            let delay = context.desk.plans.unknown.delay_or_last_ms(UNANSWERED_STEP).max(retry_after_ms.unwrap_or(0));
            Ok(Outcome::Again { due_at: context.now().plus_ms(delay), step: job.claimed.step, why })
        }
    }
}

/// The watch is over: nothing is due for the leg any more.
async fn rest(context: &JobContext, job: &Running, subject: &LegSubject) -> Result<Outcome, JobError> {
    let change = Change {
        orders: vec![subject.dossier.order.clone()],
        legs: vec![Leg { due_at: None, ..subject.leg.clone() }],
        settle: Some(job.settle(Settlement::Done)),
        may_be_lost: true,
        ..Change::default()
    };
    match context.desk.gatherer.commit(change).await? {
        Answer::Committed => Ok(Outcome::Settled),
        Answer::Fenced => Ok(Outcome::Fenced),
        // Something was observed meanwhile: look again at once.
        Answer::Stale | Answer::Duplicate => {
            let why = "changed while its success was checked".to_owned();
            Ok(Outcome::Again { due_at: context.now(), step: job.claimed.step, why })
        }
    }
}
