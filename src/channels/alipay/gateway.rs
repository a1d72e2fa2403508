//! The way to the channel: it knows public parameters, headers and what of them is signed, and must never know
//! what a call means.

use std::collections::BTreeMap;

use bursar_core::Timestamp;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use reqwest::{Client, Request, Url};
use url::Position;

use super::form;
use super::operation::Operation;
use super::settings::{Protocol, Settings};
use crate::beijing;
use crate::host::is_safe;
use crate::http::Sink;
use crate::outcome::Why;
use crate::parts::Parts;
use crate::rsa::SigningKey;
use crate::transport::{Answer, Quota, Transport, unwritten};

/// Where the gateway stands at each host.
const GATEWAY: &str = "/gateway.do";
/// The scheme in `Authorization` of the REST protocol.
const SCHEME: &str = "ALIPAY-SHA256withRSA";

/// How we prove who we are in certificate mode: the names of our certificate and of the channel's roots.
#[derive(Clone, Debug)]
pub(super) struct Certified {
    pub(super) app_cert_sn: String,
    pub(super) root_cert_sn: String,
}

#[derive(Debug)]
pub(super) struct Gateway {
    wire: Transport,
    /// The first host: payers are sent there.
    page_host: Option<Url>,
    app_id: String,
    signing: SigningKey,
    certified: Option<Certified>,
    protocol: Protocol,
    allow_http: bool,
}

/// Addresses that the channel is told.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Addresses<'a> {
    /// Where the channel sends its messages.
    pub(super) notify: Option<&'a str>,
    /// Where the payer's browser goes afterwards.
    pub(super) back: Option<&'a str>,
}

impl Gateway {
    pub(super) fn new(settings: &Settings, signing: SigningKey, certified: Option<Certified>, parts: Parts) -> Self {
        Self {
            wire: Transport::new(&settings.common, parts),
            page_host: settings.common.hosts.first().cloned(),
            app_id: settings.own.app_id.clone(),
            signing,
            certified,
            protocol: settings.own.alipay_protocol,
            allow_http: settings.common.allow_http,
        }
    }

    pub(super) const fn parts(&self) -> &Parts {
        self.wire.parts()
    }

    pub(super) fn now(&self) -> Timestamp {
        self.parts().now()
    }

    /// Holds calls of this quota back for a while, because the channel said "too many".
    pub(super) fn pause(&self, quota: Quota) {
        self.wire.pause(quota, None);
    }

