//! Tests of the rules of cash: they know who may do what, and must never need a database.

use super::*;
use crate::clock::{HOUR_MS, Timestamp};
use crate::id::{ChannelAccountId, CollectionId, HandInId, LegId, MerchantId, OrderId, PaymentId, PayoutId};
use crate::money::{Currency, Money};
use crate::observation::{Claim, PayCode};
use proptest::prelude::*;
use uuid::Uuid;

const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);

fn id(n: u128) -> Uuid {
    Uuid::from_u128(n)
}

fn cny(minor: i64) -> Money {
    Money::new(minor, Currency::CNY)
}

fn collection(n: u128, minor: i64) -> Collection {
    Collection {
        id: CollectionId(id(n)),
        payment: PaymentId(id(100 + n)),
        order: OrderId(id(200 + n)),
        merchant: MerchantId(id(1)),
        account: ChannelAccountId(id(2)),
        worker: "王芳".to_owned(),
        amount: cny(minor),
        tendered_minor: minor + 50,
        change_minor: 50,
        collected_at: NOW.plus_ms(-60_000),
        received_at: NOW,
        state: CollectionState::Claimed,
        confirmed_by: None,
        confirmed_at: None,
        why: None,
        note: None,
        disputed_by: None,
        wrong_codes: 0,
        hand_in: None,
        version: 1,
    }
}

fn confirmed(n: u128, minor: i64) -> Collection {
    collection(n, minor).confirm(BY_PAYER, NOW).unwrap()
}

fn payout(n: u128, minor: i64) -> Payout {
    Payout {
        id: PayoutId(id(n)),
        leg: LegId(id(300 + n)),
        merchant: MerchantId(id(1)),
        account: ChannelAccountId(id(2)),
        worker: "王芳".to_owned(),
        amount: cny(minor),
        by: "李梅".to_owned(),
        proof: "receipt 1".to_owned(),
        at: NOW,
        hand_in: None,
        version: 1,
    }
}

fn counting(by: &str, counted_minor: i64) -> Counting {
    Counting { id: HandInId(id(9)), by: by.to_owned(), at: NOW, counted_minor, bag: Some("B-7".to_owned()) }
}

/// What an error says must help: it names the person or thing and what to do.
fn says<T: std::fmt::Debug>(result: Result<T, CashError>, words: &[&str]) {
    let text = result.unwrap_err().to_string();
    assert!(words.iter().all(|w| text.contains(w)), "{text}");
}

#[test]
fn codes_are_stable_and_round_trip() {
    for state in CollectionState::ALL {
        assert_eq!(CollectionState::from_code(state.code()), Some(state));
    }
    assert_eq!(CollectionState::ALL.map(CollectionState::code), [1, 2, 3, 4, 5, 6]);
    for state in HandInState::ALL {
        assert_eq!(HandInState::from_code(state.code()), Some(state));
        assert_eq!(state.name().parse(), Ok(state));
    }
    assert!("open".parse::<HandInState>().unwrap_err().contains("counted"));
}

#[test]
fn only_these_ways_lead_from_state_to_state() {
    use CollectionState::{Banked, Claimed, Confirmed, Disputed, HandedIn, Refused};
    let lawful: Vec<_> = CollectionState::ALL
        .into_iter()
        .flat_map(|from| CollectionState::ALL.map(|to| (from, to)))
        .filter(|(from, to)| from.may_become(*to))
        .collect();
    let expected = [
        (Claimed, Confirmed),
        (Claimed, Disputed),
        (Claimed, Refused),
        (Confirmed, HandedIn),
        (Confirmed, Disputed),
        (HandedIn, Banked),
        (Disputed, Confirmed),
        (Disputed, Refused),
    ];
    assert_eq!(lawful, expected);
    let out_of_drawer = CollectionState::ALL.map(|s| s.in_drawer());
    assert_eq!(out_of_drawer, [true, true, false, false, true, false]);
}

