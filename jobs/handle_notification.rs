//! Reads a stored notification into the books. Subject: a notification, verified when it was stored.
//! Must never trust anything but its signed content: the payment is found by the number inside, and has
//! to belong to the account whose key signed it.

use bursar_channels::{HeaderLines, Notice, Standing};
use bursar_core::id::{self, NotificationId, PaymentId};
use bursar_core::observation::{Observation, Source};
use bursar_store::Settlement;
use bursar_store::desk::{Run, Taken};

use crate::JobContext;
use crate::ask::claim;
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
    let Notice::Payment { number, standing, .. } = notice else { return Ok(Outcome::Done) };
    let paid = matches!(standing, Standing::Paid(_));
    let stranger = || Outcome::Park {
        question: format!(
            "Notification {id} says that {number} was paid, but account {} has no such payment. Whose money is it?",
            stored.account
        ),
    };
    let Some(payment) = id::from_text(&number).map(PaymentId) else {
        return Ok(if paid { stranger() } else { Outcome::Done });
    };
    let dossier = context.desk.gatherer.dossier_of(payment).await?;
    let ours = dossier.as_ref().and_then(|d| d.payment(payment)).is_some_and(|p| p.account == stored.account);
    if !ours {
        return Ok(if paid { stranger() } else { Outcome::Done });
    }
    let mut observation = Observation::new(Source::Notification, context.now(), claim(standing));
    observation.notification = Some(id);
    let run = Run { settle: job.settle(Settlement::Done) };
    Ok(match context.desk.observe(payment, &observation, Some(&run), dossier.as_ref(), done).await? {
        Taken::Written(_) => Outcome::Settled,
        Taken::Fenced => Outcome::Fenced,
        Taken::NoSuchPayment => Outcome::Done,
    })
}
