//! One town: it knows how events are taken from the agenda one by one over years, and must never know what must hold at
//! the end.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use bursar_core::Chance;
use bursar_core::billing::InstallmentState;
use bursar_core::chance::{SeededChance, mix};
use bursar_core::clock::{DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS, Timestamp};
use bursar_core::id::OrderId;
use bursar_core::job::{JobKey, Queue};
use bursar_core::payment::PaymentState;
use bursar_core::plan::Plans;
use bursar_jobs::JobContext;

use super::cast::{self, Contract, Payer};
use super::ledger::Ledger;
use super::line::{Debit, arrives_late};
use super::moods::Load;
use super::report::{BillingReport, BillingSetup};
use super::wishes::Story;
use super::{laws, people};
use crate::world::agenda::{Event, Pid};
use crate::world::crew;
use crate::world::faults::Fault;
use crate::world::process::{self, LEASE_MS, Process};
use crate::world::state::{BEGIN_MS, Making, State, World, stream};

/// Workers of a town, and one gateway.
const WORKERS: usize = 3;
/// Clocks are wrong by as much.
pub(super) const SKEW_MS: i64 = 2 * MINUTE_MS;
/// How long nobody is at work.
pub(super) const DOWN_DAYS: i64 = 3;
/// After the last due day everything comes to its end within this: what is never paid is written off after sixty days.
const AFTERMATH_MS: i64 = 110 * DAY_MS;
/// Troubles end so long before the end.
const CALM_MS: i64 = 40 * DAY_MS;
/// Clients and payers try again after so long.
const AGAIN_MS: i64 = 90 * SECOND_MS;
/// Longest way of one step where a town is slow, in milliseconds.
const LONGEST_STEP_MS: u64 = 400;
/// More events than any day of a town and of each of its payers has.
const MAX_STEPS_A_DAY: (u64, u64) = (4_000, 600);

/// What happens in a town.
#[derive(Debug)]
pub(crate) enum Happening {
    /// A client asks for something, until it is told yes or no.
    Wants(Want),
    /// A payer signs.
    Signs(String),
    /// A debit call arrives late.
    Arrives(Debit),
    /// A payer pays an order himself.
    Hand(OrderId),
    /// Somebody looks after what is overdue.
    Rounds,
    /// Clocks are set, and worse.
    Trouble,
    /// A job is given to a second worker.
    Twice,
    /// A payer ends his agreement.
    Ends(usize),
    /// Nobody is at work from now on.
    Down,
    /// Everybody is back.
    Up,
    /// Troubles end.
    Calm,
}

/// What a client asks for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Want {
    /// The consent of a payer.
    Agreement(usize),
    /// The contract of a payer to be taken.
    Plan(usize, usize),
    /// A schedule.
    Schedule(usize),
    /// The wish about a payer's contract.
    Wish(usize, usize, usize),
}

pub(super) struct Town {
    world: World,
    setup: BillingSetup,
    processes: Vec<Process>,
    plans: Arc<Plans>,
    chance: SeededChance,
    ends_ms: i64,
}

impl Town {
    pub fn new(setup: &BillingSetup, plans: Plans) -> Self {
        let world = World::new(Making {
            seed: setup.seed,
            rates: setup.load.rates(),
            longest_step_ms: LONGEST_STEP_MS,
            planted: None,
            crash_at: None,
            trace: setup.trace,
        });
        let ends_ms = BEGIN_MS + (i64::from(setup.years) * 366 + 31) * DAY_MS + AFTERMATH_MS;
        let chance = stream(setup.seed, 7_001);
        Self { world, setup: setup.clone(), processes: Vec::new(), plans: Arc::new(plans), chance, ends_ms }
    }