#[test]
fn amounts_must_fit_together() {
    collection(1, 100).check().unwrap();
    collection(1, 1).check().unwrap();
    says(Collection { tendered_minor: 100, ..collection(1, 100) }.check(), &["100", "50", "change_minor"]);
    says(Collection { tendered_minor: 50, ..collection(1, 100) }.check(), &["tendered_minor"]);
    let refund_in_disguise = Collection { tendered_minor: 50, change_minor: -50, ..collection(1, 100) };
    says(refund_in_disguise.check(), &["change_minor"]);
    says(Collection { tendered_minor: 50, ..collection(1, 0) }.check(), &["at least one"]);
    says(Collection { tendered_minor: i64::MIN, ..collection(1, 100) }.check(), &["tendered_minor"]);
    says(Collection { worker: " ".to_owned(), ..collection(1, 100) }.check(), &["who"]);
}

#[test]
fn the_same_again_is_the_same_and_anything_else_is_named() {
    let first = confirmed(1, 100);
    let again = Collection { received_at: NOW.plus_ms(9), worker: " 王芳 ".to_owned(), ..collection(1, 100) };
    first.check_again(&again).unwrap();
    for (told, member) in [
        (Collection { payment: PaymentId(id(7)), ..again.clone() }, "payment"),
        (Collection { worker: "李梅".to_owned(), ..again.clone() }, "worker"),
        (Collection { amount: cny(99), ..again.clone() }, "amount_minor"),
        (Collection { tendered_minor: 200, ..again.clone() }, "tendered_minor"),
        (Collection { change_minor: 1, ..again.clone() }, "change_minor"),
        (Collection { collected_at: NOW, ..again }, "collected_at"),
    ] {
        says(first.check_again(&told), &[member, "new id"]);
    }
}

#[test]
fn a_collector_confirms_nothing_of_his_own() {
    let claimed = collection(1, 100);
    says(claimed.confirm(" 王芳", NOW), &["王芳", "somebody else"]);
    says(claimed.confirm("", NOW), &["who confirms"]);
    let by_lead = claimed.confirm(" 李梅 ", NOW).unwrap();
    assert_eq!((by_lead.confirmed_by.as_deref(), by_lead.confirmed_at), (Some("李梅"), Some(NOW)));
    assert!(by_lead.is_booked() && !claimed.is_booked());
    says(by_lead.confirm("陈", NOW), &["confirmed"]);
}

#[test]
fn what_is_confirmed_is_money_and_what_is_refused_is_not() {
    let claimed = collection(1, 100);
    assert_eq!(claimed.claim(None), None);
    let confirmed = claimed.confirm(BY_PAYER, NOW).unwrap();
    let Some(Claim::Received(piece)) = confirmed.claim(Some(&claimed)) else { panic!() };
    assert_eq!((piece.line, piece.amount_minor), (claimed.id.to_string(), 100));
    assert_eq!((piece.at, piece.currency.as_str()), (claimed.collected_at, "CNY"));
    // Confirmed when it is told: the same.
    assert_eq!(confirmed.claim(None), confirmed.claim(Some(&claimed)));
    // A dispute alone moves no money; its end may.
    let disputed = confirmed.dispute("客服", "she says 80").unwrap();
    assert_eq!(disputed.claim(Some(&confirmed)), None);
    assert!(disputed.why.as_deref().unwrap().contains("she says 80"));
    let again = disputed.confirm("李梅", NOW).unwrap();
    assert_eq!((again.claim(Some(&disputed)), again.why.clone()), (None, None));
    let refused = disputed.refuse("李梅", "she had paid 80 to nobody").unwrap();
    let Some(Claim::TakenBack { line, reason }) = refused.claim(Some(&disputed)) else { panic!() };
    assert_eq!(line, claimed.id.to_string());
    assert!(reason.contains("李梅") && reason.contains("80"));
    // Before it was confirmed it was no money: nothing is taken back.
    let never = claimed.refuse("李梅", "a typing mistake").unwrap();
    assert_eq!(never.claim(Some(&claimed)), None);
    says(never.confirm("李梅", NOW), &["refused", "of its own"]);
}

