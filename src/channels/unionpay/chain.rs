//! Certificates of the channel: it knows whose signature makes one the channel's, and must never know what
//! the key in it signed.
//!
//! The channel sends its certificate with each message, so that anybody could send one: only the way from a
//! configured root, the validity and the name in it make it the channel's.

use std::fmt;

use aws_lc_rs::signature::{
    RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384,
    RSA_PKCS1_2048_8192_SHA512, RsaParameters, UnparsedPublicKey,
};
use bursar_core::Timestamp;
use x509_parser::certificate::X509Certificate;
use x509_parser::oid_registry::{
    OID_PKCS1_SHA1WITHRSA, OID_PKCS1_SHA256WITHRSA, OID_PKCS1_SHA384WITHRSA, OID_PKCS1_SHA512WITHRSA,
};

use super::serial;
use crate::pem;
use crate::rsa::PublicKey;

/// The company in the name of the channel's certificates.
const COMPANY: &str = "中国银联股份有限公司";
/// What stands there in some certificates of its test system.
const TEST_COMPANY: &str = "00040000:SIGN";

/// The label of a certificate in a PEM.
const LABEL: &str = "CERTIFICATE";

/// From when until when a certificate and all above it are valid, in Unix seconds, both inclusive.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Validity {
    since: i64,
    until: i64,
}

impl Validity {
    fn of(certificate: &X509Certificate<'_>) -> Self {
        let validity = certificate.validity();
        Self { since: validity.not_before.timestamp(), until: validity.not_after.timestamp() }
    }

    fn within(self, other: Self) -> Self {
        Self { since: self.since.max(other.since), until: self.until.min(other.until) }
    }
}

/// One that may issue the channel's certificates.
struct Issuer {
    /// Its name in DER.
    subject: Vec<u8>,
    /// Its SubjectPublicKeyInfo.
    key: Vec<u8>,
    validity: Validity,
}

/// Whose certificates are believed.
pub(super) struct Trust {
    issuers: Vec<Issuer>,
    test_names: bool,
    sha1: bool,
}

impl fmt::Debug for Trust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Trust({} issuers)", self.issuers.len())
    }
}

/// A certificate of the channel. Whether it is valid now is asked at each use.
#[derive(Debug)]
pub(super) struct ChannelKey {
    key: PublicKey,
    validity: Validity,
    /// Its number, in decimal.
    serial: String,
}

/// Why a certificate is not believed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Distrust {
    /// It is no certificate, or of a kind that is not used here.
    Unreadable,
    /// None of the configured certificates issued it.
    Stranger,
    /// It was issued by one of them, but not to the channel.
    OtherCompany,
    /// It, or one above it, is not valid yet or any more.
    NotValidNow,
}

impl fmt::Display for Distrust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unreadable => "a certificate that cannot be read",
            Self::Stranger => "a certificate that no configured certificate issued",
            Self::OtherCompany => "a certificate that was not issued to UnionPay",
            Self::NotValidNow => "a certificate that is not valid now",
        })
    }
}

fn parse(der: &[u8]) -> Option<X509Certificate<'_>> {
    x509_parser::parse_x509_certificate(der).ok().filter(|(rest, _)| rest.is_empty()).map(|(_, found)| found)
}

impl Trust {
    /// From root certificates, which are believed as they are, and middle ones, each of which must lead to
    /// one of them; in PEM. `sha1` says whether the old digest is good enough in the signature of a
    /// certificate.
    ///
    /// # Errors
    /// Which member is wrong and what is expected of it.
    pub(super) fn new(roots: &[&[u8]], middles: &[&[u8]], test_names: bool, sha1: bool) -> Result<Self, String> {
        let mut trust = Self { issuers: Vec::new(), test_names, sha1 };
        for der in certificates("root_certificates", roots)? {
            let root = parse(&der).filter(is_authority).ok_or_else(|| no_certificate("root_certificates"))?;
            trust.add(&root, Validity::of(&root));
        }
        let mut waiting = certificates("middle_certificates", middles)?;
        // In whatever order they are named: each round takes those that are led to by then.
        while !waiting.is_empty() {
            let before = waiting.len();
            let mut left = Vec::new();
            for der in waiting {
                let middle = parse(&der).filter(is_authority).ok_or_else(|| no_certificate("middle_certificates"))?;
                match trust.issued(&middle) {
                    Some(validity) => trust.add(&middle, validity),
                    None => left.push(der),
                }
            }
            waiting = left;
            if waiting.len() == before {
                return Err("settings: `middle_certificates`: one of them does not lead to a root certificate, or is \
                            signed with SHA-1 while `sha1_certificates` is false; give certificates that belong \
                            together"
                    .into());
            }
        }
        Ok(trust)
    }

