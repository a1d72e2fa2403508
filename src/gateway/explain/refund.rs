//! Sentences about refunds: it knows what happens next to a refund and its legs, when and why, and must
//! never decide anything. Pure.

use bursar_core::Timestamp;
use bursar_core::refund::{Leg, LegState, Refund, RefundState, Route};
use bursar_store::JobRow;

/// What happens next to a leg.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Step {
    /// What, in words without their time.
    pub text: String,
    /// When; `None`: when somebody acts, or at this moment.
    pub at: Option<Timestamp>,
}

/// What happens next to `leg`; `None` when nothing does by itself.
pub fn step(refund: &Refund, leg: &Leg, jobs: &[JobRow], now: Timestamp) -> Option<Step> {
    let text = match refund.state {
        RefundState::Prepared if leg.state.is_active() => {
            return Some(Step { text: "sent only if the order does not become whole".to_owned(), at: None });
        }
        RefundState::AwaitingApproval if leg.state.is_active() || leg.state == LegState::AwaitingTransfer => {
            return Some(Step { text: "waits until a second person approves the refund".to_owned(), at: None });
        }
        RefundState::Rejected | RefundState::Voided => return None,
        _ => what(leg)?,
    };
    let job = jobs.iter().filter(|j| j.key.subject == leg.id.uuid()).min_by_key(|j| j.due_at);
    if let Some(question) = job.and_then(|j| j.question.as_deref()) {
        return Some(Step { text: format!("parked until a person looks at it: {question}"), at: None });
    }
    let running = job.is_some_and(|j| j.owner.is_some()) || leg.state == LegState::Sending;
    let planned = job.map(|j| j.due_at).or(leg.due_at);
    let at = planned.filter(|_| !running && leg.state != LegState::AwaitingTransfer && leg.state != LegState::Held);
    // What should have happened by now happens as soon as somebody is free.
    Some(Step { text, at: at.map(|at| at.max(now)) })
}

fn what(leg: &Leg) -> Option<String> {
    let evidence = &leg.evidence;
    let text = match leg.state {
        LegState::Reserved if evidence.sent_at.is_none() => "sent to the channel".to_owned(),
        LegState::Reserved => "sent to the channel again with the same number, because it does not have it".to_owned(),
        LegState::Sending => "the channel is being called".to_owned(),
        LegState::Unknown => {
            "the channel is asked whether it has it, because the call ended without a usable answer".to_owned()
        }
        LegState::Processing if evidence.abnormal_at.is_some() => {
            "the channel tries its second way; it is asked again".to_owned()
        }
        LegState::Processing => "the channel works on it; it is asked again".to_owned(),
        LegState::WaitingFunds => {
            let words = evidence.no_funds.as_ref().map_or("", |(_, words)| words.as_str());
            format!("sent to the channel again, because the balance there was not enough ({words})")
        }
        LegState::SecondWay => "the channel is asked to pay it to the bank account that the payer named".to_owned(),
        LegState::AwaitingTransfer => {
            "a person must transfer it by bank and confirm it with the bank's reference".to_owned()
        }
        LegState::Held => "a person must find out what the channel really gave back".to_owned(),
        LegState::Succeeded if leg.due_at.is_some() => {
            "the channel is asked once more, in case the money comes back".to_owned()
        }
        LegState::Succeeded
        | LegState::Failed
        | LegState::NotPossible
        | LegState::Stranded
        | LegState::Reversed
        | LegState::Abandoned => return None,
    };
    Some(text)
}

/// What went wrong last with a leg, in words.
pub fn trouble(leg: &Leg) -> Option<String> {
    let evidence = &leg.evidence;
    let told = |told: &Option<(Timestamp, String)>| told.as_ref().map(|(_, words)| words.clone());
    let came_back = || evidence.abnormal_at.map(|_| "the payer's bank sent the money back".to_owned());
    match leg.state {
        LegState::Held => evidence.mismatch.clone(),
        LegState::Reversed => told(&evidence.reversed),
        LegState::Failed => told(&evidence.closed),
        LegState::Stranded => told(&evidence.second_failed).or_else(came_back),
        LegState::NotPossible => told(&evidence.refused),
        LegState::Abandoned => {
            evidence.abandoned.as_ref().map(|(_, (by, reason))| format!("given up by {by}: {reason}"))
        }
        LegState::SecondWay | LegState::Processing => came_back(),
        LegState::WaitingFunds => told(&evidence.no_funds),
        LegState::Unknown => Some("a call ended without a usable answer".to_owned()),
        LegState::Reserved => {
            let held_back = evidence.not_sent_at.filter(|at| Some(*at) >= evidence.sent_at);
            held_back.map(|_| "the last call had no effect: it did not reach the channel, or came too soon".to_owned())
        }
        LegState::Sending | LegState::AwaitingTransfer | LegState::Succeeded => None,
    }
}

/// One sentence about the whole refund: what happens next and when, or that it is final.
pub fn sentence(refund: &Refund, jobs: &[JobRow], now: Timestamp) -> String {
    let amount = refund.amount;
    match refund.state {
        RefundState::Prepared => "It runs only if the order does not become whole.".to_owned(),
        RefundState::AwaitingApproval => {
            format!("A second person must approve it or reject it; {} asked for it and cannot.", refund.requested_by)
        }
        RefundState::Running | RefundState::Parked => under_way(refund, jobs, now),
        RefundState::Succeeded => format!("The payer has {amount}. Final."),
        RefundState::PartiallySucceeded => {
            let got = bursar_core::Money::new(refund.succeeded_minor(), amount.currency);
            format!("The payer has {got} of {amount}, and no way is left. Final.")
        }
        RefundState::Failed => "The payer has nothing of it, and no way is left. Final.".to_owned(),
        RefundState::Rejected => "A second person rejected it. Final.".to_owned(),
        RefundState::Voided => "The order became whole, so nothing goes back. Final.".to_owned(),
    }
}

/// The leg that people wait for: one that a person must act on, or else the next that is due.
fn under_way(refund: &Refund, jobs: &[JobRow], now: Timestamp) -> String {
    let open = refund.legs.iter().filter(|l| l.state.is_active() || l.state.waits_for_a_person());
    let steps = open.filter_map(|leg| step(refund, leg, jobs, now).map(|step| (leg, step)));
    let mut steps: Vec<_> = steps.collect();
    steps.sort_by_key(|(leg, step)| (!leg.state.waits_for_a_person(), step.at));
    let Some((leg, first)) = steps.first() else { return "It follows with the next observation.".to_owned() };
    let by = match leg.route {
        Route::Channel => "through the channel",
        Route::Transfer => "by bank transfer",
    };
    let when = first.at.map(|at| format!(", {}", moment(at, now))).unwrap_or_default();
    let others = match steps.len() {
        1 => String::new(),
        n => format!(" {} more are under way.", n - 1),
    };
    format!("{} {by}: {}{when}.{others}", leg.amount, first.text)
}

fn moment(at: Timestamp, now: Timestamp) -> String {
    if at <= now { "as soon as a worker is free".to_owned() } else { format!("at {at}") }
}
