//! The whole world under one lock: both sides' books, the agenda, the dice and what was noticed. It knows
//! time, and must never run product code while the lock is held.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bursar_core::chance::{SeededChance, mix};
use bursar_core::event::EventKind;
use bursar_core::id::{LegId, OrderId, PaymentId};
use bursar_core::job::JobKey;
use bursar_core::{Chance, Clock, Timestamp};
use bursar_store::{Answer, Change, StoreError};
use tokio::sync::oneshot;
use tokio::task::AbortHandle;
use uuid::Uuid;

use super::agenda::{AUDITOR, Agenda, Event, Part, Pid};
use super::billing::Ledger;
use super::books::Books;
use super::coverage::Coverage;
use super::crash::{CrashAt, CrashWhen};
use super::faults::Fault;
use super::monitor;
use super::planted::Planted;
use super::tables::Tables;

/// When the world begins: 2026-01-01T00:00:00Z.
pub(crate) const BEGIN_MS: i64 = 1_767_225_600_000;
/// Seams of housekeeping begin so: they are not counted as places to die, there are thousands alike.
pub(crate) const UPKEEP: &str = "upkeep";
/// Longest trace that is kept; what is older is dropped.
const MAX_TRACE: usize = 1_000_000;

/// What the world knows of a process.
#[derive(Debug)]
pub(crate) struct Life {
    pub alive: bool,
    pub worker: bool,
    pub paused_until: i64,
    pub skew: Arc<AtomicI64>,
}

/// What a merchant endpoint heard under one id.
#[derive(Clone, Debug)]
pub(crate) struct Heard {
    pub body: String,
    pub accepted: bool,
}

#[derive(Debug)]
pub(crate) struct State {
    pub now: i64,
    pub tables: Tables,
    pub books: Books,
    /// What only histories of billing have.
    pub billing: Ledger,
    /// By endpoint and id.
    pub heard: BTreeMap<(Uuid, String), Heard>,
    pub agenda: Agenda,
    pub lives: Vec<Life>,
    pub runs: BTreeMap<(Pid, JobKey, i64), AbortHandle>,
    pub timed_out: BTreeSet<(Pid, JobKey, i64)>,
    pub finished: Vec<(Pid, JobKey, i64)>,
    /// A commit added or moved jobs since the workers last looked.
    pub rang: bool,
    /// Orders that a client was told are taken, by index.
    pub taken: BTreeSet<usize>,
    /// Closes that were asked for with success.
    pub asked: BTreeSet<usize>,
    /// Notifications that the channel was told are stored.
    pub acknowledged: BTreeSet<Uuid>,
    /// Payments whose jobs an operator or the queue lost.
    pub robbed: BTreeSet<Uuid>,
    /// The fence of the latest claim of each job, as the claimers saw it.
    pub claims: BTreeMap<JobKey, i64>,
    /// Money that persons have really transferred to payers, by leg.
    pub transfers: BTreeMap<LegId, i64>,
    /// Of these, those whose confirmation is on the books.
    pub confirmed: BTreeSet<LegId>,
    /// Orders whose client was told that its further payment is taken, or refused.
    pub added: BTreeSet<(usize, u32)>,
    /// Choices that were answered.
    pub chosen: BTreeSet<(usize, usize)>,
    /// The payments that choices have become.
    pub picked: BTreeMap<(usize, Part), PaymentId>,
    /// Calls for captures, by number.
    pub capture_calls: BTreeMap<String, u32>,
    /// Holds that a program with a planted bug has the channel take at once.
    pub wrongly_automatic: BTreeSet<String>,
    /// Payments that ended once.
    pub ended: BTreeSet<PaymentId>,
    /// What merchants had to be told, by what happened to the rows.
    pub told: BTreeMap<(OrderId, EventKind), usize>,
    /// Wishes for refunds that were answered.
    pub answered: BTreeSet<(usize, usize, u32)>,
    /// Calls for refunds, by number.
    pub refund_calls: BTreeMap<String, u32>,
    /// Create calls that are still on their way to the channel, by number.
    pub on_the_way: BTreeMap<String, u32>,
    /// Whether a clock was ever wrong: then windows of time are no proof.
    pub clocks_wrong: bool,
    /// Closes whose query a planted bug leaves out.
    pub just_closed: BTreeSet<(Pid, String)>,
    pub violations: Vec<String>,
    pub coverage: Coverage,
    pub trace: Option<Vec<String>>,
    pub hash: u64,
    pub quiet: bool,
    pub planted: Option<Planted>,
    pub crash_at: Option<CrashAt>,
    /// The process that dies as soon as its step is over.
    pub dies: Option<Pid>,
    rates: BTreeMap<Fault, u64>,
    dice: BTreeMap<Fault, SeededChance>,
    pub pace: SeededChance,
    longest_step_ms: u64,
}

