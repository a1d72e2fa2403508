//! Statements of banks: each file once, each line once, and whose a line is.

use std::slice::from_ref;

use bursar_core::bank::{
    Day, Direction, LineRow, LineState, LineSubject, Party, Rung, StatementLine, StatementRow, reference,
};
use bursar_core::channel::Method;
use bursar_core::id::{ChannelAccountId, LegId, LineId, MerchantId, PaymentId, StatementId};
use bursar_core::job::JobKind;
use bursar_core::merchant::MerchantPolicy;
use bursar_core::observation::{Claim, Observation, Piece, Source, Subject};
use bursar_core::payment::{Payment, PaymentState};
use bursar_core::refund::{RefundClaim, Route};
use bursar_core::{Currency, Money};
use uuid::Uuid;

use super::office::*;
use super::world::*;
use super::{Db, on_both};
use crate::desk::Taken;
use crate::{Answer, Change, LikeLine, LineFilter};

on_both! {
    every_column_of_a_statement_and_its_lines_is_read_back
    a_file_is_taken_once_and_versions_of_a_number_are_counted
    a_line_is_there_once_in_whatever_file_it_comes
    a_line_whose_version_has_moved_on_is_stale
    lines_are_found_by_state_by_subject_and_by_likeness
    lines_are_known_by_either_identity
    payments_and_legs_are_found_by_their_references
    open_transfers_are_found_by_amount
    lines_that_owe_a_job_and_have_none_are_stuck
    a_line_is_settled_with_its_payment_or_not_at_all
}

fn day(text: &str) -> Day {
    text.parse().unwrap()
}

fn usd() -> Currency {
    "USD".parse().unwrap()
}

fn statement(account: ChannelAccountId, merchant: MerchantId) -> StatementRow {
    StatementRow {
        id: StatementId(uuid()),
        account,
        merchant,
        digest: uuid().as_bytes().repeat(2),
        ordinal: 1,
        number: "2026/325".to_owned(),
        version: 1,
        format: "camt.053".to_owned(),
        file_name: "对账单.xml".to_owned(),
        imported_by: "lin".to_owned(),
        received_at: NOW,
        currency: Currency::CNY,
        opening_minor: Some(-5),
        closing_minor: None,
        lines_total: 3,
        lines_new: 2,
        warnings: vec!["no closing balance".to_owned(), "\"x\"".to_owned()],
    }
}

fn line(of: &StatementRow, identity: &str) -> LineRow {
    LineRow {
        id: LineId(uuid()),
        account: of.account,
        merchant: of.merchant,
        statement: of.id,
        ordinal: 2,
        line: StatementLine {
            identity: identity.to_owned(),
            whole: None,
            booked_on: day("2026-11-20"),
            value_on: None,
            amount: Money::new(1_000, Currency::CNY),
            direction: Direction::Credit,
            reversal: false,
            counterparty: Party::default(),
            text: String::new(),
            end_to_end: None,
            bank_reference: None,
            virtual_account: None,
        },
        seen_at: NOW,
        version: 1,
        state: LineState::New,
        subject: None,
        by: None,
        why: None,
        decided_by: None,
        decided_at: None,
    }
}

fn fresh() -> StatementRow {
    statement(ChannelAccountId(uuid()), merchant())
}

async fn add(db: &Db, lines: &[&LineRow]) {
    let new_lines = lines.iter().map(|l| (*l).clone()).collect();
    assert_eq!(one(&*db.store, Change { new_lines, ..Change::default() }).await, Answer::Committed);
}

async fn update(db: &Db, line: &LineRow) -> Answer {
    one(&*db.store, Change { lines: vec![line.clone()], ..Change::default() }).await
}

fn filter(account: ChannelAccountId) -> LineFilter {
    LineFilter { account, state: None, after: None, limit: 99 }
}

fn ids(lines: Vec<LineRow>) -> Vec<LineId> {
    lines.iter().map(|l| l.id).collect()
}

