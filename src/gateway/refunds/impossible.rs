//! Why a refund cannot be, as a problem: it knows a kind and the numbers of each reason, and must never
//! judge anything itself.

use bursar_core::refund::Impossible;

use crate::problem::{Facts, Kind, Problem};

/// The problem that `impossible` is.
pub fn problem(impossible: &Impossible) -> Problem {
    let (kind, facts) = match impossible {
        Impossible::NothingCaptured(state) => {
            (Kind::NothingToRefund, Facts { order_state: Some(state.name()), ..Facts::default() })
        }
        Impossible::StillPaying => (Kind::RefundWhilePaying, Facts::default()),
        Impossible::TooMuch { asked, captured, given_back, left } => {
            let facts = Facts {
                asked_minor: Some(*asked),
                captured_minor: Some(*captured),
                given_back_minor: Some(*given_back),
                left_minor: Some(*left),
                ..Facts::default()
            };
            (Kind::RefundTooMuch, facts)
        }
        Impossible::NotPositive(asked) => {
            (Kind::RefundNotPositive, Facts { asked_minor: Some(*asked), ..Facts::default() })
        }
        Impossible::NoSuchPayment(payment) => {
            (Kind::RefundPaymentUnknown, Facts { payment_id: Some(*payment), ..Facts::default() })
        }
        Impossible::NamedTwice(payment) => {
            (Kind::RefundPaymentTwice, Facts { payment_id: Some(*payment), ..Facts::default() })
        }
        Impossible::SharesDiffer { sum, amount } => {
            let facts = Facts { asked_minor: Some(*amount), sum_minor: Some(*sum), ..Facts::default() };
            (Kind::RefundSharesDiffer, facts)
        }
    };
    Problem::new(kind, sentence(&impossible.to_string())).with(facts)
}

fn sentence(words: &str) -> String {
    let mut chars = words.chars();
    let first = chars.next().map(|c| c.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}.", chars.as_str())
}
