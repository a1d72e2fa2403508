//! Contracts on WeChat: offering, signing, showing and ending them, and the notice before a debit.

use serde_json::{Value, json};

use super::merchant::{Answer, keys};
use super::{Stage, faithful, stage_with};
use crate::{AgreementState, EndedBy};

pub const PLAN: i64 = 123_456;

impl Stage {
    pub fn contract_body(&self, code: &str, display: &str) -> Value {
        json!({
            "appid": keys().provisioned.appid,
            "plan_id": PLAN,
            "out_contract_code": code,
            "contract_display_account": display,
            "contract_notify_url": self.shop.notify_url(),
        })
    }

    pub async fn presign(&self, code: &str, display: &str) -> Answer {
        let body = self.contract_body(code, display).to_string();
        self.shop.call("POST", "/v3/papay/sign/contracts/pre-entrust-sign", body).await.unwrap()
    }

    /// A signed contract; gives the channel's number of it.
    pub async fn contract(&self, code: &str) -> String {
        assert_eq!(self.presign(code, "nanny").await.status, 200);
        self.sandbox.sign(&keys().provisioned.mchid, code).unwrap();
        self.agreement(code).agreement_id
    }

    pub async fn show_contract(&self, code: &str) -> Answer {
        let target = format!("/v3/papay/sign/contracts/plan-id/{PLAN}/out-contract-code/{code}");
        self.shop.call("GET", &target, String::new()).await.unwrap()
    }

    async fn terminate(&self, code: &str) -> Answer {
        let target = format!("/v3/papay/sign/contracts/plan-id/{PLAN}/out-contract-code/{code}/terminate");
        let body = json!({ "contract_termination_remark": "moved away" }).to_string();
        self.shop.call("POST", &target, body).await.unwrap()
    }

    pub async fn notice(&self, id: &str, fen: i64, days: i64) -> Answer {
        let body = json!({
            "mchid": keys().provisioned.mchid,
            "appid": keys().provisioned.appid,
            "estimated_amount": { "amount": fen, "currency": "CNY" },
            "deduct_duration": { "count": days, "unit": "DAY" },
        });
        self.shop.call("POST", &format!("/v3/papay/contracts/{id}/notify"), body.to_string()).await.unwrap()
    }
}

#[tokio::test]
async fn a_contract_exists_from_its_signature_on_and_both_ends_are_told() {
    let stage = stage_with(faithful).await;
    let ticket = stage.presign("code-1", "nanny").await;
    assert!(ticket.is_genuine());
    let url = ticket.json()["redirect_url"].as_str().unwrap().to_owned();
    assert_eq!(stage.show_contract("code-1").await.code(), "RESOURCE_NOT_EXISTS", "nobody has signed");
    let opened = stage.sandbox.open(&crate::Door::Url(url)).unwrap();
    assert_eq!(opened.out_trade_no, "code-1");

    stage.until("signed and told", || stage.agreement("code-1").notifications_accepted == 1).await;
    let shown = stage.show_contract("code-1").await.json();
    assert_eq!(shown["contract_state"], "SIGNED");
    assert_eq!(Some(shown["contract_id"].as_str().unwrap()), opened.agreement_id.as_deref());
    let letter = stage.receiver.letters().remove(0);
    assert_eq!(letter.envelope()["event_type"], "ENTRUST.SIGN");
    assert_eq!(letter.resource()["contract_id"], shown["contract_id"]);
    assert_eq!(stage.presign("code-1", "nanny").await.code(), "INVALID_REQUEST", "it is signed");

    for _ in 0..2 {
        assert_eq!(stage.terminate("code-1").await.status, 204);
    }
    stage.until("told", || stage.agreement("code-1").notifications_accepted == 2).await;
    let shown = stage.show_contract("code-1").await.json();
    assert_eq!(shown["contract_state"], "TERMINATED");
    assert_eq!(shown["contract_terminate_info"]["contract_termination_mode"], "MCH_API_TERMINATE");
    assert_eq!(shown["contract_terminate_info"]["contract_termination_remark"], "moved away");
    assert_eq!(stage.receiver.letters()[1].envelope()["event_type"], "ENTRUST.TERMINATE");
    assert_eq!(stage.agreement("code-1").state, AgreementState::Ended(EndedBy::Merchant));
    assert_eq!(stage.terminate("code-9").await.status, 404);
}

