//! A plan with a payer for the tests of this folder: it carries steps out as the jobs would, with the real decisions
//! about orders, and counts every charge.

use std::collections::{BTreeMap, VecDeque};

use uuid::Uuid;

use super::order::{charge_of, order_of};
use super::step::{Act, Scene, Step, announced, step};
use super::wishes::{FnRefund, Meeting, Wish, grant};
use super::*;
use crate::agreement::{Agreement, AgreementEvidence, AgreementState, Signature};
use crate::chance::SeededChance;
use crate::clock::{HOUR_MS, SECOND_MS};
use crate::decide::{Policy, QuestionKind, RefundRequest, decide, open, pick, refund};
use crate::decline::DeclineClass;
use crate::event::EventKind;
use crate::id::PaymentId;
use crate::merchant::MerchantPolicy;
use crate::observation::{Claim, Observation, Receipt, Source, Subject};
use crate::order::Dossier;
use crate::payment::PayerDetails;
use crate::plan::Plans;
use crate::refund::{Allocation, RefundClaim, RefundReceipt};

/// What the channel answers to a charge.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Answer {
    Pays,
    Declines(DeclineClass),
}

pub struct Town {
    pub file: PlanFile,
    pub agreement: Option<Agreement>,
    pub orders: BTreeMap<OrderId, Dossier>,
    pub now: Timestamp,
    /// What the channel answers to the next charges; then it pays.
    pub answers: VecDeque<Answer>,
    /// Charges: installment, when, what was answered.
    pub charges: Vec<(u32, Timestamp, Answer)>,
    pub announcements: Vec<(u32, Timestamp)>,
    pub told: Vec<EventKind>,
    pub asked: Vec<QuestionKind>,
    chance: SeededChance,
    retry_plans: Plans,
}

pub fn at(text: &str) -> Timestamp {
    Timestamp::parse_rfc3339(text).unwrap()
}

pub fn day(text: &str) -> Day {
    text.parse().unwrap()
}

pub fn agreement(method: Method) -> Agreement {
    let zero = Timestamp::from_millis(0);
    let signed = Signature { channel_id: "c".into(), payer_id: None, signed_at: zero, ends_at: None };
    Agreement {
        id: AgreementId(Uuid::from_u128(7)),
        merchant: MerchantId(Uuid::from_u128(1)),
        account: ChannelAccountId(Uuid::from_u128(2)),
        method,
        payer: "family Wu".into(),
        details: PayerDetails::default(),
        description: "nanny".into(),
        limit: Money::new(1_000_000, Currency::CNY),
        rhythm: None,
        state: AgreementState::Active,
        evidence: AgreementEvidence { signed: Some(signed), ..AgreementEvidence::default() },
        sign_by: zero,
        due_at: None,
        event_count: 0,
        version: 1,
        created_at: zero,
    }
}

pub fn monthly(minor: i64, from: &str, periods: Option<u32>) -> Terms {
    Terms::Subscription { minor, every: Cadence { every: 1, unit: Unit::Month }, from: day(from), periods }
}

pub fn parts(minors: &[i64], from: &str) -> Terms {
    let every = Cadence { every: 1, unit: Unit::Month };
    let parts = minors.iter().zip(0..).map(|(minor, n)| Part { due_on: every.nth(day(from), n), minor: *minor });
    Terms::Installments { parts: parts.collect() }
}

impl FnRefund for std::cell::Cell<u128> {
    fn fresh(&self) -> RefundId {
        self.set(self.get() + 1);
        RefundId(Uuid::from_u128(self.get()))
    }
}

impl Town {
    /// A plan that charges by `method`, looked at first at `now`.
    pub fn new(terms: Terms, method: Option<Method>, zone: &str, now: &str) -> Self {
        let now = at(now);
        let agreement = method.map(agreement);
        let plan = Plan {
            id: PlanId(Uuid::from_u128(3)),
            merchant: MerchantId(Uuid::from_u128(1)),
            number: "P1".into(),
            payer: "family Wu".into(),
            description: "nanny".into(),
            currency: Currency::CNY,
            zone: zone.parse().unwrap(),
            charge_at: "10:00".parse().unwrap(),
            dunning: Dunning::default(),
            agreement: agreement.as_ref().map(|a| a.id),
            debit: agreement.as_ref().map(|a| (a.account, a.method)),
            offers: vec![Method::WechatNative],
            state: PlanState::Draft,
            reason: None,
            next_seq: 1,
            next_period: 0,
            credit_minor: 0,
            written_off: false,
            paid_off: false,
            due_at: Some(now),
            event_count: 0,
            version: 1,
            created_at: now,
            terms,
        };
        let duration = |text: &str| text.parse().unwrap();
        Self {
            file: PlanFile::begin(plan),
            agreement,
            orders: BTreeMap::new(),
            now,
            answers: VecDeque::new(),
            charges: Vec::new(),
            announcements: Vec::new(),
            told: Vec::new(),
            asked: Vec::new(),
            chance: SeededChance::new(5),
            retry_plans: Plans {
                poll: duration("5s"),
                unknown: duration("5s"),
                close: duration("1s"),
                watch: duration("5m"),
                refund: duration("30s"),
                refund_funds: duration("1m"),
                webhook: duration("0ms"),
                failure: duration("1s"),
            },
        }
    }

