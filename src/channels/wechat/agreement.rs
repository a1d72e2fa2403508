//! Agreements (委托代扣): it knows how one is offered, asked about and ended, and must never charge by one.
//!
//! The channel has two products. In the one a payer is told two days before each charge; in the other (预约扣费) the
//! charges are scheduled. Both are asked about and ended by the same calls, under the number that we gave.

use bursar_core::agreement::Agreement;
use bursar_core::money::Currency;
use bursar_core::observation::PayCode;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::collections::BTreeMap;

use super::call::Answered;
use super::contract::Contract;
use super::declines::NO_CONTRACT;
use super::errors::{ApiError, Meaning};
use super::settings::{Agreements, Scene, SignScene};
use super::transport::Call;
use super::{Wechat, bad_number, check_notify_url, number};
use crate::channel::SignRequest;
use crate::debit::not_set_up;
use crate::outcome::{AgreementStanding, Outcome, Refusal, Why, WhyKind};

/// Longest name of the payer on the page where he signs, in characters. Not confirmed by a page that could be read.
const MAX_ACCOUNT_CHARS: usize = 32;
/// Longest reason for ending an agreement, in characters. Not confirmed either.
const MAX_REMARK_CHARS: usize = 64;

/// The body. The order of the members is fixed, so that every attempt sends the same bytes.
#[derive(Serialize)]
struct Body<'a> {
    appid: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    openid: Option<&'a str>,
    plan_id: i64,
    out_contract_code: &'a str,
    contract_display_account: String,
    contract_notify_url: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    deduct_schedule: Option<Schedule<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sign_scene: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    out_user_code: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    device_info: Option<Device<'a>>,
}

#[derive(Serialize)]
struct Schedule<'a> {
    estimated_deduct_date: String,
    estimated_deduct_amount: Amount,
    description: &'a str,
}

#[derive(Serialize)]
pub(super) struct Amount {
    pub(super) total: i64,
    pub(super) currency: &'static str,
}

/// The payer's device, of which we know an address at most. The channel has words of its own for what is not known,
/// where there is a list of words.
#[derive(Serialize)]
struct Device<'a> {
    device_type: &'static str,
    device_os: &'static str,
    device_id: &'static str,
    device_running_as_root: bool,
    device_ip: &'a str,
    weixin_installed: bool,
    weixin_version: &'static str,
    days_since_first_login: &'static str,
}

#[derive(Deserialize)]
struct Presigned {
    #[serde(default)]
    redirect_url: Option<String>,
    #[serde(default)]
    pre_entrustweb_id: Option<String>,
    #[serde(default)]
    mini_program_username: Option<String>,
    #[serde(default)]
    mini_program_path: Option<String>,
}

/// `text` on one line of at most `most` characters.
pub(super) fn line(text: &str, most: usize) -> String {
    let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    line.trim().chars().take(most).collect()
}

fn path(set_up: &Agreements, agreement: &Agreement) -> String {
    if !set_up.scheduled {
        return "/v3/papay/sign/contracts/pre-entrust-sign".to_owned();
    }
    // Inside WeChat the payer has an openid, elsewhere a browser, unless the settings say what the merchant has.
    let scene = set_up.scene.unwrap_or(if agreement.details.openid.is_some() { Scene::Jsapi } else { Scene::H5 });
    format!("/v3/papay/scheduled-deduct-sign/contracts/pre-entrust-sign/{}", scene.segment())
}

/// Whether the channel says, to a question about an agreement, that it knows none of that number.
fn says_none(error: &ApiError) -> bool {
    error.meaning == Some(Meaning::Absent) || NO_CONTRACT.contains(&error.code.as_str())
}

impl Wechat {
    fn set_up(&self) -> Result<&Agreements, Refusal> {
        self.agreements.as_ref().ok_or_else(not_set_up)
    }

    /// The bytes of the offer: a function of the request, the same for every attempt.
    fn offer_body(&self, set_up: &Agreements, request: &SignRequest<'_>) -> Result<Bytes, Refusal> {
        let agreement = request.agreement;
        if agreement.limit.currency != Currency::CNY {
            return Err(Refusal::ours("CURRENCY", "this account takes CNY only"));
        }
        check_notify_url(request.notify_url)?;
        let number = agreement.number();
        if !number::is_valid(&number) {
            return Err(bad_number());
        }
        let schedule = agreement.rhythm.filter(|_| set_up.scheduled).map(|rhythm| Schedule {
            estimated_deduct_date: rhythm.first_on.to_string(),
            estimated_deduct_amount: Amount { total: agreement.limit.minor, currency: Currency::CNY.code() },
            description: &agreement.description,
        });
        let sign_scene = set_up.sign_scene.filter(|_| !set_up.scheduled);
        let account = agreement.details.name.as_deref().unwrap_or(&agreement.payer);
        let body = Body {
            appid: &self.payee.appid,
            openid: agreement.details.openid.as_deref(),
            plan_id: set_up.plan_id,
            out_contract_code: &number,
            contract_display_account: line(account, MAX_ACCOUNT_CHARS),
            contract_notify_url: request.notify_url,
            deduct_schedule: schedule,
            sign_scene: sign_scene.map(SignScene::code),
            out_user_code: sign_scene.map(|_| agreement.payer.as_str()),
            device_info: sign_scene.map(|_| Device {
                device_type: "DEVICE_TYPE_UNKNOW",
                device_os: "unknown",
                device_id: "unknown",
                device_running_as_root: false,
                device_ip: agreement.details.client_ip.as_deref().unwrap_or("0.0.0.0"),
                weixin_installed: true,
                weixin_version: "unknown",
                days_since_first_login: "DAYS_SINCE_FIRST_LOGIN_UNKNOW",
            }),
        };
        serde_json::to_vec(&body).map(Bytes::from).map_err(|_| Refusal::ours("BODY", "the call cannot be written"))
    }

