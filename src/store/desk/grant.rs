//! Wishes about an order: it knows how one is decided on what is there, and again when somebody was faster,
//! and must never know who wishes.

use bursar_core::Timestamp;
use bursar_core::decide::{self, Decision, Policy, RefundRequest};
use bursar_core::id::OrderId;
use bursar_core::order::Dossier;
use bursar_core::payment::Payment;
use bursar_core::refund::{Impossible, Share};

use super::{Desk, Granted, MAX_RACES, too_many_races};
use crate::{Answer, Change, Result};

impl Desk {
    /// How `request` would be carried out now. Writes nothing.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn preview_refund(
        &self,
        order: OrderId,
        request: &RefundRequest,
    ) -> Result<Option<std::result::Result<Vec<Share>, Impossible>>> {
        let Some(dossier) = self.gatherer.store().dossier(order).await? else { return Ok(None) };
        let entries = self.entries_for(&dossier).await?;
        let terms = Self::terms(&entries, &dossier)?;
        Ok(Some(decide::preview(&dossier, request, &terms.policy(&self.plans), self.clock.now())))
    }

    /// Takes a refund on the books and sets its money aside. `complete` may add to the change (an
    /// idempotency key).
    ///
    /// # Errors
    /// When the database cannot be read or written.
    pub async fn refund(
        &self,
        order: OrderId,
        request: &RefundRequest,
        complete: impl Fn(&Dossier, &mut Change) + Send + Sync,
    ) -> Result<Granted<Impossible>> {
        self.grant(order, |dossier, policy, now| decide::refund(dossier, request, policy, now), complete).await
    }

    /// Adds `payment` to an order. `complete` may add to the change (an idempotency key).
    ///
    /// # Errors
    /// When the database cannot be read or written.
    pub async fn add_payment(
        &self,
        payment: &Payment,
        expires_at: Option<Timestamp>,
        complete: impl Fn(&Dossier, &mut Change) + Send + Sync,
    ) -> Result<Granted<String>> {
        let decide = |dossier: &Dossier, policy: &Policy<'_>, now| {
            decide::add_payment(dossier, payment.clone(), expires_at, policy, now)
        };
        self.grant(payment.order, decide, complete).await
    }

    /// Adds the way that the payer has chosen to an order. `complete` may add to the change (an idempotency
    /// key).
    ///
    /// # Errors
    /// When the database cannot be read or written.
    pub async fn pick(
        &self,
        payment: &Payment,
        complete: impl Fn(&Dossier, &mut Change) + Send + Sync,
    ) -> Result<Granted<String>> {
        let decide = |dossier: &Dossier, policy: &Policy<'_>, now| decide::pick(dossier, payment.clone(), policy, now);
        self.grant(payment.order, decide, complete).await
    }

    pub(super) async fn grant<E>(
        &self,
        order: OrderId,
        decide: impl Fn(&Dossier, &Policy<'_>, Timestamp) -> std::result::Result<Decision, E> + Send + Sync,
        complete: impl Fn(&Dossier, &mut Change) + Send + Sync,
    ) -> Result<Granted<E>> {
        for _ in 0..MAX_RACES {
            let Some(dossier) = self.gatherer.store().dossier(order).await? else { return Ok(Granted::NoSuchOrder) };
            let entries = self.entries_for(&dossier).await?;
            let terms = Self::terms(&entries, &dossier)?;
            let decision = match decide(&dossier, &terms.policy(&self.plans), self.clock.now()) {
                Ok(decision) => decision,
                Err(refusal) => return Ok(Granted::Refused(refusal)),
            };
            let (mut change, next) = self.change(&dossier, &decision, &entries);
            complete(&next, &mut change);
            match self.gatherer.commit(change).await? {
                Answer::Committed => return Ok(Granted::Written(Box::new(next))),
                Answer::Duplicate => return Ok(Granted::Duplicate),
                Answer::Stale | Answer::Fenced => {}
            }
        }
        Err(too_many_races(order))
    }
}
