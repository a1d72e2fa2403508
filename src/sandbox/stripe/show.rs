//! Objects as the channel shows them: it knows their members by the documents, and must never change one.

use serde_json::{Value, json};

use crate::books::State;
use crate::orders::{Order, Orders};
use crate::refund_books::RefundState;
use crate::refunds::Refund;
use crate::stripe::debit;
use crate::stripe::ends::HOLD_LASTS_MS;
use crate::stripe::front::{BILLS, OrderFacts, RefundFacts};
use crate::stripe::installments;
use crate::stripe::params::Params;
use crate::stripe::refusal::Refusal;

/// Which references are shown as objects.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Expand {
    pub(crate) charge: bool,
    pub(crate) transaction: bool,
}

impl Expand {
    /// What `expand` asks for; `within` is `data.` for lists.
    pub(crate) fn read(params: &Params, within: &str) -> Result<Self, Refusal> {
        let mut expand = Self::default();
        for path in params.list("expand")? {
            match path.strip_prefix(within) {
                Some("latest_charge") => expand.charge = true,
                Some("latest_charge.balance_transaction") => expand = Self { charge: true, transaction: true },
                _ => return Err(Refusal::invalid("expand", &format!("This property cannot be expanded ({path})."))),
            }
        }
        Ok(expand)
    }
}

pub(crate) const fn seconds(ms: i64) -> i64 {
    ms.div_euclid(1_000)
}

/// Where an intent stands.
pub(crate) fn status(order: &Order, facts: &OrderFacts) -> &'static str {
    match order.tab.state() {
        State::Success => "succeeded",
        State::Authorized => "requires_capture",
        State::Closed => "canceled",
        State::NotPay if facts.processing || order.debit.is_some_and(|debit| debit.pending) => "processing",
        State::NotPay if order.tab.failed_attempts > 0 => "requires_payment_method",
        State::NotPay if facts.asks_payer && order.met_at_ms.is_some() => "requires_action",
        State::NotPay => "requires_payment_method",
    }
}

/// The intent at this position as it stands.
pub(crate) fn intent(orders: &Orders, position: usize, expand: Expand) -> Option<Value> {
    let order = orders.list.get(position)?;
    let facts = order.own.get::<OrderFacts>()?;
    Some(intent_in(orders, order, facts, status(order, facts), expand))
}

/// An intent as it stood when its status was this.
pub(crate) fn intent_in(orders: &Orders, order: &Order, facts: &OrderFacts, status: &str, expand: Expand) -> Value {
    let (succeeded, held) = (status == "succeeded", status == "requires_capture");
    let failed = order.tab.failed_attempts > 0 && status == "requires_payment_method";
    let generic = ("card_declined", "generic_decline", None, "Your card was declined.");
    let declined = order.debit.and_then(|debit| debit.declined);
    let (code, decline_code, advice_code, message) = declined.map_or(generic, debit::words);
    let mut error = json!({
        "code": code, "decline_code": decline_code, "doc_url": "https://stripe.com/docs/error-codes",
        "message": message, "type": "card_error",
    });
    if let (Some(advice), Some(members)) = (advice_code, error.as_object_mut()) {
        members.insert("advice_code".to_owned(), advice.into());
    }
    // An attempt that failed leaves the intent without a card.
    let method = facts.saved.as_ref().filter(|_| status != "requires_payment_method").map(|saved| &saved.method);
    let next_action = json!({ "type": "use_stripe_sdk", "use_stripe_sdk": { "type": "three_d_secure_redirect" } });
    json!({
        "id": facts.id,
        "object": "payment_intent",
        "amount": order.amount_minor,
        "amount_capturable": if held { order.amount_minor } else { 0 },
        "amount_received": if succeeded { order.tab.captured_minor } else { 0 },
        "application": null,
        "automatic_payment_methods": null,
        "canceled_at": order.tab.closed_at_ms.filter(|_| status == "canceled").map(seconds),
        "cancellation_reason": facts.cancel_reason.filter(|_| status == "canceled"),
        "capture_method": facts.capture_method,
        "client_secret": facts.client_secret,
        "confirmation_method": "automatic",
        "created": seconds(order.tab.created_at_ms),
        "currency": facts.currency,
        "customer": facts.saved.as_ref().map(|saved| &saved.customer),
        "description": Some(&order.description).filter(|text| !text.is_empty()),
        "last_payment_error": if failed { error } else { Value::Null },
        "latest_charge": charge_of(orders, order, facts, expand).filter(|_| succeeded || held || failed || status == "canceled"),
        "livemode": false,
        "metadata": facts.metadata,
        "next_action": if status == "requires_action" { next_action } else { Value::Null },
        "payment_method": method,
        "payment_method_options": {
            "card": { "installments": installments::shown(facts), "request_three_d_secure": "automatic" },
        },
        "payment_method_types": ["card"],
        "receipt_email": null,
        "statement_descriptor": null,
        "statement_descriptor_suffix": facts.suffix,
        "status": status,
    })
}