    /// Lets the plan do what it wants until `until`.
    pub fn run(&mut self, until: &str) {
        let until = at(until);
        for _ in 0..100_000 {
            let due = self.file.plan.due_at.filter(|due| *due <= until);
            let expires = self.orders.values().filter(|d| !d.order.state.is_final()).map(|d| d.order.expires_at).min();
            match (due, expires) {
                (Some(due), expires) if expires.is_none_or(|at| due <= at) => {
                    self.now = self.now.max(due);
                    self.look();
                }
                (_, Some(at)) if at <= until => {
                    self.now = self.now.max(at);
                    self.expire();
                }
                _ => {
                    self.now = until;
                    return;
                }
            }
        }
        panic!("the plan spins at {}: {:#?}", self.now, self.file);
    }

    fn look(&mut self) {
        let recent: Vec<_> = self.charges.iter().map(|(_, at, _)| *at).collect();
        let ids = std::cell::Cell::new(u128::try_from(self.now.as_millis()).unwrap());
        let scene = Scene {
            file: &self.file,
            orders: &self.orders,
            agreement: self.agreement.as_ref(),
            recent_tries: &recent,
            fresh: OrderId::fresh(self.now, &self.chance),
            refund_id: &ids,
            now: self.now,
        };
        let done = step(scene);
        let act = done.act.clone();
        self.take(done);
        match act {
            Some(Act::Announce { seq }) => {
                self.announcements.push((seq, self.now));
                self.file = announced(&self.file, seq, self.now);
            }
            Some(Act::Open { seq, charge }) => self.open(seq, charge),
            Some(Act::Charge { seq, order }) => self.charge(seq, order),
            Some(Act::GiveBack { order, refund, minor, .. }) => self.give_back(order, refund, minor),
            Some(Act::Close { order, .. }) => self.close(order),
            None => assert!(self.file.plan.due_at.is_none_or(|due| due > self.now), "it spins at {}", self.now),
        }
    }

    fn take(&mut self, step: Step) {
        self.told.extend(step.tell.iter().map(|t| t.kind));
        self.asked.extend(step.ask.iter().map(|q| q.kind));
        self.asked.retain(|kind| !step.unask.iter().any(|(_, k)| k == kind));
        self.file = step.next;
    }