    fn add(&mut self, certificate: &X509Certificate<'_>, validity: Validity) {
        self.issuers.push(Issuer {
            subject: certificate.subject().as_raw().to_vec(),
            key: certificate.public_key().raw.to_vec(),
            validity,
        });
    }

    /// The validity of `certificate` and all above it, when one of the issuers signed it.
    fn issued(&self, certificate: &X509Certificate<'_>) -> Option<Validity> {
        let algorithm = &certificate.signature_algorithm.algorithm;
        let parameters = if *algorithm == OID_PKCS1_SHA256WITHRSA {
            &RSA_PKCS1_2048_8192_SHA256
        } else if *algorithm == OID_PKCS1_SHA384WITHRSA {
            &RSA_PKCS1_2048_8192_SHA384
        } else if *algorithm == OID_PKCS1_SHA512WITHRSA {
            &RSA_PKCS1_2048_8192_SHA512
        } else if *algorithm == OID_PKCS1_SHA1WITHRSA && self.sha1 {
            &RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY
        } else {
            return None;
        };
        let by = self.issuers.iter().filter(|issuer| issuer.subject == certificate.issuer().as_raw());
        // One name may have several keys, when a certificate was renewed.
        by.filter(|issuer| signed(certificate, parameters, &issuer.key))
            .map(|issuer| Validity::of(certificate).within(issuer.validity))
            .max_by_key(|validity| validity.until)
    }

    /// The channel's key in a certificate in PEM.
    ///
    /// # Errors
    /// Why it is not believed.
    pub(super) fn channel_key(&self, text: &[u8]) -> Result<ChannelKey, Distrust> {
        let der =
            std::str::from_utf8(text).ok().and_then(|text| pem::decode(LABEL, text)).ok_or(Distrust::Unreadable)?;
        let certificate = parse(&der).ok_or(Distrust::Unreadable)?;
        let validity = self.issued(&certificate).ok_or(Distrust::Stranger)?;
        if !self.is_channel(&certificate) {
            return Err(Distrust::OtherCompany);
        }
        let key = PublicKey::from_der(certificate.public_key().raw).ok_or(Distrust::Unreadable)?;
        Ok(ChannelKey { key, validity, serial: serial::decimal(certificate.raw_serial()) })
    }

    /// Whether the name says so: one common name, divided by `@`, the third part of which is the company.
    fn is_channel(&self, certificate: &X509Certificate<'_>) -> bool {
        let mut names = certificate.subject().iter_common_name();
        let (Some(name), None) = (names.next(), names.next()) else { return false };
        let company = name.as_str().ok().and_then(|name| name.split('@').nth(2));
        company == Some(COMPANY) || (self.test_names && company == Some(TEST_COMPANY))
    }
}

fn no_certificate(member: &str) -> String {
    format!(
        "settings: `{member}`: a file does not hold the certificate of an authority in a PEM, such as acp_prod_root.cer"
    )
}

/// All certificates in the files of `member`, each of which must hold one at least.
fn certificates(member: &str, files: &[&[u8]]) -> Result<Vec<Vec<u8>>, String> {
    let mut all = Vec::new();
    for file in files {
        let text = std::str::from_utf8(file).map_err(|_| no_certificate(member))?;
        let found = pem::decode_all(LABEL, text);
        if found.is_empty() {
            return Err(no_certificate(member));
        }
        all.extend(found);
    }
    Ok(all)
}

/// Whether it may issue certificates at all, by its own words.
fn is_authority(certificate: &X509Certificate<'_>) -> bool {
    let is_ca = certificate.basic_constraints().ok().flatten().is_some_and(|found| found.value.ca);
    // Where the uses of the key are listed, this must be one of them.
    is_ca && certificate.key_usage().is_ok_and(|found| found.is_none_or(|usage| usage.value.key_cert_sign()))
}

fn signed(certificate: &X509Certificate<'_>, parameters: &'static RsaParameters, key: &[u8]) -> bool {
    let signature = certificate.signature_value.data.as_ref();
    UnparsedPublicKey::new(parameters, key).verify(certificate.tbs_certificate.as_ref(), signature).is_ok()
}

impl ChannelKey {
    /// Its number, in decimal.
    pub(super) fn serial(&self) -> &str {
        &self.serial
    }

    pub(super) const fn is_valid(&self, now: Timestamp) -> bool {
        let now = now.as_seconds();
        self.validity.since <= now && now <= self.validity.until
    }

    /// Whether `signature`, in base64, is the channel's of `message`.
    pub(super) fn accepts(&self, message: &[u8], signature: &str) -> bool {
        self.key.accepts(message, signature)
    }
}
