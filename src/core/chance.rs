//! The face of a random source: it knows how chance is asked for, and must never create any (the
//! running program passes a source in, so that a simulation can repeat a history from its seed).

use std::sync::atomic::{AtomicU64, Ordering};

/// A source of random bytes. In production it must be cryptographically strong: ids, nonces and
/// API keys come from it.
pub trait Chance: Send + Sync + std::fmt::Debug {
    /// Fills `bytes` with random bytes.
    fn fill(&self, bytes: &mut [u8]);

    /// A random 64-bit number.
    fn next_u64(&self) -> u64 {
        let mut bytes = [0_u8; 8];
        self.fill(&mut bytes);
        u64::from_le_bytes(bytes)
    }

    /// A number in `0..bound` (0 when `bound` is 0). The bias of the remainder does not matter for
    /// jitter and dice, which is all that this is for.
    fn below(&self, bound: u64) -> u64 {
        self.next_u64().checked_rem(bound).unwrap_or(0)
    }
}

/// A repeatable source (SplitMix64) for tests, simulations and seeded demonstrations. Not for keys.
#[derive(Debug)]
pub struct SeededChance(AtomicU64);

impl SeededChance {
    /// A source that always gives the same sequence for the same seed.
    pub fn new(seed: u64) -> Self {
        Self(AtomicU64::new(seed))
    }
}

/// The finalizer of SplitMix64: spreads the bits of `x`. Also used where a stable hash of a small
/// number is wanted.
pub fn mix(x: u64) -> u64 {
    let z = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

impl Chance for SeededChance {
    fn fill(&self, bytes: &mut [u8]) {
        const GAMMA: u64 = 0x9e37_79b9_7f4a_7c15;
        for chunk in bytes.chunks_mut(8) {
            let state = self.0.fetch_add(GAMMA, Ordering::SeqCst).wrapping_add(GAMMA);
            let word = mix(state).to_le_bytes();
            for (to, from) in chunk.iter_mut().zip(word) {
                *to = from;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_sequence_and_another_seed_another() {
        let draw = |seed| {
            let c = SeededChance::new(seed);
            [c.next_u64(), c.next_u64(), c.below(10)]
        };
        assert_eq!(draw(7), draw(7));
        assert_ne!(draw(7), draw(8));
    }
}
