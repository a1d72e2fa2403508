//! The calls about bills: it knows their queries, when a bill can be had and how a file is handed out; what stands in
//! one is written elsewhere.

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use bursar_core::bank::Day;
use serde_json::json;

use crate::Channel;
use crate::bills::flaws::{BillFlaw, BillName};
use crate::bills::packing;
use crate::bills::terms::{beijing_day, beijing_hour};
use crate::shared::Shared;
use crate::wechat::answer::Answer;
use crate::wechat::operation::decode;
use crate::wechat::refusal::Refusal;
use crate::wechat::verify::Received;
use crate::wechat::{fund_bill, trade_bill};

/// When yesterday's bills can be had, in Beijing: an hour after their making begins.
const GIVEN_FROM_HOUR: i64 = 10;
/// How long bills can be had.
const KEPT_DAYS: i64 = 92;
/// How long a link to a file lives.
const LINK_LIVES_MS: i64 = 5 * 60_000;
/// Where files are fetched.
pub(crate) const FILES: &str = "/v3/billdownload/file";

/// Which rows of a trade bill are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rows {
    All,
    Success,
    Refund,
}

/// What kind of bill.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Trade(Rows),
    /// Of the basic account; of others there is nothing to tell here.
    Funds {
        basic: bool,
    },
}

/// A call whose request is well formed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum BillCall {
    Ask {
        kind: Kind,
        day: Day,
        gzip: bool,
        /// The address at which this host was called.
        host: String,
    },
    /// Fetch the file with this token.
    Fetch { token: String, gzip: bool },
}

impl BillCall {
    /// `parts`: of the path.
    pub(crate) fn read(request: &Received<'_>, parts: &[&str], query: &str) -> Result<Self, Refusal> {
        let in_query = |name: &str| {
            let found = query.split('&').find_map(|pair| pair.split_once('=').filter(|(known, _)| *known == name));
            found.map(|(_, value)| decode(value, name)).transpose()
        };
        let wrong = |name: &str, issue: &str| Refusal::parameter(name, issue);
        match parts.get(1..) {
            Some(["billdownload", "file"]) => {
                let token = in_query("token")?.ok_or_else(|| wrong("token", "is missing in the query"))?;
                let gzip = in_query("tartype")?.is_some_and(|kind| kind.eq_ignore_ascii_case("gzip"));
                Ok(Self::Fetch { token, gzip })
            }
            Some(["bill", bill @ ("tradebill" | "fundflowbill")]) => {
                let known = ["bill_date", "tar_type", if *bill == "tradebill" { "bill_type" } else { "account_type" }];
                let name = |pair: &str| pair.split('=').next().unwrap_or_default().to_owned();
                if let Some(other) = query.split('&').map(name).find(|name| !known.contains(&name.as_str())) {
                    return Err(wrong(&other, "is not known in the query"));
                }
                let day = in_query("bill_date")?.ok_or_else(|| wrong("bill_date", "is missing in the query"))?;
                let day = day.parse::<Day>().map_err(|_| wrong("bill_date", "must look like 2019-06-11"))?;
                let gzip = match in_query("tar_type")?.as_deref() {
                    None => false,
                    Some("GZIP") => true,
                    Some(_) => return Err(wrong("tar_type", "must be GZIP")),
                };
                let kind = match (*bill, in_query("bill_type")?.as_deref(), in_query("account_type")?.as_deref()) {
                    ("tradebill", None | Some("ALL"), _) => Kind::Trade(Rows::All),
                    ("tradebill", Some("SUCCESS"), _) => Kind::Trade(Rows::Success),
                    ("tradebill", Some("REFUND"), _) => Kind::Trade(Rows::Refund),
                    ("fundflowbill", _, None | Some("BASIC")) => Kind::Funds { basic: true },
                    ("fundflowbill", _, Some("OPERATION" | "FEES")) => Kind::Funds { basic: false },
                    _ => return Err(wrong("bill_type", "is no kind of bill")),
                };
                let host = request.header("host").unwrap_or_default().to_owned();
                Ok(Self::Ask { kind, day, gzip, host })
            }
            _ => Err(Refusal::new(404, "RESOURCE_NOT_EXISTS", "there is no such method and path")),
        }
    }

    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::Ask { .. } => "bill",
            Self::Fetch { .. } => "bill_file",
        }
    }
}

