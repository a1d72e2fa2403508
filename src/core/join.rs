//! How claims are joined: it knows operations that are commutative, associative and idempotent, and must
//! never know what is joined.

/// Keeps the larger.
pub fn latest<T: Ord>(slot: &mut Option<T>, value: T) {
    if slot.as_ref().is_none_or(|old| *old < value) {
        *slot = Some(value);
    }
}

/// Keeps the smaller.
pub fn earliest<T: Ord>(slot: &mut Option<T>, value: T) {
    if slot.as_ref().is_none_or(|old| *old > value) {
        *slot = Some(value);
    }
}
