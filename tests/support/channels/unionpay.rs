//! UnionPay as the suite meets it: a number for an app with the key as PKCS#12, and a form with the key in PEM, whose
//! payments are undone on their own day.

use bursar::play::accounts::{self, Dialect};
use bursar_core::channel::{ChannelKind, Method};
use bursar_sandbox::Provisioned;
use serde_json::Value;

use super::{Case, Remote, Row, Side};

pub(super) const APP: Row = Row {
    name: "unionpay",
    method: Method::UnionpayApp,
    side: Side::Remote(&Unionpay(Dialect::Usual)),
    not_applicable: &[],
};

pub(super) const WEB: Row = Row {
    name: "unionpay_web",
    method: Method::UnionpayWeb,
    side: Side::Remote(&Unionpay(Dialect::Certificates)),
    not_applicable: &[(Case::LostCreate, "nobody is called: the payer's browser posts the signed order")],
};

#[derive(Debug)]
struct Unionpay(Dialect);

impl Remote for Unionpay {
    fn settings(&self, keys: &Provisioned, base_url: &str) -> Value {
        accounts::settings(ChannelKind::Unionpay, keys, "shop", base_url, self.0)
    }

    fn merchant<'a>(&self, keys: &'a Provisioned) -> &'a str {
        &keys.unionpay.mer_id
    }

    /// Long enough that a busy machine has offered it to its payer before: four real seconds.
    fn ending_s(&self) -> u64 {
        800
    }

    /// The same order again is a duplicate, and its answer holds no number for the app.
    fn code_can_be_had_again(&self) -> bool {
        self.0 == Dialect::Certificates
    }
}
