//! I6 by the program's own proof: it asks what an operator asks at night, and what is found then is a violation. The
//! naive laws say the same by other arithmetic.

use bursar_store::proof::prove;

use super::memory::Memory;
use super::state::World;

/// Proves the ledger of a history that has ended; violations go to its state.
pub(super) async fn check(world: &World) {
    let text = match prove(&Memory { world: world.clone(), pid: 0 }).await {
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