async fn every_column_of_a_statement_and_its_lines_is_read_back(db: &Db) {
    let first = fresh();
    let plain = line(&first, "a");
    let full = LineRow {
        line: StatementLine {
            whole: Some("entry 7".to_owned()),
            value_on: Some(day("2026-11-19")),
            amount: Money::new(i64::MAX, usd()),
            direction: Direction::Debit,
            reversal: true,
            counterparty: Party { name: Some("张三".to_owned()), account: Some("6222".to_owned()) },
            text: "保洁 \"quoted\"\n%_".to_owned(),
            end_to_end: Some("E2E".to_owned()),
            bank_reference: Some("B-1".to_owned()),
            virtual_account: Some("95599001".to_owned()),
            ..line(&first, "b ü").line
        },
        state: LineState::Suspense,
        why: Some("nobody's".to_owned()),
        decided_by: Some("rule".to_owned()),
        decided_at: Some(NOW.plus_ms(3)),
        ..line(&first, "")
    };
    let change = Change {
        statement: Some(first.clone()),
        new_lines: vec![plain.clone(), full.clone()],
        jobs: vec![job(JobKind::MatchStatementLine, plain.id.uuid(), first.merchant, NOW)],
        ..Change::default()
    };
    assert_eq!(one(&*db.store, change).await, Answer::Committed);
    assert_eq!(db.store.statements(first.account, None, 9).await.unwrap(), from_ref(&first));
    assert_eq!(db.store.statements(ChannelAccountId(uuid()), None, 9).await.unwrap(), []);
    assert_eq!(db.store.line(plain.id).await.unwrap(), Some(plain.clone()));
    assert_eq!(db.store.line(LineId(uuid())).await.unwrap(), None);
    let mut read = db.store.lines_by_ids(&[full.id, plain.id, LineId(uuid())]).await.unwrap();
    read.sort_by_key(|l| l.id != plain.id);
    assert_eq!(read, [plain.clone(), full.clone()]);
    // What changes is read back as well, whoever it is about.
    let subjects =
        [LineSubject::Payment(PaymentId(uuid())), LineSubject::Leg(LegId(uuid())), LineSubject::Line(LineId(uuid()))];
    let mut row = full;
    for (i, state) in LineState::ALL.into_iter().enumerate() {
        row.state = state;
        row.subject = subjects.get(i).copied();
        row.by = Some(Rung::ALL[i]);
        row.why = (i % 2 == 0).then(|| format!("why {i}"));
        row.decided_at = (i > 1).then(|| NOW.plus_ms(4));
        assert_eq!(update(db, &row).await, Answer::Committed);
        row.version += 1;
        assert_eq!(db.store.line(row.id).await.unwrap(), Some(row.clone()));
    }
}

