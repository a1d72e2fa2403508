//! Accounts of a play: it knows what the settings of each channel are when its other side is the sandbox, and must
//! never know who pays.

use std::path::Path;

use bursar_core::channel::{ChannelFacts, ChannelKind};
use bursar_core::id::{ChannelAccountId, MerchantId};
use bursar_core::merchant::ChannelAccount;
use bursar_core::{Chance, Timestamp};
use bursar_sandbox::Provisioned;
use bursar_store::Store;
use serde_json::{Value, json};

/// The ways in which one channel can be spoken to. Each is as good as the others.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Dialect {
    /// What most merchants use: public keys, key files with passwords.
    #[default]
    Usual,
    /// Certificates where there is a choice, and payments undone on their own day.
    Certificates,
}

/// The settings of an account of `channel` for the merchant called `holder`, when the other side is the sandbox at
/// `base_url`.
pub fn settings(channel: ChannelKind, keys: &Provisioned, holder: &str, base_url: &str, dialect: Dialect) -> Value {
    let mut settings = match channel {
        ChannelKind::Wechat => wechat(keys),
        ChannelKind::Alipay => alipay(keys, dialect),
        ChannelKind::Unionpay => unionpay(keys, dialect),
        ChannelKind::Stripe => stripe(keys),
        ChannelKind::Bank => return bank(keys, holder),
        ChannelKind::Cash => return json!({}),
    };
    let remote = json!({
        "base_urls": [base_url],
        "fees": fees(channel),
        "timeout_ms": 2_000,
        // The sandbox has no limit, and benchmarks look for ours.
        "rate_per_second": 10_000,
        "refund_rate_per_second": 10_000,
    });
    lay_over(&mut settings, remote);
    settings
}

/// What the sandbox's channels keep, as a contract would say it.
fn fees(channel: ChannelKind) -> Value {
    match channel {
        ChannelKind::Stripe => json!({ "basis_points": 290, "fixed_minor": 30 }),
        ChannelKind::Unionpay => json!({ "basis_points": 60 }),
        ChannelKind::Wechat | ChannelKind::Alipay | ChannelKind::Bank | ChannelKind::Cash => {
            json!({ "basis_points": 60, "returned": true })
        }
    }
}

/// The number of a merchant's account at the pretend bank.
pub fn bank_number(keys: &Provisioned) -> String {
    format!("62220202{}", keys.mchid)
}

fn bank(keys: &Provisioned, holder: &str) -> Value {
    json!({
        "account_number": bank_number(keys),
        "account_name": holder,
        "bank_name": "中国工商银行",
        "branch": "上海市徐汇支行",
        "statement_mapping": "icbc",
    })
}

fn stripe(keys: &Provisioned) -> Value {
    let keys = &keys.stripe;
    json!({
        "secret_key": file(&keys.secret_key),
        "publishable_key": keys.publishable_key,
        "webhook_secrets": [file(&keys.webhook_secret)],
    })
}

fn file(path: &Path) -> String {
    format!("file:{}", path.display())
}

fn lay_over(settings: &mut Value, more: Value) {
    if let (Some(members), Value::Object(more)) = (settings.as_object_mut(), more) {
        members.extend(more);
    }
}

fn wechat(keys: &Provisioned) -> Value {
    json!({
        "mchid": keys.mchid,
        "appid": keys.appid,
        "serial_no": keys.merchant_serial,
        "private_key": file(&keys.merchant_private_key),
        "apiv3_key": file(&keys.apiv3_key),
        "public_key_id": keys.public_key_id,
        "public_key": file(&keys.wechatpay_public_key),
        // The sandbox grants every template, and every service.
        "agreements": { "plan_id": 12_535 },
        "score": { "service_id": "00004000000000160000000000000001" },
        "sharing": { "most_basis_points": 3_000 },
    })
}

fn alipay(keys: &Provisioned, dialect: Dialect) -> Value {
    let keys = &keys.alipay;
    let mut settings = json!({
        "app_id": keys.app_id,
        "seller_id": keys.seller_id,
        "private_key": file(&keys.app_private_key),
        // Of the two products the one that charges whenever the merchant wants: agreements need not name a rhythm.
        "agreements": { "product_code": "GENERAL_WITHHOLDING", "sign_scene": "INDUSTRY|OTHERS" },
    });
    let trust = match dialect {
        Dialect::Usual => json!({ "alipay_public_key": file(&keys.alipay_public_key) }),
        Dialect::Certificates => json!({
            "app_certificate": file(&keys.app_cert),
            "alipay_certificates": [file(&keys.alipay_cert)],
            "alipay_root_certificate": file(&keys.alipay_root_cert),
        }),
    };
    lay_over(&mut settings, trust);
    settings
}

fn unionpay(keys: &Provisioned, dialect: Dialect) -> Value {
    let keys = &keys.unionpay;
    let mut settings = json!({
        "mer_id": keys.mer_id,
        // Payers come back to a page of the merchant's. Nobody looks at it here.
        "front_url": "http://127.0.0.1/thanks",
        "root_certificates": [file(&keys.root)],
        "middle_certificates": [file(&keys.middle)],
        "void_same_day": dialect == Dialect::Certificates,
        "agreements": { "tr_id": "62000000001" },
    });
    let identity = match dialect {
        Dialect::Usual => json!({ "sign_pfx": file(&keys.sign_pfx), "sign_password": file(&keys.sign_password) }),
        Dialect::Certificates => {
            json!({ "private_key": file(&keys.sign_key), "certificate": file(&keys.sign_certificate) })
        }
    };
    lay_over(&mut settings, identity);
    settings
}

/// Puts an account with `settings` into the database.
///
/// # Errors
/// When the database cannot be written.
pub async fn open(
    store: &dyn Store,
    merchant: MerchantId,
    channel: ChannelKind,
    settings: Value,
    facts: Option<ChannelFacts>,
    (now, chance): (Timestamp, &dyn Chance),
) -> anyhow::Result<ChannelAccountId> {
    let id = ChannelAccountId::fresh(now, chance);
    store.put_account(&ChannelAccount { id, merchant, channel, settings, facts, created_at: now }).await?;
    Ok(id)
}
