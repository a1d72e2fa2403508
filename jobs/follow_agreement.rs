//! Follows an agreement: has it offered, asks whether it was signed or still holds, ends it. Subject: an agreement.
//! Must never charge anybody.

use bursar_channels::{AgreementStanding, Outcome as Answer, RefusalClass, SignRequest};
use bursar_core::agreement::{Agreement, AgreementClaim, AgreementState};
use bursar_core::id::AgreementId;
use bursar_core::observation::{Claim, Observation, Source};
use bursar_store::Settlement;
use bursar_store::desk::Run;
use bursar_store::desk::billing::AgreementTaken;

use crate::JobContext;
use crate::observe::{JobError, Outcome, Running};

/// Runs it.
///
/// # Errors
/// When our own side failed.
pub async fn run(context: &JobContext, job: &Running) -> Result<Outcome, JobError> {
    let id = AgreementId(job.claimed.key.subject);
    let Some(agreement) = context.desk.gatherer.store().agreement(id).await? else { return Ok(Outcome::Done) };
    let (source, claim) = match agreement.state {
        AgreementState::Ended | AgreementState::Declined => return Ok(Outcome::Done),
        AgreementState::New => (Source::Create, offer(context, &agreement).await?),
        AgreementState::Signing | AgreementState::Active => (Source::Query, ask(context, &agreement).await?),
        AgreementState::Ending => (Source::Close, end(context, &agreement).await?),
    };
    let Some(claim) = claim else {
        let due_at = agreement.looks_again_at(context.now());
        return Ok(Outcome::Again { due_at, step: 0, why: "nothing has changed".to_owned() });
    };
    let observation = Observation::new(source, context.now(), Claim::Agreement(claim));
    let run = Run { settle: job.settle(Settlement::Done) };
    Ok(match context.desk.observe_agreement(id, &observation, Some(&run), |_, _| {}).await? {
        AgreementTaken::Written(_) => Outcome::Settled,
        AgreementTaken::Fenced | AgreementTaken::Duplicate => Outcome::Fenced,
        AgreementTaken::NoSuchAgreement => Outcome::Done,
    })
}

async fn offer(context: &JobContext, agreement: &Agreement) -> Result<Option<AgreementClaim>, JobError> {
    if context.now() >= agreement.sign_by {
        return Ok(Some(AgreementClaim::Lapsed));
    }
    let (channel, _) = context.channel(agreement.account).await?;
    let notify_url = context.notify_url_of(agreement.method.channel(), agreement.account);
    let answer = channel.sign(&SignRequest { agreement, notify_url: &notify_url }).await;
    Ok(Some(match answer {
        Answer::Done(code) => AgreementClaim::Offered { code },
        // Our own set-up is wrong: it can be mended before the last moment to sign.
        Answer::Refused(refusal) if refusal.class != RefusalClass::Definite => {
            AgreementClaim::NoAnswer { why: refusal.to_string() }
        }
        Answer::Refused(refusal) => AgreementClaim::Refused { reason: refusal.to_string() },
        Answer::Unknown(why) => AgreementClaim::NoAnswer { why: why.to_string() },
    }))
}

/// What the channel says; `None`: nothing new.
async fn ask(context: &JobContext, agreement: &Agreement) -> Result<Option<AgreementClaim>, JobError> {
    let (channel, _) = context.channel(agreement.account).await?;
    let signed = agreement.state == AgreementState::Active;
    Ok(match channel.query_agreement(agreement).await {
        Answer::Done(AgreementStanding::Signed(_)) if signed => over(context, agreement),
        Answer::Done(AgreementStanding::Signed(signature)) => Some(AgreementClaim::Signed(signature)),
        Answer::Done(AgreementStanding::Ended(reason)) => Some(AgreementClaim::Ended { reason }),
        Answer::Done(AgreementStanding::Unsigned) if signed => None,
        Answer::Done(AgreementStanding::Unsigned) => {
            (context.now() >= agreement.sign_by).then_some(AgreementClaim::Lapsed)
        }
        Answer::Refused(_) | Answer::Unknown(_) if signed => over(context, agreement),
        Answer::Refused(refusal) => Some(AgreementClaim::NoAnswer { why: refusal.to_string() }),
        Answer::Unknown(why) => Some(AgreementClaim::NoAnswer { why: why.to_string() }),
    })
}

/// Whether the time for which it was signed is over.
fn over(context: &JobContext, agreement: &Agreement) -> Option<AgreementClaim> {
    let ends_at = agreement.evidence.signed.as_ref().and_then(|s| s.ends_at);
    let over = ends_at.is_some_and(|at| at <= context.now());
    over.then(|| AgreementClaim::Ended { reason: "its time is over".to_owned() })
}

async fn end(context: &JobContext, agreement: &Agreement) -> Result<Option<AgreementClaim>, JobError> {
    let (channel, _) = context.channel(agreement.account).await?;
    let vain = |why: String| Some(AgreementClaim::NoAnswer { why });
    match channel.end_agreement(agreement).await {
        Answer::Done(()) => {}
        Answer::Refused(refusal) => return Ok(vain(refusal.to_string())),
        Answer::Unknown(why) => return Ok(vain(why.to_string())),
    }
    let by = agreement.evidence.end_requested.as_ref().map_or("", |(_, by)| by.as_str());
    Ok(match channel.query_agreement(agreement).await {
        Answer::Done(AgreementStanding::Ended(_)) => Some(AgreementClaim::Ended { reason: by.to_owned() }),
        // It was never signed, and cannot be after the end was accepted.
        Answer::Done(AgreementStanding::Unsigned) => Some(AgreementClaim::Ended { reason: by.to_owned() }),
        Answer::Done(AgreementStanding::Signed(signature)) if agreement.evidence.signed.is_none() => {
            Some(AgreementClaim::Signed(signature))
        }
        Answer::Done(AgreementStanding::Signed(_)) => vain("the channel still calls it signed".to_owned()),
        Answer::Refused(refusal) => vain(refusal.to_string()),
        Answer::Unknown(why) => vain(why.to_string()),
    })
}
