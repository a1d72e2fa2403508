//! The outbox: it knows when a notification is attempted and repeated and how its faults look, whatever the
//! channel, and must never know what it says.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;

use crate::faults::NotificationFault;
use crate::front::{Front, Letter};
use crate::shared::Shared;
use crate::timers::{About, Due};
use crate::{Channel, SandboxError, dice};

/// Attempts under way at once: enough for thousands a second on loopback, few enough for descriptors.
const AT_ONCE: usize = 64;
/// How late a late first attempt is.
const LATE_MS: (i64, i64) = (60_000, 1_800_000);
/// How long a reordered first attempt is held back.
const HELD_BACK_MS: (i64, i64) = (2_000, 10_000);
/// More of an answer is not read.
const ANSWER_LIMIT_BYTES: usize = 64 * 1024;

/// One attempt to be made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Delivery {
    about: About,
    attempt: usize,
    /// A duplicate: its failure is not repeated.
    extra: bool,
    /// A probe goes ahead.
    probe: bool,
}

impl Shared {
    /// An attempt is due: faults may strike it.
    pub(crate) fn notification_due(&self, about: About, attempt: usize) {
        let fate = self.fate_of(about);
        let turn = u64::try_from(attempt).unwrap_or(u64::MAX);
        let draw = dice::draw(&[fate, 20, turn]);
        let fault = self.faults().strikes_notification(draw, attempt == 0);
        if let Some(fault) = fault {
            self.tally.fault(fault.name());
        }
        let later = |range| {
            let at_ms = self.pace.now_ms().saturating_add(dice::within(dice::draw(&[fate, 21]), range));
            self.timers.add(at_ms, Due::NotifyDelayed { about, attempt });
        };
        let plain = Delivery { about, attempt, extra: false, probe: false };
        match fault {
            Some(NotificationFault::Never | NotificationFault::Lost) => {}
            Some(NotificationFault::Late) => later(LATE_MS),
            Some(NotificationFault::Reordered) => later(HELD_BACK_MS),
            Some(NotificationFault::Duplicated) => {
                self.post(plain);
                self.post(Delivery { extra: true, ..plain });
            }
            Some(NotificationFault::Probe) => self.post(Delivery { probe: true, ..plain }),
            None => self.post(plain),
        }
    }

    /// An attempt that a fault has delayed.
    pub(crate) fn notification_delayed(&self, about: About, attempt: usize) {
        self.post(Delivery { about, attempt, extra: false, probe: false });
    }

    fn post(&self, delivery: Delivery) {
        // The receiver lives as long as the sandbox; while it stops, letters may be dropped.
        let _ = self.outbox.send(delivery);
    }

    /// The seeded number from which everything about a notification is drawn.
    fn fate_of(&self, about: About) -> u64 {
        let orders = self.orders();
        let drawn = |fate, event| dice::draw(&[fate, 5, u64::try_from(event).unwrap_or(u64::MAX)]);
        match about {
            About::Order { order, event } => orders.list.get(order).map_or(0, |order| match event {
                0 => order.fate,
                event => drawn(order.fate, event),
            }),
            About::Refund { refund, event } => {
                orders.refunds.list.get(refund).map_or(0, |refund| drawn(refund.fate, event))
            }
            About::Agreement { agreement, event } => {
                orders.agreements.list.get(agreement).map_or(0, |agreement| drawn(agreement.fate, event))
            }
        }
    }

    fn channel_of(&self, about: About) -> Option<Channel> {
        let orders = self.orders();
        match about {
            About::Order { order, .. } => orders.list.get(order).map(|order| order.channel),
            About::Refund { refund, .. } => orders.refunds.list.get(refund).map(|refund| refund.channel),
            About::Agreement { agreement, .. } => orders.agreements.list.get(agreement).map(|one| one.channel),
        }
    }

