//! What a sandbox is started with: it knows settings and their defaults, and must never read the
//! environment or a file.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use bursar_core::clock::Clock;

use crate::{
    AlipayAccount, AlipayKeys, Faults, FeeTerms, MerchantAccount, PayerMix, PlatformKeys, Provisioned, RefundLimits,
    RefundMix, StripeAccount, UnionpayAccount, UnionpayKeys,
};

/// The settings of a sandbox.
#[derive(Clone, Debug)]
pub struct SandboxConfig {
    /// Where to listen; port 0 lets the system choose. Loopback, unless the network is trusted: the
    /// admin endpoints ask for no password.
    pub listen: SocketAddr,
    /// Decides everything that is drawn: the same seed and orders meet the same payers and faults.
    pub seed: u64,
    /// What goes wrong; can be changed while running.
    pub faults: Faults,
    /// The sandbox's time; a fast clock makes payers and notification schedules fast.
    pub clock: Arc<dyn Clock>,
    /// Who pays how.
    pub payers: PayerMix,
    /// What becomes of refunds.
    pub refunds: RefundMix,
    /// What a merchant may not exceed when it refunds.
    pub refund_limits: RefundLimits,
    /// What accounts pay the channels, by the account's number; the others pay what is usual on their channel: on
    /// WeChat and Alipay 0.6 percent, given back with refunds, on UnionPay 0.6 percent, on Stripe 2.9 percent and 30.
    pub fees: BTreeMap<String, FeeTerms>,
    /// How long the faults `timeout_before_effect` and `slow` hold a connection, in real milliseconds.
    pub fault_hold_ms: u64,
    /// The merchants' accounts on WeChat.
    pub accounts: Vec<MerchantAccount>,
    /// WeChat's own keys, shared by all merchants.
    pub platform: PlatformKeys,
    /// The merchants' applications on Alipay.
    pub alipay: Vec<AlipayAccount>,
    /// Alipay's own keys, shared by all merchants.
    pub alipay_platform: AlipayKeys,
    /// The merchants' accounts on UnionPay.
    pub unionpay: Vec<UnionpayAccount>,
    /// UnionPay's own keys, shared by all merchants.
    pub unionpay_network: UnionpayKeys,
    /// The merchants' accounts on Stripe.
    pub stripe: Vec<StripeAccount>,
}

impl SandboxConfig {
    /// A calm sandbox with one merchant, who has an account on every channel, on a free port of loopback.
    pub fn new(clock: Arc<dyn Clock>, keys: &Provisioned) -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            seed: 0,
            faults: Faults::calm(),
            clock,
            payers: PayerMix::default(),
            refunds: RefundMix::default(),
            refund_limits: RefundLimits::default(),
            fees: BTreeMap::new(),
            // Short, so that runs do not crawl; clients with a shorter time-out see a time-out.
            fault_hold_ms: 300,
            accounts: vec![keys.account.clone()],
            platform: keys.platform.clone(),
            alipay: vec![keys.alipay.account.clone()],
            alipay_platform: keys.alipay.platform.clone(),
            unionpay: vec![keys.unionpay.account.clone()],
            unionpay_network: keys.unionpay.network.clone(),
            stripe: vec![keys.stripe.account.clone()],
        }
    }

    /// Adds another merchant's accounts, on every channel. Its keys must be from the same folder, as the
    /// channels' own keys are.
    pub fn admit(&mut self, keys: &Provisioned) {
        self.accounts.push(keys.account.clone());
        self.alipay.push(keys.alipay.account.clone());
        self.unionpay.push(keys.unionpay.account.clone());
        self.stripe.push(keys.stripe.account.clone());
    }
}
