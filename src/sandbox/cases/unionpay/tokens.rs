//! Tokens on UnionPay: opened by the payer or by the merchant's server, debited, asked for and unbound.

use super::super::faithful;
use super::merchant::{Answer, Form, keys};
use super::{Desk, desk_with};
use crate::{AgreementState, DebitOutcome, Decline, Door, EndedBy, Purse};

const PAID: [&str; 2] = ["00", "A6"];
const TR_ID: &str = "62000000001";

fn mer_id() -> &'static str {
    &keys().provisioned.mer_id
}

impl Desk {
    fn opening(&self, number: &str) -> Form {
        let form = self.merchant.purchase(number).without("txnAmt").without("currencyCode");
        let form = form.with("txnType", "79").with("txnSubType", "00").with("bizType", "000902");
        form.with("tokenPayData", &format!("{{trId={TR_ID}&tokenType=01}}"))
    }

    /// A token that its payer has opened.
    fn token(&self, number: &str) -> String {
        let action = "http://127.0.0.1/gateway/api/frontTransReq.do".to_owned();
        self.sandbox.open(&Door::Form { action, fields: self.opening(number).signed().0 }).unwrap();
        self.sandbox.sign(mer_id(), number).unwrap();
        self.agreement(number).agreement_id
    }

    fn debit_form(&self, token: &str, number: &str) -> Form {
        let form = self.merchant.purchase(number).without("frontUrl").without("payTimeout").with("bizType", "000902");
        form.with("tokenPayData", &format!("{{token={token}&trId={TR_ID}}}"))
    }

    async fn debit(&self, form: &Form) -> Answer {
        self.merchant.send("backTransReq.do", form).await
    }

    async fn ask_token(&self, data: &str) -> Answer {
        let form = self.opening("ask00001").with("txnType", "78").with("txnSubType", "02");
        self.merchant.send("backTransReq.do", &form.with("tokenPayData", data)).await
    }
}

#[tokio::test]
async fn a_payer_opens_a_token_with_a_form_and_the_merchant_hears_of_it() {
    let desk = desk_with(faithful).await;
    let form = desk.opening("open0001");
    let page = desk.merchant.send("frontTransReq.do", &form).await;
    assert!(page.body.contains("data-code=\"00\""), "{}", page.body);
    assert!(desk.merchant.send("frontTransReq.do", &form).await.body.contains("data-code=\"00\""), "posted again");
    assert_eq!((desk.sandbox.agreements().len(), desk.merchant.query(&form).await.code()), (1, "34".to_owned()));
    desk.until("opened and told", || desk.agreement("open0001").notifications_accepted == 1).await;
    let notice = desk.inbox.notices().remove(0);
    let token = desk.agreement("open0001").agreement_id;
    assert!(notice["tokenPayData"].contains(&format!("token={token}&trId={TR_ID}")), "{notice:?}");
    assert_eq!((notice["respCode"].as_str(), notice["txnType"].as_str()), ("00", "79"));
    let told = desk.merchant.query(&form).await;
    assert_eq!((told.original().as_str(), told.get("tokenPayData")), ("00", notice["tokenPayData"].clone()));

    let shown = desk.ask_token(&format!("{{token={token}&trId={TR_ID}}}")).await;
    assert_eq!((shown.code().as_str(), shown.get("activateStatus").as_str()), ("00", "1"));
    let unbind = desk.opening("unbind01").with("txnType", "74").with("txnSubType", "01");
    let unbind = unbind.with("tokenPayData", &format!("{{token={token}&trId={TR_ID}}}"));
    assert_eq!(desk.debit(&unbind).await.code(), "00");
    assert_eq!(desk.debit(&unbind).await.code(), "35");
    assert_eq!(desk.agreement("open0001").state, AgreementState::Ended(EndedBy::Merchant));
    let shown = desk.ask_token(&format!("{{token={token}&trId={TR_ID}}}")).await;
    assert_eq!((shown.code().as_str(), shown.get("activateStatus").as_str()), ("00", "0"));
    assert_eq!(desk.ask_token("{token=629}").await.code(), "34");
}

