//! Which seeded number belongs to an order and to each request about it: it knows how to stay the same
//! from run to run although order numbers are random, and must never know what the numbers decide.

use std::collections::HashMap;

use crate::Channel;
use crate::dice;
use crate::orders::key;

/// Who asks: an account of a channel, the `ordinal`-th of its configuration (its name in draws, as account
/// numbers differ from folder to folder of keys).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asker<'a> {
    pub(crate) channel: Channel,
    pub(crate) account: &'a str,
    pub(crate) ordinal: u64,
}

/// What a request is about. `operation`: a number for the kind of call, any but 1.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Subject<'a> {
    /// A new order, or the same again.
    Create { number: &'a str, description: &'a str, amount_minor: i64 },
    /// An order that may exist.
    Order { number: &'a str, operation: u64 },
    /// A refund.
    Refund { number: &'a str, operation: u64 },
    /// Anything else.
    Other,
}

/// An order's number and how many requests of each operation were drawn for it.
#[derive(Debug)]
struct Fate {
    fate: u64,
    turns: HashMap<u64, u64>,
}

/// The fates of all orders. An order is recognised by what it is for and what it costs; of orders that
/// are alike in this, the first, second and so on are told apart.
#[derive(Debug, Default)]
pub(crate) struct Fates {
    seed: u64,
    alike: HashMap<u64, u64>,
    orders: HashMap<String, Fate>,
    /// How many requests of each operation were drawn for each refund's number.
    refund_turns: HashMap<String, u64>,
    strays: u64,
}

/// The draws of one request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Drawn {
    /// The order's or refund's number.
    pub(crate) fate: u64,
    /// This request's own number.
    pub(crate) request: u64,
}

const CREATE: u64 = 1;
/// Accounts of one channel at most, so that ordinals of two channels never meet.
const LANE: u64 = 1 << 32;

impl Fates {
    pub(crate) fn new(seed: u64) -> Self {
        Self { seed, ..Self::default() }
    }

    /// Draws for a request.
    pub(crate) fn draw(&mut self, asker: Asker<'_>, subject: Subject<'_>) -> Drawn {
        match subject {
            Subject::Create { number, description, amount_minor } => {
                let who = asker.channel.lane().wrapping_mul(LANE).wrapping_add(asker.ordinal);
                let label = dice::draw(&[who, dice::text(description), u64::try_from(amount_minor).unwrap_or(0)]);
                let Self { seed, alike, orders, .. } = self;
                let fate = orders.entry(key(asker.channel, asker.account, number)).or_insert_with(|| {
                    let nth = alike.entry(label).or_insert(0);
                    *nth += 1;
                    Fate { fate: dice::draw(&[*seed, label, *nth]), turns: HashMap::new() }
                });
                fate.drawn(CREATE)
            }
            Subject::Order { number, operation } => {
                match self.orders.get_mut(&key(asker.channel, asker.account, number)) {
                    Some(fate) => fate.drawn(operation),
                    None => self.draw_stray(),
                }
            }
            // A refund's fate follows from the seed and its number alone: whoever repeats a number meets
            // the same fate, and can foretell it.
            Subject::Refund { number, operation } => {
                let fate = dice::draw(&[self.seed, 5, dice::text(number)]);
                let number = key(asker.channel, asker.account, number);
                let turn = self.refund_turns.entry(format!("{operation}\n{number}")).or_insert(0);
                *turn += 1;
                Drawn { fate, request: dice::draw(&[fate, 3, operation, *turn]) }
            }
            Subject::Other => self.draw_stray(),
        }
    }

    fn draw_stray(&mut self) -> Drawn {
        self.strays += 1;
        Drawn { fate: self.seed, request: dice::draw(&[self.seed, 4, self.strays]) }
    }
}

impl Fate {
    fn drawn(&mut self, operation: u64) -> Drawn {
        let turn = self.turns.entry(operation).or_insert(0);
        *turn += 1;
        Drawn { fate: self.fate, request: dice::draw(&[self.fate, 3, operation, *turn]) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asker(account: &str, ordinal: u64) -> Asker<'_> {
        Asker { channel: Channel::Wechat, account, ordinal }
    }

    #[test]
    fn a_refunds_fate_follows_from_the_seed_and_its_number() {
        let query = |number| Subject::Refund { number, operation: 2 };
        let mut fates = Fates::new(9);
        let first = fates.draw(asker("1", 0), query("refund-1"));
        let again = fates.draw(asker("1", 0), query("refund-1"));
        let other = fates.draw(asker("1", 0), query("refund-2"));
        assert_eq!(first.fate, again.fate);
        assert_ne!(first.request, again.request, "each request is drawn anew");
        assert_ne!(first.fate, other.fate);
        assert_eq!(Fates::new(9).draw(asker("2", 1), query("refund-2")).fate, other.fate);
        assert_ne!(Fates::new(8).draw(asker("1", 0), query("refund-1")).fate, first.fate);
    }

    #[test]
    fn fates_repeat_from_run_to_run_whatever_the_numbers_and_keys_are() {
        let create = |number, description| Subject::Create { number, description, amount_minor: 1 };
        let run = |account: &str, numbers: [&'static str; 3]| {
            let mut fates = Fates::new(9);
            let draws = [
                create(numbers[0], "same"),
                create(numbers[1], "same"),
                create(numbers[2], "other"),
                create(numbers[0], "same"),
                Subject::Order { number: numbers[1], operation: 2 },
            ];
            draws.map(|subject| {
                let drawn = fates.draw(asker(account, 0), subject);
                (drawn.fate, drawn.request)
            })
        };
        let first = run("1", ["random-1", "random-2", "random-3"]);
        assert_eq!(first, run("2", ["number-7", "number-8", "number-9"]));
        assert_ne!(first[0].0, first[1].0, "alike orders have their own fates");
        assert_eq!(first[0].0, first[3].0, "a repeated create keeps the order's fate");
        assert_ne!(first[0].1, first[3].1, "but each request is drawn anew");
        assert_eq!(first[1].0, first[4].0);
    }
}
