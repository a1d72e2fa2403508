//! `reconcile`: days of channels, what their bills tell, and what people say about differences. It must never decide
//! whether two sides agree.

mod bill;
mod breaks;
mod day;

use std::path::PathBuf;

use bursar_core::bank::Day;
use bursar_core::channel::ChannelKind;
use bursar_core::id::{BreakId, ChannelAccountId};
use bursar_core::reconcile::{BillKind, BreakKind, BreakState, Resolution};
use clap::{Args, Subcommand};

pub(super) use breaks::answer as answer_to;

use super::{Done, Failure, Globals};
use crate::compose;

#[derive(Args, Debug)]
pub(crate) struct Reconcile {
    #[command(flatten)]
    day: OneDay,
    #[command(subcommand)]
    verb: Option<Verb>,
}

/// Which day of which account.
#[derive(Args, Debug)]
struct OneDay {
    /// Which channel; its account when it has only one: wechat, alipay, unionpay, stripe, bank or cash.
    #[arg(long, value_name = "NAME")]
    channel: Option<ChannelKind>,
    /// Which account (acc_…).
    #[arg(long, value_name = "ID")]
    account: Option<ChannelAccountId>,
    /// Which of the channel's business days, such as 2026-11-22. Yesterday when left out.
    #[arg(long)]
    day: Option<Day>,
    /// Only say what the bills would come to; write nothing.
    #[arg(long)]
    dry_run: bool,
}

impl OneDay {
    const fn is_empty(&self) -> bool {
        self.channel.is_none() && self.account.is_none() && self.day.is_none() && !self.dry_run
    }
}

#[derive(Subcommand, Debug)]
enum Verb {
    /// Bring a bill's file that the channel does not give us. The same file again changes nothing.
    Import {
        /// The file, as it came from the channel.
        file: PathBuf,
        /// Of which account (acc_…).
        #[arg(long, value_name = "ID")]
        account: ChannelAccountId,
        /// trade: what was taken and given back. funds: what moved on the account at the channel.
        #[arg(long)]
        kind: BillKind,
        /// Of which of the channel's business days, such as 2026-11-22.
        #[arg(long)]
        day: Day,
        /// Who brings it.
        #[arg(long)]
        by: String,
    },
    /// Days that were reconciled, or are being, the latest first.
    Days {
        /// Only of this account (acc_…).
        #[arg(long, value_name = "ID")]
        account: Option<ChannelAccountId>,
        /// From this day on.
        #[arg(long)]
        from: Option<Day>,
        /// Up to this day, included.
        #[arg(long)]
        until: Option<Day>,
        /// At most so many.
        #[arg(long, default_value_t = 50)]
        limit: u32,
    },
    /// Differences between channels' books and ours. `--state parked` shows what waits for a person.
    Breaks {
        /// Only those that have not ended.
        #[arg(long)]
        open: bool,
        /// Only of this account (acc_…).
        #[arg(long, value_name = "ID")]
        account: Option<ChannelAccountId>,
        /// Only of this kind, such as missing_here.
        #[arg(long)]
        kind: Option<BreakKind>,
        /// Only in this state: open, healing, healed, parked, resolved, written_off.
        #[arg(long)]
        state: Option<BreakState>,
        /// Only of this day.
        #[arg(long)]
        day: Option<Day>,
        /// At most so many.
        #[arg(long, default_value_t = 50)]
        limit: u32,
    },
    /// One break, with the line that told it and what our books have.
    Show {
        /// Which (brk_…).
        found: BreakId,
    },
    /// End a break, or propose how it shall end where a second person must agree.
    End {
        /// Which (brk_…).
        found: BreakId,
        /// accept: the books are right as they are. write_off: the money is given up, or kept.
        #[arg(long)]
        how: Resolution,
        /// Who says so.
        #[arg(long)]
        by: String,
        /// Why.
        #[arg(long)]
        reason: String,
    },
    /// Agree to what another person has proposed: the break ends so.
    Agree {
        /// Which (brk_…).
        found: BreakId,
        /// Who says so.
        #[arg(long)]
        by: String,
    },
    /// Do not agree to what another person has proposed: the break waits for a better answer.
    Refuse {
        /// Which (brk_…).
        found: BreakId,
        /// Who says so.
        #[arg(long)]
        by: String,
    },
}

pub(crate) async fn run(globals: &Globals, flags: Reconcile) -> Done {
    let program = compose::ready(&globals.config).await?;
    let Some(verb) = flags.verb else { return day::run(globals, &program, &flags.day).await };
    if !flags.day.is_empty() {
        return Err(Failure::usage("flags of a verb stand behind it: see `bursar reconcile --help`"));
    }
    match verb {
        Verb::Import { file, account, kind, day, by } => {
            let bill = bill::Brought { file: &file, account, kind, day, by: &by };
            bill::import(globals, &program, bill).await
        }
        Verb::Days { account, from, until, limit } => {
            day::list(globals, &program, account, (from, until), limit.min(1_000)).await
        }
        Verb::Breaks { open, account, kind, state, day, limit } => {
            let limit = limit.min(1_000);
            let filter = bursar_store::BreakFilter { account, kind, state, open, day, limit, ..Default::default() };
            breaks::list(globals, &program, &filter).await
        }
        Verb::Show { found } => breaks::show(globals, &program, found).await,
        Verb::End { found, how, by, reason } => breaks::end(globals, &program, found, how, by, reason).await,
        Verb::Agree { found, by } => breaks::agree(globals, &program, found, by).await,
        Verb::Refuse { found, by } => breaks::refuse(globals, &program, found, by).await,
    }
}
