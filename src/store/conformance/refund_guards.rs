//! What refuses a change about money that goes back: versions, derived ids, and the sum of what was taken.

use bursar_core::channel::Method;
use bursar_core::merchant::MerchantPolicy;
use bursar_core::observation::{Claim, Piece, Source};
use bursar_core::order::{Dossier, Order};
use bursar_core::payment::{Payment, PaymentState};
use bursar_core::refund::{Leg, LegState, Refund, RefundCause};

use super::office::*;
use super::world::*;
use super::{Db, on_both};
use crate::{Answer, Change, StoreError};

on_both! {
    a_refund_or_leg_whose_version_has_moved_on_is_stale
    a_refund_or_leg_that_is_there_already_is_stale_and_not_a_duplicate
    of_thirty_equal_refunds_at_once_one_is_written
    a_leg_that_would_give_back_more_than_was_taken_is_refused_by_the_database
    of_money_that_came_in_pieces_as_much_goes_back_as_came
    what_a_channel_gave_back_too_much_is_written_and_does_not_hold_up_other_ways
    a_leg_that_is_not_counted_is_a_mistake_and_not_written
    a_repeated_request_is_a_duplicate_even_when_the_order_has_moved_on
    refused_refunds_do_not_spoil_their_neighbours
    amounts_and_codes_out_of_range_are_refused
}

async fn office(db: &Db) -> Office {
    Office::open(&db.store, MerchantPolicy::default()).await
}

/// A change that takes `minor` from the one payment of `dossier`, which then has `returned` in all.
fn giving(dossier: &Dossier, minor: i64, returned: i64) -> Change {
    let request = request(minor);
    let mut refund = Refund {
        id: request.id,
        order: dossier.order.id,
        merchant: dossier.order.merchant,
        amount: bursar_core::Money::new(minor, dossier.order.amount.currency),
        cause: RefundCause::Requested,
        reason: request.reason,
        requested_by: request.by,
        needs_approval: false,
        late: false,
        payee: None,
        state: bursar_core::refund::RefundState::Running,
        evidence: Default::default(),
        legs: Vec::new(),
        version: 0,
        created_at: NOW,
    };
    refund.legs.push(leg(&refund, dossier, minor));
    let mut payment = dossier.payments[0].clone();
    payment.returned_minor = returned;
    Change { payments: vec![payment], new_legs: refund.legs.clone(), new_refunds: vec![refund], ..Change::default() }
}

fn leg(refund: &Refund, dossier: &Dossier, minor: i64) -> Leg {
    let (id, sequence) = refund.next_leg();
    Leg {
        id,
        refund: refund.id,
        payment: dossier.payments[0].id,
        sequence,
        route: bursar_core::refund::Route::Channel,
        amount: bursar_core::Money::new(minor, dossier.order.amount.currency),
        replaces: None,
        state: LegState::Reserved,
        evidence: Default::default(),
        version: 0,
        due_at: Some(NOW),
        created_at: NOW,
    }
}

async fn reload(office: &Office, dossier: &Dossier) -> Dossier {
    office.store().dossier(dossier.order.id).await.unwrap().unwrap()
}

async fn a_refund_or_leg_whose_version_has_moved_on_is_stale(db: &Db) {
    let office = office(db).await;
    let paid = office.paid(&[12_345]).await;
    let dossier = office.refund(paid.order.id, &request(100)).await.unwrap();
    let (refund, leg) = (dossier.refunds[0].clone(), dossier.refunds[0].legs[0].clone());
    let of_refund = Change { refunds: vec![refund.clone()], ..Change::default() };
    let of_leg = Change { legs: vec![leg.clone()], ..Change::default() };
    for change in [of_refund, of_leg] {
        assert_eq!(one(&*db.store, change.clone()).await, Answer::Committed);
        assert_eq!(one(&*db.store, change.clone()).await, Answer::Stale);
        // Of two in one call the second is answered so as well.
        let mut next = change;
        next.refunds.iter_mut().for_each(|r| r.version += 1);
        next.legs.iter_mut().for_each(|l| l.version += 1);
        let answers = db.store.commit(&[next.clone(), next]).await.unwrap();
        assert_eq!(answers, [Answer::Committed, Answer::Stale]);
    }
    let unknown = Change { legs: vec![Leg { id: bursar_core::id::LegId(uuid()), ..leg }], ..Change::default() };
    assert_eq!(one(&*db.store, unknown).await, Answer::Stale);
    let now = reload(&office, &dossier).await;
    assert_eq!((now.refunds[0].version, now.refunds[0].legs[0].version), (3, 3));
}

