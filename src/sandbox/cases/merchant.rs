//! A merchant's side of the protocol, written from the documents alone: it signs requests, verifies
//! answers and opens notifications.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, OAEP_SHA1_MGF1SHA1, OaepPublicEncryptingKey, PublicEncryptingKey};
use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, UnparsedPublicKey};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bursar_core::clock::{Clock, ManualClock};
use http::HeaderMap;
use serde_json::{Value, json};

use crate::{Provisioned, provision, system_random};

/// A merchant's keys, as read from the provisioned files.
pub struct Keys {
    pub provisioned: Provisioned,
    private: KeyPair,
    platform: Vec<u8>,
    apiv3: Vec<u8>,
    /// The text of every file of text that was provisioned.
    files: HashMap<PathBuf, String>,
}

/// Read once for all cases.
pub fn keys() -> &'static Keys {
    static KEYS: OnceLock<Keys> = OnceLock::new();
    KEYS.get_or_init(|| {
        let folder = super::folder::shared();
        let provisioned = provision(&folder, "shop", &system_random).unwrap();
        Keys {
            private: KeyPair::from_pkcs8(&unwrap_pem(&provisioned.merchant_private_key)).unwrap(),
            platform: unwrap_pem(&provisioned.wechatpay_public_key),
            apiv3: std::fs::read(&provisioned.apiv3_key).unwrap(),
            files: texts(&folder),
            provisioned,
        }
    })
}

/// The text of a provisioned file.
pub fn text(path: &Path) -> String {
    keys().files[path].clone()
}

fn texts(folder: &Path) -> HashMap<PathBuf, String> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let read = |path: PathBuf| {
        if path.is_dir() {
            texts(&path)
        } else {
            // Files with a password are no text.
            std::fs::read_to_string(&path).map(|text| HashMap::from([(path, text)])).unwrap_or_default()
        }
    };
    entries.flat_map(read).collect()
}

fn unwrap_pem(path: &std::path::Path) -> Vec<u8> {
    let text = std::fs::read_to_string(path).unwrap();
    STANDARD.decode(text.lines().filter(|line| !line.starts_with('-')).collect::<String>()).unwrap()
}

/// A merchant's client.
pub struct Shop {
    base: String,
    notify_url: String,
    clock: Arc<ManualClock>,
    http: reqwest::Client,
    /// The key that answers shall be signed with; `None`: a platform certificate.
    pub answer_key: Option<String>,
}

/// An answer as received.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

/// What a request is signed with; cases spoil one member at a time.
#[derive(Clone)]
pub struct Claim {
    pub scheme: &'static str,
    pub mchid: String,
    pub serial: String,
    pub timestamp: String,
    pub nonce: String,
}

impl Shop {
    pub fn new(base: String, notify_url: String, clock: Arc<ManualClock>) -> Self {
        let http = reqwest::Client::builder().no_proxy().user_agent("shop/1").build().unwrap();
        let answer_key = Some(keys().provisioned.public_key_id.clone());
        Self { base, notify_url, clock, http, answer_key }
    }

    pub fn notify_url(&self) -> &str {
        &self.notify_url
    }

    pub fn claim(&self) -> Claim {
        Claim {
            scheme: "WECHATPAY2-SHA256-RSA2048",
            mchid: keys().provisioned.mchid.clone(),
            serial: keys().provisioned.merchant_serial.clone(),
            timestamp: self.clock.now().as_seconds().to_string(),
            nonce: "5K8264ILTKCH16CQ2502SI8ZNMTM67VS".to_owned(),
        }
    }

    /// The body of a native order that is in order.
    pub fn body(&self, number: &str) -> Value {
        json!({
            "appid": keys().provisioned.appid,
            "mchid": keys().provisioned.mchid,
            "description": "two hours of cleaning [payer:never]",
            "out_trade_no": number,
            "notify_url": self.notify_url,
            "amount": { "total": 8_800, "currency": "CNY" },
        })
    }

    /// The same with another description.
    pub fn described(&self, number: &str, description: &str) -> Value {
        let mut body = self.body(number);
        body["description"] = description.into();
        body
    }

    pub async fn native(&self, body: &Value) -> Answer {
        self.call("POST", "/v3/pay/transactions/native", body.to_string()).await.unwrap()
    }

    pub async fn create(&self, number: &str, description: &str) {
        let answer = self.native(&self.described(number, description)).await;
        assert_eq!(answer.status, 200, "{answer:?}");
    }

