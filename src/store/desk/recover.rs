//! What our books have lost and a bill proves, at the desk: it knows how it is written, and must never know what
//! follows from it.

use bursar_core::decide::{self, Policy};
use bursar_core::id::{LegId, OrderId, PaymentId};
use bursar_core::observation::Observation;
use bursar_core::order::{Dossier, Order};
use bursar_core::payment::Payment;
use bursar_core::refund::{Impossible, RefundReceipt};

use super::{Desk, Granted};
use crate::{Answer, Change, Result};

impl Desk {
    /// Takes `payment` on, of which `seen` tells: into the order of the merchant that has `order`'s number, or into
    /// `order`, which is opened for it. `complete` adds to the change.
    ///
    /// # Errors
    /// When the database cannot be read or written.
    pub async fn recover_payment(
        &self,
        order: &Order,
        payment: &Payment,
        seen: &Observation,
        complete: impl Fn(&Dossier, &mut Change) + Send + Sync,
    ) -> Result<Granted<String>> {
        let id = self.order_of_number(order).await?;
        let decide = |dossier: &Dossier, policy: &Policy<'_>, now| {
            if dossier.order.amount.currency != payment.amount.currency {
                return Err(format!("{} is in {}", dossier.order.id, dossier.order.amount.currency.code()));
            }
            if dossier.payment(payment.id).is_some() {
                return Err(format!("{} is there by now", payment.id));
            }
            let payment = Payment { order: dossier.order.id, ..payment.clone() };
            Ok(decide::recover_payment(dossier, payment, seen, policy, now))
        };
        self.grant(id, decide, complete).await
    }

    /// The order that has the number of `order`: the one that is there, or `order` itself, opened without payments.
    async fn order_of_number(&self, order: &Order) -> Result<OrderId> {
        let store = self.gatherer.store();
        if let Some(id) = store.order_by_number(order.merchant, &order.number).await? {
            return Ok(id);
        }
        match self.open(order.clone(), Vec::new(), |_, _| {}).await?.0 {
            Answer::Duplicate => Ok(store.order_by_number(order.merchant, &order.number).await?.unwrap_or(order.id)),
            Answer::Committed | Answer::Stale | Answer::Fenced => Ok(order.id),
        }
    }

    /// Takes a refund of `payment` on that was made without our books, as `receipt` tells. `complete` adds to the
    /// change.
    ///
    /// # Errors
    /// When the database cannot be read or written.
    pub async fn recover_refund(
        &self,
        order: OrderId,
        (leg, payment): (LegId, PaymentId),
        receipt: &RefundReceipt,
        complete: impl Fn(&Dossier, &mut Change) + Send + Sync,
    ) -> Result<Granted<Impossible>> {
        let decide = |dossier: &Dossier, policy: &Policy<'_>, now| {
            let of = dossier.payment(payment);
            let decision = of.and_then(|payment| decide::recover_refund(dossier, (leg, payment), receipt, policy, now));
            decision.ok_or(Impossible::NothingCaptured(dossier.order.state))
        };
        self.grant(order, decide, complete).await
    }
}
