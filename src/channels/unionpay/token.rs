//! Tokens, by which cards are charged: it knows how the channel writes what belongs to one, and must never show one.

use std::fmt;

use bursar_core::Timestamp;

use crate::beijing;
use crate::settings::plain;

/// Most characters of a token; it has 19 digits.
const MAX_TOKEN_CHARS: usize = 64;

/// What the channel says of a token: `{token=…&trId=…&tokenBegin=…&tokenEnd=…}`.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) number: String,
    /// From when it holds.
    pub(super) begins_at: Option<Timestamp>,
    /// Until when.
    pub(super) ends_at: Option<Timestamp>,
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(..)")
    }
}

impl Token {
    /// Reads a group; `None` when it holds no token.
    pub(super) fn read(group: &str) -> Option<Self> {
        let inner = group.strip_prefix('{')?.strip_suffix('}')?;
        let get =
            |name: &str| inner.split('&').filter_map(|m| m.split_once('=')).find(|(n, _)| *n == name).map(|(_, v)| v);
        let number = get("token").filter(|token| is_token(token))?.to_owned();
        let time = |name: &str| get(name).and_then(beijing::parse_digits);
        Some(Self { number, begins_at: time("tokenBegin"), ends_at: time("tokenEnd") })
    }
}

/// Whether `text` may stand in a group as a token.
pub(super) fn is_token(text: &str) -> bool {
    plain(text, MAX_TOKEN_CHARS, "")
}

/// What asks for a token.
pub(super) fn wanted(tr_id: &str) -> String {
    format!("{{trId={tr_id}&tokenType=01}}")
}

/// What names a token.
pub(super) fn named(tr_id: &str, token: &str) -> String {
    format!("{{token={token}&trId={tr_id}}}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_is_read_in_any_order_and_never_shown() {
        let group = "{token=6235240000760877254&trId=62000000606&tokenType=01&tokenBegin=20200721202459\
                     &tokenEnd=20250720202459&tokenLevel=10}";
        let token = Token::read(group).unwrap();
        assert_eq!(token.number, "6235240000760877254");
        assert_eq!(token.begins_at, Timestamp::parse_rfc3339("2020-07-21T20:24:59+08:00").ok());
        assert_eq!(token.ends_at, Timestamp::parse_rfc3339("2025-07-20T20:24:59+08:00").ok());
        assert!(!format!("{token:?}").contains("62352"));
        let bare = Token::read("{trId=1&token=2}").unwrap();
        assert_eq!((bare.number.as_str(), bare.begins_at, bare.ends_at), ("2", None, None));
    }

    #[test]
    fn what_holds_no_token_is_none() {
        for group in ["", "{}", "token=1", "{token=}", "{trId=1}", "{token=1}2", "{token=../x}", "{xtoken=1}"] {
            assert_eq!(Token::read(group), None, "{group}");
        }
    }
}