async fn a_refund_or_leg_that_is_there_already_is_stale_and_not_a_duplicate(db: &Db) {
    let office = office(db).await;
    let dossier = office.paid(&[12_345]).await;
    let change = giving(&dossier, 100, 100);
    let only_refund = Change { payments: Vec::new(), new_legs: Vec::new(), ..change.clone() };
    let only_leg = Change { payments: Vec::new(), new_refunds: Vec::new(), ..change.clone() };
    // Twice in one call, then again.
    let answers = db.store.commit(&[change.clone(), change, only_refund.clone(), only_leg.clone()]).await.unwrap();
    assert_eq!(answers, [Answer::Committed, Answer::Stale, Answer::Stale, Answer::Stale]);
    assert_eq!(one(&*db.store, only_refund).await, Answer::Stale);
    assert_eq!(one(&*db.store, only_leg).await, Answer::Stale);
    let now = reload(&office, &dossier).await;
    assert_eq!((now.refunds.len(), now.legs().count(), now.payments[0].returned_minor), (1, 1, 100));
}

async fn of_thirty_equal_refunds_at_once_one_is_written(db: &Db) {
    let office = office(db).await;
    let dossier = office.paid(&[12_345]).await;
    let another = db.another().await;
    for round in 0..5 {
        let refund = giving(&dossier, 100 + round, 0).new_refunds.remove(0);
        let mut tasks = tokio::task::JoinSet::new();
        for i in 0..30 {
            let store = if i % 2 == 0 { db.store.clone() } else { another.clone() };
            let change = Change { new_refunds: vec![refund.clone()], ..Change::default() };
            tasks.spawn(async move { one(&*store, change).await });
        }
        let answers = tasks.join_all().await;
        assert_eq!(answers.iter().filter(|a| **a == Answer::Committed).count(), 1);
        assert_eq!(answers.iter().filter(|a| **a == Answer::Stale).count(), 29);
    }
    assert_eq!(reload(&office, &dossier).await.refunds.len(), 5);
    another.close().await;
}

async fn a_leg_that_would_give_back_more_than_was_taken_is_refused_by_the_database(db: &Db) {
    let office = office(db).await;
    let dossier = office.paid(&[12_345]).await;
    // A decision gone wrong: it counts honestly, but beyond what there is.
    assert_eq!(one(&*db.store, giving(&dossier, 12_346, 12_346)).await, Answer::Stale);
    assert_eq!(one(&*db.store, giving(&dossier, 12_000, 12_000)).await, Answer::Committed);
    let dossier = reload(&office, &dossier).await;
    assert_eq!(one(&*db.store, giving(&dossier, 346, 12_346)).await, Answer::Stale);
    assert_eq!(one(&*db.store, giving(&dossier, 345, 12_345)).await, Answer::Committed);
    let now = reload(&office, &dossier).await;
    assert_eq!((now.returned_minor(now.payments[0].id), now.refunds.len()), (12_345, 2));
}

/// A payment of 1000 by transfer to which these pieces came; closed at the end if they are too little.
async fn transferred(office: &Office, pieces: &[i64]) -> Dossier {
    let amount = bursar_core::Money::new(1_000, bursar_core::Currency::CNY);
    let order = Order { amount, ..order(office.merchant, &uuid().to_string()) };
    let payment = Payment { method: Method::BankTransfer, ..office.payment(&order, 1_000) };
    let (_, mut dossier) = office.desk.open(order, vec![payment.clone()], |_, _| {}).await.unwrap();
    for (at, minor) in (0..).zip(pieces) {
        let piece =
            Piece { line: uuid().to_string(), amount_minor: *minor, currency: "CNY".into(), at: NOW.plus_ms(at) };
        dossier = office.say(payment.id, Source::Statement, 20 + at, Claim::Received(piece)).await;
    }
    dossier
}

