//! `schedule`: what happens again and again. It knows flags and tables, and must never know when something is due.

use bursar_core::Timestamp;
use bursar_core::clock::SECOND_MS;
use bursar_core::id::{MerchantId, ScheduleId};
use bursar_core::plan::parse_duration_ms;
use bursar_core::schedule::{CatchUp, Fire, FireKind, GRACE_MS, Schedule as Row, ScheduleState, Unschedulable};
use bursar_gateway::schedules::view::{BackfillView, FireView, ScheduleView};
use bursar_gateway::schedules::{CreateOrderTemplate, CreatePayer, CreateSchedule, draft};
use bursar_store::desk::schedules::{Fired, Rescheduled};
use bursar_store::{Answer, ScheduleFilter};
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::{Done, Failure, Globals, output};
use crate::compose::{self, Program};

#[derive(Subcommand, Debug)]
pub(crate) enum Schedule {
    /// Make a schedule, which opens an order whenever it is due. Shows the next five instants.
    Add(Box<Add>),
    /// Schedules, newest first. `--overdue` shows those that should have fired and have not.
    List {
        /// Only this merchant's (mer_…).
        #[arg(long)]
        merchant: Option<MerchantId>,
        /// Only in this state: active, paused, removed.
        #[arg(long)]
        state: Option<ScheduleState>,
        /// Only active ones that were due more than five minutes ago.
        #[arg(long)]
        overdue: bool,
        /// At most so many.
        #[arg(long, default_value_t = 50)]
        limit: u32,
    },
    /// One schedule: last, next and missed.
    Show {
        /// Its id (sch_…).
        schedule: ScheduleId,
    },
    /// Keep it from firing by itself. What falls due until it is resumed is not missed.
    Pause {
        /// Its id (sch_…).
        schedule: ScheduleId,
    },
    /// Let it fire again, from the first instant after now on.
    Resume {
        /// Its id (sch_…).
        schedule: ScheduleId,
    },
    /// Fire it now, or for an instant that a scheduler outside names: the same instant fires once.
    Run {
        /// Its id (sch_…).
        schedule: ScheduleId,
        /// For this instant (RFC 3339, whole seconds, not ahead), whatever is due by itself.
        #[arg(long, value_name = "TIME", value_parser = Timestamp::parse_rfc3339)]
        due_at: Option<Timestamp>,
    },
    /// Show what fell due in a range of the past and was not fired; with `--yes` fire it.
    Backfill {
        /// Its id (sch_…).
        schedule: ScheduleId,
        /// The first instant that may be fired (RFC 3339).
        #[arg(long, value_name = "TIME", value_parser = Timestamp::parse_rfc3339)]
        from: Timestamp,
        /// The last one.
        #[arg(long, value_name = "TIME", value_parser = Timestamp::parse_rfc3339)]
        until: Timestamp,
        /// Do it.
        #[arg(long)]
        yes: bool,
    },
    /// What it has opened, the latest first.
    Fires {
        /// Its id (sch_…).
        schedule: ScheduleId,
        /// At most so many.
        #[arg(long, default_value_t = 20)]
        limit: u32,
    },
    /// End it. What it opened stays, and its name is free.
    Remove {
        /// Its id (sch_…).
        schedule: ScheduleId,
    },
}

#[derive(Args, Debug)]
pub(crate) struct Add {
    /// Whose (mer_…).
    #[arg(long)]
    merchant: MerchantId,
    /// Its name, unique per merchant; with the due instant, the number of each order.
    #[arg(long)]
    name: String,
    /// When: "0 30 9 1 * *" (seconds first) or "30 9 1 * *". L is the last day of the month.
    #[arg(long)]
    cron: String,
    /// In which IANA time zone, such as Asia/Shanghai.
    #[arg(long)]
    zone: String,
    /// What becomes of missed instants: all=31 (each, at most so many, the latest), once (only the latest), skip.
    #[arg(long, default_value_t)]
    catch_up: CatchUp,
    /// What is owed each time, in minor units.
    #[arg(long, value_name = "MINOR")]
    amount: i64,
    /// ISO 4217 code.
    #[arg(long, default_value = "CNY")]
    currency: String,
    /// What for, as the payer reads it.
    #[arg(long)]
    description: String,
    /// From the fire to the last moment to pay.
    #[arg(long, default_value = "1d", value_parser = parse_duration_ms)]
    life: i64,
    /// What kind of service it is for, in the merchant's own words; reports tell takings apart by it.
    #[arg(long)]
    service: Option<String>,
    /// Where, in the merchant's own words; for the same.
    #[arg(long)]
    region: Option<String>,
    #[command(flatten)]
    way: Way,
}

