//! The cast of a play: merchants with accounts on a sandbox, endpoints and API keys.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use bursar_core::channel::{ChannelFacts, ChannelKind};
use bursar_core::id::{ChannelAccountId, EndpointId, MerchantId};
use bursar_core::merchant::{ChannelAccount, Endpoint, Merchant, MerchantPolicy};
use bursar_core::{Chance, Timestamp};
use bursar_sandbox::Provisioned;
use bursar_store::Store;
use serde_json::json;

/// A merchant on the stage.
#[derive(Clone, Debug)]
pub struct Actor {
    /// Its id.
    pub merchant: MerchantId,
    /// Its name.
    pub name: String,
    /// Its account on the sandbox.
    pub account: ChannelAccountId,
    /// The API key that its backend uses.
    pub api_key: String,
}

/// What a merchant of the cast is made of.
#[derive(Clone, Debug)]
pub struct Role<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its keys.
    pub keys: &'a Provisioned,
    /// The sandbox.
    pub base_url: &'a str,
    /// Where it wants to be told.
    pub webhook_url: &'a str,
    /// The file with its webhook secret.
    pub webhook_secret: PathBuf,
    /// Time limits; `None` for the channel's own.
    pub facts: Option<ChannelFacts>,
}

/// A secret for webhooks in `folder`, made when it is not there.
///
/// # Errors
/// When the file cannot be written.
pub fn webhook_secret(folder: &Path, chance: &dyn Chance) -> anyhow::Result<PathBuf> {
    use base64::Engine as _;
    let path = folder.join("webhook_secret");
    if !path.exists() {
        let mut bytes = [0_u8; 32];
        chance.fill(&mut bytes);
        let text = format!("whsec_{}", base64::engine::general_purpose::STANDARD.encode(bytes));
        std::fs::write(&path, text).with_context(|| path.display().to_string())?;
    }
    Ok(path)
}

/// The settings of a WeChat Pay account for keys of the sandbox.
pub fn wechat_settings(keys: &Provisioned, base_url: &str) -> serde_json::Value {
    let file = |path: &Path| format!("file:{}", path.display());
    json!({
        "mchid": keys.mchid,
        "appid": keys.appid,
        "serial_no": keys.merchant_serial,
        "private_key": file(&keys.merchant_private_key),
        "apiv3_key": file(&keys.apiv3_key),
        "public_key_id": keys.public_key_id,
        "public_key": file(&keys.wechatpay_public_key),
        "base_urls": [base_url],
        "timeout_ms": 2_000,
        // The sandbox has no limit, and benchmarks look for ours.
        "rate_per_second": 10_000,
    })
}

/// Puts a merchant with account, endpoint and API key into the database.
///
/// # Errors
/// When the database cannot be written.
pub async fn enter(store: &dyn Store, role: &Role<'_>, now: Timestamp, chance: &dyn Chance) -> anyhow::Result<Actor> {
    let merchant = Merchant {
        id: MerchantId::fresh(now, chance),
        name: role.name.to_owned(),
        policy: MerchantPolicy::default(),
        created_at: now,
    };
    store.put_merchant(&merchant).await?;
    let account = open_account(store, merchant.id, role, now, chance).await?;
    let endpoint = Endpoint {
        id: EndpointId::fresh(now, chance),
        merchant: merchant.id,
        url: role.webhook_url.to_owned(),
        secrets: vec![format!("file:{}", role.webhook_secret.display())],
        enabled: true,
        created_at: now,
    };
    store.put_endpoint(&endpoint).await?;
    let (key, api_key) = bursar_gateway::mint_api_key(merchant.id, now, chance);
    store.put_api_key(&key).await?;
    Ok(Actor { merchant: merchant.id, name: merchant.name, account, api_key })
}

/// Gives `merchant` an account on the sandbox with the keys of `role`: its first, or one more.
///
/// # Errors
/// When the database cannot be written.
pub async fn open_account(
    store: &dyn Store,
    merchant: MerchantId,
    role: &Role<'_>,
    now: Timestamp,
    chance: &dyn Chance,
) -> anyhow::Result<ChannelAccountId> {
    let account = ChannelAccount {
        id: ChannelAccountId::fresh(now, chance),
        merchant,
        channel: ChannelKind::Wechat,
        settings: wechat_settings(role.keys, role.base_url),
        facts: role.facts,
        created_at: now,
    };
    store.put_account(&account).await?;
    Ok(account.id)
}

/// Gives a merchant of the cast another policy.
///
/// # Errors
/// When the database cannot be read or written.
pub async fn set_policy(store: &dyn Store, actor: &Actor, policy: MerchantPolicy) -> anyhow::Result<()> {
    let found = store.merchants().await?.into_iter().find(|m| m.id == actor.merchant);
    let merchant = found.with_context(|| format!("{} is not on the stage", actor.merchant))?;
    Ok(store.put_merchant(&Merchant { policy, ..merchant }).await?)
}
