//! Objects of the channel in general: it knows references that may be expanded, pages of lists, times and
//! metadata, and must never know what an object is for.

use std::collections::BTreeMap;

use bursar_core::Timestamp;
use serde::Deserialize;
use serde::de::IgnoredAny;

/// A reference: the id, or the object itself where the call asked to expand it.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Reference<T> {
    Object(Box<T>),
    /// The id: nothing is read of it.
    Unexpanded(IgnoredAny),
}

impl<T> Reference<T> {
    pub(super) fn object(&self) -> Option<&T> {
        match self {
            Self::Unexpanded(_) => None,
            Self::Object(object) => Some(object),
        }
    }
}

/// A reference of which only the id is wanted, in either shape.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Named {
    Id(String),
    Object { id: String },
}

impl Named {
    pub(super) fn id(&self) -> &str {
        match self {
            Self::Id(id) | Self::Object { id } => id,
        }
    }
}

/// A page of a list or of a search.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Page<T> {
    pub(super) data: Vec<T>,
    /// Whether more follows after the last of `data`.
    #[serde(default)]
    pub(super) has_more: bool,
}

/// What we wrote on an object: texts by name.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(transparent)]
pub(super) struct Metadata(BTreeMap<String, String>);

/// The metadata by which a payment is found: our number.
pub(super) const PAYMENT: &str = "bursar_payment";
/// The metadata by which an agreement is found: our number.
pub(super) const AGREEMENT: &str = "bursar_agreement";
/// The metadata that names the order, for people who look at the channel's pages.
pub(super) const ORDER: &str = "bursar_order";
/// The metadata that tells the merchant's number of the order back in bills.
pub(super) const ORDER_NUMBER: &str = "bursar_order_number";
/// The metadata by which a refund is found: the leg's number.
pub(super) const LEG: &str = "bursar_leg";
/// The metadata that tells why money goes back, for people.
pub(super) const REASON: &str = "bursar_reason";

impl Metadata {
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }
}

/// The instant `seconds` after the beginning of Unix time.
pub(super) const fn instant(seconds: i64) -> Timestamp {
    Timestamp::from_millis(seconds.saturating_mul(1_000))
}

/// Whether `id` looks like an id of the channel, so that it may stand in a path: a short prefix in small letters,
/// an underscore, then letters, digits and underscores.
pub(super) fn is_id(id: &str, prefix: &str) -> bool {
    let rest = id.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('_')).unwrap_or_default();
    (1..=128).contains(&rest.len()) && rest.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_ids_of_the_channel_reach_a_path() {
        assert!(is_id("pi_3MtwBwLkdIwHu7ix28a3tqPa", "pi") && is_id("pi_test_1", "pi"));
        for bad in ["", "pi", "pi_", "ch_1", "pi_1/capture", "pi_1?x=y", "pi_..", "pi_1%2f", "pi_号"] {
            assert!(!is_id(bad, "pi"), "{bad}");
        }
        assert!(!is_id(&format!("pi_{}", "a".repeat(129)), "pi"));
    }

    #[test]
    fn a_reference_is_read_in_both_shapes() {
        let id: Reference<Page<i32>> = serde_json::from_str(r#""ch_1""#).unwrap();
        assert!(id.object().is_none());
        let object: Reference<Page<i32>> = serde_json::from_str(r#"{"data":[1],"url":"/v1"}"#).unwrap();
        assert_eq!(object.object().unwrap().data, [1]);
        assert!(!object.object().unwrap().has_more);
    }
}
