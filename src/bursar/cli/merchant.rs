//! `merchant`: agencies and what belongs to them.

use bursar_channels::Secrets as _;
use bursar_channels::check_endpoint_url;
use bursar_core::channel::ChannelKind;
use bursar_core::id::{ApiKeyId, ChannelAccountId, EndpointId, MerchantId};
use bursar_core::merchant::{ApiKey, ChannelAccount, Endpoint, Merchant as Agency, MerchantPolicy};
use clap::Subcommand;
use serde_json::{Value, json};

use super::policy::{self, PolicyFlags};
use super::{Done, Failure, Globals, output};
use crate::compose::{self, Program};
use crate::secrets::SystemSecrets;

#[derive(Subcommand, Debug)]
pub(crate) enum Merchant {
    /// Add an agency.
    Add {
        /// Its name.
        name: String,
        #[command(flatten)]
        policy: PolicyFlags,
    },
    /// Show what an agency wants to be done without asking, or change what is given.
    Policy {
        /// Whose (mer_…).
        merchant: MerchantId,
        #[command(flatten)]
        policy: PolicyFlags,
    },
    /// All agencies with their accounts, endpoints and keys.
    List,
    /// Add a channel account. Secrets are named by file:/path or env:NAME, never given.
    AddAccount {
        /// Whose (mer_…).
        #[arg(long)]
        merchant: MerchantId,
        /// Which channel.
        #[arg(long, default_value = "wechat")]
        channel: ChannelKind,
        /// A file with the channel's settings as JSON; - for standard input.
        #[arg(long)]
        settings: String,
    },
    /// Add an address at which the agency wants to be told.
    AddEndpoint {
        /// Whose (mer_…).
        #[arg(long)]
        merchant: MerchantId,
        /// Where to post.
        #[arg(long)]
        url: String,
        /// Reference to the signing secret (whsec_…): file:/path or env:NAME. Twice during a rotation.
        #[arg(long, required = true)]
        secret: Vec<String>,
    },
    /// Make an API key. It is printed once and not kept.
    AddKey {
        /// Whose (mer_…).
        #[arg(long)]
        merchant: MerchantId,
        /// A label for people.
        #[arg(long, default_value = "")]
        label: String,
    },
    /// Revoke an API key.
    RevokeKey {
        /// Which (key_…).
        key: ApiKeyId,
    },
}

pub(crate) async fn run(globals: &Globals, verb: Merchant) -> Done {
    let program = compose::ready(&globals.config).await?;
    let (now, chance) = (program.clock.now(), program.chance.clone());
    match verb {
        Merchant::Add { name, policy } => {
            bursar_core::text::check("name", &name, 64).map_err(Failure::usage)?;
            let policy = policy.over(MerchantPolicy::default()).map_err(Failure::usage)?;
            let agency = Agency { id: MerchantId::fresh(now, chance.as_ref()), name, policy, created_at: now };
            program.store.put_merchant(&agency).await?;
            say(globals, "merchant", &agency.id.to_string())
        }
        Merchant::Policy { merchant, policy } => change_policy(globals, &program, merchant, &policy).await,
        Merchant::List => list(globals, &program).await,
        Merchant::AddAccount { merchant, channel, settings } => {
            known(&program, merchant).await?;
            let settings = read_settings(&settings)?;
            let id = ChannelAccountId::fresh(now, chance.as_ref());
            let account = ChannelAccount { id, merchant, channel, settings, facts: None, created_at: now };
            program.channels.check(&account).map_err(Failure::usage)?;
            program.store.put_account(&account).await?;
            say(globals, "account", &id.to_string())
        }
        Merchant::AddEndpoint { merchant, url, secret } => {
            known(&program, merchant).await?;
            let checked = check_endpoint_url(&url, &compose::merchant_settings(&program.config));
            checked.map_err(|e| Failure::usage(format!("--url: {e}")))?;
            for reference in &secret {
                SystemSecrets.read(reference).map_err(|e| Failure::usage(format!("--secret: {e}")))?;
            }
            let id = EndpointId::fresh(now, chance.as_ref());
            let endpoint = Endpoint { id, merchant, url, secrets: secret, enabled: true, created_at: now };
            program.store.put_endpoint(&endpoint).await?;
            say(globals, "endpoint", &id.to_string())
        }
        Merchant::AddKey { merchant, label } => {
            known(&program, merchant).await?;
            let (key, text) = bursar_gateway::mint_api_key(merchant, now, chance.as_ref());
            program.store.put_api_key(&ApiKey { label, ..key }).await?;
            say(globals, "api_key", &text)
        }
        Merchant::RevokeKey { key } => {
            let Some(found) = program.store.api_key(key).await? else {
                return Err(Failure::not_found(format!("there is no API key {key}")));
            };
            program.store.put_api_key(&ApiKey { revoked_at: Some(now), ..found }).await?;
            say(globals, "revoked", &key.to_string())
        }
    }
}

