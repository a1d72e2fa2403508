//! Making a payment payable: it knows the products and the code that each gives, and must never know what
//! happens to the payment.

use std::collections::BTreeMap;

use bursar_core::channel::Method;
use bursar_core::clock::DAY_MS;
use bursar_core::installments::{FeesFrom, Installments};
use bursar_core::money::Currency;
use bursar_core::observation::PayCode;
use serde::{Deserialize, Serialize};

use super::Alipay;
use super::call::Answered;
use super::gateway::Addresses;
use super::operation::Operation;
use super::settings::is_web_address;
use super::yuan;
use crate::beijing;
use crate::channel::CreateRequest;
use crate::outcome::{Outcome, Refusal, RefusalClass, Why, WhyKind};

/// Longest life of a trade that is not paid.
const MAX_LIFE_MS: i64 = 15 * DAY_MS;
/// Longest subject, in characters.
const MAX_SUBJECT_CHARS: usize = 256;

/// The content. The order of the members is fixed, so that every attempt says the same.
#[derive(Serialize)]
struct Content<'a> {
    out_trade_no: &'a str,
    total_amount: String,
    subject: String,
    product_code: &'static str,
    /// Always given: a page can be opened until then, and nobody can close what was never opened.
    time_expire: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    quit_url: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    extend_params: Option<Extended>,
}

/// Installments of Huabei (花呗分期): then it is the only way to pay that the payer is offered.
#[derive(Serialize)]
struct Extended {
    hb_fq_num: String,
    /// How much of their price the merchant pays: all or nothing, nothing between is taken.
    hb_fq_seller_percent: &'static str,
}

impl From<Installments> for Extended {
    fn from(installments: Installments) -> Self {
        let seller_percent = match installments.fees {
            Some(FeesFrom::Merchant) => "100",
            Some(FeesFrom::Payer) | None => "0",
        };
        Self { hb_fq_num: installments.count.to_string(), hb_fq_seller_percent: seller_percent }
    }
}

#[derive(Deserialize)]
struct Precreated {
    #[serde(default)]
    out_trade_no: Option<String>,
    #[serde(default)]
    qr_code: Option<String>,
}

/// What a method is at the channel.
enum Product {
    Qr,
    Page(&'static str, &'static str),
    App,
}

const fn product(method: Method) -> Option<Product> {
    match method {
        Method::AlipayQr => Some(Product::Qr),
        Method::AlipayPage => Some(Product::Page("alipay.trade.page.pay", "FAST_INSTANT_TRADE_PAY")),
        Method::AlipayWap => Some(Product::Page("alipay.trade.wap.pay", "QUICK_WAP_WAY")),
        Method::AlipayApp => Some(Product::App),
        _ => None,
    }
}

/// `text` as the channel takes it for a subject: without `/`, `=`, `&`, which it refuses, and without commas,
/// which shift the columns of its bills; on one line, cut to length. `or` where nothing is left.
pub(super) fn subject(text: &str, or: &str) -> String {
    let clean = |text: &str| -> String {
        let kept = text.chars().filter(|c| !matches!(c, '/' | '=' | '&' | ',' | '，'));
        let line: String = kept.map(|c| if c.is_control() { ' ' } else { c }).collect();
        line.trim().chars().take(MAX_SUBJECT_CHARS).collect::<String>().trim_end().to_owned()
    };
    let found = clean(text);
    if !found.is_empty() {
        return found;
    }
    let instead = clean(or);
    if instead.is_empty() { "-".to_owned() } else { instead }
}

/// The last moment to pay. Counted from the creation, so that every attempt says the same.
pub(super) fn expiry(request: &CreateRequest<'_>) -> Result<String, Refusal> {
    let expires_at = request.order.expires_at.min(request.payment.created_at.plus_ms(MAX_LIFE_MS));
    beijing::wall(expires_at)
        .ok_or_else(|| Refusal::ours("EXPIRES_AT", "the last moment to pay is beyond the calendar"))
}

