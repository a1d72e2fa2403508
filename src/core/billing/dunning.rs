//! What follows a declined charge: it knows classes of declines, days and hours, and must never know an order.

use serde::{Deserialize, Serialize};

use super::calendar::{Hours, LocalTime, Zone};
use crate::bank::Day;
use crate::channel::DebitRules;
use crate::clock::{DAY_MS, HOUR_MS, Timestamp};
use crate::decline::{Decline, DeclineClass};

/// How charges that were declined are tried again.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Dunning {
    /// So many days after the due day it is tried again; rising.
    pub days: Vec<u16>,
    /// At this time of the day.
    pub at: LocalTime,
    /// Never outside these hours, also the first time.
    pub hours: Hours,
    /// Days of the month on which people are paid: a try that lacked money waits for one that comes before the try
    /// after it. Days that a month does not have are its last.
    pub paydays: Vec<u8>,
    /// So many days after the due day what is not paid is written off.
    pub write_off_after_days: u16,
    /// Whether the rest of the plan is given up when something is written off.
    pub stop_on_write_off: bool,
}

impl Default for Dunning {
    fn default() -> Self {
        Self {
            days: vec![1, 3, 5, 8, 11, 14],
            at: LocalTime::new(10, 0).unwrap_or_else(|| Hours::default().from),
            hours: Hours::default(),
            paydays: Vec::new(),
            write_off_after_days: 60,
            stop_on_write_off: true,
        }
    }
}

/// Most entries of [`Dunning::days`].
const MAX_DAYS: usize = 60;
/// So many technical declines are followed by another try within an hour; then the days count.
const QUICK_TRIES: u32 = 3;
/// How long after a technical decline the next try is made.
const QUICK_MS: i64 = HOUR_MS;

/// What follows.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Next {
    /// Another charge, not before this.
    At(Timestamp),
    /// No other charge by itself, and why: in a few words, for people.
    Stop(Stop, String),
}

/// Why no charge follows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stop {
    /// The payer has to give another way to pay, or to pay by hand.
    NeedsPayer,
    /// A person has to look at it.
    NeedsPerson,
    /// The agreement does not hold any more.
    NeedsAgreement,
    /// All tries are used up.
    Exhausted,
}

/// A charge that was declined.
#[derive(Clone, Copy, Debug)]
pub struct Declined<'a> {
    /// The day on which it was due.
    pub due_on: Day,
    /// Charges of it that were begun.
    pub tries: u32,
    /// When the last one was begun.
    pub tried_at: Timestamp,
    /// When the channel said no to it: a call may be on its way for long.
    pub declined_at: Timestamp,
    /// What was answered.
    pub decline: &'a Decline,
}

impl Dunning {
    /// Why it cannot be.
    ///
    /// # Errors
    /// A sentence that names the member.
    pub fn check(&self) -> Result<(), String> {
        if self.days.len() > MAX_DAYS || !self.days.iter().zip(self.days.iter().skip(1)).all(|(a, b)| a < b) {
            return Err(format!("`days` must rise, and be at most {MAX_DAYS}"));
        }
        if self.hours.from >= self.hours.until {
            return Err(format!("`hours` end at {}, not after {}", self.hours.until, self.hours.from));
        }
        if !self.hours.leave_room() {
            return Err(format!(
                "`hours` are {} to {}: too short to charge anybody",
                self.hours.from, self.hours.until
            ));
        }
        if self.at < self.hours.from || self.at >= self.hours.until {
            return Err(format!("`at` is {}, outside the hours {} to {}", self.at, self.hours.from, self.hours.until));
        }
        if self.paydays.iter().any(|d| *d == 0 || *d > 31) {
            return Err("`paydays` are days of the month, 1 to 31".to_owned());
        }
        if self.write_off_after_days == 0 || self.days.iter().any(|d| *d >= self.write_off_after_days) {
            return Err("`write_off_after_days` must be after the last of `days`".to_owned());
        }
        Ok(())
    }