impl Shared {
    /// Carries out a call of the merchant `mchid`.
    pub(super) fn wechat_bill(&self, mchid: &str, call: BillCall) -> Result<Answer, Refusal> {
        let now_ms = self.pace.now_ms();
        match call {
            BillCall::Fetch { token, gzip } => {
                let found = self.tickets.find(&token, now_ms);
                let ours = found.filter(|one| one.channel == Channel::Wechat && one.account == mchid);
                let file = ours.ok_or_else(|| Refusal::invalid("the link to the file is not known or too old"))?;
                let bytes = if gzip { packing::gzip(&file.bytes) } else { file.bytes.to_vec() };
                Ok(Answer::file(bytes, if gzip { "application/x-gzip" } else { "text/plain" }))
            }
            BillCall::Ask { kind, day, gzip, host } => {
                can_be_had(day, now_ms)?;
                let (text, wrong_digest) = self.wechat_bill_text(mchid, kind, day);
                let text =
                    text.ok_or_else(|| Refusal::new(400, "NO_STATEMENT_EXIST", "there is no bill of that day"))?;
                let said = if wrong_digest { format!("{text} ") } else { text.clone() };
                let hash = digest(&SHA1_FOR_LEGACY_USE_ONLY, said.as_bytes());
                let hash: String = hash.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
                let ends_ms = now_ms.saturating_add(LINK_LIVES_MS);
                let token = self.tickets.keep((Channel::Wechat, mchid), text.into_bytes(), now_ms, ends_ms);
                let packed = if gzip { "&tartype=gzip" } else { "" };
                let url = format!("http://{host}{FILES}?token={token}{packed}");
                Ok(Answer::ok(&json!({ "hash_type": "SHA1", "hash_value": hash, "download_url": url })))
            }
        }
    }

    /// The bill, when there is something to tell, and whether its digest shall be another's.
    fn wechat_bill_text(&self, mchid: &str, kind: Kind, day: Day) -> (Option<String>, bool) {
        let whose = (Channel::Wechat, mchid);
        let orders = self.orders();
        let (sheet, text) = match kind {
            Kind::Funds { basic: false } => return (None, false),
            Kind::Funds { basic: true } => {
                let name = BillName { channel: Channel::Wechat, account: mchid.to_owned(), day, funds: true };
                let sheet = self.blank(name);
                let flows = self.flows(&orders, whose, sheet.day);
                let text = fund_bill::write(&orders, mchid, &flows, &sheet);
                (sheet, text)
            }
            Kind::Trade(rows) => {
                let sheet = self.sheet(&orders, whose, day);
                let text = trade_bill::write(&orders, mchid, &sheet, rows);
                (sheet, text)
            }
        };
        (text.map(|text| sheet.cut(text)), sheet.flaw == Some(BillFlaw::WrongDigest))
    }
}

fn can_be_had(day: Day, now_ms: i64) -> Result<(), Refusal> {
    let today = beijing_day(now_ms);
    if day >= today {
        return Err(Refusal::parameter("bill_date", "must be before today"));
    }
    if today.days_since(day) > KEPT_DAYS {
        return Err(Refusal::parameter("bill_date", "is more than three months ago"));
    }
    if now_ms < beijing_hour(day.plus_days(1), GIVEN_FROM_HOUR) {
        return Err(Refusal::new(400, "STATEMENT_CREATING", "the bill is being made; try again later"));
    }
    Ok(())
}
