//! RSA keys of merchants and channels: it knows how they are written and the one padding that all channels
//! use, and must never know what is signed.

use std::fmt;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, RsaKeyPair};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::pem;

/// A merchant's private key, parsed once.
pub(crate) struct SigningKey(RsaKeyPair);

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKey(..)")
    }
}

impl SigningKey {
    /// From PKCS#8 or PKCS#1, in a PEM or as its bare base64, which is how some channels hand keys out.
    ///
    /// # Errors
    /// What was expected.
    pub(crate) fn read(text: &[u8]) -> Result<Self, &'static str> {
        const EXPECTED: &str = "an RSA private key of 2048 bits or more: PKCS#8 or PKCS#1, a PEM or its bare base64";
        let text = std::str::from_utf8(text).map_err(|_| EXPECTED)?;
        if let Some(pkcs8) = pem::decode("PRIVATE KEY", text) {
            return RsaKeyPair::from_pkcs8(&pkcs8).map(Self).map_err(|_| EXPECTED);
        }
        let der = pem::decode("RSA PRIVATE KEY", text).or_else(|| pem::bare(text)).ok_or(EXPECTED)?;
        Self::from_der(&der).ok_or(EXPECTED)
    }

    /// From the bytes of PKCS#8 or PKCS#1; `None` when they are neither.
    pub(crate) fn from_der(der: &[u8]) -> Option<Self> {
        RsaKeyPair::from_pkcs8(der).or_else(|_| RsaKeyPair::from_der(der)).map(Self).ok()
    }

    /// RSASSA-PKCS1-v1_5 with SHA-256, in base64; `None` when the library refuses to sign.
    pub(crate) fn sign(&self, message: &[u8]) -> Option<String> {
        let mut signature = vec![0; self.0.public_modulus_len()];
        // This padding is deterministic; the source only blinds.
        self.0.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature).ok()?;
        Some(STANDARD.encode(signature))
    }
}

/// A channel's public key, parsed once.
pub(crate) struct PublicKey(ParsedPublicKey);

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PublicKey(..)")
    }
}

impl PublicKey {
    /// From a SubjectPublicKeyInfo, in a PEM or as its bare base64.
    ///
    /// # Errors
    /// What was expected.
    pub(crate) fn read(text: &[u8]) -> Result<Self, &'static str> {
        std::str::from_utf8(text)
            .ok()
            .and_then(|text| pem::decode("PUBLIC KEY", text).or_else(|| pem::bare(text)))
            .and_then(|der| Self::from_der(&der))
            .ok_or("an RSA public key of 2048 bits or more: a PEM or its bare base64")
    }

    /// From the bytes of a SubjectPublicKeyInfo, such as a certificate holds one.
    pub(crate) fn from_der(der: &[u8]) -> Option<Self> {
        ParsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, der).map(Self).ok()
    }

    /// Its SubjectPublicKeyInfo.
    pub(crate) fn der(&self) -> &[u8] {
        self.0.as_ref()
    }

    /// Whether `signature`, in base64, is this key's of `message`: RSASSA-PKCS1-v1_5 with SHA-256.
    pub(crate) fn accepts(&self, message: &[u8], signature: &str) -> bool {
        STANDARD.decode(signature).is_ok_and(|bytes| self.0.verify_sig(message, &bytes).is_ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PKCS8: &str = include_str!("testdata/merchant_key.pem");
    const PKCS1: &str = include_str!("testdata/merchant_key_pkcs1.pem");
    const PUBLIC: &str = include_str!("testdata/platform_pub.pem");

    fn bare(pem: &str) -> String {
        pem.lines().filter(|line| !line.starts_with("-----")).collect()
    }

    #[test]
    fn a_private_key_is_read_in_all_four_ways_in_which_channels_hand_it_out() {
        let signature = SigningKey::read(PKCS8.as_bytes()).unwrap().sign(b"m").unwrap();
        for text in [PKCS1.to_owned(), bare(PKCS8), bare(PKCS1), format!(" {}\r\n", bare(PKCS1))] {
            assert_eq!(SigningKey::read(text.as_bytes()).unwrap().sign(b"m").unwrap(), signature);
        }
        for text in ["", "AQID", "not base64 at all!", PUBLIC] {
            let error = SigningKey::read(text.as_bytes()).unwrap_err();
            assert!(error.contains("2048"), "{error}");
        }
    }

    #[test]
    fn a_public_key_accepts_only_its_own_signature_of_the_same_bytes() {
        let signature =
            SigningKey::read(include_bytes!("testdata/platform_key.pem")).unwrap().sign(b"message").unwrap();
        for text in [PUBLIC.to_owned(), bare(PUBLIC)] {
            let key = PublicKey::read(text.as_bytes()).unwrap();
            assert!(key.accepts(b"message", &signature));
            assert!(!key.accepts(b"massage", &signature) && !key.accepts(b"message", "!"));
            let other = SigningKey::read(PKCS8.as_bytes()).unwrap().sign(b"message").unwrap();
            assert!(!key.accepts(b"message", &other));
        }
        assert!(PublicKey::read(PKCS8.as_bytes()).is_err());
    }
}