/// How the orders are paid.
#[derive(Args, Debug)]
struct Way {
    /// One way.
    #[arg(long, conflicts_with = "offer", required_unless_present = "offer")]
    method: Option<String>,
    /// Through which channel account (acc_…), when the merchant has several.
    #[arg(long, requires = "method")]
    account: Option<String>,
    /// Who pays, as the merchant's WeChat app knows him.
    #[arg(long, requires = "method")]
    openid: Option<String>,
    /// The payer's name, as it stands on his bank account.
    #[arg(long, requires = "method")]
    payer_name: Option<String>,
    /// A way that the payer may choose; repeat it for several.
    #[arg(long)]
    offer: Vec<String>,
    /// The merchant's own number of the payer, with --offer.
    #[arg(long, requires = "offer")]
    customer: Option<String>,
}

pub(crate) async fn run(globals: &Globals, verb: Schedule) -> Done {
    let program = compose::ready(&globals.config).await?;
    match verb {
        Schedule::Add(add) => make(globals, &program, *add).await,
        Schedule::List { merchant, state, overdue, limit } => {
            let due_before = overdue.then(|| program.clock.now().plus_ms(-GRACE_MS));
            let filter =
                ScheduleFilter { merchant, state, due_before, limit: limit.min(1_000), ..ScheduleFilter::default() };
            let rows = program.store.schedules(&filter).await?;
            show_all(globals, &program, &rows)
        }
        Schedule::Show { schedule } => show(globals, &program, &found(&program, schedule).await?),
        Schedule::Pause { schedule } => change(globals, &program, schedule, |row, _| row.paused()).await,
        Schedule::Resume { schedule } => change(globals, &program, schedule, Row::resumed).await,
        Schedule::Remove { schedule } => change(globals, &program, schedule, Row::removed).await,
        Schedule::Run { schedule, due_at } => fire(globals, &program, schedule, due_at).await,
        Schedule::Backfill { schedule, from, until, yes } => {
            backfill(globals, &program, schedule, (from, until), yes).await
        }
        Schedule::Fires { schedule, limit } => {
            let row = found(&program, schedule).await?;
            let fires = program.store.fires(schedule, None, limit.min(1_000)).await?;
            show_fires(globals, &row, &fires)
        }
    }
}

async fn found(program: &Program, id: ScheduleId) -> Result<Row, Failure> {
    program.store.schedule(id).await?.ok_or_else(|| missing(id))
}

fn missing(id: ScheduleId) -> Failure {
    Failure::not_found(format!("there is no schedule {id}"))
}

fn refused(why: &Unschedulable) -> Failure {
    match why {
        Unschedulable::Removed => Failure::conflict(why),
        _ => Failure::usage(why),
    }
}

async fn make(globals: &Globals, program: &Program, add: Add) -> Done {
    let merchant = add.merchant;
    let entries = program.desk.directory.entries_with(|e| e.merchants.contains_key(&merchant)).await?;
    if !entries.merchants.contains_key(&merchant) {
        return Err(Failure::not_found(format!("there is no merchant {merchant}")));
    }
    let payer = CreatePayer { openid: add.way.openid, name: add.way.payer_name, ..CreatePayer::default() };
    let named = payer.openid.is_some() || payer.name.is_some();
    let name = add.name.clone();
    let request = CreateSchedule {
        name: add.name,
        cron: add.cron,
        zone: add.zone,
        catch_up: Some(add.catch_up.name().to_owned()),
        catch_up_at_most: add.catch_up.at_most().map(i64::from),
        order: CreateOrderTemplate {
            amount_minor: add.amount,
            currency: add.currency,
            description: add.description,
            method: add.way.method,
            account_id: add.way.account,
            payer: named.then_some(payer),
            offers: Some(add.way.offer).filter(|offers| !offers.is_empty()),
            customer: add.way.customer,
            expires_in_seconds: Some(add.life / SECOND_MS),
            service: add.service,
            region: add.region,
        },
    };
    let settings = compose::gateway_settings(&program.config)?;
    let drafted = draft(&program.desk, &settings, merchant, &request).await;
    let schedule = drafted.map_err(|problem| Failure::usage(problem.detail))?;
    match program.desk.add_schedule(schedule, |_, _| {}).await? {
        (Answer::Committed, row) => show(globals, program, &row),
        _ => Err(Failure::conflict(format!("the merchant has a schedule of the name {name}"))),
    }
}

