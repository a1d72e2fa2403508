//! `ledger`: what is where and whose it is, and whether that agrees with the payments.

use bursar_core::bank::Day;
use bursar_core::ledger::{Account, AccountKind};
use bursar_core::{Currency, Money, Timestamp};
use bursar_gateway::ledger::view::{BalanceView, ProofView, owner, running};
use bursar_store::ledger::{Balance, Entry, before};
use bursar_store::proof::{Proof, prove};
use clap::Subcommand;
use serde_json::{Value, json};

use super::{Done, Failure, Globals, certificate, output};
use crate::compose::{self, Program};

#[derive(Subcommand, Debug)]
pub(crate) enum Ledger {
    /// The trial balance: every account with its debits, its credits and what is left.
    Balances {
        /// Only accounts of this kind, such as suspense.
        #[arg(long)]
        kind: Option<AccountKind>,
    },
    /// The statement of an account: what was posted to it, with the balance after each entry.
    Account {
        /// What kind, such as clearing.
        kind: AccountKind,
        /// Whose: a merchant (mer_…) or a channel account (acc_…), whichever the kind has.
        owner: String,
        /// Only what was written at or after (RFC 3339).
        #[arg(long, value_name = "TIME", value_parser = Timestamp::parse_rfc3339)]
        from: Option<Timestamp>,
        /// Only what was written before.
        #[arg(long, value_name = "TIME", value_parser = Timestamp::parse_rfc3339)]
        until: Option<Timestamp>,
        /// ISO 4217 code.
        #[arg(long, default_value = "CNY")]
        currency: Currency,
        /// At most so many.
        #[arg(long, default_value_t = 100)]
        limit: u32,
    },
    /// Prove that the ledger agrees with every payment and refund. Exit code 6 when it does not.
    Prove,
    /// The certificate of a day: what was proved, what was counted, and what is open. Exit code 6 when the proof of
    /// that day failed.
    Certificate {
        /// Of which day in Beijing, such as 2026-11-22; the last one when left out.
        #[arg(long)]
        day: Option<Day>,
        /// Make the certificates that are missing up to that day, or up to yesterday.
        #[arg(long)]
        make: bool,
    },
    /// Look whether what was certified is still so: the chain, the postings, the orders and the movements. Exit code 6
    /// when something was changed.
    Verify {
        /// Only the certificate of this day.
        #[arg(long, conflicts_with = "all")]
        day: Option<Day>,
        /// All of them, which is also what is done when no day is named.
        #[arg(long)]
        all: bool,
    },
}

pub(crate) async fn run(globals: &Globals, verb: Ledger) -> Done {
    let program = compose::ready(&globals.config).await?;
    match verb {
        Ledger::Balances { kind } => {
            let mut rows = program.store.trial_balance(None).await?;
            rows.retain(|b| kind.is_none_or(|k| k == b.account.kind));
            balances(globals, &rows)
        }
        Ledger::Account { kind, owner, from, until, currency, limit } => {
            let account = bursar_gateway::ledger::account(kind.name(), &owner).map_err(Failure::usage)?;
            let range = (from.unwrap_or(Timestamp::from_millis(0)), until.unwrap_or(Timestamp::from_millis(i64::MAX)));
            statement(globals, &program, (account, currency), range, limit.min(1_000)).await
        }
        Ledger::Certificate { day, make } => certificate::show(globals, &program, day, make).await,
        Ledger::Verify { day, .. } => certificate::check(globals, &program, day).await,
        Ledger::Prove => show_proof(globals, &prove(program.store.as_ref()).await?),
    }
}

fn balances(globals: &Globals, rows: &[Balance]) -> Done {
    if globals.json {
        return output::json(&rows.iter().map(|b| json!(BalanceView::from(b))).collect::<Value>());
    }
    let money = |minor, b: &Balance| Money::new(minor, b.currency).to_string();
    let row = |b: &Balance| {
        let (debit, credit, left) = (money(b.debit_minor, b), money(b.credit_minor, b), money(b.minor(), b));
        vec![b.account.kind.name().to_owned(), owner(b.account), debit, credit, left]
    };
    output::table(&["KIND", "OWNER", "DEBITS", "CREDITS", "BALANCE"], &rows.iter().map(row).collect::<Vec<_>>())?;
    let mut sums = std::collections::BTreeMap::<Currency, i64>::new();
    for b in rows {
        let sum = sums.entry(b.currency).or_default();
        *sum = sum.saturating_add(b.minor());
    }
    for (currency, minor) in sums {
        output::line(&format!("in all {}", Money::new(minor, currency)))?;
    }
    Ok(())
}

async fn statement(
    globals: &Globals,
    program: &Program,
    (account, currency): (Account, Currency),
    (from, until): (Timestamp, Timestamp),
    limit: u32,
) -> Done {
    let store = &program.store;
    let entries = store.entries(account, currency, before(from), until, limit).await?;
    let first = entries.first().map_or(before(from), Entry::place);
    let opening = store.balance_before(account, currency, first).await?;
    let rows = running(account, opening, &entries);
    let closing = rows.last().map_or(opening, |last| last.balance_minor);
    if globals.json {
        return output::json(&json!({
            "kind": account.kind, "owner": owner(account), "currency": currency.code(), "opening_minor": opening,
            "entries": rows, "closing_minor": closing,
        }));
    }
    let money = |minor| Money::new(minor, currency).to_string();
    output::line(&format!("before  {}", money(opening)))?;
    let row = |e: &bursar_gateway::ledger::view::EntryView| {
        let against = e.against.name().to_owned();
        vec![e.at.to_string(), e.subject.clone(), against, money(e.amount_minor), money(e.balance_minor)]
    };
    let rows: Vec<_> = rows.iter().map(row).collect();
    output::table(&["AT", "ABOUT", "AGAINST", "AMOUNT", "BALANCE"], &rows)?;
    output::line(&format!("after   {}", money(closing)))
}

fn show_proof(globals: &Globals, proof: &Proof) -> Done {
    let view = ProofView::from(proof);
    if globals.json {
        output::json(&json!(view))?;
    } else {
        let of = format!("{} orders, {} payments, {} legs of refunds", proof.orders, proof.payments, proof.legs);
        output::line(&of)?;
        let row = |d: &bursar_gateway::ledger::view::DifferenceView| {
            let order = d.order.clone().unwrap_or_else(|| "(nobody's)".to_owned());
            let (expected, posted) = (d.expected_minor.to_string(), d.posted_minor.to_string());
            vec![
                order,
                d.subject.clone(),
                d.kind.name().to_owned(),
                d.owner.clone(),
                expected,
                posted,
                d.currency.clone(),
            ]
        };
        let rows: Vec<_> = view.differences.iter().map(row).collect();
        if !rows.is_empty() {
            output::table(&["ORDER", "ABOUT", "KIND", "OWNER", "EXPECTED", "POSTED", "CURRENCY"], &rows)?;
        }
    }
    if !proof.holds() {
        let left = if view.unbalanced.is_empty() { "zero".to_owned() } else { view.unbalanced.join(", ") };
        return Err(Failure::violated(format!(
            "the ledger does not agree with the payments: {} differences, the sum of all accounts is {left}",
            proof.different
        )));
    }
    if globals.json { Ok(()) } else { output::line("the ledger agrees with every payment and refund") }
}
