//! Signing requests and pay codes: it knows the strings that are signed, and must never know what a
//! request means.

/// The scheme in `Authorization`.
const SCHEME: &str = "WECHATPAY2-SHA256-RSA2048";

/// What is signed of a request: five lines, each ended by a line feed. `target` is path and query
/// exactly as sent, `body` the bytes exactly as sent.
pub(super) fn request_message(method: &str, target: &str, unix_seconds: i64, nonce: &str, body: &[u8]) -> Vec<u8> {
    let mut message = format!("{method}\n{target}\n{unix_seconds}\n{nonce}\n").into_bytes();
    message.extend_from_slice(body);
    message.push(b'\n');
    message
}

/// The value of `Authorization`.
pub(super) fn authorization(mchid: &str, serial_no: &str, unix_seconds: i64, nonce: &str, signature: &str) -> String {
    format!(
        "{SCHEME} mchid=\"{mchid}\",nonce_str=\"{nonce}\",signature=\"{signature}\",\
         timestamp=\"{unix_seconds}\",serial_no=\"{serial_no}\""
    )
}

/// What is signed for the payer's side: four lines, each ended by a line feed. `last` is
/// `prepay_id=…` inside WeChat and the bare id in an app.
pub(super) fn pay_message(appid: &str, unix_seconds: &str, nonce: &str, last: &str) -> String {
    format!("{appid}\n{unix_seconds}\n{nonce}\n{last}\n")
}
