//! Giving money back: it knows the calls that do it and how a no is made sure, and must never know why
//! money goes back.

use bursar_core::clock::DAY_MS;
use bursar_core::money::Currency;
use bursar_core::payment::Payment;
use bytes::Bytes;
use serde::Serialize;

use super::call::Answered;
use super::errors::{ApiError, FREQUENCY_LIMITED, Meaning};
use super::payee::SealedPayee;
use super::refunded::Refunded;
use super::transport::Call;
use super::{Wechat, check_notify_url, number, refused};
use crate::channel::{Channel, RefundRequest};
use crate::outcome::{Outcome, RefundStanding, Refusal, RefusalClass, Why, WhyKind};
use crate::transport::Answer;

/// Longest reason that the channel takes. It does not say whether characters or bytes are meant, so the
/// shorter is kept.
const MAX_REASON_BYTES: usize = 80;
/// How long after a payment the channel may say "no such order" of it when money shall go back, in
/// milliseconds. Merchants report minutes; the channel documents nothing.
const SETTLING_MS: i64 = DAY_MS;

/// The body. The order of the members is fixed, so that every attempt sends the same bytes.
#[derive(Serialize)]
struct Body<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    out_trade_no: Option<&'a str>,
    /// The only number by which money of pay after service goes back.
    #[serde(skip_serializing_if = "Option::is_none")]
    transaction_id: Option<&'a str>,
    out_refund_no: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    reason: &'a str,
    notify_url: &'a str,
    amount: Amount<'a>,
}

#[derive(Serialize)]
struct Amount<'a> {
    refund: i64,
    total: i64,
    currency: &'a str,
}

#[derive(Serialize)]
struct ToCard<'a> {
    out_refund_no: &'a str,
    r#type: &'static str,
    bank_type: &'a str,
    bank_account: &'a str,
    real_name: &'a str,
}

/// A no, and what it is worth.
enum No {
    /// Final, or lawful to call again: nothing can be lost by believing it.
    Sure(Outcome<RefundStanding>),
    /// It would make us look for another way to give the same money back. It may also be the answer to a
    /// repetition of a call that had an effect ("everything was refunded already"), so it is believed only
    /// when a query agrees.
    Doubtful(Refusal),
}

/// What an error answer to a call that gives money back means. Confirmed by the channel's pages: NOT_ENOUGH,
/// USER_ACCOUNT_ABNORMAL and INVALID_REQUEST mean "not accepted", FREQUENCY_LIMITED means "not taken, again
/// later", SYSTEM_ERROR "again with the same number". Not confirmed: whether RATELIMIT_EXCEEDED comes
/// before any effect (so it is unknown), and the words for "too old" and "too many", which have no code of
/// their own but INVALID_REQUEST and RULE_LIMIT.
fn judge(error: ApiError, settling: bool) -> No {
    use RefusalClass::{Configuration, Definite, NoFunds, NumberInUse, TooSoon};
    let refused = |error: ApiError, class| No::Sure(Outcome::Refused(error.refusal(class)));
    match error.meaning {
        Some(Meaning::NoFunds) => refused(error, NoFunds),
        Some(Meaning::TooMany) if error.code == FREQUENCY_LIMITED => refused(error, TooSoon),
        Some(Meaning::Later) => refused(error, TooSoon),
        Some(Meaning::Account) => refused(error, Configuration),
        // The channel itself has told us of the payment: its refunds have not heard of it yet.
        Some(Meaning::Absent) if settling => refused(error, TooSoon),
        Some(Meaning::InUse) => No::Doubtful(error.refusal(NumberInUse)),
        _ if error.says_other_content() => No::Doubtful(error.refusal(NumberInUse)),
        Some(Meaning::Wrong | Meaning::Invalid | Meaning::Absent | Meaning::Closed) => {
            No::Doubtful(error.refusal(Definite))
        }
        // A code of other calls: it says nothing here.
        Some(Meaning::Paid) => No::Sure(Outcome::Unknown(error.why(WhyKind::Unreadable))),
        Some(Meaning::System | Meaning::TooMany) | None => No::Sure(error.outcome()),
    }
}

fn bad_number() -> Refusal {
    refused("NUMBER", "a refund's number has 1 to 64 characters of 0-9 A-Z a-z _ - | * @", RefusalClass::Definite)
}

