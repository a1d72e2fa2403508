//! Movements, bills, breaks and reconciliations: each is written once, guarded, and read back whole.

use bursar_core::bank::Day;
use bursar_core::channel::ChannelKind;
use bursar_core::clock::DAY_MS;
use bursar_core::id::{BillId, BreakId, ChannelAccountId, MerchantId};
use bursar_core::job::JobKind;
use bursar_core::merchant::{ChannelAccount, MerchantPolicy};
use bursar_core::observation::{Claim, Source};
use bursar_core::payment::Payment;
use bursar_core::reconcile::{
    Bill, BillKind, BillLine, BillState, BillSums, Break, BreakKind, BreakState, BreakSubject, EntryKind, EntryStatus,
    Movement, MovementKind, Proposal, Reconciliation, Resolution, RunFigures, RunState, movements,
};
use bursar_core::{Currency, Money};
use uuid::Uuid;

use super::office::Office;
use super::world::*;
use super::{Db, on_both};
use crate::{Answer, BillLineRow, BreakFilter, Change, DayFilter, LineVerdict, WITHDRAWN};

on_both! {
    a_payment_that_is_paid_leaves_one_movement_however_often_it_is_told
    movements_are_matched_and_what_is_left_is_found_by_day
    a_bill_its_file_and_its_lines_are_read_back_and_an_issue_comes_once
    lines_that_a_later_issue_does_not_tell_are_found
    a_break_is_found_once_and_moves_under_its_version
    a_reconciliation_without_its_job_is_stuck
    a_command_while_a_reconciliation_is_under_way_is_not_lost
}

fn day(n: i64) -> Day {
    Day::from_number(NOW.as_millis() / DAY_MS + n)
}

fn moved(payment: &Payment, kind: MovementKind, minor: i64, at: Day) -> Movement {
    Movement {
        subject: payment.id.uuid(),
        kind,
        payment: payment.id,
        account: payment.account,
        merchant: payment.merchant,
        amount: Money::new(minor, Currency::CNY),
        at: NOW,
        day: at,
    }
}

fn with_books(put: impl FnOnce(&mut crate::BookRows)) -> Change {
    let mut change = Change::default();
    put(&mut change.books);
    change
}

async fn a_payment_that_is_paid_leaves_one_movement_however_often_it_is_told(db: &Db) {
    let (order, payment) = opened(&*db.store, merchant(), "1").await;
    let (paid, mut change) = observed(&payment, Source::Query, 5, Claim::Paid(receipt(&payment)));
    let dossier = |payment: &Payment| bursar_core::order::Dossier {
        order: order.clone(),
        payments: vec![payment.clone()],
        refunds: Vec::new(),
    };
    change.books.movements = movements(&dossier(&payment), &dossier(&paid), NOW);
    assert_eq!(change.books.movements.len(), 1);
    assert_eq!(one(&*db.store, change.clone()).await, Answer::Committed);
    let found = db.store.movements_of(&[payment.id.uuid()]).await.unwrap();
    assert_eq!(found, [(change.books.movements[0], false)]);
    // Told again by another claim: nothing new is derived, and what is written twice stays as it was.
    assert!(movements(&dossier(&paid), &dossier(&paid), NOW).is_empty());
    let again = with_books(|rows| rows.movements = vec![moved(&payment, MovementKind::Capture, 1, day(3))]);
    assert_eq!(one(&*db.store, again).await, Answer::Committed);
    assert_eq!(db.store.movements_of(&[payment.id.uuid()]).await.unwrap(), found);
    let sides = db.store.payment_sides(&[payment.id.uuid(), Uuid::from_u128(5)]).await.unwrap();
    assert_eq!(sides.len(), 1);
    assert_eq!((sides[0].id, sides[0].state, sides[0].amount), (paid.id, paid.state, paid.amount));
}

