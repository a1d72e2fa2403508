//! Shares of orders' money in the store: it knows which question is asked about them, and must never know what is to
//! be done next ([`bursar_core::sharing`] does).

use async_trait::async_trait;
use bursar_core::id::OrderId;
use bursar_core::sharing::Sharing;

use crate::Result;
use crate::codec::sharing as codec;
use crate::dialect::Dialect;

/// What is asked of a database about shares. They are never deleted: they are books.
#[async_trait]
pub trait Sharings: Send + Sync {
    /// The shares of an order, once they are planned.
    async fn sharing(&self, order: OrderId) -> Result<Option<Sharing>>;
    /// Shares of orders after `after`, in the order of the orders, at most `limit`.
    async fn sharings_after(&self, after: Option<OrderId>, limit: u32) -> Result<Vec<Sharing>>;
}

#[async_trait]
impl<D: Dialect> Sharings for D {
    async fn sharing(&self, order: OrderId) -> Result<Option<Sharing>> {
        let sql = "select created_at, order_id, payment, merchant, account, currency, lines, version, course
                   from sharing where order_id = $1";
        self.rows(sql, vec![order.uuid().into()]).await?.first().map(codec::sharing).transpose()
    }
    async fn sharings_after(&self, after: Option<OrderId>, limit: u32) -> Result<Vec<Sharing>> {
        let sql = "select created_at, order_id, payment, merchant, account, currency, lines, version, course
                   from sharing where order_id > $1 order by order_id limit $2";
        let after = after.map_or(uuid::Uuid::nil(), OrderId::uuid);
        self.rows(sql, vec![after.into(), limit.into()]).await?.iter().map(codec::sharing).collect()
    }
}
