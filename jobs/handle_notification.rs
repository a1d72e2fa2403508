//! Reads a stored notification into the books. Subject: a notification, verified when it was stored.
//! Must never trust anything but its signed content: the payment or refund is found by the number inside,
//! and has to belong to the account whose key signed it.

use bursar_channels::{About, HeaderLines, Notice, Outcome as Answer, RefundStanding, Standing};
use bursar_core::id::{self, AgreementId, ChannelAccountId, LegId, NotificationId, PaymentId};
use bursar_core::observation::{Claim, Observation, Source, Subject};
use bursar_core::order::Dossier;
use bursar_core::refund::RefundClaim;
use bursar_store::desk::{Run, Taken};
use bursar_store::{Answer as Answered, Change, Settlement};

use crate::JobContext;
use crate::ask::{Told, ask, ask_refund, claim};
use crate::observe::{JobError, Outcome, Running, done};

/// Runs it.
///
/// # Errors
/// When our own side failed.
pub async fn run(context: &JobContext, job: &Running) -> Result<Outcome, JobError> {
    let id = NotificationId(job.claimed.key.subject);
    let Some(stored) = context.desk.gatherer.notification(id).await? else { return Ok(Outcome::Done) };
    let (channel, _) = context.channel(stored.account).await?;
    let headers = HeaderLines(&stored.headers);
    let notice = match channel.reread_notification(&headers, &stored.body) {
        Ok(notice) => notice,
        Err(refusal) => {
            let question = format!(
                "Notification {id} was verified when it came, but cannot be read now: {refusal}. Was a key exchanged?"
            );
            return Ok(Outcome::Park { question });
        }
    };
    let told = match read(notice) {
        Some(told) => told,
        None => return Ok(Outcome::Done),
    };
    let number = match told.about {
        About::Agreement(number) => return wake_agreement(context, job, stored.account, &number).await,
        About::Payment(number) | About::Refund(number) => Ok(Some(number)),
        About::ChannelsPayment(number) => match channel.number_of(&number).await {
            Answer::Done(ours) => Ok(ours),
            Answer::Refused(refusal) => Err(refusal.to_string()),
            Answer::Unknown(why) => Err(why.to_string()),
        },
    };
    let number = match number {
        Ok(Some(number)) => number,
        Ok(None) => return Ok(Outcome::Done),
        Err(why) => return Ok(again(context, job, why)),
    };
    let found = if told.refund { leg(context, &number).await? } else { payment(context, &number).await? };
    let Some((subject, dossier)) = found.filter(|(subject, d)| account_of(*subject, d) == Some(stored.account)) else {
        // Money moved that we know nothing of: another system may use the account, or somebody else does.
        return Ok(told.moved.map_or(Outcome::Done, |what| Outcome::Park {
            question: format!(
                "Notification {id} says that {number} was {what}, but account {} knows nothing of it. Whose money is it?",
                stored.account
            ),
        }));
    };
    let (source, claim) = match told.claim {
        Some(claim) => (Source::Notification, claim),
        None => match look(context, subject).await? {
            Told::Claim(claim) => (Source::Query, claim),
            Told::Nothing { why, .. } => return Ok(again(context, job, why)),
        },
    };
    let mut observation = Observation::new(source, context.now(), claim);
    observation.notification = Some(id);
    let run = Run { settle: job.settle(Settlement::Done) };
    Ok(match context.desk.observe(subject, &observation, Some(&run), Some(&dossier), done).await? {
        Taken::Written(_) => Outcome::Settled,
        Taken::Fenced | Taken::Duplicate => Outcome::Fenced,
        Taken::NoSuchSubject => Outcome::Done,
    })
}

/// What a message tells.
struct Message {
    about: About,
    refund: bool,
    /// `None`: that something has changed.
    claim: Option<Claim>,
    /// What happened to money, when the message proves it.
    moved: Option<&'static str>,
}

