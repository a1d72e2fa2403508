//! What merchants ask for: refunds of every kind, possible or not. It knows how they are drawn from the seed,
//! and must never know what becomes of them.

use bursar_core::Chance;
use bursar_core::clock::{MINUTE_MS, SECOND_MS};
use bursar_core::decide::RefundRequest;
use bursar_core::id::RefundId;
use bursar_core::order::Dossier;
use bursar_core::refund::{Allocation, NamedShare};

use super::script::between;
use super::temperament::Temperament;

/// How much is asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Asked {
    /// All that is left.
    All,
    /// So many hundredths of the order.
    Percent(i64),
    /// One minor unit more than the order.
    TooMuch,
}

/// How it is laid upon the payments.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Laid {
    Reverse,
    Proportional,
    /// On the first payment.
    Named,
}

/// A merchant's wish for a refund.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wish {
    pub at_ms: i64,
    pub asked: Asked,
    pub laid: Laid,
    pub payee: bool,
}

/// Who asks for refunds.
pub(crate) const ASKER: &str = "ann";

/// The wishes about an order.
pub(super) fn draw(chance: &dyn Chance, placed_ms: i64, character: Temperament) -> Vec<Wish> {
    let count = match character {
        Temperament::RefundStorm => 1 + chance.below(5),
        Temperament::Poor | Temperament::Bank | Temperament::Cards => 1 + chance.below(3),
        _ => chance.below(6) / 3,
    };
    let at_once = chance.below(2) == 0;
    let together = placed_ms + between(chance, 40 * SECOND_MS, 12 * MINUTE_MS);
    let wish = |_| Wish {
        at_ms: if at_once {
            together + between(chance, 0, 2 * SECOND_MS)
        } else {
            placed_ms + between(chance, 5 * SECOND_MS, 38 * MINUTE_MS)
        },
        asked: match chance.below(8) {
            0 => Asked::TooMuch,
            1 | 2 => Asked::All,
            3 => Asked::Percent(1),
            4 | 5 => Asked::Percent(60),
            _ => Asked::Percent(between(chance, 1, 99)),
        },
        laid: match chance.below(4) {
            0 => Laid::Proportional,
            1 => Laid::Named,
            _ => Laid::Reverse,
        },
        payee: chance.below(2) == 0,
    };
    (0..count).map(wish).collect()
}

impl Wish {
    /// The request as it reaches the desk, by what its asker sees.
    pub fn request(&self, id: RefundId, dossier: &Dossier) -> RefundRequest {
        let whole = dossier.order.amount.minor;
        let amount_minor = match self.asked {
            Asked::All => None,
            Asked::Percent(hundredths) => Some((whole * hundredths / 100).max(1)),
            Asked::TooMuch => Some(whole + 1),
        };
        let first = dossier.payments.first();
        let allocation = match (self.laid, amount_minor, first) {
            (Laid::Reverse, ..) | (Laid::Named, None, _) | (Laid::Named, _, None) => Allocation::Reverse,
            (Laid::Proportional, ..) => Allocation::Proportional,
            (Laid::Named, Some(amount_minor), Some(payment)) => {
                Allocation::Named(vec![NamedShare { payment: payment.id, amount_minor }])
            }
        };
        RefundRequest {
            id,
            amount_minor,
            allocation,
            reason: "not cleaned".to_owned(),
            by: ASKER.to_owned(),
            payee: self.payee.then(|| "sealed".to_owned()),
        }
    }
}
