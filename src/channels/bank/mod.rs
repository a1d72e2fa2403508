//! Bank transfers: it knows what a payer needs in order to transfer and how banks write their statements, and must
//! never know how a line finds its payment (`bursar_core::bank` knows).
//!
//! There is nobody to call: the answers of this adapter come from its settings alone. What arrives is told by
//! [`statement`]s.

mod settings;
mod sheets;
pub mod statement;

use std::collections::BTreeMap;

use async_trait::async_trait;
use bursar_core::Timestamp;
use bursar_core::bank::reference;
use bursar_core::observation::PayCode;
use bursar_core::payment::Payment;
use bursar_core::refund::Leg;

pub use self::settings::BankSettings;
pub use self::sheets::{Upload, read_upload};
use crate::channel::{Channel, CreateRequest, RefundRequest};
use crate::headers::HeaderLookup;
use crate::notice::{Notice, NotificationRefusal, Reply};
use crate::outcome::{Closed, Outcome, RefundStanding, Refusal, Standing};

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

fn no_messages() -> NotificationRefusal {
    NotificationRefusal::Unreadable("a bank account sends no messages; import its statements".to_owned())
}

fn silent(status: u16) -> Reply {
    Reply { status, content_type: "", body: String::new() }
}

#[async_trait]
impl Channel for Bank {
    async fn create(&self, request: &CreateRequest<'_>) -> Outcome<PayCode> {
        let (owed, kept) = (request.payment.amount.currency, self.settings.currency);
        if owed != kept {
            return Outcome::Refused(Refusal::ours(
                "CURRENCY",
                &format!("the bank account is kept in {kept}, not in {owed}"),
            ));
        }
        Outcome::Done(PayCode::Transfer { fields: self.fields(request.payment) })
    }

    /// A bank account cannot be asked for one payment: what has arrived is told by statements.
    async fn query(&self, _payment: &Payment) -> Outcome<Standing> {
        Outcome::Done(Standing::Unpaid)
    }

    /// Nothing keeps a payer from transferring later: such money is late money.
    async fn close(&self, _payment: &Payment) -> Outcome<Closed> {
        Outcome::Done(Closed::Accepted)
    }

    async fn refund(&self, _request: &RefundRequest<'_>) -> Outcome<RefundStanding> {
        let what = "a transfer cannot be taken back by a call; a person transfers the money, and a statement shows it";
        Outcome::Refused(Refusal::ours("REFUND", what))
    }

    async fn query_refund(&self, _payment: &Payment, _leg: &Leg) -> Outcome<RefundStanding> {
        Outcome::Done(RefundStanding::Absent)
    }

    fn read_notification(
        &self,
        _headers: &dyn HeaderLookup,
        _body: &[u8],
        _now: Timestamp,
    ) -> Result<Notice, NotificationRefusal> {
        Err(no_messages())
    }

    fn reread_notification(&self, _headers: &dyn HeaderLookup, _body: &[u8]) -> Result<Notice, NotificationRefusal> {
        Err(no_messages())
    }

    fn proof_headers(&self) -> &'static [&'static str] {
        &[]
    }

    fn acknowledge(&self) -> Reply {
        silent(204)
    }

    fn refuse(&self, _why: &NotificationRefusal) -> Reply {
        silent(404)
    }

    fn unavailable(&self) -> Reply {
        silent(503)
    }
}

#[cfg(test)]
mod tests;
