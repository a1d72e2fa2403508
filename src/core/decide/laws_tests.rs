//! Laws that hold in every history (see [`super::test_books`]), whatever is observed in whatever order.

use proptest::prelude::*;

use super::test_books::*;
use super::*;
use crate::merchant::AfterClose;
use crate::observation::Receipt;
use crate::payment::PaymentState;
use crate::refund::{LegState, NamedShare, RefundClaim, RefundReceipt};

#[derive(Clone, Debug)]
enum Step {
    Pay(usize, Claim),
    /// A receipt for that much too much.
    Paid(usize, i64),
    Ask(i64, u8, bool),
    Leg(usize, RefundClaim),
    /// The payer has the leg's money, and that much too much.
    Arrived(usize, i64),
    Judge(usize, RefundClaim),
    Answer(usize, bool),
    Add(i64),
    Wait(i64),
}

fn payment_claims() -> Vec<Claim> {
    vec![
        Claim::Sending,
        accepted(),
        Claim::Refused { reason: text() },
        Claim::NoAnswer { why: text() },
        Claim::NotSent { why: text() },
        Claim::Absent,
        Claim::Unpaid,
        Claim::AttemptFailed { reason: text() },
        Claim::ClosedAtChannel,
        close(),
        Claim::CloseAccepted,
        Claim::UnpaidAfterClose,
    ]
}

fn leg_claims() -> Vec<RefundClaim> {
    vec![
        RefundClaim::Sending,
        RefundClaim::Sending,
        RefundClaim::NoAnswer { why: text() },
        RefundClaim::NotSent { why: text() },
        RefundClaim::Absent,
        RefundClaim::NoFunds { reason: text() },
        RefundClaim::Refused { reason: text() },
        RefundClaim::Processing { refund_id: "r".into() },
        RefundClaim::Closed { reason: text() },
        RefundClaim::Abnormal { refund_id: "r".into() },
        RefundClaim::SecondSending,
        RefundClaim::SecondAccepted,
        RefundClaim::SecondFailed { reason: text() },
        RefundClaim::Reversed { reason: text() },
        RefundClaim::Transferred { by: "Eve".into(), reference: text() },
        RefundClaim::Abandoned { by: "Eve".into(), reason: text() },
    ]
}

