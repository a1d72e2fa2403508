//! Proving the day before: each morning at half past six in Beijing.

use bursar_core::job::JobKind;

use crate::Schedule;

/// Before people begin to work, and after the day's last retries.
pub const SCHEDULE: Schedule =
    Schedule { name: "prove_day", cron: "0 30 6 * * *", zone: "Asia/Shanghai", job: JobKind::ProveDay };
