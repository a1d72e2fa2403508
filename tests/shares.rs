//! Shares of an order's money, on both databases, through the real gateway, workers and adapter, against the sandbox over
//! HTTP on an ordinary bad day: answers are lost, and every number takes effect once.

use bursar_core::id::OrderId;
use bursar_core::job::JobKind;
use bursar_core::ledger::AccountKind;
use bursar_core::order::{Dossier, OrderState};
use bursar_core::refund::RefundState;
use bursar_core::sharing::{ShareState, Sharing};
use bursar_sandbox::{Faults, ShareEntry, ShareResult};
use bursar_store::JobFilter;
use bursar_store::proof::prove;
use bursar_tests::{House, PrivatePostgres, Scene, until};
use serde_json::{Value, json};
use std::time::Duration;

const WHOLE: i64 = 8_800;
const AGENCY: &str = "1900000101";
const PLATFORM: &str = "1900000102";
const WORKER: &str = "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o";

async fn house(seed: u64, database: Option<String>, faults: Faults) -> House {
    House::open(Scene { database, faults, ..Scene::new(seed) }).await
}

fn merchant(account: &str, minor: i64) -> Value {
    json!({ "kind": "merchant", "account": account, "name": "某家政公司", "amount_minor": minor, "description": "佣金" })
}

async fn post(house: &House, path: &str, body: &Value) -> (u16, Value) {
    let actor = house.stage.actors.first().expect("a merchant");
    let key = format!("k{}", house.stage.program.chance.next_u64());
    house.post_as(&actor.api_key, path, &key, body).await
}

fn body(house: &House, shares: Value) -> Value {
    json!({
        "number": format!("n{}", house.stage.program.chance.next_u64()), "amount_minor": WHOLE, "currency": "CNY",
        "description": "日常保洁 [payer:soon]", "method": "wechat_native", "expires_in_seconds": 3_600,
        "shares": shares,
    })
}

async fn paid(house: &House, shares: Value) -> OrderId {
    let (status, answer) = post(house, "/v1/orders", &body(house, shares)).await;
    assert_eq!(status, 201, "{answer}");
    let order: OrderId = answer["id"].as_str().expect("an id").parse().expect("an order's id");
    house.until(order, "paid", |d| d.order.state == OrderState::Paid).await;
    order
}

async fn sharing(house: &House, order: OrderId, what: &str, wanted: impl Fn(&Sharing) -> bool) -> Sharing {
    let found = until(what, Duration::from_secs(90), || async {
        let found = house.stage.program.store.sharing(order).await.expect("the database");
        found.filter(|s| wanted(s))
    });
    found.await
}

fn number(dossier: &Dossier) -> String {
    dossier.payments.first().expect("a payment").number()
}

/// The channel's books of the order's shares.
async fn entries(house: &House, order: OrderId) -> Vec<ShareEntry> {
    let number = number(&house.dossier(order).await);
    house.stage.sandbox.shares().into_iter().filter(|e| e.out_trade_no == number).collect()
}

async fn refunded(house: &House, order: OrderId, minor: i64) -> Dossier {
    let (status, answer) = house.ask_back(0, order, minor, "the customer was not pleased [refund:success]").await;
    assert!((200..300).contains(&status), "{answer}");
    let done = |d: &Dossier| d.refunds.iter().any(|r| r.amount.minor == minor && r.state == RefundState::Succeeded);
    let dossier = house.until(order, "refunded", done).await;
    for leg in dossier.legs() {
        assert_eq!(leg.evidence.no_funds, None, "the shares were back before the refund was sent");
    }
    dossier
}

/// The balance of all accounts of a kind that this order has moved.
async fn balance(house: &House, order: OrderId, kind: AccountKind) -> i64 {
    let dossier = house.dossier(order).await;
    let owners = [dossier.order.merchant.uuid(), dossier.payments.first().expect("a payment").account.uuid()];
    let balances = house.stage.program.store.balances().await.expect("the books");
    let ours = balances.iter().filter(|(code, owner, ..)| *code == kind.code() && owners.contains(owner));
    ours.map(|(.., minor)| *minor).sum()
}

/// The ledger holds what payments, legs and shares stand for.
async fn ledger_agrees(house: &House) {
    let proof = prove(house.stage.program.store.as_ref()).await.expect("the database");
    assert!(proof.holds(), "{proof:?}");
}

async fn three_share_and_give_back_what_a_refund_needs(database: Option<String>) {
    let house = house(61, database, Faults::normal()).await;
    let shares = json!([
        merchant(AGENCY, 1_000),
        { "kind": "merchant", "account": PLATFORM, "name": "平台公司", "basis_points": 500, "description": "服务费" },
        { "kind": "person", "account": WORKER, "amount_minor": 600, "description": "工钱" },
    ]);
    let order = paid(&house, shares).await;
    let done = |s: &Sharing| s.numbered().all(|(n, _)| s.line_state(n) == ShareState::Shared);
    let all = sharing(&house, order, "shared", done).await;
    assert_eq!(all.lines.iter().map(|l| l.amount_minor).collect::<Vec<_>>(), [1_000, 440, 600]);
    let books = entries(&house, order).await;
    assert_eq!(books.len(), 3, "shared once: {books:?}");
    assert!(books.iter().all(|e| e.result == ShareResult::Success && e.returned_minor == 0), "{books:?}");
    assert_eq!(balance(&house, order, AccountKind::Shares).await, 0, "nothing is owed any more");
    assert_eq!(balance(&house, order, AccountKind::Clearing).await, WHOLE - 2_040);

    // What the merchant has left goes back first: nothing is pulled back.
    refunded(&house, order, 700).await;
    assert!(entries(&house, order).await.iter().all(|e| e.returns == 0));

    // 8800 - 2040 are the merchant's; of 8000 that go back in all, 1240 must come from the two merchants.
    refunded(&house, order, 7_300).await;
    let books = entries(&house, order).await;
    let back: Vec<(i64, u32)> = books.iter().map(|e| (e.returned_minor, e.returns)).collect();
    assert_eq!(back, [(861, 1), (379, 1), (0, 0)], "in proportion, each once, and nothing from a person");
    let ours = sharing(&house, order, "returned", Sharing::has_returned).await;
    assert_eq!(ours.shared_minor(), books.iter().map(|e| e.amount_minor - e.returned_minor).sum::<i64>());
    assert_eq!(balance(&house, order, AccountKind::Clearing).await, 0, "all of it is with others or went back");
    assert_eq!(balance(&house, order, AccountKind::Shares).await, 0);
    assert_eq!(balance(&house, order, AccountKind::RefundsPayable).await, 0);
    house.books_agree().await;
    ledger_agrees(&house).await;
    house.close().await;
}

