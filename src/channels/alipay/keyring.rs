//! The channel's public keys: it knows which are in force and how a new one is fetched, and must never know
//! what was signed.

use std::collections::BTreeSet;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError, RwLock};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bursar_core::Timestamp;
use bursar_core::clock::SECOND_MS;
use serde::Deserialize;
use serde_json::json;

use super::certificate::Trust;
use super::envelope::Envelope;
use super::gateway::{Addresses, Gateway};
use super::operation::Operation;
use crate::outcome::{Why, WhyKind};
use crate::parts::passed;
use crate::rsa::PublicKey;

/// Not more often than this, whoever asks: messages with invented serials must not make us call.
const MIN_FETCH_MS: i64 = 10 * SECOND_MS;
/// Most certificates that are asked for at once: an honest change brings one.
const MAX_WANTED: usize = 4;

/// What a check came to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Verdict {
    /// One of the channel's keys signed it.
    Good,
    /// None did.
    Bad,
    /// The certificate that it names is not known (yet).
    UnknownCertificate(String),
}

/// All public keys of the channel that an account trusts.
#[derive(Debug)]
pub(super) enum Keyring {
    /// One key, changed by a person.
    Key(PublicKey),
    /// Certificates; the channel changes them by itself.
    Certificates(Certificates),
}

#[derive(Debug)]
pub(super) struct Certificates {
    trust: Trust,
    /// By the channel's name for them. One that is known stays known.
    keys: RwLock<HashMap<String, PublicKey>>,
    wanted: Mutex<BTreeSet<String>>,
    tried_at: Mutex<Option<Timestamp>>,
    /// One fetch at a time; the others wait for its result.
    gate: tokio::sync::Mutex<()>,
}

#[derive(Deserialize)]
struct Downloaded {
    #[serde(default)]
    /// A PEM file in base64. Whether it brings the authority above it is not confirmed; the configured file may.
    alipay_cert_content: String,
}

impl Certificates {
    pub(super) fn new(trust: Trust, keys: HashMap<String, PublicKey>) -> Self {
        let gate = tokio::sync::Mutex::default();
        Self { trust, keys: RwLock::new(keys), wanted: Mutex::default(), tried_at: Mutex::default(), gate }
    }

    fn check(&self, serial: Option<&str>, check: &dyn Fn(&PublicKey) -> bool) -> Verdict {
        let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
        let good = match serial {
            Some(serial) => match keys.get(serial) {
                Some(key) => check(key),
                None => {
                    drop(keys);
                    self.want(serial);
                    return Verdict::UnknownCertificate(serial.chars().take(64).collect());
                }
            },
            // Not every kind of message names its certificate.
            None => keys.values().any(check),
        };
        if good { Verdict::Good } else { Verdict::Bad }
    }

    /// Only what can be a name is asked for: 32 hexadecimal digits.
    fn want(&self, serial: &str) {
        let mut wanted = self.wanted.lock().unwrap_or_else(PoisonError::into_inner);
        if wanted.len() < MAX_WANTED && serial.len() == 32 && serial.bytes().all(|b| b.is_ascii_hexdigit()) {
            wanted.insert(serial.to_owned());
        }
    }

    fn may_fetch(&self, now: Timestamp) -> bool {
        let wanted = !self.wanted.lock().unwrap_or_else(PoisonError::into_inner).is_empty();
        wanted && passed(*self.tried_at.lock().unwrap_or_else(PoisonError::into_inner), now, MIN_FETCH_MS)
    }

    async fn fetch(&self, gateway: &Gateway) -> Result<bool, Why> {
        let _gate = self.gate.lock().await;
        let now = gateway.now();
        if !self.may_fetch(now) {
            return Ok(false);
        }
        *self.tried_at.lock().unwrap_or_else(PoisonError::into_inner) = Some(now);
        let wanted = std::mem::take(&mut *self.wanted.lock().unwrap_or_else(PoisonError::into_inner));
        let mut result = Ok(true);
        // An invented name among them must not keep the others from being fetched.
        for serial in wanted {
            match self.fetch_one(gateway, &serial, now).await {
                Ok(key) => {
                    tracing::info!(serial, "certificate of the channel fetched");
                    self.keys.write().unwrap_or_else(PoisonError::into_inner).insert(serial, key);
                }
                Err(why) => result = Err(why),
            }
        }
        result
    }

    async fn fetch_one(&self, gateway: &Gateway, serial: &str, now: Timestamp) -> Result<PublicKey, Why> {
        let operation = Operation::Certificate;
        let biz = json!({ "alipay_cert_sn": serial }).to_string();
        let answer = gateway.exchange(operation, &biz, Addresses::default()).await?;
        let unreadable = |what: &str| Why::new(WhyKind::Unreadable, format!("{}: {what}", operation.method()));
        if answer.status != 200 {
            return Err(unreadable(&format!("HTTP {}", answer.status)));
        }
        let envelope = Envelope::open(operation.method(), &answer.body).map_err(|e| unreadable(&e))?;
        let downloaded: Downloaded = serde_json::from_str(envelope.content).map_err(|e| unreadable(&e.to_string()))?;
        let text = STANDARD.decode(&downloaded.alipay_cert_content).ok().and_then(|text| String::from_utf8(text).ok());
        let text = text.filter(|text| !text.is_empty()).ok_or_else(|| unreadable("it holds no certificate"))?;
        // The first trust is the root: the answer itself may be signed with the very key that it brings.
        let key = self.trust.accept(&text, serial, now).map_err(|e| unreadable(&e))?;
        if let Some(sign) = &envelope.sign {
            let check = |key: &PublicKey| key.accepts(envelope.content.as_bytes(), sign);
            let by_known = self.keys.read().unwrap_or_else(PoisonError::into_inner).values().any(check);
            if !check(&key) && !by_known {
                return Err(Why::new(WhyKind::BadSignature, format!("{}: a stranger signed it", operation.method())));
            }
        }
        Ok(key)
    }
}

impl Keyring {
    /// Whether one of the channel's keys signed: `check` says so of one. `serial` is the certificate that the
    /// message names, if any.
    pub(super) fn check(&self, serial: Option<&str>, check: &dyn Fn(&PublicKey) -> bool) -> Verdict {
        match self {
            Self::Key(key) => {
                if check(key) {
                    Verdict::Good
                } else {
                    Verdict::Bad
                }
            }
            Self::Certificates(certificates) => certificates.check(serial, check),
        }
    }

    /// Whether a fetch would be made now.
    pub(super) fn may_fetch(&self, now: Timestamp) -> bool {
        match self {
            Self::Key(_) => false,
            Self::Certificates(certificates) => certificates.may_fetch(now),
        }
    }

    /// Fetches the certificates that messages have named, unless that was tried a moment ago; whether it did.
    pub(super) async fn fetch(&self, gateway: &Gateway) -> Result<bool, Why> {
        match self {
            Self::Key(_) => Ok(false),
            Self::Certificates(certificates) => certificates.fetch(gateway).await,
        }
    }
}
