//! Folders of keys: it knows how to make (or load) what a merchant and the platform need to talk to
//! each other, and must never log or overwrite a key.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::folder::{bytes, digits, make_folder, read, read_json, read_optional, write, write_json};
use crate::keys::{SigningKey, hex_upper};
use crate::unionpay::provision::provision_unionpay;
use crate::wechat::platform::PlatformCertificate;
use crate::{
    MerchantAccount, PapayTerms, PlatformKeys, ProvisionedAlipay, ProvisionedStripe, ProvisionedUnionpay, SandboxError,
    alipay, pem, stripe,
};

/// An account with its keys: paths for the merchant's side, `account` and `platform` for the sandbox's.
#[derive(Clone, Debug)]
pub struct Provisioned {
    /// The merchant number: ten digits.
    pub mchid: String,
    /// The application bound to it: `wx` and sixteen hexadecimal digits.
    pub appid: String,
    /// The serial of the merchant's certificate, upper-case hexadecimal.
    pub merchant_serial: String,
    /// `merchant_private_key.pem`: PKCS#8.
    pub merchant_private_key: PathBuf,
    /// `apiv3_key`: 32 ASCII characters, without a line end.
    pub apiv3_key: PathBuf,
    /// `wechatpay_public_key.pem`: SubjectPublicKeyInfo.
    pub wechatpay_public_key: PathBuf,
    /// The id of that key, `PUB_KEY_ID_…`.
    pub public_key_id: String,
    /// The account on Stripe.
    pub stripe: ProvisionedStripe,
    /// The account as the sandbox needs it.
    pub account: MerchantAccount,
    /// The platform's keys as the sandbox needs them; the same for all accounts of a folder.
    pub platform: PlatformKeys,
    /// The same merchant on Alipay.
    pub alipay: ProvisionedAlipay,
    /// The account on UnionPay.
    pub unionpay: ProvisionedUnionpay,
}

/// `account.json`: written last, so that its presence says the folder is whole.
#[derive(Serialize, Deserialize)]
struct AccountFile {
    mchid: String,
    appid: String,
    merchant_serial: String,
}

/// `platform.json`: likewise.
#[derive(Serialize, Deserialize)]
struct PlatformFile {
    public_key_id: String,
    certificate_serial: String,
}

/// Makes the folder `dir/name` of keys for an account, and `dir/platform` for the platform, or loads
/// what is there. `random` gives the account's numbers and its APIv3 key; RSA keys are always made from
/// the system's randomness. Not for two processes at once on the same new folder.
///
/// # Errors
/// A bad name, a folder that cannot be used, or a damaged key file.
pub fn provision(dir: &Path, name: &str, random: &dyn Fn(&mut [u8])) -> Result<Provisioned, SandboxError> {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
    if name.is_empty() || name.len() > 40 || name == "platform" || !name.chars().all(fits) {
        return Err(SandboxError::BadName(name.to_owned()));
    }
    let platform_dir = dir.join("platform");
    let platform = platform_keys(&platform_dir)?;
    let folder = dir.join(name);
    make_folder(&folder)?;
    let merchant_private_key = folder.join("merchant_private_key.pem");
    let apiv3_key = folder.join("apiv3_key");
    let summary = folder.join("account.json");
    let file: AccountFile = match read_optional(&summary)? {
        Some(text) => read_json(&summary, &text)?,
        None => {
            let file = AccountFile {
                // The real platform's numbers start with 1; a 9 cannot be mistaken for one.
                mchid: format!("9{}", digits(random, 9)),
                appid: format!("wx{}", hex_upper(&bytes::<8>(random)).to_ascii_lowercase()),
                merchant_serial: format!("4{}", hex_upper(&bytes::<20>(random)).chars().skip(1).collect::<String>()),
            };
            write(&merchant_private_key, &SigningKey::generate()?.to_pem()?)?;
            write(&apiv3_key, &hex_upper(&bytes::<16>(random)))?;
            write_json(&summary, &file)?;
            file
        }
    };
    let merchant_key = SigningKey::from_pem(&read(&merchant_private_key)?)?;
    let secret = <[u8; 32]>::try_from(read(&apiv3_key)?.trim().as_bytes())
        .map_err(|_| SandboxError::BadKey(format!("{} must hold 32 characters", apiv3_key.display())))?;
    let alipay = alipay::provision::provision(&platform_dir.join("alipay"), &folder.join("alipay"), random)?;
    Ok(Provisioned {
        stripe: stripe::provision::provision(&folder.join("stripe"), random)?,
        account: MerchantAccount {
            mchid: file.mchid.clone(),
            appids: vec![file.appid.clone()],
            merchant_serial: file.merchant_serial.clone(),
            merchant_public_key_pem: pem::encode("PUBLIC KEY", &merchant_key.public_der()?),
            apiv3_key: secret,
            close_min_age_ms: 0,
            papay: PapayTerms::default(),
        },
        mchid: file.mchid,
        appid: file.appid,
        merchant_serial: file.merchant_serial,
        merchant_private_key,
        apiv3_key,
        wechatpay_public_key: platform_dir.join("wechatpay_public_key.pem"),
        public_key_id: platform.public_key_id.clone(),
        platform,
        alipay,
        unionpay: provision_unionpay(dir, name, random)?,
    })
}

