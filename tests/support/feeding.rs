//! A feed of orders that goes on while things break: it knows rounds of orders, and must never know what
//! breaks.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bursar_core::chance::SeededChance;
use bursar_sandbox::merchant::{Feed, Placed, place};
use tokio::task::JoinHandle;

use crate::Stage;

/// Orders per round.
const ROUND: u32 = 30;
/// Orders per second, unless a story asks for another pace.
const PER_SECOND: u32 = 25;
/// Life of an order in seconds of the fast clock: beyond WeChat's minimum age for closing.
const LIFE_SECONDS: (u64, u64) = (330, 600);

/// Orders being placed in the background by patient merchants.
#[derive(Debug)]
pub struct Feeding {
    enough: Arc<AtomicBool>,
    task: JoinHandle<Vec<Placed>>,
}

impl Feeding {
    /// Starts to place orders.
    pub fn start(stage: &Stage) -> Self {
        Self::paced(stage, PER_SECOND)
    }

    /// Starts to place so many orders per second.
    pub fn paced(stage: &Stage, per_second: u32) -> Self {
        let enough = Arc::new(AtomicBool::new(false));
        let (until, seed, gateway, backends) = (enough.clone(), stage.seed, stage.gateway(), stage.backends());
        let task = tokio::spawn(async move {
            let chance = SeededChance::new(seed);
            let mut placed = Vec::new();
            let mut round = 0;
            while !until.load(Ordering::SeqCst) {
                let feed = Feed {
                    gateway: gateway.clone(),
                    orders: ROUND,
                    concurrency: 16,
                    per_second: Some(per_second),
                    life_seconds: LIFE_SECONDS,
                    label: format!("s{seed}-r{round}"),
                    patient: true,
                };
                placed.extend(place(&feed, &backends, &chance, |_| ()).await.expect("an order was refused"));
                round += 1;
            }
            placed
        });
        Self { enough, task }
    }

    /// Ends the round under way; every order that got its 201.
    ///
    /// # Panics
    /// When an order was refused.
    pub async fn stop(self) -> Vec<Placed> {
        self.enough.store(true, Ordering::SeqCst);
        self.task.await.expect("the feed")
    }
}