    /// What follows `declined`. `rules` are the channel's.
    pub fn next(&self, declined: Declined<'_>, zone: &Zone, rules: DebitRules) -> Next {
        let Declined { due_on, tries, tried_at, declined_at, decline } = declined;
        let stop = |stop, what: &str| Next::Stop(stop, format!("{what}: {}", decline.reason));
        let at = match decline.class {
            DeclineClass::Hard => return stop(Stop::NeedsPayer, "the way to pay is gone"),
            DeclineClass::PayerMustAct => return stop(Stop::NeedsPayer, "the payer must act himself"),
            DeclineClass::Terms => return stop(Stop::NeedsPayer, "the agreement does not allow this charge"),
            DeclineClass::Risk => return stop(Stop::NeedsPerson, "it looks like fraud"),
            DeclineClass::Agreement => return stop(Stop::NeedsAgreement, "the agreement does not hold any more"),
            DeclineClass::Technical if tries < QUICK_TRIES => Some(declined_at.plus_ms(QUICK_MS)),
            DeclineClass::Technical => self.day_after(due_on, tried_at, zone),
            DeclineClass::InsufficientFunds => self.day_after(due_on, tried_at, zone).map(|at| {
                let payday = self.payday_before(at, due_on, zone);
                payday.filter(|day| *day > tried_at).unwrap_or(at)
            }),
        };
        let Some(at) = at else { return stop(Stop::Exhausted, "all tries are used up") };
        let at = self.hours.first_from(zone, at);
        let last = rules.days_after.map(|days| due_on.plus_days(i64::from(days)));
        if last.is_some_and(|last| zone.day_of(at) > last) {
            return stop(Stop::Exhausted, "the channel takes nothing after the due day");
        }
        Next::At(at)
    }

    /// The first of the listed days after `tried_at`, counted from the due day. Of tries before the due day, where the
    /// channel takes nothing after it, they are counted from the last try: so it is tried again each day.
    fn day_after(&self, due_on: Day, tried_at: Timestamp, zone: &Zone) -> Option<Timestamp> {
        let first = due_on.min(zone.day_of(tried_at));
        let days = self.days.iter().map(|days| zone.instant(first.plus_days(i64::from(*days)), self.at));
        let from_due = self.days.iter().map(|days| zone.instant(due_on.plus_days(i64::from(*days)), self.at));
        let listed: Vec<_> = if first < due_on { days.collect() } else { from_due.collect() };
        listed.into_iter().find(|at| *at > tried_at)
    }

    /// The first payday after the try at `at` and before the one after it.
    fn payday_before(&self, at: Timestamp, due_on: Day, zone: &Zone) -> Option<Timestamp> {
        let day = zone.day_of(at);
        let until = self.day_after(due_on, at, zone).map_or(day.plus_days(3), |next| zone.day_of(next));
        let mut candidate = day;
        while candidate < until {
            let last = last_of_month(candidate);
            if self.paydays.iter().any(|d| i8::try_from(*d).unwrap_or(31).min(last) == candidate.day()) {
                return Some(zone.instant(candidate, self.at));
            }
            candidate = candidate.plus_days(1);
        }
        None
    }

    /// The moment at which what is due on `due_on` is written off.
    pub fn write_off_at(&self, due_on: Day, zone: &Zone) -> Timestamp {
        zone.instant(due_on.plus_days(i64::from(self.write_off_after_days)), self.at)
    }
}

fn last_of_month(day: Day) -> i8 {
    let first = day.plus_days(1 - i64::from(day.day()));
    first.plus_months(1).plus_days(-1).day()
}

