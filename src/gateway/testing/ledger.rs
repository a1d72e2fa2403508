//! The ledger in the API: what is shown, and to whom.

use bursar_core::ledger::{Account, AccountKind, Posting};
use bursar_core::{Currency, Money};
use bursar_store::Change;
use serde_json::Value;

use super::{House, payment_id, text};

fn balance<'a>(balances: &'a Value, kind: &str) -> &'a Value {
    balances["balances"].as_array().unwrap().iter().find(|b| b["kind"] == kind).unwrap()
}

#[tokio::test]
async fn balances_are_those_of_the_merchant_and_its_channel_accounts() {
    let house = House::new().await;
    house.paid_order("n-1").await;
    house.order("n-2").await;
    let all = house.get("/v1/ledger/balances").await.expect(200).json();
    let clearing = balance(&all, "clearing");
    assert_eq!(
        (clearing["owner"].as_str(), clearing["balance_minor"].as_i64()),
        (Some(&*house.account.to_string()), Some(12_800))
    );
    let earnings = balance(&all, "earnings");
    assert_eq!(
        (text(&earnings["owner"]), &earnings["balance_minor"]),
        (&*house.merchant.to_string(), &(-25_600).into())
    );
    assert_eq!(balance(&all, "receivable")["balance_minor"], 12_800);
    let sum: i64 = all["balances"].as_array().unwrap().iter().map(|b| b["balance_minor"].as_i64().unwrap()).sum();
    assert_eq!(sum, 0);
    let foreign = house.get_as_other("/v1/ledger/balances").await.expect(200).json();
    assert_eq!(foreign["balances"].as_array().unwrap().len(), 0);
    assert_eq!(house.get("/v1/ledger/balances?limit=3").await.expect(400).pointers(), ["limit"]);
}

#[tokio::test]
async fn a_statement_of_an_account_is_read_in_pages_with_running_balances() {
    let house = House::new().await;
    for i in 0..5 {
        house.clock.advance_ms(1_000);
        house.paid_order(&format!("n-{i}")).await;
    }
    let path = format!("/v1/ledger/accounts/clearing/{}?limit=2", house.account);
    let (mut seen, mut next) = (Vec::new(), path.clone());
    loop {
        let page = house.get(&next).await.expect(200).json();
        assert_eq!(page["opening_minor"].as_i64().unwrap(), seen.last().copied().unwrap_or(0));
        seen.extend(page["entries"].as_array().unwrap().iter().map(|e| e["balance_minor"].as_i64().unwrap()));
        assert_eq!(page["closing_minor"].as_i64(), seen.last().copied());
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        next = format!("{path}&cursor={cursor}");
    }
    assert_eq!(seen, [12_800, 25_600, 38_400, 51_200, 64_000]);
    let last = house.get(&path.replace("limit=2", "limit=100")).await.expect(200).json();
    let order = house.paid_order("n-9").await;
    assert!(!last.to_string().contains(&payment_id(&order).bare()));
    let now = bursar_core::Clock::now(house.clock.as_ref());
    let later = house.get(&format!("{path}&from={now}")).await.expect(200).json();
    assert_eq!((&later["opening_minor"], later["entries"].as_array().unwrap().len()), (&64_000.into(), 1));
    let none = house.get(&format!("{path}&currency=USD")).await.expect(200).json();
    assert_eq!((&none["opening_minor"], &none["closing_minor"]), (&0.into(), &0.into()));
    let cursor = house.get(&path).await.json()["next_cursor"].as_str().unwrap().to_owned();
    for (query, parameter) in [
        ("from=yesterday".to_owned(), "from"),
        ("currency=XXX".to_owned(), "currency"),
        ("cursor=x".to_owned(), "cursor"),
        (format!("cursor={cursor}&to=2030-01-01T00:00:00Z"), "cursor"),
        ("page=1".to_owned(), "page"),
    ] {
        assert_eq!(house.get(&format!("{path}&{query}")).await.expect(400).pointers(), [parameter], "{query}");
    }
}

#[tokio::test]
async fn accounts_of_others_and_of_nobody_do_not_exist() {
    let house = House::new().await;
    house.paid_order("n-1").await;
    let (account, merchant) = (house.account, house.merchant);
    for path in [
        format!("clearing/{merchant}"),
        format!("earnings/{account}"),
        format!("earnings/{}", house.other_merchant),
        format!("gold/{merchant}"),
        "clearing/acc_01kaqv0x5sfj3te9v9v5vyr7b8".to_owned(),
        "clearing/%ff".to_owned(),
    ] {
        assert_eq!(
            house.get(&format!("/v1/ledger/accounts/{path}")).await.expect(404).problem(),
            "not-found",
            "{path}"
        );
    }
    house.get(&format!("/v1/ledger/accounts/earnings/{merchant}")).await.expect(200);
    house.get_as_other(&format!("/v1/ledger/accounts/earnings/{merchant}")).await.expect(404);
    house.get_as_other(&format!("/v1/ledger/accounts/clearing/{account}")).await.expect(404);
}

#[tokio::test]
async fn metrics_tell_when_a_proof_has_failed() {
    let house = House::new().await;
    let metrics = async || house.get("/metrics").await.expect(200).text();
    assert!(metrics().await.contains("bursar_ledger_disagrees 0\n"));
    assert!(metrics().await.contains("bursar_ledger_proved_timestamp_seconds 0\n"));
    let order = house.paid_order("n-1").await;
    let order = house.dossier(&order).await.order;
    // Posted about the order, which has no money of its own.
    let account = |kind| Account { kind, owner: house.merchant.uuid() };
    let stray = Posting {
        subject: order.id.uuid(),
        debit: account(AccountKind::Receivable),
        credit: account(AccountKind::Earnings),
        amount: Money::new(1, Currency::CNY),
    };
    let change = Change { orders: vec![order], postings: vec![(stray, super::START)], ..Change::default() };
    house.store.commit(&[change]).await.unwrap();
    house.clock.advance_ms(bursar_core::clock::DAY_MS);
    let now = bursar_core::Clock::now(house.clock.as_ref());
    let day = bursar_core::bank::Day::in_beijing(now);
    let made = bursar_store::proof::certificate::make(house.store.as_ref(), day, now).await.unwrap();
    assert!(!made[0].certificate.proof.holds);
    let text = metrics().await;
    assert!(text.contains("bursar_ledger_disagrees 1\n"), "{text}");
    assert!(text.contains(&format!("bursar_ledger_proved_timestamp_seconds {}\n", now.as_seconds())));
}
