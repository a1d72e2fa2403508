//! Alipay's own keys: the key whose public half merchants configure, and the certificates of merchants in
//! certificate mode with their rotation. It must never know a merchant's keys.

use std::sync::Arc;

use crate::SandboxError;
use crate::alipay::authority::Authority;
use crate::alipay::serial;
use crate::keys::SigningKey;

/// Alipay's keys, shared by all its merchants.
#[derive(Clone, Debug)]
pub struct AlipayKeys {
    pub(crate) public_key: Arc<SigningKey>,
    pub(crate) authority: Arc<Authority>,
    /// Oldest first; the last one signs. The one before stays valid.
    pub(crate) certificates: Vec<AlipayCertificate>,
}

/// A certificate of Alipay and its key.
#[derive(Clone, Debug)]
pub(crate) struct AlipayCertificate {
    /// The digest that names it.
    pub(crate) sn: String,
    pub(crate) pem: String,
    pub(crate) key: Arc<SigningKey>,
}

/// What a merchant wants answers and notifications to be signed with: merchants in certificate mode say so by
/// naming their certificates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    PublicKey,
    Certificate,
}

impl AlipayKeys {
    /// The digests of the valid certificates of Alipay, oldest first.
    pub fn certificate_sns(&self) -> Vec<String> {
        self.certificates.iter().map(|certificate| certificate.sn.clone()).collect()
    }

    /// The digest of the root certificates.
    pub(crate) fn root_sn(&self) -> String {
        serial::of_roots(&self.authority.roots_pem)
    }

    /// The key to sign with, and the digest to announce.
    pub(crate) fn signer(&self, mode: Mode) -> (Arc<SigningKey>, Option<String>) {
        match (mode, self.certificates.last()) {
            (Mode::Certificate, Some(newest)) => (newest.key.clone(), Some(newest.sn.clone())),
            _ => (self.public_key.clone(), None),
        }
    }

    /// Adds a certificate that signs from now on; of the older ones only the youngest stays valid.
    pub(crate) fn rotate(&mut self, certificate: AlipayCertificate) {
        self.certificates.push(certificate);
        let surplus = self.certificates.len().saturating_sub(2);
        self.certificates.drain(..surplus);
    }
}

impl AlipayCertificate {
    /// A new certificate over a new key; takes a moment.
    pub(crate) fn issued(authority: &Authority, from_ms: Option<i64>) -> Result<Self, SandboxError> {
        let key = SigningKey::generate()?;
        let pem = authority.issue(&key, "Sandbox Alipay", from_ms)?;
        Self::kept(key, pem)
    }

    /// One that was issued before.
    pub(crate) fn kept(key: SigningKey, pem: String) -> Result<Self, SandboxError> {
        Ok(Self { sn: serial::of_first(&pem)?, pem, key: Arc::new(key) })
    }
}
