//! `plan create`: it knows the flags of a request for a plan, and must never judge what they mean (the API's rules do).

use bursar_core::channel::Method;
use bursar_core::id::{AgreementId, MerchantId};
use bursar_gateway::plans::body::{CreateCadence, CreateInstallments, CreatePlan, CreatePlanPart, CreateSubscription};
use bursar_gateway::plans::draft::{self, Scene};
use bursar_store::Answer;
use clap::Args;

use super::dunning::DunningFlags;
use super::{Done, Failure, Globals, agreement, plan_view};
use crate::compose::Program;

/// A request for a plan: a sum in equal parts (--total), parts of your own (--part), or a subscription (--per-period).
#[derive(Args, Debug)]
pub(crate) struct Create {
    /// Whose (mer_…).
    #[arg(long)]
    merchant: MerchantId,
    /// The merchant's own number of the plan; its orders are numbered NUMBER-1, NUMBER-2 and so on.
    #[arg(long)]
    number: String,
    /// The merchant's own number of the payer.
    #[arg(long)]
    payer: String,
    /// What for; the payer reads it.
    #[arg(long)]
    description: String,
    /// ISO 4217 code.
    #[arg(long, default_value = "CNY")]
    currency: String,
    /// The sum of equal parts, in minor units.
    #[arg(long, value_name = "MINOR", conflicts_with_all = ["part", "per_period"])]
    total: Option<i64>,
    /// How many equal parts.
    #[arg(long, value_name = "N", requires = "total")]
    count: Option<i64>,
    /// The day of the first part; the first part now unless given.
    #[arg(long, value_name = "DAY|today", requires = "total")]
    first_on: Option<String>,
    /// A part, such as 2026-12-01=5000 or today=5000; repeat it, by day.
    #[arg(long, value_name = "DAY=MINOR", value_parser = part, conflicts_with = "per_period")]
    part: Vec<(String, i64)>,
    /// Minor units of each period of a subscription.
    #[arg(long, value_name = "MINOR")]
    per_period: Option<i64>,
    /// The day on which the subscription begins; today unless given.
    #[arg(long, value_name = "DAY|today", requires = "per_period")]
    from: Option<String>,
    /// So many days of the subscription cost nothing.
    #[arg(long, value_name = "DAYS", requires = "per_period")]
    trial_days: Option<i64>,
    /// How many periods; until it is ended unless given.
    #[arg(long, value_name = "N", requires = "per_period")]
    periods: Option<i64>,
    /// How much lies between two parts or periods: month, "2 weeks", "30 days", year.
    #[arg(long, value_name = "CADENCE", value_parser = cadence)]
    every: Option<(i64, String)>,
    /// The agreement by which the payer is charged (agr_…).
    #[arg(long)]
    agreement: Option<AgreementId>,
    /// By what the payer may pay himself; repeat it for several.
    #[arg(long, value_name = "METHOD")]
    offer: Vec<Method>,
    /// In which days and hours are meant; as in the merchant's policy unless given.
    #[arg(long, value_name = "ZONE")]
    zone: Option<String>,
    /// At what time of its day an installment is charged; 10:00 unless given.
    #[arg(long, value_name = "HH:MM")]
    charge_at: Option<String>,
    #[command(flatten)]
    dunning: DunningFlags,
    /// Only show what would fall due when; write nothing.
    #[arg(long)]
    preview: bool,
}

fn part(text: &str) -> Result<(String, i64), String> {
    let (day, minor) = text.split_once('=').ok_or_else(|| format!("`{text}` is not DAY=MINOR"))?;
    let minor = minor.parse().map_err(|_| format!("`{minor}` is not an amount in minor units"))?;
    Ok((day.to_owned(), minor))
}

