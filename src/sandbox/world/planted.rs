//! Bugs that are planted on purpose: it knows where each is put in from outside (a wrapper around a seam of
//! the world), and production code must never know of any.

use std::str::FromStr;

use bursar_core::event::EventKind;
use bursar_core::job::JobKind;
use bursar_core::ledger::AccountKind;
use bursar_core::observation::Claim;
use bursar_core::order::OrderState;
use bursar_store::Change;

use super::tables::Tables;

macro_rules! planted {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        /// A planted bug.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub enum Planted {
            $($(#[$doc])* $name,)*
        }

        impl Planted {
            /// Every planted bug.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The stable name on the command line.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)*
                }
            }
        }
    };
}

planted! {
    /// A settlement is written although the lease is another's.
    NoFence = "no-fence",
    /// A payment is written over whatever its version is.
    NoVersion = "no-version",
    /// The merchant is told "taken" before the order is committed.
    AnswerBeforeCommit = "answer-before-commit",
    /// A notification is acknowledged before it is committed.
    AcknowledgeBeforeCommit = "acknowledge-before-commit",
    /// A create call is repeated under a new number.
    NewNumber = "new-number",
    /// An unknown answer to create is read as a refusal.
    UnknownAsRefused = "unknown-as-refused",
    /// The query after the close call is not made.
    NoSecondQuery = "no-second-query",
    /// The close call is not made.
    NoCloseCall = "no-close-call",
    /// Money for a closed order is not written down.
    IgnoreLateSuccess = "ignore-late-success",
    /// A receipt is believed without comparing the amount.
    SkipAmountCheck = "skip-amount-check",
    /// A merchant event is not stored.
    DropEvent = "drop-event",
    /// A follow-up job is not stored, and the sweep finds nothing.
    DropJob = "drop-job",
    /// The sweep finds nothing.
    NoSweep = "no-sweep",
    /// A run's outcome is not written, and its lease renewed for ever.
    NeverRelease = "never-release",
    /// The state is written without the observation.
    LoseObservation = "lose-observation",
    /// A capture is posted twice.
    BookTwice = "book-twice",
    /// A notification's signature is not verified.
    TrustAnybody = "trust-anybody",
    /// A delivery counts as delivered without being sent.
    TellNobody = "tell-nobody",
    /// A question for a person is not stored.
    DropQuestion = "drop-question",
    /// "Does not exist" is believed without waiting for the channel's propagation window.
    NoWindow = "no-window",
}

impl FromStr for Planted {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.iter().copied().find(|p| p.name() == text).ok_or_else(|| {
            let names: Vec<_> = Self::ALL.iter().map(|p| p.name()).collect();
            format!("`{text}` is not a planted bug; there are {}", names.join(", "))
        })
    }
}

impl Planted {
    /// `change` as a program with this bug would write it.
    pub(crate) fn spoil(self, change: &mut Change, tables: &Tables) {
        match self {
            Self::NoVersion => {
                for payment in &mut change.payments {
                    if let Some(row) = tables.payments.get(&payment.id) {
                        payment.version = row.version;
                    }
                }
                for order in &mut change.orders {
                    if let Some(row) = tables.orders.get(&order.id) {
                        order.version = row.version;
                    }
                }
            }
            Self::NoFence => {
                if let Some(settle) = &mut change.settle
                    && let Some(row) = tables.jobs.get(&settle.key)
                    && let Some(owner) = row.owner
                {
                    (settle.owner, settle.fence) = (owner, row.fence);
                }
            }
            Self::IgnoreLateSuccess => {
                let late = change.observations.iter().any(|(id, o)| {
                    let order = tables.payments.get(id).and_then(|p| tables.orders.get(&p.order));
                    matches!(o.claim, Claim::Paid(_)) && order.is_some_and(|o| o.state == OrderState::Closed)
                });
                if late {
                    *change = Change { settle: change.settle.clone(), ..Change::default() };
                }
            }
            Self::DropEvent => change.new_deliveries.retain(|d| d.kind != EventKind::OrderClosed),
            Self::DropJob => change.jobs.retain(|j| j.key.kind != JobKind::ClosePayment),
            Self::LoseObservation => change.observations.retain(|(_, o)| !matches!(o.claim, Claim::Paid(_))),
            Self::BookTwice => {
                let again = change.postings.iter().find(|(p, _)| p.debit.kind == AccountKind::Clearing).copied();
                change.postings.extend(again);
            }
            Self::DropQuestion => change.questions.clear(),
            _ => {}
        }
    }
}
