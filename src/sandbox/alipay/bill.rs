//! The call for bills: it knows its members, when a bill can be had, and that its file is fetched without a signature
//! from a link that lives a moment; what stands in one is written elsewhere.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use bursar_core::bank::Day;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::Channel;
use crate::alipay::biz::Biz;
use crate::alipay::refusal::Refusal;
use crate::alipay::verify::Verified;
use crate::alipay::{account_bill, trade_bill};
use crate::bills::flaws::BillName;
use crate::bills::terms::{beijing_day, beijing_hour};
use crate::fates::Subject;
use crate::misbehave;
use crate::reply::Reply;
use crate::serve::hang_up;
use crate::shared::Shared;

/// When yesterday's bills can be had, in Beijing.
const GIVEN_FROM_HOUR: i64 = 9;
/// How long a link lives.
const LINK_LIVES_MS: i64 = 30_000;
/// How long bills can be had: six years.
const KEPT_DAYS: i64 = 6 * 366;
/// Where files are fetched. The real address is on a host of its own.
const FILES: &str = "/downloadBillFile";

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BillWish {
    /// Of funds; else of trades.
    funds: bool,
    day: Day,
}

fn wrong(why: &str) -> Refusal {
    // The documents spell it so.
    Refusal::business("INVAILID_ARGUMENTS", why)
}

impl BillWish {
    pub(crate) fn read(biz_content: &str) -> Result<Self, Refusal> {
        let biz = Biz::read(biz_content, &["bill_type", "bill_date", "smid"])?;
        let funds = match biz.needed("bill_type", 20)?.as_str() {
            "trade" => false,
            "signcustomer" => true,
            _ => return Err(Refusal::business("TYPE_NOT_SUPPORTED", "账单类型不支持")),
        };
        // Bills of months are not made here.
        let day = biz.needed("bill_date", 15)?.parse().map_err(|_| wrong("bill_date 无效"))?;
        Ok(Self { funds, day })
    }
}

/// Gives the link to a bill. `host`: the address at which the gateway was called.
pub(crate) fn ask(world: &Shared, request: &Verified<'_>, wish: &BillWish, host: &str) -> Result<Value, Refusal> {
    let (account, now_ms) = (&request.app.account, world.pace.now_ms());
    let (today, day) = (beijing_day(now_ms), wish.day);
    if today.days_since(day) > KEPT_DAYS {
        return Err(Refusal::business("BILL_DATE_BEFORE_REGISTRATION", "账单日期早于签约日期"));
    }
    if now_ms < beijing_hour(day.plus_days(1), GIVEN_FROM_HOUR) {
        return Err(Refusal::business("isp.bill_not_exist", "账单不存在"));
    }
    let whose = (Channel::Alipay, account.app_id.as_str());
    let orders = world.orders();
    let file = if wish.funds {
        let name = BillName { channel: Channel::Alipay, account: account.app_id.clone(), day, funds: true };
        let sheet = world.blank(name);
        let flows = world.flows(&orders, whose, sheet.day);
        account_bill::write(&orders, &account.seller_id, &flows, &sheet, now_ms)
    } else {
        let sheet = world.sheet(&orders, whose, day);
        trade_bill::write(&orders, &account.seller_id, &sheet, now_ms)
    };
    drop(orders);
    let file = file.ok_or_else(|| Refusal::business("NO_BILL_DATA", "没有账单数据"))?;
    let token = world.tickets.keep(whose, file, now_ms, now_ms.saturating_add(LINK_LIVES_MS));
    Ok(json!({ "bill_download_url": format!("http://{host}{FILES}?bizType={}&token={token}", kind(wish)) }))
}

const fn kind(wish: &BillWish) -> &'static str {
    if wish.funds { "signcustomer" } else { "trade" }
}

/// Where the links lead.
pub(crate) fn routes() -> Router<Arc<Shared>> {
    Router::new().route(FILES, get(fetch))
}

#[derive(Deserialize)]
struct Link {
    token: Option<String>,
}

async fn fetch(State(world): State<Arc<Shared>>, Query(link): Query<Link>) -> Response {
    if !world.request_arrives() {
        return hang_up();
    }
    let found = world.tickets.find(&link.token.unwrap_or_default(), world.pace.now_ms());
    let Some(file) = found.filter(|one| one.channel == Channel::Alipay) else {
        world.tally.refusal("alipay.bill_link");
        return (StatusCode::FORBIDDEN, "<html><body>链接已失效</body></html>").into_response();
    };
    world.tally.operation("alipay.bill_file");
    let Some(app) = world.alipay.app(&file.account) else { return StatusCode::FORBIDDEN.into_response() };
    let drawn = world.draw(app.asker(), Subject::Other);
    let fault = world.struck(drawn.request);
    let busy = |_| StatusCode::SERVICE_UNAVAILABLE.into_response();
    if let Some(response) = misbehave::before_effect(&world, fault, drawn.request, busy).await {
        return response;
    }
    let reply = Reply::new(200, "application/zip", file.bytes.to_vec());
    // There is no signature to spoil.
    misbehave::after_effect(&world, fault, drawn.request, reply, |_, _| {}).await
}
