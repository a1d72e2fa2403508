//! Bank transfers from the order to the statement and back: what arrives is found, what nobody names waits for a
//! person, and no line counts twice.

use bursar_core::bank::{LineState, LineSubject, Rung, reference, virtual_number};
use bursar_core::clock::{DAY_MS, HOUR_MS, SECOND_MS};
use bursar_core::id::PaymentId;
use bursar_core::job::{JobKey, JobKind};
use bursar_core::observation::{Claim, Source};
use bursar_core::order::OrderState;
use bursar_core::payment::PaymentState;
use bursar_core::refund::{LegState, RefundCause, Route};
use bursar_store::desk::statements::Judged;
use bursar_tests::{Branch, Entry, statement_file as file};

fn text(payment: PaymentId) -> String {
    format!("保洁费 {}", reference(payment.uuid()))
}

/// State of the order, state of the payment, minor units that came.
async fn standing(branch: &Branch, payment: PaymentId) -> (OrderState, PaymentState, i64) {
    let dossier = branch.dossier(payment).await;
    let found = dossier.payment(payment).unwrap();
    (dossier.order.state, found.state, found.evidence.received_minor())
}

#[tokio::test]
async fn money_with_the_reference_pays_its_order_and_no_other() {
    let branch = Branch::open().await;
    let (mine, other) = (branch.order(12_800, None).await, branch.order(12_800, None).await);
    let words = text(mine);
    let entry = Entry { who: "张三", ..Entry::received("128.00", "B1", &words) };
    branch.read(&file(false, "A1", &[entry])).await;
    assert_eq!(standing(&branch, mine).await, (OrderState::Paid, PaymentState::Captured, 12_800));
    assert_eq!(standing(&branch, other).await, (OrderState::Paying, PaymentState::AwaitingPayer, 0));
    let line = &branch.lines().await[0];
    assert_eq!(
        (line.state, line.subject, line.by),
        (LineState::Settled, Some(LineSubject::Payment(mine)), Some(Rung::Reference))
    );
    let order = branch.dossier(mine).await.order.id;
    let told = branch.store.timeline(order).await.unwrap().unwrap();
    let received = told.observations.iter().filter(|o| matches!(o.claim, Claim::Received(_))).collect::<Vec<_>>();
    assert_eq!(received.iter().map(|o| o.source).collect::<Vec<_>>(), [Source::Statement]);
}

#[tokio::test]
async fn the_same_file_the_same_entries_in_another_and_a_lost_job_count_once() {
    let branch = Branch::open().await;
    let mine = branch.order(12_800, None).await;
    let words = text(mine);
    let entries = [Entry::received("128.00", "B1", &words), Entry::received("1.00", "B2", "利息")];
    let advice = file(false, "A1", &entries);
    assert_eq!(branch.import(&advice).await[0].statement.lines_new, 2);
    // The queue is lost: the sweep gives the lines their jobs back.
    for line in branch.lines().await {
        assert!(branch.store.cancel_job(JobKey::line(JobKind::MatchStatementLine, line.id)).await.unwrap());
    }
    branch.clock.advance_ms(2 * SECOND_MS);
    let sweep = JobKey::new(JobKind::SweepStuck, uuid::Uuid::nil());
    let job = bursar_core::job::NewJob::new(sweep, branch.account.merchant, branch.clock_now());
    branch.add_job(job).await;
    branch.work().await;
    let after = standing(&branch, mine).await;
    assert_eq!(after, (OrderState::Paid, PaymentState::Captured, 12_800));
    let again = branch.import(&advice).await;
    assert!(again[0].already);
    let day = branch.import(&file(true, "S1", &entries)).await;
    assert_eq!((day[0].already, day[0].statement.lines_total, day[0].statement.lines_new), (false, 2, 0));
    branch.work().await;
    assert_eq!(standing(&branch, mine).await, after);
    assert_eq!(branch.lines().await.len(), 2);
}

