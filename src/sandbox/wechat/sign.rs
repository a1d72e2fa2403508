//! The platform's signature over what it sends: it knows the canonical string of answers and
//! notifications and their headers, and must never know what the body means.

use http::{HeaderMap, HeaderName, HeaderValue};

use crate::SandboxError;
use crate::keys::{SigningKey, random_text};

/// What probe traffic puts in front of a signature that must be refused.
pub(crate) const SIGNTEST: &str = "WECHATPAY/SIGNTEST/";

/// The headers over `body`, which may be empty.
pub(crate) fn headers(
    signer: &(std::sync::Arc<SigningKey>, String),
    now_seconds: i64,
    body: &[u8],
) -> Result<HeaderMap, SandboxError> {
    let (key, serial) = signer;
    let (timestamp, nonce) = (now_seconds.to_string(), random_text(32));
    let signature = key.sign(&canonical(&timestamp, &nonce, body))?;
    let mut headers = HeaderMap::new();
    for (name, value) in [
        ("wechatpay-timestamp", timestamp.as_str()),
        ("wechatpay-nonce", nonce.as_str()),
        ("wechatpay-signature", signature.as_str()),
        ("wechatpay-serial", serial.as_str()),
        ("wechatpay-signature-type", "WECHATPAY2-SHA256-RSA2048"),
    ] {
        let value = HeaderValue::from_str(value).map_err(|_| SandboxError::Crypto("writing signature headers"))?;
        headers.insert(HeaderName::from_static(name), value);
    }
    Ok(headers)
}

/// Puts a signature that cannot verify in the place of the right one.
pub(crate) fn spoil(headers: &mut HeaderMap, as_probe: bool) {
    let noise = format!("{}{}==", if as_probe { SIGNTEST } else { "" }, random_text(342));
    if let Ok(value) = HeaderValue::from_str(&noise) {
        headers.insert(HeaderName::from_static("wechatpay-signature"), value);
    }
}

fn canonical(timestamp: &str, nonce: &str, body: &[u8]) -> Vec<u8> {
    let mut text = format!("{timestamp}\n{nonce}\n").into_bytes();
    text.extend_from_slice(body);
    text.push(b'\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_string_ends_every_line_even_with_an_empty_body() {
        assert_eq!(canonical("1", "n", b""), b"1\nn\n\n");
        assert_eq!(canonical("1", "n", b"{}"), b"1\nn\n{}\n");
    }
}
