//! Asking where a payment or a refund stands: it knows the question, and must never judge its answer.

use bursar_core::Timestamp;
use bursar_core::payment::Payment;
use bursar_core::refund::Leg;

use super::Unionpay;
use super::call::QUERY;
use super::codes::{Meaning, Said};
use super::fields::Fields;
use super::transaction::Transaction;
use crate::outcome::{Outcome, RefundStanding, Standing, Why, WhyKind};
use crate::transport::Quota;

/// Where questions go.
const PATH: &str = "/gateway/api/queryTrans.do";

/// What the channel answered to a question.
enum Asked {
    /// It does not know the transaction. Soon after the payer was sent to the channel's page, this means that
    /// he has not confirmed anything there yet.
    Absent,
    /// It knows it.
    Known(Fields),
}

impl Unionpay {
    pub(super) async fn query_payment(&self, payment: &Payment) -> Outcome<Standing> {
        match self.ask(&payment.number(), payment.created_at).await {
            Ok(Asked::Absent) => Outcome::Done(Standing::Absent),
            Ok(Asked::Known(fields)) => self.read(&fields, |transaction| transaction.standing(payment.method.debits())),
            Err(outcome) => outcome,
        }
    }

    pub(super) async fn ask_refund(&self, leg: &Leg) -> Outcome<RefundStanding> {
        match self.ask(&leg.number(), leg.created_at).await {
            Ok(Asked::Absent) => Outcome::Done(RefundStanding::Absent),
            Ok(Asked::Known(fields)) => self.read(&fields, |transaction| transaction.refund_standing()),
            Err(outcome) => outcome,
        }
    }

    fn read<T>(&self, fields: &Fields, read: impl Fn(&Transaction<'_>) -> Result<T, Why>) -> Outcome<T> {
        let said = Said::about_original(fields);
        match read(&Transaction::new(fields, &said, &self.own.mer_id, self.now())) {
            Ok(standing) => Outcome::Done(standing),
            Err(why) => Outcome::Unknown(why),
        }
    }

    /// Asks for the transaction that we called `number` and sent, by its own words, at `at`.
    async fn ask<T>(&self, number: &str, at: Timestamp) -> Result<Asked, Outcome<T>> {
        let txn_time = super::txn_time(at).map_err(Outcome::Refused)?;
        let question = self.request(QUERY, number, &txn_time);
        let fields = self.call(PATH, Quota::General, question).await.map_err(Outcome::Unknown)?;
        let said = Said::about_call(&fields);
        match said.meaning {
            Some(Meaning::Success) if fields.get("origRespCode").is_none() => {
                Err(Outcome::Unknown(Why::new(WhyKind::Unreadable, "the answer has no origRespCode")))
            }
            Some(Meaning::Success) => Ok(Asked::Known(fields)),
            Some(Meaning::Absent) => Ok(Asked::Absent),
            _ => Err(said.refusal().map_or_else(|| Outcome::Unknown(said.why()), Outcome::Refused)),
        }
    }
}
