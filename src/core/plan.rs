//! Retry plans: it knows when to try again, and must never know what is tried.
//!
//! A plan is written as text, so that configuration can hold it:
//! `5s 10s 3x30m then 12h until 3d` — delays between tries, then one delay repeated, then the end.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::clock::{DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS};

/// Longest plan that is accepted: more explicit delays than this is a mistake in a configuration.
const MAX_STEPS: usize = 200;

/// Delays between tries.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RetryPlan {
    steps_ms: Vec<i64>,
    tail_ms: Option<i64>,
    until_ms: Option<i64>,
}

impl RetryPlan {
    /// The delay before try number `step` (0 is the delay before the first), in milliseconds;
    /// `None` when the plan has ended.
    pub fn delay_ms(&self, step: i32) -> Option<i64> {
        let step = usize::try_from(step).unwrap_or(0);
        if let Some(ms) = self.steps_ms.get(step) {
            return Some(*ms);
        }
        let tail = self.tail_ms?;
        let beyond = i64::try_from(step - self.steps_ms.len()).unwrap_or(i64::MAX);
        let listed: i64 = self.steps_ms.iter().sum();
        let elapsed = listed.saturating_add(tail.saturating_mul(beyond.saturating_add(1)));
        match self.until_ms {
            Some(until) if elapsed > until => None,
            _ => Some(tail),
        }
    }

    /// The delay before try number `step`, or the last delay of the plan for ever after.
    pub fn delay_or_last_ms(&self, step: i32) -> i64 {
        self.delay_ms(step).or(self.tail_ms).or_else(|| self.steps_ms.last().copied()).unwrap_or(MINUTE_MS)
    }

    /// Whether the plan has nothing left at `step`.
    pub fn is_over(&self, step: i32) -> bool {
        self.delay_ms(step).is_none()
    }

    /// Whether `step` lies in the repeated tail: the quick tries are used up.
    pub fn is_tail(&self, step: i32) -> bool {
        usize::try_from(step).unwrap_or(0) >= self.steps_ms.len()
    }
}

/// Reads a duration with its unit: `250ms`, `5s`, `3m`, `6h`, `2d`.
///
/// # Errors
/// A sentence naming the text.
pub fn parse_duration_ms(text: &str) -> Result<i64, String> {
    let wrong = || format!("`{text}` is not a duration with a unit, such as 250ms, 5s, 3m, 6h or 2d");
    let split = text.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
    let (number, unit) = text.split_at(split);
    let unit_ms = match unit {
        "ms" => 1,
        "s" => SECOND_MS,
        "m" => MINUTE_MS,
        "h" => HOUR_MS,
        "d" => DAY_MS,
        _ => return Err(wrong()),
    };
    number.parse::<i64>().ok().and_then(|n| n.checked_mul(unit_ms)).ok_or_else(wrong)
}

fn show_duration(f: &mut fmt::Formatter<'_>, ms: i64) -> fmt::Result {
    for (unit_ms, unit) in [(DAY_MS, "d"), (HOUR_MS, "h"), (MINUTE_MS, "m"), (SECOND_MS, "s")] {
        if ms != 0 && ms % unit_ms == 0 {
            return write!(f, "{}{unit}", ms / unit_ms);
        }
    }
    write!(f, "{ms}ms")
}

impl FromStr for RetryPlan {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let (head, rest) = text.split_once(" then ").map_or((text, None), |(h, r)| (h, Some(r)));
        let mut steps_ms = Vec::new();
        for word in head.split_whitespace() {
            let (times, delay) = match word.split_once('x') {
                Some((n, d)) => {
                    (n.parse::<usize>().map_err(|_| format!("`{word}`: expected a count before x, as in 3x30m"))?, d)
                }
                None => (1, word),
            };
            if steps_ms.len() + times > MAX_STEPS {
                return Err(format!("a plan has at most {MAX_STEPS} delays; use `then` to repeat the last one"));
            }
            steps_ms.extend(std::iter::repeat_n(parse_duration_ms(delay)?, times));
        }
        let (tail_ms, until_ms) = match rest {
            None => (None, None),
            Some(rest) => {
                let (tail, until) = rest.split_once(" until ").map_or((rest, None), |(t, u)| (t, Some(u)));
                (Some(parse_duration_ms(tail.trim())?), until.map(|u| parse_duration_ms(u.trim())).transpose()?)
            }
        };
        if tail_ms == Some(0) || (steps_ms.is_empty() && tail_ms.is_none()) {
            return Err(format!("`{text}` is not a plan: expected delays such as `5s 10s 3x30m then 12h until 3d`"));
        }
        Ok(Self { steps_ms, tail_ms, until_ms })
    }
}

impl fmt::Display for RetryPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut sep = "";
        let mut rest = self.steps_ms.as_slice();
        while let [first, ..] = rest {
            let same = rest.iter().take_while(|ms| *ms == first).count();
            f.write_str(sep)?;
            if same > 1 {
                write!(f, "{same}x")?;
            }
            show_duration(f, *first)?;
            sep = " ";
            rest = rest.get(same..).unwrap_or_default();
        }
        if let Some(tail) = self.tail_ms {
            f.write_str(" then ")?;
            show_duration(f, tail)?;
        }
        if let Some(until) = self.until_ms {
            f.write_str(" until ")?;
            show_duration(f, until)?;
        }
        Ok(())
    }
}

impl Serialize for RetryPlan {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for RetryPlan {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(d)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// The plans that the machine uses. Their defaults and reasons stand in `config/default.toml`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plans {
    /// Asking where a payable payment stands, from the moment that it became payable.
    pub poll: RetryPlan,
    /// Asking after an answer that never came.
    pub unknown: RetryPlan,
    /// Between the steps of the close protocol when the channel gives no clear answer.
    pub close: RetryPlan,
    /// Asking again after a payment ended unpaid.
    pub watch: RetryPlan,
    /// Asking where a refund stands, from the moment that the channel took it on.
    pub refund: RetryPlan,
    /// Sending a refund again for which the merchant's balance at the channel was not enough.
    pub refund_funds: RetryPlan,
    /// Telling a merchant endpoint.
    pub webhook: RetryPlan,
    /// After a run of ours ended badly (our own error, not the channel's).
    pub failure: RetryPlan,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delays(text: &str, n: i32) -> Vec<Option<i64>> {
        let plan: RetryPlan = text.parse().unwrap();
        (0..n).map(|i| plan.delay_ms(i)).collect()
    }

    #[test]
    fn a_plan_gives_its_steps_then_its_tail_until_its_end() {
        assert_eq!(delays("5s 2x10s", 4), [Some(5_000), Some(10_000), Some(10_000), None]);
        assert_eq!(delays("1h then 2h until 6h", 4), [Some(HOUR_MS), Some(2 * HOUR_MS), Some(2 * HOUR_MS), None]);
        assert_eq!(delays("0ms then 1s", 100).last(), Some(&Some(1_000)));
    }

    #[test]
    fn a_plan_is_shown_as_it_is_written() {
        for text in ["5s 10s 20s 30s 4x1m then 3m", "0ms 5s 3x30m then 12h until 3d", "250ms"] {
            assert_eq!(text.parse::<RetryPlan>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn nonsense_is_refused_with_the_word_that_is_wrong() {
        for bad in ["", "5", "5 s", "ten", "-5s", "5s then", "5s then 0s", "xx5s", "999x1s", "9223372036854775807d"] {
            assert!(bad.parse::<RetryPlan>().is_err(), "{bad}");
        }
    }
}
