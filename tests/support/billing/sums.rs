//! A hundred in parts: it knows what the channel and the ledger must hold of a plan in the end, and must never know how
//! its parts are charged.

use bursar_core::billing::{InstallmentState, PlanState};
use bursar_core::id::PlanId;
use bursar_core::ledger::AccountKind;
use bursar_core::refund::RefundState;
use serde_json::json;

use super::place::Place;
use super::steps::Payer;
use super::town::Town;

/// What each plan comes to, in fen.
const TOTAL_MINOR: i64 = 10_000;
/// What it becomes cheaper by before it is paid early, and after it was paid.
const BACK_MINOR: (i64, i64) = (1_500, 700);

/// Pays 100.00 in 3, 7 and 12 parts, each once as agreed upon, and once early, after it became cheaper, with something
/// given back at the end.
///
/// # Panics
/// When the channel or the ledger holds another sum.
pub async fn pay_a_hundred_in_parts(place: Place, database: Option<String>) {
    let town = Town::open(place, database).await;
    let payer = Payer::signs(&town, "hundred", 0).await;
    let (mut whole, mut early) = (Vec::new(), Vec::new());
    for count in [3, 7, 12] {
        whole.push(payer.pays_in_parts(&format!("whole-{count}"), TOTAL_MINOR, count).await);
        early.push((count, payer.pays_in_parts(&format!("early-{count}"), TOTAL_MINOR, count).await));
    }
    for (count, plan) in early {
        payer.until_installment(plan, 2, InstallmentState::Paid, 40).await;
        town.post(&format!("/v1/plans/{plan}/give-back"), 200, &json!({ "minor": BACK_MINOR.0 })).await;
        town.post(&format!("/v1/plans/{plan}/payoff"), 200, &json!({})).await;
        payer.until_plan(plan, PlanState::SettledEarly, 3).await;
        holds(&town, plan, TOTAL_MINOR - BACK_MINOR.0).await;
        // All was paid: now money goes back.
        town.post(&format!("/v1/plans/{plan}/give-back"), 200, &json!({ "minor": BACK_MINOR.1 })).await;
        town.live_until("it is given back", 5, async || given_back(&town, plan).await).await;
        holds(&town, plan, TOTAL_MINOR - BACK_MINOR.0 - BACK_MINOR.1).await;
        println!("100.00 in {count} parts, cheaper and paid early: exact");
    }
    for plan in whole {
        let file = payer.until_plan(plan, PlanState::Completed, 366).await;
        assert!(file.installments.iter().all(|i| i.state == InstallmentState::Paid && i.tries == 1), "{file:#?}");
        holds(&town, plan, TOTAL_MINOR).await;
        println!("100.00 in {} parts: exact", file.installments.len());
    }
    town.house.books_agree().await;
    town.house.close().await;
}

/// The refunds of the plan's installments have succeeded.
async fn given_back(town: &Town, plan: PlanId) -> Option<()> {
    let mut back = 0;
    for order in town.plan(plan).await.installments.iter().filter_map(|i| i.order) {
        let refunds = town.house.dossier(order).await.refunds;
        let done = refunds.iter().filter(|refund| refund.state == RefundState::Succeeded);
        back += done.map(|refund| refund.amount.minor).sum::<i64>();
    }
    (back == BACK_MINOR.1).then_some(())
}

/// What the channel took for the plan and kept, and what the ledger says that it holds for it, are this.
async fn holds(town: &Town, plan: PlanId, minor: i64) {
    let file = town.plan(plan).await;
    let (mut kept, mut booked) = (0, 0);
    let books = town.sandbox().books();
    for order in file.installments.iter().filter_map(|i| i.order) {
        let dossier = town.house.dossier(order).await;
        let numbers: Vec<String> = dossier.payments.iter().map(bursar_core::payment::Payment::number).collect();
        let entries = books.iter().filter(|entry| numbers.contains(&entry.out_trade_no));
        kept += entries.map(|entry| entry.captured_minor - entry.refunded_minor).sum::<i64>();
        for row in town.house.timeline(order).await.postings {
            let posting = row.posting;
            for (account, minor) in [(posting.debit, posting.amount.minor), (posting.credit, -posting.amount.minor)] {
                booked += if account.kind == AccountKind::Clearing { minor } else { 0 };
            }
        }
    }
    assert_eq!((kept, booked), (minor, minor), "{file:#?}");
}