fn read(notice: Notice) -> Option<Message> {
    Some(match notice {
        Notice::Payment { number, standing, .. } => {
            let paid = matches!(standing, Standing::Paid(_));
            let (claim, moved) = (Some(claim(standing)), paid.then_some("paid"));
            Message { about: About::Payment(number), refund: false, claim, moved }
        }
        Notice::Refund { number, standing, .. } => {
            let refunded = matches!(standing, RefundStanding::Succeeded(_));
            let claim = Some(Claim::Refund(message(standing)));
            Message { about: About::Refund(number), refund: true, claim, moved: refunded.then_some("refunded") }
        }
        Notice::Dispute { about, dispute, .. } => {
            Message { about, refund: false, claim: Some(Claim::Disputed(dispute)), moved: Some("disputed") }
        }
        Notice::Look { about, .. } => {
            let refund = matches!(about, About::Refund(_));
            Message { about, refund, claim: None, moved: None }
        }
        Notice::Other { .. } => return None,
    })
}

/// Asks what has changed.
async fn look(context: &JobContext, subject: Subject) -> Result<Told, JobError> {
    let gone = Told::Nothing { why: "it is gone".to_owned(), retry_after_ms: None };
    Ok(match subject {
        Subject::Payment(id) => match context.subject(id).await? {
            Some(subject) => ask(&subject).await,
            None => gone,
        },
        Subject::Leg(id) => match context.leg(id).await? {
            Some(subject) => ask_refund(&subject).await,
            None => gone,
        },
        Subject::Refund(_) | Subject::Order(_) | Subject::Agreement(_) | Subject::Plan(_) => gone,
    })
}

/// Has the agreement looked at that a message is about, when it is one of the account that signed.
async fn wake_agreement(
    context: &JobContext,
    job: &Running,
    account: ChannelAccountId,
    number: &str,
) -> Result<Outcome, JobError> {
    let Some(id) = id::from_text(number).map(AgreementId) else { return Ok(Outcome::Done) };
    let found = context.desk.gatherer.store().agreement(id).await?;
    let Some(agreement) = found.filter(|a| a.account == account) else { return Ok(Outcome::Done) };
    let mut change = Change { settle: Some(job.settle(Settlement::Done)), ..Change::default() };
    context.desk.wake_agreement(id, agreement.merchant, &mut change);
    Ok(match context.desk.gatherer.commit(change).await? {
        Answered::Committed => Outcome::Settled,
        Answered::Stale | Answered::Fenced | Answered::Duplicate => Outcome::Fenced,
    })
}

fn again(context: &JobContext, job: &Running, why: String) -> Outcome {
    let delay_ms = context.desk.plans.unknown.delay_or_last_ms(job.claimed.step);
    Outcome::Again { due_at: context.now().plus_ms(delay_ms), step: job.claimed.step.saturating_add(1), why }
}

type Found = Option<(Subject, Dossier)>;

async fn payment(context: &JobContext, number: &str) -> Result<Found, JobError> {
    let Some(id) = id::from_text(number).map(PaymentId) else { return Ok(None) };
    Ok(context.desk.gatherer.dossier_of(id).await?.map(|d| (Subject::Payment(id), d)))
}

async fn leg(context: &JobContext, number: &str) -> Result<Found, JobError> {
    let Some(id) = id::from_text(number).map(LegId) else { return Ok(None) };
    Ok(context.desk.gatherer.dossier_of_leg(id).await?.map(|d| (Subject::Leg(id), d)))
}

/// Through which account the money of `subject` went.
fn account_of(subject: Subject, dossier: &Dossier) -> Option<ChannelAccountId> {
    let payment = match subject {
        Subject::Payment(id) => id,
        Subject::Leg(id) => dossier.leg(id)?.1.payment,
        Subject::Refund(_) | Subject::Order(_) | Subject::Agreement(_) | Subject::Plan(_) => return None,
    };
    dossier.payment(payment).map(|p| p.account)
}

/// Reads a message about a refund. Messages overtake each other: what their order would tell is left to a
/// query.
fn message(standing: RefundStanding) -> RefundClaim {
    match standing {
        RefundStanding::Absent => RefundClaim::Absent,
        RefundStanding::Processing { refund_id } => RefundClaim::Processing { refund_id },
        RefundStanding::Succeeded(receipt) => RefundClaim::Succeeded(receipt),
        RefundStanding::Closed(reason) => RefundClaim::Closed { reason },
        RefundStanding::Abnormal { refund_id } => RefundClaim::Abnormal { refund_id },
    }
}
