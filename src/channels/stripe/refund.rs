//! Giving money back: it knows the calls that do it and how a no is made sure, and must never know why money goes
//! back.
//!
//! The leg's number is the idempotency key, and is written on the refund. Where the channel repeats an old answer, the
//! refund itself is read. There is a second key only where nothing came of the first: when the channel repeats, of that
//! one, that the balance was too low; and when it repeats trouble of its own for so long that a refund, had it come of
//! the first call, would stand in the list. After anything less certain a second key could pay twice.

use bursar_core::clock::MINUTE_MS;
use bursar_core::payment::Payment;
use bursar_core::refund::Leg;

use super::Stripe;
use super::call::{Answered, Call, Trouble, object, unreadable};
use super::create::line;
use super::errors::{ApiError, Meaning};
use super::form::Form;
use super::lookup::known_id;
use super::making::may_be_forgotten;
use super::object::{LEG, PAYMENT, REASON, is_id};
use super::refunded::Refunded;
use crate::channel::RefundRequest;
use crate::outcome::{Outcome, RefundStanding, Refusal, RefusalClass, Why, WhyKind};

const REFUNDS: &str = "/v1/refunds";
/// Longest value of metadata. Source: the channel's documents.
const MAX_REASON_CHARS: usize = 500;
/// Most pages of the refunds of one payment that are read: far more than there can be.
const MAX_PAGES: usize = 10;

/// So long after an attempt has ended a refund that came of it, or of an earlier one, stands in the list for certain.
/// The list shows what was made at once; what is made good after trouble is not promised to be there so soon, hence
/// more than twice the time that the channel's facts allow for things to show.
const SETTLED_MS: i64 = 5 * MINUTE_MS;
/// Most keys for one refund, each after a certain no under the one before. Within a day, for which the channel repeats
/// itself, there are no more attempts than this.
const MAX_KEYS: usize = 24;

/// The channel's word for why. Words of ours that it has no word for are the payer's wish; `fraudulent` puts the
/// card on a list of the channel's, so that it must be said outright.
fn reason_word(text: &str) -> &'static str {
    match text.trim() {
        "duplicate" | "the order had been paid already" => "duplicate",
        "fraudulent" => "fraudulent",
        _ => "requested_by_customer",
    }
}

/// How an attempt under one key ended.
enum Sent {
    Ended(Outcome<RefundStanding>),
    /// The channel repeats what it said when this key was used first, and nothing came of that.
    CameToNothing(Refusal),
}

/// A no, and what it is worth.
enum No {
    /// Final, or lawful to call again: nothing can be lost by believing it.
    Sure(Outcome<RefundStanding>),
    /// It would make us look for another way to give the same money back. It may also be the answer to a
    /// repetition of a call that had an effect, so it is believed only when the refund is not found.
    Doubtful(Refusal),
}

fn judge(error: ApiError) -> No {
    match error.meaning {
        Some(Meaning::InUse) => No::Doubtful(error.refusal(RefusalClass::NumberInUse)),
        // Also when a dispute has taken the money back already: the channel gives it back no second time.
        Some(Meaning::Spent | Meaning::Wrong | Meaning::State | Meaning::Declined | Meaning::Absent) => {
            No::Doubtful(error.refusal(RefusalClass::Definite))
        }
        _ => No::Sure(error.outcome()),
    }
}

impl Stripe {
    /// The members of the refund: a function of the request, the same for every attempt.
    fn refund_form(request: &RefundRequest<'_>, intent: &str) -> Result<Form, Refusal> {
        let (payment, leg) = (request.payment, request.leg);
        if leg.amount.currency != payment.amount.currency || !(1..=payment.amount.minor).contains(&leg.amount.minor) {
            let message = "at least one minor unit of the payment's currency goes back, and not more than was paid";
            return Err(Refusal::ours("AMOUNT", message));
        }
        let form = Form::default()
            .with("payment_intent", intent)
            .with("amount", leg.amount.minor)
            .with("reason", reason_word(request.reason))
            .within("metadata", LEG, leg.number())
            .within("metadata", PAYMENT, payment.number());
        let words = line(request.reason, MAX_REASON_CHARS);
        Ok(if words.is_empty() { form } else { form.within("metadata", REASON, words) })
    }

