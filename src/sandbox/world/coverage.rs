//! Coverage of trying: it knows how often each edge and each fault was exercised, and must never judge a
//! history.

use std::collections::BTreeMap;

use bursar_core::channel::{ChannelKind, Method};
use bursar_core::diagram::{self, Edge};
use bursar_core::held::HeldEnding;
use bursar_core::payment::PaymentState;
use bursar_core::plan::Plans;
use bursar_core::refund::{LegState, RefundCause, RefundState};

use super::faults::Fault;

/// How deep the machine is walked in order to list its edges.
const DEPTH: usize = 4;
/// The same for a leg of a refund.
const LEG_DEPTH: usize = 4;

/// What every campaign must observe of payments of each channel, besides being accepted and paid or closed.
const CLAIMS: [(ChannelKind, &[&str]); 6] = [
    (ChannelKind::Wechat, &["no_answer", "attempt_failed", "unpaid_after_close", "closed_at_channel", "replaced"]),
    (ChannelKind::Alipay, &["absent", "lapsed", "close_accepted", "closed_at_channel", "paid", "replaced"]),
    (ChannelKind::Unionpay, &["absent", "attempt_failed", "lapsed", "paid", "replaced"]),
    (
        ChannelKind::Stripe,
        &["authorized", "capture_requested", "attempt_failed", "close_accepted", "disputed", "paid", "replaced"],
    ),
    (ChannelKind::Bank, &["received", "taken_back", "close_accepted", "replaced"]),
    (ChannelKind::Cash, &["received", "close_accepted", "replaced"]),
];

/// Counters of one or many histories.
#[derive(Clone, Debug, Default)]
pub struct Coverage {
    /// Histories.
    pub histories: u64,
    /// Steps: events of the agenda.
    pub steps: u64,
    /// Calls through seams.
    pub calls: u64,
    /// Changes of a payment's state by what was observed.
    pub edges: BTreeMap<Edge<PaymentState>, u64>,
    /// Payments that came into a state, by how they are paid.
    pub methods: BTreeMap<(Method, PaymentState), u64>,
    /// How what payers had agreed to ended, by how they had.
    pub held: BTreeMap<(Method, HeldEnding), u64>,
    /// What was observed of payments, by channel.
    pub claims: BTreeMap<(&'static str, &'static str), u64>,
    /// Changes of a leg's state by what was observed.
    pub legs: BTreeMap<Edge<LegState>, u64>,
    /// Changes of a refund's state; from `None`: it was asked for.
    pub refunds: BTreeMap<(Option<RefundState>, RefundState), u64>,
    /// Why money went back.
    pub causes: BTreeMap<&'static str, u64>,
    /// Faults that struck.
    pub faults: BTreeMap<Fault, u64>,
    /// How runs of jobs ended.
    pub endings: BTreeMap<(&'static str, &'static str), u64>,
}

impl Coverage {
    /// Adds another history's.
    pub fn add(&mut self, other: &Self) {
        self.histories += other.histories;
        self.steps += other.steps;
        self.calls += other.calls;
        for (edge, n) in &other.edges {
            *self.edges.entry(*edge).or_default() += n;
        }
        for (row, n) in &other.methods {
            *self.methods.entry(*row).or_default() += n;
        }
        for (row, n) in &other.held {
            *self.held.entry(*row).or_default() += n;
        }
        for (row, n) in &other.claims {
            *self.claims.entry(*row).or_default() += n;
        }
        for (edge, n) in &other.legs {
            *self.legs.entry(*edge).or_default() += n;
        }
        for (edge, n) in &other.refunds {
            *self.refunds.entry(*edge).or_default() += n;
        }
        for (cause, n) in &other.causes {
            *self.causes.entry(cause).or_default() += n;
        }
        for (fault, n) in &other.faults {
            *self.faults.entry(*fault).or_default() += n;
        }
        for (ending, n) in &other.endings {
            *self.endings.entry(*ending).or_default() += n;
        }
    }

    /// Every edge of the machine with how often it was taken.
    pub fn edges_of_machine(&self, plans: &Plans) -> Vec<(Edge<PaymentState>, u64)> {
        let walked = diagram::walk(plans, DEPTH).payment;
        walked.into_iter().map(|edge| (edge, self.edges.get(&edge).copied().unwrap_or(0))).collect()
    }

