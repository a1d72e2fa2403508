//! What evidence about a leg means, in whatever order it comes.

use proptest::prelude::*;

use super::*;
use crate::money::Currency;
use crate::observation::Source;
use LegState::{
    Abandoned, AwaitingTransfer, Failed, Held, NotPossible, Processing, Reserved, Reversed, SecondWay, Sending,
    Stranded, Succeeded, Unknown, WaitingFunds,
};

const EXPECTED: Money = Money::new(100, Currency::CNY);

fn receipt(id: &str, amount_minor: i64) -> RefundReceipt {
    RefundReceipt { refund_id: id.into(), amount_minor, currency: "CNY".into(), refunded_at: Timestamp::from_millis(5) }
}

fn reason() -> String {
    "r".to_owned()
}

fn lost() -> RefundClaim {
    RefundClaim::NoAnswer { why: reason() }
}

fn not_sent() -> RefundClaim {
    RefundClaim::NotSent { why: reason() }
}

fn refused() -> RefundClaim {
    RefundClaim::Refused { reason: reason() }
}

fn no_funds() -> RefundClaim {
    RefundClaim::NoFunds { reason: reason() }
}

fn abnormal() -> RefundClaim {
    RefundClaim::Abnormal { refund_id: "r1".into() }
}

fn abandoned() -> RefundClaim {
    RefundClaim::Abandoned { by: "Eve".into(), reason: reason() }
}

fn reversed() -> RefundClaim {
    RefundClaim::Reversed { reason: reason() }
}

fn transferred() -> RefundClaim {
    RefundClaim::Transferred { by: "Eve".into(), reference: reason() }
}

fn paid_out() -> RefundClaim {
    RefundClaim::PaidOut { by: "Eve".into(), worker: "Zhang".into(), proof: reason() }
}

fn processing() -> RefundClaim {
    RefundClaim::Processing { refund_id: "r1".into() }
}

fn arrived() -> RefundClaim {
    RefundClaim::Succeeded(receipt("r1", 100))
}

/// Every claim, twice where its content matters.
fn claims() -> Vec<RefundClaim> {
    vec![
        RefundClaim::Sending,
        lost(),
        not_sent(),
        RefundClaim::Absent,
        no_funds(),
        RefundClaim::NoFunds { reason: "other".into() },
        refused(),
        RefundClaim::Refused { reason: "other".into() },
        processing(),
        RefundClaim::Processing { refund_id: "r2".into() },
        arrived(),
        RefundClaim::Succeeded(receipt("r2", 100)),
        RefundClaim::Succeeded(receipt("r1", 99)),
        RefundClaim::Closed { reason: reason() },
        abnormal(),
        RefundClaim::SecondSending,
        RefundClaim::SecondAccepted,
        RefundClaim::SecondFailed { reason: reason() },
        reversed(),
        transferred(),
        paid_out(),
        abandoned(),
        RefundClaim::Abandoned { by: "bursar".into(), reason: reason() },
        RefundClaim::Approved { by: "Eve".into() },
    ]
}

fn fold(observations: &[(i64, RefundClaim)]) -> LegEvidence {
    observations.iter().fold(LegEvidence::default(), |evidence, (at, claim)| {
        let claim = Claim::Refund(claim.clone());
        evidence.join(EXPECTED, &Observation::new(Source::Query, Timestamp::from_millis(*at), claim))
    })
}

/// The state of a leg through the channel, without a second way, after claims at 1, 2, 3 …
fn state(claims: &[RefundClaim]) -> LegState {
    fold(&(1..).zip(claims.iter().cloned()).collect::<Vec<_>>()).state(Route::Channel, false)
}

fn state_by(route: Route, second_way: bool, claims: &[RefundClaim]) -> LegState {
    fold(&(1..).zip(claims.iter().cloned()).collect::<Vec<_>>()).state(route, second_way)
}

#[test]
fn every_pair_of_claims_ends_the_same_in_either_order_and_with_repetitions() {
    let all = claims();
    for a in &all {
        for b in &all {
            for (ta, tb) in [(0, 1), (1, 0), (1, 1)] {
                let (x, y) = ((ta, a.clone()), (tb, b.clone()));
                let want = fold(&[x.clone(), y.clone()]);
                assert_eq!(fold(&[y.clone(), x.clone()]), want);
                assert_eq!(fold(&[x.clone(), y.clone(), y, x]), want);
            }
        }
    }
}

