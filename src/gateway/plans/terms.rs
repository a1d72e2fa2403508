//! What is due when, as a request says it: it knows days and sums that cannot be, and must never know how a plan is
//! paid.

use bursar_core::bank::Day;
use bursar_core::billing::{Cadence, Part, Terms, Unit, split};

use super::body::{CreateCadence, CreateInstallments, CreatePlan, CreatePlanPart, CreateSubscription};
use crate::json::Reader;
use crate::limits::{self, shown};
use crate::orders::checks;

/// The word for the present day.
const TODAY: &str = "today";

/// The terms that the request asks for, on the day `today` of the plan's zone. `None` was noted.
pub fn of(request: &CreatePlan, today: Day, errors: &mut Reader<'_>) -> Option<Terms> {
    let name = if request.installments.is_some() { "installments" } else { "subscription" };
    let mut own = Reader::blank_at(format!("/{name}"));
    let terms = match (&request.installments, &request.subscription) {
        (Some(given), None) => installments(given, today, &mut own),
        (None, Some(given)) => subscription(given, today, &mut own),
        (Some(_), Some(_)) => {
            errors.refuse_at("", "give `installments` or `subscription`, not both");
            None
        }
        (None, None) => {
            errors.refuse_at("", "neither `installments` nor `subscription` is given: say what is due when");
            None
        }
    };
    let terms = terms.filter(|_| own.is_clean());
    if let Some(Err(why)) = terms.as_ref().map(Terms::check) {
        own.refuse_at("", why);
    }
    errors.absorb(own);
    terms
}

/// The largest amount that may fall due at once.
pub fn largest_minor(terms: &Terms) -> i64 {
    match terms {
        Terms::Installments { parts } => parts.iter().map(|p| p.minor).max().unwrap_or(0),
        Terms::Subscription { minor, .. } => *minor,
    }
}

fn installments(given: &CreateInstallments, today: Day, errors: &mut Reader<'_>) -> Option<Terms> {
    if let Some(total) = given.total_minor {
        checks::amount("total_minor", total, errors);
    }
    let parts = match &given.parts {
        Some(parts) => own_parts(given, parts, today, errors)?,
        None => equal_parts(given, today, errors)?,
    };
    Some(Terms::Installments { parts })
}

fn own_parts(
    given: &CreateInstallments,
    parts: &[CreatePlanPart],
    today: Day,
    errors: &mut Reader<'_>,
) -> Option<Vec<Part>> {
    for (name, there) in
        [("count", given.count.is_some()), ("first_on", given.first_on.is_some()), ("every", given.every.is_some())]
    {
        if there {
            errors.refuse(name, format!("`{name}` makes equal parts; leave it out when `parts` are given"));
        }
    }
    let mut read = Vec::new();
    for (index, part) in parts.iter().enumerate() {
        let mut own = Reader::blank();
        checks::amount("minor", part.minor, &mut own);
        if let Some(due_on) = day("due_on", &part.due_on, today, &mut own) {
            read.push(Part { due_on, minor: part.minor });
        }
        errors.absorb_at(&format!("/parts/{index}"), own);
    }
    let sum = parts.iter().map(|p| p.minor).fold(0, i64::saturating_add);
    if sum > limits::AMOUNT_MAX_MINOR {
        errors.refuse("parts", format!("the parts add up to more than {} minor units", limits::AMOUNT_MAX_MINOR));
    }
    if let Some(total) = given.total_minor.filter(|total| *total != sum) {
        errors.refuse(
            "total_minor",
            format!(
                "the parts add up to {sum} minor units, not to {total}: mend one of them, or leave `total_minor` out"
            ),
        );
    }
    Some(read).filter(|read| read.len() == parts.len())
}

