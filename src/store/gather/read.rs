//! Gathered reads by id: it knows that waiting callers share one statement, and must never keep an
//! answer (the next caller wants the truth of then).

use std::collections::{HashMap, HashSet};
use std::future::Future;
use std::hash::Hash;
use std::sync::Arc;

use bursar_core::id::{LegId, NotificationId, PaymentId};
use bursar_core::order::Dossier;
use tokio::sync::{mpsc, oneshot};
use uuid::Uuid;

use super::{Settings, stopped};
use crate::{DeliveryRow, Notification, Result, Store};

type Asked<K, V> = (K, oneshot::Sender<Result<Option<V>>>);

/// A task that answers questions of one kind.
pub struct Reader<K, V>(mpsc::Sender<Asked<K, V>>);

impl<K, V> Reader<K, V>
where
    K: Copy + Eq + Hash + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    /// Starts the task. `load` answers many ids at once.
    pub fn start<F, L>(settings: &Settings, store: Arc<dyn Store>, load: L) -> Self
    where
        L: Fn(Arc<dyn Store>, Vec<K>) -> F + Send + 'static,
        F: Future<Output = Result<HashMap<K, V>>> + Send,
    {
        let (sender, mut incoming) = mpsc::channel::<Asked<K, V>>(settings.queue.max(1));
        let max_batch = settings.max_batch.max(1);
        tokio::spawn(async move {
            let mut batch = Vec::new();
            while incoming.recv_many(&mut batch, max_batch).await > 0 {
                let ids: HashSet<K> = batch.iter().map(|(id, _)| *id).collect();
                let found = load(Arc::clone(&store), ids.into_iter().collect()).await;
                for (id, reply) in batch.drain(..) {
                    // A caller that went away needs no answer.
                    let _gone = reply.send(match &found {
                        Ok(found) => Ok(found.get(&id).cloned()),
                        Err(error) => Err(error.clone()),
                    });
                }
            }
        });
        Self(sender)
    }

    /// Asks for one id.
    pub async fn get(&self, id: K) -> Result<Option<V>> {
        let (reply, answer) = oneshot::channel();
        self.0.send((id, reply)).await.map_err(|_| stopped())?;
        answer.await.map_err(|_| stopped())?
    }
}

/// Dossiers by the payments in them.
pub async fn dossiers(store: Arc<dyn Store>, ids: Vec<PaymentId>) -> Result<HashMap<PaymentId, Dossier>> {
    let mut found = HashMap::new();
    for dossier in store.dossiers_of(&ids).await? {
        for payment in &dossier.payments {
            found.insert(payment.id, dossier.clone());
        }
    }
    Ok(found)
}

/// Dossiers by the legs of refunds in them.
pub async fn dossiers_of_legs(store: Arc<dyn Store>, ids: Vec<LegId>) -> Result<HashMap<LegId, Dossier>> {
    let mut found = HashMap::new();
    for dossier in store.dossiers_of_legs(&ids).await? {
        for leg in dossier.legs() {
            found.insert(leg.id, dossier.clone());
        }
    }
    Ok(found)
}

/// Notifications by id.
pub async fn notifications(
    store: Arc<dyn Store>,
    ids: Vec<NotificationId>,
) -> Result<HashMap<NotificationId, Notification>> {
    Ok(store.notifications(&ids).await?.into_iter().map(|n| (n.id, n)).collect())
}

/// Deliveries by id.
pub async fn deliveries(store: Arc<dyn Store>, ids: Vec<Uuid>) -> Result<HashMap<Uuid, DeliveryRow>> {
    Ok(store.deliveries(&ids).await?.into_iter().map(|d| (d.id.uuid(), d)).collect())
}
