//! Settings of an Alipay account: it knows their names, bounds and defaults, and must never hold a secret (it
//! holds references, and reads them once).

use std::collections::HashMap;
use std::sync::Arc;

use bursar_core::id::ChannelAccountId;
use serde::Deserialize;
use serde_json::Value;
use url::Url;

use super::Alipay;
use super::certificate::{Trust, named};
use super::gateway::Certified;
use super::keyring::{Certificates, Keyring};
use super::serial;
use crate::channel::Channel;
use crate::hold_days::HoldDays;
use crate::parts::Parts;
use crate::rsa::{PublicKey, SigningKey};
use crate::secrets::Secrets;
use crate::settings::{self, AccountSettings, Common, Defaults, check, plain};

/// The channel documents no rate. These are far below what merchants report, and far above what a merchant of
/// ours needs.
const DEFAULTS: Defaults =
    Defaults { base_urls: &["https://openapi.alipay.com"], rate_per_second: 100, refund_rate_per_second: 30 };
/// Longest address that the channel takes for its messages and for the way back.
const MAX_URL_BYTES: usize = 256;

/// Which protocol is spoken where both are possible.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Protocol {
    /// The gateway.
    #[default]
    V2,
    /// REST, for questions, closing and refunds.
    V3,
}

/// Which contract takes codes that are shown to the payer.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(super) enum QrProduct {
    #[default]
    FaceToFacePayment,
    QrCodeOffline,
}

impl QrProduct {
    pub(super) const fn code(self) -> &'static str {
        match self {
            Self::FaceToFacePayment => "FACE_TO_FACE_PAYMENT",
            Self::QrCodeOffline => "QR_CODE_OFFLINE",
        }
    }
}

/// Which contract holds amounts.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Deserialize)]
pub(super) enum HoldProduct {
    /// 当面资金授权.
    #[default]
    #[serde(rename = "PRE_AUTH")]
    PreAuth,
    /// 线上资金授权.
    #[serde(rename = "PRE_AUTH_ONLINE")]
    PreAuthOnline,
    /// The name in newer contracts.
    #[serde(rename = "PREAUTH_PAY")]
    PreauthPay,
}

impl HoldProduct {
    pub(super) const fn code(self) -> &'static str {
        match self {
            Self::PreAuth => "PRE_AUTH",
            Self::PreAuthOnline => "PRE_AUTH_ONLINE",
            Self::PreauthPay => "PREAUTH_PAY",
        }
    }
}

/// Which contract charges payers by agreements.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(super) enum AgreementProduct {
    /// 商家扣款: whenever the merchant wants.
    GeneralWithholding,
    /// 周期扣款: in a rhythm that the payer agrees to.
    CyclePayAuth,
}

impl AgreementProduct {
    pub(super) const fn code(self) -> &'static str {
        match self {
            Self::GeneralWithholding => "GENERAL_WITHHOLDING",
            Self::CyclePayAuth => "CYCLE_PAY_AUTH",
        }
    }

    /// Its name on the payer's side.
    pub(super) const fn personal(self) -> &'static str {
        match self {
            Self::GeneralWithholding => "GENERAL_WITHHOLDING_P",
            Self::CyclePayAuth => "CYCLE_PAY_AUTH_P",
        }
    }
}

/// What agreements need. Unknown members are refused.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Agreements {
    /// The contract.
    pub(super) product_code: AgreementProduct,
    /// The scene that the channel has granted.
    pub(super) sign_scene: String,
    /// How payers come to the page on which they sign.
    #[serde(default = "default_access_channel")]
    pub(super) access_channel: String,
    /// How long a signature holds: a number of days or months.
    #[serde(default)]
    pub(super) sign_validity_period: Option<String>,
}

fn default_access_channel() -> String {
    "QRCODE".to_owned()
}

/// Whether `text` is a number of days (`90d`) or months (`12m`).
fn is_period(text: &str) -> bool {
    let number = text.strip_suffix(['d', 'm']).unwrap_or_default();
    (1..=4).contains(&number.len()) && number.bytes().all(|b| b.is_ascii_digit()) && !number.starts_with('0')
}

impl Agreements {
    fn check(&self) -> Result<(), String> {
        let scene = "the scene that was granted, such as INDUSTRY|OTHERS";
        check(plain(&self.sign_scene, 64, "_|"), "agreements.sign_scene", scene)?;
        let channel = "a way to the page, such as QRCODE or ALIPAYAPP";
        check(plain(&self.access_channel, 32, "_"), "agreements.access_channel", channel)?;
        let good = self.sign_validity_period.as_deref().is_none_or(is_period);
        check(good, "agreements.sign_validity_period", "a number of days or months, such as 90d or 12m")
    }
}

