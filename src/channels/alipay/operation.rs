//! The calls: it knows their names in both protocols, and must never know what is said in them.

use crate::transport::Quota;

/// A call that is made to the channel. Pages and apps need none: they are handed a signed address.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Operation {
    /// Make a code that is shown to the payer.
    Precreate,
    /// Charge a payer by an agreement, or take what was frozen.
    Pay,
    /// Make a code by which a payer lets an amount be frozen.
    HoldCode,
    /// Where does a freezing stand.
    HoldQuery,
    /// Let go what is frozen.
    Unfreeze,
    /// End a freezing, whether the payer has agreed or not.
    HoldCancel,
    /// Where does an agreement stand.
    AgreementQuery,
    /// End an agreement.
    AgreementUnsign,
    /// Where does a trade stand.
    Query,
    /// Take no more money.
    Close,
    /// Give money back.
    Refund,
    /// Where does a refund stand.
    RefundQuery,
    /// Where is a bill to be had.
    BillAddress,
    /// Fetch one of the channel's certificates.
    Certificate,
}

impl Operation {
    /// The name at the gateway.
    pub(super) const fn method(self) -> &'static str {
        match self {
            Self::Precreate => "alipay.trade.precreate",
            Self::Pay => "alipay.trade.pay",
            Self::HoldCode => "alipay.fund.auth.order.voucher.create",
            Self::HoldQuery => "alipay.fund.auth.operation.detail.query",
            Self::Unfreeze => "alipay.fund.auth.order.unfreeze",
            Self::HoldCancel => "alipay.fund.auth.operation.cancel",
            Self::AgreementQuery => "alipay.user.agreement.query",
            Self::AgreementUnsign => "alipay.user.agreement.unsign",
            Self::Query => "alipay.trade.query",
            Self::Close => "alipay.trade.close",
            Self::Refund => "alipay.trade.refund",
            Self::RefundQuery => "alipay.trade.fastpay.refund.query",
            Self::BillAddress => "alipay.data.dataservice.bill.downloadurl.query",
            Self::Certificate => "alipay.open.app.alipaycert.download",
        }
    }

    /// The path in the REST protocol; `None` for calls that are always made at the gateway: the notification
    /// address of a precreate or a charge is a public parameter there, and the certificates have no path that is
    /// known. Of the calls about agreements the sources disagree whether one is a GET or a POST, and of
    /// those about holds, whether amounts are texts or numbers there.
    pub(super) const fn path(self) -> Option<&'static str> {
        match self {
            Self::Precreate | Self::Certificate | Self::Pay | Self::AgreementQuery | Self::AgreementUnsign => None,
            Self::HoldCode | Self::HoldQuery | Self::Unfreeze | Self::HoldCancel => None,
            // A GET there, which nothing else is.
            Self::BillAddress => None,
            Self::Query => Some("/v3/alipay/trade/query"),
            Self::Close => Some("/v3/alipay/trade/close"),
            Self::Refund => Some("/v3/alipay/trade/refund"),
            Self::RefundQuery => Some("/v3/alipay/trade/fastpay/refund/query"),
        }
    }

    pub(super) const fn quota(self) -> Quota {
        match self {
            Self::Refund => Quota::Refunds,
            _ => Quota::General,
        }
    }
}
