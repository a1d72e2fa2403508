//! Giving money back: it knows the two calls about it and how a no is made sure, and must never know why money
//! goes back.

use bursar_core::Timestamp;
use bursar_core::money::Currency;
use bursar_core::payment::Payment;
use bursar_core::refund::{Leg, RefundReceipt};
use serde::{Deserialize, Serialize};

use super::Alipay;
use super::call::Answered;
use super::errors::{ApiError, Meaning};
use super::gateway::Addresses;
use super::operation::Operation;
use super::yuan;
use crate::beijing;
use crate::channel::RefundRequest;
use crate::outcome::{Outcome, RefundStanding, Refusal, RefusalClass, Why, WhyKind, shorten};

/// Longest reason that the channel takes, in characters.
const MAX_REASON_CHARS: usize = 256;

/// The content. The order of the members is fixed, so that every attempt says the same.
#[derive(Serialize)]
struct Content<'a> {
    out_trade_no: &'a str,
    refund_amount: String,
    out_request_no: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    refund_reason: &'a str,
}

#[derive(Serialize)]
struct Question<'a> {
    out_trade_no: &'a str,
    out_request_no: &'a str,
    query_options: [&'static str; 1],
}

/// The answer to a refund. Its `refund_fee` is the sum of all refunds of the trade: nothing is read from it.
#[derive(Deserialize)]
struct Accepted {
    #[serde(default)]
    out_trade_no: Option<String>,
    #[serde(default)]
    fund_change: Option<String>,
}

/// The answer to a question about a refund.
#[derive(Deserialize)]
struct Refunded {
    #[serde(default)]
    out_trade_no: Option<String>,
    #[serde(default)]
    out_request_no: Option<String>,
    #[serde(default)]
    refund_amount: Option<String>,
    #[serde(default)]
    refund_status: Option<String>,
    #[serde(default)]
    gmt_refund_pay: Option<String>,
}

/// A no, and what it is worth.
enum No {
    /// Lawful to call again: nothing can be lost by believing it.
    Sure(Outcome<RefundStanding>),
    /// It would make us look for another way to give the same money back. It may also be the answer to a
    /// repetition of a call that had an effect ("everything was refunded already"), so it is believed only
    /// when a question agrees.
    Doubtful(Refusal),
}

fn judge(error: ApiError) -> No {
    use RefusalClass::{Configuration, Definite, NoFunds, NumberInUse, TooSoon};
    let refused = |error: ApiError, class| No::Sure(Outcome::Refused(error.refusal(class)));
    match error.meaning {
        Some(Meaning::NoFunds) => refused(error, NoFunds),
        Some(Meaning::Later) => refused(error, TooSoon),
        Some(Meaning::Account) => refused(error, Configuration),
        Some(Meaning::InUse) => No::Doubtful(error.refusal(NumberInUse)),
        Some(Meaning::Wrong | Meaning::Absent | Meaning::Closed | Meaning::Status) => {
            No::Doubtful(error.refusal(Definite))
        }
        // A code of other calls: it says nothing here.
        Some(Meaning::Paid) => No::Sure(Outcome::Unknown(error.why(WhyKind::Unreadable))),
        Some(Meaning::System | Meaning::TooMany) | None => No::Sure(error.outcome()),
    }
}

/// `text` on one line, cut to length.
fn reason(text: &str) -> String {
    let line: String = text.trim().chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    line.chars().take(MAX_REASON_CHARS).collect::<String>().trim_end().to_owned()
}

impl Alipay {
    pub(super) async fn refund_trade(&self, request: &RefundRequest<'_>) -> Outcome<RefundStanding> {
        let (payment, leg) = (request.payment, request.leg);
        if payment.amount.currency != Currency::CNY || leg.amount.currency != Currency::CNY {
            return Outcome::Refused(Refusal::ours("CURRENCY", "this account gives CNY back only"));
        }
        if !(1..=payment.amount.minor).contains(&leg.amount.minor) {
            let message = "at least one fen goes back, and not more than was paid";
            return Outcome::Refused(Refusal::ours("AMOUNT", message));
        }
        let (number, request_number) = (payment.number(), leg.number());
        let content = Content {
            out_trade_no: &number,
            refund_amount: yuan::written(leg.amount.minor),
            out_request_no: &request_number,
            refund_reason: &reason(request.reason),
        };
        match self.call(Operation::Refund, &content, Addresses::default()).await {
            Err(why) => Outcome::Unknown(why),
            Ok(Answered::Success(content)) => self.confirm(&content, payment, leg).await,
            Ok(Answered::Error(error)) => match judge(error) {
                No::Sure(outcome) => outcome,
                No::Doubtful(refusal) => match self.ask_refund(payment, leg).await {
                    Outcome::Done(RefundStanding::Absent) => Outcome::Refused(refusal),
                    // An earlier attempt had an effect after all.
                    Outcome::Done(standing) => Outcome::Done(standing),
                    other => doubted(&refusal, other),
                },
            },
        }
    }

