//! A channel's limits on refunds: it knows those of most documents, and must never count anything.

use serde::{Deserialize, Serialize};

/// What a merchant may not exceed; the defaults are WeChat Pay's documents'. A channel with others says so itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RefundLimits {
    /// How long after its payment an order can be refunded, in milliseconds of the sandbox clock.
    pub window_ms: i64,
    /// Refund numbers of one order, whatever became of them.
    pub per_order: usize,
    /// Between two accepted refunds of one order, in milliseconds of the sandbox clock; sooner ones are
    /// told to slow down.
    pub interval_ms: i64,
}

impl Default for RefundLimits {
    fn default() -> Self {
        Self {
            // "Within a year" is counted as 365 days from the success of the payment.
            window_ms: 365 * 24 * 3_600_000,
            per_order: 50,
            // Refunds of one order must be a minute apart.
            interval_ms: 60_000,
        }
    }
}
