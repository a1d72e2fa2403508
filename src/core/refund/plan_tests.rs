//! How amounts are laid upon payments and ways.

use std::collections::BTreeMap;

use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::channel::{ChannelKind, Method};
use crate::clock::{DAY_MS, MINUTE_MS};
use crate::id::{ChannelAccountId, MerchantId, OrderId, RefundId};
use crate::money::Currency;
use crate::observation::{Claim, Observation, Receipt, Source};
use crate::order::Order;
use crate::payment::{Evidence, PayerDetails};
use crate::refund::{RefundCause, RefundClaim, RefundEvidence, RefundState};

const NOW: Timestamp = Timestamp::from_millis(DAY_MS);

fn limits(_: &Payment) -> RefundLimits {
    ChannelKind::Wechat.facts().refund
}

/// A paid order; the payments were captured one after the other.
fn paid(amounts: &[i64]) -> Dossier {
    let merchant = MerchantId(Uuid::nil());
    let zero = Timestamp::from_millis(0);
    let order = Order {
        id: OrderId(Uuid::nil()),
        merchant,
        number: "n".into(),
        amount: Money::new(amounts.iter().sum(), Currency::CNY),
        description: String::new(),
        state: OrderState::Paid,
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
        expires_at: zero,
        event_count: 0,
        version: 0,
        created_at: zero,
    };
    let payment = |(n, minor): (u32, &i64)| {
        let receipt = Receipt {
            transaction_id: "t".into(),
            amount_minor: *minor,
            currency: "CNY".into(),
            payee_matches: true,
            paid_at: Timestamp::from_millis(n.into()),
        };
        let amount = Money::new(*minor, Currency::CNY);
        let seen = Observation::new(Source::Query, zero, Claim::Paid(receipt));
        Payment {
            id: PaymentId(Uuid::from_u128(n.into())),
            order: order.id,
            merchant,
            account: ChannelAccountId(Uuid::nil()),
            method: Method::WechatNative,
            amount,
            payer: PayerDetails::default(),
            state: PaymentState::Captured,
            evidence: Evidence::default().join(amount, &seen),
            returned_minor: 0,
            installments: None,
            agreement: None,
            version: 0,
            due_at: None,
            created_at: zero,
        }
    };
    Dossier { payments: (1..).zip(amounts).map(payment).collect(), order, refunds: Vec::new() }
}

/// Adds a refund with one leg of payment number `payment`.
fn returning(dossier: &mut Dossier, payment: usize, minor: i64, claims: &[(i64, RefundClaim)]) {
    let id = RefundId(Uuid::from_u128(((dossier.refunds.len() + 1) as u128) << 32));
    let amount = Money::new(minor, Currency::CNY);
    let mut refund = Refund {
        id,
        order: dossier.order.id,
        merchant: dossier.order.merchant,
        amount,
        cause: RefundCause::Requested,
        reason: String::new(),
        requested_by: String::new(),
        needs_approval: false,
        late: false,
        payee: None,
        state: RefundState::Running,
        evidence: RefundEvidence::default(),
        legs: Vec::new(),
        version: 0,
        created_at: NOW,
    };
    let share =
        Share { payment: dossier.payments[payment].id, amount_minor: minor, route: Route::Channel, earliest: NOW };
    refund.add_leg(&share, None, NOW);
    let leg = &mut refund.legs[0];
    for (at, claim) in claims {
        let seen = Observation::new(Source::Query, Timestamp::from_millis(*at), Claim::Refund(claim.clone()));
        leg.evidence = leg.evidence.clone().join(amount, &seen);
    }
    leg.state = leg.evidence.state(Route::Channel, false);
    dossier.refunds.push(refund);
}

fn shares(dossier: &Dossier, amount: Option<i64>, allocation: &Allocation) -> Result<Vec<(u128, i64)>, Impossible> {
    let shares = allocate(dossier, amount, allocation, limits, NOW)?;
    Ok(shares.iter().map(|s| (s.payment.uuid().as_u128(), s.amount_minor)).collect())
}

fn named(shares: &[(u128, i64)]) -> Allocation {
    let of = |(n, amount_minor): &(u128, i64)| NamedShare {
        payment: PaymentId(Uuid::from_u128(*n)),
        amount_minor: *amount_minor,
    };
    Allocation::Named(shares.iter().map(of).collect())
}

