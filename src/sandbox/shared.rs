//! What all parts of a running sandbox share: it knows where things are kept and under which lock, and
//! must never hold two locks of its own at once except orders before timers, counters or flaws of bills.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use axum::Router;
use tokio::sync::mpsc;

use crate::alipay::front::Alipay;
use crate::bills::flaws::Flaws;
use crate::bills::tickets::Tickets;
use crate::counters::Tally;
use crate::fates::{Asker, Drawn, Fates, Subject};
use crate::front::Front;
use crate::notify::Delivery;
use crate::orders::Orders;
use crate::pace::Pace;
use crate::stripe::front::Stripe;
use crate::timers::{Due, Timers};
use crate::unionpay::front::Unionpay;
use crate::wechat::front::Wechat;
use crate::{
    Channel, Counters, Faults, FeeTerms, PayerMix, RefundLimits, RefundMix, SandboxConfig, SandboxError, ShareEntry,
    alipay, stripe, unionpay, wechat,
};

/// The shared state.
pub(crate) struct Shared {
    pub(crate) pace: Pace,
    pub(crate) payers: PayerMix,
    pub(crate) refunds: RefundMix,
    pub(crate) refund_limits: RefundLimits,
    /// How long faults hold a connection, in real time.
    pub(crate) hold: Duration,
    // The fronts, one of each channel.
    pub(crate) wechat: Wechat,
    pub(crate) alipay: Alipay,
    pub(crate) unionpay: Unionpay,
    pub(crate) stripe: Stripe,
    pub(crate) tally: Tally,
    pub(crate) timers: Timers,
    pub(crate) outbox: mpsc::UnboundedSender<Delivery>,
    /// What accounts pay that have terms of their own.
    pub(crate) fees: BTreeMap<String, FeeTerms>,
    pub(crate) flaws: Flaws,
    /// Files of bills that wait to be fetched.
    pub(crate) tickets: Tickets,
    orders: Mutex<Orders>,
    fates: Mutex<Fates>,
    faults: RwLock<Faults>,
    outage: AtomicBool,
}

/// Everything that merchants can ask the channels.
pub(crate) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .merge(wechat::api::routes())
        .merge(alipay::gateway::routes())
        .merge(unionpay::api::routes())
        .merge(stripe::api::routes())
}

impl Shared {
    pub(crate) fn new(config: SandboxConfig, outbox: mpsc::UnboundedSender<Delivery>) -> Result<Self, SandboxError> {
        Ok(Self {
            pace: Pace(config.clock),
            payers: config.payers,
            refunds: config.refunds,
            refund_limits: config.refund_limits,
            hold: Duration::from_millis(config.fault_hold_ms),
            wechat: Wechat::new(config.accounts, config.platform)?,
            alipay: Alipay::new(config.alipay, config.alipay_platform)?,
            unionpay: Unionpay::new(&config.unionpay, config.unionpay_network)?,
            stripe: Stripe::new(config.stripe)?,
            tally: Tally::default(),
            timers: Timers::default(),
            outbox,
            fees: config.fees.clone(),
            flaws: Flaws::default(),
            tickets: Tickets::default(),
            orders: Mutex::new(Orders::with_fees(config.fees)),
            fates: Mutex::new(Fates::new(config.seed)),
            faults: RwLock::new(config.faults),
            outage: AtomicBool::new(false),
        })
    }

    /// The front of a channel.
    pub(crate) fn front(&self, channel: Channel) -> &dyn Front {
        match channel {
            Channel::Wechat => &self.wechat,
            Channel::Alipay => &self.alipay,
            Channel::Unionpay => &self.unionpay,
            Channel::Stripe => &self.stripe,
        }
    }

    pub(crate) fn fronts(&self) -> [&dyn Front; 4] {
        [&self.wechat, &self.alipay, &self.unionpay, &self.stripe]
    }

    // A poisoned lock means that a test's assertion failed inside; the data is whole all the same.

    pub(crate) fn orders(&self) -> MutexGuard<'_, Orders> {
        self.orders.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The seeded numbers of a request.
    pub(crate) fn draw(&self, asker: Asker<'_>, subject: Subject<'_>) -> Drawn {
        self.fates.lock().unwrap_or_else(PoisonError::into_inner).draw(asker, subject)
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

    /// The channels' books of shares.
    pub(crate) fn share_entries(&self) -> Vec<ShareEntry> {
        let (orders, now_ms) = (self.orders(), self.pace.now_ms());
        orders.shares.entries(&orders.list, now_ms)
    }

    /// What happened so far.
    pub(crate) fn counters(&self) -> Counters {
        let orders = u64::try_from(self.orders().list.len()).unwrap_or(u64::MAX);
        Counters { orders, ..self.tally.snapshot() }
    }

    fn errand_due(&self, order: usize, errand: u8) {
        let channel = self.orders().list.get(order).map(|order| order.channel);
        if let Some(channel) = channel {
            self.front(channel).runs_errand(self, order, errand);
        }
    }

    /// Something is due.
    pub(crate) fn fire(&self, due: Due) {
        match due {
            Due::Meet(order) => self.payer_meets(order),
            Due::Pay(order) => self.payer_pays(order),
            Due::Fail(order) => {
                self.payer_fails(order);
            }
            Due::Land(order) => self.money_lands(order),
            Due::Expire(order) => self.order_expires(order),
            Due::Errand { order, errand } => self.errand_due(order, errand),
            Due::Sign(agreement) => {
                self.payer_signs(agreement);
            }
            Due::Leave(agreement) => self.payer_leaves(agreement),
            Due::Lapse(agreement) => self.agreement_lapses(agreement),
            Due::Settle(order) => self.debit_settles(order),
            Due::Refund { refund, turn } => self.refund_moves(refund, turn),
            Due::Notify { about, attempt } => self.notification_due(about, attempt),
            Due::NotifyDelayed { about, attempt } => self.notification_delayed(about, attempt),
        }
    }
}
