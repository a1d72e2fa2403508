//! The bill of funds: each change of the basic account's balance. It knows the columns and their words, and must never
//! decide what is told.

use crate::bills::flows::{Cause, Flow};
use crate::bills::movement::What;
use crate::bills::sheet::Sheet;
use crate::orders::Orders;
use crate::wechat::bill_text::{BOM, moment, names, row, yuan};

const COLUMNS: &str = "记账时间,微信支付业务单号,资金流水单号,业务名称,业务类型,收支类型,收支金额(元),账户结余(元),资金变更提交申请人,\
    备注,业务凭证号";
const TOTALS: &str = "资金流水总笔数,收入笔数,收入金额,支出笔数,支出金额";

/// The bill, or `None` when there is nothing to tell.
pub(super) fn write(orders: &Orders, mchid: &str, flows: &[Flow], sheet: &Sheet) -> Option<String> {
    if flows.is_empty() && sheet.is_empty() {
        return None;
    }
    let mut text = String::from(BOM);
    names(&mut text, COLUMNS);
    let (mut came, mut went) = ((0_u64, 0_i64), (0_u64, 0_i64));
    for flow in flows {
        let comes = flow.signed_minor > 0;
        let amount = flow.signed_minor.saturating_abs();
        let sum = if comes { &mut came } else { &mut went };
        *sum = (sum.0 + 1, sum.1.saturating_add(amount));
        let (name, kind, remark) = words(flow, comes);
        let (business, voucher, who) = numbers(orders, mchid, flow);
        row(
            &mut text,
            &[
                moment(flow.at_ms),
                business,
                flow.serial(sheet.whose(mchid)),
                name.to_owned(),
                kind.to_owned(),
                if comes { "收入" } else { "支出" }.to_owned(),
                yuan(amount),
                yuan(flow.balance_minor),
                who,
                remark,
                voucher,
            ],
        );
    }
    for garbage in sheet.garbage() {
        names(&mut text, &garbage);
    }
    names(&mut text, TOTALS);
    let count = |count: u64| format!("{count}.0");
    let off = sheet.off_minor();
    row(
        &mut text,
        &[count(came.0 + went.0), count(came.0), yuan(came.1.saturating_add(off)), count(went.0), yuan(went.1)],
    );
    Some(text)
}

/// Name, kind and remark. That of a refund that came back is not confirmed.
fn words(flow: &Flow, comes: bool) -> (&'static str, &'static str, String) {
    match &flow.cause {
        Cause::Paid(paid) => ("提现", "提现", format!("{}结算款提现至银行卡", paid.day)),
        Cause::Fee(_) if comes => ("退回交易手续费", "退回交易手续费", String::new()),
        Cause::Fee(_) => ("扣除交易手续费", "扣除交易手续费", String::new()),
        Cause::Moved(one) => match one.what {
            What::Refund => ("退款", "退款", format!("退款总金额{}元", yuan(one.amount_minor))),
            What::Return => ("退款退回", "退款", String::new()),
            What::Payment | What::Dispute | What::DisputeWon => ("交易", "交易", "结算单号".to_owned()),
        },
    }
}

/// Of the business and of its voucher, and who asked for it.
fn numbers(orders: &Orders, mchid: &str, flow: &Flow) -> (String, String, String) {
    if let Cause::Paid(paid) = &flow.cause {
        return (paid.reference.clone(), paid.reference.clone(), "system".to_owned());
    }
    let Some(one) = flow.movement() else { return <(String, String, String)>::default() };
    let refund = one.refund.and_then(|position| orders.refunds.list.get(position));
    match refund {
        Some(refund) => {
            let who = if flow.cause.what().is_some() { format!("{mchid}API") } else { "system".to_owned() };
            (refund.refund_id.clone(), format!("REF{}", refund.refund_id), who)
        }
        None => (one.transaction_id.clone(), one.transaction_id.clone(), "system".to_owned()),
    }
}
