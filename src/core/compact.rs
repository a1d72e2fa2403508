//! A compact form of instants for stored evidence: milliseconds instead of RFC 3339 text, because every
//! transition of a payment writes them. Knows serde, and must never be used in a face.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::clock::Timestamp;

/// `Option<Timestamp>` as a number.
pub mod instant {
    use super::*;

    /// Writes milliseconds.
    pub fn serialize<S: Serializer>(value: &Option<Timestamp>, s: S) -> Result<S::Ok, S::Error> {
        value.map(Timestamp::as_millis).serialize(s)
    }

    /// Reads milliseconds.
    pub fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Option<Timestamp>, D::Error> {
        Ok(Option::<i64>::deserialize(d)?.map(Timestamp::from_millis))
    }
}

/// `Option<(Timestamp, T)>` with the instant as a number.
pub mod dated {
    use super::*;

    /// Writes milliseconds and the value.
    pub fn serialize<T: Serialize, S: Serializer>(value: &Option<(Timestamp, T)>, s: S) -> Result<S::Ok, S::Error> {
        value.as_ref().map(|(at, v)| (at.as_millis(), v)).serialize(s)
    }

    /// Reads milliseconds and the value.
    pub fn deserialize<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
        d: D,
    ) -> Result<Option<(Timestamp, T)>, D::Error> {
        Ok(Option::<(i64, T)>::deserialize(d)?.map(|(ms, v)| (Timestamp::from_millis(ms), v)))
    }
}

/// A pair of optional instants as numbers.
pub mod pair {
    use super::*;

    /// Writes milliseconds.
    pub fn serialize<S: Serializer>((a, b): &(Option<Timestamp>, Option<Timestamp>), s: S) -> Result<S::Ok, S::Error> {
        (a.map(Timestamp::as_millis), b.map(Timestamp::as_millis)).serialize(s)
    }

    /// Reads milliseconds.
    pub fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<(Option<Timestamp>, Option<Timestamp>), D::Error> {
        let (a, b) = <(Option<i64>, Option<i64>)>::deserialize(d)?;
        Ok((a.map(Timestamp::from_millis), b.map(Timestamp::from_millis)))
    }
}
