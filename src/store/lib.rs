//! The store: it knows SQL and transactions, and must never know a rule about money or a channel's
//! dialect.
//!
//! One door for writes: [`Store::commit`] takes [`Change`]s, each of which happens completely or not at
//! all. Reads are named for what they answer. SQLite and PostgreSQL stand behind the one trait, and one
//! conformance suite runs on both.

pub mod about;
pub mod billing;
pub mod books;
pub mod cash;
pub mod certificates;
pub mod change;
mod codec;
#[cfg(test)]
mod conformance;
pub mod desk;
mod dialect;
pub mod directory;
mod error;
mod face;
pub mod gather;
pub mod ledger;
mod migrate;
mod numbering;
pub mod postgres;
pub mod proof;
mod read;
pub mod record;
pub mod reports;
mod returned;
pub mod schedules;
pub mod sharings;
pub mod sqlite;
mod statements;
mod value;

use std::sync::Arc;

use async_trait::async_trait;
use bursar_core::Timestamp;
use bursar_core::channel::Method;
use bursar_core::id::{ApiKeyId, DeliveryId, LegId, MerchantId, NotificationId, OrderId, PaymentId, RefundId};
use bursar_core::job::{JobKey, Queue};
use bursar_core::merchant::{ApiKey, ChannelAccount, Endpoint, Merchant};
use bursar_core::order::Dossier;
use bursar_core::refund::Refund;
use uuid::Uuid;

pub use about::About;
pub use billing::{AgreementFilter, Billing, BillingRows, Extent, PlanFilter};
pub use books::{BillLineRow, BookRows, Books, BreakFilter, DayFilter, LineVerdict, ToldLine, WITHDRAWN};
pub use cash::{CashRows, CollectionFilter, Contents, HandInFilter, Till};
pub use certificates::{CertificateRow, Certificates};
pub use change::{Answer, Change, IdempotencyKey, LastPaid, NewDelivery, Notification, Settle, Settlement};
pub use desk::Desk;
pub use directory::Directory;
pub use error::StoreError;
pub use gather::Gatherer;
pub use ledger::Ledger;
pub use record::{
    BookLine, ClaimRequest, Claimed, Counts, DeliveryRow, IdempotencyRow, JobFilter, JobRow, LikeLine, LineFilter,
    ObservationRow, OrderFilter, ParkedRow, PlanTimeline, PostingRow, RefundFilter, RefundLine, Timeline,
};
pub use reports::{InsightFilter, Reports};
pub use schedules::{ScheduleFilter, ScheduleGauges, ScheduleRows, Schedules};
pub use sharings::Sharings;
pub use statements::Statements;

/// A result of the store.
pub type Result<T> = std::result::Result<T, StoreError>;

