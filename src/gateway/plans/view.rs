//! How a plan looks to its merchant: it knows what is shown, and must never show another merchant's row.

use bursar_core::Timestamp;
use bursar_core::agreement::Agreement;
use bursar_core::bank::Day;
use bursar_core::billing::{
    Cadence, Dunning, Hours, Installment, InstallmentKind, InstallmentState, Plan, PlanFile, PlanState, Terms, Unit,
};
use bursar_core::channel::Method;
use bursar_core::id::{AgreementId, ChannelAccountId, OrderId, PlanId};
use serde::Serialize;
use utoipa::ToSchema;

use super::upcoming::{Upcoming, upcoming};
use crate::explain;
use crate::limits::UPCOMING_MAX;
use crate::orders::view::DeclineView;

/// A plan. The schedule (`next`, `installments`, `upcoming` and the sums) is there when one plan is read or changed,
/// not in lists.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Plan)]
pub struct PlanView {
    /// Its id; absent in a preview, which makes no plan.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, nullable = false, example = "pln_01kaqv0x5sfj3te9v9v5vyr7b8")]
    pub id: Option<PlanId>,
    /// The merchant's own number.
    pub number: String,
    /// The merchant's own number of the payer.
    pub payer: String,
    /// `draft` (its agreement is not signed yet), `active`, `paused`, `completed`, `settled_early`, `defaulted` or
    /// `cancelled`.
    #[schema(value_type = String, example = "active")]
    pub state: PlanState,
    /// Why it is paused, or how it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub reason: Option<String>,
    /// What for, as the payer reads it.
    pub description: String,
    /// ISO 4217 code of all its amounts.
    pub currency: String,
    /// What is due when.
    pub terms: TermsView,
    /// In which days and hours are meant.
    #[schema(example = "Asia/Shanghai")]
    pub zone: String,
    /// At what time of its day an installment is charged, or the payer asked.
    #[schema(example = "10:00")]
    pub charge_at: String,
    /// What happens when a charge is declined.
    pub dunning: DunningView,
    /// The agreement by which the payer is charged.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, nullable = false)]
    pub agreement: Option<AgreementId>,
    /// The method by which it charges.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, nullable = false, example = "card_debit")]
    pub method: Option<Method>,
    /// The channel account through which it charges.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, nullable = false)]
    pub account_id: Option<ChannelAccountId>,
    /// By what the payer may pay an installment himself.
    #[schema(value_type = Vec<String>)]
    pub offers: Vec<Method>,
    /// Minor units that the next installments are smaller by.
    pub credit_minor: i64,
    /// When it was accepted.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// Why it is not done and what happens next when, in a sentence or two.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub next: Option<String>,
    /// Minor units paid, before what goes back.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub paid_minor: Option<i64>,
    /// Minor units of its installments that are neither paid nor given up. Of a subscription that is what is unfolded.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub open_minor: Option<i64>,
    /// Its installments, by number. A subscription unfolds as it goes.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub installments: Option<Vec<InstallmentView>>,
    /// What will fall due when nothing changes: the first 24.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub upcoming: Option<Vec<Upcoming>>,
}

/// What is due when.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Terms)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum TermsView {
    /// A fixed sum in parts, which are the installments.
    Installments {
        /// Minor units of all parts, as agreed.
        total_minor: i64,
        /// How many.
        count: usize,
    },
    /// An amount for each period.
    Subscription {
        /// Minor units of a period.
        minor: i64,
        /// How long a period is.
        every: CadenceView,
        /// The first day that is paid for.
        #[schema(value_type = String, format = Date)]
        from: Day,
        /// How many periods; absent: until somebody ends it.
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schema(nullable = false)]
        periods: Option<u32>,
    },
}

/// How often.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[schema(as = Cadence)]
pub struct CadenceView {
    /// Every so many units.
    pub every: u16,
    /// `day`, `week`, `month` or `year`.
    #[schema(value_type = String, example = "month")]
    pub unit: Unit,
}

/// What happens when a charge is declined.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Dunning)]
pub struct DunningView {
    /// So many days after the due day it is tried again.
    pub days: Vec<u16>,
    /// At this time of the day.
    pub at: String,
    /// The payer is never charged outside these hours.
    pub hours: HoursView,
    /// Days of the month on which people are paid.
    pub paydays: Vec<u8>,
    /// So many days after the due day what is not paid is written off.
    pub write_off_after_days: u16,
    /// Whether the rest is given up when something is written off.
    pub stop_on_write_off: bool,
}

/// Hours of the day.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Hours)]
pub struct HoursView {
    /// From this time on.
    #[schema(example = "08:00")]
    pub from: String,
    /// Before this time.
    #[schema(example = "22:00")]
    pub until: String,
}

