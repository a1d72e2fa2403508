//! Schedules in the metrics: it knows the numbers that an alarm needs, and must never have a label per schedule.

use std::fmt::Write as _;
use std::time::Duration;

use bursar_store::ScheduleGauges;

use crate::App;
use crate::metrics::family;

/// Appends what the database says now; nothing when it does not answer in time, so that the other metrics are there.
pub async fn render(app: &App, out: &mut String) {
    let asked = app.desk.gatherer.store().schedule_gauges(app.clock.now());
    match tokio::time::timeout(Duration::from_millis(app.settings.ready_timeout_ms), asked).await {
        Ok(Ok(gauges)) => write(gauges, out),
        Ok(Err(error)) => tracing::warn!(%error, "no metrics of schedules"),
        Err(_) => tracing::warn!("no metrics of schedules in time"),
    }
}

fn write(gauges: ScheduleGauges, out: &mut String) {
    let overdue = "bursar_schedule_overdue";
    family(out, overdue, "gauge", "Active schedules that were due more than five minutes ago.");
    let _ = writeln!(out, "{overdue} {}", gauges.overdue);
    let last = "bursar_schedule_last_success_timestamp_seconds";
    family(out, last, "gauge", "When any schedule was fired last; 0 before the first.");
    let _ = writeln!(out, "{last} {}", gauges.last_fired_at.unwrap_or_default().as_seconds());
}
