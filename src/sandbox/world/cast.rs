//! Who takes part: merchants with their policies, accounts and endpoints, and what the channel lets them give
//! back. It knows the seed, and must never know an order.

use bursar_core::chance::Chance;
use bursar_core::channel::{ChannelFacts, ChannelKind, RefundLimits};
use bursar_core::clock::{HOUR_MS, MINUTE_MS, Timestamp};
use bursar_core::id::{ChannelAccountId, EndpointId, MerchantId};
use bursar_core::merchant::{AfterClose, ChannelAccount, Endpoint, LateMoneyPolicy, Merchant, MerchantPolicy};
use uuid::Uuid;

use super::giving::Limits;
use super::planted::Planted;
use super::state::{BEGIN_MS, State, stream};

/// Merchants of a history.
pub(crate) const MERCHANTS: u64 = 3;
/// Accounts of each on each channel.
const ACCOUNTS: u64 = 2;
/// How long a merchant's question about late money stands.
const DEADLINE_MS: i64 = 2 * HOUR_MS;

fn number(kind: u64, index: u64) -> Uuid {
    Uuid::from_u64_pair(0xb025_0000_0000_7000 | kind, 0x8000_0000_0000_0000 | index)
}

pub(crate) fn merchant(index: u64) -> MerchantId {
    MerchantId(number(1, index))
}

pub(crate) fn account(merchant: u64, channel: ChannelKind, index: u64) -> ChannelAccountId {
    let at = (0..).zip(ChannelKind::ALL).find(|(_, kind)| *kind == channel).map_or(0, |(at, _)| at);
    ChannelAccountId(number(2, (merchant * 10 + at) * ACCOUNTS + index))
}

/// An account of somebody else on the channel of this one.
pub(crate) fn stranger(of: ChannelAccountId) -> ChannelAccountId {
    let whose = |kind| (0..MERCHANTS).any(|m| (0..ACCOUNTS).any(|n| account(m, kind, n) == of));
    let kind = ChannelKind::ALL.into_iter().find(|kind| whose(*kind)).unwrap_or(ChannelKind::Wechat);
    let first = account(0, kind, 0);
    if of == first { account(1, kind, 0) } else { first }
}

/// What each merchant wants us to do by ourselves.
pub(crate) fn policy(index: u64) -> MerchantPolicy {
    match index {
        0 => MerchantPolicy::default(),
        1 => MerchantPolicy {
            late_money: LateMoneyPolicy::NeverAccept,
            after_close: AfterClose::Park { deadline_ms: DEADLINE_MS },
            approval_above_minor: Some(30_000),
            ..MerchantPolicy::default()
        },
        _ => MerchantPolicy {
            late_money: LateMoneyPolicy::AcceptWhileClosing,
            after_close: AfterClose::Reopen,
            approval_above_minor: Some(50_000),
            ..MerchantPolicy::default()
        },
    }
}

/// The policy of the merchant with this id.
pub(crate) fn policy_of(id: MerchantId) -> MerchantPolicy {
    (0..MERCHANTS).find(|i| merchant(*i) == id).map(policy).unwrap_or_default()
}

/// Puts everybody into the tables.
pub(crate) fn assemble(state: &mut State, seed: u64) {
    let created_at = Timestamp::from_millis(BEGIN_MS);
    let known = limits(state, seed);
    for index in 0..MERCHANTS {
        let mut policy = policy(index);
        if state.planted == Some(Planted::ApprovalSkipped) {
            policy.approval_above_minor = None;
        }
        let row = Merchant { id: merchant(index), name: format!("merchant {index}"), policy, created_at };
        state.tables.merchants.insert(row.id, row);
        for channel in ChannelKind::ALL {
            for nth in 0..ACCOUNTS {
                let row = ChannelAccount {
                    id: account(index, channel, nth),
                    merchant: merchant(index),
                    channel,
                    settings: serde_json::Value::Null,
                    facts: Some(facts(state, channel, known)),
                    created_at,
                };
                state.tables.accounts.insert(row.id, row);
            }
        }
        for endpoint in 0..=index.min(1) {
            let row = Endpoint {
                id: EndpointId(number(3, index * 10 + endpoint)),
                merchant: merchant(index),
                url: "https://world.example".to_owned(),
                secrets: Vec::new(),
                enabled: true,
                created_at,
            };
            state.tables.endpoints.insert(row.id, row);
        }
    }
}

/// Draws the channels' limits, in some histories narrow; whether we know them.
fn limits(state: &mut State, seed: u64) -> bool {
    let chance = stream(seed, 6_000);
    let usual = state.books.givings.limits;
    let limits = match chance.below(6) {
        0 => Limits { most: 2, ..usual },
        1 => Limits { most: 4, ..usual },
        2 => Limits { within_ms: 20 * MINUTE_MS, ..usual },
        _ => usual,
    };
    state.books.givings.limits = limits;
    chance.below(2) == 0
}

/// What we know of a channel.
fn facts(state: &State, channel: ChannelKind, known: bool) -> ChannelFacts {
    let (facts, limits) = (channel.facts(), state.books.givings.limits);
    let refund = RefundLimits {
        within_ms: limits.within_ms,
        most: u32::try_from(limits.most).unwrap_or(u32::MAX),
        spacing_ms: if channel == ChannelKind::Wechat { limits.spacing_ms } else { facts.refund.spacing_ms },
    };
    ChannelFacts {
        refund: if known && channel.refunds() { refund } else { facts.refund },
        propagation_ms: if state.planted == Some(Planted::NoWindow) { 0 } else { facts.propagation_ms },
        ..facts
    }
}
