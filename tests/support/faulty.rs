//! A store that fails when asked to: it knows the face of the store, and must never change what goes
//! through it.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use bursar_core::agreement::Agreement;
use bursar_core::bank::{Day, LineRow, StatementRow};
use bursar_core::billing::{Plan, PlanFile};
use bursar_core::cash::{Collection, Drawer, HandIn, Payout};
use bursar_core::certificate::{Moved, Repaired, Sum};
use bursar_core::channel::Method;
use bursar_core::id::{
    AgreementId, ApiKeyId, BillId, BreakId, ChannelAccountId, CollectionId, DeliveryId, HandInId, LegId, LineId,
    MerchantId, NotificationId, OrderId, PaymentId, PlanId, ReconciliationId, RefundId, ScheduleId, StatementId,
};
use bursar_core::insights::{Group, Takings};
use bursar_core::job::{JobKey, Queue};
use bursar_core::ledger::Account;
use bursar_core::merchant::{ApiKey, ChannelAccount, Endpoint, Merchant};
use bursar_core::observation::Subject;
use bursar_core::order::Dossier;
use bursar_core::reconcile::{Bill, Break, BreakKind, BreakState, LegSide, Movement, PaymentSide, Reconciliation};
use bursar_core::refund::Refund;
use bursar_core::schedule::{Fire, Schedule};
use bursar_core::sharing::Sharing;
use bursar_core::{Currency, Money, Timestamp};
use bursar_store::ledger::{Balance, Entry, Holding, Place};
use bursar_store::reports::{DayMoved, Failures};
use bursar_store::{
    AgreementFilter, Answer, BillLineRow, Billing, BookLine, Books, BreakFilter, CertificateRow, Certificates, Change,
    ClaimRequest, Claimed, CollectionFilter, Contents, Counts, DayFilter, DeliveryRow, Extent, HandInFilter,
    IdempotencyRow, InsightFilter, JobFilter, JobRow, Ledger, LikeLine, LineFilter, Notification, OrderFilter,
    ParkedRow, PlanFilter, PlanTimeline, RefundFilter, RefundLine, Reports, Result, ScheduleFilter, ScheduleGauges,
    Schedules, Sharings, Statements, Store, StoreError, Till, Timeline, ToldLine,
};
use uuid::Uuid;

/// What happens instead of a call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Act {
    /// The call goes through.
    Pass,
    /// "Unavailable", as when the database is away.
    Fail,
    /// It panics.
    Panic,
}

/// Decides by the name of the method, each time it is called.
type Script = Box<dyn FnMut(&str) -> Act + Send>;

/// A store whose calls can be made to fail.
pub struct FaultyStore {
    inner: Arc<dyn Store>,
    script: Mutex<Script>,
}

impl std::fmt::Debug for FaultyStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FaultyStore").field("inner", &self.inner).finish_non_exhaustive()
    }
}

impl FaultyStore {
    /// A store that behaves, until it is told otherwise.
    pub fn new(inner: Arc<dyn Store>) -> Arc<Self> {
        Arc::new(Self { inner, script: Mutex::new(Box::new(|_| Act::Pass)) })
    }

    /// What happens from now on, by the name of the called method.
    pub fn script(&self, script: impl FnMut(&str) -> Act + Send + 'static) {
        *self.script.lock().unwrap_or_else(PoisonError::into_inner) = Box::new(script);
    }

    fn before(&self, method: &str) -> Result<()> {
        let act = (self.script.lock().unwrap_or_else(PoisonError::into_inner))(method);
        match act {
            Act::Pass => Ok(()),
            Act::Fail => Err(StoreError::Unavailable(format!("{method} was made to fail"))),
            Act::Panic => panic!("{method} was made to panic"),
        }
    }
}

/// A face of the store: every call may be made to fail, but those that are written out.
macro_rules! through {
    ($face:ident { $($written_out:tt)* } $($name:ident($($arg:ident: $kind:ty),*) -> $out:ty;)*) => {
        #[async_trait]
        impl $face for FaultyStore {
            $(async fn $name(&self, $($arg: $kind),*) -> Result<$out> {
                self.before(stringify!($name))?;
                self.inner.$name($($arg),*).await
            })*
            $($written_out)*
        }
    };
}

through! {
    Sharings {}
    sharing(order: OrderId) -> Option<Sharing>;
    sharings_after(after: Option<OrderId>, limit: u32) -> Vec<Sharing>;
}

