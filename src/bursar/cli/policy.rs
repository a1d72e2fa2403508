//! A merchant's policy on the command line: it knows its words, and must never know where it is kept.

use std::str::FromStr;

use bursar_core::billing::Zone;
use bursar_core::channel::Method;
use bursar_core::choosing::MethodRule;
use bursar_core::merchant::{AfterClose, LateMoneyPolicy, MerchantPolicy};
use bursar_core::plan::parse_duration_ms;
use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use super::dunning::{self, DunningFlags};

/// What happens to money that is found while an order is being closed.
#[derive(ValueEnum, Clone, Copy, Debug)]
pub(super) enum LateMoney {
    /// It pays the order.
    Accept,
    /// It is late money.
    Never,
}

/// What happens to money that comes for a closed order: `refund`, `reopen` or `park=DURATION`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct AfterCloseFlag(AfterClose);

impl FromStr for AfterCloseFlag {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let park = |ms| AfterClose::Park { deadline_ms: ms };
        let parsed = match text.split_once('=') {
            None if text == "refund" => Ok(AfterClose::Refund),
            None if text == "reopen" => Ok(AfterClose::Reopen),
            Some(("park", wait)) => parse_duration_ms(wait).map(park),
            _ => Err(format!("`{text}` is neither refund, reopen nor park=DURATION, such as park=3d")),
        };
        match parsed? {
            AfterClose::Park { deadline_ms } if deadline_ms < 1 => {
                Err("a question needs some time to be answered, such as park=3d".to_owned())
            }
            policy => Ok(Self(policy)),
        }
    }
}

/// Above which amount a second person must agree: minor units, or `never`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct ApprovalFlag(Option<i64>);

impl FromStr for ApprovalFlag {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        if text == "never" {
            return Ok(Self(None));
        }
        let limit = text.parse().ok().filter(|minor: &i64| *minor >= 0);
        limit.map(|minor| Self(Some(minor))).ok_or_else(|| format!("`{text}` is neither minor units nor `never`"))
    }
}

/// When money is taken by a method: `METHOD=always`, `METHOD=never`, or limits such as
/// `cash=min:100,max:50000,region:上海,region:北京`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct MethodFlag(Method, MethodRule);

impl FromStr for MethodFlag {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = |what: &str| {
            format!("`{what}` is not a rule: expected always, never, or min:MINOR, max:MINOR, region:NAME with commas")
        };
        let (method, rule) = text.split_once('=').ok_or_else(|| wrong(text))?;
        let method: Method = method.parse()?;
        let mut read = MethodRule::default();
        match rule {
            "always" => return Ok(Self(method, read)),
            "never" => return Ok(Self(method, MethodRule { enabled: false, ..read })),
            _ => {}
        }
        let minor = |text: &str| text.parse().ok().filter(|minor: &i64| *minor >= 0);
        for part in rule.split(',') {
            match part.split_once(':') {
                Some(("min", text)) => read.min_minor = Some(minor(text).ok_or_else(|| wrong(part))?),
                Some(("max", text)) => read.max_minor = Some(minor(text).ok_or_else(|| wrong(part))?),
                Some(("region", name)) if !name.trim().is_empty() => read.regions.push(name.trim().to_owned()),
                _ => return Err(wrong(part)),
            }
        }
        Ok(Self(method, read))
    }
}

/// A rule in the words of the flag.
fn rule_words(rule: &MethodRule) -> String {
    if !rule.enabled {
        return "never".to_owned();
    }
    let min = rule.min_minor.map(|minor| format!("min:{minor}"));
    let max = rule.max_minor.map(|minor| format!("max:{minor}"));
    let regions = rule.regions.iter().map(|name| format!("region:{name}"));
    let words: Vec<_> = min.into_iter().chain(max).chain(regions).collect();
    if words.is_empty() { "always".to_owned() } else { words.join(",") }
}

/// What a merchant wants to be done without asking. What is not given stays as it is.
#[derive(Args, Debug)]
pub(super) struct PolicyFlags {
    /// What happens to money that arrives while an order is being closed.
    #[arg(long, value_enum)]
    late_money: Option<LateMoney>,
    /// What happens to money that comes for a closed order: refund (it goes back at once), reopen (the order
    /// becomes paid after all, when it is the whole amount) or park=DURATION, such as park=3d (a person is
    /// asked; without an answer it goes back).
    #[arg(long, value_name = "refund|reopen|park=DURATION")]
    after_close: Option<AfterCloseFlag>,
    /// Refunds of more than so many minor units need a second person; `never`: none does.
    #[arg(long, value_name = "MINOR|never")]
    approval_above: Option<ApprovalFlag>,
    /// When a way to pay can be chosen; repeat it for several. `card=never`, `cash=max:50000,region:上海`,
    /// `cash=always`.
    #[arg(long, value_name = "METHOD=RULE")]
    method: Vec<MethodFlag>,
    /// In which time zone days and hours of plans are meant, such as Asia/Shanghai.
    #[arg(long)]
    zone: Option<Zone>,
    #[command(flatten)]
    dunning: DunningFlags,
}

impl PolicyFlags {
    /// Whether none was given.
    pub(super) fn is_empty(&self) -> bool {
        self.late_money.is_none()
            && self.after_close.is_none()
            && self.approval_above.is_none()
            && self.method.is_empty()
            && self.zone.is_none()
            && self.dunning.is_empty()
    }

