//! The balance transactions of a day: it knows how their list becomes a file and how that is read, and must never know
//! what follows from a line.

mod entry;
mod fetch;
mod list;

#[cfg(test)]
mod tests;

use bursar_core::bank::Day;
use bursar_core::id::ChannelAccountId;
use bursar_core::reconcile::BillKind;
use serde::{Deserialize, Serialize};

use crate::bill::{BillError, BillFile, BillLines, BillRequest};

/// The file's first line: whose it is, and of which day.
#[derive(Serialize, Deserialize)]
struct Head {
    /// Our account; the channel's own number of it need not be known.
    account: ChannelAccountId,
    day: Day,
}

/// The file's last line: a file without it is cut off.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Tail {
    /// How many transactions stand in it.
    transactions: u64,
}

/// Reads a file of `account`.
///
/// # Errors
/// Why it is not taken, when its beginning tells that already.
pub(super) fn read(
    request: BillRequest,
    account: ChannelAccountId,
    file: &BillFile,
) -> Result<Box<dyn BillLines>, BillError> {
    match request.kind {
        BillKind::Trade => Ok(Box::new(list::List::open(request.day, account, file)?)),
        BillKind::Funds => Err(BillError::at("the channel", "its one list tells of trades and funds: ask for trades")),
    }
}
