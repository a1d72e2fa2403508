//! Which addresses may be called: it knows the special ranges of IP, and must never know who is there.
//!
//! An endpoint's address comes from a merchant. Without this guard it could point at our own insides.
//! Names are judged by what they resolve to *at the moment of connecting* (a name may resolve to one
//! address when it is registered and to another later), literal addresses by themselves. Numeric forms
//! such as `0x7f000001` or `127.1` are made into addresses by the URL parser, before we look.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::{Host, Url};

use super::MerchantSettings;

/// Longest address of an endpoint, in bytes.
const MAX_URL_BYTES: usize = 2_048;

/// Whether `url` may be an endpoint, as far as can be said without resolving its name.
///
/// # Errors
/// A sentence that says what to change.
pub fn check_endpoint_url(url: &str, settings: &MerchantSettings) -> Result<(), String> {
    parse(url, settings).map(drop)
}

/// The address of an endpoint.
pub(super) fn parse(text: &str, settings: &MerchantSettings) -> Result<Url, String> {
    if text.len() > MAX_URL_BYTES {
        return Err(format!("the address is longer than {MAX_URL_BYTES} bytes"));
    }
    let url = Url::parse(text).map_err(|e| format!("this is not an address such as https://shop.example/hook: {e}"))?;
    match url.scheme() {
        "https" => {}
        "http" if settings.allow_http => {}
        _ => return Err("the address must begin with https://".into()),
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("the address must not hold a user or a password; events are signed instead".into());
    }
    if url.port() == Some(0) {
        return Err("the port must not be 0".into());
    }
    let ip = match url.host() {
        None => return Err("the address has no host".into()),
        Some(Host::Domain(name)) => {
            let name = name.trim_end_matches('.');
            let local = name == "localhost" || name.ends_with(".localhost");
            if local && !settings.allow_private_addresses {
                return Err(NOT_PUBLIC.into());
            }
            return Ok(url);
        }
        Some(Host::Ipv4(ip)) => IpAddr::V4(ip),
        Some(Host::Ipv6(ip)) => IpAddr::V6(ip),
    };
    if may_call(ip, settings.allow_private_addresses) { Ok(url) } else { Err(NOT_PUBLIC.into()) }
}

const NOT_PUBLIC: &str = "the address is not a public one; events are sent to public addresses only";

/// Resolves names to addresses that may be called, and to nothing else.
#[derive(Clone, Debug)]
pub(super) struct Guard {
    allow_private: bool,
}

impl Guard {
    pub(super) const fn new(allow_private: bool) -> Self {
        Self { allow_private }
    }
}

impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        let allow_private = self.allow_private;
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            let allowed: Vec<_> = found.into_iter().filter(|a| may_call(a.ip(), allow_private)).collect();
            if allowed.is_empty() {
                return Err(NOT_PUBLIC.into());
            }
            Ok(Box::new(allowed.into_iter()) as Addrs)
        })
    }
}

/// Whether `ip` may be called. What nobody can be at is refused even when private addresses are allowed.
fn may_call(ip: IpAddr, allow_private: bool) -> bool {
    match ip {
        IpAddr::V4(ip) => v4(ip, allow_private),
        IpAddr::V6(ip) => v6(ip, allow_private),
    }
}

/// IPv4 ranges that are not public, as (network, prefix length). Source: IANA IPv4 Special-Purpose
/// Address Registry.
const V4_SPECIAL: &[(Ipv4Addr, u32)] = &[
    (Ipv4Addr::new(10, 0, 0, 0), 8),
    (Ipv4Addr::new(100, 64, 0, 0), 10),
    (Ipv4Addr::new(127, 0, 0, 0), 8),
    (Ipv4Addr::new(169, 254, 0, 0), 16),
    (Ipv4Addr::new(172, 16, 0, 0), 12),
    (Ipv4Addr::new(192, 0, 0, 0), 24),
    (Ipv4Addr::new(192, 0, 2, 0), 24),
    (Ipv4Addr::new(192, 88, 99, 0), 24),
    (Ipv4Addr::new(192, 168, 0, 0), 16),
    (Ipv4Addr::new(198, 18, 0, 0), 15),
    (Ipv4Addr::new(198, 51, 100, 0), 24),
    (Ipv4Addr::new(203, 0, 113, 0), 24),
];

fn v4(ip: Ipv4Addr, allow_private: bool) -> bool {
    // "This network" (of which 0.0.0.0 reaches this machine on Linux), multicast, reserved, broadcast.
    let nobody = matches!(ip.octets(), [0 | 224..=255, ..]);
    let within = |(network, length): &(Ipv4Addr, u32)| {
        let mask = u32::MAX.checked_shl(32 - *length).unwrap_or(0);
        ip.to_bits() & mask == network.to_bits()
    };
    !nobody && (allow_private || !V4_SPECIAL.iter().any(within))
}

