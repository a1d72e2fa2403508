//! What payers and merchants can do with an order.

use std::collections::BTreeSet;

use super::merchant::{Form, keys};
use super::{Desk, desk, desk_with, eventually};
use crate::{Door, PayMode};

const PAID: [&str; 2] = ["00", "A6"];
const MINUTE_MS: i64 = 60_000;

fn as_door(form: &Form) -> Door {
    let action = "http://127.0.0.1/gateway/api/frontTransReq.do".to_owned();
    Door::Form { action, fields: form.signed().0 }
}

#[tokio::test]
async fn an_order_exists_only_once_the_payers_browser_has_posted_the_form() {
    let desk = desk().await;
    let form = desk.merchant.purchase("order0001").with("reqReserved", "[payer:never]");
    assert_eq!(desk.merchant.query(&form).await.code(), "34");
    let page = desk.merchant.send("frontTransReq.do", &form).await;
    assert_eq!(page.status, 200);
    assert!(page.body.contains("data-code=\"00\"") && page.body.contains("order0001"), "{}", page.body);
    assert_eq!(desk.entry("order0001").amount_minor, 8_800);
    let answer = desk.merchant.query(&form).await;
    assert_eq!((answer.code().as_str(), answer.is_genuine()), ("34", true), "nobody has paid yet");
    desk.pay("order0001", PayMode::Silent);
    let answer = desk.merchant.query(&form).await;
    assert!(PAID.contains(&answer.original().as_str()) && answer.is_genuine(), "{answer:?}");
}

#[tokio::test]
async fn a_paid_order_is_told_with_the_fields_of_the_documents() {
    let desk = desk().await;
    let form = desk.merchant.purchase("order0001").with("reqReserved", "{a=1&b=[payer:never]}");
    desk.merchant.send("appTransReq.do", &form).await;
    desk.pay("order0001", PayMode::Silent);
    let told = desk.merchant.query(&form).await.fields();
    for name in ["orderId", "txnTime", "txnAmt", "currencyCode", "merId", "txnType", "txnSubType", "reqReserved"] {
        assert_eq!(told[name], form.get(name), "{name}");
    }
    assert_eq!((told["bizType"].as_str(), told["settleAmt"].as_str()), ("000000", "8800"));
    assert_eq!((told["settleDate"].as_str(), told["traceTime"].as_str()), ("1122", "1122090000"));
    assert_eq!((told["queryId"].len(), told["traceNo"].len()), (21, 6));
    assert_eq!(Some(&told["queryId"]), desk.entry("order0001").transaction_id.as_ref());
    assert!(told["signPubKeyCert"].contains("\r\n") && told["accNo"].len() > 300, "{told:?}");
}

#[tokio::test]
async fn a_purchase_in_installments_says_in_how_many_and_is_told_so() {
    let desk = desk().await;
    let whole = desk.merchant.purchase("order0001").with("reqReserved", "[payer:never]");
    let split = |info: &str| whole.clone().with("txnSubType", "03").with("instalTransInfo", info);
    for (form, code) in [
        (whole.clone().with("txnSubType", "03"), "13"),
        (whole.clone().with("instalTransInfo", "{numberOfInstallments=06}"), "10"),
        (split("{numberOfInstallments=6}"), "10"),
        (split("{numberOfInstallments=07}"), "10"),
        (split("numberOfInstallments=06"), "10"),
    ] {
        let answer = desk.merchant.send("appTransReq.do", &form).await;
        assert_eq!(answer.code(), code, "{form:?}");
        assert!(answer.get("respMsg").contains("field=instalTransInfo["), "{answer:?}");
    }
    assert!(desk.sandbox.books().is_empty());
    let form = split("{numberOfInstallments=06}");
    assert_eq!(desk.merchant.send("appTransReq.do", &form).await.code(), "00");
    desk.pay("order0001", PayMode::Silent);
    let told = desk.merchant.query(&form).await.fields();
    assert_eq!((told["txnSubType"].as_str(), told["instalTransInfo"].as_str()), ("03", "{numberOfInstallments=06}"));
    assert_eq!(told["settleAmt"], "8800", "the merchant has the whole");
}