impl Alipay {
    /// What every call that makes a payment must keep to.
    pub(super) fn check_order(request: &CreateRequest<'_>) -> Result<(), Refusal> {
        let payment = request.payment;
        if payment.amount.currency != Currency::CNY {
            return Err(Refusal::ours("CURRENCY", "this account takes CNY only"));
        }
        if !(1..=yuan::MAX_FEN).contains(&payment.amount.minor) {
            return Err(Refusal::ours("AMOUNT", "the channel takes 0.01 to 100000000 yuan at once"));
        }
        if !is_web_address(request.notify_url) {
            let message = "the notification address is none, or longer than 256 bytes; mend `public_url`";
            return Err(Refusal { class: RefusalClass::Configuration, ..Refusal::ours("NOTIFY_URL", message) });
        }
        Ok(())
    }

    /// The content of the call: a function of the request, the same for every attempt.
    fn content(&self, request: &CreateRequest<'_>, number: &str, product: &Product) -> Result<String, Refusal> {
        let (order, payment) = (request.order, request.payment);
        Self::check_order(request)?;
        let content = Content {
            out_trade_no: number,
            total_amount: yuan::written(payment.amount.minor),
            subject: subject(&order.description, &order.number),
            product_code: match product {
                Product::Qr => self.qr_product.code(),
                Product::Page(_, code) => code,
                Product::App => "QUICK_MSECURITY_PAY",
            },
            time_expire: expiry(request)?,
            quit_url: match payment.method {
                Method::AlipayWap => self.return_url.as_deref(),
                _ => None,
            },
            extend_params: payment.installments.map(Extended::from),
        };
        serde_json::to_string(&content).map_err(|_| Refusal::ours("BODY", "the call cannot be written"))
    }

    pub(super) async fn create_trade(&self, request: &CreateRequest<'_>) -> Outcome<PayCode> {
        let Some(product) = product(request.payment.method) else {
            return Outcome::Refused(Refusal::ours("METHOD", "this account takes payments by Alipay only"));
        };
        let number = request.payment.number();
        let content = match self.content(request, &number, &product) {
            Ok(content) => content,
            Err(refusal) => return Outcome::Refused(refusal),
        };
        let to = Addresses { notify: Some(request.notify_url), back: self.return_url.as_deref() };
        // Pages and apps need no call: what is signed here is the call that the payer makes.
        let made = match product {
            Product::Qr => return self.precreate(&content, &number, request.notify_url).await,
            Product::Page(method, _) => self.gateway.page(method, &content, to).map(|url| PayCode::Redirect { url }),
            Product::App => {
                let to = Addresses { back: None, ..to };
                self.gateway
                    .order_string("alipay.trade.app.pay", &content, to)
                    .map(|text| PayCode::Sdk { fields: BTreeMap::from([("order_string".to_owned(), text)]) })
            }
        };
        match made {
            Ok(code) => Outcome::Done(code),
            Err(why) => Outcome::Unknown(why),
        }
    }

    /// The code dies after two hours whatever the order's last moment is; another create gives a fresh one.
    async fn precreate(&self, content: &str, number: &str, notify_url: &str) -> Outcome<PayCode> {
        let to = Addresses { notify: Some(notify_url), back: None };
        match self.call_with(Operation::Precreate, content, to).await {
            Err(why) => Outcome::Unknown(why),
            Ok(Answered::Error(error)) => error.outcome(),
            Ok(Answered::Success(content)) => {
                let read = serde_json::from_str::<Precreated>(&content).ok();
                let ours = read.filter(|made| made.out_trade_no.as_deref().is_none_or(|named| named == number));
                match ours.and_then(|made| made.qr_code).filter(|code| !code.is_empty()) {
                    Some(url) => Outcome::Done(PayCode::QrCode { url }),
                    None => Outcome::Unknown(Why::new(WhyKind::Unreadable, "the answer holds no code for the payer")),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_has_nothing_that_the_channel_or_its_bills_cannot_hold() {
        assert_eq!(subject("保洁 2h, a/b=c&d，\n门", "n"), "保洁 2h abcd 门");
        assert_eq!(subject("/=&,", "2027-0001"), "2027-0001");
        assert_eq!(subject("", "///"), "-");
        assert_eq!(subject(&"清".repeat(300), "n").chars().count(), 256);
        assert_eq!(subject("\u{0}x\u{7}", "n"), "x");
    }
}
