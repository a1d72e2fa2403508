//! The account bill (账务明细): it knows its columns and what moved the account, and must never know our payments.

use std::mem;

use bursar_core::bank::Day;
use bursar_core::channel::ChannelKind;
use bursar_core::reconcile::{BillLine, EntryKind, EntryStatus};

use super::sheet::{Layout, Next, Row, Sheet, Trailer};
use crate::bill::{BillError, BillFile, BillLines, own};

const FLOW: &str = "账务流水号";
const BUSINESS: &str = "业务流水号";
const NUMBER: &str = "商户订单号";
const AT: &str = "发生时间";
const CAME: &str = "收入金额(+元)";
const WENT: &str = "支出金额(-元)";
const TYPE: &str = "业务类型";

#[rustfmt::skip]
const COLUMNS: [&str; 12] = [
    FLOW, BUSINESS, NUMBER, "商品名称", AT, "对方账号", CAME, WENT, "账户余额(元)", "交易渠道", TYPE, "备注",
];

/// People write into 商品名称 and 备注; by 发生时间 and 账户余额 it is seen where the commas were.
static LAYOUT: Layout = Layout { name: "账务明细", columns: &COLUMNS, free: [3, 11], proofs: [4, 8] };

/// An account bill that is read.
pub(super) struct Funds {
    sheet: Sheet,
    day: Day,
    /// Rows and fen that came in, and that went out.
    came: (u64, i64),
    went: (u64, i64),
    ended: bool,
}

impl Funds {
    pub(super) fn open(day: Day, seller_id: &str, file: &BillFile) -> Result<Self, BillError> {
        let sheet = Sheet::open(file, &LAYOUT, seller_id, day)?;
        Ok(Self { sheet, day, came: (0, 0), went: (0, 0), ended: false })
    }

    fn line(&mut self, row: &Row) -> Result<BillLine, BillError> {
        let at = row.time(AT)?;
        let found = ChannelKind::Alipay.business_day(at);
        if found != self.day {
            return Err(BillError::WrongDay { found: found.to_string(), expected: self.day });
        }
        let (came, went) = (row.fen(CAME)?, row.fen(WENT)?);
        if came < 0 {
            return Err(row.wrong(CAME, "it is negative"));
        }
        // What leaves is written with and without a sign.
        let went = went.abs();
        if came > 0 && went > 0 {
            return Err(row.wrong(WENT, "money came and went in one line"));
        }
        let comes = went == 0;
        let fen = came.max(went);
        let way = if comes { &mut self.came } else { &mut self.went };
        *way = (way.0 + 1, way.1.saturating_add(fen));
        let (kind, amount_minor) = meaning(row.cell(TYPE), comes, fen);
        let ours = Some(row.cell(NUMBER)).filter(|text| own::is_ours(text)).map(own::spelled);
        let (number, payment_number) = match kind {
            EntryKind::Capture => (ours.unwrap_or_default(), None),
            // It tells of the payment only.
            EntryKind::Refund => (String::new(), ours),
            _ => (String::new(), None),
        };
        Ok(BillLine {
            ordinal: u32::try_from(self.came.0 + self.went.0).unwrap_or(u32::MAX),
            kind,
            status: EntryStatus::Done,
            number,
            payment_number,
            payment_channel_id: None,
            channel_id: row.cell(if kind == EntryKind::Capture { BUSINESS } else { FLOW }).to_owned(),
            amount_minor,
            currency: "CNY".to_owned(),
            fee_minor: 0,
            at,
            order_number: None,
        })
    }

    fn tie(&self, trailer: &Trailer) -> Result<(), BillError> {
        let sides = [
            ("支出合计", ["支出合计笔数", "支出合计金额"], self.went),
            ("收入合计", ["收入合计笔数", "收入合计金额"], self.came),
        ];
        for (name, names, (rows, fen)) in sides {
            match trailer.of(name) {
                Some(summary) => summary.tie(names, rows, &[fen])?,
                None if self.came.0 + self.went.0 == 0 => {}
                None => return Err(BillError::CutOff(format!("{name} is missing"))),
            }
        }
        Ok(())
    }
}

/// What moved the account, and by how much: fees that come back and other money that leaves are negative.
fn meaning(kind: &str, comes: bool, fen: i64) -> (EntryKind, i64) {
    match (kind, comes) {
        ("收费" | "退费", true) => (EntryKind::Fee, -fen),
        ("收费" | "退费", false) => (EntryKind::Fee, fen),
        ("在线支付" | "交易付款", true) => (EntryKind::Capture, fen),
        ("交易退款", false) => (EntryKind::Refund, fen),
        ("提现", false) => (EntryKind::Payout, fen),
        // Deposits, transfers, payouts that came back, and whatever the channel thinks of next.
        (_, true) => (EntryKind::Other, fen),
        (_, false) => (EntryKind::Other, -fen),
    }
}

impl BillLines for Funds {
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
