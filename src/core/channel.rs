//! Facts about channels that the rules need: it knows names, currencies and time limits, and must never know a
//! channel's wire format.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::money::Currency;
use crate::reconcile::BillKind;

/// A payment channel.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ChannelKind {
    /// WeChat Pay, API v3.
    Wechat,
    /// Alipay, the open platform's gateway.
    Alipay,
    /// UnionPay, ACP 5.1.0.
    Unionpay,
    /// Cards through Stripe.
    Stripe,
    /// A transfer to the merchant's bank account. What came is read from the bank's statements.
    Bank,
    /// Notes and coins, collected on site.
    Cash,
}

impl ChannelKind {
    /// Every channel.
    pub const ALL: [Self; 6] = [Self::Wechat, Self::Alipay, Self::Unionpay, Self::Stripe, Self::Bank, Self::Cash];

    /// The stable name in faces, metrics and the database.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Wechat => "wechat",
            Self::Alipay => "alipay",
            Self::Unionpay => "unionpay",
            Self::Stripe => "stripe",
            Self::Bank => "bank",
            Self::Cash => "cash",
        }
    }

    /// Whether somebody can be asked where a payment stands. Of a transfer or of cash we learn by
    /// statements and people only; such a payment waits without a job, and being overdue does not end it.
    pub const fn can_be_asked(self) -> bool {
        !matches!(self, Self::Bank | Self::Cash)
    }

    /// Whether orders on it may be in `currency`. What one account takes of that is its contract's matter.
    pub fn takes(self, currency: Currency) -> bool {
        match self {
            Self::Wechat | Self::Alipay | Self::Unionpay | Self::Cash => currency == Currency::CNY,
            Self::Stripe | Self::Bank => true,
        }
    }

    /// Whether it gives money back by itself. Otherwise a person transfers it, or hands it over.
    pub const fn refunds(self) -> bool {
        self.can_be_asked()
    }

    /// What is known of its bills, its days and its payouts.
    pub const fn bill_facts(self) -> BillFacts {
        use crate::clock::{HOUR_MS, MINUTE_MS};
        const BEIJING_MS: i64 = 8 * HOUR_MS;
        let beijing =
            BillFacts { bills: &[], day_offset_ms: BEIJING_MS, due_ms: 9 * HOUR_MS + 30 * MINUTE_MS, payers: &[] };
        match self {
            Self::Wechat => BillFacts {
                bills: &[BillKind::Trade, BillKind::Funds],
                // Made from 09:00 on, to be fetched from 10:00 on.
                due_ms: 10 * HOUR_MS,
                payers: &["财付通", "微信支付", "TENPAY", "WECHAT"],
                ..beijing
            },
            Self::Alipay => {
                BillFacts { bills: &[BillKind::Trade, BillKind::Funds], payers: &["支付宝", "ALIPAY"], ..beijing }
            }
            Self::Unionpay => BillFacts {
                // One file tells of trades, fees and the day's net.
                bills: &[BillKind::Trade],
                // 23:00 to 23:00 in Beijing: what comes in the last hour belongs to the next day.
                day_offset_ms: BEIJING_MS + HOUR_MS,
                due_ms: 10 * HOUR_MS + 30 * MINUTE_MS,
                payers: &["银联", "UNIONPAY"],
            },
            Self::Stripe => BillFacts {
                // One list tells of trades, fees and payouts.
                bills: &[BillKind::Trade],
                day_offset_ms: 0,
                // The list is complete at once; a few minutes are for stragglers.
                due_ms: 15 * MINUTE_MS,
                payers: &["STRIPE"],
            },
            // What came by bank or by hand is told by statements and people.
            Self::Bank | Self::Cash => beijing,
        }
    }

    /// The bills that the channel issues for a day.
    pub const fn bills(self) -> &'static [BillKind] {
        self.bill_facts().bills
    }

    /// By which method it is usually paid: of a payment that our books have lost nobody tells.
    pub const fn usual_method(self) -> Method {
        match self {
            Self::Wechat => Method::WechatNative,
            Self::Alipay => Method::AlipayQr,
            Self::Unionpay => Method::UnionpayWeb,
            Self::Stripe => Method::Card,
            Self::Bank => Method::BankTransfer,
            Self::Cash => Method::Cash,
        }
    }

    /// What the close protocol and refunds must know of the channel.
    pub const fn facts(self) -> ChannelFacts {
        use crate::clock::{DAY_MS, HOUR_MS, MINUTE_MS};
        match self {
            Self::Wechat => ChannelFacts {
                // Written in the v2 and overseas pages; kept as a careful default (configurable).
                min_close_age_ms: 5 * MINUTE_MS,
                propagation_ms: MINUTE_MS,
                // The last retry of a notification comes some 24 h after the first.
                watch_ms: 25 * HOUR_MS,
                lapse_ms: None,
                refund: RefundLimits { within_ms: 365 * DAY_MS, most: 50, spacing_ms: MINUTE_MS },
            },
            Self::Alipay => ChannelFacts {
                min_close_age_ms: 0,
                propagation_ms: MINUTE_MS,
                // Eight messages within 25 h, and an hour more.
                watch_ms: 26 * HOUR_MS,
                // Its clock and ours differ, and a payer who is typing his password may finish.
                lapse_ms: Some(5 * MINUTE_MS),
                // Twelve months by contract, three for some: those set it in the account.
                refund: RefundLimits { within_ms: 365 * DAY_MS, most: 50, spacing_ms: 3_000 },
            },
            Self::Unionpay => ChannelFacts {
                min_close_age_ms: 0,
                propagation_ms: MINUTE_MS,
                // Messages end after a quarter of an hour; the day's file comes the next morning.
                watch_ms: 25 * HOUR_MS,
                lapse_ms: Some(5 * MINUTE_MS),
                refund: RefundLimits { within_ms: 330 * DAY_MS, most: 50, spacing_ms: 1_000 },
            },
            Self::Stripe => ChannelFacts {
                min_close_age_ms: 0,
                // Its search is eventually consistent, usually within a minute.
                propagation_ms: 2 * MINUTE_MS,
                // Webhooks are retried for three days.
                watch_ms: 73 * HOUR_MS,
                lapse_ms: None,
                refund: RefundLimits { within_ms: 180 * DAY_MS, most: 50, spacing_ms: 1_000 },
            },
            Self::Bank | Self::Cash => ChannelFacts {
                min_close_age_ms: 0,
                propagation_ms: 0,
                watch_ms: 0,
                lapse_ms: None,
                refund: RefundLimits { within_ms: 0, most: 0, spacing_ms: 0 },
            },
        }
    }
}

