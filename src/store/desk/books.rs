//! Breaks at the desk: it knows how one is written, told and judged by people, and must never know how one is found.

use bursar_core::bank::Day;
use bursar_core::event::EventKind;
use bursar_core::id::BreakId;
use bursar_core::job::{JobKey, JobKind, NewJob};
use bursar_core::merchant::ChannelAccount;
use bursar_core::reconcile::{self, Break, BreakState, Proposal, Reconciliation, Resolution, RunState};

use super::{Desk, MAX_RACES, too_many_races};
use crate::directory::Entries;
use crate::{Answer, Change, Result};

/// What became of the wish to reconcile a day.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Begun {
    /// It runs, or will.
    Runs(Box<Reconciliation>),
    /// The idempotency key that came with it was taken before; nothing was written.
    Duplicate,
}

/// What became of a person's word about a break.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Ended {
    /// It is written; this is the break now.
    Written(Box<Break>),
    /// The idempotency key that came with it was taken before; nothing was written.
    Duplicate,
    /// There is no such break.
    NoSuchBreak,
    /// It cannot be; nothing was written.
    Refused(String),
}

impl Desk {
    /// Adds a new break to `change`; its merchant is told when a person is asked.
    pub fn add_break(&self, change: &mut Change, mut found: Break, entries: &Entries) {
        let now = self.clock.now();
        change.postings.extend(reconcile::postings_of(None, &found).into_iter().map(|p| (p, now)));
        if found.state == BreakState::Parked {
            self.tell_break(change, &mut found, EventKind::BreakParked, entries);
        }
        change.books.new_breaks.push(found);
    }

    /// Adds what became of a break to `change`; its merchant is told when a person is asked from now on, or something
    /// else, or no more.
    pub fn move_break(&self, change: &mut Change, before: &Break, mut after: Break, entries: &Entries) {
        let now = self.clock.now();
        change.postings.extend(reconcile::postings_of(Some(before), &after).into_iter().map(|p| (p, now)));
        let facts = |b: &Break| (b.kind, b.amount_minor, b.currency);
        let asked = before.state == BreakState::Parked;
        match (asked && facts(before) == facts(&after), after.state) {
            (false, BreakState::Parked) => self.tell_break(change, &mut after, EventKind::BreakParked, entries),
            (_, state) if asked && state.is_final() => {
                self.tell_break(change, &mut after, EventKind::BreakEnded, entries);
            }
            _ => {}
        }
        change.books.breaks.push(after);
    }

    fn tell_break(&self, change: &mut Change, found: &mut Break, kind: EventKind, entries: &Entries) {
        found.event_count += 1;
        let event = (kind, found.event_count);
        let body = reconcile::event_body(kind, found, self.clock.now()).to_string();
        self.add_deliveries(change, found.merchant, found.id.into(), event, &body, entries);
    }

    /// Begins the reconciliation of `account` for `day`, or begins one that is done once more. With `job`, a worker
    /// does it; otherwise the caller. `complete` adds to the change (an idempotency key). `None`: the day is not over
    /// for the channel.
    ///
    /// # Errors
    /// When the database cannot be read or written.
    pub async fn begin_reconciliation(
        &self,
        account: &ChannelAccount,
        day: Day,
        job: bool,
        complete: impl Fn(&Reconciliation, &mut Change) + Send + Sync,
    ) -> Result<Option<Begun>> {
        let now = self.clock.now();
        if account.channel.day_bounds(day).1 > now {
            return Ok(None);
        }
        let id = Reconciliation::id_of(account.id, day);
        for _ in 0..MAX_RACES {
            let mut change = Change::default();
            if job {
                change.jobs.push(NewJob::new(JobKey::new(JobKind::Reconcile, id.uuid()), account.merchant, now));
            }
            let run = match self.gatherer.store().reconciliation(id).await? {
                None => {
                    let run = Reconciliation::beginning(account, day, now);
                    change.books.new_runs.push(run.clone());
                    run
                }
                // It is under way. Whoever was about to end it looks once more at what has come meanwhile.
                Some(run) if run.state == RunState::Matching => {
                    change.books.runs.push(run.clone());
                    run
                }
                Some(run) => {
                    let run = run.again(now);
                    change.books.runs.push(run.clone());
                    run
                }
            };
            complete(&run, &mut change);
            match self.gatherer.commit(change).await? {
                Answer::Committed => return Ok(Some(Begun::Runs(Box::new(run)))),
                Answer::Duplicate => return Ok(Some(Begun::Duplicate)),
                Answer::Stale | Answer::Fenced => {}
            }
        }
        Err(too_many_races(id))
    }

