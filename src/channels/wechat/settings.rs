//! Settings of a WeChat Pay account: it knows their names, bounds and defaults, and must never hold a
//! secret (it holds references, and reads them once).

use serde::Deserialize;
use serde_json::Value;
use url::{Host, Url};

use super::aead::ApiKey;
use super::sign::SigningKey;
use super::verify::{ChannelKey, platform_certificate};
use crate::breaker::Breaker;
use crate::secrets::Secrets;

/// Longest total time-out: two hosts and a wait for a turn must fit into a job's run limit of 60 s.
const MAX_TIMEOUT_MS: u64 = 25_000;
/// Highest rate that is taken: far above any known limit of the channel (about 500 a second).
const MAX_RATE_PER_SECOND: u32 = 10_000;
/// Prefix of public key ids, by which they are told from certificate serials.
const PUBLIC_KEY_PREFIX: &str = "PUB_KEY_ID_";

/// The settings as they stand in the account, see the members. Unknown members are refused.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Settings {
    /// The merchant number.
    pub(super) mchid: String,
    /// The app (official account, mini program or mobile app) that takes payments.
    pub(super) appid: String,
    /// Serial of the merchant's API certificate, hexadecimal.
    pub(super) serial_no: String,
    /// Reference to the merchant's API private key, a PEM.
    private_key: String,
    /// Reference to the APIv3 key, 32 ASCII characters.
    apiv3_key: String,
    /// Public-key mode: the id of WeChat Pay's public key, and a reference to it.
    #[serde(default)]
    pub(super) public_key_id: Option<String>,
    #[serde(default)]
    public_key: Option<String>,
    /// Certificate mode: references to platform certificates, PEM.
    #[serde(default)]
    platform_certificates: Vec<String>,
    /// Certificate mode: fetch platform certificates and keep them fresh.
    #[serde(default)]
    pub(super) download_certificates: bool,
    /// Hosts; the next one is tried only when a connection cannot be made.
    #[serde(default = "default_base_urls")]
    base_urls: Vec<String>,
    /// Takes hosts in clear that are not on this machine. For a sandbox in the next container.
    #[serde(default)]
    allow_http: bool,
    /// Real milliseconds for making a connection.
    #[serde(default = "default_connect_timeout_ms")]
    pub(crate) connect_timeout_ms: u64,
    /// Real milliseconds for a whole call to one host.
    #[serde(default = "default_timeout_ms")]
    pub(super) timeout_ms: u64,
    /// Calls per second of this account from this process.
    #[serde(default = "default_rate_per_second")]
    pub(super) rate_per_second: u32,
    /// Calls per second that give money back, of this account from this process.
    #[serde(default = "default_refund_rate_per_second")]
    pub(super) refund_rate_per_second: u32,
    /// Failures in a row that open the breaker.
    #[serde(default = "default_breaker_failures")]
    breaker_failures: u32,
    /// How long an open breaker waits before a probe, in milliseconds.
    #[serde(default = "default_breaker_open_ms")]
    breaker_open_ms: i64,
}

fn default_base_urls() -> Vec<String> {
    ["https://api.mch.weixin.qq.com", "https://api2.mch.weixin.qq.com"].map(str::to_owned).to_vec()
}

const fn default_connect_timeout_ms() -> u64 {
    3_000
}

const fn default_timeout_ms() -> u64 {
    10_000
}

/// The channel allows about 500 a second and merchant; some are left for other systems.
const fn default_rate_per_second() -> u32 {
    400
}

/// The channel allows 150 refunds a second and merchant; some are left for other systems.
const fn default_refund_rate_per_second() -> u32 {
    100
}

const fn default_breaker_failures() -> u32 {
    10
}

const fn default_breaker_open_ms() -> i64 {
    10_000
}

/// Keys that the settings name, parsed.
#[derive(Debug)]
pub(crate) struct Keys {
    pub(super) signing: SigningKey,
    pub(super) api: ApiKey,
    /// Of the channel: they verify what it says, and seal what only it may read.
    pub(super) channel: Vec<ChannelKey>,
}

fn check(good: bool, member: &str, expected: &str) -> Result<(), String> {
    if good { Ok(()) } else { Err(format!("settings: `{member}` must be {expected}")) }
}

fn plain(text: &str, max: usize, extra: &str) -> bool {
    (1..=max).contains(&text.len()) && text.chars().all(|c| c.is_ascii_alphanumeric() || extra.contains(c))
}

impl Settings {
    /// Reads and checks settings.
    ///
    /// # Errors
    /// A sentence naming the member and what is expected.
    pub(crate) fn read(value: &Value) -> Result<Self, String> {
        let settings: Self = serde_path_to_error::deserialize(value).map_err(|e| {
            let path = e.path().to_string();
            let at = if path == "." { String::new() } else { format!(" at `{path}`") };
            format!("settings{at}: {}; see the reference of channel accounts", e.inner())
        })?;
        settings.check()?;
        Ok(settings)
    }