    /// `policy` with what was given.
    ///
    /// # Errors
    /// When what was given does not fit together.
    pub(super) fn over(&self, mut policy: MerchantPolicy) -> Result<MerchantPolicy, String> {
        match self.late_money {
            Some(LateMoney::Accept) => policy.late_money = LateMoneyPolicy::AcceptWhileClosing,
            Some(LateMoney::Never) => policy.late_money = LateMoneyPolicy::NeverAccept,
            None => {}
        }
        if let Some(AfterCloseFlag(after_close)) = self.after_close {
            policy.after_close = after_close;
        }
        if let Some(ApprovalFlag(limit)) = self.approval_above {
            policy.approval_above_minor = limit;
        }
        for MethodFlag(method, rule) in &self.method {
            match *rule == MethodRule::default() {
                true => policy.methods.remove(method),
                false => policy.methods.insert(*method, rule.clone()),
            };
        }
        if let Some(zone) = &self.zone {
            policy.zone = zone.clone();
        }
        policy.dunning = self.dunning.over(policy.dunning);
        policy.dunning.check()?;
        Ok(policy)
    }
}

/// A policy in the words of the flags.
pub(super) fn words(policy: &MerchantPolicy) -> Vec<(&'static str, String)> {
    let late_money = match policy.late_money {
        LateMoneyPolicy::AcceptWhileClosing => "accept",
        LateMoneyPolicy::NeverAccept => "never",
    };
    let after_close = match policy.after_close {
        AfterClose::Refund => "refund".to_owned(),
        AfterClose::Reopen => "reopen".to_owned(),
        AfterClose::Park { deadline_ms } => format!("park={}", duration(deadline_ms)),
    };
    let approval = policy.approval_above_minor.map_or("never".to_owned(), |minor| minor.to_string());
    let mut words =
        vec![("late-money", late_money.to_owned()), ("after-close", after_close), ("approval-above", approval)];
    words.extend(policy.methods.iter().map(|(method, rule)| ("method", format!("{method}={}", rule_words(rule)))));
    words.push(("zone", policy.zone.to_string()));
    words.extend(dunning::words(&policy.dunning));
    words
}

/// A policy as JSON, in the words of the flags.
pub(super) fn to_json(policy: &MerchantPolicy) -> Value {
    let words = words(policy).into_iter().map(|(name, value)| (name.replace('-', "_"), json!(value)));
    Value::Object(words.collect())
}

/// A duration in the largest unit that holds it whole.
fn duration(ms: i64) -> String {
    let units = [(86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1_000, "s")];
    let unit = units.into_iter().find(|(unit_ms, _)| ms % unit_ms == 0);
    unit.map_or(format!("{ms}ms"), |(unit_ms, name)| format!("{}{name}", ms / unit_ms))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flags(late_money: Option<LateMoney>, after_close: &str, approval_above: &str) -> PolicyFlags {
        PolicyFlags {
            late_money,
            after_close: Some(after_close.parse().unwrap()),
            approval_above: Some(approval_above.parse().unwrap()),
            method: Vec::new(),
            zone: None,
            dunning: DunningFlags::default(),
        }
    }

    #[test]
    fn the_words_of_a_policy_are_the_flags_that_make_it() {
        for after_close in ["refund", "reopen", "park=3d", "park=90m", "park=1500ms"] {
            for approval in ["never", "0", "50000"] {
                let policy =
                    flags(Some(LateMoney::Never), after_close, approval).over(MerchantPolicy::default()).unwrap();
                let words: Vec<_> = words(&policy).into_iter().map(|(_, word)| word).collect();
                assert_eq!(words[..3], ["never", after_close, approval]);
            }
        }
    }

    #[test]
    fn what_is_not_given_stays() {
        let before = flags(Some(LateMoney::Never), "park=3d", "100").over(MerchantPolicy::default()).unwrap();
        let none = PolicyFlags {
            late_money: None,
            after_close: None,
            approval_above: None,
            method: Vec::new(),
            zone: None,
            dunning: DunningFlags::default(),
        };
        assert!(none.is_empty());
        assert_eq!(none.over(before.clone()).unwrap(), before);
        let one = PolicyFlags { after_close: Some("refund".parse().unwrap()), ..none };
        assert_eq!(one.over(before.clone()).unwrap(), MerchantPolicy { after_close: AfterClose::Refund, ..before });
    }

    #[test]
    fn dunning_that_cannot_be_is_refused_and_a_zone_is_said_as_it_was_given() {
        let none = PolicyFlags {
            late_money: None,
            after_close: None,
            approval_above: None,
            method: Vec::new(),
            zone: None,
            dunning: DunningFlags::default(),
        };
        let zone = PolicyFlags { zone: Some("Europe/Berlin".parse().unwrap()), ..none };
        let policy = zone.over(MerchantPolicy::default()).unwrap();
        assert!(words(&policy).contains(&("zone", "Europe/Berlin".to_owned())));
        let mut night = MerchantPolicy::default();
        night.dunning.hours.until = "01:00".parse().unwrap();
        assert!(zone.over(night).unwrap_err().contains("hours"));
    }

    #[test]
    fn other_words_are_refused() {
        for wrong in ["", "parks", "park", "park=", "park=3", "park=0d", "refund=1d"] {
            assert!(wrong.parse::<AfterCloseFlag>().is_err(), "{wrong}");
        }
        for wrong in ["", "-1", "1.5", "always"] {
            assert!(wrong.parse::<ApprovalFlag>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn rules_about_methods_are_read_and_said_in_the_same_words() {
        for words in ["never", "always", "min:100,max:50000,region:上海,region:北京", "max:5"] {
            let MethodFlag(method, rule) = format!("cash={words}").parse().unwrap();
            assert_eq!((method, rule_words(&rule)), (Method::Cash, words.to_owned()));
        }
        for bad in ["cash", "cash=", "cash=max:-1", "cash=max:x", "cash=region:", "gold=never", "cash=never,max:1"] {
            assert!(bad.parse::<MethodFlag>().is_err(), "{bad}");
        }
    }
}
