//! A merchant's application as Alipay knows it: numbers and public keys. It must never hold the application's
//! private key.

use crate::fates::Asker;
use crate::keys::VerifyingKey;
use crate::{Channel, RefundLimits, SandboxError, pem};

/// An application of a merchant on the sandbox.
#[derive(Clone, Debug)]
pub struct AlipayAccount {
    /// The application's number: the account in books.
    pub app_id: String,
    /// The merchant's number, `2088…`.
    pub seller_id: String,
    /// The application's public key, SubjectPublicKeyInfo PEM.
    pub app_public_key_pem: String,
    /// The digest of the application's certificate, which requests in certificate mode name.
    pub app_cert_sn: String,
    /// What the merchant may not exceed when it refunds.
    pub refund_limits: RefundLimits,
}

/// An account with its key parsed.
pub(crate) struct App {
    pub(crate) account: AlipayAccount,
    pub(crate) key: VerifyingKey,
    /// Its place in the configuration.
    ordinal: u64,
}

impl App {
    pub(crate) fn new(account: AlipayAccount, ordinal: u64) -> Result<Self, SandboxError> {
        let der = pem::decode("PUBLIC KEY", &account.app_public_key_pem).ok_or_else(|| {
            SandboxError::Config(format!("the public key of application {} is not a PEM", account.app_id))
        })?;
        Ok(Self { key: VerifyingKey::from_der(&der)?, account, ordinal })
    }

    pub(crate) fn asker(&self) -> Asker<'_> {
        Asker { channel: Channel::Alipay, account: &self.account.app_id, ordinal: self.ordinal }
    }
}
