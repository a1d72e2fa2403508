//! What an event or a question belongs to: it knows the kinds of such things, and must never know what happened to
//! one.

use std::fmt;

use bursar_core::id::{AgreementId, BreakId, OrderId, PlanId};
use uuid::Uuid;

/// What merchants are told of and people are asked about, each with its own count of events.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum About {
    /// An order, its payments and its refunds.
    Order(OrderId),
    /// A plan and its installments.
    Plan(PlanId),
    /// An agreement.
    Agreement(AgreementId),
    /// A difference between a channel's books and ours.
    Break(BreakId),
}

impl About {
    /// The stable number of its kind in the database.
    pub const fn code(self) -> i16 {
        match self {
            Self::Order(_) => 1,
            Self::Plan(_) => 2,
            Self::Agreement(_) => 3,
            Self::Break(_) => 4,
        }
    }

    /// The 128 bits of its id.
    pub const fn uuid(self) -> Uuid {
        match self {
            Self::Order(id) => id.uuid(),
            Self::Plan(id) => id.uuid(),
            Self::Agreement(id) => id.uuid(),
            Self::Break(id) => id.uuid(),
        }
    }

    /// The inverse of [`About::code`] and [`About::uuid`].
    pub const fn from_code(code: i16, id: Uuid) -> Option<Self> {
        match code {
            1 => Some(Self::Order(OrderId(id))),
            2 => Some(Self::Plan(PlanId(id))),
            3 => Some(Self::Agreement(AgreementId(id))),
            4 => Some(Self::Break(BreakId(id))),
            _ => None,
        }
    }

    /// The order, when it is one.
    pub const fn order(self) -> Option<OrderId> {
        match self {
            Self::Order(id) => Some(id),
            Self::Plan(_) | Self::Agreement(_) | Self::Break(_) => None,
        }
    }
}

impl fmt::Display for About {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Order(id) => id.fmt(f),
            Self::Plan(id) => id.fmt(f),
            Self::Agreement(id) => id.fmt(f),
            Self::Break(id) => id.fmt(f),
        }
    }
}

impl From<OrderId> for About {
    fn from(id: OrderId) -> Self {
        Self::Order(id)
    }
}

impl From<PlanId> for About {
    fn from(id: PlanId) -> Self {
        Self::Plan(id)
    }
}

impl From<BreakId> for About {
    fn from(id: BreakId) -> Self {
        Self::Break(id)
    }
}

impl From<AgreementId> for About {
    fn from(id: AgreementId) -> Self {
        Self::Agreement(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_is_found_again_by_its_code_and_named_by_its_id() {
        let id = Uuid::from_u128(7);
        for about in [About::from(OrderId(id)), PlanId(id).into(), AgreementId(id).into(), BreakId(id).into()] {
            assert_eq!(About::from_code(about.code(), about.uuid()), Some(about));
            assert_eq!(about.order().is_some(), about.to_string().starts_with("ord_"));
        }
        assert_eq!(About::from_code(5, id), None);
    }
}
