//! The few characters that a payer writes into his transfer: it knows how they are made, checked and found
//! again in what a bank makes of them, and must never know whose they are.
//!
//! Ten characters of Crockford's base32 (no I, L, O, U): nine carry 45 bits that are mixed from an id, the
//! tenth checks. Read as elements of the field of 32, the characters weighted by the powers of its generator
//! add up to nothing: all weights differ and none is zero, so one wrong character and any two that changed
//! places are always found. Other damage passes once in 32 times, and then meets one of 35 million million
//! numbers: what is found must be looked up, and be open, before anything is believed.
//!
//! A reference is derived, not stored: it never changes, and a payment has it before anybody was asked. What
//! we gave up: two payments can have the same one (in one of seven thousand installations with a hundred thousand
//! payments each); then nobody gets the money by it, and a person decides.

use uuid::Uuid;

const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
/// Characters of a reference.
pub const REFERENCE_LENGTH: usize = 10;
/// Characters of it that carry something.
const DATA_LENGTH: usize = REFERENCE_LENGTH - 1;
/// Bits that it carries.
const BITS: u32 = 45;
/// Digits of a virtual account's own part: enough for 2^45.
pub const VIRTUAL_DIGITS: usize = 14;
/// Most references that are looked for in one text. Texts of statements are bounded; one in 32 windows of
/// chance passes the check, so this is more than any honest text holds.
const MAX_FOUND: usize = 64;

/// Times the generator `x` in the field of 32, modulo `x^5 + x^2 + 1`.
const fn times_x(value: u8) -> u8 {
    ((value << 1) ^ if value & 16 == 0 { 0 } else { 0b10_0101 }) & 31
}

/// The character that checks these.
fn check_of(data: impl Iterator<Item = u8>) -> u8 {
    times_x(data.fold(0, |sum, value| times_x(sum) ^ value))
}

fn letter(value: u8) -> char {
    ALPHABET.get(usize::from(value)).copied().map_or('0', char::from)
}

/// The value of a character as people write it: any case, full width, and the letters that Crockford reads as
/// digits.
fn value(c: char) -> Option<u8> {
    let c = match half_width(c).to_ascii_uppercase() {
        'O' => '0',
        'I' | 'L' => '1',
        c => c,
    };
    ALPHABET.iter().position(|a| char::from(*a) == c).and_then(|i| u8::try_from(i).ok())
}

/// Full-width forms of ASCII (U+FF01 to U+FF5E), which Chinese input methods make, as ASCII; the ideographic
/// space as a space.
pub(super) fn half_width(c: char) -> char {
    match c {
        '\u{3000}' => ' ',
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(c) - 0xfee0).unwrap_or(c),
        c => c,
    }
}

/// What may stand between the characters of a reference without meaning anything: banks break lines, people
/// group.
fn is_filler(c: char) -> bool {
    matches!(half_width(c), '-' | '_' | '.' | '\u{b7}' | '\u{ad}' | '\u{2010}'..='\u{2015}' | '\u{200b}'..='\u{200d}' | '\u{feff}')
        || half_width(c).is_whitespace()
}

/// 45 bits of `id` that differ wherever two ids do, for any kind of id: those that sort by time share their
/// first bits. The constants are those of splitmix64; they must never change.
fn mixed(id: Uuid) -> u64 {
    let (high, low) = id.as_u64_pair();
    let stir = |mut x: u64| {
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ (x >> 31)
    };
    stir(stir(high) ^ low) >> (64 - BITS)
}

fn written(bits: u64) -> String {
    let data = (0..DATA_LENGTH).rev().map(move |i| u8::try_from((bits >> (5 * i)) & 31).unwrap_or(0));
    data.clone().chain([check_of(data)]).map(letter).collect()
}

/// The reference of a payment, or of a leg of a refund: [`REFERENCE_LENGTH`] characters.
pub fn reference(id: Uuid) -> String {
    written(mixed(id))
}

/// Whether `text` is a reference as [`reference()`] writes it.
pub fn is_reference(text: &str) -> bool {
    let values: Option<Vec<u8>> = text.chars().map(|c| value(c).filter(|v| letter(*v) == c)).collect();
    values.is_some_and(|v| v.len() == REFERENCE_LENGTH && checks(&v))
}

fn checks(values: &[u8]) -> bool {
    values.split_last().is_some_and(|(last, data)| check_of(data.iter().copied()) == *last)
}

/// The part of a virtual account number that is a payment's own: [`VIRTUAL_DIGITS`] digits, which say the same
/// as its reference.
pub fn virtual_number(id: Uuid) -> String {
    format!("{:0VIRTUAL_DIGITS$}", mixed(id))
}

/// The reference of the payment whose virtual account ends in these [`VIRTUAL_DIGITS`] digits.
pub fn reference_of_virtual(digits: &str) -> Option<String> {
    if digits.len() != VIRTUAL_DIGITS || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    digits.parse::<u64>().ok().filter(|bits| *bits >> BITS == 0).map(written)
}

/// All that may be a reference in a text, as [`reference()`] would write it, each once: those that stand alone
/// first, then in the order of the text. Spaces, hyphens, case, full-width letters and O for 0, I or L for 1
/// make no difference.
pub fn find_references(text: &str) -> Vec<String> {
    let mut found = Finder::default();
    for c in text.chars() {
        match value(c) {
            Some(value) => found.run.push((value, std::mem::take(&mut found.at_edge))),
            None if is_filler(c) => found.at_edge = true,
            None => found.end_run(),
        }
    }
    found.end_run();
    let mut all = found.alone;
    all.append(&mut found.within);
    let mut seen = std::collections::HashSet::new();
    all.retain(|r| seen.insert(r.clone()));
    all.truncate(MAX_FOUND);
    all
}

