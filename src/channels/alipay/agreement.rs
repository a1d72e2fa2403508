//! Agreements (周期扣款 and 商家扣款): it knows how one is offered, asked about and ended, and must never charge by one.

use bursar_core::agreement::{Agreement, Rhythm, RhythmUnit, Signature};
use bursar_core::clock::MINUTE_MS;
use bursar_core::money::Currency;
use bursar_core::observation::PayCode;
use serde::{Deserialize, Serialize};

use super::call::Answered;
use super::declines::says_none;
use super::gateway::Addresses;
use super::operation::Operation;
use super::settings::{AgreementProduct, Agreements, is_web_address};
use super::{Alipay, yuan};
use crate::beijing;
use crate::channel::SignRequest;
use crate::debit::not_set_up;
use crate::outcome::{AgreementStanding, Outcome, Refusal, RefusalClass, Why, WhyKind, shorten};

/// The page on which a payer signs.
const SIGN: &str = "alipay.user.agreement.page.sign";
/// The last day of a month on which a charge can be every month. Source: the channel's documents.
const LAST_DAY_OF_MONTH: i8 = 28;
/// How long after it was signed a question may still miss an agreement.
const PROPAGATION_MS: i64 = MINUTE_MS;

/// The content. The order of the members is fixed, so that every attempt says the same.
#[derive(Serialize)]
struct Content<'a> {
    external_agreement_no: &'a str,
    product_code: &'static str,
    personal_product_code: &'static str,
    sign_scene: &'a str,
    access_params: Access<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sign_validity_period: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    period_rule_params: Option<PeriodRule>,
}

#[derive(Serialize)]
struct Access<'a> {
    channel: &'a str,
}

#[derive(Serialize)]
struct PeriodRule {
    period_type: &'static str,
    period: u16,
    execute_time: String,
    single_amount: String,
}

/// How the channel finds an agreement by our number.
#[derive(Serialize)]
struct Named<'a> {
    personal_product_code: &'static str,
    sign_scene: &'a str,
    external_agreement_no: &'a str,
}

/// What is read of an agreement.
#[derive(Default, Debug, Deserialize)]
#[serde(default)]
struct Shown {
    agreement_no: Option<String>,
    external_agreement_no: Option<String>,
    status: Option<String>,
    sign_time: Option<String>,
    valid_time: Option<String>,
    invalid_time: Option<String>,
}

impl Shown {
    /// Where it stands. `or_at` stands in for a missing time of signing; it must be the same at each question.
    fn standing(self, or_at: bursar_core::Timestamp) -> Result<AgreementStanding, String> {
        let read = |text: Option<String>| match text.filter(|text| !text.is_empty()) {
            Some(text) => {
                beijing::parse_wall(&text).map(Some).ok_or_else(|| format!("its time `{}` is none", shorten(&text)))
            }
            None => Ok(None),
        };
        match self.status.as_deref() {
            Some("NORMAL") => {
                let id = self.agreement_no.filter(|id| (1..=64).contains(&id.len()));
                let channel_id = id.ok_or("it is signed, but has no agreement_no")?;
                let signed_at = read(self.sign_time.or(self.valid_time))?.unwrap_or(or_at);
                let ends_at = read(self.invalid_time)?;
                Ok(AgreementStanding::Signed(Signature { channel_id, payer_id: None, signed_at, ends_at }))
            }
            // TEMP was never in force; STOP is not now, and may be again.
            Some("TEMP" | "STOP") => Ok(AgreementStanding::Unsigned),
            // The word of the messages. Whether answers use it is not confirmed: they rather know none any more.
            Some("UNSIGN") => Ok(AgreementStanding::Ended("UNSIGN".to_owned())),
            Some(other) => Err(format!("its status `{}` is not known", shorten(other))),
            None => Err("it has no status".into()),
        }
    }
}

/// What the channel is told about when it will be charged: it holds the merchant to that.
fn period_rule(rhythm: Rhythm, single_fen: i64) -> Result<PeriodRule, Refusal> {
    if rhythm.unit == RhythmUnit::Month && rhythm.first_on.day() > LAST_DAY_OF_MONTH {
        return Err(Refusal::ours(
            "RHYTHM",
            "the channel charges on the 1st to 28th of a month; choose an earlier day",
        ));
    }
    Ok(PeriodRule {
        period_type: if rhythm.unit == RhythmUnit::Month { "MONTH" } else { "DAY" },
        period: rhythm.every,
        execute_time: rhythm.first_on.to_string(),
        single_amount: yuan::written(single_fen),
    })
}

impl Alipay {
    pub(super) fn set_up(&self) -> Result<&Agreements, Refusal> {
        self.agreements.as_ref().ok_or_else(not_set_up)
    }

