//! What must hold at every single commit: it knows both sides' books, and must never change either.

use bursar_core::decide::owed_job;
use bursar_core::observation::Claim;
use bursar_core::order::OrderState;
use bursar_core::payment::{Payment, PaymentState};
use bursar_core::{Timestamp, id};
use bursar_store::{Change, Settlement};

use super::agenda::Pid;
use super::state::State;
use super::tables::Tables;

/// What the rows were.
pub(crate) struct Before {
    payments: Vec<Payment>,
    closed: Vec<(id::OrderId, OrderState)>,
}

/// Remembers the rows that `change` touches.
pub(crate) fn before(tables: &Tables, change: &Change) -> Before {
    Before {
        payments: change.payments.iter().filter_map(|p| tables.payments.get(&p.id)).cloned().collect(),
        closed: change.orders.iter().filter_map(|o| tables.orders.get(&o.id)).map(|o| (o.id, o.state)).collect(),
    }
}

/// Looks at what was written.
pub(crate) fn committed(state: &mut State, pid: Pid, before: &Before, change: &Change) {
    describe(state, pid, change);
    for (payment, observation) in &change.observations {
        let (Some(old), Some(new)) =
            (before.payments.iter().find(|p| p.id == *payment), change.payments.iter().find(|p| p.id == *payment))
        else {
            continue;
        };
        let label = match &observation.claim {
            Claim::Paid(_) if new.state == PaymentState::IntegrityHold => "paid, but not as expected",
            claim => claim.name(),
        };
        if old.state != new.state {
            *state.coverage.edges.entry((old.state, label, new.state)).or_default() += 1;
        }
        let number = new.number();
        let on_its_way = state.on_the_way.get(&number).copied().unwrap_or(0) > 0;
        if on_its_way && new.state == PaymentState::Declined && !state.clocks_wrong {
            state.violated("propagation window", format!("{number} is declined while its call is on its way"));
        }
        if matches!(observation.claim, Claim::Refused { .. }) && !state.books.refused.contains(&number) {
            state.violated("principle 3", format!("{number} is refused here; the channel never refused it"));
        }
    }
    for payment in &change.payments {
        owes_a_job(state, payment);
    }
    for order in &change.orders {
        let was_closed = before.closed.iter().any(|(id, s)| *id == order.id && *s == OrderState::Closed);
        if order.state == OrderState::Closed && !was_closed {
            closed_by_protocol(state, order.id);
        }
    }
}

/// I4: no effect without its job.
fn owes_a_job(state: &mut State, payment: &Payment) {
    let Some(owed) = owed_job(payment, Timestamp::default()) else { return };
    if state.robbed.contains(&payment.id.uuid()) || state.tables.jobs.contains_key(&owed.key) {
        return;
    }
    let jobs: Vec<_> = state.tables.jobs.keys().filter(|k| k.subject == payment.id.uuid()).collect();
    let text = format!("{} is {} without {}; it has {jobs:?}", payment.id, payment.state.name(), owed.key.kind.name());
    state.violated("I4", text);
}

/// Section 5: an order closes by an accepted close only after a query that followed it.
fn closed_by_protocol(state: &mut State, order: id::OrderId) {
    let Some(dossier) = state.tables.dossier(order) else { return };
    for payment in dossier.payments.iter().filter(|p| p.state == PaymentState::Closed) {
        let Some(entry) = state.books.entries.get(&payment.number()) else { continue };
        let asked_after = entry.closed_ms.zip(entry.queried_ms).is_some_and(|(closed, asked)| asked >= closed);
        if !entry.lied && !asked_after {
            let text = format!("{} closed without a query after the close (asked {:?})", payment.id, entry.queried_ms);
            state.violated("close protocol", text);
        }
    }
}

fn describe(state: &mut State, pid: Pid, change: &Change) {
    let versions: Vec<i64> = change.payments.iter().map(|p| p.version).collect();
    for version in versions {
        state.mark(u64::try_from(version).unwrap_or(0));
    }
    for payment in &change.payments {
        state.mark_uuid(payment.id.uuid());
        state.mark(u64::from(payment.state.code().unsigned_abs()));
    }
    state.note(|| {
        let seen: Vec<String> =
            change.observations.iter().map(|(_, o)| format!("{} from {:?}", o.claim.name(), o.source)).collect();
        let rows: Vec<String> = change.payments.iter().map(|p| format!("{} {}", p.id, p.state.name())).collect();
        let jobs: Vec<String> = change.jobs.iter().map(|j| j.key.kind.name().to_owned()).collect();
        let settle = change.settle.as_ref().map_or(String::new(), |s| format!("{} {}", s.key, manner(&s.how)));
        format!(
            "process {pid} commits: {settle} | {} | {} | jobs {}",
            seen.join(", "),
            rows.join(", "),
            jobs.join(", ")
        )
    });
}

fn manner(how: &Settlement) -> String {
    match how {
        Settlement::Hold => "hold".to_owned(),
        Settlement::Done => "done".to_owned(),
        Settlement::Again { due_at, why, .. } => format!("again at {due_at} ({why})"),
        Settlement::Failed { error, .. } => format!("failed ({error})"),
        Settlement::Park { question } => format!("parked ({question})"),
    }
}
