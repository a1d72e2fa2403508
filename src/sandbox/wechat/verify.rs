//! Is this request from the merchant it names? It knows the canonical string of a request and the
//! headers that must be there, works on the bytes as received, and must never read the body's meaning.

use http::HeaderMap;
use serde_json::json;

use crate::wechat::account::Merchant;
use crate::wechat::authorization;
use crate::wechat::bill_calls::FILES;
use crate::wechat::platform::{PlatformKeys, SignWith};
use crate::wechat::refusal::Refusal;

/// How far a request's timestamp may be from the channel's clock, by the documents.
const FRESH_SECONDS: u64 = 300;

/// A request as it came over the wire.
pub(crate) struct Received<'a> {
    pub(crate) method: &'a str,
    /// Path and query, not decoded.
    pub(crate) target: &'a str,
    pub(crate) headers: &'a HeaderMap,
    pub(crate) body: &'a [u8],
}

impl Received<'_> {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    fn canonical(&self, timestamp: &str, nonce: &str) -> Vec<u8> {
        let mut text = format!("{}\n{}\n{timestamp}\n{nonce}\n", self.method, self.target).into_bytes();
        text.extend_from_slice(self.body);
        text.push(b'\n');
        text
    }
}

/// The headers a client must send besides the signature.
pub(crate) fn plain_headers(request: &Received<'_>) -> Result<(), Refusal> {
    if request.header("user-agent").is_none_or(|agent| agent.trim().is_empty()) {
        return Err(Refusal::new(400, "PARAM_ERROR", "the User-Agent header is missing"));
    }
    let acceptable = |accept: &str| accept.contains("application/json") || accept.contains("*/*");
    // What comes from there is no JSON.
    let file = request.target.starts_with(FILES);
    if !file && !request.header("accept").is_some_and(acceptable) {
        return Err(Refusal::new(406, "PARAM_ERROR", "the Accept header must allow application/json"));
    }
    let json = |kind: &str| kind.trim_start().starts_with("application/json");
    if request.method != "GET" && !request.header("content-type").is_some_and(json) {
        return Err(Refusal::new(415, "PARAM_ERROR", "the Content-Type header must be application/json"));
    }
    Ok(())
}

/// What the merchant wants the answer to be signed with.
pub(crate) fn wanted_key(request: &Received<'_>, platform: &PlatformKeys) -> Result<SignWith, Refusal> {
    match request.header("wechatpay-serial") {
        None => Ok(SignWith::Certificate),
        Some(serial) if serial == platform.public_key_id => Ok(SignWith::PublicKey),
        Some(serial) if platform.certificates.iter().any(|known| known.serial == serial) => Ok(SignWith::Certificate),
        Some(_) => {
            Err(Refusal::new(400, "PARAM_ERROR", "Wechatpay-Serial names no key or certificate of the platform"))
        }
    }
}

/// Verifies the signature and gives the merchant whose it is.
pub(crate) fn merchant<'a>(
    request: &Received<'_>,
    known: impl Fn(&str) -> Option<&'a Merchant>,
    now_seconds: i64,
) -> Result<&'a Merchant, Refusal> {
    let claim = authorization::read(request.header("authorization"))?;
    let merchant = known(claim.mchid)
        .ok_or_else(|| Refusal::new(400, "MCH_NOT_EXISTS", "there is no merchant with this mchid"))?;
    if claim.serial_no != merchant.account.merchant_serial {
        return Err(Refusal::signature("serial_no is not the serial of this merchant's certificate"));
    }
    let seconds = claim.timestamp.parse::<i64>().ok().filter(|_| claim.timestamp.len() == 10);
    let seconds = seconds.ok_or_else(|| Refusal::signature("timestamp must be 10 digits, in seconds"))?;
    if now_seconds.abs_diff(seconds) > FRESH_SECONDS {
        return Err(Refusal::signature("timestamp is more than five minutes off"));
    }
    let canonical = request.canonical(claim.timestamp, claim.nonce_str);
    if merchant.key.accepts(&canonical, claim.signature) {
        Ok(merchant)
    } else {
        Err(wrong_signature(request, &canonical))
    }
}

/// Tells the integrator what was verified: the usual mistake is one byte in this string.
fn wrong_signature(request: &Received<'_>, canonical: &[u8]) -> Refusal {
    let shown: String = String::from_utf8_lossy(canonical).chars().take(512).collect();
    let mut refusal = Refusal::signature("the signature does not verify over this request");
    if let Some(detail) = refusal.detail.as_mut().and_then(|detail| detail.as_object_mut()) {
        let information = json!({
            "method": request.method,
            "url": request.target,
            "truncated_sign_message": shown,
            "sign_message_length": canonical.len(),
        });
        detail.insert("sign_information".to_owned(), information);
    }
    refusal
}
