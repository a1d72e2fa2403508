//! Folders of keys: it knows how to make (or load) what a merchant and the network need to talk to each
//! other, and must never log or overwrite a key.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::SandboxError;
use crate::folder::{digits, make_folder, read, read_json, read_optional, write, write_bytes, write_json};
use crate::keys::SigningKey;
use crate::unionpay::account::UnionpayAccount;
use crate::unionpay::certificate::{self, Authority};
use crate::unionpay::network::{MIDDLE, Signer, UnionpayKeys};
use crate::unionpay::pfx;

/// An account with its keys: paths for the merchant's side, `account` and `network` for the sandbox's.
#[derive(Clone, Debug)]
pub struct ProvisionedUnionpay {
    /// The merchant number (`merId`): fifteen digits.
    pub mer_id: String,
    /// The number of the merchant's certificate (`certId`): its serial in decimal.
    pub cert_id: String,
    /// `sign.pfx`: the merchant's key and certificate as PKCS#12, in the old scheme of the real files.
    pub sign_pfx: PathBuf,
    /// `sign_password`: the password of that file, without a line end.
    pub sign_password: PathBuf,
    /// `sign_key.pem`: the same key, PKCS#8.
    pub sign_key: PathBuf,
    /// `sign_cert.pem`: the same certificate.
    pub sign_certificate: PathBuf,
    /// `root.pem`: the authority that the network's certificate leads to.
    pub root: PathBuf,
    /// `middle.pem`: the authority between them.
    pub middle: PathBuf,
    /// The account as the sandbox needs it.
    pub account: UnionpayAccount,
    /// The network's keys as the sandbox needs them; the same for all accounts of a folder.
    pub network: UnionpayKeys,
}

/// `account.json` of a merchant: written last, so that its presence says the keys are whole.
#[derive(Serialize, Deserialize)]
struct AccountFile {
    mer_id: String,
}

/// `network.json`: likewise.
#[derive(Serialize, Deserialize)]
struct NetworkFile {
    /// Of the files of this folder.
    version: u32,
}

/// Makes the keys of an account in the folder `dir/name/unionpay`, and those of the network in
/// `dir/platform/unionpay`, or loads what is there. `random` gives the merchant number and the password. The
/// caller has looked whether `name` is good.
pub(crate) fn provision_unionpay(
    dir: &Path,
    name: &str,
    random: &dyn Fn(&mut [u8]),
) -> Result<ProvisionedUnionpay, SandboxError> {
    let platform = dir.join("platform").join("unionpay");
    let network = network_keys(&platform)?;
    let folder = dir.join(name).join("unionpay");
    make_folder(&folder)?;
    let file = |name: &str| folder.join(name);
    let (sign_pfx, sign_password) = (file("sign.pfx"), file("sign_password"));
    let (sign_key, sign_certificate) = (file("sign_key.pem"), file("sign_cert.pem"));
    let summary = file("account.json");
    let account: AccountFile = match read_optional(&summary)? {
        Some(text) => read_json(&summary, &text)?,
        None => {
            // The test merchants of the real network start with 777; a 9 cannot be mistaken for any.
            let account = AccountFile { mer_id: format!("9{}", digits(random, 14)) };
            let password = digits(random, 6);
            let key = SigningKey::generate()?;
            let pem = network.authority.issue(&format!("041@Z2026-01-01@{}:SIGN@00000001", account.mer_id), &key)?;
            write(&sign_key, &key.to_pem()?)?;
            write(&sign_certificate, &pem)?;
            write(&sign_password, &password)?;
            write_bytes(&sign_pfx, &pfx::write(&key, &pem, &password)?)?;
            write_json(&summary, &account)?;
            account
        }
    };
    let certificate_pem = read(&sign_certificate)?;
    Ok(ProvisionedUnionpay {
        cert_id: certificate::read(&certificate_pem)?.cert_id,
        account: UnionpayAccount { mer_id: account.mer_id.clone(), certificate_pem },
        mer_id: account.mer_id,
        sign_pfx,
        sign_password,
        sign_key,
        sign_certificate,
        root: platform.join("root.pem"),
        middle: platform.join("middle.pem"),
        network,
    })
}

