//! A worker on a workbench: it knows how jobs get into a database of one's own and how the workers are
//! run over it in this process, and must never run a handler itself.

use std::sync::Arc;
use std::time::Duration;

use bursar::compose::{self, Program};
use bursar::play::cast::webhook_secret;
use bursar_channels::{HttpSettings, MerchantHttp, MerchantSettings};
use bursar_core::channel::Method;
use bursar_core::event::EventKind;
use bursar_core::id::{self, ChannelAccountId, DeliveryId, EndpointId, MerchantId, NotificationId, OrderId};
use bursar_core::job::{JobKey, JobKind, NewJob};
use bursar_core::merchant::Endpoint as EndpointRow;
use bursar_core::order::{Order, OrderState};
use bursar_core::{Currency, Money};
use bursar_jobs::JobContext;
use bursar_store::{
    Answer, Change, Counts, Desk, Directory, Gatherer, JobFilter, JobRow, NewDelivery, Notification, Store,
};
use bursar_worker::Worker;
use uuid::Uuid;

use super::scene::settings;
use crate::{FaultyStore, until};

/// Longest wait for a job.
const WITHIN: Duration = Duration::from_secs(30);

/// A database, a store that can be made to fail, and what workers need.
#[derive(Debug)]
pub struct Bench {
    /// The program's parts, over the faulty store.
    pub program: Program,
    /// The store that can be made to fail.
    pub faults: Arc<FaultyStore>,
    /// The same database as another process sees it: never made to fail.
    pub raw: Arc<dyn Store>,
    /// The merchant of all jobs.
    pub merchant: MerchantId,
    secret: String,
    _folder: tempfile::TempDir,
}

impl Bench {
    /// A bench over `database` (`None`: a SQLite file of its own), on a real clock, with a lease of one
    /// second. `more` are further settings.
    ///
    /// # Panics
    /// When the database cannot be opened.
    pub async fn new(database: Option<String>, more: &[(&str, &str)]) -> Self {
        let folder = tempfile::Builder::new().prefix("bursar-bench-").tempdir().expect("a temporary folder");
        let url = database.unwrap_or_else(|| format!("sqlite:{}", folder.path().join("bursar.db").display()));
        let base = [
            ("database.url", url.as_str()),
            ("webhooks.allow_http", "true"),
            ("webhooks.allow_private_addresses", "true"),
            ("worker.lease", "1s"),
            ("worker.renew_every", "200ms"),
            ("worker.poll_interval", "200ms"),
        ];
        let all: Vec<(String, String)> =
            base.iter().chain(more).map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        let program = compose::program(&settings(&all)).await.expect("the database");
        program.store.migrate().await.expect("the schema");
        let faults = FaultyStore::new(program.store.clone());
        let secret = webhook_secret(folder.path(), program.chance.as_ref()).expect("a secret");
        let merchant = MerchantId::fresh(program.clock.now(), program.chance.as_ref());
        let secret = format!("file:{}", secret.display());
        let raw = program.store.clone();
        let bench = Self { program, faults, raw, merchant, secret, _folder: folder };
        Self { program: bench.process(), ..bench }
    }

    /// The parts of a process over the faulty store, with a gatherer and a directory of its own.
    fn process(&self) -> Program {
        let store: Arc<dyn Store> = self.faults.clone();
        let desk = Desk {
            gatherer: Gatherer::start(store.clone()),
            directory: Directory::new(store.clone()),
            ..self.program.desk.clone()
        };
        Program { desk, store, ..self.program.clone() }
    }

    /// Workers as of a fresh process; `deliveries` of theirs may take as long as they like.
    ///
    /// # Panics
    /// When the settings are wrong.
    pub async fn work(&self) -> Worker {
        let program = self.process();
        let endless = MerchantSettings { timeout_ms: 600_000, ..compose::merchant_settings(&program.config) };
        let secrets = Arc::new(bursar::secrets::SystemSecrets);
        let merchants = MerchantHttp::new(endless, &HttpSettings::default(), secrets, program.clock.clone());
        let jobs = compose::jobs(&program).expect("settings");
        let context = JobContext { merchants: Arc::new(merchants.expect("HTTP")), ..jobs };
        let settings = compose::worker_settings(&program.config).expect("settings");
        bursar_worker::start(context, &settings).await.expect("workers")
    }

    /// A fresh id.
    pub fn uuid(&self) -> Uuid {
        id::fresh(self.program.clock.now(), self.program.chance.as_ref())
    }

    /// A job of `kind` about nothing that exists, due in `due_in_ms`.
    pub fn job(&self, kind: JobKind, due_in_ms: i64) -> NewJob {
        NewJob::new(JobKey::new(kind, self.uuid()), self.merchant, self.program.clock.now().plus_ms(due_in_ms))
    }

