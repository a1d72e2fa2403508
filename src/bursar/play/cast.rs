//! The cast of a play: merchants with accounts on a sandbox, endpoints and API keys.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use bursar_core::channel::{ChannelFacts, ChannelKind};
use bursar_core::id::{ChannelAccountId, EndpointId, MerchantId};
use bursar_core::merchant::{Endpoint, Merchant, MerchantPolicy};
use bursar_core::{Chance, Timestamp};
use bursar_sandbox::Provisioned;
use bursar_sandbox::merchant::{Backend, BankAccount, CashAccount, Till};
use bursar_store::Store;

use super::accounts::{self, Dialect};

/// A merchant on the stage.
#[derive(Clone, Debug)]
pub struct Actor {
    /// Its id.
    pub merchant: MerchantId,
    /// Its name.
    pub name: String,
    /// Its accounts on the sandbox.
    pub tills: Vec<Till>,
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
    /// The channels on which it takes money.
    pub channels: &'a [ChannelKind],
    /// How it speaks to them.
    pub dialect: Dialect,
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

/// Puts a merchant with accounts, endpoint and API key into the database.
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
    let mut actor = Actor { merchant: merchant.id, name: merchant.name, tills: Vec::new(), api_key };
    open_accounts(store, &mut actor, role, now, chance).await?;
    Ok(actor)
}

/// Gives `actor` accounts on the sandbox with the keys of `role`: its first, or more.
///
/// # Errors
/// When the database cannot be written.
pub async fn open_accounts(
    store: &dyn Store,
    actor: &mut Actor,
    role: &Role<'_>,
    now: Timestamp,
    chance: &dyn Chance,
) -> anyhow::Result<()> {
    for channel in role.channels.iter().copied() {
        let settings = accounts::settings(channel, role.keys, role.name, role.base_url, role.dialect);
        let account = accounts::open(store, actor.merchant, channel, settings, role.facts, (now, chance)).await?;
        actor.tills.push(Till { account, channel });
    }
    Ok(())
}

impl Actor {
    /// Its first account of `channel`.
    pub fn till(&self, channel: ChannelKind) -> Option<ChannelAccountId> {
        self.tills.iter().find(|till| till.channel == channel).map(|till| till.account)
    }

    /// Its backend.
    pub fn backend(&self) -> Backend {
        Backend { api_key: self.api_key.clone() }
    }

    /// Its bank account as its bookkeeper knows it, which has this number at the bank.
    pub fn bank_account(&self, number: &str) -> Option<BankAccount> {
        let account = self.till(ChannelKind::Bank)?;
        Some(BankAccount { backend: self.backend(), account, number: number.to_owned() })
    }

    /// Its cash account as its cashier knows it.
    pub fn cash_account(&self) -> Option<CashAccount> {
        self.till(ChannelKind::Cash).map(|account| CashAccount { backend: self.backend(), account })
    }

    /// Where Stripe is to send its messages, below the gateway at `gateway`.
    pub fn stripe_endpoint(&self, gateway: &str) -> Option<String> {
        self.till(ChannelKind::Stripe).map(|account| format!("{gateway}/notify/stripe/{account}"))
    }
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
