//! A history of one order with running books, for the tests of this folder: it applies decisions as the
//! store would, and tells what came of them (see [`super::test_laws`] for what must hold).

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use super::*;
use crate::chance::SeededChance;
use crate::channel::Method;
use crate::clock::MINUTE_MS;
use crate::event::EventKind;
use crate::id::{LegId, MerchantId, OrderId, PaymentId};
use crate::job::JobKind;
use crate::ledger::AccountKind;
use crate::merchant::{AfterClose, LateMoneyPolicy};
use crate::money::{Currency, Money};
use crate::observation::{PayCode, Receipt};
use crate::payment::{Evidence, PayerDetails, PaymentState};
use crate::refund::{Leg, LegState, Refund, RefundClaim, RefundReceipt, RefundState};

pub fn plans() -> Plans {
    let plan = |text: &str| text.parse().unwrap();
    Plans {
        poll: plan("5s 10s 20s then 3m"),
        unknown: plan("2s 5s then 1m"),
        close: plan("1s then 1m"),
        watch: plan("5m 1h 1d"),
        refund: plan("30s then 1d"),
        refund_funds: plan("1m then 1h"),
        webhook: plan("0ms 5s"),
        failure: plan("1s then 1m"),
    }
}

pub const fn at(ms: i64) -> Timestamp {
    Timestamp::from_millis(ms)
}

pub fn text() -> String {
    "words".to_owned()
}

pub fn accepted() -> Claim {
    Claim::Accepted { code: PayCode::QrCode { url: "u".into() } }
}

pub fn close() -> Claim {
    Claim::CloseRequested { reason: "expired".into() }
}

/// A policy that parks late money for an hour.
pub fn parking() -> MerchantPolicy {
    MerchantPolicy { after_close: AfterClose::Park { deadline_ms: 60 * MINUTE_MS }, ..MerchantPolicy::default() }
}

pub fn never_late() -> MerchantPolicy {
    MerchantPolicy { late_money: LateMoneyPolicy::NeverAccept, ..MerchantPolicy::default() }
}

/// An order with a payment of each of `amounts`, not opened yet.
pub fn parts(amounts: &[i64]) -> (Order, Vec<Payment>) {
    let chance = SeededChance::new(3);
    let (merchant, now) = (MerchantId::fresh(at(0), &chance), at(0));
    let order = Order {
        id: OrderId::fresh(now, &chance),
        merchant,
        number: "n1".into(),
        amount: Money::new(amounts.iter().sum(), Currency::CNY),
        description: "cleaning".into(),
        state: OrderState::Created,
        close_reason: None,
        late_money: false,
        installment: None,
        shares: Vec::new(),
        part_payment: false,
        service: None,
        region: None,
        offers: Vec::new(),
        payer: None,
        due_at: None,
        expires_at: at(30 * MINUTE_MS),
        event_count: 0,
        version: 0,
        created_at: now,
    };
    let account = ChannelAccountId::fresh(now, &chance);
    let payments = amounts.iter().zip(1..).map(|(minor, n)| Payment {
        id: PaymentId::fresh(at(n), &chance),
        order: order.id,
        merchant,
        account,
        method: Method::WechatNative,
        amount: Money::new(*minor, Currency::CNY),
        payer: PayerDetails::default(),
        state: PaymentState::New,
        evidence: Evidence::default(),
        returned_minor: 0,
        installments: None,
        agreement: None,
        version: 0,
        due_at: None,
        created_at: now,
    });
    (order.clone(), payments.collect())
}

/// See the file's head.
pub struct Books {
    pub dossier: Dossier,
    pub policy: MerchantPolicy,
    pub now: Timestamp,
    pub balances: BTreeMap<AccountKind, i64>,
    pub events: Vec<Event>,
    /// Every question that was asked.
    pub asked: Vec<QuestionKind>,
    /// Questions that stand.
    pub open: BTreeSet<(Uuid, QuestionKind)>,
    /// Jobs that were added and not dropped. None of them ever ends by itself here.
    pub jobs: BTreeMap<JobKey, Timestamp>,
    pub notes: Vec<(Subject, Observation)>,
    /// Whether a leg went on after it had ended without money: the channel contradicted itself.
    pub revived: bool,
}

impl Books {
    /// An order of all `amounts` with a payment of each.
    pub fn new(amounts: &[i64], policy: MerchantPolicy) -> Self {
        let (order, payments) = parts(amounts);
        Self::open(order, payments, policy)
    }

