//! Checks on the members of a request for an order: it knows what each may be, notes what is wrong with
//! all of them, and must never stop at the first.

use std::net::IpAddr;
use std::sync::Arc;

use bursar_core::cash::one_spaced;
use bursar_core::channel::{ChannelKind, Method};
use bursar_core::id::ChannelAccountId;
use bursar_core::installments::{self, FeesFrom, Installments, Wrong};
use bursar_core::merchant::ChannelAccount;
use bursar_core::payment::PayerDetails;
use bursar_core::{Currency, Timestamp};

use super::intake::{CreateInstallments, CreatePayer, Scene};
use crate::json::Reader;
use crate::limits::{self, shown};
use crate::people;

/// What was read; what went wrong is noted for the member `name`.
pub fn take<T>(errors: &mut Reader<'_>, name: &str, read: Result<T, String>) -> Option<T> {
    read.map_err(|message| errors.refuse(name, message)).ok()
}

/// The merchant's number. No check for card numbers here: one in ten numbers of 13 to 19 digits looks like one by chance, and
/// merchants number their orders with digits.
pub fn number(number: &str, errors: &mut Reader<'_>) {
    plain_number("number", number, errors);
}

/// A number of the merchant's own, in the member `name`.
pub fn plain_number(name: &str, number: &str, errors: &mut Reader<'_>) {
    let lawful = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | ':' | '-');
    let max = limits::NUMBER_MAX_CHARS;
    if number.is_empty() || number.chars().count() > max || !number.chars().all(lawful) {
        let given = shown(number);
        errors.refuse(name, format!("`{name}` must be 1 to {max} letters, digits or `_ . : -`, not `{given}`"));
    }
}

/// An amount that somebody shall pay.
pub fn amount(name: &str, minor: i64, errors: &mut Reader<'_>) {
    let max = limits::AMOUNT_MAX_MINOR;
    if !(1..=max).contains(&minor) {
        errors.refuse(name, format!("`{name}` must be 1 to {max} minor units, not {minor}"));
    }
}

/// The installments in which `method` in `currency` is to be offered, when the request says so.
pub fn installments(
    said: Option<&CreateInstallments>,
    method: Method,
    currency: Currency,
    errors: &mut Reader<'_>,
) -> Option<Installments> {
    let said = said?;
    let fees = match said.fees.as_deref().map(str::parse::<FeesFrom>).transpose() {
        Ok(fees) => fees,
        Err(message) => {
            errors.refuse_at("/installments/fees", message);
            return None;
        }
    };
    match installments::check(method, currency, said.count, fees) {
        Ok(installments) => Some(installments),
        Err(wrong) => {
            let (pointer, message) = match wrong {
                Wrong::Method(message) => ("/installments", message),
                Wrong::Count(message) => ("/installments/count", message),
                Wrong::Fees(message) => ("/installments/fees", message),
            };
            errors.refuse_at(pointer, message);
            None
        }
    }
}

/// The last moment to pay, when one is given.
pub fn expiry(
    in_seconds: Option<i64>,
    at: Option<&str>,
    scene: Scene<'_>,
    errors: &mut Reader<'_>,
) -> Option<Timestamp> {
    let (settings, now) = (scene.settings, scene.now);
    let (min, max) = (settings.min_expiry_seconds, settings.max_expiry_seconds);
    let (name, at) = match (in_seconds, at) {
        (None, None) => return None,
        (Some(_), Some(_)) => {
            errors.refuse("expires_at", "give `expires_at` or `expires_in_seconds`, not both");
            return None;
        }
        (Some(seconds), None) => ("expires_in_seconds", now.plus_ms(seconds.saturating_mul(1_000))),
        (None, Some(text)) => match Timestamp::parse_rfc3339(&shown(text)) {
            Ok(at) => ("expires_at", at),
            Err(message) => {
                errors.refuse("expires_at", message);
                return None;
            }
        },
    };
    let ahead_ms = at.since_ms(now);
    if ahead_ms < min.saturating_mul(1_000) || ahead_ms > max.saturating_mul(1_000) {
        errors.refuse(name, format!("`{name}` must lie {min} to {max} seconds after the present instant ({now})"));
    }
    Some(at)
}

