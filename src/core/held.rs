//! Pay after service: it knows by which words it ended what a payer had agreed to, and must never end it.

use crate::clock::Timestamp;
use crate::observation::{Claim, Observation, Source};
use crate::order::OrderState;
use crate::payment::{Payment, PaymentState};

/// Why a hold is given up that nobody has taken in time.
const LAPSING: &str = "what is held is about to lapse";

/// The observation that a hold must be given up now.
pub fn lapsing(now: Timestamp) -> Observation {
    Observation::new(Source::Clock, now, Claim::CloseRequested { reason: LAPSING.to_owned() })
}

/// How it ended.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum HeldEnding {
    /// It was taken: what the service came to.
    Captured,
    /// Somebody wanted it no more, and it was let go.
    Revoked,
    /// Its order was paid by another way, and it was let go.
    PaidElsewhere,
    /// Nobody wanted anything of it in time: it was let go before it lapsed, or the channel let it go.
    Expired,
}

impl HeldEnding {
    /// Every one.
    pub const ALL: [Self; 4] = [Self::Captured, Self::Revoked, Self::PaidElsewhere, Self::Expired];

    /// The stable name in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Captured => "captured",
            Self::Revoked => "revoked",
            Self::PaidElsewhere => "paid_elsewhere",
            Self::Expired => "expired",
        }
    }

    /// How what the payer of `payment` had agreed to ended, in an order that is now in `order`. `None`: he had agreed
    /// to nothing, it has not ended, or a person must look.
    pub fn of(payment: &Payment, order: OrderState) -> Option<Self> {
        let evidence = &payment.evidence;
        if !payment.method.holds() || evidence.authorized.is_none() {
            return None;
        }
        match payment.state {
            PaymentState::Captured => Some(Self::Captured),
            PaymentState::Closed if order == OrderState::Paid => Some(Self::PaidElsewhere),
            PaymentState::Closed => match &evidence.close_requested {
                Some((_, reason)) if reason != LAPSING => Some(Self::Revoked),
                // Asked to be taken and let go by the channel all the same, it was too late for that.
                _ => Some(Self::Expired),
            },
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::channel::Method;
    use crate::decide::test_books::{Books, at, close};
    use crate::merchant::MerchantPolicy;
    use crate::observation::Hold;
    use crate::payment::Evidence;

    #[test]
    fn an_end_is_told_by_what_was_wanted_and_by_what_became_of_the_order() {
        use OrderState::{Closed, Paid, Paying};
        let books = Books::new(&[100], MerchantPolicy::default());
        let one = |method, state, evidence: &Evidence| Payment {
            method,
            state,
            evidence: evidence.clone(),
            ..books.dossier.payments[0].clone()
        };
        let hold = Hold { receipt: books.receipt(0), lapses_at: None };
        let agreed = Evidence { authorized: Some(hold), ..Evidence::default() };
        let asked = |seen: &Observation| agreed.clone().join(books.dossier.order.amount, seen);
        let wished = asked(&Observation::new(Source::Merchant, at(5), close()));
        let lapsed = asked(&lapsing(at(5)));
        for (order, state, evidence, want) in [
            (Paid, PaymentState::Captured, &agreed, Some(HeldEnding::Captured)),
            (Closed, PaymentState::Captured, &wished, Some(HeldEnding::Captured)),
            (Closed, PaymentState::Closed, &wished, Some(HeldEnding::Revoked)),
            (Paid, PaymentState::Closed, &wished, Some(HeldEnding::PaidElsewhere)),
            (Closed, PaymentState::Closed, &lapsed, Some(HeldEnding::Expired)),
            (Closed, PaymentState::Closed, &agreed, Some(HeldEnding::Expired)),
            (Paying, PaymentState::Authorized, &agreed, None),
            (Paying, PaymentState::Closing, &lapsed, None),
            (Closed, PaymentState::Closed, &Evidence::default(), None),
        ] {
            let found = HeldEnding::of(&one(Method::AlipayHold, state, evidence), order);
            assert_eq!(found, want, "{order:?} {state:?} {evidence:?}");
        }
        let at_once = one(Method::AlipayQr, PaymentState::Captured, &agreed);
        assert_eq!(HeldEnding::of(&at_once, Paid), None, "what is taken at once was never held");
    }
}
