//! Money by hand in the audit: what customers transferred and handed over against what our books say came, and what
//! they got back. It knows the books of the bank and of workers' pockets, and must never forgive a difference.

use bursar_core::bank::LineState;
use bursar_core::channel::ChannelKind;
use bursar_core::order::Dossier;
use bursar_core::payment::Payment;
use bursar_core::refund::{LegState, Route};
use bursar_sandbox::BankBooks;
use bursar_sandbox::merchant::CashBooks;
use bursar_store::{LineFilter, Store};

use super::Audit;
use crate::play::cast::Actor;

/// The other side's books of money by hand; `None` where nobody keeps any.
#[derive(Clone, Debug, Default)]
pub struct ByHand {
    /// The bank's.
    pub bank: Option<BankBooks>,
    /// The workers'.
    pub cash: Option<CashBooks>,
}

impl ByHand {
    /// Compares what came for a payment; gives that, in minor units.
    pub(super) fn weigh_payment(&self, audit: &mut Audit, payment: &Payment) -> i64 {
        let channel = payment.method.channel();
        let id = payment.id.to_string();
        let theirs = match channel {
            ChannelKind::Bank => self.bank.as_ref().map(|books| books.payments.get(&id)),
            ChannelKind::Cash => self.cash.as_ref().map(|books| books.payments.get(&id)),
            _ => None,
        };
        let Some(theirs) = theirs.map(|minor| minor.copied().unwrap_or_default()) else { return 0 };
        let ours = payment.evidence.received_minor();
        if ours != theirs {
            let words = format!("{id} ({}) has {ours} minor units here; its payer gave {theirs}", payment.method);
            audit.differs(channel, words);
        }
        theirs
    }

    /// Compares what went back by hand for the legs of an order's refunds.
    pub(super) fn weigh_refunds(&self, audit: &mut Audit, dossier: &Dossier) {
        let Some(bank) = &self.bank else { return };
        let cash = self.cash.as_ref();
        for leg in dossier.legs().filter(|leg| leg.route == Route::Transfer) {
            let id = leg.id.to_string();
            let handed_out = cash.and_then(|books| books.legs.get(&id)).copied().unwrap_or_default();
            let theirs = bank.legs.get(&id).copied().unwrap_or_default() + handed_out;
            let ours = if leg.state == LegState::Succeeded { leg.amount.minor } else { 0 };
            if ours != theirs {
                let state = leg.state.name();
                let words = format!("{id} is {state} here with {ours} minor units; its payer got {theirs} by hand");
                let payment = dossier.payment(leg.payment);
                audit.differs(payment.map_or(ChannelKind::Bank, |p| p.method.channel()), words);
            }
        }
    }

    /// Compares what is about no payment: lines that wait for somebody, and drawers.
    pub(super) async fn weigh_rest(&self, audit: &mut Audit, store: &dyn Store, actor: &Actor) -> anyhow::Result<()> {
        if let (Some(bank), Some(account)) = (&self.bank, actor.till(ChannelKind::Bank)) {
            if bank.untold > 0 {
                audit.differs(ChannelKind::Bank, format!("the bank has {} lines that it has not told", bank.untold));
            }
            for state in [LineState::New, LineState::Matched, LineState::Suspense] {
                let filter = LineFilter { account, state: Some(state), after: None, limit: 100 };
                for line in store.lines(&filter).await? {
                    audit.differs(ChannelKind::Bank, format!("{} is {}: nobody has its money", line.id, state.name()));
                }
            }
        }
        if let (Some(cash), Some(account)) = (&self.cash, actor.till(ChannelKind::Cash)) {
            let drawers = store.drawers(account).await?;
            for ((_, worker), carries) in cash.pockets.iter().filter(|((owner, _), _)| *owner == account) {
                let ours: i64 = drawers.iter().filter(|d| d.worker == *worker).map(|d| d.carried_minor()).sum();
                if ours != *carries {
                    let words = format!("{worker} carries {carries} minor units; his drawer says {ours}");
                    audit.differs(ChannelKind::Cash, words);
                }
            }
        }
        Ok(())
    }
}
