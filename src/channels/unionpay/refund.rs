//! Giving money back: it knows the calls that do it and how a no is made sure, and must never know why money
//! goes back.
//!
//! There are two calls. A refund (04) always works: in parts, on the day and later. A void (31) undoes a whole
//! payment on its own day, and the payer's card has the money at once. A leg has one number for ever, and the
//! books and statements of both sides know it by that. So both calls would go out under the same number and
//! time, of which the channel takes one at most: never both. The price is that a void which the channel refuses,
//! but records, has used the number up: the leg is lost then, and a person, or another way, must help where a
//! refund would have worked. Whether it records refused voids could not be confirmed. Hence the void is
//! made only where the account asks for it (`void_same_day`), and never by itself.

use bursar_core::money::Currency;
use bursar_core::payment::Payment;
use bursar_core::refund::Leg;

use super::call::{INTERNET, Kind, REFUND, VOID};
use super::codes::{Meaning, Said};
use super::fields::Fields;
use super::{Unionpay, check_notify_url, time, txn_time};
use crate::channel::RefundRequest;
use crate::outcome::{Outcome, RefundStanding, Refusal, RefusalClass, Why, WhyKind};
use crate::settings::plain;
use crate::transport::Quota;

/// Where these calls go, and all others that need no browser.
pub(super) const BACK: &str = "/gateway/api/backTransReq.do";
/// Most characters of the channel's number of a payment; it has 21 digits.
const MAX_ID_CHARS: usize = 32;

/// What came of one of the calls.
enum GaveBack {
    /// That is its outcome.
    Ended(Outcome<RefundStanding>),
    /// A definite no, of which it is not sure yet that it is about this attempt: "everything was given back
    /// already" is also the answer to a repetition.
    No(Refusal),
}

impl Unionpay {
    /// The members of the call: a function of the request, the same for every attempt.
    fn back(&self, kind: Kind, request: &RefundRequest<'_>) -> Result<Fields, Refusal> {
        let (payment, leg) = (request.payment, request.leg);
        if payment.amount.currency != Currency::CNY || leg.amount.currency != Currency::CNY {
            return Err(Refusal::ours("CURRENCY", "this account gives CNY back only"));
        }
        if !(1..=payment.amount.minor).contains(&leg.amount.minor) {
            return Err(Refusal::ours("AMOUNT", "at least one fen goes back, and not more than was paid"));
        }
        check_notify_url(request.notify_url)?;
        let paid = payment.evidence.paid.as_ref().map(|receipt| receipt.transaction_id.as_str());
        let paid = paid.filter(|id| plain(id, MAX_ID_CHARS, "")).ok_or_else(|| {
            Refusal::ours("NOT_PAID", "the channel's number of the payment is not known; nothing can go back")
        })?;
        let mut fields = self.request(kind, &leg.number(), &txn_time(leg.created_at)?);
        fields.set("channelType", INTERNET);
        fields.set("origQryId", paid);
        fields.set("txnAmt", leg.amount.minor.to_string());
        fields.set("backUrl", request.notify_url);
        Ok(fields)
    }

    pub(super) async fn refund_payment(&self, request: &RefundRequest<'_>) -> Outcome<RefundStanding> {
        if self.own.void_same_day && self.may_void(request.payment, request.leg) {
            match self.give_back(VOID, request).await {
                GaveBack::Ended(outcome) => return outcome,
                GaveBack::No(refusal) => tracing::info!(%refusal, "not voided; refunding instead"),
            }
        }
        match self.give_back(REFUND, request).await {
            GaveBack::Ended(outcome) => outcome,
            GaveBack::No(refusal) => match self.ask_refund(request.leg).await {
                Outcome::Done(RefundStanding::Absent) => Outcome::Refused(refusal),
                // An earlier attempt had an effect after all, or the channel wrote this one down as failed.
                Outcome::Done(standing) => Outcome::Done(standing),
                other => unsure(&refusal, other),
            },
        }
    }

    /// Whether the channel would void it: the whole amount, on the payment's own day.
    fn may_void(&self, payment: &Payment, leg: &Leg) -> bool {
        let paid_at = payment.evidence.paid.as_ref().map(|receipt| receipt.paid_at);
        leg.amount == payment.amount && paid_at.is_some_and(|at| time::day(at) == time::day(self.now()))
    }

    async fn give_back(&self, kind: Kind, request: &RefundRequest<'_>) -> GaveBack {
        let fields = match self.back(kind, request) {
            Ok(fields) => fields,
            Err(refusal) => return GaveBack::Ended(Outcome::Refused(refusal)),
        };
        let answer = match self.call(BACK, Quota::Refunds, fields).await {
            Ok(answer) => answer,
            Err(why) => return GaveBack::Ended(Outcome::Unknown(why)),
        };
        let said = Said::about_call(&answer);
        let refused = |class| GaveBack::Ended(Outcome::Refused(said.refusal_as(class)));
        match said.meaning {
            // Taken, which is not done: the end is told by a notification or a query.
            Some(Meaning::Success) => GaveBack::Ended(accepted(&answer)),
            // Taken before.
            Some(Meaning::Duplicate) => GaveBack::Ended(match self.ask_refund(request.leg).await {
                Outcome::Done(RefundStanding::Absent) => Outcome::Unknown(Why::new(
                    WhyKind::SystemError,
                    format!("refused with {}, but the channel does not find it", said.words()),
                )),
                other => other,
            }),
            // Not confirmed, but the only account that pays for a refund is the merchant's.
            Some(Meaning::NoFunds) if kind == REFUND => refused(RefusalClass::NoFunds),
            // Keys, numbers, permissions: a person mends the account, and the same call works. For the void it
            // may be the permission to void that is missing.
            Some(Meaning::Account) if kind == REFUND => refused(RefusalClass::Configuration),
            _ => match said.refusal() {
                Some(refusal) => GaveBack::No(refusal),
                None => GaveBack::Ended(Outcome::Unknown(said.why())),
            },
        }
    }
}

fn accepted(answer: &Fields) -> Outcome<RefundStanding> {
    match answer.get("queryId").filter(|id| plain(id, MAX_ID_CHARS, "")) {
        Some(id) => Outcome::Done(RefundStanding::Processing { refund_id: id.to_owned() }),
        None => Outcome::Unknown(Why::new(WhyKind::Unreadable, "the answer has no queryId")),
    }
}

/// A no that the query neither confirmed nor disproved. The call itself was sent, whatever became of the
/// query.
fn unsure(refusal: &Refusal, asked: Outcome<RefundStanding>) -> Outcome<RefundStanding> {
    let (kind, what, retry_after_ms) = match asked {
        Outcome::Unknown(why) => (why.kind, why.to_string(), why.retry_after_ms),
        Outcome::Refused(refusal) => (WhyKind::Unreadable, refusal.to_string(), None),
        Outcome::Done(standing) => (WhyKind::Unreadable, format!("{standing:?}"), None),
    };
    let why = Why::new(kind, format!("refused with {refusal}, but asked for confirmation: {what}"));
    Outcome::Unknown(Why { retry_after_ms, ..why })
}