fn history() -> impl Strategy<Value = Vec<(i64, RefundClaim)>> {
    proptest::collection::vec((0_i64..20, proptest::sample::select(claims())), 0..14)
}

proptest! {
    #[test]
    fn long_histories_end_the_same_however_they_are_shuffled_and_repeated(
        (history, shuffled) in history().prop_flat_map(|h| (Just(h.clone()), Just([&h[..], &h[..]].concat()).prop_shuffle()))
    ) {
        let (here, there) = (fold(&history), fold(&shuffled));
        for (route, second_way) in [(Route::Channel, false), (Route::Channel, true), (Route::Transfer, false)] {
            prop_assert_eq!(here.state(route, second_way), there.state(route, second_way));
        }
        prop_assert_eq!(here, there);
    }

    #[test]
    fn once_the_payer_has_it_only_a_reversal_or_a_contradiction_takes_it_away(
        before in history(),
        after in history(),
    ) {
        let all = [&before[..], &[(7, arrived())], &after[..]].concat();
        let state = fold(&all).state(Route::Channel, true);
        prop_assert!(matches!(state, Succeeded | Reversed | Held), "{state:?}");
    }

    #[test]
    fn every_evidence_round_trips_through_its_stored_form(history in history()) {
        let evidence = fold(&history);
        let text = serde_json::to_string(&evidence).unwrap();
        prop_assert_eq!(serde_json::from_str::<LegEvidence>(&text).unwrap(), evidence);
    }

    /// Nobody says that a leg has ended while the channel may still be at it.
    #[test]
    fn a_leg_whose_call_may_be_under_way_is_never_replaced(history in history()) {
        let calls = history.into_iter().filter(|(_, claim)| {
            matches!(claim, RefundClaim::Sending | RefundClaim::NoAnswer { .. } | RefundClaim::Abandoned { .. })
        });
        let calls: Vec<_> = [(20, RefundClaim::Sending)].into_iter().chain(calls).collect();
        prop_assert!(matches!(fold(&calls).state(Route::Channel, true), Sending | Unknown));
    }
}

#[test]
fn a_number_can_be_sent_again_until_the_channel_has_it() {
    assert_eq!(state(&[]), Reserved);
    assert_eq!(state(&[RefundClaim::Sending]), Sending);
    assert_eq!(state(&[RefundClaim::Sending, lost()]), Unknown);
    assert_eq!(state(&[RefundClaim::Sending, lost(), RefundClaim::Absent]), Reserved);
    assert_eq!(state(&[RefundClaim::Sending, lost(), RefundClaim::Absent, RefundClaim::Sending]), Sending);
    assert_eq!(state(&[RefundClaim::Sending, not_sent()]), Reserved);
    assert_eq!(state(&[RefundClaim::Sending, no_funds()]), WaitingFunds);
    assert_eq!(state(&[RefundClaim::Sending, no_funds(), RefundClaim::Sending]), Sending);
    assert_eq!(state(&[RefundClaim::Sending, no_funds(), RefundClaim::Sending, not_sent()]), Reserved);
    assert_eq!(state(&[RefundClaim::Sending, lost(), processing()]), Processing);
    assert_eq!(state(&[processing(), lost(), RefundClaim::Absent, refused()]), Processing);
}

#[test]
fn a_refusal_ends_a_number_unless_an_earlier_call_may_have_arrived() {
    assert_eq!(state(&[RefundClaim::Sending, refused()]), NotPossible);
    assert_eq!(state(&[RefundClaim::Sending, no_funds(), RefundClaim::Sending, refused()]), NotPossible);
    let unsure = [RefundClaim::Sending, lost(), RefundClaim::Absent, RefundClaim::Sending, refused()];
    assert_eq!(state(&unsure), Unknown);
    let and = |claim: RefundClaim| state(&[&unsure[..], &[claim]].concat());
    assert_eq!(and(RefundClaim::Absent), NotPossible);
    assert_eq!(and(processing()), Processing);
    assert_eq!(and(arrived()), Succeeded);
}

