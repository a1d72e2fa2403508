//! What happens when a charge is declined, as flags of the command line: it knows their words, and must never know when
//! something is charged.

use std::str::FromStr;

use bursar_core::billing::{Dunning, Hours, LocalTime};
use bursar_gateway::plans::body::{CreateDunning, CreateHours};
use clap::{Args, ValueEnum};

/// Numbers of days with commas, or `none`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct DaysFlag(Vec<u16>);

impl FromStr for DaysFlag {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        if text == "none" {
            return Ok(Self(Vec::new()));
        }
        let days: Result<_, _> = text.split(',').map(str::parse).collect();
        days.map(Self).map_err(|_| format!("`{text}` is neither numbers with commas, such as 1,3,5, nor none"))
    }
}

/// Hours of the day: `08:00-22:00`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct HoursFlag(Hours);

impl FromStr for HoursFlag {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let (from, until) =
            text.split_once('-').ok_or_else(|| format!("`{text}` is not hours, such as 08:00-22:00"))?;
        Ok(Self(Hours { from: from.parse()?, until: until.parse()? }))
    }
}

/// What becomes of the rest when an installment is written off.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum OnWriteOff {
    /// It is given up.
    Stop,
    /// It is asked for as planned.
    Continue,
}

/// What happens when a charge of a plan is declined. What is not given stays as it is.
#[derive(Args, Debug, Default)]
pub(super) struct DunningFlags {
    /// So many days after the due day a declined charge is tried again; rising, or none.
    #[arg(long, value_name = "DAYS|none")]
    retry_days: Option<DaysFlag>,
    /// At this time of the day it is tried again.
    #[arg(long, value_name = "HH:MM")]
    retry_at: Option<LocalTime>,
    /// Payers are never charged outside these hours, such as 08:00-22:00.
    #[arg(long, value_name = "FROM-UNTIL")]
    hours: Option<HoursFlag>,
    /// Days of the month on which people are paid, such as 10,15, or none: who lacked money is charged again then.
    #[arg(long, value_name = "DAYS|none")]
    paydays: Option<DaysFlag>,
    /// So many days after the due day what is not paid is written off.
    #[arg(long, value_name = "DAYS")]
    write_off_after: Option<u16>,
    /// What becomes of the rest of a plan when an installment is written off.
    #[arg(long, value_enum)]
    on_write_off: Option<OnWriteOff>,
}

impl DunningFlags {
    /// Whether none was given.
    pub(super) const fn is_empty(&self) -> bool {
        self.retry_days.is_none()
            && self.retry_at.is_none()
            && self.hours.is_none()
            && self.paydays.is_none()
            && self.write_off_after.is_none()
            && self.on_write_off.is_none()
    }

    /// `dunning` with what was given.
    pub(super) fn over(&self, mut dunning: Dunning) -> Dunning {
        if let Some(DaysFlag(days)) = &self.retry_days {
            dunning.days.clone_from(days);
        }
        if let Some(DaysFlag(days)) = &self.paydays {
            // A day beyond every month is refused with the rest.
            dunning.paydays = days.iter().map(|day| u8::try_from(*day).unwrap_or(u8::MAX)).collect();
        }
        dunning.at = self.retry_at.unwrap_or(dunning.at);
        dunning.hours = self.hours.map_or(dunning.hours, |HoursFlag(hours)| hours);
        dunning.write_off_after_days = self.write_off_after.unwrap_or(dunning.write_off_after_days);
        if let Some(on_write_off) = self.on_write_off {
            dunning.stop_on_write_off = on_write_off == OnWriteOff::Stop;
        }
        dunning
    }

    /// The same as a request for a plan says it; `None` when nothing was given.
    pub(super) fn request(&self) -> Option<CreateDunning> {
        let days = |flag: &DaysFlag| flag.0.iter().map(|day| i64::from(*day)).collect();
        let hours = |HoursFlag(Hours { from, until }): HoursFlag| CreateHours {
            from: from.to_string(),
            until: until.to_string(),
        };
        (!self.is_empty()).then(|| CreateDunning {
            days: self.retry_days.as_ref().map(days),
            at: self.retry_at.map(|at| at.to_string()),
            hours: self.hours.map(hours),
            paydays: self.paydays.as_ref().map(days),
            write_off_after_days: self.write_off_after.map(i64::from),
            stop_on_write_off: self.on_write_off.map(|on| on == OnWriteOff::Stop),
        })
    }
}

/// Dunning in the words of the flags.
pub(super) fn words(dunning: &Dunning) -> Vec<(&'static str, String)> {
    let on_write_off = if dunning.stop_on_write_off { "stop" } else { "continue" };
    vec![
        ("retry-days", listed(&dunning.days)),
        ("retry-at", dunning.at.to_string()),
        ("hours", format!("{}-{}", dunning.hours.from, dunning.hours.until)),
        ("paydays", listed(&dunning.paydays)),
        ("write-off-after", dunning.write_off_after_days.to_string()),
        ("on-write-off", on_write_off.to_owned()),
    ]
}

fn listed<T: ToString>(days: &[T]) -> String {
    match days {
        [] => "none".to_owned(),
        days => days.iter().map(ToString::to_string).collect::<Vec<_>>().join(","),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_dunning_are_the_flags_that_make_it() {
        for (days, hours, paydays, on) in
            [("1,3,5", "08:00-22:00", "none", OnWriteOff::Stop), ("none", "09:30-18:00", "10,15", OnWriteOff::Continue)]
        {
            let flags = DunningFlags {
                retry_days: Some(days.parse().unwrap()),
                retry_at: Some("10:00".parse().unwrap()),
                hours: Some(hours.parse().unwrap()),
                paydays: Some(paydays.parse().unwrap()),
                write_off_after: Some(30),
                on_write_off: Some(on),
            };
            let dunning = flags.over(Dunning::default());
            assert_eq!(dunning.check(), Ok(()));
            let on = if on == OnWriteOff::Stop { "stop" } else { "continue" };
            let said: Vec<_> = words(&dunning).into_iter().map(|(_, word)| word).collect();
            assert_eq!(said, [days, "10:00", hours, paydays, "30", on]);
            assert_eq!(flags.request().unwrap().write_off_after_days, Some(30));
        }
    }

    #[test]
    fn what_is_not_given_stays_and_nonsense_is_refused() {
        assert!(DunningFlags::default().is_empty() && DunningFlags::default().request().is_none());
        assert_eq!(DunningFlags::default().over(Dunning::default()), Dunning::default());
        for wrong in ["", "1,", "x", "-1", "1 2"] {
            assert!(wrong.parse::<DaysFlag>().is_err(), "{wrong}");
        }
        for wrong in ["08:00", "8-22", "08:00-", "08:00-24:00"] {
            assert!(wrong.parse::<HoursFlag>().is_err(), "{wrong}");
        }
        let far = DunningFlags { paydays: Some("300".parse().unwrap()), ..DunningFlags::default() };
        assert!(far.over(Dunning::default()).check().is_err());
    }
}
