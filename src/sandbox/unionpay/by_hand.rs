//! What UnionPay keeps of what the merchant did not ask for through this sandbox: it knows the fields that files and
//! answers need, and must never decide whether it is lawful.

use crate::by_hand::{HandMade, HandRefund, Sale, Sold};
use crate::orders::Order;
use crate::own::Own;
use crate::pace::beijing_digits;
use crate::unionpay::fields::Fields;
use crate::unionpay::front::{OrderFacts, RefundFacts};
use crate::unionpay::request::Name;
use crate::unionpay::story;

fn fields(mer_id: &str, number: &str, kind: &str, part: &str, fen: i64, now_ms: i64) -> Fields {
    let mut fields = Fields::default();
    for (name, value) in [
        ("version", "5.1.0"),
        ("encoding", "UTF-8"),
        ("merId", mer_id),
        ("accessType", "0"),
        ("bizType", "000201"),
        ("currencyCode", "156"),
        ("txnType", kind),
        ("txnSubType", part),
        ("orderId", number),
        ("txnTime", &beijing_digits(now_ms)),
        ("txnAmt", &fen.to_string()),
    ] {
        fields.set(name, value);
    }
    fields
}

/// A purchase by another of the merchant's programs.
pub(super) fn sold(mer_id: &str, sale: &Sale<'_>) -> Option<Sold> {
    let request = fields(mer_id, sale.number, "01", "01", sale.amount_minor, sale.now_ms);
    let name = Name::read(&request, "orderId", "txnTime").ok()?;
    let unique = name.unique();
    Some(Sold { own: Own::new(OrderFacts { request, name, tn: String::new() }), names: vec![unique] })
}

/// A refund on the merchant's pages.
pub(super) fn refunded(order: &Order, wish: &HandRefund<'_>) -> Option<HandMade> {
    let mut request = fields(&order.account, wish.number, "04", "00", wish.amount_minor, wish.now_ms);
    request.set("origQryId", order.tab.transaction_id.clone()?);
    let name = Name::read(&request, "orderId", "txnTime").ok()?;
    Some(HandMade {
        refund_id: story::query_id(wish.fate, wish.now_ms, wish.serial),
        number: wish.number.to_owned(),
        scope: name.unique(),
        own: Own::new(RefundFacts { request, name }),
    })
}
