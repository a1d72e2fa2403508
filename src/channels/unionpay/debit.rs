//! Charges of a token: it knows the call that makes one, and what proves that it failed, and must never know when one
//! is due.

use bursar_core::money::Currency;
use bursar_core::observation::PayCode;
use bursar_core::payment::Payment;

use super::call::{CHARGE, INTERNET};
use super::codes::{Meaning, Said};
use super::create::{MAX_AMOUNT_MINOR, told_back};
use super::fields::Fields;
use super::refund::BACK;
use super::token;
use super::transaction::CNY;
use super::{Unionpay, check_notify_url, declines, txn_time};
use crate::channel::CreateRequest;
use crate::debit::signature;
use crate::outcome::{Closed, Outcome, Refusal, RefusalClass, Standing, Why, WhyKind};
use crate::transport::Quota;

impl Unionpay {
    /// The members of the charge: a function of the request, the same for every attempt.
    fn charge(&self, request: &CreateRequest<'_>) -> Result<Fields, Refusal> {
        let set_up = self.set_up()?;
        let signature = signature(request, self.now())?;
        let payment = request.payment;
        if payment.amount.currency != Currency::CNY {
            return Err(Refusal::ours("CURRENCY", "this account takes CNY only"));
        }
        if !(1..=MAX_AMOUNT_MINOR).contains(&payment.amount.minor) {
            return Err(Refusal::ours("AMOUNT", "an amount has one to twelve digits of fen"));
        }
        if !token::is_token(&signature.channel_id) {
            return Err(Refusal::ours("AGREEMENT", "the agreement names no token"));
        }
        check_notify_url(request.notify_url)?;
        let mut fields = self.request(CHARGE, &payment.number(), &txn_time(payment.created_at)?);
        fields.set("channelType", INTERNET);
        fields.set("txnAmt", payment.amount.minor.to_string());
        fields.set("currencyCode", CNY);
        fields.set("backUrl", request.notify_url);
        fields.set("reqReserved", told_back(&request.order.number));
        fields.set("tokenPayData", token::named(&set_up.tr_id, &signature.channel_id));
        Ok(fields)
    }

    /// Has the channel charge the card. That it takes the charge on is all that its answer says.
    pub(super) async fn debit(&self, request: &CreateRequest<'_>) -> Outcome<PayCode> {
        let fields = match self.charge(request) {
            Ok(fields) => fields,
            Err(refusal) => return Outcome::Refused(refusal),
        };
        let answer = match self.call(BACK, Quota::General, fields).await {
            Ok(answer) => answer,
            Err(why) => return Outcome::Unknown(why),
        };
        let said = Said::about_call(&answer);
        match (said.meaning, declines::of_answer(&said.code)) {
            (Some(Meaning::Success), _) => Outcome::Done(PayCode::Debit),
            // An earlier attempt, whose answer was lost, was taken.
            (Some(Meaning::Duplicate), _) => Outcome::Refused(said.refusal_as(RefusalClass::NumberInUse)),
            (_, Some(class)) => self.not_charged(request.payment, &said, RefusalClass::Declined(class)).await,
            _ => said.refusal().map_or_else(|| Outcome::Unknown(said.why()), Outcome::Refused),
        }
    }

    /// The codes are not confirmed: that no money was taken is believed when the channel says so of the charge itself.
    async fn not_charged(&self, payment: &Payment, said: &Said, class: RefusalClass) -> Outcome<PayCode> {
        let class = match self.query_payment(payment).await {
            Outcome::Done(Standing::Absent | Standing::Declined(_)) => class,
            Outcome::Done(Standing::Paid(_)) => RefusalClass::AlreadyPaid,
            Outcome::Done(_) => RefusalClass::NumberInUse,
            Outcome::Refused(_) => return Outcome::Unknown(Why::new(WhyKind::SystemError, said.words())),
            // The charge was sent, whatever became of the question.
            Outcome::Unknown(why) => return Outcome::Unknown(Why { not_sent: false, ..why }),
        };
        Outcome::Refused(said.refusal_as(class))
    }

    /// There is no call that ends a charge, and none is needed: the channel works on it at once, and nobody can confirm
    /// one that failed. So it need not lapse either; a question proves its end.
    pub(super) async fn close_debit(&self, payment: &Payment) -> Outcome<Closed> {
        self.query_payment(payment).await.map(|standing| match standing {
            Standing::Declined(_) | Standing::Closed => Closed::Accepted,
            Standing::Paid(_) => Closed::AlreadyPaid,
            Standing::Absent => Closed::Absent,
            Standing::Unpaid | Standing::AttemptFailed(_) | Standing::Authorized(_) => Closed::TooEarly,
        })
    }
}
