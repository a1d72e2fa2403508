//! Certificates of the network's kind: a root, an authority below it and what that authority issues. It
//! knows names, serials and lifetimes, and must never know what is signed with their keys.

use std::time::Duration;

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    PKCS_RSA_SHA256, SerialNumber,
};
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::keys::{SigningKey, VerifyingKey, system_random};
use crate::{SandboxError, pem};

/// 2020-01-01 and 2049-12-31, in seconds since the epoch: valid on whatever day a demonstration plays.
const VALID_S: (u64, u64) = (1_577_836_800, 2_524_521_600);
const LABEL: &str = "CERTIFICATE";

/// An authority that issues certificates.
pub(crate) struct Authority {
    pub(crate) pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl std::fmt::Debug for Authority {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Authority(..)")
    }
}

/// What a certificate says that matters here.
pub(crate) struct Facts {
    /// The serial number in decimal, as `certId` is written.
    pub(crate) cert_id: String,
    pub(crate) key: VerifyingKey,
    /// The public key as SubjectPublicKeyInfo.
    pub(crate) key_der: Vec<u8>,
}

impl Authority {
    /// One that answers for itself.
    pub(crate) fn root(name: &str) -> Result<Self, SandboxError> {
        let (params, key) = Self::prepare(name)?;
        let pem = params.self_signed(&key).map_err(broken)?.pem();
        Ok(Self { pem, issuer: Issuer::new(params, key) })
    }

    /// One below this one.
    pub(crate) fn below(&self, name: &str) -> Result<Self, SandboxError> {
        let (params, key) = Self::prepare(name)?;
        let pem = params.signed_by(&key, &self.issuer).map_err(broken)?.pem();
        Ok(Self { pem, issuer: Issuer::new(params, key) })
    }

    /// One of this name that was made before and kept.
    pub(crate) fn kept(name: &str, pem: String, key_pem: &str) -> Result<Self, SandboxError> {
        let unusable = |_| SandboxError::BadKey("the kept authority of the network is damaged".to_owned());
        let key = KeyPair::from_pkcs8_pem_and_sign_algo(key_pem, &PKCS_RSA_SHA256).map_err(unusable)?;
        // An issuer is its name and its key: the rest of its certificate stays as it was made.
        Ok(Self { pem, issuer: Issuer::new(template(authority(name)), key) })
    }

    /// The private key as PKCS#8 PEM.
    pub(crate) fn key_pem(&self) -> String {
        self.issuer.key().serialize_pem()
    }

    fn prepare(name: &str) -> Result<(CertificateParams, KeyPair), SandboxError> {
        let mut params = template(authority(name));
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        Ok((params, pair(&SigningKey::generate()?)?))
    }

    /// A certificate over `key` for whoever has this common name, as PEM.
    pub(crate) fn issue(&self, common_name: &str, key: &SigningKey) -> Result<String, SandboxError> {
        let mut params = template(distinguished(&[
            (DnType::OrganizationName, "Sandbox OCA1"),
            (DnType::OrganizationalUnitName, "Enterprises"),
            (DnType::CommonName, common_name),
        ]));
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::ContentCommitment];
        params.use_authority_key_identifier_extension = true;
        Ok(params.signed_by(&pair(key)?, &self.issuer).map_err(broken)?.pem())
    }
}

/// Reads a certificate in PEM.
pub(crate) fn read(text: &str) -> Result<Facts, SandboxError> {
    let unusable = || SandboxError::BadKey("not a certificate with an RSA key in a PEM".to_owned());
    let der = pem::decode(LABEL, text).ok_or_else(unusable)?;
    let (_, certificate) = X509Certificate::from_der(&der).map_err(|_| unusable())?;
    let key_der = certificate.public_key().raw.to_vec();
    Ok(Facts { cert_id: certificate.serial.to_string(), key: VerifyingKey::from_der(&key_der)?, key_der })
}

/// The certificate as it travels in `signPubKeyCert`: lines end with CR LF, the last one with nothing.
pub(crate) fn on_the_wire(text: &str) -> String {
    text.trim().lines().collect::<Vec<_>>().join("\r\n")
}

/// The bytes of a certificate in PEM.
pub(crate) fn der(text: &str) -> Option<Vec<u8>> {
    pem::decode(LABEL, text)
}

