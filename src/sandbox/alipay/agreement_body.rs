//! What a merchant says of an agreement and of a debit under it: it knows the members of `biz_content` and what their
//! values must look like by themselves, and must never look at the books.

use jiff::civil::Date;
use serde_json::Value;

use crate::alipay::amount;
use crate::alipay::biz::Biz;
use crate::alipay::order_body::{Kind, OrderBody};
use crate::alipay::period::{Period, read_day};
use crate::alipay::refusal::Refusal;

const SIGN: [&str; 20] = [
    "product_code",
    "personal_product_code",
    "sign_scene",
    "external_agreement_no",
    "external_logon_id",
    "access_params",
    "sign_validity_period",
    "third_party_type",
    "period_rule_params",
    "agreement_effect_type",
    "merchant_process_url",
    "user_age_range",
    "device_params",
    "identity_params",
    "prod_params",
    "promo_params",
    "sub_merchant",
    "asset_params",
    "pass_params",
    "effect_time",
];
const QUERY: [&str; 6] = [
    "agreement_no",
    "external_agreement_no",
    "personal_product_code",
    "sign_scene",
    "alipay_user_id",
    "third_party_type",
];
const UNSIGN: [&str; 9] = [
    "agreement_no",
    "external_agreement_no",
    "personal_product_code",
    "sign_scene",
    "alipay_user_id",
    "alipay_open_id",
    "third_party_type",
    "operate_type",
    "extend_params",
];

/// What an agreement is for, from which its rules follow.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct SignBody {
    pub(crate) personal_product_code: String,
    pub(crate) sign_scene: String,
    pub(crate) external_agreement_no: Option<String>,
    pub(crate) external_logon_id: Option<String>,
    /// How long it is valid, in days; `None`: for ever.
    pub(crate) valid_days: Option<i64>,
    /// When and how much may be debited, where the product has a plan.
    pub(crate) plan: Option<Plan>,
}

/// The plan of a periodic debit.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Plan {
    pub(crate) period: Period,
    pub(crate) first: Date,
    pub(crate) single_fen: i64,
    pub(crate) total_fen: Option<i64>,
    pub(crate) times: Option<u32>,
}

/// How an agreement is named; `agreement_no` wins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Named {
    No(String),
    /// By the merchant's number, within its product and scene; see [`scope`].
    External(String),
}

/// What `alipay.trade.pay` pays with.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum PayBody {
    Agreement(DebitBody),
    /// From what was frozen; `complete`: the rest is let go.
    Frozen {
        order: OrderBody,
        auth_no: String,
        complete: bool,
    },
}

/// A debit.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct DebitBody {
    pub(crate) order: OrderBody,
    pub(crate) agreement_no: String,
    /// The merchant wants the result later.
    pub(crate) is_async: bool,
}

/// Under what the merchant's number is found.
pub(crate) fn scope(product: &str, scene: &str, external: &str) -> String {
    format!("{product}/{scene}/{external}")
}

fn external(biz: &Biz) -> Result<Option<String>, Refusal> {
    let number = biz.text("external_agreement_no", 32)?;
    match number {
        Some(number) if !number.chars().all(|c| c.is_ascii_alphanumeric()) => {
            Err(Refusal::member("external_agreement_no", "may hold letters and digits only"))
        }
        number => Ok(number),
    }
}

