//! What must hold at the end of every history: the invariants of the law that exist so far, by naive
//! arithmetic over both sides' books. It must never use the decision that it judges.

use std::collections::BTreeMap;

use bursar_core::decide::QuestionKind;
use bursar_core::event::EventKind;
use bursar_core::id::OrderId;
use bursar_core::ledger::AccountKind;
use bursar_core::observation::Observation;
use bursar_core::order::{Dossier, OrderState};
use bursar_core::payment::{Evidence, Payment, PaymentState};
use bursar_core::refund::{Leg, Refund, RefundState};
use uuid::Uuid;

use super::books::Entry;
use super::script::Script;
use super::state::State;
use super::troubles::NEVER_MADE;
use super::{refund_laws, ways_laws};

/// Checks everything; violations go to the state.
pub(crate) fn check(state: &mut State, scripts: &[Script]) {
    let dossiers: Vec<Dossier> = state.tables.orders.keys().filter_map(|id| state.tables.dossier(*id)).collect();
    for dossier in &dossiers {
        order_holds(state, dossier);
    }
    for dossier in &dossiers {
        refund_laws::check(state, dossier);
    }
    charged_once(state, &dossiers);
    nothing_acknowledged_is_lost(state, scripts);
    final_mark(state, &dossiers);
}

/// What must hold of one order, its refunds left out.
fn order_holds(state: &mut State, dossier: &Dossier) {
    order_ended(state, dossier);
    events_told(state, dossier);
    for payment in &dossier.payments {
        if payment.method.channel().can_be_asked() {
            books_agree(state, payment);
        }
        ways_laws::check(state, payment);
        replays(state, payment);
        ledger_follows(state, dossier, payment);
    }
}

/// What has expired so lately may not be closed yet.
const LATELY_MS: i64 = 60_000;

/// The same of every order with its refunds, where there are very many: each is looked at with its own rows alone.
pub(crate) fn check_one_by_one(state: &mut State) {
    let mut observations: BTreeMap<Option<OrderId>, Vec<_>> = BTreeMap::new();
    for row in std::mem::take(&mut state.tables.observations) {
        observations.entry(state.tables.order_of(row.subject)).or_default().push(row);
    }
    let mut postings: BTreeMap<Option<OrderId>, Vec<_>> = BTreeMap::new();
    for row in std::mem::take(&mut state.tables.postings) {
        postings.entry(state.tables.order_of(row.posting.subject)).or_default().push(row);
    }
    let orders: Vec<OrderId> = state.tables.orders.keys().copied().collect();
    for order in orders {
        let Some(dossier) = state.tables.dossier(order) else { continue };
        let now = state.now;
        if dossier.order.installment.is_none() && dossier.order.expires_at.as_millis() > now - LATELY_MS {
            // A schedule has opened it a moment ago.
            continue;
        }
        state.tables.observations = observations.remove(&Some(order)).unwrap_or_default();
        state.tables.postings = postings.remove(&Some(order)).unwrap_or_default();
        order_holds(state, &dossier);
        refund_laws::check(state, &dossier);
        final_mark(state, &[dossier]);
    }
}

fn question(state: &State, payment: &Payment, kind: QuestionKind) -> bool {
    state.tables.questions.contains_key(&(payment.id.uuid(), kind))
}

