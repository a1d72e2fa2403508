//! Why a charge through an agreement did not work: it knows what each class asks for, and must never know a
//! channel's codes.

use serde::{Deserialize, Serialize};

/// What kind of no it was. Its course is that of [`crate::billing::dunning`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeclineClass {
    /// The way to pay is gone (a closed account, an expired card): only another one helps.
    Hard,
    /// Too little money: later, near a day on which people are paid.
    InsufficientFunds,
    /// Trouble at the channel or the bank: soon.
    Technical,
    /// It looks like fraud, to the channel or the bank: a person decides.
    Risk,
    /// The payer must act himself (a confirmation, a new password): he is asked.
    PayerMustAct,
    /// The agreement does not hold any more: its plans stop, and a person is asked.
    Agreement,
    /// The channel's terms of this agreement do not allow this charge now (the wrong day, too much, too often):
    /// it is over for this due day.
    Terms,
}

impl DeclineClass {
    /// Every class.
    pub const ALL: [Self; 7] = [
        Self::Hard,
        Self::InsufficientFunds,
        Self::Technical,
        Self::Risk,
        Self::PayerMustAct,
        Self::Agreement,
        Self::Terms,
    ];

    /// The stable name in faces.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Hard => "hard",
            Self::InsufficientFunds => "insufficient_funds",
            Self::Technical => "technical",
            Self::Risk => "risk",
            Self::PayerMustAct => "payer_must_act",
            Self::Agreement => "agreement",
            Self::Terms => "terms",
        }
    }
}

/// A no to a charge through an agreement.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct Decline {
    /// What kind.
    pub class: DeclineClass,
    /// The channel's code and words.
    pub reason: String,
}
