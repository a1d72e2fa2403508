//! What waits for a person: it knows every open question and the verb that answers it, and must never
//! answer one.

use bursar_core::decide::QuestionKind;
use bursar_core::id::{CollectionId, LegId, PaymentId};
use bursar_store::ParkedRow;
use serde_json::json;

use super::{Done, Globals, output};
use crate::compose::Program;

pub(super) async fn list(globals: &Globals, program: &Program, limit: u32) -> Done {
    let questions = program.store.parked(None, limit).await?;
    if globals.json {
        let rows = questions.iter().map(|q| {
            json!({
                "since": q.opened_at, "kind": q.kind.name(), "order": q.about.order(), "about": about(q),
                "question": q.text, "answer": answer(q),
            })
        });
        return output::json(&rows.collect());
    }
    let row = |q: &ParkedRow| {
        vec![q.opened_at.to_string(), q.kind.name().to_owned(), q.about.to_string(), q.text.clone(), answer(q)]
    };
    output::table(&["SINCE", "KIND", "ORDER", "QUESTION", "ANSWER"], &questions.iter().map(row).collect::<Vec<_>>())
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
