//! The payer's side of Alipay: pages and app orders whose signed text the payer's device brings along, and
//! codes that it scans. It knows that such an order exists from that moment on; what the payer does then is
//! the common payers'.

use std::sync::Arc;

use crate::Channel;
use crate::alipay::front::Alipay;
use crate::alipay::order_body::{Kind, OrderBody};
use crate::alipay::params::{self, Params};
use crate::alipay::refusal::Refusal;
use crate::alipay::{agreement, freeze, trade, verify};
use crate::door::{Door, Opened};
use crate::fates::Subject;
use crate::reply::Reply;
use crate::shared::Shared;

/// The path of the gateway.
pub(crate) const PATH: &str = "/gateway.do";

/// Opens what belongs to Alipay; `None`: it does not.
pub(crate) fn open(alipay: &Alipay, world: &Shared, door: &Door) -> Option<Result<Opened, String>> {
    let params = match door {
        Door::Qr(code) => {
            return code.starts_with("https://qr.alipay.com/").then(|| scan(alipay, world, code).map(Opened::Order));
        }
        Door::Url(url) => params::read(query_of(url)?, b"", None),
        Door::Form { action, fields } => params::of_form(query_of(action)?, fields),
        // An app's order is the query of a page without its address.
        Door::OrderString(text)
            if text.contains("alipay.trade.app.pay")
                || text.contains(agreement::PAGE_METHOD)
                || text.contains(freeze::APP_METHOD) =>
        {
            params::read(text, b"", None)
        }
        Door::OrderString(_) => return None,
    };
    Some(params.and_then(|params| come_in(world, &params)).map_err(|refusal| refusal.body().to_string()))
}

/// The order, or the agreement, of a signed page.
fn come_in(world: &Shared, params: &Params) -> Result<Opened, Refusal> {
    if params.get("method").is_some_and(|method| method == agreement::PAGE_METHOD) {
        return agreement::enter(world, params).map(Opened::Agreement);
    }
    if params.get("method").is_some_and(|method| method == freeze::APP_METHOD) {
        return freeze::open(world, params).map(Opened::Order);
    }
    enter(world, params).map(Opened::Order)
}

/// The query of an address of the gateway.
fn query_of(url: &str) -> Option<&str> {
    let (address, query) = url.split_once('?').unwrap_or((url, ""));
    address.ends_with(PATH).then_some(query)
}

/// A payer's device scans a code.
fn scan(alipay: &Alipay, world: &Shared, code: &str) -> Result<usize, String> {
    let now_ms = world.pace.now_ms();
    let mut orders = world.orders();
    let mut apps = alipay.app_ids();
    let position = apps.find_map(|app_id| orders.position_of(Channel::Alipay, app_id, code));
    let position = position.ok_or("the code is unknown")?;
    let order = orders.at(position, now_ms).ok_or("the code is unknown")?;
    if !order.is_payable(now_ms) {
        return Err("the code is used or dead".to_owned());
    }
    order.met_at_ms.get_or_insert(now_ms);
    Ok(position)
}

/// The order of a signed page: it is entered now, and its payer decides when to act. Opened again, it is the
/// same order with the same payer.
pub(crate) fn enter(world: &Shared, params: &Params) -> Result<usize, Refusal> {
    let app = verify::app(&world.alipay, params)?;
    let request = verify::verify(&world.alipay, app, params, None)?;
    let method = params.get("method").map(String::as_str).unwrap_or_default();
    let kind = Kind::of_page(method).ok_or_else(|| Refusal::invalid("method", "is no page for payers"))?;
    let body = OrderBody::read(kind, &request.biz_content)?;
    let subject =
        Subject::Create { number: &body.out_trade_no, description: &body.subject, amount_minor: body.total_fen };
    let fate = world.draw(app.asker(), subject).fate;
    let created = trade::create(world, &request, body, fate)?;
    if created.fresh {
        world.payer_arrives(created.position);
    } else if let Some(order) = world.orders().list.get_mut(created.position) {
        order.met_at_ms.get_or_insert(world.pace.now_ms());
    }
    Ok(created.position)
}

/// What a payer's browser is shown.
pub(crate) fn shown(world: &Arc<Shared>, params: &Params) -> Reply {
    let (status, text) = match come_in(world, params) {
        Ok(Opened::Agreement(_)) => (200, "支付宝：请签约".to_owned()),
        Ok(Opened::Order(_)) => (200, "支付宝收银台：请付款".to_owned()),
        Err(refusal) => {
            world.tally.refusal(&refusal.sub_code);
            // It may echo what was sent; nothing of it is markup.
            let text = refusal.body().to_string();
            (200, text.replace('&', "&amp;").replace('<', "&lt;"))
        }
    };
    Reply::new(status, "text/html;charset=utf-8", format!("<html><body><p>{text}</p></body></html>"))
}
