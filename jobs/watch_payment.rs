//! Keeps an eye on a payment that ended unpaid, for as long as the channel may still send something.
//! Subject: a payment that is closed or declined. Must never reopen anything: late money goes the way
//! that the machine decides.

use bursar_channels::Outcome as Answer;
use bursar_core::observation::{Claim, Source};
use bursar_core::order::Dossier;
use bursar_core::payment::{Payment, PaymentState};
use bursar_store::{Answer as Written, Change, Settlement};

use crate::JobContext;
use crate::ask::{Told, ask};
use crate::context::Subject;
use crate::observe::{JobError, Outcome, Running};

/// Runs it.
///
/// # Errors
/// When our own side failed.
pub async fn run(context: &JobContext, job: &Running) -> Result<Outcome, JobError> {
    let Some(subject) = context.subject(job.payment()).await? else { return Ok(Outcome::Done) };
    if !subject.payment.state.ended_unpaid() {
        return Ok(Outcome::Done);
    }
    let step = job.claimed.step.saturating_add(1);
    let plan = &context.desk.plans.watch;
    match ask(&subject).await {
        // A card's amount is held although the channel had said that all is over: it is let go, and asked again.
        Told::Claim(Claim::Authorized(_)) if subject.payment.state == PaymentState::Closed => {
            let why = match subject.channel.close(&subject.payment).await {
                Answer::Done(how) => format!("held after its end; letting it go: {how:?}"),
                Answer::Refused(refusal) => format!("held after its end; letting it go is refused: {refusal}"),
                Answer::Unknown(why) => format!("held after its end; letting it go: {why}"),
            };
            let delay = plan.delay_ms(step).unwrap_or_else(|| plan.delay_or_last_ms(0));
            Ok(Outcome::Again { due_at: context.now().plus_ms(delay), step: job.claimed.step, why })
        }
        Told::Claim(claim @ (Claim::Paid(_) | Claim::Authorized(_))) => {
            context.conclude(job, Source::Query, claim, &subject.dossier, |_: &Dossier| Settlement::Done).await
        }
        // Declined, and now the channel has it: a call that was thought lost arrived after all (its process
        // stood still in between). It must not stay payable: the machine has it closed.
        // A payer who failed once may try again: that, too, says that the channel has it.
        Told::Claim(Claim::Unpaid | Claim::AttemptFailed { .. }) if subject.payment.state == PaymentState::Declined => {
            context.conclude(job, Source::Query, Claim::Unpaid, &subject.dossier, |_: &Dossier| Settlement::Done).await
        }
        Told::Claim(_) => match plan.delay_ms(step) {
            Some(delay) => {
                Ok(Outcome::Again { due_at: context.now().plus_ms(delay), step, why: "still unpaid".to_owned() })
            }
            None => rest(context, job, &subject).await,
        },
        Told::Nothing { why, retry_after_ms } => {
            // An unanswered question does not count: the same step again.
            let delay = context.desk.plans.unknown.delay_or_last_ms(4).max(retry_after_ms.unwrap_or(0));
            Ok(Outcome::Again { due_at: context.now().plus_ms(delay), step: job.claimed.step, why })
        }
    }
}

/// The watch is over: nothing is due for the payment any more.
async fn rest(context: &JobContext, job: &Running, subject: &Subject) -> Result<Outcome, JobError> {
    let change = Change {
        payments: vec![Payment { due_at: None, ..subject.payment.clone() }],
        settle: Some(job.settle(Settlement::Done)),
        may_be_lost: true,
        ..Change::default()
    };
    match context.desk.gatherer.commit(change).await? {
        Written::Committed => Ok(Outcome::Settled),
        Written::Fenced => Ok(Outcome::Fenced),
        // Something was observed meanwhile: look again at once.
        Written::Stale | Written::Duplicate => {
            let why = "changed while the watch ended".to_owned();
            Ok(Outcome::Again { due_at: context.now(), step: job.claimed.step, why })
        }
    }
}
