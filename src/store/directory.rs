//! Merchants, accounts, endpoints and keys in memory: it knows that they change rarely, and must never
//! be asked for anything about money.
//!
//! Every process keeps its own copy and reads it again when it is older than a few seconds or when
//! something is asked for that it does not know (at a bounded rate). What we gave up: a change by
//! another process shows a few seconds late; revoking an API key takes that long.

use std::collections::HashMap;
use std::sync::{Arc, RwLock};
use std::time::{Duration, Instant};

use bursar_core::id::{ApiKeyId, ChannelAccountId, EndpointId, MerchantId};
use bursar_core::merchant::{ApiKey, ChannelAccount, Endpoint, Merchant};

use crate::{Result, Store};

/// How old a copy may be.
const FRESH_FOR: Duration = Duration::from_secs(5);
/// Unknown ids cause at most one read per this time, so that garbage requests stay cheap.
const MISS_INTERVAL: Duration = Duration::from_millis(200);

/// One consistent copy.
#[derive(Debug, Default)]
pub struct Entries {
    /// Merchants by id.
    pub merchants: HashMap<MerchantId, Arc<Merchant>>,
    /// Channel accounts by id.
    pub accounts: HashMap<ChannelAccountId, Arc<ChannelAccount>>,
    /// Enabled endpoints by merchant.
    pub endpoints: HashMap<MerchantId, Vec<Arc<Endpoint>>>,
    /// All endpoints by id.
    pub endpoint: HashMap<EndpointId, Arc<Endpoint>>,
    /// API keys by id, revoked ones included.
    pub api_keys: HashMap<ApiKeyId, Arc<ApiKey>>,
}

#[derive(Debug)]
struct Copy {
    entries: Arc<Entries>,
    read_at: Option<Instant>,
}

/// The copy and how to renew it.
#[derive(Clone, Debug)]
pub struct Directory {
    store: Arc<dyn Store>,
    copy: Arc<RwLock<Copy>>,
    reading: Arc<tokio::sync::Mutex<()>>,
}

impl Directory {
    /// A directory that reads from `store` when it is first asked.
    pub fn new(store: Arc<dyn Store>) -> Self {
        let copy = Copy { entries: Arc::default(), read_at: None };
        Self { store, copy: Arc::new(RwLock::new(copy)), reading: Arc::default() }
    }

    fn cached(&self, max_age: Duration) -> Option<Arc<Entries>> {
        let copy = self.copy.read().unwrap_or_else(std::sync::PoisonError::into_inner);
        copy.read_at.filter(|at| at.elapsed() < max_age).map(|_| copy.entries.clone())
    }

    /// A copy that is at most a few seconds old.
    ///
    /// # Errors
    /// When it is older and the database cannot be read.
    pub async fn entries(&self) -> Result<Arc<Entries>> {
        self.no_older_than(FRESH_FOR).await
    }

    /// A copy in which `known` holds, or else as fresh a copy as the rate limit allows: for ids that may
    /// have been added a moment ago.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn entries_with(&self, known: impl Fn(&Entries) -> bool) -> Result<Arc<Entries>> {
        let entries = self.entries().await?;
        if known(&entries) { Ok(entries) } else { self.no_older_than(MISS_INTERVAL).await }
    }

    async fn no_older_than(&self, max_age: Duration) -> Result<Arc<Entries>> {
        if let Some(entries) = self.cached(max_age) {
            return Ok(entries);
        }
        let _one_reader = self.reading.lock().await;
        if let Some(entries) = self.cached(max_age) {
            return Ok(entries);
        }
        let entries = Arc::new(self.read().await?);
        let mut copy = self.copy.write().unwrap_or_else(std::sync::PoisonError::into_inner);
        *copy = Copy { entries: entries.clone(), read_at: Some(Instant::now()) };
        Ok(entries)
    }

    async fn read(&self) -> Result<Entries> {
        let mut entries = Entries::default();
        for merchant in self.store.merchants().await? {
            entries.merchants.insert(merchant.id, Arc::new(merchant));
        }
        for account in self.store.accounts().await? {
            entries.accounts.insert(account.id, Arc::new(account));
        }
        for endpoint in self.store.endpoints().await? {
            let endpoint = Arc::new(endpoint);
            if endpoint.enabled {
                entries.endpoints.entry(endpoint.merchant).or_default().push(endpoint.clone());
            }
            entries.endpoint.insert(endpoint.id, endpoint);
        }
        for key in self.store.api_keys().await? {
            entries.api_keys.insert(key.id, Arc::new(key));
        }
        Ok(entries)
    }
}
