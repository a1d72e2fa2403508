//! The channels with agreements, as the stories meet them: it knows numbers and days, and must never know a story.

use bursar::play::accounts::{self, Dialect};
use bursar_core::channel::{ChannelKind, Method};
use bursar_sandbox::Provisioned;
use serde_json::Value;

/// A way to be charged without doing anything.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Place {
    /// The way.
    pub method: Method,
    /// Whether the channel is told when charges come, and holds the merchant to that (Alipay's 周期扣款).
    pub rhythmic: bool,
}

impl Place {
    pub(super) const fn channel(self) -> ChannelKind {
        self.method.channel()
    }

    /// The settings of an account whose other side is the sandbox.
    pub(super) fn settings(self, keys: &Provisioned, base_url: &str) -> Value {
        let mut settings = accounts::settings(self.channel(), keys, "agency-0", base_url, Dialect::Usual);
        if self.rhythmic {
            settings["agreements"]["product_code"] = "CYCLE_PAY_AUTH".into();
        }
        settings
    }

    /// The merchant's number at the channel.
    pub(super) fn merchant(self, keys: &Provisioned) -> &str {
        match self.channel() {
            ChannelKind::Wechat => &keys.mchid,
            ChannelKind::Alipay => &keys.alipay.app_id,
            ChannelKind::Unionpay => &keys.unionpay.mer_id,
            ChannelKind::Stripe => &keys.stripe.account_id,
            ChannelKind::Bank | ChannelKind::Cash => panic!("nobody is charged there"),
        }
    }

    /// So many days after the first day on which it can be charged an amount is due: where nothing is charged after
    /// the due day, a decline leaves time only before it.
    pub(super) fn slack_days(self) -> i64 {
        self.method.debit_rules().map_or(0, |rules| rules.first_days_before.into())
    }

    /// Whether the payer must be told before he is charged.
    pub(super) fn tells_before(self) -> bool {
        self.method.debit_rules().is_some_and(|rules| rules.notice_days.is_some())
    }
}
