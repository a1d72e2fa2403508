//! The authority that issues Alipay's and the applications' certificates: it knows how they are made, and must
//! never know what is signed with them.

use std::time::Duration;

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, Issuer, KeyUsagePurpose, PKCS_RSA_SHA256,
    SerialNumber,
};

use crate::SandboxError;
use crate::keys::{SigningKey, system_random};

/// 2020-01-01 and 2049-12-31: valid on whatever day a demonstration plays.
const ALWAYS_MS: (i64, i64) = (1_577_836_800_000, 2_524_521_600_000);
/// How long a rotated certificate is valid.
const CERTIFICATE_LIFE_MS: i64 = 5 * 365 * 24 * 3_600_000;
const BROKEN: SandboxError = SandboxError::Crypto("issuing a certificate of Alipay's authority");

/// The authority: its key and its own certificate.
#[derive(Debug)]
pub(crate) struct Authority {
    pub(crate) key: SigningKey,
    /// What merchants are given: the root, and one more root of another algorithm that they must skip.
    pub(crate) roots_pem: String,
}

impl Authority {
    /// A new one; takes a moment, as an RSA key is made.
    pub(crate) fn new() -> Result<Self, SandboxError> {
        let key = SigningKey::generate()?;
        let root = root_params()?.self_signed(&pair(&key)?).map_err(|_| BROKEN)?.pem();
        let other_key = rcgen::KeyPair::generate().map_err(|_| BROKEN)?;
        let mut params = params("Sandbox Elliptic Root", "Certification Authority", ALWAYS_MS)?;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let other = params.self_signed(&other_key).map_err(|_| BROKEN)?.pem();
        Ok(Self { key, roots_pem: format!("{other}{root}") })
    }

    /// A certificate over `key` for the `name`d holder, as a PEM. `from_ms`: valid from then on; `None`: on
    /// every day that is played.
    pub(crate) fn issue(&self, key: &SigningKey, name: &str, from_ms: Option<i64>) -> Result<String, SandboxError> {
        let life = from_ms.map_or(ALWAYS_MS, |from_ms| (from_ms, from_ms.saturating_add(CERTIFICATE_LIFE_MS)));
        let mut params = params(name, "Alipay", life)?;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        let issuer = Issuer::new(root_params()?, pair(&self.key)?);
        Ok(params.signed_by(&pair(key)?, &issuer).map_err(|_| BROKEN)?.pem())
    }
}

fn root_params() -> Result<CertificateParams, SandboxError> {
    let mut params = params("Sandbox Certification Authority R1", "Certification Authority", ALWAYS_MS)?;
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    Ok(params)
}

fn params(name: &str, unit: &str, (from_ms, until_ms): (i64, i64)) -> Result<CertificateParams, SandboxError> {
    let mut serial = [0_u8; 16];
    system_random(&mut serial);
    if let Some(first) = serial.first_mut() {
        // Positive, whoever reads it.
        *first = (*first & 0x3f) | 0x40;
    }
    let epoch = rcgen::date_time_ymd(1970, 1, 1);
    let since = |ms: i64| Duration::from_millis(u64::try_from(ms).unwrap_or(0));
    let mut params = CertificateParams::default();
    params.serial_number = Some(SerialNumber::from(serial.to_vec()));
    params.not_before = epoch + since(from_ms);
    params.not_after = epoch + since(until_ms);
    // The names stand from the general to the special one; the default has one of its own in front.
    params.distinguished_name = DistinguishedName::new();
    for (kind, text) in [
        (DnType::CountryName, "CN"),
        (DnType::OrganizationName, "Sandbox"),
        (DnType::OrganizationalUnitName, unit),
        (DnType::CommonName, name),
    ] {
        params.distinguished_name.push(kind, text);
    }
    Ok(params)
}

fn pair(key: &SigningKey) -> Result<rcgen::KeyPair, SandboxError> {
    rcgen::KeyPair::from_pkcs8_pem_and_sign_algo(&key.to_pem()?, &PKCS_RSA_SHA256).map_err(|_| BROKEN)
}