    pub fn open(order: Order, payments: Vec<Payment>, policy: MerchantPolicy) -> Self {
        let first = open(order, payments, at(0));
        let mut books = Self {
            dossier: Dossier { payments: Vec::new(), ..first.next.clone() },
            policy,
            now: at(0),
            balances: BTreeMap::new(),
            events: vec![],
            asked: vec![],
            open: BTreeSet::new(),
            jobs: BTreeMap::new(),
            notes: vec![],
            revived: false,
        };
        books.take(first);
        books
    }

    /// A paid order: each of `amounts` captured, one after the other.
    pub fn paid(amounts: &[i64], policy: MerchantPolicy) -> Self {
        let mut books = Self::new(amounts, policy);
        for index in 0..amounts.len() {
            books.capture(index);
        }
        assert_eq!(books.dossier.order.state, OrderState::Paid);
        books
    }

    /// A closed order whose money then came.
    pub fn late(minor: i64, policy: MerchantPolicy) -> Self {
        let mut books = Self::new(&[minor], policy);
        for claim in [Claim::Sending, accepted(), close(), Claim::ClosedAtChannel] {
            books.pay(0, claim);
        }
        assert_eq!(books.dossier.order.state, OrderState::Closed);
        assert!(books.balances.values().all(|b| *b == 0), "a closed order leaves nothing on the books");
        books.capture(0);
        books
    }

    pub fn take(&mut self, decision: Decision) {
        for p in &decision.postings {
            assert!(p.amount.minor > 0 && p.debit != p.credit, "{p:?}");
            *self.balances.entry(p.debit.kind).or_default() += p.amount.minor;
            *self.balances.entry(p.credit.kind).or_default() -= p.amount.minor;
        }
        for effect in &decision.effects {
            match effect {
                Effect::Tell(event) => self.events.push(*event),
                Effect::Ask(question) => {
                    assert!(!question.text.is_empty());
                    assert!(self.open.insert((question.subject, question.kind)), "asked twice: {question:?}");
                    self.asked.push(question.kind);
                }
                Effect::Unask(subject, kind) => {
                    assert!(self.open.remove(&(*subject, *kind)), "{kind:?} was not asked");
                }
                Effect::Schedule(job) => {
                    let due_at = self.jobs.entry(job.key).or_insert(job.due_at);
                    *due_at = job.due_at.min(*due_at);
                }
                Effect::Cancel(key) => {
                    self.jobs.remove(key);
                }
            }
        }
        for leg in decision.next.legs() {
            let ended = |(_, old): (&Refund, &Leg)| !old.state.takes_from_payment() && old.state != leg.state;
            self.revived |= self.dossier.leg(leg.id).is_some_and(ended);
        }
        self.notes.extend(decision.notes);
        self.dossier = decision.next;
    }

    /// Takes `claim` about `subject` in, now, and a second time, which must tell nothing new.
    pub fn see(&mut self, subject: impl Into<Subject>, claim: Claim) -> Decision {
        let (plans, facts, merchant) = (plans(), BTreeMap::new(), self.policy.clone());
        let policy = Policy { plans: &plans, facts: &facts, merchant: &merchant };
        let (subject, observation) = (subject.into(), Observation::new(Source::Query, self.now, claim));
        let decision = decide(&self.dossier, subject, &observation, &policy, self.now);
        if !decision.news() {
            assert_eq!(decision, Decision::nothing(&self.dossier));
        }
        self.take(decision.clone());
        let again = decide(&self.dossier, subject, &observation, &policy, self.now);
        assert!(!again.news(), "{observation:?} told something twice: {:?}", again.notes);
        self.now = self.now.plus_ms(1);
        decision
    }

    pub fn pay(&mut self, index: usize, claim: Claim) -> Decision {
        self.see(self.dossier.payments[index].id, claim)
    }

    pub fn receipt(&self, index: usize) -> Receipt {
        let payment = &self.dossier.payments[index];
        Receipt {
            transaction_id: format!("t{index}"),
            amount_minor: payment.amount.minor,
            currency: "CNY".into(),
            payee_matches: true,
            paid_at: self.now,
        }
    }

