//! `simulate`: seeded histories of the real core and jobs in a world of faults. It knows how results are
//! shown, and must never decide what a violation is.

use std::sync::atomic::{AtomicU64, Ordering};

use bursar_core::channel::Method;
use bursar_core::held::HeldEnding;
use bursar_core::payment::PaymentState;
use bursar_core::refund::RefundState;
use bursar_sandbox::world::campaign::{self, Campaign};
use bursar_sandbox::world::coverage::{Reach, reach, reach_leg};
use bursar_sandbox::world::{Planted, Report, Setup, Temperament, plans, play, shrink};
use clap::Args;
use serde_json::json;

use super::{Done, Failure, Globals, output, simulate_billing};

/// Fewer seeds than this cannot be expected to exercise every edge and every fault.
const FULL_CAMPAIGN: u64 = 2_000;
/// Failing histories after which a campaign stops.
const MOST_FAILURES: usize = 20;
/// Progress is written after so many histories.
const PROGRESS_EVERY: u64 = 250;

/// Flags.
#[derive(Args, Debug)]
pub(crate) struct Simulate {
    /// How many histories; 2000 when nothing is said.
    #[arg(long)]
    seeds: Option<u64>,
    /// The first seed.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Play one history and print everything that happens.
    #[arg(long)]
    trace: bool,
    /// Show that planted bugs are found: seeds until each is, median of five starts. Names limit it.
    #[arg(long, num_args = 0.., value_name = "BUG")]
    planted: Option<Vec<Planted>>,
    /// Only histories of this character.
    #[arg(long)]
    temperament: Option<Temperament>,
    /// Play years of billing instead: towns of payers with monthly and twelve-part plans, and small towns where
    /// everything goes wrong (as many as `--seeds`, by default 200). With `--planted` all bugs of billing are hunted.
    #[arg(long)]
    billing: bool,
    /// How many payers live in the towns of a long life.
    #[arg(long, default_value_t = 1_000, requires = "billing")]
    payers: u32,
    /// For how many years.
    #[arg(long, default_value_t = 10, requires = "billing", value_parser = clap::value_parser!(u32).range(1..=40))]
    years: u32,
}

/// Runs it.
pub(crate) fn run(globals: &Globals, flags: Simulate) -> Done {
    if flags.billing {
        let (payers, years, hunts) = (flags.payers, flags.years, flags.planted.is_some());
        let wanted = simulate_billing::Wanted { seed: flags.seed, payers, years, small: flags.seeds, hunts };
        return simulate_billing::run(globals, &wanted, flags.trace);
    }
    let seeds = flags.seeds.unwrap_or(FULL_CAMPAIGN);
    let setup = Setup { seed: flags.seed, temperament: flags.temperament, ..Setup::default() };
    if let Some(bugs) = flags.planted {
        return planted(globals, &bugs, flags.seed);
    }
    if flags.trace {
        return one(&setup);
    }
    let done = AtomicU64::new(0);
    let progress = |n: u64| {
        if n.is_multiple_of(PROGRESS_EVERY) && done.fetch_max(n, Ordering::Relaxed) < n {
            eprintln!("{n}/{seeds} histories");
        }
    };
    let campaign = campaign::run(&setup, seeds, MOST_FAILURES, &progress);
    // Playing needs a thread without a runtime.
    let smallest = campaign.failures.first().map(|failed| apart(|| shrink(failed))).transpose()?;
    let plans = plans().map_err(|e| anyhow::anyhow!(e))?;
    let full = seeds >= FULL_CAMPAIGN && flags.temperament.is_none() && campaign.failures.is_empty();
    let missing = if full { campaign.coverage.missing(&plans) } else { Vec::new() };
    if globals.json {
        output::json(&as_json(&campaign, &missing, &plans))?;
    } else {
        tables(&campaign, &plans)?;
    }
    if let Some(smallest) = smallest {
        for failed in &campaign.failures {
            eprint!("{failed}");
        }
        eprint!("The first, made as small as possible:\n{smallest}");
        return Err(Failure::violated(format!("{} of the histories broke a law", campaign.failures.len())));
    }
    if !missing.is_empty() {
        return Err(Failure::violated(format!("never exercised: {}", missing.join("; "))));
    }
    Ok(())
}

