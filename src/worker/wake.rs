//! Wake-ups: it knows that there may be work, and must never promise it. Losing one costs at most the
//! polling interval.

use std::sync::Arc;

use tokio::sync::Notify;

/// A bell for the claimer of this process. Rings are coalesced.
#[derive(Clone, Debug, Default)]
pub struct Wake(Arc<Notify>);

impl Wake {
    /// There may be work.
    pub fn ring(&self) {
        self.0.notify_one();
    }

    /// Waits for the next ring; one that came before counts.
    pub(crate) async fn rung(&self) {
        self.0.notified().await;
    }
}