fn cadence(text: &str) -> Result<(i64, String), String> {
    let wrong = || format!("`{text}` is not a cadence, such as month or \"2 weeks\"");
    let (every, unit) = match text.split_once(' ') {
        Some((every, unit)) => (every.parse().map_err(|_| wrong())?, unit),
        None => (1, text),
    };
    let unit = unit.trim().trim_end_matches('s');
    if !["day", "week", "month", "year"].contains(&unit) {
        return Err(wrong());
    }
    Ok((every, unit.to_owned()))
}

impl Create {
    fn request(&self) -> Result<CreatePlan, Failure> {
        let every = self.every.as_ref().map(|(every, unit)| CreateCadence { every: *every, unit: unit.clone() });
        let part = |(due_on, minor): &(String, i64)| CreatePlanPart { due_on: due_on.clone(), minor: *minor };
        let parts = (!self.part.is_empty()).then(|| self.part.iter().map(part).collect());
        let subscription = match (self.per_period, every.clone()) {
            (None, _) => None,
            (Some(_), None) => return Err(Failure::usage("--every is missing: how long is a period?")),
            (Some(minor), Some(every)) => Some(CreateSubscription {
                minor,
                every,
                from: self.from.clone().unwrap_or_else(|| "today".to_owned()),
                trial_days: self.trial_days,
                periods: self.periods,
            }),
        };
        let sum = self.total.is_some() || parts.is_some();
        Ok(CreatePlan {
            number: self.number.clone(),
            payer: self.payer.clone(),
            description: self.description.clone(),
            currency: self.currency.clone(),
            zone: self.zone.clone(),
            charge_at: self.charge_at.clone(),
            agreement: self.agreement.map(|id| id.to_string()),
            offers: (!self.offer.is_empty()).then(|| self.offer.iter().map(|m| m.name().to_owned()).collect()),
            dunning: self.dunning.request(),
            installments: sum.then(|| CreateInstallments {
                total_minor: self.total,
                count: self.count,
                first_on: self.first_on.clone(),
                every,
                parts,
            }),
            subscription,
            preview: None,
        })
    }
}

pub(super) async fn create(globals: &Globals, program: &Program, create: &Create) -> Done {
    let merchants = program.store.merchants().await?;
    let merchant = merchants.into_iter().find(|m| m.id == create.merchant);
    let merchant = merchant.ok_or_else(|| {
        let id = create.merchant;
        Failure::not_found(format!("there is no merchant {id}; `bursar merchant list` shows all"))
    })?;
    let agreement = match create.agreement {
        Some(id) => Some(agreement::found(program, id).await?),
        None => None,
    };
    let now = program.clock.now();
    let scene = Scene {
        merchant: merchant.id,
        policy: &merchant.policy,
        agreement: agreement.as_ref().filter(|a| a.merchant == merchant.id),
        now,
        chance: program.chance.as_ref(),
    };
    let file = draft::plan(create.request()?, scene).map_err(|problem| Failure::usage(problem.detail))?;
    if create.preview {
        return plan_view::preview(globals, &file, now);
    }
    let number = file.plan.number.clone();
    match program.desk.open_plan(file.clone(), |_, _| {}).await? {
        Answer::Committed => plan_view::show(globals, &file, agreement.as_ref(), now),
        Answer::Duplicate => Err(Failure::conflict(format!("another plan of the merchant has the number {number}"))),
        Answer::Stale | Answer::Fenced => Err(Failure::conflict("the plan could not be written; try again")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cadences_and_parts_are_read_as_people_write_them() {
        for (text, every, unit) in [("month", 1, "month"), ("2 weeks", 2, "week"), ("30 days", 30, "day")] {
            assert_eq!(cadence(text), Ok((every, unit.to_owned())));
        }
        for wrong in ["", "moon", "x weeks", "2weeks", "2  "] {
            assert!(cadence(wrong).is_err(), "{wrong}");
        }
        assert_eq!(part("today=5"), Ok(("today".to_owned(), 5)));
        for wrong in ["today", "today=", "today=1.5"] {
            assert!(part(wrong).is_err(), "{wrong}");
        }
    }
}
