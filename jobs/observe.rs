//! How a run ends and how it writes what it saw. It knows leases by name only, and must never know a
//! channel.

use bursar_core::Timestamp;
use bursar_core::id::{LegId, PaymentId};
use bursar_core::job::JobKind;
use bursar_core::observation::{Claim, Observation, Source, Subject};
use bursar_core::order::Dossier;
use bursar_store::desk::{Run, Taken};
use bursar_store::{Claimed, Settle, Settlement, StoreError};
use uuid::Uuid;

use crate::JobContext;

/// A claimed job that runs now.
#[derive(Clone, Debug)]
pub struct Running {
    /// The job.
    pub claimed: Claimed,
    /// The process that claimed it.
    pub owner: Uuid,
}

impl Running {
    /// A settlement of this run.
    pub fn settle(&self, how: Settlement) -> Settle {
        Settle { key: self.claimed.key, owner: self.owner, fence: self.claimed.fence, how }
    }

    /// The payment that the job is about.
    pub(crate) fn payment(&self) -> PaymentId {
        PaymentId(self.claimed.key.subject)
    }

    /// The leg of a refund that the job is about.
    pub(crate) fn leg(&self) -> LegId {
        LegId(self.claimed.key.subject)
    }

    /// What the job's observations are about.
    fn subject(&self) -> Subject {
        match self.claimed.key.kind {
            JobKind::SendRefund | JobKind::PollRefund => Subject::Leg(self.leg()),
            _ => Subject::Payment(self.payment()),
        }
    }
}

/// How a job goes on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// The run has settled the job itself, together with what it wrote.
    Settled,
    /// The lease was lost: nothing of the last step was written, and somebody else carries on.
    Fenced,
    /// Finished without anything to write.
    Done,
    /// Run again.
    Again {
        /// When.
        due_at: Timestamp,
        /// The step of its plan.
        step: i32,
        /// Why, for people.
        why: String,
    },
    /// Wait for a person.
    Park {
        /// The question.
        question: String,
    },
}

/// Why a run ended badly.
#[derive(Debug, thiserror::Error)]
pub enum JobError {
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Something is set up wrongly; it says what.
    #[error("configuration: {0}")]
    Configuration(String),
}

impl JobContext {
    /// `claim`, seen now: after what the run had read, whatever the clocks of two machines show.
    fn seen(&self, job: &Running, source: Source, claim: Claim, known: &Dossier) -> Observation {
        let earliest = match job.subject() {
            Subject::Leg(id) => known.leg(id).and_then(|(_, leg)| leg.evidence.earliest_sight(&claim)),
            _ => known.payment(job.payment()).and_then(|p| p.evidence.earliest_sight(&claim)),
        };
        let now = self.now();
        Observation::new(source, earliest.map_or(now, |at| at.max(now)), claim)
    }

    /// Writes `claim` about the job's subject and goes on running. `None`: the lease is gone.
    pub(crate) async fn note(
        &self,
        job: &Running,
        source: Source,
        claim: Claim,
        known: &Dossier,
    ) -> Result<Option<Dossier>, JobError> {
        let observation = self.seen(job, source, claim, known);
        let run = Run { settle: job.settle(Settlement::Hold) };
        let taken =
            self.desk.observe(job.subject(), &observation, Some(&run), Some(known), |_| Settlement::Hold).await?;
        Ok(match taken {
            Taken::Written(dossier) => Some(*dossier),
            Taken::Fenced | Taken::Duplicate | Taken::NoSuchSubject => None,
        })
    }

    /// Writes `claim` about the job's subject and settles the job in the same transaction.
    pub(crate) async fn conclude(
        &self,
        job: &Running,
        source: Source,
        claim: Claim,
        known: &Dossier,
        settle: impl Fn(&Dossier) -> Settlement + Send + Sync,
    ) -> Result<Outcome, JobError> {
        let observation = self.seen(job, source, claim, known);
        let run = Run { settle: job.settle(Settlement::Done) };
        let taken = self.desk.observe(job.subject(), &observation, Some(&run), Some(known), settle).await?;
        Ok(match taken {
            Taken::Written(_) => Outcome::Settled,
            Taken::Fenced | Taken::Duplicate => Outcome::Fenced,
            Taken::NoSuchSubject => Outcome::Done,
        })
    }
}

/// Settles the job as done, whatever the dossier says.
pub(crate) fn done(_: &Dossier) -> Settlement {
    Settlement::Done
}