impl FromStr for ChannelKind {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|c| c.name() == text).ok_or_else(|| {
            let names: Vec<_> = Self::ALL.into_iter().map(Self::name).collect();
            format!("`{text}` is not a channel; there are {}", names.join(", "))
        })
    }
}

/// What is known of a channel's bills. Times are in milliseconds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BillFacts {
    /// Which it issues for a day.
    pub bills: &'static [BillKind],
    /// By how much its day is ahead of that of UTC.
    pub day_offset_ms: i64,
    /// How long after a day's end its bills are asked for first: when the channel's documents promise them.
    pub due_ms: i64,
    /// Words in capitals by which a bank's statement names who pays merchants out: companies, not brands.
    pub payers: &'static [&'static str],
}

/// Time limits of a channel, in milliseconds.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ChannelFacts {
    /// A payment younger than this is not closed yet.
    pub min_close_age_ms: i64,
    /// How long after a call its effect may still be invisible to a query.
    pub propagation_ms: i64,
    /// How long after the end a notification may still come.
    pub watch_ms: i64,
    /// So long after the last moment to pay that the channel was told, "not paid" and "no such number" are
    /// final: for channels where a payment cannot be closed, or not before its payer has opened it. `None`:
    /// it must be closed.
    #[serde(default)]
    pub lapse_ms: Option<i64>,
    /// What it lets us give back.
    #[serde(default)]
    pub refund: RefundLimits,
}

/// What a channel lets us give back through it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RefundLimits {
    /// How long after the payment, in milliseconds.
    pub within_ms: i64,
    /// How many refunds of one payment.
    pub most: u32,
    /// How much time between two refunds of one payment, in milliseconds.
    pub spacing_ms: i64,
}

impl Default for RefundLimits {
    /// The narrowest of the channels that we know.
    fn default() -> Self {
        ChannelKind::Wechat.facts().refund
    }
}

