//! Alipay as the rest of the sandbox sees it: its applications, its keys, and what the common parts ask of its
//! dialect.

use std::collections::BTreeMap;
use std::sync::{PoisonError, RwLock, RwLockReadGuard};

use crate::agreements::{Agreement, AgreementNews};
use crate::alipay::account::App;
use crate::alipay::agreement::AgreementFacts;
use crate::alipay::freeze::HoldFacts;
use crate::alipay::keys::{AlipayCertificate, AlipayKeys, Mode};
use crate::alipay::order_body::OrderBody;
use crate::alipay::{by_hand, page};
use crate::bills::terms::{BEIJING_MS, BillTerms};
use crate::by_hand::{HandMade, HandRefund, Sale, Sold};
use crate::door::{Door, Opened};
use crate::front::{Front, Letter};
use crate::orders::{Happened, Order, Orders};
use crate::refund_books::RefundState;
use crate::refunds::Refund;
use crate::shared::Shared;
use crate::timers::About;
use crate::{AlipayAccount, FeeTerms, SandboxError};

/// Waits after failed attempts to notify, in seconds of the sandbox clock, by the documents: eight attempts
/// within 25 hours.
pub(crate) const WAITS_S: [i64; 7] = [240, 600, 600, 3_600, 7_200, 21_600, 54_000];

/// Bills and payouts.
pub(crate) const BILLS: BillTerms = BillTerms {
    early_ms: BEIJING_MS,
    pays_after_ms: 8 * 3_600_000,
    payer: "支付宝(中国)网络技术有限公司",
    reference: "2088",
    fees: FeeTerms::new(60, 0, true),
    tells_currency: false,
};

/// The front.
pub(crate) struct Alipay {
    apps: BTreeMap<String, App>,
    keys: RwLock<AlipayKeys>,
    root_sn: String,
}

/// What Alipay keeps of an order.
pub(crate) struct TradeFacts {
    /// Alipay's number: shown from the moment when the trade exists.
    pub(crate) trade_no: String,
    pub(crate) qr_code: Option<String>,
    pub(crate) seller_id: String,
    /// What the merchant verifies with, as seen when the order was created.
    pub(crate) mode: Mode,
    pub(crate) notify_url: Option<String>,
    pub(crate) body: OrderBody,
}

impl Alipay {
    pub(crate) fn new(accounts: Vec<AlipayAccount>, keys: AlipayKeys) -> Result<Self, SandboxError> {
        let mut apps = BTreeMap::new();
        for (ordinal, account) in (0..).zip(accounts) {
            let app_id = account.app_id.clone();
            if apps.insert(app_id.clone(), App::new(account, ordinal)?).is_some() {
                return Err(SandboxError::Config(format!("application {app_id} is given twice")));
            }
        }
        Ok(Self { apps, root_sn: keys.root_sn(), keys: RwLock::new(keys) })
    }

    pub(crate) fn app(&self, app_id: &str) -> Option<&App> {
        self.apps.get(app_id)
    }

    pub(crate) fn app_ids(&self) -> impl Iterator<Item = &str> {
        self.apps.keys().map(String::as_str)
    }

    pub(crate) fn root_sn(&self) -> &str {
        &self.root_sn
    }

    pub(crate) fn keys(&self) -> RwLockReadGuard<'_, AlipayKeys> {
        self.keys.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a certificate of Alipay that signs from now on, and gives its digest.
    pub(crate) fn rotate_certificate(&self, now_ms: i64) -> Result<String, SandboxError> {
        let authority = self.keys().authority.clone();
        let renewed = AlipayCertificate::issued(&authority, Some(now_ms))?;
        let sn = renewed.sn.clone();
        self.keys.write().unwrap_or_else(PoisonError::into_inner).rotate(renewed);
        Ok(sn)
    }
}

impl Front for Alipay {
    /// A trade has one number for all its life.
    fn transaction_id(&self, order: &Order, _: i64, _: u64) -> String {
        let held = || order.own.get::<HoldFacts>().map(|facts| facts.auth_no.clone());
        order.own.get::<TradeFacts>().map(|facts| facts.trade_no.clone()).or_else(held).unwrap_or_default()
    }

    /// Payments and the end of unpaid trades are told; a close by the merchant and failed attempts are not.
    fn tells(&self, order: &Order, what: Happened) -> bool {
        if let Some(facts) = order.own.get::<HoldFacts>() {
            return facts.notify_url.is_some() && what == Happened::Authorized;
        }
        let wanted = order.own.get::<TradeFacts>().is_some_and(|facts| facts.notify_url.is_some());
        // Of a debit that left no trade nobody hears.
        let declined = what == Happened::Declined && order.met_at_ms.is_some();
        wanted && (declined || matches!(what, Happened::Paid | Happened::Expired))
    }

    fn tells_refund(&self, refund: &Refund) -> bool {
        refund.tab.state == RefundState::Success
    }

    fn tells_agreement(&self, agreement: &Agreement, what: AgreementNews) -> bool {
        let wanted = agreement.own.get::<AgreementFacts>().is_some_and(|facts| facts.notify_url.is_some());
        wanted && what != AgreementNews::Failed
    }

    /// A debit that succeeds moves the plan by one period; one that does not leaves it where it is.
    fn agreement_charged(&self, agreement: &mut Agreement, now_ms: i64) {
        if let Some(facts) = agreement.own.get_mut::<AgreementFacts>() {
            facts.last = Some(now_ms);
            if let (Some(next), Some(plan)) = (facts.next, &facts.body.plan) {
                facts.next = Some(plan.period.after(next));
            }
        }
    }

    fn letter(&self, world: &Shared, about: About, forged: bool) -> Result<Option<Letter>, SandboxError> {
        self.write_letter(world, about, forged)
    }

    /// Exactly seven bytes, whatever else is nice.
    fn acknowledged(&self, status: u16, body: &[u8]) -> bool {
        status == 200 && body == b"success"
    }

    fn waits_s(&self) -> &'static [i64] {
        &WAITS_S
    }

    fn bills(&self) -> BillTerms {
        BILLS
    }

    fn sold_elsewhere(&self, _: &Orders, sale: &Sale<'_>) -> Option<Sold> {
        by_hand::sold(self.app(sale.account)?, sale)
    }

    fn refunded_by_hand(&self, order: &Order, wish: &HandRefund<'_>) -> Option<HandMade> {
        by_hand::refunded(order, wish)
    }

    fn open(&self, world: &Shared, door: &Door) -> Option<Result<Opened, String>> {
        page::open(self, world, door)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eight_attempts_are_made_within_25_hours() {
        assert_eq!(WAITS_S.len() + 1, 8);
        assert_eq!(WAITS_S.iter().sum::<i64>(), 24 * 3_600 + 24 * 60);
    }
}
