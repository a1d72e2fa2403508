//! Pulling shares back: it knows how much of them a refund needs, and must never know how it is fetched.

use super::plan::apportion;
use super::{CallEvidence, Ended, ReceiverKind, ShareReturn, Sharing};

/// Most returns of one sharing: their number has three digits and fits a byte.
const MAX_RETURNS: usize = 255;

impl Sharing {
    /// Minor units of a line that its receiver has, and that are not being pulled back.
    pub fn held_minor(&self, line: u8) -> i64 {
        let got = match (self.ended.get(&line), self.lines.get(usize::from(line))) {
            (Some(Ended::Moved), Some(part)) => part.amount_minor,
            _ => return 0,
        };
        let back = self.returns.iter().filter(|r| r.line == line && r.failure().is_none());
        back.map(|r| r.amount_minor).fold(got, i64::saturating_sub)
    }

    /// Minor units that receivers have got and not given back.
    pub fn shared_minor(&self) -> i64 {
        let got = self.numbered().filter(|(n, _)| self.ended.get(n) == Some(&Ended::Moved));
        let got = got.map(|(_, part)| part.amount_minor).fold(0, i64::saturating_add);
        let back = self.returns.iter().filter(|r| r.is_back());
        back.map(|r| r.amount_minor).fold(got, i64::saturating_sub)
    }

    /// What must be pulled back so that `going_back_minor` of the `taken_minor` of its payment can go back: what the
    /// merchant still has of it goes first, and the receivers bear the rest in proportion to what they have. Persons
    /// cannot be asked, and whoever refused is not asked again: what is missing then comes from the merchant's own
    /// balance. Empty while shares are under way.
    pub fn returns_needed(&self, taken_minor: i64, going_back_minor: i64) -> Vec<ShareReturn> {
        if !self.is_settled() {
            return Vec::new();
        }
        let held: Vec<(u8, i64)> = self.numbered().map(|(n, _)| (n, self.held_minor(n))).collect();
        let out = held.iter().map(|(_, minor)| *minor).fold(0, i64::saturating_add);
        let rest = taken_minor.saturating_sub(out);
        let need = going_back_minor.min(taken_minor).saturating_sub(rest);
        let asked = |line: u8| {
            let merchant = self.lines.get(usize::from(line)).is_some_and(|p| p.kind == ReceiverKind::Merchant);
            merchant && !self.returns.iter().any(|r| r.line == line && r.failure().is_some())
        };
        let able: Vec<(u8, i64)> = held.into_iter().filter(|(n, minor)| *minor > 0 && asked(*n)).collect();
        let weights: Vec<i64> = able.iter().map(|(_, minor)| *minor).collect();
        let most = weights.iter().copied().fold(0, i64::saturating_add);
        let amounts = apportion(need.clamp(0, most), &weights);
        let wanted = able.iter().zip(amounts).filter(|(_, minor)| *minor > 0);
        let fresh = wanted.map(|((line, _), amount_minor)| ShareReturn {
            line: *line,
            amount_minor,
            call: CallEvidence::default(),
            ended: None,
        });
        fresh.take(MAX_RETURNS.saturating_sub(self.returns.len())).collect()
    }
}
