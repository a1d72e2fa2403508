//! Agreements and plans of one simulated process: every call is a step through a seam of the world.

use async_trait::async_trait;
use bursar_core::Timestamp;
use bursar_core::agreement::Agreement;
use bursar_core::billing::{Plan, PlanFile};
use bursar_core::id::{AgreementId, PlanId};
use bursar_store::{AgreementFilter, Billing, Extent, PlanFilter, PlanTimeline, Result};

use super::billing::PlantedBilling;
use super::memory::{Memory, has_not, some};
use super::planted::Planted;
use super::state::State;

#[async_trait]
impl Billing for Memory {
    async fn agreement(&self, id: AgreementId) -> Result<Option<Agreement>> {
        let read = |s: &mut State| {
            let row = s.tables.agreements.get(&id).cloned();
            row.map(|a| match s.billing.planted {
                Some(planted) => planted.agreement_as_read(a),
                None => a,
            })
        };
        self.world.database(self.pid, "read an agreement", read).await
    }

    async fn agreements(&self, filter: &AgreementFilter) -> Result<Vec<Agreement>> {
        let wanted = |a: &&Agreement| {
            filter.merchant.is_none_or(|m| m == a.merchant)
                && filter.payer.as_ref().is_none_or(|p| *p == a.payer)
                && filter.state.is_none_or(|s| s == a.state)
                && filter.before.is_none_or(|id| a.id < id)
        };
        let found = |s: &mut State| {
            s.tables.agreements.values().rev().filter(wanted).take(some(filter.limit)).cloned().collect()
        };
        self.world.database(self.pid, "read agreements", found).await
    }

    async fn plan(&self, id: PlanId, extent: Extent) -> Result<Option<PlanFile>> {
        let read = |s: &mut State| {
            let file = s.tables.plan_file(id, extent)?;
            Some(match s.billing.planted {
                Some(planted) => planted.plan_as_read(file, s.now),
                None => file,
            })
        };
        self.world.database(self.pid, "read a plan", read).await
    }

    async fn plans(&self, filter: &PlanFilter) -> Result<Vec<Plan>> {
        let wanted = |p: &&Plan| {
            filter.merchant.is_none_or(|m| m == p.merchant)
                && filter.number.as_ref().is_none_or(|n| *n == p.number)
                && filter.payer.as_ref().is_none_or(|payer| *payer == p.payer)
                && filter.agreement.is_none_or(|a| Some(a) == p.agreement)
                && filter.state.is_none_or(|s| s == p.state)
                && filter.before.is_none_or(|id| p.id < id)
        };
        let found =
            |s: &mut State| s.tables.plans.values().rev().filter(wanted).take(some(filter.limit)).cloned().collect();
        self.world.database(self.pid, "read plans", found).await
    }

    async fn plan_timeline(&self, _: PlanId) -> Result<Option<PlanTimeline>> {
        has_not("timelines")
    }

    async fn tries_since(&self, agreement: AgreementId, since: Timestamp) -> Result<Vec<Timestamp>> {
        let read = |s: &mut State| s.tables.tries_since(agreement, since);
        self.world.database(self.pid, "read tries", read).await
    }

    /// No seam in a history that has neither: nothing can be lost.
    async fn lost_billing(&self, before: Timestamp, limit: u32) -> Result<(Vec<Agreement>, Vec<Plan>)> {
        let none = {
            let state = self.world.lock();
            state.tables.agreements.is_empty() && state.tables.plans.is_empty()
        };
        if none {
            return Ok((Vec::new(), Vec::new()));
        }
        let found = |s: &mut State| match s.planted {
            Some(Planted::NoSweep) => (Vec::new(), Vec::new()),
            _ if s.billing.planted == Some(PlantedBilling::ForgetPlan) => (Vec::new(), Vec::new()),
            _ => s.tables.lost_billing(before, some(limit)),
        };
        self.world.database(self.pid, "upkeep: look for lost agreements and plans", found).await
    }
}