    /// Plays it to its end and checks the laws; `forge` may change the books before that, as tests of the laws do.
    pub async fn run(mut self, forge: impl FnOnce(&mut State)) -> BillingReport {
        self.begin();
        let mut steps = 0_u64;
        let most = MAX_STEPS_A_DAY.0 + MAX_STEPS_A_DAY.1 * u64::from(self.setup.payers);
        let (mut day, mut today) = (0, 0_u64);
        loop {
            for _ in 0..3 {
                tokio::task::yield_now().await;
            }
            crew::look_around(&self.world, &mut self.processes);
            let next = self.world.lock().agenda.next();
            let Some((at, event)) = next.filter(|(at, _)| *at <= self.ends_ms) else { break };
            self.world.advance(at);
            self.handle(event);
            steps += 1;
            today = if at / DAY_MS == day { today + 1 } else { 0 };
            day = at / DAY_MS;
            if today > most {
                let text = format!("the town spins: {today} steps until {}", super::almanac::shown(at));
                self.world.lock().violated("nothing-stuck", text);
                break;
            }
        }
        let mut state = self.world.lock();
        state.now = state.now.max(self.ends_ms);
        state.coverage.steps = steps;
        forge(&mut state);
        let figures = laws::check(&mut state, &self.setup);
        BillingReport {
            setup: self.setup.clone(),
            hash: state.hash,
            violations: std::mem::take(&mut state.violations),
            figures,
            trace: state.trace.take().unwrap_or_default(),
        }
    }

    fn begin(&mut self) {
        {
            let mut state = self.world.lock();
            state.billing = Ledger {
                on: true,
                brisk: self.setup.load.brisk(),
                upkeep_ms: Some(self.setup.load.upkeep_ms()),
                planted: self.setup.planted,
                seed: self.setup.seed,
                load: self.setup.load,
                ..Ledger::default()
            };
            // Windows of time are no proof where clocks are wrong.
            state.clocks_wrong = true;
            cast::assemble(&mut state, &self.setup);
        }
        for index in 0..=WORKERS {
            self.start(index < WORKERS);
        }
        let mut state = self.world.lock();
        let payers = state.billing.payers.clone();
        let mut plan = |at_ms: i64, happening| state.agenda.add(at_ms, Event::Billing(happening));
        for (index, payer) in payers.iter().enumerate() {
            let first = payer.contracts.iter().map(|c| c.opens_ms).min().unwrap_or(BEGIN_MS);
            plan(first - HOUR_MS / 2, Happening::Wants(Want::Agreement(index)));
            for (nth, contract) in payer.contracts.iter().enumerate() {
                plan(contract.opens_ms, Happening::Wants(Want::Plan(index, nth)));
                for (which, (_, at_ms, _)) in contract.story.wishes().iter().enumerate() {
                    plan(*at_ms, Happening::Wants(Want::Wish(index, nth, which)));
                }
                if let Story::PayerEnds { at_ms } = contract.story {
                    plan(at_ms, Happening::Ends(index));
                }
            }
        }
        for index in 0..3 {
            plan(BEGIN_MS + MINUTE_MS, Happening::Wants(Want::Schedule(index)));
        }
        // Nobody is at work around a day on which much is due: the night before the last of a month.
        let years = u64::from(self.setup.years);
        let month = i64::try_from(2 + self.chance.below(years * 12 - 2)).unwrap_or(3);
        let last = super::almanac::Ymd::new(2026, 1, 31).months_later(month);
        let down_ms = BEGIN_MS + (last.ordinal() - super::almanac::Ymd::new(2026, 1, 1).ordinal()) * DAY_MS
            - HOUR_MS * i64::try_from(self.chance.below(60)).unwrap_or(0);
        plan(down_ms, Happening::Down);
        plan(down_ms + DOWN_DAYS * DAY_MS, Happening::Up);
        plan(BEGIN_MS + DAY_MS, Happening::Rounds);
        plan(BEGIN_MS + 7 * HOUR_MS, Happening::Trouble);
        plan(self.ends_ms - CALM_MS, Happening::Calm);
        state.billing.down.push((down_ms, down_ms + DOWN_DAYS * DAY_MS));
    }

