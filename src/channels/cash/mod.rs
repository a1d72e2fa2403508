//! Cash: it knows the code by which a payer confirms what he handed over, and must never know drawers and
//! collections (`bursar_core::cash` does).

mod settings;

use std::sync::Arc;

use bursar_core::Chance;
use bursar_core::money::Currency;
use bursar_core::observation::PayCode;

pub use self::settings::CashSettings;
use crate::by_hand::ByHand;
use crate::channel::CreateRequest;
use crate::outcome::Refusal;

/// Digits of the code: a collector who guesses is right once in a million.
const CODE_DIGITS: usize = 6;

/// What makes up one account.
#[derive(Debug)]
pub(crate) struct Cash {
    chance: Arc<dyn Chance>,
}

impl Cash {
    pub(crate) const fn new(chance: Arc<dyn Chance>) -> Self {
        Self { chance }
    }
}

impl ByHand for Cash {
    fn code(&self, request: &CreateRequest<'_>) -> Result<PayCode, Refusal> {
        let owed = request.payment.amount.currency;
        if owed != Currency::CNY {
            return Err(Refusal::ours("CURRENCY", &format!("notes and coins are yuan, not {owed}")));
        }
        Ok(PayCode::Cash { code: code(&*self.chance) })
    }

    fn no_refund(&self) -> &'static str {
        "cash is given back by a person: out of a drawer, or by a transfer"
    }
}

fn code(chance: &dyn Chance) -> String {
    (0..CODE_DIGITS).filter_map(|_| char::from_digit(u32::try_from(chance.below(10)).unwrap_or(0), 10)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use bursar_core::chance::SeededChance;

    #[test]
    fn a_code_has_six_digits_and_two_payments_have_different_ones() {
        let chance = SeededChance::new(7);
        let codes: Vec<String> = (0..50).map(|_| code(&chance)).collect();
        assert!(codes.iter().all(|c| c.len() == CODE_DIGITS && c.bytes().all(|b| b.is_ascii_digit())), "{codes:?}");
        assert!(codes.iter().collect::<std::collections::BTreeSet<_>>().len() > 45, "{codes:?}");
    }
}
