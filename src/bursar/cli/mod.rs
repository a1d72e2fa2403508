//! The command line: it knows verbs, flags and exit codes; each verb is a file.
//!
//! Data goes to stdout, everything else to stderr. Exit codes: 0 ok, 1 failed, 2 usage, 3 not found,
//! 4 conflict, 5 dependency unavailable, 6 invariant violated.

mod agreement;
mod bench;
mod cash;
mod certificate;
mod config;
mod demo;
mod diagram;
mod doctor;
mod dunning;
mod job;
mod ledger;
mod merchant;
mod migrate;
mod order;
mod output;
mod plan;
mod plan_ask;
mod plan_view;
mod policy;
mod questions;
mod races;
mod reconcile;
mod refund;
mod refund_ask;
mod refund_view;
mod report;
mod sandbox;
mod schedule;
mod serve;
mod share_view;
mod simulate;
mod simulate_billing;
mod statement;
mod story;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::config::{Config, ConfigError};

/// Why a verb failed, with its exit code.
#[derive(Debug)]
pub struct Failure {
    code: u8,
    error: anyhow::Error,
}

impl Failure {
    /// Something that does not exist.
    pub fn not_found(what: impl std::fmt::Display) -> Self {
        Self { code: 3, error: anyhow::anyhow!("{what}") }
    }

    /// Something that is not possible in the present state.
    pub fn conflict(what: impl std::fmt::Display) -> Self {
        Self { code: 4, error: anyhow::anyhow!("{what}") }
    }

    /// A wrong word on the command line.
    pub fn usage(what: impl std::fmt::Display) -> Self {
        Self { code: 2, error: anyhow::anyhow!("{what}") }
    }

    /// A law that did not hold.
    pub fn violated(what: impl std::fmt::Display) -> Self {
        Self { code: 6, error: anyhow::anyhow!("{what}") }
    }
}

impl<E: Into<anyhow::Error>> From<E> for Failure {
    fn from(error: E) -> Self {
        let error = error.into();
        let unavailable = error
            .chain()
            .any(|e| e.downcast_ref::<bursar_store::StoreError>().is_some_and(bursar_store::StoreError::is_transient));
        let usage = error.chain().any(|e| {
            let wrong = e.downcast_ref::<bursar_store::StoreError>();
            e.is::<ConfigError>() || matches!(wrong, Some(bursar_store::StoreError::Configuration(_)))
        });
        Self {
            code: if unavailable {
                5
            } else if usage {
                2
            } else {
                1
            },
            error,
        }
    }
}

/// What a verb returns.
pub type Done = Result<(), Failure>;

/// Durable payments for home services: from "the customer wants to pay" to "the books agree with the
/// bank".
#[derive(Parser, Debug)]
#[command(name = "bursar", version, max_term_width = 100)]
struct Cli {
    /// Configuration file (TOML), laid over the defaults.
    #[arg(long, global = true, env = "BURSAR_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// Database, instead of database.url: sqlite:PATH or postgres://…
    #[arg(long, global = true, value_name = "URL")]
    database_url: Option<String>,
    /// Print JSON instead of text.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand, Debug)]
enum Verb {
    /// Play a morning of home-service orders against the sandbox, and show what became of them.
    Demo(demo::Demo),
    /// Run gateway and workers in one process.
    Serve(serve::Serve),
    /// Run workers only.
    Worker(serve::Plain),
    /// Run the gateway only.
    Gateway(serve::Serve),
    /// Run look-alikes of WeChat Pay, Alipay, UnionPay and Stripe on loopback to integrate against.
    Sandbox(sandbox::Sandbox),
    /// Bring the database's schema up to date.
    Migrate(serve::Plain),
    /// Add merchants, their channel accounts, webhook endpoints and API keys.
    #[command(subcommand)]
    Merchant(merchant::Merchant),
    /// Show, list and close orders; see what waits for a person, and answer it.
    #[command(subcommand)]
    Order(order::Order),
    /// Plan, make, list and show refunds; approve them, and confirm bank transfers.
    #[command(subcommand)]
    Refund(refund::Refund),
    /// See and end payers' standing consent to be charged.
    #[command(subcommand)]
    Agreement(agreement::Agreement),
    /// Make, list and show plans (sums in parts, subscriptions); pause, pay off, change and end them.
    #[command(subcommand)]
    Plan(plan::Plan),
    /// Import statements of banks, see their lines, and say whose a line is that nothing names.
    #[command(subcommand)]
    Statement(statement::Statement),
    /// Reconcile a day of a channel with our books; see differences, and say how they end.
    Reconcile(reconcile::Reconcile),
    /// See drawers and collections of cash; confirm them, and take over, approve, bank and pay out what was
    /// collected.
    #[command(subcommand)]
    Cash(cash::Cash),
    /// Make, list, pause, run and backfill schedules, which open orders again and again.
    #[command(subcommand)]
    Schedule(schedule::Schedule),
    /// See the ledger: balances, statements of accounts, the proof that it agrees with the payments, and the
    /// certificates of days.
    #[command(subcommand)]
    Ledger(ledger::Ledger),
    /// See how business went and what was settled, as tables, CSV or JSON.
    #[command(subcommand)]
    Report(report::Report),
    /// List, retry and cancel jobs; pause and resume queues.
    #[command(subcommand)]
    Job(job::Job),
    /// Check configuration, database, clock, secrets and channels, and say how to mend each.
    Doctor(serve::Plain),
    /// Show the configuration and where each value comes from.
    #[command(subcommand)]
    Config(config::Verb),
    /// Measure the whole lifecycle of payments on this machine.
    Bench(bench::Bench),
    /// Race payments against the closing of their orders, against each other and against a missing half, and
    /// see who lost money.
    Races(races::Races),
    /// Play seeded histories of crashes, lost answers and lies against the real core and jobs, and check the
    /// laws of money after each.
    Simulate(simulate::Simulate),
    /// Print the OpenAPI description of the API.
    Openapi(serve::Plain),
    /// Print the state diagrams that the machine draws of itself.
    Diagram(serve::Plain),
    /// Print a completion script for a shell.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
}

/// What every verb gets.
#[derive(Debug)]
pub(crate) struct Globals {
    pub(crate) config: Config,
    pub(crate) json: bool,
    /// Whether the database was named on the command line.
    pub(crate) database_named: bool,
}

/// Runs the program.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("error: no runtime: {error}");
            return ExitCode::FAILURE;
        }
    };
    let code = runtime.block_on(run(cli));
    runtime.shutdown_timeout(std::time::Duration::from_secs(1));
    code
}