/// What a history is made of.
pub(crate) struct Making {
    pub seed: u64,
    pub rates: BTreeMap<Fault, u64>,
    pub longest_step_ms: u64,
    pub planted: Option<Planted>,
    pub crash_at: Option<CrashAt>,
    pub trace: bool,
}

/// A stream of chance of its own for each purpose, so that leaving one fault out leaves the others' dice.
pub(crate) fn stream(seed: u64, purpose: u64) -> SeededChance {
    SeededChance::new(mix(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ mix(purpose)))
}

impl State {
    fn new(making: Making) -> Self {
        let dice = (1..).zip(Fault::ALL).map(|(i, f)| (*f, stream(making.seed, i))).collect();
        Self {
            now: BEGIN_MS,
            tables: Tables::default(),
            books: Books::default(),
            billing: Ledger::default(),
            heard: BTreeMap::new(),
            agenda: Agenda::new(making.seed),
            lives: Vec::new(),
            runs: BTreeMap::new(),
            timed_out: BTreeSet::new(),
            finished: Vec::new(),
            rang: false,
            taken: BTreeSet::new(),
            asked: BTreeSet::new(),
            acknowledged: BTreeSet::new(),
            robbed: BTreeSet::new(),
            claims: BTreeMap::new(),
            transfers: BTreeMap::new(),
            confirmed: BTreeSet::new(),
            added: BTreeSet::new(),
            answered: BTreeSet::new(),
            chosen: BTreeSet::new(),
            picked: BTreeMap::new(),
            capture_calls: BTreeMap::new(),
            wrongly_automatic: BTreeSet::new(),
            ended: BTreeSet::new(),
            told: BTreeMap::new(),
            refund_calls: BTreeMap::new(),
            on_the_way: BTreeMap::new(),
            clocks_wrong: false,
            just_closed: BTreeSet::new(),
            violations: Vec::new(),
            coverage: Coverage { histories: 1, ..Coverage::default() },
            trace: making.trace.then(Vec::new),
            hash: 0,
            quiet: false,
            planted: making.planted,
            crash_at: making.crash_at,
            dies: None,
            rates: making.rates,
            dice,
            pace: stream(making.seed, 1_000),
            longest_step_ms: making.longest_step_ms,
        }
    }

    /// Whether `fault` strikes now.
    pub fn strikes(&mut self, fault: Fault) -> bool {
        let rate = self.rates.get(&fault).copied().unwrap_or(0);
        if self.quiet || rate == 0 {
            return false;
        }
        let strikes = self.dice.get(&fault).is_some_and(|d| d.below(1_000) < rate);
        if strikes {
            self.count(fault);
        }
        strikes
    }

    /// Counts trouble that the world's own rules make.
    pub fn count(&mut self, fault: Fault) {
        *self.coverage.faults.entry(fault).or_default() += 1;
        self.note(|| format!("fault: {}", fault.name()));
    }

    /// A number of the fault's own stream.
    pub fn dice(&self, fault: Fault, from: i64, to: i64) -> i64 {
        let span = u64::try_from(to - from).unwrap_or(0) + 1;
        let drawn = self.dice.get(&fault).map_or(0, |d| d.below(span));
        from + i64::try_from(drawn).unwrap_or(0)
    }

    /// A number of the stream that makes the pace.
    pub fn between(&self, from: i64, to: i64) -> i64 {
        let span = u64::try_from(to - from).unwrap_or(0) + 1;
        from + i64::try_from(self.pace.below(span)).unwrap_or(0)
    }

