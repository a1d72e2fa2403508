//! What will fall due: it knows how a plan unfolds when nothing changes, and must never look at an order.

use bursar_core::Timestamp;
use bursar_core::bank::Day;
use bursar_core::billing::{InstallmentKind, InstallmentState, Plan, PlanFile, Terms};
use bursar_core::channel::DebitRules;
use serde::Serialize;
use utoipa::ToSchema;

/// An amount that will fall due.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
#[schema(as = UpcomingInstallment)]
pub struct Upcoming {
    /// The day on which it is due, in the plan's time zone.
    #[schema(value_type = String, format = Date, example = "2026-12-01")]
    pub due_on: Day,
    /// Minor units.
    pub amount_minor: i64,
    /// When the payer is charged, or asked, at the earliest.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// The first day of what it pays for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = Date, nullable = false)]
    pub period_from: Option<Day>,
    /// The first day after what it pays for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = Date, nullable = false)]
    pub period_until: Option<Day>,
}

/// The first `most` amounts of the plan that will fall due from `now` on, by day, when nothing changes. None of a plan
/// that has ended.
pub fn upcoming(file: &PlanFile, now: Timestamp, most: usize) -> Vec<Upcoming> {
    let plan = &file.plan;
    if plan.state.is_final() {
        return Vec::new();
    }
    let scheduled = file.installments.iter().filter(|i| i.state == InstallmentState::Scheduled);
    let mut all: Vec<Upcoming> = scheduled
        .map(|i| Upcoming {
            due_on: i.due_on,
            amount_minor: i.minor,
            at: match i.kind {
                InstallmentKind::Regular => charged_at(plan, i.due_on, i.announced_on, now),
                // Being asked wakes nobody; being charged does.
                InstallmentKind::Adjustment | InstallmentKind::Payoff if plan.debit.is_none() => now,
                InstallmentKind::Adjustment | InstallmentKind::Payoff => plan.dunning.hours.first_from(&plan.zone, now),
            },
            period_from: i.period.map(|(from, _)| from),
            period_until: i.period.map(|(_, until)| until),
        })
        .collect();
    let Terms::Subscription { minor, .. } = plan.terms else { return by_day(all, most) };
    let stopped = plan.paid_off || (plan.written_off && plan.dunning.stop_on_write_off);
    let (mut credit, mut period) = (plan.credit_minor, plan.next_period);
    while let Some((from, until)) = plan.terms.period(period).filter(|_| !stopped && all.len() < most) {
        let less = credit.min(minor);
        credit -= less;
        period = period.saturating_add(1);
        if less < minor {
            all.push(Upcoming {
                due_on: from,
                amount_minor: minor - less,
                at: charged_at(plan, from, None, now),
                period_from: Some(from),
                period_until: Some(until),
            });
        }
    }
    by_day(all, most)
}

fn by_day(mut all: Vec<Upcoming>, most: usize) -> Vec<Upcoming> {
    all.sort_by_key(|u| u.due_on);
    all.truncate(most);
    all
}

/// When what is due on `due_on` is charged at the earliest: the channel may want to be asked before, or the payer to be
/// told.
fn charged_at(plan: &Plan, due_on: Day, announced_on: Option<Day>, now: Timestamp) -> Timestamp {
    let Some((_, method)) = plan.debit else { return plan.zone.instant(due_on, plan.charge_at).max(now) };
    let rules = method.debit_rules().unwrap_or(DebitRules::FREE);
    let early = due_on.plus_days(-i64::from(rules.first_days_before));
    let told = announced_on.unwrap_or_else(|| plan.zone.day_of(now));
    let noticed = rules.notice_days.map(|days| plan.zone.instant(told.plus_days(i64::from(days)), plan.charge_at));
    let at = plan.zone.instant(early, plan.charge_at).max(now);
    plan.dunning.hours.first_from(&plan.zone, noticed.map_or(at, |noticed| noticed.max(at)))
}