/// What a channel demands of charges through an agreement. Days are calendar days of the plan's time zone.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DebitRules {
    /// The payer must be told so many days before; `None`: he need not.
    pub notice_days: Option<u8>,
    /// So many days, the first included, may be charged after one notice.
    pub notice_holds_days: u8,
    /// The first try is so many days before the due day: where the channel takes nothing after it, the days
    /// before it are for trying again.
    pub first_days_before: u8,
    /// The last day, counted from the due day; `None`: no such limit.
    pub days_after: Option<u8>,
    /// Most tries within thirty days by one agreement; `None`: no such limit.
    pub tries_in_30_days: Option<u32>,
}

impl DebitRules {
    /// No demands.
    pub const FREE: Self = Self {
        notice_days: None,
        notice_holds_days: 0,
        first_days_before: 0,
        days_after: None,
        tries_in_30_days: None,
    };
}

/// What a way to pay knows of installments between the channel and its payer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct InstallmentRules {
    /// In how many parts, fewest first.
    pub counts: &'static [u8],
    /// Whether each order may say who pays for it.
    pub fees: bool,
}

/// How the payer pays: a product of a channel.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Method {
    /// A QR code shown by us, scanned with WeChat.
    WechatNative,
    /// Inside WeChat: official account or mini program. Needs the payer's openid.
    WechatJsapi,
    /// A browser outside WeChat on a phone. Needs the payer's IP address.
    WechatH5,
    /// A merchant's own app.
    WechatApp,
    /// After the service (支付分): the payer agrees to a most, and pays what it comes to.
    WechatScore,
    /// Through an agreement (委托代扣): the payer does nothing.
    WechatDebit,
    /// A QR code shown by us, scanned with Alipay.
    AlipayQr,
    /// Alipay's page in a browser on a computer.
    AlipayPage,
    /// Alipay's page in a browser on a phone.
    AlipayWap,
    /// A merchant's own app with Alipay's SDK.
    AlipayApp,
    /// After the service (预授权): an amount is frozen, and the payer pays what it comes to.
    AlipayHold,
    /// Through an agreement (周期扣款 or 商家扣款): the payer does nothing.
    AlipayDebit,
    /// UnionPay's page, which the payer's browser opens by posting a form.
    UnionpayWeb,
    /// A merchant's own app with UnionPay's SDK.
    UnionpayApp,
    /// Through an agreement (a token of the payer's card): the payer does nothing.
    UnionpayDebit,
    /// A card; the money is taken at once.
    Card,
    /// A card; the amount is held, and taken when the merchant says so.
    CardHold,
    /// Through an agreement (a saved card, off session): the payer does nothing.
    CardDebit,
    /// A transfer to the merchant's bank account.
    BankTransfer,
    /// Cash, collected on site.
    Cash,
}

impl Method {
    /// Every method.
    pub const ALL: [Self; 20] = [
        Self::WechatNative,
        Self::WechatJsapi,
        Self::WechatH5,
        Self::WechatApp,
        Self::WechatScore,
        Self::WechatDebit,
        Self::AlipayQr,
        Self::AlipayPage,
        Self::AlipayWap,
        Self::AlipayApp,
        Self::AlipayHold,
        Self::AlipayDebit,
        Self::UnionpayWeb,
        Self::UnionpayApp,
        Self::UnionpayDebit,
        Self::Card,
        Self::CardHold,
        Self::CardDebit,
        Self::BankTransfer,
        Self::Cash,
    ];

