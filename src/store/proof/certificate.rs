//! Making certificates: it knows how the numbers of a day are put together and chained, and must never change one that
//! is there.

use aws_lc_rs::digest::{Context, SHA256, digest};
use bursar_core::bank::Day;
use bursar_core::certificate::{
    Breaks, Certificate, KindBalance, Missing, Moved, Postings, Proved, Repaired, Runs, Sum, Unknown,
};
use bursar_core::ledger::AccountKind;
use bursar_core::reconcile::{Reconciliation, RunState};
use bursar_core::{Currency, Timestamp};
use std::collections::BTreeMap;
use uuid::Uuid;

use super::{Proof, prove};
use crate::certificates::{CertificateRow, MAX_DAY_ENTRIES};
use crate::ledger::Entry;
use crate::{Result, Store, StoreError};

/// Bytes in hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// SHA-256 of a certificate's text.
pub(super) fn digest_of(body: &str) -> Vec<u8> {
    digest(&SHA256, body.as_bytes()).as_ref().to_vec()
}

/// A certificate with its row.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Made {
    /// What it says.
    pub certificate: Certificate,
    /// How it is kept.
    pub row: CertificateRow,
}

/// What is the same for every day of which a certificate is made at one time.
struct Present {
    balances: Vec<KindBalance>,
    proof: Proved,
    unknown: Unknown,
    breaks: Vec<Breaks>,
}

/// Makes the certificates that are missing up to `until`, in the order of days: from the day after the last one, or
/// from that of the first order. None of a day that has not ended.
///
/// # Errors
/// When the database cannot be read or written. What was made until then stays.
pub async fn make(store: &dyn Store, until: Day, now: Timestamp) -> Result<Vec<Made>> {
    let until = until.min(Day::in_beijing(now).plus_days(-1));
    let mut last = store.last_certificate().await?;
    let first = match &last {
        Some(row) => row.day.plus_days(1),
        None => match store.first_order_at().await? {
            Some(at) => Day::in_beijing(at),
            None => return Ok(Vec::new()),
        },
    };
    let mut made = Vec::new();
    let mut day = first;
    if day > until {
        return Ok(made);
    }
    let present = present(store).await?;
    while day <= until {
        let certificate = of_day(store, day, now, last.as_ref(), &present).await?;
        let body = serde_json::to_string(&certificate)
            .map_err(|e| StoreError::Misuse(format!("a certificate cannot be written as JSON: {e}")))?;
        let (sequence, digest) = (certificate.sequence, digest_of(&body));
        let row = CertificateRow { sequence, day, made_at: now, digest, body };
        if !store.add_certificate(&row).await? {
            // Somebody else makes them.
            return Ok(made);
        }
        made.push(Made { certificate, row: row.clone() });
        last = Some(row);
        day = day.plus_days(1);
    }
    Ok(made)
}

async fn present(store: &dyn Store) -> Result<Present> {
    let mut kinds = BTreeMap::<(AccountKind, Currency), (i64, i64)>::new();
    for balance in store.trial_balance(None).await? {
        let (debit, credit) = kinds.entry((balance.account.kind, balance.currency)).or_default();
        *debit = debit.saturating_add(balance.debit_minor);
        *credit = credit.saturating_add(balance.credit_minor);
    }
    let (count, oldest_at) = store.unsure().await?;
    let suspense = kinds.iter().filter(|((kind, _), _)| *kind == AccountKind::Suspense);
    let suspense = suspense.map(|((_, currency), (debit, credit))| Sum {
        currency: currency.code().to_owned(),
        count,
        minor: debit.saturating_sub(*credit),
    });
    let unknown = Unknown { count, oldest_at, suspense: suspense.collect() };
    let balances = kinds.iter().map(|((kind, currency), (debit_minor, credit_minor))| KindBalance {
        kind: *kind,
        currency: currency.code().to_owned(),
        debit_minor: *debit_minor,
        credit_minor: *credit_minor,
    });
    let breaks = store.break_counts().await?.into_iter().map(|(kind, state, count)| Breaks {
        kind: kind.name().to_owned(),
        state: state.name().to_owned(),
        count,
    });
    Ok(Present { balances: balances.collect(), proof: proved(&prove(store).await?), unknown, breaks: breaks.collect() })
}

