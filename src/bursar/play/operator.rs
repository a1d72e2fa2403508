//! The operator of a play: does what a person would do who reads the questions that wait. It knows what was
//! asked, and must never look at the sandbox's books.

use std::collections::BTreeSet;

use anyhow::Context as _;
use bursar_core::bank::reference;
use bursar_core::channel::ChannelKind;
use bursar_core::decide::QuestionKind;
use bursar_core::id::{LegId, MerchantId};
use bursar_core::observation::{Claim, Observation, Source};
use bursar_core::refund::RefundClaim;
use bursar_sandbox::merchant::{BankAccount, CashAccount, Town};
use bursar_sandbox::{Meaning, Transfer};
use bursar_store::Settlement;

use crate::compose::Program;

/// Questions that are answered at once.
const MOST: u32 = 1_000;

/// By what a merchant's operator gives money back.
#[derive(Clone, Debug)]
pub struct Means {
    /// Whose.
    pub merchant: MerchantId,
    /// Where its people live.
    pub town: Town,
    /// Its bank account.
    pub bank: BankAccount,
    /// Its cash account.
    pub cash: CashAccount,
}

/// A merchant's operator.
#[derive(Debug)]
pub struct Operator {
    means: Means,
    /// What was transferred or handed out; what he has not said of it, the bank's statement will.
    done: BTreeSet<LegId>,
}

impl Operator {
    /// An operator with empty hands.
    pub const fn new(means: Means) -> Self {
        Self { means, done: BTreeSet::new() }
    }

    /// Gives back by bank or in cash what must be given back by hand, each once; how much of it he has.
    ///
    /// # Errors
    /// When the database or the API cannot be reached.
    pub async fn give_back(&mut self, program: &Program) -> anyhow::Result<u64> {
        let mut done = 0;
        for question in program.store.parked(Some(self.means.merchant), MOST).await? {
            let leg = LegId(question.subject);
            if question.kind != QuestionKind::TransferDue || self.done.contains(&leg) {
                continue;
            }
            let Some(dossier) = program.desk.gatherer.dossier_of_leg(leg).await? else { continue };
            let Some((refund, found)) = dossier.leg(leg) else { continue };
            let (means, amount) = (&self.means, found.amount.minor);
            self.done.insert(leg);
            done += 1;
            // Cash goes back as cash while workers carry enough.
            let by_cash = dossier.payment(found.payment).is_some_and(|p| p.method.channel() == ChannelKind::Cash);
            let (refund, text) = (refund.id.to_string(), leg.to_string());
            if by_cash && means.town.give_cash_back(&means.cash, &refund, &text, amount).await? {
                continue;
            }
            let transfer = Transfer {
                account: &means.bank.number,
                amount_minor: amount,
                name: "客户",
                text: &format!("退款 {}", reference(leg.uuid())),
                meaning: Meaning::Leg(text),
            };
            means.town.bank.pay_out(&transfer).context("the merchant has no account at the bank")?;
            // Of every other transfer the operator says nothing: the statement shows it.
            if leg.uuid().as_u128().is_multiple_of(2) {
                transferred(program, leg).await?;
            }
        }
        Ok(done)
    }
}

/// Says that what a leg is about was transferred.
async fn transferred(program: &Program, leg: LegId) -> anyhow::Result<()> {
    let claim = RefundClaim::Transferred { by: "the operator".to_owned(), reference: format!("TT {}", leg.bare()) };
    let observation = Observation::new(Source::Operator, program.clock.now(), Claim::Refund(claim));
    let taken = program.desk.observe(leg, &observation, None, None, |_| Settlement::Done).await;
    taken.map(drop).with_context(|| format!("confirming the transfer of {leg}"))
}
