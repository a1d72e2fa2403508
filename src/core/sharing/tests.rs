//! Shares in any order of observations: the same state, the same books, never more than there is.

use proptest::prelude::*;

use super::plan::apportion;
use super::*;
use crate::ledger::{AccountKind, Posting};
use crate::money::Money;

fn ask(account: &str, amount: ShareAmount) -> ShareAsk {
    ShareAsk {
        kind: ReceiverKind::Merchant,
        account: account.into(),
        name: Some("某家政公司".into()),
        amount,
        description: "佣金".into(),
    }
}

fn cny(minor: i64) -> Money {
    Money::new(minor, Currency::CNY)
}

fn part(kind: ReceiverKind, account: &str, amount_minor: i64) -> SharePart {
    SharePart { kind, account: account.into(), name: None, amount_minor, description: "share".into() }
}

fn sharing(amounts: &[i64]) -> Sharing {
    let id = |n: u128| Uuid::from_u128(n << 64);
    let kind = |n: usize| if n == 2 { ReceiverKind::Person } else { ReceiverKind::Merchant };
    Sharing {
        order: OrderId(id(1)),
        payment: PaymentId(id(2)),
        merchant: MerchantId(id(3)),
        account: ChannelAccountId(id(4)),
        currency: Currency::CNY,
        lines: amounts.iter().enumerate().map(|(n, minor)| part(kind(n), &format!("r{n}"), *minor)).collect(),
        share: CallEvidence::default(),
        unfreeze: CallEvidence::default(),
        ended: BTreeMap::new(),
        returns: Vec::new(),
        version: 0,
        created_at: Timestamp::from_millis(0),
    }
}

fn at(ms: i64) -> Timestamp {
    Timestamp::from_millis(ms)
}

fn shared(amounts: &[i64]) -> Sharing {
    let mut all = sharing(amounts);
    for n in 0..u8::try_from(amounts.len()).unwrap() {
        all.observe(at(1), &SharingClaim::Line(n, Ended::Moved));
    }
    all
}

fn balance(postings: &[Posting], kind: AccountKind) -> i64 {
    let debit = postings.iter().filter(|p| p.debit.kind == kind).map(|p| p.amount.minor).sum::<i64>();
    debit - postings.iter().filter(|p| p.credit.kind == kind).map(|p| p.amount.minor).sum::<i64>()
}

#[test]
fn asked_shares_become_exact_amounts_and_the_rest_stays() {
    let asks = [ask("1900000001", ShareAmount::Minor(333)), ask("1900000002", ShareAmount::BasisPoints(1_999))];
    let parts = plan(&asks, cny(1_001), 10_000).unwrap();
    assert_eq!(parts.iter().map(|p| p.amount_minor).collect::<Vec<_>>(), [333, 200]);
}

#[test]
fn wrong_shares_are_refused_with_words() {
    let why = |asks: &[ShareAsk], most| plan(asks, cny(1_000), most).unwrap_err();
    let one = |amount| [ask("1900000001", amount)];
    assert!(why(&one(ShareAmount::Minor(1_001)), 10_000).contains("more than the order's"));
    assert!(why(&one(ShareAmount::Minor(301)), 3_000).contains("at most"));
    assert!(plan(&one(ShareAmount::Minor(300)), cny(1_000), 3_000).is_ok());
    assert!(why(&one(ShareAmount::Minor(0)), 3_000).contains("`shares[0].amount_minor`"));
    assert!(why(&one(ShareAmount::Minor(i64::MIN)), 3_000).contains("`shares[0].amount_minor`"));
    assert!(why(&one(ShareAmount::BasisPoints(10_001)), 3_000).contains("`shares[0].basis_points`"));
    let same = [ask("1900000001", ShareAmount::Minor(1)), ask("1900000001", ShareAmount::Minor(1))];
    assert!(why(&same, 3_000).contains("a share already"));
    assert!(why(&vec![ask("1900000001", ShareAmount::Minor(1)); 51], 3_000).contains("at most 50"));
    for (odd, member) in [
        (ShareAsk { account: "a b".into(), ..ask("", ShareAmount::Minor(1)) }, "account"),
        (ShareAsk { description: "\n".into(), ..ask("1", ShareAmount::Minor(1)) }, "description"),
        (ShareAsk { name: None, ..ask("1", ShareAmount::Minor(1)) }, "name"),
        (ShareAsk { kind: ReceiverKind::Person, ..ask("1", ShareAmount::Minor(1)) }, "name"),
    ] {
        assert!(why(&[odd], 3_000).contains(&format!("`shares[0].{member}`")), "{member}");
    }
}

