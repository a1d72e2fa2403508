//! Cash: each collection, hand-in and payout once, together with the money that it is, and drawers that add up.

use std::slice::from_ref;

use bursar_core::Money;
use bursar_core::cash::{
    BY_PAYER, CashError, Collection, CollectionState, Counting, Drawer, HandIn, HandInState, Payout,
};
use bursar_core::channel::Method;
use bursar_core::id::{ChannelAccountId, CollectionId, HandInId, LegId, OrderId, PaymentId, PayoutId};
use bursar_core::ledger::AccountKind;
use bursar_core::merchant::MerchantPolicy;
use bursar_core::money::Currency;
use bursar_core::observation::{Claim, Observation, Source};
use bursar_core::order::{Dossier, Order, OrderState};
use bursar_core::payment::{Payment, PaymentState};
use bursar_core::refund::LegState;

use super::office::*;
use super::world::*;
use super::{Db, on_both};
use crate::desk::Taken;
use crate::{Answer, CashRows, Change, HandInFilter, StoreError};

on_both! {
    every_column_of_a_collection_a_hand_in_and_a_payout_is_read_back
    a_collection_is_taken_once_and_tells_whether_it_was_the_same
    a_confirmed_collection_is_written_with_its_payment_or_not_at_all
    a_collection_that_is_refused_after_all_is_no_money
    a_hand_in_takes_each_collection_once
    of_two_hand_ins_at_once_one_takes_it
    a_hand_in_that_does_not_add_up_is_a_mistake
    drawers_add_up_whoever_adds
    hand_ins_are_listed_newest_first_in_pages
    a_leg_is_paid_out_once
    what_is_not_there_is_none
}

async fn office(db: &Db) -> Office {
    Office::open(&db.store, MerchantPolicy::default()).await
}

/// An order of `minor` that is paid in cash.
async fn cash_order(office: &Office, minor: i64) -> Dossier {
    let order = Order { amount: Money::new(minor, Currency::CNY), ..order(office.merchant, &uuid().to_string()) };
    let payment = Payment { method: Method::Cash, ..office.payment(&order, minor) };
    office.desk.open(order, vec![payment], |_, _| {}).await.unwrap().1
}

/// A collection for the payment of `dossier`, of which the payer got something back.
fn claimed(office: &Office, dossier: &Dossier, minor: i64) -> Collection {
    let payment = &dossier.payments[0];
    Collection {
        payment: payment.id,
        order: payment.order,
        merchant: office.merchant,
        tendered_minor: minor + 50,
        change_minor: 50,
        collected_at: NOW.plus_ms(-9_000),
        ..loose(office.account, "王芳", minor)
    }
}

/// A collection for a payment that does not matter.
fn loose(account: ChannelAccountId, worker: &str, minor: i64) -> Collection {
    Collection {
        id: CollectionId(uuid()),
        payment: PaymentId(uuid()),
        order: OrderId(uuid()),
        merchant: merchant(),
        account,
        worker: worker.to_owned(),
        amount: Money::new(minor, Currency::CNY),
        tendered_minor: minor,
        change_minor: 0,
        collected_at: NOW,
        received_at: NOW,
        state: CollectionState::Claimed,
        confirmed_by: None,
        confirmed_at: None,
        note: Some("上门两次".to_owned()),
        disputed_by: None,
        wrong_codes: 0,
        why: None,
        hand_in: None,
        version: 1,
    }
}

fn payout(of: &Collection, minor: i64) -> Payout {
    Payout {
        id: PayoutId(uuid()),
        leg: LegId(uuid()),
        merchant: of.merchant,
        account: of.account,
        worker: of.worker.clone(),
        amount: Money::new(minor, Currency::CNY),
        by: "李梅".to_owned(),
        proof: "receipt 7".to_owned(),
        at: NOW,
        hand_in: None,
        version: 1,
    }
}

fn counting(counted_minor: i64) -> Counting {
    Counting {
        id: HandInId(uuid()),
        by: "李梅".to_owned(),
        at: NOW.plus_ms(7),
        counted_minor,
        bag: Some("B-1".to_owned()),
    }
}

async fn write(db: &Db, cash: CashRows) -> Answer {
    one(&*db.store, Change { cash, ..Change::default() }).await
}

async fn add(db: &Db, new_collections: &[Collection]) {
    let rows = CashRows { new_collections: new_collections.to_vec(), ..CashRows::default() };
    assert_eq!(write(db, rows).await, Answer::Committed);
}

