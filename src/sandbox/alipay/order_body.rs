//! What a merchant says of an order: it knows the members of `biz_content` of the four ways to pay and what
//! their values must look like by themselves, and must never look at the books.

use crate::alipay::biz::Biz;
use crate::alipay::huabei::Huabei;
use crate::alipay::moment;
use crate::alipay::refusal::Refusal;

/// A way to pay, by its method.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// `alipay.trade.precreate`.
    Qr,
    /// `alipay.trade.page.pay`.
    Page,
    /// `alipay.trade.wap.pay`.
    Wap,
    /// `alipay.trade.app.pay`.
    App,
    /// `alipay.trade.pay` under an agreement.
    Debit,
    /// `alipay.trade.pay` from what was frozen.
    Frozen,
}

impl Kind {
    /// The ways whose order a payer's device brings along.
    pub(crate) fn of_page(method: &str) -> Option<Self> {
        match method {
            "alipay.trade.page.pay" => Some(Self::Page),
            "alipay.trade.wap.pay" => Some(Self::Wap),
            "alipay.trade.app.pay" => Some(Self::App),
            _ => None,
        }
    }

    fn takes(self, product_code: Option<&str>) -> bool {
        match self {
            Self::Qr => matches!(product_code, None | Some("FACE_TO_FACE_PAYMENT" | "QR_CODE_OFFLINE")),
            Self::Page => product_code == Some("FAST_INSTANT_TRADE_PAY"),
            Self::Wap => product_code == Some("QUICK_WAP_WAY"),
            Self::App => matches!(product_code, None | Some("QUICK_MSECURITY_PAY")),
            Self::Debit => matches!(product_code, Some("CYCLE_PAY_AUTH" | "GENERAL_WITHHOLDING")),
            Self::Frozen => matches!(product_code, Some("PRE_AUTH" | "PRE_AUTH_ONLINE")),
        }
    }

    /// How long an order lives when the merchant does not say.
    const fn default_life_ms(self) -> i64 {
        match self {
            Self::Qr => 3 * HOUR_MS,
            Self::Page | Self::Wap | Self::App | Self::Debit | Self::Frozen => 15 * DAY_MS,
        }
    }
}

const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;
/// The documents' bounds of a life that the merchant says.
const LIFE_MS: (i64, i64) = (60_000, 15 * DAY_MS);

const KNOWN: [&str; 28] = [
    "out_trade_no",
    "total_amount",
    "subject",
    "body",
    "product_code",
    "seller_id",
    "timeout_express",
    "time_expire",
    "qr_code_timeout_express",
    "passback_params",
    "extend_params",
    "goods_detail",
    "goods_type",
    "disable_pay_channels",
    "enable_pay_channels",
    "store_id",
    "operator_id",
    "terminal_id",
    "merchant_order_no",
    "business_params",
    "ext_user_info",
    "query_options",
    "quit_url",
    "qr_pay_mode",
    "qrcode_width",
    "integration_type",
    "request_from_url",
    "discountable_amount",
];

/// Members that a debit has besides.
const OF_A_DEBIT: [&str; 4] = ["agreement_params", "is_async_pay", "async_type", "pay_params"];

/// The same of a payment from what was frozen.
const OF_A_HOLD: [&str; 3] = ["auth_no", "auth_confirm_mode", "buyer_id"];

/// An order as the merchant describes it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct OrderBody {
    pub(crate) kind: Kind,
    pub(crate) out_trade_no: String,
    pub(crate) total_fen: i64,
    pub(crate) subject: String,
    pub(crate) body: Option<String>,
    pub(crate) passback_params: Option<String>,
    pub(crate) seller_id: Option<String>,
    pub(crate) huabei: Option<Huabei>,
    life: Life,
}

/// How long the merchant wants the order to live.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Life {
    Until(i64),
    For(i64),
    /// To the end of the day.
    Today,
    Default,
}

impl OrderBody {
    pub(crate) fn read(kind: Kind, biz_content: &str) -> Result<Self, Refusal> {
        let more: &[&str] = match kind {
            Kind::Debit => &OF_A_DEBIT,
            Kind::Frozen => &OF_A_HOLD,
            Kind::Qr | Kind::Page | Kind::Wap | Kind::App => &[],
        };
        let biz = Biz::read(biz_content, &[KNOWN.as_slice(), more].concat())?;
        let out_trade_no = biz.number("out_trade_no")?.ok_or_else(|| Refusal::member("out_trade_no", "is missing"))?;
        let subject = biz.needed("subject", 256)?;
        if subject.contains(['/', '=', '&']) {
            return Err(Refusal::member("subject", "must not hold / = &"));
        }
        if !kind.takes(biz.text("product_code", 64)?.as_deref()) {
            return Err(Refusal::member("product_code", "is not the code of this way to pay"));
        }
        let huabei = Huabei::read(&biz)?;
        if huabei.is_some() && matches!(kind, Kind::Debit | Kind::Frozen) {
            return Err(Refusal::member("extend_params", "has no installments without the payer"));
        }
        let life = match (biz.text("time_expire", 32)?, biz.text("timeout_express", 6)?) {
            (Some(text), _) => {
                let wrong = || Refusal::member("time_expire", "must look like 2016-12-31 10:05:00");
                Life::Until(moment::read(&text).ok_or_else(wrong)?)
            }
            (None, Some(text)) => {
                let wrong = || Refusal::member("timeout_express", "must be 1m to 15d, or 1c");
                read_timeout(&text).ok_or_else(wrong)?
            }
            (None, None) => Life::Default,
        };
        Ok(Self {
            kind,
            out_trade_no,
            total_fen: biz.amount("total_amount")?,
            subject,
            body: biz.text("body", 128)?,
            passback_params: biz.text("passback_params", 512)?,
            seller_id: biz.text("seller_id", 28)?,
            huabei,
            life,
        })
    }

