//! The payer's code: it knows when one confirms a collection and how often it may be tried, and must never say how
//! near a wrong one came.
//!
//! One code stands for a payment, so its wrong tries are counted for all collections of the payment together: a
//! worker who makes up ten of them has no more tries. Whoever knows the code can confirm what he says himself; that
//! only lets him owe more.

use super::{CashError, Collection};
use crate::id::CollectionId;
use crate::observation::PayCode;

/// Digits of the code: who guesses is right once in a million.
pub const CODE_DIGITS: usize = 6;

/// Wrong tries for a payment after which only a person confirms: enough for slips of the tongue, and one in two
/// hundred thousand for who guesses.
pub const MAX_WRONG_CODES: i32 = 5;

/// Whether `code` confirms the collection `id`. `known` is what the payer was given; `of_payment` are all
/// collections of its payment.
///
/// # Errors
/// [`CashError::WrongCode`], which is to be counted ([`Collection::tried_in_vain`]); [`CashError::CodeSpent`], which
/// was not even compared.
pub fn check_code(
    id: CollectionId,
    code: &str,
    known: Option<&PayCode>,
    of_payment: &[Collection],
) -> Result<(), CashError> {
    let tried = of_payment.iter().map(|c| c.wrong_codes).fold(0, i32::saturating_add);
    let left = MAX_WRONG_CODES.saturating_sub(tried);
    if left <= 0 {
        return Err(CashError::CodeSpent { id });
    }
    match known {
        Some(PayCode::Cash { code: right }) if right == code => Ok(()),
        _ => Err(CashError::WrongCode { left: left.saturating_sub(1) }),
    }
}
