//! Stories of lines and their payments.

use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::clock::Timestamp;
use crate::id::{LegId, LineId, PaymentId};
use crate::money::{Currency, Money};

fn cny(minor: i64) -> Money {
    Money::new(minor, Currency::CNY)
}

fn day(text: &str) -> Day {
    text.parse().unwrap()
}

fn payment(n: u128) -> PaymentCandidate {
    let id = PaymentId(Uuid::from_u128(n));
    PaymentCandidate {
        id,
        reference: reference(id.uuid()),
        number: id.uuid().simple().to_string(),
        virtual_account: Some(format!("6222{}", virtual_number(id.uuid()))),
        open: Some(cny(10_000)),
        payer_name: Some("张三".to_owned()),
        offered_at: Timestamp::parse_rfc3339("2026-11-20T10:00:00+08:00").unwrap(),
    }
}

fn leg(n: u128) -> LegCandidate {
    let id = LegId(Uuid::from_u128(n));
    LegCandidate { id, reference: reference(id.uuid()), number: id.uuid().simple().to_string(), amount: cny(10_000) }
}

fn credit(text: &str) -> StatementLine {
    StatementLine {
        identity: format!("test:{text}"),
        whole: None,
        booked_on: day("2026-11-22"),
        value_on: None,
        amount: cny(10_000),
        direction: Direction::Credit,
        reversal: false,
        counterparty: Party::default(),
        text: text.to_owned(),
        end_to_end: None,
        bank_reference: None,
        virtual_account: None,
    }
}

fn debit(text: &str) -> StatementLine {
    StatementLine { direction: Direction::Debit, ..credit(text) }
}

fn earlier(n: u128, line: StatementLine) -> EarlierLine {
    EarlierLine { id: LineId(Uuid::from_u128(n)), line, reference: None }
}

fn whose(line: &StatementLine, payments: &[PaymentCandidate]) -> Match {
    find(line, &Candidates { payments, ..Candidates::default() }, Window::default())
}

fn paid(n: u128, by: Rung) -> Match {
    Match::Payment { id: PaymentId(Uuid::from_u128(n)), by }
}

#[test]
fn a_surer_sign_wins_over_a_weaker_one() {
    let all: Vec<_> = (1..=4).map(payment).collect();
    let mut line = credit(&format!("房租 {}", all[1].reference));
    line.virtual_account = all[0].virtual_account.clone();
    line.end_to_end = Some(all[2].number.clone());
    assert_eq!(whose(&line, &all), paid(1, Rung::VirtualAccount));
    line.virtual_account = None;
    assert_eq!(whose(&line, &all), paid(2, Rung::Reference));
    line.text = "房租".to_owned();
    assert_eq!(whose(&line, &all), paid(3, Rung::EndToEnd));
    line.end_to_end = Some(format!("E2E {}", all[3].reference));
    assert_eq!(whose(&line, &all), paid(4, Rung::EndToEnd));
}

#[test]
fn too_little_too_much_and_too_late_still_find_their_payment_by_a_sure_sign() {
    let mut ended = payment(1);
    ended.open = None;
    for minor in [1, 9_999, 10_001, 1_000_000] {
        let line = StatementLine { amount: cny(minor), ..credit(&ended.reference) };
        assert_eq!(whose(&line, &[ended.clone(), payment(2)]), paid(1, Rung::Reference));
    }
}

#[test]
fn an_amount_counts_only_with_the_name_once_and_in_time() {
    let named = |name: &str| StatementLine {
        counterparty: Party { name: Some(name.to_owned()), account: None },
        ..credit("转账")
    };
    let mine = payment(1);
    assert_eq!(whose(&named(" 张 三"), std::slice::from_ref(&mine)), paid(1, Rung::AmountAndName));
    let no_sign = Match::Nobody { why: Why::NoSign };
    assert_eq!(whose(&named("李四"), std::slice::from_ref(&mine)), no_sign);
    assert_eq!(whose(&credit("转账"), std::slice::from_ref(&mine)), no_sign);
    let other = StatementLine { amount: cny(10_001), ..named("张三") };
    assert_eq!(whose(&other, std::slice::from_ref(&mine)), no_sign);
    let late = StatementLine { booked_on: day("2026-12-22"), ..named("张三") };
    assert_eq!(whose(&late, std::slice::from_ref(&mine)), no_sign);
    let before = StatementLine { booked_on: day("2026-11-18"), ..named("张三") };
    assert_eq!(whose(&before, std::slice::from_ref(&mine)), no_sign);
    let nameless = PaymentCandidate { payer_name: None, ..payment(1) };
    assert_eq!(whose(&named("张三"), &[nameless]), no_sign);
    let twice = [mine, payment(2)];
    let Match::Nobody { why: Why::Several { by: Rung::AmountAndName, named: both } } = whose(&named("张三"), &twice)
    else {
        panic!("two payments of one amount and name");
    };
    assert_eq!(both, twice.map(|p| p.id.to_string()));
}

#[test]
fn two_references_in_one_text_are_a_persons_question_and_no_weaker_sign_decides() {
    let (a, b) = (payment(1), payment(2));
    let mut line = credit(&format!("{} {}", a.reference, b.reference));
    line.end_to_end = Some(a.number.clone());
    let answer = whose(&line, &[a, b]);
    assert!(matches!(answer, Match::Nobody { why: Why::Several { by: Rung::Reference, .. } }), "{answer:?}");
}

