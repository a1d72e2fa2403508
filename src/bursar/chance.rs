//! The random source of the running program.

use aws_lc_rs::rand::SystemRandom;
use bursar_core::Chance;

/// The operating system's randomness.
#[derive(Debug)]
pub struct SystemChance(SystemRandom);

impl Default for SystemChance {
    fn default() -> Self {
        Self(SystemRandom::new())
    }
}

impl Chance for SystemChance {
    fn fill(&self, bytes: &mut [u8]) {
        use aws_lc_rs::rand::SecureRandom;
        if self.0.fill(bytes).is_err() {
            // Ids, nonces and keys without randomness would be worse than no program.
            tracing::error!("the operating system gives no randomness; ending");
            std::process::abort();
        }
    }
}
