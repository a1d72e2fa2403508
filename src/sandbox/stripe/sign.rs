//! Signatures over messages: it knows the header and what is signed, and must never know what a message says.

use aws_lc_rs::hmac;

/// The header of a message with this body, signed at `seconds` with each of `secrets`. `v0` stands there as the
/// documents say, and proves nothing.
pub(crate) fn header(secrets: &[String], seconds: i64, body: &[u8]) -> String {
    let mut header = format!("t={seconds}");
    for secret in secrets {
        header.push_str(",v1=");
        header.push_str(&signature(secret, seconds, body));
    }
    header.push_str(",v0=");
    header.push_str(&signature("v0", seconds, body));
    header
}

fn signature(secret: &str, seconds: i64, body: &[u8]) -> String {
    let mut signed = seconds.to_string().into_bytes();
    signed.push(b'.');
    signed.extend_from_slice(body);
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()), &signed);
    tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_that_of_another_tool() {
        // printf '1700000000.{}' | openssl dgst -sha256 -hmac whsec_a
        let made = "04339dc4f01d6541e8d3b7e4bd93cd2d4f680ccb28592270900b08e49cc09e57";
        let header = header(&["whsec_a".to_owned(), "whsec_b".to_owned()], 1_700_000_000, b"{}");
        assert!(header.starts_with(&format!("t=1700000000,v1={made},v1=")), "{header}");
        assert_eq!(header.split(",v").count(), 4);
    }
}
