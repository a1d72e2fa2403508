//! What a merchant says of a pre-authorisation: it knows the members of `biz_content` and what their values must look
//! like by themselves, and must never look at the books.

use crate::alipay::biz::Biz;
use crate::alipay::order_body::read_minutes;
use crate::alipay::refusal::Refusal;

const FREEZE: [&str; 17] = [
    "out_order_no",
    "out_request_no",
    "order_title",
    "amount",
    "product_code",
    "payee_user_id",
    "payee_logon_id",
    "pay_timeout",
    "timeout_express",
    "time_express",
    "extra_param",
    "enable_pay_channels",
    "disable_pay_channels",
    "identity_params",
    "deposit_product_mode",
    "post_payments",
    "trans_currency",
];
/// Longest that a payer may take; the default, too.
const TIMEOUT: &str = "15m";

/// The pair that names one operation of a pre-authorisation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pair {
    pub(crate) out_order_no: String,
    pub(crate) out_request_no: String,
}

/// A pre-authorisation.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct FreezeBody {
    pub(crate) pair: Pair,
    pub(crate) title: String,
    pub(crate) fen: i64,
    /// How long the payer may take, in milliseconds.
    pub(crate) life_ms: i64,
}

/// Which pre-authorisation is meant; `auth_no` wins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Frozen {
    AuthNo(String),
    Pair(Pair),
}

/// A part that is let go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unfreeze {
    pub(crate) auth_no: String,
    pub(crate) out_request_no: String,
    pub(crate) fen: i64,
}

fn pair(biz: &Biz) -> Result<Pair, Refusal> {
    let number = |name: &str| biz.number(name)?.ok_or_else(|| Refusal::member(name, "is missing"));
    Ok(Pair { out_order_no: number("out_order_no")?, out_request_no: number("out_request_no")? })
}

impl FreezeBody {
    /// `product`: the code of this way to freeze.
    pub(crate) fn read(biz_content: &str, product: &str) -> Result<Self, Refusal> {
        let biz = Biz::read(biz_content, &FREEZE)?;
        if biz.needed("product_code", 64)? != product {
            return Err(Refusal::member("product_code", "is not the code of this way to freeze"));
        }
        let timeout = match biz.text("pay_timeout", 6)? {
            Some(text) => text,
            None => biz.text("timeout_express", 6)?.unwrap_or_else(|| TIMEOUT.to_owned()),
        };
        let wrong = || Refusal::member("pay_timeout", "must be 1m to 15d");
        Ok(Self {
            pair: pair(&biz)?,
            title: biz.needed("order_title", 100)?,
            fen: biz.amount("amount")?,
            life_ms: read_minutes(&timeout).ok_or_else(wrong)?,
        })
    }
}

impl Frozen {
    pub(crate) fn read(biz_content: &str) -> Result<Self, Refusal> {
        let known = ["auth_no", "out_order_no", "operation_id", "out_request_no", "operation_type", "remark"];
        let biz = Biz::read(biz_content, &known)?;
        match biz.text("auth_no", 64)? {
            Some(no) => Ok(Self::AuthNo(no)),
            None => pair(&biz).map(Self::Pair),
        }
    }
}

impl Unfreeze {
    pub(crate) fn read(biz_content: &str) -> Result<Self, Refusal> {
        let biz = Biz::read(biz_content, &["auth_no", "out_request_no", "amount", "remark", "extra_param"])?;
        let missing = || Refusal::member("out_request_no", "is missing");
        Ok(Self {
            auth_no: biz.needed("auth_no", 64)?,
            out_request_no: biz.number("out_request_no")?.ok_or_else(missing)?,
            fen: biz.amount("amount")?,
        })
    }
}
