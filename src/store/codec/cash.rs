//! Collections, hand-ins and payouts: it knows their columns, and must never know which database they come from.

use bursar_core::cash::{Collection, CollectionState, HandIn, HandInState, Payout};
use bursar_core::id::{ChannelAccountId, CollectionId, HandInId, LegId, MerchantId, OrderId, PaymentId, PayoutId};
use uuid::Uuid;

use super::Reading;
use crate::Result;
use crate::value::Record;

/// A row of `collection`.
pub fn collection(record: &Record) -> Result<Collection> {
    let row = Reading { record, table: "collection" };
    Ok(Collection {
        id: CollectionId(row.get("id")?),
        payment: PaymentId(row.get("payment")?),
        order: OrderId(row.get("order_id")?),
        merchant: MerchantId(row.get("merchant")?),
        account: ChannelAccountId(row.get("account")?),
        worker: row.get("worker")?,
        amount: row.money("amount_minor", "currency")?,
        tendered_minor: row.get("tendered_minor")?,
        change_minor: row.get("change_minor")?,
        collected_at: row.time("collected_at")?,
        received_at: row.time("received_at")?,
        state: row.code("state", CollectionState::from_code)?,
        confirmed_by: row.get("confirmed_by")?,
        confirmed_at: row.maybe_time("confirmed_at")?,
        why: row.get("why")?,
        hand_in: row.get::<Option<Uuid>>("hand_in")?.map(HandInId),
        version: row.get("version")?,
    })
}

/// A row of `hand_in`.
pub fn hand_in(record: &Record) -> Result<HandIn> {
    let row = Reading { record, table: "hand_in" };
    Ok(HandIn {
        id: HandInId(row.get("id")?),
        merchant: MerchantId(row.get("merchant")?),
        account: ChannelAccountId(row.get("account")?),
        worker: row.get("worker")?,
        currency: row.name("currency")?,
        expected_minor: row.get("expected_minor")?,
        counted_minor: row.get("counted_minor")?,
        variance_minor: row.get("variance_minor")?,
        received_by: row.get("received_by")?,
        received_at: row.time("received_at")?,
        bag: row.get("bag")?,
        approved_by: row.get("approved_by")?,
        approved_at: row.maybe_time("approved_at")?,
        bank_reference: row.get("bank_reference")?,
        banked_at: row.maybe_time("banked_at")?,
        state: row.code("state", HandInState::from_code)?,
        version: row.get("version")?,
    })
}

/// A row of `payout`.
pub fn payout(record: &Record) -> Result<Payout> {
    let row = Reading { record, table: "payout" };
    Ok(Payout {
        id: PayoutId(row.get("id")?),
        leg: LegId(row.get("leg")?),
        merchant: MerchantId(row.get("merchant")?),
        account: ChannelAccountId(row.get("account")?),
        worker: row.get("worker")?,
        amount: row.money("amount_minor", "currency")?,
        by: row.get("paid_by")?,
        at: row.time("at")?,
        hand_in: row.get::<Option<Uuid>>("hand_in")?.map(HandInId),
        version: row.get("version")?,
    })
}
