//! The request to send an abnormal refund to a bank card: it knows its members and that a person's data
//! must come encrypted under a key of the platform. It opens that data only to see that it is readable,
//! and must never keep or log it.

use serde_json::Value;

use crate::wechat::body::read_json;
use crate::wechat::platform::PlatformKeys;
use crate::wechat::refund_body::check_refund_number;
use crate::wechat::refusal::Refusal;
use crate::wechat::shape::Shape::{Object, Text};
use crate::wechat::shape::{Shape, check, may, must};

static APPLICATION: Shape = Object(&[
    must("out_refund_no", Text(1, 64)),
    must("type", Text(1, 32)),
    may("bank_type", Text(1, 16)),
    may("bank_account", Text(1, 1_024)),
    may("real_name", Text(1, 1_024)),
]);
/// What a user's bank card needs, by the documents.
const OF_A_USER: [&str; 3] = ["bank_type", "bank_account", "real_name"];

/// The request, as far as it can be judged without keys and books.
#[derive(Clone)]
pub(crate) struct Application {
    pub(crate) refund_id: String,
    pub(crate) out_refund_no: String,
    /// The serial of the key that the data is encrypted under.
    key: Option<String>,
    bank_account: Option<String>,
    real_name: Option<String>,
}

impl std::fmt::Debug for Application {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // A person's data stays out, encrypted as it is.
        f.debug_struct("Application").field("refund_id", &self.refund_id).finish_non_exhaustive()
    }
}

/// Reads it. `key`: what the header `Wechatpay-Serial` names.
pub(crate) fn read_application(refund_id: String, key: Option<&str>, body: &[u8]) -> Result<Application, Refusal> {
    let whole = read_json(body)?;
    check(&whole, &APPLICATION, "")?;
    let text = |name: &str| whole.get(name).and_then(Value::as_str).map(str::to_owned);
    match text("type").as_deref() {
        Some("USER_BANK_CARD") => {
            if let Some(missing) = OF_A_USER.into_iter().find(|name| text(name).is_none()) {
                return Err(Refusal::parameter(&format!("/{missing}"), "is missing, and a user's card needs it"));
            }
        }
        Some("MERCHANT_BANK_CARD") => {}
        _ => return Err(Refusal::parameter("/type", "must be USER_BANK_CARD or MERCHANT_BANK_CARD")),
    }
    let out_refund_no = text("out_refund_no").unwrap_or_default();
    check_refund_number(&out_refund_no)?;
    Ok(Application {
        refund_id,
        out_refund_no,
        key: key.map(str::to_owned),
        bank_account: text("bank_account"),
        real_name: text("real_name"),
    })
}

impl Application {
    /// Whether the platform can read what is encrypted in it.
    pub(crate) fn check_readable(&self, platform: &PlatformKeys) -> Result<(), Refusal> {
        let is_account = |text: &str| (8..=32).contains(&text.len()) && text.chars().all(|c| c.is_ascii_digit());
        let is_name = |text: &str| !text.trim().is_empty() && !text.chars().any(char::is_control);
        self.check_member(platform, "/bank_account", self.bank_account.as_deref(), is_account)?;
        self.check_member(platform, "/real_name", self.real_name.as_deref(), is_name)
    }

    fn check_member(
        &self,
        platform: &PlatformKeys,
        at: &str,
        sealed: Option<&str>,
        fits: impl Fn(&str) -> bool,
    ) -> Result<(), Refusal> {
        let Some(sealed) = sealed else { return Ok(()) };
        let missing = || Refusal::new(400, "PARAM_ERROR", "Wechatpay-Serial must name the key that encrypts");
        let serial = self.key.as_deref().ok_or_else(missing)?;
        let opened = platform.named(serial).and_then(|key| key.open(sealed));
        let text = opened.and_then(|bytes| String::from_utf8(bytes).ok());
        match text {
            None => Err(Refusal::parameter(at, "cannot be decrypted with the key that Wechatpay-Serial names")),
            Some(text) if fits(&text) => Ok(()),
            Some(_) => Err(Refusal::parameter(at, "does not look right when decrypted")),
        }
    }
}
