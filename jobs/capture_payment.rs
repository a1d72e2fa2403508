//! Takes what is held for a payer; when he has paid by another way meanwhile, lets it go. Subject: a payment whose capture
//! was asked for. Must never ask for a capture that nobody wants, and never believe a no that a query does not confirm.

use bursar_channels::{Closed, Outcome as Answer};
use bursar_core::Timestamp;
use bursar_core::observation::Source;
use bursar_core::order::{Dossier, OrderState};
use bursar_core::payment::PaymentState;
use bursar_store::Settlement;

use crate::JobContext;
use crate::ask::{Told, ask, claim};
use crate::context::Subject;
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
    let (source, told, why) = match paid_elsewhere(&subject) {
        Some(at) => let_go(&subject, at).await,
        None => take(&subject, &context.notify_url(&subject.payment)).await,
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

async fn take(subject: &Subject, notify_url: &str) -> (Source, Told, String) {
    match subject.channel.capture(&subject.payment, notify_url).await {
        Answer::Done(standing) => (Source::Capture, Told::Claim(claim(standing)), "not taken yet".to_owned()),
        // Both may follow a capture that took effect: a query tells.
        Answer::Refused(refusal) => (Source::Query, ask(subject).await, format!("capture refused: {refusal}")),
        Answer::Unknown(why) => (Source::Query, ask(subject).await, format!("capture: {why}")),
    }
}

/// When the order of what is held was paid by another way. What is collected now would be too much.
fn paid_elsewhere(subject: &Subject) -> Option<Timestamp> {
    let (id, order) = (subject.payment.id, subject.order());
    let others = subject.dossier.payments.iter().filter(|p| p.id != id && p.state == PaymentState::Captured);
    others.filter_map(|p| p.evidence.paid_at()).max().filter(|_| order.state == OrderState::Paid)
}

/// The channel hears that nothing is to be collected any more; what has become of that, a query tells.
async fn let_go(subject: &Subject, paid_at: Timestamp) -> (Source, Told, String) {
    let why = match subject.channel.paid_elsewhere(&subject.payment, paid_at).await {
        Answer::Done(Closed::Accepted | Closed::Absent) => "paid by another way; not let go when last asked".to_owned(),
        Answer::Done(Closed::AlreadyPaid) => "paid by another way and by this one".to_owned(),
        Answer::Done(Closed::TooEarly | Closed::NotPossible) => {
            "paid by another way; the channel cannot let go yet".to_owned()
        }
        Answer::Refused(refusal) => format!("paid by another way, refused: {refusal}"),
        Answer::Unknown(why) => format!("paid by another way: {why}"),
    };
    (Source::Query, ask(subject).await, why)
}