#[test]
fn a_collector_takes_back_his_word_only_before_somebody_relied_on_it() {
    let claimed = collection(1, 100);
    claimed.refuse("王芳", "a typing mistake").unwrap();
    let disputed = claimed.confirm(BY_PAYER, NOW).unwrap().dispute("王芳", "false note").unwrap();
    says(disputed.refuse("王芳", "false note"), &["王芳", "somebody else"]);
    disputed.refuse("李梅", "false note").unwrap();
    let by_lead = confirmed(1, 100).dispute("李梅", "false note").unwrap();
    says(by_lead.refuse("李梅 ", "false note"), &["李梅", "disputed", "somebody else"]);
    says(confirmed(1, 100).refuse("李梅", "x"), &["confirmed", "dispute it first"]);
}

#[test]
fn a_hand_in_takes_what_is_confirmed_of_one_drawer() {
    let rows = [confirmed(1, 100), confirmed(2, 300)];
    let counted = HandIn::count(&counting("李梅", 310), &rows, &[payout(5, 80)]).unwrap();
    let h = &counted.hand_in;
    assert_eq!((h.expected_minor, h.counted_minor, h.variance_minor), (320, 310, -10));
    assert_eq!((h.worker.as_str(), h.received_by.as_str(), h.bag.as_deref()), ("王芳", "李梅", Some("B-7")));
    let taken = |c: &Collection| c.state == CollectionState::HandedIn && c.hand_in == Some(h.id);
    assert!(counted.collections.iter().all(taken) && counted.collections.len() == 2);
    assert_eq!(counted.payouts[0].hand_in, Some(h.id));
    // Nothing is taken twice.
    says(HandIn::count(&counting("李梅", 100), &counted.collections, &[]), &["handed_in"]);
    says(HandIn::count(&counting("李梅", 100), &rows, &counted.payouts), &["hin_", "leave it out"]);
    // Who has it does not count it.
    says(HandIn::count(&counting("王芳", 400), &rows, &[]), &["王芳", "receives"]);
    says(HandIn::count(&counting("", 400), &rows, &[]), &["who receives"]);
    says(HandIn::count(&counting("李梅", -1), &rows, &[]), &["-1"]);
    says(HandIn::count(&counting("李梅", 0), &[], &[]), &["nothing"]);
    says(HandIn::count(&counting("李梅", 0), &[confirmed(1, 10)], &[payout(5, 80)]), &["80", "next"]);
    says(HandIn::count(&counting("李梅", 1), &[collection(1, 100)], &[]), &["claimed", "confirmed or refused"]);
    let disputed = confirmed(3, 5).dispute("x", "y").unwrap();
    says(HandIn::count(&counting("李梅", 1), &[disputed], &[]), &["disputed"]);
    for foreign in [
        Collection { worker: "陈".to_owned(), ..confirmed(3, 5) },
        Collection { account: ChannelAccountId(id(77)), ..confirmed(3, 5) },
        Collection { amount: Money::new(5, "USD".parse().unwrap()), ..confirmed(3, 5) },
    ] {
        let name = foreign.id.to_string();
        says(HandIn::count(&counting("李梅", 1), &[confirmed(1, 100), foreign], &[]), &[&name, "one collector"]);
    }
    let foreign = Payout { worker: "陈".to_owned(), ..payout(5, 8) };
    says(HandIn::count(&counting("李梅", 1), &rows, &[foreign]), &["out_"]);
}

