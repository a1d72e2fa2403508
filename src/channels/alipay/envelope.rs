//! Answers of the gateway: it knows where the signed part stands, and must never write it again (the
//! signature is over the bytes as they came).

use std::fmt;

use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

/// Where an error stands that the gateway cannot put under the name of a call.
const ERROR: &str = "error_response";

/// The members of the outermost object, each as it was written.
struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct Collect;
        impl<'de> Visitor<'de> for Collect {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members: Vec<(String, &'de RawValue)> = Vec::new();
                while let Some((name, value)) = map.next_entry::<String, &'de RawValue>()? {
                    // Two readers could believe different ones.
                    if members.iter().any(|(known, _)| *known == name) {
                        return Err(A::Error::custom("a member stands twice"));
                    }
                    members.push((name, value));
                }
                Ok(Members(members))
            }
        }
        d.deserialize_map(Collect)
    }
}

/// An answer, taken apart but not verified.
#[derive(Debug)]
pub(super) struct Envelope<'a> {
    /// The signed part, exactly as it came.
    pub(super) content: &'a str,
    pub(super) sign: Option<String>,
    /// Which certificate signed it, in certificate mode.
    pub(super) certificate: Option<String>,
}

impl<'a> Envelope<'a> {
    /// Takes the answer of `method` (such as `alipay.trade.query`) apart.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn open(method: &str, body: &'a [u8]) -> Result<Self, String> {
        let Members(members) = serde_json::from_slice(body).map_err(|e| e.to_string())?;
        let find = |name: &str| members.iter().find(|(known, _)| known == name).map(|(_, value)| value.get());
        let text = |name: &str| find(name).and_then(|value| serde_json::from_str::<String>(value).ok());
        let name = format!("{}_response", method.replace('.', "_"));
        let content = match (find(&name), find(ERROR)) {
            (Some(content), None) | (None, Some(content)) => content,
            (None, None) => return Err(format!("it has neither {name} nor {ERROR}")),
            (Some(_), Some(_)) => return Err(format!("it has both {name} and {ERROR}")),
        };
        Ok(Self {
            content,
            sign: text("sign").filter(|sign| !sign.is_empty()),
            certificate: text("alipay_cert_sn").filter(|serial| !serial.is_empty()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signed_part_is_taken_as_it_was_written() {
        let body =
            r#"{ "alipay_trade_query_response" : {"code":"10000", "u":"https:\/\/a\u4e2d", "n":1.0 } ,"sign":"s=="}"#;
        let envelope = Envelope::open("alipay.trade.query", body.as_bytes()).unwrap();
        assert_eq!(envelope.content, r#"{"code":"10000", "u":"https:\/\/a\u4e2d", "n":1.0 }"#);
        assert_eq!((envelope.sign.as_deref(), envelope.certificate), (Some("s=="), None));
    }

    #[test]
    fn the_order_of_members_does_not_matter_and_an_error_is_found_too() {
        let body = r#"{"alipay_cert_sn":"c","sign":"s","error_response":{"code":"40002"}}"#;
        let envelope = Envelope::open("alipay.trade.query", body.as_bytes()).unwrap();
        assert_eq!(envelope.content, r#"{"code":"40002"}"#);
        assert_eq!(envelope.certificate.as_deref(), Some("c"));
    }

    #[test]
    fn an_answer_that_can_be_read_in_two_ways_is_not_read() {
        for body in [
            "",
            "[]",
            "{}",
            r#"{"alipay_trade_close_response":{},"sign":"s"}"#,
            r#"{"alipay_trade_query_response":{},"alipay_trade_query_response":{"code":"10000"},"sign":"s"}"#,
            r#"{"alipay_trade_query_response":{},"error_response":{},"sign":"s"}"#,
            r#"{"alipay_trade_query_response":{},"sign":"s"} trailing"#,
        ] {
            assert!(Envelope::open("alipay.trade.query", body.as_bytes()).is_err(), "{body}");
        }
    }
}
