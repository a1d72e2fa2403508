//! Finds whose a line of a bank's statement is, and tells the books. Subject: a line. Must never guess: a line that
//! nothing names, or that two could mean, is left to a person; and must never let a line count twice.
//!
//! The line and what it tells about a payment or refund are written in one transaction, so a crash leaves both as
//! they were. A line that a person has given to somebody comes here again to be told.

mod candidates;

use bursar_core::Timestamp;
use bursar_core::bank::{LineRow, LineState, LineSubject, Match, Rung, Window, find};
use bursar_core::clock::SECOND_MS;
use bursar_core::id::{LegId, LineId, PaymentId};
use bursar_core::observation::{Claim, Observation, Piece, Source, Subject};
use bursar_core::order::Dossier;
use bursar_core::refund::{LegState, RefundClaim, Route};
use bursar_store::desk::{Run, Taken};
use bursar_store::{Answer, Change, Settlement};

use crate::JobContext;
use crate::observe::{JobError, Outcome, Running};

/// How long a line waits for the one that it takes back, whose own job is on its way.
const EARLIER_LINE_MS: i64 = 5 * SECOND_MS;
/// Most lines of one refund that are looked at: a second one is a question already.
const LINES_OF_LEG: u32 = 10;

/// Runs it.
///
/// # Errors
/// When our own side failed.
pub async fn run(context: &JobContext, job: &Running) -> Result<Outcome, JobError> {
    let id = LineId(job.claimed.key.subject);
    let Some(row) = context.desk.gatherer.store().line(id).await? else { return Ok(Outcome::Done) };
    let telling = Telling { context, job, now: context.now() };
    match (row.state, row.subject) {
        (LineState::New, _) => match telling.whose(&row).await? {
            Match::Payment { id, by } => telling.tell(&row.found_by(by), LineSubject::Payment(id)).await,
            Match::Leg { id, by } => telling.tell(&row.found_by(by), LineSubject::Leg(id)).await,
            Match::Reversal { of } => telling.tell(&row.found_by(Rung::Reversal), LineSubject::Line(of)).await,
            Match::Nobody { why } if why.needs_a_person() => {
                telling.write(vec![row.suspended(&why.to_string(), telling.now)]).await
            }
            Match::Nobody { why } => {
                telling.write(vec![row.ignored(&why.to_string(), bursar_core::refund::BY_RULE, telling.now)]).await
            }
        },
        (LineState::Matched, Some(subject)) => telling.tell(&row, subject).await,
        _ => Ok(Outcome::Done),
    }
}

/// One run.
struct Telling<'a> {
    context: &'a JobContext,
    job: &'a Running,
    now: Timestamp,
}

