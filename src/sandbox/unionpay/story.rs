//! A transaction as the network tells of it, the same in the answer to a query and in a notification: it
//! knows the fields and their words, and must never change an order or a refund.

use crate::SandboxError;
use crate::agreements::Agreement;
use crate::books::State;
use crate::orders::Order;
use crate::payer::Behaviour;
use crate::refund_books::RefundState;
use crate::refunds::Refund;
use crate::unionpay::account::UnionpayMerchant;
use crate::unionpay::fields::Fields;
use crate::unionpay::front::{OrderFacts, RefundFacts};
use crate::unionpay::refusal::{BUSY, FLAWED, PAYER_FAILS, PENDING, REFUND_FAILS, SUCCESS};
use crate::unionpay::time;
use crate::unionpay::token::{self, TokenFacts};
use crate::{Decline, dice};

/// What every answer repeats of the request.
const ECHOED: [&str; 15] = [
    "version",
    "encoding",
    "merId",
    "orderId",
    "txnTime",
    "txnType",
    "txnSubType",
    "bizType",
    "accessType",
    "txnAmt",
    "currencyCode",
    "instalTransInfo",
    "origQryId",
    "reqReserved",
    "reserved",
];
/// Of so many successes, one has a flaw.
const FLAWED_IN: u64 = 25;
/// Whose card it was; a test number of the network.
const CARD: &str = "6226090000000048";

/// What became of a transaction, told with the fields of its own request.
#[derive(Clone, Debug)]
pub(crate) struct Story {
    pub(crate) fields: Fields,
    pub(crate) code: &'static str,
    /// A purchase: it names the payer's card.
    pub(crate) card: bool,
}

/// Repeats of a request what every answer repeats.
pub(crate) fn echo(request: &Fields) -> Fields {
    let mut fields = Fields::default();
    fields.copy(request, &ECHOED);
    fields
}

/// A number of the network for a transaction (`queryId`): the trace number and the time are inside it.
pub(crate) fn query_id(fate: u64, now_ms: i64, serial: u64) -> String {
    let time: String = crate::pace::beijing_digits(now_ms).chars().skip(2).collect();
    format!("{:02}{time}{:06}{}", fate % 100, serial % 1_000_000, fate % 10)
}

/// What a query learns of an order now; `None`: nobody has started to pay it.
pub(crate) fn of_order(order: &Order, facts: &OrderFacts, now_ms: i64) -> Option<Story> {
    let fields = echo(&facts.request);
    let pick = |codes: &'static [&'static str]| {
        let point = usize::try_from(dice::below(dice::draw(&[order.fate, 43]), 1_000)).unwrap_or(0);
        codes.get(point.checked_rem(codes.len()).unwrap_or(0)).copied().unwrap_or(PENDING)
    };
    match order.tab.state() {
        State::Success => Some(paid(order, facts)),
        State::NotPay | State::Closed | State::Authorized if order.debit.is_some() => {
            let code = order.debit.and_then(|debit| debit.declined).map_or(PENDING, declined);
            Some(Story { fields, code, card: false })
        }
        _ if is_seen_in_flight(order, now_ms) => Some(Story { fields, code: PENDING, card: true }),
        _ if order.tab.failed_attempts > 0 => Some(Story { fields, code: pick(&PAYER_FAILS), card: true }),
        _ => None,
    }
}

/// The story of an order whose money was taken.
pub(crate) fn paid(order: &Order, facts: &OrderFacts) -> Story {
    let flawed = dice::below(dice::draw(&[order.fate, 40]), FLAWED_IN) == 0;
    let mut fields = echo(&facts.request);
    let id = order.tab.transaction_id.as_deref().unwrap_or_default();
    settle(&mut fields, id, order.tab.paid_at_ms.unwrap_or_default());
    Story { fields, code: if flawed { FLAWED } else { SUCCESS }, card: true }
}

/// The code of a declined debit, by its class.
const fn declined(decline: Decline) -> &'static str {
    match decline {
        Decline::InsufficientFunds => "64",
        Decline::Hard => "63",
        Decline::Risk => "38",
        Decline::Technical => BUSY,
        Decline::Authentication => "66",
    }
}

/// The story of a token that was opened.
pub(crate) fn of_token(one: &Agreement, facts: &TokenFacts) -> Story {
    let mut fields = echo(&facts.request);
    fields.set("queryId", query_id(one.fate, one.signed_at_ms.unwrap_or_default(), one.fate % 1_000_000));
    fields.set("tokenPayData", token::written(one, facts));
    fields.set("activateStatus", "1");
    Story { fields, code: SUCCESS, card: false }
}

/// Money in flight of which the network says that it is, past the last moment to pay.
fn is_seen_in_flight(order: &Order, now_ms: i64) -> bool {
    let seen = dice::below(dice::draw(&[order.fate, 41]), 2) == 0;
    order.behaviour == Behaviour::InFlight && seen && now_ms >= order.expires_at_ms
}

/// What a query learns of a refund or void.
pub(crate) fn of_refund(refund: &Refund, facts: &RefundFacts) -> Story {
    let mut fields = echo(&facts.request);
    let failure = usize::from(refund.fate % 2 == 1);
    let code = match refund.tab.state {
        RefundState::Success => SUCCESS,
        RefundState::Processing => PENDING,
        RefundState::Abnormal | RefundState::Closed => REFUND_FAILS.get(failure).copied().unwrap_or(PENDING),
    };
    let id = refund.refund_id.as_str();
    match refund.tab.succeeded_at_ms.filter(|_| code == SUCCESS) {
        Some(at_ms) => settle(&mut fields, id, at_ms),
        None => fields.set("queryId", id),
    }
    Story { fields, code, card: false }
}

fn settle(fields: &mut Fields, query_id: &str, at_ms: i64) {
    let part = |from: usize, to: usize| query_id.get(from..to).unwrap_or_default();
    let amount = fields.text("txnAmt").to_owned();
    for (name, value) in [
        ("queryId", query_id),
        ("traceNo", part(14, 20)),
        ("traceTime", part(4, 14)),
        ("settleAmt", &amount),
        ("settleCurrencyCode", "156"),
        ("settleDate", &time::settle_date(at_ms)),
    ] {
        fields.set(name, value);
    }
}

impl Story {
    /// The fields, with the payer's card where the story has one.
    pub(crate) fn with_card(mut self, merchant: &UnionpayMerchant) -> Result<Fields, SandboxError> {
        if self.card && [SUCCESS, FLAWED].contains(&self.code) {
            self.fields.set("accNo", merchant.encrypt(CARD)?);
            self.fields.set("payCardType", "01");
            self.fields.set("payType", "0001");
        }
        Ok(self.fields)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_of_the_network_holds_time_and_trace() {
        // 2018-06-08 10:34:56 in Beijing.
        let id = query_id(44, 1_528_425_296_000, 1_784_649);
        assert_eq!((id.as_str(), id.len()), ("441806081034567846494", 21));
        let mut fields = Fields::default();
        fields.set("txnAmt", "88");
        settle(&mut fields, &id, 1_528_425_296_000);
        let told = ["traceNo", "traceTime", "settleAmt", "settleDate"].map(|name| fields.text(name));
        assert_eq!(told, ["784649", "0608103456", "88", "0608"]);
    }
}