    /// When the order ends that is created now.
    pub(crate) fn ends_ms(&self, now_ms: i64) -> i64 {
        match self.life {
            Life::Until(at_ms) => at_ms,
            Life::For(ms) => now_ms.saturating_add(ms),
            Life::Today => moment::end_of_day(now_ms).unwrap_or(now_ms),
            Life::Default => now_ms.saturating_add(self.kind.default_life_ms()),
        }
    }
}

/// A plain duration of `1m` to `15d`, in milliseconds.
pub(crate) fn read_minutes(text: &str) -> Option<i64> {
    match read_timeout(text)? {
        Life::For(ms) => Some(ms),
        Life::Until(_) | Life::Today | Life::Default => None,
    }
}

fn read_timeout(text: &str) -> Option<Life> {
    if text == "1c" {
        return Some(Life::Today);
    }
    let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if !number.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let unit_ms = match unit {
        "m" => 60_000,
        "h" => HOUR_MS,
        "d" => DAY_MS,
        _ => return None,
    };
    let ms = number.parse::<i64>().ok()?.checked_mul(unit_ms)?;
    (LIFE_MS.0..=LIFE_MS.1).contains(&ms).then_some(Life::For(ms))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn body() -> Value {
        json!({ "out_trade_no": "order_1", "total_amount": "88.00", "subject": "保洁" })
    }

    fn read(kind: Kind, change: impl FnOnce(&mut Value)) -> Result<OrderBody, Refusal> {
        let mut body = body();
        change(&mut body);
        OrderBody::read(kind, &body.to_string())
    }

    #[test]
    fn an_absolute_end_wins_over_a_duration_and_without_both_the_product_decides() {
        let both = read(Kind::Qr, |body| {
            body["time_expire"] = "1970-01-01 08:00:01".into();
            body["timeout_express"] = "5m".into();
        });
        assert_eq!(both.unwrap().ends_ms(7), 1_000);
        assert_eq!(read(Kind::Qr, |body| body["timeout_express"] = "5m".into()).unwrap().ends_ms(7), 300_007);
        assert_eq!(read(Kind::Qr, |_| ()).unwrap().ends_ms(7), 3 * HOUR_MS + 7);
        let page = read(Kind::Page, |body| body["product_code"] = "FAST_INSTANT_TRADE_PAY".into());
        assert_eq!(page.unwrap().ends_ms(0), 15 * DAY_MS);
        let today = read(Kind::Qr, |body| body["timeout_express"] = "1c".into()).unwrap();
        assert_eq!(today.ends_ms(0), 16 * HOUR_MS, "midnight in Beijing");
    }

    #[test]
    fn installments_are_for_payers_who_are_there() {
        let extended = json!({"hb_fq_num": "12", "hb_fq_seller_percent": "100"});
        let with = |kind: Kind, code: &str| {
            read(kind, |body| {
                body["extend_params"] = extended.clone();
                body["product_code"] = code.into();
            })
        };
        let told = json!({"user_install_num": "12", "fq_amount": "88.00"});
        for (kind, code) in [(Kind::Qr, "QR_CODE_OFFLINE"), (Kind::Wap, "QUICK_WAP_WAY")] {
            assert_eq!(with(kind, code).unwrap().huabei.map(|huabei| huabei.told("88.00")), Some(told.clone()));
        }
        assert!(with(Kind::Debit, "GENERAL_WITHHOLDING").is_err() && with(Kind::Frozen, "PRE_AUTH_ONLINE").is_err());
        assert_eq!(
            read(Kind::Qr, |body| body["extend_params"] = json!({"royalty_freeze": "true"})).unwrap().huabei,
            None
        );
    }

    #[test]
    fn what_the_documents_do_not_allow_is_refused() {
        for (name, value) in [
            ("out_trade_no", json!("a-1")),
            ("out_trade_no", json!("a".repeat(65))),
            ("total_amount", json!("0.00")),
            ("total_amount", json!(88)),
            ("subject", json!("a=b")),
            ("subject", json!("a/b")),
            ("subject", json!("")),
            ("timeout_express", json!("0m")),
            ("timeout_express", json!("16d")),
            ("timeout_express", json!("5s")),
            ("time_expire", json!("2026-11-22T10:00:00+08:00")),
            ("product_code", json!("QUICK_WAP_WAY")),
            ("total", json!("1.00")),
            ("extend_params", json!("3")),
            ("extend_params", json!({"hb_fq_num": "24"})),
            ("extend_params", json!({"hb_fq_num": 3})),
            ("extend_params", json!({"hb_fq_num": "3", "hb_fq_seller_percent": "50"})),
            ("extend_params", json!({"hb_fq_seller_percent": "100"})),
            ("extend_params", json!({"hb_fq_number": "3"})),
        ] {
            assert!(read(Kind::Qr, |body| body[name] = value.clone()).is_err(), "{name} {value}");
        }
        assert!(read(Kind::Page, |_| ()).is_err(), "a page needs its product code");
    }
}
