//! Stories of single orders, and laws that hold in every history.

use super::*;
use crate::chance::SeededChance;
use crate::channel::{ChannelKind, Method};
use crate::clock::MINUTE_MS;
use crate::id::{ChannelAccountId, MerchantId, OrderId};
use crate::ledger::AccountKind;
use crate::money::{Currency, Money};
use crate::observation::{PayCode, Receipt};
use crate::payment::{Evidence, PayerDetails};
use proptest::prelude::*;
use std::collections::BTreeMap;

fn plans() -> Plans {
    let plan = |text: &str| text.parse().unwrap();
    Plans {
        poll: plan("5s 10s 20s then 3m"),
        unknown: plan("2s 5s then 1m"),
        close: plan("1s then 1m"),
        watch: plan("5m 1h 1d"),
        webhook: plan("0ms 5s"),
        failure: plan("1s then 1m"),
    }
}

fn at(ms: i64) -> Timestamp {
    Timestamp::from_millis(ms)
}

fn opened() -> Decision {
    let chance = SeededChance::new(3);
    let (merchant, now) = (MerchantId::fresh(at(0), &chance), at(0));
    let order = Order {
        id: OrderId::fresh(now, &chance),
        merchant,
        number: "n1".into(),
        amount: Money::new(8800, Currency::CNY),
        description: "cleaning".into(),
        state: OrderState::Created,
        close_reason: None,
        late_money: false,
        part_payment: false,
        expires_at: at(30 * MINUTE_MS),
        event_count: 0,
        version: 0,
        created_at: now,
    };
    let payment = Payment {
        id: PaymentId::fresh(now, &chance),
        order: order.id,
        merchant,
        account: ChannelAccountId::fresh(now, &chance),
        method: Method::WechatNative,
        amount: order.amount,
        payer: PayerDetails::default(),
        state: PaymentState::New,
        evidence: Evidence::default(),
        returned_minor: 0,
        version: 0,
        due_at: None,
        created_at: now,
    };
    open(order, vec![payment], now)
}

fn receipt() -> Receipt {
    Receipt {
        transaction_id: "t1".into(),
        amount_minor: 8800,
        currency: "CNY".into(),
        payee_matches: true,
        paid_at: at(9),
    }
}

fn claims() -> Vec<Claim> {
    vec![
        Claim::Sending,
        Claim::Accepted { code: PayCode::QrCode { url: "u".into() } },
        Claim::Refused { reason: "r".into() },
        Claim::NoAnswer { why: "w".into() },
        Claim::NotSent { why: "w".into() },
        Claim::Absent,
        Claim::Unpaid,
        Claim::AttemptFailed { reason: "f".into() },
        Claim::Paid(receipt()),
        Claim::Paid(Receipt { amount_minor: 1, ..receipt() }),
        Claim::ClosedAtChannel,
        Claim::CloseRequested { reason: "c".into() },
        Claim::CloseAccepted,
        Claim::UnpaidAfterClose,
    ]
}

/// A history with its running ledger.
struct Books {
    dossier: Dossier,
    balances: BTreeMap<AccountKind, i64>,
    events: Vec<Event>,
    questions: Vec<QuestionKind>,
    late: LateMoneyPolicy,
}

impl Books {
    fn new(late: LateMoneyPolicy) -> Self {
        let first = opened();
        let mut books =
            Self { dossier: first.next.clone(), balances: BTreeMap::new(), events: vec![], questions: vec![], late };
        books.take(first);
        books
    }

    fn take(&mut self, decision: Decision) {
        for p in &decision.postings {
            assert!(p.amount.minor > 0 && p.debit != p.credit);
            *self.balances.entry(p.debit.kind).or_default() += p.amount.minor;
            *self.balances.entry(p.credit.kind).or_default() -= p.amount.minor;
        }
        for effect in &decision.effects {
            match effect {
                Effect::Tell(event) => self.events.push(*event),
                Effect::Ask(question) => self.questions.push(question.kind),
                Effect::Schedule(_) | Effect::Cancel(_) => {}
            }
        }
        self.dossier = decision.next;
    }

