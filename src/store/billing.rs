//! Agreements and plans in the store: it knows which rows are written together, and must never know when something
//! is charged ([`bursar_core::billing`] does).

use std::collections::HashSet;

use async_trait::async_trait;
use bursar_core::Timestamp;
use bursar_core::agreement::{Agreement, AgreementState};
use bursar_core::billing::{Installment, Plan, PlanFile, PlanState};
use bursar_core::id::{AgreementId, MerchantId, PlanId};
use uuid::Uuid;

use crate::about::About;
use crate::change::NewDelivery;
use crate::dialect::Dialect;
use crate::read::{billing as read, plan_history};
use crate::record::PlanTimeline;
use crate::{Result, StoreError};

/// Rows about agreements and plans in a [`crate::Change`].
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct BillingRows {
    /// Agreements to insert (version 0 becomes 1). Guard: there is none of that id.
    pub new_agreements: Vec<Agreement>,
    /// Agreements to update: where they stand, what was observed, when they are due and what was told. Guard: the row
    /// still has `version`, which is counted up.
    pub agreements: Vec<Agreement>,
    /// Plans to insert (version 0 becomes 1). Guard: the merchant has no plan of that number; one that has makes the
    /// change a [`crate::Answer::Duplicate`].
    pub new_plans: Vec<Plan>,
    /// Plans to update: all but merchant, number, payer, description, currency and when it was accepted. Guard: the
    /// row still has `version`, which is counted up; a stale plan makes the change stale, also when the number of an
    /// order that comes with it is taken: whoever was faster has opened that.
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

    /// The ids of what is new.
    pub(crate) fn new_ids(&self) -> impl Iterator<Item = Uuid> + '_ {
        self.new_agreements.iter().map(|a| a.id.uuid()).chain(self.new_plans.iter().map(|p| p.id.uuid()))
    }

    /// The ids of all agreements and plans.
    pub(crate) fn ids(&self) -> impl Iterator<Item = Uuid> + '_ {
        let updated = self.agreements.iter().map(|a| a.id.uuid()).chain(self.plans.iter().map(|p| p.id.uuid()));
        self.new_ids().chain(updated)
    }

    fn plan(&self, id: PlanId) -> Option<&Plan> {
        self.new_plans.iter().chain(&self.plans).find(|p| p.id == id)
    }

    fn agreement(&self, id: AgreementId) -> Option<&Agreement> {
        self.new_agreements.iter().chain(&self.agreements).find(|a| a.id == id)
    }

    /// Looks whether every installment, and every event told of a plan or an agreement (of `deliveries`), comes with
    /// the row whose version guards it.
    ///
    /// # Errors
    /// [`StoreError::Misuse`] when one does not, when an installment comes twice, or when an event is numbered beyond
    /// those that its row has counted: two changes could write the same number, or leave one out.
    pub fn check(&self, deliveries: &[NewDelivery]) -> Result<()> {
        let mut seen = HashSet::new();
        for (plan, installment) in &self.installments {
            if self.plan(*plan).is_none() {
                return Err(StoreError::Misuse(format!("a change writes installments of {plan} without writing it")));
            }
            if !seen.insert((*plan, installment.seq)) {
                return Err(StoreError::Misuse(format!("a change writes {plan} {} twice", installment.seq)));
            }
        }
        for delivery in deliveries {
            let counted = match delivery.about {
                // Their rows count them in the same change.
                About::Order(_) | About::Break(_) => continue,
                About::Plan(id) => self.plan(id).map(|p| p.event_count),
                About::Agreement(id) => self.agreement(id).map(|a| a.event_count),
            };
            if counted.is_none_or(|count| !(1..=count).contains(&delivery.sequence)) {
                let (about, sequence) = (delivery.about, delivery.sequence);
                return Err(StoreError::Misuse(format!(
                    "a change tells event {sequence} of {about}, which has not counted it"
                )));
            }
        }
        Ok(())
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

impl Extent {
    /// Whether `installment` is among them.
    pub fn takes(self, installment: &Installment) -> bool {
        let owes = || installment.give_back.iter().any(|g| !g.asked);
        self == Self::All || !installment.state.is_final() || owes()
    }
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
    /// Everything that happened to a plan.
    async fn plan_timeline(&self, id: PlanId) -> Result<Option<PlanTimeline>>;
    /// When payments through an agreement were accepted since `since`, oldest first: charges that were begun.
    async fn tries_since(&self, agreement: AgreementId, since: Timestamp) -> Result<Vec<Timestamp>>;
    /// Agreements and plans that were due before `before` and have no live job: at most `limit` of each, the oldest
    /// ids first.
    async fn lost_billing(&self, before: Timestamp, limit: u32) -> Result<(Vec<Agreement>, Vec<Plan>)>;
}

#[async_trait]
impl<D: Dialect> Billing for D {
    async fn agreement(&self, id: AgreementId) -> Result<Option<Agreement>> {
        read::agreement(self, id).await
    }
    async fn agreements(&self, filter: &AgreementFilter) -> Result<Vec<Agreement>> {
        read::agreements(self, filter).await
    }
    async fn plan(&self, id: PlanId, extent: Extent) -> Result<Option<PlanFile>> {
        read::plan(self, id, extent).await
    }
    async fn plans(&self, filter: &PlanFilter) -> Result<Vec<Plan>> {
        read::plans(self, filter).await
    }
    async fn plan_timeline(&self, id: PlanId) -> Result<Option<PlanTimeline>> {
        plan_history::timeline(self, id).await
    }
    async fn tries_since(&self, agreement: AgreementId, since: Timestamp) -> Result<Vec<Timestamp>> {
        read::tries_since(self, agreement, since).await
    }
    async fn lost_billing(&self, before: Timestamp, limit: u32) -> Result<(Vec<Agreement>, Vec<Plan>)> {
        read::lost(self, before, limit).await
    }
}
