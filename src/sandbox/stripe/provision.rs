//! Keys of an account on Stripe: it knows which files a merchant gets, and must never log or overwrite one.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::folder::{bytes, make_folder, read, read_json, read_optional, write, write_json};
use crate::{SandboxError, StripeAccount};

/// An account with its keys: paths for the merchant's side, `account` for the sandbox's.
#[derive(Clone, Debug)]
pub struct ProvisionedStripe {
    /// `acct_…`.
    pub account_id: String,
    /// `pk_test_…`.
    pub publishable_key: String,
    /// `secret_key`: `sk_test_…`, without a line end.
    pub secret_key: PathBuf,
    /// `webhook_secret`: `whsec_…`, without a line end.
    pub webhook_secret: PathBuf,
    /// The account as the sandbox needs it.
    pub account: StripeAccount,
}

/// `account.json`: written last, so that its presence says the folder is whole.
#[derive(Serialize, Deserialize)]
struct AccountFile {
    account_id: String,
    publishable_key: String,
}

/// Letters and digits.
fn text(random: &dyn Fn(&mut [u8])) -> String {
    const ALPHABET: &[u8; 32] = b"ABCDEFGHJKLMNPQRSTUVWXYZabcdefgh";
    let drawn = bytes::<24>(random);
    drawn.iter().filter_map(|byte| ALPHABET.get(usize::from(byte % 32))).map(|byte| char::from(*byte)).collect()
}

/// Makes or loads the folder of one account.
pub(crate) fn provision(folder: &Path, random: &dyn Fn(&mut [u8])) -> Result<ProvisionedStripe, SandboxError> {
    make_folder(folder)?;
    let (secret_key, webhook_secret) = (folder.join("secret_key"), folder.join("webhook_secret"));
    let summary = folder.join("account.json");
    let file: AccountFile = match read_optional(&summary)? {
        Some(text) => read_json(&summary, &text)?,
        None => {
            let file = AccountFile {
                account_id: format!("acct_1{}", text(random)),
                publishable_key: format!("pk_test_51{}", text(random)),
            };
            write(&secret_key, &format!("sk_test_51{}", text(random)))?;
            write(&webhook_secret, &format!("whsec_{}", text(random)))?;
            write_json(&summary, &file)?;
            file
        }
    };
    let line = |path: &Path| read(path).map(|text| text.trim().to_owned());
    let account = StripeAccount {
        id: file.account_id.clone(),
        secret_key: line(&secret_key)?,
        publishable_key: file.publishable_key.clone(),
        webhook_secrets: vec![line(&webhook_secret)?],
        webhook_url: None,
        number_member: "bursar_payment".to_owned(),
        agreement_number_member: "bursar_agreement".to_owned(),
        refund_number_member: "bursar_leg".to_owned(),
    };
    let AccountFile { account_id, publishable_key } = file;
    Ok(ProvisionedStripe { account_id, publishable_key, secret_key, webhook_secret, account })
}