async fn of_money_that_came_in_pieces_as_much_goes_back_as_came(db: &Db) {
    let office = office(db).await;
    let more = transferred(&office, &[600, 700]).await;
    // 300 more than asked for go back by themselves; a person may give back the rest, and no more.
    assert_eq!((more.payments[0].taken_minor(), more.payments[0].returned_minor), (1_300, 300));
    assert_eq!(one(&*db.store, giving(&more, 1_001, 1_301)).await, Answer::Stale);
    assert_eq!(reload(&office, &more).await, more);
    assert_eq!(one(&*db.store, giving(&more, 1_000, 1_300)).await, Answer::Committed);

    let less = transferred(&office, &[400]).await;
    assert_eq!(less.payments[0].part_minor(), 400);
    let line = async |id| db.store.book_lines(None, 99).await.unwrap().into_iter().find(|l| l.payment == id).unwrap();
    assert_eq!(line(less.payments[0].id).await.taken_minor, 0);
    // As long as it is not complete, nothing of it can go back.
    assert_eq!(one(&*db.store, giving(&less, 1, 1)).await, Answer::Stale);
    let why = Claim::CloseRequested { reason: "expired".to_owned() };
    office.say(less.payments[0].id, Source::Clock, 90, why).await;
    let less = office.say(less.payments[0].id, Source::Close, 91, Claim::ClosedAtChannel).await;
    let taken = &less.payments[0];
    assert_eq!((taken.state, taken.taken_minor(), taken.returned_minor), (PaymentState::Captured, 400, 400));
    let line = line(taken.id).await;
    assert_eq!((line.amount_minor, line.taken_minor, line.returned_minor), (1_000, 400, 400));
    assert_eq!(line.transaction_id, taken.evidence.received.keys().next().cloned());
    assert_eq!(one(&*db.store, giving(&less, 1, 401)).await, Answer::Stale);
}

async fn what_a_channel_gave_back_too_much_is_written_and_does_not_hold_up_other_ways(db: &Db) {
    let office = office(db).await;
    let mut dossier = office.paid(&[100]).await;
    assert_eq!(one(&*db.store, giving(&dossier, 60, 60)).await, Answer::Committed);
    dossier = reload(&office, &dossier).await;
    assert_eq!(one(&*db.store, giving(&dossier, 40, 100)).await, Answer::Committed);
    dossier = reload(&office, &dossier).await;
    // The first leg is stranded and another way is taken: nothing more goes back than before.
    let first = dossier.refunds.iter().find(|r| r.amount.minor == 60).unwrap().clone();
    let stranded = Leg { state: LegState::Stranded, ..first.legs[0].clone() };
    let change = Change {
        legs: vec![stranded.clone()],
        new_legs: vec![leg(&first, &dossier, 60)],
        refunds: vec![first],
        ..Change::default()
    };
    assert_eq!(one(&*db.store, change).await, Answer::Committed);
    // Then the channel says that it had arrived all the same: that is written, whatever it means.
    dossier = reload(&office, &dossier).await;
    let mut over = dossier.payments[0].clone();
    over.returned_minor = 160;
    let arrived = Leg { state: LegState::Succeeded, version: 2, ..stranded };
    let change = Change { payments: vec![over], legs: vec![arrived], ..Change::default() };
    assert_eq!(one(&*db.store, change).await, Answer::Committed);
    dossier = reload(&office, &dossier).await;
    assert_eq!(dossier.payments[0].returned_minor, 160);
    // Nothing is added beyond that, but what fails is carried on by another leg.
    assert_eq!(one(&*db.store, giving(&dossier, 1, 161)).await, Answer::Stale);
    let second = dossier.refunds.iter().find(|r| r.amount.minor == 40).unwrap().clone();
    let failed = Leg { state: LegState::NotPossible, ..second.legs[0].clone() };
    for payments in [Vec::new(), dossier.payments.clone()] {
        let change = Change {
            payments,
            legs: vec![failed.clone()],
            new_legs: vec![leg(&second, &dossier, 40)],
            refunds: vec![second.clone()],
            ..Change::default()
        };
        assert_eq!(one(&*db.store, change.clone()).await, Answer::Committed);
        // Undone for the second round, which writes the payment as well.
        let undo = format!("delete from refund_leg where id = {}", db.literal(change.new_legs[0].id.uuid()));
        db.meddle(&undo).await;
        db.meddle("update refund_leg set version = 1, state = 1 where amount_minor = 40").await;
        db.meddle("update refund set version = 1 where amount_minor = 40").await;
    }
}