    /// Sends a payment, when it is new, and has the channel say that it is paid.
    pub fn capture(&mut self, index: usize) -> Decision {
        if self.dossier.payments[index].state == PaymentState::New {
            assert!(self.dossier.payments[index].due_at.is_some(), "not its turn yet");
            self.pay(index, Claim::Sending);
        }
        let receipt = self.receipt(index);
        self.pay(index, Claim::Paid(receipt))
    }

    /// Asks for a refund.
    pub fn ask(
        &mut self,
        amount_minor: Option<i64>,
        allocation: Allocation,
        payee: bool,
    ) -> Result<RefundId, Impossible> {
        let id = RefundId(Uuid::from_u128(0xff_0000_0000 + ((self.dossier.refunds.len() as u128) << 32)));
        let request = RefundRequest {
            id,
            amount_minor,
            allocation,
            reason: "too late".into(),
            by: "Ann".into(),
            payee: payee.then(|| "sealed".to_owned()),
        };
        let (plans, facts, merchant) = (plans(), BTreeMap::new(), self.policy.clone());
        let policy = Policy { plans: &plans, facts: &facts, merchant: &merchant };
        let shares = preview(&self.dossier, &request, &policy, self.now);
        let decision = refund(&self.dossier, &request, &policy, self.now)?;
        assert_eq!(shares?.len(), decision.next.refund(id).unwrap().legs.len(), "a preview tells what is done");
        self.take(decision);
        self.now = self.now.plus_ms(1);
        Ok(id)
    }

    /// Asks for `minor` of all the order's money.
    pub fn refund(&mut self, minor: i64) -> Result<RefundId, Impossible> {
        self.ask(Some(minor), Allocation::Reverse, false)
    }

    /// Adds a payment of `minor`.
    pub fn add(&mut self, minor: i64) -> Result<(), String> {
        let number = u128::try_from(self.dossier.payments.len()).unwrap();
        let (_, mut payments) = parts(&[minor]);
        let id = PaymentId(Uuid::from_u128(0xaa_0000_0000_0000 + (number << 32)));
        let payment = Payment { id, ..payments.pop().unwrap() };
        let (plans, facts, merchant) = (plans(), BTreeMap::new(), self.policy.clone());
        let policy = Policy { plans: &plans, facts: &facts, merchant: &merchant };
        let decision = add_payment(&self.dossier, payment, Some(self.now.plus_ms(MINUTE_MS)), &policy, self.now)?;
        self.take(decision);
        Ok(())
    }

    /// All legs, oldest refund first.
    pub fn legs(&self) -> Vec<Leg> {
        self.dossier.legs().cloned().collect()
    }

    pub fn leg_states(&self) -> Vec<LegState> {
        self.dossier.legs().map(|l| l.state).collect()
    }

    pub fn leg(&mut self, index: usize, claim: RefundClaim) -> Decision {
        let id: LegId = self.legs()[index].id;
        self.see(id, Claim::Refund(claim))
    }

    pub fn say(&mut self, refund: RefundId, claim: RefundClaim) -> Decision {
        self.see(refund, Claim::Refund(claim))
    }

    /// What the channel says when the payer has the leg's money.
    pub fn arrived(&self, index: usize) -> RefundClaim {
        RefundClaim::Succeeded(RefundReceipt {
            refund_id: format!("r{index}"),
            amount_minor: self.legs()[index].amount.minor,
            currency: "CNY".into(),
            refunded_at: self.now,
        })
    }

    /// Sends a leg, and has the channel say that the payer has its money.
    pub fn give_back(&mut self, index: usize) {
        let arrived = self.arrived(index);
        self.leg(index, RefundClaim::Sending);
        self.leg(index, arrived);
    }

    pub fn state_of(&self, refund: RefundId) -> RefundState {
        self.dossier.refund(refund).unwrap().state
    }

    pub fn balance(&self, kind: AccountKind) -> i64 {
        self.balances.get(&kind).copied().unwrap_or(0)
    }

    pub fn told(&self) -> Vec<EventKind> {
        self.events.iter().map(|e| e.kind).collect()
    }

    pub fn job_of_leg(&self, index: usize, kind: JobKind) -> Option<Timestamp> {
        self.jobs.get(&JobKey::leg(kind, self.legs()[index].id)).copied()
    }

    /// The kinds of the questions that stand.
    pub fn questions(&self) -> Vec<QuestionKind> {
        self.open.iter().map(|(_, kind)| *kind).collect()
    }
}