    /// Writes a person's word about how a break ends. With `second`, `by` agrees to what another has proposed;
    /// otherwise he says `how` and `reason`, and where `needs_second` it waits for another. `complete` adds to the
    /// change (an idempotency key).
    ///
    /// # Errors
    /// When the database cannot be read or written.
    pub async fn end_break(
        &self,
        id: BreakId,
        word: &Word,
        complete: impl Fn(&Break, &mut Change) + Send + Sync,
    ) -> Result<Ended> {
        for _ in 0..MAX_RACES {
            let Some(found) = self.gatherer.store().breaks_of(&[id]).await?.pop() else {
                return Ok(Ended::NoSuchBreak);
            };
            let entries = self.directory.entries_with(|e| e.merchants.contains_key(&found.merchant)).await?;
            let limit = entries.merchants.get(&found.merchant).and_then(|m| m.policy.approval_above_minor);
            let next = match word.apply(&found, limit, self.clock.now()) {
                Ok(next) => next,
                Err(why) => return Ok(Ended::Refused(why)),
            };
            let mut change = Change::default();
            self.move_break(&mut change, &found, next.clone(), &entries);
            let next = Break { version: next.version + 1, ..next };
            complete(&next, &mut change);
            match self.gatherer.commit(change).await? {
                Answer::Committed => return Ok(Ended::Written(Box::new(next))),
                Answer::Duplicate => return Ok(Ended::Duplicate),
                Answer::Stale | Answer::Fenced => {}
            }
        }
        Err(too_many_races(id))
    }
}

/// What a person says about a break.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Word {
    /// How it shall end.
    End {
        /// How.
        how: Resolution,
        /// Who says so.
        by: String,
        /// Why.
        reason: String,
    },
    /// A second person agrees to what another has proposed.
    Agree {
        /// Who.
        by: String,
    },
    /// A second person does not agree.
    Refuse {
        /// Who.
        by: String,
    },
}

impl Word {
    fn apply(
        &self,
        found: &Break,
        limit_minor: Option<i64>,
        now: bursar_core::Timestamp,
    ) -> std::result::Result<Break, String> {
        if found.state.is_final() {
            return Err(format!("{} is {} already", found.id, found.state.name()));
        }
        match self {
            Self::End { how, by, reason } => {
                let reason = reason.trim();
                if by.trim().is_empty() || reason.is_empty() {
                    return Err("say who ends it and why: `by` and `reason` must not be empty".to_owned());
                }
                // Money that is given up, and differences above the merchant's limit, want a second person.
                let large = limit_minor.is_some_and(|limit| found.amount_minor.saturating_abs() > limit);
                if *how == Resolution::WriteOff || large {
                    let proposal = Proposal { how: *how, by: by.clone(), reason: reason.to_owned(), at: now };
                    return Ok(Break { proposal: Some(proposal), changed_at: now, ..found.clone() });
                }
                Ok(found.ended(state_after(*how), by, reason, now))
            }
            Self::Agree { by } => {
                let proposal = proposed(found, by)?;
                let who = format!("{} and {by}", proposal.by);
                Ok(found.ended(state_after(proposal.how), &who, &proposal.reason, now))
            }
            Self::Refuse { by } => {
                proposed(found, by)?;
                Ok(Break { proposal: None, changed_at: now, ..found.clone() })
            }
        }
    }
}

