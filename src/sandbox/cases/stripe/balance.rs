//! Balance transactions as a merchant lists them, and what the books have to do with them.

use serde_json::Value;

use super::caller::{provisioned, text};
use super::{START_MS, Stage, stage};
use crate::{BillFlaw, BillName, Channel, DisputeAct, LineFlaw, PayMode};

const HOUR_MS: i64 = 3_600_000;
/// The 22nd of UTC.
const DAY: [(&str, &str); 2] = [("created[gte]", "1795305600"), ("created[lt]", "1795392000")];

fn account() -> &'static str {
    &provisioned().stripe.account_id
}

impl Stage {
    fn at(&self, ms: i64) {
        self.clock.advance_ms(ms - self.now_ms());
    }

    async fn balance(&self, more: &[(&str, &str)]) -> Vec<Value> {
        let members: Vec<_> = DAY.iter().copied().chain(more.iter().copied()).collect();
        let answer = self.caller.get("/v1/balance_transactions", &members).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()["data"].as_array().unwrap().clone()
    }
}

fn told(list: &[Value]) -> Vec<(String, i64, i64, i64)> {
    let number = |one: &Value, name: &str| one[name].as_i64().unwrap();
    list.iter().map(|one| (text(&one["type"]), number(one, "amount"), number(one, "fee"), number(one, "net"))).collect()
}

fn line(kind: &str, amount: i64, fee: i64) -> (String, i64, i64, i64) {
    (kind.to_owned(), amount, fee, amount - fee)
}

#[tokio::test]
async fn charges_refunds_failures_disputes_and_payouts_are_told_newest_first() {
    let stage = stage().await;
    let one = text(&stage.paid("n1").await["id"]);
    stage.clock.advance_ms(1_000);
    let two = text(&stage.paid("n2").await["id"]);
    stage.clock.advance_ms(1_000);
    let refund = stage.caller.refund(&one, "r1", "3000", "[refund:reversed]").await.json();
    while stage.sandbox.refunds()[0].reversals == 0 {
        stage.skip_to_next().await;
    }
    stage.clock.advance_ms(1_000);
    stage.sandbox.dispute(account(), "n2", DisputeAct::Open).unwrap();
    stage.clock.advance_ms(1_000);
    stage.sandbox.dispute(account(), "n2", DisputeAct::Won).unwrap();
    let listed = stage.balance(&[("limit", "100"), ("expand[]", "data.source")]).await;
    assert_eq!(
        told(&listed),
        [
            line("adjustment", 8_800, 0),
            line("adjustment", -8_800, 0),
            line("refund_failure", 3_000, 0),
            line("refund", -3_000, 0),
            line("charge", 8_800, 285),
            line("charge", 8_800, 285),
        ]
    );
    let categories: Vec<_> = listed.iter().map(|one| text(&one["reporting_category"])).collect();
    assert_eq!(categories[..2], ["dispute_reversal", "dispute"]);
    assert_eq!(
        (&listed[5]["source"]["payment_intent"], &listed[5]["source"]["metadata"]["bursar_payment"]),
        (&one.as_str().into(), &"n1".into())
    );
    assert_eq!(
        (&listed[3]["source"]["id"], &listed[0]["source"]["payment_intent"]),
        (&refund["id"], &two.as_str().into())
    );
    let shown = stage.caller.intent(&one).await;
    let charged = &shown["latest_charge"]["balance_transaction"];
    assert_eq!([&charged["id"], &charged["fee"], &charged["net"]], [&listed[5]["id"], &285.into(), &8_515.into()]);

    stage.at(START_MS + 37 * HOUR_MS - 1);
    assert!(stage.sandbox.payouts().is_empty());
    stage.clock.advance_ms(1);
    let paid = stage.sandbox.payouts().remove(0);
    assert_eq!((paid.amount_minor, paid.currency.as_str(), paid.payer.as_str()), (2 * 8_515, "HKD", "STRIPE"));
    let next = [("created[gte]", "1795392000"), ("type", "payout")];
    let members: Vec<_> = next.into_iter().collect();
    let payout = stage.caller.get("/v1/balance_transactions", &members).await.json()["data"][0].clone();
    assert_eq!((payout["net"].as_i64(), text(&payout["source"])), (Some(-2 * 8_515), paid.reference.clone()));
    let of_it = [("payout", paid.reference.as_str()), ("limit", "100")];
    let of_it = stage.caller.get("/v1/balance_transactions", &of_it).await.json();
    let sum: i64 = of_it["data"].as_array().unwrap().iter().map(|one| one["net"].as_i64().unwrap()).sum();
    assert_eq!((of_it["data"].as_array().unwrap().len(), sum), (7, 0), "what was paid, and the payout");
}

