//! Agreements on Alipay: the page that a payer signs, what a merchant asks of them, and their ends.

use serde_json::{Value, json};

use super::super::faithful;
use super::app::{App, provisioned, query, signed};
use super::{Stage, stage_with};
use crate::{AgreementState, Door, EndedBy};

pub const SCENE: &str = "INDUSTRY|LIFE";

impl App {
    /// The signed address of a page on which the payer signs; its plan starts on the 25th.
    pub fn sign_page(&self, number: &str, change: impl FnOnce(&mut Value)) -> String {
        let mut biz = json!({
            "product_code": "GENERAL_WITHHOLDING",
            "personal_product_code": "CYCLE_PAY_AUTH_P",
            "sign_scene": SCENE,
            "external_agreement_no": number,
            "external_logon_id": "nanny",
            "access_params": { "channel": "ALIPAYAPP" },
            "period_rule_params": {
                "period_type": "MONTH", "period": "1", "execute_time": "2026-11-25", "single_amount": "88.00",
            },
        });
        change(&mut biz);
        let fields = signed(self.fields("alipay.user.agreement.page.sign", &biz));
        format!("{}/gateway.do?{}", self.base, query(&fields))
    }

    pub async fn show_agreement(&self, number: &str) -> super::app::Answer {
        let biz = json!({
            "external_agreement_no": number, "personal_product_code": "CYCLE_PAY_AUTH_P", "sign_scene": SCENE,
        });
        self.call("alipay.user.agreement.query", &biz).await
    }

    async fn unsign(&self, no: &str) -> super::app::Answer {
        self.call("alipay.user.agreement.unsign", &json!({ "agreement_no": no })).await
    }
}

impl Stage {
    pub fn agreement(&self, number: &str) -> crate::AgreementEntry {
        self.sandbox.agreements().into_iter().find(|entry| entry.agreement == number).unwrap()
    }

    /// A signed agreement; gives Alipay's number of it.
    pub fn signed_agreement(&self, number: &str, change: impl FnOnce(&mut Value)) -> String {
        self.sandbox.open(&Door::Url(self.app.sign_page(number, change))).unwrap();
        self.sandbox.sign(&provisioned().app_id, number).unwrap();
        self.agreement(number).agreement_id
    }
}

#[tokio::test]
async fn a_payer_opens_the_page_signs_and_both_ends_are_told() {
    let stage = stage_with(faithful).await;
    let page = stage.app.sign_page("agr1", |_| ());
    assert!(stage.sandbox.agreements().is_empty(), "nobody has opened it");
    let opened = stage.sandbox.open(&Door::Url(page.clone())).unwrap();
    assert_eq!(stage.sandbox.open(&Door::Url(page)).unwrap(), opened, "opened again, it is the same");
    assert_eq!(opened.out_trade_no, "agr1");
    let absent = stage.app.show_agreement("agr1").await;
    assert_eq!((absent.sub_code().as_str(), absent.is_genuine()), ("USER_AGREEMENT_NOT_EXIST", true));

    stage.until("signed and told", || stage.agreement("agr1").notifications_accepted == 1).await;
    let shown = stage.app.show_agreement("agr1").await.node();
    let no = opened.agreement_id.unwrap();
    assert_eq!((shown["agreement_no"].as_str(), shown["status"].as_str()), (Some(no.as_str()), Some("NORMAL")));
    assert_eq!(shown["next_deduct_time"], "2026-11-25");
    let letter = stage.receiver.letters().remove(0);
    for (name, value) in [
        ("notify_type", "dut_user_sign"),
        ("status", "NORMAL"),
        ("agreement_no", no.as_str()),
        ("external_agreement_no", "agr1"),
        ("personal_product_code", "CYCLE_PAY_AUTH_P"),
    ] {
        assert_eq!(letter.get(name), value, "{name}");
    }
    assert!(letter.is_genuine());

    assert_eq!(stage.app.unsign("20269").await.sub_code(), "AGREEMENT_NOT_EXIST");
    assert_eq!(stage.app.unsign(&no).await.code(), "10000");
    assert_eq!(stage.app.unsign(&no).await.sub_code(), "USER_AGREEMENT_STATUS_NOT_NORMAL");
    stage.until("told", || stage.agreement("agr1").notifications_accepted == 2).await;
    assert_eq!(stage.receiver.letters()[1].get("notify_type"), "dut_user_unsign");
    assert_eq!(stage.receiver.letters()[1].get("status"), "UNSIGN");
    assert_eq!(stage.app.show_agreement("agr1").await.sub_code(), "USER_AGREEMENT_NOT_EXIST");
}

#[tokio::test]
async fn a_browser_is_shown_the_page_and_a_changed_one_is_refused() {
    let stage = stage_with(faithful).await;
    let page = stage.app.sign_page("agr1", |biz| biz["external_logon_id"] = "nanny [sign:never]".into());
    assert!(stage.app.browse(&page).await.contains("请签约"));
    assert_eq!(stage.agreement("agr1").state, AgreementState::Offered);
    assert_eq!(stage.next_due_ms(), None, "who never signs does nothing");
    let changed = page.replace("88.00", "99.00");
    assert!(stage.sandbox.open(&Door::Url(changed)).unwrap_err().contains("isv.invalid-signature"));
    let dearer = |biz: &mut Value| biz["period_rule_params"]["single_amount"] = "99.00".into();
    assert!(stage.sandbox.open(&Door::Url(stage.app.sign_page("agr1", dearer))).is_err(), "the number is used");
}

#[tokio::test]
async fn an_agreement_runs_out_and_a_payer_leaves() {
    let stage = stage_with(faithful).await;
    stage.signed_agreement("agr1", |biz| biz["sign_validity_period"] = "1d".into());
    stage.signed_agreement("agr2", |_| ());
    stage.sandbox.end_agreement(&provisioned().app_id, "agr2", EndedBy::Payer).unwrap();
    assert_eq!(stage.app.show_agreement("agr2").await.sub_code(), "USER_AGREEMENT_NOT_EXIST");
    stage.clock.advance_ms(24 * 3_600_000);
    let over = AgreementState::Ended(EndedBy::Expiry);
    stage.until("it runs out", || stage.agreement("agr1").state == over).await;
}

#[tokio::test]
async fn a_plan_is_put_off_but_never_brought_forward() {
    let stage = stage_with(faithful).await;
    let no = stage.signed_agreement("agr1", |_| ());
    let modify = async |day: &str| {
        let biz = json!({ "agreement_no": no, "deduct_time": day, "memo": "ill" });
        stage.app.call("alipay.user.agreement.executionplan.modify", &biz).await
    };
    assert_eq!(modify("2026-11-24").await.code(), "40004");
    assert_eq!(modify("2026-11-30").await.node()["deduct_time"], "2026-11-30");
    assert_eq!(modify("2026-11-30").await.code(), "10000", "the answer may have been lost");
    assert_eq!(stage.app.show_agreement("agr1").await.node()["next_deduct_time"], "2026-11-30");
}