async fn a_file_is_taken_once_and_versions_of_a_number_are_counted(db: &Db) {
    let first = fresh();
    let take = async |s: &StatementRow| {
        let new_lines = vec![line(s, &uuid().to_string())];
        one(&*db.store, Change { statement: Some(s.clone()), new_lines, ..Change::default() }).await
    };
    assert_eq!(take(&first).await, Answer::Committed);
    // The same file again, under whatever id and name; its lines are not written either.
    let again = StatementRow { id: StatementId(uuid()), file_name: "other".to_owned(), ..first.clone() };
    assert_eq!(take(&again).await, Answer::Duplicate);
    assert_eq!(db.store.lines(&filter(first.account)).await.unwrap().len(), 1);
    // The second statement of that file, and two corrections of the first in one call.
    let other = |number: &str, ordinal| StatementRow {
        number: number.to_owned(),
        ordinal,
        received_at: NOW.plus_ms(5),
        ..statement(first.account, first.merchant)
    };
    let second = StatementRow { digest: first.digest.clone(), ..other("2026/326", 2) };
    assert_eq!(take(&second).await, Answer::Committed);
    let corrections = [other("2026/325", 1), other("2026/325", 1)];
    let change = |s: &StatementRow| Change { statement: Some(s.clone()), ..Change::default() };
    let [a, b] = &corrections;
    let answers = db.store.commit(&[change(a), change(b), change(b)]).await.unwrap();
    assert_eq!(answers, [Answer::Committed, Answer::Committed, Answer::Duplicate]);
    let elsewhere = fresh();
    assert_eq!(take(&elsewhere).await, Answer::Committed);
    let found = db.store.statements(first.account, None, 99).await.unwrap();
    let versions: Vec<_> = found.iter().map(|s| (s.id, s.version)).collect();
    assert_eq!(versions, [(b.id, 3), (a.id, 2), (second.id, 1), (first.id, 1)]);
    assert_eq!(db.store.statements(elsewhere.account, None, 9).await.unwrap()[0].version, 1);
    // By its place in its file.
    let of_file = async |s: &StatementRow, ordinal| {
        let found = db.store.statement_of_file(first.account, &s.digest, ordinal).await.unwrap();
        found.map(|s| (s.id, s.version))
    };
    assert_eq!(of_file(&again, 1).await, Some((first.id, 1)));
    assert_eq!(of_file(&again, 2).await, Some((second.id, 1)));
    assert_eq!(of_file(b, 1).await, Some((b.id, 3)));
    assert_eq!((of_file(&again, 3).await, of_file(&elsewhere, 1).await), (None, None));
    // In pages.
    let page = db.store.statements(first.account, None, 2).await.unwrap();
    let last = page.last().unwrap();
    let rest = db.store.statements(first.account, Some((last.received_at, last.id)), 9).await.unwrap();
    assert_eq!([page, rest].concat(), found);
}

async fn a_line_is_there_once_in_whatever_file_it_comes(db: &Db) {
    let (morning, evening) = (fresh(), fresh());
    let evening = StatementRow { account: morning.account, ..evening };
    let first = line(&morning, "a");
    add(db, &[&first, &first]).await;
    let decided = LineRow { state: LineState::Settled, ..first.clone() };
    assert_eq!(update(db, &decided).await, Answer::Committed);
    // In the evening it comes with the same id, or by mistake with another; both leave it as it is.
    let same = LineRow { statement: evening.id, ordinal: 9, ..first.clone() };
    let twin = line(&evening, "a");
    let news = line(&evening, "b");
    let elsewhere = line(&fresh(), "a");
    let of = |l: &LineRow| Change { new_lines: vec![l.clone()], ..Change::default() };
    let answers = db.store.commit(&[of(&same), of(&twin), of(&news), of(&elsewhere), of(&news)]).await.unwrap();
    assert_eq!(answers, [Answer::Committed; 5]);
    let kept = db.store.line(first.id).await.unwrap().unwrap();
    assert_eq!(kept, LineRow { version: 2, ..decided });
    assert_eq!(db.store.line(twin.id).await.unwrap(), None);
    let mut wanted = vec![first.id, news.id];
    wanted.sort();
    assert_eq!(ids(db.store.lines(&filter(first.account)).await.unwrap()), wanted);
    assert_eq!(db.store.line(elsewhere.id).await.unwrap(), Some(elsewhere));
    // Many at once, some of them known, from two processes.
    let another = db.another().await;
    let many: Vec<LineRow> = (0..500).map(|i| line(&evening, &format!("n{i}"))).collect();
    let both = Change { new_lines: many.clone(), ..Change::default() };
    let (a, b) = (from_ref(&both), from_ref(&both));
    let (a, b) = tokio::join!(db.store.commit(a), another.commit(b));
    assert_eq!([a.unwrap(), b.unwrap()].concat(), [Answer::Committed; 2]);
    let all = LineFilter { limit: 1_000, ..filter(first.account) };
    assert_eq!(db.store.lines(&all).await.unwrap().len(), 502);
    another.close().await;
}