fn template(name: DistinguishedName) -> CertificateParams {
    let epoch = rcgen::date_time_ymd(1970, 1, 1);
    let mut params = CertificateParams::default();
    params.serial_number = Some(SerialNumber::from(serial().to_vec()));
    params.not_before = epoch + Duration::from_secs(VALID_S.0);
    params.not_after = epoch + Duration::from_secs(VALID_S.1);
    params.distinguished_name = name;
    params
}

/// Ten bytes, as the real ones have: more than a 64-bit number holds, so nobody reads it into one.
fn serial() -> [u8; 10] {
    let mut bytes = [0; 10];
    system_random(&mut bytes);
    if let Some(first) = bytes.first_mut() {
        // Positive and without a leading zero.
        *first = (*first & 0x3f) | 0x40;
    }
    bytes
}

fn authority(name: &str) -> DistinguishedName {
    distinguished(&[(DnType::OrganizationName, "Sandbox"), (DnType::CommonName, name)])
}

fn distinguished(parts: &[(DnType, &str)]) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::CountryName, "CN");
    parts.iter().for_each(|(kind, value)| name.push(kind.clone(), *value));
    name
}

fn pair(key: &SigningKey) -> Result<KeyPair, SandboxError> {
    KeyPair::from_pkcs8_pem_and_sign_algo(&key.to_pem()?, &PKCS_RSA_SHA256).map_err(broken)
}

fn broken(_: rcgen::Error) -> SandboxError {
    SandboxError::Crypto("issuing a certificate of the network")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed<T>(text: &str, look: impl FnOnce(&X509Certificate<'_>) -> T) -> T {
        let der = der(text).unwrap();
        let (_, certificate) = X509Certificate::from_der(&der).unwrap();
        look(&certificate)
    }

    fn verifies(child: &str, parent: &str) -> bool {
        let parent = der(parent).unwrap();
        let (_, parent) = X509Certificate::from_der(&parent).unwrap();
        parsed(child, |child| {
            let key = VerifyingKey::from_der(parent.public_key().raw).unwrap();
            let signature =
                base64::Engine::encode(&base64::engine::general_purpose::STANDARD, child.signature_value.data.as_ref());
            child.issuer() == parent.subject() && key.accepts(child.tbs_certificate.as_ref(), &signature)
        })
    }

    #[test]
    fn a_certificate_leads_to_the_root_by_the_authority_between_them() {
        let root = Authority::root("Sandbox ACS CA").unwrap();
        let middle = root.below("Sandbox OCA1").unwrap();
        let again = Authority::kept("Sandbox OCA1", middle.pem.clone(), &middle.key_pem()).unwrap();
        let leaf = again.issue("041@x@中国银联股份有限公司@1", &SigningKey::generate().unwrap()).unwrap();
        assert!(verifies(&root.pem, &root.pem) && verifies(&middle.pem, &root.pem) && verifies(&leaf, &middle.pem));
        assert!(!verifies(&leaf, &root.pem));
        let name = parsed(&leaf, |leaf| leaf.subject().iter_common_name().next().unwrap().as_str().unwrap().to_owned());
        assert_eq!(name, "041@x@中国银联股份有限公司@1");
        assert!(!parsed(&leaf, |leaf| leaf.is_ca()) && parsed(&middle.pem, |middle| middle.is_ca()));
    }

    #[test]
    fn the_number_of_a_certificate_is_its_serial_in_decimal() {
        let root = Authority::root("Sandbox ACS CA").unwrap();
        let facts = read(&root.pem).unwrap();
        let hex = parsed(&root.pem, |root| root.raw_serial_as_string()).replace(':', "");
        assert_eq!(facts.cert_id, u128::from_str_radix(&hex, 16).unwrap().to_string());
        assert!(facts.cert_id.len() > 20, "{}", facts.cert_id);
    }

    #[test]
    fn a_certificate_travels_with_cr_lf_between_its_lines() {
        let sent = on_the_wire("-----BEGIN X-----\nAA\nBB\n-----END X-----\n");
        assert_eq!(sent, "-----BEGIN X-----\r\nAA\r\nBB\r\n-----END X-----");
    }
}
