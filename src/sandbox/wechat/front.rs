//! WeChat as the rest of the sandbox sees it: its merchants, the platform's keys, and what the common parts
//! ask of its dialect.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock, RwLockReadGuard};

use crate::door::Door;
use crate::fates::Asker;
use crate::front::{Front, Letter};
use crate::orders::{Happened, Order};
use crate::pace::beijing_digits;
use crate::refunds::Refund;
use crate::shared::Shared;
use crate::timers::About;
use crate::wechat::account::Merchant;
use crate::wechat::body::CreateBody;
use crate::wechat::platform::{PlatformCertificate, PlatformKeys, SignWith};
use crate::wechat::refund_body::RefundBody;
use crate::{Channel, MerchantAccount, SandboxError};

/// Waits after failed attempts, in seconds of the sandbox clock, by the documents: about a day in all.
pub(crate) const WAITS_S: [i64; 15] =
    [15, 15, 30, 180, 600, 1_200, 1_800, 1_800, 1_800, 3_600, 10_800, 10_800, 10_800, 21_600, 21_600];

/// The front.
pub(crate) struct Wechat {
    merchants: HashMap<String, Merchant>,
    platform: RwLock<PlatformKeys>,
}

/// What WeChat keeps of an order.
pub(crate) struct OrderFacts {
    pub(crate) body: CreateBody,
    /// What the merchant verifies with, as seen when the order was created.
    pub(crate) sign_with: SignWith,
}

/// What WeChat keeps of a refund.
pub(crate) struct RefundFacts {
    pub(crate) body: RefundBody,
    /// What the merchant verifies with, as seen when the refund was asked for.
    pub(crate) sign_with: SignWith,
}

impl Wechat {
    pub(crate) fn new(accounts: Vec<MerchantAccount>, platform: PlatformKeys) -> Result<Self, SandboxError> {
        let mut merchants = HashMap::new();
        for (ordinal, account) in (0..).zip(accounts) {
            let mchid = account.mchid.clone();
            if merchants.insert(mchid.clone(), Merchant::new(account, ordinal)?).is_some() {
                return Err(SandboxError::Config(format!("merchant {mchid} is given twice")));
            }
        }
        Ok(Self { merchants, platform: RwLock::new(platform) })
    }

    pub(crate) fn merchant(&self, mchid: &str) -> Option<&Merchant> {
        self.merchants.get(mchid)
    }

    pub(crate) fn platform(&self) -> RwLockReadGuard<'_, PlatformKeys> {
        self.platform.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a platform certificate that signs from now on, and gives its serial.
    pub(crate) fn rotate_certificate(&self, now_ms: i64) -> Result<String, SandboxError> {
        let renewed = PlatformCertificate::renewed(now_ms)?;
        let serial = renewed.serial.clone();
        self.platform.write().unwrap_or_else(PoisonError::into_inner).rotate(renewed);
        Ok(serial)
    }
}

impl Merchant {
    pub(crate) fn asker(&self) -> Asker<'_> {
        Asker { channel: Channel::Wechat, account: &self.account.mchid, ordinal: self.ordinal }
    }
}

impl Front for Wechat {
    fn transaction_id(&self, order: &Order, now_ms: i64, serial: u64) -> String {
        let day: String = beijing_digits(now_ms).chars().take(8).collect();
        format!("42000{:05}{day}{serial:010}", order.fate % 100_000)
    }

    /// Of an order, only its payment is told: nobody hears of a close or a failed attempt.
    fn tells(&self, _: &Order, what: Happened) -> bool {
        what == Happened::Paid
    }

    fn tells_refund(&self, refund: &Refund) -> bool {
        refund.own.get::<RefundFacts>().is_some_and(|facts| facts.body.notify_url.is_some())
    }

    fn letter(&self, world: &Shared, about: About, forged: bool) -> Result<Option<Letter>, SandboxError> {
        self.write_letter(world, about, forged)
    }

    fn acknowledged(&self, status: u16, _: &[u8]) -> bool {
        (200..300).contains(&status)
    }

    fn waits_s(&self) -> &'static [i64] {
        &WAITS_S
    }

    /// Payers come by themselves as soon as an order is created: no page of WeChat is opened here.
    fn open(&self, _: &Shared, _: &Door) -> Option<Result<usize, String>> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schedule_of_attempts_lasts_about_a_day() {
        assert_eq!(WAITS_S.iter().sum::<i64>(), 24 * 3_600 + 4 * 60);
    }
}
