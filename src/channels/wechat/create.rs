//! Making a payment payable: it knows the order call of each product and the code that it gives, and
//! must never know what happens to the payment.

use std::collections::BTreeMap;

use bursar_core::channel::Method as PayMethod;
use bursar_core::money::Currency;
use bursar_core::observation::PayCode;
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::call::Answered;
use super::transport::Call;
use super::{Wechat, bad_number, check_notify_url, number, refused, sign};
use crate::beijing;
use crate::channel::CreateRequest;
use crate::outcome::{Outcome, Refusal, RefusalClass, Why, WhyKind};

/// Longest text that the channel keeps with an order, in bytes.
const MAX_ATTACH_BYTES: usize = 128;

/// The body. The order of the members is fixed, so that every attempt sends the same bytes.
#[derive(Serialize)]
struct Body<'a> {
    appid: &'a str,
    mchid: &'a str,
    description: &'a str,
    out_trade_no: &'a str,
    time_expire: String,
    /// The merchant's number of the order: bills tell it back.
    #[serde(skip_serializing_if = "Option::is_none")]
    attach: Option<&'a str>,
    notify_url: &'a str,
    amount: Amount<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    payer: Option<Payer<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scene_info: Option<Scene<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    settle_info: Option<Settle>,
}

/// Keeps the money until it is shared.
#[derive(Serialize)]
struct Settle {
    profit_sharing: bool,
}

#[derive(Serialize)]
struct Amount<'a> {
    total: i64,
    currency: &'a str,
}

#[derive(Serialize)]
struct Payer<'a> {
    openid: &'a str,
}

#[derive(Serialize)]
struct Scene<'a> {
    payer_client_ip: &'a str,
    h5_info: H5Info,
}

#[derive(Serialize)]
struct H5Info {
    r#type: &'static str,
}

#[derive(Deserialize)]
struct Success {
    code_url: Option<String>,
    prepay_id: Option<String>,
    h5_url: Option<String>,
}

const fn path(method: PayMethod) -> Option<&'static str> {
    match method {
        PayMethod::WechatNative => Some("/v3/pay/transactions/native"),
        PayMethod::WechatJsapi => Some("/v3/pay/transactions/jsapi"),
        PayMethod::WechatH5 => Some("/v3/pay/transactions/h5"),
        PayMethod::WechatApp => Some("/v3/pay/transactions/app"),
        _ => None,
    }
}

