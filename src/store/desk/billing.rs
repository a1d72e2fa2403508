//! Agreements and plans at the desk: it knows the loop — load, decide, commit, and once more when somebody was
//! faster — and how what a plan does to an order is written together with the plan. It must never know when
//! something is charged ([`bursar_core::billing`] does).

use std::collections::BTreeMap;

use bursar_core::Timestamp;
use bursar_core::agreement::{self, Agreement};
use bursar_core::billing::claim::{PlanClaim, became};
use bursar_core::billing::event::{PlanEvent, agreement_body, agreement_kind, plan_body};
use bursar_core::billing::order::{charge_of, order_of};
use bursar_core::billing::step::{Act, Scene, Step, announced, step};
use bursar_core::billing::wishes::{FnRefund, Meeting, Wish, grant};
use bursar_core::billing::{Installment, PlanFile};
use bursar_core::clock::DAY_MS;
use bursar_core::decide::{self, Question, QuestionKind, RefundRequest};
use bursar_core::id::{AgreementId, MerchantId, OrderId, PaymentId, PlanId, RefundId};
use bursar_core::job::{JobKey, JobKind, NewJob};
use bursar_core::observation::{Claim, Observation, Source, Subject};
use bursar_core::order::Dossier;
use bursar_core::refund::Allocation;

use super::{Desk, MAX_RACES, Run, scheduled, too_many_races};
use crate::billing::{Extent, PlanFilter};
use crate::{Answer, Change, Result, Settle, Settlement, StoreError};

/// Tries count against a channel's budget for so long.
const BUDGET_MS: i64 = 30 * DAY_MS;
/// Most plans of one agreement that are woken when it changes.
const MAX_PLANS: u32 = 1_000;

/// What became of a look at a plan.
#[derive(Clone, Debug)]
pub enum Followed {
    /// What followed is written, and the job is settled.
    Written,
    /// Nothing is written yet: the channel shall tell the payer of this installment first.
    Announce(Box<PlanFile>, Box<Agreement>, u32),
    /// Another order of the merchant has the number that this installment's order should have.
    NumberTaken(String),
    /// The lease is gone; nothing was written.
    Fenced,
    /// There is no such plan.
    NoSuchPlan,
}

/// What became of a wish about a plan.
#[derive(Clone, Debug)]
pub enum PlanGranted {
    /// It is on the books; this is how the plan stands now.
    Written(Box<PlanFile>),
    /// The idempotency key that came with it was taken before; nothing was written.
    Duplicate,
    /// There is no such plan.
    NoSuchPlan,
    /// The rules refuse it, in words for the caller; nothing was written.
    Refused(String),
}

/// What became of an observation about an agreement.
#[derive(Clone, Debug)]
pub enum AgreementTaken {
    /// It is on the books (or told nothing new); this is how the agreement stands now.
    Written(Box<Agreement>),
    /// The lease is gone; nothing was written.
    Fenced,
    /// The idempotency key that came with it was taken before; nothing was written.
    Duplicate,
    /// There is no such agreement.
    NoSuchAgreement,
}

/// Everything that a plan's decision sees.
struct Seen {
    file: PlanFile,
    orders: BTreeMap<OrderId, Dossier>,
    agreement: Option<Agreement>,
    recent_tries: Vec<Timestamp>,
}

/// Fresh ids of refunds.
#[derive(Debug)]
struct Refunds<'a>(&'a Desk);

impl FnRefund for Refunds<'_> {
    fn fresh(&self) -> RefundId {
        RefundId::fresh(self.0.clock.now(), self.0.chance.as_ref())
    }
}

const fn agreement_job(id: AgreementId) -> JobKey {
    JobKey::new(JobKind::FollowAgreement, id.uuid())
}

const fn plan_job(id: PlanId) -> JobKey {
    JobKey::new(JobKind::FollowPlan, id.uuid())
}

impl Desk {
    /// Takes a new agreement on the books; it is offered at once. `complete` may add to the change (an idempotency
    /// key).
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn open_agreement(
        &self,
        agreement: Agreement,
        complete: impl FnOnce(&Agreement, &mut Change),
    ) -> Result<Answer> {
        let mut change = Change::default();
        change.jobs.push(NewJob::new(agreement_job(agreement.id), agreement.merchant, self.clock.now()));
        complete(&agreement, &mut change);
        change.billing.new_agreements.push(agreement);
        self.gatherer.commit(change).await
    }