#[test]
fn our_transfer_finds_its_refund_and_must_have_its_amount() {
    let legs = [leg(1), leg(2)];
    let look =
        |line: &StatementLine| find(line, &Candidates { legs: &legs, ..Candidates::default() }, Window::default());
    let mut line = debit(&format!("退款 {}", legs[0].reference));
    assert_eq!(look(&line), Match::Leg { id: legs[0].id, by: Rung::Reference });
    line.amount = cny(9_999);
    let expected = cny(10_000);
    assert_eq!(look(&line), Match::Nobody { why: Why::OtherAmount { leg: legs[0].id, expected } });
    let mut by_number = debit("退款");
    by_number.end_to_end = Some(legs[1].number.to_uppercase());
    assert_eq!(look(&by_number), Match::Leg { id: legs[1].id, by: Rung::EndToEnd });
    let rent = Match::Nobody { why: Why::NotOurs };
    assert_eq!(look(&debit("办公室房租")), rent);
    assert!(!Why::NotOurs.needs_a_person() && Why::NoSign.needs_a_person());
}

#[test]
fn a_payments_reference_on_an_outgoing_transfer_is_not_a_refund() {
    let mine = payment(1);
    let answer = whose(&debit(&mine.reference.clone()), &[mine]);
    assert_eq!(answer, Match::Nobody { why: Why::NotOurs });
}

#[test]
fn a_reversal_takes_back_the_one_line_that_it_has_something_in_common_with() {
    let with = |line: StatementLine, number: &str| StatementLine { bank_reference: Some(number.to_owned()), ..line };
    let before = [earlier(1, with(credit("a"), "BANK-1")), earlier(2, with(credit("b"), "BANK-2"))];
    let look = |line: &StatementLine, earlier: &[EarlierLine]| {
        find(line, &Candidates { earlier, ..Candidates::default() }, Window::default())
    };
    let back = |number: &str| StatementLine { reversal: true, ..with(debit("冲正"), number) };
    assert_eq!(look(&back("bank 2"), &before), Match::Reversal { of: before[1].id });
    let nothing = Match::Nobody { why: Why::NothingToReverse };
    assert_eq!(look(&back("BANK-3"), &before), nothing);
    assert_eq!(look(&StatementLine { amount: cny(1), ..back("BANK-1") }, &before), nothing);
    assert_eq!(look(&StatementLine { direction: Direction::Credit, ..back("BANK-1") }, &before), nothing);
    assert_eq!(look(&StatementLine { booked_on: day("2026-11-21"), ..back("BANK-1") }, &before), nothing);
    let short = [earlier(4, with(credit("d"), "N"))];
    assert_eq!(look(&back("N"), &short), nothing);
    let twins = [before[0].clone(), earlier(3, with(credit("c"), "BANK-1"))];
    let several = Why::SeveralToReverse { named: vec![twins[0].id, twins[1].id] };
    assert_eq!(look(&back("BANK-1"), &twins), Match::Nobody { why: several });
}

#[test]
fn a_refund_that_comes_back_without_a_mark_is_seen_by_its_reference() {
    let legs = [leg(1)];
    let went = EarlierLine { reference: Some(legs[0].reference.clone()), ..earlier(9, debit("退款")) };
    let line = credit(&format!("退汇 账号户名不符 {}", legs[0].reference));
    let look = |earlier: &[EarlierLine]| {
        find(&line, &Candidates { legs: &legs, earlier, ..Candidates::default() }, Window::default())
    };
    assert_eq!(look(std::slice::from_ref(&went)), Match::Reversal { of: went.id });
    assert_eq!(look(&[]), Match::Nobody { why: Why::RefundCameBack { leg: legs[0].id } });
}

proptest! {
    #[test]
    fn the_order_of_candidates_and_strangers_among_them_make_no_difference(
        (ordered, shuffled) in Just((1..=12_u128).collect::<Vec<_>>())
            .prop_flat_map(|v| (Just(v.clone()), Just(v).prop_shuffle())),
        named in proptest::collection::btree_set(1..=12_u128, 0..3),
        strangers in proptest::collection::vec(1_000..2_000_u128, 0..5),
        name in proptest::sample::select(vec![None, Some("张三"), Some("李四")]),
    ) {
        let names: Vec<_> = named.iter().map(|n| payment(*n).reference).collect();
        let mut line = credit(&names.join("/"));
        line.counterparty.name = name.map(str::to_owned);
        let make = |ns: &[u128]| ns.iter().map(|n| PaymentCandidate { payer_name: None, ..payment(*n) }).collect::<Vec<_>>();
        let first = whose(&line, &make(&ordered));
        let more: Vec<_> = shuffled.iter().chain(&strangers).copied().collect();
        prop_assert_eq!(&first, &whose(&line, &make(&more)));
        match (named.len(), first) {
            (0, Match::Nobody { why: Why::NoSign })
            | (2, Match::Nobody { why: Why::Several { .. } }) => {}
            (1, Match::Payment { id, by: Rung::Reference }) => {
                prop_assert!(named.contains(&id.uuid().as_u128()));
            }
            (n, other) => prop_assert!(false, "{n} references gave {other:?}"),
        }
    }

    #[test]
    fn money_is_never_given_to_a_payment_that_nothing_names(
        text in "\\PC{0,120}", minor in 1_i64..20_000, debit: bool, reversal: bool,
        name in proptest::option::of("[张三李四 ]{1,4}"),
    ) {
        let candidates = [payment(1), payment(2)];
        let direction = if debit { Direction::Debit } else { Direction::Credit };
        let counterparty = Party { name, account: None };
        let line = StatementLine { amount: cny(minor), direction, reversal, counterparty, ..credit(&text) };
        if let Match::Payment { id, by } = whose(&line, &candidates) {
            let named = candidates.iter().find(|c| c.id == id).unwrap();
            prop_assert_eq!(by, Rung::Reference);
            prop_assert!(find_references(&text).contains(&named.reference));
            prop_assert!(!debit && !reversal);
        }
    }
}
