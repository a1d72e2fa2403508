//! Reading bodies: it knows sizes, time and media types, and must never know what a body means.

use std::time::Duration;

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use futures::StreamExt;
use http::{HeaderMap, header};

use crate::limits::GatewaySettings;
use crate::problem::{Kind, Problem};

/// Refuses compressed bodies: nothing that we take is large, and what is not unpacked cannot explode.
///
/// # Errors
/// [`Kind::UnsupportedMediaType`].
pub fn check_encoding(headers: &HeaderMap) -> Result<(), Problem> {
    let plain = headers
        .get_all(header::CONTENT_ENCODING)
        .iter()
        .all(|v| v.to_str().is_ok_and(|v| v.trim().eq_ignore_ascii_case("identity")));
    if plain {
        return Ok(());
    }
    Err(Problem::new(Kind::UnsupportedMediaType, "Compressed bodies are not taken: leave Content-Encoding out."))
}

/// Requires `application/json`, in UTF-8 when a charset is named.
///
/// # Errors
/// [`Kind::UnsupportedMediaType`].
pub fn check_json(headers: &HeaderMap) -> Result<(), Problem> {
    let wrong = || Problem::new(Kind::UnsupportedMediaType, "Content-Type must be application/json.");
    let mut values = headers.get_all(header::CONTENT_TYPE).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return Err(wrong());
    };
    let text = value.to_str().map_err(|_| wrong())?;
    let mut parts = text.split(';').map(str::trim);
    let json = parts.next().is_some_and(|t| t.eq_ignore_ascii_case("application/json"));
    let utf8 = parts.all(|p| {
        p.split_once('=').is_none_or(|(name, value)| {
            !name.trim().eq_ignore_ascii_case("charset") || value.trim().trim_matches('"').eq_ignore_ascii_case("utf-8")
        })
    });
    if json && utf8 { Ok(()) } else { Err(wrong()) }
}

/// Reads the whole body, but no more bytes and no longer than the settings allow.
///
/// # Errors
/// [`Kind::BodyTooLarge`], [`Kind::BodyTimeout`], or [`Kind::MalformedJson`] when the client breaks off.
pub async fn read(headers: &HeaderMap, body: Body, settings: &GatewaySettings) -> Result<Bytes, Problem> {
    let limit = settings.body_limit_bytes;
    let too_large = || Problem::new(Kind::BodyTooLarge, format!("The body is larger than {limit} bytes."));
    let announced = headers.get(header::CONTENT_LENGTH).and_then(|v| v.to_str().ok()?.parse::<u64>().ok());
    if announced.is_some_and(|length| usize::try_from(length).map_or(true, |l| l > limit)) {
        return Err(too_large());
    }
    let reading = async {
        let mut stream = body.into_data_stream();
        let mut whole = BytesMut::new();
        while let Some(chunk) = stream.next().await {
            let chunk = chunk.map_err(|_| Problem::new(Kind::MalformedJson, "The body broke off."))?;
            if whole.len() + chunk.len() > limit {
                return Err(too_large());
            }
            whole.extend_from_slice(&chunk);
        }
        Ok(whole.freeze())
    };
    match tokio::time::timeout(Duration::from_millis(settings.body_timeout_ms), reading).await {
        Ok(read) => read,
        Err(_) => Err(Problem::new(Kind::BodyTimeout, "The body did not arrive in time.")),
    }
}