#[test]
fn what_the_channel_gave_up_or_a_bank_sent_back_is_told_apart() {
    assert_eq!(state(&[processing(), RefundClaim::Closed { reason: reason() }]), Failed);
    assert_eq!(state(&[processing(), abnormal()]), Stranded);
    assert_eq!(state(&[abnormal(), arrived()]), Succeeded);
    assert_eq!(state(&[arrived(), abnormal()]), Succeeded, "which came first, a message does not tell");
    assert_eq!(state(&[arrived(), reversed()]), Reversed);
    assert_eq!(state(&[RefundClaim::Succeeded(receipt("r1", 99)), arrived(), reversed()]), Held);
}

#[test]
fn the_second_way_is_asked_for_once_and_ends_as_it_says() {
    let second = |claims: &[RefundClaim]| state_by(Route::Channel, true, claims);
    let failed = || RefundClaim::SecondFailed { reason: reason() };
    assert_eq!(second(&[processing(), abnormal()]), SecondWay);
    assert_eq!(second(&[abnormal(), RefundClaim::SecondSending]), SecondWay);
    assert_eq!(second(&[abnormal(), RefundClaim::SecondSending, RefundClaim::SecondAccepted]), Processing);
    assert_eq!(second(&[abnormal(), RefundClaim::SecondAccepted, failed()]), Stranded);
    assert_eq!(second(&[abnormal(), failed()]), Stranded);
    assert_eq!(second(&[abnormal(), failed(), arrived()]), Succeeded);
}

#[test]
fn a_transfer_goes_by_what_people_say_only() {
    let by_hand = |claims: &[RefundClaim]| state_by(Route::Transfer, false, claims);
    assert_eq!(by_hand(&[]), AwaitingTransfer);
    assert_eq!(by_hand(&[abandoned()]), Abandoned);
    assert_eq!(by_hand(&[abandoned(), transferred()]), Succeeded, "what was done counts");
    assert_eq!(by_hand(&[transferred(), reversed()]), Reversed);
    assert_eq!(by_hand(&[arrived(), refused(), RefundClaim::Sending]), AwaitingTransfer);
    assert_eq!(state(&[transferred()]), Reserved);
}

#[test]
fn giving_up_waits_for_what_a_call_does() {
    assert_eq!(state(&[abandoned()]), Abandoned);
    assert_eq!(state(&[abandoned(), RefundClaim::Sending]), Sending);
    assert_eq!(state(&[abandoned(), RefundClaim::Sending, lost()]), Unknown);
    assert_eq!(state(&[abandoned(), RefundClaim::Sending, no_funds()]), Abandoned);
    assert_eq!(state(&[abandoned(), processing()]), Processing);
    assert_eq!(state(&[abandoned(), arrived()]), Succeeded);
}

#[test]
fn clocks_that_jump_back_do_not_turn_the_order_of_what_was_read() {
    let calls = fold(&[(50_000, RefundClaim::Sending), (60_000, no_funds())]);
    let at = |evidence: &LegEvidence, claim| evidence.earliest_sight(&Claim::Refund(claim)).unwrap().as_millis();
    assert_eq!(at(&calls, RefundClaim::Sending), 60_001);
    assert_eq!(at(&calls, lost()), 50_000);
    let refused = fold(&[(50_000, RefundClaim::Sending), (51_000, lost()), (60_000, refused())]);
    assert_eq!(at(&refused, RefundClaim::Absent), 60_000);
    assert_eq!(LegEvidence::default().earliest_sight(&Claim::Refund(RefundClaim::Sending)), None);
}

#[test]
fn states_and_routes_have_numbers_of_their_own() {
    for state in LegState::ALL {
        assert_eq!(LegState::from_code(state.code()), Some(state));
        assert!(!(state.is_active() && state.waits_for_a_person()));
        assert!(!(state.failed_route() && state.takes_from_payment()));
    }
    for route in [Route::Channel, Route::Transfer] {
        assert_eq!(Route::from_code(route.code()), Some(route));
    }
}
