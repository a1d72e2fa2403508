//! The families of the month: it knows what each has agreed to, what happens to it and what must fall due, counted
//! naively, and must never know how it is charged.

use bursar_core::bank::Day;
use bursar_core::channel::Method;
use bursar_sandbox::{Decline, Purse};
use serde_json::{Value, json};

/// So long is the month, in days.
pub const DAYS: i64 = 31;

/// How far two dues are apart.
#[derive(Clone, Copy, Debug)]
pub(super) enum Every {
    Weeks(i64),
    Month,
}

/// What a family has agreed to.
#[derive(Clone, Copy, Debug)]
pub(super) enum Deal {
    /// An amount for each period, after so many days that cost nothing.
    Subscription { minor: i64, every: Every, trial_days: i64 },
    /// Parts of the same amount, the first now.
    Parts { minor: i64, every: Every, count: u32 },
}

/// What happens to a plan or an agreement, at noon of the day with this number (from 0).
#[derive(Clone, Copy, Debug)]
pub(super) enum Deed {
    /// The payer ends his agreement at the channel.
    Leaves(i64),
    /// The plan is paused, and on the second day resumed: what was missed is asked for.
    Rests(i64, i64),
    /// All parts that are left are paid now.
    PaysOff(i64),
    /// The plan is cancelled, and what was not served goes back.
    Cancels(i64),
}

/// A family as it is written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Family {
    pub(super) name: &'static str,
    /// `None`: it pays by hand.
    pub(super) method: Option<Method>,
    pub(super) deal: Deal,
    pub(super) purse: Purse,
    pub(super) deed: Option<Deed>,
}

const WEEKLY: Deal = Deal::Subscription { minor: 19_800, every: Every::Weeks(1), trial_days: 0 };
const TRIAL: Deal = Deal::Subscription { minor: 25_600, every: Every::Weeks(1), trial_days: 7 };
const NANNY: Deal = Deal::Subscription { minor: 580_000, every: Every::Month, trial_days: 0 };
/// Below what wants a second person when it goes back.
const CARE: Deal = Deal::Subscription { minor: 96_000, every: Every::Month, trial_days: 0 };
const TRAINING_IN_3: Deal = Deal::Parts { minor: 160_000, every: Every::Weeks(2), count: 3 };
const TRAINING_IN_12: Deal = Deal::Parts { minor: 40_000, every: Every::Month, count: 12 };

/// The families of each agency.
pub(super) const FAMILIES: [Family; 9] = [
    family("nanny", Some(Method::WechatDebit), NANNY, Purse::full(), None),
    family("rests", Some(Method::WechatDebit), WEEKLY, short(1), Some(Deed::Rests(9, 17))),
    family("training-3", Some(Method::AlipayDebit), TRAINING_IN_3, Purse::full(), None),
    family("leaves", Some(Method::AlipayDebit), WEEKLY, Purse::full(), Some(Deed::Leaves(10))),
    family("training-12", Some(Method::UnionpayDebit), TRAINING_IN_12, Purse::full(), Some(Deed::PaysOff(12))),
    family("short", Some(Method::UnionpayDebit), WEEKLY, short(2), None),
    family("card-gone", Some(Method::CardDebit), TRIAL, Purse::always(Decline::Hard), None),
    family("cancels", Some(Method::CardDebit), CARE, Purse::full(), Some(Deed::Cancels(16))),
    family("by-hand", None, WEEKLY, Purse::full(), None),
];

const fn family(name: &'static str, method: Option<Method>, deal: Deal, purse: Purse, deed: Option<Deed>) -> Family {
    Family { name, method, deal, purse, deed }
}

const fn short(times: u32) -> Purse {
    Purse::declines(Decline::InsufficientFunds, times)
}

impl Every {
    fn to_json(self) -> Value {
        match self {
            Self::Weeks(weeks) => json!({ "every": weeks, "unit": "week" }),
            Self::Month => json!({ "every": 1, "unit": "month" }),
        }
    }

    fn nth(self, first: Day, n: i64) -> Day {
        match self {
            Self::Weeks(weeks) => first.plus_days(7 * weeks * n),
            Self::Month => first.plus_months(n),
        }
    }
}

impl Family {
    /// The days on which something falls due from `start` to `last`, as anybody would count them.
    pub(super) fn dues(&self, start: Day, last: Day) -> Vec<Day> {
        let (first, every, count) = match self.deal {
            Deal::Subscription { every, trial_days, .. } => (start.plus_days(trial_days), every, i64::MAX),
            Deal::Parts { every, count, .. } => (start, every, i64::from(count)),
        };
        let (ends, more) = match self.deed {
            Some(Deed::Leaves(day) | Deed::Cancels(day)) => (start.plus_days(day), None),
            Some(Deed::PaysOff(day)) => (start.plus_days(day), Some(start.plus_days(day))),
            Some(Deed::Rests(..)) | None => (last, None),
        };
        let days = (0..count).map(|n| every.nth(first, n)).take_while(|day| *day <= ends.min(last));
        days.chain(more).collect()
    }

    /// The members of a request for its plan that say what falls due.
    pub(super) fn terms(&self) -> (&'static str, Value) {
        match self.deal {
            Deal::Subscription { minor, every, trial_days } => {
                let terms = json!({
                    "minor": minor, "every": every.to_json(), "from": "today", "trial_days": trial_days,
                });
                ("subscription", terms)
            }
            Deal::Parts { minor, every, count } => {
                let total_minor = minor * i64::from(count);
                ("installments", json!({ "total_minor": total_minor, "count": count, "every": every.to_json() }))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_falls_due_is_counted_as_on_fingers() {
        let start: Day = "2027-01-05".parse().unwrap();
        let last = start.plus_days(DAYS - 1);
        let counts: Vec<_> = FAMILIES.iter().map(|f| (f.name, f.dues(start, last).len())).collect();
        let wanted = [
            ("nanny", 1),
            ("rests", 5),
            ("training-3", 3),
            ("leaves", 2),
            ("training-12", 2),
            ("short", 5),
            ("card-gone", 4),
            ("cancels", 1),
            ("by-hand", 5),
        ];
        assert_eq!(counts, wanted);
    }
}
