//! What happens next: it knows the order of events by time and by the seed, and must never know what an
//! event does.

use std::collections::BTreeMap;

use bursar_core::chance::mix;
use bursar_core::id::ChannelAccountId;
use bursar_core::job::{JobKey, Queue};
use tokio::sync::oneshot;

/// A simulated process; a restarted one is another.
pub(crate) type Pid = usize;

/// An event.
#[derive(Debug)]
pub(crate) enum Event {
    /// A step of a process may go on.
    Wake(Pid, oneshot::Sender<()>),
    /// A worker looks for jobs.
    Look(Pid),
    /// A worker renews its leases.
    Renew(Pid),
    /// A run has taken too long.
    RunLimit(Pid, JobKey, i64),
    /// A client places its order (again).
    Place(usize),
    /// Somebody wants an order closed.
    CloseWish(usize),
    /// The payer of an order does something.
    Pay(usize),
    /// Money lands.
    Land(String),
    /// A create call arrives late.
    Arrive { number: String, account: ChannelAccountId, amount_minor: i64 },
    /// The channel wants to tell of a payment.
    Notify { number: String, attempt: usize },
    /// A message reaches the gateway.
    Hand { account: ChannelAccountId, proof: String, body: String, number: Option<String> },
    /// Time for trouble.
    Trouble,
    /// A worker or the gateway starts again.
    Restart { worker: bool },
    /// A queue goes on.
    Resume(Queue),
    /// Operators look after parked jobs, once it is quiet.
    Rounds,
    /// Troubles end.
    Quiet,
}

impl Event {
    /// Whether the world is not at rest while it is on the agenda.
    pub fn matters(&self) -> bool {
        !matches!(self, Self::Wake(..) | Self::Look(_) | Self::Renew(_) | Self::RunLimit(..) | Self::Rounds)
    }
}

/// Events by time; those of one instant in an order that the seed decides.
#[derive(Debug)]
pub(crate) struct Agenda {
    events: BTreeMap<(i64, u64, u64), Event>,
    seed: u64,
    count: u64,
    mattering: usize,
}

impl Agenda {
    pub fn new(seed: u64) -> Self {
        Self { events: BTreeMap::new(), seed, count: 0, mattering: 0 }
    }

    pub fn add(&mut self, at_ms: i64, event: Event) {
        self.count += 1;
        self.mattering += usize::from(event.matters());
        self.events.insert((at_ms, mix(self.seed ^ self.count), self.count), event);
    }

    pub fn next(&mut self) -> Option<(i64, Event)> {
        let ((at, ..), event) = self.events.pop_first()?;
        self.mattering -= usize::from(event.matters());
        Some((at, event))
    }

    /// Whether nothing on it could change money.
    pub fn at_rest(&self) -> bool {
        self.mattering == 0
    }
}
