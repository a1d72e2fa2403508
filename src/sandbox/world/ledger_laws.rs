//! I6 by the program's own proof: it asks what an operator asks at night, and what is found then is a violation. The
//! naive laws say the same by other arithmetic.

use bursar_store::proof::prove;
use futures::FutureExt;

use super::agenda::AUDITOR;
use super::memory::Memory;
use super::state::World;

/// Proves the ledger of a history that has ended; violations go to its state.
pub(super) fn check(world: &World) {
    let memory = Memory { world: world.clone(), pid: AUDITOR };
    // Time is over: whatever waits for a turn now would wait for ever.
    let Some(proof) = prove(&memory).now_or_never() else {
        return world.lock().violated("I6", "the proof of the ledger waits for a world that has ended".to_owned());
    };
    let text = match proof {
        Ok(proof) if proof.holds() => return,
        Ok(proof) => format!(
            "the ledger does not agree: {} differences, {:?}; out of balance {:?}",
            proof.different,
            proof.differences.first(),
            proof.unbalanced
        ),
        Err(error) => format!("the ledger cannot be proved: {error}"),
    };
    world.lock().violated("I6", text);
}