    fn step_ms(&self) -> i64 {
        let longest = if self.quiet { 20 } else { self.longest_step_ms };
        1 + i64::try_from(self.pace.below(longest)).unwrap_or(0)
    }

    pub fn at(&mut self, delay_ms: i64, event: Event) {
        self.agenda.add(self.now + delay_ms, event);
    }

    /// Adds to the trace.
    pub fn note(&mut self, text: impl FnOnce() -> String) {
        let now = self.now;
        if let Some(trace) = &mut self.trace {
            if trace.len() >= MAX_TRACE {
                trace.drain(..MAX_TRACE / 2);
            }
            let ms = now - BEGIN_MS;
            trace.push(format!("{:>9}.{:03} {}", ms / 1_000, ms % 1_000, text()));
        }
    }

    /// Adds to the history's hash.
    pub fn mark(&mut self, word: u64) {
        self.hash = mix(self.hash.rotate_left(7) ^ word);
    }

    pub fn mark_uuid(&mut self, id: Uuid) {
        let (high, low) = id.as_u64_pair();
        self.mark(high ^ low.rotate_left(32));
    }

    pub fn violated(&mut self, law: &str, text: impl Into<String>) {
        let text = format!("{law}: {}", text.into());
        self.note(|| format!("VIOLATION {text}"));
        if !self.violations.contains(&text) {
            self.violations.push(text);
        }
    }

    pub fn is_alive(&self, pid: Pid) -> bool {
        self.lives.get(pid).is_some_and(|l| l.alive)
    }

    pub fn skew(&self, pid: Pid) -> i64 {
        self.lives.get(pid).map_or(0, |l| l.skew.load(Ordering::SeqCst))
    }

    /// Kills a process at once: nothing that it does from now on happens.
    pub fn kill(&mut self, pid: Pid) {
        let Some(life) = self.lives.get_mut(pid).filter(|l| l.alive) else { return };
        life.alive = false;
        let worker = life.worker;
        self.note(|| format!("process {pid} dies"));
        let delay = self.between(500, 20_000);
        self.at(delay, Event::Restart { worker });
    }

    /// Whether a worker dies before its call; it may as well die after it, or stand still.
    fn falls_over(&mut self, pid: Pid) -> bool {
        if self.strikes(Fault::Zombie) {
            let until = self.now + self.dice(Fault::Zombie, super::process::LEASE_MS, 4 * super::process::LEASE_MS);
            if let Some(life) = self.lives.get_mut(pid) {
                life.paused_until = until;
            }
        }
        if self.strikes(Fault::JobDuplicated) {
            self.at(1, Event::Billing(super::billing::Happening::Twice));
        }
        if !self.strikes(Fault::Crash) {
            return false;
        }
        let before = self.dice(Fault::Crash, 0, 1) == 0;
        if before {
            self.kill(pid);
        } else {
            self.dies = Some(pid);
        }
        before
    }

    /// Whether a step is taken at once, without a place on the agenda: most are where a history is long.
    fn hurries(&self, pid: Pid) -> bool {
        let brisk = self.billing.brisk;
        let free = self.lives.get(pid).is_some_and(|l| l.alive && l.paused_until <= self.now);
        brisk > 1 && free && self.pace.below(brisk) != 0
    }

    /// Counts a call of a process; whether it dies of it.
    fn call(&mut self, pid: Pid, seam: &'static str) -> bool {
        self.mark(u64::try_from(pid).unwrap_or(0) ^ (u64::try_from(seam.len()).unwrap_or(0) << 8));
        self.note(|| format!("process {pid}: {seam}"));
        if seam.starts_with(UPKEEP) || !self.lives.get(pid).is_some_and(|l| l.worker) {
            return false;
        }
        self.coverage.calls += 1;
        if self.billing.on && self.falls_over(pid) {
            return true;
        }
        match self.crash_at.filter(|c| c.call == self.coverage.calls).map(|c| c.when) {
            Some(CrashWhen::Before) => {
                self.kill(pid);
                true
            }
            Some(CrashWhen::After) => {
                self.dies = Some(pid);
                false
            }
            None => false,
        }
    }

