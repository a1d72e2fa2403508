//! Begins the reconciliation of every account and day whose bills are due, also of days that were missed. Subject:
//! nil. Must never begin one twice: its id is derived from account and day.

use bursar_core::Timestamp;
use bursar_core::bank::Day;
use bursar_core::job::{JobKey, JobKind, NewJob};
use bursar_core::merchant::ChannelAccount;
use bursar_core::reconcile::Reconciliation;
use bursar_store::{Change, DayFilter};

use crate::JobContext;
use crate::observe::{JobError, Outcome, Running};

/// How many days back a day that was missed is still begun: channels keep bills for three months, and who was away
/// for longer decides himself which days he wants.
const MISSED_DAYS: i64 = 14;

/// Runs it.
///
/// # Errors
/// When our own side failed.
pub async fn run(context: &JobContext, job: &Running) -> Result<Outcome, JobError> {
    let now = context.now();
    let mut begun = 0_usize;
    let entries = context.entries().await?;
    for account in entries.accounts.values() {
        let days = due_days(account, now);
        let (Some(from), Some(until)) = (days.first().copied(), days.last().copied()) else { continue };
        let filter = DayFilter {
            account: Some(account.id),
            from: Some(from),
            until: Some(until),
            limit: u32::try_from(MISSED_DAYS).unwrap_or(14) + 1,
            ..DayFilter::default()
        };
        let known = context.desk.gatherer.store().reconciliations(&filter).await?;
        let mut change = Change::default();
        for day in days.into_iter().filter(|day| known.iter().all(|run| run.day != *day)) {
            let run = Reconciliation::beginning(account, day, now);
            change.jobs.push(NewJob::new(JobKey::new(JobKind::Reconcile, run.id.uuid()), account.merchant, now));
            change.books.new_runs.push(run);
        }
        if !change.jobs.is_empty() {
            begun += change.jobs.len();
            context.desk.gatherer.commit(change).await?;
        }
    }
    let due_at = context.settings.housekeeping.next(job.claimed.key.kind, now);
    Ok(Outcome::Again { due_at, step: 0, why: format!("{begun} begun by the last run") })
}

/// The days of an account whose bills are due at `now`, the earliest first.
fn due_days(account: &ChannelAccount, now: Timestamp) -> Vec<Day> {
    let channel = account.channel;
    let (first, today) = (channel.business_day(account.created_at), channel.business_day(now));
    let days = (1..=MISSED_DAYS).rev().map(|back| today.plus_days(-back));
    days.filter(|day| *day >= first && channel.bill_due_at(*day) <= now).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use bursar_core::channel::ChannelKind;
    use bursar_core::id::{ChannelAccountId, MerchantId};
    use uuid::Uuid;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse_rfc3339(text).unwrap()
    }

    #[test]
    fn days_are_due_from_the_accounts_first_to_the_last_whose_bill_is_made() {
        let account = ChannelAccount {
            id: ChannelAccountId(Uuid::from_u128(1)),
            merchant: MerchantId(Uuid::from_u128(2)),
            channel: ChannelKind::Wechat,
            settings: serde_json::Value::Null,
            facts: None,
            created_at: at("2026-11-20T12:00:00+08:00"),
        };
        let days = |now: &str| due_days(&account, at(now)).iter().map(ToString::to_string).collect::<Vec<_>>();
        assert!(days("2026-11-21T09:59:00+08:00").is_empty());
        assert_eq!(days("2026-11-21T10:00:00+08:00"), ["2026-11-20"]);
        assert_eq!(days("2026-11-23T09:00:00+08:00"), ["2026-11-20", "2026-11-21"]);
        assert_eq!(days("2027-01-01T11:00:00+08:00").len(), 14);
    }
}
