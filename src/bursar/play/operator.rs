//! The operator of a play: does what a person would do who reads the questions that wait. It knows what was
//! asked, and must never look at the sandbox's books.

use anyhow::Context as _;
use bursar_core::decide::QuestionKind;
use bursar_core::id::{LegId, MerchantId};
use bursar_core::observation::{Claim, Observation, Source};
use bursar_core::refund::RefundClaim;
use bursar_store::Settlement;

use crate::compose::Program;

/// Questions that are answered at once.
const MOST: u32 = 1_000;

/// Transfers by bank what a merchant must transfer, and confirms it; how many.
///
/// # Errors
/// When the database cannot be read or written.
pub async fn confirm_transfers(program: &Program, merchant: MerchantId) -> anyhow::Result<u64> {
    let mut confirmed = 0;
    for question in program.store.parked(Some(merchant), MOST).await? {
        if question.kind != QuestionKind::TransferDue {
            continue;
        }
        let leg = LegId(question.subject);
        let claim = RefundClaim::Transferred { by: "the operator".to_owned(), reference: format!("TT {}", leg.bare()) };
        let observation = Observation::new(Source::Operator, program.clock.now(), Claim::Refund(claim));
        let taken = program.desk.observe(leg, &observation, None, None, |_| Settlement::Done).await;
        taken.with_context(|| format!("confirming the transfer of {leg}"))?;
        confirmed += 1;
    }
    Ok(confirmed)
}
