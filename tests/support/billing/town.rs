//! A house with one merchant, one channel with agreements and time that leaps: it knows how to ask and to wait, and
//! must never know a story.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bursar::clock::LeapingClock;
use bursar::play::accounts;
use bursar::play::leap::leap;
use bursar_core::agreement::Agreement;
use bursar_core::bank::Day;
use bursar_core::billing::PlanFile;
use bursar_core::channel::ChannelKind;
use bursar_core::clock::{DAY_MS, HOUR_MS};
use bursar_core::id::{AgreementId, ChannelAccountId, PlanId};
use bursar_core::{Clock, Timestamp};
use bursar_sandbox::{AgreementMix, Behaviour, DebitEntry, DebitOutcome, Faults, PayerMix, Sandbox};
use bursar_store::directory::Entries;
use bursar_store::{Extent, JobFilter, JobRow, ParkedRow, PlanFilter, Store};
use serde_json::Value;

use super::ears::Ears;
use super::place::Place;
use crate::{House, Scene, until};

/// A minute of the clock is a second: what takes seconds is waited for, what takes hours is leapt over.
const SPEED: u32 = 60;
/// Longest wait for something that takes minutes of the clock, in real time.
pub(super) const WITHIN: Duration = Duration::from_secs(60);
/// A day with its housekeeping and reconciliation, at most, in real time.
const A_DAY_TAKES: Duration = Duration::from_secs(3);
/// Between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(40);
/// A Tuesday, nine in the morning of Beijing.
const START: &str = "2027-01-05T09:00:00+08:00";

/// See above.
#[derive(Debug)]
pub(super) struct Town {
    pub(super) house: House,
    pub(super) place: Place,
    pub(super) ears: Ears,
    clock: Arc<LeapingClock>,
}

impl Town {
    pub(super) async fn open(place: Place, database: Option<String>) -> Self {
        let start = Timestamp::parse_rfc3339(START).expect("an instant");
        let (ears, clock) = (Ears::open().await, Arc::new(LeapingClock::from(start, SPEED)));
        let signs = AgreementMix { soon: 0, never: 1, ..AgreementMix::faithful() };
        let scene = Scene {
            database,
            faults: Faults::calm(),
            payers: PayerMix { agreements: signs, ..PayerMix::all(Behaviour::Soon) },
            speed: SPEED,
            clock: Some(clock.clone()),
            webhooks: vec![Some(ears.url())],
            more: vec![
                ("worker.poll_interval", "100ms".to_owned()),
                ("worker.lease", "30s".to_owned()),
                ("worker.renew_every", "10s".to_owned()),
            ],
            ..Scene::new(crate::seed(57))
        };
        let town = Self { house: House::open(scene).await, place, ears, clock };
        town.open_account().await;
        town
    }

    /// The stage's merchant has an account with WeChat already.
    async fn open_account(&self) {
        let (stage, channel) = (&self.house.stage, self.place.channel());
        if channel != ChannelKind::Wechat {
            self.open_till(channel, self.place.settings(&stage.keys[0], &stage.sandbox.base_url())).await;
        }
    }

    /// The merchant opens an account on `channel`.
    pub(super) async fn open_till(&self, channel: ChannelKind, settings: Value) {
        let stage = &self.house.stage;
        let (program, keys, merchant) = (&stage.program, &stage.keys[0], stage.actors[0].merchant);
        let at = (program.clock.now(), program.chance.as_ref());
        let account: ChannelAccountId =
            accounts::open(program.store.as_ref(), merchant, channel, settings, None, at).await.expect("an account");
        if channel == ChannelKind::Stripe {
            let url = format!("{}/notify/stripe/{account}", stage.gateway());
            stage.sandbox.set_stripe_endpoint(&keys.stripe.account_id, &url).expect("an account");
        }
        until("the program knows the account", WITHIN, || async {
            let known = |e: &Entries| e.accounts.contains_key(&account);
            let entries = program.desk.directory.entries_with(known).await.expect("the database");
            known(&entries).then_some(())
        })
        .await;
    }

    pub(super) fn sandbox(&self) -> &Sandbox {
        &self.house.stage.sandbox
    }

    pub(super) fn store(&self) -> &dyn Store {
        self.house.stage.program.store.as_ref()
    }

