//! Verifying what the channel sends: it knows which signatures are taken and remembers whose certificates were
//! checked, and must never know what a message means.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use aws_lc_rs::digest;
use bursar_core::Timestamp;

use super::chain::{ChannelKey, Distrust, Trust};
use super::fields::{Fields, SIGNATURE};
use super::sign;
use crate::notice::NotificationRefusal;

/// The only version that is taken: the one before signs with SHA-1.
pub(super) const VERSION: &str = "5.1.0";
/// RSA with SHA-256, the only way of signing that is taken.
pub(super) const SIGN_METHOD: &str = "01";
/// The member that holds the channel's certificate.
const CERTIFICATE: &str = "signPubKeyCert";
/// Most certificates that are remembered. The channel uses one at a time, and two for a while when it changes
/// it; only such as passed every check are remembered, so that strangers cannot fill this.
const MAX_REMEMBERED: usize = 16;

/// Why a message is not believed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Doubt {
    /// It carries no signature of the kind that is taken.
    NotSigned,
    /// Its certificate is not believed.
    Distrusted(Distrust),
    /// The signature is not over this message.
    Forged,
}

impl From<Doubt> for NotificationRefusal {
    fn from(doubt: Doubt) -> Self {
        match doubt {
            Doubt::Distrusted(distrust) => Self::UnknownSerial(distrust.to_string()),
            Doubt::NotSigned | Doubt::Forged => Self::BadSignature,
        }
    }
}

/// The certificates of the channel: whom we believe, and what was checked already.
#[derive(Debug)]
pub(super) struct Keyring {
    trust: Trust,
    /// By the digest of the PEM as it came.
    checked: RwLock<HashMap<Vec<u8>, Arc<ChannelKey>>>,
}

impl Keyring {
    pub(super) fn new(trust: Trust) -> Self {
        Self { trust, checked: RwLock::default() }
    }

    /// Checks that a message was signed by the channel. `now` is `None` for one that was checked when it was
    /// stored: its certificate may have ended since.
    pub(super) fn verify(&self, fields: &Fields, now: Option<Timestamp>) -> Result<(), Doubt> {
        self.verify_message(fields, &sign::message(&fields.canonical()), now)
    }

    /// The same for a message of which a member is too long to be held: `message` is what is signed of all of it.
    pub(super) fn verify_message(&self, fields: &Fields, message: &str, now: Option<Timestamp>) -> Result<(), Doubt> {
        let (Some(signature), Some(pem)) = (fields.get(SIGNATURE), fields.get(CERTIFICATE)) else {
            return Err(Doubt::NotSigned);
        };
        if fields.text("version") != VERSION || fields.text("signMethod") != SIGN_METHOD {
            return Err(Doubt::NotSigned);
        }
        let key = self.key(pem.as_bytes()).map_err(Doubt::Distrusted)?;
        if now.is_some_and(|now| !key.is_valid(now)) {
            return Err(Doubt::Distrusted(Distrust::NotValidNow));
        }
        if key.accepts(message.as_bytes(), signature) { Ok(()) } else { Err(Doubt::Forged) }
    }

    /// The key in `pem`, once its certificate was checked.
    fn key(&self, pem: &[u8]) -> Result<Arc<ChannelKey>, Distrust> {
        let name = digest::digest(&digest::SHA256, pem).as_ref().to_vec();
        if let Some(key) = self.checked.read().unwrap_or_else(PoisonError::into_inner).get(&name) {
            return Ok(key.clone());
        }
        let key = Arc::new(self.trust.channel_key(pem)?);
        tracing::info!(serial = key.serial(), "a certificate of the channel was checked");
        let mut checked = self.checked.write().unwrap_or_else(PoisonError::into_inner);
        if checked.len() >= MAX_REMEMBERED {
            checked.clear();
        }
        checked.insert(name, key.clone());
        Ok(key)
    }

    /// How many certificates are remembered.
    #[cfg(test)]
    pub(super) fn remembered(&self) -> usize {
        self.checked.read().unwrap_or_else(PoisonError::into_inner).len()
    }
}
