//! Takes what is held on a payer's card. Subject: a payment whose capture was asked for. Must never ask for
//! a capture that nobody wants, and never believe a no that a query does not confirm.

use bursar_channels::Outcome as Answer;
use bursar_core::observation::Source;
use bursar_core::order::Dossier;
use bursar_core::payment::PaymentState;
use bursar_store::Settlement;

use crate::JobContext;
use crate::ask::{Told, ask, claim};
use crate::observe::{JobError, Outcome, Running};

/// Runs it.
///
/// # Errors
/// When our own side failed.
pub async fn run(context: &JobContext, job: &Running) -> Result<Outcome, JobError> {
    let Some(subject) = context.subject(job.payment()).await? else { return Ok(Outcome::Done) };
    if subject.payment.state != PaymentState::Capturing {
        return Ok(Outcome::Done);
    }
    let (source, told, why) = match subject.channel.capture(&subject.payment).await {
        Answer::Done(standing) => (Source::Capture, Told::Claim(claim(standing)), "not taken yet".to_owned()),
        // Both may follow a capture that took effect: a query tells.
        Answer::Refused(refusal) => (Source::Query, ask(&subject).await, format!("capture refused: {refusal}")),
        Answer::Unknown(why) => (Source::Query, ask(&subject).await, format!("capture: {why}")),
    };
    let step = job.claimed.step.saturating_add(1);
    let delay_ms = context.desk.plans.unknown.delay_or_last_ms(job.claimed.step);
    let retry_after_ms = if let Told::Nothing { retry_after_ms, .. } = &told { *retry_after_ms } else { None };
    let due_at = context.now().plus_ms(delay_ms.max(retry_after_ms.unwrap_or(0)));
    match told {
        Told::Claim(claim) => {
            context
                .conclude(job, source, claim, &subject.dossier, move |after: &Dossier| {
                    let waits =
                        after.payments.iter().any(|p| p.id == job.payment() && p.state == PaymentState::Capturing);
                    if waits { Settlement::Again { due_at, step, why: why.clone() } } else { Settlement::Done }
                })
                .await
        }
        Told::Nothing { .. } => Ok(Outcome::Again { due_at, step, why }),
    }
}
