//! Percentiles out of cumulative histograms. It knows buckets, and says "at most", never more exact
//! than the buckets are.

use std::collections::BTreeMap;

/// Counts by upper bound in milliseconds; `None` is beyond the largest bound.
#[derive(Clone, Debug, Default)]
pub struct Histogram {
    /// Observations at most this large, cumulative.
    pub at_most: BTreeMap<u64, u64>,
    /// All observations.
    pub count: u64,
}

impl Histogram {
    /// Reads the buckets of `metric` whose labels contain `label` out of Prometheus text.
    pub fn read(text: &str, metric: &str, label: &str) -> Self {
        let mut histogram = Self::default();
        let bucket = format!("{metric}_bucket{{");
        for line in text.lines().filter(|l| l.starts_with(&bucket) && l.contains(label)) {
            let bound = line.split("le=\"").nth(1).and_then(|r| r.split('"').next()).unwrap_or_default();
            let count = line.rsplit(' ').next().and_then(|n| n.parse().ok()).unwrap_or(0);
            match milliseconds(bound) {
                Some(ms) => *histogram.at_most.entry(ms).or_default() += count,
                None => histogram.count += count,
            }
        }
        histogram
    }

    /// What came since `before`.
    #[must_use]
    pub fn since(&self, before: &Self) -> Self {
        let old = |ms: &u64| before.at_most.get(ms).copied().unwrap_or(0);
        let at_most = self.at_most.iter().map(|(ms, n)| (*ms, n.saturating_sub(old(ms)))).collect();
        Self { at_most, count: self.count.saturating_sub(before.count) }
    }

    /// The smallest bound that `percent` of all observations do not exceed.
    pub fn percentile(&self, percent: u64) -> String {
        if self.count == 0 {
            return "no observations".to_owned();
        }
        let wanted = (self.count * percent).div_ceil(100);
        let found = self.at_most.iter().find(|(_, n)| **n >= wanted);
        found.map_or("more than the largest bucket".to_owned(), |(ms, _)| format!("<= {ms} ms"))
    }
}

/// A decimal number of seconds as milliseconds; `None` for infinity.
fn milliseconds(seconds: &str) -> Option<u64> {
    let (whole, part) = seconds.split_once('.').unwrap_or((seconds, ""));
    let whole: u64 = whole.parse().ok()?;
    let part: u64 = format!("{part:0<3}").get(..3)?.parse().ok()?;
    Some(whole * 1_000 + part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_name_the_bucket_that_holds_them() {
        let text = "x_bucket{q=\"a\",le=\"0.005\"} 98\nx_bucket{q=\"a\",le=\"0.010\"} 99\n\
                    x_bucket{q=\"a\",le=\"+Inf\"} 100\nx_bucket{q=\"b\",le=\"+Inf\"} 7\n";
        let h = Histogram::read(text, "x", "q=\"a\"");
        assert_eq!((h.percentile(50), h.percentile(99)), ("<= 5 ms".to_owned(), "<= 10 ms".to_owned()));
        assert_eq!(h.percentile(100), "more than the largest bucket");
        assert_eq!(h.since(&h).percentile(50), "no observations");
    }
}
