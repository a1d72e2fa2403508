//! Deleting what is old: it knows what has ended, and must never delete what is still owed or is part of
//! the books (orders, payments, observations, postings).

use crate::dialect::Dialect;
use crate::{Result, Retention};

/// See [`crate::Store::prune`]. A delivery has ended when it was delivered, given up, or never had an
/// endpoint; a notification when no job about it is live.
pub async fn prune(db: &impl Dialect, keep: &Retention, limit: u32) -> Result<u64> {
    let idempotency = "delete from idempotency where (merchant, key) in (
                         select merchant, key from idempotency where created_at < $1 limit $2)";
    let delivery = "delete from delivery where id in (
                      select id from delivery
                      where created_at < $1 and (delivered_at < $1 or given_up_at < $1 or endpoint is null)
                      limit $2)";
    let notification = "delete from notification where id in (
                          select n.id from notification n
                          where n.received_at < $1
                            and not exists (select 1 from job j where j.subject = n.id and j.kind = 2)
                          limit $2)";
    let mut pruned = 0;
    for (sql, before) in [
        (idempotency, keep.idempotency_before),
        (delivery, keep.delivery_before),
        (notification, keep.notification_before),
    ] {
        pruned += db.write(sql, vec![before.as_millis().into(), limit.into()]).await?;
    }
    Ok(pruned)
}
