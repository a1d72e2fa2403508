//! How bills are written and packed: comments, lists, tabs after texts, GBK, a ZIP of two files. It must never know what
//! a column means.

use encoding_rs::GBK;

use crate::alipay::moment;
use crate::bills::packing::{self, Member};
use crate::bills::sheet::Sheet;
use crate::bills::terms::digits;

/// What stands behind a merchant's number.
const SUB_ACCOUNT: &str = "0156";

/// One of the two files of a bill.
pub(super) struct Leaf {
    /// Such as `业务明细`.
    pub(super) title: &'static str,
    /// Such as `业务明细(汇总)`, for the file's name.
    pub(super) name: &'static str,
    pub(super) columns: &'static str,
    pub(super) rows: Vec<String>,
    /// The comments below the list.
    pub(super) sums: Vec<String>,
}

/// A day as `2026年11月22日`.
fn long(sheet: &Sheet, later: i64) -> String {
    let day = sheet.day.plus_days(later);
    format!("{:04}年{:02}月{:02}日", day.year(), day.month(), day.day())
}

/// Text in a row. Nothing is quoted: a comma would move the columns.
pub(super) fn text(words: &str) -> String {
    format!("{}\t", words.replace([',', '\r', '\n', '\t'], " "))
}

/// Writes and packs a bill, its summary first.
pub(super) fn pack(seller_id: &str, sheet: &Sheet, now_ms: i64, leaves: [Leaf; 2]) -> Vec<u8> {
    let who = format!("{}{SUB_ACCOUNT}", sheet.whose(seller_id));
    let members = leaves.map(|leaf| {
        let whole = written(&leaf, &who, sheet, now_ms);
        Member { name: gbk(&format!("{who}_{}_{}.csv", digits(sheet.day), leaf.name)), bytes: gbk(&sheet.cut(whole)) }
    });
    packing::zip(&members)
}

fn gbk(text: &str) -> Vec<u8> {
    GBK.encode(text).0.into_owned()
}

fn written(leaf: &Leaf, who: &str, sheet: &Sheet, now_ms: i64) -> String {
    let mut text = String::new();
    let mut line = |line: &str| {
        text.push_str(line);
        text.push_str("\r\n");
    };
    let title = leaf.title;
    line(&format!("#支付宝{title}查询"));
    line(&format!("#账号：[{who}]"));
    line(&format!("#起始日期：[{} 00:00:00]   终止日期：[{} 00:00:00]", long(sheet, 0), long(sheet, 1)));
    line(&format!("#-----------------------------------------{title}列表----------------------------------------"));
    line(leaf.columns);
    leaf.rows.iter().for_each(|row| line(row));
    line(&format!("#----------------------------------------{title}列表结束-------------------------------------"));
    leaf.sums.iter().for_each(|sum| line(&format!("#{sum}")));
    let (date, time) =
        moment::write(now_ms).split_once(' ').map(|(d, t)| (d.to_owned(), t.to_owned())).unwrap_or_default();
    let mut parts = date.split('-');
    let mut part = || parts.next().unwrap_or_default().to_owned();
    line(&format!("#导出时间：[{}年{}月{}日 {time}]", part(), part(), part()));
    text
}
