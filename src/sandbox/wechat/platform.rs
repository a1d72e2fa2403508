//! The platform's own keys: the WeChat Pay public key with its id, and platform certificates with
//! their rotation. It knows what answers are signed with and must never know a merchant's keys.

use std::sync::Arc;
use std::time::Duration;

use rcgen::{CertificateParams, DnType, PKCS_RSA_SHA256, SerialNumber};

use crate::SandboxError;
use crate::keys::{SigningKey, hex_upper, system_random};

/// How long a rotated certificate is valid: five years, as WeChat's are.
const CERTIFICATE_LIFE_MS: i64 = 5 * 365 * 24 * 3_600_000;
/// 2020-01-01 and 2049-12-31: the first certificate is valid on whatever day a demonstration plays.
const FIRST_CERTIFICATE_MS: (i64, i64) = (1_577_836_800_000, 2_524_521_600_000);

/// The keys of the platform, shared by all its merchants.
#[derive(Clone, Debug)]
pub struct PlatformKeys {
    pub(crate) public_key_id: String,
    pub(crate) public_key: Arc<SigningKey>,
    /// Oldest first; the last one signs. At most two are valid at once.
    pub(crate) certificates: Vec<PlatformCertificate>,
}

/// A platform certificate and its key.
#[derive(Clone, Debug)]
pub(crate) struct PlatformCertificate {
    pub(crate) serial: String,
    pub(crate) pem: String,
    pub(crate) key: Arc<SigningKey>,
    pub(crate) effective_at_ms: i64,
    pub(crate) expires_at_ms: i64,
}

/// What a merchant wants answers and notifications to be signed with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SignWith {
    PublicKey,
    Certificate,
}

impl PlatformKeys {
    /// New keys; takes a moment, as two RSA keys are made.
    pub(crate) fn generate() -> Result<Self, SandboxError> {
        let mut digits = [0_u8; 12];
        system_random(&mut digits);
        let digits: String = digits.iter().map(|byte| char::from(b'0' + byte % 10)).collect();
        Ok(Self {
            public_key_id: format!("PUB_KEY_ID_01{digits}"),
            public_key: Arc::new(SigningKey::generate()?),
            certificates: vec![PlatformCertificate::first(SigningKey::generate()?)?],
        })
    }

    /// The id of the WeChat Pay public key, `PUB_KEY_ID_…`.
    pub fn public_key_id(&self) -> &str {
        &self.public_key_id
    }

    /// The serials of the valid platform certificates, oldest first.
    pub fn certificate_serials(&self) -> Vec<String> {
        self.certificates.iter().map(|certificate| certificate.serial.clone()).collect()
    }

    /// Adds a certificate that signs from now on; of the older ones only the youngest stays valid.
    pub(crate) fn rotate(&mut self, certificate: PlatformCertificate) {
        self.certificates.push(certificate);
        let surplus = self.certificates.len().saturating_sub(2);
        self.certificates.drain(..surplus);
    }

    /// The key to sign with, and the serial to announce.
    pub(crate) fn signer(&self, with: SignWith) -> (Arc<SigningKey>, String) {
        match (with, self.certificates.last()) {
            (SignWith::Certificate, Some(newest)) => (newest.key.clone(), newest.serial.clone()),
            _ => (self.public_key.clone(), self.public_key_id.clone()),
        }
    }
}

impl PlatformKeys {
    /// The key that `serial` names, to open what was encrypted under it.
    pub(crate) fn named(&self, serial: &str) -> Option<Arc<SigningKey>> {
        if serial == self.public_key_id {
            return Some(self.public_key.clone());
        }
        let certificate = self.certificates.iter().find(|certificate| certificate.serial == serial);
        certificate.map(|certificate| certificate.key.clone())
    }
}

impl PlatformCertificate {
    /// The first certificate over a kept or new key, with a new serial.
    pub(crate) fn first(key: SigningKey) -> Result<Self, SandboxError> {
        Self::issue(key, FIRST_CERTIFICATE_MS)
    }

    /// A certificate with a new key, valid from `now_ms` on.
    pub(crate) fn renewed(now_ms: i64) -> Result<Self, SandboxError> {
        Self::issue(SigningKey::generate()?, (now_ms, now_ms.saturating_add(CERTIFICATE_LIFE_MS)))
    }

    /// One that was issued before and kept.
    pub(crate) fn kept(key: SigningKey, serial: String, pem: String) -> Self {
        let (effective_at_ms, expires_at_ms) = FIRST_CERTIFICATE_MS;
        Self { serial, pem, key: Arc::new(key), effective_at_ms, expires_at_ms }
    }

    fn issue(key: SigningKey, (effective_at_ms, expires_at_ms): (i64, i64)) -> Result<Self, SandboxError> {
        let broken = |_| SandboxError::Crypto("issuing a platform certificate");
        let mut serial = [0_u8; 20];
        system_random(&mut serial);
        if let Some(first) = serial.first_mut() {
            // Positive and without leading zeros, so that every tool prints the same 40 digits.
            *first = (*first & 0x3f) | 0x40;
        }
        let epoch = rcgen::date_time_ymd(1970, 1, 1);
        let mut params = CertificateParams::default();
        params.serial_number = Some(SerialNumber::from(serial.to_vec()));
        params.not_before = epoch + since_epoch(effective_at_ms);
        params.not_after = epoch + since_epoch(expires_at_ms);
        params.distinguished_name.push(DnType::CommonName, "Sandbox platform certificate");
        params.distinguished_name.push(DnType::OrganizationName, "Sandbox");
        let pair = rcgen::KeyPair::from_pkcs8_pem_and_sign_algo(&key.to_pem()?, &PKCS_RSA_SHA256).map_err(broken)?;
        let pem = params.self_signed(&pair).map_err(broken)?.pem();
        Ok(Self { serial: hex_upper(&serial), pem, key: Arc::new(key), effective_at_ms, expires_at_ms })
    }
}

fn since_epoch(ms: i64) -> Duration {
    Duration::from_millis(u64::try_from(ms).unwrap_or(0))
}
