//! The scripts: it knows what each order of a history is and what its payer will do, all drawn from the
//! seed, and must never know what becomes of it.

use bursar_core::channel::{ChannelKind, Method};
use bursar_core::clock::{MINUTE_MS, SECOND_MS, Timestamp};
use bursar_core::id::{ChannelAccountId, MerchantId, OrderId, PaymentId};
use bursar_core::order::{Dossier, Order, OrderState};
use bursar_core::payment::{Evidence, PayerDetails, Payment, PaymentState};
use bursar_core::{Chance, Currency, Money};

use super::agenda::Part;
use super::cast::{MERCHANTS, account, merchant};
use super::state::{BEGIN_MS, stream};
use super::temperament::Temperament;
use super::wishes::{self, Wish};

/// What a payer does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Payer {
    Soon,
    Late,
    AtClosing,
    InFlight,
    Never,
    FailsOnce,
    /// Opens the page, and no more.
    Opens,
}

/// A tender of an order and its payer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tender {
    pub account: ChannelAccountId,
    pub method: Method,
    pub amount_minor: i64,
    pub payer: Payer,
}

/// A payment that is added to an order.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Addition {
    pub at_ms: i64,
    pub account: ChannelAccountId,
    pub method: Method,
    pub payer: Payer,
    /// Prolongs the order to this instant.
    pub expires_ms: Option<i64>,
}

/// A way that a payer chooses.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pick {
    pub at_ms: i64,
    pub account: ChannelAccountId,
    pub method: Method,
    pub payer: Payer,
}

/// One order of a history.
#[derive(Clone, Debug)]
pub(crate) struct Script {
    pub merchant: MerchantId,
    pub number: String,
    pub amount_minor: i64,
    pub parts: Vec<Tender>,
    /// Among what its payer chooses.
    pub offers: Vec<Method>,
    pub picks: Vec<Pick>,
    pub part_payment: bool,
    pub placed_ms: i64,
    pub expires_ms: i64,
    pub closes_ms: Option<i64>,
    pub addition: Option<Addition>,
    pub wishes: Vec<Wish>,
}

/// The scripts of a history.
pub(crate) fn draw(seed: u64, orders: Option<u32>, character: Temperament) -> Vec<Script> {
    let count = orders.map_or_else(|| 1 + stream(seed, 3_000).below(5), u64::from);
    (0..count).map(|index| one(seed, index, character)).collect()
}

/// A number of a stream.
pub(super) fn between(chance: &dyn Chance, from: i64, to: i64) -> i64 {
    from + i64::try_from(chance.below(u64::try_from(to - from).unwrap_or(0) + 1)).unwrap_or(0)
}

fn payer(chance: &dyn Chance) -> Payer {
    match chance.below(12) {
        0..=3 => Payer::Soon,
        4 => Payer::Late,
        5 | 6 => Payer::AtClosing,
        7 | 8 => Payer::InFlight,
        9 => Payer::Never,
        10 => Payer::Opens,
        _ => Payer::FailsOnce,
    }
}

/// A way to pay: every channel in every campaign, WeChat the most.
fn method(chance: &dyn Chance, character: Temperament) -> Method {
    let of = |kinds: &[ChannelKind]| -> Method {
        let fit: Vec<Method> =
            Method::ALL.into_iter().filter(|m| kinds.contains(&m.channel()) && !m.debits()).collect();
        let at = usize::try_from(chance.below(u64::try_from(fit.len()).unwrap_or(1))).unwrap_or(0);
        fit.get(at).copied().unwrap_or(Method::WechatNative)
    };
    match (character, chance.below(10)) {
        (Temperament::Cards, at @ 0..=4) => match at {
            0 => Method::WechatScore,
            1 => Method::AlipayHold,
            _ => Method::CardHold,
        },
        (Temperament::Cards, 5..=7) => Method::Card,
        (Temperament::ByHand, 0..=6) => of(&[ChannelKind::Bank, ChannelKind::Cash]),
        (Temperament::RefundStorm | Temperament::Bank | Temperament::Poor, 0..=4) | (_, 0..=2) => {
            of(&[ChannelKind::Wechat])
        }
        (_, 3) => of(&[ChannelKind::Alipay]),
        (_, 4) => of(&[ChannelKind::Unionpay]),
        (_, 5 | 7) => of(&[ChannelKind::Stripe]),
        (_, 6) => of(&[ChannelKind::Bank, ChannelKind::Cash]),
        _ => of(&ChannelKind::ALL),
    }
}