#[test]
fn a_call_without_an_answer_is_asked_about_and_made_again_under_its_number() {
    let mut one = sharing(&[100]);
    assert_eq!(one.next_step(), NextStep::Share);
    one.observe(at(5), &SharingClaim::Share(CallClaim::Sending));
    assert_eq!((one.next_step(), one.line_state(0)), (NextStep::AskShare, ShareState::Sending));
    one.observe(at(6), &SharingClaim::Share(CallClaim::NoAnswer));
    assert_eq!((one.next_step(), one.line_state(0)), (NextStep::AskShare, ShareState::Unknown));
    one.observe(at(7), &SharingClaim::Share(CallClaim::NotSent));
    assert_eq!(one.next_step(), NextStep::Share);
    one.observe(at(8), &SharingClaim::Share(CallClaim::Accepted("3008".into())));
    assert_eq!(one.line_state(0), ShareState::Processing);
    one.observe(at(9), &SharingClaim::Line(0, Ended::Moved));
    assert_eq!((one.next_step(), one.line_state(0)), (NextStep::Rest, ShareState::Shared));
}

#[test]
fn what_is_refused_or_nothing_is_freed_by_another_call() {
    let mut one = sharing(&[100]);
    one.observe(at(5), &SharingClaim::Share(CallClaim::Refused("no".into())));
    assert_eq!((one.next_step(), one.line_state(0)), (NextStep::Unfreeze, ShareState::Closed));
    one.observe(at(6), &SharingClaim::Unfreeze(CallClaim::Accepted("3009".into())));
    assert_eq!(one.next_step(), NextStep::Rest);
    assert_eq!(sharing(&[]).next_step(), NextStep::Unfreeze);
    assert_eq!(one.troubles().len(), 1);
}

#[test]
fn the_merchants_own_part_goes_back_first_and_receivers_bear_the_rest_in_proportion() {
    let all = shared(&[200, 100]);
    assert!(all.returns_needed(1_000, 700).is_empty());
    let need = all.returns_needed(1_000, 850);
    assert_eq!(need.iter().map(|r| (r.line, r.amount_minor)).collect::<Vec<_>>(), [(0, 100), (1, 50)]);
    let mut all = all;
    all.returns = need;
    assert!(all.returns_needed(1_000, 850).is_empty(), "what is being pulled back is not pulled back twice");
    let more = all.returns_needed(1_000, 1_000);
    assert_eq!(more.iter().map(|r| r.amount_minor).sum::<i64>(), 150);
    assert!(sharing(&[200]).returns_needed(1_000, 1_000).is_empty(), "shares under way cannot be pulled back");
}

#[test]
fn persons_and_those_who_refused_are_not_asked() {
    let mut all = shared(&[100, 100, 100]);
    let need = all.returns_needed(1_000, 1_000);
    assert_eq!(need.iter().map(|r| (r.line, r.amount_minor)).collect::<Vec<_>>(), [(0, 100), (1, 100)]);
    all.returns = need;
    all.observe(at(2), &SharingClaim::Returned(0, Ended::Refused("insufficient".into())));
    all.observe(at(2), &SharingClaim::Returned(1, Ended::Moved));
    assert!(all.returns_needed(1_000, 1_000).is_empty());
    assert_eq!(all.shared_minor(), 200);
    assert_eq!(all.troubles().len(), 1);
}

#[test]
fn the_ledger_owes_what_is_planned_and_nothing_when_it_is_shared_or_back() {
    let planned = sharing(&[60, 40]);
    let mut all = planned.postings(None);
    assert_eq!((balance(&all, AccountKind::Earnings), balance(&all, AccountKind::Shares)), (100, -100));
    let got = shared(&[60, 40]);
    let moved = got.postings(Some(&planned));
    assert!(moved.iter().all(|p| p.debit.kind == AccountKind::Shares && p.credit.kind == AccountKind::Clearing));
    all.extend(moved);
    assert_eq!((balance(&all, AccountKind::Clearing), balance(&all, AccountKind::Shares)), (-100, 0));
    let mut back = got.clone();
    back.returns = back.returns_needed(1_000, 1_000);
    for n in 0..2 {
        back.observe(at(3), &SharingClaim::Returned(n, Ended::Moved));
    }
    all.extend(back.postings(Some(&got)));
    for kind in [AccountKind::Clearing, AccountKind::Shares, AccountKind::Earnings] {
        assert_eq!(balance(&all, kind), 0, "{kind:?}");
    }
}

