//! The fund flow bill (资金账单): it knows its columns and what moved the account, and must never know our payments.

use std::mem;

use bursar_core::bank::Day;
use bursar_core::channel::ChannelKind;
use bursar_core::reconcile::{BillLine, EntryKind, EntryStatus};

use super::rows::{Layout, Next, Row, Rows};
use crate::beijing;
use crate::bill::{BillError, BillFile, BillLines, decimal, own};

const AT: &str = "记账时间";
const BUSINESS: &str = "微信支付业务单号";
const FLOW: &str = "资金流水单号";
const NAME: &str = "业务名称";
const TYPE: &str = "业务类型";
const WAY: &str = "收支类型";
const AMOUNT: &str = "收支金额(元)";
const VOUCHER: &str = "业务凭证号";

#[rustfmt::skip]
const COLUMNS: [&str; 11] = [
    AT, BUSINESS, FLOW, NAME, TYPE, WAY, AMOUNT, "账户结余(元)", "资金变更提交申请人", "备注", VOUCHER,
];
/// 备注: what people write.
const FREE: usize = 9;

const ROWS: &str = "资金流水总笔数";
const IN_ROWS: &str = "收入笔数";
const IN_SUM: &str = "收入金额";
const OUT_ROWS: &str = "支出笔数";
const OUT_SUM: &str = "支出金额";
const TOTALS: [&str; 5] = [ROWS, IN_ROWS, IN_SUM, OUT_ROWS, OUT_SUM];

static LAYOUTS: [Layout; 1] = [Layout { columns: &COLUMNS, free: FREE, totals: &TOTALS }];

/// A fund flow bill that is read.
pub(super) struct Funds {
    rows: Rows,
    day: Day,
    /// Rows and fen that came in, and that went out.
    came: (u64, i64),
    went: (u64, i64),
    ended: bool,
}

impl Funds {
    pub(super) fn open(day: Day, file: &BillFile) -> Result<Self, BillError> {
        let rows = Rows::open(file, &LAYOUTS)?;
        Ok(Self { rows, day, came: (0, 0), went: (0, 0), ended: false })
    }

    fn line(&mut self, row: &Row) -> Result<BillLine, BillError> {
        let at = row.read_as(AT, |text| beijing::parse_wall(text).ok_or_else(|| "it is no time".to_owned()))?;
        let found = ChannelKind::Wechat.business_day(at);
        if found != self.day {
            return Err(BillError::WrongDay { found: found.to_string(), expected: self.day });
        }
        let fen = row.read_as(AMOUNT, decimal::fen)?;
        if fen < 0 {
            return Err(row.wrong(AMOUNT, "it is negative"));
        }
        let comes = match row.cell(WAY)? {
            "收入" => true,
            "支出" => false,
            _ => return Err(row.wrong(WAY, "it is neither 收入 nor 支出")),
        };
        let way = if comes { &mut self.came } else { &mut self.went };
        *way = (way.0 + 1, way.1.saturating_add(fen));
        let (kind, amount_minor) = meaning(row.cell(NAME)?, row.cell(TYPE)?, comes, fen);
        let of_order = matches!(kind, EntryKind::Capture | EntryKind::Refund);
        let voucher = row.cell(VOUCHER)?;
        Ok(BillLine {
            ordinal: u32::try_from(self.came.0 + self.went.0).unwrap_or(u32::MAX),
            kind,
            status: EntryStatus::Done,
            number: if of_order && own::is_ours(voucher) { own::spelled(voucher) } else { String::new() },
            payment_number: None,
            payment_channel_id: None,
            channel_id: row.cell(if of_order { BUSINESS } else { FLOW })?.to_owned(),
            amount_minor,
            currency: "CNY".to_owned(),
            fee_minor: 0,
            at,
            order_number: None,
        })
    }

    fn tie(&self, totals: &Row) -> Result<(), BillError> {
        let counts = [(ROWS, self.came.0 + self.went.0), (IN_ROWS, self.came.0), (OUT_ROWS, self.went.0)];
        for (what, found) in counts {
            let said = totals.read_as(what, decimal::count)?;
            if said != found {
                return Err(BillError::Totals { what, said: said.to_string(), found: found.to_string() });
            }
        }
        for (what, found) in [(IN_SUM, self.came.1), (OUT_SUM, self.went.1)] {
            let said = totals.read_as(what, decimal::fen)?;
            if said != found {
                return Err(BillError::Totals { what, said: decimal::yuan(said), found: decimal::yuan(found) });
            }
        }
        Ok(())
    }
}

/// What moved the account, and by how much: fees that come back and other money that leaves are negative.
fn meaning(name: &str, kind: &str, comes: bool, fen: i64) -> (EntryKind, i64) {
    let says = |word: &str| name.contains(word) || kind.contains(word);
    if says("手续费") {
        return (EntryKind::Fee, if comes { -fen } else { fen });
    }
    match (kind, comes) {
        ("交易", true) => (EntryKind::Capture, fen),
        ("退款", false) => (EntryKind::Refund, fen),
        (_, false) if says("提现") => (EntryKind::Payout, fen),
        // Deposits, shared money, payouts that came back, and whatever the channel thinks of next.
        (_, true) => (EntryKind::Other, fen),
        (_, false) => (EntryKind::Other, -fen),
    }
}

impl BillLines for Funds {
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
