//! The ends of a service order (支付分订单): it knows the calls that say what the service came to, or that it will come
//! to nothing, and must never decide whether to make one.
//!
//! What an answer to them says is little, and codes for "in another state" are not documented in full: the order is
//! asked about afterwards, and what it says then counts.

use bursar_core::money::Currency;
use bursar_core::payment::Payment;
use bytes::Bytes;
use serde_json::json;

use super::agreement::line;
use super::call::Answered;
use super::errors::{ApiError, Meaning};
use super::score::{ITEM, ORDERS};
use super::service_order::Stood;
use super::transport::Call;
use super::{Wechat, bad_number, number};
use crate::outcome::{Closed, Outcome, Refusal, RefusalClass, Standing, Why, WhyKind};

/// Longest reason for a cancellation, in characters, of whatever script.
const MAX_REASON_CHARS: usize = 30;

/// Whether a no leaves open what it is about: then the order is asked about. The others say the same of any call.
const fn is_about_state(error: &ApiError) -> bool {
    !matches!(
        error.meaning,
        Some(Meaning::System | Meaning::TooMany | Meaning::Later | Meaning::NoFunds | Meaning::Account)
    )
}

impl Wechat {
    /// Makes one of the calls that end a service order, with the members that both have.
    async fn end_score(
        &self,
        payment: &Payment,
        verb: &str,
        mut body: serde_json::Map<String, serde_json::Value>,
    ) -> Outcome<Answered> {
        let number = payment.number();
        let found = self.score().and_then(|account| Ok((account, number::segment(&number).ok_or_else(bad_number)?)));
        let (account, segment) = match found {
            Ok(found) => found,
            Err(refusal) => return Outcome::Refused(refusal),
        };
        body.insert("appid".to_owned(), json!(self.payee.appid));
        body.insert("service_id".to_owned(), json!(account.settings.service_id));
        let body = Bytes::from(serde_json::Value::Object(body).to_string());
        match self.call(Call::post(&format!("{ORDERS}/{segment}/{verb}"), body)).await {
            Ok(answered) => Outcome::Done(answered),
            Err(why) => Outcome::Unknown(why),
        }
    }

    /// Says what the service came to: the channel collects it from the payer, which may take him a while.
    pub(super) async fn complete_score(&self, payment: &Payment) -> Outcome<Standing> {
        let minor = payment.amount.minor;
        if payment.amount.currency != Currency::CNY || minor <= 0 {
            return Outcome::Refused(Refusal::ours("AMOUNT", "a service comes to one fen or more"));
        }
        let mut body = serde_json::Map::new();
        body.insert("post_payments".to_owned(), json!([{ "name": ITEM, "amount": minor }]));
        body.insert("total_amount".to_owned(), json!(minor));
        let error = match self.end_score(payment, "complete", body).await {
            Outcome::Done(Answered::Success(_)) => None,
            Outcome::Done(Answered::Error(error)) if is_about_state(&error) => Some(error),
            Outcome::Done(Answered::Error(error)) => return error.outcome(),
            Outcome::Refused(refusal) => return Outcome::Refused(refusal),
            Outcome::Unknown(why) => return Outcome::Unknown(why),
        };
        match (self.service_order(payment).await, error) {
            // Nothing was taken: an order that was completed before is under way, this one is not.
            (Outcome::Done(Some(Stood { standing: Standing::Authorized(_), completed: false })), Some(error)) => {
                Outcome::Refused(error.refusal(RefusalClass::Definite))
            }
            (Outcome::Done(found), _) => Outcome::Done(found.map_or(Standing::Absent, |stood| stood.standing)),
            (other, _) => doubted(other),
        }
    }

    /// Cancels the service order: the payer owes nothing. While the channel collects it may refuse.
    pub(super) async fn cancel_score(&self, payment: &Payment) -> Outcome<Closed> {
        let reason = payment.evidence.close_requested.as_ref().map_or("", |(_, reason)| reason);
        let reason = line(reason, MAX_REASON_CHARS);
        let mut body = serde_json::Map::new();
        body.insert("reason".to_owned(), json!(if reason.is_empty() { "closed" } else { &reason }));
        match self.end_score(payment, "cancel", body).await {
            Outcome::Done(Answered::Success(_)) => return Outcome::Done(Closed::Accepted),
            Outcome::Done(Answered::Error(error)) if error.meaning == Some(Meaning::Absent) => {
                return Outcome::Done(Closed::Absent);
            }
            Outcome::Done(Answered::Error(error)) if is_about_state(&error) => {}
            Outcome::Done(Answered::Error(error)) => return error.outcome(),
            Outcome::Refused(refusal) => return Outcome::Refused(refusal),
            Outcome::Unknown(why) => return Outcome::Unknown(why),
        }
        match self.query_score(payment).await {
            Outcome::Done(Standing::Closed) => Outcome::Done(Closed::Accepted),
            Outcome::Done(Standing::Paid(_)) => Outcome::Done(Closed::AlreadyPaid),
            Outcome::Done(Standing::Absent) => Outcome::Done(Closed::Absent),
            Outcome::Done(_) => Outcome::Done(Closed::TooEarly),
            other => doubted(other),
        }
    }
}

/// The question after a call came to nothing: the call was sent, whatever became of the question.
fn doubted<T, U>(asked: Outcome<T>) -> Outcome<U> {
    Outcome::Unknown(match asked {
        Outcome::Unknown(why) => Why { not_sent: false, ..why },
        Outcome::Refused(refusal) => Why::new(WhyKind::Unreadable, format!("asked for confirmation: {refusal}")),
        Outcome::Done(_) => Why::new(WhyKind::Unreadable, "asked for confirmation"),
    })
}
