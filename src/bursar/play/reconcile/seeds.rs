//! What is made wrong on purpose before a reconciliation: it knows which payments are struck how and what must be
//! found of each, and must never look at what was found.

use std::collections::{BTreeMap, BTreeSet};

use bursar_core::channel::ChannelKind;
use bursar_core::id::ChannelAccountId;
use bursar_core::order::OrderState;
use bursar_core::payment::{Payment, PaymentState};
use bursar_core::reconcile::{BreakKind, BreakState};
use bursar_core::{Clock as _, Timestamp};
use bursar_sandbox::{BookEntry, Channel, LineFlaw};

use super::Means;
use crate::play::audit::dossiers;

/// What a sale elsewhere costs, in minor units.
const SALE_MINOR: i64 = 4_400;
/// By how much an amount is told too high, in minor units.
const MORE_MINOR: i64 = 100;

/// What must be found: where, which kind, in which state, and the number that people look for.
pub(super) type Wanted = (ChannelAccountId, BreakKind, BreakState, String);

/// Everything that was seeded.
#[derive(Debug, Default)]
pub(super) struct Seeds {
    pub(super) wanted: BTreeSet<Wanted>,
    /// Where a bill of trades was struck: where funds have a bill of their own, both do not tie any more.
    pub(super) struck: BTreeSet<ChannelAccountId>,
}

/// A payment that can be struck.
struct Target {
    channel: Channel,
    account: ChannelAccountId,
    number: String,
    amount_minor: i64,
    /// The account as the sandbox knows it.
    merchant: String,
    /// Its bill is not made yet.
    fresh: bool,
}

/// Strikes payments of the business days that are not over: at each channel one is told with another amount, one
/// twice, one not at all, one is given back on the channel's own pages, and something is sold elsewhere.
pub(super) async fn sow(means: &Means<'_>) -> anyhow::Result<Seeds> {
    let mut seeds = Seeds::default();
    for (n, targets) in (1_u64..).zip(targets(means).await?.into_values()) {
        let (sandbox, wrong) = (means.sandbox, anyhow::Error::msg);
        if let Some(any) = targets.first() {
            let number = format!("SHOP{:014}{n:02}", means.clock.now().as_millis());
            sandbox.take_foreign(any.channel, &any.merchant, &number, SALE_MINOR).map_err(wrong)?;
            seeds.wanted.insert((any.account, BreakKind::MissingHere, BreakState::Parked, number));
        }
        let mut fresh = targets.iter().filter(|t| t.fresh);
        let flaws = [
            (LineFlaw::Amount(MORE_MINOR), BreakKind::Amount, BreakState::Parked),
            (LineFlaw::Doubled, BreakKind::DuplicateLine, BreakState::Parked),
            // The bills of the next days may still have it.
            (LineFlaw::LeftOut, BreakKind::CrossDay, BreakState::Open),
        ];
        for (flaw, kind, state) in flaws {
            let Some(target) = fresh.next() else { break };
            sandbox.distort(&target.merchant, &target.number, flaw).map_err(wrong)?;
            seeds.struck.insert(target.account);
            seeds.wanted.insert((target.account, kind, state, target.number.clone()));
        }
        if let Some(target) = fresh.next() {
            let part_minor = (target.amount_minor / 2).max(1);
            let number = sandbox.refund_by_hand(&target.merchant, &target.number, part_minor).map_err(wrong)?;
            seeds.wanted.insert((target.account, BreakKind::RefundMissingHere, BreakState::Healed, number));
        }
    }
    Ok(seeds)
}

/// Payments of which nothing went back, by channel, the oldest first.
async fn targets(means: &Means<'_>) -> anyhow::Result<BTreeMap<ChannelKind, Vec<Target>>> {
    let books = means.sandbox.books();
    let theirs: BTreeMap<&str, &BookEntry> = books.iter().map(|b| (b.out_trade_no.as_str(), b)).collect();
    let mut found: BTreeMap<ChannelKind, Vec<Target>> = BTreeMap::new();
    let now = means.clock.now();
    for actor in means.actors {
        for dossier in dossiers(means.program.store.as_ref(), actor.merchant).await? {
            let untouched = |p: &&Payment| {
                p.state == PaymentState::Captured && p.agreement.is_none() && dossier.legs().all(|l| l.payment != p.id)
            };
            if dossier.order.state != OrderState::Paid {
                continue;
            }
            for payment in dossier.payments.iter().filter(untouched) {
                let (number, channel) = (payment.number(), payment.method.channel());
                let Some(entry) = theirs.get(number.as_str()).filter(|b| b.state == "SUCCESS" && b.charges == 1) else {
                    continue;
                };
                let paid_at = Timestamp::from_millis(entry.paid_at_ms.unwrap_or_default());
                found.entry(channel).or_default().push(Target {
                    channel: entry.channel,
                    account: payment.account,
                    number,
                    amount_minor: entry.captured_minor,
                    merchant: entry.account.clone(),
                    fresh: channel.business_day(paid_at) == channel.business_day(now),
                });
            }
        }
    }
    found.values_mut().for_each(|targets| targets.sort_by(|a, b| a.number.cmp(&b.number)));
    Ok(found)
}
