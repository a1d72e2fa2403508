//! Workers at work: it knows how they look for jobs, hold leases and go on, as the real worker does, and must never
//! know what a job is about.

use bursar_core::clock::Timestamp;
use bursar_core::job::{JobKey, Queue};
use bursar_jobs::Running;
use bursar_store::{ClaimRequest, Claimed};
use tokio::sync::oneshot;

use super::agenda::{Event, Pid};
use super::faults::Fault;
use super::process::{self, LEASE_MS, Process, RENEW_MS, SLOTS};
use super::state::World;

/// The instant until which a process stands still; `None` when it does not.
fn paused(world: &World, pid: Pid) -> Option<i64> {
    let state = world.lock();
    state.lives.get(pid).map(|l| l.paused_until).filter(|until| *until > state.now)
}

/// A step of a process may go on.
pub(crate) fn wake(world: &World, pid: Pid, wake: oneshot::Sender<()>) {
    if let Some(until) = paused(world, pid) {
        let mut state = world.lock();
        let at = until + state.between(0, 200);
        state.agenda.add(at, Event::Wake(pid, wake));
        return;
    }
    if world.lock().is_alive(pid) {
        // The sender's end of a dead process is dropped unsent: its step never ends.
        let _gone = wake.send(());
    }
}

/// Takes note of finished runs and lets workers look where there is something to find.
pub(crate) fn look_around(world: &World, processes: &mut [Process]) {
    let (finished, rang) = {
        let mut state = world.lock();
        (std::mem::take(&mut state.finished), std::mem::take(&mut state.rang))
    };
    for (pid, key, fence) in &finished {
        if let Some(process) = processes.get_mut(*pid) {
            process.held.remove(&(*key, *fence));
        }
    }
    if rang || !finished.is_empty() {
        let alive: Vec<Pid> = {
            let state = world.lock();
            state.lives.iter().enumerate().filter(|(_, l)| l.alive && l.worker).map(|(pid, _)| pid).collect()
        };
        for pid in alive {
            if let Some(process) = processes.get_mut(pid) {
                plan_look(world, process);
            }
        }
    }
}

/// A worker looks for jobs.
pub(crate) fn look(world: &World, processes: &mut [Process], pid: Pid) {
    let paused = paused(world, pid);
    let Some(process) = processes.get_mut(pid) else { return };
    let mut state = world.lock();
    if process.looks_at != Some(state.now) || !state.is_alive(pid) {
        return;
    }
    process.looks_at = None;
    if let Some(until) = paused {
        process.looks_at = Some(until);
        state.agenda.add(until, Event::Look(pid));
        return;
    }
    let free = |queue: Queue| {
        let held = process.held.iter().filter(|(k, _)| k.kind.queue() == queue).count();
        SLOTS.saturating_sub(u32::try_from(held).unwrap_or(SLOTS))
    };
    let now = state.now;
    let request = ClaimRequest {
        owner: process.owner,
        wanted: Queue::ALL.into_iter().map(|q| (q, free(q))).collect(),
        now: Timestamp::from_millis(now + state.skew(pid)),
        lease_ms: LEASE_MS,
    };
    let claimed = state.tables.claim(&request, now);
    let lost = !claimed.is_empty() && state.strikes(Fault::ClaimLost);
    for job in &claimed {
        state.claims.insert(job.key, job.fence);
        state.note(|| format!("process {pid} claims {} fence {}", job.key, job.fence));
    }
    drop(state);
    if !lost {
        for job in claimed {
            execute(world, process, job);
        }
    }
    plan_look(world, process);
}

/// A worker renews its leases.
pub(crate) fn renew(world: &World, processes: &mut [Process], pid: Pid) {
    let paused = paused(world, pid);
    let Some(process) = processes.get_mut(pid) else { return };
    let mut state = world.lock();
    process.renews = false;
    if !state.is_alive(pid) || process.held.is_empty() {
        return;
    }
    process.renews = true;
    if let Some(until) = paused {
        let at = until + state.between(1, 1_000);
        state.agenda.add(at, Event::Renew(pid));
        return;
    }
    let held: Vec<(JobKey, i64)> = process.held.iter().copied().collect();
    let until = state.now + LEASE_MS;
    let kept = state.tables.renew(process.owner, &held, until);
    for (key, fence) in held.into_iter().filter(|(k, _)| !kept.contains(k)) {
        state.note(|| format!("process {pid} lost its lease of {key}"));
        if let Some(run) = state.runs.get(&(pid, key, fence)) {
            run.abort();
        }
    }
    state.at(RENEW_MS, Event::Renew(pid));
}

/// A run has taken too long.
pub(crate) fn limit(world: &World, pid: Pid, key: JobKey, fence: i64) {
    let paused = paused(world, pid);
    let mut state = world.lock();
    if let Some(until) = paused {
        // Its timers wake with it, and race its calls.
        let at = until + state.between(1, 2_000);
        state.agenda.add(at, Event::RunLimit(pid, key, fence));
        return;
    }
    if let Some(run) = state.runs.get(&(pid, key, fence)) {
        run.abort();
        state.timed_out.insert((pid, key, fence));
    }
}

/// Runs a claimed job on its process.
pub(crate) fn execute(world: &World, process: &mut Process, claimed: Claimed) {
    let (key, fence) = (claimed.key, claimed.fence);
    process.held.insert((key, fence));
    let job = Running { claimed, owner: process.owner };
    let mut state = world.lock();
    state.at(key.kind.run_limit_ms(), Event::RunLimit(process.pid, key, fence));
    if !process.renews {
        process.renews = true;
        state.at(RENEW_MS, Event::Renew(process.pid));
    }
    drop(state);
    tokio::spawn(process::run(world.clone(), process.pid, process.context.clone(), job));
}

/// Plans when a worker looks for jobs next.
fn plan_look(world: &World, process: &mut Process) {
    let mut state = world.lock();
    if !process.worker || !state.is_alive(process.pid) {
        return;
    }
    let full: Vec<Queue> = Queue::ALL
        .into_iter()
        .filter(|q| process.held.iter().filter(|(k, _)| k.kind.queue() == *q).count() >= SLOTS as usize)
        .collect();
    let Some(next) = state.tables.next_claim_ms(state.skew(process.pid), &full) else { return };
    let at = next.max(state.now) + state.between(1, 60);
    if process.looks_at.is_none_or(|planned| planned > at) {
        process.looks_at = Some(at);
        state.agenda.add(at, Event::Look(process.pid));
    }
}