fn say(globals: &Globals, what: &str, value: &str) -> Done {
    if globals.json { output::json(&json!({ what: value })) } else { output::line(value) }
}

async fn known(program: &Program, merchant: MerchantId) -> Result<Agency, Failure> {
    let found = program.store.merchants().await?.into_iter().find(|m| m.id == merchant);
    found
        .ok_or_else(|| Failure::not_found(format!("there is no merchant {merchant}; `bursar merchant list` shows all")))
}

/// Running processes see a change within seconds. What was decided before stays.
async fn change_policy(globals: &Globals, program: &Program, merchant: MerchantId, flags: &PolicyFlags) -> Done {
    let agency = known(program, merchant).await?;
    let policy = flags.over(agency.policy.clone()).map_err(Failure::usage)?;
    if !flags.is_empty() {
        program.store.put_merchant(&Agency { policy: policy.clone(), ..agency }).await?;
    }
    if globals.json {
        return output::json(&policy::to_json(&policy));
    }
    let rows: Vec<_> = policy::words(&policy).into_iter().map(|(name, value)| vec![name.to_owned(), value]).collect();
    output::table(&["POLICY", ""], &rows)
}

fn read_settings(path: &str) -> Result<Value, Failure> {
    let text = if path == "-" {
        std::io::read_to_string(std::io::stdin())?
    } else {
        std::fs::read_to_string(path).map_err(|e| Failure::usage(format!("--settings {path}: {e}")))?
    };
    serde_json::from_str(&text).map_err(|e| Failure::usage(format!("--settings {path}: {e}")))
}

async fn list(globals: &Globals, program: &Program) -> Done {
    let store = &program.store;
    let (merchants, accounts) = (store.merchants().await?, store.accounts().await?);
    let (endpoints, keys) = (store.endpoints().await?, store.api_keys().await?);
    if globals.json {
        let rows = merchants.iter().map(|m| {
            json!({
                "id": m.id, "name": m.name, "policy": policy::to_json(&m.policy),
                "accounts": accounts.iter().filter(|a| a.merchant == m.id).map(|a| json!({ "id": a.id, "channel": a.channel, "settings": a.settings })).collect::<Vec<_>>(),
                "endpoints": endpoints.iter().filter(|e| e.merchant == m.id).map(|e| json!({ "id": e.id, "url": e.url, "enabled": e.enabled })).collect::<Vec<_>>(),
                "api_keys": keys.iter().filter(|k| k.merchant == m.id).map(|k| json!({ "id": k.id, "label": k.label, "revoked_at": k.revoked_at })).collect::<Vec<_>>(),
            })
        });
        return output::json(&rows.collect());
    }
    let mut rows = Vec::new();
    for m in &merchants {
        rows.push(vec![m.id.to_string(), "merchant".to_owned(), m.name.clone()]);
        let mut add = |id: String, kind: &str, text: String| rows.push(vec![format!("  {id}"), kind.to_owned(), text]);
        accounts
            .iter()
            .filter(|a| a.merchant == m.id)
            .for_each(|a| add(a.id.to_string(), "account", a.channel.name().to_owned()));
        endpoints.iter().filter(|e| e.merchant == m.id).for_each(|e| add(e.id.to_string(), "endpoint", e.url.clone()));
        keys.iter().filter(|k| k.merchant == m.id).for_each(|k| {
            let state = if k.revoked_at.is_some() { " (revoked)" } else { "" };
            add(k.id.to_string(), "key", format!("{}{state}", k.label));
        });
    }
    output::table(&["ID", "KIND", ""], &rows)
}
