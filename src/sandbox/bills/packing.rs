//! Packed files: gzip, zlib and ZIP archives whose members' names are bytes of any charset. It must never know what is
//! in them.

use std::io::Write;

use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
use flate2::{Compression, Crc};

/// A gzip file.
pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packer = GzEncoder::new(Vec::new(), Compression::fast());
    // Writing into memory does not fail.
    let _ = packer.write_all(bytes);
    packer.finish().unwrap_or_default()
}

/// Deflated bytes with zlib's head and tail.
pub(crate) fn zlib(bytes: &[u8]) -> Vec<u8> {
    let mut packer = ZlibEncoder::new(Vec::new(), Compression::fast());
    let _ = packer.write_all(bytes);
    packer.finish().unwrap_or_default()
}

/// A member of an archive.
pub(crate) struct Member {
    /// In whatever charset: no flag says which.
    pub(crate) name: Vec<u8>,
    pub(crate) bytes: Vec<u8>,
}

/// A ZIP archive. Members are dated 1980-01-01, so that the same content gives the same bytes.
pub(crate) fn zip(members: &[Member]) -> Vec<u8> {
    let (mut file, mut directory) = (Vec::new(), Vec::new());
    for member in members {
        let offset = le32(file.len());
        let mut packer = DeflateEncoder::new(Vec::new(), Compression::fast());
        let _ = packer.write_all(&member.bytes);
        let packed = packer.finish().unwrap_or_default();
        let mut crc = Crc::new();
        crc.update(&member.bytes);
        let mut head = Vec::new();
        // Version 2.0, no flags, deflated, midnight of 1980-01-01.
        for half in [20_u16, 0, 8, 0, 0x21] {
            head.extend(half.to_le_bytes());
        }
        head.extend(crc.sum().to_le_bytes());
        head.extend(le32(packed.len()));
        head.extend(le32(member.bytes.len()));
        head.extend(le16(member.name.len()));
        head.extend([0, 0]);
        file.extend(b"PK\x03\x04");
        file.extend(&head);
        file.extend(&member.name);
        file.extend(packed);
        // The directory: who made it, the same head, no comment, first disk, no attributes, where it is.
        directory.extend(b"PK\x01\x02\x14\x00");
        directory.extend(&head);
        directory.extend([0; 10]);
        directory.extend(offset);
        directory.extend(&member.name);
    }
    let count = le16(members.len());
    let (start, length) = (le32(file.len()), le32(directory.len()));
    file.extend(directory);
    file.extend(b"PK\x05\x06\x00\x00\x00\x00");
    file.extend(count);
    file.extend(count);
    file.extend(length);
    file.extend(start);
    file.extend([0, 0]);
    file
}

// A sandbox's bills are far below four gigabytes.
fn le32(number: usize) -> [u8; 4] {
    u32::try_from(number).unwrap_or(u32::MAX).to_le_bytes()
}

fn le16(number: usize) -> [u8; 2] {
    u16::try_from(number).unwrap_or(u16::MAX).to_le_bytes()
}

#[cfg(test)]
mod tests {
    use std::io::{Cursor, Read};

    use super::*;

    #[test]
    fn an_archive_is_read_by_others_and_its_names_are_bytes() {
        let gbk = encoding_rs::GBK.encode("明细.csv").0.into_owned();
        let members = [
            Member { name: gbk.clone(), bytes: b"one".repeat(1_000) },
            Member { name: b"two".to_vec(), bytes: Vec::new() },
        ];
        let mut archive = zip::ZipArchive::new(Cursor::new(super::zip(&members))).unwrap();
        assert_eq!(archive.len(), 2);
        let mut first = archive.by_index(0).unwrap();
        assert_eq!(first.name_raw(), gbk);
        let mut read = Vec::new();
        first.read_to_end(&mut read).unwrap();
        assert_eq!(read, members[0].bytes);
    }

    #[test]
    fn what_was_packed_is_unpacked() {
        let plain = "微信".repeat(500).into_bytes();
        let mut read = Vec::new();
        flate2::read::GzDecoder::new(gzip(&plain).as_slice()).read_to_end(&mut read).unwrap();
        assert_eq!(read, plain);
        read.clear();
        flate2::read::ZlibDecoder::new(zlib(&plain).as_slice()).read_to_end(&mut read).unwrap();
        assert_eq!(read, plain);
    }
}
