//! AEAD_AES_256_GCM as WeChat uses it: a 32-byte key, a 12-character nonce, the tag at the end of the
//! ciphertext, base64. It must never know what it seals.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::SandboxError;
use crate::keys::random_text;

/// The name of the algorithm on the wire.
pub(crate) const ALGORITHM: &str = "AEAD_AES_256_GCM";

/// Seals `plain` under a fresh nonce and gives the members `algorithm`, `nonce`, `associated_data` and
/// `ciphertext`.
pub(crate) fn seal(key: &[u8; 32], associated_data: &str, plain: &[u8]) -> Result<Value, SandboxError> {
    let nonce = random_text(12);
    let ciphertext = seal_with(key, nonce.as_bytes(), associated_data, plain)?;
    Ok(json!({
        "algorithm": ALGORITHM,
        "nonce": nonce,
        "associated_data": associated_data,
        "ciphertext": ciphertext,
    }))
}

fn seal_with(key: &[u8; 32], nonce: &[u8], associated_data: &str, plain: &[u8]) -> Result<String, SandboxError> {
    let broken = |_| SandboxError::Crypto("sealing with the APIv3 key");
    let key = UnboundKey::new(&AES_256_GCM, key).map_err(broken)?;
    let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(broken)?;
    let mut sealed = plain.to_vec();
    LessSafeKey::new(key)
        .seal_in_place_append_tag(nonce, Aad::from(associated_data.as_bytes()), &mut sealed)
        .map_err(broken)?;
    Ok(STANDARD.encode(sealed))
}

#[cfg(test)]
mod tests {
    use super::*;

    // Made with an independent implementation (Python's `cryptography`) from a key of our own.
    #[test]
    fn sealing_agrees_with_another_implementation() {
        let key = b"0123456789abcdef0123456789ABCDEF";
        let sealed = seal_with(key, b"nonce-twelve", "transaction", br#"{"amount":1}"#).unwrap();
        assert_eq!(sealed, VECTOR);
    }

    const VECTOR: &str = "2RTKS9YVaQ69KjEtg3e0ZGZas0ruNAZaO9A+NQ==";

    #[test]
    fn every_sealing_has_its_own_nonce() {
        let (a, b) = (seal(&[7; 32], "", b"x").unwrap(), seal(&[7; 32], "", b"x").unwrap());
        assert_ne!(a["nonce"], b["nonce"]);
        assert_ne!(a["ciphertext"], b["ciphertext"]);
    }
}
