//! A month of billing in fast time: it knows the order of its scenes, and must never judge what they came to.

mod cast;
mod count;
mod life;
mod sign;

use std::time::{Duration, Instant};

use anyhow::ensure;
use bursar_core::bank::Day;
use bursar_core::channel::ChannelKind;
use bursar_core::clock::{DAY_MS, HOUR_MS};
use bursar_core::id::ScheduleId;
use bursar_core::{Clock as _, Timestamp};
use bursar_sandbox::Sandbox;
use bursar_sandbox::merchant::{Api, Request};
use serde_json::{Value, json};

use super::audit::ByHand;
use super::cast::Actor;
use super::leap::leap;
use crate::clock::LeapingClock;
use crate::compose::Program;

pub use cast::DAYS;
pub use count::Report;
use sign::SAID;
pub use sign::door;

/// Between two looks, in real time.
const LOOK_EVERY: Duration = Duration::from_millis(40);
/// The month begins at this hour of a morning of Beijing, before anything is charged.
const BEGINS_MS: i64 = 8 * HOUR_MS;
/// Every Monday at half past nine.
const CRON: &str = "0 30 9 * * MON";
const CRON_MS: i64 = 9 * HOUR_MS + HOUR_MS / 2;
/// What the schedule's orders cost, in minor units.
const SCHEDULED_MINOR: i64 = 12_800;

/// What the month is played with: everything runs already.
#[derive(Clone, Copy)]
pub struct Means<'a> {
    /// The program, by `clock`.
    pub program: &'a Program,
    /// The channels, by the same clock.
    pub sandbox: &'a Sandbox,
    /// The agencies, with accounts of all channels.
    pub actors: &'a [Actor],
    /// Time.
    pub clock: &'a LeapingClock,
    /// Where the gateway is, without a slash at the end.
    pub gateway: &'a str,
    /// What was paid by bank and in cash before.
    pub by_hand: &'a ByHand,
    /// Nothing is waited for longer than until then.
    pub deadline: Instant,
    /// Is told how it goes.
    pub tell: &'a (dyn Fn(&str) + Sync),
}

/// A month under way.
struct Month<'a> {
    means: Means<'a>,
    api: Api,
    /// Its first day.
    start: Day,
}

/// Plays a month from the next morning on.
///
/// # Errors
/// When something that is asked for is refused, cannot be reached, or does not come to pass before the deadline.
pub async fn play(means: Means<'_>) -> anyhow::Result<Report> {
    let api = Api::new(means.gateway, 8, false)?;
    let start = Day::in_beijing(means.clock.now()).plus_days(1);
    let month = Month { means, api, start };
    (means.tell)("a month of billing: everybody signs");
    month.live_until(month.at(0, BEGINS_MS)).await?;
    let members = sign::begin(&month).await?;
    let schedule = month.open_schedule().await?;
    life::live(&month, &members).await?;
    life::come_to_rest(&month, &members, schedule).await
}

impl Month<'_> {
    /// A time of the day with this number (from 0).
    fn at(&self, day: i64, time_ms: i64) -> Timestamp {
        self.start.begins_in_beijing().plus_ms(day * DAY_MS + time_ms)
    }

    fn last(&self) -> Day {
        self.start.plus_days(DAYS - 1)
    }

    /// A request of the agency `actor`; the answer, when its status is one of `wanted`.
    async fn ask(&self, actor: &Actor, path: &str, body: &Value, wanted: &[u16]) -> anyhow::Result<Value> {
        let key = format!("month-{}", self.means.program.chance.next_u64());
        let request = Request { api_key: &actor.api_key, path, idempotency_key: &key, body };
        let (status, answer) = self.api.post(request).await?;
        ensure!(wanted.contains(&status), "{path} was answered {status}: {answer}");
        Ok(answer)
    }

    async fn rest(&self) -> anyhow::Result<()> {
        ensure!(
            Instant::now() < self.means.deadline,
            "the month has not ended in time, it is {}",
            self.means.clock.now()
        );
        tokio::time::sleep(LOOK_EVERY).await;
        Ok(())
    }

    /// Lives on, leaping over the hours in which nothing is due.
    async fn live_until(&self, until: Timestamp) -> anyhow::Result<()> {
        let Means { program, clock, .. } = self.means;
        while clock.now() < until {
            leap(program.store.as_ref(), clock, until).await?;
            self.rest().await?;
        }
        Ok(())
    }

    /// The first agency has an order opened every Monday; its payers pay.
    async fn open_schedule(&self) -> anyhow::Result<Option<ScheduleId>> {
        let Some(actor) = self.means.actors.first() else { return Ok(None) };
        let body = json!({
            "name": format!("weekly-{}", self.start), "cron": CRON, "zone": "Asia/Shanghai",
            "order": {
                "amount_minor": SCHEDULED_MINOR, "currency": "CNY", "description": SAID, "method": "wechat_native",
                "account_id": actor.till(ChannelKind::Wechat), "expires_in_seconds": 86_400,
            },
        });
        Ok(Some(sign::id(&self.ask(actor, "/v1/schedules", &body, &[201]).await?)?))
    }
}
