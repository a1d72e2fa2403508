//! Proving that a message is the channel's: it knows the header, the signed string and how old a message may be,
//! and must never read the message.

use std::fmt;

use aws_lc_rs::hmac;
use bursar_core::Timestamp;

use crate::headers::HeaderLookup;
use crate::notice::NotificationRefusal;

/// The header that proves a message.
pub(super) const SIGNATURE: &str = "Stripe-Signature";
/// How far the channel's clock and ours may be apart, in seconds. Source: the default of the channel's libraries.
const TOLERANCE_SECONDS: u64 = 300;
/// How a secret of an endpoint begins. It is used as text, with its prefix.
const SECRET_PREFIX: &str = "whsec_";
/// Most signatures that are tried: the channel sends one for each secret in force, of which there are two while
/// one is rolled.
const MAX_SIGNATURES: usize = 8;

/// A secret of a webhook endpoint.
pub(super) struct EndpointSecret(hmac::Key);

impl fmt::Debug for EndpointSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EndpointSecret(..)")
    }
}

impl EndpointSecret {
    /// From what stands in its file.
    ///
    /// # Errors
    /// What was expected.
    pub(super) fn new(bytes: &[u8]) -> Result<Self, &'static str> {
        let text = std::str::from_utf8(bytes).map(str::trim).unwrap_or_default();
        let plain = text.len() > SECRET_PREFIX.len() && text.bytes().all(|b| b.is_ascii_graphic());
        if !plain || !text.starts_with(SECRET_PREFIX) {
            return Err("the signing secret of a webhook endpoint, whsec_ and letters and digits");
        }
        Ok(Self::of(text))
    }

    fn of(text: &str) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, text.as_bytes()))
    }

    /// In constant time.
    fn made(&self, signed: &[u8], signature: &[u8]) -> bool {
        hmac::verify(&self.0, signed, signature).is_ok()
    }
}

/// The parts of the header that count. `v0` is of the channel's test mode and proves nothing.
struct Parts<'a> {
    time: &'a str,
    signatures: Vec<[u8; 32]>,
}

fn parts(header: &str) -> Option<Parts<'_>> {
    let mut time = None;
    let mut signatures = Vec::new();
    for part in header.split(',') {
        let (name, value) = part.trim().split_once('=')?;
        match name {
            // Two times would leave open which of them is signed.
            "t" if time.is_some() => return None,
            "t" => time = Some(value),
            "v1" if signatures.len() < MAX_SIGNATURES => signatures.extend(from_hex(value)),
            _ => {}
        }
    }
    time.map(|time| Parts { time, signatures })
}

fn from_hex(text: &str) -> Option<[u8; 32]> {
    if text.len() != 64 || !text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b)) {
        return None;
    }
    let mut bytes = [0; 32];
    for (to, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        *to = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(bytes)
}