/// What the rest of the program asks of a database. Every method may fail with
/// [`StoreError::Unavailable`] (try again later) and says so instead of blocking for ever.
#[async_trait]
pub trait Store:
    Statements
    + Till
    + Billing
    + Books
    + Schedules
    + Ledger
    + Certificates
    + Reports
    + Sharings
    + Send
    + Sync
    + std::fmt::Debug
{
    /// Writes all `changes` in as few transactions as possible and answers each, in order. A change
    /// that is refused leaves nothing behind and does not spoil its neighbours.
    ///
    /// # Errors
    /// When the transaction itself failed: nothing of `changes` is known to be written (a lost
    /// connection during the commit leaves it open; every caller's retry is guarded by versions,
    /// fences and keys).
    async fn commit(&self, changes: &[Change]) -> Result<Vec<Answer>>;

    // --- payments ---

    /// The order with its payments and refunds.
    async fn dossier(&self, order: OrderId) -> Result<Option<Dossier>>;
    /// The dossiers that contain these payments; unknown ids are left out. One query for many jobs.
    async fn dossiers_of(&self, payments: &[PaymentId]) -> Result<Vec<Dossier>>;
    /// The dossiers that contain these legs of refunds; unknown ids are left out.
    async fn dossiers_of_legs(&self, legs: &[LegId]) -> Result<Vec<Dossier>>;
    /// The order that a refund belongs to.
    async fn order_of_refund(&self, refund: RefundId) -> Result<Option<OrderId>>;
    /// Refunds with their legs that match, newest first, at most `filter.limit`.
    async fn refunds(&self, filter: &RefundFilter) -> Result<Vec<Refund>>;
    /// The order with the merchant's own number.
    async fn order_by_number(&self, merchant: MerchantId, number: &str) -> Result<Option<OrderId>>;
    /// Orders that match, newest first, at most `filter.limit`.
    async fn orders(&self, filter: &OrderFilter) -> Result<Vec<Dossier>>;
    /// Everything that happened to an order.
    async fn timeline(&self, order: OrderId) -> Result<Option<Timeline>>;
    /// Payments that owe a job (`due_at` before `before`) and have no live one, oldest first.
    async fn stuck(&self, before: Timestamp, limit: u32) -> Result<Vec<PaymentId>>;
    /// The same for orders whose payers choose.
    async fn stuck_orders(&self, before: Timestamp, limit: u32) -> Result<Vec<OrderId>>;
    /// The same for legs of refunds.
    async fn stuck_legs(&self, before: Timestamp, limit: u32) -> Result<Vec<LegId>>;
    /// Deliveries created before `before` that are neither delivered nor given up, have an endpoint and no
    /// live job (not even a parked one), oldest first, with the order's merchant. Needs a partial index, so
    /// that it never scans delivered ones.
    async fn stuck_deliveries(&self, before: Timestamp, limit: u32) -> Result<Vec<(DeliveryId, MerchantId)>>;
    /// With what a payer of a merchant has paid, and when last; the latest first.
    async fn last_methods(&self, merchant: MerchantId, payer: &str) -> Result<Vec<(Method, Timestamp)>>;
    /// Open questions, oldest first.
    async fn parked(&self, merchant: Option<MerchantId>, limit: u32) -> Result<Vec<ParkedRow>>;
    /// Every payment with what we believe of it, for a comparison with a channel's books, in pages by
    /// id (`after` exclusive).
    async fn book_lines(&self, after: Option<PaymentId>, limit: u32) -> Result<Vec<BookLine>>;
    /// Every leg of a refund, for the same comparison, in pages by id (`after` exclusive). A channel knows only
    /// those that went through it.
    async fn refund_lines(&self, after: Option<LegId>, limit: u32) -> Result<Vec<RefundLine>>;
    /// Balances per account and currency: (account kind code, owner, currency, debits less credits in
    /// minor units).
    async fn balances(&self) -> Result<Vec<(i16, Uuid, String, i64)>>;
    /// Numbers for operators. Scans: for demonstrations, tests and the command line.
    async fn counts(&self) -> Result<Counts>;

    // --- notifications, idempotency, webhooks ---

    /// A stored notification.
    async fn notification(&self, id: NotificationId) -> Result<Option<Notification>>;
    /// Stored notifications; unknown ids are left out.
    async fn notifications(&self, ids: &[NotificationId]) -> Result<Vec<Notification>>;
    /// What was answered under an idempotency key.
    async fn idempotency(&self, merchant: MerchantId, key: &str) -> Result<Option<IdempotencyRow>>;
    /// Deliveries by the 128 bits of their ids; unknown ids are left out.
    async fn deliveries(&self, ids: &[Uuid]) -> Result<Vec<DeliveryRow>>;

    // --- merchants ---

    /// Adds or replaces a merchant.
    async fn put_merchant(&self, merchant: &Merchant) -> Result<()>;
    /// All merchants.
    async fn merchants(&self) -> Result<Vec<Merchant>>;
    /// Adds or replaces a channel account.
    async fn put_account(&self, account: &ChannelAccount) -> Result<()>;
    /// All channel accounts.
    async fn accounts(&self) -> Result<Vec<ChannelAccount>>;
    /// Adds or replaces a webhook endpoint.
    async fn put_endpoint(&self, endpoint: &Endpoint) -> Result<()>;
    /// All webhook endpoints.
    async fn endpoints(&self) -> Result<Vec<Endpoint>>;
    /// Adds an API key or replaces it (to revoke it).
    async fn put_api_key(&self, key: &ApiKey) -> Result<()>;
    /// All API keys, revoked ones included.
    async fn api_keys(&self) -> Result<Vec<ApiKey>>;
    /// One API key.
    async fn api_key(&self, id: ApiKeyId) -> Result<Option<ApiKey>>;

    // --- jobs ---

    /// Claims due jobs: sets a lease until `lease_ms` from now *by the database's clock*, counts the
    /// fence and the attempt up, and returns them, fairly across merchants. Jobs whose lease ended are
    /// claimable again: rescue is part of claiming. Jobs that are past their attempts are parked here
    /// and not returned.
    async fn claim(&self, request: &ClaimRequest) -> Result<Vec<Claimed>>;
    /// Prolongs leases of `owner` to `lease_ms` from now; returns the keys that are still held.
    async fn renew(&self, owner: Uuid, held: &[(JobKey, i64)], lease_ms: i64) -> Result<Vec<JobKey>>;
    /// Gives claimed jobs back unrun: the claim is forgotten, no attempt is counted.
    async fn release(&self, owner: Uuid, held: &[(JobKey, i64)]) -> Result<u64>;
    /// When the next unclaimed job of these queues is due (leased ones count at the end of their
    /// lease); `None` when there is none.
    async fn next_due(&self, queues: &[Queue]) -> Result<Option<Timestamp>>;
    /// Jobs that match, by due time, at most `filter.limit`.
    async fn jobs(&self, filter: &JobFilter) -> Result<Vec<JobRow>>;
    /// Makes a job due at `due_at` and unparks it, with its attempts forgotten. `false`: there is none.
    async fn retry_job(&self, key: JobKey, due_at: Timestamp) -> Result<bool>;
    /// Deletes a job. `false`: there is none.
    async fn cancel_job(&self, key: JobKey) -> Result<bool>;
    /// Pauses or resumes a queue for all processes.
    async fn pause_queue(&self, queue: Queue, paused: bool) -> Result<()>;
    /// Paused queues.
    async fn paused_queues(&self) -> Result<Vec<Queue>>;

    // --- upkeep ---

    /// Deletes what ended before the given instants, at most `limit` rows of each kind; returns how many.
    async fn prune(&self, keep: &Retention, limit: u32) -> Result<u64>;
    /// Whether the database answers.
    async fn ping(&self) -> Result<()>;
    /// Brings the schema up to date. Refuses a schema that is newer than this program.
    async fn migrate(&self) -> Result<()>;
    /// Whether the schema is exactly this program's.
    async fn schema_is_current(&self) -> Result<bool>;
    /// Wakes workers of other processes (after a commit that added due jobs). A hint: may be lost.
    async fn notify(&self, queues: &[Queue]) -> Result<()>;
    /// Waits for a hint from other processes; `None` when this database has none (SQLite).
    async fn listen(&self) -> Result<Option<Box<dyn Hints>>>;
    /// The name of the database in faces: `sqlite` or `postgres`.
    fn dialect(&self) -> &'static str;
    /// Closes all connections.
    async fn close(&self);
}

