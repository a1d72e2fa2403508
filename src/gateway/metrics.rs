//! Metrics: it knows the Prometheus text format and the gateway's own counters, and must never have a
//! label whose values come from outside.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use bursar_core::channel::ChannelKind;

/// Something else of the process that has metrics (workers, the store, channels).
pub trait MetricsSource: Send + Sync {
    /// Appends metric families in the Prometheus text format, each line ended.
    fn render(&self, out: &mut String);
}

macro_rules! verdicts {
    ($($(#[$doc:meta])* $name:ident = $text:literal;)*) => {
        /// What became of a notification.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        pub enum Verdict { $($(#[$doc])* $name,)* }

        impl Verdict {
            /// Every verdict.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// The label.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }
    };
}

verdicts! {
    /// Genuine and new.
    Accepted = "accepted";
    /// Genuine and seen before.
    Duplicate = "duplicate";
    /// The channel tests whether we verify.
    Probe = "probe";
    /// A header that proves it is missing.
    MissingHeader = "missing_header";
    /// Signed with a key that we do not know.
    UnknownSerial = "unknown_serial";
    /// The signature is wrong.
    BadSignature = "bad_signature";
    /// Too old: a replay, or somebody's clock is wrong.
    Stale = "stale";
    /// Of another merchant or app.
    Foreign = "foreign";
    /// Genuine, but not readable.
    Unreadable = "unreadable";
    /// The address names no account of ours.
    UnknownAccount = "unknown_account";
    /// Too large, too slow or compressed.
    BadBody = "bad_body";
    /// We could not store it; the channel comes again.
    NotStored = "not_stored";
}

/// The gateway's counters and everybody else's renderings.
pub struct Metrics {
    requests: Mutex<BTreeMap<String, BTreeMap<u16, u64>>>,
    notifications: BTreeMap<&'static str, Vec<AtomicU64>>,
    sources: RwLock<Vec<Arc<dyn MetricsSource>>>,
}

impl std::fmt::Debug for Metrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Metrics")
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// All counters at zero.
    pub fn new() -> Self {
        let zeros = || Verdict::ALL.iter().map(|_| AtomicU64::new(0)).collect();
        let notifications = ChannelKind::ALL.into_iter().map(|c| (c.name(), zeros())).collect();
        Self { requests: Mutex::default(), notifications, sources: RwLock::default() }
    }

    /// Adds what another part of the process counts.
    pub fn register(&self, source: Arc<dyn MetricsSource>) {
        self.sources.write().unwrap_or_else(PoisonError::into_inner).push(source);
    }

    /// Counts an answered request. `route` is a template such as `/v1/orders/{id}`, never a path.
    pub fn count_request(&self, route: &str, status: u16) {
        let mut requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(statuses) = requests.get_mut(route) {
            *statuses.entry(status).or_default() += 1;
        } else {
            requests.insert(route.to_owned(), BTreeMap::from([(status, 1)]));
        }
    }

    /// Counts a notification.
    pub fn count_notification(&self, channel: ChannelKind, verdict: Verdict) {
        let position = Verdict::ALL.iter().position(|v| *v == verdict).unwrap_or(0);
        if let Some(counter) = self.notifications.get(channel.name()).and_then(|c| c.get(position)) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// How many notifications of a channel had this verdict.
    pub fn notifications(&self, channel: ChannelKind, verdict: Verdict) -> u64 {
        let position = Verdict::ALL.iter().position(|v| *v == verdict).unwrap_or(0);
        let counter = self.notifications.get(channel.name()).and_then(|c| c.get(position));
        counter.map_or(0, |c| c.load(Ordering::Relaxed))
    }

    /// Everything in the Prometheus text format.
    pub fn render(&self) -> String {
        let mut out = String::new();
        family(&mut out, "bursar_http_requests_total", "counter", "Answered HTTP requests.");
        for (route, statuses) in self.requests.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            for (status, count) in statuses {
                let _ = writeln!(
                    out,
                    "bursar_http_requests_total{{route=\"{}\",status=\"{status}\"}} {count}",
                    escape(route)
                );
            }
        }
        family(
            &mut out,
            "bursar_notifications_total",
            "counter",
            "Notifications from channels by what became of them.",
        );
        for (channel, counters) in &self.notifications {
            for (verdict, counter) in Verdict::ALL.iter().zip(counters) {
                let count = counter.load(Ordering::Relaxed);
                let verdict = verdict.name();
                let _ =
                    writeln!(out, "bursar_notifications_total{{channel=\"{channel}\",verdict=\"{verdict}\"}} {count}");
            }
        }
        for source in self.sources.read().unwrap_or_else(PoisonError::into_inner).iter() {
            source.render(&mut out);
        }
        out
    }
}

/// Appends the head of a metric family. `kind`: `counter`, `gauge` or `histogram`.
pub fn family(out: &mut String, name: &str, kind: &str, help: &str) {
    let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}");
}

/// A label value, escaped as the format wants it.
pub fn escape(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notification_counters_exist_at_zero_and_other_sources_are_appended() {
        struct Other;
        impl MetricsSource for Other {
            fn render(&self, out: &mut String) {
                out.push_str("bursar_other 1\n");
            }
        }
        let metrics = Metrics::new();
        metrics.register(Arc::new(Other));
        metrics.count_request("/v1/orders/{id}", 200);
        metrics.count_request("/v1/orders/{id}", 200);
        metrics.count_notification(ChannelKind::Wechat, Verdict::Stale);
        let text = metrics.render();
        assert!(text.contains("bursar_http_requests_total{route=\"/v1/orders/{id}\",status=\"200\"} 2\n"));
        assert!(text.contains("bursar_notifications_total{channel=\"wechat\",verdict=\"accepted\"} 0\n"));
        assert!(text.contains("bursar_notifications_total{channel=\"wechat\",verdict=\"stale\"} 1\n"));
        assert!(text.ends_with("bursar_other 1\n"));
    }
}
