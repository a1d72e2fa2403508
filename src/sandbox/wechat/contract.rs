//! Contracts: it knows when one can be offered, shown, announced under and ended in WeChat's words, and how it is
//! written; what the payer does is the common payers'.

use serde_json::{Value, json};

use crate::agreements::{Agreement, Agreements, NewAgreement};
use crate::own::Own;
use crate::pace::{beijing, beijing_digits};
use crate::purse::asked_for;
use crate::shared::Shared;
use crate::wechat::account::Merchant;
use crate::wechat::answer::Answer;
use crate::wechat::contract_body::SignBody;
use crate::wechat::contract_calls::{Named, Way, scope};
use crate::wechat::front::ContractFacts;
use crate::wechat::notice::{Notice, day};
use crate::wechat::platform::SignWith;
use crate::wechat::refusal::Refusal;
use crate::{AgreementLimits, AgreementState, Channel, EndedBy, dice};

/// Where the payer's browser signs; the rest of the address is the session.
pub(crate) const PAGE: &str = "https://payapp.weixin.qq.com/papay/entrust?session=";
/// The end of a contract that has none, as the documents write it.
const FOR_EVER: &str = "2120-12-31T23:59:59+08:00";

fn no_such_contract() -> Refusal {
    Refusal::no_such_resource("contract")
}

pub(super) fn find(agreements: &Agreements, mchid: &str, named: &Named) -> Option<usize> {
    match named {
        Named::Id(id) => agreements.position_of(Channel::Wechat, mchid, id),
        Named::Scope(scope) => agreements.position(Channel::Wechat, mchid, scope),
    }
}

/// What the merchant leads the payer with; a fresh session of the same contract each time.
fn ticket(way: Way, session: &str) -> Value {
    let url = format!("{PAGE}{session}");
    match way {
        Way::Any => json!({ "pre_entrustweb_id": session, "redirect_url": url }),
        Way::Web => json!({ "redirect_url": url }),
        Way::App => json!({ "pre_entrustweb_id": session }),
    }
}

/// A contract as it is written, in answers and inside notifications. `signed`: as it stood when it was signed.
pub(crate) fn write(one: &Agreement, facts: &ContractFacts, signed: bool) -> Value {
    let mut written = json!({
        "mchid": one.account,
        "appid": facts.body.appid,
        "plan_id": facts.body.plan_id,
        "contract_id": one.id,
        "out_contract_code": one.number,
        "contract_display_account": facts.body.display,
        "openid": one.payer,
        "contract_state": if signed { "SIGNED" } else { "TERMINATED" },
        "contract_signed_time": beijing(one.signed_at_ms.unwrap_or_default()),
        "contract_expired_time": one.valid_until_ms.map_or_else(|| FOR_EVER.to_owned(), beijing),
    });
    let mut put = |name: &str, value: Value| {
        if let Some(members) = written.as_object_mut() {
            members.insert(name.to_owned(), value);
        }
    };
    if let Some(code) = &facts.body.out_user_code {
        put("out_user_code", code.clone().into());
    }
    if let (false, Some(at_ms), Some(by)) = (signed, one.ended_at_ms, one.ended_by()) {
        let mode = match by {
            EndedBy::Payer => "USER_TERMINATE",
            EndedBy::Merchant => "MCH_API_TERMINATE",
            EndedBy::Expiry => "SYSTEM_TERMINATE",
        };
        let mut information = json!({ "contract_terminated_time": beijing(at_ms), "contract_termination_mode": mode });
        if let (Some(members), Some(remark)) = (information.as_object_mut(), &facts.remark) {
            members.insert("contract_termination_remark".to_owned(), remark.clone().into());
        }
        put("contract_terminate_info", information);
    }
    written
}

