//! The bill of funds: each change of the account's balance. It knows the columns and their words, and must never decide
//! what is told.

use crate::alipay::amount::write as yuan;
use crate::alipay::bill_text::{Leaf, pack, text};
use crate::alipay::moment::write as moment;
use crate::bills::flows::{Cause, Flow};
use crate::bills::movement::What;
use crate::bills::sheet::Sheet;
use crate::orders::Orders;

const COLUMNS: &str = "账务流水号,业务流水号,商户订单号,商品名称,发生时间,对方账号,收入金额（+元）,支出金额（-元）,账户余额（元）,交易渠道,\
    业务类型,备注";
const SUMMARY: &str = "业务类型,收入笔数,收入金额（+元）,支出笔数,支出金额（-元）,总金额（元）";

/// The packed bill, or `None` when there is nothing to tell.
pub(super) fn write(orders: &Orders, seller_id: &str, flows: &[Flow], sheet: &Sheet, now_ms: i64) -> Option<Vec<u8>> {
    if flows.is_empty() && sheet.is_empty() {
        return None;
    }
    let mut rows: Vec<_> = flows.iter().map(|flow| row(orders, sheet.whose(seller_id), flow)).collect();
    rows.extend(sheet.garbage());
    let (mut came, mut went) = ((0_u64, sheet.off_minor()), (0_u64, 0_i64));
    for flow in flows {
        let sum = if flow.signed_minor > 0 { &mut came } else { &mut went };
        *sum = (sum.0 + 1, sum.1.saturating_add(flow.signed_minor));
    }
    let summed = [
        text("合计"),
        came.0.to_string(),
        yuan(came.1),
        went.0.to_string(),
        yuan(went.1),
        yuan(came.1.saturating_add(went.1)),
    ];
    let summary = Leaf {
        title: "账务明细汇总",
        name: "账务明细(汇总)",
        columns: SUMMARY,
        rows: vec![summed.join(",")],
        sums: Vec::new(),
    };
    let sums = vec![
        format!("支出合计：{}笔，共{}元", went.0, yuan(went.1)),
        format!("收入合计：{}笔，共{}元", came.0, yuan(came.1)),
    ];
    let details = Leaf { title: "账务明细", name: "账务明细", columns: COLUMNS, rows, sums };
    Some(pack(seller_id, sheet, now_ms, [summary, details]))
}

fn row(orders: &Orders, seller_id: &str, flow: &Flow) -> String {
    let order = flow.movement().and_then(|one| orders.list.get(one.order));
    let refund = flow.movement().and_then(|one| orders.refunds.list.get(one.refund?));
    let (business, remark) = match &flow.cause {
        Cause::Paid(paid) => (paid.reference.clone(), format!("{}结算款提现", paid.day)),
        Cause::Moved(one) | Cause::Fee(one) => {
            (one.transaction_id.clone(), refund.map(|refund| refund.number.clone()).unwrap_or_default())
        }
    };
    let (comes, goes) = match flow.signed_minor {
        minor if minor > 0 => (yuan(minor), yuan(0)),
        minor => (yuan(0), yuan(minor)),
    };
    let cells = [
        text(&flow.serial(seller_id)),
        text(&business),
        text(order.map_or("", |order| order.number.as_str())),
        text(order.map_or("", |order| order.description.as_str())),
        text(&moment(flow.at_ms)),
        text(if order.is_some() { "*三(san***@sandbox.example)" } else { "" }),
        comes,
        goes,
        yuan(flow.balance_minor),
        text("支付宝"),
        text(kind(flow)),
        text(&remark),
    ];
    cells.join(",")
}

/// A fee that comes back is of the same kind as one that is kept.
fn kind(flow: &Flow) -> &'static str {
    match &flow.cause {
        Cause::Paid(_) => "提现",
        Cause::Fee(_) => "收费",
        Cause::Moved(one) => match one.what {
            What::Refund => "交易退款",
            What::Payment | What::Return | What::Dispute | What::DisputeWon => "在线支付",
        },
    }
}
