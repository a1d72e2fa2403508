//! What can go wrong while the sandbox is set up: it knows files, keys and sockets; refusals of a
//! channel to a merchant are answers, not errors, and never appear here.

use std::path::{Path, PathBuf};

/// Why a sandbox could not be provisioned or started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SandboxError {
    /// An account name that could not be a folder name.
    #[error("the account name `{0}` must be 1 to 40 of a-z, 0-9, `-` and `_`, and not `platform`")]
    BadName(String),
    /// A file or folder of keys could not be read or written.
    #[error("cannot use the key file {path}: {source}")]
    File {
        /// The file or folder.
        path: PathBuf,
        /// What the operating system says.
        source: std::io::Error,
    },
    /// A key file does not hold what its name promises; delete its folder to provision anew.
    #[error("{0}")]
    BadKey(String),
    /// The cryptographic library refused an operation on the named thing.
    #[error("cryptography failed: {0}")]
    Crypto(&'static str),
    /// The configuration contradicts itself.
    #[error("the sandbox configuration is wrong: {0}")]
    Config(String),
    /// The address could not be listened on, such as a port in use.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The address asked for.
        address: std::net::SocketAddr,
        /// What the operating system says.
        source: std::io::Error,
    },
    /// The client that pushes notifications could not be made.
    #[error("cannot make the notification client: {0}")]
    Client(String),
}

impl SandboxError {
    pub(crate) fn file(path: &Path, source: std::io::Error) -> Self {
        Self::File { path: path.to_path_buf(), source }
    }
}
