//! Ends an order whose payer did not choose a way to pay in time. Subject: an order that offers several.
//! Must never end one that waits for money of which nobody can be asked, or that is held and not taken yet, or
//! one whose money the bank took back: a person says what becomes of it.

use bursar_core::decide::expired;
use bursar_core::id::OrderId;
use bursar_core::observation::Subject;
use bursar_core::payment::{Payment, PaymentState};
use bursar_store::Settlement;
use bursar_store::desk::{Run, Taken};

use crate::JobContext;
use crate::observe::{JobError, Outcome, Running, done};

/// How long an overdue order waits until it is looked at again, in milliseconds.
const LOOK_AGAIN_MS: i64 = bursar_core::clock::HOUR_MS;

/// Whether being overdue does not end the order.
fn waits(payment: &Payment) -> bool {
    let held =
        matches!(payment.state, PaymentState::Authorized | PaymentState::Capturing | PaymentState::CaptureReversed);
    held || payment.waits_by_hand()
}

/// Runs it.
///
/// # Errors
/// When our own side failed.
pub async fn run(context: &JobContext, job: &Running) -> Result<Outcome, JobError> {
    let id = OrderId(job.claimed.key.subject);
    let Some(dossier) = context.desk.dossier_of(Subject::Order(id)).await? else { return Ok(Outcome::Done) };
    if dossier.order.state.is_final() {
        return Ok(Outcome::Done);
    }
    let (now, step) = (context.now(), job.claimed.step);
    let again = |due_at, why: &str| Ok(Outcome::Again { due_at, step, why: why.to_owned() });
    if now < dossier.order.expires_at {
        return again(dossier.order.expires_at, "the payer may still choose");
    }
    if dossier.payments.iter().any(waits) {
        return again(now.plus_ms(LOOK_AGAIN_MS), "overdue: it waits for money by hand, held money, or a person");
    }
    let run = Run { settle: job.settle(Settlement::Done) };
    let observation = expired(now);
    Ok(match context.desk.observe(Subject::Order(id), &observation, Some(&run), Some(&dossier), done).await? {
        Taken::Written(_) => Outcome::Settled,
        Taken::Fenced | Taken::Duplicate => Outcome::Fenced,
        Taken::NoSuchSubject => Outcome::Done,
    })
}
