//! The end of the demonstration: it knows when everything has come to rest, and must never forgive a
//! difference.

use std::time::{Duration, Instant};

use bursar_sandbox::SandboxError;
use bursar_sandbox::merchant::Asked;
use tokio::task::JoinHandle;

use super::Demo;
use super::people::People;
use super::progress::Progress;
use super::stage::Stage;
use crate::cli::Failure;
use crate::play::audit::{Audit, ByHand, compare};

/// After the books agree, late money may still surface for so long (clock milliseconds): the longest
/// landing, with room. A refund that comes back does so sooner.
const QUIET_MS: i64 = 150_000;

/// The customers who want money back.
pub(super) type Customers = JoinHandle<Result<Asked, SandboxError>>;

/// Waits until every order and every refund has ended, every customer was served, every event was delivered
/// and the books agree, and stay so for as long as late money may still surface. Meanwhile the
/// operators give back by hand what must be.
pub(super) async fn settle(
    stage: &Stage,
    demo: &Demo,
    progress: &Progress,
    people: &mut People,
    customers: &Customers,
) -> Result<Audit, Failure> {
    let deadline = Instant::now() + Duration::from_secs(demo.give_up_after);
    let quiet = stage.program.clock.real(QUIET_MS);
    let mut agreed_since: Option<(Instant, u64)> = None;
    loop {
        for operator in &mut people.operators {
            operator.give_back(&stage.program).await?;
        }
        let store = stage.program.store.as_ref();
        let (books, refunds) = (stage.sandbox.books(), stage.sandbox.refunds());
        let by_hand = ByHand { bank: Some(stage.bank.books()), cash: Some(people.town.pockets.books()) };
        let audit = compare(store, &stage.actors, &books, &refunds, &by_hand).await?;
        let counts = store.counts().await?;
        progress.show(&audit, counts.undelivered);
        let money: u64 = audit.paid + audit.late_money + audit.refunds.succeeded;
        let served = people.are_done().await? && customers.is_finished();
        let ended = audit.all_ended() && audit.refunds.open == 0 && served;
        let settled = ended && counts.undelivered == 0 && audit.books_agree();
        agreed_since = match agreed_since {
            Some((since, then)) if settled && then == money => Some((since, then)),
            _ => settled.then(|| (Instant::now(), money)),
        };
        if agreed_since.is_some_and(|(since, _)| since.elapsed() >= quiet) || Instant::now() >= deadline {
            return Ok(audit);
        }
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
}

/// What the customers asked for.
pub(super) async fn asked(customers: Customers) -> Result<Asked, Failure> {
    if !customers.is_finished() {
        customers.abort();
        return Ok(Asked { surprises: vec!["not every customer was served".to_owned()], ..Asked::default() });
    }
    Ok(customers.await??)
}
