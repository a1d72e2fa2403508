//! `plan`: amounts that fall due on dates, and what people want of them.

use bursar_core::billing::wishes::{FnRefund, Meeting, Wish, grant};
use bursar_core::billing::{PlanFile, PlanState};
use bursar_core::id::{AgreementId, MerchantId, PlanId, RefundId};
use bursar_core::observation::Source;
use bursar_gateway::plans::{draft, largest_minor};
use bursar_store::desk::billing::PlanGranted;
use bursar_store::{Extent, PlanFilter};
use clap::{Args, Subcommand};

use super::plan_ask::{self, Create};
use super::{Done, Failure, Globals, agreement, output, plan_view};
use crate::compose::{self, Program};

#[derive(Subcommand, Debug)]
pub(crate) enum Plan {
    /// Make a plan: a sum in parts, or a subscription; charged by an agreement or paid by hand.
    Create(Box<Create>),
    /// Plans, newest first.
    List {
        /// Only this merchant's (mer_…).
        #[arg(long)]
        merchant: Option<MerchantId>,
        /// Only the merchant's number.
        #[arg(long)]
        number: Option<String>,
        /// Only of the payer with this number of the merchant.
        #[arg(long)]
        payer: Option<String>,
        /// Only those that charge by this agreement (agr_…).
        #[arg(long)]
        agreement: Option<AgreementId>,
        /// Only in this state: draft, active, paused, completed, settled_early, defaulted, cancelled.
        #[arg(long, value_parser = state)]
        state: Option<PlanState>,
        /// At most so many.
        #[arg(long, default_value_t = 20)]
        limit: u32,
    },
    /// One plan with its installments, why it is not done and what happens next when.
    Show {
        /// Its id (pln_…).
        plan: PlanId,
    },
    /// Everything that happened to a plan: installments, charges, declines and what was decided, who wanted what.
    Timeline {
        /// Its id (pln_…).
        plan: PlanId,
    },
    /// Let nothing fall due until it is resumed.
    Pause {
        /// Its id (pln_…).
        plan: PlanId,
        /// Why.
        #[arg(long)]
        reason: String,
    },
    /// Let a paused plan go on.
    Resume {
        /// Its id (pln_…).
        plan: PlanId,
        #[command(flatten)]
        missed: Missed,
    },
    /// End it now: what is to come is given up, and open orders are closed.
    Cancel {
        /// Its id (pln_…).
        plan: PlanId,
        /// Why.
        #[arg(long)]
        reason: String,
        /// Give the share of paid periods back that was not served.
        #[arg(long)]
        refund_unserved: bool,
        #[command(flatten)]
        sure: Sure,
    },
    /// Make all that is still to come of a sum due now.
    Payoff {
        /// Its id (pln_…).
        plan: PlanId,
        #[command(flatten)]
        sure: Sure,
    },
    /// Make it cheaper: what is to come becomes less, from the end on; then paid installments go back.
    GiveBack {
        /// Its id (pln_…).
        plan: PlanId,
        /// By so many minor units.
        #[arg(value_parser = clap::value_parser!(i64).range(1..))]
        minor: i64,
        #[command(flatten)]
        sure: Sure,
    },
    /// Give a subscription another price; the rest of the running period is charged or credited by days.
    Reprice {
        /// Its id (pln_…).
        plan: PlanId,
        /// Minor units of a period.
        #[arg(value_parser = clap::value_parser!(i64).range(1..))]
        minor: i64,
        #[command(flatten)]
        sure: Sure,
    },
    /// Charge it by another agreement of the same payer.
    Agreement {
        /// Its id (pln_…).
        plan: PlanId,
        /// The agreement (agr_…).
        agreement: AgreementId,
    },
}

/// What becomes of what fell due while the plan was paused.
#[derive(Args, Debug)]
#[group(required = true, multiple = false)]
pub(crate) struct Missed {
    /// Ask for what fell due meanwhile, one after the other.
    #[arg(long)]
    catch_up: bool,
    /// Give periods up that were missed; parts of a sum stay owed.
    #[arg(long)]
    skip: bool,
}

/// Whether it is meant.
#[derive(Args, Clone, Copy, Debug)]
pub(crate) struct Sure {
    /// Do it; without it only what would be is shown.
    #[arg(long)]
    yes: bool,
}

/// Longest reason, as the API takes it.
const REASON_MAX_CHARS: usize = 127;

fn state(text: &str) -> Result<PlanState, String> {
    PlanState::ALL.into_iter().find(|s| s.name() == text).ok_or_else(|| {
        let names: Vec<_> = PlanState::ALL.into_iter().map(PlanState::name).collect();
        format!("there are {}", names.join(", "))
    })
}