    pub(super) async fn offer(&self, request: &SignRequest<'_>) -> Outcome<PayCode> {
        let written = self.set_up().and_then(|set_up| Ok((set_up, self.offer_body(set_up, request)?)));
        let (set_up, body) = match written {
            Ok(written) => written,
            Err(refusal) => return Outcome::Refused(refusal),
        };
        match self.call(Call::post(&path(set_up, request.agreement), body)).await {
            Err(why) => Outcome::Unknown(why),
            Ok(Answered::Error(error)) => error.outcome(),
            Ok(Answered::Success(answer)) => match self.sign_code(&answer.body) {
                Some(code) => Outcome::Done(code),
                None => Outcome::Unknown(Why::new(WhyKind::Unreadable, "the answer holds no way to sign")),
            },
        }
    }

    /// A page where there is one; otherwise what the merchant's app or mini program hands to the channel's.
    fn sign_code(&self, body: &[u8]) -> Option<PayCode> {
        let some = |text: Option<String>| text.filter(|t| !t.is_empty());
        let presigned: Presigned = serde_json::from_slice(body).ok()?;
        if let Some(url) = some(presigned.redirect_url) {
            return Some(PayCode::Redirect { url });
        }
        let mut fields = BTreeMap::from([
            ("pre_entrustweb_id".to_owned(), some(presigned.pre_entrustweb_id)?),
            ("appid".to_owned(), self.payee.appid.clone()),
        ]);
        let more = [
            ("mini_program_username", presigned.mini_program_username),
            ("mini_program_path", presigned.mini_program_path),
        ];
        fields.extend(more.into_iter().filter_map(|(name, value)| Some((name.to_owned(), some(value)?))));
        Some(PayCode::Sdk { fields })
    }

    /// Where the agreement stands at the channel.
    fn contract_target(set_up: &Agreements, agreement: &Agreement) -> Result<String, Refusal> {
        let segment = number::segment(&agreement.number()).ok_or_else(bad_number)?;
        Ok(format!("/v3/papay/sign/contracts/plan-id/{}/out-contract-code/{segment}", set_up.plan_id))
    }

    pub(super) async fn ask_agreement(&self, agreement: &Agreement) -> Outcome<AgreementStanding> {
        let written = self.set_up().and_then(|set_up| Ok((set_up, Self::contract_target(set_up, agreement)?)));
        let (set_up, target) = match written {
            Ok(written) => written,
            Err(refusal) => return Outcome::Refused(refusal),
        };
        match self.call(Call::get(&target)).await {
            Err(why) => Outcome::Unknown(why),
            // Before it is signed the channel knows nothing of it.
            Ok(Answered::Error(error)) if says_none(&error) => Outcome::Done(AgreementStanding::Unsigned),
            Ok(Answered::Error(error)) => error.outcome(),
            Ok(Answered::Success(answer)) => match self.read_agreement(set_up, agreement, &answer.body) {
                Ok(standing) => Outcome::Done(standing),
                Err(what) => Outcome::Unknown(Why::new(WhyKind::Unreadable, format!("the answer: {what}"))),
            },
        }
    }

    fn read_agreement(&self, set_up: &Agreements, ours: &Agreement, body: &[u8]) -> Result<AgreementStanding, String> {
        let contract: Contract = serde_json::from_slice(body).map_err(|e| e.to_string())?;
        if contract.out_contract_code != ours.number() {
            return Err("it is about another number".into());
        }
        if !contract.is_of(&self.payee) || !contract.is_of_plan(set_up.plan_id) {
            return Err("it is about another merchant, app or template".into());
        }
        contract.standing(ours.created_at)
    }

    pub(super) async fn terminate(&self, agreement: &Agreement) -> Outcome<()> {
        let target = match self.set_up().and_then(|set_up| Self::contract_target(set_up, agreement)) {
            Ok(target) => format!("{target}/terminate"),
            Err(refusal) => return Outcome::Refused(refusal),
        };
        let by = agreement.evidence.end_requested.as_ref().map_or("the merchant ended it", |(_, by)| by);
        let body = json!({ "contract_termination_remark": line(by, MAX_REMARK_CHARS) }).to_string();
        match self.call(Call::post(&target, Bytes::from(body))).await {
            Err(why) => Outcome::Unknown(why),
            Ok(Answered::Success(_)) => Outcome::Done(()),
            Ok(Answered::Error(error)) if says_none(&error) => Outcome::Done(()),
            // How the channel says that it has ended already is not documented: it is asked.
            Ok(Answered::Error(error)) => match self.ask_agreement(agreement).await {
                Outcome::Done(AgreementStanding::Ended(_) | AgreementStanding::Unsigned) => Outcome::Done(()),
                _ => error.outcome(),
            },
        }
    }
}
