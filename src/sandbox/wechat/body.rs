//! The bodies of requests: it knows which members the documents allow in each call and what their
//! values must look like by themselves, and must never look at the books.

use serde_json::Value;

use crate::wechat::refusal::Refusal;
use crate::wechat::shape::Shape::{Flag, List, Number, Object, Text};
use crate::wechat::shape::{Member, Shape, check, may, must};

/// A way to pay, by its endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Native,
    Jsapi,
    App,
    H5,
    /// A debit under a contract: nobody is asked to pay.
    Debit,
}

impl Kind {
    /// The word of `trade_type`.
    pub(crate) const fn trade_type(self) -> &'static str {
        match self {
            Self::Native => "NATIVE",
            Self::Jsapi => "JSAPI",
            Self::App => "APP",
            Self::H5 => "MWEB",
            Self::Debit => "PAP",
        }
    }
}

pub(crate) const FEN: Shape = Number(1, 1_000_000_000_000);
const AMOUNT: Member = must("amount", Object(&[must("total", FEN), may("currency", Text(1, 16))]));
const GOODS: Shape = Object(&[
    must("merchant_goods_id", Text(1, 32)),
    may("wechatpay_goods_id", Text(1, 32)),
    may("goods_name", Text(1, 256)),
    must("quantity", Number(1, i64::MAX)),
    must("unit_price", Number(0, i64::MAX)),
]);
const DETAIL: Member = may(
    "detail",
    Object(&[
        may("cost_price", Number(0, i64::MAX)),
        may("invoice_id", Text(1, 32)),
        may("goods_detail", List(&GOODS)),
    ]),
);
const STORE: Member = may(
    "store_info",
    Object(&[
        must("id", Text(1, 32)),
        may("name", Text(1, 256)),
        may("area_code", Text(1, 32)),
        may("address", Text(1, 512)),
    ]),
);
const SCENE: Member =
    may("scene_info", Object(&[must("payer_client_ip", Text(1, 45)), may("device_id", Text(1, 32)), STORE]));
const H5_SCENE: Member = must(
    "scene_info",
    Object(&[
        must("payer_client_ip", Text(1, 45)),
        may("device_id", Text(1, 32)),
        STORE,
        must(
            "h5_info",
            Object(&[
                must("type", Text(1, 32)),
                may("app_name", Text(1, 64)),
                may("app_url", Text(1, 128)),
                may("bundle_id", Text(1, 128)),
                may("package_name", Text(1, 128)),
            ]),
        ),
    ]),
);
const PAYER: Member = must("payer", Object(&[must("openid", Text(1, 128))]));

/// The members that all calls share, then the given ones.
macro_rules! create_body {
    ($($own:expr),*) => {
        Object(&[
            must("appid", Text(1, 32)),
            must("mchid", Text(1, 32)),
            must("description", Text(1, 127)),
            must("out_trade_no", Text(6, 32)),
            may("time_expire", Text(1, 64)),
            may("attach", Text(1, 128)),
            must("notify_url", Text(1, 255)),
            may("goods_tag", Text(1, 32)),
            may("support_fapiao", Flag),
            may("limit_pay", List(&Text(1, 32))),
            AMOUNT,
            DETAIL,
            may("settle_info", Object(&[may("profit_sharing", Flag)])),
            $($own),*
        ])
    };
}

static NATIVE: Shape = create_body!(SCENE);
static APP: Shape = create_body!(SCENE);
static JSAPI: Shape = create_body!(SCENE, PAYER);
static H5: Shape = create_body!(H5_SCENE);
static CLOSE: Shape = Object(&[must("mchid", Text(1, 32))]);

/// The body of a create, as far as it can be judged by itself.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct CreateBody {
    pub(crate) kind: Kind,
    pub(crate) appid: String,
    pub(crate) mchid: String,
    pub(crate) description: String,
    pub(crate) out_trade_no: String,
    pub(crate) total_fen: i64,
    pub(crate) notify_url: String,
    pub(crate) attach: Option<String>,
    pub(crate) openid: Option<String>,
    /// The last moment to pay, when the merchant set one.
    pub(crate) expires_at_ms: Option<i64>,
    /// Everything as sent, to compare a repeated create with.
    pub(crate) whole: Value,
}

