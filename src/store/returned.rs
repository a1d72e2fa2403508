//! The comparison of what legs take from a payment with what the payment is said to have returned: it
//! knows both sums, and must never correct one.
//!
//! The guard against giving back more than was taken goes by the payment's own sum. This keeps that sum
//! honest: a change that adds a leg without counting it is refused as a mistake.

use bursar_core::id::PaymentId;
use bursar_core::refund::LegState;
use uuid::Uuid;

use crate::{Change, Result, StoreError};

/// The two sums of a payment, in minor units.
#[derive(Clone, Copy, Debug)]
pub struct Sum {
    /// As the payment's row says.
    pub noted: i64,
    /// As the legs add up.
    pub legs: i64,
}

impl Sum {
    /// Nothing yet, of a payment whose row says `noted`.
    pub const fn new(noted: i64) -> Self {
        Self { noted, legs: 0 }
    }

    /// Adds a leg, when there is one.
    pub fn add(&mut self, amount_minor: Option<i64>, state: Option<i16>) {
        let takes = state.and_then(LegState::from_code).is_none_or(LegState::takes_from_payment);
        if let Some(minor) = amount_minor.filter(|_| takes) {
            self.legs = self.legs.saturating_add(minor);
        }
    }
}

/// # Errors
/// [`StoreError::Misuse`] when the sums of `payment` differ, or it is not there.
pub fn check(payment: Uuid, sum: Option<&Sum>) -> Result<()> {
    match sum {
        Some(sum) if sum.noted == sum.legs => Ok(()),
        Some(Sum { noted, legs }) => Err(StoreError::Misuse(format!(
            "a change adds a leg of a refund to {}, whose legs take {legs} minor units then, and notes {noted}",
            PaymentId(payment)
        ))),
        None => Err(StoreError::Misuse(format!("a leg of a refund needs {}, which is not there", PaymentId(payment)))),
    }
}

/// Whether `change` adds a leg that takes from `payment`.
pub fn adds_to(change: &Change, payment: PaymentId) -> bool {
    change.new_legs.iter().any(|leg| leg.payment == payment)
}
