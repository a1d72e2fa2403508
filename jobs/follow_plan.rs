//! Follows a plan: opens the orders of installments that are due, has declined ones charged again, and sees how they
//! end. Subject: a plan. It calls a channel only to have a payer told of a charge; the charge itself is the job of
//! its payment. Must never open an order for which the plan's row was not written with it.

use bursar_channels::{Announcement, Outcome as Answer};
use bursar_core::agreement::Agreement;
use bursar_core::billing::PlanFile;
use bursar_core::clock::HOUR_MS;
use bursar_core::id::PlanId;
use bursar_store::Settlement;
use bursar_store::desk::Run;
use bursar_store::desk::billing::Followed;

use crate::JobContext;
use crate::observe::{JobError, Outcome, Running};

/// How long after a notice that the channel refused it is tried again, in milliseconds.
const TELL_AGAIN_MS: i64 = HOUR_MS;

/// Runs it.
///
/// # Errors
/// When our own side failed.
pub async fn run(context: &JobContext, job: &Running) -> Result<Outcome, JobError> {
    let id = PlanId(job.claimed.key.subject);
    let run = Run { settle: job.settle(Settlement::Done) };
    match context.desk.follow_plan(id, &run).await? {
        Followed::Written => Ok(Outcome::Settled),
        Followed::Fenced => Ok(Outcome::Fenced),
        Followed::NoSuchPlan => Ok(Outcome::Done),
        Followed::NumberTaken(number) => Ok(Outcome::Park {
            question: format!(
                "Plan {id} cannot open order {number}: another order of the merchant has that number. Rename nothing; \
                 cancel the plan and make another with a number of its own."
            ),
        }),
        Followed::Announce(file, agreement, seq) => announce(context, job, &run, (&file, &agreement, seq)).await,
    }
}

async fn announce(
    context: &JobContext,
    job: &Running,
    run: &Run,
    (file, agreement, seq): (&PlanFile, &Agreement, u32),
) -> Result<Outcome, JobError> {
    let rules = agreement.method.debit_rules();
    let (Some(installment), Some(rules)) = (file.installment(seq), rules) else { return Ok(Outcome::Done) };
    let today = file.plan.zone.day_of(context.now());
    let announcement = Announcement {
        agreement,
        amount: file.plan.money(installment.minor),
        from: today.plus_days(i64::from(rules.notice_days.unwrap_or(0))),
        days: rules.notice_holds_days,
    };
    let (channel, _) = context.channel(agreement.account).await?;
    let (why, wait_ms, step) = match channel.announce(&announcement).await {
        Answer::Done(()) => {
            return Ok(match context.desk.announced(file, seq, run).await? {
                Followed::Fenced => Outcome::Fenced,
                _ => Outcome::Settled,
            });
        }
        Answer::Refused(refusal) => (refusal.to_string(), TELL_AGAIN_MS, 0),
        Answer::Unknown(why) => {
            let step = job.claimed.step;
            let delay_ms = context.desk.plans.unknown.delay_or_last_ms(step);
            (why.to_string(), delay_ms.max(why.retry_after_ms.unwrap_or(0)), step.saturating_add(1))
        }
    };
    let due_at = context.now().plus_ms(wait_ms);
    Ok(Outcome::Again { due_at, step, why: format!("the payer could not be told: {why}") })
}
