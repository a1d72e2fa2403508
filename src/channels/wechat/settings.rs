//! Settings of a WeChat Pay account: it knows their names, bounds and defaults, and must never hold a
//! secret (it holds references, and reads them once).

use std::sync::Arc;

use bursar_core::id::ChannelAccountId;
use serde::Deserialize;
use serde_json::Value;

use super::Wechat;
use super::aead::ApiKey;
use super::score_settings::{FrontKey, Score};
use super::verify::{ChannelKey, platform_certificate};
use crate::channel::Channel;
use crate::parts::Parts;
use crate::rsa::SigningKey;
use crate::secrets::Secrets;
use crate::settings::{self, AccountSettings, Common, Defaults, check, plain};

/// Prefix of public key ids, by which they are told from certificate serials.
const PUBLIC_KEY_PREFIX: &str = "PUB_KEY_ID_";

/// The channel allows about 500 calls and 150 refunds a second and merchant; some are left for other systems.
const DEFAULTS: Defaults = Defaults {
    base_urls: &["https://api.mch.weixin.qq.com", "https://api2.mch.weixin.qq.com"],
    rate_per_second: 400,
    refund_rate_per_second: 100,
};

/// The channel's own settings as they stand in the account, see the members. Unknown members are refused.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Own {
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
    /// What `wechat_debit` needs.
    #[serde(default)]
    pub(super) agreements: Option<Agreements>,
    /// What `wechat_score` needs.
    #[serde(default)]
    pub(super) score: Option<Score>,
    /// What profit sharing needs.
    #[serde(default)]
    pub(super) sharing: Option<ProfitSharing>,
}

/// What profit sharing needs. Unknown members are refused.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ProfitSharing {
    /// Most of an order that may be shared, in basis points, as the contract with the channel says.
    #[serde(default = "usual_share")]
    pub(super) most_basis_points: u32,
}

/// What the channel lets everybody share: 30 %.
const fn usual_share() -> u32 {
    3_000
}

/// What agreements need. Unknown members are refused.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Agreements {
    /// The template of the merchant platform.
    pub(super) plan_id: i64,
    /// Whether it is of the product that schedules charges.
    #[serde(default)]
    pub(super) scheduled: bool,
    /// Where payers sign one that is scheduled, when it is not inside WeChat (with an openid) or in a browser.
    #[serde(default)]
    pub(super) scene: Option<Scene>,
    /// Where payers sign one that is not scheduled: newer contracts with the channel want to know this, and more of
    /// the payer. Which do is not confirmed, so that it is said only on demand.
    #[serde(default)]
    pub(super) sign_scene: Option<SignScene>,
}

/// Where a payer signs an agreement whose charges are scheduled.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Scene {
    /// Inside WeChat.
    Jsapi,
    /// In a browser on a phone.
    H5,
    /// In the merchant's own app.
    App,
    /// In the merchant's mini program.
    MiniProgram,
}

impl Scene {
    /// How it ends the path of the call.
    pub(super) const fn segment(self) -> &'static str {
        match self {
            Self::Jsapi => "jsapi",
            Self::H5 => "h5",
            Self::App => "app",
            Self::MiniProgram => "mini-program",
        }
    }
}

/// Where a payer signs an agreement whose charges are not scheduled.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum SignScene {
    /// In the merchant's own app.
    App,
    /// By a code that he scans.
    Qrcode,
}

impl SignScene {
    pub(super) const fn code(self) -> &'static str {
        match self {
            Self::App => "SIGN_SCENE_APP",
            Self::Qrcode => "SIGN_SCENE_QRCODE",
        }
    }
}

/// The settings of an account, checked.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(super) common: Common,
    pub(super) own: Own,
}

/// Keys that the settings name, parsed.
#[derive(Debug)]
pub(super) struct Keys {
    pub(super) signing: SigningKey,
    pub(super) api: ApiKey,
    /// Of the channel: they verify what it says, and seal what only it may read.
    pub(super) channel: Vec<ChannelKey>,
    /// Signs what payers' sides hand to the channel.
    pub(super) front: Option<FrontKey>,
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
        Ok(Arc::new(Wechat::new(account, self, keys, parts)))
    }
}

impl Own {
    fn check(&self) -> Result<(), String> {
        check(plain(&self.mchid, 32, ""), "mchid", "the merchant number: 1 to 32 digits or letters")?;
        check(plain(&self.appid, 32, "_-"), "appid", "the app id: 1 to 32 characters, such as wx and 16 digits")?;
        let hex = self.serial_no.len() <= 64 && self.serial_no.chars().all(|c| c.is_ascii_hexdigit());
        check(hex && !self.serial_no.is_empty(), "serial_no", "the serial of the API certificate in hexadecimal")?;
        let share = self.sharing.is_none_or(|s| (1..=10_000).contains(&s.most_basis_points));
        check(share, "sharing.most_basis_points", "1 to 10000, which is all of an order")?;
        if let Some(agreements) = &self.agreements {
            check(agreements.plan_id > 0, "agreements.plan_id", "the number of the template, 1 or more")?;
            let odd = if agreements.scheduled { agreements.sign_scene.is_some() } else { agreements.scene.is_some() };
            if odd {
                return Err("settings: in `agreements`, `scene` is for a template that is `scheduled`, and \
                            `sign_scene` for one that is not"
                    .into());
            }
        }
        self.score.as_ref().map_or(Ok(()), Score::check)?;
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
        Ok(())
    }

    /// Reads and parses the keys that are named.
    ///
    /// # Errors
    /// A sentence naming the member and what is expected, never a key.
    fn load_keys(&self, secrets: &dyn Secrets) -> Result<Keys, String> {
        let signing = settings::secret(secrets, "private_key", &self.private_key, SigningKey::read)?;
        let api = settings::secret(secrets, "apiv3_key", &self.apiv3_key, ApiKey::new)?;
        let mut channel = Vec::new();
        if let (Some(id), Some(reference)) = (&self.public_key_id, &self.public_key) {
            channel.push(settings::secret(secrets, "public_key", reference, |text| ChannelKey::from_pem(id, text))?);
        }
        for reference in &self.platform_certificates {
            channel.push(settings::secret(secrets, "platform_certificates", reference, platform_certificate)?);
        }
        let front = self.score.as_ref().and_then(|score| score.apiv2_key.as_ref());
        let front = front
            .map(|reference| settings::secret(secrets, "score.apiv2_key", reference, FrontKey::new))
            .transpose()?;
        Ok(Keys { signing, api, channel, front })
    }
}
