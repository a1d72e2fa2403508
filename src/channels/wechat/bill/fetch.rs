//! Fetching a bill: it knows the two calls and how the file is proved, and must never read a line of it.

use aws_lc_rs::constant_time;
use bursar_core::reconcile::BillKind;
use serde::Deserialize;

use super::digest::Digest;
use crate::bill::{BillRequest, BillWriter, Fetched};
use crate::outcome::{Outcome, Why, WhyKind};
use crate::wechat::Wechat;
use crate::wechat::call::Answered;
use crate::wechat::errors::ApiError;
use crate::wechat::transport::{Call, request_id};

/// Nothing happened on that day.
const NONE: &str = "NO_STATEMENT_EXIST";
/// It is being made.
const BEING_MADE: &str = "STATEMENT_CREATING";

/// Where the file is, and its digest.
#[derive(Deserialize)]
struct Offer {
    hash_type: String,
    hash_value: String,
    download_url: String,
}

fn unreadable(what: impl Into<String>) -> Why {
    Why::new(WhyKind::Unreadable, what)
}

impl Wechat {
    pub(in crate::wechat) async fn download_bill(&self, request: BillRequest) -> Outcome<Fetched> {
        let day = request.day;
        let target = match request.kind {
            BillKind::Trade => format!("/v3/bill/tradebill?bill_date={day}&bill_type=ALL&tar_type=GZIP"),
            BillKind::Funds => format!("/v3/bill/fundflowbill?bill_date={day}&account_type=BASIC&tar_type=GZIP"),
        };
        match self.call(Call::get(&target)).await {
            Err(why) => Outcome::Unknown(why),
            Ok(Answered::Error(error)) if error.code == NONE => Outcome::Done(Fetched::Empty),
            Ok(Answered::Error(error)) if error.code == BEING_MADE => {
                Outcome::Done(Fetched::NotReady(format!("{}: {}", error.code, error.message)))
            }
            Ok(Answered::Error(error)) => error.outcome(),
            Ok(Answered::Success(answer)) => match self.download_offered(request, &answer.body).await {
                Ok(fetched) => Outcome::Done(fetched),
                Err(why) => Outcome::Unknown(why),
            },
        }
    }

    async fn download_offered(&self, request: BillRequest, offer: &[u8]) -> Result<Fetched, Why> {
        let offer: Offer = serde_json::from_slice(offer).map_err(|e| unreadable(format!("the answer: {e}")))?;
        if !offer.hash_type.eq_ignore_ascii_case("SHA1") {
            return Err(unreadable("the bill has a digest of a kind that is not known; expected SHA1"));
        }
        let target = self.transport.own_target(&offer.download_url);
        let target = target.ok_or_else(|| unreadable("the bill's address is not at a host of the account"))?;
        let io = |error: std::io::Error| unreadable(format!("the file is not taken: {error}"));
        let (mut writer, mut digest) = (BillWriter::new().map_err(io)?, Digest::new());
        let mut sink = |part: &[u8]| digest.add(part).and_then(|()| writer.add(part));
        let answer = self.transport.download(Call::get(&target), &mut sink).await?;
        if answer.status != 200 {
            let kind = if answer.status >= 500 { WhyKind::ServerError } else { WhyKind::Unreadable };
            let error = ApiError::read(answer.status, request_id(&answer), &answer.body);
            return Err(error.map_or_else(
                || Why::new(kind, format!("HTTP {} instead of the bill", answer.status)),
                |error| error.why(kind),
            ));
        }
        let found = digest.end().map_err(|_| unreadable("the bill is packed and cut off"))?;
        let said = offer.hash_value.to_ascii_lowercase();
        if constant_time::verify_slices_are_equal(found.as_bytes(), said.as_bytes()).is_err() {
            return Err(unreadable(format!("the bill's digest is {found}, not {said}; it is not taken")));
        }
        let (kind, day) = (request.kind, request.day);
        let name = format!("wechat_{}_{kind}_{day}.csv.gz", self.payee.mchid);
        writer.end(&name).map(Fetched::Ready).map_err(io)
    }
}
