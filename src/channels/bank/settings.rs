//! Settings of a bank account: it knows their names, bounds and defaults, and which account numbers of statements
//! mean it. There is no secret among them: payers see most of them.

use bursar_core::Currency;
use bursar_core::bank::{VIRTUAL_DIGITS, reference_of_virtual, virtual_number};
use bursar_core::id::PaymentId;
use serde::Deserialize;
use serde_json::Value;

use super::statement::{Format, Mapping, MappingChoice};

/// Most characters of a name that a payer must type (ISO 20022: 140).
const MAX_NAME: usize = 140;
/// Longest account number that Chinese clearing takes.
const MAX_ACCOUNT: usize = 32;
/// Most other ways to write the account's number.
const MAX_ALIASES: usize = 10;

/// The settings as they stand in the account, see the members. Unknown members are refused.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BankSettings {
    /// The number of the account, as payers type it.
    pub account_number: String,
    /// Whose account it is, as the bank knows him: a transfer to another name comes back.
    pub account_name: String,
    /// The bank.
    pub bank_name: String,
    /// The branch that keeps the account, which some banks ask the payer for.
    #[serde(default)]
    pub branch: Option<String>,
    /// The currency of the account.
    #[serde(default = "yuan")]
    pub currency: Currency,
    /// Other ways in which statements write the number of the account (an IBAN, a customer number).
    #[serde(default)]
    pub statement_accounts: Vec<String>,
    /// How tables of this bank are read: the name of a mapping that is ready, or one's own.
    #[serde(default)]
    pub statement_mapping: Option<MappingChoice>,
    /// The digits before the payment's own in a virtual account number, when the bank has opened a range of them
    /// for this account. The bank must take any 14 digits behind it.
    #[serde(default)]
    pub virtual_account_prefix: Option<String>,
}

const fn yuan() -> Currency {
    Currency::CNY
}

/// An account number as it is compared: letters and digits, capitals, no zeros in front.
fn plain(number: &str) -> String {
    let kept: String = number.chars().filter(char::is_ascii_alphanumeric).collect();
    kept.trim_start_matches('0').to_ascii_uppercase()
}

impl BankSettings {
    /// Reads and checks settings.
    ///
    /// # Errors
    /// A sentence naming the member and what is expected.
    pub fn read(value: &Value) -> Result<Self, String> {
        let settings: Self = crate::settings::located(value)?;
        settings.check()?;
        Ok(settings)
    }

    fn check(&self) -> Result<(), String> {
        let no = |member: &str, expected: &str| Err(format!("settings: `{member}` must be {expected}"));
        let number = |n: &str| {
            (1..=MAX_ACCOUNT).contains(&n.len()) && n.chars().all(|c| c.is_ascii_alphanumeric() || " -/".contains(c))
        };
        if !number(&self.account_number) || plain(&self.account_number).is_empty() {
            return no("account_number", "1 to 32 digits or letters");
        }
        for (member, name) in [("account_name", &self.account_name), ("bank_name", &self.bank_name)] {
            bursar_core::text::check(member, name, MAX_NAME).map_err(|e| format!("settings: {e}"))?;
        }
        if let Some(branch) = &self.branch {
            bursar_core::text::check("branch", branch, MAX_NAME).map_err(|e| format!("settings: {e}"))?;
        }
        if self.statement_accounts.len() > MAX_ALIASES || !self.statement_accounts.iter().all(|n| number(n)) {
            return no("statement_accounts", "at most ten account numbers");
        }
        if let Some(prefix) = &self.virtual_account_prefix {
            let digits = prefix.bytes().all(|b| b.is_ascii_digit());
            if !digits || prefix.is_empty() || prefix.len() + VIRTUAL_DIGITS > MAX_ACCOUNT {
                return no("virtual_account_prefix", "1 to 18 digits");
            }
        }
        self.mapping().map(drop).map_err(|e| format!("settings: `statement_mapping`: {e}"))
    }

    fn mapping(&self) -> Result<Option<Mapping>, String> {
        self.statement_mapping.as_ref().map(MappingChoice::mapping).transpose()
    }

    /// How to read a file that is said to be of `format`: `auto`, `camt`, `mt` or `csv`. A table is read by the
    /// account's mapping.
    ///
    /// # Errors
    /// What is wrong with `format`.
    pub fn format(&self, format: &str) -> Result<Format, String> {
        match format {
            "auto" => Ok(self.mapping()?.map_or(Format::Auto, |m| Format::AutoOr(Box::new(m)))),
            "camt" => Ok(Format::Camt),
            "mt" => Ok(Format::Mt),
            "csv" => self.mapping()?.map(|m| Format::Csv(Box::new(m))).ok_or_else(|| {
                "the account has no `statement_mapping`; give it one, or let the format be `auto`".to_owned()
            }),
            ready if MappingChoice::NAMES.contains(&ready) => {
                MappingChoice::Ready(ready.to_owned()).mapping().map(|m| Format::Csv(Box::new(m)))
            }
            other => {
                let shown: String = other.chars().take(32).collect();
                let names = MappingChoice::NAMES.join(", ");
                Err(format!("`{shown}` is not a format; there are auto, camt, mt, csv, and the tables of {names}"))
            }
        }
    }

