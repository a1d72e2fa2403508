//! Waiting for a payment's code: it knows how long a client prefers to wait, and must never hold an
//! answer back for longer than it may, or fail because of waiting.

use std::time::Duration;

use bursar_core::id::PaymentId;
use bursar_core::order::Dossier;
use bursar_core::payment::PaymentState;
use http::{HeaderMap, HeaderName};
use tokio::time::Instant;

use crate::App;

/// The request header of [RFC 7240](https://www.rfc-editor.org/rfc/rfc7240).
pub const HEADER: HeaderName = HeaderName::from_static("prefer");
/// Says in an answer that the preference was honoured.
pub const APPLIED: HeaderName = HeaderName::from_static("preference-applied");
/// The pause before the first look; it doubles up to [`LAST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(25);
/// Longest pause between two looks: what a person does not notice.
const LAST_PAUSE: Duration = Duration::from_millis(250);

/// `wait=SECONDS` of the request, cut to `max_ms`; `None` when there is none. A preference that cannot
/// be read is ignored, as the RFC wants it.
pub fn wait(headers: &HeaderMap, max_ms: u64) -> Option<Duration> {
    let values = headers.get_all(HEADER);
    let preferences = values.iter().filter_map(|v| v.to_str().ok()).flat_map(|v| v.split([',', ';']));
    let seconds: u64 = preferences.filter_map(|p| p.trim().strip_prefix("wait=")?.trim().parse().ok()).next()?;
    Some(Duration::from_millis(seconds.saturating_mul(1_000).min(max_ms))).filter(|d| !d.is_zero())
}

/// Waits until the payment has a code or can get none any more; the order as it stands then. `None`
/// when the time is over, too many wait already, or the store cannot be read: the caller has an answer.
pub async fn wait_for_code(app: &App, payment: PaymentId, at_most: Duration) -> Option<Dossier> {
    let _place = app.waiting.try_acquire().ok()?;
    let deadline = Instant::now() + at_most;
    let mut pause = FIRST_PAUSE;
    while Instant::now() + pause <= deadline {
        tokio::time::sleep(pause).await;
        let dossier = app.desk.gatherer.dossier_of(payment).await.ok()??;
        if dossier
            .payment(payment)
            .is_none_or(|p| p.evidence.code().is_some() || p.state.is_final() || p.state == PaymentState::Closing)
        {
            return Some(dossier);
        }
        pause = (pause * 2).min(LAST_PAUSE);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_is_read_and_bounded_and_nonsense_is_ignored() {
        let read = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(HEADER, text.parse().unwrap());
            wait(&headers, 10_000).map(|d| d.as_millis())
        };
        assert_eq!(read("wait=5"), Some(5_000));
        assert_eq!(read("respond-async, wait=2"), Some(2_000));
        assert_eq!(read("wait=99999999999999999"), Some(10_000));
        for nothing in ["wait=0", "wait=-1", "wait=x", "return=minimal", ""] {
            assert_eq!(read(nothing), None, "{nothing}");
        }
    }
}
