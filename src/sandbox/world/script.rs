//! The scripts: it knows what each order of a history is and what its payer will do, all drawn from the
//! seed, and must never know what becomes of it.

use bursar_core::channel::{ChannelKind, Method};
use bursar_core::clock::{MINUTE_MS, SECOND_MS, Timestamp};
use bursar_core::id::{ChannelAccountId, EndpointId, MerchantId, OrderId, PaymentId};
use bursar_core::merchant::{ChannelAccount, Endpoint, LateMoneyPolicy, Merchant};
use bursar_core::order::{Order, OrderState};
use bursar_core::payment::{Evidence, PayerDetails, Payment, PaymentState};
use bursar_core::{Chance, Currency, Money};
use uuid::Uuid;

use super::planted::Planted;
use super::state::{BEGIN_MS, State, stream};

/// What a payer does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Payer {
    Soon,
    Late,
    AtClosing,
    InFlight,
    Never,
    FailsOnce,
}

/// One order of a history.
#[derive(Clone, Debug)]
pub(crate) struct Script {
    pub merchant: MerchantId,
    pub account: ChannelAccountId,
    pub number: String,
    pub amount_minor: i64,
    pub placed_ms: i64,
    pub expires_ms: i64,
    pub payer: Payer,
    pub closes_ms: Option<i64>,
}

const MERCHANTS: u64 = 2;

fn number(kind: u64, index: u64) -> Uuid {
    Uuid::from_u64_pair(0xb025_0000_0000_7000 | kind, 0x8000_0000_0000_0000 | index)
}

pub(crate) fn merchant(index: u64) -> MerchantId {
    MerchantId(number(1, index))
}

pub(crate) fn account(index: u64) -> ChannelAccountId {
    ChannelAccountId(number(2, index))
}

/// Puts merchants, accounts and endpoints into the tables. One merchant takes late money while closing and
/// has one endpoint, the other never takes it and has two.
pub(crate) fn cast(state: &mut State) {
    let created_at = Timestamp::from_millis(BEGIN_MS);
    for index in 0..MERCHANTS {
        let late_money = if index == 0 { LateMoneyPolicy::AcceptWhileClosing } else { LateMoneyPolicy::NeverAccept };
        let row = Merchant { id: merchant(index), name: format!("merchant {index}"), late_money, created_at };
        state.tables.merchants.insert(row.id, row);
        let facts = (state.planted == Some(Planted::NoWindow))
            .then(|| bursar_core::channel::ChannelFacts { propagation_ms: 0, ..ChannelKind::Wechat.facts() });
        let row = ChannelAccount {
            id: account(index),
            merchant: merchant(index),
            channel: ChannelKind::Wechat,
            settings: serde_json::Value::Null,
            facts,
            created_at,
        };
        state.tables.accounts.insert(row.id, row);
        for endpoint in 0..=index {
            let row = Endpoint {
                id: EndpointId(number(3, index * 10 + endpoint)),
                merchant: merchant(index),
                url: "https://world.example".to_owned(),
                secrets: Vec::new(),
                enabled: true,
                created_at,
            };
            state.tables.endpoints.insert(row.id, row);
        }
    }
}

/// The scripts of a history.
pub(crate) fn draw(seed: u64, orders: Option<u32>) -> Vec<Script> {
    let count = orders.map_or_else(|| 1 + stream(seed, 3_000).below(5), u64::from);
    (0..count).map(|index| one(seed, index)).collect()
}

fn one(seed: u64, index: u64) -> Script {
    let chance = stream(seed, 3_001 + index);
    let between =
        |from: i64, to: i64| from + i64::try_from(chance.below(u64::try_from(to - from).unwrap_or(0) + 1)).unwrap_or(0);
    let whose = chance.below(MERCHANTS);
    let placed_ms = BEGIN_MS + between(0, 5 * MINUTE_MS);
    let life_ms = match chance.below(4) {
        0 => MINUTE_MS,
        1 => between(MINUTE_MS, 6 * MINUTE_MS),
        _ => between(6 * MINUTE_MS, 30 * MINUTE_MS),
    };
    let payer = match chance.below(12) {
        0..=3 => Payer::Soon,
        4 => Payer::Late,
        5 | 6 => Payer::AtClosing,
        7 | 8 => Payer::InFlight,
        9 | 10 => Payer::Never,
        _ => Payer::FailsOnce,
    };
    let closes_ms = match chance.below(6) {
        // At once, while the first call may be under way.
        0 => Some(placed_ms + between(0, 15 * SECOND_MS)),
        1 => Some(placed_ms + between(0, life_ms + 30 * SECOND_MS)),
        _ => None,
    };
    Script {
        merchant: merchant(whose),
        account: account(whose),
        number: format!("HOME-{index}"),
        amount_minor: between(1, 100_000),
        placed_ms,
        expires_ms: placed_ms + life_ms,
        payer,
        closes_ms,
    }
}

impl Script {
    /// The rows of an attempt to place it.
    pub fn rows(&self, now: Timestamp, chance: &dyn Chance) -> (Order, Payment) {
        let amount = Money::new(self.amount_minor, Currency::CNY);
        let order = Order {
            id: OrderId::fresh(now, chance),
            merchant: self.merchant,
            number: self.number.clone(),
            amount,
            description: "two hours of cleaning".to_owned(),
            state: OrderState::Created,
            close_reason: None,
            late_money: false,
            expires_at: Timestamp::from_millis(self.expires_ms),
            event_count: 0,
            version: 0,
            created_at: now,
        };
        let payment = Payment {
            id: PaymentId::fresh(now, chance),
            order: order.id,
            merchant: self.merchant,
            account: self.account,
            method: Method::WechatNative,
            amount,
            payer: PayerDetails::default(),
            state: PaymentState::New,
            evidence: Evidence::default(),
            version: 0,
            due_at: None,
            created_at: now,
        };
        (order, payment)
    }

    /// When the payer first does something.
    pub fn pays_ms(&self, chance: &dyn Chance) -> Option<i64> {
        let spread = |from: i64, to: i64| {
            from + i64::try_from(chance.below(u64::try_from(to - from).unwrap_or(0) + 1)).unwrap_or(0)
        };
        let end = self.closes_ms.unwrap_or(self.expires_ms).min(self.expires_ms);
        match self.payer {
            Payer::Never => None,
            Payer::Soon | Payer::FailsOnce => Some(self.placed_ms + spread(500, 40_000)),
            Payer::Late => Some(self.expires_ms - spread(1_000, 30_000)),
            Payer::AtClosing => Some(end + spread(-3_000, 3_000)),
            Payer::InFlight => Some(end + spread(-20_000, 1_000)),
        }
    }
}