/// The change that writes a hand-in of these, and the hand-in.
fn handing_in(counting: &Counting, collections: &[Collection], payouts: &[Payout]) -> (CashRows, HandIn) {
    let counted = HandIn::count(counting, collections, payouts).unwrap();
    let rows = CashRows {
        new_hand_ins: vec![counted.hand_in.clone()],
        collections: counted.collections,
        payouts: counted.payouts,
        ..CashRows::default()
    };
    (rows, HandIn { version: 1, ..counted.hand_in })
}

async fn every_column_of_a_collection_a_hand_in_and_a_payout_is_read_back(db: &Db) {
    let account = ChannelAccountId(uuid());
    let first = Collection { tendered_minor: 120, change_minor: 20, ..loose(account, "王芳 \"w\"", 100) };
    let usd = "USD".parse().unwrap();
    let second = Collection {
        amount: Money::new(100, usd),
        collected_at: NOW.plus_ms(-5),
        received_at: NOW.plus_ms(5),
        ..loose(account, "x", 100)
    };
    let second = second.confirm("赵", NOW.plus_ms(3)).unwrap().dispute("q", "why").unwrap();
    let paid_out = payout(&first, 40);
    let rows = CashRows {
        new_collections: vec![first.clone(), second.clone()],
        new_payouts: vec![paid_out.clone()],
        ..CashRows::default()
    };
    assert_eq!(write(db, rows).await, Answer::Committed);
    assert_eq!(db.store.collection(first.id).await.unwrap(), Some(first.clone()));
    assert_eq!(db.store.collection(second.id).await.unwrap(), Some(second));
    assert_eq!(db.store.collections_of(first.payment).await.unwrap(), from_ref(&first));
    assert_eq!(db.store.payout_of(paid_out.leg).await.unwrap(), Some(paid_out.clone()));
    // Through all its states.
    let confirmed = first.tried_in_vain().confirm(BY_PAYER, NOW.plus_ms(1)).unwrap();
    let update = |c: &Collection| CashRows { collections: vec![c.clone()], ..CashRows::default() };
    assert_eq!(write(db, update(&confirmed)).await, Answer::Committed);
    let confirmed = Collection { version: 2, ..confirmed };
    assert_eq!(db.store.collection(first.id).await.unwrap(), Some(confirmed.clone()));
    let (rows, hand_in) = handing_in(&counting(55), from_ref(&confirmed), from_ref(&paid_out));
    assert_eq!(write(db, rows).await, Answer::Committed);
    assert_eq!((hand_in.expected_minor, hand_in.variance_minor), (60, -5));
    assert_eq!(db.store.hand_in(hand_in.id).await.unwrap(), Some(hand_in.clone()));
    let taken = db.store.taken_by(hand_in.id).await.unwrap();
    assert_eq!(taken.payouts, [Payout { hand_in: Some(hand_in.id), version: 2, ..paid_out }]);
    let counted = &taken.collections[0];
    assert_eq!((counted.state, counted.version, counted.hand_in), (CollectionState::HandedIn, 3, Some(hand_in.id)));
    let approved = hand_in.approve(&taken.collections, "钱", NOW.plus_ms(8)).unwrap();
    let rows = CashRows { hand_ins: vec![approved.clone()], ..CashRows::default() };
    assert_eq!(write(db, rows.clone()).await, Answer::Committed);
    assert_eq!(write(db, rows).await, Answer::Stale);
    let approved = HandIn { version: 2, ..approved };
    assert_eq!(db.store.hand_in(hand_in.id).await.unwrap(), Some(approved.clone()));
    let banked = approved.bank("D-9", "李梅", NOW.plus_ms(9)).unwrap();
    let collections = taken.collections.iter().map(|c| c.banked(&banked).unwrap()).collect::<Vec<_>>();
    let rows = CashRows { hand_ins: vec![banked.clone()], collections: collections.clone(), ..CashRows::default() };
    assert_eq!(write(db, rows).await, Answer::Committed);
    assert_eq!(db.store.hand_in(hand_in.id).await.unwrap(), Some(HandIn { version: 3, ..banked }));
    let end = Collection { version: 4, ..collections[0].clone() };
    assert_eq!(db.store.collection(first.id).await.unwrap(), Some(end));
}

