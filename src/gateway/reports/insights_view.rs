//! Insights as the API shows them: it knows names of members and columns, and must never show a payer's data.

use bursar_core::bank::Day;
use bursar_core::channel::{ChannelKind, Method};
use bursar_core::id::MerchantId;
use bursar_core::insights::{Dimension, Durations, Group, Takings, basis_points};
use bursar_store::reports::Failures;
use serde::Serialize;
use utoipa::ToSchema;

use super::table::{Cell, csv};

/// Which payments a row is about. A member that is absent is not told apart, or the orders do not say it.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = InsightGroup)]
pub struct GroupView {
    /// The day in Beijing on which they were accepted.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = Date, nullable = false)]
    pub day: Option<Day>,
    /// Whose.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, nullable = false)]
    pub merchant: Option<MerchantId>,
    /// Where.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub region: Option<String>,
    /// What for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub service: Option<String>,
    /// Through which channel.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, nullable = false)]
    pub channel: Option<&'static str>,
    /// By which method.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, nullable = false)]
    pub method: Option<Method>,
    /// ISO 4217 code.
    #[schema(example = "CNY")]
    pub currency: String,
}

impl From<&Group> for GroupView {
    fn from(group: &Group) -> Self {
        Self {
            day: group.day,
            merchant: group.merchant,
            region: group.region.clone(),
            service: group.service.clone(),
            channel: group.channel.map(ChannelKind::name),
            method: group.method,
            currency: group.currency.code().to_owned(),
        }
    }
}

impl GroupView {
    /// What it says about one dimension.
    pub fn cell(&self, dimension: Dimension) -> Option<String> {
        match dimension {
            Dimension::Day => self.day.map(|d| d.to_string()),
            Dimension::Merchant => self.merchant.map(|m| m.to_string()),
            Dimension::Region => self.region.clone(),
            Dimension::Service => self.service.clone(),
            Dimension::Channel => self.channel.map(str::to_owned),
            Dimension::Method => self.method.map(|m| m.name().to_owned()),
        }
    }
}

/// What the payments of a group came to.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = InsightRow)]
pub struct InsightRow {
    /// Which payments.
    #[serde(flatten)]
    pub group: GroupView,
    /// Payments that were accepted.
    pub payments: i64,
    /// Of them those that took money.
    pub paid: i64,
    /// Of them those that ended without. The others are open, unknown or held.
    pub failed: i64,
    /// Paid of all that have ended, in hundredths of a percent; `null` when none has.
    pub success_rate_basis_points: Option<i64>,
    /// What was taken, in minor units; what went back is in it.
    pub taken_minor: i64,
    /// Its share of all takings of the report in its currency, in hundredths of a percent.
    pub share_basis_points: Option<i64>,
    /// The time in which half of those that paid at a channel had paid, in seconds: from the payment's acceptance to the
    /// channel's own time. Beyond two minutes it is rounded down to ten seconds, beyond an hour to minutes.
    pub median_seconds: Option<i64>,
    /// The same of nine tenths.
    pub p90_seconds: Option<i64>,
    /// Payments of which something went back.
    pub refunded: i64,
    /// What went back, in minor units.
    pub refunded_minor: i64,
    /// That of what was taken, in hundredths of a percent.
    pub refund_rate_basis_points: Option<i64>,
}

impl InsightRow {
    /// The row of a group. `all_minor`: what was taken in its currency.
    pub fn new(group: &Group, takings: &Takings, times: Option<&Durations>, all_minor: i64) -> Self {
        Self {
            group: group.into(),
            payments: takings.payments,
            paid: takings.paid,
            failed: takings.failed,
            success_rate_basis_points: basis_points(takings.paid, takings.paid.saturating_add(takings.failed)),
            taken_minor: takings.taken_minor,
            share_basis_points: basis_points(takings.taken_minor, all_minor),
            median_seconds: times.and_then(|t| t.percentile_s(50)),
            p90_seconds: times.and_then(|t| t.percentile_s(90)),
            refunded: takings.refunded,
            refunded_minor: takings.refunded_minor,
            refund_rate_basis_points: basis_points(takings.refunded_minor, takings.taken_minor),
        }
    }
}

/// Why payments of a group failed.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = InsightFailure)]
pub struct FailureView {
    /// Which payments.
    #[serde(flatten)]
    pub group: GroupView,
    /// The channel's words, or why it was closed; at most 100 characters, and empty when there are none.
    pub reason: String,
    /// How many.
    pub count: i64,
}

impl From<&Failures> for FailureView {
    fn from(failures: &Failures) -> Self {
        Self { group: (&failures.group).into(), reason: failures.reason.clone(), count: failures.count }
    }
}

/// How business went.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Insights)]
pub struct InsightsView {
    /// The first day in Beijing.
    #[schema(value_type = String, format = Date)]
    pub from: Day,
    /// The last day.
    #[schema(value_type = String, format = Date)]
    pub to: Day,
    /// What payments are told apart by.
    pub group_by: Vec<&'static str>,
    /// One row for each group and currency.
    pub rows: Vec<InsightRow>,
    /// The most frequent reasons of failure, the most frequent first.
    pub failures: Vec<FailureView>,
}

impl InsightsView {
    /// The rows for a spreadsheet.
    pub fn csv(&self, by: &[Dimension]) -> String {
        let mut head: Vec<&str> = by.iter().map(|d| d.name()).collect();
        head.extend([
            "currency",
            "payments",
            "paid",
            "failed",
            "success_rate_basis_points",
            "taken_minor",
            "share_basis_points",
            "median_seconds",
            "p90_seconds",
            "refunded",
            "refunded_minor",
            "refund_rate_basis_points",
        ]);
        let row = |r: &InsightRow| {
            let mut cells: Vec<Cell> = by.iter().map(|d| r.group.cell(*d).into()).collect();
            cells.extend([
                r.group.currency.clone().into(),
                r.payments.into(),
                r.paid.into(),
                r.failed.into(),
                r.success_rate_basis_points.into(),
                r.taken_minor.into(),
                r.share_basis_points.into(),
                r.median_seconds.into(),
                r.p90_seconds.into(),
                r.refunded.into(),
                r.refunded_minor.into(),
                r.refund_rate_basis_points.into(),
            ]);
            cells
        };
        csv(&head, &self.rows.iter().map(row).collect::<Vec<_>>())
    }
}
