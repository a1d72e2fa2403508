//! The stage of the demonstration: it knows how sandbox, receiver, database and cast are put up, and must
//! never know what is played.

use std::sync::Arc;

use bursar_core::Chance;
use bursar_core::chance::SeededChance;
use bursar_core::id::ChannelAccountId;
use bursar_core::merchant::MerchantPolicy;
use bursar_sandbox::merchant::Sink;
use bursar_sandbox::{PayerMix, Provisioned, Sandbox, SandboxConfig, provision, system_random};

use super::Demo;
use crate::cli::{Failure, Globals};
use crate::clock::SystemClock;
use crate::compose::{self, Program};
use crate::config::Config;
use crate::play::cast::{Actor, Role, enter, open_account, set_policy, webhook_secret};

/// The agencies of the demonstration.
const AGENCIES: [(&str, &str); 3] = [("sunshine", "阳光家政"), ("anxin", "安心月嫂"), ("yinling", "银龄护理")];
/// The first agency wants a second person for refunds of more than so many minor units.
const APPROVAL_ABOVE_MINOR: i64 = 100_000;
/// From the creation of a payment to the payer's first attempt (clock milliseconds): long enough that a
/// customer can ask for another way to pay before he has paid.
const SOON_MS: (i64, i64) = (6_000, 40_000);
/// Money in flight when its order is closed lands so much later (clock milliseconds): surely after the
/// query that follows the close, also on a busy machine.
const LANDING_MS: (i64, i64) = (30_000, 90_000);

/// Everything that runs during the demonstration.
pub(super) struct Stage {
    pub(super) sandbox: Sandbox,
    pub(super) sink: Sink,
    pub(super) actors: Vec<Actor>,
    /// The channel accounts of each.
    pub(super) accounts: Vec<Vec<ChannelAccountId>>,
    pub(super) program: Program,
    /// Keys and the database; deleted at the end.
    _folder: tempfile::TempDir,
}

/// Builds the stage: keys, sandbox, sink, database, cast.
pub(super) async fn set(globals: &Globals, demo: &Demo, public_url: &str) -> Result<Stage, Failure> {
    let folder = tempfile::Builder::new().prefix("bursar-demo-").tempdir()?;
    let config = fast_config(globals, demo, folder.path(), public_url)?;
    let program = compose::program(&config).await?;
    program.store.migrate().await?;
    let (faults, failing) = demo.faults.faults();
    // Two accounts each.
    let mut keys: Vec<[Provisioned; 2]> = Vec::new();
    for (name, _) in AGENCIES {
        let make = |name: &str| provision(folder.path(), name, &system_random);
        keys.push([make(name)?, make(&format!("{name}-2"))?]);
    }
    let Some([first, _]) = keys.first() else { return Err(Failure::usage("no agencies")) };
    let accounts = keys.iter().flatten().map(|p| p.account.clone()).collect();
    let payers = PayerMix { soon_ms: SOON_MS, landing_ms: LANDING_MS, ..PayerMix::default() };
    let base = SandboxConfig::new(program.clock.clone(), first);
    let sandbox_config = SandboxConfig { seed: demo.seed, faults, accounts, payers, ..base };
    let sandbox = bursar_sandbox::start(sandbox_config).await?;
    let secret = webhook_secret(folder.path(), program.chance.as_ref())?;
    let seeded: Arc<dyn Chance> = Arc::new(SeededChance::new(demo.seed ^ 0x51_4e_4b));
    let sink = Sink::start(&[std::fs::read_to_string(&secret)?], failing, seeded).await?;
    let (mut actors, mut accounts) = (Vec::new(), Vec::new());
    let (store, chance) = (program.store.as_ref(), program.chance.as_ref());
    for ([keys, more], (_, name)) in keys.iter().zip(AGENCIES) {
        let role = Role {
            name,
            keys,
            base_url: &sandbox.base_url(),
            webhook_url: &sink.url(),
            webhook_secret: secret.clone(),
            facts: None,
        };
        let actor = enter(store, &role, program.clock.now(), chance).await?;
        let second = Role { keys: more, ..role };
        let second = open_account(store, actor.merchant, &second, program.clock.now(), chance).await?;
        accounts.push(vec![actor.account, second]);
        actors.push(actor);
    }
    if let Some(first) = actors.first() {
        let policy = MerchantPolicy { approval_above_minor: Some(APPROVAL_ABOVE_MINOR), ..MerchantPolicy::default() };
        set_policy(store, first, policy).await?;
    }
    Ok(Stage { sandbox, sink, actors, accounts, program, _folder: folder })
}

/// The user's configuration with a fast clock, loopback webhooks, and a database of its own unless one
/// was named.
fn fast_config(globals: &Globals, demo: &Demo, folder: &std::path::Path, public_url: &str) -> Result<Config, Failure> {
    let origin = SystemClock::real_ms().to_string();
    let mut flags = vec![
        ("gateway.public_url", public_url.to_owned(), "demo"),
        ("webhooks.allow_http", "true".to_owned(), "demo"),
        ("webhooks.allow_private_addresses", "true".to_owned(), "demo"),
        ("clock.speed", demo.speed.to_string(), "--speed"),
        ("clock.origin", origin, "demo"),
    ];
    let url = if globals.database_named {
        globals.config.text("database.url")
    } else {
        format!("sqlite:{}", folder.join("bursar.db").display())
    };
    flags.push(("database.url", url, "demo"));
    Ok(globals.config.with(&flags)?)
}