through! {
    Statements {}
    statements(account: ChannelAccountId, before: Option<(Timestamp, StatementId)>, limit: u32) -> Vec<StatementRow>;
    statement_of_file(account: ChannelAccountId, digest: &[u8], ordinal: i32) -> Option<StatementRow>;
    lines_known(account: ChannelAccountId, identities: &[String]) -> Vec<(String, Option<String>)>;
    line(id: LineId) -> Option<LineRow>;
    lines_by_ids(ids: &[LineId]) -> Vec<LineRow>;
    lines(filter: &LineFilter) -> Vec<LineRow>;
    lines_of(subject: Uuid, limit: u32) -> Vec<LineRow>;
    lines_like(like: &LikeLine) -> Vec<LineRow>;
    by_reference(merchant: MerchantId, references: &[String]) -> Vec<(String, Subject)>;
    open_transfers(account: ChannelAccountId, amount: Money, since: Timestamp, limit: u32) -> Vec<PaymentId>;
    stuck_lines(before: Timestamp, limit: u32) -> Vec<(LineId, MerchantId)>;
}

through! {
    Ledger {}
    trial_balance(owners: Option<&[Uuid]>) -> Vec<Balance>;
    balance_before(account: Account, currency: Currency, place: Place) -> i64;
    entries(account: Account, currency: Currency, after: Place, until: Timestamp, limit: u32) -> Vec<Entry>;
    holdings(subjects: &[Uuid]) -> Vec<Holding>;
    dossiers_after(after: Option<OrderId>, limit: u32) -> Vec<Dossier>;
    strangers(after: Option<Uuid>, limit: u32) -> Vec<Uuid>;
}

through! {
    Certificates {}
    first_order_at() -> Option<Timestamp>;
    orders_between(from: Timestamp, until: Timestamp) -> Vec<Sum>;
    moved_on(day: Day) -> Vec<Moved>;
    entries_between(after: (Uuid, i64), from: Timestamp, until: Timestamp, limit: u32) -> Vec<Entry>;
    unsure() -> (i64, Option<Timestamp>);
    repaired_between(from: Timestamp, until: Timestamp) -> Repaired;
    certificate(day: Day) -> Option<CertificateRow>;
    last_certificate() -> Option<CertificateRow>;
    certificates(after: i64, limit: u32) -> Vec<CertificateRow>;
    add_certificate(row: &CertificateRow) -> bool;
}

through! {
    Reports {}
    takings(filter: &InsightFilter) -> Vec<(Group, Takings)>;
    times_to_paid(filter: &InsightFilter) -> Vec<(Group, i64, i64)>;
    failures(filter: &InsightFilter) -> Vec<Failures>;
    moved_between(merchant: Option<MerchantId>, from: Day, until: Day) -> Vec<DayMoved>;
    payouts_between(account: ChannelAccountId, from: Day, until: Day) -> Vec<(Movement, bool)>;
}

through! {
    Till {}
    collection(id: CollectionId) -> Option<Collection>;
    collections(filter: &CollectionFilter) -> Vec<Collection>;
    collections_of(payment: PaymentId) -> Vec<Collection>;
    drawer(account: ChannelAccountId, worker: Option<&str>) -> Contents;
    drawers(account: ChannelAccountId) -> Vec<Drawer>;
    hand_in(id: HandInId) -> Option<HandIn>;
    taken_by(hand_in: HandInId) -> Contents;
    hand_ins(filter: &HandInFilter) -> Vec<HandIn>;
    payout_of(leg: LegId) -> Option<Payout>;
}

through! {
    Billing {}
    agreement(id: AgreementId) -> Option<Agreement>;
    agreements(filter: &AgreementFilter) -> Vec<Agreement>;
    plan(id: PlanId, extent: Extent) -> Option<PlanFile>;
    plans(filter: &PlanFilter) -> Vec<Plan>;
    plan_timeline(id: PlanId) -> Option<PlanTimeline>;
    tries_since(agreement: AgreementId, since: Timestamp) -> Vec<Timestamp>;
    lost_billing(before: Timestamp, limit: u32) -> (Vec<Agreement>, Vec<Plan>);
}

through! {
    Schedules {}
    schedule(id: ScheduleId) -> Option<Schedule>;
    schedules(filter: &ScheduleFilter) -> Vec<Schedule>;
    fires(schedule: ScheduleId, before: Option<Timestamp>, limit: u32) -> Vec<Fire>;
    fires_between(schedule: ScheduleId, from: Timestamp, until: Timestamp) -> Vec<Fire>;
    overdue_schedules(now: Timestamp, limit: u32) -> Vec<Schedule>;
    schedule_gauges(now: Timestamp) -> ScheduleGauges;
    stuck_schedules(before: Timestamp, limit: u32) -> Vec<(ScheduleId, MerchantId)>;
}

