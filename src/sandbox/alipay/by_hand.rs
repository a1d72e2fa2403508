//! What Alipay keeps of what the merchant did not ask for through this sandbox: it knows the facts that rows and answers
//! need, and must never decide whether it is lawful.

use serde_json::json;

use crate::alipay::account::App;
use crate::alipay::amount;
use crate::alipay::front::TradeFacts;
use crate::alipay::keys::Mode;
use crate::alipay::order_body::{Kind, OrderBody};
use crate::alipay::refund;
use crate::by_hand::{ELSEWHERE, HandMade, HandRefund, Sale, Sold};
use crate::orders::Order;
use crate::own::Own;
use crate::pace::beijing_digits;

/// A sale by another of the merchant's programs, as a code to scan.
pub(super) fn sold(app: &App, sale: &Sale<'_>) -> Option<Sold> {
    let total = amount::write(sale.amount_minor);
    let biz = json!({ "out_trade_no": sale.number, "total_amount": total, "subject": ELSEWHERE });
    let body = OrderBody::read(Kind::Qr, &biz.to_string()).ok()?;
    let day: String = beijing_digits(sale.now_ms).chars().take(8).collect();
    let trade_no = format!("{day}22001{:05}{:010}", sale.fate % 100_000, sale.serial);
    let facts = TradeFacts {
        trade_no: trade_no.clone(),
        qr_code: None,
        seller_id: app.account.seller_id.clone(),
        mode: Mode::PublicKey,
        notify_url: None,
        body,
    };
    Some(Sold { own: Own::new(facts), names: vec![trade_no] })
}

/// A refund on the merchant's pages.
pub(super) fn refunded(order: &Order, wish: &HandRefund<'_>) -> Option<HandMade> {
    order.own.get::<TradeFacts>()?;
    let scope = refund::scope(order, wish.number);
    Some(HandMade { own: Own::new(()), refund_id: scope.clone(), number: wish.number.to_owned(), scope })
}