async fn a_refused_share_and_a_return_that_fails_are_told_to_a_person_and_stop_nobody(database: Option<String>) {
    let house = house(62, database, Faults::normal()).await;
    // By the sandbox's rules one takes nothing and one gives nothing back.
    let shares = json!([merchant("1900000000", 500), merchant("1900000999", 500), merchant(AGENCY, 500)]);
    let order = paid(&house, shares).await;
    let all = sharing(&house, order, "shared", Sharing::is_settled).await;
    let states: Vec<ShareState> = all.numbered().map(|(n, _)| all.line_state(n)).collect();
    assert_eq!(states, [ShareState::Closed, ShareState::Shared, ShareState::Shared]);
    let parked = || async {
        let filter =
            JobFilter { kind: Some(JobKind::SharePayment), parked_only: true, limit: 10, ..JobFilter::default() };
        let rows = house.stage.program.store.jobs(&filter).await.expect("the database");
        rows.into_iter().find_map(|row| row.question)
    };
    let question = until("a question", Duration::from_secs(90), parked).await;
    assert!(question.contains("1900000000 did not get") && question.contains("5.00"), "{question}");

    refunded(&house, order, WHOLE).await;
    let books = entries(&house, order).await;
    assert_eq!(books.iter().map(|e| e.returned_minor).collect::<Vec<_>>(), [0, 0, 500]);
    let told = || async { parked().await.filter(|q| q.contains("could not be pulled back")) };
    until("another question", Duration::from_secs(90), told).await;
    assert_eq!(balance(&house, order, AccountKind::Clearing).await, -500, "the merchant bears what is not given back");
    assert_eq!(balance(&house, order, AccountKind::Shares).await, 0);
    ledger_agrees(&house).await;
    house.close().await;
}

async fn what_went_back_before_is_not_shared_and_too_much_is_refused(database: Option<String>) {
    let house = house(63, database, Faults::normal()).await;
    for (shares, words) in [
        (json!([merchant(AGENCY, 2_641)]), "at most"),
        (json!([merchant(AGENCY, 1), merchant(AGENCY, 1)]), "a share already"),
        (json!([]), "leave it out"),
        (json!([{ "kind": "friend", "account": "1", "amount_minor": 1, "description": "x" }]), "`kind`"),
    ] {
        let (status, answer) = post(&house, "/v1/orders", &body(&house, shares)).await;
        assert_eq!(status, 422, "{answer}");
        assert!(answer.to_string().contains(words), "{answer}");
    }
    let order = paid(&house, json!([merchant(AGENCY, 2_000)])).await;
    refunded(&house, order, WHOLE).await;
    house.close().await;
}

async fn on_a_bad_day_six_orders_share_once_and_come_back_once() {
    let house = house(64, None, Faults::harsh()).await;
    let mut orders = Vec::new();
    for n in 0..6_i64 {
        let shares = json!([merchant(AGENCY, 1_500 + n), merchant(PLATFORM, 700)]);
        orders.push((paid(&house, shares).await, 1_500 + n));
    }
    for (order, _) in &orders {
        sharing(&house, *order, "shared", |s| s.numbered().all(|(n, _)| s.line_state(n) == ShareState::Shared)).await;
    }
    for (order, _) in &orders {
        refunded(&house, *order, WHOLE).await;
    }
    for (order, minor) in orders {
        let books = entries(&house, order).await;
        let all: Vec<_> = books.iter().map(|e| (e.amount_minor, e.returned_minor, e.returns)).collect();
        assert_eq!(all, [(minor, minor, 1), (700, 700, 1)], "once and back once");
    }
    ledger_agrees(&house).await;
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn shares_survive_a_bad_day() {
    on_a_bad_day_six_orders_share_once_and_come_back_once().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn shares_are_given_and_pulled_back_on_sqlite() {
    three_share_and_give_back_what_a_refund_needs(None).await;
    a_refused_share_and_a_return_that_fails_are_told_to_a_person_and_stop_nobody(None).await;
    what_went_back_before_is_not_shared_and_too_much_is_refused(None).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn shares_are_given_and_pulled_back_on_postgres() {
    let server = PrivatePostgres::start_with(&["fsync=off", "synchronous_commit=off"]);
    three_share_and_give_back_what_a_refund_needs(Some(server.database("three"))).await;
    a_refused_share_and_a_return_that_fails_are_told_to_a_person_and_stop_nobody(Some(server.database("refused")))
        .await;
    what_went_back_before_is_not_shared_and_too_much_is_refused(Some(server.database("before"))).await;
}
