//! What kinds of orders a merchant's customers place: it knows how each is asked for, and must never know
//! what becomes of it.

use bursar_core::Chance;
use bursar_core::channel::Method;
use serde_json::{Value, json};

use super::feed::Feed;
use super::tills::{Till, Tills, Way};

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

/// Of ten customers who choose, so many choose again.
const CHANGE_THEIR_MINDS: u64 = 3;

/// How an order is paid.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// By one payment.
    Plain,
    /// By two parts, one after the other, all or nothing.
    Combined,
    /// By one payment, and then the customer asks for another way to pay: both may be paid.
    Twice,
    /// By what the customer picks among several ways; some change their minds.
    Offered,
}

/// How many of 10,000 orders are of which kind; the rest is plain. Without accounts all are.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Variety {
    /// Combined orders.
    pub combined: u64,
    /// Orders with two payments.
    pub twice: u64,
    /// Orders whose customers choose.
    pub offered: u64,
    /// The channel accounts of each backend. One that has any names one in each payment.
    pub tills: Vec<Vec<Till>>,
    /// By what orders are paid that name no account; WeChat's code when it is `None`.
    pub method: Option<Method>,
}

/// What is sent for one order.
#[derive(Clone, Debug)]
pub(super) struct Errand {
    pub(super) kind: Kind,
    /// By what each of its payments is to be paid.
    pub(super) methods: Vec<Method>,
    pub(super) amount_minor: u64,
    pub(super) body: Value,
    /// The body of the further payment.
    pub(super) again: Option<Value>,
    /// What the customer picks, in turn: the next one when one cannot be picked.
    pub(super) picks: Vec<(Method, Value)>,
    /// How many of them he wants.
    pub(super) wanted: usize,
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
        let tills = Tills(self.tills.get(index).map_or(&[][..], Vec::as_slice));
        let Some(first) = tills.draw(chance) else {
            let method = self.method.unwrap_or(Method::WechatNative);
            put(&mut body, "method", json!(method.name()));
            let methods = vec![method];
            return Errand {
                kind: Kind::Plain,
                methods,
                amount_minor,
                body,
                again: None,
                picks: Vec::new(),
                wanted: 0,
            };
        };
        let kind = self.kind(chance);
        let second = tills.draw_beside(first, chance).filter(|_| kind != Kind::Plain);
        let mut ways: Vec<Way> = [Some(first), second].into_iter().flatten().collect();
        let (mut again, mut picks, mut wanted) = (None, Vec::new(), 0);
        match kind {
            Kind::Plain => merge(&mut body, first.to_json(number)),
            Kind::Twice => {
                merge(&mut body, first.to_json(number));
                // Whoever asks for another way to pay and then pays both, pays soon.
                put(&mut body, "description", json!(format!("{service} #{number} [payer:soon]")));
                again = second.map(|way| way.to_json(number));
            }
            Kind::Combined => {
                let part = amount_minor * (30 + chance.below(41)) / 100;
                let mut parts: Vec<Value> = ways.iter().map(|way| way.to_json(number)).collect();
                for (payment, minor) in parts.iter_mut().zip([part, amount_minor - part]) {
                    put(payment, "amount_minor", json!(minor));
                }
                put(&mut body, "payments", json!(parts));
            }
            Kind::Offered => {
                ways = tills.offers(first, chance);
                put(&mut body, "offers", json!(ways.iter().map(|way| way.method.name()).collect::<Vec<_>>()));
                // The same people come again.
                put(&mut body, "customer", json!(format!("c-{}", number % 40)));
                picks = ways.iter().map(|way| (way.method, way.to_json(number))).collect();
                wanted = if chance.below(10) < CHANGE_THEIR_MINDS { 2 } else { 1 };
            }
        }
        let methods = ways.iter().map(|way| way.method).collect();
        Errand { kind, methods, amount_minor, body, again, picks, wanted }
    }

    fn kind(&self, chance: &dyn Chance) -> Kind {
        match chance.below(10_000) {
            n if n < self.combined => Kind::Combined,
            n if n < self.combined.saturating_add(self.twice) => Kind::Twice,
            n if n < self.combined.saturating_add(self.twice).saturating_add(self.offered) => Kind::Offered,
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
    use bursar_core::channel::ChannelKind;
    use bursar_core::clock::Timestamp;
    use bursar_core::id::ChannelAccountId;

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

    fn two_tills() -> Vec<Till> {
        let chance = SeededChance::new(1);
        let account = |ms| ChannelAccountId::fresh(Timestamp::from_millis(ms), &chance);
        (1..=2).map(|ms| Till { account: account(ms), channel: ChannelKind::Wechat }).collect()
    }

    #[test]
    fn the_parts_of_a_combined_order_add_up_and_go_through_both_accounts() {
        let variety = Variety { combined: 10_000, tills: vec![two_tills()], ..Variety::default() };
        for seed in 0..50 {
            let errand = variety.errand(&feed(), 1, 0, &SeededChance::new(seed));
            let parts = errand.body["payments"].as_array().unwrap();
            let sum: u64 = parts.iter().map(|p| p["amount_minor"].as_u64().unwrap()).sum();
            assert_eq!((errand.kind, sum), (Kind::Combined, errand.amount_minor));
            assert_eq!(errand.body["amount_minor"], errand.amount_minor);
            assert!(parts.iter().all(|p| p["amount_minor"].as_u64().unwrap() > 0));
            assert_ne!(parts[0]["account_id"], parts[1]["account_id"]);
            assert!(errand.body.get("method").is_none());
            assert!(errand.methods.len() == 2 && errand.methods[0] == errand.methods[1], "{:?}", errand.methods);
            assert_eq!(errand.methods[0].channel(), ChannelKind::Wechat);
        }
    }

    #[test]
    fn without_accounts_every_order_is_plain_and_names_none() {
        let variety = Variety { combined: 5_000, twice: 5_000, ..Variety::default() };
        let errand = variety.errand(&feed(), 1, 0, &SeededChance::new(3));
        assert_eq!(errand.kind, Kind::Plain);
        assert!(errand.body.get("account_id").is_none() && errand.again.is_none());
        assert_eq!(errand.body["method"], "wechat_native");
        let errand = Variety { method: Some(Method::Card), ..variety }.errand(&feed(), 1, 0, &SeededChance::new(3));
        assert_eq!((errand.methods, &errand.body["method"]), (vec![Method::Card], &json!("card")));
    }

    #[test]
    fn the_second_payment_of_an_order_goes_through_the_other_account() {
        let tills = two_tills();
        let variety = Variety { twice: 10_000, tills: vec![tills.clone()], ..Variety::default() };
        let errand = variety.errand(&feed(), 1, 0, &SeededChance::new(3));
        assert_eq!(errand.body["account_id"], json!(tills[0].account));
        assert_eq!(errand.again.unwrap()["account_id"], json!(tills[1].account));
    }

    #[test]
    fn an_order_with_offers_names_no_way_and_its_picks_are_among_them() {
        let mut tills = two_tills();
        tills.push(Till { channel: ChannelKind::Cash, ..tills[0] });
        let variety = Variety { offered: 10_000, tills: vec![tills], ..Variety::default() };
        let errand = variety.errand(&feed(), 7, 0, &SeededChance::new(3));
        let offers = errand.body["offers"].as_array().unwrap();
        assert_eq!((errand.kind, offers.len()), (Kind::Offered, 3));
        assert!(errand.body.get("method").is_none() && errand.body["customer"] == "c-7");
        assert!(
            errand
                .picks
                .iter()
                .all(|(method, pick)| offers.contains(&json!(method.name())) && pick["method"] == json!(method.name()))
        );
    }
}
