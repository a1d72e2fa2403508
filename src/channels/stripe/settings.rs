//! Settings of a Stripe account: it knows their names, bounds and defaults, and must never hold a secret (it holds
//! references, and reads them once).

use std::sync::Arc;

use bursar_core::id::ChannelAccountId;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::Value;

use super::Stripe;
use super::object::is_id;
use super::signature::EndpointSecret;
use crate::channel::Channel;
use crate::parts::Parts;
use crate::secrets::Secrets;
use crate::settings::{self, AccountSettings, Common, Defaults, check, plain};

/// The channel allows 100 writes and 100 reads a second and account; some are left for other systems. For an
/// account in test mode (25 and 25) the settings should say less.
const DEFAULTS: Defaults =
    Defaults { base_urls: &["https://api.stripe.com"], rate_per_second: 80, refund_rate_per_second: 20 };
/// The version of the API that this adapter was written for. Its readers take members of later ones.
const API_VERSION: &str = "2026-07-29.dahlia";
/// Longest addition to what stands on the payer's statement, with the channel's prefix of at least five. Source:
/// the channel's documents, 22 in all.
const MAX_DESCRIPTOR: usize = 17;
/// Most secrets of webhook endpoints: two while one is rolled, for two endpoints.
const MAX_WEBHOOK_SECRETS: usize = 4;

/// The channel's own settings as they stand in the account, see the members. Unknown members are refused.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Own {
    /// Reference to the secret or restricted key: sk_ or rk_, live or test.
    secret_key: String,
    /// The key that the payer's page uses; handed out with the code.
    #[serde(default)]
    pub(super) publishable_key: Option<String>,
    /// References to the signing secrets of webhook endpoints; two while one is rolled.
    webhook_secrets: Vec<String>,
    /// The version of the API that calls ask for.
    #[serde(default = "default_api_version")]
    pub(super) api_version: String,
    /// The account, when messages of several arrive at one address.
    #[serde(default)]
    pub(super) account: Option<String>,
    /// What is added to the account's name on the payer's statement. Of a card only this addition can be said.
    #[serde(default)]
    pub(super) statement_descriptor_suffix: Option<String>,
}

fn default_api_version() -> String {
    API_VERSION.to_owned()
}

/// The settings of an account, checked.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(super) common: Common,
    pub(super) own: Own,
}

/// Keys that the settings name, read.
#[derive(Debug)]
pub(super) struct Keys {
    pub(super) secret: SecretKey,
    pub(super) webhook: Vec<EndpointSecret>,
}

/// The key with which calls are made.
#[derive(Debug)]
pub(super) struct SecretKey {
    text: SecretString,
    /// Whether it moves real money.
    pub(super) livemode: bool,
}

impl SecretKey {
    /// From what stands in its file.
    ///
    /// # Errors
    /// What was expected.
    fn new(bytes: &[u8]) -> Result<Self, &'static str> {
        let text = std::str::from_utf8(bytes).map(str::trim).unwrap_or_default();
        let mode = text.strip_prefix("sk_").or_else(|| text.strip_prefix("rk_")).unwrap_or_default();
        let livemode = mode.starts_with("live_");
        if !plain(text, 256, "_") || !(livemode || mode.starts_with("test_")) {
            return Err("a secret or restricted key, such as sk_live_ and letters and digits");
        }
        Ok(Self { text: SecretString::from(text), livemode })
    }

    pub(super) fn expose(&self) -> &str {
        self.text.expose_secret()
    }
}

impl AccountSettings for Settings {
    fn read(value: &Value) -> Result<Self, String> {
        let (common, own) = settings::read::<Own>(value, &DEFAULTS)?;
        own.check()?;
        Ok(Self { common, own })
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
        Ok(Arc::new(Stripe::new(account, self, keys, parts)))
    }
}

/// A date, and since 2024 a name after a dot.
fn is_version(text: &str) -> bool {
    let (date, name) = text.split_once('.').unwrap_or((text, "x"));
    let shape: String = date.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    shape == "0000-00-00" && plain(name, 32, "_")
}