    fn start(&mut self, worker: bool) {
        let process = process::start(&self.world, self.setup.seed, &self.plans, worker);
        let state = self.world.lock();
        let skew = if state.quiet { 0 } else { state.between(-SKEW_MS, SKEW_MS) };
        if let Some(life) = state.lives.get(process.pid) {
            life.skew.store(skew, Ordering::SeqCst);
        }
        drop(state);
        self.processes.push(process);
    }

    fn is_down(&self) -> bool {
        let state = self.world.lock();
        state.billing.down.iter().any(|(from, until)| *from <= state.now && state.now < *until)
    }

    fn gateway(&self) -> Option<JobContext> {
        let state = self.world.lock();
        self.processes.iter().find(|p| !p.worker && state.is_alive(p.pid)).map(|p| p.context.clone())
    }

    fn handle(&mut self, event: Event) {
        match event {
            Event::Wake(pid, wake) => crew::wake(&self.world, pid, wake),
            Event::Look(pid) => crew::look(&self.world, &mut self.processes, pid),
            Event::Renew(pid) => crew::renew(&self.world, &mut self.processes, pid),
            Event::RunLimit(pid, key, fence) => crew::limit(&self.world, pid, key, fence),
            Event::Restart { worker } => {
                self.world.lock().billing.deaths += 1;
                if !self.is_down() {
                    self.start(worker);
                }
            }
            Event::Resume(queue) => {
                let mut state = self.world.lock();
                state.tables.paused.remove(&queue);
                state.rang = true;
            }
            Event::Arrive { number, ask } => {
                let mut state = self.world.lock();
                let now = state.now;
                state.books.create(&number, ask, now, 0);
                if let Some(count) = state.on_the_way.get_mut(&number) {
                    *count -= 1;
                }
            }
            Event::ArriveRefund { number, account, payment, amount_minor } => {
                let mut state = self.world.lock();
                let now = state.now;
                if !state.books.givings.rows.contains_key(&number) {
                    state.books.give(&number, account, &payment, amount_minor, now);
                    state.sets_out(&number);
                }
            }
            Event::Bank { number, .. } => {
                let mut state = self.world.lock();
                let now = state.now;
                state.books.turn(&number, crate::world::giving::Stage::Success, now);
            }
            Event::Billing(happening) => self.happens(happening),
            // Messages of channels: towns have none, everything is asked for.
            _ => {}
        }
    }

    fn happens(&mut self, happening: Happening) {
        match happening {
            Happening::Wants(want) => self.wants(want),
            Happening::Signs(number) => {
                let mut state = self.world.lock();
                let now = state.now;
                if let Some(mandate) = state.billing.mandates.get_mut(&number) {
                    mandate.signed_ms = mandate.signed_ms.or(Some(now));
                }
            }
            Happening::Arrives(debit) => arrives_late(&mut self.world.lock(), &debit),
            Happening::Hand(order) => self.hand(order),
            Happening::Rounds => self.rounds(),
            Happening::Trouble => self.trouble(),
            Happening::Twice => {
                if let Some(key) = self.any_job(|j| j.owner.is_some()) {
                    self.claim_again(key);
                }
            }
            Happening::Ends(index) => {
                let mut state = self.world.lock();
                let now = state.now;
                let agreement = state.billing.payers.get(index).and_then(|p| p.debit).map(|(id, _)| id.bare());
                if let Some(mandate) = agreement.and_then(|number| state.billing.mandates.get_mut(&number)) {
                    mandate.ended_ms = mandate.ended_ms.or(Some(now));
                }
            }
            Happening::Down => {
                let mut state = self.world.lock();
                state.note(|| "nobody is at work".to_owned());
                state.lives.iter_mut().for_each(|l| l.alive = false);
            }
            Happening::Up => {
                for index in 0..=WORKERS {
                    self.start(index < WORKERS);
                }
            }
            Happening::Calm => {
                let mut state = self.world.lock();
                (state.quiet, state.rang) = (true, true);
                state.tables.paused.clear();
                let now = state.now;
                for life in &mut state.lives {
                    life.paused_until = life.paused_until.min(now);
                    life.skew.store(0, Ordering::SeqCst);
                }
            }
        }
    }

