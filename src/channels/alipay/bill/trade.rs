//! The business bill (业务明细): it knows its columns and what its rows mean, and must never know our payments.

use std::mem;

use bursar_core::bank::Day;
use bursar_core::channel::ChannelKind;
use bursar_core::reconcile::{BillLine, EntryKind, EntryStatus};

use super::sheet::{Layout, Next, Row, Sheet, Trailer};
use crate::bill::{BillError, BillFile, BillLines, own};

const TRADE: &str = "支付宝交易号";
const NUMBER: &str = "商户订单号";
const TYPE: &str = "业务类型";
const AT: &str = "完成时间";
const TOTAL: &str = "订单金额(元)";
const RECEIVED: &str = "商家实收(元)";
const DISCOUNT: &str = "商家优惠(元)";
const REQUEST: &str = "退款批次号/请求号";
const FEE: &str = "服务费(元)";

#[rustfmt::skip]
const COLUMNS: [&str; 25] = [
    TRADE, NUMBER, TYPE, "商品名称", "创建时间", AT, "门店编号", "门店名称", "操作员", "终端号", "对方账户", TOTAL, RECEIVED,
    "支付宝红包(元)", "集分宝(元)", "支付宝优惠(元)", DISCOUNT, "券核销金额(元)", "券名称", "商家红包消费金额(元)",
    "卡消费金额(元)", REQUEST, FEE, "分润(元)", "备注",
];

/// People write into 商品名称 and 备注; by 完成时间 and 服务费 it is seen where the commas were.
static LAYOUT: Layout = Layout { name: "业务明细", columns: &COLUMNS, free: [3, 24], proofs: [5, 22] };

/// Rows of one kind: how many, what was received, and what the merchant gave besides.
#[derive(Clone, Copy, Default)]
struct Sums {
    rows: u64,
    fen: [i64; 2],
}

/// A business bill that is read.
pub(super) struct Trade {
    sheet: Sheet,
    day: Day,
    taken: Sums,
    returned: Sums,
    ordinal: u32,
    ended: bool,
}

impl Trade {
    pub(super) fn open(day: Day, seller_id: &str, file: &BillFile) -> Result<Self, BillError> {
        let sheet = Sheet::open(file, &LAYOUT, seller_id, day)?;
        Ok(Self { sheet, day, taken: Sums::default(), returned: Sums::default(), ordinal: 0, ended: false })
    }

    fn line(&mut self, row: &Row) -> Result<BillLine, BillError> {
        let at = row.time(AT)?;
        let found = ChannelKind::Alipay.business_day(at);
        if found != self.day {
            return Err(BillError::WrongDay { found: found.to_string(), expected: self.day });
        }
        let (total, fee) = (row.fen(TOTAL)?, row.fen(FEE)?);
        let sums = match row.cell(TYPE) {
            "交易" => &mut self.taken,
            "退款" => &mut self.returned,
            other => {
                let other: String = other.chars().take(32).collect();
                return Err(row.wrong(TYPE, format!("`{other}` is not known")));
            }
        };
        sums.rows += 1;
        for (sum, name) in sums.fen.iter_mut().zip([RECEIVED, DISCOUNT]) {
            *sum = sum.saturating_add(row.fen(name)?);
        }
        self.ordinal = self.ordinal.saturating_add(1);
        let number = own::spelled(row.cell(NUMBER));
        let line = BillLine {
            ordinal: self.ordinal,
            kind: EntryKind::Capture,
            status: EntryStatus::Done,
            number,
            payment_number: None,
            payment_channel_id: None,
            channel_id: row.cell(TRADE).to_owned(),
            amount_minor: total,
            currency: "CNY".to_owned(),
            // What is kept is written as what leaves the account.
            fee_minor: -fee,
            at,
            order_number: None,
        };
        if row.cell(TYPE) == "交易" {
            return if total < 0 { Err(row.wrong(TOTAL, "what was taken is negative")) } else { Ok(line) };
        }
        if total > 0 {
            return Err(row.wrong(TOTAL, "what was given back is not negative"));
        }
        // The merchant's number of a refund is the channel's too. Where none was sent it is that of the trade.
        let request = Some(row.cell(REQUEST)).filter(|text| !text.is_empty());
        let leg = request.map_or_else(|| line.number.clone(), own::spelled);
        Ok(BillLine {
            kind: EntryKind::Refund,
            payment_number: own::some(&line.number),
            payment_channel_id: None,
            channel_id: leg.clone(),
            number: leg,
            amount_minor: -total,
            ..line
        })
    }

    fn tie(&self, trailer: &Trailer) -> Result<(), BillError> {
        let sides = [
            ("交易合计", ["交易合计笔数", "交易合计金额"], self.taken),
            ("退款合计", ["退款合计笔数", "退款合计金额"], self.returned),
        ];
        for (name, names, sums) in sides {
            match trailer.of(name) {
                Some(summary) => summary.tie(names, sums.rows, &sums.fen)?,
                None if self.ordinal == 0 => {}
                None => return Err(BillError::CutOff(format!("{name} is missing"))),
            }
        }
        Ok(())
    }
}

impl BillLines for Trade {
    fn next(&mut self) -> Result<Option<BillLine>, BillError> {
        if mem::replace(&mut self.ended, true) {
            return Ok(None);
        }
        match self.sheet.next()? {
            Next::End(trailer) => self.tie(&trailer).map(|()| None),
            Next::Data(row) => {
                let line = self.line(&row)?;
                self.ended = false;
                Ok(Some(line))
            }
        }
    }
}
