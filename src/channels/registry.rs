//! Adapters by account: it knows which accounts are in use, and must never know what is inside one.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Debug;
use std::sync::{Arc, PoisonError, RwLock};

use bursar_core::channel::ChannelKind;
use bursar_core::id::ChannelAccountId;
use bursar_core::merchant::ChannelAccount;
use bursar_core::{Chance, Clock};

use crate::alipay;
use crate::bank;
use crate::breaker::{Breaker, BreakerState};
use crate::by_hand::{ByHand, Local};
use crate::cash;
use crate::channel::Channel;
use crate::counters::{CounterRow, Counters};
use crate::http::{self, HttpSettings};
use crate::parts::Parts;
use crate::secrets::Secrets;
use crate::settings::AccountSettings;
use crate::{stripe, unionpay, wechat};

/// Why an account cannot be used.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ChannelError {
    /// Its settings are wrong, or a secret that they name cannot be read.
    #[error("channel account {account}: {reason}")]
    Settings {
        /// The account.
        account: ChannelAccountId,
        /// What is wrong and what to do.
        reason: String,
    },
    /// This machine cannot do HTTP.
    #[error("{0}")]
    Http(String),
}

/// The breaker of one account, for metrics.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BreakerRow {
    /// The account.
    pub account: ChannelAccountId,
    /// Its channel.
    pub channel: ChannelKind,
    /// What the breaker does.
    pub state: BreakerState,
}

#[derive(Debug)]
struct Entry {
    settings: serde_json::Value,
    channel: ChannelKind,
    /// None where nobody is called.
    breaker: Option<Arc<Breaker>>,
    adapter: Arc<dyn Channel>,
}

/// A source of channel adapters: a face of its own, so that tests and simulations can put channels of
/// theirs behind jobs and gateway.
pub trait Adapters: Send + Sync + Debug {
    /// The adapter of `account`.
    ///
    /// # Errors
    /// A sentence for people when the account's settings are wrong.
    fn adapter(&self, account: &ChannelAccount) -> Result<Arc<dyn Channel>, String>;

    /// How often which verb ended how, for metrics. None where nobody counts.
    fn counters(&self) -> Vec<CounterRow> {
        Vec::new()
    }

    /// The breakers of the accounts in use, for metrics. None where there are no breakers.
    fn breakers(&self) -> Vec<BreakerRow> {
        Vec::new()
    }
}

impl Adapters for Channels {
    fn adapter(&self, account: &ChannelAccount) -> Result<Arc<dyn Channel>, String> {
        self.of(account).map_err(|e| e.to_string())
    }

    fn counters(&self) -> Vec<CounterRow> {
        Self::counters(self)
    }

    fn breakers(&self) -> Vec<BreakerRow> {
        Self::breakers(self)
    }
}

/// Builds the adapter of an account once and keeps it until the account's settings change, so that
/// keys are parsed once and limits, breakers and connections are shared by all calls.
#[derive(Debug)]
pub struct Channels {
    http: HttpSettings,
    secrets: Arc<dyn Secrets>,
    clock: Arc<dyn Clock>,
    chance: Arc<dyn Chance>,
    /// By connect time-out, which belongs to the client; accounts with the same one share the pool.
    clients: RwLock<HashMap<u64, reqwest::Client>>,
    entries: RwLock<HashMap<ChannelAccountId, Entry>>,
    /// By channel, over all its accounts.
    counters: BTreeMap<ChannelKind, Arc<Counters>>,
}

impl Channels {
    /// An empty registry.
    pub fn new(http: HttpSettings, secrets: Arc<dyn Secrets>, clock: Arc<dyn Clock>, chance: Arc<dyn Chance>) -> Self {
        let (clients, entries) = (RwLock::default(), RwLock::default());
        // All of them at once: a counter that appears late hides its first increase.
        let counters = ChannelKind::ALL.into_iter().map(|channel| (channel, Arc::default())).collect();
        Self { http, secrets, clock, chance, clients, entries, counters }
    }