    /// A client asks until it is told yes or no.
    fn wants(&self, want: Want) {
        let (payers, clockworks) = {
            let state = self.world.lock();
            let index = match want {
                Want::Agreement(i) | Want::Plan(i, _) | Want::Wish(i, ..) => state.billing.payers.get(i).cloned(),
                Want::Schedule(_) => None,
            };
            let clockwork = match want {
                Want::Schedule(i) => state.billing.clockworks.get(i).map(|c| c.row.clone()),
                _ => None,
            };
            (index, clockwork)
        };
        let contract = |nth: usize| payers.as_ref().and_then(|p: &Payer| p.contracts.get(nth)).cloned();
        let name = match want {
            Want::Agreement(index) => format!("agree {index}"),
            Want::Plan(index, nth) => format!("open {index} {nth}"),
            Want::Schedule(index) => format!("schedule {index}"),
            Want::Wish(index, nth, which) => format!("wish {index} {nth} {which}"),
        };
        {
            let mut state = self.world.lock();
            let done = &state.billing.done;
            if done.contains_key(&name) || done.contains_key(&format!("refused {name}")) {
                return;
            }
            state.at(AGAIN_MS, Event::Billing(Happening::Wants(want)));
        }
        let (Some(context), world) = (self.gateway(), self.world.clone()) else { return };
        match (want, payers.clone()) {
            (Want::Agreement(_), Some(payer)) => drop(tokio::spawn(people::agree(world, context, name, payer))),
            (Want::Plan(_, nth), Some(payer)) => {
                if let Some(contract) = contract(nth) {
                    tokio::spawn(people::open(world, context, name, payer, contract));
                }
            }
            (Want::Wish(_, nth, which), Some(_)) => self.wish(context, name, contract(nth), which),
            (Want::Schedule(_), _) => {
                if let Some(row) = clockworks {
                    tokio::spawn(people::schedule(world, context, name, row));
                }
            }
            _ => {}
        }
    }

    fn wish(&self, context: JobContext, name: String, contract: Option<Contract>, which: usize) {
        let Some(contract) = contract else { return };
        let Some((_, _, wish)) = contract.story.wishes().into_iter().nth(which) else { return };
        tokio::spawn(people::wish(self.world.clone(), context, name, contract, wish));
    }

    /// A payer pays an order himself: he chooses, gets a code, and pays.
    fn hand(&self, order: OrderId) {
        let mut state = self.world.lock();
        let now = state.now;
        let Some(dossier) = state.tables.dossier(order) else { return };
        if dossier.order.state.is_final() || dossier.order.expires_at.as_millis() < now {
            return;
        }
        let by_hand = dossier.payments.iter().find(|p| p.agreement.is_none() && !p.state.is_final());
        let number =
            by_hand.filter(|p| p.state == PaymentState::AwaitingPayer).map(bursar_core::payment::Payment::number);
        let payable = number.and_then(|n| state.books.entries.get(&n).filter(|e| e.payable(now)).map(|e| (n, e.ask)));
        if let Some((number, ask)) = payable {
            state.note(|| format!("the payer of {number} pays by hand"));
            state.books.land(&number, ask.amount_minor, true, now);
            return;
        }
        state.at(AGAIN_MS, Event::Billing(Happening::Hand(order)));
        let chosen = by_hand.is_some();
        drop(state);
        if let (false, Some(context)) = (chosen, self.gateway()) {
            tokio::spawn(people::pick(self.world.clone(), context, order));
        }
    }

