//! Refusals in Alipay's words: it knows codes and their sentences, and must never decide whether something is
//! refused.

use serde_json::{Value, json};

/// An error answer of the gateway; HTTP says 200 all the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) code: &'static str,
    msg: &'static str,
    pub(crate) sub_code: String,
    sub_msg: String,
    /// Refused before the gateway knew for whom to sign: `error_response` without a signature.
    pub(crate) unsigned: bool,
}

impl Refusal {
    fn new(code: &'static str, msg: &'static str, sub_code: &str, sub_msg: impl Into<String>) -> Self {
        Self { code, msg, sub_code: sub_code.to_owned(), sub_msg: sub_msg.into(), unsigned: false }
    }

    /// A public parameter is missing.
    pub(crate) fn missing(name: &str) -> Self {
        let sub_code = format!("isv.missing-{}", name.replace('_', "-"));
        Self::new("40001", "Missing Required Arguments", &sub_code, format!("缺少参数 {name}"))
    }

    /// A public parameter is wrong. `what` ends the sub-code, such as `signature`.
    pub(crate) fn invalid(what: &str, sub_msg: impl Into<String>) -> Self {
        Self::new("40002", "Invalid Arguments", &format!("isv.invalid-{what}"), sub_msg)
    }

    /// The business fails, such as `ACQ.TRADE_NOT_EXIST`.
    pub(crate) fn business(sub_code: &str, sub_msg: impl Into<String>) -> Self {
        Self::new("40004", "Business Failed", sub_code, sub_msg)
    }

    /// A member of `biz_content` is wrong.
    pub(crate) fn member(name: &str, issue: &str) -> Self {
        Self::business("ACQ.INVALID_PARAMETER", format!("参数无效：{name} {issue}"))
    }

    pub(crate) fn no_such_trade() -> Self {
        Self::business("ACQ.TRADE_NOT_EXIST", "交易不存在")
    }

    /// Nobody knows whether it took effect.
    pub(crate) fn unavailable() -> Self {
        Self::new("20000", "Service Currently Unavailable", "isp.unknow-error", "系统繁忙")
    }

    pub(crate) fn limited() -> Self {
        Self::new("40005", "Call Limited", "isv.app-call-limited", "应用调用次数超限")
    }

    pub(crate) fn without_signature(self) -> Self {
        Self { unsigned: true, ..self }
    }

    pub(crate) fn body(&self) -> Value {
        json!({ "code": self.code, "msg": self.msg, "sub_code": self.sub_code, "sub_msg": self.sub_msg })
    }
}
