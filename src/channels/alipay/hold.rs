//! Pre-authorisations (预授权): it knows how one is offered to its payer and asked about, and must never take or let go
//! what is frozen.
//!
//! One number of ours names three things that cannot be mixed up: the pre-authorisation, the operation that freezes, and
//! the trade by which money is taken in the end.

use bursar_core::clock::{DAY_MS, MINUTE_MS};
use bursar_core::observation::PayCode;
use bursar_core::payment::Payment;
use serde::{Deserialize, Serialize};

use super::call::Answered;
use super::create::subject;
use super::errors::Meaning;
use super::frozen::{Freeze, Frost, Frozen};
use super::gateway::Addresses;
use super::operation::Operation;
use super::{Alipay, yuan};
use crate::channel::CreateRequest;
use crate::outcome::{Outcome, Refusal, Standing, Why, WhyKind};

/// Longest title, in characters of whatever script.
const MAX_TITLE_CHARS: usize = 50;
/// Longest time in which a payer may agree.
const MAX_TIMEOUT_MS: i64 = 15 * DAY_MS;

/// The content. The order of the members is fixed.
#[derive(Serialize)]
struct Content<'a> {
    out_order_no: &'a str,
    out_request_no: &'a str,
    order_title: String,
    amount: String,
    product_code: &'static str,
    pay_timeout: String,
}

#[derive(Deserialize)]
struct Created {
    #[serde(default)]
    out_order_no: Option<String>,
    #[serde(default)]
    code_value: Option<String>,
}

/// How the channel finds the operation that freezes.
#[derive(Serialize)]
struct Named<'a> {
    out_order_no: &'a str,
    out_request_no: &'a str,
}

/// Where a hold stands, with the trade that takes it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Held {
    /// The channel knows no such hold.
    Absent,
    /// The payer has not agreed yet.
    Unpaid,
    /// An amount is frozen, and nothing was begun with it.
    Frozen(Frost),
    /// Money is being taken.
    Collecting(Frost),
    /// Nothing is frozen any more, and nothing was taken.
    Closed,
    /// Money was taken.
    Paid(Standing),
}

impl Held {
    pub(super) fn standing(self) -> Standing {
        match self {
            Self::Absent => Standing::Absent,
            Self::Unpaid => Standing::Unpaid,
            Self::Frozen(frost) | Self::Collecting(frost) => frost.standing(),
            Self::Closed => Standing::Closed,
            Self::Paid(standing) => standing,
        }
    }
}

pub(super) fn unreadable<T>(what: &str) -> Outcome<T> {
    Outcome::Unknown(Why::new(WhyKind::Unreadable, format!("the answer: {what}")))
}

impl Alipay {
    fn hold_content(&self, request: &CreateRequest<'_>, number: &str) -> Result<String, Refusal> {
        Self::check_order(request)?;
        let (order, payment) = (request.order, request.payment);
        // The channel counts from the call on. So that no attempt lasts beyond the last moment, a later one says less;
        // the channel compares only number and amount.
        let left_ms = order.expires_at.since_ms(self.gateway.now()).min(MAX_TIMEOUT_MS);
        let minutes = left_ms.div_euclid(MINUTE_MS);
        if minutes < 1 {
            return Err(Refusal::ours("EXPIRES_AT", "the channel gives a payer one minute or more to agree"));
        }
        let content = Content {
            out_order_no: number,
            out_request_no: number,
            order_title: subject(&order.description, &order.number).chars().take(MAX_TITLE_CHARS).collect(),
            amount: yuan::written(payment.amount.minor),
            product_code: self.hold_product.code(),
            pay_timeout: format!("{minutes}m"),
        };
        serde_json::to_string(&content).map_err(|_| Refusal::ours("BODY", "the call cannot be written"))
    }

    /// Makes a code with which the payer lets an amount be frozen.
    pub(super) async fn create_hold(&self, request: &CreateRequest<'_>) -> Outcome<PayCode> {
        let number = request.payment.number();
        let content = match self.hold_content(request, &number) {
            Ok(content) => content,
            Err(refusal) => return Outcome::Refused(refusal),
        };
        let to = Addresses { notify: Some(request.notify_url), back: None };
        match self.call_with(Operation::HoldCode, &content, to).await {
            Err(why) => Outcome::Unknown(why),
            Ok(Answered::Error(error)) => error.outcome(),
            Ok(Answered::Success(content)) => {
                let read = serde_json::from_str::<Created>(&content).ok();
                let ours = read.filter(|made| made.out_order_no.as_deref().is_none_or(|named| named == number));
                match ours.and_then(|made| made.code_value).filter(|code| !code.is_empty()) {
                    Some(url) => Outcome::Done(PayCode::QrCode { url }),
                    None => unreadable("it holds no code for the payer"),
                }
            }
        }
    }