fn proved(proof: &Proof) -> Proved {
    Proved {
        holds: proof.holds(),
        orders: proof.orders,
        payments: proof.payments,
        legs: proof.legs,
        different: proof.different,
        unbalanced: proof.unbalanced.iter().map(ToString::to_string).collect(),
    }
}

async fn of_day(
    store: &dyn Store,
    day: Day,
    now: Timestamp,
    last: Option<&CertificateRow>,
    present: &Present,
) -> Result<Certificate> {
    let facts = facts(store, day).await?;
    let (from, until) = bounds(day);
    let repaired: Repaired = store.repaired_between(from, until).await?;
    Ok(Certificate {
        sequence: last.map_or(1, |row| row.sequence.saturating_add(1)),
        day,
        previous: last.map(|row| hex(&row.digest)),
        made_at: now,
        orders: facts.orders,
        movements: facts.movements,
        postings: facts.postings,
        balances: present.balances.clone(),
        proof: present.proof.clone(),
        unknown: present.unknown.clone(),
        breaks: present.breaks.clone(),
        repaired,
        runs: runs(store, Certificate::reconciled(day)).await?,
    })
}

/// When a day begins, and when the next one does.
fn bounds(day: Day) -> (Timestamp, Timestamp) {
    (day.begins_in_beijing(), day.plus_days(1).begins_in_beijing())
}

/// What of a past day does not change any more; movements may become more.
pub(super) struct DayFacts {
    pub orders: Vec<Sum>,
    pub movements: Vec<Moved>,
    pub postings: Postings,
}

/// The facts of `day` as the rows tell them now.
pub(super) async fn facts(store: &dyn Store, day: Day) -> Result<DayFacts> {
    let (from, until) = bounds(day);
    Ok(DayFacts {
        orders: store.orders_between(from, until).await?,
        movements: store.moved_on(day).await?,
        postings: postings(store, from, until).await?,
    })
}

async fn postings(store: &dyn Store, from: Timestamp, until: Timestamp) -> Result<Postings> {
    let (mut hash, mut count, mut after) = (Context::new(&SHA256), 0_u64, (Uuid::nil(), 0));
    loop {
        let page = store.entries_between(after, from, until, MAX_DAY_ENTRIES).await?;
        let Some(last) = page.last() else { break };
        after = (last.posting.subject, last.sequence);
        for entry in &page {
            hash.update(line(entry).as_bytes());
            count = count.saturating_add(1);
        }
    }
    Ok(Postings { count, digest: hex(hash.finish().as_ref()) })
}

/// A posting as it is digested.
fn line(entry: &Entry) -> String {
    let p = &entry.posting;
    format!(
        "{}|{}|{}|{}|{}|{}|{}|{}|{}\n",
        entry.at.as_millis(),
        p.subject.simple(),
        entry.sequence,
        p.debit.kind.code(),
        p.debit.owner.simple(),
        p.credit.kind.code(),
        p.credit.owner.simple(),
        p.amount.minor,
        p.amount.currency.code()
    )
}

/// Every account whose channel issues bills should have its reconciliation of `day` done.
async fn runs(store: &dyn Store, day: Day) -> Result<Runs> {
    let mut runs = Runs { done: 0, missing: Vec::new() };
    for account in store.accounts().await? {
        let begun = Day::in_beijing(account.created_at) <= day;
        if account.channel.bills().is_empty() || !begun {
            continue;
        }
        let run = store.reconciliation(Reconciliation::id_of(account.id, day)).await?;
        match run.map(|r| r.state) {
            Some(RunState::Done) => runs.done = runs.done.saturating_add(1),
            state => {
                let state = state.map_or("none", RunState::name).to_owned();
                runs.missing.push(Missing { account: account.id, day, state });
            }
        }
    }
    Ok(runs)
}
