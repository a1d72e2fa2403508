//! The close protocol, durable step by step: query; when old enough, close; query again; only a query
//! *after* an accepted close ends the payment unpaid. Subject: a payment that is closing. Must never
//! believe a close call alone: the payer may have paid in that instant.

use bursar_channels::{Closed, Outcome as Answer};
use bursar_core::Timestamp;
use bursar_core::observation::{Claim, Source};
use bursar_core::order::Dossier;
use bursar_core::payment::PaymentState;
use bursar_store::Settlement;

use crate::JobContext;
use crate::ask::{Told, ask};
use crate::context::Subject;
use crate::observe::{JobError, Outcome, Running};

/// Runs it.
///
/// # Errors
/// When our own side failed.
pub async fn run(context: &JobContext, job: &Running) -> Result<Outcome, JobError> {
    let Some(mut subject) = context.subject(job.payment()).await? else { return Ok(Outcome::Done) };
    if subject.payment.state != PaymentState::Closing {
        return Ok(Outcome::Done);
    }
    if subject.payment.evidence.close_accepted_at.is_none() {
        match before_close(context, job, &mut subject).await? {
            Step::Close => {}
            Step::Stop(outcome) => return Ok(outcome),
        }
        match call_close(context, job, &mut subject).await? {
            Step::Close => {}
            Step::Stop(outcome) => return Ok(outcome),
        }
    }
    match look(context, &subject).await {
        Told::Claim(claim) => {
            let accepted =
                subject.dossier.payment(job.payment()).is_some_and(|p| p.evidence.close_accepted_at.is_some());
            let claim = if accepted { after_close(claim) } else { claim };
            conclude(context, job, &subject, claim).await
        }
        Told::Nothing { why, retry_after_ms } => {
            Ok(until_lapse(context, &subject, again(context, job, why, retry_after_ms)))
        }
    }
}

/// Asks, and says so when the answer ends what cannot be closed: after the last moment to pay that the
/// channel was told, and its grace, nobody can pay any more.
async fn look(context: &JobContext, subject: &Subject) -> Told {
    let asked_at = context.now();
    let lapsed = lapses_at(subject).is_some_and(|at| asked_at >= at);
    match ask(subject).await {
        Told::Claim(Claim::Unpaid | Claim::Absent | Claim::AttemptFailed { .. } | Claim::Declined { .. }) if lapsed => {
            Told::Claim(Claim::Lapsed)
        }
        told => told,
    }
}

/// When the channel itself ends the payment, if it does. The last moment to pay says nothing of a payer who has agreed
/// before it: what is held for him is held until it is let go.
fn lapses_at(subject: &Subject) -> Option<Timestamp> {
    let held = subject.payment.evidence.authorized.is_some();
    subject.facts.lapse_ms.filter(|_| !held).map(|ms| subject.order().expires_at.plus_ms(ms))
}

/// What a query tells that was sent after the channel accepted the close.
fn after_close(claim: Claim) -> Claim {
    match claim {
        Claim::Unpaid | Claim::AttemptFailed { .. } | Claim::Declined { .. } => Claim::UnpaidAfterClose,
        other => other,
    }
}

enum Step {
    /// The way is free.
    Close,
    /// The run is over.
    Stop(Outcome),
}