async fn change(
    globals: &Globals,
    program: &Program,
    id: ScheduleId,
    judge: impl Fn(&Row, Timestamp) -> Result<Row, Unschedulable> + Send + Sync,
) -> Done {
    match program.desk.reschedule(id, judge, |_, _| {}).await? {
        Rescheduled::Written(row) => show(globals, program, &row),
        Rescheduled::Missing => Err(missing(id)),
        Rescheduled::Refused(why) => Err(refused(&why)),
        Rescheduled::Duplicate => Err(Failure::conflict("it was written before")),
    }
}

async fn fire(globals: &Globals, program: &Program, id: ScheduleId, due_at: Option<Timestamp>) -> Done {
    let now = Timestamp::from_millis(program.clock.now().as_seconds().saturating_mul(SECOND_MS));
    let (due_at, kind) = due_at.map_or((now, FireKind::RunNow), |due_at| (due_at, FireKind::External));
    match program.desk.fire_schedule(id, due_at, kind, |_, _, _| {}).await? {
        Fired::Written(row, fire) | Fired::Known(row, fire) => show_fires(globals, &row, &[fire]),
        Fired::Missing => Err(missing(id)),
        Fired::Refused(why) => Err(refused(&why)),
        Fired::Duplicate => Err(Failure::conflict("it was written before")),
    }
}

async fn backfill(
    globals: &Globals,
    program: &Program,
    id: ScheduleId,
    (from, until): (Timestamp, Timestamp),
    yes: bool,
) -> Done {
    let row = found(program, id).await?;
    let all = row.backfill(from, until, program.clock.now()).map_err(|why| refused(&why))?;
    let known = program.store.fires_between(id, from, until).await?;
    let instants: Vec<Timestamp> =
        all.iter().copied().filter(|at| known.iter().all(|fire| fire.due_at != *at)).collect();
    let mut fires = Vec::new();
    if yes {
        fires = match program.desk.backfill(id, &all).await? {
            Ok(fires) => fires,
            Err(Fired::Refused(why)) => return Err(refused(&why)),
            Err(_) => return Err(missing(id)),
        };
    }
    if globals.json {
        let fires = fires.iter().map(|fire| FireView::new(&row, fire)).collect();
        let already_fired = all.len().saturating_sub(instants.len());
        return output::json(&json!(BackfillView { done: yes, count: all.len(), already_fired, instants, fires }));
    }
    if yes {
        return show_fires(globals, &row, &fires);
    }
    for at in &instants {
        output::line(&format!("{at}  {}", row.order_number(*at)))?;
    }
    eprintln!("{} to fire, {} fired before; --yes does it", instants.len(), all.len().saturating_sub(instants.len()));
    Ok(())
}

fn show_all(globals: &Globals, program: &Program, rows: &[Row]) -> Done {
    let now = program.clock.now();
    if globals.json {
        return output::json(&rows.iter().map(|r| json!(ScheduleView::new(r, now))).collect::<Value>());
    }
    let time = |at: Option<Timestamp>| at.map_or_else(|| "-".to_owned(), |at| at.to_string());
    let row = |r: &Row| {
        let state = match (r.is_overdue(now), r.is_ahead(now)) {
            (true, _) => "OVERDUE",
            (_, true) => "AHEAD",
            _ => r.state.name(),
        };
        vec![
            r.id.to_string(),
            r.name.clone(),
            format!("{} {}", r.cron, r.zone),
            state.to_owned(),
            time(r.last_fired_at),
            time(r.next_due_at),
            r.fired_count.to_string(),
            r.skipped_count.to_string(),
        ]
    };
    let head = ["SCHEDULE", "NAME", "WHEN", "STATE", "LAST FIRED", "NEXT DUE", "FIRED", "SKIPPED"];
    output::table(&head, &rows.iter().map(row).collect::<Vec<_>>())
}

fn show(globals: &Globals, program: &Program, row: &Row) -> Done {
    let now = program.clock.now();
    if globals.json {
        return output::json(&json!(ScheduleView::new(row, now)));
    }
    show_all(globals, program, std::slice::from_ref(row))?;
    for at in row.upcoming(now) {
        output::line(&format!("next  {at}  {}", row.order_number(at)))?;
    }
    Ok(())
}

fn show_fires(globals: &Globals, row: &Row, fires: &[Fire]) -> Done {
    if globals.json {
        return output::json(&fires.iter().map(|f| json!(FireView::new(row, f))).collect::<Value>());
    }
    let line = |f: &Fire| {
        let kind = f.kind.name().to_owned();
        vec![f.due_at.to_string(), kind, row.order_number(f.due_at), f.order.to_string(), f.fired_at.to_string()]
    };
    output::table(&["DUE", "KIND", "NUMBER", "ORDER", "FIRED"], &fires.iter().map(line).collect::<Vec<_>>())
}
