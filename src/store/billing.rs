//! Agreements and plans in the store: it knows which rows are written together, and must never know when something
//! is charged ([`bursar_core::billing`] does).

use async_trait::async_trait;
use bursar_core::Timestamp;
use bursar_core::agreement::{Agreement, AgreementState};
use bursar_core::billing::{Installment, Plan, PlanFile, PlanState};
use bursar_core::id::{AgreementId, MerchantId, PlanId};

use crate::Result;

/// Rows about agreements and plans in a [`crate::Change`].
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct BillingRows {
    /// Agreements to insert (version 0 becomes 1). Guard: there is none of that id.
    pub new_agreements: Vec<Agreement>,
    /// Agreements to update. Guard: the row still has `version`, which is counted up.
    pub agreements: Vec<Agreement>,
    /// Plans to insert (version 0 becomes 1). Guard: the merchant has no plan of that number; one that has makes the
    /// change a [`crate::Answer::Duplicate`].
    pub new_plans: Vec<Plan>,
    /// Plans to update. Guard: the row still has `version`, which is counted up.
    pub plans: Vec<Plan>,
    /// Installments to insert, or to update when they are there. Their plan is among `new_plans` or `plans`: its
    /// version is their guard.
    pub installments: Vec<(PlanId, Installment)>,
}

impl BillingRows {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Which agreements to list.
#[derive(Clone, Debug)]
pub struct AgreementFilter {
    /// Only this merchant's; `None`: all, for operators.
    pub merchant: Option<MerchantId>,
    /// Only this payer's.
    pub payer: Option<String>,
    /// Only in this state.
    pub state: Option<AgreementState>,
    /// Only ids below this one (the cursor of the next page): newest first.
    pub before: Option<AgreementId>,
    /// At most so many.
    pub limit: u32,
}

/// Which plans to list.
#[derive(Clone, Debug)]
pub struct PlanFilter {
    /// Only this merchant's; `None`: all, for operators.
    pub merchant: Option<MerchantId>,
    /// Only the one with this number of the merchant.
    pub number: Option<String>,
    /// Only this payer's.
    pub payer: Option<String>,
    /// Only those that charge through this agreement.
    pub agreement: Option<AgreementId>,
    /// Only in this state.
    pub state: Option<PlanState>,
    /// Only ids below this one (the cursor of the next page): newest first.
    pub before: Option<PlanId>,
    /// At most so many.
    pub limit: u32,
}

/// How much of a plan's installments is read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Extent {
    /// Those that are not final, and those that have money to give back that was not asked for yet.
    Open,
    /// All.
    All,
}

/// What is asked of a database about agreements and plans. Rows are never deleted: they are books.
#[async_trait]
pub trait Billing: Send + Sync {
    /// One agreement.
    async fn agreement(&self, id: AgreementId) -> Result<Option<Agreement>>;
    /// Agreements that match, newest first, at most `filter.limit`.
    async fn agreements(&self, filter: &AgreementFilter) -> Result<Vec<Agreement>>;
    /// A plan with its installments, by number.
    async fn plan(&self, id: PlanId, extent: Extent) -> Result<Option<PlanFile>>;
    /// Plans that match, newest first, at most `filter.limit`.
    async fn plans(&self, filter: &PlanFilter) -> Result<Vec<Plan>>;
    /// When payments through an agreement were accepted since `since`, oldest first: charges that were begun.
    async fn tries_since(&self, agreement: AgreementId, since: Timestamp) -> Result<Vec<Timestamp>>;
    /// Agreements and plans that were due before `before` and have no live job: at most `limit` of each, the oldest
    /// ids first.
    async fn lost_billing(&self, before: Timestamp, limit: u32) -> Result<(Vec<Agreement>, Vec<Plan>)>;
}
