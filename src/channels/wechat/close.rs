//! Closing: it knows the close call, and must never decide whether to make it.

use bursar_core::payment::Payment;
use bytes::Bytes;
use serde_json::json;

use super::call::Answered;
use super::errors::Meaning;
use super::transport::Call;
use super::{Wechat, bad_number, number};
use crate::outcome::{Closed, Outcome, Standing};

impl Wechat {
    pub(super) async fn close_order(&self, payment: &Payment) -> Outcome<Closed> {
        if payment.method.debits() {
            return self.close_debit(payment).await;
        }
        let Some(segment) = number::segment(&payment.number()) else {
            return Outcome::Refused(bad_number());
        };
        let target = format!("/v3/pay/transactions/out-trade-no/{segment}/close");
        let body = json!({ "mchid": self.payee.mchid }).to_string();
        match self.call(Call::post(&target, Bytes::from(body))).await {
            Err(why) => Outcome::Unknown(why),
            Ok(Answered::Success(_)) => Outcome::Done(Closed::Accepted),
            Ok(Answered::Error(error)) => match error.meaning {
                Some(Meaning::Closed) => Outcome::Done(Closed::Accepted),
                Some(Meaning::Paid) => Outcome::Done(Closed::AlreadyPaid),
                Some(Meaning::Absent) => Outcome::Done(Closed::Absent),
                // The channel has no code of its own for "younger than five minutes".
                Some(Meaning::Invalid) => Outcome::Done(Closed::TooEarly),
                _ => error.outcome(),
            },
        }
    }
    /// A charge that was taken on runs to its end, and one that failed is never tried again under its number: there
    /// is nothing to call, and a question proves which it is.
    async fn close_debit(&self, payment: &Payment) -> Outcome<Closed> {
        self.query_order(payment).await.map(|standing| match standing {
            Standing::Declined(_) | Standing::Closed => Closed::Accepted,
            Standing::Paid(_) => Closed::AlreadyPaid,
            Standing::Absent => Closed::Absent,
            Standing::Unpaid | Standing::AttemptFailed(_) | Standing::Authorized(_) => Closed::TooEarly,
        })
    }
}
