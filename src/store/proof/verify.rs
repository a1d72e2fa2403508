//! Looking at old certificates again: it knows what of a past day must still be as it was certified, and must never
//! write anything.

use bursar_core::bank::Day;
use bursar_core::certificate::{Certificate, Moved, Sum};

use super::certificate::{digest_of, facts, hex};
use crate::certificates::CertificateRow;
use crate::{Result, Store};

/// What verifying came to.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Verified {
    /// Certificates that were looked at.
    pub certificates: u64,
    /// What was changed since, in words, with its day.
    pub changed: Vec<(Day, String)>,
    /// What became known since, in words, with its day: nothing is wrong with it.
    pub grown: Vec<(Day, String)>,
    /// The digest of the last one that was looked at, in hexadecimal: who wrote it down elsewhere can compare.
    pub head: Option<String>,
}

/// Certificates per page.
const PAGE: u32 = 100;

/// Verifies every certificate and the chain, or only that of `day` with the link to the one before.
///
/// # Errors
/// When the database cannot be read.
pub async fn verify(store: &dyn Store, day: Option<Day>) -> Result<Verified> {
    let mut found = Verified::default();
    let mut last: Option<CertificateRow> = None;
    if let Some(day) = day {
        let Some(row) = store.certificate(day).await? else { return Ok(found) };
        let before = store.certificates(row.sequence.saturating_sub(2), 1).await?.pop();
        last = before.filter(|b| b.sequence < row.sequence);
        one(store, last.as_ref(), &row, &mut found).await?;
        found.head = Some(hex(&row.digest));
        return Ok(found);
    }
    loop {
        let page = store.certificates(last.as_ref().map_or(0, |l| l.sequence), PAGE).await?;
        if page.is_empty() {
            break;
        }
        for row in page {
            one(store, last.as_ref(), &row, &mut found).await?;
            last = Some(row);
        }
    }
    found.head = last.map(|row| hex(&row.digest));
    Ok(found)
}

async fn one(
    store: &dyn Store,
    last: Option<&CertificateRow>,
    row: &CertificateRow,
    found: &mut Verified,
) -> Result<()> {
    found.certificates = found.certificates.saturating_add(1);
    let mut changed = |text: String| found.changed.push((row.day, text));
    if digest_of(&row.body) != row.digest {
        changed("the certificate itself: its digest is another".to_owned());
    }
    let Ok(certificate) = serde_json::from_str::<Certificate>(&row.body) else {
        changed("the certificate itself: it cannot be read".to_owned());
        return Ok(());
    };
    if certificate.sequence != row.sequence || certificate.day != row.day {
        changed("the certificate itself: it is another day's".to_owned());
    }
    let (sequence, previous) = last.map_or((0, None), |l| (l.sequence, Some(hex(&l.digest))));
    if row.sequence != sequence.saturating_add(1) || certificate.previous != previous {
        changed("the chain: the certificate before is not the one that it names".to_owned());
    }
    let now = facts(store, row.day).await?;
    if now.postings != certificate.postings {
        let (then, now) = (&certificate.postings, &now.postings);
        changed(format!(
            "postings: {} then, {} now, digest {} then, {} now",
            then.count, now.count, then.digest, now.digest
        ));
    }
    orders(row.day, &certificate.orders, &now.orders, found);
    movements(row.day, &certificate.movements, &now.movements, found);
    Ok(())
}

fn words(sums: &[Sum]) -> String {
    let each: Vec<String> = sums.iter().map(|s| format!("{} of {} {}", s.count, s.minor, s.currency)).collect();
    if each.is_empty() { "none".to_owned() } else { each.join(", ") }
}

/// An order that our books had lost is taken on again under its old instant; those that were there stay.
fn orders(day: Day, then: &[Sum], now: &[Sum], found: &mut Verified) {
    let of = |all: &[Sum], currency: &str| {
        all.iter().find(|s| s.currency == currency).map_or((0, 0), |s| (s.count, s.minor))
    };
    let changed = |old: &&Sum| {
        let (count, minor) = of(now, &old.currency);
        count < old.count || minor < old.minor || (count == old.count && minor != old.minor)
    };
    if then.iter().any(|old| changed(&old)) {
        found.changed.push((day, format!("orders: {} then, {} now", words(then), words(now))));
    } else if then != now {
        found.grown.push((day, format!("orders: {} then, {} now", words(then), words(now))));
    }
}

/// Movements of a day may become known later, when a bill tells of them; those that were known stay.
fn movements(day: Day, then: &[Moved], now: &[Moved], found: &mut Verified) {
    let same = |a: &Moved, b: &Moved| a.account == b.account && a.kind == b.kind && a.sum.currency == b.sum.currency;
    for old in then {
        let nothing = Sum { count: 0, minor: 0, ..old.sum.clone() };
        let new = now.iter().find(|m| same(m, old)).map_or(nothing, |m| m.sum.clone());
        let (count, minor) = (new.count, new.minor);
        // All movements of a kind have one sign.
        let less = count < old.sum.count || minor.abs() < old.sum.minor.abs();
        if less || (count == old.sum.count && minor != old.sum.minor) {
            let then = words(std::slice::from_ref(&old.sum));
            let text = format!("{} on {}: {then} then, {} now", old.kind, old.account, words(&[new]));
            found.changed.push((day, text));
        }
    }
    for new in now {
        let known = then.iter().find(|m| same(m, new)).map_or(0, |m| m.sum.count);
        if new.sum.count > known {
            let text = format!("{} more {} on {}", new.sum.count.saturating_sub(known), new.kind, new.account);
            found.grown.push((day, text));
        }
    }
}
