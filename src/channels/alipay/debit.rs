//! Charges by an agreement: it knows the call that makes one, and must never know when it is due.

use bursar_core::observation::PayCode;
use serde::{Deserialize, Serialize};

use super::call::Answered;
use super::create::{expiry, subject};
use super::errors::ApiError;
use super::gateway::Addresses;
use super::operation::Operation;
use super::{Alipay, declines, yuan};
use crate::channel::CreateRequest;
use crate::debit::signature;
use crate::outcome::{Closed, Outcome, Refusal, RefusalClass, Why, WhyKind};

/// The channel's number for "taken on, and not done yet".
pub(super) const UNDER_WAY: &str = "10003";

/// The content. The order of the members is fixed, so that every attempt says the same.
#[derive(Serialize)]
struct Content<'a> {
    out_trade_no: &'a str,
    total_amount: String,
    subject: String,
    product_code: &'static str,
    agreement_params: AgreementParams<'a>,
    time_expire: String,
}

#[derive(Serialize)]
struct AgreementParams<'a> {
    agreement_no: &'a str,
}

#[derive(Deserialize)]
struct Taken {
    #[serde(default)]
    out_trade_no: Option<String>,
}

impl Alipay {
    fn debit_content(&self, request: &CreateRequest<'_>, number: &str) -> Result<String, Refusal> {
        let set_up = self.set_up()?;
        let signature = signature(request, self.gateway.now())?;
        Self::check_order(request)?;
        let content = Content {
            out_trade_no: number,
            total_amount: yuan::written(request.payment.amount.minor),
            subject: subject(&request.order.description, &request.order.number),
            product_code: set_up.product_code.code(),
            agreement_params: AgreementParams { agreement_no: &signature.channel_id },
            time_expire: expiry(request)?,
        };
        serde_json::to_string(&content).map_err(|_| Refusal::ours("BODY", "the call cannot be written"))
    }

    /// Has the channel charge the payer. Its answer says that it did, or that it is about to; a question tells which.
    pub(super) async fn debit(&self, request: &CreateRequest<'_>) -> Outcome<PayCode> {
        let number = request.payment.number();
        let content = match self.debit_content(request, &number) {
            Ok(content) => content,
            Err(refusal) => return Outcome::Refused(refusal),
        };
        let to = Addresses { notify: Some(request.notify_url), back: None };
        match self.call_with(Operation::Pay, &content, to).await {
            Err(why) => Outcome::Unknown(why),
            Ok(Answered::Success(content)) => match serde_json::from_str::<Taken>(&content) {
                Ok(taken) if taken.out_trade_no.as_ref() == Some(&number) => Outcome::Done(PayCode::Debit),
                _ => Outcome::Unknown(Why::new(WhyKind::Unreadable, "the answer is about another number")),
            },
            Ok(Answered::Error(error)) if error.code == UNDER_WAY => Outcome::Done(PayCode::Debit),
            Ok(Answered::Error(error)) => match declines::of_code(&error.code) {
                Some(class) => self.not_charged(request, error, RefusalClass::Declined(class)).await,
                None => error.outcome(),
            },
        }
    }

    /// The channel did not charge the payer, but it may have made a trade all the same, or made one of an earlier call:
    /// only when that is closed, or there is none, no money can come any more.
    async fn not_charged(&self, request: &CreateRequest<'_>, error: ApiError, class: RefusalClass) -> Outcome<PayCode> {
        let class = match self.close_trade(request.payment).await {
            Outcome::Done(Closed::Accepted | Closed::Absent) => class,
            Outcome::Done(Closed::AlreadyPaid) => RefusalClass::AlreadyPaid,
            Outcome::Done(_) | Outcome::Refused(_) => RefusalClass::NumberInUse,
            // The charge was sent, whatever became of the closing.
            Outcome::Unknown(why) => return Outcome::Unknown(Why { not_sent: false, ..why }),
        };
        Outcome::Refused(error.refusal(class))
    }
}
