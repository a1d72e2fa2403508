//! Tag 86, what was said about a line: it knows three dialects (numbered subfields, codes between slashes, free
//! text), and must never know amounts.

use bursar_core::bank::Party;

use crate::bank::statement::error::{StatementError, Warnings};
use crate::bank::statement::tidy;

/// What stands in a tag 86.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Info {
    pub(super) counterparty: Party,
    pub(super) text: String,
    pub(super) end_to_end: Option<String>,
    /// Whether it says that the line returns an earlier one.
    pub(super) returned: bool,
}

/// Marks inside of the purpose (Deutsche Kreditwirtschaft, DFÜ agreement annex 3, SEPA).
const MARKS: [&str; 13] = [
    "EREF+", "KREF+", "MREF+", "CRED+", "DEBT+", "COAM+", "OAMT+", "SVWZ+", "ABWA+", "ABWE+", "IBAN+", "BIC+", "PURP+",
];
/// Codes between slashes (Dutch banks).
const CODES: [&str; 14] =
    ["EREF", "BENM", "ORDP", "REMI", "NAME", "IBAN", "BIC", "ISDT", "TRCD", "CSID", "MARF", "SVCL", "PREF", "RTRN"];

impl Info {
    pub(super) fn read(text: &str, at: &str, warnings: &mut Warnings) -> Result<Self, StatementError> {
        // Lines are broken after 65 characters, in the middle of words.
        let joined: String = text.chars().filter(|c| *c != '\n' && *c != '\r').collect();
        let parts = subfields(&joined).map_or_else(|| coded(&joined), Some);
        let parts = parts.unwrap_or_else(|| Parts { text: joined.trim().to_owned(), ..Parts::default() });
        Ok(Self {
            counterparty: Party {
                name: tidy::name(&parts.name, at, warnings),
                account: tidy::account(&parts.account, at)?,
            },
            text: tidy::text(&parts.text, at, warnings),
            end_to_end: tidy::number(&parts.end_to_end, at)?,
            returned: parts.returned,
        })
    }
}

#[derive(Default)]
struct Parts {
    name: String,
    account: String,
    text: String,
    end_to_end: String,
    returned: bool,
}

/// `166?00GUTSCHRIFT?20EREF+…?21SVWZ+…?30BIC?31IBAN?32NAME?33NAME`. The mark before the numbers is the bank's.
fn subfields(text: &str) -> Option<Parts> {
    let (code, rest) = text.trim_start().split_at_checked(3)?;
    let mark = rest.chars().next().filter(|c| matches!(c, '?' | '<' | '>' | '+' | '~' | '@' | '#' | '$'))?;
    let first = rest.get(mark.len_utf8()..mark.len_utf8() + 2)?;
    if !code.bytes().chain(first.bytes()).all(|b| b.is_ascii_digit()) {
        return None;
    }
    let mut parts = Parts::default();
    let (mut title, mut purpose, mut iban) = (String::new(), Vec::new(), String::new());
    let mut open: Option<(&str, String)> = None;
    let mut close = |field: Option<(&str, String)>, parts: &mut Parts| {
        let Some((number, value)) = field else { return };
        match number {
            "00" => title = value,
            "20" | "21" | "22" | "23" | "24" | "25" | "26" | "27" | "28" | "29" | "60" | "61" | "62" | "63" => {
                purpose.push(value);
            }
            "31" => parts.account = value,
            "32" | "33" => parts.name.push_str(&value),
            "38" => iban = value,
            _ => {}
        }
    };
    for piece in rest.split(mark).skip(1) {
        let number = piece.split_at_checked(2).filter(|(n, _)| n.bytes().all(|b| b.is_ascii_digit()));
        match (number, &mut open) {
            (Some((number, value)), _) => close(open.replace((number, value.to_owned())), &mut parts),
            // The mark itself inside of a text.
            (None, Some((_, value))) => {
                value.push(mark);
                value.push_str(piece);
            }
            (None, None) => {}
        }
    }
    close(open.take(), &mut parts);
    if !iban.trim().is_empty() {
        parts.account = iban;
    }
    let mut sections = sections(&purpose);
    let take = |sections: &mut Vec<(&str, String)>, mark: &str| {
        let at = sections.iter().position(|(m, _)| *m == mark)?;
        Some(sections.remove(at).1)
    };
    parts.end_to_end = take(&mut sections, "EREF+").or_else(|| take(&mut sections, "KREF+")).unwrap_or_default();
    if parts.account.trim().is_empty() {
        parts.account = take(&mut sections, "IBAN+").unwrap_or_default();
    }
    let words: Vec<_> =
        sections.iter().map(|(_, t)| t.trim()).chain([title.trim()]).filter(|t| !t.is_empty()).collect();
    parts.text = words.join(" ");
    // Business transaction codes of German banks: 108 and 109 are returned debits, 159 is a returned transfer. Not
    // confirmed by a bank: a code that is wrong here leaves a line in suspense, and no money in a wrong place.
    parts.returned = matches!(code, "108" | "109" | "159");
    Some(parts)
}

