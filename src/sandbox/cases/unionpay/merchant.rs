//! A merchant's side of the protocol, written from the documents alone: it signs requests, reads raw answers
//! and verifies who signed them.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeyPair;
use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, UnparsedPublicKey};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bursar_core::clock::{Clock, ManualClock};
use x509_parser::prelude::{FromDer, X509Certificate};

use super::super::merchant::text;
use crate::ProvisionedUnionpay;

/// A merchant's keys, as read from the provisioned files.
pub struct Keys {
    pub provisioned: ProvisionedUnionpay,
    private: KeyPair,
    cert_id: String,
    middle: Vec<u8>,
}

/// Read once for all cases.
pub fn keys() -> &'static Keys {
    static KEYS: OnceLock<Keys> = OnceLock::new();
    KEYS.get_or_init(|| {
        let provisioned = super::super::merchant::keys().provisioned.unionpay.clone();
        let read = |path: &std::path::Path| unwrap_pem(&text(path));
        let certificate = read(&provisioned.sign_certificate);
        let (_, certificate) = X509Certificate::from_der(&certificate).unwrap();
        let serial = certificate.raw_serial().iter().fold(0_u128, |sum, byte| sum * 256 + u128::from(*byte));
        let middle = read(&provisioned.middle);
        assert!(is_issued(&middle, &read(&provisioned.root)), "the authority answers to the root");
        Keys {
            private: KeyPair::from_pkcs8(&read(&provisioned.sign_key)).unwrap(),
            cert_id: serial.to_string(),
            middle,
            provisioned,
        }
    })
}

/// Empty when it is damaged.
fn unwrap_pem(text: &str) -> Vec<u8> {
    STANDARD.decode(text.lines().filter(|line| !line.starts_with('-')).collect::<String>()).unwrap_or_default()
}

/// The fields of a request, not signed yet.
#[derive(Clone, Debug)]
pub struct Form(pub BTreeMap<String, String>);

impl Form {
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.0.insert(name.to_owned(), value.to_owned());
        self
    }

    pub fn without(mut self, name: &str) -> Self {
        self.0.remove(name);
        self
    }

    pub fn get(&self, name: &str) -> &str {
        self.0.get(name).map(String::as_str).unwrap_or_default()
    }

    /// With the merchant's signature.
    pub fn signed(&self) -> Self {
        let key = &keys().private;
        let mut signature = vec![0; key.public_modulus_len()];
        key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), &hashed(&self.0), &mut signature).unwrap();
        self.clone().with("signature", &STANDARD.encode(signature))
    }
}

/// What is signed: the hexadecimal digest of the sorted fields.
fn hashed(fields: &BTreeMap<String, String>) -> Vec<u8> {
    let held = fields.iter().filter(|(name, value)| *name != "signature" && !value.is_empty());
    let text = held.map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&");
    let hash = digest(&SHA256, text.as_bytes());
    hash.as_ref().iter().map(|byte| format!("{byte:02x}")).collect::<String>().into_bytes()
}

/// A merchant's client.
pub struct Merchant {
    base: String,
    back_url: String,
    clock: Arc<ManualClock>,
    http: reqwest::Client,
}

/// An answer as received.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub body: String,
}

impl Merchant {
    pub fn new(base: String, back_url: String, clock: Arc<ManualClock>) -> Self {
        Self { base, back_url, clock, http: reqwest::Client::builder().no_proxy().build().unwrap() }
    }

    fn common(&self, number: &str, kind: &str, part: &str) -> Form {
        let mut form = Form(BTreeMap::new());
        for (name, value) in [
            ("version", "5.1.0"),
            ("encoding", "UTF-8"),
            ("signMethod", "01"),
            ("certId", &keys().cert_id),
            ("merId", &keys().provisioned.mer_id),
            ("accessType", "0"),
            ("channelType", "07"),
            ("bizType", "000201"),
            ("currencyCode", "156"),
            ("txnType", kind),
            ("txnSubType", part),
            ("orderId", number),
            ("txnTime", &self.time(0)),
        ] {
            form = form.with(name, value);
        }
        form
    }

    /// The time of the clock and `seconds` more, as it is written.
    pub fn time(&self, seconds: i64) -> String {
        crate::pace::beijing_digits(self.clock.now().as_millis() + seconds * 1_000)
    }

