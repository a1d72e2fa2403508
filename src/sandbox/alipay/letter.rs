//! What a notification says: it knows the fields of the form and that the kind of signature is not signed, and
//! must never know when or how often it is sent.

use http::{HeaderMap, HeaderValue, header};
use serde_json::json;
use url::form_urlencoded::Serializer;

use crate::agreements::AgreementNews;
use crate::alipay::agreement::AgreementFacts;
use crate::alipay::freeze::HoldFacts;
use crate::alipay::front::{Alipay, TradeFacts};
use crate::alipay::keys::Mode;
use crate::alipay::params::Params;
use crate::alipay::{agreement, amount, freeze, moment, sign, view};
use crate::front::Letter;
use crate::keys::random_text;
use crate::orders::{Happened, Order, Orders};
use crate::refunds::Refunds;
use crate::shared::Shared;
use crate::timers::About;
use crate::{SandboxError, dice, pace};

/// What goes into one.
struct News {
    url: String,
    mode: Mode,
    fields: Params,
}

impl Alipay {
    /// `None` when there is nobody to write to.
    pub(super) fn write_letter(
        &self,
        world: &Shared,
        about: About,
        forged: bool,
    ) -> Result<Option<Letter>, SandboxError> {
        let Some(News { url, mode, mut fields }) = news(world, about) else { return Ok(None) };
        // Notifications do not name the certificate, in certificate mode either.
        let (key, _) = self.keys().signer(mode);
        let signature = key.sign(sign::of_notification(&fields).as_bytes())?;
        fields.insert("sign_type".to_owned(), "RSA2".to_owned());
        fields.insert("sign".to_owned(), if forged { format!("{}==", random_text(342)) } else { signature });
        let body = Serializer::new(String::new()).extend_pairs(&fields).finish().into_bytes();
        let mut headers = HeaderMap::new();
        let form = HeaderValue::from_static("application/x-www-form-urlencoded; charset=utf-8");
        headers.insert(header::CONTENT_TYPE, form);
        Ok(Some(Letter { url, headers, body }))
    }
}

fn news(world: &Shared, about: About) -> Option<News> {
    let now_ms = world.pace.now_ms();
    let orders = world.orders();
    if let About::Agreement { agreement, event } = about {
        return of_agreement(&orders, agreement, event, now_ms);
    }
    let (order, mut fields) = match about {
        About::Order { order, event } => {
            let order = orders.list.get(order)?;
            let event = *order.events.get(event)?;
            if let Some(facts) = order.own.get::<HoldFacts>() {
                return of_hold(order, facts, event.at_ms, now_ms);
            }
            let mut fields = common(order, &notify_id(order.fate, 0, event.at_ms))?;
            if matches!(event.what, Happened::Expired | Happened::Declined) {
                put(&mut fields, "trade_status", "TRADE_CLOSED");
                put(&mut fields, "gmt_close", moment::write(order.tab.closed_at_ms.unwrap_or(event.at_ms)));
            } else {
                put(&mut fields, "trade_status", "TRADE_SUCCESS");
                put_payment(&mut fields, order);
            }
            (order, fields)
        }
        About::Agreement { .. } => return None,
        About::Refund { refund, event } => {
            let refund = orders.refunds.list.get(refund)?;
            let at_ms = refund.events.get(event)?.at_ms;
            let order = orders.list.get(refund.order)?;
            let mut fields = common(order, &notify_id(refund.fate, 1, at_ms))?;
            put_payment(&mut fields, order);
            put_refund(&mut fields, order, &orders.refunds, at_ms);
            put(&mut fields, "out_biz_no", refund.number.clone());
            (order, fields)
        }
    };
    put(&mut fields, "notify_time", moment::write(now_ms));
    let facts = order.own.get::<TradeFacts>()?;
    Some(News { url: facts.notify_url.clone()?, mode: facts.mode, fields })
}

/// Money was frozen.
fn of_hold(order: &Order, facts: &HoldFacts, at_ms: i64, now_ms: i64) -> Option<News> {
    let mut fields = Params::new();
    for (name, value) in [
        ("notify_type", "fund_auth_freeze"),
        ("notify_id", &notify_id(order.fate, 3, at_ms)),
        ("app_id", &order.account),
        ("auth_app_id", &order.account),
        ("charset", "utf-8"),
        ("version", "1.0"),
        ("status", "SUCCESS"),
        ("notify_time", &moment::write(now_ms)),
    ] {
        put(&mut fields, name, value);
    }
    for (name, value) in freeze::members(order, facts) {
        put(&mut fields, name, value);
    }
    Some(News { url: facts.notify_url.clone()?, mode: facts.mode, fields })
}