/// `text` on one line, cut to [`MAX_REASON_BYTES`] at a character's end.
fn reason(text: &str) -> String {
    let line: String = text.trim().chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    line.get(..line.floor_char_boundary(MAX_REASON_BYTES)).unwrap_or_default().trim_end().to_owned()
}

impl Wechat {
    /// The bytes of the refund call: a function of the request, the same for every attempt.
    pub(super) fn refund_body(&self, request: &RefundRequest<'_>) -> Result<Bytes, Refusal> {
        let (payment, leg) = (request.payment, request.leg);
        let wrong = |code, message| refused(code, message, RefusalClass::Definite);
        if payment.amount.currency != Currency::CNY || leg.amount.currency != Currency::CNY {
            return Err(wrong("CURRENCY", "this account gives CNY back only"));
        }
        if !(1..=payment.amount.minor).contains(&leg.amount.minor) {
            return Err(wrong("AMOUNT", "at least one fen goes back, and not more than was paid"));
        }
        check_notify_url(request.notify_url)?;
        let (out_trade_no, out_refund_no) = (payment.number(), leg.number());
        if !number::is_valid(&out_trade_no) || !number::is_valid_refund(&out_refund_no) {
            return Err(bad_number());
        }
        let transaction_id = if payment.method.holds() {
            let taken = payment.evidence.transaction_id().filter(|id| number::is_channels(id));
            let unknown = || wrong("TRANSACTION", "the channel has not told by which number it took the money");
            Some(taken.ok_or_else(unknown)?)
        } else {
            None
        };
        let body = Body {
            out_trade_no: transaction_id.is_none().then_some(out_trade_no.as_str()),
            transaction_id,
            out_refund_no: &out_refund_no,
            reason: &reason(request.reason),
            notify_url: request.notify_url,
            amount: Amount { refund: leg.amount.minor, total: payment.amount.minor, currency: Currency::CNY.code() },
        };
        serde_json::to_vec(&body).map(Bytes::from).map_err(|_| wrong("BODY", "the call cannot be written"))
    }

    pub(super) async fn refund_payment(&self, request: &RefundRequest<'_>) -> Outcome<RefundStanding> {
        let body = match self.refund_body(request) {
            Ok(body) => body,
            Err(refusal) => return Outcome::Refused(refusal),
        };
        match self.call(Call::post("/v3/refund/domestic/refunds", body).refunds()).await {
            Err(why) => Outcome::Unknown(why),
            Ok(Answered::Success(answer)) => self.read_refund_answer(&answer, request),
            Ok(Answered::Error(error)) => match judge(error, self.is_settling(request.payment)) {
                No::Sure(outcome) => outcome,
                No::Doubtful(refusal) => match self.query_refund(request.payment, request.leg).await {
                    Outcome::Done(RefundStanding::Absent) => Outcome::Refused(refusal),
                    // An earlier attempt had an effect after all.
                    Outcome::Done(standing) => Outcome::Done(standing),
                    other => doubted(&refusal, other),
                },
            },
        }
    }

    pub(super) async fn ask_refund(&self, number: &str) -> Outcome<RefundStanding> {
        let Some(segment) = number::refund_segment(number) else {
            return Outcome::Refused(bad_number());
        };
        let target = format!("/v3/refund/domestic/refunds/{segment}");
        match self.call(Call::get(&target)).await {
            Err(why) => Outcome::Unknown(why),
            Ok(Answered::Error(error)) if error.meaning == Some(Meaning::Absent) => {
                Outcome::Done(RefundStanding::Absent)
            }
            Ok(Answered::Error(error)) => error.outcome(),
            Ok(Answered::Success(answer)) => self.read_refunded(&answer, |refunded| refunded.out_refund_no == number),
        }
    }