/// What may stand on a payer's statement: at least one letter, and none of the characters that the channel refuses.
fn is_descriptor(text: &str) -> bool {
    let plain = text.chars().all(|c| (' '..='~').contains(&c) && !"<>\\'\"*".contains(c));
    (1..=MAX_DESCRIPTOR).contains(&text.len()) && plain && text.chars().any(|c| c.is_ascii_alphabetic())
}

impl Own {
    fn check(&self) -> Result<(), String> {
        let secrets = format!("references to 1 to {MAX_WEBHOOK_SECRETS} signing secrets of webhook endpoints");
        check((1..=MAX_WEBHOOK_SECRETS).contains(&self.webhook_secrets.len()), "webhook_secrets", &secrets)?;
        check(is_version(&self.api_version), "api_version", "a version of the API, such as 2026-07-29.dahlia")?;
        if let Some(key) = &self.publishable_key {
            let good = ["pk_live_", "pk_test_"].iter().any(|prefix| key.starts_with(prefix));
            check(
                good && plain(key, 256, "_"),
                "publishable_key",
                "the publishable key: pk_live_ or pk_test_ and more",
            )?;
        }
        if let Some(account) = &self.account {
            check(is_id(account, "acct"), "account", "the id of the account: acct_ and letters and digits")?;
        }
        if let Some(text) = &self.statement_descriptor_suffix {
            let expected = format!("1 to {MAX_DESCRIPTOR} characters with a letter, without < > \\ ' \" *");
            check(is_descriptor(text), "statement_descriptor_suffix", &expected)?;
        }
        Ok(())
    }

    /// Reads the keys that are named.
    ///
    /// # Errors
    /// A sentence naming the member and what is expected, never a key.
    fn load_keys(&self, secrets: &dyn Secrets) -> Result<Keys, String> {
        let secret = settings::secret(secrets, "secret_key", &self.secret_key, SecretKey::new)?;
        let live = |key: &String| key.starts_with("pk_live_");
        if self.publishable_key.as_ref().is_some_and(|key| live(key) != secret.livemode) {
            return Err("settings: `publishable_key` and `secret_key` must both be live or both test".into());
        }
        let read = |reference: &String| settings::secret(secrets, "webhook_secrets", reference, EndpointSecret::new);
        let webhook = self.webhook_secrets.iter().map(read).collect::<Result<_, _>>()?;
        Ok(Keys { secret, webhook })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn own(change: impl FnOnce(&mut Value)) -> Result<Own, String> {
        let mut value = json!({"secret_key": "file:key", "webhook_secrets": ["file:hook"]});
        change(&mut value);
        Settings::read(&value).map(|settings| settings.own)
    }

    #[test]
    fn what_is_wrong_is_named() {
        assert_eq!(own(|_| ()).unwrap().api_version, API_VERSION);
        assert!(own(|v| v["api_version"] = json!("2020-08-27")).is_ok(), "older versions have no name");
        for (member, value) in [
            ("webhook_secrets", json!([])),
            ("webhook_secrets", json!(["a", "b", "c", "d", "e"])),
            ("api_version", json!("latest")),
            ("api_version", json!("2026-07-29.")),
            ("publishable_key", json!("sk_test_1")),
            ("publishable_key", json!("pk_test_ 1")),
            ("account", json!("acct")),
            ("statement_descriptor_suffix", json!("12345")),
            ("statement_descriptor_suffix", json!("a*b")),
            ("statement_descriptor_suffix", json!("保洁")),
            ("statement_descriptor_suffix", json!("a descriptor of nineteen")),
            ("key", json!("x")),
        ] {
            let error = own(|v| v[member] = value.clone()).unwrap_err();
            assert!(error.contains(member), "{error}");
        }
    }

    #[test]
    fn a_key_says_whether_it_is_live_and_is_never_shown() {
        for (text, livemode) in [("sk_live_1\n", true), ("rk_test_a", false), ("sk_test_a", false)] {
            let key = SecretKey::new(text.as_bytes()).unwrap();
            assert_eq!((key.livemode, key.expose()), (livemode, text.trim()), "{text}");
            assert!(!format!("{key:?}").contains(text.trim()));
        }
        for bad in ["", "sk_", "pk_live_1", "sk_prod_1", "whsec_1", "sk_live_ 1"] {
            assert!(SecretKey::new(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
