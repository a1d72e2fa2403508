//! What does this request ask for? It knows the fields of each transaction and what their values must look
//! like by themselves, and must never look at the books.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::unionpay::fields::Fields;
use crate::unionpay::file::FileWish;
use crate::unionpay::refusal::Refusal;
use crate::unionpay::time;
use crate::unionpay::token_request::{Opening, TOKEN_PAY, TokenDebit, TokenNamed, Unbinding};

/// What names a transaction of a merchant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Name {
    pub(crate) order_id: String,
    pub(crate) txn_time: String,
    txn_ms: i64,
}

/// How a payer pays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// The payer's browser posts the request itself.
    Front,
    /// The merchant's app hands a number over to the network's app.
    App,
}

/// A purchase.
#[derive(Clone, Debug)]
pub(crate) struct Purchase {
    pub(crate) name: Name,
    pub(crate) way: Way,
    pub(crate) amount_fen: i64,
    pub(crate) expires_at_ms: Option<i64>,
    /// In how many installments the payer pays it.
    pub(crate) installments: Option<u8>,
    /// What the merchant says of it.
    pub(crate) said: String,
    /// Everything as sent.
    pub(crate) fields: Fields,
}

/// Money back: a refund or a void.
#[derive(Clone, Debug)]
pub(crate) struct Return {
    pub(crate) name: Name,
    /// The whole amount on the same day, instead of a part on any day.
    pub(crate) void: bool,
    pub(crate) of: Named,
    pub(crate) amount_fen: i64,
    pub(crate) said: String,
    pub(crate) fields: Fields,
}

/// How a transaction is named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Named {
    QueryId(String),
    Name(Name),
}

/// A request that is well formed.
#[derive(Clone, Debug)]
pub(crate) enum Call {
    Purchase(Box<Purchase>),
    Return(Box<Return>),
    Query(Named),
    Open(Box<Opening>),
    AskToken(TokenNamed),
    Unbind(Unbinding),
    Debit(Box<TokenDebit>),
    /// The reconciliation file of a day.
    File(FileWish),
}

impl Name {
    pub(crate) fn read(fields: &Fields, order_id: &str, txn_time: &str) -> Result<Self, Refusal> {
        let number = must(fields, order_id)?;
        // Letters and digits only: `-` and `_` are what merchants get wrong.
        let fits = (8..=40).contains(&number.len()) && number.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if !fits {
            return Err(Refusal::format(order_id));
        }
        let written = must(fields, txn_time)?;
        let txn_ms = time::parse(written).ok_or_else(|| Refusal::format(txn_time))?;
        Ok(Self { order_id: number.to_owned(), txn_time: written.to_owned(), txn_ms })
    }

    /// What must be unique: the number within a day of the network.
    pub(crate) fn unique(&self) -> String {
        format!("txn/{}/{}", self.order_id, time::day(self.txn_ms))
    }
}

impl Call {
    /// Reads a request to `service`, the last part of the path.
    pub(crate) fn read(service: &str, fields: &Fields) -> Result<Self, Refusal> {
        match (service, must(fields, "txnType")?) {
            ("frontTransReq.do", "01") => purchase(Way::Front, fields),
            ("appTransReq.do", "01") => purchase(Way::App, fields),
            ("frontTransReq.do", "79") => Ok(Self::Open(Box::new(Opening::read(false, fields)?))),
            ("backTransReq.do", "79") => Ok(Self::Open(Box::new(Opening::read(true, fields)?))),
            ("backTransReq.do" | "queryTrans.do", "78") => TokenNamed::read(fields).map(Self::AskToken),
            ("backTransReq.do", "74") => Unbinding::read(fields).map(Self::Unbind),
            ("backTransReq.do", "01") => Ok(Self::Debit(Box::new(TokenDebit::read(fields)?))),
            ("backTransReq.do", "04") => money_back(false, fields),
            ("backTransReq.do", "31") => money_back(true, fields),
            ("queryTrans.do", "00") => query(fields),
            ("fileTransReq.do", "76") => FileWish::read(fields).map(Self::File),
            _ => Err(Refusal::format("txnType")),
        }
    }

