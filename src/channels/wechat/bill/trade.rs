//! The trade bill (交易账单, all of it): it knows its columns and what its rows mean, and must never know our payments.

use std::mem;

use bursar_core::bank::Day;
use bursar_core::channel::ChannelKind;
use bursar_core::reconcile::{BillLine, EntryKind, EntryStatus};

use super::rows::{Layout, Next, Row, Rows};
use crate::beijing;
use crate::bill::{BillError, BillFile, BillLines, decimal, own};

const AT: &str = "交易时间";
const MERCHANT: &str = "商户号";
const TRANSACTION: &str = "微信订单号";
const NUMBER: &str = "商户订单号";
const TYPE: &str = "交易类型";
const STATE: &str = "交易状态";
const CURRENCY: &str = "货币种类";
const SETTLED: &str = "应结订单金额";
const REFUND_ID: &str = "微信退款单号";
const REFUND_NUMBER: &str = "商户退款单号";
const REFUNDED: &str = "退款金额";
const COUPONS: &str = "充值券退款金额";
const REFUND_STATE: &str = "退款状态";
const ATTACH: &str = "商户数据包";
const FEE: &str = "手续费";
const ORDERED: &str = "订单金额";
const ASKED: &str = "申请退款金额";

#[rustfmt::skip]
const COLUMNS: [&str; 27] = [
    AT, "公众账号ID", MERCHANT, "特约商户号", "设备号", TRANSACTION, NUMBER, "用户标识", TYPE, STATE, "付款银行", CURRENCY,
    SETTLED, "代金券金额", REFUND_ID, REFUND_NUMBER, REFUNDED, COUPONS, "退款类型", REFUND_STATE, "商品名称", ATTACH, FEE,
    "费率", ORDERED, ASKED, "费率备注",
];
/// Columns of merchants without the extension for coupons: the same without the last three.
const OLDER: &[&str] = COLUMNS.split_at(24).0;
/// 商品名称: what people write.
const FREE: usize = 20;

const TOTALS: [&str; 7] =
    ["总交易单数", "应结订单总金额", "退款总金额", "充值券退款总金额", "手续费总金额", "订单总金额", "申请退款总金额"];
const OLDER_TOTALS: &[&str] = TOTALS.split_at(5).0;

static LAYOUTS: [Layout; 2] = [
    Layout { columns: OLDER, free: FREE, totals: OLDER_TOTALS },
    Layout { columns: &COLUMNS, free: FREE, totals: &TOTALS },
];

/// How the channel marks a charge after the service: the order's number is its own, and ours is behind this.
const AFTER_SERVICE: &str = "wxzff|";

/// The sums that the totals are compared with: in fen, the fee in thousandths of one.
#[derive(Default)]
struct Sums {
    rows: u64,
    columns: [i64; 6],
}

/// What each total is the sum of; the first total counts the rows.
const SUMMED: [&str; 6] = [SETTLED, REFUNDED, COUPONS, FEE, ORDERED, ASKED];

/// A trade bill that is read.
pub(super) struct Trade {
    rows: Rows,
    day: Day,
    mchid: String,
    sums: Sums,
    ended: bool,
}

/// Thousandths for the fee, fen for all else.
fn amount(column: &str, text: &str) -> Result<i64, String> {
    if column == FEE { decimal::thousandths(text) } else { decimal::fen(text) }
}

fn not_negative(column: &'static str, row: &Row) -> Result<i64, BillError> {
    let fen = row.read_as(column, decimal::fen)?;
    if fen < 0 { Err(row.wrong(column, "it is negative")) } else { Ok(fen) }
}

impl Trade {
    pub(super) fn open(day: Day, mchid: &str, file: &BillFile) -> Result<Self, BillError> {
        let rows = Rows::open(file, &LAYOUTS)?;
        Ok(Self { rows, day, mchid: mchid.to_owned(), sums: Sums::default(), ended: false })
    }

