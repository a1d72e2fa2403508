//! Settings of a UnionPay account: it knows their names, bounds and defaults, and must never hold a secret (it
//! holds references, and reads them once).

use std::sync::Arc;

use bursar_core::id::ChannelAccountId;
use serde::Deserialize;
use serde_json::Value;
use url::Url;

use super::Unionpay;
use super::chain::Trust;
use super::identity::Identity;
use crate::channel::Channel;
use crate::parts::Parts;
use crate::rsa::SigningKey;
use crate::secrets::{SecretBytes, Secrets};
use crate::settings::{self, AccountSettings, Common, Defaults, check, plain};

/// The channel publishes no limits; it only answers "too many questions" now and then.
const DEFAULTS: Defaults =
    Defaults { base_urls: &["https://gateway.95516.com"], rate_per_second: 100, refund_rate_per_second: 50 };
/// Where the channel gives out files.
const FILES: &str = "https://filedownload.95516.com";
/// Longest address that the channel takes, in bytes.
pub(super) const MAX_URL_BYTES: usize = 256;
/// Most certificates of a kind: a chain has one root and one or two in the middle, twice while they change.
const MAX_CERTIFICATES: usize = 8;

/// The channel's own settings as they stand in the account, see the members. Unknown members are refused.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Own {
    /// The merchant number.
    pub(super) mer_id: String,
    /// Where payers come back to from the channel's page. `unionpay_web` needs it.
    #[serde(default)]
    pub(super) front_url: Option<String>,
    /// Where payers' browsers reach the channel, when that is another address than ours: with a sandbox in the
    /// next container.
    #[serde(default)]
    page_base_url: Option<String>,
    /// Where the channel gives out files: it has a host of its own for them.
    #[serde(default)]
    file_base_url: Option<String>,
    /// Reference to the merchant's key and certificate as the channel's authority hands them out, a PKCS#12
    /// file, and to its password.
    #[serde(default)]
    sign_pfx: Option<String>,
    #[serde(default)]
    sign_password: Option<String>,
    /// Instead: references to the key and to the certificate, in PEM.
    #[serde(default)]
    private_key: Option<String>,
    #[serde(default)]
    certificate: Option<String>,
    /// References to the certificates from which the channel's own must come, in PEM, as they are shipped with
    /// its libraries.
    root_certificates: Vec<String>,
    /// References to those in the middle.
    #[serde(default)]
    middle_certificates: Vec<String>,
    /// Believes the names in the certificates of the channel's test system, too.
    #[serde(default)]
    test_names: bool,
    /// Believes certificates that their authority signed with SHA-1. The authority of the channel's test system
    /// does; whether that of the real one still does could not be confirmed. To forge one, somebody would have
    /// to have a certificate of his own making signed by that authority.
    #[serde(default = "yes")]
    sha1_certificates: bool,
    /// Gives a whole payment back on its own day by undoing it, see `refund.rs`.
    #[serde(default)]
    pub(super) void_same_day: bool,
    /// What `unionpay_debit` needs.
    #[serde(default)]
    pub(super) agreements: Option<Agreements>,
}

/// What agreements need. Unknown members are refused.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Agreements {
    /// The merchant as one who asks for tokens (token requestor): a number that the channel gives out.
    pub(super) tr_id: String,
}

const fn yes() -> bool {
    true
}

/// The settings of an account, checked.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(super) common: Common,
    pub(super) own: Own,
    /// Where payers' browsers reach the channel.
    pub(super) page: Url,
    /// Where it gives out files.
    pub(super) files: Url,
}

/// Keys that the settings name, parsed.
#[derive(Debug)]
pub(super) struct Keys {
    pub(super) identity: Identity,
    pub(super) trust: Trust,
}

fn page_host(common: &Common) -> Result<Url, String> {
    common.hosts.first().cloned().ok_or_else(|| "settings: `base_urls` must be one to four addresses".to_owned())
}