    pub(crate) const fn operation(&self) -> &'static str {
        match self {
            Self::Purchase(purchase) => match purchase.way {
                Way::Front => "unionpay.front",
                Way::App => "unionpay.app",
            },
            Self::Return(back) if back.void => "unionpay.void",
            Self::Return(_) => "unionpay.refund",
            Self::Query(_) => "unionpay.query",
            Self::Open(_) => "unionpay.open_token",
            Self::AskToken(_) => "unionpay.query_token",
            Self::Unbind(_) => "unionpay.unbind_token",
            Self::Debit(_) => "unionpay.debit",
            Self::File(_) => "unionpay.file",
        }
    }
}

fn purchase(way: Way, fields: &Fields) -> Result<Call, Refusal> {
    one_of(fields, "txnSubType", &[SELF_SERVICE, INSTALLMENTS])?;
    one_of(fields, "bizType", &["000201"])?;
    one_of(fields, "channelType", &["07", "08"])?;
    one_of(fields, "currencyCode", &["156"])?;
    let installments = installments(fields)?;
    let name = Name::read(fields, "orderId", "txnTime")?;
    let amount_fen = amount(fields)?;
    must_url(fields, "backUrl")?;
    if way == Way::Front {
        must_url(fields, "frontUrl")?;
    }
    echoed(fields)?;
    let until = |text| time::parse(text).ok_or_else(|| Refusal::format("payTimeout"));
    let expires_at_ms = fields.get("payTimeout").map(until).transpose()?;
    let (said, fields) = (said(fields), fields.clone());
    Ok(Call::Purchase(Box::new(Purchase { name, way, amount_fen, expires_at_ms, installments, said, fields })))
}

/// The whole at once.
const SELF_SERVICE: &str = "01";
/// In installments.
const INSTALLMENTS: &str = "03";
/// Which counts issuers agree on. The network's own list is not confirmed.
const COUNTS: [&str; 6] = ["03", "06", "09", "12", "18", "24"];

/// A purchase in installments says in how many, and no other does.
fn installments(fields: &Fields) -> Result<Option<u8>, Refusal> {
    let wrong = || Refusal::format("instalTransInfo");
    match (must(fields, "txnSubType")?, fields.get("instalTransInfo")) {
        (INSTALLMENTS, None) => Err(Refusal::missing("instalTransInfo")),
        (INSTALLMENTS, Some(info)) => {
            let count = info.strip_prefix("{numberOfInstallments=").and_then(|rest| rest.strip_suffix('}'));
            let known = count.filter(|count| COUNTS.contains(count));
            known.and_then(|count| count.parse().ok()).map(Some).ok_or_else(wrong)
        }
        (_, None) => Ok(None),
        (_, Some(_)) => Err(wrong()),
    }
}

fn money_back(void: bool, fields: &Fields) -> Result<Call, Refusal> {
    one_of(fields, "txnSubType", &["00"])?;
    one_of(fields, "bizType", &["000201", "000000", TOKEN_PAY])?;
    one_of(fields, "channelType", &["07", "08"])?;
    let name = Name::read(fields, "orderId", "txnTime")?;
    let amount_fen = amount(fields)?;
    must_url(fields, "backUrl")?;
    echoed(fields)?;
    let of = match fields.get("origQryId") {
        Some(id) => Named::QueryId(query_id(id, "origQryId")?),
        None if fields.get("origOrderId").is_some() => Named::Name(Name::read(fields, "origOrderId", "origTxnTime")?),
        None => return Err(Refusal::missing("origQryId")),
    };
    let (said, fields) = (said(fields), fields.clone());
    Ok(Call::Return(Box::new(Return { name, void, of, amount_fen, said, fields })))
}

fn query(fields: &Fields) -> Result<Call, Refusal> {
    one_of(fields, "txnSubType", &["00", "02"])?;
    one_of(fields, "bizType", &["000000", "000201", TOKEN_PAY])?;
    match (fields.get("orderId"), fields.get("queryId")) {
        (None, Some(id)) => Ok(Call::Query(Named::QueryId(query_id(id, "queryId")?))),
        _ => Ok(Call::Query(Named::Name(Name::read(fields, "orderId", "txnTime")?))),
    }
}

