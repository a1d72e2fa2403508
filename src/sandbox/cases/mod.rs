//! The sandbox as a merchant meets it: these cases know the documents and a merchant's half of the
//! keys, and must never use the sandbox's own signing or reading.

mod admin;
mod agreements;
mod alipay;
mod bill_flaws;
mod bills;
mod certificates;
mod debits;
mod faults;
mod folder;
mod merchant;
mod notifications;
mod orders;
mod payers;
mod receiver;
mod refund_faults;
mod refund_news;
mod refund_refusals;
mod refunder;
mod refunds;
mod refusals;
mod services;
mod sink;
mod stripe;
mod unionpay;

use std::sync::Arc;
use std::time::Duration;

use bursar_core::clock::{ManualClock, Timestamp};

use crate::{AgreementMix, Faults, PayerMix, Sandbox, SandboxConfig, start};
use merchant::{Shop, keys};
use receiver::Receiver;

/// 2026-11-22T09:00:00+08:00.
const START_MS: i64 = 1_795_309_200_000;

/// A sandbox, its clock, a merchant and the place where its notifications arrive.
struct Stage {
    sandbox: Sandbox,
    clock: Arc<ManualClock>,
    shop: Shop,
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
    let shop = Shop::new(sandbox.base_url(), receiver.url(), clock.clone());
    Stage { sandbox, clock, shop, receiver }
}

fn faults(faults: Faults) -> impl FnOnce(&mut SandboxConfig) {
    move |config| config.faults = faults
}

fn payers(payers: PayerMix) -> impl FnOnce(&mut SandboxConfig) {
    move |config| config.payers = payers
}

/// Everybody signs soon, stays and has the money, unless a tag or a purse says otherwise.
fn faithful(config: &mut SandboxConfig) {
    config.payers.agreements = AgreementMix::faithful();
}

/// Waits until `done` says so; the bound only keeps a broken test from hanging.
async fn eventually(what: &str, mut done: impl FnMut() -> bool) {
    for _ in 0..4_000 {
        if done() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("never happened: {what}");
}

impl Stage {
    /// Moves the clock to the next thing that is due.
    async fn skip_to_next(&self) {
        let timers = &self.sandbox.world.timers;
        eventually("something is due", || timers.next_due_ms().is_some()).await;
        let next = timers.next_due_ms().unwrap_or(0);
        self.clock.advance_ms((next - self.now_ms()).max(0));
    }

    /// Steps until `done` says so, but not to what is due in hours.
    async fn until(&self, what: &str, done: impl Fn() -> bool) {
        for _ in 0..200 {
            if done() {
                return;
            }
            let next = self.sandbox.world.timers.next_due_ms();
            if next.is_none_or(|due_ms| due_ms > self.now_ms() + 3_600_000) {
                return eventually(what, &done).await;
            }
            self.step().await;
        }
        panic!("never happened: {what}");
    }

    fn agreement(&self, number: &str) -> crate::AgreementEntry {
        self.sandbox.agreements().into_iter().find(|entry| entry.agreement == number).unwrap()
    }

    fn now_ms(&self) -> i64 {
        use bursar_core::clock::Clock;
        self.clock.now().as_millis()
    }

    fn entry(&self, number: &str) -> crate::BookEntry {
        self.sandbox.books().into_iter().find(|entry| entry.out_trade_no == number).unwrap()
    }
}