fn judgements() -> Vec<RefundClaim> {
    vec![
        RefundClaim::Approved { by: "Bob".into() },
        RefundClaim::Approved { by: "Ann".into() },
        RefundClaim::Rejected { by: "Bob".into(), reason: text() },
        RefundClaim::Activated { reason: text() },
        RefundClaim::Voided { reason: text() },
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let select = proptest::sample::select::<Claim>;
    prop_oneof![
        6 => (0..4_usize, select(payment_claims())).prop_map(|(i, c)| Step::Pay(i, c)),
        6 => (0..4_usize, prop_oneof![9 => Just(0), 1 => Just(1)]).prop_map(|(i, more)| Step::Paid(i, more)),
        4 => (1..300_i64, 0..3_u8, any::<bool>()).prop_map(|(minor, how, payee)| Step::Ask(minor, how, payee)),
        12 => (0..8_usize, proptest::sample::select(leg_claims())).prop_map(|(i, c)| Step::Leg(i, c)),
        4 => (0..8_usize, prop_oneof![9 => Just(0), 1 => Just(1)]).prop_map(|(i, more)| Step::Arrived(i, more)),
        2 => (0..4_usize, proptest::sample::select(judgements())).prop_map(|(i, c)| Step::Judge(i, c)),
        2 => (0..4_usize, any::<bool>()).prop_map(|(i, keep)| Step::Answer(i, keep)),
        1 => (1..200_i64).prop_map(Step::Add),
        1 => (1..100_000_i64).prop_map(Step::Wait),
    ]
}

fn policy() -> impl Strategy<Value = MerchantPolicy> {
    let reopening = MerchantPolicy { after_close: AfterClose::Reopen, ..MerchantPolicy::default() };
    let choice = proptest::sample::select(vec![MerchantPolicy::default(), reopening, parking(), never_late()]);
    (choice, proptest::option::of(1..200_i64))
        .prop_map(|(policy, approval_above_minor)| MerchantPolicy { approval_above_minor, ..policy })
}

fn books() -> impl Strategy<Value = Start> {
    (proptest::collection::vec(1..200_i64, 1..4), policy(), any::<bool>()).prop_map(Start)
}

/// What an order starts with: its amounts, its merchant's policy, and whether a part is enough.
#[derive(Clone, Debug)]
struct Start((Vec<i64>, MerchantPolicy, bool));

impl Start {
    fn open(self) -> Books {
        let (amounts, policy, part_payment) = self.0;
        let (order, payments) = parts(&amounts);
        Books::open(Order { part_payment, ..order }, payments, policy)
    }
}

/// Whether somebody who keeps to the protocol can say this: a channel speaks of what was sent to it, and what
/// becomes of a prepared refund follows by rule.
fn sane(books: &Books, step: &Step) -> bool {
    match step {
        Step::Pay(index, claim) => {
            let payment = &books.dossier.payments[*index];
            let waits = payment.state == PaymentState::New && payment.due_at.is_none();
            !waits || matches!(claim, Claim::CloseRequested { .. })
        }
        Step::Paid(index, _) => books.dossier.payments[*index].evidence.sent_at.is_some(),
        Step::Arrived(index, _) => books.legs()[*index].evidence.sent_at.is_some(),
        Step::Leg(index, claim) => {
            let evidence = &books.legs()[*index].evidence;
            match claim {
                RefundClaim::Sending | RefundClaim::Transferred { .. } | RefundClaim::Abandoned { .. } => true,
                RefundClaim::SecondSending | RefundClaim::SecondAccepted | RefundClaim::SecondFailed { .. } => {
                    evidence.abnormal_at.is_some()
                }
                RefundClaim::Reversed { .. } => evidence.succeeded.is_some() || evidence.transferred.is_some(),
                _ => evidence.sent_at.is_some(),
            }
        }
        Step::Judge(_, RefundClaim::Activated { .. } | RefundClaim::Voided { .. }) => false,
        _ => true,
    }
}

/// The step with indices that exist; `None` when there is nothing that it could be about.
fn aimed(books: &Books, step: Step) -> Option<Step> {
    let of = |index: usize, count: usize| index.checked_rem(count);
    let (payments, legs) = (books.dossier.payments.len(), books.legs().len());
    Some(match step {
        Step::Pay(i, claim) => Step::Pay(of(i, payments)?, claim),
        Step::Paid(i, more) => Step::Paid(of(i, payments)?, more),
        Step::Answer(i, keep) => Step::Answer(of(i, payments)?, keep),
        Step::Leg(i, claim) => Step::Leg(of(i, legs)?, claim),
        Step::Arrived(i, more) => Step::Arrived(of(i, legs)?, more),
        Step::Judge(i, claim) => Step::Judge(of(i, books.dossier.refunds.len())?, claim),
        other => other,
    })
}

fn take(books: &mut Books, step: Step) {
    match step {
        Step::Pay(index, claim) => {
            books.pay(index, claim);
        }
        Step::Paid(index, more) => {
            let receipt = books.receipt(index);
            books.pay(index, Claim::Paid(Receipt { amount_minor: receipt.amount_minor + more, ..receipt }));
        }
        Step::Ask(minor, how, payee) => {
            let first = books.dossier.payments[0].id;
            let named = Allocation::Named(vec![NamedShare { payment: first, amount_minor: minor }]);
            let allocation = [Allocation::Reverse, Allocation::Proportional, named][usize::from(how)].clone();
            let _ = books.ask((minor % 7 != 0).then_some(minor), allocation, payee);
        }
        Step::Leg(index, claim) => {
            books.leg(index, claim);
        }
        Step::Arrived(index, more) => {
            let RefundClaim::Succeeded(receipt) = books.arrived(index) else { return };
            let receipt = RefundReceipt { amount_minor: receipt.amount_minor + more, ..receipt };
            books.leg(index, RefundClaim::Succeeded(receipt));
        }
        Step::Judge(index, claim) => {
            books.say(books.dossier.refunds[index].id, claim);
        }
        Step::Answer(index, keep) => {
            books.pay(index, Claim::LateMoneyAnswered { keep, by: "Eve".into() });
        }
        Step::Add(minor) => {
            let _ = books.add(minor);
        }
        Step::Wait(ms) => books.now = books.now.plus_ms(ms),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3_000, ..ProptestConfig::default() })]

    #[test]
    fn whatever_is_observed_the_laws_hold(
        start in books(),
        history in proptest::collection::vec(step(), 0..60),
    ) {
        let mut books = start.open();
        books.check();
        for step in history {
            let Some(step) = aimed(&books, step).filter(|step| sane(&books, step)) else { continue };
            let before = books.dossier.order.state;
            take(&mut books, step);
            books.check();
            let after = books.dossier.order.state;
            prop_assert!(!before.is_final() || after == before || after == OrderState::Paid, "{before:?} to {after:?}");
        }
    }

    #[test]
    fn no_claim_however_mad_confuses_the_books(
        start in books(),
        history in proptest::collection::vec(step(), 0..60),
    ) {
        let mut books = start.open();
        for step in history {
            let Some(step) = aimed(&books, step) else { continue };
            take(&mut books, step);
            books.check_balances();
            books.check_replay();
        }
    }

    /// Channels that keep their word: every wish ends with the payer having exactly its money, or with a
    /// person who said why not.
    #[test]
    fn when_everybody_answers_every_refund_ends(
        start in books(),
        history in proptest::collection::vec(step(), 0..40),
        ends in proptest::collection::vec(0..6_u8, 400),
    ) {
        let mut books = start.open();
        for index in 0..books.dossier.payments.len() {
            if books.dossier.payments[index].due_at.is_some() {
                books.capture(index);
            }
        }
        for step in history {
            let Some(step) = aimed(&books, step).filter(|step| sane(&books, step)) else { continue };
            take(&mut books, step);
        }
        for end in ends {
            let may_send = |leg: &crate::refund::Leg| books.dossier.refund(leg.refund).is_some_and(|r| r.state.may_send());
            let waits = |l: &crate::refund::Leg| l.state.is_active() || l.state == LegState::AwaitingTransfer;
            let Some(index) = books.legs().iter().position(|l| may_send(l) && waits(l)) else { break };
            finish(&mut books, index, end);
            books.check();
        }
        for refund in books.dossier.refunds.iter().filter(|r| r.state.may_send()) {
            let held = refund.legs.iter().any(|l| l.state == LegState::Held);
            prop_assert!(refund.state.is_final() || held, "{refund:#?}");
            if refund.state != crate::refund::RefundState::Succeeded && !held && !books.revived {
                prop_assert!(refund.legs.iter().any(|l| l.given_up()), "{refund:#?}");
            }
        }
    }
}

/// Brings a leg one step nearer to its end.
fn finish(books: &mut Books, index: usize, how: u8) {
    let leg = books.legs()[index].clone();
    let claim = match leg.state {
        LegState::Reserved | LegState::WaitingFunds => RefundClaim::Sending,
        LegState::SecondWay if how < 3 => RefundClaim::SecondAccepted,
        LegState::SecondWay => RefundClaim::SecondFailed { reason: text() },
        LegState::AwaitingTransfer => RefundClaim::Transferred { by: "Eve".into(), reference: text() },
        LegState::Unknown if how < 3 => RefundClaim::Absent,
        _ => match how {
            0 => RefundClaim::Closed { reason: text() },
            1 if leg.evidence.second_accepted_at.is_some() => RefundClaim::SecondFailed { reason: text() },
            1 => RefundClaim::Abnormal { refund_id: "r".into() },
            2 if leg.state == LegState::Sending => RefundClaim::Refused { reason: text() },
            3 if leg.state == LegState::Sending => RefundClaim::NoAnswer { why: text() },
            _ => books.arrived(index),
        },
    };
    books.leg(index, claim);
}
