//! Which ways to pay a payer is shown, and in which order: it knows the merchant's rules and what happened
//! before, and must never start a payment.

use std::cmp::Reverse;

use serde::{Deserialize, Serialize};

use crate::channel::Method;
use crate::clock::Timestamp;
use crate::merchant::MerchantPolicy;
use crate::money::Money;
use crate::order::Dossier;

/// When a merchant takes money by a method.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MethodRule {
    /// Whether at all.
    pub enabled: bool,
    /// Not for less, in minor units.
    pub min_minor: Option<i64>,
    /// Not for more, in minor units.
    pub max_minor: Option<i64>,
    /// Only in these regions, in the merchant's own words; none: everywhere.
    pub regions: Vec<String>,
}

impl Default for MethodRule {
    fn default() -> Self {
        Self { enabled: true, min_minor: None, max_minor: None, regions: Vec::new() }
    }
}

/// What is known at the moment of choosing, besides the order.
#[derive(Clone, Copy)]
pub struct Moment<'a> {
    /// The merchant's rules.
    pub policy: &'a MerchantPolicy,
    /// Where the service is given; without it a rule about regions does not hold back.
    pub region: Option<&'a str>,
    /// Why a method cannot be used now whatever the rules say (no account, a channel that does not answer).
    pub trouble: &'a dyn Fn(Method) -> Option<String>,
    /// By what this payer paid before, and when last.
    pub habits: &'a [(Method, Timestamp)],
}

/// A way to pay as it is shown.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Offer {
    /// The method.
    pub method: Method,
    /// Why it cannot be chosen; `None`: it can.
    pub unavailable: Option<String>,
    /// When this payer last paid by it.
    pub last_paid_at: Option<Timestamp>,
    /// Whether it was tried for this order and did not work.
    pub failed: bool,
}

/// The ways that `dossier`'s order offers: what can be chosen first; of that what did not fail, what the
/// payer used last, and then as the merchant listed them.
pub fn offers(dossier: &Dossier, moment: Moment<'_>) -> Vec<Offer> {
    let missing = Money::new(dossier.missing_minor(), dossier.order.amount.currency);
    let failed =
        |method| dossier.payments.iter().any(|p| p.method == method && p.state.ended_unpaid() && p.was_tried());
    let habit = |method| moment.habits.iter().filter(|(m, _)| *m == method).map(|(_, at)| *at).max();
    let offer = |method: &Method| Offer {
        method: *method,
        unavailable: unavailable(*method, missing, moment),
        last_paid_at: habit(*method),
        failed: failed(*method),
    };
    let mut offers: Vec<_> = dossier.order.offers.iter().map(offer).collect();
    offers.sort_by_key(|o| (o.unavailable.is_some(), o.failed, Reverse(o.last_paid_at)));
    offers
}

fn unavailable(method: Method, amount: Money, moment: Moment<'_>) -> Option<String> {
    let rule = moment.policy.methods.get(&method).cloned().unwrap_or_default();
    let limit = |minor| Money::new(minor, amount.currency);
    if !rule.enabled {
        return Some("the merchant does not take it".to_owned());
    }
    if let Some(min) = rule.min_minor.filter(|min| amount.minor < *min) {
        return Some(format!("it is taken from {} on", limit(min)));
    }
    if let Some(max) = rule.max_minor.filter(|max| amount.minor > *max) {
        return Some(format!("it is taken up to {}", limit(max)));
    }
    if let Some(region) = moment.region.filter(|r| !rule.regions.is_empty() && !rule.regions.iter().any(|own| own == r))
    {
        return Some(format!("it is not taken in {region}"));
    }
    (moment.trouble)(method)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::{Decision, open};
    use crate::id::{MerchantId, OrderId};
    use crate::money::Currency;
    use crate::order::{Order, OrderState};
    use uuid::Uuid;

    const OFFERED: [Method; 3] = [Method::WechatNative, Method::AlipayQr, Method::Cash];

    fn dossier(amount_minor: i64) -> Dossier {
        let zero = Timestamp::from_millis(0);
        let order = Order {
            id: OrderId(Uuid::nil()),
            merchant: MerchantId(Uuid::nil()),
            number: "n".into(),
            amount: Money::new(amount_minor, Currency::CNY),
            description: "cleaning".into(),
            state: OrderState::Created,
            close_reason: None,
            late_money: false,
            installment: None,
            shares: Vec::new(),
            part_payment: false,
            service: None,
            region: None,
            offers: OFFERED.to_vec(),
            payer: Some("p".into()),
            due_at: None,
            expires_at: Timestamp::from_millis(1),
            event_count: 0,
            version: 0,
            created_at: zero,
        };
        let Decision { next, .. } = open(order, Vec::new(), zero);
        next
    }

    fn shown(
        amount_minor: i64,
        rules: &str,
        moment: impl FnOnce(Moment<'_>) -> Vec<Offer>,
    ) -> Vec<(Method, Option<String>)> {
        let policy: MerchantPolicy = serde_json::from_str(&format!(r#"{{"methods":{rules}}}"#)).unwrap();
        assert_eq!(dossier(amount_minor).missing_minor(), amount_minor);
        let offers = moment(Moment { policy: &policy, region: None, trouble: &|_| None, habits: &[] });
        offers.into_iter().map(|o| (o.method, o.unavailable)).collect()
    }

    #[test]
    fn without_rules_everything_is_offered_as_listed() {
        let offers = shown(100, "{}", |m| offers(&dossier(100), m));
        assert_eq!(offers, OFFERED.map(|m| (m, None)));
    }

    #[test]
    fn what_the_payer_used_last_comes_first() {
        let habits = [(Method::AlipayQr, Timestamp::from_millis(5)), (Method::Cash, Timestamp::from_millis(9))];
        let offers = shown(100, "{}", |m| offers(&dossier(100), Moment { habits: &habits, ..m }));
        assert_eq!(
            offers.iter().map(|(m, _)| *m).collect::<Vec<_>>(),
            [Method::Cash, Method::AlipayQr, Method::WechatNative]
        );
    }

    #[test]
    fn rules_and_trouble_say_why_a_method_cannot_be_chosen() {
        let rules = r#"{"wechat_native":{"min_minor":200},"cash":{"regions":["上海"],"max_minor":1000},"alipay_qr":{"enabled":false}}"#;
        let cheap = shown(100, rules, |m| offers(&dossier(100), Moment { region: Some("上海"), ..m }));
        assert_eq!(cheap[0], (Method::Cash, None));
        assert_eq!(cheap[1].1.as_deref(), Some("it is taken from 2.00 CNY on"));
        assert_eq!(cheap[2].1.as_deref(), Some("the merchant does not take it"));
        let dear = shown(1001, rules, |m| offers(&dossier(1001), Moment { region: Some("北京"), ..m }));
        assert_eq!(dear[0], (Method::WechatNative, None));
        assert!(
            dear.iter().any(|(m, why)| *m == Method::Cash && why.as_deref() == Some("it is taken up to 10.00 CNY"))
        );
        let elsewhere = shown(500, rules, |m| offers(&dossier(500), Moment { region: Some("北京"), ..m }));
        assert!(elsewhere.iter().any(|(_, why)| why.as_deref() == Some("it is not taken in 北京")));
        let down = |m: Method| (m == Method::WechatNative).then(|| "it does not answer".to_owned());
        let down = shown(500, "{}", |m| offers(&dossier(500), Moment { trouble: &down, ..m }));
        assert_eq!(down[2], (Method::WechatNative, Some("it does not answer".to_owned())));
    }
}