/// The earliest moment from `at` on at which another try by the same agreement is within the channel's budget.
/// `recent` are the tries of the last thirty days, in any order.
pub fn within_budget(at: Timestamp, recent: &[Timestamp], rules: DebitRules) -> Timestamp {
    const WINDOW_MS: i64 = 30 * DAY_MS;
    let Some(most) = rules.tries_in_30_days.and_then(|n| usize::try_from(n).ok()).filter(|n| *n > 0) else { return at };
    let mut counted: Vec<_> = recent.iter().copied().filter(|t| t.plus_ms(WINDOW_MS) > at).collect();
    counted.sort_unstable();
    // So many must have left the window that one more fits.
    match counted.len().checked_sub(most).and_then(|nth| counted.get(nth)) {
        Some(leaves) => leaves.plus_ms(WINDOW_MS),
        None => at,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::channel::Method;

    const FREE: DebitRules = DebitRules::FREE;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse_rfc3339(text).unwrap()
    }

    fn beijing() -> Zone {
        Zone::DEFAULT.parse().unwrap()
    }

    fn next(class: DeclineClass, tries: u32, tried: &str, dunning: &Dunning, rules: DebitRules) -> Next {
        let decline = Decline { class, reason: "51".into() };
        let due_on = "2026-11-09".parse().unwrap();
        let declined = Declined { due_on, tries, tried_at: at(tried), declined_at: at(tried), decline: &decline };
        dunning.next(declined, &beijing(), rules)
    }

    #[test]
    fn want_of_money_is_tried_again_on_the_listed_days_until_they_are_used_up() {
        let dunning = Dunning::default();
        let mut tried = at("2026-11-09T02:00:00Z");
        let mut days = Vec::new();
        while let Next::At(then) = next(DeclineClass::InsufficientFunds, 1, &tried.to_string(), &dunning, FREE) {
            days.push(beijing().day_of(then).to_string());
            assert_eq!(beijing().time_of(then).to_string(), "10:00");
            tried = then;
        }
        assert_eq!(days, ["2026-11-10", "2026-11-12", "2026-11-14", "2026-11-17", "2026-11-20", "2026-11-23"]);
    }

    #[test]
    fn a_payday_between_two_tries_is_waited_for() {
        let dunning = Dunning { paydays: vec![15, 31], ..Dunning::default() };
        let asked = |tried| next(DeclineClass::InsufficientFunds, 1, tried, &dunning, FREE);
        assert_eq!(asked("2026-11-12T02:00:00Z"), Next::At(at("2026-11-15T02:00:00Z")));
        assert_eq!(asked("2026-11-09T02:00:00Z"), Next::At(at("2026-11-10T02:00:00Z")));
    }

    #[test]
    fn technical_trouble_is_tried_soon_but_not_at_night_and_not_for_ever() {
        let dunning = Dunning::default();
        let asked = |tries, tried| next(DeclineClass::Technical, tries, tried, &dunning, FREE);
        assert_eq!(asked(1, "2026-11-09T02:00:00Z"), Next::At(at("2026-11-09T03:00:00Z")));
        assert_eq!(asked(2, "2026-11-09T13:30:00Z"), Next::At(at("2026-11-10T00:05:00Z")));
        assert_eq!(asked(3, "2026-11-09T04:00:00Z"), Next::At(at("2026-11-10T02:00:00Z")));
        // Soon is counted from the answer.
        let late = Declined {
            due_on: "2026-11-09".parse().unwrap(),
            tries: 1,
            tried_at: at("2026-11-09T02:00:00Z"),
            declined_at: at("2026-11-09T02:40:00Z"),
            decline: &Decline { class: DeclineClass::Technical, reason: "96".into() },
        };
        assert_eq!(dunning.next(late, &beijing(), FREE), Next::At(at("2026-11-09T03:40:00Z")));
    }

    #[test]
    fn what_cannot_be_mended_by_waiting_stops() {
        let stops = |class| match next(class, 1, "2026-11-09T02:00:00Z", &Dunning::default(), FREE) {
            Next::Stop(stop, why) => {
                assert!(why.ends_with(": 51"), "{why}");
                stop
            }
            Next::At(at) => panic!("{class:?} is tried again at {at}"),
        };
        assert_eq!(stops(DeclineClass::Hard), Stop::NeedsPayer);
        assert_eq!(stops(DeclineClass::PayerMustAct), Stop::NeedsPayer);
        assert_eq!(stops(DeclineClass::Terms), Stop::NeedsPayer);
        assert_eq!(stops(DeclineClass::Risk), Stop::NeedsPerson);
        assert_eq!(stops(DeclineClass::Agreement), Stop::NeedsAgreement);
    }

    #[test]
    fn a_channel_that_takes_nothing_after_the_due_day_is_tried_before_it() {
        let rules = Method::AlipayDebit.debit_rules().unwrap();
        let asked = |tried| next(DeclineClass::InsufficientFunds, 1, tried, &Dunning::default(), rules);
        assert_eq!(asked("2026-11-07T02:00:00Z"), Next::At(at("2026-11-08T02:00:00Z")));
        assert_eq!(asked("2026-11-08T02:00:00Z"), Next::At(at("2026-11-09T02:00:00Z")));
        assert!(matches!(asked("2026-11-09T02:00:00Z"), Next::Stop(Stop::Exhausted, _)));
    }

    #[test]
    fn the_card_schemes_budget_is_kept() {
        let rules = DebitRules { tries_in_30_days: Some(2), ..FREE };
        let (first, second) = (at("2026-11-01T02:00:00Z"), at("2026-11-05T02:00:00Z"));
        let now = at("2026-11-06T02:00:00Z");
        assert_eq!(within_budget(now, &[first], rules), now);
        assert_eq!(within_budget(now, &[second, first], rules), at("2026-12-01T02:00:00Z"));
        assert_eq!(within_budget(now, &[second, first], FREE), now);
        assert_eq!(within_budget(at("2026-12-03T02:00:00Z"), &[first, second], rules), at("2026-12-03T02:00:00Z"));
    }

    #[test]
    fn impossible_dunning_is_named() {
        let wrong = |change: fn(&mut Dunning)| {
            let mut dunning = Dunning::default();
            change(&mut dunning);
            dunning.check().unwrap_err()
        };
        assert_eq!(Dunning::default().check(), Ok(()));
        assert!(wrong(|d| d.days = vec![3, 1]).contains("`days`"));
        assert!(wrong(|d| d.at = "23:00".parse().unwrap()).contains("`at`"));
        assert!(wrong(|d| d.hours.until = d.hours.from).contains("`hours`"));
        assert!(wrong(|d| d.paydays = vec![0]).contains("`paydays`"));
        assert!(wrong(|d| d.write_off_after_days = 14).contains("`write_off_after_days`"));
    }
}