fn platform_keys(folder: &Path) -> Result<PlatformKeys, SandboxError> {
    make_folder(folder)?;
    let private = folder.join("wechatpay_private_key.pem");
    let certificate = folder.join("certificate.pem");
    let certificate_key = folder.join("certificate_key.pem");
    let summary = folder.join("platform.json");
    if let Some(text) = read_optional(&summary)? {
        let file: PlatformFile = read_json(&summary, &text)?;
        let key = SigningKey::from_pem(&read(&certificate_key)?)?;
        return Ok(PlatformKeys {
            public_key_id: file.public_key_id,
            public_key: Arc::new(SigningKey::from_pem(&read(&private)?)?),
            certificates: vec![PlatformCertificate::kept(key, file.certificate_serial, read(&certificate)?)],
        });
    }
    let keys = PlatformKeys::generate()?;
    write(&private, &keys.public_key.to_pem()?)?;
    let public = pem::encode("PUBLIC KEY", &keys.public_key.public_der()?);
    write(&folder.join("wechatpay_public_key.pem"), &public)?;
    for first in &keys.certificates {
        write(&certificate, &first.pem)?;
        write(&certificate_key, &first.key.to_pem()?)?;
        let file = PlatformFile { public_key_id: keys.public_key_id.clone(), certificate_serial: first.serial.clone() };
        write_json(&summary, &file)?;
    }
    Ok(keys)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::system_random;

    #[test]
    fn what_was_provisioned_is_loaded_again_and_the_platform_is_shared() {
        let dir = tempfile::tempdir().unwrap();
        let first = provision(dir.path(), "shop", &system_random).unwrap();
        let again = provision(dir.path(), "shop", &system_random).unwrap();
        let other = provision(dir.path(), "clinic", &system_random).unwrap();
        assert_eq!(first.mchid, again.mchid);
        assert_eq!(first.account.apiv3_key, again.account.apiv3_key);
        assert_eq!(first.account.merchant_public_key_pem, again.account.merchant_public_key_pem);
        assert_eq!(first.platform.certificate_serials(), again.platform.certificate_serials());
        assert_ne!(first.mchid, other.mchid);
        assert_eq!(first.public_key_id, other.public_key_id);
        assert!(first.public_key_id.starts_with("PUB_KEY_ID_"));
        assert!(first.merchant_private_key.is_file() && first.wechatpay_public_key.is_file());
    }

    #[test]
    fn a_name_that_leaves_the_folder_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["", "..", "a/b", "platform", "Shop"] {
            assert!(matches!(provision(dir.path(), name, &system_random), Err(SandboxError::BadName(_))), "{name}");
        }
    }

    #[test]
    fn a_damaged_key_is_reported_and_not_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let made = provision(dir.path(), "shop", &system_random).unwrap();
        fs::write(&made.merchant_private_key, "damaged").unwrap();
        assert!(matches!(provision(dir.path(), "shop", &system_random), Err(SandboxError::BadKey(_))));
        assert_eq!(fs::read_to_string(&made.merchant_private_key).unwrap(), "damaged");
    }

    #[cfg(unix)]
    #[test]
    fn private_keys_are_readable_by_their_owner_only() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let made = provision(dir.path(), "shop", &system_random).unwrap();
        for path in [&made.merchant_private_key, &made.apiv3_key] {
            assert_eq!(fs::metadata(path).unwrap().permissions().mode() & 0o077, 0);
        }
    }
}
