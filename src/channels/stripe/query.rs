//! Asking where a payment stands: it knows which questions to put, and must never judge an answer.

use bursar_core::payment::Payment;

use super::Stripe;
use super::call::unreadable;
use super::form::Form;
use super::intent::Intent;
use super::lookup::INTENTS;
use super::object::is_id;
use crate::outcome::{Outcome, Standing};

impl Stripe {
    pub(super) async fn ask(&self, payment: &Payment) -> Outcome<Standing> {
        match self.intent(payment).await {
            Ok(None) => Outcome::Done(Standing::Absent),
            Ok(Some(intent)) => self.standing(&intent, payment.method.debits()),
            Err(trouble) => trouble.outcome(),
        }
    }

    /// Where the payment of `intent` stands, which may be a charge by an agreement.
    pub(super) fn standing(&self, intent: &Intent, debits: bool) -> Outcome<Standing> {
        match intent.standing(self.secret.livemode, debits, self.now()) {
            Ok(standing) => Outcome::Done(standing),
            Err(what) => Outcome::Unknown(unreadable(what)),
        }
    }

    /// Our number of the intent with this id, for messages that name nothing else.
    pub(super) async fn number_on(&self, id: &str) -> Outcome<Option<String>> {
        if !is_id(id, "pi") {
            return Outcome::Done(None);
        }
        match self.read::<Intent>(&format!("{INTENTS}/{id}"), &Form::default()).await {
            Ok(found) => Outcome::Done(found.and_then(|intent| intent.number().map(str::to_owned))),
            Err(trouble) => trouble.outcome(),
        }
    }
}