async fn run(cli: Cli) -> ExitCode {
    match dispatch(cli).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("error: {:#}", failure.error);
            ExitCode::from(failure.code)
        }
    }
}

async fn dispatch(cli: Cli) -> Done {
    let database_named = cli.database_url.is_some();
    let mut flags: Vec<(&str, String, &str)> = Vec::new();
    if let Some(url) = cli.database_url {
        flags.push(("database.url", url, "--database-url"));
    }
    if let Verb::Serve(serve) | Verb::Gateway(serve) = &cli.verb
        && let Some(listen) = &serve.listen
    {
        flags.push(("gateway.listen", listen.clone(), "--listen"));
    }
    let mut config = Config::load(cli.config.as_deref(), std::env::vars(), &flags)?;
    if matches!(cli.verb, Verb::Demo(_)) && config.is_default("log.filter") {
        // The sandbox's faults make hundreds of warnings; they are what the demonstration is about.
        config = config.with(&[("log.filter", "error".to_owned(), "demo")])?;
    }
    if matches!(cli.verb, Verb::Simulate(_)) && config.is_default("log.filter") {
        // Simulated troubles make warnings by the thousand; the laws speak at the end.
        config = config.with(&[("log.filter", "off".to_owned(), "simulate")])?;
    }
    crate::compose::check(&config)?;
    crate::telemetry::start(&config);
    let globals = Globals { config, json: cli.json, database_named };
    match cli.verb {
        Verb::Demo(demo) => demo::run(&globals, demo).await,
        Verb::Serve(_) => serve::run(&globals, crate::serve::Parts::All).await,
        Verb::Worker(_) => serve::run(&globals, crate::serve::Parts::Workers).await,
        Verb::Gateway(_) => serve::run(&globals, crate::serve::Parts::Gateway).await,
        Verb::Sandbox(sandbox) => sandbox::run(&globals, sandbox).await,
        Verb::Migrate(_) => migrate::run(&globals).await,
        Verb::Merchant(verb) => merchant::run(&globals, verb).await,
        Verb::Order(verb) => order::run(&globals, verb).await,
        Verb::Refund(verb) => refund::run(&globals, verb).await,
        Verb::Agreement(verb) => agreement::run(&globals, verb).await,
        Verb::Plan(verb) => plan::run(&globals, verb).await,
        Verb::Statement(verb) => statement::run(&globals, verb).await,
        Verb::Reconcile(flags) => reconcile::run(&globals, flags).await,
        Verb::Cash(verb) => cash::run(&globals, verb).await,
        Verb::Schedule(verb) => schedule::run(&globals, verb).await,
        Verb::Ledger(verb) => ledger::run(&globals, verb).await,
        Verb::Report(verb) => report::run(&globals, verb).await,
        Verb::Job(verb) => job::run(&globals, verb).await,
        Verb::Doctor(_) => doctor::run(&globals).await,
        Verb::Config(verb) => config::run(&globals, &verb),
        Verb::Bench(bench) => bench::run(&globals, bench).await,
        Verb::Races(races) => races::run(&globals, races).await,
        Verb::Simulate(simulate) => simulate::run(&globals, simulate),
        Verb::Openapi(_) => output::line(&bursar_gateway::openapi_json()),
        Verb::Diagram(_) => diagram::run(&globals),
        Verb::Completions { shell } => {
            let mut command = <Cli as clap::CommandFactory>::command();
            clap_complete::generate(shell, &mut command, "bursar", &mut std::io::stdout());
            Ok(())
        }
    }
}