#[tokio::test]
async fn a_server_that_brings_the_card_has_its_token_at_once() {
    let desk = desk_with(faithful).await;
    let form = desk.opening("open0001").without("frontUrl");
    assert_eq!(desk.debit(&form).await.code(), "13", "a card is needed");
    let answer = desk.debit(&form.clone().with("accNo", "sealed")).await;
    assert_eq!((answer.code().as_str(), answer.is_genuine()), ("00", true));
    assert!(answer.get("tokenPayData").contains(&desk.agreement("open0001").agreement_id), "{answer:?}");
    assert_eq!(desk.debit(&form.with("accNo", "sealed")).await.code(), "12");
}

#[tokio::test]
async fn a_debit_is_done_or_under_way_told_and_refunded() {
    let desk = desk_with(faithful).await;
    let token = desk.token("open0001");
    let mut codes = Vec::new();
    for n in 0..12 {
        let number = format!("debit{n:04}");
        let form = desk.debit_form(&token, &number);
        let answer = desk.debit(&form).await;
        assert!(answer.is_genuine());
        if answer.code() == "05" {
            assert_eq!(desk.merchant.query(&form).await.original(), "05");
            desk.until("charged", || desk.entry(&number).charges == 1).await;
        }
        assert!(PAID.contains(&desk.merchant.query(&form).await.original().as_str()));
        assert_eq!(desk.debit(&form).await.code(), "12", "the same again is refused");
        assert_eq!((desk.entry(&number).charges, desk.entry(&number).agreement.as_deref()), (1, Some("open0001")));
        codes.push(answer.code());
    }
    assert!(codes.iter().any(|code| code == "05") && codes.iter().any(|code| code != "05"), "{codes:?}");
    assert_eq!(desk.agreement("open0001").charges, 12);
    desk.until("told", || desk.entry("debit0000").notifications_accepted == 1).await;
    let query_id = desk.entry("debit0000").transaction_id.unwrap();
    let refund = desk.merchant.refund(&query_id, "refund001", 800).with("bizType", "000902");
    assert_eq!(desk.debit(&refund).await.code(), "00");
}

#[tokio::test]
async fn declines_have_their_codes_in_the_answer_or_in_the_query() {
    let desk = desk_with(faithful).await;
    let token = desk.token("open0001");
    for (n, (decline, code)) in [
        (Decline::InsufficientFunds, "64"),
        (Decline::Hard, "63"),
        (Decline::Risk, "38"),
        (Decline::Technical, "06"),
        (Decline::Authentication, "66"),
    ]
    .into_iter()
    .enumerate()
    {
        let number = format!("debit{n:04}");
        desk.sandbox.set_purse(mer_id(), "open0001", Purse::declines(decline, 1)).unwrap();
        let form = desk.debit_form(&token, &number);
        let answer = desk.debit(&form).await;
        assert!([code, "05"].contains(&answer.code().as_str()), "{answer:?}");
        desk.until("declined", || desk.entry(&number).failed_attempts == 1).await;
        assert_eq!(desk.merchant.query(&form).await.original(), code);
        assert_eq!(desk.sandbox.debits().pop().unwrap().outcome, DebitOutcome::Declined(decline));
        assert_eq!((desk.entry(&number).charges, desk.entry(&number).state.as_str()), (0, "CLOSED"));
    }
}

#[tokio::test]
async fn a_token_that_is_not_open_is_not_debited() {
    let desk = desk_with(faithful).await;
    let token = desk.token("open0001");
    let other = desk.debit_form(&token, "debit0001").with("tokenPayData", &format!("{{token={token}&trId=1}}"));
    assert_eq!(desk.debit(&other).await.code(), "10");
    desk.sandbox.end_agreement(mer_id(), "open0001", EndedBy::Payer).unwrap();
    assert_eq!(desk.debit(&desk.debit_form(&token, "debit0002")).await.code(), "77");
    assert_eq!(desk.debit(&desk.debit_form("629", "debit0003")).await.code(), "77");
    let refused = |code: &str| DebitOutcome::Refused(code.to_owned());
    let outcomes: Vec<_> = desk.sandbox.debits().into_iter().map(|entry| entry.outcome).collect();
    assert_eq!(outcomes, ["10", "77", "77"].map(refused));
}
