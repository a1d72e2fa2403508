//! Certificates: it knows who issued whom, and must never know whose they are.

use aws_lc_rs::signature::{
    RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512, RsaParameters,
    UnparsedPublicKey,
};
use bursar_core::Timestamp;
use x509_parser::certificate::X509Certificate;
use x509_parser::oid_registry::{OID_PKCS1_SHA256WITHRSA, OID_PKCS1_SHA384WITHRSA, OID_PKCS1_SHA512WITHRSA};

/// Most certificates from a root down to a channel's own: real chains have three.
const MAX_DEPTH: usize = 6;

/// The certificate in `der`; `None` when it is none, or something follows it.
pub(crate) fn parse(der: &[u8]) -> Option<X509Certificate<'_>> {
    x509_parser::parse_x509_certificate(der).ok().filter(|(rest, _)| rest.is_empty()).map(|(_, found)| found)
}

/// Whether it may issue certificates, by its own words.
pub(crate) fn is_authority(certificate: &X509Certificate<'_>) -> bool {
    let is_ca = certificate.basic_constraints().ok().flatten().is_some_and(|found| found.value.ca);
    // Where the uses of the key are listed, this must be one of them.
    is_ca && certificate.key_usage().is_ok_and(|found| found.is_none_or(|usage| usage.value.key_cert_sign()))
}

/// Whether it is in force at `now`.
pub(crate) fn in_force(certificate: &X509Certificate<'_>, now: Timestamp) -> bool {
    let validity = certificate.validity();
    (validity.not_before.timestamp()..=validity.not_after.timestamp()).contains(&now.as_seconds())
}

/// Whether `issuer` signed `certificate`, with RSA. SHA-1 is not good enough.
pub(crate) fn issued(certificate: &X509Certificate<'_>, issuer: &X509Certificate<'_>) -> bool {
    let algorithm = &certificate.signature_algorithm.algorithm;
    let parameters: &'static RsaParameters = if *algorithm == OID_PKCS1_SHA256WITHRSA {
        &RSA_PKCS1_2048_8192_SHA256
    } else if *algorithm == OID_PKCS1_SHA384WITHRSA {
        &RSA_PKCS1_2048_8192_SHA384
    } else if *algorithm == OID_PKCS1_SHA512WITHRSA {
        &RSA_PKCS1_2048_8192_SHA512
    } else {
        return false;
    };
    certificate.issuer().as_raw() == issuer.subject().as_raw() && signed(certificate, parameters, issuer)
}

fn signed(certificate: &X509Certificate<'_>, parameters: &'static RsaParameters, by: &X509Certificate<'_>) -> bool {
    UnparsedPublicKey::new(parameters, by.public_key().raw)
        .verify(certificate.tbs_certificate.as_ref(), certificate.signature_value.data.as_ref())
        .is_ok()
}

/// Whether `certificate` leads to one of `roots` over authorities of `between`, all of them in force at `now`.
pub(crate) fn leads_to_root(
    certificate: &X509Certificate<'_>,
    between: &[X509Certificate<'_>],
    roots: &[X509Certificate<'_>],
    now: Timestamp,
) -> bool {
    leads(certificate, between, roots, now, MAX_DEPTH)
}

fn leads(
    certificate: &X509Certificate<'_>,
    between: &[X509Certificate<'_>],
    roots: &[X509Certificate<'_>],
    now: Timestamp,
    depth: usize,
) -> bool {
    if depth == 0 || !in_force(certificate, now) {
        return false;
    }
    let by = |issuer: &&X509Certificate<'_>| is_authority(issuer) && issued(certificate, issuer);
    roots.iter().filter(by).any(|root| in_force(root, now))
        || between.iter().filter(by).any(|issuer| leads(issuer, between, roots, now, depth - 1))
}

/// Whether it is signed with RSA, whatever the digest.
pub(crate) fn is_signed_with_rsa(certificate: &X509Certificate<'_>) -> bool {
    let algorithm = &certificate.signature_algorithm.algorithm;
    algorithm.to_id_string().strip_prefix("1.2.840.113549.1.1").is_some_and(|rest| rest.starts_with('.'))
}
