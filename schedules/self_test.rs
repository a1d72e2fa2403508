//! Testing that reconciliation finds what it must: each morning at half past five in Beijing.

use bursar_core::job::JobKind;

use crate::Schedule;

/// Before the first bills are due: whoever reads what they came to knows whether to believe it.
pub const SCHEDULE: Schedule =
    Schedule { name: "self_test", cron: "0 30 5 * * *", zone: "Asia/Shanghai", job: JobKind::SelfTest };