async fn a_collection_is_taken_once_and_tells_whether_it_was_the_same(db: &Db) {
    let told = loose(ChannelAccountId(uuid()), "王芳", 100);
    let rows = |c: &Collection| CashRows { new_collections: vec![c.clone()], ..CashRows::default() };
    let another = db.another().await;
    let change = [Change { cash: rows(&told), ..Change::default() }];
    let (a, b) = tokio::join!(db.store.commit(&change), another.commit(&change));
    let mut answers = [a.unwrap(), b.unwrap()].concat();
    answers.sort_by_key(|a| *a != Answer::Committed);
    assert_eq!(answers, [Answer::Committed, Answer::Duplicate]);
    assert_eq!(write(db, rows(&told)).await, Answer::Duplicate);
    let stored = db.store.collection(told.id).await.unwrap().unwrap();
    stored.check_again(&told).unwrap();
    // Another content under the same id is not written, whatever comes with it.
    let other = Collection { amount: Money::new(99, Currency::CNY), tendered_minor: 99, ..told.clone() };
    let neighbour = loose(told.account, "王芳", 5);
    let both = CashRows { new_collections: vec![neighbour.clone(), other.clone()], ..CashRows::default() };
    assert_eq!(write(db, both).await, Answer::Duplicate);
    assert_eq!(db.store.collection(told.id).await.unwrap(), Some(told.clone()));
    assert_eq!(db.store.collection(neighbour.id).await.unwrap(), None);
    let refused = stored.check_again(&other).unwrap_err();
    assert_eq!(refused, CashError::OtherCollection { id: told.id, member: "amount_minor" });
    // Twice in one call, with neighbours.
    let fresh = loose(told.account, "王芳", 7);
    let m = merchant();
    let calls = [
        Change { cash: rows(&fresh), ..Change::default() },
        opening(m, "n1"),
        Change { cash: rows(&fresh), ..opening(m, "n2") },
        opening(m, "n3"),
    ];
    use Answer::{Committed, Duplicate};
    assert_eq!(db.store.commit(&calls).await.unwrap(), [Committed, Committed, Duplicate, Committed]);
    assert_eq!(db.store.order_by_number(m, "n2").await.unwrap(), None);
    another.close().await;
}

/// Takes in what `row`, which was `before`, means for its payment, with the row itself.
async fn tell(office: &Office, row: &Collection, before: Option<&Collection>) -> Taken {
    let claim = row.claim(before).unwrap();
    let seen = Observation::new(Source::Collection, NOW.plus_ms(40), claim);
    let complete = |_: &Dossier, change: &mut Change| match before {
        None => change.cash.new_collections.push(row.clone()),
        Some(_) => change.cash.collections.push(row.clone()),
    };
    office.desk.observe_with(row.payment, &seen, complete).await.unwrap()
}

async fn a_confirmed_collection_is_written_with_its_payment_or_not_at_all(db: &Db) {
    let office = office(db).await;
    let dossier = cash_order(&office, 1_000).await;
    // The first part is confirmed when it is told, the second later.
    let first = claimed(&office, &dossier, 400).confirm(BY_PAYER, NOW).unwrap();
    let Taken::Written(next) = tell(&office, &first, None).await else { panic!() };
    assert_eq!(office.stored(&next).await.order.state, OrderState::PartiallyPaid);
    assert_eq!(db.store.collection(first.id).await.unwrap(), Some(first.clone()));
    // Again: the same answer from the row, and nothing is written.
    assert!(matches!(tell(&office, &first, None).await, Taken::Duplicate));
    let second = claimed(&office, &dossier, 600);
    add(db, from_ref(&second)).await;
    office.stored(&next).await;
    let confirmed = second.confirm("赵", NOW).unwrap();
    // Somebody has disputed it in the meantime: the money is not booked either.
    let disputed = CashRows { collections: vec![second.dispute("q", "w").unwrap()], ..CashRows::default() };
    assert_eq!(write(db, disputed).await, Answer::Committed);
    assert!(matches!(tell(&office, &confirmed, Some(&second)).await, Taken::Duplicate));
    office.stored(&next).await;
    let second = db.store.collection(second.id).await.unwrap().unwrap();
    assert_eq!(second.state, CollectionState::Disputed);
    let confirmed = second.confirm("赵", NOW).unwrap();
    let Taken::Written(paid) = tell(&office, &confirmed, Some(&second)).await else { panic!() };
    let paid = office.stored(&paid).await;
    assert_eq!((paid.order.state, paid.payments[0].state), (OrderState::Paid, PaymentState::Captured));
    assert_eq!(paid.payments[0].taken_minor(), 1_000);
    assert_eq!(office.balances().await[&AccountKind::Clearing], 1_000);
    let t = db.store.timeline(dossier.order.id).await.unwrap().unwrap();
    let seen: Vec<_> = t.observations.iter().map(|o| (o.source, o.claim.name())).collect();
    assert_eq!(seen, [(Source::Collection, "received"); 2]);
    let of = db.store.collections_of(dossier.payments[0].id).await.unwrap();
    assert_eq!(of.iter().map(|c| c.state).collect::<Vec<_>>(), [CollectionState::Confirmed; 2]);
}

