//! The file of a day: it knows how it is fetched, unwrapped and read, and must never know what follows from a line.

mod answer;
mod fetch;
mod list;
mod record;

#[cfg(test)]
mod tests;

use bursar_core::reconcile::BillKind;

use crate::bill::{BillError, BillFile, BillLines, BillRequest};

/// Reads a file of the merchant `mer_id`.
///
/// # Errors
/// Why it is not taken, when its beginning tells that already.
pub(super) fn read(request: BillRequest, mer_id: &str, file: &BillFile) -> Result<Box<dyn BillLines>, BillError> {
    match request.kind {
        BillKind::Trade => Ok(Box::new(list::List::open(request.day, mer_id, file)?)),
        BillKind::Funds => Err(BillError::at("the channel", "its one file tells of trades and funds: ask for trades")),
    }
}
