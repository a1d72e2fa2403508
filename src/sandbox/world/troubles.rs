//! Troubles that come by themselves: deaths, pauses, clocks, lost jobs, forged messages, clumsy hands. It
//! knows how each is played, and must never spare anybody.

use std::sync::atomic::Ordering;

use bursar_core::Timestamp;
use bursar_core::clock::{HOUR_MS, MINUTE_MS};
use bursar_core::job::{JobKey, Queue};
use bursar_core::refund::Route;

use super::agenda::{Event, Pid};
use super::books::Charge;
use super::cast;
use super::crew::execute;
use super::faults::Fault;
use super::giving::{Giving, Letter, Stage};
use super::history::History;
use super::message::Message;
use super::process::LEASE_MS;

/// Transactions that nobody made.
pub(crate) const NEVER_MADE: [&str; 2] = ["FORGED", "FOREIGN"];

impl History {
    /// One round of troubles.
    pub(super) fn trouble(&mut self) {
        if self.world.lock().quiet {
            return;
        }
        {
            let mut state = self.world.lock();
            let pause =
                if self.long { state.between(4 * MINUTE_MS, 25 * MINUTE_MS) } else { state.between(4_000, 50_000) };
            state.at(pause, Event::Trouble);
        }
        self.upheaval();
        self.lost_jobs();
        self.strangers();
        self.strangers_about_refunds();
        self.clumsy_hands();
    }

    fn victim(&self) -> Option<Pid> {
        let alive: Vec<Pid> = {
            let state = self.world.lock();
            self.processes.iter().map(|p| p.pid).filter(|p| state.is_alive(*p)).collect()
        };
        alive.get(self.any(alive.len().max(1))).copied()
    }

    fn upheaval(&self) {
        let Some(pid) = self.victim() else { return };
        let mut state = self.world.lock();
        if state.strikes(Fault::Crash) {
            state.kill(pid);
            return;
        }
        if state.strikes(Fault::Zombie) {
            let until = state.now + state.dice(Fault::Zombie, LEASE_MS, 4 * LEASE_MS);
            if let Some(life) = state.lives.get_mut(pid) {
                life.paused_until = until;
            }
            state.note(|| format!("process {pid} stands still"));
        }
        let jump =
            state.strikes(Fault::ClockJump).then(|| state.dice(Fault::ClockJump, -10 * MINUTE_MS, 10 * MINUTE_MS));
        let leap = state.strikes(Fault::ClockLeap).then(|| state.dice(Fault::ClockLeap, -30 * HOUR_MS, 30 * HOUR_MS));
        if let (Some(skew), Some(life)) = (leap.or(jump), state.lives.get(pid)) {
            life.skew.store(skew, Ordering::SeqCst);
            state.clocks_wrong = true;
            state.note(|| format!("the clock of process {pid} is {skew} ms off"));
            state.rang = true;
        }
    }

    /// A job that is not housekeeping.
    fn any_job(&self, of: impl Fn(&super::tables::Job) -> bool) -> Option<JobKey> {
        let keys: Vec<JobKey> = {
            let state = self.world.lock();
            let jobs = state.tables.jobs.values();
            jobs.filter(|j| !matches!(j.key.kind.queue(), Queue::Upkeep) && of(j)).map(|j| j.key).collect()
        };
        keys.get(self.any(keys.len().max(1))).copied()
    }

    fn lost_jobs(&mut self) {
        if let Some(key) = self.any_job(|_| true) {
            let mut state = self.world.lock();
            if state.strikes(Fault::JobForgotten) {
                state.tables.jobs.remove(&key);
                state.robbed.insert(key.subject);
                state.note(|| format!("{key} is forgotten"));
            }
        }
        if let Some(key) = self.any_job(|j| j.owner.is_none()) {
            let mut state = self.world.lock();
            if state.strikes(Fault::JobDelayed) {
                let delay = state.dice(Fault::JobDelayed, 1_000, 10 * MINUTE_MS);
                if let Some(job) = state.tables.jobs.get_mut(&key) {
                    job.due_at = job.due_at.plus_ms(delay);
                }
            }
        }
        if let Some(key) = self.any_job(|j| j.owner.is_some()) {
            self.claim_again(key);
        }
    }

    /// A queue worse than ours: gives a claimed job to a second worker. The older fence must lose.
    fn claim_again(&mut self, key: JobKey) {
        let Some(pid) = self.victim() else { return };
        let Some(process) = self.processes.get_mut(pid).filter(|p| p.worker) else { return };
        let mut state = self.world.lock();
        if !state.strikes(Fault::JobDuplicated) {
            return;
        }
        let until = state.now + LEASE_MS;
        let Some(claimed) = state.tables.lease(key, process.owner, until) else { return };
        state.claims.insert(key, claimed.fence);
        state.note(|| format!("process {pid} is given {key} although it is claimed, fence {}", claimed.fence));
        drop(state);
        execute(&self.world, process, claimed);
    }

