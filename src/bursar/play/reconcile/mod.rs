//! The days after a play: what the channels' bills tell is compared with the books, and certified. It knows what was
//! made wrong on purpose, and must never reconcile by itself: the program's own jobs do.

mod days;
mod proof;
mod seeds;

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use anyhow::ensure;
use bursar_core::channel::ChannelKind;
use bursar_core::clock::MINUTE_MS;
use bursar_core::merchant::ChannelAccount;
use bursar_core::reconcile::{Break, BreakKind, BreakState, Reconciliation, RunState};
use bursar_core::{Clock as _, Timestamp};
use bursar_sandbox::Sandbox;
use bursar_store::{BreakFilter, DayFilter, JobFilter};
use serde_json::{Value, json};

use super::audit::{Audit, ByHand, compare};
use super::cast::Actor;
use crate::clock::LeapingClock;
use crate::compose::Program;

pub use days::DayRow;
pub use proof::Proof;
use seeds::Seeds;

/// Between two looks, in real time.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// So long after the moment from which on every bill must be there.
const AFTER_ALL_MS: i64 = 5 * MINUTE_MS;
/// What a run waits for so long (clock milliseconds) is leapt over.
const SOON_MS: i64 = MINUTE_MS;
/// Most jobs that are looked at.
const MOST_JOBS: u32 = 100_000;
/// Rows that are read at once.
const PAGE: u32 = 1_000;

/// What it is done with: everything runs already.
#[derive(Clone, Copy)]
pub struct Means<'a> {
    /// The program, by `clock`.
    pub program: &'a Program,
    /// The channels, by the same clock.
    pub sandbox: &'a Sandbox,
    /// The agencies.
    pub actors: &'a [Actor],
    /// Time.
    pub clock: &'a LeapingClock,
    /// What was paid by bank and in cash.
    pub by_hand: &'a ByHand,
    /// Nothing is waited for longer than until then.
    pub deadline: Instant,
    /// Is told how it goes.
    pub tell: &'a (dyn Fn(&str) + Sync),
}

/// How it ended.
#[derive(Debug, Default)]
pub struct Report {
    /// One row for each channel and day on which there was something.
    pub days: Vec<DayRow>,
    /// What was certified.
    pub proof: Proof,
    accounts: usize,
    seeded: usize,
    /// Of them those that were found as they must be.
    found: usize,
    healed: usize,
    asked: usize,
    waiting: usize,
    /// Days whose two bills do not tie, because a line of one was struck.
    untied: usize,
    /// What bank and cash leave to people.
    by_hand: usize,
    /// Payouts that the pretend bank does not show: nobody plays it in a month.
    payouts_not_shown: usize,
    missed: Vec<String>,
    unexpected: Vec<String>,
    audit: Audit,
}

/// Makes a handful of things wrong, leaps to when every bill must be there, lets the workers reconcile, looks at what
/// they found, and certifies.
///
/// # Errors
/// When something fails, or is not done before the deadline.
pub async fn play(means: Means<'_>) -> anyhow::Result<Report> {
    let seeds = seeds::sow(&means).await?;
    let store = means.program.store.as_ref();
    let ours = |a: &ChannelAccount| means.actors.iter().any(|actor| actor.merchant == a.merchant);
    let accounts: Vec<_> = store.accounts().await?.into_iter().filter(ours).collect();
    let now = means.clock.now();
    let late = ChannelKind::ALL.iter().map(|c| c.bill_late_at(c.business_day(now))).max().unwrap_or(now);
    (means.tell)("the next day: the channels' bills are compared with our books");
    means.sleep_until(late.plus_ms(AFTER_ALL_MS)).await?;
    let runs = means.done(&accounts, now).await?;
    let mut report = Report { accounts: accounts.len(), ..Report::default() };
    report.days = days::rows(&accounts, &runs);
    report.judge(&seeds, &accounts, &means.breaks(&accounts).await?);
    report.proof = proof::certify(&means).await?;
    let (books, refunds) = (means.sandbox.books(), means.sandbox.refunds());
    report.audit = compare(store, means.actors, &books, &refunds, means.by_hand).await?;
    Ok(report)
}

