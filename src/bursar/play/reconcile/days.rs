//! What reconciliations came to, by channel and day: it knows how accounts are added up, and must never judge.

use std::collections::BTreeMap;

use bursar_core::bank::Day;
use bursar_core::channel::ChannelKind;
use bursar_core::merchant::ChannelAccount;
use bursar_core::reconcile::{BreakKind, Reconciliation};
use serde_json::{Value, json};

/// A business day of all accounts of a channel.
#[derive(Clone, Debug)]
pub struct DayRow {
    channel: ChannelKind,
    day: Day,
    accounts: u64,
    lines: u64,
    agreed: u64,
    found: BTreeMap<BreakKind, u64>,
    healed: u64,
    parked: u64,
}

/// The days on which there was something.
pub(super) fn rows(accounts: &[ChannelAccount], runs: &[Reconciliation]) -> Vec<DayRow> {
    let mut rows: BTreeMap<(Day, ChannelKind), DayRow> = BTreeMap::new();
    for run in runs {
        let Some(channel) = accounts.iter().find(|a| a.id == run.account).map(|a| a.channel) else { continue };
        let row = rows.entry((run.day, channel)).or_insert_with(|| DayRow::empty(channel, run.day));
        row.accounts += 1;
        row.lines += run.figures.lines;
        row.agreed += run.figures.agreed;
        row.healed += run.figures.healed;
        row.parked += run.figures.parked;
        for (kind, n) in &run.figures.found {
            *row.found.entry(*kind).or_default() += n;
        }
    }
    let something = |row: &DayRow| row.lines > 0 || !row.found.is_empty() || row.channel.bills().is_empty();
    rows.into_values().filter(something).collect()
}

impl DayRow {
    /// The heads of [`Self::cells`].
    pub const HEADS: [&'static str; 7] = ["channel", "day", "lines", "agreed", "found", "healed", "parked"];

    const fn empty(channel: ChannelKind, day: Day) -> Self {
        Self { channel, day, accounts: 0, lines: 0, agreed: 0, found: BTreeMap::new(), healed: 0, parked: 0 }
    }

    /// For people.
    pub fn cells(&self) -> Vec<String> {
        let found: Vec<_> = self.found.iter().map(|(kind, n)| format!("{n} {kind}")).collect();
        let found = if found.is_empty() { "-".to_owned() } else { found.join(", ") };
        let [lines, agreed, healed, parked] =
            [self.lines, self.agreed, self.healed, self.parked].map(|n| n.to_string());
        vec![self.channel.name().to_owned(), self.day.to_string(), lines, agreed, found, healed, parked]
    }

    /// For programs.
    pub fn to_json(&self) -> Value {
        let found: BTreeMap<&str, u64> = self.found.iter().map(|(kind, n)| (kind.name(), *n)).collect();
        json!({
            "channel": self.channel.name(), "day": self.day, "accounts": self.accounts, "lines": self.lines,
            "agreed": self.agreed, "found": found, "healed": self.healed, "parked": self.parked,
        })
    }
}
