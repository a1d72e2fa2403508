//! The network's own keys: its signing certificate, the authorities above it, and the certificates of two
//! forgers whom a merchant must not believe. It knows what answers and notifications are signed with, and
//! must never hold a merchant's key.

use std::sync::Arc;

use crate::SandboxError;
use crate::keys::SigningKey;
use crate::unionpay::certificate::{Authority, on_the_wire};
use crate::unionpay::fields::{CERTIFICATE, Fields};
use crate::unionpay::sign;

/// The authority that issues certificates to the network and its merchants.
pub(crate) const MIDDLE: &str = "Sandbox OCA1";
/// The name that the network signs with: the third part names the company.
const NETWORK: &str = "041@9310000000083040@中国银联股份有限公司@00000001";
/// Another customer of the same authority.
const NEIGHBOUR: &str = "041@9310000000012345@隔壁科技有限公司@00000002";

/// The keys of the network, shared by all its merchants.
#[derive(Clone, Debug)]
pub struct UnionpayKeys {
    pub(crate) root_pem: String,
    /// Issues certificates to the network and its merchants.
    pub(crate) authority: Arc<Authority>,
    pub(crate) genuine: Signer,
    /// The right name, issued by an authority of its own.
    pub(crate) stranger: Signer,
    /// A certificate of the right authority, of another company.
    pub(crate) neighbour: Signer,
}

/// A key and its certificate.
#[derive(Clone, Debug)]
pub(crate) struct Signer {
    pub(crate) key: Arc<SigningKey>,
    pub(crate) pem: String,
}

impl UnionpayKeys {
    /// New keys; takes a moment, as five RSA keys are made.
    pub(crate) fn generate() -> Result<Self, SandboxError> {
        let root = Authority::root("Sandbox ACS CA")?;
        let middle = root.below(MIDDLE)?;
        let impostor = Authority::root(MIDDLE)?;
        let forger = Arc::new(SigningKey::generate()?);
        Ok(Self {
            root_pem: root.pem,
            genuine: Signer::network(&middle)?,
            stranger: Signer { pem: impostor.issue(NETWORK, &forger)?, key: forger.clone() },
            neighbour: Signer { pem: middle.issue(NEIGHBOUR, &forger)?, key: forger },
            authority: Arc::new(middle),
        })
    }

    /// Somebody else who signs, one of two.
    pub(crate) fn forger(&self, draw: u64) -> &Signer {
        if draw.is_multiple_of(2) { &self.stranger } else { &self.neighbour }
    }
}

impl Signer {
    /// The network, with a new key.
    pub(crate) fn network(authority: &Authority) -> Result<Self, SandboxError> {
        let key = SigningKey::generate()?;
        Ok(Self { pem: authority.issue(NETWORK, &key)?, key: Arc::new(key) })
    }

    /// Signs `fields` and adds the certificate to verify them with.
    pub(crate) fn sign(&self, fields: &mut Fields) -> Result<(), SandboxError> {
        fields.set("signMethod", "01");
        fields.set(CERTIFICATE, on_the_wire(&self.pem));
        sign::sign(fields, &self.key)
    }
}
