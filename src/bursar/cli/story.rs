//! An order's story: it knows how everything that happened becomes lines for people, and must never leave
//! something out because it is embarrassing.

use bursar_core::Timestamp;
use bursar_core::observation::Claim;
use bursar_core::order::Dossier;
use bursar_core::refund::RefundClaim;
use bursar_core::sharing::Sharing;
use bursar_store::Timeline;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Done, Globals, output, refund_view, share_view};
use crate::compose::Program;

/// An order as JSON, without its story.
pub(super) fn brief(dossier: &Dossier) -> Value {
    let order = &dossier.order;
    json!({
        "id": order.id, "merchant": order.merchant, "number": order.number, "state": order.state,
        "amount_minor": order.amount.minor, "currency": order.amount.currency, "late_money": order.late_money,
        "part_payment": order.part_payment, "installment": order.installment, "refund_status": dossier.overlay(),
        "refunded_minor": dossier.refunded_minor(),
        "created_at": order.created_at, "expires_at": order.expires_at, "close_reason": order.close_reason,
        "payments": dossier.payments.iter().map(|p| json!({
            "id": p.id, "account": p.account, "method": p.method, "state": p.state, "amount_minor": p.amount.minor,
            "returned_minor": p.returned_minor, "due_at": p.due_at,
            "installments": p.installments, "transaction_id": p.evidence.paid.as_ref().map(|r| r.transaction_id.clone()),
        })).collect::<Vec<_>>(),
        "refunds": dossier.refunds.iter().map(refund_view::to_json).collect::<Vec<_>>(),
    })
}

pub(super) fn orders(globals: &Globals, dossiers: &[Dossier]) -> Done {
    if globals.json {
        return output::json(&dossiers.iter().map(brief).collect());
    }
    let rows: Vec<_> = dossiers
        .iter()
        .map(|d| {
            let o = &d.order;
            vec![
                o.id.to_string(),
                o.number.clone(),
                o.amount.to_string(),
                state(d),
                o.created_at.to_string(),
                o.description.clone(),
            ]
        })
        .collect();
    output::table(&["ORDER", "NUMBER", "AMOUNT", "STATE", "CREATED", "DESCRIPTION"], &rows)
}

fn state(dossier: &Dossier) -> String {
    use bursar_core::order::RefundOverlay;
    let late = if dossier.order.late_money { " (late money)" } else { "" };
    let back = match dossier.overlay() {
        RefundOverlay::None => "",
        RefundOverlay::PartiallyRefunded => " (partially refunded)",
        RefundOverlay::Refunded => " (refunded)",
    };
    format!("{}{late}{back}", dossier.order.state.name())
}

/// One line of a story.
pub(super) struct Line {
    at: Timestamp,
    what: &'static str,
    text: String,
    /// What it is about: the payment, refund or leg.
    about: Option<Uuid>,
}

impl Line {
    fn row(&self) -> Vec<String> {
        vec![self.at.to_string(), self.what.to_owned(), self.text.clone()]
    }

    fn to_json(&self) -> Value {
        json!({ "at": self.at, "kind": self.what, "text": self.text })
    }
}

/// Everything that happened, one line each, by time.
fn lines(timeline: &Timeline) -> Vec<Line> {
    let dossier = &timeline.dossier;
    let mut all = Vec::new();
    let mut add = |at, what, text, about| all.push(Line { at, what, text, about });
    for o in &timeline.observations {
        let source =
            serde_json::to_value(o.source).ok().and_then(|v| v.as_str().map(str::to_owned)).unwrap_or_default();
        let text = format!("{source}: {}{}", claim(&o.claim), part(dossier, o.subject));
        add(o.seen_at, "observed", text, Some(o.subject));
    }
    for p in &timeline.postings {
        let (debit, credit) = (p.posting.debit.kind.name(), p.posting.credit.kind.name());
        let part = part(dossier, p.posting.subject);
        let text = format!("{} from {credit} to {debit}{part}", p.posting.amount);
        add(p.at, "posted", text, Some(p.posting.subject));
    }
    for d in &timeline.deliveries {
        let outcome = match (d.endpoint, d.delivered_at, d.given_up_at) {
            (None, _, _) => "no endpoint".to_owned(),
            (_, Some(at), _) => format!("delivered {at}, attempts {}", d.attempts),
            (_, _, Some(at)) => format!("given up {at}: {}", d.last_error.as_deref().unwrap_or("")),
            _ => format!("not delivered yet, attempts {}", d.attempts),
        };
        add(d.created_at, "event", format!("{} #{}: {outcome}", d.kind.name(), d.sequence), None);
    }
    for q in &timeline.questions {
        add(q.opened_at, "asked", q.text.clone(), Some(q.subject));
    }
    for c in &timeline.collections {
        add(c.received_at, "collected", bursar_gateway::explain::cash::words(c), Some(c.payment.uuid()));
    }
    for j in &timeline.jobs {
        let part = part(dossier, j.key.subject);
        let text = format!("{}{part} {}", j.key.kind.name(), j.note.as_deref().unwrap_or(""));
        add(j.due_at, "due", text.trim_end().to_owned(), Some(j.key.subject));
    }
    all.sort_by_key(|line| line.at);
    all
}

