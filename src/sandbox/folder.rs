//! Files of keys: it knows how they are read and written, and must never know what they are for.

use std::fs;
use std::io::{ErrorKind, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::SandboxError;

pub(crate) fn bytes<const N: usize>(random: &dyn Fn(&mut [u8])) -> [u8; N] {
    let mut bytes = [0; N];
    random(&mut bytes);
    bytes
}

pub(crate) fn digits(random: &dyn Fn(&mut [u8]), count: usize) -> String {
    bytes::<16>(random).iter().take(count).map(|byte| char::from(b'0' + byte % 10)).collect()
}

pub(crate) fn make_folder(folder: &Path) -> Result<(), SandboxError> {
    fs::create_dir_all(folder).map_err(|error| SandboxError::file(folder, error))
}

pub(crate) fn read(path: &Path) -> Result<String, SandboxError> {
    fs::read_to_string(path).map_err(|error| SandboxError::file(path, error))
}

pub(crate) fn read_optional(path: &Path) -> Result<Option<String>, SandboxError> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(SandboxError::file(path, error)),
    }
}

pub(crate) fn read_json<T: for<'de> Deserialize<'de>>(path: &Path, text: &str) -> Result<T, SandboxError> {
    serde_json::from_str(text).map_err(|error| SandboxError::BadKey(format!("{}: {error}", path.display())))
}

/// Writes a summary: last of all, so that its presence says that the folder is whole.
pub(crate) fn write_json(path: &Path, value: &impl Serialize) -> Result<(), SandboxError> {
    write(path, &serde_json::to_string_pretty(value).unwrap_or_default())
}

/// Writes a file that only its owner may read. An incomplete folder (no summary yet) is written over.
pub(crate) fn write(path: &Path, text: &str) -> Result<(), SandboxError> {
    write_bytes(path, text.as_bytes())
}

/// The same for what is no text.
pub(crate) fn write_bytes(path: &Path, bytes: &[u8]) -> Result<(), SandboxError> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path).map_err(|error| SandboxError::file(path, error))?;
    file.write_all(bytes).and_then(|()| file.sync_all()).map_err(|error| SandboxError::file(path, error))
}
