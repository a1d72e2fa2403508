//! `refund`: money that goes back, and what people say about it.

use bursar_core::id::{LegId, OrderId, RefundId};
use bursar_core::observation::{Claim, Subject};
use bursar_core::order::Dossier;
use bursar_core::refund::{Leg, LegState, Refund as Wanted, RefundClaim, RefundState};
use bursar_store::RefundFilter;
use clap::Subcommand;
use serde_json::json;

use super::order::{check_name, no_order, say_about};
use super::refund_ask::{self, Create, Wish};
use super::{Done, Failure, Globals, output, refund_view, story};
use crate::compose::{self, Program};

#[derive(Subcommand, Debug)]
pub(crate) enum Refund {
    /// Show from which payments a refund would come, which way and from when on; or why it cannot be.
    /// Writes nothing.
    Plan(Wish),
    /// Give money back. Running it twice gives back twice.
    Create(Create),
    /// Refunds with their legs, newest first.
    List {
        /// Only of this order (ord_…).
        #[arg(long)]
        order: Option<OrderId>,
        /// Only in this state, such as parked or awaiting_approval.
        #[arg(long)]
        state: Option<RefundState>,
        /// At most so many.
        #[arg(long, default_value_t = 20)]
        limit: u32,
    },
    /// One refund with everything that happened to it.
    Show {
        /// Its id (rfd_…).
        refund: RefundId,
    },
    /// Agree to a refund that somebody else asked for.
    Approve {
        /// Its id (rfd_…).
        refund: RefundId,
        /// Who agrees; not who asked for it.
        #[arg(long)]
        by: String,
    },
    /// Refuse a refund that waits for approval.
    Reject {
        /// Its id (rfd_…).
        refund: RefundId,
        /// Who refuses.
        #[arg(long)]
        by: String,
        /// Why.
        #[arg(long)]
        reason: String,
    },
    /// Say that a leg was paid by bank transfer.
    Transferred {
        /// The leg (rfl_…), as `order questions` prints it.
        leg: LegId,
        /// Who transferred it.
        #[arg(long)]
        by: String,
        /// The bank's reference.
        #[arg(long)]
        reference: String,
    },
    /// Give a leg up that nothing was done for yet. Its money stays with the merchant.
    Abandon {
        /// The leg (rfl_…).
        leg: LegId,
        /// Who gives it up.
        #[arg(long)]
        by: String,
        /// Why.
        #[arg(long)]
        reason: String,
    },
}

/// Longest reason or reference.
const TEXT_MAX_CHARS: usize = 127;

pub(crate) async fn run(globals: &Globals, verb: Refund) -> Done {
    let program = compose::ready(&globals.config).await?;
    match verb {
        Refund::Plan(wish) => refund_ask::plan(globals, &program, &wish).await,
        Refund::Create(create) => refund_ask::create(globals, &program, &create).await,
        Refund::List { order, state, limit } => {
            let filter = RefundFilter { order, state, limit: limit.min(1_000), ..RefundFilter::default() };
            let refunds = program.store.refunds(&filter).await?;
            if globals.json {
                return output::json(&refunds.iter().map(refund_view::to_json).collect());
            }
            refund_view::table(&refunds)
        }
        Refund::Show { refund } => show(globals, &program, refund).await,
        Refund::Approve { refund, by } => {
            check_name(&by)?;
            check_judge(&program, refund, &by).await?;
            judge(globals, &program, refund, RefundClaim::Approved { by }).await
        }
        Refund::Reject { refund, by, reason } => {
            check_name(&by)?;
            check_text("--reason", &reason)?;
            check_judge(&program, refund, &by).await?;
            judge(globals, &program, refund, RefundClaim::Rejected { by, reason }).await
        }
        Refund::Transferred { leg, by, reference } => {
            check_name(&by)?;
            check_text("--reference", &reference)?;
            let found = found_leg(&program, leg).await?;
            if found.state != LegState::AwaitingTransfer {
                let state = found.state.name();
                return Err(Failure::conflict(format!("leg {leg} is {state}; nobody waits for a transfer of it")));
            }
            settle_leg(globals, &program, leg, RefundClaim::Transferred { by, reference }).await
        }
        Refund::Abandon { leg, by, reason } => {
            check_name(&by)?;
            check_text("--reason", &reason)?;
            let found = found_leg(&program, leg).await?;
            if !found.can_be_dropped() {
                let state = found.state.name();
                return Err(Failure::conflict(format!("leg {leg} is {state}; it cannot be given up any more")));
            }
            settle_leg(globals, &program, leg, RefundClaim::Abandoned { by, reason }).await
        }
    }
}

fn check_text(flag: &str, text: &str) -> Done {
    bursar_core::text::check(flag, text, TEXT_MAX_CHARS).map_err(Failure::usage)
}

async fn found(program: &Program, id: RefundId) -> Result<(Dossier, Wanted), Failure> {
    let dossier = program.desk.dossier_of(Subject::Refund(id)).await?;
    let both = dossier.and_then(|d| d.refund(id).cloned().map(|r| (d, r)));
    both.ok_or_else(|| Failure::not_found(format!("there is no refund {id}")))
}

async fn found_leg(program: &Program, id: LegId) -> Result<Leg, Failure> {
    let dossier = program.desk.dossier_of(Subject::Leg(id)).await?;
    let leg = dossier.and_then(|d| d.leg(id).map(|(_, leg)| leg.clone()));
    leg.ok_or_else(|| Failure::not_found(format!("there is no leg {id}; `bursar refund show` names a refund's legs")))
}

/// Whether `by` may judge the refund now.
async fn check_judge(program: &Program, id: RefundId, by: &str) -> Done {
    let (_, refund) = found(program, id).await?;
    if refund.state != RefundState::AwaitingApproval {
        return Err(Failure::conflict(format!(
            "refund {id} is {}; it does not wait for approval",
            refund.state.name()
        )));
    }
    refund.check_approver(by).map_err(Failure::conflict)
}

async fn judge(globals: &Globals, program: &Program, id: RefundId, claim: RefundClaim) -> Done {
    let after = say_about(program, id, Claim::Refund(claim)).await?;
    let refund = after.refund(id).ok_or_else(|| Failure::not_found(format!("there is no refund {id}")))?;
    refund_ask::show(globals, refund)
}

async fn settle_leg(globals: &Globals, program: &Program, id: LegId, claim: RefundClaim) -> Done {
    let after = say_about(program, id, Claim::Refund(claim)).await?;
    let (refund, _) = after.leg(id).ok_or_else(|| Failure::not_found(format!("there is no leg {id}")))?;
    refund_ask::show(globals, refund)
}

/// A refund with what happened to it and its legs, and what is still to be done.
async fn show(globals: &Globals, program: &Program, id: RefundId) -> Done {
    let (dossier, _) = found(program, id).await?;
    let order = dossier.order.id;
    let Some(timeline) = program.store.timeline(order).await? else { return Err(no_order(order)) };
    let Some(refund) = timeline.dossier.refund(id) else {
        return Err(Failure::not_found(format!("there is no refund {id}")));
    };
    let parts: Vec<_> = refund.legs.iter().map(|l| l.id.uuid()).chain([id.uuid()]).collect();
    let lines = story::lines_about(&timeline, &parts);
    if globals.json {
        return output::json(&json!({ "refund": refund_view::to_json(refund), "timeline": story::rows(&lines) }));
    }
    refund_view::table(std::slice::from_ref(refund))?;
    output::line("")?;
    story::table(&lines)?;
    output::line("")?;
    output::line(&format!("The whole order: bursar order show {order}"))
}
