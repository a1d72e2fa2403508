//! The figures of a campaign: it knows how they are added up and shown, and must never judge them.

use std::fmt::Write as _;
use std::time::Duration;

/// What a campaign counted.
#[derive(Clone, Default, Debug)]
pub struct Figures {
    /// Processes killed with SIGKILL.
    pub kills: u64,
    /// Of them such that held jobs.
    pub kills_with_jobs: u64,
    /// Workers stopped for longer than their lease.
    pub pauses: u64,
    /// Of them such that held jobs.
    pub pauses_with_jobs: u64,
    /// Immediate restarts of the database.
    pub restarts: u64,
    /// Troubles on connections: cut, refused, stalled or left half-open.
    pub cuts: u64,
    /// Connections that these broke.
    pub broken: u64,
    /// Starts of a process in vain, because it could not reach its database.
    pub starts_in_vain: u64,
    /// Orders that got a 201.
    pub orders: u64,
    /// Of them paid.
    pub paid: u64,
    /// Of them closed.
    pub closed: u64,
    /// Of them closed with money that came late.
    pub late_money: u64,
    /// What did not hold, in words.
    pub violations: Vec<String>,
    /// From each death of a process that held jobs until all of them ran again or were settled.
    pub recoveries: Vec<Duration>,
    /// How long it took.
    pub elapsed: Duration,
}

impl Figures {
    /// Of campaigns that ran side by side.
    pub fn sum(all: &[&Self]) -> Self {
        let add = |of: fn(&Self) -> u64| all.iter().map(|figures| of(figures)).sum();
        let mut recoveries: Vec<Duration> = all.iter().flat_map(|f| f.recoveries.iter().copied()).collect();
        recoveries.sort_unstable();
        Self {
            kills: add(|f| f.kills),
            kills_with_jobs: add(|f| f.kills_with_jobs),
            pauses: add(|f| f.pauses),
            pauses_with_jobs: add(|f| f.pauses_with_jobs),
            restarts: add(|f| f.restarts),
            cuts: add(|f| f.cuts),
            broken: add(|f| f.broken),
            starts_in_vain: add(|f| f.starts_in_vain),
            orders: add(|f| f.orders),
            paid: add(|f| f.paid),
            closed: add(|f| f.closed),
            late_money: add(|f| f.late_money),
            violations: all.iter().flat_map(|f| f.violations.iter().cloned()).collect(),
            recoveries,
            elapsed: all.iter().map(|f| f.elapsed).max().unwrap_or_default(),
        }
    }

    /// The recovery that `percent` of a hundred did not exceed, in milliseconds.
    fn recovery_ms(&self, percent: usize) -> String {
        let rank = (self.recoveries.len() * percent).div_ceil(100).saturating_sub(1);
        self.recoveries.get(rank).map_or_else(|| "-".to_owned(), |time| time.as_millis().to_string())
    }

    fn lines(&self) -> [(&'static str, String); 18] {
        [
            ("kills", self.kills.to_string()),
            ("  of a process that held jobs", self.kills_with_jobs.to_string()),
            ("zombie pauses", self.pauses.to_string()),
            ("  of a worker that held jobs", self.pauses_with_jobs.to_string()),
            ("database restarts", self.restarts.to_string()),
            ("socket cuts", self.cuts.to_string()),
            ("  connections broken", self.broken.to_string()),
            ("starts without a database", self.starts_in_vain.to_string()),
            ("orders", self.orders.to_string()),
            ("paid", self.paid.to_string()),
            ("closed", self.closed.to_string()),
            ("  of them with late money", self.late_money.to_string()),
            ("violations", self.violations.len().to_string()),
            ("recoveries measured", self.recoveries.len().to_string()),
            ("recovery p50, ms", self.recovery_ms(50)),
            ("recovery p99, ms", self.recovery_ms(99)),
            ("recovery max, ms", self.recovery_ms(100)),
            ("seconds in all", self.elapsed.as_secs().to_string()),
        ]
    }
}

/// One block of text: a line per figure, a column per campaign, and one for all together.
pub fn block(title: &str, columns: &[(&str, &Figures)]) -> String {
    let all = Figures::sum(&columns.iter().map(|(_, figures)| *figures).collect::<Vec<_>>());
    let columns = [columns, &[("together", &all)]].concat();
    let mut text = format!("{title}\n{:30}", "");
    for (name, _) in &columns {
        let _ = write!(text, "{name:>12}");
    }
    for (row, (name, _)) in all.lines().iter().enumerate() {
        let _ = write!(text, "\n{name:30}");
        for (_, figures) in &columns {
            let _ = write!(text, "{:>12}", figures.lines()[row].1);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_add_up_and_a_percentile_is_a_recovery_that_was_measured() {
        let of = |from: u64, to: u64| Figures {
            kills: to,
            violations: vec!["x".to_owned()],
            recoveries: (from..=to).map(Duration::from_millis).collect(),
            elapsed: Duration::from_secs(to),
            ..Figures::default()
        };
        let (low, high) = (of(1, 50), of(51, 200));
        let all = Figures::sum(&[&high, &low]);
        assert_eq!((all.kills, all.violations.len(), all.elapsed.as_secs()), (250, 2, 200));
        assert_eq!([50, 99, 100].map(|percent| all.recovery_ms(percent)), ["100", "198", "200"]);
        assert_eq!(Figures::default().recovery_ms(50), "-");
        let text = block("title", &[("low", &low), ("high", &high)]);
        assert!(text.lines().any(|l| l.split_whitespace().eq(["kills", "50", "200", "250"])), "{text}");
    }
}
