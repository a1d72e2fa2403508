//! The desk: the one place where an observation is taken in. It knows the loop — load, decide, commit,
//! and once more when somebody was faster — and must never know where an observation came from.

use std::sync::Arc;

use bursar_core::decide::{self, Decision, Effect, Policy};
use bursar_core::event;
use bursar_core::id::{DeliveryId, PaymentId};
use bursar_core::job::{JobKey, JobKind, NewJob};
use bursar_core::merchant::Merchant;
use bursar_core::observation::Observation;
use bursar_core::order::{Dossier, Order};
use bursar_core::payment::Payment;
use bursar_core::plan::Plans;
use bursar_core::{Chance, Clock};

use crate::directory::{Directory, Entries};
use crate::{Answer, Change, Gatherer, NewDelivery, Result, Settle, Settlement, StoreError};

/// How often a lost race is decided again before it is called an error. Two writers of one payment are
/// rare and each loss means that the other one won, so this bound is never met in practice.
const MAX_RACES: u32 = 32;

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
    /// There is no such payment.
    NoSuchPayment,
}

/// The job run that brings an observation: settled in the same transaction.
#[derive(Clone, Debug)]
pub struct Run {
    /// The job's key, owner and fence.
    pub settle: Settle,
}

impl Desk {
    /// The facts and policies that decisions about `payment` depend on.
    ///
    /// # Errors
    /// When its account cannot be found or read.
    pub fn policy<'a>(&'a self, entries: &Entries, payment: &Payment) -> Result<Policy<'a>> {
        let account = entries
            .accounts
            .get(&payment.account)
            .ok_or_else(|| StoreError::missing("channel account", payment.account))?;
        let late_money =
            entries.merchants.get(&payment.merchant).map(|m: &Arc<Merchant>| m.late_money).unwrap_or_default();
        Ok(Policy { plans: &self.plans, facts: account.facts(), late_money })
    }

    /// Takes a new order on the books. `complete` may add to the change (an idempotency key).
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn open(
        &self,
        order: Order,
        payment: Payment,
        complete: impl FnOnce(&Dossier, &mut Change),
    ) -> Result<(Answer, Dossier)> {
        let now = self.clock.now();
        let decision = decide::open(order, payment, now);
        let mut change = Change {
            new_orders: vec![decision.next.order.clone()],
            new_payments: decision.next.payments.clone(),
            ..Change::default()
        };
        change.postings = decision.postings.iter().map(|p| (*p, now)).collect();
        change.jobs = scheduled(&decision.effects).collect();
        complete(&decision.next, &mut change);
        let answer = self.gatherer.commit(change).await?;
        let mut dossier = decision.next;
        dossier.order.version = 1;
        dossier.payments.iter_mut().for_each(|p| p.version = 1);
        Ok((answer, dossier))
    }

    /// Takes `observation` about `payment` in. With a `run`, the job is settled in the same transaction:
    /// as `settle` says when given the dossier afterwards, or — when the decision schedules the very job
    /// that runs — again at that time.
    ///
    /// # Errors
    /// When the database cannot be read or written.
    pub async fn observe(
        &self,
        payment: PaymentId,
        observation: &Observation,
        run: Option<&Run>,
        known: Option<&Dossier>,
        settle: impl Fn(&Dossier) -> Settlement + Send + Sync,
    ) -> Result<Taken> {
        let entries = self.directory.entries().await?;
        let mut known = known.cloned();
        for _ in 0..MAX_RACES {
            let dossier = match known.take() {
                Some(dossier) => dossier,
                None => match self.gatherer.dossier_of(payment).await? {
                    Some(dossier) => dossier,
                    None => return Ok(Taken::NoSuchPayment),
                },
            };
            let Some(subject) = dossier.payment(payment) else { return Ok(Taken::NoSuchPayment) };
            let policy = self.policy(&entries, subject)?;
            let decision = decide::decide(&dossier, payment, observation, &policy, self.clock.now());
            let settlement = run.map(|r| settlement(r, &decision, &settle));
            if !decision.news && settlement.as_ref().is_none_or(|s| s.how == Settlement::Hold) {
                return Ok(Taken::Written(Box::new(dossier)));
            }
            let next = advanced(&dossier, &decision);
            let change = self.change(&dossier, &decision, payment, observation, settlement, &entries);
            match self.gatherer.commit(change).await? {
                Answer::Committed => return Ok(Taken::Written(Box::new(next))),
                Answer::Fenced => return Ok(Taken::Fenced),
                Answer::Stale | Answer::Duplicate => {}
            }
        }
        Err(StoreError::Unavailable(format!("{payment} changed {MAX_RACES} times while one observation was decided")))
    }

    /// The rows that `decision` means.
    fn change(
        &self,
        before: &Dossier,
        decision: &Decision,
        payment: PaymentId,
        observation: &Observation,
        settle: Option<Settle>,
        entries: &Entries,
    ) -> Change {
        let now = self.clock.now();
        let mut change = Change { settle, ..Change::default() };
        if !decision.news {
            return change;
        }
        change.may_be_lost = may_be_lost(before, decision);
        if decision.next.order != before.order {
            change.orders.push(decision.next.order.clone());
        }
        change.payments = decision.next.payments.iter().filter(|p| before.payment(p.id) != Some(*p)).cloned().collect();
        change.observations.push((payment, observation.clone()));
        change.postings = decision.postings.iter().map(|p| (*p, now)).collect();
        let own = change.settle.as_ref().map(|s| s.key);
        change.jobs = scheduled(&decision.effects).filter(|j| Some(j.key) != own).collect();
        for effect in &decision.effects {
            match effect {
                Effect::Schedule(_) => {}
                Effect::Cancel(key) if Some(*key) == own => {}
                Effect::Cancel(key) => change.cancel.push(*key),
                Effect::Ask(question) => change.questions.push(question.clone()),
                Effect::Tell(told) => self.tell(&mut change, *told, &decision.next, entries),
            }
        }
        change
    }

    fn tell(&self, change: &mut Change, told: event::Event, dossier: &Dossier, entries: &Entries) {
        let now = self.clock.now();
        let body = event::body(told, dossier).to_string();
        let none = Vec::new();
        let endpoints = entries.endpoints.get(&dossier.order.merchant).unwrap_or(&none);
        let delivery = |endpoint| NewDelivery {
            id: DeliveryId::fresh(now, self.chance.as_ref()),
            order: dossier.order.id,
            sequence: told.sequence,
            kind: told.kind,
            endpoint,
            body: body.clone(),
            created_at: now,
        };
        if endpoints.is_empty() {
            change.new_deliveries.push(delivery(None));
            return;
        }
        for endpoint in endpoints {
            let delivery = delivery(Some(endpoint.id));
            let due_at = now.plus_ms(self.plans.webhook.delay_or_last_ms(0));
            change.jobs.push(NewJob::new(
                JobKey::new(JobKind::DeliverWebhook, delivery.id.uuid()),
                dossier.order.merchant,
                due_at,
            ));
            change.new_deliveries.push(delivery);
        }
    }
}