const fn state_after(how: Resolution) -> BreakState {
    match how {
        Resolution::Accept => BreakState::Resolved,
        Resolution::WriteOff => BreakState::WrittenOff,
    }
}

/// The proposal to which `by` may say something: he is a person, and not the one who made it.
fn proposed<'a>(found: &'a Break, by: &str) -> std::result::Result<&'a Proposal, String> {
    let proposal = found.proposal.as_ref().ok_or_else(|| format!("nobody has proposed how {} shall end", found.id))?;
    let same = |a: &str, b: &str| a.trim().to_lowercase() == b.trim().to_lowercase();
    if by.trim().is_empty() {
        return Err("say who agrees: `by` is empty".to_owned());
    }
    if same(by, &proposal.by) {
        return Err(format!("{} has proposed it and cannot agree to it: a second person must", proposal.by));
    }
    Ok(proposal)
}

#[cfg(test)]
mod tests {
    use super::*;
    use bursar_core::Timestamp;
    use bursar_core::bank::Day;
    use bursar_core::id::{ChannelAccountId, MerchantId};
    use bursar_core::money::Currency;
    use bursar_core::reconcile::{BreakKind, BreakSubject};
    use uuid::Uuid;

    fn found(minor: i64) -> Break {
        let about = Uuid::from_u128(9);
        Break {
            id: BreakKind::Amount.id_of(about),
            account: ChannelAccountId(Uuid::from_u128(1)),
            merchant: MerchantId(Uuid::from_u128(2)),
            kind: BreakKind::Amount,
            state: BreakState::Parked,
            day: Day::from_number(20_000),
            amount_minor: minor,
            currency: Currency::CNY,
            subject_kind: BreakSubject::Payment,
            subject: about,
            line: None,
            number: "n".into(),
            text: "?".into(),
            ended: None,
            proposal: None,
            opened_at: Timestamp::default(),
            changed_at: Timestamp::default(),
            event_count: 1,
            version: 1,
        }
    }

    fn end(how: Resolution, by: &str) -> Word {
        Word::End { how, by: by.into(), reason: "looked into it".into() }
    }

    #[test]
    fn one_person_accepts_a_small_difference_and_two_write_one_off() {
        let now = Timestamp::from_millis(5);
        let accepted = end(Resolution::Accept, "Li").apply(&found(100), Some(100), now).unwrap();
        assert_eq!(accepted.state, BreakState::Resolved);
        let large = end(Resolution::Accept, "Li").apply(&found(-101), Some(100), now).unwrap();
        assert_eq!((large.state, large.proposal.is_some()), (BreakState::Parked, true));
        let proposed = end(Resolution::WriteOff, "Li").apply(&found(1), None, now).unwrap();
        assert_eq!(proposed.state, BreakState::Parked);
        let agree = |by: &str| Word::Agree { by: by.into() };
        assert!(agree(" li ").apply(&proposed, None, now).unwrap_err().contains("second person"));
        assert!(agree("").apply(&proposed, None, now).is_err());
        let ended = agree("Wang").apply(&proposed, None, now).unwrap();
        assert_eq!(ended.state, BreakState::WrittenOff);
        assert_eq!(ended.ended, Some(("looked into it".into(), "Li and Wang".into())));
        assert!(agree("Wang").apply(&ended, None, now).unwrap_err().contains("already"));
        let refused = Word::Refuse { by: "Wang".into() }.apply(&proposed, None, now).unwrap();
        assert_eq!((refused.state, refused.proposal), (BreakState::Parked, None));
        assert!(agree("Wang").apply(&found(1), None, now).unwrap_err().contains("nobody has proposed"));
        let silent = Word::End { how: Resolution::Accept, by: "Li".into(), reason: " ".into() };
        assert!(silent.apply(&found(1), None, now).unwrap_err().contains("why"));
    }
}
