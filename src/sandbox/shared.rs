//! What all parts of a running sandbox share: it knows where things are kept and under which lock, and
//! must never hold two locks of its own at once except orders before timers or counters.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard};
use std::time::Duration;

use tokio::sync::mpsc;

use crate::counters::Tally;
use crate::pace::Pace;
use crate::timers::{Due, Timers};
use crate::wechat::account::Merchant;
use crate::wechat::fates::Fates;
use crate::wechat::notify::Delivery;
use crate::wechat::orders::Orders;
use crate::wechat::platform::{PlatformCertificate, PlatformKeys};
use crate::{Counters, Faults, PayerMix, RefundLimits, RefundMix, SandboxConfig, SandboxError};

/// The shared state.
pub(crate) struct Shared {
    pub(crate) pace: Pace,
    pub(crate) payers: PayerMix,
    pub(crate) refunds: RefundMix,
    pub(crate) refund_limits: RefundLimits,
    /// How long faults hold a connection, in real time.
    pub(crate) hold: Duration,
    pub(crate) merchants: HashMap<String, Merchant>,
    pub(crate) tally: Tally,
    pub(crate) timers: Timers,
    pub(crate) outbox: mpsc::UnboundedSender<Delivery>,
    platform: RwLock<PlatformKeys>,
    orders: Mutex<Orders>,
    fates: Mutex<Fates>,
    faults: RwLock<Faults>,
    outage: AtomicBool,
}

impl Shared {
    pub(crate) fn new(config: SandboxConfig, outbox: mpsc::UnboundedSender<Delivery>) -> Result<Self, SandboxError> {
        let mut merchants = HashMap::new();
        for (ordinal, account) in (0..).zip(config.accounts) {
            let mchid = account.mchid.clone();
            if merchants.insert(mchid.clone(), Merchant::new(account, ordinal)?).is_some() {
                return Err(SandboxError::Config(format!("merchant {mchid} is given twice")));
            }
        }
        Ok(Self {
            pace: Pace(config.clock),
            payers: config.payers,
            refunds: config.refunds,
            refund_limits: config.refund_limits,
            hold: Duration::from_millis(config.fault_hold_ms),
            merchants,
            tally: Tally::default(),
            timers: Timers::default(),
            outbox,
            platform: RwLock::new(config.platform),
            orders: Mutex::default(),
            fates: Mutex::new(Fates::new(config.seed)),
            faults: RwLock::new(config.faults),
            outage: AtomicBool::new(false),
        })
    }

    // A poisoned lock means that a test's assertion failed inside; the data is whole all the same.

    pub(crate) fn orders(&self) -> MutexGuard<'_, Orders> {
        self.orders.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn fates(&self) -> MutexGuard<'_, Fates> {
        self.fates.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn platform(&self) -> RwLockReadGuard<'_, PlatformKeys> {
        self.platform.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn faults(&self) -> Faults {
        *self.faults.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn set_faults(&self, faults: Faults) {
        *self.faults.write().unwrap_or_else(PoisonError::into_inner) = faults;
    }

    pub(crate) fn is_out(&self) -> bool {
        self.outage.load(Ordering::Relaxed)
    }

    pub(crate) fn set_outage(&self, on: bool) {
        self.outage.store(on, Ordering::Relaxed);
    }

    /// What happened so far.
    pub(crate) fn counters(&self) -> Counters {
        let orders = u64::try_from(self.orders().list.len()).unwrap_or(u64::MAX);
        Counters { orders, ..self.tally.snapshot() }
    }

    /// Adds a platform certificate that signs from now on, and gives its serial.
    pub(crate) fn rotate_certificate(&self) -> Result<String, SandboxError> {
        let renewed = PlatformCertificate::renewed(self.pace.now_ms())?;
        let serial = renewed.serial.clone();
        self.platform.write().unwrap_or_else(PoisonError::into_inner).rotate(renewed);
        Ok(serial)
    }

    /// Something is due.
    pub(crate) fn fire(&self, due: Due) {
        match due {
            Due::Pay(order) => self.payer_pays(order),
            Due::Fail(order) => {
                self.payer_fails(order);
            }
            Due::Land(order) => self.money_lands(order),
            Due::Refund { refund, turn } => self.refund_moves(refund, turn),
            Due::Notify { about, attempt } => self.notification_due(about, attempt),
            Due::NotifyDelayed { about, attempt } => self.notification_delayed(about, attempt),
        }
    }
}