fn scheduled(effects: &[Effect]) -> impl Iterator<Item = NewJob> + '_ {
    effects.iter().filter_map(|effect| match effect {
        Effect::Schedule(job) => Some(*job),
        _ => None,
    })
}

/// How the running job goes on: when the decision schedules the very job that runs, it runs again then.
fn settlement(run: &Run, decision: &Decision, settle: &(impl Fn(&Dossier) -> Settlement + Send + Sync)) -> Settle {
    let own = scheduled(&decision.effects).find(|job| job.key == run.settle.key);
    let asked = settle(&decision.next);
    let how = match (own, asked) {
        (_, Settlement::Hold) => Settlement::Hold,
        (Some(job), _) => Settlement::Again { due_at: job.due_at, step: job.step, why: "as decided".to_owned() },
        (None, asked) => asked,
    };
    Settle { how, ..run.settle.clone() }
}

/// The dossier as the store has it after the commit: the touched rows' versions counted up.
fn advanced(before: &Dossier, decision: &Decision) -> Dossier {
    let mut next = decision.next.clone();
    if next.order != before.order {
        next.order.version += 1;
    }
    for payment in &mut next.payments {
        if before.payment(payment.id) != Some(payment) {
            payment.version += 1;
        }
    }
    next
}

/// A crash of the database may lose a transition that is redone harmlessly: asking again tells the same.
/// What a channel will not tell again by itself, and what merchants are promised, must be safe.
fn may_be_lost(before: &Dossier, decision: &Decision) -> bool {
    before.order.state == decision.next.order.state
        && !decision.effects.iter().any(|e| matches!(e, Effect::Tell(_) | Effect::Ask(_)))
}
