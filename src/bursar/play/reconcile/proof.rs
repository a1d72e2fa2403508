//! The certificates at the end of a play: it knows when they are made and which of their figures people look at, and
//! must never compute one.

use bursar_core::bank::Day;
use bursar_core::certificate::{Certificate, Sum};
use bursar_core::clock::HOUR_MS;
use bursar_core::{Clock as _, Currency};
use bursar_store::proof::certificate::{hex, make};
use bursar_store::proof::verify::{Verified, verify};
use serde_json::{Value, json};

use super::Means;

/// The morning's certificates are made by this time: the schedule's is half past six.
const MADE_MS: i64 = 7 * HOUR_MS;
/// So many certificates are shown: of the day with the orders, and of that on which its bills came.
const SHOWN: usize = 2;

/// What was proved.
#[derive(Clone, Debug, Default)]
pub struct Proof {
    /// The last certificates with their digests, the earliest first.
    shown: Vec<(Certificate, String)>,
    verified: Verified,
}

/// Waits for the next morning, when the certificate of the day is made, and verifies the whole chain.
pub(super) async fn certify(means: &Means<'_>) -> anyhow::Result<Proof> {
    let morning = Day::in_beijing(means.clock.now()).plus_days(1).begins_in_beijing().plus_ms(MADE_MS);
    means.sleep_until(morning).await?;
    let store = means.program.store.as_ref();
    let now = means.clock.now();
    let yesterday = Day::in_beijing(now).plus_days(-1);
    // What the schedule's job has made already stays.
    make(store, yesterday, now).await?;
    let mut proof = Proof { verified: verify(store, None).await?, ..Proof::default() };
    for back in (0..SHOWN).rev() {
        let day = yesterday.plus_days(-i64::try_from(back).unwrap_or_default());
        if let Some(row) = store.certificate(day).await? {
            proof.shown.push((serde_json::from_str(&row.body)?, hex(&row.digest)));
        }
    }
    Ok(proof)
}

fn in_all(sums: &[Sum]) -> (i64, i64) {
    let yuan = sums.iter().filter(|s| s.currency == Currency::CNY.code());
    yuan.fold((0, 0), |(count, minor), s| (count.saturating_add(s.count), minor.saturating_add(s.minor)))
}

/// Debits less credits of all accounts, in minor units: always 0.
fn left_over(c: &Certificate) -> i64 {
    c.balances.iter().map(|b| b.debit_minor.saturating_sub(b.credit_minor)).fold(0, i64::saturating_add)
}

impl Proof {
    /// Whether every certificate holds, nothing was changed since, and no reconciliation is missing.
    pub fn is_right(&self) -> bool {
        let holds = |c: &Certificate| {
            let all = c.proof.holds && c.proof.different == 0 && c.proof.unbalanced.is_empty();
            all && left_over(c) == 0 && c.unknown.count == 0 && c.runs.missing.is_empty()
        };
        self.shown.len() == SHOWN && self.shown.iter().all(|(c, _)| holds(c)) && self.verified.changed.is_empty()
    }

    /// For people: heads and rows.
    pub fn table(&self) -> (Vec<String>, Vec<Vec<String>>) {
        let heads = std::iter::once("certificate of".to_owned());
        let heads = heads.chain(self.shown.iter().map(|(c, _)| c.day.to_string()));
        let row = |name: &str, of: &dyn Fn(&Certificate) -> String| {
            std::iter::once(name.to_owned()).chain(self.shown.iter().map(|(c, _)| of(c))).collect::<Vec<_>>()
        };
        let agrees = |c: &Certificate| if c.proof.holds { "yes" } else { "NO" }.to_owned();
        let breaks = |c: &Certificate| {
            let all: Vec<_> = c.breaks.iter().map(|b| b.count).collect();
            all.iter().sum::<u64>().to_string()
        };
        let rows = vec![
            row("orders taken", &|c| in_all(&c.orders).0.to_string()),
            row("movements of money", &|c| moved(c).to_string()),
            row("postings", &|c| c.postings.count.to_string()),
            row("ledger agrees with the payments", &agrees),
            row("trial balance", &|c| left_over(c).to_string()),
            row("not sure about", &|c| c.unknown.count.to_string()),
            row("breaks known when it was made", &breaks),
            row("repaired by a machine that day", &|c| c.repaired.by_machine.to_string()),
            row("reconciliations of the day before", &|c| c.runs.done.to_string()),
            row("  missing", &|c| c.runs.missing.len().to_string()),
            std::iter::once("digest".to_owned())
                .chain(self.shown.iter().map(|(_, digest)| digest.chars().take(16).chain("…".chars()).collect()))
                .collect(),
        ];
        (heads.collect(), rows)
    }

    /// How many hold, and the last digest.
    pub fn chain(&self) -> (u64, &str) {
        (self.verified.certificates, self.verified.head.as_deref().unwrap_or("none"))
    }

    /// What was changed after it was certified, in words: always empty.
    pub fn changed(&self) -> impl Iterator<Item = String> {
        self.verified.changed.iter().map(|(day, what)| format!("certificate of {day}: changed: {what}"))
    }

    /// For programs.
    pub fn to_json(&self) -> Value {
        let days = self.shown.iter().map(|(c, digest)| {
            let (orders, orders_minor) = in_all(&c.orders);
            json!({
                "day": c.day, "sequence": c.sequence, "digest": digest, "orders": orders,
                "orders_minor": orders_minor, "movements": moved(c), "postings": c.postings.count,
                "holds": c.proof.holds, "different": c.proof.different, "trial_balance_minor": left_over(c),
                "unknown": c.unknown.count, "breaks": c.breaks, "repaired": c.repaired,
                "reconciliations": { "done": c.runs.done, "missing": c.runs.missing.len() },
            })
        });
        json!({
            "days": days.collect::<Vec<_>>(), "certificates": self.verified.certificates,
            "changed": self.changed().collect::<Vec<_>>(), "known_later": self.verified.grown.len(),
            "head": self.verified.head, "right": self.is_right(),
        })
    }
}

fn moved(c: &Certificate) -> i64 {
    c.movements.iter().map(|m| m.sum.count).fold(0, i64::saturating_add)
}
