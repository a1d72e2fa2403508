//! What a merchant says of a refund: it knows the members of `biz_content` of the two calls about refunds, and
//! must never look at the books.

use crate::alipay::biz::{Biz, Which};
use crate::alipay::refusal::Refusal;

/// A refund that is asked for.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct RefundBody {
    pub(crate) which: Which,
    pub(crate) refund_fen: i64,
    pub(crate) reason: Option<String>,
    /// Compulsory for a part; left out, it is the order's number.
    pub(crate) out_request_no: Option<String>,
}

impl RefundBody {
    pub(crate) fn read(biz_content: &str) -> Result<Self, Refusal> {
        let known = [
            "out_trade_no",
            "trade_no",
            "refund_amount",
            "refund_reason",
            "out_request_no",
            "operator_id",
            "store_id",
            "terminal_id",
            "query_options",
        ];
        let biz = Biz::read(biz_content, &known)?;
        biz.words("query_options")?;
        Ok(Self {
            which: biz.which()?,
            refund_fen: biz.amount("refund_amount")?,
            reason: biz.text("refund_reason", 256)?,
            out_request_no: biz.number("out_request_no")?,
        })
    }
}

/// A refund that is asked about.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct RefundQuery {
    pub(crate) which: Which,
    pub(crate) out_request_no: String,
    /// Whether the answer shall say when the money went.
    pub(crate) with_time: bool,
}

impl RefundQuery {
    pub(crate) fn read(biz_content: &str) -> Result<Self, Refusal> {
        let biz = Biz::read(biz_content, &["out_trade_no", "trade_no", "out_request_no", "query_options"])?;
        let missing = || Refusal::member("out_request_no", "is missing");
        Ok(Self {
            which: biz.which()?,
            out_request_no: biz.number("out_request_no")?.ok_or_else(missing)?,
            with_time: biz.words("query_options")?.iter().any(|word| word == "gmt_refund_pay"),
        })
    }
}
