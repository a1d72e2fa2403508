//! Facts about channels that the rules need: it knows names and time limits, and must never know a
//! channel's wire format.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A payment channel.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ChannelKind {
    /// WeChat Pay, API v3.
    Wechat,
}

impl ChannelKind {
    /// Every channel.
    pub const ALL: [Self; 1] = [Self::Wechat];

    /// The stable name in faces, metrics and the database.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Wechat => "wechat",
        }
    }

    /// What the close protocol must know of the channel.
    pub const fn facts(self) -> ChannelFacts {
        match self {
            Self::Wechat => ChannelFacts {
                // Written in the v2 and overseas pages; kept as a careful default (configurable).
                min_close_age_ms: 5 * crate::clock::MINUTE_MS,
                propagation_ms: crate::clock::MINUTE_MS,
                // The last retry of a notification comes some 24 h after the first.
                watch_ms: 25 * crate::clock::HOUR_MS,
                refund: RefundLimits {
                    within_ms: 365 * crate::clock::DAY_MS,
                    most: 50,
                    spacing_ms: crate::clock::MINUTE_MS,
                },
            },
        }
    }
}

impl FromStr for ChannelKind {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|c| c.name() == text).ok_or_else(|| {
            let names: Vec<_> = Self::ALL.into_iter().map(Self::name).collect();
            format!("`{text}` is not a channel; there are {}", names.join(", "))
        })
    }
}

/// Time limits of a channel, in milliseconds.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ChannelFacts {
    /// A payment younger than this is not closed yet.
    pub min_close_age_ms: i64,
    /// How long after a call its effect may still be invisible to a query.
    pub propagation_ms: i64,
    /// How long after the end a notification may still come.
    pub watch_ms: i64,
    /// What it lets us give back.
    #[serde(default)]
    pub refund: RefundLimits,
}

/// What a channel lets us give back through it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RefundLimits {
    /// How long after the payment, in milliseconds.
    pub within_ms: i64,
    /// How many refunds of one payment.
    pub most: u32,
    /// How much time between two refunds of one payment, in milliseconds.
    pub spacing_ms: i64,
}

impl Default for RefundLimits {
    /// The narrowest of the channels that we know.
    fn default() -> Self {
        ChannelKind::Wechat.facts().refund
    }
}

/// How the payer pays: a product of a channel.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Method {
    /// A QR code shown by us, scanned with WeChat.
    WechatNative,
    /// Inside WeChat: official account or mini program. Needs the payer's openid.
    WechatJsapi,
    /// A browser outside WeChat on a phone. Needs the payer's IP address.
    WechatH5,
    /// A merchant's own app.
    WechatApp,
}

impl Method {
    /// Every method.
    pub const ALL: [Self; 4] = [Self::WechatNative, Self::WechatJsapi, Self::WechatH5, Self::WechatApp];

    /// The stable name in faces and the database.
    pub const fn name(self) -> &'static str {
        match self {
            Self::WechatNative => "wechat_native",
            Self::WechatJsapi => "wechat_jsapi",
            Self::WechatH5 => "wechat_h5",
            Self::WechatApp => "wechat_app",
        }
    }

    /// The stable number in the database.
    pub const fn code(self) -> i16 {
        match self {
            Self::WechatNative => 1,
            Self::WechatJsapi => 2,
            Self::WechatH5 => 3,
            Self::WechatApp => 4,
        }
    }

    /// The method with this code.
    pub fn from_code(code: i16) -> Option<Self> {
        Self::ALL.into_iter().find(|m| m.code() == code)
    }

    /// Whether money taken this way goes back without a person's help. Parts of a combined order that
    /// cannot be undone are taken last.
    pub const fn reversible(self) -> bool {
        match self {
            Self::WechatNative | Self::WechatJsapi | Self::WechatH5 | Self::WechatApp => true,
        }
    }

    /// The channel that it belongs to.
    pub const fn channel(self) -> ChannelKind {
        match self {
            Self::WechatNative | Self::WechatJsapi | Self::WechatH5 | Self::WechatApp => ChannelKind::Wechat,
        }
    }
}

impl FromStr for Method {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|m| m.name() == text).ok_or_else(|| {
            let shown: String = text.chars().take(64).collect();
            let names: Vec<_> = Self::ALL.into_iter().map(Self::name).collect();
            format!("`{shown}` is not a payment method; there are {}", names.join(", "))
        })
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Serialize for Method {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for Method {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(d)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}
