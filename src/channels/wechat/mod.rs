//! WeChat Pay, API v3: it knows which file speaks which part of the dialect and how an answer is judged,
//! and must never know what follows from it.
//!
//! Order of reading: `settings`, `sign` and `transport` (out), `verify`, `certificates` and `aead` (in),
//! `errors` (every code and its meaning), then one file per call.

mod aead;
mod certificates;
mod close;
mod create;
mod errors;
mod notification;
mod number;
mod payee;
mod query;
mod refund;
mod refunded;
mod settings;
mod sign;
mod transaction;
mod transport;
mod verify;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use async_trait::async_trait;
use bursar_core::Timestamp;
use bursar_core::id::ChannelAccountId;
use bursar_core::observation::PayCode;
use serde_json::json;
use tokio::runtime::Handle;
use tracing::Span;

use self::aead::ApiKey;
use self::certificates::Keyring;
use self::errors::ApiError;
pub(crate) use self::settings::{Keys, Settings};
use self::transaction::Payee;
use self::transport::{Answer, Call, Transport};
use crate::channel::{Channel, CreateRequest, Payee as BankPayee, RefundRequest};
use crate::counters::{Verb, outcome_name};
use crate::headers::HeaderLookup;
use crate::notice::{Notice, NotificationRefusal, Reply};
use crate::outcome::{Closed, Outcome, RefundStanding, Refusal, RefusalClass, Standing, Why, WhyKind};
use crate::registry::Parts;

/// The adapter of one account.
#[derive(Debug)]
pub(crate) struct Wechat {
    account: ChannelAccountId,
    payee: Payee,
    transport: Arc<Transport>,
    keyring: Arc<Keyring>,
    api: Arc<ApiKey>,
}

/// An answer that was judged.
enum Answered {
    /// 2xx, verified.
    Success(Answer),
    /// 4xx with one of the channel's codes.
    Error(ApiError),
}

fn refused(code: &str, message: &str, class: RefusalClass) -> Refusal {
    Refusal { code: code.into(), message: message.into(), class }
}

fn bad_number() -> Refusal {
    refused("NUMBER", "a number has 6 to 32 characters of 0-9 A-Z a-z _ - | *", RefusalClass::Definite)
}

/// Longest notification address that the channel takes, in bytes.
const MAX_NOTIFY_URL_BYTES: usize = 255;

fn check_notify_url(url: &str) -> Result<(), Refusal> {
    if url.len() <= MAX_NOTIFY_URL_BYTES && !url.contains('?') {
        return Ok(());
    }
    let message = "the notification address is longer than 255 bytes or has a query; mend `public_url`";
    Err(refused("NOTIFY_URL", message, RefusalClass::Configuration))
}

impl Wechat {
    pub(crate) fn new(account: ChannelAccountId, settings: Settings, keys: Keys, parts: Parts) -> Self {
        let Keys { signing, api, channel } = keys;
        Self {
            account,
            keyring: Arc::new(Keyring::new(channel, settings.download_certificates)),
            transport: Arc::new(Transport::new(&settings, signing, parts)),
            payee: Payee { mchid: settings.mchid, appid: settings.appid },
            api: Arc::new(api),
        }
    }

    fn now(&self) -> Timestamp {
        self.transport.parts().clock.now()
    }

    /// Makes one call and judges its answer.
    async fn call(&self, call: Call<'_>) -> Result<Answered, Why> {
        if self.keyring.is_old(self.now()) {
            // The keys that are known may still do; if not, the answer will say so.
            drop(self.fetch_keys().await);
        }
        let answer = self.transport.exchange(call).await?;
        let (status, request_id) = (answer.status, answer.request_id());
        // On the span, so that every line about this call names it: the channel's support asks for it.
        Span::current().record("status", status).record("request_id", request_id);
        let read = || ApiError::read(status, request_id, &answer.body);
        match status {
            200..=299 => {
                self.verify_answer(&answer).await?;
                Ok(Answered::Success(answer))
            }
            429 => {
                let retry_after_ms = transport::retry_after_ms(&answer);
                match read().map(|error| ApiError { retry_after_ms, ..error }) {
                    Some(error) if error.is_too_many() && self.may_be_believed(&answer).await.is_ok() => {
                        Ok(Answered::Error(error))
                    }
                    Some(error) => Err(error.why(WhyKind::RateLimited)),
                    None => Err(Why { retry_after_ms, ..bare(&answer, WhyKind::RateLimited) }),
                }
            }
            500..=599 => Err(match read() {
                Some(error) if error.meaning == Some(errors::Meaning::System) => error.why(WhyKind::SystemError),
                Some(error) => error.why(WhyKind::ServerError),
                None => bare(&answer, WhyKind::ServerError),
            }),
            400..=499 => {
                self.may_be_believed(&answer).await?;
                read().map(Answered::Error).ok_or_else(|| bare(&answer, WhyKind::Unreadable))
            }
            _ => Err(bare(&answer, WhyKind::Unreadable)),
        }
    }

    /// A refusal moves no money, but a forged one could make us give a paid number up. TLS keeps
    /// strangers out; and a signature that is there must be right. The channel's own libraries do not ask
    /// for one, so a missing signature is taken.
    async fn may_be_believed(&self, answer: &Answer) -> Result<(), Why> {
        if answer.headers.header(verify::SIGNATURE).is_some() { self.verify_answer(answer).await } else { Ok(()) }
    }

