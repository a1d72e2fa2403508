//! The adapter through the registry, as everybody else gets it.

use std::sync::Arc;

use bursar_core::chance::SeededChance;
use bursar_core::channel::{ChannelKind, Method};
use bursar_core::clock::ManualClock;
use bursar_core::id::{ChannelAccountId, MerchantId, OrderId, PaymentId};
use bursar_core::merchant::ChannelAccount;
use bursar_core::order::{Order, OrderState};
use bursar_core::payment::{Evidence, PayerDetails, PaymentState};
use bursar_core::{Currency, Money, Timestamp};
use serde_json::{Value, json};
use uuid::Uuid;

use super::*;
use crate::channel::Channel;
use crate::http::HttpSettings;
use crate::notice::NotificationRefusal;
use crate::outcome::{Closed, Outcome, Standing};
use crate::registry::Channels;
use crate::secrets::{SecretBytes, Secrets};

/// A bank account needs no secrets.
#[derive(Debug)]
struct NoSecrets;

impl Secrets for NoSecrets {
    fn read(&self, reference: &str) -> Result<SecretBytes, String> {
        panic!("{reference} was read")
    }
}

const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);

fn channel(more: Value) -> Result<Arc<dyn Channel>, String> {
    let mut settings = json!({
        "account_number": "622202020011", "account_name": "某家政服务有限公司", "bank_name": "中国工商银行",
    });
    settings.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let account = ChannelAccount {
        id: ChannelAccountId(Uuid::from_u128(1)),
        merchant: MerchantId(Uuid::from_u128(2)),
        channel: ChannelKind::Bank,
        settings,
        facts: None,
        created_at: NOW,
    };
    let clock = Arc::new(ManualClock::at(NOW));
    let channels = Channels::new(HttpSettings::default(), Arc::new(NoSecrets), clock, Arc::new(SeededChance::new(1)));
    let adapter = channels.of(&account).map_err(|e| e.to_string())?;
    assert!(channels.breakers().is_empty());
    Ok(adapter)
}

fn order() -> Order {
    Order {
        id: OrderId(Uuid::from_u128(3)),
        merchant: MerchantId(Uuid::from_u128(2)),
        number: "2027-0001".into(),
        amount: payment().amount,
        part_payment: false,
        service: None,
        region: None,
        description: "日常保洁".into(),
        state: OrderState::Paying,
        close_reason: None,
        late_money: false,
        installment: None,
        shares: Vec::new(),
        expires_at: NOW,
        event_count: 0,
        offers: Vec::new(),
        payer: None,
        due_at: None,
        version: 1,
        created_at: NOW,
    }
}

fn payment() -> Payment {
    Payment {
        id: PaymentId(Uuid::from_u128(0x0195_0000_0000_7000_8000_0000_0000_0042)),
        order: OrderId(Uuid::from_u128(3)),
        merchant: MerchantId(Uuid::from_u128(2)),
        account: ChannelAccountId(Uuid::from_u128(1)),
        method: Method::BankTransfer,
        amount: Money::new(128_005, Currency::CNY),
        payer: PayerDetails::default(),
        state: PaymentState::New,
        evidence: Evidence::default(),
        version: 1,
        returned_minor: 0,
        installments: None,
        agreement: None,
        due_at: None,
        created_at: NOW,
    }
}

async fn fields(channel: &dyn Channel) -> BTreeMap<String, String> {
    let (order, payment) = (order(), payment());
    let request =
        CreateRequest { order: &order, payment: &payment, agreement: None, notify_url: "https://pay.example/notify" };
    match channel.create(&request).await {
        Outcome::Done(PayCode::Transfer { fields }) => fields,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_payer_is_told_what_he_must_type_and_every_time_the_same() {
    let channel = channel(json!({ "branch": "城东支行" })).unwrap();
    let first = fields(&*channel).await;
    assert_eq!(first, fields(&*channel).await);
    let reference = bursar_core::bank::reference(payment().id.uuid());
    let expected = [
        ("account_name", "某家政服务有限公司"),
        ("account_number", "622202020011"),
        ("amount", "1280.05"),
        ("bank_name", "中国工商银行"),
        ("branch", "城东支行"),
        ("currency", "CNY"),
        ("reference", &reference),
    ];
    let shown: Vec<_> = first.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert_eq!(shown, expected);
}

#[tokio::test]
async fn a_virtual_account_takes_the_place_of_the_accounts_number() {
    let channel = channel(json!({ "virtual_account_prefix": "8800" })).unwrap();
    let account = fields(&*channel).await.remove("account_number").unwrap();
    assert_eq!(account, format!("8800{}", bursar_core::bank::virtual_number(payment().id.uuid())));
}

#[tokio::test]
async fn another_currency_than_the_accounts_is_refused_for_good() {
    let channel = channel(json!({ "currency": "HKD" })).unwrap();
    let (order, payment) = (order(), payment());
    let request = CreateRequest { order: &order, payment: &payment, agreement: None, notify_url: "" };
    let Outcome::Refused(refusal) = channel.create(&request).await else { panic!("yuan on an account of dollars") };
    assert!(refusal.to_string().contains("HKD"), "{refusal}");
}

#[tokio::test]
async fn nobody_is_asked_and_nothing_is_believed_that_comes_as_a_message() {
    let channel = channel(json!({})).unwrap();
    assert_eq!(channel.query(&payment()).await, Outcome::Done(Standing::Unpaid));
    assert_eq!(channel.close(&payment()).await, Outcome::Done(Closed::Accepted));
    assert!(matches!(channel.capture(&payment(), "").await, Outcome::Refused(_)));
    let headers = crate::headers::HeaderLines("");
    assert!(channel.read_notification(&headers, b"{}", NOW).is_err());
    assert!(channel.reread_notification(&headers, b"{}").is_err());
    assert_eq!(channel.refuse(&NotificationRefusal::BadSignature).status, 404);
}

#[test]
fn wrong_settings_are_refused_when_the_account_is_used() {
    assert!(channel(json!({ "bank_name": "" })).unwrap_err().contains("bank_name"));
    assert!(channel(json!({ "private_key": "file:x" })).unwrap_err().contains("private_key"));
}
