//! Hints through Redis, when there is one: wake-ups between processes without touching the database.
//! It holds hints only: losing Redis costs latency, never money, and must never end a worker.

use std::time::Duration;

use futures::StreamExt;
use tokio::sync::mpsc::Receiver;

use crate::wake::Wake;

/// The channel on which "there are new jobs" is published.
const CHANNEL: &str = "bursar:jobs";
/// Pause before connecting again.
const AGAIN_AFTER: Duration = Duration::from_secs(1);
/// At most one message per this time and process: a hint says only "look".
const COALESCE: Duration = Duration::from_millis(20);

/// Rings `wake` at each message, for ever.
pub(crate) async fn listen(client: redis::Client, wake: Wake) {
    loop {
        if let Err(error) = listen_once(&client, &wake).await {
            tracing::debug!(%error, "redis hints lost; connecting again");
        }
        tokio::time::sleep(AGAIN_AFTER).await;
    }
}

async fn listen_once(client: &redis::Client, wake: &Wake) -> redis::RedisResult<()> {
    let mut subscription = client.get_async_pubsub().await?;
    subscription.subscribe(CHANNEL).await?;
    wake.ring();
    let mut messages = subscription.on_message();
    while messages.next().await.is_some() {
        wake.ring();
    }
    Ok(())
}

/// Publishes a message for each hint that arrives, coalesced, for ever.
pub(crate) async fn publish(client: redis::Client, mut hints: Receiver<()>) {
    let mut connection = None;
    while hints.recv().await.is_some() {
        tokio::time::sleep(COALESCE).await;
        while hints.try_recv().is_ok() {}
        if connection.is_none() {
            connection = client.get_multiplexed_async_connection().await.ok();
        }
        let Some(open) = connection.as_mut() else { continue };
        let sent: redis::RedisResult<i64> = redis::cmd("PUBLISH").arg(CHANNEL).arg("").query_async(open).await;
        if let Err(error) = sent {
            tracing::debug!(%error, "redis hint not sent");
            connection = None;
        }
    }
}
