//! Verifying what the channel sends: it knows its keys, signed strings and freshness, and must never
//! know what a message means.

use std::fmt;

use bursar_core::Timestamp;

use crate::headers::HeaderLookup;
use crate::notice::NotificationRefusal;
use crate::pem;
use crate::rsa::PublicKey;

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
pub(super) struct ChannelKey {
    serial: String,
    key: PublicKey,
    /// From when until when it is in force, in Unix seconds; `None`: always.
    validity: Option<(i64, i64)>,
}

impl fmt::Debug for ChannelKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ChannelKey({})", self.serial)
    }
}

impl ChannelKey {
    /// From a SubjectPublicKeyInfo in a PEM, with its id at the channel.
    ///
    /// # Errors
    /// What was expected.
    pub(super) fn from_pem(id: &str, text: &[u8]) -> Result<Self, &'static str> {
        PublicKey::read(text)
            .map(|key| Self { serial: id.to_owned(), key, validity: None })
            .map_err(|_| "an RSA public key of 2048 bits or more in a PEM, such as wxp_pub.pem")
    }

    /// How the channel names it: the id of a public key, the serial of a certificate in hexadecimal.
    pub(super) fn serial(&self) -> &str {
        &self.serial
    }

    /// Its SubjectPublicKeyInfo.
    pub(super) fn der(&self) -> &[u8] {
        self.key.der()
    }

    /// From when it is in force, in Unix seconds; later than any certificate for a public key.
    pub(super) fn since(&self) -> i64 {
        self.validity.map_or(i64::MAX, |(since, _)| since)
    }

    pub(super) fn in_force(&self, now: Timestamp) -> bool {
        self.validity.is_none_or(|(since, until)| (since..until).contains(&now.as_seconds()))
    }

    fn accepts(&self, message: &[u8], signature: &str) -> bool {
        self.key.accepts(message, signature)
    }
}

/// The key of a platform certificate in a PEM.
///
/// # Errors
/// What was expected.
pub(super) fn platform_certificate(text: &[u8]) -> Result<ChannelKey, &'static str> {
    const EXPECTED: &str = "a certificate with an RSA key in a PEM";
    let text = std::str::from_utf8(text).map_err(|_| EXPECTED)?;
    let der = pem::decode("CERTIFICATE", text).ok_or(EXPECTED)?;
    let (_, certificate) = x509_parser::parse_x509_certificate(&der).map_err(|_| EXPECTED)?;
    // DER writes a zero byte before a first bit that is set; the channel's listings do not.
    let serial = certificate.raw_serial().iter().skip_while(|byte| **byte == 0);
    let validity = certificate.validity();
    Ok(ChannelKey {
        serial: serial.map(|byte| format!("{byte:02X}")).collect(),
        key: PublicKey::from_der(certificate.public_key().raw).ok_or(EXPECTED)?,
        validity: Some((validity.not_before.timestamp(), validity.not_after.timestamp())),
    })
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
    with_key: impl FnOnce(&str, &dyn Fn(&ChannelKey) -> bool) -> Option<bool>,
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
