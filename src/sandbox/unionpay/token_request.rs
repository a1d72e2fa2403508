//! What does this request about a token ask for? It knows the fields of each transaction and what their values must
//! look like by themselves, and must never look at the books.

use std::collections::BTreeMap;

use crate::unionpay::fields::Fields;
use crate::unionpay::refusal::Refusal;
use crate::unionpay::request::{Name, amount, echoed, must, must_url, one_of, said};

/// The kind of business of everything about tokens.
pub(crate) const TOKEN_PAY: &str = "000902";

/// A token is to be opened.
#[derive(Clone, Debug)]
pub(crate) struct Opening {
    pub(crate) name: Name,
    /// The merchant's server brings the card's data, instead of the payer's browser.
    pub(crate) by_server: bool,
    pub(crate) tr_id: String,
    pub(crate) said: String,
    pub(crate) fields: Fields,
}

/// A debit with a token.
#[derive(Clone, Debug)]
pub(crate) struct TokenDebit {
    pub(crate) name: Name,
    pub(crate) token: String,
    pub(crate) tr_id: String,
    pub(crate) amount_fen: i64,
    pub(crate) said: String,
    pub(crate) fields: Fields,
}

/// How a token is named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum TokenNamed {
    Token(String),
    /// By the transaction that opened it.
    Name(Name),
}

/// A token is to be unbound.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unbinding {
    pub(crate) token: String,
}

/// The members of a group such as `{a=b&c=d}`.
fn group(text: &str) -> Option<BTreeMap<String, String>> {
    let inner = text.strip_prefix('{')?.strip_suffix('}')?;
    let pair = |pair: &str| pair.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned()));
    inner.split('&').map(pair).collect()
}

fn token_data(fields: &Fields) -> Result<BTreeMap<String, String>, Refusal> {
    group(must(fields, "tokenPayData")?).ok_or_else(|| Refusal::format("tokenPayData"))
}

fn member(data: &BTreeMap<String, String>, name: &str) -> Result<String, Refusal> {
    data.get(name).filter(|text| !text.is_empty()).cloned().ok_or_else(|| Refusal::missing("tokenPayData"))
}

fn common(fields: &Fields) -> Result<Name, Refusal> {
    one_of(fields, "bizType", &[TOKEN_PAY])?;
    one_of(fields, "channelType", &["07", "08"])?;
    echoed(fields)?;
    Name::read(fields, "orderId", "txnTime")
}

impl Opening {
    pub(crate) fn read(by_server: bool, fields: &Fields) -> Result<Self, Refusal> {
        one_of(fields, "txnSubType", &["00"])?;
        let name = common(fields)?;
        must_url(fields, "backUrl")?;
        if by_server {
            // Without the payer there is only his card's number.
            must(fields, "accNo")?;
        } else {
            must_url(fields, "frontUrl")?;
        }
        let tr_id = member(&token_data(fields)?, "trId")?;
        Ok(Self { name, by_server, tr_id, said: said(fields), fields: fields.clone() })
    }
}

impl TokenDebit {
    pub(crate) fn read(fields: &Fields) -> Result<Self, Refusal> {
        one_of(fields, "txnSubType", &["01"])?;
        one_of(fields, "currencyCode", &["156"])?;
        let name = common(fields)?;
        must_url(fields, "backUrl")?;
        let data = token_data(fields)?;
        let (token, tr_id) = (member(&data, "token")?, member(&data, "trId")?);
        Ok(Self { name, token, tr_id, amount_fen: amount(fields)?, said: said(fields), fields: fields.clone() })
    }
}

impl TokenNamed {
    pub(crate) fn read(fields: &Fields) -> Result<Self, Refusal> {
        one_of(fields, "txnSubType", &["00", "02"])?;
        let name = common(fields)?;
        // With a token, the number and the time are the question's own.
        match fields
            .get("tokenPayData")
            .map(|_| token_data(fields))
            .transpose()?
            .and_then(|data| data.get("token").cloned())
        {
            Some(token) => Ok(Self::Token(token)),
            None => Ok(Self::Name(name)),
        }
    }
}

impl Unbinding {
    pub(crate) fn read(fields: &Fields) -> Result<Self, Refusal> {
        one_of(fields, "txnSubType", &["00", "01"])?;
        common(fields)?;
        Ok(Self { token: member(&token_data(fields)?, "token")? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_is_read_and_what_is_none_is_refused() {
        let read = group("{token=62&trId=1}").unwrap();
        assert_eq!((read["token"].as_str(), read["trId"].as_str()), ("62", "1"));
        for wrong in ["token=62", "{token}", "{token=62", ""] {
            assert_eq!(group(wrong), None, "{wrong}");
        }
    }
}
