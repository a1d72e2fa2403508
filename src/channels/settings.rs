//! What the settings of every remote channel have in common: it knows hosts, time-outs and rates with their
//! bounds, and must never know a channel's own members.

use std::fmt::Debug;
use std::sync::Arc;

use bursar_core::id::ChannelAccountId;
use bursar_core::reconcile::FeeRule;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use url::Url;

use crate::breaker::Breaker;
use crate::channel::Channel;
pub(crate) use crate::host::host;
use crate::parts::Parts;
use crate::secrets::{SecretBytes, Secrets};

/// Longest total time-out: two hosts and a wait for a turn must fit into a job's run limit of 60 s.
const MAX_TIMEOUT_MS: u64 = 25_000;
/// Highest rate that is taken: far above any known limit of a channel (the highest is about 500 a second).
const MAX_RATE_PER_SECOND: u32 = 10_000;
/// Real milliseconds for making a connection, when nothing else is said.
const CONNECT_TIMEOUT_MS: u64 = 3_000;
/// Real milliseconds for a whole call to one host, when nothing else is said.
const TIMEOUT_MS: u64 = 10_000;
/// Failures in a row that open the breaker, when nothing else is said.
const BREAKER_FAILURES: u32 = 10;
/// How long an open breaker waits before a probe, in milliseconds, when nothing else is said.
const BREAKER_OPEN_MS: i64 = 10_000;
/// Most hosts of one account.
const MAX_HOSTS: usize = 4;

/// How an account of one channel becomes an adapter: what [`crate::Channels`] asks of each channel.
pub(crate) trait AccountSettings: Sized + Debug {
    /// Reads and checks settings.
    ///
    /// # Errors
    /// A sentence naming the member and what is expected.
    fn read(value: &Value) -> Result<Self, String>;

    /// What they have in common with other channels.
    fn common(&self) -> &Common;

    /// Reads the keys that the settings name, and builds the adapter.
    ///
    /// # Errors
    /// A sentence naming the member and what is expected, never a secret.
    fn adapter(
        self,
        account: ChannelAccountId,
        secrets: &dyn Secrets,
        parts: Parts,
    ) -> Result<Arc<dyn Channel>, String>;
}

/// What a channel offers where the settings say nothing.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Defaults {
    /// Hosts in the order of preference.
    pub(crate) base_urls: &'static [&'static str],
    /// Calls per second.
    pub(crate) rate_per_second: u32,
    /// Calls per second that give money back.
    pub(crate) refund_rate_per_second: u32,
}

/// The members as they may stand in an account, beside a channel's own. Unknown members are refused.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    base_urls: Option<Vec<String>>,
    allow_http: Option<bool>,
    connect_timeout_ms: Option<u64>,
    timeout_ms: Option<u64>,
    rate_per_second: Option<u32>,
    refund_rate_per_second: Option<u32>,
    breaker_failures: Option<u32>,
    breaker_open_ms: Option<i64>,
    fees: Option<FeeRule>,
}

/// The names of [`Raw`]'s members.
pub(crate) const MEMBERS: [&str; 9] = [
    "base_urls",
    "allow_http",
    "connect_timeout_ms",
    "timeout_ms",
    "rate_per_second",
    "refund_rate_per_second",
    "breaker_failures",
    "breaker_open_ms",
    "fees",
];

/// What the settings of every remote channel have in common, checked.
#[derive(Clone, Debug)]
pub(crate) struct Common {
    /// Hosts; the next one is tried only when a connection cannot be made.
    pub(crate) hosts: Vec<Url>,
    /// Takes hosts in clear that are not on this machine. For a sandbox in the next container.
    pub(crate) allow_http: bool,
    /// Real milliseconds for making a connection.
    pub(crate) connect_timeout_ms: u64,
    /// Real milliseconds for a whole call to one host.
    pub(crate) timeout_ms: u64,
    /// Calls per second of this account from this process.
    pub(crate) rate_per_second: u32,
    /// Calls per second that give money back, of this account from this process.
    pub(crate) refund_rate_per_second: u32,
    breaker_failures: u32,
    breaker_open_ms: i64,
    /// What the contract lets the channel keep, where somebody has said.
    pub(crate) fees: Option<FeeRule>,
}