    fn see(&mut self, ms: i64, claim: Claim) -> Decision {
        let (plans, id) = (plans(), self.dossier.payments[0].id);
        let policy = Policy { plans: &plans, facts: ChannelKind::Wechat.facts(), late_money: self.late };
        let decision = decide(&self.dossier, id, &Observation::new(Source::Query, at(ms), claim), &policy, at(ms));
        self.take(decision.clone());
        decision
    }

    fn balance(&self, kind: AccountKind) -> i64 {
        self.balances.get(&kind).copied().unwrap_or(0)
    }
}

fn kinds(decision: &Decision) -> Vec<JobKind> {
    let job = |e: &Effect| match e {
        Effect::Schedule(job) => Some(job.key.kind),
        _ => None,
    };
    decision.effects.iter().filter_map(job).collect()
}

#[test]
fn an_order_is_created_paid_and_its_merchant_told_once() {
    let mut books = Books::new(LateMoneyPolicy::default());
    assert_eq!(kinds(&opened()), [JobKind::CreatePayment]);
    assert_eq!(books.balance(AccountKind::Receivable), 8800);
    books.see(1, Claim::Sending);
    let accepted = books.see(2, Claim::Accepted { code: PayCode::QrCode { url: "u".into() } });
    assert_eq!(kinds(&accepted), [JobKind::PollPayment]);
    books.see(3, Claim::Paid(receipt()));
    let again = books.see(4, Claim::Paid(receipt()));
    assert!(!again.news && again.effects.is_empty() && again.postings.is_empty());
    assert_eq!(books.dossier.order.state, OrderState::Paid);
    assert_eq!(books.events.iter().map(|e| (e.kind, e.sequence)).collect::<Vec<_>>(), [(EventKind::OrderPaid, 1)]);
    assert_eq!((books.balance(AccountKind::Receivable), books.balance(AccountKind::Clearing)), (0, 8800));
}

#[test]
fn unknown_money_stands_in_suspense_until_it_is_known() {
    let mut books = Books::new(LateMoneyPolicy::default());
    books.see(1, Claim::Sending);
    let lost = books.see(2, Claim::NoAnswer { why: "reset".into() });
    assert_eq!(kinds(&lost), [JobKind::PollPayment]);
    assert_eq!((books.balance(AccountKind::Suspense), books.balance(AccountKind::Receivable)), (8800, 0));
    let found = books.see(3, Claim::Unpaid);
    assert_eq!(kinds(&found), [JobKind::CreatePayment], "the code was lost with the answer: fetch it");
    assert_eq!((books.balance(AccountKind::Suspense), books.balance(AccountKind::Receivable)), (0, 8800));
}

#[test]
fn money_after_closing_is_late_and_asks_a_person() {
    let mut books = Books::new(LateMoneyPolicy::default());
    for (ms, claim) in [
        (1, Claim::Sending),
        (2, Claim::Accepted { code: PayCode::QrCode { url: "u".into() } }),
        (3, Claim::CloseRequested { reason: "expired".into() }),
        (4, Claim::CloseAccepted),
        (5, Claim::ClosedAtChannel),
    ] {
        books.see(ms, claim);
    }
    assert_eq!(books.dossier.order.state, OrderState::Closed);
    assert_eq!(books.dossier.order.close_reason.as_deref(), Some("expired"));
    assert!(books.balances.values().all(|b| *b == 0), "a closed order leaves nothing on the books");
    books.see(6, Claim::Paid(receipt()));
    assert_eq!(books.dossier.order.state, OrderState::Closed);
    assert!(books.dossier.order.late_money);
    assert_eq!(books.questions, [QuestionKind::LateMoney]);
    assert_eq!((books.balance(AccountKind::Clearing), books.balance(AccountKind::LateMoney)), (8800, -8800));
    let told: Vec<_> = books.events.iter().map(|e| (e.kind, e.sequence)).collect();
    assert_eq!(told, [(EventKind::OrderClosed, 1), (EventKind::OrderLateMoney, 2)]);
}