    /// The call was taken. What became of this refund is asked at once: its answer tells only the sum of all.
    async fn confirm(&self, content: &str, payment: &Payment, leg: &Leg) -> Outcome<RefundStanding> {
        let unreadable = |what: &str| Outcome::Unknown(Why::new(WhyKind::Unreadable, format!("the answer {what}")));
        let Ok(accepted) = serde_json::from_str::<Accepted>(content) else {
            return unreadable("cannot be read");
        };
        if accepted.out_trade_no.is_some_and(|named| named != payment.number()) {
            return unreadable("is about another number");
        }
        let moved = accepted.fund_change.as_deref() == Some("Y");
        match self.ask_refund(payment, leg).await {
            Outcome::Done(standing) if standing != RefundStanding::Absent => Outcome::Done(standing),
            // Money has moved; that it does not show yet, or could not be asked, does not undo that.
            _ if moved => Outcome::Done(RefundStanding::Processing { refund_id: leg.number() }),
            // Nothing has moved, now: a repetition whose first call does not show yet, or no refund at all. The
            // same call again is safe.
            Outcome::Done(_) => Outcome::Unknown(Why::new(
                WhyKind::SystemError,
                "the channel took the call, says that no money moved, and does not know the refund yet",
            )),
            Outcome::Unknown(why) => Outcome::Unknown(Why { not_sent: false, ..why }),
            Outcome::Refused(refusal) => unreadable(&format!("could not be confirmed: {refusal}")),
        }
    }

    /// Where the refund stands. The channel shows a refund only when it has succeeded: what does not show was
    /// not taken, is under way, or has failed, which is told apart by what we know of it.
    pub(super) async fn ask_refund(&self, payment: &Payment, leg: &Leg) -> Outcome<RefundStanding> {
        let (number, request_number) = (payment.number(), leg.number());
        let question =
            Question { out_trade_no: &number, out_request_no: &request_number, query_options: ["gmt_refund_pay"] };
        let unseen = match &leg.evidence.refund_id {
            Some(refund_id) => RefundStanding::Processing { refund_id: refund_id.clone() },
            None => RefundStanding::Absent,
        };
        match self.call(Operation::RefundQuery, &question, Addresses::default()).await {
            Err(why) => Outcome::Unknown(why),
            Ok(Answered::Error(error)) if error.meaning == Some(Meaning::Absent) => Outcome::Done(unseen),
            Ok(Answered::Error(error)) => error.outcome(),
            Ok(Answered::Success(content)) => {
                let read = serde_json::from_str::<Refunded>(&content).map_err(|e| e.to_string());
                match read.and_then(|refunded| refunded.receipt(&number, &request_number, self.gateway.now())) {
                    Ok(Some(receipt)) => Outcome::Done(RefundStanding::Succeeded(receipt)),
                    Ok(None) => Outcome::Done(unseen),
                    Err(what) => Outcome::Unknown(Why::new(WhyKind::Unreadable, format!("the answer: {what}"))),
                }
            }
        }
    }
}

impl Refunded {
    /// The receipt; `None` when the channel shows no refund under this number.
    fn receipt(self, number: &str, request_number: &str, or_at: Timestamp) -> Result<Option<RefundReceipt>, String> {
        let other = |named: Option<&str>, ours: &str| named.is_some_and(|named| named != ours);
        if other(self.out_trade_no.as_deref(), number) || other(self.out_request_no.as_deref(), request_number) {
            return Err("it is about another number".into());
        }
        match self.refund_status.as_deref() {
            Some("REFUND_SUCCESS") => {}
            None | Some("") => return Ok(None),
            Some(other) => return Err(format!("its refund_status `{}` is not known", shorten(other))),
        }
        if self.out_request_no.is_none() {
            return Err("it says success, but not of which refund".into());
        }
        let amount = self.refund_amount.ok_or("it says success, but has no refund_amount")?;
        let at = self.gmt_refund_pay.filter(|at| !at.is_empty());
        let refunded_at = match at {
            Some(text) => beijing::parse_wall(&text).ok_or_else(|| format!("its time `{}` is none", shorten(&text)))?,
            None => or_at,
        };
        Ok(Some(RefundReceipt {
            // The channel gives refunds no number of its own: it knows them, and its bills name them, by ours.
            refund_id: request_number.to_owned(),
            amount_minor: yuan::fen(&amount)?,
            currency: "CNY".into(),
            refunded_at,
        }))
    }
}

/// A no that the question neither confirmed nor disproved. The call itself was sent, whatever became of the
/// question.
fn doubted(refusal: &Refusal, asked: Outcome<RefundStanding>) -> Outcome<RefundStanding> {
    let (kind, what, retry_after_ms) = match asked {
        Outcome::Unknown(why) => (why.kind, why.to_string(), why.retry_after_ms),
        Outcome::Refused(refusal) => (WhyKind::Unreadable, refusal.to_string(), None),
        Outcome::Done(standing) => (WhyKind::Unreadable, format!("{standing:?}"), None),
    };
    let why = Why::new(kind, format!("refused with {refusal}, but asked for confirmation: {what}"));
    Outcome::Unknown(Why { retry_after_ms, ..why })
}
