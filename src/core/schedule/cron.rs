//! Cron expressions: it knows how one is read and which local times it names, and must never know a time zone.
//!
//! Six fields: seconds, minutes, hours, days of the month, months, days of the week; of five, the seconds are 0.
//! As in crontab, Sunday is 0 or 7. Where readers of cron differ (a day of the month *and* a day of the week: both,
//! or either?) the expression is refused, because money hangs on it.

use std::fmt;
use std::str::FromStr;

use jiff::civil::{Date, DateTime, Time};

/// How far ahead a next time is looked for: from one leap day over the end of a century to the next.
const HORIZON_DAYS: i32 = 8 * 366 + 1;
/// Longest expression, in characters: every minute and second written out is shorter.
const EXPRESSION_MAX_CHARS: usize = 512;

const MONTHS: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const WEEKDAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

/// A field's name and bounds, and the words that stand for its numbers from the first one on.
struct Field {
    name: &'static str,
    first: u32,
    last: u32,
    words: &'static [&'static str],
}

const FIELDS: [Field; 6] = [
    Field { name: "seconds", first: 0, last: 59, words: &[] },
    Field { name: "minutes", first: 0, last: 59, words: &[] },
    Field { name: "hours", first: 0, last: 23, words: &[] },
    Field { name: "days of the month", first: 1, last: 31, words: &[] },
    Field { name: "months", first: 1, last: 12, words: &MONTHS },
    // 7 is Sunday again.
    Field { name: "days of the week", first: 0, last: 7, words: &WEEKDAYS },
];

/// A cron expression. Numbers of a field are bits.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Cron {
    text: String,
    seconds: u64,
    minutes: u64,
    hours: u64,
    days: u64,
    months: u64,
    weekdays: u64,
    /// `L`: the last day of the month, whichever that is.
    last_day: bool,
}

impl FromStr for Cron {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        if text.chars().count() > EXPRESSION_MAX_CHARS {
            return Err(format!("a cron expression has at most {EXPRESSION_MAX_CHARS} characters"));
        }
        let words: Vec<&str> = text.split_whitespace().collect();
        let all: [&str; 6] = match *words.as_slice() {
            [s, m, h, d, o, w] => [s, m, h, d, o, w],
            [m, h, d, o, w] => ["0", m, h, d, o, w],
            _ => {
                return Err(format!(
                    "`{}` has {} fields; a cron expression has 6 (seconds, minutes, hours, days of the month, months, \
                     days of the week) or, without the seconds, 5",
                    shown(text),
                    words.len()
                ));
            }
        };
        let [seconds, minutes, hours, days, months, weekdays] = all;
        let every = |field: &str| matches!(field, "*" | "?");
        if !every(days) && !every(weekdays) {
            return Err("name days of the month or days of the week, not both: some read that as either, some as both"
                .to_owned());
        }
        let [of_seconds, of_minutes, of_hours, of_days, of_months, of_weekdays] = &FIELDS;
        let last_day = days.eq_ignore_ascii_case("l");
        let weekdays = read(weekdays, of_weekdays)?;
        Ok(Self {
            text: all.join(" "),
            seconds: read(seconds, of_seconds)?,
            minutes: read(minutes, of_minutes)?,
            hours: read(hours, of_hours)?,
            days: if last_day { 0 } else { read(days, of_days)? },
            months: read(months, of_months)?,
            weekdays: (weekdays | (weekdays >> 7)) & 0x7f,
            last_day,
        })
    }
}

fn shown(text: &str) -> String {
    text.chars().take(48).collect()
}

