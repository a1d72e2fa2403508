//! What may become a plan: it knows every check on a request for one, and must never write anything.

use bursar_core::agreement::{Agreement, AgreementState};
use bursar_core::billing::wishes::check_agreement;
use bursar_core::billing::{Dunning, Hours, LocalTime, Plan, PlanFile, PlanState, Terms, Zone};
use bursar_core::id::{MerchantId, PlanId};
use bursar_core::merchant::MerchantPolicy;
use bursar_core::{Chance, Currency, Timestamp, text};

use super::body::{CreateDunning, CreatePlan};
use super::terms;
use crate::agreements;
use crate::json::Reader;
use crate::limits::{self, shown};
use crate::orders::{checks, tender};
use crate::problem::Problem;

/// Everything that the checks of a request's meaning look at besides the request.
#[derive(Clone, Copy, Debug)]
pub struct Scene<'a> {
    /// Whose plan it will be.
    pub merchant: MerchantId,
    /// What he wants unless the plan says otherwise.
    pub policy: &'a MerchantPolicy,
    /// The agreement that the request names, when it is one of his.
    pub agreement: Option<&'a Agreement>,
    /// The present instant.
    pub now: Timestamp,
    /// Where ids come from.
    pub chance: &'a dyn Chance,
}

/// The plan at its beginning that the request asks for.
///
/// # Errors
/// [`crate::problem::Kind::InvalidRequest`] naming every member that is wrong.
pub fn plan(request: CreatePlan, scene: Scene<'_>) -> Result<PlanFile, Problem> {
    let mut errors = Reader::blank();
    checks::plain_number("number", &request.number, &mut errors);
    if request.number.chars().count() > limits::PLAN_NUMBER_MAX_CHARS && errors.is_clean() {
        let max = limits::PLAN_NUMBER_MAX_CHARS;
        errors.refuse("number", format!("`number` must be at most {max} characters: its orders have some more"));
    }
    checks::plain_number("payer", &request.payer, &mut errors);
    let words = text::check("description", &request.description, limits::DESCRIPTION_MAX_CHARS);
    checks::take(&mut errors, "description", words);
    let currency: Option<Currency> = checks::take(&mut errors, "currency", request.currency.parse());
    let zone = request.zone.as_deref().map(|name| checks::take(&mut errors, "zone", name.parse::<Zone>()));
    let zone = zone.map_or_else(|| scene.policy.zone.clone(), Option::unwrap_or_default);
    let dunning = dunning(request.dunning.as_ref(), &scene.policy.dunning, &mut errors);
    let charge_at = charge_at(request.charge_at.as_deref(), dunning.hours, request.agreement.is_some(), &mut errors);
    let given = request.offers.as_deref().unwrap_or_default();
    let offers = tender::offered(given, currency.unwrap_or(Currency::CNY), &mut errors);
    if request.agreement.is_none() && given.is_empty() {
        errors.refuse_at("", "neither `agreement` nor `offers` is given: say by what the installments are paid");
    }
    let terms = terms::of(&request, zone.day_of(scene.now), &mut errors);
    let largest_minor = terms.as_ref().map_or(0, terms::largest_minor);
    let mut plan = Plan {
        id: PlanId::fresh(scene.now, scene.chance),
        merchant: scene.merchant,
        number: request.number,
        payer: request.payer,
        description: request.description,
        currency: currency.unwrap_or(Currency::CNY),
        terms: terms.unwrap_or(Terms::Installments { parts: Vec::new() }),
        zone,
        charge_at,
        dunning,
        agreement: None,
        debit: None,
        offers,
        state: PlanState::Draft,
        reason: None,
        next_seq: 1,
        next_period: 0,
        credit_minor: 0,
        written_off: false,
        paid_off: false,
        due_at: Some(scene.now),
        event_count: 0,
        version: 0,
        created_at: scene.now,
    };
    if let (Some(text), Some(_)) = (&request.agreement, currency) {
        match usable(scene.agreement, text, &plan, largest_minor, scene.now) {
            Ok(agreement) => {
                plan.agreement = Some(agreement.id);
                plan.debit = Some((agreement.account, agreement.method));
            }
            Err(why) => errors.refuse("agreement", why),
        }
    }
    errors.finish()?;
    Ok(PlanFile::begin(plan))
}