#[test]
fn money_found_while_closing_pays_the_order_unless_the_merchant_refuses_late_money() {
    for (policy, state) in
        [(LateMoneyPolicy::AcceptWhileClosing, OrderState::Paid), (LateMoneyPolicy::NeverAccept, OrderState::Closed)]
    {
        let mut books = Books::new(policy);
        books.see(1, Claim::Sending);
        books.see(2, Claim::CloseRequested { reason: "expired".into() });
        books.see(3, Claim::Paid(receipt()));
        assert_eq!(books.dossier.order.state, state);
        assert_eq!(books.dossier.order.late_money, state == OrderState::Closed);
    }
}

#[test]
fn a_held_payment_keeps_its_order_open_and_its_money_in_suspense() {
    let mut books = Books::new(LateMoneyPolicy::default());
    books.see(1, Claim::Sending);
    books.see(2, Claim::Paid(Receipt { amount_minor: 1, ..receipt() }));
    assert_eq!(books.dossier.order.state, OrderState::Paying);
    assert_eq!(books.questions, [QuestionKind::IntegrityHold]);
    assert_eq!(books.balance(AccountKind::Suspense), 8800);
}

#[test]
fn a_refused_payment_that_turns_up_at_the_channel_is_closed_there() {
    let mut books = Books::new(LateMoneyPolicy::default());
    books.see(1, Claim::Sending);
    books.see(2, Claim::Refused { reason: "r".into() });
    let found = books.see(3, Claim::Unpaid);
    assert_eq!(kinds(&found), [JobKind::ClosePayment]);
    assert_eq!(books.dossier.payments[0].state, PaymentState::Closing);
    books.see(4, Claim::ClosedAtChannel);
    assert!(books.balances.values().all(|b| *b == 0));
}

#[test]
fn a_refused_payment_closes_its_order_with_the_reason() {
    let mut books = Books::new(LateMoneyPolicy::default());
    books.see(1, Claim::Sending);
    books.see(2, Claim::Refused { reason: "NO_AUTH: no".into() });
    assert_eq!(books.dossier.order.close_reason.as_deref(), Some("declined: NO_AUTH: no"));
    assert_eq!(books.dossier.order.state, OrderState::Closed);
}

proptest! {
    /// Laws of every history: postings balance, the clearing account holds exactly what was captured,
    /// events count without gaps, an open payment owes a job, a closed order never opens again.
    #[test]
    fn whatever_is_observed_the_laws_hold(
        history in proptest::collection::vec((0_i64..200_000, proptest::sample::select(claims())), 0..16),
        never in any::<bool>(),
    ) {
        let mut books = Books::new(if never { LateMoneyPolicy::NeverAccept } else { LateMoneyPolicy::AcceptWhileClosing });
        let mut was_final = None;
        for (ms, claim) in history {
            books.see(ms, claim);
            let (order, payment) = (&books.dossier.order, &books.dossier.payments[0]);
            prop_assert_eq!(books.balances.values().sum::<i64>(), 0);
            let captured = if payment.state == PaymentState::Captured { 8800 } else { 0 };
            prop_assert_eq!(books.balance(AccountKind::Clearing), captured);
            let unsure = matches!(payment.state, PaymentState::Unknown | PaymentState::IntegrityHold);
            prop_assert_eq!(books.balance(AccountKind::Suspense), if unsure { 8800 } else { 0 });
            prop_assert_eq!(order.event_count, i64::try_from(books.events.len()).unwrap());
            prop_assert!(books.events.iter().zip(1..).all(|(e, n)| e.sequence == n));
            prop_assert_eq!(payment.state, payment.evidence.state(ChannelKind::Wechat.facts()));
            if !payment.state.is_final() {
                prop_assert!(owed_job(payment, at(ms)).is_some(), "{:?} has nothing due", payment.state);
            }
            if order.state == OrderState::Closed && was_final.is_some() {
                prop_assert!(payment.state.is_final() || payment.state == PaymentState::Closing, "{:?}", payment.state);
            }
            if let Some(state) = was_final {
                prop_assert_eq!(order.state, state);
            }
            was_final = order.state.is_final().then_some(order.state);
        }
    }
}