#[test]
fn whoever_had_a_hand_in_it_does_not_approve_it() {
    let rows = [confirmed(1, 100), collection(2, 300).confirm("赵", NOW).unwrap()];
    let Counted { hand_in, collections, .. } = HandIn::count(&counting("李梅", 400), &rows, &[]).unwrap();
    for (who, did) in [("王芳", "collected"), ("李梅 ", "counted"), ("赵", "confirmed")] {
        says(hand_in.approve(&collections, who, NOW), &[who.trim(), did, "somebody else"]);
    }
    says(hand_in.approve(&collections, " ", NOW), &["who approves"]);
    says(hand_in.bank("D-1", "李梅", NOW), &["counted", "approved first"]);
    let approved = hand_in.approve(&collections, "钱", NOW).unwrap();
    assert_eq!((approved.state, approved.approved_by.as_deref()), (HandInState::Approved, Some("钱")));
    says(approved.approve(&collections, "孙", NOW), &["approved"]);
    says(approved.bank("D-1", "王芳", NOW), &["王芳", "somebody else"]);
    let banked = approved.bank("D-1", "李梅", NOW.plus_ms(5)).unwrap();
    let end = (banked.state, banked.bank_reference.as_deref(), banked.banked_at);
    assert_eq!(end, (HandInState::Banked, Some("D-1"), Some(NOW.plus_ms(5))));
    assert!(collections.iter().all(|c| c.banked(&banked).unwrap().state == CollectionState::Banked));
    says(rows[0].banked(&banked), &["col_"]);
    hand_in.check_again("王芳", &counting("李梅", 400)).unwrap();
    says(hand_in.check_again("王芳", &counting("李梅", 401)), &["counted_minor"]);
    says(hand_in.check_again("陈", &counting("李梅", 400)), &["worker"]);
}

#[test]
fn a_drawer_is_what_is_confirmed_less_what_went_back() {
    let refused = collection(8, 7_000).refuse("王芳", "x").unwrap();
    let disputed = confirmed(7, 40).dispute("x", "y").unwrap();
    let gone = HandIn::count(&counting("李梅", 1), &[confirmed(6, 5_000)], &[]).unwrap().collections;
    let mut rows = vec![confirmed(1, 100), confirmed(2, 300), collection(3, 20), refused, disputed];
    rows.extend(gone);
    rows[1].collected_at = NOW.plus_ms(-5 * HOUR_MS);
    rows.push(Collection { worker: "陈".to_owned(), ..confirmed(4, 1) });
    let settled = Payout { hand_in: Some(HandInId(id(1))), ..payout(6, 9_000) };
    let drawers = Drawer::sums(&rows, &[payout(5, 80), settled]);
    assert_eq!(drawers.len(), 2);
    let mine = drawers.iter().find(|d| d.worker == "王芳").unwrap();
    assert_eq!((mine.confirmed_minor, mine.paid_out_minor, mine.sum_minor()), (400, 80, 320));
    assert_eq!((mine.claimed_minor, mine.disputed_minor, mine.carried_minor()), (20, 40, 380));
    assert_eq!(mine.oldest_at, Some(NOW.plus_ms(-5 * HOUR_MS)));
    payout(9, 320).check(mine).unwrap();
    says(payout(9, 321).check(mine), &["320", "321", "transfer"]);
    says(payout(9, 0).check(mine), &["at least one"]);
    says(Payout { by: String::new(), ..payout(9, 1) }.check(mine), &["who"]);
    says(Payout { by: "王芳".to_owned(), ..payout(9, 1) }.check(mine), &["王芳", "somebody else"]);
}

#[test]
fn who_carries_too_much_or_too_long_hands_in_first() {
    let limits = DrawerLimits { most_minor: 400, within_ms: 24 * HOUR_MS };
    let drawer = |rows: &[Collection]| Drawer::sums(rows, &[]).remove(0);
    drawer(&[confirmed(1, 400)]).check_limits(limits, NOW).unwrap();
    // What is not confirmed yet is in his pocket as well.
    says(drawer(&[confirmed(1, 400), collection(2, 1)]).check_limits(limits, NOW), &["401", "400", "hands in"]);
    let old = drawer(&[Collection { collected_at: NOW.plus_ms(-25 * HOUR_MS), ..confirmed(1, 1) }]);
    says(old.check_limits(limits, NOW), &["25", "24", "hands in"]);
    old.check_limits(limits, NOW.plus_ms(-HOUR_MS)).unwrap();
    let empty = Drawer::empty(MerchantId(id(1)), ChannelAccountId(id(2)), "x".to_owned(), Currency::CNY);
    empty.check_limits(limits, NOW).unwrap();
}

