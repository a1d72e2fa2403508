//! The call for the reconciliation file: it knows its fields, when a file can be had and how it is packed; what stands in
//! its lines is written elsewhere.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bursar_core::bank::Day;
use encoding_rs::GBK;

use crate::Channel;
use crate::bills::packing::{self, Member};
use crate::bills::sheet::Sheet;
use crate::bills::terms::{beijing_hour, digits};
use crate::bills::words::yuan;
use crate::front::Front;
use crate::shared::Shared;
use crate::unionpay::account::UnionpayMerchant;
use crate::unionpay::answer;
use crate::unionpay::fields::Fields;
use crate::unionpay::file_line::{self, Sums};
use crate::unionpay::refusal::{Refusal, SUCCESS};
use crate::unionpay::request::{must, one_of};
use crate::unionpay::story::echo;
use crate::unionpay::time;

/// When the file of a day can be had: on the next, in Beijing.
const GIVEN_FROM_HOUR: i64 = 9;

/// The file of which day, as `MMDD`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FileWish(String);

impl FileWish {
    pub(crate) fn read(fields: &Fields) -> Result<Self, Refusal> {
        one_of(fields, "txnSubType", &["01"])?;
        one_of(fields, "bizType", &["000000"])?;
        one_of(fields, "fileType", &["00"])?;
        time::parse(must(fields, "txnTime")?).ok_or_else(|| Refusal::format("txnTime"))?;
        let day = must(fields, "settleDate")?;
        let fits = day.len() == 4 && day.bytes().all(|byte| byte.is_ascii_digit());
        fits.then(|| Self(day.to_owned())).ok_or_else(|| Refusal::format("settleDate"))
    }

    /// The last such day that has begun.
    fn day(&self, today: Day) -> Option<Day> {
        let (month, day) = self.0.split_at_checked(2)?;
        let (month, day) = (month.parse().ok()?, day.parse().ok()?);
        let of = |year: i16| Day::new(year, month, day).filter(|day| *day <= today);
        of(today.year()).or_else(|| of(today.year().saturating_sub(1)))
    }
}

/// There is nothing to tell, or it is too early to tell.
fn not_there() -> Refusal {
    Refusal::new("98", "the file is not there")
}

impl Shared {
    /// The fields of the answer, with the file.
    pub(super) fn unionpay_file(
        &self,
        merchant: &UnionpayMerchant,
        wish: &FileWish,
        fields: &Fields,
    ) -> Result<Fields, Refusal> {
        let now_ms = self.pace.now_ms();
        let today = self.unionpay.bills().day(now_ms);
        let day = wish.day(today).ok_or_else(|| Refusal::format("settleDate"))?;
        if now_ms < beijing_hour(day.plus_days(1), GIVEN_FROM_HOUR) {
            return Err(not_there());
        }
        let orders = self.orders();
        let sheet = self.sheet(&orders, (Channel::Unionpay, &merchant.mer_id), day);
        if sheet.is_empty() {
            return Err(not_there());
        }
        let mer_id = sheet.whose(&merchant.mer_id);
        let (lines, sums) = file_line::write(&orders, mer_id, &sheet);
        drop(orders);
        let packed = packing::zlib(&packing::zip(&members(mer_id, &sheet, lines, &sums)));
        let mut told = echo(fields);
        told.set("fileType", "00");
        told.set("settleDate", wish.0.as_str());
        told.set("fileName", format!("{mer_id}_{}.zip", digits(sheet.day)));
        told.set("fileContent", STANDARD.encode(packed));
        Ok(answer::saying(told, SUCCESS))
    }
}

fn members(mer_id: &str, sheet: &Sheet, lines: String, sums: &Sums) -> [Member; 3] {
    let short = |day: Day| digits(day).chars().skip(2).collect::<String>();
    let day = short(sheet.day);
    let member = |name: String, text: &str| Member { name: name.into_bytes(), bytes: GBK.encode(text).0.into_owned() };
    [
        member(format!("INN{day}88ZM_{mer_id}"), &sheet.cut(lines)),
        // Nothing of the day went wrong or came late.
        member(format!("INN{day}88ZME_{mer_id}"), ""),
        member(format!("RD2010{}01_{mer_id}", short(sheet.day.plus_days(1))), &summary(mer_id, sheet, sums)),
    ]
}

/// The summary for people: gross, fees and net.
fn summary(mer_id: &str, sheet: &Sheet, sums: &Sums) -> String {
    let gross = sums.gross_fen.saturating_add(sheet.off_minor());
    let net = gross.saturating_sub(sums.fees_fen);
    [
        "                    中国银联商户结算汇总表".to_owned(),
        format!("商户代码：{mer_id}    清算日期：{}", digits(sheet.day)),
        "笔数              交易金额            手续费              清算净额".to_owned(),
        format!("{:<18}{:<20}{:<20}{}", sums.count, yuan(gross), yuan(sums.fees_fen), yuan(net)),
        String::new(),
    ]
    .join("\r\n")
}
