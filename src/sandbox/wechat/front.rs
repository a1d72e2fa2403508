//! WeChat as the rest of the sandbox sees it: its merchants, the platform's keys, and what the common parts
//! ask of its dialect.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock, RwLockReadGuard};

use crate::agreements::{Agreement, AgreementNews};
use crate::bills::terms::{BEIJING_MS, BillTerms};
use crate::by_hand::{HandMade, HandRefund, Sale, Sold};
use crate::door::{Door, Opened};
use crate::fates::Asker;
use crate::front::{Front, Letter};
use crate::orders::{Happened, Order, Orders};
use crate::pace::beijing_digits;
use crate::refunds::Refund;
use crate::shared::Shared;
use crate::timers::About;
use crate::wechat::account::Merchant;
use crate::wechat::body::CreateBody;
use crate::wechat::contract_body::SignBody;
use crate::wechat::notice::Notice;
use crate::wechat::platform::{PlatformCertificate, PlatformKeys, SignWith};
use crate::wechat::refund_body::RefundBody;
use crate::wechat::service::COLLECTS;
use crate::wechat::{by_hand, contract};
use crate::{Channel, FeeTerms, MerchantAccount, SandboxError};

/// Waits after failed attempts, in seconds of the sandbox clock, by the documents: about a day in all.
pub(crate) const WAITS_S: [i64; 15] =
    [15, 15, 30, 180, 600, 1_200, 1_800, 1_800, 1_800, 3_600, 10_800, 10_800, 10_800, 21_600, 21_600];

/// Bills and payouts.
pub(crate) const BILLS: BillTerms = BillTerms {
    early_ms: BEIJING_MS,
    pays_after_ms: 7 * 3_600_000,
    payer: "财付通支付科技有限公司",
    reference: "1320",
    fees: FeeTerms::new(60, 0, true),
    tells_currency: true,
};

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

/// What WeChat keeps of a contract.
pub(crate) struct ContractFacts {
    pub(crate) body: SignBody,
    /// What the merchant verifies with, as seen when the contract was asked for.
    pub(crate) sign_with: SignWith,
    /// What the payer was last told of the next debit.
    pub(crate) notice: Option<Notice>,
    /// Why the merchant ended it.
    pub(crate) remark: Option<String>,
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

    /// Of an order, only its payment, the payer's confirmation of a service and the failure of a debit are told:
    /// nobody hears of a close or of an attempt that failed.
    fn tells(&self, _: &Order, what: Happened) -> bool {
        matches!(what, Happened::Paid | Happened::Authorized | Happened::Declined)
    }

    /// Signatures and ends; of a signature that failed nobody hears.
    fn tells_agreement(&self, _: &Agreement, what: AgreementNews) -> bool {
        what != AgreementNews::Failed
    }

    fn tells_refund(&self, refund: &Refund) -> bool {
        refund.own.get::<RefundFacts>().is_some_and(|facts| facts.body.notify_url.is_some())
    }

    fn runs_errand(&self, world: &Shared, position: usize, errand: u8) {
        if errand == COLLECTS {
            world.wechat_collects(position);
        }
    }

    fn letter(&self, world: &Shared, about: About, forged: bool) -> Result<Option<Letter>, SandboxError> {
        self.write_letter(world, about, forged)
    }

    /// One notice is for one debit that succeeds.
    fn agreement_charged(&self, agreement: &mut Agreement, _: i64) {
        if let Some(facts) = agreement.own.get_mut::<ContractFacts>() {
            facts.notice = None;
        }
    }

    fn acknowledged(&self, status: u16, _: &[u8]) -> bool {
        (200..300).contains(&status)
    }

    fn waits_s(&self) -> &'static [i64] {
        &WAITS_S
    }

    fn bills(&self) -> BillTerms {
        BILLS
    }

    fn sold_elsewhere(&self, _: &Orders, sale: &Sale<'_>) -> Option<Sold> {
        by_hand::sold(self.merchant(sale.account)?, sale)
    }

    fn refunded_by_hand(&self, order: &Order, wish: &HandRefund<'_>) -> Option<HandMade> {
        by_hand::refunded(order, wish)
    }

    /// Payers come by themselves as soon as an order is created, or a contract is asked for. The page of a contract
    /// can be opened all the same.
    fn open(&self, world: &Shared, door: &Door) -> Option<Result<Opened, String>> {
        if let Door::OrderString(package) = door {
            let orders = world.orders();
            let of = |mchid: &String| orders.position_of(Channel::Wechat, mchid, package);
            return self.merchants.keys().find_map(of).map(Opened::Order).map(Ok);
        }
        let Door::Url(url) = door else { return None };
        let session = url.strip_prefix(contract::PAGE)?;
        let orders = world.orders();
        let of = |mchid: &String| orders.agreements.position_of(Channel::Wechat, mchid, session);
        let found = self.merchants.keys().find_map(of).map(Opened::Agreement);
        Some(found.ok_or_else(|| "there is no such contract to sign".to_owned()))
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
