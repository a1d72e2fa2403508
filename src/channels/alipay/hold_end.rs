//! The ends of a hold: it knows the calls that take what is frozen, or let it go, and must never decide whether to make
//! one.

use bursar_core::money::Currency;
use bursar_core::payment::Payment;
use serde::{Deserialize, Serialize};

use super::call::Answered;
use super::debit::UNDER_WAY;
use super::errors::{ApiError, Meaning};
use super::frozen::Frost;
use super::gateway::Addresses;
use super::hold::{Held, unreadable};
use super::operation::Operation;
use super::settings::is_web_address;
use super::{Alipay, yuan};
use crate::outcome::{Closed, Outcome, Refusal, RefusalClass, Standing, Why, WhyKind};

/// What the payer reads beside the amount: the same in every attempt.
const SUBJECT: &str = "服务费";
/// Longest remark, in characters of whatever script.
const MAX_REMARK_CHARS: usize = 50;

/// The content. The order of the members is fixed, so that every attempt says the same.
#[derive(Serialize)]
struct Taking<'a> {
    out_trade_no: &'a str,
    total_amount: String,
    subject: &'static str,
    product_code: &'static str,
    auth_no: &'a str,
    /// What is left of the hold is let go with it.
    auth_confirm_mode: &'static str,
}

#[derive(Serialize)]
struct Releasing<'a> {
    auth_no: &'a str,
    out_request_no: &'a str,
    amount: String,
    remark: &'a str,
}

#[derive(Serialize)]
struct Cancelling<'a> {
    out_order_no: &'a str,
    out_request_no: &'a str,
    remark: &'a str,
}

/// What each of the answers names.
#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    out_trade_no: Option<String>,
    #[serde(default)]
    out_order_no: Option<String>,
    /// Of an unfreezing.
    #[serde(default)]
    status: Option<String>,
}

/// Whether a no leaves open how things stand: then that is asked. The others say the same of any call.
const fn is_about_state(error: &ApiError) -> bool {
    !matches!(
        error.meaning,
        Some(Meaning::System | Meaning::TooMany | Meaning::Later | Meaning::NoFunds | Meaning::Account)
    )
}

/// The call was sent, whatever became of the question after it.
fn doubted<T>(error: &ApiError, asked: Outcome<Held>) -> Outcome<T> {
    let why = match asked {
        Outcome::Unknown(why) => Why { not_sent: false, ..why },
        Outcome::Refused(refusal) => Why::new(WhyKind::Unreadable, refusal.to_string()),
        Outcome::Done(held) => Why::new(WhyKind::Unreadable, format!("{held:?}")),
    };
    let detail = format!("refused with {}: {}, but asked for confirmation: {}", error.code, error.message, why.detail);
    Outcome::Unknown(Why { retry_after_ms: why.retry_after_ms, ..Why::new(why.kind, detail) })
}

impl Alipay {
    /// The hold, before something is done with it. Money may have been taken by an earlier call, or not.
    async fn hold_now<T>(&self, payment: &Payment) -> Result<Held, Outcome<T>> {
        match self.held(payment, true).await {
            Outcome::Done(held) => Ok(held),
            Outcome::Refused(refusal) => Err(Outcome::Refused(refusal)),
            Outcome::Unknown(why) => Err(Outcome::Unknown(why)),
        }
    }

    /// Takes of what is frozen what the service came to, and lets the rest go.
    pub(super) async fn take_hold(&self, payment: &Payment, notify_url: &str) -> Outcome<Standing> {
        if payment.amount.currency != Currency::CNY || !(1..=yuan::MAX_FEN).contains(&payment.amount.minor) {
            return Outcome::Refused(Refusal::ours("AMOUNT", "the channel takes 0.01 to 100000000 yuan at once"));
        }
        let auth_no = match &payment.evidence.authorized {
            Some(hold) => hold.receipt.transaction_id.clone(),
            None => match self.hold_now(payment).await {
                Ok(Held::Frozen(frost)) => frost.hold.receipt.transaction_id,
                Ok(other) => return Outcome::Done(other.standing()),
                Err(outcome) => return outcome,
            },
        };
        let number = payment.number();
        let content = Taking {
            out_trade_no: &number,
            total_amount: yuan::written(payment.amount.minor),
            subject: SUBJECT,
            product_code: self.hold_product.code(),
            auth_no: &auth_no,
            auth_confirm_mode: "COMPLETE",
        };
        // An address that the channel does not take keeps no money from its merchant.
        let to = Addresses { notify: Some(notify_url).filter(|url| is_web_address(url)), back: None };
        let error = match self.call(Operation::Pay, &content, to).await {
            Err(why) => return Outcome::Unknown(why),
            Ok(Answered::Success(content)) => match serde_json::from_str::<Answer>(&content) {
                Ok(answer) if answer.out_trade_no.as_ref() == Some(&number) => None,
                _ => return unreadable("it is about another number"),
            },
            Ok(Answered::Error(error)) if error.code == UNDER_WAY => None,
            Ok(Answered::Error(error)) if is_about_state(&error) => Some(error),
            Ok(Answered::Error(error)) => return error.outcome(),
        };
        match (self.held(payment, true).await, error) {
            // Nothing was taken, and nothing is being taken.
            (Outcome::Done(Held::Frozen(_)), Some(error)) => match error.meaning {
                None => error.outcome(),
                Some(_) => Outcome::Refused(error.refusal(RefusalClass::Definite)),
            },
            (Outcome::Done(held), _) => Outcome::Done(held.standing()),
            (other, Some(error)) => doubted(&error, other),
            (Outcome::Unknown(why), None) => Outcome::Unknown(Why { not_sent: false, ..why }),
            (Outcome::Refused(refusal), None) => unreadable(&format!("it could not be confirmed: {refusal}")),
        }
    }

