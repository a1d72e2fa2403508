//! The channel's public keys: it knows which are in force and how new ones are fetched, and must never
//! know what was signed.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

use bursar_core::Timestamp;
use bursar_core::clock::{HOUR_MS, SECOND_MS};
use serde::Deserialize;

use super::aead::{ApiKey, Sealed};
use super::transport::{Call, Transport, request_id};
use super::verify::{self, ChannelKey, platform_certificate, serial_key};
use crate::headers::HeaderLookup;
use crate::notice::NotificationRefusal;
use crate::outcome::{Why, WhyKind};
use crate::parts::passed;
use crate::transport::Answer;

/// Fetched certificates are fetched again after this time. Source: the channel recommends 12 h or less.
const REFRESH_MS: i64 = 12 * HOUR_MS;
/// Not more often than this, whoever asks: messages with invented serials must not make us call.
const MIN_REFRESH_MS: i64 = 10 * SECOND_MS;

/// By serial, see [`serial_key`].
type Keys = HashMap<String, ChannelKey>;

/// All public keys of the channel that an account trusts.
#[derive(Debug)]
pub(super) struct Keyring {
    fixed: Keys,
    download: bool,
    fetched: RwLock<Fetched>,
    /// One fetch at a time; the others wait for its result.
    gate: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default)]
struct Fetched {
    keys: Keys,
    at: Option<Timestamp>,
    tried_at: Option<Timestamp>,
}

#[derive(Deserialize)]
struct List {
    data: Vec<Item>,
}

#[derive(Deserialize)]
struct Item {
    serial_no: String,
    expire_time: String,
    encrypt_certificate: Sealed,
}

impl Keyring {
    pub(super) fn new(fixed: Vec<ChannelKey>, download: bool) -> Self {
        let fixed = fixed.into_iter().map(|key| (serial_key(key.serial()), key)).collect();
        Self { fixed, download, fetched: RwLock::default(), gate: tokio::sync::Mutex::default() }
    }

    /// Checks that a message was signed by the channel.
    pub(super) fn verify(
        &self,
        headers: &dyn HeaderLookup,
        body: &[u8],
        now: Option<Timestamp>,
    ) -> Result<(), NotificationRefusal> {
        verify::verify(headers, body, now, |serial, check| match self.fixed.get(serial) {
            Some(key) => Some(check(key)),
            None => self.fetched.read().unwrap_or_else(PoisonError::into_inner).keys.get(serial).map(check),
        })
    }

    /// Applies `seal` to the key under which we seal: the public key, which the channel recommends, or
    /// else the newest certificate that has not expired.
    pub(super) fn sealing<T>(&self, now: Timestamp, seal: impl FnOnce(&ChannelKey) -> T) -> Option<T> {
        let fetched = self.fetched.read().unwrap_or_else(PoisonError::into_inner);
        let all = self.fixed.values().chain(fetched.keys.values());
        all.filter(|key| key.in_force(now)).max_by_key(|key| key.since()).map(seal)
    }

    /// Whether the fetched certificates are missing or old.
    pub(super) fn is_old(&self, now: Timestamp) -> bool {
        let at = self.fetched.read().unwrap_or_else(PoisonError::into_inner).at;
        self.download && passed(at, now, REFRESH_MS) && self.may_fetch(now)
    }

    /// Whether a fetch would be made now.
    pub(super) fn may_fetch(&self, now: Timestamp) -> bool {
        let tried_at = self.fetched.read().unwrap_or_else(PoisonError::into_inner).tried_at;
        self.download && passed(tried_at, now, MIN_REFRESH_MS)
    }

    /// Fetches the certificates, unless they are fixed or that was tried a moment ago; whether it did.
    pub(super) async fn refresh(&self, transport: &Transport, api: &ApiKey) -> Result<bool, Why> {
        let _gate = self.gate.lock().await;
        let now = transport.parts().clock.now();
        if !self.may_fetch(now) {
            return Ok(false);
        }
        self.fetched.write().unwrap_or_else(PoisonError::into_inner).tried_at = Some(now);
        let answer = transport.exchange(Call::get("/v3/certificates")).await?;
        let keys = self.open(&answer, api, now)?;
        tracing::info!(count = keys.len(), request_id = request_id(&answer), "platform certificates fetched");
        let mut fetched = self.fetched.write().unwrap_or_else(PoisonError::into_inner);
        fetched.keys = keys;
        fetched.at = Some(now);
        Ok(true)
    }

    /// Opens the answer and verifies it with a certificate that it holds. The first trust is the APIv3
    /// key: only the channel and the merchant can seal with it.
    fn open(&self, answer: &Answer, api: &ApiKey, now: Timestamp) -> Result<Keys, Why> {
        if answer.status != 200 {
            let text = String::from_utf8_lossy(&answer.body);
            return Err(Why::new(WhyKind::Unreadable, format!("/v3/certificates: HTTP {} {text}", answer.status)));
        }
        let unreadable = |what: String| Why::new(WhyKind::Unreadable, format!("/v3/certificates: {what}"));
        let list: List = serde_json::from_slice(&answer.body).map_err(|e| unreadable(e.to_string()))?;
        let mut keys = Keys::new();
        for item in list.data {
            let expires = Timestamp::parse_rfc3339(&item.expire_time).map_err(unreadable)?;
            if expires <= now {
                continue;
            }
            let pem = api.open(&item.encrypt_certificate).map_err(unreadable)?;
            let key = platform_certificate(&pem).map_err(|e| unreadable(format!("expected {e}")))?;
            let serial = serial_key(key.serial());
            if serial != serial_key(&item.serial_no) {
                return Err(unreadable("a certificate has another serial than its listing".into()));
            }
            keys.insert(serial, key);
        }
        verify::verify(&answer.headers, &answer.body, Some(now), |serial, check| {
            keys.get(serial).or_else(|| self.fixed.get(serial)).map(check)
        })
        .map_err(|e| Why::new(WhyKind::BadSignature, format!("/v3/certificates: {e}")))?;
        Ok(keys)
    }
}