impl Telling<'_> {
    async fn whose(&self, row: &LineRow) -> Result<Match, JobError> {
        let loaded = candidates::load(self.context, row).await?;
        Ok(find(&row.line, &loaded.candidates(), Window::default()))
    }

    async fn tell(&self, row: &LineRow, subject: LineSubject) -> Result<Outcome, JobError> {
        match subject {
            LineSubject::Payment(id) => self.tell_payment(row, id).await,
            LineSubject::Leg(id) => self.tell_leg(row, id).await,
            LineSubject::Line(id) => self.take_back(row, id).await,
        }
    }

    fn seen(&self, claim: Claim) -> Observation {
        Observation::new(Source::Statement, self.now, claim)
    }

    fn run(&self) -> Run {
        Run { settle: self.job.settle(Settlement::Done) }
    }

    /// Writes rows and ends the job.
    async fn write(&self, lines: Vec<LineRow>) -> Result<Outcome, JobError> {
        let change = Change { lines, settle: Some(self.job.settle(Settlement::Done)), ..Change::default() };
        Ok(match self.context.desk.gatherer.commit(change).await? {
            Answer::Committed => Outcome::Settled,
            Answer::Fenced => Outcome::Fenced,
            Answer::Stale | Answer::Duplicate => self.again("the line changed meanwhile"),
        })
    }

    fn again(&self, why: &str) -> Outcome {
        Outcome::Again { due_at: self.now.plus_ms(EARLIER_LINE_MS), step: 0, why: why.to_owned() }
    }

    /// Tells `subject`, and writes what `rows` makes of the order afterwards.
    async fn observe(
        &self,
        row: &LineRow,
        subject: Subject,
        claim: Claim,
        rows: impl Fn(&Dossier) -> Vec<LineRow> + Send + Sync,
    ) -> Result<Outcome, JobError> {
        let complete = |after: &Dossier, change: &mut Change| change.lines = rows(after);
        let seen = self.seen(claim);
        Ok(match self.context.desk.observe_line(subject, &seen, &self.run(), complete).await? {
            Taken::Written(_) => Outcome::Settled,
            Taken::Fenced => Outcome::Fenced,
            Taken::Duplicate => self.again("the line changed meanwhile"),
            Taken::NoSuchSubject => {
                return self.write(vec![row.suspended(&format!("there is no {subject}"), self.now)]).await;
            }
        })
    }

    async fn tell_payment(&self, row: &LineRow, id: PaymentId) -> Result<Outcome, JobError> {
        let Some(dossier) = self.context.desk.gatherer.dossier_of(id).await? else {
            return self.write(vec![row.suspended(&format!("there is no {id}"), self.now)]).await;
        };
        let offered = dossier.payment(id).map_or(row.seen_at, |p| p.created_at);
        let piece = Piece {
            line: row.id.to_string(),
            amount_minor: row.line.amount.minor,
            currency: row.line.amount.currency.code().to_owned(),
            // Banks tell the day: its beginning may be before the offer.
            at: row.line.booked_on.begins_in_beijing().max(offered),
        };
        let settled = row.settled(LineSubject::Payment(id), self.now);
        self.observe(row, id.into(), Claim::Received(piece), |_| vec![settled.clone()]).await
    }

    async fn tell_leg(&self, row: &LineRow, id: LegId) -> Result<Outcome, JobError> {
        let others = self.context.desk.gatherer.store().lines_of(id.uuid(), LINES_OF_LEG).await?;
        let counts = |l: &&LineRow| l.id != row.id && matches!(l.state, LineState::Settled | LineState::Matched);
        if let Some(other) = others.iter().find(counts) {
            let why = format!("{id} was transferred before, by {}: it may have been paid twice", other.id);
            return self.write(vec![row.suspended(&why, self.now)]).await;
        }
        let settled = row.settled(LineSubject::Leg(id), self.now);
        let (now, reference) = (self.now, row.line.bank_reference.clone().unwrap_or_else(|| row.id.to_string()));
        let claim = RefundClaim::Transferred { by: "bank statement".to_owned(), reference };
        self.observe(row, id.into(), Claim::Refund(claim), |after| {
            let leg = after.leg(id).map(|(_, leg)| leg);
            match leg.map(|l| (l.route, l.state)) {
                Some((Route::Transfer, LegState::Succeeded)) => vec![settled.clone()],
                found => {
                    let stands = found.map_or("gone", |(_, state)| state.name());
                    vec![row.suspended(&format!("our transfer names {id}, which is {stands}"), now)]
                }
            }
        })
        .await
    }

    /// Takes back what an earlier line had told.
    async fn take_back(&self, row: &LineRow, of: LineId) -> Result<Outcome, JobError> {
        let Some(earlier) = self.context.desk.gatherer.store().line(of).await? else {
            return self.write(vec![row.suspended(&format!("there is no {of}"), self.now)]).await;
        };
        let both = vec![row.settled(LineSubject::Line(of), self.now), earlier.reversed(self.now)];
        let reason = format!("the bank took it back by {}", row.id);
        let opposite = earlier.line.direction == row.line.direction.opposite();
        match (earlier.state, earlier.subject) {
            _ if !opposite || earlier.account != row.account || earlier.line.amount != row.line.amount => {
                let why = format!("{of} is no line of the same amount and the other way on this account");
                self.write(vec![row.suspended(&why, self.now)]).await
            }
            (LineState::New | LineState::Matched, _) => {
                Ok(self.again("the line that it takes back is not settled yet"))
            }
            (LineState::Settled, Some(LineSubject::Payment(id))) => {
                let claim = Claim::TakenBack { line: of.to_string(), reason };
                self.observe(row, id.into(), claim, |_| both.clone()).await
            }
            (LineState::Settled, Some(LineSubject::Leg(id))) => {
                let claim = Claim::Refund(RefundClaim::Reversed { reason });
                self.observe(row, id.into(), claim, |_| both.clone()).await
            }
            // Nobody's books knew it.
            (LineState::Suspense | LineState::Ignored, _) => self.write(both).await,
            (LineState::Settled | LineState::Reversed, _) => {
                let why = format!("it takes {of} back, which is {} already", earlier.state.name());
                self.write(vec![row.suspended(&why, self.now)]).await
            }
        }
    }
}
