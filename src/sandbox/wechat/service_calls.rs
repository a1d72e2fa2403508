//! The calls about service orders: it knows their paths, what each of them is about and which file carries it out.

use serde_json::Value;

use crate::fates::Subject;
use crate::shared::Shared;
use crate::wechat::account::Merchant;
use crate::wechat::answer::Answer;
use crate::wechat::operation::decode;
use crate::wechat::platform::SignWith;
use crate::wechat::refusal::Refusal;
use crate::wechat::service_body::{Deed, ServiceBody, read_deed, read_service};
use crate::wechat::verify::Received;

/// How a service order is named by a query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ServiceNamed {
    Number(String),
    /// What the payer's app was given.
    Query(String),
}

/// A call whose request is well formed.
#[derive(Debug)]
pub(crate) enum ServiceCall {
    Create(Box<ServiceBody>),
    Query { named: ServiceNamed, service_id: String },
    Do { number: String, service_id: String, deed: Deed },
}

impl ServiceCall {
    pub(crate) fn read(
        request: &Received<'_>,
        parts: &[&str],
        query: &str,
        merchant: &Merchant,
    ) -> Result<Self, Refusal> {
        let unknown = || Refusal::new(404, "RESOURCE_NOT_EXISTS", "there is no such method and path");
        let in_query = |name: &str| {
            let found = query.split('&').find_map(|pair| pair.split_once('=').filter(|(known, _)| *known == name));
            found.map(|(_, value)| decode(value, name)).transpose()
        };
        let in_body = |name: &str| {
            let whole = serde_json::from_slice::<Value>(request.body).unwrap_or_default();
            whole.get(name).and_then(Value::as_str).map(str::to_owned)
        };
        let gets = request.method == "GET";
        let appid = if gets { in_query("appid")? } else { in_body("appid") };
        if appid.is_some_and(|appid| !merchant.account.appids.contains(&appid)) {
            return Err(Refusal::new(400, "APPID_MCHID_NOT_MATCH", "appid is not bound to mchid"));
        }
        match (request.method, parts.get(2..).unwrap_or_default()) {
            ("POST", ["serviceorder"]) => Ok(Self::Create(Box::new(read_service(request.body)?))),
            ("GET", ["serviceorder"]) => {
                let missing = |name: &str| Refusal::parameter(name, "is missing in the query");
                let service_id = in_query("service_id")?.ok_or_else(|| missing("service_id"))?;
                in_query("appid")?.ok_or_else(|| missing("appid"))?;
                match (in_query("out_order_no")?, in_query("query_id")?) {
                    (Some(number), None) => Ok(Self::Query { named: ServiceNamed::Number(number), service_id }),
                    (None, Some(id)) => Ok(Self::Query { named: ServiceNamed::Query(id), service_id }),
                    _ => Err(missing("out_order_no")),
                }
            }
            ("POST", ["serviceorder", number, word]) => {
                let deed = read_deed(word, request.body)?;
                let service_id = in_body("service_id").unwrap_or_default();
                Ok(Self::Do { number: decode(number, "out_order_no")?, service_id, deed })
            }
            _ => Err(unknown()),
        }
    }

    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::Create(_) => "create_service",
            Self::Query { .. } => "query_service",
            Self::Do { deed, .. } => match deed {
                Deed::Complete { .. } => "complete_service",
                Deed::Modify { .. } => "modify_service",
                Deed::Cancel { .. } => "cancel_service",
                Deed::Paid { .. } => "sync_service",
                Deed::Pay => "pay_service",
            },
        }
    }

    pub(crate) fn subject(&self) -> Subject<'_> {
        match self {
            Self::Create(body) => Subject::Create {
                number: &body.out_order_no,
                description: &body.introduction,
                amount_minor: body.risk_fen,
            },
            Self::Query { named: ServiceNamed::Number(number), .. } => Subject::Order { number, operation: 2 },
            Self::Query { .. } => Subject::Other,
            Self::Do { number, deed, .. } => {
                let operation = match deed {
                    Deed::Complete { .. } => 4,
                    Deed::Modify { .. } => 5,
                    Deed::Cancel { .. } => 3,
                    Deed::Paid { .. } => 6,
                    Deed::Pay => 7,
                };
                Subject::Order { number, operation }
            }
        }
    }
}

impl Shared {
    /// Carries out a call of the merchant.
    pub(super) fn wechat_service(
        &self,
        mchid: &str,
        call: ServiceCall,
        fate: u64,
        sign_with: SignWith,
    ) -> Result<Answer, Refusal> {
        match call {
            ServiceCall::Create(body) => self.wechat_new_service(mchid, *body, fate, sign_with),
            ServiceCall::Query { named, service_id } => self.wechat_show_service(mchid, &named, &service_id),
            ServiceCall::Do { number, service_id, deed } => self.wechat_do_service(mchid, &number, &service_id, deed),
        }
    }
}