fn v6(ip: Ipv6Addr, allow_private: bool) -> bool {
    if ip.is_unspecified() || ip.is_multicast() {
        return false;
    }
    // Addresses that carry an IPv4 address reach what it reaches.
    match ip.segments() {
        // ::ffff:a.b.c.d (mapped), ::a.b.c.d (compatible, but not ::1), ::ffff:0:a.b.c.d (translated),
        // 64:ff9b::a.b.c.d (NAT64).
        [0, 0, 0, 0, 0, 0xffff, a, b] | [0, 0, 0, 0, 0xffff, 0, a, b] | [0x64, 0xff9b, 0, 0, 0, 0, a, b] => {
            return v4(join(a, b), allow_private);
        }
        [0, 0, 0, 0, 0, 0, a, b] if ip != Ipv6Addr::LOCALHOST => return v4(join(a, b), allow_private),
        // 6to4.
        [0x2002, a, b, ..] => return v4(join(a, b), allow_private),
        _ => {}
    }
    if allow_private {
        return true;
    }
    // Only global unicast is public; of it not the protocol assignments (Teredo among them), the
    // documentation ranges and segment routing. Source: IANA IPv6 Special-Purpose Address Registry.
    match ip.segments() {
        [0x2001, second, ..] => second >= 0x0200 && second != 0x0db8,
        [0x3fff, second, ..] => second >= 0x1000,
        [first, ..] => first & 0xe000 == 0x2000,
    }
}

fn join(high: u16, low: u16) -> Ipv4Addr {
    Ipv4Addr::from_bits((u32::from(high) << 16) | u32::from(low))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strict(url: &str) -> Result<(), String> {
        check_endpoint_url(url, &MerchantSettings::default())
    }

    #[test]
    fn public_addresses_are_taken() {
        for good in [
            "https://shop.example/hook",
            "https://shop.example:8443/hook?a=b",
            "https://93.184.216.34/",
            "https://[2606:2800:220:1:248:1893:25c8:1946]/",
            "https://[::ffff:93.184.216.34]/",
            "https://[64:ff9b::5db8:d822]/",
            "https://172.32.0.1/",
            "https://100.128.0.1/",
        ] {
            assert_eq!(strict(good), Ok(()), "{good}");
        }
    }

    #[test]
    fn our_own_insides_are_refused_in_every_spelling() {
        for bad in [
            "https://127.0.0.1/",
            "https://0x7f000001/",
            "https://2130706433/",
            "https://127.1/",
            "https://0177.0.0.1/",
            "https://127.0.0.1./",
            "https://%31%32%37.0.0.1/",
            "https://１２７.0.0.1/",
            "https://localhost/",
            "https://LOCALHOST./",
            "https://a.localhost/",
            "https://0.0.0.0/",
            "https://0/",
            "https://10.1.2.3/",
            "https://172.16.0.1/",
            "https://172.31.255.255/",
            "https://192.168.1.1/",
            "https://169.254.169.254/latest/meta-data/",
            "https://100.64.0.1/",
            "https://198.18.0.1/",
            "https://224.0.0.1/",
            "https://255.255.255.255/",
            "https://[::1]/",
            "https://[::]/",
            "https://[::ffff:127.0.0.1]/",
            "https://[::ffff:7f00:1]/",
            "https://[::127.0.0.1]/",
            "https://[::ffff:0:10.0.0.1]/",
            "https://[64:ff9b::10.0.0.1]/",
            "https://[64:ff9b:1::1]/",
            "https://[2002:7f00:1::]/",
            "https://[2001::1]/",
            "https://[2001:db8::1]/",
            "https://[fe80::1]/",
            "https://[fec0::1]/",
            "https://[fc00::1]/",
            "https://[fd12:3456::1]/",
            "https://[ff02::1]/",
            "https://[5f00::1]/",
        ] {
            assert!(strict(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn other_schemes_clear_text_passwords_and_nonsense_are_refused() {
        for bad in [
            "http://shop.example/",
            "ftp://shop.example/",
            "file:///etc/passwd",
            "https://user@shop.example/",
            "https://user:secret@shop.example/",
            "https://shop.example:0/",
            "shop.example",
            "https://",
            "",
        ] {
            assert!(strict(bad).is_err(), "{bad}");
        }
        assert!(strict(&format!("https://shop.example/{}", "x".repeat(3_000))).is_err());
    }

    #[test]
    fn a_demonstration_may_call_this_machine_but_still_not_nobody() {
        let settings = MerchantSettings { allow_private_addresses: true, allow_http: true, ..Default::default() };
        for good in ["http://127.0.0.1:8080/", "http://localhost/", "http://[::1]/", "https://10.0.0.1/"] {
            assert_eq!(check_endpoint_url(good, &settings), Ok(()), "{good}");
        }
        for bad in ["http://0.0.0.0/", "http://224.0.0.1/", "http://[::]/", "http://[ff02::1]/"] {
            assert!(check_endpoint_url(bad, &settings).is_err(), "{bad}");
        }
    }

    #[tokio::test]
    async fn a_name_is_judged_by_what_it_resolves_to() {
        let resolve =
            |guard: Guard| async move { guard.resolve("localhost".parse().unwrap()).await.map(Iterator::count) };
        assert!(resolve(Guard::new(true)).await.unwrap() > 0);
        assert_eq!(resolve(Guard::new(false)).await.unwrap_err().to_string(), NOT_PUBLIC);
    }
}
