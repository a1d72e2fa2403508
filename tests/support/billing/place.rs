//! The channels with agreements, as the stories meet them: it knows numbers and days, and must never know a story.

use bursar_core::channel::{ChannelKind, Method};
use bursar_sandbox::Provisioned;

/// A way to be charged without doing anything.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Place(pub Method);

impl Place {
    pub(super) const fn channel(self) -> ChannelKind {
        self.0.channel()
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
        self.0.debit_rules().map_or(0, |rules| rules.first_days_before.into())
    }

    /// Whether the payer must be told before he is charged.
    pub(super) fn tells_before(self) -> bool {
        self.0.debit_rules().is_some_and(|rules| rules.notice_days.is_some())
    }
}
