//! Opening sealed members: it knows AES-256-GCM under the APIv3 key, and must never know what is inside.

use std::fmt;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

/// The only algorithm.
const ALGORITHM: &str = "AEAD_AES_256_GCM";

/// Something sealed, as it stands in messages: base64 of the ciphertext with its 16-byte tag.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Sealed {
    pub(super) algorithm: String,
    pub(super) nonce: String,
    #[serde(default)]
    pub(super) associated_data: String,
    pub(super) ciphertext: String,
}

/// The APIv3 key, made ready once.
pub(super) struct ApiKey(LessSafeKey);

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiKey(..)")
    }
}

impl ApiKey {
    /// From its 32 ASCII characters; white space around them is ignored.
    ///
    /// # Errors
    /// What was expected.
    pub(super) fn new(text: &[u8]) -> Result<Self, &'static str> {
        const EXPECTED: &str = "the APIv3 key: exactly 32 ASCII characters";
        let text = text.trim_ascii();
        if text.len() != 32 || !text.is_ascii() {
            return Err(EXPECTED);
        }
        UnboundKey::new(&AES_256_GCM, text).map(LessSafeKey::new).map(Self).map_err(|_| EXPECTED)
    }

    /// What is inside.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn open(&self, sealed: &Sealed) -> Result<Vec<u8>, String> {
        if sealed.algorithm != ALGORITHM {
            return Err(format!("it is sealed with `{}`, not with {ALGORITHM}", sealed.algorithm));
        }
        let nonce = Nonce::try_assume_unique_for_key(sealed.nonce.as_bytes())
            .map_err(|_| "its nonce does not have 12 bytes".to_owned())?;
        let mut bytes = STANDARD.decode(&sealed.ciphertext).map_err(|_| "its ciphertext is not base64".to_owned())?;
        let length = self
            .0
            .open_in_place(nonce, Aad::from(sealed.associated_data.as_bytes()), &mut bytes)
            .map_err(|_| "it is not sealed with this account's `apiv3_key`".to_owned())?
            .len();
        bytes.truncate(length);
        Ok(bytes)
    }

    /// The inverse, for tests.
    #[cfg(test)]
    pub(super) fn seal(&self, nonce: &str, associated_data: &str, plain: &[u8]) -> Sealed {
        let mut bytes = plain.to_vec();
        let unique = Nonce::try_assume_unique_for_key(nonce.as_bytes()).unwrap();
        self.0.seal_in_place_append_tag(unique, Aad::from(associated_data.as_bytes()), &mut bytes).unwrap();
        Sealed {
            algorithm: ALGORITHM.into(),
            nonce: nonce.into(),
            associated_data: associated_data.into(),
            ciphertext: STANDARD.encode(bytes),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_is_opened_and_any_change_is_noticed() {
        let key = ApiKey::new(b" 0123456789abcdef0123456789abcdef\n").unwrap();
        let sealed = key.seal("twelve bytes", "transaction", b"money");
        assert_eq!(key.open(&sealed).unwrap(), b"money");
        let other = ApiKey::new(b"0123456789abcdef0123456789abcdeF").unwrap();
        assert!(other.open(&sealed).is_err());
        for changed in [
            Sealed { associated_data: "refund".into(), ..sealed.clone() },
            Sealed { nonce: "Twelve bytes".into(), ..sealed.clone() },
            Sealed { nonce: "short".into(), ..sealed.clone() },
            Sealed { algorithm: "none".into(), ..sealed.clone() },
            Sealed { ciphertext: "!".into(), ..sealed.clone() },
            Sealed { ciphertext: String::new(), ..sealed.clone() },
        ] {
            assert!(key.open(&changed).is_err(), "{changed:?}");
        }
    }

    #[test]
    fn a_key_of_another_length_is_refused() {
        assert!(ApiKey::new(b"0123456789abcdef").is_err());
        assert!(ApiKey::new("é123456789abcdef0123456789abcdef".as_bytes()).is_err());
    }
}
