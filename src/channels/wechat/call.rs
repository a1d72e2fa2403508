//! One call and its judgement: it knows which answers are believed, and must never know what was asked.

use tracing::Span;

use super::Wechat;
use super::errors::{ApiError, Meaning};
use super::transport::{Call, request_id};
use super::verify;
use crate::headers::HeaderLookup;
use crate::notice::NotificationRefusal;
use crate::outcome::{Why, WhyKind};
use crate::transport::Answer;

/// An answer that was judged.
pub(super) enum Answered {
    /// 2xx, verified.
    Success(Answer),
    /// 4xx with one of the channel's codes.
    Error(ApiError),
}

impl Wechat {
    /// Makes one call and judges its answer.
    pub(super) async fn call(&self, call: Call<'_>) -> Result<Answered, Why> {
        if self.keyring.is_old(self.now()) {
            // The keys that are known may still do; if not, the answer will say so.
            drop(self.fetch_keys().await);
        }
        let answer = self.transport.exchange(call).await?;
        let (status, request_id) = (answer.status, request_id(&answer));
        // On the span, so that every line about this call names it: the channel's support asks for it.
        Span::current().record("status", status).record("request_id", request_id);
        let read = || ApiError::read(status, request_id, &answer.body);
        match status {
            200..=299 => {
                self.verify_answer(&answer).await?;
                Ok(Answered::Success(answer))
            }
            429 => {
                let retry_after_ms = answer.retry_after_ms();
                match read().map(|error| ApiError { retry_after_ms, ..error }) {
                    Some(error) if error.is_too_many() && self.may_be_believed(&answer).await.is_ok() => {
                        Ok(Answered::Error(error))
                    }
                    Some(error) => Err(error.why(WhyKind::RateLimited)),
                    None => Err(Why { retry_after_ms, ..bare(&answer, WhyKind::RateLimited) }),
                }
            }
            500..=599 => Err(match read() {
                Some(error) if error.meaning == Some(Meaning::System) => error.why(WhyKind::SystemError),
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
            let detail = format!("HTTP {}, request {}: {refusal}", answer.status, request_id(answer));
            Why::new(WhyKind::BadSignature, detail)
        })
    }
}

/// Trouble with an answer whose body says nothing.
fn bare(answer: &Answer, kind: WhyKind) -> Why {
    Why::new(kind, format!("HTTP {}, request {}, without a code of the channel", answer.status, request_id(answer)))
}
