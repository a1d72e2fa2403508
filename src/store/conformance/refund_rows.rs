//! What a written refund looks like when it is read back, alone and in lists.

use bursar_core::decide::{Question, QuestionKind};
use bursar_core::id::{LegId, RefundId};
use bursar_core::merchant::MerchantPolicy;
use bursar_core::observation::{Claim, Source};
use bursar_core::refund::{Leg, LegState, Refund, RefundCause, RefundClaim, RefundEvidence, RefundState, Route};
use bursar_core::{Currency, Money};

use super::office::*;
use super::world::*;
use super::{Db, on_both};
use crate::{Answer, Change, RefundFilter};

on_both! {
    every_column_of_a_refund_and_its_legs_is_read_back
    refunds_are_listed_newest_first_in_pages_and_by_each_filter
    dossiers_of_legs_and_the_order_of_a_refund_are_found
    the_books_list_every_leg_in_pages
    a_row_of_a_refund_that_cannot_be_read_says_which
}

async fn every_column_of_a_refund_and_its_legs_is_read_back(db: &Db) {
    let office = Office::open(&db.store, MerchantPolicy::default()).await;
    let mut dossier = office.paid(&[600, 400]).await;
    let refunds_before = dossier.refunds.len();
    let [first, second] = [dossier.payments[0].id, dossier.payments[1].id];
    let mut refund = Refund {
        id: RefundId(uuid()),
        order: dossier.order.id,
        merchant: office.merchant,
        amount: Money::new(70, Currency::CNY),
        cause: RefundCause::Duplicate,
        reason: "多付了 'x'".to_owned(),
        requested_by: "lin".to_owned(),
        needs_approval: true,
        late: true,
        payee: Some(r#"{"serial":"5157","account":"AbC="}"#.to_owned()),
        state: RefundState::AwaitingApproval,
        evidence: RefundEvidence::default(),
        legs: Vec::new(),
        version: 0,
        created_at: NOW.plus_ms(77),
    };
    for (payment, minor, route) in [(second, 50, Route::Channel), (first, 20, Route::Transfer)] {
        let (id, sequence) = refund.next_leg();
        refund.legs.push(Leg {
            id,
            refund: refund.id,
            payment,
            sequence,
            route,
            amount: Money::new(minor, Currency::CNY),
            replaces: refund.legs.last().map(|l| l.id),
            state: if route == Route::Channel { LegState::Reserved } else { LegState::AwaitingTransfer },
            evidence: Default::default(),
            version: 0,
            due_at: (route == Route::Channel).then_some(NOW.plus_ms(5)),
            created_at: NOW.plus_ms(78),
        });
    }
    dossier.payments[0].returned_minor = 20;
    dossier.payments[1].returned_minor = 50;
    let change = Change {
        payments: dossier.payments.clone(),
        new_refunds: vec![refund.clone()],
        new_legs: refund.legs.clone(),
        ..Change::default()
    };
    assert_eq!(one(&*db.store, change).await, Answer::Committed);
    dossier.payments.iter_mut().for_each(|p| p.version += 1);
    refund.version = 1;
    refund.legs.iter_mut().for_each(|l| l.version = 1);
    dossier.refunds.push(refund.clone());
    office.stored(&dossier).await;

    // And what changes.
    let approved = RefundClaim::Approved { by: "mei".to_owned() };
    let seen = |claim| bursar_core::observation::Observation::new(Source::Operator, NOW, Claim::Refund(claim));
    let stored = dossier.refunds.last_mut().unwrap();
    stored.evidence = stored.evidence.clone().join(&seen(approved));
    stored.state = RefundState::Parked;
    let leg = &mut stored.legs[0];
    leg.evidence = leg.evidence.clone().join(leg.amount, &seen(RefundClaim::Sending));
    leg.state = LegState::Held;
    leg.due_at = None;
    let legs = vec![leg.clone()];
    let change = Change { refunds: vec![stored.clone()], legs, ..Change::default() };
    assert_eq!(one(&*db.store, change).await, Answer::Committed);
    stored.legs[0].version = 2;
    stored.version = 2;
    let read = office.stored(&dossier).await;
    assert_eq!(read.refunds.len(), refunds_before + 1);
    let counts = db.store.counts().await.unwrap();
    assert!(counts.refunds.contains(&(RefundState::Parked, 1)), "{:?}", counts.refunds);
    assert!(counts.legs.contains(&(LegState::Held, 1)) && counts.legs.contains(&(LegState::AwaitingTransfer, 1)));
    let returned: Vec<_> = db.store.book_lines(None, 9).await.unwrap().iter().map(|l| l.returned_minor).collect();
    assert_eq!(returned, [20, 50]);
}

async fn refunds_are_listed_newest_first_in_pages_and_by_each_filter(db: &Db) {
    let mine = Office::open(&db.store, MerchantPolicy::default()).await;
    let other = Office::open(&db.store, MerchantPolicy::default()).await;
    let mut all = Vec::new();
    let mut orders = Vec::new();
    for office in [&mine, &other] {
        for _ in 0..2 {
            let order = office.paid(&[600, 401]).await.order.id;
            orders.push(order);
            for minor in [450, 3] {
                let wish = request(minor);
                office.refund(order, &wish).await.unwrap();
                all.push((wish.id, order, office.merchant));
            }
        }
    }
    let done = db.store.dossier(orders[0]).await.unwrap().unwrap();
    let done = done.refund(all[1].0).unwrap();
    mine.succeed(done.legs[0].id).await;
    all.sort_by_key(|r| std::cmp::Reverse(r.0));
    let list = async |filter: RefundFilter| {
        let found = db.store.refunds(&filter).await.unwrap();
        for refund in &found {
            assert!(!refund.legs.is_empty() && refund.legs.is_sorted_by_key(|l| l.sequence));
            let dossier = db.store.dossier(refund.order).await.unwrap().unwrap();
            assert_eq!(dossier.refund(refund.id), Some(refund));
        }
        found.iter().filter(|r| r.cause == RefundCause::Requested).map(|r| r.id).collect::<Vec<_>>()
    };
    let ids = |of: &dyn Fn(&(RefundId, _, _)) -> bool| all.iter().filter(|r| of(r)).map(|r| r.0).collect::<Vec<_>>();
    let every = RefundFilter { limit: 100, ..RefundFilter::default() };
    assert_eq!(list(every.clone()).await, ids(&|_| true));
    assert_eq!(
        list(RefundFilter { merchant: Some(mine.merchant), ..every.clone() }).await,
        ids(&|r| r.2 == mine.merchant)
    );
    let of_order = RefundFilter { order: Some(orders[3]), ..every.clone() };
    assert_eq!(list(of_order.clone()).await, ids(&|r| r.1 == orders[3]));
    assert_eq!(list(RefundFilter { merchant: Some(mine.merchant), ..of_order }).await, []);
    let succeeded = RefundFilter { state: Some(RefundState::Succeeded), ..every.clone() };
    assert_eq!(list(succeeded).await, [done.id]);
    // Pages, with what was prepared and voided between.
    let mut paged = Vec::new();
    let mut before = None;
    loop {
        let page = db.store.refunds(&RefundFilter { before, limit: 3, ..RefundFilter::default() }).await.unwrap();
        assert!(page.len() <= 3);
        let Some(last) = page.last() else { break };
        before = Some(last.id);
        paged.extend(page.iter().map(|r| r.id));
    }
    assert_eq!(paged, db.store.refunds(&every).await.unwrap().iter().map(|r| r.id).collect::<Vec<_>>());
    assert_eq!(paged.len(), 12);
}

async fn dossiers_of_legs_and_the_order_of_a_refund_are_found(db: &Db) {
    let office = Office::open(&db.store, MerchantPolicy::default()).await;
    let mut wanted = Vec::new();
    let mut legs = vec![LegId(uuid())];
    for _ in 0..5 {
        let order = office.paid(&[600, 400]).await.order.id;
        let wish = request(1_000);
        let dossier = office.refund(order, &wish).await.unwrap();
        assert_eq!(db.store.order_of_refund(wish.id).await.unwrap(), Some(order));
        legs.extend(dossier.refund(wish.id).unwrap().legs.iter().map(|l| l.id));
        wanted.push(dossier);
    }
    let mut found = db.store.dossiers_of_legs(&legs).await.unwrap();
    found.sort_by_key(|d| d.order.id);
    wanted.sort_by_key(|d| d.order.id);
    assert_eq!(found, wanted);
    assert_eq!(db.store.dossiers_of_legs(&legs[1..2]).await.unwrap().len(), 1);
    assert_eq!(db.store.dossiers_of_legs(&[]).await.unwrap(), []);
    assert_eq!(db.store.dossiers_of_legs(&legs[..1]).await.unwrap(), []);
    assert_eq!(db.store.order_of_refund(RefundId(uuid())).await.unwrap(), None);
    // The gatherer answers for every leg of a dossier.
    let gathered = office.desk.gatherer.dossier_of_leg(legs[2]).await.unwrap().unwrap();
    assert!(gathered.leg(legs[2]).is_some() && gathered.leg(legs[1]).is_some());
    assert_eq!(office.desk.gatherer.dossier_of_leg(legs[0]).await.unwrap(), None);
}

async fn the_books_list_every_leg_in_pages(db: &Db) {
    let office = Office::open(&db.store, MerchantPolicy::default()).await;
    let order = office.paid(&[12_345]).await.order.id;
    let mut dossier = office.refund(order, &request(1)).await.unwrap();
    for minor in 2..6 {
        dossier = office.refund(order, &request(minor)).await.unwrap();
    }
    let mut legs: Vec<_> = dossier.legs().cloned().collect();
    legs.sort_by_key(|l| l.id);
    office.say_refund(legs[1].id, 20, RefundClaim::Processing { refund_id: "5030".to_owned() }).await;
    // One is refused for good, and a person transfers the money.
    let dossier = office.say_refund(legs[2].id, 20, RefundClaim::Refused { reason: "too old".to_owned() }).await;
    let transfer = dossier.legs().find(|l| l.route == Route::Transfer).unwrap();
    let ask = Question { subject: legs[3].id.uuid(), kind: QuestionKind::Overpaid, text: "?".to_owned() };
    assert_eq!(one(&*db.store, Change { questions: vec![ask], ..Change::default() }).await, Answer::Committed);
    let mut lines = Vec::new();
    let mut after = None;
    loop {
        let page = db.store.refund_lines(after, 2).await.unwrap();
        let Some(last) = page.last() else { break };
        assert!(page.len() <= 2);
        after = Some(last.leg);
        lines.extend(page);
    }
    let by_hand = lines.remove(lines.iter().position(|l| l.route == Route::Transfer).unwrap());
    assert_eq!((by_hand.leg, by_hand.amount_minor), (transfer.id, transfer.amount.minor));
    assert_eq!(lines.iter().map(|l| l.leg).collect::<Vec<_>>(), legs.iter().map(|l| l.id).collect::<Vec<_>>());
    assert_eq!(lines[1].refund_id.as_deref(), Some("5030"));
    let states: Vec<_> = lines.iter().map(|l| (l.state, l.parked)).collect();
    let reserved = (LegState::Reserved, false);
    let expected =
        [reserved, (LegState::Processing, false), (LegState::NotPossible, false), (LegState::Reserved, true), reserved];
    assert_eq!(states, expected);
    assert!(lines.iter().zip(&legs).all(|(l, leg)| (l.payment, l.amount_minor) == (leg.payment, leg.amount.minor)));
}

async fn a_row_of_a_refund_that_cannot_be_read_says_which(db: &Db) {
    let office = Office::open(&db.store, MerchantPolicy::default()).await;
    let order = office.paid(&[12_345]).await.order.id;
    let dossier = office.refund(order, &request(1)).await.unwrap();
    for (table, column, id) in [
        ("refund_leg", "l_evidence", dossier.refunds[0].legs[0].id.bare()),
        ("refund", "r_evidence", dossier.refunds[0].id.bare()),
    ] {
        db.meddle(&format!("update {table} set evidence = '{{broken'")).await;
        let text = db.store.dossier(order).await.unwrap_err().to_string();
        assert!(text.contains(table) && text.contains(column) && text.contains(&id), "{text}");
    }
}
