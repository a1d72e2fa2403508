//! Fetching a bill: it knows the call that gives an address for seconds, and must never read a line of what is there.

use bursar_core::channel::ChannelKind;
use bursar_core::clock::HOUR_MS;
use bursar_core::reconcile::BillKind;
use reqwest::Client;
use serde::Deserialize;
use serde_json::json;
use url::Url;

use crate::alipay::Alipay;
use crate::alipay::call::Answered;
use crate::alipay::errors::ApiError;
use crate::alipay::gateway::Addresses;
use crate::alipay::operation::Operation;
use crate::bill::{BillRequest, BillWriter, Fetched};
use crate::outcome::{Outcome, Why, WhyKind};

/// Nothing happened on that day.
const NONE: &str = "NO_BILL_DATA";
/// There is no bill: because nothing happened, or because it is not made yet.
const ABSENT: &str = "BILL_NOT_EXIST";
/// How long after a bill is due it is believed that it will never be, in milliseconds.
const ABSENT_AFTER_MS: i64 = 2 * HOUR_MS;

#[derive(Deserialize)]
struct Offer {
    bill_download_url: String,
}

fn says(error: &ApiError, code: &str) -> bool {
    error.code.rsplit('.').next().is_some_and(|bare| bare.eq_ignore_ascii_case(code))
}

fn unreadable(what: impl Into<String>) -> Why {
    Why::new(WhyKind::Unreadable, what)
}

impl Alipay {
    pub(in crate::alipay) async fn download_bill(&self, request: BillRequest) -> Outcome<Fetched> {
        let bill_type = match request.kind {
            BillKind::Trade => "trade",
            BillKind::Funds => "signcustomer",
        };
        let biz = json!({ "bill_type": bill_type, "bill_date": request.day.to_string() });
        match self.call(Operation::BillAddress, &biz, Addresses::default()).await {
            Err(why) => Outcome::Unknown(why),
            Ok(Answered::Error(error)) if says(&error, NONE) => Outcome::Done(Fetched::Empty),
            Ok(Answered::Error(error)) if says(&error, ABSENT) => {
                let believed_at = ChannelKind::Alipay.bill_due_at(request.day).plus_ms(ABSENT_AFTER_MS);
                Outcome::Done(if self.gateway.now() >= believed_at {
                    Fetched::Empty
                } else {
                    Fetched::NotReady(format!("{}: {}", error.code, error.message))
                })
            }
            Ok(Answered::Error(error)) => error.outcome(),
            Ok(Answered::Success(content)) => match self.download_offered(request, &content).await {
                Ok(fetched) => Outcome::Done(fetched),
                Err(why) => Outcome::Unknown(why),
            },
        }
    }

    /// The file lives for half a minute at its address, which is a secret; nothing is signed there.
    async fn download_offered(&self, request: BillRequest, content: &str) -> Result<Fetched, Why> {
        let offer: Offer = serde_json::from_str(content).map_err(|e| unreadable(format!("the answer: {e}")))?;
        let url = Url::parse(&offer.bill_download_url).ok().filter(|url| self.gateway.may_fetch(url));
        let url = url.ok_or_else(|| unreadable("the bill's address is not one that is taken: it must be https"))?;
        let io = |error: std::io::Error| unreadable(format!("the file is not taken: {error}"));
        let mut writer = BillWriter::new().map_err(io)?;
        let mut sink = |part: &[u8]| writer.add(part);
        let write = |http: &Client, url: &Url| {
            http.get(url.clone()).build().map_err(|_| crate::transport::unwritten("the call cannot be written"))
        };
        let answer = self.gateway.download_from(&url, write, &mut sink).await?;
        if answer.status != 200 {
            let kind = if answer.status >= 500 { WhyKind::ServerError } else { WhyKind::Unreadable };
            return Err(Why::new(kind, format!("HTTP {} instead of the bill", answer.status)));
        }
        let (kind, day) = (request.kind, request.day);
        let name = format!("alipay_{}_{kind}_{day}.csv.zip", self.payee.seller_id);
        writer.end(&name).map(Fetched::Ready).map_err(io)
    }
}