    /// The stable name in faces and the database.
    pub const fn name(self) -> &'static str {
        match self {
            Self::WechatNative => "wechat_native",
            Self::WechatJsapi => "wechat_jsapi",
            Self::WechatH5 => "wechat_h5",
            Self::WechatApp => "wechat_app",
            Self::WechatScore => "wechat_score",
            Self::WechatDebit => "wechat_debit",
            Self::AlipayQr => "alipay_qr",
            Self::AlipayPage => "alipay_page",
            Self::AlipayWap => "alipay_wap",
            Self::AlipayApp => "alipay_app",
            Self::AlipayHold => "alipay_hold",
            Self::AlipayDebit => "alipay_debit",
            Self::UnionpayWeb => "unionpay_web",
            Self::UnionpayApp => "unionpay_app",
            Self::UnionpayDebit => "unionpay_debit",
            Self::Card => "card",
            Self::CardHold => "card_hold",
            Self::CardDebit => "card_debit",
            Self::BankTransfer => "bank_transfer",
            Self::Cash => "cash",
        }
    }

    /// The stable number in the database.
    pub const fn code(self) -> i16 {
        match self {
            Self::WechatNative => 1,
            Self::WechatJsapi => 2,
            Self::WechatH5 => 3,
            Self::WechatApp => 4,
            Self::WechatDebit => 5,
            Self::WechatScore => 6,
            Self::AlipayQr => 11,
            Self::AlipayPage => 12,
            Self::AlipayWap => 13,
            Self::AlipayApp => 14,
            Self::AlipayDebit => 15,
            Self::AlipayHold => 16,
            Self::UnionpayWeb => 21,
            Self::UnionpayApp => 22,
            Self::UnionpayDebit => 23,
            Self::Card => 31,
            Self::CardHold => 32,
            Self::CardDebit => 33,
            Self::BankTransfer => 41,
            Self::Cash => 51,
        }
    }

    /// The method with this code.
    pub fn from_code(code: i16) -> Option<Self> {
        Self::ALL.into_iter().find(|m| m.code() == code)
    }

    /// Whether money taken this way goes back without a person's help. Parts of a combined order that
    /// cannot be undone are taken last.
    pub const fn reversible(self) -> bool {
        self.channel().refunds()
    }

    /// Whether the payer's consent only holds the amount, and the merchant takes it later.
    pub const fn holds(self) -> bool {
        matches!(self, Self::CardHold | Self::WechatScore | Self::AlipayHold)
    }

    /// Whether it is charged through an agreement, without the payer: what fails is not tried again by him.
    pub const fn debits(self) -> bool {
        matches!(self, Self::WechatDebit | Self::AlipayDebit | Self::UnionpayDebit | Self::CardDebit)
    }

    /// What its channel demands of debits; `None` for what the payer does himself.
    pub const fn debit_rules(self) -> Option<DebitRules> {
        match self {
            Self::WechatDebit => Some(DebitRules { notice_days: Some(2), notice_holds_days: 3, ..DebitRules::FREE }),
            Self::AlipayDebit => Some(DebitRules { first_days_before: 2, days_after: Some(0), ..DebitRules::FREE }),
            Self::UnionpayDebit => Some(DebitRules::FREE),
            // Card schemes allow 8 to 15 tries in thirty days; the strictest is kept.
            Self::CardDebit => Some(DebitRules { tries_in_30_days: Some(8), ..DebitRules::FREE }),
            _ => None,
        }
    }

    /// What it knows of installments in `currency`; `None`: nothing.
    pub fn installment_rules(self, currency: Currency) -> Option<InstallmentRules> {
        let (counts, fees): (&[u8], bool) = match (self, currency.code()) {
            // Of Huabei (花呗分期).
            (Self::AlipayQr | Self::AlipayPage | Self::AlipayWap | Self::AlipayApp, _) => (&[3, 6, 12], true),
            // What issuers agree on. Which of them a merchant's contract has only the channel knows.
            (Self::UnionpayWeb | Self::UnionpayApp, _) => (&[3, 6, 9, 12, 18, 24], false),
            // Cards have them in few countries, and there in the country's own currency only: meses sin intereses in
            // Mexico, 分割払い in Japan.
            (Self::Card, "MXN") => (&[3, 6, 9, 12, 18, 24], false),
            (Self::Card, "JPY") => (&[3, 5, 6, 10, 12, 15, 18, 20, 24], false),
            _ => return None,
        };
        Some(InstallmentRules { counts, fees })
    }

    /// The channel that it belongs to.
    pub const fn channel(self) -> ChannelKind {
        match self {
            Self::WechatNative
            | Self::WechatJsapi
            | Self::WechatH5
            | Self::WechatApp
            | Self::WechatScore
            | Self::WechatDebit => ChannelKind::Wechat,
            Self::AlipayQr
            | Self::AlipayPage
            | Self::AlipayWap
            | Self::AlipayApp
            | Self::AlipayHold
            | Self::AlipayDebit => ChannelKind::Alipay,
            Self::UnionpayWeb | Self::UnionpayApp | Self::UnionpayDebit => ChannelKind::Unionpay,
            Self::Card | Self::CardHold | Self::CardDebit => ChannelKind::Stripe,
            Self::BankTransfer => ChannelKind::Bank,
            Self::Cash => ChannelKind::Cash,
        }
    }
}

impl FromStr for Method {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|m| m.name() == text).ok_or_else(|| {
            let shown: String = text.chars().take(64).collect();
            let names: Vec<_> = Self::ALL.into_iter().map(Self::name).collect();
            format!("`{shown}` is not a payment method; there are {}", names.join(", "))
        })
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Serialize for Method {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for Method {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(d)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}
