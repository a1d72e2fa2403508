//! What may become a schedule: it knows every check of its own members, and must never know whose account is named
//! in its template.

use super::calendar::{Calendar, CalendarError};
use super::row::{CatchUp, Schedule, ScheduleState};
use super::template::Template;
use super::{NAME_MAX_CHARS, UPCOMING};
use crate::chance::Chance;
use crate::clock::Timestamp;
use crate::id::{MerchantId, ScheduleId};

/// A wish for a schedule.
#[derive(Clone, Debug)]
pub struct Draft<'a> {
    /// Whose.
    pub merchant: MerchantId,
    /// Its name.
    pub name: &'a str,
    /// When.
    pub cron: &'a str,
    /// In which time zone.
    pub zone: &'a str,
}

/// A member that is wrong, and why.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Wrong {
    /// `name`, `cron` or `zone`.
    pub member: &'static str,
    /// A sentence.
    pub why: String,
}

impl Draft<'_> {
    /// Everything that is wrong with it; otherwise its calendar.
    ///
    /// # Errors
    /// Each member that is wrong.
    pub fn check(&self, now: Timestamp) -> Result<Calendar, Vec<Wrong>> {
        let mut wrong = Vec::new();
        let lawful = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | ':' | '-');
        let length = self.name.chars().count();
        if length == 0 || length > NAME_MAX_CHARS || !self.name.chars().all(lawful) {
            let shown: String = self.name.chars().take(NAME_MAX_CHARS).flat_map(char::escape_debug).collect();
            let why = format!("`name` must be 1 to {NAME_MAX_CHARS} letters, digits or `_ . : -`, not `{shown}`");
            wrong.push(Wrong { member: "name", why });
        }
        // Each by itself, so that both are told.
        if let Err(why) = Calendar::zone(self.zone) {
            wrong.push(Wrong { member: "zone", why: why.to_string() });
        }
        match Calendar::new(self.cron, "UTC") {
            Err(why) => wrong.push(Wrong { member: "cron", why: why.to_string() }),
            Ok(calendar) if calendar.cron().within_a_minute() => {
                let why = "a schedule fires at most once a minute: name one second (the first of six fields)";
                wrong.push(Wrong { member: "cron", why: why.to_owned() });
            }
            Ok(calendar) if calendar.next(now).is_none() => {
                let why = CalendarError::Never(self.cron.to_owned()).to_string();
                wrong.push(Wrong { member: "cron", why });
            }
            Ok(_) => {}
        }
        if !wrong.is_empty() {
            return Err(wrong);
        }
        Calendar::new(self.cron, self.zone).map_err(|why| vec![Wrong { member: "cron", why: why.to_string() }])
    }

    /// The schedule that is wished for, firing from the first instant after `now` on.
    ///
    /// # Errors
    /// See [`Draft::check`].
    pub fn schedule(
        &self,
        catch_up: CatchUp,
        template: Template,
        now: Timestamp,
        chance: &dyn Chance,
    ) -> Result<Schedule, Vec<Wrong>> {
        let calendar = self.check(now)?;
        Ok(Schedule {
            id: ScheduleId::fresh(now, chance),
            merchant: self.merchant,
            name: self.name.to_owned(),
            cron: calendar.cron().to_string(),
            zone: calendar.zone_name().to_owned(),
            catch_up,
            template,
            state: ScheduleState::Active,
            next_due_at: calendar.next(now),
            last_due_at: None,
            last_fired_at: None,
            fired_count: 0,
            skipped_count: 0,
            removed_at: None,
            version: 0,
            created_at: now,
        })
    }
}

impl Schedule {
    /// The next instants at which it will fire by itself, at most [`UPCOMING`].
    pub fn upcoming(&self, now: Timestamp) -> Vec<Timestamp> {
        match (self.next_due_at, self.calendar()) {
            (Some(next), Ok(calendar)) => calendar.upcoming(next.max(now).plus_ms(-1), UPCOMING),
            _ => Vec::new(),
        }
    }
}
