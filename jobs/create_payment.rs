//! Makes a payment payable. Subject: a payment. The payment's number was committed when its order was
//! taken; this job commits "about to send" before each call, so that a crash leaves a trace, and must
//! never call again while an earlier call may have arrived.

use bursar_channels::{CreateRequest, Outcome as Answer, RefusalClass};
use bursar_core::Timestamp;
use bursar_core::agreement::Agreement;
use bursar_core::billing::step::{self, LastLook};
use bursar_core::decide::expired;
use bursar_core::decline::Decline;
use bursar_core::observation::{Claim, PayCode, Source};
use bursar_core::order::Dossier;
use bursar_core::payment::PaymentState;
use bursar_store::{Extent, Settlement};

use crate::JobContext;
use crate::ask::{Told, ask};
use crate::context::Subject;
use crate::observe::{JobError, Outcome, Running, done};

/// Runs it.
///
/// # Errors
/// When our own side failed.
pub async fn run(context: &JobContext, job: &Running) -> Result<Outcome, JobError> {
    let Some(mut subject) = context.subject(job.payment()).await? else { return Ok(Outcome::Done) };
    let now = context.now();
    let fetch_code = match subject.payment.state {
        PaymentState::New => false,
        PaymentState::Sending if subject.payment.evidence.never_arrived(subject.facts) => false,
        PaymentState::Sending => {
            let claim = Claim::NoAnswer { why: "the process ended during the call".to_owned() };
            return context.conclude(job, Source::Sweep, claim, &subject.dossier, done).await;
        }
        // A charge through an agreement gives no code: the channel is only asked.
        PaymentState::AwaitingPayer if subject.payment.method.debits() => return Ok(Outcome::Done),
        PaymentState::AwaitingPayer if subject.payment.evidence.code().is_none() => true,
        _ => return Ok(Outcome::Done),
    };
    if now >= subject.order().expires_at {
        return context.conclude(job, Source::Clock, expired(now).claim, &subject.dossier, done).await;
    }
    let agreement = match last_look(context, &subject).await? {
        Look::Go(agreement) => agreement.map(|a| *a),
        Look::Later(due_at) => {
            return Ok(Outcome::Again { due_at, step: job.claimed.step, why: "outside the allowed hours".to_owned() });
        }
        Look::Never(reason) => {
            let claim = Claim::CloseRequested { reason };
            return context.conclude(job, Source::Clock, claim, &subject.dossier, done).await;
        }
    };
    let Some(dossier) = context.note(job, Source::Intent, Claim::Sending, &subject.dossier).await? else {
        return Ok(Outcome::Fenced);
    };
    subject.dossier = dossier;
    let notify_url = context.notify_url(&subject.payment);
    let request = CreateRequest {
        order: &subject.dossier.order,
        payment: &subject.payment,
        agreement: agreement.as_ref(),
        notify_url: &notify_url,
    };
    let answer = subject.channel.create(&request).await;
    if let Answer::Done(code) = answer {
        return context.conclude(job, Source::Create, Claim::Accepted { code }, &subject.dossier, done).await;
    }
    if fetch_code {
        look_again(context, job, &subject, answer).await
    } else {
        first_call(context, job, &subject, answer).await
    }
}

/// Whether the call may leave.
enum Look {
    /// It may, by this agreement when the payer is charged.
    Go(Option<Box<Agreement>>),
    /// Not before this.
    Later(Timestamp),
    /// Not any more, and why.
    Never(String),
}

/// The last look before a charge through an agreement: since it was decided the night may have come, the plan been
/// paused, the agreement ended.
async fn last_look(context: &JobContext, subject: &Subject) -> Result<Look, JobError> {
    let Some(id) = subject.payment.agreement else { return Ok(Look::Go(None)) };
    let store = context.desk.gatherer.store();
    let Some(agreement) = store.agreement(id).await? else {
        return Ok(Look::Never("its agreement is gone".to_owned()));
    };
    let now = context.now();
    let Some(installment) = subject.order().installment else {
        return Ok(match agreement.can_be_charged(now) {
            true => Look::Go(Some(Box::new(agreement))),
            false => Look::Never(format!("the agreement is {}", agreement.state.name())),
        });
    };
    let Some(file) = store.plan(installment.plan, Extent::Open).await? else {
        return Ok(Look::Never("its plan is gone".to_owned()));
    };
    Ok(match step::last_look(&file, installment.seq, &agreement, now) {
        LastLook::Go => Look::Go(Some(Box::new(agreement))),
        LastLook::Later(at) => Look::Later(at),
        LastLook::Never(why) => Look::Never(why),
    })
}