    /// Where the freezing stands; `None` when the channel knows none.
    async fn freeze(&self, number: &str) -> Outcome<Option<Freeze>> {
        let named = Named { out_order_no: number, out_request_no: number };
        match self.call(Operation::HoldQuery, &named, Addresses::default()).await {
            Err(why) => Outcome::Unknown(why),
            // As with trades, there may be none before the payer has scanned the code.
            Ok(Answered::Error(error)) if error.meaning == Some(Meaning::Absent) => Outcome::Done(None),
            Ok(Answered::Error(error)) => error.outcome(),
            Ok(Answered::Success(content)) => {
                let frozen: Frozen = match serde_json::from_str(&content) {
                    Ok(frozen) => frozen,
                    Err(e) => return unreadable(&e.to_string()),
                };
                let other = |named: &Option<String>| named.as_deref().is_some_and(|named| named != number);
                if frozen.out_order_no.as_deref() != Some(number) || other(&frozen.out_request_no) {
                    return unreadable("it is about another number");
                }
                match frozen.freeze(self.hold_days, self.gateway.now()) {
                    Ok(freeze) => Outcome::Done(Some(freeze)),
                    Err(what) => unreadable(&what),
                }
            }
        }
    }

    /// Where the hold stands. `with_trade` says that money may have been taken: then the trade is asked about first,
    /// because what it says of money is more than what the hold says.
    pub(super) async fn held(&self, payment: &Payment, with_trade: bool) -> Outcome<Held> {
        let mut trade = None;
        if with_trade {
            match self.query_trade(payment).await {
                Outcome::Done(paid @ Standing::Paid(_)) => return Outcome::Done(Held::Paid(paid)),
                Outcome::Done(standing) => trade = Some(standing),
                Outcome::Refused(refusal) => return Outcome::Refused(refusal),
                Outcome::Unknown(why) => return Outcome::Unknown(why),
            }
        }
        let freeze = match self.freeze(&payment.number()).await {
            Outcome::Done(freeze) => freeze,
            Outcome::Refused(refusal) => return Outcome::Refused(refusal),
            Outcome::Unknown(why) => return Outcome::Unknown(why),
        };
        let waiting = matches!(trade, Some(Standing::Unpaid));
        match freeze {
            None => Outcome::Done(Held::Absent),
            Some(Freeze::Unpaid) => Outcome::Done(Held::Unpaid),
            Some(Freeze::Closed) => Outcome::Done(Held::Closed),
            Some(Freeze::Held(frost)) if waiting => Outcome::Done(Held::Collecting(frost)),
            Some(Freeze::Held(frost)) => Outcome::Done(Held::Frozen(frost)),
            // Also when it was asked about before: in between it may have been paid.
            Some(freeze @ (Freeze::Taken(_) | Freeze::Spent(_))) => match (self.query_trade(payment).await, freeze) {
                (Outcome::Done(paid @ Standing::Paid(_)), _) => Outcome::Done(Held::Paid(paid)),
                (Outcome::Done(Standing::Unpaid), Freeze::Taken(frost) | Freeze::Spent(frost)) => {
                    Outcome::Done(Held::Collecting(frost))
                }
                (Outcome::Done(Standing::Absent | Standing::Closed), Freeze::Spent(_)) => Outcome::Done(Held::Closed),
                (Outcome::Done(_), _) => unreadable("money of the hold was taken, but not by a trade of our number"),
                (Outcome::Refused(refusal), _) => Outcome::Refused(refusal),
                (Outcome::Unknown(why), _) => Outcome::Unknown(why),
            },
        }
    }

    pub(super) async fn query_hold(&self, payment: &Payment) -> Outcome<Standing> {
        let evidence = &payment.evidence;
        let with_trade = evidence.capture_requested.is_some() || evidence.paid.is_some();
        self.held(payment, with_trade).await.map(Held::standing)
    }
}