impl SignBody {
    pub(crate) fn read(biz_content: &str) -> Result<Self, Refusal> {
        let biz = Biz::read(biz_content, &SIGN)?;
        let personal_product_code = biz.needed("personal_product_code", 64)?;
        let product = biz.text("product_code", 64)?;
        if product.is_some_and(|code| !["GENERAL_WITHHOLDING", "CYCLE_PAY_AUTH"].contains(&code.as_str())) {
            return Err(Refusal::member("product_code", "is not the code of this product"));
        }
        let channel = biz.member("access_params", "channel").and_then(Value::as_str);
        if !channel.is_some_and(|word| ["ALIPAYAPP", "QRCODE", "QRCODEORSMS"].contains(&word)) {
            return Err(Refusal::member("access_params", "must have a channel"));
        }
        let plan = match personal_product_code.as_str() {
            "CYCLE_PAY_AUTH_P" => Some(Plan::read(&biz)?),
            "GENERAL_WITHHOLDING_P" => None,
            _ => return Err(Refusal::member("personal_product_code", "is not the code of this product")),
        };
        Ok(Self {
            personal_product_code,
            sign_scene: biz.text("sign_scene", 64)?.unwrap_or_else(|| "DEFAULT|DEFAULT".to_owned()),
            external_agreement_no: external(&biz)?,
            external_logon_id: biz.text("external_logon_id", 100)?,
            valid_days: biz.text("sign_validity_period", 8)?.map(|text| read_validity(&text)).transpose()?,
            plan,
        })
    }

    pub(crate) fn scope(&self) -> Option<String> {
        let number = self.external_agreement_no.as_ref()?;
        Some(scope(&self.personal_product_code, &self.sign_scene, number))
    }
}

/// `12m` or `90d`; a month is counted as thirty-one days.
fn read_validity(text: &str) -> Result<i64, Refusal> {
    let wrong = || Refusal::member("sign_validity_period", "must look like 12m or 90d");
    let (digits, unit) = text.split_at_checked(text.len().saturating_sub(1)).ok_or_else(wrong)?;
    let days = match unit {
        "m" => 31,
        "d" => 1,
        _ => return Err(wrong()),
    };
    let plain = digits.bytes().all(|byte| byte.is_ascii_digit());
    let number: i64 = digits.parse().ok().filter(|_| plain).ok_or_else(wrong)?;
    number.checked_mul(days).filter(|days| (1..=36_500).contains(days)).ok_or_else(wrong)
}

impl Plan {
    fn read(biz: &Biz) -> Result<Self, Refusal> {
        let wrong = |issue: &str| Refusal::member("period_rule_params", issue);
        let member = |name: &str| biz.member("period_rule_params", name);
        let text = |name: &str| member(name).and_then(Value::as_str);
        // Numbers come as such or as text.
        let number = |name: &str| match member(name) {
            Some(Value::String(text)) => text.parse::<i64>().ok(),
            Some(value) => value.as_i64(),
            None => None,
        };
        let fen = |name: &str| text(name).map(|text| amount::read(text).ok_or_else(|| wrong("amounts must be yuan")));
        let length = number("period").ok_or_else(|| wrong("period is missing"))?;
        let first = text("execute_time").and_then(read_day).ok_or_else(|| wrong("execute_time must be a day"))?;
        let period = match text("period_type") {
            Some("DAY") if (7..=3_650).contains(&length) => Period::Days(length),
            Some("MONTH") if (1..=120).contains(&length) && first.day() <= 28 => Period::Months(length),
            Some("MONTH") if first.day() > 28 => return Err(wrong("the day of a month must be 1 to 28")),
            _ => return Err(wrong("period_type must be DAY (7 at least) or MONTH")),
        };
        let times = member("total_payments").map(|_| {
            let times = number("total_payments").and_then(|times| u32::try_from(times).ok());
            times.filter(|times| *times > 0).ok_or_else(|| wrong("total_payments must be a number"))
        });
        Ok(Self {
            period,
            first,
            single_fen: fen("single_amount").ok_or_else(|| wrong("single_amount is missing"))??,
            total_fen: fen("total_amount").transpose()?,
            times: times.transpose()?,
        })
    }
}

impl Named {
    pub(crate) fn read_query(biz_content: &str) -> Result<Self, Refusal> {
        Self::of(&Biz::read(biz_content, &QUERY)?)
    }

    pub(crate) fn read_unsign(biz_content: &str) -> Result<Self, Refusal> {
        Self::of(&Biz::read(biz_content, &UNSIGN)?)
    }

    fn of(biz: &Biz) -> Result<Self, Refusal> {
        if let Some(no) = biz.text("agreement_no", 64)? {
            return Ok(Self::No(no));
        }
        let number = external(biz)?.ok_or_else(|| Refusal::member("agreement_no", "is missing"))?;
        // Without the scene and the product, the number names nothing.
        Ok(Self::External(scope(&biz.needed("personal_product_code", 64)?, &biz.needed("sign_scene", 64)?, &number)))
    }
}