impl Shared {
    /// Offers a contract, or the same again.
    pub(super) fn wechat_sign(
        &self,
        merchant: &Merchant,
        way: Way,
        body: SignBody,
        fate: u64,
        sign_with: SignWith,
    ) -> Result<Answer, Refusal> {
        let (now_ms, mchid) = (self.pace.now_ms(), merchant.account.mchid.as_str());
        let scope = scope(&body.plan_id.to_string(), &body.code);
        let mut orders = self.orders();
        let session = format!("{:016x}{:06}", dice::draw(&[fate, 65]), orders.next_serial());
        if let Some(position) = orders.agreements.position(Channel::Wechat, mchid, &scope) {
            let known = orders.agreements.list.get(position).ok_or_else(no_such_contract)?;
            let same = known.own.get::<ContractFacts>().is_some_and(|facts| facts.body.whole == body.whole);
            match known.state {
                AgreementState::Offered if same => {}
                AgreementState::Offered => {
                    let other = "out_contract_code was used with other parameters";
                    return Err(Refusal::invalid(other).with_number(268_498_688));
                }
                AgreementState::Signed => return Err(Refusal::invalid("the contract is signed")),
                AgreementState::Ended(_) => return Err(Refusal::invalid("the contract is over; use a new code")),
            }
            orders.agreements.call(position, &session);
            return Ok(Answer::ok(&ticket(way, &session)));
        }
        let terms = &merchant.account.papay;
        let day: String = beijing_digits(now_ms).chars().take(8).collect();
        let payer = body.openid.clone().unwrap_or_else(|| format!("oSandbox{:020}", dice::draw(&[fate, 66])));
        let position = orders.agreements.insert(NewAgreement {
            channel: Channel::Wechat,
            account: mchid.to_owned(),
            number: body.code.clone(),
            scope,
            id: format!("Wx{day}{:05}{session}", fate % 100_000),
            payer,
            limits: AgreementLimits { single_minor: terms.single_fen, ..AgreementLimits::default() },
            signs: self.payers.agreements.signs(&body.display, dice::draw(&[fate, 67])),
            purse: asked_for(&body.display),
            fate,
            now_ms,
            lasts_ms: terms.valid_ms,
            own: Own::new(ContractFacts { body, sign_with, notice: None, remark: None }),
        });
        orders.agreements.call(position, &session);
        drop(orders);
        self.signer_arrives(position);
        Ok(Answer::ok(&ticket(way, &session)))
    }

    /// A contract that nobody has signed does not exist: there is no word for its state.
    pub(super) fn wechat_show_contract(&self, mchid: &str, named: &Named) -> Result<Answer, Refusal> {
        let orders = self.orders();
        let found = find(&orders.agreements, mchid, named).and_then(|position| orders.agreements.list.get(position));
        let one = found.filter(|one| one.signed_at_ms.is_some()).ok_or_else(no_such_contract)?;
        let facts = one.own.get::<ContractFacts>().ok_or_else(no_such_contract)?;
        Ok(Answer::ok(&write(one, facts, one.is_signed())))
    }

    /// Ends a contract; ended again, it is ended.
    pub(super) fn wechat_terminate(&self, mchid: &str, named: &Named, remark: String) -> Result<Answer, Refusal> {
        let mut orders = self.orders();
        let position = find(&orders.agreements, mchid, named).ok_or_else(no_such_contract)?;
        let one = orders.agreements.list.get_mut(position).ok_or_else(no_such_contract)?;
        if one.signed_at_ms.is_none() {
            return Err(no_such_contract());
        }
        if one.is_signed()
            && let Some(facts) = one.own.get_mut::<ContractFacts>()
        {
            facts.remark = Some(remark);
        }
        self.ends_in(&mut orders.agreements, position, EndedBy::Merchant);
        Ok(Answer::no_content())
    }

    /// Tells the payer of the next debit. One at a time; the same again on the same day is the same.
    pub(super) fn wechat_notice(&self, mchid: &str, id: &str, fen: i64, days: i64) -> Result<Answer, Refusal> {
        let today = day(self.pace.now_ms());
        let mut orders = self.orders();
        let position = orders.agreements.position_of(Channel::Wechat, mchid, id).ok_or_else(no_such_contract)?;
        let one = orders.agreements.list.get_mut(position).ok_or_else(no_such_contract)?;
        if !one.is_signed() {
            return Err(Refusal::new(403, "NO_AUTH", "the contract is not in force"));
        }
        let facts = one.own.get_mut::<ContractFacts>().ok_or_else(no_such_contract)?;
        let told = Notice { fen, days, told: today };
        match facts.notice {
            Some(known) if known == told => {}
            Some(known) if known.stands(today) => {
                return Err(Refusal::new(403, "RULE_LIMIT", "the payer was told of a debit that has not come yet"));
            }
            _ => facts.notice = Some(told),
        }
        Ok(Answer::no_content())
    }
}
