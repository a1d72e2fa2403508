//! Stripe as a merchant meets it: these cases know the documents and a merchant's half of the keys, and must never use
//! the sandbox's own signing or reading.

mod balance;
mod caller;
mod disputes;
mod ends;
mod intents;
mod keys;
mod letters;
mod off_session;
mod refunds;
mod refusals;

use std::sync::Arc;

use bursar_core::clock::{ManualClock, Timestamp};
use serde_json::Value;

use super::{START_MS, eventually};
use crate::{Sandbox, SandboxConfig, start};
use caller::{Caller, Inbox, provisioned};

/// A sandbox, its clock, a merchant's client and the place where messages arrive.
struct Stage {
    sandbox: Sandbox,
    clock: Arc<ManualClock>,
    caller: Caller,
    inbox: Inbox,
}

async fn stage() -> Stage {
    stage_with(|_| {}).await
}

async fn stage_with(change: impl FnOnce(&mut SandboxConfig)) -> Stage {
    let clock = Arc::new(ManualClock::at(Timestamp::from_millis(START_MS)));
    let mut config = SandboxConfig::new(clock.clone(), provisioned());
    config.fault_hold_ms = 10;
    change(&mut config);
    let sandbox = start(config).await.unwrap();
    let inbox = Inbox::start().await;
    sandbox.set_stripe_endpoint(&provisioned().stripe.account_id, &inbox.url()).unwrap();
    Stage { caller: Caller::new(sandbox.base_url()), sandbox, clock, inbox }
}

impl Stage {
    /// Moves the clock to the next thing that is due, and waits until all of it has happened.
    async fn skip_to_next(&self) {
        let timers = &self.sandbox.world.timers;
        eventually("something is due", || timers.next_due_ms().is_some()).await;
        let next = timers.next_due_ms().unwrap_or(0);
        self.clock.advance_ms((next - self.now_ms()).max(0));
        eventually("it has happened", || {
            timers.next_due_ms().is_none_or(|due_ms| due_ms > self.now_ms()) && timers.is_quiet()
        })
        .await;
    }

    fn now_ms(&self) -> i64 {
        use bursar_core::clock::Clock;
        self.clock.now().as_millis()
    }

    fn entry(&self, number: &str) -> crate::BookEntry {
        self.sandbox.books().into_iter().find(|entry| entry.out_trade_no == number).unwrap()
    }

    /// An intent that its payer has paid.
    async fn paid(&self, number: &str) -> Value {
        let intent = self.caller.create(number, &[]).await;
        self.pay(number);
        intent
    }

    fn pay(&self, number: &str) {
        self.sandbox.pay(&provisioned().stripe.account_id, number, crate::PayMode::Normal).unwrap();
    }

    /// Waits until a message of this type has come, and gives it.
    async fn message(&self, kind: &str) -> Value {
        for _ in 0..20 {
            if let Some(found) = self.inbox.events().into_iter().find(|event| event["type"] == kind) {
                return found;
            }
            let before = self.inbox.count();
            self.skip_to_next().await;
            let timers = &self.sandbox.world.timers;
            eventually("a message or something else", || {
                self.inbox.count() > before || timers.next_due_ms().is_some() || self.inbox.count() > 0
            })
            .await;
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        panic!("no {kind} has come");
    }
}