impl Wechat {
    /// The bytes of the order call: a function of the request, the same for every attempt.
    pub(super) fn create_body(&self, request: &CreateRequest<'_>) -> Result<Bytes, Refusal> {
        let (order, payment) = (request.order, request.payment);
        let wrong = |code, message| refused(code, message, RefusalClass::Definite);
        if payment.amount.currency != Currency::CNY {
            return Err(wrong("CURRENCY", "this account takes CNY only"));
        }
        check_notify_url(request.notify_url)?;
        let payer = match (payment.method, &payment.payer.openid) {
            (PayMethod::WechatJsapi, None) => return Err(wrong("OPENID", "wechat_jsapi needs the payer's openid")),
            (PayMethod::WechatJsapi, Some(openid)) => Some(Payer { openid }),
            _ => None,
        };
        let scene_info = match (payment.method, &payment.payer.client_ip) {
            (PayMethod::WechatH5, None) => return Err(wrong("CLIENT_IP", "wechat_h5 needs the payer's IP address")),
            (PayMethod::WechatH5, Some(payer_client_ip)) => {
                Some(Scene { payer_client_ip, h5_info: H5Info { r#type: "Wap" } })
            }
            _ => None,
        };
        let out_trade_no = payment.number();
        if !number::is_valid(&out_trade_no) {
            return Err(bad_number());
        }
        let body = Body {
            appid: &self.payee.appid,
            mchid: &self.payee.mchid,
            description: &order.description,
            out_trade_no: &out_trade_no,
            time_expire: beijing::rfc3339(order.expires_at)
                .ok_or_else(|| wrong("EXPIRES_AT", "the last moment to pay is beyond the calendar"))?,
            attach: Some(order.number.as_str()).filter(|text| (1..=MAX_ATTACH_BYTES).contains(&text.len())),
            notify_url: request.notify_url,
            amount: Amount { total: payment.amount.minor, currency: Currency::CNY.code() },
            payer,
            scene_info,
            settle_info: (!order.shares.is_empty()).then_some(Settle { profit_sharing: true }),
        };
        serde_json::to_vec(&body).map(Bytes::from).map_err(|_| wrong("BODY", "the call cannot be written"))
    }

    pub(super) async fn create_order(&self, request: &CreateRequest<'_>) -> Outcome<PayCode> {
        let body = match self.create_body(request) {
            Ok(body) => body,
            Err(refusal) => return Outcome::Refused(refusal),
        };
        let Some(path) = path(request.payment.method) else {
            return Outcome::Refused(Refusal::ours("METHOD", "this account takes payments by WeChat only"));
        };
        match self.call(Call::post(path, body)).await {
            Err(why) => Outcome::Unknown(why),
            Ok(Answered::Error(error)) => error.outcome(),
            Ok(Answered::Success(answer)) => match self.pay_code(request.payment.method, &answer.body) {
                Some(code) => Outcome::Done(code),
                None => Outcome::Unknown(Why::new(WhyKind::Unreadable, "the answer holds no code for the payer")),
            },
        }
    }

    fn pay_code(&self, method: PayMethod, body: &[u8]) -> Option<PayCode> {
        let success: Success = serde_json::from_slice(body).ok()?;
        let some = |text: Option<String>| text.filter(|t| !t.is_empty());
        match method {
            PayMethod::WechatNative => some(success.code_url).map(|url| PayCode::QrCode { url }),
            PayMethod::WechatH5 => some(success.h5_url).map(|url| PayCode::Redirect { url }),
            PayMethod::WechatJsapi => self.jsapi_fields(&some(success.prepay_id)?),
            PayMethod::WechatApp => self.app_fields(&some(success.prepay_id)?),
            _ => None,
        }
    }

    fn sdk_fields(
        &self,
        last: &str,
        fields: impl FnOnce(String, String, String) -> Vec<(&'static str, String)>,
    ) -> Option<PayCode> {
        let parts = self.transport.parts();
        let (time, nonce) = (parts.now().as_seconds().to_string(), parts.nonce());
        let message = sign::pay_message(&self.payee.appid, &time, &nonce, last);
        let signature = self.transport.signing().sign(message.as_bytes())?;
        let fields: BTreeMap<_, _> =
            fields(time, nonce, signature).into_iter().map(|(k, v)| (k.to_owned(), v)).collect();
        Some(PayCode::Sdk { fields })
    }

    /// Inside WeChat: the arguments of `WeixinJSBridge` and `wx.requestPayment`.
    fn jsapi_fields(&self, prepay_id: &str) -> Option<PayCode> {
        let package = format!("prepay_id={prepay_id}");
        self.sdk_fields(&package.clone(), |time, nonce, signature| {
            vec![
                ("appId", self.payee.appid.clone()),
                ("timeStamp", time),
                ("nonceStr", nonce),
                ("package", package),
                ("signType", "RSA".into()),
                ("paySign", signature),
            ]
        })
    }

    /// In an app: the members of the SDK's request.
    fn app_fields(&self, prepay_id: &str) -> Option<PayCode> {
        self.sdk_fields(prepay_id, |time, nonce, signature| {
            vec![
                ("appid", self.payee.appid.clone()),
                ("partnerid", self.payee.mchid.clone()),
                ("prepayid", prepay_id.to_owned()),
                ("package", "Sign=WXPay".into()),
                ("noncestr", nonce),
                ("timestamp", time),
                ("sign", signature),
            ]
        })
    }
}
