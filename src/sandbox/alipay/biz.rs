//! The members of `biz_content`: it knows how they are read one by one and refuses whatever the documents do
//! not know, null or empty values included; it must never know a rule between two members.

use serde_json::{Map, Value};

use crate::alipay::amount;
use crate::alipay::refusal::Refusal;

/// The content of one request.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Biz(Map<String, Value>);

impl Biz {
    /// Reads it; members that are not `known` are refused.
    pub(crate) fn read(text: &str, known: &[&str]) -> Result<Self, Refusal> {
        let Ok(Value::Object(members)) = serde_json::from_str(text) else {
            return Err(Refusal::invalid("parameter", "biz_content 不是 JSON 对象"));
        };
        Self::taken(members, known)
    }

    fn taken(members: Map<String, Value>, known: &[&str]) -> Result<Self, Refusal> {
        for (name, value) in &members {
            if !known.contains(&name.as_str()) {
                return Err(Refusal::member(name, "is not a known member"));
            }
            let empty = value.is_null() || value.as_str().is_some_and(str::is_empty);
            if empty {
                return Err(Refusal::member(name, "must not be empty; leave it out"));
            }
        }
        Ok(Self(members))
    }

    /// Text of at most `max` characters.
    pub(crate) fn text(&self, name: &str, max: usize) -> Result<Option<String>, Refusal> {
        match self.0.get(name) {
            None => Ok(None),
            Some(Value::String(text)) if text.chars().count() <= max => Ok(Some(text.clone())),
            Some(Value::String(_)) => Err(Refusal::member(name, &format!("must have at most {max} characters"))),
            Some(_) => Err(Refusal::member(name, "must be a string")),
        }
    }

    pub(crate) fn needed(&self, name: &str, max: usize) -> Result<String, Refusal> {
        self.text(name, max)?.ok_or_else(|| Refusal::member(name, "is missing"))
    }

    /// An amount in fen.
    pub(crate) fn amount(&self, name: &str) -> Result<i64, Refusal> {
        // The real gateway takes a bare number too; money as a JSON number loses its places.
        let text = self.needed(name, 12)?;
        amount::read(&text).ok_or_else(|| Refusal::member(name, "must be yuan from 0.01 to 100000000.00"))
    }

    /// A number of an order or a refund: 1 to 64 letters, digits and underscores.
    pub(crate) fn number(&self, name: &str) -> Result<Option<String>, Refusal> {
        let number = self.text(name, 64)?;
        let fits = |text: &String| text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        match number {
            Some(number) if !fits(&number) => Err(Refusal::member(name, "may hold 0-9 A-Z a-z _ only")),
            number => Ok(number),
        }
    }

    /// A list of words; empty when it is not there.
    pub(crate) fn words(&self, name: &str) -> Result<Vec<String>, Refusal> {
        let wrong = || Refusal::member(name, "must be an array of strings");
        let Some(list) = self.0.get(name) else { return Ok(Vec::new()) };
        let list = list.as_array().ok_or_else(wrong)?;
        list.iter().map(|word| word.as_str().map(str::to_owned).ok_or_else(wrong)).collect()
    }

    /// A member that is an object; members of it that are not `known` are refused, as are those without a value.
    pub(crate) fn object(&self, name: &str, known: &[&str]) -> Result<Option<Self>, Refusal> {
        match self.0.get(name) {
            None => Ok(None),
            Some(Value::Object(members)) => Self::taken(members.clone(), known).map(Some),
            Some(_) => Err(Refusal::member(name, "must be an object")),
        }
    }

    /// A member of a member that is an object.
    pub(crate) fn member(&self, name: &str, inner: &str) -> Option<&Value> {
        self.0.get(name)?.as_object()?.get(inner)
    }

    /// The order that is meant.
    pub(crate) fn which(&self) -> Result<Which, Refusal> {
        let which = Which { trade_no: self.text("trade_no", 64)?, out_trade_no: self.number("out_trade_no")? };
        if which.trade_no.is_none() && which.out_trade_no.is_none() {
            return Err(Refusal::member("out_trade_no", "and trade_no are both missing"));
        }
        Ok(which)
    }
}

/// How an order is named; `trade_no` wins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Which {
    pub(crate) trade_no: Option<String>,
    pub(crate) out_trade_no: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_empty_and_null_members_are_refused_by_name() {
        assert!(Biz::read(r#"{"a":"1"}"#, &["a"]).is_ok());
        for wrong in [r#"{"b":"1"}"#, r#"{"a":""}"#, r#"{"a":null}"#, "[]", "x"] {
            assert!(Biz::read(wrong, &["a"]).is_err(), "{wrong}");
        }
    }

    #[test]
    fn values_of_the_wrong_kind_are_refused() {
        let biz =
            Biz::read(r#"{"text":"abc","number":7,"no":"a-b","money":"1.00"}"#, &["text", "number", "no", "money"]);
        let biz = biz.unwrap();
        assert!(biz.text("text", 2).is_err());
        assert!(biz.text("number", 9).is_err());
        assert!(biz.number("no").is_err());
        assert!(biz.amount("number").is_err());
        assert_eq!(biz.amount("money").unwrap(), 100);
        assert!(biz.needed("absent", 9).is_err());
        assert!(biz.which().is_err());
    }
}
