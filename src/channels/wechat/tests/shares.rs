//! Shares and what is pulled back: what is sent, what each answer means, and that a no is confirmed first.

use bursar_core::sharing::{CallEvidence, Ended, ReceiverKind, SharePart, ShareReturn, Sharing};

use super::calls::assert_signed;
use super::refunds::captured;
use super::*;
use crate::channel::CreateRequest;
use crate::testing::{Peer, Seen};
use crate::{RefusalClass, ReturnStanding, ShareStanding};

fn part(kind: ReceiverKind, account: &str, amount_minor: i64) -> SharePart {
    let name = (kind == ReceiverKind::Merchant).then(|| "某家政公司".to_owned());
    SharePart { kind, account: account.into(), name, amount_minor, description: "佣金".into() }
}

fn sharing() -> Sharing {
    Sharing {
        order: order().id,
        payment: payment(Method::WechatNative).id,
        merchant: order().merchant,
        account: ChannelAccountId(Uuid::from_u128(7)),
        currency: Currency::CNY,
        lines: vec![part(ReceiverKind::Merchant, "1900000101", 200), part(ReceiverKind::Person, "o-2", 34)],
        share: CallEvidence::default(),
        unfreeze: CallEvidence::default(),
        ended: std::collections::BTreeMap::new(),
        returns: vec![ShareReturn { line: 0, amount_minor: 50, call: CallEvidence::default(), ended: None }],
        version: 1,
        created_at: NOW,
    }
}

/// The channel's answer about the call that shares.
fn shared(results: [&str; 2], change: impl FnOnce(&mut Value)) -> Canned {
    let line = |kind: &str, account: &str, amount: i64, result: &str| {
        json!({ "type": kind, "account": account, "amount": amount, "description": "佣金", "result": result,
            "fail_reason": if result == "CLOSED" { "ACCOUNT_ABNORMAL" } else { "" } })
    };
    let mut value = json!({
        "transaction_id": "42", "out_order_no": sharing().number(), "order_id": "3008", "state": "PROCESSING",
        "receivers": [
            line("MERCHANT_ID", "1900000101", 200, results[0]), line("PERSONAL_OPENID", "o-2", 34, results[1]),
            line("MERCHANT_ID", MCHID, 1000, "SUCCESS"),
        ],
    });
    change(&mut value);
    signed(Canned::new(200, value.to_string()))
}

