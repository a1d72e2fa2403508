//! Whether the books agree: days of every channel with everything wrong in them, on both databases, through the real
//! adapters against the sandbox's bills over HTTP. What is seeded stands in `support/reconcile/seeds.rs`.

use bursar_core::channel::ChannelKind;
use bursar_tests::{PrivatePostgres, reconcile_a_seeded_day, refuse_spoilt_bills, restore_from_ten_minutes_ago};

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