    pub(super) async fn refund_payment(&self, request: &RefundRequest<'_>) -> Outcome<RefundStanding> {
        let (payment, leg) = (request.payment, request.leg);
        let intent = match self.refundable(payment).await {
            Ok(Some(id)) => id,
            Ok(None) => {
                return Outcome::Unknown(Why::not_sent(WhyKind::Unreadable, "the intent of the payment is not found"));
            }
            Err(trouble) => return Outcome::Unknown(trouble.before()),
        };
        let form = match Self::refund_form(request, &intent) {
            Ok(form) => form,
            Err(refusal) => return Outcome::Refused(refusal),
        };
        // The channel may have forgotten the key of an earlier call, which may have had an effect.
        if may_be_forgotten(leg.created_at, self.now()) {
            match self.find_refund(&intent, leg).await {
                Ok(None) => {}
                Ok(Some(refunded)) => return standing(&refunded),
                Err(trouble) => return Outcome::Unknown(trouble.before()),
            }
        }
        let mut last = None;
        for nth in 1..=MAX_KEYS {
            match self.post_refund(request, &form, &intent, nth).await {
                Sent::Ended(outcome) => return outcome,
                Sent::CameToNothing(refusal) => last = Some(refusal),
            }
        }
        match last {
            Some(refusal) if refusal.class == RefusalClass::NoFunds => Outcome::Refused(refusal),
            _ => {
                Outcome::Unknown(Why::new(WhyKind::ServerError, "the channel repeats old trouble, and will for a day"))
            }
        }
    }

    /// One attempt under the `nth` key.
    async fn post_refund(&self, request: &RefundRequest<'_>, form: &Form, intent: &str, nth: usize) -> Sent {
        let (leg, number) = (request.leg, request.leg.number());
        let key = if nth == 1 { number.clone() } else { format!("{number}-{nth}") };
        Sent::Ended(match self.call(Call::post(REFUNDS, form).once(key).refunds()).await {
            Err(why) => Outcome::Unknown(why),
            Ok(Answered::Success { answer, replayed }) => match object::<Refunded>(&answer) {
                Err(why) => Outcome::Unknown(why),
                Ok(refunded) if refunded.number() != Some(number.as_str()) => {
                    Outcome::Unknown(unreadable("it is about another number"))
                }
                // As it stood when the call was made first.
                Ok(refunded) if replayed => self.reread(leg, &refunded.id).await,
                Ok(refunded) => standing(&refunded),
            },
            Ok(Answered::Error(error)) if error.replayed && error.meaning == Some(Meaning::NoFunds) => {
                return Sent::CameToNothing(error.refusal(RefusalClass::NoFunds));
            }
            Ok(Answered::Error(error)) => {
                let old =
                    (error.replayed && error.status >= 500).then(|| error.clone().refusal(RefusalClass::Definite));
                let outcome = self.not_refunded(intent, leg, error).await;
                match old {
                    Some(old) if matches!(outcome, Outcome::Unknown(_)) && self.is_settled(intent, leg).await => {
                        return Sent::CameToNothing(old);
                    }
                    _ => outcome,
                }
            }
        })
    }

    /// Whether it is certain that no attempt has had an effect: the last one ended long ago, and the refund is not
    /// in the list.
    async fn is_settled(&self, intent: &str, leg: &Leg) -> bool {
        let long_ago = leg.evidence.no_answer_at.is_some_and(|at| self.now().since_ms(at) >= SETTLED_MS);
        long_ago && matches!(self.find_refund(intent, leg).await, Ok(None))
    }

