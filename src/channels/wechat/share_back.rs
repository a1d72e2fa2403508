//! Pulling shares back: it knows the calls that return what a merchant got, and must never know why.

use bursar_core::sharing::{Ended, ReceiverKind, Sharing};
use serde::{Deserialize, Serialize};

use super::Wechat;
use super::call::Answered;
use super::errors::Meaning;
use super::share::{bytes, doubted, judge, unreadable, wrong};
use super::transport::Call;
use crate::outcome::{Outcome, Refusal, ReturnStanding, shorten};

/// The body. The order of the members is fixed, so that every attempt sends the same bytes.
#[derive(Serialize)]
struct Body<'a> {
    out_order_no: &'a str,
    out_return_no: &'a str,
    return_mchid: &'a str,
    amount: i64,
    description: &'static str,
}

#[derive(Deserialize)]
struct Returned {
    out_return_no: String,
    return_id: String,
    amount: i64,
    result: String,
    #[serde(default)]
    fail_reason: Option<String>,
}

impl Wechat {
    pub(super) async fn pull_back(&self, sharing: &Sharing, n: u8) -> Outcome<ReturnStanding> {
        let (number, out_order_no) = (sharing.return_number(n), sharing.number());
        let body = line(sharing, n).and_then(|(account, amount)| {
            bytes(&Body {
                out_order_no: &out_order_no,
                out_return_no: &number,
                return_mchid: account,
                amount,
                description: "用户退款",
            })
        });
        let body = match body {
            Ok(body) => body,
            Err(refusal) => return Outcome::Refused(refusal),
        };
        match self.call(Call::post("/v3/profitsharing/return-orders", body).refunds()).await {
            Err(why) => Outcome::Unknown(why),
            Ok(Answered::Success(answer)) => read(&answer.body, sharing, n),
            Ok(Answered::Error(error)) => match judge(error) {
                Ok(outcome) => outcome,
                Err(refusal) => match self.ask_return(sharing, n).await {
                    Outcome::Done(ReturnStanding::Absent) => Outcome::Refused(refusal),
                    Outcome::Done(standing) => Outcome::Done(standing),
                    Outcome::Refused(other) => doubted(&refusal, &other.to_string()),
                    Outcome::Unknown(why) => doubted(&refusal, &why.to_string()),
                },
            },
        }
    }

    pub(super) async fn ask_return(&self, sharing: &Sharing, n: u8) -> Outcome<ReturnStanding> {
        let (number, out_order_no) = (sharing.return_number(n), sharing.number());
        let target = format!("/v3/profitsharing/return-orders/{number}?out_order_no={out_order_no}");
        match self.call(Call::get(&target)).await {
            Err(why) => Outcome::Unknown(why),
            Ok(Answered::Error(error)) if error.meaning == Some(Meaning::Absent) => {
                Outcome::Done(ReturnStanding::Absent)
            }
            Ok(Answered::Error(error)) => error.outcome(),
            Ok(Answered::Success(answer)) => read(&answer.body, sharing, n),
        }
    }
}

/// Who gives back how much.
fn line(sharing: &Sharing, n: u8) -> Result<(&str, i64), Refusal> {
    let found = sharing.returns.get(usize::from(n)).ok_or_else(|| wrong("RETURN", "there is no such return"))?;
    let part = sharing.lines.get(usize::from(found.line)).filter(|p| p.kind == ReceiverKind::Merchant);
    let part = part.ok_or_else(|| wrong("RETURN", "only merchants give back by a call"))?;
    Ok((&part.account, found.amount_minor))
}

fn read(body: &[u8], sharing: &Sharing, n: u8) -> Outcome<ReturnStanding> {
    let returned: Returned = match serde_json::from_slice(body) {
        Ok(returned) => returned,
        Err(error) => return unreadable(&error.to_string()),
    };
    let amount = line(sharing, n).map_or(0, |(_, amount)| amount);
    if returned.out_return_no != sharing.return_number(n) || returned.amount != amount {
        return unreadable("it is about another return");
    }
    let ended = match returned.result.as_str() {
        "PROCESSING" => None,
        "SUCCESS" => Some(Ended::Moved),
        "FAILED" => Some(Ended::Refused(shorten(returned.fail_reason.as_deref().unwrap_or("FAILED")))),
        other => return unreadable(&format!("its result is {}", shorten(other))),
    };
    Outcome::Done(ReturnStanding::Taken { return_id: returned.return_id, ended })
}
