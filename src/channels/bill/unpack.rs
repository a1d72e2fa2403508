//! Packed files: it knows gzip and ZIP and how much may come out of them, and must never know what is inside.

use std::fs::File;
use std::io::{Error, ErrorKind, Read, Result};
use std::os::unix::fs::FileExt;

use flate2::Crc;
use flate2::read::{DeflateDecoder, MultiGzDecoder};
use zip::{CompressionMethod, ZipArchive};

use super::{BillError, BillFile, MAX_UNPACKED_BYTES};

/// Bytes from somewhere.
pub(crate) type Source = Box<dyn Read + Send>;

/// How a gzip file begins.
const GZIP: [u8; 2] = [0x1f, 0x8b];
/// Most members of a ZIP: honest ones have at most ten.
const MAX_MEMBERS: usize = 100;

/// A piece of a file, read without touching anybody's place in it.
struct Piece {
    file: File,
    at: u64,
    end: u64,
}

impl Read for Piece {
    fn read(&mut self, into: &mut [u8]) -> Result<usize> {
        let left = usize::try_from(self.end.saturating_sub(self.at)).unwrap_or(usize::MAX);
        let size = left.min(into.len());
        let part = into.get_mut(..size).unwrap_or_default();
        let read = self.file.read_at(part, self.at)?;
        self.at += u64::try_from(read).unwrap_or(u64::MAX);
        Ok(read)
    }
}

/// Ends with an error when more comes out than honest files hold.
struct Bounded<R> {
    inner: R,
    left: u64,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, into: &mut [u8]) -> Result<usize> {
        let read = self.inner.read(into)?;
        let size = u64::try_from(read).unwrap_or(u64::MAX);
        self.left = self.left.checked_sub(size).ok_or_else(|| too_much(MAX_UNPACKED_BYTES))?;
        Ok(read)
    }
}

/// That more comes out than honest files hold.
pub(crate) fn too_much(most: u64) -> Error {
    Error::new(ErrorKind::InvalidData, format!("it unpacks to more than {most} bytes; this is no bill"))
}

/// Compares what came out of a ZIP's member with what the ZIP says of it.
struct Checked<R> {
    inner: R,
    crc: Crc,
    size: u64,
    said: (u32, u64),
}

impl<R: Read> Read for Checked<R> {
    fn read(&mut self, into: &mut [u8]) -> Result<usize> {
        let read = self.inner.read(into)?;
        if read == 0 && !into.is_empty() && (self.crc.sum(), self.size) != self.said {
            return Err(Error::new(
                ErrorKind::InvalidData,
                "what comes out of the ZIP has another checksum than it says",
            ));
        }
        self.crc.update(into.get(..read).unwrap_or_default());
        self.size += u64::try_from(read).unwrap_or(u64::MAX);
        Ok(read)
    }
}

fn piece(file: &BillFile, at: u64, size: u64) -> Result<Piece> {
    Ok(Piece { file: file.open()?, at, end: at.saturating_add(size) })
}

fn bounded(source: impl Read + Send + 'static) -> Source {
    Box::new(Bounded { inner: source, left: MAX_UNPACKED_BYTES })
}

/// At most `size` bytes of the file from `at` on.
///
/// # Errors
/// When the machine cannot read it.
pub(crate) fn part(file: &BillFile, at: u64, size: u64) -> Result<Source> {
    piece(file, at, size).map(|piece| Box::new(piece) as Source)
}

/// The file's text, unpacked when it is packed by gzip.
///
/// # Errors
/// When the machine cannot read it.
pub(crate) fn text(file: &BillFile) -> std::result::Result<Source, BillError> {
    let whole = piece(file, 0, file.bytes)?;
    let packed = file.part(0, GZIP.len())? == GZIP;
    Ok(if packed { bounded(MultiGzDecoder::new(whole)) } else { bounded(whole) })
}

/// One member of a ZIP.
#[derive(Clone, Debug)]
pub(crate) struct Member {
    /// Its name's bytes: some ZIPs do not say in which charset they are.
    pub(crate) name: Vec<u8>,
    at: u64,
    packed: u64,
    deflated: bool,
    said: (u32, u64),
}

