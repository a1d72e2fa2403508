//! Refusals in the network's words: it knows the codes and what they mean, and must never decide whether
//! something is refused.

/// Everything but these two marks is a refusal or not known yet.
pub(crate) const SUCCESS: &str = "00";
/// A success with a flaw: the money was taken all the same.
pub(crate) const FLAWED: &str = "A6";
/// Accepted, the result is not known yet.
pub(crate) const PENDING: &str = "05";
/// Nobody knows whether it took effect.
pub(crate) const UNKNOWN: [&str; 3] = ["03", "04", PENDING];
/// The system is busy.
pub(crate) const BUSY: &str = "06";
/// Too many queries.
pub(crate) const SLOW_DOWN: &str = "37";
/// Why a payer's attempt fails.
pub(crate) const PAYER_FAILS: [&str; 9] = ["60", "61", "62", "63", "64", "65", "66", "70", "77"];
/// Why the payer's bank does not take a refund. Which codes the real network gives here is not confirmed.
pub(crate) const REFUND_FAILS: [&str; 2] = ["60", "63"];

/// A refusal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) code: &'static str,
    pub(crate) message: String,
}

impl Refusal {
    pub(crate) fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }

    /// A field has not the form that the documents give it.
    pub(crate) fn format(field: &str) -> Self {
        Self::new("10", format!("wrong format of field={field}"))
    }

    pub(crate) fn missing(field: &str) -> Self {
        Self::new("13", format!("missing field={field}"))
    }

    pub(crate) fn signature(why: &str) -> Self {
        Self::new("11", why)
    }

    /// The merchant is not known or may not do this.
    pub(crate) fn merchant(why: &str) -> Self {
        Self::new("31", why)
    }

    pub(crate) fn duplicate() -> Self {
        Self::new("12", "this orderId was used before")
    }

    pub(crate) fn no_such_transaction() -> Self {
        Self::new("34", "there is no such transaction")
    }

    /// The original transaction is in no state for this.
    pub(crate) fn original(why: &str) -> Self {
        Self::new("35", why)
    }
}

/// What is said to a code that is not a refusal of a request.
pub(crate) fn message(code: &str) -> &'static str {
    match code {
        SUCCESS => "成功",
        FLAWED => "有缺陷的成功",
        "03" => "交易通讯超时，请发起查询交易",
        "04" => "交易状态未明，请查询对账结果",
        PENDING => "交易已受理，请稍后查询交易结果",
        BUSY => "系统繁忙，请稍后再试",
        SLOW_DOWN => "已超过最大查询次数或操作过于频繁",
        "64" => "余额不足",
        _ => "交易失败，详情请咨询发卡行",
    }
}

/// A message with the long number that the network ends its messages with.
pub(crate) fn numbered(code: &str, message: &str) -> String {
    if code == SUCCESS { format!("{message}[0000000]") } else { format!("{message}[{code}00000]") }
}
