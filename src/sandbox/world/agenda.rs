//! What happens next: it knows the order of events by time and by the seed, and must never know what an
//! event does.

use std::collections::BTreeMap;

use bursar_core::chance::mix;
use bursar_core::id::{ChannelAccountId, LegId};
use bursar_core::job::{JobKey, Queue};
use tokio::sync::oneshot;

use super::billing::Happening;
use super::books::Ask;

/// A simulated process; a restarted one is another.
pub(crate) type Pid = usize;
/// Whoever reads a history that is over: no process, so no number of one.
pub(crate) const AUDITOR: Pid = Pid::MAX;

/// A part of an order: one of those that it was placed with, one that was added, or one that was chosen.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Part {
    /// By position.
    Placed(usize),
    Added,
    /// What its payer chose, by choice.
    Picked(usize),
}

/// What happens to a refund at the channel by itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Turn {
    /// It arrives, or does not.
    Arrive,
    /// It comes back.
    Reverse,
    /// Staff mends what came back.
    Mend,
}

/// What a channel takes note of when its message is acknowledged.
#[derive(Clone, Debug)]
pub(crate) enum Ack {
    /// That a number was paid.
    Paid(String),
    /// A letter about a refund's number.
    Refund(String, usize),
    /// A slip about a payment's number.
    Slip(String, usize),
}

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
    /// The payer of a part of an order does something.
    Pay(usize, Part),
    /// A payer chooses a way (again): the order, the choice.
    Pick(usize, usize),
    /// A line of a statement, or a collection, is told to us.
    Tell { line: String, back: bool, copy: u32 },
    /// A bank takes money back.
    TakeBack { line: String },
    /// A merchant says what shall become of a hold.
    HoldWish { number: String, take: bool, attempt: u32 },
    /// The channel lets a hold go.
    HoldLapses(String),
    /// The channel has collected what a service came to.
    Collect { number: String, minor: i64 },
    /// A capture call arrives late.
    ArriveCapture { number: String, name: String, minor: i64 },
    /// A payer complains to his bank.
    Complain(String),
    /// His complaint is decided.
    Decided { number: String, won: bool },
    /// The channel wants to tell something else of a payment.
    Slip { number: String, slip: usize, attempt: usize },
    /// Somebody takes an order's last moment to pay for its end, whatever is awaited (a planted bug).
    Overdue(usize),
    /// A client adds a payment to its order (again).
    AddPayment(usize, u32),
    /// A merchant asks for a refund: the order, the wish, the try.
    Wish(usize, usize, u32),
    /// A person sees to what waits for persons.
    Clerk,
    /// A person confirms a transfer that was made.
    Confirm(LegId),
    /// Money lands.
    Land(String),
    /// A create call arrives late.
    Arrive { number: String, ask: Ask },
    /// A call for a refund arrives late.
    ArriveRefund { number: String, account: ChannelAccountId, payment: String, amount_minor: i64 },
    /// A call for the second way arrives late.
    ArriveSecond { number: String, account: ChannelAccountId, refund_id: String },
    /// Something happens to a refund at the channel.
    Bank { number: String, turn: Turn },
    /// The channel wants to tell of a refund.
    NotifyRefund { number: String, letter: usize, attempt: usize },
    /// The channel wants to tell of a payment.
    Notify { number: String, attempt: usize },
    /// A message reaches the gateway.
    Hand { account: ChannelAccountId, proof: String, body: String, ack: Option<Ack> },
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
    /// Something of a history of billing.
    Billing(Happening),
}

impl Event {
    /// Whether the world is not at rest while it is on the agenda.
    pub fn matters(&self) -> bool {
        !matches!(
            self,
            Self::Wake(..) | Self::Look(_) | Self::Renew(_) | Self::RunLimit(..) | Self::Rounds | Self::Clerk
        )
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
