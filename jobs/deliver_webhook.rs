//! Tells a merchant endpoint what happened. Subject: a delivery. The body and the id are the same on
//! every attempt. Must never let one endpoint's trouble reach another: limits and breakers are per
//! endpoint, and a failed attempt goes back to the queue.

use bursar_channels::merchant::DeliveryOutcome;
use bursar_core::id::DeliveryId;
use bursar_store::change::DeliveryAttempt;
use bursar_store::{Answer, Change, Settlement};

use crate::JobContext;
use crate::observe::{JobError, Outcome, Running};

/// Runs it.
///
/// # Errors
/// When our own side failed.
pub async fn run(context: &JobContext, job: &Running) -> Result<Outcome, JobError> {
    let Some(delivery) = context.desk.gatherer.delivery(job.claimed.key.subject).await? else {
        return Ok(Outcome::Done);
    };
    if delivery.delivered_at.is_some() || delivery.given_up_at.is_some() {
        return Ok(Outcome::Done);
    }
    let Some(endpoint_id) = delivery.endpoint else { return Ok(Outcome::Done) };
    let entries = context.entries().await?;
    let endpoint = entries.endpoint.get(&endpoint_id).filter(|e| e.enabled);
    let error = match endpoint {
        None => Some(("the endpoint is disabled".to_owned(), true)),
        Some(endpoint) => {
            let sent =
                context.merchants.deliver(endpoint, &delivery.id.to_string(), &delivery.body, context.now()).await;
            match sent {
                DeliveryOutcome::Delivered => None,
                DeliveryOutcome::Failed { why, gone } => Some((why, gone)),
            }
        }
    };
    let step = job.claimed.step.saturating_add(1);
    let next = context.desk.plans.webhook.delay_ms(step);
    let given_up = error.as_ref().is_some_and(|(_, gone)| *gone || next.is_none());
    let how = match (&error, next) {
        (Some((why, false)), Some(delay)) => {
            Settlement::Again { due_at: context.now().plus_ms(delay), step, why: why.clone() }
        }
        _ => Settlement::Done,
    };
    let attempt = DeliveryAttempt {
        id: DeliveryId(job.claimed.key.subject),
        at: context.now(),
        error: error.map(|(why, _)| why),
        given_up,
    };
    // Losing the mark of a delivery in a crash costs a second delivery with the same id.
    let change = Change {
        delivery_attempts: vec![attempt],
        settle: Some(job.settle(how)),
        may_be_lost: true,
        ..Change::default()
    };
    Ok(match context.desk.gatherer.commit(change).await? {
        Answer::Fenced => Outcome::Fenced,
        Answer::Committed | Answer::Stale | Answer::Duplicate => Outcome::Settled,
    })
}