/// Names the part of the order that a line is about, when there is more than one payment.
fn part(dossier: &Dossier, subject: Uuid) -> String {
    if dossier.payments.len() < 2 && dossier.refunds.is_empty() {
        return String::new();
    }
    if let Some((_, n)) = dossier.payments.iter().zip(1..).find(|(p, _)| p.id.uuid() == subject) {
        return if dossier.payments.len() < 2 { String::new() } else { format!(" [payment {n}]") };
    }
    for (refund, n) in dossier.refunds.iter().zip(1..) {
        if refund.id.uuid() == subject {
            return format!(" [refund {n}]");
        }
        if let Some(leg) = refund.legs.iter().find(|l| l.id.uuid() == subject) {
            return format!(" [refund {n}, leg {}]", leg.sequence);
        }
    }
    String::new()
}

/// A claim in words, with its numbers.
fn claim(claim: &Claim) -> String {
    let detail = match claim {
        Claim::Paid(receipt) => return format!("paid, transaction {}", receipt.transaction_id),
        Claim::Declined { decline, .. } => Some(format!("{}: {}", decline.class.name(), decline.reason)),
        Claim::Agreement(_) | Claim::Plan(_) => None,
        Claim::Refused { reason } | Claim::AttemptFailed { reason } | Claim::CloseRequested { reason } => {
            Some(reason.clone())
        }
        Claim::NoAnswer { why } | Claim::NotSent { why } => Some(why.clone()),
        Claim::LateMoneyAnswered { keep, by } => {
            Some(format!("{}, said by {by}", if *keep { "keep" } else { "refund" }))
        }
        Claim::Refund(claim) => refund_detail(claim),
        Claim::Authorized(hold) => Some(hold.receipt.transaction_id.clone()),
        Claim::CaptureRequested { by, .. } | Claim::Replaced { by } => Some(format!("by {by}")),
        Claim::Received(piece) => Some(format!("{} minor units, {}", piece.amount_minor, piece.line)),
        Claim::TakenBack { line, reason } => Some(format!("{line}: {reason}")),
        Claim::Disputed(dispute) => Some(match dispute.won {
            None => format!("{}: {}", dispute.id, dispute.reason),
            Some(true) => format!("{}: won", dispute.id),
            Some(false) => format!("{}: lost", dispute.id),
        }),
        Claim::Sending
        | Claim::Accepted { .. }
        | Claim::Absent
        | Claim::Unpaid
        | Claim::ClosedAtChannel
        | Claim::CloseAccepted
        | Claim::Lapsed
        | Claim::UnpaidAfterClose => None,
    };
    detail.map_or_else(|| claim.name().to_owned(), |detail| format!("{} ({detail})", claim.name()))
}

fn refund_detail(claim: &RefundClaim) -> Option<String> {
    match claim {
        RefundClaim::Requested { by, reason }
        | RefundClaim::Rejected { by, reason }
        | RefundClaim::Abandoned { by, reason } => Some(format!("{reason}, said by {by}")),
        RefundClaim::Approved { by } => Some(format!("by {by}")),
        RefundClaim::Activated { reason }
        | RefundClaim::Voided { reason }
        | RefundClaim::NoFunds { reason }
        | RefundClaim::Refused { reason }
        | RefundClaim::Closed { reason }
        | RefundClaim::SecondFailed { reason }
        | RefundClaim::Reversed { reason } => Some(reason.clone()),
        RefundClaim::NoAnswer { why } | RefundClaim::NotSent { why } => Some(why.clone()),
        RefundClaim::Processing { refund_id } | RefundClaim::Abnormal { refund_id } => Some(refund_id.clone()),
        RefundClaim::Succeeded(receipt) => Some(format!("{} at {}", receipt.refund_id, receipt.refunded_at)),
        RefundClaim::Transferred { by, reference } => Some(format!("{reference}, said by {by}")),
        RefundClaim::PaidOut { by, worker, proof } => {
            Some(format!("from the drawer of {worker}, {proof}, said by {by}"))
        }
        RefundClaim::Sending | RefundClaim::Absent | RefundClaim::SecondSending | RefundClaim::SecondAccepted => None,
    }
}

/// An order with its refunds, its story and what comes next.
pub(super) fn order(globals: &Globals, program: &Program, timeline: &Timeline, sharing: Option<&Sharing>) -> Done {
    let next = bursar_gateway::explain::next(timeline, program.clock.now());
    let dossier = &timeline.dossier;
    if globals.json {
        let shares = share_view::to_json(&dossier.order, sharing);
        let story = rows(&lines(timeline));
        return output::json(&json!({ "order": brief(dossier), "shares": shares, "timeline": story, "next": next }));
    }
    orders(globals, std::slice::from_ref(dossier))?;
    output::line("")?;
    if !dossier.refunds.is_empty() {
        refund_view::table(&dossier.refunds)?;
        output::line("")?;
    }
    if !dossier.order.shares.is_empty() {
        share_view::table(&dossier.order, sharing)?;
        output::line("")?;
    }
    table(&lines(timeline))?;
    output::line("")?;
    output::line(&next)
}

/// The lines about some parts of an order.
pub(super) fn lines_about(timeline: &Timeline, parts: &[Uuid]) -> Vec<Line> {
    let about = |line: &Line| line.about.is_some_and(|id| parts.contains(&id));
    lines(timeline).into_iter().filter(about).collect()
}

/// Lines as a table.
pub(super) fn table(lines: &[Line]) -> Done {
    output::table(&["TIME", "WHAT", ""], &lines.iter().map(Line::row).collect::<Vec<_>>())
}

/// Lines as JSON.
pub(super) fn rows(lines: &[Line]) -> Value {
    lines.iter().map(Line::to_json).collect()
}