/// What an order is for or where, in the merchant's own words.
pub fn label(name: &str, given: Option<&str>, errors: &mut Reader<'_>) {
    if let Some(text) = given {
        take(errors, name, bursar_core::text::check(name, text, limits::LABEL_MAX_CHARS));
    }
}

/// What the method must know of the payer, given in the member `member`.
pub fn payer(
    member: &str,
    given: Option<&CreatePayer>,
    method: Option<Method>,
    errors: &mut Reader<'_>,
) -> PayerDetails {
    let at = |name: &str| format!("/{member}/{name}");
    let details = PayerDetails {
        openid: given.and_then(|p| p.openid.clone()),
        client_ip: given.and_then(|p| p.client_ip.clone()),
        name: given.and_then(|p| p.name.as_deref()).map(|n| n.trim().to_owned()),
        collector: given.and_then(|p| p.collector.as_deref()).map(one_spaced),
    };
    if let Some(openid) = &details.openid {
        let lawful = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
        if openid.is_empty() || openid.len() > limits::OPENID_MAX_CHARS || !openid.chars().all(lawful) {
            // The value is personal: it is not repeated.
            errors.refuse_at(&at("openid"), "`openid` must be the payer's WeChat openid: letters, digits, `_` or `-`");
        }
    }
    if let Some(address) = &details.client_ip
        && address.parse::<IpAddr>().is_err()
    {
        errors.refuse_at(&at("client_ip"), "`client_ip` must be an IPv4 or IPv6 address");
    }
    if let Some(name) = &details.name
        && let Err(message) = bursar_core::text::check("name", name, limits::PAYEE_NAME_MAX_CHARS)
    {
        errors.refuse_at(&at("name"), message);
    }
    if let Some(collector) = &details.collector {
        if let Err(message) = people::check("collector", collector) {
            errors.refuse_at(&at("collector"), message);
        }
        if method.is_some_and(|m| m != Method::Cash) {
            errors.refuse_at(&at("collector"), "`collector` is for `cash`: nobody collects anything else");
        }
    }
    match method {
        Some(Method::WechatJsapi) if details.openid.is_none() => {
            errors.refuse_at(&at("openid"), "`wechat_jsapi` needs the payer's `openid`");
        }
        Some(Method::WechatH5) if details.client_ip.is_none() => {
            errors.refuse_at(&at("client_ip"), "`wechat_h5` needs the payer's IP address");
        }
        _ => {}
    }
    details
}

/// The account that is named, or the only one for the channel. `None` was noted.
pub fn account(
    given: Option<&str>,
    channel: ChannelKind,
    scene: Scene<'_>,
    errors: &mut Reader<'_>,
) -> Option<ChannelAccountId> {
    let own = |a: &&Arc<ChannelAccount>| a.merchant == scene.merchant && a.channel == channel;
    let accounts = &scene.entries.accounts;
    let name = channel.name();
    if let Some(text) = given {
        let found = text.parse().ok().and_then(|id: ChannelAccountId| accounts.get(&id)).filter(own).map(|a| a.id);
        if found.is_none() {
            errors.refuse("account_id", format!("`{}` is not one of your {name} accounts", shown(text)));
        }
        return found;
    }
    let mut candidates = accounts.values().filter(own);
    match (candidates.next(), candidates.next()) {
        (Some(only), None) => Some(only.id),
        (None, _) => {
            errors.refuse(
                "method",
                format!("you have no {name} account: add one with `bursar merchant`, or choose another method"),
            );
            None
        }
        (Some(_), Some(_)) => {
            errors.refuse("account_id", format!("you have several {name} accounts: name one in `account_id`"));
            None
        }
    }
}