#[tokio::test]
async fn a_day_ends_at_midnight_of_utc_and_sums_to_the_books_page_by_page() {
    let stage = stage().await;
    let midnight_ms = 1_795_392_000_000;
    stage.paid("n1").await;
    stage.paid("n2").await;
    stage.paid("n3").await;
    stage.sandbox.take_foreign(Channel::Stripe, account(), "till-77", 12_345).unwrap();
    let by_hand = stage.sandbox.refund_by_hand(account(), "n2", 300).unwrap();
    stage.sandbox.forget(account(), "n3").unwrap();
    for (ms, number) in [(midnight_ms - 1, "n4"), (midnight_ms, "n5")] {
        stage.at(ms);
        stage.caller.create(number, &[]).await;
        stage.sandbox.pay(account(), number, PayMode::Silent).unwrap();
    }
    let (mut all, mut after) = (Vec::new(), String::new());
    loop {
        let mut more = vec![("limit", "2")];
        if !after.is_empty() {
            more.push(("starting_after", after.as_str()));
        }
        let page = stage.balance(&more).await;
        all.extend(page.clone());
        match page.last() {
            Some(last) if page.len() == 2 => after = text(&last["id"]),
            _ => break,
        }
    }
    let amounts: Vec<_> = told(&all).into_iter().map(|(kind, amount, _, _)| (kind, amount)).collect();
    assert_eq!(
        amounts.iter().filter(|(kind, _)| kind == "charge").map(|(_, amount)| amount).sum::<i64>(),
        3 * 8_800 + 12_345
    );
    assert_eq!(
        amounts.iter().filter(|(kind, _)| kind == "refund").map(|(_, amount)| *amount).collect::<Vec<_>>(),
        [-300]
    );
    assert!(all.iter().any(|one| one["source"] == by_hand.as_str()));
    assert_eq!(amounts.len(), 5);
    let intents = stage.caller.get("/v1/payment_intents", &[("limit", "100")]).await.json();
    let forgotten = intents["data"].as_array().unwrap().iter().find(|one| one["metadata"]["bursar_payment"] == "n3");
    assert!(text(&forgotten.unwrap()["status"]).starts_with("requires_"), "it is to be paid");
}

#[tokio::test]
async fn lines_and_lists_are_told_wrongly_on_request() {
    let stage = stage().await;
    stage.paid("n1").await;
    stage.clock.advance_ms(1_000);
    stage.paid("n2").await;
    let before = stage.balance(&[]).await;
    for (flaw, count, amount, fee, currency) in [
        (LineFlaw::LeftOut, 1, 8_800, 285, "hkd"),
        (LineFlaw::Doubled, 3, 8_800, 285, "hkd"),
        (LineFlaw::Amount(5), 2, 8_805, 285, "hkd"),
        (LineFlaw::Fee(5), 2, 8_800, 290, "hkd"),
        (LineFlaw::Currency("usd".into()), 2, 8_800, 285, "usd"),
        (LineFlaw::NextDay, 1, 8_800, 285, "hkd"),
    ] {
        stage.sandbox.distort(account(), "n2", flaw.clone()).unwrap();
        let listed = stage.balance(&[]).await;
        let first = told(&listed).remove(0);
        assert_eq!(
            (listed.len(), first.1, first.2, listed[0]["currency"].as_str()),
            (count, amount, fee, Some(currency)),
            "{flaw:?}"
        );
    }
    stage.sandbox.undistort(account(), "n2").unwrap();
    let day = "2026-11-22".parse().unwrap();
    let bill = BillName { channel: Channel::Stripe, account: account().to_owned(), day, funds: false };
    for flaw in [BillFlaw::WrongDigest, BillFlaw::Totals, BillFlaw::OtherAccount, BillFlaw::CutOff] {
        assert!(stage.sandbox.spoil_bill(bill.clone(), flaw).is_err(), "{flaw:?}");
    }
    stage.sandbox.spoil_bill(bill.clone(), BillFlaw::Garbage { lines: 3 }).unwrap();
    assert_eq!(stage.balance(&[]).await.len(), 5);
    stage.sandbox.spoil_bill(bill.clone(), BillFlaw::OtherDay).unwrap();
    assert_eq!(stage.balance(&[]).await.len(), 0);
    stage.sandbox.mend_bill(&bill).unwrap();
    assert_eq!(stage.balance(&[]).await, before);
}