/// I1, I2, I9, I11: what the channel took, and what we believe.
fn books_agree(state: &mut State, payment: &Payment) {
    let id = payment.id;
    if let Some(receipt) = payment.evidence.paid.as_ref().filter(|r| NEVER_MADE.contains(&r.transaction_id.as_str())) {
        let text = format!("{id} believes the transaction {}", receipt.transaction_id);
        state.violated("I9", text);
    }
    let entry: Option<Entry> = state.books.entries.get(&payment.number()).cloned();
    let crooked = entry.as_ref().is_some_and(Entry::crooked);
    let charge = entry.as_ref().and_then(|e| e.charges.first());
    let ours = (payment.state == PaymentState::Captured).then_some(payment.evidence.paid.as_ref()).flatten();
    match (charge, payment.state) {
        (None, PaymentState::Captured | PaymentState::IntegrityHold) => {
            state.violated("I1", format!("{id} is {}; the channel took nothing", payment.state.name()));
        }
        (Some(_), PaymentState::Captured | PaymentState::IntegrityHold) if crooked => {
            let two = entry.as_ref().is_some_and(|e| e.charges.len() > 1);
            let held = payment.state == PaymentState::IntegrityHold;
            let one_wrong = entry
                .iter()
                .flat_map(|e| &e.charges)
                .any(|c| c.amount_minor != payment.amount.minor || !c.payee_matches);
            if !held && (one_wrong || !two) {
                state.violated("I1", format!("{id} is captured; the channel took something else"));
            }
            if held && !question(state, payment, QuestionKind::IntegrityHold) {
                state.violated("parked", format!("{id} is held, and nobody is asked"));
            }
        }
        (Some(charge), _) => {
            let same =
                ours.is_some_and(|r| r.transaction_id == charge.transaction && r.amount_minor == charge.amount_minor);
            if !same {
                let text = format!("{id} is {}; the channel took {}", payment.state.name(), charge.amount_minor);
                state.violated("I1", text);
            }
        }
        (None, _) => {}
    }
    if let Some(entry) = entry.filter(|e| payment.state.ended_unpaid() && e.payable(state.now) && !e.lied) {
        state.violated(
            "I11",
            format!(
                "{id} is {}; at the channel it can still be paid (since {})",
                payment.state.name(),
                entry.created_ms
            ),
        );
    }
}

pub(super) use super::ways_laws::{rests_overdue, waits_by_hand};

/// I4: after quiet every order has ended, or a person was asked. A deposit may keep its order going, and money
/// that comes by hand may be awaited for ever.
fn order_ended(state: &mut State, dossier: &Dossier) {
    let order = &dossier.order;
    let held = dossier.payments.iter().any(needs_person);
    let by_hand = waits_by_hand(state, order.id);
    let deposit = order.part_payment && order.state == OrderState::PartiallyPaid;
    if !order.state.is_final() && !held && !deposit && !by_hand {
        state.violated("I4", format!("{} is {} after quiet", order.id, order.state.name()));
    }
    for payment in &dossier.payments {
        // A part that waits for the one ahead of it, about which a person was asked.
        let waits = (held || by_hand) && payment.state == PaymentState::New && payment.evidence.sent_at.is_none();
        let waits = waits || ways_laws::awaited_by_hand(payment);
        if !payment.state.is_final() && !waits {
            state.violated("I4", format!("{} is {} after quiet", payment.id, payment.state.name()));
        }
        if let Some(due) = payment.due_at {
            state.violated("I4", format!("{} is {} and still due at {due}", payment.id, payment.state.name()));
        }
    }
    let captured = dossier.payments.iter().any(|p| p.state == PaymentState::Captured);
    if order.state == OrderState::Paid && !captured && !held {
        state.violated("I1", format!("{} is paid without a captured payment", order.id));
    }
}

