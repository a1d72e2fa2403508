//! The desk: the one place where an observation is taken in. It knows the loop — load, decide, commit,
//! and once more when somebody was faster — and must never know where an observation came from.

pub mod billing;
pub mod books;
pub mod cash;
mod change;
mod grant;
mod recover;
pub mod schedules;
pub mod statements;

use std::collections::BTreeMap;
use std::sync::Arc;

use bursar_core::channel::ChannelFacts;
use bursar_core::decide::{self, Decision, Effect, Policy};
use bursar_core::id::{ChannelAccountId, LegId, PaymentId};
use bursar_core::job::{JobKey, NewJob};
use bursar_core::merchant::MerchantPolicy;
use bursar_core::observation::{Observation, Subject};
use bursar_core::order::{Dossier, Order};
use bursar_core::payment::Payment;
use bursar_core::plan::Plans;
use bursar_core::{Chance, Clock, Timestamp};

use crate::directory::{Directory, Entries};
use crate::{Answer, Change, Gatherer, Result, Settle, Settlement, StoreError};

/// How often a lost race is decided again before it is called an error. Each loss means that somebody
/// else won, so this bounds how many writers may want one order at once.
const MAX_RACES: u32 = 256;

/// Everything that taking in an observation needs.
#[derive(Clone, Debug)]
pub struct Desk {
    /// Gathers reads and writes.
    pub gatherer: Gatherer,
    /// Merchants, accounts and endpoints.
    pub directory: Directory,
    /// Retry plans.
    pub plans: Arc<Plans>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Chance.
    pub chance: Arc<dyn Chance>,
}

/// What became of an observation.
#[derive(Clone, Debug)]
pub enum Taken {
    /// It is on the books (or told nothing new); this is how the order stands now.
    Written(Box<Dossier>),
    /// The lease of the job that brought it is gone; nothing was written.
    Fenced,
    /// The idempotency key or the row that came with it was taken before, or has moved on: nothing was written;
    /// read that.
    Duplicate,
    /// There is no such payment, refund, leg or order.
    NoSuchSubject,
}

/// What became of a wish about an order.
#[derive(Clone, Debug)]
pub enum Granted<E> {
    /// It is on the books; this is how the order stands now.
    Written(Box<Dossier>),
    /// The idempotency key that came with it was taken before; nothing was written.
    Duplicate,
    /// There is no such order.
    NoSuchOrder,
    /// The rules refuse it; nothing was written.
    Refused(E),
}

/// The job run that brings an observation: settled in the same transaction.
#[derive(Clone, Debug)]
pub struct Run {
    /// The job's key, owner and fence.
    pub settle: Settle,
}

/// What decisions about one order depend on besides its rows.
#[derive(Clone, Debug)]
pub struct Terms {
    facts: BTreeMap<ChannelAccountId, ChannelFacts>,
    merchant: MerchantPolicy,
}

impl Terms {
    /// As the core wants it.
    pub const fn policy<'a>(&'a self, plans: &'a Plans) -> Policy<'a> {
        Policy { plans, facts: &self.facts, merchant: &self.merchant }
    }
}

impl Desk {
    /// The limits and policies that decisions about `dossier` depend on.
    ///
    /// # Errors
    /// When its merchant or one of its accounts cannot be found: another policy than theirs must not decide.
    pub fn terms(entries: &Entries, dossier: &Dossier) -> Result<Terms> {
        let mut facts = BTreeMap::new();
        for payment in &dossier.payments {
            let account = entries.accounts.get(&payment.account);
            let account = account.ok_or_else(|| StoreError::missing("channel account", payment.account))?;
            facts.insert(account.id, account.facts());
        }
        let merchant = dossier.order.merchant;
        let merchant = entries.merchants.get(&merchant).ok_or_else(|| StoreError::missing("merchant", merchant))?;
        Ok(Terms { facts, merchant: merchant.policy.clone() })
    }

