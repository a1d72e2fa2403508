//! Bills of a day as files: it knows how one is kept between its fetching and its reading, and must never know a
//! channel's format.
//!
//! A bill may have millions of lines. It is written to a file without a name while it comes in, and read from there
//! line by line: memory does not grow with it. Nothing of a bill is used before all of it was read once
//! ([`check`]): a file that is cut off or does not add up changes nothing.

pub(crate) mod decimal;
pub(crate) mod lines;
pub(crate) mod own;
pub(crate) mod unpack;

use std::fmt::Debug;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};

use aws_lc_rs::digest;
use bursar_core::bank::Day;
use bursar_core::reconcile::{BillKind, BillLine, BillSums};

use crate::bank::covered;

/// Largest file that is taken, in bytes as it comes: some ten million lines, packed.
pub const MAX_BILL_BYTES: u64 = 2 << 30;
/// Most bytes that a packed file may unpack to: what is beyond is a bomb.
pub const MAX_UNPACKED_BYTES: u64 = 16 << 30;

/// Which bill is wanted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BillRequest {
    /// Which one.
    pub kind: BillKind,
    /// Of which of the channel's business days.
    pub day: Day,
}

/// What asking for a bill came to, when the channel answered.
#[derive(Debug)]
pub enum Fetched {
    /// Here it is: whole, and its digest is right where the channel tells one.
    Ready(BillFile),
    /// The channel says that nothing happened on that day.
    Empty,
    /// It is not made yet: ask again later. With the channel's words.
    NotReady(String),
}

/// A bill's file, as it came from the channel.
#[derive(Debug)]
pub struct BillFile {
    file: File,
    /// The name that the channel gave it, or one that says whose and which it is.
    pub name: String,
    /// How many bytes it has.
    pub bytes: u64,
    /// SHA-256 of its bytes.
    pub digest: Vec<u8>,
}

/// Writes a bill's file while it comes in.
pub struct BillWriter {
    file: File,
    bytes: u64,
    digest: digest::Context,
}

impl Debug for BillWriter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BillWriter").field("bytes", &self.bytes).finish_non_exhaustive()
    }
}

impl BillWriter {
    /// An empty file without a name: it is gone when nobody has it open any more.
    ///
    /// # Errors
    /// When the machine has no place for it.
    pub fn new() -> std::io::Result<Self> {
        Ok(Self { file: tempfile::tempfile()?, bytes: 0, digest: digest::Context::new(&digest::SHA256) })
    }

    /// Adds `part`.
    ///
    /// # Errors
    /// When the file cannot be written, or grows beyond [`MAX_BILL_BYTES`].
    pub fn add(&mut self, part: &[u8]) -> std::io::Result<()> {
        self.bytes = self.bytes.saturating_add(u64::try_from(part.len()).unwrap_or(u64::MAX));
        if self.bytes > MAX_BILL_BYTES {
            return Err(std::io::Error::other(format!("the bill has more than {MAX_BILL_BYTES} bytes")));
        }
        self.digest.update(part);
        self.file.write_all(part)
    }

    /// Ends the file, and names it.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn end(mut self, name: &str) -> std::io::Result<BillFile> {
        self.file.flush()?;
        let digest = self.digest.finish().as_ref().to_vec();
        Ok(BillFile { file: self.file, name: name.to_owned(), bytes: self.bytes, digest })
    }
}

impl BillFile {
    /// A file of these bytes.
    ///
    /// # Errors
    /// When the machine has no place for it.
    pub fn of(name: &str, bytes: &[u8]) -> std::io::Result<Self> {
        let mut writer = BillWriter::new()?;
        writer.add(bytes)?;
        writer.end(name)
    }

    /// The file from its beginning. Only one reading at a time: they share their place in the file.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn open(&self) -> std::io::Result<File> {
        let mut file = self.file.try_clone()?;
        file.seek(SeekFrom::Start(0))?;
        Ok(file)
    }

    /// At most `size` bytes from `offset` on.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn part(&self, offset: u64, size: usize) -> std::io::Result<Vec<u8>> {
        let mut file = self.file.try_clone()?;
        file.seek(SeekFrom::Start(offset))?;
        let mut bytes = Vec::new();
        file.take(u64::try_from(size).unwrap_or(u64::MAX)).read_to_end(&mut bytes)?;
        Ok(bytes)
    }
}

/// Why a bill is not taken: all of it, nothing was used.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum BillError {
    /// It cannot be read.
    #[error("{place}: {what}")]
    Unreadable {
        /// Where in it: `line 7`, `the summary`.
        place: String,
        /// What is wrong there, and what was expected.
        what: String,
    },
    /// It ends too early.
    #[error("the bill is cut off: {0}; fetch it again")]
    CutOff(String),
    /// It is about somebody else.
    #[error("the bill is about the account {found}, not about {expected}; nothing of it was used")]
    ForeignAccount {
        /// Whose it is, its middle covered.
        found: String,
        /// Whose it should be, its middle covered.
        expected: String,
    },
    /// It is of another day.
    #[error("the bill is of {found}, not of {expected}; nothing of it was used")]
    WrongDay {
        /// The day that it names.
        found: String,
        /// The day that it should be of.
        expected: Day,
    },
    /// Its lines do not add up to what it says that they do.
    #[error("the bill does not add up: {what} is {said} by its summary and {found} by its lines; fetch it again")]
    Totals {
        /// Which sum.
        what: &'static str,
        /// By the summary.
        said: String,
        /// By the lines.
        found: String,
    },
    /// The machine could not read the file.
    #[error("the file cannot be read: {0}")]
    Io(String),
}

impl BillError {
    /// Something unreadable at `place`.
    pub fn at(place: impl Into<String>, what: impl Into<String>) -> Self {
        Self::Unreadable { place: place.into(), what: what.into() }
    }

    /// Trouble with reading at `place`: the file is cut off, it is not what it was taken for, or the machine failed.
    pub(crate) fn reading(place: &str, error: &std::io::Error) -> Self {
        match error.kind() {
            std::io::ErrorKind::UnexpectedEof => Self::CutOff(format!("{place} is not whole")),
            std::io::ErrorKind::InvalidData | std::io::ErrorKind::InvalidInput => Self::at(place, error.to_string()),
            _ => Self::Io(error.to_string()),
        }
    }

    /// An account of somebody else.
    pub(crate) fn foreign(found: &str, expected: &str) -> Self {
        Self::ForeignAccount { found: covered(found), expected: covered(expected) }
    }
}

impl From<std::io::Error> for BillError {
    fn from(error: std::io::Error) -> Self {
        match error.kind() {
            std::io::ErrorKind::UnexpectedEof => Self::CutOff(error.to_string()),
            _ => Self::Io(error.to_string()),
        }
    }
}

/// The lines of a bill, in their order.
pub trait BillLines: Send {
    /// The next line; `None` after the last, when everything that the file says about itself (account, day, totals)
    /// was found to be true.
    ///
    /// # Errors
    /// Why the bill is not taken.
    fn next(&mut self) -> Result<Option<BillLine>, BillError>;
}

impl Debug for dyn BillLines {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("BillLines(..)")
    }
}

/// Reads a bill once to its end: what its lines come to.
///
/// # Errors
/// Why it is not taken.
pub fn check(mut lines: Box<dyn BillLines>) -> Result<BillSums, BillError> {
    let mut sums = BillSums::default();
    while let Some(line) = lines.next()? {
        sums = sums.with(&line);
    }
    Ok(sums)
}
