//! What must hold at every single commit: it knows both sides' books, and must never change either.

use bursar_core::decide::owed_job;
use bursar_core::event::EventKind;
use bursar_core::observation::{Claim, Source, Subject};
use bursar_core::order::{Order, OrderState};
use bursar_core::payment::{Payment, PaymentState};
use bursar_core::refund::{Leg, Refund};
use bursar_core::{Timestamp, id};
use bursar_store::{Change, Settlement};
use uuid::Uuid;

use super::agenda::Pid;
use super::refund_monitor;
use super::state::State;
use super::tables::Tables;

/// What the rows were.
pub(crate) struct Before {
    pub orders: Vec<Order>,
    pub payments: Vec<Payment>,
    pub refunds: Vec<Refund>,
    pub legs: Vec<Leg>,
}

/// Remembers the rows that `change` touches.
pub(crate) fn before(tables: &Tables, change: &Change) -> Before {
    Before {
        orders: change.orders.iter().filter_map(|o| tables.orders.get(&o.id)).cloned().collect(),
        payments: change.payments.iter().filter_map(|p| tables.payments.get(&p.id)).cloned().collect(),
        refunds: change.refunds.iter().filter_map(|r| tables.refunds.get(&r.id)).cloned().collect(),
        legs: change.legs.iter().filter_map(|l| tables.legs.get(&l.id)).cloned().collect(),
    }
}

/// What an observation or a posting of `change` belongs to that `change` does not write: its version numbers
/// them, so a real store refuses this.
pub(crate) fn unwritten(change: &Change) -> Option<Uuid> {
    let payments = change.payments.iter().chain(&change.new_payments).map(|p| p.id.uuid());
    let refunds = change.refunds.iter().chain(&change.new_refunds).map(|r| r.id.uuid());
    let legs = change.legs.iter().chain(&change.new_legs).map(|l| l.id.uuid());
    let orders = change.orders.iter().chain(&change.new_orders).map(|o| o.id.uuid());
    let agreements = change.billing.agreements.iter().chain(&change.billing.new_agreements).map(|a| a.id.uuid());
    let plans = change.billing.plans.iter().chain(&change.billing.new_plans).map(|p| p.id.uuid());
    let written: Vec<Uuid> = payments.chain(refunds).chain(legs).chain(orders).chain(agreements).chain(plans).collect();
    let noted = change.observations.iter().map(|(subject, _)| subject.uuid());
    noted.chain(change.postings.iter().map(|(p, _)| p.subject)).find(|id| !written.contains(id))
}