    fn policy<T>(&self, f: impl FnOnce(&Policy<'_>) -> T) -> T {
        let merchant = MerchantPolicy::default();
        f(&Policy { plans: &self.retry_plans, facts: &BTreeMap::new(), merchant: &merchant })
    }

    fn open(&mut self, seq: u32, charge: bool) {
        let installment = self.file.installment(seq).unwrap();
        let order = order_of(&self.file.plan, installment, installment.order.unwrap(), self.now);
        let id = order.id;
        let taken = self.orders.values().any(|d| d.order.number == order.number);
        assert!(!taken, "{} has two orders", order.number);
        let id_of_charge = PaymentId::fresh(self.now, &self.chance);
        let charge =
            charge.then(|| charge_of(self.agreement.as_ref().unwrap(), order.id, order.amount, id_of_charge, self.now));
        let charged = charge.is_some();
        let decision = open(order, charge.into_iter().collect(), self.now);
        self.orders.insert(id, decision.next);
        if charged {
            self.answer(seq, id);
        }
    }

    fn charge(&mut self, seq: u32, order: OrderId) {
        let dossier = &self.orders[&order];
        let missing = self.file.plan.money(dossier.missing_minor());
        let id = PaymentId::fresh(self.now, &self.chance);
        let payment = charge_of(self.agreement.as_ref().unwrap(), order, missing, id, self.now);
        let decision = self.policy(|policy| pick(dossier, payment, policy, self.now)).unwrap();
        self.orders.insert(order, decision.next);
        self.answer(seq, order);
    }

    fn answer(&mut self, seq: u32, order: OrderId) {
        let answer = self.answers.pop_front().unwrap_or(Answer::Pays);
        self.charges.push((seq, self.now, answer));
        let payment = self.orders[&order].payments.last().unwrap().id;
        self.observe(order, payment.into(), Claim::Sending);
        let claim = match answer {
            Answer::Pays => self.paid(order, payment),
            Answer::Declines(class) => Claim::Declined { decline: Decline { class, reason: "no".into() }, ended: true },
        };
        self.observe(order, payment.into(), claim);
    }

    fn paid(&self, order: OrderId, payment: PaymentId) -> Claim {
        let amount = self.orders[&order].payment(payment).unwrap().amount;
        Claim::Paid(Receipt {
            transaction_id: payment.bare(),
            amount_minor: amount.minor,
            currency: amount.currency.code().into(),
            payee_matches: true,
            paid_at: self.now,
        })
    }

    /// The payer pays an installment's order by hand.
    pub fn pay_by_hand(&mut self, seq: u32) {
        let order = self.file.installment(seq).unwrap().order.unwrap();
        let dossier = &self.orders[&order];
        let missing = self.file.plan.money(dossier.missing_minor());
        let id = PaymentId::fresh(self.now, &self.chance);
        let charge = charge_of(&agreement(Method::CardDebit), order, missing, id, self.now);
        let by_hand = crate::payment::Payment { agreement: None, method: Method::WechatNative, ..charge };
        let decision = self.policy(|policy| pick(dossier, by_hand, policy, self.now)).unwrap();
        self.orders.insert(order, decision.next);
        let claim = self.paid(order, id);
        self.observe(order, id.into(), claim);
        self.file.plan.due_at = Some(self.now);
    }

    fn close(&mut self, order: OrderId) {
        self.observe(order, order.into(), Claim::CloseRequested { reason: "cancelled".into() });
    }

    fn expire(&mut self) {
        let over = |d: &&Dossier| !d.order.state.is_final() && d.order.expires_at <= self.now;
        let order = self.orders.values().find(over).unwrap().order.id;
        self.observe(order, order.into(), Claim::CloseRequested { reason: "expired".into() });
        self.file.plan.due_at = Some(self.now);
    }

    fn give_back(&mut self, order: OrderId, id: RefundId, minor: i64) {
        let request = RefundRequest {
            id,
            amount_minor: Some(minor),
            allocation: Allocation::default(),
            reason: "r".into(),
            by: "plan".into(),
            payee: None,
        };
        let dossier = &self.orders[&order];
        let decision = self.policy(|policy| refund(dossier, &request, policy, self.now)).unwrap();
        let legs: Vec<_> = decision
            .next
            .legs()
            .filter(|l| l.state == crate::refund::LegState::Reserved)
            .map(|l| (l.id, l.amount))
            .collect();
        self.orders.insert(order, decision.next);
        for (leg, amount) in legs {
            let receipt = RefundReceipt {
                refund_id: leg.bare(),
                amount_minor: amount.minor,
                currency: amount.currency.code().into(),
                refunded_at: self.now,
            };
            self.observe(order, leg.into(), Claim::Refund(RefundClaim::Sending));
            self.observe(order, leg.into(), Claim::Refund(RefundClaim::Succeeded(receipt)));
        }
    }

    fn observe(&mut self, order: OrderId, subject: Subject, claim: Claim) {
        let observation = Observation::new(Source::Query, self.now.plus_ms(SECOND_MS), claim);
        let dossier = &self.orders[&order];
        let decision = self.policy(|policy| decide(dossier, subject, &observation, policy, self.now));
        assert!(decision.news(), "{observation:?} is no news for {:#?}", self.orders[&order]);
        self.orders.insert(order, decision.next);
    }

    /// Grants a wish.
    pub fn wish(&mut self, wish: &Wish) -> Result<(), String> {
        let ids = std::cell::Cell::new(u128::from(self.file.plan.event_count.unsigned_abs()) << 64);
        let granted = grant(Meeting { file: &self.file, refund_id: &ids, now: self.now }, wish)?;
        self.take(granted);
        Ok(())
    }

    /// Lets so many hours pass.
    pub fn later(&mut self, hours: i64) {
        let until = self.now.plus_ms(hours * HOUR_MS);
        self.run(&until.to_string());
    }

    /// The states of all installments.
    pub fn states(&self) -> Vec<InstallmentState> {
        self.file.installments.iter().map(|i| i.state).collect()
    }

    /// Minor units that the payer has paid, and that he got back.
    pub fn money(&self) -> (i64, i64) {
        let paid = self.orders.values().map(Dossier::captured_minor).sum();
        let back = self.orders.values().map(Dossier::refunded_minor).sum();
        (paid, back)
    }
}
