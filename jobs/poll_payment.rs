//! Asks the channel where a payment stands, until it is paid, closed or expired. Subject: a payment
//! that awaits its payer, whose state is unknown, or whose amount is held. Must never close anything: at
//! expiry, and before a hold lapses, it hands over to the close protocol.

use bursar_core::decide::{expired, next_hold_check_at, next_poll_at};
use bursar_core::held::lapsing;
use bursar_core::observation::Source;
use bursar_core::order::Dossier;
use bursar_core::payment::PaymentState;
use bursar_store::Settlement;

use crate::JobContext;
use crate::ask::{Told, ask};
use crate::observe::{JobError, Outcome, Running, done};

/// Runs it.
///
/// # Errors
/// When our own side failed.
pub async fn run(context: &JobContext, job: &Running) -> Result<Outcome, JobError> {
    let Some(subject) = context.subject(job.payment()).await? else { return Ok(Outcome::Done) };
    let plan = match subject.payment.state {
        PaymentState::Unknown => &context.desk.plans.unknown,
        PaymentState::AwaitingPayer if subject.payment.evidence.code().is_some() || subject.payment.method.debits() => {
            &context.desk.plans.poll
        }
        // A hold is looked at by a rhythm of its own.
        PaymentState::Authorized => &context.desk.plans.unknown,
        _ => return Ok(Outcome::Done),
    };
    let now = context.now();
    let held = subject.payment.state == PaymentState::Authorized;
    if held && next_hold_check_at(&subject.payment, now) <= now {
        return context.conclude(job, Source::Clock, lapsing(now).claim, &subject.dossier, done).await;
    }
    if !held && now >= subject.order().expires_at {
        return context.conclude(job, Source::Clock, expired(now).claim, &subject.dossier, done).await;
    }
    let step = job.claimed.step.saturating_add(1);
    let next_at = |delay_ms: i64| match held {
        true => next_hold_check_at(&subject.payment, context.now()),
        false => next_poll_at(subject.order(), delay_ms, context.now()),
    };
    let before = subject.payment.state;
    match ask(&subject).await {
        Told::Claim(claim) => {
            context
                .conclude(job, Source::Query, claim, &subject.dossier, |after: &Dossier| {
                    let same = after.payments.iter().any(|p| p.id == job.payment() && p.state == before);
                    if !same {
                        return Settlement::Done;
                    }
                    let due_at = next_at(plan.delay_or_last_ms(step));
                    Settlement::Again { due_at, step, why: format!("{} when last asked", before.name()) }
                })
                .await
        }
        Told::Nothing { why, retry_after_ms } => {
            let due_at = next_at(plan.delay_or_last_ms(step).max(retry_after_ms.unwrap_or(0)));
            Ok(Outcome::Again { due_at, step, why })
        }
    }
}
