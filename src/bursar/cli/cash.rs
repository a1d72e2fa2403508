//! `cash`: what workers collect, and what people say about it. It knows flags and tables, and must never know who may
//! do what.

use std::sync::Arc;

use bursar_channels::CashSettings;
use bursar_core::cash::{
    CODE_DIGITS, CashError, Collection, CollectionState, Counting, HandIn, HandInState, one_spaced,
};
use bursar_core::channel::ChannelKind;
use bursar_core::id::{ChannelAccountId, CollectionId, HandInId, LegId};
use bursar_core::merchant::ChannelAccount;
use bursar_core::money::Money;
use bursar_gateway::cash::view::{CollectionView, DrawerView, HandInView};
use bursar_store::desk::cash::{Cashed, Confirmer, Handover};
use bursar_store::{CollectionFilter, HandInFilter};
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::order::check_name;
use super::{Done, Failure, Globals, output, refund_ask};
use crate::compose::{self, Program};

#[derive(Subcommand, Debug)]
pub(crate) enum Cash {
    /// What workers have not handed in, and who may collect.
    Drawers {
        /// The cash account (acc_…).
        account: ChannelAccountId,
    },
    /// Collections, by id. `--state claimed` shows what waits to be confirmed.
    Collections {
        /// The cash account (acc_…).
        account: ChannelAccountId,
        /// Only this worker's.
        #[arg(long)]
        worker: Option<String>,
        /// Only in this state: claimed, confirmed, handed_in, banked, disputed, refused.
        #[arg(long)]
        state: Option<CollectionState>,
        /// At most so many.
        #[arg(long, default_value_t = 50)]
        limit: u32,
    },
    /// Confirm a collection: its payment has the money.
    Confirm {
        /// The collection (col_…).
        collection: CollectionId,
        #[command(flatten)]
        by: Confirming,
    },
    /// Say that a collection is not as its worker says. A person is asked.
    Dispute(Contradiction),
    /// Say that a collection never was. One that was confirmed is disputed before, by somebody else.
    Refuse(Contradiction),
    /// Take over what a worker has: all confirmed collections, less what he paid out.
    HandIn {
        /// The cash account (acc_…).
        account: ChannelAccountId,
        /// Whose drawer.
        #[arg(long)]
        worker: String,
        /// What was there, in minor units.
        #[arg(long, value_name = "MINOR", value_parser = clap::value_parser!(i64).range(0..))]
        counted: i64,
        /// Who received and counted it; not the worker.
        #[arg(long)]
        received_by: String,
        /// The bag or receipt that it went into.
        #[arg(long)]
        bag: Option<String>,
    },
    /// Hand-ins, newest first. `--state counted` shows what waits for approval.
    HandIns {
        /// The cash account (acc_…).
        account: ChannelAccountId,
        /// Only in this state: counted, approved, banked.
        #[arg(long)]
        state: Option<HandInState>,
        /// At most so many.
        #[arg(long, default_value_t = 20)]
        limit: u32,
    },
    /// Agree to a hand-in that was not what it should be.
    Approve {
        /// The hand-in (hin_…).
        hand_in: HandInId,
        /// Who agrees; neither the worker nor who counted or confirmed.
        #[arg(long)]
        by: String,
    },
    /// Say that the cash of a hand-in is on the bank account.
    Banked {
        /// The hand-in (hin_…).
        hand_in: HandInId,
        /// By what the bank knows the deposit.
        #[arg(long)]
        reference: String,
        /// Who brought it there; not the worker.
        #[arg(long)]
        by: String,
    },
    /// Say that a leg of a refund is paid out of a worker's drawer, before he hands the cash over.
    PaidOut {
        /// The leg (rfl_…), as `order questions` prints it.
        leg: LegId,
        /// Out of whose drawer.
        #[arg(long)]
        worker: String,
        /// Who says so; not the worker.
        #[arg(long)]
        by: String,
        /// What the payer signed, or the code that he was sent.
        #[arg(long)]
        proof: String,
    },
}

/// Who confirms.
#[derive(Args, Debug)]
#[group(required = true, multiple = false)]
pub(crate) struct Confirming {
    /// A person, who is not the worker.
    #[arg(long)]
    by: Option<String>,
    /// What the payer told the worker: six digits.
    #[arg(long)]
    code: Option<String>,
}

#[derive(Args, Debug)]
pub(crate) struct Contradiction {
    /// The collection (col_…).
    collection: CollectionId,
    /// Who says so.
    #[arg(long)]
    by: String,
    /// Why.
    #[arg(long)]
    reason: String,
}

