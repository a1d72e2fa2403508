//! The channels' counters as metrics: it knows their names and labels, and must never know what a
//! channel is asked.

use std::fmt::Write as _;

pub use bursar_channels::Adapters;

use crate::metrics::{escape, family};

/// Appends the channels' metrics.
pub fn render_metrics(channels: &dyn Adapters, out: &mut String) {
    family(out, "bursar_channel_requests_total", "counter", "Requests to channels by verb and outcome.");
    for row in channels.counters() {
        let _ = writeln!(
            out,
            "bursar_channel_requests_total{{channel=\"{}\",verb=\"{}\",outcome=\"{}\"}} {}",
            row.channel, row.verb, row.outcome, row.count
        );
    }
    family(
        out,
        "bursar_channel_breaker_open",
        "gauge",
        "1 while an account's breaker is not closed: calls are refused or only tried out.",
    );
    for row in channels.breakers() {
        let account = escape(&row.account.to_string());
        let _ = writeln!(
            out,
            "bursar_channel_breaker_open{{account=\"{account}\"}} {}",
            u8::from(row.state != bursar_channels::BreakerState::Closed)
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bursar_channels::{Channels, FileSecrets, HttpSettings};
    use bursar_core::chance::SeededChance;
    use bursar_core::clock::ManualClock;
    use std::sync::Arc;

    #[test]
    fn channel_counters_exist_at_zero_before_the_first_call() {
        let (clock, chance) = (Arc::new(ManualClock::default()), Arc::new(SeededChance::new(1)));
        let channels = Channels::new(HttpSettings::default(), Arc::new(FileSecrets), clock, chance);
        let mut text = String::new();
        render_metrics(&channels, &mut text);
        let zero = "bursar_channel_requests_total{channel=\"wechat\",verb=\"create\",outcome=\"done\"} 0";
        assert!(text.lines().any(|l| l == zero), "{text}");
        assert!(text.contains("# TYPE bursar_channel_breaker_open gauge\n"));
    }
}
