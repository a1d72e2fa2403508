//! Typed identifiers: it knows their shape, and must never know what they identify.
//!
//! An id is 128 bits, ordered by creation time (UUID version 7), stored as 16 bytes and written as a
//! prefix and 26 characters of lower-case Crockford base32: `ord_01jd7…`. The time and the random
//! bits are arguments. The 26 characters alone are what channels get as our number: they fit every
//! channel's alphabet and length (WeChat Pay allows 6 to 32 characters).

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Uuid;

use crate::chance::Chance;
use crate::clock::Timestamp;

const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
/// Characters of an id without its prefix.
pub const TEXT_LENGTH: usize = 26;

/// A fresh time-ordered 128-bit number.
pub fn fresh(now: Timestamp, chance: &dyn Chance) -> Uuid {
    let mut random = [0_u8; 10];
    chance.fill(&mut random);
    let unix_ms = u64::try_from(now.as_millis()).unwrap_or(0);
    uuid::Builder::from_unix_timestamp_millis(unix_ms, &random).into_uuid()
}

/// No id that [`fresh`] makes at or after `at` is smaller, and none that it makes before is as large.
pub fn earliest_at(at: Timestamp) -> Uuid {
    let unix_ms = u128::try_from(at.as_millis()).unwrap_or(0) & 0xffff_ffff_ffff;
    Uuid::from_u128(unix_ms << 80)
}

/// When `id` was made, for one that [`fresh`] has made.
pub fn made_at(id: Uuid) -> Timestamp {
    Timestamp::from_millis(i64::try_from(id.as_u128() >> 80).unwrap_or(0))
}

/// The 26 base32 characters of `id`.
pub fn to_text(id: Uuid) -> String {
    let bits = id.as_u128();
    (0..TEXT_LENGTH)
        .rev()
        .map(|i| {
            let index = usize::try_from((bits >> (5 * i)) & 31).unwrap_or(0);
            ALPHABET.get(index).copied().map_or('0', char::from)
        })
        .collect()
}

/// The inverse of [`to_text`]; `None` when the text is not exactly such an id.
pub fn from_text(text: &str) -> Option<Uuid> {
    if text.len() != TEXT_LENGTH || text.as_bytes().first().is_none_or(|c| *c > b'7') {
        return None;
    }
    let mut bits = 0_u128;
    for c in text.bytes() {
        let digit = ALPHABET.iter().position(|a| *a == c)?;
        bits = (bits << 5) | u128::try_from(digit).ok()?;
    }
    Some(Uuid::from_u128(bits))
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident = $prefix:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub Uuid);

        impl $name {
            /// The prefix of this kind of id in text.
            pub const PREFIX: &'static str = $prefix;

            /// A fresh id for something created at `now`.
            pub fn fresh(now: Timestamp, chance: &dyn Chance) -> Self {
                Self(fresh(now, chance))
            }

            /// The 128 bits.
            pub const fn uuid(self) -> Uuid {
                self.0
            }

            /// The 26 characters without the prefix.
            pub fn bare(self) -> String {
                to_text(self.0)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($prefix, "_{}"), to_text(self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = String;
            fn from_str(text: &str) -> Result<Self, String> {
                text.strip_prefix(concat!($prefix, "_"))
                    .and_then(from_text)
                    .map(Self)
                    .ok_or_else(|| format!(
                        concat!("`{}` is not a ", stringify!($name), ": expected ", $prefix, "_ and 26 characters"),
                        text.chars().take(64).collect::<String>()
                    ))
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                s.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(d)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    )*};
}

ids! {
    /// A merchant: one agency of the installation.
    MerchantId = "mer";
    /// A merchant's credentials on one channel.
    ChannelAccountId = "acc";
    /// What a customer owes a merchant.
    OrderId = "ord";
    /// One tender of an order on one channel.
    PaymentId = "pay";
    /// One wish to give money back.
    RefundId = "rfd";
    /// One way by which a refund is fulfilled; without its prefix, the number that the channel gets.
    LegId = "rfl";
    /// One file of a bank's statements, as it was imported.
    StatementId = "sta";
    /// One line of a bank's statement; derived from its account and its identity there, so that it dedupes.
    LineId = "lin";
    /// One bill of a channel, as it was fetched.
    BillId = "bil";
    /// One difference between a channel's books and ours; derived, so that it is found once.
    BreakId = "brk";
    /// The reconciliation of one account and day; derived from both.
    ReconciliationId = "rec";
    /// Money that was collected by hand; the collector's device makes the id, so that it dedupes.
    CollectionId = "col";
    /// Collected money that was handed in.
    HandInId = "hin";
    /// Cash that was given back out of a drawer; the device makes the id, so that it dedupes.
    PayoutId = "out";
    /// A payer's standing consent to be charged.
    AgreementId = "agr";
    /// Amounts that are due on dates.
    PlanId = "pln";
    /// A schedule of a merchant.
    ScheduleId = "sch";
    /// One message received from a channel; derived from the channel's own id, so that it dedupes.
    NotificationId = "ntf";
    /// One merchant event for one endpoint.
    DeliveryId = "dlv";
    /// An address at which a merchant wants to be told.
    EndpointId = "whe";
    /// An API key (its public half).
    ApiKeyId = "key";
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chance::SeededChance;

    #[test]
    fn ids_round_trip_and_sort_by_time() {
        let chance = SeededChance::new(1);
        let a = OrderId::fresh(Timestamp::from_millis(1_800_000_000_000), &chance);
        let b = OrderId::fresh(Timestamp::from_millis(1_800_000_000_001), &chance);
        assert_eq!(a.to_string().parse::<OrderId>().unwrap(), a);
        assert!(a < b && a.to_string() < b.to_string());
        assert_eq!(a.bare().len(), TEXT_LENGTH);
        assert_eq!(made_at(b.uuid()), Timestamp::from_millis(1_800_000_000_001));
        let between = earliest_at(Timestamp::from_millis(1_800_000_000_001));
        assert!(a.uuid() < between && between <= b.uuid());
    }

    #[test]
    fn foreign_prefixes_lengths_and_letters_are_refused() {
        for bad in [
            "",
            "ord_",
            "pay_01jd7z0000000000000000000",
            "../etc/passwd",
            "ord_zzzzzzzzzzzzzzzzzzzzzzzzzz",
            "ord_01JD7Z00000000000000000000",
            "ord_01jd7z00000000000000000000x",
            "ord_０1jd7z0000000000000000000",
        ] {
            assert!(bad.parse::<OrderId>().is_err(), "{bad}");
        }
    }
}
