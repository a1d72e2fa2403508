//! Profit sharing: it knows the calls that give receivers their shares, and must never know who gets how much.
//!
//! Receivers are made known first, which may be repeated; then one call shares, and frees the rest for the
//! merchant. A no is believed only when a query agrees: it may answer the repetition of a call that had an effect.

use bursar_core::payment::Payment;
use bursar_core::sharing::{Ended, ReceiverKind, SharePart, Sharing};
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::call::Answered;
use super::errors::{ApiError, Meaning};
use super::transport::Call;
use super::{Wechat, number, refused};
use crate::outcome::{Outcome, Refusal, RefusalClass, ShareStanding, Why, WhyKind, shorten};

#[derive(Serialize)]
struct Add<'a> {
    appid: &'a str,
    r#type: &'static str,
    account: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    relation_type: &'static str,
}

#[derive(Serialize)]
struct Receiver<'a> {
    r#type: &'static str,
    account: &'a str,
    amount: i64,
    description: &'a str,
}

/// The body. The order of the members is fixed, so that every attempt sends the same bytes.
#[derive(Serialize)]
struct Body<'a> {
    appid: &'a str,
    transaction_id: &'a str,
    out_order_no: &'a str,
    receivers: Vec<Receiver<'a>>,
    unfreeze_unsplit: bool,
}

#[derive(Serialize)]
struct Unfreeze<'a> {
    transaction_id: &'a str,
    out_order_no: &'a str,
    description: &'static str,
}

/// Members that are not needed are not read.
#[derive(Deserialize)]
struct Shared {
    out_order_no: String,
    order_id: String,
    #[serde(default)]
    receivers: Vec<Line>,
}

#[derive(Deserialize)]
struct Line {
    r#type: String,
    account: String,
    amount: i64,
    result: String,
    #[serde(default)]
    fail_reason: Option<String>,
}

const fn kind(part: &SharePart) -> &'static str {
    match part.kind {
        ReceiverKind::Merchant => "MERCHANT_ID",
        ReceiverKind::Person => "PERSONAL_OPENID",
    }
}

pub(super) fn wrong(code: &str, message: &str) -> Refusal {
    refused(code, message, RefusalClass::Definite)
}

pub(super) fn bytes(body: &impl Serialize) -> Result<Bytes, Refusal> {
    serde_json::to_vec(body).map(Bytes::from).map_err(|_| wrong("BODY", "the call cannot be written"))
}

fn transaction_id(payment: &Payment) -> Result<&str, Refusal> {
    let unknown = || wrong("TRANSACTION", "the channel has not told by which number it took the money");
    payment.evidence.transaction_id().filter(|id| number::is_channels(id)).ok_or_else(unknown)
}

/// What a no means here: `Err` when a query must confirm it first.
pub(super) fn judge<T>(error: ApiError) -> Result<Outcome<T>, Refusal> {
    match error.meaning {
        Some(Meaning::Account) => Ok(Outcome::Refused(error.refusal(RefusalClass::Configuration))),
        Some(Meaning::Later) => Ok(Outcome::Refused(error.refusal(RefusalClass::TooSoon))),
        Some(Meaning::System | Meaning::TooMany) | None => Ok(error.outcome()),
        Some(_) => Err(error.refusal(RefusalClass::Definite)),
    }
}

