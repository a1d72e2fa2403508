//! By what a line is known again: it knows which facts a bank repeats in every file, and must never take two
//! lines for one.
//!
//! With a number of the bank: that number, with the amount, the way and (for formats whose numbers are known to
//! come again on other days) the day, because some banks write a constant there. Without one: a digest of all
//! that the line says. Lines of a file that are still the same are counted: the second is `…#2`. What we gave
//! up: two lines without numbers that agree in everything and come in two different files of one day are taken
//! for one, until a statement that holds both shows the second.

use std::collections::HashMap;

use aws_lc_rs::digest;
use bursar_core::Money;
use bursar_core::bank::{Day, Direction};
use bursar_core::id::{ChannelAccountId, LineId};
use uuid::Uuid;

/// The id of a line on an account: the first 16 bytes of SHA-256 over both, so that it is added once.
pub fn line_id(account: ChannelAccountId, identity: &str) -> LineId {
    let mut context = digest::Context::new(&digest::SHA256);
    context.update(account.uuid().as_bytes());
    context.update(identity.as_bytes());
    let mut bytes = [0_u8; 16];
    bytes.iter_mut().zip(context.finish().as_ref()).for_each(|(to, from)| *to = *from);
    LineId(Uuid::from_bytes(bytes))
}

/// What every identity holds besides its number or digest.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moved {
    pub(super) amount: Money,
    pub(super) direction: Direction,
    pub(super) reversal: bool,
    /// The day, where numbers alone are not to be trusted.
    pub(super) day: Option<Day>,
}

impl Moved {
    fn tail(&self) -> String {
        let way = if self.direction == Direction::Credit { "C" } else { "D" };
        let back = if self.reversal { "R" } else { "" };
        let day = self.day.map(|d| format!("|{d}")).unwrap_or_default();
        format!("{way}{back}{}{}{day}", self.amount.minor, self.amount.currency)
    }

    /// The identity of a line to which the bank gave `number`.
    pub(super) fn by_number(&self, number: &str) -> String {
        format!("ref:{number}|{}", self.tail())
    }

    /// The identity of a line without a number, by all that it says.
    pub(super) fn by_content(&self, content: &[Option<&str>]) -> String {
        let mut context = digest::Context::new(&digest::SHA256);
        for part in content {
            // A mark and a length before each, so that no two lists of parts read the same.
            let text = part.unwrap_or_default();
            context.update(&[u8::from(part.is_some())]);
            context.update(&u64::try_from(text.len()).unwrap_or(u64::MAX).to_be_bytes());
            context.update(text.as_bytes());
        }
        let hash = context.finish();
        let hex: String = hash.as_ref().iter().take(16).map(|b| format!("{b:02x}")).collect();
        format!("sum:{hex}|{}", self.tail())
    }
}

/// Counts identities of one account within a file.
#[derive(Debug, Default)]
pub(super) struct Ordinals(HashMap<(Option<String>, String), u32>);

impl Ordinals {
    /// `identity`, with its number among those that read the same when it is not the first.
    pub(super) fn number(&mut self, account: Option<&str>, identity: String) -> String {
        let count = self.0.entry((account.map(str::to_owned), identity.clone())).or_insert(0);
        *count = count.saturating_add(1);
        if *count == 1 { identity } else { format!("{identity}#{count}") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bursar_core::Currency;

    fn moved(minor: i64) -> Moved {
        let amount = Money::new(minor, Currency::CNY);
        Moved { amount, direction: Direction::Credit, reversal: false, day: None }
    }

    #[test]
    fn a_number_that_comes_again_with_another_amount_or_way_is_another_line() {
        let first = moved(100).by_number("A1");
        assert_eq!(first, "ref:A1|C100CNY");
        assert_ne!(first, moved(101).by_number("A1"));
        assert_ne!(first, Moved { direction: Direction::Debit, reversal: true, ..moved(100) }.by_number("A1"));
        let day = "2026-11-22".parse().ok();
        assert_eq!(Moved { day, ..moved(100) }.by_number("A1"), "ref:A1|C100CNY|2026-11-22");
    }

    #[test]
    fn parts_that_run_together_are_told_apart() {
        let a = moved(1).by_content(&[Some("ab"), Some("c")]);
        assert_ne!(a, moved(1).by_content(&[Some("a"), Some("bc")]));
        assert_ne!(moved(1).by_content(&[None, Some("")]), moved(1).by_content(&[Some(""), None]));
        assert_eq!(a, moved(1).by_content(&[Some("ab"), Some("c")]));
    }

    #[test]
    fn equal_lines_are_counted_on_each_account() {
        let mut ordinals = Ordinals::default();
        let mut next = |account| ordinals.number(account, "x".into());
        assert_eq!([next(Some("1")), next(Some("1")), next(None), next(Some("2"))], ["x", "x#2", "x", "x"]);
    }

    #[test]
    fn ids_differ_by_account_and_identity() {
        let (a, b) = (ChannelAccountId(Uuid::from_u128(1)), ChannelAccountId(Uuid::from_u128(2)));
        assert_eq!(line_id(a, "x"), line_id(a, "x"));
        assert_ne!(line_id(a, "x"), line_id(b, "x"));
        assert_ne!(line_id(a, "x"), line_id(a, "x#2"));
    }
}
