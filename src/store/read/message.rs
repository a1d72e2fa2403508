//! Notifications, answered requests and deliveries: it knows how they are found by their keys, and must
//! never read their bodies.

use bursar_core::id::{MerchantId, NotificationId};
use uuid::Uuid;

use crate::Notification;
use crate::dialect::Dialect;
use crate::record::{DeliveryRow, IdempotencyRow};
use crate::{Result, codec};

/// See [`crate::Store::notifications`].
pub async fn notifications(db: &impl Dialect, ids: &[NotificationId]) -> Result<Vec<Notification>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<Uuid> = ids.iter().map(|n| n.uuid()).collect();
    let sql = "select id, account, merchant, headers, body, received_at from notification where id in_ids($1)";
    db.rows(sql, vec![ids.into()]).await?.iter().map(codec::notification).collect()
}

/// See [`crate::Store::idempotency`].
pub async fn idempotency(db: &impl Dialect, merchant: MerchantId, key: &str) -> Result<Option<IdempotencyRow>> {
    let sql = "select request_digest, status, answer from idempotency where merchant = $1 and key = $2";
    let rows = db.rows(sql, vec![merchant.uuid().into(), key.into()]).await?;
    rows.first().map(codec::idempotency).transpose()
}

/// See [`crate::Store::deliveries`].
pub async fn deliveries(db: &impl Dialect, ids: &[Uuid]) -> Result<Vec<DeliveryRow>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let sql = "select id, about, about_kind, sequence, kind, endpoint, body, created_at, attempts, delivered_at,
                 given_up_at, last_error
               from delivery where id in_ids($1)";
    db.rows(sql, vec![ids.into()]).await?.iter().map(codec::delivery).collect()
}
