//! Cursors of lists: it knows where a page ended and for which filters, and must never carry more.
//!
//! A cursor is the last id of a page with a checksum over the id, the merchant and the filters. It is
//! not a secret (it leads only to the caller's own orders), so a plain hash suffices: it turns typing
//! errors, other filters and invented values into a clear error instead of a wrong page.

use std::fmt::Display;

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bursar_core::Timestamp;
use bursar_store::ledger::Place;
use uuid::Uuid;

const CHECK_BYTES: usize = 8;

fn check(scope: &str, id: impl Display) -> Vec<u8> {
    let said = format!("{scope}|{id}");
    digest::digest(&digest::SHA256, said.as_bytes()).as_ref().iter().take(CHECK_BYTES).copied().collect()
}

/// The cursor of the page after the row `id` of the list that `scope` names: its kind, merchant and
/// filters, with free text quoted so that they keep apart.
pub fn write(scope: &str, bits: Uuid, id: impl Display) -> String {
    let mut bytes = bits.as_bytes().to_vec();
    bytes.extend(check(scope, id));
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The id in a cursor that was written for the same scope; `id` makes it of its bits.
///
/// # Errors
/// A sentence when it was not.
pub fn read<I: Display>(scope: &str, text: &str, id: impl Fn(Uuid) -> I) -> Result<I, String> {
    let wrong = || "the cursor is not one that was given for these filters; start again without it".to_owned();
    let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| wrong())?;
    let (bits, sum) = bytes.split_at_checked(16).ok_or_else(wrong)?;
    let bits: [u8; 16] = bits.try_into().map_err(|_| wrong())?;
    let id = id(Uuid::from_bytes(bits));
    if check(scope, &id) == sum { Ok(id) } else { Err(wrong()) }
}

/// The cursor of the page after the entry at `place` of a ledger's account.
pub fn write_place(scope: &str, place: Place) -> String {
    let (at, subject, sequence) = place;
    let mut bytes = at.as_millis().to_be_bytes().to_vec();
    bytes.extend(sequence.to_be_bytes());
    bytes.extend(subject.as_bytes());
    bytes.extend(check(scope, format_args!("{place:?}")));
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The place in a cursor that [`write_place`] has written for the same scope.
///
/// # Errors
/// A sentence when it was not.
pub fn read_place(scope: &str, text: &str) -> Result<Place, String> {
    let place = |bytes: &[u8]| {
        let (at, rest) = bytes.split_first_chunk::<8>()?;
        let (sequence, rest) = rest.split_first_chunk::<8>()?;
        let (subject, sum) = rest.split_first_chunk::<16>()?;
        let at = Timestamp::from_millis(i64::from_be_bytes(*at));
        let place = (at, Uuid::from_bytes(*subject), i64::from_be_bytes(*sequence));
        (check(scope, format_args!("{place:?}")) == sum).then_some(place)
    };
    let bytes = URL_SAFE_NO_PAD.decode(text).ok();
    let wrong = || "the cursor is not one that was given for these filters; start again without it".to_owned();
    bytes.as_deref().and_then(place).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;
    use bursar_core::id::{OrderId, RefundId};

    #[test]
    fn a_cursor_leads_only_back_to_its_own_scope_and_kind_of_id() {
        let id = OrderId(Uuid::from_u128(77));
        let cursor = write("orders|a", id.uuid(), id);
        assert_eq!(read("orders|a", &cursor, OrderId), Ok(id));
        assert!(read("orders|b", &cursor, OrderId).is_err());
        assert!(read("orders|a", &cursor, RefundId).is_err());
        for at in 0..cursor.len() {
            let mut bad = cursor.clone().into_bytes();
            bad[at] = if bad[at] == b'A' { b'B' } else { b'A' };
            assert!(read("orders|a", std::str::from_utf8(&bad).unwrap(), OrderId).is_err(), "byte {at}");
        }
        for bad in ["", "x", "%00", &cursor[1..], "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"] {
            assert!(read("orders|a", bad, OrderId).is_err(), "{bad}");
        }
    }
}
