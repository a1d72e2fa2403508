//! The bill of trades: the payments and refunds of a day. It knows the columns and their words, and must never decide
//! what is told.

use crate::alipay::amount::write as yuan;
use crate::alipay::bill_text::{Leaf, pack, text};
use crate::alipay::front::TradeFacts;
use crate::alipay::moment::write as moment;
use crate::bills::movement::{Movement, What};
use crate::bills::sheet::Sheet;
use crate::orders::Orders;

const COLUMNS: &str = "支付宝交易号,商户订单号,业务类型,商品名称,创建时间,完成时间,门店编号,门店名称,操作员,终端号,对方账户,\
    订单金额（元）,商家实收（元）,支付宝红包（元）,集分宝（元）,支付宝优惠（元）,商家优惠（元）,券核销金额（元）,券名称,\
    商家红包消费金额（元）,卡消费金额（元）,退款批次号/请求号,服务费（元）,分润（元）,备注";
const SUMMARY: &str = "门店编号,门店名称,交易订单总笔数,退款订单总笔数,订单金额（元）,商家实收（元）,支付宝优惠（元）,商家优惠（元）,\
    卡消费金额（元）,服务费（元）,分润（元）,实收净额（元）";

/// The packed bill, or `None` when there is nothing to tell.
pub(super) fn write(orders: &Orders, seller_id: &str, sheet: &Sheet, now_ms: i64) -> Option<Vec<u8>> {
    if sheet.is_empty() {
        return None;
    }
    let mut rows = Vec::with_capacity(sheet.lines.len());
    let (mut paid, mut back, mut fees) = ((0_u64, 0_i64), (0_u64, 0_i64), 0_i64);
    for one in &sheet.lines {
        let Some(row) = row(orders, one) else { continue };
        rows.push(row);
        let sum = if one.what == What::Payment { &mut paid } else { &mut back };
        *sum = (sum.0 + 1, sum.1.saturating_add(one.signed_minor()));
        fees = fees.saturating_sub(one.fee_minor);
    }
    rows.extend(sheet.garbage());
    paid.1 = paid.1.saturating_add(sheet.off_minor());
    let sums = vec![
        format!("交易合计：{}笔，商家实收共{}元，商家优惠共0.00元", paid.0, yuan(paid.1)),
        format!("退款合计：{}笔，商家实收退款共{}元，商家优惠退款共0.00元", back.0, yuan(back.1)),
    ];
    let (turnover, nothing) = (paid.1.saturating_add(back.1), yuan(0));
    let summed = [
        text("合计"),
        text(""),
        paid.0.to_string(),
        back.0.to_string(),
        yuan(turnover),
        yuan(turnover),
        nothing.clone(),
        nothing.clone(),
        nothing.clone(),
        yuan(fees),
        nothing,
        yuan(turnover.saturating_add(fees)),
    ];
    let summary = Leaf {
        title: "业务明细汇总",
        name: "业务明细(汇总)",
        columns: SUMMARY,
        rows: vec![summed.join(",")],
        sums: Vec::new(),
    };
    let details = Leaf { title: "业务明细", name: "业务明细", columns: COLUMNS, rows, sums };
    Some(pack(seller_id, sheet, now_ms, [summary, details]))
}

fn row(orders: &Orders, one: &Movement) -> Option<String> {
    let order = orders.list.get(one.order)?;
    let refund = one.refund.and_then(|position| orders.refunds.list.get(position));
    let facts = order.own.get::<TradeFacts>();
    let (amount, nothing) = (yuan(one.signed_minor()), yuan(0));
    let trade_no = facts.map_or(one.transaction_id.as_str(), |facts| facts.trade_no.as_str());
    let cells = [
        text(trade_no),
        text(&order.number),
        text(if refund.is_some() { "退款" } else { "交易" }),
        text(&order.description),
        text(&moment(order.tab.created_at_ms)),
        text(&moment(one.at_ms)),
        text(""),
        text(""),
        text(""),
        text(""),
        text("*三(san***@sandbox.example)"),
        amount.clone(),
        amount,
        nothing.clone(),
        nothing.clone(),
        nothing.clone(),
        nothing.clone(),
        nothing.clone(),
        text(""),
        nothing.clone(),
        nothing.clone(),
        text(refund.map_or("", |refund| refund.number.as_str())),
        // Below 0 it is kept, above it is given back.
        yuan(one.fee_minor.saturating_neg()),
        nothing,
        text(refund.and_then(|refund| refund.reason.as_deref()).unwrap_or_default()),
    ];
    Some(cells.join(","))
}