/// Reads the body of a create.
pub(crate) fn read_create(kind: Kind, body: &[u8]) -> Result<CreateBody, Refusal> {
    let whole = read_json(body)?;
    let shape = match kind {
        Kind::Native => &NATIVE,
        Kind::Jsapi => &JSAPI,
        Kind::App => &APP,
        Kind::H5 => &H5,
        // Read elsewhere: its members are others.
        Kind::Debit => return Err(Refusal::invalid("a debit is asked for elsewhere")),
    };
    check(&whole, shape, "")?;
    let text = |at: &str| whole.pointer(at).and_then(Value::as_str).map(str::to_owned);
    let known = |at: &str| text(at).unwrap_or_default();
    let read = CreateBody {
        kind,
        appid: known("/appid"),
        mchid: known("/mchid"),
        description: known("/description"),
        out_trade_no: known("/out_trade_no"),
        total_fen: whole.pointer("/amount/total").and_then(Value::as_i64).unwrap_or_default(),
        notify_url: known("/notify_url"),
        attach: text("/attach"),
        openid: text("/payer/openid"),
        expires_at_ms: text("/time_expire").as_deref().map(read_time_expire).transpose()?,
        whole: Value::Null,
    };
    check_number(&read.out_trade_no)?;
    check_notify_url(&read.notify_url)?;
    if whole.pointer("/amount/currency").is_some_and(|currency| currency != "CNY") {
        return Err(Refusal::parameter("/amount/currency", "must be CNY"));
    }
    let h5_type = whole.pointer("/scene_info/h5_info/type").and_then(Value::as_str);
    if h5_type.is_some_and(|word| !["Wap", "iOS", "Android"].contains(&word)) {
        return Err(Refusal::parameter("/scene_info/h5_info/type", "must be Wap, iOS or Android"));
    }
    Ok(CreateBody { whole, ..read })
}

/// Reads the body of a close: the merchant number.
pub(crate) fn read_close(body: &[u8]) -> Result<String, Refusal> {
    let whole = read_json(body)?;
    check(&whole, &CLOSE, "")?;
    Ok(whole.pointer("/mchid").and_then(Value::as_str).unwrap_or_default().to_owned())
}

pub(crate) fn read_json(body: &[u8]) -> Result<Value, Refusal> {
    serde_json::from_slice(body).map_err(|_| Refusal::new(400, "PARAM_ERROR", "the body is not JSON in UTF-8"))
}

pub(crate) fn check_number(number: &str) -> Result<(), Refusal> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "_-|*".contains(c);
    let fits = number.chars().all(allowed);
    fits.then_some(()).ok_or_else(|| Refusal::parameter("/out_trade_no", "may hold 0-9 A-Z a-z _ - | * only"))
}

pub(crate) fn check_notify_url(url: &str) -> Result<(), Refusal> {
    let wrong = |issue: &str| Err(Refusal::parameter("/notify_url", issue));
    let Ok(read) = url.parse::<http::Uri>() else {
        return wrong("must be a URL");
    };
    match (read.scheme_str(), read.host()) {
        (Some("http" | "https"), Some(host)) if !host.is_empty() => {}
        _ => return wrong("must be an absolute http or https URL"),
    }
    if read.query().is_some() || url.contains(['?', '#']) {
        return wrong("must not carry a query string");
    }
    Ok(())
}

/// `yyyy-MM-DDTHH:mm:ss` and an offset: the documents' form of RFC 3339, without fractions.
fn read_time_expire(text: &str) -> Result<i64, Refusal> {
    let wrong = || Refusal::parameter("/time_expire", "must look like 2018-06-08T10:34:56+08:00");
    let pattern = "dddd-dd-ddTdd:dd:dd";
    let (moment, offset) = text.split_at_checked(pattern.len()).ok_or_else(wrong)?;
    let matches = |text: &str, pattern: &str| {
        text.len() == pattern.len()
            && text.chars().zip(pattern.chars()).all(|(c, p)| if p == 'd' { c.is_ascii_digit() } else { c == p })
    };
    let known_offset = offset == "Z" || matches(offset, "+dd:dd") || matches(offset, "-dd:dd");
    if !matches(moment, pattern) || !known_offset {
        return Err(wrong());
    }
    text.parse::<jiff::Timestamp>().map(jiff::Timestamp::as_millisecond).map_err(|_| wrong())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_to_expire_has_one_form_only() {
        assert_eq!(read_time_expire("2018-06-08T10:34:56+08:00").unwrap(), 1_528_425_296_000);
        assert_eq!(read_time_expire("2018-06-08T02:34:56Z").unwrap(), 1_528_425_296_000);
        for wrong in [
            "2018-06-08T10:34:56",
            "2018-06-08 10:34:56+08:00",
            "2018-06-08T10:34:56.000+08:00",
            "2018-13-08T10:34:56+08:00",
            "20180608103456",
            "2018-06-08T10:34:56+0800",
            "二〇一八年六月八日十时三十四分",
        ] {
            assert!(read_time_expire(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_notify_url_is_absolute_and_has_no_query() {
        assert!(check_notify_url("http://127.0.0.1:8080/in").is_ok());
        for wrong in ["ftp://a/b", "/in", "https://a/b?c=d", "https://a/b?", "not a url", "https:///x"] {
            assert!(check_notify_url(wrong).is_err(), "{wrong}");
        }
    }
}
