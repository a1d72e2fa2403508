//! Notifications on their way: it knows the schedule of attempts and how their faults look, and must never
//! know what they say.

use std::sync::Arc;
use std::time::Duration;

use http::HeaderMap;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;

use crate::faults::NotificationFault;
use crate::shared::Shared;
use crate::timers::{About, Due};
use crate::wechat::letter::Letter;
use crate::wechat::sign;
use crate::{SandboxError, dice};

/// Waits after failed attempts, in seconds of the sandbox clock, by the documents: about a day in all.
pub(crate) const WAITS_S: [i64; 15] =
    [15, 15, 30, 180, 600, 1_200, 1_800, 1_800, 1_800, 3_600, 10_800, 10_800, 10_800, 21_600, 21_600];
/// A merchant who has not answered after this real time has failed, by the documents.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);
/// Attempts under way at once: enough for thousands a second on loopback, few enough for descriptors.
const AT_ONCE: usize = 64;
/// How late a late first attempt is.
const LATE_MS: (i64, i64) = (60_000, 1_800_000);
/// How long a reordered first attempt is held back.
const HELD_BACK_MS: (i64, i64) = (2_000, 10_000);

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

    async fn deliver(&self, client: &reqwest::Client, delivery: Delivery) -> Result<(), SandboxError> {
        let Some(letter) = self.write_letter(delivery.about)? else { return Ok(()) };
        if delivery.probe && !self.is_out() {
            let mut headers = sign::headers(&letter.signer, self.pace.now_seconds(), &letter.body)?;
            sign::spoil(&mut headers, true);
            if push(client, &letter, headers).await == Some(true) {
                self.tally.change(|counters| counters.probes_accepted += 1);
            }
        }
        let started = std::time::Instant::now();
        // During an outage nothing leaves; the attempt fails like any other.
        let answered = if self.is_out() {
            None
        } else {
            let headers = sign::headers(&letter.signer, self.pace.now_seconds(), &letter.body)?;
            push(client, &letter, headers).await
        };
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
            self.note_accepted(delivery.about);
        } else if !delivery.extra {
            self.try_again(delivery);
        }
        Ok(())
    }

    fn try_again(&self, Delivery { about, attempt, .. }: Delivery) {
        match WAITS_S.get(attempt) {
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
        .timeout(ANSWER_WITHIN)
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
async fn push(client: &reqwest::Client, letter: &Letter, headers: HeaderMap) -> Option<bool> {
    let request = client
        .post(&letter.url)
        .headers(headers)
        .header("content-type", "application/json; charset=utf-8")
        .header("accept", "*/*")
        .body(letter.body.clone());
    let response = request.send().await.ok()?;
    let accepted = response.status().is_success();
    // Read to the end, so that the connection can be used again; what it says does not matter.
    response.bytes().await.ok()?;
    Some(accepted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schedule_of_attempts_lasts_about_a_day() {
        assert_eq!(WAITS_S.iter().sum::<i64>(), 24 * 3_600 + 4 * 60);
    }
}
