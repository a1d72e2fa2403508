//! What payers with agreements live through: it knows stories and what each must end in, and must never know a
//! channel's words.

use bursar_core::billing::{InstallmentState, PlanState};
use bursar_core::decide::QuestionKind;
use bursar_core::order::OrderState;
use bursar_sandbox::{DebitOutcome, Decline, EndedBy, Faults, Purse};
use serde_json::json;

use super::place::Place;
use super::steps::Payer;
use super::town::{Town, WITHIN};
use crate::until;

/// Lives through every story at `place`, one after the other.
///
/// # Panics
/// When one ends otherwise than it must.
pub async fn live_through(place: Place, database: Option<String>) {
    let town = Town::open(place, database).await;
    let told = |story: &str| println!("{} {story}: ok at {}", place.0.name(), town.today());
    everything_is_well(&town).await;
    told("everything is well");
    too_little_money_once(&town).await;
    told("too little money once");
    a_payer_without_a_card_pays_by_hand(&town).await;
    told("a payer without a card pays by hand");
    an_answer_is_lost(&town).await;
    told("an answer is lost");
    a_payer_leaves(&town).await;
    told("a payer leaves");
    town.house.close().await;
}

/// He signs, and every period is charged once in its time.
async fn everything_is_well(town: &Town) {
    let payer = Payer::signs(town, "well").await;
    let plan = payer.subscribes(0, 1).await;
    let (_, paid, order) = payer.until_installment(plan, 1, InstallmentState::Paid, 6).await;
    assert_eq!(paid.tries, 1);
    payer.is_paid_once(plan, order).await;
    assert_eq!(town.debits(&payer.number).len(), 1);
    payer.until_plan(plan, PlanState::Completed, 1).await;
    payer.hears("plan.completed", &plan.to_string()).await;
}

/// The first charge finds too little money: another follows on another day, and takes it once.
async fn too_little_money_once(town: &Town) {
    town.next_morning();
    let payer = Payer::signs(town, "short").await;
    let purse = Purse::declines(Decline::InsufficientFunds, 1);
    town.sandbox().set_purse(town.merchant(), &payer.number, purse).expect("an agreement");
    let plan = payer.subscribes(town.place.slack_days(), 1).await;
    let (_, paid, order) = payer.until_installment(plan, 1, InstallmentState::Paid, 9).await;
    assert_eq!(paid.tries, 2, "{paid:#?}");
    payer.hears("installment.retrying", &plan.to_string()).await;
    payer.is_paid_once(plan, order).await;
    let outcomes: Vec<_> = town.debits(&payer.number).into_iter().map(|debit| debit.outcome).collect();
    assert_eq!(outcomes, [DebitOutcome::Declined(Decline::InsufficientFunds), DebitOutcome::Charged]);
}

/// His card is gone: it is not tried again. He pays that period by hand, and the plan goes on.
async fn a_payer_without_a_card_pays_by_hand(town: &Town) {
    town.next_morning();
    let payer = Payer::signs(town, "gone").await;
    town.sandbox().set_purse(town.merchant(), &payer.number, Purse::always(Decline::Hard)).expect("an agreement");
    let plan = payer.subscribes(0, 2).await;
    let (file, _, order) = payer.until_installment(plan, 1, InstallmentState::Overdue, 6).await;
    assert_eq!(file.plan.state, PlanState::Active);
    payer.hears("installment.overdue", &plan.to_string()).await;
    town.live(3).await;
    let declined = DebitOutcome::Declined(Decline::Hard);
    let outcomes = || town.debits(&payer.number).into_iter().map(|debit| debit.outcome).collect::<Vec<_>>();
    assert_eq!(outcomes(), std::slice::from_ref(&declined));
    town.post(&format!("/v1/orders/{order}/pick"), 201, &json!({ "method": "wechat_native" })).await;
    let (file, ..) = payer.until_installment(plan, 1, InstallmentState::Paid, 1).await;
    assert_eq!(file.plan.state, PlanState::Active);
    payer.hears("order.paid", &order.to_string()).await;
    payer.hears("installment.paid", &plan.to_string()).await;
    let dossier = town.house.dossier(order).await;
    assert_eq!(dossier.order.state, OrderState::Paid);
    assert_eq!(payer.only_charge(&dossier).agreement, None, "he paid it himself");
    town.live(2).await;
    assert_eq!(outcomes(), [declined]);
    let body = json!({ "reason": "the end of the story" });
    town.post(&format!("/v1/plans/{plan}/cancel"), 200, &body).await;
}

/// The channel charges him, and its answer never comes.
async fn an_answer_is_lost(town: &Town) {
    town.next_morning();
    let payer = Payer::signs(town, "lost").await;
    let plan = payer.subscribes(0, 1).await;
    if town.place.tells_before() {
        // No charge is called for before the channel has said that it told the payer.
        let is_told = async || town.plan(plan).await.installment(1)?.announced_on;
        town.live_until("the payer is told", 1, is_told).await;
    }
    town.sandbox().set_faults(Faults { lost_answer_after_effect: 10_000, ..Faults::calm() });
    town.live_until("the debit is called for", 5, async || (!town.debits(&payer.number).is_empty()).then_some(()))
        .await;
    town.sandbox().set_faults(Faults::calm());
    assert!(town.sandbox().counters().faults.get("lost_answer_after_effect").is_some_and(|times| *times > 0));
    let (_, _, order) = payer.until_installment(plan, 1, InstallmentState::Paid, 6).await;
    payer.is_paid_once(plan, order).await;
}

/// He ends his agreement at the channel: the plan waits for a person, and nobody calls for his money again.
async fn a_payer_leaves(town: &Town) {
    town.next_morning();
    let payer = Payer::signs(town, "leaver").await;
    let plan = payer.subscribes(0, 3).await;
    let (_, _, order) = payer.until_installment(plan, 1, InstallmentState::Paid, 6).await;
    payer.is_paid_once(plan, order).await;
    let calls = town.debits(&payer.number).len();
    town.sandbox().end_agreement(town.merchant(), &payer.number, EndedBy::Payer).expect("it is in force");
    payer.until_plan(plan, PlanState::Paused, 3).await;
    payer.hears("agreement.ended", &payer.agreement.to_string()).await;
    payer.hears("plan.paused", &plan.to_string()).await;
    until("a person is asked", WITHIN, || async {
        let stalled = |q: &bursar_store::ParkedRow| q.kind == QuestionKind::PlanStalled && q.subject == plan.uuid();
        town.questions().await.iter().any(stalled).then_some(())
    })
    .await;
    town.live(40).await;
    assert_eq!(town.debits(&payer.number).len(), calls);
}