    /// Every edge of a leg's machine with how often it was taken.
    pub fn edges_of_legs(&self) -> Vec<(Edge<LegState>, u64)> {
        let walked = diagram::walk_leg(LEG_DEPTH);
        walked.into_iter().map(|edge| (edge, self.legs.get(&edge).copied().unwrap_or(0))).collect()
    }

    /// How often a refund came into a state.
    pub fn into_refund_state(&self, state: RefundState) -> u64 {
        self.refunds.iter().filter(|((_, to), _)| *to == state).map(|(_, n)| n).sum()
    }

    /// How often what payers had agreed to by `method` ended so.
    pub fn held_endings(&self, method: Method, ending: HeldEnding) -> u64 {
        self.held.get(&(method, ending)).copied().unwrap_or(0)
    }

    /// What should have been exercised and was not: faults, and edges that a real house can take.
    pub fn missing(&self, plans: &Plans) -> Vec<String> {
        let faults = Fault::ALL.iter().filter(|f| self.faults.get(f).copied().unwrap_or(0) == 0);
        let mut missing: Vec<String> = faults.map(|f| format!("fault: {}", f.name())).collect();
        for ((from, claim, to), count) in self.edges_of_machine(plans) {
            if count == 0 && reach(from, claim, to) == Reach::Practice {
                missing.push(format!("edge: {} --{claim}--> {}", from.name(), to.name()));
            }
        }
        for ((from, claim, to), count) in self.edges_of_legs() {
            if count == 0 && reach_leg(from, claim, to) == Reach::Practice {
                missing.push(format!("edge of a leg: {} --{claim}--> {}", from.name(), to.name()));
            }
        }
        // Charges through agreements have a world of their own.
        for method in Method::ALL.into_iter().filter(|m| !m.debits()) {
            for state in [PaymentState::AwaitingPayer, PaymentState::Captured, PaymentState::Closed] {
                if self.methods.get(&(method, state)).is_none_or(|n| *n == 0) {
                    missing.push(format!("method: {method} {}", state.name()));
                }
            }
        }
        for method in Method::ALL.into_iter().filter(|m| m.holds()) {
            for ending in HeldEnding::ALL.into_iter().filter(|e| self.held_endings(method, *e) == 0) {
                missing.push(format!("held by {method}: {}", ending.name()));
            }
        }
        for (channel, claims) in CLAIMS {
            for claim in claims {
                if self.claims.get(&(channel.name(), claim)).is_none_or(|n| *n == 0) {
                    missing.push(format!("channel: {} {claim}", channel.name()));
                }
            }
        }
        for state in RefundState::ALL {
            if self.into_refund_state(state) == 0 {
                missing.push(format!("refund: {}", state.name()));
            }
        }
        for cause in RefundCause::ALL.map(RefundCause::name) {
            if self.causes.get(cause).is_none_or(|n| *n == 0) {
                missing.push(format!("refund because of: {cause}"));
            }
        }
        missing
    }
}

/// How an edge of the machine is reached.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reach {
    /// Every campaign takes it.
    Practice,
    /// Takes several rare troubles at once; a campaign may miss it.
    Seldom,
    /// The machine has it because it is total; jobs, fences and cancelled jobs keep every house from it.
    Theory,
}

