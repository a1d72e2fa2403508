//! One signed call: it knows its headers and what is signed, and must never know what a call means.

use bytes::Bytes;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use reqwest::{Client, Method, Request, Url};
use url::Position;

use super::settings::Settings;
use super::{sign, verify};
use crate::http::Sink;
use crate::outcome::Why;
use crate::parts::Parts;
use crate::rsa::SigningKey;
use crate::transport::{self, Answer, Quota, unwritten};

/// The channel's name for a call, for its support; empty when there is none.
pub(super) fn request_id(answer: &Answer) -> &str {
    answer.header("Request-ID")
}

/// One call.
#[derive(Clone, Debug)]
pub(super) struct Call<'a> {
    method: Method,
    /// Path and query, already percent-encoded.
    target: &'a str,
    body: Bytes,
    quota: Quota,
    /// The key with which members of the body are sealed, when it is another than the account's own.
    sealed_for: Option<&'a str>,
}

impl<'a> Call<'a> {
    pub(super) const fn get(target: &'a str) -> Self {
        Self { method: Method::GET, target, body: Bytes::new(), quota: Quota::General, sealed_for: None }
    }

    pub(super) const fn post(target: &'a str, body: Bytes) -> Self {
        Self { method: Method::POST, target, body, quota: Quota::General, sealed_for: None }
    }

    /// A call that gives money back.
    pub(super) fn refunds(self) -> Self {
        Self { quota: Quota::Refunds, ..self }
    }

    pub(super) fn sealed_for(self, serial: &'a str) -> Self {
        Self { sealed_for: Some(serial), ..self }
    }
}

#[derive(Debug)]
pub(super) struct Transport {
    wire: transport::Transport,
    mchid: String,
    serial_no: String,
    signing: SigningKey,
    /// Tells the channel with which key to sign its answers.
    answer_key: Option<String>,
}

impl Transport {
    pub(super) fn new(settings: &Settings, signing: SigningKey, parts: Parts) -> Self {
        Self {
            wire: transport::Transport::new(&settings.common, parts),
            mchid: settings.own.mchid.clone(),
            serial_no: settings.own.serial_no.clone(),
            signing,
            answer_key: settings.own.public_key_id.clone(),
        }
    }

    pub(super) const fn signing(&self) -> &SigningKey {
        &self.signing
    }

    pub(super) const fn parts(&self) -> &Parts {
        self.wire.parts()
    }

    /// Sends one call and reads its answer.
    pub(super) async fn exchange(&self, call: Call<'_>) -> Result<Answer, Why> {
        self.wire.exchange(call.quota, |http, host| self.request(http, host, &call)).await
    }

    /// Sends one call whose answer is a file without a signature: what comes goes to `sink`.
    pub(super) async fn download(&self, call: Call<'_>, sink: &mut Sink<'_>) -> Result<Answer, Why> {
        self.wire.download(call.quota, |http, host| self.request(http, host, &call), sink).await
    }

    /// The path and query of an address that the channel gave us; `None` when it is at another host than the account's
    /// own: what is signed goes nowhere else.
    pub(super) fn own_target(&self, address: &str) -> Option<String> {
        let url = Url::parse(address).ok().filter(|url| self.wire.is_own(url))?;
        let target = &url[Position::BeforePath..Position::AfterQuery];
        // Two slashes would begin another host.
        (!target.starts_with("//")).then(|| target.to_owned())
    }

    fn request(&self, http: &Client, host: &Url, call: &Call<'_>) -> Result<Request, Why> {
        let url = host.join(call.target).map_err(|_| unwritten("the path of the call cannot be written"))?;
        let unix_seconds = self.parts().now().as_seconds();
        let nonce = self.parts().nonce();
        // What is signed is taken from the address that is sent, not from what we meant.
        let sent_target = &url[Position::BeforePath..Position::AfterQuery];
        let message = sign::request_message(call.method.as_str(), sent_target, unix_seconds, &nonce, &call.body);
        let signature = self.signing.sign(&message).ok_or_else(|| unwritten("the call cannot be signed"))?;
        let authorization = sign::authorization(&self.mchid, &self.serial_no, unix_seconds, &nonce, &signature);
        let mut builder = http
            .request(call.method.clone(), url)
            .header(AUTHORIZATION, authorization)
            .header(ACCEPT, "application/json");
        // Names the key of what is sealed in the call, and asks for an answer under the same key.
        if let Some(key) = call.sealed_for.or(self.answer_key.as_deref()) {
            builder = builder.header(verify::SERIAL, key);
        }
        if !call.body.is_empty() {
            builder = builder.header(CONTENT_TYPE, "application/json").body(call.body.clone());
        }
        builder.build().map_err(|_| unwritten("the call cannot be written"))
    }
}
