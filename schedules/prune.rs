//! Pruning: every ten minutes, in small bites.

use bursar_core::job::JobKind;

use crate::Schedule;

/// Small bites keep its transactions short.
pub const SCHEDULE: Schedule = Schedule { name: "prune", cron: "7 */10 * * * *", zone: "UTC", job: JobKind::Prune };