/// How an edge is reached, by what the jobs do.
pub fn reach(from: PaymentState, claim: &str, to: PaymentState) -> Reach {
    use PaymentState::{
        Authorized, AwaitingPayer, CaptureReversed, Captured, Capturing, Closed, Closing, Declined, IntegrityHold, New,
        Sending, Unknown,
    };
    match (from, claim, to) {
        // Nothing is told of a payment before "about to send" is on the books, but that it shall be closed.
        (New, "close_requested" | "sending", _) => Reach::Practice,
        (New, ..) => Reach::Theory,
        // Said by the close protocol alone, which runs on what is closing.
        (Closing, "lapsed", _) => Reach::Practice,
        (_, "lapsed", _) => Reach::Theory,
        // Who has no code yet holds nothing and brings nothing.
        (Sending | Unknown, "authorized" | "received", _) => Reach::Theory,
        // The line and its reversal told in the other order.
        (AwaitingPayer, "received", CaptureReversed) => Reach::Seldom,
        // A line in the moment in which its payment is closed.
        (Closing, "received", Captured) | (Captured, "taken_back", Closing) => Reach::Seldom,
        // What is held is taken and let go by their own jobs, from states of their own.
        (Authorized | Capturing, "close_accepted" | "unpaid_after_close", _) => Reach::Theory,
        (Authorized, "paid", _) => Reach::Theory,
        // It lapses in the moment in which it is to be taken.
        (Capturing, "closed_at_channel", Closed) => Reach::Seldom,
        (CaptureReversed, "close_accepted" | "unpaid_after_close", _) => Reach::Theory,
        // While a call is under way nobody asks; who asked before it was lost in a race at most.
        (Sending, "unpaid" | "closed_at_channel" | "unpaid_after_close", _) => Reach::Theory,
        // Needs a repeated call that was proven not to have arrived, and a close in the moment before it.
        (Sending, "close_requested", Declined) => Reach::Seldom,
        // Needs a crooked charge told before the answer of the call that made it possible.
        (Sending | Unknown, _, IntegrityHold) => Reach::Seldom,
        // The call's own answer settles its job; once another run found it without answer, it is fenced.
        (Unknown, "accepted" | "not_sent" | "refused" | "sending" | "unpaid_after_close", _) => Reach::Theory,
        (Unknown, "close_requested", Declined) => Reach::Theory,
        (Unknown, "closed_at_channel", _) => Reach::Seldom,
        // The close protocol runs only on what is closing.
        (AwaitingPayer, "unpaid_after_close" | "close_accepted", _) => Reach::Theory,
        // The acceptance is on the books before the query that follows it is sent.
        (Closing, "close_accepted", _) => Reach::Theory,
        // An answer to create while the close was asked for.
        (Closing, "not_sent" | "refused", _) => Reach::Seldom,
        // The job was cancelled with the decline: its answer is fenced.
        (Declined, "accepted" | "sending" | "unpaid_after_close" | "close_accepted", _) => Reach::Theory,
        // A process that stood still between "about to send" and the call for longer than the window.
        (Declined, ..) => Reach::Seldom,
        _ => Reach::Practice,
    }
}

/// The same for a leg of a refund.
pub fn reach_leg(from: LegState, claim: &str, to: LegState) -> Reach {
    use LegState::{
        Abandoned, AwaitingTransfer, Failed, Held, NotPossible, Processing, Reserved, Reversed, SecondWay, Sending,
        Stranded, Succeeded, Unknown, WaitingFunds,
    };
    match (from, claim, to) {
        (Reserved | WaitingFunds, "sending", _) => Reach::Practice,
        (Sending, "no_answer" | "no_funds" | "not_sent" | "processing" | "succeeded", _) if to != Abandoned => {
            Reach::Practice
        }
        (Sending, "refused", NotPossible) => Reach::Practice,
        (Unknown, "absent", Reserved) | (Unknown, "processing" | "succeeded", _) => Reach::Practice,
        (Processing, "abnormal" | "closed" | "succeeded" | "second_failed", _) => Reach::Practice,
        (Processing, "succeeded, but not as expected", _) => Reach::Practice,
        (SecondWay, "second_accepted", Processing) => Reach::Practice,
        (AwaitingTransfer, "transferred" | "abandoned", _) => Reach::Practice,
        // Who transferred lost the race against the channel, or against a colleague.
        (Abandoned, "transferred", Succeeded) => Reach::Practice,
        (Succeeded, "reversed", Reversed) => Reach::Practice,
        (Stranded, "succeeded", Succeeded) => Reach::Practice,
        // Whoever says so has read the success before.
        (_, "reversed", _) => Reach::Theory,
        // What the channel gave up, it has given up; and what it never took on, nobody gives up there.
        (Failed | Reversed | Held, ..) => Reach::Theory,
        // The answer of a call settles its job; nobody else has one.
        (Reserved | Unknown | WaitingFunds, "no_answer" | "no_funds" | "not_sent" | "refused", _) => Reach::Theory,
        (Abandoned | NotPossible, "sending" | "no_answer" | "no_funds" | "not_sent" | "refused", _) => Reach::Theory,
        (Unknown, "sending", _) => Reach::Theory,
        (Stranded, "second_accepted", _) => Reach::Theory,
        _ => Reach::Seldom,
    }
}
