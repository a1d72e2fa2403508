//! Gives receivers their shares of a payment, follows them until each has his or never will, frees the rest, and
//! pulls back what refunds need. Subject: the payment that paid an order with shares. "About to send" is committed
//! before each call, and every call has its one number: must never invent another one, and never believe that a
//! call without an answer had no effect.

use bursar_channels::{Outcome as Answer, Refusal, RefusalClass, ReturnStanding, ShareStanding};
use bursar_core::job::{JobKey, JobKind, NewJob};
use bursar_core::refund::{LegState, Route};
use bursar_core::sharing::{CallClaim, NextStep, Sharing, SharingClaim};
use bursar_store::{Answer as Written, Change, Settlement};

use crate::JobContext;
use crate::context::{LegSubject, Subject};
use crate::observe::{JobError, Outcome, Running};

/// How long a refund waits before it looks again whether its shares are back, in milliseconds. The job that pulls
/// them back wakes it earlier.
const REFUND_WAITS_MS: i64 = 5_000;

/// Runs it: one step.
///
/// # Errors
/// When our own side failed.
pub async fn run(context: &JobContext, job: &Running) -> Result<Outcome, JobError> {
    let Some(subject) = context.subject(job.payment()).await? else { return Ok(Outcome::Done) };
    if subject.order().shares.is_empty() {
        return Ok(Outcome::Done);
    }
    let Some(sharing) = context.desk.gatherer.store().sharing(subject.order().id).await? else {
        return plan(context, job, &subject).await;
    };
    if sharing.payment != job.payment() {
        return Ok(Outcome::Done);
    }
    let step = Step { context, job, subject: &subject, sharing };
    match step.sharing.next_step() {
        NextStep::Share => step.share().await,
        NextStep::AskShare => step.ask_share().await,
        NextStep::Unfreeze => step.unfreeze().await,
        NextStep::Return(n) => step.send_back(n).await,
        NextStep::AskReturn(n) => step.ask_return(n).await,
        NextStep::Rest => step.rest().await,
    }
}

/// Writes down who gets how much. The order is written with it: a refund that came meanwhile leaves less to share, so
/// this is decided anew.
async fn plan(context: &JobContext, job: &Running, subject: &Subject) -> Result<Outcome, JobError> {
    let Some(sharing) = Sharing::of(&subject.dossier, context.now()) else { return Ok(Outcome::Done) };
    let ours = sharing.payment == job.payment();
    let key = JobKey::payment(JobKind::SharePayment, sharing.payment);
    let jobs = if ours { Vec::new() } else { vec![NewJob::new(key, sharing.merchant, context.now())] };
    let how = if ours { at_once("planned", context) } else { Settlement::Done };
    let change = Change {
        orders: vec![subject.order().clone()],
        postings: sharing.postings(None).into_iter().map(|p| (p, context.now())).collect(),
        sharings: vec![sharing],
        jobs,
        settle: Some(job.settle(how)),
        ..Change::default()
    };
    written(context, job, change).await
}

fn at_once(why: &str, context: &JobContext) -> Settlement {
    Settlement::Again { due_at: context.now(), step: 0, why: why.to_owned() }
}

async fn written(context: &JobContext, job: &Running, change: Change) -> Result<Outcome, JobError> {
    Ok(match context.desk.gatherer.commit(change).await? {
        Written::Committed => Outcome::Settled,
        Written::Fenced => Outcome::Fenced,
        Written::Stale | Written::Duplicate => {
            let why = "changed while it was looked at".to_owned();
            Outcome::Again { due_at: context.now(), step: job.claimed.step, why }
        }
    })
}

/// What a call told: claims to be written, and when and why to look again.
struct Told {
    claims: Vec<SharingClaim>,
    why: String,
    retry_after_ms: Option<i64>,
}

impl Told {
    fn new(claims: Vec<SharingClaim>, why: impl Into<String>) -> Self {
        Self { claims, why: why.into(), retry_after_ms: None }
    }
}

/// What the answer to a call means that was not a yes. `about` says of which call it is told.
fn unclear<T>(answer: Answer<T>, about: impl Fn(CallClaim) -> SharingClaim) -> Told {
    let claim = |claim| vec![about(claim)];
    match answer {
        Answer::Done(_) => Told::new(claim(CallClaim::NoAnswer), "the channel answered as if to a question"),
        Answer::Refused(refusal) if can_be_mended(&refusal) => {
            Told::new(claim(CallClaim::NotSent), refusal.to_string())
        }
        Answer::Refused(refusal) if refusal.class.rules_out_money() => {
            let words = refusal.to_string();
            Told::new(claim(CallClaim::Refused(words.clone())), words)
        }
        Answer::Refused(refusal) => Told::new(claim(CallClaim::NoAnswer), refusal.to_string()),
        Answer::Unknown(why) => {
            let said = if why.not_sent { CallClaim::NotSent } else { CallClaim::NoAnswer };
            Told { claims: claim(said), why: why.to_string(), retry_after_ms: why.retry_after_ms }
        }
    }
}

