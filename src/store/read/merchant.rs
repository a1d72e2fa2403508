//! Merchants and what belongs to them: it knows their tables, and must never resolve a reference to a
//! secret.

use bursar_core::id::{ApiKeyId, ChannelAccountId, EndpointId, MerchantId};
use bursar_core::merchant::{ApiKey, ChannelAccount, Endpoint, Merchant};

use crate::Result;
use crate::codec::{Reading, to_json};
use crate::dialect::Dialect;
use crate::value::Record;

/// See [`crate::Store::put_merchant`].
pub async fn put_merchant(db: &impl Dialect, m: &Merchant) -> Result<()> {
    let sql = "insert into merchant (id, name, policy, created_at) values ($1, $2, $3, $4)
               on conflict (id) do update set name = excluded.name, policy = excluded.policy";
    let values =
        vec![m.id.uuid().into(), m.name.as_str().into(), to_json(&m.policy)?.into(), m.created_at.as_millis().into()];
    db.write(sql, values).await.map(drop)
}

/// See [`crate::Store::merchants`].
pub async fn merchants(db: &impl Dialect) -> Result<Vec<Merchant>> {
    let rows = db.rows("select id, name, policy, created_at from merchant order by id", Vec::new()).await?;
    let read = |record| {
        let row = Reading { record, table: "merchant" };
        Ok(Merchant {
            id: MerchantId(row.get("id")?),
            name: row.get("name")?,
            policy: row.json("policy")?,
            created_at: row.time("created_at")?,
        })
    };
    rows.iter().map(read).collect()
}

/// See [`crate::Store::put_account`].
pub async fn put_account(db: &impl Dialect, a: &ChannelAccount) -> Result<()> {
    let sql = "insert into channel_account (id, merchant, channel, settings, facts, created_at)
               values ($1, $2, $3, $4, $5, $6)
               on conflict (id) do update set merchant = excluded.merchant, channel = excluded.channel,
                 settings = excluded.settings, facts = excluded.facts";
    let values = vec![
        a.id.uuid().into(),
        a.merchant.uuid().into(),
        a.channel.name().into(),
        to_json(&a.settings)?.into(),
        a.facts.as_ref().map(to_json).transpose()?.into(),
        a.created_at.as_millis().into(),
    ];
    db.write(sql, values).await.map(drop)
}

/// See [`crate::Store::accounts`].
pub async fn accounts(db: &impl Dialect) -> Result<Vec<ChannelAccount>> {
    let sql = "select id, merchant, channel, settings, facts, created_at from channel_account order by id";
    let rows = db.rows(sql, Vec::new()).await?;
    let read = |record| {
        let row = Reading { record, table: "channel_account" };
        Ok(ChannelAccount {
            id: ChannelAccountId(row.get("id")?),
            merchant: MerchantId(row.get("merchant")?),
            channel: row.name("channel")?,
            settings: row.json("settings")?,
            facts: row.maybe_json("facts")?,
            created_at: row.time("created_at")?,
        })
    };
    rows.iter().map(read).collect()
}

/// See [`crate::Store::put_endpoint`].
pub async fn put_endpoint(db: &impl Dialect, e: &Endpoint) -> Result<()> {
    let sql = "insert into endpoint (id, merchant, url, secrets, enabled, created_at)
               values ($1, $2, $3, $4, $5, $6)
               on conflict (id) do update set merchant = excluded.merchant, url = excluded.url,
                 secrets = excluded.secrets, enabled = excluded.enabled";
    let values = vec![
        e.id.uuid().into(),
        e.merchant.uuid().into(),
        e.url.as_str().into(),
        to_json(&e.secrets)?.into(),
        e.enabled.into(),
        e.created_at.as_millis().into(),
    ];
    db.write(sql, values).await.map(drop)
}

/// See [`crate::Store::endpoints`].
pub async fn endpoints(db: &impl Dialect) -> Result<Vec<Endpoint>> {
    let sql = "select id, merchant, url, secrets, enabled, created_at from endpoint order by id";
    let rows = db.rows(sql, Vec::new()).await?;
    let read = |record| {
        let row = Reading { record, table: "endpoint" };
        Ok(Endpoint {
            id: EndpointId(row.get("id")?),
            merchant: MerchantId(row.get("merchant")?),
            url: row.get("url")?,
            secrets: row.json("secrets")?,
            enabled: row.get("enabled")?,
            created_at: row.time("created_at")?,
        })
    };
    rows.iter().map(read).collect()
}

/// See [`crate::Store::put_api_key`].
pub async fn put_api_key(db: &impl Dialect, k: &ApiKey) -> Result<()> {
    let sql = "insert into api_key (id, merchant, secret_hash, label, created_at, revoked_at)
               values ($1, $2, $3, $4, $5, $6)
               on conflict (id) do update set merchant = excluded.merchant, secret_hash = excluded.secret_hash,
                 label = excluded.label, revoked_at = excluded.revoked_at";
    let values = vec![
        k.id.uuid().into(),
        k.merchant.uuid().into(),
        k.secret_hash.clone().into(),
        k.label.as_str().into(),
        k.created_at.as_millis().into(),
        k.revoked_at.map(|t| t.as_millis()).into(),
    ];
    db.write(sql, values).await.map(drop)
}

/// See [`crate::Store::api_keys`].
pub async fn api_keys(db: &impl Dialect) -> Result<Vec<ApiKey>> {
    let sql = "select id, merchant, secret_hash, label, created_at, revoked_at from api_key order by id";
    db.rows(sql, Vec::new()).await?.iter().map(read_api_key).collect()
}

/// See [`crate::Store::api_key`].
pub async fn api_key(db: &impl Dialect, id: ApiKeyId) -> Result<Option<ApiKey>> {
    let sql = "select id, merchant, secret_hash, label, created_at, revoked_at from api_key where id = $1";
    let rows = db.rows(sql, vec![id.uuid().into()]).await?;
    rows.first().map(read_api_key).transpose()
}

fn read_api_key(record: &Record) -> Result<ApiKey> {
    let row = Reading { record, table: "api_key" };
    Ok(ApiKey {
        id: ApiKeyId(row.get("id")?),
        merchant: MerchantId(row.get("merchant")?),
        secret_hash: row.get("secret_hash")?,
        label: row.get("label")?,
        created_at: row.time("created_at")?,
        revoked_at: row.maybe_time("revoked_at")?,
    })
}
