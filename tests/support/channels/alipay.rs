//! Alipay as the suite meets it: a code to scan with the channel's plain key, and a page with certificates.

use std::path::Path;

use bursar_core::channel::Method;
use bursar_sandbox::Provisioned;
use serde_json::{Value, json};

use super::{Case, Remote, Row, Side};

pub(super) const QR: Row = Row {
    name: "alipay",
    method: Method::AlipayQr,
    side: Side::Remote(&Alipay { certificates: false }),
    not_applicable: &[],
};

pub(super) const PAGE: Row = Row {
    name: "alipay_page",
    method: Method::AlipayPage,
    side: Side::Remote(&Alipay { certificates: true }),
    not_applicable: &[(Case::LostCreate, "nobody is called: the payer's browser brings the signed order")],
};

#[derive(Debug)]
struct Alipay {
    certificates: bool,
}

impl Remote for Alipay {
    fn settings(&self, keys: &Provisioned, base_url: &str) -> Value {
        let file = |path: &Path| format!("file:{}", path.display());
        let keys = &keys.alipay;
        let mut settings = json!({
            "app_id": keys.app_id,
            "seller_id": keys.seller_id,
            "private_key": file(&keys.app_private_key),
            "base_urls": [base_url],
            "timeout_ms": 2_000,
            "rate_per_second": 10_000,
            "refund_rate_per_second": 10_000,
        });
        if self.certificates {
            settings["app_certificate"] = file(&keys.app_cert).into();
            settings["alipay_certificates"] = json!([file(&keys.alipay_cert)]);
            settings["alipay_root_certificate"] = file(&keys.alipay_root_cert).into();
        } else {
            settings["alipay_public_key"] = file(&keys.alipay_public_key).into();
        }
        settings
    }

    fn merchant<'a>(&self, keys: &'a Provisioned) -> &'a str {
        &keys.alipay.app_id
    }

    /// A refund is named by the trade and our number of it.
    fn numbers_refunds(&self) -> bool {
        false
    }
}
