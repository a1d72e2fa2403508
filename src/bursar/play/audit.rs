//! The audit at the end of a play: our books against the sandbox's own, payment by payment. It knows
//! both sides' shapes, and must never forgive a difference.

use std::collections::HashMap;

use bursar_core::id::MerchantId;
use bursar_core::order::{Dossier, OrderState};
use bursar_core::payment::PaymentState;
use bursar_sandbox::BookEntry;
use bursar_store::{OrderFilter, Store};
use serde::Serialize;

use super::cast::Actor;

/// Page of orders per read.
const PAGE: u32 = 1_000;
/// How many differences are named.
const NAMED: usize = 20;

/// How the books compare.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Audit {
    /// Orders of the cast.
    pub orders: u64,
    /// Of them paid.
    pub paid: u64,
    /// Of them closed.
    pub closed: u64,
    /// Of them closed with money that came late.
    pub late_money: u64,
    /// Payments with an open question.
    pub parked: u64,
    /// Payments that are not final (and not held for a person).
    pub unknown: u64,
    /// Orders that are neither paid, closed nor held for a person.
    pub open: u64,
    /// Charges beyond the first, per payment and per order, by the sandbox's books.
    pub channel_effects_doubled: u64,
    /// Orders for which a payer is out of money without anybody knowing: charged by the sandbox, and
    /// neither paid nor parked here.
    pub out_of_money: u64,
    /// Differences between the books, in words (the first few).
    pub differences: Vec<String>,
    /// Sum of ledger balances per currency that are not zero: always empty.
    pub unbalanced: Vec<String>,
}

impl Audit {
    /// Whether the books agree, payment by payment, and the ledger balances.
    pub fn books_agree(&self) -> bool {
        self.differences.is_empty() && self.unbalanced.is_empty()
    }

    /// Whether every order has ended or waits for a person.
    pub fn all_ended(&self) -> bool {
        self.open == 0 && self.unknown == 0
    }
}

async fn dossiers(store: &dyn Store, merchant: MerchantId) -> anyhow::Result<Vec<Dossier>> {
    let mut all: Vec<Dossier> = Vec::new();
    loop {
        let before = all.last().map(|d| d.order.id);
        let filter = OrderFilter { merchant: Some(merchant), before, limit: PAGE, ..OrderFilter::default() };
        let page = store.orders(&filter).await?;
        let full = page.len() >= usize::try_from(PAGE).unwrap_or(0);
        all.extend(page);
        if !full {
            return Ok(all);
        }
    }
}

/// Compares.
///
/// # Errors
/// When the database cannot be read.
pub async fn compare(store: &dyn Store, actors: &[Actor], books: &[BookEntry]) -> anyhow::Result<Audit> {
    let mut audit = Audit::default();
    let theirs: HashMap<&str, &BookEntry> = books.iter().map(|b| (b.out_trade_no.as_str(), b)).collect();
    let mut known = 0;
    for actor in actors {
        let parked = store.parked(Some(actor.merchant), 1_000_000).await?;
        audit.parked += u64::try_from(parked.len()).unwrap_or(0);
        for dossier in dossiers(store, actor.merchant).await? {
            known += weigh(&mut audit, &dossier, &theirs, parked.iter().any(|p| p.order == dossier.order.id));
        }
    }
    if known != books.len() {
        let strange = books.len().saturating_sub(known);
        audit.differences.push(format!("the sandbox has {strange} payments that we do not know"));
    }
    let mut sums: HashMap<String, i64> = HashMap::new();
    for (_, _, currency, balance) in store.balances().await? {
        *sums.entry(currency).or_default() += balance;
    }
    audit.unbalanced = sums.into_iter().filter(|(_, sum)| *sum != 0).map(|(c, sum)| format!("{sum} {c}")).collect();
    audit.differences.truncate(NAMED);
    Ok(audit)
}

/// Adds one order to the audit; how many of its payments the sandbox knows.
fn weigh(audit: &mut Audit, dossier: &Dossier, theirs: &HashMap<&str, &BookEntry>, parked: bool) -> usize {
    let order = &dossier.order;
    audit.orders += 1;
    match order.state {
        OrderState::Paid => audit.paid += 1,
        OrderState::Closed => audit.closed += 1,
        _ if parked => {}
        _ => audit.open += 1,
    }
    audit.late_money += u64::from(order.late_money);
    let (mut known, mut charges) = (0, 0_u64);
    for payment in &dossier.payments {
        audit.unknown += u64::from(!payment.state.is_final());
        let number = payment.number();
        let entry = theirs.get(number.as_str());
        known += usize::from(entry.is_some());
        charges += entry.map_or(0, |e| u64::from(e.charges));
        let ours = payment.evidence.paid.as_ref().filter(|_| payment.state == PaymentState::Captured);
        let same = match (ours, entry) {
            (None, None) => true,
            (None, Some(e)) => e.charges == 0,
            (Some(_), None) => false,
            (Some(r), Some(e)) => {
                e.charges == 1
                    && e.transaction_id.as_deref() == Some(r.transaction_id.as_str())
                    && e.amount_minor == r.amount_minor
            }
        };
        if !same {
            audit.differences.push(format!(
                "{} is {} here; the sandbox says {}",
                payment.id,
                payment.state.name(),
                entry.map_or("nothing".to_owned(), |e| format!("{} with {} charges", e.state, e.charges)),
            ));
        }
    }
    audit.channel_effects_doubled += charges.saturating_sub(1);
    audit.out_of_money += u64::from(charges > 0 && order.state != OrderState::Paid && !parked);
    known
}