#[tokio::test]
async fn a_virtual_account_or_amount_and_name_find_the_payment_and_a_name_alone_does_not() {
    let branch = Branch::open().await;
    let (first, second) = (branch.order(100, None).await, branch.order(200, Some("李四")).await);
    let account = format!("8800{}", virtual_number(first.uuid()));
    let entries = [
        Entry { to: &account, ..Entry::received("1.00", "B1", "") },
        Entry { who: "李四", ..Entry::received("2.00", "B2", "家政") },
        Entry { who: "李四", ..Entry::received("3.00", "B3", "家政") },
    ];
    branch.read(&file(true, "S1", &entries)).await;
    let lines = branch.lines().await;
    let found: Vec<_> = lines.iter().map(|l| (l.state, l.by)).collect();
    let expected = [
        (LineState::Settled, Some(Rung::VirtualAccount)),
        (LineState::Settled, Some(Rung::AmountAndName)),
        (LineState::Suspense, None),
    ];
    assert_eq!(found, expected);
    assert_eq!(standing(&branch, first).await.0, OrderState::Paid);
    assert_eq!(standing(&branch, second).await.0, OrderState::Paid);
}

#[tokio::test]
async fn too_little_waits_for_the_rest_and_too_much_goes_back() {
    let branch = Branch::open().await;
    let mine = branch.order(10_000, None).await;
    let words = text(mine);
    branch.read(&file(false, "A1", &[Entry::received("40.00", "B1", &words)])).await;
    assert_eq!(standing(&branch, mine).await.2, 4_000);
    assert!(!branch.dossier(mine).await.payment(mine).unwrap().state.is_final());
    branch.later(HOUR_MS).await;
    branch.read(&file(false, "A2", &[Entry::received("75.00", "B2", &words)])).await;
    let after = branch.dossier(mine).await;
    assert_eq!((after.order.state, after.payment(mine).unwrap().taken_minor()), (OrderState::Paid, 11_500));
    // The 15 yuan too much: a person transfers them, and the statement shows it.
    let leg = after.legs().next().expect("what is too much goes back");
    assert_eq!((leg.amount.minor, leg.route, leg.state), (1_500, Route::Transfer, LegState::AwaitingTransfer));
    let back = format!("退多付款 {}", reference(leg.id.uuid()));
    branch.read(&file(true, "S1", &[Entry::paid("15.00", "B3", &back)])).await;
    let settled = branch.dossier(mine).await;
    assert_eq!(settled.leg(leg.id).unwrap().1.state, LegState::Succeeded);
    assert_eq!(settled.refunded_minor(), 1_500);
}

#[tokio::test]
async fn money_for_a_closed_order_is_late_money_and_goes_back() {
    let branch = Branch::open().await;
    let mine = branch.order(10_000, None).await;
    branch.close(mine).await;
    assert_eq!(standing(&branch, mine).await.0, OrderState::Closed);
    branch.later(3 * DAY_MS).await;
    branch.read(&file(true, "S1", &[Entry::received("100.00", "B1", &text(mine))])).await;
    let after = branch.dossier(mine).await;
    assert_eq!((after.order.state, after.order.late_money), (OrderState::Closed, true));
    assert_eq!(after.refunds.iter().map(|r| r.cause).collect::<Vec<_>>(), [RefundCause::LateMoney]);
    assert_eq!(after.legs().map(|l| (l.route, l.amount.minor)).collect::<Vec<_>>(), [(Route::Transfer, 10_000)]);
}

#[tokio::test]
async fn what_the_bank_takes_back_is_taken_back_here() {
    let branch = Branch::open().await;
    let mine = branch.order(10_000, None).await;
    let words = text(mine);
    let credit = Entry::received("100.00", "20261122-0001", &words);
    let back = Entry { out: true, reversal: true, text: "冲正", ..credit };
    // Both in one file: the reversal waits for what it takes back.
    branch.read(&file(true, "S1", &[back, credit])).await;
    branch.later(10 * SECOND_MS).await;
    let lines = branch.lines().await;
    let (took, came) = (&lines[0], &lines[1]);
    assert_eq!((took.state, took.subject), (LineState::Settled, Some(LineSubject::Line(came.id))));
    assert_eq!((came.state, came.subject), (LineState::Reversed, Some(LineSubject::Payment(mine))));
    let (_, state, received) = standing(&branch, mine).await;
    assert_eq!((state, received), (PaymentState::CaptureReversed, 0));
}

