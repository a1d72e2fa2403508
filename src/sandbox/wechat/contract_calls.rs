//! The calls about contracts: it knows their paths, what each of them is about and which file carries it out.

use crate::fates::Subject;
use crate::shared::Shared;
use crate::wechat::account::Merchant;
use crate::wechat::answer::Answer;
use crate::wechat::contract_body::{
    ApplyBody, SignBody, app_in, merchant_in, read_apply, read_notice, read_sign, read_terminate,
};
use crate::wechat::operation::{decode, same_merchant};
use crate::wechat::platform::SignWith;
use crate::wechat::refusal::Refusal;
use crate::wechat::verify::Received;

/// How the payer is led to the contract: what the merchant is given differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// The plain endpoint: everything.
    Any,
    /// A page's address.
    Web,
    /// A number for the channel's own page inside an app or mini program.
    App,
}

/// How a contract is named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Named {
    Id(String),
    /// By the template and the merchant's number; see [`scope`].
    Scope(String),
}

/// A call whose request is well formed.
#[derive(Debug)]
pub(crate) enum ContractCall {
    Sign { way: Way, body: SignBody, label: String },
    Query { named: Named, label: String },
    Terminate { named: Named, label: String, remark: String },
    Notify { contract_id: String, label: String, fen: i64, days: i64 },
    Apply(ApplyBody),
}

/// Under what the merchant's number is found: it is unique within its template.
pub(crate) fn scope(plan_id: &str, code: &str) -> String {
    format!("{plan_id}/{code}")
}

fn label(name: &str) -> String {
    format!("contract\n{name}")
}

impl ContractCall {
    pub(crate) fn read(
        request: &Received<'_>,
        parts: &[&str],
        query: &str,
        merchant: &Merchant,
    ) -> Result<Self, Refusal> {
        let named_merchant = match request.method {
            "GET" => query.split('&').find_map(|pair| pair.strip_prefix("mchid=")).map(str::to_owned),
            _ => merchant_in(request.body),
        };
        named_merchant.map_or(Ok(()), |mchid| same_merchant(&mchid, "/mchid", merchant))?;
        let of_other = |appid: &String| !merchant.account.appids.contains(appid);
        if app_in(request.body).as_ref().is_some_and(of_other) {
            return Err(Refusal::new(400, "APPID_MCHID_NOT_MATCH", "appid is not bound to mchid"));
        }
        let by_scope = |plan: &str, code: &str| {
            let scope = scope(&decode(plan, "plan_id")?, &decode(code, "out_contract_code")?);
            Ok::<_, Refusal>((label(&scope), Named::Scope(scope)))
        };
        let by_id = |id: &str| {
            let id = decode(id, "contract_id")?;
            Ok::<_, Refusal>((label(&id), Named::Id(id)))
        };
        let sign = |way: Way, needs_openid: bool| {
            let body = read_sign(request.body, needs_openid)?;
            let label = label(&scope(&body.plan_id.to_string(), &body.code));
            Ok(Self::Sign { way, body, label })
        };
        let Some(("v3", rest)) = parts.split_first().map(|(first, rest)| (*first, rest)) else {
            return Err(Refusal::new(404, "RESOURCE_NOT_EXISTS", "there is no such method and path"));
        };
        match (request.method, rest) {
            ("POST", ["papay", "sign", "contracts", "pre-entrust-sign"]) => sign(Way::Any, false),
            ("POST", ["papay", "scheduled-deduct-sign", "contracts", "pre-entrust-sign", way]) => match *way {
                "jsapi" => sign(Way::Web, true),
                "h5" => sign(Way::Web, false),
                "app" => sign(Way::App, false),
                "mini-program" => sign(Way::App, true),
                _ => Err(Refusal::new(404, "RESOURCE_NOT_EXISTS", "there is no such way to sign")),
            },
            ("GET", ["papay", "sign", "contracts", "plan-id", plan, "out-contract-code", code]) => {
                let (label, named) = by_scope(plan, code)?;
                Ok(Self::Query { named, label })
            }
            ("GET", ["papay", "sign", "contracts", "contract-id", id]) => {
                let (label, named) = by_id(id)?;
                Ok(Self::Query { named, label })
            }
            ("POST", ["papay", "sign", "contracts", "plan-id", plan, "out-contract-code", code, "terminate"]) => {
                let (label, named) = by_scope(plan, code)?;
                Ok(Self::Terminate { named, label, remark: read_terminate(request.body)? })
            }
            ("POST", ["papay", "sign", "contracts", "contract-id", id, "terminate"]) => {
                let (label, named) = by_id(id)?;
                Ok(Self::Terminate { named, label, remark: read_terminate(request.body)? })
            }
            ("POST", ["papay", "contracts", id, "notify"]) => {
                let contract_id = decode(id, "contract_id")?;
                let (fen, days) = read_notice(request.body)?;
                Ok(Self::Notify { label: label(&contract_id), contract_id, fen, days })
            }
            ("POST", ["papay", "pay", "transactions", "apply"]) => {
                Ok(Self::Apply(read_apply(request.body, &merchant.account.mchid)?))
            }
            _ => Err(Refusal::new(404, "RESOURCE_NOT_EXISTS", "there is no such method and path")),
        }
    }

    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::Sign { .. } => "sign_contract",
            Self::Query { .. } => "query_contract",
            Self::Terminate { .. } => "terminate_contract",
            Self::Notify { .. } => "notify_contract",
            Self::Apply(_) => "debit",
        }
    }

    pub(crate) fn subject(&self) -> Subject<'_> {
        match self {
            Self::Sign { body, label, .. } => {
                Subject::Create { number: label, description: &body.display, amount_minor: 0 }
            }
            Self::Query { label, .. } => Subject::Order { number: label, operation: 2 },
            Self::Terminate { label, .. } => Subject::Order { number: label, operation: 3 },
            Self::Notify { label, .. } => Subject::Order { number: label, operation: 4 },
            Self::Apply(body) => Subject::Create {
                number: &body.order.out_trade_no,
                description: &body.order.description,
                amount_minor: body.order.total_fen,
            },
        }
    }
}

impl Shared {
    /// Carries out a call of the merchant.
    pub(super) fn wechat_contract(
        &self,
        merchant: &Merchant,
        call: ContractCall,
        fate: u64,
        sign_with: SignWith,
    ) -> Result<Answer, Refusal> {
        let mchid = merchant.account.mchid.as_str();
        match call {
            ContractCall::Sign { way, body, .. } => self.wechat_sign(merchant, way, body, fate, sign_with),
            ContractCall::Query { named, .. } => self.wechat_show_contract(mchid, &named),
            ContractCall::Terminate { named, remark, .. } => self.wechat_terminate(mchid, &named, remark),
            ContractCall::Notify { contract_id, fen, days, .. } => self.wechat_notice(mchid, &contract_id, fen, days),
            ContractCall::Apply(body) => self.wechat_debit(merchant, body, fate, sign_with),
        }
    }
}