    /// Whether the call is made by the REST protocol.
    pub(super) fn rest_path(&self, operation: Operation) -> Option<&'static str> {
        match self.protocol {
            Protocol::V2 => None,
            Protocol::V3 => operation.path(),
        }
    }

    /// Sends one call and reads its answer. `biz` is its content in JSON.
    pub(super) async fn exchange(
        &self,
        operation: Operation,
        biz: &str,
        addresses: Addresses<'_>,
    ) -> Result<Answer, Why> {
        self.wire
            .exchange(operation.quota(), |http, host| match self.rest_path(operation) {
                Some(path) => self.rest(http, host, path, biz),
                None => self.post(http, host, operation.method(), biz, addresses),
            })
            .await
    }

    /// Whether a file may be fetched at `url`.
    pub(super) fn may_fetch(&self, url: &Url) -> bool {
        is_safe(url, self.allow_http)
    }

    /// Fetches a file of any length at `url`: what comes goes to `sink`.
    pub(super) async fn download_from(
        &self,
        url: &Url,
        write: impl Fn(&Client, &Url) -> Result<Request, Why> + Sync,
        sink: &mut Sink<'_>,
    ) -> Result<Answer, Why> {
        self.wire.download_from(url, write, sink).await
    }

    /// All parameters of a call at the gateway, `sign` included.
    fn parameters(&self, method: &str, biz: &str, to: Addresses<'_>) -> Result<BTreeMap<&'static str, String>, Why> {
        let timestamp = beijing::wall(self.now()).ok_or_else(|| unwritten("our clock is beyond the calendar"))?;
        let mut members = BTreeMap::from([
            ("app_id", self.app_id.clone()),
            ("method", method.to_owned()),
            ("format", "JSON".to_owned()),
            ("charset", "utf-8".to_owned()),
            ("sign_type", "RSA2".to_owned()),
            ("timestamp", timestamp),
            ("version", "1.0".to_owned()),
            ("biz_content", biz.to_owned()),
        ]);
        let mut add = |name, value: Option<&str>| value.map(|value| members.insert(name, value.to_owned()));
        add("notify_url", to.notify);
        add("return_url", to.back);
        add("app_cert_sn", self.certified.as_ref().map(|c| c.app_cert_sn.as_str()));
        add("alipay_root_cert_sn", self.certified.as_ref().map(|c| c.root_cert_sn.as_str()));
        let sign = self.signing.sign(form::signed(&members).as_bytes());
        members.insert("sign", sign.ok_or_else(|| unwritten("the call cannot be signed"))?);
        Ok(members)
    }

    /// A call at the gateway: public parameters in the query (the charset stands there because otherwise the
    /// form may be read as GBK, which is not confirmed by a page), the content in a form.
    fn post(&self, http: &Client, host: &Url, method: &str, biz: &str, to: Addresses<'_>) -> Result<Request, Why> {
        let mut members = self.parameters(method, biz, to)?;
        members.remove("biz_content");
        let mut url = host.join(GATEWAY).map_err(|_| unwritten("the address of the gateway cannot be written"))?;
        url.set_query(Some(&form::written(members.iter().map(|(name, value)| (*name, value.as_str())))));
        http.post(url)
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded;charset=utf-8")
            .header(ACCEPT, "application/json")
            .body(form::written([("biz_content", biz)]))
            .build()
            .map_err(|_| unwritten("the call cannot be written"))
    }

    /// A signed order for the channel's app: all parameters of a call that the app makes.
    pub(super) fn order_string(&self, method: &str, biz: &str, to: Addresses<'_>) -> Result<String, Why> {
        let members = self.parameters(method, biz, to)?;
        Ok(form::written(members.iter().map(|(name, value)| (*name, value.as_str()))))
    }

    /// A signed address that the payer's browser is sent to.
    pub(super) fn page(&self, method: &str, biz: &str, to: Addresses<'_>) -> Result<String, Why> {
        let host = self.page_host.as_ref().ok_or_else(|| unwritten("there is no host"))?;
        let mut url = host.join(GATEWAY).map_err(|_| unwritten("the address of the gateway cannot be written"))?;
        url.set_query(Some(&self.order_string(method, biz, to)?));
        Ok(url.into())
    }

    fn rest(&self, http: &Client, host: &Url, path: &str, biz: &str) -> Result<Request, Why> {
        let url = host.join(path).map_err(|_| unwritten("the path of the call cannot be written"))?;
        let mut who = format!("app_id={}", self.app_id);
        if let Some(certified) = &self.certified {
            who.push_str(&format!(",app_cert_sn={}", certified.app_cert_sn));
        }
        who.push_str(&format!(",nonce={},timestamp={}", self.parts().nonce(), self.now().as_millis()));
        // What is signed is taken from the address that is sent, not from what we meant.
        let target = &url[Position::BeforePath..Position::AfterQuery];
        let message = format!("{who}\nPOST\n{target}\n{biz}\n");
        let sign = self.signing.sign(message.as_bytes()).ok_or_else(|| unwritten("the call cannot be signed"))?;
        let mut builder = http
            .post(url)
            .header(AUTHORIZATION, format!("{SCHEME} {who},sign={sign}"))
            .header("alipay-request-id", self.parts().nonce())
            .header(CONTENT_TYPE, "application/json")
            .header(ACCEPT, "application/json")
            .body(biz.to_owned());
        if let Some(certified) = &self.certified {
            builder = builder.header("alipay-root-cert-sn", &certified.root_cert_sn);
        }
        builder.build().map_err(|_| unwritten("the call cannot be written"))
    }
}