/// What a payer may choose among, and what he chooses when.
fn choices(
    (seed, index, whose): (u64, u64, u64),
    (placed_ms, life_ms): (i64, i64),
    character: Temperament,
) -> (Vec<Method>, Vec<Pick>) {
    let chance = stream(seed, 8_001 + index);
    let chooses = if character == Temperament::Choosing { 4 } else { 1 };
    if chance.below(6) >= chooses {
        return (Vec::new(), Vec::new());
    }
    let mut offers: Vec<Method> = (0..2 + chance.below(4)).map(|_| method(&chance, character)).collect();
    offers.sort_unstable();
    offers.dedup();
    let count = chance.below(4);
    let mut at_ms = placed_ms + between(&chance, 1_000, life_ms / 2);
    let mut picks = Vec::new();
    for nth in 0..count {
        let which = usize::try_from(chance.below(u64::try_from(offers.len()).unwrap_or(1))).unwrap_or(0);
        let method = match chance.below(12) {
            0 => Method::ALL.get(which).copied(),
            _ => offers.get(which).copied(),
        };
        let method = method.unwrap_or(Method::WechatNative);
        // Who chooses again has not paid what he chose before, or is just about to.
        let payer = if nth + 1 == count { payer(&chance) } else { between_choices(&chance) };
        picks.push(Pick { at_ms, account: account(whose, method.channel(), chance.below(2)), method, payer });
        at_ms += match chance.below(3) {
            0 => between(&chance, 0, 3 * SECOND_MS),
            1 => between(&chance, 3 * SECOND_MS, MINUTE_MS),
            _ => between(&chance, MINUTE_MS, life_ms / 2 + MINUTE_MS),
        };
    }
    (offers, picks)
}

fn between_choices(chance: &dyn Chance) -> Payer {
    match chance.below(6) {
        0 => Payer::Soon,
        1 => Payer::InFlight,
        2 => Payer::FailsOnce,
        3 => Payer::Opens,
        _ => Payer::Never,
    }
}

fn one(seed: u64, index: u64, character: Temperament) -> Script {
    let chance = stream(seed, 3_001 + index);
    let whose = chance.below(MERCHANTS);
    let placed_ms = BEGIN_MS + between(&chance, 0, 5 * MINUTE_MS);
    let life_ms = match chance.below(4) {
        0 => MINUTE_MS,
        1 => between(&chance, MINUTE_MS, 6 * MINUTE_MS),
        _ => between(&chance, 6 * MINUTE_MS, 30 * MINUTE_MS),
    };
    let payer = payer(&chance);
    let closes_ms = match chance.below(6) {
        // At once, while the first call may be under way.
        0 => Some(placed_ms + between(&chance, 0, 15 * SECOND_MS)),
        1 => Some(placed_ms + between(&chance, 0, life_ms + 30 * SECOND_MS)),
        _ => None,
    };
    let amount_minor = between(&chance, 1, 100_000);
    let more = stream(seed, 4_001 + index);
    let combined = character == Temperament::Combined || more.below(8) == 0;
    let ways = stream(seed, 7_001 + index);
    let (offers, picks) = choices((seed, index, whose), (placed_ms, life_ms), character);
    let parts = if combined { split(amount_minor, whose, payer, (&more, &ways), character) } else { Vec::new() };
    let method_of_first = method(&ways, character);
    let first =
        Tender { account: account(whose, method_of_first.channel(), 0), method: method_of_first, amount_minor, payer };
    let parts = if !offers.is_empty() {
        Vec::new()
    } else if parts.is_empty() {
        vec![first]
    } else {
        parts
    };
    let part_payment = parts.len() > 1 && more.below(4) == 0;
    let expires_ms = placed_ms + life_ms;
    let one_in = match character {
        Temperament::TwoPayments => 1,
        // A service is often paid by another way in the end.
        Temperament::Cards => 3,
        _ => 12,
    };
    // Most of all one that is collected from its payer for days.
    let service = parts.len() == 1 && parts.iter().all(|p| p.method == Method::WechatScore);
    let adds = part_payment || more.below(one_in) == 0 || (service && more.below(2) == 0);
    let added = method(&ways, character);
    let addition = (adds && offers.is_empty()).then(|| Addition {
        at_ms: placed_ms + between(&more, 1_000, life_ms + if service { 15 * MINUTE_MS } else { MINUTE_MS }),
        account: account(whose, added.channel(), more.below(2)),
        method: added,
        payer: if more.below(4) == 0 { Payer::Never } else { Payer::Soon },
        expires_ms: (service || more.below(2) == 0).then_some(expires_ms + 20 * MINUTE_MS),
    });
    let wishes = wishes::draw(&stream(seed, 5_001 + index), placed_ms, character);
    Script {
        merchant: merchant(whose),
        number: format!("HOME-{index}"),
        amount_minor,
        parts,
        offers,
        picks,
        part_payment,
        placed_ms,
        expires_ms,
        closes_ms,
        addition,
        wishes,
    }
}

