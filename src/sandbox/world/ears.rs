//! The merchants' ears: it knows what endpoints heard and answered, and must never know why they were told.

use async_trait::async_trait;
use bursar_channels::{DeliveryOutcome, Teller};
use bursar_core::Timestamp;
use bursar_core::merchant::Endpoint;

use super::agenda::Pid;
use super::faults::Fault;
use super::planted::Planted;
use super::state::{Heard, State, World};

/// A process' way to the merchants.
#[derive(Debug)]
pub(crate) struct Voice {
    pub world: World,
    pub pid: Pid,
}

fn failed(gone: bool) -> DeliveryOutcome {
    DeliveryOutcome::Failed { why: "simulated".to_owned(), gone }
}

fn hear(state: &mut State, endpoint: &Endpoint, id: &str, body: &str) -> DeliveryOutcome {
    if state.planted == Some(Planted::TellNobody) {
        return DeliveryOutcome::Delivered;
    }
    if state.strikes(Fault::MerchantGone) {
        return failed(true);
    }
    let fails = state.strikes(Fault::MerchantFails);
    if fails && state.dice(Fault::MerchantFails, 0, 1) == 0 {
        return failed(false);
    }
    let key = (endpoint.id.uuid(), id.to_owned());
    let heard = state.heard.entry(key).or_insert_with(|| Heard { body: body.to_owned(), accepted: false });
    let same = heard.body == body;
    heard.accepted |= !fails;
    if !same {
        state.violated("I7", format!("{id} was told with two bodies"));
    }
    if fails { failed(false) } else { DeliveryOutcome::Delivered }
}

#[async_trait]
impl Teller for Voice {
    async fn deliver(&self, endpoint: &Endpoint, id: &str, body: &str, _: Timestamp) -> DeliveryOutcome {
        self.world.arrive(self.pid, "webhook").await;
        let outcome = hear(&mut self.world.lock(), endpoint, id, body);
        self.world.step(self.pid, 0).await;
        outcome
    }
}