    /// Commits `change`.
    ///
    /// # Panics
    /// When it is refused.
    pub async fn commit(&self, change: Change) {
        let answers = self.raw.commit(&[change]).await.expect("a commit");
        assert_eq!(answers, [Answer::Committed]);
    }

    /// Adds a job whose handler always fails: a stored notification to an account that is not there.
    pub async fn add_failing(&self) -> JobKey {
        let now = self.program.clock.now();
        let notification = Notification {
            id: NotificationId(self.uuid()),
            account: ChannelAccountId(self.uuid()),
            merchant: self.merchant,
            headers: String::new(),
            body: Vec::new(),
            received_at: now,
        };
        let key = JobKey::new(JobKind::HandleNotification, notification.id.uuid());
        let jobs = vec![NewJob::new(key, self.merchant, now)];
        self.commit(Change { notification: Some(notification), jobs, ..Change::default() }).await;
        key
    }

    /// Registers an endpoint.
    ///
    /// # Panics
    /// When the database cannot be written.
    pub async fn endpoint(&self, url: &str) -> EndpointId {
        let row = EndpointRow {
            id: EndpointId(self.uuid()),
            merchant: self.merchant,
            url: url.to_owned(),
            secrets: vec![self.secret.clone()],
            enabled: true,
            created_at: self.program.clock.now(),
        };
        self.raw.put_endpoint(&row).await.expect("an endpoint");
        row.id
    }

    /// Adds a delivery to `endpoint` with its job, due in `due_in_ms`.
    pub async fn add_delivery(&self, endpoint: EndpointId, due_in_ms: i64) -> JobKey {
        let now = self.program.clock.now();
        let order = Order {
            id: OrderId(self.uuid()),
            merchant: self.merchant,
            number: self.uuid().to_string(),
            amount: Money::new(8_800, Currency::CNY),
            description: format!("日常保洁 ({})", Method::WechatNative),
            state: OrderState::Paying,
            close_reason: None,
            late_money: false,
            installment: None,
            shares: Vec::new(),
            part_payment: false,
            service: None,
            region: None,
            offers: Vec::new(),
            payer: None,
            due_at: None,
            expires_at: now.plus_ms(900_000),
            event_count: 1,
            version: 0,
            created_at: now,
        };
        let delivery = NewDelivery {
            id: DeliveryId(self.uuid()),
            about: order.id.into(),
            sequence: 1,
            kind: EventKind::OrderPaid,
            endpoint: Some(endpoint),
            body: "{}".to_owned(),
            created_at: now,
        };
        let key = JobKey::new(JobKind::DeliverWebhook, delivery.id.uuid());
        let jobs = vec![NewJob::new(key, self.merchant, now.plus_ms(due_in_ms))];
        let change = Change { new_orders: vec![order], new_deliveries: vec![delivery], jobs, ..Change::default() };
        self.commit(change).await;
        key
    }

    /// The row of a job, when there is one.
    ///
    /// # Panics
    /// When the database does not answer.
    pub async fn row(&self, key: JobKey) -> Option<JobRow> {
        let filter = JobFilter { kind: Some(key.kind), subject: Some(key.subject), limit: 1, ..JobFilter::default() };
        self.raw.jobs(&filter).await.expect("jobs").pop()
    }

    /// Waits until the row of a job is as `wanted` (`None`: gone).
    pub async fn until_row(&self, key: JobKey, what: &str, wanted: impl Fn(Option<&JobRow>) -> bool) -> Option<JobRow> {
        let row = until(what, WITHIN, || async {
            let row = self.row(key).await;
            wanted(row.as_ref()).then_some(row)
        });
        row.await
    }

    /// Waits until a job is done.
    pub async fn until_done(&self, key: JobKey) {
        self.until_row(key, &format!("{key} is done"), |row| row.is_none()).await;
    }

    /// Numbers of the database.
    ///
    /// # Panics
    /// When the database does not answer.
    pub async fn counts(&self) -> Counts {
        self.raw.counts().await.expect("counts")
    }
}

/// A counter of workers, by the beginning of its line.
pub fn counted(worker: &Worker, line: &str) -> u64 {
    let mut text = String::new();
    worker.metrics.render(&mut text);
    let values = text.lines().filter(|l| l.starts_with(line)).filter_map(|l| l.rsplit(' ').next());
    values.filter_map(|value| value.parse::<u64>().ok()).sum()
}

/// Runs of `kind` that ended with `outcome`.
pub fn runs(worker: &Worker, kind: JobKind, outcome: &str) -> u64 {
    counted(worker, &format!("bursar_jobs_finished_total{{kind=\"{}\",outcome=\"{outcome}\"}}", kind.name()))
}