pub(super) fn apart<T: Send>(work: impl FnOnce() -> T + Send) -> anyhow::Result<T> {
    std::thread::scope(|s| s.spawn(work).join()).map_err(|_| anyhow::anyhow!("the simulation panicked"))
}

fn one(setup: &Setup) -> Done {
    let report: Report = apart(|| play(&Setup { trace: true, ..setup.clone() }))?;
    output::line(&format!("{report}hash {:016x}", report.hash))?;
    if report.violations.is_empty() { Ok(()) } else { Err(Failure::violated("the history broke a law")) }
}

fn planted(globals: &Globals, bugs: &[Planted], seed: u64) -> Done {
    let bugs = if bugs.is_empty() { Planted::ALL } else { bugs };
    eprintln!("hunting {} planted bugs", bugs.len());
    let hunts = campaign::hunt_all(bugs, seed);
    let found: Vec<_> = hunts.iter().map(|h| (h.planted.name(), h.seeds, h.caught_by.as_str())).collect();
    show_hunts(globals, &["planted bug", "seeds until found", "caught by"], &found)
}

/// Shows for each planted bug how many seeds it took to find it, and the law that did. It is a failure when one was not
/// found.
pub(super) fn show_hunts(globals: &Globals, heads: &[&str], found: &[(&str, Option<u64>, &str)]) -> Done {
    if globals.json {
        let rows: Vec<_> =
            found.iter().map(|(bug, seeds, law)| json!({ "bug": bug, "seeds": seeds, "caught_by": law })).collect();
        output::json(&json!(rows))?;
    } else {
        let shown = |seeds: &Option<u64>| seeds.map_or_else(|| "NOT FOUND".to_owned(), |n| n.to_string());
        let row =
            |(bug, seeds, law): &(&str, Option<u64>, &str)| vec![(*bug).to_owned(), shown(seeds), (*law).to_owned()];
        output::table(heads, &found.iter().map(row).collect::<Vec<_>>())?;
    }
    let missed: Vec<_> = found.iter().filter(|(_, seeds, _)| seeds.is_none()).map(|(bug, ..)| *bug).collect();
    if missed.is_empty() { Ok(()) } else { Err(Failure::violated(format!("not found: {}", missed.join(", ")))) }
}

