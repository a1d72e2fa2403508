//! How each request fault looks on the wire: it knows broken connections, error pages and spoilt
//! answers, and must never change an order.

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http::{HeaderValue, StatusCode, header};

use crate::dice;
use crate::faults::RequestFault;
use crate::serve::hang_up;
use crate::shared::Shared;
use crate::wechat::answer::{Answer, Signed};
use crate::wechat::platform::SignWith;
use crate::wechat::refusal::Refusal;
use crate::wechat::sign;

const ERROR_PAGE: &str = "<html><head><title>502 Bad Gateway</title></head><body><h1>502</h1></body></html>";

/// Plays a fault that keeps the request from taking effect; `None` when the request goes on.
pub(crate) async fn before_effect(
    world: &Shared,
    fault: Option<RequestFault>,
    draw: u64,
    with: SignWith,
) -> Option<Response> {
    let refuse = |refusal: Refusal| Some(Answer::refused(&refusal).signed(world, with).respond_whole());
    match fault? {
        RequestFault::Timeout => {
            tokio::time::sleep(world.hold).await;
            Some(hang_up())
        }
        RequestFault::ServerError if dice::below(draw >> 32, 3) == 0 => Some(error_page()),
        RequestFault::ServerError => refuse(Refusal::new(500, "SYSTEM_ERROR", "the system is busy; try again")),
        RequestFault::TooMany => refuse(Refusal::new(429, "FREQUENCY_LIMITED", "too many requests; slow down")),
        RequestFault::LostAnswer | RequestFault::Slow | RequestFault::Truncated | RequestFault::BadSignature => None,
    }
}

/// Sends the answer of a request that took effect, spoilt as the fault wants it.
pub(crate) async fn after_effect(
    world: &Shared,
    fault: Option<RequestFault>,
    draw: u64,
    with: SignWith,
    answer: Answer,
) -> Response {
    let coin = dice::below(draw >> 32, 2) == 0;
    match fault {
        Some(RequestFault::LostAnswer) => hang_up(),
        Some(RequestFault::Slow) => {
            tokio::time::sleep(world.hold).await;
            answer.signed(world, with).respond_whole()
        }
        Some(RequestFault::Truncated) => truncated(answer.signed(world, with), coin),
        Some(RequestFault::BadSignature) => {
            let mut signed = answer.signed(world, with);
            if let Some(headers) = signed.headers.as_mut() {
                sign::spoil(headers, coin);
            }
            signed.respond_whole()
        }
        _ => answer.signed(world, with).respond_whole(),
    }
}

/// Half a body: either as a whole HTTP message, or with the connection broken in the middle.
fn truncated(signed: Signed, as_whole_message: bool) -> Response {
    let length = signed.answer.body.len();
    if length == 0 {
        return hang_up();
    }
    let half = Bytes::copy_from_slice(signed.answer.body.get(..length / 2).unwrap_or_default());
    if as_whole_message {
        return signed.respond(Body::from(half));
    }
    let broken = std::io::Error::from(std::io::ErrorKind::ConnectionReset);
    let body = Body::from_stream(futures::stream::iter([Ok(half), Err(broken)]));
    let mut response = signed.respond(body);
    response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    response
}

fn error_page() -> Response {
    let mut response = Response::new(Body::from(ERROR_PAGE));
    *response.status_mut() = StatusCode::BAD_GATEWAY;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html"));
    response
}