pub(crate) async fn run(globals: &Globals, verb: Plan) -> Done {
    let program = compose::ready(&globals.config).await?;
    let program = &program;
    match verb {
        Plan::Create(create) => plan_ask::create(globals, program, &create).await,
        Plan::List { merchant, number, payer, agreement, state, limit } => {
            let limit = limit.min(1_000);
            let filter = PlanFilter { merchant, number, payer, agreement, state, before: None, limit };
            plan_view::list(globals, &program.store.plans(&filter).await?)
        }
        Plan::Show { plan } => show(globals, program, &found(program, plan).await?).await,
        Plan::Timeline { plan } => match program.store.plan_timeline(plan).await? {
            Some(timeline) => plan_view::timeline(globals, &timeline, program.clock.now()),
            None => Err(no_plan(plan)),
        },
        Plan::Pause { plan, reason } => {
            check_reason(&reason)?;
            wish(globals, program, plan, &Wish::Pause { reason }).await
        }
        Plan::Resume { plan, missed } => {
            wish(globals, program, plan, &Wish::Resume { catch_up: missed.catch_up }).await
        }
        Plan::Cancel { plan, reason, refund_unserved, sure } => {
            check_reason(&reason)?;
            careful(globals, program, plan, &Wish::Cancel { reason, refund_unserved }, sure).await
        }
        Plan::Payoff { plan, sure } => careful(globals, program, plan, &Wish::PayOff, sure).await,
        Plan::GiveBack { plan, minor, sure } => careful(globals, program, plan, &Wish::GiveBack { minor }, sure).await,
        Plan::Reprice { plan, minor, sure } => {
            check_price(program, plan, minor).await?;
            careful(globals, program, plan, &Wish::Reprice { minor }, sure).await
        }
        Plan::Agreement { plan, agreement } => charge_by(globals, program, plan, agreement).await,
    }
}

fn check_reason(reason: &str) -> Done {
    bursar_core::text::check("--reason", reason, REASON_MAX_CHARS).map_err(Failure::usage)
}

fn no_plan(id: PlanId) -> Failure {
    Failure::not_found(format!("there is no plan {id}"))
}

async fn found(program: &Program, id: PlanId) -> Result<PlanFile, Failure> {
    program.store.plan(id, Extent::All).await?.ok_or_else(|| no_plan(id))
}

async fn show(globals: &Globals, program: &Program, file: &PlanFile) -> Done {
    let agreement = match file.plan.agreement {
        Some(id) => program.store.agreement(id).await?,
        None => None,
    };
    plan_view::show(globals, file, agreement.as_ref(), program.clock.now())
}

async fn wish(globals: &Globals, program: &Program, id: PlanId, wish: &Wish) -> Done {
    match program.desk.grant_plan(id, wish, Source::Operator, |_, _| {}).await? {
        PlanGranted::Written(file) => show(globals, program, &file).await,
        PlanGranted::Refused(why) => Err(Failure::conflict(why)),
        PlanGranted::NoSuchPlan | PlanGranted::Duplicate => Err(no_plan(id)),
    }
}

/// Ids of refunds that only a preview sees.
#[derive(Debug)]
struct Unused;

impl FnRefund for Unused {
    fn fresh(&self) -> RefundId {
        RefundId(uuid::Uuid::nil())
    }
}

/// Shows what the wish would make of the plan; does it when that is meant.
async fn careful(globals: &Globals, program: &Program, id: PlanId, wanted: &Wish, sure: Sure) -> Done {
    if sure.yes {
        return wish(globals, program, id, wanted).await;
    }
    let file = found(program, id).await?;
    let meeting = Meeting { file: &file, refund_id: &Unused, now: program.clock.now() };
    let step = grant(meeting, wanted).map_err(Failure::conflict)?;
    show(globals, program, &step.next).await?;
    Err(Failure::usage("nothing was written; this is what would be: say --yes"))
}

async fn check_price(program: &Program, id: PlanId, minor: i64) -> Done {
    let file = found(program, id).await?;
    let Some(agreement) = file.plan.agreement else { return Ok(()) };
    let limit = agreement::found(program, agreement).await?.limit;
    if minor > limit.minor {
        return Err(Failure::conflict(format!(
            "the agreement allows {limit} for one charge: have the payer sign another one first"
        )));
    }
    Ok(())
}

async fn charge_by(globals: &Globals, program: &Program, id: PlanId, named: AgreementId) -> Done {
    let file = found(program, id).await?;
    let agreement = agreement::found(program, named).await?;
    let (text, now) = (named.to_string(), program.clock.now());
    draft::usable(Some(&agreement), &text, &file.plan, largest_minor(&file), now).map_err(Failure::conflict)?;
    let wanted = Wish::ChargeBy { agreement: named, account: agreement.account, method: agreement.method };
    wish(globals, program, id, &wanted).await?;
    match file.plan.state {
        PlanState::Paused if !globals.json => {
            output::line(&format!("It is still paused: bursar plan resume {id} --catch-up"))
        }
        _ => Ok(()),
    }
}