async fn movements_are_matched_and_what_is_left_is_found_by_day(db: &Db) {
    let (_, payment) = opened(&*db.store, merchant(), "1").await;
    let rows: Vec<Movement> = [(MovementKind::Capture, 0), (MovementKind::Refund, 1), (MovementKind::Receipt, 1)]
        .into_iter()
        .map(|(kind, n)| moved(&payment, kind, 100, day(n)))
        .collect();
    let payout = Movement { subject: uuid(), ..moved(&payment, MovementKind::Payout, -70, day(1)) };
    let transfer = Movement { subject: uuid(), ..moved(&payment, MovementKind::Transfer, -30, day(2)) };
    let all = rows.iter().copied().chain([payout, transfer]).collect();
    assert_eq!(one(&*db.store, with_books(|r| r.movements = all)).await, Answer::Committed);
    let left = |from, until| db.store.unmatched_movements(payment.account, (day(from), day(until)), None, 10);
    assert_eq!(left(0, 0).await.unwrap(), [rows[0]]);
    assert_eq!(left(0, 5).await.unwrap().len(), 2, "a bill tells of captures and refunds only");
    let key = (payment.id.uuid(), MovementKind::Capture);
    assert_eq!(one(&*db.store, with_books(|r| r.matched = vec![key])).await, Answer::Committed);
    assert!(left(0, 0).await.unwrap().is_empty());
    assert_eq!(left(0, 5).await.unwrap(), [rows[1]]);
    assert_eq!(one(&*db.store, with_books(|r| r.unmatched = vec![key])).await, Answer::Committed);
    assert_eq!(left(0, 0).await.unwrap(), [rows[0]]);
    assert!(
        db.store.unmatched_movements(ChannelAccountId(uuid()), (day(0), day(5)), None, 10).await.unwrap().is_empty()
    );
    assert_eq!(db.store.open_payouts(payment.account, day(0), 10).await.unwrap(), [payout]);
    let other = Movement { subject: uuid(), ..payout };
    let key = (other.subject, MovementKind::Payout);
    let dropped = with_books(|r| (r.movements, r.dropped) = (vec![other], vec![key]));
    assert_eq!(one(&*db.store, dropped).await, Answer::Committed);
    assert_eq!(db.store.open_payouts(payment.account, day(0), 10).await.unwrap(), [payout], "its bill took it back");
    let shown = with_books(|r| (r.movements, r.matched) = (vec![other], vec![key]));
    assert_eq!(one(&*db.store, shown).await, Answer::Committed);
    assert_eq!(one(&*db.store, with_books(|r| r.dropped = vec![key])).await, Answer::Committed);
    assert_eq!(db.store.movements_of(&[other.subject]).await.unwrap(), [(other, true)], "a bank has shown it");
    assert!(db.store.open_payouts(payment.account, day(2), 10).await.unwrap().is_empty());
    let transfers = db.store.unmatched_transfers(payment.merchant, (day(0), day(2)), 10).await.unwrap();
    assert_eq!(transfers, [transfer]);
}

fn bill(account: ChannelAccountId, merchant: MerchantId, issue: i32) -> Bill {
    let sums = BillSums { lines: 2, captured_minor: 12_345, fee_minor: 74, ..BillSums::default() };
    Bill {
        id: BillId(uuid()),
        account,
        merchant,
        kind: BillKind::Trade,
        day: day(0),
        issue,
        digest: vec![u8::try_from(issue).unwrap(); 32],
        name: "bill\u{0}.csv".to_owned(),
        bytes: 300_000,
        sums,
        news: BillSums::default(),
        currency: Currency::CNY,
        source: "channel".to_owned(),
        fetched_at: NOW,
        state: BillState::Stored,
        taken: 0,
        version: 0,
    }
}

fn line(bill: &Bill, ordinal: u32, subject: Option<Uuid>) -> BillLineRow {
    BillLineRow {
        bill: bill.id,
        line: BillLine {
            ordinal,
            kind: EntryKind::Capture,
            status: EntryStatus::Done,
            number: "n".to_owned(),
            payment_number: None,
            payment_channel_id: None,
            channel_id: format!("4200{ordinal}"),
            amount_minor: 12_345,
            currency: "CNY".to_owned(),
            fee_minor: 74,
            at: NOW,
            order_number: Some("o-1".to_owned()),
        },
        subject,
        verdict: LineVerdict::Agrees,
        issue: bill.issue,
    }
}