impl AccountSettings for Settings {
    fn read(value: &Value) -> Result<Self, String> {
        let (common, own) = settings::read::<Own>(value, &DEFAULTS)?;
        own.check()?;
        let page = match &own.page_base_url {
            Some(text) => settings::host("page_base_url", text, common.allow_http)?,
            None => page_host(&common)?,
        };
        let files = match &own.file_base_url {
            Some(text) => settings::host("file_base_url", text, common.allow_http)?,
            // Whoever calls another system than the real one wants its files, too.
            None if value.get("base_urls").is_some() => page_host(&common)?,
            None => settings::host("file_base_url", FILES, false)?,
        };
        Ok(Self { common, own, page, files })
    }

    fn common(&self) -> &Common {
        &self.common
    }

    fn adapter(
        self,
        account: ChannelAccountId,
        secrets: &dyn Secrets,
        parts: Parts,
    ) -> Result<Arc<dyn Channel>, String> {
        let keys = self.own.load_keys(secrets)?;
        Ok(Arc::new(Unionpay::new(account, self, keys, parts)))
    }
}

impl Own {
    fn check(&self) -> Result<(), String> {
        let mer_id = self.mer_id.len() == 15 && plain(&self.mer_id, 15, "");
        check(mer_id, "mer_id", "the merchant number: 15 digits or letters")?;
        if let Some(text) = &self.front_url {
            let page = text.len() <= MAX_URL_BYTES
                && Url::parse(text).is_ok_and(|url| url.has_host() && ["https", "http"].contains(&url.scheme()));
            check(page, "front_url", "the address of a page of yours, of at most 256 bytes")?;
        }
        if let Some(agreements) = &self.agreements {
            check(
                plain(&agreements.tr_id, 32, ""),
                "agreements.tr_id",
                "the number of the token requestor, 11 digits",
            )?;
        }
        match (&self.sign_pfx, &self.sign_password, &self.private_key, &self.certificate) {
            (Some(_), Some(_), None, None) | (None, None, Some(_), Some(_)) => {}
            _ => {
                return Err(
                    "settings: give either `sign_pfx` and `sign_password`, or `private_key` and `certificate`".into()
                );
            }
        }
        let numbers = 1..=MAX_CERTIFICATES;
        check(numbers.contains(&self.root_certificates.len()), "root_certificates", "one to eight references")?;
        check(self.middle_certificates.len() <= MAX_CERTIFICATES, "middle_certificates", "at most eight references")
    }

    /// Reads and parses the keys that are named.
    ///
    /// # Errors
    /// A sentence naming the member and what is expected, never a key.
    fn load_keys(&self, secrets: &dyn Secrets) -> Result<Keys, String> {
        let read =
            |member: &str, reference: &str| secrets.read(reference).map_err(|e| format!("settings: `{member}`: {e}"));
        let all = |member: &str, references: &[String]| {
            references.iter().map(|reference| read(member, reference)).collect::<Result<Vec<SecretBytes>, _>>()
        };
        let roots = all("root_certificates", &self.root_certificates)?;
        let middles = all("middle_certificates", &self.middle_certificates)?;
        let (roots, middles): (Vec<_>, Vec<_>) =
            (roots.iter().map(SecretBytes::expose).collect(), middles.iter().map(SecretBytes::expose).collect());
        let trust = Trust::new(&roots, &middles, self.test_names, self.sha1_certificates)?;
        Ok(Keys { identity: self.identity(secrets)?, trust })
    }

    fn identity(&self, secrets: &dyn Secrets) -> Result<Identity, String> {
        if let (Some(pfx), Some(password)) = (&self.sign_pfx, &self.sign_password) {
            let password = secrets.read(password).map_err(|e| format!("settings: `sign_password`: {e}"))?;
            let password = std::str::from_utf8(password.expose())
                .map_err(|_| "settings: `sign_password` does not hold text in UTF-8")?
                // An editor's line break is not part of it.
                .trim_end_matches(['\r', '\n']);
            return settings::secret(secrets, "sign_pfx", pfx, |bytes| Identity::from_pfx(bytes, password));
        }
        let (Some(key), Some(certificate)) = (&self.private_key, &self.certificate) else {
            return Err(
                "settings: give either `sign_pfx` and `sign_password`, or `private_key` and `certificate`".into()
            );
        };
        let key = settings::secret(secrets, "private_key", key, SigningKey::read)?;
        settings::secret(secrets, "certificate", certificate, |text| Identity::from_pem(key, text))
    }
}
