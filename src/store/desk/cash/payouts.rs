//! Cash that goes back to a payer: it knows that the drawer, the payout and what its leg hears of it are one commit,
//! and must never know whether there is enough in a drawer.

use std::sync::atomic::{AtomicBool, Ordering};

use bursar_core::cash::{CashError, Payout};
use bursar_core::id::{LegId, PayoutId};
use bursar_core::observation::{Observation, Source};
use bursar_core::order::Dossier;
use bursar_core::refund::LegState;

use super::{Cashed, Complete};
use crate::desk::{Desk, MAX_RACES, Taken, too_many_races};
use crate::{Change, Result, Settlement};

/// What is said of cash that goes back.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Handover {
    /// Out of whose drawer.
    pub worker: String,
    /// Who says so.
    pub by: String,
    /// What the payer signed, or the code that he was sent.
    pub proof: String,
}

impl Desk {
    /// Pays a leg of a refund out of a drawer. Two payouts, or a payout and a hand-in, of one drawer meet at the
    /// collections that the payout stands on: their versions let one of them load again.
    ///
    /// # Errors
    /// When the database cannot be read or written.
    pub async fn pay_out(
        &self,
        id: LegId,
        said: &Handover,
        complete: Complete<'_, Dossier>,
    ) -> Result<Cashed<Dossier>> {
        for _ in 0..MAX_RACES {
            let Some(dossier) = self.gatherer.dossier_of_leg(id).await? else { return Ok(Cashed::Missing) };
            let found = dossier.leg(id).and_then(|(r, l)| Some((r, l, dossier.payment(l.payment)?)));
            let Some((refund, leg, payment)) = found else { return Ok(Cashed::Missing) };
            let now = self.clock.now();
            let payout = Payout {
                id: PayoutId::fresh(now, self.chance.as_ref()),
                leg: id,
                merchant: payment.merchant,
                account: payment.account,
                worker: said.worker.clone(),
                amount: leg.amount,
                by: said.by.clone(),
                proof: said.proof.clone(),
                at: now,
                hand_in: None,
                version: 0,
            };
            let contents = self.gatherer.store().drawer(payment.account, Some(&said.worker)).await?;
            let judged = Payout::check_leg(refund, leg, payment)
                .and_then(|()| payout.stands_on(&contents.collections, &contents.payouts));
            let stands_on: Vec<_> = match judged {
                Ok(rows) => rows.into_iter().cloned().collect(),
                Err(why) => return Ok(Cashed::Refused(why)),
            };
            let done = AtomicBool::new(false);
            let add = |after: &Dossier, change: &mut Change| {
                let paid = |l: &bursar_core::refund::Leg| {
                    l.state == LegState::Succeeded && l.evidence.paid_out.as_ref().is_some_and(|(at, _)| *at == now)
                };
                // Somebody else settled the leg meanwhile: nothing at all is written.
                let holds = after.leg(id).is_some_and(|(_, leg)| paid(leg));
                done.store(holds, Ordering::SeqCst);
                if !holds {
                    *change = Change::default();
                    return;
                }
                change.cash.collections.clone_from(&stands_on);
                change.cash.new_payouts.push(payout.clone());
                complete(after, change);
            };
            let told = Observation::new(Source::Collection, now, payout.claim());
            match self.take(id.into(), &told, None, None, |_| Settlement::Hold, add).await? {
                Taken::Written(after) if done.load(Ordering::SeqCst) => return Ok(Cashed::Written(after)),
                Taken::Written(_) => {}
                Taken::Duplicate | Taken::Fenced => {
                    // The drawer has moved on, the leg was paid out, or the key is taken.
                    let paid = self.gatherer.store().payout_of(id).await?;
                    if let Some(paid) = paid {
                        let known = self.gatherer.dossier_of_leg(id).await?;
                        let same = paid.by == said.by && paid.worker == said.worker && paid.proof == said.proof;
                        return Ok(match known {
                            Some(known) if same => Cashed::Known(Box::new(known)),
                            _ => Cashed::Refused(CashError::Leg { leg: id, state: LegState::Succeeded.name() }),
                        });
                    }
                    let again = self.gatherer.store().drawer(payment.account, Some(&said.worker)).await?;
                    if again == contents {
                        return Ok(Cashed::Duplicate);
                    }
                }
                Taken::NoSuchSubject => return Ok(Cashed::Missing),
            }
        }
        Err(too_many_races(id))
    }
}
