//! The people of the benchmark: it knows on which channels nobody pays without people, and must never let them make
//! mistakes.

use bursar_core::channel::{ChannelKind, Method};
use bursar_sandbox::Bank;
use bursar_sandbox::merchant::{BankAccount, LOOKS, Manner, Placed, Town, keep_books, pay_all};
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, JoinSet};

use super::run::Plan;
use super::stage::{Addresses, MERCHANTS, Place};
use crate::play::audit::ByHand;
use crate::play::cast::Actor;

/// By what payments of a channel are made.
pub(super) const fn method(channel: ChannelKind) -> Method {
    match channel {
        ChannelKind::Wechat => Method::WechatNative,
        ChannelKind::Alipay => Method::AlipayQr,
        ChannelKind::Unionpay => Method::UnionpayWeb,
        ChannelKind::Stripe => Method::Card,
        ChannelKind::Bank => Method::BankTransfer,
        ChannelKind::Cash => Method::Cash,
    }
}

/// Whether nobody pays on a channel who was not given what he is to pay with. Elsewhere the channel knows the order
/// when it was created, and the sandbox's payers pay by themselves.
const fn needs_customers(channel: ChannelKind) -> bool {
    matches!(channel, ChannelKind::Unionpay | ChannelKind::Bank | ChannelKind::Cash)
}

/// How many workers of each merchant take the cash of a burst: each from some eight customers, as on a busy day. What
/// he has not handed in yet is read at each collection, so a few workers who take all of it would measure something
/// else. An odd number: whoever counts orders meets all of them, with merchants who take turns.
fn workers(orders: u32) -> u32 {
    (orders / (8 * MERCHANTS)) | 1
}

/// Customers and staff. Staff goes home when this is dropped.
pub(super) struct People {
    channel: ChannelKind,
    town: Town,
    _staff: JoinSet<()>,
}

/// Customers of one feed of orders; `None` where they are not needed.
pub(super) struct Customers(Option<JoinHandle<Result<(), bursar_sandbox::SandboxError>>>);

impl People {
    /// The people around merchants whose accounts at `bank` have these numbers.
    pub(super) fn gather(plan: &Plan, at: &Addresses, place: &Place, bank: Bank) -> anyhow::Result<Self> {
        let manner = Manner::exact(plan.concurrency, workers(plan.orders));
        let town = Town::new((&at.gateway, false), &at.sandbox, bank, place.program.clock.clone(), manner)?;
        let banks: Vec<BankAccount> = place
            .actors
            .iter()
            .zip(&place.bank_numbers)
            .filter_map(|(actor, number)| actor.bank_account(number))
            .collect();
        let mut staff = JoinSet::new();
        if !banks.is_empty() {
            staff.spawn(keep_books(town.clone(), banks));
        }
        Ok(Self { channel: plan.channel, town, _staff: staff })
    }

    /// Lets the customers of `orders` pay; `seed` is another for each feed.
    pub(super) fn serve(&self, actors: &[Actor], seed: u64, orders: mpsc::UnboundedReceiver<Placed>) -> Customers {
        let (town, backends) = (self.town.for_others(seed), actors.iter().map(Actor::backend).collect::<Vec<_>>());
        let serving = async move { pay_all(&backends, &town, orders).await };
        Customers(needs_customers(self.channel).then(|| tokio::spawn(serving)))
    }

    /// How often customers looked what there was to pay with.
    pub(super) fn looks(&self) -> u64 {
        self.town.diary.read().0.get(LOOKS).copied().unwrap_or(0)
    }

    /// What surprised somebody.
    pub(super) fn surprises(&self) -> Vec<String> {
        self.town.diary.read().1
    }

    /// Their books of what went from hand to hand.
    pub(super) fn by_hand(&self) -> ByHand {
        ByHand { bank: Some(self.town.bank.books()), cash: Some(self.town.pockets.books()) }
    }
}

impl Customers {
    /// Waits until each has done what he has to.
    pub(super) async fn have_paid(self) -> anyhow::Result<()> {
        match self.0 {
            Some(serving) => Ok(serving.await??),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_channel_is_measured_by_a_way_of_its_own() {
        assert!(ChannelKind::ALL.into_iter().all(|channel| method(channel).channel() == channel));
    }

    #[test]
    fn where_no_channel_can_be_asked_somebody_has_to_pay_by_hand() {
        for channel in ChannelKind::ALL.into_iter().filter(|channel| !channel.can_be_asked()) {
            assert!(needs_customers(channel), "{channel:?}");
        }
        assert!(!needs_customers(ChannelKind::Wechat));
    }
}
