//! A merchant as the network knows it: its number and its certificate. It must never hold the merchant's
//! private key.

use aws_lc_rs::rsa::{Pkcs1PublicEncryptingKey, PublicEncryptingKey};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::SandboxError;
use crate::keys::VerifyingKey;
use crate::unionpay::certificate;

/// A merchant's account with the network.
#[derive(Clone, Debug)]
pub struct UnionpayAccount {
    /// The merchant number (`merId`): fifteen digits.
    pub mer_id: String,
    /// The certificate that the merchant signs with, PEM.
    pub certificate_pem: String,
}

/// An account with its certificate parsed.
pub(crate) struct UnionpayMerchant {
    pub(crate) mer_id: String,
    /// The certificate's serial in decimal.
    pub(crate) cert_id: String,
    pub(crate) key: VerifyingKey,
    key_der: Vec<u8>,
    /// Its place in the configuration: its name in seeded draws, as its number differs from folder to
    /// folder of keys.
    pub(crate) ordinal: u64,
}

impl UnionpayMerchant {
    pub(crate) fn new(account: &UnionpayAccount, ordinal: u64) -> Result<Self, SandboxError> {
        let facts = certificate::read(&account.certificate_pem)?;
        let (key, key_der) = (facts.key, facts.key_der);
        Ok(Self { mer_id: account.mer_id.clone(), cert_id: facts.cert_id, key, key_der, ordinal })
    }

    /// `plain` under the merchant's key (RSAES-PKCS1-v1_5), base64: so card numbers are sent.
    pub(crate) fn encrypt(&self, plain: &str) -> Result<String, SandboxError> {
        let broken = || SandboxError::Crypto("encrypting a card number");
        let key = PublicEncryptingKey::from_der(&self.key_der).map_err(|_| broken())?;
        let key = Pkcs1PublicEncryptingKey::new(key).map_err(|_| broken())?;
        let mut sealed = vec![0; key.ciphertext_size()];
        let sealed = key.encrypt(plain.as_bytes(), &mut sealed).map_err(|_| broken())?;
        Ok(STANDARD.encode(sealed))
    }
}
