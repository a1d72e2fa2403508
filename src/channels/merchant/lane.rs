//! One endpoint's lane: it knows how many deliveries run and whether the endpoint seems dead, and must
//! never know what is delivered.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use bursar_core::id::EndpointId;
use bursar_core::merchant::Endpoint;
use tokio::sync::Semaphore;

use super::MerchantSettings;
use crate::breaker::Breaker;

/// Keeps the trouble of one endpoint from the others.
#[derive(Debug)]
pub(super) struct Lane {
    url: String,
    pub(super) slots: Semaphore,
    pub(super) breaker: Breaker,
}

/// The lanes of all endpoints that were told something since the program started.
#[derive(Debug)]
pub(super) struct Lanes {
    concurrency: usize,
    breaker_failures: u32,
    breaker_open_ms: i64,
    lanes: Mutex<HashMap<EndpointId, Arc<Lane>>>,
}

impl Lanes {
    pub(super) fn new(settings: &MerchantSettings) -> Self {
        Self {
            concurrency: settings.concurrency.clamp(1, Semaphore::MAX_PERMITS),
            breaker_failures: settings.breaker_failures,
            breaker_open_ms: settings.breaker_open_ms,
            lanes: Mutex::default(),
        }
    }

    /// The lane of `endpoint`. A new address is a new chance.
    pub(super) fn of(&self, endpoint: &Endpoint) -> Arc<Lane> {
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(lane) = lanes.get(&endpoint.id).filter(|lane| lane.url == endpoint.url) {
            return lane.clone();
        }
        let lane = Arc::new(Lane {
            url: endpoint.url.clone(),
            slots: Semaphore::new(self.concurrency),
            breaker: Breaker::new(self.breaker_failures, self.breaker_open_ms),
        });
        lanes.insert(endpoint.id, lane.clone());
        lane
    }
}