/// I7: every event is told or visibly given up, in a sequence without gaps, and means what happened.
fn events_told(state: &mut State, dossier: &Dossier) {
    let order = &dossier.order;
    let endpoints: Vec<Uuid> =
        state.tables.endpoints.values().filter(|e| e.merchant == order.merchant).map(|e| e.id.uuid()).collect();
    let rows: Vec<_> = state.tables.deliveries.values().filter(|d| d.about == order.id.into()).cloned().collect();
    for endpoint in endpoints {
        let mut told: Vec<_> = rows.iter().filter(|d| d.endpoint.is_some_and(|e| e.uuid() == endpoint)).collect();
        told.sort_by_key(|d| d.sequence);
        let sequence: Vec<i64> = told.iter().map(|d| d.sequence).collect();
        if sequence != (1..=order.event_count).collect::<Vec<_>>() {
            state.violated("I7", format!("{} has events {sequence:?} of {}", order.id, order.event_count));
        }
        let happened = |kind| state.told.get(&(order.id, kind)).copied().unwrap_or(0);
        let count = |kind| told.iter().filter(|d| d.kind == kind).count();
        let expected = [
            (EventKind::OrderPaid, happened(EventKind::OrderPaid)),
            (EventKind::OrderClosed, happened(EventKind::OrderClosed)),
            (EventKind::OrderLateMoney, usize::from(order.late_money)),
            (EventKind::OrderChooseAgain, happened(EventKind::OrderChooseAgain)),
            (EventKind::PaymentAuthorized, happened(EventKind::PaymentAuthorized)),
            (EventKind::PaymentReversed, happened(EventKind::PaymentReversed)),
            (EventKind::DisputeClosed, dossier.payments.iter().map(decided).sum()),
        ];
        for (kind, wanted) in expected {
            if count(kind) != wanted {
                state.violated("I7", format!("{}: {} {} events, wanted {wanted}", order.id, count(kind), kind.name()));
            }
        }
        if let Some(last) = told.last() {
            told_of_refunds(state, dossier, &last.body);
        }
        for delivery in told {
            let heard = state.heard.get(&(endpoint, delivery.id.to_string()));
            let accepted = heard.is_some_and(|h| h.accepted && h.body == delivery.body);
            if delivery.delivered_at.is_some() && !accepted {
                state.violated("I7", format!("{} counts as delivered and was never heard", delivery.id));
            }
            if delivery.delivered_at.is_none() && delivery.given_up_at.is_none() {
                state.violated("I7", format!("{} is neither delivered nor given up", delivery.id));
            }
        }
    }
}

/// A person must look before the order goes on.
fn needs_person(payment: &Payment) -> bool {
    matches!(payment.state, PaymentState::IntegrityHold | PaymentState::CaptureReversed)
}

/// Complaints that have ended.
fn decided(payment: &Payment) -> usize {
    payment.evidence.disputes.values().filter(|d| d.won.is_some()).count()
}

/// What the merchant was told last shows every refund where it came to rest, and none that was only prepared.
fn told_of_refunds(state: &mut State, dossier: &Dossier, body: &str) {
    let body: serde_json::Value = serde_json::from_str(body).unwrap_or_default();
    let shown = |refund: &Refund| {
        let rows = body.pointer("/data/refunds").and_then(|r| r.as_array()).into_iter().flatten();
        let row = rows.into_iter().find(|r| r.get("id").and_then(|id| id.as_str()) == Some(&refund.id.to_string()));
        row.and_then(|r| r.get("state")).and_then(|s| s.as_str()).map(ToOwned::to_owned)
    };
    for refund in &dossier.refunds {
        let expected = match refund.state {
            RefundState::Prepared | RefundState::Voided => None,
            RefundState::Running | RefundState::AwaitingApproval => continue,
            state => Some(state.name().to_owned()),
        };
        let shown = shown(refund);
        if shown != expected {
            let text = format!("{} is {}; the merchant was told {shown:?}", refund.id, refund.state.name());
            state.violated("I7", text);
        }
    }
}

/// I5: the stored observations, in any order, give the stored evidence and state.
fn replays(state: &mut State, payment: &Payment) {
    let facts = state.tables.accounts.get(&payment.account).map(bursar_core::merchant::ChannelAccount::facts);
    let Some(facts) = facts else { return };
    let mut seen: Vec<Observation> = state
        .tables
        .observations
        .iter()
        .filter(|o| o.subject == payment.id.uuid())
        .map(|o| Observation::new(o.source, o.seen_at, o.claim.clone()))
        .collect();
    for reversed in [false, true] {
        if reversed {
            seen.reverse();
        }
        let evidence = seen.iter().fold(Evidence::default(), |e, o| e.join(payment.amount, o));
        if evidence != payment.evidence {
            state.violated("I5", format!("{}: stored {:?}, replayed {evidence:?}", payment.id, payment.evidence));
        }
    }
    let means = payment.evidence.state(payment.amount, facts);
    if means != payment.state {
        state
            .violated("I5", format!("{} is {}, its evidence means {}", payment.id, payment.state.name(), means.name()));
    }
}

