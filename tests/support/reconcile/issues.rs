//! Bills that are issued again, and days whose bills do not come in their order: it knows what the channel says each
//! time, and must never look into how one issue is compared with another.

use std::sync::atomic::Ordering;

use bursar_core::ledger::AccountKind;
use bursar_core::reconcile::{BillLine, BillState, BreakKind, BreakState, EntryKind, EntryStatus};
use bursar_store::DayFilter;
use bursar_store::desk::books::Word;

use super::paper::Shop;

use BreakKind::{Amount, CrossDay, MissingHere, StatusWePaid};
use BreakState::{Healed, Open, Parked, Resolved};

/// A bill is issued again with lines less, and once more with some of them back: what it does not tell counts no
/// longer and asks nobody, what it tells again counts once, and a question that had ended is one again.
///
/// # Panics
/// When that is not so.
pub async fn follow_issues_of_a_bill(database: Option<String>) {
    let shop = Shop::open(database).await;
    let day = shop.today();
    let (_, fine) = shop.paid(12_300).await;
    let (_, gone) = shop.paid(5_000).await;
    let (_, wrong) = shop.paid(8_800).await;
    let stranger = shop.line(EntryKind::Capture, "SHOP-1", "tx-shop-1", 4_400);
    let payout = shop.line(EntryKind::Payout, "", "settle", 800);
    let fee = shop.line(EntryKind::Fee, "", "fee-1", 70);
    let more = |line: &BillLine, minor| BillLine { amount_minor: line.amount_minor + minor, ..line.clone() };

    shop.bill(day, &[&fine, &gone, &more(&wrong, 100), &stranger, &payout, &fee]);
    shop.night(day).await;
    assert_eq!(shop.state(&gone).await, None);
    assert_eq!(shop.state(&wrong).await, Some((Amount, Parked, 100)));
    assert_eq!(shop.state(&stranger).await, Some((MissingHere, Parked, 4_400)));
    assert_eq!((shop.held(AccountKind::InTransit).await, shop.payouts().await), (800, vec![800]));
    assert_eq!((shop.held(AccountKind::Unclaimed).await, shop.held(AccountKind::Fees).await), (-4_400, 70));

    // Issued again: two lines less, one amount mended, another payout of the same number.
    shop.bill(day, &[&fine, &wrong, &more(&payout, 100)]);
    shop.night(day).await;
    assert_eq!(shop.state(&fine).await, None);
    assert_eq!(shop.state(&gone).await, Some((CrossDay, Open, -5_000)));
    assert_eq!(shop.state(&wrong).await, Some((Amount, Healed, 100)));
    assert_eq!(shop.state(&stranger).await, Some((MissingHere, Healed, 4_400)));
    let ended = shop.breaks().await.into_iter().find(|b| b.number == stranger.number).and_then(|b| b.ended);
    let words = format!("line 4 of the trade bill of {day} is not in its issue 2 any more");
    assert_eq!(ended, Some((words, bursar_core::refund::BY_RULE.to_owned())));
    assert_eq!((shop.held(AccountKind::InTransit).await, shop.payouts().await), (900, vec![900]));
    assert_eq!((shop.held(AccountKind::Unclaimed).await, shop.held(AccountKind::Fees).await), (0, 0));

    // A person brings two more issues before anybody looks: one as the second, but for the fee, and one with all.
    shop.bill(day, &[&fine, &wrong, &more(&payout, 100), &fee]);
    shop.bring(day).await;
    shop.bill(day, &[&fine, &gone, &more(&wrong, 50), &stranger, &more(&payout, 100)]);
    shop.bring(day).await;
    shop.night(day).await;
    let filter = DayFilter { account: Some(shop.account.id), limit: 10, ..DayFilter::default() };
    let bills = shop.branch.store.bills(&filter).await.expect("the database");
    assert_eq!(
        bills.iter().map(|b| (b.issue, b.state)).collect::<Vec<_>>(),
        [1, 2, 3, 4].map(|n| (n, BillState::Done))
    );
    assert_eq!(shop.state(&gone).await, Some((CrossDay, Healed, -5_000)), "told after all");
    assert_eq!(shop.state(&wrong).await, Some((Amount, Parked, 50)), "another difference");
    assert_eq!(shop.state(&stranger).await, Some((MissingHere, Parked, 4_400)), "a question again");
    assert_eq!((shop.held(AccountKind::InTransit).await, shop.payouts().await), (900, vec![900]));
    assert_eq!((shop.held(AccountKind::Unclaimed).await, shop.held(AccountKind::Fees).await), (-4_400, 0));

    // A person answers; the next issue differs in nothing that he was asked about, and then in that.
    let asked = shop.breaks().await.into_iter().find(|b| b.number == wrong.number).expect("a question");
    let word = |how| Word::End { how, by: "Li Na".to_owned(), reason: "rounded".to_owned() };
    let accept = word(bursar_core::reconcile::Resolution::Accept);
    shop.branch.desk.end_break(asked.id, &accept, |_, _| {}).await.expect("the database");
    let late = BillLine { fee_minor: 1, ..more(&wrong, 50) };
    shop.bill(day, &[&fine, &gone, &late, &stranger, &more(&payout, 100)]);
    shop.night(day).await;
    assert_eq!(shop.state(&wrong).await, Some((Amount, Resolved, 50)), "he has answered");
    shop.bill(day, &[&fine, &gone, &more(&wrong, 60), &stranger, &more(&payout, 100)]);
    shop.night(day).await;
    assert_eq!(shop.state(&wrong).await, Some((Amount, Parked, 60)));
    let before = shop.breaks().await;
    shop.night(day).await;
    assert_eq!(shop.breaks().await, before, "a second look");
}

