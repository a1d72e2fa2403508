//! Which call is this? It knows the paths and methods of the API and that the merchant in the query or
//! body must be the one who signed; it must never look at the books.

use crate::fates::Subject;
use crate::wechat::account::Merchant;
use crate::wechat::application::read_application;
use crate::wechat::bill_calls::BillCall;
use crate::wechat::body::{CreateBody, Kind, read_close, read_create};
use crate::wechat::contract_calls::ContractCall;
use crate::wechat::refund_body::read_refund;
use crate::wechat::refund_calls::RefundCall;
use crate::wechat::refusal::Refusal;
use crate::wechat::service_calls::ServiceCall;
use crate::wechat::share_calls::ShareCall;
use crate::wechat::verify::Received;

/// A call whose request is well formed.
#[derive(Debug)]
pub(crate) enum Call {
    Create(Box<CreateBody>),
    QueryByNumber(String),
    QueryByTransaction(String),
    Close(String),
    Refund(RefundCall),
    Contract(Box<ContractCall>),
    Service(Box<ServiceCall>),
    Bill(BillCall),
    Share(Box<ShareCall>),
    Certificates,
}

impl Call {
    /// Reads a request of `merchant`.
    pub(crate) fn read(request: &Received<'_>, merchant: &Merchant) -> Result<Self, Refusal> {
        let (path, query) = request.target.split_once('?').unwrap_or((request.target, ""));
        let parts: Vec<&str> = path.split('/').skip(1).collect();
        match (request.method, parts.as_slice()) {
            ("POST", ["v3", "pay", "transactions", way @ ("native" | "jsapi" | "app" | "h5")]) => {
                let kind = match *way {
                    "native" => Kind::Native,
                    "jsapi" => Kind::Jsapi,
                    "app" => Kind::App,
                    _ => Kind::H5,
                };
                let body = read_create(kind, request.body)?;
                same_merchant(&body.mchid, "/mchid", merchant)?;
                if !merchant.account.appids.contains(&body.appid) {
                    return Err(Refusal::new(400, "APPID_MCHID_NOT_MATCH", "appid is not bound to mchid"));
                }
                Ok(Self::Create(Box::new(body)))
            }
            ("GET", ["v3", "pay", "transactions", "out-trade-no", number]) => {
                same_merchant_in_query(query, merchant)?;
                Ok(Self::QueryByNumber(decode(number, "out_trade_no")?))
            }
            ("GET", ["v3", "pay", "transactions", "id", id]) => {
                same_merchant_in_query(query, merchant)?;
                Ok(Self::QueryByTransaction(decode(id, "transaction_id")?))
            }
            ("POST", ["v3", "pay", "transactions", "out-trade-no", number, "close"]) => {
                same_merchant(&read_close(request.body)?, "/mchid", merchant)?;
                Ok(Self::Close(decode(number, "out_trade_no")?))
            }
            ("POST", ["v3", "refund", "domestic", "refunds"]) => {
                Ok(Self::Refund(RefundCall::Ask(Box::new(read_refund(request.body)?))))
            }
            ("GET", ["v3", "refund", "domestic", "refunds", number]) => {
                Ok(Self::Refund(RefundCall::Query(decode(number, "out_refund_no")?)))
            }
            ("POST", ["v3", "refund", "domestic", "refunds", id, "apply-abnormal-refund"]) => {
                let refund_id = decode(id, "refund_id")?;
                let key = request.header("wechatpay-serial");
                Ok(Self::Refund(RefundCall::Apply(Box::new(read_application(refund_id, key, request.body)?))))
            }
            (_, ["v3", "papay", ..]) => {
                Ok(Self::Contract(Box::new(ContractCall::read(request, &parts, query, merchant)?)))
            }
            (_, ["v3", "payscore", ..]) => {
                Ok(Self::Service(Box::new(ServiceCall::read(request, &parts, query, merchant)?)))
            }
            ("GET", ["v3", "bill" | "billdownload", ..]) => BillCall::read(request, &parts, query).map(Self::Bill),
            (_, ["v3", "profitsharing", ..]) => Ok(Self::Share(Box::new(ShareCall::read(request, &parts, query)?))),
            ("GET", ["v3", "certificates"]) => Ok(Self::Certificates),
            _ => Err(Refusal::new(404, "RESOURCE_NOT_EXISTS", "there is no such method and path")),
        }
    }

    /// What its seeded numbers belong to.
    pub(crate) fn subject(&self) -> Subject<'_> {
        match self {
            Self::Create(body) => Subject::Create {
                number: &body.out_trade_no,
                description: &body.description,
                amount_minor: body.total_fen,
            },
            Self::QueryByNumber(number) => Subject::Order { number, operation: 2 },
            Self::Close(number) => Subject::Order { number, operation: 3 },
            Self::Refund(call) => call.subject(),
            Self::Contract(call) => call.subject(),
            Self::Service(call) => call.subject(),
            Self::Share(call) => call.subject(),
            Self::QueryByTransaction(_) | Self::Bill(_) | Self::Certificates => Subject::Other,
        }
    }

    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Create(_) => "create",
            Self::QueryByNumber(_) | Self::QueryByTransaction(_) => "query",
            Self::Close(_) => "close",
            Self::Refund(call) => call.name(),
            Self::Contract(call) => call.name(),
            Self::Service(call) => call.name(),
            Self::Bill(call) => call.name(),
            Self::Share(call) => call.name(),
            Self::Certificates => "certificates",
        }
    }
}

pub(crate) fn same_merchant(named: &str, at: &str, merchant: &Merchant) -> Result<(), Refusal> {
    let same = named == merchant.account.mchid;
    same.then_some(()).ok_or_else(|| Refusal::parameter(at, "is not the merchant who signed"))
}

fn same_merchant_in_query(query: &str, merchant: &Merchant) -> Result<(), Refusal> {
    let named = query.split('&').find_map(|pair| pair.strip_prefix("mchid="));
    same_merchant(named.ok_or_else(|| Refusal::parameter("mchid", "is missing in the query"))?, "mchid", merchant)
}

/// Undoes percent-encoding in the path segment called `name` (`|` and `*` of a number must be encoded).
pub(crate) fn decode(segment: &str, name: &str) -> Result<String, Refusal> {
    let wrong = || Refusal::parameter(name, "is not well encoded in the path");
    let mut bytes = Vec::with_capacity(segment.len());
    let mut rest = segment.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let digits: String = rest.by_ref().take(2).map(char::from).collect();
            let both = digits.len() == 2 && digits.chars().all(|c| c.is_ascii_hexdigit());
            bytes.push(u8::from_str_radix(&digits, 16).ok().filter(|_| both).ok_or_else(wrong)?);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).map_err(|_| wrong())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn path_segments_are_decoded_and_bad_ones_refused() {
        assert_eq!(decode("a%7Cb%2ac", "n").unwrap(), "a|b*c");
        assert!(decode("a%7", "n").is_err());
        assert!(decode("a%+1", "n").is_err());
        assert!(decode("%ff", "n").is_err());
    }
}