/// Longest reason.
const REASON_MAX_CHARS: usize = 127;
/// Longest reference of a bank, number of a bag or of a receipt.
const LABEL_MAX_CHARS: usize = 64;

pub(crate) async fn run(globals: &Globals, verb: Cash) -> Done {
    let program = compose::ready(&globals.config).await?;
    match verb {
        Cash::Drawers { account } => drawers(globals, &program, account).await,
        Cash::Collections { account, worker, state, limit } => {
            cash_account(&program, account).await?;
            let worker = worker.map(|name| one_spaced(&name));
            let filter = CollectionFilter { account, worker, state, after: None, limit: limit.min(1_000) };
            show_collections(globals, &program.store.collections(&filter).await?)
        }
        Cash::Confirm { collection, by } => {
            let by = confirmer(by)?;
            let end = program.desk.confirm_collection(collection, &by, &|_, _| {}).await?;
            show_collections(globals, &[ended(end, collection)?])
        }
        Cash::Dispute(said) => {
            let (by, id) = (checked(&said)?, said.collection);
            let end = program.desk.dispute_collection(id, &by, &said.reason, &|_, _| {}).await?;
            show_collections(globals, &[ended(end, id)?])
        }
        Cash::Refuse(said) => {
            let (by, id) = (checked(&said)?, said.collection);
            let end = program.desk.refuse_collection(id, &by, &said.reason, &|_, _| {}).await?;
            show_collections(globals, &[ended(end, id)?])
        }
        Cash::HandIn { account, worker, counted, received_by, bag } => {
            let account = cash_account(&program, account).await?.id;
            let (worker, received_by) = (name("--worker", &worker)?, name("--received-by", &received_by)?);
            let bag = bag.map(|bag| label("--bag", &bag)).transpose()?;
            let at = program.clock.now();
            let id = HandInId::fresh(at, program.chance.as_ref());
            let counting = Counting { id, by: received_by, at, counted_minor: counted, bag };
            let end = program.desk.hand_in(account, &worker, &counting, &|_, _| {}).await?;
            show_hand_ins(globals, &[ended(end, id)?])
        }
        Cash::HandIns { account, state, limit } => {
            cash_account(&program, account).await?;
            let filter = HandInFilter { account, state, before: None, limit: limit.min(1_000) };
            show_hand_ins(globals, &program.store.hand_ins(&filter).await?)
        }
        Cash::Approve { hand_in, by } => {
            let by = name("--by", &by)?;
            let end = program.desk.approve_hand_in(hand_in, &by, &|_, _| {}).await?;
            show_hand_ins(globals, &[ended(end, hand_in)?])
        }
        Cash::Banked { hand_in, reference, by } => {
            let (by, reference) = (name("--by", &by)?, label("--reference", &reference)?);
            let end = program.desk.bank_hand_in(hand_in, &reference, &by, &|_, _| {}).await?;
            show_hand_ins(globals, &[ended(end, hand_in)?])
        }
        Cash::PaidOut { leg, worker, by, proof } => {
            let (worker, by, proof) = (name("--worker", &worker)?, name("--by", &by)?, label("--proof", &proof)?);
            let end = program.desk.pay_out(leg, &Handover { worker, by, proof }, &|_, _| {}).await?;
            let dossier = ended(end, leg)?;
            match dossier.leg(leg) {
                Some((refund, _)) => refund_ask::show(globals, refund),
                None => Err(Failure::not_found(format!("there is no {leg}"))),
            }
        }
    }
}

async fn cash_account(program: &Program, id: ChannelAccountId) -> Result<Arc<ChannelAccount>, Failure> {
    let entries = program.desk.directory.entries_with(|e| e.accounts.contains_key(&id)).await?;
    match entries.accounts.get(&id) {
        Some(account) if account.channel == ChannelKind::Cash => Ok(account.clone()),
        Some(account) => Err(Failure::usage(format!("{id} is an account of {}, not of cash", account.channel.name()))),
        None => Err(Failure::not_found(format!("there is no account {id}"))),
    }
}

/// A person's name, as drawers and rules go by it.
fn name(flag: &str, given: &str) -> Result<String, Failure> {
    check_name(given).map_err(|_| Failure::usage(format!("{flag} must be a name of 1 to 64 characters")))?;
    Ok(one_spaced(given))
}