/// One amount of a plan.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Installment)]
pub struct InstallmentView {
    /// Its number in the plan, from 1.
    pub seq: u32,
    /// `regular`, `adjustment` (the rest of a period after its price has risen) or `payoff` (all that was to come).
    #[schema(value_type = String, example = "regular")]
    pub kind: InstallmentKind,
    /// `scheduled`, `charging` (a charge is under way, or the payer may pay), `retry_wait`, `overdue`, `paid`,
    /// `written_off` or `voided`.
    #[schema(value_type = String, example = "scheduled")]
    pub state: InstallmentState,
    /// The day on which it is due, in the plan's time zone.
    #[schema(value_type = String, format = Date)]
    pub due_on: Day,
    /// Minor units.
    pub amount_minor: i64,
    /// The first day of what it pays for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = Date, nullable = false)]
    pub period_from: Option<Day>,
    /// The first day after what it pays for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = Date, nullable = false)]
    pub period_until: Option<Day>,
    /// Its order, once it has one: by that the payer can pay it himself (`/v1/orders/{id}/pick`).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, nullable = false)]
    pub order_id: Option<OrderId>,
    /// The number of its order.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub order_number: Option<String>,
    /// Charges through the agreement that were begun.
    pub tries: u32,
    /// When it is charged next.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime, nullable = false)]
    pub next_try_at: Option<Timestamp>,
    /// The last no.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub decline: Option<DeclineView>,
    /// Minor units of it that go back.
    pub given_back_minor: i64,
}

impl InstallmentView {
    fn new(plan: &Plan, installment: &Installment) -> Self {
        Self {
            seq: installment.seq,
            kind: installment.kind,
            state: installment.state,
            due_on: installment.due_on,
            amount_minor: installment.minor,
            period_from: installment.period.map(|(from, _)| from),
            period_until: installment.period.map(|(_, until)| until),
            order_id: installment.order,
            order_number: installment.order.map(|_| plan.order_number(installment.seq)),
            tries: installment.tries,
            next_try_at: installment.next_at.filter(|_| !installment.state.is_final()),
            decline: installment.decline.as_ref().map(DeclineView::from),
            given_back_minor: installment.given_back_minor(),
        }
    }
}

impl From<Cadence> for CadenceView {
    fn from(cadence: Cadence) -> Self {
        Self { every: cadence.every, unit: cadence.unit }
    }
}

impl From<&Dunning> for DunningView {
    fn from(dunning: &Dunning) -> Self {
        let Hours { from, until } = dunning.hours;
        Self {
            days: dunning.days.clone(),
            at: dunning.at.to_string(),
            hours: HoursView { from: from.to_string(), until: until.to_string() },
            paydays: dunning.paydays.clone(),
            write_off_after_days: dunning.write_off_after_days,
            stop_on_write_off: dunning.stop_on_write_off,
        }
    }
}

impl From<&Terms> for TermsView {
    fn from(terms: &Terms) -> Self {
        match terms {
            Terms::Installments { parts } => Self::Installments {
                total_minor: parts.iter().map(|p| p.minor).fold(0, i64::saturating_add),
                count: parts.len(),
            },
            Terms::Subscription { minor, every, from, periods } => {
                Self::Subscription { minor: *minor, every: (*every).into(), from: *from, periods: *periods }
            }
        }
    }
}

impl From<&Plan> for PlanView {
    /// As it stands in lists.
    fn from(plan: &Plan) -> Self {
        Self {
            id: Some(plan.id),
            number: plan.number.clone(),
            payer: plan.payer.clone(),
            state: plan.state,
            reason: plan.reason.clone(),
            description: plan.description.clone(),
            currency: plan.currency.code().to_owned(),
            terms: (&plan.terms).into(),
            zone: plan.zone.name().to_owned(),
            charge_at: plan.charge_at.to_string(),
            dunning: (&plan.dunning).into(),
            agreement: plan.agreement,
            method: plan.debit.map(|(_, method)| method),
            account_id: plan.debit.map(|(account, _)| account),
            offers: plan.offers.clone(),
            credit_minor: plan.credit_minor,
            created_at: plan.created_at,
            next: None,
            paid_minor: None,
            open_minor: None,
            installments: None,
            upcoming: None,
        }
    }
}

impl PlanView {
    /// With its whole schedule. `agreement` is the plan's.
    pub fn whole(file: &PlanFile, agreement: Option<&Agreement>, now: Timestamp) -> Self {
        let paid = file.installments.iter().filter(|i| i.state == InstallmentState::Paid);
        let views = file.installments.iter().map(|i| InstallmentView::new(&file.plan, i));
        Self {
            next: Some(explain::plan::next(file, agreement, now)),
            paid_minor: Some(paid.map(|i| i.minor).fold(0, i64::saturating_add)),
            open_minor: Some(file.open_minor()),
            installments: Some(views.collect()),
            upcoming: Some(upcoming(file, now, UPCOMING_MAX)),
            ..Self::from(&file.plan)
        }
    }

    /// Of a plan that is not made.
    pub fn preview(file: &PlanFile, now: Timestamp) -> Self {
        Self { id: None, next: None, installments: None, ..Self::whole(file, None, now) }
    }
}

/// A page of plans.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = PlanPage)]
pub struct PlanPage {
    /// Newest first, without their schedules.
    pub plans: Vec<PlanView>,
    /// Send it as `cursor`, with the same filters, for the next page; `null` on the last page.
    pub next_cursor: Option<String>,
}
