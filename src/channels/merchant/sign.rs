//! Signing webhooks as [Standard Webhooks](https://www.standardwebhooks.com) do: it knows the secrets'
//! shape and what is signed, and must never know what a message says.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bursar_core::Timestamp;
use bursar_core::clock::MINUTE_MS;

use crate::secrets::Secrets;

/// How a secret begins.
const PREFIX: &str = "whsec_";
/// Lengths of a secret, in bytes. Source: Standard Webhooks.
const SECRET_BYTES: std::ops::RangeInclusive<usize> = 24..=64;
/// How long a secret that was read is used before it is read again: a changed file is noticed soon.
const KEEP_MS: i64 = MINUTE_MS;
/// More kept secrets than this are dropped and read again: memory is bounded.
const MAX_KEPT: usize = 10_000;

/// Signing keys by the reference to their secret.
#[derive(Debug)]
pub(super) struct Keys {
    secrets: Arc<dyn Secrets>,
    kept: Mutex<HashMap<String, (Timestamp, hmac::Key)>>,
}

/// The key in a secret such as `whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw`.
fn key(secret: &[u8]) -> Result<hmac::Key, String> {
    let wrong =
        || format!("does not hold {PREFIX} and the base64 of {} to {} bytes", SECRET_BYTES.start(), SECRET_BYTES.end());
    let text = std::str::from_utf8(secret).map_err(|_| wrong())?.trim();
    let bytes = text.strip_prefix(PREFIX).and_then(|b| STANDARD.decode(b).ok()).ok_or_else(wrong)?;
    if !SECRET_BYTES.contains(&bytes.len()) {
        return Err(wrong());
    }
    Ok(hmac::Key::new(hmac::HMAC_SHA256, &bytes))
}

impl Keys {
    pub(super) fn new(secrets: Arc<dyn Secrets>) -> Self {
        Self { secrets, kept: Mutex::default() }
    }

    fn get(&self, reference: &str, now: Timestamp) -> Result<hmac::Key, String> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((read_at, key)) = kept.get(reference)
            && (0..KEEP_MS).contains(&now.since_ms(*read_at))
        {
            return Ok(key.clone());
        }
        let secret = self.secrets.read(reference)?;
        let key = key(secret.expose()).map_err(|e| format!("the secret `{reference}` {e}"))?;
        if kept.len() >= MAX_KEPT {
            kept.clear();
        }
        kept.insert(reference.to_owned(), (now, key.clone()));
        Ok(key)
    }

    /// The value of `webhook-signature`: one signature per secret, newest first.
    ///
    /// # Errors
    /// A sentence naming the secret that cannot be used.
    pub(super) fn sign(&self, references: &[String], id: &str, body: &str, now: Timestamp) -> Result<String, String> {
        if references.is_empty() {
            return Err("the endpoint has no signing secret; give it one".into());
        }
        let mut signatures = Vec::with_capacity(references.len());
        for reference in references {
            let mut context = hmac::Context::with_key(&self.get(reference, now)?);
            for part in [id.as_bytes(), b".", now.as_seconds().to_string().as_bytes(), b".", body.as_bytes()] {
                context.update(part);
            }
            signatures.push(format!("v1,{}", STANDARD.encode(context.sign())));
        }
        Ok(signatures.join(" "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secrets::SecretBytes;

    #[derive(Debug, Default)]
    struct Named;

    impl Secrets for Named {
        fn read(&self, reference: &str) -> Result<SecretBytes, String> {
            let text = match reference {
                // base64 of 24 times the letter b, and of 24 times the letter c.
                "b" => "whsec_YmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJi\n".into(),
                "c" => "whsec_Y2NjY2NjY2NjY2NjY2NjY2NjY2NjY2Nj".into(),
                "short" => "whsec_YmJi".into(),
                other => other.to_owned(),
            };
            Ok(SecretBytes::new(text.into_bytes()))
        }
    }

    fn sign(references: &[&str]) -> Result<String, String> {
        let references: Vec<_> = references.iter().map(|r| (*r).to_owned()).collect();
        Keys::new(Arc::new(Named)).sign(&references, "dlv_1", "{\"a\":1}", Timestamp::from_millis(1_800_000_000_999))
    }

    #[test]
    fn the_signature_is_the_one_that_openssl_makes() {
        // printf 'dlv_1.1800000000.{"a":1}' | openssl dgst -sha256 -hmac bbbbbbbbbbbbbbbbbbbbbbbb -binary | base64
        assert_eq!(sign(&["b"]).unwrap(), "v1,mCrtx7bJkTopcunuEK2Tcd8UglxlC2JeuE4uZknQzQE=");
        assert_eq!(
            sign(&["c", "b"]).unwrap(),
            "v1,JhQL8LNvaHxocuOacl8FgWJU50NOm88ZCztZzHJY098= v1,mCrtx7bJkTopcunuEK2Tcd8UglxlC2JeuE4uZknQzQE="
        );
    }

    #[test]
    fn unusable_secrets_are_named_and_not_shown() {
        for bad in ["short", "plain-text-hush", "whsec_!!hush"] {
            let error = sign(&[bad]).unwrap_err();
            assert!(error.contains("whsec_ and the base64 of 24 to 64 bytes"), "{error}");
        }
        assert!(sign(&[]).is_err());
    }
}