async fn a_line_whose_version_has_moved_on_is_stale(db: &Db) {
    let of = fresh();
    let (a, b) = (line(&of, "a"), line(&of, "b"));
    add(db, &[&a, &b]).await;
    let given = LineRow { state: LineState::Matched, ..a.clone() };
    let both = Change { lines: vec![given.clone(), b.clone()], ..Change::default() };
    let answers = db.store.commit(&[both.clone(), both.clone()]).await.unwrap();
    assert_eq!(answers, [Answer::Committed, Answer::Stale]);
    // One of two is stale: neither is written.
    let half = Change { lines: vec![LineRow { version: 2, ..given.clone() }, b.clone()], ..Change::default() };
    assert_eq!(one(&*db.store, half).await, Answer::Stale);
    assert_eq!(db.store.line(a.id).await.unwrap(), Some(LineRow { version: 2, ..given }));
    assert_eq!(update(db, &line(&of, "unknown")).await, Answer::Stale);
}

async fn lines_are_found_by_state_by_subject_and_by_likeness(db: &Db) {
    let of = fresh();
    let payment = PaymentId(uuid());
    let mut lines: Vec<LineRow> = (0..6).map(|i| line(&of, &i.to_string())).collect();
    for (i, row) in (0..).zip(&mut lines) {
        row.seen_at = NOW.plus_ms(-i);
        row.line.booked_on = day("2026-11-20").plus_days(i);
        row.subject = (i > 3).then_some(LineSubject::Payment(payment));
        row.state = if i > 1 { LineState::Suspense } else { LineState::New };
    }
    lines[3].line.direction = Direction::Debit;
    lines[4].line.amount.minor = 999;
    add(db, &lines.iter().collect::<Vec<_>>()).await;
    add(db, &[&line(&fresh(), "0")]).await;
    let list = async |filter: LineFilter| ids(db.store.lines(&filter).await.unwrap());
    let all = ids(lines.clone());
    assert_eq!(list(filter(of.account)).await, all);
    let suspense = LineFilter { state: Some(LineState::Suspense), ..filter(of.account) };
    assert_eq!(list(suspense).await, all[2..]);
    assert_eq!(list(LineFilter { after: Some(all[3]), limit: 1, ..suspense }).await, all[4..5]);
    assert_eq!(list(LineFilter { after: Some(all[3]), ..filter(of.account) }).await, all[4..]);
    assert_eq!(list(LineFilter { state: Some(LineState::Ignored), ..suspense }).await, []);
    let given = ids(db.store.lines_of(payment.uuid(), 9).await.unwrap());
    assert_eq!(given, [all[5], all[4]]);
    assert_eq!(ids(db.store.lines_of(payment.uuid(), 1).await.unwrap()), [all[5]]);
    assert_eq!(db.store.lines_of(uuid(), 9).await.unwrap(), []);
    let like = LikeLine {
        account: of.account,
        amount: Money::new(1_000, Currency::CNY),
        direction: Direction::Credit,
        since: day("2026-11-21"),
        limit: 9,
    };
    let look = async |like: LikeLine| ids(db.store.lines_like(&like).await.unwrap());
    assert_eq!(look(like).await, [all[5], all[2], all[1]]);
    assert_eq!(look(LikeLine { limit: 1, ..like }).await, [all[5]]);
    assert_eq!(look(LikeLine { direction: Direction::Debit, ..like }).await, [all[3]]);
    assert_eq!(look(LikeLine { amount: Money::new(1_000, usd()), ..like }).await, []);
    assert_eq!(look(LikeLine { amount: Money::new(999, Currency::CNY), ..like }).await, [all[4]]);
}

