//! The trade bill: the payments and refunds of a day, row by row. It knows the columns and their words, and must never
//! decide what is told.

use std::collections::HashSet;

use crate::bills::movement::{Movement, What};
use crate::bills::sheet::Sheet;
use crate::dice;
use crate::orders::{Order, Orders};
use crate::refunds::Refund;
use crate::wechat::bill_calls::Rows;
use crate::wechat::bill_text::{BOM, fine, moment, names, row, yuan};
use crate::wechat::front::OrderFacts;
use crate::wechat::service::ServiceFacts;

const ALL: &str = "交易时间,公众账号ID,商户号,特约商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,交易状态,付款银行,货币种类,\
    应结订单金额,代金券金额,微信退款单号,商户退款单号,退款金额,充值券退款金额,退款类型,退款状态,商品名称,商户数据包,手续费,费率,\
    订单金额,申请退款金额,费率备注";
const SUCCESS: &str = "交易时间,公众账号ID,商户号,特约商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,交易状态,付款银行,货币种类,\
    应结订单金额,代金券金额,商品名称,商户数据包,手续费,费率,订单金额,费率备注";
const REFUND: &str = "交易时间,公众账号ID,商户号,特约商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,交易状态,付款银行,货币种类,\
    应结订单金额,代金券金额,退款申请时间,退款成功时间,微信退款单号,商户退款单号,退款金额,充值券退款金额,退款类型,退款状态,商品名称,\
    商户数据包,返还手续费,费率,订单金额,申请退款金额";
const TOTALS: &str = "总交易单数,应结订单总金额,退款总金额,充值券退款总金额,手续费总金额,订单总金额,申请退款总金额";

/// What rows say of an order, whichever way it was made.
struct About {
    appid: String,
    openid: String,
    trade_type: &'static str,
    number: String,
    goods: String,
    /// What the merchant attached; of a service order WeChat writes there whose it is.
    attached: String,
}

fn about(order: &Order) -> About {
    let stranger = format!("oSandbox{:020}", order.fate);
    if let Some(facts) = order.own.get::<ServiceFacts>() {
        return About {
            appid: facts.body.appid.clone(),
            openid: facts.body.openid.clone().unwrap_or(stranger),
            trade_type: "AUTH",
            // The merchant's number of the service is none of an order: WeChat makes one.
            number: format!("{:032}", dice::draw(&[order.fate, 70])),
            goods: order.description.clone(),
            attached: format!("wxzff|{}|{}", facts.order_id, order.number),
        };
    }
    let body = order.own.get::<OrderFacts>().map(|facts| &facts.body);
    About {
        appid: body.map(|body| body.appid.clone()).unwrap_or_default(),
        openid: body.and_then(|body| body.openid.clone()).unwrap_or(stranger),
        trade_type: body.map_or("NATIVE", |body| body.kind.trade_type()),
        number: order.number.clone(),
        goods: order.description.clone(),
        attached: body.and_then(|body| body.attach.clone()).unwrap_or_default(),
    }
}

/// Sums for the last row, in fen.
#[derive(Default)]
struct Sums {
    rows: u64,
    paid: i64,
    refunded: i64,
    fees: i64,
}

/// The bill, or `None` when there is nothing to tell.
pub(super) fn write(orders: &Orders, mchid: &str, sheet: &Sheet, rows: Rows) -> Option<String> {
    let both = sent_and_came_back(&sheet.lines);
    let lines: Vec<_> = sheet.lines.iter().filter(|one| wanted(one, &both, rows)).collect();
    if lines.is_empty() && (rows != Rows::All || sheet.is_empty()) {
        return None;
    }
    let mut text = String::from(BOM);
    names(
        &mut text,
        match rows {
            Rows::All => ALL,
            Rows::Success => SUCCESS,
            Rows::Refund => REFUND,
        },
    );
    let mut sums = Sums::default();
    for one in lines {
        let Some(order) = orders.list.get(one.order) else { continue };
        let refund = one.refund.and_then(|position| orders.refunds.list.get(position));
        let (about, fee) = (about(order), fee_of(one, &both, rows));
        let mut cells = head(&about, mchid, sheet, one);
        let charged = [fine(fee), sheet.fees.rate()];
        match refund {
            None => paid(&mut cells, &about, charged, one, rows),
            Some(refund) => refunded(&mut cells, &about, charged, (one, refund), rows),
        }
        row(&mut text, &cells);
        sums.rows += 1;
        sums.fees = sums.fees.saturating_add(fee);
        let sum = if refund.is_some() { &mut sums.refunded } else { &mut sums.paid };
        *sum = sum.saturating_add(one.amount_minor);
    }
    for garbage in sheet.garbage() {
        names(&mut text, &garbage);
    }
    names(&mut text, TOTALS);
    let paid = sums.paid.saturating_add(sheet.off_minor());
    let last = [yuan(paid), yuan(sums.refunded), yuan(0), fine(sums.fees), yuan(paid), yuan(sums.refunded)];
    // The documents' example counts with a decimal place.
    let last: Vec<_> = [format!("{}.0", sums.rows)].into_iter().chain(last).collect();
    row(&mut text, &last);
    Some(text)
}

