//! Whether the books agree: days of every channel with everything wrong in them, on both databases, through the real
//! adapters against the sandbox's bills over HTTP. What is seeded stands in `support/reconcile/seeds.rs`.

use bursar_core::bank::Day;
use bursar_core::channel::ChannelKind;
use bursar_core::job::{JobKey, JobKind, NewJob};
use bursar_core::reconcile::BreakKind;
use bursar_jobs::self_test;
use bursar_store::JobFilter;
use bursar_tests::{
    Branch, PrivatePostgres, ask_about_many_by_and_by, follow_issues_of_a_bill, follow_payouts_to_the_bank,
    reconcile_a_seeded_day, reconcile_days_of_a_bank, reconcile_days_of_cash, refuse_spoilt_bills,
    restore_from_ten_minutes_ago, take_a_long_bill_back, wait_for_every_bill,
};

/// A file of its own beside the database that is copied.
async fn copy_sqlite(url: &str) -> String {
    let path = url.trim_start_matches("sqlite:");
    let copy = format!("{path}.backup");
    for suffix in ["", "-wal"] {
        let from = format!("{path}{suffix}");
        if std::path::Path::new(&from).exists() {
            std::fs::copy(from, format!("{copy}{suffix}")).expect("a copy");
        }
    }
    format!("sqlite:{copy}")
}

/// Makes of each channel two tests of its seeded day, one of a database that was put back, and one of spoilt bills.
macro_rules! each_channel {
    ($($name:ident = $kind:expr;)*) => {$(
        mod $name {
            use super::*;

            #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn a_seeded_day_is_found_and_healed_on_sqlite() {
                reconcile_a_seeded_day($kind, None).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn a_seeded_day_is_found_and_healed_on_postgres() {
                let server = PrivatePostgres::start_with(&["fsync=off"]);
                reconcile_a_seeded_day($kind, Some(server.database("books"))).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn a_database_from_ten_minutes_ago_is_brought_together_on_sqlite() {
                restore_from_ten_minutes_ago($kind, None, copy_sqlite).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn nothing_of_a_spoilt_bill_is_used_on_sqlite() {
                refuse_spoilt_bills($kind, None).await;
            }
        }
    )*};
}

/// A file cannot be copied there: the server makes the copy.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_database_from_ten_minutes_ago_is_brought_together_on_postgres() {
    let server = PrivatePostgres::start_with(&["fsync=off"]);
    let database = server.database("books");
    let copy = async |url: &str| {
        server.sql("postgres", "create database backup template books");
        url.replace("/books", "/backup")
    };
    restore_from_ten_minutes_ago(ChannelKind::Wechat, Some(database), copy).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nothing_of_a_spoilt_bill_is_used_on_postgres() {
    let server = PrivatePostgres::start_with(&["fsync=off"]);
    refuse_spoilt_bills(ChannelKind::Unionpay, Some(server.database("books"))).await;
}

each_channel! {
    wechat = ChannelKind::Wechat;
    alipay = ChannelKind::Alipay;
    unionpay = ChannelKind::Unionpay;
    stripe = ChannelKind::Stripe;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn days_of_a_bank_ask_what_nobody_claims_and_no_statement_shows_on_sqlite() {
    reconcile_days_of_a_bank(None).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn days_of_a_bank_ask_what_nobody_claims_and_no_statement_shows_on_postgres() {
    let server = PrivatePostgres::start_with(&["fsync=off"]);
    reconcile_days_of_a_bank(Some(server.database("books"))).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn days_of_cash_ask_what_did_not_come_to_the_bank_on_sqlite() {
    reconcile_days_of_cash(None).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn days_of_cash_ask_what_did_not_come_to_the_bank_on_postgres() {
    let server = PrivatePostgres::start_with(&["fsync=off"]);
    reconcile_days_of_cash(Some(server.database("books"))).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn payouts_are_found_at_the_bank_or_asked_about_on_sqlite() {
    follow_payouts_to_the_bank(ChannelKind::Wechat, None).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn payouts_are_found_at_the_bank_or_asked_about_on_postgres() {
    let server = PrivatePostgres::start_with(&["fsync=off"]);
    follow_payouts_to_the_bank(ChannelKind::Wechat, Some(server.database("books"))).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_bill_that_is_issued_again_counts_once_on_sqlite() {
    follow_issues_of_a_bill(None).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_bill_that_is_issued_again_counts_once_on_postgres() {
    let server = PrivatePostgres::start_with(&["fsync=off"]);
    follow_issues_of_a_bill(Some(server.database("books"))).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nobody_is_asked_before_every_bill_was_looked_at_on_sqlite() {
    wait_for_every_bill(None).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nobody_is_asked_before_every_bill_was_looked_at_on_postgres() {
    let server = PrivatePostgres::start_with(&["fsync=off"]);
    wait_for_every_bill(Some(server.database("books"))).await;
}

#[tokio::test]
async fn a_long_bill_is_taken_back_in_one_step() {
    take_a_long_bill_back().await;
}

#[tokio::test]
async fn a_channel_is_asked_about_many_payments_by_and_by() {
    ask_about_many_by_and_by().await;
}

#[tokio::test]
async fn the_nightly_self_test_finds_a_break_of_every_kind_and_leaves_nothing_in_the_books() {
    let branch = Branch::open().await;
    branch
        .add_job(NewJob::new(
            JobKey::new(JobKind::SelfTest, uuid::Uuid::nil()),
            branch.account.merchant,
            branch.clock_now(),
        ))
        .await;
    branch.work().await;
    let filter = JobFilter { kind: Some(JobKind::SelfTest), limit: 1, ..JobFilter::default() };
    let job = branch.store.jobs(&filter).await.expect("the database").pop().expect("it runs again");
    assert_eq!(job.note.as_deref(), Some("found all 12 that were seeded on 2026-11-22"));
    assert!(job.due_at > branch.clock_now() && job.question.is_none());
    assert_eq!(branch.store.break_counts().await.expect("the database"), []);
    assert_eq!(branch.store.balances().await.expect("the database"), []);
    assert_eq!(branch.store.accounts().await.expect("the database").len(), 1);
}

#[tokio::test]
async fn a_reconciliation_that_is_blind_for_a_kind_fails_its_self_test() {
    let branch = Branch::open().await;
    let day = Day::in_beijing(branch.clock_now());
    for kind in BreakKind::ALL {
        let seen = self_test::test(branch.context(), day, |found| found.kind != kind).await.expect("the test runs");
        let words = seen.expect_err("nobody sees that kind");
        assert!(words.starts_with(&format!("not found: {kind} ")) && !words.contains(','), "{words}");
    }
}
