//! An application's side of the protocol, written from the documents alone: it signs requests, verifies the
//! raw bytes of answers and opens nothing with the sandbox's own hands.

use std::path::Path;
use std::sync::Arc;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeyPair;
use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, UnparsedPublicKey};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bursar_core::clock::ManualClock;
use md5::{Digest, Md5};
use serde_json::{Value, json};
use url::form_urlencoded::Serializer;
use x509_parser::prelude::{FromDer, Pem, X509Certificate};

use super::super::merchant::{keys, text};
use crate::ProvisionedAlipay;

pub type Fields = Vec<(String, String)>;

/// An application's client.
pub struct App {
    pub base: String,
    pub notify_url: String,
    clock: Arc<ManualClock>,
    http: reqwest::Client,
    /// Names its certificates, and wants Alipay's.
    pub certificates: bool,
}

/// An answer as received.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub raw: String,
}

pub fn provisioned() -> &'static ProvisionedAlipay {
    &keys().provisioned.alipay
}

impl App {
    pub fn new(base: String, notify_url: String, clock: Arc<ManualClock>) -> Self {
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        Self { base, notify_url, clock, http, certificates: false }
    }

    /// The public parameters of a request, without a signature.
    pub fn fields(&self, method: &str, biz: &Value) -> Fields {
        use bursar_core::clock::Clock;
        let ms = self.clock.now().as_millis();
        let civil =
            jiff::Timestamp::from_millisecond(ms).unwrap().to_zoned(jiff::tz::TimeZone::fixed(jiff::tz::offset(8)));
        let mut fields: Fields = [
            ("app_id", provisioned().app_id.as_str()),
            ("method", method),
            ("format", "JSON"),
            ("charset", "utf-8"),
            ("sign_type", "RSA2"),
            ("timestamp", &civil.strftime("%Y-%m-%d %H:%M:%S").to_string()),
            ("version", "1.0"),
            ("notify_url", &self.notify_url),
            ("biz_content", &biz.to_string()),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec();
        if self.certificates {
            fields.push(("app_cert_sn".into(), sn(&provisioned().app_cert)));
            fields.push(("alipay_root_cert_sn".into(), roots_sn()));
        }
        fields
    }

    pub async fn call(&self, method: &str, biz: &Value) -> Answer {
        self.try_call(method, biz).await.unwrap()
    }

    pub async fn try_call(&self, method: &str, biz: &Value) -> reqwest::Result<Answer> {
        self.send(&signed(self.fields(method, biz))).await
    }

    /// Charset in the query, the rest in the form.
    pub async fn send(&self, fields: &Fields) -> reqwest::Result<Answer> {
        let form = fields.iter().filter(|(name, _)| name != "charset");
        let form = Serializer::new(String::new()).extend_pairs(form).finish();
        let charset = fields.iter().find(|(name, _)| name == "charset").map_or("", |(_, value)| value);
        let request = self.http.post(format!("{}/gateway.do?charset={charset}", self.base));
        let response = request.header("content-type", "application/x-www-form-urlencoded").body(form).send().await?;
        Ok(Answer { status: response.status().as_u16(), raw: response.text().await? })
    }

    /// The content of an order that is in order.
    pub fn order(&self, number: &str, subject: &str) -> Value {
        json!({ "out_trade_no": number, "total_amount": "88.00", "subject": subject })
    }

    /// Gives the code's text.
    pub async fn precreate(&self, number: &str, subject: &str) -> String {
        let answer = self.call("alipay.trade.precreate", &self.order(number, subject)).await;
        assert_eq!(answer.code(), "10000", "{answer:?}");
        answer.node()["qr_code"].as_str().unwrap().to_owned()
    }

    /// The signed address of a page for the payer.
    pub fn page(&self, number: &str, subject: &str, change: impl FnOnce(&mut Value)) -> String {
        let mut order = self.order(number, subject);
        order["product_code"] = "FAST_INSTANT_TRADE_PAY".into();
        change(&mut order);
        let fields = signed(self.fields("alipay.trade.page.pay", &order));
        format!("{}/gateway.do?{}", self.base, query(&fields))
    }

    pub async fn query(&self, number: &str) -> Answer {
        self.call("alipay.trade.query", &json!({ "out_trade_no": number })).await
    }

    pub async fn status(&self, number: &str) -> String {
        let answer = self.query(number).await;
        let node = answer.node();
        node.get("trade_status").or(node.get("sub_code")).and_then(Value::as_str).unwrap().to_owned()
    }

    pub async fn close(&self, number: &str) -> Answer {
        self.call("alipay.trade.close", &json!({ "out_trade_no": number })).await
    }

    pub async fn refund(&self, order: &str, number: &str, yuan: &str, reason: &str) -> Answer {
        let biz = json!({
            "out_trade_no": order, "out_request_no": number, "refund_amount": yuan, "refund_reason": reason,
        });
        self.call("alipay.trade.refund", &biz).await
    }

    pub async fn query_refund(&self, order: &str, number: &str) -> Answer {
        let biz = json!({
            "out_trade_no": order, "out_request_no": number, "query_options": ["gmt_refund_pay"],
        });
        self.call("alipay.trade.fastpay.refund.query", &biz).await
    }

    /// The page as a payer's browser gets it.
    pub async fn browse(&self, url: &str) -> String {
        self.http.get(url).send().await.unwrap().text().await.unwrap()
    }

    pub async fn admin(&self, path: &str, body: &Value) -> (u16, Value) {
        let request = self.http.post(format!("{}/_sandbox/{path}", self.base)).body(body.to_string());
        let response = request.send().await.unwrap();
        let status = response.status().as_u16();
        (status, serde_json::from_slice(&response.bytes().await.unwrap()).unwrap_or_default())
    }
}

/// The fields with their signature.
pub fn signed(mut fields: Fields) -> Fields {
    let der = unwrap_pem(&provisioned().app_private_key);
    let key = KeyPair::from_pkcs8(&der).unwrap();
    let mut bytes = vec![0; key.public_modulus_len()];
    key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), string_of(&fields, &["sign"]).as_bytes(), &mut bytes).unwrap();
    fields.push(("sign".into(), STANDARD.encode(bytes)));
    fields
}

