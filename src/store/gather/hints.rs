//! Hints to other processes: it knows that few are enough, and must never delay a commit.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use bursar_core::job::Queue;
use tokio::sync::mpsc;

use crate::Store;

/// Starts the task that sends hints; it ends when the sender is dropped. A full channel means that hints
/// are under way anyway.
pub fn start(store: Arc<dyn Store>, interval_ms: u64) -> mpsc::Sender<Queue> {
    let (sender, mut incoming) = mpsc::channel::<Queue>(64);
    tokio::spawn(async move {
        while let Some(first) = incoming.recv().await {
            let mut queues = BTreeSet::from([first]);
            while let Ok(more) = incoming.try_recv() {
                queues.insert(more);
            }
            let queues: Vec<Queue> = queues.into_iter().collect();
            if let Err(error) = store.notify(&queues).await {
                tracing::debug!(%error, "a hint was lost");
            }
            tokio::time::sleep(Duration::from_millis(interval_ms)).await;
        }
    });
    sender
}