    /// The content of the page: a function of the request, the same for every attempt.
    fn offer_content(&self, request: &SignRequest<'_>) -> Result<String, Refusal> {
        let (set_up, agreement) = (self.set_up()?, request.agreement);
        if agreement.limit.currency != Currency::CNY {
            return Err(Refusal::ours("CURRENCY", "this account takes CNY only"));
        }
        if !(1..=yuan::MAX_FEN).contains(&agreement.limit.minor) {
            return Err(Refusal::ours("AMOUNT", "the channel takes 0.01 to 100000000 yuan at once"));
        }
        if !is_web_address(request.notify_url) {
            let message = "the notification address is none, or longer than 256 bytes; mend `public_url`";
            return Err(Refusal { class: RefusalClass::Configuration, ..Refusal::ours("NOTIFY_URL", message) });
        }
        let period_rule_params = match (set_up.product_code, agreement.rhythm) {
            (AgreementProduct::GeneralWithholding, _) => None,
            (AgreementProduct::CyclePayAuth, Some(rhythm)) => Some(period_rule(rhythm, agreement.limit.minor)?),
            (AgreementProduct::CyclePayAuth, None) => {
                return Err(Refusal::ours("RHYTHM", "CYCLE_PAY_AUTH needs to know when the payer will be charged"));
            }
        };
        let content = Content {
            external_agreement_no: &agreement.number(),
            // The same for both products; the personal one tells them apart.
            product_code: AgreementProduct::GeneralWithholding.code(),
            personal_product_code: set_up.product_code.personal(),
            sign_scene: &set_up.sign_scene,
            access_params: Access { channel: &set_up.access_channel },
            sign_validity_period: set_up.sign_validity_period.as_deref(),
            period_rule_params,
        };
        serde_json::to_string(&content).map_err(|_| Refusal::ours("BODY", "the call cannot be written"))
    }

    /// Without a call: what is signed here is the call that the payer's browser makes.
    pub(super) fn offer(&self, request: &SignRequest<'_>) -> Outcome<PayCode> {
        let content = match self.offer_content(request) {
            Ok(content) => content,
            Err(refusal) => return Outcome::Refused(refusal),
        };
        let to = Addresses { notify: Some(request.notify_url), back: self.return_url.as_deref() };
        match self.gateway.page(SIGN, &content, to) {
            Ok(url) => Outcome::Done(PayCode::Redirect { url }),
            Err(why) => Outcome::Unknown(why),
        }
    }

    async fn call_about(&self, operation: Operation, agreement: &Agreement) -> Outcome<Answered> {
        let set_up = match self.set_up() {
            Ok(set_up) => set_up,
            Err(refusal) => return Outcome::Refused(refusal),
        };
        let named = Named {
            personal_product_code: set_up.product_code.personal(),
            sign_scene: &set_up.sign_scene,
            external_agreement_no: &agreement.number(),
        };
        match self.call(operation, &named, Addresses::default()).await {
            Ok(answered) => Outcome::Done(answered),
            Err(why) => Outcome::Unknown(why),
        }
    }

    pub(super) async fn ask_agreement(&self, agreement: &Agreement) -> Outcome<AgreementStanding> {
        let content = match self.call_about(Operation::AgreementQuery, agreement).await {
            Outcome::Refused(refusal) => return Outcome::Refused(refusal),
            Outcome::Unknown(why) => return Outcome::Unknown(why),
            Outcome::Done(Answered::Error(error)) if says_none(&error.code) => return self.unknown_there(agreement),
            Outcome::Done(Answered::Error(error)) => return error.outcome(),
            Outcome::Done(Answered::Success(content)) => content,
        };
        let unreadable = |what: String| Outcome::Unknown(Why::new(WhyKind::Unreadable, format!("the answer: {what}")));
        let shown: Shown = match serde_json::from_str(&content) {
            Ok(shown) => shown,
            Err(e) => return unreadable(e.to_string()),
        };
        if shown.external_agreement_no.as_ref().is_some_and(|named| *named != agreement.number()) {
            return unreadable("it is about another number".into());
        }
        shown.standing(agreement.created_at).map_or_else(unreadable, Outcome::Done)
    }

    /// The channel knows no such agreement: before it is signed, and again after it has ended.
    fn unknown_there(&self, agreement: &Agreement) -> Outcome<AgreementStanding> {
        match &agreement.evidence.signed {
            None => Outcome::Done(AgreementStanding::Unsigned),
            Some(signature) if self.gateway.now().since_ms(signature.signed_at) < PROPAGATION_MS => {
                let what = "the channel does not know an agreement that was signed a moment ago";
                Outcome::Unknown(Why::new(WhyKind::SystemError, what))
            }
            Some(_) => {
                Outcome::Done(AgreementStanding::Ended("the channel does not know the agreement any more".to_owned()))
            }
        }
    }

    pub(super) async fn unsign(&self, agreement: &Agreement) -> Outcome<()> {
        match self.call_about(Operation::AgreementUnsign, agreement).await {
            Outcome::Refused(refusal) => Outcome::Refused(refusal),
            Outcome::Unknown(why) => Outcome::Unknown(why),
            Outcome::Done(Answered::Success(_)) => Outcome::Done(()),
            Outcome::Done(Answered::Error(error)) if says_none(&error.code) => Outcome::Done(()),
            Outcome::Done(Answered::Error(error)) => match self.ask_agreement(agreement).await {
                Outcome::Done(AgreementStanding::Ended(_) | AgreementStanding::Unsigned) => Outcome::Done(()),
                _ => error.outcome(),
            },
        }
    }
}