/// A long bill is taken back whole, in one night of few steps.
///
/// # Panics
/// When that is not so.
pub async fn take_a_long_bill_back() {
    let shop = Shop::open(None).await;
    let day = shop.today();
    let (_, fine) = shop.paid(12_300).await;
    let strangers: Vec<BillLine> =
        (0..1_500).map(|n| shop.line(EntryKind::Other, "", &format!("other-{n}"), 1)).collect();
    shop.bill(day, &strangers.iter().chain([&fine]).collect::<Vec<_>>());
    assert_eq!(shop.night(day).await, 1);
    assert_eq!(shop.held(AccountKind::Unclaimed).await, -1_500);
    shop.bill(day, &[&fine]);
    assert_eq!(shop.night(day).await, 1, "one run of the job takes them all back");
    assert_eq!(shop.held(AccountKind::Unclaimed).await, 0);
    assert_eq!(shop.breaks().await, []);
}

/// What a neighbouring day had told and tells no more is a question again; nobody is asked before every bill that could
/// tell of it was looked at, in whatever order they come; and a refund that is under way is told.
///
/// # Panics
/// When that is not so.
pub async fn wait_for_every_bill(database: Option<String>) {
    let shop = Shop::open(database).await;
    let day = shop.today();
    let (payment, fine) = shop.paid(12_300).await;
    let (_, midnight) = shop.paid(5_000).await;
    let (_, left_out) = shop.paid(6_000).await;
    let back = shop.refunded(&payment, 300).await;
    let under_way = BillLine { status: EntryStatus::Pending, ..back.clone() };
    shop.bill(day, &[&fine, &under_way]);
    shop.night(day).await;
    assert_eq!(shop.state(&back).await, None, "the bill tells that it is under way");
    assert_eq!(shop.state(&left_out).await, Some((CrossDay, Open, -6_000)));

    let next = |n| day.plus_days(n);
    shop.bill(next(1), &[&midnight]);
    shop.night(next(1)).await;
    assert_eq!(shop.state(&midnight).await, Some((CrossDay, Healed, -5_000)));
    shop.bill(next(1), &[&shop.line(EntryKind::Fee, "", "fee-1", 1)]);
    shop.night(next(1)).await;
    shop.night(day).await;
    assert_eq!(shop.state(&midnight).await, Some((CrossDay, Open, -5_000)), "a question again");

    // The night of the third day is over before that of the second, whose bill might tell of both.
    shop.night(next(3)).await;
    shop.night(next(4)).await;
    assert_eq!(shop.state(&left_out).await, Some((CrossDay, Open, -6_000)));
    assert_eq!(shop.paper.asked.load(Ordering::SeqCst), 0);
    shop.bill(next(2), &[&left_out]);
    shop.night(next(2)).await;
    assert_eq!(shop.state(&left_out).await, Some((CrossDay, Healed, -6_000)));
    assert_eq!(shop.state(&midnight).await, Some((StatusWePaid, Parked, -5_000)), "no bill can tell of it any more");
    assert_eq!(shop.paper.asked.load(Ordering::SeqCst), 1);
    assert_eq!(shop.state(&back).await, None);
}

/// Where a whole bill is not there, the channel is asked about its payments by and by; one that answers nothing is
/// asked about few, and again in the next night.
///
/// # Panics
/// When that is not so.
pub async fn ask_about_many_by_and_by() {
    let shop = Shop::open(None).await;
    let day = shop.today();
    for n in 0..230 {
        shop.paid(1_000 + n).await;
    }
    let asked = || shop.paper.asked.swap(0, Ordering::SeqCst);
    shop.paper.silent.store(true, Ordering::SeqCst);
    for later in 0..=3 {
        shop.night(day.plus_days(later)).await;
    }
    assert_eq!(asked(), 100, "nobody answers");
    shop.paper.silent.store(false, Ordering::SeqCst);
    let next = day.plus_days(4);
    shop.begin(next).await;
    for calls in [100, 100, 30] {
        shop.step(next).await;
        assert_eq!(asked(), calls);
    }
    let states: Vec<_> = shop.breaks().await.iter().map(|b| (b.kind, b.state)).collect();
    assert_eq!(states, vec![(StatusWePaid, Parked); 230]);
    shop.night(next).await;
    assert_eq!(asked(), 0, "a person is asked about each");
}