    fn check(&self) -> Result<(), String> {
        check(plain(&self.mchid, 32, ""), "mchid", "the merchant number: 1 to 32 digits or letters")?;
        check(plain(&self.appid, 32, "_-"), "appid", "the app id: 1 to 32 characters, such as wx and 16 digits")?;
        let hex = self.serial_no.len() <= 64 && self.serial_no.chars().all(|c| c.is_ascii_hexdigit());
        check(hex && !self.serial_no.is_empty(), "serial_no", "the serial of the API certificate in hexadecimal")?;
        if self.public_key_id.is_some() != self.public_key.is_some() {
            return Err("settings: `public_key_id` and `public_key` belong together; give both or none".into());
        }
        if let Some(id) = &self.public_key_id {
            check(id.starts_with(PUBLIC_KEY_PREFIX) && plain(id, 64, "_"), "public_key_id", "PUB_KEY_ID_ and digits")?;
        }
        if self.public_key.is_none() && self.platform_certificates.is_empty() && !self.download_certificates {
            return Err("settings: nothing to verify answers with; give `public_key_id` and `public_key` \
                        (recommended), `platform_certificates`, or `download_certificates`: true"
                .into());
        }
        let times = [("connect_timeout_ms", self.connect_timeout_ms), ("timeout_ms", self.timeout_ms)];
        for (member, ms) in times {
            let expected = format!("1 to {MAX_TIMEOUT_MS} milliseconds");
            check((1..=MAX_TIMEOUT_MS).contains(&ms), member, &expected)?;
        }
        let rate = format!("1 to {MAX_RATE_PER_SECOND}");
        let rates =
            [("rate_per_second", self.rate_per_second), ("refund_rate_per_second", self.refund_rate_per_second)];
        for (member, per_second) in rates {
            check((1..=MAX_RATE_PER_SECOND).contains(&per_second), member, &rate)?;
        }
        check(self.breaker_failures > 0, "breaker_failures", "1 or more")?;
        check((1..=600_000).contains(&self.breaker_open_ms), "breaker_open_ms", "1 to 600000 milliseconds")?;
        self.hosts().map(drop)
    }

    /// The hosts, in the order of preference.
    pub(super) fn hosts(&self) -> Result<Vec<Url>, String> {
        check((1..=4).contains(&self.base_urls.len()), "base_urls", "one to four addresses")?;
        self.base_urls.iter().map(|text| host(text, self.allow_http)).collect()
    }

    /// A breaker as the settings want it.
    pub(crate) fn breaker(&self) -> Breaker {
        Breaker::new(self.breaker_failures, self.breaker_open_ms)
    }

    /// Reads and parses the keys that are named.
    ///
    /// # Errors
    /// A sentence naming the member and what is expected, never a key.
    pub(crate) fn load_keys(&self, secrets: &dyn Secrets) -> Result<Keys, String> {
        let read =
            |member: &str, reference: &str| secrets.read(reference).map_err(|e| format!("settings: `{member}`: {e}"));
        let wrong = |member: &'static str| move |e: &str| format!("settings: `{member}` does not hold {e}");
        let pem = read("private_key", &self.private_key)?;
        let signing = SigningKey::from_pem(pem.expose()).map_err(wrong("private_key"))?;
        let api = ApiKey::new(read("apiv3_key", &self.apiv3_key)?.expose()).map_err(wrong("apiv3_key"))?;
        let mut channel = Vec::new();
        if let (Some(id), Some(reference)) = (&self.public_key_id, &self.public_key) {
            let pem = read("public_key", reference)?;
            channel.push(ChannelKey::from_pem(id, pem.expose()).map_err(wrong("public_key"))?);
        }
        for reference in &self.platform_certificates {
            let pem = read("platform_certificates", reference)?;
            channel.push(platform_certificate(pem.expose()).map_err(wrong("platform_certificates"))?);
        }
        Ok(Keys { signing, api, channel })
    }
}

/// An address without anything after the host. In clear only on this machine, unless allowed.
fn host(text: &str, allow_http: bool) -> Result<Url, String> {
    let wrong = |what: &str| format!("settings: `base_urls`: `{text}` {what}");
    let url = Url::parse(text).map_err(|_| wrong("is not an address such as https://api.mch.weixin.qq.com"))?;
    let loopback = match url.host() {
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    };
    if url.scheme() != "https" && !(url.scheme() == "http" && (loopback || allow_http)) {
        return Err(wrong("must be https (http is taken for this machine only, or with `allow_http`: true)"));
    }
    if url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
        return Err(wrong("must end after the host: the rest would not be signed"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(wrong("must not hold a user or a password"));
    }
    Ok(url)
}
