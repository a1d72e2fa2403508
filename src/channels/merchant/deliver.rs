//! Posting one event: it knows headers, time-outs and what an answer means, and must never decide when
//! to try again.

use std::time::Duration;

use bursar_core::Timestamp;
use bursar_core::merchant::Endpoint;
use reqwest::StatusCode;
use reqwest::header::CONTENT_TYPE;

use super::address;
use super::{DeliveryOutcome, MerchantHttp};
use crate::http;
use crate::outcome::{Why, WhyKind, shorten};

/// Longest answer that is read. It is thrown away: reading it lets the connection be used again.
const MAX_ANSWER_BYTES: usize = 64 * 1024;
/// How long a delivery waits for its turn behind others to the same endpoint, in real milliseconds.
/// After that its worker is given back to other endpoints.
const MAX_WAIT_MS: u64 = 2_000;

fn failed(why: impl Into<String>) -> DeliveryOutcome {
    DeliveryOutcome::Failed { why: shorten(&why.into()), gone: false }
}

impl MerchantHttp {
    /// Posts `body` (JSON) to `endpoint`. `id` is the same for every attempt, so that the merchant can
    /// recognise a repetition; `now` is signed, so that he can refuse a replay.
    pub async fn deliver(&self, endpoint: &Endpoint, id: &str, body: &str, now: Timestamp) -> DeliveryOutcome {
        let url = match address::parse(&endpoint.url, &self.settings) {
            Ok(url) => url,
            Err(why) => return failed(why),
        };
        let signature = match self.keys.sign(&endpoint.secrets, id, body, now) {
            Ok(signature) => signature,
            Err(why) => return failed(why),
        };
        let lane = self.lanes.of(endpoint);
        let wait = Duration::from_millis(MAX_WAIT_MS);
        let Ok(Ok(_slot)) = tokio::time::timeout(wait, lane.slots.acquire()).await else {
            return failed("too many deliveries to this endpoint are under way; its answers are slow");
        };
        let admission = match lane.breaker.admit(self.clock.now()) {
            Ok(admission) => admission,
            Err(ms) => return failed(format!("endpoint is failing; next probe at {}", self.clock.now().plus_ms(ms))),
        };
        let request = self
            .http
            .post(url)
            .timeout(Duration::from_millis(self.settings.timeout_ms))
            .header(CONTENT_TYPE, "application/json")
            .header("webhook-id", id)
            .header("webhook-timestamp", now.as_seconds())
            .header("webhook-signature", signature)
            .body(body.to_owned());
        let result = match request.send().await {
            Ok(response) => {
                let status = response.status();
                // Whatever it says, and even if it never ends: the status was the answer.
                drop(http::read_bounded(response, MAX_ANSWER_BYTES).await);
                Ok(status)
            }
            Err(error) => Err(http::why(error)),
        };
        match &result {
            Ok(status) if !status.is_server_error() => admission.succeeded(),
            _ => admission.failed(self.clock.now()),
        }
        let outcome = meaning(result);
        match &outcome {
            DeliveryOutcome::Delivered => tracing::debug!(endpoint = %endpoint.id, id, "delivered"),
            DeliveryOutcome::Failed { why, .. } => tracing::info!(endpoint = %endpoint.id, id, why, "not delivered"),
        }
        outcome
    }
}

fn meaning(result: Result<StatusCode, Why>) -> DeliveryOutcome {
    match result {
        Ok(status) if status.is_success() => DeliveryOutcome::Delivered,
        Ok(StatusCode::GONE) => {
            DeliveryOutcome::Failed { why: "answered 410: it does not want to be told any more".into(), gone: true }
        }
        Ok(status) if status.is_redirection() => {
            failed(format!("answered {}: redirects are not followed; register the final address", status.as_u16()))
        }
        Ok(status) => failed(format!("answered {}", status.as_u16())),
        Err(Why { kind: WhyKind::Timeout, .. }) => failed("did not answer in time"),
        Err(Why { kind: WhyKind::NotConnected, detail, .. }) => failed(format!("cannot be reached: {detail}")),
        Err(why) => failed(format!("broke the connection: {}", why.detail)),
    }
}