/// The members of a ZIP in their order.
///
/// # Errors
/// When it is no ZIP, is cut off, or has members of a kind that bills do not have.
pub(crate) fn members(file: &BillFile) -> std::result::Result<Vec<Member>, BillError> {
    let wrong = |what: String| BillError::at("the ZIP", what);
    let mut archive = match ZipArchive::new(file.open()?) {
        Ok(archive) => archive,
        // Its table of contents is at its end.
        Err(_) if file.part(0, 4)? == *b"PK\x03\x04" => return Err(BillError::CutOff("the ZIP has no end".into())),
        Err(error) => return Err(wrong(format!("this is no ZIP: {error}"))),
    };
    if archive.len() > MAX_MEMBERS {
        return Err(wrong(format!("it has {} members, more than {MAX_MEMBERS}", archive.len())));
    }
    let mut all = Vec::new();
    for index in 0..archive.len() {
        let member = archive.by_index_raw(index).map_err(|e| wrong(format!("member {}: {e}", index + 1)))?;
        let deflated = match member.compression() {
            CompressionMethod::Stored => false,
            CompressionMethod::Deflated => true,
            other => return Err(wrong(format!("member {} is packed by {other}", index + 1))),
        };
        if member.encrypted() {
            return Err(wrong(format!("member {} is encrypted", index + 1)));
        }
        let at = member.data_start().ok_or_else(|| wrong(format!("member {} is not there", index + 1)))?;
        all.push(Member {
            name: member.name_raw().to_vec(),
            at,
            packed: member.compressed_size(),
            deflated,
            said: (member.crc32(), member.size()),
        });
    }
    Ok(all)
}

/// What is in a member.
///
/// # Errors
/// When the machine cannot read it.
pub(crate) fn open(file: &BillFile, member: &Member) -> std::result::Result<Source, BillError> {
    let packed = piece(file, member.at, member.packed)?;
    let said = member.said;
    Ok(if member.deflated {
        bounded(Checked { inner: DeflateDecoder::new(packed), crc: Crc::new(), size: 0, said })
    } else {
        bounded(Checked { inner: packed, crc: Crc::new(), size: 0, said })
    })
}

#[cfg(test)]
mod tests {
    use std::io::{Cursor, Write};

    use flate2::Compression;
    use flate2::write::GzEncoder;
    use zip::ZipWriter;
    use zip::write::SimpleFileOptions;

    use super::*;

    fn all(source: Source) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let mut source = source;
        source.read_to_end(&mut bytes).map(|_| bytes)
    }

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    fn zip(text: &[u8]) -> Vec<u8> {
        let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
        for name in ["a", "b"] {
            writer.start_file(name, SimpleFileOptions::default()).unwrap();
            writer.write_all(text).unwrap();
        }
        writer.finish().unwrap().into_inner()
    }

    #[test]
    fn packed_and_plain_files_are_the_same_text() {
        let file = |bytes: &[u8]| BillFile::of("f", bytes).unwrap();
        assert_eq!(all(text(&file(b"hello")).unwrap()).unwrap(), b"hello");
        assert_eq!(all(text(&file(&gzip(b"hello"))).unwrap()).unwrap(), b"hello");
        let archive = file(&zip(b"hello"));
        let members = members(&archive).unwrap();
        assert_eq!(members.iter().map(|m| m.name.as_slice()).collect::<Vec<_>>(), [b"a", b"b"]);
        // Two readings at once do not disturb each other.
        let (mut first, second) = (open(&archive, &members[0]).unwrap(), open(&archive, &members[1]).unwrap());
        let mut two = [0; 2];
        first.read_exact(&mut two).unwrap();
        assert_eq!((all(second).unwrap(), all(first).unwrap()), (b"hello".to_vec(), b"llo".to_vec()));
    }

    #[test]
    fn what_is_cut_off_or_changed_is_told() {
        let whole = gzip(&b"hello ".repeat(1_000));
        let cut = BillFile::of("f", &whole[..whole.len() - 9]).unwrap();
        assert_eq!(all(text(&cut).unwrap()).unwrap_err().kind(), ErrorKind::UnexpectedEof);
        let mut archive = zip(b"hello");
        let cut = BillFile::of("f", &archive[..archive.len() - 30]).unwrap();
        assert!(matches!(members(&cut), Err(BillError::CutOff(_))));
        let names_at = archive.iter().position(|b| *b == b'a').unwrap();
        // A bit of the checksum that the ZIP's table of contents gives.
        let table = archive.windows(4).position(|w| w == b"PK\x01\x02").unwrap();
        archive[table + 16] ^= 1;
        assert!(names_at < table);
        let changed = BillFile::of("f", &archive).unwrap();
        let member = &members(&changed).unwrap()[0];
        assert_eq!(all(open(&changed, member).unwrap()).unwrap_err().kind(), ErrorKind::InvalidData);
        assert!(matches!(members(&BillFile::of("f", b"garbage").unwrap()), Err(BillError::Unreadable { .. })));
    }

    #[test]
    fn a_bomb_is_stopped() {
        let mut bomb = Bounded { inner: std::io::repeat(0), left: 1_000 };
        assert_eq!(bomb.read_to_end(&mut Vec::new()).unwrap_err().kind(), ErrorKind::InvalidData);
    }
}