async fn lines_are_known_by_either_identity(db: &Db) {
    let of = fresh();
    let mut parts = [line(&of, "part 1"), line(&of, "part 2"), line(&of, "alone \"ü\"")];
    parts[0].line.whole = Some("entry".to_owned());
    parts[1].line.whole = Some("entry".to_owned());
    add(db, &parts.iter().collect::<Vec<_>>()).await;
    add(db, &[&line(&fresh(), "entry")]).await;
    let known = async |names: &[&str]| {
        let names: Vec<_> = names.iter().map(|n| (*n).to_owned()).collect();
        let mut found = db.store.lines_known(of.account, &names).await.unwrap();
        found.sort();
        found
            .into_iter()
            .map(|(identity, whole)| format!("{identity}/{}", whole.unwrap_or_default()))
            .collect::<Vec<_>>()
    };
    assert_eq!(known(&["entry", "part 2"]).await, ["part 1/entry", "part 2/entry"]);
    assert_eq!(known(&["part 1", "alone \"ü\"", "x"]).await, ["alone \"ü\"/", "part 1/entry"]);
    assert_eq!(known(&["x"]).await, [""; 0]);
    assert_eq!(known(&[]).await, [""; 0]);
}

/// An office whose payers transfer; its account is of another channel, which the store does not mind.
async fn office(db: &Db) -> Office {
    Office::open(&db.store, MerchantPolicy::default()).await
}

async fn transfer(office: &Office, minor: i64) -> Payment {
    let order = bursar_core::order::Order {
        amount: Money::new(minor, Currency::CNY),
        ..order(office.merchant, &uuid().to_string())
    };
    let payment = Payment { method: Method::BankTransfer, ..office.payment(&order, minor) };
    office.desk.open(order, vec![payment], |_, _| {}).await.unwrap().1.payments.remove(0)
}

async fn payments_and_legs_are_found_by_their_references(db: &Db) {
    let office = office(db).await;
    let (a, b) = (transfer(&office, 1_000).await, transfer(&office, 500).await);
    let scanned = office.paid(&[300]).await;
    // A refund whose channel refuses goes by hand.
    let leg = office.refund(scanned.order.id, &request(300)).await.unwrap().legs().next().unwrap().id;
    let dossier = office.say_refund(leg, 20, RefundClaim::Refused { reason: "too old".to_owned() }).await;
    let by_hand = dossier.legs().find(|l| l.route == Route::Transfer).unwrap().id;
    let named = async |merchant, ids: &[Uuid]| {
        let references: Vec<_> = ids.iter().map(|id| reference(*id)).collect();
        let mut found = db.store.by_reference(merchant, &references).await.unwrap();
        assert!(found.iter().all(|(text, subject)| *text == reference(subject.uuid())), "{found:?}");
        found.sort_by_key(|(_, subject)| *subject);
        found.into_iter().map(|(_, subject)| subject).collect::<Vec<_>>()
    };
    let all = [a.id.uuid(), b.id.uuid(), scanned.payments[0].id.uuid(), leg.uuid(), by_hand.uuid(), uuid()];
    let mut wanted: Vec<Subject> = vec![a.id.into(), b.id.into(), by_hand.into()];
    wanted.sort();
    assert_eq!(named(office.merchant, &all).await, wanted);
    assert_eq!(named(merchant(), &all).await, []);
    assert_eq!(named(office.merchant, &[]).await, []);
}

async fn open_transfers_are_found_by_amount(db: &Db) {
    let office = office(db).await;
    let mut open = Vec::new();
    for _ in 0..4 {
        open.push(transfer(&office, 1_000).await.id);
    }
    transfer(&office, 999).await;
    office.order(&[1_000], false).await;
    let paid = transfer(&office, 1_000).await;
    let piece = Piece { line: "l".to_owned(), amount_minor: 1_000, currency: "CNY".to_owned(), at: NOW };
    office.say(paid.id, Source::Statement, 9, Claim::Received(piece)).await;
    let closed = transfer(&office, 1_000).await;
    office.say(closed.id, Source::Clock, 9, Claim::CloseRequested { reason: "expired".to_owned() }).await;
    let find =
        async |account, amount, since, limit| db.store.open_transfers(account, amount, since, limit).await.unwrap();
    let amount = Money::new(1_000, Currency::CNY);
    assert_eq!(find(office.account, amount, NOW, 9).await, open);
    assert_eq!(find(office.account, amount, NOW, 3).await, open[..3]);
    assert_eq!(find(office.account, amount, NOW.plus_ms(1), 9).await, []);
    assert_eq!(find(ChannelAccountId(uuid()), amount, NOW, 9).await, []);
    assert_eq!(find(office.account, Money::new(1_000, usd()), NOW, 9).await, []);
    // One of which a part has come is still open.
    let piece = Piece { line: "m".to_owned(), amount_minor: 1, currency: "CNY".to_owned(), at: NOW };
    office.say(open[0], Source::Statement, 9, Claim::Received(piece)).await;
    assert_eq!(find(office.account, amount, NOW, 9).await, open);
}

