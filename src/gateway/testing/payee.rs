//! A payee passes through to the seal and nowhere else: not into answers, rows, logs or errors.

use std::io::Write;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};

use bursar_channels::Payee;
use bursar_core::chance::SeededChance;
use serde_json::{Value, json};
use tracing_subscriber::fmt::MakeWriter;

use super::fake::UNKNOWN_BANK;
use super::{House, payment_at, text};

const ACCOUNT: &str = "6222020200112233445";
const NAME: &str = "Canary Zhang";
const BANK: &str = "Canary Bank";

fn payee(bank: &str) -> Value {
    json!({ "bank": bank, "account": ACCOUNT, "name": NAME })
}

fn assert_clean(what: &str, text: &str) {
    for secret in [ACCOUNT, NAME, BANK, "Canary", UNKNOWN_BANK] {
        assert!(!text.contains(secret), "{what} tells {secret}: {text}");
    }
}

/// Everything that is logged on this thread.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;
    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[tokio::test]
async fn the_payee_is_sealed_at_once_and_appears_nowhere_else() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_writer(log.clone()).finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let house = House::new().await;
    let order = house.paid_order("n-1").await;
    // Another test may have passed a place that logs while nobody listened: that is remembered.
    tracing::callsite::rebuild_interest_cache();
    let body = json!({ "reason": "cancelled", "amount_minor": 100, "payee": payee(BANK) });
    let answer = house.refund(&order, "r1", &body).await.expect(202);
    assert_eq!(answer.json()["payee_given"], true);
    assert_clean("the answer", &answer.text());
    let dossier = house.dossier(&order).await;
    let sealed = dossier.refunds[0].payee.clone().unwrap();
    assert!(sealed.starts_with(&format!("sealed:{}:", house.account.bare())), "sealed for the payment's account");
    assert_clean("what is stored", &format!("{dossier:?}"));
    let stored = house.store.idempotency(house.merchant, "r1").await.unwrap().unwrap();
    assert_clean("the stored answer", &stored.answer);
    assert!(!answer.text().contains(&sealed) && !stored.answer.contains(&sealed), "nor the sealed text");
    let id = text(&answer.json()["id"]).to_owned();
    for path in [
        format!("/v1/refunds/{id}"),
        "/v1/refunds".to_owned(),
        format!("/v1/orders/{}", text(&order["id"])),
        format!("/v1/orders/{}/timeline", text(&order["id"])),
        "/metrics".to_owned(),
    ] {
        let shown = house.get(&path).await.expect(200);
        assert_clean(&path, &shown.text());
        assert!(!shown.text().contains(&sealed), "{path}");
    }
    let known = Payee { bank: BANK.into(), account: ACCOUNT.into(), name: NAME.into() };
    assert_clean("its Debug", &format!("{known:?}"));
    let read = crate::refunds::intake::read(body.to_string().as_bytes(), false).unwrap();
    assert_clean("the request's Debug", &format!("{read:?}"));
    // The whole database file, with its journal.
    for file in house.files() {
        let bytes = std::fs::read(&file).unwrap();
        for secret in [ACCOUNT, NAME, BANK] {
            assert!(!bytes.windows(secret.len()).any(|w| w == secret.as_bytes()), "{} in {}", secret, file.display());
        }
    }
    let logged = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(!logged.is_empty(), "the log is listened to");
    assert_clean("the log", &logged);
}

#[tokio::test]
async fn a_payee_that_cannot_be_sealed_or_read_is_refused_without_being_repeated() {
    let house = House::new().await;
    let order = house.paid_order("n-1").await;
    let before = house.fingerprint().await;
    let body = json!({ "reason": "cancelled", "payee": payee(UNKNOWN_BANK) });
    let answer = house.refund(&order, "r1", &body).await.expect(422);
    assert_eq!(answer.problem(), "payee-refused");
    assert!(text(&answer.json()["detail"]).contains("is not known to the channel"), "the adapter's words are told");
    assert_clean("the refusal", &answer.text());
    for (name, value) in [
        ("bank", json!(format!("{BANK}\u{0}"))),
        ("bank", json!(BANK.repeat(20))),
        ("name", json!(format!("{NAME} {ACCOUNT}\u{202e}"))),
        ("account", json!(format!("{ACCOUNT}#{NAME}"))),
        ("account", json!(ACCOUNT.parse::<i64>().unwrap())),
        ("account", json!([ACCOUNT])),
    ] {
        let mut payee = payee(BANK);
        payee[name] = value;
        let answer = house.refund(&order, "r1", &json!({ "reason": "x", "payee": payee })).await.expect(422);
        assert_eq!(answer.pointers(), [format!("/payee/{name}")]);
        assert_clean(name, &answer.text());
    }
    assert_eq!(house.fingerprint().await, before);
}

#[tokio::test]
async fn nothing_is_sealed_for_a_preview_or_for_a_refund_that_cannot_be() {
    let house = House::new().await;
    let order = house.paid_order("n-1").await;
    let path = format!("/v1/orders/{}/refunds?preview=true", text(&order["id"]));
    let body = json!({ "reason": "x", "payee": payee(BANK) });
    let plan = house.post(&path, "p1", body.to_string()).await.expect(200);
    assert_clean("the preview", &plan.text());
    let too_much = json!({ "reason": "x", "amount_minor": 12_801, "payee": payee(BANK) });
    house.refund(&order, "r1", &too_much).await.expect(422);
    assert_eq!(house.fake.sealed.load(Ordering::SeqCst), 0);
    house.refund(&order, "r1", &body).await.expect(202);
    house.refund(&order, "r1", &body).await.expect(202);
    assert_eq!(house.fake.sealed.load(Ordering::SeqCst), 1, "a replay seals nothing");
    house.fake.broken.store(true, Ordering::SeqCst);
    let other = house.paid_order("n-2").await;
    assert_eq!(house.refund(&other, "r2", &body).await.expect(422).problem(), "payee-refused");
}

#[tokio::test]
async fn a_payee_for_money_of_several_accounts_is_refused_with_what_to_do() {
    let house = House::new().await;
    let second = House::account(&house.store, house.merchant, &SeededChance::new(99)).await;
    let parts = json!([
        { "method": "wechat_native", "account_id": house.account, "amount_minor": 5_000 },
        { "method": "wechat_native", "account_id": second, "amount_minor": 7_800 },
    ]);
    let body = super::order_with(&json!({ "method": null, "payments": parts }));
    let order = house.post("/v1/orders", "k1", body.to_string()).await.expect(201).json();
    for (index, minor) in [(0, 5_000), (1, 7_800)] {
        let payment = payment_at(&order, index);
        house.accept_payment(payment).await;
        house.pay(payment, minor).await;
    }
    let ask = |allocation: Value, amount: i64| json!({ "reason": "x", "amount_minor": amount, "allocation": allocation, "payee": payee(BANK) });
    let answer = house.refund(&order, "r1", &ask(json!("reverse"), 10_000)).await.expect(422);
    assert_eq!(answer.pointers(), ["/payee"]);
    let named = json!({ "named": [{ "payment": order["payments"][1]["id"], "amount_minor": 7_800 }] });
    house.refund(&order, "r1", &ask(named, 7_800)).await.expect(202);
    let sealed = house.dossier(&order).await.refunds.iter().find_map(|r| r.payee.clone()).unwrap();
    assert!(sealed.starts_with(&format!("sealed:{}:", second.bare())), "for the account that the money came through");
}