pub(crate) fn must<'f>(fields: &'f Fields, name: &str) -> Result<&'f str, Refusal> {
    fields.get(name).ok_or_else(|| Refusal::missing(name))
}

pub(crate) fn one_of(fields: &Fields, name: &str, allowed: &[&str]) -> Result<(), Refusal> {
    let value = must(fields, name)?;
    allowed.contains(&value).then_some(()).ok_or_else(|| Refusal::format(name))
}

fn query_id(text: &str, name: &str) -> Result<String, Refusal> {
    let fits = text.len() == 21 && text.bytes().all(|byte| byte.is_ascii_digit());
    fits.then(|| text.to_owned()).ok_or_else(|| Refusal::format(name))
}

/// Fen, as one to twelve digits.
pub(crate) fn amount(fields: &Fields) -> Result<i64, Refusal> {
    let text = must(fields, "txnAmt")?;
    let fits = text.len() <= 12 && text.bytes().all(|byte| byte.is_ascii_digit());
    let fen = text.parse::<i64>().ok().filter(|fen| fits && *fen > 0);
    fen.ok_or_else(|| Refusal::format("txnAmt"))
}

pub(crate) fn must_url(fields: &Fields, name: &str) -> Result<(), Refusal> {
    let text = must(fields, name)?;
    let web = url::Url::parse(text).is_ok_and(|url| ["http", "https"].contains(&url.scheme()));
    (web && text.len() <= 256).then_some(()).ok_or_else(|| Refusal::format(name))
}

/// What is given back in raw answers must leave them readable: no `&` but inside braces.
pub(crate) fn echoed(fields: &Fields) -> Result<(), Refusal> {
    for name in ["reqReserved", "reserved"] {
        let text = fields.text(name);
        let mut depth = 0_i32;
        let readable = text.chars().all(|c| {
            depth += i32::from(c == '{') - i32::from(c == '}');
            depth >= 0 && (c != '&' || depth > 0)
        });
        if !readable || depth != 0 || text.chars().count() > 1_024 {
            return Err(Refusal::format(name));
        }
    }
    Ok(())
}

/// What the merchant says of the transaction: where tags may stand. `reqReserved` may be base64, as the
/// documents advise for what is not plain text.
pub(crate) fn said(fields: &Fields) -> String {
    let reserved = fields.text("reqReserved");
    let opened = STANDARD.decode(reserved).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    // A plain word may be base64 by chance: only what holds a tag was packed.
    let opened = opened.filter(|text| text.contains('['));
    match fields.get("orderDesc") {
        Some(text) => text.to_owned(),
        None => opened.unwrap_or_else(|| reserved.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_echoed_must_leave_an_answer_readable() {
        for (text, good) in [
            ("plain [payer:soon]", true),
            ("{a=b&c=d}", true),
            ("{a={b&c}&d=e}", true),
            ("a&b", false),
            ("{a=b&c=d", false),
            ("a}&{", false),
        ] {
            let mut fields = Fields::default();
            fields.set("reqReserved", text);
            assert_eq!(echoed(&fields).is_ok(), good, "{text}");
        }
    }

    #[test]
    fn a_tag_is_found_in_plain_and_in_packed_words() {
        let mut fields = Fields::default();
        fields.set("reqReserved", STANDARD.encode("保洁 [payer:late]"));
        assert_eq!(said(&fields), "保洁 [payer:late]");
        fields.set("reqReserved", "cleaning [payer:late]");
        assert_eq!(said(&fields), "cleaning [payer:late]");
        fields.set("orderDesc", "[payer:never]");
        assert_eq!(said(&fields), "[payer:never]");
    }

    #[test]
    fn amounts_are_whole_fen_without_sign_point_or_excess() {
        for (text, fen) in [
            ("1", Some(1)),
            ("000000000100", Some(100)),
            ("0", None),
            ("1.0", None),
            ("+1", None),
            ("1000000000000", None),
        ] {
            let mut fields = Fields::default();
            fields.set("txnAmt", text);
            assert_eq!(amount(&fields).ok(), fen, "{text}");
        }
    }
}
