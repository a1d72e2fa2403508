//! Why something about cash cannot be, as problems: it knows which kind each is, and must never add a rule.

use bursar_core::cash::CashError;

use crate::problem::{Facts, Kind, Problem};

/// `why` as it is answered.
pub fn of(why: &CashError) -> Problem {
    let words = why.to_string();
    let (kind, facts) = match why {
        CashError::Amounts { .. } => return Problem::member("/tendered_minor", words),
        CashError::NotPositive(_) => return Problem::member("", words),
        CashError::Nobody { .. } | CashError::NotAPerson { .. } => return Problem::member("/by", words),
        CashError::SamePerson { .. } => (Kind::SecondPersonNeeded, Facts::default()),
        CashError::OtherCollection { .. } | CashError::OtherHandIn { .. } | CashError::OtherPayout { .. } => {
            (Kind::CollectionConflict, Facts::default())
        }
        CashError::Collection { state, .. } => (Kind::CollectionNotOpen, stands(state.name())),
        CashError::HandIn { state, .. } => (Kind::HandInNotOpen, stands(state.name())),
        CashError::WrongCode { .. } => (Kind::WrongCode, Facts::default()),
        CashError::CodeSpent { .. } => (Kind::CodeSpent, Facts::default()),
        CashError::NothingToHandIn { .. }
        | CashError::MorePaidOut { .. }
        | CashError::OtherDrawer { .. }
        | CashError::PayoutHandedIn { .. } => (Kind::NothingToHandIn, Facts::default()),
        CashError::NotInDrawer { in_drawer, asked, .. } => {
            let facts = Facts { asked_minor: Some(*asked), left_minor: Some(*in_drawer), ..Facts::default() };
            (Kind::DrawerShort, facts)
        }
        CashError::Leg { state, .. } => (Kind::LegNotAwaitingTransfer, stands(state)),
        CashError::NotCash { .. } => return Problem::member("/leg", words),
        CashError::TooMuch { .. } | CashError::TooLong { .. } => (Kind::CollectorOverLimit, Facts::default()),
    };
    Problem::new(kind, words).with(facts)
}

fn stands(state: &'static str) -> Facts {
    Facts { state: Some(state), ..Facts::default() }
}
