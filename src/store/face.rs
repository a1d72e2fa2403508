//! The one implementation of the trait for both databases: it knows which function answers which
//! question, and must never hold SQL.

use async_trait::async_trait;
use bursar_core::Timestamp;
use bursar_core::channel::Method;
use bursar_core::id::{ApiKeyId, DeliveryId, LegId, MerchantId, NotificationId, OrderId, PaymentId, RefundId};
use bursar_core::job::{JobKey, Queue};
use bursar_core::merchant::{ApiKey, ChannelAccount, Endpoint, Merchant};
use bursar_core::order::Dossier;
use bursar_core::refund::Refund;
use uuid::Uuid;

use crate::dialect::Dialect;
use crate::read::{dossier, history, merchant, message, operator, payer, queue, refund, upkeep};
use crate::{
    Answer, BookLine, Change, ClaimRequest, Claimed, Counts, DeliveryRow, Hints, IdempotencyRow, JobFilter, JobRow,
    Notification, OrderFilter, ParkedRow, RefundFilter, RefundLine, Result, Retention, Store, Timeline, migrate,
};

#[async_trait]
impl<D: Dialect> Store for D {
    async fn commit(&self, changes: &[Change]) -> Result<Vec<Answer>> {
        Dialect::commit(self, changes).await
    }

    async fn dossier(&self, order: OrderId) -> Result<Option<Dossier>> {
        dossier::one(self, order).await
    }
    async fn dossiers_of(&self, payments: &[PaymentId]) -> Result<Vec<Dossier>> {
        dossier::of_payments(self, payments).await
    }
    async fn dossiers_of_legs(&self, legs: &[LegId]) -> Result<Vec<Dossier>> {
        dossier::of_legs(self, legs).await
    }
    async fn order_of_refund(&self, id: RefundId) -> Result<Option<OrderId>> {
        refund::order_of(self, id).await
    }
    async fn refunds(&self, filter: &RefundFilter) -> Result<Vec<Refund>> {
        refund::list(self, filter).await
    }
    async fn order_by_number(&self, merchant: MerchantId, number: &str) -> Result<Option<OrderId>> {
        dossier::by_number(self, merchant, number).await
    }
    async fn orders(&self, filter: &OrderFilter) -> Result<Vec<Dossier>> {
        dossier::list(self, filter).await
    }
    async fn timeline(&self, order: OrderId) -> Result<Option<Timeline>> {
        history::timeline(self, order).await
    }
    async fn stuck(&self, before: Timestamp, limit: u32) -> Result<Vec<PaymentId>> {
        operator::stuck(self, before, limit).await
    }
    async fn stuck_orders(&self, before: Timestamp, limit: u32) -> Result<Vec<OrderId>> {
        operator::stuck_orders(self, before, limit).await
    }
    async fn stuck_legs(&self, before: Timestamp, limit: u32) -> Result<Vec<LegId>> {
        refund::stuck_legs(self, before, limit).await
    }
    async fn stuck_deliveries(&self, before: Timestamp, limit: u32) -> Result<Vec<(DeliveryId, MerchantId)>> {
        operator::stuck_deliveries(self, before, limit).await
    }
    async fn last_methods(&self, merchant: MerchantId, payer: &str) -> Result<Vec<(Method, Timestamp)>> {
        payer::last_methods(self, merchant, payer).await
    }
    async fn parked(&self, merchant: Option<MerchantId>, limit: u32) -> Result<Vec<ParkedRow>> {
        operator::parked(self, merchant, limit).await
    }
    async fn book_lines(&self, after: Option<PaymentId>, limit: u32) -> Result<Vec<BookLine>> {
        operator::book_lines(self, after, limit).await
    }
    async fn refund_lines(&self, after: Option<LegId>, limit: u32) -> Result<Vec<RefundLine>> {
        refund::lines(self, after, limit).await
    }
    async fn balances(&self) -> Result<Vec<(i16, Uuid, String, i64)>> {
        operator::balances(self).await
    }
    async fn counts(&self) -> Result<Counts> {
        operator::counts(self).await
    }