fn equal_parts(given: &CreateInstallments, today: Day, errors: &mut Reader<'_>) -> Option<Vec<Part>> {
    for (name, there) in [("total_minor", given.total_minor.is_some()), ("count", given.count.is_some())] {
        if !there {
            errors.refuse(name, format!("`{name}` is missing (or `parts`, for parts of your own)"));
        }
    }
    let first_on = day("first_on", given.first_on.as_deref().unwrap_or(TODAY), today, errors);
    let every = given.every.as_ref().map(|given| cadence(given, errors));
    let (total, count) = (given.total_minor?, given.count?);
    let Some(count) = u32::try_from(count).ok().filter(|n| (1..=bursar_core::billing::terms::MAX_PARTS).contains(n))
    else {
        let max = bursar_core::billing::terms::MAX_PARTS;
        errors.refuse("count", format!("`count` must be 1 to {max}, not {count}"));
        return None;
    };
    if every.is_none() && count > 1 {
        errors.refuse("every", "`every` is missing: how much lies between two parts?");
        return None;
    }
    // One part needs no cadence.
    let every = every.unwrap_or(Some(Cadence { every: 1, unit: Unit::Month }))?;
    let first_on = first_on?;
    let Some(minors) = split::equal(total, count) else {
        errors.refuse("count", format!("{total} minor units cannot be {count} parts of at least 1"));
        return None;
    };
    let last = every.nth(first_on, count.saturating_sub(1));
    if last.days_since(today) > limits::HORIZON_DAYS {
        errors.refuse("count", format!("the last part would be due on {last}, more than a hundred years ahead"));
        return None;
    }
    let part = |(minor, n): (i64, u32)| Part { due_on: every.nth(first_on, n), minor };
    Some(minors.into_iter().zip(0..).map(part).collect())
}

fn subscription(given: &CreateSubscription, today: Day, errors: &mut Reader<'_>) -> Option<Terms> {
    checks::amount("minor", given.minor, errors);
    let every = cadence(&given.every, errors);
    let from = day("from", &given.from, today, errors);
    let trial_days = given.trial_days.unwrap_or(0);
    if !(0..=limits::TRIAL_MAX_DAYS).contains(&trial_days) {
        errors.refuse("trial_days", format!("`trial_days` must be 0 to {}, not {trial_days}", limits::TRIAL_MAX_DAYS));
    }
    let most = bursar_core::billing::terms::MAX_PARTS;
    let periods = match given.periods.map(|n| (n, u32::try_from(n).ok().filter(|n| (1..=most).contains(n)))) {
        None => None,
        Some((_, Some(periods))) => Some(periods),
        Some((given, None)) => {
            errors.refuse("periods", format!("`periods` must be 1 to {most}, not {given}"));
            return None;
        }
    };
    let from = from?.plus_days(trial_days);
    Some(Terms::Subscription { minor: given.minor, every: every?, from, periods })
}

fn cadence(given: &CreateCadence, errors: &mut Reader<'_>) -> Option<Cadence> {
    let mut own = Reader::blank();
    let every = u16::try_from(given.every).ok().filter(|n| (1..=limits::EVERY_MAX).contains(n));
    if every.is_none() {
        own.refuse("every", format!("`every` must be 1 to {}, not {}", limits::EVERY_MAX, given.every));
    }
    let unit = match given.unit.as_str() {
        "day" => Some(Unit::Day),
        "week" => Some(Unit::Week),
        "month" => Some(Unit::Month),
        "year" => Some(Unit::Year),
        other => {
            own.refuse("unit", format!("`unit` must be day, week, month or year, not `{}`", shown(other)));
            None
        }
    };
    errors.absorb_at("/every", own);
    Some(Cadence { every: every?, unit: unit? })
}

/// A day that may be due: today or later, and not beyond every plan.
fn day(name: &str, text: &str, today: Day, errors: &mut Reader<'_>) -> Option<Day> {
    if text == TODAY {
        return Some(today);
    }
    let read: Result<Day, String> = text.parse();
    let day = checks::take(errors, name, read.map_err(|why| format!("{why}, or the word `{TODAY}`")))?;
    if day < today {
        errors.refuse(name, format!("`{name}` is {day}, in the past: nothing falls due before today ({today})"));
        return None;
    }
    if day.days_since(today) > limits::HORIZON_DAYS {
        errors.refuse(name, format!("`{name}` is {day}, more than a hundred years ahead"));
        return None;
    }
    Some(day)
}
