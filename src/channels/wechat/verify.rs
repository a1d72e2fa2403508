//! Verifying what the channel sends: it knows signed strings, serials and freshness, and must never
//! know what a message means.

use std::fmt;

use aws_lc_rs::signature::{ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bursar_core::Timestamp;

use crate::headers::HeaderLookup;
use crate::notice::NotificationRefusal;
use crate::pem;

/// A message must be younger than this, by both clocks. Source: the channel's documents.
const FRESH_SECONDS: u64 = 300;
/// How the signatures of the channel's own tests begin. They must fail.
const PROBE_PREFIX: &str = "WECHATPAY/SIGNTEST/";
/// The only type of signature.
const SIGNATURE_TYPE: &str = "WECHATPAY2-SHA256-RSA2048";

pub(super) const TIMESTAMP: &str = "Wechatpay-Timestamp";
pub(super) const NONCE: &str = "Wechatpay-Nonce";
pub(super) const SIGNATURE: &str = "Wechatpay-Signature";
pub(super) const SERIAL: &str = "Wechatpay-Serial";
pub(super) const TYPE: &str = "Wechatpay-Signature-Type";
/// The headers that prove a message.
pub(super) const PROOF: &[&str] = &[TIMESTAMP, NONCE, SIGNATURE, SERIAL, TYPE];

/// A public key of the channel, parsed once.
pub(super) struct VerifyingKey(ParsedPublicKey);

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("VerifyingKey(..)")
    }
}

impl VerifyingKey {
    /// From a SubjectPublicKeyInfo.
    pub(super) fn from_der(der: &[u8]) -> Option<Self> {
        ParsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, der).ok().map(Self)
    }

    /// From a SubjectPublicKeyInfo in a PEM.
    ///
    /// # Errors
    /// What was expected.
    pub(super) fn from_pem(text: &[u8]) -> Result<Self, &'static str> {
        std::str::from_utf8(text)
            .ok()
            .and_then(|text| pem::decode("PUBLIC KEY", text))
            .and_then(|der| Self::from_der(&der))
            .ok_or("an RSA public key of 2048 bits or more in a PEM, such as wxp_pub.pem")
    }

    fn accepts(&self, message: &[u8], signature: &str) -> bool {
        STANDARD.decode(signature).is_ok_and(|bytes| self.0.verify_sig(message, &bytes).is_ok())
    }
}

/// Serial and key of a platform certificate in a PEM.
///
/// # Errors
/// What was expected.
pub(super) fn platform_certificate(text: &[u8]) -> Result<(String, VerifyingKey), &'static str> {
    const EXPECTED: &str = "a certificate with an RSA key in a PEM";
    let text = std::str::from_utf8(text).map_err(|_| EXPECTED)?;
    let der = pem::decode("CERTIFICATE", text).ok_or(EXPECTED)?;
    let (_, certificate) = x509_parser::parse_x509_certificate(&der).map_err(|_| EXPECTED)?;
    let serial: String = certificate.raw_serial().iter().map(|byte| format!("{byte:02X}")).collect();
    let key = VerifyingKey::from_der(certificate.public_key().raw).ok_or(EXPECTED)?;
    Ok((serial_key(&serial), key))
}

/// A serial in the one way in which it is compared: DER pads a leading zero byte, people do not.
pub(super) fn serial_key(serial: &str) -> String {
    serial.trim_start_matches('0').to_ascii_uppercase()
}

/// Checks that a message was signed by the channel. `now` is `None` for a message that was fresh when
/// it was stored; `key_of` finds the key of a serial and applies the check to it.
pub(super) fn verify(
    headers: &dyn HeaderLookup,
    body: &[u8],
    now: Option<Timestamp>,
    with_key: impl FnOnce(&str, &dyn Fn(&VerifyingKey) -> bool) -> Option<bool>,
) -> Result<(), NotificationRefusal> {
    let get = |name: &'static str| headers.header(name).ok_or(NotificationRefusal::MissingHeader(name));
    let signature = get(SIGNATURE)?;
    if signature.starts_with(PROBE_PREFIX) {
        return Err(NotificationRefusal::Probe);
    }
    let (serial, timestamp, nonce) = (get(SERIAL)?, get(TIMESTAMP)?, get(NONCE)?);
    if headers.header(TYPE).is_some_and(|name| name != SIGNATURE_TYPE) {
        return Err(NotificationRefusal::BadSignature);
    }
    let written: i64 = timestamp.parse().map_err(|_| NotificationRefusal::BadSignature)?;
    if now.is_some_and(|now| now.as_seconds().abs_diff(written) >= FRESH_SECONDS) {
        return Err(NotificationRefusal::Stale);
    }
    let mut message = format!("{timestamp}\n{nonce}\n").into_bytes();
    message.extend_from_slice(body);
    message.push(b'\n');
    match with_key(&serial_key(serial), &|key| key.accepts(&message, signature)) {
        None => Err(NotificationRefusal::UnknownSerial(serial.chars().take(64).collect())),
        Some(false) => Err(NotificationRefusal::BadSignature),
        Some(true) => Ok(()),
    }
}
