//! The sweep: every half minute.

use bursar_core::job::JobKind;

use crate::Schedule;

/// Often, because it bounds how long lost work stays lost; it reads only open payments.
pub const SCHEDULE: Schedule =
    Schedule { name: "sweep_stuck", cron: "0,30 * * * * *", zone: "UTC", job: JobKind::SweepStuck };
