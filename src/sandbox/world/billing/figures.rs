//! Figures of towns: it knows how they are added up and shown, and must never judge.

use std::collections::BTreeMap;

use bursar_core::decline::DeclineClass;

/// What happened how often.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Figures {
    /// Towns.
    pub towns: u64,
    /// Payers.
    pub payers: u64,
    /// Plans, by how they ended.
    pub plans: BTreeMap<&'static str, u64>,
    /// Installments that the calendar expects, counted by hand.
    pub expected: u64,
    /// Of these, those whose order was opened.
    pub fired: u64,
    /// Of these, those that were paid, by charge or by hand.
    pub paid: u64,
    /// Paid by a charge through an agreement.
    pub charged: u64,
    /// Paid by the payer himself.
    pub by_hand: u64,
    /// Minor units that the plans' terms add up to, for installments that were paid.
    pub due_minor: i64,
    /// Minor units that the channel took for them and did not give back.
    pub taken_minor: i64,
    /// Debit calls that the channel decided.
    pub calls: u64,
    /// Of these, tries after the first of an installment.
    pub retries: u64,
    /// Declines, by class.
    pub declines: BTreeMap<DeclineClass, u64>,
    /// Calls outside the allowed hours by more than the clocks were wrong.
    pub at_night: u64,
    /// Calls outside them by as much as the caller's clock was wrong.
    pub at_the_edge: u64,
    /// Notices that payers got.
    pub notices: u64,
    /// Fires of schedules that were expected, and those that were fired or, by policy, skipped.
    pub fires_expected: u64,
    /// Fired.
    pub fires: u64,
    /// Skipped by policy.
    pub fires_skipped: u64,
    /// Wishes of merchants and payers that were granted.
    pub wishes: BTreeMap<&'static str, u64>,
    /// Deaths of processes.
    pub crashes: u64,
    /// Pauses beyond a lease.
    pub pauses: u64,
    /// Days on which nobody was at work.
    pub down_days: u64,
    /// Runs of jobs, by kind.
    pub runs: BTreeMap<&'static str, u64>,
    /// Events of the agendas.
    pub steps: u64,
}

fn add_all<K: Ord + Copy>(to: &mut BTreeMap<K, u64>, more: &BTreeMap<K, u64>) {
    for (key, n) in more {
        *to.entry(*key).or_default() += n;
    }
}

impl Figures {
    /// Adds another town's.
    pub fn add(&mut self, more: &Self) {
        let pairs: [(&mut u64, u64); 19] = [
            (&mut self.towns, more.towns),
            (&mut self.payers, more.payers),
            (&mut self.expected, more.expected),
            (&mut self.fired, more.fired),
            (&mut self.paid, more.paid),
            (&mut self.charged, more.charged),
            (&mut self.by_hand, more.by_hand),
            (&mut self.calls, more.calls),
            (&mut self.retries, more.retries),
            (&mut self.at_night, more.at_night),
            (&mut self.at_the_edge, more.at_the_edge),
            (&mut self.notices, more.notices),
            (&mut self.fires_expected, more.fires_expected),
            (&mut self.fires, more.fires),
            (&mut self.fires_skipped, more.fires_skipped),
            (&mut self.crashes, more.crashes),
            (&mut self.pauses, more.pauses),
            (&mut self.down_days, more.down_days),
            (&mut self.steps, more.steps),
        ];
        for (to, n) in pairs {
            *to += n;
        }
        self.due_minor += more.due_minor;
        self.taken_minor += more.taken_minor;
        add_all(&mut self.plans, &more.plans);
        add_all(&mut self.declines, &more.declines);
        add_all(&mut self.wishes, &more.wishes);
        add_all(&mut self.runs, &more.runs);
    }

    /// Names and numbers, in the order in which they are shown.
    pub fn rows(&self) -> Vec<(String, String)> {
        let mut rows: Vec<(String, String)> = Vec::new();
        let mut put = |name: &str, value: String| rows.push((name.to_owned(), value));
        put("towns", self.towns.to_string());
        put("payers", self.payers.to_string());
        for (state, n) in &self.plans {
            put(&format!("plans {state}"), n.to_string());
        }
        put("installments expected", self.expected.to_string());
        put("installments fired", self.fired.to_string());
        put("installments paid", self.paid.to_string());
        put("paid by a charge", self.charged.to_string());
        put("paid by hand", self.by_hand.to_string());
        put("minor units due for them", self.due_minor.to_string());
        put("minor units taken, less given back", self.taken_minor.to_string());
        put("debit calls", self.calls.to_string());
        put("tries after the first", self.retries.to_string());
        for (class, n) in &self.declines {
            put(&format!("declined: {}", class.name()), n.to_string());
        }
        put("calls outside hours", self.at_night.to_string());
        put("calls outside hours by who stood still", self.at_the_edge.to_string());
        put("notices to payers", self.notices.to_string());
        put("fires of schedules expected", self.fires_expected.to_string());
        put("fires of schedules", self.fires.to_string());
        put("fires skipped by policy", self.fires_skipped.to_string());
        for (wish, n) in &self.wishes {
            put(&format!("wish: {wish}"), n.to_string());
        }
        put("processes that died", self.crashes.to_string());
        put("processes that stood still", self.pauses.to_string());
        put("days of downtime", self.down_days.to_string());
        for (kind, n) in &self.runs {
            put(&format!("runs of {kind}"), n.to_string());
        }
        put("steps", self.steps.to_string());
        rows
    }
}
