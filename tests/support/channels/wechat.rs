//! WeChat Pay as the suite meets it.

use bursar::play::accounts::{Dialect, settings};
use bursar_core::channel::{ChannelKind, Method};
use bursar_core::observation::PayCode;
use bursar_sandbox::{Door, Provisioned};
use serde_json::Value;

use super::{Case, Remote, Row, Side};

pub(super) const NATIVE: Row =
    Row { name: "wechat", method: Method::WechatNative, side: Side::Remote(&Wechat), not_applicable: &[] };

pub(super) const SCORE: Row = Row {
    name: "wechat_score",
    method: Method::WechatScore,
    side: Side::Remote(&Wechat),
    not_applicable: &[
        (Case::Late, "to a service that was cancelled nobody can agree any more: no money comes"),
        (Case::LateUnheard, "to a service that was cancelled nobody can agree any more: no money comes"),
    ],
};

#[derive(Debug)]
struct Wechat;

impl Remote for Wechat {
    fn settings(&self, keys: &Provisioned, base_url: &str) -> Value {
        settings(ChannelKind::Wechat, keys, "shop", base_url, Dialect::Usual)
    }

    fn merchant<'a>(&self, keys: &'a Provisioned) -> &'a str {
        &keys.mchid
    }

    /// The sandbox's payers know an order of WeChat from its creation on.
    fn door(&self, _: &PayCode) -> Option<Door> {
        None
    }
}