/// The agreement and the day to which its next debit is put off.
pub(crate) fn read_modify(biz_content: &str) -> Result<(String, Date), Refusal> {
    let biz = Biz::read(biz_content, &["agreement_no", "deduct_time", "memo"])?;
    let wrong = || Refusal::member("deduct_time", "must look like 2016-12-31");
    Ok((biz.needed("agreement_no", 64)?, read_day(&biz.needed("deduct_time", 10)?).ok_or_else(wrong)?))
}

impl PayBody {
    pub(crate) fn read(biz_content: &str) -> Result<Self, Refusal> {
        let whole: Value = serde_json::from_str(biz_content).unwrap_or_default();
        let Some(auth_no) = whole.get("auth_no").and_then(Value::as_str) else {
            return DebitBody::read(biz_content).map(Self::Agreement);
        };
        let complete = match whole.get("auth_confirm_mode").and_then(Value::as_str) {
            Some("COMPLETE") => true,
            Some("NOT_COMPLETE") | None => false,
            Some(_) => return Err(Refusal::member("auth_confirm_mode", "must be COMPLETE or NOT_COMPLETE")),
        };
        let order = OrderBody::read(Kind::Frozen, biz_content)?;
        Ok(Self::Frozen { order, auth_no: auth_no.to_owned(), complete })
    }

    pub(crate) const fn order(&self) -> &OrderBody {
        match self {
            Self::Agreement(debit) => &debit.order,
            Self::Frozen { order, .. } => order,
        }
    }
}

impl DebitBody {
    pub(crate) fn read(biz_content: &str) -> Result<Self, Refusal> {
        let whole: Value = serde_json::from_str(biz_content).unwrap_or_default();
        let agreement_no = whole.pointer("/agreement_params/agreement_no").and_then(Value::as_str);
        let agreement_no = agreement_no.ok_or_else(|| Refusal::member("agreement_params", "must have agreement_no"))?;
        let is_async = match whole.get("is_async_pay") {
            None => false,
            Some(Value::Bool(flag)) => *flag,
            Some(value) => value == "true",
        };
        Ok(Self { order: OrderBody::read(Kind::Debit, biz_content)?, agreement_no: agreement_no.to_owned(), is_async })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn body() -> Value {
        json!({
            "product_code": "GENERAL_WITHHOLDING", "personal_product_code": "CYCLE_PAY_AUTH_P",
            "sign_scene": "INDUSTRY|LIFE", "external_agreement_no": "agr1", "access_params": { "channel": "ALIPAYAPP" },
            "period_rule_params": {
                "period_type": "MONTH", "period": "1", "execute_time": "2026-11-25", "single_amount": "88.00",
            },
        })
    }

    #[test]
    fn a_plan_is_read_and_what_the_documents_do_not_allow_is_refused() {
        let read = |change: &dyn Fn(&mut Value)| {
            let mut body = body();
            change(&mut body);
            SignBody::read(&body.to_string())
        };
        let plan = read(&|_| ()).unwrap().plan.unwrap();
        assert_eq!((plan.period, plan.single_fen, plan.times), (Period::Months(1), 8_800, None));
        assert!(read(&|body| body["external_agreement_no"] = "a-1".into()).is_err());
        for (name, value) in [
            ("execute_time", json!("2026-11-29")),
            ("execute_time", json!("25.11.2026")),
            ("period_type", json!("WEEK")),
            ("single_amount", json!(88)),
            ("single_amount", json!("88.001")),
            ("total_payments", json!("many")),
            ("period", json!("0")),
        ] {
            assert!(read(&|body| body["period_rule_params"][name] = value.clone()).is_err(), "{name} {value}");
        }
        assert_eq!(read_validity("12m").unwrap(), 372);
        assert!(read_validity("12y").is_err() && read_validity("m").is_err());
    }
}