    async fn verify_answer(&self, answer: &Answer) -> Result<(), Why> {
        let verify = || self.keyring.verify(&answer.headers, &answer.body, Some(self.now()));
        let mut verdict = verify();
        if matches!(verdict, Err(NotificationRefusal::UnknownSerial(_))) {
            // Waits for a fetch that is under way. Its trouble is not this call's trouble.
            drop(self.fetch_keys().await);
            verdict = verify();
        }
        verdict.map_err(|refusal| {
            let detail = format!("HTTP {}, request {}: {refusal}", answer.status, answer.request_id());
            Why::new(WhyKind::BadSignature, detail)
        })
    }

    async fn fetch_keys(&self) -> Result<(), Why> {
        fetch_keys(&self.keyring, &self.transport, &self.api).await
    }

    /// Counts and logs an outcome.
    fn ended<T>(&self, verb: Verb, outcome: Outcome<T>) -> Outcome<T> {
        self.transport.parts().counters.count(verb, outcome_name(&outcome));
        match &outcome {
            Outcome::Done(_) => tracing::debug!("done"),
            Outcome::Refused(refusal) => tracing::info!(%refusal, "refused"),
            Outcome::Unknown(why) => tracing::warn!(%why, not_sent = why.not_sent, "unknown"),
        }
        outcome
    }
}

async fn fetch_keys(keyring: &Keyring, transport: &Transport, api: &ApiKey) -> Result<(), Why> {
    let result = keyring.refresh(transport, api).await;
    let counters = &transport.parts().counters;
    match &result {
        Ok(false) => {}
        Ok(true) => counters.count(Verb::Keys, "done"),
        Err(why) => {
            counters.count(Verb::Keys, why.kind.name());
            tracing::warn!(%why, "platform certificates could not be fetched");
        }
    }
    result.map(drop)
}

/// Trouble with an answer whose body says nothing.
fn bare(answer: &Answer, kind: WhyKind) -> Why {
    Why::new(kind, format!("HTTP {}, request {}, without a code of the channel", answer.status, answer.request_id()))
}

#[async_trait]
impl Channel for Wechat {
    #[tracing::instrument(name = "channel.create", skip_all, fields(account = %self.account, number = %request.payment.number(), status, request_id))]
    async fn create(&self, request: &CreateRequest<'_>) -> Outcome<PayCode> {
        let outcome = self.create_order(request).await;
        self.ended(Verb::Create, outcome)
    }

    #[tracing::instrument(name = "channel.query", skip_all, fields(account = %self.account, number = %number, status, request_id))]
    async fn query(&self, number: &str) -> Outcome<Standing> {
        let outcome = self.query_order(number).await;
        self.ended(Verb::Query, outcome)
    }

    #[tracing::instrument(name = "channel.close", skip_all, fields(account = %self.account, number = %number, status, request_id))]
    async fn close(&self, number: &str) -> Outcome<Closed> {
        let outcome = self.close_order(number).await;
        self.ended(Verb::Close, outcome)
    }

    #[tracing::instrument(name = "channel.refund", skip_all, fields(account = %self.account, number = %request.leg.number(), status, request_id))]
    async fn refund(&self, request: &RefundRequest<'_>) -> Outcome<RefundStanding> {
        let outcome = self.refund_payment(request).await;
        self.ended(Verb::Refund, outcome)
    }

    #[tracing::instrument(name = "channel.query_refund", skip_all, fields(account = %self.account, number = %number, status, request_id))]
    async fn query_refund(&self, number: &str) -> Outcome<RefundStanding> {
        let outcome = self.ask_refund(number).await;
        self.ended(Verb::QueryRefund, outcome)
    }

    #[tracing::instrument(name = "channel.refund_second_way", skip_all, fields(account = %self.account, number = %request.leg.number(), status, request_id))]
    async fn refund_second_way(
        &self,
        request: &RefundRequest<'_>,
        refund_id: &str,
        payee: &str,
    ) -> Outcome<RefundStanding> {
        let outcome = self.refund_to_card(request, refund_id, payee).await;
        self.ended(Verb::SecondWay, outcome)
    }

    async fn seal_payee(&self, payee: &BankPayee) -> Result<String, String> {
        self.seal_bank_payee(payee).await
    }

    fn read_notification(
        &self,
        headers: &dyn HeaderLookup,
        body: &[u8],
        now: Timestamp,
    ) -> Result<Notice, NotificationRefusal> {
        let result = self.read_message(headers, body, Some(now));
        if matches!(result, Err(NotificationRefusal::UnknownSerial(_)))
            && self.keyring.may_fetch(self.now())
            && let Ok(runtime) = Handle::try_current()
        {
            // The channel sends it again within seconds; by then the key is known.
            let (keyring, transport, api) = (self.keyring.clone(), self.transport.clone(), self.api.clone());
            runtime.spawn(async move { fetch_keys(&keyring, &transport, &api).await });
        }
        result
    }

    fn reread_notification(&self, headers: &dyn HeaderLookup, body: &[u8]) -> Result<Notice, NotificationRefusal> {
        self.read_message(headers, body, None)
    }

    fn proof_headers(&self) -> &'static [&'static str] {
        verify::PROOF
    }

    async fn refresh_keys(&self) -> Result<(), Why> {
        self.fetch_keys().await
    }

    fn acknowledge(&self) -> Reply {
        Reply { status: 204, content_type: "", body: String::new() }
    }

    fn refuse(&self, why: &NotificationRefusal) -> Reply {
        let status = if matches!(why, NotificationRefusal::Unreadable(_)) { 400 } else { 401 };
        fail(status, &why.to_string())
    }

    fn unavailable(&self) -> Reply {
        fail(503, "not taken now, send it again")
    }
}

fn fail(status: u16, message: &str) -> Reply {
    let body = json!({ "code": "FAIL", "message": message }).to_string();
    Reply { status, content_type: "application/json", body }
}
