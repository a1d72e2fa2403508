//! Planning shares: it knows how asked shares become exact amounts, and must never know when they are sent.

use crate::id::ChannelAccountId;
use crate::money::Money;
use crate::order::{Dossier, OrderState};
use crate::payment::PaymentState;

use super::{ReceiverKind, SharePart, Sharing};
use crate::clock::Timestamp;

/// Most shares of an order: what WeChat Pay takes in one call.
pub const MAX_SHARES: usize = 50;
/// Longest name of a receiver at its channel.
const MAX_ACCOUNT_BYTES: usize = 64;
/// Longest description in characters; the channel takes 80.
const MAX_DESCRIPTION_CHARS: usize = 80;
/// Longest name of a merchant in bytes: what can be sealed in one block.
const MAX_NAME_BYTES: usize = 200;
/// The whole, in basis points.
const WHOLE: u32 = 10_000;

/// How much of an order is asked for a receiver.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ShareAmount {
    /// So many minor units.
    Minor(i64),
    /// So many hundredths of a percent of the order's amount, rounded down.
    BasisPoints(u32),
}

/// A share as it is asked for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ShareAsk {
    /// Who gets it.
    pub kind: ReceiverKind,
    /// The receiver's name at the channel.
    pub account: String,
    /// What a merchant is called in the register.
    pub name: Option<String>,
    /// How much.
    pub amount: ShareAmount,
    /// What for.
    pub description: String,
}

fn part(n: usize, ask: &ShareAsk, whole: Money) -> Result<SharePart, String> {
    let wrong = |member: &str, what: &str| Err(format!("`shares[{n}].{member}`: {what}"));
    let account = ask.account.trim();
    let plain = account.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
    if account.is_empty() || account.len() > MAX_ACCOUNT_BYTES || !plain {
        return wrong("account", "the receiver's number or openid: 1 to 64 letters, digits, `_` and `-`");
    }
    let description = ask.description.trim();
    let length = description.chars().count();
    if length == 0 || length > MAX_DESCRIPTION_CHARS || description.chars().any(char::is_control) {
        return wrong("description", "say what the share is for, in 1 to 80 characters on one line");
    }
    let name = ask.name.as_deref().map(str::trim);
    match (ask.kind, name) {
        (ReceiverKind::Person, Some(_)) => return wrong("name", "persons are not named; leave it out"),
        (ReceiverKind::Merchant, None) => return wrong("name", "give the merchant's name in the register"),
        (_, Some(name)) if name.is_empty() || name.len() > MAX_NAME_BYTES || name.chars().any(char::is_control) => {
            return wrong("name", "at most 200 bytes of UTF-8 on one line");
        }
        _ => {}
    }
    let amount_minor = match ask.amount {
        ShareAmount::Minor(minor) => minor,
        ShareAmount::BasisPoints(points) if points > WHOLE => {
            return wrong("basis_points", "at most 10000, which is the whole");
        }
        ShareAmount::BasisPoints(points) => scaled(whole.minor, i64::from(points), i64::from(WHOLE)),
    };
    if amount_minor < 1 {
        return wrong("amount_minor", "a share is at least one minor unit");
    }
    let (account, name) = (account.to_owned(), name.map(str::to_owned));
    Ok(SharePart { kind: ask.kind, account, name, amount_minor, description: description.to_owned() })
}

/// `minor * part / whole`, rounded down, without overflow.
pub(super) fn scaled(minor: i64, part: i64, whole: i64) -> i64 {
    let exact = i128::from(minor) * i128::from(part) / i128::from(whole.max(1));
    i64::try_from(exact).unwrap_or(i64::MAX)
}

/// Splits `total` over `weights`, none below zero, in proportion to them: the sum is exact, and no part exceeds its
/// weight where `total` does not exceed their sum.
pub(super) fn apportion(total: i64, weights: &[i64]) -> Vec<i64> {
    let sum = weights.iter().copied().fold(0, i64::saturating_add);
    let (mut weight, mut given) = (0_i64, 0_i64);
    let parts = weights.iter().map(|w| {
        weight = weight.saturating_add(*w);
        let upto = scaled(total, weight, sum);
        let part = upto.saturating_sub(given);
        given = upto;
        part
    });
    parts.collect()
}

/// The shares of an order over `whole`, at most `most_basis_points` of it.
///
/// # Errors
/// What is wrong with them, in words for the caller.
pub fn plan(asks: &[ShareAsk], whole: Money, most_basis_points: u32) -> Result<Vec<SharePart>, String> {
    if asks.len() > MAX_SHARES {
        return Err(format!("`shares`: at most {MAX_SHARES}, not {}", asks.len()));
    }
    let parts = asks.iter().enumerate().map(|(n, ask)| part(n, ask, whole)).collect::<Result<Vec<_>, _>>()?;
    for (n, found) in parts.iter().enumerate() {
        if parts.iter().take(n).any(|p| p.kind == found.kind && p.account == found.account) {
            return Err(format!("`shares[{n}].account`: {} gets a share already; add both up", found.account));
        }
    }
    let sum = parts.iter().map(|p| p.amount_minor).fold(0, i64::saturating_add);
    if sum > whole.minor {
        let sum = Money::new(sum, whole.currency);
        return Err(format!("`shares`: together they are {sum}, more than the order's {whole}"));
    }
    let most = scaled(whole.minor, i64::from(most_basis_points), i64::from(WHOLE));
    if sum > most {
        let (sum, most) = (Money::new(sum, whole.currency), Money::new(most, whole.currency));
        return Err(format!("`shares`: together they are {sum}; of {whole} the channel shares {most} at most"));
    }
    Ok(parts)
}

impl Sharing {
    /// The shares of an order that is paid, `None` while it is not, or when nothing is to be shared: of the oldest
    /// payment that took all of it and whose money does not go back as a duplicate. What goes back already
    /// leaves less to share.
    pub fn of(dossier: &Dossier, now: Timestamp) -> Option<Self> {
        let order = &dossier.order;
        if order.shares.is_empty() || order.state != OrderState::Paid {
            return None;
        }
        let whole = |minor: i64| minor >= order.amount.minor;
        let left = |p: &crate::payment::Payment| p.taken_minor().saturating_sub(dossier.returned_minor(p.id)).max(0);
        let took = dossier.payments.iter().filter(|p| p.state == PaymentState::Captured && whole(p.taken_minor()));
        // Of two that took it, the one that keeps it.
        let payment = took.max_by_key(|p| (left(p), std::cmp::Reverse(p.id))).filter(|p| left(p) > 0)?;
        let weights: Vec<i64> = order.shares.iter().map(|s| s.amount_minor.max(0)).collect();
        let asked = weights.iter().copied().fold(0, i64::saturating_add);
        let amounts = apportion(asked.min(left(payment)), &weights);
        let lines = order.shares.iter().zip(amounts).filter(|(_, minor)| *minor > 0);
        let account: ChannelAccountId = payment.account;
        Some(Self {
            order: order.id,
            payment: payment.id,
            merchant: order.merchant,
            account,
            currency: payment.amount.currency,
            lines: lines.map(|(share, amount_minor)| SharePart { amount_minor, ..share.clone() }).collect(),
            share: super::CallEvidence::default(),
            unfreeze: super::CallEvidence::default(),
            ended: std::collections::BTreeMap::new(),
            returns: Vec::new(),
            version: 0,
            created_at: now,
        })
    }
}