/// I6: each payment's postings leave its amount where its state says, and nothing elsewhere.
fn ledger_follows(state: &mut State, dossier: &Dossier, payment: &Payment) {
    let mut balances: BTreeMap<(AccountKind, Uuid), i64> = BTreeMap::new();
    for row in state.tables.postings.iter().filter(|p| p.posting.subject == payment.id.uuid()) {
        let posting = &row.posting;
        *balances.entry((posting.debit.kind, posting.debit.owner)).or_default() += posting.amount.minor;
        *balances.entry((posting.credit.kind, posting.credit.owner)).or_default() -= posting.amount.minor;
    }
    balances.retain(|_, balance| *balance != 0);
    let whose = if dossier.order.state == OrderState::Closed { AccountKind::LateMoney } else { AccountKind::Earnings };
    let mut expected = ways_laws::lies(payment);
    let sum: i64 = expected.values().sum();
    if sum != 0 {
        expected.insert((whose, payment.merchant.uuid()), -sum);
    }
    if balances != expected {
        let text = format!("{} is {}: {balances:?}, expected {expected:?}", payment.id, payment.state.name());
        state.violated("I6", text);
    }
}

/// I2, and no money under numbers that we do not know.
fn charged_once(state: &mut State, dossiers: &[Dossier]) {
    let ours: Vec<String> = dossiers.iter().flat_map(|d| &d.payments).map(Payment::number).collect();
    let strange: Vec<String> = state.books.entries.keys().filter(|n| !ours.contains(n)).cloned().collect();
    for number in strange {
        state.violated("I2", format!("the channel has a payment {number} that is none of ours"));
    }
    let ours: Vec<String> = dossiers.iter().flat_map(Dossier::legs).map(Leg::number).collect();
    let strange: Vec<String> = state.books.givings.rows.keys().filter(|n| !ours.contains(n)).cloned().collect();
    for number in strange {
        state.violated("I3", format!("the channel has a refund {number} that is none of ours"));
    }
}

/// I8 and the order of steps: what was answered or acknowledged is there.
fn nothing_acknowledged_is_lost(state: &mut State, scripts: &[Script]) {
    let lost: Vec<String> = scripts
        .iter()
        .enumerate()
        .filter(|(index, s)| state.taken.contains(index) && state.tables.by_number(s.merchant, &s.number).is_none())
        .map(|(_, s)| s.number.clone())
        .collect();
    for number in lost {
        state.violated("I8", format!("the order {number} was answered with 201 and is not there"));
    }
    let stored: Vec<Uuid> = state.tables.notifications.keys().map(|n| n.uuid()).collect();
    let missing: Vec<Uuid> = state.acknowledged.iter().filter(|id| !stored.contains(id)).copied().collect();
    for id in missing {
        state.violated("acknowledge after commit", format!("notification {id} was acknowledged and is not stored"));
    }
}

fn final_mark(state: &mut State, dossiers: &[Dossier]) {
    for dossier in dossiers {
        state.mark(
            u64::from(dossier.order.state.code().unsigned_abs()) ^ u64::try_from(dossier.order.version).unwrap_or(0),
        );
        for payment in &dossier.payments {
            state.mark_uuid(payment.id.uuid());
            state.mark(
                u64::try_from(payment.version).unwrap_or(0) << 8 ^ u64::from(payment.state.code().unsigned_abs()),
            );
        }
        for leg in dossier.legs() {
            state.mark_uuid(leg.id.uuid());
            state.mark(u64::try_from(leg.version).unwrap_or(0) << 8 ^ u64::from(leg.state.code().unsigned_abs()));
        }
    }
}