/// Whether the same call may be taken later.
const fn can_be_mended(refusal: &Refusal) -> bool {
    matches!(refusal.class, RefusalClass::TooSoon | RefusalClass::Configuration)
}

/// A question without an answer tells nothing.
fn unanswered<T>(answer: Answer<T>) -> Told {
    match answer {
        Answer::Done(_) => Told::new(Vec::new(), "no usable answer"),
        Answer::Refused(refusal) => Told::new(Vec::new(), format!("query refused: {refusal}")),
        Answer::Unknown(why) => {
            Told { claims: Vec::new(), why: format!("query: {why}"), retry_after_ms: why.retry_after_ms }
        }
    }
}

fn shared(share_id: String, ended: Vec<(u8, bursar_core::sharing::Ended)>) -> Told {
    let lines = ended.into_iter().map(|(n, ended)| SharingClaim::Line(n, ended));
    let claims = std::iter::once(SharingClaim::Share(CallClaim::Accepted(share_id))).chain(lines);
    Told::new(claims.collect(), "the channel works on the shares")
}

fn returned(n: u8, return_id: String, ended: Option<bursar_core::sharing::Ended>) -> Told {
    let result = ended.map(|ended| SharingClaim::Returned(n, ended));
    let claims = std::iter::once(SharingClaim::Return(n, CallClaim::Accepted(return_id))).chain(result);
    Told::new(claims.collect(), "the channel works on a return")
}

/// One step of one sharing.
struct Step<'a> {
    context: &'a JobContext,
    job: &'a Running,
    subject: &'a Subject,
    sharing: Sharing,
}

