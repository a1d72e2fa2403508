//! Secrets by reference: it knows how a file is read, and must never show what it read.

use std::fmt;
use std::io::Read;

use secrecy::{ExposeSecret, SecretSlice};

/// Bytes that are never shown and are wiped when dropped.
pub struct SecretBytes(SecretSlice<u8>);

impl SecretBytes {
    /// Takes `bytes` in.
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(SecretSlice::from(bytes))
    }

    /// The bytes, for the moment of use.
    pub fn expose(&self) -> &[u8] {
        self.0.expose_secret()
    }
}

impl fmt::Debug for SecretBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretBytes(..)")
    }
}

/// Reads secrets by their references: `file:/path`, or `env:NAME` where the program allows it.
pub trait Secrets: Send + Sync + fmt::Debug {
    /// The secret behind `reference`.
    ///
    /// # Errors
    /// A sentence that names the reference and what to do, never the secret.
    fn read(&self, reference: &str) -> Result<SecretBytes, String>;
}

/// Largest file that is taken for a secret: the longest is a chain of certificates.
const MAX_BYTES: u64 = 64 * 1024;

/// Reads `file:` references.
#[derive(Clone, Copy, Debug, Default)]
pub struct FileSecrets;

impl Secrets for FileSecrets {
    fn read(&self, reference: &str) -> Result<SecretBytes, String> {
        let path = reference.strip_prefix("file:").ok_or_else(|| {
            // What stands there may be a secret that was put in by mistake: it is not repeated.
            "a secret is named by a reference such as file:/etc/bursar/key.pem; this text is not one".to_owned()
        })?;
        let file = std::fs::File::open(path).map_err(|e| format!("cannot open `{path}`: {e}"))?;
        let mut bytes = Vec::new();
        file.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(|e| format!("cannot read `{path}`: {e}"))?;
        let secret = SecretBytes::new(bytes);
        match u64::try_from(secret.expose().len()) {
            Ok(0) => Err(format!("`{path}` is empty; put the secret into it")),
            Ok(length) if length <= MAX_BYTES => Ok(secret),
            _ => Err(format!("`{path}` is larger than {MAX_BYTES} bytes; that is not a secret")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_never_shown() {
        assert!(!format!("{:?}", SecretBytes::new(b"hush".to_vec())).contains("hush"));
    }

    #[test]
    fn a_secret_written_in_place_of_a_reference_is_refused_without_repeating_it() {
        let error = FileSecrets.read("whsec_hush").unwrap_err();
        assert!(!error.contains("hush") && error.contains("file:"), "{error}");
    }

    #[test]
    fn a_missing_file_is_named() {
        let error = FileSecrets.read("file:/does/not/exist").unwrap_err();
        assert!(error.contains("/does/not/exist"), "{error}");
    }

    #[test]
    fn an_endless_file_is_refused_and_an_empty_one_too() {
        assert!(FileSecrets.read("file:/dev/zero").unwrap_err().contains("larger"));
        assert!(FileSecrets.read("file:/dev/null").unwrap_err().contains("empty"));
    }
}
