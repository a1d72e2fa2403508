//! What WeChat keeps of what the merchant did not ask for through this sandbox: it knows the facts that rows and answers
//! need, and must never decide whether it is lawful.

use serde_json::Value;

use crate::by_hand::{ELSEWHERE, HandMade, HandRefund, ON_THE_PAGES, Sale, Sold};
use crate::orders::Order;
use crate::own::Own;
use crate::pace::beijing_digits;
use crate::wechat::account::Merchant;
use crate::wechat::body::{CreateBody, Kind, check_number};
use crate::wechat::front::{OrderFacts, RefundFacts};
use crate::wechat::platform::SignWith;
use crate::wechat::refund_body::{Of, RefundBody};

/// A sale by another of the merchant's programs, as a code to scan.
pub(super) fn sold(merchant: &Merchant, sale: &Sale<'_>) -> Option<Sold> {
    check_number(sale.number).ok().filter(|()| (6..=32).contains(&sale.number.len()))?;
    let body = CreateBody {
        kind: Kind::Native,
        appid: merchant.account.appids.first()?.clone(),
        mchid: merchant.account.mchid.clone(),
        description: ELSEWHERE.to_owned(),
        out_trade_no: sale.number.to_owned(),
        total_fen: sale.amount_minor,
        notify_url: String::new(),
        attach: None,
        openid: None,
        expires_at_ms: None,
        whole: Value::Null,
    };
    Some(Sold { own: Own::new(OrderFacts { body, sign_with: SignWith::PublicKey }), names: Vec::new() })
}

/// A refund on the merchant's pages.
pub(super) fn refunded(order: &Order, wish: &HandRefund<'_>) -> Option<HandMade> {
    let body = RefundBody {
        of: Of::Transaction(order.tab.transaction_id.clone()?),
        out_refund_no: wish.number.to_owned(),
        reason: Some(ON_THE_PAGES.to_owned()),
        notify_url: None,
        refund_fen: wish.amount_minor,
        total_fen: order.amount_minor,
        whole: Value::Null,
    };
    let day: String = beijing_digits(wish.now_ms).chars().take(8).collect();
    Some(HandMade {
        own: Own::new(RefundFacts { body, sign_with: SignWith::PublicKey }),
        refund_id: format!("50000{:05}{day}{:010}", wish.fate % 100_000, wish.serial),
        number: wish.number.to_owned(),
        scope: wish.number.to_owned(),
    })
}
