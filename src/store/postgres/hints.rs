//! Wake-ups between processes: it knows LISTEN and NOTIFY, and must never be needed for correctness (a
//! hint may be lost; workers ask at intervals all the same).

use std::time::Duration;

use async_trait::async_trait;
use bursar_core::job::Queue;
use sqlx::postgres::{PgListener, PgPoolOptions};

use super::Postgres;
use crate::{Hints, Result, StoreError};

/// The channel. The payload is the queues' codes, separated by commas.
const CHANNEL: &str = "bursar_jobs";

/// After so long a silence the connection may be half open, which nobody would notice: listening starts anew.
const SILENCE: Duration = Duration::from_secs(60);

/// See [`crate::Store::notify`].
pub async fn notify(db: &Postgres, queues: &[Queue]) -> Result<()> {
    if queues.is_empty() {
        return Ok(());
    }
    let payload: Vec<String> = queues.iter().map(|q| q.code().to_string()).collect();
    let query = sqlx::query("select pg_notify($1, $2)").bind(CHANNEL).bind(payload.join(","));
    db.bounded(query.execute(&db.quick)).await.map(drop)
}

/// See [`crate::Store::listen`]. The connection stands beside the pools, because it is held for ever.
pub async fn listen(db: &Postgres) -> Result<Box<dyn Hints>> {
    let pool = PgPoolOptions::new().max_connections(1).connect_lazy_with(db.options.clone());
    let mut listener = db.bounded(PgListener::connect_with(&pool)).await?;
    db.bounded(listener.listen(CHANNEL)).await?;
    Ok(Box::new(Listening(listener)))
}

struct Listening(PgListener);

#[async_trait]
impl Hints for Listening {
    async fn next(&mut self) -> Result<Vec<Queue>> {
        let heard = tokio::time::timeout(SILENCE, self.0.try_recv()).await;
        match heard
            .map_err(|_| StoreError::Unavailable("the listening connection was silent for long".to_owned()))??
        {
            Some(hint) => {
                Ok(hint.payload().split(',').filter_map(|c| c.parse().ok()).filter_map(Queue::from_code).collect())
            }
            None => Err(StoreError::Unavailable("the listening connection was lost".to_owned())),
        }
    }
}
