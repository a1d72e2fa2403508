//! Pay after service (支付分): it knows how a payer is asked for his consent and where a service order stands, and must
//! never end one.

use std::collections::BTreeMap;

use bursar_core::money::Currency;
use bursar_core::observation::PayCode;
use bursar_core::payment::Payment;
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::agreement::line;
use super::call::Answered;
use super::errors::Meaning;
use super::score_settings::{FrontKey, Score};
use super::service_order::{ServiceOrder, Stood, Terms};
use super::transport::Call;
use super::{Wechat, bad_number, check_notify_url, number};
use crate::channel::CreateRequest;
use crate::outcome::{Outcome, Refusal, Standing, Why, WhyKind};

pub(super) const ORDERS: &str = "/v3/payscore/serviceorder";
/// Longest name of a service, in characters. Not confirmed by a page that could be read.
const MAX_INTRODUCTION_CHARS: usize = 20;
/// What the payer reads beside the amount: the same in every attempt.
pub(super) const ITEM: &str = "服务费";
/// How the front end signs.
const SIGN_TYPE: &str = "HMAC-SHA256";

/// What the settings say of pay after service, with its key.
#[derive(Debug)]
pub(super) struct ScoreAccount {
    pub(super) settings: Score,
    pub(super) key: Option<FrontKey>,
}

/// The body. The order of the members is fixed, so that every attempt sends the same bytes.
#[derive(Serialize)]
struct Body<'a> {
    out_order_no: &'a str,
    appid: &'a str,
    service_id: &'a str,
    service_introduction: String,
    time_range: TimeRange,
    risk_fund: RiskFund,
    attach: String,
    notify_url: &'a str,
    need_user_confirm: bool,
}

#[derive(Serialize)]
struct TimeRange {
    start_time: &'static str,
}

#[derive(Serialize)]
struct RiskFund {
    name: &'static str,
    amount: i64,
}

#[derive(Deserialize)]
struct Created {
    out_order_no: String,
    #[serde(default)]
    package: Option<String>,
}

fn not_set_up() -> Refusal {
    Refusal::ours("SCORE", "this account has no pay after service; add `score` to its settings, see config/accounts.md")
}

impl Wechat {
    pub(super) fn score(&self) -> Result<&ScoreAccount, Refusal> {
        self.score.as_ref().ok_or_else(not_set_up)
    }

    fn score_body(&self, request: &CreateRequest<'_>) -> Result<Bytes, Refusal> {
        let set_up = &self.score()?.settings;
        let (order, payment) = (request.order, request.payment);
        if payment.amount.currency != Currency::CNY {
            return Err(Refusal::ours("CURRENCY", "this account takes CNY only"));
        }
        if payment.amount.minor <= 0 {
            return Err(Refusal::ours("AMOUNT", "a payer agrees to one fen or more"));
        }
        check_notify_url(request.notify_url)?;
        let out_order_no = payment.number();
        if !number::is_valid(&out_order_no) {
            return Err(bad_number());
        }
        let introduction = line(&order.description, MAX_INTRODUCTION_CHARS);
        let body = Body {
            out_order_no: &out_order_no,
            appid: &self.payee.appid,
            service_id: &set_up.service_id,
            service_introduction: if introduction.is_empty() { ITEM.to_owned() } else { introduction },
            // When the payer agrees: a service that has begun before is refused.
            time_range: TimeRange { start_time: "OnAccept" },
            risk_fund: RiskFund { name: set_up.risk_fund.code(), amount: payment.amount.minor },
            attach: order.id.to_string(),
            notify_url: request.notify_url,
            need_user_confirm: true,
        };
        serde_json::to_vec(&body).map(Bytes::from).map_err(|_| Refusal::ours("BODY", "the call cannot be written"))
    }

    /// Makes a service order to which the payer can agree. Said again it gives the same order.
    pub(super) async fn create_score(&self, request: &CreateRequest<'_>) -> Outcome<PayCode> {
        let written = self.score().and_then(|account| Ok((account, self.score_body(request)?)));
        let (account, body) = match written {
            Ok(written) => written,
            Err(refusal) => return Outcome::Refused(refusal),
        };
        match self.call(Call::post(ORDERS, body)).await {
            Err(why) => Outcome::Unknown(why),
            Ok(Answered::Error(error)) => error.outcome(),
            Ok(Answered::Success(answer)) => {
                let created = serde_json::from_slice::<Created>(&answer.body).ok();
                let ours = created.filter(|created| created.out_order_no == request.payment.number());
                match ours.and_then(|created| created.package).filter(|package| !package.is_empty()) {
                    Some(package) => Outcome::Done(self.score_code(account, package)),
                    None => {
                        Outcome::Unknown(Why::new(WhyKind::Unreadable, "the answer holds no package for the payer"))
                    }
                }
            }
        }
    }

    /// What the payer's side hands to the channel: signed when there is a key for it, otherwise only the package, which
    /// the merchant signs himself.
    fn score_code(&self, account: &ScoreAccount, package: String) -> PayCode {
        let mut fields = BTreeMap::from([("package".to_owned(), package)]);
        if let Some(key) = &account.key {
            let parts = self.transport.parts();
            let more = [
                ("mch_id", self.payee.mchid.clone()),
                ("timestamp", parts.now().as_seconds().to_string()),
                ("nonce_str", parts.nonce()),
                ("sign_type", SIGN_TYPE.to_owned()),
            ];
            fields.extend(more.map(|(name, value)| (name.to_owned(), value)));
            fields.insert("sign".to_owned(), key.sign(&fields));
        }
        PayCode::Sdk { fields }
    }

    /// Where the service order of `payment` stands; `None` when the channel knows none.
    pub(super) async fn service_order(&self, payment: &Payment) -> Outcome<Option<Stood>> {
        let number = payment.number();
        let found = self.score().and_then(|account| Ok((account, number::segment(&number).ok_or_else(bad_number)?)));
        let (account, segment) = match found {
            Ok(found) => found,
            Err(refusal) => return Outcome::Refused(refusal),
        };
        let (service_id, appid) = (&account.settings.service_id, &self.payee.appid);
        let terms = Terms { payee: &self.payee, service_id, hold_days: account.settings.hold_days };
        let target = format!("{ORDERS}?out_order_no={segment}&service_id={service_id}&appid={appid}");
        match self.call(Call::get(&target)).await {
            Err(why) => Outcome::Unknown(why),
            Ok(Answered::Error(error)) if error.meaning == Some(Meaning::Absent) => Outcome::Done(None),
            Ok(Answered::Error(error)) => error.outcome(),
            Ok(Answered::Success(answer)) => {
                let read = serde_json::from_slice::<ServiceOrder>(&answer.body).map_err(|e| e.to_string());
                let ours = read.and_then(|order| {
                    if order.out_order_no == number { Ok(order) } else { Err("it is about another number".into()) }
                });
                match ours.and_then(|order| order.stood(terms, self.now())) {
                    Ok(stood) => Outcome::Done(Some(stood)),
                    Err(what) => Outcome::Unknown(Why::new(WhyKind::Unreadable, format!("the answer: {what}"))),
                }
            }
        }
    }

    pub(super) async fn query_score(&self, payment: &Payment) -> Outcome<Standing> {
        self.service_order(payment).await.map(|found| found.map_or(Standing::Absent, |stood| stood.standing))
    }
}