    /// The merchant's number at the channel.
    pub(super) fn merchant(&self) -> &str {
        self.place.merchant(&self.house.stage.keys[0])
    }

    pub(super) fn today(&self) -> Day {
        Day::in_beijing(self.clock.now())
    }

    /// A request of the merchant's; the answer.
    pub(super) async fn post(&self, path: &str, wanted: u16, body: &Value) -> Value {
        let key = format!("k{}", self.house.stage.program.chance.next_u64());
        let (status, answer) = self.house.post_as(&self.house.stage.actors[0].api_key, path, &key, body).await;
        assert_eq!(status, wanted, "{path}: {answer}");
        answer
    }

    pub(super) async fn agreement(&self, id: AgreementId) -> Agreement {
        self.store().agreement(id).await.expect("the database").expect("the agreement")
    }

    pub(super) async fn plan(&self, id: PlanId) -> PlanFile {
        self.store().plan(id, Extent::All).await.expect("the database").expect("the plan")
    }

    /// All that one needs to see where things are stuck.
    pub(super) async fn account(&self) -> String {
        let everything = PlanFilter {
            merchant: None,
            number: None,
            payer: None,
            agreement: None,
            state: None,
            before: None,
            limit: 1,
        };
        let mut said = format!("{:#?}\n{:#?}\n", self.jobs().await, self.sandbox().debits());
        let plans = self.store().plans(&everything).await.expect("the database");
        for plan in plans {
            let file = self.plan(plan.id).await;
            for order in file.installments.iter().filter_map(|i| i.order) {
                let told = self.house.timeline(order).await;
                let seen: Vec<_> = told.observations.iter().map(|o| (o.seen_at, o.source, &o.claim)).collect();
                said.push_str(&format!("{seen:#?}\n"));
            }
            said.push_str(&format!("{file:#?}\n"));
        }
        said
    }

    async fn jobs(&self) -> Vec<JobRow> {
        self.store().jobs(&JobFilter { limit: 10_000, ..JobFilter::default() }).await.expect("the database")
    }

    pub(super) async fn questions(&self) -> Vec<ParkedRow> {
        self.store().parked(None, 1_000).await.expect("the database")
    }

    /// Every call for a debit under an agreement.
    pub(super) fn debits(&self, agreement: &str) -> Vec<DebitEntry> {
        self.sandbox().debits().into_iter().filter(|debit| debit.agreement == agreement).collect()
    }

    /// Those that took money.
    pub(super) fn charged(&self, agreement: &str) -> usize {
        self.debits(agreement).iter().filter(|debit| debit.outcome == DebitOutcome::Charged).count()
    }

    /// It is nine in the morning of a day on which nothing has happened yet.
    pub(super) fn next_morning(&self) {
        self.clock.leap_to(self.today().plus_days(1).begins_in_beijing().plus_ms(9 * HOUR_MS));
    }

    /// Lives on, leaping over the hours in which nothing is due, until `found` finds something.
    ///
    /// # Panics
    /// When it has not after `days`.
    pub(super) async fn live_until<T>(&self, what: &str, days: i64, mut found: impl AsyncFnMut() -> Option<T>) -> T {
        let patience = 2 * WITHIN + A_DAY_TAKES * u32::try_from(days).expect("days");
        let (last, mut deadline) = (self.clock.now().plus_ms(days * DAY_MS), Instant::now() + patience);
        let mut over = false;
        loop {
            if let Some(found) = found().await {
                return found;
            }
            let now = self.clock.now();
            if now > last && !over {
                // What was begun in the last moment has the time that it needs.
                (over, deadline) = (true, Instant::now() + WITHIN / 4);
            }
            if Instant::now() > deadline {
                panic!("in vain until {now}: {what}\n{}", self.account().await);
            }
            if !over {
                self.leap(last).await;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Lives through so many days.
    pub(super) async fn live(&self, days: i64) {
        self.live_hours(24 * days).await;
    }

    /// Lives through so many hours.
    pub(super) async fn live_hours(&self, hours: i64) {
        let last = self.clock.now().plus_ms(hours * HOUR_MS);
        while self.clock.now() < last {
            self.leap(last).await;
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    async fn leap(&self, last: Timestamp) {
        leap(self.store(), &self.clock, last).await.expect("the database");
    }
}