async fn lines_that_owe_a_job_and_have_none_are_stuck(db: &Db) {
    let of = fresh();
    let mut lines: Vec<LineRow> = LineState::ALL.into_iter().map(|s| line(&of, s.name())).collect();
    for (i, (row, state)) in (0..).zip(lines.iter_mut().zip(LineState::ALL)) {
        row.state = state;
        row.seen_at = NOW.plus_ms(-i);
    }
    let busy = line(&of, "busy");
    add(db, &lines.iter().chain([&busy]).collect::<Vec<_>>()).await;
    add_jobs(&*db.store, vec![job(JobKind::MatchStatementLine, busy.id.uuid(), of.merchant, NOW)]).await;
    let stuck = async |at, limit| db.store.stuck_lines(at, limit).await.unwrap();
    let [new, matched, ..] = &lines[..] else { panic!() };
    assert_eq!(stuck(NOW.plus_ms(1), 9).await, [(matched.id, of.merchant), (new.id, of.merchant)]);
    assert_eq!(stuck(NOW.plus_ms(1), 1).await, [(matched.id, of.merchant)]);
    assert_eq!(stuck(NOW, 9).await, [(matched.id, of.merchant)]);
    assert_eq!(update(db, &LineRow { state: LineState::Settled, ..matched.clone() }).await, Answer::Committed);
    assert_eq!(stuck(NOW, 9).await, []);
}

async fn a_line_is_settled_with_its_payment_or_not_at_all(db: &Db) {
    let office = office(db).await;
    let payment = transfer(&office, 1_000).await;
    let row = line(&statement(office.account, office.merchant), "a");
    add(db, &[&row]).await;
    let piece = Piece { line: row.id.to_string(), amount_minor: 1_000, currency: "CNY".to_owned(), at: NOW };
    let seen = Observation::new(Source::Statement, NOW.plus_ms(5), Claim::Received(piece));
    let subject = Some(LineSubject::Payment(payment.id));
    let settled = LineRow { state: LineState::Settled, subject, by: Some(Rung::Reference), ..row.clone() };
    let take = async |row: &LineRow| {
        let complete = |_: &_, change: &mut Change| change.lines = vec![row.clone()];
        office.desk.observe_with(payment.id, &seen, complete).await.unwrap()
    };
    // Somebody else has given it to another in the meantime: nothing is written, and it is said so.
    let taken = take(&LineRow { version: 7, ..settled.clone() }).await;
    assert!(matches!(taken, Taken::Duplicate), "{taken:?}");
    let stored = office.store().dossier(payment.order).await.unwrap().unwrap();
    assert_ne!(stored.payments[0].state, PaymentState::Captured);
    assert_eq!(db.store.line(row.id).await.unwrap(), Some(row));
    let Taken::Written(dossier) = take(&settled).await else { panic!() };
    assert_eq!(office.stored(&dossier).await.payments[0].state, PaymentState::Captured);
    let settled = LineRow { version: 2, ..settled };
    assert_eq!(db.store.line(settled.id).await.unwrap(), Some(settled.clone()));
    // The payment has it already: the line is settled all the same.
    let again = LineRow { why: Some("again".to_owned()), ..settled };
    assert!(matches!(take(&again).await, Taken::Written(_)));
    assert_eq!(db.store.line(again.id).await.unwrap(), Some(LineRow { version: 3, ..again }));
}
