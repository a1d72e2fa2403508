//! Which seeded number belongs to an order and to each request about it: it knows how to stay the same
//! from run to run although order numbers are random, and must never know what the numbers decide.

use std::collections::HashMap;

use crate::dice;
use crate::wechat::operation::Call;
use crate::wechat::orders::key;
use crate::wechat::refund_calls::RefundCall;

/// An order's number and how many requests of each operation were drawn for it.
#[derive(Debug)]
struct Fate {
    fate: u64,
    creates: u64,
    queries: u64,
    closes: u64,
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
    /// The order's number.
    pub(crate) fate: u64,
    /// This request's own number.
    pub(crate) request: u64,
}

impl Fates {
    pub(crate) fn new(seed: u64) -> Self {
        Self { seed, ..Self::default() }
    }

    /// Draws for a call of the merchant `mchid`, the `ordinal`-th of the configuration.
    pub(crate) fn draw(&mut self, mchid: &str, ordinal: u64, call: &Call) -> Drawn {
        match call {
            Call::Create(body) => {
                let label =
                    dice::draw(&[ordinal, dice::text(&body.description), u64::try_from(body.total_fen).unwrap_or(0)]);
                let Self { seed, alike, orders, .. } = self;
                let fate = orders.entry(key(mchid, &body.out_trade_no)).or_insert_with(|| {
                    let nth = alike.entry(label).or_insert(0);
                    *nth += 1;
                    Fate { fate: dice::draw(&[*seed, label, *nth]), creates: 0, queries: 0, closes: 0 }
                });
                fate.creates += 1;
                fate.drawn(1, fate.creates)
            }
            Call::QueryByNumber(number) => self.draw_known(mchid, number, 2),
            Call::Close(number) => self.draw_known(mchid, number, 3),
            Call::Refund(call) => self.draw_refund(mchid, call),
            Call::QueryByTransaction(_) | Call::Certificates => self.draw_stray(),
        }
    }

    fn draw_known(&mut self, mchid: &str, number: &str, operation: u64) -> Drawn {
        let Some(fate) = self.orders.get_mut(&key(mchid, number)) else {
            return self.draw_stray();
        };
        let turns = if operation == 2 { &mut fate.queries } else { &mut fate.closes };
        *turns += 1;
        let turn = *turns;
        fate.drawn(operation, turn)
    }

    /// A refund's fate follows from the seed and its number alone: whoever repeats a number meets the
    /// same fate, and can foretell it.
    fn draw_refund(&mut self, mchid: &str, call: &RefundCall) -> Drawn {
        let (operation, number) = call.subject();
        let fate = refund_fate(self.seed, number);
        let turn = self.refund_turns.entry(format!("{operation}\n{}", key(mchid, number))).or_insert(0);
        *turn += 1;
        Drawn { fate, request: dice::draw(&[fate, 3, operation, *turn]) }
    }

    fn draw_stray(&mut self) -> Drawn {
        self.strays += 1;
        Drawn { fate: self.seed, request: dice::draw(&[self.seed, 4, self.strays]) }
    }
}

fn refund_fate(seed: u64, out_refund_no: &str) -> u64 {
    dice::draw(&[seed, 5, dice::text(out_refund_no)])
}

impl Fate {
    fn drawn(&self, operation: u64, turn: u64) -> Drawn {
        Drawn { fate: self.fate, request: dice::draw(&[self.fate, 3, operation, turn]) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wechat::body::{Kind, read_create};

    fn create(number: &str, description: &str) -> Call {
        let body = serde_json::json!({
            "appid": "a", "mchid": "1", "description": description, "out_trade_no": number,
            "notify_url": "http://localhost/", "amount": {"total": 1},
        });
        Call::Create(Box::new(read_create(Kind::Native, body.to_string().as_bytes()).unwrap()))
    }

    #[test]
    fn a_refunds_fate_follows_from_the_seed_and_its_number() {
        let query = |number: &str| Call::Refund(RefundCall::Query(number.to_owned()));
        let mut fates = Fates::new(9);
        let first = fates.draw("1", 0, &query("refund-1"));
        let again = fates.draw("1", 0, &query("refund-1"));
        let other = fates.draw("1", 0, &query("refund-2"));
        assert_eq!(first.fate, again.fate);
        assert_ne!(first.request, again.request, "each request is drawn anew");
        assert_ne!(first.fate, other.fate);
        assert_eq!(Fates::new(9).draw("2", 1, &query("refund-2")).fate, other.fate);
        assert_ne!(Fates::new(8).draw("1", 0, &query("refund-1")).fate, first.fate);
    }

    #[test]
    fn fates_repeat_from_run_to_run_whatever_the_numbers_and_keys_are() {
        let run = |mchid: &str, numbers: [&str; 3]| {
            let mut fates = Fates::new(9);
            let draws = [
                fates.draw(mchid, 0, &create(numbers[0], "same")),
                fates.draw(mchid, 0, &create(numbers[1], "same")),
                fates.draw(mchid, 0, &create(numbers[2], "other")),
                fates.draw(mchid, 0, &create(numbers[0], "same")),
                fates.draw(mchid, 0, &Call::QueryByNumber(numbers[1].to_owned())),
            ];
            draws.map(|drawn| (drawn.fate, drawn.request))
        };
        let first = run("1", ["random-1", "random-2", "random-3"]);
        assert_eq!(first, run("2", ["number-7", "number-8", "number-9"]));
        assert_ne!(first[0].0, first[1].0, "alike orders have their own fates");
        assert_eq!(first[0].0, first[3].0, "a repeated create keeps the order's fate");
        assert_ne!(first[0].1, first[3].1, "but each request is drawn anew");
        assert_eq!(first[1].0, first[4].0);
    }
}