fn network_keys(folder: &Path) -> Result<UnionpayKeys, SandboxError> {
    make_folder(folder)?;
    let file = |name: &str| folder.join(format!("{name}.pem"));
    let summary = folder.join("network.json");
    if let Some(text) = read_optional(&summary)? {
        let _: NetworkFile = read_json(&summary, &text)?;
        let key = |name: &str| -> Result<_, SandboxError> { Ok(Arc::new(SigningKey::from_pem(&read(&file(name))?)?)) };
        let forger = key("forger_key")?;
        let authority = Authority::kept(MIDDLE, read(&file("middle"))?, &read(&file("middle_key"))?)?;
        return Ok(UnionpayKeys {
            root_pem: read(&file("root"))?,
            authority: Arc::new(authority),
            genuine: Signer { key: key("network_key")?, pem: read(&file("network"))? },
            stranger: Signer { key: forger.clone(), pem: read(&file("stranger"))? },
            neighbour: Signer { key: forger, pem: read(&file("neighbour"))? },
        });
    }
    let keys = UnionpayKeys::generate()?;
    for (name, text) in [
        ("root", keys.root_pem.clone()),
        ("middle", keys.authority.pem.clone()),
        ("middle_key", keys.authority.key_pem()),
        ("network", keys.genuine.pem.clone()),
        ("network_key", keys.genuine.key.to_pem()?),
        ("forger_key", keys.stranger.key.to_pem()?),
        ("stranger", keys.stranger.pem.clone()),
        ("neighbour", keys.neighbour.pem.clone()),
    ] {
        write(&file(name), &text)?;
    }
    write_json(&summary, &NetworkFile { version: 1 })?;
    Ok(keys)
}

#[cfg(test)]
mod tests {
    use p12_keystore::{KeyStore, Pkcs12ImportPolicy};

    use super::*;
    use crate::{pem, provision, system_random};

    #[test]
    fn what_was_provisioned_is_loaded_again_and_the_network_is_shared() {
        let dir = tempfile::tempdir().unwrap();
        let first = provision(dir.path(), "shop", &system_random).unwrap().unionpay;
        let again = provision(dir.path(), "shop", &system_random).unwrap().unionpay;
        let other = provision(dir.path(), "clinic", &system_random).unwrap().unionpay;
        assert_eq!((&first.mer_id, &first.cert_id), (&again.mer_id, &again.cert_id));
        assert_eq!(first.network.genuine.pem, again.network.genuine.pem);
        assert_ne!(first.mer_id, other.mer_id);
        assert_ne!(first.cert_id, other.cert_id);
        assert_eq!(std::fs::read(&first.root).unwrap(), std::fs::read(&other.root).unwrap());
        assert_eq!(first.mer_id.len(), 15);
    }

    #[test]
    fn the_file_with_the_password_and_the_plain_files_hold_the_same_key() {
        let dir = tempfile::tempdir().unwrap();
        let made = provision(dir.path(), "shop", &system_random).unwrap().unionpay;
        let password = std::fs::read_to_string(&made.sign_password).unwrap();
        let file = std::fs::read(&made.sign_pfx).unwrap();
        let store = KeyStore::from_pkcs12(&file, &password, Pkcs12ImportPolicy::Strict).unwrap();
        let (_, chain) = store.private_key_chain().unwrap();
        let key = std::fs::read_to_string(&made.sign_key).unwrap();
        assert_eq!(pem::decode("PRIVATE KEY", &key).unwrap(), chain.key().as_der());
        let certificate = std::fs::read_to_string(&made.sign_certificate).unwrap();
        assert_eq!(certificate::der(&certificate).unwrap(), chain.certs()[0].as_der());
        assert!(chain.certs()[0].subject().contains(&made.mer_id));
    }
}