#[test]
fn a_payout_is_told_once_with_one_content() {
    let first = payout(5, 80);
    first.check_again(&Payout { at: NOW.plus_ms(4), ..first.clone() }).unwrap();
    says(first.check_again(&Payout { leg: LegId(id(1)), ..first.clone() }), &["leg"]);
    says(first.check_again(&payout(5, 81)), &["amount_minor"]);
    let claim = serde_json::to_string(&first.claim()).unwrap();
    assert!(claim.contains("paid_out") && claim.contains("王芳") && claim.contains("receipt 1"), "{claim}");
}

#[test]
fn the_payers_code_is_tried_five_times_for_all_collections_of_a_payment() {
    let right = PayCode::Cash { code: "204813".to_owned() };
    let mut rows = [collection(1, 100), collection(2, 300)];
    check_code(rows[0].id, "204813", Some(&right), &rows).unwrap();
    for left in (0..MAX_WRONG_CODES).rev() {
        let at = usize::try_from(left % 2).unwrap();
        assert_eq!(check_code(rows[at].id, "204814", Some(&right), &rows), Err(CashError::WrongCode { left }));
        rows[at] = rows[at].tried_in_vain();
    }
    // Then not even the right one is heard.
    says(check_code(rows[0].id, "204813", Some(&right), &rows), &["too often", "a person"]);
    // A payment without a code has none that is right.
    assert!(check_code(rows[0].id, "204813", None, &[]).is_err());
}

#[test]
fn a_count_that_is_exact_needs_no_third_person() {
    let exact = HandIn::count(&counting("李梅", 100), &[confirmed(1, 100)], &[]).unwrap().hand_in.approved_if_exact();
    assert_eq!((exact.state, exact.approved_by.as_deref()), (HandInState::Approved, Some("bursar")));
    assert_eq!(exact.approved_at, Some(NOW));
    for counted in [99, 101] {
        let other = HandIn::count(&counting("李梅", counted), &[confirmed(1, 100)], &[]).unwrap().hand_in;
        assert_eq!(other.approved_if_exact(), other);
    }
}

#[test]
fn a_payout_stands_on_collections_that_nobody_else_may_move_meanwhile() {
    let rows = [confirmed(1, 100), collection(2, 900), confirmed(3, 300), confirmed(4, 500)];
    let stands_on = |minor, paid_out: &[Payout]| {
        let on = payout(9, minor).stands_on(&rows, paid_out);
        on.map(|rows| rows.iter().map(|c| c.amount.minor).collect::<Vec<_>>())
    };
    assert_eq!(stands_on(100, &[]), Ok(vec![100]));
    assert_eq!(stands_on(101, &[]), Ok(vec![100, 300]));
    // What went back before stands on the same.
    assert_eq!(stands_on(100, &[payout(5, 100)]), Ok(vec![100, 300]));
    assert_eq!(stands_on(900, &[]), Ok(vec![100, 300, 500]));
    says(stands_on(901, &[]), &["900", "901"]);
    says(stands_on(801, &[payout(5, 100)]), &["800", "801"]);
}

proptest! {
    /// Whatever is done in whatever order, the books hear of a collection's money once, and of its end once.
    #[test]
    fn money_comes_once_and_goes_once(acts in proptest::collection::vec(0_u8..5, 0..12)) {
        let mut row = collection(1, 100);
        let mut heard = Vec::new();
        for act in acts {
            let next = match act {
                0 => row.confirm(BY_PAYER, NOW),
                1 => row.confirm("李梅", NOW),
                2 => row.dispute("客服", "y"),
                3 => row.refuse("李梅", "z"),
                _ => HandIn::count(&counting("李梅", 1), std::slice::from_ref(&row), &[]).map(|mut c| c.collections.remove(0)),
            };
            if let Ok(next) = next {
                heard.extend(next.claim(Some(&row)).map(|c| c.name()));
                row = next;
            }
        }
        let expected: &[&str] = match (row.confirmed_at.is_some(), row.is_booked()) {
            (false, _) => &[],
            (true, true) => &["received"],
            (true, false) => &["received", "taken_back"],
        };
        prop_assert_eq!(heard, expected);
        prop_assert!(row.hand_in.is_none() || row.is_booked());
    }
}
