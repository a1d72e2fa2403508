//! The signature over a message (version 5.1.0, signMethod 01): it knows that the string is hashed before
//! it is signed, and must never know what the fields mean or whose key it is.

use aws_lc_rs::digest::{SHA256, digest};

use crate::SandboxError;
use crate::keys::{SigningKey, VerifyingKey};
use crate::unionpay::fields::{Fields, SIGNATURE};

/// What the signature algorithm is fed with: the lower-case hexadecimal digest of the string, as text. The
/// algorithm hashes once more.
fn signed_bytes(fields: &Fields) -> Vec<u8> {
    let hash = digest(&SHA256, fields.canonical().as_bytes());
    hash.as_ref().iter().map(|byte| format!("{byte:02x}")).collect::<String>().into_bytes()
}

/// Puts the signature of `key` into `fields`.
pub(crate) fn sign(fields: &mut Fields, key: &SigningKey) -> Result<(), SandboxError> {
    let signature = key.sign(&signed_bytes(fields))?;
    fields.set(SIGNATURE, signature);
    Ok(())
}

/// Whether the signature in `fields` is of the owner of `key`.
pub(crate) fn is_signed_by(fields: &Fields, key: &VerifyingKey) -> bool {
    fields.get(SIGNATURE).is_some_and(|signature| key.accepts(&signed_bytes(fields), signature))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_string_is_hashed_to_hexadecimal_text_before_it_is_signed() {
        let mut fields = Fields::default();
        fields.set("b", "2");
        fields.set("a", "1");
        // `printf 'a=1&b=2' | sha256sum`
        let expected = "8e85be58c1c372ac29fe7bfa80d8ddcbd04a4032c7b51c1c026d67c55b1ab23f";
        assert_eq!(signed_bytes(&fields), expected.as_bytes());
    }

    #[test]
    fn one_changed_added_or_missing_field_breaks_the_signature() {
        let key = SigningKey::generate().unwrap();
        let public = VerifyingKey::from_der(&key.public_der().unwrap()).unwrap();
        let mut fields = Fields::default();
        fields.set("txnAmt", "100");
        fields.set("orderId", "a1b2c3d4");
        sign(&mut fields, &key).unwrap();
        assert!(is_signed_by(&fields, &public));
        for (name, value) in [("txnAmt", "1"), ("txnAmt", ""), ("payTimeout", "20261122100000")] {
            let mut other = fields.clone();
            other.set(name, value);
            assert!(!is_signed_by(&other, &public), "{name}={value}");
        }
        let mut empty = fields.clone();
        empty.set("reserved", "");
        assert!(is_signed_by(&empty, &public), "an empty field is no field");
        fields.set("signature", "");
        assert!(!is_signed_by(&fields, &public));
    }
}
