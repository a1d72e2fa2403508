//! Is this request from the application that it names? It knows the public parameters of a request and which
//! must be there, and must never read what is asked for.

use crate::alipay::account::App;
use crate::alipay::front::Alipay;
use crate::alipay::keys::Mode;
use crate::alipay::moment;
use crate::alipay::params::Params;
use crate::alipay::refusal::Refusal;
use crate::alipay::sign;

/// How far a request's timestamp may be from the gateway's clock; the documents give no number.
const FRESH_MS: u64 = 15 * 60_000;

/// A request whose sender is known.
pub(crate) struct Verified<'w> {
    pub(crate) app: &'w App,
    pub(crate) mode: Mode,
    pub(crate) biz_content: String,
    /// Where the order's notifications shall go.
    pub(crate) notify_url: Option<String>,
}

/// What the sender wants answers to be signed with.
pub(crate) fn mode(params: &Params) -> Mode {
    if params.contains_key("app_cert_sn") { Mode::Certificate } else { Mode::PublicKey }
}

/// The application that a request names; nothing is verified yet.
pub(crate) fn app<'w>(alipay: &'w Alipay, params: &Params) -> Result<&'w App, Refusal> {
    let app_id = given(params, "app_id").map_err(Refusal::without_signature)?;
    let unknown = || Refusal::invalid("app-id", "无效的AppID参数").without_signature();
    alipay.app(app_id).ok_or_else(unknown)
}

/// Verifies a request of `app`. `now_ms`: the clock that its timestamp must agree with; `None` for a page, which
/// is signed long before a payer opens it.
pub(crate) fn verify<'w>(
    alipay: &Alipay,
    app: &'w App,
    params: &Params,
    now_ms: Option<i64>,
) -> Result<Verified<'w>, Refusal> {
    given(params, "method")?;
    let signature = given(params, "sign")?;
    for (name, wanted) in [("charset", "utf-8"), ("version", "1.0"), ("sign_type", "RSA2")] {
        // The sub-code of the kind of signature is longer than the parameter's name.
        let what = if name == "sign_type" { "signature-type" } else { name };
        if !given(params, name)?.eq_ignore_ascii_case(wanted) {
            return Err(Refusal::invalid(what, format!("{name} 必须为 {wanted}")));
        }
    }
    if params.get("format").is_some_and(|format| !format.eq_ignore_ascii_case("json")) {
        return Err(Refusal::invalid("format", "无效的数据格式"));
    }
    if params.contains_key("encrypt_type") {
        return Err(Refusal::invalid("encrypt-type", "the sandbox speaks without AES"));
    }
    let written = given(params, "timestamp")?;
    let at_ms = moment::read(written).ok_or_else(|| Refusal::invalid("timestamp", "非法的时间戳参数"))?;
    if now_ms.is_some_and(|now_ms| now_ms.abs_diff(at_ms) > FRESH_MS) {
        return Err(Refusal::invalid("timestamp", "非法的时间戳参数"));
    }
    check_certificates(alipay, app, params)?;
    if !app.key.accepts(sign::of_request(params).as_bytes(), signature) {
        return Err(wrong_signature(params));
    }
    let notify_url = params.get("notify_url").cloned();
    if let Some(url) = &notify_url {
        let absolute = url.starts_with("http://") || url.starts_with("https://");
        if !absolute || url.len() > 256 || url.parse::<http::Uri>().is_err() {
            return Err(Refusal::invalid("parameter", "notify_url 无效"));
        }
    }
    let biz_content = params.get("biz_content").cloned().unwrap_or_else(|| "{}".to_owned());
    Ok(Verified { app, mode: mode(params), biz_content, notify_url })
}

fn given<'p>(params: &'p Params, name: &str) -> Result<&'p str, Refusal> {
    // The sub-codes of signatures are spelled out.
    let in_code = match name {
        "sign" => "signature",
        "sign_type" => "signature_type",
        name => name,
    };
    params.get(name).map(String::as_str).filter(|value| !value.is_empty()).ok_or_else(|| Refusal::missing(in_code))
}

/// Both digests, or none of them.
fn check_certificates(alipay: &Alipay, app: &App, params: &Params) -> Result<(), Refusal> {
    let given = |name| params.get(name).map(String::as_str);
    match (given("app_cert_sn"), given("alipay_root_cert_sn")) {
        (None, None) => Ok(()),
        // The real sub-codes are not documented.
        (Some(own), _) if own != app.account.app_cert_sn => {
            Err(Refusal::invalid("app-cert-sn", "应用公钥证书SN不匹配"))
        }
        (Some(_), Some(root)) if root == alipay.root_sn() => Ok(()),
        _ => Err(Refusal::invalid("alipay-root-cert-sn", "支付宝根证书SN不匹配")),
    }
}

/// Tells the integrator what was verified: the usual mistake is one byte in this string.
fn wrong_signature(params: &Params) -> Refusal {
    let shown: String = sign::of_request(params).chars().take(1_024).collect();
    Refusal::invalid(
        "signature",
        format!("验签出错，建议检查签名字符串或签名私钥与应用公钥是否匹配，网关生成的验签字符串为：{shown}"),
    )
}
