//! Bank accounts of payers: it knows what the channel takes and how it is sealed, and must never show or
//! keep one in clear.

use aws_lc_rs::rsa::{OAEP_SHA1_MGF1SHA1, OaepPublicEncryptingKey, PublicEncryptingKey};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use super::Wechat;
use super::verify::ChannelKey;
use crate::channel::Payee;

/// The banks whose debit cards the channel pays to, in its words. Source: its page about abnormal refunds.
const BANKS: [&str; 15] = [
    "CMB_DEBIT",
    "COMM_DEBIT",
    "ABC_DEBIT",
    "CCB_DEBIT",
    "ICBC_DEBIT",
    "BOC_DEBIT",
    "PAB_DEBIT",
    "SPDB_DEBIT",
    "CITIC_DEBIT",
    "CEB_DEBIT",
    "CMBC_DEBIT",
    "CIB_DEBIT",
    "GDB_DEBIT",
    "PSBC_DEBIT",
    "NBCB_DEBIT",
];
/// Digits of a card. Source: ISO/IEC 7812; the channel documents only the length of the sealed text.
const CARD_DIGITS: std::ops::RangeInclusive<usize> = 12..=19;
/// Longest name in bytes of UTF-8 (of Chinese characters, 66): what fits under a key of 2048 bits is 214
/// bytes.
const MAX_NAME_BYTES: usize = 200;

/// A payee as he may be stored: only the channel can open what is sealed.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SealedPayee {
    /// The channel's key that it is sealed under.
    pub(super) serial: String,
    /// The bank, in clear.
    pub(super) bank_type: String,
    /// The number of the card: base64 of RSAES-OAEP.
    pub(super) bank_account: String,
    /// The name, sealed likewise.
    pub(super) real_name: String,
}

impl SealedPayee {
    /// From the text that was stored; `None` when it is not one.
    pub(super) fn read(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }
}

/// RSAES-OAEP with SHA-1 and MGF1-SHA-1, which is what the channel asks for, in base64. `None` when the
/// library refuses.
fn seal(key: &ChannelKey, text: &str) -> Option<String> {
    let public =
        PublicEncryptingKey::from_der(key.der()).and_then(|key| Ok(OaepPublicEncryptingKey::new(key)?)).ok()?;
    let mut room = vec![0; public.ciphertext_size()];
    let sealed = public.encrypt(&OAEP_SHA1_MGF1SHA1, text.as_bytes(), &mut room, None).ok()?;
    Some(STANDARD.encode(sealed))
}

/// Bank, card number without blanks, and name, as the channel takes them.
///
/// # Errors
/// What is wrong, without repeating it.
fn checked(payee: &Payee) -> Result<(&'static str, String, &str), String> {
    let bank = BANKS.into_iter().find(|bank| *bank == payee.bank.trim());
    let bank = bank.ok_or_else(|| format!("`bank`: WeChat Pay pays to debit cards of {}", BANKS.join(", ")))?;
    // As it is printed on the card.
    let account: String = payee.account.chars().filter(|c| *c != ' ' && *c != '-').collect();
    if !CARD_DIGITS.contains(&account.len()) || !account.bytes().all(|b| b.is_ascii_digit()) {
        return Err("`account`: the number of a debit card has 12 to 19 digits".into());
    }
    let name = payee.name.trim();
    if name.is_empty() || name.len() > MAX_NAME_BYTES || name.chars().any(char::is_control) {
        return Err(format!("`name`: give the name of the card's owner, at most {MAX_NAME_BYTES} bytes of UTF-8"));
    }
    Ok((bank, account, name))
}

impl Wechat {
    /// See [`crate::Channel::seal_payee`].
    pub(super) async fn seal_bank_payee(&self, payee: &Payee) -> Result<String, String> {
        let (bank, account, name) = checked(payee)?;
        let seal = |key: &ChannelKey| {
            Some(SealedPayee {
                serial: key.serial().to_owned(),
                bank_type: bank.to_owned(),
                bank_account: seal(key, &account)?,
                real_name: seal(key, name)?,
            })
        };
        let sealed = self.sealed(seal).await?;
        serde_json::to_string(&sealed).map_err(|_| "the sealed account cannot be written".to_owned())
    }

    /// `text` as only the channel can read it, and the serial of the key that it is sealed under.
    ///
    /// # Errors
    /// Why it cannot be sealed now.
    pub(super) async fn seal_text(&self, text: &str) -> Result<(String, String), String> {
        self.sealed(|key| Some((seal(key, text)?, key.serial().to_owned()))).await
    }

    async fn sealed<T>(&self, seal: impl Fn(&ChannelKey) -> Option<T> + Send + Sync) -> Result<T, String>
    where
        T: Send,
    {
        let sealed = || self.keyring.sealing(self.now(), &seal);
        let mut found = if self.keyring.is_old(self.now()) { None } else { sealed() };
        if found.is_none() {
            // Its trouble is told only when no other key is at hand.
            let fetched = self.fetch_keys().await;
            found = sealed();
            if let (None, Err(why)) = (&found, &fetched) {
                return Err(format!("the keys of WeChat Pay could not be fetched ({why}); try again later"));
            }
        }
        let sealed = found.ok_or(
            "no key of WeChat Pay is in force to seal the text with: give the channel account `public_key_id` and \
             `public_key`, or a platform certificate that has not expired",
        )?;
        sealed.ok_or_else(|| "the text could not be sealed under the key of WeChat Pay".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn payee(bank: &str, account: &str, name: &str) -> Payee {
        Payee { bank: bank.into(), account: account.into(), name: name.into() }
    }

    #[test]
    fn a_card_is_taken_as_it_is_printed() {
        let payee = payee(" CMB_DEBIT ", "6225 8801-2345 6789", " 张三 ");
        assert_eq!(checked(&payee), Ok(("CMB_DEBIT", "6225880123456789".to_owned(), "张三")));
    }

    #[test]
    fn what_the_channel_does_not_take_is_named_and_never_repeated() {
        for (bank, account, name, member) in [
            ("HSBC_DEBIT", "6225880123456789", "张三", "`bank`"),
            ("CMB_CREDIT", "6225880123456789", "张三", "`bank`"),
            ("", "6225880123456789", "张三", "`bank`"),
            ("CMB_DEBIT", "62258801234", "张三", "`account`"),
            ("CMB_DEBIT", "62258801234567890123", "张三", "`account`"),
            ("CMB_DEBIT", "6225８8012345678x", "张三", "`account`"),
            ("CMB_DEBIT", "", "张三", "`account`"),
            ("CMB_DEBIT", "6225880123456789", " ", "`name`"),
            ("CMB_DEBIT", "6225880123456789", "张\n三", "`name`"),
            ("CMB_DEBIT", "6225880123456789", &"三".repeat(67), "`name`"),
        ] {
            let error = checked(&payee(bank, account, name)).unwrap_err();
            assert!(error.starts_with(member), "{error}");
            assert!(!error.contains("6225") && !error.contains('三'), "{error}");
        }
    }

    #[test]
    fn a_stored_text_of_another_shape_is_not_a_payee() {
        for text in ["", "{}", "null", r#"{"serial":"s","bank_type":"b","bank_account":"a","real_name":"n","x":1}"#] {
            assert_eq!(SealedPayee::read(text), None, "{text}");
        }
    }
}
