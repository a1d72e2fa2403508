//! Making a payment payable: it knows what a payment consists of and where the payer is sent with it, and must
//! never know what happens to it.

use std::collections::BTreeMap;

use bursar_core::channel::Method;
use bursar_core::money::Currency;
use bursar_core::observation::PayCode;
use url::Url;

use super::call::{INSTALLMENTS, INTERNET, MOBILE, PURCHASE};
use super::codes::{Meaning, Said};
use super::fields::Fields;
use super::transaction::CNY;
use super::{Unionpay, check_notify_url, txn_time};
use crate::beijing;
use crate::channel::CreateRequest;
use crate::outcome::{Outcome, Refusal, RefusalClass, Why, WhyKind};
use crate::settings::plain;
use crate::transport::Quota;

/// Where a browser posts a payment.
pub(super) const PAGE: &str = "/gateway/api/frontTransReq.do";
/// Where an app's payment is announced.
const APP: &str = "/gateway/api/appTransReq.do";
/// Highest amount: twelve digits of fen.
pub(super) const MAX_AMOUNT_MINOR: i64 = 999_999_999_999;
/// How wide the text of ours is in the channel's files.
const MAX_TOLD_BACK_BYTES: usize = 32;
/// Longest `tn`; it has 21 digits.
const MAX_TN_CHARS: usize = 64;

/// The merchant's number of the order, which bills tell back; nothing when it does not fit there.
pub(super) fn told_back(order_number: &str) -> &str {
    let fits = (1..=MAX_TOLD_BACK_BYTES).contains(&order_number.len());
    let plain = order_number.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-.:".contains(&b));
    if fits && plain { order_number } else { "" }
}

impl Unionpay {
    /// The members of the payment: a function of the request, the same for every attempt.
    fn purchase(&self, request: &CreateRequest<'_>, channel_type: &str) -> Result<Fields, Refusal> {
        let (order, payment) = (request.order, request.payment);
        if payment.amount.currency != Currency::CNY {
            return Err(Refusal::ours("CURRENCY", "this account takes CNY only"));
        }
        if !(1..=MAX_AMOUNT_MINOR).contains(&payment.amount.minor) {
            return Err(Refusal::ours("AMOUNT", "an amount has one to twelve digits of fen"));
        }
        check_notify_url(request.notify_url)?;
        let pay_timeout = beijing::digits(order.expires_at)
            .ok_or_else(|| Refusal::ours("EXPIRES_AT", "the last moment to pay is beyond the calendar"))?;
        let kind = if payment.installments.is_some() { INSTALLMENTS } else { PURCHASE };
        let mut fields = self.request(kind, &payment.number(), &txn_time(payment.created_at)?);
        fields.set("channelType", channel_type);
        fields.set("txnAmt", payment.amount.minor.to_string());
        fields.set("currencyCode", CNY);
        fields.set("payTimeout", pay_timeout);
        fields.set("backUrl", request.notify_url);
        fields.set("reqReserved", told_back(&order.number));
        if let Some(installments) = payment.installments {
            fields.set("instalTransInfo", format!("{{numberOfInstallments={:02}}}", installments.count));
        }
        Ok(fields)
    }

    pub(super) async fn create_payment(&self, request: &CreateRequest<'_>) -> Outcome<PayCode> {
        match request.payment.method {
            Method::UnionpayWeb => self.form(request).unwrap_or_else(|outcome| outcome),
            Method::UnionpayDebit => self.debit(request).await,
            Method::UnionpayApp => match self.purchase(request, MOBILE) {
                Ok(fields) => self.announce(fields).await,
                Err(refusal) => Outcome::Refused(refusal),
            },
            other => {
                let message = format!("{other} is not a method of UnionPay");
                Outcome::Refused(Refusal::ours("METHOD", &message))
            }
        }
    }

    /// Without a call: the payer's browser brings the channel the payment. Until he has confirmed it there,
    /// the channel does not know its number.
    fn form(&self, request: &CreateRequest<'_>) -> Result<Outcome<PayCode>, Outcome<PayCode>> {
        let front_url = self.own.front_url.as_deref().ok_or_else(|| {
            let message = "unionpay_web needs `front_url` in the settings of the account: where payers come back to";
            let refusal = Refusal::ours("FRONT_URL", message);
            Outcome::Refused(Refusal { class: RefusalClass::Configuration, ..refusal })
        })?;
        let mut fields = self.purchase(request, INTERNET).map_err(Outcome::Refused)?;
        fields.set("frontUrl", front_url);
        let action = self.page.join(PAGE).map(Url::into).map_err(|_| {
            Outcome::Unknown(crate::transport::unwritten("the address of the channel's page cannot be written"))
        })?;
        let fields = self.signed(fields).map_err(Outcome::Unknown)?.into_map();
        Ok(Outcome::Done(PayCode::Form { action, fields }))
    }

    /// An app's payment: the channel answers with the number under which its SDK finds it.
    async fn announce(&self, fields: Fields) -> Outcome<PayCode> {
        let answer = match self.call(APP, Quota::General, fields).await {
            Ok(answer) => answer,
            Err(why) => return Outcome::Unknown(why),
        };
        let said = Said::about_call(&answer);
        match said.meaning {
            Some(Meaning::Success) => match answer.get("tn").filter(|tn| plain(tn, MAX_TN_CHARS, "")) {
                Some(tn) => Outcome::Done(PayCode::Sdk { fields: BTreeMap::from([("tn".to_owned(), tn.to_owned())]) }),
                None => Outcome::Unknown(Why::new(WhyKind::Unreadable, "the answer holds no tn")),
            },
            // An earlier attempt, whose answer was lost, was taken; its `tn` cannot be had again.
            Some(Meaning::Duplicate) => Outcome::Refused(said.refusal_as(RefusalClass::NumberInUse)),
            _ => said.refusal().map_or_else(|| Outcome::Unknown(said.why()), Outcome::Refused),
        }
    }
}