pub fn query(fields: &Fields) -> String {
    Serializer::new(String::new()).extend_pairs(fields).finish()
}

/// The sorted string of all fields but the empty ones and those `without`.
pub fn string_of(fields: &Fields, without: &[&str]) -> String {
    let mut parts: Vec<String> = fields
        .iter()
        .filter(|(name, value)| !value.is_empty() && !without.contains(&name.as_str()))
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    parts.sort();
    parts.join("&")
}

impl Answer {
    /// The raw text of the signed node.
    fn node_text(&self) -> &str {
        let start = self.raw.find("_response\":").unwrap() + "_response\":".len();
        let end = self.raw.find(",\"alipay_cert_sn\"").or(self.raw.find(",\"sign\"")).unwrap_or(self.raw.len() - 1);
        &self.raw[start..end]
    }

    pub fn node(&self) -> Value {
        serde_json::from_str(self.node_text()).unwrap_or_else(|_| panic!("{self:?}"))
    }

    pub fn code(&self) -> String {
        self.node()["code"].as_str().unwrap().to_owned()
    }

    pub fn sub_code(&self) -> String {
        self.node()["sub_code"].as_str().unwrap_or_default().to_owned()
    }

    pub fn signature(&self) -> Option<String> {
        let whole: Value = serde_json::from_str(&self.raw).ok()?;
        whole["sign"].as_str().map(str::to_owned)
    }

    pub fn cert_sn(&self) -> Option<String> {
        let whole: Value = serde_json::from_str(&self.raw).ok()?;
        whole["alipay_cert_sn"].as_str().map(str::to_owned)
    }

    /// Whether Alipay's public key signed exactly these bytes.
    pub fn is_genuine(&self) -> bool {
        self.is_signed_with(&unwrap_pem(&provisioned().alipay_public_key))
    }

    pub fn is_signed_with(&self, der: &[u8]) -> bool {
        self.signature().is_some_and(|signature| verifies(self.node_text(), &signature, der))
    }
}

pub fn verifies(text: &str, signature: &str, der: &[u8]) -> bool {
    let Ok(signature) = STANDARD.decode(signature) else { return false };
    UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, der).verify(text.as_bytes(), &signature).is_ok()
}

pub fn unwrap_pem(path: &Path) -> Vec<u8> {
    STANDARD.decode(text(path).lines().filter(|line| !line.starts_with('-')).collect::<String>()).unwrap()
}

/// The digest of a certificate file, as the documents say: issuer from the special to the general, then the
/// serial in decimal digits.
pub fn sn(path: &Path) -> String {
    let text = text(path);
    let block = Pem::iter_from_buffer(text.as_bytes()).next().unwrap().unwrap();
    sn_of(&block.contents)
}

pub fn sn_of(der: &[u8]) -> String {
    let (_, certificate) = X509Certificate::from_der(der).unwrap();
    let serial = certificate.raw_serial().iter().fold(0_u128, |sum, byte| (sum << 8) | u128::from(*byte));
    let issuer = "CN=Sandbox Certification Authority R1,OU=Certification Authority,O=Sandbox,C=CN";
    Md5::digest(format!("{issuer}{serial}")).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The digest of the root file: only its RSA root counts, which stands last in it.
pub fn roots_sn() -> String {
    let text = text(&provisioned().alipay_root_cert);
    let last = Pem::iter_from_buffer(text.as_bytes()).last().unwrap().unwrap();
    sn_of(&last.contents)
}
