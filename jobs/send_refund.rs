//! Sends a leg of a refund to its channel. Subject: a leg that is set aside, short of funds, or to go the
//! second way. "About to send" is committed before each call, and every call has the leg's one number:
//! must never invent another one, and never believe that a call without an answer had no effect.

use bursar_channels::{Outcome as Answer, RefundRequest, RefundStanding, Refusal, RefusalClass};
use bursar_core::Timestamp;
use bursar_core::observation::{Claim, Source};
use bursar_core::order::Dossier;
use bursar_core::refund::{LegState, RefundClaim, earliest_call};
use bursar_store::Settlement;

use crate::JobContext;
use crate::ask::{Told, ask_refund, refund_claim};
use crate::context::LegSubject;
use crate::observe::{JobError, Outcome, Running, done};
use crate::share_payment;

/// Runs it.
///
/// # Errors
/// When our own side failed.
pub async fn run(context: &JobContext, job: &Running) -> Result<Outcome, JobError> {
    let Some(mut subject) = context.leg(job.leg()).await? else { return Ok(Outcome::Done) };
    if !subject.refund.state.may_send() {
        return Ok(Outcome::Done);
    }
    match subject.leg.state {
        LegState::Reserved | LegState::WaitingFunds => send(context, job, &mut subject).await,
        LegState::SecondWay => second_way(context, job, &mut subject).await,
        LegState::Sending => {
            let claim = RefundClaim::NoAnswer { why: "the process ended during the call".to_owned() };
            context.conclude(job, Source::Sweep, Claim::Refund(claim), &subject.dossier, done).await
        }
        _ => Ok(Outcome::Done),
    }
}

/// Whether the same call may be taken later.
const fn not_for_good(class: RefusalClass) -> bool {
    matches!(class, RefusalClass::NoFunds | RefusalClass::TooSoon | RefusalClass::Configuration)
}

async fn send(context: &JobContext, job: &Running, subject: &mut LegSubject) -> Result<Outcome, JobError> {
    let (now, limits) = (context.now(), subject.facts.refund);
    let earliest = earliest_call(&subject.dossier, &subject.payment, Some(&subject.leg), limits, now);
    if earliest > now {
        let why = "the channel wants time between two refunds of one payment".to_owned();
        return Ok(Outcome::Again { due_at: earliest, step: job.claimed.step, why });
    }
    if let Some(wait) = share_payment::before_refund(context, job, subject).await? {
        return Ok(wait);
    }
    let noted = context.note(job, Source::Intent, Claim::Refund(RefundClaim::Sending), &subject.dossier).await?;
    let Some(dossier) = noted else { return Ok(Outcome::Fenced) };
    // Dropped, or refused by a second person, while we looked away.
    if subject.renewed(dossier).is_none() || subject.leg.state != LegState::Sending {
        return Ok(Outcome::Done);
    }
    let notify_url = context.notify_url(&subject.payment);
    let answer = subject.channel.refund(&request(subject, &notify_url)).await;
    let claim = match answer {
        Answer::Done(RefundStanding::Absent) => {
            RefundClaim::NoAnswer { why: "the channel answered as if to a question".to_owned() }
        }
        Answer::Done(standing) => refund_claim(standing, subject.leg.state, &subject.leg.evidence),
        Answer::Refused(refusal) => return refused(context, job, subject, refusal).await,
        Answer::Unknown(why) if why.not_sent => {
            return not_sent(context, job, subject, why.to_string(), why.retry_after_ms).await;
        }
        Answer::Unknown(why) => RefundClaim::NoAnswer { why: why.to_string() },
    };
    context.conclude(job, Source::Refund, Claim::Refund(claim), &subject.dossier, done).await
}

fn request<'a>(subject: &'a LegSubject, notify_url: &'a str) -> RefundRequest<'a> {
    RefundRequest { payment: &subject.payment, leg: &subject.leg, reason: &subject.refund.reason, notify_url }
}

async fn refused(
    context: &JobContext,
    job: &Running,
    subject: &LegSubject,
    refusal: Refusal,
) -> Result<Outcome, JobError> {
    let claim = match refusal.class {
        RefusalClass::NoFunds => return no_funds(context, job, subject, refusal).await,
        RefusalClass::TooSoon => {
            let spacing = subject.facts.refund.spacing_ms;
            return not_sent(context, job, subject, refusal.to_string(), Some(spacing)).await;
        }
        // Our own set-up is wrong (a key, a permission): nothing happened, and it can be mended.
        RefusalClass::Configuration => return not_sent(context, job, subject, refusal.to_string(), None).await,
        class if !class.rules_out_money() => RefundClaim::NoAnswer { why: refusal.to_string() },
        // An earlier call without an answer may still show: a no counts only when it would have. That *this*
        // call had no effect is certain: it must not begin the wait anew.
        _ if lately(context, subject, subject.leg.evidence.no_answer_at) => {
            let propagation = subject.facts.propagation_ms;
            return not_sent(context, job, subject, refusal.to_string(), Some(propagation)).await;
        }
        _ => RefundClaim::Refused { reason: refusal.to_string() },
    };
    context.conclude(job, Source::Refund, Claim::Refund(claim), &subject.dossier, done).await
}

/// Whether `at` is so short ago that its effect may not show at the channel yet.
fn lately(context: &JobContext, subject: &LegSubject, at: Option<Timestamp>) -> bool {
    at.is_some_and(|at| context.now() < at.plus_ms(subject.facts.propagation_ms))
}

