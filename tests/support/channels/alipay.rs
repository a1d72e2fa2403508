//! Alipay as the suite meets it: a code to scan with the channel's plain key, and a page with certificates.

use bursar::play::accounts::{self, Dialect};
use bursar_core::channel::{ChannelKind, Method};
use bursar_sandbox::Provisioned;
use serde_json::Value;

use super::{Case, Remote, Row, Side};

pub(super) const QR: Row =
    Row { name: "alipay", method: Method::AlipayQr, side: Side::Remote(&Alipay(Dialect::Usual)), not_applicable: &[] };

pub(super) const PAGE: Row = Row {
    name: "alipay_page",
    method: Method::AlipayPage,
    side: Side::Remote(&Alipay(Dialect::Certificates)),
    not_applicable: &[(Case::LostCreate, "nobody is called: the payer's browser brings the signed order")],
};

pub(super) const HOLD: Row = Row {
    name: "alipay_hold",
    method: Method::AlipayHold,
    side: Side::Remote(&Alipay(Dialect::Usual)),
    not_applicable: &[
        (Case::Late, "what was let go cannot be taken any more: no money comes"),
        (Case::LateUnheard, "what was let go cannot be taken any more: no money comes"),
    ],
};

#[derive(Debug)]
struct Alipay(Dialect);

impl Remote for Alipay {
    fn settings(&self, keys: &Provisioned, base_url: &str) -> Value {
        accounts::settings(ChannelKind::Alipay, keys, "shop", base_url, self.0)
    }

    fn merchant<'a>(&self, keys: &'a Provisioned) -> &'a str {
        &keys.alipay.app_id
    }

    /// A refund is named by the trade and our number of it.
    fn numbers_refunds(&self) -> bool {
        false
    }
}
