//! How each request fault looks on the wire, whatever the channel: it knows broken connections, error pages
//! and halved answers, asks the front for refusals and wrong signatures in its own words, and must never
//! change an order.

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http::{HeaderValue, StatusCode, header};

use crate::dice;
use crate::faults::RequestFault;
use crate::reply::Reply;
use crate::serve::hang_up;
use crate::shared::Shared;

const ERROR_PAGE: &str = "<html><head><title>502 Bad Gateway</title></head><body><h1>502</h1></body></html>";

/// A refusal that a channel gives in its own words, without effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Busy {
    /// The system fails; try again.
    Error,
    /// Too many requests.
    TooMany,
}

impl Shared {
    /// A request has arrived, whatever it may be. `false` during an outage: hang up.
    pub(crate) fn request_arrives(&self) -> bool {
        self.tally.change(|counters| counters.requests += 1);
        if self.is_out() {
            self.tally.fault("outage");
        }
        !self.is_out()
    }

    /// The fault that strikes a request with this draw, counted.
    pub(crate) fn struck(&self, draw: u64) -> Option<RequestFault> {
        let fault = self.faults().strikes_request(draw);
        if let Some(fault) = fault {
            self.tally.fault(fault.name());
        }
        fault
    }
}

/// Plays a fault that keeps the request from taking effect; `None` when the request goes on.
pub(crate) async fn before_effect(
    world: &Shared,
    fault: Option<RequestFault>,
    draw: u64,
    busy: impl FnOnce(Busy) -> Response,
) -> Option<Response> {
    match fault? {
        RequestFault::Timeout => {
            tokio::time::sleep(world.hold).await;
            Some(hang_up())
        }
        RequestFault::ServerError if dice::below(draw >> 32, 3) == 0 => Some(error_page()),
        RequestFault::ServerError => Some(busy(Busy::Error)),
        RequestFault::TooMany => Some(busy(Busy::TooMany)),
        RequestFault::LostAnswer | RequestFault::Slow | RequestFault::Truncated | RequestFault::BadSignature => None,
    }
}

/// Sends the answer of a request that took effect, spoilt as the fault wants it. `spoil` puts a wrong
/// signature in the place of the right one, in one of two ways.
pub(crate) async fn after_effect(
    world: &Shared,
    fault: Option<RequestFault>,
    draw: u64,
    mut reply: Reply,
    spoil: impl FnOnce(&mut Reply, bool),
) -> Response {
    let coin = dice::below(draw >> 32, 2) == 0;
    match fault {
        Some(RequestFault::LostAnswer) => return hang_up(),
        Some(RequestFault::Slow) => tokio::time::sleep(world.hold).await,
        Some(RequestFault::Truncated) => return truncated(reply, coin),
        Some(RequestFault::BadSignature) => spoil(&mut reply, coin),
        _ => {}
    }
    reply.respond()
}

/// Half a body: either as a whole HTTP message, or with the connection broken in the middle.
fn truncated(reply: Reply, as_whole_message: bool) -> Response {
    let length = reply.body.len();
    if length == 0 {
        return hang_up();
    }
    let half = Bytes::copy_from_slice(reply.body.get(..length / 2).unwrap_or_default());
    if as_whole_message {
        return reply.respond_with(Body::from(half));
    }
    let broken = std::io::Error::from(std::io::ErrorKind::ConnectionReset);
    let body = Body::from_stream(futures::stream::iter([Ok(half), Err(broken)]));
    let mut response = reply.respond_with(body);
    response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    response
}

fn error_page() -> Response {
    let mut response = Response::new(Body::from(ERROR_PAGE));
    *response.status_mut() = StatusCode::BAD_GATEWAY;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html"));
    response
}
