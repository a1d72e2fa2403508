//! The digest of a bill while it comes in: it knows that the channel counts it over what was packed, and must never
//! keep what it saw.

use std::io::{Error, ErrorKind, Result, Write};

use aws_lc_rs::digest::{Context, SHA1_FOR_LEGACY_USE_ONLY};
use flate2::write::MultiGzDecoder;

use crate::bill::MAX_UNPACKED_BYTES;
use crate::bill::unpack::too_much;

/// How a packed file begins.
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// Counts what is written into it.
struct Sum {
    context: Context,
    left: u64,
}

impl Write for Sum {
    fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        let size = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        self.left = self.left.checked_sub(size).ok_or_else(|| too_much(MAX_UNPACKED_BYTES))?;
        self.context.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> Result<()> {
        Ok(())
    }
}

enum State {
    /// Too little has come to know whether it is packed.
    Begun(Vec<u8>, Sum),
    Packed(Box<MultiGzDecoder<Sum>>),
    Plain(Sum),
    Broken,
}

/// SHA-1 over a file as it is when it is unpacked.
pub(super) struct Digest(State);

impl Digest {
    pub(super) fn new() -> Self {
        let sum = Sum { context: Context::new(&SHA1_FOR_LEGACY_USE_ONLY), left: MAX_UNPACKED_BYTES };
        Self(State::Begun(Vec::new(), sum))
    }

    /// Counts the next part of the file as it comes.
    ///
    /// # Errors
    /// When it is packed, but not well, or unpacks to too much.
    pub(super) fn add(&mut self, part: &[u8]) -> Result<()> {
        let (state, result) = match std::mem::replace(&mut self.0, State::Broken) {
            State::Begun(mut begun, sum) => {
                begun.extend_from_slice(part);
                if begun.len() < GZIP.len() {
                    (State::Begun(begun, sum), Ok(()))
                } else {
                    let mut state = if begun.starts_with(&GZIP) {
                        State::Packed(Box::new(MultiGzDecoder::new(sum)))
                    } else {
                        State::Plain(sum)
                    };
                    let result = state.write(&begun);
                    (state, result)
                }
            }
            mut state => {
                let result = state.write(part);
                (state, result)
            }
        };
        self.0 = state;
        result
    }

    /// The digest in hexadecimal.
    ///
    /// # Errors
    /// When the file is packed and cut off.
    pub(super) fn end(self) -> Result<String> {
        let sum = match self.0 {
            State::Begun(begun, mut sum) => {
                sum.write_all(&begun)?;
                sum
            }
            State::Packed(decoder) => decoder.finish()?,
            State::Plain(sum) => sum,
            State::Broken => return Err(Error::new(ErrorKind::InvalidData, "it is not packed well")),
        };
        Ok(sum.context.finish().as_ref().iter().map(|byte| format!("{byte:02x}")).collect())
    }
}

impl State {
    fn write(&mut self, part: &[u8]) -> Result<()> {
        match self {
            Self::Packed(decoder) => decoder.write_all(part),
            Self::Plain(sum) | Self::Begun(_, sum) => sum.write_all(part),
            Self::Broken => Err(Error::new(ErrorKind::InvalidData, "it is not packed well")),
        }
    }
}

#[cfg(test)]
mod tests {
    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    /// Of `abc`, by the standard.
    const ABC: &str = "a9993e364706816aba3e25717850c26c9cd0d89d";

    fn of(parts: &[&[u8]]) -> Result<String> {
        let mut digest = Digest::new();
        for part in parts {
            digest.add(part)?;
        }
        digest.end()
    }

    #[test]
    fn packed_or_not_and_in_whatever_parts_it_is_the_digest_of_what_was_packed() {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(b"abc").unwrap();
        let packed = encoder.finish().unwrap();
        assert_eq!(of(&[&packed]).unwrap(), ABC);
        let bytes: Vec<&[u8]> = packed.chunks(1).collect();
        assert_eq!(of(&bytes).unwrap(), ABC);
        assert_eq!(of(&[b"a", b"", b"bc"]).unwrap(), ABC);
        assert_eq!(of(&[]).unwrap(), "da39a3ee5e6b4b0d3255bfef95601890afd80709");
        assert!(of(&[&packed[..packed.len() - 1]]).is_err());
    }
}