fn label(flag: &str, given: &str) -> Result<String, Failure> {
    let given = given.trim();
    let lawful = |c: char| c.is_ascii_alphanumeric() || matches!(c, ' ' | '_' | '.' | ':' | '/' | '-');
    if given.is_empty() || given.len() > LABEL_MAX_CHARS || !given.chars().all(lawful) {
        return Err(Failure::usage(format!(
            "{flag} must be 1 to {LABEL_MAX_CHARS} letters, digits, spaces or _ . : / -"
        )));
    }
    Ok(given.to_owned())
}

fn confirmer(given: Confirming) -> Result<Confirmer, Failure> {
    match (given.by, given.code) {
        (_, Some(code)) if code.len() == CODE_DIGITS && code.bytes().all(|b| b.is_ascii_digit()) => {
            Ok(Confirmer::Payer { code })
        }
        (_, Some(_)) => Err(Failure::usage(format!("--code must be {CODE_DIGITS} digits"))),
        (Some(by), None) => Ok(Confirmer::Person(name("--by", &by)?)),
        (None, None) => Err(Failure::usage("one of --by and --code is needed")),
    }
}

fn checked(said: &Contradiction) -> Result<String, Failure> {
    bursar_core::text::check("--reason", &said.reason, REASON_MAX_CHARS).map_err(Failure::usage)?;
    name("--by", &said.by)
}

/// The row that a deed about `id` left.
fn ended<T>(end: Cashed<T>, id: impl std::fmt::Display) -> Result<T, Failure> {
    match end {
        Cashed::Written(row) | Cashed::Known(row) => Ok(*row),
        Cashed::Missing => Err(Failure::not_found(format!("there is no {id}"))),
        Cashed::Refused(why @ (CashError::Nobody { .. } | CashError::NotAPerson { .. })) => Err(Failure::usage(why)),
        Cashed::Refused(why) => Err(Failure::conflict(why)),
        Cashed::Duplicate => Err(Failure::conflict("it was written before")),
    }
}

async fn drawers(globals: &Globals, program: &Program, id: ChannelAccountId) -> Done {
    let account = cash_account(program, id).await?;
    let limits = CashSettings::read(&account.settings).map_err(Failure::usage)?.limits();
    let now = program.clock.now();
    let drawers = program.store.drawers(id).await?;
    if globals.json {
        return output::json(&drawers.iter().map(|d| json!(DrawerView::new(d, limits, now))).collect::<Value>());
    }
    let row = |d: &bursar_core::cash::Drawer| {
        let money = |minor| Money::new(minor, d.currency).to_string();
        vec![
            d.worker.clone(),
            money(d.sum_minor()),
            money(d.claimed_minor),
            money(d.disputed_minor),
            d.oldest_at.map(|at| at.to_string()).unwrap_or_default(),
            d.check_limits(limits, now).err().map_or_else(|| "may collect".to_owned(), |why| why.to_string()),
        ]
    };
    let head = ["WORKER", "TO HAND IN", "CLAIMED", "DISPUTED", "SINCE", ""];
    output::table(&head, &drawers.iter().map(row).collect::<Vec<_>>())
}

fn show_collections(globals: &Globals, rows: &[Collection]) -> Done {
    if globals.json {
        return output::json(&rows.iter().map(|r| json!(CollectionView::from(r))).collect::<Value>());
    }
    let row = |r: &Collection| {
        vec![
            r.id.to_string(),
            r.collected_at.to_string(),
            r.worker.clone(),
            r.amount.to_string(),
            r.state.name().to_owned(),
            r.order.to_string(),
            r.why.clone().or_else(|| r.confirmed_by.as_ref().map(|by| format!("by {by}"))).unwrap_or_default(),
        ]
    };
    let head = ["COLLECTION", "TAKEN", "WORKER", "AMOUNT", "STATE", "ORDER", ""];
    output::table(&head, &rows.iter().map(row).collect::<Vec<_>>())
}

fn show_hand_ins(globals: &Globals, rows: &[HandIn]) -> Done {
    if globals.json {
        return output::json(&rows.iter().map(|r| json!(HandInView::from(r))).collect::<Value>());
    }
    let row = |r: &HandIn| {
        let money = |minor| Money::new(minor, r.currency).to_string();
        vec![
            r.id.to_string(),
            r.received_at.to_string(),
            r.worker.clone(),
            money(r.expected_minor),
            money(r.counted_minor),
            money(r.variance_minor),
            r.state.name().to_owned(),
            r.bag.clone().unwrap_or_default(),
        ]
    };
    let head = ["HAND-IN", "COUNTED AT", "WORKER", "EXPECTED", "COUNTED", "VARIANCE", "STATE", "BAG"];
    output::table(&head, &rows.iter().map(row).collect::<Vec<_>>())
}
