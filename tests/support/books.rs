//! The end of a play: it knows when everything has come to rest and what must hold then, and must never
//! forgive a difference.

use std::time::{Duration, Instant};

use bursar::play::audit::{Audit, ByHand, compare};
use bursar_sandbox::merchant::Placed;
use bursar_store::{Counts, JobFilter};

use crate::Stage;

/// After the books agree, late money may still surface for so long (clock milliseconds): the sandbox's
/// longest landing, with room.
const QUIET_MS: i64 = 60_000;
/// Longest real time to rest after the last fault.
const SETTLE_WITHIN: Duration = Duration::from_secs(180);

/// How a play ended.
#[derive(Clone, Debug)]
pub struct End {
    /// The comparison of the books.
    pub audit: Audit,
    /// Numbers of the database.
    pub counts: Counts,
    /// Whether everything came to rest in time.
    pub at_rest: bool,
}

/// Waits until every order has ended, every event is delivered and the books agree, and stay so for as
/// long as late money may surface; or until time is up.
pub async fn settle(stage: &Stage) -> End {
    let deadline = Instant::now() + SETTLE_WITHIN;
    let quiet = stage.program.clock.real(QUIET_MS);
    let mut agreed: Option<(Instant, u64)> = None;
    loop {
        let late = Instant::now() >= deadline;
        match look(stage).await {
            Ok((audit, counts)) => {
                let money = audit.paid + audit.late_money + audit.refunds.succeeded;
                let rests = audit.all_ended() && counts.undelivered == 0 && audit.books_agree();
                agreed = match agreed {
                    Some((since, then)) if rests && then == money => Some((since, then)),
                    _ => rests.then(|| (Instant::now(), money)),
                };
                let at_rest = agreed.is_some_and(|(since, _)| since.elapsed() >= quiet);
                if at_rest || late {
                    return End { audit, counts, at_rest };
                }
            }
            Err(error) => assert!(!late, "the books cannot be read: {error}"),
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

async fn look(stage: &Stage) -> Result<(Audit, Counts), String> {
    let store = stage.program.store.as_ref();
    let (books, refunds) = (stage.sandbox.books(), stage.sandbox.refunds());
    let audit =
        compare(store, &stage.actors, &books, &refunds, &ByHand::default()).await.map_err(|e| format!("{e:#}"))?;
    Ok((audit, store.counts().await.map_err(|e| e.to_string())?))
}

/// The laws at the end, see [`violations`].
///
/// # Panics
/// When one does not hold, with the seed and the differences.
pub async fn assert_right(stage: &Stage, placed: &[Placed], end: &End) {
    let violations = violations(stage, placed, end).await;
    assert!(violations.is_empty(), "seed {}: {}", stage.seed, violations.join("\n"));
}

/// What does not hold at the end, in words: everything must have come to rest, the books agree payment by
/// payment, nothing be charged twice, nobody out of money, every order that got a 201 there exactly once, no
/// job parked, and the merchants told every event of every order without a gap.
///
/// # Panics
/// When the database cannot be read.
pub async fn violations(stage: &Stage, placed: &[Placed], end: &End) -> Vec<String> {
    let (audit, counts, store) = (&end.audit, &end.counts, stage.program.store.as_ref());
    let parked = store.jobs(&JobFilter { parked_only: true, limit: 20, ..JobFilter::default() }).await.expect("jobs");
    let mut found = Vec::new();
    let mut must = |holds: bool, otherwise: &dyn Fn() -> String| {
        if !holds {
            found.push(otherwise());
        }
    };
    let waiting = store.jobs(&JobFilter { limit: 20, ..JobFilter::default() }).await.expect("jobs");
    must(end.at_rest, &|| format!("not at rest: {audit:#?} {counts:#?}; the first jobs: {waiting:#?}"));
    must(audit.differences.is_empty(), &|| format!("the books differ: {:#?}", audit.differences));
    must(audit.unbalanced.is_empty(), &|| format!("the ledger does not balance: {:#?}", audit.unbalanced));
    must(audit.open == 0, &|| format!("{} orders have not ended", audit.open));
    must(audit.unknown == 0, &|| format!("{} payments are not final", audit.unknown));
    must(audit.channel_effects_doubled == 0, &|| format!("{} charges too many", audit.channel_effects_doubled));
    must(audit.out_of_money == 0, &|| format!("{} payers are out of money", audit.out_of_money));
    must(counts.parked_jobs == 0, &|| format!("parked jobs: {parked:#?}"));
    let orders = u64::try_from(placed.len()).unwrap_or(0);
    must(audit.orders == orders, &|| format!("{orders} orders got a 201, {} are in the database", audit.orders));
    for one in placed {
        let Some(dossier) = store.dossier(one.order).await.expect("the database") else {
            must(false, &|| format!("{} got a 201 and is gone", one.order));
            continue;
        };
        let mut numbers = stage.sink.told().sequences.get(&one.order.to_string()).cloned().unwrap_or_default();
        numbers.sort_unstable();
        numbers.dedup();
        let events: Vec<i64> = (1..=dossier.order.event_count).collect();
        must(numbers == events && !events.is_empty(), &|| {
            format!("the merchant of {} was told {numbers:?} of {events:?}", one.order)
        });
    }
    let forged = stage.sink.told().forged;
    must(forged == 0, &|| format!("{forged} webhooks with a wrong signature"));
    found
}
