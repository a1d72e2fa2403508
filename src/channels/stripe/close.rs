//! Closing and capturing: it knows the two calls that end an intent, and must never decide whether to make one.
//!
//! Neither call has an idempotency key. Both take effect at most once by nature: what is canceled or captured is
//! refused a second time, and reading it tells the rest. A key would make the channel repeat "not in this state" for
//! a day, although the state has changed since.

use bursar_core::payment::Payment;

use super::Stripe;
use super::call::{Answered, Call, object, unreadable};
use super::create::money;
use super::errors::{ApiError, Meaning};
use super::form::Form;
use super::intent::Intent;
use super::lookup::{INTENTS, expanded, known_id};
use crate::outcome::{Closed, Outcome, RefusalClass, Standing, WhyKind};

impl Stripe {
    /// Cancels the intent; what is held is let go.
    pub(super) async fn cancel(&self, payment: &Payment) -> Outcome<Closed> {
        let id = match self.id_of(payment).await {
            Ok(Some(id)) => id,
            Ok(None) => return Outcome::Done(Closed::Absent),
            Err(outcome) => return outcome,
        };
        let form = Form::default().with("cancellation_reason", "abandoned");
        match self.call(Call::post(&format!("{INTENTS}/{id}/cancel"), &form)).await {
            Err(why) => Outcome::Unknown(why),
            Ok(Answered::Success { answer, .. }) => match object::<Intent>(&answer) {
                Ok(intent) if intent.id == id && intent.status == "canceled" => Outcome::Done(Closed::Accepted),
                Ok(_) => Outcome::Unknown(unreadable("it is not canceled")),
                Err(why) => Outcome::Unknown(why),
            },
            Ok(Answered::Error(error)) => match error.meaning {
                Some(Meaning::Absent) => Outcome::Done(Closed::Absent),
                Some(Meaning::State) => self.not_canceled(payment, &error).await,
                _ => error.outcome(),
            },
        }
    }

    /// It cannot be canceled as it stands: how it stands.
    async fn not_canceled(&self, payment: &Payment, error: &ApiError) -> Outcome<Closed> {
        match self.intent(payment).await {
            Ok(Some(intent)) => match intent.status.as_str() {
                "canceled" => Outcome::Done(Closed::Accepted),
                "succeeded" => Outcome::Done(Closed::AlreadyPaid),
                // The card's bank is being asked; its answer comes within seconds, as a rule.
                "processing" => Outcome::Done(Closed::TooEarly),
                _ => Outcome::Unknown(error.why(WhyKind::SystemError)),
            },
            Ok(None) => Outcome::Done(Closed::Absent),
            Err(trouble) => trouble.outcome(),
        }
    }

    /// Takes of what is held what the service came to. The channel lets the rest go by itself.
    pub(super) async fn take_held(&self, payment: &Payment) -> Outcome<Standing> {
        if let Err(refusal) = money(Form::default(), payment.amount) {
            return Outcome::Refused(refusal);
        }
        let id = match self.id_of(payment).await {
            Ok(Some(id)) => id,
            Ok(None) => return Outcome::Done(Standing::Absent),
            Err(outcome) => return outcome,
        };
        // Said also when it is all that is held: a repetition then says the same, whatever is left of the hold.
        let form = expanded("").with("amount_to_capture", payment.amount.minor);
        let error = match self.call(Call::post(&format!("{INTENTS}/{id}/capture"), &form)).await {
            Err(why) => return Outcome::Unknown(why),
            Ok(Answered::Success { answer, .. }) => {
                return match object::<Intent>(&answer) {
                    Ok(intent) if intent.id == id => self.standing(&intent, false),
                    Ok(_) => Outcome::Unknown(unreadable("it is about another intent")),
                    Err(why) => Outcome::Unknown(why),
                };
            }
            Ok(Answered::Error(error)) => error,
        };
        match error.meaning {
            // Taken already, let go, or lapsed: reading it tells which. While it is still held, the no stands.
            Some(Meaning::State | Meaning::Wrong | Meaning::Declined | Meaning::Spent) => match self.ask(payment).await
            {
                Outcome::Done(Standing::Authorized(_)) => Outcome::Refused(error.refusal(RefusalClass::Definite)),
                other => other,
            },
            Some(Meaning::Absent) => Outcome::Done(Standing::Absent),
            _ => error.outcome(),
        }
    }

    async fn id_of<T>(&self, payment: &Payment) -> Result<Option<String>, Outcome<T>> {
        match known_id(payment) {
            Some(id) => Ok(Some(id.to_owned())),
            None => self.find(payment).await.map(|found| found.map(|intent| intent.id)).map_err(|t| t.outcome()),
        }
    }
}