/// Step 2 and 3: the channel is asked first, and a young payment waits.
async fn before_close(context: &JobContext, job: &Running, subject: &mut Subject) -> Result<Step, JobError> {
    match look(context, subject).await {
        // A charge that was declined is closed as well: nobody tries its number again.
        Told::Claim(claim @ (Claim::Unpaid | Claim::Declined { .. })) => {
            let Some(dossier) = context.note(job, Source::Query, claim, &subject.dossier).await? else {
                return Ok(Step::Stop(Outcome::Fenced));
            };
            subject.dossier = dossier;
        }
        Told::Claim(Claim::AttemptFailed { .. } | Claim::Authorized(_)) => {}
        Told::Claim(claim) => return Ok(Step::Stop(conclude(context, job, subject, claim).await?)),
        Told::Nothing { why, retry_after_ms } => {
            let outcome = again(context, job, why, retry_after_ms);
            return Ok(Step::Stop(until_lapse(context, subject, outcome)));
        }
    }
    let sent_at = subject.payment.evidence.sent_at.unwrap_or(subject.payment.created_at);
    let earliest = sent_at.plus_ms(subject.facts.min_close_age_ms);
    if context.now() < earliest {
        let why = "younger than the channel lets us close".to_owned();
        return Ok(Step::Stop(Outcome::Again { due_at: earliest, step: job.claimed.step, why }));
    }
    Ok(Step::Close)
}

/// Step 4: the close call; its "yes" is written down before anything else.
async fn call_close(context: &JobContext, job: &Running, subject: &mut Subject) -> Result<Step, JobError> {
    match subject.channel.close(&subject.payment).await {
        Answer::Done(Closed::Accepted) => {
            let noted = context.note(job, Source::Close, Claim::CloseAccepted, &subject.dossier).await?;
            let Some(dossier) = noted else { return Ok(Step::Stop(Outcome::Fenced)) };
            subject.dossier = dossier;
            Ok(Step::Close)
        }
        // "Already paid" and "no such number" are for the query that follows to prove.
        Answer::Done(Closed::AlreadyPaid | Closed::Absent) => Ok(Step::Close),
        Answer::Done(Closed::NotPossible) => {
            Ok(Step::Stop(wait_for_lapse(context, job, subject, "the channel cannot close it")))
        }
        Answer::Done(Closed::TooEarly) => {
            Ok(Step::Stop(again(context, job, "the channel says it is too early to close".to_owned(), None)))
        }
        Answer::Refused(refusal) => Ok(Step::Stop(again(context, job, format!("close refused: {refusal}"), None))),
        Answer::Unknown(why) => Ok(Step::Stop(again(context, job, format!("close: {why}"), why.retry_after_ms))),
    }
}

/// Until the channel ends it by itself, the payer may still pay: it is asked by the plan, and at that moment.
fn wait_for_lapse(context: &JobContext, job: &Running, subject: &Subject, why: &str) -> Outcome {
    until_lapse(context, subject, again(context, job, why.to_owned(), None))
}

/// `outcome`, but not beyond that moment. From then on the plan begins anew: what was answered before was no
/// failure, and an answer that is not clear then must not wait as if it were the last of many.
fn until_lapse(context: &JobContext, subject: &Subject, outcome: Outcome) -> Outcome {
    match (outcome, lapses_at(subject)) {
        (Outcome::Again { due_at, why, .. }, Some(at)) if at > context.now() && due_at >= at => {
            Outcome::Again { due_at: at, step: 0, why }
        }
        (outcome, _) => outcome,
    }
}

/// Writes what the query told; while it leaves the payment closing, the protocol starts over.
async fn conclude(context: &JobContext, job: &Running, subject: &Subject, claim: Claim) -> Result<Outcome, JobError> {
    let retry = wait_for_lapse(context, job, subject, "not closed yet when last asked");
    context
        .conclude(job, Source::Query, claim, &subject.dossier, move |after: &Dossier| {
            let closing = after.payments.iter().any(|p| p.id == job.payment() && p.state == PaymentState::Closing);
            match &retry {
                Outcome::Again { due_at, step, why } if closing => {
                    Settlement::Again { due_at: *due_at, step: *step, why: why.clone() }
                }
                _ => Settlement::Done,
            }
        })
        .await
}

fn again(context: &JobContext, job: &Running, why: String, retry_after_ms: Option<i64>) -> Outcome {
    let delay = context.desk.plans.close.delay_or_last_ms(job.claimed.step).max(retry_after_ms.unwrap_or(0));
    Outcome::Again { due_at: context.now().plus_ms(delay), step: job.claimed.step.saturating_add(1), why }
}