/// A signature, or an end.
fn of_agreement(orders: &Orders, position: usize, event: usize, now_ms: i64) -> Option<News> {
    let one = orders.agreements.list.get(position)?;
    let facts = one.own.get::<AgreementFacts>()?;
    let happened = *one.events.get(event)?;
    let signed = happened.what == AgreementNews::Signed;
    let mut fields = Params::new();
    for (name, value) in [
        ("notify_type", if signed { "dut_user_sign" } else { "dut_user_unsign" }),
        ("notify_id", &notify_id(one.fate, 2, happened.at_ms)),
        ("app_id", &one.account),
        ("auth_app_id", &one.account),
        ("charset", "utf-8"),
        ("version", "1.0"),
        ("status", if signed { "NORMAL" } else { "UNSIGN" }),
        ("notify_time", &moment::write(now_ms)),
    ] {
        put(&mut fields, name, value);
    }
    for (name, value) in agreement::members(one, facts) {
        put(&mut fields, name, value);
    }
    if !signed {
        put(&mut fields, "unsign_time", moment::write(happened.at_ms));
    }
    Some(News { url: facts.notify_url.clone()?, mode: facts.mode, fields })
}

fn common(order: &Order, notify_id: &str) -> Option<Params> {
    let facts = order.own.get::<TradeFacts>()?;
    let mut fields = Params::new();
    for (name, value) in [
        ("notify_type", "trade_status_sync"),
        ("notify_id", notify_id),
        ("app_id", &order.account),
        ("auth_app_id", &order.account),
        ("charset", "utf-8"),
        ("version", "1.0"),
        ("trade_no", &facts.trade_no),
        ("out_trade_no", &order.number),
        ("seller_id", &facts.seller_id),
        ("buyer_id", &view::buyer(order)),
        ("buyer_logon_id", "san***@sandbox.example"),
        ("subject", &order.description),
        ("total_amount", &amount::write(order.amount_minor)),
        ("gmt_create", &moment::write(order.met_at_ms.unwrap_or(order.tab.created_at_ms))),
    ] {
        put(&mut fields, name, value);
    }
    for (name, value) in [("body", &facts.body.body), ("passback_params", &facts.body.passback_params)] {
        if let Some(value) = value {
            put(&mut fields, name, value.clone());
        }
    }
    Some(fields)
}

fn put_payment(fields: &mut Params, order: &Order) {
    let total = amount::write(order.amount_minor);
    for name in ["receipt_amount", "invoice_amount", "buyer_pay_amount"] {
        put(fields, name, total.clone());
    }
    put(fields, "point_amount", "0.00");
    put(fields, "gmt_payment", moment::write(order.tab.paid_at_ms.unwrap_or_default()));
    // JSON inside a field, in the words of notifications.
    put(fields, "fund_bill_list", json!([{ "amount": total, "fundChannel": "ALIPAYACCOUNT" }]).to_string());
}

/// A part that went back leaves the trade a success; the whole closes it.
fn put_refund(fields: &mut Params, order: &Order, refunds: &Refunds, at_ms: i64) {
    let back = view::refunded_until(order, refunds, at_ms);
    let all = back >= order.amount_minor;
    put(fields, "trade_status", if all { "TRADE_CLOSED" } else { "TRADE_SUCCESS" });
    put(fields, "refund_fee", amount::write(back));
    put(fields, "gmt_refund", moment::write_fine(at_ms));
    if all {
        put(fields, "gmt_close", moment::write(at_ms));
    }
}

fn put(fields: &mut Params, name: &str, value: impl Into<String>) {
    fields.insert(name.to_owned(), value.into());
}

/// The same in every attempt.
fn notify_id(fate: u64, kind: u64, at_ms: i64) -> String {
    let day: String = pace::beijing_digits(at_ms).chars().take(8).collect();
    let draw = |n: u64| dice::draw(&[fate, 30, kind, n, u64::try_from(at_ms).unwrap_or(0)]) % 10_000_000_000_000;
    format!("{day}{:013}{:013}", draw(0), draw(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_notifications_id_has_34_digits_and_belongs_to_one_event() {
        let id = notify_id(5, 0, 1_528_425_296_000);
        assert!(id.len() == 34 && id.starts_with("20180608"), "{id}");
        assert_eq!(id, notify_id(5, 0, 1_528_425_296_000));
        assert_ne!(id, notify_id(5, 1, 1_528_425_296_000));
    }
}