#[tokio::test]
async fn an_app_order_gives_a_number_and_its_payer_pays() {
    let desk = desk().await;
    let form = desk.merchant.purchase("order0001").with("reqReserved", "cleaning [payer:soon]");
    let answer = desk.merchant.send("appTransReq.do", &form).await;
    let tn = answer.get("tn");
    assert_eq!((answer.code().as_str(), tn.len(), answer.is_genuine()), ("00", 21, true));
    assert_eq!(desk.sandbox.open(&Door::OrderString(tn)).unwrap().out_trade_no, "order0001");
    desk.skip_to_next().await;
    eventually("paid", || desk.entry("order0001").charges == 1).await;
    desk.skip_to_next().await;
    eventually("notified", || desk.entry("order0001").notifications_accepted == 1).await;
    assert!(PAID.contains(&desk.merchant.query(&form).await.original().as_str()));
}

#[tokio::test]
async fn a_form_that_is_opened_again_is_the_same_order_with_one_payer() {
    let desk = desk().await;
    let form = desk.merchant.purchase("order0001").with("reqReserved", "cleaning [payer:soon]");
    let opened = desk.sandbox.open(&as_door(&form)).unwrap();
    assert_eq!((opened.account.as_str(), opened.out_trade_no.as_str()), (&*keys().provisioned.mer_id, "order0001"));
    assert_eq!(desk.sandbox.open(&as_door(&form)), Ok(opened));
    assert!(desk.merchant.send("frontTransReq.do", &form).await.body.contains("data-code=\"00\""));
    assert_eq!(desk.sandbox.books().len(), 1);
    desk.settled_and_told(1).await;
    assert_eq!(desk.entry("order0001").charges, 1);
    let dearer = desk.merchant.send("frontTransReq.do", &form.with("txnAmt", "8801")).await;
    assert!(dearer.body.contains("data-code=\"12\""), "{}", dearer.body);
}

#[tokio::test]
async fn a_form_that_was_changed_on_its_way_is_not_opened() {
    let desk = desk().await;
    let signed = desk.merchant.purchase("order0001").signed();
    let Door::Form { action, fields } = as_door(&signed) else { unreachable!() };
    let fields = fields.into_iter().map(|(k, v)| if k == "txnAmt" { (k, "1".to_owned()) } else { (k, v) }).collect();
    let why = desk.sandbox.open(&Door::Form { action, fields }).unwrap_err();
    assert!(why.starts_with("11"), "{why}");
    assert!(desk.sandbox.open(&Door::OrderString("202611220900000000001".to_owned())).is_err());
    assert!(desk.sandbox.books().is_empty());
}

#[tokio::test]
async fn the_same_number_again_is_a_duplicate_for_a_whole_day_of_the_network() {
    let desk = desk().await;
    let form = desk.ordered("order0001", "never").await;
    assert_eq!(desk.merchant.send("appTransReq.do", &form).await.code(), "12");
    desk.clock.advance_ms(MINUTE_MS);
    assert_eq!(desk.merchant.send("appTransReq.do", &desk.merchant.purchase("order0001")).await.code(), "12");
    // From 09:00 to 23:00, when the next day of the network starts.
    desk.clock.advance_ms(14 * 60 * MINUTE_MS);
    let next = desk.merchant.purchase("order0001");
    assert_eq!(desk.merchant.send("appTransReq.do", &next).await.code(), "00");
    assert_eq!(desk.sandbox.books().len(), 2);
}

#[tokio::test]
async fn a_query_needs_number_and_time_or_the_number_of_the_network() {
    let desk = desk().await;
    let id = desk.paid("order0001").await;
    let form = desk.merchant.purchase("order0001");
    assert_eq!(desk.merchant.query(&form).await.code(), "00");
    let later = desk.merchant.time(1);
    assert_eq!(desk.merchant.query(&form.clone().with("txnTime", &later)).await.code(), "34");
    let by_id = form.with("txnType", "00").with("txnSubType", "00").without("orderId").with("queryId", &id);
    let answer = desk.merchant.send("queryTrans.do", &by_id).await;
    assert_eq!((answer.code().as_str(), answer.get("orderId").as_str()), ("00", "order0001"));
    let other = by_id.with("queryId", "000000000000000000000");
    assert_eq!(desk.merchant.send("queryTrans.do", &other).await.code(), "34");
}