through! {
    Books {}
    movements_of(subjects: &[Uuid]) -> Vec<(Movement, bool)>;
    unmatched_movements(account: ChannelAccountId, days: (Day, Day), after: Option<Uuid>, limit: u32) -> Vec<Movement>;
    unmatched_transfers(merchant: MerchantId, days: (Day, Day), limit: u32) -> Vec<Movement>;
    payment_sides(ids: &[Uuid]) -> Vec<PaymentSide>;
    leg_sides(ids: &[Uuid]) -> Vec<LegSide>;
    put_bill_part(bill: BillId, n: i32, bytes: Vec<u8>) -> ();
    bill_part(bill: BillId, n: i32) -> Option<Vec<u8>>;
    bill(id: BillId) -> Option<Bill>;
    bills(filter: &DayFilter) -> Vec<Bill>;
    bill_lines(bill: BillId, after: u32, limit: u32) -> Vec<BillLineRow>;
    lines_about(account: ChannelAccountId, subjects: &[Uuid]) -> Vec<ToldLine>;
    lines_numbered(account: ChannelAccountId, channel_ids: &[String]) -> Vec<ToldLine>;
    captures_numbered(account: ChannelAccountId, channel_ids: &[String]) -> Vec<ToldLine>;
    lines_withdrawn(bill: &Bill, limit: u32) -> Vec<ToldLine>;
    open_payouts(account: ChannelAccountId, since: Day, limit: u32) -> Vec<Movement>;
    reconciliation(id: ReconciliationId) -> Option<Reconciliation>;
    reconciliations(filter: &DayFilter) -> Vec<Reconciliation>;
    stuck_reconciliations(before: Timestamp, limit: u32) -> Vec<(ReconciliationId, MerchantId)>;
    breaks_of(ids: &[BreakId]) -> Vec<Break>;
    breaks(filter: &BreakFilter) -> Vec<Break>;
    reconciliations_under_way(limit: u32) -> Vec<Reconciliation>;
    break_counts() -> Vec<(BreakKind, BreakState, u64)>;
}

through! {
    Store {
        fn dialect(&self) -> &'static str {
            self.inner.dialect()
        }
        async fn close(&self) {
            self.inner.close().await;
        }
    }
    commit(changes: &[Change]) -> Vec<Answer>;
    dossier(order: OrderId) -> Option<Dossier>;
    dossiers_of(payments: &[PaymentId]) -> Vec<Dossier>;
    dossiers_of_legs(legs: &[LegId]) -> Vec<Dossier>;
    order_of_refund(refund: RefundId) -> Option<OrderId>;
    refunds(filter: &RefundFilter) -> Vec<Refund>;
    order_by_number(merchant: MerchantId, number: &str) -> Option<OrderId>;
    orders(filter: &OrderFilter) -> Vec<Dossier>;
    timeline(order: OrderId) -> Option<Timeline>;
    stuck(before: Timestamp, limit: u32) -> Vec<PaymentId>;
    stuck_orders(before: Timestamp, limit: u32) -> Vec<OrderId>;
    stuck_legs(before: Timestamp, limit: u32) -> Vec<LegId>;
    stuck_deliveries(before: Timestamp, limit: u32) -> Vec<(DeliveryId, MerchantId)>;
    last_methods(merchant: MerchantId, payer: &str) -> Vec<(Method, Timestamp)>;
    parked(merchant: Option<MerchantId>, limit: u32) -> Vec<ParkedRow>;
    book_lines(after: Option<PaymentId>, limit: u32) -> Vec<BookLine>;
    refund_lines(after: Option<LegId>, limit: u32) -> Vec<RefundLine>;
    balances() -> Vec<(i16, Uuid, String, i64)>;
    counts() -> Counts;
    notification(id: NotificationId) -> Option<Notification>;
    notifications(ids: &[NotificationId]) -> Vec<Notification>;
    idempotency(merchant: MerchantId, key: &str) -> Option<IdempotencyRow>;
    deliveries(ids: &[Uuid]) -> Vec<DeliveryRow>;
    put_merchant(merchant: &Merchant) -> ();
    merchants() -> Vec<Merchant>;
    put_account(account: &ChannelAccount) -> ();
    accounts() -> Vec<ChannelAccount>;
    put_endpoint(endpoint: &Endpoint) -> ();
    endpoints() -> Vec<Endpoint>;
    put_api_key(key: &ApiKey) -> ();
    api_keys() -> Vec<ApiKey>;
    api_key(id: ApiKeyId) -> Option<ApiKey>;
    claim(request: &ClaimRequest) -> Vec<Claimed>;
    renew(owner: Uuid, held: &[(JobKey, i64)], lease_ms: i64) -> Vec<JobKey>;
    release(owner: Uuid, held: &[(JobKey, i64)]) -> u64;
    next_due(queues: &[Queue]) -> Option<Timestamp>;
    jobs(filter: &JobFilter) -> Vec<JobRow>;
    retry_job(key: JobKey, due_at: Timestamp) -> bool;
    cancel_job(key: JobKey) -> bool;
    pause_queue(queue: Queue, paused: bool) -> ();
    paused_queues() -> Vec<Queue>;
    prune(keep: &bursar_store::Retention, limit: u32) -> u64;
    ping() -> ();
    migrate() -> ();
    schema_is_current() -> bool;
    notify(queues: &[Queue]) -> ();
    listen() -> Option<Box<dyn bursar_store::Hints>>;
}