/// The channel had never confirmed the number before this call.
async fn first_call(
    context: &JobContext,
    job: &Running,
    subject: &Subject,
    answer: Answer<PayCode>,
) -> Result<Outcome, JobError> {
    let claim = match answer {
        Answer::Done(code) => Claim::Accepted { code },
        // The number is known at the channel, or money may have moved: only a query can tell.
        Answer::Refused(refusal) if !refusal.class.rules_out_money() => Claim::NoAnswer { why: refusal.to_string() },
        // Our own set-up is wrong (a key, a clock): nothing happened, and the payer can still pay once
        // it is mended before the order expires.
        Answer::Refused(refusal) if refusal.class == RefusalClass::Configuration => {
            return not_sent(context, job, subject, refusal.to_string(), None).await;
        }
        Answer::Refused(refusal) => match refusal.class {
            RefusalClass::Declined(class) => {
                Claim::Declined { decline: Decline { class, reason: refusal.to_string() }, ended: true }
            }
            _ => Claim::Refused { reason: refusal.to_string() },
        },
        Answer::Unknown(why) if why.not_sent => {
            return not_sent(context, job, subject, why.to_string(), why.retry_after_ms).await;
        }
        Answer::Unknown(why) => Claim::NoAnswer { why: why.to_string() },
    };
    context.conclude(job, Source::Create, claim, &subject.dossier, done).await
}

/// The call had no effect: the same call later is lawful.
async fn not_sent(
    context: &JobContext,
    job: &Running,
    subject: &Subject,
    why: String,
    retry_after_ms: Option<i64>,
) -> Result<Outcome, JobError> {
    let again = again(context, job, &why, retry_after_ms);
    let claim = Claim::NotSent { why };
    context
        .conclude(job, Source::Create, claim, &subject.dossier, move |after: &Dossier| {
            // Closed meanwhile: nothing was ever there, and nothing is left to do.
            let open = after.payments.iter().any(|p| p.id == job.payment() && p.state == PaymentState::New);
            if open { again.clone() } else { Settlement::Done }
        })
        .await
}

/// The channel has the number, but its code was lost with an answer, and this call did not give it
/// either: ask where it stands (it may be paid or closed by now).
async fn look_again(
    context: &JobContext,
    job: &Running,
    subject: &Subject,
    answer: Answer<PayCode>,
) -> Result<Outcome, JobError> {
    let (why, retry_after_ms) = match answer {
        Answer::Done(_) => (String::new(), None),
        Answer::Refused(refusal) => (refusal.to_string(), None),
        Answer::Unknown(why) => (why.to_string(), why.retry_after_ms),
    };
    let again = again(context, job, &why, retry_after_ms);
    match ask(subject).await {
        Told::Claim(claim) => {
            context
                .conclude(job, Source::Query, claim, &subject.dossier, move |after: &Dossier| {
                    let waits =
                        after.payments.iter().any(|p| p.id == job.payment() && p.state == PaymentState::AwaitingPayer);
                    if waits { again.clone() } else { Settlement::Done }
                })
                .await
        }
        Told::Nothing { .. } => match again {
            Settlement::Again { due_at, step, why } => Ok(Outcome::Again { due_at, step, why }),
            _ => Ok(Outcome::Done),
        },
    }
}

fn again(context: &JobContext, job: &Running, why: &str, retry_after_ms: Option<i64>) -> Settlement {
    let step = job.claimed.step.saturating_add(1);
    let delay = context.desk.plans.unknown.delay_or_last_ms(job.claimed.step).max(retry_after_ms.unwrap_or(0));
    Settlement::Again { due_at: context.now().plus_ms(delay), step, why: why.to_owned() }
}
