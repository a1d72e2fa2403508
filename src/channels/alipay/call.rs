//! One call and its judgement: it knows which answers are believed, and must never know what was asked.

use serde::Serialize;
use tracing::Span;

use super::Alipay;
use super::envelope::Envelope;
use super::errors::{ApiError, Meaning, Status2};
use super::gateway::Addresses;
use super::keyring::Verdict;
use super::operation::Operation;
use crate::headers::HeaderLookup;
use crate::outcome::{Why, WhyKind};
use crate::rsa::PublicKey;
use crate::transport::{Answer, unwritten};

/// An answer that was verified and judged.
pub(super) enum Answered {
    /// Yes, with its content in JSON.
    Success(String),
    /// A definite answer with one of the channel's codes.
    Error(ApiError),
}

/// The gateway's number for "done".
const DONE: &str = "10000";

/// What a signature stands on.
struct Proof<'a> {
    message: &'a [u8],
    sign: Option<&'a str>,
    certificate: Option<&'a str>,
}

impl Alipay {
    /// Makes one call and judges its answer.
    pub(super) async fn call(
        &self,
        operation: Operation,
        biz: &impl Serialize,
        addresses: Addresses<'_>,
    ) -> Result<Answered, Why> {
        let biz = serde_json::to_string(biz).map_err(|_| unwritten("the call cannot be written"))?;
        self.call_with(operation, &biz, addresses).await
    }

    /// The same with content that is JSON already.
    pub(super) async fn call_with(
        &self,
        operation: Operation,
        biz: &str,
        addresses: Addresses<'_>,
    ) -> Result<Answered, Why> {
        let answer = self.gateway.exchange(operation, biz, addresses).await?;
        // On the span, so that every line about this call names it: the channel's support asks for it.
        Span::current().record("status", answer.status).record("request_id", answer.header("alipay-trace-id"));
        let bare = |kind| Why::new(kind, format!("HTTP {}, without a signed answer of the channel", answer.status));
        let answered = match answer.status {
            429 => {
                let retry_after_ms = answer.retry_after_ms();
                return Err(Why { retry_after_ms, ..bare(WhyKind::RateLimited) });
            }
            500..=599 => return Err(bare(WhyKind::ServerError)),
            _ if self.gateway.rest_path(operation).is_some() => self.judge_rest(&answer).await?,
            200 => self.judge_gateway(operation, &answer).await?,
            _ => return Err(bare(WhyKind::Unreadable)),
        };
        if matches!(&answered, Answered::Error(error) if error.meaning == Some(Meaning::TooMany)) {
            self.gateway.pause(operation.quota());
        }
        Ok(answered)
    }

    async fn judge_gateway(&self, operation: Operation, answer: &Answer) -> Result<Answered, Why> {
        let unreadable = |what: String| Why::new(WhyKind::Unreadable, format!("the answer: {what}"));
        let envelope = Envelope::open(operation.method(), &answer.body).map_err(unreadable)?;
        let status: Status2 = serde_json::from_str(envelope.content).map_err(|e| unreadable(e.to_string()))?;
        let done = status.code == DONE;
        let error = ApiError::of(status);
        let (sign, certificate) = (envelope.sign.as_deref(), envelope.certificate.as_deref());
        let proof = Proof { message: envelope.content.as_bytes(), sign, certificate };
        // Some errors of the gateway itself are not signed: what they say is told, but proves nothing.
        self.believe(proof).await.map_err(|why| {
            let said = if done { String::new() } else { format!(" ({}: {})", error.code, error.message) };
            Why { detail: format!("{}{said}", why.detail), ..why }
        })?;
        Ok(if done { Answered::Success(envelope.content.to_owned()) } else { Answered::Error(error) })
    }

    async fn judge_rest(&self, answer: &Answer) -> Result<Answered, Why> {
        // The age of an answer is not judged: TLS keeps it from being an old one, and the unit of the time
        // in its header is not confirmed.
        let header = |name: &str| answer.headers.header(name).filter(|value| !value.is_empty());
        let (time, nonce) = (answer.header("alipay-timestamp"), answer.header("alipay-nonce"));
        let mut message = format!("{time}\n{nonce}\n").into_bytes();
        message.extend_from_slice(&answer.body);
        message.push(b'\n');
        let proof = Proof { message: &message, sign: header("alipay-signature"), certificate: header("alipay-sn") };
        self.believe(proof).await?;
        let unreadable = |what: &str| Why::new(WhyKind::Unreadable, format!("HTTP {}: {what}", answer.status));
        match answer.status {
            200..=299 => std::str::from_utf8(&answer.body)
                .map(|body| Answered::Success(body.to_owned()))
                .map_err(|_| unreadable("the answer is no text")),
            400..=499 => {
                ApiError::read(&answer.body).map(Answered::Error).ok_or_else(|| unreadable("there is no code"))
            }
            _ => Err(unreadable("this status means nothing here")),
        }
    }

    async fn believe(&self, proof: Proof<'_>) -> Result<(), Why> {
        let bad = |what: &str| Why::new(WhyKind::BadSignature, format!("the answer {what}"));
        let sign = proof.sign.ok_or_else(|| bad("is not signed"))?;
        let verify = || self.keyring.check(proof.certificate, &|key: &PublicKey| key.accepts(proof.message, sign));
        let mut verdict = verify();
        if matches!(verdict, Verdict::UnknownCertificate(_)) {
            // Waits for a fetch that is under way. Its trouble is not this call's trouble.
            drop(self.fetch_keys().await);
            verdict = verify();
        }
        match verdict {
            Verdict::Good => Ok(()),
            Verdict::Bad => Err(bad("is not signed by the channel")),
            Verdict::UnknownCertificate(serial) => {
                Err(bad(&format!("is signed with the unknown certificate `{serial}`")))
            }
        }
    }
}
