//! The ends of a service order (支付分订单): it knows the calls that say what the service came to, that it will come to
//! nothing, or that its payer has paid by another way, and must never decide whether to make one.
//!
//! What an answer to them says is little, and codes for "in another state" are not documented in full: the order is
//! asked about afterwards, and what it says then counts.

use bursar_core::Timestamp;
use bursar_core::clock::SECOND_MS;
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
use crate::beijing;
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

/// When the service was over, the same in every attempt: its end must be told with what it came to, as digits on Beijing's
/// clocks. It is when the merchant said what it came to; the channel takes no end that is not after the second in which
/// the payer agreed.
fn ended_at(payment: &Payment, now: Timestamp) -> Option<String> {
    let evidence = &payment.evidence;
    let said_at = evidence.capture_requested.as_ref().map_or(now, |(at, _)| *at);
    let agreed_at = evidence.authorized.as_ref().map(|hold| hold.receipt.paid_at);
    let same = agreed_at.is_some_and(|agreed_at| agreed_at.as_seconds() >= said_at.as_seconds());
    beijing::digits(if same { agreed_at?.plus_ms(SECOND_MS) } else { said_at })
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
        let Some(end_time) = ended_at(payment, self.now()) else {
            return Outcome::Refused(Refusal::ours("CLOCK", "no calendar has the day on which the service was over"));
        };
        let mut body = serde_json::Map::new();
        body.insert("time_range".to_owned(), json!({ "end_time": end_time }));
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

    /// Says that the payer has paid by another way what the channel collects; before it collects, that he owes nothing.
    pub(super) async fn pay_score_elsewhere(&self, payment: &Payment, paid_at: Timestamp) -> Outcome<Closed> {
        match self.service_order(payment).await {
            Outcome::Done(Some(Stood { standing: Standing::Authorized(_), completed: true })) => {}
            Outcome::Done(_) => return self.cancel_score(payment).await,
            Outcome::Refused(refusal) => return Outcome::Refused(refusal),
            Outcome::Unknown(why) => return Outcome::Unknown(why),
        }
        let Some(paid_time) = beijing::digits(paid_at) else {
            return Outcome::Refused(Refusal::ours("CLOCK", "no calendar has the day on which it was paid"));
        };
        let mut body = serde_json::Map::new();
        body.insert("type".to_owned(), json!("Order_Paid"));
        body.insert("detail".to_owned(), json!({ "paid_time": paid_time }));
        let answered = self.end_score(payment, "sync", body).await;
        self.ended_or_asked(payment, answered).await
    }

    /// Cancels the service order: the payer owes nothing. While the channel collects it may refuse.
    pub(super) async fn cancel_score(&self, payment: &Payment) -> Outcome<Closed> {
        let reason = payment.evidence.close_requested.as_ref().map_or("", |(_, reason)| reason);
        let reason = line(reason, MAX_REASON_CHARS);
        let mut body = serde_json::Map::new();
        body.insert("reason".to_owned(), json!(if reason.is_empty() { "closed" } else { &reason }));
        let answered = self.end_score(payment, "cancel", body).await;
        self.ended_or_asked(payment, answered).await
    }

    /// What came of a call that lets the payer go. A no may come of an earlier such call: where the order stands is asked.
    async fn ended_or_asked(&self, payment: &Payment, answered: Outcome<Answered>) -> Outcome<Closed> {
        match answered {
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
