//! One history: it knows how events are taken from the agenda one by one, and must never know what must
//! hold at the end.

use std::sync::Arc;

use bursar_core::Chance;
use bursar_core::chance::SeededChance;
use bursar_core::clock::{DAY_MS, HOUR_MS, MINUTE_MS, Timestamp};
use bursar_core::id::OrderId;
use bursar_core::job::{JobKey, JobKind, Queue};
use bursar_core::order::Order;
use bursar_core::plan::Plans;

use super::agenda::{Event, Part};
use super::planted::Planted;
use super::process::{self, Process};
use super::report::Report;
use super::script::{self, Script};
use super::setup::Setup;
use super::state::{BEGIN_MS, Making, World, stream};
use super::{cast, crew, gateway, holds, laws, ledger_laws};

/// Workers of a history, and one gateway.
const WORKERS: usize = 3;
/// A history that has not come to rest by then is stuck.
const LONGEST_MS: i64 = 30 * DAY_MS;
/// As many steps as a hundred long histories have.
const MAX_STEPS: u64 = 400_000;

/// A history while it is played.
pub(crate) struct History {
    pub world: World,
    pub setup: Setup,
    pub scripts: Vec<Script>,
    pub processes: Vec<Process>,
    pub plans: Arc<Plans>,
    pub payers: SeededChance,
    pub long: bool,
}

impl History {
    pub fn new(setup: &Setup, plans: Plans) -> Self {
        let character = setup.character();
        let rates = character.rates().into_iter().filter(|(f, _)| !setup.without.contains(f)).collect();
        let world = World::new(Making {
            seed: setup.seed,
            rates,
            longest_step_ms: character.longest_step_ms(),
            planted: setup.planted,
            crash_at: setup.crash_at,
            trace: setup.trace,
        });
        let scripts = script::draw(setup.seed, setup.orders, character);
        let payers = stream(setup.seed, 1_001);
        let long = stream(setup.seed, 1_002).below(6) == 0;
        Self { world, setup: setup.clone(), scripts, processes: Vec::new(), plans: Arc::new(plans), payers, long }
    }

    /// Plays it.
    pub async fn run(mut self) -> Report {
        self.begin();
        let mut steps = 0_u64;
        loop {
            // Everything that can go on without the world goes on: one round empties the runtime's queue,
            // the others are for tasks that wake tasks beyond its fairness bound.
            for _ in 0..3 {
                tokio::task::yield_now().await;
            }
            crew::look_around(&self.world, &mut self.processes);
            if self.at_rest() {
                break;
            }
            let next = self.world.lock().agenda.next();
            let Some((at, event)) = next else { break };
            self.world.advance(at);
            self.handle(event);
            steps += 1;
            if steps > MAX_STEPS || at > BEGIN_MS + LONGEST_MS {
                let jobs: Vec<JobKey> = self.world.lock().tables.jobs.keys().copied().collect();
                self.world.lock().violated("I4", format!("not at rest after {steps} steps; jobs {jobs:?}"));
                break;
            }
        }
        ledger_laws::check(&self.world);
        let mut state = self.world.lock();
        state.coverage.steps = steps;
        laws::check(&mut state, &self.scripts);
        holds::count_endings(&mut state);
        Report {
            setup: self.setup.clone(),
            hash: state.hash,
            violations: std::mem::take(&mut state.violations),
            coverage: std::mem::take(&mut state.coverage),
            trace: state.trace.take().unwrap_or_default(),
        }
    }

    fn begin(&mut self) {
        cast::assemble(&mut self.world.lock(), self.setup.seed);
        for index in 0..=WORKERS {
            self.start(index < WORKERS);
        }
        let mut state = self.world.lock();
        for (index, script) in self.scripts.iter().enumerate() {
            state.agenda.add(script.placed_ms, Event::Place(index));
            if let Some(at) = script.closes_ms {
                state.agenda.add(at, Event::CloseWish(index));
            }
            for part in (0..script.parts.len()).map(Part::Placed) {
                if let Some(at) = script.pays_ms(part, &self.payers) {
                    state.agenda.add(at.max(script.placed_ms), Event::Pay(index, part));
                }
            }
            for (nth, pick) in script.picks.iter().enumerate() {
                state.agenda.add(pick.at_ms, Event::Pick(index, nth));
            }
            if state.planted == Some(Planted::ByHandExpires) {
                state.agenda.add(script.expires_ms, Event::Overdue(index));
            }
            if let Some(addition) = script.addition {
                state.agenda.add(addition.at_ms, Event::AddPayment(index, 0));
            }
            for (nth, wish) in script.wishes.iter().enumerate() {
                state.agenda.add(wish.at_ms, Event::Wish(index, nth, 0));
            }
        }
        let storm_ms = if self.long { 26 * HOUR_MS } else { 45 * MINUTE_MS };
        state.at(storm_ms, Event::Quiet);
        state.at(1_000, Event::Trouble);
        state.at(MINUTE_MS, Event::Clerk);
    }

    pub fn start(&mut self, worker: bool) {
        let process = process::start(&self.world, self.setup.seed, &self.plans, worker);
        self.processes.push(process);
    }

    /// The gateway that runs now, if one does.
    pub fn gateway(&self) -> Option<&Process> {
        let state = self.world.lock();
        self.processes.iter().find(|p| !p.worker && state.is_alive(p.pid))
    }