/// A stream of wake-up hints.
#[async_trait]
pub trait Hints: Send {
    /// Waits for the next hint.
    ///
    /// # Errors
    /// When the connection is lost: listen again.
    async fn next(&mut self) -> Result<Vec<Queue>>;
}

/// Up to which instants finished rows may be deleted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Retention {
    /// Idempotency keys created before.
    pub idempotency_before: Timestamp,
    /// Deliveries that ended before.
    pub delivery_before: Timestamp,
    /// Notifications received before.
    pub notification_before: Timestamp,
}

/// Opens the database named by `url` (`sqlite:PATH`, `postgres://…`). Does not migrate.
///
/// # Errors
/// [`StoreError::Configuration`] for a URL of another kind; otherwise when the database cannot be
/// reached.
pub async fn open(url: &str, options: &Options) -> Result<Arc<dyn Store>> {
    if url.starts_with("postgres://") || url.starts_with("postgresql://") {
        return Ok(Arc::new(postgres::Postgres::open(url, options).await?));
    }
    if let Some(path) = url.strip_prefix("sqlite:") {
        return Ok(Arc::new(sqlite::Sqlite::open(path.trim_start_matches("//"), options).await?));
    }
    Err(StoreError::Configuration(format!(
        "database.url `{}` is neither sqlite:PATH nor postgres://…",
        url.split('@').next_back().unwrap_or_default()
    )))
}

/// Sizes of the store.
#[derive(Clone, Debug)]
pub struct Options {
    /// Most connections to PostgreSQL, or readers of SQLite, of this process.
    pub max_connections: u32,
    /// How long to wait for a connection before saying unavailable, in milliseconds.
    pub acquire_timeout_ms: u64,
    /// How long one statement may take on PostgreSQL, in milliseconds.
    pub statement_timeout_ms: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self { max_connections: 8, acquire_timeout_ms: 5_000, statement_timeout_ms: 30_000 }
    }
}
