//! Sentences about cash: it knows what workers have said about an order and who must act, and must never decide
//! anything. Pure.

use bursar_core::cash::{Collection, CollectionState};
use bursar_core::order::OrderState;
use bursar_store::Timeline;

/// What was collected and waits to be confirmed; `None` when nothing does.
pub fn waiting(timeline: &Timeline) -> Option<String> {
    let mut claims = timeline.collections.iter().filter(|c| c.state == CollectionState::Claimed);
    let first = claims.next()?;
    let others = match claims.count() {
        0 => String::new(),
        n => format!(", and {n} more"),
    };
    let late = match timeline.dossier.order.state {
        OrderState::Closed => "; it is late money then",
        _ => "",
    };
    let (worker, amount) = (&first.worker, first.amount);
    Some(format!("{worker} says to have collected {amount}{others}: somebody else must confirm it{late}."))
}

/// A collection in words.
pub fn words(row: &Collection) -> String {
    let change = match row.change_minor {
        0 => String::new(),
        _ => format!(" ({} handed over, {} given back)", row.tendered_minor, row.change_minor),
    };
    let stands = match row.state {
        CollectionState::Claimed => "nobody has confirmed it yet".to_owned(),
        CollectionState::Confirmed => {
            format!("confirmed by {}", row.confirmed_by.as_deref().unwrap_or_default())
        }
        CollectionState::HandedIn => "handed in".to_owned(),
        CollectionState::Banked => "handed in and banked".to_owned(),
        CollectionState::Disputed => format!("disputed by {}", row.why.as_deref().unwrap_or_default()),
        CollectionState::Refused => format!("refused by {}", row.why.as_deref().unwrap_or_default()),
    };
    let note = row.note.as_ref().map(|n| format!("; note: {n}")).unwrap_or_default();
    format!("{} says to have collected {}{change}, {}: {stands}{note}", row.worker, row.amount, row.id)
}
