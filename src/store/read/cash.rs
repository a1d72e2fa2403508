//! Collections, drawers, hand-ins and payouts: it knows how they are found, and must never decide what becomes of
//! them.

use std::collections::BTreeMap;

use bursar_core::cash::{Collection, CollectionState, Drawer, HandIn, Payout};
use bursar_core::id::{ChannelAccountId, CollectionId, HandInId, LegId, MerchantId, PaymentId};
use bursar_core::money::Currency;
use uuid::Uuid;

use super::dossier::MAX_PAGE;
use crate::Result;
use crate::cash::{Contents, HandInFilter};
use crate::codec::{self, Reading, plain};
use crate::dialect::Dialect;
use crate::value::{Record, Value};

/// A select of all columns of collections, with the given rest of the statement.
macro_rules! collections {
    ($rest:literal) => {
        concat!(
            "select id, payment, order_id, merchant, account, worker, amount_minor, currency, tendered_minor, change_minor,
               collected_at, received_at, state, confirmed_by, confirmed_at, why, hand_in, version
             from collection ",
            $rest
        )
    };
}

/// The same of hand-ins.
macro_rules! hand_ins {
    ($rest:literal) => {
        concat!(
            "select id, merchant, account, worker, currency, expected_minor, counted_minor, variance_minor, received_by,
               received_at, bag, approved_by, approved_at, bank_reference, banked_at, state, version
             from hand_in ",
            $rest
        )
    };
}

/// The same of payouts.
macro_rules! payouts {
    ($rest:literal) => {
        concat!(
            "select id, leg, merchant, account, worker, amount_minor, currency, paid_by, at, hand_in, version
             from payout ",
            $rest
        )
    };
}

async fn read<T>(
    db: &impl Dialect,
    sql: &'static str,
    values: Vec<Value>,
    row: impl Fn(&Record) -> Result<T>,
) -> Result<Vec<T>> {
    db.rows(sql, values).await?.iter().map(row).collect()
}

/// See [`crate::Till::collection`].
pub async fn collection(db: &impl Dialect, id: CollectionId) -> Result<Option<Collection>> {
    let sql = collections!("where id = $1");
    Ok(read(db, sql, vec![id.uuid().into()], codec::cash::collection).await?.pop())
}

/// See [`crate::Till::collections_of`].
pub async fn collections_of(db: &impl Dialect, payment: PaymentId) -> Result<Vec<Collection>> {
    let sql = collections!("where payment = $1 order by collected_at, id limit $2");
    read(db, sql, vec![payment.uuid().into(), MAX_PAGE.into()], codec::cash::collection).await
}

/// See [`crate::Till::drawer`].
pub async fn drawer(db: &impl Dialect, account: ChannelAccountId, worker: Option<&str>) -> Result<Contents> {
    let mut values: Vec<Value> = vec![account.uuid().into(), MAX_PAGE.into()];
    // Two statements each, because a condition that may be absent is no reason for a database to take an index.
    let (collected, paid_out) = match worker {
        None => (
            collections!("where in_drawer and account = $1 order by collected_at, id limit $2"),
            payouts!("where hand_in is null and account = $1 order by at, id limit $2"),
        ),
        Some(worker) => {
            values.push(plain(worker).into());
            (
                collections!("where in_drawer and account = $1 and worker = $3 order by collected_at, id limit $2"),
                payouts!("where hand_in is null and account = $1 and worker = $3 order by at, id limit $2"),
            )
        }
    };
    Ok(Contents {
        collections: read(db, collected, values.clone(), codec::cash::collection).await?,
        payouts: read(db, paid_out, values, codec::cash::payout).await?,
    })
}

/// See [`crate::Till::drawers`]. State 0 stands for payouts.
pub async fn drawers(db: &impl Dialect, account: ChannelAccountId) -> Result<Vec<Drawer>> {
    let sql = "select merchant, worker, currency, state, cast(sum(amount_minor) as bigint) as minor,
                 min(collected_at) as oldest_at
               from collection where in_drawer and account = $1 group by merchant, worker, currency, state
               union all
               select merchant, worker, currency, cast(0 as smallint), cast(sum(amount_minor) as bigint), min(at)
               from payout where hand_in is null and account = $1 group by merchant, worker, currency";
    let mut drawers: BTreeMap<(String, String), Drawer> = BTreeMap::new();
    for record in &db.rows(sql, vec![account.uuid().into()]).await? {
        let row = Reading { record, table: "collection" };
        let (worker, currency): (String, Currency) = (row.get("worker")?, row.name("currency")?);
        let merchant = MerchantId(row.get("merchant")?);
        let key = (worker.clone(), currency.code().to_owned());
        let drawer = drawers.entry(key).or_insert_with(|| Drawer::empty(merchant, account, worker, currency));
        let minor: i64 = row.get("minor")?;
        match row.get::<i16>("state")? {
            0 => drawer.paid_out_minor = drawer.paid_out_minor.saturating_add(minor),
            _ => drawer.put(row.code("state", CollectionState::from_code)?, minor, row.time("oldest_at")?),
        }
    }
    Ok(drawers.into_values().collect())
}

/// See [`crate::Till::hand_in`].
pub async fn hand_in(db: &impl Dialect, id: HandInId) -> Result<Option<HandIn>> {
    Ok(read(db, hand_ins!("where id = $1"), vec![id.uuid().into()], codec::cash::hand_in).await?.pop())
}

/// See [`crate::Till::taken_by`].
pub async fn taken_by(db: &impl Dialect, hand_in: HandInId) -> Result<Contents> {
    let values: Vec<Value> = vec![hand_in.uuid().into()];
    let collected = collections!("where hand_in = $1 order by collected_at, id");
    Ok(Contents {
        collections: read(db, collected, values.clone(), codec::cash::collection).await?,
        payouts: read(db, payouts!("where hand_in = $1 order by at, id"), values, codec::cash::payout).await?,
    })
}

/// See [`crate::Till::hand_ins`].
pub async fn hand_ins(db: &impl Dialect, filter: &HandInFilter) -> Result<Vec<HandIn>> {
    let sql = hand_ins!(
        "where account = $1 and (received_at, id) < ($2, $3) and ($4 is null or state = $4)
         order by received_at desc, id desc limit $5"
    );
    let (at, id) = filter.before.map_or((i64::MAX, Uuid::max()), |(at, id)| (at.as_millis(), id.uuid()));
    let values = vec![
        filter.account.uuid().into(),
        at.into(),
        id.into(),
        filter.state.map(|s| s.code()).into(),
        filter.limit.min(MAX_PAGE).into(),
    ];
    read(db, sql, values, codec::cash::hand_in).await
}

/// See [`crate::Till::payout_of`].
pub async fn payout_of(db: &impl Dialect, leg: LegId) -> Result<Option<Payout>> {
    Ok(read(db, payouts!("where leg = $1"), vec![leg.uuid().into()], codec::cash::payout).await?.pop())
}
