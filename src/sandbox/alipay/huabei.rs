//! Installments of Huabei (花呗分期): it knows what an order may say of them, and must never know a trade.

use serde_json::{Value, json};

use crate::alipay::biz::Biz;
use crate::alipay::refusal::Refusal;

/// Members that the documents know of `extend_params`.
const KNOWN: [&str; 8] = [
    "card_type",
    "credit_category_list",
    "hb_fq_num",
    "hb_fq_seller_percent",
    "industry_reflux_info",
    "royalty_freeze",
    "specified_seller_name",
    "sys_service_provider_id",
];

/// The installments of an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Huabei {
    /// How many, as it was written.
    count: &'static str,
    /// How much of their price the merchant pays, in percent. Only that it stays the same matters here.
    seller_percent: &'static str,
}

impl Huabei {
    /// What an order says of them; `None`: nothing.
    pub(crate) fn read(biz: &Biz) -> Result<Option<Self>, Refusal> {
        let Some(extended) = biz.object("extend_params", &KNOWN)? else { return Ok(None) };
        let word = |name: &str, words: &[&'static str]| {
            let text = extended.text(name, 8)?;
            let found = text.as_deref().map(|text| words.iter().copied().find(|word| *word == text));
            found.map(|found| found.ok_or_else(|| wrong(name, words))).transpose()
        };
        let count = word("hb_fq_num", &["3", "6", "12"])?;
        let seller_percent = word("hb_fq_seller_percent", &["0", "100"])?;
        match (count, seller_percent) {
            (None, None) => Ok(None),
            (None, Some(_)) => Err(Refusal::member("hb_fq_num", "is missing beside hb_fq_seller_percent")),
            (Some(count), percent) => Ok(Some(Self { count, seller_percent: percent.unwrap_or("0") })),
        }
    }

    /// In how many.
    pub(crate) fn count(&self) -> Option<u8> {
        self.count.parse().ok()
    }

    /// What a query tells of a paid trade of `total` yuan.
    pub(crate) fn told(&self, total: &str) -> Value {
        json!({ "user_install_num": self.count, "fq_amount": total })
    }
}

fn wrong(name: &str, words: &[&str]) -> Refusal {
    Refusal::member(name, &format!("must be one of {}", words.join(", ")))
}
