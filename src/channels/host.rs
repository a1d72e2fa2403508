//! Addresses of hosts in settings: it knows which are taken, and must never call one.

use url::{Host, Url};

/// Whether what is sent to `url` is read by nobody else: in clear only on this machine, unless allowed.
pub(crate) fn is_safe(url: &Url, allow_http: bool) -> bool {
    let loopback = match url.host() {
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    };
    url.scheme() == "https" || (url.scheme() == "http" && (loopback || allow_http))
}

/// An address without anything after the host. In clear only on this machine, unless allowed.
///
/// # Errors
/// A sentence naming the member and what is expected.
pub(crate) fn host(member: &str, text: &str, allow_http: bool) -> Result<Url, String> {
    let wrong = |what: &str| format!("settings: `{member}`: `{text}` {what}");
    let url = Url::parse(text).map_err(|_| wrong("is not an address such as https://api.mch.weixin.qq.com"))?;
    if !is_safe(&url, allow_http) {
        return Err(wrong("must be https (http is taken for this machine only, or with `allow_http`: true)"));
    }
    if url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
        return Err(wrong("must end after the host: the rest is the adapter's"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(wrong("must not hold a user or a password"));
    }
    Ok(url)
}