#[derive(Default)]
struct Finder {
    /// Characters that may belong together, and whether something stood before each.
    run: Vec<(u8, bool)>,
    at_edge: bool,
    alone: Vec<String>,
    within: Vec<String>,
}

impl Finder {
    fn end_run(&mut self) {
        for (start, window) in self.run.windows(REFERENCE_LENGTH).enumerate() {
            let values: Vec<u8> = window.iter().map(|(v, _)| *v).collect();
            if !checks(&values) {
                continue;
            }
            let begins = start == 0 || window.first().is_some_and(|(_, edge)| *edge);
            let ends = self.run.get(start + REFERENCE_LENGTH).is_none_or(|(_, edge)| *edge);
            let list = if begins && ends { &mut self.alone } else { &mut self.within };
            list.push(values.into_iter().map(letter).collect());
        }
        self.run.clear();
        self.at_edge = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn id(bits: u128) -> Uuid {
        Uuid::from_u128(bits)
    }

    #[test]
    fn references_never_change() {
        // They stand in transfers that are under way: a change of how they are made would lose these.
        let known = [0, 1, 0x0195_0000_0000_7000_8000_0000_0000_0001, u128::MAX].map(|n| reference(id(n)));
        assert_eq!(known, ["0000000000", "AT91C78G17", "98TGWSSXGV", "TTYZEN25EN"]);
        assert_eq!(virtual_number(id(1)), "11898179527169");
    }

    #[test]
    fn ids_of_the_same_millisecond_have_references_that_differ() {
        let many: std::collections::HashSet<_> =
            (0..50_000).map(|n| reference(id(0x0195_1234_5678_7000_8000_0000_0000_0000 + n))).collect();
        assert_eq!(many.len(), 50_000);
        let by_time: std::collections::HashSet<_> =
            (0..50_000_u128).map(|n| reference(id((n << 80) + 0x7000_8000_0000_0000_0000))).collect();
        assert_eq!(by_time.len(), 50_000);
    }

    #[test]
    fn a_virtual_account_says_the_same_as_the_reference() {
        let payment = id(0x0195_1234_5678_7000_8000_0000_0000_0042);
        assert_eq!(reference_of_virtual(&virtual_number(payment)), Some(reference(payment)));
        for bad in ["", "1234567890123", "1234567890123a", "99999999999999", "１２３４５６７８９０１２３４"]
        {
            assert_eq!(reference_of_virtual(bad), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn every_id_has_a_reference_that_checks(bits: u128) {
            let text = reference(id(bits));
            prop_assert_eq!(text.len(), REFERENCE_LENGTH);
            prop_assert!(is_reference(&text));
            prop_assert_eq!(reference_of_virtual(&virtual_number(id(bits))), Some(text));
        }

        #[test]
        fn one_wrong_character_is_always_found(bits: u128, at in 0..REFERENCE_LENGTH, to in 0_usize..32) {
            let right = reference(id(bits));
            let mut wrong = right.clone().into_bytes();
            wrong[at] = ALPHABET[to];
            let wrong = String::from_utf8(wrong).unwrap();
            prop_assert_eq!(is_reference(&wrong), wrong == right);
        }

        #[test]
        fn two_characters_that_changed_places_are_always_found(
            bits: u128, a in 0..REFERENCE_LENGTH, b in 0..REFERENCE_LENGTH
        ) {
            let right = reference(id(bits));
            let mut wrong = right.clone().into_bytes();
            wrong.swap(a, b);
            let wrong = String::from_utf8(wrong).unwrap();
            prop_assert_eq!(is_reference(&wrong), wrong == right);
        }

        #[test]
        fn it_is_found_again_whatever_a_person_and_a_bank_make_of_it(
            bits: u128,
            before in "(订单|付款 |Miete November, |房租:|/ )?",
            after in "(谢谢| thanks|。|, 2026|)",
            how in proptest::collection::vec((0_u8..4, 0_u8..6), REFERENCE_LENGTH),
        ) {
            let right = reference(id(bits));
            let mut text = before;
            for (c, (form, gap)) in right.chars().zip(how) {
                text.push(match (c, form) {
                    ('0', 1) => 'o',
                    ('0', 2) => 'Ｏ',
                    ('1', 1) => 'l',
                    ('1', 2) => 'I',
                    (c, 1) => c.to_ascii_lowercase(),
                    (c, 2) => char::from_u32(u32::from(c) + 0xfee0).unwrap(),
                    (c, _) => c,
                });
                text.push_str(["", "", "", " ", "-", "\u{3000}"][usize::from(gap)]);
            }
            text.push_str(&after);
            prop_assert!(find_references(&text).contains(&right), "{text}");
        }

        #[test]
        fn no_text_makes_it_fail(text in "\\PC{0,300}") {
            for found in find_references(&text) {
                prop_assert!(is_reference(&found));
            }
        }
    }

    #[test]
    fn what_stands_alone_comes_first_and_each_is_named_once() {
        let (a, b) = (reference(id(7)), reference(id(8)));
        let text = format!("x{a}y 订{b}单 {a}");
        let found = find_references(&text);
        assert_eq!(found.iter().filter(|r| **r == a).count(), 1);
        let place = |r: &str| found.iter().position(|f| f == r).unwrap();
        assert!(place(&b) < found.len() && place(&a) < found.len());
        assert!(find_references(&"0123456789ABCDEFGHJKMNPQRSTVWXYZ".repeat(100)).len() <= MAX_FOUND);
    }
}