/// The charge of an intent that a bank said yes to: its id, or the object.
pub(crate) fn charge_of(orders: &Orders, order: &Order, facts: &OrderFacts, expand: Expand) -> Option<Value> {
    let at_ms = order.tab.authorized_at_ms.or(order.tab.paid_at_ms)?;
    if !expand.charge {
        return Some(facts.charge_id().into());
    }
    let (captured, refunded) = (order.tab.captured_minor, orders.refunds.refunded_minor(order));
    let held_until = order.tab.authorized_at_ms.map(|at| seconds(at.saturating_add(HOLD_LASTS_MS)));
    Some(json!({
        "id": facts.charge_id(),
        "object": "charge",
        "amount": order.amount_minor,
        "amount_captured": captured,
        "amount_refunded": refunded,
        "balance_transaction": transaction_of(orders, order, facts, expand),
        "captured": captured > 0,
        "created": seconds(at_ms),
        "currency": facts.currency,
        "disputed": facts.dispute.is_some(),
        "livemode": false,
        "metadata": facts.metadata,
        "paid": true,
        "payment_intent": facts.id,
        "payment_method_details": {
            "type": "card",
            "card": {
                "brand": "visa", "country": "HK", "funding": "credit", "capture_before": held_until,
                "installments": installments::of_charge(facts),
            },
        },
        "refunded": captured > 0 && refunded >= captured,
        "status": "succeeded",
    }))
}

fn transaction_of(orders: &Orders, order: &Order, facts: &OrderFacts, expand: Expand) -> Option<Value> {
    let at_ms = order.tab.paid_at_ms?;
    let id = facts.id.replacen("pi_", "txn_", 1);
    if !expand.transaction {
        return Some(id.into());
    }
    let amount = order.tab.captured_minor;
    let fee = orders.fees.get(&order.account).copied().unwrap_or(BILLS.fees).of(amount);
    Some(json!({
        "id": id, "object": "balance_transaction", "amount": amount, "created": seconds(at_ms),
        "currency": facts.currency, "fee": fee, "net": amount.saturating_sub(fee), "source": facts.charge_id(),
        "status": "pending", "type": "charge",
    }))
}

/// A refund as it stood when its state was this.
pub(crate) fn refund(refund: &Refund, facts: &RefundFacts, state: RefundState) -> Value {
    let status = match state {
        RefundState::Processing => "pending",
        RefundState::Success => "succeeded",
        RefundState::Abnormal | RefundState::Closed => "failed",
    };
    let failed = status == "failed";
    json!({
        "id": refund.refund_id,
        "object": "refund",
        "amount": refund.tab.amount_minor,
        "balance_transaction": refund.refund_id.replacen("re_", "txn_", 1),
        "charge": facts.charge,
        "created": seconds(refund.tab.created_at_ms),
        "currency": facts.currency,
        "destination_details": { "card": { "type": "refund" }, "type": "card" },
        "failure_balance_transaction": failed.then(|| refund.refund_id.replacen("re_", "txn_f", 1)),
        "failure_reason": failed.then_some("expired_or_canceled_card"),
        "metadata": facts.metadata,
        "payment_intent": facts.intent,
        "reason": facts.reason,
        "receipt_number": null,
        "status": status,
    })
}

/// A list as the channel wraps it.
pub(crate) fn list(object: &str, url: &str, data: Vec<Value>, has_more: bool) -> Value {
    json!({ "object": object, "data": data, "has_more": has_more, "url": url })
}