    /// See [`Channel::refund_second_way`].
    pub(super) async fn refund_to_card(
        &self,
        request: &RefundRequest<'_>,
        refund_id: &str,
        payee: &str,
    ) -> Outcome<RefundStanding> {
        let wrong = |code, message| Outcome::Refused(refused(code, message, RefusalClass::Definite));
        let out_refund_no = request.leg.number();
        if !number::is_channels(refund_id) || !number::is_valid_refund(&out_refund_no) {
            return wrong("NUMBER", "the numbers of this refund cannot be the channel's");
        }
        let Some(payee) = SealedPayee::read(payee) else {
            return wrong("PAYEE", "the stored bank account was not sealed for this channel; ask the payer again");
        };
        let body = ToCard {
            out_refund_no: &out_refund_no,
            r#type: "USER_BANK_CARD",
            bank_type: &payee.bank_type,
            bank_account: &payee.bank_account,
            real_name: &payee.real_name,
        };
        let Ok(body) = serde_json::to_vec(&body) else {
            return wrong("BODY", "the call cannot be written");
        };
        let target = format!("/v3/refund/domestic/refunds/{refund_id}/apply-abnormal-refund");
        let call = Call::post(&target, Bytes::from(body)).refunds().sealed_for(&payee.serial);
        match self.call(call).await {
            Err(why) => Outcome::Unknown(why),
            Ok(Answered::Success(answer)) => self.read_refund_answer(&answer, request),
            Ok(Answered::Error(error)) => match judge(error, false) {
                No::Sure(outcome) => outcome,
                No::Doubtful(refusal) => match self.query_refund(request.payment, request.leg).await {
                    Outcome::Done(RefundStanding::Abnormal { .. }) => Outcome::Refused(refusal),
                    // It is under way again: an earlier attempt had been taken.
                    Outcome::Done(standing) if standing != RefundStanding::Absent => Outcome::Done(standing),
                    other => doubted(&refusal, other),
                },
            },
        }
    }

    fn is_settling(&self, payment: &Payment) -> bool {
        let paid_at = payment.evidence.paid.as_ref().map(|receipt| receipt.paid_at);
        paid_at.is_some_and(|at| self.now().since_ms(at) < SETTLING_MS)
    }

    fn read_refund_answer(&self, answer: &Answer, request: &RefundRequest<'_>) -> Outcome<RefundStanding> {
        let (number, of) = (request.leg.number(), request.payment.number());
        // Of pay after service the channel has a number of its own where ours stands otherwise.
        let taken = request.payment.evidence.transaction_id().filter(|_| request.payment.method.holds());
        self.read_refunded(answer, |refunded| {
            let same = match taken {
                Some(taken) => refunded.transaction_id.as_deref().is_none_or(|named| named == taken),
                None => refunded.out_trade_no == of,
            };
            refunded.out_refund_no == number && same
        })
    }

    fn read_refunded(&self, answer: &Answer, is_ours: impl FnOnce(&Refunded) -> bool) -> Outcome<RefundStanding> {
        let read = serde_json::from_slice::<Refunded>(&answer.body).map_err(|e| e.to_string());
        let standing = read.and_then(|refunded| {
            if is_ours(&refunded) { refunded.standing(self.now()) } else { Err("it is about another number".into()) }
        });
        match standing {
            Ok(standing) => Outcome::Done(standing),
            Err(what) => Outcome::Unknown(Why::new(WhyKind::Unreadable, format!("the answer: {what}"))),
        }
    }
}

/// A no that the query neither confirmed nor disproved. The call itself was sent, whatever became of the
/// query.
fn doubted(refusal: &Refusal, asked: Outcome<RefundStanding>) -> Outcome<RefundStanding> {
    let (kind, what, retry_after_ms) = match asked {
        Outcome::Unknown(why) => (why.kind, why.to_string(), why.retry_after_ms),
        Outcome::Refused(refusal) => (WhyKind::Unreadable, refusal.to_string(), None),
        Outcome::Done(standing) => (WhyKind::Unreadable, format!("{standing:?}"), None),
    };
    let why = Why::new(kind, format!("refused with {refusal}, but asked for confirmation: {what}"));
    Outcome::Unknown(Why { retry_after_ms, ..why })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_one_line_of_at_most_eighty_bytes_and_whole_characters() {
        assert_eq!(reason(" 不满意\n退款\u{7} "), "不满意 退款");
        assert_eq!(reason(""), "");
        assert_eq!(reason(&"退".repeat(40)), "退".repeat(26));
        assert_eq!(reason(&"x".repeat(100)).len(), 80);
        assert_eq!(reason(&format!("{} b", "a".repeat(79))), "a".repeat(79));
    }
}
