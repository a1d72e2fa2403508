//! Strict query parameters: it knows that each may stand once, and must never know what they mean.

use axum::extract::Query;
use bursar_core::Timestamp;
use http::Uri;

use crate::limits::{GatewaySettings, NUMBER_MAX_CHARS, shown};
use crate::problem::{FieldError, Problem};

/// The parameters of a request, taken one by one.
#[derive(Debug)]
pub struct Parameters {
    pairs: Vec<(String, String)>,
    errors: Vec<FieldError>,
}

impl Parameters {
    /// Takes the query of `uri` apart.
    ///
    /// # Errors
    /// [`crate::problem::Kind::InvalidParameter`] when it cannot be read.
    pub fn parse(uri: &Uri) -> Result<Self, Problem> {
        let Query(pairs) = Query::<Vec<(String, String)>>::try_from_uri(uri)
            .map_err(|_| Problem::parameters(vec![FieldError::parameter("?", "the query cannot be read")]))?;
        Ok(Self { pairs, errors: Vec::new() })
    }

    /// Takes a parameter, read by `read`, whose error sentence is shown.
    pub fn take<T>(&mut self, name: &str, read: impl FnOnce(&str) -> Result<T, String>) -> Option<T> {
        let at = self.pairs.iter().position(|(n, _)| n == name)?;
        let (_, text) = self.pairs.remove(at);
        match read(&text) {
            Ok(value) => Some(value),
            Err(message) => {
                self.refuse(name, message);
                None
            }
        }
    }

    /// The parameter `limit`: the size of a page.
    pub fn limit(&mut self, settings: &GatewaySettings) -> u32 {
        let max = settings.max_page_size;
        let limit = self.take("limit", |text| {
            let number: Option<u32> = text.parse().ok().filter(|n| (1..=max).contains(n));
            number.ok_or_else(|| format!("`limit` must be 1 to {max}, not `{}`", shown(text)))
        });
        limit.unwrap_or(settings.default_page_size)
    }

    /// Notes that a parameter is wrong.
    pub fn refuse(&mut self, name: &str, message: impl Into<String>) {
        self.errors.push(FieldError::parameter(name, message));
    }

    /// Ends the reading.
    ///
    /// # Errors
    /// [`crate::problem::Kind::InvalidParameter`] with everything that was noted; parameters that are
    /// left are unknown or stand twice.
    pub fn finish(mut self) -> Result<(), Problem> {
        for (name, _) in std::mem::take(&mut self.pairs) {
            let name = shown(&name);
            let message = format!("`{name}` is unknown here or stands twice");
            self.errors.push(FieldError::parameter(name, message));
        }
        if self.errors.is_empty() { Ok(()) } else { Err(Problem::parameters(self.errors)) }
    }
}

/// An instant.
///
/// # Errors
/// A sentence when it is none.
pub fn time(text: &str) -> Result<Timestamp, String> {
    Timestamp::parse_rfc3339(&shown(text)).map_err(|e| format!("{e}; in an address `+` must be written as %2B"))
}

/// A number of the merchant's own as the filter `name`.
///
/// # Errors
/// A sentence when it cannot be one.
pub fn number(name: &str, text: &str) -> Result<String, String> {
    if (1..=NUMBER_MAX_CHARS).contains(&text.chars().count()) {
        Ok(text.to_owned())
    } else {
        Err(format!("`{name}` is empty or too long"))
    }
}
