//! UnionPay as the suite meets it: a number for an app with the key as PKCS#12, and a form with the key in PEM.

use std::path::Path;

use bursar_core::channel::Method;
use bursar_sandbox::Provisioned;
use serde_json::{Value, json};

use super::{Case, Remote, Row, Side};

pub(super) const APP: Row = Row {
    name: "unionpay",
    method: Method::UnionpayApp,
    side: Side::Remote(&Unionpay { pem: false }),
    not_applicable: &[],
};

pub(super) const WEB: Row = Row {
    name: "unionpay_web",
    method: Method::UnionpayWeb,
    side: Side::Remote(&Unionpay { pem: true }),
    not_applicable: &[(Case::LostCreate, "nobody is called: the payer's browser posts the signed order")],
};

#[derive(Debug)]
struct Unionpay {
    pem: bool,
}

impl Remote for Unionpay {
    fn settings(&self, keys: &Provisioned, base_url: &str) -> Value {
        let file = |path: &Path| format!("file:{}", path.display());
        let keys = &keys.unionpay;
        let mut settings = json!({
            "mer_id": keys.mer_id,
            "front_url": "http://127.0.0.1/paid",
            "root_certificates": [file(&keys.root)],
            "middle_certificates": [file(&keys.middle)],
            "base_urls": [base_url],
            "timeout_ms": 2_000,
            "rate_per_second": 10_000,
            "refund_rate_per_second": 10_000,
        });
        if self.pem {
            settings["private_key"] = file(&keys.sign_key).into();
            settings["certificate"] = file(&keys.sign_certificate).into();
        } else {
            settings["sign_pfx"] = file(&keys.sign_pfx).into();
            settings["sign_password"] = file(&keys.sign_password).into();
        }
        settings
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
        self.pem
    }
}
