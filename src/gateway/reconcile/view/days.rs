//! Reconciliations as the API shows them: it knows names of members, and must never count anything itself.

use std::collections::BTreeMap;

use bursar_core::Timestamp;
use bursar_core::bank::Day;
use bursar_core::id::{ChannelAccountId, ReconciliationId};
use bursar_core::reconcile::Reconciliation;
use serde::Serialize;
use utoipa::ToSchema;

/// The reconciliation of one account and business day.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Reconciliation)]
pub struct ReconciliationView {
    /// Its id (`rec_…`): the same for the same account and day.
    #[schema(value_type = String)]
    pub id: ReconciliationId,
    /// Of which account (`acc_…`).
    #[schema(value_type = String)]
    pub account_id: ChannelAccountId,
    /// Of which of the channel's business days.
    #[schema(value_type = String, format = Date)]
    pub day: Day,
    /// `waiting` for bills, `matching`, `done`, or `failed`: a bill cannot be used, and is asked for again.
    #[schema(example = "done")]
    pub state: &'static str,
    /// Lines of bills that were looked at.
    pub lines: u64,
    /// Of them those that agree with our books.
    pub agreed: u64,
    /// Movements of ours of that day that no bill of that day told of.
    pub unmatched: u64,
    /// Breaks of that day, by kind.
    pub found: BTreeMap<&'static str, u64>,
    /// Of them those that a machine had mended when the reconciliation was done.
    pub healed: u64,
    /// Of them those about which a person was asked then.
    pub parked: u64,
    /// What is waited for, or what is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub note: Option<String>,
    /// When something is done for it next.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime, nullable = false)]
    pub due_at: Option<Timestamp>,
    /// When it was begun.
    #[schema(value_type = String, format = DateTime)]
    pub started_at: Timestamp,
    /// When it was done last.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime, nullable = false)]
    pub finished_at: Option<Timestamp>,
}

impl From<&Reconciliation> for ReconciliationView {
    fn from(run: &Reconciliation) -> Self {
        let figures = &run.figures;
        Self {
            id: run.id,
            account_id: run.account,
            day: run.day,
            state: run.state.name(),
            lines: figures.lines,
            agreed: figures.agreed,
            unmatched: figures.unmatched,
            found: figures.found.iter().map(|(kind, n)| (kind.name(), *n)).collect(),
            healed: figures.healed,
            parked: figures.parked,
            note: run.note.clone(),
            due_at: run.due_at,
            started_at: run.started_at,
            finished_at: run.finished_at,
        }
    }
}

/// Reconciliations.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = ReconciliationList)]
pub struct ReconciliationList {
    /// The latest day first.
    pub reconciliations: Vec<ReconciliationView>,
    /// `false`: there are more. Narrow `from` and `until`.
    pub complete: bool,
}
