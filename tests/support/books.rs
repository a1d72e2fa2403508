//! The end of a play: it knows when everything has come to rest and what must hold then, and must never
//! forgive a difference.

use std::time::{Duration, Instant};

use bursar::play::audit::{Audit, compare};
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
    let audit = compare(store, &stage.actors, &books, &refunds).await.map_err(|e| format!("{e:#}"))?;
    Ok((audit, store.counts().await.map_err(|e| e.to_string())?))
}

/// The laws at the end: everything came to rest, the books agree payment by payment, nothing was charged
/// twice, nobody is out of money, every order that got a 201 is there exactly once, no job is parked, and
/// the merchants were told every event of every order without a gap.
///
/// # Panics
/// When one does not hold, with the seed and the differences.
pub async fn assert_right(stage: &Stage, placed: &[Placed], end: &End) {
    let (seed, audit, counts) = (stage.seed, &end.audit, &end.counts);
    let store = stage.program.store.as_ref();
    let parked = store.jobs(&JobFilter { parked_only: true, limit: 20, ..JobFilter::default() }).await.expect("jobs");
    let waiting = store.jobs(&JobFilter { limit: 20, ..JobFilter::default() }).await.expect("jobs");
    let at_rest = end.at_rest;
    assert!(at_rest, "seed {seed}: not at rest: {audit:#?} {counts:#?}; the first jobs: {waiting:#?}");
    assert!(audit.books_agree(), "seed {seed}: the books differ: {:#?} {:#?}", audit.differences, audit.unbalanced);
    assert_eq!((audit.open, audit.unknown), (0, 0), "seed {seed}: {audit:#?}");
    assert_eq!((audit.channel_effects_doubled, audit.out_of_money), (0, 0), "seed {seed}: {audit:#?}");
    assert_eq!(counts.parked_jobs, 0, "seed {seed}: parked jobs: {parked:#?}");
    let orders = u64::try_from(placed.len()).unwrap_or(0);
    assert_eq!(audit.orders, orders, "seed {seed}: orders that got a 201, and orders in the database");
    let mut untold = Vec::new();
    for one in placed {
        let dossier = store.dossier(one.order).await.expect("an order");
        let dossier = dossier.unwrap_or_else(|| panic!("seed {seed}: {} got a 201 and is gone", one.order));
        let mut numbers = stage.sink.told().sequences.get(&one.order.to_string()).cloned().unwrap_or_default();
        numbers.sort_unstable();
        numbers.dedup();
        let events: Vec<i64> = (1..=dossier.order.event_count).collect();
        if numbers != events || events.is_empty() {
            untold.push(format!("{}: {:?} of {events:?}", one.order, numbers));
        }
    }
    assert!(untold.is_empty(), "seed {seed}: merchants were not told: {untold:#?}");
    assert_eq!(stage.sink.told().forged, 0, "seed {seed}: webhooks with a wrong signature");
}