async fn a_collection_that_is_refused_after_all_is_no_money(db: &Db) {
    let office = office(db).await;
    let dossier = cash_order(&office, 1_000).await;
    let first = claimed(&office, &dossier, 1_000).confirm(BY_PAYER, NOW).unwrap();
    assert!(matches!(tell(&office, &first, None).await, Taken::Written(_)));
    let disputed = first.dispute("钱", "false notes").unwrap();
    assert_eq!(disputed.claim(Some(&first)), None);
    let rows = CashRows { collections: vec![disputed.clone()], ..CashRows::default() };
    assert_eq!(write(db, rows).await, Answer::Committed);
    let disputed = Collection { version: 2, ..disputed };
    let refused = disputed.refuse("李梅", "false notes").unwrap();
    let Taken::Written(next) = tell(&office, &refused, Some(&disputed)).await else { panic!() };
    let stored = office.stored(&next).await;
    assert_eq!(stored.payments[0].state, PaymentState::CaptureReversed);
    assert_eq!(db.store.collection(first.id).await.unwrap(), Some(Collection { version: 3, ..refused }));
    assert_eq!(db.store.drawers(office.account).await.unwrap(), []);
}

async fn a_hand_in_takes_each_collection_once(db: &Db) {
    let account = ChannelAccountId(uuid());
    let base = loose(account, "王芳", 100);
    let more = Collection { id: CollectionId(uuid()), ..base.clone() };
    let rows: Vec<_> = [&base, &more].map(|c| c.confirm(BY_PAYER, NOW).unwrap()).to_vec();
    add(db, &rows).await;
    let (first, hand_in) = handing_in(&counting(100), &rows[..1], &[]);
    assert_eq!(write(db, first.clone()).await, Answer::Committed);
    // The same again is known; another that wants the same collection is stale, and takes its other one neither.
    assert_eq!(write(db, first).await, Answer::Duplicate);
    let (second, refused) = handing_in(&counting(200), &rows, &[]);
    assert_eq!(write(db, second.clone()).await, Answer::Stale);
    assert_eq!(db.store.hand_in(refused.id).await.unwrap(), None);
    assert_eq!(db.store.collection(more.id).await.unwrap(), Some(rows[1].clone()));
    // Not even when the version is guessed right: what was handed in stays where it is.
    let mut guessed = second;
    guessed.collections[0].version = 2;
    assert_eq!(write(db, guessed).await, Answer::Stale);
    let kept = db.store.collection(base.id).await.unwrap().unwrap();
    assert_eq!((kept.hand_in, kept.version), (Some(hand_in.id), 2));
}

async fn of_two_hand_ins_at_once_one_takes_it(db: &Db) {
    let account = ChannelAccountId(uuid());
    let another = db.another().await;
    for _ in 0..10 {
        let row = loose(account, "王芳", 100).confirm(BY_PAYER, NOW).unwrap();
        let paid_out = payout(&row, 30);
        let new =
            CashRows { new_collections: vec![row.clone()], new_payouts: vec![paid_out.clone()], ..CashRows::default() };
        assert_eq!(write(db, new).await, Answer::Committed);
        let change = || {
            let (cash, hand_in) = handing_in(&counting(70), from_ref(&row), from_ref(&paid_out));
            ([Change { cash, ..Change::default() }], hand_in.id)
        };
        let ((a, of_a), (b, of_b)) = (change(), change());
        let (x, y) = tokio::join!(db.store.commit(&a), another.commit(&b));
        let (x, y) = (x.unwrap()[0], y.unwrap()[0]);
        let winner = match (x, y) {
            (Answer::Committed, Answer::Stale) => of_a,
            (Answer::Stale, Answer::Committed) => of_b,
            other => panic!("{other:?}"),
        };
        let taken = db.store.taken_by(winner).await.unwrap();
        assert_eq!((taken.collections.len(), taken.payouts.len()), (1, 1));
        assert_eq!(db.store.collection(row.id).await.unwrap().unwrap().hand_in, Some(winner));
    }
    another.close().await;
}