/// The merchant has to top up; until then the same call at intervals.
async fn no_funds(
    context: &JobContext,
    job: &Running,
    subject: &LegSubject,
    refusal: Refusal,
) -> Result<Outcome, JobError> {
    tracing::warn!(leg = %subject.leg.id, merchant = %subject.refund.merchant, "not enough funds at the channel to refund");
    let plan = &context.desk.plans.refund_funds;
    let why = refusal.to_string();
    let again = Outcome::Again {
        due_at: context.now().plus_ms(plan.delay_or_last_ms(job.claimed.step)),
        step: job.claimed.step.saturating_add(1),
        why: why.clone(),
    };
    let claim = RefundClaim::NoFunds { reason: why };
    conclude_or(context, job, subject, claim, LegState::WaitingFunds, again).await
}

/// The call had no effect: the same call later.
async fn not_sent(
    context: &JobContext,
    job: &Running,
    subject: &LegSubject,
    why: String,
    retry_after_ms: Option<i64>,
) -> Result<Outcome, JobError> {
    let again = again(context, job, why.clone(), retry_after_ms);
    conclude_or(context, job, subject, RefundClaim::NotSent { why }, LegState::Reserved, again).await
}

/// Writes `claim`; goes on with `again` while that leaves the leg in `state`.
async fn conclude_or(
    context: &JobContext,
    job: &Running,
    subject: &LegSubject,
    claim: RefundClaim,
    state: LegState,
    again: Outcome,
) -> Result<Outcome, JobError> {
    let id = subject.leg.id;
    let settle = move |after: &Dossier| match &again {
        Outcome::Again { due_at, step, why } if after.leg(id).is_some_and(|(_, l)| l.state == state) => {
            Settlement::Again { due_at: *due_at, step: *step, why: why.clone() }
        }
        _ => Settlement::Done,
    };
    context.conclude(job, Source::Refund, Claim::Refund(claim), &subject.dossier, settle).await
}

fn again(context: &JobContext, job: &Running, why: String, retry_after_ms: Option<i64>) -> Outcome {
    let delay = context.desk.plans.unknown.delay_or_last_ms(job.claimed.step).max(retry_after_ms.unwrap_or(0));
    Outcome::Again { due_at: context.now().plus_ms(delay), step: job.claimed.step.saturating_add(1), why }
}

/// The payer's bank sent the money back: the channel pays it to the account that he named. The channel takes
/// this on once; whether it has is asked, not guessed.
async fn second_way(context: &JobContext, job: &Running, subject: &mut LegSubject) -> Result<Outcome, JobError> {
    let (Some(payee), Some(refund_id)) = (subject.refund.payee.clone(), subject.leg.evidence.refund_id.clone()) else {
        let claim = RefundClaim::SecondFailed { reason: "no account of the payer is known".to_owned() };
        return context.conclude(job, Source::Rule, Claim::Refund(claim), &subject.dossier, done).await;
    };
    let earlier = subject.leg.evidence.second_sent_at;
    if earlier.is_some() {
        match ask_refund(subject).await {
            Told::Claim(Claim::Refund(RefundClaim::Abnormal { .. })) => {}
            Told::Claim(claim) => return context.conclude(job, Source::Query, claim, &subject.dossier, done).await,
            Told::Nothing { why, retry_after_ms } => return Ok(again(context, job, why, retry_after_ms)),
        }
    }
    let noted = context.note(job, Source::Intent, Claim::Refund(RefundClaim::SecondSending), &subject.dossier).await?;
    let Some(dossier) = noted else { return Ok(Outcome::Fenced) };
    if subject.renewed(dossier).is_none() || subject.leg.state != LegState::SecondWay {
        return Ok(Outcome::Done);
    }
    let notify_url = context.notify_url(&subject.payment);
    let answer = subject.channel.refund_second_way(&request(subject, &notify_url), &refund_id, &payee).await;
    let refused = match answer {
        Answer::Done(standing @ (RefundStanding::Processing { .. } | RefundStanding::Succeeded(_))) => {
            let claim = refund_claim(standing, subject.leg.state, &subject.leg.evidence);
            return context.conclude(job, Source::Refund, Claim::Refund(claim), &subject.dossier, done).await;
        }
        // Not for what it asks: it can be mended, or comes too early.
        Answer::Refused(refusal) if not_for_good(refusal.class) || lately(context, subject, earlier) => {
            return Ok(again(context, job, format!("second way refused: {refusal}"), None));
        }
        // It may be refused because it is under way already: the query tells.
        Answer::Refused(refusal) => refusal.to_string(),
        Answer::Done(_) => return Ok(again(context, job, "no usable answer to the second way".to_owned(), None)),
        Answer::Unknown(why) => return Ok(again(context, job, format!("second way: {why}"), why.retry_after_ms)),
    };
    match ask_refund(subject).await {
        Told::Claim(Claim::Refund(RefundClaim::Abnormal { .. })) => {
            let claim = RefundClaim::SecondFailed { reason: refused };
            context.conclude(job, Source::Refund, Claim::Refund(claim), &subject.dossier, done).await
        }
        Told::Claim(claim) => context.conclude(job, Source::Query, claim, &subject.dossier, done).await,
        Told::Nothing { why, retry_after_ms } => Ok(again(context, job, why, retry_after_ms)),
    }
}