#[test]
fn the_payment_captured_last_gives_first() {
    let dossier = paid(&[60, 30, 10]);
    assert_eq!(shares(&dossier, Some(35), &Allocation::Reverse), Ok(vec![(3, 10), (2, 25)]));
    assert_eq!(shares(&dossier, None, &Allocation::Reverse), Ok(vec![(3, 10), (2, 30), (1, 60)]));
}

#[test]
fn proportional_shares_follow_what_is_left() {
    let mut dossier = paid(&[60, 30, 10]);
    assert_eq!(shares(&dossier, Some(50), &Allocation::Proportional), Ok(vec![(3, 5), (2, 15), (1, 30)]));
    returning(&mut dossier, 0, 60, &[]);
    assert_eq!(shares(&dossier, Some(20), &Allocation::Proportional), Ok(vec![(3, 5), (2, 15)]));
    // One of three has no equal parts: the odd one comes from the payment captured last.
    assert_eq!(shares(&paid(&[5, 5, 5]), Some(4), &Allocation::Proportional), Ok(vec![(3, 2), (2, 1), (1, 1)]));
}

#[test]
fn named_shares_are_taken_as_they_are_named_or_refused() {
    let mut dossier = paid(&[60, 40]);
    let one = PaymentId(Uuid::from_u128(1));
    assert_eq!(shares(&dossier, Some(30), &named(&[(1, 10), (2, 20)])), Ok(vec![(1, 10), (2, 20)]));
    assert_eq!(shares(&dossier, None, &named(&[(1, 10)])), Ok(vec![(1, 10)]));
    let refused = |amount, shares_: &[(u128, i64)]| shares(&dossier, amount, &named(shares_)).unwrap_err();
    assert_eq!(refused(Some(31), &[(1, 30)]), Impossible::SharesDiffer { sum: 30, amount: 31 });
    assert_eq!(refused(Some(30), &[(9, 30)]), Impossible::NoSuchPayment(PaymentId(Uuid::from_u128(9))));
    assert_eq!(refused(Some(30), &[(1, 10), (1, 20)]), Impossible::NamedTwice(one));
    assert_eq!(refused(Some(30), &[(1, 40), (2, -10)]), Impossible::NotPositive(-10));
    assert_eq!(refused(None, &[]), Impossible::NotPositive(0));
    assert_eq!(
        refused(None, &[(1, i64::MAX), (2, i64::MAX)]),
        Impossible::TooMuch { asked: i64::MAX, captured: 100, given_back: 0, left: 100 }
    );
    returning(&mut dossier, 0, 60, &[]);
    let nothing_left = shares(&dossier, Some(1), &named(&[(1, 1)]));
    assert_eq!(nothing_left, Err(Impossible::TooMuch { asked: 1, captured: 60, given_back: 60, left: 0 }));
}

#[test]
fn refunds_of_one_payment_are_spaced_from_its_last_call_or_its_last_turn() {
    let mut dossier = paid(&[100]);
    let payment = dossier.payments[0].clone();
    let next = |dossier: &Dossier, leg: Option<&Leg>, now| earliest_call(dossier, &payment, leg, limits(&payment), now);
    assert_eq!(next(&dossier, None, NOW), NOW);
    returning(&mut dossier, 0, 10, &[]);
    assert_eq!(next(&dossier, None, NOW), NOW.plus_ms(MINUTE_MS));
    assert_eq!(next(&dossier, Some(&dossier.refunds[0].legs[0]), NOW), NOW, "its own turn is not in its way");
    returning(&mut dossier, 0, 10, &[(NOW.as_millis() - 20_000, RefundClaim::Sending)]);
    assert_eq!(next(&dossier, Some(&dossier.refunds[0].legs[0]), NOW), NOW.plus_ms(40_000));
    let later = NOW.plus_ms(90 * MINUTE_MS);
    assert_eq!(next(&dossier, Some(&dossier.refunds[0].legs[0]), later), later, "never in the past");
    // Of two that wait, the younger lets the older go first, and not the other way round.
    returning(&mut dossier, 0, 10, &[]);
    let (older, younger) = (&dossier.refunds[0].legs[0], &dossier.refunds[2].legs[0]);
    assert_eq!(next(&dossier, Some(older), NOW), NOW.plus_ms(40_000));
    assert_eq!(next(&dossier, Some(younger), NOW), NOW.plus_ms(MINUTE_MS));
}

