//! What a customer wants back: it knows the requests that are made for each wish, and must never know what
//! becomes of them.

use bursar_core::Chance;
use bursar_core::chance::SeededChance;
use bursar_core::channel::ChannelKind;
use serde_json::{Value, json};

use super::feed::Placed;
use super::variety::Kind;

/// What a customer wants after an order has ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Wish {
    /// Nothing.
    Nothing,
    /// All of it.
    Full,
    /// Some of it.
    Partial,
    /// A third of it, and at once another third.
    Twice,
    /// All of it, and then all of it once more, which cannot be.
    Again,
    /// More than was paid, which cannot be.
    TooMuch,
    /// All of it; the payer's account does not take it, and he names a bank card.
    ToCard,
    /// All of it, with this word for the sandbox.
    Tagged(&'static str),
    /// Money back for an order that was never paid, which cannot be.
    Unpaid,
}

/// What may be answered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Expected {
    Taken,
    Refused,
}

/// Wishes of customers who have paid: of 100 so many.
const OF_PAID: [(u64, Wish); 12] = [
    (9, Wish::Full),
    (9, Wish::Partial),
    (5, Wish::Twice),
    (2, Wish::Again),
    (2, Wish::TooMuch),
    (3, Wish::ToCard),
    (2, Wish::Tagged("abnormal")),
    (2, Wish::Tagged("closed")),
    (2, Wish::Tagged("nofunds")),
    (2, Wish::Tagged("slow")),
    (2, Wish::Tagged("reversed")),
    (60, Wish::Nothing),
];
/// Of 100 customers whose order was closed so many want money back that they have not paid (or got back).
const UNPAID: u64 = 25;

impl Wish {
    /// The wish of the customer of `placed`: the same in every run with the same seed.
    pub(super) fn of(placed: &Placed, paid: bool, seed: u64) -> Self {
        // Orders of a feed are drawn apart, whichever ends first.
        let chance = SeededChance::new(seed ^ (u64::from(placed.number) << 20) ^ 0x7265_6675_6e64);
        let mut point = chance.below(100);
        if !paid {
            return if point < UNPAID { Self::Unpaid } else { Self::Nothing };
        }
        for (weight, wish) in OF_PAID {
            if point < weight {
                return wish.possible_for(placed);
            }
            point -= weight;
        }
        Self::Nothing
    }

    /// A bank card is named to one channel account of WeChat, which alone sends money there; the parts of a
    /// combined order went through two.
    fn possible_for(self, placed: &Placed) -> Self {
        let wechat = placed.methods.iter().all(|method| method.channel() == ChannelKind::Wechat);
        match self {
            Self::ToCard if placed.kind == Kind::Combined || !wechat => Self::Tagged("abnormal"),
            wish => wish,
        }
    }

    /// The requests in order, each with what may be answered.
    pub(super) fn requests(self, placed: &Placed) -> Vec<(Value, Expected)> {
        use Expected::{Refused, Taken};
        let amount = placed.amount_minor;
        let all = |reason: &str| json!({ "reason": reason, "requested_by": "客服 Li" });
        let part = |reason: &str, minor: u64| {
            // Of a combined order each part gives its share.
            let allocation = if placed.kind == Kind::Combined { "proportional" } else { "reverse" };
            json!({ "reason": reason, "requested_by": "客服 Li", "amount_minor": minor, "allocation": allocation })
        };
        match self {
            Self::Nothing => Vec::new(),
            Self::Full => vec![(all("客户取消"), Taken)],
            Self::Partial => vec![(part("少做一小时", (amount / 4).max(1)), Taken)],
            Self::Twice => {
                let third = (amount / 3).max(1);
                vec![(part("阿姨迟到", third), Taken), (part("补偿", third), Taken)]
            }
            Self::Again => vec![(all("客户取消"), Taken), (all("客户取消"), Refused)],
            Self::TooMuch => vec![(part("算错了", amount + 1), Refused)],
            Self::ToCard => {
                let mut body = all("账户已注销 [refund:abnormal]");
                if let Some(map) = body.as_object_mut() {
                    let payee = json!({ "bank": "CMB_DEBIT", "account": "6225880123456789", "name": "张三" });
                    map.insert("payee".to_owned(), payee);
                }
                vec![(body, Taken)]
            }
            Self::Tagged(word) => vec![(all(&format!("客户取消 [refund:{word}]")), Taken)],
            Self::Unpaid => vec![(all("没付过钱"), Refused)],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bursar_core::channel::Method;
    use bursar_core::clock::Timestamp;
    use bursar_core::id::OrderId;

    fn placed(number: u32, kind: Kind) -> Placed {
        let order = OrderId::fresh(Timestamp::from_millis(1), &SeededChance::new(u64::from(number)));
        Placed { backend: 0, order, number, kind, methods: vec![Method::WechatNative], amount_minor: 8_800 }
    }

    #[test]
    fn the_weights_are_percentages_and_every_wish_comes_up() {
        assert_eq!(OF_PAID.iter().map(|(weight, _)| weight).sum::<u64>(), 100);
        for (_, wish) in OF_PAID {
            assert!((0..2_000).any(|n| Wish::of(&placed(n, Kind::Plain), true, 7) == wish), "{wish:?}");
        }
        assert!((0..100).any(|n| Wish::of(&placed(n, Kind::Plain), false, 7) == Wish::Unpaid));
    }

    #[test]
    fn money_is_sent_to_a_bank_card_only_where_wechat_had_it() {
        let by = |method| Placed { methods: vec![method], ..placed(1, Kind::Plain) };
        assert_eq!(Wish::ToCard.possible_for(&by(Method::WechatNative)), Wish::ToCard);
        assert_ne!(Wish::ToCard.possible_for(&by(Method::AlipayQr)), Wish::ToCard);
        assert_ne!(Wish::ToCard.possible_for(&placed(1, Kind::Combined)), Wish::ToCard);
    }

    #[test]
    fn a_wish_is_the_same_in_every_run_and_differs_between_orders() {
        let wishes = |seed| (0..200).map(|n| Wish::of(&placed(n, Kind::Plain), true, seed)).collect::<Vec<_>>();
        assert_eq!(wishes(7), wishes(7));
        assert_ne!(wishes(7), wishes(8));
    }

    #[test]
    fn what_is_expected_to_be_taken_fits_into_what_was_paid() {
        for (_, wish) in OF_PAID {
            let order = placed(1, Kind::Plain);
            let taken = wish.requests(&order).into_iter().filter(|(_, expected)| *expected == Expected::Taken);
            let sum: u64 = taken.map(|(body, _)| body["amount_minor"].as_u64().unwrap_or(order.amount_minor)).sum();
            assert!(sum <= order.amount_minor, "{wish:?}");
        }
    }

    #[test]
    fn reasons_fit_into_what_the_channel_shows() {
        for (_, wish) in OF_PAID.into_iter().chain([(0, Wish::Unpaid)]) {
            for (body, _) in wish.requests(&placed(1, Kind::Combined)) {
                let reason = body["reason"].as_str().unwrap();
                assert!((1..=80).contains(&reason.len()), "{reason}");
            }
        }
    }
}
