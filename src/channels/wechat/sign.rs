//! Signing requests and pay codes: it knows the strings that are signed, and must never know what a
//! request means.

use std::fmt;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bursar_core::Chance;

use crate::pem;

/// The scheme in `Authorization`.
const SCHEME: &str = "WECHATPAY2-SHA256-RSA2048";
/// Characters of a nonce, as the channel documents it.
const NONCE_CHARS: usize = 32;

/// The merchant's API private key, parsed once.
pub(super) struct SigningKey(RsaKeyPair);

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKey(..)")
    }
}

impl SigningKey {
    /// From a PKCS#8 or PKCS#1 PEM.
    ///
    /// # Errors
    /// What was expected.
    pub(super) fn from_pem(text: &[u8]) -> Result<Self, &'static str> {
        const EXPECTED: &str = "an RSA private key of 2048 bits or more in a PEM, such as apiclient_key.pem";
        let text = std::str::from_utf8(text).map_err(|_| EXPECTED)?;
        let key = match (pem::decode("PRIVATE KEY", text), pem::decode("RSA PRIVATE KEY", text)) {
            (Some(pkcs8), _) => RsaKeyPair::from_pkcs8(&pkcs8),
            (None, Some(pkcs1)) => RsaKeyPair::from_der(&pkcs1),
            (None, None) => return Err(EXPECTED),
        };
        key.map(Self).map_err(|_| EXPECTED)
    }

    /// RSASSA-PKCS1-v1_5 with SHA-256, in base64; `None` when the library refuses to sign.
    pub(super) fn sign(&self, message: &[u8]) -> Option<String> {
        let mut signature = vec![0; self.0.public_modulus_len()];
        // This padding is deterministic; the source only blinds.
        self.0.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature).ok()?;
        Some(STANDARD.encode(signature))
    }
}

/// A fresh nonce: letters and digits.
pub(super) fn nonce(chance: &dyn Chance) -> String {
    const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let mut bytes = [0_u8; NONCE_CHARS];
    chance.fill(&mut bytes);
    bytes.iter().filter_map(|b| ALPHABET.get(usize::from(b % 32))).map(|c| char::from(*c)).collect()
}

/// What is signed of a request: five lines, each ended by a line feed. `target` is path and query
/// exactly as sent, `body` the bytes exactly as sent.
pub(super) fn request_message(method: &str, target: &str, unix_seconds: i64, nonce: &str, body: &[u8]) -> Vec<u8> {
    let mut message = format!("{method}\n{target}\n{unix_seconds}\n{nonce}\n").into_bytes();
    message.extend_from_slice(body);
    message.push(b'\n');
    message
}

/// The value of `Authorization`.
pub(super) fn authorization(mchid: &str, serial_no: &str, unix_seconds: i64, nonce: &str, signature: &str) -> String {
    format!(
        "{SCHEME} mchid=\"{mchid}\",nonce_str=\"{nonce}\",signature=\"{signature}\",\
         timestamp=\"{unix_seconds}\",serial_no=\"{serial_no}\""
    )
}

/// What is signed for the payer's side: four lines, each ended by a line feed. `last` is
/// `prepay_id=…` inside WeChat and the bare id in an app.
pub(super) fn pay_message(appid: &str, unix_seconds: &str, nonce: &str, last: &str) -> String {
    format!("{appid}\n{unix_seconds}\n{nonce}\n{last}\n")
}
