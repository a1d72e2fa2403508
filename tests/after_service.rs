//! Services that are paid for when they are over, at both channels that do not say when a hold lapses, on both databases:
//! taken for less, let go, paid by another way, and forgotten. Through the real gateway, workers and adapters, against the
//! sandbox's channels over HTTP, on a clock that leaps; what happens stands in `support/billing/after_service.rs`.

use bursar_core::channel::Method;
use bursar_tests::{PrivatePostgres, serve};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_service_ends_in_each_way_on_sqlite() {
    serve(Method::WechatScore, None).await;
    serve(Method::AlipayHold, None).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_service_ends_in_each_way_on_postgres() {
    let server = PrivatePostgres::start_with(&["fsync=off", "synchronous_commit=off"]);
    serve(Method::WechatScore, Some(server.database("score"))).await;
    serve(Method::AlipayHold, Some(server.database("hold"))).await;
}