fn call_claims() -> impl Strategy<Value = CallClaim> {
    prop_oneof![
        Just(CallClaim::Sending),
        Just(CallClaim::NoAnswer),
        Just(CallClaim::NotSent),
        "[ab]".prop_map(CallClaim::Accepted),
        "[xy]".prop_map(CallClaim::Refused),
    ]
}

fn ends() -> impl Strategy<Value = Ended> {
    prop_oneof![Just(Ended::Moved), "[xy]".prop_map(Ended::Refused)]
}

fn claims() -> impl Strategy<Value = SharingClaim> {
    prop_oneof![
        call_claims().prop_map(SharingClaim::Share),
        call_claims().prop_map(SharingClaim::Unfreeze),
        (0_u8..4, ends()).prop_map(|(n, e)| SharingClaim::Line(n, e)),
        (0_u8..3, call_claims()).prop_map(|(n, c)| SharingClaim::Return(n, c)),
        (0_u8..3, ends()).prop_map(|(n, e)| SharingClaim::Returned(n, e)),
    ]
}

fn planned() -> Sharing {
    let mut one = sharing(&[50, 30, 20]);
    let back = |line, amount_minor| ShareReturn { line, amount_minor, call: CallEvidence::default(), ended: None };
    one.returns = vec![back(0, 10), back(1, 30)];
    one
}

proptest! {
    #[test]
    fn in_any_order_and_however_often_observations_mean_the_same(
        seen in prop::collection::vec((0_i64..20, claims()), 0..24),
        swaps in prop::collection::vec(any::<prop::sample::Index>(), 0..24),
    ) {
        let mut straight = planned();
        let mut posted = straight.postings(None);
        for (ms, claim) in &seen {
            let before = straight.clone();
            straight.observe(at(*ms), claim);
            posted.extend(straight.postings(Some(&before)));
        }
        let mut mixed: Vec<_> = seen.iter().chain(&seen).cloned().collect();
        for (n, swap) in swaps.iter().enumerate() {
            if !mixed.is_empty() {
                let (a, b) = (n % mixed.len(), swap.index(mixed.len()));
                mixed.swap(a, b);
            }
        }
        let mut other = planned();
        for (ms, claim) in &mixed {
            other.observe(at(*ms), claim);
        }
        prop_assert_eq!(&straight, &other);
        // The postings of a history come to those of its end.
        let whole = straight.postings(None);
        for kind in [AccountKind::Clearing, AccountKind::Shares, AccountKind::Earnings] {
            prop_assert_eq!(balance(&posted, kind), balance(&whole, kind));
        }
    }

    #[test]
    fn parts_are_exact_and_never_more_than_their_weights(
        weights in prop::collection::vec(0_i64..1_000_000, 1..50),
        permille in 0_i64..=1_000,
    ) {
        let sum: i64 = weights.iter().sum();
        let total = sum * permille / 1_000;
        let parts = apportion(total, &weights);
        prop_assert_eq!(parts.iter().sum::<i64>(), total);
        prop_assert!(parts.iter().zip(&weights).all(|(p, w)| (0..=*w).contains(p)));
    }

    #[test]
    fn what_is_pulled_back_is_what_the_refund_needs_or_all_that_can_be(
        amounts in prop::collection::vec(1_i64..10_000, 1..6),
        kept in 0_i64..10_000,
        back in 0_i64..100_000,
    ) {
        let all = shared(&amounts);
        let taken = amounts.iter().sum::<i64>() + kept;
        let need = (back.min(taken) - kept).max(0);
        let able: i64 = amounts.iter().enumerate().filter(|(n, _)| *n != 2).map(|(_, a)| *a).sum();
        let planned: i64 = all.returns_needed(taken, back).iter().map(|r| r.amount_minor).sum();
        prop_assert_eq!(planned, need.min(able));
    }
}
