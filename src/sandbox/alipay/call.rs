//! Which call is this? It knows the methods of the gateway that a merchant's server calls; it must never look
//! at the books.

use jiff::civil::Date;

use crate::alipay::agreement_body::{Named, PayBody, read_modify};
use crate::alipay::bill::BillWish;
use crate::alipay::biz::{Biz, Which};
use crate::alipay::freeze_body::{FreezeBody, Frozen, Unfreeze};
use crate::alipay::order_body::{Kind, OrderBody};
use crate::alipay::refund_body::{RefundBody, RefundQuery};
use crate::alipay::refusal::Refusal;
use crate::fates::Subject;

/// A call whose request is well formed.
#[derive(Debug)]
pub(crate) enum Call {
    Precreate(Box<OrderBody>),
    Query(Which),
    Close(Which),
    Cancel(Which),
    Refund(Box<RefundBody>),
    QueryRefund(RefundQuery),
    /// A debit under an agreement.
    Pay(Box<PayBody>),
    Voucher(Box<FreezeBody>),
    QueryHold(Frozen),
    CancelHold(Frozen),
    Unfreeze(Unfreeze),
    QueryAgreement(Named),
    Unsign(Named),
    /// The agreement and the new day of its next debit.
    Modify(String, Date),
    /// The certificate with this digest.
    Certificate(String),
    Bill(BillWish),
}

impl Call {
    pub(crate) fn read(method: &str, biz_content: &str) -> Result<Self, Refusal> {
        let which = |known: &[&str]| Biz::read(biz_content, known)?.which();
        match method {
            "alipay.trade.precreate" => Ok(Self::Precreate(Box::new(OrderBody::read(Kind::Qr, biz_content)?))),
            "alipay.trade.query" => Ok(Self::Query(which(&["out_trade_no", "trade_no", "query_options"])?)),
            "alipay.trade.close" => Ok(Self::Close(which(&["out_trade_no", "trade_no", "operator_id"])?)),
            "alipay.trade.cancel" => Ok(Self::Cancel(which(&["out_trade_no", "trade_no"])?)),
            "alipay.trade.refund" => Ok(Self::Refund(Box::new(RefundBody::read(biz_content)?))),
            "alipay.trade.fastpay.refund.query" => Ok(Self::QueryRefund(RefundQuery::read(biz_content)?)),
            "alipay.trade.pay" => Ok(Self::Pay(Box::new(PayBody::read(biz_content)?))),
            "alipay.fund.auth.order.voucher.create" => {
                Ok(Self::Voucher(Box::new(FreezeBody::read(biz_content, "PRE_AUTH")?)))
            }
            "alipay.fund.auth.operation.detail.query" => Ok(Self::QueryHold(Frozen::read(biz_content)?)),
            "alipay.fund.auth.operation.cancel" => Ok(Self::CancelHold(Frozen::read(biz_content)?)),
            "alipay.fund.auth.order.unfreeze" => Ok(Self::Unfreeze(Unfreeze::read(biz_content)?)),
            "alipay.user.agreement.query" => Ok(Self::QueryAgreement(Named::read_query(biz_content)?)),
            "alipay.user.agreement.unsign" => Ok(Self::Unsign(Named::read_unsign(biz_content)?)),
            "alipay.user.agreement.executionplan.modify" => {
                read_modify(biz_content).map(|(no, day)| Self::Modify(no, day))
            }
            "alipay.data.dataservice.bill.downloadurl.query" => BillWish::read(biz_content).map(Self::Bill),
            "alipay.open.app.alipaycert.download" => {
                let biz = Biz::read(biz_content, &["alipay_cert_sn"])?;
                Ok(Self::Certificate(biz.needed("alipay_cert_sn", 64)?))
            }
            _ => Err(Refusal::invalid("method", "不存在的方法名")),
        }
    }

    /// The name in counters.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Precreate(_) => "alipay.precreate",
            Self::Query(_) => "alipay.query",
            Self::Close(_) => "alipay.close",
            Self::Cancel(_) => "alipay.cancel",
            Self::Refund(_) => "alipay.refund",
            Self::QueryRefund(_) => "alipay.query_refund",
            Self::Pay(body) => match **body {
                PayBody::Agreement(_) => "alipay.debit",
                PayBody::Frozen { .. } => "alipay.pay_frozen",
            },
            Self::Voucher(_) => "alipay.freeze",
            Self::QueryHold(_) => "alipay.query_freeze",
            Self::CancelHold(_) => "alipay.cancel_freeze",
            Self::Unfreeze(_) => "alipay.unfreeze",
            Self::QueryAgreement(_) => "alipay.query_agreement",
            Self::Unsign(_) => "alipay.unsign",
            Self::Modify(..) => "alipay.modify_plan",
            Self::Certificate(_) => "alipay.certificate",
            Self::Bill(_) => "alipay.bill",
        }
    }

    /// What its seeded numbers belong to.
    pub(crate) fn subject(&self) -> Subject<'_> {
        match self {
            Self::Precreate(body) => {
                Subject::Create { number: &body.out_trade_no, description: &body.subject, amount_minor: body.total_fen }
            }
            Self::Query(which) => about(which, 2),
            Self::Close(which) => about(which, 3),
            Self::Cancel(which) => about(which, 4),
            Self::Refund(body) => match body.out_request_no.as_ref().or(body.which.out_trade_no.as_ref()) {
                Some(number) => Subject::Refund { number, operation: 1 },
                None => Subject::Other,
            },
            Self::QueryRefund(query) => Subject::Refund { number: &query.out_request_no, operation: 2 },
            Self::Pay(body) => Subject::Create {
                number: &body.order().out_trade_no,
                description: &body.order().subject,
                amount_minor: body.order().total_fen,
            },
            Self::Voucher(_) | Self::QueryHold(_) | Self::CancelHold(_) => Subject::Other,
            Self::Unfreeze(wish) => Subject::Refund { number: &wish.out_request_no, operation: 4 },
            Self::QueryAgreement(_) | Self::Unsign(_) | Self::Modify(..) | Self::Certificate(_) | Self::Bill(_) => {
                Subject::Other
            }
        }
    }
}

fn about(which: &Which, operation: u64) -> Subject<'_> {
    match &which.out_trade_no {
        Some(number) => Subject::Order { number, operation },
        None => Subject::Other,
    }
}
