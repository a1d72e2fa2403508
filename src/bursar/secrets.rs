//! Secrets by reference: `file:` as the channels know it, and `env:` because only this room reads the
//! environment.

use bursar_channels::{FileSecrets, SecretBytes, Secrets};

/// Reads `file:/path` and `env:NAME`.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemSecrets;

impl Secrets for SystemSecrets {
    fn read(&self, reference: &str) -> Result<SecretBytes, String> {
        match reference.strip_prefix("env:") {
            None => FileSecrets.read(reference),
            Some(name) => match std::env::var(name) {
                Ok(value) if !value.is_empty() => Ok(SecretBytes::new(value.into_bytes())),
                _ => Err(format!("the environment variable `{name}` is not set; put the secret into it")),
            },
        }
    }
}