/// The channel's own settings as they stand in the account, see the members. Unknown members are refused.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Own {
    /// The app.
    pub(super) app_id: String,
    /// The merchant (partner id, PID), 16 digits from 2088: messages about another are not taken.
    pub(super) seller_id: String,
    /// Reference to the app's private key: PKCS#1 or PKCS#8, a PEM or bare base64.
    private_key: String,
    /// Public-key mode: reference to the channel's public key.
    #[serde(default)]
    alipay_public_key: Option<String>,
    /// Certificate mode: references to our app's certificate, the channel's certificates (one, or the old and
    /// the new) and its roots.
    #[serde(default)]
    app_certificate: Option<String>,
    #[serde(default)]
    alipay_certificates: Vec<String>,
    #[serde(default)]
    alipay_root_certificate: Option<String>,
    /// Which protocol is spoken where both are possible.
    #[serde(default)]
    pub(super) alipay_protocol: Protocol,
    /// Which contract takes codes that are shown to the payer.
    #[serde(default)]
    pub(super) qr_product_code: QrProduct,
    /// Which contract holds amounts.
    #[serde(default)]
    pub(super) hold_product_code: HoldProduct,
    /// How long after the payer's consent an amount that nobody has taken is let go.
    #[serde(default)]
    pub(super) hold_days: HoldDays,
    /// Where the payer's browser goes after a page: it proves nothing and is only for his eyes.
    #[serde(default)]
    pub(super) return_url: Option<String>,
    /// What `alipay_debit` needs.
    #[serde(default)]
    pub(super) agreements: Option<Agreements>,
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
    pub(super) certified: Option<Certified>,
    pub(super) keyring: Keyring,
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
        Ok(Arc::new(Alipay::new(account, self, keys, parts)))
    }
}

/// Whether `url` may stand in a call: an absolute web address that is not too long.
pub(super) fn is_web_address(url: &str) -> bool {
    url.len() <= MAX_URL_BYTES && Url::parse(url).is_ok_and(|url| matches!(url.scheme(), "http" | "https"))
}

impl Own {
    fn check(&self) -> Result<(), String> {
        check(plain(&self.app_id, 32, ""), "app_id", "the app id: 16 digits")?;
        let digits = self.seller_id.len() == 16 && self.seller_id.bytes().all(|b| b.is_ascii_digit());
        check(digits, "seller_id", "the merchant's PID: 16 digits from 2088")?;
        if let Some(url) = &self.return_url {
            check(is_web_address(url), "return_url", "an address of a page, at most 256 bytes")?;
        }
        self.hold_days.check("hold_days")?;
        self.agreements.as_ref().map_or(Ok(()), Agreements::check)?;
        let certified = self.app_certificate.is_some()
            || self.alipay_root_certificate.is_some()
            || !self.alipay_certificates.is_empty();
        let complete = self.app_certificate.is_some()
            && self.alipay_root_certificate.is_some()
            && !self.alipay_certificates.is_empty();
        match (&self.alipay_public_key, certified) {
            (None, false) => Err("settings: nothing to verify answers with; give `alipay_public_key`, or \
                                  `app_certificate`, `alipay_certificates` and `alipay_root_certificate`"
                .into()),
            (Some(_), true) => Err("settings: `alipay_public_key` belongs to an app without certificates; give it, \
                                    or `app_certificate`, `alipay_certificates` and `alipay_root_certificate`"
                .into()),
            (None, true) if !complete => Err("settings: `app_certificate`, `alipay_certificates` and \
                                              `alipay_root_certificate` belong together; give all three"
                .into()),
            _ => Ok(()),
        }
    }

    /// Reads and parses the keys that are named.
    ///
    /// # Errors
    /// A sentence naming the member and what is expected, never a key.
    fn load_keys(&self, secrets: &dyn Secrets) -> Result<Keys, String> {
        let signing = settings::secret(secrets, "private_key", &self.private_key, SigningKey::read)?;
        if let Some(reference) = &self.alipay_public_key {
            let key = settings::secret(secrets, "alipay_public_key", reference, PublicKey::read)?;
            return Ok(Keys { signing, certified: None, keyring: Keyring::Key(key) });
        }
        let (Some(app), Some(root)) = (&self.app_certificate, &self.alipay_root_certificate) else {
            // Checked when the settings were read.
            return Err("settings: `app_certificate` and `alipay_root_certificate` are missing".into());
        };
        let (app_cert_sn, _, _) = settings::secret(secrets, "app_certificate", app, named)?;
        let as_text = |bytes: &[u8]| {
            String::from_utf8(bytes.to_vec()).map_err(|_| "certificates in a PEM, such as alipayRootCert.crt")
        };
        let member = "alipay_root_certificate";
        let roots = settings::secret(secrets, member, root, as_text)?;
        let root_cert_sn = serial::of_roots(&roots)
            .ok_or_else(|| format!("settings: `{member}` does not hold a root certificate signed with RSA"))?;
        let (mut keys, mut texts, mut names) = (HashMap::new(), Vec::new(), Vec::new());
        for reference in &self.alipay_certificates {
            let (name, key, common_name) = settings::secret(secrets, "alipay_certificates", reference, |text| {
                let (name, key, common_name) = named(text)?;
                let key = key.ok_or("a certificate with an RSA key of 2048 bits or more")?;
                Ok((name, key, common_name))
            })?;
            texts.push(settings::secret(secrets, "alipay_certificates", reference, as_text)?);
            names.extend(common_name);
            keys.insert(name, key);
        }
        let trust = Trust::new(&roots, &texts, names);
        Ok(Keys {
            signing,
            certified: Some(Certified { app_cert_sn, root_cert_sn }),
            keyring: Keyring::Certificates(Certificates::new(trust, keys)),
        })
    }
}