    /// Whether `account`, as a statement writes it, is this account. A bank number may stand before it, behind a
    /// slash.
    pub fn is_account(&self, account: &str) -> bool {
        let ours = || self.statement_accounts.iter().chain([&self.account_number]).map(|n| plain(n));
        let behind_slash = account.rsplit('/').next().unwrap_or(account);
        [account, behind_slash].into_iter().map(plain).any(|theirs| ours().any(|own| own == theirs))
    }

    /// The virtual account of a payment, when the account has such.
    pub fn virtual_account(&self, payment: PaymentId) -> Option<String> {
        self.virtual_account_prefix.as_ref().map(|prefix| format!("{prefix}{}", virtual_number(payment.uuid())))
    }

    /// The reference of the payment that a virtual account belongs to.
    pub fn reference_of(&self, virtual_account: &str) -> Option<String> {
        let kept: String = virtual_account.chars().filter(char::is_ascii_alphanumeric).collect();
        kept.strip_prefix(self.virtual_account_prefix.as_deref()?).and_then(reference_of_virtual)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use uuid::Uuid;

    fn read(change: impl FnOnce(&mut Value)) -> Result<BankSettings, String> {
        let mut value = json!({
            "account_number": "6222 0202 0011", "account_name": "某家政服务有限公司", "bank_name": "中国工商银行",
        });
        change(&mut value);
        BankSettings::read(&value)
    }

    #[test]
    fn the_three_members_are_enough_and_every_other_is_checked() {
        let plain = read(|_| {}).unwrap();
        let mapped = read(|v| v["statement_mapping"] = json!("cmb")).unwrap();
        assert_eq!(plain.format("auto"), Ok(Format::Auto));
        assert!(matches!(mapped.format("auto"), Ok(Format::AutoOr(m)) if m.name == "cmb"));
        assert!(matches!(mapped.format("csv"), Ok(Format::Csv(m)) if m.name == "cmb"));
        assert_eq!((plain.currency, plain.virtual_account(PaymentId(Uuid::nil()))), (Currency::CNY, None));
        assert!(plain.format("csv").is_err() && plain.format("auto").is_ok() && plain.format("icbc").is_ok());
        for (member, bad) in [
            ("account_number", json!("６２２２")),
            ("account_number", json!("0")),
            ("account_name", json!(" ")),
            ("bank_name", json!("a\nb")),
            ("branch", json!("x".repeat(141))),
            ("currency", json!("YUAN")),
            ("statement_accounts", json!(["?"])),
            ("statement_mapping", json!("boc")),
            ("statement_mapping", json!({ "name": "x", "columns": {} })),
            ("virtual_account_prefix", json!("12a")),
            ("virtual_account_prefix", json!("1234567890123456789")),
            ("secret", json!(1)),
        ] {
            let error = read(|v| v[member] = bad.clone()).unwrap_err();
            assert!(error.contains(member), "{member}: {error}");
        }
    }

    #[test]
    fn a_statement_may_write_the_account_in_several_ways() {
        let settings = read(|v| v["statement_accounts"] = json!(["CN12 3456"])).unwrap();
        for ours in ["622202020011", "00622202020011", "6222-0202-0011", "37040044/622202020011", "cn123456"] {
            assert!(settings.is_account(ours), "{ours}");
        }
        for other in ["", "22202020011", "6222020200110", "622202020011/1", "CN123457"] {
            assert!(!settings.is_account(other), "{other}");
        }
    }

    #[test]
    fn a_virtual_account_leads_back_to_its_reference() {
        let settings = read(|v| v["virtual_account_prefix"] = json!("8800")).unwrap();
        let payment = PaymentId(Uuid::from_u128(0x0195_0000_0000_7000_8000_0000_0000_0042));
        let account = settings.virtual_account(payment).unwrap();
        assert_eq!(account.len(), 18);
        assert_eq!(settings.reference_of(&account), Some(bursar_core::bank::reference(payment.uuid())));
        assert_eq!(settings.reference_of("622202020011"), None);
        assert_eq!(settings.reference_of(account.trim_start_matches('8')), None);
    }
}