impl Means<'_> {
    async fn rest(&self, what: &str) -> anyhow::Result<()> {
        ensure!(Instant::now() < self.deadline, "{what}; it is {}", self.clock.now());
        tokio::time::sleep(LOOK_EVERY).await;
        Ok(())
    }

    /// Leaps over a night in which the program rests, as if it had been stopped: what was due meanwhile is done when
    /// it comes back. Leaping from one thing to the next would take long: arrived refunds are asked about for a day.
    async fn sleep_until(&self, until: Timestamp) -> anyhow::Result<()> {
        let filter = JobFilter { limit: MOST_JOBS, ..JobFilter::default() };
        while self.program.store.jobs(&filter).await?.iter().any(|job| job.owner.is_some()) {
            self.rest("the workers do not come to rest").await?;
        }
        self.clock.leap_to(until);
        Ok(())
    }

    /// Waits until every day up to that of `until` is done for each account. Bills that were not there when they
    /// were asked for are asked for again much later: that is leapt over.
    async fn done(&self, accounts: &[ChannelAccount], until: Timestamp) -> anyhow::Result<Vec<Reconciliation>> {
        let store = self.program.store.as_ref();
        loop {
            let (mut runs, mut missing) = (Vec::new(), 0_i64);
            for account in accounts {
                let last = account.channel.business_day(until);
                let first = account.channel.business_day(account.created_at);
                let filter =
                    DayFilter { account: Some(account.id), until: Some(last), limit: PAGE, ..DayFilter::default() };
                let known = store.reconciliations(&filter).await?;
                missing += last.number() - first.number() + 1 - i64::try_from(known.len()).unwrap_or_default();
                runs.extend(known);
            }
            let open: Vec<_> = runs.iter().filter(|run| run.state != RunState::Done).collect();
            if missing <= 0 && open.is_empty() {
                return Ok(runs);
            }
            let soon = self.clock.now().plus_ms(SOON_MS);
            let next = open.iter().map(|run| run.due_at.unwrap_or(soon)).min();
            if let Some(next) = next.filter(|at| missing <= 0 && *at > soon) {
                self.clock.leap_to(next);
            }
            let note = open.iter().find_map(|run| run.note.clone()).unwrap_or_default();
            self.rest(&format!("{missing} days are not begun and {} not reconciled: {note}", open.len())).await?;
        }
    }

    async fn breaks(&self, accounts: &[ChannelAccount]) -> anyhow::Result<Vec<Break>> {
        let mut all = Vec::new();
        for account in accounts {
            let mut after = None;
            loop {
                let filter = BreakFilter { account: Some(account.id), after, limit: PAGE, ..BreakFilter::default() };
                let page = self.program.store.breaks(&filter).await?;
                let Some(last) = page.last() else { break };
                after = Some(last.id);
                all.extend(page);
            }
        }
        Ok(all)
    }
}

impl Report {
    /// What was found of what was seeded, and what else.
    fn judge(&mut self, seeds: &Seeds, accounts: &[ChannelAccount], breaks: &[Break]) {
        self.seeded = seeds.wanted.len();
        let mut found = BTreeSet::new();
        for one in breaks {
            let channel = accounts.iter().find(|a| a.id == one.account).map_or(ChannelKind::Cash, |a| a.channel);
            let key = (one.account, one.kind, one.state, one.number.clone());
            let settlement = one.kind == BreakKind::Settlement && !channel.bills().is_empty();
            if seeds.wanted.contains(&key) {
                self.healed += usize::from(one.state == BreakState::Healed);
                self.asked += usize::from(one.state == BreakState::Parked);
                self.waiting += usize::from(one.state == BreakState::Open);
                found.insert(key);
            } else if settlement && seeds.struck.contains(&one.account) && one.number == one.day.to_string() {
                self.untied += 1;
            } else if settlement && one.number.starts_with("payout of ") {
                self.payouts_not_shown += 1;
            } else if channel.bills().is_empty() {
                self.by_hand += 1;
            } else {
                let state = one.state.name();
                self.unexpected.push(format!("{} {} {state} on {}: {}", channel.name(), one.kind, one.day, one.text));
            }
        }
        self.found = found.len();
        let missed = seeds.wanted.difference(&found);
        self.missed = missed.map(|(account, kind, _, number)| format!("{kind} of {number} on {account}")).collect();
    }

    /// Whether everything that was seeded was found, nothing else was, and the books agree.
    pub fn is_right(&self) -> bool {
        let found = self.seeded > 0 && self.missed.is_empty() && self.unexpected.is_empty();
        let audit = &self.audit;
        let nothing_twice = audit.channel_effects_doubled == 0 && audit.out_of_money == 0;
        found && self.books_agree() && nothing_twice && self.proof.is_right()
    }

    /// Whether the books agree, with what was sold elsewhere asked about and what was given back by hand booked.
    pub fn books_agree(&self) -> bool {
        self.audit.books_agree()
    }

    /// What is wrong, in words.
    pub fn differences(&self) -> impl Iterator<Item = String> {
        let missed = self.missed.iter().map(|words| format!("seeded and not found: {words}"));
        let unexpected = self.unexpected.iter().map(|words| format!("found and not seeded: {words}"));
        let rest = self.audit.differences.iter().chain(&self.audit.unbalanced).cloned();
        missed.chain(unexpected).chain(rest).chain(self.proof.changed())
    }

    /// Names and numbers, for people.
    pub fn counts(&self) -> [(&'static str, usize); 8] {
        [
            ("differences seeded", self.seeded),
            ("  found", self.found),
            ("    healed by a machine", self.healed),
            ("    asked about", self.asked),
            ("    waiting for the bills of the next days", self.waiting),
            ("  days that do not tie because of them", self.untied),
            ("left open by the pretend bank and cashiers", self.by_hand + self.payouts_not_shown),
            ("found and not seeded", self.unexpected.len()),
        ]
    }

    /// For programs.
    pub fn to_json(&self) -> Value {
        json!({
            "accounts": self.accounts, "days": self.days.iter().map(DayRow::to_json).collect::<Vec<_>>(),
            "seeded": self.seeded, "found": self.found, "healed": self.healed, "asked": self.asked,
            "waiting": self.waiting, "untied": self.untied,
            "left_open": { "by_hand": self.by_hand, "payouts": self.payouts_not_shown },
            "missed": self.missed, "unexpected": self.unexpected, "books_agree": self.books_agree(),
            "differences": self.audit.differences, "sold_elsewhere": self.audit.elsewhere,
            "refunded_elsewhere": self.audit.refunds.elsewhere,
        })
    }
}
