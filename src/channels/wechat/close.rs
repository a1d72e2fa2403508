//! Closing: it knows the close call, and must never decide whether to make it.

use bytes::Bytes;
use serde_json::json;

use super::call::Answered;
use super::errors::Meaning;
use super::transport::Call;
use super::{Wechat, bad_number, number};
use crate::outcome::{Closed, Outcome};

impl Wechat {
    pub(super) async fn close_order(&self, number: &str) -> Outcome<Closed> {
        let Some(segment) = number::segment(number) else {
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
}