fn tables(campaign: &Campaign, plans: &bursar_core::plan::Plans) -> Done {
    let coverage = &campaign.coverage;
    let note = |reach| match reach {
        Reach::Practice => "",
        Reach::Seldom => "seldom",
        Reach::Theory => "in theory only",
    };
    let row = |from: &str, claim: &str, to: &str, n: u64, reach| {
        vec![format!("{from} -> {to}"), claim.to_owned(), n.to_string(), note(reach).to_owned()]
    };
    let edges = coverage.edges_of_machine(plans).into_iter();
    let edges: Vec<_> =
        edges.map(|((from, claim, to), n)| row(from.name(), claim, to.name(), n, reach(from, claim, to))).collect();
    output::table(&["payment", "observed", "times", ""], &edges)?;
    output::line("")?;
    let ways = |state| move |method| coverage.methods.get(&(method, state)).copied().unwrap_or(0).to_string();
    let states = [PaymentState::AwaitingPayer, PaymentState::Captured, PaymentState::Closed, PaymentState::Declined];
    let ways: Vec<_> = Method::ALL
        .into_iter()
        .map(|method| {
            let counts = states.map(|state| ways(state)(method));
            [method.channel().name().to_owned(), method.name().to_owned()].into_iter().chain(counts).collect()
        })
        .collect();
    output::table(&["channel", "method", "payable", "captured", "closed", "declined"], &ways)?;
    output::line("")?;
    let held: Vec<_> = Method::ALL
        .into_iter()
        .filter(|method| method.holds())
        .map(|method| {
            let counts = HeldEnding::ALL.map(|ending| coverage.held_endings(method, ending).to_string());
            [method.name().to_owned()].into_iter().chain(counts).collect()
        })
        .collect();
    output::table(&["pay after service", "captured", "revoked", "paid elsewhere", "expired"], &held)?;
    output::line("")?;
    let claims: Vec<_> = coverage
        .claims
        .iter()
        .map(|((channel, claim), n)| vec![(*channel).to_owned(), (*claim).to_owned(), n.to_string()])
        .collect();
    output::table(&["channel", "observed", "times"], &claims)?;
    output::line("")?;
    let legs = coverage.edges_of_legs().into_iter();
    let legs: Vec<_> =
        legs.map(|((from, claim, to), n)| row(from.name(), claim, to.name(), n, reach_leg(from, claim, to))).collect();
    output::table(&["leg of a refund", "observed", "times", ""], &legs)?;
    output::line("")?;
    let states = RefundState::ALL.map(|s| vec![s.name().to_owned(), coverage.into_refund_state(s).to_string()]);
    output::table(&["refund", "times"], &states)?;
    output::line("")?;
    let causes: Vec<_> = coverage.causes.iter().map(|(cause, n)| vec![(*cause).to_owned(), n.to_string()]).collect();
    output::table(&["refund because of", "times"], &causes)?;
    output::line("")?;
    let faults: Vec<_> = bursar_sandbox::world::Fault::ALL
        .iter()
        .map(|f| vec![f.name().to_owned(), coverage.faults.get(f).copied().unwrap_or(0).to_string()])
        .collect();
    output::table(&["fault", "times"], &faults)?;
    output::line("")?;
    let endings: Vec<_> = coverage
        .endings
        .iter()
        .map(|((job, ending), n)| vec![(*job).to_owned(), (*ending).to_owned(), n.to_string()])
        .collect();
    output::table(&["job", "ended", "times"], &endings)?;
    output::line("")?;
    let sums = [
        ("histories", coverage.histories),
        ("steps", coverage.steps),
        ("calls through seams", coverage.calls),
        ("histories that broke a law", u64::try_from(campaign.failures.len()).unwrap_or(0)),
    ];
    let rows: Vec<_> = sums.iter().map(|(name, n)| vec![(*name).to_owned(), n.to_string()]).collect();
    output::table(&["", ""], &rows)
}

fn as_json(campaign: &Campaign, missing: &[String], plans: &bursar_core::plan::Plans) -> serde_json::Value {
    let coverage = &campaign.coverage;
    let edges: Vec<_> = coverage
        .edges_of_machine(plans)
        .into_iter()
        .map(|((from, claim, to), n)| json!({ "from": from, "observed": claim, "to": to, "times": n }))
        .collect();
    let legs: Vec<_> = coverage
        .edges_of_legs()
        .into_iter()
        .map(|((from, claim, to), n)| json!({ "from": from, "observed": claim, "to": to, "times": n }))
        .collect();
    let refunds: Vec<_> =
        RefundState::ALL.iter().map(|s| json!({ "state": s, "times": coverage.into_refund_state(*s) })).collect();
    let held: Vec<_> = coverage
        .held
        .iter()
        .map(|((method, ending), n)| json!({ "method": method, "ended": ending.name(), "times": n }))
        .collect();
    let faults: Vec<_> = coverage.faults.iter().map(|(f, n)| json!({ "fault": f.name(), "times": n })).collect();
    let failure = |r: &Report| json!({ "seed": r.setup.seed, "temperament": r.setup.character().name(), "violations": r.violations });
    json!({
        "histories": coverage.histories, "steps": coverage.steps, "calls": coverage.calls, "edges": edges,
        "pay_after_service": held, "legs": legs, "refunds": refunds, "refunds_because_of": coverage.causes, "faults": faults, "never_exercised": missing,
        "violations": campaign.failures.iter().map(failure).collect::<Vec<_>>(),
    })
}
