//! Figures for people: it knows which sums are asked for, and must never know how they are shown.

use async_trait::async_trait;
use bursar_core::bank::Day;
use bursar_core::channel::ChannelKind;
use bursar_core::id::{ChannelAccountId, MerchantId};
use bursar_core::insights::{Dimension, Group, Takings};
use bursar_core::money::Currency;
use bursar_core::reconcile::{Movement, MovementKind};

use crate::Result;
use crate::dialect::Dialect;
use crate::read::reports;

/// Most groups of a report: nobody reads more.
pub const MAX_GROUPS: u32 = 10_000;
/// Most different times to pay that are read for a report.
pub const MAX_TIMES: u32 = 300_000;
/// Most reasons of failure of a report.
pub const MAX_REASONS: u32 = 20;

/// Which takings, and what they are told apart by.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct InsightFilter {
    /// Only this merchant's.
    pub merchant: Option<MerchantId>,
    /// Payments that were accepted from this day in Beijing on.
    pub from: Day,
    /// Up to this day, included.
    pub until: Day,
    /// What they are told apart by.
    pub by: Vec<Dimension>,
}

/// Why payments of a group failed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Failures {
    /// Which payments.
    pub group: Group,
    /// The channel's words, or ours; empty when there are none.
    pub reason: String,
    /// How many.
    pub count: i64,
}

/// What moved through an account on one of its channel's business days.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DayMoved {
    /// The account.
    pub account: ChannelAccountId,
    /// Its channel.
    pub channel: ChannelKind,
    /// Whose it is.
    pub merchant: MerchantId,
    /// The day.
    pub day: Day,
    /// In which currency.
    pub currency: Currency,
    /// What.
    pub kind: MovementKind,
    /// How often.
    pub count: i64,
    /// How much, in minor units; negative when it left.
    pub minor: i64,
}

/// What is asked of a database for reports. It reads the asked-for range only.
#[async_trait]
pub trait Reports: Send + Sync {
    /// What payments came to, at most [`MAX_GROUPS`] and one.
    async fn takings(&self, filter: &InsightFilter) -> Result<Vec<(Group, Takings)>>;
    /// How many payments took how many seconds to be paid (beyond two minutes in steps of ten seconds, beyond an hour
    /// in steps of a minute), at most [`MAX_TIMES`] and one.
    async fn times_to_paid(&self, filter: &InsightFilter) -> Result<Vec<(Group, i64, i64)>>;
    /// The most frequent reasons of failure, the most frequent first, at most [`MAX_REASONS`].
    async fn failures(&self, filter: &InsightFilter) -> Result<Vec<Failures>>;
    /// What moved on business days from `from` to `until`, both included, by account, day, currency and kind; only
    /// through a merchant's accounts, when one is named.
    async fn moved_between(&self, merchant: Option<MerchantId>, from: Day, until: Day) -> Result<Vec<DayMoved>>;
    /// Payouts of an account on business days from `from` to `until`, both included, and whether a bank has shown each;
    /// at most 1000.
    async fn payouts_between(&self, account: ChannelAccountId, from: Day, until: Day) -> Result<Vec<(Movement, bool)>>;
}

#[async_trait]
impl<D: Dialect> Reports for D {
    async fn takings(&self, filter: &InsightFilter) -> Result<Vec<(Group, Takings)>> {
        reports::takings(self, filter).await
    }
    async fn times_to_paid(&self, filter: &InsightFilter) -> Result<Vec<(Group, i64, i64)>> {
        reports::times_to_paid(self, filter).await
    }
    async fn failures(&self, filter: &InsightFilter) -> Result<Vec<Failures>> {
        reports::failures(self, filter).await
    }
    async fn moved_between(&self, merchant: Option<MerchantId>, from: Day, until: Day) -> Result<Vec<DayMoved>> {
        reports::moved_between(self, merchant, from, until).await
    }
    async fn payouts_between(&self, account: ChannelAccountId, from: Day, until: Day) -> Result<Vec<(Movement, bool)>> {
        reports::payouts_between(self, account, from, until).await
    }
}
