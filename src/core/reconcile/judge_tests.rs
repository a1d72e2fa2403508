//! What lines mean, by where our books stand.

use uuid::Uuid;

use super::*;
use crate::chance::SeededChance;
use crate::clock::{DAY_MS, Timestamp};
use crate::money::Currency;

fn at() -> Timestamp {
    Timestamp::from_millis(1_800_000_000_000)
}

fn account() -> ChannelAccountId {
    ChannelAccountId(Uuid::from_u128(7))
}

fn payment_id() -> PaymentId {
    PaymentId::fresh(at().plus_ms(-60_000), &SeededChance::new(1))
}

fn leg_id() -> LegId {
    LegId::fresh(at().plus_ms(-60_000), &SeededChance::new(2))
}

fn line(kind: EntryKind, number: &str, minor: i64) -> BillLine {
    BillLine {
        ordinal: 1,
        kind,
        status: EntryStatus::Done,
        number: number.to_owned(),
        payment_number: Some(payment_id().bare()),
        payment_channel_id: None,
        channel_id: "42".to_owned(),
        amount_minor: minor,
        currency: "CNY".to_owned(),
        fee_minor: 6,
        at: at(),
        order_number: None,
    }
}

fn payment(state: PaymentState, minor: i64) -> Ours {
    let amount = Money::new(minor, Currency::CNY);
    Ours::Payment(PaymentSide { id: payment_id(), account: account(), state, amount })
}

fn leg(state: LegState, minor: i64) -> Ours {
    let amount = Money::new(minor, Currency::CNY);
    Ours::Leg(LegSide { id: leg_id(), payment: payment_id(), account: account(), state, amount })
}

fn kind_of(verdict: &Verdict) -> Option<(BreakKind, i64)> {
    match verdict {
        Verdict::Agrees | Verdict::Told => None,
        Verdict::Mends { found, .. }
        | Verdict::Recovers { found, .. }
        | Verdict::RecoversRefund { found, .. }
        | Verdict::Differs(found) => Some((found.kind, found.amount_minor)),
    }
}

#[test]
fn a_capture_that_both_know_agrees_whatever_became_of_the_money_later() {
    for state in [PaymentState::Captured, PaymentState::CaptureReversed] {
        let line = line(EntryKind::Capture, &payment_id().bare(), 1_000);
        assert_eq!(judge(&line, account(), &payment(state, 1_000)), Verdict::Agrees);
    }
}

#[test]
fn a_capture_that_we_did_not_know_mends_every_state_without_money() {
    let line = line(EntryKind::Capture, &payment_id().bare(), 1_000);
    for state in PaymentState::ALL {
        let verdict = judge(&line, account(), &payment(state, 1_000));
        match state {
            PaymentState::Captured | PaymentState::CaptureReversed => assert_eq!(verdict, Verdict::Agrees),
            PaymentState::IntegrityHold => assert_eq!(verdict, Verdict::Told),
            _ => {
                assert_eq!(kind_of(&verdict), Some((BreakKind::StatusChannelPaid, 1_000)), "{state:?}");
                let Verdict::Mends { claim: Claim::Paid(receipt), .. } = verdict else { panic!("{verdict:?}") };
                assert_eq!((receipt.transaction_id.as_str(), receipt.amount_minor), ("42", 1_000));
            }
        }
    }
}

#[test]
fn another_amount_or_currency_is_a_difference_with_its_sign() {
    let more = line(EntryKind::Capture, &payment_id().bare(), 1_001);
    let books = payment(PaymentState::Captured, 1_000);
    assert_eq!(kind_of(&judge(&more, account(), &books)), Some((BreakKind::Amount, 1)));
    let other = BillLine { currency: "USD".to_owned(), ..line(EntryKind::Capture, &payment_id().bare(), 1_000) };
    assert_eq!(kind_of(&judge(&other, account(), &books)), Some((BreakKind::Currency, 1_000)));
    // What is not known to be paid is told all the same: the payment is held for a person.
    let verdict = judge(&more, account(), &payment(PaymentState::AwaitingPayer, 1_000));
    assert!(matches!(&verdict, Verdict::Mends { found, .. } if found.kind == BreakKind::Amount), "{verdict:?}");
    let given = line(EntryKind::Refund, &leg_id().bare(), 1_001);
    assert_eq!(kind_of(&judge(&given, account(), &leg(LegState::Succeeded, 1_000))), Some((BreakKind::Amount, -1)));
}

