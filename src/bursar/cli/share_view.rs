//! Shares of an order on the command line: it knows how they look, and must never change one.

use bursar_core::money::Money;
use bursar_core::order::Order;
use bursar_core::sharing::Sharing;
use serde_json::{Value, json};

use super::{Done, output};

/// The shares of an order as JSON; as planned while nothing was sent.
pub(super) fn to_json(order: &Order, sharing: Option<&Sharing>) -> Value {
    let Some(sharing) = sharing else { return json!(order.shares) };
    let lines = sharing.numbered().map(|(n, part)| {
        json!({
            "kind": part.kind, "account": part.account, "amount_minor": part.amount_minor,
            "description": part.description, "state": sharing.line_state(n), "reason": sharing.refusal(n),
            "returned_minor": returned_minor(sharing, n),
        })
    });
    lines.collect()
}

fn returned_minor(sharing: &Sharing, line: u8) -> i64 {
    let back = sharing.returns.iter().filter(|r| r.line == line && r.is_back());
    back.map(|r| r.amount_minor).fold(0, i64::saturating_add)
}

/// The shares of an order as a table.
pub(super) fn table(order: &Order, sharing: Option<&Sharing>) -> Done {
    let money = |minor| Money::new(minor, order.amount.currency).to_string();
    let row = |part: &bursar_core::sharing::SharePart, state: &str, back: i64, why: &str| {
        let who = format!("{} {}", part.kind.name(), part.account);
        vec![who, money(part.amount_minor), state.to_owned(), money(back), part.description.clone(), why.to_owned()]
    };
    let rows: Vec<_> = match sharing {
        None => order.shares.iter().map(|part| row(part, "planned", 0, "")).collect(),
        Some(sharing) => sharing
            .numbered()
            .map(|(n, part)| {
                let why = sharing.refusal(n).unwrap_or_default();
                row(part, sharing.line_state(n).name(), returned_minor(sharing, n), why)
            })
            .collect(),
    };
    output::table(&["SHARE OF", "AMOUNT", "STATE", "RETURNED", "FOR", "REASON"], &rows)
}