/// Two or three parts on one or two accounts, those that cannot be undone last. Most payers of combined orders pay soon: the races are between
/// the parts.
fn split(
    amount_minor: i64,
    whose: u64,
    first: Payer,
    (chance, ways): (&dyn Chance, &dyn Chance),
    character: Temperament,
) -> Vec<Tender> {
    let count = 2 + i64::try_from(chance.below(2)).unwrap_or(0);
    if amount_minor < count {
        return Vec::new();
    }
    let mut left = amount_minor;
    let mut parts = Vec::new();
    for nth in 1..=count {
        let amount_minor = if nth == count { left } else { between(chance, 1, left - (count - nth)) };
        left -= amount_minor;
        let payer = match (nth, chance.below(3)) {
            (_, 0) => payer(chance),
            (1, 1) => first,
            _ => Payer::Soon,
        };
        let method = method(ways, character);
        parts.push(Tender { account: account(whose, method.channel(), chance.below(2)), method, amount_minor, payer });
    }
    parts.sort_by_key(|p| matches!(p.method, Method::BankTransfer | Method::Cash));
    parts
}

impl Script {
    /// The rows of an attempt to place it. Ids stand in the order of the parts.
    pub fn rows(&self, now: Timestamp, chance: &dyn Chance) -> (Order, Vec<Payment>) {
        let order = Order {
            id: OrderId::fresh(now, chance),
            merchant: self.merchant,
            number: self.number.clone(),
            amount: Money::new(self.amount_minor, Currency::CNY),
            description: "two hours of cleaning".to_owned(),
            state: OrderState::Created,
            close_reason: None,
            late_money: false,
            installment: None,
            shares: Vec::new(),
            part_payment: self.part_payment,
            service: None,
            region: None,
            offers: self.offers.clone(),
            payer: None,
            due_at: None,
            expires_at: Timestamp::from_millis(self.expires_ms),
            event_count: 0,
            version: 0,
            created_at: now,
        };
        let mut ids: Vec<PaymentId> = self.parts.iter().map(|_| PaymentId::fresh(now, chance)).collect();
        ids.sort_unstable();
        let payments = ids.into_iter().zip(&self.parts);
        let payments =
            payments.map(|(id, p)| payment(&order, id, (p.account, p.method), p.amount_minor, now)).collect();
        (order, payments)
    }

    /// The payment of a part, as it stands in `dossier`.
    pub fn payment<'a>(&self, dossier: &'a Dossier, part: Part, picked: Option<PaymentId>) -> Option<&'a Payment> {
        let placed = |p: &&Payment| p.created_at == dossier.order.created_at;
        match part {
            Part::Placed(at) => dossier.payments.iter().filter(placed).nth(at),
            Part::Added => dossier.payments.iter().find(|p| !placed(p)),
            Part::Picked(_) => dossier.payment(picked?),
        }
    }

    /// What the payer of a part does.
    pub fn payer(&self, part: Part) -> Option<Payer> {
        match part {
            Part::Placed(at) => self.parts.get(at).map(|p| p.payer),
            Part::Added => self.addition.map(|a| a.payer),
            Part::Picked(nth) => self.picks.get(nth).map(|p| p.payer),
        }
    }

    /// When the payer of a part first does something.
    pub fn pays_ms(&self, part: Part, chance: &dyn Chance) -> Option<i64> {
        let spread = |from: i64, to: i64| between(chance, from, to);
        let end = self.closes_ms.unwrap_or(self.expires_ms).min(self.expires_ms);
        let begin = match part {
            Part::Placed(_) => self.placed_ms,
            Part::Added => self.addition?.at_ms,
            Part::Picked(nth) => self.picks.get(nth)?.at_ms,
        };
        match self.payer(part)? {
            Payer::Never => None,
            Payer::Soon | Payer::FailsOnce | Payer::Opens => Some(begin + spread(500, 40_000)),
            Payer::Late => Some(self.expires_ms - spread(1_000, 30_000)),
            Payer::AtClosing => Some(end + spread(-3_000, 3_000)),
            Payer::InFlight => Some(end + spread(-20_000, 1_000)),
        }
    }
}

/// A payment to be.
pub(crate) fn payment(
    order: &Order,
    id: PaymentId,
    (account, method): (ChannelAccountId, Method),
    amount_minor: i64,
    now: Timestamp,
) -> Payment {
    Payment {
        id,
        order: order.id,
        merchant: order.merchant,
        account,
        method,
        amount: Money::new(amount_minor, Currency::CNY),
        payer: PayerDetails::default(),
        state: PaymentState::New,
        evidence: Evidence::default(),
        returned_minor: 0,
        installments: None,
        agreement: None,
        version: 0,
        due_at: None,
        created_at: now,
    }
}
