//! Bills of a day: it knows which bill is fetched and read how, and must never know what follows from a line.

mod fetch;
mod funds;
mod sheet;
mod trade;

#[cfg(test)]
mod tests;

use bursar_core::reconcile::BillKind;

use crate::bill::{BillError, BillFile, BillLines, BillRequest};

/// Reads a bill of the merchant `seller_id`.
///
/// # Errors
/// Why it is not taken, when its beginning tells that already.
pub(super) fn read(request: BillRequest, seller_id: &str, file: &BillFile) -> Result<Box<dyn BillLines>, BillError> {
    Ok(match request.kind {
        BillKind::Trade => Box::new(trade::Trade::open(request.day, seller_id, file)?),
        BillKind::Funds => Box::new(funds::Funds::open(request.day, seller_id, file)?),
    })
}