async fn a_leg_that_is_not_counted_is_a_mistake_and_not_written(db: &Db) {
    let office = office(db).await;
    let dossier = office.paid(&[12_345]).await;
    let not_at_all = Change { payments: Vec::new(), ..giving(&dossier, 100, 0) };
    let too_little = giving(&dossier, 100, 99);
    for change in [not_at_all, too_little] {
        let error = db.store.commit(&[change]).await.unwrap_err();
        assert!(matches!(&error, StoreError::Misuse(why) if why.contains(&only(&dossier).bare())), "{error}");
    }
    assert_eq!(reload(&office, &dossier).await, dossier);
    // A stale change is stale, and not a mistake: its payment was not written, so it does not count.
    let mut stale = giving(&dossier, 100, 100);
    stale.payments[0].version -= 1;
    assert_eq!(one(&*db.store, stale).await, Answer::Stale);
}

async fn a_repeated_request_is_a_duplicate_even_when_the_order_has_moved_on(db: &Db) {
    let office = office(db).await;
    let dossier = office.paid(&[12_345]).await;
    let keyed = |minor| Change {
        idempotency: Some(idempotency(office.merchant, "k")),
        orders: vec![dossier.order.clone()],
        ..giving(&dossier, minor, minor)
    };
    let answers = db.store.commit(&[keyed(100), keyed(100)]).await.unwrap();
    assert_eq!(answers, [Answer::Committed, Answer::Duplicate]);
    assert_eq!(one(&*db.store, keyed(100)).await, Answer::Duplicate);
    let other = Change { idempotency: Some(idempotency(office.merchant, "other")), ..keyed(100) };
    assert_eq!(one(&*db.store, other).await, Answer::Stale);
    assert_eq!(db.store.idempotency(office.merchant, "other").await.unwrap(), None);
}

async fn refused_refunds_do_not_spoil_their_neighbours(db: &Db) {
    let office = office(db).await;
    let (a, b) = (office.paid(&[100]).await, office.paid(&[100]).await);
    let m = office.merchant;
    let changes = [
        giving(&a, 101, 101),
        opening(m, "n1"),
        giving(&b, 100, 100),
        giving(&a, 60, 60),
        giving(&a, 60, 60),
        giving(&b, 1, 101),
        opening(m, "n2"),
    ];
    use Answer::{Committed, Stale};
    let expected = [Stale, Committed, Committed, Committed, Stale, Stale, Committed];
    assert_eq!(db.store.commit(&changes).await.unwrap(), expected);
    let (a, b) = (reload(&office, &a).await, reload(&office, &b).await);
    assert_eq!((a.payments[0].returned_minor, a.refunds.len()), (60, 1));
    assert_eq!((b.payments[0].returned_minor, b.refunds.len()), (100, 1));
}

async fn amounts_and_codes_out_of_range_are_refused(db: &Db) {
    let office = office(db).await;
    let dossier = office.paid(&[12_345]).await;
    let nothing = giving(&dossier, 0, 0);
    let error = db.store.commit(&[nothing]).await.unwrap_err();
    assert!(!error.is_transient(), "{error}");
    let mut negative = giving(&dossier, 1, 1);
    negative.new_legs[0].amount.minor = -1;
    assert!(db.store.commit(&[negative]).await.is_err());
    let mut below = giving(&dossier, 1, 1);
    below.payments[0].returned_minor = -1;
    assert!(db.store.commit(&[below]).await.is_err());
    assert_eq!(reload(&office, &dossier).await, dossier);
    assert_eq!(one(&*db.store, giving(&dossier, 1, 1)).await, Answer::Committed);
}
