//! Charges by an agreement: it knows the call that makes one and the one that tells the payer before, and must never
//! know when either is due.

use bursar_core::money::Currency;
use bursar_core::observation::PayCode;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::agreement::Amount;
use super::call::Answered;
use super::declines;
use super::errors::ApiError;
use super::transport::Call;
use super::{Wechat, bad_number, check_notify_url, number};
use crate::channel::{Announcement, CreateRequest};
use crate::debit::{not_set_up, signature};
use crate::outcome::{Outcome, Refusal, RefusalClass, Standing, Why, WhyKind};

const APPLY: &str = "/v3/papay/pay/transactions/apply";

/// The body. The order of the members is fixed, so that every attempt sends the same bytes.
#[derive(Serialize)]
struct Body<'a> {
    appid: &'a str,
    out_trade_no: &'a str,
    description: &'a str,
    transaction_notify_url: &'a str,
    contract_id: &'a str,
    amount: Amount,
}

#[derive(Deserialize)]
struct Taken {
    out_trade_no: String,
}

impl Wechat {
    fn debit_body(&self, request: &CreateRequest<'_>, number: &str) -> Result<Bytes, Refusal> {
        if self.agreements.is_none() {
            return Err(not_set_up());
        }
        let signature = signature(request, self.now())?;
        let payment = request.payment;
        if payment.amount.currency != Currency::CNY {
            return Err(Refusal::ours("CURRENCY", "this account takes CNY only"));
        }
        check_notify_url(request.notify_url)?;
        if !number::is_valid(number) {
            return Err(bad_number());
        }
        let body = Body {
            appid: &self.payee.appid,
            out_trade_no: number,
            description: &request.order.description,
            transaction_notify_url: request.notify_url,
            contract_id: &signature.channel_id,
            amount: Amount { total: payment.amount.minor, currency: Currency::CNY.code() },
        };
        serde_json::to_vec(&body).map(Bytes::from).map_err(|_| Refusal::ours("BODY", "the call cannot be written"))
    }

    /// Has the channel charge the payer. That it takes the charge on is all that its answer says.
    pub(super) async fn debit(&self, request: &CreateRequest<'_>) -> Outcome<PayCode> {
        let number = request.payment.number();
        let body = match self.debit_body(request, &number) {
            Ok(body) => body,
            Err(refusal) => return Outcome::Refused(refusal),
        };
        match self.call(Call::post(APPLY, body)).await {
            Err(why) => Outcome::Unknown(why),
            Ok(Answered::Error(error)) => self.not_charged(request, error).await,
            Ok(Answered::Success(answer)) => match serde_json::from_slice::<Taken>(&answer.body) {
                Ok(taken) if taken.out_trade_no == number => Outcome::Done(PayCode::Debit),
                _ => Outcome::Unknown(Why::new(WhyKind::Unreadable, "the answer is about another number")),
            },
        }
    }

    /// The channel did not take the charge on. It may be the answer to a repetition of a call that it did take: a
    /// decline is believed only when the channel does not know the number, or has ended it.
    async fn not_charged(&self, request: &CreateRequest<'_>, error: ApiError) -> Outcome<PayCode> {
        let Some(class) = declines::of_code(&error.code) else { return error.outcome() };
        let class = match self.query_order(request.payment).await {
            Outcome::Done(Standing::Absent | Standing::Declined(_) | Standing::Closed) => RefusalClass::Declined(class),
            Outcome::Done(Standing::Paid(_)) => RefusalClass::AlreadyPaid,
            Outcome::Done(_) => RefusalClass::NumberInUse,
            Outcome::Refused(_) => return Outcome::Unknown(error.why(WhyKind::SystemError)),
            // The charge was sent, whatever became of the question.
            Outcome::Unknown(why) => return Outcome::Unknown(Why { not_sent: false, ..why }),
        };
        Outcome::Refused(error.refusal(class))
    }

    /// Tells the payer. With the one product this opens the days on which he may be charged, from the day after
    /// tomorrow on; with the other it schedules one charge.
    pub(super) async fn tell_payer(&self, announcement: &Announcement<'_>) -> Outcome<()> {
        let (target, body) = match self.notice(announcement) {
            Ok(notice) => notice,
            Err(refusal) => return Outcome::Refused(refusal),
        };
        match self.call(Call::post(&target, Bytes::from(body))).await {
            Err(why) => Outcome::Unknown(why),
            Ok(Answered::Success(_)) => Outcome::Done(()),
            Ok(Answered::Error(error)) => match declines::of_code(&error.code) {
                Some(class) => Outcome::Refused(error.refusal(RefusalClass::Declined(class))),
                None => error.outcome(),
            },
        }
    }

    fn notice(&self, announcement: &Announcement<'_>) -> Result<(String, String), Refusal> {
        let Some(set_up) = &self.agreements else { return Err(not_set_up()) };
        let agreement = announcement.agreement;
        let signed = agreement.evidence.signed.as_ref().filter(|_| agreement.can_be_charged(self.now()));
        let contract = signed.map(|s| s.channel_id.as_str()).filter(|id| number::is_contract(id));
        let contract = contract.ok_or_else(|| Refusal::ours("AGREEMENT", "the agreement is not in force"))?;
        let amount = announcement.amount;
        if amount.currency != Currency::CNY || !(1..=agreement.limit.minor).contains(&amount.minor) {
            let message = format!("the payer has agreed to {} at once, not to {amount}", agreement.limit);
            return Err(Refusal::ours("LIMIT", &message));
        }
        let currency = Currency::CNY.code();
        if set_up.scheduled {
            let amount = json!({ "total": amount.minor, "currency": currency });
            let body = json!({ "appid": self.payee.appid, "schedule_amount": amount });
            return Ok((format!("/v3/papay/pay/schedules/contract-id/{contract}/schedule"), body.to_string()));
        }
        if !(1..=3).contains(&announcement.days) {
            return Err(Refusal::ours("DAYS", "one notice is for one to three days"));
        }
        let body = json!({
            "mchid": self.payee.mchid,
            "appid": self.payee.appid,
            "estimated_amount": { "amount": amount.minor, "currency": currency },
            "deduct_duration": { "count": announcement.days, "unit": "DAY" },
        });
        Ok((format!("/v3/papay/contracts/{contract}/notify"), body.to_string()))
    }
}
