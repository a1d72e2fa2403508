//! A merchant as the channel knows it: numbers, public key and the shared APIv3 key. It must never
//! hold the merchant's private key.

use crate::keys::VerifyingKey;
use crate::{SandboxError, pem};

/// A merchant's account on the sandbox.
#[derive(Clone)]
pub struct MerchantAccount {
    /// The merchant number.
    pub mchid: String,
    /// The applications bound to the merchant.
    pub appids: Vec<String>,
    /// The serial of the merchant's certificate, upper-case hexadecimal.
    pub merchant_serial: String,
    /// The merchant's public key, SubjectPublicKeyInfo PEM.
    pub merchant_public_key_pem: String,
    /// The APIv3 key that notifications and certificates are sealed with: 32 ASCII bytes.
    pub apiv3_key: [u8; 32],
    /// Orders younger than this are not closed; 0 (the default) closes them at any age.
    pub close_min_age_ms: i64,
    /// What the merchant's templates for debits ask for.
    pub papay: PapayTerms,
}

/// What the platform wrote into the merchant's templates for debits under a contract.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PapayTerms {
    /// A debit needs a notice to the payer: announced on one day, and debited from the day after the next on.
    pub needs_notice: bool,
    /// One debit at most, in fen.
    pub single_fen: Option<i64>,
    /// How long a contract is valid, in milliseconds from its signature; `None`: for ever.
    pub valid_ms: Option<i64>,
}

impl std::fmt::Debug for MerchantAccount {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The APIv3 key is a secret and stays out.
        f.debug_struct("MerchantAccount")
            .field("mchid", &self.mchid)
            .field("appids", &self.appids)
            .field("merchant_serial", &self.merchant_serial)
            .finish_non_exhaustive()
    }
}

/// An account with its key parsed.
pub(crate) struct Merchant {
    pub(crate) account: MerchantAccount,
    pub(crate) key: VerifyingKey,
    /// Its place in the configuration: its name in seeded draws, as its number differs from folder to
    /// folder of keys.
    pub(crate) ordinal: u64,
}

impl Merchant {
    pub(crate) fn new(account: MerchantAccount, ordinal: u64) -> Result<Self, SandboxError> {
        let der = pem::decode("PUBLIC KEY", &account.merchant_public_key_pem).ok_or_else(|| {
            SandboxError::Config(format!("the public key of merchant {} is not a PEM", account.mchid))
        })?;
        Ok(Self { key: VerifyingKey::from_der(&der)?, account, ordinal })
    }
}
