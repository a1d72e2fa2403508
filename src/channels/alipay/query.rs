//! Asking where a payment stands, and closing it: it knows the two calls, and must never decide whether to
//! make one.

use bursar_core::payment::Payment;
use serde::{Deserialize, Serialize};

use super::Alipay;
use super::call::Answered;
use super::errors::Meaning;
use super::gateway::Addresses;
use super::operation::Operation;
use super::trade::Trade;
use crate::outcome::{Closed, Outcome, Standing, Why, WhyKind};

#[derive(Serialize)]
struct Named<'a> {
    out_trade_no: &'a str,
}

/// What a close answers with.
#[derive(Deserialize)]
struct ClosedTrade {
    #[serde(default)]
    out_trade_no: Option<String>,
}

impl Alipay {
    pub(super) async fn query_trade(&self, payment: &Payment) -> Outcome<Standing> {
        let number = payment.number();
        match self.call(Operation::Query, &Named { out_trade_no: &number }, Addresses::default()).await {
            Err(why) => Outcome::Unknown(why),
            // A trade does not exist before its payer has scanned the code, or logged in at the page: nobody has
            // paid yet, and the code may still be good.
            Ok(Answered::Error(error)) if error.meaning == Some(Meaning::Absent) => Outcome::Done(Standing::Absent),
            Ok(Answered::Error(error)) => error.outcome(),
            Ok(Answered::Success(content)) => match self.read_standing(payment, &number, &content) {
                Ok(standing) => Outcome::Done(standing),
                Err(what) => Outcome::Unknown(Why::new(WhyKind::Unreadable, format!("the answer: {what}"))),
            },
        }
    }

    fn read_standing(&self, payment: &Payment, number: &str, content: &str) -> Result<Standing, String> {
        let trade: Trade = serde_json::from_str(content).map_err(|e| e.to_string())?;
        if trade.out_trade_no.as_deref() != Some(number) {
            return Err("it is about another number".into());
        }
        trade.standing(&self.payee.seller_id, payment.evidence.paid.as_ref(), self.gateway.now())
    }

    pub(super) async fn close_trade(&self, payment: &Payment) -> Outcome<Closed> {
        let number = payment.number();
        match self.call(Operation::Close, &Named { out_trade_no: &number }, Addresses::default()).await {
            Err(why) => Outcome::Unknown(why),
            Ok(Answered::Success(content)) => match serde_json::from_str::<ClosedTrade>(&content) {
                Ok(closed) if closed.out_trade_no.as_ref().is_none_or(|named| *named == number) => {
                    Outcome::Done(Closed::Accepted)
                }
                _ => Outcome::Unknown(Why::new(WhyKind::Unreadable, "the answer is about another number")),
            },
            Ok(Answered::Error(error)) => match error.meaning {
                Some(Meaning::Closed) => Outcome::Done(Closed::Accepted),
                // The page was never opened, the code never scanned: there is nothing to close, and until its
                // last moment to pay it still can be.
                Some(Meaning::Absent) => Outcome::Done(Closed::Absent),
                // Only an unpaid trade can be closed: this one is paid, or closed already. A question tells.
                Some(Meaning::Status | Meaning::Paid) => Outcome::Done(Closed::AlreadyPaid),
                _ => error.outcome(),
            },
        }
    }
}
