//! Asking where a payment stands: it knows the query call, and must never judge its answer.

use bursar_core::payment::Payment;

use super::call::Answered;
use super::errors::Meaning;
use super::transaction::Transaction;
use super::transport::Call;
use super::{Wechat, bad_number, number};
use crate::outcome::{Outcome, Standing, Why, WhyKind};

impl Wechat {
    pub(super) async fn query_order(&self, payment: &Payment) -> Outcome<Standing> {
        let number = payment.number();
        let Some(segment) = number::segment(&number) else {
            return Outcome::Refused(bad_number());
        };
        let target = format!("/v3/pay/transactions/out-trade-no/{segment}?mchid={}", self.payee.mchid);
        match self.call(Call::get(&target)).await {
            Err(why) => Outcome::Unknown(why),
            Ok(Answered::Error(error)) if error.meaning == Some(Meaning::Absent) => Outcome::Done(Standing::Absent),
            Ok(Answered::Error(error)) => error.outcome(),
            Ok(Answered::Success(answer)) => match self.read_standing(&number, payment.method.debits(), &answer.body) {
                Ok(standing) => Outcome::Done(standing),
                Err(what) => Outcome::Unknown(Why::new(WhyKind::Unreadable, format!("the answer: {what}"))),
            },
        }
    }

    fn read_standing(&self, number: &str, debits: bool, body: &[u8]) -> Result<Standing, String> {
        let transaction: Transaction = serde_json::from_slice(body).map_err(|e| e.to_string())?;
        if transaction.out_trade_no != number {
            return Err("it is about another number".into());
        }
        transaction.standing(&self.payee, debits, self.transport.parts().clock.now())
    }
}
