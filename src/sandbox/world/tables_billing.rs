//! Agreements, plans and installments of our database in memory: it knows their rows and guards as the real stores
//! do, and must never know when something is charged.

use bursar_core::Timestamp;
use bursar_core::agreement::Agreement;
use bursar_core::billing::{Plan, PlanFile};
use bursar_core::clock::DAY_MS;
use bursar_core::id::{AgreementId, MerchantId, PaymentId, PlanId};
use bursar_core::job::{JobKey, JobKind};
use bursar_store::{About, Answer, Change, Extent};
use uuid::Uuid;

use super::tables::Tables;

impl Tables {
    /// A plan with its installments.
    pub fn plan_file(&self, id: PlanId, extent: Extent) -> Option<PlanFile> {
        let plan = self.plans.get(&id)?.clone();
        let rows = self.installments.range((id, 0)..=(id, u32::MAX)).map(|(_, i)| i);
        Some(PlanFile { plan, installments: rows.filter(|i| extent.takes(i)).cloned().collect() })
    }

    /// What a question about `subject` belongs to.
    pub fn about(&self, subject: Uuid) -> Option<About> {
        let plan = || self.plans.contains_key(&PlanId(subject)).then_some(About::Plan(PlanId(subject)));
        self.order_of(subject).map(About::Order).or_else(plan)
    }

    /// Whose it is.
    pub fn merchant_of(&self, about: About) -> Option<MerchantId> {
        match about {
            About::Order(id) => self.orders.get(&id).map(|o| o.merchant),
            About::Plan(id) => self.plans.get(&id).map(|p| p.merchant),
            About::Agreement(id) => self.agreements.get(&id).map(|a| a.merchant),
            About::Break(_) => None,
        }
    }

    /// When payments through an agreement were accepted, oldest first.
    pub fn tries_since(&self, agreement: AgreementId, since: Timestamp) -> Vec<Timestamp> {
        // Ids are ordered by time; a day is more than clocks are wrong.
        let from = u128::try_from(since.plus_ms(-DAY_MS).as_millis()).unwrap_or(0) << 80;
        let recent = self.payments.range(PaymentId(Uuid::from_u128(from))..).map(|(_, p)| p);
        let charged = recent.filter(|p| p.agreement == Some(agreement));
        let mut tries: Vec<_> = charged.map(|p| p.created_at).filter(|at| *at >= since).collect();
        tries.sort_unstable();
        tries
    }

    /// Agreements and plans that were due and have no job.
    pub fn lost_billing(&self, before: Timestamp, limit: usize) -> (Vec<Agreement>, Vec<Plan>) {
        let lost = |due_at: Option<Timestamp>, kind, subject| {
            due_at.is_some_and(|due| due < before) && !self.jobs.contains_key(&JobKey::new(kind, subject))
        };
        let agreements = self.agreements.values().filter(|a| lost(a.due_at, JobKind::FollowAgreement, a.id.uuid()));
        let plans = self.plans.values().filter(|p| lost(p.due_at, JobKind::FollowPlan, p.id.uuid()));
        (agreements.take(limit).cloned().collect(), plans.take(limit).cloned().collect())
    }

    /// The guards. A stale plan counts before the number of an order that comes with it.
    pub(super) fn billing_refusal(&self, change: &Change) -> Option<Answer> {
        let rows = &change.billing;
        let stale = rows.agreements.iter().any(|a| self.agreements.get(&a.id).is_none_or(|r| r.version != a.version))
            || rows.plans.iter().any(|p| self.plans.get(&p.id).is_none_or(|r| r.version != p.version));
        let same = |new: &Plan| {
            self.plans.values().any(|p| p.id == new.id || (p.merchant == new.merchant && p.number == new.number))
        };
        let known =
            rows.new_agreements.iter().any(|a| self.agreements.contains_key(&a.id)) || rows.new_plans.iter().any(same);
        let taken =
            change.idempotency.as_ref().is_some_and(|k| self.idempotency.contains_key(&(k.merchant, k.key.clone())));
        match (stale, known) {
            (true, _) if taken => Some(Answer::Duplicate),
            (_, true) => Some(Answer::Duplicate),
            (true, false) => Some(Answer::Stale),
            (false, false) => None,
        }
    }

    /// Writes the rows; their guards have held.
    pub(super) fn billing_books(&mut self, change: &Change) {
        for agreement in &change.billing.new_agreements {
            self.agreements.insert(agreement.id, Agreement { version: 1, ..agreement.clone() });
        }
        for agreement in &change.billing.agreements {
            self.agreements.insert(agreement.id, Agreement { version: agreement.version + 1, ..agreement.clone() });
        }
        for plan in &change.billing.new_plans {
            self.plans.insert(plan.id, Plan { version: 1, ..plan.clone() });
        }
        for plan in &change.billing.plans {
            self.plans.insert(plan.id, Plan { version: plan.version + 1, ..plan.clone() });
        }
        for (plan, installment) in &change.billing.installments {
            self.installments.insert((*plan, installment.seq), installment.clone());
        }
    }
}
