//! By what a merchant's customers pay: it knows which ways are liked how much and through which of the
//! merchant's accounts each goes, and must never know what becomes of a payment.

use bursar_core::Chance;
use bursar_core::channel::{ChannelKind, Method};
use bursar_core::id::ChannelAccountId;
use serde_json::{Value, json};

/// A channel account of a merchant, as its backend knows it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Till {
    /// Its id.
    pub account: ChannelAccountId,
    /// The channel.
    pub channel: ChannelKind,
}

/// Of 100 customers so many pay by each way, if the merchant takes it.
const LIKED: [(u64, Method); 13] = [
    (23, Method::WechatNative),
    (4, Method::WechatScore),
    (7, Method::AlipayQr),
    (4, Method::AlipayHold),
    (7, Method::AlipayPage),
    (4, Method::AlipayWap),
    (4, Method::AlipayApp),
    (8, Method::UnionpayWeb),
    (5, Method::UnionpayApp),
    (10, Method::Card),
    (8, Method::CardHold),
    (8, Method::BankTransfer),
    (8, Method::Cash),
];

/// A drawn way to pay.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Way {
    pub(super) method: Method,
    pub(super) account: ChannelAccountId,
}

/// The customer of order `number`, as his bank knows him.
pub(super) fn customer_name(number: u32) -> String {
    let family = ["王", "李", "张", "刘", "陈"];
    let nth = usize::try_from(number).unwrap_or(0) % family.len();
    format!("{}客户{number}", family.get(nth).copied().unwrap_or("王"))
}

impl Way {
    /// As members of a request about order `number`. Some merchants know the names of those who transfer.
    pub(super) fn to_json(self, number: u32) -> Value {
        let mut members = json!({ "method": self.method.name(), "account_id": self.account });
        let named = self.method == Method::BankTransfer && number.is_multiple_of(2);
        if let Some(map) = members.as_object_mut().filter(|_| named) {
            map.insert("payer".to_owned(), json!({ "name": customer_name(number) }));
        }
        members
    }
}

/// What customers of a merchant with these accounts pay by.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tills<'a>(pub(super) &'a [Till]);

impl Tills<'_> {
    fn of(&self, channel: ChannelKind) -> impl Iterator<Item = ChannelAccountId> {
        self.0.iter().filter(move |till| till.channel == channel).map(|till| till.account)
    }

    fn takes(&self, method: Method) -> bool {
        self.of(method.channel()).next().is_some()
    }

    /// By how likely it is; `None` when the merchant takes nothing.
    pub(super) fn draw(&self, chance: &dyn Chance) -> Option<Way> {
        self.draw_where(chance, |_| true)
    }

    /// Another one to go with `first`: most often of another channel, else through another account of the
    /// same where there is one.
    pub(super) fn draw_beside(&self, first: Way, chance: &dyn Chance) -> Option<Way> {
        let other = self.draw_where(chance, |method| method.channel() != first.method.channel());
        match other {
            Some(way) if chance.below(4) > 0 => Some(way),
            _ => {
                let mut accounts = self.of(first.method.channel());
                let account = accounts.find(|account| *account != first.account).unwrap_or(first.account);
                Some(Way { account, ..first })
            }
        }
    }

    /// Up to four ways to choose from, `first` first.
    pub(super) fn offers(&self, first: Way, chance: &dyn Chance) -> Vec<Way> {
        let mut ways = vec![first];
        while ways.len() < 4 {
            let taken = |method| ways.iter().any(|way: &Way| way.method == method);
            let Some(next) = self.draw_where(chance, |method| !taken(method)) else { break };
            ways.push(next);
        }
        ways
    }

    fn draw_where(&self, chance: &dyn Chance, fits: impl Fn(Method) -> bool) -> Option<Way> {
        let open: Vec<_> = LIKED.into_iter().filter(|(_, method)| fits(*method) && self.takes(*method)).collect();
        let mut point = chance.below(open.iter().map(|(weight, _)| weight).sum());
        for (weight, method) in open {
            if point < weight {
                let account = self.of(method.channel()).next()?;
                return Some(Way { method, account });
            }
            point -= weight;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bursar_core::chance::SeededChance;
    use bursar_core::clock::Timestamp;

    fn till(nth: i64, channel: ChannelKind) -> Till {
        Till { account: ChannelAccountId::fresh(Timestamp::from_millis(nth), &SeededChance::new(1)), channel }
    }

    #[test]
    fn the_weights_are_percentages_and_only_what_the_merchant_takes_is_drawn() {
        assert_eq!(LIKED.iter().map(|(weight, _)| weight).sum::<u64>(), 100);
        let tills = [till(1, ChannelKind::Alipay), till(2, ChannelKind::Cash)];
        let chance = SeededChance::new(3);
        let drawn: Vec<_> = (0..300).filter_map(|_| Tills(&tills).draw(&chance)).collect();
        assert_eq!(drawn.len(), 300);
        for till in tills {
            assert!(drawn.iter().any(|way| way.account == till.account));
            let fits = |way: &Way| (way.account == till.account) == (way.method.channel() == till.channel);
            assert!(drawn.iter().all(fits));
        }
        assert_eq!(Tills(&[]).draw(&chance), None);
    }

    #[test]
    fn what_goes_beside_is_of_another_channel_or_account_where_there_is_one() {
        let chance = SeededChance::new(3);
        let (one, two) = (till(1, ChannelKind::Wechat), till(2, ChannelKind::Wechat));
        let first = Way { method: Method::WechatNative, account: one.account };
        let beside = Tills(&[one, two]).draw_beside(first, &chance).unwrap();
        assert_eq!(beside, Way { account: two.account, ..first });
        assert_eq!(Tills(&[one]).draw_beside(first, &chance), Some(first));
        let tills = [one, two, till(3, ChannelKind::Stripe)];
        let drawn: Vec<_> = (0..100).filter_map(|_| Tills(&tills).draw_beside(first, &chance)).collect();
        let cards = drawn.iter().filter(|way| way.method.channel() == ChannelKind::Stripe).count();
        assert!((50..95).contains(&cards) && drawn.iter().all(|way| *way != first));
    }
}