impl Step<'_> {
    /// The change that `claims` make, and the sharing afterwards.
    fn change(&self, claims: &[SharingClaim]) -> (Change, Sharing) {
        let (now, mut next) = (self.context.now(), self.sharing.clone());
        claims.iter().for_each(|claim| next.observe(now, claim));
        if next == self.sharing {
            return (Change::default(), next);
        }
        let postings = next.postings(Some(&self.sharing)).into_iter().map(|p| (p, now)).collect();
        (Change { postings, sharings: vec![next.clone()], ..Change::default() }, next)
    }

    /// Writes that a call is about to be made; `None`: somebody else carries on.
    async fn begin(mut self, claim: SharingClaim) -> Result<Result<Self, Outcome>, JobError> {
        let (mut change, mut next) = self.change(&[claim]);
        if change.sharings.is_empty() {
            return Ok(Ok(self));
        }
        change.settle = Some(self.job.settle(Settlement::Hold));
        match written(self.context, self.job, change).await? {
            Outcome::Settled => {
                next.version = next.version.saturating_add(1);
                self.sharing = next;
                Ok(Ok(self))
            }
            other => Ok(Err(other)),
        }
    }

    /// Writes what was told, and looks again: at once when there is another thing to do, or by the plan.
    async fn conclude(&self, told: Told) -> Result<Outcome, JobError> {
        let (mut change, next) = self.change(&told.claims);
        let moved = next.next_step() != self.sharing.next_step();
        let step = self.job.claimed.step;
        let plan = &self.context.desk.plans.unknown;
        // A call that had no effect, or may have had one, is not made again without a pause.
        let vain = told.claims.iter().any(SharingClaim::is_vain) || told.retry_after_ms.is_some();
        let how = if vain || !moved || matches!(next.next_step(), NextStep::AskShare | NextStep::AskReturn(_)) {
            let delay = plan.delay_or_last_ms(step).max(told.retry_after_ms.unwrap_or(0));
            let due_at = self.context.now().plus_ms(delay);
            Settlement::Again { due_at, step: step.saturating_add(1), why: told.why }
        } else {
            at_once(&told.why, self.context)
        };
        change.settle = Some(self.job.settle(how));
        written(self.context, self.job, change).await
    }

    async fn share(self) -> Result<Outcome, JobError> {
        let step = match self.begin(SharingClaim::Share(CallClaim::Sending)).await? {
            Ok(step) => step,
            Err(outcome) => return Ok(outcome),
        };
        let told = match step.subject.channel.share(&step.subject.payment, &step.sharing).await {
            Answer::Done(ShareStanding::Taken { share_id, ended }) => shared(share_id, ended),
            other => unclear(other, SharingClaim::Share),
        };
        step.conclude(told).await
    }

    async fn ask_share(&self) -> Result<Outcome, JobError> {
        let told = match self.subject.channel.query_share(&self.subject.payment, &self.sharing).await {
            Answer::Done(ShareStanding::Taken { share_id, ended }) => shared(share_id, ended),
            // It never arrived: the same number again.
            Answer::Done(ShareStanding::Absent) => {
                Told::new(vec![SharingClaim::Share(CallClaim::NotSent)], "the channel does not know the shares")
            }
            other => unanswered(other),
        };
        self.conclude(told).await
    }

    async fn unfreeze(&self) -> Result<Outcome, JobError> {
        let told = match self.subject.channel.unfreeze(&self.subject.payment, &self.sharing).await {
            Answer::Done(id) => Told::new(vec![SharingClaim::Unfreeze(CallClaim::Accepted(id))], "the rest is freed"),
            other => unclear(other, SharingClaim::Unfreeze),
        };
        self.conclude(told).await
    }

    async fn send_back(self, n: u8) -> Result<Outcome, JobError> {
        let step = match self.begin(SharingClaim::Return(n, CallClaim::Sending)).await? {
            Ok(step) => step,
            Err(outcome) => return Ok(outcome),
        };
        let told = match step.subject.channel.return_share(&step.sharing, n).await {
            Answer::Done(ReturnStanding::Taken { return_id, ended }) => returned(n, return_id, ended),
            other => unclear(other, |claim| SharingClaim::Return(n, claim)),
        };
        step.conclude(told).await
    }

    async fn ask_return(&self, n: u8) -> Result<Outcome, JobError> {
        let told = match self.subject.channel.query_return(&self.sharing, n).await {
            Answer::Done(ReturnStanding::Taken { return_id, ended }) => returned(n, return_id, ended),
            Answer::Done(ReturnStanding::Absent) => {
                Told::new(vec![SharingClaim::Return(n, CallClaim::NotSent)], "the channel does not know the return")
            }
            other => unanswered(other),
        };
        self.conclude(told).await
    }

    /// Nothing is under way: refunds that waited may go on, and a person hears of what did not work.
    async fn rest(&self) -> Result<Outcome, JobError> {
        let waits = |state| matches!(state, LegState::Reserved | LegState::WaitingFunds);
        let sendable = self.subject.dossier.refunds.iter().filter(|r| r.state.may_send());
        let legs = sendable
            .flat_map(|r| &r.legs)
            .filter(|l| l.payment == self.sharing.payment && l.route == Route::Channel && waits(l.state));
        let wake = |id| NewJob::new(JobKey::leg(JobKind::SendRefund, id), self.sharing.merchant, self.context.now());
        let troubles = self.sharing.troubles();
        let how = if troubles.is_empty() {
            Settlement::Done
        } else {
            let number = &self.subject.order().number;
            let question = format!(
                "Shares of order {number}: {}. Settle it with them by hand, then cancel this job.",
                troubles.join("; ")
            );
            Settlement::Park { question }
        };
        let jobs = legs.map(|leg| wake(leg.id)).collect();
        let change = Change { jobs, settle: Some(self.job.settle(how)), ..Change::default() };
        written(self.context, self.job, change).await
    }
}

/// What a refund must wait for before it is sent: shares that are under way, and what is pulled back for it. Writes
/// down what has to be pulled back. `None`: nothing.
///
/// # Errors
/// When our own side failed.
pub(crate) async fn before_refund(
    context: &JobContext,
    job: &Running,
    subject: &LegSubject,
) -> Result<Option<Outcome>, JobError> {
    if subject.dossier.order.shares.is_empty() {
        return Ok(None);
    }
    let found = context.desk.gatherer.store().sharing(subject.dossier.order.id).await?;
    let Some(mut sharing) = found.filter(|s| s.payment == subject.payment.id) else { return Ok(None) };
    let (taken, back) = (subject.payment.taken_minor(), subject.dossier.returned_minor(subject.payment.id));
    let needed = sharing.returns_needed(taken, back);
    let key = JobKey::payment(JobKind::SharePayment, sharing.payment);
    let mut change = Change::default();
    let why = if !needed.is_empty() {
        sharing.returns.extend(needed);
        // One that waits for a person, or is about to end, must not hide what is new.
        change.cancel.push(key);
        change.sharings.push(sharing.clone());
        "what the refund needs is pulled back from the shares first"
    } else if !sharing.is_settled() {
        "the shares are under way; the refund follows them"
    } else if !sharing.has_returned() {
        "shares are being pulled back; the refund follows them"
    } else {
        return Ok(None);
    };
    change.jobs.push(NewJob::new(key, sharing.merchant, context.now()));
    // Somebody else may have planned it meanwhile: the next look tells.
    context.desk.gatherer.commit(change).await?;
    let due_at = context.now().plus_ms(REFUND_WAITS_MS);
    Ok(Some(Outcome::Again { due_at, step: job.claimed.step, why: why.to_owned() }))
}