    /// An error, after the refund was looked for where that could change its meaning.
    async fn not_refunded(&self, intent: &str, leg: &Leg, error: ApiError) -> Outcome<RefundStanding> {
        let old_trouble = (error.replayed && error.status >= 500).then(|| error.why(WhyKind::ServerError));
        let no = match (old_trouble, judge(error)) {
            (Some(why), _) => Outcome::Unknown(why),
            (None, No::Sure(outcome)) => return outcome,
            (None, No::Doubtful(refusal)) => Outcome::Refused(refusal),
        };
        match self.find_refund(intent, leg).await {
            Ok(None) => no,
            // An earlier attempt had an effect after all.
            Ok(Some(refunded)) => standing(&refunded),
            Err(trouble) => doubted(&no, trouble),
        }
    }

    pub(super) async fn ask_refund(&self, payment: &Payment, leg: &Leg) -> Outcome<RefundStanding> {
        if let Some(id) = leg.evidence.refund_id.as_deref().filter(|id| is_refund_id(id)) {
            return self.reread(leg, id).await;
        }
        let found = match self.refundable(payment).await {
            Ok(Some(intent)) => self.find_refund(&intent, leg).await,
            Ok(None) => Ok(None),
            Err(trouble) => Err(trouble),
        };
        match found {
            Ok(None) => Outcome::Done(RefundStanding::Absent),
            Ok(Some(refunded)) => standing(&refunded),
            Err(trouble) => trouble.outcome(),
        }
    }

    async fn reread(&self, leg: &Leg, id: &str) -> Outcome<RefundStanding> {
        if !is_refund_id(id) {
            return Outcome::Unknown(unreadable("its id is none of a refund"));
        }
        match self.read::<Refunded>(&format!("{REFUNDS}/{id}"), &Form::default()).await {
            Ok(None) => Outcome::Done(RefundStanding::Absent),
            Ok(Some(refunded)) if refunded.number() == Some(leg.number().as_str()) => standing(&refunded),
            Ok(Some(_)) => Outcome::Unknown(unreadable("it is about another number")),
            Err(trouble) => trouble.outcome(),
        }
    }

    /// The id of the intent whose money goes back.
    async fn refundable(&self, payment: &Payment) -> Result<Option<String>, Trouble> {
        match known_id(payment) {
            Some(id) => Ok(Some(id.to_owned())),
            None => Ok(self.find(payment).await?.map(|intent| intent.id)),
        }
    }

    /// The refund of the leg among all of its payment.
    async fn find_refund(&self, intent: &str, leg: &Leg) -> Result<Option<Refunded>, Trouble> {
        let number = leg.number();
        let query = Form::default().with("payment_intent", intent);
        let all = self.pages(REFUNDS, query, MAX_PAGES, |refunded: &Refunded| &refunded.id).await?;
        Ok(all.into_iter().find(|refunded| refunded.number() == Some(number.as_str())))
    }
}

/// Ids of refunds: `re_`, and `pyr_` for those that go another way than the card.
fn is_refund_id(id: &str) -> bool {
    is_id(id, "re") || is_id(id, "pyr")
}

fn standing(refunded: &Refunded) -> Outcome<RefundStanding> {
    match refunded.standing() {
        Ok(standing) => Outcome::Done(standing),
        Err(what) => Outcome::Unknown(unreadable(what)),
    }
}

/// A no that the list neither confirmed nor disproved. The call itself was sent, whatever became of the list.
fn doubted(no: &Outcome<RefundStanding>, asked: Trouble) -> Outcome<RefundStanding> {
    let asked = asked.why();
    let first = match no {
        Outcome::Refused(refusal) => refusal.to_string(),
        Outcome::Unknown(why) => why.to_string(),
        Outcome::Done(standing) => format!("{standing:?}"),
    };
    let why = Why::new(asked.kind, format!("answered with {first}, but asked for confirmation: {asked}"));
    Outcome::Unknown(Why { retry_after_ms: asked.retry_after_ms, ..why })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_outright_word_accuses_the_payer() {
        assert_eq!(reason_word("duplicate"), "duplicate");
        assert_eq!(reason_word("the order had been paid already"), "duplicate");
        assert_eq!(reason_word(" fraudulent "), "fraudulent");
        for text in ["", "不满意", "maybe fraudulent", "a duplicate"] {
            assert_eq!(reason_word(text), "requested_by_customer", "{text}");
        }
    }
}