/// Checks that one of `secrets` signed the raw `body`, and, when `now` is given, that this was lately.
///
/// # Errors
/// Why the message is not taken.
pub(super) fn verify(
    secrets: &[EndpointSecret],
    headers: &dyn HeaderLookup,
    body: &[u8],
    now: Option<Timestamp>,
) -> Result<(), NotificationRefusal> {
    let header = headers.header(SIGNATURE).ok_or(NotificationRefusal::MissingHeader(SIGNATURE))?;
    let parts = parts(header).ok_or(NotificationRefusal::BadSignature)?;
    let seconds = Some(parts.time).filter(|t| (1..=12).contains(&t.len()) && t.bytes().all(|b| b.is_ascii_digit()));
    let seconds: i64 = seconds.and_then(|t| t.parse().ok()).ok_or(NotificationRefusal::BadSignature)?;
    let mut signed = format!("{}.", parts.time).into_bytes();
    signed.extend_from_slice(body);
    // While a secret is rolled, both the header and the settings may name two: any pair will do.
    if !secrets.iter().any(|secret| parts.signatures.iter().any(|signature| secret.made(&signed, signature))) {
        return Err(NotificationRefusal::BadSignature);
    }
    match now {
        Some(now) if now.as_seconds().abs_diff(seconds) > TOLERANCE_SECONDS => Err(NotificationRefusal::Stale),
        _ => Ok(()),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// `body` signed at `seconds`, as 64 hexadecimal digits. A way of its own: nothing of the verification is used.
    pub(in crate::stripe) fn sign(secret: &str, seconds: i64, body: &[u8]) -> String {
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
        let mut context = hmac::Context::with_key(&key);
        context.update(seconds.to_string().as_bytes());
        context.update(b".");
        context.update(body);
        context.sign().as_ref().iter().map(|b| format!("{b:02x}")).collect()
    }

    const BODY: &[u8] = br#"{"id":"evt_1"}"#;
    const AT: i64 = 1_800_000_000;
    const OLD: &str = "whsec_old";
    const NEW: &str = "whsec_new";

    fn judged(secrets: &[&str], header: &str, body: &[u8], now: Option<i64>) -> Result<(), NotificationRefusal> {
        let secrets: Vec<_> = secrets.iter().map(|s| EndpointSecret::new(s.as_bytes()).unwrap()).collect();
        let headers = vec![("stripe-signature".to_owned(), header.to_owned())];
        verify(&secrets, &headers, body, now.map(|s| Timestamp::from_millis(s * 1_000)))
    }

    fn header(secret: &str) -> String {
        format!("t={AT},v1={}", sign(secret, AT, BODY))
    }

    #[test]
    fn a_signature_made_elsewhere_is_taken() {
        // printf '1800000000.{"id":"evt_1"}' | openssl dgst -sha256 -hmac whsec_old
        let made = "a85586098ed25668b9475bf48d42d1f057a0a8a99fb0ec5cf4574c0cdd237ef5";
        assert_eq!(sign(OLD, AT, BODY), made);
        assert_eq!(judged(&[OLD], &format!("t={AT},v1={made}"), BODY, Some(AT)), Ok(()));
    }

    #[test]
    fn any_secret_in_force_and_any_signature_of_the_header_will_do() {
        let two = format!("t={AT},v1={},v1={}", sign(OLD, AT, BODY), sign(NEW, AT, BODY));
        for secrets in [&[OLD] as &[_], &[NEW], &[OLD, NEW], &[NEW, OLD]] {
            assert_eq!(judged(secrets, &two, BODY, Some(AT)), Ok(()), "{secrets:?}");
        }
        assert_eq!(judged(&[NEW, OLD], &header(OLD), BODY, Some(AT)), Ok(()));
        assert_eq!(judged(&[NEW], &header(OLD), BODY, Some(AT)), Err(NotificationRefusal::BadSignature));
    }

    #[test]
    fn what_is_not_signed_by_the_channel_is_refused() {
        let good = sign(OLD, AT, BODY);
        let headers = [
            String::new(),
            "nonsense".to_owned(),
            format!("t={AT}"),
            format!("v1={good}"),
            // The signature of the test scheme proves nothing.
            format!("t={AT},v0={good}"),
            format!("t={},v1={good}", AT + 1),
            format!("t={AT},t={AT},v1={good}"),
            format!("t=+{AT},v1={good}"),
            format!("t=,v1={good}"),
            format!("t={AT},v1={}", &good[..62]),
            format!("t={AT},v1={}", good.to_uppercase()),
            format!("t={AT},v1="),
        ];
        for header in headers {
            assert_eq!(judged(&[OLD], &header, BODY, None), Err(NotificationRefusal::BadSignature), "{header}");
        }
        assert_eq!(judged(&[OLD], &header(OLD), b"{}", None), Err(NotificationRefusal::BadSignature));
        assert_eq!(judged(&[], &header(OLD), BODY, None), Err(NotificationRefusal::BadSignature));
        let nothing: Vec<(String, String)> = Vec::new();
        assert_eq!(verify(&[], &nothing, BODY, None), Err(NotificationRefusal::MissingHeader(SIGNATURE)));
    }

    #[test]
    fn five_minutes_either_way_are_taken_and_no_second_more() {
        for (now, want) in [
            (AT - 300, Ok(())),
            (AT + 300, Ok(())),
            (AT - 301, Err(NotificationRefusal::Stale)),
            (AT + 301, Err(NotificationRefusal::Stale)),
        ] {
            assert_eq!(judged(&[OLD], &header(OLD), BODY, Some(now)), want, "{now}");
        }
        assert_eq!(judged(&[OLD], &header(OLD), BODY, None), Ok(()), "a stored message was fresh when it came");
    }

    #[test]
    fn only_the_text_of_a_secret_is_a_secret() {
        for bad in ["", "whsec_", "sk_test_1", "whsec_a b", "whsec_日"] {
            assert!(EndpointSecret::new(bad.as_bytes()).is_err(), "{bad}");
        }
        assert!(EndpointSecret::new(b"whsec_abc\n").is_ok(), "a file may end with a line break");
        assert!(!format!("{:?}", EndpointSecret::new(b"whsec_hush").unwrap()).contains("hush"));
    }
}