/// A peer that adds every receiver, and answers the call and the question as given.
async fn peer(posted: Canned, asked: Canned) -> Peer {
    let answer = move |seen: &Seen| match (seen.method.as_str(), seen.target.as_str()) {
        (_, "/v3/profitsharing/receivers/add") => signed(Canned::new(200, r#"{"type":"MERCHANT_ID"}"#)),
        ("POST", _) => posted.clone(),
        _ => asked.clone(),
    };
    Peer::start(answer).await
}

async fn share(posted: Canned, asked: Canned) -> Outcome<ShareStanding> {
    let peer = peer(posted, asked).await;
    Fixture::at(&[peer.url()]).channel.share(&captured(HOUR_MS), &sharing()).await
}

fn taken(ended: Vec<(u8, Ended)>) -> Outcome<ShareStanding> {
    Outcome::Done(ShareStanding::Taken { share_id: "3008".into(), ended })
}

#[tokio::test]
async fn receivers_are_added_then_one_call_shares_and_frees_the_rest() {
    let answer = shared(["PENDING", "PENDING"], |_| ());
    let peer = peer(answer.clone(), answer).await;
    let fixture = Fixture::at(&[peer.url()]);
    assert_eq!(fixture.channel.share(&captured(HOUR_MS), &sharing()).await, taken(Vec::new()));
    let seen = peer.seen();
    let body = |n: usize| serde_json::from_slice::<Value>(&seen[n].body).unwrap();
    assert_eq!(seen.len(), 3);
    seen.iter().for_each(assert_signed);
    assert_eq!(body(0)["account"], "1900000101");
    assert_eq!(seen[0].header("wechatpay-serial"), KEY_ID, "the name is sealed under this key");
    assert!(body(0)["name"].as_str().unwrap().len() > 300 && !body(0).to_string().contains("家政"));
    assert_eq!((body(1)["type"].as_str(), body(1).get("name")), (Some("PERSONAL_OPENID"), None));
    let receiver = |kind: &str, account: &str, amount: i64| json!({ "type": kind, "account": account, "amount": amount, "description": "佣金" });
    assert_eq!(
        body(2),
        json!({
            "appid": APPID, "transaction_id": "42", "out_order_no": sharing().number(), "unfreeze_unsplit": true,
            "receivers": [receiver("MERCHANT_ID", "1900000101", 200), receiver("PERSONAL_OPENID", "o-2", 34)],
        })
    );
    assert_eq!(fixture.channel.query_share(&captured(HOUR_MS), &sharing()).await, taken(Vec::new()));
    let target = format!("/v3/profitsharing/orders/{}?transaction_id=42", sharing().number());
    assert_eq!(peer.seen().last().unwrap().target, target);
}

#[tokio::test]
async fn every_result_has_its_meaning_and_what_does_not_fit_is_unknown() {
    let all = shared(["SUCCESS", "CLOSED"], |_| ());
    let ended = vec![(0, Ended::Moved), (1, Ended::Refused("ACCOUNT_ABNORMAL".into()))];
    assert_eq!(share(all.clone(), all).await, taken(ended));
    let odd: [fn(&mut Value); 5] = [
        |v| v["receivers"][0]["result"] = json!("success"),
        |v| v["receivers"][0]["amount"] = json!(201),
        |v| v["receivers"][0]["account"] = json!("1900000109"),
        |v| v["out_order_no"] = json!("S1"),
        |v| v["order_id"] = json!(""),
    ];
    for (n, change) in odd.into_iter().enumerate() {
        let answer = shared(["SUCCESS", "SUCCESS"], change);
        assert_eq!(kind(share(answer.clone(), answer).await).0, WhyKind::Unreadable, "{n}");
    }
}

#[tokio::test]
async fn a_no_is_believed_only_when_a_question_agrees() {
    let absent = || error(404, "RESOURCE_NOT_EXISTS");
    let class = |outcome| match outcome {
        Outcome::Refused(refusal) => refusal.class,
        other => panic!("{other:?}"),
    };
    let no = |code| error(400, code);
    assert_eq!(class(share(no("INVALID_REQUEST"), absent()).await), RefusalClass::Definite);
    assert_eq!(class(share(no("NOT_ENOUGH"), absent()).await), RefusalClass::Definite);
    assert_eq!(class(share(no("NO_AUTH"), absent()).await), RefusalClass::Configuration);
    let known = shared(["SUCCESS", "SUCCESS"], |_| ());
    assert_eq!(share(no("INVALID_REQUEST"), known).await, taken(vec![(0, Ended::Moved), (1, Ended::Moved)]));
    assert!(matches!(share(no("INVALID_REQUEST"), error(500, "SYSTEM_ERROR")).await, Outcome::Unknown(_)));
    assert!(matches!(share(error(500, "SYSTEM_ERROR"), absent()).await, Outcome::Unknown(_)));
}

#[tokio::test]
async fn a_return_names_who_gives_back_and_how_much() {
    let answer = |result: &str| {
        signed(Canned::new(
            200,
            json!({
                "out_order_no": sharing().number(), "out_return_no": sharing().return_number(0), "return_id": "3008",
                "return_mchid": "1900000101", "amount": 50, "result": result, "fail_reason": "BALANCE_NOT_ENOUGH",
            })
            .to_string(),
        ))
    };
    for (result, ended) in [
        ("PROCESSING", None),
        ("SUCCESS", Some(Ended::Moved)),
        ("FAILED", Some(Ended::Refused("BALANCE_NOT_ENOUGH".into()))),
    ] {
        let peer = peer(answer(result), answer(result)).await;
        let fixture = Fixture::at(&[peer.url()]);
        let want = Outcome::Done(ReturnStanding::Taken { return_id: "3008".into(), ended });
        assert_eq!(fixture.channel.return_share(&sharing(), 0).await, want, "{result}");
        assert_eq!(fixture.channel.query_return(&sharing(), 0).await, want, "{result}");
        let seen = peer.seen();
        assert_eq!(
            serde_json::from_slice::<Value>(&seen[0].body).unwrap(),
            json!({
                "out_order_no": sharing().number(), "out_return_no": sharing().return_number(0),
                "return_mchid": "1900000101", "amount": 50, "description": "用户退款",
            })
        );
        assert_eq!(seen[1].method, "GET");
    }
    let fixture = Fixture::at(&[peer(answer("SUCCESS"), answer("SUCCESS")).await.url()]);
    assert!(
        matches!(fixture.channel.return_share(&sharing(), 1).await, Outcome::Refused(_)),
        "there is no such return"
    );
}

#[tokio::test]
async fn an_order_with_shares_is_made_so_that_its_money_is_kept() {
    let answer = signed(Canned::new(200, r#"{"code_url":"weixin://x"}"#));
    let peer = peer(answer.clone(), answer).await;
    let fixture = Fixture::at(&[peer.url()]);
    let payment = payment(Method::WechatNative);
    for (shares, want) in [(sharing().lines, Some(&json!({ "profit_sharing": true }))), (Vec::new(), None)] {
        let order = Order { shares, ..order() };
        let request =
            CreateRequest { order: &order, payment: &payment, agreement: None, notify_url: "https://pay.example/n" };
        assert!(matches!(fixture.channel.create(&request).await, Outcome::Done(_)));
        let sent: Value = serde_json::from_slice(&peer.seen().last().unwrap().body).unwrap();
        assert_eq!(sent.get("settle_info"), want);
    }
}

#[test]
fn what_may_be_shared_stands_in_the_account() {
    let most = |sharing: Value| {
        let mut all = settings(&["https://channel.example".to_owned()]);
        all["sharing"] = sharing;
        Fixture::with(all).channel.shares_at_most()
    };
    assert_eq!(most(json!({})), Some(3_000));
    assert_eq!(most(json!({ "most_basis_points": 10_000 })), Some(10_000));
    assert_eq!(Fixture::with(settings(&["https://channel.example".to_owned()])).channel.shares_at_most(), None);
}