/// The numbers that a field names, as bits.
fn read(text: &str, field: &Field) -> Result<u64, String> {
    let wrong = |why: String| format!("`{}` is not a list of {}: {why}", shown(text), field.name);
    let mut bits = 0_u64;
    for item in text.split(',') {
        let (range, step) = match item.split_once('/') {
            None => (item, None),
            Some((range, step)) => {
                let step = step.parse::<u32>().ok().filter(|n| *n > 0 && *n <= field.last);
                (range, Some(step.ok_or_else(|| wrong(format!("a step is 1 to {}", field.last)))?))
            }
        };
        // The whole week has each day once.
        let whole = if field.words.len() == WEEKDAYS.len() { field.last - 1 } else { field.last };
        let (from, to) = match range.split_once('-') {
            _ if matches!(range, "*" | "?") => (field.first, whole),
            Some((from, to)) => (number(from, field).map_err(wrong)?, number(to, field).map_err(wrong)?),
            None => {
                let one = number(range, field).map_err(wrong)?;
                (one, if step.is_some() { whole.max(one) } else { one })
            }
        };
        if from > to {
            return Err(wrong(format!("{from} comes after {to}; give two ranges")));
        }
        let step = usize::try_from(step.unwrap_or(1)).unwrap_or(1);
        for n in (from..=to).step_by(step) {
            bits |= 1 << n;
        }
    }
    Ok(bits)
}

fn number(text: &str, field: &Field) -> Result<u32, String> {
    let named = field.words.iter().position(|word| text.eq_ignore_ascii_case(word));
    let named = named.and_then(|at| u32::try_from(at).ok()).map(|at| at.saturating_add(field.first));
    let plain = || Some(text).filter(|t| !t.is_empty() && t.bytes().all(|b| b.is_ascii_digit()))?.parse().ok();
    let found = named.or_else(plain).filter(|n| (field.first..=field.last).contains(n));
    found.ok_or_else(|| format!("`{}` is not {} to {}", shown(text), field.first, field.last))
}

impl fmt::Display for Cron {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

fn has(bits: u64, n: i8) -> bool {
    u32::try_from(n).is_ok_and(|n| bits & 1_u64.checked_shl(n).unwrap_or(0) != 0)
}

/// The least number of `bits` that is at least `n`.
fn at_least(bits: u64, n: i8) -> Option<i8> {
    let from = u32::try_from(n).ok()?;
    let left = bits & u64::MAX.checked_shl(from).unwrap_or(0);
    if left == 0 { None } else { i8::try_from(left.trailing_zeros()).ok() }
}

impl Cron {
    /// Whether it names that day.
    pub fn names(&self, day: Date) -> bool {
        let in_month = has(self.days, day.day()) || (self.last_day && day.day() == day.days_in_month());
        in_month && has(self.months, day.month()) && has(self.weekdays, day.weekday().to_sunday_zero_offset())
    }

    /// How many times it names on each of its days.
    pub fn times_a_day(&self) -> u64 {
        let count = |bits: u64| u64::from(bits.count_ones());
        count(self.seconds) * count(self.minutes) * count(self.hours)
    }

    /// Whether it names more than one second of a minute.
    pub fn within_a_minute(&self) -> bool {
        self.seconds.count_ones() > 1
    }

    /// The first local time at or after `from`, in whole seconds; `None` when there is none for eight years.
    pub fn local(&self, from: DateTime) -> Option<DateTime> {
        let (mut day, mut time) = (from.date(), from.time());
        for _ in 0..HORIZON_DAYS {
            if !has(self.months, day.month()) {
                (day, time) = (day.last_of_month().tomorrow().ok()?, Time::midnight());
                continue;
            }
            if self.names(day)
                && let Some(found) = self.time(time)
            {
                return Some(day.to_datetime(found));
            }
            (day, time) = (day.tomorrow().ok()?, Time::midnight());
        }
        None
    }

    /// The first time of a day at or after `from`.
    fn time(&self, from: Time) -> Option<Time> {
        let (minute, second) = (at_least(self.minutes, 0)?, at_least(self.seconds, 0)?);
        if has(self.hours, from.hour()) {
            if has(self.minutes, from.minute())
                && let Some(found) = at_least(self.seconds, from.second())
            {
                return Time::new(from.hour(), from.minute(), found, 0).ok();
            }
            if let Some(found) = at_least(self.minutes, from.minute().saturating_add(1)) {
                return Time::new(from.hour(), found, second, 0).ok();
            }
        }
        let hour = at_least(self.hours, from.hour().saturating_add(1))?;
        Time::new(hour, minute, second, 0).ok()
    }
}