async fn a_hand_in_that_does_not_add_up_is_a_mistake(db: &Db) {
    let row = loose(ChannelAccountId(uuid()), "王芳", 100).confirm(BY_PAYER, NOW).unwrap();
    add(db, from_ref(&row)).await;
    let (mut rows, hand_in) = handing_in(&counting(100), from_ref(&row), &[]);
    rows.collections.clear();
    let error = db.store.commit(&[Change { cash: rows, ..Change::default() }]).await.unwrap_err();
    assert!(matches!(&error, StoreError::Misuse(why) if why.contains(&hand_in.id.to_string())), "{error}");
    assert_eq!(db.store.hand_in(hand_in.id).await.unwrap(), None);
    let broken = Collection { id: CollectionId(uuid()), tendered_minor: 1, ..row.clone() };
    let rows = CashRows { new_collections: vec![broken.clone()], ..CashRows::default() };
    let error = db.store.commit(&[Change { cash: rows, ..Change::default() }]).await.unwrap_err();
    assert!(!error.is_transient(), "{error}");
    assert_eq!(db.store.collection(broken.id).await.unwrap(), None);
}

async fn drawers_add_up_whoever_adds(db: &Db) {
    let account = ChannelAccountId(uuid());
    let of = loose(account, "王芳", 1);
    let row = |worker: &str, minor: i64| Collection {
        id: CollectionId(uuid()),
        worker: worker.to_owned(),
        amount: Money::new(minor, Currency::CNY),
        tendered_minor: minor,
        ..of.clone()
    };
    let confirmed = |worker: &str, minor| row(worker, minor).confirm(BY_PAYER, NOW).unwrap();
    let mut rows = vec![
        row("王芳", 5),
        confirmed("王芳", 100),
        confirmed("王芳", 300),
        confirmed("王芳", 40).dispute("q", "w").unwrap(),
        row("王芳", 9_999).refuse("王芳", "typing mistake").unwrap(),
        confirmed("陈", 7),
    ];
    rows[2].collected_at = NOW.plus_ms(-5_000);
    let gone = confirmed("王芳", 5_000);
    add(db, &rows).await;
    add(db, &[gone.clone(), loose(ChannelAccountId(uuid()), "王芳", 11)]).await;
    let (taking, _) = handing_in(&counting(5_000), &[gone], &[]);
    assert_eq!(write(db, taking).await, Answer::Committed);
    let paid_out = [payout(&rows[0], 30), payout(&rows[0], 3)];
    let new = CashRows { new_payouts: paid_out.to_vec(), ..CashRows::default() };
    assert_eq!(write(db, new).await, Answer::Committed);
    let drawers = db.store.drawers(account).await.unwrap();
    let mut expected = Drawer::sums(&rows, &paid_out);
    expected.sort_by(|a, b| a.worker.cmp(&b.worker));
    assert_eq!(drawers, expected);
    let mine = drawers.iter().find(|d| d.worker == "王芳").unwrap();
    assert_eq!((mine.sum_minor(), mine.carried_minor(), mine.oldest_at), (367, 412, Some(NOW.plus_ms(-5_000))));
    // The same from its rows, which are what a hand-in takes.
    let contents = db.store.drawer(account, Some("王芳")).await.unwrap();
    assert_eq!(contents.collections.len(), 4);
    assert_eq!(contents.collections[0].id, rows[2].id);
    assert_eq!(Drawer::sums(&contents.collections, &contents.payouts), from_ref(mine));
    let all = db.store.drawer(account, None).await.unwrap();
    assert_eq!((all.collections.len(), all.payouts.len()), (5, 2));
    assert_eq!(db.store.drawer(account, Some("nobody")).await.unwrap(), crate::Contents::default());
    let takeable: Vec<_> = contents.collections.into_iter().filter(|c| c.state == CollectionState::Confirmed).collect();
    let (taking, hand_in) = handing_in(&counting(367), &takeable, &contents.payouts);
    assert_eq!(write(db, taking).await, Answer::Committed);
    assert_eq!((hand_in.expected_minor, hand_in.variance_minor), (367, 0));
    let mine = db.store.drawers(account).await.unwrap().into_iter().find(|d| d.worker == "王芳").unwrap();
    assert_eq!((mine.sum_minor(), mine.carried_minor(), mine.paid_out_minor), (0, 45, 0));
}