#[tokio::test]
async fn a_refund_is_confirmed_by_the_statement_once_and_can_come_back() {
    let branch = Branch::open().await;
    let mine = branch.order(10_000, None).await;
    branch.read(&file(false, "A1", &[Entry::received("100.00", "B1", &text(mine))])).await;
    let asked = branch.refund(mine, 3_000).await;
    let leg = asked.legs().next().unwrap().clone();
    assert_eq!(leg.state, LegState::AwaitingTransfer);
    let words = format!("退款 {}", reference(leg.id.uuid()));
    // Another amount than the refund's is a question.
    branch.read(&file(false, "A2", &[Entry::paid("29.00", "B2", &words)])).await;
    assert_eq!(branch.dossier(mine).await.leg(leg.id).unwrap().1.state, LegState::AwaitingTransfer);
    branch.read(&file(false, "A3", &[Entry::paid("30.00", "B3", &words)])).await;
    let done = branch.dossier(mine).await;
    assert_eq!(done.leg(leg.id).unwrap().1.state, LegState::Succeeded);
    // A second transfer of it is a question too.
    branch.read(&file(false, "A4", &[Entry::paid("30.00", "B4", &words)])).await;
    let lines = branch.lines().await;
    let states: Vec<_> = lines.iter().skip(1).map(|l| l.state).collect();
    assert_eq!(states, [LineState::Suspense, LineState::Settled, LineState::Suspense]);
    assert!(lines[3].why.as_ref().unwrap().contains("paid twice"), "{:?}", lines[3].why);
    // The payee's bank sends the first one back, without a mark but with our reference.
    let came = Entry::received("30.00", "B5", &words);
    branch.later(DAY_MS).await;
    branch.leave_out(&[lines[1].id, lines[3].id]).await;
    branch.read(&file(true, "S2", &[came])).await;
    let after = branch.dossier(mine).await;
    assert_eq!(after.leg(leg.id).unwrap().1.state, LegState::Reversed);
    let went = branch.store.line(lines[2].id).await.unwrap().unwrap();
    assert_eq!(went.state, LineState::Reversed);
}

#[tokio::test]
async fn what_nobody_names_waits_for_a_person_who_says_whose_it_is() {
    let branch = Branch::open().await;
    let mine = branch.order(10_000, None).await;
    let entries = [Entry::received("100.00", "B1", "谢谢"), Entry::paid("9.00", "B2", "办公室房租")];
    branch.read(&file(true, "S1", &entries)).await;
    let lines = branch.lines().await;
    assert_eq!((lines[0].state, lines[1].state), (LineState::Suspense, LineState::Ignored));
    assert_eq!(standing(&branch, mine).await.2, 0);
    let now = branch.clock_now();
    let given = branch
        .desk
        .judge_line(lines[0].id, |row| row.assigned(LineSubject::Payment(mine), "Li Na", now), |_, _| {})
        .await
        .unwrap();
    assert!(matches!(given, Judged::Written(_)), "{given:?}");
    branch.work().await;
    assert_eq!(standing(&branch, mine).await, (OrderState::Paid, PaymentState::Captured, 10_000));
    let line = branch.store.line(lines[0].id).await.unwrap().unwrap();
    assert_eq!(
        (line.state, line.by, line.decided_by.as_deref()),
        (LineState::Settled, Some(Rung::Person), Some("Li Na"))
    );
}

#[tokio::test]
async fn an_entry_that_one_file_splits_and_another_does_not_is_booked_once() {
    let branch = Branch::open().await;
    let (a, b) = (branch.order(4_000, None).await, branch.order(6_000, None).await);
    let part = |payment: PaymentId, yuan: &str| {
        let words = text(payment);
        format!("<TxDtls><Amt Ccy=\"CNY\">{yuan}</Amt><RmtInf><Ustrd>{words}</Ustrd></RmtInf></TxDtls>")
    };
    let whole = file(true, "S1", &[Entry::received("100.00", "B1", "批量")]);
    let parts = format!("{}{}", part(a, "40.00"), part(b, "60.00"));
    let (start, end) = (whole.find("<TxDtls>").unwrap(), whole.find("</TxDtls>").unwrap() + "</TxDtls>".len());
    let split = format!("{}{parts}{}", &whole[..start], &whole[end..]);
    branch.read(&split).await;
    assert_eq!(standing(&branch, a).await.0, OrderState::Paid);
    assert_eq!(standing(&branch, b).await.0, OrderState::Paid);
    let later = branch.import(&whole.replace("S1", "S2")).await;
    assert_eq!(later[0].statement.lines_new, 0);
    assert!(later[0].statement.warnings.iter().any(|w| w.contains("by its transactions")), "{later:?}");
    assert_eq!(branch.lines().await.len(), 2);
}
