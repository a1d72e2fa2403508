//! The folder of keys of all cases: it knows that making them takes long, and must never be written to by a case.

use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::UNIX_EPOCH;

use crate::{provision, system_random};

/// Made once for a build and not for each process, because each case may be one: RSA keys take seconds. It lies
/// beside the test program and bears the time of its making, so that another build makes its own.
pub fn shared() -> PathBuf {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    let find = || {
        let program = std::env::current_exe().unwrap();
        let made_at = program.metadata().unwrap().modified().unwrap().duration_since(UNIX_EPOCH).unwrap();
        let home = program.parent().unwrap();
        let whole = home.join(format!("sandbox-keys-{}", made_at.as_nanos()));
        if !whole.is_dir() {
            let fresh = tempfile::tempdir_in(home).unwrap();
            provision(fresh.path(), "shop", &system_random).unwrap();
            // Of many processes at once the first moves its folder there; the others drop theirs.
            if std::fs::rename(fresh.path(), &whole).is_ok() {
                let _ = fresh.keep();
            }
        }
        whole
    };
    FOLDER.get_or_init(find).clone()
}