/// Looks at what was written.
pub(crate) fn committed(state: &mut State, pid: Pid, before: &Before, change: &Change) {
    describe(state, pid, change);
    for (subject, observation) in &change.observations {
        let Subject::Payment(payment) = subject else { continue };
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
        *state.coverage.claims.entry((new.method.channel().name(), observation.claim.name())).or_default() += 1;
        if matches!(observation.claim, Claim::CloseAccepted) {
            voided(state, new);
        }
        let by_clock = observation.source == Source::Clock && matches!(observation.claim, Claim::CloseRequested { .. });
        if by_clock && !new.method.channel().can_be_asked() && old.evidence.accepted.is_some() {
            state.violated("overdue", format!("{} waits for money by hand, and was ended by the clock", new.id));
        }
        if matches!(observation.claim, Claim::Sending) && old.state == PaymentState::New {
            one_after_the_other(state, new);
            if state.tables.orders.get(&new.order).is_some_and(|o| !o.offers.is_empty()) {
                chosen_one_by_one(state, new);
            }
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
    for payment in change.payments.iter().chain(&change.new_payments) {
        owes_a_job(state, payment);
        let was = before.payments.iter().find(|p| p.id == payment.id).map(|p| p.state);
        if payment.state == PaymentState::Closed && was != Some(PaymentState::Closed) {
            closed_by_protocol(state, payment);
        }
        if was != Some(payment.state) {
            *state.coverage.methods.entry((payment.method, payment.state)).or_default() += 1;
            let kind = match payment.state {
                PaymentState::Authorized => Some(EventKind::PaymentAuthorized),
                PaymentState::CaptureReversed => Some(EventKind::PaymentReversed),
                _ => None,
            };
            if let Some(kind) = kind {
                *state.told.entry((payment.order, kind)).or_default() += 1;
            }
        }
        if payment.state.is_final() {
            state.ended.insert(payment.id);
        }
    }
    for order in &change.orders {
        let was = before.orders.iter().find(|o| o.id == order.id).map(|o| o.state);
        let kind = match order.state {
            OrderState::Paid => EventKind::OrderPaid,
            OrderState::Closed => EventKind::OrderClosed,
            OrderState::Created => EventKind::OrderChooseAgain,
            _ => continue,
        };
        if was.is_some_and(|was| was != order.state) {
            *state.told.entry((order.id, kind)).or_default() += 1;
        }
    }
    refund_monitor::committed(state, before, change);
    if let Some(settle) = &change.settle {
        if let Some(payment) = state.tables.payments.get(&id::PaymentId(settle.key.subject)).cloned() {
            owes_a_job(state, &payment);
        }
        if let Some(leg) = state.tables.legs.get(&id::LegId(settle.key.subject)).cloned() {
            refund_monitor::owes_a_job(state, &leg);
        }
    }
    for id in touched(change) {
        refund_monitor::order(state, id);
    }
}

/// Orders whose parts `change` writes.
fn touched(change: &Change) -> Vec<id::OrderId> {
    let payments = change.payments.iter().chain(&change.new_payments).map(|p| p.order);
    let refunds = change.refunds.iter().chain(&change.new_refunds).map(|r| r.order);
    let mut orders: Vec<id::OrderId> = payments.chain(refunds).collect();
    orders.sort_unstable();
    orders.dedup();
    orders
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

/// Section 5: a payment closes by an accepted close only after a query that followed it, or when the channel
/// itself has ended it.
fn closed_by_protocol(state: &mut State, payment: &Payment) {
    let (now, clocks_wrong) = (state.now, state.clocks_wrong);
    let Some(entry) = state.books.entries.get(&payment.number()) else { return };
    if entry.lied || !entry.kind().can_be_asked() {
        return;
    }
    if payment.evidence.lapsed_at.is_some() {
        // What was let go before is over as well, whatever the last answer did not show yet.
        let ended = entry.lapsed(now) || entry.closed_ms.is_some();
        let over = ended && !entry.in_flight && entry.charges.is_empty();
        if !over && !clocks_wrong {
            state.violated("close protocol", format!("{} lapsed here; at the channel it has not", payment.id));
        }
        return;
    }
    let asked_after = entry.closed_ms.zip(entry.queried_ms).is_some_and(|(closed, asked)| asked >= closed);
    if !asked_after {
        let text = format!("{} closed without a query after the close (asked {:?})", payment.id, entry.queried_ms);
        state.violated("close protocol", text);
    }
}

/// Whoever believes that a close was accepted has let go what was held.
fn voided(state: &mut State, payment: &Payment) {
    if state.books.entries.get(&payment.number()).is_some_and(super::books::Entry::is_held) {
        state.violated("hold", format!("{} counts as let go, and is held", payment.id));
    }
}

/// What a payer chose starts only when nothing else of the order can take money any more. What had ended once
/// and came back is being closed already.
fn chosen_one_by_one(state: &mut State, payment: &Payment) {
    let Some(dossier) = state.tables.dossier(payment.order) else { return };
    let others = dossier.payments.iter().filter(|p| p.id != payment.id && !state.ended.contains(&p.id));
    let ahead: Vec<String> = others
        .filter(|p| !p.state.is_final() && p.evidence.sent_at.is_some())
        .map(|p| format!("{} is {}", p.id, p.state.name()))
        .collect();
    if let Some(ahead) = ahead.first() {
        state.violated("one after the other", format!("{} is sent while {ahead}", payment.id));
    }
}

/// The parts that an order was placed with are taken one after the other: none is sent before the one ahead
/// of it has its money or has ended (one that ended and came back is being closed).
fn one_after_the_other(state: &mut State, payment: &Payment) {
    let Some(dossier) = state.tables.dossier(payment.order) else { return };
    if payment.created_at != dossier.order.created_at {
        return;
    }
    let open =
        |p: &&Payment| !p.state.is_final() && p.evidence.close_requested.is_none() && p.evidence.refused.is_none();
    let mut ahead = dossier.payments.iter().take_while(|p| p.id != payment.id);
    if let Some(open) = ahead.find(open) {
        let text = format!("{} is sent while {}, ahead of it, is {}", payment.id, open.id, open.state.name());
        state.violated("one after the other", text);
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
    for leg in change.legs.iter().chain(&change.new_legs) {
        state.mark_uuid(leg.id.uuid());
        state.mark(u64::from(leg.state.code().unsigned_abs()));
    }
    state.note(|| {
        let seen: Vec<String> =
            change.observations.iter().map(|(_, o)| format!("{} from {:?}", o.claim.name(), o.source)).collect();
        let orders = change.orders.iter().map(|o| format!("order {}", o.state.name()));
        let payments = change.payments.iter().map(|p| format!("{} {}", p.id, p.state.name()));
        let new = change.new_payments.iter().map(|p| format!("new {} {}", p.id, p.amount));
        let refunds = change.refunds.iter().map(|r| format!("{} {}", r.id, r.state.name()));
        let wanted = change
            .new_refunds
            .iter()
            .map(|r| format!("new {} {} {} {}", r.id, r.cause.name(), r.amount, r.state.name()));
        let legs = change.legs.iter().chain(&change.new_legs);
        let legs = legs.map(|l| format!("{} {} of {} {}", l.id, l.amount, l.payment, l.state.name()));
        let rows: Vec<String> = orders.chain(payments).chain(new).chain(refunds).chain(wanted).chain(legs).collect();
        let jobs: Vec<String> = change.jobs.iter().map(|j| format!("{} at {}", j.key.kind.name(), j.due_at)).collect();
        let cancelled: Vec<&str> = change.cancel.iter().map(|k| k.kind.name()).collect();
        let asked = change.questions.iter().map(|q| format!("asks {}", q.kind.name()));
        let asked: Vec<String> =
            asked.chain(change.answered.iter().map(|(_, kind)| format!("answered {}", kind.name()))).collect();
        let settle = change.settle.as_ref().map_or(String::new(), |s| format!("{} {}", s.key, manner(&s.how)));
        format!(
            "process {pid} commits: {settle} | {} | {} | jobs {} | cancels {} | {}",
            seen.join(", "),
            rows.join(", "),
            jobs.join(", "),
            cancelled.join(", "),
            asked.join(", "),
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
