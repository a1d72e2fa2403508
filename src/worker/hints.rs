//! Hints from other processes through the database. It knows how to listen again after a loss, and must
//! never end.

use std::sync::Arc;
use std::time::Duration;

use bursar_store::Store;

use crate::wake::Wake;

/// Pause before listening again after the connection was lost. Polling goes on meanwhile.
const AGAIN_AFTER: Duration = Duration::from_secs(1);

/// Rings `wake` at each hint, for ever. Returns at once when the database gives no hints.
pub(crate) async fn listen(store: Arc<dyn Store>, wake: Wake) {
    loop {
        match store.listen().await {
            Ok(None) => return,
            Ok(Some(mut hints)) => {
                // Whatever was added while we were not listening.
                wake.ring();
                while hints.next().await.is_ok() {
                    wake.ring();
                }
                tracing::debug!("lost the connection for hints; listening again");
            }
            Err(error) => tracing::debug!(%error, "cannot listen for hints; trying again"),
        }
        tokio::time::sleep(AGAIN_AFTER).await;
    }
}
