//! What waits for a person: it knows every open question and the verb that answers it, and must never
//! answer one.

use bursar_core::Timestamp;
use bursar_core::decide::QuestionKind;
use bursar_core::id::{CollectionId, LegId, PaymentId};
use bursar_core::reconcile::{Break, BreakState};
use bursar_store::{BreakFilter, ParkedRow};
use serde_json::{Value, json};

use super::reconcile::answer_to;
use super::{Done, Globals, output};
use crate::compose::Program;

/// Most parked breaks that are looked at: nobody answers more in a day.
const MOST_BREAKS: u32 = 5_000;

/// One question, as it is shown.
struct Shown {
    since: Timestamp,
    /// For programs.
    value: Value,
    /// For people.
    row: Vec<String>,
}

pub(super) async fn list(globals: &Globals, program: &Program, limit: u32) -> Done {
    let questions = program.store.parked(None, limit).await?;
    // Breaks come by id, not by age.
    let filter = BreakFilter { state: Some(BreakState::Parked), limit: MOST_BREAKS, ..BreakFilter::default() };
    let breaks = program.store.breaks(&filter).await?;
    let mut all: Vec<Shown> = questions.iter().map(of_question).chain(breaks.iter().map(of_break)).collect();
    all.sort_by_key(|shown| shown.since);
    all.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    if globals.json {
        return output::json(&all.into_iter().map(|shown| shown.value).collect());
    }
    let rows: Vec<_> = all.into_iter().map(|shown| shown.row).collect();
    output::table(&["SINCE", "KIND", "ABOUT", "QUESTION", "ANSWER"], &rows)
}

fn of_question(q: &ParkedRow) -> Shown {
    let value = json!({
        "since": q.opened_at, "kind": q.kind.name(), "order": q.about.order(), "about": about(q), "question": q.text,
        "answer": answer(q),
    });
    let row = vec![q.opened_at.to_string(), q.kind.name().to_owned(), q.about.to_string(), q.text.clone(), answer(q)];
    Shown { since: q.opened_at, value, row }
}

/// A difference that reconciliation has found.
fn of_break(found: &Break) -> Shown {
    let (id, since, answer) = (found.id.to_string(), found.changed_at, answer_to(found));
    let value = json!({
        "since": since, "kind": "break", "order": null, "about": id, "question": found.text, "answer": answer,
    });
    let row = vec![since.to_string(), "break".to_owned(), id, found.text.clone(), answer];
    Shown { since, value, row }
}

/// The payment, leg, collection, order or plan that it is about.
fn about(question: &ParkedRow) -> String {
    match question.kind {
        QuestionKind::LateMoney | QuestionKind::CaptureReversed | QuestionKind::Dispute => {
            PaymentId(question.subject).to_string()
        }
        QuestionKind::TransferDue | QuestionKind::NoFunds | QuestionKind::Overpaid => {
            LegId(question.subject).to_string()
        }
        QuestionKind::CollectionDisputed => CollectionId(question.subject).to_string(),
        // Payments and legs can be held alike; the question's words say which.
        QuestionKind::IntegrityHold | QuestionKind::PlanStalled | QuestionKind::ChargeAtRisk => {
            question.about.to_string()
        }
    }
}

/// How it is answered.
fn answer(question: &ParkedRow) -> String {
    let about = about(question);
    match question.kind {
        QuestionKind::LateMoney => format!("bursar order late-money {} keep|refund --by NAME", question.about),
        QuestionKind::TransferDue => format!("bursar refund transferred {about} --by NAME --reference REFERENCE"),
        QuestionKind::NoFunds => "top up the balance at the channel; it is sent again by itself".to_owned(),
        QuestionKind::CaptureReversed => {
            format!("ask the payer again, or end it: bursar order close {} --reason WORDS", question.about)
        }
        QuestionKind::CollectionDisputed => {
            format!("bursar cash confirm {about} --by NAME, or bursar cash refuse {about} --by NAME --reason WORDS")
        }
        QuestionKind::PlanStalled => format!(
            "bursar plan agreement {about} AGREEMENT, then bursar plan resume {about} --catch-up; or bursar plan cancel \
             {about} --reason WORDS --yes"
        ),
        QuestionKind::ChargeAtRisk => format!(
            "ask the payer, who may still pay by hand; or end it: bursar order close {} --reason WORDS",
            question.about
        ),
        QuestionKind::Dispute => "give your evidence at the channel; its end is told by itself".to_owned(),
        QuestionKind::Overpaid | QuestionKind::IntegrityHold => "settle it with the payer or the channel".to_owned(),
    }
}