    /// Takes a new order on the books. `complete` may add to the change (an idempotency key).
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn open(
        &self,
        order: Order,
        payments: Vec<Payment>,
        complete: impl FnOnce(&Dossier, &mut Change),
    ) -> Result<(Answer, Dossier)> {
        let (mut change, mut dossier) = opening(order, payments, self.clock.now());
        complete(&dossier, &mut change);
        let answer = self.gatherer.commit(change).await?;
        dossier.order.version = 1;
        dossier.payments.iter_mut().for_each(|p| p.version = 1);
        Ok((answer, dossier))
    }

    /// Takes `observation` about a payment, refund or leg in. With a `run`, the job is settled in the same
    /// transaction: as `settle` says when given the dossier afterwards, or — when the decision schedules
    /// the very job that runs — again at that time.
    ///
    /// # Errors
    /// When the database cannot be read or written.
    pub async fn observe(
        &self,
        subject: impl Into<Subject>,
        observation: &Observation,
        run: Option<&Run>,
        known: Option<&Dossier>,
        settle: impl Fn(&Dossier) -> Settlement + Send + Sync,
    ) -> Result<Taken> {
        self.take(subject.into(), observation, run, known, settle, |_, _| {}).await
    }

    /// Takes `observation` in for a caller who answers a request: `complete` adds the idempotency key with
    /// the answer to the same change, even when the observation tells nothing new.
    ///
    /// # Errors
    /// When the database cannot be read or written.
    pub async fn observe_with(
        &self,
        subject: impl Into<Subject>,
        observation: &Observation,
        complete: impl Fn(&Dossier, &mut Change) + Send + Sync,
    ) -> Result<Taken> {
        self.take(subject.into(), observation, None, None, |_| Settlement::Hold, complete).await
    }

    async fn take(
        &self,
        subject: Subject,
        observation: &Observation,
        run: Option<&Run>,
        known: Option<&Dossier>,
        settle: impl Fn(&Dossier) -> Settlement + Send + Sync,
        complete: impl Fn(&Dossier, &mut Change) + Send + Sync,
    ) -> Result<Taken> {
        let mut known = known.cloned();
        let mut refused: Option<Dossier> = None;
        for _ in 0..MAX_RACES {
            let dossier = match known.take() {
                Some(dossier) => dossier,
                None => match self.dossier_of(subject).await? {
                    Some(dossier) => dossier,
                    None => return Ok(Taken::NoSuchSubject),
                },
            };
            let unmoved = refused.as_ref() == Some(&dossier);
            let entries = self.entries_for(&dossier).await?;
            let terms = Self::terms(&entries, &dossier)?;
            let now = self.clock.now();
            let decision = decide::decide(&dossier, subject, observation, &terms.policy(&self.plans), now);
            let settle = run.map(|r| settlement(r, &decision, &settle));
            let (mut change, next) = self.change(&dossier, &decision, &entries);
            change.settle = settle;
            self.drop_own_job(&mut change);
            complete(&next, &mut change);
            // Somebody is told that they are written.
            change.may_be_lost &= !change.carries_more();
            let hold = change.settle.as_ref().is_none_or(|s| s.how == Settlement::Hold);
            if !decision.news() && hold && !change.carries_more() {
                return Ok(Taken::Written(Box::new(dossier)));
            }
            // Refused, and the order is as it was: it is what `complete` added that has moved on.
            if unmoved && change.carries_rows() {
                return Ok(Taken::Duplicate);
            }
            match self.gatherer.commit(change).await? {
                Answer::Committed => return Ok(Taken::Written(Box::new(next))),
                Answer::Fenced => return Ok(Taken::Fenced),
                Answer::Duplicate => return Ok(Taken::Duplicate),
                Answer::Stale => refused = Some(dossier),
            }
        }
        Err(too_many_races(subject))
    }