/// Reads the settings of an account: its common members, and a channel's own as `T`, which should deny
/// unknown members.
///
/// # Errors
/// A sentence naming the member and what is expected.
pub(crate) fn read<T: DeserializeOwned>(value: &Value, defaults: &Defaults) -> Result<(Common, T), String> {
    // Two passes instead of `serde(flatten)`, which forgets where in the settings a mistake stands.
    let mut own = value.clone();
    let mut shared = Map::new();
    if let Some(members) = own.as_object_mut() {
        for name in MEMBERS {
            if let Some(member) = members.remove(name) {
                shared.insert(name.to_owned(), member);
            }
        }
    }
    let own = located(&own)?;
    Ok((Common::checked(located(&Value::Object(shared))?, defaults)?, own))
}

/// Reads `value` as `T`.
///
/// # Errors
/// A sentence naming the place of the mistake.
pub(crate) fn located<T: DeserializeOwned>(value: &Value) -> Result<T, String> {
    serde_path_to_error::deserialize(value).map_err(|e| {
        let path = e.path().to_string();
        let at = if path == "." { String::new() } else { format!(" at `{path}`") };
        format!("settings{at}: {}; see config/accounts.md", e.inner())
    })
}

/// A sentence about `member` unless it is good.
pub(crate) fn check(good: bool, member: &str, expected: &str) -> Result<(), String> {
    if good { Ok(()) } else { Err(format!("settings: `{member}` must be {expected}")) }
}

/// Whether `text` has 1 to `max` letters, digits and characters of `extra`.
pub(crate) fn plain(text: &str, max: usize, extra: &str) -> bool {
    (1..=max).contains(&text.len()) && text.chars().all(|c| c.is_ascii_alphanumeric() || extra.contains(c))
}

/// Reads the secret that `member` names and makes it what it should be.
///
/// # Errors
/// A sentence naming the member and what is expected, never the secret.
pub(crate) fn secret<T>(
    secrets: &dyn Secrets,
    member: &str,
    reference: &str,
    parse: impl FnOnce(&[u8]) -> Result<T, &'static str>,
) -> Result<T, String> {
    let bytes: SecretBytes = secrets.read(reference).map_err(|e| format!("settings: `{member}`: {e}"))?;
    parse(bytes.expose()).map_err(|e| format!("settings: `{member}` does not hold {e}"))
}

impl Common {
    fn checked(raw: Raw, defaults: &Defaults) -> Result<Self, String> {
        let allow_http = raw.allow_http.unwrap_or(false);
        let base_urls =
            raw.base_urls.unwrap_or_else(|| defaults.base_urls.iter().map(|url| (*url).to_owned()).collect());
        check((1..=MAX_HOSTS).contains(&base_urls.len()), "base_urls", "one to four addresses")?;
        let hosts = base_urls.iter().map(|text| host("base_urls", text, allow_http)).collect::<Result<_, _>>()?;
        let common = Self {
            hosts,
            allow_http,
            connect_timeout_ms: raw.connect_timeout_ms.unwrap_or(CONNECT_TIMEOUT_MS),
            timeout_ms: raw.timeout_ms.unwrap_or(TIMEOUT_MS),
            rate_per_second: raw.rate_per_second.unwrap_or(defaults.rate_per_second),
            refund_rate_per_second: raw.refund_rate_per_second.unwrap_or(defaults.refund_rate_per_second),
            breaker_failures: raw.breaker_failures.unwrap_or(BREAKER_FAILURES),
            breaker_open_ms: raw.breaker_open_ms.unwrap_or(BREAKER_OPEN_MS),
            fees: raw.fees,
        };
        let expected = format!("1 to {MAX_TIMEOUT_MS} milliseconds");
        for (member, ms) in [("connect_timeout_ms", common.connect_timeout_ms), ("timeout_ms", common.timeout_ms)] {
            check((1..=MAX_TIMEOUT_MS).contains(&ms), member, &expected)?;
        }
        let expected = format!("1 to {MAX_RATE_PER_SECOND}");
        let rates =
            [("rate_per_second", common.rate_per_second), ("refund_rate_per_second", common.refund_rate_per_second)];
        for (member, per_second) in rates {
            check((1..=MAX_RATE_PER_SECOND).contains(&per_second), member, &expected)?;
        }
        check(common.breaker_failures > 0, "breaker_failures", "1 or more")?;
        check((1..=600_000).contains(&common.breaker_open_ms), "breaker_open_ms", "1 to 600000 milliseconds")?;
        if let Some(fees) = &common.fees {
            check(fees.basis_points <= 10_000, "fees.basis_points", "0 to 10000 hundredths of a percent")?;
            check(fees.fixed_minor >= 0, "fees.fixed_minor", "0 or more minor units")?;
            check(fees.tolerance_minor >= 0, "fees.tolerance_minor", "0 or more minor units")?;
        }
        Ok(common)
    }

