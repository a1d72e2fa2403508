//! Schedules as the API shows them: it knows names of members, and must never show a payer's data.

use bursar_core::Timestamp;
use bursar_core::channel::Method;
use bursar_core::id::{ChannelAccountId, OrderId, ScheduleId};
use bursar_core::schedule::{Fire, FireKind, Schedule, ScheduleState, Template, Tender};
use serde::Serialize;
use utoipa::ToSchema;

/// A schedule.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Schedule)]
pub struct ScheduleView {
    /// Its id (`sch_…`).
    #[schema(value_type = String)]
    pub id: ScheduleId,
    /// Its name; with the due instant, the number of what it opens.
    pub name: String,
    /// When: seconds, minutes, hours, days of the month, months, days of the week.
    #[schema(example = "0 30 9 1 * *")]
    pub cron: String,
    /// The IANA time zone in which that is read.
    #[schema(example = "Asia/Shanghai")]
    pub zone: String,
    /// What becomes of missed instants: `all`, `once` or `skip`.
    #[schema(example = "all")]
    pub catch_up: &'static str,
    /// With `all`: at most so many, the latest.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub catch_up_at_most: Option<u32>,
    /// `active`, `paused` or `removed`.
    #[schema(value_type = String, example = "active")]
    pub state: ScheduleState,
    /// What a fire opens.
    pub order: OrderTemplateView,
    /// The first instant that was neither fired nor skipped; only while it is active.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime, nullable = false)]
    pub next_due_at: Option<Timestamp>,
    /// The last instant that it was fired for by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime, nullable = false)]
    pub last_due_at: Option<Timestamp>,
    /// When it was fired last, for whatever reason.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime, nullable = false)]
    pub last_fired_at: Option<Timestamp>,
    /// How many fires it has.
    pub fired_count: i64,
    /// How many missed instants `catch_up` left out.
    pub skipped_count: i64,
    /// Whether it should have fired more than five minutes ago and has not.
    pub overdue: bool,
    /// Whether somebody with a wrong clock fired it ahead of time; it sleeps until that instant is past. Resume it to
    /// set that right.
    pub ahead: bool,
    /// The next five instants at which it fires.
    #[schema(value_type = Vec<String>, format = DateTime)]
    pub upcoming: Vec<Timestamp>,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
}

impl ScheduleView {
    /// `schedule` as it stands now.
    pub fn new(schedule: &Schedule, now: Timestamp) -> Self {
        Self {
            id: schedule.id,
            name: schedule.name.clone(),
            cron: schedule.cron.clone(),
            zone: schedule.zone.clone(),
            catch_up: schedule.catch_up.name(),
            catch_up_at_most: schedule.catch_up.at_most(),
            state: schedule.state,
            order: OrderTemplateView::from(&schedule.template),
            next_due_at: schedule.next_due_at,
            last_due_at: schedule.last_due_at,
            last_fired_at: schedule.last_fired_at,
            fired_count: schedule.fired_count,
            skipped_count: schedule.skipped_count,
            overdue: schedule.is_overdue(now),
            ahead: schedule.is_ahead(now),
            upcoming: schedule.upcoming(now),
            created_at: schedule.created_at,
        }
    }
}

/// What a fire opens.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = OrderTemplate)]
pub struct OrderTemplateView {
    /// What is owed each time, in minor units.
    pub amount_minor: i64,
    /// ISO 4217 code.
    #[schema(example = "CNY")]
    pub currency: String,
    /// What for.
    pub description: String,
    /// How it is paid, when that is named.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, nullable = false)]
    pub method: Option<Method>,
    /// Through which account.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, nullable = false)]
    pub account_id: Option<ChannelAccountId>,
    /// Otherwise the ways among which the payer chooses.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<String>)]
    pub offers: Vec<Method>,
    /// The merchant's own number of the payer.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub customer: Option<String>,
    /// From the fire to the last moment to pay.
    pub expires_in_seconds: i64,
    /// What kind of service it is for, in the merchant's own words.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub service: Option<String>,
    /// Where, in the merchant's own words.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub region: Option<String>,
}

impl From<&Template> for OrderTemplateView {
    fn from(template: &Template) -> Self {
        let Template::Order(order) = template;
        let (method, account_id, offers, customer) = match &order.tender {
            Tender::Offers { methods, customer } => (None, None, methods.clone(), customer.clone()),
            Tender::Named { method, account, .. } => (Some(*method), Some(*account), Vec::new(), None),
        };
        Self {
            amount_minor: order.amount.minor,
            currency: order.amount.currency.code().to_owned(),
            description: order.description.clone(),
            method,
            account_id,
            offers,
            customer,
            expires_in_seconds: order.life_s,
            service: order.service.clone(),
            region: order.region.clone(),
        }
    }
}

/// A page of schedules.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = SchedulePage)]
pub struct SchedulePage {
    /// Newest first.
    pub schedules: Vec<ScheduleView>,
    /// Leads to the next page.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub next_cursor: Option<String>,
}

/// One fire. There is at most one of a schedule and a due instant.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = ScheduleFire)]
pub struct FireView {
    /// Whose (`sch_…`).
    #[schema(value_type = String)]
    pub schedule_id: ScheduleId,
    /// The instant that it is for.
    #[schema(value_type = String, format = DateTime)]
    pub due_at: Timestamp,
    /// What it opened (`ord_…`).
    #[schema(value_type = String)]
    pub order_id: OrderId,
    /// The number of that.
    #[schema(example = "monthly-20261122T013000Z")]
    pub number: String,
    /// `regular`, `catch_up` (it was missed), `run_now`, `backfill` or `external` (a scheduler outside named it).
    #[schema(value_type = String, example = "regular")]
    pub kind: FireKind,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub fired_at: Timestamp,
}

impl FireView {
    /// A fire of `schedule`.
    pub fn new(schedule: &Schedule, fire: &Fire) -> Self {
        Self {
            schedule_id: fire.schedule,
            due_at: fire.due_at,
            order_id: fire.order,
            number: schedule.order_number(fire.due_at),
            kind: fire.kind,
            fired_at: fire.fired_at,
        }
    }
}

/// A page of fires.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = ScheduleFirePage)]
pub struct FirePage {
    /// The latest instant first. The next page is asked for with `before`, the last `due_at` of this one.
    pub fires: Vec<FireView>,
}

/// A range of the past.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Backfill)]
pub struct BackfillView {
    /// Whether it was done. Otherwise this is what would be done with `confirm`.
    pub done: bool,
    /// How many due instants the range has.
    pub count: usize,
    /// For how many of them the schedule was fired before: they are left as they are.
    pub already_fired: usize,
    /// The instants for which it was not fired before.
    #[schema(value_type = Vec<String>, format = DateTime)]
    pub instants: Vec<Timestamp>,
    /// When it was done: the fires of the range.
    pub fires: Vec<FireView>,
}
