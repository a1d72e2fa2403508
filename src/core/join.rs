//! How claims are joined: it knows operations that are commutative, associative and idempotent, and must
//! never know what is joined.

use std::collections::BTreeMap;

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

/// Keeps the smaller of each key.
pub fn smaller<K: Ord + Clone, V: Ord + Clone>(map: &mut BTreeMap<K, V>, key: &K, value: &V) {
    match map.get_mut(key) {
        Some(old) if *value < *old => *old = value.clone(),
        Some(_) => {}
        None => {
            map.insert(key.clone(), value.clone());
        }
    }
}
