//! The stage of a play: sandbox, merchants' receiver, database and cast. It knows how they are put up,
//! and must never know who plays.

use std::path::PathBuf;
use std::sync::Arc;

use bursar::clock::SystemClock;
use bursar::compose::{self, Program};
use bursar::config::Config;
use bursar::play::accounts::Dialect;
use bursar::play::cast::{Actor, Role, enter, webhook_secret};
use bursar_core::chance::SeededChance;
use bursar_core::channel::ChannelKind;
use bursar_core::{Chance, Clock};
use bursar_sandbox::merchant::{Backend, Sink};
use bursar_sandbox::{Faults, PayerMix, Provisioned, RefundMix, Sandbox, SandboxConfig, provision, system_random};

use crate::{Proxy, free_port};

/// What a stage is made of.
#[derive(Clone, Debug)]
pub struct Scene {
    /// Decides payers and faults.
    pub seed: u64,
    /// The database; `None` for a SQLite file of its own.
    pub database: Option<String>,
    /// A folder of keys that are there already; `None`: the stage makes keys of its own.
    pub keys: Option<PathBuf>,
    /// What goes wrong at the channel.
    pub faults: Faults,
    /// Who pays how.
    pub payers: PayerMix,
    /// What becomes of refunds.
    pub refunds: RefundMix,
    /// How long faults of the channel hold a connection, in real milliseconds.
    pub fault_hold_ms: u64,
    /// How many of 10,000 webhooks the receiver refuses.
    pub failing_per_myriad: u64,
    /// Stands between the program and the channel.
    pub channel_proxy: Option<Proxy>,
    /// How many times faster than real time the clock runs.
    pub speed: u32,
    /// Where each merchant wants to be told; `None` for the stage's own receiver. As many merchants as
    /// entries.
    pub webhooks: Vec<Option<String>>,
    /// More settings (key, value) of all processes.
    pub more: Vec<(&'static str, String)>,
    /// Everybody's clock, in a play whose processes are all this one; `None`: one that runs at `speed`.
    pub clock: Option<Arc<dyn Clock>>,
}

impl Scene {
    /// Three merchants on an ordinary bad day, one minute per second, short leases.
    pub fn new(seed: u64) -> Self {
        Self {
            seed,
            database: None,
            keys: None,
            faults: Faults::normal(),
            payers: PayerMix::default(),
            refunds: RefundMix::default(),
            fault_hold_ms: 300,
            failing_per_myriad: 200,
            channel_proxy: None,
            speed: 60,
            webhooks: vec![None, None, None],
            more: Vec::new(),
            clock: None,
        }
    }
}

/// A stage that is ready to play on.
#[derive(Debug)]
pub struct Stage {
    /// Its seed.
    pub seed: u64,
    /// The channel.
    pub sandbox: Sandbox,
    /// The merchants' receiver.
    pub sink: Sink,
    /// The merchants.
    pub actors: Vec<Actor>,
    /// Their keys at the channel, in the order of the merchants.
    pub keys: Vec<Provisioned>,
    /// Our own view of the database, with the clock that everybody has.
    pub program: Program,
    /// The settings of every process, without those that differ between them.
    pub settings: Vec<(String, String)>,
    /// Where the gateway is to listen.
    pub gateway_port: u16,
    /// Keys, database and logs; deleted at the end.
    pub folder: tempfile::TempDir,
}

/// The configuration that `settings` make over the defaults.
///
/// # Panics
/// When one is wrong.
pub fn settings(settings: &[(String, String)]) -> Config {
    let flags: Vec<_> = settings.iter().map(|(key, value)| (key.as_str(), value.clone(), "test")).collect();
    Config::load(None, std::iter::empty(), &flags).expect("settings of a test")
}

/// The name of the `i`-th merchant.
pub(crate) fn name_of(i: usize) -> String {
    format!("agency-{i}")
}

impl Stage {
    /// Puts everything up and migrates the database.
    ///
    /// # Panics
    /// When something cannot be started.
    pub async fn set(scene: Scene) -> Self {
        let folder = tempfile::Builder::new().prefix("bursar-stage-").tempdir().expect("a temporary folder");
        let gateway_port = free_port();
        let database =
            scene.database.unwrap_or_else(|| format!("sqlite:{}", folder.path().join("bursar.db").display()));
        let mut all: Vec<(String, String)> = [
            ("database.url", database),
            ("gateway.listen", format!("127.0.0.1:{gateway_port}")),
            ("gateway.public_url", format!("http://127.0.0.1:{gateway_port}")),
            ("webhooks.allow_http", "true".to_owned()),
            ("webhooks.allow_private_addresses", "true".to_owned()),
            ("clock.speed", scene.speed.to_string()),
            ("clock.origin", SystemClock::real_ms().to_string()),
            ("worker.lease", "3s".to_owned()),
            ("worker.renew_every", "1s".to_owned()),
        ]
        .map(|(key, value)| (key.to_owned(), value))
        .to_vec();
        all.extend(scene.more.iter().map(|(key, value)| ((*key).to_owned(), value.clone())));
        let config = settings(&all);
        let clock = scene.clock.unwrap_or_else(|| compose::clock(&config).expect("a clock"));
        let program = compose::program_by(&config, clock).await.expect("the database");
        program.store.migrate().await.expect("the schema");
        let name = name_of;
        let folder_of_keys = scene.keys.as_deref().unwrap_or(folder.path());
        let keys: Vec<Provisioned> = (0..scene.webhooks.len())
            .map(|i| provision(folder_of_keys, &name(i), &system_random).expect("keys"))
            .collect();
        let sandbox = bursar_sandbox::start(SandboxConfig {
            seed: scene.seed,
            faults: scene.faults,
            payers: scene.payers,
            refunds: scene.refunds,
            fault_hold_ms: scene.fault_hold_ms,
            accounts: keys.iter().map(|k| k.account.clone()).collect(),
            ..SandboxConfig::new(program.clock.clone(), keys.first().expect("a merchant"))
        });
        let sandbox = sandbox.await.expect("the sandbox");
        let secret = webhook_secret(folder.path(), program.chance.as_ref()).expect("a secret");
        let seeded: Arc<dyn Chance> = Arc::new(SeededChance::new(scene.seed ^ 0x51_4e_4b));
        let text = std::fs::read_to_string(&secret).expect("the secret");
        let sink = Sink::start(&[text], scene.failing_per_myriad, seeded).await.expect("the receiver");
        let channel = match &scene.channel_proxy {
            Some(proxy) => {
                let address = sandbox.base_url().trim_start_matches("http://").parse();
                proxy.leads_to(address.expect("the sandbox's address"));
                format!("http://127.0.0.1:{}", proxy.port())
            }
            None => sandbox.base_url(),
        };
        let mut actors = Vec::new();
        for (i, (keys, webhook)) in keys.iter().zip(&scene.webhooks).enumerate() {
            let own = sink.url();
            let role = Role {
                name: &name(i),
                keys,
                channels: &[ChannelKind::Wechat],
                dialect: Dialect::default(),
                base_url: &channel,
                webhook_url: webhook.as_ref().unwrap_or(&own),
                webhook_secret: secret.clone(),
                facts: None,
            };
            let entered = enter(program.store.as_ref(), &role, program.clock.now(), program.chance.as_ref());
            actors.push(entered.await.expect("the cast"));
        }
        Self { seed: scene.seed, sandbox, sink, actors, keys, program, settings: all, gateway_port, folder }
    }

    /// The gateway's address, without a slash at the end.
    pub fn gateway(&self) -> String {
        format!("http://127.0.0.1:{}", self.gateway_port)
    }

    /// The merchants' backends.
    pub fn backends(&self) -> Vec<Backend> {
        self.actors.iter().map(|a| Backend { api_key: a.api_key.clone() }).collect()
    }
}