    /// Takes `observation` about an agreement in; with a `run` the job is settled in the same transaction: it runs
    /// again when the agreement is due, or is done. `complete` may add to the change.
    ///
    /// # Errors
    /// When the database cannot be read or written.
    pub async fn observe_agreement(
        &self,
        id: AgreementId,
        observation: &Observation,
        run: Option<&Run>,
        complete: impl Fn(&Agreement, &mut Change) + Send + Sync,
    ) -> Result<AgreementTaken> {
        for _ in 0..MAX_RACES {
            let store = self.gatherer.store();
            let Some(before) = store.agreement(id).await? else { return Ok(AgreementTaken::NoSuchAgreement) };
            let now = self.clock.now();
            let decision = agreement::decide(&before, observation, now);
            let mut change = Change::default();
            let mut next = decision.as_ref().map_or_else(|| before.clone(), |d| d.next.clone());
            match &decision {
                Some(decision) => {
                    if decision.tell {
                        let (kind, body) = (agreement_kind(&next), agreement_body(&next, now).to_string());
                        self.tell_about(&mut change, next.merchant, id.into(), (kind, next.event_count), body).await?;
                    }
                    if decision.wake_plans {
                        change.jobs.extend(self.wake_plans_of(id, now).await?);
                    }
                    change.observations.push((Subject::Agreement(id), observation.clone()));
                }
                // Nothing new: it is looked at again when it is due.
                None => next.due_at = next.due_at.map(|_| next.looks_again_at(now)),
            }
            if decision.is_some() || (run.is_some() && next.due_at != before.due_at) {
                change.billing.agreements.push(next.clone());
            }
            match run {
                Some(run) => change.settle = Some(settled(run, next.due_at, "as agreed")),
                None => change.jobs.extend(next.due_at.map(|at| NewJob::new(agreement_job(id), next.merchant, at))),
            }
            complete(&next, &mut change);
            match self.gatherer.commit(change).await? {
                Answer::Committed => {
                    next.version = next.version.saturating_add(1);
                    return Ok(AgreementTaken::Written(Box::new(next)));
                }
                Answer::Fenced => return Ok(AgreementTaken::Fenced),
                Answer::Duplicate => return Ok(AgreementTaken::Duplicate),
                Answer::Stale => {}
            }
        }
        Err(too_many_races(id))
    }

    /// Has an agreement looked at now: something about it has changed at the channel.
    pub fn wake_agreement(&self, id: AgreementId, merchant: MerchantId, change: &mut Change) {
        change.jobs.push(NewJob::new(agreement_job(id), merchant, self.clock.now()));
    }

    async fn wake_plans_of(&self, agreement: AgreementId, now: Timestamp) -> Result<Vec<NewJob>> {
        let filter = PlanFilter {
            merchant: None,
            number: None,
            payer: None,
            agreement: Some(agreement),
            state: None,
            before: None,
            limit: MAX_PLANS,
        };
        let plans = self.gatherer.store().plans(&filter).await?;
        let open = plans.iter().filter(|p| !p.state.is_final());
        Ok(open.map(|p| NewJob::new(plan_job(p.id), p.merchant, now)).collect())
    }