    pub async fn query(&self, number: &str) -> Answer {
        self.try_query(number).await.unwrap()
    }

    pub async fn try_query(&self, number: &str) -> reqwest::Result<Answer> {
        let mchid = &keys().provisioned.mchid;
        self.call("GET", &format!("/v3/pay/transactions/out-trade-no/{number}?mchid={mchid}"), String::new()).await
    }

    pub async fn close(&self, number: &str) -> Answer {
        let body = json!({ "mchid": keys().provisioned.mchid }).to_string();
        self.call("POST", &format!("/v3/pay/transactions/out-trade-no/{number}/close"), body).await.unwrap()
    }

    pub async fn call(&self, method: &str, target: &str, body: String) -> reqwest::Result<Answer> {
        let authorization = authorization(&self.claim(), method, target, body.as_bytes());
        self.send(method, target, body, &authorization).await
    }

    pub async fn send(&self, method: &str, target: &str, body: String, authorization: &str) -> reqwest::Result<Answer> {
        let mut request = self
            .http
            .request(method.parse().unwrap(), format!("{}{target}", self.base))
            .header("accept", "application/json")
            .header("content-type", "application/json")
            .header("authorization", authorization)
            .body(body);
        if let Some(key) = &self.answer_key {
            request = request.header("wechatpay-serial", key);
        }
        let response = request.send().await?;
        Ok(Answer {
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            body: response.bytes().await?.to_vec(),
        })
    }
}

/// Encrypts a person's data under the platform's public key.
pub fn encrypted(plain: &str) -> String {
    let key = PublicEncryptingKey::from_der(&keys().platform).unwrap();
    let key = OaepPublicEncryptingKey::new(key).unwrap();
    let mut sealed = vec![0; key.ciphertext_size()];
    STANDARD.encode(key.encrypt(&OAEP_SHA1_MGF1SHA1, plain.as_bytes(), &mut sealed, None).unwrap())
}

pub fn authorization(claim: &Claim, method: &str, target: &str, body: &[u8]) -> String {
    let mut text = format!("{method}\n{target}\n{}\n{}\n", claim.timestamp, claim.nonce).into_bytes();
    text.extend_from_slice(body);
    text.push(b'\n');
    let key = &keys().private;
    let mut signature = vec![0; key.public_modulus_len()];
    key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), &text, &mut signature).unwrap();
    format!(
        "{} mchid=\"{}\",nonce_str=\"{}\",signature=\"{}\",timestamp=\"{}\",serial_no=\"{}\"",
        claim.scheme,
        claim.mchid,
        claim.nonce,
        STANDARD.encode(signature),
        claim.timestamp,
        claim.serial
    )
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub fn code(&self) -> String {
        self.json()["code"].as_str().unwrap_or_default().to_owned()
    }

    pub fn is_genuine(&self) -> bool {
        is_genuine(&self.headers, &self.body)
    }
}

/// Whether the platform's public key signed these headers and this body.
pub fn is_genuine(headers: &HeaderMap, body: &[u8]) -> bool {
    header(headers, "wechatpay-serial") == keys().provisioned.public_key_id && verifies(headers, body, &keys().platform)
}

/// Whether the key in the SubjectPublicKeyInfo (or RSA public key) `der` did.
pub fn verifies(headers: &HeaderMap, body: &[u8], der: &[u8]) -> bool {
    let mut text =
        format!("{}\n{}\n", header(headers, "wechatpay-timestamp"), header(headers, "wechatpay-nonce")).into_bytes();
    text.extend_from_slice(body);
    text.push(b'\n');
    let Ok(signature) = STANDARD.decode(header(headers, "wechatpay-signature")) else { return false };
    UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, der).verify(&text, &signature).is_ok()
}

pub fn header(headers: &HeaderMap, name: &str) -> String {
    headers.get(name).map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default()
}

/// Opens what was sealed with the APIv3 key.
pub fn open(sealed: &Value) -> Vec<u8> {
    let text = |name: &str| sealed[name].as_str().unwrap().to_owned();
    assert_eq!(text("algorithm"), "AEAD_AES_256_GCM");
    let mut bytes = STANDARD.decode(text("ciphertext")).unwrap();
    let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &keys().apiv3).unwrap());
    let nonce = Nonce::try_assume_unique_for_key(text("nonce").as_bytes()).unwrap();
    key.open_in_place(nonce, Aad::from(text("associated_data").as_bytes()), &mut bytes).unwrap().to_vec()
}
