//! Beginning reconciliations: every ten minutes, as soon as a channel's bills of yesterday are due.

use bursar_core::job::JobKind;

use crate::Schedule;

/// Bills are due from half past nine on; a day that was missed is begun within ten minutes of our coming back.
pub const SCHEDULE: Schedule = Schedule {
    name: "plan_reconciliations",
    cron: "3 */10 * * * *",
    zone: "Asia/Shanghai",
    job: JobKind::PlanReconciliations,
};
