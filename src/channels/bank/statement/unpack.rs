//! A file out of a ZIP: it knows archives, and must never inflate more than the limit, whatever an archive says
//! of itself.

use std::io::{Cursor, Read};

use zip::ZipArchive;

use super::error::StatementError;
use super::limits::MAX_FILE_BYTES;

/// How a ZIP begins.
const MAGIC: &[u8] = b"PK\x03\x04";

/// What is inside of `bytes` when they are a ZIP; `None` when they are not one.
pub(super) fn unpack(bytes: &[u8]) -> Result<Option<Vec<u8>>, StatementError> {
    if !bytes.starts_with(MAGIC) {
        return Ok(None);
    }
    let broken = |e: zip::result::ZipError| StatementError::broken("the ZIP", format!("it cannot be opened: {e}"));
    let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(broken)?;
    let mut inside = Vec::new();
    for index in 0..archive.len() {
        let raw = archive.name_for_index(index).transpose().map_err(broken)?.unwrap_or_default();
        let name = raw.rsplit(['/', '\\']).next().unwrap_or_default();
        if raw.starts_with("xl/") {
            return Err(StatementError::new(
                "the file",
                "it is an Excel workbook",
                "open it in Excel, save it as CSV (UTF-8), and import that; or fetch CSV from the bank",
            ));
        }
        if !name.is_empty() && !name.starts_with('.') && !raw.starts_with("__MACOSX/") {
            inside.push(index);
        }
    }
    let [index] = inside.as_slice() else {
        let what = format!("it holds {} files; exactly one is expected", inside.len());
        return Err(StatementError::new("the ZIP", what, "import the files one by one"));
    };
    let file = archive.by_index(*index).map_err(broken)?;
    let mut content = Vec::new();
    let limit = u64::try_from(MAX_FILE_BYTES).unwrap_or(u64::MAX);
    let read = file.take(limit.saturating_add(1)).read_to_end(&mut content);
    if content.len() > MAX_FILE_BYTES {
        let what = format!("its content is larger than {} MiB", MAX_FILE_BYTES / 1024 / 1024);
        return Err(StatementError::new("the ZIP", what, "fetch a shorter period from the bank"));
    }
    read.map_err(|e| StatementError::broken("the ZIP", format!("it cannot be inflated: {e}")))?;
    if content.starts_with(MAGIC) {
        return Err(StatementError::new("the ZIP", "it holds another ZIP", "unpack it and import what is inside"));
    }
    Ok(Some(content))
}