    async fn notification(&self, id: NotificationId) -> Result<Option<Notification>> {
        Ok(message::notifications(self, &[id]).await?.pop())
    }
    async fn notifications(&self, ids: &[NotificationId]) -> Result<Vec<Notification>> {
        message::notifications(self, ids).await
    }
    async fn idempotency(&self, merchant: MerchantId, key: &str) -> Result<Option<IdempotencyRow>> {
        message::idempotency(self, merchant, key).await
    }
    async fn deliveries(&self, ids: &[Uuid]) -> Result<Vec<DeliveryRow>> {
        message::deliveries(self, ids).await
    }

    async fn put_merchant(&self, row: &Merchant) -> Result<()> {
        merchant::put_merchant(self, row).await
    }
    async fn merchants(&self) -> Result<Vec<Merchant>> {
        merchant::merchants(self).await
    }
    async fn put_account(&self, account: &ChannelAccount) -> Result<()> {
        merchant::put_account(self, account).await
    }
    async fn accounts(&self) -> Result<Vec<ChannelAccount>> {
        merchant::accounts(self).await
    }
    async fn put_endpoint(&self, endpoint: &Endpoint) -> Result<()> {
        merchant::put_endpoint(self, endpoint).await
    }
    async fn endpoints(&self) -> Result<Vec<Endpoint>> {
        merchant::endpoints(self).await
    }
    async fn put_api_key(&self, key: &ApiKey) -> Result<()> {
        merchant::put_api_key(self, key).await
    }
    async fn api_keys(&self) -> Result<Vec<ApiKey>> {
        merchant::api_keys(self).await
    }
    async fn api_key(&self, id: ApiKeyId) -> Result<Option<ApiKey>> {
        merchant::api_key(self, id).await
    }

    async fn claim(&self, request: &ClaimRequest) -> Result<Vec<Claimed>> {
        Dialect::claim(self, request).await
    }
    async fn renew(&self, owner: Uuid, held: &[(JobKey, i64)], lease_ms: i64) -> Result<Vec<JobKey>> {
        Dialect::renew(self, owner, held, lease_ms).await
    }
    async fn release(&self, owner: Uuid, held: &[(JobKey, i64)]) -> Result<u64> {
        Dialect::release(self, owner, held).await
    }
    async fn next_due(&self, queues: &[Queue]) -> Result<Option<Timestamp>> {
        Dialect::next_due(self, queues).await
    }
    async fn jobs(&self, filter: &JobFilter) -> Result<Vec<JobRow>> {
        queue::list(self, filter).await
    }
    async fn retry_job(&self, key: JobKey, due_at: Timestamp) -> Result<bool> {
        queue::retry(self, key, due_at).await
    }
    async fn cancel_job(&self, key: JobKey) -> Result<bool> {
        queue::cancel(self, key).await
    }
    async fn pause_queue(&self, queue: Queue, paused: bool) -> Result<()> {
        queue::pause(self, queue, paused).await
    }
    async fn paused_queues(&self) -> Result<Vec<Queue>> {
        queue::paused(self).await
    }

    async fn prune(&self, keep: &Retention, limit: u32) -> Result<u64> {
        upkeep::prune(self, keep, limit).await
    }
    async fn ping(&self) -> Result<()> {
        self.rows("select 1 as one", Vec::new()).await.map(drop)
    }
    async fn migrate(&self) -> Result<()> {
        Dialect::migrate(self).await
    }
    async fn schema_is_current(&self) -> Result<bool> {
        migrate::is_current(self).await
    }
    async fn notify(&self, queues: &[Queue]) -> Result<()> {
        Dialect::notify(self, queues).await
    }
    async fn listen(&self) -> Result<Option<Box<dyn Hints>>> {
        Dialect::listen(self).await
    }
    fn dialect(&self) -> &'static str {
        self.name()
    }
    async fn close(&self) {
        Dialect::close(self).await;
    }
}
