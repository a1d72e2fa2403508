//! Alipay as a merchant meets it: these cases know the documents and a merchant's half of the keys, and must
//! never use the sandbox's own signing or reading.

mod agreements;
mod app;
mod bills;
mod certificates;
mod debits;
mod faults;
mod freezes;
mod notices;
mod pages;
mod receiver;
mod refunds;
mod refusals;
mod trades;

use std::sync::Arc;

use bursar_core::clock::{ManualClock, Timestamp};

use super::merchant::keys;
use super::{START_MS, eventually};
use crate::{BookEntry, PayMode, RefundEntry, Sandbox, SandboxConfig, start};
use app::App;
use receiver::Receiver;

const HOUR_MS: i64 = 3_600_000;

/// A sandbox, its clock, an application and the place where its notifications arrive.
struct Stage {
    sandbox: Sandbox,
    clock: Arc<ManualClock>,
    app: App,
    receiver: Receiver,
}

async fn stage() -> Stage {
    stage_with(|_| {}).await
}

async fn stage_with(change: impl FnOnce(&mut SandboxConfig)) -> Stage {
    let clock = Arc::new(ManualClock::at(Timestamp::from_millis(START_MS)));
    let mut config = SandboxConfig::new(clock.clone(), &keys().provisioned);
    config.fault_hold_ms = 10;
    change(&mut config);
    let sandbox = start(config).await.unwrap();
    let receiver = Receiver::start().await;
    let app = App::new(sandbox.base_url(), receiver.url(), clock.clone());
    Stage { sandbox, clock, app, receiver }
}

impl Stage {
    /// Moves the clock to the next thing that is due, and waits until it has fired.
    async fn step(&self) {
        let timers = &self.sandbox.world.timers;
        eventually("something is due", || timers.next_due_ms().is_some()).await;
        let due_ms = timers.next_due_ms();
        self.clock.advance_ms((due_ms.unwrap_or(0) - self.now_ms()).max(0));
        eventually("it fires", || timers.next_due_ms() != due_ms && timers.is_quiet()).await;
    }

    /// Steps until `done` says so.
    async fn until(&self, what: &str, done: impl Fn() -> bool) {
        for _ in 0..200 {
            if done() {
                return;
            }
            // What is due in days is the end of a trade's life: only what is under way can be awaited now.
            if self.next_due_ms().is_none_or(|ms| ms > self.now_ms() + HOUR_MS) {
                return eventually(what, &done).await;
            }
            self.step().await;
        }
        panic!("never happened: {what}");
    }

    fn now_ms(&self) -> i64 {
        use bursar_core::clock::Clock;
        self.clock.now().as_millis()
    }

    fn next_due_ms(&self) -> Option<i64> {
        self.sandbox.world.timers.next_due_ms()
    }

    fn pay(&self, number: &str, mode: PayMode) -> Result<(), &'static str> {
        self.sandbox.pay(&keys().provisioned.alipay.app_id, number, mode)
    }

    /// A trade that was paid by code, without a notification.
    async fn paid(&self, number: &str) {
        self.app.precreate(number, "cleaning [payer:never]").await;
        self.pay(number, PayMode::Silent).unwrap();
    }

    fn entry(&self, number: &str) -> BookEntry {
        self.sandbox.books().into_iter().find(|entry| entry.out_trade_no == number).unwrap()
    }

    fn refund_entry(&self, number: &str) -> RefundEntry {
        self.sandbox.refunds().into_iter().find(|entry| entry.out_refund_no == number).unwrap()
    }
}