    /// A purchase of 88 yuan that is in order, payable for ten minutes.
    pub fn purchase(&self, number: &str) -> Form {
        self.common(number, "01", "01")
            .with("txnAmt", "8800")
            .with("backUrl", &self.back_url)
            .with("frontUrl", "http://127.0.0.1/back?order=1&from=unionpay")
            .with("payTimeout", &self.time(600))
    }

    pub fn refund(&self, query_id: &str, number: &str, fen: i64) -> Form {
        self.common(number, "04", "00")
            .with("origQryId", query_id)
            .with("txnAmt", &fen.to_string())
            .with("backUrl", &self.back_url)
    }

    pub fn void(&self, query_id: &str, number: &str, fen: i64) -> Form {
        self.refund(query_id, number, fen).with("txnType", "31")
    }

    /// Asks for the transaction that was sent with these fields.
    pub async fn query(&self, sent: &Form) -> Answer {
        self.try_query(sent).await.unwrap()
    }

    pub async fn try_query(&self, sent: &Form) -> reqwest::Result<Answer> {
        let form = self.common(sent.get("orderId"), "00", "00").with("bizType", "000000").without("channelType");
        let form = form.without("currencyCode").with("txnTime", sent.get("txnTime"));
        self.try_send("queryTrans.do", &form).await
    }

    /// Signs and sends.
    pub async fn send(&self, service: &str, form: &Form) -> Answer {
        self.try_send(service, form).await.unwrap()
    }

    pub async fn try_send(&self, service: &str, form: &Form) -> reqwest::Result<Answer> {
        self.post(service, &form.signed()).await
    }

    /// Sends as it is.
    pub async fn post(&self, service: &str, form: &Form) -> reqwest::Result<Answer> {
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(&form.0).finish();
        let request = self.http.post(format!("{}/gateway/api/{service}", self.base));
        let request = request.header("content-type", "application/x-www-form-urlencoded; charset=UTF-8");
        let response = request.body(body).send().await?;
        Ok(Answer { status: response.status().as_u16(), body: response.text().await? })
    }
}

impl Answer {
    /// Raw fields: split at `&` outside braces, then at the first `=`.
    pub fn fields(&self) -> BTreeMap<String, String> {
        let (mut pairs, mut depth) = (vec![String::new()], 0);
        for c in self.body.chars() {
            depth += i32::from(c == '{') - i32::from(c == '}');
            if c == '&' && depth == 0 {
                pairs.push(String::new());
            } else {
                pairs.last_mut().unwrap().push(c);
            }
        }
        let cut = |pair: &String| pair.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned()));
        pairs.iter().filter_map(cut).collect()
    }

    pub fn get(&self, name: &str) -> String {
        self.fields().remove(name).unwrap_or_default()
    }

    pub fn code(&self) -> String {
        self.get("respCode")
    }

    /// What a query says of the original transaction.
    pub fn original(&self) -> String {
        assert_eq!(self.code(), "00", "{self:?}");
        self.get("origRespCode")
    }

    pub fn is_genuine(&self) -> bool {
        is_genuine(&self.fields())
    }
}

/// Whether the network signed these fields: the certificate inside leads to the authority that the merchant
/// knows, names the network, and its key signed.
pub fn is_genuine(fields: &BTreeMap<String, String>) -> bool {
    let der = fields.get("signPubKeyCert").map(|text| unwrap_pem(text)).unwrap_or_default();
    let Ok((_, certificate)) = X509Certificate::from_der(&der) else { return false };
    let name = certificate.subject().iter_common_name().next().unwrap().as_str().unwrap();
    let named = name.split('@').nth(2) == Some("中国银联股份有限公司");
    let signature = STANDARD.decode(fields.get("signature").map(String::as_str).unwrap_or_default());
    let signed = signature.is_ok_and(|signature| accepts(certificate.public_key().raw, &hashed(fields), &signature));
    named && signed && is_issued(&der, &keys().middle)
}

/// Whether the owner of the certificate `issuer` issued the certificate `der`.
pub fn is_issued(der: &[u8], issuer: &[u8]) -> bool {
    let (_, certificate) = X509Certificate::from_der(der).unwrap();
    let (_, issuer) = X509Certificate::from_der(issuer).unwrap();
    let tbs = certificate.tbs_certificate.as_ref();
    certificate.issuer() == issuer.subject()
        && accepts(issuer.public_key().raw, tbs, certificate.signature_value.data.as_ref())
}

fn accepts(key: &[u8], message: &[u8], signature: &[u8]) -> bool {
    UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key).verify(message, signature).is_ok()
}