impl Wechat {
    /// Makes a receiver known. `Ok`: it is, or was.
    async fn add_receiver(&self, part: &SharePart) -> Result<(), Outcome<ShareStanding>> {
        let sealed = match &part.name {
            Some(name) => {
                let fail = |why: String| Outcome::Unknown(Why::not_sent(WhyKind::SystemError, why));
                Some(self.seal_text(name).await.map_err(fail)?)
            }
            None => None,
        };
        let relation_type = if part.kind == ReceiverKind::Person { "STAFF" } else { "PARTNER" };
        let name = sealed.as_ref().map(|(name, _)| name.as_str());
        let body = Add { appid: &self.payee.appid, r#type: kind(part), account: &part.account, name, relation_type };
        let body = bytes(&body).map_err(Outcome::Refused)?;
        let call = Call::post("/v3/profitsharing/receivers/add", body);
        let call = match &sealed {
            Some((_, serial)) => call.sealed_for(serial),
            None => call,
        };
        match self.call(call).await {
            Ok(Answered::Success(_)) => Ok(()),
            Ok(Answered::Error(error)) => Err(judge(error).unwrap_or_else(Outcome::Refused)),
            // Nothing is shared by this call.
            Err(why) => Err(Outcome::Unknown(Why { not_sent: true, ..why })),
        }
    }

    pub(super) async fn share_out(&self, payment: &Payment, sharing: &Sharing) -> Outcome<ShareStanding> {
        for part in &sharing.lines {
            match self.add_receiver(part).await {
                Ok(()) => {}
                Err(Outcome::Refused(refusal)) if refusal.class == RefusalClass::Definite => {
                    return self.confirmed(refusal, payment, sharing).await;
                }
                Err(outcome) => return outcome,
            }
        }
        let out_order_no = sharing.number();
        let receivers = sharing.lines.iter().map(|part| Receiver {
            r#type: kind(part),
            account: &part.account,
            amount: part.amount_minor,
            description: &part.description,
        });
        let body = transaction_id(payment).and_then(|transaction_id| {
            bytes(&Body {
                appid: &self.payee.appid,
                transaction_id,
                out_order_no: &out_order_no,
                receivers: receivers.collect(),
                unfreeze_unsplit: true,
            })
        });
        let body = match body {
            Ok(body) => body,
            Err(refusal) => return Outcome::Refused(refusal),
        };
        match self.call(Call::post("/v3/profitsharing/orders", body)).await {
            Err(why) => Outcome::Unknown(why),
            Ok(Answered::Success(answer)) => read(&answer.body, sharing),
            Ok(Answered::Error(error)) => match judge(error) {
                Ok(outcome) => outcome,
                Err(refusal) => self.confirmed(refusal, payment, sharing).await,
            },
        }
    }

    async fn confirmed(&self, refusal: Refusal, payment: &Payment, sharing: &Sharing) -> Outcome<ShareStanding> {
        match self.ask_share(payment, sharing).await {
            Outcome::Done(ShareStanding::Absent) => Outcome::Refused(refusal),
            // An earlier attempt had an effect after all.
            Outcome::Done(standing) => Outcome::Done(standing),
            Outcome::Refused(other) => doubted(&refusal, &other.to_string()),
            Outcome::Unknown(why) => doubted(&refusal, &why.to_string()),
        }
    }

    pub(super) async fn ask_share(&self, payment: &Payment, sharing: &Sharing) -> Outcome<ShareStanding> {
        let transaction_id = match transaction_id(payment) {
            Ok(id) => id,
            Err(refusal) => return Outcome::Refused(refusal),
        };
        let target = format!("/v3/profitsharing/orders/{}?transaction_id={transaction_id}", sharing.number());
        match self.call(Call::get(&target)).await {
            Err(why) => Outcome::Unknown(why),
            Ok(Answered::Error(error)) if error.meaning == Some(Meaning::Absent) => {
                Outcome::Done(ShareStanding::Absent)
            }
            Ok(Answered::Error(error)) => error.outcome(),
            Ok(Answered::Success(answer)) => read(&answer.body, sharing),
        }
    }

    pub(super) async fn free_rest(&self, payment: &Payment, sharing: &Sharing) -> Outcome<String> {
        let out_order_no = sharing.unfreeze_number();
        let body = transaction_id(payment).and_then(|transaction_id| {
            bytes(&Unfreeze { transaction_id, out_order_no: &out_order_no, description: "解冻剩余资金" })
        });
        let body = match body {
            Ok(body) => body,
            Err(refusal) => return Outcome::Refused(refusal),
        };
        match self.call(Call::post("/v3/profitsharing/orders/unfreeze", body)).await {
            Err(why) => Outcome::Unknown(why),
            Ok(Answered::Error(error)) => judge(error).unwrap_or_else(Outcome::Refused),
            Ok(Answered::Success(answer)) => match serde_json::from_slice::<Shared>(&answer.body) {
                Ok(freed) if freed.out_order_no == out_order_no => Outcome::Done(freed.order_id),
                Ok(_) => unreadable("it is about another number"),
                Err(error) => unreadable(&error.to_string()),
            },
        }
    }
}

pub(super) fn unreadable<T>(what: &str) -> Outcome<T> {
    Outcome::Unknown(Why::new(WhyKind::Unreadable, format!("the answer: {what}")))
}

/// A no that the query neither confirmed nor disproved.
pub(super) fn doubted<T>(refusal: &Refusal, asked: &str) -> Outcome<T> {
    let words = format!("refused with {refusal}, but asked for confirmation: {asked}");
    Outcome::Unknown(Why::new(WhyKind::Unreadable, words))
}

/// An answer about the call that shares.
fn read(body: &[u8], sharing: &Sharing) -> Outcome<ShareStanding> {
    let shared: Shared = match serde_json::from_slice(body) {
        Ok(shared) => shared,
        Err(error) => return unreadable(&error.to_string()),
    };
    if shared.out_order_no != sharing.number() || shared.order_id.is_empty() {
        return unreadable("it is about another number");
    }
    let mut ended = Vec::new();
    for (n, part) in sharing.numbered() {
        // The merchant's own rest is a line too; it is none of ours.
        let told = shared.receivers.iter().find(|l| l.r#type == kind(part) && l.account == part.account);
        let Some(told) = told else { return unreadable("a receiver is missing") };
        if told.amount != part.amount_minor {
            return unreadable("a receiver got another amount");
        }
        match told.result.as_str() {
            "PENDING" => {}
            "SUCCESS" => ended.push((n, Ended::Moved)),
            "CLOSED" => ended.push((n, Ended::Refused(shorten(told.fail_reason.as_deref().unwrap_or("CLOSED"))))),
            other => return unreadable(&format!("a receiver's result is {}", shorten(other))),
        }
    }
    Outcome::Done(ShareStanding::Taken { share_id: shared.order_id, ended })
}
