//! The channels that the sandbox plays: it knows their names, and must never know anything else of them.

use serde::{Deserialize, Serialize};

/// A channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Channel {
    /// WeChat Pay.
    Wechat,
    /// Alipay.
    Alipay,
    /// UnionPay.
    Unionpay,
    /// Stripe.
    Stripe,
}

impl Channel {
    /// Its name in books and keys of books, as Bursar spells it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Wechat => "wechat",
            Self::Alipay => "alipay",
            Self::Unionpay => "unionpay",
            Self::Stripe => "stripe",
        }
    }

    /// A number that never changes: its part in seeded draws.
    pub(crate) const fn lane(self) -> u64 {
        match self {
            Self::Wechat => 0,
            Self::Alipay => 1,
            Self::Unionpay => 2,
            Self::Stripe => 3,
        }
    }
}