    /// The merchant acknowledged a notification.
    fn note_accepted(&self, about: About) {
        let mut orders = self.orders();
        let count = match about {
            About::Order { order, .. } => orders.list.get_mut(order).map(|order| &mut order.notifications_accepted),
            About::Refund { refund, .. } => {
                orders.refunds.list.get_mut(refund).map(|refund| &mut refund.notifications_accepted)
            }
            About::Agreement { agreement, .. } => {
                orders.agreements.list.get_mut(agreement).map(|one| &mut one.notifications_accepted)
            }
        };
        if let Some(count) = count {
            *count += 1;
        }
    }

    async fn deliver(&self, client: &reqwest::Client, delivery: Delivery) -> Result<(), SandboxError> {
        let about = delivery.about;
        let Some(channel) = self.channel_of(about) else { return Ok(()) };
        let front = self.front(channel);
        if delivery.probe
            && !self.is_out()
            && let Some(forged) = front.letter(self, about, true)?
            && push(client, front, forged).await == Some(true)
        {
            self.tally.change(|counters| counters.probes_accepted += 1);
        }
        let Some(letter) = front.letter(self, about, false)? else { return Ok(()) };
        let started = std::time::Instant::now();
        // During an outage nothing leaves; the attempt fails like any other.
        let answered = if self.is_out() { None } else { push(client, front, letter).await };
        let took = started.elapsed();
        self.tally.change(|counters| {
            counters.notifications_sent += 1;
            match answered {
                Some(true) => {
                    counters.notifications_accepted += 1;
                    counters.acknowledged(took);
                }
                Some(false) => counters.notifications_refused += 1,
                None => counters.notifications_unanswered += 1,
            }
        });
        if answered == Some(true) {
            self.note_accepted(about);
        } else if !delivery.extra {
            self.try_again(delivery, front.waits_s());
        }
        Ok(())
    }

    fn try_again(&self, Delivery { about, attempt, .. }: Delivery, waits_s: &[i64]) {
        match waits_s.get(attempt) {
            Some(wait_s) => {
                let due_ms = self.pace.now_ms().saturating_add(wait_s * 1_000);
                self.timers.add(due_ms, Due::Notify { about, attempt: attempt + 1 });
            }
            None => self.tally.change(|counters| counters.notifications_given_up += 1),
        }
    }
}

/// The client that pushes: pooled, without redirects and proxies.
pub(crate) fn client() -> Result<reqwest::Client, SandboxError> {
    reqwest::Client::builder()
        // Each push has its channel's own, shorter limit.
        .timeout(Duration::from_secs(60))
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .user_agent("Mozilla/4.0")
        .pool_max_idle_per_host(AT_ONCE)
        .build()
        .map_err(|error| SandboxError::Client(error.to_string()))
}

/// Makes the attempts as they come, for ever.
pub(crate) async fn run(world: Arc<Shared>, client: reqwest::Client, mut inbox: mpsc::UnboundedReceiver<Delivery>) {
    let gate = Arc::new(Semaphore::new(AT_ONCE));
    let mut under_way = JoinSet::new();
    while let Some(delivery) = inbox.recv().await {
        let Ok(permit) = gate.clone().acquire_owned().await else { return };
        while under_way.try_join_next().is_some() {}
        let (world, client) = (world.clone(), client.clone());
        under_way.spawn(async move {
            if let Err(error) = world.deliver(&client, delivery).await {
                tracing::error!(%error, "the sandbox cannot write a notification");
            }
            drop(permit);
        });
    }
}

/// Posts a letter: whether the merchant accepted it, `None` when there was no answer in time.
async fn push(client: &reqwest::Client, front: &dyn Front, letter: Letter) -> Option<bool> {
    let request = client
        .post(&letter.url)
        .timeout(front.answer_within())
        .header("accept", "*/*")
        .headers(letter.headers)
        .body(letter.body);
    let mut response = request.send().await.ok()?;
    let status = response.status().as_u16();
    // Read to the end, so that the connection can be used again.
    let mut body = Vec::new();
    while let Some(piece) = response.chunk().await.ok()? {
        if body.len() + piece.len() > ANSWER_LIMIT_BYTES {
            return Some(false);
        }
        body.extend_from_slice(&piece);
    }
    Some(front.acknowledged(status, &body))
}
