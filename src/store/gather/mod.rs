//! Gathering: it knows that many concurrent callers become few statements, and must never know what
//! they write or read.
//!
//! One task writes. While a batch is being written the next one gathers by itself, so under load batches
//! grow and a lone caller never waits. Reads by id are gathered the same way.

mod hints;
mod read;
mod write;

use std::sync::{Arc, PoisonError, RwLock};

use bursar_core::Clock;
use bursar_core::id::{LegId, NotificationId, PaymentId};
use bursar_core::job::Queue;
use bursar_core::order::Dossier;
use tokio::sync::{mpsc, oneshot};
use uuid::Uuid;

use crate::{Answer, Change, DeliveryRow, Notification, Result, Store, StoreError};
use read::Reader;
use write::Request;

/// What is called, in this process, when a commit added jobs that are due: wake the workers. It must not
/// block.
pub type OnJobs = Arc<dyn Fn(&[Queue]) + Send + Sync>;

/// Sizes of a [`Gatherer`].
#[derive(Clone, Debug)]
pub struct Settings {
    /// Most changes of one batch: bounds locks and the latency of a batch.
    pub max_batch: usize,
    /// How long a batch waits for company when the one before had company, in milliseconds.
    pub linger_ms: u64,
    /// Most callers that wait for a batch; further ones wait to be let in.
    pub queue: usize,
    /// Tells which added jobs are due now. Without a clock every added job counts as due.
    pub clock: Option<Arc<dyn Clock>>,
    /// Shortest time between two hints to other processes, in milliseconds.
    pub hint_interval_ms: u64,
}

impl Default for Settings {
    fn default() -> Self {
        // 256 changes keep a batch within some ten milliseconds. 50 ms between hints are 20 a second:
        // each takes a database-wide lock for a moment.
        Self { max_batch: 256, linger_ms: 1, queue: 4_096, clock: None, hint_interval_ms: 50 }
    }
}

/// A cheaply cloned handle. The tasks behind it end when the last clone is dropped.
#[derive(Clone)]
pub struct Gatherer(Arc<Inner>);

struct Inner {
    store: Arc<dyn Store>,
    requests: mpsc::Sender<Request>,
    dossiers: Reader<PaymentId, Dossier>,
    dossiers_of_legs: Reader<LegId, Dossier>,
    notifications: Reader<NotificationId, Notification>,
    deliveries: Reader<Uuid, DeliveryRow>,
    on_jobs: Arc<RwLock<Option<OnJobs>>>,
}

impl std::fmt::Debug for Gatherer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Gatherer").field("store", &self.0.store).finish_non_exhaustive()
    }
}

impl Gatherer {
    /// Starts the tasks, with default sizes. Must be called within a tokio runtime.
    pub fn start(store: Arc<dyn Store>) -> Self {
        Self::start_with(store, &Settings::default())
    }

    /// Starts the tasks. Must be called within a tokio runtime.
    pub fn start_with(store: Arc<dyn Store>, settings: &Settings) -> Self {
        let (requests, incoming) = mpsc::channel(settings.queue.max(1));
        let on_jobs = Arc::new(RwLock::new(None));
        let hints = hints::start(Arc::clone(&store), settings.hint_interval_ms);
        tokio::spawn(write::run(Arc::clone(&store), incoming, settings.clone(), Arc::clone(&on_jobs), hints));
        let dossiers = Reader::start(settings, Arc::clone(&store), read::dossiers);
        let dossiers_of_legs = Reader::start(settings, Arc::clone(&store), read::dossiers_of_legs);
        let notifications = Reader::start(settings, Arc::clone(&store), read::notifications);
        let deliveries = Reader::start(settings, Arc::clone(&store), read::deliveries);
        Self(Arc::new(Inner { store, requests, dossiers, dossiers_of_legs, notifications, deliveries, on_jobs }))
    }

    /// Sets what is called when a commit of this process added jobs that are due.
    pub fn on_jobs(&self, hook: OnJobs) {
        *self.0.on_jobs.write().unwrap_or_else(PoisonError::into_inner) = Some(hook);
    }

    /// The store behind it.
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.0.store
    }

    /// Writes `change` together with those of other callers.
    ///
    /// # Errors
    /// As [`Store::commit`]. A change that the database refuses by an error (a broken constraint) fails
    /// alone.
    pub async fn commit(&self, change: Change) -> Result<Answer> {
        let (reply, answer) = oneshot::channel();
        self.0.requests.send(Request::Commit(Box::new(change), reply)).await.map_err(|_| stopped())?;
        answer.await.map_err(|_| stopped())?
    }

    /// The dossier that contains `payment`.
    ///
    /// # Errors
    /// As [`Store::dossiers_of`].
    pub async fn dossier_of(&self, payment: PaymentId) -> Result<Option<Dossier>> {
        self.0.dossiers.get(payment).await
    }

    /// The dossier that contains `leg` of a refund.
    ///
    /// # Errors
    /// As [`Store::dossiers_of_legs`].
    pub async fn dossier_of_leg(&self, leg: LegId) -> Result<Option<Dossier>> {
        self.0.dossiers_of_legs.get(leg).await
    }

    /// A stored notification.
    ///
    /// # Errors
    /// As [`Store::notifications`].
    pub async fn notification(&self, id: NotificationId) -> Result<Option<Notification>> {
        self.0.notifications.get(id).await
    }

    /// A delivery.
    ///
    /// # Errors
    /// As [`Store::deliveries`].
    pub async fn delivery(&self, id: Uuid) -> Result<Option<DeliveryRow>> {
        self.0.deliveries.get(id).await
    }

    /// Writes what is waiting and takes nothing more.
    pub async fn flush_and_stop(&self) {
        let (reply, done) = oneshot::channel();
        if self.0.requests.send(Request::Stop(reply)).await.is_ok() {
            // An error means that the task has already ended: then it is flushed.
            let _ended = done.await;
        }
    }
}

fn stopped() -> StoreError {
    StoreError::Unavailable("this process is shutting down".to_owned())
}
