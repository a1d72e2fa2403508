//! What kinds of orders a merchant's customers place: it knows how each is asked for, and must never know
//! what becomes of it.

use bursar_core::Chance;
use bursar_core::id::ChannelAccountId;
use serde_json::{Value, json};

use super::feed::Feed;

/// What home-service orders are for.
const SERVICES: [(&str, u64); 8] = [
    ("日常保洁 2 小时", 8_800),
    ("深度保洁 4 小时", 26_800),
    ("月嫂服务定金", 200_000),
    ("育儿嫂 (按月)", 780_000),
    ("老人陪护 (日)", 32_000),
    ("家电清洗", 12_900),
    ("搬家服务", 58_000),
    ("擦玻璃", 9_900),
];

/// How an order is paid.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// By one payment.
    Plain,
    /// By two parts, one after the other, all or nothing.
    Combined,
    /// By one payment, and then the customer asks for another way to pay: both may be paid.
    Twice,
}

/// How many of 10,000 orders are of which kind; the rest is plain. Without accounts all are.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Variety {
    /// Combined orders.
    pub combined: u64,
    /// Orders with two payments.
    pub twice: u64,
    /// The channel accounts of each backend. One that has several names one in each payment.
    pub accounts: Vec<Vec<ChannelAccountId>>,
}

/// What is sent for one order.
#[derive(Clone, Debug)]
pub(super) struct Errand {
    pub(super) kind: Kind,
    pub(super) amount_minor: u64,
    pub(super) body: Value,
    /// The body of the further payment.
    pub(super) again: Option<Value>,
}

impl Variety {
    /// Draws order `number` of backend `index`.
    pub(super) fn errand(&self, feed: &Feed, number: u32, index: usize, chance: &dyn Chance) -> Errand {
        let pick = usize::try_from(chance.below(8)).unwrap_or(0);
        let (service, price) = SERVICES.get(pick).copied().unwrap_or(("保洁", 10_000));
        let (from, to) = feed.life_seconds;
        let amount_minor = price + chance.below(100);
        let mut body = json!({
            "number": format!("{}-{number:06}", feed.label),
            "amount_minor": amount_minor,
            "currency": "CNY",
            "description": format!("{service} #{number}"),
            "expires_in_seconds": from + chance.below(to.saturating_sub(from) + 1),
        });
        let accounts = self.accounts.get(index).map_or(&[][..], Vec::as_slice);
        let kind = self.kind(accounts, chance);
        let pay = |account: Option<&ChannelAccountId>| {
            let mut payment = json!({ "method": "wechat_native" });
            if let Some(account) = account {
                put(&mut payment, "account_id", json!(account));
            }
            payment
        };
        let (first, second) = (accounts.first(), accounts.get(1).or_else(|| accounts.first()));
        let mut again = None;
        match kind {
            Kind::Plain | Kind::Twice => merge(&mut body, pay(first)),
            Kind::Combined => {
                let part = amount_minor * (30 + chance.below(41)) / 100;
                let mut parts = [pay(first), pay(second)];
                for (payment, minor) in parts.iter_mut().zip([part, amount_minor - part]) {
                    put(payment, "amount_minor", json!(minor));
                }
                put(&mut body, "payments", json!(parts));
            }
        }
        if kind == Kind::Twice {
            // Whoever asks for another way to pay and then pays both, pays soon.
            put(&mut body, "description", json!(format!("{service} #{number} [payer:soon]")));
            again = Some(pay(second));
        }
        Errand { kind, amount_minor, body, again }
    }

    fn kind(&self, accounts: &[ChannelAccountId], chance: &dyn Chance) -> Kind {
        if accounts.is_empty() {
            return Kind::Plain;
        }
        match chance.below(10_000) {
            n if n < self.combined => Kind::Combined,
            n if n < self.combined.saturating_add(self.twice) => Kind::Twice,
            _ => Kind::Plain,
        }
    }
}

fn put(object: &mut Value, member: &str, value: Value) {
    if let Some(map) = object.as_object_mut() {
        map.insert(member.to_owned(), value);
    }
}

fn merge(object: &mut Value, more: Value) {
    if let (Some(map), Value::Object(more)) = (object.as_object_mut(), more) {
        map.extend(more);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bursar_core::chance::SeededChance;
    use bursar_core::clock::Timestamp;

    fn feed() -> Feed {
        Feed {
            gateway: String::new(),
            orders: 1,
            concurrency: 1,
            per_second: None,
            life_seconds: (330, 600),
            label: "t".to_owned(),
            patient: false,
        }
    }

    fn two_accounts() -> Vec<ChannelAccountId> {
        let chance = SeededChance::new(1);
        (1..=2).map(|ms| ChannelAccountId::fresh(Timestamp::from_millis(ms), &chance)).collect()
    }

    #[test]
    fn the_parts_of_a_combined_order_add_up_and_go_through_both_accounts() {
        let variety = Variety { combined: 10_000, twice: 0, accounts: vec![two_accounts()] };
        for seed in 0..50 {
            let errand = variety.errand(&feed(), 1, 0, &SeededChance::new(seed));
            let parts = errand.body["payments"].as_array().unwrap();
            let sum: u64 = parts.iter().map(|p| p["amount_minor"].as_u64().unwrap()).sum();
            assert_eq!((errand.kind, sum), (Kind::Combined, errand.amount_minor));
            assert_eq!(errand.body["amount_minor"], errand.amount_minor);
            assert!(parts.iter().all(|p| p["amount_minor"].as_u64().unwrap() > 0));
            assert_ne!(parts[0]["account_id"], parts[1]["account_id"]);
            assert!(errand.body.get("method").is_none());
        }
    }

    #[test]
    fn without_accounts_every_order_is_plain_and_names_none() {
        let variety = Variety { combined: 5_000, twice: 5_000, accounts: Vec::new() };
        let errand = variety.errand(&feed(), 1, 0, &SeededChance::new(3));
        assert_eq!(errand.kind, Kind::Plain);
        assert!(errand.body.get("account_id").is_none() && errand.again.is_none());
    }

    #[test]
    fn the_second_payment_of_an_order_goes_through_the_other_account() {
        let accounts = two_accounts();
        let variety = Variety { combined: 0, twice: 10_000, accounts: vec![accounts.clone()] };
        let errand = variety.errand(&feed(), 1, 0, &SeededChance::new(3));
        assert_eq!(errand.body["account_id"], json!(accounts[0]));
        assert_eq!(errand.again.unwrap()["account_id"], json!(accounts[1]));
    }
}
