//! Telling merchants: it knows Standard Webhooks and which addresses may be called, and must never know
//! what a message says.
//!
//! `address` guards where we connect, `sign` signs, `lane` keeps one endpoint's trouble to itself,
//! `deliver` posts.

mod address;
mod deliver;
mod lane;
mod sign;

#[cfg(test)]
mod tests;

use std::fmt::Debug;
use std::sync::Arc;

use async_trait::async_trait;
use bursar_core::merchant::Endpoint;
use bursar_core::{Clock, Timestamp};
use serde::{Deserialize, Serialize};

pub use self::address::check_endpoint_url;
use self::lane::Lanes;
use self::sign::Keys;
use crate::http::{self, HttpSettings};
use crate::secrets::Secrets;

/// Settings of webhooks out.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MerchantSettings {
    /// Lets endpoints be on this machine or in this network. For demonstrations and tests: a merchant
    /// could make us call our own insides.
    pub allow_private_addresses: bool,
    /// Lets endpoints be called in clear. For demonstrations and tests.
    pub allow_http: bool,
    /// Real milliseconds for making a connection.
    pub connect_timeout_ms: u64,
    /// Real milliseconds for a whole delivery.
    pub timeout_ms: u64,
    /// Deliveries to one endpoint at the same time.
    pub concurrency: usize,
    /// Failures in a row after which an endpoint is left alone for a while.
    pub breaker_failures: u32,
    /// How long it is left alone, in milliseconds.
    pub breaker_open_ms: i64,
}

impl Default for MerchantSettings {
    fn default() -> Self {
        Self {
            allow_private_addresses: false,
            allow_http: false,
            connect_timeout_ms: 5_000,
            timeout_ms: 15_000,
            concurrency: 8,
            breaker_failures: 5,
            breaker_open_ms: 30_000,
        }
    }
}

/// How a delivery ended.
#[derive(Clone, PartialEq, Eq, Debug)]
#[must_use]
pub enum DeliveryOutcome {
    /// The endpoint answered 2xx.
    Delivered,
    /// It was not taken; it may have been seen.
    Failed {
        /// What happened, in words for the merchant.
        why: String,
        /// The endpoint answered 410: it does not want to be told any more.
        gone: bool,
    },
}

/// Tells merchants: a face of its own, so that a simulation can listen in the merchants' place.
#[async_trait]
pub trait Teller: Send + Sync + Debug {
    /// Posts `body` (JSON) to `endpoint`. `id` is the same for every attempt; `now` is signed.
    async fn deliver(&self, endpoint: &Endpoint, id: &str, body: &str, now: Timestamp) -> DeliveryOutcome;
}

#[async_trait]
impl Teller for MerchantHttp {
    async fn deliver(&self, endpoint: &Endpoint, id: &str, body: &str, now: Timestamp) -> DeliveryOutcome {
        Self::deliver(self, endpoint, id, body, now).await
    }
}

/// Posts events to merchants' endpoints.
#[derive(Debug)]
pub struct MerchantHttp {
    settings: MerchantSettings,
    http: reqwest::Client,
    keys: Keys,
    lanes: Lanes,
    clock: Arc<dyn Clock>,
}

impl MerchantHttp {
    /// A poster of events.
    ///
    /// # Errors
    /// A sentence when this machine cannot do HTTP.
    pub fn new(
        settings: MerchantSettings,
        http_settings: &HttpSettings,
        secrets: Arc<dyn Secrets>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, String> {
        let resolver = address::Guard::new(settings.allow_private_addresses);
        let http = http::client(http_settings, settings.connect_timeout_ms, |b| b.dns_resolver(resolver.clone()))?;
        let lanes = Lanes::new(&settings);
        Ok(Self { settings, http, keys: Keys::new(secrets), lanes, clock })
    }
}
