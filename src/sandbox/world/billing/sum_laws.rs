//! What must hold of amounts: the channel kept for each installment what was due, and for each plan what its terms add
//! up to. By the channel's books; it must never use the decision that it judges.

use std::collections::BTreeMap;

use bursar_core::billing::{Installment, InstallmentKind, InstallmentState, PlanState};
use bursar_core::id::OrderId;

use super::almanac::on_the_wall;
use super::cast::{Contract, Kind};
use super::figures::Figures;
use super::laws::{granted, rows, ymd};
use super::wishes::Story;
use crate::world::state::State;

const LAW: &str = "sums";

/// What the channel took for an order, by charges and by hand, and what of it it gave back; and how many charges.
#[derive(Clone, Copy, Debug, Default)]
struct Money {
    charged: u64,
    by_hand: u64,
    taken_minor: i64,
    back_minor: i64,
}

impl Money {
    const fn net_minor(self) -> i64 {
        self.taken_minor - self.back_minor
    }
}

fn money(state: &State, order: Option<OrderId>) -> Money {
    let mut sum = Money::default();
    let payments = order.and_then(|id| state.tables.payments_of.get(&id)).into_iter().flatten();
    for payment in payments.filter_map(|id| state.tables.payments.get(id)) {
        let number = payment.number();
        let charges = state.books.entries.get(&number).map(|e| e.charges.clone()).unwrap_or_default();
        let count = u64::try_from(charges.len()).unwrap_or(0);
        *(if payment.agreement.is_some() { &mut sum.charged } else { &mut sum.by_hand }) += count;
        sum.taken_minor += charges.iter().map(|c| c.amount_minor).sum::<i64>();
        if count > 0 {
            sum.back_minor += state.books.given_back(&number);
        }
    }
    sum
}

/// Checks a contract.
pub(super) fn check(state: &mut State, contract: &Contract, figures: &mut Figures) {
    let rows = rows(state, contract);
    let mut net = 0;
    let mut per_row: BTreeMap<u32, Money> = BTreeMap::new();
    for row in &rows {
        let money = money(state, row.order);
        per_row.insert(row.seq, money);
        net += money.net_minor();
        installment(state, contract, row, money);
        if row.state == InstallmentState::Paid && row.kind == InstallmentKind::Regular {
            figures.charged += u64::from(money.charged > 0);
            figures.by_hand += u64::from(money.charged == 0 && money.by_hand > 0);
        }
    }
    let Some(plan) = state.tables.plans.get(&contract.id) else { return };
    let done = matches!(plan.state, PlanState::Completed | PlanState::SettledEarly);
    figures.taken_minor += net;
    let expected = if done { whole(state, contract, &rows) } else { None };
    figures.due_minor += expected.unwrap_or(net);
    if let Some(expected) = expected.filter(|expected| *expected != net) {
        let number = &contract.number;
        state.violated(
            LAW,
            format!("{number} has brought {net}, and {expected} were agreed upon ({:?})", contract.story),
        );
    }
    credits(state, contract, &rows);
}

/// One installment is charged at most once, and the channel kept for it what is due.
fn installment(state: &mut State, contract: &Contract, row: &Installment, money: Money) {
    let name = format!("{}-{}", contract.number, row.seq);
    if money.charged > 1 {
        state.violated("once-per-installment", format!("{name} was charged {} times", money.charged));
    }
    let back: i64 = row.give_back.iter().map(|g| g.minor).sum();
    let due = match row.state {
        InstallmentState::Paid if row.order.is_some() => row.minor - back,
        _ => 0,
    };
    if money.net_minor() != due {
        let text = format!("{name} is {} of {} less {back}; the channel kept {money:?}", row.state.name(), row.minor);
        state.violated(LAW, text);
    }
}

/// What all of a plan that ran to its end must have brought, where it can be told without a calendar of money.
fn whole(state: &State, contract: &Contract, rows: &[Installment]) -> Option<i64> {
    let total = contract.total_minor();
    match contract.story {
        Story::GiveBack { minor, .. } if granted(state, contract, 0).is_some() => Some(total - minor),
        Story::Reprice { minor, .. } => match granted(state, contract, 0) {
            Some(at) => repriced(state, contract, rows, minor, at),
            None => Some(total),
        },
        // Months that were left out are not owed.
        Story::Pause { catch_up: false, .. } if matches!(contract.kind, Kind::Monthly { .. }) => None,
        _ => Some(total),
    }
}

/// Months of the old price, months of the new one, and the rest of the month in which it changed by days.
fn repriced(state: &State, contract: &Contract, rows: &[Installment], price: i64, at_ms: i64) -> Option<i64> {
    let Kind::Monthly { minor: old, .. } = contract.kind else { return None };
    let zone = state.billing.payers.iter().find(|p| p.contracts.iter().any(|c| c.id == contract.id))?.zone;
    // The clock of who granted it may have been minutes off.
    let days = [-super::town::SKEW_MS, super::town::SKEW_MS].map(|skew| on_the_wall(zone, at_ms + skew).0);
    let today = days.first().copied().filter(|d| days.last() == Some(d))?;
    let dues = contract.dues();
    let credit_left = state.tables.plans.get(&contract.id).map_or(0, |p| p.credit_minor);
    let before: i64 = dues.iter().filter(|d| d.day <= today).map(|_| old).sum();
    let after: i64 = dues.iter().filter(|d| d.day > today).map(|_| price).sum();
    let running = dues.iter().rev().find(|d| d.day <= today);
    let Some(running) = running else { return Some(before + after) };
    let Kind::Monthly { from, .. } = &contract.kind else { return None };
    let next = from.months_later(i64::from(running.seq));
    // What is unfolded late has the new price, whatever its day.
    let late = rows.iter().any(|r| ymd(r.due_on) <= today && r.minor != old && r.kind == InstallmentKind::Regular);
    if late {
        return None;
    }
    let (whole, left) = (next.ordinal() - running.day.ordinal(), next.ordinal() - today.ordinal());
    if left <= 0 {
        return Some(before + after);
    }
    let part = (price - old).abs() * left / whole;
    let adjusted = if price > old { part } else { credit_left - part };
    Some(before + after + adjusted)
}

/// A subscription's credit is never negative, and its months are numbered without gaps.
fn credits(state: &mut State, contract: &Contract, rows: &[Installment]) {
    let credit = state.tables.plans.get(&contract.id).map_or(0, |p| p.credit_minor);
    if credit < 0 {
        state.violated(LAW, format!("{} has a credit of {credit}", contract.number));
    }
    let seqs: Vec<u32> = rows.iter().map(|r| r.seq).collect();
    if seqs != (1..).take(seqs.len()).collect::<Vec<_>>() {
        state.violated(LAW, format!("{} has installments {seqs:?}", contract.number));
    }
}
