//! The ledger in the metrics: it knows the two numbers that an alarm needs, and must never prove anything itself.

use std::fmt::Write as _;
use std::time::Duration;

use bursar_core::certificate::Certificate;
use bursar_store::CertificateRow;

use crate::App;
use crate::metrics::family;

/// Appends what the last certificate says; nothing when the database does not answer in time.
pub async fn render(app: &App, out: &mut String) {
    let asked = app.desk.gatherer.store().last_certificate();
    match tokio::time::timeout(Duration::from_millis(app.settings.ready_timeout_ms), asked).await {
        Ok(Ok(row)) => write(row.as_ref(), out),
        Ok(Err(error)) => tracing::warn!(%error, "no metrics of the ledger"),
        Err(_) => tracing::warn!("no metrics of the ledger in time"),
    }
}

fn write(row: Option<&CertificateRow>, out: &mut String) {
    let read = |row: &CertificateRow| serde_json::from_str::<Certificate>(&row.body).is_ok_and(|c| c.proof.holds);
    let (disagrees, made) = ("bursar_ledger_disagrees", "bursar_ledger_proved_timestamp_seconds");
    family(out, disagrees, "gauge", "1 when the last certificate says that ledger and payments do not agree.");
    let _ = writeln!(out, "{disagrees} {}", u8::from(row.is_some_and(|row| !read(row))));
    family(out, made, "gauge", "When the last certificate was made; 0 before the first.");
    let _ = writeln!(out, "{made} {}", row.map_or(0, |row| row.made_at.as_seconds()));
}