async fn hand_ins_are_listed_newest_first_in_pages(db: &Db) {
    let account = ChannelAccountId(uuid());
    let mut made = Vec::new();
    for i in 0..5 {
        let row = loose(account, "王芳", 100).confirm(BY_PAYER, NOW).unwrap();
        add(db, from_ref(&row)).await;
        // Two of them at the same moment.
        let at = NOW.plus_ms(i / 2);
        let (rows, hand_in) = handing_in(&Counting { at, ..counting(100 - i) }, &[row], &[]);
        assert_eq!(write(db, rows).await, Answer::Committed);
        made.push(hand_in);
    }
    let approved = made[3].approve(&[], "钱", NOW).unwrap();
    let rows = CashRows { hand_ins: vec![approved.clone()], ..CashRows::default() };
    assert_eq!(write(db, rows).await, Answer::Committed);
    made[3] = HandIn { version: 2, ..approved };
    made.sort_by_key(|h| std::cmp::Reverse((h.received_at, h.id)));
    let all = HandInFilter { account, state: None, before: None, limit: 9 };
    assert_eq!(db.store.hand_ins(&all).await.unwrap(), made);
    let page = db.store.hand_ins(&HandInFilter { limit: 2, ..all }).await.unwrap();
    let before = page.last().map(|h| (h.received_at, h.id));
    let rest = db.store.hand_ins(&HandInFilter { before, ..all }).await.unwrap();
    assert_eq!([page, rest].concat(), made);
    let state = Some(HandInState::Approved);
    let found = db.store.hand_ins(&HandInFilter { state, ..all }).await.unwrap();
    assert_eq!(found.iter().map(|h| h.state).collect::<Vec<_>>(), [HandInState::Approved]);
    let elsewhere = HandInFilter { account: ChannelAccountId(uuid()), ..all };
    assert_eq!(db.store.hand_ins(&elsewhere).await.unwrap(), []);
}

async fn a_leg_is_paid_out_once(db: &Db) {
    let office = office(db).await;
    let dossier = cash_order(&office, 1_000).await;
    let first = claimed(&office, &dossier, 1_000).confirm(BY_PAYER, NOW).unwrap();
    assert!(matches!(tell(&office, &first, None).await, Taken::Written(_)));
    let refunded = office.refund(dossier.order.id, &request(300)).await.unwrap();
    let leg = refunded.legs().next().unwrap();
    assert_eq!(leg.state, LegState::AwaitingTransfer);
    let out = Payout { leg: leg.id, ..payout(&first, 300) };
    out.check(&db.store.drawers(office.account).await.unwrap()[0]).unwrap();
    let pay = async |out: &Payout| {
        let seen = Observation::new(Source::Collection, NOW.plus_ms(60), out.claim());
        let complete = |_: &Dossier, change: &mut Change| change.cash.new_payouts.push(out.clone());
        office.desk.observe_with(out.leg, &seen, complete).await.unwrap()
    };
    let Taken::Written(next) = pay(&out).await else { panic!() };
    assert_eq!(office.stored(&next).await.refunded_minor(), 300);
    assert!(matches!(pay(&out).await, Taken::Duplicate));
    let twice = Payout { id: PayoutId(uuid()), ..out.clone() };
    assert!(matches!(pay(&twice).await, Taken::Duplicate));
    assert_eq!(db.store.payout_of(leg.id).await.unwrap(), Some(out.clone()));
    assert!(out.check_again(&twice).unwrap_err().to_string().contains("`id`"));
    assert_eq!(db.store.drawers(office.account).await.unwrap()[0].sum_minor(), 700);
    assert!(matches!(first.claim(None), Some(Claim::Received(_))));
}

async fn what_is_not_there_is_none(db: &Db) {
    assert_eq!(db.store.collection(CollectionId(uuid())).await.unwrap(), None);
    assert_eq!(db.store.collections_of(PaymentId(uuid())).await.unwrap(), []);
    assert_eq!(db.store.hand_in(HandInId(uuid())).await.unwrap(), None);
    assert_eq!(db.store.taken_by(HandInId(uuid())).await.unwrap(), crate::Contents::default());
    assert_eq!(db.store.payout_of(LegId(uuid())).await.unwrap(), None);
    assert_eq!(db.store.drawers(ChannelAccountId(uuid())).await.unwrap(), []);
    let unknown = loose(ChannelAccountId(uuid()), "王芳", 1);
    let rows = CashRows { collections: vec![unknown], ..CashRows::default() };
    assert_eq!(write(db, rows).await, Answer::Stale);
}
