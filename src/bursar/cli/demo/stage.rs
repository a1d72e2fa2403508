//! The stage of the demonstration: it knows how sandbox, receiver, database and cast are put up, and must
//! never know what is played.

use std::path::Path;
use std::sync::Arc;

use bursar_core::Chance;
use bursar_core::chance::SeededChance;
use bursar_core::channel::ChannelKind;
use bursar_core::merchant::MerchantPolicy;
use bursar_sandbox::merchant::Sink;
use bursar_sandbox::{
    AgreementMix, Bank, PayerMix, Provisioned, Sandbox, SandboxConfig, StatementFormat, provision, system_random,
};

use super::Demo;
use crate::cli::{Failure, Globals};
use crate::clock::LeapingClock;
use crate::compose::{self, Program};
use crate::config::Config;
use crate::play::accounts::{Dialect, bank_number};
use crate::play::cast::{Actor, Role, enter, open_accounts, set_policy, webhook_secret};

/// The agencies of the demonstration.
const AGENCIES: [(&str, &str); 3] = [("sunshine", "阳光家政"), ("anxin", "安心月嫂"), ("yinling", "银龄护理")];
/// How each agency speaks to the channels, and how its bank tells it of its account.
const MANNERS: [(Dialect, StatementFormat); 3] = [
    (Dialect::Usual, StatementFormat::Camt),
    (Dialect::Certificates, StatementFormat::Mt940),
    (Dialect::Usual, StatementFormat::Table),
];
/// The first agency wants a second person for refunds of more than so many minor units.
const APPROVAL_ABOVE_MINOR: i64 = 100_000;
/// From the creation of a payment to the payer's first attempt (clock milliseconds): long enough that a
/// customer can ask for another way to pay before he has paid.
const SOON_MS: (i64, i64) = (6_000, 40_000);
/// Money in flight when its order is closed lands so much later (clock milliseconds): surely after the
/// query that follows the close, also on a busy machine.
const LANDING_MS: (i64, i64) = (30_000, 90_000);
/// How often workers look for what is due while the clock leaps.
const POLL_INTERVAL: &str = "100ms";

/// Everything that runs during the demonstration.
pub(super) struct Stage {
    pub(super) sandbox: Sandbox,
    pub(super) sink: Sink,
    pub(super) actors: Vec<Actor>,
    /// The bank of everybody.
    pub(super) bank: Bank,
    /// The number of each actor's account there.
    pub(super) bank_numbers: Vec<String>,
    pub(super) program: Program,
    /// The program's clock: leaps through the month.
    pub(super) clock: Arc<LeapingClock>,
    /// Keys and the database; deleted at the end.
    _folder: tempfile::TempDir,
}

/// Builds the stage: keys, sandbox, sink, database, cast.
pub(super) async fn set(globals: &Globals, demo: &Demo, public_url: &str) -> Result<Stage, Failure> {
    let folder = tempfile::Builder::new().prefix("bursar-demo-").tempdir()?;
    let config = fast_config(globals, demo, folder.path(), public_url)?;
    let clock = Arc::new(LeapingClock::starting(demo.speed));
    let program = compose::program_by(&config, clock.clone()).await?;
    program.store.migrate().await?;
    let (faults, failing) = demo.faults.faults();
    let keys = keys(folder.path()).await?;
    // Families of the month sign when they are asked; what is in their purses is written.
    let agreements = AgreementMix { soon: 0, never: 1, ..AgreementMix::faithful() };
    let payers = PayerMix { soon_ms: SOON_MS, landing_ms: LANDING_MS, agreements, ..PayerMix::default() };
    let Some((first, others)) = keys.split_first() else { return Err(Failure::usage("no agencies")) };
    let base = SandboxConfig::new(program.clock.clone(), first);
    let mut sandbox_config = SandboxConfig { seed: demo.seed, faults, payers, ..base };
    others.iter().for_each(|keys| sandbox_config.admit(keys));
    let sandbox = bursar_sandbox::start(sandbox_config).await?;
    let secret = webhook_secret(folder.path(), program.chance.as_ref())?;
    let seeded: Arc<dyn Chance> = Arc::new(SeededChance::new(demo.seed ^ 0x51_4e_4b));
    let sink = Sink::start(&[std::fs::read_to_string(&secret)?], failing, seeded).await?;
    let mut actors = Vec::new();
    let (store, chance) = (program.store.as_ref(), program.chance.as_ref());
    let (bank, mut bank_numbers) = (Bank::new(program.clock.clone()), Vec::new());
    for ((pair, (_, name)), (dialect, format)) in keys.chunks(2).zip(AGENCIES).zip(MANNERS) {
        let [keys, more] = pair else { continue };
        let role = Role {
            name,
            keys,
            channels: &ChannelKind::ALL,
            dialect,
            base_url: &sandbox.base_url(),
            webhook_url: &sink.url(),
            webhook_secret: secret.clone(),
            facts: None,
        };
        let mut actor = enter(store, &role, program.clock.now(), chance).await?;
        let endpoint = actor.stripe_endpoint(public_url).unwrap_or_default();
        let stripe = sandbox.set_stripe_endpoint(&keys.stripe.account_id, &endpoint);
        stripe.map_err(Failure::usage)?;
        bank_numbers.push(bank_number(keys));
        bank.open_account(&bank_number(keys), name, format);
        // Where most of the money comes from there is a second account.
        let second = Role { keys: more, channels: &[ChannelKind::Wechat], ..role };
        open_accounts(store, &mut actor, &second, program.clock.now(), chance).await?;
        actors.push(actor);
    }
    if let Some(first) = actors.first() {
        let policy = MerchantPolicy { approval_above_minor: Some(APPROVAL_ABOVE_MINOR), ..MerchantPolicy::default() };
        set_policy(store, first, policy).await?;
    }
    Ok(Stage { sandbox, sink, actors, bank, bank_numbers, program, clock, _folder: folder })
}

/// The keys of the agencies, two merchants of the channels for each, one after the other. Making keys takes
/// processors some time.
async fn keys(folder: &Path) -> Result<Vec<Provisioned>, Failure> {
    let names = AGENCIES.iter().flat_map(|(name, _)| [(*name).to_owned(), format!("{name}-2")]);
    let (mut keys, mut making) = (Vec::new(), Vec::new());
    for name in names {
        let folder = folder.to_owned();
        let make = move || provision(&folder, &name, &system_random);
        if keys.is_empty() {
            // The first makes the channels' own, too.
            keys.push(tokio::task::spawn_blocking(make).await??);
        } else {
            making.push(tokio::task::spawn_blocking(make));
        }
    }
    for made in making {
        keys.push(made.await??);
    }
    Ok(keys)
}

/// The user's configuration with a fast clock, loopback webhooks, and a database of its own unless one
/// was named.
fn fast_config(globals: &Globals, demo: &Demo, folder: &Path, public_url: &str) -> Result<Config, Failure> {
    let mut flags = vec![
        ("gateway.public_url", public_url.to_owned(), "demo"),
        ("webhooks.allow_http", "true".to_owned(), "demo"),
        ("webhooks.allow_private_addresses", "true".to_owned(), "demo"),
        ("clock.speed", demo.speed.to_string(), "--speed"),
    ];
    let url = if globals.database_named {
        globals.config.text("database.url")
    } else {
        format!("sqlite:{}", folder.join("bursar.db").display())
    };
    if demo.month {
        // Days pass in a second: what is due is looked for more often.
        flags.push(("worker.poll_interval", POLL_INTERVAL.to_owned(), "demo"));
    }
    flags.push(("database.url", url, "demo"));
    Ok(globals.config.with(&flags)?)
}