/// The purpose by its marks; what stands before the first one has none. Subfields are pieces of 27 characters.
fn sections<'a>(purpose: &[String]) -> Vec<(&'a str, String)> {
    let mut all: Vec<(&str, String)> = vec![("", String::new())];
    for piece in purpose {
        let mut rest = piece.as_str();
        if let Some(mark) = MARKS.iter().find(|m| rest.starts_with(**m)) {
            rest = rest.get(mark.len()..).unwrap_or_default();
            all.push((mark, String::new()));
        }
        // Marks also follow a space in the middle of a piece.
        while let Some((at, mark)) = next_mark(rest) {
            if let Some((_, text)) = all.last_mut() {
                text.push_str(rest.get(..at).unwrap_or_default());
            }
            rest = rest.get(at + 1 + mark.len()..).unwrap_or_default();
            all.push((mark, String::new()));
        }
        if let Some((_, text)) = all.last_mut() {
            text.push_str(rest);
        }
    }
    all.retain(|(_, text)| !text.trim().is_empty());
    all
}

/// The first mark after a space: where the space is, and the mark.
fn next_mark(text: &str) -> Option<(usize, &'static str)> {
    let found = MARKS.iter().filter_map(|m| Some((text.find(&format!(" {m}"))?, *m)));
    found.min_by_key(|(at, _)| *at)
}

/// `/EREF/…/BENM//NAME/…/REMI/…`. Every code's text ends where the next one begins.
fn coded(text: &str) -> Option<Parts> {
    let text = text.trim();
    let mut found: Vec<(usize, &str)> = Vec::new();
    for code in CODES {
        let wrapped = format!("/{code}/");
        found.extend(text.match_indices(&wrapped).map(|(at, _)| (at, code)));
    }
    found.sort_unstable();
    if !text.starts_with('/') || found.first().is_none_or(|(at, _)| *at != 0) {
        return None;
    }
    let mut parts = Parts::default();
    let mut words = Vec::new();
    for (index, (at, code)) in found.iter().enumerate() {
        let end = found.get(index + 1).map_or(text.len(), |(next, _)| *next);
        let value = text.get(at + code.len() + 2..end).unwrap_or_default().trim_matches('/').trim();
        match *code {
            "EREF" => value.clone_into(&mut parts.end_to_end),
            "NAME" => value.clone_into(&mut parts.name),
            "IBAN" => value.clone_into(&mut parts.account),
            "RTRN" => parts.returned = true,
            "BIC" | "ISDT" | "TRCD" | "CSID" | "MARF" | "SVCL" => {}
            _ => words.extend(Some(value).filter(|v| !v.is_empty())),
        }
    }
    parts.text = words.join(" ");
    Some(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Info {
        Info::read(text, "line 1", &mut Warnings::default()).unwrap()
    }

    #[test]
    fn numbered_subfields_are_joined_over_their_breaks() {
        let info = read(
            "166?00GUTSCHRIFT?109310?20EREF+A-17?21KREF+NONREF?22SVWZ+Miete Novem\nber 98TGW?23SSXGV?30COBADEFF\
             ?31DE89370400440532013000?32ERIKA MUSTER?33MANN?34000",
        );
        assert_eq!(info.text, "NONREF Miete November 98TGWSSXGV GUTSCHRIFT");
        assert_eq!(info.end_to_end.as_deref(), Some("A-17"));
        assert_eq!(info.counterparty.name.as_deref(), Some("ERIKA MUSTERMANN"));
        assert_eq!(info.counterparty.account.as_deref(), Some("DE89370400440532013000"));
        assert!(!info.returned);
        assert!(read("109?00RUECKUEBERWEISUNG?20SVWZ+X").returned);
    }

    #[test]
    fn marks_inside_of_a_piece_and_marks_in_words_are_told_apart() {
        let info = read("166?00X?20SVWZ+a EREF+b?21c IBAN+DE1?22d?32N");
        assert_eq!((info.text.as_str(), info.end_to_end.as_deref()), ("a X", Some("bc")));
        assert_eq!(info.counterparty.account.as_deref(), Some("DE1d"));
        let info = read("020?00Wyplata?2008106000?38PL08106000760000777777777777");
        assert_eq!(info.counterparty.account.as_deref(), Some("PL08106000760000777777777777"));
        assert_eq!(read("051?00T?20is it? yes").text, "is it? yes T");
    }

    #[test]
    fn codes_between_slashes_are_read() {
        let info =
            read("/EREF/01-01-2013 12:00 0030/BENM//NAME/CONTRA ACCOUN\nT HOLDER/REMI/Reference 2013/ISDT/2013-07-11");
        assert_eq!(info.counterparty.name.as_deref(), Some("CONTRA ACCOUNT HOLDER"));
        assert_eq!(info.end_to_end.as_deref(), Some("01-01-2013 12:00 0030"));
        assert_eq!(info.text, "Reference 2013");
        assert!(read("/RTRN/AC01//EREF/x").returned);
    }

    #[test]
    fn other_text_is_kept_as_it_is() {
        assert_eq!(read("999PN5477SCHECK-NR. 0000016703074").text, "999PN5477SCHECK-NR. 0000016703074");
        assert_eq!(read("往来款 98TGWSSXGV").text, "往来款 98TGWSSXGV");
        assert_eq!(read(""), Info::default());
    }
}