    /// Takes a new plan on the books; it is looked at at once. `complete` may add to the change.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn open_plan(&self, file: PlanFile, complete: impl FnOnce(&PlanFile, &mut Change)) -> Result<Answer> {
        let mut change = Change::default();
        change.jobs.push(NewJob::new(plan_job(file.plan.id), file.plan.merchant, self.clock.now()));
        complete(&file, &mut change);
        change.billing.installments = file.installments.into_iter().map(|i| (file.plan.id, i)).collect();
        change.billing.new_plans.push(file.plan);
        self.gatherer.commit(change).await
    }

    /// Looks what a plan does next, and writes it down with the job's end.
    ///
    /// # Errors
    /// When the database cannot be read or written.
    pub async fn follow_plan(&self, id: PlanId, run: &Run) -> Result<Followed> {
        for _ in 0..MAX_RACES {
            let Some(seen) = self.look_at_plan(id).await? else { return Ok(Followed::NoSuchPlan) };
            let now = self.clock.now();
            let scene = Scene {
                file: &seen.file,
                orders: &seen.orders,
                agreement: seen.agreement.as_ref(),
                recent_tries: &seen.recent_tries,
                fresh: OrderId::fresh(now, self.chance.as_ref()),
                refund_id: &Refunds(self),
                now,
            };
            let step = step(scene);
            // What else the step has found, the installment itself may be new, is written before the payer is told.
            if let (Some(Act::Announce { seq }), Some(agreement), false) =
                (&step.act, &seen.agreement, has_news(&seen.file, &step))
            {
                return Ok(Followed::Announce(Box::new(seen.file), Box::new(agreement.clone()), *seq));
            }
            let number = match &step.act {
                Some(Act::Open { seq, .. }) => step.next.plan.order_number(*seq),
                _ => String::new(),
            };
            let mut change = self.act(&seen, &step, now).await?;
            self.write_plan(&seen.file, &step, &mut change).await?;
            change.settle = Some(settled(run, step.next.plan.due_at, "as planned"));
            self.drop_own_job(&mut change);
            match self.gatherer.commit(change).await? {
                Answer::Committed => return Ok(Followed::Written),
                Answer::Fenced => return Ok(Followed::Fenced),
                Answer::Duplicate => return Ok(Followed::NumberTaken(number)),
                Answer::Stale => {}
            }
        }
        Err(too_many_races(id))
    }

    /// Writes down that the channel has told the payer of an installment; the plan goes on at once.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn announced(&self, file: &PlanFile, seq: u32, run: &Run) -> Result<Followed> {
        let now = self.clock.now();
        let next = announced(file, seq, now);
        let step = Step { next, act: None, tell: Vec::new(), ask: Vec::new(), unask: Vec::new() };
        let mut change = Change::default();
        self.write_plan(file, &step, &mut change).await?;
        change.settle = Some(settled(run, Some(now), "the payer was told"));
        Ok(match self.gatherer.commit(change).await? {
            Answer::Fenced => Followed::Fenced,
            // Somebody was faster: the job looks again at what is there now, and the payer is told twice at worst.
            Answer::Committed | Answer::Duplicate | Answer::Stale => Followed::Written,
        })
    }

    /// Grants a wish about a plan, which is noted as said by `source`. `complete` may add to the change (an idempotency key).
    ///
    /// # Errors
    /// When the database cannot be read or written.
    pub async fn grant_plan(
        &self,
        id: PlanId,
        wish: &Wish,
        source: Source,
        complete: impl Fn(&PlanFile, &mut Change) + Send + Sync,
    ) -> Result<PlanGranted> {
        for _ in 0..MAX_RACES {
            let Some(file) = self.gatherer.store().plan(id, Extent::All).await? else {
                return Ok(PlanGranted::NoSuchPlan);
            };
            let now = self.clock.now();
            // What the wish meets ends before anything is waited for: it cannot be sent to another thread.
            let mut step = match grant(Meeting { file: &file, refund_id: &Refunds(self), now }, wish) {
                Ok(step) => step,
                Err(why) => return Ok(PlanGranted::Refused(why)),
            };
            let mut change = Change::default();
            let said = Observation::new(source, now, Claim::Plan(PlanClaim::from(wish)));
            change.observations.push((Subject::Plan(id), said));
            self.write_plan(&file, &step, &mut change).await?;
            let due_at = step.next.plan.due_at.unwrap_or(now);
            change.jobs.push(NewJob::new(plan_job(id), file.plan.merchant, due_at));
            complete(&step.next, &mut change);
            match self.gatherer.commit(change).await? {
                Answer::Committed => {
                    step.next.plan.version = step.next.plan.version.saturating_add(1);
                    return Ok(PlanGranted::Written(Box::new(step.next)));
                }
                Answer::Duplicate => return Ok(PlanGranted::Duplicate),
                Answer::Stale | Answer::Fenced => {}
            }
        }
        Err(too_many_races(id))
    }

    async fn look_at_plan(&self, id: PlanId) -> Result<Option<Seen>> {
        let store = self.gatherer.store();
        let Some(mut file) = store.plan(id, Extent::Open).await? else { return Ok(None) };
        if file.plan.owes_credit() {
            let Some(whole) = store.plan(id, Extent::All).await? else { return Ok(None) };
            file = whole;
        }
        let mut orders = BTreeMap::new();
        for order in file.installments.iter().filter_map(|i| i.order) {
            if let Some(dossier) = store.dossier(order).await? {
                orders.insert(order, dossier);
            }
        }
        let (mut agreement, mut recent_tries) = (None, Vec::new());
        if let Some(id) = file.plan.agreement {
            agreement = store.agreement(id).await?;
            recent_tries = store.tries_since(id, self.clock.now().plus_ms(-BUDGET_MS)).await?;
        }
        Ok(Some(Seen { file, orders, agreement, recent_tries }))
    }

    /// What a step does to an order, as a change.
    async fn act(&self, seen: &Seen, step: &Step, now: Timestamp) -> Result<Change> {
        let plan = &step.next.plan;
        let order = |id: &OrderId| seen.orders.get(id).ok_or_else(|| StoreError::missing("order", *id));
        let charge = |order: OrderId, minor: i64| {
            let id = PaymentId::fresh(now, self.chance.as_ref());
            seen.agreement.as_ref().map(|agreement| charge_of(agreement, order, plan.money(minor), id, now))
        };
        match &step.act {
            None | Some(Act::Announce { .. }) => Ok(Change::default()),
            Some(Act::Open { seq, charge: charged }) => {
                let installment = step.next.installment(*seq);
                let Some((installment, id)) = installment.and_then(|i| Some((i, i.order?))) else {
                    return Ok(Change::default());
                };
                let opened = order_of(plan, installment, id, now);
                let payment = if *charged { charge(id, installment.minor) } else { None };
                let decision = decide::open(opened, payment.into_iter().collect(), now);
                Ok(Change {
                    new_orders: vec![decision.next.order.clone()],
                    new_payments: decision.next.payments.clone(),
                    postings: decision.postings.iter().map(|p| (*p, now)).collect(),
                    jobs: scheduled(&decision.effects).collect(),
                    ..Change::default()
                })
            }
            Some(Act::Charge { order: id, .. }) => {
                let dossier = order(id)?;
                let Some(payment) = charge(*id, dossier.missing_minor()) else { return Ok(Change::default()) };
                self.about_order(dossier, |policy| decide::pick(dossier, payment.clone(), policy, now)).await
            }
            Some(Act::GiveBack { order: id, refund, minor, .. }) => {
                let dossier = order(id)?;
                let request = RefundRequest {
                    id: *refund,
                    amount_minor: Some(*minor),
                    allocation: Allocation::default(),
                    reason: plan.description.clone(),
                    by: format!("plan {}", plan.number),
                    payee: None,
                };
                let wish = |policy: &decide::Policy<'_>| {
                    decide::refund(dossier, &request, policy, now).map_err(|e| e.to_string())
                };
                self.about_order(dossier, wish).await
            }
            Some(Act::Close { order: id, .. }) => {
                let dossier = order(id)?;
                let claim = Claim::CloseRequested { reason: "its plan was cancelled".to_owned() };
                let observation = Observation::new(Source::Merchant, now, claim);
                let subject = Subject::Order(*id);
                self.about_order(dossier, |policy| Ok(decide::decide(dossier, subject, &observation, policy, now)))
                    .await
            }
        }
    }

    /// What is decided about an order, as a change. What the rules refuse becomes a question.
    async fn about_order(
        &self,
        dossier: &Dossier,
        decide: impl FnOnce(&decide::Policy<'_>) -> std::result::Result<decide::Decision, String> + Send,
    ) -> Result<Change> {
        let entries = self.entries_for(dossier).await?;
        let terms = Self::terms(&entries, dossier)?;
        match decide(&terms.policy(&self.plans)) {
            Ok(decision) => Ok(self.change(dossier, &decision, &entries).0),
            Err(why) => {
                let subject = dossier.order.installment.map_or(dossier.order.id.uuid(), |i| i.plan.uuid());
                let text = format!("What the plan wants of order {} cannot be done: {why}", dossier.order.number);
                let question = Question { subject, kind: QuestionKind::PlanStalled, text };
                Ok(Change { questions: vec![question], ..Change::default() })
            }
        }
    }

    /// Adds the plan, those of its installments that changed, what became of them, and what is told and asked.
    async fn write_plan(&self, before: &PlanFile, step: &Step, change: &mut Change) -> Result<()> {
        let id = step.next.plan.id;
        let changed = |i: &&Installment| before.installment(i.seq) != Some(*i);
        let installments: Vec<_> = step.next.installments.iter().filter(changed).map(|i| (id, i.clone())).collect();
        let noted = became(before, &step.next).into_iter().map(Claim::Plan);
        let now = self.clock.now();
        change.observations.extend(noted.map(|claim| (Subject::Plan(id), Observation::new(Source::Rule, now, claim))));
        // What is noted is numbered by the plan's version.
        let notes = change.observations.iter().any(|(subject, _)| *subject == Subject::Plan(id));
        if step.next.plan != before.plan || !installments.is_empty() || step.act.is_some() || notes {
            change.billing.plans.push(step.next.plan.clone());
            change.billing.installments.extend(installments);
        }
        change.questions.extend(step.ask.iter().cloned());
        change.answered.extend(step.unask.iter().copied());
        for event in &step.tell {
            let body = plan_body(*event, &step.next).to_string();
            let PlanEvent { kind, sequence, .. } = *event;
            self.tell_about(change, step.next.plan.merchant, id.into(), (kind, sequence), body).await?;
        }
        Ok(())
    }
}

/// Whether the step tells more than when to look again.
fn has_news(before: &PlanFile, step: &Step) -> bool {
    let stands =
        |file: &PlanFile| (file.plan.state, file.installments.iter().map(|i| (i.seq, i.state)).collect::<Vec<_>>());
    !step.tell.is_empty() || stands(before) != stands(&step.next)
}

fn settled(run: &Run, due_at: Option<Timestamp>, why: &str) -> Settle {
    let how = match due_at {
        Some(due_at) => Settlement::Again { due_at, step: 0, why: why.to_owned() },
        None => Settlement::Done,
    };
    Settle { how, ..run.settle.clone() }
}
