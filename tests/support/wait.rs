//! Waiting and choosing: it knows deadlines, ports and the form of a campaign, and must never wait for
//! luck: whoever waits names a condition.

use std::future::Future;
use std::net::TcpListener;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

/// Between two looks at a condition.
const LOOK_EVERY: Duration = Duration::from_millis(25);
/// Ports below the range that the system gives to outgoing connections: nobody takes the port of a
/// killed process while it is away.
const PORTS: std::ops::Range<u16> = 20_000..32_000;

/// Looks at `condition` until it gives something.
///
/// # Panics
/// When it did not within `within`; the message names `what`.
pub async fn until<T, F: Future<Output = Option<T>>>(
    what: &str,
    within: Duration,
    mut condition: impl FnMut() -> F,
) -> T {
    let deadline = Instant::now() + within;
    loop {
        if let Some(found) = condition().await {
            return found;
        }
        assert!(Instant::now() < deadline, "waited {} s in vain: {what}", within.as_secs());
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// A port of loopback that nobody listens on, never given twice by this process.
///
/// # Panics
/// When none is free.
pub fn free_port() -> u16 {
    static NEXT: OnceLock<AtomicU16> = OnceLock::new();
    let span = PORTS.end - PORTS.start;
    // Test processes run side by side: each starts at a place of its own.
    let start = u16::try_from(std::process::id().wrapping_mul(37) % u32::from(span)).unwrap_or(0);
    let next = NEXT.get_or_init(|| AtomicU16::new(start));
    (0..span)
        .map(|_| PORTS.start + next.fetch_add(1, Ordering::SeqCst) % span)
        .find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok())
        .expect("no port of loopback between 20000 and 32000 is free")
}

/// Whether the long form of the campaigns was asked for (`BURSAR_CAMPAIGN=long`).
///
/// # Panics
/// When the variable has another value than `long` or `short`.
pub fn long_form() -> bool {
    match std::env::var("BURSAR_CAMPAIGN").as_deref() {
        Ok("long") => true,
        Ok("short" | "") | Err(_) => false,
        Ok(other) => panic!("BURSAR_CAMPAIGN={other}: choose long or short"),
    }
}

/// The seed that was asked for (`BURSAR_SEED`), or this one.
///
/// # Panics
/// When the variable is no number.
pub fn seed(otherwise: u64) -> u64 {
    match std::env::var("BURSAR_SEED").as_deref() {
        Ok("") | Err(_) => otherwise,
        Ok(text) => text.parse().unwrap_or_else(|_| panic!("BURSAR_SEED={text}: choose a number")),
    }
}

/// A client for loopback.
///
/// # Panics
/// When this machine cannot do HTTP.
pub fn http() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(10)).build().expect("an HTTP client")
}