    /// The columns that this layout sums up.
    fn summed(&self) -> &'static [&'static str] {
        SUMMED.split_at(self.rows.layout().totals.len().saturating_sub(1).min(SUMMED.len())).0
    }

    fn line(&mut self, row: &Row) -> Result<BillLine, BillError> {
        let merchant = row.cell(MERCHANT)?;
        if merchant != self.mchid {
            return Err(BillError::foreign(merchant, &self.mchid));
        }
        self.sums.rows += 1;
        let summed = self.summed();
        for (sum, column) in self.sums.columns.iter_mut().zip(summed) {
            *sum = sum.saturating_add(row.read_as(column, |text| amount(column, text))?);
        }
        let at = row.read_as(AT, |text| beijing::parse_wall(text).ok_or_else(|| "it is no time".to_owned()))?;
        let attach = row.cell(ATTACH)?;
        let after_service = attach.strip_prefix(AFTER_SERVICE).filter(|_| row.cell(TYPE) == Ok("AUTH"));
        let number = match after_service.and_then(|rest| rest.split_once('|')) {
            Some((_, ours)) => own::spelled(ours),
            None => own::spelled(row.cell(NUMBER)?),
        };
        let order = if after_service.is_none() && own::is_ours(&number) { own::some(attach) } else { None };
        let newer = self.rows.layout().columns.len() == COLUMNS.len();
        let found = ChannelKind::Wechat.business_day(at);
        let wrong_day = BillError::WrongDay { found: found.to_string(), expected: self.day };
        let line = BillLine {
            ordinal: u32::try_from(self.sums.rows).unwrap_or(u32::MAX),
            kind: EntryKind::Capture,
            status: EntryStatus::Done,
            number,
            payment_number: None,
            payment_channel_id: None,
            channel_id: row.cell(TRANSACTION)?.to_owned(),
            amount_minor: 0,
            currency: row.cell(CURRENCY)?.to_owned(),
            fee_minor: decimal::rounded(row.read_as(FEE, decimal::thousandths)?),
            at,
            order_number: order,
        };
        match row.cell(STATE)? {
            "SUCCESS" if found != self.day => Err(wrong_day),
            // What was ordered, whatever coupons paid of it; the older layout tells only what is settled.
            "SUCCESS" => {
                let amount_minor = not_negative(if newer { ORDERED } else { SETTLED }, row)?;
                Ok(BillLine { amount_minor, ..line })
            }
            // Whether the time of such a row is the payment's or the refund's is nowhere said.
            "REFUND" | "REVOKED" if found > self.day => Err(wrong_day),
            "REFUND" | "REVOKED" => Ok(BillLine {
                kind: EntryKind::Refund,
                status: refund_status(row)?,
                amount_minor: not_negative(if newer { ASKED } else { REFUNDED }, row)?,
                payment_number: own::some(&line.number),
                payment_channel_id: None,
                number: own::spelled(row.cell(REFUND_NUMBER)?),
                channel_id: row.cell(REFUND_ID)?.to_owned(),
                ..line
            }),
            other => Err(row.wrong(STATE, format!("`{}` is not known", other.chars().take(32).collect::<String>()))),
        }
    }

    fn tie(&self, totals: &Row) -> Result<(), BillError> {
        let mut names = TOTALS.iter();
        let count = names.next().copied().unwrap_or_default();
        let said = totals.read_as(count, decimal::count)?;
        if said != self.sums.rows {
            let found = self.sums.rows.to_string();
            return Err(BillError::Totals { what: count, said: said.to_string(), found });
        }
        for ((name, column), found) in names.zip(self.summed()).zip(self.sums.columns) {
            let said = totals.read_as(name, |text| amount(column, text))?;
            if said != found {
                let shown = if *column == FEE { decimal::written } else { decimal::yuan };
                return Err(BillError::Totals { what: name, said: shown(said), found: shown(found) });
            }
        }
        Ok(())
    }
}

fn refund_status(row: &Row) -> Result<EntryStatus, BillError> {
    match row.cell(REFUND_STATE)? {
        "SUCCESS" => Ok(EntryStatus::Done),
        // The payer's bank sent it back: the money waits at the channel for another way.
        "PROCESSING" | "CHANGE" | "ABNORMAL" => Ok(EntryStatus::Pending),
        "FAIL" | "REFUNDCLOSE" | "CLOSE" | "CLOSED" => Ok(EntryStatus::Failed),
        other => {
            let what = format!("`{}` is not known", other.chars().take(32).collect::<String>());
            Err(row.wrong(REFUND_STATE, what))
        }
    }
}

impl BillLines for Trade {
    fn next(&mut self) -> Result<Option<BillLine>, BillError> {
        if mem::replace(&mut self.ended, true) {
            return Ok(None);
        }
        match self.rows.next()? {
            Next::Totals(row) => self.tie(&row).map(|()| None),
            Next::Data(row) => {
                let line = self.line(&row)?;
                self.ended = false;
                Ok(Some(line))
            }
        }
    }
}
