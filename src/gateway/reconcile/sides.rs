//! Both sides of a difference: it knows where each is found, and must never say who is right.

use bursar_core::id::BillId;
use bursar_core::reconcile::{Break, BreakSubject};
use bursar_store::{Result, Store};

use super::view::{BillLineView, BreakDetail, BreakView, OursView};

/// `found` with the line that told it and what our books have. For the command line, too.
///
/// # Errors
/// When the database cannot be read.
pub async fn detail(store: &dyn Store, found: &Break) -> Result<BreakDetail> {
    let line = match found.line {
        None => None,
        Some((bill, ordinal)) => {
            let lines = store.bill_lines(BillId(bill), ordinal.saturating_sub(1), 1).await?;
            lines.iter().find(|row| row.line.ordinal == ordinal).map(BillLineView::from)
        }
    };
    let ours = match found.subject_kind {
        BreakSubject::Payment => store.payment_sides(&[found.subject]).await?.first().map(OursView::from),
        BreakSubject::Leg => store.leg_sides(&[found.subject]).await?.first().map(OursView::from),
        BreakSubject::Line | BreakSubject::Day => None,
    };
    Ok(BreakDetail { found: BreakView::from(found), line, ours })
}
