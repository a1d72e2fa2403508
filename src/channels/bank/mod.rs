//! Bank transfers: it knows what a payer needs in order to transfer and how banks write their statements, and must
//! never know how a line finds its payment (`bursar_core::bank` knows).
//!
//! There is nobody to call: the answers of this adapter come from its settings alone. What arrives is told by
//! [`statement`]s.

mod settings;
mod sheets;
pub mod statement;

use std::collections::BTreeMap;

use bursar_core::bank::reference;
use bursar_core::observation::PayCode;
use bursar_core::payment::Payment;

pub use self::settings::BankSettings;
pub(crate) use self::sheets::covered;
pub use self::sheets::{Upload, read_upload};
use crate::by_hand::ByHand;
use crate::channel::CreateRequest;
use crate::outcome::Refusal;

/// The adapter of one account.
#[derive(Debug)]
pub(crate) struct Bank {
    settings: BankSettings,
}

impl Bank {
    pub(crate) const fn new(settings: BankSettings) -> Self {
        Self { settings }
    }

    /// What the payer types into his bank's form. The same at every attempt.
    fn fields(&self, payment: &Payment) -> BTreeMap<String, String> {
        let settings = &self.settings;
        let account = settings.virtual_account(payment.id).unwrap_or_else(|| settings.account_number.clone());
        let amount = payment.amount.to_string();
        let number = amount.split(' ').next().unwrap_or_default();
        let mut fields = vec![
            ("account_number", account),
            ("account_name", settings.account_name.clone()),
            ("bank_name", settings.bank_name.clone()),
            ("amount", number.to_owned()),
            ("currency", payment.amount.currency.code().to_owned()),
            ("reference", reference(payment.id.uuid())),
        ];
        fields.extend(settings.branch.clone().map(|branch| ("branch", branch)));
        fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }
}

impl ByHand for Bank {
    fn code(&self, request: &CreateRequest<'_>) -> Result<PayCode, Refusal> {
        let (owed, kept) = (request.payment.amount.currency, self.settings.currency);
        if owed != kept {
            return Err(Refusal::ours("CURRENCY", &format!("the bank account is kept in {kept}, not in {owed}")));
        }
        Ok(PayCode::Transfer { fields: self.fields(request.payment) })
    }

    fn no_refund(&self) -> &'static str {
        "a transfer cannot be taken back by a call; a person transfers the money, and a statement shows it"
    }
}

#[cfg(test)]
mod tests;
