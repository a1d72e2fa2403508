//! Counters of channel calls: it knows how often each verb ended how, and must never know why.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::outcome::{Outcome, WhyKind};

/// What was asked of a channel.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Verb {
    /// Make a payment payable.
    Create,
    /// Where does it stand.
    Query,
    /// Take no more money.
    Close,
    /// Take what is held.
    Capture,
    /// Give money back.
    Refund,
    /// Where does a refund stand.
    QueryRefund,
    /// Give money back by the channel's second way.
    SecondWay,
    /// Offer an agreement to its payer.
    Sign,
    /// Where does an agreement stand.
    QueryAgreement,
    /// End an agreement.
    EndAgreement,
    /// Tell a payer that he will be charged.
    Announce,
    /// Give receivers their shares.
    Share,
    /// Where do shares stand.
    QueryShare,
    /// Free what is not shared.
    Unfreeze,
    /// Pull a share back.
    ReturnShare,
    /// Where does a pulled back share stand.
    QueryReturn,
    /// Fetch a bill of a day.
    Bill,
    /// Fetch verification keys.
    Keys,
}

impl Verb {
    /// Every verb.
    pub const ALL: [Self; 18] = [
        Self::Create,
        Self::Query,
        Self::Close,
        Self::Capture,
        Self::Refund,
        Self::QueryRefund,
        Self::SecondWay,
        Self::Sign,
        Self::QueryAgreement,
        Self::EndAgreement,
        Self::Announce,
        Self::Share,
        Self::QueryShare,
        Self::Unfreeze,
        Self::ReturnShare,
        Self::QueryReturn,
        Self::Bill,
        Self::Keys,
    ];

    /// The stable name in metrics and logs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Query => "query",
            Self::Close => "close",
            Self::Capture => "capture",
            Self::Refund => "refund",
            Self::QueryRefund => "query_refund",
            Self::SecondWay => "refund_second_way",
            Self::Sign => "sign",
            Self::QueryAgreement => "query_agreement",
            Self::EndAgreement => "end_agreement",
            Self::Announce => "announce",
            Self::Share => "share",
            Self::QueryShare => "query_share",
            Self::Unfreeze => "unfreeze",
            Self::ReturnShare => "return_share",
            Self::QueryReturn => "query_return",
            Self::Bill => "bill",
            Self::Keys => "keys",
        }
    }
}

/// Names of outcomes in metrics: `done`, `refused`, or the name of a [`WhyKind`].
pub(crate) fn outcome_name<T>(outcome: &Outcome<T>) -> &'static str {
    match outcome {
        Outcome::Done(_) => "done",
        Outcome::Refused(_) => "refused",
        Outcome::Unknown(why) => why.kind.name(),
    }
}

/// How often one verb ended in one way since the program started.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CounterRow {
    /// The channel.
    pub channel: &'static str,
    /// What was asked.
    pub verb: &'static str,
    /// `done`, `refused`, or the name of a [`WhyKind`].
    pub outcome: &'static str,
    /// How often.
    pub count: u64,
}

const OUTCOMES: usize = 2 + WhyKind::ALL.len();

/// The counters of one channel, over all its accounts.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    cells: [[AtomicU64; OUTCOMES]; Verb::ALL.len()],
}

fn outcome_names() -> impl Iterator<Item = &'static str> {
    ["done", "refused"].into_iter().chain(WhyKind::ALL.into_iter().map(WhyKind::name))
}

impl Counters {
    pub(crate) fn count(&self, verb: Verb, outcome: &str) {
        let rows = Verb::ALL.into_iter().zip(&self.cells);
        for (_, row) in rows.filter(|(known, _)| *known == verb) {
            for (_, cell) in outcome_names().zip(row).filter(|(name, _)| *name == outcome) {
                cell.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// Every cell, zeros included: a counter that appears late hides its first increase.
    pub(crate) fn rows(&self, channel: &'static str) -> Vec<CounterRow> {
        let mut rows = Vec::with_capacity(Verb::ALL.len() * OUTCOMES);
        for (verb, row) in Verb::ALL.into_iter().zip(&self.cells) {
            for (outcome, cell) in outcome_names().zip(row) {
                rows.push(CounterRow { channel, verb: verb.name(), outcome, count: cell.load(Ordering::Relaxed) });
            }
        }
        rows
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_cells_exist_at_zero_and_exactly_one_counts() {
        let counters = Counters::default();
        let rows = counters.rows("wechat");
        let cells: std::collections::BTreeSet<_> = rows.iter().map(|r| (r.verb, r.outcome)).collect();
        assert_eq!((rows.len(), cells.len()), (18 * 11, 18 * 11), "18 verbs, 11 ways to end");
        assert!(rows.iter().all(|r| r.count == 0));
        counters.count(Verb::Query, "timeout");
        let counted: Vec<_> = counters.rows("wechat").into_iter().filter(|r| r.count > 0).collect();
        assert_eq!(counted, [CounterRow { channel: "wechat", verb: "query", outcome: "timeout", count: 1 }]);
    }
}