    /// The adapter of `account`.
    ///
    /// # Errors
    /// What is wrong with its settings, in words that name the member and what to do.
    pub fn of(&self, account: &ChannelAccount) -> Result<Arc<dyn Channel>, ChannelError> {
        let entries = self.entries.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(entry) = entries.get(&account.id).filter(|e| e.settings == account.settings) {
            return Ok(entry.adapter.clone());
        }
        drop(entries);
        // Two callers may build at the same time; the later one wins, which costs one build.
        let entry = self.build(account)?;
        let adapter = entry.adapter.clone();
        self.entries.write().unwrap_or_else(PoisonError::into_inner).insert(account.id, entry);
        Ok(adapter)
    }

    /// Whether `account` could be used, without keeping its adapter: for faces that take settings.
    ///
    /// # Errors
    /// As [`Channels::of`].
    pub fn check(&self, account: &ChannelAccount) -> Result<(), ChannelError> {
        self.build(account).map(drop)
    }

    /// Drops the adapter of `account`, so that its secrets are read again at the next use.
    pub fn forget(&self, account: ChannelAccountId) {
        self.entries.write().unwrap_or_else(PoisonError::into_inner).remove(&account);
    }

    fn build(&self, account: &ChannelAccount) -> Result<Entry, ChannelError> {
        match account.channel {
            ChannelKind::Wechat => self.remote::<wechat::Settings>(account),
            ChannelKind::Alipay => self.remote::<alipay::Settings>(account),
            ChannelKind::Unionpay => self.remote::<unionpay::Settings>(account),
            ChannelKind::Bank => {
                let settings = bank::BankSettings::read(&account.settings);
                local(account, settings.map(bank::Bank::new))
            }
            ChannelKind::Cash => {
                let settings = cash::CashSettings::read(&account.settings);
                local(account, settings.map(|_| cash::Cash::new(self.chance.clone())))
            }
            ChannelKind::Stripe => self.remote::<stripe::Settings>(account),
        }
    }

    /// The adapter of a channel that is called over HTTP.
    fn remote<S: AccountSettings>(&self, account: &ChannelAccount) -> Result<Entry, ChannelError> {
        let wrong = |reason| ChannelError::Settings { account: account.id, reason };
        let settings = S::read(&account.settings).map_err(wrong)?;
        let breaker = Arc::new(settings.common().breaker());
        let parts = Parts {
            http: self.client(settings.common().connect_timeout_ms)?,
            clock: self.clock.clone(),
            chance: self.chance.clone(),
            breaker: breaker.clone(),
            counters: self.counters.get(&account.channel).cloned().unwrap_or_default(),
        };
        let adapter = settings.adapter(account.id, &*self.secrets, parts).map_err(wrong)?;
        Ok(Entry { settings: account.settings.clone(), channel: account.channel, breaker: Some(breaker), adapter })
    }

    fn client(&self, connect_timeout_ms: u64) -> Result<reqwest::Client, ChannelError> {
        let mut clients = self.clients.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = clients.get(&connect_timeout_ms) {
            return Ok(client.clone());
        }
        let client = http::client(&self.http, connect_timeout_ms, |b| b).map_err(ChannelError::Http)?;
        clients.insert(connect_timeout_ms, client.clone());
        Ok(client)
    }

    /// How often which verb ended how, since the program started, zeros included.
    pub fn counters(&self) -> Vec<CounterRow> {
        self.counters.iter().flat_map(|(channel, counters)| counters.rows(channel.name())).collect()
    }

    /// The breakers of all accounts that were used since the program started.
    pub fn breakers(&self) -> Vec<BreakerRow> {
        let entries = self.entries.read().unwrap_or_else(PoisonError::into_inner);
        entries
            .iter()
            .filter_map(|(id, e)| Some((id, e, e.breaker.as_ref()?.state())))
            .map(|(id, e, state)| BreakerRow { account: *id, channel: e.channel, state })
            .collect()
    }
}

/// The adapter of a channel that is not called at all: its settings are all that there is.
fn local<T: ByHand + 'static>(account: &ChannelAccount, own: Result<T, String>) -> Result<Entry, ChannelError> {
    let own = own.map_err(|reason| ChannelError::Settings { account: account.id, reason })?;
    let adapter: Arc<dyn Channel> = Arc::new(Local(own));
    Ok(Entry { settings: account.settings.clone(), channel: account.channel, breaker: None, adapter })
}
