//! Customers who pay by bank transfer: it knows what people get wrong when they type a transfer, and must never know
//! how a merchant finds out whose it is.

use bursar_core::Chance;
use serde_json::Value;

use super::api::refused;
use super::customers::{Affair, ended};
use super::tills::customer_name;
use super::variety::Kind;
use super::wish::Wish;
use crate::{Meaning, SandboxError, Transfer};

/// What a customer does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Plan {
    /// Transfers what is asked for, with the reference as it was given.
    Exact,
    /// Writes the reference so that it can still be read.
    Sloppy,
    /// Writes a reference that means nothing.
    Unreadable,
    /// Transfers it in two pieces.
    TwoPieces,
    /// Transfers too little and leaves it at that.
    TooLittle,
    /// Transfers too much.
    TooMuch,
    /// Transfers it after the last moment to pay.
    Overdue,
    /// Transfers it when the order is closed.
    TooLate,
    /// His bank takes the transfer back, and he makes it again or not.
    TakenBack {
        again: bool,
    },
    Never,
}

/// Of 100 customers so many.
const PLANS: [(u64, Plan); 11] = [
    (34, Plan::Exact),
    (12, Plan::Sloppy),
    (8, Plan::Unreadable),
    (7, Plan::TwoPieces),
    (6, Plan::TooLittle),
    (8, Plan::TooMuch),
    (5, Plan::Overdue),
    (6, Plan::TooLate),
    (5, Plan::TakenBack { again: true }),
    (4, Plan::TakenBack { again: false }),
    (5, Plan::Never),
];

impl Plan {
    fn of(affair: &Affair, chance: &dyn Chance) -> Self {
        if affair.town.exact {
            return Self::Exact;
        }
        let mut point = chance.below(100);
        for (weight, plan) in PLANS {
            if point < weight {
                return plan.possible_for(affair);
            }
            point -= weight;
        }
        Self::Exact
    }

    /// Where money goes forth and back, nobody else should want to send it back at the same time: what is
    /// answered then depends on who is faster.
    fn possible_for(self, affair: &Affair) -> Self {
        let quiet =
            affair.order.kind == Kind::Plain && Wish::of(&affair.order, true, affair.town.seed) == Wish::Nothing;
        match self {
            Self::TakenBack { .. } if !quiet => Self::Exact,
            plan => plan,
        }
    }
}

/// A customer in front of his bank's form.
struct Customer {
    affair: Affair,
    account: String,
    reference: String,
    name: String,
}

/// A customer pays (or does not) by transfer.
pub(super) async fn transfer(affair: Affair) -> Result<(), SandboxError> {
    let text = |name: &str| {
        let found = affair.code.get("fields").and_then(|fields| fields.get(name)).and_then(Value::as_str);
        found.map(str::to_owned).ok_or_else(|| refused(&format!("{} tells no {name}", affair.payment)))
    };
    let (account, reference) = (text("account_number")?, text("reference")?);
    let chance = affair.chance();
    let plan = Plan::of(&affair, &chance);
    let name = customer_name(affair.order.number);
    let mut customer = Customer { account, reference, name, affair };
    let (town, amount) = (customer.affair.town.clone(), customer.affair.amount_minor);
    if !town.exact {
        town.wait_ms(6_000 + chance.below(60_000)).await;
    }
    let exact = customer.reference.clone();
    match plan {
        Plan::Never => town.diary.note("transfers_never_made"),
        Plan::Exact => {
            customer.transfers(amount, &exact);
        }
        Plan::Sloppy => {
            customer.transfers(amount, &sloppy(&exact, &chance));
        }
        Plan::Unreadable => {
            customer.transfers(amount, &unreadable(&exact));
        }
        Plan::TooMuch => {
            customer.transfers(amount + 100, &exact);
        }
        Plan::TooLittle => {
            customer.transfers((amount * 6 / 10).max(1), &exact);
        }
        Plan::TwoPieces => {
            let first = (amount * 4 / 10).max(1);
            customer.transfers(first, &exact);
            town.wait_ms(30_000 + chance.below(60_000)).await;
            if amount > first {
                customer.transfers(amount - first, &exact);
            }
        }
        Plan::Overdue => {
            let seen = customer.affair.seen.borrow().clone();
            let left_ms = super::devices::expires_at(&seen).map_or(0, |at| at.since_ms(town.clock.now()));
            town.wait_ms(u64::try_from(left_ms).unwrap_or(0) + 5_000).await;
            customer.transfers(amount, &exact);
        }
        Plan::TooLate => {
            customer.affair.until(ended).await?;
            town.wait_ms(chance.below(20_000)).await;
            // One who has paid by another way does not pay again.
            if customer.affair.seen.borrow().get("state").is_some_and(|state| state == "closed") {
                customer.transfers(amount, &exact);
            }
        }
        Plan::TakenBack { again } => customer.is_taken_back(amount, again).await?,
    }
    Ok(())
}