#[tokio::test]
async fn nobody_pays_after_the_last_moment_whose_money_was_not_under_way() {
    let desk = desk().await;
    let form = desk.ordered("order0001", "never").await;
    desk.clock.advance_ms(10 * MINUTE_MS);
    assert!(desk.sandbox.pay(&keys().provisioned.mer_id, "order0001", PayMode::Normal).is_err());
    assert_eq!(desk.merchant.query(&form).await.code(), "34");
    assert_eq!(desk.entry("order0001").state, "CLOSED");
    let late = desk.merchant.purchase("order0002").with("payTimeout", &desk.merchant.time(0));
    assert_eq!(desk.merchant.send("appTransReq.do", &late).await.code(), "10");
}

#[tokio::test]
async fn a_payer_at_the_very_end_pays_although_the_last_query_found_nothing() {
    let desk = desk().await;
    let form = desk.ordered("order0001", "closing").await;
    desk.clock.advance_ms(10 * MINUTE_MS - 2);
    assert_eq!(desk.merchant.query(&form).await.code(), "34");
    desk.skip_to_next().await;
    eventually("paid", || desk.entry("order0001").charges == 1).await;
    assert!(PAID.contains(&desk.merchant.query(&form).await.original().as_str()));
}

/// An order with money in flight: what a query says at its end, and the minutes from there to the landing.
async fn in_flight(desk: &Desk, number: &str) -> (String, i64) {
    let form = desk.ordered(number, "inflight").await;
    desk.clock.advance_ms(10 * MINUTE_MS);
    let answer = desk.merchant.query(&form).await;
    let seen = if answer.code() == "34" { "34".to_owned() } else { answer.original() };
    desk.settle().await;
    assert!(PAID.contains(&desk.merchant.query(&form).await.original().as_str()));
    let entry = desk.entry(number);
    assert_eq!((entry.charges, entry.state.as_str()), (1, "SUCCESS"));
    (seen, (entry.paid_at_ms.unwrap() - entry.closed_at_ms.unwrap()) / MINUTE_MS)
}

#[tokio::test]
async fn money_in_flight_arrives_after_the_last_moment_seen_or_unseen_soon_or_late() {
    let desk = desk().await;
    let mut kinds = BTreeSet::new();
    for n in 0..16 {
        kinds.insert(in_flight(&desk, &format!("order{n:04}")).await);
    }
    let wanted = [("05", 0), ("05", 6), ("34", 0), ("34", 6)].map(|(code, minutes)| (code.to_owned(), minutes));
    assert_eq!(kinds, BTreeSet::from(wanted));
    assert_eq!(desk.sandbox.counters().late_payments, 16);
    desk.settled_and_told(16).await;
}

#[tokio::test]
async fn a_failed_attempt_is_told_with_its_code_until_the_payer_succeeds() {
    let desk = desk().await;
    let form = desk.ordered("order0001", "retry").await;
    desk.skip_to_next().await;
    eventually("failed once", || desk.entry("order0001").failed_attempts == 1).await;
    let code = desk.merchant.query(&form).await.original();
    assert!(code.starts_with('6') || code.starts_with('7'), "{code}");
    assert_eq!(desk.entry("order0001").charges, 0);
    // Once: a failed attempt is not told.
    desk.settled_and_told(1).await;
    assert!(PAID.contains(&desk.merchant.query(&form).await.original().as_str()));
}

#[tokio::test]
async fn some_successes_have_a_flaw_and_their_money_was_taken_all_the_same() {
    let desk = desk_with(|config| config.seed = 3).await;
    let mut codes = BTreeSet::new();
    for n in 0..80 {
        let number = format!("order{n:04}");
        let form = desk.ordered(&number, "never").await;
        desk.pay(&number, PayMode::Silent);
        codes.insert(desk.merchant.query(&form).await.original());
    }
    assert_eq!(codes, BTreeSet::from(PAID.map(str::to_owned)));
    assert_eq!(desk.sandbox.counters().payments, 80);
}

#[tokio::test]
async fn the_same_seed_sends_the_same_payers_whatever_the_numbers_are() {
    let run = async |seed: u64, prefix: &str| {
        let desk = desk_with(|config| config.seed = seed).await;
        for n in 0..12 {
            let form = desk.merchant.purchase(&format!("{prefix}{n:04}"));
            assert_eq!(desk.merchant.send("appTransReq.do", &form).await.code(), "00");
        }
        let orders = desk.sandbox.world.orders();
        orders.list.iter().map(|order| (order.behaviour, order.fate)).collect::<Vec<_>>()
    };
    let first = run(7, "order").await;
    assert_eq!(first, run(7, "number").await);
    assert_ne!(first, run(8, "order").await);
}