    /// Writes changes, as the program with the planted bug would.
    pub fn commit(&mut self, pid: Pid, changes: &[Change]) -> Vec<Answer> {
        let mut answers = Vec::with_capacity(changes.len());
        for change in changes {
            let fence = change.settle.as_ref().map(|s| (s.key, s.fence));
            let mut change = change.clone();
            if let Some(planted) = self.planted {
                planted.spoil(&mut change, &self.tables);
            }
            if let Some(planted) = self.billing.planted {
                planted.spoil(&mut change, self);
            }
            if let Some(subject) = monitor::unwritten(&change) {
                self.violated("store", format!("a change appends to {subject} without writing it"));
            }
            let before = monitor::before(&self.tables, &change);
            let answer = self.tables.write(&change);
            self.mark(u64::from(answer == Answer::Committed) + 2);
            if answer == Answer::Committed {
                if let Some((key, fence)) = fence
                    && self.claims.get(&key).is_some_and(|latest| *latest > fence)
                {
                    self.violated("fence", format!("{key} was settled by a claim that is not the latest"));
                }
                self.rang |= !change.jobs.is_empty() || change.settle.is_some();
                monitor::committed(self, pid, &before, &change);
                if self.billing.on {
                    super::billing::watch::committed(self, &change);
                }
            } else {
                self.note(|| format!("process {pid}: {answer:?} {:?}", change.settle.as_ref().map(|s| s.key)));
            }
            answers.push(answer);
        }
        answers
    }
}

/// A handle of the world.
#[derive(Clone, Debug)]
pub(crate) struct World {
    state: Arc<Mutex<State>>,
    /// The true time; also the database's and the channel's.
    now: Arc<AtomicI64>,
}

impl World {
    pub fn new(making: Making) -> Self {
        Self { state: Arc::new(Mutex::new(State::new(making))), now: Arc::new(AtomicI64::new(BEGIN_MS)) }
    }

    pub fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Moves time.
    pub fn advance(&self, to_ms: i64) {
        self.now.store(to_ms, Ordering::SeqCst);
        self.lock().now = to_ms;
    }

    /// A step of process `pid` towards `seam`: waits for its turn. A dead process waits for ever.
    pub async fn step(&self, pid: Pid, at_least_ms: i64) {
        let (wake, woken) = oneshot::channel();
        {
            let mut state = self.lock();
            if state.dies == Some(pid) {
                state.dies = None;
                state.kill(pid);
            }
            if at_least_ms == 0 && state.hurries(pid) {
                return;
            }
            let delay = state.step_ms().max(at_least_ms);
            state.at(delay, Event::Wake(pid, wake));
        }
        if woken.await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Arrives at a seam: one more call of a worker.
    pub async fn arrive(&self, pid: Pid, seam: &'static str) {
        self.step(pid, 0).await;
        if self.lock().call(pid, seam) {
            std::future::pending::<()>().await;
        }
    }

    /// Calls the database. The auditor comes when the history is over: he takes no turn, and no fault strikes him.
    pub async fn database<T>(
        &self,
        pid: Pid,
        seam: &'static str,
        act: impl FnOnce(&mut State) -> T,
    ) -> Result<T, StoreError> {
        if pid == AUDITOR {
            return Ok(act(&mut self.lock()));
        }
        self.arrive(pid, seam).await;
        let answer = {
            let mut state = self.lock();
            if state.strikes(Fault::StoreBefore) {
                Err(StoreError::Unavailable("simulated, before the commit".to_owned()))
            } else {
                let done = act(&mut state);
                let lost = state.strikes(Fault::StoreAfter);
                if lost { Err(StoreError::Unavailable("simulated, after the commit".to_owned())) } else { Ok(done) }
            }
        };
        self.step(pid, 0).await;
        answer
    }
}

/// A process' own clock.
#[derive(Debug)]
pub(crate) struct OwnClock {
    now: Arc<AtomicI64>,
    skew: Arc<AtomicI64>,
}

impl OwnClock {
    pub fn new(world: &World, skew: Arc<AtomicI64>) -> Self {
        Self { now: world.now.clone(), skew }
    }
}

impl Clock for OwnClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.now.load(Ordering::SeqCst) + self.skew.load(Ordering::SeqCst))
    }
}
