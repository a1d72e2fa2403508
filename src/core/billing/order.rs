//! An installment as an order and as a charge: it knows what of a plan becomes what of an order, and what of a charge
//! that failed becomes the plan's concern; it must never know when.

use super::{Installment, InstallmentKey, Plan};
use crate::agreement::Agreement;
use crate::clock::{DAY_MS, Timestamp};
use crate::decline::{Decline, DeclineClass};
use crate::id::{OrderId, PaymentId};
use crate::money::Money;
use crate::order::{Order, OrderState};
use crate::payment::{Evidence, Payment, PaymentState};

/// An order lives so long at least, however late its installment was asked for.
const MIN_LIFE_MS: i64 = 7 * DAY_MS;

/// The order of an installment, which expires when the installment is written off.
pub fn order_of(plan: &Plan, installment: &Installment, id: OrderId, now: Timestamp) -> Order {
    let write_off_at = plan.dunning.write_off_at(installment.due_on, &plan.zone);
    Order {
        id,
        merchant: plan.merchant,
        number: plan.order_number(installment.seq),
        amount: plan.money(installment.minor),
        description: plan.description.clone(),
        state: OrderState::Created,
        close_reason: None,
        late_money: false,
        part_payment: false,
        service: None,
        region: None,
        offers: plan.offers.clone(),
        payer: Some(plan.payer.clone()),
        installment: Some(InstallmentKey { plan: plan.id, seq: installment.seq }),
        shares: Vec::new(),
        expires_at: write_off_at.max(now.plus_ms(MIN_LIFE_MS)),
        event_count: 0,
        version: 0,
        due_at: None,
        created_at: now,
    }
}

/// A charge of `amount` for `order` through `agreement`.
pub fn charge_of(agreement: &Agreement, order: OrderId, amount: Money, id: PaymentId, now: Timestamp) -> Payment {
    Payment {
        id,
        order,
        merchant: agreement.merchant,
        account: agreement.account,
        method: agreement.method,
        amount,
        payer: agreement.details.clone(),
        agreement: Some(agreement.id),
        state: PaymentState::New,
        evidence: Evidence::default(),
        returned_minor: 0,
        installments: None,
        version: 0,
        due_at: None,
        created_at: now,
    }
}

/// Why a charge through an agreement ended unpaid, and when the channel said so where it did; `None` when it has not, or
/// is no charge.
pub fn decline_of(payment: &Payment) -> Option<(Option<Timestamp>, Decline)> {
    if payment.agreement.is_none() || !payment.state.ended_unpaid() {
        return None;
    }
    let evidence = &payment.evidence;
    if let Some((at, decline)) = &evidence.declined {
        return Some((Some(*at), decline.clone()));
    }
    // The payer's own way was tried meanwhile, or the channel never had it.
    let refused = evidence.refused.as_ref();
    let reason = refused.map_or("the charge ended without a word", |(_, reason)| reason).to_owned();
    Some((refused.map(|(at, _)| *at), Decline { class: DeclineClass::Technical, reason }))
}