    /// Messages that must change nothing.
    fn strangers(&self) {
        let mut state = self.world.lock();
        let payment = state.tables.payments.values().next_back().map(|p| (p.number(), p.account, p.amount.minor));
        let Some((number, account, amount_minor)) = payment else { return };
        let now = state.now;
        let charge =
            |name: &str| Charge { transaction: name.to_owned(), amount_minor, payee_matches: true, at_ms: now };
        let [forged, foreign] = NEVER_MADE;
        if state.strikes(Fault::Forged) {
            let (_, body) = Message::paid(format!("f{now}"), account, &number, &charge(forged), now).sealed();
            let proof = "0123456789abcdef".to_owned();
            state.at(10, Event::Hand { account, proof, body, ack: None });
        }
        if state.strikes(Fault::Foreign) {
            let other = cast::stranger(account);
            // Another account's true message about our number, at its own address and at ours; and money for a
            // number that is nobody's.
            let (proof, body) = Message::paid(format!("g{now}"), other, &number, &charge(foreign), now).sealed();
            state.at(10, Event::Hand { account: other, proof: proof.clone(), body: body.clone(), ack: None });
            state.at(15, Event::Hand { account, proof, body, ack: None });
            let (proof, body) = Message::paid(format!("h{now}"), account, "nobody", &charge(foreign), now).sealed();
            state.at(20, Event::Hand { account, proof, body, ack: None });
        }
    }

    /// The same about refunds.
    fn strangers_about_refunds(&self) {
        let mut state = self.world.lock();
        let leg = state.tables.legs.values().next_back().cloned();
        let Some(leg) = leg.filter(|l| l.route == Route::Channel) else { return };
        let Some(account) = state.tables.payments.get(&leg.payment).map(|p| p.account) else { return };
        let (now, number, other) = (state.now, leg.number(), cast::stranger(account));
        let letter = Letter { stage: Stage::Success, at_ms: now, acknowledged: false };
        let [forged, foreign] = NEVER_MADE;
        if state.strikes(Fault::ForgedRefund) {
            let row = Giving::never_made(account, forged, leg.amount.minor, now);
            let (_, body) = Message::refund(format!("f{now}-0"), &number, &row, &letter, now).sealed();
            let proof = "0123456789abcdef".to_owned();
            state.at(10, Event::Hand { account, proof, body, ack: None });
        }
        if state.strikes(Fault::ForeignRefund) {
            let row = Giving::never_made(other, foreign, leg.amount.minor, now);
            let (proof, body) = Message::refund(format!("g{now}-0"), &number, &row, &letter, now).sealed();
            state.at(10, Event::Hand { account: other, proof: proof.clone(), body: body.clone(), ack: None });
            state.at(15, Event::Hand { account, proof, body, ack: None });
            let row = Giving::never_made(account, foreign, leg.amount.minor, now);
            let (proof, body) = Message::refund(format!("h{now}-0"), "nobody", &row, &letter, now).sealed();
            state.at(20, Event::Hand { account, proof, body, ack: None });
        }
    }

    fn clumsy_hands(&self) {
        if let Some(key) = self.any_job(|_| true) {
            let mut state = self.world.lock();
            if state.strikes(Fault::JobRetried) {
                let now = Timestamp::from_millis(state.now);
                if let Some(job) = state.tables.jobs.get_mut(&key) {
                    (job.due_at, job.attempts, job.question) = (now, 0, None);
                }
                state.rang = true;
                state.note(|| format!("an operator retries {key}"));
            }
        }
        let index = self.any(self.scripts.len().max(1));
        let mut state = self.world.lock();
        if state.strikes(Fault::CloseWish) {
            state.asked.remove(&index);
            state.at(0, Event::CloseWish(index));
        }
        if state.strikes(Fault::QueuePaused) {
            let queues = [Queue::Money, Queue::Poll, Queue::Webhook];
            let at = usize::try_from(state.dice(Fault::QueuePaused, 0, 2)).unwrap_or(0);
            let queue = queues.get(at).copied().unwrap_or(Queue::Poll);
            state.tables.paused.insert(queue);
            let until = state.dice(Fault::QueuePaused, 30_000, 15 * MINUTE_MS);
            state.at(until, Event::Resume(queue));
        }
    }
}