    /// The directory, with the merchant and the accounts of `dossier` in it: they may have been added a
    /// moment ago, and without its merchant's policies nothing must be decided.
    async fn entries_for(&self, dossier: &Dossier) -> Result<Arc<Entries>> {
        let known = |entries: &Entries| {
            entries.merchants.contains_key(&dossier.order.merchant)
                && dossier.payments.iter().all(|p| entries.accounts.contains_key(&p.account))
        };
        self.directory.entries_with(known).await
    }

    /// The order of a payment, refund or leg with all its parts.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn dossier_of(&self, subject: Subject) -> Result<Option<Dossier>> {
        match subject {
            Subject::Payment(id) => self.gatherer.dossier_of(id).await,
            Subject::Leg(id) => self.gatherer.dossier_of_leg(id).await,
            Subject::Order(id) => self.gatherer.store().dossier(id).await,
            Subject::Refund(id) => match self.gatherer.store().order_of_refund(id).await? {
                Some(order) => self.gatherer.store().dossier(order).await,
                None => Ok(None),
            },
            // What is observed of one is no part of any order.
            Subject::Agreement(_) | Subject::Plan(_) => Ok(None),
        }
    }
}

/// The rows of a new order, and the order as it begins.
fn opening(order: Order, payments: Vec<Payment>, now: Timestamp) -> (Change, Dossier) {
    let decision = decide::open(order, payments, now);
    let change = Change {
        new_orders: vec![decision.next.order.clone()],
        new_payments: decision.next.payments.clone(),
        postings: decision.postings.iter().map(|p| (*p, now)).collect(),
        jobs: scheduled(&decision.effects).collect(),
        ..Change::default()
    };
    (change, decision.next)
}

fn too_many_races(subject: impl std::fmt::Display) -> StoreError {
    StoreError::Unavailable(format!("{subject} changed {MAX_RACES} times while one wish about it was decided"))
}

fn scheduled(effects: &[Effect]) -> impl Iterator<Item = NewJob> + '_ {
    effects.iter().filter_map(|effect| match effect {
        Effect::Schedule(job) => Some(*job),
        _ => None,
    })
}

/// How the running job goes on: when the decision schedules the very job that runs, it runs again then. So it
/// does when somebody else's decision has: that found the job live and left it to this run, which must not end
/// it.
fn settlement(run: &Run, decision: &Decision, settle: &(impl Fn(&Dossier) -> Settlement + Send + Sync)) -> Settle {
    let own = scheduled(&decision.effects).find(|job| job.key == run.settle.key);
    let asked = settle(&decision.next);
    let how = match (own, asked) {
        (_, Settlement::Hold) => Settlement::Hold,
        (Some(job), _) => Settlement::Again { due_at: job.due_at, step: job.step, why: "as decided".to_owned() },
        (None, Settlement::Done) => match owed(run.settle.key, &decision.next) {
            Some(due_at) => Settlement::Again { due_at, step: 0, why: "still owed".to_owned() },
            None => Settlement::Done,
        },
        (None, asked) => asked,
    };
    Settle { how, ..run.settle.clone() }
}

/// When the job `key` is due for `dossier`; `None` when it does not owe it.
fn owed(key: JobKey, dossier: &Dossier) -> Option<Timestamp> {
    let payment = dossier.payment(PaymentId(key.subject));
    let of_payment = payment.and_then(|p| Some((decide::owed_job(p, p.due_at?)?, p.due_at?)));
    let leg = dossier.leg(LegId(key.subject)).map(|(_, leg)| leg);
    let of_leg = leg.and_then(|l| Some((decide::owed_refund_job(l, dossier.order.merchant, l.due_at?)?, l.due_at?)));
    let order = Some(&dossier.order).filter(|o| o.id.uuid() == key.subject);
    let of_order = order.and_then(|o| Some((decide::owed_order_job(o, o.due_at?)?, o.due_at?)));
    of_payment.or(of_leg).or(of_order).filter(|(job, _)| job.key == key).map(|(_, due_at)| due_at)
}
