//! Statements of banks at the desk: it knows how a statement is taken in bit by bit and how people decide about
//! its lines, and must never know whose a line is.
//!
//! A statement comes in changes of a bounded size, its own row with the last of them. A crash in between leaves
//! lines without their statement; importing the file again finds these known and writes the rest. Every new line
//! comes with a job that looks for whose it is, so nothing waits for the end of the file.

use bursar_core::bank::{LineRow, LineState, Sheet, StatementRow, lookups, news};
use bursar_core::id::{LineId, StatementId};
use bursar_core::job::{JobKey, JobKind, NewJob};
use bursar_core::observation::{Observation, Subject};
use bursar_core::order::Dossier;

use super::{Desk, MAX_RACES, Run, Taken, too_many_races};
use crate::{Answer, Change, Result, Settlement, StoreError};

/// Lines per change: two identities are looked up for each, and a change is one statement of SQL per kind of row.
const LINES_PER_CHANGE: usize = 250;

/// What became of a statement.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Imported {
    /// Its row, with how many of its lines were news when it was taken in.
    pub statement: StatementRow,
    /// Whether the same file had been imported before: then nothing was written.
    pub already: bool,
}

/// What became of a person's decision about a line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Judged<E> {
    /// It is written; this is the line now.
    Written(Box<LineRow>),
    /// The idempotency key that came with it was taken before; nothing was written.
    Duplicate,
    /// There is no such line.
    NoSuchLine,
    /// It cannot be; nothing was written.
    Refused(E),
}

impl Desk {
    /// Takes a statement in: its new lines, a job for each, and the statement itself.
    ///
    /// # Errors
    /// When the database cannot be read or written. Importing the same file again carries on.
    pub async fn import(&self, sheet: &Sheet) -> Result<Imported> {
        let now = self.clock.now();
        let id = StatementId::fresh(now, self.chance.as_ref());
        let mut warnings = sheet.warnings.clone();
        let mut lines_new = 0;
        let chunks = sheet.lines.len().div_ceil(LINES_PER_CHANGE).max(1);
        let mut already = false;
        for chunk in 0..chunks {
            let first = chunk * LINES_PER_CHANGE;
            let lines = sheet.lines.iter().skip(first).take(LINES_PER_CHANGE).cloned().collect::<Vec<_>>();
            let known = match lookups(&lines) {
                none if none.is_empty() => Vec::new(),
                identities => self.gatherer.store().lines_known(sheet.account, &identities).await?,
            };
            let (fresh, said) = news(&lines, &known);
            warnings.extend(said);
            lines_new += fresh.len();
            let new_lines: Vec<_> = fresh.iter().filter_map(|i| sheet.line(id, first + i, now)).collect();
            let job = |l: &LineRow| NewJob::new(JobKey::line(JobKind::MatchStatementLine, l.id), l.merchant, now);
            let jobs = new_lines.iter().map(job).collect();
            let mut change = Change { new_lines, jobs, ..Change::default() };
            if chunk + 1 == chunks {
                change.statement = Some(sheet.row(id, lines_new, warnings.clone(), now));
            } else if change.new_lines.is_empty() {
                continue;
            }
            already = self.gatherer.commit(change).await? == Answer::Duplicate;
        }
        let written = self.gatherer.store().statement_of_file(sheet.account, &sheet.digest, sheet.ordinal).await?;
        let statement = written.ok_or_else(|| StoreError::missing("statement", id))?;
        Ok(Imported { statement, already })
    }

    /// Writes what a person decides about a line: `judge` makes the row of the row as it stands, and `complete` may
    /// add to the change (an idempotency key). A line that was given to somebody gets a job that tells the books.
    ///
    /// # Errors
    /// When the database cannot be read or written.
    pub async fn judge_line<E>(
        &self,
        id: LineId,
        judge: impl Fn(&LineRow) -> std::result::Result<LineRow, E> + Send + Sync,
        complete: impl Fn(&LineRow, &mut Change) + Send + Sync,
    ) -> Result<Judged<E>> {
        for _ in 0..MAX_RACES {
            let Some(row) = self.gatherer.store().line(id).await? else { return Ok(Judged::NoSuchLine) };
            let mut next = match judge(&row) {
                Ok(next) => next,
                Err(why) => return Ok(Judged::Refused(why)),
            };
            let mut change = Change { lines: vec![next.clone()], ..Change::default() };
            if next.state == LineState::Matched {
                let key = JobKey::line(JobKind::MatchStatementLine, id);
                change.jobs.push(NewJob::new(key, next.merchant, self.clock.now()));
            }
            next.version += 1;
            complete(&next, &mut change);
            match self.gatherer.commit(change).await? {
                Answer::Committed => return Ok(Judged::Written(Box::new(next))),
                Answer::Duplicate => return Ok(Judged::Duplicate),
                Answer::Stale | Answer::Fenced => {}
            }
        }
        Err(too_many_races(id))
    }

    /// Takes in what a line tells about `subject`, and writes the line with it: `complete` adds its row. The job
    /// ends in the same transaction.
    ///
    /// # Errors
    /// When the database cannot be read or written.
    pub async fn observe_line(
        &self,
        subject: Subject,
        observation: &Observation,
        run: &Run,
        complete: impl Fn(&Dossier, &mut Change) + Send + Sync,
    ) -> Result<Taken> {
        self.take(subject, observation, Some(run), None, |_| Settlement::Done, complete).await
    }
}
