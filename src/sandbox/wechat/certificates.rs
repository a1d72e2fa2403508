//! The list of platform certificates, sealed for one merchant: it knows the form of that answer and
//! must never issue or sign anything.

use serde_json::{Value, json};

use crate::SandboxError;
use crate::pace::beijing;
use crate::wechat::aead;
use crate::wechat::platform::PlatformKeys;

/// All valid certificates, oldest first.
pub(crate) fn list(platform: &PlatformKeys, apiv3_key: &[u8; 32]) -> Result<Value, SandboxError> {
    let sealed = platform.certificates.iter().map(|certificate| {
        Ok(json!({
            "serial_no": certificate.serial,
            "effective_time": beijing(certificate.effective_at_ms),
            "expire_time": beijing(certificate.expires_at_ms),
            "encrypt_certificate": aead::seal(apiv3_key, "certificate", certificate.pem.as_bytes())?,
        }))
    });
    let data = sealed.collect::<Result<Vec<_>, SandboxError>>()?;
    Ok(json!({ "data": data }))
}
