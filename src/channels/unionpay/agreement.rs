//! Agreements (a token of the payer's card): it knows how a card is opened for charges, asked about and closed, and
//! must never charge it.
//!
//! The opening is a transaction like a payment: our number and its time name it for ever. The channel shows the page
//! on which the payer types his card in, and gives us a token instead of the card's number. How it answers a question
//! about a token that was deleted is not confirmed: that it has none to show is taken for the end of one that was seen.

use bursar_core::agreement::{Agreement, Signature};
use bursar_core::clock::MINUTE_MS;
use bursar_core::observation::PayCode;
use url::Url;

use super::call::{INTERNET, OPENING, OPENING_QUERY, TOKEN_DELETION};
use super::codes::{Meaning, Said};
use super::create::PAGE;
use super::fields::Fields;
use super::refund::BACK;
use super::settings::Agreements;
use super::token::{self, Token};
use super::{Unionpay, check_notify_url, txn_time};
use crate::channel::SignRequest;
use crate::debit::not_set_up;
use crate::outcome::{AgreementStanding, Outcome, Refusal, RefusalClass, Why, WhyKind};
use crate::transport::Quota;

/// How long after it was signed a question may still miss an agreement.
const PROPAGATION_MS: i64 = MINUTE_MS;
/// What is added to our number of an agreement for the call that ends it, which is a transaction of its own.
const END: &str = "e";

impl Unionpay {
    pub(super) fn set_up(&self) -> Result<&Agreements, Refusal> {
        self.own.agreements.as_ref().ok_or_else(not_set_up)
    }

    /// Without a call: the payer's browser brings the channel the opening.
    pub(super) fn offer(&self, request: &SignRequest<'_>) -> Outcome<PayCode> {
        let fields = match self.opening(request) {
            Ok(fields) => fields,
            Err(refusal) => return Outcome::Refused(refusal),
        };
        let action = self.page.join(PAGE).map(Url::into);
        match (action, self.signed(fields)) {
            (Ok(action), Ok(fields)) => Outcome::Done(PayCode::Form { action, fields: fields.into_map() }),
            (_, Err(why)) => Outcome::Unknown(why),
            (Err(_), _) => {
                let what = "the address of the channel's page cannot be written";
                Outcome::Unknown(crate::transport::unwritten(what))
            }
        }
    }

    fn opening(&self, request: &SignRequest<'_>) -> Result<Fields, Refusal> {
        let (set_up, agreement) = (self.set_up()?, request.agreement);
        let front_url = self.own.front_url.as_deref().ok_or_else(|| {
            let message = "agreements need `front_url` in the settings of the account: where payers come back to";
            Refusal { class: RefusalClass::Configuration, ..Refusal::ours("FRONT_URL", message) }
        })?;
        check_notify_url(request.notify_url)?;
        let mut fields = self.request(OPENING, &agreement.number(), &txn_time(agreement.created_at)?);
        fields.set("channelType", INTERNET);
        fields.set("frontUrl", front_url);
        fields.set("backUrl", request.notify_url);
        fields.set("tokenPayData", token::wanted(&set_up.tr_id));
        Ok(fields)
    }

    pub(super) async fn ask_agreement(&self, agreement: &Agreement) -> Outcome<AgreementStanding> {
        let question = self.set_up().and_then(|_| {
            let mut fields = self.request(OPENING_QUERY, &agreement.number(), &txn_time(agreement.created_at)?);
            fields.set("channelType", INTERNET);
            Ok(fields)
        });
        let question = match question {
            Ok(question) => question,
            Err(refusal) => return Outcome::Refused(refusal),
        };
        let fields = match self.call(BACK, Quota::General, question).await {
            Ok(fields) => fields,
            Err(why) => return Outcome::Unknown(why),
        };
        let said = Said::about_call(&fields);
        match said.meaning {
            // Closed again.
            Some(Meaning::Success) if fields.text("activateStatus") == "0" => self.not_open(agreement, &said),
            Some(Meaning::Success) => match Token::read(fields.text("tokenPayData")) {
                Some(token) => Outcome::Done(AgreementStanding::Signed(Signature {
                    channel_id: token.number,
                    payer_id: None,
                    signed_at: token.begins_at.unwrap_or(agreement.created_at),
                    ends_at: token.ends_at,
                })),
                None => Outcome::Unknown(Why::new(WhyKind::Unreadable, "the answer holds no token")),
            },
            Some(Meaning::Absent | Meaning::Payer | Meaning::NoFunds) => self.not_open(agreement, &said),
            _ => said.refusal().map_or_else(|| Outcome::Unknown(said.why()), Outcome::Refused),
        }
    }

    fn not_open(&self, agreement: &Agreement, said: &Said) -> Outcome<AgreementStanding> {
        match &agreement.evidence.signed {
            None => Outcome::Done(AgreementStanding::Unsigned),
            Some(signature) if self.now().since_ms(signature.signed_at) < PROPAGATION_MS => {
                let what = format!("a card that was opened a moment ago is not found: {}", said.words());
                Outcome::Unknown(Why::new(WhyKind::SystemError, what))
            }
            Some(_) => Outcome::Done(AgreementStanding::Ended(format!("the card is not open: {}", said.words()))),
        }
    }

    pub(super) async fn delete_token(&self, agreement: &Agreement) -> Outcome<()> {
        let token = match &agreement.evidence.signed {
            Some(signature) => signature.channel_id.clone(),
            None => match self.ask_agreement(agreement).await {
                Outcome::Done(AgreementStanding::Signed(signature)) => signature.channel_id,
                other => return other.map(drop),
            },
        };
        // Deleting has one effect however often it is asked for. Each attempt is a transaction of its own, lest one that
        // failed be all that the channel remembers.
        let deletion = self.set_up().and_then(|set_up| {
            let number = format!("{}{END}", agreement.number());
            let mut fields = self.request(TOKEN_DELETION, &number, &txn_time(self.now())?);
            fields.set("channelType", INTERNET);
            fields.set("tokenPayData", token::named(&set_up.tr_id, &token));
            Ok(fields)
        });
        let deletion = match deletion {
            Ok(deletion) => deletion,
            Err(refusal) => return Outcome::Refused(refusal),
        };
        let said = match self.call(BACK, Quota::General, deletion).await {
            Ok(fields) => Said::about_call(&fields),
            Err(why) => return Outcome::Unknown(why),
        };
        if said.is_success() {
            return Outcome::Done(());
        }
        match self.ask_agreement(agreement).await {
            Outcome::Done(AgreementStanding::Ended(_) | AgreementStanding::Unsigned) => Outcome::Done(()),
            _ => said.refusal().map_or_else(|| Outcome::Unknown(said.why()), Outcome::Refused),
        }
    }
}