#[test]
fn a_number_that_we_make_is_recovered_and_a_strangers_is_asked_about() {
    let ours = line(EntryKind::Capture, &payment_id().bare(), 1_000);
    assert!(
        matches!(judge(&ours, account(), &Ours::Nothing), Verdict::Recovers { payment, .. } if payment == payment_id())
    );
    let foreign = line(EntryKind::Capture, "SHOP-2026-0001", 1_000);
    assert_eq!(kind_of(&judge(&foreign, account(), &Ours::Nothing)), Some((BreakKind::MissingHere, 1_000)));
    assert!(matches!(judge(&foreign, account(), &Ours::Nothing), Verdict::Differs(_)));
    // Of our shape, and made long before or after: not ours.
    for moved in [-101 * DAY_MS, DAY_MS] {
        let id = PaymentId::fresh(at().plus_ms(moved), &SeededChance::new(3));
        let line = line(EntryKind::Capture, &id.bare(), 1_000);
        assert!(matches!(judge(&line, account(), &Ours::Nothing), Verdict::Differs(_)), "{moved}");
    }
    // Another account's payment is not taken.
    let elsewhere = judge(&ours, ChannelAccountId(Uuid::from_u128(8)), &payment(PaymentState::Sending, 1_000));
    assert!(matches!(elsewhere, Verdict::Differs(_)));
}

#[test]
fn refunds_are_mended_recovered_or_agree() {
    let done = line(EntryKind::Refund, &leg_id().bare(), 500);
    for state in LegState::ALL {
        let verdict = judge(&done, account(), &leg(state, 500));
        match state {
            LegState::Succeeded | LegState::Reversed => assert_eq!(verdict, Verdict::Agrees, "{state:?}"),
            LegState::Held => assert_eq!(verdict, Verdict::Told),
            _ => assert_eq!(kind_of(&verdict), Some((BreakKind::RefundMissingHere, -500)), "{state:?}"),
        }
    }
    for state in [LegState::Reversed, LegState::Held] {
        let verdict = judge(&done, account(), &leg(state, 400));
        assert!(matches!(&verdict, Verdict::Differs(d) if (d.kind, d.amount_minor) == (BreakKind::Amount, -100)));
    }
    let lost = judge(&done, account(), &Ours::Nothing);
    assert!(
        matches!(&lost, Verdict::RecoversRefund { leg: Some(l), payment: Some(p), .. } if (*l, *p) == (leg_id(), payment_id()))
    );
    let by_hand = judge(&line(EntryKind::Refund, "hand-1", 500), account(), &Ours::Nothing);
    assert!(matches!(&by_hand, Verdict::RecoversRefund { leg: None, payment: Some(_), .. }));
    let pending = BillLine { status: EntryStatus::Pending, ..done.clone() };
    assert_eq!(judge(&pending, account(), &leg(LegState::Processing, 500)), Verdict::Told);
    let failed = BillLine { status: EntryStatus::Failed, ..done };
    assert_eq!(judge(&failed, account(), &leg(LegState::Failed, 500)), Verdict::Told);
    let came_back = judge(&failed, account(), &leg(LegState::Succeeded, 500));
    assert_eq!(kind_of(&came_back), Some((BreakKind::RefundMissingThere, 500)));
}

#[test]
fn fees_are_judged_by_the_contract_only() {
    let rule = FeeRule { basis_points: 60, fixed_minor: 0, returned: true, tolerance_minor: 0 };
    let capture = line(EntryKind::Capture, "x", 1_000);
    assert_eq!(judge_fee(&capture, Some(rule)), None);
    assert_eq!(judge_fee(&BillLine { fee_minor: 9, ..capture.clone() }, None), None);
    let dear = judge_fee(&BillLine { fee_minor: 9, ..capture }, Some(rule)).unwrap();
    assert_eq!((dear.kind, dear.amount_minor), (BreakKind::Fee, -3));
    let refund = BillLine { fee_minor: -6, ..line(EntryKind::Refund, "x", 1_000) };
    assert_eq!(judge_fee(&refund, Some(rule)), None);
    assert_eq!(judge_fee(&line(EntryKind::Payout, "x", 1_000), Some(rule)), None);
}
