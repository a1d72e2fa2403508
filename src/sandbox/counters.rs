//! Counts of what happened: it knows numbers and names only, and must never hold an order's facts.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};

/// What the sandbox did since it started.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counters {
    /// Requests to a channel, refused and faulted ones included.
    pub requests: u64,
    /// Verified and well-formed requests by operation. WeChat's: `create`, `query`, `close`, `certificates`,
    /// `refund`, `query_refund`, `apply_abnormal_refund`; those of other channels stand behind the channel's name,
    /// such as `alipay.query`.
    pub operations: BTreeMap<String, u64>,
    /// Refusals by the channel's error code.
    pub refusals: BTreeMap<String, u64>,
    /// Orders that were created (a repeated create is not counted again).
    pub orders: u64,
    /// Payments that took a payer's money.
    pub payments: u64,
    /// Of those, payments that came after the order was closed.
    pub late_payments: u64,
    /// Debits under an agreement that the payer's side declined.
    #[serde(default)]
    pub declines: u64,
    /// Payers' attempts that failed.
    pub failed_attempts: u64,
    /// Refunds that were accepted (a repeated request is not counted again).
    pub refunds: u64,
    /// Times that a refund's money went to a payer.
    pub refund_effects: u64,
    /// Times that it came back from there.
    pub refund_reversals: u64,
    /// Refunds whose money a payer got twice: always 0, or this sandbox is wrong.
    pub refunds_doubled: u64,
    /// Notifications sent, each attempt and copy counted, probes not.
    pub notifications_sent: u64,
    /// Of those, answered 2xx in time.
    pub notifications_accepted: u64,
    /// Of those, answered otherwise.
    pub notifications_refused: u64,
    /// Of those, not answered at all within five seconds.
    pub notifications_unanswered: u64,
    /// Notifications whose whole schedule of attempts failed.
    pub notifications_given_up: u64,
    /// How long the merchant took to answer accepted notifications: counts by upper bound in real
    /// milliseconds, not cumulative.
    pub acknowledged_within_ms: BTreeMap<u64, u64>,
    /// Probes with a wrong signature that the merchant accepted: each is a defect of the merchant.
    pub probes_accepted: u64,
    /// Faults actually played, by the name of their member in [`crate::Faults`]; `outage` counts the
    /// requests that met one.
    pub faults: BTreeMap<String, u64>,
}

/// The counters of a running sandbox.
#[derive(Debug, Default)]
pub(crate) struct Tally(Mutex<Counters>);

impl Tally {
    pub(crate) fn change(&self, change: impl FnOnce(&mut Counters)) {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }

    pub(crate) fn fault(&self, name: &str) {
        self.change(|c| add(&mut c.faults, name));
    }

    pub(crate) fn refusal(&self, code: &str) {
        self.change(|c| add(&mut c.refusals, code));
    }

    pub(crate) fn operation(&self, name: &str) {
        self.change(|c| add(&mut c.operations, name));
    }

    pub(crate) fn snapshot(&self) -> Counters {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Upper bounds for [`Counters::acknowledged_within_ms`]; slower ones count in the last.
const BOUNDS_MS: [u64; 14] = [1, 2, 5, 10, 15, 20, 30, 50, 75, 100, 200, 500, 1_000, 5_000];

impl Counters {
    /// Counts an accepted notification that was answered after `took`.
    pub(crate) fn acknowledged(&mut self, took: std::time::Duration) {
        let ms = u64::try_from(took.as_micros().div_ceil(1_000)).unwrap_or(u64::MAX);
        let bound = BOUNDS_MS.into_iter().find(|b| ms <= *b).unwrap_or(5_000);
        *self.acknowledged_within_ms.entry(bound).or_default() += 1;
    }
}

fn add(counts: &mut BTreeMap<String, u64>, name: &str) {
    // Most names are known after the first seconds: no allocation then.
    if let Some(count) = counts.get_mut(name) {
        *count += 1;
    } else {
        counts.insert(name.to_owned(), 1);
    }
}
