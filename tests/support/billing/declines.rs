//! What follows a no: it knows each class of declines and its course, and must never know a channel's words.

use bursar_core::billing::{InstallmentState, PlanState};
use bursar_core::clock::{DAY_MS, HOUR_MS, MINUTE_MS};
use bursar_core::decide::QuestionKind;
use bursar_sandbox::{DebitOutcome, Decline, Purse};
use bursar_store::ParkedRow;
use serde_json::json;

use super::place::Place;
use super::steps::Payer;
use super::town::{Town, WITHIN};
use crate::until;

/// What must follow.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Course {
    /// Another charge after so long, give or take; it succeeds.
    Again { ms: i64, room_ms: i64 },
    /// None: the payer is late, and may pay by hand.
    ByHand,
    /// None, and a person is asked as well.
    Asked,
}

/// What the documents say of each decline.
const COURSES: [(Decline, Course); 5] = [
    (Decline::InsufficientFunds, Course::Again { ms: DAY_MS, room_ms: 3 * HOUR_MS }),
    (Decline::Technical, Course::Again { ms: HOUR_MS, room_ms: 20 * MINUTE_MS }),
    (Decline::Hard, Course::ByHand),
    (Decline::Authentication, Course::ByHand),
    (Decline::Risk, Course::Asked),
];

/// Has a charge declined for each reason, and looks at what follows.
///
/// # Panics
/// When something else follows.
pub async fn follow_each_decline(place: Place, database: Option<String>) {
    let town = Town::open(place, database).await;
    for (nth, (decline, course)) in COURSES.into_iter().enumerate() {
        town.next_morning();
        let payer = Payer::signs(&town, &format!("no-{nth}"), 0).await;
        let purse = match course {
            Course::Again { .. } => Purse::declines(decline, 1),
            Course::ByHand | Course::Asked => Purse::always(decline),
        };
        town.sandbox().set_purse(town.merchant(), &payer.number, purse).expect("an agreement");
        let plan = payer.subscribes(1).await;
        match course {
            Course::Again { ms, room_ms } => {
                let (_, paid, order) = payer.until_installment(plan, 1, InstallmentState::Paid, 3).await;
                assert_eq!(paid.tries, 2, "{decline:?}: {paid:#?}");
                payer.is_paid_once(plan, order).await;
                let calls = town.debits(&payer.number);
                let gap_ms = calls[1].at_ms - calls[0].at_ms;
                assert!((gap_ms - ms).abs() < room_ms, "{decline:?}: {gap_ms} ms, {calls:#?}");
                assert_eq!(
                    calls.iter().map(|c| c.outcome.clone()).collect::<Vec<_>>(),
                    [DebitOutcome::Declined(decline), DebitOutcome::Charged]
                );
            }
            Course::ByHand | Course::Asked => {
                let (_, late, order) = payer.until_installment(plan, 1, InstallmentState::Overdue, 3).await;
                assert_eq!((late.tries, town.debits(&payer.number).len()), (1, 1), "{decline:?}: {late:#?}");
                let risky = |q: &ParkedRow| q.kind == QuestionKind::ChargeAtRisk && q.subject == order.uuid();
                let asked = town.questions().await.iter().any(risky);
                assert_eq!(asked, course == Course::Asked, "{decline:?}");
                // Three weeks later nothing more was tried; then he pays by hand, and nobody is asked any more.
                town.live(21).await;
                town.post(&format!("/v1/orders/{order}/pick"), 201, &json!({ "method": "wechat_native" })).await;
                payer.until_plan(plan, PlanState::Completed, 2).await;
                town.live(2).await;
                assert_eq!(town.debits(&payer.number).len(), 1, "{decline:?}");
                until("nobody is asked any more", WITHIN, || async {
                    (!town.questions().await.iter().any(risky)).then_some(())
                })
                .await;
            }
        }
        println!("{decline:?}: {course:?}");
    }
    town.house.books_agree().await;
    town.house.close().await;
}
