//! Redis carries wake-ups between processes: a worker that never polls by itself finds new work at once.

use std::time::{Duration, Instant};

use bursar::play::cast::{Role, enter, webhook_secret};
use bursar::serve::{Parts, start};
use bursar_sandbox::merchant::{Backend, Feed, Sink, place};
use bursar_sandbox::{Behaviour, PayerMix, SandboxConfig, provision, system_random};

fn redis_url() -> String {
    std::env::var("BURSAR_TEST_REDIS_URL")
        .expect("BURSAR_TEST_REDIS_URL is not set: run tests/run, which starts a Redis")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_hardly_polls_is_woken_through_redis() {
    let folder = tempfile::tempdir().unwrap();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let gateway = format!("http://{}", listener.local_addr().unwrap());
    let flags = [
        ("database.url", format!("sqlite:{}", folder.path().join("bursar.db").display()), "test"),
        ("redis.url", redis_url(), "test"),
        // An hour: without a hint nothing would be found within this test.
        ("worker.poll_interval", "1h".to_owned(), "test"),
        ("gateway.public_url", gateway.clone(), "test"),
        ("webhooks.allow_http", "true".to_owned(), "test"),
        ("webhooks.allow_private_addresses", "true".to_owned(), "test"),
    ];
    let config = bursar::config::Config::load(None, std::iter::empty(), &flags).unwrap();
    // Two programs over one SQLite file, which itself gives no hints: as two processes would be.
    let worker = bursar::compose::program(&config).await.unwrap();
    worker.store.migrate().await.unwrap();
    let keys = provision(folder.path(), "shop", &system_random).unwrap();
    let payers = PayerMix { soon_ms: (0, 50), ..PayerMix::all(Behaviour::Soon) };
    let sandbox = bursar_sandbox::start(SandboxConfig { payers, ..SandboxConfig::new(worker.clock.clone(), &keys) })
        .await
        .unwrap();
    let secret = webhook_secret(folder.path(), worker.chance.as_ref()).unwrap();
    let sink = Sink::start(&[std::fs::read_to_string(&secret).unwrap()], 0, worker.chance.clone()).await.unwrap();
    let role = Role {
        name: "shop",
        keys: &keys,
        channels: &[bursar_core::channel::ChannelKind::Wechat],
        dialect: bursar::play::accounts::Dialect::default(),
        base_url: &sandbox.base_url(),
        webhook_url: &sink.url(),
        webhook_secret: secret,
        facts: None,
    };
    let actor = enter(worker.store.as_ref(), &role, worker.clock.now(), worker.chance.as_ref()).await.unwrap();
    let other = bursar::compose::program(&config).await.unwrap();
    let working = start(worker, Parts::Workers, None).await.unwrap();
    let serving = start(other, Parts::Gateway, Some(listener)).await.unwrap();
    // The first orders may be placed before the subscription stands: place until one is told as paid.
    let deadline = Instant::now() + Duration::from_secs(30);
    let mut round = 0;
    while sink.told().paid.is_empty() {
        assert!(Instant::now() < deadline, "no order was paid: the worker was not woken");
        let feed = Feed {
            gateway: gateway.clone(),
            orders: 1,
            concurrency: 1,
            per_second: None,
            life_seconds: (600, 600),
            label: format!("redis-{round}"),
            patient: false,
        };
        let backends = [Backend { api_key: actor.api_key.clone() }];
        place(&feed, &backends, &bursar_core::chance::SeededChance::new(round), |_| {}).await.unwrap();
        round += 1;
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    serving.stop().await;
    working.stop().await;
    sandbox.stop().await;
}
