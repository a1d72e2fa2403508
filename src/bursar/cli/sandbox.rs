//! `sandbox`: look-alikes of the channels on loopback, with keys in a folder.

use std::path::PathBuf;

use bursar_core::channel::ChannelKind;
use bursar_sandbox::{Faults, PayerMix, SandboxConfig, provision, system_random};
use clap::Args;
use serde_json::json;

use super::{Done, Failure, Globals, output};
use crate::compose;
use crate::play::accounts::{self, Dialect};

/// Flags.
#[derive(Args, Debug)]
pub(crate) struct Sandbox {
    /// Where to listen.
    #[arg(long, default_value = "127.0.0.1:8090")]
    listen: std::net::SocketAddr,
    /// Folder of keys; made when it is not there.
    #[arg(long, default_value = "sandbox-keys")]
    keys: PathBuf,
    /// Accounts to provide keys for.
    #[arg(long, default_values_t = ["demo".to_owned()])]
    account: Vec<String>,
    /// calm, normal or harsh.
    #[arg(long, default_value = "calm")]
    faults: String,
    /// Decides payers and faults.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Payers as JSON: weights (soon, late, closing, inflight, never, retry) and delays in milliseconds
    /// (soon_ms, again_ms, landing_ms: [from, to]).
    #[arg(long)]
    payers: Option<String>,
    /// Make the keys, print the accounts' settings as JSON, and end.
    #[arg(long)]
    provision_only: bool,
}

pub(crate) async fn run(globals: &Globals, flags: Sandbox) -> Done {
    let faults = Faults::named(&flags.faults)
        .ok_or_else(|| Failure::usage(format!("--faults {}: choose calm, normal or harsh", flags.faults)))?;
    let payers: PayerMix = match &flags.payers {
        None => PayerMix::default(),
        Some(text) => serde_json::from_str(text).map_err(|e| Failure::usage(format!("--payers: {e}")))?,
    };
    let keys_folder = {
        std::fs::create_dir_all(&flags.keys)?;
        flags.keys.canonicalize()?
    };
    let mut provisioned = Vec::new();
    for name in &flags.account {
        provisioned.push(provision(&keys_folder, name, &system_random)?);
    }
    let base_url = format!("http://{}", flags.listen);
    let mut settings = Vec::new();
    for (name, keys) in flags.account.iter().zip(&provisioned) {
        for channel in ChannelKind::ALL {
            let account = accounts::settings(channel, keys, name, &base_url, Dialect::Usual);
            // As a file too, so that no tool is needed to cut it out of the list.
            let file = match channel {
                ChannelKind::Wechat => "settings.json".to_owned(),
                other => format!("{}.json", other.name()),
            };
            let file = keys_folder.join(name).join(file);
            std::fs::write(&file, format!("{:#}\n", account))?;
            settings.push(json!({ "name": name, "channel": channel, "file": file, "settings": account }));
        }
    }
    let settings = json!(settings);
    if flags.provision_only {
        return output::json(&settings);
    }
    let Some((first, others)) = provisioned.split_first() else {
        return Err(Failure::usage("--account: name at least one"));
    };
    let base = SandboxConfig::new(compose::clock(&globals.config)?, first);
    let mut config = SandboxConfig { listen: flags.listen, seed: flags.seed, faults, payers, ..base };
    others.iter().for_each(|keys| config.admit(keys));
    let sandbox = bursar_sandbox::start(config).await?;
    eprintln!("the sandbox listens on {}; its books: {}/_sandbox/books", sandbox.base_url(), sandbox.base_url());
    eprintln!("accounts; give `file` to `bursar merchant add-account --settings`:");
    output::json(&settings)?;
    crate::shutdown::requested().await;
    sandbox.stop().await;
    Ok(())
}
