//! `demo`: a morning of home-service orders on one command: sandbox, gateway, workers and a merchant's
//! webhook receiver in one process, every payer behaviour, refunds and faults, and the books compared at the
//! end; then the channels' bills are reconciled and the days certified.

mod month;
mod people;
mod progress;
mod reconcile;
mod settle;
mod stage;
mod summary;

use std::time::Instant;

use bursar_core::chance::SeededChance;
use bursar_sandbox::Faults;
use bursar_sandbox::merchant::{Feed, Placed, Variety, place_varied, want_back};
use clap::{Args, ValueEnum};
use tokio::sync::mpsc;

use super::{Done, Failure, Globals, output};
use crate::clock::SystemClock;
use crate::play::cast::Actor;
use crate::play::month::Report;
use crate::serve::{Parts, bind, start};
use progress::Progress;
use summary::Ending;

/// Flags.
#[derive(Args, Debug)]
pub(crate) struct Demo {
    /// How many orders.
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    orders: u32,
    /// Decides amounts, payers, refunds and faults.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// What goes wrong.
    #[arg(long, value_enum, default_value_t = Level::Normal)]
    faults: Level,
    /// How many times faster than real time the clock runs.
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..=200))]
    speed: u32,
    /// After the morning, live through a month of billing: agreements, plans, declined charges, a schedule.
    #[arg(long)]
    month: bool,
    /// End when everything is settled, instead of staying to be looked at.
    #[arg(long)]
    exit: bool,
    /// Give up after so many real seconds.
    #[arg(long, default_value_t = 600)]
    give_up_after: u64,
}

#[derive(ValueEnum, Clone, Copy, Debug)]
enum Level {
    /// Nothing.
    Calm,
    /// A bad day.
    Normal,
    /// 10 % lost answers, 5 % errors, 5 % time-outs, 10 % lost and 10 % duplicated notifications.
    Harsh,
}

impl Level {
    fn faults(self) -> (Faults, u64) {
        match self {
            Self::Calm => (Faults::calm(), 0),
            Self::Normal => (Faults::normal(), 200),
            Self::Harsh => (Faults::harsh(), 1_000),
        }
    }
}

/// How long orders live, in seconds of the fast clock: beyond WeChat's minimum age for closing.
const LIFE_SECONDS: (u64, u64) = (330, 600);
/// Of 10,000 orders so many are combined of two parts, and so many are paid twice.
const COMBINED: u64 = 1_500;
const TWICE: u64 = 800;
/// And of so many the customer chooses the way to pay.
const OFFERED: u64 = 1_200;

pub(crate) async fn run(globals: &Globals, demo: Demo) -> Done {
    let started = Instant::now();
    // Nobody looks at a demonstration that ends by itself: any free port will do.
    let address = if demo.exit { "127.0.0.1:0".to_owned() } else { globals.config.text("gateway.listen") };
    let listener = bind(&address).await?;
    let gateway = format!("http://{}", listener.local_addr()?);
    let stage = stage::set(globals, &demo, &gateway).await?;
    let running = start(stage.program.clone(), Parts::All, Some(listener)).await?;
    let feed = Feed {
        gateway: gateway.clone(),
        orders: demo.orders,
        concurrency: 32,
        per_second: Some(200),
        life_seconds: LIFE_SECONDS,
        label: format!("demo-{}", SystemClock::real_ms()),
        patient: false,
    };
    let seeded = SeededChance::new(demo.seed);
    let progress = Progress::new(demo.orders);
    let backends: Vec<_> = stage.actors.iter().map(Actor::backend).collect();
    let tills = stage.actors.iter().map(|a| a.tills.clone()).collect();
    let variety = Variety { combined: COMBINED, twice: TWICE, offered: OFFERED, tills, method: None };
    let (tell, orders) = mpsc::unbounded_channel();
    let mut people = people::gather(&stage, &feed, &backends, demo.seed, orders)?;
    let on_placed = |placed: &Placed| {
        progress.placed();
        // Nobody listens any more when the customers' side has failed, which is told at the end.
        let _ = tell.send(placed.clone());
    };
    let placed = place_varied(&feed, &backends, &variety, &seeded, on_placed).await?;
    drop(tell);
    let (sink, seed) = (stage.sink.clone(), demo.seed);
    let customers = tokio::spawn(async move { want_back(&feed, &backends, placed, &sink, seed).await });
    let audit = settle::settle(&stage, &demo, &progress, &mut people, &customers).await?;
    progress.end();
    let (asked, town) = (settle::asked(customers).await?, people.go_home().await?);
    let ending = Ending::new(&stage, audit, asked, &town.diary, started);
    let month = if demo.month { Some(month::play(&stage, &demo, &gateway, &town, &progress).await?) } else { None };
    let reconciled = reconcile::play(&stage, &demo, &town, &progress).await?;
    if !globals.json {
        ending.table()?;
        month.as_ref().map_or(Ok(()), month::table)?;
        reconcile::table(&reconciled)?;
    }
    if !demo.exit {
        summary::where_to_look(&stage, &gateway);
        crate::shutdown::requested().await;
    }
    running.stop().await;
    stage.sandbox.stop().await;
    let mut summary = ending.to_json();
    if let Some(members) = summary.as_object_mut() {
        members.extend(month.as_ref().map(|month| ("month".to_owned(), month.to_json())));
        members.insert("reconciliation".to_owned(), reconciled.to_json());
        members.insert("certificate".to_owned(), reconciled.proof.to_json());
    }
    if globals.json {
        output::json(&summary)?;
    }
    let right = ending.is_right() && month.as_ref().is_none_or(Report::is_right) && reconciled.is_right();
    if right { Ok(()) } else { Err(Failure::violated(format!("the books do not agree: {summary}"))) }
}
