//! Where channel adapters come from: it knows that an account has one, and must never know how it is
//! built. A face of its own, so that tests can put a channel of theirs behind the HTTP.

use std::fmt::{Debug, Write as _};
use std::sync::Arc;

use bursar_channels::{Channel, Channels};
use bursar_core::merchant::ChannelAccount;

use crate::metrics::{escape, family};

/// A source of channel adapters.
pub trait Adapters: Send + Sync + Debug {
    /// The adapter of `account`.
    ///
    /// # Errors
    /// A sentence for the log when the account's settings are wrong.
    fn adapter(&self, account: &ChannelAccount) -> Result<Arc<dyn Channel>, String>;

    /// Appends the channels' metrics.
    fn render_metrics(&self, out: &mut String);
}

impl Adapters for Channels {
    fn adapter(&self, account: &ChannelAccount) -> Result<Arc<dyn Channel>, String> {
        self.of(account).map_err(|e| e.to_string())
    }

    fn render_metrics(&self, out: &mut String) {
        family(out, "bursar_channel_requests_total", "counter", "Requests to channels by verb and outcome.");
        for row in self.counters() {
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
        for row in self.breakers() {
            let account = escape(&row.account.to_string());
            let _ = writeln!(
                out,
                "bursar_channel_breaker_open{{account=\"{account}\"}} {}",
                u8::from(row.state != bursar_channels::BreakerState::Closed)
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bursar_channels::{FileSecrets, HttpSettings};
    use bursar_core::chance::SeededChance;
    use bursar_core::clock::ManualClock;

    #[test]
    fn channel_counters_exist_at_zero_before_the_first_call() {
        let (clock, chance) = (Arc::new(ManualClock::default()), Arc::new(SeededChance::new(1)));
        let channels = Channels::new(HttpSettings::default(), Arc::new(FileSecrets), clock, chance);
        let mut text = String::new();
        channels.render_metrics(&mut text);
        let zero = "bursar_channel_requests_total{channel=\"wechat\",verb=\"create\",outcome=\"done\"} 0";
        assert!(text.lines().any(|l| l == zero), "{text}");
        assert!(text.contains("# TYPE bursar_channel_breaker_open gauge\n"));
    }
}