    /// Lets go what is frozen, or takes the code away from a payer who has not agreed yet.
    pub(super) async fn release_hold(&self, payment: &Payment) -> Outcome<Closed> {
        let reason = payment.evidence.close_requested.as_ref().map_or("", |(_, reason)| reason);
        let line: String = reason.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        let remark: String = line.trim().chars().take(MAX_REMARK_CHARS).collect();
        let remark = if remark.is_empty() { "closed" } else { &remark };
        let number = payment.number();
        let answered = match self.hold_now(payment).await {
            Ok(Held::Closed) => return Outcome::Done(Closed::Accepted),
            Ok(Held::Paid(_)) => return Outcome::Done(Closed::AlreadyPaid),
            Ok(Held::Collecting(_)) => return Outcome::Done(Closed::TooEarly),
            Ok(Held::Frozen(frost)) => self.unfreeze(&number, &frost, remark).await,
            // Of a code that nobody has scanned the channel may know nothing: then this says so as well.
            Ok(Held::Unpaid | Held::Absent) => {
                let content = Cancelling { out_order_no: &number, out_request_no: &number, remark };
                self.call(Operation::HoldCancel, &content, Addresses::default()).await
            }
            Err(outcome) => return outcome,
        };
        let error = match answered {
            Err(why) => return Outcome::Unknown(Why { not_sent: false, ..why }),
            Ok(Answered::Success(content)) => return let_go(&content, &number),
            Ok(Answered::Error(error)) if error.meaning == Some(Meaning::Absent) => {
                return Outcome::Done(Closed::Absent);
            }
            Ok(Answered::Error(error)) if is_about_state(&error) => error,
            Ok(Answered::Error(error)) => return error.outcome(),
        };
        match self.held(payment, true).await {
            Outcome::Done(Held::Closed) => Outcome::Done(Closed::Accepted),
            Outcome::Done(Held::Paid(_)) => Outcome::Done(Closed::AlreadyPaid),
            Outcome::Done(Held::Absent) => Outcome::Done(Closed::Absent),
            Outcome::Done(Held::Collecting(_)) => Outcome::Done(Closed::TooEarly),
            // The payer agreed in between, or it is not done yet: again.
            Outcome::Done(Held::Unpaid | Held::Frozen(_)) if error.meaning.is_some() => Outcome::Done(Closed::TooEarly),
            Outcome::Done(_) => error.outcome(),
            other => doubted(&error, other),
        }
    }

    /// Under a number of its own, fixed, so that a repetition takes effect at most once.
    async fn unfreeze(&self, number: &str, frost: &Frost, remark: &str) -> Result<Answered, Why> {
        let content = Releasing {
            auth_no: &frost.hold.receipt.transaction_id,
            out_request_no: &format!("{number}_release"),
            amount: yuan::written(frost.rest_fen),
            remark,
        };
        self.call(Operation::Unfreeze, &content, Addresses::default()).await
    }
}

fn let_go(content: &str, number: &str) -> Outcome<Closed> {
    match serde_json::from_str::<Answer>(content) {
        Ok(answer) if answer.out_order_no.as_ref().is_some_and(|named| named != number) => {
            unreadable("it is about another number")
        }
        Ok(answer) => match answer.status.as_deref() {
            None | Some("" | "SUCCESS") => Outcome::Done(Closed::Accepted),
            Some("INIT") => Outcome::Done(Closed::TooEarly),
            Some(_) => unreadable("its status is not known"),
        },
        Err(e) => unreadable(&e.to_string()),
    }
}
