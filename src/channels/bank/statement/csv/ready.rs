//! Mappings of banks that are ready, and what most tables of Chinese banks have in common: it knows names of
//! columns, and must never know more.
//!
//! Banks rename columns between versions of their portals, and no standard binds them. These names are the usual
//! ones of the corporate portals and were not confirmed by the banks: where a header differs, the error names
//! the column, and the account's settings can give a mapping of their own.

use std::collections::BTreeMap;

use super::mapping::{Columns, Mapping, Names};

fn words(list: &[&str]) -> Vec<String> {
    list.iter().map(|w| (*w).to_owned()).collect()
}

fn any(list: &[&str]) -> Names {
    Names::AnyOf(words(list))
}

pub(super) fn credit_flags() -> Vec<String> {
    words(&["贷", "贷方", "收入", "收", "转入", "C", "CR", "CRDT", "+"])
}

pub(super) fn debit_flags() -> Vec<String> {
    words(&["借", "借方", "支出", "付", "转出", "D", "DR", "DBIT", "-"])
}

pub(super) fn dates() -> Vec<String> {
    words(&["YYYY-MM-DD", "YYYYMMDD", "YYYY/M/D", "YYYY年M月D日", "YYYY.MM.DD"])
}

pub(super) fn totals() -> Vec<String> {
    words(&[
        "合计",
        "总计",
        "小计",
        "本页",
        "共计",
        "收入合计",
        "支出合计",
        "借方合计",
        "贷方合计",
        "总笔数",
        "总收入",
        "总支出",
    ])
}

/// 冲正 and 抹账 take a booking back, 退汇 brings a transfer back.
pub(super) fn reversal_words() -> Vec<String> {
    words(&["冲正", "抹账", "退汇", "红冲"])
}

pub(super) fn account_labels() -> Vec<String> {
    words(&["账号", "本方账号", "查询账号", "卡号/账号", "账户", "帐号"])
}

pub(super) fn currency_names() -> BTreeMap<String, String> {
    [("人民币", "CNY"), ("人民币元", "CNY"), ("RMB", "CNY"), ("美元", "USD"), ("港币", "HKD"), ("欧元", "EUR")]
        .into_iter()
        .map(|(name, code)| (name.to_owned(), code.to_owned()))
        .collect()
}

fn table(name: &str, columns: Columns) -> Mapping {
    Mapping {
        name: name.to_owned(),
        encoding: "auto".to_owned(),
        delimiter: "auto".to_owned(),
        columns,
        credit_flags: credit_flags(),
        debit_flags: debit_flags(),
        dates: dates(),
        thousands: ",".to_owned(),
        decimal: ".".to_owned(),
        currency: "CNY".to_owned(),
        currency_names: currency_names(),
        totals: totals(),
        reversal_words: reversal_words(),
        account_labels: account_labels(),
    }
}

/// Industrial and Commercial Bank of China.
fn icbc() -> Mapping {
    table(
        "icbc",
        Columns {
            date: any(&["交易日期", "交易时间", "入账日期"]),
            credit: any(&["贷方发生额"]),
            debit: any(&["借方发生额"]),
            balance: any(&["余额"]),
            account: any(&["本方账号"]),
            counterparty_name: any(&["对方单位名称", "对方户名", "对方单位"]),
            counterparty_account: any(&["对方账号"]),
            // 凭证号 is the number of a paper, often 0: not the bank's number of the line.
            serial: any(&["交易流水号", "流水号"]),
            text: words(&["附言", "用途", "摘要", "个性化信息"]),
            ..Columns::default()
        },
    )
}

/// China Merchants Bank.
fn cmb() -> Mapping {
    table(
        "cmb",
        Columns {
            date: any(&["交易日"]),
            value_date: any(&["起息日"]),
            credit: any(&["贷方金额"]),
            debit: any(&["借方金额"]),
            balance: any(&["余额"]),
            counterparty_name: any(&["收/付方名称", "收(付)方名称"]),
            counterparty_account: any(&["收/付方账号", "收(付)方账号", "收/付方帐号", "收(付)方帐号"]),
            serial: any(&["流水号"]),
            end_to_end: any(&["业务参考号"]),
            text: words(&["摘要", "用途", "业务摘要", "其它摘要"]),
            ..Columns::default()
        },
    )
}

/// China Construction Bank.
fn ccb() -> Mapping {
    table(
        "ccb",
        Columns {
            date: any(&["交易时间", "记账日期"]),
            credit: any(&["贷方发生额/元(收入)", "贷方发生额(收入)", "贷方发生额"]),
            debit: any(&["借方发生额/元(支取)", "借方发生额(支取)", "借方发生额"]),
            balance: any(&["余额"]),
            currency: any(&["币种"]),
            account: any(&["账号"]),
            counterparty_name: any(&["对方户名"]),
            counterparty_account: any(&["对方账号"]),
            serial: any(&["账户明细编号-交易流水号"]),
            end_to_end: any(&["企业流水号"]),
            text: words(&["备注", "摘要", "用途"]),
            ..Columns::default()
        },
    )
}

/// Agricultural Bank of China.
fn abc() -> Mapping {
    table(
        "abc",
        Columns {
            date: any(&["交易时间", "交易日期"]),
            credit: any(&["收入金额"]),
            debit: any(&["支出金额"]),
            balance: any(&["账户余额"]),
            counterparty_name: any(&["对方户名"]),
            counterparty_account: any(&["对方账号"]),
            serial: any(&["交易流水号", "日志号"]),
            text: words(&["交易用途", "附言", "交易摘要", "摘要"]),
            ..Columns::default()
        },
    )
}

/// The mapping with this name.
pub(super) fn mapping(name: &str) -> Option<Mapping> {
    all().into_iter().find(|m| m.name == name)
}

/// All of them.
pub(super) fn all() -> [Mapping; 4] {
    [icbc(), cmb(), ccb(), abc()]
}