#[test]
fn a_payment_that_is_too_old_or_was_refunded_too_often_is_given_back_by_hand() {
    let mut dossier = paid(&[100]);
    let late = Timestamp::from_millis(366 * DAY_MS);
    let route =
        |dossier: &Dossier, now| allocate(dossier, Some(1), &Allocation::Reverse, limits, now).unwrap()[0].route;
    assert_eq!(route(&dossier, NOW), Route::Channel);
    assert_eq!(route(&dossier, late), Route::Transfer);
    for _ in 0..50 {
        assert_eq!(route(&dossier, NOW), Route::Channel);
        returning(&mut dossier, 0, 1, &[]);
    }
    assert_eq!(route(&dossier, NOW), Route::Transfer);
}

fn ways(dossier: &Dossier) -> Vec<(u128, i64, Route)> {
    let refund = &dossier.refunds[0];
    let shares = reroute(dossier, refund, &refund.legs[0], limits, NOW);
    shares.iter().map(|s| (s.payment.uuid().as_u128(), s.amount_minor, s.route)).collect()
}

#[test]
fn a_failed_leg_goes_by_its_channel_again_then_by_other_payments_then_by_hand() {
    let closed = [(1, RefundClaim::Closed { reason: String::new() })];
    let refused = [(1, RefundClaim::Refused { reason: String::new() })];
    let mut again = paid(&[60, 40]);
    returning(&mut again, 0, 60, &closed);
    assert_eq!(ways(&again), [(1, 60, Route::Channel)]);
    let mut other = paid(&[60, 40]);
    returning(&mut other, 0, 60, &refused);
    assert_eq!(ways(&other), [(2, 40, Route::Channel), (1, 20, Route::Transfer)]);
    let mut alone = paid(&[60]);
    returning(&mut alone, 0, 60, &refused);
    assert_eq!(ways(&alone), [(1, 60, Route::Transfer)]);
}

#[test]
fn what_a_closed_order_gives_back_is_not_taken_from_its_other_payments() {
    let mut dossier = paid(&[60, 40]);
    dossier.order.state = OrderState::Closed;
    returning(&mut dossier, 0, 60, &[(1, RefundClaim::Refused { reason: String::new() })]);
    assert_eq!(ways(&dossier), [(1, 60, Route::Transfer)]);
}

#[test]
fn no_way_leads_beyond_what_the_payments_have_left() {
    let mut dossier = paid(&[60, 40]);
    returning(&mut dossier, 0, 60, &[(1, RefundClaim::Refused { reason: String::new() })]);
    returning(&mut dossier, 0, 50, &[]);
    returning(&mut dossier, 1, 35, &[]);
    assert_eq!(ways(&dossier), [(2, 5, Route::Channel), (1, 10, Route::Transfer)]);
}

#[test]
fn a_held_payment_is_given_back_by_hand() {
    let mut dossier = paid(&[60]);
    returning(&mut dossier, 0, 60, &[(1, RefundClaim::Closed { reason: String::new() })]);
    dossier.payments[0].state = PaymentState::IntegrityHold;
    assert_eq!(ways(&dossier), [(1, 60, Route::Transfer)]);
}

proptest! {
    #[test]
    fn shares_add_up_to_the_amount_and_take_no_more_than_is_left(
        parts in proptest::collection::vec((1..=i64::MAX / 8, 0..8_i64), 1..5),
        eighths in 1..=8_i64,
        proportional in any::<bool>(),
    ) {
        let amounts: Vec<i64> = parts.iter().map(|(minor, _)| *minor).collect();
        let mut dossier = paid(&amounts);
        for (index, (minor, returned)) in parts.iter().enumerate() {
            let back = minor / 8 * returned;
            if back > 0 {
                returning(&mut dossier, index, back, &[]);
            }
        }
        let left: BTreeMap<_, _> = dossier.payments.iter().map(|p| (p.id, left_of(&dossier, p))).collect();
        let amount = (left.values().sum::<i64>() / 8 * eighths).max(1);
        let how = if proportional { Allocation::Proportional } else { Allocation::Reverse };
        let shares = allocate(&dossier, Some(amount), &how, limits, NOW).unwrap();
        prop_assert_eq!(shares.iter().map(|s| s.amount_minor).sum::<i64>(), amount);
        for share in shares {
            prop_assert!(share.amount_minor > 0 && share.amount_minor <= left[&share.payment]);
        }
    }
}
