//! RSA keys and random bytes: it knows how to make, keep and use a 2048-bit key, and must never know
//! whose key it is.

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use aws_lc_rs::rsa::{KeyPair, KeySize, OAEP_SHA1_MGF1SHA1, OaepPrivateDecryptingKey, PrivateDecryptingKey};
use aws_lc_rs::signature::{KeyPair as _, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::{SandboxError, pem};

/// Fills `bytes` from the operating system's randomness: for keys and nonces, never for behaviour.
pub fn system_random(bytes: &mut [u8]) {
    // The library aborts rather than give weak bytes; an error here has no other meaning.
    let _ = SystemRandom::new().fill(bytes);
}

/// Letters and digits, as nonces are made of.
pub(crate) fn random_text(length: usize) -> String {
    const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let mut bytes = vec![0; length];
    system_random(&mut bytes);
    bytes.iter().filter_map(|byte| ALPHABET.get(usize::from(*byte) % 62)).map(|byte| char::from(*byte)).collect()
}

/// Upper-case hexadecimal, as certificate serials are written.
pub(crate) fn hex_upper(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02X}")).collect()
}

/// A key that signs RSASSA-PKCS1-v1_5 with SHA-256, and opens what was encrypted for it.
pub(crate) struct SigningKey(KeyPair);

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SigningKey(..)")
    }
}

impl SigningKey {
    pub(crate) fn generate() -> Result<Self, SandboxError> {
        KeyPair::generate(KeySize::Rsa2048).map(Self).map_err(|_| SandboxError::Crypto("making an RSA key"))
    }

    /// From a PKCS#8 PEM.
    pub(crate) fn from_pem(text: &str) -> Result<Self, SandboxError> {
        pem::decode("PRIVATE KEY", text)
            .and_then(|der| KeyPair::from_pkcs8(&der).ok())
            .map(Self)
            .ok_or_else(|| SandboxError::BadKey("not an RSA private key in a PKCS#8 PEM".to_owned()))
    }

    pub(crate) fn to_pem(&self) -> Result<String, SandboxError> {
        let der: Pkcs8V1Der<'_> = self.0.as_der().map_err(|_| SandboxError::Crypto("writing an RSA key"))?;
        Ok(pem::encode("PRIVATE KEY", der.as_ref()))
    }

    /// The public half as SubjectPublicKeyInfo.
    pub(crate) fn public_der(&self) -> Result<Vec<u8>, SandboxError> {
        let der: PublicKeyX509Der<'_> =
            self.0.public_key().as_der().map_err(|_| SandboxError::Crypto("writing an RSA public key"))?;
        Ok(der.as_ref().to_vec())
    }

    /// The signature in base64.
    pub(crate) fn sign(&self, message: &[u8]) -> Result<String, SandboxError> {
        let mut signature = vec![0; self.0.public_modulus_len()];
        self.0
            .sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature)
            .map_err(|_| SandboxError::Crypto("signing"))?;
        Ok(STANDARD.encode(signature))
    }
}

impl SigningKey {
    /// Opens `ciphertext` (base64), encrypted under the public half by RSAES-OAEP with SHA-1, as WeChat
    /// wants for a person's data; `None` when it was not made for this key.
    pub(crate) fn open(&self, ciphertext: &str) -> Option<Vec<u8>> {
        let sealed = STANDARD.decode(ciphertext).ok()?;
        let der: Pkcs8V1Der<'_> = self.0.as_der().ok()?;
        let key = OaepPrivateDecryptingKey::new(PrivateDecryptingKey::from_pkcs8(der.as_ref()).ok()?).ok()?;
        let mut plain = vec![0; key.min_output_size()];
        key.decrypt(&OAEP_SHA1_MGF1SHA1, &sealed, &mut plain, None).ok().map(|opened| opened.to_vec())
    }
}

/// A key that verifies such signatures.
pub(crate) struct VerifyingKey(ParsedPublicKey);

impl VerifyingKey {
    /// From a SubjectPublicKeyInfo.
    pub(crate) fn from_der(der: &[u8]) -> Result<Self, SandboxError> {
        ParsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, der)
            .map(Self)
            .map_err(|_| SandboxError::BadKey("not an RSA public key of 2048 bits or more".to_owned()))
    }

    /// Whether `signature` (base64) is this key's over `message`.
    pub(crate) fn accepts(&self, message: &[u8], signature: &str) -> bool {
        STANDARD.decode(signature).is_ok_and(|bytes| self.0.verify_sig(message, &bytes).is_ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_verifies_under_its_own_key_and_message_only() {
        let key = SigningKey::generate().unwrap();
        let again = SigningKey::from_pem(&key.to_pem().unwrap()).unwrap();
        let signature = again.sign(b"message").unwrap();
        let public = VerifyingKey::from_der(&key.public_der().unwrap()).unwrap();
        assert!(public.accepts(b"message", &signature));
        assert!(!public.accepts(b"massage", &signature));
        assert!(!public.accepts(b"message", "not base64!"));
        let other = VerifyingKey::from_der(&SigningKey::generate().unwrap().public_der().unwrap()).unwrap();
        assert!(!other.accepts(b"message", &signature));
    }

    #[test]
    fn what_was_encrypted_for_a_key_is_opened_by_it_alone() {
        use aws_lc_rs::rsa::{OaepPublicEncryptingKey, PublicEncryptingKey};
        let (key, other) = (SigningKey::generate().unwrap(), SigningKey::generate().unwrap());
        let public = PublicEncryptingKey::from_der(&key.public_der().unwrap()).unwrap();
        let public = OaepPublicEncryptingKey::new(public).unwrap();
        let mut sealed = vec![0; public.ciphertext_size()];
        let sealed =
            STANDARD.encode(public.encrypt(&OAEP_SHA1_MGF1SHA1, "张三".as_bytes(), &mut sealed, None).unwrap());
        assert_eq!(key.open(&sealed).as_deref(), Some("张三".as_bytes()));
        assert_eq!(other.open(&sealed), None);
        assert_eq!(key.open("not base64!"), None);
        assert_eq!(key.open("c2hvcnQ="), None);
    }

    #[test]
    fn random_text_has_the_length_asked_for_and_differs() {
        assert_eq!(random_text(32).len(), 32);
        assert_ne!(random_text(32), random_text(32));
    }
}