#[tokio::test]
async fn an_offer_repeated_is_the_same_contract_and_each_way_gives_what_it_needs() {
    let stage = stage_with(faithful).await;
    let first = stage.presign("code-1", "nanny [sign:never]").await.json();
    let again = stage.presign("code-1", "nanny [sign:never]").await.json();
    assert_ne!(first["pre_entrustweb_id"], again["pre_entrustweb_id"]);
    assert_eq!(stage.sandbox.agreements().len(), 1);
    assert_eq!(stage.presign("code-1", "other").await.code(), "INVALID_REQUEST");
    assert_eq!(stage.sandbox.world.timers.next_due_ms(), None, "who never signs does nothing");

    for (n, (way, openid, member)) in
        [("h5", false, "redirect_url"), ("jsapi", true, "redirect_url"), ("app", false, "pre_entrustweb_id")]
            .into_iter()
            .enumerate()
    {
        let target = format!("/v3/papay/scheduled-deduct-sign/contracts/pre-entrust-sign/{way}");
        let mut body = stage.contract_body(&format!("way-{n}"), "nanny");
        if openid {
            let answer = stage.shop.call("POST", &target, body.to_string()).await.unwrap();
            assert_eq!(answer.code(), "PARAM_ERROR", "without openid");
            body["openid"] = "oPayer".into();
        }
        body["deduct_schedule"] = json!({ "estimated_deduct_date": "2026-12-01" });
        let answer = stage.shop.call("POST", &target, body.to_string()).await.unwrap().json();
        assert!(answer[member].is_string(), "{answer}");
    }
    let mut strange = stage.contract_body("code-2", "nanny");
    strange["amount"] = 1.into();
    let answer = stage.shop.call("POST", "/v3/papay/sign/contracts/pre-entrust-sign", strange.to_string()).await;
    assert_eq!(answer.unwrap().code(), "PARAM_ERROR");
}

#[tokio::test]
async fn a_payer_ends_his_contract_in_his_own_app_and_a_valid_time_runs_out() {
    let stage = stage_with(|config| {
        faithful(config);
        config.accounts[0].papay.valid_ms = Some(1_800_000);
    })
    .await;
    stage.contract("code-1").await;
    stage.contract("code-2").await;
    stage.sandbox.end_agreement(&keys().provisioned.mchid, "code-1", EndedBy::Payer).unwrap();
    assert!(stage.sandbox.end_agreement(&keys().provisioned.mchid, "code-1", EndedBy::Payer).is_err());
    let mode = |shown: Value| shown["contract_terminate_info"]["contract_termination_mode"].clone();
    assert_eq!(mode(stage.show_contract("code-1").await.json()), "USER_TERMINATE");
    let over = AgreementState::Ended(EndedBy::Expiry);
    stage.until("it runs out", || stage.agreement("code-2").state == over).await;
    assert_eq!(mode(stage.show_contract("code-2").await.json()), "SYSTEM_TERMINATE");
    assert_eq!(stage.agreement("code-1").state, AgreementState::Ended(EndedBy::Payer), "and stays so");
}

#[tokio::test]
async fn some_payers_leave_by_themselves_and_the_seed_says_who() {
    let leavers = async || {
        let stage = stage_with(|config| {
            faithful(config);
            config.payers.agreements.leaves_of_10_000 = 5_000;
            config.payers.agreements.leaves_after_ms = (60_000, 120_000);
        })
        .await;
        for n in 0..12 {
            stage.contract(&format!("code-{n}")).await;
        }
        stage.until("all who leave have left", || stage.sandbox.world.timers.next_due_ms().is_none()).await;
        let left = |entry: &crate::AgreementEntry| entry.state == AgreementState::Ended(EndedBy::Payer);
        stage.sandbox.agreements().iter().map(left).collect::<Vec<_>>()
    };
    let first = leavers().await;
    let count = first.iter().filter(|left| **left).count();
    assert!((2..=10).contains(&count), "{first:?}");
    assert_eq!(leavers().await, first);
}

#[tokio::test]
async fn one_notice_at_a_time_and_the_same_again_is_the_same() {
    let stage = stage_with(faithful).await;
    let id = stage.contract("code-1").await;
    assert_eq!(stage.notice(&id, 8_800, 1).await.status, 204);
    assert_eq!(stage.notice(&id, 8_800, 1).await.status, 204, "the answer may have been lost");
    assert_eq!(stage.notice(&id, 9_900, 1).await.code(), "RULE_LIMIT", "one cycle at a time");
    assert_eq!(stage.notice(&id, 8_800, 4).await.code(), "PARAM_ERROR");
    assert_eq!(stage.notice("Wx0", 8_800, 1).await.code(), "RESOURCE_NOT_EXISTS");
    // Told on the 22nd for the 24th: on the 25th it is over.
    stage.clock.advance_ms(3 * 24 * 3_600_000);
    assert_eq!(stage.notice(&id, 9_900, 1).await.status, 204);
    stage.sandbox.end_agreement(&keys().provisioned.mchid, "code-1", EndedBy::Payer).unwrap();
    assert_eq!(stage.notice(&id, 9_900, 1).await.code(), "NO_AUTH");
}
