//! Cursors of lists: it knows where a page ended and for which filters, and must never carry more.
//!
//! A cursor is the last id of a page with a checksum over the id, the merchant and the filters. It is
//! not a secret (it leads only to the caller's own orders), so a plain hash suffices: it turns typing
//! errors, other filters and invented values into a clear error instead of a wrong page.

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bursar_core::id::{MerchantId, OrderId};
use bursar_store::OrderFilter;

const CHECK_BYTES: usize = 8;

fn check(filter: &OrderFilter, merchant: MerchantId, id: OrderId) -> Vec<u8> {
    // Debug output quotes the only free text, which keeps the fields apart.
    let said = format!(
        "orders.1|{merchant}|{:?}|{:?}|{:?}|{:?}|{id}",
        filter.state, filter.created_from, filter.created_to, filter.number,
    );
    digest::digest(&digest::SHA256, said.as_bytes()).as_ref().iter().take(CHECK_BYTES).copied().collect()
}

/// The cursor of the page after `id`.
pub fn write(filter: &OrderFilter, merchant: MerchantId, id: OrderId) -> String {
    let mut bytes = id.uuid().as_bytes().to_vec();
    bytes.extend(check(filter, merchant, id));
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The id in a cursor that was written for the same filters and merchant.
///
/// # Errors
/// A sentence when it was not.
pub fn read(filter: &OrderFilter, merchant: MerchantId, text: &str) -> Result<OrderId, String> {
    let wrong = || "the cursor is not one that was given for these filters; start again without it".to_owned();
    let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| wrong())?;
    let (id, sum) = bytes.split_at_checked(16).ok_or_else(wrong)?;
    let id: [u8; 16] = id.try_into().map_err(|_| wrong())?;
    let id = OrderId(uuid::Uuid::from_bytes(id));
    if check(filter, merchant, id) == sum { Ok(id) } else { Err(wrong()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bursar_core::order::OrderState;
    use uuid::Uuid;

    #[test]
    fn a_cursor_leads_only_back_to_its_own_filters_and_merchant() {
        let merchant = MerchantId(Uuid::from_u128(1));
        let id = OrderId(Uuid::from_u128(77));
        let filter = OrderFilter { state: Some(OrderState::Paid), ..OrderFilter::default() };
        let cursor = write(&filter, merchant, id);
        assert_eq!(read(&filter, merchant, &cursor), Ok(id));
        assert!(read(&OrderFilter::default(), merchant, &cursor).is_err());
        assert!(read(&filter, MerchantId(Uuid::from_u128(2)), &cursor).is_err());
        for at in 0..cursor.len() {
            let mut bad = cursor.clone().into_bytes();
            bad[at] = if bad[at] == b'A' { b'B' } else { b'A' };
            assert!(read(&filter, merchant, std::str::from_utf8(&bad).unwrap()).is_err(), "byte {at}");
        }
        for bad in ["", "x", "%00", &cursor[1..], "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"] {
            assert!(read(&filter, merchant, bad).is_err(), "{bad}");
        }
    }
}