async fn a_bill_its_file_and_its_lines_are_read_back_and_an_issue_comes_once(db: &Db) {
    let (account, merchant) = (ChannelAccountId(uuid()), merchant());
    let first = bill(account, merchant, 1);
    db.store.put_bill_part(first.id, 0, vec![1, 0, 2]).await.unwrap();
    db.store.put_bill_part(first.id, 0, vec![9]).await.unwrap();
    assert_eq!(db.store.bill_part(first.id, 0).await.unwrap(), Some(vec![1, 0, 2]));
    assert_eq!(db.store.bill_part(first.id, 1).await.unwrap(), None);
    assert_eq!(one(&*db.store, with_books(|r| r.new_bills = vec![first.clone()])).await, Answer::Committed);
    let again = Bill { id: BillId(uuid()), ..first.clone() };
    assert_eq!(one(&*db.store, with_books(|r| r.new_bills = vec![again])).await, Answer::Duplicate);
    let kept = Bill { name: "bill\u{fffd}.csv".to_owned(), version: 1, ..first.clone() };
    assert_eq!(db.store.bill(first.id).await.unwrap(), Some(kept.clone()));
    let subject = uuid();
    let (ours, strangers) = (line(&first, 1, Some(subject)), line(&first, 2, None));
    let next = Bill { taken: 2, state: BillState::Done, news: first.sums, ..kept.clone() };
    let change = with_books(|r| {
        r.new_lines = vec![ours.clone(), strangers.clone()];
        r.bills = vec![next.clone()];
    });
    assert_eq!(one(&*db.store, change.clone()).await, Answer::Committed);
    assert_eq!(one(&*db.store, change).await, Answer::Stale, "somebody else was at it");
    assert_eq!(db.store.bill(first.id).await.unwrap(), Some(Bill { version: 2, ..next }));
    assert_eq!(db.store.bill_lines(first.id, 0, 10).await.unwrap(), [ours.clone(), strangers.clone()]);
    assert_eq!(db.store.bill_lines(first.id, 1, 10).await.unwrap(), std::slice::from_ref(&strangers));
    let about = db.store.lines_about(account, &[subject]).await.unwrap();
    assert_eq!(
        about.iter().map(|t| (&t.row, t.day, t.bill_kind)).collect::<Vec<_>>(),
        [(&ours, day(0), BillKind::Trade)]
    );
    assert!(db.store.lines_about(ChannelAccountId(uuid()), &[subject]).await.unwrap().is_empty());
    let numbered = db.store.lines_numbered(account, &["42001".to_owned(), "42002".to_owned()]).await.unwrap();
    assert_eq!(numbered.iter().map(|t| &t.row).collect::<Vec<_>>(), [&strangers]);
    let filter =
        DayFilter { merchant: Some(merchant), from: Some(day(0)), until: Some(day(0)), limit: 10, account: None };
    assert_eq!(db.store.bills(&filter).await.unwrap().len(), 1);
    assert!(db.store.bills(&DayFilter { from: Some(day(1)), until: None, ..filter }).await.unwrap().is_empty());
}

async fn lines_that_a_later_issue_does_not_tell_are_found(db: &Db) {
    let (account, merchant) = (ChannelAccountId(uuid()), merchant());
    let (first, second) = (bill(account, merchant, 1), bill(account, merchant, 2));
    let change = with_books(|r| {
        r.new_bills = vec![first.clone(), second.clone()];
        r.new_lines = vec![line(&first, 1, None), line(&first, 2, None)];
        r.told_again = vec![];
    });
    assert_eq!(one(&*db.store, change).await, Answer::Committed);
    assert_eq!(db.store.lines_withdrawn(&second, 10).await.unwrap().len(), 2);
    let change = with_books(|r| r.told_again = vec![(first.id, 1, 2)]);
    assert_eq!(one(&*db.store, change).await, Answer::Committed);
    let withdrawn = db.store.lines_withdrawn(&second, 10).await.unwrap();
    assert_eq!(withdrawn.iter().map(|t| t.row.line.ordinal).collect::<Vec<_>>(), [2]);
    assert!(db.store.lines_withdrawn(&first, 10).await.unwrap().is_empty());
    // What was taken back is told by no issue any more, and cannot be taken back again.
    let third = bill(account, merchant, 3);
    let change = with_books(|r| r.told_again = vec![(first.id, 2, WITHDRAWN)]);
    assert_eq!(one(&*db.store, change).await, Answer::Committed);
    assert!(db.store.lines_withdrawn(&second, 10).await.unwrap().is_empty());
    let withdrawn = db.store.lines_withdrawn(&third, 10).await.unwrap();
    assert_eq!(withdrawn.iter().map(|t| t.row.line.ordinal).collect::<Vec<_>>(), [1]);
    let lines = db.store.bill_lines(first.id, 0, 10).await.unwrap();
    assert_eq!(lines.iter().map(BillLineRow::is_withdrawn).collect::<Vec<_>>(), [false, true]);
}