    /// A breaker as the settings want it.
    pub(crate) fn breaker(&self) -> Breaker {
        Breaker::new(self.breaker_failures, self.breaker_open_ms)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Own {
        name: String,
    }

    const DEFAULTS: Defaults =
        Defaults { base_urls: &["https://channel.example"], rate_per_second: 7, refund_rate_per_second: 3 };

    fn take(value: Value) -> Result<(Common, Own), String> {
        read(&value, &DEFAULTS)
    }

    #[test]
    fn what_is_not_said_is_the_channels_default() {
        let (common, own) = take(json!({"name": "n", "timeout_ms": 5})).unwrap();
        assert_eq!((own.name.as_str(), common.timeout_ms, common.connect_timeout_ms), ("n", 5, 3_000));
        assert_eq!((common.rate_per_second, common.refund_rate_per_second), (7, 3));
        assert_eq!(common.hosts, [Url::parse("https://channel.example/").unwrap()]);
    }

    #[test]
    fn a_mistake_is_named_whether_it_is_in_a_common_member_or_in_a_channels_own() {
        for (value, words) in [
            (json!({"name": "n", "rate_per_second": -1}), "`rate_per_second`"),
            (json!({"name": "n", "breaker_failures": 0}), "`breaker_failures`"),
            (json!({"name": "n", "breaker_open_ms": 0}), "`breaker_open_ms`"),
            (json!({"name": "n", "base_urls": ["http://channel.example"]}), "`base_urls`"),
            (json!({"name": "n", "base_urls": [1]}), "`base_urls[0]`"),
            (json!({"name": 1}), "`name`"),
            (json!({"name": "n", "fees": {"basis_points": 10_001}}), "`fees.basis_points`"),
            (json!({"name": "n", "fees": {"basis_points": 60, "rate": 1}}), "`fees.rate`"),
            (json!({"name": "n", "other": 1}), "`other`"),
            (json!({}), "`name`"),
            (json!([]), "settings"),
        ] {
            let error = take(value).map(drop).unwrap_err();
            assert!(error.contains(words), "{error}");
        }
    }

    #[test]
    fn every_common_member_has_its_name_in_the_list() {
        let error = located::<Raw>(&json!({"?": 1})).unwrap_err();
        let names: Vec<String> = MEMBERS.iter().map(|name| format!("`{name}`")).collect();
        assert!(error.contains(&format!("expected one of {};", names.join(", "))), "{error}");
    }

    #[test]
    fn clear_text_needs_this_machine_or_a_word() {
        for url in ["http://127.0.0.1:1", "http://[::1]:1", "http://localhost"] {
            assert!(take(json!({"name": "n", "base_urls": [url]})).is_ok(), "{url}");
        }
        let far = json!({"name": "n", "base_urls": ["http://sandbox:9000"], "allow_http": true});
        assert!(take(far).is_ok());
    }
}