/// Refunds by position and turn.
type Turns = HashSet<(Option<usize>, usize)>;

/// The refunds that came back on the day of their success.
fn sent_and_came_back(lines: &[Movement]) -> Turns {
    let of = |what: What| lines.iter().filter(move |one| one.what == what).map(|one| (one.refund, one.nth));
    let sent: Turns = of(What::Refund).collect();
    of(What::Return).filter(|turn| sent.contains(turn)).collect()
}

/// Whether a movement has a row. A refund that came back on the day of its success has one row, not two.
fn wanted(one: &Movement, both: &Turns, rows: Rows) -> bool {
    match one.what {
        What::Payment => rows != Rows::Refund,
        What::Refund => rows != Rows::Success && !both.contains(&(one.refund, one.nth)),
        What::Return => rows != Rows::Success,
        What::Dispute | What::DisputeWon => false,
    }
}

/// The fee as it is written: a bill of refunds says what is given back. What was given back and kept again on one day
/// is nothing.
fn fee_of(one: &Movement, both: &Turns, rows: Rows) -> i64 {
    let nothing = one.refund.is_some() && both.contains(&(one.refund, one.nth));
    let fee = if nothing { 0 } else { one.fee_minor };
    if rows == Rows::Refund { fee.saturating_neg() } else { fee }
}

/// The cells that begin every row.
fn head(about: &About, mchid: &str, sheet: &Sheet, one: &Movement) -> Vec<String> {
    let state = if one.refund.is_some() { "REFUND" } else { "SUCCESS" };
    [
        moment(one.at_ms),
        about.appid.clone(),
        sheet.whose(mchid).to_owned(),
        "0".to_owned(),
        String::new(),
        one.transaction_id.clone(),
        about.number.clone(),
        about.openid.clone(),
        about.trade_type.to_owned(),
        state.to_owned(),
        "OTHERS".to_owned(),
        one.currency.clone(),
    ]
    .into()
}

fn paid(cells: &mut Vec<String>, about: &About, charged: [String; 2], one: &Movement, rows: Rows) {
    let (amount, nothing) = (yuan(one.amount_minor), yuan(0));
    cells.extend([amount.clone(), nothing.clone()]);
    if rows == Rows::All {
        let none = "0".to_owned();
        cells.extend([none.clone(), none, nothing.clone(), nothing.clone(), String::new(), String::new()]);
    }
    cells.extend([about.goods.clone(), about.attached.clone()]);
    cells.extend(charged);
    cells.push(amount);
    if rows == Rows::All {
        cells.push(nothing);
    }
    cells.push(String::new());
}

fn refunded(
    cells: &mut Vec<String>,
    about: &About,
    charged: [String; 2],
    (one, refund): (&Movement, &Refund),
    rows: Rows,
) {
    let (amount, nothing) = (yuan(one.amount_minor), yuan(0));
    cells.extend([nothing.clone(), nothing.clone()]);
    if rows == Rows::Refund {
        cells.extend([moment(refund.tab.created_at_ms), moment(one.at_ms)]);
    }
    let way = if refund.tab.applications > 0 { "OTHER_BANKCARD" } else { "ORIGINAL" };
    // The word for money that came back is not confirmed: it is that of a query.
    let state = if one.what == What::Return { "ABNORMAL" } else { "SUCCESS" };
    cells.extend([refund.refund_id.clone(), refund.number.clone(), amount.clone(), nothing.clone()]);
    cells.extend([way.to_owned(), state.to_owned(), about.goods.clone(), about.attached.clone()]);
    cells.extend(charged);
    cells.extend([nothing, amount]);
    if rows == Rows::All {
        cells.push(String::new());
    }
}