fn found(account: ChannelAccountId, merchant: MerchantId, about: Uuid) -> Break {
    Break {
        id: BreakKind::CrossDay.id_of(about),
        account,
        merchant,
        kind: BreakKind::CrossDay,
        state: BreakState::Open,
        day: day(0),
        amount_minor: -12_345,
        currency: Currency::CNY,
        subject_kind: BreakSubject::Payment,
        subject: about,
        line: Some((uuid(), 7)),
        number: "n".to_owned(),
        text: "where is it?".to_owned(),
        ended: None,
        proposal: None,
        opened_at: NOW,
        changed_at: NOW,
        event_count: 0,
        version: 0,
    }
}

async fn a_break_is_found_once_and_moves_under_its_version(db: &Db) {
    let (account, merchant) = (ChannelAccountId(uuid()), merchant());
    let first = found(account, merchant, uuid());
    assert_eq!(one(&*db.store, with_books(|r| r.new_breaks = vec![first.clone()])).await, Answer::Committed);
    assert_eq!(one(&*db.store, with_books(|r| r.new_breaks = vec![first.clone()])).await, Answer::Stale);
    let stored = Break { version: 1, ..first.clone() };
    assert_eq!(db.store.breaks_of(&[first.id, BreakId(uuid())]).await.unwrap(), std::slice::from_ref(&stored));
    let proposal = Proposal { how: Resolution::WriteOff, by: "Li".into(), reason: "lost".into(), at: NOW };
    let parked = Break {
        kind: BreakKind::MissingAtChannel,
        state: BreakState::Parked,
        proposal: Some(proposal),
        event_count: 1,
        ..stored.clone()
    };
    assert_eq!(one(&*db.store, with_books(|r| r.breaks = vec![parked.clone()])).await, Answer::Committed);
    assert_eq!(one(&*db.store, with_books(|r| r.breaks = vec![parked.clone()])).await, Answer::Stale);
    let parked = Break { version: 2, ..parked };
    assert_eq!(db.store.breaks_of(&[first.id]).await.unwrap(), std::slice::from_ref(&parked));
    let all = BreakFilter { merchant: Some(merchant), limit: 10, ..BreakFilter::default() };
    assert_eq!(db.store.breaks(&all).await.unwrap(), std::slice::from_ref(&parked));
    for (filter, n) in [
        (BreakFilter { account: Some(account), kind: Some(BreakKind::MissingAtChannel), ..all.clone() }, 1),
        (BreakFilter { kind: Some(BreakKind::CrossDay), ..all.clone() }, 0),
        (BreakFilter { state: Some(BreakState::Parked), open: true, ..all.clone() }, 1),
        (BreakFilter { day: Some(day(1)), ..all.clone() }, 0),
        (BreakFilter { after: Some(first.id), ..all.clone() }, 0),
    ] {
        assert_eq!(db.store.breaks(&filter).await.unwrap().len(), n, "{filter:?}");
    }
    let ended = parked.ended(BreakState::Resolved, "Li", "seen", NOW);
    assert_eq!(one(&*db.store, with_books(|r| r.breaks = vec![ended.clone()])).await, Answer::Committed);
    assert!(db.store.breaks(&BreakFilter { open: true, ..all.clone() }).await.unwrap().is_empty());
    // Something else is found of it: it is open again, with another amount, and told by another line.
    let usd = "USD".parse().unwrap();
    let again = Break { version: 3, amount_minor: 7, currency: usd, line: Some((uuid(), 8)), ..parked };
    assert_eq!(one(&*db.store, with_books(|r| r.breaks = vec![again.clone()])).await, Answer::Committed);
    let open = db.store.breaks(&BreakFilter { open: true, ..all }).await.unwrap();
    assert_eq!(open, [Break { version: 4, ..again.clone() }]);
    let ended = again.ended(BreakState::Resolved, "Li", "seen", NOW);
    let ended = Break { version: 4, ..ended };
    assert_eq!(one(&*db.store, with_books(|r| r.breaks = vec![ended])).await, Answer::Committed);
    let counts = db.store.break_counts().await.unwrap();
    assert!(counts.contains(&(BreakKind::MissingAtChannel, BreakState::Resolved, 1)), "{counts:?}");
}