/// The agreement that `text` names, when it can charge `plan`'s installments.
///
/// # Errors
/// A sentence for the caller.
pub fn usable<'a>(
    agreement: Option<&'a Agreement>,
    text: &str,
    plan: &Plan,
    largest_minor: i64,
    now: Timestamp,
) -> Result<&'a Agreement, String> {
    let agreement = agreement.ok_or_else(|| format!("`{}` is not one of your agreements", shown(text)))?;
    check_agreement(plan, agreement, largest_minor)?;
    let waits = matches!(agreement.state, AgreementState::New | AgreementState::Signing);
    if !waits && !agreement.can_be_charged(now) {
        return Err(agreements::why_not(agreement, now));
    }
    Ok(agreement)
}

/// Who is only asked may be asked at any hour.
fn charge_at(given: Option<&str>, hours: Hours, charged: bool, errors: &mut Reader<'_>) -> LocalTime {
    let usual = Dunning::default().at;
    let Some(text) = given else {
        // Ten o'clock, unless the merchant charges at other hours only.
        return if hours.from <= usual && usual < hours.until { usual } else { hours.from };
    };
    let Some(time) = checks::take(errors, "charge_at", text.parse::<LocalTime>()) else { return usual };
    if charged && (time < hours.from || time >= hours.until) {
        let Hours { from, until } = hours;
        errors.refuse("charge_at", format!("`charge_at` is {time}, outside the hours in which payers are charged: {from} to {until} (`dunning.hours`)"));
    }
    time
}

/// The merchant's dunning with what the request says otherwise.
fn dunning(given: Option<&CreateDunning>, policy: &Dunning, errors: &mut Reader<'_>) -> Dunning {
    let Some(given) = given else { return policy.clone() };
    let mut own = Reader::blank_at("/dunning");
    let mut next = policy.clone();
    if let Some(days) = &given.days {
        match days.iter().map(|n| u16::try_from(*n).ok()).collect() {
            Some(days) => next.days = days,
            None => own.refuse("days", "`days` must be numbers of days after the due day: 0 to 65535"),
        }
    }
    if let Some(paydays) = &given.paydays {
        match paydays.iter().map(|n| u8::try_from(*n).ok()).collect() {
            Some(paydays) => next.paydays = paydays,
            None => own.refuse("paydays", "`paydays` are days of the month, 1 to 31"),
        }
    }
    if let Some(at) = &given.at {
        next.at = checks::take(&mut own, "at", at.parse()).unwrap_or(next.at);
    }
    if let Some(hours) = &given.hours {
        let mut part = Reader::blank_at("/dunning/hours");
        next.hours.from = checks::take(&mut part, "from", hours.from.parse()).unwrap_or(next.hours.from);
        next.hours.until = checks::take(&mut part, "until", hours.until.parse()).unwrap_or(next.hours.until);
        own.absorb(part);
        // The merchant's hour of trying again may lie outside these hours: nobody said so.
        if given.at.is_none() && (next.at < next.hours.from || next.at >= next.hours.until) {
            next.at = next.hours.from;
        }
    }
    if let Some(days) = given.write_off_after_days {
        match u16::try_from(days) {
            Ok(days) => next.write_off_after_days = days,
            Err(_) => own.refuse("write_off_after_days", format!("`write_off_after_days` cannot be {days}")),
        }
    }
    next.stop_on_write_off = given.stop_on_write_off.unwrap_or(next.stop_on_write_off);
    if own.is_clean()
        && let Err(why) = next.check()
    {
        own.refuse_at("", why);
    }
    errors.absorb(own);
    next
}