    fn handle(&mut self, event: Event) {
        match event {
            Event::Wake(pid, wake) => crew::wake(&self.world, pid, wake),
            Event::Look(pid) => crew::look(&self.world, &mut self.processes, pid),
            Event::Renew(pid) => crew::renew(&self.world, &mut self.processes, pid),
            Event::RunLimit(pid, key, fence) => crew::limit(&self.world, pid, key, fence),
            Event::Place(index) => self.place(index),
            Event::CloseWish(index) => self.close_wish(index),
            Event::Pay(index, part) => self.pay(index, part),
            Event::AddPayment(index, attempt) => self.add_payment(index, attempt),
            Event::Pick(index, nth) => self.pick(index, nth),
            Event::Overdue(index) => self.overdue(index),
            Event::Tell { line, back, copy } => self.tell(&line, back, copy),
            Event::TakeBack { line } => self.take_back(&line),
            Event::HoldWish { number, take, attempt } => self.hold_wish(&number, take, attempt),
            Event::HoldLapses(number) => self.hold_lapses(&number),
            Event::Collect { number, minor } => self.collected(&number, minor),
            Event::ArriveCapture { number, name, minor } => self.arrive_capture(&number, &name, minor),
            Event::Complain(number) => self.complain(&number),
            Event::Decided { number, won } => self.decided(&number, won),
            Event::Slip { number, slip, attempt } => self.slip(&number, slip, attempt),
            Event::Wish(index, wish, attempt) => self.wish(index, wish, attempt),
            Event::Clerk => self.clerk(),
            Event::Confirm(leg) => self.confirm(leg),
            Event::Bank { number, turn } => self.bank(&number, turn),
            Event::NotifyRefund { number, letter, attempt } => self.notify_refund(&number, letter, attempt),
            Event::ArriveRefund { number, account, payment, amount_minor } => {
                self.arrive_refund(&number, account, &payment, amount_minor);
            }
            Event::ArriveSecond { number, account, refund_id } => self.arrive_second(&number, account, &refund_id),
            Event::Land(number) => self.land(&number),
            Event::Arrive { number, ask } => {
                let mut state = self.world.lock();
                let now = state.now;
                state.books.create(&number, ask, now, 0);
                if let Some(count) = state.on_the_way.get_mut(&number) {
                    *count -= 1;
                }
                state.note(|| format!("a late create call arrives: {number}"));
            }
            Event::Notify { number, attempt } => self.notify(&number, attempt),
            Event::Hand { account, proof, body, ack } => {
                let Some(gateway) = self.gateway() else { return };
                let (world, context) = (self.world.clone(), gateway.context.clone());
                tokio::spawn(gateway::take(world, context, account, proof, body, ack));
            }
            Event::Trouble => self.trouble(),
            Event::Restart { worker } => self.start(worker),
            Event::Resume(queue) => {
                let mut state = self.world.lock();
                state.tables.paused.remove(&queue);
                state.rang = true;
            }
            Event::Rounds => self.rounds(),
            Event::Quiet => self.quiet(),
            // Of another kind of history.
            Event::Billing(_) => {}
        }
    }

    fn quiet(&mut self) {
        let mut state = self.world.lock();
        state.note(|| "quiet".to_owned());
        state.quiet = true;
        state.rang = true;
        state.tables.paused.clear();
        let now = state.now;
        for life in &mut state.lives {
            life.paused_until = life.paused_until.min(now);
            life.skew.store(0, std::sync::atomic::Ordering::SeqCst);
        }
        state.at(HOUR_MS, Event::Rounds);
    }

    /// Operators unpark what only crashes parked; strangers' money stays with them.
    fn rounds(&self) {
        let mut state = self.world.lock();
        let now = Timestamp::from_millis(state.now);
        for job in state.tables.jobs.values_mut() {
            if job.question.is_some() && job.key.kind != JobKind::HandleNotification {
                (job.question, job.attempts, job.due_at) = (None, 0, now);
            }
        }
        state.rang = true;
        state.at(6 * HOUR_MS, Event::Rounds);
    }

    /// Whether nothing is left that could change money.
    fn at_rest(&self) -> bool {
        let state = self.world.lock();
        if !state.quiet || !state.agenda.at_rest() {
            return false;
        }
        let upkeep = |key: &JobKey| key.kind.queue() == Queue::Upkeep;
        let overdue = |order: &Order| laws::rests_overdue(&state, order.id);
        let waits = |job: &super::tables::Job| {
            upkeep(&job.key)
                || (job.question.is_some() && job.key.kind == JobKind::HandleNotification)
                || (job.key.kind == JobKind::ExpireOrder
                    && state.tables.orders.get(&OrderId(job.key.subject)).is_some_and(overdue))
        };
        let owed = state.tables.payments.values().any(|p| p.due_at.is_some())
            || state.tables.orders.values().any(|o| o.due_at.is_some() && !overdue(o))
            || state.tables.legs.values().any(|l| l.due_at.is_some());
        let untold = state.tables.deliveries.values().any(|d| d.delivered_at.is_none() && d.given_up_at.is_none());
        !owed
            && !untold
            && state.tables.jobs.values().all(waits)
            && self
                .processes
                .iter()
                .filter(|p| state.is_alive(p.pid))
                .all(|p| p.held.iter().all(|(k, _)| upkeep(k) || k.kind == JobKind::ExpireOrder))
    }
}