    /// Who is told that he is late pays some day; some pay before they are asked again.
    fn rounds(&self) {
        let mut state = self.world.lock();
        state.at(DAY_MS, Event::Billing(Happening::Rounds));
        let heavy = self.setup.load == Load::Heavy;
        let wait = |i: &bursar_core::billing::Installment| {
            i.state == InstallmentState::Overdue
                || (heavy && matches!(i.state, InstallmentState::RetryWait | InstallmentState::Charging))
        };
        let waiting: Vec<(OrderId, bool)> = {
            let rows = state.tables.installments.values().filter(|i| wait(i));
            let rows = rows.filter_map(|i| Some((i.order?, i.state == InstallmentState::Overdue)));
            rows.filter(|(order, _)| !state.billing.hands.contains(order)).collect()
        };
        for (order, late) in waiting {
            // In small towns some pay before the next call, and some never: each order has a payer of one mind.
            let dice = mix(order.uuid().as_u64_pair().1 ^ u64::from(late)) % 10;
            if heavy && (if late { dice == 0 } else { dice > 3 }) {
                if late {
                    state.billing.hands.insert(order);
                }
                continue;
            }
            state.billing.hands.insert(order);
            let delay = i64::try_from(self.chance.below(if late { 12 } else { 2 } * 86_400_000)).unwrap_or(0);
            state.at(delay, Event::Billing(Happening::Hand(order)));
        }
    }

    fn trouble(&mut self) {
        let (gap_ms, heavy) = match self.setup.load {
            Load::Light => (DAY_MS, false),
            Load::Heavy => (5 * HOUR_MS, true),
        };
        {
            let mut state = self.world.lock();
            if state.quiet {
                return;
            }
            let pause = state.between(gap_ms / 2, gap_ms * 3 / 2);
            state.at(pause, Event::Billing(Happening::Trouble));
            // Somebody's clock is set, wrongly.
            let skew = state.between(-SKEW_MS, SKEW_MS);
            let alive: Vec<Pid> = (0..state.lives.len()).filter(|pid| state.is_alive(*pid)).collect();
            let which = usize::try_from(state.pace.below(u64::try_from(alive.len().max(1)).unwrap_or(1))).unwrap_or(0);
            if let Some(life) = alive.get(which).and_then(|pid| state.lives.get(*pid)) {
                life.skew.store(skew, Ordering::SeqCst);
            }
            state.rang = true;
        }
        if heavy {
            self.lost_jobs();
        }
    }

    fn any_job(&self, of: impl Fn(&crate::world::tables::Job) -> bool) -> Option<JobKey> {
        let state = self.world.lock();
        let jobs = state.tables.jobs.values().filter(|j| j.key.kind.queue() != Queue::Upkeep && of(j));
        let keys: Vec<JobKey> = jobs.map(|j| j.key).collect();
        let count = u64::try_from(keys.len().max(1)).unwrap_or(1);
        keys.get(usize::try_from(self.chance.below(count)).unwrap_or(0)).copied()
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
            if state.strikes(Fault::JobRetried) {
                let now = Timestamp::from_millis(state.now);
                if let Some(job) = state.tables.jobs.get_mut(&key) {
                    (job.due_at, job.attempts, job.question) = (now, 0, None);
                }
                state.rang = true;
            }
            if state.strikes(Fault::JobDelayed) {
                let delay = state.dice(Fault::JobDelayed, 1_000, 10 * MINUTE_MS);
                if let Some(job) = state.tables.jobs.get_mut(&key) {
                    job.due_at = job.due_at.plus_ms(delay);
                }
            }
            if state.strikes(Fault::QueuePaused) {
                state.tables.paused.insert(Queue::Money);
                let until = state.dice(Fault::QueuePaused, 30_000, 15 * MINUTE_MS);
                state.at(until, Event::Resume(Queue::Money));
            }
        }
    }

    /// Gives a claimed job to another worker as well. The older fence must lose.
    fn claim_again(&mut self, key: JobKey) {
        let mut state = self.world.lock();
        let alive = |p: &&mut Process| p.worker && state.is_alive(p.pid);
        let Some(process) = self.processes.iter_mut().rev().find(alive) else { return };
        let until = state.now + LEASE_MS;
        let Some(claimed) = state.tables.lease(key, process.owner, until) else { return };
        state.claims.insert(key, claimed.fence);
        drop(state);
        crew::execute(&self.world, process, claimed);
    }
}
