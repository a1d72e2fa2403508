//! A merchant's calls to the API: it knows idempotency keys and patience, and must never know what is asked
//! for.

use std::time::Duration;

use serde_json::Value;

use crate::SandboxError;

/// Tries before somebody without patience gives up.
const TRIES: u64 = 20;

/// A client of one gateway.
#[derive(Clone, Debug)]
pub struct Api {
    http: reqwest::Client,
    gateway: String,
    /// Tries again for ever while the gateway is away.
    patient: bool,
}

/// A request that changes something.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The merchant's key.
    pub api_key: &'a str,
    /// The path below the gateway.
    pub path: &'a str,
    /// The same on every try, so that trying again is harmless.
    pub idempotency_key: &'a str,
    /// The body.
    pub body: &'a Value,
}

impl Api {
    /// A client of `gateway` (without a slash at the end) for so many requests at once.
    ///
    /// # Errors
    /// When no client can be made.
    pub fn new(gateway: &str, at_once: usize, patient: bool) -> Result<Self, SandboxError> {
        let http = reqwest::Client::builder()
            .no_proxy()
            .tcp_nodelay(true)
            .pool_max_idle_per_host(at_once)
            .timeout(Duration::from_secs(20))
            .build()
            .map_err(|e| refused(&e.to_string()))?;
        Ok(Self { http, gateway: gateway.to_owned(), patient })
    }

    /// Asks until there is an answer that settles it: success, or a refusal that trying again cannot mend. The status
    /// and the body.
    ///
    /// # Errors
    /// When there is none and patience has ended.
    pub async fn post(&self, request: Request<'_>) -> Result<(u16, Value), SandboxError> {
        let body = request.body.to_string();
        let build = || {
            self.http
                .post(format!("{}{}", self.gateway, request.path))
                .bearer_auth(request.api_key)
                .header("idempotency-key", request.idempotency_key)
                .header("content-type", "application/json")
                .body(body.clone())
        };
        self.until_settled(request.path, build).await
    }

    /// Reads what is at `path`.
    pub(super) async fn get(&self, api_key: &str, path: &str) -> Result<(u16, Value), SandboxError> {
        let build = || self.http.get(format!("{}{path}", self.gateway)).bearer_auth(api_key);
        self.until_settled(path, build).await
    }

    /// Sends a file.
    pub(super) async fn upload(
        &self,
        api_key: &str,
        path: &str,
        idempotency_key: &str,
        file: &[u8],
    ) -> Result<(u16, Value), SandboxError> {
        let build = || {
            self.http
                .post(format!("{}{path}", self.gateway))
                .bearer_auth(api_key)
                .header("idempotency-key", idempotency_key)
                .header("content-type", "application/octet-stream")
                .body(file.to_vec())
        };
        self.until_settled(path, build).await
    }

    /// A request to somebody who asks for no key, and for whom a repetition does no harm.
    pub(super) async fn post_plain(&self, path: &str, body: &Value) -> Result<(u16, Value), SandboxError> {
        let build = || self.http.post(format!("{}{path}", self.gateway)).body(body.to_string());
        self.until_settled(path, build).await
    }

    async fn until_settled(
        &self,
        path: &str,
        build: impl Fn() -> reqwest::RequestBuilder,
    ) -> Result<(u16, Value), SandboxError> {
        let mut tries = 0;
        loop {
            tries += 1;
            let problem = match build().send().await {
                Ok(answer) => {
                    let status = answer.status().as_u16();
                    match answer.text().await {
                        Ok(text) if settles(status, &text) => {
                            return Ok((status, serde_json::from_str(&text).unwrap_or(Value::String(text))));
                        }
                        text => format!("{status} {}", text.unwrap_or_default()),
                    }
                }
                Err(error) => error.to_string(),
            };
            if tries >= TRIES && !self.patient {
                return Err(refused(&format!("{path}: no answer after {tries} tries: {problem}")));
            }
            tokio::time::sleep(Duration::from_millis(50 * tries.min(10))).await;
        }
    }
}

fn settles(status: u16, text: &str) -> bool {
    match status {
        500.. | 429 => false,
        409 => !text.contains("idempotency-key-in-flight"),
        _ => true,
    }
}

pub(super) fn refused(why: &str) -> SandboxError {
    SandboxError::Config(why.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_another_try_can_mend_is_tried_again() {
        for (status, text) in [(503, ""), (500, ""), (429, ""), (409, "/problems/idempotency-key-in-flight")] {
            assert!(!settles(status, text), "{status} {text}");
        }
        for (status, text) in [(201, "{}"), (422, ""), (404, ""), (409, "/problems/order-takes-no-payment")] {
            assert!(settles(status, text), "{status} {text}");
        }
    }
}
