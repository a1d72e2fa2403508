//! Alipay's part of a folder of keys: it knows how to make (or load) an application's and Alipay's keys and
//! certificates, and must never log or overwrite one.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::alipay::authority::Authority;
use crate::alipay::keys::{AlipayCertificate, AlipayKeys};
use crate::alipay::serial;
use crate::folder::{digits, make_folder, read, read_json, read_optional, write, write_json};
use crate::keys::SigningKey;
use crate::{AlipayAccount, RefundLimits, SandboxError, pem};

/// The limits of its documents.
const REFUND_LIMITS: RefundLimits = RefundLimits {
    // Twelve months, after which a trade is finished.
    window_ms: 365 * 24 * 3_600_000,
    // The documents name no number; nobody refunds more often.
    per_order: 1_000,
    // Not confirmed: refunds of one trade must be three seconds apart.
    interval_ms: 3_000,
};

/// An application with its keys: paths for the merchant's side, `account` and `platform` for the sandbox's.
/// The same keys serve both modes.
#[derive(Clone, Debug)]
pub struct ProvisionedAlipay {
    /// The application's number: sixteen digits.
    pub app_id: String,
    /// The merchant's number: `2088` and twelve digits.
    pub seller_id: String,
    /// `app_private_key.pem`: PKCS#8.
    pub app_private_key: PathBuf,
    /// `alipay_public_key.pem`: SubjectPublicKeyInfo, for public-key mode.
    pub alipay_public_key: PathBuf,
    /// `app_cert.crt`: the application's certificate, for certificate mode; as are the next two.
    pub app_cert: PathBuf,
    /// `alipay_cert.crt`: Alipay's first certificate.
    pub alipay_cert: PathBuf,
    /// `alipay_root_cert.crt`: the root certificates.
    pub alipay_root_cert: PathBuf,
    /// The account as the sandbox needs it.
    pub account: AlipayAccount,
    /// Alipay's keys as the sandbox needs them; the same for all accounts of a folder.
    pub platform: AlipayKeys,
}

/// `account.json`: written last, so that its presence says the folder is whole.
#[derive(Serialize, Deserialize)]
struct AccountFile {
    app_id: String,
    seller_id: String,
}

/// `platform.json`: likewise.
#[derive(Serialize, Deserialize)]
struct PlatformFile {
    certificate_sn: String,
}

/// Makes or loads the keys in `folder` (the account's) and `platform_folder`.
pub(crate) fn provision(
    platform_folder: &Path,
    folder: &Path,
    random: &dyn Fn(&mut [u8]),
) -> Result<ProvisionedAlipay, SandboxError> {
    let platform = platform_keys(platform_folder)?;
    make_folder(folder)?;
    let app_private_key = folder.join("app_private_key.pem");
    let app_cert = folder.join("app_cert.crt");
    let summary = folder.join("account.json");
    let file: AccountFile = match read_optional(&summary)? {
        Some(text) => read_json(&summary, &text)?,
        None => {
            // Applications of Alipay's own sandbox start with 9021.
            let app_id = format!("9021{}", digits(random, 12));
            let file = AccountFile { seller_id: format!("2088{}", digits(random, 12)), app_id };
            let key = SigningKey::generate()?;
            write(&app_cert, &platform.authority.issue(&key, &file.app_id, None)?)?;
            write(&app_private_key, &key.to_pem()?)?;
            write_json(&summary, &file)?;
            file
        }
    };
    let key = SigningKey::from_pem(&read(&app_private_key)?)?;
    Ok(ProvisionedAlipay {
        account: AlipayAccount {
            app_id: file.app_id.clone(),
            seller_id: file.seller_id.clone(),
            app_public_key_pem: pem::encode("PUBLIC KEY", &key.public_der()?),
            app_cert_sn: serial::of_first(&read(&app_cert)?)?,
            refund_limits: REFUND_LIMITS,
        },
        app_id: file.app_id,
        seller_id: file.seller_id,
        app_private_key,
        alipay_public_key: platform_folder.join("alipay_public_key.pem"),
        app_cert,
        alipay_cert: platform_folder.join("alipay_cert.crt"),
        alipay_root_cert: platform_folder.join("alipay_root_cert.crt"),
        platform,
    })
}

fn platform_keys(folder: &Path) -> Result<AlipayKeys, SandboxError> {
    make_folder(folder)?;
    let private = folder.join("alipay_private_key.pem");
    let roots = folder.join("alipay_root_cert.crt");
    let root_key = folder.join("alipay_root_key.pem");
    let certificate = folder.join("alipay_cert.crt");
    let certificate_key = folder.join("alipay_cert_key.pem");
    let summary = folder.join("platform.json");
    if read_optional(&summary)?.is_some() {
        let authority = Authority { key: SigningKey::from_pem(&read(&root_key)?)?, roots_pem: read(&roots)? };
        let kept = AlipayCertificate::kept(SigningKey::from_pem(&read(&certificate_key)?)?, read(&certificate)?)?;
        return Ok(AlipayKeys {
            public_key: Arc::new(SigningKey::from_pem(&read(&private)?)?),
            authority: Arc::new(authority),
            certificates: vec![kept],
        });
    }
    let authority = Authority::new()?;
    let first = AlipayCertificate::issued(&authority, None)?;
    let key = SigningKey::generate()?;
    write(&private, &key.to_pem()?)?;
    write(&folder.join("alipay_public_key.pem"), &pem::encode("PUBLIC KEY", &key.public_der()?))?;
    write(&root_key, &authority.key.to_pem()?)?;
    write(&roots, &authority.roots_pem)?;
    write(&certificate, &first.pem)?;
    write(&certificate_key, &first.key.to_pem()?)?;
    write_json(&summary, &PlatformFile { certificate_sn: first.sn.clone() })?;
    Ok(AlipayKeys { public_key: Arc::new(key), authority: Arc::new(authority), certificates: vec![first] })
}