impl Customer {
    /// Makes a transfer, and gives the bank's number of it.
    fn transfers(&self, amount_minor: i64, reference: &str) -> Option<String> {
        let (town, payment) = (&self.affair.town, &self.affair.payment);
        let serial = town.bank.receive(&Transfer {
            account: &self.account,
            amount_minor,
            name: &self.name,
            text: &format!("家政服务费 {reference}"),
            meaning: Meaning::Payment(payment.clone()),
        });
        match &serial {
            Some(_) => town.diary.note("transfers"),
            None => town.diary.surprise(format!("{payment} is to be transferred to an account that does not exist")),
        }
        serial
    }

    async fn is_taken_back(&mut self, amount_minor: i64, again: bool) -> Result<(), SandboxError> {
        let town = self.affair.town.clone();
        let reference = self.reference.clone();
        let Some(serial) = self.transfers(amount_minor, &reference) else { return Ok(()) };
        let affair = self.affair.clone();
        self.affair.until(|order| ended(order) || affair.payment_state(order) == "captured").await?;
        town.wait_ms(20_000).await;
        town.bank.take_back(&self.account, &serial);
        town.diary.note("transfers_taken_back");
        self.affair.until(|order| affair.payment_state(order) != "captured").await?;
        if again {
            town.wait_ms(10_000).await;
            self.transfers(amount_minor, &reference);
        } else {
            self.affair.until(|order| order.get("state").is_some_and(|state| state == "closed")).await?;
        }
        Ok(())
    }
}

/// The reference as hurried people and banks write it.
fn sloppy(reference: &str, chance: &dyn Chance) -> String {
    match chance.below(4) {
        0 => reference.to_lowercase(),
        1 => reference.chars().collect::<Vec<_>>().chunks(4).map(String::from_iter).collect::<Vec<_>>().join("-"),
        2 => reference.replace('0', "O").replace('1', "l"),
        _ => reference.chars().filter_map(|c| char::from_u32(u32::from(c) + 0xfee0)).collect(),
    }
}

/// The reference with its first character mistyped: it does not check any more.
fn unreadable(reference: &str) -> String {
    let mut characters = reference.chars();
    let other = match characters.next() {
        Some('7') | None => '8',
        Some(_) => '7',
    };
    format!("{other}{}", characters.as_str())
}

#[cfg(test)]
mod tests {
    use bursar_core::bank::{find_references, reference};
    use bursar_core::chance::SeededChance;

    use super::*;

    #[test]
    fn the_weights_are_percentages() {
        assert_eq!(PLANS.iter().map(|(weight, _)| weight).sum::<u64>(), 100);
    }

    #[test]
    fn what_is_written_sloppily_can_be_read_and_what_is_mistyped_cannot() {
        let chance = SeededChance::new(5);
        for nth in 0..200_u128 {
            let reference = reference(uuid::Uuid::from_u128(nth << 70));
            let text = format!("家政服务费 {}", sloppy(&reference, &chance));
            assert_eq!(find_references(&text), std::slice::from_ref(&reference), "{text}");
            assert!(!find_references(&unreadable(&reference)).contains(&reference));
        }
    }
}