async fn a_reconciliation_without_its_job_is_stuck(db: &Db) {
    let (account, merchant) = (ChannelAccountId(uuid()), merchant());
    let run = Reconciliation {
        id: Reconciliation::id_of(account, day(0)),
        account,
        merchant,
        day: day(0),
        state: RunState::Waiting,
        figures: RunFigures::default(),
        note: None,
        due_at: Some(NOW),
        started_at: NOW,
        finished_at: None,
        version: 0,
    };
    let change = with_books(|r| r.new_runs = vec![run.clone()]);
    assert_eq!(one(&*db.store, change.clone()).await, Answer::Committed);
    assert_eq!(one(&*db.store, change).await, Answer::Committed, "one that is there stays as it is");
    let stuck = db.store.stuck_reconciliations(NOW.plus_ms(1), 10).await.unwrap();
    assert_eq!(stuck, [(run.id, merchant)]);
    add_jobs(&*db.store, vec![job(JobKind::Reconcile, run.id.uuid(), merchant, NOW)]).await;
    assert!(db.store.stuck_reconciliations(NOW.plus_ms(1), 10).await.unwrap().is_empty());
    let under_way = || async { db.store.reconciliations_under_way(5_000).await.unwrap() };
    assert!(under_way().await.iter().any(|r| r.id == run.id && r.state == RunState::Waiting));
    let mut figures = RunFigures { lines: 7, ..RunFigures::default() };
    figures.found.insert(BreakKind::Fee, 2);
    let done = Reconciliation {
        state: RunState::Done,
        figures,
        note: Some("fine".into()),
        due_at: None,
        finished_at: Some(NOW),
        version: 1,
        ..run
    };
    assert_eq!(one(&*db.store, with_books(|r| r.runs = vec![done.clone()])).await, Answer::Committed);
    assert_eq!(one(&*db.store, with_books(|r| r.runs = vec![done.clone()])).await, Answer::Stale);
    let done = Reconciliation { version: 2, ..done };
    assert_eq!(db.store.reconciliation(done.id).await.unwrap(), Some(done.clone()));
    let filter = DayFilter { account: Some(account), limit: 10, ..DayFilter::default() };
    assert!(under_way().await.iter().all(|r| r.id != done.id));
    assert_eq!(db.store.reconciliations(&filter).await.unwrap(), [done]);
}

async fn a_command_while_a_reconciliation_is_under_way_is_not_lost(db: &Db) {
    let office = Office::open(&db.store, MerchantPolicy::default()).await;
    let account = ChannelAccount {
        id: office.account,
        merchant: office.merchant,
        channel: ChannelKind::Wechat,
        settings: serde_json::json!({}),
        facts: None,
        created_at: NOW,
    };
    let id = Reconciliation::id_of(account.id, day(-2));
    let begin = || office.desk.begin_reconciliation(&account, day(-2), false, |_, _| {});
    let run = || async { db.store.reconciliation(id).await.unwrap().unwrap() };
    begin().await.unwrap().unwrap();
    let matching = Reconciliation { state: RunState::Matching, ..run().await };
    assert_eq!(one(&*db.store, with_books(|r| r.runs = vec![matching])).await, Answer::Committed);
    // A worker is about to end it when somebody brings a bill and begins it once more.
    let worker = run().await;
    begin().await.unwrap().unwrap();
    let done = Reconciliation { state: RunState::Done, due_at: None, finished_at: Some(NOW), ..worker.clone() };
    assert_eq!(one(&*db.store, with_books(|r| r.runs = vec![done])).await, Answer::Stale, "it looks once more");
    assert_eq!(run().await, Reconciliation { version: worker.version + 1, ..worker });
}
