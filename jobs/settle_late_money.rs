//! Gives late money back that nobody claimed in time. Subject: a payment captured for a closed order, whose
//! merchant wanted to be asked. Must never answer before the deadline.

use bursar_core::observation::{Claim, Source};
use bursar_core::payment::PaymentState;

use crate::JobContext;
use crate::observe::{JobError, Outcome, Running, done};

/// Runs it.
///
/// # Errors
/// When our own side failed.
pub async fn run(context: &JobContext, job: &Running) -> Result<Outcome, JobError> {
    let Some(subject) = context.subject(job.payment()).await? else { return Ok(Outcome::Done) };
    let payment = &subject.payment;
    let Some(deadline) = payment.due_at.filter(|_| payment.state == PaymentState::Captured) else {
        return Ok(Outcome::Done);
    };
    if context.now() < deadline {
        let why = "the question still stands".to_owned();
        return Ok(Outcome::Again { due_at: deadline, step: job.claimed.step, why });
    }
    let claim = Claim::LateMoneyAnswered { keep: false, by: "deadline".to_owned() };
    context.conclude(job, Source::Clock, claim, &subject.dossier, done).await
}
